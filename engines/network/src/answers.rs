//! Answers other engines' questions about who gets to whom.
//!
//! Workloads are asked about by name; of one that is in several renderings every one counts.

use crate::layer::Call;
use crate::network::Network;
use crate::places::Peer;
use crate::reach::Protocol;
use crate::why::{Verdict, Why};
use crate::world::EndpointId;
use core::net::IpAddr;
use seawall_model::ResourceRef;
use seawall_model::reachability::{Caller, Deciding, Reachability};
use std::collections::{BTreeSet, HashMap};

/// A network that is asked about workloads by name.
#[derive(Debug)]
pub struct Answers<'n, 'w, 's> {
    network: &'n Network<'w, 's>,
    by_owner: HashMap<&'w ResourceRef, Vec<EndpointId>>,
}

impl<'n, 'w, 's> Answers<'n, 'w, 's> {
    /// Answers from a network.
    pub fn new(network: &'n Network<'w, 's>) -> Self {
        let mut by_owner: HashMap<&ResourceRef, Vec<EndpointId>> = HashMap::new();
        for (id, endpoint) in network.world().endpoint_ids() {
            let ids = by_owner.entry(&endpoint.workload.owner).or_default();
            ids.push(id);
        }
        Self { network, by_owner }
    }

    fn endpoints(&self, workload: &ResourceRef) -> &[EndpointId] {
        self.by_owner.get(workload).map_or(&[], Vec::as_slice)
    }

    /// The ports that an endpoint declares, or any one that stands for all.
    fn ports(&self, id: EndpointId) -> Vec<(Protocol, u16)> {
        let endpoint = self.network.world().endpoint_at(id);
        let declared = endpoint.map(crate::Endpoint::declared_ports);
        match declared.unwrap_or_default() {
            ports if ports.is_empty() => vec![(Protocol::Tcp, ANY)],
            ports => ports,
        }
    }

    fn verdict(&self, from: Peer, to: EndpointId, protocol: Protocol, port: u16) -> Verdict {
        let reach = self.network.reach(from, Peer::Endpoint(to));
        if port != ANY {
            return reach.verdict(protocol, port);
        }
        match (reach.all.is_empty(), reach.some.is_empty()) {
            (false, _) => Verdict::Open,
            (true, false) => Verdict::Some,
            (true, true) => Verdict::Closed,
        }
    }
}

/// Some port, of a workload that declares none.
const ANY: u16 = 0;

impl Reachability for Answers<'_, '_, '_> {
    fn callers(&self, to: &ResourceRef) -> Vec<Caller> {
        let world = self.network.world();
        let mut found = BTreeSet::new();
        for id in self.endpoints(to) {
            for (protocol, port) in self.ports(*id) {
                let among = (port != ANY).then(|| self.network.sources(*id, protocol, port));
                for (source, endpoint) in world.endpoint_ids() {
                    let from = &endpoint.workload.owner;
                    let peer = Peer::Endpoint(source);
                    let tunnels = self.network.is_in_mesh(*id);
                    let is_let = |set: &crate::Bits| set.has(self.network.place(peer));
                    // A mesh's tunnel may carry what the policies stop at the port itself.
                    let is_out = among.as_ref().is_some_and(|set| !is_let(set)) && !tunnels;
                    if from == to || is_out {
                        continue;
                    }
                    let verdict = self.verdict(peer, *id, protocol, port);
                    if verdict > Verdict::Closed {
                        found.insert(Caller {
                            from: from.clone(),
                            protocol: protocol.name(),
                            port,
                            is_conditional: verdict == Verdict::Some,
                        });
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    fn gets_to(&self, from: &ResourceRef, address: IpAddr, port: u16) -> bool {
        let to = self.network.outside(address);
        self.endpoints(from).iter().any(|id| {
            let reach = self.network.reach(Peer::Endpoint(*id), to);
            reach.verdict(Protocol::Tcp, port) > Verdict::Closed
        })
    }

    fn why(&self, caller: &Caller, to: &ResourceRef) -> Vec<Deciding> {
        let protocol = Protocol::named(caller.protocol).unwrap_or(Protocol::Tcp);
        // The first pods of both for whom it holds.
        let pairs = self.endpoints(&caller.from).iter();
        let mut pairs = pairs.flat_map(|from| self.endpoints(to).iter().map(move |to| (from, to)));
        let open = pairs.find(|(from, to)| {
            self.verdict(Peer::Endpoint(**from), **to, protocol, caller.port) > Verdict::Closed
        });
        open.map_or_else(Vec::new, |(from, to)| {
            let (from, to) = (Peer::Endpoint(*from), Peer::Endpoint(*to));
            deciding(
                &self
                    .network
                    .why(&Call::new(from, to, protocol, caller.port)),
            )
        })
    }
}

fn deciding(why: &Why<'_>) -> Vec<Deciding> {
    let steps = why.steps.iter();
    let steps = steps.map(|step| (step.reason.words().to_owned(), &step.cites));
    let layers = why
        .layers
        .iter()
        .map(|told| (told.said.clone(), &told.cites));
    let mut all = Vec::new();
    for (said, cites) in steps.chain(layers) {
        let mut places = cites.iter();
        let place = |cite: &crate::Cite<'_>| (cite.object.reference.clone(), cite.span);
        all.push(Deciding {
            said: said.clone(),
            at: places.next().map(place),
        });
        all.extend(places.map(|cite| Deciding {
            said: said.clone(),
            at: Some(place(cite)),
        }));
    }
    all
}
