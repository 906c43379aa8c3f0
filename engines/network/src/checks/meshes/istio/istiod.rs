//! IST-CP-04, 05, 06, 08, 09, 10 and 12: who gets to the control plane, what it checks, and
//! what stands beside it.

use super::super::{Report, count, place};
use super::coverage::names;
use super::{Scene, Subject, control_plane, peers};
use crate::checks::outward::is_system;
use crate::istio::membership::Place;
use crate::istio::mesh::{Component, Part, Version};
use crate::network::Network;
use crate::places::Peer;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Proof, Severity};
use seawall_yaml::Node;
use std::collections::BTreeSet;

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    for pilot in pilots(scene) {
        report.assess_each(&[Id::IST_CP_04, Id::IST_CP_06, Id::IST_CP_09, Id::IST_CP_12]);
        reached(scene, network, pilot, report);
        same_account(scene, pilot, report);
        beside(scene, pilot, report);
    }
    merging(scene, report);
    validation(scene, report);
    tenants(scene, report);
    images(scene, report);
}

/// The control planes as subjects.
fn pilots<'a, 'w, 's>(scene: &'a Scene<'w, 's>) -> impl Iterator<Item = &'a Subject<'w, 's>> {
    scene.subjects.iter().filter(|subject| {
        let mut parts = scene.istio.mesh.components.iter();
        parts.any(|part| part.part == Part::Pilot && part.endpoint == subject.id)
    })
}

/// Ports of istiod that nobody but the monitoring needs: the others are for proxies and the
/// API server.
const CLOSED: [u16; 3] = [15014, 8080, 15010];

/// IST-CP-04.
fn reached(
    scene: &Scene<'_, '_>,
    network: &Network<'_, '_>,
    pilot: &Subject<'_, '_>,
    report: &mut Report,
) {
    let endpoint = pilot.id.0 as usize;
    let row = network.row_of(&network.ingress, endpoint);
    let is_held = network.ingress.of.get(endpoint).is_some_and(|row| *row > 0);
    let everyone = row.map(|row| row.among(&network.places.internet).any());
    let others = scene
        .subjects
        .iter()
        .filter(|s| s.namespace != pilot.namespace);
    let to = Peer::Endpoint(pilot.id);
    let mut reaching = others.filter_map(|other| {
        let open = network.below_layers(Peer::Endpoint(other.id), to).any();
        let port = CLOSED
            .into_iter()
            .find(|port| open.has(Protocol::Tcp, *port))?;
        Some((network.name(Peer::Endpoint(other.id)), port))
    });
    let found = reaching.next();
    let by_all = || {
        let open = everyone?;
        let port = CLOSED
            .into_iter()
            .find(|port| open.has(Protocol::Tcp, *port))?;
        Some(("every pod".to_owned(), port))
    };
    let Some((who, port)) = found.or_else(by_all) else {
        return;
    };
    let why = if is_held {
        "its network policy lets it"
    } else {
        "no network policy holds it"
    };
    let message = format!("{who} reaches port {port} of istiod: {why}");
    let fix = "Let the other namespaces in to 15012 and 15017 only, and the monitoring to 15014";
    let locus = place(pilot.endpoint.object, "", None);
    let mut ways = network.exposure().iter();
    let is_public = ways.any(|way| way.endpoint == pilot.id && way.is_open());
    let severity = if is_public {
        Severity::Medium.raised()
    } else {
        Severity::Medium
    };
    let draft = Draft::new(Id::IST_CP_04, locus, message, fix.to_owned()).severity(severity);
    report.add_to(pilot.asset(), draft);
}

/// IST-CP-06: others under the control plane's account, which reads the mesh's Secrets.
fn same_account(scene: &Scene<'_, '_>, pilot: &Subject<'_, '_>, report: &mut Report) {
    let account = pilot.endpoint.template.service_account();
    if account == "default" {
        return;
    }
    let is_pilot = |s: &Subject<'_, '_>| pilots(scene).any(|one| one.id == s.id);
    let others = scene
        .in_namespace(pilot.namespace)
        .filter(|s| s.endpoint.template.service_account() == account && !is_pilot(s));
    for subject in others {
        let template = subject.endpoint.template;
        let span = template
            .service_account_name
            .as_ref()
            .map(|field| field.span);
        let message = format!(
            "the pods run under account {account} of istiod, which reads Secrets and signs \
             identities"
        );
        let fix = "Give the workload an account of its own".to_owned();
        let locus = template.locus("serviceAccountName", span);
        let draft = Draft::new(Id::IST_CP_06, locus, message, fix).evidence(
            "istiod stands here",
            Proof::Source(pilot.endpoint.object.name_span),
        );
        report.add_to(subject.asset(), draft);
    }
}

/// Beginnings of names of what is commonly installed with a mesh.
const ADDONS: [&str; 14] = [
    "istio",
    "ztunnel",
    "kiali",
    "prometheus",
    "grafana",
    "jaeger",
    "tracing",
    "zipkin",
    "loki",
    "tempo",
    "opentelemetry",
    "otel",
    "skywalking",
    "cluster-local-gateway",
];

/// IST-CP-12.
fn beside(scene: &Scene<'_, '_>, pilot: &Subject<'_, '_>, report: &mut Report) {
    let mesh = &scene.istio.mesh;
    let tenants = scene.in_namespace(pilot.namespace).filter(|s| {
        let name = &*s.endpoint.workload.owner.name;
        let is_part = mesh.components.iter().any(|one| one.endpoint == s.id);
        let is_addon = ADDONS.iter().any(|start| name.starts_with(start));
        !is_part && !is_addon && s.place != Place::Gateway
    });
    let tenants: Vec<_> = tenants.collect();
    if tenants.is_empty() {
        return;
    }
    let message = format!(
        "pods of {} run in {}, the control plane's namespace, beside the keys of the mesh",
        names(&tenants),
        pilot.namespace
    );
    let fix = "Move them to a namespace of their own".to_owned();
    let locus = place(pilot.endpoint.object, "", None);
    let draft = Draft::new(Id::IST_CP_12, locus, message, fix)
        .affects(tenants.iter().map(|subject| subject.asset()));
    report.add_to(pilot.asset(), draft);
}

/// IST-CP-09.
fn merging(scene: &Scene<'_, '_>, report: &mut Report) {
    let name = "PILOT_ENABLE_STRICT_GATEWAY_MERGING";
    let Some((_, span)) =
        control_plane::pilot_setting(scene, name).filter(|(value, _)| *value == "false")
    else {
        return;
    };
    let Some(pilot) = pilots(scene).next() else {
        return;
    };
    let message = format!(
        "a Gateway of Istio in any namespace opens ports of managed gateways of others ({name}=\
         false)"
    );
    let fix = format!("Remove {name}");
    let template = pilot.endpoint.template;
    let locus = template.locus(&format!("env[{name}]"), Some(span));
    report.add_to(
        pilot.asset(),
        Draft::new(Id::IST_CP_09, locus, message, fix),
    );
}

/// IST-CP-05: nobody looks at what is written for the mesh.
fn validation(scene: &Scene<'_, '_>, report: &mut Report) {
    for values in &scene.istio.mesh.injector_values {
        report.assess(&[Id::IST_CP_05], 1);
        let node = values.get(&["global", "configValidation"]);
        if let Some(node) = node.filter(|node| node.as_bool() == Some(false)) {
            let message = "what is written for the mesh is not checked (configValidation: false)";
            let fix = "Set global.configValidation to true".to_owned();
            let pointer = format!("{}/global/configValidation", values.pointer);
            let locus = place(values.object, &pointer, Some(node.span));
            let draft = Draft::new(Id::IST_CP_05, locus, message.to_owned(), fix);
            report.add(values.object, draft);
            return;
        }
    }
    let hooks = |kind: &str, end: &'static str| {
        let all = scene.world.of_kind("admissionregistration.k8s.io", kind);
        let hooks = all.iter().flat_map(|object| {
            let hooks = object.items(&["webhooks"]).iter().enumerate();
            hooks.map(move |(index, hook)| (*object, index, hook))
        });
        hooks.filter(move |(_, _, hook)| {
            let name = hook.get("name").and_then(Node::as_str).unwrap_or_default();
            name.ends_with(end)
        })
    };
    let mut known = hooks("ValidatingWebhookConfiguration", "validation.istio.io").peekable();
    if known.peek().is_none() {
        let injector = hooks("MutatingWebhookConfiguration", "sidecar-injector.istio.io").next();
        let pilot = pilots(scene).next();
        // Only where the other webhook is in the input, this one is known to be lacking.
        let (Some((object, _, _)), Some(_)) = (injector, pilot) else {
            return;
        };
        report.assess(&[Id::IST_CP_05], 1);
        let message = "the injector's webhook is there, and none that checks what is written for \
                       the mesh"
            .to_owned();
        let fix = "Install the ValidatingWebhookConfiguration of istiod".to_owned();
        let locus = place(object, "", None);
        report.add(object, Draft::new(Id::IST_CP_05, locus, message, fix));
        return;
    }
    for (object, index, hook) in known {
        report.assess(&[Id::IST_CP_05], 1);
        let node = hook.get("failurePolicy");
        // istiod itself turns Ignore into Fail as soon as it has written its certificate.
        let bundle = hook.at(&["clientConfig", "caBundle"]);
        let is_live = bundle
            .and_then(Node::as_str)
            .is_some_and(|text| !text.is_empty());
        let Some(node) = node.filter(|node| is_live && node.as_str() == Some("Ignore")) else {
            continue;
        };
        let message = "what is written for the mesh is not checked while istiod does not answer";
        let fix = "Set failurePolicy to Fail".to_owned();
        let pointer = format!("/webhooks/{index}/failurePolicy");
        let locus = place(object, &pointer, Some(node.span));
        let draft = Draft::new(Id::IST_CP_05, locus, message.to_owned(), fix);
        report.add(object, draft);
        return;
    }
}

/// IST-CP-08: the mesh looks at namespaces that are none of its business.
fn tenants(scene: &Scene<'_, '_>, report: &mut Report) {
    let mesh = &scene.istio.mesh;
    let Some((object, pointer, span)) = peers::mesh_object(scene) else {
        return;
    };
    report.assess(&[Id::IST_CP_08], 1);
    let is_set = mesh.configs.iter().any(|config| {
        let node = config.get(&["discoverySelectors"]);
        node.and_then(Node::as_seq)
            .is_some_and(|all| !all.is_empty())
    });
    let is_inside = |s: &Subject<'_, '_>| s.place != Place::Outside;
    let inside: BTreeSet<&str> = scene
        .subjects
        .iter()
        .filter(|s| is_inside(s))
        .map(|s| s.namespace)
        .collect();
    let mut outside: Vec<&str> = scene
        .subjects
        .iter()
        .map(|s| s.namespace)
        .filter(|name| !inside.contains(name) && !is_system(name))
        .filter(|name| *name != &*mesh.root_namespace)
        .collect();
    outside.sort_unstable();
    outside.dedup();
    if is_set || inside.is_empty() || outside.is_empty() {
        return;
    }
    let message = format!(
        "istiod tells every proxy of the Services of {} outside the mesh, too",
        count(outside.len(), "namespace")
    );
    let fix = "Set discoverySelectors to the namespaces of the mesh".to_owned();
    let pointer = format!("{pointer}/discoverySelectors");
    let locus = place(object, &pointer, Some(span));
    report.add(object, Draft::new(Id::IST_CP_08, locus, message, fix));
}

/// How far proxies may be from their control plane.
const MAX_SKEW: u16 = 2;

/// IST-CP-10: parts that do not belong together, and images with more than they need.
fn images(scene: &Scene<'_, '_>, report: &mut Report) {
    let parts = &scene.istio.mesh.components;
    let mut pilots = parts.iter().filter(|one| one.part == Part::Pilot);
    let control = pilots.find_map(|one| one.version);
    report.assess(&[Id::IST_CP_10], parts.len());
    let is_far = |one: &&Component| {
        let far =
            |version: Version, control: Version| version.minor.abs_diff(control.minor) > MAX_SKEW;
        one.version
            .zip(control)
            .is_some_and(|(version, control)| far(version, control))
    };
    let far: Vec<&Component> = parts.iter().filter(is_far).collect();
    if let (Some(first), Some(control)) = (far.first(), control) {
        let version = first.version.map_or_else(String::new, |v| v.to_string());
        let message = format!(
            "parts of release {version} get their configuration from istiod {control}: nobody \
             tests these together"
        );
        let fix = "Bring the parts to at most two releases from each other".to_owned();
        let draft = about(scene, first, &far, message, fix);
        if let Some((asset, draft)) = draft {
            report.add_to(asset, draft.severity(Severity::Medium));
        }
    }
    let is_full = |one: &&Component| {
        one.version.is_some() && !one.image.contains("distroless") && !one.image.contains('@')
    };
    let full: Vec<&Component> = parts.iter().filter(is_full).collect();
    let Some(first) = full.first() else { return };
    let message = format!(
        "images of {} of Istio have a shell and tools that the mesh does not need",
        count(full.len(), "part")
    );
    let fix = "Use the images with the suffix -distroless (global.variant: distroless)".to_owned();
    if let Some((asset, draft)) = about(scene, first, &full, message, fix) {
        report.add_to(asset, draft.severity(Severity::Low));
    }
}

fn about(
    scene: &Scene<'_, '_>,
    first: &Component,
    all: &[&Component],
    message: String,
    fix: String,
) -> Option<(Asset, Draft)> {
    let endpoint = scene.world.endpoint_at(first.endpoint)?;
    let container = endpoint.template.containers.get(first.container)?;
    let template = endpoint.template;
    let locus = template.container_locus(container, "image", Some(first.span));
    let affected = all.iter().filter_map(|one| {
        let owner = &scene.world.endpoint_at(one.endpoint)?.workload.owner;
        Some(Asset::Resource(owner.clone()))
    });
    let draft = Draft::new(Id::IST_CP_10, locus, message, fix).affects(affected);
    Some((Asset::Resource(endpoint.workload.owner.clone()), draft))
}
