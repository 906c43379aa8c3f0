//! N12: selectors and targets that match nothing.
//!
//! Only where the namespace's workloads are in the input, and no custom resource is, whose
//! operator may make what is missed.

use super::Thing;
use crate::index::Space;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::Severity;
use seawall_snapshot::LabelSelector;
use seawall_yaml::Node;

/// Labels that controllers add to pods; templates do not have them.
const GENERATED: [&str; 8] = [
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-revision-hash",
    "pod-template-hash",
    "rollouts-pod-template-hash",
    "job-name",
    "batch.kubernetes.io/job-name",
    "controller-uid",
];

/// The namespace, if enough of it is known.
fn known<'a>(t: &Thing<'a>) -> Option<&'a Space<'a>> {
    let space = t.index.at(t.scope(), t.namespace())?;
    (!space.workloads.is_empty() && !space.custom_resources).then_some(space)
}

/// Drops requirements that only running pods can meet.
fn without_generated(mut selector: LabelSelector) -> LabelSelector {
    selector
        .requirements
        .retain(|requirement| !GENERATED.contains(&&*requirement.key));
    selector
}

fn report(t: &Thing<'_>, pointer: &str, span: seawall_model::Span, what: &str, sink: &mut Sink) {
    let locus = t.place(pointer, Some(span));
    let message = format!("{what} matches no pod of its namespace");
    let fix = "Correct the labels, or remove the object".to_owned();
    sink.add(t.asset, Draft::new(Id::N12, locus, message, fix));
}

/// A Service's selector.
pub(super) fn service(t: &Thing<'_>, sink: &mut Sink) {
    let Some(node) = t.get(&["spec", "selector"]) else {
        return;
    };
    let Some(selector) = LabelSelector::read_map(node).map(without_generated) else {
        return;
    };
    let Some(space) = known(t) else { return };
    sink.assess(Id::N12, 1);
    if selector.requirements.is_empty()
        || space.has_pod(&selector)
        || t.index.may_have_pod(t.namespace(), &selector)
    {
        return;
    }
    report(
        t,
        "/spec/selector",
        node.span,
        "the Service's selector",
        sink,
    );
}

/// A NetworkPolicy's pod selector.
pub(super) fn network_policy(t: &Thing<'_>, sink: &mut Sink) {
    let Some(node) = t.get(&["spec", "podSelector"]) else {
        return;
    };
    let Some(selector) = LabelSelector::read(node).map(without_generated) else {
        return;
    };
    let Some(space) = known(t) else { return };
    sink.assess(Id::N12, 1);
    if selector.requirements.is_empty()
        || space.has_pod(&selector)
        || t.index.may_have_pod(t.namespace(), &selector)
    {
        return;
    }
    report(
        t,
        "/spec/podSelector",
        node.span,
        "the policy's podSelector",
        sink,
    );
}

/// A PodDisruptionBudget's selector.
pub(super) fn budget(t: &Thing<'_>, sink: &mut Sink) {
    let Some(node) = t.get(&["spec", "selector"]) else {
        return;
    };
    let Some(selector) = LabelSelector::read(node).map(without_generated) else {
        return;
    };
    let Some(space) = known(t) else { return };
    sink.assess(Id::N12, 1);
    if selector.requirements.is_empty()
        || space.has_pod(&selector)
        || t.index.may_have_pod(t.namespace(), &selector)
    {
        return;
    }
    report(
        t,
        "/spec/selector",
        node.span,
        "the budget's selector",
        sink,
    );
}

/// An autoscaler's target.
pub(super) fn autoscaler(t: &Thing<'_>, sink: &mut Sink) {
    let Some(target) = t.get(&["spec", "scaleTargetRef"]) else {
        return;
    };
    let (Some(kind), Some(name)) = (
        target.get("kind").and_then(Node::as_str),
        target.get("name").and_then(Node::as_str),
    ) else {
        return;
    };
    let Some(space) = known(t) else { return };
    sink.assess(Id::N12, 1);
    let found = space
        .workloads
        .iter()
        .any(|workload| &*workload.owner.kind == kind && &*workload.owner.name == name);
    // Targets of other kinds are custom resources, which we may not know as workloads.
    if found || !matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet") {
        return;
    }
    let locus = t.place("/spec/scaleTargetRef", Some(target.span));
    let message = format!("the autoscaler's target {kind} `{name}` does not exist");
    let fix = "Correct scaleTargetRef, or remove the autoscaler".to_owned();
    sink.add(
        t.asset,
        Draft::new(Id::N12, locus, message, fix).severity(Severity::Info),
    );
}
