//! Programs that are privileged on every node because they could not work otherwise.
//!
//! They are still found, and still a way to the node for whoever takes them over; but the
//! finding says what they are and ranks below the same setting on an ordinary workload.

use crate::image::ImageReference;
use crate::sink::Draft;
use seawall_model::{Proof, Severity, Span};
use seawall_snapshot::{ContainerKind, PodTemplate, Workload};

/// A recognised node agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agent {
    /// What it is: `a network plug-in`.
    pub(crate) kind: &'static str,
    /// Place of the image that gave it away.
    span: Span,
}

const NETWORK: &str = "a network plug-in";
const STORAGE: &str = "a storage driver";
const DEVICES: &str = "a device plug-in";
const LOGS: &str = "a log collector";
const METRICS: &str = "a node monitor";
const SECURITY: &str = "a security sensor";
const NODE: &str = "a node component";

/// Image names (last part of the path), whole or as a prefix that ends in `*`.
const NAMES: &[(&str, &str)] = &[
    ("cilium", NETWORK),
    ("cilium-*", NETWORK),
    ("amazon-k8s-cni*", NETWORK),
    ("antrea-*", NETWORK),
    ("flannel*", NETWORK),
    ("install-cni", NETWORK),
    ("cni-plugin", NETWORK),
    ("istio-cni*", NETWORK),
    ("ztunnel*", NETWORK),
    ("multus*", NETWORK),
    ("kube-router", NETWORK),
    ("kube-ovn*", NETWORK),
    ("weave-*", NETWORK),
    ("metallb-speaker", NETWORK),
    ("speaker", NETWORK),
    ("kube-proxy*", NODE),
    ("node-local-dns", NODE),
    ("k8s-dns-node-cache", NODE),
    ("kured", NODE),
    ("node-problem-detector", NODE),
    ("spire-agent", NODE),
    ("csi-node-driver-registrar", STORAGE),
    ("csi-*", STORAGE),
    ("cephcsi", STORAGE),
    ("longhorn-manager", STORAGE),
    ("node-disk-manager*", STORAGE),
    ("k8s-device-plugin", DEVICES),
    ("nvidia-*", DEVICES),
    ("container-toolkit", DEVICES),
    ("node-feature-discovery*", DEVICES),
    ("fluent-bit*", LOGS),
    ("fluentd*", LOGS),
    ("promtail", LOGS),
    ("filebeat*", LOGS),
    ("vector", LOGS),
    ("logging-agent", LOGS),
    ("alloy", LOGS),
    ("node-exporter", METRICS),
    ("cadvisor", METRICS),
    ("metricbeat*", METRICS),
    ("newrelic-infrastructure*", METRICS),
    ("opentelemetry-collector*", METRICS),
    ("telegraf", METRICS),
    ("beyla", METRICS),
    ("falco*", SECURITY),
    ("tetragon", SECURITY),
    ("tracee", SECURITY),
    ("kubescape-node-agent", SECURITY),
    ("node-agent", SECURITY),
    ("kubearmor*", SECURITY),
];

/// Endings of image names.
const ENDINGS: &[(&str, &str)] = &[
    ("-csi-driver", STORAGE),
    ("-csi", STORAGE),
    ("-csi-plugin", STORAGE),
    ("-device-plugin", DEVICES),
];

/// Paths whose last part alone says too little.
const PATHS: &[(&str, &str)] = &[
    ("calico/node", NETWORK),
    ("calico/cni", NETWORK),
    ("datadog/agent", METRICS),
    ("gcr.io/datadoghq/agent", METRICS),
    ("sysdig/agent", SECURITY),
];

/// Recognises a node agent: a DaemonSet one of whose containers is a known agent.
pub(crate) fn of(workload: &Workload, template: &PodTemplate) -> Option<Agent> {
    if &*workload.owner.kind != "DaemonSet" {
        return None;
    }
    let mains = template
        .containers
        .iter()
        .filter(|c| c.kind == ContainerKind::Main);
    mains.filter_map(|c| c.image.as_ref()).find_map(|image| {
        let reference = ImageReference::parse(&image.value)?;
        let kind = kind_of(&reference)?;
        Some(Agent {
            kind,
            span: image.span,
        })
    })
}

fn kind_of(image: &ImageReference<'_>) -> Option<&'static str> {
    let name = image.name();
    let by_name = NAMES
        .iter()
        .find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == *pattern,
        });
    let by_ending = || ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
    let by_path = || {
        PATHS.iter().find(|(path, _)| {
            image
                .path
                .strip_suffix(path)
                .is_some_and(|h| h.is_empty() || h.ends_with('/'))
        })
    };
    by_name
        .or_else(by_ending)
        .or_else(by_path)
        .map(|(_, kind)| *kind)
}

/// The finding, one step lower and with the reason, if the subject is a node agent.
pub(crate) fn excuse(draft: Draft, severity: Severity, agent: Option<Agent>) -> Draft {
    match agent {
        Some(agent) => draft.severity(severity.lowered()).evidence(
            format!(
                "this looks like {}, which may not work without it; keep other workloads out of \
                 its namespace and update it first",
                agent.kind
            ),
            Proof::Source(agent.span),
        ),
        None => draft.severity(severity),
    }
}
