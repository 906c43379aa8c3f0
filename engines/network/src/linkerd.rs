//! Linkerd: which pods have a proxy, and whom it lets in at each port.
//!
//! A port belongs to the Server that selects it, else to a default policy that was taken
//! from the annotations when the pod was made. Authorisations add up: one is enough, and one
//! without clients lets in everybody. One that refers to something that is not there is
//! ignored as a whole.

pub(crate) mod door;
pub mod routes;

use crate::reach::{Block, Cidr};
use crate::world::{Endpoint, EndpointId, World};
use routes::Routes;
use seawall_model::{Span, Str};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

/// The API group of Linkerd's policies.
pub(crate) const POLICY: &str = "policy.linkerd.io";
/// The annotation that asks for a proxy.
pub(crate) const INJECT: &str = "linkerd.io/inject";
/// The annotation that sets the default policy.
pub(crate) const DEFAULT: &str = "config.linkerd.io/default-inbound-policy";
/// The annotation that keeps ports from the proxy.
pub(crate) const SKIP_INBOUND: &str = "config.linkerd.io/skip-inbound-ports";

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

/// Whom an authorisation lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// Identities as patterns; `None` is no identity needed.
    pub identities: Option<Vec<Str>>,
    /// Networks; `None` is from anywhere.
    pub networks: Option<Vec<Str>>,
    /// The same, to compute with; where nothing is said, what that means.
    pub(crate) blocks: Option<Vec<Block>>,
}

impl Clients {
    /// Everybody.
    pub fn everybody() -> Self {
        Self {
            identities: None,
            networks: None,
            blocks: None,
        }
    }

    /// Whether an identity (or nobody) gets in from somewhere.
    pub fn admits(&self, identity: Option<&str>) -> bool {
        self.identities.as_ref().is_none_or(|patterns| {
            identity.is_some_and(|one| patterns.iter().any(|pattern| fits(pattern, one)))
        })
    }
}

/// An identity against a pattern: `*` is any, `*.rest` what ends so, else exactly it.
pub fn fits(pattern: &str, identity: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(rest) => identity.len() > rest.len() && identity.ends_with(rest),
        None => pattern == identity,
    }
}

/// What an authorisation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One Server of its namespace.
    Server(Str),
    /// All Servers of its namespace.
    Namespace,
    /// Servers by label.
    Selected(LabelSelector),
    /// A route.
    Route(Str),
    /// Something else.
    Other,
}

/// An AuthorizationPolicy or a ServerAuthorization.
#[derive(Debug)]
pub struct Authorization<'s> {
    /// The object.
    pub object: &'s Object,
    /// What it is for.
    pub target: Target,
    /// Group and kind of that, as they are written.
    pub target_kind: Option<(Str, Str)>,
    /// Whom it lets in; `None` where it refers to nothing and is ignored.
    pub clients: Option<Clients>,
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
        Some(Self {
            places,
            servers: world
                .of_kind(POLICY, "Server")
                .iter()
                .filter_map(|o| server(o))
                .collect(),
            authorizations: authorizations(world),
            routes: Routes::new(world),
        })
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
        let selecting = self.servers.iter().filter(|server| {
            server.object.namespace() == namespace && is_for(server, endpoint, port)
        });
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
        let is_for = |one: &&Authorization<'_>| {
            one.object.namespace() == server.object.namespace()
                && match &one.target {
                    Target::Server(name) => *name == server.object.reference.name,
                    Target::Namespace => true,
                    Target::Selected(selector) => selector.matches(&server.object.labels),
                    Target::Route(_) | Target::Other => false,
                }
        };
        self.authorizations.iter().filter(is_for).collect()
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

/// The networks that count as the cluster's where Linkerd is not told others.
pub(crate) fn cluster_networks() -> Vec<Block> {
    let ranges = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fd00::/8",
    ];
    let read = ranges.into_iter().filter_map(Cidr::read);
    read.map(|cidr| Block {
        cidr,
        except: Vec::new(),
    })
    .collect()
}

/// All blocks of addresses that policies name.
pub(crate) fn blocks(world: &World<'_>) -> Vec<Cidr> {
    if !world.has_group(POLICY) {
        return Vec::new();
    }
    let mut lists: Vec<Vec<Block>> = vec![cluster_networks()];
    for object in world.of_kind(POLICY, "NetworkAuthentication") {
        lists.push(listed(object.items(&["spec", "networks"])));
    }
    for object in world.of_kind(POLICY, "ServerAuthorization") {
        lists.push(listed(object.items(&["spec", "client", "networks"])));
    }
    let all = lists.into_iter().flatten();
    all.flat_map(|block| block.except.into_iter().chain([block.cidr]))
        .collect()
}

/// Blocks with what is left out of them.
fn listed(nodes: &[Node]) -> Vec<Block> {
    let read = |node: &Node| {
        let except = node
            .get("except")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        let except = except.iter().filter_map(Node::as_str);
        Some(Block {
            cidr: Cidr::read_loosely(node.get("cidr")?.as_str()?)?,
            except: except.filter_map(Cidr::read_loosely).collect(),
        })
    };
    nodes.iter().filter_map(read).collect()
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

fn authorizations<'s>(world: &World<'s>) -> Vec<Authorization<'s>> {
    let policies = world.of_kind(POLICY, "AuthorizationPolicy").iter();
    let mut all: Vec<Authorization<'s>> = policies
        .filter_map(|object| policy(world, object))
        .collect();
    let servers = world.of_kind(POLICY, "ServerAuthorization").iter();
    all.extend(servers.filter_map(|object| server_authorization(object)));
    all
}

fn policy<'s>(world: &World<'s>, object: &'s Object) -> Option<Authorization<'s>> {
    let body = object.body()?;
    let target = body.at(&["spec", "targetRef"])?;
    let text = |node: &'s Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    let name = Str::from(text(target, "name"));
    let kind = text(target, "kind");
    let target_kind = Some((Str::from(text(target, "group")), Str::from(kind)));
    let target = match kind {
        "Server" => Target::Server(name),
        "Namespace" => Target::Namespace,
        "HTTPRoute" | "GRPCRoute" => Target::Route(name),
        _ => Target::Other,
    };
    Some(Authorization {
        object,
        target,
        target_kind,
        clients: required(world, object),
    })
}

/// Whom a policy asks for: an identity, and a network. `None` where it refers to something that
/// is not there, or to two of a kind.
fn required(world: &World<'_>, object: &Object) -> Option<Clients> {
    let mut clients = Clients::everybody();
    for reference in object.items(&["spec", "requiredAuthenticationRefs"]) {
        let text = |key: &str| {
            reference
                .get(key)
                .and_then(Node::as_str)
                .unwrap_or_default()
        };
        let (kind, name) = (text("kind"), text("name"));
        let namespace = Some(text("namespace")).filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or(object.namespace());
        let is_network = kind == "NetworkAuthentication";
        let is_second = if is_network {
            clients.networks.is_some()
        } else {
            clients.identities.is_some()
        };
        if is_second {
            return None;
        }
        match kind {
            "MeshTLSAuthentication" => {
                clients.identities = Some(identities(world, namespace, name)?);
            }
            "ServiceAccount" => {
                let identity =
                    format!("{name}.{namespace}.serviceaccount.identity.linkerd.cluster.local");
                clients.identities = Some(vec![Str::from(identity)]);
            }
            "NetworkAuthentication" => {
                let nodes = networks(world, namespace, name)?;
                clients.networks = Some(cidrs(nodes));
                clients.blocks = Some(listed(nodes));
            }
            _ => return None,
        }
    }
    Some(clients)
}

fn cidrs(nodes: &[Node]) -> Vec<Str> {
    let cidr = |node: &Node| node.get("cidr").and_then(Node::as_str).map(Str::from);
    nodes.iter().filter_map(cidr).collect()
}

fn find<'s>(world: &World<'s>, kind: &str, namespace: &str, name: &str) -> Option<&'s Node> {
    let mut all = world.of_kind(POLICY, kind).iter().copied();
    let found = all.find(|o| o.namespace() == namespace && &*o.reference.name == name)?;
    found.body()
}

fn identities(world: &World<'_>, namespace: &str, name: &str) -> Option<Vec<Str>> {
    let body = find(world, "MeshTLSAuthentication", namespace, name)?;
    let listed = body
        .at(&["spec", "identities"])
        .and_then(Node::as_seq)
        .unwrap_or_default();
    let mut all: Vec<Str> = listed
        .iter()
        .filter_map(|n| n.as_str().map(Str::from))
        .collect();
    let referred = body
        .at(&["spec", "identityRefs"])
        .and_then(Node::as_seq)
        .unwrap_or_default();
    for one in referred {
        let text = |key| one.get(key).and_then(Node::as_str);
        let name = text("name").unwrap_or_default();
        let home = text("namespace").unwrap_or(namespace);
        all.push(match text("kind") {
            Some("Namespace") => {
                format!("*.{name}.serviceaccount.identity.linkerd.cluster.local").into()
            }
            _ => format!("{name}.{home}.serviceaccount.identity.linkerd.cluster.local").into(),
        });
    }
    Some(all)
}

/// The networks of an authentication; one without any is refused.
fn networks<'s>(world: &World<'s>, namespace: &str, name: &str) -> Option<&'s [Node]> {
    let body = find(world, "NetworkAuthentication", namespace, name)?;
    let listed = body.at(&["spec", "networks"]).and_then(Node::as_seq)?;
    (!listed.is_empty()).then_some(listed)
}

fn server_authorization(object: &Object) -> Option<Authorization<'_>> {
    let body = object.body()?;
    let server = body.at(&["spec", "server"])?;
    let target = match server.get("name").and_then(Node::as_str) {
        Some(name) => Target::Server(name.into()),
        None => Target::Selected(LabelSelector::read(server.get("selector")?)?),
    };
    let client = body.at(&["spec", "client"])?;
    let is_true = |path: &[&str]| client.at(path).and_then(Node::as_bool) == Some(true);
    let list = |path: &[&str]| client.at(path).and_then(Node::as_seq).unwrap_or_default();
    let needs_none = is_true(&["unauthenticated"]) || is_true(&["meshTLS", "unauthenticatedTLS"]);
    let mut identities: Vec<Str> = list(&["meshTLS", "identities"])
        .iter()
        .filter_map(|n| n.as_str().map(Str::from))
        .collect();
    for one in list(&["meshTLS", "serviceAccounts"]) {
        let text = |key| one.get(key).and_then(Node::as_str);
        let name = text("name").unwrap_or_default();
        let home = text("namespace").unwrap_or(object.namespace());
        identities
            .push(format!("{name}.{home}.serviceaccount.identity.linkerd.cluster.local").into());
    }
    let networks = list(&["networks"]);
    // Without networks the cluster's own are meant.
    let blocks = if networks.is_empty() {
        cluster_networks()
    } else {
        listed(networks)
    };
    Some(Authorization {
        object,
        target,
        target_kind: None,
        clients: Some(Clients {
            identities: (!needs_none).then_some(identities),
            networks: (!networks.is_empty()).then(|| cidrs(networks)),
            blocks: Some(blocks),
        }),
    })
}
