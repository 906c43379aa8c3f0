//! An open mapping or list while its document is built.

use crate::build::{Built, fault};
use crate::event::{Fault, Mark};
use crate::{Entry, Node, Notice, NoticeKind, Value};
use seawall_model::{Span, Str};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Up to this many keys a scan is faster than a table.
const SCAN: usize = 16;
/// The index of what no later key can put right.
pub(crate) const FOR_GOOD: usize = usize::MAX;

pub(crate) struct Frame {
    pub kind: Kind,
    /// Where its entries or items start on the builder's stack.
    pub first: usize,
    pub at: Mark,
    pub end: usize,
    pub anchor: Option<String>,
    pub weight: u64,
    pub nodes: usize,
    pub height: usize,
    /// Why the entry or item at an index cannot become JSON.
    pub poisons: BTreeMap<usize, Fault>,
}

pub(crate) enum Kind {
    Sequence,
    Mapping(Mapping),
}

#[derive(Default)]
pub(crate) struct Mapping {
    pub pending: Pending,
    /// Keys to indices, once there are more than [`SCAN`].
    table: Option<HashMap<Str, usize>>,
    /// Which entries came through `<<`.
    merged: BTreeSet<usize>,
}

/// What a mapping has read of its next entry.
#[derive(Default)]
pub(crate) enum Pending {
    #[default]
    Nothing,
    Key {
        key: Str,
        key_span: Span,
        poison: Option<Box<Fault>>,
    },
    Merge {
        span: Span,
    },
}

/// The builder's stacks that an entry goes to.
pub(crate) struct Slots<'b> {
    pub entries: &'b mut Vec<Entry>,
    pub notices: &'b mut Vec<Notice>,
}

impl Frame {
    pub(crate) fn new(kind: Kind, first: usize, at: Mark, anchor: Option<String>) -> Self {
        Self {
            kind,
            first,
            at,
            end: at.offset,
            anchor,
            weight: 0,
            nodes: 0,
            height: 0,
            poisons: BTreeMap::new(),
        }
    }

    pub(crate) fn wants_key(&self) -> bool {
        matches!(&self.kind, Kind::Mapping(mapping) if matches!(mapping.pending, Pending::Nothing))
    }

    /// The key was `<<`: what follows is merged.
    pub(crate) fn expect_merge(&mut self, span: Span) {
        if let Kind::Mapping(mapping) = &mut self.kind {
            mapping.pending = Pending::Merge { span };
        }
    }

    /// Adds an entry; the last of two equal keys wins. `merge` is the place of the `<<` that
    /// brings it.
    pub(crate) fn insert(
        &mut self,
        slots: &mut Slots<'_>,
        entry: Entry,
        poison: Option<Fault>,
        merge: Option<Span>,
    ) {
        let Kind::Mapping(mapping) = &mut self.kind else {
            return;
        };
        let own = slots.entries.get_mut(self.first..).unwrap_or_default();
        let known = if own.len() <= SCAN {
            own.iter().position(|e| e.key == entry.key)
        } else {
            let table = mapping.table.get_or_insert_with(|| {
                let keys = own.iter().enumerate();
                keys.map(|(i, e)| (e.key.clone(), i)).collect()
            });
            table.get(&entry.key).copied()
        };
        let index = known.unwrap_or(own.len());
        if let Some(slot) = own.get_mut(index) {
            // A key over a merged one is what merging is for. A merge over a key that
            // stands before it is as bad as a duplicate: go-yaml lets the merge win.
            if !mapping.merged.contains(&index) {
                slots.notices.push(Notice {
                    kind: NoticeKind::DuplicateKey,
                    span: merge.unwrap_or(entry.key_span),
                    text: entry.key.to_string(),
                });
            }
            *slot = entry;
            self.poisons.remove(&index);
        } else {
            if let Some(table) = &mut mapping.table {
                table.insert(entry.key.clone(), index);
            }
            slots.entries.push(entry);
        }
        if merge.is_some() {
            mapping.merged.insert(index);
        } else if !mapping.merged.is_empty() {
            mapping.merged.remove(&index);
        }
        if let Some(poison) = poison {
            self.poisons.insert(index, poison);
        }
    }

    /// `<<: value`: a mapping, an alias of one, or a list of these, of which the first wins.
    pub(crate) fn merge(
        &mut self,
        slots: &mut Slots<'_>,
        built: &Built,
        span: Span,
    ) -> Result<(), Fault> {
        let at = crate::build::mark_of(span);
        if let Some(poison) = &built.poison {
            self.poisons.insert(FOR_GOOD, Fault::clone(poison));
        }
        let mut add = |source: &Node| -> Result<(), Fault> {
            let Value::Map(map) = &source.value else {
                return fault(at, "`<<` wants a mapping or a list of mappings");
            };
            for entry in map {
                self.insert(slots, entry.clone(), None, Some(span));
            }
            Ok(())
        };
        match &built.node.value {
            Value::Seq(items) if !built.aliased => items.iter().rev().try_for_each(add),
            _ => add(&built.node),
        }
    }
}
