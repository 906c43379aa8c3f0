//! Trying rules out: the text is read, put into the picture, and the engine says what passes.

use super::ends::{Ends, Place};
use super::rules::{Atom, Rules, Way};
use super::{Answer, Failed, Uncovered};
use crate::reach::Citation;
use seawall_model::{FileId, SourceMap, Str};
use seawall_network::{
    Bits, Call, Config, Direction, EndpointId, Model, Network, Peer, Protocol, Reach, Verdict,
    World,
};
use seawall_snapshot::{Change, Object, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, parse};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Pairs that nobody uses whose policies are looked up at most.
const MOST_ASKED: usize = 20_000;

/// A connection that has to stay open.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) from: Peer,
    pub(super) to: Peer,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    /// The flow that it is for.
    pub(super) told: Uncovered,
}

impl Need {
    fn holds(&self, network: &Network<'_, '_>) -> bool {
        let reach = network.reach(self.from, self.to);
        reach.any().has(self.protocol, self.port)
    }

    fn subject(&self, way: Way) -> Peer {
        match way {
            Way::In => self.to,
            Way::Out => self.from,
        }
    }
}

/// Who reaches every endpoint.
#[derive(Debug)]
pub(super) struct Picture {
    cells: Vec<Vec<(Reach, Bits)>>,
    /// For each workload those that have a port to it, by their numbers.
    open: Vec<BTreeSet<usize>>,
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
        let open = ends.groups().enumerate().map(|(number, group)| {
            let mut sources = BTreeSet::new();
            for id in &group.endpoints {
                let Some(endpoint) = network.world().endpoint_at(*id) else {
                    continue;
                };
                let wanted = endpoint.listening();
                let all = cells.get(id.0 as usize).into_iter().flatten();
                for (_, set) in all.filter(|(reach, _)| reach.any().meets(&wanted)) {
                    let known = set.iter().filter_map(|source| *group_of.get(source)?);
                    sources.extend(known);
                }
            }
            sources.remove(&number);
            sources
        });
        let open = open.collect();
        Self { cells, open }
    }

    fn pairs(&self) -> usize {
        self.open.iter().map(BTreeSet::len).sum()
    }

    /// Pairs with an end in its node's network.
    fn host_pairs(&self, ends: &Ends<'_, '_>) -> usize {
        let hosts: Vec<bool> = ends.groups().map(|group| group.is_host).collect();
        let is_host = |number: usize| hosts.get(number).copied().unwrap_or(false);
        let all = self.open.iter().enumerate();
        let pairs = all.flat_map(|(to, from)| from.iter().map(move |from| (*from, to)));
        pairs
            .filter(|(from, to)| is_host(*from) || is_host(*to))
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
        let mut needless = 0;
        for way in [Way::In, Way::Out] {
            for round in self.rounds(&rules, way) {
                let dropped: BTreeSet<Atom> = round.iter().map(|(atom, _)| atom.clone()).collect();
                let without = rules.without(&dropped, &none);
                let broken = self.look(&without, |network| {
                    let broken = self.needs.iter().filter(|need| !need.holds(network));
                    broken
                        .map(|need| need.subject(way))
                        .collect::<HashSet<Peer>>()
                })?;
                // The subjects of a round have nobody in common, so that what breaks for one
                // is for want of its own rule.
                let idle = round
                    .into_iter()
                    .filter(|(_, subjects)| subjects.is_disjoint(&broken));
                let idle: BTreeSet<Atom> = idle.map(|(atom, _)| atom).collect();
                needless += idle.len();
                rules = rules.without(&idle, &none);
            }
        }
        Ok((rules, needless))
    }

    /// Rules whose subjects have nobody in common, to be tried at once.
    fn rounds(&self, rules: &Rules, way: Way) -> Vec<Vec<(Atom, HashSet<Peer>)>> {
        type Round = (HashSet<Peer>, Vec<(Atom, HashSet<Peer>)>);
        let mut rounds: Vec<Round> = Vec::new();
        for atom in rules.atoms().filter(|atom| atom.way == way) {
            let subjects = self.ends.peers(&Place::Pods(atom.subject.clone()));
            let subjects: HashSet<Peer> = subjects.into_iter().collect();
            let free = rounds
                .iter_mut()
                .find(|(busy, _)| busy.is_disjoint(&subjects));
            let entry = (atom.clone(), subjects.clone());
            match free {
                Some((busy, round)) => {
                    busy.extend(subjects);
                    round.push(entry);
                }
                None => rounds.push((subjects, vec![entry])),
            }
        }
        rounds.into_iter().map(|(_, round)| round).collect()
    }

    /// Default denies that close nothing: the namespace is closed already.
    fn idle_denies(&self, rules: &Rules) -> Result<BTreeSet<(Str, Way)>, Failed> {
        let before = cells(self.before);
        let mut idle = BTreeSet::new();
        for way in [Way::In, Way::Out] {
            let denies = rules.denies().filter(|(_, of)| *of == way);
            let denies: BTreeSet<(Str, Way)> = denies.cloned().collect();
            if denies.is_empty() {
                continue;
            }
            let mut only = Rules::default();
            for (space, way) in &denies {
                only.deny(space, *way);
            }
            let busy = self.look(&only, |network| match way {
                Way::In => self.closed_to(&before, &cells(network)),
                Way::Out => self.closed_from(network),
            })?;
            let is_busy = |(space, _): &&(Str, Way)| busy.contains(&**space);
            idle.extend(denies.iter().filter(|deny| !is_busy(deny)).cloned());
        }
        Ok(idle)
    }

    fn space_of(&self, id: EndpointId) -> Option<&'s str> {
        let world = self.before.world();
        let endpoint = world.endpoint_at(id)?;
        Some(world.namespace_at(endpoint.namespace)?.name)
    }

    /// Namespaces that something no longer reaches. Default denies name no addresses, so the
    /// sets of both pictures have the same numbers.
    fn closed_to(
        &self,
        before: &[Vec<(Reach, Bits)>],
        after: &[Vec<(Reach, Bits)>],
    ) -> BTreeSet<&'s str> {
        let told = |cells: &[(Reach, Bits)]| -> BTreeMap<Reach, Vec<usize>> {
            let cells = cells.iter();
            cells
                .map(|(reach, set)| (reach.clone(), set.iter().collect()))
                .collect()
        };
        let pairs = (0_u32..).map(EndpointId).zip(before.iter().zip(after));
        pairs
            .filter(|(_, (before, after))| told(before) != told(after))
            .filter_map(|(id, _)| self.space_of(id))
            .collect()
    }

    /// Namespaces that no longer reach something.
    fn closed_from(&self, after: &Network<'_, '_>) -> BTreeSet<&'s str> {
        let ids: Vec<EndpointId> = self
            .before
            .world()
            .endpoint_ids()
            .map(|(id, _)| id)
            .collect();
        let pods = ids.iter().map(|id| Peer::Endpoint(*id));
        let everybody: Vec<Peer> = [Peer::Internet].into_iter().chain(pods).collect();
        let mut closed = BTreeSet::new();
        for id in ids {
            let Some(space) = self.space_of(id).filter(|space| !closed.contains(space)) else {
                continue;
            };
            let from = Peer::Endpoint(id);
            let is_closed = |to: &&Peer| self.before.reach(from, **to) != after.reach(from, **to);
            if everybody.iter().any(|to| is_closed(&to)) {
                closed.insert(space);
            }
        }
        closed
    }

    /// Fails when something that was seen is closed.
    fn holding(&self, rules: &Rules) -> Result<(), Failed> {
        let broken = self.look(rules, |network| {
            let broken = self.needs.iter().find(|need| !need.holds(network))?;
            let reason = closing(network, broken);
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
        let own: HashSet<(Str, String)> = rules
            .written(self.snapshot, &[])
            .into_iter()
            .map(|policy| (policy.namespace, policy.name))
            .collect();
        let (pairs, hosts, keepers, closed, opened) = self.look(rules, |network| {
            let after = Picture::of(network, self.ends);
            let opened = self.opened(before, &after);
            let keepers = self.keepers(network, &own);
            let closed = self.closed_ways(network);
            let hosts = after.host_pairs(self.ends);
            (after.pairs(), hosts, keepers, closed, opened)
        })?;
        if let Some(opened) = opened {
            return Err(Failed::Opens(opened));
        }
        answer.pairs = (before.pairs(), pairs);
        answer.host_pairs = hosts;
        answer.keepers = keepers;
        answer.closed_ways = closed;
        Ok(())
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
        own: &HashSet<(Str, String)>,
    ) -> Vec<(Citation, usize)> {
        let used: HashSet<(Peer, Peer)> = self.needs.iter().map(|n| (n.from, n.to)).collect();
        let mut found: BTreeMap<(String, String), (Citation, usize)> = BTreeMap::new();
        // Whoever is in its node's network passes whatever policies say.
        let groups = self.ends.groups().filter(|group| !group.is_host);
        let ids = groups.flat_map(|group| &group.endpoints).copied();
        let ids: Vec<EndpointId> = ids.collect();
        let pairs = ids
            .iter()
            .flat_map(|to| ids.iter().map(move |from| (*from, *to)));
        let mut asked = 0;
        for (from, to) in pairs {
            let (source, target) = (Peer::Endpoint(from), Peer::Endpoint(to));
            if from == to || used.contains(&(source, target)) {
                continue;
            }
            let Some(endpoint) = network.world().endpoint_at(to) else {
                continue;
            };
            let open = network
                .reach(source, target)
                .any()
                .and(&endpoint.listening());
            let Some((protocol, port, _)) = open.ranges().next() else {
                continue;
            };
            asked += 1;
            if asked > MOST_ASKED {
                break;
            }
            let why = network.why(&Call::new(source, target, protocol, port));
            let steps = why.steps.iter();
            let inward = steps.filter(|step| step.direction == Direction::Ingress);
            for cite in inward.flat_map(|step| &step.cites) {
                let reference = &cite.object.reference;
                if own.contains(&(cite.object.namespace().into(), reference.name.to_string())) {
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
        look: impl FnOnce(&Network<'_, '_>) -> T,
    ) -> Result<T, Failed> {
        let mut changes = Vec::new();
        for policy in rules.written(self.snapshot, &[]) {
            changes.push(Change::Put(Box::new(read(&policy.yaml)?)));
        }
        let snapshot = self.snapshot.clone().apply(changes);
        let world = World::new(&snapshot);
        let network = Network::new(&world, &Config::default());
        Ok(look(&network))
    }
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

/// What closes a connection, in words.
fn closing(network: &Network<'_, '_>, need: &Need) -> String {
    let why = network.why(&Call::new(need.from, need.to, need.protocol, need.port));
    let mut layers = why.layers.iter();
    if let Some(told) = layers.find(|told| told.verdict == Verdict::Closed) {
        return told.said.clone();
    }
    let mut steps = why.steps.iter();
    let step = steps.find(|step| step.verdict == Verdict::Closed);
    step.map_or_else(String::new, |step| step.reason.words().to_owned())
}
