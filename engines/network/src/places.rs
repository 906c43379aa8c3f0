//! Who can be at an end of a connection, numbered: endpoints first, then nodes, an ingress
//! controller that the input does not hold, and the regions of addresses beyond.

use crate::reach::{Bits, Block, Cidr, PodRanges, Ports, Protocol, Regions};
use crate::world::{EndpointId, World};
use core::net::IpAddr;
use seawall_model::Str;
use std::collections::HashMap;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// Pods of the picture.
    Endpoint(EndpointId),
    /// A node: its own processes, the kubelet, whoever broke out of a pod there.
    Node,
    /// An ingress controller or gateway that something in the picture relies on and whose pods
    /// are not in it.
    Controller,
    /// All public addresses.
    Internet,
    /// A part of the addresses beyond the cluster that policies treat alike.
    Region(RegionId),
}

/// Place of a region in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionId(pub u32);

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    endpoints: usize,
    pub(crate) regions: Regions,
    pub(crate) pods: PodRanges,
    /// Endpoints in their node's network, and the nodes themselves.
    pub(crate) hosts: Bits,
    /// The internet's regions.
    pub(crate) internet: Bits,
    /// Places where nobody is: regions that others cover, the stand-in for a controller that
    /// nothing relies on.
    pub(crate) nowhere: Bits,
    /// Names of ports by endpoint.
    names: Vec<HashMap<Str, Vec<(Protocol, u16)>>>,
}

impl Places {
    pub(crate) fn new(world: &World<'_>, blocks: Vec<Cidr>, pods: PodRanges) -> Self {
        let endpoints = world.endpoints.len();
        let regions = Regions::new(blocks);
        let mut places = Self {
            endpoints,
            pods,
            hosts: Bits::new(endpoints + 2 + regions.len()),
            internet: Bits::new(endpoints + 2 + regions.len()),
            nowhere: Bits::new(endpoints + 2 + regions.len()),
            names: Vec::with_capacity(endpoints),
            regions,
        };
        for (index, endpoint) in world.endpoints.iter().enumerate() {
            if endpoint.is_host_network() {
                places.hosts.insert(index);
            }
            places.names.push(endpoint.named_ports());
        }
        places.hosts.insert(places.node());
        if !crate::ways::relies_on_controller(world) {
            places.nowhere.insert(places.controller());
        }
        for region in 0..places.regions.len() {
            let place = places.first_region() + region;
            if places.regions.is_public(region) {
                places.internet.insert(place);
            }
            if !places.regions.is_real(region) {
                places.nowhere.insert(place);
            }
        }
        places
    }

    pub(crate) fn len(&self) -> usize {
        self.endpoints + 2 + self.regions.len()
    }

    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints
    }

    pub(crate) fn none(&self) -> Bits {
        Bits::new(self.len())
    }

    pub(crate) fn all(&self) -> Bits {
        Bits::full(self.len())
    }

    pub(crate) fn node(&self) -> usize {
        self.endpoints
    }

    pub(crate) fn controller(&self) -> usize {
        self.endpoints + 1
    }

    pub(crate) fn first_region(&self) -> usize {
        self.endpoints + 2
    }

    /// The places of a peer: the internet has many.
    pub(crate) fn of(&self, peer: Peer) -> Vec<usize> {
        match peer {
            Peer::Endpoint(id) => vec![id.0 as usize],
            Peer::Node => vec![self.node()],
            Peer::Controller => vec![self.controller()],
            Peer::Internet => self.internet.iter().collect(),
            Peer::Region(id) => vec![self.first_region() + id.0 as usize],
        }
    }

    /// The peer at a place.
    pub(crate) fn peer(&self, place: usize) -> Peer {
        let id = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        if place < self.endpoints {
            Peer::Endpoint(EndpointId(id(place)))
        } else if place == self.node() {
            Peer::Node
        } else if place == self.controller() {
            Peer::Controller
        } else {
            Peer::Region(RegionId(id(place - self.first_region())))
        }
    }

    /// The region that an address is in.
    pub(crate) fn outside(&self, address: IpAddr) -> Peer {
        let region = Cidr::single(address).and_then(|cidr| self.regions.holding(cidr));
        self.peer(self.first_region() + region.unwrap_or(0))
    }

    /// The ports that a name stands for at a place; none outside of pods.
    pub(crate) fn resolve(&self, place: usize, protocol: Option<Protocol>, name: &str) -> Ports {
        let known = self.names.get(place).and_then(|names| names.get(name));
        let meant = known.into_iter().flatten();
        let meant = meant.filter(|(p, _)| protocol.is_none_or(|wanted| *p == wanted));
        let ports: Vec<Ports> = meant.map(|(p, port)| Ports::one(*p, *port)).collect();
        Ports::union(&ports)
    }

    /// Who is in a block of addresses: for certain, and perhaps besides. Where pods and nodes
    /// have their addresses from is seldom in the input.
    pub(crate) fn in_block(&self, block: &Block) -> (Bits, Bits) {
        let (mut surely, mut perhaps) = (self.none(), self.none());
        self.regions.add(block, self.first_region(), &mut surely);
        let inside = if block.surely_holds(&self.pods) {
            Some(&mut surely)
        } else if block.may_hold(&self.pods) {
            Some(&mut perhaps)
        } else {
            None
        };
        if let Some(set) = inside {
            set.insert_range(0, self.first_region());
        }
        (surely, perhaps)
    }
}
