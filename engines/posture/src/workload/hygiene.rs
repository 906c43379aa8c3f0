//! W42–W44, W49, W50: how and where a workload runs.

use super::{Subject, who};
use crate::image::ImageReference;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::{Locus, Severity, Span, Str};
use seawall_snapshot::{Container, Field, ScopeKind};

pub(super) fn check(s: &Subject<'_>, copy: bool, sink: &mut Sink) {
    for c in &s.template.containers {
        sink.assess(Id::W42, 1);
        remote_login(s, c, sink);
    }
    if !copy {
        naked_pod(s, sink);
        namespace(s, sink);
        sandboxes(s, sink);
    }
}

fn words(c: &Container) -> impl Iterator<Item = &Field<Str>> {
    c.command.iter().chain(&c.args)
}

fn remote_login(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    let program = |word: &str, name: &str| {
        word.split_whitespace()
            .any(|part| part.rsplit('/').next() == Some(name))
    };
    let found = words(c).find_map(|word| {
        if program(&word.value, "sshd") {
            Some(("starts an SSH server", word.span))
        } else if program(&word.value, "sudo") {
            Some(("uses sudo", word.span))
        } else {
            None
        }
    });
    let by_port = || {
        c.ports.iter().find_map(|port| {
            let number = port.container_port.as_ref()?;
            let named = port
                .name
                .as_deref()
                .is_some_and(|name| name == "ssh" || name == "sshd");
            (number.value == 22 || named).then_some(("serves SSH", number.span))
        })
    };
    let Some((what, span)) = found.or_else(by_port) else {
        return;
    };
    let mut locus = s.in_container(c, "command", Some(span));
    if what == "serves SSH" {
        locus = s.in_container(c, "ports", Some(span));
    }
    let message = format!("{} {what}", who(c));
    let fix = if what == "uses sudo" {
        "Run the process as the user it needs instead of through sudo".to_owned()
    } else {
        "Remove the SSH server; use kubectl exec with RBAC and audit".to_owned()
    };
    sink.add(s.asset, Draft::new(Id::W42, locus, message, fix));
}

/// W43: a Pod written by hand. Static pods belong to their node, hooks end by themselves.
fn naked_pod(s: &Subject<'_>, sink: &mut Sink) {
    if &*s.object.reference.kind != "Pod" || !s.object.reference.group.is_empty() {
        return;
    }
    sink.assess(Id::W43, 1);
    let ends = s
        .template
        .restart_policy
        .as_ref()
        .is_some_and(|policy| matches!(&*policy.value, "Never" | "OnFailure"));
    let hook = s
        .object
        .annotations
        .iter()
        .any(|(key, _)| key.starts_with("helm.sh/hook"));
    let stays = s.object.annotation("kubernetes.io/config.mirror").is_some()
        || (s.namespace() == Some("kube-system") && s.on_host_network());
    if !s.object.owners.is_empty() || ends || hook || stays {
        return;
    }
    let locus = s.at("", Some(s.object.name_span));
    let message = format!(
        "nothing replaces Pod `{}` when it or its node dies",
        s.object.reference.name
    );
    let fix = "Put the pod into a Deployment, StatefulSet, DaemonSet or Job".to_owned();
    sink.add(s.asset, Draft::new(Id::W43, locus, message, fix));
}

/// Labels by which the cluster's own components are known.
fn is_component(s: &Subject<'_>) -> bool {
    const KEYS: [&str; 4] = [
        "k8s-app",
        "tier",
        "addonmanager.kubernetes.io/mode",
        "kubernetes.io/cluster-service",
    ];
    let labelled = |labels: &[(Str, Str)]| labels.iter().any(|(key, _)| KEYS.contains(&&**key));
    labelled(&s.object.labels)
        || labelled(&s.template.labels)
        || s.agent.is_some()
        || s.template
            .priority_class_name
            .as_ref()
            .is_some_and(|name| name.value.starts_with("system-"))
}

fn namespace(s: &Subject<'_>, sink: &mut Sink) {
    let Some(namespace) = s.namespace() else {
        return;
    };
    // A chart is rendered into `default` because nobody said where it goes.
    let scope = s.index.snapshot.scope(s.workload.scope);
    if namespace == "default" && scope.is_some_and(|scope| scope.kind == ScopeKind::Chart) {
        return;
    }
    sink.assess(Id::W44, 1);
    let message = match namespace {
        "default" => "the workload runs in the default namespace, which nobody owns".to_owned(),
        "kube-system" | "kube-public" | "kube-node-lease" if !is_component(s) => {
            format!("the workload runs in `{namespace}`, among the cluster's own components")
        }
        _ => return,
    };
    let locus = Locus {
        pointer: "/metadata/namespace".to_owned(),
        path: "metadata/namespace".to_owned(),
        span: s.object.name_span,
    };
    let fix = "Move it to a namespace of its own".to_owned();
    sink.add(s.asset, Draft::new(Id::W44, locus, message, fix));
}

/// Images whose purpose is to run what others bring.
const RUNNERS: &[(&str, &str)] = &[
    ("gitlab-runner", "a build runner"),
    ("actions-runner", "a build runner"),
    ("github-runner", "a build runner"),
    ("jenkins-agent", "a build runner"),
    ("inbound-agent", "a build runner"),
    ("buildkit", "an image builder"),
    ("kaniko", "an image builder"),
    ("dind", "an image builder"),
    ("jupyter", "a notebook"),
    ("notebook", "a notebook"),
    ("base-notebook", "a notebook"),
    ("minimal-notebook", "a notebook"),
    ("scipy-notebook", "a notebook"),
    ("datascience-notebook", "a notebook"),
    ("pyspark-notebook", "a notebook"),
    ("codeserver", "a remote editor"),
    ("code-server", "a remote editor"),
];

/// Ends of names of what only manages runners and notebooks.
const MANAGES: [&str; 7] = [
    "controller",
    "operator",
    "manager",
    "hub",
    "web",
    "app",
    "ui",
];

fn sandboxes(s: &Subject<'_>, sink: &mut Sink) {
    if s.workload.owner.group.ends_with("agents.x-k8s.io") {
        agent_sandbox(s, sink);
        return;
    }
    sink.assess(Id::W49, 1);
    if s.template.runtime_class_name.is_some() {
        return;
    }
    let found = s.lasting().find_map(|c| {
        let image = c.image.as_ref()?;
        let reference = ImageReference::parse(&image.value)?;
        let name = reference.name();
        let tag = reference.tag.unwrap_or_default();
        let is_runner = |known: &str| {
            name == known
                || name
                    .strip_prefix(known)
                    .is_some_and(|rest| rest.starts_with('-'))
                || name == "docker" && tag.ends_with(known)
        };
        let (_, what) = RUNNERS.iter().find(|(known, _)| is_runner(known))?;
        // A controller or front end of such a thing only manages it.
        let manager = MANAGES.iter().any(|word| name.ends_with(word));
        (!manager).then_some((c, image.span, *what))
    });
    let Some((c, span, what)) = found else { return };
    let locus = s.at("runtimeClassName", Some(span));
    let message = format!(
        "{} is {what}: it runs foreign code with only the node's kernel in between",
        who(c)
    );
    let fix = "Set runtimeClassName to a sandboxed runtime such as gVisor or Kata".to_owned();
    sink.add(s.asset, Draft::new(Id::W49, locus, message, fix));
}

fn agent_sandbox(s: &Subject<'_>, sink: &mut Sink) {
    sink.assess(Id::W50, 1);
    let mut missing: Vec<&str> = Vec::new();
    if s.template.runtime_class_name.is_none() {
        missing.push("runtimeClassName");
    }
    let mains = || s.lasting().filter(|c| c.image.is_some());
    if mains().any(|c| c.resources.memory_limit.is_none() || c.resources.cpu_limit.is_none()) {
        missing.push("resources.limits");
    }
    let pinned = |c: &Container| {
        let image = c
            .image
            .as_ref()
            .and_then(|image| ImageReference::parse(&image.value));
        image.is_none_or(|image| image.digest.is_some())
    };
    if !mains().all(pinned) {
        missing.push("an image digest");
    }
    if missing.is_empty() {
        return;
    }
    let span: Option<Span> = s
        .template
        .runtime_class_name
        .as_ref()
        .map(|field| field.span);
    let locus = s.at("runtimeClassName", span);
    let message = format!(
        "the sandbox runs an agent's code without {}",
        list(&missing)
    );
    let fix = format!("Set {} in the sandbox's pod template", list(&missing));
    let severity = if missing.contains(&"runtimeClassName") {
        Severity::Medium
    } else {
        Severity::Low
    };
    sink.add(
        s.asset,
        Draft::new(Id::W50, locus, message, fix).severity(severity),
    );
}
