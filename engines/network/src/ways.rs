//! Ways in from the internet: from what meets the outside, through gateways and routes, to the
//! pods.
//!
//! *Doors* are what meets the outside: load balancers, ports of nodes, pods in the node's
//! network. *Routes* lead from a proxy behind a door to a Service: Ingress, Gateway API,
//! Istio's gateways. A way is a door, perhaps a route, and what the policies along it let pass.
//! Proxies are found in the picture, so that the policies that hold them count; where the
//! picture does not hold them, [`Peer::Controller`] stands in.

pub(crate) mod gateway_api;
mod ingress;
mod istio;
mod picks;
mod services;

use crate::layer::Model;
use crate::network::Network;
use crate::places::Peer;
use crate::reach::{Block, Cidr, Protocol};
use crate::request::{Condition, Field, Pattern, Request};
use crate::rows::Reach;
use crate::why::Verdict;
use crate::world::{EndpointId, World};
use picks::Picks;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use services::ServicePort;
use std::collections::{HashMap, HashSet};

pub(crate) use services::{Service, Services, Wanted, blocks};

/// What meets the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// A load balancer with a public address.
    LoadBalancer,
    /// An address that a Service claims for itself.
    ExternalIp,
    /// A port of every node, by a Service.
    NodePort,
    /// A port of the nodes that the pod is on.
    HostPort,
    /// The pod is in the network of its node.
    HostNetwork,
    /// Something that the input does not hold stands before the proxy, or is it.
    Unseen,
    /// A load balancer for the network around the cluster only.
    Internal,
}

impl Entry {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Entry::LoadBalancer => "load balancer",
            Entry::ExternalIp => "external address",
            Entry::NodePort => "port of every node",
            Entry::HostPort => "port of the node",
            Entry::HostNetwork => "network of the node",
            Entry::Unseen => "not in the input",
            Entry::Internal => "internal load balancer",
        }
    }
}

/// One object of a way, from the outside in.
#[derive(Debug, Clone)]
pub struct Link<'s> {
    /// The object.
    pub object: &'s Object,
    /// JSON pointer of the piece that leads on.
    pub pointer: String,
    /// Where that stands.
    pub span: Span,
}

/// A way in to one port of an endpoint.
#[derive(Debug, Clone)]
pub struct Exposure<'s> {
    /// What is exposed.
    pub endpoint: EndpointId,
    /// The protocol of the port.
    pub protocol: Protocol,
    /// The port that the pod listens on.
    pub port: u16,
    /// What meets the outside.
    pub entry: Entry,
    /// The objects that make the way, from the outside in.
    pub links: Vec<Link<'s>>,
    /// The proxy that it goes through, if any.
    pub through: Option<Peer>,
    /// The hosts that it answers for; empty is all.
    pub hosts: Vec<Str>,
    /// What requests have to be like, hosts aside.
    pub requests: Condition,
    /// What picks the route, if there is one.
    pub(crate) picks: Option<Picks>,
    /// Whether the door speaks TLS, as far as the route says.
    pub is_encrypted: bool,
    /// What the policies along the way let pass.
    pub verdict: Verdict,
}

impl Exposure<'_> {
    /// Whether somebody on the internet gets in by it.
    pub fn is_open(&self) -> bool {
        self.verdict > Verdict::Closed && self.entry != Entry::Internal
    }

    /// Whether it carries a request, as far as that is known. A request for no host in particular
    /// is one for the way's.
    pub fn carries(&self, request: &Request) -> Verdict {
        if request.is_empty() {
            return Verdict::Open;
        }
        let is_host = |host: &str| {
            let own = self.hosts.iter();
            let mut own = own.map(|own| Pattern::read(&own.to_ascii_lowercase()));
            self.hosts.is_empty() || own.any(|own| own.holds(host))
        };
        if !request.get(&Field::Host).is_none_or(|host| is_host(host)) {
            return Verdict::Closed;
        }
        let picks = self.picks.as_ref();
        picks.map_or(Verdict::Open, |picks| picks.given(request).verdict())
    }
}

/// A route from a proxy to a Service.
#[derive(Debug)]
struct Route<'s> {
    /// The proxies.
    through: Vec<Peer>,
    /// The proxy's port that it is for; none is those of the web.
    listens: Option<u16>,
    hosts: Vec<Str>,
    /// What requests have to be like, hosts aside.
    requests: Condition,
    /// What picks it.
    picks: Picks,
    is_encrypted: bool,
    links: Vec<Link<'s>>,
    /// The Service's place, and its port.
    to: (&'s str, &'s str, Option<BackendPort>),
}

/// The port of a Service that a route leads to.
#[derive(Debug, Clone)]
enum BackendPort {
    Number(i64),
    Name(Str),
}

impl<'s> Network<'_, 's> {
    /// All ways in from the internet, in the order of endpoints and ports; found once.
    pub fn exposure(&self) -> &[Exposure<'s>] {
        self.exposure.get_or_init(|| self.ways_in())
    }

    fn ways_in(&self) -> Vec<Exposure<'s>> {
        let services = Services::new(self.world);
        let mut all = self.doors(&services);
        let routes = routes(self.world, &services);
        let mut by_door: HashMap<EndpointId, Vec<usize>> = HashMap::new();
        for (index, door) in all.iter().enumerate() {
            by_door.entry(door.endpoint).or_default().push(index);
        }
        let mut routed = Vec::new();
        for route in &routes {
            let Some(service) = services.find(route.to.0, route.to.1) else {
                continue;
            };
            for through in &route.through {
                let doors = self.doors_of(*through, route, &all, &by_door, service);
                for door in doors {
                    self.lead(&door, *through, route, service, &mut routed);
                }
            }
        }
        all.extend(routed);
        all.sort_by(|a, b| {
            let key = |e: &Exposure<'_>| (e.endpoint, e.protocol, e.port, e.entry);
            key(a).cmp(&key(b)).then_with(|| a.hosts.cmp(&b.hosts))
        });
        all
    }

    /// What meets the outside by itself.
    /// What answers behind names of hosts: a function from a host, the namespace where it is
    /// said, and a port to the pods' ports. Without a port all of the Service's are meant.
    pub fn hosts(&self) -> impl Fn(&str, &str, Option<u16>) -> Vec<(EndpointId, Protocol, u16)> {
        let services = Services::new(self.world);
        move |host, namespace, port| {
            let Some(service) = services.by_host(host, namespace) else {
                return Vec::new();
            };
            let ports = service.ports.iter();
            let ports = ports.filter(|known| port.is_none_or(|port| known.port == port));
            let pairs = ports.flat_map(|port| service.endpoints.iter().map(move |id| (port, *id)));
            pairs
                .filter_map(|(port, id)| Some((id, port.protocol, port.target(self.world, id)?)))
                .collect()
        }
    }

    fn doors(&self, services: &Services<'s>) -> Vec<Exposure<'s>> {
        let mut doors = Vec::new();
        for service in &services.all {
            self.service_doors(service, &mut doors);
        }
        for (index, endpoint) in self.world.endpoints.iter().enumerate() {
            let id = EndpointId(u32::try_from(index).unwrap_or(u32::MAX));
            let host = endpoint.is_host_network();
            for container in &endpoint.template.containers {
                for port in &container.ports {
                    let Some((protocol, number)) = crate::world::number_of(port) else {
                        continue;
                    };
                    let entry = match (host, &port.host_port) {
                        (true, _) => Entry::HostNetwork,
                        (false, Some(_)) => Entry::HostPort,
                        (false, None) => continue,
                    };
                    let template = endpoint.template;
                    let locus = if host {
                        let span = template.host_network.as_ref().map(|field| field.span);
                        template.locus("hostNetwork", span)
                    } else {
                        let span = port.host_port.as_ref().map(|field| field.span);
                        template.container_locus(container, "ports", span)
                    };
                    let link = Link {
                        object: endpoint.object,
                        pointer: locus.pointer,
                        span: locus.span,
                    };
                    doors.push(self.door(id, protocol, number, entry, link, &[]));
                }
            }
        }
        doors
    }

    fn service_doors(&self, service: &Service<'s>, doors: &mut Vec<Exposure<'s>>) {
        let by_type = match &*service.kind {
            "LoadBalancer" if service.is_internal => Some(Entry::Internal),
            "LoadBalancer" => Some(Entry::LoadBalancer),
            "NodePort" => Some(Entry::NodePort),
            _ => None,
        };
        let by_type = by_type.map(|entry| (entry, service.kind_span, "/spec/type"));
        let by_address = service.external_ips;
        let by_address =
            by_address.map(|span| (Entry::ExternalIp, Some(span), "/spec/externalIPs"));
        for (entry, span, pointer) in by_type.into_iter().chain(by_address) {
            for port in &service.ports {
                for endpoint in &service.endpoints {
                    let Some(target) = port.target(self.world, *endpoint) else {
                        continue;
                    };
                    let link = Link {
                        object: service.object,
                        pointer: pointer.to_owned(),
                        span: span.unwrap_or(service.object.name_span),
                    };
                    let sources = &service.sources;
                    let door = self.door(*endpoint, port.protocol, target, entry, link, sources);
                    doors.push(door);
                }
            }
        }
    }

    fn door(
        &self,
        endpoint: EndpointId,
        protocol: Protocol,
        port: u16,
        entry: Entry,
        link: Link<'s>,
        sources: &[Cidr],
    ) -> Exposure<'s> {
        let reach = self.outside_reach(endpoint, sources);
        Exposure {
            endpoint,
            protocol,
            port,
            entry,
            links: vec![link],
            through: None,
            hosts: Vec::new(),
            requests: Condition::Always,
            picks: None,
            is_encrypted: false,
            verdict: reach.verdict(protocol, port),
        }
    }

    /// What the policies let pass from public addresses, or from those of them that are in one
    /// of the blocks.
    fn outside_reach(&self, endpoint: EndpointId, sources: &[Cidr]) -> Reach {
        let target = Peer::Endpoint(endpoint);
        if sources.is_empty() {
            return self.reach(Peer::Internet, target);
        }
        let mut inside = self.places.none();
        for cidr in sources {
            let (cidr, except) = (*cidr, Vec::new());
            let block = Block { cidr, except };
            let base = self.places.first_region();
            self.places.regions.add(&block, base, &mut inside);
        }
        inside.keep(&self.places.internet);
        self.reach_among(&inside, target, Model::Adversarial)
    }

    /// The doors before a proxy that a route can be reached by.
    fn doors_of(
        &self,
        through: Peer,
        route: &Route<'s>,
        doors: &[Exposure<'s>],
        by_door: &HashMap<EndpointId, Vec<usize>>,
        service: &Service<'s>,
    ) -> Vec<Exposure<'s>> {
        let known = match through {
            Peer::Endpoint(id) => by_door.get(&id),
            _ => None,
        };
        let known: Vec<&Exposure<'s>> = known
            .into_iter()
            .flatten()
            .filter_map(|index| doors.get(*index))
            .collect();
        let fits = |door: &&&Exposure<'s>| {
            let outer = self.service_port(door).unwrap_or(door.port);
            let web = || matches!(outer, 80 | 443 | 8080 | 8443);
            route
                .listens
                .map_or_else(web, |port| [door.port, outer].contains(&port))
        };
        let fitting: Vec<&Exposure<'s>> = known.iter().filter(fits).copied().collect();
        let chosen = if fitting.is_empty() { known } else { fitting };
        // The ports of one door are one way to whoever comes with a request.
        let mut doors: Vec<Exposure<'s>> = Vec::new();
        for door in chosen {
            let object =
                |door: &Exposure<'s>| door.links.first().map(|link| &link.object.reference);
            let same = doors
                .iter_mut()
                .find(|known| known.entry == door.entry && object(known) == object(door));
            match same {
                Some(known) => known.verdict = known.verdict.max(door.verdict),
                None => doors.push(door.clone()),
            }
        }
        if !doors.is_empty() {
            return doors;
        }
        // Nothing in the picture says how the proxy meets the outside.
        vec![Exposure {
            endpoint: service.endpoints.first().copied().unwrap_or(EndpointId(0)),
            protocol: Protocol::Tcp,
            port: 0,
            entry: Entry::Unseen,
            links: Vec::new(),
            through: None,
            hosts: Vec::new(),
            requests: Condition::Always,
            picks: None,
            is_encrypted: false,
            verdict: Verdict::Open,
        }]
    }

    /// The port of the Service that a door is.
    fn service_port(&self, door: &Exposure<'s>) -> Option<u16> {
        let service = door.links.first()?.object;
        let ports = service.body()?.at(&["spec", "ports"])?.as_seq()?;
        let ports = ports.iter().enumerate();
        let mut read = ports.filter_map(|(index, node)| services::port(index, node));
        let is_it = |port: &ServicePort| port.target(self.world, door.endpoint) == Some(door.port);
        read.find(is_it).map(|port| port.port)
    }

    fn lead(
        &self,
        door: &Exposure<'s>,
        through: Peer,
        route: &Route<'s>,
        service: &Service<'s>,
        all: &mut Vec<Exposure<'s>>,
    ) {
        let wanted = match &route.to.2 {
            Some(BackendPort::Number(number)) => Wanted::Number(*number),
            Some(BackendPort::Name(name)) => Wanted::Name(name),
            None => Wanted::Only,
        };
        let Some(port) = service.port(&wanted) else {
            return;
        };
        for endpoint in &service.endpoints {
            let Some(target) = port.target(self.world, *endpoint) else {
                continue;
            };
            let inner = self.reach(through, Peer::Endpoint(*endpoint));
            let mut links = door.links.clone();
            links.extend(route.links.iter().cloned());
            links.push(Link {
                object: service.object,
                pointer: port.pointer.clone(),
                span: port.span,
            });
            all.push(Exposure {
                endpoint: *endpoint,
                protocol: port.protocol,
                port: target,
                entry: door.entry,
                links,
                through: Some(through),
                hosts: route.hosts.clone(),
                requests: route.requests.clone(),
                picks: Some(route.picks.clone()),
                is_encrypted: route.is_encrypted,
                verdict: door.verdict.min(inner.verdict(port.protocol, target)),
            });
        }
    }
}

/// The endpoints behind the Services, by namespace and name, that a test holds for.
pub(crate) fn behind(world: &World<'_>, test: impl Fn(&str, &str) -> bool) -> HashSet<usize> {
    let services = Services::new(world);
    let chosen = services.all.iter().filter(|service| {
        let object = service.object;
        test(object.namespace(), &object.reference.name)
    });
    let endpoints = chosen.flat_map(|service| &service.endpoints);
    endpoints.map(|endpoint| endpoint.0 as usize).collect()
}

/// Whether something in a world relies on a proxy whose pods it does not hold.
pub(crate) fn relies_on_controller(world: &World<'_>) -> bool {
    let routes = routes(world, &Services::new(world));
    let mut through = routes.iter().flat_map(|route| &route.through);
    through.any(|peer| *peer == Peer::Controller)
}

/// The Services that routes lead to, by namespace and name, each with one of its routes.
pub(crate) fn published<'s>(world: &World<'s>) -> HashMap<(&'s str, &'s str), &'s Object> {
    let routes = routes(world, &Services::new(world));
    let routes = routes.iter().filter_map(|route| {
        let (space, name, _) = route.to;
        Some(((space, name), route.links.last()?.object))
    });
    routes.collect()
}

/// Every route from a proxy to a Service.
fn routes<'s>(world: &World<'s>, services: &Services<'s>) -> Vec<Route<'s>> {
    let mut routes = ingress::routes(world);
    routes.extend(gateway_api::routes(world, services));
    routes.extend(istio::routes(world));
    routes
}

/// Endpoints of a world that a test holds for.
fn endpoints_where(world: &World<'_>, test: impl Fn(&crate::Endpoint<'_>) -> bool) -> Vec<Peer> {
    let all = world.endpoints.iter().enumerate();
    all.filter(|(_, endpoint)| test(endpoint))
        .filter_map(|(index, _)| u32::try_from(index).ok())
        .map(|index| Peer::Endpoint(EndpointId(index)))
        .collect()
}

/// Whether two host names, which may begin with `*`, have one in common.
fn hosts_meet(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let under = |pattern: &str, name: &str| match pattern.strip_prefix('*') {
        Some("") => true,
        Some(end) => name.len() > end.len() && name.ends_with(end),
        None => pattern == name,
    };
    one == other || under(&one, &other) || under(&other, &one)
}
