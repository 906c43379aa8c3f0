//! From parsed documents to resources.

use super::Fail;
use super::parse::Parsed;
use super::resource::Resource;
use super::value::{self, text_at};
use seawall_model::Span;
use seawall_yaml::{Node, Value};
use std::collections::VecDeque;

/// The objects of a file, and what is wrong with the rest of it. Lists are taken apart.
pub(super) fn resources(parsed: &Parsed) -> (Vec<Resource>, Vec<Fail>) {
    let mut fails = parsed.problems.clone();
    let mut queue: VecDeque<Node> = VecDeque::new();
    for node in &parsed.resources {
        let kind = text_at(node, &["kind"]);
        let list = matches!(&*kind, "List" | "ResourceList") && node.get("items").is_some();
        if list && parsed.resources.len() == 1 {
            let items = node.get("items").and_then(Node::as_seq).unwrap_or_default();
            queue.extend(items.iter().cloned());
        } else {
            queue.push_back(node.clone());
        }
    }
    queue.retain(|node| keep(node, &mut fails));
    let mut result = Vec::new();
    while let Some(node) = queue.pop_front() {
        let items = node
            .get("items")
            .filter(|_| text_at(&node, &["kind"]).ends_with("List"));
        match items.map(|items| &items.value) {
            None => result.push(Resource::new(node)),
            Some(Value::Seq(items)) => {
                for item in items.iter() {
                    if keep(item, &mut fails) {
                        queue.push_back(item.clone());
                    }
                }
            }
            Some(Value::Null) => {}
            Some(_) => {
                let span = items.map_or(node.span, |n| n.span);
                fails.push(Fail::new(span, "items must be a list".to_owned()));
            }
        }
    }
    (result, fails)
}

/// Whether a document is an object at all; empty ones are passed over in silence.
fn keep(node: &Node, fails: &mut Vec<Fail>) -> bool {
    if value::is_empty(node) {
        return false;
    }
    match check(node) {
        Ok(()) => true,
        Err((span, message)) => {
            fails.push(Fail::new(span, message));
            false
        }
    }
}

fn check(node: &Node) -> Result<(), (Span, String)> {
    if node.as_map().is_none() {
        let message = format!(
            "a Kubernetes object is a mapping, not a {}",
            node.type_name()
        );
        return Err((node.span, message));
    }
    let kind = text_at(node, &["kind"]);
    if kind.is_empty() {
        return Err((node.span, "the object has no kind".to_owned()));
    }
    if !kind.ends_with("List") && text_at(node, &["metadata", "name"]).is_empty() {
        let span = node.get("metadata").map_or(node.span, |n| n.span);
        return Err((span, format!("the {kind} has no metadata.name")));
    }
    Ok(())
}
