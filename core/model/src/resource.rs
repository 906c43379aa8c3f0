//! The name of a Kubernetes object.

use crate::Str;
use std::fmt;

/// An object's identity in a cluster: API group, kind, namespace and name. The API
/// *version* is left out on purpose: `apps/v1beta1` and `apps/v1` name the same object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceRef {
    /// API group; empty for the core group.
    pub group: Str,
    /// Kind, as written: `Deployment`.
    pub kind: Str,
    /// Namespace as written; `None` for cluster-scoped objects and for namespaced ones
    /// whose manifest leaves it to `kubectl -n`.
    pub namespace: Option<Str>,
    /// Name, or the `generateName` prefix followed by `*`.
    pub name: Str,
}

impl ResourceRef {
    /// The group that the kind belongs to by now. What began in `extensions` moved on, and an
    /// API server of the time in between served one and the same object in both groups.
    pub fn lasting_group(&self) -> &str {
        match (&*self.group, &*self.kind) {
            ("extensions", "Deployment" | "DaemonSet" | "ReplicaSet") => "apps",
            ("extensions", "Ingress" | "NetworkPolicy") => "networking.k8s.io",
            ("extensions", "PodSecurityPolicy") => "policy",
            (group, _) => group,
        }
    }

    /// The same object, whichever of its groups a manifest names.
    #[must_use]
    pub fn lasting(&self) -> Self {
        Self {
            group: self.lasting_group().into(),
            ..self.clone()
        }
    }
}

impl fmt::Display for ResourceRef {
    /// `Deployment payments/api`, or `ClusterRole admin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {}/{}", self.kind, namespace, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
