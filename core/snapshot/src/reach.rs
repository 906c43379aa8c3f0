//! How far a change can move verdicts.
//!
//! The rule of thumb is a namespace: what a pod runs with (its account, its limits, the
//! policies that select it) is there. Whoever keeps an answer current judges no more than
//! that again. What is not known to be local reaches everything.

use crate::object::{Details, Object};
use seawall_model::Str;

/// The objects whose verdicts a change of one object can move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Those of a namespace, and the Namespace itself. To judge them takes these and the
    /// [shared](is_shared) objects.
    Namespace(Str),
    /// All.
    Everything,
}

/// Kinds that matter only to their namespace, besides those of workloads.
const LOCAL: [(&str, &str); 9] = [
    ("", "ConfigMap"),
    ("", "LimitRange"),
    ("", "PersistentVolumeClaim"),
    ("", "ResourceQuota"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("policy", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "Role"),
];

/// How far a change of this object reaches. Kubernetes' own components are in `kube-`
/// namespaces and decide for the whole cluster.
pub fn of(object: &Object) -> Reach {
    let reference = &object.reference;
    let kind = (&*reference.group, &*reference.kind);
    let is_workload = matches!(object.details, Details::Workload { .. });
    let namespace = match &reference.namespace {
        Some(namespace) if is_workload || LOCAL.contains(&kind) => namespace,
        None if kind == ("", "Namespace") => &reference.name,
        _ => return Reach::Everything,
    };
    if namespace.starts_with("kube-") {
        return Reach::Everything;
    }
    Reach::Namespace(namespace.clone())
}

/// Whether verdicts about a namespace rest on this object of another: a binding can give
/// rights to any account, and whether anybody uses network policies is told by all of them.
pub fn is_shared(object: &Object) -> bool {
    let reference = &object.reference;
    reference.namespace.is_none()
        || matches!(
            (&*reference.group, &*reference.kind),
            ("rbac.authorization.k8s.io", "RoleBinding")
                | ("networking.k8s.io" | "extensions", "NetworkPolicy")
        )
}
