//! Rules as text: each kind has its writer, and what they share is here.

mod authz;
mod cnp;
mod linkerd;
mod netpol;

use super::ends::{Ends, Place, Pods};
use super::kind::Kind;
use super::rules::{Atom, Heading, Rules, Way};
use seawall_model::{Span, Str};
use seawall_network::{NOT_PUBLIC, Protocol};
use seawall_yaml::{Entry, Map, Node, Value, to_yaml};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Flows that are named above a policy at most.
const MOST_TOLD: usize = 12;

/// A policy as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// What kind of object it is.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: Str,
    /// Its name.
    pub name: String,
    /// Comment and object.
    pub yaml: String,
}

/// A kind of object.
#[derive(Debug, Clone, Copy)]
struct Type {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
}

/// The text that rules become, named so that no object of the picture is replaced.
pub(super) fn written(rules: &Rules, ends: &Ends<'_, '_>, headings: &[Heading]) -> Vec<Generated> {
    let mut draft = Draft {
        rules,
        ends,
        headings,
        taken: BTreeSet::new(),
        all: Vec::new(),
    };
    match ends.kind {
        Kind::Netpol => netpol::write(&mut draft),
        Kind::Cnp => cnp::write(&mut draft),
        Kind::Authz => authz::write(&mut draft),
        Kind::Linkerd => linkerd::write(&mut draft),
    }
    let mut all = draft.all;
    all.sort_by(|a, b| (&a.namespace, &a.name, a.kind).cmp(&(&b.namespace, &b.name, b.kind)));
    all
}

/// Objects that are being written.
struct Draft<'a, 'w, 's> {
    rules: &'a Rules,
    ends: &'a Ends<'w, 's>,
    headings: &'a [Heading],
    taken: BTreeSet<(&'static str, Str, String)>,
    all: Vec<Generated>,
}

impl<'a> Draft<'a, '_, '_> {
    /// A name that no object of the kind has.
    fn named(&mut self, what: Type, namespace: &Str, wish: &str) -> String {
        let known = self.ends.world.of_kind(what.group, what.kind);
        let is_known = |name: &str| {
            let mut known = known.iter();
            known.any(|o| o.namespace() == &**namespace && &*o.reference.name == name)
        };
        let tries = (2_u32..).map(|n| format!("{wish}-{n}"));
        let mut names = std::iter::once(wish.to_owned()).chain(tries);
        let taken = &mut self.taken;
        let free = names.find(|name| {
            !is_known(name) && taken.insert((what.kind, namespace.clone(), name.clone()))
        });
        free.unwrap_or_default()
    }

    /// Puts an object to the others.
    fn put(&mut self, what: Type, namespace: &Str, name: String, comment: &str, spec: Node) {
        let about = map([("name", text(&name)), ("namespace", text(namespace))]);
        let version = format!("{}/{}", what.group, what.version);
        let object = map([
            ("apiVersion", text(&version)),
            ("kind", text(what.kind)),
            ("metadata", about),
            ("spec", spec),
        ]);
        self.all.push(Generated {
            kind: what.kind,
            namespace: namespace.clone(),
            name,
            yaml: format!("{comment}{}", to_yaml(&object)),
        });
    }

    /// The atoms of each subject and direction.
    fn by_subject(&self) -> BTreeMap<(&'a Pods, Way), Vec<&'a Atom>> {
        let mut all: BTreeMap<(&Pods, Way), Vec<&Atom>> = BTreeMap::new();
        for atom in self.rules.atoms() {
            let of = all.entry((&atom.subject, atom.way)).or_default();
            of.push(atom);
        }
        all
    }

    /// The flows that atoms are for.
    fn comment(&self, atoms: &[&Atom]) -> String {
        let is_for = |heading: &&Heading| atoms.iter().any(|atom| heading.is_for(atom));
        let headings = self.headings.iter().filter(is_for);
        let mut told: Vec<&str> = headings.map(|heading| &*heading.text).collect();
        // A flow that the network may see at two ports stands there twice.
        told.dedup();
        let mut text = String::new();
        let dns = Place::Pods(Pods::dns());
        let asks = atoms.iter().any(|atom| atom.peer == dns);
        if asks && !told.iter().any(|line| line.contains("dns")) {
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
}

/// A part of an object's name, of what a workload is called.
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

/// All public addresses. What is private is left out: pods, nodes, and where clouds hand out
/// credentials.
fn public_blocks() -> impl Iterator<Item = Node> {
    ["0.0.0.0/0", "::/0"].into_iter().map(|all| {
        let is_v6 = |block: &str| block.contains(':');
        let out = NOT_PUBLIC.into_iter();
        let out = out.filter(|block| is_v6(block) == is_v6(all)).map(text);
        map([("cidr", text(all)), ("except", list(out))])
    })
}

fn selector(labels: &BTreeMap<Str, Str>) -> Node {
    if labels.is_empty() {
        return map([]);
    }
    map([("matchLabels", labels_of(labels))])
}

fn labels_of(labels: &BTreeMap<Str, Str>) -> Node {
    map(labels.iter().map(|(key, value)| (&**key, text(value))))
}

fn number(number: u16) -> Node {
    Node::new(Value::Int(i64::from(number)), Span::NONE)
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
