//! Ambient's tunnel, as the cluster's network sees it.
//!
//! What a pod of ambient sends to another is in HBONE: policies of the network see TCP to port
//! 15008 and not the application's port, so that is what they have to let in. Who is in no mesh
//! still comes to the port itself. Between sidecars or gateways and pods of ambient it depends on
//! settings of the proxies that no manifest of the pods shows, so that both stay open there.
//!
//! Where a Service has a waypoint, its proxy stands between: from the sender to it, and from it
//! to the pods, there is nothing but the tunnel.

use super::kind::Kind;
use super::need::is_open;
use seawall_network::istio::Istio;
use seawall_network::istio::membership::Place;
use seawall_network::{Network, Peer, Protocol, World};

/// The port of HBONE.
pub(super) const HBONE: u16 = 15008;
/// The label of a gateway's pods.
pub(super) const GATEWAY: &str = "gateway.networking.k8s.io/gateway-name";

/// How a connection looks to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wire {
    /// As it is.
    Plain,
    /// In the tunnel, whose other end the mesh's policies hold.
    Tunnel,
    /// Perhaps in the tunnel: the network has to let it pass, and no more is known.
    Perhaps,
}

impl Wire {
    /// The port that the network sees.
    pub(super) fn port(self, port: u16) -> u16 {
        match self {
            Wire::Plain => port,
            Wire::Tunnel | Wire::Perhaps => HBONE,
        }
    }

    /// Whether a connection to a port passes so from a client that behaves.
    pub(super) fn passes(
        self,
        network: &Network<'_, '_>,
        (from, to): (Peer, Peer),
        protocol: Protocol,
        port: u16,
    ) -> bool {
        match self {
            Wire::Plain | Wire::Tunnel => is_open(network, (from, to), protocol, port),
            Wire::Perhaps => {
                let below = network.any_below_layers(from, to).any();
                below.has(Protocol::Tcp, HBONE)
            }
        }
    }
}

/// Istio, if pods of ambient are in a world and the network's policies are asked for.
pub(super) fn below<'s>(world: &World<'s>, kind: Kind) -> Option<Istio<'s>> {
    let istio = Istio::new(world).filter(|_| !kind.is_mesh())?;
    let mut members = istio.memberships.iter();
    members
        .any(|one| one.place == Place::Ambient)
        .then_some(istio)
}

/// How a connection may look.
pub(super) fn wires(
    istio: Option<&Istio<'_>>,
    world: &World<'_>,
    (from, to): (Peer, Peer),
    protocol: Protocol,
    port: u16,
) -> Vec<Wire> {
    let member = |peer: Peer| match peer {
        Peer::Endpoint(id) => istio.and_then(|istio| istio.membership(id)),
        _ => None,
    };
    let waypoint = |peer: Peer| {
        let Peer::Endpoint(id) = peer else {
            return None;
        };
        let endpoint = world.endpoint_at(id)?;
        let space = world.namespace_at(endpoint.namespace)?;
        istio?.ambient.find(space.name, endpoint.label(GATEWAY)?)
    };
    let (Some(sender), Some(receiver)) = (member(from), member(to)) else {
        return vec![Wire::Plain];
    };
    if protocol != Protocol::Tcp {
        return vec![Wire::Plain];
    }
    if port == HBONE && receiver.enforces(port) {
        return vec![Wire::Perhaps];
    }
    match (sender.place, receiver.place) {
        (_, Place::Ambient) if !receiver.enforces(port) => vec![Wire::Plain],
        (Place::Ambient, Place::Ambient) => vec![Wire::Tunnel],
        (Place::Gateway, Place::Ambient) if waypoint(from).is_some() => vec![Wire::Perhaps],
        (Place::Sidecar | Place::Gateway, Place::Ambient) | (Place::Ambient, Place::Sidecar) => {
            vec![Wire::Plain, Wire::Perhaps]
        }
        _ => vec![Wire::Plain],
    }
}
