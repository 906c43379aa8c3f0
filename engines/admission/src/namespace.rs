//! What a namespace's Pod Security labels mean to the API server.
//!
//! Read as kubernetes/pod-security-admission `api/helpers.go` does: what cannot be understood
//! about `enforce` counts as the strictest, about `audit` and `warn` as nothing at all, about a
//! version as `latest`; `warn` follows a stricter `enforce`.

use seawall_model::fact::PodSecurityLevel;
use seawall_model::{KubernetesVersion, Locus, Span, Str};
use seawall_snapshot::Object;
use seawall_snapshot::extract::escape;
use std::fmt;

/// What all Pod Security labels begin with.
pub const PREFIX: &str = "pod-security.kubernetes.io/";

/// What happens to a pod that a level refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// It is not created.
    Enforce,
    /// The audit log says so.
    Audit,
    /// The user who creates it is told.
    Warn,
}

impl Mode {
    /// All modes.
    pub const ALL: [Mode; 3] = [Mode::Enforce, Mode::Audit, Mode::Warn];

    /// The label's name after the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Audit => "audit",
            Mode::Warn => "warn",
        }
    }

    /// The name of the version's label after the prefix.
    pub fn version_name(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce-version",
            Mode::Audit => "audit-version",
            Mode::Warn => "warn-version",
        }
    }
}

/// The version of the standards that a label asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyVersion {
    /// Whatever the API server's own is: it moves with every upgrade.
    Latest,
    /// This one.
    Pinned(KubernetesVersion),
}

impl PolicyVersion {
    /// Reads a label: `latest` or `v1.N`, and no other spelling.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(PolicyVersion::Latest);
        }
        let minor = text.strip_prefix("v1.")?;
        let is_number = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || (minor.len() > 1 && minor.starts_with('0')) {
            return None;
        }
        // Go reads it into an int of 64 bits.
        let minor: i64 = minor.parse().ok()?;
        let minor = u16::try_from(minor).unwrap_or(u16::MAX);
        Some(PolicyVersion::Pinned(KubernetesVersion::new(minor)))
    }

    /// The version that an API server of version `cluster` judges by: it knows none newer than
    /// itself.
    pub fn at(self, cluster: KubernetesVersion) -> KubernetesVersion {
        match self {
            PolicyVersion::Latest => cluster,
            PolicyVersion::Pinned(version) => version.min(cluster),
        }
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyVersion::Latest => f.write_str("latest"),
            PolicyVersion::Pinned(version) => version.fmt(f),
        }
    }
}

/// A level of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelVersion {
    /// The level.
    pub level: PodSecurityLevel,
    /// The version.
    pub version: PolicyVersion,
}

impl fmt::Display for LevelVersion {
    /// As the API server writes it: `restricted:v1.29`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level.name(), self.version)
    }
}

/// A level for each mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What is refused.
    pub enforce: LevelVersion,
    /// What goes to the audit log.
    pub audit: LevelVersion,
    /// What users are warned of.
    pub warn: LevelVersion,
}

impl Default for Policy {
    /// What an API server without a configuration file does: nothing.
    fn default() -> Self {
        let nothing = LevelVersion {
            level: PodSecurityLevel::Privileged,
            version: PolicyVersion::Latest,
        };
        Self {
            enforce: nothing,
            audit: nothing,
            warn: nothing,
        }
    }
}

impl Policy {
    /// The level of a mode.
    pub fn mode(&self, mode: Mode) -> LevelVersion {
        match mode {
            Mode::Enforce => self.enforce,
            Mode::Audit => self.audit,
            Mode::Warn => self.warn,
        }
    }

    pub(crate) fn mode_mut(&mut self, mode: Mode) -> &mut LevelVersion {
        match mode {
            Mode::Enforce => &mut self.enforce,
            Mode::Audit => &mut self.audit,
            Mode::Warn => &mut self.warn,
        }
    }
}

/// A label that begins with [`PREFIX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The key after the prefix.
    pub name: Str,
    /// The value.
    pub value: Str,
    /// Where the value stands.
    pub span: Span,
    /// Whether it is written under `annotations` instead, where nobody reads it.
    pub is_annotation: bool,
}

impl Label {
    /// Its place in the Namespace.
    pub fn locus(&self) -> Locus {
        let map = if self.is_annotation {
            "annotations"
        } else {
            "labels"
        };
        let key = format!("{PREFIX}{}", self.name);
        Locus {
            pointer: format!("/metadata/{map}/{}", escape(&key)),
            path: format!("metadata/{map}/{}", escape(&key)),
            span: self.span,
        }
    }
}

/// A label that does not do what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The label.
    pub label: Label,
    /// What is wrong with it.
    pub kind: ProblemKind,
}

/// What is wrong with a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The value is no level.
    Level(Mode),
    /// The value is no version.
    Version(Mode),
    /// The key is none that anybody reads.
    Key,
    /// It is an annotation, which nobody reads.
    Annotation,
}

/// What a namespace's labels say and mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacePolicy {
    /// What the API server does.
    pub policy: Policy,
    /// The labels as written.
    pub labels: Vec<Label>,
    /// Those that do not do what they look like.
    pub problems: Vec<Problem>,
}

impl NamespacePolicy {
    /// Reads the labels of a Namespace object; `defaults` are the cluster's, for what is not
    /// labelled.
    pub fn of(namespace: &Object, defaults: &Policy) -> Self {
        let mut labels = Vec::new();
        for (map, is_annotation) in [("labels", false), ("annotations", true)] {
            let entries = namespace
                .body()
                .and_then(|body| body.at(&["metadata", map]))
                .and_then(|node| node.as_map());
            for entry in entries.into_iter().flatten() {
                let Some(name) = entry.key.strip_prefix(PREFIX) else {
                    continue;
                };
                // `null` is the empty text to the API; other types it refuses.
                let value = match entry.value.as_str() {
                    Some(value) => value,
                    None if entry.value.is_null() => "",
                    None => continue,
                };
                labels.push(Label {
                    name: name.into(),
                    value: value.into(),
                    span: if entry.value.is_null() {
                        entry.key_span
                    } else {
                        entry.value.span
                    },
                    is_annotation,
                });
            }
        }
        Self::from_labels(labels, defaults)
    }

    /// Gives labels their meaning.
    pub fn from_labels(labels: Vec<Label>, defaults: &Policy) -> Self {
        let mut policy = *defaults;
        let mut problems = Vec::new();
        let find = |name: &str| labels.iter().find(|l| !l.is_annotation && &*l.name == name);
        let mut explicit_enforce = false;
        for mode in Mode::ALL {
            if let Some(label) = find(mode.name()) {
                let level = parse_level(&label.value);
                explicit_enforce |= mode == Mode::Enforce && level.is_some();
                if level.is_none() {
                    let kind = ProblemKind::Level(mode);
                    problems.push(Problem {
                        label: label.clone(),
                        kind,
                    });
                }
                policy.mode_mut(mode).level = level.unwrap_or(match mode {
                    Mode::Enforce => PodSecurityLevel::Restricted,
                    Mode::Audit | Mode::Warn => PodSecurityLevel::Privileged,
                });
            }
            if let Some(label) = find(mode.version_name()) {
                let version = PolicyVersion::parse(&label.value);
                if version.is_none() {
                    let kind = ProblemKind::Version(mode);
                    problems.push(Problem {
                        label: label.clone(),
                        kind,
                    });
                }
                policy.mode_mut(mode).version = version.unwrap_or(PolicyVersion::Latest);
            }
        }
        let follows = explicit_enforce && find(Mode::Warn.name()).is_none();
        if follows && policy.enforce.level > policy.warn.level {
            policy.warn.level = policy.enforce.level;
            if find(Mode::Warn.version_name()).is_none() {
                policy.warn.version = policy.enforce.version;
            }
        }
        for label in &labels {
            let is_known = Mode::ALL
                .iter()
                .any(|mode| *label.name == *mode.name() || *label.name == *mode.version_name());
            let kind = match (label.is_annotation, is_known) {
                (true, true) => ProblemKind::Annotation,
                (false, false) => ProblemKind::Key,
                _ => continue,
            };
            problems.push(Problem {
                label: label.clone(),
                kind,
            });
        }
        Self {
            policy,
            labels,
            problems,
        }
    }

    /// The label that sets a mode's level.
    pub fn level_label(&self, mode: Mode) -> Option<&Label> {
        self.label(mode.name())
    }

    /// The label that sets a mode's version.
    pub fn version_label(&self, mode: Mode) -> Option<&Label> {
        self.label(mode.version_name())
    }

    fn label(&self, name: &str) -> Option<&Label> {
        self.labels
            .iter()
            .find(|label| !label.is_annotation && &*label.name == name)
    }
}

/// Reads a level as the API server does: exactly.
pub fn parse_level(text: &str) -> Option<PodSecurityLevel> {
    [
        PodSecurityLevel::Privileged,
        PodSecurityLevel::Baseline,
        PodSecurityLevel::Restricted,
    ]
    .into_iter()
    .find(|level| level.name() == text)
}
