//! The JSON report as types: written by `-o json`, read back to compare results.
//!
//! The schema is `schema/seawall-report-v1.json` at the project's root. Within v1, fields
//! are only added: a reader ignores those that it does not know.

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

/// One problem with one root cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its stable identity: 32 hexadecimal digits.
    pub id: String,
    /// What became of it since the baseline, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// The rule behind it.
    pub rule: String,
    /// How bad it is here.
    #[serde(with = "severity")]
    pub severity: Severity,
    /// Its threat area; null for a rule that is not in the catalogue.
    #[serde(with = "area_or_null")]
    pub area: Option<Area>,
    /// What it is about.
    pub asset: Asset,
    /// Where exactly.
    pub locus: Locus,
    /// What is wrong here.
    pub message: String,
    /// What proves it.
    pub evidence: Vec<Evidence>,
    /// What to do here.
    pub remediation: String,
    /// Controls that the rule speaks about.
    pub references: Vec<Reference>,
    /// All assets that this one cause breaks, `asset` among them.
    pub affected: Vec<Asset>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Asset {
    /// A Kubernetes object.
    Resource(Resource),
    /// A configuration file.
    File {
        /// Its path.
        path: String,
    },
    /// A Helm values key.
    ValuesKey {
        /// The chart.
        chart: String,
        /// The dotted key from the top chart.
        key: String,
    },
}

/// The name of a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace, when it is written.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// Where in the asset it is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locus {
    /// JSON pointer into the object as it was read.
    pub pointer: String,
    /// The same place with list items by name; part of the identity.
    pub path: String,
    /// Where that stands in the source.
    pub location: Option<Location>,
}

/// A place in a source file. Lines and columns count from 1, columns in characters; ends
/// are exclusive. Line and column are 0 when only the file is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The path as the user would type it.
    pub file: String,
    /// What the file is, unless it is a file on disk: `stdin`, `git`, `generated`,
    /// `embedded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The commit, for `git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line, when the text could be read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// One past the last column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
    /// First byte of the file.
    pub start_byte: u32,
    /// One past the last byte.
    pub end_byte: u32,
    /// The values key that decided it, when a template produced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_key: Option<Box<ValuesKey>>,
}

/// The values key behind a rendered line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValuesKey {
    /// The chart or overlay whose key it is.
    pub owner: String,
    /// The key as written after `--set`.
    pub key: String,
    /// Whether its value itself stands there; otherwise it only decided that the piece is
    /// there (an `if` around it).
    pub direct: bool,
    /// Where the deciding value is written; null for `--set` and for keys set nowhere.
    pub location: Option<Location>,
}

/// One claim with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The claim.
    pub note: String,
    /// What proves it.
    pub proof: Proof,
}

/// What proves a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Proof {
    /// A piece of a source file.
    Source {
        /// Where.
        location: Option<Location>,
    },
    /// Another object.
    Object {
        /// Which.
        object: Resource,
    },
    /// A default that Kubernetes applies to an unset field.
    ApiDefault {
        /// Which.
        default: String,
    },
}

/// A finding that the user accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// Where that is written.
    pub location: Option<Location>,
}

/// A suppression that did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What is the matter with it.
    pub message: String,
    /// Where it is written.
    pub location: Option<Location>,
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
