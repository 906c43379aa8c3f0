//! What the API server's own configuration file says, where it was seen.
//!
//! Levels for namespaces without labels, and exemptions, live in a file that the API does not
//! show. A folder of manifests sometimes has it (a kubeadm set-up, the GitOps of a control
//! plane); then it is used. Two different ones are two clusters, and neither is used.

use crate::namespace::{Mode, Policy, PolicyVersion, parse_level};
use seawall_model::{Span, Str};
use seawall_snapshot::Snapshot;
use seawall_yaml::Node;

/// Pod Security settings of the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    /// For namespaces without labels.
    pub defaults: Policy,
    /// Where that is written; `None` when the file was not seen.
    pub source: Option<Span>,
    /// Namespaces that are not judged.
    pub exempt_namespaces: Vec<Str>,
    /// Pods of these runtime classes are not judged.
    pub exempt_runtime_classes: Vec<Str>,
}

impl Cluster {
    /// Looks for the one configuration in a picture.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut seen: Vec<Self> = Vec::new();
        for (_, object) in snapshot.objects() {
            let Some(body) = object.body() else { continue };
            match (&*object.reference.group, &*object.reference.kind) {
                (GROUP, KIND) => seen.push(Self::read(body)),
                ("apiserver.config.k8s.io", "AdmissionConfiguration") => {
                    let plugins = body
                        .get("plugins")
                        .and_then(Node::as_seq)
                        .unwrap_or_default();
                    seen.extend(
                        plugins
                            .iter()
                            .filter_map(|plugin| plugin.get("configuration"))
                            .filter(|configuration| is_pod_security(configuration))
                            .map(Self::read),
                    );
                }
                _ => {}
            }
        }
        let mut seen = seen.into_iter();
        let first = seen.next().unwrap_or_default();
        // The same file in two overlays is one cluster.
        let same = |other: Self| {
            Self {
                source: first.source,
                ..other
            } == first
        };
        if seen.all(same) {
            first
        } else {
            Self::default()
        }
    }

    /// Whether a namespace is not judged at all.
    pub fn exempts(&self, namespace: &str) -> bool {
        self.exempt_namespaces
            .iter()
            .any(|exempt| **exempt == *namespace)
    }

    fn read(configuration: &Node) -> Self {
        let mut cluster = Self {
            source: Some(configuration.span),
            ..Self::default()
        };
        if let Some(defaults) = configuration.get("defaults") {
            cluster.source = Some(defaults.span);
            let text = |key| defaults.get(key).and_then(Node::as_str);
            for mode in Mode::ALL {
                let to = cluster.defaults.mode_mut(mode);
                // The API server does not start with a value that it cannot read.
                to.level = text(mode.name()).and_then(parse_level).unwrap_or(to.level);
                let version = text(mode.version_name()).and_then(PolicyVersion::parse);
                to.version = version.unwrap_or(to.version);
            }
        }
        let exempt = |key| {
            let items = configuration
                .at(&["exemptions", key])
                .and_then(Node::as_seq);
            items
                .unwrap_or_default()
                .iter()
                .filter_map(Node::as_str)
                .map(Str::from)
                .collect()
        };
        cluster.exempt_namespaces = exempt("namespaces");
        cluster.exempt_runtime_classes = exempt("runtimeClasses");
        cluster
    }
}

const GROUP: &str = "pod-security.admission.config.k8s.io";
const KIND: &str = "PodSecurityConfiguration";

fn is_pod_security(node: &Node) -> bool {
    let group = node
        .get("apiVersion")
        .and_then(Node::as_str)
        .and_then(|version| version.split_once('/'))
        .map(|(group, _)| group);
    group == Some(GROUP) && node.get("kind").and_then(Node::as_str) == Some(KIND)
}
