//! What one engine returns.

use crate::{Coverage, Fact, Finding, RuleId};
use std::collections::BTreeMap;

/// Findings, facts and the honest account of what was judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What other engines may build on.
    pub facts: Vec<Fact>,
    /// For each rule, how many subjects it was applied to. A rule that is missing here was
    /// not assessed, and a framework control that rests on it says so.
    pub assessed: BTreeMap<RuleId, u64>,
    /// What this engine could not judge.
    pub coverage: Coverage,
}

impl Outcome {
    /// Counts one subject that `rule` was applied to.
    pub fn assess(&mut self, rule: &RuleId) {
        if let Some(count) = self.assessed.get_mut(rule) {
            *count += 1;
        } else {
            self.assessed.insert(rule.clone(), 1);
        }
    }
}
