//! What is wrong with the policies of Kubernetes itself and of Cilium.
//!
//! A policy is judged with the network that it makes: whom it holds, who reaches them by it,
//! and whether they are published on purpose. One finding for each piece that is wrong, with
//! all workloads that it concerns.

mod administrators;
mod cilium;
mod network_policies;
mod peers;
mod plugin;
mod services;

use super::report::Report;
use crate::network::Network;
use crate::places::Peer;
use crate::policy::Policy;
use crate::sink::Sink;
use crate::ways::Exposure;
use crate::why::Verdict;
use crate::world::{EndpointId, World};
use seawall_model::{Asset, Locus, ResourceRef, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What rules look at.
pub(crate) struct Scene<'n, 's> {
    pub(crate) network: &'n Network<'n, 's>,
    /// Endpoints that meet the outside themselves.
    doors: HashSet<usize>,
    /// Endpoints that requests from the internet get to, and one way for each.
    exposed: BTreeMap<usize, &'n Exposure<'s>>,
    /// Endpoints that the API server calls.
    called: HashSet<usize>,
    by_object: HashMap<&'n ResourceRef, Vec<&'n Policy<'s>>>,
}

/// Whether Cilium is known to encrypt what goes from node to node.
pub(super) fn is_encrypted(world: &World<'_>) -> bool {
    plugin::config(world).is_some() && plugin::is_encrypted(world)
}

/// Judges all policies.
pub(crate) fn check(network: &Network<'_, '_>, sink: &mut Sink) {
    for gap in network.gaps() {
        sink.gap(gap.clone());
    }
    let scene = Scene::new(network);
    let mut report = Report::default();
    network_policies::check(&scene, &mut report);
    administrators::check(&scene, &mut report);
    cilium::check(&scene, &mut report);
    plugin::check(&scene, &mut report);
    services::check(&scene, &mut report);
    report.hand_in(sink);
}

impl<'n, 's> Scene<'n, 's> {
    fn new(network: &'n Network<'n, 's>) -> Self {
        let mut scene = Self {
            network,
            doors: HashSet::new(),
            exposed: BTreeMap::new(),
            called: called(network),
            by_object: HashMap::new(),
        };
        for way in network.exposure() {
            let endpoint = way.endpoint.0 as usize;
            if way.through.is_none() {
                scene.doors.insert(endpoint);
            }
            if way.verdict > Verdict::Closed {
                scene.exposed.entry(endpoint).or_insert(way);
            }
        }
        for policy in &network.policies.all {
            let all = scene.by_object.entry(&policy.object.reference).or_default();
            all.push(policy);
        }
        scene
    }

    /// The policies that an object makes: one for each direction.
    fn policies(&self, object: &Object) -> &[&'n Policy<'s>] {
        self.by_object
            .get(&object.reference)
            .map_or(&[], Vec::as_slice)
    }

    fn name(&self, endpoint: usize) -> String {
        self.network.name(self.network.peer(endpoint))
    }

    /// Endpoints in words: the first by name, the others by number.
    fn names(&self, endpoints: &[usize]) -> String {
        let mut names: Vec<String> = endpoints.iter().map(|e| self.name(*e)).collect();
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [] => "no workload".to_owned(),
            [one] => one.clone(),
            [one, two] => format!("{one} and {two}"),
            [one, others @ ..] => format!("{one} and {} others", others.len()),
        }
    }

    fn assets(&self, endpoints: &[usize]) -> Vec<Asset> {
        let world = self.network.world();
        let known = endpoints.iter().filter_map(|e| world.endpoints.get(*e));
        known
            .map(|endpoint| Asset::Resource(endpoint.workload.owner.clone()))
            .collect()
    }

    /// A severity one step up when somebody from the internet gets to one of the endpoints.
    fn weighed(&self, severity: Severity, endpoints: &[usize]) -> Severity {
        if endpoints
            .iter()
            .any(|endpoint| self.exposed.contains_key(endpoint))
        {
            severity.raised()
        } else {
            severity
        }
    }

    /// Why a severity is raised, in words.
    fn exposure_claim(&self, endpoints: &[usize]) -> Option<(String, seawall_model::Proof)> {
        let (endpoint, way) = endpoints
            .iter()
            .find_map(|endpoint| Some((*endpoint, self.exposed.get(endpoint)?)))?;
        let object = way.links.last().map(|link| link.object.reference.clone())?;
        let text = format!(
            "{} is reachable from the internet ({})",
            self.name(endpoint),
            way.entry.name()
        );
        Some((text, seawall_model::Proof::Object(object)))
    }

    /// Whether something that is not in the namespace reaches an endpoint at all.
    fn is_reached_from_elsewhere(&self, endpoint: usize) -> bool {
        let world = self.network.world();
        let id = EndpointId(u32::try_from(endpoint).unwrap_or(u32::MAX));
        let own = world.endpoint_at(id).map(|e| e.namespace);
        let others = world.endpoints.iter().enumerate();
        let mut others = others.filter(|(_, other)| Some(other.namespace) != own);
        let to = Peer::Endpoint(id);
        others.any(|(other, _)| !self.network.policies_pass(other, endpoint).is_empty())
            || !self.network.reach(Peer::Internet, to).is_empty()
    }
}

/// Endpoints behind Services that the API server calls: webhooks and aggregated APIs. Its
/// address is a node's, which no selector chooses.
fn called(network: &Network<'_, '_>) -> HashSet<usize> {
    let world = network.world();
    let mut services: HashSet<(String, String)> = HashSet::new();
    let mut add = |node: Option<&Node>| {
        let text = |key: &str| Some(node?.get(key)?.as_str()?.to_owned());
        if let Some(named) = text("namespace").zip(text("name")) {
            services.insert(named);
        }
    };
    for kind in [
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    ] {
        for object in world.of_kind("admissionregistration.k8s.io", kind) {
            for hook in object.items(&["webhooks"]) {
                add(hook.at(&["clientConfig", "service"]));
            }
        }
    }
    for object in world.of_kind("apiregistration.k8s.io", "APIService") {
        add(object.body().and_then(|body| body.at(&["spec", "service"])));
    }
    network.behind(|space, name| services.contains(&(space.to_owned(), name.to_owned())))
}

/// A place in an object by JSON pointer.
fn place(pointer: &str, span: Span) -> Locus {
    Locus {
        pointer: pointer.to_owned(),
        path: pointer.trim_start_matches('/').to_owned(),
        span,
    }
}
