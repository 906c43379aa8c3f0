//! The kinds of policies that flows become. They share one plan and one proof; what differs is
//! whom a kind can hold, how it names who sends, and how it is written.

/// A kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// NetworkPolicy of Kubernetes.
    Netpol,
    /// CiliumNetworkPolicy.
    Cnp,
    /// AuthorizationPolicy of Istio.
    Authz,
    /// Server, AuthorizationPolicy and the authentications of Linkerd.
    Linkerd,
}

impl Kind {
    /// Its name as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Netpol => "netpol",
            Kind::Cnp => "cnp",
            Kind::Authz => "authz",
            Kind::Linkerd => "linkerd",
        }
    }

    /// Whether proxies of a mesh enforce it: they know who sends by its account, and hold what
    /// comes in by TCP.
    pub fn is_mesh(self) -> bool {
        matches!(self, Kind::Authz | Kind::Linkerd)
    }

    /// Whether it can ask for methods and paths.
    pub(super) fn reads_requests(self) -> bool {
        self != Kind::Netpol
    }

    /// What enforces it.
    pub fn enforcer(self) -> &'static str {
        match self {
            Kind::Netpol => "the cluster's network",
            Kind::Cnp => "Cilium",
            Kind::Authz => "Istio",
            Kind::Linkerd => "Linkerd",
        }
    }
}
