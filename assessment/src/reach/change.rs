//! What a change does to who reaches whom.

use super::flows::{Flows, flows};
use super::{Question, Unknown, Verdict};
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
#[derive(Debug, Default)]
pub struct Change {
    /// Connections that are possible now and were not.
    pub opened: Vec<Difference>,
    /// Connections that were possible and are not any more.
    pub closed: Vec<Difference>,
}

/// Compares two states of an environment. Whoever is in one of them only counts, too: a new
/// workload that is reached is a new connection.
pub fn change(before: &Snapshot, after: &Snapshot, question: &Question) -> Result<Change, Unknown> {
    // Words may mean somebody in one of the two only.
    let (one, other) = (flows(before, question), flows(after, question));
    let (one, other) = match (one, other) {
        (Err(unknown), Err(_)) => return Err(unknown),
        (one, other) => (one.unwrap_or_default(), other.unwrap_or_default()),
    };
    let (one, other) = (connections(&one), connections(&other));
    Ok(Change {
        opened: beyond(&other, &one),
        closed: beyond(&one, &other),
    })
}

/// A source, a destination and what passes.
type Connection<'f> = (&'f str, &'f str, String);

fn connections(flows: &Flows) -> BTreeSet<Connection<'_>> {
    let name = |place: usize| flows.places.get(place).map_or("", |place| &*place.name);
    let mut all = BTreeSet::new();
    for flow in &flows.flows {
        for from in &flow.from {
            let (from, to) = (name(*from), name(flow.to));
            for port in ports(&flow.ports) {
                all.insert((from, to, port));
            }
            for port in ports(&flow.conditional) {
                all.insert((from, to, format!("some requests on {port}")));
            }
        }
    }
    for way in &flows.ways {
        let said = match way.verdict {
            Verdict::Closed => continue,
            Verdict::Some => format!("some requests on {}", way.port),
            Verdict::Open => way.port.clone(),
        };
        all.insert(("internet", name(way.to), said));
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

/// What one has and the other has not, by destination and port.
fn beyond(one: &BTreeSet<Connection<'_>>, other: &BTreeSet<Connection<'_>>) -> Vec<Difference> {
    let mut by_port: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for connection @ (from, to, ports) in one {
        if !other.contains(connection) {
            let sources = by_port.entry((to, ports)).or_default();
            sources.push((*from).to_owned());
        }
    }
    // Ports that the same sources come to are told together.
    let mut told: BTreeMap<(&str, Vec<String>), Vec<&str>> = BTreeMap::new();
    for ((to, ports), from) in by_port {
        told.entry((to, from)).or_default().push(ports);
    }
    told.into_iter()
        .map(|((to, from), ports)| Difference {
            to: to.to_owned(),
            ports: ports.join(", "),
            from,
        })
        .collect()
}
