//! MC-06: Consul over several clusters.

use super::super::clusters::door;
use super::super::{Report, get, place};
use super::Scene;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    exports(scene, report);
    peering(scene, report);
    federation(scene, report);
    direct(scene, report);
}

fn peers(scene: &Scene<'_, '_>) -> bool {
    let kinds = ["PeeringAcceptor", "PeeringDialer"];
    kinds
        .iter()
        .any(|kind| scene.entries(kind).next().is_some())
}

/// Services that other clusters may call.
fn exports(scene: &Scene<'_, '_>, report: &mut Report) {
    for object in scene.entries("ExportedServices") {
        report.assess_each(&[Id::MC_06]);
        let mut services = object.items(&["spec", "services"]).iter().enumerate();
        let all = services.find(|(_, one)| one.get("name").and_then(Node::as_str) == Some("*"));
        let Some((index, one)) = all else { continue };
        let message = "every service is exported, those of tomorrow too: only intentions keep the \
                       other clusters out"
            .to_owned();
        let fix = "List the services that the others need".to_owned();
        let locus = place(object, &format!("/spec/services/{index}"), Some(one.span));
        report.add(object, Draft::new(Id::MC_06, locus, message, fix));
    }
}

/// Peers whose servers talk to each other directly.
fn peering(scene: &Scene<'_, '_>, report: &mut Report) {
    if !peers(scene) {
        return;
    }
    report.assess_each(&[Id::MC_06]);
    let path = ["spec", "peering", "peerThroughMeshGateways"];
    let mesh = scene.entries("Mesh").next();
    let node = mesh.and_then(|mesh| get(mesh, &path));
    if node.and_then(Node::as_bool) == Some(true) {
        return;
    }
    let kinds = ["PeeringAcceptor", "PeeringDialer"];
    let first = kinds.iter().find_map(|kind| scene.entries(kind).next());
    let Some(object) = mesh.or(first) else { return };
    let ports = [8502, 8503, 8300];
    let mut ways = scene.network.exposure().iter();
    let way = ways.find(|way| {
        let endpoint = scene.world.endpoint_at(way.endpoint);
        way.is_open()
            && ports.contains(&way.port)
            && endpoint.is_some_and(|endpoint| endpoint.label("component") == Some("server"))
    });
    let (message, severity) = match way {
        Some(way) => (
            format!(
                "the servers themselves are open to the internet for peering ({})",
                way.entry.name()
            ),
            Severity::High,
        ),
        None => (
            "the servers of peers talk to each other directly, so each must be open to the others"
                .to_owned(),
            Severity::Medium,
        ),
    };
    let fix = "Set spec.peering.peerThroughMeshGateways of the Mesh to true".to_owned();
    let pointer = format!("/{}", path.join("/"));
    let pointer = if mesh.is_some() { &*pointer } else { "" };
    let locus = place(object, pointer, node.map(|node| node.span));
    let draft = Draft::new(Id::MC_06, locus, message, fix).severity(severity);
    report.add(object, draft.maybe(way.and_then(door)));
}

/// Datacenters that are joined by their servers' own ports.
fn federation(scene: &Scene<'_, '_>, report: &mut Report) {
    for servers in &scene.servers {
        let Some(locus) = servers.place_of(&["primary_datacenter"]) else {
            continue;
        };
        report.assess_each(&[Id::MC_06]);
        if servers.is_true(&["connect", "enable_mesh_gateway_wan_federation"]) {
            continue;
        }
        let message =
            "the datacenters are joined without mesh gateways: every server must be open \
                       to the others, at the ports of gossip and of RPC"
                .to_owned();
        let fix = "Set connect.enable_mesh_gateway_wan_federation (global.federation.enabled)";
        let draft = Draft::new(Id::MC_06, locus.1, message, fix.to_owned());
        report.add(locus.0, draft);
    }
}

/// Proxies that call the other clusters past the gateways.
fn direct(scene: &Scene<'_, '_>, report: &mut Report) {
    if !peers(scene)
        && !scene
            .servers
            .iter()
            .any(|one| one.place_of(&["primary_datacenter"]).is_some())
    {
        return;
    }
    for kind in ["ProxyDefaults", "ServiceDefaults"] {
        for object in scene.entries(kind) {
            report.assess_each(&[Id::MC_06]);
            let node = get(object, &["spec", "meshGateway", "mode"]);
            let Some(node) = node.filter(|node| node.as_str() == Some("none")) else {
                continue;
            };
            let message =
                "calls to other clusters go past the mesh gateways, so pods must be open \
                           to each other across clusters"
                    .to_owned();
            let fix = "Set meshGateway.mode to local or remote".to_owned();
            let locus = place(object, "/spec/meshGateway/mode", Some(node.span));
            let draft = Draft::new(Id::MC_06, locus, message, fix);
            report.add(object, draft.severity(Severity::Medium));
        }
    }
}
