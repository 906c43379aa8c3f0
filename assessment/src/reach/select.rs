//! Whom a user's words mean.

use core::net::IpAddr;
use seawall_model::Str;
use seawall_network::{EndpointId, Network, Peer};

/// Words that mean nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The words.
    pub word: String,
    /// What they could have been.
    pub known: Vec<String>,
}

/// The peers that a word means, at least one.
pub(super) fn peers(network: &Network<'_, '_>, word: &str) -> Result<Vec<Peer>, Unknown> {
    match word {
        "internet" => return Ok(vec![Peer::Internet]),
        "node" => return Ok(vec![Peer::Node]),
        "controller" => return Ok(vec![Peer::Controller]),
        _ => {}
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(vec![network.outside(address)]);
    }
    let found: Vec<Peer> = endpoints(network)
        .filter(|(_, name)| is_meant(word, name))
        .map(|(peer, _)| peer)
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut known: Vec<String> = endpoints(network)
        .map(|(_, name)| format!("{}/{}", name.namespace, name.workload))
        .collect();
    known.extend(["internet", "node"].map(str::to_owned));
    known.sort_unstable();
    known.dedup();
    Err(Unknown {
        word: word.to_owned(),
        known,
    })
}

/// What an endpoint can be called.
struct Names<'n> {
    kind: &'n str,
    namespace: &'n str,
    workload: &'n str,
    labels: &'n [(Str, Str)],
}

fn endpoints<'n>(network: &'n Network<'_, '_>) -> impl Iterator<Item = (Peer, Names<'n>)> {
    let world = network.world();
    let all = world.endpoints.iter().enumerate();
    all.map(move |(index, endpoint)| {
        let id = EndpointId(u32::try_from(index).unwrap_or(u32::MAX));
        let space = world.namespace_at(endpoint.namespace);
        let names = Names {
            kind: &endpoint.workload.owner.kind,
            namespace: space.map_or("", |space| space.name),
            workload: &endpoint.workload.owner.name,
            labels: &endpoint.template.labels,
        };
        (Peer::Endpoint(id), names)
    })
}

fn is_meant(word: &str, names: &Names<'_>) -> bool {
    if word.contains('=') {
        return word.split(',').all(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let mut labels = names.labels.iter();
            labels.any(|(k, v)| **k == *key.trim() && **v == *value.trim())
        });
    }
    // `kubectl` writes deployment/web, and so may the user; findings say `Deployment shop/web`.
    let parts: Vec<&str> = word.split(['/', ' ']).collect();
    let is_kind = |part: &str| part.eq_ignore_ascii_case(names.kind);
    match parts.as_slice() {
        [name] => *name == names.workload,
        [namespace, "" | "*"] => *namespace == names.namespace,
        [first, name] => *name == names.workload && (*first == names.namespace || is_kind(first)),
        [first, second, name] => {
            *name == names.workload
                && ((*first == names.namespace && is_kind(second))
                    || (is_kind(first) && *second == names.namespace))
        }
        _ => false,
    }
}
