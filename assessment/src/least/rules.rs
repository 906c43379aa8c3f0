//! Rules, and the text that they become.
//!
//! A rule is kept in its smallest parts, one port of one peer of one subject, so that each can
//! be tried by itself; in the text those that say the same are together.

use super::ends::{Place, Pods};
use seawall_model::{Span, Str};
use seawall_network::{NOT_PUBLIC, Protocol};
use seawall_snapshot::Snapshot;
use seawall_yaml::{Entry, Map, Node, Value, to_yaml};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Flows that are named above a policy at most.
const MOST_TOLD: usize = 12;

/// The direction of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    In,
    Out,
}

/// The smallest part of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Atom {
    pub(super) subject: Pods,
    pub(super) way: Way,
    pub(super) peer: Place,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// Rules, with the namespaces where everything else is closed.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    atoms: BTreeSet<Atom>,
    denies: BTreeSet<(Str, Way)>,
}

/// A policy as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Its namespace.
    pub namespace: Str,
    /// Its name.
    pub name: String,
    /// Comment and object.
    pub yaml: String,
}

/// A flow in words, for the policies that let it pass.
#[derive(Debug)]
pub(super) struct Heading {
    pub(super) way: Way,
    pub(super) subject: Pods,
    pub(super) peer: Place,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) text: String,
}

impl Way {
    fn policy_type(self) -> &'static str {
        match self {
            Way::In => "Ingress",
            Way::Out => "Egress",
        }
    }

    fn list(self) -> &'static str {
        match self {
            Way::In => "ingress",
            Way::Out => "egress",
        }
    }

    fn peers(self) -> &'static str {
        match self {
            Way::In => "from",
            Way::Out => "to",
        }
    }
}

impl Rules {
    pub(super) fn add(&mut self, atom: Atom) {
        self.atoms.insert(atom);
    }

    pub(super) fn deny(&mut self, namespace: &str, way: Way) {
        self.denies.insert((namespace.into(), way));
    }

    pub(super) fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.atoms.iter()
    }

    pub(super) fn denies(&self) -> impl Iterator<Item = &(Str, Way)> {
        self.denies.iter()
    }

    /// Without some of its atoms and denies.
    pub(super) fn without(&self, atoms: &BTreeSet<Atom>, denies: &BTreeSet<(Str, Way)>) -> Self {
        Self {
            atoms: self.atoms.difference(atoms).cloned().collect(),
            denies: self.denies.difference(denies).cloned().collect(),
        }
    }

    /// The policies, named so that none of the picture is replaced.
    pub(super) fn written(&self, snapshot: &Snapshot, headings: &[Heading]) -> Vec<Generated> {
        let mut taken: BTreeSet<(Str, String)> = snapshot
            .objects()
            .filter(|(_, object)| &*object.reference.kind == "NetworkPolicy")
            .map(|(_, object)| {
                let name = object.reference.name.to_string();
                (object.namespace().into(), name)
            })
            .collect();
        let mut named = |namespace: &Str, name: String| {
            let tries = (2_u32..).map(|n| format!("{name}-{n}"));
            let free = std::iter::once(name.clone())
                .chain(tries)
                .find(|name| taken.insert((namespace.clone(), name.clone())));
            free.unwrap_or(name)
        };
        let mut all = Vec::new();
        for (namespace, way) in &self.denies {
            let name = named(namespace, format!("default-deny-{}", way.list()));
            let node = policy(namespace, &name, *way, &BTreeMap::new(), None);
            let what = match way {
                Way::In => "Nothing reaches the pods here but what other policies allow.",
                Way::Out => "The pods here reach nothing but what other policies allow.",
            };
            all.push(Generated {
                namespace: namespace.clone(),
                name,
                yaml: format!("# {what}\n{}", to_yaml(&node)),
            });
        }
        let mut by_policy: BTreeMap<(&Pods, Way), Vec<&Atom>> = BTreeMap::new();
        for atom in &self.atoms {
            let policy = by_policy.entry((&atom.subject, atom.way)).or_default();
            policy.push(atom);
        }
        for ((subject, way), atoms) in by_policy {
            let namespace = &subject.namespace;
            let is_dns = subject.labels.is_empty();
            let name = if is_dns {
                "allow-dns".to_owned()
            } else {
                format!("{}-{}", dns_name(&subject.name), way.list())
            };
            let name = named(namespace, name);
            let node = policy(namespace, &name, way, &subject.labels, Some(&atoms));
            let comment = if is_dns {
                "# All pods here may ask for names.\n".to_owned()
            } else {
                comment(headings, &atoms)
            };
            all.push(Generated {
                namespace: namespace.clone(),
                name,
                yaml: comment + &to_yaml(&node),
            });
        }
        all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        all
    }
}

/// The flows that a policy is for.
fn comment(headings: &[Heading], atoms: &[&Atom]) -> String {
    let is_for = |heading: &&Heading| {
        atoms.iter().any(|atom| {
            (atom.way, &atom.subject, &atom.peer) == (heading.way, &heading.subject, &heading.peer)
                && (atom.protocol, atom.port) == (heading.protocol, heading.port)
        })
    };
    let told: Vec<&str> = headings
        .iter()
        .filter(is_for)
        .map(|heading| &*heading.text)
        .collect();
    let mut text = String::new();
    let dns = Place::Pods(Pods::dns());
    if atoms.iter().any(|atom| atom.peer == dns) && !told.iter().any(|line| line.contains("dns")) {
        text.push_str("# It may ask for names.\n");
    }
    for line in told.iter().take(MOST_TOLD) {
        let line: String = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let _ = writeln!(text, "# {line}");
    }
    if told.len() > MOST_TOLD {
        let _ = writeln!(text, "# and {} more", told.len() - MOST_TOLD);
    }
    text
}

/// A name for an object, of what a workload is called.
fn dns_name(name: &str) -> String {
    let kept = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().take(200).map(kept).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "pods".to_owned()
    } else {
        name.to_owned()
    }
}

fn policy(
    namespace: &Str,
    name: &str,
    way: Way,
    labels: &BTreeMap<Str, Str>,
    atoms: Option<&[&Atom]>,
) -> Node {
    let mut spec = vec![
        ("podSelector", selector(labels)),
        ("policyTypes", list([text(way.policy_type())])),
    ];
    if let Some(atoms) = atoms {
        spec.push((
            way.list(),
            list(grouped(atoms).map(|(ports, peers)| {
                let peers = peers.into_iter().flat_map(|peer| nodes(peer, namespace));
                let ports = ports.into_iter().map(|(protocol, port)| {
                    map([
                        ("port", Node::new(Value::Int(i64::from(port)), Span::NONE)),
                        ("protocol", text(protocol.name())),
                    ])
                });
                map([(way.peers(), list(peers)), ("ports", list(ports))])
            })),
        ));
    }
    map([
        ("apiVersion", text("networking.k8s.io/v1")),
        ("kind", text("NetworkPolicy")),
        (
            "metadata",
            map([("name", text(name)), ("namespace", text(namespace))]),
        ),
        ("spec", map(spec)),
    ])
}

type PortSet = BTreeSet<(Protocol, u16)>;

/// Peers with the same ports together.
fn grouped<'a>(atoms: &[&'a Atom]) -> impl Iterator<Item = (PortSet, BTreeSet<&'a Place>)> {
    let mut by_peer: BTreeMap<&Place, PortSet> = BTreeMap::new();
    for atom in atoms {
        let ports = by_peer.entry(&atom.peer).or_default();
        ports.insert((atom.protocol, atom.port));
    }
    let mut by_ports: BTreeMap<PortSet, BTreeSet<&Place>> = BTreeMap::new();
    for (peer, ports) in by_peer {
        by_ports.entry(ports).or_default().insert(peer);
    }
    by_ports.into_iter()
}

/// A peer as items of `from` or `to`.
fn nodes(peer: &Place, namespace: &Str) -> Vec<Node> {
    match peer {
        Place::Pods(pods) => {
            let mut entries = vec![("podSelector", selector(&pods.labels))];
            if pods.namespace != *namespace {
                let name = (
                    Str::from("kubernetes.io/metadata.name"),
                    pods.namespace.clone(),
                );
                entries.push(("namespaceSelector", selector(&BTreeMap::from([name]))));
            }
            vec![map(entries)]
        }
        // What is private is left out: pods, nodes, and where clouds hand out credentials.
        Place::Internet => ["0.0.0.0/0", "::/0"]
            .into_iter()
            .map(|all| {
                let is_v6 = |block: &str| block.contains(':');
                let out = NOT_PUBLIC.into_iter();
                let out = out.filter(|block| is_v6(block) == is_v6(all)).map(text);
                let block = map([("cidr", text(all)), ("except", list(out))]);
                map([("ipBlock", block)])
            })
            .collect(),
    }
}

fn selector(labels: &BTreeMap<Str, Str>) -> Node {
    if labels.is_empty() {
        return map([]);
    }
    let labels = labels.iter().map(|(key, value)| (&**key, text(value)));
    map([("matchLabels", map(labels))])
}

fn text(text: &str) -> Node {
    Node::string(text, Span::NONE)
}

fn list(items: impl IntoIterator<Item = Node>) -> Node {
    Node::seq(items.into_iter().collect(), Span::NONE)
}

fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
    let entries = entries.into_iter().map(|(key, value)| Entry {
        key: key.into(),
        key_span: Span::NONE,
        value,
    });
    Node::map(Map::from_entries(entries.collect()), Span::NONE)
}
