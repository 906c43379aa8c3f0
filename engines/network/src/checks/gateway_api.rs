//! What is wrong with the Gateway API's objects: whom listeners let publish, what grants give
//! away, and where routes lead.
//!
//! A listener is judged with what attaches to it, and by who reaches its Gateway. Gateways
//! within a mesh (waypoints) open nothing to the outside and are left alone here.

mod backends;
mod grants;
mod listeners;
mod routes;

use super::meshes::place;
use super::report::Report;
use crate::network::Network;
use crate::policy::At;
use crate::sink::Sink;
use crate::ways::gateway_api::{Attached, GROUP, Listener, Listeners, spec};
use crate::ways::{Entry, Services};
use crate::world::World;
use seawall_model::{Locus, ResourceRef, Severity};
use seawall_snapshot::{Object, service};
use seawall_yaml::{Node, Value};
use std::collections::HashMap;

/// How a Gateway meets the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Door {
    /// Nobody from outside gets there.
    Inside,
    /// Its pods or Services are not in the picture.
    Unknown,
    /// Somebody on the internet gets there.
    Outside,
}

impl Door {
    /// One step down where nobody from outside gets there, one up where the internet does.
    fn weighed(self, severity: Severity) -> Severity {
        match self {
            Door::Inside => severity.lowered(),
            Door::Unknown => severity,
            Door::Outside => severity.raised(),
        }
    }

    /// One step down where nobody from outside gets there; the worst that it can be counts
    /// already.
    fn at_most(self, severity: Severity) -> Severity {
        self.weighed(severity).min(severity)
    }
}

/// A listener with the routes that attach to it.
type AtListener<'s> = (Listener<'s>, Vec<Attached<'s>>);

/// What the rules look at.
struct Scene<'n, 's> {
    network: &'n Network<'n, 's>,
    world: &'n World<'s>,
    services: Services<'s>,
    listeners: Vec<AtListener<'s>>,
    doors: HashMap<&'s ResourceRef, Door>,
}

/// Judges everything of the Gateway API.
pub(super) fn check(network: &Network<'_, '_>, sink: &mut Sink) {
    let world = network.world();
    if !world.has_group(GROUP) {
        return;
    }
    let scene = Scene::new(network);
    let mut report = Report::default();
    listeners::check(&scene, &mut report);
    grants::check(&scene, &mut report);
    routes::check(&scene, &mut report);
    backends::check(&scene, &mut report);
    report.hand_in(sink);
}

impl<'n, 's> Scene<'n, 's> {
    fn new(network: &'n Network<'n, 's>) -> Self {
        let world = network.world();
        let mut listeners = Listeners::new(world).all;
        listeners.retain(|(listener, _)| !is_of_mesh(listener.gateway));
        Self {
            network,
            world,
            services: Services::new(world),
            listeners,
            doors: doors(network),
        }
    }

    fn door(&self, gateway: &Object) -> Door {
        if is_internal(gateway) {
            return Door::Inside;
        }
        let known = self.doors.get(&gateway.reference);
        known.copied().unwrap_or(Door::Unknown)
    }

    /// The Gateways of the picture that are no part of a mesh.
    fn gateways(&self) -> impl Iterator<Item = &'s Object> {
        let all = self.world.of_kind(GROUP, "Gateway").iter().copied();
        all.filter(|gateway| !is_of_mesh(gateway))
    }

    /// Whether all Services of a namespace are in the picture, as far as one can tell.
    fn knows_services(&self, namespace: &str) -> bool {
        let mut known = self.services.all.iter();
        known.any(|service| service.object.namespace() == namespace)
            && !self.world.has_custom_objects(namespace)
    }
}

/// How each Gateway meets the outside, by the ways that lead through it.
fn doors<'s>(network: &Network<'_, 's>) -> HashMap<&'s ResourceRef, Door> {
    let mut doors: HashMap<&'s ResourceRef, Door> = HashMap::new();
    for way in network.exposure() {
        let door = match way.entry {
            Entry::Unseen => Door::Unknown,
            _ if way.is_open() => Door::Outside,
            _ => Door::Inside,
        };
        for link in &way.links {
            let reference = &link.object.reference;
            if &*reference.kind == "Gateway" && &*reference.group == GROUP {
                let known = doors.entry(reference).or_insert(door);
                *known = door.max(*known);
            }
        }
    }
    doors
}

/// Whether a Gateway stands within a mesh: Istio's waypoints and ways to other clusters.
fn is_of_mesh(gateway: &Object) -> bool {
    let class = spec(gateway).and_then(|spec| spec.text("gatewayClassName").ok()?);
    class.is_some_and(|class| class.contains("waypoint") || class == "istio-east-west")
}

/// Whether annotations keep a Gateway's load balancer inside.
fn is_internal(gateway: &Object) -> bool {
    let is_cluster_ip = |key: &str, value: &str| {
        key == "networking.istio.io/service-type" && value.eq_ignore_ascii_case("ClusterIP")
    };
    annotations(gateway)
        .iter()
        .any(|(key, at)| match at.node.as_str() {
            Some(value) => service::is_internal_by(key, value) || is_cluster_ip(key, value),
            None => false,
        })
}

/// The annotations that what is made of a Gateway gets, each with its place.
fn annotations(gateway: &Object) -> Vec<(&str, At<'_>)> {
    let infrastructure = spec(gateway).and_then(|spec| spec.map("infrastructure").ok()?);
    let own = gateway.body().map(At::root);
    let own = own.and_then(|root| root.map("metadata").ok()?);
    let mut found = Vec::new();
    for holder in [infrastructure, own].into_iter().flatten() {
        let Some(all) = holder.get("annotations") else {
            continue;
        };
        for entry in all.node.as_map().into_iter().flatten() {
            found.extend(all.get(&entry.key).map(|at| (&*entry.key, at)));
        }
    }
    found
}

/// A place in an object.
fn at(at: &At<'_>, object: &Object) -> Locus {
    place(object, &at.pointer, Some(at.span()))
}

/// Whether a setting of namespaces takes in all of them.
fn takes_all(spaces: &At<'_>) -> bool {
    let is_empty = |selector: At<'_>| match &selector.node.value {
        Value::Map(map) => map.iter().all(|entry| match &entry.value.value {
            Value::Map(map) => map.is_empty(),
            Value::Seq(items) => items.is_empty(),
            _ => entry.value.is_null(),
        }),
        _ => false,
    };
    match spaces.text("from").ok().flatten() {
        Some("All") => true,
        Some("Selector") => spaces.get("selector").is_some_and(is_empty),
        _ => false,
    }
}

/// A text under a key of a node.
fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}
