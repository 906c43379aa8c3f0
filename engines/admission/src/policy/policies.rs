//! The policies of one run.

use super::definition::{Binding, Policy, Problem, Reader, kind_of};
use super::params::Param;
use seawall_model::{Area, Rule, Severity};
use seawall_yaml::Node;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Policies with their bindings and the objects that bindings may hand to them.
#[derive(Debug, Default)]
pub struct Policies {
    pub(super) all: Vec<Policy>,
    pub(super) bindings: Vec<Binding>,
    pub(super) params: Vec<Param>,
    rules: Vec<Rule>,
}

impl Policies {
    /// Reads the policies among these trees. Trees of other kinds are what bindings may name
    /// as parameters. What is wrong with a policy is a problem; the others are still there.
    pub fn read(trees: &[Node]) -> (Self, Vec<Problem>) {
        let mut all = Self::default();
        let mut problems = Vec::new();
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
        (all, problems)
    }

    /// The rules that the policies are.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there is no policy.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
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
            id: policy.rule.clone(),
            title: Cow::Owned(title),
            severity: self.severity(policy),
            area: notes.area.unwrap_or(Area::Containers),
            why: Cow::Owned(why),
            fix: Cow::Owned(fix),
            references: Cow::Borrowed(&[]),
            aliases: Cow::Borrowed(&[]),
            since: "0.1.0",
        }
    }
}
