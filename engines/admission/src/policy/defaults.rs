//! What the API server writes into an object before policies see it: defaults, a name, the
//! status that a new object has; and without `null`. What admission plug-ins add to pods is in
//! `plugins`.

use super::plugins;
use crate::cel::{Quantity, base64};
use seawall_model::Span;
use seawall_yaml::{Map, Node, Value};

/// The object as policies see it on creation.
pub(super) fn applied(object: &Node, group: &str, kind: &str, namespace: Option<&str>) -> Node {
    let mut object = object.clone();
    if is_built_in(group) {
        without_nulls(&mut object, 64);
    }
    if let (Some(namespace), Some(metadata)) = (namespace, submap(&mut object, "metadata"))
        && metadata.get("namespace").is_none()
    {
        let name = Node::string(namespace, Span::NONE);
        metadata.insert("namespace", Span::NONE, name);
    }
    if let Some(metadata) = submap(&mut object, "metadata")
        && !metadata.contains_key("name")
        && let Some(prefix) = metadata.get("generateName").and_then(Node::as_str)
    {
        // Which, nobody knows before.
        let name = format!("{prefix}00000");
        metadata.insert("name", Span::NONE, text(&name));
    }
    if let Some(status) = status_of(group, kind)
        && let Some(object) = object.as_map_mut()
    {
        default(object, "status", status);
    }
    match (group, kind) {
        ("", "Pod") => {
            pod(&mut object);
            own_pod(&mut object);
        }
        ("apps" | "extensions", "Deployment") => {
            replicas(&mut object);
            template(&mut object, &["spec", "template"]);
            if let Some(spec) = submap(&mut object, "spec") {
                with_child(spec, "strategy", |strategy| {
                    default(strategy, "type", text("RollingUpdate"));
                    rolling(
                        strategy,
                        &[("maxUnavailable", text("25%")), ("maxSurge", text("25%"))],
                    );
                });
                default(spec, "revisionHistoryLimit", number(10));
                default(spec, "progressDeadlineSeconds", number(600));
            }
        }
        ("apps", "StatefulSet") => {
            replicas(&mut object);
            template(&mut object, &["spec", "template"]);
            if let Some(spec) = submap(&mut object, "spec") {
                with_child(spec, "updateStrategy", |strategy| {
                    default(strategy, "type", text("RollingUpdate"));
                    rolling(strategy, &[("partition", number(0))]);
                });
                default(spec, "podManagementPolicy", text("OrderedReady"));
                default(spec, "revisionHistoryLimit", number(10));
            }
        }
        ("apps" | "extensions", "DaemonSet") => {
            template(&mut object, &["spec", "template"]);
            if let Some(spec) = submap(&mut object, "spec") {
                with_child(spec, "updateStrategy", |strategy| {
                    default(strategy, "type", text("RollingUpdate"));
                    rolling(
                        strategy,
                        &[("maxUnavailable", number(1)), ("maxSurge", number(0))],
                    );
                });
                default(spec, "revisionHistoryLimit", number(10));
            }
        }
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            replicas(&mut object);
            template(&mut object, &["spec", "template"]);
        }
        ("batch", "Job") => {
            template(&mut object, &["spec", "template"]);
            if let Some(spec) = submap(&mut object, "spec") {
                default(spec, "backoffLimit", number(6));
                default(spec, "suspend", truth(false));
            }
        }
        ("batch", "CronJob") => {
            template(&mut object, &["spec", "jobTemplate", "spec", "template"]);
            if let Some(spec) = submap(&mut object, "spec") {
                default(spec, "concurrencyPolicy", text("Allow"));
                default(spec, "suspend", truth(false));
                default(spec, "successfulJobsHistoryLimit", number(3));
                default(spec, "failedJobsHistoryLimit", number(1));
            }
        }
        ("", "PodTemplate") => template(&mut object, &["template"]),
        ("", "Service") => service(&mut object),
        ("", "Secret") => {
            if let Some(secret) = object.as_map_mut() {
                default(secret, "type", text("Opaque"));
                plain_texts(secret);
            }
        }
        ("", "Namespace") => {
            if let Some(namespace) = object.as_map_mut() {
                with_child(namespace, "spec", |spec| {
                    let finalizers = vec![text("kubernetes")];
                    default(spec, "finalizers", Node::seq(finalizers, Span::NONE));
                });
            }
        }
        ("", "PersistentVolumeClaim") => {
            if let Some(spec) = submap(&mut object, "spec") {
                default(spec, "volumeMode", text("Filesystem"));
                amounts(spec.get_mut("resources"));
            }
        }
        _ => {}
    }
    object
}

/// The status that an object of a built-in kind has before anything happened to it.
fn status_of(group: &str, kind: &str) -> Option<Node> {
    let fields: &[(&str, Node)] = match (group, kind) {
        ("", "Pod") => &[("phase", text("Pending"))],
        ("", "Namespace") => &[("phase", text("Active"))],
        ("apps", "StatefulSet") => &[("replicas", number(0)), ("availableReplicas", number(0))],
        ("apps", "ReplicaSet") | ("", "ReplicationController") => &[("replicas", number(0))],
        ("apps", "DaemonSet") => &[
            ("currentNumberScheduled", number(0)),
            ("numberMisscheduled", number(0)),
            ("desiredNumberScheduled", number(0)),
            ("numberReady", number(0)),
        ],
        ("", "Service") | ("networking.k8s.io", "Ingress") => &[("loadBalancer", empty())],
        ("apps", "Deployment") | ("batch", "Job" | "CronJob") | ("", "PersistentVolumeClaim") => {
            &[]
        }
        _ => return None,
    };
    let mut status = Map::default();
    for (key, value) in fields {
        status.insert(*key, Span::NONE, value.clone());
    }
    Some(Node::map(status, Span::NONE))
}

/// What a rolling update has when nobody says otherwise.
fn rolling(strategy: &mut Map, values: &[(&str, Node)]) {
    if strategy.get("type").and_then(Node::as_str) == Some("RollingUpdate") {
        with_child(strategy, "rollingUpdate", |rolling| {
            for (key, value) in values {
                default(rolling, key, value.clone());
            }
        });
    }
}

/// `stringData` becomes `data`.
fn plain_texts(secret: &mut Map) {
    let Some(texts) = secret.remove("stringData") else {
        return;
    };
    with_child(secret, "data", |data| {
        for entry in texts.as_map().into_iter().flatten() {
            if let Some(text) = entry.value.as_str() {
                let bytes = Node::string(base64(text.as_bytes()), entry.value.span);
                data.insert(&*entry.key, Span::NONE, bytes);
            }
        }
    });
}

fn is_built_in(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

fn without_nulls(node: &mut Node, depth: u8) {
    if depth == 0 || !has_null(node, depth) {
        return;
    }
    match &mut node.value {
        Value::Map(map) => {
            map.entries_mut().retain(|entry| !entry.value.is_null());
            for entry in map.entries_mut() {
                without_nulls(&mut entry.value, depth - 1);
            }
        }
        Value::Seq(_) => {
            for item in node.as_seq_mut().into_iter().flatten() {
                without_nulls(item, depth - 1);
            }
        }
        _ => {}
    }
}

/// Whether there is a `null` to take out; without one nothing is copied.
fn has_null(node: &Node, depth: u8) -> bool {
    if depth == 0 {
        return false;
    }
    match &node.value {
        Value::Map(map) => map
            .iter()
            .any(|entry| entry.value.is_null() || has_null(&entry.value, depth - 1)),
        Value::Seq(items) => items.iter().any(|item| has_null(item, depth - 1)),
        _ => false,
    }
}

fn text(value: &str) -> Node {
    Node::string(value, Span::NONE)
}

fn number(value: i64) -> Node {
    Node::new(Value::Int(value), Span::NONE)
}

fn truth(value: bool) -> Node {
    Node::new(Value::Bool(value), Span::NONE)
}

fn empty() -> Node {
    Node::map(Map::default(), Span::NONE)
}

pub(super) fn default(map: &mut Map, key: &str, value: Node) {
    if !map.contains_key(key) {
        map.insert(key, Span::NONE, value);
    }
}

fn submap<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Map> {
    node.as_map_mut()?.get_mut(key)?.as_map_mut()
}

/// Does something to the mapping under a key, made if it is not there. What is no mapping is
/// left alone.
fn with_child(map: &mut Map, key: &str, change: impl FnOnce(&mut Map)) {
    default(map, key, empty());
    if let Some(child) = map.get_mut(key).and_then(Node::as_map_mut) {
        change(child);
    }
}

fn replicas(object: &mut Node) {
    if let Some(spec) = submap(object, "spec") {
        default(spec, "replicas", number(1));
    }
}

/// The pod template at a path.
fn template(object: &mut Node, path: &[&str]) {
    let mut holder = object;
    for key in path {
        let Some(next) = holder.as_map_mut().and_then(|map| map.get_mut(key)) else {
            return;
        };
        holder = next;
    }
    pod(holder);
}

/// A pod or a pod template: what both get.
fn pod(holder: &mut Node) {
    let Some(spec) = submap(holder, "spec") else {
        return;
    };
    default(spec, "restartPolicy", text("Always"));
    default(spec, "dnsPolicy", text("ClusterFirst"));
    default(spec, "schedulerName", text("default-scheduler"));
    default(spec, "terminationGracePeriodSeconds", number(30));
    default(spec, "securityContext", empty());
    // The old name and the new one are kept alike.
    let account = |spec: &Map, key| {
        spec.get(key)
            .filter(|node: &&Node| !node.is_null())
            .cloned()
    };
    let named = account(spec, "serviceAccountName").or_else(|| account(spec, "serviceAccount"));
    if let Some(named) = named {
        default(spec, "serviceAccountName", named.clone());
        default(spec, "serviceAccount", named);
    }
    let host_network = spec.get("hostNetwork").and_then(Node::as_bool) == Some(true);
    for field in ["containers", "initContainers", "ephemeralContainers"] {
        let list = spec.get_mut(field).and_then(Node::as_seq_mut);
        for item in list.into_iter().flatten().filter_map(Node::as_map_mut) {
            container(item, host_network);
        }
    }
    let volumes = spec.get_mut("volumes").and_then(Node::as_seq_mut);
    for volume in volumes.into_iter().flatten().filter_map(Node::as_map_mut) {
        if volume.len() == 1 && volume.contains_key("name") {
            volume.insert("emptyDir", Span::NONE, empty());
        }
        for (source, key, mode) in [
            ("configMap", "defaultMode", number(0o644)),
            ("secret", "defaultMode", number(0o644)),
            ("projected", "defaultMode", number(0o644)),
            ("downwardAPI", "defaultMode", number(0o644)),
            ("hostPath", "type", text("")),
        ] {
            if let Some(source) = volume.get_mut(source).and_then(Node::as_map_mut) {
                default(source, key, mode);
            }
        }
    }
}

/// What a pod of its own gets besides: the service account plug-in runs before policies do.
fn own_pod(object: &mut Node) {
    if let Some(spec) = submap(object, "spec") {
        default(spec, "serviceAccountName", text("default"));
        default(spec, "serviceAccount", text("default"));
        default(spec, "enableServiceLinks", truth(true));
        plugins::applied(spec);
    }
}

fn container(container: &mut Map, host_network: bool) {
    let image = container.get("image").and_then(Node::as_str).unwrap_or("");
    let name = image.rsplit('/').next().unwrap_or(image);
    let floats = !image.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
    let policy = if floats { "Always" } else { "IfNotPresent" };
    default(container, "imagePullPolicy", text(policy));
    default(
        container,
        "terminationMessagePath",
        text("/dev/termination-log"),
    );
    default(container, "terminationMessagePolicy", text("File"));
    default(container, "resources", empty());
    if let Some(ports) = container.get_mut("ports").and_then(Node::as_seq_mut) {
        for port in ports.iter_mut().filter_map(Node::as_map_mut) {
            default(port, "protocol", text("TCP"));
            if host_network && let Some(number) = port.get("containerPort").cloned() {
                default(port, "hostPort", number);
            }
        }
    }
    amounts(container.get_mut("resources"));
    // What is limited and not requested is requested at its limit.
    if let Some(resources) = container.get_mut("resources").and_then(Node::as_map_mut)
        && let Some(limits) = resources.get("limits").and_then(Node::as_map).cloned()
    {
        with_child(resources, "requests", |requests| {
            for entry in &limits {
                default(requests, &entry.key, entry.value.clone());
            }
        });
    }
}

/// Amounts as the API writes them: text in canonical form.
fn amounts(resources: Option<&mut Node>) {
    let Some(resources) = resources.and_then(Node::as_map_mut) else {
        return;
    };
    for field in ["limits", "requests"] {
        let Some(amounts) = resources.get_mut(field).and_then(Node::as_map_mut) else {
            continue;
        };
        let written = |node: &Node| match &node.value {
            Value::String(text) => Some(text.to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::UInt(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            _ => None,
        };
        for entry in amounts.entries_mut() {
            if let Some(canonical) = written(&entry.value).and_then(|t| Quantity::canonical(&t)) {
                entry.value = Node::string(canonical, entry.value.span);
            }
        }
    }
}

fn service(object: &mut Node) {
    let Some(spec) = submap(object, "spec") else {
        return;
    };
    default(spec, "type", text("ClusterIP"));
    default(spec, "sessionAffinity", text("None"));
    let kind = spec.get("type").and_then(Node::as_str).map(str::to_owned);
    if kind.as_deref() != Some("ExternalName") {
        default(spec, "internalTrafficPolicy", text("Cluster"));
    }
    if matches!(kind.as_deref(), Some("LoadBalancer" | "NodePort")) {
        default(spec, "externalTrafficPolicy", text("Cluster"));
    }
    if kind.as_deref() == Some("LoadBalancer") {
        default(spec, "allocateLoadBalancerNodePorts", truth(true));
    }
    if let Some(ports) = spec.get_mut("ports").and_then(Node::as_seq_mut) {
        for port in ports.iter_mut().filter_map(Node::as_map_mut) {
            default(port, "protocol", text("TCP"));
            if let Some(number) = port.get("port").cloned() {
                default(port, "targetPort", number);
            }
        }
    }
}
