//! Many at once: who reaches every workload, and the ways in.

use super::select;
use super::{Question, Unknown};
use seawall_model::{Gap, Span, Str};
use seawall_network::{
    Bits, Condition, Config, Endpoint, EndpointId, Entry, Exposure, Matrix, Model, Network, Peer,
    Ports, Reach, Verdict, World,
};
use seawall_snapshot::Snapshot;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Somebody who sends or is sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `Deployment shop/web`, `internet`, `10.0.0.0/8`.
    pub name: String,
    /// The namespace of a workload; `None` for who is no workload.
    pub namespace: Option<Str>,
    /// Whether its pods are in the network of their node: they come from the node's address.
    pub is_on_host: bool,
}

/// What passes to one workload from some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// To whom, as a place of [`Flows`].
    pub to: usize,
    /// From whom, as places, in order.
    pub from: Vec<usize>,
    /// Ports that are open.
    pub ports: String,
    /// Ports where only some requests pass.
    pub conditional: String,
    /// Whether it passes under an identity that a mesh proves and not without.
    pub is_proven: bool,
}

/// A way in from the internet.
#[derive(Debug, Clone)]
pub struct Way {
    /// To whom, as a place of [`Flows`].
    pub to: usize,
    /// The workload's port: `TCP 8080`.
    pub port: String,
    /// What meets the outside, in words.
    pub entry: &'static str,
    /// Whether what meets the outside is not in the input.
    pub is_unseen: bool,
    /// The proxy that it goes through.
    pub through: Option<String>,
    /// Hosts that it answers for; empty is all.
    pub hosts: Vec<Str>,
    /// What requests have to be like, one of these; empty is any.
    pub requests: Vec<String>,
    /// Whether the door speaks TLS.
    pub is_encrypted: bool,
    /// What passes.
    pub verdict: Verdict,
    /// The objects that make it, from the outside in.
    pub links: Vec<WayLink>,
}

/// An object on a way in.
#[derive(Debug, Clone)]
pub struct WayLink {
    /// `Service shop/web`.
    pub object: String,
    /// Where it leads on.
    pub span: Span,
}

/// Who reaches whom.
#[derive(Debug, Clone, Default)]
pub struct Flows {
    /// Everybody; workloads first.
    pub places: Vec<Place>,
    /// How many of the places are workloads.
    pub workloads: usize,
    /// What passes, by whom it goes to.
    pub flows: Vec<Flow>,
    /// The ways in that are asked for.
    pub ways: Vec<Way>,
    /// What could not be applied.
    pub gaps: Vec<Gap>,
    /// How many objects were left aside because another one has their name.
    pub variants: usize,
}

/// Answers about as many as the question means.
pub fn flows(snapshot: &Snapshot, question: &Question) -> Result<Flows, Unknown> {
    let world = World::new(snapshot);
    flows_in(&Network::new(&world, &Config::default()), question)
}

/// The same in a network that is known.
pub(crate) fn flows_in(network: &Network<'_, '_>, question: &Question) -> Result<Flows, Unknown> {
    let chosen = |word: &Option<String>| {
        let peers = word.as_deref().map(|word| select::peers(network, word));
        peers.transpose()
    };
    let (from, to) = (chosen(&question.from)?, chosen(&question.to)?);
    let mut maker = Maker::new(network, question);
    match &from {
        Some(from) => maker.sent_by(from, to.as_deref()),
        None => maker.received(to.as_deref()),
    }
    let is_outside = |peers: &Vec<Peer>| peers.contains(&Peer::Internet);
    if from.as_ref().is_none_or(is_outside) {
        maker.ways(to.as_deref());
    }
    let mut flows = maker.flows;
    flows.gaps = network.gaps().to_vec();
    flows.variants = network.world().variants;
    Ok(flows)
}

struct Maker<'n, 'w, 's> {
    network: &'n Network<'w, 's>,
    question: &'n Question,
    flows: Flows,
    by_name: HashMap<String, usize>,
}

impl<'n, 'w, 's> Maker<'n, 'w, 's> {
    fn new(network: &'n Network<'w, 's>, question: &'n Question) -> Self {
        let mut maker = Self {
            network,
            question,
            flows: Flows::default(),
            by_name: HashMap::new(),
        };
        for id in maker.ids() {
            let peer = Peer::Endpoint(id);
            let endpoint = network.world().endpoint_at(id);
            let space = endpoint.and_then(|e| network.world().namespace_at(e.namespace));
            let place = maker.place(&network.name(peer));
            if let Some(place) = maker.flows.places.get_mut(place) {
                place.namespace = space.map(|space| space.name.into());
                place.is_on_host = endpoint.is_some_and(Endpoint::is_host_network);
            }
        }
        maker.flows.workloads = maker.flows.places.len();
        maker
    }

    fn ids(&self) -> impl Iterator<Item = EndpointId> + use<> {
        let count = u32::try_from(self.network.world().endpoints.len()).unwrap_or(u32::MAX);
        (0..count).map(EndpointId)
    }

    /// The place of a name.
    fn place(&mut self, name: &str) -> usize {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let place = self.flows.places.len();
        self.by_name.insert(name.to_owned(), place);
        self.flows.places.push(Place {
            name: name.to_owned(),
            namespace: None,
            is_on_host: false,
        });
        place
    }

    /// What is asked about: of a workload the ports that it may listen on.
    fn wanted(&self, endpoint: &Endpoint<'_>) -> Ports {
        let ports = endpoint.listening();
        match self.question.port {
            Some((protocol, port)) => Ports::one(protocol, port),
            None => ports,
        }
    }

    fn received(&mut self, to: Option<&[Peer]>) {
        let matrix = self.network.matrix();
        for id in self.ids() {
            if to.is_some_and(|to| !to.contains(&Peer::Endpoint(id))) {
                continue;
            }
            let Some(endpoint) = self.network.world().endpoint_at(id) else {
                continue;
            };
            let wanted = self.wanted(endpoint);
            let own = self.network.name(Peer::Endpoint(id));
            let arriving = self.network.arrives(&matrix, id, self.question.model());
            let plain = self.in_plaintext(&matrix, id, &wanted);
            let mut by_ports: BTreeMap<(Reach, bool), HashSet<String>> = BTreeMap::new();
            for (reach, set) in &arriving {
                let reach = within(reach, &wanted);
                if reach.is_empty() {
                    continue;
                }
                let parts = match &plain {
                    Some(plain) => {
                        let proven = set.without(plain);
                        vec![(set.without(&proven), false), (proven, true)]
                    }
                    None => vec![(set.clone(), false)],
                };
                for (set, is_proven) in parts {
                    let names = self.network.names(&set).into_iter();
                    // Whether the internet has a way in is said by the ways.
                    let mut names = names
                        .filter(|name| *name != own && name != "internet")
                        .peekable();
                    if names.peek().is_some() {
                        let group = by_ports.entry((reach.clone(), is_proven)).or_default();
                        group.extend(names);
                    }
                }
            }
            for ((reach, is_proven), names) in by_ports {
                self.flow(&own, &reach, is_proven, &Vec::from_iter(names));
            }
        }
    }

    /// Who gets something through to an endpoint of a mesh without an identity; `None` outside
    /// of meshes.
    fn in_plaintext(&self, matrix: &Matrix, id: EndpointId, wanted: &Ports) -> Option<Bits> {
        if !self.network.is_in_mesh(id) {
            return None;
        }
        let arriving = self.network.arrives(matrix, id, Model::Nobody).into_iter();
        let open = arriving.filter(|(reach, _)| !within(reach, wanted).is_empty());
        let all = open.map(|(_, set)| set).reduce(|mut sum, set| {
            sum.add(&set);
            sum
        });
        Some(all.unwrap_or_else(|| Bits::new(0)))
    }

    fn sent_by(&mut self, from: &[Peer], to: Option<&[Peer]>) {
        let model = self.question.model();
        let everybody: Vec<Peer> = self.ids().map(Peer::Endpoint).collect();
        let outside = [Peer::Internet, Peer::Node];
        let to: Vec<Peer> = match to {
            Some(to) => to.to_vec(),
            None => everybody.into_iter().chain(outside).collect(),
        };
        for target in to {
            let name = self.network.name(target);
            let wanted = match target {
                Peer::Endpoint(id) => {
                    let endpoint = self.network.world().endpoint_at(id);
                    endpoint.map_or_else(Ports::all, |endpoint| self.wanted(endpoint))
                }
                _ => match self.question.port {
                    Some((protocol, port)) => Ports::one(protocol, port),
                    None => Ports::all(),
                },
            };
            let mut by_ports: BTreeMap<(Reach, bool), Vec<String>> = BTreeMap::new();
            for source in from.iter().filter(|source| **source != target) {
                // From the internet there are ways, told apart.
                if *source == Peer::Internet {
                    continue;
                }
                let reach = within(&self.network.reach_as(*source, target, model), &wanted);
                if !reach.is_empty() {
                    let is_held =
                        matches!(target, Peer::Endpoint(id) if self.network.is_in_mesh(id));
                    let plain = || self.network.reach_as(*source, target, Model::Nobody);
                    let is_proven = is_held && within(&plain(), &wanted).is_empty();
                    let sources = by_ports.entry((reach, is_proven)).or_default();
                    sources.push(self.network.name(*source));
                }
            }
            for ((reach, is_proven), names) in by_ports {
                self.flow(&name, &reach, is_proven, &names);
            }
        }
    }

    fn flow(&mut self, to: &str, reach: &Reach, is_proven: bool, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let to = self.place(to);
        let mut from: Vec<usize> = names.iter().map(|name| self.place(name)).collect();
        from.sort_unstable();
        from.dedup();
        let said = |ports: &Ports| {
            if ports.is_empty() {
                String::new()
            } else {
                ports.to_string()
            }
        };
        self.flows.flows.push(Flow {
            to,
            from,
            ports: said(&reach.all),
            conditional: said(&reach.some),
            is_proven,
        });
    }

    fn ways(&mut self, to: Option<&[Peer]>) {
        for way in self.network.exposure() {
            let peer = Peer::Endpoint(way.endpoint);
            let is_asked = to.is_none_or(|to| to.contains(&peer))
                && self
                    .question
                    .port
                    .is_none_or(|asked| asked == (way.protocol, way.port));
            if !is_asked || way.entry == Entry::Internal {
                continue;
            }
            let to = self.place(&self.network.name(peer));
            let way = told(self.network, way, to);
            self.flows.ways.push(way);
        }
    }
}

fn told(network: &Network<'_, '_>, way: &Exposure<'_>, to: usize) -> Way {
    Way {
        to,
        port: format!("{} {}", way.protocol.name(), way.port),
        entry: way.entry.name(),
        is_unseen: way.entry == Entry::Unseen,
        through: way.through.map(|peer| network.name(peer)),
        hosts: way.hosts.clone(),
        requests: match &way.requests {
            Condition::Always => Vec::new(),
            Condition::Any(each) => each.iter().map(ToString::to_string).collect(),
            one => vec![one.to_string()],
        },
        is_encrypted: way.is_encrypted,
        verdict: way.verdict,
        links: way
            .links
            .iter()
            .map(|link| WayLink {
                object: link.object.reference.to_string(),
                span: link.span,
            })
            .collect(),
    }
}

fn within(reach: &Reach, ports: &Ports) -> Reach {
    Reach {
        all: reach.all.and(ports),
        some: reach.some.and(ports),
    }
}
