//! Rendered text to objects with spans, in the order that Helm prints them.

use super::chart::metadata::scalar_text;
use super::chart::{Chart, Reader};
use super::places::Places;
use super::value::text::{How, Origin, Out, Text};
use regex::Regex;
use seawall_model::{FileId, Gap, GapKind, Span};
use seawall_yaml::{Limits, Node, Value};
use std::sync::OnceLock;

/// The order in which Helm installs kinds; others follow by name.
const ORDER: [&str; 36] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// The events a hook can wait for.
const EVENTS: [&str; 10] = [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
    "test-success",
];

/// A document and where Helm sorts it.
struct Document {
    path: String,
    index: usize,
    kind: String,
    object: Node,
}

/// What all templates printed.
#[derive(Default)]
pub(super) struct Manifests {
    plain: Vec<Document>,
    hooks: Vec<Document>,
}

fn separator() -> Option<&'static Regex> {
    static SEPARATOR: OnceLock<Option<Regex>> = OnceLock::new();
    SEPARATOR
        .get_or_init(|| Regex::new(r"(?:^|[\t\n\x0c\r ]*\n)---[\t\n\x0c\r ]*").ok())
        .as_ref()
}

/// The documents of a rendered file, blanks around them cut off.
fn split(text: &Text) -> Vec<Text> {
    let trimmed = |start: usize, end: usize| -> Text {
        let part = text.as_str().get(start..end).unwrap_or("");
        let from = start + (part.len() - part.trim_start().len());
        let mut out = Out::default();
        out.push_slice(
            text,
            from,
            (start + part.trim_end().len()).max(from),
            Origin::default(),
        );
        // Helm prints a line end after every document, which ends a block scalar, too.
        out.push("\n", Origin::default());
        out.finish()
    };
    let whole = text.as_str().trim();
    let base = text.as_str().len() - text.as_str().trim_start().len();
    let mut out = Vec::new();
    let mut start = 0;
    let mut push = |start: usize, end: usize| {
        if start < end {
            out.push(trimmed(base + start, base + end));
        }
    };
    for found in separator()
        .into_iter()
        .flat_map(|regex| regex.find_iter(whole))
    {
        push(start, found.start());
        start = found.end();
    }
    push(start, whole.len());
    out
}

impl Manifests {
    /// Reads what one template printed.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        places: &Places,
        name: &str,
        path: &str,
        text: &Text,
    ) {
        for (index, document) in split(text).into_iter().enumerate() {
            let read =
                seawall_yaml::parse_single(document.as_str(), FileId::UNKNOWN, &Limits::default());
            if let Some(problem) = read.problems.first() {
                let span = spot(&document, problem.span, places, reader);
                reader.gaps.push(Gap {
                    kind: GapKind::NotRendered,
                    subject: path.into(),
                    span,
                    reason: format!("what the template prints is not YAML: {}", problem.message),
                    hint: String::new(),
                    units: 1,
                });
                continue;
            }
            let Some(first) = read.documents.into_iter().next() else {
                continue;
            };
            let mut object = first.root;
            locate(&mut object, &document, places, reader);
            self.add(reader, name, path, index, object);
        }
    }

    fn add(&mut self, reader: &mut Reader<'_>, name: &str, path: &str, index: usize, object: Node) {
        if object.is_null() {
            return;
        }
        if let Some((span, why)) = refused(&object) {
            let units = u32::from(object.as_map().is_none());
            reader.gap(
                path,
                span,
                format!("Helm refuses what the template prints: {why}"),
                units,
            );
            if units > 0 {
                return;
            }
        }
        let kind = object
            .get("kind")
            .and_then(Node::as_str)
            .unwrap_or("")
            .to_owned();
        let hook = object
            .at(&["metadata", "annotations", "helm.sh/hook"])
            .map(|node| scalar_text(node).unwrap_or_default());
        let document = Document {
            path: name.to_owned(),
            index,
            kind,
            object,
        };
        match hook {
            None => self.plain.push(document),
            Some(events) => {
                let known = |event: &str| EVENTS.contains(&event.trim().to_lowercase().as_str());
                // Helm leaves out a hook that waits for something it does not know.
                if events.split(',').all(known) {
                    self.hooks.push(document);
                }
            }
        }
    }

    /// All objects: plain ones by kind, then hooks by kind.
    pub(super) fn sorted(self) -> impl Iterator<Item = Node> {
        let sort = |mut documents: Vec<Document>| {
            documents.sort_by(|a, b| (&a.path, a.index).cmp(&(&b.path, b.index)));
            documents.sort_by(|a, b| {
                let rank = |document: &Document| {
                    ORDER
                        .iter()
                        .position(|kind| *kind == document.kind)
                        .unwrap_or(ORDER.len())
                };
                rank(a).cmp(&rank(b)).then_with(|| {
                    if rank(a) == ORDER.len() {
                        a.kind.cmp(&b.kind)
                    } else {
                        std::cmp::Ordering::Equal
                    }
                })
            });
            documents.into_iter().map(|document| document.object)
        };
        sort(self.plain).chain(sort(self.hooks))
    }
}

/// What Helm cannot read in the head of an object, and where.
fn refused(object: &Node) -> Option<(Span, String)> {
    if object.as_map().is_none() {
        return Some((
            object.span,
            format!("a {} is no object", object.type_name()),
        ));
    }
    let text = |node: Option<&Node>, name: &str| {
        let node = node.filter(|node| scalar_text(node).is_none())?;
        Some((
            node.span,
            format!("`{name}` is a {}, not a string", node.type_name()),
        ))
    };
    if let Some(wrong) = text(object.get("apiVersion"), "apiVersion") {
        return Some(wrong);
    }
    if let Some(wrong) = text(object.get("kind"), "kind") {
        return Some(wrong);
    }
    let metadata = object.get("metadata").filter(|node| !node.is_null())?;
    if metadata.as_map().is_none() {
        return Some((
            metadata.span,
            format!("`metadata` is a {}", metadata.type_name()),
        ));
    }
    if let Some(wrong) = text(metadata.get("name"), "metadata.name") {
        return Some(wrong);
    }
    let annotations = metadata.get("annotations").filter(|node| !node.is_null())?;
    let Some(map) = annotations.as_map() else {
        let kind = annotations.type_name();
        return Some((
            annotations.span,
            format!("`metadata.annotations` is a {kind}"),
        ));
    };
    map.iter().find_map(|entry| {
        text(
            Some(&entry.value),
            &format!("metadata.annotations.{}", entry.key),
        )
    })
}

/// Where a piece of rendered text comes from.
fn spot(document: &Text, span: Span, places: &Places, reader: &Reader<'_>) -> Span {
    let start = document.origin_at(span.start);
    let end = document.origin_at(span.end.saturating_sub(1).max(span.start));
    places.span([start, end, start], false, reader.map)
}

/// Rewrites the spans of rendered text to those of templates and values keys.
fn locate(node: &mut Node, document: &Text, places: &Places, reader: &Reader<'_>) {
    let container = matches!(node.value, Value::Map(_) | Value::Seq(_));
    node.span = origin(node.span, document, container, places, reader);
    match &mut node.value {
        Value::Map(map) => {
            for entry in map.entries_mut() {
                entry.key_span = origin(entry.key_span, document, false, places, reader);
                if let ("image", Value::String(_)) = (&*entry.key, &entry.value.value) {
                    entry.value.span = image(entry.value.span, document, places, reader);
                } else {
                    locate(&mut entry.value, document, places, reader);
                }
            }
        }
        Value::Seq(_) => {
            for item in node.as_seq_mut().into_iter().flatten() {
                locate(item, document, places, reader);
            }
        }
        _ => {}
    }
}

fn origin(
    span: Span,
    document: &Text,
    container: bool,
    places: &Places,
    reader: &Reader<'_>,
) -> Span {
    if span.line == 0 {
        return Span::NONE;
    }
    let start = document.origin_at(span.start);
    let end = document.origin_at(span.end.saturating_sub(1).max(span.start));
    let mut decided = start;
    if !container && start.how == How::Around {
        // Part of the text may be a printed value: that key decided, not the one around.
        decided = printed(document, span).next().unwrap_or(start);
    }
    places.span([start, end, decided], container, reader.map)
}

/// The pieces of a text behind its first byte that are values of keys.
fn printed(document: &Text, span: Span) -> impl DoubleEndedIterator<Item = Origin> {
    let marks = document.marks();
    let from = marks.partition_point(|mark| mark.at <= span.start);
    let to = marks.partition_point(|mark| mark.at < span.end);
    let within = marks.get(from..to).unwrap_or_default();
    let origins = within.iter().map(|mark| mark.origin);
    origins.filter(|origin| origin.how != How::Around && origin.cause != 0)
}

/// The span of an image. Of `{{ .Values.repository }}:{{ .Values.tag }}` the last piece is what
/// an image is found fault with: its tag, or that it has none.
fn image(span: Span, document: &Text, places: &Places, reader: &Reader<'_>) -> Span {
    let Some(last) = printed(document, span).next_back() else {
        return origin(span, document, false, places, reader);
    };
    let start = document.origin_at(span.start);
    let end = document.origin_at(span.end.saturating_sub(1).max(span.start));
    places.span([start, end, last], false, reader.map)
}

/// The objects in `crds/` of a chart and those below it: no templates.
pub(super) fn crds(reader: &mut Reader<'_>, chart: &Chart, out: &mut Vec<Node>) {
    for file in &chart.files {
        let ext = file
            .name
            .rsplit_once('.')
            .map_or("", |(_, ext)| ext)
            .to_ascii_lowercase();
        if !file.name.starts_with("crds/") || !matches!(ext.as_str(), "yaml" | "yml" | "json") {
            continue;
        }
        let id = reader.map.add_file(file.source.clone());
        let path = file.source.path.clone();
        let Some(text) = file.text() else {
            let span = reader.start_of(&file.source);
            reader.gap(&path, span, "the file is not UTF-8".to_owned(), 1);
            continue;
        };
        let read = seawall_yaml::parse(text, id, &Limits::default());
        for problem in read.problems {
            reader.gap(&path, problem.span, problem.message, 1);
        }
        out.extend(
            read.documents
                .into_iter()
                .map(|document| document.root)
                .filter(|root| !root.is_null()),
        );
    }
    for below in &chart.dependencies {
        crds(reader, below, out);
    }
}
