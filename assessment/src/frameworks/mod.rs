//! Framework controls, each with a result that says what it rests on.
//!
//! A control passes only when a rule that speaks about it had something to look at and
//! found nothing. A control that no rule speaks about, or whose rules had no subject, is
//! *not assessed*: a framework is never green because nothing applied.

mod controls;

use seawall_model::{Finding, Framework, Rule, RuleId, Severity};
use std::collections::BTreeMap;

/// The result of one framework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameworkResult {
    /// Which framework.
    pub framework: Framework,
    /// Its controls in order, those that no rule speaks about included.
    pub controls: Vec<ControlResult>,
}

/// The result of one control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlResult {
    /// The control's id.
    pub control: &'static str,
    /// Its title, in our words.
    pub title: &'static str,
    /// The result.
    pub status: ControlStatus,
    /// Rules that speak about it.
    pub rules: Vec<RuleId>,
    /// How many findings they have.
    pub findings: usize,
    /// How many subjects they were applied to.
    pub subjects: u64,
}

/// The result of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlStatus {
    /// The rules that speak about it ran on something and found nothing.
    Pass,
    /// There are findings.
    Fail,
    /// No rule speaks about it, or none had anything to look at.
    NotAssessed,
}

/// The controls of a framework with their titles, in the framework's order. The lists are
/// closed: a rule that names a control outside them does not pass the tests.
pub fn controls(framework: Framework) -> &'static [(&'static str, &'static str)] {
    match framework {
        Framework::Cis => &controls::CIS,
        Framework::Nsa => &controls::NSA,
        Framework::Pss => &controls::PSS,
        Framework::Mitre => &controls::MITRE,
    }
}

/// Results for one framework from what ran and what was found.
pub(crate) fn evaluate(
    framework: Framework,
    rules: &[Rule],
    assessed: &BTreeMap<RuleId, u64>,
    findings: &[Finding],
) -> FrameworkResult {
    let mut per_rule: BTreeMap<&RuleId, usize> = BTreeMap::new();
    // An information is worth knowing and breaks no control.
    for finding in findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
    {
        *per_rule.entry(&finding.rule).or_insert(0) += 1;
    }
    let controls = controls(framework)
        .iter()
        .map(|(control, title)| {
            let speaks = |rule: &&Rule| {
                rule.references
                    .iter()
                    .any(|r| r.framework == framework && r.control == *control)
            };
            let rules: Vec<RuleId> = rules
                .iter()
                .filter(speaks)
                .map(|rule| rule.id.clone())
                .collect();
            let findings = rules.iter().filter_map(|rule| per_rule.get(rule)).sum();
            let subjects = rules.iter().filter_map(|rule| assessed.get(rule)).sum();
            let status = match (findings, subjects) {
                (0, 0) => ControlStatus::NotAssessed,
                (0, _) => ControlStatus::Pass,
                _ => ControlStatus::Fail,
            };
            ControlResult {
                control,
                title,
                status,
                rules,
                findings,
                subjects,
            }
        })
        .collect();
    FrameworkResult {
        framework,
        controls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_names_a_control_that_exists() {
        for rule in crate::catalogue() {
            for reference in rule.references.iter() {
                let known = controls(reference.framework);
                assert!(
                    known
                        .iter()
                        .any(|(control, _)| *control == reference.control),
                    "{} refers to {} {}, which is not a control there",
                    rule.id,
                    reference.framework.name(),
                    reference.control
                );
            }
        }
    }

    #[test]
    fn nothing_looked_at_is_not_a_pass() {
        for framework in Framework::ALL {
            let result = evaluate(framework, &crate::catalogue(), &BTreeMap::new(), &[]);
            assert!(!result.controls.is_empty());
            for control in result.controls {
                assert_eq!(
                    control.status,
                    ControlStatus::NotAssessed,
                    "{}",
                    control.control
                );
            }
        }
    }
}
