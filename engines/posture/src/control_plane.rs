//! Rules about the control plane and nodes, where their configuration is in the input:
//! static pods by their command line, and configuration files by their kind.

mod admission_file;
mod api_server;
mod audit;
mod authentication;
mod ciphers;
mod components;
mod encryption;
mod etcd;
mod flags;
mod kubeadm;
mod kubelet;
mod program;

use crate::Config;
use crate::index::Index;
use crate::sink::{Draft, Sink};
use flags::Flags;
use program::{Found, Program};
use seawall_model::{Asset, Gap, GapKind, KubernetesVersion, Locus, Span};
use seawall_snapshot::{Container, ContainerKind, Object, PodTemplate, Workload};
use seawall_yaml::{Limits, Node, parse};
use std::collections::HashSet;

/// A component's command line, and how its places are named.
#[derive(Debug)]
pub(crate) struct Panel<'a> {
    version: KubernetesVersion,
    asset: &'a Asset,
    flags: Flags<'a>,
    /// JSON pointer and identity of what holds the flags.
    base: (String, String),
    /// Where an absent flag would stand.
    home: Span,
    /// Whether the node's network is the component's.
    on_host_network: bool,
}

impl Panel<'_> {
    /// The place of a flag, or where it is missed.
    fn at(&self, name: &str) -> Locus {
        let (pointer, span) = match self.flags.get(name) {
            Some(flag) => (format!("{}{}", self.base.0, flag.pointer), flag.span),
            None => (self.base.0.clone(), self.home),
        };
        Locus {
            pointer,
            path: format!("{}/flags[--{name}]", self.base.1),
            span,
        }
    }
}

/// A configuration document, as a file of its own or inside a ConfigMap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'a> {
    version: KubernetesVersion,
    asset: &'a Asset,
    body: &'a Node,
    /// What pointers begin with: empty, or `/data/kubelet`.
    prefix: &'a str,
    home: Span,
    /// Whether unset fields have Kubernetes' defaults; kubeadm fills in its own.
    complete: bool,
}

impl<'a> Document<'a> {
    /// A place; unset things stand at the document's beginning.
    fn at(&self, pointer: &str, span: Option<Span>) -> Locus {
        let pointer = format!("{}{pointer}", self.prefix);
        let path = pointer.trim_start_matches('/').to_owned();
        Locus {
            pointer,
            path,
            span: span.unwrap_or(self.home),
        }
    }

    /// The value at a path of keys.
    fn get(&self, path: &[&str]) -> Option<&'a Node> {
        self.body.at(path).filter(|node| !node.is_null())
    }

    /// The items at a path of keys.
    fn items(&self, path: &[&str]) -> &'a [Node] {
        self.get(path).and_then(Node::as_seq).unwrap_or_default()
    }

    /// Reports what a field is set to.
    fn report(&self, sink: &mut Sink, draft: Draft) {
        sink.add(self.asset, draft);
    }
}

/// Judges static pods and configuration files.
pub(crate) fn check(index: &Index<'_>, config: &Config, sink: &mut Sink) {
    for workload in index.snapshot.workloads() {
        let asset = Asset::Resource(workload.owner.clone());
        sink.start_workload();
        for (object, template) in index.snapshot.templates(workload) {
            let on_host_network = template
                .host_network
                .as_ref()
                .is_some_and(|field| field.value);
            for c in &template.containers {
                let found = program::of(c);
                let panel = |flags, home| Panel {
                    version: config.kubernetes_version,
                    asset: &asset,
                    flags,
                    base: base(template, c),
                    home,
                    on_host_network,
                };
                match found {
                    Found::Nothing => {}
                    Found::Hidden(program, span) => {
                        sink.gap(hidden(object, program, span));
                    }
                    Found::Command(program, flags, home) => {
                        let panel = panel(flags, home);
                        judge(index, workload, template, c, program, &panel, sink);
                    }
                }
            }
        }
    }
    files(index, config, sink);
}

/// Whether these pods are a component of the control plane itself, as kubeadm and its like
/// lay them out. Such a pod needs the node's network, its keys and its data: that is what it
/// is for, and its own `K` rules judge it.
pub(crate) fn is_component(workload: &Workload, template: &PodTemplate) -> bool {
    let bare = &*workload.owner.kind == "Pod"
        && workload.owner.namespace.as_deref() == Some("kube-system");
    let on_host_network = template
        .host_network
        .as_ref()
        .is_some_and(|field| field.value);
    let main = |c: &&Container| c.kind == ContainerKind::Main;
    bare && on_host_network
        && template
            .containers
            .iter()
            .filter(main)
            .all(|c| match program::of(c) {
                Found::Command(Program::Etcd, ..) => etcd::is_the_clusters(workload, template),
                Found::Command(
                    Program::ApiServer | Program::ControllerManager | Program::Scheduler,
                    ..,
                ) => true,
                _ => false,
            })
}

fn base(template: &PodTemplate, c: &Container) -> (String, String) {
    let locus = template.container_locus(c, "", None);
    (locus.pointer, locus.path)
}

fn judge(
    index: &Index<'_>,
    workload: &Workload,
    template: &PodTemplate,
    c: &Container,
    program: Program,
    panel: &Panel<'_>,
    sink: &mut Sink,
) {
    match program {
        Program::ApiServer => api_server::check(panel, sink),
        Program::ControllerManager => components::controller_manager(panel, sink),
        Program::Scheduler => components::scheduler(panel, sink),
        Program::Proxy => components::proxy(panel, sink),
        Program::Kubelet => kubelet::flags(panel, sink),
        Program::Etcd => {
            if etcd::is_the_clusters(workload, template) {
                etcd::check(index, workload, c, panel, sink);
            }
        }
    }
}

/// The command line is inside a shell script: nobody can say which flags count.
fn hidden(object: &Object, program: Program, span: Span) -> Gap {
    Gap {
        kind: GapKind::Unsupported,
        subject: object.reference.to_string().into(),
        span,
        reason: format!(
            "{} is started by a shell script, so its flags cannot be judged",
            program.name()
        ),
        hint: format!("Start {} directly in command", program.name()),
        units: 1,
    }
}

type Judge = fn(&Document<'_>, &mut Sink);

fn judge_of(group: &str, kind: &str) -> Option<Judge> {
    Some(match (group, kind) {
        ("kubelet.config.k8s.io", "KubeletConfiguration") => kubelet::file,
        ("kubeproxy.config.k8s.io", "KubeProxyConfiguration") => components::proxy_file,
        ("kubescheduler.config.k8s.io", "KubeSchedulerConfiguration") => components::scheduler_file,
        ("apiserver.config.k8s.io" | "", "EncryptionConfiguration" | "EncryptionConfig") => {
            encryption::check
        }
        ("audit.k8s.io", "Policy") => audit::check,
        ("apiserver.config.k8s.io", "AuthenticationConfiguration") => {
            authentication::authentication
        }
        ("apiserver.config.k8s.io", "AuthorizationConfiguration") => authentication::authorization,
        ("apiserver.config.k8s.io", "AdmissionConfiguration") => admission_file::check,
        ("pod-security.admission.config.k8s.io", "PodSecurityConfiguration") => {
            admission_file::pod_security
        }
        ("kubeadm.k8s.io", _) => kubeadm::check,
        _ => return None,
    })
}

fn files(index: &Index<'_>, config: &Config, sink: &mut Sink) {
    let kubeadm: HashSet<_> = index
        .snapshot
        .objects()
        .filter(|(_, object)| &*object.reference.group == "kubeadm.k8s.io")
        .map(|(_, object)| object.span.file)
        .collect();
    for (_, object) in index.snapshot.objects() {
        let Some(body) = object.body() else { continue };
        let reference = &object.reference;
        if let Some(judge) = judge_of(&reference.group, &reference.kind) {
            sink.start_workload();
            let asset = Asset::File(reference.name.clone());
            let document = Document {
                version: config.kubernetes_version,
                asset: &asset,
                body,
                prefix: "",
                home: body.get("kind").map_or(object.span, |node| node.span),
                complete: !kubeadm.contains(&object.span.file),
            };
            judge(&document, sink);
        } else if &*reference.kind == "ConfigMap"
            && reference.group.is_empty()
            && let Some(key) = embedded_key(&reference.name)
        {
            sink.start_workload();
            embedded(object, body, key, config, sink);
        }
    }
}

/// The key under which kubeadm keeps a component's configuration.
fn embedded_key(name: &str) -> Option<&'static str> {
    if name == "kubelet-config" || name.starts_with("kubelet-config-1.") {
        Some("kubelet")
    } else if name == "kube-proxy" {
        Some("config.conf")
    } else if name == "kubeadm-config" {
        Some("ClusterConfiguration")
    } else {
        None
    }
}

/// Longest embedded configuration that is read.
const MAX_EMBEDDED: usize = 256 << 10;

fn embedded(object: &Object, body: &Node, key: &str, config: &Config, sink: &mut Sink) {
    let Some(node) = body.at(&["data", key]) else {
        return;
    };
    let Some(text) = node.as_str().filter(|text| text.len() <= MAX_EMBEDDED) else {
        return;
    };
    let asset = Asset::Resource(object.reference.clone());
    let limits = Limits {
        max_nodes: 20_000,
        ..Limits::default()
    };
    for document in parse(text, node.span.file, &limits).documents {
        let mut root = document.root;
        // Lines inside a block scalar are not lines of the file.
        root.map_spans(&mut |_| node.span);
        let field = |key| root.get(key).and_then(Node::as_str).unwrap_or_default();
        let group = field("apiVersion")
            .rsplit_once('/')
            .map_or("", |(group, _)| group);
        let Some(judge) = judge_of(group, field("kind")) else {
            continue;
        };
        let document = Document {
            version: config.kubernetes_version,
            asset: &asset,
            body: &root,
            prefix: &format!("/data/{key}"),
            home: node.span,
            complete: true,
        };
        judge(&document, sink);
    }
}
