//! What is wrong with what is in force: the rules of the catalogue that speak about meshes.
//!
//! Each module judges one thing and knows nothing of the others. How bad a port is that
//! accepts plaintext depends on who can reach it, which is another layer's answer: checks ask
//! [`Outsiders`].

mod clusters;
mod consul;
mod istio;
mod kuma;
mod linkerd;
mod settings;

use super::report::Report;
use crate::istio::Istio;
use crate::linkerd::Linkerd;
use crate::network::Network;
use crate::places::Peer;
use crate::reach::Protocol;
use crate::sink::Sink;
use crate::ways::{Entry, Exposure};
use crate::world::EndpointId;
use seawall_model::{Locus, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::HashSet;

/// Who can reach a port without an identity of a mesh, by all that holds below the mesh.
pub(crate) trait Outsiders {
    /// The strongest of them for a port of an endpoint.
    fn of(&self, endpoint: EndpointId, port: u16) -> Outsider {
        self.at(endpoint, Protocol::Tcp, port)
    }

    /// The same for a port of any protocol.
    fn at(&self, endpoint: EndpointId, protocol: Protocol, port: u16) -> Outsider;
}

/// Somebody without an identity of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outsider {
    /// Nobody gets there.
    Nobody,
    /// It was not found out.
    Unknown,
    /// Pods of the cluster, one of them by name.
    Pod(String),
    /// Anybody on the internet.
    Internet,
}

/// Who gets to a port by what the network policies and the ways in say.
struct Below<'n, 'w, 's> {
    network: &'n Network<'w, 's>,
    /// Pods outside the mesh, best examples first.
    outside: Vec<EndpointId>,
    /// Ports that the internet gets to without a proxy of the mesh before them.
    exposed: HashSet<(EndpointId, Protocol, u16)>,
}

impl<'n, 'w, 's> Below<'n, 'w, 's> {
    /// `is_outside` says which endpoints are outside the mesh; its own parts live in `home`.
    fn new(
        network: &'n Network<'w, 's>,
        is_outside: impl Fn(EndpointId) -> bool,
        home: &str,
    ) -> Self {
        let world = network.world();
        let mut outside: Vec<(bool, bool, EndpointId)> = world
            .endpoint_ids()
            .filter(|(id, _)| is_outside(*id))
            .map(|(id, endpoint)| {
                let namespace = world.namespace_at(endpoint.namespace);
                let name = namespace.map_or("", |namespace| namespace.name);
                // A pod of an application is a better example than one of the cluster's own.
                let is_own = name == home || name.starts_with("kube-");
                (is_own, endpoint.is_host_network(), id)
            })
            .collect();
        outside.sort_unstable();
        let is_past_mesh = |through: Option<Peer>| match through {
            Some(Peer::Endpoint(id)) => is_outside(id),
            _ => true,
        };
        // What the mesh itself makes of a way is what the checks ask about; what the policies
        // below it close is closed.
        let is_open = |way: &&Exposure<'_>| {
            let last = way.through.unwrap_or(Peer::Internet);
            let open = network.any_below_layers(last, Peer::Endpoint(way.endpoint));
            open.any().has(way.protocol, way.port)
        };
        let ways = network.exposure().iter();
        let ways = ways
            .filter(|way| is_past_mesh(way.through) && way.entry != Entry::Internal)
            .filter(is_open);
        Self {
            network,
            outside: outside.into_iter().map(|(_, _, id)| id).collect(),
            exposed: ways
                .map(|way| (way.endpoint, way.protocol, way.port))
                .collect(),
        }
    }
}

impl Outsiders for Below<'_, '_, '_> {
    fn at(&self, endpoint: EndpointId, protocol: Protocol, port: u16) -> Outsider {
        if self.exposed.contains(&(endpoint, protocol, port)) {
            return Outsider::Internet;
        }
        let to = Peer::Endpoint(endpoint);
        let gets_there = |from: &EndpointId| {
            let open = self.network.below_layers(Peer::Endpoint(*from), to);
            open.any().has(protocol, port)
        };
        let mut others = self.outside.iter().filter(|id| **id != endpoint).peekable();
        // Where nobody else is outside the mesh nothing shows that the policies stop somebody.
        if others.peek().is_none() {
            return Outsider::Unknown;
        }
        match others.find(|id| gets_there(id)) {
            Some(id) => Outsider::Pod(self.network.name(Peer::Endpoint(*id))),
            None => Outsider::Nobody,
        }
    }
}

/// Judges the meshes of a world.
pub(crate) fn check(network: &Network<'_, '_>, sink: &mut Sink) {
    let world = network.world();
    let mut report = Report::default();
    if let Some(istio) = Istio::new(world) {
        let is_outside = |id: EndpointId| {
            let membership = istio.membership(id);
            membership.is_some_and(crate::istio::membership::Membership::is_outside)
        };
        let outsiders = Below::new(network, is_outside, &istio.mesh.root_namespace);
        let scene = istio::Scene::new(world, &istio, &outsiders);
        istio::check(&scene, network, &mut report);
        clusters::istio(network, &scene, &mut report);
    }
    if let Some(linkerd) = Linkerd::new(world) {
        linkerd::check(network, &linkerd, &mut report);
    }
    consul::check(network, &mut report);
    kuma::check(network, &mut report);
    clusters::check(network, &mut report);
    report.hand_in(sink);
}

/// A place in an object by JSON pointer; without a span it is the object's name.
pub(crate) fn place(object: &Object, pointer: &str, span: Option<Span>) -> Locus {
    Locus {
        pointer: pointer.to_owned(),
        path: pointer.trim_start_matches('/').to_owned(),
        span: span.unwrap_or(object.name_span),
    }
}

/// The value at a path of keys in an object's tree.
pub(crate) fn get<'s>(object: &'s Object, path: &[&str]) -> Option<&'s Node> {
    let node = object.body()?.at(path);
    node.filter(|node| !node.is_null())
}

/// The texts of a list.
pub(crate) fn texts(node: Option<&Node>) -> Vec<&str> {
    let items = node.and_then(Node::as_seq).unwrap_or_default();
    items.iter().filter_map(Node::as_str).collect()
}

/// `1 workload`, `2 workloads`.
pub(crate) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

/// The strongest outsider at any of some ports.
pub(crate) fn strongest(
    outsiders: &dyn Outsiders,
    ports: impl IntoIterator<Item = (EndpointId, u16)>,
) -> Outsider {
    let mut known = Outsider::Nobody;
    for (endpoint, port) in ports {
        known = match (known, outsiders.of(endpoint, port)) {
            (_, Outsider::Internet) => return Outsider::Internet,
            (Outsider::Nobody, other) | (Outsider::Unknown, other @ Outsider::Pod(_)) => other,
            (known, _) => known,
        };
    }
    known
}

/// Whether others are reached through an endpoint: it is an ingress controller or the like.
pub(crate) fn serves_others(network: &Network<'_, '_>, id: EndpointId) -> bool {
    let mut ways = network.exposure().iter();
    ways.any(|way| way.through == Some(Peer::Endpoint(id)))
}

/// Ranges of ports as annotations write them: `25,8000-8080`.
pub(crate) fn ranges(text: &str) -> Vec<(u16, u16)> {
    let ranges = text.split(',').filter_map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
    });
    ranges.collect()
}

/// A severity by who gets there.
pub(crate) fn weighed(severity: Severity, outsider: &Outsider) -> Severity {
    match outsider {
        Outsider::Internet => severity.raised(),
        Outsider::Nobody => severity.lowered(),
        Outsider::Unknown | Outsider::Pod(_) => severity,
    }
}
