//! W47: API versions whose successor has the same fields.

use super::{Found, mechanical};
use seawall_model::{Data, Operation, Repair};
use seawall_yaml::{Node, Value};

/// API version, kinds (all if empty) and successor, where objects need no other change. Old
/// workloads may lack the selector, which is then what the old version made of it.
const SAME: [(&str, &[&str], &str); 17] = [
    (
        "extensions/v1beta1",
        &["DaemonSet", "Deployment", "ReplicaSet"],
        "apps/v1",
    ),
    (
        "extensions/v1beta1",
        &["NetworkPolicy"],
        "networking.k8s.io/v1",
    ),
    ("apps/v1beta1", &["Deployment", "StatefulSet"], "apps/v1"),
    ("apps/v1beta2", &[], "apps/v1"),
    ("batch/v1beta1", &["CronJob"], "batch/v1"),
    (
        "rbac.authorization.k8s.io/v1beta1",
        &[],
        "rbac.authorization.k8s.io/v1",
    ),
    (
        "apiregistration.k8s.io/v1beta1",
        &[],
        "apiregistration.k8s.io/v1",
    ),
    (
        "coordination.k8s.io/v1beta1",
        &["Lease"],
        "coordination.k8s.io/v1",
    ),
    (
        "scheduling.k8s.io/v1beta1",
        &["PriorityClass"],
        "scheduling.k8s.io/v1",
    ),
    (
        "storage.k8s.io/v1beta1",
        &[
            "CSIDriver",
            "CSINode",
            "StorageClass",
            "VolumeAttachment",
            "CSIStorageCapacity",
        ],
        "storage.k8s.io/v1",
    ),
    (
        "autoscaling/v2beta2",
        &["HorizontalPodAutoscaler"],
        "autoscaling/v2",
    ),
    ("node.k8s.io/v1beta1", &["RuntimeClass"], "node.k8s.io/v1"),
    (
        "networking.k8s.io/v1beta1",
        &["IngressClass", "IPAddress", "ServiceCIDR"],
        "networking.k8s.io/v1",
    ),
    (
        "admissionregistration.k8s.io/v1beta1",
        &[
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ],
        "admissionregistration.k8s.io/v1",
    ),
    ("policy/v1beta1", &["PodDisruptionBudget"], "policy/v1"),
    (
        "authorization.k8s.io/v1beta1",
        &["SubjectAccessReview"],
        "authorization.k8s.io/v1",
    ),
    (
        "certificates.k8s.io/v1beta1",
        &["ClusterTrustBundle"],
        "certificates.k8s.io/v1",
    ),
];

pub(super) fn mend(found: &Found<'_>) -> Option<Repair> {
    let object = found.object;
    let version = object.get("apiVersion")?.as_str()?;
    let kind = object.get("kind")?.as_str()?;
    let (_, _, successor) = SAME
        .iter()
        .find(|(old, kinds, _)| *old == version && (kinds.is_empty() || kinds.contains(&kind)))?;
    let mut operations = vec![Operation::set("/apiVersion", Data::text(*successor))];
    match kind {
        // An empty selector meant no pod before and means all of them now.
        "PodDisruptionBudget" => {
            let selector = object.at(&["spec", "selector"])?;
            selector.as_map().filter(|map| !map.is_empty())?;
        }
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet"
            if object.at(&["spec", "selector"]).is_none_or(Node::is_null) =>
        {
            let labels = object.at(&["spec", "template", "metadata", "labels"])?;
            operations.push(Operation::set("/spec/selector/matchLabels", data(labels)?));
        }
        _ => {}
    }
    Some(mechanical(operations))
}

/// Labels as data.
fn data(labels: &Node) -> Option<Data> {
    let entries = labels
        .as_map()?
        .iter()
        .map(|entry| match &entry.value.value {
            Value::String(text) => Some((entry.key.clone(), Data::Text(text.clone()))),
            _ => None,
        });
    let entries: Option<Vec<_>> = entries.collect();
    entries.filter(|entries| !entries.is_empty()).map(Data::Map)
}
