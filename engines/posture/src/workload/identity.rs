//! W13–W15 and W25: as whom a container runs, where somebody said so.

use super::agent::excuse;
use super::{Subject, is_privileged, who};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::{counted, list};
use seawall_model::{Proof, Severity, Span, pod_security};
use seawall_snapshot::{Container, Field};

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    sink.assess_all(&[Id::W15, Id::W25]);
    // From v1.35 the standards let root in a user namespace be.
    let relaxed =
        s.template.has_user_namespace() && s.version() >= pod_security::USER_NAMESPACES_SINCE;
    let containers = s.template.containers.len() as u64;
    if !relaxed {
        sink.assess(Id::W13, containers); // that it is absent is told of Windows, too
    }
    if s.is_windows() {
        return; // Windows has users by name, not by number
    }
    if !relaxed {
        sink.assess(Id::W14, containers);
        roots(s, sink);
        refusals(s, sink);
    }
    if !s.in_user_namespace() {
        low_ids(s, sink);
        advice(s, sink);
    }
}

fn severity(s: &Subject<'_>) -> Severity {
    if s.in_user_namespace() {
        Severity::Low
    } else {
        Severity::Medium
    }
}

/// W14: an explicit UID 0, on the pod for all that inherit it, or on a container.
fn roots(s: &Subject<'_>, sink: &mut Sink) {
    let is_root = |field: &&Field<i64>| field.value == 0;
    let pod = s
        .template
        .security_context
        .run_as_user
        .as_ref()
        .filter(is_root);
    if let Some(field) = pod {
        let names: Vec<&str> = s
            .template
            .containers
            .iter()
            .filter(|c| c.security_context.run_as_user.is_none())
            .map(|c| &*c.name)
            .collect();
        if !names.is_empty() {
            let locus = s.at("securityContext/runAsUser", Some(field.span));
            let verb = if names.len() == 1 { "runs" } else { "run" };
            let message = format!("{} {verb} as root", counted("container", &names));
            let fix = "Set runAsUser to a number above 0 and runAsNonRoot to true on the pod";
            let draft = Draft::new(Id::W14, locus, message, fix.to_owned());
            sink.add(s.asset, excuse(draft, severity(s), s.agent));
        }
    }
    for c in &s.template.containers {
        let Some(field) = c.security_context.run_as_user.as_ref().filter(is_root) else {
            continue;
        };
        if is_privileged(c) {
            continue; // root or not makes little difference then
        }
        let locus = s.in_container(c, "securityContext/runAsUser", Some(field.span));
        let message = format!("{} runs as root", who(c));
        let fix = format!(
            "Set runAsUser to a number above 0 and runAsNonRoot to true on {}",
            who(c)
        );
        let draft = Draft::new(Id::W14, locus, message, fix);
        sink.add(s.asset, excuse(draft, severity(s), s.agent));
    }
}

/// W13: `runAsNonRoot: false` where it decides.
fn refusals(s: &Subject<'_>, sink: &mut Sink) {
    let pod = &s.template.security_context;
    let decides = |c: &&Container| {
        let user = c
            .security_context
            .run_as_user
            .as_ref()
            .or(pod.run_as_user.as_ref());
        // UID 0 is W14's; another number settles it.
        !is_privileged(c) && user.is_none()
    };
    if let Some(field) = pod.run_as_non_root.as_ref().filter(|field| !field.value) {
        let names: Vec<&str> = s
            .template
            .containers
            .iter()
            .filter(|c| c.security_context.run_as_non_root.is_none())
            .filter(decides)
            .map(|c| &*c.name)
            .collect();
        if !names.is_empty() {
            let locus = s.at("securityContext/runAsNonRoot", Some(field.span));
            let message = format!("{} may run as root", counted("container", &names));
            let fix = "Set runAsNonRoot to true on the pod".to_owned();
            let draft = Draft::new(Id::W13, locus, message, fix);
            sink.add(s.asset, excuse(draft, severity(s), s.agent));
        }
    }
    for c in s.template.containers.iter().filter(decides) {
        let own = c.security_context.run_as_non_root.as_ref();
        let Some(field) = own.filter(|field| !field.value) else {
            continue;
        };
        let locus = s.in_container(c, "securityContext/runAsNonRoot", Some(field.span));
        let message = format!("{} may run as root", who(c));
        let fix = format!("Set runAsNonRoot to true on {}", who(c));
        let draft = Draft::new(Id::W13, locus, message, fix);
        sink.add(s.asset, excuse(draft, severity(s), s.agent));
    }
}

/// Users of the node usually have lower numbers than this.
const LOW_ID: i64 = 10_000;

/// W15: one finding per workload about group 0 and low user ids.
fn low_ids(s: &Subject<'_>, sink: &mut Sink) {
    let pod = &s.template.security_context;
    let mut root_groups: Vec<(&'static str, String, seawall_model::Span)> = Vec::new();
    for (name, field) in [
        ("runAsGroup", &pod.run_as_group),
        ("fsGroup", &pod.fs_group),
    ] {
        if let Some(field) = field.as_ref().filter(|field| field.value == 0) {
            root_groups.push((name, format!("securityContext/{name}"), field.span));
        }
    }
    if let Some(field) = pod
        .supplemental_groups
        .iter()
        .find(|field| field.value == 0)
    {
        let path = "securityContext/supplementalGroups".to_owned();
        root_groups.push(("supplementalGroups", path, field.span));
    }
    let group = |c: &Container| {
        c.security_context
            .run_as_group
            .as_ref()
            .map(|g| (g.value, g.span))
    };
    for c in &s.template.containers {
        if let Some((0, span)) = group(c) {
            let path = format!("{}[{}]/securityContext/runAsGroup", c.kind.field(), c.name);
            root_groups.push(("runAsGroup", path, span));
        }
    }
    if let Some((_, path, span)) = root_groups.first() {
        let mut names: Vec<&str> = root_groups.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let locus = s.at(path, Some(*span));
        let message = format!("group 0 (root) is set in {}", list(&names));
        let fix = format!("Use a group above 0 in {}", list(&names));
        let draft = Draft::new(Id::W15, locus, message, fix).severity(Severity::Low);
        sink.add(s.asset, draft);
        return;
    }
    let Some((meets, proof)) = meets_the_node(s) else {
        return; // the number means something on the node only
    };
    let low = |field: &&Field<i64>| (1..=LOW_ID).contains(&field.value);
    if let Some(field) = pod.run_as_user.as_ref().filter(low) {
        let locus = s.at("securityContext/runAsUser", Some(field.span));
        low_user(s, locus, field.value, (meets, proof), sink);
        return;
    }
    for c in s.written() {
        if let Some(field) = c.security_context.run_as_user.as_ref().filter(low) {
            let locus = s.in_container(c, "securityContext/runAsUser", Some(field.span));
            low_user(s, locus, field.value, (meets, proof), sink);
            return;
        }
    }
}

fn low_user(
    s: &Subject<'_>,
    locus: seawall_model::Locus,
    user: i64,
    (meets, place): (&str, Span),
    sink: &mut Sink,
) {
    let message =
        format!("user id {user} may be that of a user of the node, whose {meets} the pod reaches");
    let fix = "Use a user id above 10000, if the image allows it".to_owned();
    let draft = Draft::new(Id::W15, locus, message, fix).evidence(
        format!("the pod reaches {meets} here"),
        Proof::Source(place),
    );
    sink.add(s.asset, draft);
}

/// What of the node the pod's user ids count for, and where that is written.
fn meets_the_node(s: &Subject<'_>) -> Option<(&'static str, Span)> {
    let t = s.template;
    let volume = t
        .volumes
        .iter()
        .find(|volume| volume.source_name() == "hostPath");
    if let Some(volume) = volume {
        return Some(("files", volume.span));
    }
    [(&t.host_pid, "processes"), (&t.host_ipc, "shared memory")]
        .into_iter()
        .find_map(|(field, what)| {
            let field = field.as_ref().filter(|field| field.value)?;
            Some((what, field.span))
        })
}

/// W25: the pod needs root and capabilities, and nothing it uses is in the way of a user
/// namespace.
fn advice(s: &Subject<'_>, sink: &mut Sink) {
    let t = s.template;
    if s.version().minor < 33 || t.host_users.is_some() {
        return;
    }
    let shares = [&t.host_network, &t.host_pid, &t.host_ipc]
        .into_iter()
        .any(|field| field.as_ref().is_some_and(|field| field.value));
    let host_path = t
        .volumes
        .iter()
        .any(|volume| volume.source_name() == "hostPath");
    if shares || host_path || t.containers.iter().any(is_privileged) {
        return;
    }
    let pod_user = t.security_context.run_as_user.as_ref();
    let needs = |c: &&Container| {
        let context = &c.security_context;
        let root = context
            .run_as_user
            .as_ref()
            .or(pod_user)
            .is_some_and(|field| field.value == 0);
        root && !context.capabilities_add.is_empty()
    };
    let Some(c) = s.lasting().find(needs) else {
        return;
    };
    let locus = s.at("hostUsers", t.span.map(|_| s.object.name_span));
    let message = format!(
        "{} is root with extra capabilities outside a user namespace",
        who(c)
    );
    let fix = "Set hostUsers to false on the pod".to_owned();
    sink.add(s.asset, Draft::new(Id::W25, locus, message, fix));
}
