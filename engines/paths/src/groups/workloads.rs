//! D. Rights that make or change workloads.

use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::picture::Picture;
use crate::spot::{Able, NameId, NamespaceId, PlaceId, Scope, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::Fact;
use seawall_model::fact::PodShape;

ascent::ascent! {
    /// What starting and changing pods leads to.
    struct Workloads;
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    relation namespace(NamespaceId);
    /// The namespace lets in a pod that is as good as its node, and whether that is certain.
    relation admits(NamespaceId, Ease, Because);
    /// The kind that an act changes, and a workload of that kind by its name.
    relation changes(Act, &'static str);
    relation controller(&'static str, NameId, NamespaceId, WorkloadId);
    relation step(Id, Needs, Spot, Ease, Because);

    // POD_CREATE_NODE: any node, where admission lets such a pod in.
    step(Id::POD_CREATE_NODE, Needs::one(Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Nodes, *ease, *because) <--
        namespace(space),
        admits(space, ease, because);

    // POD_CREATE_SA, POD_CREATE_SECRET: no Pod Security level looks at either.
    step(Id::POD_CREATE_SA, Needs::one(Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Accounts(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);
    step(Id::POD_CREATE_SECRET, Needs::one(Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Secrets(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);

    // WORKLOAD_UPDATE: who changes a template starts pods; with a name, at least that one.
    changes(Act::UpdateDeployments, "Deployment");
    changes(Act::PatchDeployments, "Deployment");
    changes(Act::UpdateDaemonSets, "DaemonSet");
    changes(Act::PatchDaemonSets, "DaemonSet");
    changes(Act::UpdateStatefulSets, "StatefulSet");
    changes(Act::PatchStatefulSets, "StatefulSet");
    changes(Act::UpdateReplicaSets, "ReplicaSet");
    changes(Act::PatchReplicaSets, "ReplicaSet");
    changes(Act::UpdateControllers, "ReplicationController");
    changes(Act::PatchControllers, "ReplicationController");
    changes(Act::UpdateCronJobs, "CronJob");
    changes(Act::PatchCronJobs, "CronJob");
    step(Id::WORKLOAD_UPDATE, Needs::one(Spot::May(*act, *scope, *name)), Spot::Able(Able::StartPods, Scope::In(*space)), Ease::Easy, Because::Nature) <--
        changes(act, kind),
        may(act, scope, name), if *name == NameId::ANY,
        is_in(space, scope),
        controller(kind, _, space, _);
    step(Id::WORKLOAD_UPDATE, Needs::one(Spot::May(*act, *scope, *name)), Spot::Able(Able::StartPods, Scope::In(*space)), Ease::Easy, Because::Nature) <--
        changes(act, kind),
        may(act, scope, name),
        controller(kind, name, space, _),
        is_in(space, scope);

    // STEAL_PODS: pods are driven to a node that the attacker is on.
    relation node(Spot);
    step(Id::STEAL_PODS, Needs::all([Spot::Able(Able::EvictPods, Scope::All), Spot::Able(Able::MarkNodes, Scope::All), *node, Spot::Internet]), Spot::Pods(Scope::All), Ease::Skilled, Because::Nature) <--
        node(node);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let namespaces = picture.namespaces.iter();
    let nodes = picture.nodes.iter();
    let mut rules = Workloads {
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        namespace: namespaces
            .map(|(number, _)| (NamespaceId(number),))
            .collect(),
        node: nodes
            .map(|(number, _)| (Spot::Node(crate::spot::NodeId(number)),))
            .collect(),
        controller: controllers(picture),
        admits: admits(picture),
        ..Workloads::default()
    };
    rules.run();
    rules.step
}

/// Controllers by name; those that no rule of a role names have the name of all.
fn controllers(picture: &Picture<'_>) -> Vec<(&'static str, NameId, NamespaceId, WorkloadId)> {
    const KINDS: [&str; 6] = [
        "Deployment",
        "DaemonSet",
        "StatefulSet",
        "ReplicaSet",
        "ReplicationController",
        "CronJob",
    ];
    let mut all = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let kind = KINDS
            .into_iter()
            .find(|kind| *kind == &*workload.owner.kind);
        let name = picture.names.find(&workload.owner.name);
        if let Some(kind) = kind {
            all.push((kind, NameId(name.unwrap_or(0)), workload.namespace, id));
        }
    }
    all
}

/// Namespaces that let in a pod that is as good as its node.
fn admits(picture: &mut Picture<'_>) -> Vec<(NamespaceId, Ease, Because)> {
    const AS_GOOD_AS_THE_NODE: [PodShape; 4] = [
        PodShape::Privileged,
        PodShape::HostPath,
        PodShape::HostPid,
        PodShape::Capability,
    ];
    let mut all = Vec::new();
    for fact in picture.facts {
        let Fact::Admits {
            namespace,
            shape,
            is_certain,
        } = fact
        else {
            continue;
        };
        if !AS_GOOD_AS_THE_NODE.contains(shape) {
            continue;
        }
        let id = picture.namespace(namespace);
        let place: Option<PlaceId> = picture.namespace_place(id, *shape);
        let because = place.map_or(Because::Nature, Because::Place);
        let ease = if *is_certain { Ease::Easy } else { Ease::Lucky };
        all.push((id, ease, because));
    }
    all
}
