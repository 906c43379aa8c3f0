//! The closed list of rules of this engine.

use seawall_model::{Area, Framework, Reference, Rule, RuleId, Severity};
use std::borrow::Cow;

/// Namespace that does not enforce a level, or lets its version float.
pub const NOT_ENFORCED: RuleId = RuleId::new("N01");
/// Workload that its namespace refuses.
pub const REFUSED: RuleId = RuleId::new("A01");
/// Workload that its namespace would only warn about or audit.
pub const WARNED: RuleId = RuleId::new("A02");
/// Pod Security label that does not do what it looks like.
pub const BAD_LABEL: RuleId = RuleId::new("A03");
/// Pod Security version that the cluster does not know.
pub const UNKNOWN_VERSION: RuleId = RuleId::new("A04");
/// Object that a policy of the same environment refuses.
pub const REFUSED_BY_POLICY: RuleId = RuleId::new("A05");

const fn reference(framework: Framework, control: &'static str) -> Reference {
    Reference { framework, control }
}

const POLICY_ACTIVE: Reference = reference(Framework::Cis, "5.2.1");
const POLICY_IN_FORCE: Reference = reference(Framework::Nsa, "C-0068");
const ENFORCE: Reference = reference(Framework::Pss, "namespace/enforce");
const VERSION: Reference = reference(Framework::Pss, "namespace/version");
const DEPLOY: Reference = reference(Framework::Mitre, "T1610");
const ESCAPE: Reference = reference(Framework::Mitre, "T1611");

/// All rules, by id.
pub(crate) static RULES: [Rule; 6] = [
    Rule {
        id: REFUSED,
        title: Cow::Borrowed("workload that its namespace refuses"),
        severity: Severity::Medium,
        area: Area::Containers,
        why: Cow::Borrowed(
            "The namespace enforces a Pod Security level that this workload does not meet. The \
             API server accepts the Deployment, but refuses every pod of it: the workload never \
             starts, or stops at its next restart. What usually follows is the attacker's gain: \
             somebody takes the label off to get the release out, and from then on the whole \
             namespace takes pods that can break out to the node.",
        ),
        fix: Cow::Borrowed(
            "Change the fields named in the evidence so that the pods meet the level. A workload \
             that truly needs the rights belongs into a namespace of its own with a lower level \
             and few people who may create pods there; leave this namespace's label as it is.",
        ),
        references: Cow::Borrowed(&[]),
        aliases: Cow::Borrowed(&[]),
        since: "0.1.0",
    },
    Rule {
        id: WARNED,
        title: Cow::Borrowed("workload below the level its namespace warns about"),
        severity: Severity::Low,
        area: Area::Containers,
        why: Cow::Borrowed(
            "The namespace's warn or audit label names a level that this workload does not meet, \
             and nothing stops it: warnings scroll by in a terminal, audit notes lie in a log. \
             Whoever takes over the workload has the rights that the team meant to take away.",
        ),
        fix: Cow::Borrowed(
            "Change the fields named in the evidence. When no workload of the namespace is left, \
             set the enforce label to the same level, so that it stays that way.",
        ),
        references: Cow::Borrowed(&[]),
        aliases: Cow::Borrowed(&[]),
        since: "0.1.0",
    },
    Rule {
        id: BAD_LABEL,
        title: Cow::Borrowed("Pod Security label that does not work"),
        severity: Severity::Medium,
        area: Area::Containers,
        why: Cow::Borrowed(
            "The API server reads these labels to the letter. A misspelt key or an annotation is \
             ignored, and the namespace is open while its manifest looks closed. A misspelt value \
             makes it refuse the namespace; in one that is there already, a misspelt enforce level \
             counts as restricted, a misspelt warn or audit level as off, a misspelt version as \
             latest.",
        ),
        fix: Cow::Borrowed(
            "Write pod-security.kubernetes.io/enforce, audit or warn as a label with privileged, \
             baseline or restricted, and the -version labels with latest or v1.N, such as v1.37.",
        ),
        references: Cow::Borrowed(&[]),
        aliases: Cow::Borrowed(&[]),
        since: "0.1.0",
    },
    Rule {
        id: UNKNOWN_VERSION,
        title: Cow::Borrowed("Pod Security version newer than the cluster"),
        severity: Severity::Info,
        area: Area::Containers,
        why: Cow::Borrowed(
            "The API server does not know this version of the standards and uses the newest one it \
             has. What later versions refuse is let in, and the next upgrade of the cluster changes \
             the verdicts without anybody touching the label.",
        ),
        fix: Cow::Borrowed(
            "Pin the version of the cluster, or upgrade the cluster. When the cluster is not the \
             one Seawall was told about, scan with its --kubernetes-version.",
        ),
        references: Cow::Borrowed(&[VERSION]),
        aliases: Cow::Borrowed(&[]),
        since: "0.1.0",
    },
    Rule {
        id: REFUSED_BY_POLICY,
        title: Cow::Borrowed("object that the cluster's own policy refuses"),
        severity: Severity::Medium,
        area: Area::Containers,
        why: Cow::Borrowed(
            "A ValidatingAdmissionPolicy of this environment is bound with Deny and does not let \
             this object in: applying it fails, or its pods never start. The usual way out is \
             to weaken the policy in a hurry, and then it is open for everybody.",
        ),
        fix: Cow::Borrowed(
            "Change the object so that it meets the policy. When it truly needs the exception, \
             make one that is as narrow as can be: a match condition or an excluded resource \
             with its name.",
        ),
        references: Cow::Borrowed(&[]),
        aliases: Cow::Borrowed(&[]),
        since: "0.1.0",
    },
    Rule {
        id: NOT_ENFORCED,
        title: Cow::Borrowed("namespace without an enforced Pod Security level"),
        severity: Severity::Medium,
        area: Area::Containers,
        why: Cow::Borrowed(
            "Nothing stops a privileged pod here. Whoever can create a pod in the namespace, with \
             a stolen CI token, a weak service account or a careless chart, mounts the node's disk \
             or enters its namespaces and owns the node and everything on it. Where the version \
             label is missing or latest, the level changes its meaning with every upgrade of the \
             cluster: pods that ran yesterday are refused tomorrow.",
        ),
        fix: Cow::Borrowed(
            "Set pod-security.kubernetes.io/enforce to restricted or baseline, and \
             pod-security.kubernetes.io/enforce-version to the cluster's version. Find out first \
             who would be refused: with warn and audit labels, or with this scan.",
        ),
        references: Cow::Borrowed(&[
            POLICY_ACTIVE,
            POLICY_IN_FORCE,
            ENFORCE,
            VERSION,
            DEPLOY,
            ESCAPE,
        ]),
        aliases: Cow::Borrowed(&["C-0068", "C-0192"]),
        since: "0.1.0",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_sorted_and_whole() {
        assert!(RULES.is_sorted_by(|a, b| a.id < b.id));
        for rule in &RULES {
            assert!(
                !rule.title.ends_with('.') && rule.why.ends_with('.'),
                "{}",
                rule.id
            );
            assert!(
                rule.fix.ends_with('.') && !rule.title.is_empty(),
                "{}",
                rule.id
            );
        }
    }
}
