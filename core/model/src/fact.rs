//! What engines tell each other: typed statements about the environment.
//!
//! An engine adds facts to its outcome; `paths` and the ranking read them. A fact is a
//! statement that was derived, never a guess: where an engine does not know, it says
//! nothing.

use crate::{ResourceRef, Str};

/// A Pod Security level, least strict first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodSecurityLevel {
    /// Everything is allowed.
    Privileged,
    /// Known privilege escalations are refused.
    Baseline,
    /// Current hardening practice is demanded.
    Restricted,
}

impl PodSecurityLevel {
    /// The label value.
    pub fn name(self) -> &'static str {
        match self {
            PodSecurityLevel::Privileged => "privileged",
            PodSecurityLevel::Baseline => "baseline",
            PodSecurityLevel::Restricted => "restricted",
        }
    }
}

/// One typed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A namespace's Pod Security labels let in every pod up to this level.
    Admits {
        /// The namespace.
        namespace: Str,
        /// The strictest level that a pod must meet to be created there; `Privileged`
        /// means that anything is let in.
        level: PodSecurityLevel,
    },
    /// A workload's pods may do what this level refuses: the strictest level they meet.
    Meets {
        /// The workload.
        workload: ResourceRef,
        /// The strictest level it meets.
        level: PodSecurityLevel,
    },
    /// A workload runs under this service account.
    RunsAs {
        /// The workload.
        workload: ResourceRef,
        /// Name of the service account, in the workload's namespace.
        service_account: Str,
        /// Whether its API token is mounted into the containers.
        token_mounted: bool,
    },
}
