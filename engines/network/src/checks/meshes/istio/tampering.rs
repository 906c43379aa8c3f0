//! IST-BP-14 and 17: containers that can undo what redirects their traffic, or look into the
//! proxy beside them.

use super::super::{Report, place};
use super::{Scene, Subject};
use crate::istio::membership::{Place, proxy};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Locus, Severity};
use seawall_snapshot::{Container, ContainerKind, Field};

const RULES: [Id; 2] = [Id::IST_BP_14, Id::IST_BP_17];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    report.assess(&[Id::IST_BP_17], scene.istio.mesh.injector_values.len());
    injected(scene, report);
    for subject in scene.meshed() {
        report.assess_each(&RULES);
        undone(scene, subject, report);
        beside(subject, report);
    }
}

/// What lets a container leave the proxy aside.
pub(super) struct Means {
    /// In words.
    pub(super) said: String,
    pub(super) locus: Locus,
    /// Whether it changes the rules of the pod's network, and does not only send past them.
    is_full: bool,
}

/// The proxy's user, whose traffic is not redirected.
const PROXY_USER: i64 = 1337;

/// What lets one of a pod's containers leave its proxy aside: rights over the pod's network, or
/// with a sidecar the proxy's own user.
pub(super) fn means(subject: &Subject<'_, '_>) -> Option<Means> {
    let rights = rights(subject);
    if rights.as_ref().is_some_and(|means| means.is_full) || subject.place != Place::Sidecar {
        return rights;
    }
    as_proxy(subject).or(rights)
}

/// Containers that run beside the application: setting the pod up is over when they start.
fn running<'s>(subject: &Subject<'_, 's>) -> impl Iterator<Item = &'s Container> {
    let all = subject.endpoint.template.containers.iter();
    all.filter(|container| {
        let keeps_on = container.restart_policy.as_ref();
        let is_over = container.kind == ContainerKind::Init
            && keeps_on.is_none_or(|field| &*field.value != "Always");
        !is_over && &*container.name != "istio-proxy"
    })
}

/// Capabilities over the pod's network, those that change its rules first.
const FULL: [&str; 3] = ["ALL", "NET_ADMIN", "SYS_ADMIN"];

fn rights(subject: &Subject<'_, '_>) -> Option<Means> {
    let template = subject.endpoint.template;
    let mut best: Option<Means> = None;
    for container in running(subject) {
        let own = &container.security_context;
        let name = &container.name;
        if let Some(field) = own.privileged.as_ref().filter(|field| field.value) {
            let rest = "securityContext/privileged";
            return Some(Means {
                said: format!("container {name} is privileged"),
                locus: template.container_locus(container, rest, Some(field.span)),
                is_full: true,
            });
        }
        for (index, field) in own.capabilities_add.iter().enumerate() {
            let short = field.value.strip_prefix("CAP_").unwrap_or(&field.value);
            let is_full = FULL.contains(&short);
            if !is_full && short != "NET_RAW" {
                continue;
            }
            if best.as_ref().is_some_and(|known| known.is_full || !is_full) {
                continue;
            }
            let rest = format!("securityContext/capabilities/add/{index}");
            best = Some(Means {
                said: format!("container {name} has {short}"),
                locus: template.container_locus(container, &rest, Some(field.span)),
                is_full,
            });
        }
    }
    best
}

fn as_proxy(subject: &Subject<'_, '_>) -> Option<Means> {
    let template = subject.endpoint.template;
    let pod = &template.security_context;
    running(subject).find_map(|container| {
        let own = &container.security_context;
        let user = own.run_as_user.as_ref().or(pod.run_as_user.as_ref());
        let group = own.run_as_group.as_ref().or(pod.run_as_group.as_ref());
        let is_proxy = |field: &&Field<i64>| field.value == PROXY_USER;
        let field = user.filter(is_proxy).or(group.filter(is_proxy))?;
        let name = &container.name;
        Some(Means {
            said: format!("container {name} runs as the proxy's user"),
            locus: template.container_locus(container, "securityContext", Some(field.span)),
            is_full: true,
        })
    })
}

/// IST-BP-14.
fn undone(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let Some(means) = rights(subject) else { return };
    let effect = if means.is_full {
        "it can delete the rules that lead traffic through the mesh"
    } else {
        "it can send packets past the rules that lead traffic through the mesh"
    };
    let severity = if means.is_full {
        Severity::High
    } else {
        Severity::Medium
    };
    let ports: Vec<u16> = subject.ports.iter().map(|port| port.number).collect();
    let severity = match scene.outsider(subject, &ports) {
        crate::checks::meshes::Outsider::Internet => severity.raised(),
        _ => severity,
    };
    let message = format!("{}: {effect}", means.said);
    let fix =
        "Take the right away, or move what needs it to a workload of its own outside the mesh"
            .to_owned();
    let draft = Draft::new(Id::IST_BP_14, means.locus, message, fix).severity(severity);
    report.add_to(subject.asset(), draft);
}

/// IST-BP-17 of all injected proxies.
fn injected(scene: &Scene<'_, '_>, report: &mut Report) {
    for values in &scene.istio.mesh.injector_values {
        let node = values.get(&["global", "proxy", "privileged"]);
        let Some(node) = node.filter(|node| node.as_bool() == Some(true)) else {
            continue;
        };
        let message = "every injected proxy is privileged: who takes one over has its node";
        let fix = "Set global.proxy.privileged to false".to_owned();
        let pointer = format!("{}/global/proxy/privileged", values.pointer);
        let sidecars = scene.meshed().filter(|s| s.place == Place::Sidecar);
        let locus = place(values.object, &pointer, Some(node.span));
        let draft = Draft::new(Id::IST_BP_17, locus, message.to_owned(), fix)
            .severity(Severity::High)
            .affects(sidecars.map(Subject::asset));
        report.add(values.object, draft);
    }
}

/// IST-BP-17 of one pod: its processes see the proxy's, or its proxy is one for debugging.
fn beside(subject: &Subject<'_, '_>, report: &mut Report) {
    if subject.place != Place::Sidecar {
        return;
    }
    let template = subject.endpoint.template;
    let shared = template.share_process_namespace.as_ref();
    if let Some(field) = shared.filter(|field| field.value) {
        let message = "the application sees the processes of its proxy, and with them its keys";
        let fix = "Remove shareProcessNamespace".to_owned();
        let locus = template.locus("shareProcessNamespace", Some(field.span));
        let draft = Draft::new(Id::IST_BP_17, locus, message.to_owned(), fix);
        report.add_to(subject.asset(), draft);
    }
    let chosen = subject.endpoint.annotation("sidecar.istio.io/proxyImage");
    let own = || proxy(subject.endpoint)?.image.as_ref();
    let Some(image) = chosen
        .or_else(own)
        .filter(|image| image.value.ends_with("-debug"))
    else {
        return;
    };
    let message = format!("the proxy's image is one for debugging ({})", image.value);
    let fix = "Use the distroless image".to_owned();
    let locus = template.locus("containers", Some(image.span));
    let draft = Draft::new(Id::IST_BP_17, locus, message, fix).severity(Severity::Low);
    report.add_to(subject.asset(), draft);
}
