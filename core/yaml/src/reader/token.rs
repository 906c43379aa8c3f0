//! What the scanner hands to the grammar.

use crate::event::Mark;
use std::borrow::Cow;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    StreamEnd,
    VersionDirective,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    PlainScalar,
    /// Quoted, literal or folded.
    Scalar,
}

#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub at: Mark,
    /// Where it ends, in bytes from the start of the whole text.
    pub end: usize,
    /// A scalar's text, an alias' or anchor's name, a tag's suffix, a directive's prefix.
    pub text: Cow<'a, str>,
    /// The handle of a tag or tag directive.
    pub handle: &'a str,
}

/// A place where a key without `?` may have started.
#[derive(Debug, Clone, Copy)]
pub(super) struct SimpleKey {
    pub possible: bool,
    /// It must be a key, by its indentation.
    pub required: bool,
    /// Which token it is, counted from the start of the stream.
    pub token: usize,
    /// Where the line that it stands on starts; another start is another line.
    pub line_start: usize,
    pub at: Mark,
}
