//! Tokens to events: the state machine of libyaml, by way of go-yaml.

use super::scanner::Scanner;
use super::token::{Kind, Token};
use crate::build::{Events, fault};
use crate::event::{Event, Fault, Mark, Properties};
use std::borrow::Cow;

/// What the grammar expects next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    ImplicitDocumentStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirstEntry,
    BlockSequenceEntry,
    IndentlessSequenceEntry,
    BlockMappingFirstKey,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirstEntry,
    FlowSequenceEntry,
    FlowSequenceEntryMappingKey,
    FlowSequenceEntryMappingValue,
    FlowSequenceEntryMappingEnd,
    FlowMappingFirstKey,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingEmptyValue,
    End,
}

/// Reads one chunk of a stream.
pub(crate) struct Reader<'a> {
    pub(super) scanner: Scanner<'a>,
    pub(super) state: State,
    pub(super) states: Vec<State>,
    /// Handles and what they stand for, in this document.
    tag_directives: Vec<(&'a str, Cow<'a, str>)>,
}

pub(super) type Step<'a> = Result<Event<'a>, Fault>;

impl<'a> Events<'a> for Reader<'a> {
    fn next_event(&mut self) -> Step<'a> {
        match self.state {
            State::ImplicitDocumentStart => self.document_start(true),
            State::DocumentStart => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequenceFirstEntry => {
                self.scanner.peek()?;
                self.scanner.take();
                self.block_sequence_entry()
            }
            State::BlockSequenceEntry => self.block_sequence_entry(),
            State::IndentlessSequenceEntry => self.indentless_sequence_entry(),
            State::BlockMappingFirstKey => {
                self.scanner.peek()?;
                self.scanner.take();
                self.block_mapping_key()
            }
            State::BlockMappingKey => self.block_mapping_key(),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceFirstEntry => {
                self.scanner.peek()?;
                self.scanner.take();
                self.flow_sequence_entry(true)
            }
            State::FlowSequenceEntry => self.flow_sequence_entry(false),
            State::FlowSequenceEntryMappingKey => self.flow_sequence_entry_mapping_key(),
            State::FlowSequenceEntryMappingValue => self.flow_sequence_entry_mapping_value(),
            State::FlowSequenceEntryMappingEnd => {
                let (_, at, _) = self.scanner.peek()?;
                self.state = State::FlowSequenceEntry;
                Ok(Event::End { end: at.offset })
            }
            State::FlowMappingFirstKey => {
                self.scanner.peek()?;
                self.scanner.take();
                self.flow_mapping_key(true)
            }
            State::FlowMappingKey => self.flow_mapping_key(false),
            State::FlowMappingValue => self.flow_mapping_value(),
            State::FlowMappingEmptyValue => {
                let (_, at, _) = self.scanner.peek()?;
                self.absent(State::FlowMappingKey, at)
            }
            State::End => Ok(Event::StreamEnd),
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads `text`, which starts at `base` in the whole text. `refused` is the first
    /// character after it that go-yaml does not let in.
    pub(crate) fn new(text: &'a str, base: Mark, refused: Option<Fault>) -> Self {
        Self {
            scanner: Scanner::new(text, base, refused),
            state: State::ImplicitDocumentStart,
            states: Vec::with_capacity(16),
            tag_directives: Vec::new(),
        }
    }

    /// How far the text was read, in bytes from the start of the whole text.
    pub(crate) fn offset(&self) -> usize {
        self.scanner.cursor.offset()
    }

    pub(super) fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// A value that is not there is null.
    #[allow(clippy::unnecessary_wraps)] // it is the last step of many that can fail
    pub(super) fn absent(&mut self, next: State, at: Mark) -> Step<'a> {
        self.state = next;
        Ok(Event::Scalar {
            properties: Properties::default(),
            implicit: true,
            absent: true,
            text: Cow::Borrowed(""),
            at,
            end: at.offset,
        })
    }

    fn document_start(&mut self, implicit: bool) -> Step<'a> {
        let (mut kind, mut at, _) = self.scanner.peek()?;
        while !implicit && kind == Kind::DocumentEnd {
            self.scanner.take();
            (kind, at, _) = self.scanner.peek()?;
        }
        if kind == Kind::StreamEnd {
            self.state = State::End;
            return Ok(Event::StreamEnd);
        }
        let explicit = matches!(
            kind,
            Kind::VersionDirective | Kind::TagDirective | Kind::DocumentStart
        );
        self.directives()?;
        if implicit && !explicit {
            self.state = State::BlockNode;
        } else {
            let (kind, at, _) = self.scanner.peek()?;
            if kind != Kind::DocumentStart {
                return fault(at, "did not find expected <document start>");
            }
            self.scanner.take();
            self.state = State::DocumentContent;
        }
        self.states.push(State::DocumentEnd);
        Ok(Event::DocumentStart { at })
    }

    fn directives(&mut self) -> Result<(), Fault> {
        let mut version = false;
        loop {
            let (kind, at, _) = self.scanner.peek()?;
            match kind {
                Kind::VersionDirective => {
                    if version {
                        return fault(at, "found duplicate %YAML directive");
                    }
                    version = true;
                    let one_one = self.scanner.take().is_some_and(|token| {
                        let (major, minor) = token.text.split_once('.').unwrap_or_default();
                        [major, minor].iter().all(|n| n.parse() == Ok(1))
                    });
                    if !one_one {
                        return fault(
                            at,
                            "found incompatible YAML document: Kubernetes reads YAML 1.1",
                        );
                    }
                }
                Kind::TagDirective => {
                    if let Some(token) = self.scanner.take() {
                        if self
                            .tag_directives
                            .iter()
                            .any(|(handle, _)| *handle == token.handle)
                        {
                            return fault(at, "found duplicate %TAG directive");
                        }
                        self.tag_directives.push((token.handle, token.text));
                    }
                }
                _ => break,
            }
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self
                .tag_directives
                .iter()
                .any(|(known, _)| *known == handle)
            {
                self.tag_directives.push((handle, Cow::Borrowed(prefix)));
            }
        }
        Ok(())
    }

    fn document_content(&mut self) -> Step<'a> {
        let (kind, at, _) = self.scanner.peek()?;
        if matches!(
            kind,
            Kind::VersionDirective
                | Kind::TagDirective
                | Kind::DocumentStart
                | Kind::DocumentEnd
                | Kind::StreamEnd
        ) {
            self.pop();
            return self.absent(self.state, at);
        }
        self.node(true, false)
    }

    fn document_end(&mut self) -> Step<'a> {
        let (kind, ..) = self.scanner.peek()?;
        if kind == Kind::DocumentEnd {
            self.scanner.take();
        }
        self.tag_directives.clear();
        self.state = State::DocumentStart;
        Ok(Event::DocumentEnd)
    }

    /// A node with its properties.
    pub(super) fn node(&mut self, block: bool, indentless: bool) -> Step<'a> {
        let (mut kind, at, mut end) = self.scanner.peek()?;
        if kind == Kind::Alias {
            self.pop();
            let name = self.scanner.take().map_or("", borrowed);
            return Ok(Event::Alias { name, at, end });
        }
        let mut properties = Properties::default();
        let mut tag: Option<Token<'a>> = None;
        let mut property_end = end;
        // An anchor and a tag, in any order, each once.
        for _ in 0..2 {
            match kind {
                Kind::Anchor if properties.anchor.is_none() => {
                    properties.anchor = self.scanner.take().map(borrowed);
                }
                Kind::Tag if tag.is_none() => tag = self.scanner.take(),
                _ => break,
            }
            property_end = end;
            (kind, _, end) = self.scanner.peek()?;
        }
        if let Some(tag) = tag {
            properties.tag = self.resolve_tag(tag)?;
        }
        let bare = properties.anchor.is_none() && properties.tag.is_empty();
        match kind {
            Kind::BlockEntry if indentless => {
                self.state = State::IndentlessSequenceEntry;
                Ok(Event::SequenceStart { properties, at })
            }
            Kind::PlainScalar | Kind::Scalar => {
                self.pop();
                let implicit = (properties.tag.is_empty() && kind == Kind::PlainScalar)
                    || properties.tag == "!";
                let text = self
                    .scanner
                    .take()
                    .map(|token| token.text)
                    .unwrap_or_default();
                Ok(Event::Scalar {
                    properties,
                    implicit,
                    absent: false,
                    text,
                    at,
                    end,
                })
            }
            Kind::FlowSequenceStart => {
                self.state = State::FlowSequenceFirstEntry;
                Ok(Event::SequenceStart { properties, at })
            }
            Kind::FlowMappingStart => {
                self.state = State::FlowMappingFirstKey;
                Ok(Event::MappingStart { properties, at })
            }
            Kind::BlockSequenceStart if block => {
                self.state = State::BlockSequenceFirstEntry;
                Ok(Event::SequenceStart { properties, at })
            }
            Kind::BlockMappingStart if block => {
                self.state = State::BlockMappingFirstKey;
                Ok(Event::MappingStart { properties, at })
            }
            _ if !bare => {
                self.pop();
                let implicit = properties.tag.is_empty();
                Ok(Event::Scalar {
                    properties,
                    implicit,
                    absent: false,
                    text: Cow::Borrowed(""),
                    at,
                    end: property_end,
                })
            }
            _ => {
                let (_, at, _) = self.scanner.peek()?;
                fault(at, "did not find expected node content")
            }
        }
    }

    fn resolve_tag(&self, tag: Token<'a>) -> Result<Cow<'a, str>, Fault> {
        if tag.handle.is_empty() {
            return Ok(tag.text);
        }
        let prefix = self
            .tag_directives
            .iter()
            .find(|(handle, _)| *handle == tag.handle);
        match prefix {
            Some((_, prefix)) => Ok(Cow::Owned(format!("{prefix}{}", tag.text))),
            None => fault(
                tag.at,
                format!("found undefined tag handle `{}`", tag.handle),
            ),
        }
    }

    fn block_sequence_entry(&mut self) -> Step<'a> {
        let (kind, at, end) = self.scanner.peek()?;
        match kind {
            Kind::BlockEntry => {
                self.scanner.take();
                let (kind, ..) = self.scanner.peek()?;
                if matches!(kind, Kind::BlockEntry | Kind::BlockEnd) {
                    return self.absent(State::BlockSequenceEntry, after(at, end));
                }
                self.states.push(State::BlockSequenceEntry);
                self.node(true, false)
            }
            Kind::BlockEnd => Ok(self.end_block()),
            _ => fault(at, "did not find expected '-' indicator"),
        }
    }

    fn end_block(&mut self) -> Event<'a> {
        self.pop();
        self.scanner.take();
        // Where its last child ends; the token stands at what follows.
        Event::End { end: 0 }
    }

    fn indentless_sequence_entry(&mut self) -> Step<'a> {
        let (kind, at, end) = self.scanner.peek()?;
        if kind != Kind::BlockEntry {
            self.pop();
            return Ok(Event::End { end: 0 });
        }
        self.scanner.take();
        let (kind, ..) = self.scanner.peek()?;
        if matches!(
            kind,
            Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd
        ) {
            return self.absent(State::IndentlessSequenceEntry, after(at, end));
        }
        self.states.push(State::IndentlessSequenceEntry);
        self.node(true, false)
    }

    fn block_mapping_key(&mut self) -> Step<'a> {
        let (kind, at, end) = self.scanner.peek()?;
        match kind {
            Kind::Key => {
                self.scanner.take();
                let (kind, ..) = self.scanner.peek()?;
                if matches!(kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
                    return self.absent(State::BlockMappingValue, after(at, end));
                }
                self.states.push(State::BlockMappingValue);
                self.node(true, true)
            }
            Kind::BlockEnd => Ok(self.end_block()),
            _ => fault(at, "did not find expected key"),
        }
    }

    fn block_mapping_value(&mut self) -> Step<'a> {
        let (kind, at, end) = self.scanner.peek()?;
        if kind != Kind::Value {
            return self.absent(State::BlockMappingKey, at);
        }
        self.scanner.take();
        let (kind, ..) = self.scanner.peek()?;
        if matches!(kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
            return self.absent(State::BlockMappingKey, after(at, end));
        }
        self.states.push(State::BlockMappingKey);
        self.node(true, true)
    }
}

/// The place where a one-character token on one line ends.
pub(super) fn after(at: Mark, end: usize) -> Mark {
    let width = u32::try_from(end - at.offset).unwrap_or(0);
    Mark {
        offset: end,
        line: at.line,
        column: at.column.saturating_add(width),
    }
}

/// Names are never changed text.
#[allow(clippy::needless_pass_by_value)] // taken off the queue, and of no more use
fn borrowed(token: Token<'_>) -> &str {
    if let Cow::Borrowed(text) = token.text {
        text
    } else {
        ""
    }
}
