//! IST-GW-06, 07, 10 and 11: how servers of a Gateway speak TLS, and whom they ask for what.

use super::{Exposure, Server};
use crate::checks::meshes::istio::coverage::has_policy;
use crate::checks::meshes::istio::{Scene, Subject};
use crate::checks::meshes::{Report, get, texts};
use crate::istio::NETWORKING;
use crate::istio::authorization::{Check, Policy, Rule};
use crate::rules::Id;
use seawall_model::Severity;
use seawall_snapshot::Object;
use seawall_yaml::Node;

/// Judges one server of a Gateway among all of them.
pub(super) fn check(
    scene: &Scene<'_, '_>,
    pods: &[&Subject<'_, '_>],
    server: &Server<'_>,
    all: &[Node],
    report: &mut Report,
) {
    key_files(server, report);
    passed_through(scene, pods, server, report);
    any_certificate(scene, pods, server, report);
    confused(scene, server, all, report);
}

/// IST-GW-06.
fn key_files(server: &Server<'_>, report: &mut Report) {
    let own: &[&str] = &["tls", "privateKey"];
    let first: &[&str] = &["tls", "tlsCertificates"];
    let paths = [own, first].into_iter();
    let mut found = paths.filter(|path| server.node.at(path).is_some_and(|node| !node.is_null()));
    let Some(path) = found.next() else { return };
    let message = "the private key is a file in the gateway's pods, which everything in them reads";
    let fix = "Set tls.credentialName to the Secret with the certificate";
    let severity = Severity::Low;
    server.add(
        Id::IST_GW_06,
        path,
        severity,
        message.to_owned(),
        fix,
        report,
    );
}

/// IST-GW-07: what the gateway does not open it does not check.
fn passed_through(
    scene: &Scene<'_, '_>,
    pods: &[&Subject<'_, '_>],
    server: &Server<'_>,
    report: &mut Report,
) {
    if server.text(&["tls", "mode"]) != Some("PASSTHROUGH") {
        return;
    }
    let asks = |policy: &Policy<'_>| {
        let mut checks = policy.rules.iter().flat_map(Rule::checks);
        checks.any(|check| check.key.is_http())
    };
    let is_held = pods.iter().any(|subject| has_policy(scene, subject, asks));
    let (severity, message) = match (is_held, server.exposure) {
        (true, _) => (
            Severity::Medium,
            "the gateway does not open the connection: its policies about requests do not hold \
             here",
        ),
        // Inside, passing on what is encrypted already is what a gateway for the way out does.
        (false, Exposure::Inside) => return,
        (false, _) => (
            Severity::Low,
            "the gateway does not open the connection: only the service itself can ask who calls",
        ),
    };
    let fix = "Let the gateway end TLS (SIMPLE or MUTUAL), or let the service ask for identities";
    let path = ["tls", "mode"];
    server.add(
        Id::IST_GW_07,
        &path,
        severity,
        message.to_owned(),
        fix,
        report,
    );
}

/// IST-GW-11: every certificate of the authority will do.
fn any_certificate(
    scene: &Scene<'_, '_>,
    pods: &[&Subject<'_, '_>],
    server: &Server<'_>,
    report: &mut Report,
) {
    const PINS: [&str; 4] = [
        "subjectAltNames",
        "verifyCertificateSpki",
        "verifyCertificateHash",
        "caCrl",
    ];
    let is_mutual = server.text(&["tls", "mode"]) == Some("MUTUAL");
    let pins = |field: &str| {
        server
            .node
            .at(&["tls", field])
            .is_some_and(|node| !node.is_null())
    };
    if !is_mutual || server.exposure == Exposure::Inside || PINS.into_iter().any(pins) {
        return;
    }
    let names = |policy: &Policy<'_>| {
        let mut checks = policy.rules.iter().flat_map(Rule::checks);
        checks.any(|check: &Check| check.key.is_identity() && !check.values.is_empty())
    };
    if pods.iter().any(|subject| has_policy(scene, subject, names)) {
        return;
    }
    let message = "every certificate of the authority lets in, also one that was withdrawn";
    let fix = "Name the clients in tls.subjectAltNames, and set tls.caCrl";
    let severity = Severity::Low;
    let path = ["tls", "mode"];
    server.add(
        Id::IST_GW_11,
        &path,
        severity,
        message.to_owned(),
        fix,
        report,
    );
}

/// IST-GW-10: a host that asks for certificates beside one that takes it in and does not. The
/// name in TLS chooses the server, the Host of the request the route: who leads a connection to
/// the wide host asks for the narrow one on it.
fn confused(scene: &Scene<'_, '_>, server: &Server<'_>, all: &[Node], report: &mut Report) {
    let text = |node: &Node, path: &[&str]| Some(node.at(path)?.as_str()?.to_owned());
    if server.text(&["tls", "mode"]) != Some("MUTUAL") {
        return;
    }
    let number = |node: &Node| node.at(&["port", "number"]).and_then(Node::as_i64);
    let wide = |host: &str| {
        let simple = all.iter().filter(|other| {
            number(other) == number(server.node)
                && text(other, &["tls", "mode"]).as_deref() == Some("SIMPLE")
        });
        let mut hosts = simple.flat_map(|other| texts(other.get("hosts")));
        hosts.find_map(|pattern| {
            let end = bare(pattern).strip_prefix('*')?;
            host.ends_with(end).then(|| pattern.to_owned())
        })
    };
    for host in texts(server.node.get("hosts")) {
        let own = bare(host);
        let Some(pattern) = wide(own).filter(|_| !own.starts_with('*')) else {
            continue;
        };
        let Some(route) = bound(scene, server.object, own) else {
            continue;
        };
        let message = format!(
            "{own} asks for a certificate, {pattern} on the same port does not, and \
             VirtualService {} answers for {own} on both: who connects to another name and asks \
             for {own} shows none",
            route.reference.name
        );
        let fix = "Put the two hosts into Gateways of their own, or answer 421 for this host on \
                   the wide one";
        let severity = server.exposure.weighed(Severity::High);
        server.add(Id::IST_GW_10, &["hosts"], severity, message, fix, report);
        return;
    }
}

/// A host without the namespace before it.
fn bare(host: &str) -> &str {
    host.split_once('/').map_or(host, |(_, host)| host)
}

/// The VirtualService that serves a host at a Gateway, if it does not refuse misled requests.
fn bound<'s>(scene: &Scene<'_, 's>, gateway: &Object, host: &str) -> Option<&'s Object> {
    let mut all = scene.world.of_kind(NETWORKING, "VirtualService").iter();
    let route = all.find(|service| {
        let serves = texts(get(service, &["spec", "hosts"])).contains(&host);
        let mut names = texts(get(service, &["spec", "gateways"])).into_iter();
        serves
            && names.any(|name| {
                let full = name.split_once('/').unwrap_or((service.namespace(), name));
                full == (gateway.namespace(), &*gateway.reference.name)
            })
    })?;
    let refuses = |rule: &Node| {
        let paths: [&[&str]; 2] = [
            &["directResponse", "status"],
            &["fault", "abort", "httpStatus"],
        ];
        let mut said = paths.into_iter().filter_map(|path| rule.at(path)?.as_i64());
        said.any(|status| status == 421)
    };
    let mut rules = route.items(&["spec", "http"]).iter();
    (!rules.any(refuses)).then_some(*route)
}
