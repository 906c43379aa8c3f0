//! IST-TLS-09, 10, 11, 14, 15 and IST-TC-10: what DestinationRules make of TLS, and for whom.

use super::super::{Report, get, place, texts};
use super::control_plane::pilot_setting;
use super::{Scene, Subject};
use crate::istio::NETWORKING;
use crate::istio::mesh::Part;
use crate::reach::Cidr;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Locus, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;

const RULES: [Id; 6] = [
    Id::IST_TLS_09,
    Id::IST_TLS_10,
    Id::IST_TLS_11,
    Id::IST_TLS_14,
    Id::IST_TLS_15,
    Id::IST_TC_10,
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
        for_all(scene, object, host, report);
        for (pointer, tls) in tls_settings(object) {
            unverified(object, host, &pointer, tls, report);
            unchecked(scene, object, host, &pointer, tls, report);
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

/// Whether proxies check certificates where a rule names no CA.
enum Checking {
    Yes,
    No,
    /// The control plane is not in the picture.
    Unknown,
}

fn checking(scene: &Scene<'_, '_>) -> Checking {
    let parts = scene.istio.mesh.components.iter();
    let pilots = parts.filter(|one| one.part == Part::Pilot);
    let minors = pilots.filter_map(|one| Some(one.version?.minor));
    let flag = pilot_setting(scene, "VERIFY_CERTIFICATE_AT_CLIENT").map(|(value, _)| value);
    // On by default since 1.21; nothing turns it off since 1.24.
    match (minors.min(), flag) {
        (Some(24..), _) | (Some(21..), None) => Checking::Yes,
        (_, Some(value)) => match value {
            "true" | "1" => Checking::Yes,
            _ => Checking::No,
        },
        (Some(_), None) => Checking::No,
        (None, None) => Checking::Unknown,
    }
}

/// IST-TLS-14: without a CA that is named, old releases believe any.
fn unchecked(
    scene: &Scene<'_, '_>,
    object: &Object,
    host: &str,
    pointer: &str,
    tls: &Node,
    report: &mut Report,
) {
    let mode = tls.get("mode").and_then(Node::as_str);
    let says = |field: &str| {
        let node = tls.get(field);
        node.and_then(Node::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    let skips = tls.get("insecureSkipVerify").and_then(Node::as_bool) == Some(true);
    if !matches!(mode, Some("SIMPLE" | "MUTUAL"))
        || !is_outside(host)
        || skips
        || says("caCertificates")
        || says("credentialName")
    {
        return;
    }
    let (severity, when) = match checking(scene) {
        Checking::Yes => return,
        Checking::No => (Severity::High, ""),
        Checking::Unknown => (Severity::Low, " by releases before 1.21"),
    };
    let message = format!("the certificate of {host} is not checked{when}: no CA is named");
    let fix = "Set caCertificates and subjectAltNames".to_owned();
    let locus = place(
        object,
        &format!("{pointer}/mode"),
        tls.get("mode").map(|n| n.span),
    );
    let draft = Draft::new(Id::IST_TLS_14, locus, message, fix).severity(severity);
    report.add(object, draft);
}

/// IST-TC-10. Of rules for one host the client's own namespace comes first, then that of the
/// service, then the root namespace: one of a third namespace is for its own clients only. A
/// wildcard in the root namespace is how defaults of the mesh are written.
fn for_all(scene: &Scene<'_, '_>, object: &Object, host: &str, report: &mut Report) {
    let root = &*scene.istio.mesh.root_namespace;
    let to = texts(get(object, &["spec", "exportTo"]));
    let is_home = !to.is_empty() && to.iter().all(|to| matches!(*to, "." | "~") || *to == root);
    let Some((name, namespace)) = service_name(host, root) else {
        return;
    };
    if object.namespace() != root || is_home || namespace == root {
        return;
    }
    let rules = scene.world.of_kind(NETWORKING, "DestinationRule").iter();
    let mut of_owner = rules.filter(|other| other.namespace() == namespace);
    let is_overruled = of_owner.any(|other| {
        let host = get(other, &["spec", "host"]).and_then(Node::as_str);
        host.and_then(|host| service_name(host, namespace)) == Some((name, namespace))
    });
    // What it does to TLS inside the mesh is said by rules of their own.
    let weakens = |tls: &Node| {
        let mode = tls.get("mode").and_then(Node::as_str);
        matches!(mode, Some("DISABLE" | "SIMPLE" | "MUTUAL"))
    };
    if is_overruled || tls_settings(object).iter().any(|(_, tls)| weakens(tls)) {
        return;
    }
    let node = get(object, &["spec", "host"]);
    let message = format!(
        "the rule decides how clients of every namespace call {name}, a service of {namespace}"
    );
    let fix = format!("Move the rule to {namespace}, or set exportTo: [\".\"]");
    let locus = place(object, "/spec/host", node.map(|node| node.span));
    report.add(object, Draft::new(Id::IST_TC_10, locus, message, fix));
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

/// Domains that everybody knows, and that no namespace is called.
const DOMAINS: [&str; 6] = ["com", "edu", "gov", "io", "net", "org"];

/// Whether a host is a name outside the cluster. Two words may also be a Service and its
/// namespace, though Istio wants more to know one.
pub(super) fn is_outside(host: &str) -> bool {
    let is_address = Cidr::read_loosely(host).is_some();
    let mut parts = host.rsplit('.').filter(|_| !is_address);
    let (Some(last), Some(_)) = (parts.next(), parts.next()) else {
        return false;
    };
    let is_inside = matches!(last, "local" | "svc") || service_name(host, "").is_some();
    !is_inside && (parts.next().is_some() || DOMAINS.contains(&last))
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
