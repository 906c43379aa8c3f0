//! What one chart may cost. Charts come from strangers.
//!
//! There are two measures, and everything is paid for with them: *steps* are time, *bytes*
//! are memory. What a function reads costs steps in proportion to its size, what it makes costs
//! bytes. Bytes are not given back, though much of what a template makes is soon forgotten: to
//! know what is still held would take a count in every value, and real charts make a fraction
//! of what they may.

use super::error::{Fail, Result};
use super::value::convert::MAX_DEPTH;
use super::value::text::{Mark, Text};
use super::value::{Data, Value};

/// Steps of all templates of a chart together: nodes run, operands evaluated, items made.
pub(crate) const MAX_STEPS: u64 = 10_000_000;

/// Bytes of text, lists and maps that all functions and actions together may make.
const MAX_BYTES: u64 = 192 << 20;

/// What a value in a list or map takes, in bytes.
pub(crate) const VALUE: u64 = 64;

/// What a list or a map takes beside its values: maps have room for some more.
const LIST: u64 = 64;
const MAP: u64 = 768;

/// Bytes that are read in the time of a step.
const READ: u64 = 32;

/// What a function that walks through a value needs for a while: the value as another tree,
/// the text of it, and where the pieces of the text come from.
const WHILE_WALKING: u64 = 4;

/// Longest list that a template may make.
const MAX_LIST: usize = 1_000_000;

/// Native stack of the rendering thread.
pub(crate) const STACK: usize = 512 << 20;

/// Of which templates may use this much; the rest is for what they call. Stack that was used
/// stays in memory. Frames of builds that are not optimised are several times as large.
const MAX_STACK: usize = if cfg!(debug_assertions) {
    384 << 20
} else {
    64 << 20
};

/// Most times a template may include itself, directly or not: Helm's own limit.
pub(crate) const MAX_INCLUDES: u32 = 1000;

/// Bytes inside of actions in one template text, and in all template files of a chart: what
/// is read from them takes many times as much memory.
pub(crate) const MAX_ACTIONS: usize = 1 << 20;
pub(crate) const MAX_ALL_ACTIONS: usize = 8 << 20;

/// Longest file of a chart, Helm's own limit.
pub(crate) const MAX_FILE: u64 = 5 << 20;

/// Longest chart, unpacked: Helm's own limit.
pub(crate) const MAX_CHART: u64 = 100 << 20;

/// Most files in a chart.
pub(crate) const MAX_FILES: usize = 20_000;

/// Deepest nesting of charts in charts and of directories.
pub(crate) const MAX_CHART_DEPTH: u32 = 30;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: u64,
    bytes: u64,
    stack: usize,
}

/// Takes what a value weighs off what is left, as far as something is left.
fn weigh(value: &Value, depth: u32, left: &mut u64) {
    let own = match &value.data {
        Data::Text(text) => text.as_str().len() as u64,
        Data::Object(object) => object.length() as u64,
        _ => 0,
    };
    *left = left.saturating_sub(VALUE + own);
    if *left == 0 || depth > MAX_DEPTH {
        return;
    }
    match &value.data {
        Data::List(list) => list.each(|item| weigh(item, depth + 1, left)),
        Data::Map(map) => map.each(|item| weigh(item, depth + 1, left)),
        _ => {}
    }
}

/// The values in a value that nobody else has, and what it takes.
fn new(value: &Value) -> Option<(u64, u64)> {
    match &value.data {
        Data::Text(text) => {
            let marks = size_of_val::<[Mark]>(text.marks()) as u64;
            text.is_new()
                .then_some((0, text.as_str().len() as u64 + marks))
        }
        Data::List(list) => {
            let items = list.len() as u64;
            list.is_new()
                .then_some((items, LIST + items.saturating_mul(VALUE)))
        }
        Data::Map(map) => {
            let items = map.len() as u64;
            map.is_new()
                .then_some((items, MAP + items.saturating_mul(2 * VALUE)))
        }
        _ => None,
    }
}

fn stack_pointer() -> usize {
    let here = 0u8;
    std::ptr::from_ref(&here) as usize
}

impl Budget {
    /// A full one; to be made near the top of the rendering thread.
    pub(crate) fn new() -> Self {
        Self {
            steps: MAX_STEPS,
            bytes: MAX_BYTES,
            stack: stack_pointer(),
        }
    }

    pub(crate) fn step(&mut self, count: u64) -> Result<()> {
        match self.steps.checked_sub(count) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(Fail::limit(format!(
                "rendering takes more than {} million steps",
                MAX_STEPS / 1_000_000
            ))),
        }
    }

    /// A list of so many items is about to be made.
    pub(crate) fn items(&mut self, count: usize) -> Result<()> {
        if count > MAX_LIST {
            return Err(Fail::limit(format!(
                "a list has more than {MAX_LIST} items"
            )));
        }
        self.room((count as u64).saturating_mul(VALUE))?;
        self.step(count as u64)
    }

    /// So many values are about to be copied.
    pub(crate) fn values(&mut self, count: usize) -> Result<()> {
        self.step(count as u64)?;
        self.make((count as u64).saturating_mul(VALUE))
    }

    /// So many bytes are read, in whatever way.
    pub(crate) fn read(&mut self, count: u64) -> Result<()> {
        self.step(count / READ)
    }

    /// So many bytes are made.
    pub(crate) fn make(&mut self, count: u64) -> Result<()> {
        self.room(count)?;
        self.bytes -= count;
        Ok(())
    }

    /// So many bytes are made for a while.
    pub(crate) fn room(&self, count: u64) -> Result<()> {
        if count > self.bytes {
            return Err(Fail::limit(format!(
                "rendering makes more than {} MiB of text and lists",
                MAX_BYTES >> 20
            )));
        }
        Ok(())
    }

    /// A value is walked through, with all that is in it: copied, compared or written as text.
    /// Gives what it weighs.
    pub(crate) fn walk(&mut self, value: &Value) -> Result<u64> {
        let weight = self.weight(value);
        self.read(weight)?;
        self.room(weight.saturating_mul(WHILE_WALKING))?;
        Ok(weight)
    }

    /// What a value takes in memory with all that is in it, as far as that matters: a map that
    /// holds another one twice, sixty levels deep, is small, and walking through it would
    /// never end.
    pub(crate) fn weight(&self, value: &Value) -> u64 {
        let most = self.bytes.saturating_add(self.steps.saturating_mul(READ));
        let mut left = most;
        weigh(value, 0, &mut left);
        most - left
    }

    /// Adds a piece of a text to a list of them, and pays for it.
    pub(crate) fn piece(&mut self, pieces: &mut Vec<Text>, piece: Text) -> Result<()> {
        self.make(2 * VALUE + piece.as_str().len() as u64)?;
        pieces.push(piece);
        Ok(())
    }

    /// Pays for a new value, without what is in the values in it. What somebody else has, too, is
    /// not new.
    pub(crate) fn keep(&mut self, value: &Value) -> Result<()> {
        let Some((items, bytes)) = new(value) else {
            return Ok(());
        };
        self.step(items)?;
        self.make(bytes)
    }

    /// Fails before the native stack overflows.
    pub(crate) fn stack(&self) -> Result<()> {
        if self.stack.abs_diff(stack_pointer()) > MAX_STACK {
            return Err(Fail::limit("templates call each other without end"));
        }
        Ok(())
    }
}
