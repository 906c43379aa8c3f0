//! IST-TC-08 and 09: addresses and machines that entries bring into the mesh.

use super::super::{Report, get, place, texts};
use super::Scene;
use super::gates::hosts;
use crate::istio::NETWORKING;
use crate::reach::{Cidr, METADATA};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity, Str};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::HashSet;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let services = scene.world.of_kind(NETWORKING, "ServiceEntry");
    let routes = scene.world.of_kind(NETWORKING, "VirtualService").iter();
    let gated = routes.copied().filter(|route| {
        let gateways = texts(get(route, &["spec", "gateways"]));
        gateways.iter().any(|name| *name != "mesh")
    });
    let gated: HashSet<&str> = gated.flat_map(hosts).collect();
    let machines = scene.world.of_kind(NETWORKING, "WorkloadEntry");
    report.assess(&[Id::IST_TC_08], services.len() + machines.len());
    for object in services.iter().copied() {
        let endpoints = object.items(&["spec", "endpoints"]).iter().enumerate();
        for (index, endpoint) in endpoints {
            let pointer = format!("/spec/endpoints/{index}/address");
            let node = endpoint.get("address");
            address(scene, object, node, &pointer, &gated, report);
        }
    }
    report.assess(&[Id::IST_TC_09], machines.len());
    for object in machines.iter().copied() {
        let node = get(object, &["spec", "address"]);
        address(scene, object, node, "/spec/address", &gated, report);
        account(scene, object, report);
    }
}

/// IST-TC-08.
fn address(
    scene: &Scene<'_, '_>,
    object: &Object,
    node: Option<&Node>,
    pointer: &str,
    gated: &HashSet<&str>,
    report: &mut Report,
) {
    let Some(node) = node else { return };
    let text = node.as_str().unwrap_or_default();
    let Some(inside) = inside(scene, text) else {
        return;
    };
    let hosts = texts(get(object, &["spec", "hosts"]));
    // A workload reaches its own pod anyway; who comes in through a gateway does not, nor
    // should anybody reach the proxy's own ports.
    let is_led = hosts.iter().any(|host| gated.contains(host));
    if matches!(inside, Inside::Own) && !is_led && !is_at_proxy(object) {
        return;
    }
    // A name that says so surprises nobody; it still opens the way for all.
    let is_plain =
        matches!(inside, Inside::Metadata) && hosts.iter().any(|host| host.contains("metadata"));
    let severity = if is_plain {
        Severity::High.lowered()
    } else {
        Severity::High
    };
    let name = hosts.first().map_or(&*object.reference.name, |host| *host);
    let message = format!("{name} leads to {text}, {}", inside.words());
    let fix = "Remove the endpoint".to_owned();
    let locus = place(object, pointer, Some(node.span));
    let draft = Draft::new(Id::IST_TC_08, locus, message, fix).severity(severity);
    report.add(object, draft);
}

/// Whether an entry is for ports that are the proxy's own.
fn is_at_proxy(object: &Object) -> bool {
    let mut ports = object.items(&["spec", "ports"]).iter().flat_map(|port| {
        let fields = ["number", "targetPort"].into_iter();
        fields.filter_map(|field| port.get(field)?.as_i64())
    });
    ports.any(|port| (15000..15100).contains(&port))
}

/// What workloads should not be led to.
#[derive(Debug, Clone, Copy)]
enum Inside {
    /// Where the cloud hands out credentials.
    Metadata,
    /// The pod of whoever calls.
    Own,
    /// What only the node reaches.
    Link,
    /// The API server.
    Server,
}

impl Inside {
    fn words(self) -> &'static str {
        match self {
            Inside::Metadata => "where the cloud hands out credentials",
            Inside::Own => "inside the pod of the proxy that calls it",
            Inside::Link => "an address of the node's own link",
            Inside::Server => "the API server",
        }
    }
}

/// What an address is, if workloads should not be led there.
fn inside(scene: &Scene<'_, '_>, text: &str) -> Option<Inside> {
    const OWN: [&str; 4] = ["127.0.0.0/8", "::1/128", "0.0.0.0/32", "::/128"];
    const LINK: [&str; 2] = ["169.254.0.0/16", "fe80::/10"];
    match text {
        "localhost" => return Some(Inside::Own),
        "metadata.google.internal" => return Some(Inside::Metadata),
        "kubernetes.default.svc" | "kubernetes.default.svc.cluster.local" => {
            return Some(Inside::Server);
        }
        _ if text.starts_with("unix://") => return Some(Inside::Own),
        _ => {}
    }
    let address = Cidr::read_loosely(text)?;
    let is_in = |ranges: &[&str]| {
        let mut ranges = ranges.iter().filter_map(|range| Cidr::read(range));
        ranges.any(|range| range.holds(address))
    };
    if is_in(&METADATA) {
        return Some(Inside::Metadata);
    }
    if is_in(&OWN) {
        return Some(Inside::Own);
    }
    if is_in(&LINK) {
        return Some(Inside::Link);
    }
    let services = scene.world.of_kind("", "Service").iter();
    let mut servers = services.filter(|service| {
        &*service.reference.name == "kubernetes" && service.namespace() == "default"
    });
    let is_server = servers.any(|service| {
        let ip = get(service, &["spec", "clusterIP"]).and_then(Node::as_str);
        ip == Some(text)
    });
    is_server.then_some(Inside::Server)
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
