//! What engines tell each other: typed statements about the environment.
//!
//! An engine adds facts to its outcome; `paths` and the ranking read them. A fact is a
//! statement that was derived, never a guess: where an engine does not know, it says
//! nothing.

use crate::{ResourceRef, Span, Str};

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

/// A kind of pod, by the one thing that makes it dangerous; the others of its settings are
/// as careful as they can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodShape {
    /// Nothing is dangerous: no rights, no root, nothing of the node.
    Careful,
    /// Its process is root, in its container.
    Root,
    /// It has a capability that is as good as the node: `SYS_ADMIN`.
    Capability,
    /// It is in the node's network.
    HostNetwork,
    /// It sees the node's processes.
    HostPid,
    /// It shares memory with the node's processes.
    HostIpc,
    /// It mounts the node's file system.
    HostPath,
    /// A container is privileged.
    Privileged,
}

impl PodShape {
    /// All of them, in this order.
    pub const ALL: [PodShape; 8] = [
        PodShape::Careful,
        PodShape::Root,
        PodShape::Capability,
        PodShape::HostNetwork,
        PodShape::HostPid,
        PodShape::HostIpc,
        PodShape::HostPath,
        PodShape::Privileged,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            PodShape::Careful => "careful",
            PodShape::Root => "root",
            PodShape::Capability => "capability",
            PodShape::HostNetwork => "host network",
            PodShape::HostPid => "host processes",
            PodShape::HostIpc => "host IPC",
            PodShape::HostPath => "host path",
            PodShape::Privileged => "privileged",
        }
    }
}

/// One typed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Nothing that was seen refuses a pod of this shape in a namespace that was seen.
    Admits {
        /// The namespace.
        namespace: Str,
        /// What the pod is like.
        shape: PodShape,
        /// Whether everything that might refuse it was seen and asked. If not, the API
        /// server's default, a webhook or a policy without an answer decides.
        is_certain: bool,
    },
    /// Somebody on the internet gets to a port of a workload's pods.
    Exposed {
        /// The workload.
        workload: ResourceRef,
        /// `TCP`, `UDP` or `SCTP`.
        protocol: &'static str,
        /// The port that the pods listen on.
        port: u16,
        /// Whether only some requests get through: a path, a host, an identity decides.
        is_conditional: bool,
        /// What meets the outside, in words: `LoadBalancer`, `Ingress`.
        entry: &'static str,
        /// The proxy that stands before it, if any and if it was seen.
        through: Option<ResourceRef>,
        /// What requests have to be like, in words; empty is anything.
        requests: String,
        /// The objects that make the way, from the outside in, and where each leads on.
        links: Vec<(ResourceRef, Span)>,
    },
    /// A mesh stands before a workload's pods.
    Meshed {
        /// The workload.
        workload: ResourceRef,
        /// Ports that it declares and that take callers who prove no identity: mutual TLS is
        /// not demanded there, or nobody is asked who they are.
        unproven: Vec<(&'static str, u16)>,
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
