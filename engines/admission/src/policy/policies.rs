//! The policies of one run.

use super::definition::{Binding, Policy, Problem, Reader, kind_of};
use super::params::Param;
use seawall_model::{Area, Rule, RuleId, Severity};
use seawall_yaml::Node;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Policies with their bindings and the objects that bindings may hand to them.
#[derive(Debug, Default)]
pub struct Policies {
    pub(super) all: Vec<Policy>,
    pub(super) bindings: Vec<Binding>,
    pub(super) params: Vec<Param>,
    #[cfg(feature = "rego")]
    pub(super) constraints: Vec<super::gatekeeper::Constraint>,
    rules: Vec<Rule>,
}

/// The groups of Gatekeeper's templates and constraints.
pub(super) const GATEKEEPER: [&str; 2] = ["templates.gatekeeper.sh", "constraints.gatekeeper.sh"];

impl Policies {
    /// Reads the policies among these trees. Trees of other kinds are what bindings may name
    /// as parameters. What is wrong with a policy is a problem; the others are still there.
    pub fn read(trees: &[Node]) -> (Self, Vec<Problem>) {
        let mut all = Self::default();
        let mut problems = Vec::new();
        let (gatekeeper, trees): (Vec<&Node>, Vec<&Node>) = trees
            .iter()
            .partition(|tree| group_of(tree).is_some_and(|group| GATEKEEPER.contains(&group)));
        for tree in trees {
            match kind_of(tree) {
                Some("ValidatingAdmissionPolicy") => {
                    let policy = Reader::new(tree, &mut problems).policy(tree);
                    all.all.extend(policy);
                }
                Some(_) => {
                    let binding = Reader::new(tree, &mut problems).binding(tree);
                    all.bindings.extend(binding);
                }
                None => all.params.extend(Param::of(tree)),
            }
        }
        let mut names = BTreeSet::new();
        all.all.retain(|policy| {
            let is_new = names.insert(policy.name.clone());
            if !is_new {
                problems.push(Problem {
                    subject: format!("ValidatingAdmissionPolicy {}", policy.name).into(),
                    span: policy.span,
                    message: "there is another policy of this name".to_owned(),
                });
            }
            is_new
        });
        all.all.sort_by(|a, b| a.name.cmp(&b.name));
        all.rules = all.all.iter().map(|policy| all.rule(policy)).collect();
        all.take_gatekeepers(&gatekeeper, &mut problems);
        (all, problems)
    }

    #[cfg(feature = "rego")]
    fn take_gatekeepers(&mut self, trees: &[&Node], problems: &mut Vec<Problem>) {
        self.constraints = super::gatekeeper::read(trees, problems);
        self.rules.extend(self.constraints.iter().map(|constraint| {
            let what = constraint.title();
            let why = format!(
                "Your own policy says so: {what}. A cluster with Gatekeeper and this constraint \
                 refuses the object, warns about it or writes it down."
            );
            rule_of(constraint.rule.clone(), what, constraint.severity, why)
        }));
    }

    #[cfg(not(feature = "rego"))]
    #[allow(clippy::unused_self)] // as with the feature
    fn take_gatekeepers(&mut self, trees: &[&Node], problems: &mut Vec<Problem>) {
        problems.extend(trees.first().map(|tree| {
            Problem {
                subject: "policies in Rego".into(),
                span: tree.span,
                message: "this seawall was built without Rego: build it with \
                      `cargo build --release --features rego`"
                    .to_owned(),
            }
        }));
    }

    /// The rules that the policies are.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there is no policy.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How bad it is to violate a policy: what its annotation says, or what its bindings do
    /// about it.
    fn severity(&self, policy: &Policy) -> Severity {
        if let Some(severity) = policy.notes.severity {
            return severity;
        }
        let mut bindings = self
            .bindings
            .iter()
            .filter(|binding| binding.policy == policy.name)
            .peekable();
        if bindings.peek().is_none() {
            return Severity::Medium;
        }
        let (mut deny, mut warn) = (false, false);
        for binding in bindings {
            deny |= binding.deny;
            warn |= binding.warn;
        }
        match (deny, warn) {
            (true, _) => Severity::Medium,
            (_, true) => Severity::Low,
            _ => Severity::Info,
        }
    }

    fn rule(&self, policy: &Policy) -> Rule {
        let notes = &policy.notes;
        let name = &policy.name;
        let title = notes
            .title
            .as_deref()
            .map_or_else(|| format!("violation of the policy {name}"), str::to_owned);
        let why = notes.why.as_deref().map_or_else(
            || {
                format!(
                    "Your own policy {name} demands otherwise. A cluster with this policy and \
                     its binding refuses the object, warns about it or writes it down."
                )
            },
            str::to_owned,
        );
        let fix = notes.fix.as_deref().map_or_else(
            || "Change the object so that the policy's expressions hold.".to_owned(),
            str::to_owned,
        );
        Rule {
            area: notes.area.unwrap_or(Area::Containers),
            fix: Cow::Owned(fix),
            ..rule_of(policy.rule.clone(), title, self.severity(policy), why)
        }
    }
}

fn rule_of(id: RuleId, title: String, severity: Severity, why: String) -> Rule {
    Rule {
        id,
        title: Cow::Owned(title),
        severity,
        area: Area::Containers,
        why: Cow::Owned(why),
        fix: Cow::Borrowed("Change the object so that the policy is met."),
        references: Cow::Borrowed(&[]),
        aliases: Cow::Borrowed(&[]),
        since: "0.1.0",
    }
}

/// The API group that an object says it is of.
pub(super) fn group_of(tree: &Node) -> Option<&str> {
    Some(tree.get("apiVersion")?.as_str()?.split_once('/')?.0)
}
