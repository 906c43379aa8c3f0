//! What a rule of a NetworkPolicy says about its peers and ports, as it is written.

use crate::reach::{Cidr, Ports};
use seawall_yaml::Node;

/// How a rule lets everyone in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Everyone {
    /// It names no peer.
    NoPeer,
    /// A block of all addresses.
    Block,
    /// All pods of all namespaces.
    AllPods,
}

impl Everyone {
    pub(super) fn words(self) -> &'static str {
        match self {
            Everyone::NoPeer => "the rule names no peer",
            Everyone::Block => "the rule allows every address",
            Everyone::AllPods => "the rule allows every pod of every namespace",
        }
    }
}

/// The peers of a rule.
pub(super) fn peers<'n>(rule: &'n Node, key: &str) -> &'n [Node] {
    rule.get(key).and_then(Node::as_seq).unwrap_or_default()
}

/// How a rule allows everyone, and the piece that says so; nothing when it does not.
pub(super) fn everyone<'n>(rule: &'n Node, key: &str) -> Option<(Everyone, &'n Node, String)> {
    let peers = peers(rule, key);
    if peers.is_empty() {
        return Some((Everyone::NoPeer, rule, String::new()));
    }
    peers.iter().enumerate().find_map(|(index, peer)| {
        let how = of_peer(peer)?;
        Some((how, peer, format!("/{key}/{index}")))
    })
}

fn of_peer(peer: &Node) -> Option<Everyone> {
    let is_empty = |node: Option<&Node>| node.is_some_and(is_empty_selector);
    if let Some(block) = peer.get("ipBlock").filter(|node| !node.is_null()) {
        let cidr = Cidr::read(block.get("cidr")?.as_str()?)?;
        let except = block.get("except").and_then(Node::as_seq);
        let whole = cidr.is_everything() && except.unwrap_or_default().is_empty();
        return whole.then_some(Everyone::Block);
    }
    let pods = peer.get("podSelector").filter(|node| !node.is_null());
    let all = is_empty(peer.get("namespaceSelector")) && (pods.is_none() || is_empty(pods));
    all.then_some(Everyone::AllPods)
}

pub(super) fn is_empty_selector(node: &Node) -> bool {
    let Some(map) = node.as_map() else {
        return false;
    };
    map.iter().all(|entry| {
        entry.value.is_null()
            || entry
                .value
                .as_map()
                .is_some_and(seawall_yaml::Map::is_empty)
            || entry.value.as_seq().is_some_and(<[Node]>::is_empty)
    })
}

/// Ports in words, for a message.
pub(super) fn on(ports: &Ports) -> String {
    if ports.is_all() {
        "on all ports".to_owned()
    } else {
        format!("on {ports}")
    }
}
