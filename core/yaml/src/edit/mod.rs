//! Changes a text so that it means something else and looks as it did.
//!
//! [`edit`] changes the value at a JSON pointer and touches nothing else: comments, order,
//! quotes, indentation, line ends and the other documents stay. What is new is written as the
//! text around it is: block or flow, lists indented or not, JSON with quotes and commas.
//!
//! **Guarantee:** the new text was read again, and its tree is the old one with the change
//! made to it; the other documents are as they were. Where that cannot be had (a value that
//! an alias shares, a layout that is not understood) the edit is refused and says why.
//!
//! `tree` makes the change to a tree, which says what is wanted; `page` finds lines and
//! columns; `survey` the style of a text; `block`, `flow` and `removal` change text; `write`
//! writes what is new; `reading` mends what reads otherwise than it looks.

mod block;
mod flow;
mod page;
mod reading;
mod removal;
mod survey;
mod tree;
mod write;

use crate::{Limits, Node, Stream, parse};
use page::Page;
use seawall_model::{FileId, Operation};
use std::fmt;

/// Why a text was not changed, in a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// The longest text that is changed, in bytes: it is read again after every change.
pub const LONGEST: usize = 8 << 20;

/// A part of a text that something else takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
}

impl Replacement {
    fn insert(at: usize, text: String) -> Self {
        Self {
            start: at,
            end: at,
            text,
        }
    }

    fn delete(start: usize, end: usize) -> Self {
        Self {
            start,
            end,
            text: String::new(),
        }
    }
}

/// A text with its documents, which takes changes one after another.
#[derive(Debug, Clone)]
pub struct Editor {
    text: String,
    stream: Stream,
}

impl Editor {
    /// Reads a text.
    pub fn new(text: String) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            return refuse(format!(
                "the file is larger than {} MiB, which is more than is edited in place",
                LONGEST >> 20
            ));
        }
        let stream = read(&text);
        Ok(Self { text, stream })
    }

    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The documents as they are now.
    pub fn documents(&self) -> impl Iterator<Item = &Node> {
        self.stream.documents.iter().map(|document| &document.root)
    }

    /// Makes one change to one document. Whether there was anything to change.
    pub fn apply(&mut self, document: usize, operation: &Operation) -> Result<bool, Refusal> {
        let Some(root) = self.stream.documents.get(document).map(|d| &d.root) else {
            return refuse("the document is not there any more");
        };
        let wanted = tree::changed(root, operation)?;
        if operation.pointer().is_some() && wanted == *root {
            return Ok(false);
        }
        let page = Page::new(&self.text, root);
        let replacements = page.change(operation)?;
        let text = replaced(&self.text, replacements)?;
        let stream = read(&text);
        self.check(&stream, document, &wanted)?;
        self.text = text;
        self.stream = stream;
        Ok(true)
    }

    /// Whether the new text says what it should.
    fn check(&self, new: &Stream, document: usize, wanted: &Node) -> Result<(), Refusal> {
        let old = &self.stream;
        let same_problems = old.problems.len() == new.problems.len()
            && old
                .problems
                .iter()
                .zip(&new.problems)
                .all(|(old, new)| old.message == new.message);
        if !same_problems || old.documents.len() != new.documents.len() {
            return refuse("the layout of the text here is not one that can be edited safely");
        }
        for (at, (old, new)) in old.documents.iter().zip(&new.documents).enumerate() {
            let want = if at == document { wanted } else { &old.root };
            if *want != new.root {
                return refuse(if self.text.contains('*') && self.text.contains('&') {
                    "an anchor shares this value with other places, which would change too"
                } else {
                    "the layout of the text here is not one that can be edited safely"
                });
            }
        }
        Ok(())
    }
}

/// Makes changes to one document of a text, counted from 0 without empty ones. The new text,
/// or why one of them cannot be made; changes that are there already change nothing.
pub fn edit(text: &str, document: usize, operations: &[Operation]) -> Result<String, Refusal> {
    let mut editor = Editor::new(text.to_owned())?;
    for operation in operations {
        editor.apply(document, operation)?;
    }
    Ok(editor.text)
}

/// Makes an operation's change to a tree.
pub fn changed(root: &Node, operation: &Operation) -> Result<Node, Refusal> {
    tree::changed(root, operation)
}

fn read(text: &str) -> Stream {
    let limits = Limits {
        max_bytes: 2 * LONGEST,
        ..Limits::default()
    };
    parse(text, FileId(1), &limits)
}

/// The text with its parts replaced.
fn replaced(text: &str, mut parts: Vec<Replacement>) -> Result<String, Refusal> {
    parts.sort_by_key(|part| (part.start, part.end));
    let mut new = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for part in parts {
        let Some(before) = text.get(at..part.start) else {
            return refuse("the places of the text do not fit together");
        };
        new.push_str(before);
        new.push_str(&part.text);
        at = part.end;
    }
    new.push_str(text.get(at..).unwrap_or_default());
    Ok(new)
}
