//! W39, W40, W48: limits, probes and ports.

use super::{Subject, is_privileged, who};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::counted;
use seawall_model::{Locus, Proof};
use seawall_snapshot::Container;
use seawall_yaml::Node;

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    limits(s, sink);
    probes(s, sink);
    if !s.is_windows() {
        low_ports(s, sink);
    }
}

/// The identity of a list of containers does not depend on who is first in it.
fn workload_wide(s: &Subject<'_>, first: &Container, rest: &str) -> Locus {
    let span = if rest == "resources" {
        first.resources.span
    } else {
        None
    };
    let mut locus = s.in_container(first, rest, span);
    let head = locus
        .path
        .split_once("pod/")
        .map_or("", |(head, _)| head)
        .to_owned();
    locus.path = format!("{head}pod/containers[*]/{rest}");
    locus
}

const UNLIMITED: &str = "without a limit a container may use all memory of its node";

fn limits(s: &Subject<'_>, sink: &mut Sink) {
    sink.assess(Id::W39, 1);
    let open = |c: &&Container| {
        let resources = &c.resources;
        let cpu = resources.cpu_limit.is_some() || resources.cpu_request.is_some();
        c.image.is_some() && !(resources.memory_limit.is_some() && cpu)
    };
    let gaps: Vec<&Container> = s.lasting().filter(open).collect();
    let Some(first) = gaps.first() else { return };
    if defaults_apply(s) {
        return;
    }
    let names: Vec<&str> = gaps.iter().map(|c| &*c.name).collect();
    let no_memory = gaps
        .iter()
        .filter(|c| c.resources.memory_limit.is_none())
        .count();
    let what = if no_memory == 0 {
        "no CPU request or limit"
    } else if no_memory == gaps.len() {
        "no memory limit"
    } else {
        "no memory limit or no CPU request"
    };
    let verb = if names.len() == 1 { "has" } else { "have" };
    let message = format!("{} {verb} {what}", counted("container", &names));
    let no_cpu = gaps.iter().any(|c| {
        let resources = &c.resources;
        resources.cpu_limit.is_none() && resources.cpu_request.is_none()
    });
    let (fix, note, default) = match (no_memory > 0, no_cpu) {
        (true, true) => (
            "Set resources.limits.memory and resources.requests.cpu",
            UNLIMITED,
            "resources.limits.memory: unlimited",
        ),
        (true, false) => (
            "Set resources.limits.memory",
            UNLIMITED,
            "resources.limits.memory: unlimited",
        ),
        (false, _) => (
            "Set resources.requests.cpu",
            "without a request it gets CPU time only after all others",
            "resources.requests.cpu: 0",
        ),
    };
    let locus = workload_wide(s, first, "resources");
    let draft = Draft::new(Id::W39, locus, message, fix.to_owned())
        .evidence(note, Proof::ApiDefault(default));
    sink.add(s.asset, draft);
}

/// Whether a LimitRange of the namespace fills in memory limits.
fn defaults_apply(s: &Subject<'_>) -> bool {
    let space = s.index.at(s.workload.scope, s.namespace());
    space.is_some_and(|space| {
        space.limit_ranges.iter().any(|range| {
            let limits = range.body().and_then(|b| b.at(&["spec", "limits"]));
            limits
                .and_then(Node::as_seq)
                .unwrap_or_default()
                .iter()
                .any(|limit| {
                    limit.get("type").and_then(Node::as_str) == Some("Container")
                        && limit.at(&["default", "memory"]).is_some()
                })
        })
    })
}

/// W40 only where a hung process costs something: a lasting workload that serves a port.
fn probes(s: &Subject<'_>, sink: &mut Sink) {
    let kind = &*s.workload.owner.kind;
    if !matches!(
        kind,
        "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ReplicaSet"
            | "ReplicationController"
            | "Rollout"
    ) {
        return;
    }
    sink.assess(Id::W40, 1);
    let open = |c: &&Container| {
        c.image.is_some()
            && !c.ports.is_empty()
            && !c.hooks.iter().any(|hook| hook.name.ends_with("Probe"))
    };
    let gaps: Vec<&Container> = s.lasting().filter(open).collect();
    let Some(first) = gaps.first() else { return };
    let names: Vec<&str> = gaps.iter().map(|c| &*c.name).collect();
    let verb = if names.len() == 1 { "serves" } else { "serve" };
    let message = format!(
        "{} {verb} ports without any probe",
        counted("container", &names)
    );
    let fix = "Add a readinessProbe, and a livenessProbe where a restart helps".to_owned();
    let locus = workload_wide(s, first, "readinessProbe");
    sink.add(s.asset, Draft::new(Id::W40, locus, message, fix));
}

/// W48: a port below 1024 for a process that is surely not root and has given up the right.
fn low_ports(s: &Subject<'_>, sink: &mut Sink) {
    let pod = &s.template.security_context;
    let opened = pod
        .sysctls
        .iter()
        .any(|sysctl| &*sysctl.value == "net.ipv4.ip_unprivileged_port_start");
    for c in s.lasting() {
        sink.assess(Id::W48, 1);
        let own = &c.security_context;
        let is = |list: &[seawall_snapshot::Field<seawall_model::Str>], name: &str| {
            list.iter()
                .any(|field| field.value.eq_ignore_ascii_case(name))
        };
        let dropped = super::gaps::drops_all(own) || is(&own.capabilities_drop, "NET_BIND_SERVICE");
        let kept =
            is(&own.capabilities_add, "NET_BIND_SERVICE") || is(&own.capabilities_add, "ALL");
        let user = own.run_as_user.as_ref().or(pod.run_as_user.as_ref());
        let other = own
            .run_as_non_root
            .as_ref()
            .or(pod.run_as_non_root.as_ref())
            .is_some_and(|field| field.value);
        let rootless = user.map_or(other, |user| user.value != 0);
        if opened || !dropped || kept || !rootless || is_privileged(c) {
            continue;
        }
        let low = c.ports.iter().find_map(|port| {
            port.container_port
                .as_ref()
                .filter(|port| (1..1024).contains(&port.value))
        });
        let Some(port) = low else { continue };
        let mut locus = s.in_container(c, "ports", Some(port.span));
        locus.path = format!("{}[{}]", locus.path, port.value);
        let message = format!(
            "{} is not root and has no right to open port {}",
            who(c),
            port.value
        );
        let fix = "Let it listen on a port from 1024 up, or add only NET_BIND_SERVICE".to_owned();
        sink.add(s.asset, Draft::new(Id::W48, locus, message, fix));
    }
}
