//! H. Network, storage and node objects, and the ingress controller.

use super::{Rights, Row};
use crate::Facts;
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::look::{flag, image, version};
use crate::picture::{Picture, Workload};
use crate::spot::{
    Able, BeyondId, Effect, IdentityId, NameId, NamespaceId, Scope, Spot, WorkloadId,
};
use crate::techniques::Id;
use seawall_model::fact::PodShape;
use seawall_model::{Fact, Str};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::BTreeSet;

ascent::ascent! {
    /// What rights over objects of network, storage and nodes lead to.
    struct Objects;
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    relation step(Id, Needs, Spot, Ease, Because);

    // PV_HOSTPATH: no Pod Security level looks behind a claim; root in the pod has it easier.
    relation mounts_claims(NamespaceId, Ease);
    step(Id::PV_HOSTPATH, Needs::two(Spot::Able(Able::MakeVolumes, Scope::All), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Nodes, *ease, Because::Nature) <--
        mounts_claims(space, ease);

    // PV_CLAIMREF, SNAPSHOT_STEAL: volumes of others, by their record or by their snapshot.
    relation namespace(NamespaceId);
    step(Id::PV_CLAIMREF, Needs::two(Spot::May(*act, Scope::All, *name), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Effect(Effect::Data, Scope::All), Ease::Skilled, Because::Nature) <--
        may(act, scope, name), if *scope == Scope::All && matches!(act, Act::UpdateVolumes | Act::PatchVolumes),
        namespace(space);
    relation has_snapshots(bool);
    step(Id::SNAPSHOT_STEAL, Needs::two(Spot::May(*act, Scope::All, *any), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Effect(Effect::Data, Scope::All), Ease::Skilled, Because::Nature) <--
        has_snapshots(_),
        may(act, scope, any), if *scope == Scope::All && *act == Act::CreateSnapshotContents,
        namespace(space);

    // CSI_INLINE: whoever says what a provider fetches, and starts a pod that mounts it.
    relation provider(Spot);
    step(Id::CSI_INLINE, Needs::two(Spot::May(Act::CreateSecretProviders, *scope, *any), Spot::Able(Able::StartPods, Scope::In(*space))), *beyond, Ease::Easy, Because::Nature) <--
        provider(beyond),
        may(act, scope, any), if *act == Act::CreateSecretProviders,
        is_in(space, scope);

    // ENDPOINT_REDIRECT, SERVICE_EXTERNALIP, NETPOL_DELETE: traffic goes where they say.
    relation leads(Act, Id, Effect, Because);
    leads(Act::CreateEndpoints, Id::ENDPOINT_REDIRECT, Effect::Traffic, Because::Nature);
    leads(Act::UpdateEndpoints, Id::ENDPOINT_REDIRECT, Effect::Traffic, Because::Nature);
    leads(Act::PatchEndpoints, Id::ENDPOINT_REDIRECT, Effect::Traffic, Because::Nature);
    leads(Act::CreateEndpointSlices, Id::ENDPOINT_REDIRECT, Effect::Traffic, Because::Nature);
    leads(Act::UpdateEndpointSlices, Id::ENDPOINT_REDIRECT, Effect::Traffic, Because::Nature);
    leads(Act::PatchEndpointSlices, Id::ENDPOINT_REDIRECT, Effect::Traffic, Because::Nature);
    step(*id, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(*effect, *scope), Ease::Easy, *because) <--
        leads(act, id, effect, because),
        may(act, scope, name);
    relation takes_external_ips(bool);
    step(Id::SERVICE_EXTERNALIP, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Easy, Because::Nature) <--
        takes_external_ips(_),
        may(act, scope, name), if matches!(act, Act::CreateServices | Act::UpdateServices | Act::PatchServices);
    // The status is not asked about by the plugin that refuses external addresses.
    step(Id::SERVICE_EXTERNALIP, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled, Because::Nature) <--
        may(act, scope, name), if matches!(act, Act::UpdateServiceStatus | Act::PatchServiceStatus);
    relation has_policy(NamespaceId, Because);
    step(Id::NETPOL_DELETE, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Evasion, Scope::In(*space)), Ease::Easy, *because) <--
        has_policy(space, because),
        is_in(space, scope),
        may(act, scope, name), if matches!(act, Act::DeleteNetworkPolicies | Act::UpdateNetworkPolicies | Act::PatchNetworkPolicies);

    // GATEWAY_ATTACH: a gateway that takes routes of any namespace.
    relation open_gateway(Because);
    step(Id::GATEWAY_ATTACH, Needs::one(Spot::May(Act::CreateRoutes, *scope, *any)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Easy, *because) <--
        open_gateway(because),
        may(act, scope, any), if *act == Act::CreateRoutes;

    // NODE_LABEL: pods that ask for a label go where it is.
    relation asks_for_labels(WorkloadId);
    step(Id::NODE_LABEL, Needs::two(Spot::Able(Able::MarkNodes, Scope::All), Spot::Able(Able::HaveNode, Scope::All)), Spot::Workload(*workload), Ease::Lucky, Because::Nature) <--
        asks_for_labels(workload);

    // NODE_ADDR_SPOOF: an API server that does not check who a kubelet is.
    relation trusts_addresses(Because);
    step(Id::NODE_ADDR_SPOOF, Needs::one(Spot::May(*act, Scope::All, *name)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled, *because) <--
        trusts_addresses(because),
        may(act, scope, name), if *scope == Scope::All && matches!(act, Act::UpdateNodeStatus | Act::PatchNodeStatus);

    // NODE_CREATE_FAKE: every DaemonSet starts a pod on a node that is new.
    relation daemon(IdentityId);
    step(Id::NODE_CREATE_FAKE, Needs::two(Spot::May(Act::CreateNodes, Scope::All, *any), Spot::Able(Able::BeKubelet, Scope::All)), Spot::Identity(*account), Ease::Skilled, Because::Nature) <--
        may(act, scope, any), if *act == Act::CreateNodes && *scope == Scope::All,
        daemon(account);

    // INGRESS_SNIPPET: annotations become configuration, configuration becomes code.
    relation takes_snippets(WorkloadId, Because);
    step(Id::INGRESS_SNIPPET, Needs::one(Spot::May(*act, *scope, *name)), Spot::Workload(*controller), Ease::Skilled, *because) <--
        takes_snippets(controller, because),
        may(act, scope, name), if matches!(act, Act::CreateIngresses | Act::UpdateIngresses | Act::PatchIngresses);

    // INGRESS_ADMISSION_RCE: whoever reaches the port of its webhook.
    relation calls_webhook(Spot, WorkloadId, Because);
    step(Id::INGRESS_ADMISSION_RCE, Needs::one(*from), Spot::Workload(*controller), Ease::Skilled, *because) <--
        calls_webhook(from, controller, because);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights, facts: &Facts<'_>) -> Vec<Row> {
    let spaces = picture.namespaces.iter();
    let spaces: Vec<NamespaceId> = spaces.map(|(number, _)| NamespaceId(number)).collect();
    let mut rules = Objects {
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        namespace: spaces.iter().map(|space| (*space,)).collect(),
        mounts_claims: mounts_claims(picture, &spaces),
        provider: providers(picture),
        has_policy: policies(picture),
        open_gateway: open_gateways(picture),
        trusts_addresses: trusts_addresses(picture),
        takes_snippets: takes_snippets(picture),
        calls_webhook: calls_webhook(picture, facts),
        ..Objects::default()
    };
    if has_snapshots(picture) {
        rules.has_snapshots.push((true,));
    }
    if !refuses_external_ips(picture) {
        rules.takes_external_ips.push((true,));
    }
    for (id, workload) in picture.workload_ids() {
        if !workload.template.node_selector.is_empty() {
            rules.asks_for_labels.push((id,));
        }
        if workload.is_everywhere {
            rules.daemon.push((workload.account,));
        }
    }
    rules.run();
    rules.step
}

/// How easy it is to use the files behind a volume in each namespace.
fn mounts_claims(picture: &Picture<'_>, spaces: &[NamespaceId]) -> Vec<(NamespaceId, Ease)> {
    let lets_root_in = picture.facts.iter().filter_map(|fact| match fact {
        Fact::Admits {
            namespace,
            shape: PodShape::Root,
            ..
        } => picture.namespaces.find(namespace).map(NamespaceId),
        _ => None,
    });
    let lets_root_in: BTreeSet<NamespaceId> = lets_root_in.collect();
    let ease = |space: &NamespaceId| {
        if lets_root_in.contains(space) {
            Ease::Easy
        } else {
            Ease::Skilled
        }
    };
    spaces.iter().map(|space| (*space, ease(space))).collect()
}

fn has_snapshots(picture: &Picture<'_>) -> bool {
    let group = "snapshot.storage.k8s.io";
    let kinds = [
        "VolumeSnapshotClass",
        "VolumeSnapshotContent",
        "VolumeSnapshot",
    ];
    kinds.iter().any(|kind| picture.has(group, kind)) || defines(picture, group)
}

/// Whether a definition of some resource of a group is there.
fn defines(picture: &Picture<'_>, group: &str) -> bool {
    let ending = format!(".{group}");
    let mut definitions = picture
        .snapshot
        .of_kind("apiextensions.k8s.io", "CustomResourceDefinition");
    definitions.any(|(_, object)| object.reference.name.ends_with(&ending))
}

fn providers(picture: &mut Picture<'_>) -> Vec<(Spot,)> {
    const GROUP: &str = "secrets-store.csi.x-k8s.io";
    let drivers = picture.snapshot.of_kind("storage.k8s.io", "CSIDriver");
    let mut names = drivers.map(|(_, object)| &*object.reference.name);
    let is_there = names.any(|name| name == "secrets-store.csi.k8s.io")
        || picture.has(GROUP, "SecretProviderClass")
        || defines(picture, GROUP);
    if !is_there {
        return Vec::new();
    }
    let what = Str::from("what the Secrets Store driver may fetch");
    let what = BeyondId(picture.beyond.number(&what));
    vec![(Spot::Beyond(what),)]
}

/// Namespaces with network policies, with one of them.
fn policies(picture: &mut Picture<'_>) -> Vec<(NamespaceId, Because)> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    let snapshot = picture.snapshot;
    for (_, object) in snapshot.of_kind("networking.k8s.io", "NetworkPolicy") {
        let space = picture.namespace(object.namespace());
        if seen.insert(space) {
            let note = format!("{} limits who gets to whom", object.reference);
            let place = picture.place(Picture::noted(object, note));
            all.push((space, Because::Place(place)));
        }
    }
    all
}

fn open_gateways(picture: &mut Picture<'_>) -> Vec<(Because,)> {
    let snapshot = picture.snapshot;
    let mut all = Vec::new();
    for (_, object) in snapshot.of_kind("gateway.networking.k8s.io", "Gateway") {
        let is_open = |listener: &Node| {
            let from = listener.at(&["allowedRoutes", "namespaces", "from"]);
            from.and_then(Node::as_str) == Some("All")
        };
        if object.items(&["spec", "listeners"]).iter().any(is_open) {
            let note = format!("{} takes routes of every namespace", object.reference);
            let place = picture.place(Picture::noted(object, note));
            all.push((Because::Place(place),));
        }
    }
    all
}

const SERVER: &str = "kube-apiserver";

fn refuses_external_ips(picture: &Picture<'_>) -> bool {
    let server = picture.component(SERVER);
    let plugins = server.and_then(|server| flag(server, "enable-admission-plugins"));
    plugins.is_some_and(|(plugins, _)| plugins.contains("DenyServiceExternalIPs"))
}

fn trusts_addresses(picture: &mut Picture<'_>) -> Vec<(Because,)> {
    let place = picture.component(SERVER).and_then(|server| {
        let is_checked = flag(server, "kubelet-certificate-authority").is_some();
        let note = "the API server does not check kubelets' certificates";
        (!is_checked).then(|| Picture::noted(server.object, note))
    });
    let place = place.map(|place| picture.place(place));
    place
        .map(|place| (Because::Place(place),))
        .into_iter()
        .collect()
}

/// Major, minor and patch.
type Version = (u32, u32, u32);

/// The controllers of ingress-nginx, with the version that their image says.
fn controllers(picture: &Picture<'_>) -> Vec<(WorkloadId, Option<Version>)> {
    let found = picture.workload_ids().filter_map(|(id, workload)| {
        let (_, tag) = nginx(workload)?;
        Some((id, version(tag)))
    });
    found.collect()
}

fn nginx<'w>(workload: &'w Workload<'_>) -> Option<(&'w str, &'w str)> {
    let containers = workload.template.containers.iter();
    let mut images = containers.filter_map(|container| container.image.as_ref());
    let image_of = images.find(|name| {
        let (last, _) = image(&name.value);
        last == "nginx-ingress-controller" || name.value.contains("ingress-nginx/controller")
    })?;
    Some(image(&image_of.value))
}

/// Versions before the fixes of March 2025.
fn is_before_fix((major, minor, patch): Version) -> bool {
    match (major, minor) {
        (0, _) => true,
        (1, 11) => patch < 5,
        (1, 12) => patch < 1,
        (1, minor) => minor < 11,
        _ => false,
    }
}

/// Controllers that take configuration from annotations, or whose version can be made to.
fn takes_snippets(picture: &mut Picture<'_>) -> Vec<(WorkloadId, Because)> {
    let mut all = Vec::new();
    for (id, version) in controllers(picture) {
        let Some(workload) = picture.workloads.get(id.index()) else {
            continue;
        };
        let settings = settings(picture, workload);
        let says = |key: &str| {
            let data = settings.and_then(|object| object.body()?.at(&["data", key]));
            data.and_then(Node::as_str)
        };
        // On by default before 1.9; since 1.12 they are also a question of the risk level.
        let by_default = version.is_some_and(|version| version < (1, 9, 0));
        let is_allowed = match says("allow-snippet-annotations") {
            Some(word) => word == "true",
            None => by_default,
        };
        let is_critical = says("annotations-risk-level") == Some("Critical");
        let is_limited = version.is_none_or(|version| version >= (1, 12, 0)) && !is_critical;
        let (note, object) = match settings {
            Some(settings) if is_allowed && !is_limited => {
                ("snippets in annotations become configuration", settings)
            }
            None if is_allowed && !is_limited => (
                "snippets in annotations become configuration",
                workload.object,
            ),
            _ if version.is_some_and(is_before_fix) => (
                "annotations of this version can smuggle configuration in",
                workload.object,
            ),
            _ => continue,
        };
        let place = picture.place(Picture::noted(object, note));
        all.push((id, Because::Place(place)));
    }
    all
}

/// The ConfigMap that a controller takes its settings from.
fn settings<'s>(picture: &Picture<'s>, controller: &Workload<'s>) -> Option<&'s Object> {
    let (name, _) = flag(controller, "configmap")?;
    let name = name.rsplit('/').next()?;
    let namespace = controller.object.namespace();
    let mut config_maps = picture.snapshot.of_kind("", "ConfigMap");
    let found = config_maps
        .find(|(_, object)| &*object.reference.name == name && object.namespace() == namespace);
    found.map(|(_, object)| object)
}

/// Who reaches the webhook of a controller that runs what it is sent.
fn calls_webhook(picture: &mut Picture<'_>, facts: &Facts<'_>) -> Vec<(Spot, WorkloadId, Because)> {
    let mut all = Vec::new();
    for (id, version) in controllers(picture) {
        let Some(workload) = picture.workloads.get(id.index()) else {
            continue;
        };
        let listens = flag(workload, "validating-webhook");
        let Some((address, _)) = listens.filter(|_| version.is_some_and(is_before_fix)) else {
            continue;
        };
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let port: u16 = port.unwrap_or(8443);
        let owner = workload.owner;
        let callers = facts.network.callers(owner).into_iter();
        for caller in callers.filter(|caller| [0, port].contains(&caller.port)) {
            let Some(from) = picture.workload(&caller.from) else {
                continue;
            };
            let number = u32::try_from(picture.callers.len()).unwrap_or(u32::MAX);
            picture.callers.push((caller, id));
            all.push((Spot::Workload(from), id, Because::Network(number)));
        }
        let exposed = picture.facts.iter().any(|fact| {
            matches!(fact, Fact::Exposed { workload, port: open, .. } if workload == owner && *open == port)
        });
        if exposed {
            all.push((Spot::Internet, id, Because::Nature));
        }
    }
    all
}
