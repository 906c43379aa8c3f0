//! IST-AM-09, 12, 19 and 20: waypoints that do not see the traffic, are not let in, differ from
//! their stand-in, or are shared.

use super::super::{Report, get, place};
use super::ambient::{is_auto_guarded, of_service, uses_waypoint, waypoint_of};
use super::coverage::{attached, names, point};
use super::{Scene, Subject};
use crate::istio::GATEWAY_API;
use crate::istio::ambient::{CANARY, CANARY_NAMESPACE, CANARY_WEIGHT, USE_WAYPOINT, Use, Waypoint};
use crate::istio::authorization::{Action, Call, Check, Identity, Policy, Rule};
use crate::istio::membership::Place;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::BTreeSet;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for service in scene.world.of_kind("", "Service").iter().copied() {
        unseen(scene, service, report);
    }
    for policy in &scene.istio.policies.all {
        shut_out(scene, policy, report);
    }
    let namespaces = scene.world.namespaces.iter().filter_map(|one| one.object);
    let services = scene.world.of_kind("", "Service").iter().copied();
    for object in namespaces.chain(services) {
        stand_in(scene, object, report);
    }
    for waypoint in &scene.istio.ambient.waypoints {
        shared(scene, waypoint, report);
    }
}

/// Policies that a waypoint enforces, for itself or for a Service behind it.
fn of_waypoint<'a, 's>(
    scene: &'a Scene<'_, 's>,
    namespace: &'a str,
    name: &'a str,
) -> impl Iterator<Item = &'a Policy<'s>> {
    let all = scene.istio.policies.all.iter();
    all.filter(move |policy| policy.namespace() == namespace && is_for(policy, name))
}

fn is_for(policy: &Policy<'_>, waypoint: &str) -> bool {
    policy.targets.iter().any(|target| {
        (&*target.group, &*target.kind) == (GATEWAY_API, "Gateway") && &*target.name == waypoint
    })
}

/// IST-AM-09: a Service whose traffic its waypoint does not handle.
fn unseen(scene: &Scene<'_, '_>, service: &Object, report: &mut Report) {
    let Use::Of { namespace, name } = of_service(scene, service) else {
        return;
    };
    let Some(waypoint) = scene.istio.ambient.find(&namespace, &name) else {
        return;
    };
    report.assess(&[Id::IST_AM_09], 1);
    let is_headless = get(service, &["spec", "clusterIP"]).and_then(Node::as_str) == Some("None");
    let why = if !waypoint.for_services && !waypoint.for_workloads {
        "the waypoint handles nothing (istio.io/waypoint-for: none)"
    } else if is_headless && !waypoint.for_workloads {
        "clients of a headless Service call its pods, and the waypoint handles Services only"
    } else if !is_headless && !waypoint.for_services {
        "the waypoint handles calls to pods only (istio.io/waypoint-for: workload)"
    } else {
        return;
    };
    let own = &service.reference.name;
    let mut lost = of_waypoint(scene, &namespace, &name).chain(
        scene.istio.policies.all.iter().filter(|policy| {
            policy.namespace() == service.namespace()
                && policy.targets.iter().any(|target| {
                    target.group.is_empty() && &*target.kind == "Service" && target.name == *own
                })
        }),
    );
    // Where it enforces nothing, nothing is lost.
    let Some(policy) = lost.next() else { return };
    let message = format!("{why}: traffic to the Service goes past its policies");
    let fix = "Set the label istio.io/waypoint-for: all on the waypoint".to_owned();
    let behind = scene.subjects.iter().filter(|s| {
        let mut services = s.services.iter();
        s.place == Place::Ambient && services.any(|one| std::ptr::eq(*one, service))
    });
    let note = format!("AuthorizationPolicy {} is not enforced", policy.name());
    let draft = Draft::new(Id::IST_AM_09, place(service, "", None), message, fix)
        .evidence(note, Proof::Source(policy.object.name_span))
        .affects(behind.map(Subject::asset));
    report.add(service, draft);
}

/// IST-AM-12: a list of callers that leaves the waypoint out, through which they all come.
fn shut_out(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    let names_callers = |check: &Check| check.key.is_identity() && !check.values.is_empty();
    let mut checks = policy.rules.iter().flat_map(Rule::checks);
    let is_list = policy.action == Action::Allow && checks.any(names_callers);
    if !policy.targets.is_empty() || policy.is_dry_run || !is_list {
        return;
    }
    report.assess(&[Id::IST_AM_12], 1);
    if is_auto_guarded(scene) {
        return;
    }
    let mut by = None;
    let shut: Vec<_> = attached(scene, policy)
        .into_iter()
        .filter(|s| s.place == Place::Ambient && uses_waypoint(scene, s))
        .filter(|subject| {
            let Some((name, identity)) = comes_through(scene, subject) else {
                return false;
            };
            let mut ports = subject.ports.iter();
            let refused = ports.any(|port| {
                let call = Call {
                    identity: Some(&identity),
                    port: port.number,
                    protocol: port.protocol,
                };
                let policies = &scene.istio.policies;
                !port.services.is_empty() && policies.authorize(point(subject), &call).is_denied()
            });
            by = by.take().or(refused.then_some(name));
            refused
        })
        .collect();
    let Some(name) = by else { return };
    let message = format!(
        "callers come to {} through waypoint {name}, which the policy does not let in",
        names(&shut)
    );
    let fix = "Name the waypoint's service account here, and the callers in a policy for the \
               waypoint"
        .to_owned();
    let span = policy.rules.first().map(|rule| rule.span);
    let locus = place(policy.object, "/spec/rules", span);
    let draft = Draft::new(Id::IST_AM_12, locus, message, fix)
        .affects(shut.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

/// The waypoint before the Services of a pod, with its identity: its account has its name.
fn comes_through(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> Option<(String, Identity)> {
    subject.services.iter().find_map(|service| {
        let Use::Of { namespace, name } = of_service(scene, service) else {
            return None;
        };
        let waypoint = scene.istio.ambient.find(&namespace, &name)?;
        let identity = Identity {
            trust_domain: scene.istio.mesh.trust_domain.clone(),
            namespace: namespace.clone(),
            service_account: name.clone(),
        };
        waypoint.for_services.then(|| (name.to_string(), identity))
    })
}

/// IST-AM-19: a waypoint on trial without the policies of the first.
fn stand_in(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let Some(name) = object.label(CANARY).filter(|name| !name.is_empty()) else {
        return;
    };
    let is_namespace = &*object.reference.kind == "Namespace";
    let home = if is_namespace {
        &*object.reference.name
    } else {
        object.namespace()
    };
    report.assess(&[Id::IST_AM_19], 1);
    let space = object.label(CANARY_NAMESPACE).unwrap_or(home);
    let first = waypoint_of(scene, Use::read(|key| object.label(key), home), home);
    let Use::Of {
        namespace: first_space,
        name: first_name,
    } = first
    else {
        return;
    };
    let weight = object.annotation(CANARY_WEIGHT);
    let weight: u8 = weight.map_or(0, |field| field.value.trim().parse().unwrap_or(0));
    let missing = of_waypoint(scene, &first_space, &first_name)
        .filter(|policy| !policy.is_dry_run && policy.action != Action::Audit)
        .find(|policy| {
            let mut others = of_waypoint(scene, space, name);
            !others.any(|other| other.action == policy.action && !other.is_dry_run)
        });
    let Some(policy) = missing else { return };
    let (severity, share) = match weight {
        0 => (
            Severity::Medium,
            "as soon as it gets a share of the calls".to_owned(),
        ),
        _ => (Severity::High, format!("for {weight} of 100 calls")),
    };
    let message = format!(
        "waypoint {name} has no {} policy as {first_name} has: it is not enforced {share}",
        policy.action.name()
    );
    let fix = format!("Attach the policies of {first_name} to {name}, too, or to the Services");
    let pointer = format!("/metadata/labels/{}", CANARY.replace('/', "~1"));
    let draft = Draft::new(Id::IST_AM_19, place(object, &pointer, None), message, fix)
        .severity(severity)
        .evidence(
            format!("AuthorizationPolicy {} is for {first_name}", policy.name()),
            Proof::Source(policy.object.name_span),
        );
    report.add(object, draft);
}

/// IST-AM-20: one waypoint for several namespaces.
fn shared(scene: &Scene<'_, '_>, waypoint: &Waypoint<'_>, report: &mut Report) {
    report.assess(&[Id::IST_AM_20], 1);
    let (home, name) = (waypoint.object.namespace(), &waypoint.object.reference.name);
    let uses = |object: &Object, space: &str| {
        Use::read(|key| object.label(key), space)
            == Use::Of {
                namespace: home.into(),
                name: name.clone(),
            }
    };
    let mut users: BTreeSet<&str> = BTreeSet::new();
    for namespace in &scene.world.namespaces {
        if namespace
            .object
            .is_some_and(|one| uses(one, namespace.name))
        {
            users.insert(namespace.name);
        }
    }
    for service in scene.world.of_kind("", "Service") {
        if uses(service, service.namespace()) {
            users.insert(service.namespace());
        }
    }
    users.remove(home);
    let severity = match users.len() {
        0 => return,
        1 => Severity::Low,
        _ => Severity::Medium,
    };
    let all: Vec<&str> = users.iter().take(3).copied().collect();
    let more = match users.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "the waypoint reads in plaintext what is meant for namespace {}{more}, besides its own",
        all.join(", ")
    );
    let fix = format!("Give each namespace a waypoint of its own (label {USE_WAYPOINT})");
    let behind = scene
        .subjects
        .iter()
        .filter(|s| s.place == Place::Ambient && users.contains(s.namespace));
    let draft = Draft::new(
        Id::IST_AM_20,
        place(waypoint.object, "", None),
        message,
        fix,
    )
    .severity(severity)
    .affects(behind.map(Subject::asset));
    report.add(waypoint.object, draft);
}
