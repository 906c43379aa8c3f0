//! What a report says of the time since the baseline.

use super::{Asset, Gap, gap_kind, severity};
use seawall_model::{GapKind, Severity};
use serde::{Deserialize, Serialize};

/// What became of things since the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// What the earlier answer is called.
    pub baseline: String,
    /// Findings that were not there.
    pub new: u64,
    /// Findings that were there, less severe.
    pub worse: u64,
    /// Findings that were there.
    pub unchanged: u64,
    /// Findings that are not there any more.
    pub gone: Vec<Known>,
    /// Findings in things that cannot be looked at any more.
    pub unseen: Vec<Known>,
    /// Coverage of the earlier answer.
    pub percent_before: Option<f64>,
    /// Gaps that were not there.
    pub new_gaps: Vec<Gap>,
    /// Gaps that are not there any more.
    pub closed_gaps: Vec<KnownGap>,
    /// What the change opens and closes, where both pictures are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

/// What a change does to who reaches whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// Connections that are possible now and were not.
    pub opened: Vec<Difference>,
    /// Connections that were possible and are not any more.
    pub closed: Vec<Difference>,
}

/// Connections to one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// To whom.
    pub to: String,
    /// The ports, or what passes on them.
    pub ports: String,
    /// From whom.
    pub from: Vec<String>,
}

/// A finding of the earlier answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its identity.
    pub id: String,
    /// The rule behind it.
    pub rule: String,
    /// How bad it was.
    #[serde(with = "severity")]
    pub severity: Severity,
    /// What it was about.
    pub asset: Asset,
    /// Where in the asset.
    pub path: String,
    /// What was wrong.
    pub message: String,
    /// The file it stood in, or empty.
    pub file: String,
    /// Its line there, or 0.
    pub line: u32,
}

/// A gap of the earlier answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownGap {
    /// Why.
    #[serde(with = "gap_kind")]
    pub kind: GapKind,
    /// What.
    pub subject: String,
    /// What went wrong.
    pub reason: String,
}

/// What became of a finding since the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was not there.
    New,
    /// It was there, less severe.
    Worse,
    /// It was there.
    Unchanged,
}
