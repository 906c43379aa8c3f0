//! NetworkPolicies: one that closes each namespace, one for each workload and direction.

use super::{Draft, Type, dns_name, grouped, list, map, number, public_blocks, selector, text};
use crate::least::ends::{Place, Pods};
use crate::least::rules::{Atom, Way};
use seawall_model::Str;
use seawall_yaml::Node;
use std::collections::BTreeMap;

const POLICY: Type = Type {
    group: "networking.k8s.io",
    version: "v1",
    kind: "NetworkPolicy",
};

pub(super) fn write(draft: &mut Draft<'_, '_, '_>) {
    for deny in draft.rules.denies() {
        let namespace = &deny.subject.namespace;
        let wish = format!("default-deny-{}", list_of(deny.way));
        let name = draft.named(POLICY, namespace, &wish);
        let spec = spec(&deny.subject, deny.way, None);
        draft.put(POLICY, namespace, name, closed(deny.way), spec);
    }
    for ((subject, way), atoms) in draft.by_subject() {
        let (wish, comment) = titled(draft, subject, way, &atoms);
        let name = draft.named(POLICY, &subject.namespace, &wish);
        let spec = spec(subject, way, Some(&atoms));
        draft.put(POLICY, &subject.namespace, name, &comment, spec);
    }
}

/// What is said above a policy that closes the rest.
pub(super) fn closed(way: Way) -> &'static str {
    match way {
        Way::In => "# Nothing reaches the pods here but what other policies allow.\n",
        Way::Out => "# The pods here reach nothing but what other policies allow.\n",
    }
}

/// A policy's name, and what is said above it.
pub(super) fn titled(
    draft: &Draft<'_, '_, '_>,
    subject: &Pods,
    way: Way,
    atoms: &[&Atom],
) -> (String, String) {
    if subject.labels.is_empty() {
        let comment = "# All pods here may ask for names.\n".to_owned();
        return ("allow-dns".to_owned(), comment);
    }
    let name = format!("{}-{}", dns_name(&subject.name), list_of(way));
    (name, draft.comment(atoms))
}

/// The key of a policy's rules.
pub(super) fn list_of(way: Way) -> &'static str {
    match way {
        Way::In => "ingress",
        Way::Out => "egress",
    }
}

fn spec(subject: &Pods, way: Way, atoms: Option<&[&Atom]>) -> Node {
    let (policy_type, peers_key) = match way {
        Way::In => ("Ingress", "from"),
        Way::Out => ("Egress", "to"),
    };
    let mut spec = vec![
        ("podSelector", selector(&subject.labels)),
        ("policyTypes", list([text(policy_type)])),
    ];
    if let Some(atoms) = atoms {
        let rules = grouped(atoms).map(|(ports, peers)| {
            let peers = peers.into_iter();
            let peers = peers.flat_map(|peer| nodes(peer, &subject.namespace));
            let ports = ports.into_iter().map(|(protocol, port)| {
                map([("port", number(port)), ("protocol", text(protocol.name()))])
            });
            map([(peers_key, list(peers)), ("ports", list(ports))])
        });
        spec.push((list_of(way), list(rules)));
    }
    map(spec)
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
        Place::Internet => public_blocks()
            .map(|block| map([("ipBlock", block)]))
            .collect(),
        // A mesh's words, which labels have not.
        Place::Account(..) | Place::Nobody | Place::Anybody => Vec::new(),
    }
}
