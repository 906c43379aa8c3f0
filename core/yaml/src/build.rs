//! Events to [`Node`]s, without recursion and with a budget. The values are those that
//! go-yaml v2 decodes and that JSON makes of them afterwards.

use crate::event::{Event, Fault, Mark, Properties};
use crate::frame::{FOR_GOOD, Frame, Kind, Mapping, Pending, Slots};
use crate::intern::Interner;
use crate::resolve::{Oddity, Resolved, resolve};
use crate::{Document, Entry, Limits, Map, Node, Notice, NoticeKind, Value, base64, number};
use seawall_model::{CauseId, FileId, Span, Str};
use std::collections::HashMap;
use std::sync::Arc;

/// Where events come from.
pub(crate) trait Events<'a> {
    fn next_event(&mut self) -> Result<Event<'a>, Fault>;
}

/// A finished node that is not yet in its parent.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// Floats that are integers in JSON are still floats here: a key needs them so.
    pub node: Node,
    pub size: Size,
    /// Whether it stands here through an alias.
    pub aliased: bool,
    /// Why it cannot become JSON. Only a fault if the value survives: a later key of the
    /// same name may replace it.
    pub poison: Option<Box<Fault>>,
}

/// How large a node is, aliases expanded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// How many decoding steps it costs go-yaml.
    pub weight: u64,
    /// How many nodes it is.
    pub nodes: usize,
    /// How many levels of nodes it is.
    pub height: usize,
}

impl Size {
    const SCALAR: Self = Self {
        weight: 1,
        nodes: 1,
        height: 1,
    };
}

/// What an anchor stands for.
enum Anchor {
    /// Its node, opened at this depth, is not finished.
    Open(usize),
    Done(Built),
}

/// Builds the documents of one text.
pub(crate) struct Builder<'l> {
    file: FileId,
    /// How long the whole text is. Its last line may have got an end that it has not.
    length: usize,
    limits: &'l Limits,
    /// Texts that stand as keys, and others: keys repeat, and others would drive them out.
    keys: Interner,
    texts: Interner,
    notices: Vec<Notice>,
    /// Nodes of all documents so far, aliases expanded.
    pub(crate) nodes: usize,
    /// Finished entries and items of all open frames; a frame knows where its own start.
    entries: Vec<Entry>,
    items: Vec<Node>,
    frames: Vec<Frame>,
    anchors: HashMap<String, Anchor>,
    /// go-yaml's own measure against bombs: decoding steps, and those through aliases.
    decoded: u64,
    decoded_by_alias: u64,
}

impl<'l> Builder<'l> {
    pub(crate) fn new(file: FileId, length: usize, limits: &'l Limits) -> Self {
        Self {
            file,
            length,
            limits,
            keys: Interner::new(),
            texts: Interner::new(),
            notices: Vec::new(),
            nodes: 0,
            entries: Vec::new(),
            items: Vec::new(),
            frames: Vec::new(),
            anchors: HashMap::new(),
            decoded: 0,
            decoded_by_alias: 0,
        }
    }

    /// Reads the first document, the only one that counts. `None`: there is no node.
    pub(crate) fn document<'a>(
        &mut self,
        events: &mut impl Events<'a>,
    ) -> Result<Option<Document>, Fault> {
        self.notices.clear();
        self.entries.clear();
        self.items.clear();
        self.frames.clear();
        self.anchors.clear();
        self.decoded = 1;
        self.decoded_by_alias = 0;
        if let Event::StreamEnd = events.next_event()? {
            return Ok(None);
        }
        let mut absent_root = false;
        let root = loop {
            let event = events.next_event()?;
            if let Event::Scalar { absent: true, .. } = event
                && self.frames.is_empty()
            {
                absent_root = true;
            }
            if let Some(root) = self.step(event)? {
                break root;
            }
        };
        events.next_event()?; // the end of the document
        if let Some(poison) = root.poison {
            return Err(*poison);
        }
        if absent_root {
            return Ok(None);
        }
        Ok(Some(Document {
            root: settle(root.node),
            notices: std::mem::take(&mut self.notices),
        }))
    }

    /// Kubernetes never looks at what follows `...`; a reader of the file does.
    pub(crate) fn ignored<'a>(&self, events: &mut impl Events<'a>) -> Option<Notice> {
        let at = match events.next_event() {
            Ok(Event::DocumentStart { at }) => at,
            Ok(_) => return None,
            Err(fault) => fault.at,
        };
        let span = self.span(at, at.offset);
        Some(Notice {
            kind: NoticeKind::IgnoredDocument,
            span,
            text: String::new(),
        })
    }

    pub(crate) fn span(&self, at: Mark, end: usize) -> Span {
        let start = at.offset.min(self.length);
        span(
            self.file,
            Mark {
                offset: start,
                ..at
            },
            end.min(self.length),
        )
    }

    fn step(&mut self, event: Event<'_>) -> Result<Option<Built>, Fault> {
        match event {
            Event::StreamEnd | Event::DocumentStart { .. } | Event::DocumentEnd => Ok(None),
            Event::Alias { name, at, end } => self.alias(name, at, end),
            Event::Scalar {
                properties,
                implicit,
                text,
                at,
                end,
                absent: _,
            } => self.scalar(&properties, implicit, &text, at, end),
            Event::SequenceStart { properties, at } => {
                self.open(&properties, at, Kind::Sequence)?;
                Ok(None)
            }
            Event::MappingStart { properties, at } => {
                self.open(&properties, at, Kind::Mapping(Mapping::default()))?;
                Ok(None)
            }
            Event::End { end } => self.close(end),
        }
    }

    fn count(&mut self, more: usize, at: Mark) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > self.limits.max_nodes {
            return fault(
                at,
                format!(
                    "more than {} values, aliases expanded",
                    self.limits.max_nodes
                ),
            );
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        properties: &Properties<'_>,
        implicit: bool,
        text: &str,
        at: Mark,
        end: usize,
    ) -> Result<Option<Built>, Fault> {
        self.count(1, at)?;
        let is_key = self.frames.last().is_some_and(Frame::wants_key);
        let merge = text == "<<"
            && (implicit && properties.tag.is_empty()
                || properties.tag == "!"
                || properties.tag == "tag:yaml.org,2002:merge");
        let span = self.span(at, end);
        let (resolved, oddity) = if properties.tag.is_empty() && !implicit {
            (Resolved::Text, None)
        } else {
            resolve(&properties.tag, implicit, text).map_err(|message| Fault { at, message })?
        };
        if let Some(oddity) = oddity {
            let kind = match oddity {
                Oddity::Bool => NoticeKind::LegacyBool,
                Oddity::Number => NoticeKind::LegacyNumber,
            };
            self.notices.push(Notice {
                kind,
                span,
                text: text.to_owned(),
            });
        }
        let mut poison = None;
        let value = match resolved {
            Resolved::Null => Value::Null,
            Resolved::Bool(truth) => Value::Bool(truth),
            Resolved::Int(int) => Value::Int(int),
            Resolved::UInt(uint) => Value::UInt(uint),
            Resolved::Float(float) => {
                if !float.is_finite() {
                    poison = Some(Box::new(Fault {
                        at,
                        message: format!("`{text}` has no form in JSON, which Kubernetes reads"),
                    }));
                }
                Value::Float(float)
            }
            Resolved::Text if is_key => Value::String(self.keys.get(text)),
            Resolved::Text => Value::String(self.texts.get(text)),
            Resolved::Binary => match base64::decode(text) {
                Some(bytes) => Value::String(self.texts.get(&base64::to_text(&bytes))),
                None => return fault(at, "the !!binary value is not base64"),
            },
        };
        let built = Built {
            node: Node::new(value, span),
            size: Size::SCALAR,
            aliased: false,
            poison,
        };
        if let Some(name) = properties.anchor {
            self.anchors
                .insert(name.to_owned(), Anchor::Done(built.clone()));
        }
        if is_key && merge {
            if let Some(frame) = self.frames.last_mut() {
                frame.expect_merge(span);
            }
            return Ok(None);
        }
        self.decoded += 1;
        self.place(built)
    }

    fn alias(&mut self, name: &str, at: Mark, end: usize) -> Result<Option<Built>, Fault> {
        let mut built = match self.anchors.get(name) {
            Some(Anchor::Done(built)) => built.clone(),
            Some(Anchor::Open(_)) => {
                return fault(at, format!("the value of anchor `{name}` contains itself"));
            }
            None => return fault(at, format!("there is no anchor `{name}`")),
        };
        self.count(built.size.nodes, at)?;
        if self.frames.len() + built.size.height > self.limits.max_depth {
            return self.too_deep(at);
        }
        self.decoded += 1 + built.size.weight;
        self.decoded_by_alias += built.size.weight;
        if excessive(self.decoded, self.decoded_by_alias) {
            return fault(at, "the document expands too many aliases");
        }
        built.size.weight += 1;
        built.aliased = true;
        built.node.span = self.span(at, end);
        self.place(built)
    }

    fn too_deep<T>(&self, at: Mark) -> Result<T, Fault> {
        fault(
            at,
            format!("nested deeper than {} levels", self.limits.max_depth),
        )
    }

    fn open(&mut self, properties: &Properties<'_>, at: Mark, kind: Kind) -> Result<(), Fault> {
        self.count(1, at)?;
        self.decoded += 1;
        if self.frames.len() >= self.limits.max_depth {
            return self.too_deep(at);
        }
        if self.frames.last().is_some_and(Frame::wants_key) {
            // Reported early: the original reads the key first and then cannot use it.
            return fault(at, "a mapping or list cannot be a key");
        }
        if let Some(name) = properties.anchor {
            self.anchors
                .insert(name.to_owned(), Anchor::Open(self.frames.len()));
        }
        let first = match kind {
            Kind::Sequence => self.items.len(),
            Kind::Mapping(_) => self.entries.len(),
        };
        self.frames.push(Frame::new(
            kind,
            first,
            at,
            properties.anchor.map(str::to_owned),
        ));
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<Option<Built>, Fault> {
        let Some(frame) = self.frames.pop() else {
            return Ok(None);
        };
        let span = self.span(frame.at, end.max(frame.end));
        let value = match frame.kind {
            Kind::Sequence => {
                let first = frame.first.min(self.items.len());
                Value::Seq(Arc::new(self.items.drain(first..).collect()))
            }
            Kind::Mapping(_) => {
                let first = frame.first.min(self.entries.len());
                Value::Map(Map::from_entries(self.entries.drain(first..).collect()))
            }
        };
        let built = Built {
            node: Node::new(value, span),
            size: Size {
                weight: frame.weight + 1,
                nodes: frame.nodes.saturating_add(1),
                height: frame.height + 1,
            },
            aliased: false,
            poison: frame.poisons.into_values().next().map(Box::new),
        };
        if let Some(name) = frame.anchor
            && let Some(anchor @ Anchor::Open(_)) = self.anchors.get_mut(&name)
            && matches!(anchor, Anchor::Open(depth) if *depth == self.frames.len())
        {
            *anchor = Anchor::Done(built.clone());
        }
        self.place(built)
    }

    /// Puts a finished node where the innermost open frame wants it; without one it is the
    /// root.
    #[inline]
    fn place(&mut self, built: Built) -> Result<Option<Built>, Fault> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(Some(built));
        };
        frame.weight += built.size.weight;
        frame.nodes = frame.nodes.saturating_add(built.size.nodes);
        frame.height = frame.height.max(built.size.height);
        frame.end = frame.end.max(built.node.span.end as usize);
        let Kind::Mapping(mapping) = &mut frame.kind else {
            if let Some(poison) = built.poison {
                frame.poisons.insert(self.items.len(), *poison);
            }
            self.items.push(settle(built.node));
            return Ok(None);
        };
        match std::mem::take(&mut mapping.pending) {
            Pending::Nothing => {
                let key_span = built.node.span;
                let (key, poison) = match built.node.value {
                    Value::String(text) => (text, None),
                    _ => key_text(built.node, &mut self.keys)?,
                };
                mapping.pending = Pending::Key {
                    key,
                    key_span,
                    poison,
                };
            }
            Pending::Key {
                key,
                key_span,
                poison,
            } => {
                if let Some(poison) = poison {
                    frame.poisons.insert(FOR_GOOD, *poison);
                    return Ok(None);
                }
                let entry = Entry {
                    key,
                    key_span,
                    value: settle(built.node),
                };
                let slots = &mut Slots {
                    entries: &mut self.entries,
                    notices: &mut self.notices,
                };
                frame.insert(slots, entry, built.poison.map(|p| *p), None);
            }
            Pending::Merge { span } => {
                if !built.aliased && matches!(built.node.value, Value::Seq(_)) {
                    // The original does not decode this list, only what is in it.
                    frame.weight -= 1;
                    self.decoded -= 1;
                }
                let slots = &mut Slots {
                    entries: &mut self.entries,
                    notices: &mut self.notices,
                };
                frame.merge(slots, &built, span)?;
            }
        }
        Ok(None)
    }
}

/// The key that a node makes, as `sigs.k8s.io/yaml` turns it into a string.
fn key_text(node: Node, interner: &mut Interner) -> Result<(Str, Option<Box<Fault>>), Fault> {
    let at = mark_of(node.span);
    let refused = |message: &str| {
        Some(Box::new(Fault {
            at,
            message: message.to_owned(),
        }))
    };
    Ok(match node.value {
        Value::String(text) => (text, None),
        Value::Int(int) => (interner.get(&int.to_string()), None),
        Value::Bool(truth) => (interner.get(if truth { "true" } else { "false" }), None),
        Value::Float(float) => {
            let mut text = String::new();
            number::key_float(float, &mut text);
            (interner.get(&text), None)
        }
        Value::Null => (interner.get(""), refused("null cannot be a key")),
        Value::UInt(uint) => (
            interner.get(&uint.to_string()),
            refused("a number larger than a signed 64-bit integer cannot be a key"),
        ),
        Value::Seq(_) | Value::Map(_) => return fault(at, "a mapping or list cannot be a key"),
    })
}

/// The value as it is after the way through JSON, where `1.0` is `1`.
pub(crate) fn settle(mut node: Node) -> Node {
    if let Value::Float(float) = node.value
        && float.is_finite()
        && (float != 0.0 || float.is_sign_positive())
    // JSON keeps `-0`
    {
        let mut text = String::new();
        number::json_float(float, &mut text);
        if let Ok(int) = text.parse() {
            node.value = Value::Int(int);
        }
    }
    node
}

/// Whether so many of the decoding steps come through aliases that Kubernetes' reader gives
/// up. The figures are go-yaml's: 99 % may in documents of up to 400,000 steps, 10 % in those
/// of 4,000,000 and more, and a share in proportion between; a few never matter.
fn excessive(decoded: u64, by_alias: u64) -> bool {
    const SMALL: u64 = 400_000;
    const RANGE: u64 = 4_000_000 - SMALL;
    if decoded <= 1_000 || by_alias <= 100 {
        return false;
    }
    // In whole numbers: both sides in hundredths, times the range.
    let beyond = decoded.saturating_sub(SMALL).min(RANGE);
    let allowed = 99 * RANGE - 89 * beyond;
    u128::from(by_alias) * u128::from(100 * RANGE) > u128::from(decoded) * u128::from(allowed)
}

pub(crate) fn mark_of(span: Span) -> Mark {
    Mark {
        offset: span.start as usize,
        line: span.line.saturating_sub(1),
        column: span.column.saturating_sub(1),
    }
}

pub(crate) fn span(file: FileId, at: Mark, end: usize) -> Span {
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        file,
        start: short(at.offset),
        end: short(end.max(at.offset)),
        line: at.line + 1,
        column: at.column + 1,
        cause: CauseId::NONE,
    }
}

pub(crate) fn fault<T>(at: Mark, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        at,
        message: message.into(),
    })
}
