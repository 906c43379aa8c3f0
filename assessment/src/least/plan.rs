//! The plan that all kinds of policies share: from flows to the rules that they need, and what
//! has to stay open.

use super::Uncovered;
use super::ends::{Ends, Place, Pods};
use super::kind::Kind;
use super::lines::{Line, Observed};
use super::members::{self, Mesh};
use super::need::{Need, is_open};
use super::requests::Requests;
use super::rules::{Atom, Deny, Heading, Rules, Way};
use super::tunnel::{self, Wire};
use super::wanted::{Reader, Wanted};
use super::waypoints::{self, Through};
use seawall_network::{EndpointId, Network, Peer, Protocol};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Refused requests of a flow that are told at most.
const MOST_REFUSED: usize = 3;

/// A rule that a flow takes.
struct Side {
    way: Way,
    subject: Pods,
    peer: Place,
    /// 0 is any: a waypoint is for a Service as a whole.
    port: u16,
    /// Whether requests are looked at there.
    reads: bool,
}

/// What was seen, as it was understood.
#[derive(Debug)]
pub(super) struct Plan<'a, 'w, 's> {
    network: &'a Network<'w, 's>,
    ends: &'a Ends<'w, 's>,
    egress: bool,
    /// By the flow in words: pods of one workload are one.
    wanted: BTreeMap<String, Wanted>,
    pub(super) uncovered: Vec<Uncovered>,
}

impl<'a, 'w, 's> Plan<'a, 'w, 's> {
    pub(super) fn new(network: &'a Network<'w, 's>, ends: &'a Ends<'w, 's>, egress: bool) -> Self {
        Self {
            network,
            ends,
            egress,
            wanted: BTreeMap::new(),
            uncovered: Vec::new(),
        }
    }

    /// Takes all that was seen.
    pub(super) fn read(&mut self, seen: &'a Observed) {
        let reader = Reader {
            network: self.network,
            ends: self.ends,
            has_rewrites: members::has_rewrites(self.ends.world),
        };
        let hosts = self.network.hosts();
        let behind = |host: &str, space: &str, port| -> Vec<(EndpointId, Protocol, u16)> {
            hosts(host, space, Some(port))
        };
        for (flow, about) in seen.flows() {
            let found = reader.resolve(flow, about, seen, &behind);
            for one in found {
                match one {
                    Ok((text, new)) => {
                        self.uncovered.extend(refused(&text, &new));
                        match self.wanted.entry(text) {
                            Entry::Occupied(mut known) => known.get_mut().join(new),
                            Entry::Vacant(free) => {
                                free.insert(new);
                            }
                        }
                    }
                    Err(reason) => self.uncovered.push(Uncovered {
                        line: about.line.clone(),
                        flow: flow.to_string(),
                        reason,
                    }),
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    pub(super) fn flows(&self) -> usize {
        self.wanted.len()
    }

    /// The connections between the places of a flow. Who proves nothing may be anybody; of them
    /// those that were meant.
    fn pairs(&self, wanted: &Wanted) -> Vec<(Peer, Peer)> {
        let to = self.ends.peers(&wanted.to);
        let mut pairs = Vec::new();
        for place in &wanted.from {
            if matches!(place, Place::Nobody | Place::Anybody) {
                pairs.extend(&wanted.meant);
                continue;
            }
            let from = self.ends.peers(place);
            pairs.extend(
                from.iter()
                    .flat_map(|from| to.iter().map(move |to| (*from, *to))),
            );
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// The rules, and what has to stay open.
    pub(super) fn made(&self) -> (Rules, Vec<Need>) {
        let (mut rules, mut needs) = (self.rules(), self.needs());
        if self.egress {
            self.allow_dns(&mut rules, &mut needs);
        }
        (rules, needs)
    }

    /// A rule for each end of each flow, and what closes the rest.
    fn rules(&self) -> Rules {
        // What several workloads with one name in rules ask is one.
        type Key = (Way, Pods, Place, Protocol, u16);
        let mut asked: BTreeMap<Key, Option<Requests>> = BTreeMap::new();
        for flow in self.wanted.values() {
            for side in self.sides(flow) {
                let requests = flow.requests.as_ref().filter(|_| side.reads);
                let key = (side.way, side.subject, side.peer, flow.protocol, side.port);
                match asked.entry(key) {
                    Entry::Vacant(free) => {
                        free.insert(requests.cloned());
                    }
                    Entry::Occupied(mut known) => match (known.get_mut(), requests) {
                        (Some(known), Some(more)) => known.join(more),
                        (known, _) => *known = None,
                    },
                }
            }
        }
        if self.ends.kind == Kind::Linkerd {
            // With routes whoever picks none of them is refused, so that all have theirs or none.
            let whole = asked.iter().filter(|(_, requests)| requests.is_none());
            let whole: BTreeSet<(Pods, u16)> = whole
                .map(|((_, subject, .., port), _)| (subject.clone(), *port))
                .collect();
            for ((_, subject, .., port), requests) in &mut asked {
                if whole.contains(&(subject.clone(), *port)) {
                    *requests = None;
                }
            }
        }
        let mut rules = Rules::default();
        for ((way, subject, peer, protocol, port), requests) in asked {
            let atom = |request| Atom {
                way,
                subject: subject.clone(),
                peer: peer.clone(),
                protocol,
                port,
                request,
            };
            match requests {
                None => rules.add(atom(None)),
                Some(requests) => {
                    for request in requests.patterns() {
                        rules.add(atom(Some(request)));
                    }
                }
            }
        }
        for deny in self.denies() {
            rules.deny(deny);
        }
        for subject in self.waypoints() {
            let (way, port) = (Way::In, None);
            rules.deny(Deny { subject, way, port });
        }
        rules
    }

    /// Services that have a waypoint.
    fn waypoints(&self) -> Vec<Pods> {
        let Mesh::Istio(istio) = &self.ends.mesh else {
            return Vec::new();
        };
        let all = waypoints::services(istio, self.ends.world).into_iter();
        let closed: BTreeSet<&str> = self.ends.closed().collect();
        all.filter(|one| closed.contains(&*one.namespace)).collect()
    }

    fn denies(&self) -> Vec<Deny> {
        let mut denies = Vec::new();
        for space in self.ends.closed() {
            if self.ends.kind == Kind::Linkerd {
                for (subject, group) in self.ends.workloads_of(space) {
                    let endpoints = group.endpoints.iter();
                    let endpoints = endpoints.filter_map(|id| self.ends.world.endpoint_at(*id));
                    let ports: BTreeSet<u16> =
                        endpoints.flat_map(members::declared_ports).collect();
                    let ports = ports.into_iter();
                    let free = ports.filter(|port| self.ends.server(&subject, *port).is_none());
                    denies.extend(free.map(|port| Deny {
                        subject: subject.clone(),
                        way: Way::In,
                        port: Some(port),
                    }));
                }
                continue;
            }
            let ways = [Some(Way::In), self.egress.then_some(Way::Out)];
            denies.extend(ways.into_iter().flatten().map(|way| Deny {
                subject: Pods::all(space),
                way,
                port: None,
            }));
        }
        denies
    }

    /// The ends that policies hold, with the other end.
    fn sides(&self, flow: &Wanted) -> Vec<Side> {
        let mut sides = Vec::new();
        let mut side = |way: Way, held: &Place, peer: &Place, reads: bool| {
            if let Place::Pods(pods) = held
                && !self.ends.is_left_open(&pods.namespace)
            {
                let ports: BTreeSet<(u16, bool)> = flow
                    .wires
                    .iter()
                    .map(|wire| (wire.port(flow.port), *wire == Wire::Plain))
                    .collect();
                sides.extend(ports.into_iter().map(|(port, is_plain)| Side {
                    way,
                    subject: pods.clone(),
                    peer: peer.clone(),
                    port,
                    reads: reads && is_plain,
                }));
            }
        };
        for one in &flow.through {
            side(Way::In, &flow.to, &one.place(), false);
        }
        for from in &flow.from {
            if flow.through.is_empty() {
                side(Way::In, &flow.to, from, true);
            }
            if self.egress {
                // What comes in is asked; once is enough.
                side(Way::Out, from, &flow.to, false);
            }
        }
        for one in &flow.through {
            let held = one.service.namespace.clone();
            if self.ends.is_left_open(&held) {
                continue;
            }
            sides.extend(flow.from.iter().map(|from| Side {
                way: Way::In,
                subject: one.service.clone(),
                peer: from.clone(),
                port: 0,
                reads: true,
            }));
        }
        sides
    }

    /// What has to stay open.
    fn needs(&self) -> Vec<Need> {
        let mut needs: Vec<Need> = Vec::new();
        for (text, flow) in &self.wanted {
            let requests = flow.requests.as_ref().and_then(Requests::known);
            let ways: Vec<Option<&Through>> = match flow.through.as_slice() {
                [] => vec![None],
                through => through.iter().map(Some).collect(),
            };
            let pairs = self.pairs(flow).into_iter();
            let wires = pairs.flat_map(|pair| {
                let wires = self.wires(pair, flow.protocol, flow.port).into_iter();
                wires.map(move |wire| (pair, wire))
            });
            let ways = wires.flat_map(|wire| ways.iter().map(move |way| (wire, *way)));
            for (((from, to), wire), through) in ways {
                let is_open = || wire.passes(self.network, (from, to), flow.protocol, flow.port);
                if through.is_none() && !is_open() {
                    continue;
                }
                let need = |request| Need {
                    through: through.cloned(),
                    wire,
                    from,
                    to,
                    protocol: flow.protocol,
                    port: flow.port,
                    request,
                    told: Uncovered {
                        line: flow.seen.line.clone(),
                        flow: text.clone(),
                        reason: String::new(),
                    },
                };
                match requests {
                    None => needs.push(need(None)),
                    Some(all) => needs.extend(all.iter().map(|one| need(Some(one.clone())))),
                }
            }
        }
        needs
    }

    fn wires(&self, pair: (Peer, Peer), protocol: Protocol, port: u16) -> Vec<Wire> {
        let istio = self.ends.ambient.as_ref();
        tunnel::wires(istio, self.ends.world, pair, protocol, port)
    }

    /// How many flows the tunnel hides the port of.
    pub(super) fn tunnelled(&self) -> usize {
        let flows = self.wanted.values();
        flows
            .filter(|flow| flow.wires.contains(&Wire::Tunnel))
            .count()
    }

    /// DNS for everybody who has it: whoever sends anything asks for names first. Who has it not
    /// is not given it.
    fn allow_dns(&self, rules: &mut Rules, needs: &mut Vec<Need>) {
        const PROTOCOLS: [Protocol; 2] = [Protocol::Udp, Protocol::Tcp];
        let answering = self.ends.peers(&Place::Pods(Pods::dns()));
        let passes = |from, to, protocol| is_open(self.network, (from, to), protocol, 53);
        let has =
            |from: Peer, protocol: Protocol| answering.iter().any(|to| passes(from, *to, protocol));
        for space in self.ends.closed() {
            let all = Pods::all(space);
            let everybody = self.ends.peers(&Place::Pods(all.clone()));
            for protocol in PROTOCOLS {
                let subjects = if everybody.iter().all(|from| has(*from, protocol)) {
                    vec![all.clone()]
                } else {
                    let each = self.ends.workloads_of(space).into_iter();
                    each.map(|(pods, _)| pods).collect()
                };
                for subject in subjects {
                    let from = self.ends.peers(&Place::Pods(subject.clone()));
                    if !from.iter().all(|from| has(*from, protocol)) {
                        continue;
                    }
                    for to in &answering {
                        let from = from.iter().filter(|from| passes(**from, *to, protocol));
                        needs.extend(from.map(|from| Need {
                            from: *from,
                            to: *to,
                            protocol,
                            port: 53,
                            request: None,
                            through: None,
                            wire: Wire::Plain,
                            told: Uncovered {
                                line: Line::default(),
                                flow: format!("{} -> dns", self.network.name(*from)),
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
                        request: None,
                    });
                }
            }
        }
    }

    /// The flows that each policy is for, in words.
    pub(super) fn headings(&self) -> Vec<Heading> {
        let mut headings = Vec::new();
        for (text, flow) in &self.wanted {
            for side in self.sides(flow) {
                headings.push(Heading {
                    way: side.way,
                    subject: side.subject,
                    peer: side.peer,
                    protocol: flow.protocol,
                    port: side.port,
                    text: format!("{text} ({})", flow.seen),
                });
            }
        }
        headings
    }

    /// How many pairs of workloads are let pass only because their labels or accounts are those
    /// of others.
    pub(super) fn alike(&self) -> usize {
        let mut named = BTreeSet::new();
        let mut held = BTreeSet::new();
        for flow in self.wanted.values() {
            named.extend(flow.meant.iter().copied());
            held.extend(self.pairs(flow));
        }
        held.difference(&named).count()
    }

    pub(super) fn through_waypoint(&self) -> usize {
        let flows = self.wanted.values();
        flows.filter(|flow| !flow.through.is_empty()).count()
    }

    /// Who is reached.
    pub(super) fn reached(&self) -> BTreeSet<Peer> {
        let flows = self.wanted.values();
        flows.flat_map(|flow| self.ends.peers(&flow.to)).collect()
    }

    /// Who sends without an identity.
    pub(super) fn unproved(&self) -> Vec<String> {
        let bare = self.wanted.values().filter(|flow| {
            let mut from = flow.from.iter();
            from.any(|place| matches!(place, Place::Nobody | Place::Anybody))
        });
        let names: BTreeSet<&String> = bare.map(|flow| &flow.sender).collect();
        names.into_iter().cloned().collect()
    }
}

/// The requests of a flow that are refused as it is.
fn refused(text: &str, flow: &Wanted) -> Option<Uncovered> {
    let shown = flow.refused.get(..MOST_REFUSED).unwrap_or(&flow.refused);
    let more = match flow.refused.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!shown.is_empty()).then(|| Uncovered {
        line: flow.seen.line.clone(),
        flow: text.to_owned(),
        reason: format!(
            "{}{more} is refused as it is; it stays refused",
            shown.join(", ")
        ),
    })
}
