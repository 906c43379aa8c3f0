//! The node authorizer: what a node's own identity, `system:node:NAME`, may do.
//!
//! A node reads what the pods that are bound to it use, and makes tokens for their service
//! accounts; all else is fixed. So whoever has a node has this, and whoever can bring a pod
//! there can add to it.

use crate::access::Access;
use crate::request::{Request, ResourceRequest};
use seawall_model::{KubernetesVersion, Str};
use seawall_snapshot::pod::{EnvSource, VolumeKind};
use seawall_snapshot::{Object, PodTemplate, Snapshot};
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};

/// The first version in which nodes list only pods of their own, and nodes only themselves.
const SELECTORS_SINCE: KubernetesVersion = KubernetesVersion::new(34);
/// The first version in which a node reads the service accounts of its pods.
const ACCOUNTS_SINCE: KubernetesVersion = KubernetesVersion::new(34);

/// The annotation of a pod that a node's own file makes: it refers to nothing.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Something that pods use: plural name, namespace and name.
pub type Used = (&'static str, Str, Str);

/// What the pods of each node use.
#[derive(Debug, Default)]
pub struct Nodes {
    by_node: BTreeMap<Str, BTreeSet<Used>>,
}

impl Nodes {
    /// Reads the pods of a picture that are bound to a node.
    pub fn of(snapshot: &Snapshot) -> Self {
        let volumes = Volumes::of(snapshot);
        let mut nodes = Self::default();
        for (_, pod) in snapshot.of_kind("", "Pod") {
            for template in pod.templates() {
                let Some(node) = &template.node_name else {
                    continue;
                };
                let used = nodes.by_node.entry(node.value.clone()).or_default();
                add(pod, template, &volumes, used);
            }
        }
        nodes
    }

    /// What the pods of a node use.
    pub fn used(&self, node: &str) -> impl Iterator<Item = &Used> {
        self.by_node.get(node).into_iter().flatten()
    }

    fn uses(&self, node: &str, kind: &'static str, of: &ResourceRequest) -> bool {
        let key = (kind, of.namespace.clone(), of.name.clone());
        !of.name.is_empty()
            && self
                .by_node
                .get(node)
                .is_some_and(|used| used.contains(&key))
    }

    /// Whether a node may do something. `is_of_itself` says that the request selects what
    /// belongs to the node by a field (`spec.nodeName`).
    pub fn allows(
        &self,
        access: &Access,
        node: &str,
        request: &Request,
        is_of_itself: bool,
    ) -> bool {
        let Request::Resource(of) = request else {
            return Self::by_rules(access, request);
        };
        let (verb, sub) = (&*of.verb, &*of.subresource);
        let is_new = access.version() >= SELECTORS_SINCE;
        let is_read = matches!(verb, "get" | "list" | "watch");
        match (&*of.group, &*of.resource) {
            ("", "secrets") => is_read && sub.is_empty() && self.uses(node, "secrets", of),
            ("", "configmaps") => is_read && sub.is_empty() && self.uses(node, "configmaps", of),
            ("", "persistentvolumeclaims") if sub == "status" => {
                matches!(verb, "update" | "patch") && self.uses(node, "persistentvolumeclaims", of)
            }
            ("", "persistentvolumeclaims") => {
                verb == "get" && sub.is_empty() && self.uses(node, "persistentvolumeclaims", of)
            }
            ("", "persistentvolumes") => {
                verb == "get" && sub.is_empty() && self.uses(node, "persistentvolumes", of)
            }
            ("", "serviceaccounts") => match (verb, sub) {
                ("create", "token") => self.uses(node, "serviceaccounts", of),
                ("get", "") => {
                    access.version() >= ACCOUNTS_SINCE && self.uses(node, "serviceaccounts", of)
                }
                _ => false,
            },
            ("coordination.k8s.io", "leases") => {
                matches!(verb, "get" | "create" | "update" | "patch" | "delete")
                    && &*of.namespace == "kube-node-lease"
                    && (verb == "create" || &*of.name == node)
            }
            ("storage.k8s.io", "csinodes") => {
                sub.is_empty()
                    && matches!(verb, "get" | "create" | "update" | "patch" | "delete")
                    && (verb == "create" || &*of.name == node)
            }
            ("", "nodes") if is_new => match (verb, sub) {
                ("create" | "update" | "patch", "") | ("update" | "patch", "status") => true,
                ("get" | "list" | "watch", "") => &*of.name == node,
                _ => false,
            },
            ("", "pods") if is_new => match (verb, sub) {
                ("get", "") => self.uses(node, "pods", of),
                ("list" | "watch", "") => is_of_itself || self.uses(node, "pods", of),
                ("create" | "delete", "")
                | ("update" | "patch", "status")
                | ("create", "eviction") => true,
                _ => false,
            },
            _ => Self::by_rules(access, request),
        }
    }

    /// What every node may do: the rules of the role `system:node`, which nobody needs to bind.
    fn by_rules(access: &Access, request: &Request) -> bool {
        let mut roles = access
            .roles()
            .filter(|role| role.namespace.is_none() && &*role.reference.name == "system:node");
        roles.any(|role| role.rules.iter().any(|rule| rule.allows(request)))
    }
}

/// The volumes behind claims.
struct Volumes {
    /// By namespace and name of the claim: names of the volumes, and the secrets that they need.
    by_claim: BTreeMap<(Str, Str), Vec<Used>>,
}

impl Volumes {
    fn of(snapshot: &Snapshot) -> Self {
        let mut by_claim: BTreeMap<(Str, Str), Vec<Used>> = BTreeMap::new();
        for (_, volume) in snapshot.of_kind("", "PersistentVolume") {
            let spec = volume.body().and_then(|body| body.get("spec"));
            let claim = spec.and_then(|spec| spec.get("claimRef"));
            let text = |key| {
                claim
                    .and_then(|claim| claim.get(key))
                    .and_then(Node::as_str)
            };
            let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else {
                continue;
            };
            let used = by_claim.entry((namespace.into(), name.into())).or_default();
            used.push((
                "persistentvolumes",
                Str::from(""),
                volume.reference.name.clone(),
            ));
            // Any source may name a secret: `secretRef`, `nodePublishSecretRef`, …
            for source in spec.and_then(Node::as_map).into_iter().flatten() {
                for field in source.value.as_map().into_iter().flatten() {
                    let is_secret = field.key.to_ascii_lowercase().ends_with("secretref");
                    let name = field.value.get("name").and_then(Node::as_str);
                    let (true, Some(name)) = (is_secret, name) else {
                        continue;
                    };
                    let own = field.value.get("namespace").and_then(Node::as_str);
                    let namespace = own.filter(|own| !own.is_empty()).unwrap_or(namespace);
                    used.push(("secrets", namespace.into(), name.into()));
                }
            }
        }
        Self { by_claim }
    }
}

/// Everything that a pod uses.
fn add(pod: &Object, template: &PodTemplate, volumes: &Volumes, used: &mut BTreeSet<Used>) {
    let namespace = Str::from(pod.namespace());
    let mut uses = |kind, name: &Str| used.insert((kind, namespace.clone(), name.clone()));
    uses("pods", &pod.reference.name);
    if pod.annotation(MIRROR).is_some() {
        return;
    }
    uses("serviceaccounts", &template.service_account().into());
    for secret in &template.image_pull_secrets {
        uses("secrets", &secret.value);
    }
    for container in &template.containers {
        for variable in &container.env {
            match &variable.source {
                EnvSource::Secret(name, _) => uses("secrets", name),
                EnvSource::ConfigMap(name, _) => uses("configmaps", name),
                _ => false,
            };
        }
        for from in &container.env_from {
            uses(
                if from.secret { "secrets" } else { "configmaps" },
                &from.name,
            );
        }
    }
    let mut claims = Vec::new();
    for volume in &template.volumes {
        match &volume.kind {
            VolumeKind::Secret(name) => {
                uses("secrets", name);
            }
            VolumeKind::ConfigMap(name) => {
                uses("configmaps", name);
            }
            VolumeKind::Claim(name) => {
                uses("persistentvolumeclaims", name);
                claims.push(name.clone());
            }
            VolumeKind::Projected {
                secrets,
                config_maps,
                ..
            } => {
                for name in secrets {
                    uses("secrets", name);
                }
                for name in config_maps {
                    uses("configmaps", name);
                }
            }
            _ => {}
        }
    }
    for claim in claims {
        let behind = volumes.by_claim.get(&(namespace.clone(), claim));
        used.extend(behind.into_iter().flatten().cloned());
    }
}
