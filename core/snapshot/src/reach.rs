//! How far a change can move verdicts.
//!
//! Every engine says it of its own verdicts, from what its rules look at. The rule of thumb
//! is a namespace: what a pod runs with (its account, its limits, the policies that select
//! it) is there. Whoever keeps an answer current judges no more than that again.

use crate::object::{Details, Object};
use seawall_model::Str;

/// The objects whose verdicts a change of one object can move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Those of a namespace, and the Namespace itself. To judge them takes these, what is in
    /// no namespace, and the [shared](is_shared) objects of the others.
    Namespace(Str),
    /// All.
    Everything,
}

/// The reach of an object that matters only to its namespace; everything else reaches far.
/// Kubernetes' own components are in `kube-` namespaces and decide for the whole cluster.
pub fn within_namespace(object: &Object) -> Reach {
    let reference = &object.reference;
    let is_namespace = &*reference.kind == "Namespace" && reference.group.is_empty();
    let namespace = match &reference.namespace {
        Some(namespace) if !is_shared(object) => namespace,
        None if is_namespace => &reference.name,
        _ => return Reach::Everything,
    };
    if namespace.starts_with("kube-") {
        return Reach::Everything;
    }
    Reach::Namespace(namespace.clone())
}

/// Whether an object of one namespace has a say in another: it grants rights to accounts
/// there, or is named by what belongs to no namespace. Only of workloads and ConfigMaps it is
/// known that they have none.
pub fn is_shared(object: &Object) -> bool {
    let is_workload = matches!(object.details, Details::Workload { .. });
    let is_config = &*object.reference.kind == "ConfigMap" && object.reference.group.is_empty();
    !is_workload && !is_config
}
