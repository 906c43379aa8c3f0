//! The answers: who reaches whom, on which ports.

use crate::layer::{Layer, Model};
use crate::meshes::{ConsulLayer, IstioLayer, KumaLayer, LinkerdLayer};
use crate::places::{Peer, Places};
use crate::policy::{self, Direction, Drafts, Policy};
use crate::reach::{Bits, Cidr, PodRanges, Protocol};
use crate::rows::{Reach, Row, Rows};
use crate::selection::Selection;
use crate::ways::Exposure;
use crate::world::{EndpointId, World};
use crate::{Config, linkerd, ways};
use core::net::IpAddr;
use rayon::prelude::*;
use seawall_model::Gap;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// A cluster's network as its policies make it.
#[derive(Debug)]
pub struct Network<'w, 's> {
    pub(crate) world: &'w World<'s>,
    pub(crate) places: Places,
    pub(crate) policies: Vec<Policy<'s>>,
    pub(crate) ingress: Rows,
    pub(crate) egress: Rows,
    pub(crate) layers: Vec<Box<dyn Layer<'s> + 'w>>,
    pub(crate) exposure: OnceLock<Vec<Exposure<'s>>>,
    gaps: Vec<Gap>,
}

impl<'w, 's> Network<'w, 's> {
    /// Reads all policies of a world and computes what they let pass.
    pub fn new(world: &'w World<'s>, config: &Config) -> Self {
        let drafts = Drafts::read(world);
        let mut blocks = drafts.blocks();
        blocks.extend(ways::blocks(world));
        blocks.extend(linkerd::blocks(world));
        let pods = PodRanges::new(pod_ranges(world, config));
        let places = Places::new(world, blocks, pods);
        let policies = policy::compile(drafts.policies, &Selection::new(world, &places));
        let (ingress, egress) = rayon::join(
            || Rows::new(Direction::Ingress, &policies, &places),
            || Rows::new(Direction::Egress, &policies, &places),
        );
        let mut network = Self {
            world,
            places,
            policies,
            ingress,
            egress,
            layers: Vec::new(),
            exposure: OnceLock::new(),
            gaps: drafts.gaps,
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
        &self.gaps
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
    pub(crate) fn any_below_layers(&self, from: Peer, to: Peer) -> Reach {
        let mut sum = Reach::default();
        for source in self.places.of(from) {
            for target in self.places.of(to) {
                sum = sum.or(&self.policies_pass(source, target));
            }
        }
        sum
    }

    /// What the layers behind the policies leave of what these let pass.
    fn through_layers(&self, from: Peer, to: Peer, open: Reach, model: Model<'_>) -> Reach {
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

    /// The row of a place that policies can hold.
    pub(crate) fn row_of<'r>(&self, rows: &'r Rows, place: usize) -> Option<&'r Row> {
        let can = place < self.places.endpoints() && !self.places.hosts.has(place);
        can.then(|| rows.row(place)).flatten()
    }

    /// Who reaches every endpoint, with sources that reach it alike together.
    pub fn matrix(&self) -> Matrix {
        let parts = |rows: &Rows| -> Vec<Parts> {
            let rows = rows.all.par_iter();
            rows.map(|row| row.parts(&self.places)).collect()
        };
        let (ingress, egress) = rayon::join(|| parts(&self.ingress), || parts(&self.egress));
        let outward = Outward::new(egress, self.senders());
        let open = vec![(Reach::everything(), self.places.all())];
        let columns = (0..self.places.endpoints())
            .into_par_iter()
            .map(|target| {
                let row = self
                    .row_of(&self.ingress, target)
                    .and(self.ingress.of.get(target));
                let inward = row.and_then(|row| ingress.get(*row)).unwrap_or(&open);
                self.column(target, inward, &outward)
            })
            .collect();
        Matrix { columns }
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
    fn senders(&self) -> Vec<Senders> {
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

    fn column(&self, target: usize, inward: &Parts, outward: &Outward) -> Column {
        let mut cells: Vec<(Reach, Bits)> = Vec::new();
        let mut known: HashMap<Reach, usize> = HashMap::new();
        for (sent, from) in outward.to(target, &self.places) {
            for (let_in, whom) in inward {
                if !from.meets(whom) {
                    continue;
                }
                let reach = sent.and(let_in);
                if reach.is_empty() {
                    continue;
                }
                let both = from.and(whom);
                if let Some((_, set)) = known.get(&reach).and_then(|i| cells.get_mut(*i)) {
                    set.add(&both);
                } else {
                    known.insert(reach.clone(), cells.len());
                    cells.push((reach, both));
                }
            }
        }
        Column { cells }
    }
}

/// Places with what passes, alike ones together.
type Parts = Vec<(Reach, Bits)>;

/// Egress by row: what passes to whom, and whose row it is.
struct Outward {
    /// What passes; rows say much the same, so that it has a number.
    reaches: Vec<Reach>,
    rows: Vec<(Vec<(usize, Bits)>, Senders)>,
}

impl Outward {
    fn new(parts: Vec<Parts>, senders: Vec<Senders>) -> Self {
        let mut reaches: Vec<Reach> = Vec::new();
        let mut numbers: HashMap<Reach, usize> = HashMap::new();
        let numbered = parts.into_iter().map(|parts| {
            let parts = parts.into_iter().map(|(reach, set)| {
                let number = *numbers.entry(reach).or_insert_with_key(|reach| {
                    reaches.push(reach.clone());
                    reaches.len() - 1
                });
                (number, set)
            });
            parts.collect()
        });
        let rows = numbered.zip(senders).collect();
        Self { reaches, rows }
    }

    /// Who may send to a place, alike ones together.
    fn to(&self, target: usize, places: &Places) -> Vec<(&Reach, Bits)> {
        let mut by_number: Vec<Option<usize>> = vec![None; self.reaches.len()];
        let mut found: Vec<(&Reach, Bits)> = Vec::new();
        for (parts, senders) in &self.rows {
            let Some((number, _)) = parts.iter().find(|(_, set)| set.has(target)) else {
                continue;
            };
            let (Some(slot), Some(reach)) = (by_number.get_mut(*number), self.reaches.get(*number))
            else {
                continue;
            };
            let index = *slot.get_or_insert_with(|| {
                found.push((reach, places.none()));
                found.len() - 1
            });
            if let Some((_, set)) = found.get_mut(index) {
                senders.add_to(set);
            }
        }
        found
    }
}

/// Places with one egress row.
#[derive(Debug, Clone)]
enum Senders {
    Few(Vec<usize>),
    Many(Bits),
}

impl Senders {
    fn add_to(&self, set: &mut Bits) {
        match self {
            Senders::Few(places) => places.iter().for_each(|place| set.insert(*place)),
            Senders::Many(places) => set.add(places),
        }
    }
}

/// Who reaches what, as the policies decide; layers behind them are asked pair by pair
/// ([`Network::reach`]).
#[derive(Debug)]
pub struct Matrix {
    columns: Vec<Column>,
}

/// Who reaches one endpoint.
#[derive(Debug)]
struct Column {
    cells: Vec<(Reach, Bits)>,
}

impl Matrix {
    /// What passes to an endpoint, with all who send it.
    pub fn to(&self, endpoint: EndpointId) -> impl Iterator<Item = &(Reach, Bits)> {
        let column = self.columns.get(endpoint.0 as usize);
        column.into_iter().flat_map(|column| &column.cells)
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many pairs of a source and an endpoint have a port between them.
    pub fn pairs(&self) -> usize {
        let cells = self.columns.iter().flat_map(|column| &column.cells);
        cells.map(|(_, sources)| sources.count()).sum()
    }
}

/// Where pods have their addresses from: as the caller says, or as the picture does.
fn pod_ranges(world: &World<'_>, config: &Config) -> Vec<Cidr> {
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
