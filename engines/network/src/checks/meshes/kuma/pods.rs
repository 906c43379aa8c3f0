//! Which pods get a proxy of Kuma, and what gets past it.

use super::super::{Report, ranges, serves_others, strongest, weighed};
use super::{Scene, asset};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, EndpointId, World};
use seawall_model::{Locus, Severity, Span};

const INJECT: &str = "kuma.io/sidecar-injection";
const SKIP_INBOUND: &str = "traffic.kuma.io/exclude-inbound-ports";
const GATEWAY: &str = "kuma.io/gateway";
const TRANSPARENT: &str = "kuma.io/transparent-proxying";

/// The mesh of a pod.
pub(super) fn mesh<'s>(world: &World<'s>, endpoint: &Endpoint<'s>) -> &'s str {
    const KEY: &str = "kuma.io/mesh";
    let own = endpoint
        .label(KEY)
        .or_else(|| Some(&*endpoint.annotation(KEY)?.value));
    let above = || world.namespace_at(endpoint.namespace)?.object?.label(KEY);
    own.or_else(above).unwrap_or("default")
}

/// A label or annotation as Kuma reads switches.
fn switch(text: &str) -> Option<bool> {
    match text {
        "enabled" | "true" | "yes" => Some(true),
        "disabled" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// What the namespace of a pod says about proxies.
fn above(world: &World<'_>, endpoint: &Endpoint<'_>) -> Option<bool> {
    let object = world.namespace_at(endpoint.namespace)?.object?;
    let by_annotation = || Some(&*object.annotation(INJECT)?.value);
    let text = object.label(INJECT).or_else(by_annotation);
    Some(text.and_then(switch) == Some(true))
}

/// What a pod says itself, with the place.
fn own(endpoint: &Endpoint<'_>) -> Option<(bool, Locus)> {
    let pointer = &endpoint.template.pointer;
    let key = INJECT.replace('/', "~1");
    let locus = |list: &str, span: Span| Locus {
        pointer: format!("{pointer}/metadata/{list}/{key}"),
        path: format!("pod/metadata/{list}/{key}"),
        span,
    };
    if let Some(text) = endpoint.label(INJECT) {
        let span = endpoint.template.span.unwrap_or(endpoint.object.name_span);
        return Some((switch(text)?, locus("labels", span)));
    }
    let field = endpoint.annotation(INJECT)?;
    Some((switch(&field.value)?, locus("annotations", field.span)))
}

/// Whether a pod has a proxy or gets one; nothing where the input does not say.
pub(super) fn is_injected(world: &World<'_>, endpoint: &Endpoint<'_>) -> Option<bool> {
    let mut containers = endpoint.template.containers.iter();
    if containers.any(|one| &*one.name == "kuma-sidecar") {
        return Some(true);
    }
    if endpoint.is_host_network() {
        return Some(false);
    }
    let said = own(endpoint).map(|(value, _)| value);
    said.or_else(|| above(world, endpoint))
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for (id, endpoint) in scene.world.endpoint_ids() {
        let is_in = is_injected(scene.world, endpoint) == Some(true);
        let asks = above(scene.world, endpoint) == Some(true);
        if !is_in && !asks {
            continue;
        }
        report.assess(&[Id::KUM_10], 1);
        if is_in {
            past_proxy(scene, id, endpoint, report);
        } else if let Some((false, locus)) = own(endpoint) {
            let message = "the pods stay out of the mesh of their namespace: no mutual TLS and no \
                           permission holds"
                .to_owned();
            let fix = "Remove it; if the pods cannot have a proxy, protect them with a network \
                       policy"
                .to_owned();
            let severity = weighed(Severity::High, &outsider(scene, id, endpoint));
            let draft = Draft::new(Id::KUM_10, locus, message, fix).severity(severity);
            report.add_to(asset(endpoint), draft);
        }
    }
}

/// Who without an identity gets to a pod, at the worst.
fn outsider(
    scene: &Scene<'_, '_>,
    id: EndpointId,
    endpoint: &Endpoint<'_>,
) -> super::super::Outsider {
    let ports = endpoint.declared_ports().into_iter();
    strongest(&scene.outsiders, ports.map(|(_, port)| (id, port)))
}

/// Annotations by which something leaves or enters past the proxy, and what each does.
const PAST: [(&str, &str); 6] = [
    (
        "traffic.kuma.io/exclude-inbound-ips",
        "callers from these addresses get in past the proxy",
    ),
    (
        "traffic.kuma.io/exclude-outbound-ports",
        "calls to these ports leave past the proxy",
    ),
    (
        "traffic.kuma.io/exclude-outbound-ips",
        "calls to these addresses leave past the proxy",
    ),
    (
        "traffic.kuma.io/exclude-outbound-ports-for-uids",
        "what these users send to these ports leaves past the proxy",
    ),
    (
        "kuma.io/container-patches",
        "the proxy's containers are patched",
    ),
    (
        "kuma.io/sidecar-env-vars",
        "the proxy starts with variables of the pod's own",
    ),
];

/// KUM-10.
fn past_proxy(scene: &Scene<'_, '_>, id: EndpointId, endpoint: &Endpoint<'_>, report: &mut Report) {
    let mut add = |key: &str, message: String, severity: Severity| {
        let Some(field) = endpoint.annotation(key) else {
            return;
        };
        let escaped = key.replace('/', "~1");
        let pointer = &endpoint.template.pointer;
        let locus = Locus {
            pointer: format!("{pointer}/metadata/annotations/{escaped}"),
            path: format!("pod/metadata/annotations/{escaped}"),
            span: field.span,
        };
        let fix = "Remove the annotation".to_owned();
        let draft = Draft::new(Id::KUM_10, locus, message, fix);
        report.add_to(asset(endpoint), draft.severity(severity));
    };
    let value = |key: &str| {
        let field = endpoint.annotation(key);
        field.map_or("", |field| field.value.trim())
    };
    // Whoever comes from outside by an ingress controller has no identity of the mesh.
    let is_edge = serves_others(scene.network, id);
    let skipped = value(SKIP_INBOUND);
    if !skipped.is_empty() {
        // A range is judged by its ends.
        let ends = ranges(skipped)
            .into_iter()
            .flat_map(|(from, to)| [from, to]);
        let outsider = strongest(&scene.outsiders, ends.map(|port| (id, port)));
        let severity = if is_edge {
            Severity::Low
        } else {
            weighed(Severity::High, &outsider)
        };
        let message = format!(
            "port {skipped} is reached past the proxy: no mutual TLS, and no permission holds"
        );
        add(SKIP_INBOUND, message, severity);
    }
    if switch(value(TRANSPARENT)) == Some(false) {
        let message = "traffic is not redirected to the proxy: who calls the pod at its own port \
                       asks no permission"
            .to_owned();
        let severity = weighed(Severity::High, &outsider(scene, id, endpoint));
        add(TRANSPARENT, message, severity);
    }
    if matches!(value(GATEWAY), "enabled" | "true" | "provided") && !is_edge {
        let message =
            "the pods say that they are a gateway, so what comes in goes past the proxy; \
                       no route leads through them"
                .to_owned();
        let severity = weighed(Severity::Medium, &outsider(scene, id, endpoint));
        add(GATEWAY, message, severity);
    }
    for (key, what) in PAST {
        let value = value(key);
        if !value.is_empty() {
            add(key, format!("{what} ({value})"), Severity::Medium);
        }
    }
}
