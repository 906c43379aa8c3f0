//! Which routes lead from which gateways to which Services. Many rules ask, so it is found
//! once.

use super::super::{get, texts};
use super::Subject;
use super::destinations::service_name;
use crate::istio::NETWORKING;
use crate::istio::membership::Place;
use crate::world::World;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::HashMap;

/// Name and namespace of an object.
type Name<'s> = (&'s str, &'s str);

/// How many pairs of a route and a gateway's pods are kept.
const MAX_PAIRS: usize = 200_000;

/// Gateways, by places of their pods in the scene.
#[derive(Debug, Default)]
pub(in crate::checks::meshes) struct Gates<'s> {
    /// By Istio's own Gateway.
    by_object: HashMap<Name<'s>, Vec<usize>>,
    /// By the Gateway API's.
    by_label: HashMap<Name<'s>, Vec<usize>>,
    /// By the Services that their routes lead to; none where their pods are not in the picture.
    by_service: HashMap<Name<'s>, Vec<usize>>,
    /// Whether there are too many to keep.
    pub(super) is_cut: bool,
}

/// The label by which a gateway's pods name their Gateway.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

impl<'s> Gates<'s> {
    pub(super) fn new(world: &World<'s>, subjects: &[Subject<'_, 's>]) -> Self {
        let mut gates = Self::default();
        let is_gate = |(_, subject): &(usize, &Subject<'_, 's>)| subject.place == Place::Gateway;
        let pods: Vec<_> = subjects.iter().enumerate().filter(is_gate).collect();
        for (index, subject) in &pods {
            if let Some(name) = subject.endpoint.label(GATEWAY_NAME) {
                let all = gates.by_label.entry((name, subject.namespace)).or_default();
                all.push(*index);
            }
        }
        for object in world.of_kind(NETWORKING, "Gateway").iter().copied() {
            let selector = get(object, &["spec", "selector"]).and_then(LabelSelector::read_map);
            let Some(selector) = selector else { continue };
            let fits = |(_, subject): &&(usize, &Subject<'_, 's>)| {
                selector.matches(&subject.endpoint.template.labels)
            };
            let name = (&*object.reference.name, object.namespace());
            let fitting = pods.iter().filter(fits).map(|(index, _)| *index);
            gates.by_object.insert(name, fitting.collect());
        }
        let mut pairs = 0;
        let routes = world.of_kind(crate::istio::GATEWAY_API, "HTTPRoute").iter();
        let routes = routes.chain(world.of_kind(NETWORKING, "VirtualService"));
        for route in routes.copied() {
            let pods = gates.pods_of(route);
            for service in led_to(route) {
                pairs += pods.len();
                gates.is_cut |= pairs > MAX_PAIRS;
                let known = gates.by_service.entry(service).or_default();
                if pairs <= MAX_PAIRS {
                    known.extend(&pods);
                }
            }
        }
        for known in gates.by_service.values_mut() {
            known.sort_unstable();
            known.dedup();
        }
        gates
    }

    /// The pods of the gateways that a route is bound to.
    pub(super) fn pods_of(&self, route: &Object) -> Vec<usize> {
        let home = route.namespace();
        let mut found: Vec<usize> = Vec::new();
        if &*route.reference.kind == "VirtualService" {
            for name in texts(get(route, &["spec", "gateways"])) {
                let (space, name) = name.split_once('/').unwrap_or((home, name));
                found.extend(self.by_object.get(&(name, space)).into_iter().flatten());
            }
        } else {
            for parent in route.items(&["spec", "parentRefs"]) {
                let text = |key| parent.get(key).and_then(Node::as_str);
                let space = text("namespace").unwrap_or(home);
                let name = text("name").unwrap_or_default();
                if text("kind").is_none_or(|kind| kind == "Gateway") {
                    found.extend(self.by_label.get(&(name, space)).into_iter().flatten());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a route leads from a gateway to a pod.
    pub(super) fn is_routed(&self, subject: &Subject<'_, 's>) -> bool {
        let mut services = subject.services.iter();
        services.any(|service| self.by_service.contains_key(&name_of(service)))
    }

    /// The pods of gateways whose routes lead to a pod.
    pub(super) fn before(&self, subject: &Subject<'_, 's>) -> impl Iterator<Item = usize> {
        let services = subject.services.iter();
        let known = services.filter_map(|service| self.by_service.get(&name_of(service)));
        known.flatten().copied()
    }
}

fn name_of(object: &Object) -> Name<'_> {
    (&object.reference.name, object.namespace())
}

/// The Services that a route leads to from a gateway.
pub(super) fn led_to(route: &Object) -> Vec<Name<'_>> {
    let home = route.namespace();
    if &*route.reference.kind == "VirtualService" {
        let gateways = texts(get(route, &["spec", "gateways"]));
        if !gateways.iter().any(|name| *name != "mesh") {
            return Vec::new();
        }
        let hosts = hosts(route);
        return hosts.filter_map(|host| service_name(host, home)).collect();
    }
    let is_mesh = |parent: &Node| parent.get("kind").and_then(Node::as_str) == Some("Service");
    if route.items(&["spec", "parentRefs"]).iter().all(is_mesh) {
        return Vec::new();
    }
    let rules = route.items(&["spec", "rules"]).iter();
    let backends = rules.flat_map(|rule| {
        let all = rule.get("backendRefs").and_then(Node::as_seq);
        all.unwrap_or_default()
    });
    backends.filter_map(|one| name_in(one, home)).collect()
}

fn name_in<'s>(backend: &'s Node, home: &'s str) -> Option<Name<'s>> {
    let text = |key| backend.get(key).and_then(Node::as_str);
    Some((text("name")?, text("namespace").unwrap_or(home)))
}

/// The hosts that a VirtualService sends requests to.
pub(super) fn hosts(route: &Object) -> impl Iterator<Item = &str> {
    let rules = route.items(&["spec", "http"]).iter();
    let all = rules.flat_map(|rule| rule.get("route").and_then(Node::as_seq).unwrap_or_default());
    all.filter_map(|to| to.at(&["destination", "host"])?.as_str())
}
