//! CMP-02 and 13: what only all layers together show. Each says who gets where, by name: a
//! weakness that nobody can use is another rule's matter.

use super::outward::{self, Metadata, Worth};
use super::report::Report;
use crate::layer::Call;
use crate::meshes::TUNNELS;
use crate::network::Network;
use crate::places::Peer;
use crate::reach::{Ports, Protocol};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::ways::{Entry, Exposure};
use crate::world::{Endpoint, EndpointId, NamespaceId};
use seawall_model::{Asset, Locus, Proof, Severity};
use std::collections::{BTreeMap, HashSet};

/// Judges what several layers make together.
pub(crate) fn check(network: &Network<'_, '_>, sink: &mut Sink) {
    let mut report = Report::default();
    tunnels(network, &mut report);
    credentials(network, &mut report);
    report.hand_in(sink);
}

/// How many callers are asked about at one endpoint: one is enough to say it.
const MAX_ASKED: usize = 4;

/// CMP-02: ports that the network policies close, and a tunnel opens again.
fn tunnels(network: &Network<'_, '_>, report: &mut Report) {
    let layers = &network.layers;
    for (id, endpoint) in network.world().endpoint_ids() {
        let to = Peer::Endpoint(id);
        let row = network.ingress.of.get(id.0 as usize).copied().unwrap_or(0);
        if row == 0 || !layers.iter().any(|layer| layer.holds(to)) {
            continue;
        }
        report.assess(&[Id::CMP_02], 1);
        let found = TUNNELS
            .into_iter()
            .find_map(|tunnel| through(network, id, endpoint, tunnel));
        if let Some(found) = found {
            found.tell(network, id, endpoint, report);
        }
    }
}

/// A caller whom a tunnel takes where the policies do not let it.
struct Tunnelled {
    tunnel: u16,
    from: EndpointId,
    ports: Ports,
}

fn through(
    network: &Network<'_, '_>,
    id: EndpointId,
    endpoint: &Endpoint<'_>,
    tunnel: u16,
) -> Option<Tunnelled> {
    let declared = endpoint.declared_ports().into_iter();
    let declared = declared.filter(|(protocol, _)| *protocol == Protocol::Tcp);
    let declared: Vec<Ports> = declared
        .map(|(protocol, port)| Ports::one(protocol, port))
        .collect();
    let declared = Ports::union(&declared);
    let target = id.0 as usize;
    let row = network.row_of(&network.ingress, target)?;
    let callers = row.at_port(Protocol::Tcp, tunnel, &network.places);
    let mut asked: HashSet<Vec<usize>> = HashSet::new();
    let endpoints = network.places.endpoints();
    let callers = callers.iter().take_while(|place| *place < endpoints);
    for place in callers.filter(|place| *place != target) {
        let from = network.peer(place);
        let to = network.peer(target);
        let classes = network
            .layers
            .iter()
            .flat_map(|layer| layer.class(from, to));
        let class: Vec<usize> = classes.collect();
        if asked.contains(&class) {
            continue;
        }
        let below = network.policies_pass(place, target).any();
        let closed = declared.without(&below);
        if !below.has(Protocol::Tcp, tunnel) || closed.is_empty() {
            continue;
        }
        if asked.len() >= MAX_ASKED {
            break;
        }
        asked.insert(class);
        let opened = network.reach(from, network.peer(target)).any().and(&closed);
        if let (false, Peer::Endpoint(from)) = (opened.is_empty(), from) {
            return Some(Tunnelled {
                tunnel,
                from,
                ports: opened,
            });
        }
    }
    None
}

impl Tunnelled {
    fn tell(
        &self,
        network: &Network<'_, '_>,
        id: EndpointId,
        endpoint: &Endpoint<'_>,
        report: &mut Report,
    ) {
        let (from, to) = (Peer::Endpoint(self.from), Peer::Endpoint(id));
        let message = format!(
            "{} reaches {} through the mesh's tunnel (port {}), which the network policies close",
            network.name(from),
            self.ports,
            self.tunnel
        );
        let fix = "Name callers and ports in a policy of the mesh for these pods".to_owned();
        let locus = whole(endpoint);
        let why = network.why(&Call::new(from, to, Protocol::Tcp, self.tunnel));
        let mut cites = why.steps.iter().rev().flat_map(|step| &step.cites);
        let opener = cites.next().map(|cite| {
            let object = &cite.object.reference;
            let note = format!("{} {} opens the tunnel's port", object.kind, object.name);
            (note, Proof::Source(cite.span))
        });
        let draft = Draft::new(Id::CMP_02, locus, message, fix).maybe(opener);
        report.add_to(asset(endpoint), draft);
    }
}

fn asset(endpoint: &Endpoint<'_>) -> Asset {
    Asset::Resource(endpoint.workload.owner.clone())
}

fn whole(endpoint: &Endpoint<'_>) -> Locus {
    Locus {
        pointer: String::new(),
        path: String::new(),
        span: endpoint.object.name_span,
    }
}

/// CMP-13: from the internet to the credentials of a node in two steps. One policy in a
/// namespace mends it: all of a namespace is one finding.
fn credentials(network: &Network<'_, '_>, report: &mut Report) {
    let ways = network.exposure().iter().filter(|way| way.is_open());
    let ways: Vec<&Exposure<'_>> = ways.collect();
    if ways.is_empty() {
        return;
    }
    let metadata = Metadata::new(network);
    let world = network.world();
    // A proxy is not made to fetch what a caller names; what is behind it may be.
    let proxies: HashSet<Peer> = ways.iter().filter_map(|way| way.through).collect();
    let is_proxy = |id: EndpointId, endpoint: &Endpoint<'_>| {
        let mut containers = endpoint.template.containers.iter();
        proxies.contains(&Peer::Endpoint(id)) || containers.all(|c| &*c.name == "istio-proxy")
    };
    let mut judged: HashSet<EndpointId> = HashSet::new();
    let mut by_space: BTreeMap<NamespaceId, Vec<&Exposure<'_>>> = BTreeMap::new();
    for way in ways {
        let Some(endpoint) = world.endpoint_at(way.endpoint) else {
            continue;
        };
        // A pod in its node's network has the node's rights anyway.
        if endpoint.is_host_network() || is_proxy(way.endpoint, endpoint) {
            continue;
        }
        if !judged.insert(way.endpoint) {
            continue;
        }
        report.assess(&[Id::CMP_13], 1);
        if metadata.open_to(network, way.endpoint).is_some() {
            by_space.entry(endpoint.namespace).or_default().push(way);
        }
    }
    let (cloud, worth) = (outward::cloud(world), Worth::new(world));
    for mut ways in by_space.into_values() {
        ways.sort_by_key(|way| way.entry);
        let Some((way, link)) = ways
            .first()
            .and_then(|way| Some((*way, way.links.first()?)))
        else {
            continue;
        };
        let Some(address) = metadata.open_to(network, way.endpoint) else {
            continue;
        };
        let loot = ways.iter().find_map(|way| {
            let endpoint = world.endpoint_at(way.endpoint)?;
            worth.of(endpoint)
        });
        // Nothing need be there: a load balancer is seldom without a cloud, a way that the
        // input only hints at tells nothing of it. And a pod that holds nothing is seldom the
        // one to take over.
        let severity = match way.entry {
            Entry::Unseen if cloud.is_none() => Severity::Low,
            Entry::LoadBalancer if loot.is_some() => Severity::High,
            _ if cloud.is_some() && loot.is_some() => Severity::High,
            _ => Severity::Medium,
        };
        let who = network.name(Peer::Endpoint(way.endpoint));
        let who = match ways.len() {
            1 => who,
            many => format!("{who} and {} more", many - 1),
        };
        let message = format!(
            "the internet reaches {who} ({}), and from there {address} gives the node's cloud \
             credentials to whoever asks",
            way.entry.name()
        );
        let fix = format!("Add a network policy for egress that leaves {address} out");
        let locus = Locus {
            pointer: link.pointer.clone(),
            path: link.pointer.trim_start_matches('/').to_owned(),
            span: link.span,
        };
        let affected = ways
            .iter()
            .filter_map(|way| world.endpoint_at(way.endpoint));
        let draft = Draft::new(Id::CMP_13, locus, message, fix)
            .severity(severity)
            .maybe(cloud.as_ref().map(|cloud| {
                let note = format!("the nodes are at {}", cloud.name);
                (note, Proof::Source(cloud.span))
            }))
            .maybe(loot)
            .affects(affected.map(asset));
        report.add(link.object, draft);
    }
}
