//! A finding, what could be done about it, and what became of it.

use seawall_assessment::fixes::Problem;
use seawall_model::{Finding, Repair};
use seawall_report::fixes::State;
use seawall_snapshot::ObjectId;
use seawall_sources::change::Step;

/// A finding with what could be done about it.
pub(super) struct Candidate {
    pub(super) finding: Finding,
    pub(super) problems: Vec<Problem>,
    pub(super) object: Option<ObjectId>,
    pub(super) repair: Repair,
    /// What became of it, once that is known.
    pub(super) state: Option<State>,
    pub(super) way: Way,
}

/// How what repairs a finding is made.
#[derive(Debug, PartialEq)]
pub(super) enum Way {
    /// Not at all, as far as is known.
    None,
    /// By changes of files.
    Files(Vec<Step>),
    /// By a patch of the object.
    Patch,
}

impl Candidate {
    /// The changes of files.
    pub(super) fn steps(&self) -> &[Step] {
        match &self.way {
            Way::Files(steps) => steps,
            Way::None | Way::Patch => &[],
        }
    }

    /// What could break, and what to check.
    pub(super) fn caution(&self) -> Option<&str> {
        match &self.repair {
            Repair::Mechanical(mend) => mend.caution.as_deref(),
            Repair::Decision(_) | Repair::ByHand(_) => None,
        }
    }

    /// Takes out what could stop a workload.
    pub(super) fn leave_out(&mut self) {
        if let Some(caution) = self.caution() {
            self.state = Some(State::LeftOut(caution.to_owned()));
        }
    }

    /// Leaves it to a person, with the reason.
    pub(super) fn by_hand(&mut self, why: &str) {
        let what = format!("{} ({why})", self.finding.remediation);
        self.state = Some(State::ByHand(what));
    }
}
