//! The simple transformers: names, namespace, labels, annotations, replicas, images.

use super::Fail;
use super::decode::Text;
use super::fields::{self, Create};
use super::ids;
use super::kust::{Image, Replica};
use super::resource::Resource;
use super::specs::FieldSpec;
use super::value;
use regex::Regex;
use seawall_model::{Span, Str};
use seawall_yaml::{Node, Value};

/// Kinds whose names are their meaning.
fn keeps_name(id: &ids::Id) -> bool {
    matches!(&*id.kind, "CustomResourceDefinition" | "Namespace")
        || (&*id.kind == "APIService"
            && ids::split_api_version(&id.api_version).0 == "apiregistration.k8s.io")
}

/// Whether a name gets something before or behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affix {
    Prefix,
    Suffix,
}

/// Adds a prefix or suffix to names.
pub(super) fn affix(
    resources: &mut [Resource],
    text: &Text,
    affix: Affix,
    specs: &[FieldSpec],
) -> Result<(), Fail> {
    for resource in resources {
        let original = resource.original_id();
        if keeps_name(&original) {
            continue;
        }
        for spec in specs {
            if !spec.gvk.selects(&original) {
                continue;
            }
            if spec.path == "metadata/name" && !text.is_empty() {
                match affix {
                    Affix::Prefix => resource.prefixes.push(text.value.clone()),
                    Affix::Suffix => resource.suffixes.push(text.value.clone()),
                }
                resource.store_id();
            }
            let mut set = |node: &mut Node| {
                if !value::is_scalar(node) {
                    return Err(format!("expected a scalar, found a {}", node.type_name()));
                }
                let old = value::text(node);
                let new = match affix {
                    Affix::Prefix => format!("{}{old}", &**text),
                    Affix::Suffix => format!("{old}{}", &**text),
                };
                *node = value::string(new, known(node.span, text.span));
                Ok(())
            };
            fields::apply(&mut resource.node, spec, Create::Scalar, &mut set)
                .map_err(|message| about(text.span, resource, &message))?;
        }
    }
    Ok(())
}

fn known(span: Span, or: Span) -> Span {
    if span.is_known() { span } else { or }
}

fn about(span: Span, resource: &Resource, message: &str) -> Fail {
    Fail::new(span, format!("{}: {message}", resource.id()))
}

/// Which subjects of role bindings follow the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subjects {
    /// Those named `default`.
    Default,
    /// All service accounts.
    ServiceAccounts,
    None,
}

/// Puts everything that can be into a namespace.
pub(super) fn namespace(
    resources: &mut [Resource],
    text: &Text,
    specs: &[FieldSpec],
    subjects: Subjects,
    unset_only: bool,
) -> Result<(), Fail> {
    if text.is_empty() {
        return Ok(());
    }
    let mut set = |node: &mut Node| {
        if !value::is_scalar(node) {
            return Err(format!(
                "namespace fields must be scalars, found a {}",
                node.type_name()
            ));
        }
        if !unset_only || value::text(node).is_empty() {
            *node = value::string(text.value.clone(), text.span);
        }
        Ok(())
    };
    for index in 0..resources.len() {
        let Some(resource) = resources.get_mut(index) else {
            break;
        };
        resource.store_id();
        let id = resource.id();
        let fail = |message| Fail::new(text.span, format!("{id}: {message}"));
        if !id.cluster {
            let here = FieldSpec {
                gvk: ids::Gvk::default(),
                path: "metadata/namespace".into(),
                create: true,
            };
            fields::apply(&mut resource.node, &here, Create::Scalar, &mut set).map_err(fail)?;
        }
        let binding = matches!(&*id.kind, "RoleBinding" | "ClusterRoleBinding");
        if binding {
            binding_subjects(&mut resource.node, subjects, text, &mut set).map_err(fail)?;
        }
        for spec in specs {
            let skip = spec.path == "metadata/namespace"
                || (spec.path == "metadata/name" && &*id.api_version != "v1")
                || (binding
                    && spec.path == "subjects/namespace"
                    && matches!(&*spec.gvk.kind, "RoleBinding" | "ClusterRoleBinding"));
            if !skip {
                fields::apply(&mut resource.node, spec, Create::Scalar, &mut set).map_err(fail)?;
            }
        }
    }
    // Two objects that differed by namespace alone are now one and the same.
    let mut seen = std::collections::HashMap::new();
    for resource in &*resources {
        let id = resource.id();
        if let Some(first) = seen.insert(id.key(), resource.span()) {
            let _ = first;
            let message = format!("setting the namespace makes two objects of {id}");
            return Err(Fail::new(text.span, message));
        }
    }
    Ok(())
}

fn binding_subjects(
    node: &mut Node,
    subjects: Subjects,
    text: &Text,
    set: &mut fields::Setter<'_>,
) -> Result<(), String> {
    let chosen = |subject: &Node| match subjects {
        Subjects::Default => value::text_at(subject, &["name"]) == "default",
        Subjects::ServiceAccounts => value::text_at(subject, &["kind"]) == "ServiceAccount",
        Subjects::None => false,
    };
    let Some(list) = node.get("subjects").filter(|n| !n.is_null()) else {
        return Ok(());
    };
    let Some(items) = list.as_seq() else {
        return Err(format!(
            "subjects must be a list, not a {}",
            list.type_name()
        ));
    };
    if !items.iter().any(chosen) {
        return Ok(());
    }
    let items = node
        .as_map_mut()
        .and_then(|map| map.get_mut("subjects"))
        .and_then(Node::as_seq_mut)
        .into_iter()
        .flatten();
    for subject in items {
        if !chosen(subject) {
            continue;
        }
        let Some(map) = subject.as_map_mut() else {
            continue;
        };
        if !map.contains_key("namespace") {
            map.insert("namespace", text.span, Node::new(Value::Null, text.span));
        }
        if let Some(field) = map.get_mut("namespace") {
            set(field)?;
        }
    }
    Ok(())
}

/// Adds labels or annotations.
pub(super) fn pairs(
    resources: &mut [Resource],
    pairs: &[(Str, Text)],
    specs: &[FieldSpec],
) -> Result<(), Fail> {
    for resource in resources {
        for (key, text) in pairs {
            let mut set = |node: &mut Node| {
                let Some(map) = node.as_map_mut() else {
                    if node.is_null() {
                        return Ok(());
                    }
                    return Err(format!("expected a mapping, found a {}", node.type_name()));
                };
                map.insert(
                    key.clone(),
                    text.span,
                    value::string(text.value.clone(), text.span),
                );
                Ok(())
            };
            for spec in specs {
                if let Err(message) =
                    fields::apply(&mut resource.node, spec, Create::Mapping, &mut set)
                {
                    return Err(about(text.span, resource, &message));
                }
            }
        }
    }
    Ok(())
}

/// Sets replica counts.
pub(super) fn replicas(
    resources: &mut [Resource],
    replica: &Replica,
    specs: &[FieldSpec],
) -> Result<(), Fail> {
    let mut found = false;
    for spec in specs {
        for resource in &mut *resources {
            let named = |id: &ids::Id| *id.name == *replica.name && spec.gvk.selects(id);
            if !resource.all_ids().iter().any(named) {
                continue;
            }
            found = true;
            let mut set = |node: &mut Node| {
                if !value::is_scalar(node) {
                    return Err(format!("expected a number, found a {}", node.type_name()));
                }
                let count = Node::new(Value::Int(replica.count), replica.count_span);
                *node = value::in_style_of(node, count);
                Ok(())
            };
            fields::apply(&mut resource.node, spec, Create::Scalar, &mut set)
                .map_err(|message| about(replica.span, resource, &message))?;
        }
    }
    if found {
        return Ok(());
    }
    let message = format!("no resource with replicas is named {}", replica.name);
    Err(Fail::new(replica.span, message))
}

/// Rewrites image references.
pub(super) fn images(
    resources: &mut [Resource],
    image: &Image,
    specs: &[FieldSpec],
) -> Result<(), Fail> {
    let pattern = format!(
        "^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$",
        image.name
    );
    // Kustomize takes the name for a pattern too, and stops on one that is none.
    let pattern = Regex::new(&pattern)
        .map_err(|error| Fail::new(image.span, format!("image name {}: {error}", image.name)))?;
    let span = [
        &image.new_tag,
        &image.digest,
        &image.tag_suffix,
        &image.new_name,
    ]
    .into_iter()
    .flatten()
    .next()
    .map_or(image.span, |text| text.span);
    let mut set = |node: &mut Node| {
        if node.is_null() {
            return Ok(());
        }
        if !value::is_scalar(node) {
            return Err(format!(
                "expected an image reference, found a {}",
                node.type_name()
            ));
        }
        let old = value::text(node);
        if pattern.is_match(&old) {
            *node = value::string(renamed(&old, image), span);
        }
        Ok(())
    };
    for resource in resources {
        if &*resource.kind() == "CustomResourceDefinition" {
            continue;
        }
        let wanted = |node: &Node| pattern.is_match(&value::text(node));
        let anywhere = match has_container_image(&resource.node, &wanted) {
            Ok(true) => container_images(&mut resource.node, &mut set),
            Ok(false) => Ok(()),
            Err(message) => Err(message),
        };
        anywhere.map_err(|message| about(image.span, resource, &message))?;
        for spec in specs {
            fields::apply(&mut resource.node, spec, Create::No, &mut set)
                .map_err(|message| about(image.span, resource, &message))?;
        }
    }
    Ok(())
}

fn holds_containers(key: &str) -> bool {
    matches!(key, "containers" | "initContainers")
}

/// Whether an image below a `containers` list, anywhere in the object, is wanted.
fn has_container_image(node: &Node, wanted: &dyn Fn(&Node) -> bool) -> Result<bool, String> {
    match &node.value {
        Value::Map(map) => {
            for entry in map {
                if has_container_image(&entry.value, wanted)? {
                    return Ok(true);
                }
                if !holds_containers(&entry.key) {
                    continue;
                }
                for item in entry.value.as_seq().unwrap_or_default() {
                    if item.as_map().is_none() && !item.is_null() {
                        return Err(format!("a container is a {}", item.type_name()));
                    }
                    if item.get("image").is_some_and(wanted) {
                        return Ok(true);
                    }
                }
            }
            Ok(false)
        }
        Value::Seq(items) => {
            for item in items.iter() {
                if has_container_image(item, wanted)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

/// Sets the images below all `containers` lists.
fn container_images(node: &mut Node, set: &mut fields::Setter<'_>) -> Result<(), String> {
    match &mut node.value {
        Value::Map(map) => {
            for entry in map.entries_mut() {
                container_images(&mut entry.value, set)?;
                if !holds_containers(&entry.key) {
                    continue;
                }
                for item in entry.value.as_seq_mut().into_iter().flatten() {
                    if item.as_map().is_none() && !item.is_null() {
                        return Err(format!("a container is a {}", item.type_name()));
                    }
                    if let Some(image) = item.as_map_mut().and_then(|m| m.get_mut("image")) {
                        set(image)?;
                    }
                }
            }
            Ok(())
        }
        Value::Seq(_) => {
            for item in node.as_seq_mut().into_iter().flatten() {
                container_images(item, set)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// `[host[:port]/]path[:tag][@digest]` to its three parts.
fn split_image(image: &str) -> (&str, &str, &str) {
    let path = match image.find('/') {
        Some(at) if at > 0 => at,
        _ => 0,
    };
    let from = |c: char| {
        image
            .get(path..)
            .and_then(|t| t.find(c))
            .map(|at| at + path)
    };
    let (colon, at) = (from(':'), from('@'));
    let slice = |start: usize, end: usize| image.get(start..end).unwrap_or_default();
    match (colon, at) {
        (None, None) => (image, "", ""),
        (Some(colon), Some(at)) if colon < at => (
            slice(0, colon),
            slice(colon + 1, at),
            slice(at + 1, image.len()),
        ),
        (_, Some(at)) => (slice(0, at), "", slice(at + 1, image.len())),
        (Some(colon), None) => (slice(0, colon), slice(colon + 1, image.len()), ""),
    }
}

fn renamed(old: &str, image: &Image) -> String {
    let (name, tag, digest) = split_image(old);
    let mut result = image.new_name.as_deref().unwrap_or(name).to_owned();
    let (tag, digest) = match (&image.new_tag, &image.digest, &image.tag_suffix) {
        (Some(tag), Some(digest), _) => (tag.to_string(), digest.to_string()),
        (Some(tag), None, _) => (tag.to_string(), String::new()),
        (None, Some(digest), _) => (String::new(), digest.to_string()),
        (None, None, Some(suffix)) => (format!("{tag}{}", &**suffix), String::new()),
        (None, None, None) => (tag.to_owned(), digest.to_owned()),
    };
    if !tag.is_empty() {
        result.push(':');
        result.push_str(&tag);
    }
    if !digest.is_empty() {
        result.push('@');
        result.push_str(&digest);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_split_at_the_right_colon() {
        assert_eq!(split_image("nginx"), ("nginx", "", ""));
        assert_eq!(split_image("host:80/a/b:1.0"), ("host:80/a/b", "1.0", ""));
        assert_eq!(split_image("a@sha256:00"), ("a", "", "sha256:00"));
        assert_eq!(split_image("a:1@sha256:00"), ("a", "1", "sha256:00"));
    }
}
