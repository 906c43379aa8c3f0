//! Which pods get a proxy of Consul, and what gets past it.

use super::super::settings::{flag, runs};
use super::super::{Report, place, ranges, strongest, weighed};
use super::{Scene, asset};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, EndpointId, World};
use seawall_model::{Asset, Locus, Severity, Span};
use seawall_snapshot::pod::Container;

const INJECT: &str = "consul.hashicorp.com/connect-inject";
const TRANSPARENT: &str = "consul.hashicorp.com/transparent-proxy";
const SKIP_INBOUND: &str = "consul.hashicorp.com/transparent-proxy-exclude-inbound-ports";

/// What injects proxies.
pub(super) struct Injector<'w, 's> {
    endpoint: &'w Endpoint<'s>,
    container: &'s Container,
}

impl<'w, 's> Injector<'w, 's> {
    pub(super) fn find(world: &'w World<'s>) -> Option<Self> {
        world.endpoints.iter().find_map(|endpoint| {
            let mut containers = endpoint.template.containers.iter();
            let container = containers.find(|one| runs(one, "inject-connect"))?;
            Some(Self {
                endpoint,
                container,
            })
        })
    }

    /// What it was told, with the place.
    fn told(&self, name: &str) -> Option<(bool, Locus)> {
        let (value, span) = flag(self.container, name)?;
        let is_command = self.container.command.iter().any(|word| word.span == span);
        let rest = if is_command { "command" } else { "args" };
        let template = self.endpoint.template;
        let mut locus = template.container_locus(self.container, rest, Some(span));
        locus.path = format!("{}/{name}", locus.path);
        Some((is_true(value)?, locus))
    }

    /// Whether pods that do not ask get a proxy.
    fn injects_all(&self) -> Option<bool> {
        self.told("default-inject").map(|(value, _)| value)
    }
}

/// A truth as Go reads it.
fn is_true(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether a pod is a part of Consul.
pub(super) fn is_own(endpoint: &Endpoint<'_>) -> bool {
    let images = endpoint.template.containers.iter();
    let mut images = images.filter_map(|container| container.image.as_ref());
    endpoint.label("chart") == Some("consul-helm")
        || endpoint
            .annotation("consul.hashicorp.com/gateway-kind")
            .is_some()
        || images.any(|image| image.value.contains("consul-k8s-control-plane"))
}

/// Whether a pod has a proxy or gets one; nothing where the input does not say.
pub(super) fn is_injected(
    world: &World<'_>,
    injector: Option<&Injector<'_, '_>>,
    endpoint: &Endpoint<'_>,
) -> Option<bool> {
    let mut containers = endpoint.template.containers.iter();
    if containers.any(|one| matches!(&*one.name, "consul-dataplane" | "envoy-sidecar")) {
        return Some(true);
    }
    let space = world.namespace_at(endpoint.namespace);
    let is_system = space.is_some_and(|space| space.name.starts_with("kube-"));
    if is_own(endpoint) || is_system {
        return Some(false);
    }
    let said = endpoint.annotation(INJECT);
    said.map_or_else(|| injector?.injects_all(), |field| is_true(&field.value))
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    if let Some(injector) = &scene.injector {
        opt_in(scene, injector, report);
        explicit_for_all(scene, injector, report);
    }
    explicit_namespaces(scene, report);
    for (id, endpoint) in scene.world.endpoint_ids() {
        if is_own(endpoint) {
            continue;
        }
        report.assess(&[Id::CSL_10], 1);
        left_out(scene, id, endpoint, report);
        if scene.has_proxy(id) == Some(true) {
            past_proxy(scene, id, endpoint, report);
        }
    }
}

/// CSL-09: said where somebody is left out by it.
fn opt_in(scene: &Scene<'_, '_>, injector: &Injector<'_, '_>, report: &mut Report) {
    let Some((injects_all, locus)) = injector.told("default-inject") else {
        return;
    };
    report.assess(&[Id::CSL_09], 1);
    let left = scene.world.endpoint_ids().filter(|(id, endpoint)| {
        !is_own(endpoint)
            && endpoint.annotation(INJECT).is_none()
            && scene.has_proxy(*id) == Some(false)
    });
    let space = |endpoint: &Endpoint<'_>| scene.world.namespace_at(endpoint.namespace);
    let left = left.filter(|(_, endpoint)| {
        !space(endpoint).is_some_and(|space| space.name.starts_with("kube-"))
    });
    let affected: Vec<Asset> = left.map(|(_, endpoint)| asset(endpoint)).collect();
    if injects_all || affected.is_empty() {
        return;
    }
    let message =
        "pods that do not ask for it get no proxy: no intention holds for them".to_owned();
    let fix = "Set connectInject.default to true, with an annotation on what must stay outside"
        .to_owned();
    let draft = Draft::new(Id::CSL_09, locus, message, fix).affects(affected);
    report.add_to(asset(injector.endpoint), draft);
}

fn annotation_locus(endpoint: &Endpoint<'_>, key: &str, span: Span) -> Locus {
    let key = key.replace('/', "~1");
    let pointer = &endpoint.template.pointer;
    Locus {
        pointer: format!("{pointer}/metadata/annotations/{key}"),
        path: format!("pod/metadata/annotations/{key}"),
        span,
    }
}

/// The ports of a pod, for asking who gets there.
fn ports(id: EndpointId, endpoint: &Endpoint<'_>) -> Vec<(EndpointId, u16)> {
    let declared = endpoint.declared_ports().into_iter();
    declared.map(|(_, port)| (id, port)).collect()
}

/// CSL-10: what stays out where all others are in.
fn left_out(scene: &Scene<'_, '_>, id: EndpointId, endpoint: &Endpoint<'_>, report: &mut Report) {
    let injects_all = scene.injector.as_ref().and_then(Injector::injects_all);
    let field = endpoint.annotation(INJECT);
    let Some(field) = field.filter(|field| is_true(&field.value) == Some(false)) else {
        return;
    };
    if injects_all != Some(true) {
        return;
    }
    let message = "the pods stay out of the mesh: no mutual TLS, and no intention holds".to_owned();
    let fix =
        "Remove the annotation; if the pods cannot have a proxy, protect them with a network \
               policy"
            .to_owned();
    let locus = annotation_locus(endpoint, INJECT, field.span);
    let outsider = strongest(&scene.outsiders, ports(id, endpoint));
    let draft = Draft::new(Id::CSL_10, locus, message, fix);
    let draft = draft.severity(weighed(Severity::High, &outsider));
    report.add_to(asset(endpoint), draft);
}

const EXPLICIT: &str =
    "traffic is not redirected to the proxy: who calls the pod at its own port asks no intention";

/// Annotations by which something leaves or enters past the proxy, and what each does.
const PAST: [(&str, &str); 4] = [
    (
        "consul.hashicorp.com/transparent-proxy-exclude-outbound-ports",
        "calls to these ports leave past the proxy",
    ),
    (
        "consul.hashicorp.com/transparent-proxy-exclude-outbound-cidrs",
        "calls to these addresses leave past the proxy",
    ),
    (
        "consul.hashicorp.com/transparent-proxy-exclude-uids",
        "what these users send leaves past the proxy",
    ),
    (
        "consul.hashicorp.com/envoy-extra-args",
        "the proxy starts with arguments of the pod's own",
    ),
];

/// CSL-10: what comes in or goes out past the proxy of a pod.
fn past_proxy(scene: &Scene<'_, '_>, id: EndpointId, endpoint: &Endpoint<'_>, report: &mut Report) {
    let mut add = |key: &str, message: String, severity: Severity, fix: &str| {
        let Some(field) = endpoint.annotation(key) else {
            return;
        };
        let locus = annotation_locus(endpoint, key, field.span);
        let draft = Draft::new(Id::CSL_10, locus, message, fix.to_owned());
        report.add_to(asset(endpoint), draft.severity(severity));
    };
    let value = |key: &str| {
        let field = endpoint.annotation(key);
        field.map_or("", |field| field.value.trim())
    };
    if is_true(value(TRANSPARENT)) == Some(false) {
        let outsider = strongest(&scene.outsiders, ports(id, endpoint));
        let severity = weighed(Severity::High, &outsider);
        let fix = "Remove the annotation, or let the application listen at 127.0.0.1 only";
        add(TRANSPARENT, EXPLICIT.to_owned(), severity, fix);
    }
    let skipped = value(SKIP_INBOUND);
    if !skipped.is_empty() {
        // A range is judged by its ends.
        let ends = ranges(skipped)
            .into_iter()
            .flat_map(|(from, to)| [from, to]);
        let outsider = strongest(&scene.outsiders, ends.map(|port| (id, port)));
        // Whoever comes from outside by an ingress controller has no identity of the mesh.
        let severity = if scene.serves_others(id) {
            Severity::Low
        } else {
            weighed(Severity::High, &outsider)
        };
        let message = format!(
            "port {skipped} is reached past the proxy: no mutual TLS, and no intention is asked"
        );
        add(SKIP_INBOUND, message, severity, "Remove the annotation");
    }
    for (key, what) in PAST {
        let value = value(key);
        if !value.is_empty() {
            let message = format!("{what} ({value})");
            add(key, message, Severity::Medium, "Remove the annotation");
        }
    }
}

/// CSL-10: pods that are held by what is said for all of them.
fn explicit(
    scene: &Scene<'_, '_>,
    is_held: impl Fn(&Endpoint<'_>) -> bool,
) -> Option<(Vec<Asset>, Severity)> {
    let held = scene
        .injected()
        .filter(|(_, endpoint)| endpoint.annotation(TRANSPARENT).is_none() && is_held(endpoint));
    let held: Vec<(EndpointId, &Endpoint<'_>)> = held.collect();
    let all = held.iter().flat_map(|(id, endpoint)| ports(*id, endpoint));
    let severity = weighed(Severity::High, &strongest(&scene.outsiders, all));
    let affected: Vec<Asset> = held.iter().map(|(_, endpoint)| asset(endpoint)).collect();
    (!affected.is_empty()).then_some((affected, severity))
}

fn explicit_for_all(scene: &Scene<'_, '_>, injector: &Injector<'_, '_>, report: &mut Report) {
    let told = injector.told("default-enable-transparent-proxy");
    let Some((false, locus)) = told else { return };
    let has_own = |endpoint: &Endpoint<'_>| {
        let space = scene.world.namespace_at(endpoint.namespace);
        space.is_some_and(|space| space.label(TRANSPARENT).is_some())
    };
    let Some((affected, severity)) = explicit(scene, |endpoint| !has_own(endpoint)) else {
        return;
    };
    let fix = "Set connectInject.transparentProxy.defaultEnabled to true".to_owned();
    let draft = Draft::new(Id::CSL_10, locus, EXPLICIT.to_owned(), fix)
        .severity(severity)
        .affects(affected);
    report.add_to(asset(injector.endpoint), draft);
}

fn explicit_namespaces(scene: &Scene<'_, '_>, report: &mut Report) {
    for space in &scene.world.namespaces {
        let off = space.label(TRANSPARENT).and_then(is_true) == Some(false);
        let Some(object) = space.object.filter(|_| off) else {
            continue;
        };
        let is_here = |endpoint: &Endpoint<'_>| {
            let home = scene.world.namespace_at(endpoint.namespace);
            home.is_some_and(|home| home.name == space.name)
        };
        let Some((affected, severity)) = explicit(scene, is_here) else {
            continue;
        };
        let key = TRANSPARENT.replace('/', "~1");
        let label = object
            .body()
            .and_then(|body| body.at(&["metadata", "labels", TRANSPARENT]));
        let span = label.map(|node| node.span);
        let locus = place(object, &format!("/metadata/labels/{key}"), span);
        let fix = "Remove the label".to_owned();
        let draft = Draft::new(Id::CSL_10, locus, EXPLICIT.to_owned(), fix)
            .severity(severity)
            .affects(affected);
        report.add(object, draft);
    }
}
