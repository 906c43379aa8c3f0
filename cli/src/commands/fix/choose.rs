//! Which findings the user means.

use super::world::World;
use crate::exit::Failure;
use seawall_assessment::{find_rule, means};
use seawall_model::Finding;

impl World {
    /// The findings that the user means.
    pub(super) fn choose(&self, ids: &[String]) -> Result<Vec<Finding>, Failure> {
        if ids.is_empty() {
            let findings = self.assessment.findings.iter();
            let meant = findings.filter(|finding| self.is_meant(finding));
            return Ok(meant.cloned().collect());
        }
        let mut chosen = Vec::new();
        for id in ids {
            let long_enough = id.len() >= 8;
            let found: Vec<&Finding> = self
                .assessment
                .findings
                .iter()
                .filter(|finding| long_enough && finding.id.to_string().starts_with(id.as_str()))
                .collect();
            match *found {
                [] => {
                    return Err(Failure::usage(
                        format!("no finding {id} in {}", self.source),
                        "give the first eight or more digits of its id, and the path that was \
                         scanned; accepted findings are not fixed",
                    ));
                }
                [finding] => chosen.push(finding.clone()),
                _ => {
                    return Err(Failure::usage(
                        format!("{} findings begin with {id}", found.len()),
                        "give more digits of the id",
                    ));
                }
            }
        }
        Ok(chosen)
    }

    /// Whether `--only` and `--skip` let a finding through.
    pub(super) fn is_meant(&self, finding: &Finding) -> bool {
        let rule = find_rule(finding.rule.as_str());
        let named = |word: &String| match &rule {
            Some(rule) => means(rule, word),
            None => finding.rule.as_str() == word,
        };
        let (only, skip) = (&self.config.only.value, &self.config.skip.value);
        (only.is_empty() || only.iter().any(named)) && !skip.iter().any(named)
    }
}
