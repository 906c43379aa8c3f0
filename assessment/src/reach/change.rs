//! What a change does to who reaches whom.

use super::flows::{Flows, flows, flows_in};
use super::{Question, Unknown, Verdict};
use seawall_network::Network;
use seawall_snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

/// What passes on some ports of one destination in one state and not in the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// To whom.
    pub to: String,
    /// The ports, or what passes on them.
    pub ports: String,
    /// From whom, in order.
    pub from: Vec<String>,
}

/// What a change opens and closes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Connections that are possible now and were not.
    pub opened: Vec<Difference>,
    /// Connections that were possible and are not any more.
    pub closed: Vec<Difference>,
}

impl Change {
    /// Whether nothing is opened or closed.
    pub fn is_none(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty()
    }
}

/// Compares two states of an environment. Whoever is in one of them only counts, too: a new
/// workload that is reached is a new connection.
pub fn change(before: &Snapshot, after: &Snapshot, question: &Question) -> Result<Change, Unknown> {
    compare(flows(before, question), flows(after, question))
}

/// The same, the network after the change being known.
pub(crate) fn change_to(
    before: &Snapshot,
    after: &Network<'_, '_>,
    question: &Question,
) -> Result<Change, Unknown> {
    compare(flows(before, question), flows_in(after, question))
}

fn compare(one: Result<Flows, Unknown>, other: Result<Flows, Unknown>) -> Result<Change, Unknown> {
    // Words may mean somebody in one of the two only.
    let (one, other) = match (one, other) {
        (Err(unknown), Err(_)) => return Err(unknown),
        (one, other) => (one.unwrap_or_default(), other.unwrap_or_default()),
    };
    let (one, other) = (Arrivals::of(&one), Arrivals::of(&other));
    let targets: BTreeSet<&str> = one.0.keys().chain(other.0.keys()).copied().collect();
    let mut change = Change::default();
    // One destination at a time: most are as they were, and all pairs at once would be many.
    for to in targets {
        let (before, after) = (one.to(to), other.to(to));
        if before != after {
            let (before, after) = (by_port(before), by_port(after));
            change.opened.extend(beyond(to, &after, &before));
            change.closed.extend(beyond(to, &before, &after));
        }
    }
    Ok(change)
}

/// What arrives at each destination: what passes, in words, with all who send it.
struct Arrivals<'f>(BTreeMap<&'f str, Vec<Arrival<'f>>>);

/// Ports, whether only some requests pass on them, and from whom.
type Arrival<'f> = (&'f str, bool, Vec<&'f str>);

impl<'f> Arrivals<'f> {
    fn of(flows: &'f Flows) -> Self {
        let name = |place: usize| flows.places.get(place).map_or("", |place| &*place.name);
        let mut all: BTreeMap<&str, Vec<Arrival<'_>>> = BTreeMap::new();
        for flow in &flows.flows {
            let mut from: Vec<&str> = flow.from.iter().map(|place| name(*place)).collect();
            from.sort_unstable();
            let arrivals = all.entry(name(flow.to)).or_default();
            for (ports, is_conditional) in [(&flow.ports, false), (&flow.conditional, true)] {
                if !ports.is_empty() {
                    arrivals.push((ports, is_conditional, from.clone()));
                }
            }
        }
        let open = flows
            .ways
            .iter()
            .filter(|way| way.verdict != Verdict::Closed);
        for way in open {
            let is_conditional = way.verdict == Verdict::Some;
            let arrival = (&*way.port, is_conditional, vec!["internet"]);
            all.entry(name(way.to)).or_default().push(arrival);
        }
        for arrivals in all.values_mut() {
            arrivals.sort_unstable();
            arrivals.dedup();
        }
        Self(all)
    }

    fn to(&self, target: &str) -> &[Arrival<'f>] {
        self.0.get(target).map_or(&[], Vec::as_slice)
    }
}

/// Who sends, by each port alone.
type Senders<'f> = BTreeMap<String, BTreeSet<&'f str>>;

fn by_port<'f>(arrivals: &[Arrival<'f>]) -> Senders<'f> {
    let mut all = Senders::new();
    for (text, is_conditional, from) in arrivals {
        for port in ports(text) {
            let port = if *is_conditional {
                format!("some requests on {port}")
            } else {
                port
            };
            all.entry(port).or_default().extend(from);
        }
    }
    all
}

/// `TCP 80, 443; UDP 53` one by one.
fn ports(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for part in text.split("; ").filter(|part| !part.is_empty()) {
        let (protocol, numbers) = part.split_once(' ').unwrap_or((part, ""));
        for number in numbers.split(", ") {
            all.push(format!("{protocol} {number}").trim_end().to_owned());
        }
    }
    all
}

/// What one has and the other has not. Ports that the same sources come to are told together.
fn beyond<'f>(to: &str, one: &Senders<'f>, other: &Senders<'f>) -> Vec<Difference> {
    let mut told: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (port, from) in one {
        let known = other.get(port);
        let new = from
            .iter()
            .filter(|one| known.is_none_or(|known| !known.contains(*one)));
        let new: Vec<&str> = new.copied().collect();
        if !new.is_empty() {
            told.entry(new).or_default().push(port);
        }
    }
    let difference = |(from, ports): (Vec<&str>, Vec<&str>)| Difference {
        to: to.to_owned(),
        ports: ports.join(", "),
        from: from.into_iter().map(str::to_owned).collect(),
    };
    told.into_iter().map(difference).collect()
}
