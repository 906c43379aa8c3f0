//! IST-JWT-08, 11, 12 and 13: tokens between gateways, waypoints and the pods behind.

use super::super::super::{Report, get, place, texts, weighed};
use super::super::ambient::leads_to;
use super::super::coverage::{attached, names};
use super::super::destinations::is_outside;
use super::super::{Scene, Subject, strongest};
use super::issuers::{issuer, locations};
use super::{covered, effect, is_routed, selector_of};
use crate::istio::authorization::{Check, Condition, Policy, Rule, targets};
use crate::istio::membership::Place;
use crate::istio::{NETWORKING, SECURITY};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

/// What reads tokens at a pod.
fn readers<'a, 's>(
    scene: &'a Scene<'_, 's>,
    subject: &'a Subject<'_, 's>,
) -> impl Iterator<Item = &'s Object> {
    let all = scene.world.of_kind(SECURITY, "RequestAuthentication");
    let root = &*scene.istio.mesh.root_namespace;
    all.iter().copied().filter(move |object| {
        let is_near = object.namespace() == subject.namespace || object.namespace() == root;
        let Some(body) = object.body().filter(|_| is_near) else {
            return false;
        };
        let labels = &subject.endpoint.template.labels;
        targets(body).is_empty() && selector_of(body).unwrap_or_default().matches(labels)
    })
}

/// The pods of the gateways that a VirtualService is bound to.
fn gateway_pods<'a, 'w, 's>(scene: &'a Scene<'w, 's>, route: &Object) -> Vec<&'a Subject<'w, 's>> {
    let names = texts(get(route, &["spec", "gateways"]));
    let gateways = scene.world.of_kind(NETWORKING, "Gateway").iter().copied();
    let bound = gateways.filter(|gateway| {
        names.iter().any(|name| {
            let home = route.namespace();
            let (space, name) = name.split_once('/').unwrap_or((home, name));
            gateway.namespace() == space && *gateway.reference.name == *name
        })
    });
    let selectors: Vec<LabelSelector> = bound
        .filter_map(|gateway| get(gateway, &["spec", "selector"]))
        .filter_map(LabelSelector::read_map)
        .collect();
    let is_of = |s: &&Subject<'_, '_>| {
        let labels = &s.endpoint.template.labels;
        s.place == Place::Gateway && selectors.iter().any(|one| one.matches(labels))
    };
    scene.subjects.iter().filter(is_of).collect()
}

/// IST-JWT-11: routes by claims at gateways that read no token.
pub(super) fn by_claims(scene: &Scene<'_, '_>, report: &mut Report) {
    let routes = scene.world.of_kind(NETWORKING, "VirtualService");
    report.assess(&[Id::IST_JWT_11], routes.len());
    for route in routes.iter().copied() {
        let Some((pointer, claim, span)) = claim_of(route) else {
            continue;
        };
        let pods = gateway_pods(scene, route);
        let blind: Vec<&Subject<'_, '_>> = pods
            .into_iter()
            .filter(|subject| readers(scene, subject).next().is_none())
            .collect();
        if blind.is_empty() {
            continue;
        }
        let message = format!(
            "the route asks for {claim}, but nothing reads tokens at gateway {}: it never fits",
            names(&blind)
        );
        let fix = "Add a RequestAuthentication for the gateway's pods".to_owned();
        let draft = Draft::new(
            Id::IST_JWT_11,
            place(route, &pointer, Some(span)),
            message,
            fix,
        )
        .affects(blind.iter().map(|subject| subject.asset()));
        report.add(route, draft);
    }
}

/// The first claim that a VirtualService routes by, with its place.
fn claim_of(route: &Object) -> Option<(String, &str, seawall_model::Span)> {
    let rules = route.items(&["spec", "http"]).iter().enumerate();
    for (index, rule) in rules {
        let matches = rule.get("match").and_then(Node::as_seq).unwrap_or_default();
        for (number, one) in matches.iter().enumerate() {
            for field in ["headers", "withoutHeaders"] {
                let headers = one.get(field).and_then(Node::as_map);
                let mut headers = headers.into_iter().flatten();
                let found = headers.find(|entry| entry.key.starts_with("@request.auth.claims"));
                if let Some(entry) = found {
                    let pointer = format!("/spec/http/{index}/match/{number}/{field}");
                    return Some((pointer, &entry.key, entry.key_span));
                }
            }
        }
    }
    None
}

/// IST-JWT-12: a token that is read at a gateway ends there unless it is passed on.
pub(super) fn kept_at_gateway(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    let checks = policy.rules.iter().flat_map(Rule::checks);
    let tokens: Vec<&Check> = checks.filter(|c| c.key.is_token() && c.asks()).collect();
    let Some(word) = tokens.first().and_then(|check| check.first_word()) else {
        return;
    };
    let subjects = attached(scene, policy);
    let sidecars = subjects
        .iter()
        .copied()
        .filter(|s| s.place == Place::Sidecar);
    let found = sidecars.into_iter().find_map(|subject| {
        let taker = takers(scene, subject)?;
        Some((subject, taker))
    });
    let Some((subject, taker)) = found else {
        return;
    };
    let (severity, effect) = effect(policy, &tokens);
    let message = format!(
        "gateways take the token out before {} sees it ({}/{} has no forwardOriginalToken): \
         {effect}",
        subject.endpoint.workload.owner.name,
        taker.namespace(),
        taker.reference.name
    );
    let fix = "Set forwardOriginalToken: true there, or ask for tokens at the gateway".to_owned();
    let locus = place(policy.object, &word.pointer, Some(word.span));
    let draft = Draft::new(Id::IST_JWT_12, locus, message, fix)
        .severity(severity)
        .evidence(
            "the gateway reads tokens here",
            Proof::Source(taker.name_span),
        )
        .affects([subject.asset()]);
    report.add(policy.object, draft);
}

/// What takes tokens away at a gateway that leads to a pod, though the pod's proxy reads the
/// same ones.
fn takers<'s>(scene: &Scene<'_, 's>, subject: &Subject<'_, 's>) -> Option<&'s Object> {
    let own: Vec<&Node> = readers(scene, subject)
        .flat_map(|object| object.items(&["spec", "jwtRules"]))
        .collect();
    if own.is_empty() {
        return None;
    }
    let takes = |rule: &Node| {
        let is_same = |one: &&&Node| {
            issuer(one) == issuer(rule) && !locations(one).is_disjoint(&locations(rule))
        };
        let forwards = rule.get("forwardOriginalToken").and_then(Node::as_bool);
        forwards != Some(true) && own.iter().any(|one| is_same(&one))
    };
    let routes = scene.world.of_kind(NETWORKING, "VirtualService").iter();
    let mut leading = routes.copied().filter(|route| {
        let mut services = subject.services.iter();
        services.any(|service| leads_to(route, service))
    });
    leading.find_map(|route| {
        gateway_pods(scene, route).into_iter().find_map(|gateway| {
            let mut all = readers(scene, gateway);
            all.find(|object| object.items(&["spec", "jwtRules"]).iter().any(takes))
        })
    })
}

/// IST-JWT-13: pods of ambient whose tokens nobody reads.
pub(super) fn blind_in_ambient(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let Some(body) = object.body() else { return };
    let selector = selector_of(body);
    let ambient = ambient(scene, object);
    if !targets(body).is_empty() || ambient.is_empty() {
        return;
    }
    // What is for a whole namespace, or the mesh, may be meant for those that have proxies.
    if selector.is_none() && !covered(scene, object, None).is_empty() {
        return;
    }
    let message = format!(
        "{} in ambient: neither ztunnel nor a waypoint reads tokens by a policy without \
         targetRefs",
        match ambient.len() {
            1 => format!("{} is", names(&ambient)),
            _ => format!("{} are", names(&ambient)),
        }
    );
    let fix = "Deploy a waypoint, and attach the policy to it or to the Service by targetRefs";
    let span = get(object, &["spec", "selector"]).map(|node| node.span);
    let locus = place(object, "/spec/selector", span);
    let draft = Draft::new(Id::IST_JWT_13, locus, message, fix.to_owned())
        .affects(ambient.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// The pods of ambient that a RequestAuthentication is meant for.
pub(super) fn ambient<'a, 'w, 's>(
    scene: &'a Scene<'w, 's>,
    object: &Object,
) -> Vec<&'a Subject<'w, 's>> {
    let selector = object.body().and_then(selector_of).unwrap_or_default();
    let is_root = object.namespace() == &*scene.istio.mesh.root_namespace;
    let is_meant = |s: &&Subject<'_, '_>| {
        s.place == Place::Ambient
            && (is_root || s.namespace == object.namespace())
            && selector.matches(&s.endpoint.template.labels)
    };
    scene.subjects.iter().filter(is_meant).collect()
}

/// IST-JWT-08: what a gateway passes on.
pub(super) fn passed_on(
    scene: &Scene<'_, '_>,
    object: &Object,
    rule: &Node,
    pointer: &str,
    report: &mut Report,
) {
    let selector = object.body().and_then(selector_of);
    let all = covered(scene, object, selector.as_ref());
    let gateways: Vec<_> = all.iter().filter(|s| s.place == Place::Gateway).collect();
    if gateways.is_empty() {
        return;
    }
    writable_header(scene, object, rule, pointer, report);
    let forwards = rule.get("forwardOriginalToken");
    let Some(node) = forwards.filter(|node| node.as_bool() == Some(true)) else {
        return;
    };
    let Some((host, route)) = leaving(scene, &gateways) else {
        return;
    };
    let message = format!("tokens of callers are sent on to {host}, outside the cluster");
    let fix = "Remove forwardOriginalToken, or take the header out of that route".to_owned();
    let pointer = format!("{pointer}/forwardOriginalToken");
    let locus = place(object, &pointer, Some(node.span));
    let draft = Draft::new(Id::IST_JWT_08, locus, message, fix)
        .evidence("the route stands here", Proof::Source(route.name_span));
    report.add(object, draft);
}

/// A route that leads from one of these gateways out of the cluster.
fn leaving<'s>(
    scene: &Scene<'_, 's>,
    gateways: &[&&Subject<'_, '_>],
) -> Option<(&'s str, &'s Object)> {
    let routes = scene.world.of_kind(NETWORKING, "VirtualService").iter();
    routes.copied().find_map(|route| {
        let rules = route.items(&["spec", "http"]).iter();
        let mut hosts = rules
            .flat_map(|rule| rule.get("route").and_then(Node::as_seq).unwrap_or_default())
            .filter_map(|to| to.at(&["destination", "host"])?.as_str());
        let host = hosts.find(|host| is_outside(host))?;
        let pods = gateway_pods(scene, route);
        let is_from = pods
            .iter()
            .any(|pod| gateways.iter().any(|gateway| gateway.id == pod.id));
        is_from.then_some((host, route))
    })
}

/// A header that the gateway writes, and that callers past it can write, too. The gateway
/// itself takes away what comes from outside.
fn writable_header(
    scene: &Scene<'_, '_>,
    object: &Object,
    rule: &Node,
    pointer: &str,
    report: &mut Report,
) {
    let payload = rule.get("outputPayloadToHeader");
    let claims = rule.get("outputClaimToHeaders");
    let first = claims.and_then(Node::as_seq).unwrap_or_default().first();
    let claim = first.and_then(|one| one.get("header"));
    let (field, node) = match (payload, claim) {
        (Some(node), _) => ("outputPayloadToHeader", node),
        (None, Some(node)) => ("outputClaimToHeaders", node),
        (None, None) => return,
    };
    let Some(header) = node.as_str().filter(|name| !name.is_empty()) else {
        return;
    };
    let is_open = |s: &&Subject<'_, '_>| {
        let mut ports = s.ports.iter().map(|port| port.number);
        s.place != Place::Gateway
            && is_routed(scene, s)
            // A proxy that reads the same tokens takes the header away itself.
            && readers(scene, s).next().is_none()
            && ports.any(|port| *scene.strangers(s, port) != Condition::Never)
    };
    let open: Vec<&Subject<'_, '_>> = scene.subjects.iter().filter(is_open).collect();
    if open.is_empty() {
        return;
    }
    let outsider = strongest(open.iter().map(|s| {
        let ports: Vec<u16> = s.ports.iter().map(|port| port.number).collect();
        scene.outsider(s, &ports)
    }));
    let message = format!(
        "the gateway writes claims into {header}; who calls {} past the gateway can write it, too",
        names(&open)
    );
    let fix =
        "Let only the gateway's identity call these workloads, or read tokens there".to_owned();
    let locus = place(object, &format!("{pointer}/{field}"), Some(node.span));
    let draft = Draft::new(Id::IST_JWT_08, locus, message, fix)
        .severity(weighed(Severity::Medium, &outsider))
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}
