//! GWA rules about Gateways and their listeners.

use super::{AtListener, Door, Scene, annotations, at, is_internal, takes_all};
use crate::checks::meshes::count;
use crate::checks::report::Report;
use crate::policy::At;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::gateway_api::{Attached, Listener, spec};
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::BTreeSet;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    every_namespace(scene, report);
    for (listener, attached) in &scene.listeners {
        plaintext(scene, listener, attached, report);
    }
    for gateway in scene.gateways() {
        report.assess_each(&[Id::GWA_05, Id::GWA_09, Id::GWA_10]);
        let Some(spec) = spec(gateway) else { continue };
        let door = scene.door(gateway);
        client_certificates(gateway, &spec, door, report);
        every_set(gateway, &spec, door, report);
        address(gateway, &spec, report);
    }
}

/// GWA-01, once for each object that listeners stand in.
fn every_namespace(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut homes: Vec<(&Object, Vec<&AtListener<'_>>)> = Vec::new();
    for one in &scene.listeners {
        report.assess_each(&[Id::GWA_01]);
        let takes = one.0.route_namespaces();
        if !takes.is_some_and(|spaces| takes_all(&spaces)) {
            continue;
        }
        match homes.last_mut() {
            Some((home, all)) if std::ptr::eq(*home, one.0.home) => all.push(one),
            _ => homes.push((one.0.home, vec![one])),
        }
    }
    for (home, all) in homes {
        // The one that gives most away stands for the others.
        let widest = all.iter().find(|(listener, _)| listener.host.is_none());
        let Some((listener, _)) = widest.or(all.first()) else {
            continue;
        };
        let Some(spaces) = listener.route_namespaces() else {
            continue;
        };
        let names = match listener.host {
            None => "under any name".to_owned(),
            Some(host) => format!("under {host}"),
        };
        let others = match all.len() {
            1 => String::new(),
            more => format!(" (and {})", count(more - 1, "other listener")),
        };
        let message = format!(
            "listener {}{others} takes routes of every namespace: each may publish {names}",
            listener.name
        );
        let guests: BTreeSet<&str> = all
            .iter()
            .flat_map(|(_, attached)| attached)
            .map(|one| one.route.namespace())
            .filter(|space| *space != home.namespace())
            .collect();
        let fix = if guests.is_empty() {
            "Set allowedRoutes.namespaces.from to Same".to_owned()
        } else {
            "Set allowedRoutes.namespaces.from to Selector, with a label that only administrators \
             set"
            .to_owned()
        };
        let door = scene.door(listener.gateway);
        let severity = if listener.host.is_none() {
            door.weighed(Severity::Medium)
        } else {
            door.at_most(Severity::Medium)
        };
        let first = guests.first().map(|space| {
            let claim = format!(
                "routes of {} use it",
                count(guests.len(), "other namespace")
            );
            let route = all.iter().flat_map(|(_, attached)| attached);
            let route = route.map(|one| one.route).find(|r| r.namespace() == *space);
            let proof = route.map_or(Proof::Source(home.name_span), |route| {
                Proof::Object(route.reference.clone())
            });
            (claim, proof)
        });
        let draft = Draft::new(Id::GWA_01, at(&spaces, home), message, fix);
        report.add(home, draft.severity(severity).maybe(first));
    }
}

/// GWA-02: what a route serves at a plaintext listener.
fn plaintext(
    scene: &Scene<'_, '_>,
    listener: &Listener<'_>,
    attached: &[Attached<'_>],
    report: &mut Report,
) {
    if listener.protocol != "HTTP" {
        return;
    }
    report.assess_each(&[Id::GWA_02]);
    if has_tls_before(listener.gateway) || listener.host.is_some_and(is_local) {
        return;
    }
    let serving = attached.iter().filter(|one| {
        let mut hosts = one.hosts.iter();
        !(hosts.len() > 0 && hosts.all(|host| is_local(host))) && serves(one.route)
    });
    let serving: Vec<&Attached<'_>> = serving.collect();
    let Some(first) = serving.first() else {
        return;
    };
    let what = match serving.len() {
        1 => first.route.reference.to_string(),
        more => format!("{} and {} more", first.route.reference, more - 1),
    };
    let any = if listener.host.is_none() && first.hosts.is_empty() {
        ", for any host"
    } else {
        ""
    };
    let port = listener.port.unwrap_or_default();
    let message = format!("port {port} serves {what} in plaintext{any}");
    let fix = "Add an HTTPS listener, and let routes of this one only redirect to it \
               (RequestRedirect with scheme https)"
        .to_owned();
    let severity = scene.door(listener.gateway).weighed(Severity::Medium);
    let draft = Draft::new(Id::GWA_02, at(&listener.at, listener.home), message, fix);
    let proof = Proof::Object(first.route.reference.clone());
    let draft = draft.evidence("this route does more than redirect", proof);
    report.add(listener.home, draft.severity(severity));
}

/// Whether a load balancer before the Gateway ends TLS, as far as annotations say.
fn has_tls_before(gateway: &Object) -> bool {
    let says_so = |key: &str| {
        ["ssl-cert", "ssl-ports", "certificate-arn", "tls-cert"]
            .iter()
            .any(|word| key.contains(word))
    };
    annotations(gateway).iter().any(|(key, _)| says_so(key))
}

fn is_local(host: &str) -> bool {
    host == "localhost"
        || [
            ".localhost",
            ".local",
            ".test",
            ".internal",
            ".nip.io",
            ".sslip.io",
        ]
        .iter()
        .any(|end| host.ends_with(end))
}

/// Whether a route does something other than redirect and answer certificate authorities.
fn serves(route: &Object) -> bool {
    route.items(&["spec", "rules"]).iter().any(|rule| {
        let list = |key: &str| rule.get(key).and_then(Node::as_seq).unwrap_or_default();
        let redirects = list("filters")
            .iter()
            .any(|filter| filter.get("type").and_then(Node::as_str) == Some("RequestRedirect"));
        let matches = list("matches");
        let is_challenge = |case: &Node| {
            let path = case.at(&["path", "value"]).and_then(Node::as_str);
            path.is_some_and(|path| path.starts_with("/.well-known/acme-challenge"))
        };
        let challenges = !matches.is_empty() && matches.iter().all(is_challenge);
        !list("backendRefs").is_empty() && !redirects && !challenges
    })
}

/// GWA-05.
fn client_certificates(gateway: &Object, spec: &At<'_>, door: Door, report: &mut Report) {
    let frontend = spec.map("tls").ok().flatten();
    let Some(frontend) = frontend.and_then(|tls| tls.map("frontend").ok()?) else {
        return;
    };
    let by_port = frontend.maps("perPort").unwrap_or_default();
    let by_port = by_port.iter().filter_map(|one| one.map("tls").ok()?);
    let default = frontend.map("default").ok().flatten();
    for settings in default.into_iter().chain(by_port) {
        let validation = settings.map("validation").ok().flatten();
        let Some(mode) = validation.and_then(|at| at.get("mode")) else {
            continue;
        };
        if mode.node.as_str() != Some("AllowInsecureFallback") {
            continue;
        }
        let message = "clients get in without a certificate, or with one that nobody signed \
                       (AllowInsecureFallback)"
            .to_owned();
        let fix = "Set mode to AllowValidOnly".to_owned();
        let draft = Draft::new(Id::GWA_05, at(&mode, gateway), message, fix);
        report.add(gateway, draft.severity(door.at_most(Severity::High)));
    }
}

/// GWA-09.
fn every_set(gateway: &Object, spec: &At<'_>, door: Door, report: &mut Report) {
    let allowed = spec.map("allowedListeners").ok().flatten();
    let Some(spaces) = allowed.and_then(|at| at.map("namespaces").ok()?) else {
        return;
    };
    if !takes_all(&spaces) {
        return;
    }
    let message = "a ListenerSet of any namespace opens ports here and takes names".to_owned();
    let fix = "Set allowedListeners.namespaces.from to Selector, with a label that only \
               administrators set, or to Same"
        .to_owned();
    let draft = Draft::new(Id::GWA_09, at(&spaces, gateway), message, fix);
    report.add(gateway, draft.severity(door.at_most(Severity::High)));
}

/// Annotations that ask for a public load balancer, with the values that do.
const PUBLIC: [(&str, &[&str]); 5] = [
    (
        "service.beta.kubernetes.io/aws-load-balancer-scheme",
        &["internet-facing"],
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-internal",
        &["false"],
    ),
    (
        "service.beta.kubernetes.io/azure-load-balancer-internal",
        &["false"],
    ),
    ("networking.gke.io/load-balancer-type", &["external"]),
    ("cloud.google.com/load-balancer-type", &["external"]),
];

/// GWA-10: public by annotation, or an address of its own choice.
fn address(gateway: &Object, spec: &At<'_>, report: &mut Report) {
    let asks = |key: &str, at: &At<'_>| {
        let value = at.node.as_str().unwrap_or_default();
        PUBLIC.iter().any(|(name, values)| {
            *name == key && values.iter().any(|one| value.eq_ignore_ascii_case(one))
        })
    };
    let all = annotations(gateway);
    if let Some((key, place)) = all.iter().find(|(key, at)| asks(key, at)) {
        let message = format!("the Gateway asks for a public load balancer ({key})");
        let fix = "Leave it to the class of the Gateway, or to an admission policy".to_owned();
        let draft = Draft::new(Id::GWA_10, at(place, gateway), message, fix);
        report.add(gateway, draft);
    }
    let addresses = spec.maps("addresses").unwrap_or_default();
    let is_number = |one: &&At<'_>| {
        let kind = one.text("type").ok().flatten().unwrap_or("IPAddress");
        kind == "IPAddress" && one.text("value").ok().flatten().is_some()
    };
    if is_internal(gateway) {
        return;
    }
    if let Some(one) = addresses.iter().find(is_number) {
        let value = one.text("value").ok().flatten().unwrap_or_default();
        let message = format!("the Gateway asks for the address {value}");
        let fix = "Let the class give the address, or see to it that nobody else may ask for it"
            .to_owned();
        let draft = Draft::new(Id::GWA_10, at(one, gateway), message, fix);
        report.add(gateway, draft.severity(Severity::Info));
    }
}
