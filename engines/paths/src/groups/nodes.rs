//! K. What root on a node gives, and what the network of nodes does.

use super::{Rights, Row};
use crate::Facts;
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs, Place};
use crate::machines::{Cloud, Machine, clouds, has_own_accounts, machines};
use crate::picture::{Picture, runs_on};
use crate::spot::{
    BeyondId, Effect, IdentityId, NameId, NodeId, PlaceId, Scope, SecretId, Spot, WorkloadId,
};
use crate::techniques::Id;
use core::net::{IpAddr, Ipv4Addr};
use seawall_model::Str;
use seawall_model::access::Identity;
use seawall_snapshot::PodTemplate;
use seawall_snapshot::pod::{EnvSource, VolumeKind};
use std::collections::HashSet;

ascent::ascent! {
    /// What a node holds.
    struct Nodes;
    relation node(NodeId);
    /// A workload, a node that its pods are on, and how sure that is.
    relation on(WorkloadId, NodeId, Ease);
    relation runs_as(WorkloadId, IdentityId);
    /// Its token is mounted.
    relation has_token(WorkloadId);
    /// A Secret that its pods are given; and one that their images are pulled with.
    relation given(WorkloadId, SecretId);
    relation pulls_with(WorkloadId, SecretId);
    relation identity(NodeId, IdentityId);
    relation control_plane(NodeId, PlaceId);
    /// How sure it is that some node is of the control plane and takes pods.
    relation has_control_plane(Ease);
    relation in_cloud(BeyondId, PlaceId);
    /// A workload whose pods get to the metadata server of its cloud, and how sure it is that
    /// it answers them.
    relation asks_cloud(WorkloadId, BeyondId, Ease, PlaceId);
    /// It is in the node's network, which network policies do not hold.
    relation host_network(WorkloadId, PlaceId);
    relation matters(WorkloadId);
    /// Its pods get to the kubelet's port.
    relation reaches_kubelets(WorkloadId);
    relation may(Act, Scope, NameId);
    relation step(Id, Needs, Spot, Ease, Because);

    // NODE_PODS
    step(Id::NODE_PODS, Needs::one(Spot::PodsOf(*node)), Spot::Workload(*w), *ease, Because::Nature) <--
        on(w, node, ease);

    // NODE_TOKENS: what the kubelet keeps on the node, and what it may ask for.
    step(Id::NODE_TOKENS, Needs::one(Spot::Volumes(*node)), Spot::Identity(*account), *ease, Because::Nature) <--
        on(w, node, ease),
        has_token(w),
        runs_as(w, account);
    step(Id::NODE_TOKENS, Needs::one(Spot::Volumes(*node)), Spot::Secret(*secret), *ease, Because::Nature) <--
        on(w, node, ease),
        given(w, secret);

    // NODE_IDENTITY: its key is a file.
    step(Id::NODE_IDENTITY, Needs::one(Spot::Files(*node)), Spot::Identity(*id), Ease::Easy, Because::Nature) <--
        identity(node, id);

    // NODE_AUTHZ_READ: what its pods refer to, and tokens of their accounts, mounted or not.
    step(Id::NODE_AUTHZ_READ, Needs::one(Spot::Identity(*id)), Spot::Secret(*secret), *ease, Because::Nature) <--
        identity(node, id),
        on(w, node, ease),
        given(w, secret);
    step(Id::NODE_AUTHZ_READ, Needs::one(Spot::Identity(*id)), Spot::Secret(*secret), *ease, Because::Nature) <--
        identity(node, id),
        on(w, node, ease),
        pulls_with(w, secret);
    step(Id::NODE_AUTHZ_READ, Needs::one(Spot::Identity(*id)), Spot::Identity(*account), *ease, Because::Nature) <--
        identity(node, id),
        on(w, node, ease),
        runs_as(w, account);

    // NODE_CONTROLPLANE: its files are the cluster's keys.
    step(Id::NODE_CONTROLPLANE, Needs::one(Spot::Files(*node)), Spot::Admin(Scope::All), Ease::Easy, Because::Place(*place)) <--
        control_plane(node, place);
    step(Id::NODE_CONTROLPLANE, Needs::one(Spot::Nodes), Spot::Admin(Scope::All), *ease, Because::Nature) <--
        has_control_plane(ease);

    // NODE_IMDS, NET_IMDS
    step(Id::NODE_IMDS, Needs::one(Spot::Node(*node)), Spot::Beyond(*account), Ease::Easy, Because::Place(*place)) <--
        node(node),
        in_cloud(account, place);
    step(Id::NET_IMDS, Needs::one(Spot::Workload(*w)), Spot::Beyond(*account), *ease, Because::Place(*place)) <--
        asks_cloud(w, account, ease, place);

    // NET_LOCALHOST: past every policy, to whoever else is in the network of the same node.
    step(Id::NET_LOCALHOST, Needs::one(Spot::Workload(*from)), Spot::Door(*to), Ease::Easy, Because::Places(*place, *other)) <--
        host_network(from, place),
        on(from, node, Ease::Easy),
        on(to, node, Ease::Easy),
        matters(to),
        host_network(to, other), if from != to;

    // NET_APISERVER_BYPASS: the same right, and nobody writes down that it was used.
    relation kubelet(Act);
    kubelet(Act::GetNodeProxy);
    kubelet(Act::CreateNodeProxy);
    step(Id::NET_APISERVER_BYPASS, Needs::two(Spot::Workload(*w), Spot::May(*act, Scope::All, *any)), Spot::Effect(Effect::Evasion, Scope::All), Ease::Easy, Because::Nature) <--
        kubelet(act),
        may(act, scope, any), if *scope == Scope::All && *any == NameId::ANY,
        reaches_kubelets(w);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, facts: &Facts<'_>, rights: &Rights) -> Vec<Row> {
    let mut rules = Nodes::default();
    let seen = machines(picture);
    for (number, _) in picture.nodes.iter() {
        rules.node.push((NodeId(number),));
    }
    for (id, node) in picture.on_nodes() {
        let workload = picture.workloads.get(id.index());
        let is_sure = node != NodeId(0) || workload.is_some_and(|one| one.is_everywhere);
        let ease = if is_sure { Ease::Easy } else { Ease::Lucky };
        rules.on.push((id, node, ease));
    }
    belongings(picture, &mut rules);
    // A node without pods may read nothing, unless a binding gives all of them something.
    let group = Identity::Group("system:nodes".into());
    let group = picture.identities.find(&group);
    let with_pods: HashSet<NodeId> = rules.on.iter().map(|(_, node, _)| *node).collect();
    for (node,) in &rules.node {
        if group.is_none() && !with_pods.contains(node) {
            continue;
        }
        let id = picture.node_identity(*node);
        rules.identity.push((*node, id));
    }
    let controls = control_planes(picture, &seen);
    let ease = match (controls.is_empty(), picture.nodes.len() > 1) {
        (false, _) => Some(Ease::Easy),
        // Nodes were seen, and none of them is.
        (true, true) => None,
        (true, false) => Some(Ease::Lucky),
    };
    rules.has_control_plane = ease.map(|ease| (ease,)).into_iter().collect();
    rules.control_plane = controls;
    in_host_network(picture, &mut rules);
    ask_clouds(picture, facts, &mut rules);
    rules.may.clone_from(&rights.may);
    rules.reaches_kubelets = reach_kubelets(picture, facts, rights, &seen);
    rules.run();
    rules.step
}

/// What the kubelet has of each workload.
fn belongings(picture: &mut Picture<'_>, rules: &mut Nodes) {
    for fact in picture.facts {
        if let seawall_model::Fact::RunsAs {
            workload,
            token_mounted: true,
            ..
        } = fact
            && let Some(id) = picture.workload(workload)
        {
            rules.has_token.push((id,));
        }
    }
    let mut given = Vec::new();
    let mut pulls = Vec::new();
    for (id, workload) in picture.workload_ids() {
        rules.runs_as.push((id, workload.account));
        for name in secrets(workload.template) {
            given.push((id, workload.namespace, name));
        }
        for name in &workload.template.image_pull_secrets {
            pulls.push((id, workload.namespace, name.value.clone()));
        }
    }
    for (id, namespace, name) in given {
        let secret = picture.secret(namespace, &name);
        rules.given.push((id, secret));
    }
    for (id, namespace, name) in pulls {
        let secret = picture.secret(namespace, &name);
        rules.pulls_with.push((id, secret));
    }
}

/// The Secrets that a pod refers to, in any of its containers.
fn secrets(template: &PodTemplate) -> Vec<Str> {
    let mut all = Vec::new();
    for volume in &template.volumes {
        match &volume.kind {
            VolumeKind::Secret(name) => all.push(name.clone()),
            VolumeKind::Projected { secrets, .. } => all.extend(secrets.iter().cloned()),
            _ => {}
        }
    }
    for container in &template.containers {
        let whole = container.env_from.iter().filter(|from| from.secret);
        all.extend(whole.map(|from| from.name.clone()));
        all.extend(container.env.iter().filter_map(|one| match &one.source {
            EnvSource::Secret(name, _) => Some(name.clone()),
            _ => None,
        }));
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn control_planes(picture: &mut Picture<'_>, seen: &[Machine<'_>]) -> Vec<(NodeId, PlaceId)> {
    let mut all = Vec::new();
    for machine in seen {
        let Some(label) = machine.control_plane() else {
            continue;
        };
        let reference = &machine.object.reference;
        let place = picture.place(Place {
            note: format!("node {} has the label {label}", reference.name).into(),
            object: reference.clone(),
            span: machine.object.name_span,
            mend: None,
        });
        all.push((machine.id, place));
    }
    all
}

fn in_host_network(picture: &mut Picture<'_>, rules: &mut Nodes) {
    let mut found = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let field = workload.template.host_network.as_ref();
        let runs = workload.template.containers.iter().any(runs_on);
        if let Some(field) = field.filter(|field| field.value && runs) {
            let place = Place {
                note: format!("{} is in the network of its node", workload.owner).into(),
                object: workload.object.reference.clone(),
                span: field.span,
                mend: None,
            };
            found.push((id, place));
        }
    }
    for (id, place) in found {
        let place = picture.place(place);
        rules.host_network.push((id, place));
    }
    let matters = picture.worth.iter();
    rules.matters = matters.map(|id| (*id,)).collect();
}

/// The metadata server that clouds give their machines.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

fn ask_clouds(picture: &mut Picture<'_>, facts: &Facts<'_>, rules: &mut Nodes) {
    let own_accounts = has_own_accounts(picture);
    for (cloud, place) in clouds(picture) {
        let account = BeyondId(picture.beyond.number(&cloud.account_of_nodes()));
        let place = picture.place(place);
        rules.in_cloud.push((account, place));
        let ease = match cloud {
            // Instances may be set up so that answers do not get as far as pods.
            Cloud::Aws => Some(Ease::Lucky),
            // With accounts for pods the server gives them theirs.
            Cloud::Google => (!own_accounts).then_some(Ease::Skilled),
            Cloud::Azure => Some(Ease::Skilled),
        };
        for (id, workload) in picture.workload_ids() {
            let field = workload.template.host_network.as_ref();
            let is_in_host_network = field.is_some_and(|field| field.value);
            let ease = match (is_in_host_network, ease) {
                (true, _) => Ease::Easy,
                (false, Some(ease)) if facts.network.gets_to(workload.owner, METADATA, 80) => ease,
                _ => continue,
            };
            rules.asks_cloud.push((id, account, ease, place));
        }
    }
}

/// The port where kubelets take requests.
const KUBELET: u16 = 10250;

/// Whose pods get to a kubelet, where somebody has the right that it asks for and an address of
/// a node is known.
fn reach_kubelets(
    picture: &Picture<'_>,
    facts: &Facts<'_>,
    rights: &Rights,
    seen: &[Machine<'_>],
) -> Vec<(WorkloadId,)> {
    let asks = |act: &Act| matches!(act, Act::GetNodeProxy | Act::CreateNodeProxy);
    let matters = rights
        .may
        .iter()
        .any(|(act, scope, name)| asks(act) && *scope == Scope::All && *name == NameId::ANY);
    let mut addresses = seen.iter().filter_map(Machine::address);
    let Some(address) = addresses.next().filter(|_| matters) else {
        return Vec::new();
    };
    let workloads = picture.workload_ids();
    workloads
        .filter(|(_, one)| facts.network.gets_to(one.owner, address, KUBELET))
        .map(|(id, _)| (id,))
        .collect()
}
