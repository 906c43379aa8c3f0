//! What is wrong with Envoy where people configure it by hand, and with the Open Policy Agent
//! that decides for it.
//!
//! Such configuration is text within a ConfigMap, so a finding stands at the ConfigMap's key,
//! and its path goes on into the text. How bad it is depends on who reaches the proxy: the pods
//! that mount the ConfigMap, at the port that the listener opens.

mod agent;
mod config;
mod connections;
mod edge;
mod filters;
mod forwarding;
mod tls;

use super::report::Report;
use crate::network::Network;
use crate::places::Peer;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Sink;
use crate::ways::Exposure;
use crate::world::EndpointId;
use config::{Config, Mounts, Piece};
use seawall_model::{Asset, Proof, Severity};
use std::collections::HashMap;

/// How many pods are asked whether they get to a port, until one does.
const MOST_ASKED: usize = 64;

/// How many listeners of one configuration are looked at.
const MOST_LISTENERS: usize = 500;

/// What the rules look at.
struct Scene<'n, 's> {
    network: &'n Network<'n, 's>,
    mounts: Mounts<'s>,
    /// Open ways in by endpoint and port.
    ways: HashMap<(EndpointId, u16), Vec<&'n Exposure<'s>>>,
}

/// Who gets to a port.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reached {
    /// Nobody else.
    Nobody,
    /// Who listens there is not in the picture.
    Unknown,
    /// Pods of the cluster, one of them by name.
    Pods(String),
    /// Anybody on the internet.
    Internet,
}

impl Reached {
    /// The severity of what is as bad as it can be where the internet gets there: one step down
    /// elsewhere, two where nobody does.
    fn if_internet(&self, worst: Severity) -> Severity {
        match self {
            Reached::Internet => worst,
            Reached::Unknown | Reached::Pods(_) => worst.lowered(),
            Reached::Nobody => worst.lowered().lowered(),
        }
    }

    /// The severity of what is as bad as it can be for anybody who gets there.
    fn if_anybody(&self, worst: Severity) -> Severity {
        match self {
            Reached::Nobody => worst.lowered(),
            _ => worst,
        }
    }

    fn words(&self) -> String {
        match self {
            Reached::Nobody => "no pod gets there now".to_owned(),
            Reached::Unknown => "who gets there is not in the input".to_owned(),
            Reached::Pods(name) => format!("{name} gets there"),
            Reached::Internet => "the internet gets there".to_owned(),
        }
    }
}

/// Judges Envoys and agents.
pub(super) fn check(network: &Network<'_, '_>, sink: &mut Sink) {
    let scene = Scene::new(network);
    let mut report = Report::default();
    for config in config::all(network.world(), &scene.mounts, &mut report) {
        report.assess_each(&RULES);
        one(&scene, &config, &mut report);
    }
    agent::check(&scene, &mut report);
    report.hand_in(sink);
}

const RULES: [Id; 9] = [
    Id::ENV_01,
    Id::ENV_02,
    Id::ENV_03,
    Id::ENV_04,
    Id::ENV_05,
    Id::ENV_06,
    Id::ENV_07,
    Id::ENV_08,
    Id::ENV_09,
];

fn one(scene: &Scene<'_, '_>, config: &Config<'_>, report: &mut Report) {
    let mut found = Found { config, report };
    edge::administration(scene, &mut found);
    for cluster in config.clusters() {
        tls::upstream(&cluster, &mut found);
    }
    let is_limited = edge::is_limited(config);
    let listeners = config.listeners();
    if listeners.len() > MOST_LISTENERS {
        found.too_many(listeners.len());
    }
    for listener in listeners.into_iter().take(MOST_LISTENERS) {
        let door = scene.door(config, &listener);
        if !is_limited {
            edge::limits(&listener, &door, &mut found);
        }
        for chain in connections::chains(&listener) {
            tls::downstream(&chain, &door, &mut found);
            filters::network(&chain, &door, &mut found);
            for manager in connections::managers(&chain) {
                edge::client(&manager, &door, &mut found);
                filters::check(&manager, &door, &mut found);
                forwarding::check(&manager, &door, &mut found);
            }
        }
    }
}

/// Who gets to a listener.
struct Door {
    reached: Reached,
    /// Whether the internet gets there without a proxy before it that is in the picture.
    is_edge: bool,
}

/// Where findings about one configuration go.
struct Found<'f, 's> {
    config: &'f Config<'s>,
    report: &'f mut Report,
}

impl Found<'_, '_> {
    fn too_many(&mut self, listeners: usize) {
        let object = self.config.object;
        let reason = format!(
            "the configuration has {listeners} listeners, and only {MOST_LISTENERS} are looked at"
        );
        let subject = object.reference.to_string();
        self.report
            .gap(&subject, object.name_span, &reason, "split it");
    }

    fn add(&mut self, id: Id, at: &Piece<'_>, severity: Severity, message: String, fix: &str) {
        let config = self.config;
        let draft = crate::sink::Draft::new(id, config.locus(at), message, fix.to_owned())
            .severity(severity)
            .affects(config.users.iter().map(|(_, asset)| asset.clone()))
            .maybe(config.line(at));
        self.report.add(config.object, draft);
    }
}

impl<'n, 's> Scene<'n, 's> {
    fn new(network: &'n Network<'n, 's>) -> Self {
        let mut ways: HashMap<(EndpointId, u16), Vec<&'n Exposure<'s>>> = HashMap::new();
        for way in network.exposure().iter().filter(|way| way.is_open()) {
            ways.entry((way.endpoint, way.port)).or_default().push(way);
        }
        let mounts = Mounts::new(network.world());
        Self {
            network,
            mounts,
            ways,
        }
    }

    /// Who gets to the strongest of several pods' port.
    fn reached(&self, users: &[(EndpointId, Asset)], port: u16) -> Reached {
        if users.is_empty() {
            return Reached::Unknown;
        }
        if users
            .iter()
            .any(|(id, _)| self.ways.contains_key(&(*id, port)))
        {
            return Reached::Internet;
        }
        let users = users.iter().take(MOST_ASKED);
        let mut pods = users.filter_map(|(id, _)| self.pod_at(*id, port));
        pods.next().map_or(Reached::Nobody, Reached::Pods)
    }

    /// A pod that gets to a port of another one, by name.
    fn pod_at(&self, to: EndpointId, port: u16) -> Option<String> {
        let network = self.network;
        let sources = network.sources(to, Protocol::Tcp, port);
        let peers = sources.iter().map(|place| network.peer(place));
        let mut pods = peers
            .filter(|peer| matches!(peer, Peer::Endpoint(id) if *id != to))
            .take(MOST_ASKED);
        let there = pods.find(|from| {
            let reach = network.reach(*from, Peer::Endpoint(to));
            reach.any().has(Protocol::Tcp, port)
        });
        there.map(|peer| network.name(peer))
    }

    fn door(&self, config: &Config<'_>, listener: &Piece<'_>) -> Door {
        let address = listener
            .get("address")
            .and_then(|at| at.get("socket_address"));
        let port = address.as_ref().and_then(config::port);
        let is_local = address.as_ref().is_some_and(config::is_loopback);
        let reached = match port {
            _ if is_local => Reached::Nobody,
            Some(port) => self.reached(&config.users, port),
            None => Reached::Unknown,
        };
        let is_direct = |(id, _): &(EndpointId, Asset)| {
            let ways = port.and_then(|port| self.ways.get(&(*id, port)));
            ways.is_some_and(|ways| ways.iter().any(|way| way.through.is_none()))
        };
        let is_edge = !is_local && config.users.iter().any(is_direct);
        Door { reached, is_edge }
    }
}

/// A claim that rests on a workload.
fn by(asset: &Asset, note: &str) -> Option<(String, Proof)> {
    match asset {
        Asset::Resource(reference) => Some((note.to_owned(), Proof::Object(reference.clone()))),
        _ => None,
    }
}
