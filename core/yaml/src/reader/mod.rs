//! The YAML reader: text to events, in one pass over the bytes.
//!
//! Crates for YAML read YAML 1.2, or a better 1.1 than Kubernetes' reader does. They accept
//! other texts and see other documents in them (indicators in plain scalars, tabs, document
//! ends, control characters), and a scanner that reads another world can be passed by. So
//! the reader is our own, and the differential test (`tests/tests/yaml_differential.rs`)
//! holds its behaviour to the original's, oddities included.
//!
//! There are no tokens. The reader stands at a [`Place`], remembers which collections are
//! [`Open`], and asks the innermost what may come next:
//!
//! * A collection of the block style goes on while rows start in its column, and ends with
//!   the first one that starts before (`block`).
//! * A collection in brackets goes on until its bracket (`flow`).
//! * Whether a scalar is a key shows when it was read: the `:` must follow on the same row,
//!   within 1,024 characters. Only then its mapping is announced, before it, so at most
//!   a few events wait.
//!
//! Block collections start only where nothing but indentation and indicators stands before
//! on the row; such a place is called *fresh*. Scalars are borrowed from the text wherever
//! they stand there as they are meant.

mod block;
mod document;
mod flow;
mod gap;
mod literal;
mod names;
mod place;
mod plain;
mod quoted;
mod wrong;

use crate::build::Events;
use crate::event::{Event, Fault, Mark, Properties};
use names::Found;
use place::Place;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

/// So many collections may be open, which is what Kubernetes' reader allows. The builder's
/// limit is usually much lower.
const MOST_OPEN: usize = 10_000;
/// A `:` further behind the start of a key does not make it one.
const LONGEST_KEY: u32 = 1024;

/// Reads one chunk of a stream.
pub(crate) struct Reader<'a> {
    place: Place<'a>,
    /// The first character after the text, which is not let in.
    refused: Option<Fault>,
    stage: Stage,
    /// The open collections, outermost first.
    open: Vec<Open>,
    /// How many of them are in brackets. These are the innermost ones.
    brackets: usize,
    /// How a collection in brackets is placed in the block around it.
    around: Around,
    /// Whether nothing but indentation and indicators stands before on this row.
    fresh: bool,
    /// Where the last visible thing ended, in bytes from the start of the whole text.
    last_end: usize,
    /// Where the root starts, if it is no block collection.
    head: Option<Start>,
    /// How far the text was read, in bytes, where the place has been set back since.
    seen: usize,
    /// What `%TAG` directives say.
    handles: HashMap<&'a str, Cow<'a, str>>,
    /// What is read and not yet taken.
    ready: VecDeque<Event<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Start,
    /// `explicit`: after `---`.
    Root {
        explicit: bool,
    },
    Content,
    End,
    After,
}

/// An open collection.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// `- ` in this column. A `hanging` one stands in the column of its mapping's keys.
    List { column: usize, hanging: bool },
    /// Keys in this column.
    Map { column: usize, due: Due },
    /// `[…]`
    Items { first: bool },
    /// `{…}`
    Pairs { first: bool, due: Due },
    /// `a: b` within `[…]`.
    Pair { due: Due },
}

/// What a mapping waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Due {
    Key,
    /// The key after a `?`.
    Asked,
    /// The `:` after such a key.
    Colon,
    Value,
    /// Nothing was said of a value.
    NoValue,
}

/// Where something starts, which may turn out to be a key.
#[derive(Debug, Clone, Copy)]
struct Start {
    mark: Mark,
    row: usize,
    fresh: bool,
}

/// Where the outermost bracket stands.
#[derive(Debug, Clone, Copy)]
struct Around {
    /// The least indentation of the block's content.
    floor: usize,
    start: Start,
    /// Whether nothing in the brackets could have been a key (so far), nor were there
    /// properties before: then Kubernetes' reader does not notice that they are one
    /// themselves.
    keyless: bool,
}

impl<'a> Reader<'a> {
    /// Reads `text`, which starts at `base` in the whole text. `refused` is the first
    /// character after it that is not let in.
    pub(crate) fn new(text: &'a str, base: Mark, refused: Option<Fault>) -> Self {
        let start = Start {
            mark: base,
            row: 0,
            fresh: true,
        };
        Self {
            place: Place::new(text, base),
            refused,
            stage: Stage::Start,
            open: Vec::new(),
            brackets: 0,
            around: Around {
                floor: 0,
                start,
                keyless: false,
            },
            fresh: true,
            last_end: base.offset,
            head: None,
            seen: base.offset,
            handles: HashMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// How far the text was read, in bytes from the start of the whole text.
    pub(crate) fn offset(&self) -> usize {
        self.place.offset().max(self.seen)
    }

    fn in_flow(&self) -> bool {
        self.brackets > 0
    }

    fn start(&self) -> Start {
        Start {
            mark: self.place.mark(),
            row: self.place.row,
            fresh: self.fresh,
        }
    }

    /// Over blanks, comments and ends of rows.
    fn skip(&mut self) -> Result<(), Fault> {
        loop {
            match self.place.byte() {
                b' ' => self.place.pos += 1,
                b'\t' => {
                    if self.fresh && !self.in_flow() {
                        return self.place.fault(wrong::TAB);
                    }
                    self.place.pos += 1;
                }
                b'#' => self.place.rest_of_row(),
                _ if self.place.row_end() > 0 => {
                    self.place.next_row();
                    self.fresh |= !self.in_flow();
                }
                _ => break,
            }
        }
        match &self.refused {
            Some(refused) if self.place.at_end() => Err(refused.clone()),
            _ => Ok(()),
        }
    }

    /// Over an indicator of one character.
    fn indicator(&mut self) {
        self.place.pos += 1;
        self.last_end = self.place.offset();
    }

    /// Whether the `:` of a key follows what started there and has just ended; goes to it.
    fn colon_follows(&mut self) -> bool {
        if !self.fresh {
            self.place.blanks();
        }
        self.place.byte() == b':' && (self.in_flow() || self.place.gap_ahead(1))
    }

    /// Whether what started there is near enough to the `:` here.
    fn is_near(&self, start: Start) -> bool {
        start.row == self.place.row && self.place.mark().column - start.mark.column <= LONGEST_KEY
    }

    fn push(&mut self, open: Open) -> Result<(), Fault> {
        if self.open.len() >= MOST_OPEN {
            return self.place.fault(wrong::TOO_DEEP);
        }
        self.open.push(open);
        Ok(())
    }

    /// Changes what the innermost collection waits for.
    fn expect(&mut self, next: Due) {
        if let Some(Open::Map { due, .. } | Open::Pairs { due, .. } | Open::Pair { due }) =
            self.open.last_mut()
        {
            *due = next;
        }
    }

    fn close(&mut self) {
        self.open.pop();
        self.ready.push_back(Event::End { end: self.last_end });
    }

    /// A value that nothing was written of.
    fn absent(&mut self, at: Mark) {
        self.ready.push_back(Event::Scalar {
            properties: Properties::default(),
            implicit: true,
            absent: true,
            text: Cow::Borrowed(""),
            at,
            end: at.offset,
        });
    }

    /// A value of which only the properties are written.
    fn bare(&mut self, found: Found<'a>) -> Result<(), Fault> {
        let end = found.end.unwrap_or(self.place.pos);
        self.scalar(found, Cow::Borrowed(""), end, true)
    }

    fn scalar(
        &mut self,
        found: Found<'a>,
        text: Cow<'a, str>,
        end: usize,
        plain: bool,
    ) -> Result<(), Fault> {
        let at = found.start.mark;
        let properties = found.used()?;
        self.ready.push_back(Event::Scalar {
            implicit: plain && properties.tag.is_empty() || properties.tag == "!",
            properties,
            absent: false,
            text,
            at,
            end: self.place.offset() - self.place.pos + end,
        });
        Ok(())
    }

    fn step(&mut self) -> Result<(), Fault> {
        match self.open.last().copied() {
            None => self.document(),
            Some(Open::List { column, hanging }) => self.list(column, hanging),
            Some(Open::Map { column, due }) => self.map(column, due),
            Some(Open::Items { first }) => self.items(first),
            Some(Open::Pairs { first, due }) => self.pairs(first, due),
            Some(Open::Pair { due }) => self.pair(due),
        }
    }
}

impl<'a> Events<'a> for Reader<'a> {
    fn next_event(&mut self) -> Result<Event<'a>, Fault> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.step().map_err(|fault| match &self.refused {
                // What is missing may be what was not let in.
                Some(refused) if self.place.at_end() => refused.clone(),
                _ => fault,
            })?;
        }
    }
}
