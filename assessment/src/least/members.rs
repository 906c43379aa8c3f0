//! Whom a kind of policy holds, and whom it knows: the members of its mesh, with the accounts
//! that they prove. A kind without a mesh holds all pods that are not in their node's network.

use super::ends::{Ends, Pods};
use super::kind::Kind;
use super::requests::{Path, Request};
use super::tunnel::HBONE;
use seawall_model::Str;
use seawall_network::istio::Istio;
use seawall_network::istio::membership::Place as Standing;
use seawall_network::istio::mesh::DEFAULT_TRUST_DOMAIN;
use seawall_network::istio::ports::Protocol as Spoken;
use seawall_network::linkerd::{Linkerd, Place as Injected};
use seawall_network::request::{Condition, Field, Pattern, Possible};
use seawall_network::{Endpoint, EndpointId, Peer, Protocol, World};
use seawall_yaml::{Map, Node};
use std::collections::BTreeSet;

/// Where the cluster's own workloads are. To close them takes knowing what every node and the
/// control plane send, which no flow between pods shows.
const LEFT_OPEN: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Linkerd's annotation for ports whose protocol it leaves alone, and those that it does without.
const OPAQUE: &str = "config.linkerd.io/opaque-ports";
const OPAQUE_PORTS: [u16; 8] = [25, 587, 3306, 4444, 5432, 6379, 9300, 11211];

/// The methods that routes of the Gateway API know.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

/// What istiod's controller for waypoints writes on their pods.
const MANAGED: &str = "gateway.istio.io/managed";
const WAYPOINTS: &str = "istio.io-mesh-controller";

/// The mesh that enforces a kind of policy.
#[derive(Debug)]
pub(super) enum Mesh<'s> {
    /// It takes none.
    None,
    /// Nothing of it is in the picture.
    Missing,
    Istio(Box<Istio<'s>>),
    Linkerd(Linkerd<'s>),
}

impl<'s> Mesh<'s> {
    pub(super) fn new(world: &World<'s>, kind: Kind) -> Self {
        match kind {
            Kind::Netpol | Kind::Cnp => Mesh::None,
            Kind::Authz => {
                Istio::new(world).map_or(Mesh::Missing, |istio| Mesh::Istio(istio.into()))
            }
            Kind::Linkerd => Linkerd::new(world).map_or(Mesh::Missing, Mesh::Linkerd),
        }
    }

    /// Why no policy holds pods; `None` where one does.
    pub(super) fn outside(&self, endpoint: &Endpoint<'_>, id: EndpointId) -> Option<&'static str> {
        match self {
            Mesh::None => endpoint
                .is_host_network()
                .then_some("it is in its node's network, which no policy holds or names"),
            Mesh::Missing => Some("nothing of the mesh is in the input"),
            Mesh::Istio(_) if endpoint.label(MANAGED) == Some(WAYPOINTS) => Some(
                "a waypoint is held by the Services behind it; its own access log tells of them",
            ),
            Mesh::Istio(istio) => match istio.membership(id) {
                Some(one) if is_meshed(one.place) => None,
                Some(one) => Some(one.reason.note),
                None => Some("it is not known"),
            },
            Mesh::Linkerd(linkerd) => match linkerd.place(id) {
                Injected::Meshed | Injected::Ingress => None,
                Injected::Outside => Some("nothing asks for a proxy"),
                Injected::Unknown => Some("its namespace is not in the input"),
            },
        }
    }

    /// Namespaces that are left as they are. What stands in Istio's root namespace is for the
    /// whole mesh, and a mesh's control plane has policies of its own.
    pub(super) fn left_open<'w>(&self, world: &'w World<'s>) -> BTreeSet<&'s str> {
        let names = world.namespaces.iter();
        let is_open = |name: &str| match self {
            Mesh::Istio(istio) => name == &*istio.mesh.root_namespace,
            Mesh::Linkerd(_) => world.endpoints.iter().any(|endpoint| {
                let part = endpoint.label("linkerd.io/control-plane-component");
                let space = world.namespace_at(endpoint.namespace);
                part.is_some() && space.is_some_and(|space| space.name == name)
            }),
            Mesh::None | Mesh::Missing => false,
        };
        let open = names.filter(|space| LEFT_OPEN.contains(&space.name) || is_open(space.name));
        open.map(|space| space.name).collect()
    }

    /// The account that pods prove; `None` where they prove none.
    pub(super) fn account<'w>(
        &self,
        world: &'w World<'s>,
        id: EndpointId,
    ) -> Option<(&'w str, &'s str)> {
        let is_known = match self {
            Mesh::Istio(istio) => is_meshed(istio.membership(id)?.place),
            Mesh::Linkerd(linkerd) => {
                matches!(linkerd.place(id), Injected::Meshed | Injected::Ingress)
            }
            Mesh::None | Mesh::Missing => false,
        };
        let endpoint = world.endpoint_at(id).filter(|_| is_known)?;
        let space = world.namespace_at(endpoint.namespace)?.name;
        Some((space, endpoint.template.service_account()))
    }
}

impl Mesh<'_> {
    /// The trust domain of the accounts.
    pub(super) fn trust_domain(&self) -> Str {
        match self {
            Mesh::Istio(istio) => istio.mesh.trust_domain.clone(),
            _ => DEFAULT_TRUST_DOMAIN.into(),
        }
    }

    /// Why no policy holds a port of pods that it holds; `None` where one does.
    pub(super) fn unheld_port(
        &self,
        world: &World<'_>,
        id: EndpointId,
        port: u16,
    ) -> Option<&'static str> {
        let is_tunnel = |istio: &Istio<'_>| {
            let standing = istio.membership(id).map(|one| one.place);
            port == HBONE && standing == Some(Standing::Ambient)
        };
        if matches!(self, Mesh::Istio(istio) if is_tunnel(istio)) {
            return Some("it is the tunnel's port; ztunnel's log says which port was meant");
        }
        let is_held = match self {
            Mesh::Istio(istio) => istio.membership(id).is_some_and(|one| one.enforces(port)),
            Mesh::Linkerd(_) => {
                let endpoint = world.endpoint_at(id);
                endpoint.is_some_and(|endpoint| declared_ports(endpoint).contains(&port))
            }
            Mesh::None | Mesh::Missing => true,
        };
        let why = match self {
            Mesh::Linkerd(_) => "a Server holds only ports that the pods declare",
            _ => "its proxy does not see that port",
        };
        (!is_held).then_some(why)
    }
}

impl Ends<'_, '_> {
    /// The Server of the picture that holds a port.
    pub(super) fn server(&self, subject: &Pods, port: u16) -> Option<String> {
        let Mesh::Linkerd(linkerd) = &self.mesh else {
            return None;
        };
        let mut endpoints = self.endpoints(subject);
        endpoints.find_map(|endpoint| {
            let access = linkerd.access(self.world, endpoint, port);
            Some(access.server?.object.reference.name.to_string())
        })
    }

    /// Whether a proxy looks at requests at a port, and rules can ask for these. Cilium's cannot
    /// where a mesh encrypts; routes of Linkerd need a Server that nobody else holds.
    pub(super) fn reads(&self, to: Peer, port: u16, requests: &BTreeSet<Request>) -> bool {
        let Peer::Endpoint(id) = to else {
            return false;
        };
        match &self.mesh {
            _ if !self.kind.reads_requests() => false,
            Mesh::Linkerd(linkerd) => {
                let Some(endpoint) = self.world.endpoint_at(id) else {
                    return false;
                };
                let is_method = |one: &Request| METHODS.contains(&&*one.method);
                linkerd.access(self.world, endpoint, port).server.is_none()
                    && !self.leaves_alone(endpoint, port)
                    && requests.iter().all(is_method)
            }
            _ => !self.encrypted.contains(&id),
        }
    }

    /// Paths that the kubelet asks for at a port.
    pub(super) fn probed(&self, subject: &Pods, port: u16) -> BTreeSet<Str> {
        let mut paths = BTreeSet::new();
        for endpoint in self.endpoints(subject) {
            for container in &endpoint.template.containers {
                let number = |name: &str| {
                    let mut ports = container.ports.iter();
                    let named = ports.find(|one| one.name.as_deref() == Some(name));
                    let number = named.and_then(|one| one.container_port.as_ref());
                    let number = number.and_then(|field| u16::try_from(field.value).ok());
                    name.parse().ok().or(number)
                };
                let hooks = container.hooks.iter().filter_map(|hook| hook.http.as_ref());
                let here = hooks.filter(|(_, name)| number(name) == Some(port));
                paths.extend(here.map(|(path, _)| path.clone()));
            }
        }
        paths
    }

    /// Whether Linkerd leaves a port's protocol alone.
    pub(super) fn is_opaque(&self, subject: &Pods, port: u16) -> bool {
        let mut endpoints = self.endpoints(subject);
        let said = endpoints.find_map(|endpoint| self.said_opaque(endpoint, port));
        said.unwrap_or_else(|| OPAQUE_PORTS.contains(&port))
    }

    fn leaves_alone(&self, endpoint: &Endpoint<'_>, port: u16) -> bool {
        let said = self.said_opaque(endpoint, port);
        said.unwrap_or_else(|| OPAQUE_PORTS.contains(&port))
    }

    fn said_opaque(&self, endpoint: &Endpoint<'_>, port: u16) -> Option<bool> {
        let above = || {
            let space = self.world.namespace_at(endpoint.namespace)?;
            space.object?.annotation(OPAQUE)
        };
        let field = endpoint.annotation(OPAQUE).or_else(above)?;
        Some(field.value.split(',').any(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.trim().parse::<u16>().ok();
            number(from)
                .zip(number(to))
                .is_some_and(|(from, to)| (from..=to).contains(&port))
        }))
    }
}

/// Endpoints whose traffic a mesh encrypts, where a kind of the network's would look into it.
pub(super) fn encrypted(world: &World<'_>, kind: Kind) -> BTreeSet<EndpointId> {
    if kind != Kind::Cnp {
        return BTreeSet::new();
    }
    let (istio, linkerd) = (Istio::new(world), Linkerd::new(world));
    let ids = world.endpoint_ids().map(|(id, _)| id);
    let is_meshed = |id: &EndpointId| {
        let standing = istio.as_ref().and_then(|istio| istio.membership(*id));
        let place = linkerd.as_ref().map(|linkerd| linkerd.place(*id));
        standing.is_some_and(|one| is_meshed(one.place))
            || matches!(place, Some(Injected::Meshed | Injected::Ingress))
    };
    ids.filter(is_meshed).collect()
}

/// Whether the proxy at a port of a pod hears of a caller's account at all.
pub(super) fn hears_of(
    istio: &Istio<'_>,
    world: &World<'_>,
    from: EndpointId,
    to: EndpointId,
    port: u16,
) -> bool {
    let caller = istio.identity_of(world, from);
    let door = istio.door(world, to, port, caller.as_ref());
    door.is_some_and(|door| door.as_itself.is_some())
}

/// Whether a route changes paths on their way: then the caller's side knows others than the
/// called one.
pub(super) fn has_rewrites(world: &World<'_>) -> bool {
    let routes = [
        ("networking.istio.io", "VirtualService"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
    ];
    let mut routes = routes
        .iter()
        .flat_map(|(group, kind)| world.of_kind(group, kind));
    routes.any(|route| {
        let spec = route.body().and_then(|body| body.get("spec"));
        spec.is_some_and(rewrites)
    })
}

fn rewrites(node: &Node) -> bool {
    let is_one = |key: &str, value: &Node| match key {
        "rewrite" => value.get("uri").is_some() || value.get("uriRegexRewrite").is_some(),
        "urlRewrite" => value.get("path").is_some(),
        _ => false,
    };
    let entries = node.as_map().into_iter().flat_map(Map::iter);
    let mut items = node.as_seq().unwrap_or_default().iter();
    entries
        .into_iter()
        .any(|entry| is_one(&entry.key, &entry.value) || rewrites(&entry.value))
        || items.any(rewrites)
}

/// Whether pods are a gateway.
pub(super) fn is_gateway(istio: &Istio<'_>, id: EndpointId) -> bool {
    let standing = istio.membership(id);
    standing.is_some_and(|one| one.place == Standing::Gateway)
}

/// Whether the proxy at a port of a pod understands requests: one of its own does, a node's
/// knows bytes only.
pub(super) fn understands(istio: &Istio<'_>, world: &World<'_>, to: EndpointId, port: u16) -> bool {
    let place = istio.membership(to).map(|one| one.place);
    let spoken = istio.door(world, to, port, None).map(|door| door.protocol);
    matches!(place, Some(Standing::Sidecar | Standing::Gateway))
        && spoken.is_some_and(|spoken| spoken != Spoken::Tcp)
}

/// Whether a client that behaves gets through to a port of a pod with a request.
pub(super) fn passes(
    istio: &Istio<'_>,
    world: &World<'_>,
    from: Peer,
    to: EndpointId,
    port: u16,
    request: &Request,
) -> bool {
    let caller = match from {
        Peer::Endpoint(id) => istio.identity_of(world, id),
        _ => None,
    };
    let Some(door) = istio.door(world, to, port, caller.as_ref()) else {
        return true;
    };
    let way = door.as_itself.as_ref().or(door.as_nobody.as_ref());
    way.is_some_and(|way| allows(&way.condition, request))
}

/// Whether some request of this method and path fulfils a condition: what the log does not say
/// of it (its host, its headers) may be as the condition wants it.
pub(super) fn allows(condition: &Condition, request: &Request) -> bool {
    let method = Pattern::Exact(request.method.clone());
    let mut parts = vec![condition.clone(), Condition::is(Field::Method, method)];
    if request.path != Path::Any {
        let path = Pattern::Exact(request.path.example().into());
        parts.push(Condition::is(Field::Path, path));
    }
    Condition::all(parts).possible() != Possible::No
}

fn is_meshed(place: Standing) -> bool {
    matches!(
        place,
        Standing::Sidecar | Standing::Ambient | Standing::Gateway
    )
}

/// The ports that a pod declares and a Server can hold.
pub(super) fn declared_ports(endpoint: &Endpoint<'_>) -> Vec<u16> {
    let ports = endpoint.declared_ports().into_iter();
    let tcp = ports.filter(|(protocol, _)| *protocol == Protocol::Tcp);
    tcp.map(|(_, port)| port).collect()
}
