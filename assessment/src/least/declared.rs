//! Flows that a picture declares itself, for want of any that were seen: hosts that
//! environment variables, arguments and ConfigMaps name, and the ways in from the internet.
//!
//! A workload that learns its peers in another way does not say so anywhere; whoever uses this
//! has to look at what is closed.

use super::lines::{End, Flow, Line, Observed};
use super::requests::Asked;
use seawall_network::{Config, Endpoint, EndpointId, Network, Peer, Protocol, World};
use seawall_snapshot::Snapshot;
use seawall_snapshot::pod::EnvSource;
use seawall_yaml::Node;
use std::collections::HashMap;

/// The flows that a picture declares.
pub fn declared(snapshot: &Snapshot) -> Observed {
    let world = World::new(snapshot);
    let network = Network::new(&world, &Config::default());
    let mut seen = Observed::default();
    for (from, to, protocol, port) in dependencies(&network) {
        if let (Some(from), Some(to)) = (workload(&world, from), workload(&world, to)) {
            add(&mut seen, from, to, protocol, port, "declared");
        }
    }
    for way in network.exposure() {
        if !way.is_open() {
            continue;
        }
        let from = match way.through {
            None => Some(End::Internet),
            Some(Peer::Endpoint(id)) => workload(&world, id),
            Some(_) => None,
        };
        if let (Some(from), Some(to)) = (from, workload(&world, way.endpoint)) {
            add(
                &mut seen,
                from,
                to,
                way.protocol,
                way.port,
                "way in from the internet",
            );
        }
    }
    seen
}

/// Who is told of whom: the pods behind the hosts that pods' variables, arguments and ConfigMaps
/// name, with their ports.
pub(crate) fn dependencies(
    network: &Network<'_, '_>,
) -> Vec<(EndpointId, EndpointId, Protocol, u16)> {
    let world = network.world();
    let answers = network.hosts();
    let maps = config_maps(world);
    let mut found = Vec::new();
    for (from, endpoint) in world.endpoint_ids() {
        let space = world.namespace_at(endpoint.namespace);
        let space = space.map_or("", |space| space.name);
        for text in texts(endpoint, space, &maps) {
            for (host, port) in hosts(text) {
                let behind = answers(host, space, port).into_iter();
                found.extend(behind.map(|(to, protocol, port)| (from, to, protocol, port)));
            }
        }
    }
    found
}

fn add(seen: &mut Observed, from: End, to: End, protocol: Protocol, port: u16, why: &str) {
    // A workload that names its own Service tells others, not itself.
    if from == to {
        return;
    }
    let flow = Flow {
        from,
        to,
        protocol,
        port,
    };
    let line = Line {
        file: why.into(),
        number: 0,
    };
    seen.add(flow, &Asked::Anything, &line);
}

fn workload(world: &World<'_>, id: EndpointId) -> Option<End> {
    let endpoint = world.endpoint_at(id)?;
    let space = world.namespace_at(endpoint.namespace)?;
    let name = endpoint.workload.owner.name.clone();
    Some(End::Workload(space.name.into(), name))
}

type Maps<'s> = HashMap<(&'s str, &'s str), &'s Node>;

fn config_maps<'s>(world: &World<'s>) -> Maps<'s> {
    let maps = world.of_kind("", "ConfigMap").iter();
    let maps = maps.filter_map(|object| {
        let data = object.body()?.get("data")?;
        Some(((object.namespace(), &*object.reference.name), data))
    });
    maps.collect()
}

/// What a pod is told: its variables, commands and arguments.
fn texts<'t>(endpoint: &'t Endpoint<'_>, space: &str, maps: &Maps<'t>) -> Vec<&'t str> {
    let mut texts: Vec<&str> = Vec::new();
    for container in &endpoint.template.containers {
        let words = container.command.iter().chain(&container.args);
        texts.extend(words.map(|word| &*word.value));
        for variable in &container.env {
            match &variable.source {
                EnvSource::Literal(field) => texts.push(&field.value),
                EnvSource::ConfigMap(name, key) => {
                    let map = maps.get(&(space, &**name));
                    texts.extend(map.and_then(|map| map.get(key)?.as_str()));
                }
                EnvSource::Secret(..) | EnvSource::Other => {}
            }
        }
        for all in container.env_from.iter().filter(|from| !from.secret) {
            let map = maps.get(&(space, &*all.name)).and_then(|map| map.as_map());
            let values = map.into_iter().flat_map(seawall_yaml::Map::iter);
            texts.extend(values.filter_map(|entry| entry.value.as_str()));
        }
    }
    texts
}

/// Names of hosts in a text, with their ports. A word without dot and port is a host only
/// when it is all of the text, or stands behind `://` or `@`.
fn hosts(text: &str) -> Vec<(&str, Option<u16>)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
    let mut found = Vec::new();
    let mut rest = text;
    let mut before = "";
    while let Some(start) = rest.find(is_part) {
        let (gap, tail) = rest.split_at(start);
        if !gap.is_empty() {
            before = gap;
        }
        let end = tail.find(|c| !is_part(c)).unwrap_or(tail.len());
        let (word, after) = tail.split_at(end);
        let is_whole = word.len() == text.trim().len();
        let is_marked = before.ends_with("//") || before.ends_with('@');
        let mut parts = word.split(':');
        let host = parts.next().unwrap_or_default().trim_end_matches('.');
        let port = parts.next().and_then(|port| port.parse::<u16>().ok());
        // What stands before an `@` is a user.
        let is_user = after.starts_with('@');
        let is_host = port.is_some() || host.contains('.') || is_whole || is_marked;
        if is_host && !is_user {
            found.push((host, port));
        }
        before = "";
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_in_texts() {
        for (text, expected) in [
            ("db:5432", vec![("db", Some(5432))]),
            ("db", vec![("db", None)]),
            ("http://cart/items", vec![("cart", None)]),
            (
                "jdbc:postgresql://db.data.svc:5432/shop",
                vec![("db.data.svc", Some(5432))],
            ),
            (
                "redis://user@cache.shop:6379",
                vec![("cache.shop", Some(6379))],
            ),
            ("run the db now", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(hosts(text), expected, "{text}");
        }
    }
}
