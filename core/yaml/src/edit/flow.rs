//! Changes to text in flow style, JSON included: braces, brackets and commas.

use super::page::{Page, written};
use super::write::Writer;
use super::{Refusal, Replacement, refuse};
use crate::Node;
use seawall_model::Data;

impl<'t> Page<'t> {
    /// Adds a key to a mapping in braces.
    pub(super) fn insert_flow(
        &self,
        map: &'t Node,
        key: &str,
        value: &Data,
    ) -> Result<Vec<Replacement>, Refusal> {
        let entries = written(map);
        let Some(last) = entries.last() else {
            return self.fill_flow(map, key, value);
        };
        let key_at = last.key_span.start as usize;
        let writer = self.writer(last);
        let indent = self.before(key_at);
        let colon = self.colon(last);
        let compact = (last.value.span.start as usize) == colon
            && last.value.span.end > last.value.span.start;
        let end = self.entry_end(last);
        let text = if !indent.is_empty() && indent.trim().is_empty() {
            let unit = self.unit(map, indent);
            let value = writer.pretty(value, indent, &unit, self.end)?;
            format!(",{}{indent}{}: {value}", self.end, writer.key(key))
        } else if compact {
            format!(",{}:{}", writer.key(key), writer.compact(value)?)
        } else {
            format!(", {}: {}", writer.key(key), writer.inline(value)?)
        };
        Ok(vec![Replacement::insert(end, text)])
    }

    /// The first key of an empty mapping in JSON or inside of other braces.
    fn fill_flow(
        &self,
        map: &'t Node,
        key: &str,
        value: &Data,
    ) -> Result<Vec<Replacement>, Refusal> {
        let (start, end) = (self.behind_properties(map), map.span.end as usize);
        let writer = Writer {
            style: self.style(),
            quoted: self.json,
        };
        let line = self.before(start);
        let indent: String = line
            .chars()
            .take_while(|c| matches!(c, ' ' | '\t'))
            .collect();
        let text = if self.json && self.is_spread() {
            let unit = if indent.contains('\t') { "\t" } else { "  " };
            let deeper = format!("{indent}{unit}");
            let value = writer.pretty(value, &deeper, unit, self.end)?;
            let (end, key) = (self.end, writer.key(key));
            format!("{{{end}{deeper}{key}: {value}{end}{indent}}}")
        } else {
            format!("{{{}: {}}}", writer.key(key), writer.inline(value)?)
        };
        Ok(vec![Replacement { start, end, text }])
    }

    /// Whether a JSON text has a line for each entry.
    fn is_spread(&self) -> bool {
        let entries = written(self.root);
        entries.first().is_some_and(|entry| {
            let before = self.before(entry.key_span.start as usize);
            !before.is_empty() && before.trim().is_empty()
        })
    }

    /// How much deeper than the brace's line the keys of a mapping stand.
    fn unit(&self, map: &Node, indent: &str) -> String {
        let open = self.before(self.behind_properties(map));
        let around = open.len() - open.trim_start_matches([' ', '\t']).len();
        let unit = indent.get(around..).unwrap_or_default();
        if unit.is_empty() {
            "  ".to_owned()
        } else {
            unit.to_owned()
        }
    }

    /// Adds an item to a list in brackets.
    pub(super) fn append_flow(
        &self,
        last: &'t Node,
        value: &Data,
    ) -> Result<Vec<Replacement>, Refusal> {
        let writer = Writer {
            style: self.style(),
            quoted: self.json || self.piece(last).starts_with('"'),
        };
        let at = last.span.end as usize;
        let indent = self.before(last.span.start as usize);
        let text = if !indent.is_empty() && indent.trim().is_empty() {
            let unit = if indent.contains('\t') { "\t" } else { "  " };
            let value = writer.pretty(value, indent, unit, self.end)?;
            format!(",{}{indent}{value}", self.end)
        } else {
            format!(", {}", writer.inline(value)?)
        };
        Ok(vec![Replacement::insert(at, text)])
    }
}

/// Takes one of several things between commas out. `spans` are their places in order.
pub(super) fn remove_flow(
    spans: &[(usize, usize)],
    which: usize,
) -> Result<Vec<Replacement>, Refusal> {
    let Some((start, end)) = spans.get(which).copied() else {
        return refuse("there is nothing to remove");
    };
    if let Some((_, before)) = which.checked_sub(1).and_then(|at| spans.get(at)) {
        return Ok(vec![Replacement::delete(*before, end)]);
    }
    if let Some((after, _)) = spans.get(which + 1) {
        return Ok(vec![Replacement::delete(start, *after)]);
    }
    Ok(vec![Replacement::delete(start, end)])
}
