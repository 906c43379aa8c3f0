//! What the parser hands to the builder, one step at a time.

use std::borrow::Cow;

/// A place in the whole text. Lines and columns count from 0 here, as the scanner counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// Bytes from the start of the whole text.
    pub offset: usize,
    /// Line breaks before.
    pub line: u32,
    /// Characters before on the same line.
    pub column: u32,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub at: Mark,
    pub message: String,
}

/// The properties of a node: `&anchor !tag`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Properties<'a> {
    pub anchor: Option<&'a str>,
    /// The whole tag with its handle resolved; empty for none.
    pub tag: Cow<'a, str>,
}

/// One step of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event<'a> {
    StreamEnd,
    DocumentStart {
        at: Mark,
    },
    DocumentEnd,
    Alias {
        name: &'a str,
        at: Mark,
        end: usize,
    },
    Scalar {
        properties: Properties<'a>,
        /// Whether the text decides the type: plain, or tagged `!`.
        implicit: bool,
        /// Whether nothing was written at all.
        absent: bool,
        text: Cow<'a, str>,
        at: Mark,
        end: usize,
    },
    SequenceStart {
        properties: Properties<'a>,
        at: Mark,
    },
    MappingStart {
        properties: Properties<'a>,
        at: Mark,
    },
    /// The end of a sequence or mapping; `end` is where its last visible character ends.
    End {
        end: usize,
    },
}
