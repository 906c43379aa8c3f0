//! The answers: who reaches whom, on which ports.

use crate::layer::{Call, Layer, Model, Tunnel};
use crate::matrix::{Matrix, Senders};
use crate::meshes::{ConsulLayer, IstioLayer, KumaLayer, LinkerdLayer};
use crate::places::{Peer, Places};
use crate::policy::{self, Direction, Drafts, Policies};
use crate::reach::{Bits, Cidr, PodRanges, Ports, Protocol};
use crate::rows::{Before, Reach, Row, Rows};
use crate::selection::Selection;
use crate::ways::Exposure;
use crate::why::Verdict;
use crate::world::{EndpointId, World};
use crate::{Config, linkerd, ways};
use core::net::IpAddr;
use seawall_model::Gap;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// A cluster's network as its policies make it.
#[derive(Debug)]
pub struct Network<'w, 's> {
    pub(crate) world: &'w World<'s>,
    pub(crate) places: Arc<Places>,
    pub(crate) policies: Policies<'s>,
    pub(crate) ingress: Rows,
    pub(crate) egress: Rows,
    pub(crate) layers: Vec<Box<dyn Layer<'s> + 'w>>,
    pub(crate) exposure: OnceLock<Vec<Exposure<'s>>>,
}

impl<'w, 's> Network<'w, 's> {
    /// Reads all policies of a world and computes what they let pass.
    pub fn new(world: &'w World<'s>, config: &Config) -> Self {
        let drafts = Drafts::read(world, &policy::objects(world));
        let mut blocks = drafts.blocks();
        blocks.extend(named_elsewhere(world));
        let pods = PodRanges::new(pod_ranges(world, config));
        let places = Arc::new(Places::new(world, blocks, pods));
        let policies = drafts.compile(&Selection::new(world, &places));
        Self::of(world, places, policies, None)
    }

    /// The network that policies make. What is `before` it, of the same places, is shared where
    /// it is the same.
    pub(crate) fn of(
        world: &'w World<'s>,
        places: Arc<Places>,
        mut policies: Policies<'s>,
        before: Option<&Network<'_, '_>>,
    ) -> Self {
        let rows = |direction| {
            let before = before.map(|before| Before {
                rows: before.rows(direction),
                policies: &before.policies.all,
            });
            Rows::new(direction, &policies.all, &places, before)
        };
        let (ingress, egress) =
            rayon::join(|| rows(Direction::Ingress), || rows(Direction::Egress));
        policies.gaps.extend(policy::foreign_gaps(world));
        let mut network = Self {
            world,
            places,
            policies,
            ingress,
            egress,
            layers: Vec::new(),
            exposure: OnceLock::new(),
        };
        if let Some(istio) = IstioLayer::new(world) {
            network.join(istio);
        }
        if let Some(linkerd) = LinkerdLayer::new(world, &network.places) {
            network.join(linkerd);
        }
        if let Some(consul) = ConsulLayer::new(world) {
            network.join(consul);
        }
        if let Some(kuma) = KumaLayer::new(world) {
            network.join(kuma);
        }
        network
    }

    /// Joins a layer that decides behind the network policies: a mesh.
    fn join(&mut self, layer: impl Layer<'s> + 'w) {
        self.layers.push(Box::new(layer));
    }

    /// The world that this is the network of.
    pub fn world(&self) -> &'w World<'s> {
        self.world
    }

    /// What could not be applied.
    pub fn gaps(&self) -> &[Gap] {
        &self.policies.gaps
    }

    /// The peer that an address beyond the cluster belongs to.
    pub fn outside(&self, address: IpAddr) -> Peer {
        self.places.outside(address)
    }

    /// The number of a peer in sets of this network; of several places the first.
    pub fn place(&self, peer: Peer) -> usize {
        self.places.of(peer).first().copied().unwrap_or(usize::MAX)
    }

    /// The peer of a number in sets of this network.
    pub fn peer(&self, place: usize) -> Peer {
        self.places.peer(place)
    }

    /// The endpoints behind the Services, by namespace and name, that a test holds for.
    pub(crate) fn behind(&self, test: impl Fn(&str, &str) -> bool) -> HashSet<usize> {
        ways::behind(self.world, test)
    }

    /// From where something passes to a port of an endpoint, as the policies decide: a set of
    /// numbers that [`peer`](Self::peer) knows. Who is beyond the cluster also needs a way in
    /// ([`exposure`](Self::exposure)).
    pub fn sources(&self, to: EndpointId, protocol: Protocol, port: u16) -> Bits {
        let target = to.0 as usize;
        let mut sources = self.places.all();
        sources.subtract(&self.places.nowhere);
        if let Some(row) = self.row_of(&self.ingress, target) {
            sources.keep(&row.at_port(protocol, port, &self.places));
        }
        let senders = self.egress.all.iter().zip(self.senders());
        let mut sending = self.places.none();
        for (row, senders) in senders {
            if row.at(target).any().has(protocol, port) {
                senders.add_to(&mut sending);
            }
        }
        sources.keep(&sending);
        sources
    }

    /// What passes from one peer to another, whatever the source does: everything that
    /// enforces counts, what the source may leave aside does not.
    pub fn reach(&self, from: Peer, to: Peer) -> Reach {
        self.reach_as(from, to, Model::Adversarial)
    }

    /// What passes from one peer to another. Of several places (the internet) what passes from
    /// or to one of them counts.
    pub fn reach_as(&self, from: Peer, to: Peer, model: Model<'_>) -> Reach {
        if from == Peer::Internet && to != Peer::Internet {
            return self.reach_among(&self.places.internet, to, model);
        }
        let mut sum = Reach::default();
        for source in self.places.of(from) {
            for target in self.places.of(to) {
                sum = sum.or(&self.between(source, target, model));
            }
        }
        sum
    }

    /// What passes on one port: less work than all of [`reach_as`](Self::reach_as), since a mesh
    /// is asked about that port alone.
    pub fn verdict(&self, call: &Call<'_>) -> Verdict {
        let mut wanted = Ports::one(call.protocol, call.port);
        for layer in &self.layers {
            wanted = match layer.tunnel() {
                Tunnel::None => wanted,
                Tunnel::At(port) => wanted.or(&Ports::one(Protocol::Tcp, port)),
                Tunnel::Anywhere => Ports::all(),
            };
        }
        let asked = Reach {
            all: wanted,
            some: Ports::none(),
        };
        let mut best = Verdict::Closed;
        for source in self.places.of(call.from) {
            for target in self.places.of(call.to) {
                let open = self.policies_pass(source, target).and(&asked);
                let (from, to) = (self.places.peer(source), self.places.peer(target));
                let reach = self.through_layers(from, to, open, call.model);
                best = best.max(reach.verdict(call.protocol, call.port));
            }
        }
        best
    }

    /// What passes from one of several places beyond the cluster.
    pub(crate) fn reach_among(&self, sources: &Bits, to: Peer, model: Model<'_>) -> Reach {
        let places = self.places.of(to);
        let target = places.first().copied().unwrap_or(usize::MAX);
        match self.row_of(&self.ingress, target) {
            // Without layers no place has to be asked by itself.
            Some(row) if self.layers.is_empty() => row.among(sources),
            _ => {
                let each = sources
                    .iter()
                    .map(|source| self.between(source, target, model));
                each.fold(Reach::default(), |sum, reach| sum.or(&reach))
            }
        }
    }

    fn between(&self, source: usize, target: usize, model: Model<'_>) -> Reach {
        let open = self.policies_pass(source, target);
        let (source, target) = (self.places.peer(source), self.places.peer(target));
        self.through_layers(source, target, open, model)
    }

    /// What the policies alone let pass between two peers that are one place each.
    pub(crate) fn below_layers(&self, from: Peer, to: Peer) -> Reach {
        match (&*self.places.of(from), &*self.places.of(to)) {
            ([source], [target]) => self.policies_pass(*source, *target),
            _ => Reach::everything(),
        }
    }

    /// The same; of several places (the internet) what passes from or to one of them.
    pub fn any_below_layers(&self, from: Peer, to: Peer) -> Reach {
        let mut sum = Reach::default();
        for source in self.places.of(from) {
            for target in self.places.of(to) {
                sum = sum.or(&self.policies_pass(source, target));
            }
        }
        sum
    }

    /// What the layers behind the policies leave of what these let pass.
    pub(crate) fn through_layers(
        &self,
        from: Peer,
        to: Peer,
        open: Reach,
        model: Model<'_>,
    ) -> Reach {
        let layers = self.layers.iter();
        layers.fold(open, |open, layer| layer.passes(from, to, &open, model))
    }

    /// What policies let pass between two places.
    pub(crate) fn policies_pass(&self, from: usize, to: usize) -> Reach {
        let end = |rows: &Rows, subject: usize, other: usize| {
            let row = self.row_of(rows, subject);
            row.map_or_else(Reach::everything, |row| row.at(other))
        };
        let out = end(&self.egress, from, to);
        if out.is_empty() {
            return out;
        }
        out.and(&end(&self.ingress, to, from))
    }

    /// The rows of a direction.
    pub(crate) fn rows(&self, direction: Direction) -> &Rows {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// The row of a place that policies can hold.
    pub(crate) fn row_of<'r>(&self, rows: &'r Rows, place: usize) -> Option<&'r Arc<Row>> {
        let can = place < self.places.endpoints() && !self.places.hosts.has(place);
        can.then(|| rows.row(place)).flatten()
    }

    /// Whether a mesh may stop something that goes to an endpoint.
    pub fn is_in_mesh(&self, endpoint: EndpointId) -> bool {
        let to = Peer::Endpoint(endpoint);
        self.layers.iter().any(|layer| layer.holds(to))
    }

    /// Who reaches an endpoint through all layers, with sources that reach it alike together.
    pub fn arrives(
        &self,
        matrix: &Matrix,
        endpoint: EndpointId,
        model: Model<'_>,
    ) -> Vec<(Reach, Bits)> {
        let to = Peer::Endpoint(endpoint);
        if !self.is_in_mesh(endpoint) {
            return matrix.to(endpoint).cloned().collect();
        }
        let mut found: HashMap<Reach, Bits> = HashMap::new();
        for (open, sources) in matrix.to(endpoint) {
            let mut alike: HashMap<Vec<usize>, Bits> = HashMap::new();
            for source in sources.iter() {
                let peer = self.places.peer(source);
                let layers = self.layers.iter();
                let class = layers.flat_map(|layer| layer.class(peer, to)).collect();
                let set = alike.entry(class).or_insert_with(|| self.places.none());
                set.insert(source);
            }
            for set in alike.into_values() {
                let Some(first) = set.iter().next() else {
                    continue;
                };
                let from = self.places.peer(first);
                let reach = self.through_layers(from, to, open.clone(), model);
                if !reach.is_empty() {
                    let known = found.entry(reach).or_insert_with(|| self.places.none());
                    known.add(&set);
                }
            }
        }
        let mut found: Vec<(Reach, Bits)> = found.into_iter().collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// Places by their egress row; what no policy holds is in the first, open one.
    pub(crate) fn senders(&self) -> Vec<Senders> {
        let mut senders = vec![Senders::Few(Vec::new()); self.egress.all.len()];
        let mut free = self.places.all();
        for place in 0..self.places.endpoints() {
            let row = self
                .row_of(&self.egress, place)
                .and(self.egress.of.get(place));
            if let Some(row) = row.filter(|row| **row > 0) {
                free.remove(place);
                if let Some(Senders::Few(places)) = senders.get_mut(*row) {
                    places.push(place);
                }
            }
        }
        free.subtract(&self.places.nowhere);
        if let Some(first) = senders.first_mut() {
            *first = Senders::Many(free);
        }
        senders
    }
}

/// The blocks of addresses that are named by what is no policy.
pub(crate) fn named_elsewhere(world: &World<'_>) -> Vec<Cidr> {
    let mut blocks = ways::blocks(world);
    blocks.extend(linkerd::blocks(world));
    blocks
}

/// Where pods have their addresses from: as the caller says, or as the picture does.
pub(crate) fn pod_ranges(world: &World<'_>, config: &Config) -> Vec<Cidr> {
    if !config.pod_ranges.is_empty() {
        return config.pod_ranges.clone();
    }
    let texts = |group: &str, kind: &str, paths: &[&[&str]]| -> Vec<String> {
        let bodies = world
            .of_kind(group, kind)
            .iter()
            .filter_map(|object| object.body());
        let nodes = bodies.flat_map(|body| paths.iter().filter_map(|path| body.at(path)));
        nodes
            .flat_map(|node| match node.as_seq() {
                Some(items) => items.iter().filter_map(|item| item.as_str()).collect(),
                None => node.as_str().into_iter().collect::<Vec<_>>(),
            })
            .flat_map(|text| text.split(','))
            .map(|text| text.trim().to_owned())
            .collect()
    };
    let mut found = texts("", "Node", &[&["spec", "podCIDR"], &["spec", "podCIDRs"]]);
    let kubeadm: &[&[&str]] = &[&["networking", "podSubnet"]];
    found.extend(texts("kubeadm.k8s.io", "ClusterConfiguration", kubeadm));
    for group in ["crd.projectcalico.org", "projectcalico.org"] {
        found.extend(texts(group, "IPPool", &[&["spec", "cidr"]]));
    }
    let mut ranges: Vec<Cidr> = found.iter().filter_map(|text| Cidr::read(text)).collect();
    ranges.sort_unstable();
    ranges.dedup();
    ranges
}
