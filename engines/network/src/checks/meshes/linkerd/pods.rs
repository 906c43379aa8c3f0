//! Rules about single pods of Linkerd, and about what surrounds them.

use super::super::settings::injectors;
use super::super::{Report, get, place};
use super::{Scene, asset, pod_place};
use crate::linkerd::{INJECT, Place, SKIP_INBOUND};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, EndpointId};
use seawall_model::Asset;
use seawall_snapshot::LabelSelector;
use seawall_yaml::Node;
use std::collections::BTreeMap;

/// LNK-15, 18 and 20.
pub(super) fn check(
    scene: &Scene<'_, '_>,
    id: EndpointId,
    endpoint: &Endpoint<'_>,
    report: &mut Report,
) {
    let here = scene.linkerd.place(id);
    let meshed = matches!(here, Place::Meshed | Place::Ingress);
    let namespace = scene
        .world
        .namespace_at(endpoint.namespace)
        .and_then(|n| n.object);
    let above = namespace.and_then(|object| object.annotation(INJECT));
    if let Some(field) = endpoint.annotation(INJECT) {
        let space_asks = above.is_some_and(|field| matches!(&*field.value, "enabled" | "ingress"));
        if &*field.value == "disabled" && space_asks {
            let message = "the pods stay out of the mesh of their namespace: no mutual TLS and no \
                           policy holds"
                .to_owned();
            let fix =
                "Remove the annotation; if the pods cannot have a proxy, protect them with a \
                       network policy"
                    .to_owned();
            let locus = pod_place(endpoint, INJECT, field.span);
            report.add_to(asset(endpoint), Draft::new(Id::LNK_18, locus, message, fix));
        }
        if &*field.value == "ingress" {
            let message =
                "the proxy sends requests where the header l5d-dst-override says: whoever \
                           can set it reaches any service"
                    .to_owned();
            let fix =
                "Set the annotation to enabled, or strip l5d-dst-override at the edge".to_owned();
            let locus = pod_place(endpoint, INJECT, field.span);
            report.add_to(asset(endpoint), Draft::new(Id::LNK_20, locus, message, fix));
        }
    }
    if let Some(field) = endpoint
        .annotation(SKIP_INBOUND)
        .filter(|f| meshed && !f.value.trim().is_empty())
    {
        let message = format!(
            "port {} bypasses the proxy: no mutual TLS and no policy holds there",
            field.value
        );
        let fix =
            "Remove the annotation; a port of another protocol can be opaque instead".to_owned();
        let locus = pod_place(endpoint, SKIP_INBOUND, field.span);
        report.add_to(asset(endpoint), Draft::new(Id::LNK_15, locus, message, fix));
    }
}

/// LNK-19.
pub(super) fn webhooks(scene: &Scene<'_, '_>, report: &mut Report) {
    let fix = "Set failurePolicy to Fail (proxyInjector webhookFailurePolicy), with several \
               replicas of the injector";
    let is_injector = |name: &str| name == "linkerd-proxy-injector.linkerd.io";
    injectors(scene.world, Id::LNK_19, is_injector, fix, report);
}

/// The port that proxies talk to each other at.
const TUNNEL: i64 = 4143;

/// LNK-27.
pub(super) fn tunnel_port(scene: &Scene<'_, '_>, report: &mut Report) {
    for policy in scene
        .world
        .of_kind("networking.k8s.io", "NetworkPolicy")
        .iter()
        .copied()
    {
        let selector = get(policy, &["spec", "podSelector"]).and_then(LabelSelector::read);
        let Some(selector) = selector else { continue };
        let selected: BTreeMap<Asset, &Endpoint<'_>> = scene
            .meshed()
            .filter(|(_, e)| scene.namespace(e) == policy.namespace())
            .filter(|(_, e)| selector.matches(&e.template.labels))
            .map(|(_, e)| (asset(e), e))
            .collect();
        if selected.is_empty() {
            continue;
        }
        report.assess(&[Id::LNK_27], 1);
        let has_servers = |endpoint: &Endpoint<'_>| {
            let ports = endpoint.template.containers.iter().flat_map(|c| &c.ports);
            let mut numbers =
                ports.filter_map(|p| u16::try_from(p.container_port.as_ref()?.value).ok());
            numbers.all(|port| {
                scene
                    .linkerd
                    .access(scene.world, endpoint, port)
                    .server
                    .is_some()
            })
        };
        if selected.values().all(|endpoint| has_servers(endpoint)) {
            continue;
        }
        for (index, rule) in policy.items(&["spec", "ingress"]).iter().enumerate() {
            let ports = rule.get("ports").and_then(Node::as_seq).unwrap_or_default();
            let tunnel = ports
                .iter()
                .find(|p| p.get("port").and_then(Node::as_i64) == Some(TUNNEL));
            let Some(port) = tunnel.filter(|_| ports.len() > 1) else {
                continue;
            };
            let message = format!(
                "the ports look limited, but meshed clients arrive at {TUNNEL} whatever port they \
                 call: they reach all of them (Linkerd 2.18 and later)"
            );
            let fix = "Add a Server for every port of these pods".to_owned();
            let pointer = format!("/spec/ingress/{index}/ports");
            let draft = Draft::new(
                Id::LNK_27,
                place(policy, &pointer, Some(port.span)),
                message,
                fix,
            )
            .affects(selected.keys().cloned());
            report.add(policy, draft);
        }
    }
}
