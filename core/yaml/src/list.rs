//! Long JSON lists, item by item: what `kubectl get -o json` prints of a cluster is far
//! larger than what is to be known of it.
//!
//! The text is gone over twice. The first time everything is checked and nothing is kept
//! but what stands around the items, since `kind` often stands behind them and a fault at
//! the end makes another text of the whole (see `job`). The second time items are built and
//! handed out. At no time is more than one item in memory, so the limit of nodes is one for
//! each item, not for all together.

use crate::build::{Builder, Events, span};
use crate::event::{Event, Mark};
use crate::job::GUESS;
use crate::json::JsonReader;
use crate::window::{Stop, Window};
use crate::{Document, Entry, Limits, Map, Node, Notice, Value};
use seawall_model::FileId;
use std::io::{self, Read};

/// The member that is taken apart.
const ITEMS: &str = "items";
/// A list has four members.
const MOST_MEMBERS: usize = 16;

/// Reads a text that is one JSON object with a list `items`, without holding it. Every item
/// comes as a document of its own, which is the whole object with this one item; together
/// they say what the one document of [`parse`](crate::parse) would.
///
/// `open` starts the text from its beginning, and is called twice. `splits` sees the object
/// without its items and says whether it is to be taken apart. The answer is `false`, and
/// nothing was handed out, where the text is anything else, or not quite right: it is for
/// `parse` then. An error after the first item means that the text has changed meanwhile.
pub fn parse_list<R: Read>(
    open: &mut dyn FnMut() -> io::Result<R>,
    file: FileId,
    limits: &Limits,
    splits: &dyn Fn(&Node) -> bool,
    each: &mut dyn FnMut(Document),
) -> io::Result<bool> {
    let mut first = Walk::new(open()?, file, limits);
    let around = match first.walk(&mut |_, text, at| Ok(check(text, at, 2, limits)?.1)) {
        Ok(around) => around,
        Err(Stop::Other) => return Ok(false),
        Err(Stop::Failed(error)) => return Err(error),
    };
    let length = first.window.read;
    drop(first);
    if around.items == 0 || !splits(&around.root) {
        return Ok(false);
    }
    let Around {
        root, mut notices, ..
    } = around;
    let mut second = Walk::new(open()?, file, limits);
    let again = second.walk(&mut |builder, text, at| {
        // Nobody holds the item before it any more.
        builder.nodes = 0;
        let (item, end) = build(builder, text, at)?;
        let mut root = root.clone();
        if let Some(list) = root.as_map_mut().and_then(|map| map.get_mut(ITEMS)) {
            list.value = Node::seq(vec![item.root], list.span).value;
        }
        notices.extend(item.notices);
        each(Document {
            root,
            notices: std::mem::take(&mut notices),
        });
        Ok(end)
    });
    match again {
        Ok(again) if again.items == around.items && second.window.read == length => Ok(true),
        Err(Stop::Failed(error)) => Err(error),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it changed while it was read",
        )),
    }
}

/// What stands around the items.
struct Around {
    root: Node,
    notices: Vec<Notice>,
    items: usize,
}

/// What is done with the text of an item, and where it ends.
type Use<'u, 'l> = &'u mut dyn FnMut(&mut Builder<'l>, &str, Mark) -> Result<Mark, Stop>;

/// One way through a text.
struct Walk<'l, R> {
    window: Window<R>,
    builder: Builder<'l>,
    file: FileId,
    limits: &'l Limits,
    /// Nodes around the items.
    nodes: usize,
}

impl<'l, R: Read> Walk<'l, R> {
    fn new(from: R, file: FileId, limits: &'l Limits) -> Self {
        let most = limits.max_bytes.min(u32::MAX as usize);
        Self {
            window: Window::new(from, most),
            builder: Builder::new(file, most, limits),
            file,
            limits,
            nodes: 0,
        }
    }

    /// Goes over the whole text.
    fn walk(&mut self, take: Use<'_, 'l>) -> Result<Around, Stop> {
        self.window.space()?;
        let start = self.window.mark();
        if start.offset >= GUESS || !self.window.eat(b'{')? {
            return Err(Stop::Other);
        }
        self.count(1)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut notices = Vec::new();
        let mut items = None;
        let mut over = self.window.eat(b'}')?;
        while !over {
            let key = self.small()?.root;
            let Value::String(name) = key.value else {
                return Err(Stop::Other);
            };
            let twice = entries.iter().any(|entry| entry.key == name);
            if twice || entries.len() >= MOST_MEMBERS || !self.window.eat(b':')? {
                return Err(Stop::Other);
            }
            self.window.space()?;
            let value = if &*name == ITEMS {
                let (list, count) = self.items(take)?;
                items = Some(count);
                list
            } else {
                let member = self.small()?;
                notices.extend(member.notices);
                member.root
            };
            entries.push(Entry {
                key: name,
                key_span: key.span,
                value,
            });
            over = self.between(b'}')?;
        }
        let end = self.window.mark().offset;
        if self.window.space()?.is_some() {
            return Err(Stop::Other);
        }
        Ok(Around {
            root: Node::map(Map::from_entries(entries), span(self.file, start, end)),
            notices,
            items: items.ok_or(Stop::Other)?,
        })
    }

    /// The list itself, without its items, and how many these are.
    fn items(&mut self, take: Use<'_, 'l>) -> Result<(Node, usize), Stop> {
        let start = self.window.mark();
        if !self.window.eat(b'[')? {
            return Err(Stop::Other);
        }
        self.count(1)?;
        let mut count = 0;
        let mut over = self.window.eat(b']')?;
        while !over {
            self.window.space()?;
            let at = self.window.mark();
            let text = self.window.value()?;
            let end = take(&mut self.builder, text, at)?;
            self.window.pass(end);
            count += 1;
            over = self.between(b']')?;
        }
        let span = span(self.file, start, self.window.mark().offset);
        Ok((Node::seq(Vec::new(), span), count))
    }

    /// What follows a member or item: a comma, or the bracket that ends all.
    fn between(&mut self, bracket: u8) -> Result<bool, Stop> {
        if self.window.eat(bracket)? {
            return Ok(true);
        }
        if self.window.eat(b',')? {
            return Ok(false);
        }
        Err(Stop::Other)
    }

    /// A key or value that is kept.
    fn small(&mut self) -> Result<Document, Stop> {
        self.window.space()?;
        let at = self.window.mark();
        let text = self.window.value()?;
        let (nodes, _) = check(text, at, 1, self.limits)?;
        let (document, end) = build(&mut self.builder, text, at)?;
        self.count(nodes)?;
        self.window.pass(end);
        Ok(document)
    }

    fn count(&mut self, more: usize) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > self.limits.max_nodes {
            return Err(Stop::Other);
        }
        Ok(())
    }
}

/// Whether a text is one JSON value within the limits: how many nodes it has, and where it
/// ends.
fn check(text: &str, at: Mark, depth: usize, limits: &Limits) -> Result<(usize, Mark), Stop> {
    let mut reader = JsonReader::new(text, at, &[]);
    let (mut nodes, mut depth) = (0, depth);
    loop {
        match reader.next_event().map_err(|_| Stop::Other)? {
            Event::StreamEnd | Event::DocumentEnd => break,
            Event::Scalar { .. } => nodes += 1,
            Event::MappingStart { .. } | Event::SequenceStart { .. } => {
                nodes += 1;
                depth += 1;
                if depth > limits.max_depth {
                    return Err(Stop::Other);
                }
            }
            Event::End { .. } => depth -= 1,
            Event::DocumentStart { .. } | Event::Alias { .. } => {}
        }
    }
    if nodes > limits.max_nodes {
        return Err(Stop::Other);
    }
    Ok((nodes, end(&mut reader, text, at)?))
}

/// The tree of a text that is one JSON value, and where it ends.
fn build(builder: &mut Builder<'_>, text: &str, at: Mark) -> Result<(Document, Mark), Stop> {
    let mut reader = JsonReader::new(text, at, &[]);
    let document = builder.document(&mut reader).map_err(|_| Stop::Other)?;
    let document = document.ok_or(Stop::Other)?;
    Ok((document, end(&mut reader, text, at)?))
}

/// Where a value ends, if nothing stands behind it.
fn end(reader: &mut JsonReader<'_>, text: &str, at: Mark) -> Result<Mark, Stop> {
    let end = reader.mark();
    if end.offset - at.offset == text.len() {
        Ok(end)
    } else {
        Err(Stop::Other)
    }
}
