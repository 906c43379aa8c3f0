//! CiliumNetworkPolicies, of the same plan as NetworkPolicies. A rule `{}` allows nothing and
//! closes the rest, each rule names peers in one way, and blocks of addresses never mean pods.

use super::netpol::{closed, list_of, titled};
use super::{Draft, Type, grouped, labels_of, list, map, public_blocks, selector, text};
use crate::least::ends::{Place, Pods};
use crate::least::rules::{Atom, Way};
use seawall_model::Str;
use seawall_yaml::Node;

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
    let mut rules = Vec::new();
    for (ports, peers) in grouped(atoms) {
        let ports = ports.into_iter().map(|(protocol, port)| {
            map([
                ("port", text(&port.to_string())),
                ("protocol", text(protocol.name())),
            ])
        });
        let ports = list([map([("ports", list(ports))])]);
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

/// Pods as a peer; those of the policy's own namespace are meant where none is named.
fn endpoints(pods: &Pods, namespace: &Str) -> Node {
    let mut labels = pods.labels.clone();
    if pods.namespace != *namespace {
        labels.insert(NAMESPACE.into(), pods.namespace.clone());
    }
    map([("matchLabels", labels_of(&labels))])
}
