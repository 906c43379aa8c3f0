//! The change made to a tree: what the new text has to mean.

use super::{Refusal, refuse};
use crate::{Entry, Map, Node, Value};
use seawall_model::fix::tokens;
use seawall_model::{Data, Operation, Span};

/// The tree with the change.
pub(super) fn changed(root: &Node, operation: &Operation) -> Result<Node, Refusal> {
    let mut root = root.clone();
    match operation {
        Operation::Set { pointer, value } => set(&mut root, &tokens(pointer), value)?,
        Operation::Append { pointer, value } => {
            if let Some(list) = root.pointer(pointer).and_then(Node::as_seq) {
                let mut items = list.to_vec();
                items.push(Node::from(value));
                let path = tokens(pointer);
                put(&mut root, &path, Node::seq(items, Span::NONE))?;
            } else if root.pointer(pointer).is_some_and(|node| !node.is_null()) {
                return refuse("there is something else where a list belongs");
            } else {
                let list = Data::List(vec![value.clone()]);
                set(&mut root, &tokens(pointer), &list)?;
            }
        }
        Operation::Remove { pointer } => {
            let pointer = lifted(&root, pointer);
            let path = tokens(&pointer);
            let Some((last, parents)) = path.split_last() else {
                return refuse("a whole document is not removed");
            };
            remove(&mut root, parents, last)?;
        }
        Operation::Respell { .. } | Operation::Deduplicate { .. } => {}
    }
    Ok(root)
}

/// The outermost thing that holds nothing but what is to be removed. Items of lists are not
/// removed with the last of what they hold: they count by their position; nor is the value of an
/// operation of a JSON patch (RFC 6902), which needs one.
pub(super) fn lifted(root: &Node, pointer: &str) -> String {
    let mut pointer = pointer.to_owned();
    while let Some((up, _)) = pointer.rsplit_once('/') {
        let alone = match root.pointer(up).map(|node| &node.value) {
            Some(Value::Map(map)) => map.len() == 1,
            Some(Value::Seq(items)) => items.len() == 1,
            _ => false,
        };
        let in_map = up
            .rsplit_once('/')
            .and_then(|(above, _)| root.pointer(above))
            .is_some_and(|above| above.as_map().is_some() && above.get("op").is_none());
        if !alone || !in_map {
            break;
        }
        pointer.truncate(up.len());
    }
    pointer
}

/// The tree of data; it stands nowhere.
impl From<&Data> for Node {
    fn from(data: &Data) -> Self {
        let value = match data {
            Data::Bool(truth) => Value::Bool(*truth),
            Data::Int(number) => Value::Int(*number),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => {
                return Node::seq(items.iter().map(Node::from).collect(), Span::NONE);
            }
            Data::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| Entry {
                    key: key.clone(),
                    key_span: Span::NONE,
                    value: Node::from(value),
                });
                return Node::map(Map::from_entries(entries.collect()), Span::NONE);
            }
        };
        Node::new(value, Span::NONE)
    }
}

/// Data under keys, from the outermost.
pub(super) fn nested(keys: &[String], value: &Data) -> Data {
    keys.iter()
        .rev()
        .fold(value.clone(), |value, key| Data::entry(key.as_str(), value))
}

fn set(node: &mut Node, path: &[String], value: &Data) -> Result<(), Refusal> {
    let Some((first, rest)) = path.split_first() else {
        *node = Node::from(value);
        return Ok(());
    };
    match &mut node.value {
        Value::Map(map) => {
            if let Some(inner) = map.get_mut(first) {
                return set(inner, rest, value);
            }
            let new = Node::from(&nested(rest, value));
            map.insert(first.as_str(), Span::NONE, new);
            Ok(())
        }
        Value::Null => {
            *node = Node::from(&nested(path, value));
            Ok(())
        }
        Value::Seq(_) => match item(node, first) {
            Some(inner) => set(inner, rest, value),
            None => refuse(format!("the list has no item {first}")),
        },
        _ => refuse(format!(
            "there is a {} where `{first}` belongs into a mapping",
            node.type_name()
        )),
    }
}

fn item<'n>(node: &'n mut Node, token: &str) -> Option<&'n mut Node> {
    node.as_seq_mut()?.get_mut(token.parse::<usize>().ok()?)
}

/// Puts a node where another one is.
fn put(node: &mut Node, path: &[String], new: Node) -> Result<(), Refusal> {
    let Some((first, rest)) = path.split_first() else {
        *node = new;
        return Ok(());
    };
    let inner = if node.as_map().is_some() {
        node.as_map_mut().and_then(|map| map.get_mut(first))
    } else {
        item(node, first)
    };
    match inner {
        Some(inner) => put(inner, rest, new),
        None => refuse(format!("there is no `{first}`")),
    }
}

fn remove(node: &mut Node, parents: &[String], last: &str) -> Result<(), Refusal> {
    if let Some((first, rest)) = parents.split_first() {
        let inner = if node.as_map().is_some() {
            node.as_map_mut().and_then(|map| map.get_mut(first))
        } else {
            item(node, first)
        };
        return inner.map_or(Ok(()), |inner| remove(inner, rest, last));
    }
    match &mut node.value {
        Value::Map(map) => {
            map.remove(last);
        }
        Value::Seq(_) => {
            if let Some(items) = node.as_seq_mut()
                && let Ok(index) = last.parse::<usize>()
                && index < items.len()
            {
                items.remove(index);
            }
        }
        _ => {}
    }
    Ok(())
}
