//! K. What root on a node gives.

use super::Row;
use crate::graph::{Because, Ease, Needs, Place};
use crate::picture::Picture;
use crate::spot::{IdentityId, NodeId, PlaceId, Scope, SecretId, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::access::Identity;

ascent::ascent! {
    /// What a node holds.
    struct Nodes;
    relation node(NodeId);
    /// A workload, a node that its pods are on, and how sure that is.
    relation on(WorkloadId, NodeId, Ease);
    relation runs_as(WorkloadId, IdentityId);
    relation pulls_with(WorkloadId, SecretId);
    relation identity(NodeId, IdentityId);
    relation control_plane(NodeId, PlaceId);
    /// How sure it is that some node is of the control plane and takes pods.
    relation has_control_plane(Ease);
    relation step(Id, Needs, Spot, Ease, Because);

    // NODE_PODS
    step(Id::NODE_PODS, Needs::one(Spot::Node(*node)), Spot::Workload(*w), *ease, Because::Nature) <--
        on(w, node, ease);

    // NODE_TOKENS: the kubelet may ask for tokens of its pods' accounts, mounted or not.
    step(Id::NODE_TOKENS, Needs::one(Spot::Node(*node)), Spot::Identity(*account), *ease, Because::Nature) <--
        on(w, node, ease),
        runs_as(w, account);
    step(Id::NODE_TOKENS, Needs::one(Spot::Node(*node)), Spot::Secret(*secret), *ease, Because::Nature) <--
        on(w, node, ease),
        pulls_with(w, secret);

    // NODE_IDENTITY
    step(Id::NODE_IDENTITY, Needs::one(Spot::Node(*node)), Spot::Identity(*id), Ease::Easy, Because::Nature) <--
        identity(node, id);

    // NODE_CONTROLPLANE: its files are the cluster's keys.
    step(Id::NODE_CONTROLPLANE, Needs::one(Spot::Node(*node)), Spot::Admin(Scope::All), Ease::Easy, Because::Place(*place)) <--
        control_plane(node, place);
    step(Id::NODE_CONTROLPLANE, Needs::one(Spot::Nodes), Spot::Admin(Scope::All), *ease, Because::Nature) <--
        has_control_plane(ease);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>) -> Vec<Row> {
    let mut rules = Nodes::default();
    for (number, _) in picture.nodes.iter() {
        rules.node.push((NodeId(number),));
    }
    for (id, node) in picture.on_nodes() {
        let workload = picture.workloads.get(id.index());
        let is_sure = node != NodeId(0) || workload.is_some_and(|one| one.is_everywhere);
        let ease = if is_sure { Ease::Easy } else { Ease::Lucky };
        rules.on.push((id, node, ease));
    }
    let mut pulls = Vec::new();
    for (id, workload) in picture.workload_ids() {
        rules.runs_as.push((id, workload.account));
        for name in &workload.template.image_pull_secrets {
            pulls.push((id, workload.namespace, name.value.clone()));
        }
    }
    for (id, namespace, name) in pulls {
        let secret = picture.secret(namespace, &name);
        rules.pulls_with.push((id, secret));
    }
    let group = Identity::Group("system:nodes".into());
    let group = picture.identities.find(&group).map(IdentityId);
    rules.identity = rules
        .node
        .iter()
        .zip(group.iter().cycle())
        .map(|((node,), id)| (*node, *id))
        .collect();
    let controls = control_planes(picture);
    let ease = match (controls.is_empty(), picture.nodes.len() > 1) {
        (false, _) => Some(Ease::Easy),
        // Nodes were seen, and none of them is.
        (true, true) => None,
        (true, false) => Some(Ease::Lucky),
    };
    rules.has_control_plane = ease.map(|ease| (ease,)).into_iter().collect();
    rules.control_plane = controls;
    rules.run();
    let mut rows = rules.step;
    for (node,) in &rules.node {
        rows.push((
            Id::NODE_PODS,
            Needs::one(Spot::Nodes),
            Spot::Node(*node),
            Ease::Given,
            Because::Nature,
        ));
    }
    rows
}

fn control_planes(picture: &mut Picture<'_>) -> Vec<(NodeId, PlaceId)> {
    const LABELS: [&str; 3] = [
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
        "node-role.kubernetes.io/etcd",
    ];
    let snapshot = picture.snapshot;
    let mut all = Vec::new();
    for (_, object) in snapshot.of_kind("", "Node") {
        let Some(label) = LABELS.iter().find(|label| object.label(label).is_some()) else {
            continue;
        };
        let node = NodeId(picture.nodes.number(&object.reference.name));
        let place = picture.place(Place {
            note: format!("node {} has the label {label}", object.reference.name).into(),
            object: object.reference.clone(),
            span: object.name_span,
            mend: None,
        });
        all.push((node, place));
    }
    all
}
