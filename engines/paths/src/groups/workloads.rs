//! D. Rights that make or change workloads.

use super::execution::is_above;
use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::picture::Picture;
use crate::spot::{Able, Effect, NameId, NamespaceId, NodeId, PlaceId, Scope, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::Fact;
use seawall_model::fact::PodShape;
use seawall_snapshot::pod::VolumeKind;
use seawall_snapshot::{Container, PodTemplate};
use seawall_yaml::Node;
use std::collections::BTreeSet;

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
    relation evicts(Scope);
    step(Id::STEAL_PODS, Needs::all([Spot::Able(Able::EvictPods, *scope), Spot::Able(Able::MarkNodes, Scope::All), Spot::Able(Able::HaveNode, Scope::All), Spot::Internet]), Spot::Pods(*scope), Ease::Skilled, Because::Nature) <--
        evicts(scope);

    // POD_BINDING: pods that wait for a node are given one.
    step(Id::POD_BINDING, Needs::two(Spot::May(*act, *scope, *name), Spot::Able(Able::HaveNode, Scope::All)), Spot::Pods(*scope), Ease::Lucky, Because::Nature) <--
        may(act, scope, name), if matches!(act, Act::CreatePodBinding | Act::CreateBareBinding) && *name == NameId::ANY;

    // PRIORITY_PREEMPT: pods of a high class drive others away.
    step(Id::PRIORITY_PREEMPT, Needs::two(Spot::May(Act::CreatePriorityClasses, Scope::All, *any), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Effect(Effect::Disruption, Scope::All), Ease::Easy, Because::Nature) <--
        may(act, scope, any), if *act == Act::CreatePriorityClasses && *scope == Scope::All,
        namespace(space);

    // POD_LABEL_HIJACK: a pod with the labels of a Service gets a part of its traffic.
    relation service(NamespaceId, Because);
    step(Id::POD_LABEL_HIJACK, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Traffic, Scope::In(*space)), Ease::Easy, *because) <--
        service(space, because),
        is_in(space, scope),
        may(act, scope, name), if *name == NameId::ANY && matches!(act, Act::UpdatePods | Act::PatchPods | Act::CreatePods);

    // CRONJOB_PERSIST
    step(Id::CRONJOB_PERSIST, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Persistence, *scope), Ease::Easy, Because::Nature) <--
        may(act, scope, name), if matches!(act, Act::CreateCronJobs | Act::UpdateCronJobs | Act::PatchCronJobs);

    // STATIC_POD: a manifest in the kubelet's folder starts a pod that admission never sees.
    relation writes_manifests(WorkloadId, NodeId, Because);
    step(Id::STATIC_POD, Needs::one(Spot::Workload(*workload)), Spot::Node(*node), Ease::Easy, *because) <--
        writes_manifests(workload, node, because);

    // MIRROR_POD_KUBELET_CRED: a kubelet may say that it runs a pod that nobody made.
    step(Id::MIRROR_POD_KUBELET_CRED, Needs::one(Spot::Able(Able::HaveNode, Scope::All)), Spot::Effect(Effect::Evasion, Scope::All), Ease::Skilled, Because::Nature) <--
        has_nodes(_);
    relation has_nodes(bool);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let namespaces = picture.namespaces.iter();
    let mut rules = Workloads {
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        namespace: namespaces
            .map(|(number, _)| (NamespaceId(number),))
            .collect(),
        evicts: evicts(rights),
        service: services(picture),
        writes_manifests: writes_manifests(picture),
        controller: controllers(picture),
        admits: admits(picture),
        ..Workloads::default()
    };
    if picture.nodes.len() > 1 {
        rules.has_nodes.push((true,));
    }
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

/// Where somebody may drive pods away.
fn evicts(rights: &Rights) -> Vec<(Scope,)> {
    let rights = rights.may.iter();
    let scopes: BTreeSet<Scope> = rights
        .filter(|(act, _, name)| EVICTS.contains(act) && *name == NameId::ANY)
        .map(|(_, scope, _)| *scope)
        .collect();
    scopes.into_iter().map(|scope| (scope,)).collect()
}

const EVICTS: [Act; 6] = [
    Act::DeletePods,
    Act::DeleteAllPods,
    Act::CreateEviction,
    Act::UpdatePodStatus,
    Act::PatchPodStatus,
    Act::DeleteNodes,
];

/// Namespaces with a Service that finds its pods by labels, with one of them.
fn services(picture: &mut Picture<'_>) -> Vec<(NamespaceId, Because)> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (_, object) in picture.snapshot.of_kind("", "Service") {
        let selector = object
            .body()
            .and_then(|body| body.at(&["spec", "selector"]));
        let has_labels = selector
            .and_then(Node::as_map)
            .is_some_and(|map| !map.is_empty());
        let space = picture.namespace(object.namespace());
        if has_labels && seen.insert(space) {
            let note = format!("{} finds its pods by their labels", object.reference);
            let place = picture.place(Picture::noted(object, note));
            all.push((space, Because::Place(place)));
        }
    }
    all
}

/// Workloads that write to the folder of static pods as root, with their nodes.
fn writes_manifests(picture: &mut Picture<'_>) -> Vec<(WorkloadId, NodeId, Because)> {
    let on = picture.on_nodes();
    let mut found = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let template = workload.template;
        let volume = template.volumes.iter().find(|volume| {
            let is_folder = matches!(&volume.kind, VolumeKind::HostPath(path, _) if is_above(&path.value, MANIFESTS));
            is_folder && template.containers.iter().any(|container| {
                let mut mounts = container.mounts.iter();
                let writes = mounts.any(|mount| mount.name == volume.name && !mount.read_only);
                writes && is_root(template, container)
            })
        });
        if let Some(volume) = volume.filter(|_| !template.has_user_namespace()) {
            let note = format!("{} writes to {MANIFESTS} of its node", workload.owner);
            let mut place = Picture::noted(workload.object, note);
            place.span = volume.span;
            found.push((id, place));
        }
    }
    let mut all = Vec::new();
    for (id, place) in found {
        let because = Because::Place(picture.place(place));
        let nodes = on.iter().filter(|(workload, _)| *workload == id);
        all.extend(nodes.map(|(_, node)| (id, *node, because)));
    }
    all
}

/// Where kubelets look for static pods, as kubeadm sets them up.
const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// Whether nothing keeps a container from running as root.
fn is_root(template: &PodTemplate, container: &Container) -> bool {
    let (own, pod) = (&container.security_context, &template.security_context);
    let user = own.run_as_user.as_ref().or(pod.run_as_user.as_ref());
    let non_root = own
        .run_as_non_root
        .as_ref()
        .or(pod.run_as_non_root.as_ref());
    user.is_none_or(|user| user.value == 0) && !non_root.is_some_and(|field| field.value)
}

/// Pods that are as good as the node that they are on.
pub(super) const AS_GOOD_AS_THE_NODE: [PodShape; 4] = [
    PodShape::Privileged,
    PodShape::HostPath,
    PodShape::HostPid,
    PodShape::Capability,
];

/// The label that says which pods a namespace lets in.
pub(super) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// Namespaces that let in a pod that is as good as its node; of those that nobody saw, nobody
/// knows.
fn admits(picture: &mut Picture<'_>) -> Vec<(NamespaceId, Ease, Because)> {
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
    let spaces = picture.namespaces.iter();
    let unseen = spaces.filter(|(number, _)| picture.labels_of(NamespaceId(*number)).is_none());
    let known: BTreeSet<NamespaceId> = all.iter().map(|(id, ..)| *id).collect();
    let unseen = unseen.map(|(number, _)| NamespaceId(number));
    let unseen = unseen.filter(|id| !known.contains(id));
    all.extend(unseen.map(|id| (id, Ease::Lucky, Because::Nature)));
    all
}
