//! Does this result pass?

use crate::{Config, demands};
use seawall_model::{Coverage, Finding, Severity};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailOn {
    /// A finding at least this severe.
    pub severity: Option<Severity>,
    /// A way in; where there is a baseline, one that was not there.
    pub path: bool,
}

/// What the gate says, with what it was asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gate {
    /// What fails, if gating was asked for.
    pub fail_on: FailOn,
    /// The coverage that is demanded, in per cent.
    pub min_coverage: Option<f64>,
    /// Findings at or above `fail_on`.
    pub failing: usize,
    /// Demands on the network.
    pub demands: usize,
    /// Those that do not hold.
    pub broken: usize,
    /// Ways in that count.
    pub paths: usize,
    /// The verdict.
    pub verdict: Verdict,
}

/// The verdict; each has its exit code in the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Nothing at or above the gate, and enough was looked at.
    #[default]
    Pass,
    /// There are findings at or above the gate, demands that do not hold, or ways in.
    Findings,
    /// Less was looked at than demanded, or nothing at all.
    Incomplete,
}

impl Gate {
    /// Decides on the findings that count: those that are severe enough, and demands that do not
    /// hold; and on ways in, where these are to fail. Nothing looked at never passes;
    /// findings outrank missing coverage, because more coverage can only add to them.
    pub fn decide<'f>(
        config: &Config,
        findings: impl Iterator<Item = &'f Finding>,
        paths: usize,
        coverage: &Coverage,
    ) -> Gate {
        let (mut failing, mut broken) = (0, 0);
        for finding in findings {
            if finding.rule == demands::ID {
                broken += 1;
            } else if config
                .fail_on
                .severity
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
        let is_way_in = config.fail_on.path && paths > 0;
        let verdict = if failing + broken > 0 || is_way_in {
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
            paths,
            verdict,
        }
    }
}
