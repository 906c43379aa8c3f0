//! C. Rights that run code in pods that are there.

use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::picture::Picture;
use crate::spot::{IdentityId, NameId, NamespaceId, NodeId, Scope, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::fact::PodShape;
use seawall_model::{Fact, Str};
use seawall_snapshot::pod::VolumeKind;
use std::collections::{BTreeMap, BTreeSet};

ascent::ascent! {
    /// Who may run code where.
    struct Execution;
    relation version(u16);
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    /// A pod whose name somebody can know, and its workload.
    relation pod(NameId, NamespaceId, WorkloadId);
    /// Its main process reads what one sends.
    relation interactive(NamespaceId, WorkloadId);
    relation node(NameId, NodeId);
    /// A workload, and a node that its pods are on.
    relation on(WorkloadId, NodeId);
    relation step(Id, Needs, Spot, Ease, Because);

    // Rights that run code in any pod that they cover, with their technique.
    relation runs(Act, Id);
    runs(Act::CreateExec, Id::POD_EXEC);
    runs(Act::GetExec, Id::POD_EXEC) <-- version(v), if *v < 35;
    runs(Act::UpdateEphemeral, Id::POD_EPHEMERAL);
    runs(Act::PatchEphemeral, Id::POD_EPHEMERAL);
    runs(Act::UpdatePods, Id::POD_PATCH_IMAGE);
    runs(Act::PatchPods, Id::POD_PATCH_IMAGE);

    step(*technique, Needs::one(Spot::May(*act, *scope, *any)), Spot::Pods(*scope), Ease::Easy, Because::Nature) <--
        runs(act, technique),
        may(act, scope, any), if *any == NameId::ANY;
    step(*technique, Needs::one(Spot::May(*act, *scope, *name)), Spot::Workload(*workload), Ease::Easy, Because::Nature) <--
        runs(act, technique),
        may(act, scope, name),
        pod(name, namespace, workload),
        is_in(namespace, scope);

    // POD_EPHEMERAL: a privileged one is on the node of its pod, where admission lets it in.
    relation admits_privileged(NamespaceId, Ease);
    relation pods_on(NamespaceId, NodeId);
    step(Id::POD_EPHEMERAL, Needs::one(Spot::May(*act, *scope, *any)), Spot::Node(*node), *ease, Because::Nature) <--
        admits_privileged(namespace, ease),
        is_in(namespace, scope),
        may(act, scope, any), if *any == NameId::ANY && matches!(act, Act::UpdateEphemeral | Act::PatchEphemeral),
        pods_on(namespace, node);

    // POD_ATTACH_API: only a process that reads what is typed does what it is told.
    relation attaches(Act);
    attaches(Act::CreateAttach);
    attaches(Act::GetAttach) <-- version(v), if *v < 35;
    step(Id::POD_ATTACH_API, Needs::one(Spot::May(*act, *scope, *any)), Spot::Workload(*workload), Ease::Skilled, Because::Nature) <--
        attaches(act),
        may(act, scope, any), if *any == NameId::ANY,
        is_in(namespace, scope),
        interactive(namespace, workload);

    // POD_PORTFORWARD, POD_PROXY: to the ports of every pod, past network policies.
    relation connects(Act, Id);
    connects(Act::CreatePortForward, Id::POD_PORTFORWARD);
    connects(Act::GetPortForward, Id::POD_PORTFORWARD) <-- version(v), if *v < 35;
    connects(Act::GetPodProxy, Id::POD_PROXY);
    connects(Act::CreatePodProxy, Id::POD_PROXY);
    connects(Act::GetServiceProxy, Id::POD_PROXY);
    connects(Act::CreateServiceProxy, Id::POD_PROXY);
    /// Workloads that it matters to reach.
    relation door(NamespaceId, WorkloadId);
    step(*technique, Needs::one(Spot::May(*act, *scope, *any)), Spot::Door(*workload), Ease::Easy, Because::Nature) <--
        connects(act, technique),
        may(act, scope, any), if *any == NameId::ANY,
        is_in(namespace, scope),
        door(namespace, workload);
    step(*technique, Needs::one(Spot::May(*act, *scope, *name)), Spot::Door(*workload), Ease::Easy, Because::Nature) <--
        connects(act, technique), if !matches!(act, Act::GetServiceProxy | Act::CreateServiceProxy),
        may(act, scope, name),
        pod(name, namespace, workload),
        door(namespace, workload),
        is_in(namespace, scope);

    // NODE_PROXY: get is enough; the kubelet runs commands over a WebSocket, which is a GET.
    relation kubelet(Act);
    kubelet(Act::GetNodeProxy);
    kubelet(Act::CreateNodeProxy);
    step(Id::NODE_PROXY, Needs::one(Spot::May(*act, Scope::All, *any)), Spot::Pods(Scope::All), Ease::Easy, Because::Nature) <--
        kubelet(act),
        may(act, scope, any), if *scope == Scope::All && *any == NameId::ANY;
    step(Id::NODE_PROXY, Needs::one(Spot::May(*act, Scope::All, *name)), Spot::Workload(*workload), Ease::Easy, Because::Nature) <--
        kubelet(act),
        may(act, scope, name), if *scope == Scope::All,
        node(name, node),
        on(workload, node);

    // NODE_CHECKPOINT: memory of a container, written to a folder of its node.
    relation reads_checkpoints(WorkloadId, NodeId, Because);
    relation runs_as(WorkloadId, IdentityId);
    step(Id::NODE_CHECKPOINT, Needs::two(Spot::May(*act, Scope::All, *any), Spot::Workload(*reader)), Spot::Identity(*account), Ease::Skilled, *because) <--
        may(act, scope, any), if *scope == Scope::All && *any == NameId::ANY && matches!(act, Act::CreateCheckpoint | Act::CreateNodeProxy),
        reads_checkpoints(reader, node, because),
        on(workload, node),
        runs_as(workload, account);

    // SHARED_VOLUME: what one writes, another one may load.
    relation shares(WorkloadId, WorkloadId, Because);
    step(Id::SHARED_VOLUME, Needs::one(Spot::Workload(*from)), Spot::Workload(*to), Ease::Lucky, *because) <--
        shares(from, to, because);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let mut rules = Execution {
        version: vec![(picture.version,)],
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        pod: pods(picture),
        interactive: interactive(picture),
        door: doors(picture),
        on: picture.on_nodes(),
        node: nodes(picture),
        admits_privileged: admits_privileged(picture),
        reads_checkpoints: reads_checkpoints(picture),
        shares: shares(picture),
        ..Execution::default()
    };
    for (id, workload) in picture.workload_ids() {
        rules.runs_as.push((id, workload.account));
    }
    let spaces = rules.on.iter().filter_map(|(id, node)| {
        let workload = picture.workloads.get(id.index())?;
        Some((workload.namespace, *node))
    });
    let spaces: BTreeSet<(NamespaceId, NodeId)> = spaces.collect();
    rules.pods_on = spaces.into_iter().collect();
    rules.run();
    rules.step
}

/// Pods that are asked for by name, in rules: those of StatefulSets and pods without an owner
/// have names that stay.
fn pods(picture: &Picture<'_>) -> Vec<(NameId, NamespaceId, WorkloadId)> {
    let mut pods = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let owner = workload.owner;
        let name = match &*owner.kind {
            "Pod" => owner.name.clone(),
            "StatefulSet" => Str::from(format!("{}-0", owner.name)),
            _ => continue,
        };
        if let Some(name) = picture.names.find(&name) {
            pods.push((NameId(name), workload.namespace, id));
        }
    }
    pods
}

fn interactive(picture: &Picture<'_>) -> Vec<(NamespaceId, WorkloadId)> {
    let shells = picture.workload_ids().filter(|(_, workload)| {
        // What was read of a pod does not say whether it reads its input; a shell does.
        workload.template.containers.iter().any(|container| {
            let mut words = container.command.iter().chain(&container.args);
            let first = words
                .next()
                .map(|word| word.value.rsplit('/').next().unwrap_or(""));
            matches!(first, Some("sh" | "bash" | "ash")) && words.next().is_none()
        })
    });
    shells
        .map(|(id, workload)| (workload.namespace, id))
        .collect()
}

fn doors(picture: &Picture<'_>) -> Vec<(NamespaceId, WorkloadId)> {
    let worth = picture
        .workload_ids()
        .filter(|(id, _)| picture.is_worth_reaching(*id));
    worth
        .map(|(id, workload)| (workload.namespace, id))
        .collect()
}

/// Nodes that rules name.
fn nodes(picture: &Picture<'_>) -> Vec<(NameId, NodeId)> {
    let nodes = picture.nodes.iter().filter(|(_, name)| !name.is_empty());
    let named = nodes.filter_map(|(number, name)| {
        let name = picture.names.find(name)?;
        Some((NameId(name), NodeId(number)))
    });
    named.collect()
}

/// Namespaces that let in a container that is privileged.
fn admits_privileged(picture: &Picture<'_>) -> Vec<(NamespaceId, Ease)> {
    let facts = picture.facts.iter().filter_map(|fact| match fact {
        Fact::Admits {
            namespace,
            shape: PodShape::Privileged,
            is_certain,
        } => {
            let id = picture.namespaces.find(namespace)?;
            let ease = if *is_certain { Ease::Easy } else { Ease::Lucky };
            Some((NamespaceId(id), ease))
        }
        _ => None,
    });
    facts.collect()
}

/// Workloads that see the folder of checkpoints, with their nodes.
fn reads_checkpoints(picture: &mut Picture<'_>) -> Vec<(WorkloadId, NodeId, Because)> {
    let on = picture.on_nodes();
    let mut found = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let template = workload.template;
        let volume = template.volumes.iter().find(|volume| {
            matches!(&volume.kind, VolumeKind::HostPath(path, _) if is_above(&path.value, CHECKPOINTS))
                && template.containers.iter().any(|one| one.mounts.iter().any(|mount| mount.name == volume.name))
        });
        if let Some(volume) = volume {
            let note = format!("{} sees {CHECKPOINTS} of its node", workload.owner);
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

/// Where kubelets write what they checkpoint.
const CHECKPOINTS: &str = "/var/lib/kubelet/checkpoints";

/// Whether a folder is another one or above it.
pub(super) fn is_above(folder: &str, below: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    let rest = below.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Workloads that mount one claim, one of them so that it can write.
fn shares(picture: &mut Picture<'_>) -> Vec<(WorkloadId, WorkloadId, Because)> {
    let mut users: BTreeMap<(NamespaceId, Str), Vec<(WorkloadId, bool)>> = BTreeMap::new();
    for (id, workload) in picture.workload_ids() {
        let template = workload.template;
        for volume in &template.volumes {
            let VolumeKind::Claim(claim) = &volume.kind else {
                continue;
            };
            let containers = template.containers.iter();
            let mounts = containers.flat_map(|container| &container.mounts);
            let mut mounts = mounts.filter(|mount| mount.name == volume.name).peekable();
            if mounts.peek().is_some() {
                let writes = mounts.any(|mount| !mount.read_only);
                let users = users
                    .entry((workload.namespace, claim.clone()))
                    .or_default();
                users.push((id, writes));
            }
        }
    }
    let mut all = Vec::new();
    for ((_, claim), users) in users {
        // Each is told with its neighbours only: of a hundred, one leads to all the same.
        for (from, to) in users.iter().zip(users.iter().cycle().skip(1)) {
            if from.0 == to.0 {
                continue;
            }
            for (from, to) in [(from, to), (to, from)]
                .into_iter()
                .filter(|(one, _)| one.1)
            {
                let Some(workload) = picture.workloads.get(from.0.index()) else {
                    continue;
                };
                let note = format!(
                    "{} writes to claim {claim}, which others mount",
                    workload.owner
                );
                let place = Picture::noted(workload.object, note);
                let because = Because::Place(picture.place(place));
                all.push((from.0, to.0, because));
            }
        }
    }
    all
}
