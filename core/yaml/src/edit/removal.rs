//! Takes keys and items out of a text.

use super::flow::remove_flow;
use super::page::{Page, Way, written};
use super::{Refusal, Replacement, refuse};
use crate::{Node, Value};

impl<'t> Page<'t> {
    /// Removes the node that a way leads to.
    pub(super) fn remove(&self, way: &Way<'t>, last: &str) -> Result<Vec<Replacement>, Refusal> {
        if !way.rest.is_empty() {
            return refuse("it comes from a merge key (`<<`), which other places share");
        }
        let (Some(node), Some(parent)) = (way.last(), way.parent()) else {
            return refuse("there is nothing to remove");
        };
        match &parent.value {
            Value::Map(map) if map.len() == 1 => Ok(vec![self.emptied(parent, "{}")]),
            Value::Seq(items) if items.len() == 1 => Ok(vec![self.emptied(parent, "[]")]),
            Value::Map(_) if self.is_flow(parent) => {
                let spans: Vec<(usize, usize)> = written(parent)
                    .iter()
                    .map(|entry| (entry.key_span.start as usize, self.entry_end(entry)))
                    .collect();
                let key = way.entry().map(|entry| entry.key_span.start as usize);
                let which = spans.iter().position(|(start, _)| Some(*start) == key);
                remove_flow(&spans, which.unwrap_or(usize::MAX))
            }
            Value::Seq(items) if self.is_flow(parent) => {
                let place = |item: &Node| (item.span.start as usize, item.span.end as usize);
                let spans: Vec<(usize, usize)> = items.iter().map(place).collect();
                remove_flow(&spans, last.parse().unwrap_or(usize::MAX))
            }
            Value::Map(_) => self.remove_entry(way, parent),
            Value::Seq(_) => self.remove_item(parent, node),
            _ => refuse("there is nothing to remove"),
        }
    }

    /// A collection that has lost its only entry.
    fn emptied(&self, node: &Node, text: &str) -> Replacement {
        let start = self.behind_properties(node);
        let end = node.span.end as usize;
        let piece = self.text.get(start..end).unwrap_or_default();
        Replacement {
            start,
            end: start + piece.trim_end().len(),
            text: text.to_owned(),
        }
    }

    fn remove_entry(&self, way: &Way<'t>, map: &'t Node) -> Result<Vec<Replacement>, Refusal> {
        let Some(entry) = way.entry() else {
            return refuse("there is nothing to remove");
        };
        let start = entry.key_span.start as usize;
        let before = self.before(start);
        if before.chars().all(|c| c == ' ') {
            let end = self.with_comments(self.last_byte(entry), before.len() + 1);
            return Ok(vec![
                self.lines(self.with_heading(start, end, before, false), end),
            ]);
        }
        // The first key behind a dash: the next one takes its place.
        let entries = written(map);
        let next = entries
            .iter()
            .find(|other| other.key_span.start > entry.key_span.start);
        match next {
            Some(next) => {
                let to = next.key_span.start as usize;
                let between = self.text.get(self.entry_end(entry)..to).unwrap_or_default();
                if between.contains('#') {
                    return refuse("a comment stands between the key and the next one");
                }
                Ok(vec![Replacement::delete(start, to)])
            }
            None => refuse("the key stands on a line with others"),
        }
    }

    fn remove_item(&self, list: &'t Node, item: &'t Node) -> Result<Vec<Replacement>, Refusal> {
        let Some(column) = self.column(list) else {
            return refuse("the list has no indentation");
        };
        let start = item.span.start as usize;
        let before = self.before(start);
        let dash = before.trim_end();
        if dash.trim_start() != "-" || dash.chars().count() != column {
            return refuse("the item does not stand behind a dash of its own");
        }
        let text = self.text.get(..item.span.end as usize).unwrap_or_default();
        let last = text.trim_end_matches(['\n', '\r']).len();
        let end = self.with_comments(last.max(start), column);
        let indent = dash.strip_suffix('-').unwrap_or_default();
        Ok(vec![
            self.lines(self.with_heading(start, end, indent, true), end),
        ])
    }

    /// Where a piece starts with the comments above it, if they speak of nothing else: what
    /// stands below it at the same indentation may be of their group.
    fn with_heading(&self, start: usize, end: usize, indent: &str, is_item: bool) -> usize {
        let next = self.next_line(end);
        let below = self.text.get(next..self.line_end(next)).unwrap_or_default();
        let sibling = |c: char| !matches!(c, ' ' | '#' | '\r');
        let is_of_group = below
            .strip_prefix(indent)
            .is_some_and(|rest| rest.starts_with('-') == is_item && rest.starts_with(sibling));
        if is_of_group {
            start
        } else {
            self.under_comments(start, indent)
        }
    }

    /// Whole lines, with their line ends; at the end of a text the one before.
    fn lines(&self, start: usize, end: usize) -> Replacement {
        let start = self.line_start(start);
        let next = self.next_line(end);
        let has_end = self
            .text
            .get(..next)
            .is_some_and(|text| text.ends_with('\n'));
        if has_end || start == 0 {
            return Replacement::delete(start, next);
        }
        let before = self.text.get(..start).unwrap_or_default();
        let before = before.strip_suffix('\n').unwrap_or(before);
        let before = before.strip_suffix('\r').unwrap_or(before);
        Replacement::delete(before.len(), next)
    }
}
