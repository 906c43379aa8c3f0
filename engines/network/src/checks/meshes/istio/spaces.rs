//! IST-BP-01, 06, 07, 20 and IST-AM-17, 25: who is in the mesh, namespace by namespace.

use super::super::{Outsider, Report, count, place, weighed};
use super::coverage::names;
use super::destinations::service_name;
use super::{Scene, Subject, capture, peers, strongest};
use crate::checks::outward::is_system;
use crate::istio::membership::{DATAPLANE, IGNORED, INJECT, Place, is_running};
use crate::istio::{NETWORKING, SECURITY};
use crate::network::Network;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::Namespace;
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    for namespace in &scene.world.namespaces {
        let Some(object) = namespace.object else {
            continue;
        };
        let inside: Vec<&Subject<'_, '_>> = scene.in_namespace(namespace.name).collect();
        if IGNORED.contains(&namespace.name) {
            ignored(namespace, object, &inside, report);
            continue;
        }
        left_out(scene, network, namespace, object, report);
        older(namespace, object, &inside, report);
        both(object, &inside, report);
        not_redirected(object, &inside, report);
    }
    own_ports(scene, report);
}

fn is_asking(namespace: &Namespace<'_>) -> bool {
    namespace.label(DATAPLANE) == Some("ambient") || capture::asks(namespace).is_some()
}

/// Whether pods are surely of the mesh.
fn is_inside(subject: &Subject<'_, '_>) -> bool {
    subject.is_meshed() || subject.place == Place::Gateway
}

/// IST-BP-01: a namespace outside of the mesh that the mesh is led into.
fn left_out(
    scene: &Scene<'_, '_>,
    network: &Network<'_, '_>,
    namespace: &Namespace<'_>,
    object: &Object,
    report: &mut Report,
) {
    let name = namespace.name;
    let is_own = name == &*scene.istio.mesh.root_namespace || is_system(name);
    if is_own || is_asking(namespace) || !scene.subjects.iter().any(is_inside) {
        return;
    }
    report.assess(&[Id::IST_BP_01], 1);
    let outside = scene.in_namespace(name);
    let outside: Vec<_> = outside
        .filter(|s| s.place == Place::Outside && !s.services.is_empty())
        .collect();
    let Some((by, how)) = leads_in(scene, network, name).filter(|_| !outside.is_empty()) else {
        return;
    };
    let outsiders = outside.iter().map(|s| {
        let ports: Vec<u16> = s.ports.iter().map(|port| port.number).collect();
        scene.outsider(s, &ports)
    });
    let message = format!(
        "nothing asks for the mesh in namespace {name}, though it is meant for it: pods of {} \
         speak plaintext, and none of its policies holds them",
        names(&outside)
    );
    let fix = "Label the namespace for injection or for ambient, or protect it by network policies";
    let locus = place(object, "/metadata/labels", None);
    let note = format!("{} {} {how}", by.reference.kind, by.reference.name);
    let draft = Draft::new(Id::IST_BP_01, locus, message, fix.to_owned())
        .severity(weighed(Severity::High, &strongest(outsiders)))
        .evidence(note, Proof::Source(by.name_span))
        .affects(outside.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// What shows that a namespace is meant to be in the mesh: a policy of the mesh in it, or
/// traffic that the mesh sends there.
fn leads_in<'s>(
    scene: &Scene<'_, 's>,
    network: &Network<'_, '_>,
    namespace: &str,
) -> Option<(&'s Object, &'static str)> {
    for kind in [
        "AuthorizationPolicy",
        "PeerAuthentication",
        "RequestAuthentication",
    ] {
        let mut all = scene.world.of_kind(SECURITY, kind).iter();
        if let Some(policy) = all.find(|policy| policy.namespace() == namespace) {
            return Some((policy, "is in it"));
        }
    }
    let is_there = |host: &str, from: &str| {
        service_name(host, from).is_some_and(|(_, space)| space == namespace)
    };
    let services = scene.world.of_kind(NETWORKING, "VirtualService").iter();
    let mut services = services.filter(|service| {
        destinations(service)
            .iter()
            .any(|host| is_there(host, service.namespace()))
    });
    if let Some(service) = services.next() {
        return Some((service, "leads into it"));
    }
    // Other routes through a gateway of the mesh: those of the Gateway API, and Ingresses.
    let is_gateway = |peer| match peer {
        Some(crate::places::Peer::Endpoint(id)) => {
            let membership = scene.istio.membership(id);
            membership.is_some_and(|one| one.place == Place::Gateway)
        }
        _ => false,
    };
    let mut ways = network
        .exposure()
        .iter()
        .filter(|way| is_gateway(way.through));
    let way = ways.find(|way| {
        let endpoint = scene.world.endpoint_at(way.endpoint);
        let space = endpoint.and_then(|e| scene.world.namespace_at(e.namespace));
        space.is_some_and(|space| space.name == namespace)
    })?;
    let wanted = &way
        .links
        .get(way.links.len().checked_sub(2)?)?
        .object
        .reference;
    let mut known = scene.world.of_kind(&wanted.group, &wanted.kind).iter();
    let route = known.find(|object| object.reference == *wanted)?;
    Some((route, "leads into it"))
}

/// The hosts that a VirtualService sends requests to.
fn destinations(service: &Object) -> Vec<&str> {
    let rules = ["http", "tls", "tcp"].into_iter();
    let rules = rules.flat_map(|kind| service.items(&["spec", kind]));
    let routes = rules
        .filter_map(|rule| rule.get("route")?.as_seq())
        .flatten();
    routes
        .filter_map(|to| to.at(&["destination", "host"])?.as_str())
        .collect()
}

/// IST-BP-06: pods that ask for the mesh where it never takes anybody in.
fn ignored(
    namespace: &Namespace<'_>,
    object: &Object,
    inside: &[&Subject<'_, '_>],
    report: &mut Report,
) {
    report.assess(&[Id::IST_BP_06], 1);
    let is_asked = is_asking(namespace);
    let asking = inside.iter().copied().filter(|s| {
        let own = s.endpoint.label(INJECT) == Some("true")
            || s.endpoint.label(DATAPLANE) == Some("ambient") && !s.endpoint.is_host_network();
        s.place == Place::Outside && (own || is_asked && !s.endpoint.is_host_network())
    });
    let asking: Vec<&Subject<'_, '_>> = asking.collect();
    if asking.is_empty() {
        return;
    }
    let message = format!(
        "pods of {} shall be in the mesh, which always leaves namespace {} out",
        names(&asking),
        namespace.name
    );
    let fix = "Move the workloads to a namespace of their own".to_owned();
    let draft = Draft::new(Id::IST_BP_06, place(object, "", None), message, fix)
        .affects(asking.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// IST-BP-07: pods that are older than their namespace's label.
fn older(
    namespace: &Namespace<'_>,
    object: &Object,
    inside: &[&Subject<'_, '_>],
    report: &mut Report,
) {
    if capture::asks(namespace).is_none() {
        return;
    }
    report.assess(&[Id::IST_BP_07], 1);
    let refuses = |s: &Subject<'_, '_>| {
        let annotation = s.endpoint.annotation(INJECT);
        s.endpoint.label(INJECT) == Some("false")
            || annotation.is_some_and(|field| &*field.value == "false")
    };
    let without = inside.iter().copied().filter(|s| {
        let is_held = s.endpoint.is_host_network() || refuses(s);
        is_running(s.endpoint) && s.place == Place::Outside && !is_held
    });
    let without: Vec<&Subject<'_, '_>> = without.collect();
    if without.is_empty() {
        return;
    }
    let message = format!(
        "pods of {} run without a proxy, though the namespace asks for one: they are older than \
         its label",
        names(&without)
    );
    let fix = "Restart the workloads".to_owned();
    let locus = place(object, "/metadata/labels", None);
    let draft = Draft::new(Id::IST_BP_07, locus, message, fix)
        .affects(without.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// IST-AM-25: sidecars where ambient is asked for, too.
fn both(object: &Object, inside: &[&Subject<'_, '_>], report: &mut Report) {
    // Not the labels of all variants together: two overlays may be one for each.
    let by_space = object.label(DATAPLANE) == Some("ambient");
    let asks = |s: &&Subject<'_, '_>| by_space || s.endpoint.label(DATAPLANE) == Some("ambient");
    let asking: Vec<&Subject<'_, '_>> = inside.iter().copied().filter(asks).collect();
    if asking.is_empty() {
        return;
    }
    report.assess(&[Id::IST_AM_25], 1);
    let mixed = asking.into_iter().filter(|s| s.place == Place::Sidecar);
    let mixed: Vec<&Subject<'_, '_>> = mixed.collect();
    if mixed.is_empty() {
        return;
    }
    let message = format!(
        "{} shall have a sidecar and be in ambient: the sidecar wins, and policies for waypoints \
         do not hold there",
        names(&mixed)
    );
    let fix = "Remove the labels of one of the two".to_owned();
    let locus = place(object, "/metadata/labels", None);
    let draft = Draft::new(Id::IST_AM_25, locus, message, fix)
        .affects(mixed.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// What the node's agent writes on a pod whose traffic it redirects.
const REDIRECTION: &str = "ambient.istio.io/redirection";

/// IST-AM-17: running pods of ambient that nothing redirects.
fn not_redirected(object: &Object, inside: &[&Subject<'_, '_>], report: &mut Report) {
    let running = inside.iter().copied();
    let running: Vec<&Subject<'_, '_>> = running
        .filter(|s| s.place == Place::Ambient && is_running(s.endpoint))
        .collect();
    if running.is_empty() {
        return;
    }
    report.assess(&[Id::IST_AM_17], 1);
    let missed = running.into_iter().filter(|s| {
        let said = s.endpoint.annotation(REDIRECTION);
        said.is_none_or(|field| &*field.value != "enabled")
    });
    let missed: Vec<&Subject<'_, '_>> = missed.collect();
    if missed.is_empty() {
        return;
    }
    let message = format!(
        "traffic of running pods of {} is not redirected: ztunnel does not hold them, though \
         they are meant to be in ambient",
        names(&missed)
    );
    let fix = "Restart the pods, and let istio-cni hold up pods that start before it".to_owned();
    let draft = Draft::new(Id::IST_AM_17, place(object, "", None), message, fix)
        .affects(missed.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// The proxy's ports for metrics and health, which it does not redirect to itself.
const OWN: [u16; 3] = [15020, 15021, 15090];

/// IST-BP-20.
fn own_ports(scene: &Scene<'_, '_>, report: &mut Report) {
    let sidecars: Vec<_> = scene
        .meshed()
        .filter(|s| s.place == Place::Sidecar)
        .collect();
    let Some((object, pointer, span)) = peers::mesh_object(scene) else {
        return;
    };
    report.assess(&[Id::IST_BP_20], sidecars.len());
    let mut strong = Outsider::Nobody;
    let open: Vec<_> = sidecars
        .into_iter()
        .filter(|subject| {
            let found = scene.outsider(subject, &OWN);
            let gets_in = matches!(found, Outsider::Pod(_) | Outsider::Internet);
            if gets_in {
                strong = strongest([found, strong.clone()]);
            }
            gets_in
        })
        .collect();
    let who = match &strong {
        Outsider::Internet => "the internet".to_owned(),
        Outsider::Pod(name) => format!("{name}, outside the mesh,"),
        Outsider::Nobody | Outsider::Unknown => return,
    };
    let message = format!(
        "{who} may read metrics and states of the proxies of {} (15020, 15021, 15090): the mesh \
         does not hold these ports",
        count(open.len(), "workload")
    );
    let fix = "Let only the monitoring in to these ports, by network policies".to_owned();
    let draft = Draft::new(
        Id::IST_BP_20,
        place(object, pointer, Some(span)),
        message,
        fix,
    )
    .severity(weighed(Severity::Low, &strong))
    .affects(open.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}
