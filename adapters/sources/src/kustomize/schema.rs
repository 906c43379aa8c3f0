//! Which lists merge by key under a strategic merge patch.
//!
//! For built-in kinds the table holds only what leads to such a list: facts from the
//! Kubernetes 1.21 OpenAPI document, the one that Kustomize v5.7.1 carries. A custom
//! document (`openapi: path:`) is read as it is.

use seawall_yaml::Node;
use std::sync::Arc;

/// A type and its fields: `name:Type` leads on, `name[]:Type` is a list, `name[](key,…)` a
/// list that merges by those keys, and without keys by value.
const TYPES: &[(&str, &str)] = &[
    ("Meta", "finalizers[]() ownerReferences[](uid)"),
    ("Metadata", "metadata:Meta"),
    ("Conditions", "conditions[](type)"),
    ("WithStatus", "metadata:Meta status:Conditions"),
    ("PodTemplateSpec", "metadata:Meta spec:PodSpec"),
    ("PodTemplate", "metadata:Meta template:PodTemplateSpec"),
    ("Pod", "metadata:Meta spec:PodSpec status:PodStatus"),
    (
        "PodSpec",
        "containers[](name):Container ephemeralContainers[](name):EphemeralContainer \
         hostAliases[](ip) imagePullSecrets[](name) initContainers[](name):Container \
         topologySpreadConstraints[](topologyKey,whenUnsatisfiable) volumes[](name):Volume",
    ),
    (
        "Container",
        "env[](name) ports[](containerPort,protocol) volumeDevices[](devicePath) \
         volumeMounts[](mountPath)",
    ),
    (
        "EphemeralContainer",
        "env[](name) volumeDevices[](devicePath) volumeMounts[](mountPath)",
    ),
    ("Volume", "ephemeral:EphemeralVolumeSource"),
    ("EphemeralVolumeSource", "volumeClaimTemplate:Metadata"),
    ("PodStatus", "conditions[](type) podIPs[](ip)"),
    ("Template", "template:PodTemplateSpec"),
    ("Workload", "metadata:Meta spec:Template status:Conditions"),
    (
        "StatefulSet",
        "metadata:Meta spec:StatefulSetSpec status:Conditions",
    ),
    (
        "StatefulSetSpec",
        "template:PodTemplateSpec volumeClaimTemplates[]:WithStatus",
    ),
    ("CronJob", "metadata:Meta spec:CronJobSpec"),
    ("CronJobSpec", "jobTemplate:JobTemplateSpec"),
    ("JobTemplateSpec", "metadata:Meta spec:Template"),
    (
        "Service",
        "metadata:Meta spec:ServiceSpec status:Conditions",
    ),
    ("ServiceSpec", "ports[](port,protocol)"),
    ("ServiceAccount", "metadata:Meta secrets[](name)"),
    ("Node", "metadata:Meta spec:NodeSpec status:NodeStatus"),
    ("NodeSpec", "podCIDRs[]()"),
    ("NodeStatus", "addresses[](type) conditions[](type)"),
    ("CSINode", "metadata:Meta spec:CSINodeSpec"),
    ("CSINodeSpec", "drivers[](name)"),
    ("ComponentStatus", "conditions[](type) metadata:Meta"),
    ("Webhooks", "metadata:Meta webhooks[](name)"),
    (
        "Kustomization",
        "configMapGenerator[](name) secretGenerator[](name)",
    ),
];

/// `apiVersion`, kinds, and their type.
const KINDS: &[(&str, &str, &str)] = &[
    ("v1", "Pod", "Pod"),
    ("v1", "PodTemplate", "PodTemplate"),
    ("v1", "Service", "Service"),
    ("v1", "ServiceAccount", "ServiceAccount"),
    ("v1", "Node", "Node"),
    ("v1", "ComponentStatus", "ComponentStatus"),
    ("v1", "ReplicationController", "Workload"),
    ("v1", "Namespace PersistentVolumeClaim", "WithStatus"),
    (
        "v1",
        "Binding ConfigMap Endpoints Event LimitRange PersistentVolume ResourceQuota Secret",
        "Metadata",
    ),
    ("apps/v1", "DaemonSet Deployment ReplicaSet", "Workload"),
    ("apps/v1", "StatefulSet", "StatefulSet"),
    ("apps/v1", "ControllerRevision", "Metadata"),
    ("batch/v1", "Job", "Workload"),
    ("batch/v1", "CronJob", "CronJob"),
    ("batch/v1beta1", "CronJob", "CronJob"),
    ("storage.k8s.io/v1", "CSINode", "CSINode"),
    ("storage.k8s.io/v1beta1", "CSINode", "CSINode"),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
        "Webhooks",
    ),
    (
        "admissionregistration.k8s.io/v1beta1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
        "Webhooks",
    ),
    ("apiregistration.k8s.io/v1", "APIService", "WithStatus"),
    ("apiregistration.k8s.io/v1beta1", "APIService", "WithStatus"),
    ("policy/v1", "PodDisruptionBudget", "WithStatus"),
    ("policy/v1beta1", "PodDisruptionBudget", "WithStatus"),
    ("policy/v1beta1", "Eviction PodSecurityPolicy", "Metadata"),
    (
        "authentication.k8s.io/v1",
        "TokenRequest TokenReview",
        "Metadata",
    ),
    ("authentication.k8s.io/v1beta1", "TokenReview", "Metadata"),
    (
        "authorization.k8s.io/v1",
        "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview \
         SubjectAccessReview",
        "Metadata",
    ),
    (
        "authorization.k8s.io/v1beta1",
        "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview \
         SubjectAccessReview",
        "Metadata",
    ),
    (
        "autoscaling/v1",
        "HorizontalPodAutoscaler Scale",
        "Metadata",
    ),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler", "Metadata"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "Metadata"),
    (
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        "Metadata",
    ),
    (
        "certificates.k8s.io/v1beta1",
        "CertificateSigningRequest",
        "Metadata",
    ),
    ("coordination.k8s.io/v1", "Lease", "Metadata"),
    ("coordination.k8s.io/v1beta1", "Lease", "Metadata"),
    ("discovery.k8s.io/v1", "EndpointSlice", "Metadata"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice", "Metadata"),
    ("events.k8s.io/v1", "Event", "Metadata"),
    ("events.k8s.io/v1beta1", "Event", "Metadata"),
    ("extensions/v1beta1", "Ingress", "Metadata"),
    (
        "flowcontrol.apiserver.k8s.io/v1beta1",
        "FlowSchema PriorityLevelConfiguration",
        "Metadata",
    ),
    (
        "networking.k8s.io/v1",
        "Ingress IngressClass NetworkPolicy",
        "Metadata",
    ),
    (
        "networking.k8s.io/v1beta1",
        "Ingress IngressClass",
        "Metadata",
    ),
    ("node.k8s.io/v1", "RuntimeClass", "Metadata"),
    ("node.k8s.io/v1beta1", "RuntimeClass", "Metadata"),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole ClusterRoleBinding Role RoleBinding",
        "Metadata",
    ),
    (
        "rbac.authorization.k8s.io/v1beta1",
        "ClusterRole ClusterRoleBinding Role RoleBinding",
        "Metadata",
    ),
    ("scheduling.k8s.io/v1", "PriorityClass", "Metadata"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass", "Metadata"),
    (
        "storage.k8s.io/v1",
        "CSIDriver StorageClass VolumeAttachment",
        "Metadata",
    ),
    (
        "storage.k8s.io/v1beta1",
        "CSIDriver CSIStorageCapacity StorageClass VolumeAttachment",
        "Metadata",
    ),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "Metadata",
    ),
    (
        "apiextensions.k8s.io/v1beta1",
        "CustomResourceDefinition",
        "Metadata",
    ),
    (
        "kustomize.config.k8s.io/v1beta1",
        "Kustomization",
        "Kustomization",
    ),
];

/// What a build knows about types: the built-in kinds, and a custom document if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Schemas {
    custom: Option<Arc<Node>>,
    /// A custom document at the top replaces the built-in one; one in a base comes on top.
    only_custom: bool,
}

/// The type of one value.
#[derive(Debug, Clone)]
pub(super) enum Type {
    /// Fields of a built-in type.
    Fields(&'static str),
    /// A built-in list: the keys it merges by, if it does, and what its items are.
    List(Option<&'static str>, Option<&'static str>),
    /// A schema in a custom document.
    Custom(Arc<Node>, Node),
}

fn fields_of(name: &str) -> Option<Type> {
    TYPES
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, fields)| Type::Fields(fields))
}

impl Schemas {
    /// A custom document.
    pub(super) fn custom(document: Node, only_custom: bool) -> Self {
        Self {
            custom: Some(Arc::new(document)),
            only_custom,
        }
    }

    /// Whether a custom document is in force.
    pub(super) fn has_custom(&self) -> bool {
        self.custom.is_some()
    }

    /// The type of a kind, if it is known.
    pub(super) fn of(&self, api_version: &str, kind: &str) -> Option<Type> {
        if let Some(found) = self
            .custom
            .as_ref()
            .and_then(|doc| custom_kind(doc, api_version, kind))
        {
            return Some(found);
        }
        if self.only_custom && kind != "Kustomization" {
            return None;
        }
        KINDS
            .iter()
            .find(|(v, kinds, _)| *v == api_version && kinds.split_whitespace().any(|k| k == kind))
            .and_then(|(_, _, name)| fields_of(name))
    }
}

fn custom_kind(document: &Arc<Node>, api_version: &str, kind: &str) -> Option<Type> {
    let definitions = document.get("definitions")?.as_map()?;
    for entry in definitions {
        let Some(list) = entry
            .value
            .get("x-kubernetes-group-version-kind")
            .and_then(Node::as_seq)
        else {
            continue;
        };
        let matches = list.iter().any(|gvk| {
            let text = |key: &str| gvk.get(key).and_then(Node::as_str).unwrap_or_default();
            let (group, version) = (text("group"), text("version"));
            text("kind") == kind
                && if group.is_empty() {
                    version == api_version
                } else {
                    api_version.split_once('/') == Some((group, version))
                }
        });
        if matches {
            return Some(Type::Custom(document.clone(), entry.value.clone()));
        }
    }
    None
}

/// Follows `$ref` to `#/definitions/…`; gives up on anything else and on circles.
fn resolve(document: &Node, schema: &Node) -> Option<Node> {
    let mut schema = schema;
    for _ in 0..32 {
        let Some(reference) = schema.get("$ref").and_then(Node::as_str) else {
            return Some(schema.clone());
        };
        let name = reference
            .strip_prefix("#/definitions/")?
            .replace("~1", "/")
            .replace("~0", "~");
        schema = document.get("definitions")?.get(&name)?;
    }
    None
}

impl Type {
    /// The type of a field.
    pub(super) fn field(&self, name: &str) -> Option<Type> {
        match self {
            Type::Fields(fields) => fields.split_whitespace().find_map(|field| {
                let (head, ty) = match field.split_once(':') {
                    Some((head, ty)) => (head, Some(ty)),
                    None => (field, None),
                };
                match head.split_once("[]") {
                    Some((list, keys)) if list == name => {
                        let keys = keys.strip_prefix('(').and_then(|k| k.strip_suffix(')'));
                        Some(Type::List(keys, ty))
                    }
                    None if head == name => fields_of(ty?),
                    _ => None,
                }
            }),
            Type::List(..) => None,
            Type::Custom(document, schema) => {
                let field = schema
                    .get("properties")
                    .and_then(|p| p.get(name))
                    .or_else(|| {
                        schema
                            .get("additionalProperties")
                            .filter(|a| a.as_map().is_some())
                    })?;
                Some(Type::Custom(document.clone(), resolve(document, field)?))
            }
        }
    }

    /// The type of the items of this list.
    pub(super) fn items(&self) -> Option<Type> {
        match self {
            Type::Fields(_) => None,
            Type::List(_, items) => fields_of((*items)?),
            Type::Custom(document, schema) => {
                let ty = schema.get("type")?;
                let is_array = ty.as_str() == Some("array")
                    || matches!(ty.as_seq(), Some([only]) if only.as_str() == Some("array"));
                if !is_array {
                    return None;
                }
                Some(Type::Custom(
                    document.clone(),
                    resolve(document, schema.get("items")?)?,
                ))
            }
        }
    }

    /// The keys by which this list merges; none at all for lists of plain values. `None`
    /// when it does not merge but is replaced.
    pub(super) fn merge_keys(&self) -> Option<Vec<String>> {
        match self {
            Type::Fields(_) | Type::List(None, _) => None,
            Type::List(Some(keys), _) => Some(
                keys.split(',')
                    .filter(|k| !k.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            Type::Custom(_, schema) => {
                let strategy = schema.get("x-kubernetes-patch-strategy")?.as_str()?;
                if !strategy.split(',').any(|s| s == "merge") {
                    return None;
                }
                if let Some(keys) = schema
                    .get("x-kubernetes-list-map-keys")
                    .and_then(Node::as_seq)
                {
                    return Some(
                        keys.iter()
                            .filter_map(Node::as_str)
                            .map(str::to_owned)
                            .collect(),
                    );
                }
                let key = schema
                    .get("x-kubernetes-patch-merge-key")
                    .and_then(Node::as_str);
                Some(key.map(str::to_owned).into_iter().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_type_exists() {
        for (_, fields) in TYPES {
            for field in fields.split_whitespace() {
                if let Some((_, ty)) = field.split_once(':') {
                    assert!(fields_of(ty).is_some(), "{ty}");
                }
            }
        }
        for (_, _, ty) in KINDS {
            assert!(fields_of(ty).is_some(), "{ty}");
        }
    }

    #[test]
    fn ports_merge_by_port_and_protocol() {
        let ty = Schemas::default().of("batch/v1", "CronJob").unwrap();
        let path = [
            "spec",
            "jobTemplate",
            "spec",
            "template",
            "spec",
            "containers",
        ];
        let containers = path.iter().fold(ty, |ty, field| ty.field(field).unwrap());
        assert_eq!(containers.merge_keys().unwrap(), ["name"]);
        let ports = containers.items().unwrap().field("ports").unwrap();
        assert_eq!(ports.merge_keys().unwrap(), ["containerPort", "protocol"]);
        assert!(containers.items().unwrap().field("args").is_none());
    }
}
