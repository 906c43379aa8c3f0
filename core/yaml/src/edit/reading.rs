//! Mends what Kubernetes reads otherwise than it looks. What the text means does not change.

use super::page::Page;
use super::{Refusal, Replacement, refuse};
use crate::{Entry, Node, Value};

impl Page<'_> {
    /// Writes a truth as `true` or `false`.
    pub(super) fn respell(&self, at: usize) -> Result<Vec<Replacement>, Refusal> {
        match find(self.root, at).map(|node| (&node.value, node)) {
            Some((Value::Bool(truth), node)) => Ok(vec![Replacement {
                start: self.behind_properties(node),
                end: node.span.end as usize,
                text: truth.to_string(),
            }]),
            _ => refuse("no truth stands there"),
        }
    }

    /// Removes the entries of a block mapping that the entry at a byte replaces.
    pub(super) fn deduplicate(&self, at: usize) -> Result<Vec<Replacement>, Refusal> {
        let Some((map, entry)) = holder(self.root, at) else {
            return refuse("the key comes from a merge key (`<<`), or a third one replaces it");
        };
        if self.is_flow(map) {
            return refuse("the key stands twice between braces");
        }
        let Some(column) = self.column(map) else {
            return refuse("the mapping has no indentation");
        };
        let key = self
            .text
            .get(entry.key_span.start as usize..entry.key_span.end as usize)
            .unwrap_or_default();
        let from = self.line_start(map.span.start as usize);
        let to = self.line_start(at);
        let mut parts: Vec<Replacement> = Vec::new();
        let mut line = from;
        // The first line of an entry to remove, and what follows its last one.
        let mut open: Option<(usize, usize)> = None;
        while line < to {
            let text = self.text.get(line..self.line_end(line)).unwrap_or_default();
            let body = text.trim_start_matches(' ');
            let indent = text.len() - body.len();
            let content = !body.is_empty() && !body.starts_with('#');
            let is_key = indent + 1 == column && !body.starts_with("- ") && body != "-";
            if content && (indent + 1 < column || is_key) {
                if let Some((start, end)) = open.take() {
                    parts.push(Replacement::delete(start, end));
                }
                let rest = body.strip_prefix(key).map(str::trim_start);
                if is_key && rest.is_some_and(|rest| rest.starts_with(':')) {
                    open = Some((line, line));
                }
            }
            line = self.next_line(line);
            if content && let Some((_, end)) = &mut open {
                *end = line;
            }
        }
        if let Some((start, end)) = open {
            parts.push(Replacement::delete(start, end));
        }
        if parts.is_empty() {
            return refuse("the other entry is written in another way");
        }
        Ok(parts)
    }
}

/// The innermost node that begins at a byte.
fn find(node: &Node, at: usize) -> Option<&Node> {
    let covers = |node: &Node| (node.span.start as usize..=node.span.end as usize).contains(&at);
    let inner = match &node.value {
        Value::Map(map) => map
            .iter()
            .filter(|entry| covers(&entry.value))
            .find_map(|entry| find(&entry.value, at)),
        Value::Seq(items) => items
            .iter()
            .filter(|item| covers(item))
            .find_map(|item| find(item, at)),
        _ => None,
    };
    inner.or((node.span.start as usize == at).then_some(node))
}

/// The mapping with the entry whose key begins at a byte.
fn holder(node: &Node, at: usize) -> Option<(&Node, &Entry)> {
    match &node.value {
        Value::Map(map) => map.iter().find_map(|entry| {
            if entry.key_span.start as usize == at {
                return Some((node, entry));
            }
            holder(&entry.value, at)
        }),
        Value::Seq(items) => items.iter().find_map(|item| holder(item, at)),
        _ => None,
    }
}
