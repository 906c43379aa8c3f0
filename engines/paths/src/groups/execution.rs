//! C. Rights that run code in pods that are there.

use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::picture::Picture;
use crate::spot::{NameId, NamespaceId, NodeId, Scope, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::Str;

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

    // NODE_PROXY: get is enough; the kubelet runs commands over a WebSocket, which is a GET.
    relation kubelet(Act);
    kubelet(Act::GetNodeProxy);
    kubelet(Act::CreateNodeProxy);
    step(Id::NODE_PROXY, Needs::one(Spot::May(*act, Scope::All, *any)), Spot::Pods(Scope::All), Ease::Easy, Because::Nature) <--
        kubelet(act),
        may(act, scope, any), if *scope == Scope::All && *any == NameId::ANY;
}

/// The steps of this group.
pub(super) fn rows(picture: &Picture<'_>, rights: &Rights) -> Vec<Row> {
    let mut rules = Execution {
        version: vec![(picture.version,)],
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        pod: pods(picture),
        interactive: interactive(picture),
        door: doors(picture),
        ..Execution::default()
    };
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
