//! Linkerd: which pods have a proxy, and whom it lets in at each port.
//!
//! A port belongs to the Server that selects it, else to a default policy that was taken
//! from the annotations when the pod was made. Authorisations add up: one is enough, and one
//! without clients lets in everybody. One that refers to something that is not there is
//! ignored as a whole.

pub mod authorizations;
pub(crate) mod door;
pub mod routes;

pub use authorizations::{Authorization, Clients, Target, fits};
pub(crate) use authorizations::{blocks, cluster_networks};

use crate::reach::{Block, Cidr};
use crate::world::{Endpoint, EndpointId, World};
use routes::Routes;
use seawall_model::{Span, Str};
use seawall_snapshot::{Field, LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::HashMap;

/// The API group of Linkerd's policies.
pub(crate) const POLICY: &str = "policy.linkerd.io";
/// The annotation that asks for a proxy.
pub(crate) const INJECT: &str = "linkerd.io/inject";
/// The annotation that sets the default policy.
pub(crate) const DEFAULT: &str = "config.linkerd.io/default-inbound-policy";
/// The annotation that keeps ports from the proxy.
pub(crate) const SKIP_INBOUND: &str = "config.linkerd.io/skip-inbound-ports";

/// The annotation that keeps from the proxy what comes from addresses.
pub(crate) const SKIP_SUBNETS: &str = "config.linkerd.io/skip-subnets";

/// What an annotation says of a pod: its own, or its namespace's.
pub(crate) fn setting<'s>(
    world: &World<'s>,
    endpoint: &Endpoint<'s>,
    key: &str,
) -> Option<&'s Field<Str>> {
    let inherited = || {
        let space = world.namespace_at(endpoint.namespace)?;
        space.object?.annotation(key)
    };
    endpoint.annotation(key).or_else(inherited)
}

/// The addresses from which packets reach a pod past its proxy: the rules that redirect what
/// comes in leave them out, whatever the port.
pub(crate) fn skipped_subnets(world: &World<'_>, endpoint: &Endpoint<'_>) -> Vec<Block> {
    let text = setting(world, endpoint, SKIP_SUBNETS);
    let subnets = text.into_iter().flat_map(|field| field.value.split(','));
    let subnets = subnets.filter_map(|text| Cidr::read_loosely(text.trim()));
    subnets
        .map(|cidr| Block {
            cidr,
            except: Vec::new(),
        })
        .collect()
}

/// What is let in where no Server says anything, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DefaultPolicy {
    /// Nobody.
    Deny,
    /// Identities of this cluster.
    ClusterAuthenticated,
    /// Any identity.
    AllAuthenticated,
    /// Whoever is in the cluster's networks.
    ClusterUnauthenticated,
    /// Everybody, written down.
    Audit,
    /// Everybody.
    AllUnauthenticated,
}

impl DefaultPolicy {
    /// Reads the word.
    pub fn read(text: &str) -> Option<Self> {
        Some(match text {
            "deny" => Self::Deny,
            "cluster-authenticated" => Self::ClusterAuthenticated,
            "all-authenticated" => Self::AllAuthenticated,
            "cluster-unauthenticated" => Self::ClusterUnauthenticated,
            "audit" => Self::Audit,
            "all-unauthenticated" => Self::AllUnauthenticated,
            _ => return None,
        })
    }

    /// Whether somebody without an identity gets in.
    pub fn is_open(self) -> bool {
        self >= Self::ClusterUnauthenticated
    }
}

/// How a pod stands to the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// It has a proxy.
    Meshed,
    /// It has a proxy that believes a header about where to go.
    Ingress,
    /// It has none.
    Outside,
    /// What would decide is not in the picture.
    Unknown,
}

/// A port, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortRef {
    /// Its number.
    Number(u16),
    /// Its name.
    Name(Str),
}

/// One Server.
#[derive(Debug)]
pub struct Server<'s> {
    /// The object.
    pub object: &'s Object,
    /// Its pods.
    pub selector: LabelSelector,
    /// Its port.
    pub port: Option<PortRef>,
    /// What the proxy takes the traffic for.
    pub protocol: &'s str,
    /// What it lets in besides.
    pub access: DefaultPolicy,
    /// Where that stands.
    pub access_span: Option<Span>,
}

/// Everything of Linkerd that is in force.
#[derive(Debug)]
pub struct Linkerd<'s> {
    /// How each endpoint of the world stands to the mesh.
    pub places: Vec<Place>,
    /// All Servers.
    pub servers: Vec<Server<'s>>,
    /// All authorisations.
    pub authorizations: Vec<Authorization<'s>>,
    /// All routes.
    pub routes: Routes<'s>,
    /// Places in `servers` and in `authorizations` by namespace: a cluster has thousands.
    by_namespace: HashMap<Str, (Vec<usize>, Vec<usize>)>,
}

/// What holds at a port.
#[derive(Debug)]
pub struct Access<'a, 's> {
    /// The Server, if one selects the port.
    pub server: Option<&'a Server<'s>>,
    /// The default policy; `None` where nothing in the picture says it.
    pub default: Option<DefaultPolicy>,
    /// Authorisations of the Server.
    pub authorizations: Vec<&'a Authorization<'s>>,
}

impl Access<'_, '_> {
    /// Whether an identity (or nobody) gets in; `None` where that depends on a default that
    /// is not in the picture.
    pub fn admits(&self, identity: Option<&str>) -> Option<bool> {
        let by_list = || {
            let mut clients = self
                .authorizations
                .iter()
                .filter_map(|one| one.clients.as_ref());
            clients.any(|clients| clients.admits(identity))
        };
        let default = match self.server {
            Some(server) => server.access,
            None => self.default?,
        };
        Some(
            default.is_open() || (default > DefaultPolicy::Deny && identity.is_some()) || by_list(),
        )
    }
}

impl<'s> Linkerd<'s> {
    /// Reads what is in force off a world; `None` where nothing of Linkerd is in the picture.
    pub fn new(world: &World<'s>) -> Option<Self> {
        let places: Vec<Place> = world.endpoints.iter().map(|e| place(world, e)).collect();
        let is_meshed = places
            .iter()
            .any(|one| matches!(one, Place::Meshed | Place::Ingress));
        let runs = |endpoint: &Endpoint<'_>| {
            endpoint
                .label("linkerd.io/control-plane-component")
                .is_some()
        };
        let has_group = world.has_group(POLICY);
        let has_annotated = world.namespaces.iter().filter_map(|n| n.object);
        let asks = has_annotated
            .into_iter()
            .any(|object| object.annotation(INJECT).is_some());
        if !is_meshed && !has_group && !asks && !world.endpoints.iter().any(runs) {
            return None;
        }
        let servers = world.of_kind(POLICY, "Server").iter();
        let servers: Vec<Server<'s>> = servers.filter_map(|o| server(o)).collect();
        let authorizations = authorizations::authorizations(world);
        let mut by_namespace: HashMap<Str, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (index, one) in servers.iter().enumerate() {
            let (servers, _) = by_namespace
                .entry(one.object.namespace().into())
                .or_default();
            servers.push(index);
        }
        for (index, one) in authorizations.iter().enumerate() {
            let (_, all) = by_namespace
                .entry(one.object.namespace().into())
                .or_default();
            all.push(index);
        }
        Some(Self {
            places,
            servers,
            authorizations,
            routes: Routes::new(world),
            by_namespace,
        })
    }

    /// The Servers of a namespace.
    fn servers_in<'a>(&'a self, namespace: &str) -> impl Iterator<Item = &'a Server<'s>> {
        let known = self.by_namespace.get(namespace).into_iter();
        known.flat_map(|(servers, _)| servers.iter().filter_map(|one| self.servers.get(*one)))
    }

    /// The authorisations of a namespace.
    fn authorizations_in<'a>(
        &'a self,
        namespace: &str,
    ) -> impl Iterator<Item = &'a Authorization<'s>> {
        let known = self.by_namespace.get(namespace).into_iter();
        known.flat_map(|(_, all)| all.iter().filter_map(|one| self.authorizations.get(*one)))
    }

    /// Whom the policies that an endpoint's ports may be under let in, each once: what two
    /// callers have the same answers to does not tell them apart there.
    pub(crate) fn clients_at(&self, world: &World<'s>, endpoint: &Endpoint<'s>) -> Vec<&Clients> {
        let namespace = world.namespace_at(endpoint.namespace);
        let namespace = namespace.map_or("", |space| space.name);
        let labels = &endpoint.template.labels;
        let selecting = self.servers_in(namespace);
        let selecting: Vec<&Server<'s>> = selecting
            .filter(|server| server.selector.matches(labels))
            .collect();
        let may_be_for = |one: &&Authorization<'_>| match &one.target {
            Target::Server(name) => {
                let mut servers = selecting.iter();
                servers.any(|server| *name == server.object.reference.name)
            }
            Target::Namespace | Target::Selected(_) | Target::Route(_) => true,
            Target::Other => false,
        };
        let mut clients: Vec<&Clients> = Vec::new();
        for one in self.authorizations_in(namespace).filter(may_be_for) {
            clients.extend(one.clients.as_ref().filter(|one| !clients.contains(one)));
        }
        clients
    }

    /// How an endpoint stands to the mesh.
    pub fn place(&self, id: EndpointId) -> Place {
        let place = self.places.get(id.0 as usize);
        place.copied().unwrap_or(Place::Unknown)
    }

    /// What holds at a port of an endpoint.
    pub fn access<'a>(
        &'a self,
        world: &World<'s>,
        endpoint: &Endpoint<'s>,
        port: u16,
    ) -> Access<'a, 's> {
        let namespace = world
            .namespace_at(endpoint.namespace)
            .map_or("", |n| n.name);
        // Of several the oldest holds the port, then the one whose name comes first.
        let selecting = self.servers_in(namespace);
        let selecting = selecting.filter(|server| is_for(server, endpoint, port));
        let server =
            selecting.min_by_key(|server| (created(server.object), &server.object.reference.name));
        let authorizations = server
            .map(|server| self.of_server(server))
            .unwrap_or_default();
        Access {
            server,
            default: default_policy(world, endpoint).map(|(policy, ..)| policy),
            authorizations,
        }
    }

    /// The authorisations of a Server.
    pub fn of_server<'a>(&'a self, server: &Server<'_>) -> Vec<&'a Authorization<'s>> {
        let is_for = |one: &&Authorization<'_>| match &one.target {
            Target::Server(name) => *name == server.object.reference.name,
            Target::Namespace => true,
            Target::Selected(selector) => selector.matches(&server.object.labels),
            Target::Route(_) | Target::Other => false,
        };
        let here = self.authorizations_in(server.object.namespace());
        here.filter(is_for).collect()
    }
}

/// The default policy of an endpoint, with its annotation: the pod's, else the namespace's.
pub(crate) fn default_policy<'s>(
    world: &World<'s>,
    endpoint: &Endpoint<'s>,
) -> Option<(DefaultPolicy, Span, bool)> {
    if let Some(field) = endpoint.annotation(DEFAULT) {
        return Some((DefaultPolicy::read(&field.value)?, field.span, true));
    }
    let object = world.namespace_at(endpoint.namespace)?.object?;
    let field = object.annotation(DEFAULT)?;
    Some((DefaultPolicy::read(&field.value)?, field.span, false))
}

/// When an object was made; files do not say.
fn created(object: &Object) -> Option<&str> {
    let body = object.body()?;
    body.at(&["metadata", "creationTimestamp"])?.as_str()
}

/// A Server holds only ports that the pod declares.
pub(crate) fn is_for(server: &Server<'_>, endpoint: &Endpoint<'_>, port: u16) -> bool {
    let mut declared = endpoint.template.containers.iter().flat_map(|c| &c.ports);
    server.selector.matches(&endpoint.template.labels)
        && declared.any(|one| {
            let number = one.container_port.as_ref().map(|field| field.value);
            number == Some(i64::from(port))
                && match &server.port {
                    Some(PortRef::Number(wanted)) => *wanted == port,
                    Some(PortRef::Name(wanted)) => one.name.as_ref() == Some(wanted),
                    None => false,
                }
        })
}

fn place(world: &World<'_>, endpoint: &Endpoint<'_>) -> Place {
    let mut containers = endpoint.template.containers.iter();
    if containers.any(|container| &*container.name == "linkerd-proxy") {
        return Place::Meshed;
    }
    if endpoint.is_host_network() {
        return Place::Outside;
    }
    let said = endpoint.annotation(INJECT).map(|field| &*field.value);
    let namespace = world
        .namespace_at(endpoint.namespace)
        .and_then(|n| n.object);
    let above = || {
        namespace
            .and_then(|o| o.annotation(INJECT))
            .map(|field| &*field.value)
    };
    match said.or_else(above) {
        Some("enabled") => Place::Meshed,
        Some("ingress") => Place::Ingress,
        Some(_) => Place::Outside,
        None if namespace.is_some() => Place::Outside,
        None => Place::Unknown,
    }
}

fn server(object: &Object) -> Option<Server<'_>> {
    let body = object.body()?;
    let port = body.at(&["spec", "port"]);
    let port = match (port.and_then(Node::as_i64), port.and_then(Node::as_str)) {
        (Some(number), _) => u16::try_from(number).ok().map(PortRef::Number),
        (_, Some(name)) => Some(PortRef::Name(name.into())),
        _ => None,
    };
    let access = body
        .at(&["spec", "accessPolicy"])
        .filter(|node| !node.is_null());
    let selector = body.at(&["spec", "podSelector"])?;
    Some(Server {
        object,
        selector: LabelSelector::read(selector)?,
        port,
        protocol: body
            .at(&["spec", "proxyProtocol"])
            .and_then(Node::as_str)
            .unwrap_or("unknown"),
        access: access
            .and_then(Node::as_str)
            .and_then(DefaultPolicy::read)
            .unwrap_or(DefaultPolicy::Deny),
        access_span: access.map(|node| node.span),
    })
}
