//! What admission plug-ins add to a pod before policies see it: a priority, tolerations, and
//! the volume with the token of its service account. Whether the account itself wants no
//! token is not looked at.

use super::defaults::default;
use seawall_model::{FileId, Span};
use seawall_yaml::{Limits, Map, Node, parse};
use std::sync::LazyLock;

/// Where the token is mounted.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Kept with an unknown place in every node: nobody wrote it.
static ADDED: LazyLock<Node> = LazyLock::new(|| {
    let text = "
priority: 0
preemptionPolicy: PreemptLowerPriority
tolerations:
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
mount: {name: kube-api-access-00000, readOnly: true, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}
volume:
  name: kube-api-access-00000
  projected:
    defaultMode: 420
    sources:
      - serviceAccountToken: {expirationSeconds: 3607, path: token}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}]}
";
    let documents = parse(text, FileId::UNKNOWN, &Limits::default()).documents;
    let root = documents.into_iter().next().map(|document| document.root);
    root.map_or_else(|| Node::map(Map::default(), Span::NONE), nowhere)
});

fn nowhere(mut node: Node) -> Node {
    node.span = Span::NONE;
    if let Some(map) = node.as_map_mut() {
        for entry in map.entries_mut() {
            entry.value = nowhere(entry.value.clone());
        }
    }
    for item in node.as_seq_mut().into_iter().flatten() {
        *item = nowhere(item.clone());
    }
    node
}

/// Adds it to a pod's `spec`.
pub(super) fn applied(spec: &mut Map) {
    if let Some(priority) = ADDED.get("priority")
        && !spec.contains_key("priorityClassName")
    {
        default(spec, "priority", priority.clone());
    }
    if let Some(policy) = ADDED.get("preemptionPolicy") {
        default(spec, "preemptionPolicy", policy.clone());
    }
    tolerations(spec);
    let wants_token = spec
        .get("automountServiceAccountToken")
        .and_then(Node::as_bool);
    if wants_token != Some(false) {
        token(spec);
    }
}

/// Nodes that are not ready or cannot be reached are left after five minutes, unless the pod
/// says otherwise about that.
fn tolerations(spec: &mut Map) {
    let text = |toleration: &Node, key: &str| {
        let text = toleration.get(key).and_then(Node::as_str);
        text.unwrap_or_default().to_owned()
    };
    let added = ADDED.get("tolerations").and_then(Node::as_seq);
    for toleration in added.unwrap_or_default() {
        default(spec, "tolerations", Node::seq(Vec::new(), Span::NONE));
        let Some(all) = spec.get_mut("tolerations").and_then(Node::as_seq_mut) else {
            return;
        };
        let key = text(toleration, "key");
        let is_there = all.iter().any(|other| {
            let other_key = text(other, "key");
            (other_key == key || other_key.is_empty())
                && matches!(&*text(other, "effect"), "NoExecute" | "")
        });
        if !is_there {
            all.push(toleration.clone());
        }
    }
}

fn token(spec: &mut Map) {
    let (Some(volume), Some(mount)) = (ADDED.get("volume"), ADDED.get("mount")) else {
        return;
    };
    let mut is_mounted = false;
    for field in ["containers", "initContainers"] {
        let list = spec.get_mut(field).and_then(Node::as_seq_mut);
        for container in list.into_iter().flatten().filter_map(Node::as_map_mut) {
            default(container, "volumeMounts", Node::seq(Vec::new(), Span::NONE));
            let mounts = container.get_mut("volumeMounts").and_then(Node::as_seq_mut);
            let Some(mounts) = mounts else { continue };
            let path = |mount: &Node| mount.get("mountPath").and_then(Node::as_str) == Some(TOKEN);
            if !mounts.iter().any(path) {
                mounts.push(mount.clone());
                is_mounted = true;
            }
        }
    }
    if is_mounted {
        default(spec, "volumes", Node::seq(Vec::new(), Span::NONE));
        if let Some(volumes) = spec.get_mut("volumes").and_then(Node::as_seq_mut) {
            volumes.push(volume.clone());
        }
    }
}
