//! What other engines want to know: what meets the internet, and where a mesh asks who calls.
//!
//! Who reaches whom is no fact but a question ([`Reachability`](seawall_model::reachability)):
//! there are as many answers as pairs, and most are never asked for.

use crate::layer::Model;
use crate::network::Network;
use crate::places::Peer;
use crate::request::Condition;
use crate::rows::Reach;
use crate::why::Verdict;
use seawall_model::Fact;

/// All facts, in the order of endpoints.
pub(crate) fn facts(network: &Network<'_, '_>) -> Vec<Fact> {
    let mut facts = exposed(network);
    facts.extend(meshed(network));
    facts
}

fn exposed(network: &Network<'_, '_>) -> Vec<Fact> {
    let world = network.world();
    let owner = |id| Some(world.endpoint_at(id)?.workload.owner.clone());
    let open = network.exposure().iter().filter(|way| way.is_open());
    let mut facts: Vec<Fact> = open
        .filter_map(|way| {
            let through = match way.through {
                Some(Peer::Endpoint(id)) => owner(id),
                _ => None,
            };
            let links = way.links.iter();
            Some(Fact::Exposed {
                workload: owner(way.endpoint)?,
                protocol: way.protocol.name(),
                port: way.port,
                is_conditional: way.verdict == Verdict::Some || way.requests != Condition::Always,
                entry: way.entry.name(),
                through,
                requests: match &way.requests {
                    Condition::Always => String::new(),
                    condition => condition.to_string(),
                },
                links: links
                    .map(|link| (link.object.reference.clone(), link.span))
                    .collect(),
            })
        })
        .collect();
    facts.dedup();
    facts
}

fn meshed(network: &Network<'_, '_>) -> impl Iterator<Item = Fact> {
    let held = network.world().endpoint_ids();
    let held = held.filter(|(id, _)| network.is_in_mesh(*id));
    held.map(|(id, endpoint)| {
        let to = Peer::Endpoint(id);
        // Who stands beyond the cluster is the same to every policy on identities.
        let nobody = network.through_layers(Peer::Internet, to, Reach::everything(), Model::Nobody);
        let ports = endpoint.declared_ports().into_iter();
        let unproven = ports
            .filter(|(protocol, port)| nobody.verdict(*protocol, *port) > Verdict::Closed)
            .map(|(protocol, port)| (protocol.name(), port));
        Fact::Meshed {
            workload: endpoint.workload.owner.clone(),
            unproven: unproven.collect(),
        }
    })
}
