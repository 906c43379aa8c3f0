//! What was found, and how a finding keeps its identity.
//!
//! The identity is a hash of (rule, asset identity, locus path). Lines, files, titles,
//! severities and list positions are not part of it, so a finding survives reformatting,
//! renames and reordering; two findings never share one.

use crate::{ResourceRef, RuleId, Severity, Span, Str};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asset {
    /// A Kubernetes object; for workloads the top owner (the Deployment, not its Pods).
    Resource(ResourceRef),
    /// A configuration file that is not an API object, such as a kubelet's.
    File(Str),
    /// A Helm values key that decides something in several objects.
    ValuesKey {
        /// Chart name.
        chart: Str,
        /// Dotted key from the top chart.
        key: Str,
    },
}

impl Asset {
    /// The same thing, see [`ResourceRef::lasting`].
    #[must_use]
    pub fn lasting(&self) -> Self {
        match self {
            Asset::Resource(resource) => Asset::Resource(resource.lasting()),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asset::Resource(resource) => resource.fmt(f),
            Asset::File(path) => f.write_str(path),
            Asset::ValuesKey { chart, key } => write!(f, "values key {key} of chart {chart}"),
        }
    }
}

/// Where in the asset it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locus {
    /// JSON pointer (RFC 6901) into the object as it was read, for machines.
    pub pointer: String,
    /// The same place with list items by name, part of the identity:
    /// `/spec/template/spec/containers[app]/securityContext/privileged`.
    pub path: String,
    /// Where that stands in the source.
    pub span: Span,
}

/// What proves a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A piece of a source file.
    Source(Span),
    /// Another object.
    Object(ResourceRef),
    /// A default that Kubernetes itself applies when a field is unset.
    ApiDefault(&'static str),
}

/// One claim with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The claim in plain words.
    pub note: Str,
    /// What proves it.
    pub proof: Proof,
}

/// A stable 128-bit identity, printed as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId(pub [u8; 16]);

impl FindingId {
    /// The identity of a finding of `rule` on `asset` at `path`. An object that is written with
    /// a newer API version, and be it of another group, stays what it is.
    pub fn of(rule: &RuleId, asset: &Asset, path: &str) -> Self {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        // The scheme's version comes first: a later scheme must not collide with this one.
        part("seawall-finding-1");
        part(rule.as_str());
        match asset {
            Asset::Resource(r) => {
                part("resource");
                part(r.lasting_group());
                part(&r.kind);
                part(r.namespace.as_deref().unwrap_or(""));
                part(&r.name);
            }
            Asset::File(path) => {
                part("file");
                part(path);
            }
            Asset::ValuesKey { chart, key } => {
                part("values");
                part(chart);
                part(key);
            }
        }
        part(path);
        let digest = hash.finalize();
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        Self(id)
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A word that is not a finding's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidFindingId;

impl FromStr for FindingId {
    type Err = InvalidFindingId;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let digits = s.len() == 32 && s.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(s, 16).map_err(|_| InvalidFindingId)?;
        if digits {
            Ok(Self(number.to_be_bytes()))
        } else {
            Err(InvalidFindingId)
        }
    }
}

/// One problem with one root cause. There may be a million of them, and their texts repeat: one
/// text is shared by all that say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable identity, see [`FindingId::of`].
    pub id: FindingId,
    /// The catalogue entry behind it.
    pub rule: RuleId,
    /// How bad it is here.
    pub severity: Severity,
    /// What it is about.
    pub asset: Asset,
    /// Where exactly.
    pub locus: Locus,
    /// What is wrong here, one plain sentence without a full stop, naming values:
    /// `container app runs privileged`.
    pub message: Str,
    /// What proves it; the first entry is the locus.
    pub evidence: Vec<Evidence>,
    /// What to do here, as specific as can be.
    pub remediation: Str,
    /// All assets that this one cause breaks, `asset` among them, sorted.
    pub affected: Vec<Asset>,
}

impl Finding {
    /// A finding whose identity, evidence and affected list follow from its locus. Engines
    /// add further evidence with [`Finding::with_evidence`].
    pub fn new(
        rule: RuleId,
        severity: Severity,
        asset: Asset,
        locus: Locus,
        message: impl Into<Str>,
        remediation: impl Into<Str>,
    ) -> Self {
        let message = message.into();
        Self {
            id: FindingId::of(&rule, &asset, &locus.path),
            evidence: vec![Evidence {
                note: message.clone(),
                proof: Proof::Source(locus.span),
            }],
            affected: vec![asset.clone()],
            rule,
            severity,
            asset,
            locus,
            message,
            remediation: remediation.into(),
        }
    }

    /// Adds a claim with its proof.
    #[must_use]
    pub fn with_evidence(mut self, note: impl Into<Str>, proof: Proof) -> Self {
        self.evidence.push(Evidence {
            note: note.into(),
            proof,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(rule: &'static str, name: &str, path: &str) -> FindingId {
        let asset = Asset::Resource(ResourceRef {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: Some("shop".into()),
            name: name.into(),
        });
        FindingId::of(&RuleId::new(rule), &asset, path)
    }

    #[test]
    fn identity_depends_on_rule_asset_and_path_only() {
        assert_eq!(id("W01", "api", "/spec"), id("W01", "api", "/spec"));
        assert_ne!(id("W01", "api", "/spec"), id("W02", "api", "/spec"));
        assert_ne!(id("W01", "api", "/spec"), id("W01", "web", "/spec"));
        assert_ne!(id("W01", "api", "/spec"), id("W01", "api", "/spec/x"));
        let one = id("W01", "api", "/spec");
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!("+1".parse::<FindingId>(), Err(InvalidFindingId));
        let old = Asset::Resource(ResourceRef {
            group: "extensions".into(),
            kind: "Deployment".into(),
            namespace: Some("shop".into()),
            name: "api".into(),
        });
        assert_eq!(one, FindingId::of(&RuleId::new("W01"), &old, "/spec"));
        // Neighbouring parts do not run into each other.
        assert_ne!(id("W01", "apix", "/y"), id("W01", "api", "x/y"));
    }
}
