//! The last steps of a build: what the user sees.

use super::Fail;
use super::hash;
use super::kust::Sort;
use super::resmap;
use super::resource::{Origin, Resource, meta_map, set_meta, string_map};
use super::specs::{ORDER_FIRST, ORDER_LAST, rank};
use super::value;
use seawall_model::Span;
use seawall_yaml::Node;

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";
const LOCAL: &str = "config.kubernetes.io/local-config";

/// Adds the hash of the content to the names of generated objects.
pub(super) fn hash_names(resources: &mut [Resource]) {
    for resource in resources {
        if resource.needs_hash {
            let hash = hash::of(&resource.node);
            resource.store_id();
            let name = format!("{}-{hash}", resource.name());
            let span = resource.span();
            resource.set_name(&name, span);
        }
    }
}

/// Drops objects that are for local tools only.
pub(super) fn drop_local(resources: &mut Vec<Resource>) {
    resources.retain(|resource| {
        let local = resource.node.at(&["metadata", "annotations", LOCAL]);
        local.is_none_or(|node| value::text(node) == "false")
    });
}

/// Orders the objects as the kustomization or the default says.
pub(super) fn sort(resources: &mut [Resource], options: Option<&Sort>, fails: &mut Vec<Fail>) {
    let (first, last): (Vec<String>, Vec<String>) = match options {
        None => (own(ORDER_FIRST), own(ORDER_LAST)),
        Some(options) => match (options.order.as_deref(), &options.legacy) {
            (Some("fifo"), None) => return,
            (Some("legacy"), None) => (own(ORDER_FIRST), own(ORDER_LAST)),
            (Some("legacy"), Some((first, last))) => {
                let list = |texts: &[super::decode::Text]| {
                    texts.iter().map(|t| t.value.to_string()).collect()
                };
                (list(first), list(last))
            }
            (Some("fifo"), Some(_)) => {
                let message = "legacySortOptions need the order legacy".to_owned();
                fails.push(Fail::new(options.span, message));
                return;
            }
            _ => {
                let message = "the order of sortOptions must be fifo or legacy".to_owned();
                let span = options.order.as_ref().map_or(options.span, |t| t.span);
                fails.push(Fail::new(span, message));
                return;
            }
        },
    };
    let or = |text: &str, none: &str| {
        if text.is_empty() {
            none.to_owned()
        } else {
            text.to_owned()
        }
    };
    resources.sort_by_cached_key(|resource| {
        let id = resource.id();
        let (group, version) = super::ids::split_api_version(&id.api_version);
        // Real namespaces stand before other things of that kind.
        let real = &*id.kind == "Namespace" && group.is_empty();
        let group = if real { " " } else { group };
        let kind = format!(
            "{}_{}_{}",
            or(group, "~G"),
            or(version, "~V"),
            or(&id.kind, "~K")
        );
        let name = format!("{}|{}", or(&id.namespace, "~X"), or(&id.name, "~N"));
        (rank(&id.kind, &first, &last), kind, name)
    });
}

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

/// Which of the build's own marks are wanted on the objects.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    pub(super) origin: bool,
    pub(super) transformations: bool,
    pub(super) managed_by: bool,
}

/// The objects as they are printed.
pub(super) fn objects(mut resources: Vec<Resource>, marks: Marks, span: Span) -> Vec<Node> {
    resmap::drop_empty(&mut resources);
    resources
        .into_iter()
        .map(|mut resource| {
            if marks.managed_by
                && let Some(labels) = meta_map(&mut resource.node, "labels")
            {
                let text = value::string("kustomize-v5.7.1", span);
                labels.insert("app.kubernetes.io/managed-by", span, text);
            }
            annotations(&mut resource, marks, span);
            resource.node
        })
        .collect()
}

/// Annotations are text, whatever was written, and none at all rather than empty.
fn annotations(resource: &mut Resource, marks: Marks, span: Span) {
    let node = resource.node.at(&["metadata", "annotations"]);
    let clean = match node {
        None => true,
        Some(node) => node.as_map().is_some_and(|map| {
            !map.is_empty() && map.iter().all(|entry| entry.value.as_str().is_some())
        }),
    };
    if !clean {
        let place = node.map_or(span, |n| n.span);
        let map = string_map(node);
        let value = (!map.is_empty()).then(|| Node::map(map, place));
        set_meta(&mut resource.node, "annotations", value);
    }
    let mut marked = Vec::new();
    if marks.origin
        && let Some(origin) = &resource.origin
    {
        marked.push((ORIGIN, origin_lines(origin, "")));
    }
    if marks.transformations && !resource.transformations.is_empty() {
        let mut list = String::new();
        for origin in &resource.transformations {
            list.push_str("- ");
            list.push_str(origin_lines(origin, "  ").get(2..).unwrap_or_default());
        }
        marked.push((TRANSFORMATIONS, list));
    }
    for (key, text) in marked {
        if let Some(map) = meta_map(&mut resource.node, "annotations") {
            map.insert(key, span, value::string(text, span));
        }
    }
}

fn origin_lines(origin: &Origin, indent: &str) -> String {
    use std::fmt::Write;
    let mut lines = String::new();
    for (key, text) in [
        ("path", &origin.path),
        ("configuredIn", &origin.configured_in),
    ] {
        if !text.is_empty() {
            let _ = writeln!(lines, "{indent}{key}: {text}");
        }
    }
    if let Some(by) = &origin.configured_by {
        let _ = writeln!(lines, "{indent}configuredBy:");
        for (key, text) in ["apiVersion", "kind", "name", "namespace"].iter().zip(by) {
            if !text.is_empty() {
                let _ = writeln!(lines, "{indent}  {key}: {text}");
            }
        }
    }
    lines
}
