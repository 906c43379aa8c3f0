//! The meshes as layers behind the network policies: what they make of a connection.
//!
//! What a mesh enforces is enforced by the destination's proxy; what the source's proxy would
//! do is left aside by whoever owns the source. So a mesh that tunnels opens more than the
//! policies show, and one that accepts plaintext holds nobody who speaks it.

mod consul;
mod istio;
mod kuma;
mod linkerd;

pub(crate) use consul::ConsulLayer;
pub(crate) use istio::{IstioLayer, TUNNEL as HBONE};
pub(crate) use kuma::KumaLayer;
pub(crate) use linkerd::LinkerdLayer;

use crate::places::Peer;
use crate::reach::{Ports, Protocol};
use crate::request::{Condition, Possible};
use crate::world::{EndpointId, World};
use std::collections::BTreeMap;

/// Ports that meshes tunnel through: whoever gets there may be let on to others.
pub(crate) const TUNNELS: [u16; 2] = [HBONE, linkerd::TUNNEL];

/// The identities that endpoints prove, numbered: sources with one number are the same to a
/// mesh.
#[derive(Debug)]
struct Identities<T>(Vec<(Option<T>, usize)>);

impl<T: Ord + Clone> Identities<T> {
    fn new(world: &World<'_>, of: impl Fn(EndpointId) -> Option<T>) -> Self {
        let mut numbers: BTreeMap<T, usize> = BTreeMap::new();
        let all = world.endpoint_ids().map(|(id, _)| {
            let identity = of(id);
            let next = numbers.len() + 1;
            let number = identity
                .clone()
                .map_or(0, |one| *numbers.entry(one).or_insert(next));
            (identity, number)
        });
        Self(all.collect())
    }
}

impl<T> Identities<T> {
    /// What a peer proves, if it does.
    fn of(&self, peer: Peer) -> Option<&T> {
        match peer {
            Peer::Endpoint(id) => self.0.get(id.0 as usize)?.0.as_ref(),
            _ => None,
        }
    }

    /// The number of it; 0 is nobody's.
    fn number(&self, peer: Peer) -> usize {
        match peer {
            Peer::Endpoint(id) => self.0.get(id.0 as usize).map_or(0, |(_, number)| *number),
            _ => 0,
        }
    }
}

/// A condition without what says nothing: its parts may together leave nothing out.
pub(crate) fn settled(condition: Condition) -> Condition {
    if condition.possible() == Possible::No {
        Condition::Never
    } else if condition.clone().negated().possible() == Possible::No {
        Condition::Always
    } else {
        condition
    }
}

/// The ports of an endpoint that a mesh may tell apart: those that its policies name, and those
/// that the pods declare.
fn apart(world: &World<'_>, id: EndpointId, named: impl IntoIterator<Item = u16>) -> Vec<u16> {
    let mut apart: Vec<u16> = named.into_iter().collect();
    if let Some(endpoint) = world.endpoint_at(id) {
        let declared = endpoint.declared_ports().into_iter();
        let tcp = declared.filter(|(protocol, _)| *protocol == Protocol::Tcp);
        apart.extend(tcp.map(|(_, port)| port));
    }
    apart.sort_unstable();
    apart.dedup();
    apart
}

/// Ranges of TCP ports as a set.
fn within(ranges: &[(u16, u16)]) -> Ports {
    let ranges = ranges.iter().filter(|(from, to)| from <= to);
    let each: Vec<Ports> = ranges
        .map(|(from, to)| Ports::range(Protocol::Tcp, *from, *to))
        .collect();
    Ports::union(&each)
}
