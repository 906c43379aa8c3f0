//! Walking to the fields that a field specification names.

use super::ids::split_api_version;
use super::specs::FieldSpec;
use super::value::text_at;
use seawall_model::Span;
use seawall_yaml::{Map, Node, Value};
use std::sync::Arc;

/// What to make where a field is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    /// Nothing.
    No,
    /// A scalar; the setter gets an empty one.
    Scalar,
    /// A mapping.
    Mapping,
}

/// What a setter does with the field it is given.
pub(super) type Setter<'s> = dyn FnMut(&mut Node) -> Result<(), String> + 's;

/// `a/b\/c/d` to `a`, `b/c`, `d`.
pub(super) fn split(path: &str, delimiter: char) -> Vec<String> {
    let mut parts: Vec<&str> = path.split(delimiter).collect();
    if let [first, _, ..] = parts.as_slice()
        && first.is_empty()
    {
        parts.remove(0);
    }
    let mut result: Vec<String> = Vec::new();
    for part in parts {
        match result.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => result.push(part.to_owned()),
        }
    }
    result
}

/// Whether a specification is about this object.
pub(super) fn applies(spec: &FieldSpec, node: &Node) -> bool {
    let gvk = &spec.gvk;
    if !gvk.kind.is_empty() && gvk.kind != text_at(node, &["kind"]) {
        return false;
    }
    if gvk.group.is_empty() && gvk.version.is_empty() {
        return true;
    }
    let api_version = text_at(node, &["apiVersion"]);
    let (group, version) = split_api_version(&api_version);
    (gvk.group.is_empty() || gvk.group == group)
        && (gvk.version.is_empty() || gvk.version == version)
}

/// Applies a setter to each field of an object that a specification names.
pub(super) fn apply(
    node: &mut Node,
    spec: &FieldSpec,
    create: Create,
    set: &mut Setter<'_>,
) -> Result<(), String> {
    if !applies(spec, node) {
        return Ok(());
    }
    let create = if spec.create { create } else { Create::No };
    let path = split(&spec.path, '/');
    // Most paths lead nowhere in most objects: look before copying anything.
    if create == Create::No && !leads_somewhere(node, &path) {
        return Ok(());
    }
    walk(node, &path, create, set).map_err(|message| format!("field {}: {message}", spec.path))
}

/// Applies a setter to each field at a path, whatever the object is; nothing is created.
pub(super) fn at_path(node: &mut Node, path: &str, set: &mut Setter<'_>) -> Result<(), String> {
    let parts = split(path, '/');
    if !leads_somewhere(node, &parts) {
        return Ok(());
    }
    walk(node, &parts, Create::No, set).map_err(|message| format!("field {path}: {message}"))
}

fn leads_somewhere(node: &Node, path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return true;
    };
    match &node.value {
        Value::Null => false,
        Value::Seq(items) => items.iter().any(|item| leads_somewhere(item, path)),
        Value::Map(map) => {
            let (name, is_list) = match name.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (name.as_str(), false),
            };
            // A null where a list is expected becomes an empty one.
            map.get(name)
                .is_some_and(|field| (is_list && field.is_null()) || leads_somewhere(field, rest))
        }
        _ => true, // an error, to be told by the walk
    }
}

fn walk(
    node: &mut Node,
    path: &[String],
    create: Create,
    set: &mut Setter<'_>,
) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else {
        return set(node);
    };
    match &mut node.value {
        Value::Null => Ok(()),
        Value::Seq(items) => {
            if create == Create::No && !items.iter().any(|item| leads_somewhere(item, path)) {
                return Ok(());
            }
            for item in Arc::make_mut(items) {
                walk(item, path, create, set)?;
            }
            Ok(())
        }
        Value::Map(map) => {
            let (name, is_list) = match name.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (name.as_str(), false),
            };
            if name.is_empty() {
                return Err("a part of the path is empty".to_owned());
            }
            let made = || match (rest.is_empty(), create) {
                (true, Create::Scalar) => Value::Null,
                _ => Value::Map(Map::default()),
            };
            let creates = create != Create::No && !is_list;
            if !map.contains_key(name) {
                if !creates {
                    return Ok(());
                }
                map.insert(name, Span::NONE, Node::new(made(), Span::NONE));
            }
            let Some(field) = map.get_mut(name) else {
                return Ok(());
            };
            if field.is_null() && creates {
                field.value = made();
            } else if field.is_null() && is_list {
                field.value = Value::Seq(Arc::default());
            }
            // A scalar that was just made is null until it is set.
            if rest.is_empty() {
                set(field)
            } else {
                walk(field, rest, create, set)
            }
        }
        _ => Err(format!(
            "expected a list or mapping, found a {}",
            node.type_name()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kustomize::ids::Gvk;
    use crate::kustomize::value;
    use seawall_model::FileId;

    fn parse(text: &str) -> Node {
        let stream = seawall_yaml::parse(text, FileId(1), &seawall_yaml::Limits::default());
        stream.documents.into_iter().next().unwrap().root
    }

    fn spec(path: &'static str, create: bool) -> FieldSpec {
        FieldSpec {
            gvk: Gvk::default(),
            path: path.into(),
            create,
        }
    }

    #[test]
    fn lists_on_the_way_are_walked_through() {
        let mut node = parse("a:\n- b: {c: 1}\n- b: {c: 2}\n- d: 3\n");
        let mut set = |n: &mut Node| {
            *n = value::string("x", Span::NONE);
            Ok(())
        };
        apply(&mut node, &spec("a/b/c", false), Create::No, &mut set).unwrap();
        assert_eq!(node, parse("a:\n- b: {c: x}\n- b: {c: x}\n- d: 3\n"));
        apply(&mut node, &spec("e/f", true), Create::Scalar, &mut set).unwrap();
        assert_eq!(node.at(&["e", "f"]).and_then(Node::as_str), Some("x"));
    }

    #[test]
    fn escaped_slashes_stay_in_the_key() {
        assert_eq!(
            split("metadata/annotations/a.b\\/c", '/'),
            ["metadata", "annotations", "a.b/c"]
        );
        assert_eq!(split("/a/b", '/'), ["a", "b"]);
    }
}
