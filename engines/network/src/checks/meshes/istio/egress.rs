//! IST-EG-02 to 07 and CMP-09: what gets out of the mesh, whatever its settings say.
//!
//! The mode of outgoing traffic is applied by a pod's own proxy, which a compromised pod leaves
//! aside. So each rule asks what the network policies let out, and says with whom it ends.

use super::super::{Report, count, get, place, texts};
use super::{Scene, Subject, peers, tampering};
use crate::checks::outward::{self, Cloud, Metadata, Worth};
use crate::istio::NETWORKING;
use crate::istio::ambient::USE_WAYPOINT;
use crate::istio::membership::Place;
use crate::istio::mesh::MeshConfig;
use crate::network::Network;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::EndpointId;
use seawall_model::{Locus, Proof, Severity};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::HashSet;

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    registry_only(scene, network, report);
    sidecars(scene, report);
    around_gateway(scene, network, report);
    metadata(scene, network, report);
    api(scene, network, report);
    entries(scene, report);
}

/// Pods of the mesh that the policies let out to the internet at a port of TCP.
fn leaving<'a, 'w, 's>(
    scene: &'a Scene<'w, 's>,
    network: &Network<'_, '_>,
) -> Vec<&'a Subject<'w, 's>> {
    let leaves = |subject: &&Subject<'_, '_>| {
        let open = outward::to_internet(network, subject.id).any();
        [443, 80].iter().any(|port| open.has(Protocol::Tcp, *port))
    };
    scene.meshed().filter(leaves).collect()
}

/// The setting that keeps proxies to known hosts, if the mesh has it.
fn is_registry_only(config: &MeshConfig<'_>) -> bool {
    config.text(&["outboundTrafficPolicy", "mode"]) == Some("REGISTRY_ONLY")
}

/// IST-EG-02, and CMP-09 where a pod has what it takes to leave its proxy aside.
fn registry_only(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let configs = &scene.istio.mesh.configs;
    let Some(config) = configs.iter().find(|config| is_registry_only(config)) else {
        return;
    };
    report.assess(&[Id::IST_EG_02], 1);
    let leaving = leaving(scene, network);
    let sidecars = scene.meshed().filter(|s| s.place == Place::Sidecar);
    report.assess(&[Id::CMP_09], sidecars.count());
    let Some(node) = config.get(&["outboundTrafficPolicy", "mode"]) else {
        return;
    };
    if !leaving.is_empty() {
        let message = format!(
            "REGISTRY_ONLY is all that keeps {} from the internet, and a pod that leaves its \
             proxy aside is not kept",
            count(leaving.len(), "workload")
        );
        let fix = "Add network policies that let these pods out only to what they call".to_owned();
        let pointer = format!("{}/outboundTrafficPolicy/mode", config.pointer);
        let locus = place(config.object, &pointer, Some(node.span));
        let draft = Draft::new(Id::IST_EG_02, locus, message, fix)
            .affects(leaving.iter().map(|subject| subject.asset()));
        report.add(config.object, draft);
    }
    for subject in leaving.iter().filter(|s| s.place == Place::Sidecar) {
        let Some(means) = tampering::means(subject) else {
            continue;
        };
        let message = format!(
            "the pods may call any address on the internet: {}, so REGISTRY_ONLY does not hold \
             them, and no network policy does",
            means.said
        );
        let fix = "Add a network policy for egress, and take the right away".to_owned();
        let note = "the mesh relies on the proxy to keep pods to known hosts".to_owned();
        let draft = Draft::new(Id::CMP_09, means.locus, message, fix)
            .evidence(note, Proof::Source(node.span));
        report.add_to(subject.asset(), draft);
    }
}

/// IST-EG-03: a Sidecar that takes the mesh's limit away.
fn sidecars(scene: &Scene<'_, '_>, report: &mut Report) {
    let configs = &scene.istio.mesh.configs;
    let Some(config) = configs.iter().find(|config| is_registry_only(config)) else {
        return;
    };
    let all = scene.world.of_kind(NETWORKING, "Sidecar");
    report.assess(&[Id::IST_EG_03], all.len());
    for object in all.iter().copied() {
        let path = ["spec", "outboundTrafficPolicy", "mode"];
        let Some(node) = get(object, &path) else {
            continue;
        };
        let mode = node.as_str().unwrap_or_default();
        if !mode.starts_with("ALLOW_ANY") {
            continue;
        }
        let selector = get(object, &["spec", "workloadSelector", "labels"]);
        let selector = selector
            .and_then(LabelSelector::read_map)
            .unwrap_or_default();
        let is_root = object.namespace() == &*scene.istio.mesh.root_namespace;
        let held = scene.meshed().filter(|s| {
            (is_root || s.namespace == object.namespace())
                && selector.matches(&s.endpoint.template.labels)
        });
        let message =
            format!("the pods may call any host ({mode}), though the mesh is REGISTRY_ONLY");
        let fix = "Remove outboundTrafficPolicy, and add a ServiceEntry for what is called";
        let locus = place(object, "/spec/outboundTrafficPolicy/mode", Some(node.span));
        let draft = Draft::new(Id::IST_EG_03, locus, message, fix.to_owned())
            .evidence("the mesh's mode stands here", Proof::Source(config.span))
            .affects(held.map(Subject::asset));
        report.add(object, draft);
    }
}

/// IST-EG-04: a gateway for the way out that nobody has to take.
fn around_gateway(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let Some((object, what)) = way_out(scene) else {
        return;
    };
    report.assess(&[Id::IST_EG_04], 1);
    let direct = leaving(scene, network);
    if direct.is_empty() {
        return;
    }
    let message = format!(
        "{what} is meant to be the way out, but the network policies let {} out directly: its \
         rules and logs do not see that",
        count(direct.len(), "workload")
    );
    let fix = "Let only the gateway's pods out to the internet, by network policies for egress";
    let draft = Draft::new(
        Id::IST_EG_04,
        place(object, "", None),
        message,
        fix.to_owned(),
    )
    .affects(direct.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// What sends calls out through a gateway: a Gateway on an egress gateway's pods, or an entry
/// with a waypoint. An egress gateway that nothing is sent through is only installed.
fn way_out<'s>(scene: &Scene<'_, 's>) -> Option<(&'s Object, String)> {
    let gateways = scene.world.of_kind(NETWORKING, "Gateway").iter().copied();
    let mut gateways = gateways.filter(|gateway| {
        let selector = get(gateway, &["spec", "selector"]);
        let labels = selector.and_then(Node::as_map).into_iter().flatten();
        let mut values = labels.filter_map(|entry| entry.value.as_str());
        values.any(|value| value.contains("egress"))
    });
    if let Some(gateway) = gateways.next() {
        let name = &gateway.reference.name;
        return Some((gateway, format!("Gateway {name}")));
    }
    let mut entries = scene.world.of_kind(NETWORKING, "ServiceEntry").iter();
    let entry = entries.find(|entry| {
        let waypoint = entry.label(USE_WAYPOINT);
        waypoint.is_some_and(|name| !matches!(name, "" | "none"))
    })?;
    let name = entry.label(USE_WAYPOINT).unwrap_or_default();
    Some((*entry, format!("waypoint {name}")))
}

/// IST-EG-05: what a cloud gives its machines, pods may ask for.
fn metadata(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let applications = applications(scene);
    if applications.is_empty() {
        return;
    }
    let known = Metadata::new(network);
    report.assess(&[Id::IST_EG_05], applications.len());
    let mut address = None;
    let open: Vec<_> = applications
        .into_iter()
        .filter(|subject| {
            let found = known.open_to(network, subject.id);
            let is_open = found.is_some();
            address = address.take().or(found);
            is_open
        })
        .collect();
    let (Some(address), Some((object, locus))) = (address, stand(scene, &open)) else {
        return;
    };
    let cloud = outward::cloud(scene.world);
    let worth = Worth::new(scene.world);
    let ways = network.exposure().iter().filter(|way| way.is_open());
    let exposed: HashSet<EndpointId> = ways.map(|way| way.endpoint).collect();
    let mut exposed = open.iter().filter(|subject| exposed.contains(&subject.id));
    let loot = exposed.find_map(|subject| worth.of(subject.endpoint));
    // What nobody outside gets to, or holds nothing, is not where an attack begins.
    let severity = match (&cloud, &loot) {
        (Some(_), Some(_)) => Severity::High,
        (Some(_), None) | (None, Some(_)) => Severity::Medium,
        (None, None) => Severity::Low,
    };
    let message = format!(
        "{} may ask {address} for the node's cloud credentials: no network policy is in the way",
        count(open.len(), "workload")
    );
    let fix = format!(
        "Add network policies for egress that leave {address} out, and let the cloud answer only \
         the node itself (hop limit 1, or identities for pods)"
    );
    let draft = Draft::new(Id::IST_EG_05, locus, message, fix)
        .severity(severity)
        .maybe(cloud.as_ref().map(sign))
        .maybe(loot)
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// What shows that there is a cloud.
fn sign(cloud: &Cloud) -> (String, Proof) {
    let note = format!(
        "{} {} shows that the nodes are at {}",
        cloud.object.kind, cloud.object.name, cloud.name
    );
    (note, Proof::Source(cloud.span))
}

/// Pods of applications: those of the cluster itself and of the mesh have their own business
/// with nodes and clouds.
fn applications<'a, 'w, 's>(scene: &'a Scene<'w, 's>) -> Vec<&'a Subject<'w, 's>> {
    // Where nobody knows whether pods are in a mesh, there need not be one.
    let is_here = scene.meshed().next().is_some() || scene.istio.mesh.is_present(scene.world);
    if !is_here {
        return Vec::new();
    }
    let root = &*scene.istio.mesh.root_namespace;
    let is_own = |s: &Subject<'_, '_>| {
        outward::is_system(s.namespace) || s.namespace == root || s.place == Place::Gateway
    };
    let all = scene.subjects.iter();
    all.filter(|s| !is_own(s) && !s.endpoint.is_host_network())
        .collect()
}

/// The object that stands for the mesh; without one the first of the workloads.
fn stand<'s>(scene: &Scene<'_, 's>, all: &[&Subject<'_, 's>]) -> Option<(&'s Object, Locus)> {
    let first = all.first()?;
    let (object, pointer, span) = peers::mesh_object(scene).unwrap_or((
        first.endpoint.object,
        "",
        first.endpoint.object.name_span,
    ));
    Some((object, place(object, pointer, Some(span))))
}

/// Ports of nodes that only the cluster's own parts have to call: the kubelet, the API server,
/// etcd.
const NODE_PORTS: [u16; 3] = [10250, 6443, 2379];

/// IST-EG-06: pods that say that they need no API may call it.
fn api(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let needs_none: Vec<_> = applications(scene)
        .into_iter()
        .filter(|subject| needs_no_api(scene, subject))
        .collect();
    report.assess(&[Id::IST_EG_06], needs_none.len());
    let mut port = None;
    let open: Vec<_> = needs_none
        .into_iter()
        .filter(|subject| {
            let found = outward::to_nodes(network, subject.id, &NODE_PORTS);
            port = port.or(found);
            found.is_some()
        })
        .collect();
    let (Some(port), Some((object, locus))) = (port, stand(scene, &open)) else {
        return;
    };
    let message = format!(
        "{} without a token of the API may call all nodes (port {port}): no network policy is in \
         the way",
        count(open.len(), "workload")
    );
    let fix = "Add network policies for egress that list what these pods call".to_owned();
    let draft = Draft::new(Id::IST_EG_06, locus, message, fix)
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// Whether pods get no token of the API, by themselves or by their account.
fn needs_no_api(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> bool {
    let template = subject.endpoint.template;
    if let Some(field) = &template.automount_token {
        return !field.value;
    }
    let mut accounts = scene.world.of_kind("", "ServiceAccount").iter();
    let account = accounts.find(|account| {
        account.namespace() == subject.namespace
            && &*account.reference.name == template.service_account()
    });
    let said = account.and_then(|account| get(account, &["automountServiceAccountToken"]));
    said.and_then(Node::as_bool) == Some(false)
}

/// Hosts that anybody gets a place at within a minute, to take data or lend a way in.
const DROPS: [&str; 22] = [
    "pastebin.com",
    "paste.ee",
    "hastebin.com",
    "transfer.sh",
    "file.io",
    "webhook.site",
    "requestbin.com",
    "pipedream.net",
    "beeceptor.com",
    "ngrok.io",
    "ngrok.app",
    "ngrok-free.app",
    "trycloudflare.com",
    "loca.lt",
    "localtunnel.me",
    "serveo.net",
    "localhost.run",
    "burpcollaborator.net",
    "oastify.com",
    "interact.sh",
    "oast.fun",
    "duckdns.org",
];

/// IST-EG-07: entries for places where data is dropped.
fn entries(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind(NETWORKING, "ServiceEntry");
    report.assess(&[Id::IST_EG_07], all.len());
    for object in all.iter().copied() {
        let hosts = texts(get(object, &["spec", "hosts"]));
        let dropped = hosts.iter().enumerate().find(|(_, host)| {
            let host = host.trim_start_matches("*.");
            let mut known = DROPS.into_iter();
            known.any(|drop| {
                host.strip_suffix(drop)
                    .is_some_and(|h| h.is_empty() || h.ends_with('.'))
            })
        });
        if let Some((index, host)) = dropped {
            let message =
                format!("the mesh knows the way to {host}, where anybody may take what is sent");
            let fix = "Remove the host".to_owned();
            let pointer = format!("/spec/hosts/{index}");
            let node = object.items(&["spec", "hosts"]).get(index);
            let locus = place(object, &pointer, node.map(|node| node.span));
            report.add(object, Draft::new(Id::IST_EG_07, locus, message, fix));
        }
        resolver(object, report);
    }
}

/// An entry for a server of names outside: questions carry data out.
fn resolver(object: &Object, report: &mut Report) {
    let location = get(object, &["spec", "location"]).and_then(Node::as_str);
    if location == Some("MESH_INTERNAL") {
        return;
    }
    let ports = object.items(&["spec", "ports"]).iter().enumerate();
    let mut ports = ports.filter_map(|(index, port)| Some((index, port.get("number")?)));
    let asks = |number: i64| matches!(number, 53 | 853);
    let Some((index, node)) = ports.find(|(_, node)| node.as_i64().is_some_and(asks)) else {
        return;
    };
    let message =
        "the mesh knows the way to a server of names outside: questions carry data out".to_owned();
    let fix = "Remove the port, and ask the cluster's own DNS".to_owned();
    let pointer = format!("/spec/ports/{index}/number");
    let locus = place(object, &pointer, Some(node.span));
    report.add(object, Draft::new(Id::IST_EG_07, locus, message, fix));
}
