//! Does this result pass?

use crate::{Config, demands};
use seawall_model::{Coverage, Finding, Severity};

/// What the gate says, with what it was asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gate {
    /// The severity that fails, if gating was asked for.
    pub fail_on: Option<Severity>,
    /// The coverage that is demanded, in per cent.
    pub min_coverage: Option<f64>,
    /// Findings at or above `fail_on`.
    pub failing: usize,
    /// Demands on the network.
    pub demands: usize,
    /// Those that do not hold.
    pub broken: usize,
    /// The verdict.
    pub verdict: Verdict,
}

/// The verdict; each has its exit code in the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Nothing at or above the gate, and enough was looked at.
    #[default]
    Pass,
    /// There are findings at or above the gate, or demands that do not hold.
    Findings,
    /// Less was looked at than demanded, or nothing at all.
    Incomplete,
}

impl Gate {
    /// Decides on the findings that count: those that are severe enough, and demands that do not
    /// hold. Nothing looked at never passes;
    /// findings outrank missing coverage, because more coverage can only add to them.
    pub fn decide<'f>(
        config: &Config,
        findings: impl Iterator<Item = &'f Finding>,
        coverage: &Coverage,
    ) -> Gate {
        let (mut failing, mut broken) = (0, 0);
        for finding in findings {
            if finding.rule == demands::ID {
                broken += 1;
            } else if config
                .fail_on
                .is_some_and(|limit| finding.severity >= limit)
            {
                failing += 1;
            }
        }
        let percent = coverage.percent();
        let incomplete = match (percent, config.min_coverage) {
            (None, _) => true,
            (Some(_), _) if coverage.looked_at == 0 => true,
            (Some(percent), Some(demanded)) => percent < demanded,
            (Some(_), None) => false,
        };
        let verdict = if failing + broken > 0 {
            Verdict::Findings
        } else if incomplete {
            Verdict::Incomplete
        } else {
            Verdict::Pass
        };
        Gate {
            fail_on: config.fail_on,
            min_coverage: config.min_coverage,
            failing,
            demands: config.demands.len(),
            broken,
            verdict,
        }
    }
}
