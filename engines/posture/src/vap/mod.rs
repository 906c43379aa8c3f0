//! Rules as admission policies: `ValidatingAdmissionPolicy` objects that decide as the native
//! checks do, in the cluster's own API server.
//!
//! A rule is here when one object alone decides it and an expression can say it exactly; a
//! test evaluates every policy on every case of its rule and demands the native verdict. The
//! other rules are listed with the reason why they are not.

mod expressions;
mod left_out;
mod write;

use crate::rules::{Id, catalogue};
use seawall_model::{Rule, RuleId};

/// What a policy does about an object that violates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Notes it in the audit log.
    Audit,
    /// Warns whoever applies it.
    Warn,
    /// Refuses it.
    Deny,
}

impl Mode {
    /// All modes, the mildest first.
    pub const ALL: [Mode; 3] = [Mode::Audit, Mode::Warn, Mode::Deny];

    /// The word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Audit => "audit",
            Mode::Warn => "warn",
            Mode::Deny => "deny",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Mode::Audit => "Audit",
            Mode::Warn => "Warn",
            Mode::Deny => "Deny",
        }
    }
}

/// One rule as a policy with its binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The rule.
    pub rule: RuleId,
    /// Name of the policy and of its binding.
    pub name: String,
    /// Both as YAML.
    pub yaml: String,
}

/// Why a rule is not a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The rule.
    pub rule: RuleId,
    /// The reason, without a full stop.
    pub reason: &'static str,
}

/// A rule as an expression that holds for objects that keep to it.
struct Entry {
    id: Id,
    expression: &'static str,
    /// Whether static pods of the control plane are left to rules of their own.
    skips_components: bool,
}

/// Policies for the rules that are chosen, and why there is none for the others.
pub fn generate(chosen: &dyn Fn(&Rule) -> bool, mode: Mode) -> (Vec<Generated>, Vec<LeftOut>) {
    let mut policies = Vec::new();
    let mut others = Vec::new();
    for (id, rule) in Id::ALL.iter().zip(catalogue()) {
        if !chosen(rule) {
            continue;
        }
        match expressions::ENTRIES.iter().find(|entry| entry.id == *id) {
            Some(entry) => policies.push(write::policy(entry, rule, mode)),
            None => others.push(LeftOut {
                rule: rule.id.clone(),
                reason: left_out::reason(*id),
            }),
        }
    }
    (policies, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_is_a_policy_or_says_why_not() {
        let (policies, others) = generate(&|_| true, Mode::Deny);
        assert_eq!(policies.len() + others.len(), catalogue().len());
        assert!(others.iter().all(|other| !other.reason.is_empty()));
        let names: BTreeSet<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names.len(), policies.len());
        assert!(names.iter().all(|name| name.len() <= 63));
    }
}
