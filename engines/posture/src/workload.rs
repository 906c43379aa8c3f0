//! Rules about pods, wherever a pod template is embedded.

mod account;
mod agent;
pub(crate) mod credentials;
mod gaps;
mod hygiene;
mod identity;
mod images;
mod isolation;
mod paths;
mod privileges;
mod resources;
mod secrets;
mod software;
mod volumes;

use crate::Config;
use crate::index::Index;
use crate::sink::Sink;
use agent::Agent;
use rayon::prelude::*;
use seawall_model::{Asset, KubernetesVersion, Locus, Span};
use seawall_snapshot::pod::Toleration;
use seawall_snapshot::{Container, ContainerKind, Object, PodTemplate, Workload};

/// From this version on `hostUsers: false` works without a feature gate.
const USER_NAMESPACES_ON: KubernetesVersion = KubernetesVersion::new(33);

/// Labels and taints of control-plane nodes.
const CONTROL_PLANE: [&str; 3] = [
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/etcd",
];

fn tolerates_control_plane(t: &Toleration) -> bool {
    t.key
        .as_deref()
        .is_some_and(|key| CONTROL_PLANE.contains(&key))
}

fn tolerates_everything(t: &Toleration) -> bool {
    t.key.is_none()
        && t.operator.as_deref() == Some("Exists")
        && t.effect
            .as_deref()
            .is_none_or(|effect| effect == "NoSchedule")
}

/// One pod template and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) index: &'a Index<'a>,
    pub(crate) config: &'a Config,
    pub(crate) workload: &'a Workload,
    pub(crate) object: &'a Object,
    pub(crate) template: &'a PodTemplate,
    pub(crate) asset: &'a Asset,
    /// Which of several templates of a custom resource it is.
    number: usize,
    /// What kind of node agent it is, if it is one.
    pub(crate) agent: Option<Agent>,
}

impl<'a> Subject<'a> {
    /// A place in the pod spec; unset things stand at the object's name.
    pub(crate) fn at(&self, rest: &str, span: Option<Span>) -> Locus {
        let span = span.unwrap_or(self.object.name_span);
        let mut locus = self.template.locus(rest, Some(span));
        if rest.is_empty() {
            locus
                .pointer
                .truncate(locus.pointer.trim_end_matches('/').len());
            locus.path.truncate(locus.path.trim_end_matches('/').len());
        }
        self.numbered(locus)
    }

    /// A place in a container; unset things stand at the container's name.
    pub(crate) fn in_container(&self, c: &Container, rest: &str, span: Option<Span>) -> Locus {
        let span = span.unwrap_or(c.name_span);
        self.numbered(self.template.container_locus(c, rest, Some(span)))
    }

    /// Keeps the templates of one custom resource apart.
    pub(crate) fn numbered(&self, mut locus: Locus) -> Locus {
        if self.number > 0 {
            locus.path = format!("{}:{}", self.template.pointer, locus.path);
        }
        locus
    }

    pub(crate) fn version(&self) -> KubernetesVersion {
        self.config.kubernetes_version
    }

    /// The containers that a workload's author wrote; debug containers are added by hand
    /// later and cannot be hardened there.
    pub(crate) fn written(&self) -> impl Iterator<Item = &'a Container> + use<'a> {
        self.template
            .containers
            .iter()
            .filter(|c| c.kind != ContainerKind::Ephemeral)
    }

    /// Containers that run as long as the pod: main ones and sidecars.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = &'a Container> + use<'a> {
        self.written()
            .filter(|c| c.kind == ContainerKind::Main || is_sidecar(c))
    }

    /// Whether the pods run Windows, by `os.name` or by the node label they ask for.
    pub(crate) fn is_windows(&self) -> bool {
        self.template.is_windows()
            || self.template.node_selector.iter().any(|(key, value)| {
                matches!(&**key, "kubernetes.io/os" | "beta.kubernetes.io/os")
                    && &*value.value == "windows"
            })
    }

    /// Whether root in the pod is nobody on the node.
    pub(crate) fn in_user_namespace(&self) -> bool {
        self.template.has_user_namespace() && self.version() >= USER_NAMESPACES_ON
    }

    /// Whether the pods share the node's network.
    pub(crate) fn on_host_network(&self) -> bool {
        self.template.host_network.as_ref().is_some_and(|f| f.value)
    }

    /// Whether the pods are let onto control-plane nodes.
    pub(crate) fn may_run_on_control_plane(&self) -> bool {
        let t = self.template;
        t.tolerations
            .iter()
            .any(|t| tolerates_control_plane(t) || tolerates_everything(t))
            || t.node_selector
                .iter()
                .any(|(key, _)| CONTROL_PLANE.contains(&&**key))
            || t.node_name.is_some()
    }

    /// The workload's namespace as written.
    pub(crate) fn namespace(&self) -> Option<&'a str> {
        self.workload.owner.namespace.as_deref()
    }
}

/// An init container that keeps running.
fn is_sidecar(c: &Container) -> bool {
    c.kind == ContainerKind::Init
        && c.restart_policy
            .as_ref()
            .is_some_and(|p| &*p.value == "Always")
}

/// Whether a container is privileged, which makes most other settings meaningless.
pub(crate) fn is_privileged(c: &Container) -> bool {
    c.security_context
        .privileged
        .as_ref()
        .is_some_and(|f| f.value)
}

/// What to call a container in a sentence.
pub(crate) fn who(c: &Container) -> String {
    let kind = match c.kind {
        ContainerKind::Init => "init container",
        ContainerKind::Main => "container",
        ContainerKind::Ephemeral => "debug container",
    };
    format!("{kind} `{}`", c.name)
}

/// How many workloads one task judges.
const CHUNK: usize = 256;

/// Judges all workloads.
pub(crate) fn check(index: &Index<'_>, config: &Config, sink: &mut Sink) {
    // Workloads do not look at each other; the order of findings stays that of workloads.
    let parts: Vec<Sink> = index
        .snapshot
        .workloads()
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut part = Sink::new();
            for workload in chunk {
                check_one(index, config, workload, &mut part);
            }
            part
        })
        .collect();
    for part in parts {
        sink.merge(part);
    }
}

fn check_one(index: &Index<'_>, config: &Config, workload: &Workload, sink: &mut Sink) {
    let asset = Asset::Resource(workload.owner.clone());
    sink.start_workload();
    let members = workload
        .members
        .iter()
        .filter_map(|id| index.snapshot.get(*id));
    for (place, object) in members.enumerate() {
        let copy = place > 0 && object.reference != workload.owner;
        sink.start_member(copy);
        for (number, template) in object.templates().iter().enumerate() {
            let agent = agent::of(workload, template);
            let asset = &asset;
            let subject = Subject {
                index,
                config,
                workload,
                object,
                template,
                asset,
                number,
                agent,
            };
            privileges::check(&subject, sink);
            images::check(&subject, sink);
            secrets::check(&subject, sink);
            software::check(&subject, sink);
            if crate::control_plane::is_component(workload, template) {
                continue;
            }
            isolation::check(&subject, sink);
            volumes::check(&subject, sink);
            identity::check(&subject, sink);
            gaps::check(&subject, sink);
            account::check(&subject, copy, sink);
            resources::check(&subject, sink);
            hygiene::check(&subject, copy, sink);
        }
    }
}
