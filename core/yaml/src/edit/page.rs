//! A text with the tree of one of its documents: lines, columns, and what kind of text a node
//! stands in.

use super::survey::{Style, survey};
use super::tree::lifted;
use super::{Refusal, Replacement, refuse};
use crate::{Entry, Node, Value};
use seawall_model::fix::tokens;
use seawall_model::{Data, Operation};

/// A text and the document that is to be changed.
pub(super) struct Page<'t> {
    pub(super) text: &'t str,
    pub(super) root: &'t Node,
    /// How lines end.
    pub(super) end: &'static str,
    /// Whether it is JSON.
    pub(super) json: bool,
}

/// The nodes from the root to a place, as far as they are there, and the rest of the way.
pub(super) struct Way<'t> {
    pub(super) nodes: Vec<&'t Node>,
    /// For each node but the root the entry that it is the value of, if it is one.
    pub(super) entries: Vec<Option<&'t Entry>>,
    pub(super) rest: Vec<String>,
}

impl<'t> Way<'t> {
    /// The last node that is there.
    pub(super) fn last(&self) -> Option<&'t Node> {
        self.nodes.last().copied()
    }

    /// What holds the last node.
    pub(super) fn parent(&self) -> Option<&'t Node> {
        self.nodes.iter().rev().nth(1).copied()
    }

    /// The entry of the last node.
    pub(super) fn entry(&self) -> Option<&'t Entry> {
        self.entries.last().copied().flatten()
    }
}

/// Whether an entry is written in the mapping that has it, and did not come by a merge.
pub(super) fn inside(entry: &Entry, map: &Node) -> bool {
    entry.key_span.start >= map.span.start && entry.key_span.end <= map.span.end
}

impl<'t> Page<'t> {
    pub(super) fn new(text: &'t str, root: &'t Node) -> Self {
        let crlf = text
            .find('\n')
            .is_some_and(|at| text.as_bytes().get(at.wrapping_sub(1)) == Some(&b'\r'));
        Self {
            text,
            root,
            end: if crlf { "\r\n" } else { "\n" },
            json: text
                .trim_start_matches('\u{feff}')
                .trim_start()
                .strip_prefix('{')
                .is_some_and(|rest| rest.trim_start().starts_with(['"', '}'])),
        }
    }

    /// What to replace by what.
    pub(super) fn change(&self, operation: &Operation) -> Result<Vec<Replacement>, Refusal> {
        match operation {
            Operation::Set { pointer, value } => self.set(pointer, value),
            Operation::Append { pointer, value } => {
                let way = self.way(pointer)?;
                let list = way.last().filter(|node| node.as_seq().is_some());
                match list {
                    Some(list) if way.rest.is_empty() => self.append(&way, list, value),
                    _ => self.set(pointer, &Data::List(vec![value.clone()])),
                }
            }
            Operation::Remove { pointer } => {
                let pointer = lifted(self.root, pointer);
                let way = self.way(&pointer)?;
                self.remove(&way, pointer.rsplit('/').next().unwrap_or_default())
            }
            Operation::Respell { at } => self.respell(*at as usize),
            Operation::Deduplicate { at } => self.deduplicate(*at as usize),
        }
    }

    fn set(&self, pointer: &str, value: &Data) -> Result<Vec<Replacement>, Refusal> {
        let way = self.way(pointer)?;
        let Some(node) = way.last() else {
            return refuse("there is nothing to change");
        };
        let flow = way.nodes.iter().any(|node| self.is_flow(node));
        let Some((key, deeper)) = way.rest.split_first() else {
            return self.replace(&way, node, value);
        };
        let value = super::tree::nested(deeper, value);
        match &node.value {
            Value::Map(map)
                if map.is_empty() && (!flow || self.is_only_flow(&way)) && !self.json =>
            {
                self.replace(&way, node, &Data::entry(key.as_str(), value))
            }
            Value::Map(_) if self.is_flow(node) => self.insert_flow(node, key, &value),
            Value::Map(_) if flow => refuse("block text inside of flow text"),
            Value::Map(_) => self.insert_block(node, key, &value),
            Value::Null => self.replace(&way, node, &Data::entry(key.as_str(), value)),
            _ => refuse(format!("`{key}` has no mapping to stand in")),
        }
    }

    /// Whether the last node is in flow style and nothing around it.
    pub(super) fn is_only_flow(&self, way: &Way<'_>) -> bool {
        let around = way.nodes.len().saturating_sub(1);
        !way.nodes.iter().take(around).any(|node| self.is_flow(node))
    }

    /// Follows a pointer as far as there is something written on the way.
    pub(super) fn way(&self, pointer: &str) -> Result<Way<'t>, Refusal> {
        let mut way = Way {
            nodes: vec![self.root],
            entries: vec![None],
            rest: Vec::new(),
        };
        let path = tokens(pointer);
        let mut node = self.root;
        for (at, token) in path.iter().enumerate() {
            if self.is_alias(node) {
                return refuse(format!(
                    "the value is shared through the alias `{}`",
                    self.piece(node)
                ));
            }
            let entry = node.as_map().and_then(|map| map.entry(token));
            let next = node
                .child(token)
                .filter(|_| entry.is_none_or(|entry| inside(entry, node)));
            let Some(next) = next else {
                way.rest = path.get(at..).unwrap_or_default().to_vec();
                if entry.is_some() && way.rest.len() > 1 {
                    return refuse(format!("`{token}` comes from a merge key (`<<`)"));
                }
                return Ok(way);
            };
            node = next;
            way.nodes.push(node);
            way.entries.push(entry);
        }
        Ok(way)
    }

    /// The text of a node.
    pub(super) fn piece(&self, node: &Node) -> &'t str {
        self.text
            .get(node.span.start as usize..node.span.end as usize)
            .unwrap_or_default()
    }

    pub(super) fn is_alias(&self, node: &Node) -> bool {
        self.piece(node).starts_with('*')
    }

    /// Where a node begins behind its anchor and tag.
    pub(super) fn behind_properties(&self, node: &Node) -> usize {
        let mut at = node.span.start as usize;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            if !rest.starts_with(['&', '!']) {
                return at;
            }
            let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let after = rest.get(word..).unwrap_or_default();
            at += word + after.len() - after.trim_start().len();
        }
    }

    /// Whether it is a mapping or list in braces or brackets.
    pub(super) fn is_flow(&self, node: &Node) -> bool {
        let opens = |node: &Node, open: char| {
            let at = self.behind_properties(node);
            self.text
                .get(at..)
                .is_some_and(|rest| rest.starts_with(open))
        };
        match &node.value {
            Value::Map(_) => opens(node, '{'),
            Value::Seq(_) => opens(node, '['),
            _ => false,
        }
    }

    /// The column (from 1) of the keys or dashes of a block.
    pub(super) fn column(&self, node: &Node) -> Option<usize> {
        let at = match &node.value {
            Value::Map(map) => {
                let first = map.iter().find(|entry| inside(entry, node))?;
                first.key_span.start as usize
            }
            Value::Seq(_) => {
                let at = self.behind_properties(node);
                self.text.get(at..)?.starts_with('-').then_some(at)?
            }
            _ => return None,
        };
        let line = self.text.get(self.line_start(at)..at)?;
        Some(line.trim_start_matches('\u{feff}').chars().count() + 1)
    }

    /// Where the line of a byte begins.
    pub(super) fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Where the line of a byte ends, before its line end.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        at + line.trim_end_matches('\r').len()
    }

    /// Where the next line begins, or the end of the text.
    pub(super) fn next_line(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.find('\n')
            .map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// What stands before a byte on its line.
    pub(super) fn before(&self, at: usize) -> &'t str {
        self.text
            .get(self.line_start(at)..at)
            .unwrap_or_default()
            .trim_start_matches('\u{feff}')
    }

    /// The habits of the text.
    pub(super) fn style(&self) -> Style {
        survey(self)
    }

    /// Where the text of an entry ends: that of its value, or of the key and its colon.
    pub(super) fn entry_end(&self, entry: &Entry) -> usize {
        self.colon(entry).max(entry.value.span.end as usize)
    }

    /// Where the colon of an entry ends.
    pub(super) fn colon(&self, entry: &Entry) -> usize {
        let end = entry.key_span.end as usize;
        let rest = self.text.get(end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if rest.get(blanks..).is_some_and(|rest| rest.starts_with(':')) {
            end + blanks + 1
        } else {
            end
        }
    }

    /// The end of the comment lines below a byte's line that belong to what ends there: they
    /// are indented deeper than this column.
    pub(super) fn with_comments(&self, at: usize, column: usize) -> usize {
        let mut end = self.line_end(at);
        loop {
            let next = self.next_line(end);
            let line = self.text.get(next..self.line_end(next)).unwrap_or_default();
            let blanks = line.len() - line.trim_start_matches(' ').len();
            if next >= self.text.len() || !line.trim_start().starts_with('#') || blanks < column {
                return end;
            }
            end = self.line_end(next);
        }
    }

    /// The beginning of a byte's line, or of the comments directly above it that stand at the
    /// same indentation.
    pub(super) fn under_comments(&self, at: usize, indent: &str) -> usize {
        let mut start = self.line_start(at);
        while start > 0 {
            let above = self.line_start(start - 1);
            let line = self.text.get(above..start).unwrap_or_default();
            let rest = line.strip_prefix(indent);
            if !rest.is_some_and(|rest| rest.starts_with('#')) {
                break;
            }
            start = above;
        }
        start
    }
}

/// The entries of a mapping that are written in it, in the order of the text.
pub(super) fn written(map: &Node) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = map
        .as_map()
        .into_iter()
        .flatten()
        .filter(|entry| inside(entry, map))
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}
