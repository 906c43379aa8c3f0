//! What the policies together let pass: one row for all endpoints that the same policies hold.
//!
//! A row cuts the line of ports where one of its rules begins or ends. For each piece it walks
//! the tiers once with sets of places: who is not decided yet, who may pass, who was refused.
//! Nothing here looks at pairs.

use crate::places::Places;
use crate::policy::{Action, Asks, Direction, Policy, Rule, Tier};
use crate::reach::{Bits, Ports, Protocol};
use crate::why::Verdict;
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// Ports that are open for the same peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) ports: Ports,
    /// For whom.
    pub(crate) all: Bits,
    /// For whom only some requests pass.
    pub(crate) some: Option<Bits>,
}

/// Who passes, by port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) groups: Vec<Group>,
}

/// Ports that are open, and ports where only some requests pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Reach {
    /// Whatever is sent passes.
    pub all: Ports,
    /// What passes depends on the request: its path, its name in DNS or TLS.
    pub some: Ports,
}

impl Reach {
    /// Everything passes.
    pub fn everything() -> Self {
        Self {
            all: Ports::all(),
            some: Ports::none(),
        }
    }

    /// Whether nothing passes.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.some.is_empty()
    }

    /// What passes on one port.
    pub fn verdict(&self, protocol: Protocol, port: u16) -> Verdict {
        if self.all.has(protocol, port) {
            Verdict::Open
        } else if self.some.has(protocol, port) {
            Verdict::Some
        } else {
            Verdict::Closed
        }
    }

    /// Ports where something passes.
    pub fn any(&self) -> Ports {
        self.all.or(&self.some)
    }

    /// What passes both.
    #[must_use]
    pub fn and(&self, other: &Reach) -> Reach {
        let all = self.all.and(&other.all);
        let some = self.any().and(&other.any()).without(&all);
        Reach { all, some }
    }

    /// What passes one of them.
    #[must_use]
    pub fn or(&self, other: &Reach) -> Reach {
        let all = self.all.or(&other.all);
        let some = self.some.or(&other.some).without(&all);
        Reach { all, some }
    }
}

impl Row {
    /// The row of what nothing holds.
    pub(crate) fn open(places: &Places) -> Self {
        Self {
            groups: vec![Group {
                ports: Ports::all(),
                all: places.all(),
                some: None,
            }],
        }
    }

    /// What passes between the row's endpoints and a place.
    pub(crate) fn at(&self, place: usize) -> Reach {
        let of = |test: fn(&Group, usize) -> bool| {
            let groups = self.groups.iter().filter(|group| test(group, place));
            Ports::union(groups.map(|group| &group.ports))
        };
        let all = of(|group, place| group.all.has(place));
        let some = of(|group, place| group.some.as_ref().is_some_and(|s| s.has(place)));
        Reach { all, some }
    }

    /// Between whom and the row's endpoints something passes on a port.
    pub(crate) fn at_port(&self, protocol: Protocol, port: u16, places: &Places) -> Bits {
        let mut set = places.none();
        for group in self
            .groups
            .iter()
            .filter(|group| group.ports.has(protocol, port))
        {
            set.add(&group.all);
            group.some.iter().for_each(|some| set.add(some));
        }
        set
    }

    /// What passes between the row's endpoints and one of several places.
    pub(crate) fn among(&self, places: &Bits) -> Reach {
        let of = |test: fn(&Group, &Bits) -> bool| {
            let groups = self.groups.iter().filter(|group| test(group, places));
            Ports::union(groups.map(|group| &group.ports))
        };
        let all = of(|group, places| group.all.meets(places));
        let some = of(|group, places| group.some.as_ref().is_some_and(|s| s.meets(places)));
        let some = some.without(&all);
        Reach { all, some }
    }

    /// Places with what passes, alike ones together; places with nothing are left out.
    pub(crate) fn parts(&self, places: &Places) -> Vec<(Reach, Bits)> {
        let mut parts = vec![(Reach::default(), places.all())];
        for group in &self.groups {
            let mut next = Vec::with_capacity(parts.len());
            for (reach, set) in parts {
                let mut rest = set;
                for (inside, is_all) in [(Some(&group.all), true), (group.some.as_ref(), false)] {
                    let Some(inside) = inside.filter(|inside| inside.meets(&rest)) else {
                        continue;
                    };
                    let mut more = reach.clone();
                    let ports = if is_all {
                        &mut more.all
                    } else {
                        &mut more.some
                    };
                    *ports = ports.or(&group.ports);
                    next.push((more, rest.and(inside)));
                    rest.subtract(inside);
                }
                if !rest.is_empty() {
                    next.push((reach, rest));
                }
            }
            parts = next;
        }
        parts.retain(|(reach, _)| !reach.is_empty());
        parts
    }
}

/// Rows of one direction.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The first is open: of endpoints that nothing holds.
    pub(crate) all: Vec<Arc<Row>>,
    /// By endpoint.
    pub(crate) of: Vec<usize>,
    /// By endpoint the policies that hold it, and whether they do for certain.
    pub(crate) holding: Vec<Vec<(usize, bool)>>,
}

/// What decides a row: the policies, and what names of ports stand for.
type Signature<'h> = (&'h [(usize, bool)], Vec<Ports>);

/// How a row comes about.
enum Job<'h> {
    /// It is the one that was there before.
    Keep(Arc<Row>),
    /// For an endpoint, from what holds it.
    Make(usize, &'h [(usize, bool)]),
}

impl Rows {
    /// The rows that policies make. What is `before` them, of the same places, is shared where
    /// it is the same.
    pub(crate) fn new(
        direction: Direction,
        policies: &[Policy<'_>],
        places: &Places,
        before: Option<Before<'_>>,
    ) -> Self {
        let mut holding: Vec<Vec<(usize, bool)>> = vec![Vec::new(); places.endpoints()];
        for (index, policy) in policies.iter().enumerate() {
            if policy.direction != direction {
                continue;
            }
            for (subjects, sure) in [(&policy.subjects, true), (&policy.perhaps, false)] {
                for subject in subjects {
                    if let Some(held) = holding.get_mut(*subject) {
                        held.push((index, sure));
                    }
                }
            }
        }
        let mut known: HashMap<Signature<'_>, usize> = HashMap::new();
        let mut kept: HashMap<*const Row, usize> = HashMap::new();
        let mut jobs: Vec<Job<'_>> = Vec::new();
        let mut of = Vec::with_capacity(holding.len());
        for (endpoint, held) in holding.iter().enumerate() {
            if held.is_empty() {
                of.push(0);
                continue;
            }
            let next = jobs.len() + 1;
            if let Some(row) = before.and_then(|before| before.row(endpoint, held, policies)) {
                let number = *kept.entry(Arc::as_ptr(row)).or_insert(next);
                if number == next {
                    jobs.push(Job::Keep(Arc::clone(row)));
                }
                of.push(number);
                continue;
            }
            let names = match direction {
                Direction::Ingress => resolved(endpoint, held, policies, places),
                Direction::Egress => Vec::new(),
            };
            let number = *known.entry((held, names)).or_insert(next);
            if number == next {
                jobs.push(Job::Make(endpoint, held));
            }
            of.push(number);
        }
        let made = jobs.into_par_iter().map(|job| match job {
            Job::Keep(row) => row,
            Job::Make(endpoint, held) => {
                let maker = Maker::new(direction, endpoint, held, policies, places);
                Arc::new(maker.row())
            }
        });
        let made: Vec<Arc<Row>> = made.collect();
        let open = before.and_then(|before| before.rows.all.first());
        let open = open.map_or_else(|| Arc::new(Row::open(places)), Arc::clone);
        let mut all = vec![open];
        all.extend(made);
        Self { all, of, holding }
    }

    /// The row of an endpoint.
    pub(crate) fn row(&self, endpoint: usize) -> Option<&Arc<Row>> {
        self.all.get(*self.of.get(endpoint)?)
    }
}

/// Rows of a network that another one comes of.
#[derive(Clone, Copy)]
pub(crate) struct Before<'b> {
    pub(crate) rows: &'b Rows,
    pub(crate) policies: &'b [Policy<'b>],
}

impl<'b> Before<'b> {
    /// The row of an endpoint, if the policies that hold it now are those that held it.
    fn row(
        &self,
        endpoint: usize,
        held: &[(usize, bool)],
        policies: &[Policy<'_>],
    ) -> Option<&'b Arc<Row>> {
        let known = self.rows.holding.get(endpoint)?;
        let is_same = |((old, was), (new, is)): (&(usize, bool), &(usize, bool))| {
            let both = self.policies.get(*old).zip(policies.get(*new));
            was == is && both.is_some_and(|(old, new)| Arc::ptr_eq(&old.ruling, &new.ruling))
        };
        let are_same = known.len() == held.len() && known.iter().zip(held).all(is_same);
        are_same.then(|| self.rows.row(endpoint)).flatten()
    }
}

/// What the names of ports stand for at an endpoint, in the order in which its policies use
/// them.
fn resolved(
    endpoint: usize,
    held: &[(usize, bool)],
    policies: &[Policy<'_>],
    places: &Places,
) -> Vec<Ports> {
    let held = held.iter().filter_map(|(index, _)| policies.get(*index));
    let names = held
        .flat_map(|policy| &policy.rules)
        .flat_map(|rule| &rule.ports.names);
    names
        .map(|(protocol, name)| places.resolve(endpoint, *protocol, name))
        .collect()
}

/// What a rule means for one row: whom it speaks of and on which ports.
pub(crate) fn meant(
    rule: &Rule,
    direction: Direction,
    subject: usize,
    places: &Places,
) -> Vec<(Option<Bits>, Ports)> {
    let resolve = |place: usize| {
        let named = rule.ports.names.iter();
        let named: Vec<Ports> = named
            .map(|(p, name)| places.resolve(place, *p, name))
            .collect();
        Ports::union(&named).or(&rule.ports.numbers)
    };
    if rule.ports.names.is_empty() {
        return vec![(None, rule.ports.numbers.clone())];
    }
    if direction == Direction::Ingress {
        return vec![(None, resolve(subject))];
    }
    // Every destination resolves a name for itself.
    let mut by_ports: Vec<(Option<Bits>, Ports)> = Vec::new();
    for place in rule.parties.iter() {
        let ports = resolve(place);
        let known = by_ports.iter().position(|(_, known)| *known == ports);
        let index = known.unwrap_or_else(|| {
            by_ports.push((Some(places.none()), ports));
            by_ports.len() - 1
        });
        if let Some((Some(set), _)) = by_ports.get_mut(index) {
            set.insert(place);
        }
    }
    by_ports
}

/// A rule, whom it speaks of, on which ports.
struct Meaning<'n> {
    action: Action,
    parties: std::borrow::Cow<'n, Bits>,
    ports: Ports,
    condition: Option<&'n Asks>,
}

/// A policy that holds the row, with what it means there.
struct Held<'n> {
    tier: Tier,
    priority: i64,
    isolates: bool,
    is_cilium: bool,
    rules: Vec<Meaning<'n>>,
}

/// Makes one row.
struct Maker<'n> {
    direction: Direction,
    places: &'n Places,
    held: Vec<Held<'n>>,
}

/// One piece of the line of ports on its way through the tiers.
#[derive(Clone)]
struct Piece {
    undecided: Bits,
    allowed: Bits,
    some: Bits,
    refused: Bits,
}

impl<'n> Maker<'n> {
    fn new(
        direction: Direction,
        subject: usize,
        held: &[(usize, bool)],
        policies: &'n [Policy<'_>],
        places: &'n Places,
    ) -> Self {
        let mut all: Vec<Held<'n>> = Vec::with_capacity(held.len());
        for (index, sure) in held {
            let Some(policy) = policies.get(*index) else {
                continue;
            };
            let mut rules = Vec::new();
            for rule in &policy.rules {
                // What may hold this endpoint stops nothing.
                if !sure && rule.action != Action::Allow {
                    continue;
                }
                for (parties, ports) in meant(rule, direction, subject, places) {
                    rules.push(Meaning {
                        action: rule.action,
                        parties: match parties {
                            Some(parties) => std::borrow::Cow::Owned(parties),
                            None => std::borrow::Cow::Borrowed(&*rule.parties),
                        },
                        ports,
                        condition: rule.condition.as_ref(),
                    });
                }
            }
            all.push(Held {
                tier: policy.tier,
                priority: policy.priority,
                isolates: policy.isolates && *sure,
                is_cilium: policy.is_cilium,
                rules,
            });
        }
        all.sort_by_key(|held| (held.tier, held.priority));
        Self {
            direction,
            places,
            held: all,
        }
    }

    fn row(&self) -> Row {
        let whole = Ports::all();
        let rules = self.held.iter().flat_map(|held| &held.rules);
        let mut cuts: Vec<u32> = rules.flat_map(|rule| rule.ports.cuts()).collect();
        cuts.extend(whole.cuts());
        cuts.sort_unstable();
        cuts.dedup();
        let mut merged: HashMap<(Bits, Bits), Vec<Ports>> = HashMap::new();
        let mut order: Vec<(Bits, Bits)> = Vec::new();
        for pair in cuts.windows(2) {
            let (Some(start), Some(end)) = (pair.first(), pair.get(1)) else {
                continue;
            };
            if !whole.has_point(*start) {
                continue;
            }
            let key = self.piece(*start);
            let known = merged.entry(key.clone()).or_default();
            if known.is_empty() {
                order.push(key);
            }
            known.push(Ports::between(*start, *end));
        }
        let groups = order.into_iter().filter_map(|key| {
            let ports = Ports::union(merged.get(&key)?);
            let (all, some) = key;
            Some(Group {
                ports,
                all,
                some: (!some.is_empty()).then_some(some),
            })
        });
        Row {
            groups: groups
                .filter(|g| !g.all.is_empty() || g.some.is_some())
                .collect(),
        }
    }

    /// Who passes at a point of the line, and for whom only some requests do.
    fn piece(&self, point: u32) -> (Bits, Bits) {
        let mut piece = Piece {
            undecided: self.places.all(),
            allowed: self.places.none(),
            some: self.places.none(),
            refused: self.places.none(),
        };
        self.ranked(Tier::Admin, point, &mut piece);
        self.united(point, &mut piece);
        self.ranked(Tier::Baseline, point, &mut piece);
        let Piece {
            undecided,
            mut allowed,
            mut some,
            refused,
        } = piece;
        allowed.add(&undecided);
        if self.reaches_own_node() {
            allowed.add_except(&self.places.hosts, &refused);
        }
        some.subtract(&allowed);
        (allowed, some)
    }

    /// Whether the node that a pod is on always reaches it, and is reached from it. So it is
    /// with NetworkPolicy; Cilium lets only traffic from the node pass by itself.
    fn reaches_own_node(&self) -> bool {
        let mut held = self.held.iter();
        self.direction == Direction::Ingress || !held.any(|h| h.is_cilium && h.isolates)
    }

    fn tier(&self, tier: Tier) -> impl Iterator<Item = &Held<'n>> {
        self.held.iter().filter(move |held| held.tier == tier)
    }

    /// Tiers where the first rule that matches decides. Of policies with one priority nobody
    /// can say which comes first: what one of them allows is taken as allowed.
    fn ranked(&self, tier: Tier, point: u32, piece: &mut Piece) {
        let all: Vec<&Held<'_>> = self.tier(tier).collect();
        if all.is_empty() {
            return;
        }
        let mut passed = self.places.none();
        for alike in all.chunk_by(|a, b| a.priority == b.priority) {
            let [mut accepted, mut left, mut denied] = [(); 3].map(|()| self.places.none());
            for policy in alike {
                let [accept, pass, deny, some] = policy.verdict(point, piece, self.places);
                accepted.add(&accept);
                left.add(&pass);
                denied.add(&deny);
                piece.some.add(&some);
            }
            left.subtract(&accepted);
            denied.subtract(&accepted);
            denied.subtract(&left);
            for decided in [&accepted, &left, &denied] {
                piece.undecided.subtract(decided);
            }
            piece.allowed.add(&accepted);
            piece.refused.add(&denied);
            passed.add(&left);
        }
        piece.undecided.add(&passed);
    }

    /// The tier where everything is united: what denies first, then what allows; what is held
    /// and not allowed is refused.
    fn united(&self, point: u32, piece: &mut Piece) {
        let rules = || {
            let rules = self.tier(Tier::Namespace).flat_map(|held| &held.rules);
            rules.filter(|rule| rule.ports.has_point(point))
        };
        for rule in rules().filter(|rule| rule.action == Action::Deny) {
            let denied = piece.undecided.and(&rule.parties);
            piece.undecided.subtract(&denied);
            piece.refused.add(&denied);
        }
        for rule in rules().filter(|rule| rule.action == Action::Allow) {
            let open = if rule.condition.is_some() {
                &mut piece.some
            } else {
                &mut piece.allowed
            };
            open.add_common(&piece.undecided, &rule.parties);
        }
        if self.tier(Tier::Namespace).any(|held| held.isolates) {
            piece.undecided.clear();
        } else {
            piece.undecided.subtract(&piece.allowed);
        }
    }
}

impl Held<'_> {
    /// Of whom is not decided yet: accepted, passed on, denied, by the first rule that matches;
    /// and for whom some requests are accepted before that.
    fn verdict(&self, point: u32, piece: &Piece, places: &Places) -> [Bits; 4] {
        let mut open = piece.undecided.clone();
        let [mut accepted, mut passed, mut denied, mut some] = [(); 4].map(|()| places.none());
        for rule in self.rules.iter().filter(|rule| rule.ports.has_point(point)) {
            let matched = open.and(&rule.parties);
            match (rule.action, rule.condition) {
                // What comes behind decides about the other requests.
                (Action::Allow, Some(_)) => {
                    some.add(&matched);
                    continue;
                }
                (Action::Allow, None) => accepted.add(&matched),
                (Action::Pass, _) => passed.add(&matched),
                (Action::Deny, _) => denied.add(&matched),
            }
            open.subtract(&matched);
        }
        [accepted, passed, denied, some]
    }
}
