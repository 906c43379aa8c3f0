//! What one chart may cost. Charts come from strangers.

use super::error::{Fail, Result};

/// Steps of all templates of a chart together: nodes run, operands evaluated, items made.
pub(crate) const MAX_STEPS: u64 = 20_000_000;

/// Bytes of text that all functions and actions together may make.
const MAX_BYTES: u64 = 1 << 30;

/// Longest list that a template may make.
const MAX_LIST: usize = 1_000_000;

/// Native stack of the rendering thread.
pub(crate) const STACK: usize = 512 << 20;

/// Of which templates may use this much; the rest is for what they call.
const MAX_STACK: usize = 384 << 20;

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
        self.step(count as u64)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<()> {
        match self.bytes.checked_sub(count as u64) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => Err(Fail::limit("rendering makes more than 1 GiB of text")),
        }
    }

    /// Fails before the native stack overflows.
    pub(crate) fn stack(&self) -> Result<()> {
        if self.stack.abs_diff(stack_pointer()) > MAX_STACK {
            return Err(Fail::limit("templates call each other without end"));
        }
        Ok(())
    }
}
