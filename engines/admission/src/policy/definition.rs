//! Policies and bindings as they are written: what is read, compiled and refused.

use super::constraint::Constraint;
use super::place;
use crate::cel::{CompileError, Env, Program};
use seawall_model::{Area, RuleId, Severity, Span, Str};
use seawall_snapshot::LabelSelector;
use seawall_yaml::{Node, Value};

/// The API group of admission policies.
pub(crate) const GROUP: &str = "admissionregistration.k8s.io";

/// What is given to every expression, in this order.
const ROOTS: [&str; 6] = [
    "object",
    "oldObject",
    "request",
    "params",
    "namespaceObject",
    "authorizer",
];

/// Bounds on one policy; the API server has bounds on the object's size instead.
const MOST: usize = 256;

/// Something in a policy that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The policy or binding.
    pub subject: Str,
    /// Where it stands.
    pub span: Span,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
}

/// A policy ready to run.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: Str,
    pub(super) rule: RuleId,
    /// Its name's place.
    pub(super) span: Span,
    pub(super) constraint: Constraint,
    /// Whether an error refuses the object.
    pub(super) fails_closed: bool,
    pub(super) param_kind: Option<(Str, Str)>,
    pub(super) conditions: Vec<Expression>,
    pub(super) variable_names: Vec<Str>,
    pub(super) variables: Vec<Program>,
    pub(super) variable_spans: Vec<Span>,
    pub(super) validations: Vec<Validation>,
    pub(super) notes: Notes,
}

/// What annotations say about a policy, for reports.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) severity: Option<Severity>,
    pub(super) area: Option<Area>,
    pub(super) title: Option<Str>,
    pub(super) why: Option<Str>,
    pub(super) fix: Option<Str>,
}

/// An expression with its place.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) program: Program,
    pub(super) span: Span,
}

/// One demand of a policy.
#[derive(Debug)]
pub(super) struct Validation {
    pub(super) expression: Expression,
    pub(super) message: Option<Str>,
    pub(super) message_expression: Option<Expression>,
    /// The field of the object that it speaks of, as far as it can be told.
    pub(super) fields: Vec<Vec<Str>>,
}

/// Where and how a policy applies.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub(super) name: Str,
    /// Its place, or [`Span::NONE`] for a policy that nobody bound.
    pub(super) span: Span,
    pub(super) policy: Str,
    pub(super) deny: bool,
    pub(super) warn: bool,
    pub(super) constraint: Option<Constraint>,
    pub(super) params: Option<ParamRef>,
}

/// The objects that a binding hands to its policy.
#[derive(Debug, Clone)]
pub(super) struct ParamRef {
    pub(super) name: Option<Str>,
    pub(super) namespace: Option<Str>,
    pub(super) selector: Option<LabelSelector>,
    pub(super) deny_if_missing: bool,
}

impl Binding {
    /// How a policy that nobody bound is applied: to everything it matches.
    pub(super) fn to_everything(policy: &Policy) -> Self {
        Self {
            name: Str::from(""),
            span: Span::NONE,
            policy: policy.name.clone(),
            deny: true,
            warn: false,
            constraint: None,
            params: None,
        }
    }
}

/// Whether a tree is a policy or a binding.
pub(super) fn kind_of(node: &Node) -> Option<&str> {
    let group = node.get("apiVersion")?.as_str()?.split_once('/')?.0;
    let kind = node.get("kind")?.as_str()?;
    let is_ours = matches!(
        kind,
        "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding"
    );
    (group == GROUP && is_ours).then_some(kind)
}

pub(super) fn text(node: &Node, path: &[&str]) -> Option<Str> {
    match &node.at(path)?.value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).and_then(Node::as_seq).unwrap_or_default()
}

/// Reads one policy or binding and collects what is wrong with it.
pub(super) struct Reader<'p> {
    subject: Str,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Reader<'p> {
    pub(super) fn new(node: &Node, problems: &'p mut Vec<Problem>) -> Self {
        let kind = text(node, &["kind"]).unwrap_or_default();
        let name = text(node, &["metadata", "name"]).unwrap_or_default();
        Self {
            subject: format!("{kind} {name}").into(),
            problems,
        }
    }

    fn problem(&mut self, span: Span, message: impl Into<String>) {
        self.problems.push(Problem {
            subject: self.subject.clone(),
            span,
            message: message.into(),
        });
    }

    /// Reads a policy; `None` when something of it is wrong.
    pub(super) fn policy(mut self, node: &Node) -> Option<Policy> {
        let before = self.problems.len();
        let name = text(node, &["metadata", "name"]).unwrap_or_default();
        if name.is_empty() {
            self.problem(node.span, "the policy has no metadata.name");
        }
        let Some(spec) = node.get("spec") else {
            self.problem(node.span, "the policy has no spec");
            return None;
        };
        let constraint = if let Some(constraints) = spec.get("matchConstraints") {
            self.constraint(constraints)
        } else {
            self.problem(spec.span, "spec.matchConstraints is required");
            Constraint::default()
        };
        if constraint.rules.is_empty() && spec.get("matchConstraints").is_some() {
            let span = spec.get("matchConstraints").map_or(spec.span, |n| n.span);
            self.problem(span, "spec.matchConstraints.resourceRules is required");
        }
        let fails_closed = match text(spec, &["failurePolicy"]).as_deref() {
            None | Some("Fail") => true,
            Some("Ignore") => false,
            Some(other) => {
                let span = spec.get("failurePolicy").map_or(spec.span, |n| n.span);
                self.problem(
                    span,
                    format!("failurePolicy is Fail or Ignore, not `{other}`"),
                );
                true
            }
        };
        let param_kind = spec.get("paramKind").and_then(|kind| {
            let version = text(kind, &["apiVersion"])?;
            let group = version.rsplit_once('/').map_or("", |(group, _)| group);
            Some((Str::from(group), text(kind, &["kind"])?))
        });
        let roots = |without: &[&str]| Env {
            roots: ROOTS
                .into_iter()
                .map(|root| {
                    let is_gone =
                        without.contains(&root) || (root == "params" && param_kind.is_none());
                    if is_gone { "" } else { root }
                })
                .collect(),
            variables: Vec::new(),
        };
        let mut conditions = Vec::new();
        for item in items(spec, "matchConditions").iter().take(MOST) {
            if let Some(expression) = self.expression(item, "expression", &roots(&[]), "bool") {
                conditions.push(expression);
            }
        }
        let mut env = roots(&[]);
        let (mut variables, mut variable_spans) = (Vec::new(), Vec::new());
        let mut variable_fields: Vec<Vec<Vec<Str>>> = Vec::new();
        for item in items(spec, "variables").iter().take(MOST) {
            let Some(variable) = text(item, &["name"]) else {
                self.problem(item.span, "a variable needs a name");
                continue;
            };
            if env.variables.contains(&variable) {
                self.problem(item.span, format!("the variable {variable} is there twice"));
                continue;
            }
            if let Some(expression) = self.expression(item, "expression", &env, "") {
                variable_fields.push(expression.program.fields("object", &variable_fields));
                variables.push(expression.program);
                variable_spans.push(expression.span);
                env.variables.push(variable);
            } else {
                // What uses it is not wrong for that reason, too.
                let unknown = Program::compile("dyn(null)", &env).ok();
                variable_fields.push(Vec::new());
                variables.extend(unknown);
                variable_spans.push(item.span);
                env.variables.push(variable);
            }
        }
        let without_authorizer = Env {
            variables: env.variables.clone(),
            ..roots(&["authorizer"])
        };
        let mut validations = Vec::new();
        for item in items(spec, "validations").iter().take(MOST) {
            let Some(expression) = self.expression(item, "expression", &env, "bool") else {
                continue;
            };
            let message_expression = match item.get("messageExpression") {
                Some(_) => {
                    self.expression(item, "messageExpression", &without_authorizer, "string")
                }
                None => None,
            };
            if let Some(node) = item.get("message").filter(|node| node.as_str().is_none()) {
                self.problem(
                    node.span,
                    "message must be a text, put it in quotation marks",
                );
            }
            let fields = expression.program.fields("object", &variable_fields);
            validations.push(Validation {
                expression,
                message: text(item, &["message"]).filter(|message| !message.trim().is_empty()),
                message_expression,
                fields,
            });
        }
        if items(spec, "validations").is_empty() && items(spec, "auditAnnotations").is_empty() {
            self.problem(spec.span, "spec.validations is required");
        }
        let notes = self.notes(node);
        if self.problems.len() > before {
            return None;
        }
        Some(Policy {
            rule: RuleId(format!("policy:{name}").into()),
            span: node
                .at(&["metadata", "name"])
                .map_or(node.span, |name| name.span),
            name,
            constraint,
            fails_closed,
            param_kind,
            conditions,
            variable_names: env.variables,
            variables,
            variable_spans,
            validations,
            notes,
        })
    }

    fn constraint(&mut self, node: &Node) -> Constraint {
        Constraint::read(node).unwrap_or_else(|(span, message)| {
            self.problem(span, message);
            Constraint::default()
        })
    }

    fn expression(
        &mut self,
        item: &Node,
        key: &str,
        env: &Env,
        result: &str,
    ) -> Option<Expression> {
        let Some(node) = item.get(key) else {
            self.problem(item.span, format!("{key} is required"));
            return None;
        };
        let Some(source) = node.as_str().filter(|source| !source.trim().is_empty()) else {
            self.problem(node.span, format!("{key} must be an expression"));
            return None;
        };
        let program = match Program::compile(source, env) {
            Ok(program) => program,
            Err(CompileError { message, offset }) => {
                let (span, shown) = place::within(node.span, source, offset);
                self.problem(span, format!("{key}: {message} ({shown})"));
                return None;
            }
        };
        if let Some(found) = program.result_type()
            && !result.is_empty()
            && found != result
        {
            let message = format!("{key} must evaluate to a {result}, this gives a {found}");
            self.problem(node.span, message);
            return None;
        }
        if program.is_untyped() && !result.is_empty() {
            let example = if result == "bool" {
                " == true"
            } else {
                " + ''"
            };
            let message = format!(
                "{key} must evaluate to a {result}, the API server does not know the type of \
                 this: write `…{example}`"
            );
            self.problem(node.span, message);
            return None;
        }
        Some(Expression {
            program,
            span: node.span,
        })
    }

    fn notes(&mut self, node: &Node) -> Notes {
        let annotations = node.at(&["metadata", "annotations"]);
        let note = |key: &str| {
            annotations.and_then(|all| text(all, &[format!("seawall.dev/{key}").as_str()]))
        };
        let mut notes = Notes {
            title: note("title"),
            why: note("why"),
            fix: note("fix"),
            ..Notes::default()
        };
        if let Some(word) = note("severity") {
            match word.parse() {
                Ok(severity) => notes.severity = Some(severity),
                Err(_) => self.problem(
                    node.span,
                    format!(
                        "the annotation seawall.dev/severity is `{word}`: use critical, high, \
                         medium, low or info"
                    ),
                ),
            }
        }
        if let Some(word) = note("area") {
            notes.area = Area::ALL.into_iter().find(|area| area.name() == &*word);
        }
        notes
    }

    /// Reads a binding.
    pub(super) fn binding(mut self, node: &Node) -> Option<Binding> {
        let before = self.problems.len();
        let spec = node.get("spec")?;
        let name = text(node, &["metadata", "name"]).unwrap_or_default();
        let policy = text(spec, &["policyName"]).unwrap_or_default();
        if policy.is_empty() {
            self.problem(spec.span, "spec.policyName is required");
        }
        let actions: Vec<&str> = items(spec, "validationActions")
            .iter()
            .filter_map(Node::as_str)
            .collect();
        if actions.is_empty() {
            self.problem(spec.span, "spec.validationActions is required");
        }
        if let Some(unknown) = actions
            .iter()
            .find(|action| !matches!(**action, "Deny" | "Warn" | "Audit"))
        {
            let message = format!("validationActions are Deny, Warn and Audit, not `{unknown}`");
            self.problem(spec.span, message);
        }
        let constraint = spec
            .get("matchResources")
            .map(|constraint| self.constraint(constraint));
        let params = spec.get("paramRef").map(|params| ParamRef {
            name: text(params, &["name"]),
            namespace: text(params, &["namespace"]),
            selector: params.get("selector").and_then(LabelSelector::read),
            deny_if_missing: text(params, &["parameterNotFoundAction"]).as_deref() != Some("Allow"),
        });
        (self.problems.len() == before).then(|| Binding {
            span: node
                .at(&["metadata", "name"])
                .map_or(node.span, |name| name.span),
            name,
            policy,
            deny: actions.contains(&"Deny"),
            warn: actions.contains(&"Warn"),
            constraint,
            params,
        })
    }
}
