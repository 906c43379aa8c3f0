//! What a compromised peer reaches, hop by hop.

use crate::layer::Call;
use crate::network::Network;
use crate::places::Peer;
use crate::reach::Ports;
use crate::rows::Reach;
use crate::why::{Reason, Verdict};
use crate::world::EndpointId;

/// An endpoint that is reached, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// What is reached.
    pub to: EndpointId,
    /// How many steps that takes; the first ones take one.
    pub hops: u32,
    /// From where the last step is made.
    pub from: Peer,
    /// Whether the last step works on the node of the source only: from there nothing stops it.
    pub is_own_node: bool,
    /// What passes on the last step, of the ports that the endpoint may listen on.
    pub reach: Reach,
}

impl Network<'_, '_> {
    /// What a compromised peer reaches, nearest first: every endpoint that it reaches is taken
    /// as compromised next. From the internet the first hop is a way in. Ports that an endpoint
    /// declares count; of one that declares none every port does.
    pub fn blast(&self, from: Peer) -> Vec<Hop> {
        let mut walk = Walk {
            network: self,
            listening: self
                .world
                .endpoints
                .iter()
                .map(crate::Endpoint::listening)
                .collect(),
            seen: vec![false; self.places.endpoints()],
            hops: Vec::new(),
        };
        let mut level = vec![from];
        match from {
            Peer::Endpoint(id) => walk.see(id),
            Peer::Internet => {
                walk.ways_in();
                level = walk.hops.iter().map(|hop| Peer::Endpoint(hop.to)).collect();
            }
            _ => {}
        }
        let mut steps = walk.hops.first().map_or(0, |hop| hop.hops);
        while !level.is_empty() {
            steps += 1;
            // What a node reaches by being the node tells least: others first.
            level.sort_by_key(|peer| self.places.hosts.has(self.place(*peer)));
            let known = walk.hops.len();
            for source in level {
                walk.step(source, steps);
            }
            let new = walk.hops.iter().skip(known);
            level = new.map(|hop| Peer::Endpoint(hop.to)).collect();
        }
        walk.hops
    }
}

/// What was reached so far.
struct Walk<'n, 's> {
    network: &'n Network<'n, 's>,
    listening: Vec<Ports>,
    seen: Vec<bool>,
    hops: Vec<Hop>,
}

impl Walk<'_, '_> {
    fn see(&mut self, id: EndpointId) {
        if let Some(mark) = self.seen.get_mut(id.0 as usize) {
            *mark = true;
        }
    }

    fn step(&mut self, source: Peer, steps: u32) {
        for (index, ports) in self.listening.iter().enumerate() {
            let Some(seen) = self.seen.get_mut(index).filter(|seen| !**seen) else {
                continue;
            };
            let to = EndpointId(u32::try_from(index).unwrap_or(u32::MAX));
            let open = self.network.reach(source, Peer::Endpoint(to));
            let reach = Reach {
                all: open.all.and(ports),
                some: open.some.and(ports),
            };
            if reach.is_empty() {
                continue;
            }
            *seen = true;
            self.hops.push(Hop {
                to,
                hops: steps,
                from: source,
                is_own_node: self.is_own_node(source, to, &reach),
                reach,
            });
        }
    }

    /// Whether nothing but being on one node lets a source reach an endpoint.
    fn is_own_node(&self, source: Peer, to: EndpointId, reach: &Reach) -> bool {
        let any = reach.any();
        let Some((protocol, port, _)) = any.ranges().next() else {
            return false;
        };
        let why = self
            .network
            .why(&Call::new(source, Peer::Endpoint(to), protocol, port));
        why.steps.iter().any(|step| step.reason == Reason::OwnNode)
    }

    /// The first hops from the internet.
    fn ways_in(&mut self) {
        let open = self.network.exposure().iter().filter(|way| way.is_open());
        for way in open {
            let port = Ports::one(way.protocol, way.port);
            let reach = match way.verdict {
                Verdict::Open => Reach {
                    all: port,
                    some: Ports::none(),
                },
                _ => Reach {
                    all: Ports::none(),
                    some: port,
                },
            };
            if let Some(hop) = self.hops.iter_mut().find(|hop| hop.to == way.endpoint) {
                hop.reach = hop.reach.or(&reach);
                continue;
            }
            self.see(way.endpoint);
            self.hops.push(Hop {
                to: way.endpoint,
                hops: 1,
                from: Peer::Internet,
                is_own_node: false,
                reach,
            });
        }
    }
}
