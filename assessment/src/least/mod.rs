//! The least that a network has to let pass: NetworkPolicies made from what was seen.
//!
//! [`Observed`] takes lines of flows, [`generate`] makes policies of them and proves them with
//! the engine before anybody sees them. What is printed is what was proved: the text itself is
//! read again and put into the picture. Then
//!
//! 1. every flow that was open is open, and nothing is open that was closed,
//! 2. each port of each rule is needed: without it a flow that was seen would be closed,
//! 3. each default deny closes something.
//!
//! NetworkPolicies only ever add to what others allow. So a flow that the policies of the
//! picture allow already gets no rule, and what they allow beyond what was seen is told, since
//! nothing that is generated can close it.
//!
//! What policies cannot say (pods in their node's network, nodes, addresses that move) is not
//! covered, and told with its line; it is never made up for by a wider rule.

mod declared;
mod ends;
mod lines;
mod proof;
mod rules;

pub use declared::declared;
pub use lines::{Line, Observed, Wrong};
pub use rules::Generated;

use crate::reach::Citation;
use ends::{Ends, Place, Pods};
use lines::{Flow, Seen};
use proof::{Need, Picture, Trial};
use rules::{Atom, Heading, Rules, Way};
use seawall_network::{Call, Config, Network, Peer, Protocol, Verdict, World};
use seawall_snapshot::{Change, Snapshot};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Where the cluster's own workloads are. To close them takes knowing what every node and the
/// control plane send, which no flow between pods shows.
const LEFT_OPEN: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Groups of objects that only a mesh has.
const MESHES: [&str; 4] = [
    "networking.istio.io",
    "security.istio.io",
    "policy.linkerd.io",
    "linkerd.io",
];

/// Policies with what they do.
#[derive(Debug, Default)]
pub struct Answer {
    /// The policies, by namespace and name.
    pub policies: Vec<Generated>,
    /// How many flows they are for.
    pub flows: usize,
    /// Flows that they do not cover.
    pub uncovered: Vec<Uncovered>,
    /// Pairs of workloads with a port open between them, before and after.
    pub pairs: (usize, usize),
    /// Rules that were taken out again because what is there allows their flows already.
    pub needless: usize,
    /// Of those after, pairs with an end in its node's network: no policy holds or names it, and
    /// pods and their nodes always talk.
    pub host_pairs: usize,
    /// Policies of the picture that keep pairs open that no flow uses, with how many.
    pub keepers: Vec<(Citation, usize)>,
    /// Pairs that stay open because their labels are those of workloads that are used.
    pub alike_pairs: usize,
    /// Ways in from the internet that are closed: workload and port.
    pub closed_ways: Vec<String>,
    /// Workloads that nothing was seen to reach: they are closed to all but who other policies
    /// let in.
    pub silent: Vec<String>,
    /// Namespaces that are left open.
    pub left_open: Vec<&'static str>,
    /// Whether a rule is for addresses of the internet.
    pub has_internet: bool,
    /// Whether what answers DNS is not in the picture, so that a pod stood in for it.
    pub is_dns_assumed: bool,
    /// Whether what workloads send is closed where a mesh is: its proxies talk to its control
    /// plane.
    pub is_mesh_cut: bool,
}

/// A flow that the policies do not cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// Where it was read.
    pub line: Line,
    /// `shop/web -> data/db tcp/5432`.
    pub flow: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was made.
#[derive(Debug)]
pub enum Failed {
    /// Nothing to make policies from: no flow that policies can say.
    Nothing(Vec<Uncovered>),
    /// A flow would be closed.
    Closes(Uncovered),
    /// A pair would be opened.
    Opens(String),
    /// A policy could not be read again. That is a bug here.
    Unreadable(String),
}

/// A flow between places that policies can name.
#[derive(Debug, Clone)]
struct Wanted {
    from: Place,
    to: Place,
    protocol: Protocol,
    port: u16,
    seen: Seen,
    text: String,
}

/// Makes the policies for what was seen.
pub fn generate(snapshot: &Snapshot, seen: &Observed, egress: bool) -> Result<Answer, Failed> {
    let mut answer = Answer::default();
    let world = World::new(snapshot);
    let ends = Ends::new(&world);
    answer.left_open = left_open(&ends);
    answer.is_dns_assumed = egress && ends.peers(&Place::Pods(Pods::dns())).is_empty();
    answer.is_mesh_cut = egress && MESHES.iter().any(|group| world.has_group(group));
    if answer.is_dns_assumed {
        let stand_in = proof::read(ends::STAND_IN)?;
        let put = Change::Put(Box::new(stand_in));
        make(&snapshot.clone().apply(vec![put]), seen, egress, answer)
    } else {
        make(snapshot, seen, egress, answer)
    }
}

fn make(
    snapshot: &Snapshot,
    seen: &Observed,
    egress: bool,
    mut answer: Answer,
) -> Result<Answer, Failed> {
    let world = World::new(snapshot);
    let network = Network::new(&world, &Config::default());
    let ends = Ends::new(&world);
    // Pods of one workload are one.
    let mut found: BTreeMap<(Place, Place, Protocol, u16), Wanted> = BTreeMap::new();
    for (flow, seen) in seen.flows() {
        match resolve(&network, &ends, flow, seen) {
            Ok(new) => {
                let key = (new.from.clone(), new.to.clone(), new.protocol, new.port);
                match found.entry(key) {
                    Entry::Occupied(mut known) => known.get_mut().seen.join(&new.seen),
                    Entry::Vacant(free) => {
                        free.insert(new);
                    }
                }
            }
            Err(reason) => answer.uncovered.push(Uncovered {
                line: seen.line.clone(),
                flow: flow.to_string(),
                reason,
            }),
        }
    }
    let wanted: Vec<Wanted> = found.into_values().collect();
    if wanted.is_empty() {
        return Err(Failed::Nothing(answer.uncovered));
    }
    answer.flows = wanted.len();
    let before = Picture::of(&network, &ends);
    let (mut rules, mut needs) = (
        rules(&ends, &wanted, egress),
        needs(&network, &ends, &wanted),
    );
    if egress {
        allow_dns(&network, &ends, &mut rules, &mut needs);
    }
    let trial = Trial::new(snapshot, &network, &ends, needs);
    let (rules, needless) = trial.pared(rules)?;
    trial.settle(&rules, &before, &mut answer)?;
    answer.needless = needless;
    answer.policies = rules.written(snapshot, &headings(&wanted));
    answer.has_internet = rules.atoms().any(|atom| atom.peer == Place::Internet);
    answer.silent = silent(&ends, &wanted);
    answer.alike_pairs = alike(&ends, &wanted);
    Ok(answer)
}

fn left_open(ends: &Ends<'_, '_>) -> Vec<&'static str> {
    let named = |name: &&str| ends.namespaces().any(|space| space == *name);
    LEFT_OPEN.into_iter().filter(named).collect()
}

/// The places that a flow is between, if policies can name both and it is open as it is.
fn resolve(
    network: &Network<'_, '_>,
    ends: &Ends<'_, '_>,
    flow: &Flow,
    seen: &Seen,
) -> Result<Wanted, String> {
    let (from, to) = (ends.find(&flow.from)?, ends.find(&flow.to)?);
    if from == Place::Internet && to == Place::Internet {
        return Err("both ends are outside of the cluster".to_owned());
    }
    let protocol = flow.protocol.name().to_ascii_lowercase();
    let wanted = Wanted {
        text: format!("{from} -> {to} {protocol}/{}", flow.port),
        from,
        to,
        protocol: flow.protocol,
        port: flow.port,
        seen: seen.clone(),
    };
    let pairs = pairs(ends, &wanted);
    let is_open = |(from, to): &(Peer, Peer)| is_open(network, *from, *to, &wanted);
    // What answers DNS may not be in the picture.
    if pairs.is_empty() || pairs.iter().any(is_open) {
        return Ok(wanted);
    }
    let closing = pairs.iter().find_map(|(from, to)| {
        let why = network.why(&Call::new(*from, *to, wanted.protocol, wanted.port));
        let mut steps = why.steps.iter();
        let step = steps.find(|step| step.verdict == Verdict::Closed)?;
        let cite = step.cites.first()?;
        Some(cite.object.reference.to_string())
    });
    Err(match closing {
        Some(policy) => format!("{policy} closes it; it stays closed"),
        None => "what is in the picture closes it; it stays closed".to_owned(),
    })
}

/// The peers that a flow is between.
fn pairs(ends: &Ends<'_, '_>, wanted: &Wanted) -> Vec<(Peer, Peer)> {
    let (from, to) = (ends.peers(&wanted.from), ends.peers(&wanted.to));
    let pairs = from
        .iter()
        .flat_map(|from| to.iter().map(move |to| (*from, *to)));
    pairs.collect()
}

fn is_open(network: &Network<'_, '_>, from: Peer, to: Peer, wanted: &Wanted) -> bool {
    let reach = network.reach(from, to);
    reach.any().has(wanted.protocol, wanted.port)
}

/// A rule for each end of each flow, and what closes the rest.
fn rules(ends: &Ends<'_, '_>, wanted: &[Wanted], egress: bool) -> Rules {
    let mut rules = Rules::default();
    for flow in wanted {
        for (way, subject, peer) in flow.sides(egress) {
            rules.add(Atom {
                way,
                subject,
                peer,
                protocol: flow.protocol,
                port: flow.port,
            });
        }
    }
    for space in ends.namespaces().filter(|space| !LEFT_OPEN.contains(space)) {
        rules.deny(space, Way::In);
        if egress {
            rules.deny(space, Way::Out);
        }
    }
    rules
}

impl Wanted {
    /// The ends that policies hold, with the other end.
    fn sides(&self, egress: bool) -> Vec<(Way, Pods, Place)> {
        let mut sides = Vec::new();
        let mut side = |way: Way, held: &Place, peer: &Place| {
            if let Place::Pods(pods) = held
                && !LEFT_OPEN.contains(&&*pods.namespace)
            {
                sides.push((way, pods.clone(), peer.clone()));
            }
        };
        side(Way::In, &self.to, &self.from);
        if egress {
            side(Way::Out, &self.from, &self.to);
        }
        sides
    }
}

/// What has to stay open.
fn needs(network: &Network<'_, '_>, ends: &Ends<'_, '_>, wanted: &[Wanted]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for flow in wanted {
        let open = pairs(ends, flow).into_iter();
        let open = open.filter(|(from, to)| is_open(network, *from, *to, flow));
        needs.extend(open.map(|(from, to)| Need {
            from,
            to,
            protocol: flow.protocol,
            port: flow.port,
            told: Uncovered {
                line: flow.seen.line.clone(),
                flow: flow.text.clone(),
                reason: String::new(),
            },
        }));
    }
    needs
}

/// DNS for everybody who has it: whoever sends anything asks for names first. Who has it not is
/// not given it.
fn allow_dns(
    network: &Network<'_, '_>,
    ends: &Ends<'_, '_>,
    rules: &mut Rules,
    needs: &mut Vec<Need>,
) {
    const PROTOCOLS: [Protocol; 2] = [Protocol::Udp, Protocol::Tcp];
    let answering = ends.peers(&Place::Pods(Pods::dns()));
    let has = |from: Peer, protocol: Protocol| {
        let mut answering = answering.iter();
        answering.any(|to| network.reach(from, *to).any().has(protocol, 53))
    };
    for space in ends.namespaces().filter(|space| !LEFT_OPEN.contains(space)) {
        let all = Pods::all(space);
        let everybody = ends.peers(&Place::Pods(all.clone()));
        for protocol in PROTOCOLS {
            let subjects = if everybody.iter().all(|from| has(*from, protocol)) {
                vec![all.clone()]
            } else {
                ends.workloads_of(space)
            };
            for subject in subjects {
                let from = ends.peers(&Place::Pods(subject.clone()));
                if !from.iter().all(|from| has(*from, protocol)) {
                    continue;
                }
                for to in &answering {
                    needs.extend(from.iter().map(|from| Need {
                        from: *from,
                        to: *to,
                        protocol,
                        port: 53,
                        told: Uncovered {
                            line: Line::default(),
                            flow: format!("{} -> dns", network.name(*from)),
                            reason: String::new(),
                        },
                    }));
                }
                rules.add(Atom {
                    subject,
                    way: Way::Out,
                    peer: Place::Pods(Pods::dns()),
                    protocol,
                    port: 53,
                });
            }
        }
    }
    needs.retain(|need| {
        let reach = network.reach(need.from, need.to);
        reach.any().has(need.protocol, need.port)
    });
}

/// The flows that each policy is for, in words.
fn headings(wanted: &[Wanted]) -> Vec<Heading> {
    let mut headings = Vec::new();
    for flow in wanted {
        for (way, subject, peer) in flow.sides(true) {
            headings.push(Heading {
                way,
                subject,
                peer,
                protocol: flow.protocol,
                port: flow.port,
                text: format!("{} ({})", flow.text, flow.seen),
            });
        }
    }
    headings
}

/// How many pairs of workloads are let pass only because their labels are those of others.
fn alike(ends: &Ends<'_, '_>, wanted: &[Wanted]) -> usize {
    let mut named = BTreeSet::new();
    let mut meant = BTreeSet::new();
    for flow in wanted {
        for (from, to) in pairs(ends, flow) {
            if ends.is_called(&flow.from, from) && ends.is_called(&flow.to, to) {
                named.insert((from, to));
            }
            meant.insert((from, to));
        }
    }
    meant.difference(&named).count()
}

fn silent(ends: &Ends<'_, '_>, wanted: &[Wanted]) -> Vec<String> {
    let reached: BTreeSet<Peer> = wanted
        .iter()
        .flat_map(|flow| ends.peers(&flow.to))
        .collect();
    let held = ends.held();
    let mut names: Vec<String> = held
        .filter(|(_, peer)| !reached.contains(peer))
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
