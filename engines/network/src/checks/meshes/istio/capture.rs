//! IST-BP and the ambient bypass: pods and ports that the mesh does not see.

use super::super::{Report, place, weighed};
use super::{Scene, Subject};
use crate::istio::membership::{
    self, BYPASS, EXCLUDE_INBOUND, IGNORED, INCLUDE_INBOUND, INJECT, INJECTION, INTERCEPTION,
    Place, REVISION,
};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::Namespace;
use seawall_model::{Locus, Proof, Severity, Span, Str};
use seawall_snapshot::pod::EnvSource;
use seawall_snapshot::{ContainerKind, Field};
use seawall_yaml::Node;

const RULES: [Id; 10] = [
    Id::IST_AM_15,
    Id::IST_AM_16,
    Id::IST_BP_02,
    Id::IST_BP_21,
    Id::IST_BP_05,
    Id::IST_BP_08,
    Id::IST_BP_09,
    Id::IST_BP_10,
    Id::IST_BP_12,
    Id::IST_BP_13,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    revisions(scene, report);
    namespaces(scene, report);
    injectors(scene, report);
    mesh_wide(scene, report);
    report.assess(&RULES, scene.subjects.len());
    for subject in &scene.subjects {
        opted_out(scene, subject, report);
        host_network(scene, subject, report);
        inbound(scene, subject, report);
        outbound(subject, report);
        interception(scene, subject, report);
        proxy_user(subject, report);
        bypass(scene, subject, report);
    }
}

/// The revision or the word by which a namespace asks for sidecars.
pub(super) fn asks<'a>(namespace: &'a Namespace<'_>) -> Option<&'a str> {
    let object = namespace.object?;
    match object.label(INJECTION) {
        Some("enabled") => Some("enabled"),
        Some(_) => None,
        None => object.label(REVISION),
    }
}

fn space<'w, 's>(scene: &'w Scene<'w, 's>, subject: &Subject<'_, 's>) -> Option<&'w Namespace<'s>> {
    scene.world.namespace_at(subject.endpoint.namespace)
}

fn is_in_meshed_space(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> bool {
    let space = space(scene, subject);
    space.is_some_and(|space| {
        let is_ambient = space.label(membership::DATAPLANE) == Some("ambient");
        is_ambient || asks(space).is_some()
    })
}

pub(super) fn annotation_locus(subject: &Subject<'_, '_>, key: &str, span: Span) -> Locus {
    metadata_locus(subject, "annotations", key, Some(span))
}

/// Where ports are kept from the proxy by an annotation.
pub(super) fn excluding(subject: &Subject<'_, '_>) -> Option<Locus> {
    let field = annotation(subject, EXCLUDE_INBOUND)?;
    Some(annotation_locus(subject, EXCLUDE_INBOUND, field.span))
}

pub(super) fn metadata_locus(
    subject: &Subject<'_, '_>,
    map: &str,
    key: &str,
    span: Option<Span>,
) -> Locus {
    let key = key.replace('~', "~0").replace('/', "~1");
    let pointer = &subject.endpoint.template.pointer;
    Locus {
        pointer: format!("{pointer}/metadata/{map}/{key}"),
        path: format!("pod/metadata/{map}/{key}"),
        span: span.unwrap_or(subject.endpoint.object.name_span),
    }
}

fn add(subject: &Subject<'_, '_>, draft: Draft, report: &mut Report) {
    report.add_to(subject.asset(), draft);
}

/// IST-BP-02.
fn opted_out(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    if subject.place != Place::Outside || !is_in_meshed_space(scene, subject) {
        return;
    }
    let label = subject.endpoint.label(INJECT);
    let annotation = subject.endpoint.annotation(INJECT);
    let ambient = subject.endpoint.label(membership::DATAPLANE);
    let (id, locus) = match (label, annotation, ambient) {
        (Some("false"), ..) => (
            Id::IST_BP_02,
            metadata_locus(subject, "labels", INJECT, None),
        ),
        (_, Some(field), _) if &*field.value == "false" => {
            (Id::IST_BP_02, annotation_locus(subject, INJECT, field.span))
        }
        (_, _, Some(_)) => (
            Id::IST_AM_15,
            metadata_locus(subject, "labels", membership::DATAPLANE, None),
        ),
        _ => return,
    };
    if let Some(field) = database_of_job(subject) {
        job(subject, locus, field, report);
        return;
    }
    let services = &subject.services;
    let is_called = !services.is_empty();
    let severity = if is_called {
        Severity::High
    } else {
        Severity::High.lowered()
    };
    let ports: Vec<u16> = subject.ports.iter().map(|port| port.number).collect();
    let severity = weighed(severity, &scene.outsider(subject, &ports));
    let effect = if is_called {
        "whoever reaches it calls it without TLS, identity or policy"
    } else {
        "it calls others without an identity"
    };
    let message = format!(
        "the pods stay out of the mesh of namespace {}: {effect}",
        subject.namespace
    );
    let fix = "Remove the label or annotation; if the pods cannot have a proxy, protect them with \
               a network policy"
        .to_owned();
    let called = services.first().map(|service| {
        let name = &service.reference.name;
        (
            format!("Service {name} leads to it"),
            Proof::Source(service.name_span),
        )
    });
    let draft = Draft::new(id, locus, message, fix)
        .severity(severity)
        .maybe(called);
    add(subject, draft, report);
}

/// Words in names of variables that are about a database.
const DATABASES: [&str; 9] = [
    "DB", "DATABASE", "POSTGRES", "PG", "MYSQL", "MARIADB", "MONGO", "MONGODB", "REDIS",
];

/// The Secret by which a job gets into a database: the variable's name and place.
fn database_of_job<'s>(subject: &Subject<'_, 's>) -> Option<(&'s str, Span)> {
    let kind = &*subject.endpoint.workload.owner.kind;
    let containers = subject.endpoint.template.containers.iter();
    let containers = containers.filter(|_| matches!(kind, "Job" | "CronJob"));
    let mut variables = containers.flat_map(|container| &container.env);
    variables.find_map(|variable| {
        let EnvSource::Secret(..) = variable.source else {
            return None;
        };
        let name = variable.name.to_ascii_uppercase();
        let is_database = name.split('_').any(|word| DATABASES.contains(&word));
        is_database.then_some((&*variable.name, variable.span))
    })
}

/// IST-BP-21.
fn job(
    subject: &Subject<'_, '_>,
    locus: Locus,
    (variable, span): (&str, Span),
    report: &mut Report,
) {
    let message = format!(
        "the job stays out of the mesh of namespace {} and gets into a database ({variable}): it \
         calls without TLS, and the database has to let in who has no identity",
        subject.namespace
    );
    let fix = "Take the job into the mesh: as a native sidecar the proxy ends with it".to_owned();
    let draft = Draft::new(Id::IST_BP_21, locus, message, fix)
        .evidence("its credential comes from here", Proof::Source(span));
    add(subject, draft, report);
}

/// IST-BP-03: a namespace that asks for a control plane that is not there.
fn revisions(scene: &Scene<'_, '_>, report: &mut Report) {
    let known = &scene.istio.mesh.revisions;
    if known.is_empty() {
        return;
    }
    for namespace in &scene.world.namespaces {
        let Some(object) = namespace.object else {
            continue;
        };
        report.assess(&[Id::IST_BP_03], 1);
        let Some(revision) = asks(namespace).filter(|word| *word != "enabled") else {
            continue;
        };
        if known.iter().any(|one| &**one == revision) {
            continue;
        }
        let inside = scene
            .subjects
            .iter()
            .filter(|s| s.namespace == namespace.name);
        let message =
            format!("no control plane has revision {revision}: pods of the namespace get no proxy");
        let all: Vec<&str> = known.iter().map(|one| &**one).collect();
        let fix = format!("Set istio.io/rev to one that exists: {}", all.join(", "));
        let locus = place(object, "/metadata/labels/istio.io~1rev", None);
        let draft = Draft::new(Id::IST_BP_03, locus, message, fix)
            .affects(inside.map(super::Subject::asset));
        report.add(object, draft);
    }
}

/// IST-BP-04: two labels, of which one is not looked at.
fn namespaces(scene: &Scene<'_, '_>, report: &mut Report) {
    for object in scene
        .world
        .namespaces
        .iter()
        .filter_map(|namespace| namespace.object)
    {
        report.assess(&[Id::IST_BP_04], 1);
        let (Some(word), Some(revision)) = (object.label(INJECTION), object.label(REVISION)) else {
            continue;
        };
        let effect = match word {
            "enabled" => "the default revision injects",
            _ => "nothing is injected",
        };
        let message =
            format!("istio-injection: {word} wins over istio.io/rev: {revision}: {effect}");
        let fix = "Keep one of the labels".to_owned();
        let locus = place(object, "/metadata/labels/istio.io~1rev", None);
        report.add(object, Draft::new(Id::IST_BP_04, locus, message, fix));
    }
}

/// IST-BP-18: pods start without a proxy while the injector is away.
fn injectors(scene: &Scene<'_, '_>, report: &mut Report) {
    let kind = "MutatingWebhookConfiguration";
    let all = scene.world.of_kind("admissionregistration.k8s.io", kind);
    for object in all.iter().copied() {
        for (index, hook) in object.items(&["webhooks"]).iter().enumerate() {
            let text = |key| hook.get(key).and_then(Node::as_str).unwrap_or_default();
            if !text("name").ends_with("sidecar-injector.istio.io") {
                continue;
            }
            report.assess(&[Id::IST_BP_18], 1);
            let node = hook.get("failurePolicy");
            let Some(node) = node.filter(|_| text("failurePolicy") == "Ignore") else {
                continue;
            };
            let message =
                "pods start without a proxy while the injector does not answer".to_owned();
            let fix = "Set failurePolicy to Fail".to_owned();
            let pointer = format!("/webhooks/{index}/failurePolicy");
            // One hook is enough to say it: all of them go to the same injector.
            let locus = place(object, &pointer, Some(node.span));
            report.add(object, Draft::new(Id::IST_BP_18, locus, message, fix));
            break;
        }
    }
}

/// IST-BP-05.
fn host_network(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let field = subject.endpoint.template.host_network.as_ref();
    let Some(field) = field.filter(|field| field.value) else {
        return;
    };
    let is_ignored = IGNORED.contains(&subject.namespace);
    if is_ignored || !is_in_meshed_space(scene, subject) || subject.place != Place::Outside {
        return;
    }
    let message = format!(
        "pods in the node's network get no proxy, though namespace {} is in the mesh",
        subject.namespace
    );
    let fix = "Remove hostNetwork, or move the workload to a namespace outside the mesh".to_owned();
    let locus = subject
        .endpoint
        .template
        .locus("hostNetwork", Some(field.span));
    add(
        subject,
        Draft::new(Id::IST_BP_05, locus, message, fix),
        report,
    );
}

fn annotation<'s>(subject: &Subject<'_, 's>, key: &str) -> Option<&'s Field<Str>> {
    let can_have = matches!(subject.place, Place::Sidecar | Place::Unknown);
    subject.endpoint.annotation(key).filter(|_| can_have)
}

/// IST-BP-08 and 09.
fn inbound(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let fix = "Remove the annotation; if a client cannot use mutual TLS, give the port another \
               mode in a PeerAuthentication, so that policies still hold"
        .to_owned();
    if let Some(field) = annotation(subject, EXCLUDE_INBOUND) {
        let ports = membership::ports(&field.value);
        if !ports.is_empty() {
            let outsider = scene.outsider(subject, &ports);
            let all: Vec<String> = ports.iter().map(u16::to_string).collect();
            let message = format!(
                "port {} bypasses the proxy: no mutual TLS and no policy holds there",
                all.join(", ")
            );
            let locus = annotation_locus(subject, EXCLUDE_INBOUND, field.span);
            let draft = Draft::new(Id::IST_BP_08, locus, message, fix.clone())
                .severity(weighed(Severity::High, &outsider));
            add(subject, draft, report);
        }
    }
    if let Some(field) = annotation(subject, INCLUDE_INBOUND) {
        if field.value.trim() == "*" {
            return;
        }
        let seen = membership::ports(&field.value);
        let missed: Vec<u16> = subject
            .ports
            .iter()
            .map(|p| p.number)
            .filter(|p| !seen.contains(p))
            .collect();
        let what = match (seen.is_empty(), missed.is_empty()) {
            (true, _) => "no port goes through the proxy".to_owned(),
            (false, true) => "only the listed ports go through the proxy".to_owned(),
            (false, false) => {
                let all: Vec<String> = missed.iter().map(u16::to_string).collect();
                format!("port {} bypasses the proxy", all.join(", "))
            }
        };
        let message = format!("{what}: past it no mutual TLS and no policy holds");
        // All declared ports are listed: what is left is what somebody opens later.
        let severity = if missed.is_empty() && !seen.is_empty() {
            Severity::High.lowered()
        } else {
            weighed(Severity::High, &scene.outsider(subject, &missed))
        };
        let locus = annotation_locus(subject, INCLUDE_INBOUND, field.span);
        let draft = Draft::new(Id::IST_BP_09, locus, message, fix).severity(severity);
        add(subject, draft, report);
    }
}

/// Annotations that let traffic out past the proxy.
const OUTBOUND: [(&str, bool); 5] = [
    ("traffic.sidecar.istio.io/excludeOutboundPorts", false),
    ("traffic.sidecar.istio.io/excludeOutboundIPRanges", false),
    ("traffic.sidecar.istio.io/includeOutboundIPRanges", true),
    ("traffic.sidecar.istio.io/includeOutboundPorts", true),
    ("traffic.sidecar.istio.io/excludeInterfaces", false),
];

/// IST-BP-10.
fn outbound(subject: &Subject<'_, '_>, report: &mut Report) {
    for (key, is_list_of_seen) in OUTBOUND {
        let Some(field) = annotation(subject, key) else {
            continue;
        };
        let value = field.value.trim();
        let is_default = if is_list_of_seen {
            value == "*"
        } else {
            value.is_empty()
        };
        if is_default {
            continue;
        }
        let short = key.rsplit('/').next().unwrap_or(key);
        let message = format!(
            "some traffic leaves past the proxy ({short}: {}): without TLS, identity or egress rules",
            if value.is_empty() { "none" } else { value }
        );
        let fix =
            "Remove the annotation, or narrow it to the one destination that needs it".to_owned();
        let locus = annotation_locus(subject, key, field.span);
        add(
            subject,
            Draft::new(Id::IST_BP_10, locus, message, fix),
            report,
        );
    }
}

/// IST-BP-12.
fn interception(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let Some(field) = annotation(subject, INTERCEPTION) else {
        return;
    };
    let ports: Vec<u16> = subject.ports.iter().map(|port| port.number).collect();
    let (message, severity) = match &*field.value {
        "NONE" => (
            "nothing is redirected to the proxy: no mutual TLS and no policy holds",
            weighed(Severity::High, &scene.outsider(subject, &ports)),
        ),
        "TPROXY" => (
            "the proxy runs with rights over the pod's network (TPROXY)",
            Severity::Medium,
        ),
        _ => return,
    };
    let fix = "Remove the annotation".to_owned();
    let locus = annotation_locus(subject, INTERCEPTION, field.span);
    let draft = Draft::new(Id::IST_BP_12, locus, message.to_owned(), fix).severity(severity);
    add(subject, draft, report);
}

/// The proxy's user, whose traffic is not redirected.
const PROXY_USER: i64 = 1337;

/// IST-BP-13.
fn proxy_user(subject: &Subject<'_, '_>, report: &mut Report) {
    if !matches!(subject.place, Place::Sidecar) {
        return;
    }
    let template = subject.endpoint.template;
    let pod = &template.security_context;
    for container in &template.containers {
        if &*container.name == "istio-proxy" || container.kind == ContainerKind::Init {
            continue;
        }
        let own = &container.security_context;
        let user = own.run_as_user.as_ref().or(pod.run_as_user.as_ref());
        let group = own.run_as_group.as_ref().or(pod.run_as_group.as_ref());
        let is_proxy = |field: &&Field<i64>| field.value == PROXY_USER;
        let (what, field) = match (user.filter(is_proxy), group.filter(is_proxy)) {
            (Some(field), _) => ("runAsUser", field),
            (_, Some(field)) => ("runAsGroup", field),
            _ => continue,
        };
        let message = format!(
            "container {} runs as the proxy's {} 1337: its traffic is not redirected",
            container.name,
            if what == "runAsUser" { "user" } else { "group" }
        );
        let fix = format!("Set {what} to another number");
        let rest = format!("securityContext/{what}");
        let locus = template.container_locus(container, &rest, Some(field.span));
        add(
            subject,
            Draft::new(Id::IST_BP_13, locus, message, fix),
            report,
        );
    }
}

/// IST-AM-16.
fn bypass(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let field = subject.endpoint.annotation(BYPASS);
    let Some(field) = field.filter(|field| &*field.value == "true") else {
        return;
    };
    if !matches!(subject.place, Place::Ambient | Place::Unknown) {
        return;
    }
    let ports: Vec<u16> = subject.ports.iter().map(|port| port.number).collect();
    let message = "what comes in bypasses ztunnel: no mutual TLS and no policy holds".to_owned();
    let fix = "Remove the annotation".to_owned();
    let locus = annotation_locus(subject, BYPASS, field.span);
    let draft = Draft::new(Id::IST_AM_16, locus, message, fix)
        .severity(weighed(Severity::High, &scene.outsider(subject, &ports)));
    add(subject, draft, report);
}

/// Settings of the injector that narrow what all sidecars capture, with what is harmless.
const MESH_WIDE: [(&str, &[&str]); 5] = [
    ("excludeInboundPorts", &[""]),
    ("excludeOutboundPorts", &[""]),
    ("excludeIPRanges", &[""]),
    ("includeInboundPorts", &["*", ""]),
    ("includeIPRanges", &["*", ""]),
];

/// IST-BP-11.
fn mesh_wide(scene: &Scene<'_, '_>, report: &mut Report) {
    for values in &scene.istio.mesh.injector_values {
        report.assess(&[Id::IST_BP_11], 1);
        for (key, harmless) in MESH_WIDE {
            let Some(node) = values.tree.at(&["global", "proxy", key]) else {
                continue;
            };
            let text = match (node.as_str(), node.as_i64()) {
                (Some(text), _) => text.trim().to_owned(),
                (_, Some(number)) => number.to_string(),
                _ => continue,
            };
            if harmless.contains(&text.as_str()) {
                continue;
            }
            let message = format!("all sidecars leave traffic past them ({key}: {text})");
            let fix =
                format!("Set global.proxy.{key} back to its default, and annotate single pods");
            let pointer = format!("{}/global/proxy/{key}", values.pointer);
            let locus = place(values.object, &pointer, Some(node.span));
            let sidecars = scene.subjects.iter().filter(|s| s.place == Place::Sidecar);
            let draft = Draft::new(Id::IST_BP_11, locus, message, fix)
                .affects(sidecars.map(super::Subject::asset));
            report.add(values.object, draft);
        }
    }
}
