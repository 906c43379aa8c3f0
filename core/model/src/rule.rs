//! What a rule is: the closed catalogue entry behind every finding.

use crate::Severity;
use std::borrow::Cow;
use std::fmt;

/// The id of a rule, such as `W01`. Built-in ids are static; a user's own policy names its
/// own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub Cow<'static, str>);

impl RuleId {
    /// The id of a built-in rule.
    pub const fn new(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The five threat areas of a cloud-native stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// Service mesh: insecure or missing defaults, misconfiguration.
    Mesh,
    /// Runtime: data that becomes code, privilege escalation.
    Runtime,
    /// Containers and clusters: blind spots, lateral movement, misconfiguration.
    Containers,
    /// Secrets: environment variables, images, code, over-mounting, weak passwords.
    Secrets,
    /// Known vulnerabilities in images and components.
    Vulnerabilities,
}

impl Area {
    /// All areas in the order reports print them.
    pub const ALL: [Area; 5] = [
        Area::Mesh,
        Area::Runtime,
        Area::Containers,
        Area::Secrets,
        Area::Vulnerabilities,
    ];

    /// The lower-case name used in flags and machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Area::Mesh => "mesh",
            Area::Runtime => "runtime",
            Area::Containers => "containers",
            Area::Secrets => "secrets",
            Area::Vulnerabilities => "vulnerabilities",
        }
    }
}

/// A published framework whose controls rules map to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Framework {
    /// CIS Kubernetes Benchmark v1.12.
    Cis,
    /// NSA/CISA Kubernetes Hardening Guide (control ids as Kubescape numbers them).
    Nsa,
    /// Pod Security Standards (`baseline/…`, `restricted/…`).
    Pss,
    /// MITRE ATT&CK for Containers technique ids.
    Mitre,
}

impl Framework {
    /// All frameworks.
    pub const ALL: [Framework; 4] = [
        Framework::Cis,
        Framework::Nsa,
        Framework::Pss,
        Framework::Mitre,
    ];

    /// The lower-case name used in flags and machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Framework::Cis => "cis",
            Framework::Nsa => "nsa",
            Framework::Pss => "pss",
            Framework::Mitre => "mitre",
        }
    }

    /// The full title, with the edition that the ids refer to.
    pub fn title(self) -> &'static str {
        match self {
            Framework::Cis => "CIS Kubernetes Benchmark v1.12",
            Framework::Nsa => "NSA/CISA Kubernetes Hardening Guide",
            Framework::Pss => "Kubernetes Pod Security Standards",
            Framework::Mitre => "MITRE ATT&CK for Containers",
        }
    }
}

/// A control of a framework that a rule speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Whose control.
    pub framework: Framework,
    /// The control's id there: `5.2.2`, `C-0057`, `baseline/privileged`, `T1611`.
    pub control: &'static str,
}

/// A catalogue entry. `seawall explain`, the documentation page and SARIF rule metadata
/// all come from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Stable id.
    pub id: RuleId,
    /// What is wrong, in a few words, without a full stop: `privileged container`.
    pub title: Cow<'static, str>,
    /// Starting severity; an engine may raise or lower it with evidence.
    pub severity: Severity,
    /// Which threat area it belongs to.
    pub area: Area,
    /// What an attacker does with it, in plain words.
    pub why: Cow<'static, str>,
    /// What to do about it.
    pub fix: Cow<'static, str>,
    /// Controls it speaks about.
    pub references: Cow<'static, [Reference]>,
    /// Ids of the same check in other tools, for users who come from them:
    /// `KSV-0017`, `C-0057`.
    pub aliases: Cow<'static, [&'static str]>,
    /// The first Seawall release with this rule.
    pub since: &'static str,
}
