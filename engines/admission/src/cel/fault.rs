//! What goes wrong with an expression, and where in it.

use seawall_model::Str;
use std::fmt;

/// Why an expression could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// Byte offset into the expression.
    pub offset: u32,
}

impl CompileError {
    pub(crate) fn new(offset: u32, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset,
        }
    }
}

/// What kind of failure it is; the policy's verdict depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The expression has no value here: a missing key, a wrong type, an overflow.
    Error,
    /// The expression takes too many steps.
    Cost,
    /// The answer is known to the cluster only.
    Unanswerable,
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of failure.
    pub kind: FaultKind,
    /// What went wrong, without a full stop.
    pub message: String,
    /// Byte offset into the expression.
    pub offset: u32,
    /// The variable whose expression failed, when it is not the one that was asked for.
    pub variable: Option<Str>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A value or a failure. Boxed, because `||` makes failures in passing.
pub(crate) type Eval<T> = Result<T, Box<Fault>>;

/// A failure of a function; where it is gets filled in by the caller.
pub(crate) fn fault(message: impl Into<String>) -> Box<Fault> {
    Box::new(Fault {
        kind: FaultKind::Error,
        message: message.into(),
        offset: u32::MAX,
        variable: None,
    })
}

/// A question that files cannot answer.
pub(crate) fn unanswerable(message: impl Into<String>) -> Box<Fault> {
    Box::new(Fault {
        kind: FaultKind::Unanswerable,
        message: message.into(),
        offset: u32::MAX,
        variable: None,
    })
}

/// The byte offset of an expression as line and column from 1, columns in characters.
pub fn place(source: &str, offset: u32) -> (u32, u32) {
    let end = source.floor_char_boundary(offset as usize);
    let before = source.get(..end).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).unwrap_or_default().chars().count();
    let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    (number(line), number(column))
}
