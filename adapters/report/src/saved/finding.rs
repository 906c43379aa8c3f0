//! What a report says of a finding.

use super::{Change, Reference, area_or_null, severity};
use seawall_model::{Area, Severity};
use serde::{Deserialize, Serialize};

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
