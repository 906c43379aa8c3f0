//! Changes to text in block style: lines and indentation.

use super::page::{Page, Way, written};
use super::write::{self, Writer};
use super::{Refusal, Replacement, refuse};
use crate::{Entry, Node, Value};
use seawall_model::Data;

/// Keys that stand before others of their mapping where people write them; the rest goes to
/// the end.
const BEFORE: [(&str, &[&str]); 6] = [
    (
        "automountServiceAccountToken",
        &["securityContext", "initContainers", "containers", "volumes"],
    ),
    ("securityContext", &["initContainers", "containers"]),
    ("hostUsers", &["initContainers", "containers"]),
    ("namespace", &["labels", "annotations"]),
    ("labels", &["annotations"]),
    (
        "imagePullPolicy",
        &["command", "args", "ports", "env", "envFrom", "resources"],
    ),
];

impl<'t> Page<'t> {
    /// Adds a key to a mapping in block style.
    pub(super) fn insert_block(
        &self,
        map: &'t Node,
        key: &str,
        value: &Data,
    ) -> Result<Vec<Replacement>, Refusal> {
        let entries = written(map);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return refuse("everything in this mapping comes from a merge key (`<<`)");
        };
        let Some(column) = self.column(map) else {
            return refuse("the mapping has no indentation");
        };
        let writer = self.writer(first);
        let mut lines = Vec::new();
        writer.entry(key, value, column - 1, &mut lines)?;
        if let Some(at) = self.before_which(key, &entries) {
            let text = lines.join(self.end) + self.end;
            return Ok(vec![Replacement::insert(at, text)]);
        }
        let last = entries
            .iter()
            .max_by_key(|entry| self.entry_end(entry))
            .unwrap_or(last);
        let at = self.with_comments(self.last_byte(last), column);
        Ok(vec![Replacement::insert(at, self.on_new_lines(&lines))])
    }

    /// Lines that go behind another line.
    fn on_new_lines(&self, lines: &[String]) -> String {
        format!("{}{}", self.end, lines.join(self.end))
    }

    /// The last byte of an entry that is not a line end.
    pub(super) fn last_byte(&self, entry: &Entry) -> usize {
        let end = self.entry_end(entry);
        let text = self.text.get(..end).unwrap_or_default();
        text.trim_end_matches(['\n', '\r']).len()
    }

    /// Where a key belongs before another one: at the beginning of that one's line, above the
    /// comments on it.
    fn before_which(&self, key: &str, entries: &[&Entry]) -> Option<usize> {
        let (_, keys) = BEFORE.iter().find(|(known, _)| *known == key)?;
        let entry = entries.iter().find(|entry| keys.contains(&&*entry.key))?;
        let at = entry.key_span.start as usize;
        let indent = self.before(at);
        if !indent.chars().all(|c| c == ' ') {
            return None;
        }
        Some(self.under_comments(at, indent))
    }

    /// How new text is written beside an entry.
    pub(super) fn writer(&self, sibling: &Entry) -> Writer {
        let key = self
            .text
            .get(sibling.key_span.start as usize..sibling.key_span.end as usize);
        Writer {
            style: self.style(),
            quoted: self.json || key.is_some_and(|key| key.starts_with('"')),
        }
    }

    fn plain_writer(&self) -> Writer {
        Writer {
            style: self.style(),
            quoted: self.json,
        }
    }

    /// Puts data where a node stands.
    pub(super) fn replace(
        &self,
        way: &Way<'t>,
        node: &'t Node,
        value: &Data,
    ) -> Result<Vec<Replacement>, Refusal> {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let writer = self.plain_writer();
        let in_flow = way
            .nodes
            .iter()
            .any(|other| !std::ptr::eq(*other, node) && self.is_flow(other));
        let is_block = matches!(node.value, Value::Map(_) | Value::Seq(_)) && !self.is_flow(node);
        let is_block = is_block && !self.is_alias(node);
        if in_flow || write::is_inline(value) && !is_block {
            let start = if self.is_alias(node) {
                start
            } else {
                self.behind_properties(node).min(end.max(start))
            };
            let old = self.text.get(start..end).unwrap_or_default();
            let mut text = if self.json || in_flow {
                writer.inline(value)?
            } else {
                writer.like(value, old)?
            };
            let glued = start == end && self.before(start).ends_with([':', '-', ',']);
            if glued {
                text.insert(0, ' ');
            }
            return Ok(vec![Replacement { start, end, text }]);
        }
        let Some(entry) = way.entry() else {
            return refuse("an item of a list is not replaced by a block of its own");
        };
        if self.json {
            return refuse("a block inside of JSON");
        }
        self.replace_block(entry, value, is_block)
    }

    /// Puts lines below a key, in place of what stands behind or below it.
    fn replace_block(
        &self,
        entry: &'t Entry,
        value: &Data,
        is_block: bool,
    ) -> Result<Vec<Replacement>, Refusal> {
        let node = &entry.value;
        let key_at = entry.key_span.start as usize;
        let column = self.before(key_at).chars().count();
        let writer = self.writer(entry);
        let colon = self.colon(entry);
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let mut parts = Vec::new();
        if is_block {
            // From the end of the key's line to the end of the block's.
            let from = self.line_end(colon);
            let last = self.text.get(..end).unwrap_or_default();
            let to = self.line_end(last.trim_end_matches(['\n', '\r']).len());
            if from >= to {
                return refuse("the block begins on the line of its key");
            }
            parts.push(Replacement::delete(from, to));
            if write::is_inline(value) {
                parts.push(Replacement::insert(
                    colon,
                    format!(" {}", writer.inline(value)?),
                ));
                return Ok(parts);
            }
        } else if end > start {
            let blanks = self.text.get(colon..start).unwrap_or_default();
            if !blanks.trim().is_empty() {
                return refuse("the value has an anchor or a tag");
            }
            parts.push(Replacement::delete(colon, end));
        }
        let mut lines = Vec::new();
        writer.below_key(value, column, &mut lines)?;
        let at = self.line_end(end.max(colon));
        let at = if is_block { self.line_end(colon) } else { at };
        parts.push(Replacement::insert(at, self.on_new_lines(&lines)));
        Ok(merge(parts))
    }

    /// Adds an item to a list.
    pub(super) fn append(
        &self,
        way: &Way<'t>,
        list: &'t Node,
        value: &Data,
    ) -> Result<Vec<Replacement>, Refusal> {
        let items = list.as_seq().unwrap_or_default();
        if self.is_alias(list) {
            return refuse(format!(
                "the list is shared through the alias `{}`",
                self.piece(list)
            ));
        }
        let Some(last) = items.last() else {
            return self.replace(way, list, &Data::List(vec![value.clone()]));
        };
        if self.is_flow(list) {
            return self.append_flow(last, value);
        }
        let Some(column) = self.column(list) else {
            return refuse("the list has no indentation");
        };
        let end = self
            .text
            .get(..last.span.end as usize)
            .unwrap_or_default()
            .trim_end_matches(['\n', '\r'])
            .len();
        let writer = Writer {
            style: self.style(),
            quoted: self.piece(last).starts_with('"'),
        };
        let mut lines = Vec::new();
        writer.item(value, column - 1, &mut lines)?;
        let at = self.with_comments(end, column);
        Ok(vec![Replacement::insert(at, self.on_new_lines(&lines))])
    }
}

/// A deletion and an insertion at its edge are one replacement.
fn merge(parts: Vec<Replacement>) -> Vec<Replacement> {
    let mut merged: Vec<Replacement> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(last) if last.end == part.start && part.start == part.end => {
                last.text.push_str(&part.text);
            }
            Some(last) if last.start == part.start && part.start == part.end => {
                last.text.push_str(&part.text);
            }
            _ => merged.push(part),
        }
    }
    merged
}
