//! Waypoints of ambient: what goes from a pod of the mesh to a Service that has one passes its
//! proxy, which knows requests, and arrives at the pods under the waypoint's own account.
//!
//! So such a flow takes two rules: one at the Service for who sends, and one at the pods for the
//! waypoint. Who is not in ambient goes straight to the pods.

use super::ends::{Place, Pods};
use super::members::{Mesh, allows};
use super::requests::Request;
use seawall_model::Str;
use seawall_network::istio::Istio;
use seawall_network::istio::ambient::Waypoint;
use seawall_network::istio::authorization::{Call, Identity};
use seawall_network::istio::membership::Place as Standing;
use seawall_network::istio::ports::{self, MeshPort, Protocol};
use seawall_network::request::{Condition, Possible};
use seawall_network::{EndpointId, Peer, World};
use seawall_snapshot::Object;

/// A waypoint before a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Through {
    /// The Service, by the pods behind it.
    pub(super) service: Pods,
    /// The waypoint's account: namespace and name.
    account: (Str, Str),
    /// The waypoint itself: namespace and name.
    pub(super) gateway: (Str, Str),
}

impl Through {
    /// Who arrives at the pods.
    pub(super) fn place(&self) -> Place {
        let (space, name) = &self.account;
        Place::Account(space.clone(), name.clone())
    }
}

/// The waypoints that stand between two peers.
pub(super) fn between(
    istio: &Istio<'_>,
    world: &World<'_>,
    from: Peer,
    to: Peer,
    port: u16,
) -> Vec<Through> {
    let (Peer::Endpoint(from), Peer::Endpoint(to)) = (from, to) else {
        return Vec::new();
    };
    let is_ambient = |id: EndpointId| {
        let standing = istio.membership(id);
        standing.is_some_and(|one| one.place == Standing::Ambient)
    };
    if !is_ambient(from) || !is_ambient(to) {
        return Vec::new();
    }
    let services = at_port(istio, world, to, port).map_or_else(Vec::new, |at| at.services);
    let through = services.into_iter().filter_map(|service| {
        let waypoint = waypoint(istio, world, service)?.object;
        let space = Str::from(waypoint.namespace());
        // The account that is made with a waypoint has its name.
        let named = waypoint.annotation("gateway.istio.io/service-account");
        let name = named.map_or(&waypoint.reference.name, |field| &field.value);
        Some(Through {
            service: pods_of(service)?,
            account: (space.clone(), name.clone()),
            gateway: (space, waypoint.reference.name.clone()),
        })
    });
    through.collect()
}

/// All Services that have a waypoint.
pub(super) fn services(istio: &Istio<'_>, world: &World<'_>) -> Vec<Pods> {
    let all = world.of_kind("", "Service").iter();
    let with = all.filter(|service| waypoint(istio, world, service).is_some());
    with.filter_map(|service| pods_of(service)).collect()
}

fn waypoint<'i, 's>(
    istio: &'i Istio<'s>,
    world: &World<'s>,
    service: &Object,
) -> Option<&'i Waypoint<'s>> {
    let waypoint = istio.waypoint_of(world, service);
    waypoint.filter(|waypoint| waypoint.for_services)
}

/// The pods behind a Service, as its waypoint is meant.
fn pods_of(service: &Object) -> Option<Pods> {
    let name = &service.reference.name;
    let selector = service.body()?.at(&["spec", "selector"])?.as_map()?;
    let labels = selector.iter().filter_map(|entry| {
        let value = entry.value.as_str()?;
        Some((Str::from(&*entry.key), Str::from(value)))
    });
    Some(Pods {
        namespace: service.namespace().into(),
        labels: labels.collect(),
        name: name.clone(),
        service: Some(name.clone()),
    })
}

fn object<'s>(world: &World<'s>, service: &Pods) -> Option<&'s Object> {
    let mut all = world.of_kind("", "Service").iter().copied();
    all.find(|one| one.namespace() == &*service.namespace && *one.reference.name == *service.name)
}

fn at_port<'s>(
    istio: &Istio<'s>,
    world: &World<'s>,
    to: EndpointId,
    port: u16,
) -> Option<MeshPort<'s>> {
    let endpoint = world.endpoint_at(to)?;
    let services = istio.services.of(world, endpoint);
    let mut known = ports::of(endpoint, &services).into_iter();
    known.find(|known| known.number == port)
}

/// Whether a waypoint takes what goes to a port for requests.
pub(super) fn understands(istio: &Istio<'_>, world: &World<'_>, to: Peer, port: u16) -> bool {
    let Peer::Endpoint(to) = to else {
        return false;
    };
    let known = at_port(istio, world, to, port);
    known.is_some_and(|known| known.protocol != Protocol::Tcp)
}

/// Whether something gets through a waypoint and on to the pods.
pub(super) fn passes(
    istio: &Istio<'_>,
    world: &World<'_>,
    (from, to): (Peer, Peer),
    port: u16,
    through: &Through,
    request: Option<&Request>,
) -> bool {
    let (Peer::Endpoint(from), Peer::Endpoint(to)) = (from, to) else {
        return false;
    };
    let Some(service) = object(world, &through.service) else {
        return false;
    };
    let may = |condition: &Condition| match request {
        Some(request) => allows(condition, request),
        None => condition.possible() != Possible::No,
    };
    let identity = istio.identity_of(world, from);
    let call = Call {
        identity: identity.as_ref(),
        port,
        protocol: at_port(istio, world, to, port).map_or(Protocol::Either, |at| at.protocol),
    };
    let at_waypoint = istio.at_waypoint(world, service, &call);
    let (space, name) = &through.account;
    let itself = Identity {
        trust_domain: istio.mesh.trust_domain.clone(),
        namespace: space.clone(),
        service_account: name.clone(),
    };
    let door = istio.door(world, to, port, Some(&itself));
    let way = door.and_then(|door| door.as_itself.or(door.as_nobody));
    at_waypoint.is_none_or(|verdict| may(&verdict.condition))
        && way.is_some_and(|way| way.condition.possible() != Possible::No)
}

/// Whether somebody whom nobody named gets through a Service's waypoint.
pub(super) fn is_open(mesh: &Mesh<'_>, world: &World<'_>, service: &Pods) -> bool {
    let (Mesh::Istio(istio), Some(service)) = (mesh, object(world, service)) else {
        return false;
    };
    let stranger = Identity {
        trust_domain: istio.mesh.trust_domain.clone(),
        namespace: "-".into(),
        service_account: "-".into(),
    };
    let call = Call {
        identity: Some(&stranger),
        port: 0,
        protocol: Protocol::Either,
    };
    let verdict = istio.at_waypoint(world, service, &call);
    verdict.is_some_and(|verdict| verdict.condition.possible() != Possible::No)
}
