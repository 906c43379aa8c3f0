//! What was looked at and what was not.
//!
//! Coverage is in every report and can gate. A gap is something that a user would expect
//! to be judged and that was not, with the place, the reason and what to do about it.

use crate::{Span, Str};

/// Why something was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapKind {
    /// A file could not be read (permission, I/O, size, encoding).
    Unreadable,
    /// A document is not well-formed YAML or JSON.
    Malformed,
    /// A document looks like a Kubernetes object but is not a valid one (field of the wrong
    /// type, no name): the API server would refuse it.
    Invalid,
    /// A template, chart or overlay could not be rendered, or not fully.
    NotRendered,
    /// Something remote was not fetched.
    Remote,
    /// An object could not be read with the caller's rights.
    Forbidden,
    /// A kind, version or feature that Seawall does not understand (yet).
    Unsupported,
}

impl GapKind {
    /// The kebab-case name used in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            GapKind::Unreadable => "unreadable",
            GapKind::Malformed => "malformed",
            GapKind::Invalid => "invalid",
            GapKind::NotRendered => "not-rendered",
            GapKind::Remote => "remote",
            GapKind::Forbidden => "forbidden",
            GapKind::Unsupported => "unsupported",
        }
    }
}

/// One thing that was not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub kind: GapKind,
    /// What was not looked at: a path, a chart, an object.
    pub subject: Str,
    /// Where the trouble stands, when it has a place.
    pub span: Span,
    /// What went wrong, one sentence without a full stop.
    pub reason: String,
    /// What to do next, or empty.
    pub hint: String,
    /// How many units (objects, or files when their objects cannot be counted) are missing
    /// because of it; at least 1 for a real gap, 0 for a warning that hides nothing.
    pub units: u32,
}

/// The ledger of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Units that were looked at: objects and configuration files that engines judged.
    pub looked_at: u64,
    /// What was not.
    pub gaps: Vec<Gap>,
}

impl Coverage {
    /// Units that were not looked at.
    pub fn missed(&self) -> u64 {
        self.gaps.iter().map(|gap| u64::from(gap.units)).sum()
    }

    /// Per cent of the units that were looked at, rounded *down* to a tenth, so that 100
    /// means all. `None` when there was nothing to look at: that is never "complete".
    pub fn percent(&self) -> Option<f64> {
        let all = self.looked_at + self.missed();
        if all == 0 {
            return None;
        }
        let tenths = u128::from(self.looked_at) * 1000 / u128::from(all);
        // At most 1000, exact in an f64.
        Some(f64::from(u16::try_from(tenths).unwrap_or(1000)) / 10.0)
    }

    /// Adds another ledger to this one.
    pub fn merge(&mut self, other: Coverage) {
        self.looked_at += other.looked_at;
        self.gaps.extend(other.gaps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(units: u32) -> Gap {
        Gap {
            kind: GapKind::Malformed,
            subject: "a.yaml".into(),
            span: Span::NONE,
            reason: String::new(),
            hint: String::new(),
            units,
        }
    }

    #[test]
    fn nothing_is_not_complete_and_almost_all_is_not_all() {
        assert_eq!(Coverage::default().percent(), None);
        let all = Coverage {
            looked_at: 7,
            gaps: vec![gap(0)],
        };
        assert_eq!(all.percent(), Some(100.0));
        let almost = Coverage {
            looked_at: 999_999,
            gaps: vec![gap(1)],
        };
        assert_eq!(almost.percent(), Some(99.9));
    }
}
