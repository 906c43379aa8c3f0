//! Who a resource is: group, version, kind, name, namespace, as Kustomize compares them.

use seawall_model::Str;
use std::fmt;

/// Kinds that have no namespace, per `apiVersion`. Kustomize knows exactly these; every
/// other kind, custom ones above all, counts as namespaced.
const CLUSTER_SCOPED: &[(&str, &str)] = &[
    (
        "v1",
        "ComponentStatus Namespace Node NodeProxyOptions PersistentVolume",
    ),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io/v1beta1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    ),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("apiregistration.k8s.io/v1beta1", "APIService"),
    ("certificates.k8s.io/v1", "CertificateSigningRequest"),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"),
    (
        "flowcontrol.apiserver.k8s.io/v1beta1",
        "FlowSchema PriorityLevelConfiguration",
    ),
    ("networking.k8s.io/v1", "IngressClass"),
    ("networking.k8s.io/v1beta1", "IngressClass"),
    ("node.k8s.io/v1", "RuntimeClass"),
    ("node.k8s.io/v1beta1", "RuntimeClass"),
    ("policy/v1beta1", "PodSecurityPolicy"),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole ClusterRoleBinding",
    ),
    (
        "rbac.authorization.k8s.io/v1beta1",
        "ClusterRole ClusterRoleBinding",
    ),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"),
    (
        "storage.k8s.io/v1",
        "CSIDriver CSINode StorageClass VolumeAttachment",
    ),
    (
        "storage.k8s.io/v1beta1",
        "CSIDriver CSINode StorageClass VolumeAttachment",
    ),
];

/// Namespace that stands for "has none and cannot have one".
pub(super) const NOT_A_NAMESPACE: &str = "_non_namespaceable_";

/// Whether a kind certainly has no namespace.
pub(super) fn cluster_scoped(api_version: &str, kind: &str) -> bool {
    CLUSTER_SCOPED
        .iter()
        .any(|(version, kinds)| *version == api_version && kinds.split(' ').any(|k| k == kind))
}

/// `apps/v1` to `("apps", "v1")`, `v1` to `("", "v1")`.
pub(super) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Group, version and kind to select by; an empty part selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gvk {
    pub(super) group: Str2,
    pub(super) version: Str2,
    pub(super) kind: Str2,
}

/// A string that is usually short and often empty; an `Arc` would cost more than it saves.
pub(super) type Str2 = std::borrow::Cow<'static, str>;

impl Gvk {
    /// Whether `id` is of this group, version and kind, empty parts matching all.
    pub(super) fn selects(&self, id: &Id) -> bool {
        // The kind decides most often, and costs least.
        if !self.kind.is_empty() && self.kind != *id.kind {
            return false;
        }
        if self.group.is_empty() && self.version.is_empty() {
            return true;
        }
        let (group, version) = split_api_version(&id.api_version);
        (self.group.is_empty() || self.group == group)
            && (self.version.is_empty() || self.version == version)
    }

    /// Whether every object that `self` selects is selected by `wider` too.
    pub(super) fn is_selected_by(&self, wider: &Gvk) -> bool {
        (wider.group.is_empty() || self.group == wider.group)
            && (wider.version.is_empty() || self.version == wider.version)
            && (wider.kind.is_empty() || self.kind == wider.kind)
    }
}

/// A resource's identity at one moment of the build.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) api_version: Str,
    pub(super) kind: Str,
    pub(super) name: Str,
    pub(super) namespace: Str,
    pub(super) cluster: bool,
}

impl Id {
    /// The namespace for comparison: `default` when none is given, one of its own for
    /// cluster-scoped kinds.
    pub(super) fn effective_namespace(&self) -> &str {
        if self.cluster {
            NOT_A_NAMESPACE
        } else if self.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        }
    }

    /// Same kind, version, name and (effective) namespace.
    pub(super) fn same(&self, other: &Id) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.api_version == other.api_version
            && self.effective_namespace() == other.effective_namespace()
    }

    /// A key that is equal exactly when [`Id::same`] holds.
    pub(super) fn key(&self) -> (Str, Str, Str, Str) {
        (
            self.api_version.clone(),
            self.kind.clone(),
            self.name.clone(),
            Str::from(self.effective_namespace()),
        )
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        if !self.namespace.is_empty() && !self.cluster {
            write!(f, " in namespace {}", self.namespace)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_scope_is_per_version() {
        assert!(cluster_scoped("v1", "Namespace"));
        assert!(!cluster_scoped("v1", "Pod"));
        assert!(!cluster_scoped("example.com/v1", "Namespace"));
        assert!(!cluster_scoped(
            "flowcontrol.apiserver.k8s.io/v1",
            "FlowSchema"
        ));
    }
}
