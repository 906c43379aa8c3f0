//! The JSON report as types: written by `-o json`, read back to compare results.
//!
//! The schema is `schema/seawall-report-v1.json` at the project's root. Within v1, fields
//! are only added: a reader ignores those that it does not know.

mod comparison;
mod finding;

pub use comparison::{Change, Comparison, Difference, Known, KnownGap, Reach};
pub use finding::{
    Asset, Evidence, Finding, Location, Locus, Notice, Proof, Resource, Suppressed, ValuesKey,
};

use seawall_assessment::{ControlStatus, Verdict};
use seawall_model::{Area, Framework, GapKind, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The name and version of the schema.
pub const SCHEMA: &str = "seawall.report/v1";

/// Serialises a closed set by the names that it has in machine formats.
macro_rules! by_name {
    ($module:ident, $type:ty, $all:expr, $name:expr) => {
        mod $module {
            use super::*;
            use serde::{Deserializer, Serializer, de::Error};

            pub(super) fn serialize<S: Serializer>(value: &$type, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str($name(*value))
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<$type, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(d)?;
                $all.into_iter()
                    .find(|value| $name(*value) == word)
                    .ok_or_else(|| {
                        let known: Vec<_> = $all.into_iter().map($name).collect();
                        D::Error::custom(format!("`{word}` is none of {}", known.join(", ")))
                    })
            }
        }
    };
}

/// The same for a value that may be missing.
macro_rules! by_name_or_null {
    ($module:ident, $inner:ident, $path:literal, $type:ty) => {
        mod $module {
            use super::*;
            use serde::{Deserializer, Serializer};

            #[allow(clippy::ref_option)] // serde's calling convention
            pub(super) fn serialize<S: Serializer>(
                value: &Option<$type>,
                s: S,
            ) -> Result<S::Ok, S::Error> {
                match value {
                    Some(value) => super::$inner::serialize(value, s),
                    None => s.serialize_none(),
                }
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(
                d: D,
            ) -> Result<Option<$type>, D::Error> {
                #[derive(Deserialize)]
                struct Named(#[serde(with = $path)] $type);
                Ok(Option::<Named>::deserialize(d)?.map(|named| named.0))
            }
        }
    };
}

const GAP_KINDS: [GapKind; 7] = [
    GapKind::Unreadable,
    GapKind::Malformed,
    GapKind::Invalid,
    GapKind::NotRendered,
    GapKind::Remote,
    GapKind::Forbidden,
    GapKind::Unsupported,
];

by_name!(severity, Severity, Severity::ALL, Severity::name);
by_name!(area, Area, Area::ALL, Area::name);
by_name!(framework, Framework, Framework::ALL, Framework::name);
by_name!(gap_kind, GapKind, GAP_KINDS, GapKind::name);
by_name!(
    verdict,
    Verdict,
    [Verdict::Pass, Verdict::Findings, Verdict::Incomplete],
    crate::json::verdict_name
);
by_name!(
    status,
    ControlStatus,
    [
        ControlStatus::Pass,
        ControlStatus::Fail,
        ControlStatus::NotAssessed
    ],
    crate::json::status_name
);
by_name_or_null!(severity_or_null, severity, "super::severity", Severity);
by_name_or_null!(area_or_null, area, "super::area", Area);

/// One report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// What made it.
    pub tool: Tool,
    /// What the user asked for.
    pub targets: Vec<String>,
    /// The Kubernetes version that verdicts are for.
    pub kubernetes_version: String,
    /// How big the picture was.
    pub inventory: Inventory,
    /// Counts.
    pub summary: Summary,
    /// What the gate said.
    pub gate: Gate,
    /// What was looked at and what was not.
    pub coverage: Coverage,
    /// What became of things since the baseline, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// For each rule, how many subjects it was applied to; a missing rule was not assessed.
    pub assessed: BTreeMap<String, u64>,
    /// Results of the chosen frameworks.
    pub frameworks: Vec<FrameworkResult>,
    /// The rules that have findings, suppressed ones included, by id.
    pub rules: Vec<Rule>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What the user accepted.
    pub suppressed: Vec<Suppressed>,
    /// Suppressions that did nothing or have expired.
    pub suppression_notices: Vec<Notice>,
}

/// What made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `seawall`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// How big the picture was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Files read.
    pub files: u64,
    /// Objects, rendered ones included.
    pub objects: u64,
    /// Workloads after resolving owners.
    pub workloads: u64,
    /// Charts rendered.
    pub charts: u64,
    /// Overlays built.
    pub overlays: u64,
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Findings that count.
    pub findings: u64,
    /// Findings that the user accepted.
    pub suppressed: u64,
    /// By severity, all five named.
    pub by_severity: BTreeMap<String, u64>,
    /// By threat area, all five named.
    pub by_area: BTreeMap<String, u64>,
}

/// What the gate said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// `pass`, `findings` or `incomplete`.
    #[serde(with = "verdict")]
    pub verdict: Verdict,
    /// The exit code of `seawall scan`.
    pub exit_code: u8,
    /// The severity that fails, if gating was asked for.
    #[serde(with = "severity_or_null")]
    pub fail_on: Option<Severity>,
    /// The coverage that was demanded, in per cent.
    pub min_coverage: Option<f64>,
    /// Findings at or above `failOn`.
    pub failing: u64,
    /// Demands on the network that do not hold.
    #[serde(default)]
    pub broken_demands: u64,
    /// Whether a way in fails.
    #[serde(default)]
    pub fail_on_path: bool,
    /// Ways in that count.
    #[serde(default)]
    pub paths: u64,
}

/// What was looked at and what was not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Per cent, rounded down to a tenth; null when there was nothing to look at.
    pub percent: Option<f64>,
    /// Units that were looked at.
    pub looked_at: u64,
    /// Units that were not.
    pub missed: u64,
    /// What was not, and why.
    pub gaps: Vec<Gap>,
}

/// One thing that was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Why.
    #[serde(with = "gap_kind")]
    pub kind: GapKind,
    /// What: a path, a chart, an object.
    pub subject: String,
    /// What went wrong.
    pub reason: String,
    /// What to do next, or empty.
    pub hint: String,
    /// How many units are missing because of it; 0 for a warning that hides nothing.
    pub units: u32,
    /// Where the trouble stands.
    pub location: Option<Location>,
}

/// The result of one framework.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkResult {
    /// `cis`, `nsa`, `pss` or `mitre`.
    #[serde(with = "framework")]
    pub id: Framework,
    /// Its title, with the edition.
    pub title: String,
    /// Its controls.
    pub controls: Vec<Control>,
}

/// The result of one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `pass`, `fail` or `not-assessed`.
    #[serde(with = "status")]
    pub status: ControlStatus,
    /// The rules that speak about it.
    pub rules: Vec<String>,
    /// How many findings they have.
    pub findings: u64,
    /// How many subjects they were applied to.
    pub subjects: u64,
}

/// What the catalogue says about a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// What is wrong.
    pub title: String,
    /// Its starting severity.
    #[serde(with = "severity")]
    pub severity: Severity,
    /// Its threat area.
    #[serde(with = "area")]
    pub area: Area,
    /// What an attacker does with it.
    pub why: String,
    /// What to do about it.
    pub fix: String,
    /// Controls it speaks about.
    pub references: Vec<Reference>,
    /// The same check in other tools.
    pub aliases: Vec<String>,
    /// The first Seawall release with it.
    pub since: String,
    /// How `seawall fix` repairs it: `safe`, `with-care`, `asks` or `by-hand`. The catalogue
    /// says it, reports do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<String>,
}

/// A control of a framework.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Whose control.
    #[serde(with = "framework")]
    pub framework: Framework,
    /// Its id there.
    pub control: String,
}

/// Why a saved report could not be used.
#[derive(Debug)]
pub enum ReadError {
    /// It is not JSON, or a field is not what the schema says.
    Json(serde_json::Error),
    /// It is JSON, but no Seawall report.
    NotAReport,
    /// It is a report of a version that this program does not know.
    OtherVersion(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Json(error) => write!(f, "not a readable report: {error}"),
            ReadError::NotAReport => {
                f.write_str("not a Seawall report: write one with `seawall scan -o json=FILE`")
            }
            ReadError::OtherVersion(schema) => write!(
                f,
                "a report of schema `{}`, and this program reads {SCHEMA}",
                crate::text::clean(schema)
            ),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Json(error) => Some(error),
            _ => None,
        }
    }
}

/// Reads a report that `-o json` wrote.
pub fn read(bytes: &[u8]) -> Result<SavedReport, ReadError> {
    #[derive(Deserialize)]
    struct Probe {
        schema: Option<serde_json::Value>,
    }
    let probe: Probe = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        // `[]` or `"text"`: JSON of another shape.
        serde_json::error::Category::Data => ReadError::NotAReport,
        _ => ReadError::Json(error),
    })?;
    match probe.schema {
        Some(serde_json::Value::String(schema)) if schema == SCHEMA => {
            serde_json::from_slice(bytes).map_err(ReadError::Json)
        }
        Some(serde_json::Value::String(schema)) if schema.starts_with("seawall.report/") => {
            Err(ReadError::OtherVersion(schema))
        }
        _ => Err(ReadError::NotAReport),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_report_is_told_apart() {
        let message = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert!(message("{").starts_with("not a readable report: EOF"));
        assert!(message("[]").starts_with("not a Seawall report"));
        assert!(message("{\"schema\": 1}").starts_with("not a Seawall report"));
        assert!(message("{\"$schema\": \"sarif\"}").starts_with("not a Seawall report"));
        assert!(message("{\"schema\": \"seawall.report/v2\"}").contains("seawall.report/v2"));
        assert!(message("{\"schema\": \"seawall.report/v1\"}").contains("missing field"));
    }
}
