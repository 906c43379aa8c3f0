//! All constraints over all objects.

use super::constraint::Constraint;
use super::rego::Program;
use crate::policy::constraint::Matched;
use crate::policy::target::Target;
use rayon::prelude::*;
use regorus::Value;
use seawall_model::{Asset, CauseId, Finding, Gap, GapKind, Locus, Outcome, Proof, Span};
use seawall_yaml::Node;
use std::collections::BTreeMap;

/// Objects that one thread judges before it takes the next.
const CHUNK: usize = 256;

/// What the constraints said about some objects.
#[derive(Default)]
struct Said {
    findings: Vec<Finding>,
    assessed: Vec<u64>,
    /// Constraint and reason, with how many objects and the first of them.
    troubles: BTreeMap<(usize, String), (u32, String)>,
}

/// Judges every object by every constraint.
pub(crate) fn check(constraints: &[Constraint], targets: &[Target<'_>], outcome: &mut Outcome) {
    let programs = with_inventories(constraints, targets);
    let parameters: Vec<Value> = constraints
        .iter()
        .map(|constraint| constraint.parameters.as_ref().map_or_else(empty, value))
        .collect();
    let starts: Vec<usize> = (0..targets.len()).step_by(CHUNK).collect();
    let said: Vec<Said> = starts
        .par_iter()
        .map(|start| {
            let end = targets.len().min(start + CHUNK);
            let mut run = Run {
                constraints,
                programs: programs.clone(),
                parameters: &parameters,
                said: Said {
                    assessed: vec![0; constraints.len()],
                    ..Said::default()
                },
            };
            for at in *start..end {
                run.judge(targets, at);
            }
            run.said
        })
        .collect();
    let mut troubles: BTreeMap<(usize, String), (u32, String)> = BTreeMap::new();
    for said in said {
        outcome.findings.extend(said.findings);
        for (constraint, count) in constraints.iter().zip(said.assessed) {
            if count > 0 {
                *outcome.assessed.entry(constraint.rule.clone()).or_insert(0) += count;
            }
        }
        for (trouble, (count, first)) in said.troubles {
            troubles.entry(trouble).or_insert((0, first)).0 += count;
        }
    }
    for ((at, reason), (count, first)) in troubles {
        let Some(constraint) = constraints.get(at) else {
            continue;
        };
        let about = match count {
            1 => first,
            count => format!("{first} and {} more", count - 1),
        };
        outcome.coverage.gaps.push(Gap {
            kind: GapKind::Unsupported,
            subject: format!("policy {}", constraint.name).into(),
            span: constraint.span,
            reason: format!("{reason} (at {about})"),
            hint: String::new(),
            units: count,
        });
    }
}

/// One thread's programs at work.
struct Run<'r> {
    constraints: &'r [Constraint],
    programs: Vec<Result<Program, String>>,
    parameters: &'r [Value],
    said: Said,
}

impl Run<'_> {
    fn judge(&mut self, targets: &[Target<'_>], at: usize) {
        let Some(target) = targets.get(at) else {
            return;
        };
        let mut review: Option<Value> = None;
        for (index, constraint) in self.constraints.iter().enumerate() {
            match constraint.matches(target) {
                Matched::No => continue,
                Matched::NamespaceUnknown => {
                    let reason = format!(
                        "it depends on labels of the namespace {}, which is not in the picture",
                        target.namespace()
                    );
                    self.said.trouble(index, reason, target);
                    continue;
                }
                Matched::Yes => {}
            }
            if is_judged_as_its_owner(constraint, targets, at) {
                continue;
            }
            let (Some(program), Some(parameters)) =
                (self.programs.get_mut(index), self.parameters.get(index))
            else {
                continue;
            };
            let review = review.get_or_insert_with(|| review_of(target));
            let input = record([
                ("review", review.clone()),
                ("parameters", parameters.clone()),
            ]);
            let found = match program {
                Ok(program) => program.violations(input),
                Err(reason) => Err(reason.clone()),
            };
            match found {
                Ok(messages) => {
                    if let Some(count) = self.said.assessed.get_mut(index) {
                        *count += 1;
                    }
                    if !messages.is_empty() {
                        let finding = finding(constraint, target, &messages);
                        self.said.findings.push(finding);
                    }
                }
                Err(reason) => self.said.trouble(index, reason, target),
            }
        }
    }
}

impl Said {
    fn trouble(&mut self, constraint: usize, reason: String, target: &Target<'_>) {
        let first = || (0, target.asset.to_string());
        let known = self.troubles.entry((constraint, reason));
        known.or_insert_with(first).0 += 1;
    }
}

/// Whether these are the pods of a workload that the constraint means itself. What a workload
/// makes stands behind it.
fn is_judged_as_its_owner(constraint: &Constraint, targets: &[Target<'_>], at: usize) -> bool {
    let Some(target) = targets.get(at).filter(|target| !target.pointer.is_empty()) else {
        return false;
    };
    at.checked_sub(1)
        .and_then(|before| targets.get(before))
        .is_some_and(|before| {
            std::ptr::eq(before.object, target.object) && constraint.matches(before) == Matched::Yes
        })
}

fn finding(constraint: &Constraint, target: &Target<'_>, messages: &[String]) -> Finding {
    let message = if target.is_secret() {
        // The policy may have put the secret into its message.
        "it violates the policy".to_owned()
    } else {
        messages.join("; ")
    };
    let who = if target.pointer.is_empty() {
        ""
    } else {
        "its pods: "
    };
    let locus = Locus {
        pointer: target.pointer.to_owned(),
        path: target.pointer.to_owned(),
        span: Span {
            cause: CauseId::NONE,
            ..target.object.name_span
        },
    };
    let kind = &constraint.template.kind;
    let name = &constraint.name;
    Finding::new(
        constraint.rule.clone(),
        constraint.severity,
        Asset::Resource(target.asset.clone()),
        locus,
        format!("{who}{message}"),
        format!("Change it so that the policy {name} is met"),
    )
    .with_evidence(
        format!("the constraint {kind} {name} makes it apply here"),
        Proof::Source(constraint.span),
    )
    .with_evidence(
        format!("the template {kind} says what is wrong"),
        Proof::Source(constraint.template.span),
    )
}

/// What Gatekeeper hands to a program: the request as if the object was created now.
fn review_of(target: &Target<'_>) -> Value {
    let subject = target.subject();
    let kind = record([
        ("group", text(subject.group)),
        ("version", text(target.version())),
        ("kind", text(target.kind())),
    ]);
    let mut fields = vec![
        ("kind", kind),
        ("name", text(subject.name)),
        ("operation", text("CREATE")),
        ("object", value(target.seen())),
    ];
    if let Some(namespace) = subject.namespace.filter(|_| target.is_namespaced()) {
        fields.push(("namespace", text(namespace)));
    }
    record(fields)
}

/// The programs; those that ask about other objects know them.
fn with_inventories(
    constraints: &[Constraint],
    targets: &[Target<'_>],
) -> Vec<Result<Program, String>> {
    let mut made: Option<Value> = None;
    constraints
        .iter()
        .map(|constraint| {
            let program = &constraint.template.program;
            if !program.reads_inventory() {
                return Ok(program.clone());
            }
            let inventory = made.get_or_insert_with(|| inventory(targets));
            program.with_inventory(inventory)
        })
        .collect()
}

/// `data.inventory`: objects by namespace, version, kind and name.
fn inventory(targets: &[Target<'_>]) -> Value {
    fn put(tree: &mut Value, path: &[&str], last: Value) {
        let (Some((first, rest)), Ok(map)) = (path.split_first(), tree.as_object_mut()) else {
            return;
        };
        let key = text(first);
        if rest.is_empty() {
            map.insert(key, last);
            return;
        }
        if map.get(&key).is_none() {
            map.insert(key.clone(), empty());
        }
        if let Some(inner) = map.get_mut(&key) {
            put(inner, rest, last);
        }
    }
    let mut tree = empty();
    for target in targets.iter().filter(|target| target.pointer.is_empty()) {
        let subject = target.subject();
        let version = target.object.api_version.value.as_ref();
        let (kind, name) = (target.kind(), subject.name);
        let object = value(target.seen());
        if target.is_namespaced() {
            let path = ["namespace", target.namespace(), version, kind, name];
            put(&mut tree, &path, object);
        } else {
            put(&mut tree, &["cluster", version, kind, name], object);
        }
    }
    record([("inventory", tree)])
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn empty() -> Value {
    Value::from(BTreeMap::new())
}

fn record<'k>(fields: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    let fields: BTreeMap<Value, Value> = fields
        .into_iter()
        .map(|(key, value)| (text(key), value))
        .collect();
    Value::from(fields)
}

/// A piece of a manifest. The reader of manifests has bounded how deep it is.
fn value(node: &Node) -> Value {
    use seawall_yaml::Value as Scalar;
    match &node.value {
        Scalar::Null => Value::Null,
        Scalar::Bool(truth) => Value::from(*truth),
        Scalar::Int(number) => Value::from(*number),
        Scalar::UInt(number) => Value::from(*number),
        Scalar::Float(number) => Value::from(*number),
        Scalar::String(string) => text(string),
        Scalar::Seq(items) => Value::from(items.iter().map(value).collect::<Vec<Value>>()),
        Scalar::Map(map) => Value::from(
            map.iter()
                .map(|entry| (text(&entry.key), value(&entry.value)))
                .collect::<BTreeMap<Value, Value>>(),
        ),
    }
}
