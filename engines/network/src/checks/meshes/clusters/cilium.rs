//! MC-07: Cilium's cluster mesh.

use super::super::{Report, place};
use super::{door, is_store};
use crate::network::Network;
use crate::policy::At;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;

const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
const DEFAULT_LOCAL: &str = "policy-default-local-cluster";

pub(super) fn check(network: &Network<'_, '_>, report: &mut Report) {
    apiserver(network, report);
    global_services(network, report);
    policies_for_all(network, report);
}

/// The copy of this cluster's state that others read.
fn apiserver(network: &Network<'_, '_>, report: &mut Report) {
    for (id, endpoint) in network.world().endpoint_ids() {
        if endpoint.label("k8s-app") != Some("clustermesh-apiserver") {
            continue;
        }
        report.assess(&[Id::MC_07], 1);
        let mut ways = network.exposure().iter();
        let way = ways.find(|way| way.endpoint == id && way.is_open());
        let Some(way) = way else { continue };
        let message = format!(
            "the state of this cluster's network is open to the internet ({}): a certificate of \
             the common CA is all that is asked for",
            way.entry.name()
        );
        let fix = "Make the Service internal, or list the other clusters in \
                   loadBalancerSourceRanges"
            .to_owned();
        let locus = endpoint.template.locus("containers", None);
        let draft = Draft::new(Id::MC_07, locus, message, fix).maybe(door(way));
        let asset = Asset::Resource(endpoint.workload.owner.clone());
        report.add_to(asset, draft);
    }
}

/// Services that all clusters share.
fn global_services(network: &Network<'_, '_>, report: &mut Report) {
    let hosts = network.hosts();
    for service in network.world().of_kind("", "Service").iter().copied() {
        let keys = ["service.cilium.io/global", "io.cilium/global-service"];
        let mut said = keys
            .iter()
            .filter_map(|key| Some((*key, service.annotation(key)?)));
        let Some((key, field)) = said.find(|(_, field)| &*field.value == "true") else {
            continue;
        };
        report.assess(&[Id::MC_07], 1);
        let shared = service.annotation("service.cilium.io/shared");
        if shared.is_some_and(|field| &*field.value == "false") {
            continue;
        }
        let name = &*service.reference.name;
        let targets = hosts(name, service.namespace(), None);
        let bare = targets.iter().find(|(endpoint, protocol, port)| {
            let held = network.ingress.holding.get(endpoint.0 as usize);
            *protocol == Protocol::Tcp && is_store(*port) && held.is_none_or(Vec::is_empty)
        });
        let Some((_, _, port)) = bare else { continue };
        let message = format!(
            "the store at port {port} is a service of all connected clusters, and no policy says \
             who may call it"
        );
        let fix =
            "Add a policy for its pods that names the clusters and pods that need it, or set \
                   service.cilium.io/shared to false"
                .to_owned();
        let pointer = format!("/metadata/annotations/{}", key.replace('/', "~1"));
        let locus = place(service, &pointer, Some(field.span));
        let draft = Draft::new(Id::MC_07, locus, message, fix);
        report.add(service, draft.severity(Severity::Medium));
    }
}

/// Policies that name no cluster: until 1.18 they were for the pods of all of them.
fn policies_for_all(network: &Network<'_, '_>, report: &mut Report) {
    let world = network.world();
    let maps = world.of_kind("", "ConfigMap").iter().copied();
    for object in maps.filter(|object| &*object.reference.name == "cilium-config") {
        let data = object.body().map(At::root);
        let Some(data) = data.and_then(|root| root.map("data").ok()?) else {
            continue;
        };
        let text = |key: &str| data.text(key).ok().flatten();
        if matches!(text("cluster-id"), None | Some("0" | "")) {
            continue;
        }
        report.assess(&[Id::MC_07], 1);
        let severity = match (text(DEFAULT_LOCAL), version(network)) {
            (Some("true"), _) | (None, Some((1, 19..) | (2.., _))) => continue,
            (None, None) => Severity::Low,
            _ => Severity::Medium,
        };
        let kinds = ["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"];
        let policies = kinds
            .iter()
            .flat_map(|kind| world.of_kind("cilium.io", kind).iter().copied());
        let affected: Vec<Asset> = policies
            .filter(|policy| names_no_cluster(policy))
            .map(|policy| Asset::Resource(policy.reference.clone()))
            .collect();
        if affected.is_empty() {
            continue;
        }
        let number = affected.len();
        let message = format!(
            "{number} {} in pods by label, whichever connected cluster they are in",
            if number == 1 {
                "policy lets"
            } else {
                "policies let"
            }
        );
        let fix = format!(
            "Set {DEFAULT_LOCAL} to true, and name {CLUSTER} where pods of another cluster are meant"
        );
        let at = data.get(DEFAULT_LOCAL).unwrap_or_else(|| data.clone());
        let locus = place(object, &at.pointer, Some(at.span()));
        let draft = Draft::new(Id::MC_07, locus, message, fix);
        report.add(object, draft.severity(severity).affects(affected));
    }
}

/// The version of Cilium's agents.
fn version(network: &Network<'_, '_>) -> Option<(u16, u16)> {
    let containers = network.world().endpoints.iter();
    let containers = containers.flat_map(|endpoint| &endpoint.template.containers);
    let mut images = containers.filter_map(|container| container.image.as_ref());
    images.find_map(|image| {
        let name = image.value.split('@').next()?;
        let tag = name.rsplit('/').next()?.strip_prefix("cilium:")?;
        let mut parts = tag.trim_start_matches('v').split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

/// Whether a policy lets in endpoints by labels without their cluster.
fn names_no_cluster(policy: &Object) -> bool {
    let specs = policy.items(&["specs"]).iter();
    let spec = policy.body().and_then(|body| body.get("spec"));
    specs.chain(spec).any(|spec| {
        let rules = spec.get("ingress").and_then(Node::as_seq);
        let peers = rules.unwrap_or_default().iter().filter_map(|rule| {
            let peers = rule.get("fromEndpoints")?;
            peers.as_seq()
        });
        peers.flatten().any(|peer| !names_cluster(peer))
    })
}

fn names_cluster(selector: &Node) -> bool {
    let labels = selector.get("matchLabels").and_then(Node::as_map);
    let mut labels = labels.into_iter().flat_map(|map| map.iter());
    let expressions = selector.get("matchExpressions").and_then(Node::as_seq);
    let mut expressions = expressions.unwrap_or_default().iter();
    labels.any(|entry| entry.key.ends_with(CLUSTER))
        || expressions.any(|one| {
            let key = one.get("key").and_then(Node::as_str);
            key.is_some_and(|key| key.ends_with(CLUSTER))
        })
}
