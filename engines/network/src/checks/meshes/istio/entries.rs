//! IST-TC-08 and 09: addresses and machines that entries bring into the mesh.

use super::super::{Report, get, place, texts};
use super::Scene;
use crate::istio::NETWORKING;
use crate::reach::{Cidr, METADATA};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity, Str};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let services = scene.world.of_kind(NETWORKING, "ServiceEntry");
    let machines = scene.world.of_kind(NETWORKING, "WorkloadEntry");
    report.assess(&[Id::IST_TC_08], services.len() + machines.len());
    for object in services.iter().copied() {
        let endpoints = object.items(&["spec", "endpoints"]).iter().enumerate();
        for (index, endpoint) in endpoints {
            let pointer = format!("/spec/endpoints/{index}/address");
            address(scene, object, endpoint.get("address"), &pointer, report);
        }
    }
    report.assess(&[Id::IST_TC_09], machines.len());
    for object in machines.iter().copied() {
        let node = get(object, &["spec", "address"]);
        address(scene, object, node, "/spec/address", report);
        account(scene, object, report);
    }
}

/// IST-TC-08.
fn address(
    scene: &Scene<'_, '_>,
    object: &Object,
    node: Option<&Node>,
    pointer: &str,
    report: &mut Report,
) {
    let Some(node) = node else { return };
    let text = node.as_str().unwrap_or_default();
    let Some((what, is_metadata)) = inside(scene, text) else {
        return;
    };
    let hosts = texts(get(object, &["spec", "hosts"]));
    // A name that says so surprises nobody; it still opens the way for all.
    let is_plain = is_metadata && hosts.iter().any(|host| host.contains("metadata"));
    let severity = if is_plain {
        Severity::High.lowered()
    } else {
        Severity::High
    };
    let name = hosts.first().map_or(&*object.reference.name, |host| *host);
    let message = format!("{name} leads to {text}, {what}");
    let fix = "Remove the endpoint".to_owned();
    let locus = place(object, pointer, Some(node.span));
    let draft = Draft::new(Id::IST_TC_08, locus, message, fix).severity(severity);
    report.add(object, draft);
}

/// What an address is, if workloads should not be led there.
fn inside(scene: &Scene<'_, '_>, text: &str) -> Option<(&'static str, bool)> {
    const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
    const UNSET: [&str; 2] = ["0.0.0.0/32", "::/128"];
    const LINK: [&str; 2] = ["169.254.0.0/16", "fe80::/10"];
    let own = "the caller's own pod";
    let metadata = "where the cloud hands out credentials";
    let server = "the API server";
    match text {
        "localhost" => return Some((own, false)),
        "metadata.google.internal" => return Some((metadata, true)),
        "kubernetes.default.svc" | "kubernetes.default.svc.cluster.local" => {
            return Some((server, false));
        }
        _ if text.starts_with("unix://") => return Some(("a socket beside the proxy", false)),
        _ => {}
    }
    let address = Cidr::read_loosely(text)?;
    let is_in = |ranges: &[&str]| {
        let mut ranges = ranges.iter().filter_map(|range| Cidr::read(range));
        ranges.any(|range| range.holds(address))
    };
    if is_in(&METADATA) {
        return Some((metadata, true));
    }
    if is_in(&LOOPBACK) || is_in(&UNSET) {
        return Some((own, false));
    }
    if is_in(&LINK) {
        return Some(("an address of the node's own link", false));
    }
    let services = scene.world.of_kind("", "Service").iter();
    let mut servers = services.filter(|service| {
        &*service.reference.name == "kubernetes" && service.namespace() == "default"
    });
    let is_server = servers.any(|service| {
        let ip = get(service, &["spec", "clusterIP"]).and_then(Node::as_str);
        ip == Some(text)
    });
    is_server.then_some((server, false))
}

/// IST-TC-09: a machine with the account of pods that it does not stand beside.
fn account(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let node = get(object, &["spec", "serviceAccount"]);
    let Some((node, name)) = node.and_then(|node| Some((node, node.as_str()?))) else {
        return;
    };
    let labels = get(object, &["spec", "labels"]).and_then(Node::as_map);
    let mut labels: Vec<(Str, Str)> = labels
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((entry.key.clone(), Str::from(entry.value.as_str()?))))
        .collect();
    labels.sort_unstable();
    let home = object.namespace();
    let mut owners = scene
        .in_namespace(home)
        .filter(|subject| subject.endpoint.template.service_account() == name && name != "default");
    let Some(first) = owners.next() else { return };
    let stands_beside = |services: &[&Object]| {
        services.iter().any(|service| {
            let selector = get(service, &["spec", "selector"]);
            let selector = selector.and_then(LabelSelector::read_map);
            selector.is_some_and(|selector| selector.matches(&labels))
        })
    };
    // A machine that serves the same as the pods is one of them.
    if stands_beside(&first.services) || owners.any(|one| stands_beside(&one.services)) {
        return;
    }
    let owner = &first.endpoint.workload.owner;
    let message = format!(
        "the machine has service account {name} of {} {}, and so its identity",
        owner.kind, owner.name
    );
    let fix = "Give the machine a service account of its own".to_owned();
    let locus = place(object, "/spec/serviceAccount", Some(node.span));
    let draft = Draft::new(Id::IST_TC_09, locus, message, fix)
        .evidence(
            "the workload stands here",
            Proof::Source(first.endpoint.object.name_span),
        )
        .affects([first.asset()]);
    report.add(object, draft);
}
