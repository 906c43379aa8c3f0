//! IST-AM: policies that ztunnel drops, and waypoints that are not there.

use super::super::{Report, get, place};
use super::coverage::{attached, names};
use super::gates::led_to;
use super::{Scene, Subject};
use crate::istio::GATEWAY_API;
use crate::istio::ambient::{INGRESS_USE_WAYPOINT, USE_WAYPOINT, Use};
use crate::istio::authorization::{Action, Fate, Key, Policy, Rule, ztunnel};
use crate::istio::membership::Place;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

const RULES: [Id; 6] = [
    Id::IST_AM_01,
    Id::IST_AM_02,
    Id::IST_AM_04,
    Id::IST_AM_06,
    Id::IST_AM_07,
    Id::IST_AM_11,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let policies = &scene.istio.policies.all;
    report.assess(&RULES, policies.len());
    for policy in policies {
        if policy.targets.is_empty() {
            at_ztunnel(scene, policy, report);
        } else {
            around_waypoint(scene, policy, report);
        }
    }
    missing_waypoints(scene, report);
    exposed_services(scene, report);
    opted_out(scene, report);
    tunnel_port(scene, report);
}

const WAYPOINT: &str = "Deploy a waypoint, and attach the policy to it or to the Service by \
                        targetRefs";

/// What ztunnel makes of a policy without targets.
fn at_ztunnel(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    if policy.is_dry_run {
        return;
    }
    let subjects = attached(scene, policy);
    let ambient: Vec<&Subject<'_, '_>> = subjects
        .into_iter()
        .filter(|s| s.place == Place::Ambient)
        .collect();
    if ambient.is_empty() {
        return;
    }
    let add =
        |id, pointer: &str, span, message: String, fix: &str, severity, report: &mut Report| {
            let locus = place(policy.object, pointer, Some(span));
            let draft = Draft::new(id, locus, message, fix.to_owned())
                .severity(severity)
                .affects(ambient.iter().map(|subject| subject.asset()));
            report.add(policy.object, draft);
        };
    let is_allow = match policy.action {
        Action::Allow => true,
        Action::Deny => false,
        Action::Custom(_) | Action::Audit => {
            let severity = match policy.action {
                Action::Audit => Severity::Low,
                _ => Severity::High,
            };
            let name = policy.action.name();
            let message = format!("ztunnel knows no {name}: the policy is ignored");
            add(
                Id::IST_AM_04,
                "/spec/action",
                policy.action_span,
                message,
                WAYPOINT,
                severity,
                report,
            );
            return;
        }
    };
    let fates: Vec<Fate> = policy
        .rules
        .iter()
        .map(|rule| ztunnel::fate(rule, is_allow))
        .collect();
    for (index, rule) in policy.rules.iter().enumerate() {
        let pointer = format!("/spec/rules/{index}");
        forgotten_domains(policy, rule, &ambient, report);
        match fates.get(index) {
            Some(Fate::Dead) => {
                let all = fates.iter().all(|fate| *fate == Fate::Dead);
                let severity = if all {
                    Severity::Critical
                } else {
                    Severity::High
                };
                let message = format!(
                    "ztunnel does not understand rule {} and refuses nobody by it: what it names \
                     is about requests",
                    index + 1
                );
                add(
                    Id::IST_AM_01,
                    &pointer,
                    rule.span,
                    message,
                    WAYPOINT,
                    severity,
                    report,
                );
            }
            Some(Fate::Dropped) => {
                let has_waypoint = ambient.iter().any(|s| uses_waypoint(scene, s));
                let number = index + 1;
                if has_waypoint {
                    let message = format!(
                        "rule {number} is about requests, but the waypoint does not read policies \
                         with a selector: ztunnel drops the rule"
                    );
                    add(
                        Id::IST_AM_11,
                        &pointer,
                        rule.span,
                        message,
                        "Replace selector by targetRefs to the Service or the waypoint",
                        Severity::High,
                        report,
                    );
                } else {
                    let message = format!(
                        "ztunnel drops rule {number}, since it is about requests: whom it should \
                         let in stays out"
                    );
                    add(
                        Id::IST_AM_02,
                        &pointer,
                        rule.span,
                        message,
                        WAYPOINT,
                        Severity::Medium,
                        report,
                    );
                }
            }
            _ => {}
        }
    }
}

/// IST-AM-06: trust domains do not reach ztunnel.
fn forgotten_domains(
    policy: &Policy<'_>,
    rule: &Rule,
    ambient: &[&Subject<'_, '_>],
    report: &mut Report,
) {
    let sources = rule.from.iter().flat_map(|clause| &clause.checks);
    let mut domains = sources.filter(|check| check.key == Key::TrustDomains);
    let Some(word) = domains.next().and_then(|check| check.first_word()) else {
        return;
    };
    let message = format!(
        "ztunnel ignores the trust domain {}: the rule is for that name in every trust domain",
        word.text
    );
    let fix = "Write principals with their trust domain".to_owned();
    let locus = place(policy.object, &word.pointer, Some(word.span));
    let draft = Draft::new(Id::IST_AM_06, locus, message, fix)
        .affects(ambient.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

/// The waypoint of a Service or of a pod, by its own label or its namespace's.
pub(super) fn waypoint_of(scene: &Scene<'_, '_>, own: Use, namespace: &str) -> Use {
    if own != Use::Inherit {
        return own;
    }
    let space = scene.world.namespace(namespace);
    let space = space.and_then(|id| scene.world.namespace_at(id));
    space.map_or(Use::Inherit, |space| {
        Use::read(|key| space.label(key), namespace)
    })
}

pub(super) fn of_service(scene: &Scene<'_, '_>, service: &Object) -> Use {
    let namespace = service.namespace();
    waypoint_of(
        scene,
        Use::read(|key| service.label(key), namespace),
        namespace,
    )
}

pub(super) fn uses_waypoint(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> bool {
    let own = Use::read(|key| subject.endpoint.label(key), subject.namespace);
    let by_pod = waypoint_of(scene, own, subject.namespace);
    let services = &subject.services;
    matches!(by_pod, Use::Of { .. })
        || services
            .iter()
            .any(|one| matches!(of_service(scene, one), Use::Of { .. }))
}

/// Pods behind the waypoint that a policy is for and ztunnel has no list of callers for.
pub(super) fn unguarded<'a, 'w, 's>(
    scene: &'a Scene<'w, 's>,
    policy: &Policy<'_>,
) -> Vec<&'a Subject<'w, 's>> {
    if policy.is_dry_run || policy.action == Action::Audit || is_auto_guarded(scene) {
        return Vec::new();
    }
    let is_behind = |subject: &&Subject<'_, '_>| {
        subject.place == Place::Ambient
            && policy
                .targets
                .iter()
                .any(|target| match (&*target.group, &*target.kind) {
                    ("", "Service") => subject.services.iter().any(|s| {
                        s.reference.name == target.name
                            && s.namespace() == policy.namespace()
                            && matches!(of_service(scene, s), Use::Of { .. })
                    }),
                    (GATEWAY_API, "Gateway") => {
                        let services = &subject.services;
                        services.iter().any(|service| {
                            of_service(scene, service)
                                == Use::Of {
                                    namespace: policy.namespace().into(),
                                    name: target.name.clone(),
                                }
                        })
                    }
                    _ => false,
                })
    };
    let behind = scene.subjects.iter().filter(is_behind);
    behind
        .filter(|subject| {
            // A list of callers at ztunnel holds whoever comes directly.
            !super::coverage::has_policy(scene, subject, |other| {
                other.action == Action::Allow && !other.rules.iter().any(Rule::is_empty)
            })
        })
        .collect()
}

/// IST-AM-07: what does not go through the waypoint is not held by its policies.
fn around_waypoint(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    let open = unguarded(scene, policy);
    let Some(first) = open.first() else { return };
    let Some(target) = policy.targets.first() else {
        return;
    };
    let message = format!(
        "only the waypoint enforces the policy: calls to the pods of {} by their addresses, and \
         from outside the mesh, pass it by",
        names(&open)
    );
    let fix = "Add an ALLOW policy with a selector for these pods that names only the waypoint's \
               service account"
        .to_owned();
    let locus = place(policy.object, "/spec/targetRefs/0", Some(target.span));
    let draft = Draft::new(Id::IST_AM_07, locus, message, fix)
        .evidence(
            "ztunnel has no policy for these pods",
            Proof::Source(first.endpoint.object.name_span),
        )
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

/// Whether istiod writes such policies by itself.
pub(super) fn is_auto_guarded(scene: &Scene<'_, '_>) -> bool {
    super::control_plane::pilot_setting(scene, "PILOT_AUTO_ALLOW_WAYPOINT_POLICY")
        .is_some_and(|(value, _)| value == "true")
}

/// IST-AM-08: a waypoint that is named and not there.
fn missing_waypoints(scene: &Scene<'_, '_>, report: &mut Report) {
    let namespaces = scene.world.namespaces.iter().filter_map(|one| one.object);
    let services = scene.world.of_kind("", "Service").iter().copied();
    for object in namespaces.chain(services) {
        let is_namespace = &*object.reference.kind == "Namespace";
        let home = if is_namespace {
            &*object.reference.name
        } else {
            object.namespace()
        };
        let Use::Of { namespace, name } = Use::read(|key| object.label(key), home) else {
            continue;
        };
        report.assess(&[Id::IST_AM_08], 1);
        let problem = match scene.istio.ambient.find(&namespace, &name) {
            None => format!("waypoint {namespace}/{name} does not exist"),
            Some(waypoint) if *namespace != *home && waypoint.from_all == Some(false) => {
                format!("waypoint {namespace}/{name} does not let other namespaces use it")
            }
            Some(_) => continue,
        };
        let behind = scene
            .subjects
            .iter()
            .filter(|s| s.place == Place::Ambient)
            .filter(|s| {
                if is_namespace {
                    return s.namespace == home;
                }
                s.services.iter().any(|one| std::ptr::eq(*one, object))
            });
        let message = format!("{problem}: traffic goes straight to the pods, past its policies");
        let fix =
            format!("Create the Gateway {name} of class istio-waypoint, or correct the label");
        let pointer = format!("/metadata/labels/{}", USE_WAYPOINT.replace('/', "~1"));
        let draft = Draft::new(Id::IST_AM_08, place(object, &pointer, None), message, fix)
            .affects(behind.map(super::Subject::asset));
        report.add(object, draft);
    }
}

/// IST-AM-18: a Service that leaves its namespace's waypoint.
fn opted_out(scene: &Scene<'_, '_>, report: &mut Report) {
    for service in scene.world.of_kind("", "Service").iter().copied() {
        let home = service.namespace();
        let by_space = waypoint_of(scene, Use::Inherit, home);
        let Use::Of { name, .. } = by_space else {
            continue;
        };
        report.assess(&[Id::IST_AM_18], 1);
        if Use::read(|key| service.label(key), home) != Use::Without {
            continue;
        }
        let message = format!(
            "the Service leaves waypoint {name} of its namespace: the waypoint's policies do not \
             hold for it"
        );
        let fix = "Remove the label istio.io/use-waypoint: none".to_owned();
        let pointer = format!("/metadata/labels/{}", USE_WAYPOINT.replace('/', "~1"));
        report.add(
            service,
            Draft::new(Id::IST_AM_18, place(service, &pointer, None), message, fix),
        );
    }
}

/// IST-AM-10: gateways go past waypoints unless they are told.
fn exposed_services(scene: &Scene<'_, '_>, report: &mut Report) {
    for service in scene.world.of_kind("", "Service").iter().copied() {
        if !matches!(of_service(scene, service), Use::Of { .. }) {
            continue;
        }
        report.assess(&[Id::IST_AM_10], 1);
        let space = scene.world.namespace(service.namespace());
        let space = space.and_then(|id| scene.world.namespace_at(id));
        let by_space = space.and_then(|space| space.label(INGRESS_USE_WAYPOINT));
        if service.label(INGRESS_USE_WAYPOINT).or(by_space) == Some("true") {
            continue;
        }
        let routes = scene
            .world
            .of_kind(GATEWAY_API, "HTTPRoute")
            .iter()
            .copied();
        let services = scene
            .world
            .of_kind(crate::istio::NETWORKING, "VirtualService");
        let by_route = routes
            .chain(services.iter().copied())
            .find(|route| leads_to(route, service));
        let Some(route) = by_route else { continue };
        let message = format!(
            "{} {} leads from a gateway straight to the pods: the waypoint's policies do not hold",
            route.reference.kind, route.reference.name
        );
        let fix = "Set the label istio.io/ingress-use-waypoint: \"true\" on the Service".to_owned();
        let draft = Draft::new(
            Id::IST_AM_10,
            place(service, "/metadata/labels", None),
            message,
            fix,
        )
        .evidence("the route stands here", Proof::Source(route.name_span));
        report.add(service, draft);
    }
}

/// Whether a route from a gateway leads to a Service.
fn leads_to(route: &Object, service: &Object) -> bool {
    led_to(route).contains(&(&service.reference.name, service.namespace()))
}

/// The port that HBONE comes in at.
const TUNNEL: i64 = 15008;

/// IST-AM-22: who may reach the tunnel's port reaches all ports through it.
fn tunnel_port(scene: &Scene<'_, '_>, report: &mut Report) {
    for policy in scene
        .world
        .of_kind("networking.k8s.io", "NetworkPolicy")
        .iter()
        .copied()
    {
        let Some(selector) = get(policy, &["spec", "podSelector"]).and_then(LabelSelector::read)
        else {
            continue;
        };
        let selected: Vec<_> = scene
            .subjects
            .iter()
            .filter(|s| s.place == Place::Ambient && s.namespace == policy.namespace())
            .filter(|s| selector.matches(&s.endpoint.template.labels))
            .collect();
        if selected.is_empty() {
            continue;
        }
        report.assess(&[Id::IST_AM_22], 1);
        // Who has a policy that names ports is held by that.
        let names_ports = |other: &Policy<'_>| {
            other
                .rules
                .iter()
                .any(|rule| rule.checks().any(|c| c.key == Key::Ports))
        };
        let open: Vec<_> = selected
            .into_iter()
            .filter(|s| !super::coverage::has_policy(scene, s, names_ports))
            .collect();
        for (index, rule) in policy.items(&["spec", "ingress"]).iter().enumerate() {
            let ports = rule.get("ports").and_then(Node::as_seq).unwrap_or_default();
            let number = |node: &&Node| node.get("port").and_then(Node::as_i64);
            let Some(port) = ports.iter().find(|node| number(node) == Some(TUNNEL)) else {
                continue;
            };
            if ports.len() < 2 || open.is_empty() {
                continue; // all ports are meant to be open, or another policy holds them
            }
            let message = format!(
                "the ports look limited, but whoever in the mesh may use {TUNNEL} reaches every \
                 port of {}",
                names(&open)
            );
            let fix = "Name the ports in an AuthorizationPolicy for these pods".to_owned();
            let pointer = format!("/spec/ingress/{index}/ports");
            let draft = Draft::new(
                Id::IST_AM_22,
                place(policy, &pointer, Some(port.span)),
                message,
                fix,
            )
            .affects(open.iter().map(|subject| subject.asset()));
            report.add(policy, draft);
        }
    }
}
