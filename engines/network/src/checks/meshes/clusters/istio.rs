//! MC-02 to 04: Istio over several clusters.

use super::super::istio::Scene;
use super::super::settings::variable;
use super::super::{Report, get, place};
use super::door;
use crate::istio::authorization::{Action, Key, Rule};
use crate::istio::mesh::{DEFAULT_TRUST_DOMAIN, Part, nested};
use crate::istio::{GATEWAY_API, NETWORKING};
use crate::network::Network;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::Exposure;
use seawall_model::{Asset, Severity, Span};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::BTreeSet;

pub(in super::super) fn check(
    network: &Network<'_, '_>,
    scene: &Scene<'_, '_>,
    report: &mut Report,
) {
    control_plane_ports(network, scene, report);
    tunnels(network, scene, report);
    if has_other_clusters(scene) {
        by_namespace(scene, report);
    }
    registries(scene, report);
}

fn servers(gateway: &Object) -> impl Iterator<Item = (usize, &Node, u16)> {
    let servers = gateway.items(&["spec", "servers"]).iter().enumerate();
    servers.filter_map(|(index, server)| {
        let number = server.at(&["port", "number"]).and_then(Node::as_i64)?;
        Some((index, server, u16::try_from(number).ok()?))
    })
}

/// MC-02: istiod behind a gateway. Of `AUTO_PASSTHROUGH` another rule speaks.
fn control_plane_ports(network: &Network<'_, '_>, scene: &Scene<'_, '_>, report: &mut Report) {
    for gateway in scene.world.of_kind(NETWORKING, "Gateway").iter().copied() {
        report.assess_each(&[Id::MC_02]);
        let ports: Vec<(usize, Span, u16)> = servers(gateway)
            .filter(|(_, _, port)| matches!(port, 15012 | 15017))
            .map(|(index, server, port)| (index, server.span, port))
            .collect();
        let Some((index, span, _)) = ports.first().copied() else {
            continue;
        };
        let selector = get(gateway, &["spec", "selector"]).and_then(LabelSelector::read_map);
        let pods: BTreeSet<_> = scene
            .world
            .endpoint_ids()
            .filter(|(_, endpoint)| {
                let labels = &endpoint.template.labels;
                let chosen = selector.as_ref().filter(|one| !one.requirements.is_empty());
                chosen.is_some_and(|selector| selector.matches(labels))
            })
            .map(|(id, _)| id)
            .collect();
        let is_meant = |way: &&Exposure<'_>| {
            let is_one = ports.iter().any(|(_, _, port)| *port == way.port);
            way.is_open() && is_one && pods.contains(&way.endpoint)
        };
        let way = network.exposure().iter().find(is_meant);
        if way.is_none() && !pods.is_empty() {
            continue;
        }
        let names: Vec<String> = ports.iter().map(|(_, _, port)| port.to_string()).collect();
        let (whom, severity) = match way {
            Some(way) => (
                format!("the internet ({})", way.entry.name()),
                Severity::High,
            ),
            None => ("whoever reaches the gateway".to_owned(), Severity::Medium),
        };
        let message = format!(
            "istiod is open to {whom} at port {}: it signs identities and gives out the \
             configuration of proxies",
            names.join(", ")
        );
        let fix =
            "Give the gateway an internal load balancer, or loadBalancerSourceRanges with the \
                   other clusters"
                .to_owned();
        let locus = place(gateway, &format!("/spec/servers/{index}"), Some(span));
        let draft = Draft::new(Id::MC_02, locus, message, fix);
        let draft = draft.severity(severity).maybe(way.and_then(door));
        report.add(gateway, draft);
    }
}

const EAST_WEST: &str = "istio-east-west";

/// MC-02: the tunnels of ambient clusters, by a gateway that Istio makes of this object.
fn tunnels(network: &Network<'_, '_>, scene: &Scene<'_, '_>, report: &mut Report) {
    for gateway in scene.world.of_kind(GATEWAY_API, "Gateway").iter().copied() {
        let class = get(gateway, &["spec", "gatewayClassName"]).and_then(Node::as_str);
        if class != Some(EAST_WEST) {
            continue;
        }
        report.assess_each(&[Id::MC_02]);
        let is_text = |key: &str, value: &str| {
            gateway
                .annotation(key)
                .is_some_and(|field| &*field.value == value)
        };
        let below = get(gateway, &["spec", "infrastructure", "annotations"]);
        let is_internal = seawall_snapshot::service::is_internal(gateway)
            || is_text("networking.istio.io/service-type", "ClusterIP")
            || below.is_some_and(|node| {
                let mut keys = node.as_map().into_iter().flat_map(|map| map.iter());
                keys.any(|entry| entry.key.contains("internal") || entry.key.contains("scheme"))
            });
        let pods = scene.world.endpoint_ids().filter(|(_, endpoint)| {
            let key = "gateway.networking.k8s.io/gateway-name";
            endpoint.label(key) == Some(&gateway.reference.name)
        });
        let pods: BTreeSet<_> = pods.map(|(id, _)| id).collect();
        let mut ways = network.exposure().iter();
        let way = ways.find(|way| way.is_open() && pods.contains(&way.endpoint));
        let is_closed = way.is_none() && !pods.is_empty();
        if is_internal || is_closed {
            continue;
        }
        let message = "Istio makes a public load balancer for the tunnels into this cluster: an \
                       identity of the mesh is all that is asked for, and every workload that is \
                       shared is behind them"
            .to_owned();
        let fix =
            "Give the gateway an internal load balancer (spec.infrastructure.annotations), or \
                   limit who reaches it to the other clusters"
                .to_owned();
        let span = get(gateway, &["spec", "listeners"]).map(|node| node.span);
        let locus = place(gateway, "/spec/listeners", span);
        let draft = Draft::new(Id::MC_02, locus, message, fix);
        let draft = draft.severity(Severity::Medium);
        report.add(gateway, draft.maybe(way.and_then(door)));
    }
}

/// Whether something shows that the mesh has other clusters.
fn has_other_clusters(scene: &Scene<'_, '_>) -> bool {
    let gateways = scene.world.of_kind(NETWORKING, "Gateway").iter();
    let mut servers = gateways.flat_map(|gateway| servers(gateway));
    let passes = servers.any(|(_, server, _)| {
        server.at(&["tls", "mode"]).and_then(Node::as_str) == Some("AUTO_PASSTHROUGH")
    });
    let mut gateways = scene.world.of_kind(GATEWAY_API, "Gateway").iter();
    passes
        || gateways.any(|gateway| {
            get(gateway, &["spec", "gatewayClassName"]).and_then(Node::as_str) == Some(EAST_WEST)
        })
        || networks(scene).next().is_some()
}

/// MC-03: a namespace of the same name in another cluster is the same to such a policy.
fn by_namespace(scene: &Scene<'_, '_>, report: &mut Report) {
    // With a trust domain of its own somebody has told the clusters apart.
    if &*scene.istio.mesh.trust_domain != DEFAULT_TRUST_DOMAIN {
        return;
    }
    let tells = |rule: &Rule| {
        rule.checks().any(|check| {
            let keys = [Key::Principals, Key::ServiceAccounts, Key::TrustDomains];
            keys.contains(&check.key) && !check.values.is_empty()
        })
    };
    let is_loose = |rule: &Rule| {
        let mut checks = rule.checks();
        checks.any(|check| check.key == Key::Namespaces && !check.values.is_empty()) && !tells(rule)
    };
    let all = &scene.istio.policies.all;
    report.assess(&[Id::MC_03], all.len());
    let loose: Vec<&Object> = all
        .iter()
        .filter(|policy| policy.action == Action::Allow && policy.rules.iter().any(is_loose))
        .map(|policy| policy.object)
        .collect();
    let Some(first) = loose.first().copied() else {
        return;
    };
    let number = super::super::count(loose.len(), "policies").replace("1 policies", "1 policy");
    let lets = if loose.len() == 1 { "lets" } else { "let" };
    let message = format!(
        "{number} {lets} in by namespace alone: in every cluster of the mesh whoever may create \
         pods in a namespace of that name gets in"
    );
    let fix = "Give each cluster a trust domain of its own, and name principals with it".to_owned();
    let span = get(first, &["spec", "rules"]).map(|node| node.span);
    let draft = Draft::new(Id::MC_03, place(first, "/spec/rules", span), message, fix);
    let others = loose.iter().skip(1);
    report.add(
        first,
        draft.affects(others.map(|object| Asset::Resource(object.reference.clone()))),
    );
}

/// Where the networks of the mesh are written down, with what stands there.
fn networks<'s>(scene: &Scene<'_, 's>) -> impl Iterator<Item = (&'s Object, Span, Node)> {
    let maps = scene.world.of_kind("", "ConfigMap").iter().copied();
    maps.filter_map(|object| {
        let name = &*object.reference.name;
        if name != "istio" && !name.starts_with("istio-") {
            return None;
        }
        let node = object.body()?.at(&["data", "meshNetworks"])?;
        let tree = nested(node.as_str()?, node.span);
        let networks = tree.get("networks")?;
        let has_some = networks.as_map().is_some_and(|map| !map.is_empty());
        has_some.then(|| (object, node.span, networks.clone()))
    })
}

/// MC-04: networks of clusters that nobody knows.
fn registries(scene: &Scene<'_, '_>, report: &mut Report) {
    let known = known_clusters(scene);
    for (object, span, networks) in networks(scene) {
        // Without the Secrets the other clusters are not in the input.
        let Some(known) = &known else { return };
        report.assess_each(&[Id::MC_04]);
        let entries = networks.as_map().into_iter().flat_map(|map| map.iter());
        let registry = entries.flat_map(|entry| {
            let endpoints = entry.value.get("endpoints").and_then(Node::as_seq);
            let endpoints = endpoints.unwrap_or_default().iter();
            endpoints.filter_map(|one| one.get("fromRegistry").and_then(Node::as_str))
        });
        let strangers: BTreeSet<&str> = registry
            .filter(|registry| !known.contains(*registry))
            .collect();
        let Some(first) = strangers.first() else {
            continue;
        };
        let message = format!(
            "the networks name a cluster that nobody knows ({first}): its workloads belong to no \
             network, and whoever registers a cluster of that name gets their traffic"
        );
        let fix = "Correct fromRegistry, or add the cluster's Secret".to_owned();
        let locus = place(object, "/data/meshNetworks", Some(span));
        report.add(object, Draft::new(Id::MC_04, locus, message, fix));
    }
}

/// The names of this cluster and of those that istiod has a Secret for. Only the names count,
/// and only the keys of Secrets are looked at.
fn known_clusters<'s>(scene: &Scene<'_, 's>) -> Option<BTreeSet<&'s str>> {
    let secrets = scene.world.of_kind("", "Secret").iter().copied();
    let remote = secrets.filter(|object| object.label("istio/multiCluster") == Some("true"));
    let keys = remote.flat_map(|object| {
        let body = object.body();
        let maps = ["data", "stringData"].into_iter();
        maps.filter_map(move |key| body?.get(key)?.as_map())
            .flat_map(|map| map.iter().map(|entry| &*entry.key))
    });
    let mut known: BTreeSet<&str> = keys.collect();
    if known.is_empty() {
        return None;
    }
    let pilots = &scene.istio.mesh.components;
    for pilot in pilots.iter().filter(|one| one.part == Part::Pilot) {
        let endpoint = scene.world.endpoint_at(pilot.endpoint)?;
        let container = endpoint.template.containers.get(pilot.container)?;
        let own = variable(container, "CLUSTER_ID").map(|(name, _)| name);
        known.insert(own.unwrap_or("Kubernetes"));
    }
    known.insert("Kubernetes");
    Some(known)
}
