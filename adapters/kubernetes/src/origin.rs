//! Items of a list to objects whose origin is the cluster.

use crate::discovery::Resource;
use seawall_model::{FileId, Gap, ResourceRef, SourceFile, SourceKind, SourceMap, Span, Str};
use seawall_snapshot::{Keep, Object, ScopeId, object};
use seawall_yaml::{Entry, Map, Node, Value};
use std::fmt::Write as _;

/// kubectl keeps the whole object here as it was applied, Secret values and all.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An item as an object of its own: with the kind that the list says once for all, without
/// what the server keeps for itself, at home in a source of its own.
/// `versioned` says whether its name tells the resource version; a watch, which sees a new one
/// every second, would have to remember them all.
pub(crate) fn settle(
    item: Node,
    resource: &Resource,
    cluster: &str,
    versioned: bool,
    map: &SourceMap,
) -> Node {
    let whole = item.span;
    let mut entries = vec![
        text_entry("apiVersion", &resource.api_version(), whole),
        text_entry("kind", &resource.kind, whole),
    ];
    if let Value::Map(mut map) = item.value {
        let own = std::mem::take(map.entries_mut()).into_iter();
        entries.extend(own.filter(|e| !matches!(&*e.key, "apiVersion" | "kind" | "status")));
    }
    let mut node = Node::map(Map::from_entries(entries), whole);
    if let Some(metadata) = node
        .as_map_mut()
        .and_then(|m| m.get_mut("metadata"))
        .and_then(Node::as_map_mut)
    {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_map_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    let path = describe(&node, resource, cluster, versioned);
    let file = map.add_file(SourceFile {
        path: path.into(),
        kind: SourceKind::Cluster,
    });
    node.map_spans(&mut |span| local(span, whole, file));
    node
}

/// `cluster prod: Deployment shop/web (resourceVersion 123)`.
fn describe(node: &Node, resource: &Resource, cluster: &str, versioned: bool) -> String {
    let text = |key| {
        let value = node.at(&["metadata", key]).and_then(Node::as_str);
        value.unwrap_or_default()
    };
    let (namespace, name) = (text("namespace"), text("name"));
    let slash = if namespace.is_empty() { "" } else { "/" };
    let mut path = format!(
        "cluster {cluster}: {} {namespace}{slash}{name}",
        resource.kind
    );
    if versioned {
        let _ = write!(path, " (resourceVersion {})", text("resourceVersion"));
    }
    path
}

/// The name of an item in its cluster.
pub(crate) fn reference(node: &Node, resource: &Resource) -> ResourceRef {
    let text = |key| {
        let value = node.at(&["metadata", key]).and_then(Node::as_str);
        value.filter(|text| !text.is_empty()).map(Str::from)
    };
    ResourceRef {
        group: resource.group.clone(),
        kind: resource.kind.clone(),
        namespace: text("namespace"),
        name: text("name").unwrap_or_else(|| Str::from("")),
    }
}

/// A place in an answer as a place in the object. There is no text to show and there are no
/// lines, but different places stay different.
fn local(span: Span, whole: Span, file: FileId) -> Span {
    Span {
        file,
        start: span.start.saturating_sub(whole.start),
        end: span.end.saturating_sub(whole.start),
        line: 0,
        column: 0,
        ..span
    }
}

fn text_entry(key: &str, value: &str, whole: Span) -> Entry {
    let at = Span {
        end: whole.start.saturating_add(1),
        ..whole
    };
    Entry {
        key: key.into(),
        key_span: at,
        value: Node::string(value, at),
    }
}

/// The facts of an item; `None` when it runs nothing any more.
pub(crate) fn read(
    node: &Node,
    map: &SourceMap,
    gaps: &mut Vec<Gap>,
    keep: Keep,
) -> Option<Object> {
    if is_kept_for_rollback(node) {
        return None;
    }
    object::read_keeping(node, ScopeId::PLAIN, map, gaps, keep)
}

/// Whether it is a ReplicaSet of an earlier rollout: it makes no pods, and its template is
/// one that its Deployment has replaced.
fn is_kept_for_rollback(node: &Node) -> bool {
    let owned = node
        .at(&["metadata", "ownerReferences"])
        .and_then(Node::as_seq)
        .is_some_and(|owners| {
            owners
                .iter()
                .any(|o| o.get("controller").and_then(Node::as_bool) == Some(true))
        });
    let no_pods = node.at(&["spec", "replicas"]).and_then(Node::as_i64) == Some(0);
    node.get("kind").and_then(Node::as_str) == Some("ReplicaSet") && owned && no_pods
}
