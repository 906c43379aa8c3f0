//! Kinds of objects and the resources that they are: rules of policies name resources,
//! manifests name kinds.

use seawall_snapshot::{Object, Snapshot};
use seawall_yaml::Node;
use std::collections::HashMap;

/// What custom resource definitions of the picture say; only there when trees were kept.
#[derive(Debug, Default)]
pub(super) struct Resources {
    custom: HashMap<(String, String), (String, bool)>,
}

/// Built-in and widespread kinds that live outside of namespaces.
const CLUSTER_SCOPED: [(&str, &str); 42] = [
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("", "ComponentStatus"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("node.k8s.io", "RuntimeClass"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
    ),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
    ),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicyBinding",
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "ResourceSlice"),
    ("policy", "PodSecurityPolicy"),
    ("authentication.k8s.io", "TokenReview"),
    ("authorization.k8s.io", "SubjectAccessReview"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("cert-manager.io", "ClusterIssuer"),
    ("kyverno.io", "ClusterPolicy"),
    ("external-secrets.io", "ClusterSecretStore"),
    ("external-secrets.io", "ClusterExternalSecret"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("cilium.io", "CiliumNode"),
    ("policy.networking.k8s.io", "AdminNetworkPolicy"),
    ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
];

impl Resources {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut custom = HashMap::new();
        for (_, object) in snapshot.of_kind("apiextensions.k8s.io", "CustomResourceDefinition") {
            let Some(spec) = object.tree().and_then(|tree| tree.get("spec")) else {
                continue;
            };
            let text = |path: &[&str]| spec.at(path).and_then(Node::as_str).map(str::to_owned);
            if let (Some(group), Some(kind), Some(plural)) = (
                text(&["group"]),
                text(&["names", "kind"]),
                text(&["names", "plural"]),
            ) {
                let is_namespaced = text(&["scope"]).as_deref() != Some("Cluster");
                custom.insert((group, kind), (plural, is_namespaced));
            }
        }
        Self { custom }
    }

    /// The plural name of an object's resource, and whether it lives in a namespace.
    pub(super) fn resource(&self, object: &Object) -> (String, bool) {
        let (group, kind) = (&*object.reference.group, &*object.reference.kind);
        if let Some((plural, is_namespaced)) = self.custom.get(&(group.to_owned(), kind.to_owned()))
        {
            return (plural.clone(), *is_namespaced);
        }
        let is_guessed = object.reference.namespace.is_none()
            && group.contains('.')
            && !group.ends_with(".k8s.io")
            && kind.starts_with("Cluster");
        let is_cluster = CLUSTER_SCOPED.contains(&(group, kind)) || is_guessed;
        (plural(kind), !is_cluster)
    }
}

/// The plural of a kind, as code generators make it.
fn plural(kind: &str) -> String {
    let word = kind.to_lowercase();
    if word == "endpoints" {
        return word;
    }
    let is_vowel = |c: char| "aeiou".contains(c);
    if let Some(stem) = word.strip_suffix('y')
        && !stem.ends_with(is_vowel)
    {
        return format!("{stem}ies");
    }
    let hisses = ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|end| word.ends_with(end));
    format!("{word}{}", if hisses { "es" } else { "s" })
}

/// Groups that have the same resource under other names: `matchPolicy: Equivalent` sees
/// through them.
pub(super) fn equivalent_groups(group: &str, resource: &str) -> &'static [&'static str] {
    match (group, resource) {
        ("apps" | "extensions", "deployments" | "daemonsets" | "replicasets") => {
            &["apps", "extensions"]
        }
        ("networking.k8s.io" | "extensions", "ingresses" | "networkpolicies") => {
            &["networking.k8s.io", "extensions"]
        }
        ("" | "events.k8s.io", "events") => &["", "events.k8s.io"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_those_of_the_api() {
        for (kind, want) in [
            ("Pod", "pods"),
            ("Ingress", "ingresses"),
            ("NetworkPolicy", "networkpolicies"),
            ("Gateway", "gateways"),
            ("Endpoints", "endpoints"),
            ("StorageClass", "storageclasses"),
            ("ConfigMap", "configmaps"),
        ] {
            assert_eq!(plural(kind), want);
        }
    }
}
