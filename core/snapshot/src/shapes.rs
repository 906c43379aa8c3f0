//! The types of fields outside of pod templates, for the kinds that engines look at: a field of
//! the wrong type is a gap, and never the same as a field that is not there.

use crate::reader::Reader;
use seawall_yaml::{Node, Value};

/// What a field has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Map,
    /// A mapping of texts to texts.
    Texts,
    List,
    /// A list of mappings.
    Maps,
    Text,
    Bool,
    Int,
}

use Shape::{Bool, Int, List, Map, Maps, Text, Texts};

/// Fields of one kind, by path. A path whose beginning is wrong is told once.
type Fields = &'static [(&'static [&'static str], Shape)];

/// What has a pod template and a number of copies.
const REPLICATED: Fields = &[
    (&["spec", "replicas"], Int),
    (&["spec", "selector", "matchLabels"], Texts),
    (&["spec", "selector", "matchExpressions"], Maps),
    (&["spec", "template", "spec"], Map),
];

const TEMPLATE: Fields = &[(&["spec", "template", "spec"], Map)];

const CLASS: Fields = &[(&["webhooks"], Maps)];

const ROLE: Fields = &[(&["rules"], Maps)];

const BINDING: Fields = &[(&["roleRef"], Map), (&["subjects"], Maps)];

/// By group and kind.
const KINDS: &[(&str, &str, Fields)] = &[
    ("", "List", &[(&["items"], List)]),
    ("", "ConfigMap", &[(&["data"], Map), (&["binaryData"], Map)]),
    ("", "Secret", &[(&["data"], Map), (&["stringData"], Map)]),
    (
        "",
        "Service",
        &[
            (&["spec", "type"], Text),
            (&["spec", "ports"], Maps),
            (&["spec", "selector"], Texts),
            (&["spec", "externalIPs"], List),
            (&["spec", "loadBalancerSourceRanges"], List),
        ],
    ),
    (
        "",
        "ServiceAccount",
        &[
            (&["automountServiceAccountToken"], Bool),
            (&["secrets"], Maps),
            (&["imagePullSecrets"], Maps),
        ],
    ),
    ("apps", "Deployment", REPLICATED),
    ("apps", "ReplicaSet", REPLICATED),
    ("apps", "StatefulSet", REPLICATED),
    ("apps", "DaemonSet", TEMPLATE),
    ("batch", "Job", TEMPLATE),
    (
        "batch",
        "CronJob",
        &[(&["spec", "jobTemplate", "spec", "template", "spec"], Map)],
    ),
    ("", "Pod", &[(&["spec"], Map)]),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        &[
            (&["spec", "podSelector", "matchLabels"], Texts),
            (&["spec", "podSelector", "matchExpressions"], Maps),
            (&["spec", "policyTypes"], List),
            (&["spec", "ingress"], Maps),
            (&["spec", "egress"], Maps),
        ],
    ),
    (
        "networking.k8s.io",
        "Ingress",
        &[
            (&["spec", "rules"], Maps),
            (&["spec", "tls"], Maps),
            (&["spec", "defaultBackend"], Map),
        ],
    ),
    (
        "policy",
        "PodDisruptionBudget",
        &[(&["spec", "selector"], Map)],
    ),
    ("rbac.authorization.k8s.io", "Role", ROLE),
    ("rbac.authorization.k8s.io", "ClusterRole", ROLE),
    ("rbac.authorization.k8s.io", "RoleBinding", BINDING),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", BINDING),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        CLASS,
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        CLASS,
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &[(&["spec", "names"], Map)],
    ),
    (
        "kubelet.config.k8s.io",
        "KubeletConfiguration",
        &[
            (&["authentication", "anonymous"], Map),
            (&["authentication", "webhook"], Map),
            (&["authentication", "x509"], Map),
            (&["authorization"], Map),
        ],
    ),
    (
        "apiserver.config.k8s.io",
        "EncryptionConfiguration",
        &[(&["resources"], Maps)],
    ),
    (
        "apiserver.config.k8s.io",
        "AdmissionConfiguration",
        &[(&["plugins"], Maps)],
    ),
];

/// Tells of every field of the wrong type.
pub(crate) fn check(reader: &mut Reader<'_>, root: &Node, group: &str, kind: &str) {
    let known = KINDS.iter().find(|(g, k, _)| *g == group && *k == kind);
    let Some((_, _, fields)) = known else {
        return;
    };
    let mut told: Option<&Node> = None;
    for (path, shape) in *fields {
        if let Err((key, node, want)) = field(root, path, *shape)
            && !told.is_some_and(|known| std::ptr::eq(known, node))
        {
            told = Some(node);
            reader.wrong_type(key, node, want);
        }
    }
}

type Wrong<'n> = (&'static str, &'n Node, &'static str);

fn field<'n>(root: &'n Node, path: &'static [&'static str], shape: Shape) -> Result<(), Wrong<'n>> {
    let mut node = root;
    let mut name = "";
    for key in path {
        let Some(map) = node.as_map() else {
            return Err((name, node, "mapping"));
        };
        match map.get(key).filter(|found| !found.is_null()) {
            Some(found) => node = found,
            None => return Ok(()),
        }
        name = key;
    }
    is(name, node, shape)
}

fn is<'n>(name: &'static str, node: &'n Node, shape: Shape) -> Result<(), Wrong<'n>> {
    let (right, want) = match shape {
        Map | Texts => (node.as_map().is_some(), "mapping"),
        List | Maps => (node.as_seq().is_some(), "list"),
        Text => (node.as_str().is_some(), "string"),
        Bool => (node.as_bool().is_some(), "boolean"),
        Int => (
            matches!(node.value, Value::Int(_) | Value::UInt(_)),
            "number",
        ),
    };
    if !right {
        return Err((name, node, want));
    }
    let inner: Option<(&Node, &str)> = match shape {
        Texts => {
            let mut values = node.as_map().into_iter().flatten();
            let wrong = values.find(|e| e.value.as_str().is_none() && !e.value.is_null());
            wrong.map(|entry| (&entry.value, "mapping of strings"))
        }
        Maps => {
            let mut items = node.as_seq().into_iter().flatten();
            let wrong = items.find(|item| item.as_map().is_none() && !item.is_null());
            wrong.map(|item| (item, "list of mappings"))
        }
        _ => None,
    };
    match inner {
        Some((inner, want)) => Err((name, inner, want)),
        None => Ok(()),
    }
}
