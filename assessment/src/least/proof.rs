//! Trying rules out: the text is read, put into the picture, and the engine says what passes.

use super::ends::{Ends, Place};
use super::members::Mesh;
use super::need::{Need, View, closing, is_for};
use super::rules::{Atom, Deny, Rules, Way};
use super::waypoints;
use super::{Answer, Failed, Uncovered, write};
use crate::reach::Citation;
use seawall_model::{FileId, SourceMap};
use seawall_network::{
    Bits, Call, Cite, Config, Direction, Endpoint, EndpointId, Model, Network, Peer, Ports,
    Protocol, Reach, Why, World,
};
use seawall_snapshot::{Change, Object, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, parse};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Pairs that nobody uses whose policies are looked up at most.
const MOST_ASKED: usize = 20_000;

/// Who reaches every endpoint.
#[derive(Debug)]
pub(super) struct Picture {
    cells: Vec<Vec<(Reach, Bits)>>,
    /// For each workload those that have a port to it, by their numbers.
    open: Vec<BTreeSet<usize>>,
    /// The same with those alone that have a port for whatever they ask.
    whole: Vec<BTreeSet<usize>>,
}

impl Picture {
    pub(super) fn of(network: &Network<'_, '_>, ends: &Ends<'_, '_>) -> Self {
        let cells = cells(network);
        let mut group_of = vec![None; cells.len()];
        for (number, group) in ends.groups().enumerate() {
            for id in &group.endpoints {
                if let Some(slot) = group_of.get_mut(id.0 as usize) {
                    *slot = Some(number);
                }
            }
        }
        let sources = |passes: fn(&Reach) -> Ports| -> Vec<BTreeSet<usize>> {
            let all = ends.groups().enumerate().map(|(number, group)| {
                let mut sources = BTreeSet::new();
                for id in &group.endpoints {
                    let Some(endpoint) = network.world().endpoint_at(*id) else {
                        continue;
                    };
                    let wanted = endpoint.listening();
                    let all = cells.get(id.0 as usize).into_iter().flatten();
                    for (_, set) in all.filter(|(reach, _)| passes(reach).meets(&wanted)) {
                        let known = set.iter().filter_map(|source| *group_of.get(source)?);
                        sources.extend(known);
                    }
                }
                sources.remove(&number);
                sources
            });
            all.collect()
        };
        let (open, whole) = (sources(Reach::any), sources(|reach| reach.all.clone()));
        Self { cells, open, whole }
    }

    /// Pairs with a port for whatever they asked that are left with some requests.
    fn narrowed(&self, after: &Picture) -> usize {
        let all = self.whole.iter().zip(after.open.iter().zip(&after.whole));
        let narrowed = all.map(|(before, (open, whole))| {
            let open = open.iter().filter(|from| before.contains(from));
            open.filter(|from| !whole.contains(from)).count()
        });
        narrowed.sum()
    }

    fn pairs(&self) -> usize {
        self.open.iter().map(BTreeSet::len).sum()
    }

    /// Pairs that no policy of the kind can hold: an end is in its node's network; what is sent
    /// to is not in the mesh.
    fn unheld_pairs(&self, ends: &Ends<'_, '_>) -> usize {
        let unheld: Vec<bool> = ends.groups().map(|group| group.outside.is_some()).collect();
        let is_unheld = |number: usize| unheld.get(number).copied().unwrap_or(false);
        let is_mesh = ends.kind.is_mesh();
        let all = self.open.iter().enumerate();
        let pairs = all.flat_map(|(to, from)| from.iter().map(move |from| (*from, to)));
        pairs
            .filter(|(from, to)| is_unheld(*to) || (!is_mesh && is_unheld(*from)))
            .count()
    }
}

fn cells(network: &Network<'_, '_>) -> Vec<Vec<(Reach, Bits)>> {
    let matrix = network.matrix();
    let ids = network.world().endpoint_ids();
    ids.map(|(id, _)| network.arrives(&matrix, id, Model::Adversarial))
        .collect()
}

/// What every endpoint lets pass to one, by its number.
fn by_source(cells: &[(Reach, Bits)], endpoints: usize) -> Vec<Option<&Reach>> {
    let mut all = vec![None; endpoints];
    for (reach, set) in cells {
        for source in set.iter() {
            if let Some(slot) = all.get_mut(source) {
                *slot = Some(reach);
            }
        }
    }
    all
}

/// A picture to try rules in.
pub(super) struct Trial<'a, 'w, 's> {
    snapshot: &'a Snapshot,
    before: &'a Network<'w, 's>,
    ends: &'a Ends<'w, 's>,
    needs: Vec<Need>,
}

impl<'a, 'w, 's> Trial<'a, 'w, 's> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        before: &'a Network<'w, 's>,
        ends: &'a Ends<'w, 's>,
        needs: Vec<Need>,
    ) -> Self {
        Self {
            snapshot,
            before,
            ends,
            needs,
        }
    }

    /// The rules without those that nothing needs, and how many these are.
    pub(super) fn pared(&self, mut rules: Rules) -> Result<(Rules, usize), Failed> {
        self.holding(&rules)?;
        let none = BTreeSet::new();
        let idle = self.idle_denies(&rules)?;
        rules = rules.without(&BTreeSet::new(), &idle);
        let settled = self.settled(&rules)?;
        let mut needless = 0;
        for way in [Way::In, Way::Out] {
            for round in self.rounds(&rules, way) {
                let dropped: BTreeSet<Atom> = round.iter().map(|(atom, _)| atom.clone()).collect();
                let without = rules.without(&dropped, &none);
                // Another rule's flow says nothing about these.
                let asked = round.iter().flat_map(|(_, of)| of);
                let asked = asked.filter_map(|number| Some((number, self.needs.get(*number)?)));
                let broken = self.look(&without, |view| {
                    let broken = asked.filter(|(number, need)| {
                        // What other policies leave in doubt is not to be settled here.
                        let is_settled = settled.contains(number);
                        !(need.holds(view) && (!is_settled || need.is_settled(view)))
                    });
                    broken
                        .map(|(number, _)| *number)
                        .collect::<HashSet<usize>>()
                })?;
                // No need is of two rules of a round, so that what breaks is for want of its own.
                let idle = round
                    .into_iter()
                    .filter(|(_, of)| of.iter().all(|number| !broken.contains(number)));
                let idle: BTreeSet<Atom> = idle.map(|(atom, _)| atom).collect();
                needless += idle.len();
                rules = rules.without(&idle, &none);
            }
        }
        Ok((rules, needless))
    }

    /// Rules that have no need in common, to be tried at once, each with its needs.
    fn rounds(&self, rules: &Rules, way: Way) -> Vec<Vec<(Atom, Vec<usize>)>> {
        type Round = (HashSet<usize>, Vec<(Atom, Vec<usize>)>);
        let mut by_subject: HashMap<Peer, Vec<usize>> = HashMap::new();
        for (number, need) in self.needs.iter().enumerate() {
            let (subject, _) = need.ends(way);
            by_subject.entry(subject).or_default().push(number);
        }
        let mut rounds: Vec<Round> = Vec::new();
        for atom in rules.atoms().filter(|atom| atom.way == way) {
            let subjects = self.ends.peers(&Place::Pods(atom.subject.clone()));
            let peers: HashSet<Peer> = self.ends.peers(&atom.peer).into_iter().collect();
            let near = subjects.iter().filter_map(|peer| by_subject.get(peer));
            let of: Vec<usize> = near
                .flatten()
                .copied()
                .filter(|number| {
                    let need = self.needs.get(*number);
                    need.is_some_and(|need| is_for(atom, need, &peers))
                })
                .collect();
            let is_free = |(busy, _): &&mut Round| of.iter().all(|number| !busy.contains(number));
            match rounds.iter_mut().find(is_free) {
                Some((busy, round)) => {
                    busy.extend(&of);
                    round.push((atom.clone(), of));
                }
                None => rounds.push((of.iter().copied().collect(), vec![(atom.clone(), of)])),
            }
        }
        rounds.into_iter().map(|(_, round)| round).collect()
    }

    /// Pieces that close nothing: what they are for is closed already.
    fn idle_denies(&self, rules: &Rules) -> Result<BTreeSet<Deny>, Failed> {
        let before = self.before.matrix();
        let mut idle = BTreeSet::new();
        for way in [Way::In, Way::Out] {
            let denies: Vec<&Deny> = rules.denies().filter(|deny| deny.way == way).collect();
            if denies.is_empty() {
                continue;
            }
            let mut only = Rules::default();
            for deny in &denies {
                only.deny((*deny).clone());
            }
            let found = self.look(&only, |view| {
                let after = view.network.matrix();
                let is_idle = |deny: &&&Deny| {
                    if deny.subject.service.is_some() {
                        return !waypoints::is_open(
                            &self.ends.mesh,
                            self.ends.world,
                            &deny.subject,
                        );
                    }
                    let ids = self.ends.peers(&Place::Pods(deny.subject.clone()));
                    !ids.into_iter().any(|peer| match (way, peer) {
                        // With a mesh this takes long; the first that is found is enough.
                        (Way::In, Peer::Endpoint(id)) => {
                            let before = self.before.arrives(&before, id, Model::Adversarial);
                            let after = view.network.arrives(&after, id, Model::Adversarial);
                            told(&before, deny.port) != told(&after, deny.port)
                        }
                        (Way::Out, Peer::Endpoint(_)) => self.is_closed_from(view.network, peer),
                        _ => false,
                    })
                };
                let idle = denies.iter().filter(is_idle);
                idle.map(|deny| (*deny).clone()).collect::<Vec<Deny>>()
            })?;
            idle.extend(found);
        }
        Ok(idle)
    }

    /// Whether an endpoint no longer reaches something.
    fn is_closed_from(&self, after: &Network<'_, '_>, from: Peer) -> bool {
        let ids = self.before.world().endpoint_ids();
        let pods = ids.map(|(id, _)| Peer::Endpoint(id));
        let mut everybody = [Peer::Internet].into_iter().chain(pods);
        everybody.any(|to| self.before.reach(from, to) != after.reach(from, to))
    }

    /// Fails when something that was seen is closed.
    fn holding(&self, rules: &Rules) -> Result<(), Failed> {
        let broken = self.look(rules, |view| {
            let broken = self.needs.iter().find(|need| !need.holds(view))?;
            let reason = closing(view.network, broken);
            Some(Uncovered {
                reason,
                ..broken.told.clone()
            })
        })?;
        broken.map_or(Ok(()), |told| Err(Failed::Closes(told)))
    }

    /// Holds the final rules to everything, and says what they do.
    pub(super) fn settle(
        &self,
        rules: &Rules,
        before: &Picture,
        answer: &mut Answer,
    ) -> Result<(), Failed> {
        self.holding(rules)?;
        let own: HashSet<String> = write::written(rules, self.ends, &[])
            .into_iter()
            .map(|policy| format!("{} {}/{}", policy.kind, policy.namespace, policy.name))
            .collect();
        let (counts, keepers, closed, opened, unsettled) = self.look(rules, |view| {
            let after = Picture::of(view.network, self.ends);
            let opened = self.opened(before, &after);
            let keepers = self.keepers(view.network, &after, &own);
            let closed = self.closed_ways(view.network);
            let counts = (
                after.pairs(),
                after.unheld_pairs(self.ends),
                before.narrowed(&after),
            );
            (counts, keepers, closed, opened, self.unsettled(view))
        })?;
        if let Some(opened) = opened {
            return Err(Failed::Opens(opened));
        }
        let (pairs, unheld, narrowed) = counts;
        answer.pairs = (before.pairs(), pairs);
        answer.unheld_pairs = unheld;
        answer.narrowed_pairs = narrowed;
        answer.keepers = keepers;
        answer.unsettled = unsettled;
        answer.closed_ways = closed;
        Ok(())
    }

    /// The needs whose requests the rules settle, by number.
    fn settled(&self, rules: &Rules) -> Result<HashSet<usize>, Failed> {
        if self.needs.iter().all(|need| need.request.is_none()) {
            return Ok(HashSet::new());
        }
        self.look(rules, |view| {
            let all = self.needs.iter().enumerate();
            let settled = all.filter(|(_, need)| need.is_settled(view));
            settled.map(|(number, _)| number).collect()
        })
    }

    /// Requests that pass only if something holds of them that no flow says (a host, a header) or
    /// that is not understood (an expression).
    fn unsettled(&self, view: &View<'_, '_, '_>) -> usize {
        let mut flows = BTreeSet::new();
        for need in &self.needs {
            let request = need.request.as_ref();
            if let Some(request) = request.filter(|_| !need.is_settled(view)) {
                flows.insert((&need.told.flow, request));
            }
        }
        flows.len()
    }

    /// A pair that was closed and is open.
    fn opened(&self, before: &Picture, after: &Picture) -> Option<String> {
        let count = before.cells.len();
        let pairs = (0_u32..).zip(before.cells.iter().zip(&after.cells));
        for (target, (before, after)) in pairs {
            let (before, after) = (by_source(before, count), by_source(after, count));
            for (source, (before, after)) in (0_u32..).zip(before.into_iter().zip(after)) {
                let Some(after) = after.filter(|after| Some(*after) != before) else {
                    continue;
                };
                let new = match before {
                    Some(before) => after.any().without(&before.any()),
                    None => after.any(),
                };
                if !new.is_empty() {
                    let name = |id| self.before.name(Peer::Endpoint(EndpointId(id)));
                    return Some(format!("{} -> {} on {new}", name(source), name(target)));
                }
            }
        }
        None
    }

    /// Policies of the picture that keep open what nothing was seen to use.
    fn keepers(
        &self,
        network: &Network<'_, '_>,
        after: &Picture,
        own: &HashSet<String>,
    ) -> Vec<(Citation, usize)> {
        let used: HashSet<(Peer, Peer)> = self.needs.iter().map(|n| (n.from, n.to)).collect();
        let mut found: BTreeMap<(String, String), (Citation, usize)> = BTreeMap::new();
        // Whoever is in its node's network, or outside of the mesh, is sent to whatever policies
        // say.
        let is_mesh = self.ends.kind.is_mesh();
        let ids = |all: bool| -> BTreeSet<EndpointId> {
            let groups = self.ends.groups();
            let held = groups.filter(|group| all || group.outside.is_none());
            held.flat_map(|group| &group.endpoints).copied().collect()
        };
        let (sources, targets) = (ids(is_mesh), ids(false));
        let pairs = targets.iter().flat_map(|to| {
            let listening = network.world().endpoint_at(*to).map(Endpoint::listening);
            let cells = after.cells.get(to.0 as usize).into_iter().flatten();
            cells.flat_map(move |(reach, from)| {
                let open = listening.as_ref().map(|ports| reach.any().and(ports));
                let first = open.and_then(|open| open.ranges().next());
                let from = first.map(|_| from.iter()).into_iter().flatten();
                let from = from.filter_map(|from| u32::try_from(from).ok().map(EndpointId));
                from.filter_map(move |from| Some((from, *to, first?)))
            })
        });
        let unused = pairs.filter(|(from, to, _)| {
            let pair = (Peer::Endpoint(*from), Peer::Endpoint(*to));
            from != to && sources.contains(from) && !used.contains(&pair)
        });
        for (from, to, (protocol, port, _)) in unused.take(MOST_ASKED) {
            let (source, target) = (Peer::Endpoint(from), Peer::Endpoint(to));
            let why = network.why(&Call::new(source, target, protocol, port));
            for cite in inward(&why, is_mesh) {
                let reference = &cite.object.reference;
                if own.contains(&reference.to_string()) {
                    continue;
                }
                let key = (reference.to_string(), cite.pointer.clone());
                let known = found.entry(key).or_insert_with(|| {
                    let citation = Citation {
                        object: reference.to_string(),
                        pointer: cite.pointer.clone(),
                        span: cite.span,
                        note: String::new(),
                    };
                    (citation, 0)
                });
                known.1 += 1;
            }
        }
        let mut found: Vec<(Citation, usize)> = found.into_values().collect();
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        found
    }

    /// Ways in from the internet that were open and are closed.
    fn closed_ways(&self, after: &Network<'_, '_>) -> Vec<String> {
        let open = |network: &Network<'_, '_>| -> BTreeSet<(EndpointId, Protocol, u16)> {
            let ways = network.exposure().iter();
            ways.filter(|way| way.is_open())
                .map(|way| (way.endpoint, way.protocol, way.port))
                .collect()
        };
        let (before, after) = (open(self.before), open(after));
        let closed = before.difference(&after).map(|(id, protocol, port)| {
            let name = self.before.name(Peer::Endpoint(*id));
            format!("{name} on {} {port}", protocol.name())
        });
        let mut closed: Vec<String> = closed.collect();
        closed.dedup();
        closed
    }

    /// Looks at the picture with rules in it.
    fn look<T>(
        &self,
        rules: &Rules,
        look: impl FnOnce(&View<'_, '_, '_>) -> T,
    ) -> Result<T, Failed> {
        let mut changes = Vec::new();
        for policy in write::written(rules, self.ends, &[]) {
            changes.push(Change::Put(Box::new(read(&policy.yaml)?)));
        }
        let snapshot = self.snapshot.clone().apply(changes);
        let world = World::new(&snapshot);
        let network = Network::after(self.before, &world, &Config::default());
        let mut needs = self.needs.iter();
        let asks = needs.any(|need| need.request.is_some() || need.through.is_some());
        let mesh = if asks {
            Mesh::new(&world, self.ends.kind)
        } else {
            Mesh::None
        };
        let network = &network;
        Ok(look(&View { network, mesh }))
    }
}

/// Who reaches an endpoint, at a port or at all. What closes names no addresses, so that the sets
/// of a picture without and with it have the same numbers.
fn told(cells: &[(Reach, Bits)], port: Option<u16>) -> BTreeMap<Reach, BTreeSet<usize>> {
    let mut told: BTreeMap<Reach, BTreeSet<usize>> = BTreeMap::new();
    for (reach, set) in cells {
        let reach = match port {
            None => reach.clone(),
            Some(port) => reach.and(&Reach {
                all: Ports::one(Protocol::Tcp, port),
                some: Ports::default(),
            }),
        };
        if !reach.is_empty() {
            told.entry(reach).or_default().extend(set.iter());
        }
    }
    told
}

/// What the policies say that let something in.
fn inward<'y, 's>(why: &'y Why<'s>, is_mesh: bool) -> Vec<&'y Cite<'s>> {
    if is_mesh {
        let cites = why.layers.iter().flat_map(|told| &told.cites);
        // What settles mutual TLS lets nobody in.
        let is_policy = |cite: &&Cite<'s>| &*cite.object.reference.kind != "PeerAuthentication";
        return cites.filter(is_policy).collect();
    }
    let steps = why.steps.iter();
    let inward = steps.filter(|step| step.direction == Direction::Ingress);
    inward.flat_map(|step| &step.cites).collect()
}

/// Reads an object as it would be printed.
pub(super) fn read(yaml: &str) -> Result<Object, Failed> {
    let stream = parse(yaml, FileId::UNKNOWN, &Limits::default());
    let mut gaps = Vec::new();
    let read = stream.documents.first().and_then(|document| {
        object::read(&document.root, ScopeId::PLAIN, &SourceMap::new(), &mut gaps)
    });
    match read {
        Some(object) if gaps.is_empty() && stream.problems.is_empty() => Ok(object),
        _ => Err(Failed::Unreadable(yaml.to_owned())),
    }
}
