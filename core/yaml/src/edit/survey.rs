//! The style of a text: how deep it indents, and where its lists hang.

use super::page::{Page, inside};
use crate::{Node, Value};
use std::collections::BTreeMap;

/// The habits of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Columns from a key to the keys below it.
    pub(super) step: usize,
    /// Columns from a key to the dashes of its list.
    pub(super) dash: usize,
}

/// What a text does most often; without any example what most people do.
pub(super) fn survey(page: &Page<'_>) -> Style {
    let mut seen = Seen::default();
    seen.node(page, page.root);
    Style {
        step: most(&seen.steps).filter(|step| *step > 0).unwrap_or(2),
        dash: most(&seen.dashes).unwrap_or(2),
    }
}

#[derive(Default)]
struct Seen {
    steps: BTreeMap<usize, u32>,
    dashes: BTreeMap<usize, u32>,
}

impl Seen {
    fn node(&mut self, page: &Page<'_>, node: &Node) {
        match &node.value {
            Value::Map(map) => {
                for entry in map.iter().filter(|entry| inside(entry, node)) {
                    self.entry(page, entry.key_span.column as usize, &entry.value);
                    self.node(page, &entry.value);
                }
            }
            Value::Seq(items) => {
                for item in items.iter() {
                    self.node(page, item);
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, page: &Page<'_>, key: usize, value: &Node) {
        if page.is_flow(value) || page.is_alias(value) {
            return;
        }
        match &value.value {
            Value::Map(_) => {
                if let Some(column) = page.column(value) {
                    *self.steps.entry(column.saturating_sub(key)).or_insert(0) += 1;
                }
            }
            Value::Seq(_) => {
                if let Some(column) = page.column(value)
                    && let Some(offset) = column.checked_sub(key)
                {
                    *self.dashes.entry(offset).or_insert(0) += 1;
                }
            }
            _ => {}
        }
    }
}

/// The most frequent number, the smallest of several.
fn most(counts: &BTreeMap<usize, u32>) -> Option<usize> {
    counts
        .iter()
        .max_by_key(|(number, count)| (**count, std::cmp::Reverse(**number)))
        .map(|(number, _)| *number)
}
