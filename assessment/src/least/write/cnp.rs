//! CiliumNetworkPolicies, of the same plan as NetworkPolicies. A rule `{}` allows nothing and
//! closes the rest, each rule names peers in one way, and blocks of addresses never mean pods.
//!
//! Where requests are known a port has rules about HTTP. Their paths are expressions that match as
//! a whole, with whatever query: what means more than itself in them is escaped.

use super::netpol::{closed, list_of, titled};
use super::{Draft, Type, grouped, labels_of, list, map, public_blocks, selector, text};
use crate::least::ends::{Place, Pods};
use crate::least::requests::Request;
use crate::least::rules::{Atom, Way};
use seawall_model::Str;
use seawall_network::Protocol;
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};

const POLICY: Type = Type {
    group: "cilium.io",
    version: "v2",
    kind: "CiliumNetworkPolicy",
};
/// Cilium's label for the namespace of pods.
const NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";

pub(super) fn write(draft: &mut Draft<'_, '_, '_>) {
    for deny in draft.rules.denies() {
        let namespace = &deny.subject.namespace;
        let wish = format!("default-deny-{}", list_of(deny.way));
        let name = draft.named(POLICY, namespace, &wish);
        let nothing = list([map([])]);
        let spec = spec(&deny.subject, deny.way, nothing);
        draft.put(POLICY, namespace, name, closed(deny.way), spec);
    }
    for ((subject, way), atoms) in draft.by_subject() {
        let (wish, comment) = titled(draft, subject, way, &atoms);
        let name = draft.named(POLICY, &subject.namespace, &wish);
        let rules = list(rules(&subject.namespace, way, &atoms));
        let spec = spec(subject, way, rules);
        draft.put(POLICY, &subject.namespace, name, &comment, spec);
    }
}

fn spec(subject: &Pods, way: Way, rules: Node) -> Node {
    map([
        ("endpointSelector", selector(&subject.labels)),
        (list_of(way), rules),
    ])
}

fn rules(namespace: &Str, way: Way, atoms: &[&Atom]) -> Vec<Node> {
    let (pods_key, blocks_key) = match way {
        Way::In => ("fromEndpoints", "fromCIDRSet"),
        Way::Out => ("toEndpoints", "toCIDRSet"),
    };
    let (asking, whole): (Vec<&Atom>, Vec<&Atom>) =
        atoms.iter().partition(|atom| atom.request.is_some());
    let whole = grouped(&whole).map(|(ports, peers)| {
        let ports = ports
            .into_iter()
            .map(|(protocol, number)| port(protocol, number));
        (list([map([("ports", list(ports))])]), peers)
    });
    let mut rules = Vec::new();
    for (ports, peers) in whole.chain(requests(&asking)) {
        let pods: Vec<Node> = peers
            .iter()
            .filter_map(|peer| match peer {
                Place::Pods(pods) => Some(endpoints(pods, namespace)),
                _ => None,
            })
            .collect();
        if !pods.is_empty() {
            rules.push(map([(pods_key, list(pods)), ("toPorts", ports.clone())]));
        }
        if peers.contains(&Place::Internet) {
            let blocks = list(public_blocks());
            rules.push(map([(blocks_key, blocks), ("toPorts", ports)]));
        }
    }
    rules
}

fn port(protocol: Protocol, number: u16) -> Node {
    map([
        ("port", text(&number.to_string())),
        ("protocol", text(protocol.name())),
    ])
}

/// Ports with the requests that they are open for, and to whom.
fn requests<'a>(atoms: &[&'a Atom]) -> Vec<(Node, BTreeSet<&'a Place>)> {
    type Asked<'a> = BTreeMap<(Protocol, u16), BTreeSet<&'a Request>>;
    let mut by_peer: BTreeMap<&Place, Asked<'_>> = BTreeMap::new();
    for atom in atoms {
        let ports = by_peer.entry(&atom.peer).or_default();
        let requests = ports.entry((atom.protocol, atom.port)).or_default();
        requests.extend(&atom.request);
    }
    let mut alike: BTreeMap<Asked<'_>, BTreeSet<&Place>> = BTreeMap::new();
    for (peer, asked) in by_peer {
        alike.entry(asked).or_default().insert(peer);
    }
    let open = |((protocol, number), requests): ((Protocol, u16), BTreeSet<&Request>)| {
        let http = requests.into_iter().map(|request| {
            let path = request.path.expression();
            let path = path.map(|path| ("path", text(&path)));
            let method = [("method", text(&request.method))].into_iter();
            map(method.chain(path))
        });
        map([
            ("ports", list([port(protocol, number)])),
            ("rules", map([("http", list(http))])),
        ])
    };
    let rules = alike.into_iter();
    rules
        .map(|(asked, peers)| (list(asked.into_iter().map(open)), peers))
        .collect()
}

/// Pods as a peer; those of the policy's own namespace are meant where none is named.
fn endpoints(pods: &Pods, namespace: &Str) -> Node {
    let mut labels = pods.labels.clone();
    if pods.namespace != *namespace {
        labels.insert(NAMESPACE.into(), pods.namespace.clone());
    }
    map([("matchLabels", labels_of(&labels))])
}
