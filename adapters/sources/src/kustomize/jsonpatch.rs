//! JSON Patch (RFC 6902), with the library's habits that Kustomize users see: `replace`
//! makes a missing key, negative indices count from the end.

use super::value::{self, text};
use seawall_model::{Span, Str};
use seawall_yaml::{Map, Node, Value};
use std::sync::Arc;

/// Most operations of one patch, and most items of a list that one inserts into: each
/// insertion moves what comes after it.
const MAX_OPERATIONS: usize = 10_000;

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    span: Span,
    op: String,
    path: Option<String>,
    from: Option<String>,
    value: Option<Node>,
    value_span: Span,
}

/// Reads a patch; an error when it is not a list of mappings.
pub(super) fn decode(node: &Node) -> Result<Vec<Operation>, String> {
    if node.is_null() {
        return Ok(Vec::new());
    }
    let items = node
        .as_seq()
        .ok_or_else(|| format!("a JSON patch is a list, not a {}", node.type_name()))?;
    if items.len() > MAX_OPERATIONS {
        return Err(format!(
            "a JSON patch with more than {MAX_OPERATIONS} operations"
        ));
    }
    items
        .iter()
        .map(|item| {
            if item.is_null() {
                return Ok(Operation {
                    span: item.span,
                    op: String::new(),
                    path: None,
                    from: None,
                    value: None,
                    value_span: item.span,
                });
            }
            let map = item
                .as_map()
                .ok_or_else(|| format!("an operation is a mapping, not a {}", item.type_name()))?;
            let word = |key: &str| map.get(key).and_then(Node::as_str).map(str::to_owned);
            Ok(Operation {
                span: item.span,
                op: word("op").unwrap_or_default(),
                path: word("path"),
                from: word("from"),
                value: map.get("value").cloned(),
                value_span: map.get("value").map_or(item.span, |n| n.span),
            })
        })
        .collect()
}

/// Applies a patch. An error leaves the target as it was and tells the operation's place.
pub(super) fn apply(target: &Node, patch: &[Operation]) -> Result<Node, (Span, String)> {
    let mut node = target.clone();
    for operation in patch {
        operation
            .apply(&mut node)
            .map_err(|message| (operation.span, message))?;
        if node.as_map().is_none() {
            return Err((
                operation.span,
                "the patch makes the object something else".to_owned(),
            ));
        }
    }
    write_nulls(&mut node);
    Ok(node)
}

/// After a round trip through JSON a null is written out.
fn write_nulls(node: &mut Node) {
    if !has_unwritten(node) {
        return;
    }
    match &mut node.value {
        Value::Null => node.span = Span::NONE,
        Value::Map(map) => map
            .entries_mut()
            .iter_mut()
            .for_each(|e| write_nulls(&mut e.value)),
        Value::Seq(_) => node
            .as_seq_mut()
            .into_iter()
            .flatten()
            .for_each(write_nulls),
        _ => {}
    }
}

fn has_unwritten(node: &Node) -> bool {
    match &node.value {
        Value::Null => value::is_unwritten(node),
        Value::Map(map) => map.iter().any(|e| has_unwritten(&e.value)),
        Value::Seq(items) => items.iter().any(has_unwritten),
        _ => false,
    }
}

impl Operation {
    /// Where it stands.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    fn path(&self) -> Result<&str, String> {
        self.path
            .as_deref()
            .ok_or_else(|| format!("the {} operation has no path", self.op))
    }

    fn from(&self) -> Result<&str, String> {
        self.from
            .as_deref()
            .ok_or_else(|| format!("the {} operation has no from", self.op))
    }

    fn value(&self) -> Node {
        self.value
            .clone()
            .unwrap_or_else(|| Node::new(Value::Null, self.span))
    }

    fn apply(&self, root: &mut Node) -> Result<(), String> {
        match self.op.as_str() {
            "add" => self.add(root, self.path()?, self.value()),
            "remove" => self.remove(root, self.path()?),
            "replace" => self.replace(root),
            "move" => {
                let value = self.get(root, self.from()?)?;
                self.remove(root, self.from()?)?;
                self.add(root, self.path()?, value)
            }
            "copy" => {
                let value = self.get(root, self.from()?)?;
                self.add(root, self.path()?, value)?;
                if value::is_too_large(root) {
                    return Err("the patch makes the object too large".to_owned());
                }
                Ok(())
            }
            "test" => self.test(root),
            "" => Err("an operation of the patch has no op".to_owned()),
            other => Err(format!("unknown operation {other}")),
        }
    }

    /// The container that the path's last part is in, and that part.
    fn find<'n>(&self, root: &'n mut Node, path: &str) -> Result<(&'n mut Node, String), String> {
        let missing = || format!("{} does not apply: there is no {path}", self.op);
        let mut parts: Vec<String> = path
            .split('/')
            .map(|p| p.replace("~1", "/").replace("~0", "~"))
            .collect();
        if parts.len() < 2 {
            return Err(missing());
        }
        let last = parts.pop().unwrap_or_default();
        let mut node = root;
        for part in parts.iter().skip(1) {
            node = match &mut node.value {
                Value::Map(map) => map.get_mut(part).ok_or_else(missing)?,
                Value::Seq(items) => {
                    let at = index(part, items.len()).ok_or_else(missing)?;
                    Arc::make_mut(items).get_mut(at).ok_or_else(missing)?
                }
                _ => return Err(missing()),
            };
        }
        if value::is_scalar(node) {
            return Err(missing());
        }
        Ok((node, last))
    }

    fn get(&self, root: &mut Node, path: &str) -> Result<Node, String> {
        let (container, key) = self.find(root, path)?;
        let bad = || format!("{} does not apply: there is no {path}", self.op);
        match &container.value {
            // A missing key is null to the library.
            Value::Map(map) => Ok(map.get(&key).cloned().unwrap_or_else(Node::null)),
            Value::Seq(items) => index(&key, items.len())
                .and_then(|at| items.get(at))
                .cloned()
                .ok_or_else(bad),
            _ => Err(bad()),
        }
    }

    fn add(&self, root: &mut Node, path: &str, value: Node) -> Result<(), String> {
        let (container, key) = self.find(root, path)?;
        if let Value::Map(map) = &mut container.value {
            set(map, &key, value, self.value_span);
            return Ok(());
        }
        let Some(items) = container.as_seq_mut() else {
            return Ok(());
        };
        let at = if key == "-" {
            items.len()
        } else {
            index(&key, items.len() + 1)
                .ok_or_else(|| format!("{key} is not an index of the list {path}"))?
        };
        if items.len() >= MAX_OPERATIONS {
            return Err(format!("the list {path} has too many items"));
        }
        items.insert(at.min(items.len()), value);
        Ok(())
    }

    fn remove(&self, root: &mut Node, path: &str) -> Result<(), String> {
        let (container, key) = self.find(root, path)?;
        let missing = || format!("remove does not apply: there is no {path}");
        if let Value::Map(map) = &mut container.value {
            return map.remove(&key).map(|_| ()).ok_or_else(missing);
        }
        let items = container.as_seq_mut().ok_or_else(missing)?;
        let at = index(&key, items.len()).ok_or_else(missing)?;
        items.remove(at);
        Ok(())
    }

    fn replace(&self, root: &mut Node) -> Result<(), String> {
        let path = self.path()?;
        if path.is_empty() {
            *root = self.value();
            return Ok(());
        }
        let (container, key) = self.find(root, path)?;
        if let Value::Map(map) = &mut container.value {
            set(map, &key, self.value(), self.value_span);
            return Ok(());
        }
        let missing = || format!("replace does not apply: there is no {path}");
        let items = container.as_seq_mut().ok_or_else(missing)?;
        let at = index(&key, items.len()).ok_or_else(missing)?;
        if let Some(slot) = items.get_mut(at) {
            *slot = self.value();
        }
        Ok(())
    }

    fn test(&self, root: &mut Node) -> Result<(), String> {
        let path = self.path()?;
        let found = if path.is_empty() {
            root.clone()
        } else {
            self.get(root, path)?
        };
        if equal(&found, &self.value()) {
            return Ok(());
        }
        Err(format!("the test of {path} failed"))
    }
}

fn set(map: &mut Map, key: &str, value: Node, span: Span) {
    let span = map.entry(key).map_or(span, |e| e.key_span);
    map.insert(Str::from(key), span, value);
}

/// Equal as JSON text, so that `1` and `1.0`, both printed `1`, are.
fn equal(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Seq(x), Value::Seq(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Map(x), Value::Map(y)) => {
            x.len() == y.len()
                && x.iter()
                    .all(|e| y.get(&e.key).is_some_and(|other| equal(&e.value, other)))
        }
        (
            Value::Int(_) | Value::UInt(_) | Value::Float(_),
            Value::Int(_) | Value::UInt(_) | Value::Float(_),
        ) => text(a) == text(b),
        _ => a == b,
    }
}

/// A list index; negative ones count from the end.
fn index(key: &str, length: usize) -> Option<usize> {
    let number: i64 = key.strip_prefix('+').unwrap_or(key).parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let at = if number < 0 { number + length } else { number };
    (0..length)
        .contains(&at)
        .then_some(at)
        .and_then(|at| usize::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use seawall_model::FileId;

    fn parse(text: &str) -> Node {
        let stream = seawall_yaml::parse(text, FileId(1), &seawall_yaml::Limits::default());
        stream.documents.into_iter().next().unwrap().root
    }

    fn patched(target: &str, patch: &str) -> Result<Node, String> {
        let patch = decode(&parse(patch)).unwrap();
        apply(&parse(target), &patch).map_err(|(_, message)| message)
    }

    #[test]
    fn operations() {
        for (target, patch, want) in [
            ("a: 1", "[{op: add, path: /b, value: 2}]", "{a: 1, b: 2}"),
            (
                "a: [1, 2]",
                "[{op: add, path: /a/-, value: 3}]",
                "a: [1, 2, 3]",
            ),
            (
                "a: [1, 2]",
                "[{op: add, path: /a/0, value: 3}]",
                "a: [3, 1, 2]",
            ),
            (
                "a: [1, 2]",
                "[{op: add, path: /a/-1, value: 3}]",
                "a: [1, 2, 3]",
            ),
            ("a: {x/y: 1}", "[{op: remove, path: /a/x~1y}]", "a: {}"),
            (
                "a: 1",
                "[{op: replace, path: /b, value: 2}]",
                "{a: 1, b: 2}",
            ),
            (
                "a: {b: 1}",
                "[{op: move, from: /a/b, path: /c}]",
                "{a: {}, c: 1}",
            ),
            (
                "a: {b: 1}",
                "[{op: copy, from: /a, path: /c}]",
                "{a: {b: 1}, c: {b: 1}}",
            ),
            ("a: 1", "[{op: test, path: /a, value: 1}]", "a: 1"),
        ] {
            assert_eq!(patched(target, patch), Ok(parse(want)), "{target} {patch}");
        }
    }

    #[test]
    fn what_does_not_apply_is_an_error() {
        for (target, patch) in [
            ("a: 1", "[{op: remove, path: /b}]"),
            ("a: 1", "[{op: add, path: /b/c, value: 1}]"),
            ("a: [1]", "[{op: add, path: /a/5, value: 1}]"),
            ("a: [1]", "[{op: remove, path: /a/-}]"),
            ("a: 1", "[{op: test, path: /a, value: 2}]"),
            ("a: 1", "[{op: increase, path: /a}]"),
            ("a: 1", "[{op: add, value: 1}]"),
        ] {
            assert!(patched(target, patch).is_err(), "{target} {patch}");
        }
    }
}
