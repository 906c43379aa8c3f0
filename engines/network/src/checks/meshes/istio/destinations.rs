//! IST-TLS-09, 10, 11 and 15: what DestinationRules make of TLS.

use super::super::{Report, get, place};
use super::{Scene, Subject};
use crate::istio::NETWORKING;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Locus, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;

const RULES: [Id; 4] = [
    Id::IST_TLS_09,
    Id::IST_TLS_10,
    Id::IST_TLS_11,
    Id::IST_TLS_15,
];

/// Places of `tls` in a DestinationRule.
fn tls_settings(object: &Object) -> Vec<(String, &Node)> {
    let mut found = Vec::new();
    if let Some(top) = get(object, &["spec", "trafficPolicy"]) {
        collect(top, "/spec/trafficPolicy", &mut found);
    }
    for (index, subset) in object.items(&["spec", "subsets"]).iter().enumerate() {
        if let Some(top) = subset.get("trafficPolicy") {
            collect(
                top,
                &format!("/spec/subsets/{index}/trafficPolicy"),
                &mut found,
            );
        }
    }
    found
}

fn collect<'s>(policy: &'s Node, pointer: &str, found: &mut Vec<(String, &'s Node)>) {
    if let Some(tls) = policy.get("tls") {
        found.push((format!("{pointer}/tls"), tls));
    }
    let ports = policy.get("portLevelSettings").and_then(Node::as_seq);
    for (index, port) in ports.unwrap_or_default().iter().enumerate() {
        if let Some(tls) = port.get("tls") {
            found.push((format!("{pointer}/portLevelSettings/{index}/tls"), tls));
        }
    }
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let rules = scene.world.of_kind(NETWORKING, "DestinationRule");
    report.assess(&RULES, rules.len());
    for object in rules.iter().copied() {
        let host = get(object, &["spec", "host"]).and_then(Node::as_str);
        let host = host.unwrap_or_default();
        for (pointer, tls) in tls_settings(object) {
            unverified(object, host, &pointer, tls, report);
            let Some(mode) = tls.get("mode") else {
                continue;
            };
            let locus = place(object, &format!("{pointer}/mode"), Some(mode.span));
            match (mode.as_str(), host.strip_prefix('*')) {
                (Some("DISABLE"), Some(end)) => wildcard(scene, object, host, end, locus, report),
                (Some("DISABLE"), None) => one_host(scene, object, host, locus, report),
                (Some("SIMPLE" | "MUTUAL"), None) => other_tls(scene, object, host, locus, report),
                _ => {}
            }
        }
    }
}

/// IST-TLS-15.
fn unverified(object: &Object, host: &str, pointer: &str, tls: &Node, report: &mut Report) {
    let node = tls.get("insecureSkipVerify");
    let Some(node) = node.filter(|node| node.as_bool() == Some(true)) else {
        return;
    };
    let message = format!("whoever answers for {host} is believed: its certificate is not checked");
    let fix = "Remove insecureSkipVerify, and set caCertificates and subjectAltNames".to_owned();
    let locus = place(
        object,
        &format!("{pointer}/insecureSkipVerify"),
        Some(node.span),
    );
    report.add(object, Draft::new(Id::IST_TLS_15, locus, message, fix));
}

/// IST-TLS-10.
fn other_tls(
    scene: &Scene<'_, '_>,
    object: &Object,
    host: &str,
    locus: Locus,
    report: &mut Report,
) {
    let behind = behind(scene, object, host);
    if behind.is_empty() {
        return;
    }
    let message = format!(
        "clients of {host}, which is in the mesh, use TLS of their own: they prove no identity to it"
    );
    let fix = "Remove tls.mode, so that clients use mutual TLS where the server has it".to_owned();
    let draft = Draft::new(Id::IST_TLS_10, locus, message, fix)
        .affects(behind.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// The meshed pods behind the Service that a host means.
fn behind<'a, 'w, 's>(
    scene: &'a Scene<'w, 's>,
    object: &Object,
    host: &str,
) -> Vec<&'a Subject<'w, 's>> {
    let Some((name, namespace)) = service_name(host, object.namespace()) else {
        return Vec::new();
    };
    let leads =
        |service: &&Object| &*service.reference.name == name && service.namespace() == namespace;
    let meshed = scene
        .in_namespace(namespace)
        .filter(|subject| subject.is_meshed());
    meshed
        .filter(|subject| subject.services.iter().any(leads))
        .collect()
}

fn wildcard(
    scene: &Scene<'_, '_>,
    object: &Object,
    host: &str,
    end: &str,
    locus: Locus,
    report: &mut Report,
) {
    // `*.example.com` is another rule's: these are outside.
    let parts: Vec<&str> = end.split('.').filter(|part| !part.is_empty()).collect();
    let (severity, whom) = match parts.as_slice() {
        [] | ["local"] | ["cluster", "local"] | ["svc", "cluster", "local"] => {
            (Severity::Critical, "every service of the mesh".to_owned())
        }
        [namespace, "svc", "cluster", "local"] => (
            Severity::High,
            format!("every service of namespace {namespace}"),
        ),
        _ => return,
    };
    let everywhere = object.namespace() == &*scene.istio.mesh.root_namespace;
    let who = if everywhere { "all clients" } else { "clients" };
    let message = format!("TLS is off for host {host}: {who} speak plaintext to {whom}");
    let fix = "Remove tls.mode, so that clients use mutual TLS where the server has it".to_owned();
    report.add(
        object,
        Draft::new(Id::IST_TLS_11, locus, message, fix).severity(severity),
    );
}

fn one_host(scene: &Scene<'_, '_>, object: &Object, host: &str, locus: Locus, report: &mut Report) {
    // Where nothing behind the Service is in the mesh, plaintext is what there is.
    let behind = behind(scene, object, host);
    if behind.is_empty() {
        return;
    }
    let refused = behind.iter().all(|s| s.lax.is_empty());
    let (severity, effect) = if refused {
        (Severity::Medium, "its pods refuse plaintext, so calls fail")
    } else {
        (
            Severity::High,
            "calls go in plaintext and without an identity",
        )
    };
    let message = format!("TLS is off for {host}, which is in the mesh: {effect}");
    let fix = "Remove tls.mode, so that clients use mutual TLS where the server has it".to_owned();
    let draft = Draft::new(Id::IST_TLS_09, locus, message, fix)
        .severity(severity)
        .affects(behind.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// Name and namespace of the Service that a host means, seen from a namespace; `None` for
/// hosts outside the cluster.
pub(super) fn service_name<'a>(host: &'a str, from: &'a str) -> Option<(&'a str, &'a str)> {
    let mut parts = host.split('.');
    let name = parts
        .next()
        .filter(|name| !name.is_empty() && !name.contains('*'))?;
    let Some(namespace) = parts.next() else {
        return Some((name, from));
    };
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("svc"), None, ..) | (Some("svc"), Some("cluster"), Some("local"), None) => {
            Some((name, namespace))
        }
        _ => None,
    }
}
