//! GWA-06: what secures the way from a Gateway to the pods behind it.

use super::{Scene, at, text};
use crate::checks::meshes::count;
use crate::checks::policies::is_encrypted;
use crate::checks::report::Report;
use crate::istio::Istio;
use crate::istio::membership::Place;
use crate::linkerd::{self, Linkerd};
use crate::policy::At;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::Wanted;
use crate::ways::gateway_api::{GROUP, Listener, spec};
use crate::world::EndpointId;
use seawall_model::{Asset, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const KIND: &str = "BackendTLSPolicy";

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for policy in scene.world.of_kind(GROUP, KIND).iter().copied() {
        report.assess_each(&[Id::GWA_06]);
        for_nothing(scene, policy, report);
        never_met(policy, report);
    }
    twice(scene, report);
    unsecured(scene, report);
}

/// The Services that a policy is for, each with the port that it names.
fn targets(policy: &Object) -> Vec<(At<'_>, &str, Option<&str>)> {
    let spec = spec(policy);
    let all = spec.map(|spec| spec.maps("targetRefs").unwrap_or_default());
    let all = all.into_iter().flatten().filter_map(|at| {
        let node = at.node;
        let is_service = text(node, "kind") == Some("Service");
        let name = text(node, "name").filter(|_| is_service)?;
        let section = text(node, "sectionName").filter(|name| !name.is_empty());
        Some((at, name, section))
    });
    all.collect()
}

/// A policy whose target is not there secures nothing.
fn for_nothing(scene: &Scene<'_, '_>, policy: &Object, report: &mut Report) {
    let space = policy.namespace();
    if !scene.knows_services(space) {
        return;
    }
    for (target, name, section) in targets(policy) {
        let message = match (scene.services.find(space, name), section) {
            (None, _) => {
                format!("the policy is for Service {name}, which does not exist in {space}")
            }
            (Some(service), Some(section)) => {
                if service.ports.iter().any(|port| &*port.name == section) {
                    continue;
                }
                format!(
                    "the policy is for port {section} of Service {name}, which has none of that name"
                )
            }
            (Some(_), None) => continue,
        };
        let fix = "Correct targetRefs: until then the Gateway speaks plaintext".to_owned();
        let draft = Draft::new(Id::GWA_06, at(&target, policy), message, fix);
        report.add(policy, draft);
    }
}

/// A name within the cluster, and the authorities of the public web: none of them vouches for
/// such a name.
fn never_met(policy: &Object, report: &mut Report) {
    let validation = spec(policy).and_then(|spec| spec.map("validation").ok()?);
    let Some(validation) = validation else { return };
    let known = validation.get("wellKnownCACertificates");
    let Some(known) = known.filter(|at| at.node.as_str() == Some("System")) else {
        return;
    };
    let host = validation
        .text("hostname")
        .ok()
        .flatten()
        .unwrap_or_default();
    let is_private = !host.contains('.')
        || [".svc", ".cluster.local", ".local", ".internal"]
            .iter()
            .any(|end| host.ends_with(end));
    let has_names = validation
        .list("subjectAltNames")
        .is_ok_and(|names| names.is_some_and(|names| !names.is_empty()));
    if !is_private || host.is_empty() || has_names {
        return;
    }
    let message = format!("no public authority vouches for {host}: no connection comes about");
    let fix = "Name the authority of the cluster in caCertificateRefs".to_owned();
    let draft = Draft::new(Id::GWA_06, at(&known, policy), message, fix);
    report.add(policy, draft.severity(Severity::Low));
}

/// Two policies for one port: one of them does nothing, and its age decides which.
fn twice(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut first: HashMap<(&str, &str, Option<&str>), &Object> = HashMap::new();
    for policy in scene.world.of_kind(GROUP, KIND).iter().copied() {
        for (target, name, section) in targets(policy) {
            let key = (policy.namespace(), name, section);
            let known = *first.entry(key).or_insert(policy);
            if std::ptr::eq(known, policy) {
                continue;
            }
            let message = format!(
                "{} is for Service {name}, too: only the older of both counts",
                known.reference
            );
            let fix = "Remove one of them".to_owned();
            let draft = Draft::new(Id::GWA_06, at(&target, policy), message, fix);
            report.add(policy, draft);
        }
    }
}

/// Requests that came in encrypted and go on in plaintext, once for each Gateway.
fn unsecured(scene: &Scene<'_, '_>, report: &mut Report) {
    if is_encrypted(scene.world) {
        return;
    }
    let istio = Istio::new(scene.world);
    let linkerd = Linkerd::new(scene.world);
    let mut secured: BTreeSet<(&str, &str, Option<&str>)> = BTreeSet::new();
    for policy in scene.world.of_kind(GROUP, KIND).iter().copied() {
        let targets = targets(policy).into_iter();
        secured.extend(targets.map(|(_, name, section)| (policy.namespace(), name, section)));
    }
    let is_meshed = |id: EndpointId| {
        let by_istio = istio.as_ref().and_then(|istio| istio.membership(id));
        // What is not known is not alarming.
        by_istio.is_some_and(|one| one.place != Place::Outside)
            || linkerd
                .as_ref()
                .is_some_and(|linkerd| linkerd.place(id) != linkerd::Place::Outside)
    };
    let mut by_gateway: BTreeMap<(&str, &str), (&Listener<'_>, BTreeSet<EndpointId>)> =
        BTreeMap::new();
    for (listener, attached) in &scene.listeners {
        if !ends_tls(listener) {
            continue;
        }
        let gateway = listener.gateway;
        let key = (gateway.namespace(), &*gateway.reference.name);
        let (_, open) = by_gateway
            .entry(key)
            .or_insert_with(|| (listener, BTreeSet::new()));
        for one in attached {
            plain_backends(scene, one.route, &secured, open);
        }
    }
    for (listener, mut open) in by_gateway.into_values() {
        report.assess_each(&[Id::GWA_06]);
        open.retain(|id| !is_meshed(*id));
        let Some(first) = open.first() else { continue };
        let name = scene.network.name(crate::places::Peer::Endpoint(*first));
        let others = match open.len() {
            1 => String::new(),
            more => format!(" and {}", count(more - 1, "other")),
        };
        let message = format!(
            "what comes in encrypted goes on in plaintext to {name}{others}: no BackendTLSPolicy \
             and no mesh"
        );
        let fix =
            "Write BackendTLSPolicies, or let a mesh or the network plugin encrypt".to_owned();
        let endpoints = open.iter().filter_map(|id| scene.world.endpoint_at(*id));
        let affected = endpoints.map(|e| Asset::Resource(e.workload.owner.clone()));
        let draft = Draft::new(Id::GWA_06, at(&listener.at, listener.home), message, fix)
            .severity(Severity::Low)
            .affects(affected);
        report.add(listener.home, draft);
    }
}

/// Whether TLS ends at a listener.
fn ends_tls(listener: &Listener<'_>) -> bool {
    let mode = listener.at.node.at(&["tls", "mode"]).and_then(Node::as_str);
    match listener.protocol {
        "HTTPS" => true,
        "TLS" => mode == Some("Terminate"),
        _ => false,
    }
}

/// The pods that a route leads to and that nothing says TLS about.
fn plain_backends(
    scene: &Scene<'_, '_>,
    route: &Object,
    secured: &BTreeSet<(&str, &str, Option<&str>)>,
    open: &mut BTreeSet<EndpointId>,
) {
    for rule in route.items(&["spec", "rules"]) {
        let backends = rule.get("backendRefs").and_then(Node::as_seq);
        for backend in backends.unwrap_or_default() {
            let Some(name) = text(backend, "name") else {
                continue;
            };
            let space = text(backend, "namespace").unwrap_or(route.namespace());
            let Some(service) = scene.services.find(space, name) else {
                continue;
            };
            let number = backend.get("port").and_then(Node::as_i64);
            let wanted = number.map_or(Wanted::Only, Wanted::Number);
            let Some(port) = service.port(&wanted) else {
                continue;
            };
            let is_secured = secured.contains(&(space, name, None))
                || secured.contains(&(space, name, Some(&*port.name)));
            let is_tls = matches!(port.port, 443 | 8443)
                || port.name.starts_with("https")
                || port.name.starts_with("tls");
            if !is_secured && !is_tls {
                open.extend(service.endpoints.iter().copied());
            }
        }
    }
}
