//! A template's text in pieces: what is printed as it stands, and actions.
//!
//! This pass decides everything that hangs on the text itself: where actions begin and end,
//! what their trim markers take away, where comments are, which blocks are open where, and
//! how deep they nest. What is left for the parser behind it are the actions alone, without
//! trim markers and comments, and a blank wherever something is printed between them: texts
//! are long, and the parser would read them character by character.

use super::literal::quoted_end;
use super::{At, SyntaxError, offset};
use crate::helm::limits::MAX_ACTIONS;

/// Deepest nesting of blocks and parentheses. The parser ends at 100, without a place.
const MAX_NESTING: usize = 95;

/// Longest chain of `else if`: every link costs native stack.
const MAX_LINKS: usize = 250;

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// What stands in the code for text.
const TEXT: char = ' ';

/// The pieces of one text.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// What the parser reads.
    pub(super) code: String,
    /// Where each action begins in it.
    starts: Vec<usize>,
    /// What is printed, in order and never empty.
    texts: Vec<At>,
    /// Actions with their delimiters, in order.
    actions: Vec<At>,
    /// A block that is open at the end.
    pub(super) unclosed: Option<SyntaxError>,
    /// Bytes in actions.
    pub(super) size: usize,
}

/// What kind of block is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    If,
    With,
    Range,
    Define,
    Block,
}

/// A block that is open.
struct Open {
    kind: Kind,
    start: usize,
    /// Its last part, after a plain `else`, has begun.
    last: bool,
    links: usize,
}

struct Cutter<'a> {
    text: &'a str,
    pos: usize,
    /// Bytes of the action that are blanks to the parser, in order.
    masks: Vec<usize>,
    open: Vec<Open>,
    out: Layout,
}

/// Cuts a template's text.
pub(super) fn of(text: &str) -> Result<Layout, SyntaxError> {
    let mut cutter = Cutter {
        text,
        pos: 0,
        masks: Vec::new(),
        open: Vec::new(),
        out: Layout::default(),
    };
    cutter.run()?;
    let mut out = cutter.out;
    if let Some(open) = cutter.open.first() {
        let message = "this block is never closed: add {{ end }}";
        out.unclosed = Some(SyntaxError::new(offset(open.start), message));
    }
    Ok(out)
}

impl Layout {
    /// How many actions begin at or before a byte of the code.
    fn before(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// The byte of the text that a byte of the code stands for.
    pub(super) fn place(&self, at: usize) -> usize {
        let last = self.before(at).saturating_sub(1);
        match (self.actions.get(last), self.starts.get(last)) {
            (Some(action), Some(start)) => action.start as usize + at.saturating_sub(*start),
            _ => 0,
        }
    }

    /// The action that a byte of the code stands in.
    pub(super) fn action(&self, at: usize) -> At {
        let last = self.before(at).saturating_sub(1);
        self.actions.get(last).copied().unwrap_or_default()
    }

    /// The texts that a byte of the code stands for.
    pub(super) fn texts(&self, at: usize) -> impl Iterator<Item = At> {
        let next = self.before(at);
        let from = next.checked_sub(1).and_then(|last| self.actions.get(last));
        let from = from.map_or(0, |action| action.end);
        let end = self.actions.get(next).map_or(u32::MAX, |next| next.start);
        let first = self.texts.partition_point(|text| text.start < from);
        let texts = self.texts.iter().skip(first).copied();
        texts.take_while(move |text| text.start < end)
    }
}

impl<'a> Cutter<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or("")
    }

    fn run(&mut self) -> Result<(), SyntaxError> {
        // The last action or comment ended with a trim marker.
        let mut trimmed = false;
        loop {
            let rest = self.rest();
            let found = rest.find("{{");
            let mut piece = rest.get(..found.unwrap_or(rest.len())).unwrap_or("");
            if trimmed {
                let kept = piece.trim_start_matches(BLANKS);
                self.pos += piece.len() - kept.len();
                piece = kept;
            }
            let start = self.pos;
            self.pos += piece.len();
            let opens = self.pos;
            let inside = self.text.get(opens + 2..).unwrap_or("");
            let marker = inside.starts_with('-') && inside.get(1..).is_some_and(blank_first);
            if found.is_some() && marker {
                piece = piece.trim_end_matches(BLANKS);
            }
            if !piece.is_empty() {
                self.out.texts.push(span(start, start + piece.len()));
                if !self.out.code.ends_with(TEXT) {
                    self.out.code.push(TEXT);
                }
            }
            if found.is_none() {
                return Ok(());
            }
            self.pos = opens + if marker { 4 } else { 2 };
            self.masks.clear();
            if marker {
                self.masks.push(opens + 2);
            }
            trimmed = if self.rest().starts_with("/*") {
                self.comment(opens)?
            } else {
                self.action(opens)?
            };
        }
    }

    /// Where a closing delimiter ends that stands here, and whether it trims.
    fn closing(&self) -> Option<(usize, bool)> {
        let rest = self.rest();
        if rest.starts_with("}}") {
            return Some((self.pos + 2, false));
        }
        let marked = blank_first(rest) && rest.get(1..).is_some_and(|r| r.starts_with("-}}"));
        marked.then_some((self.pos + 4, true))
    }

    fn comment(&mut self, opens: usize) -> Result<bool, SyntaxError> {
        let fail = |message| SyntaxError::new(offset(opens), message);
        let body = self.rest().get(2..).unwrap_or("");
        let Some(length) = body.find("*/") else {
            return Err(fail("this comment is never closed: end it with */}}"));
        };
        self.pos += 2 + length + 2;
        let Some((end, trims)) = self.closing() else {
            return Err(fail("a comment must be all that is in its action"));
        };
        self.pos = end;
        Ok(trims)
    }

    fn action(&mut self, opens: usize) -> Result<bool, SyntaxError> {
        let fail = |at, message: &str| Err(SyntaxError::new(offset(at), message));
        let content = self.pos;
        let mut parens = 0usize;
        // Where a pipe stands that nothing follows yet: at the end it means nothing.
        let mut pipe = None;
        loop {
            let Some(byte) = self.text.as_bytes().get(self.pos).copied() else {
                return fail(opens, "this action is never closed: end it with }}");
            };
            let blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            if (blank || byte == b'}')
                && let Some((end, trims)) = self.closing()
            {
                self.masks.extend(pipe);
                if trims {
                    self.masks.push(end - 3);
                }
                let inside = self.text.get(content..self.pos).unwrap_or("");
                self.pos = end;
                self.keep(opens)?;
                self.block(opens, inside)?;
                return Ok(trims);
            }
            match byte {
                b'"' | b'\'' | b'`' => {
                    let Some(end) = quoted_end(self.text, self.pos) else {
                        return fail(self.pos, "these quotes are never closed");
                    };
                    self.pos = end;
                    pipe = None;
                    continue;
                }
                b'(' => {
                    parens += 1;
                    self.deep(parens)?;
                }
                b')' => {
                    self.masks.extend(pipe);
                    parens = parens.saturating_sub(1);
                }
                // The parser takes these for white space, or they are other than ASCII.
                0 | 0x0b | 0x0c | 0x80.. => {
                    let c = self.rest().chars().next().unwrap_or('\0');
                    if c.is_whitespace() || c == '\0' {
                        let message = format!("{c:?} cannot stand here outside of quotes");
                        return fail(self.pos, &message);
                    }
                    self.pos += c.len_utf8() - 1;
                }
                _ => {}
            }
            if !blank {
                pipe = Some(self.pos).filter(|_| byte == b'|');
            }
            self.pos += 1;
        }
    }

    /// Hands the action that ends here to the parser.
    fn keep(&mut self, opens: usize) -> Result<(), SyntaxError> {
        self.out.size += self.pos - opens;
        if self.out.size > MAX_ACTIONS {
            let message = "the actions of this template have more than 1 MiB";
            return Err(SyntaxError::new(offset(opens), message));
        }
        self.out.actions.push(span(opens, self.pos));
        self.out.starts.push(self.out.code.len());
        let mut from = opens;
        for mask in &self.masks {
            self.out
                .code
                .push_str(self.text.get(from..*mask).unwrap_or(""));
            self.out.code.push(' ');
            from = mask + 1;
        }
        let rest = self.text.get(from..self.pos).unwrap_or("");
        self.out.code.push_str(rest);
        Ok(())
    }

    fn deep(&self, parens: usize) -> Result<(), SyntaxError> {
        if self.open.len() + parens <= MAX_NESTING {
            return Ok(());
        }
        let message = format!("blocks and parentheses nest deeper than {MAX_NESTING} levels");
        Err(SyntaxError::new(offset(self.pos), message))
    }

    /// Keeps account of the blocks that an action opens and closes.
    fn block(&mut self, opens: usize, inside: &str) -> Result<(), SyntaxError> {
        let fail = |message: &str| Err(SyntaxError::new(offset(opens), message));
        let mut words = inside.trim_start_matches(BLANKS);
        if words.starts_with("/*") {
            return fail("a comment begins right after {{ or {{- and one space");
        }
        let kind = match word(&mut words) {
            "if" => Kind::If,
            "with" => Kind::With,
            "range" => Kind::Range,
            "block" => Kind::Block,
            "define" if self.open.is_empty() => Kind::Define,
            "define" => return fail("define cannot stand inside of another block"),
            "end" if self.open.pop().is_none() => return fail("this end closes no block"),
            "else" => return self.link(opens, word(&mut words)),
            "break" | "continue" if !self.in_range() => {
                return fail("break and continue can only stand inside of range");
            }
            _ => return Ok(()),
        };
        self.open.push(Open {
            kind,
            start: opens,
            last: false,
            links: 0,
        });
        self.deep(0)
    }

    /// `else`, alone or with the keyword after it.
    fn link(&mut self, opens: usize, keyword: &str) -> Result<(), SyntaxError> {
        let fail = |message: &str| Err(SyntaxError::new(offset(opens), message));
        let Some(open) = self.open.last_mut() else {
            return fail("this else belongs to no block");
        };
        if open.last || matches!(open.kind, Kind::Define | Kind::Block) {
            return fail("there can be no else here: its block has its last part already");
        }
        match (keyword, open.kind) {
            ("if", Kind::If) | ("with", Kind::With) => open.links += 1,
            ("if" | "with", _) => {
                return fail("`else if` continues an if, and `else with` a with, nothing else");
            }
            _ => open.last = true,
        }
        if open.links > MAX_LINKS {
            return fail("this chain of else is too long: it has more than 250 links");
        }
        Ok(())
    }

    /// Whether a loop of this template is open; what follows its `else` is no loop.
    fn in_range(&self) -> bool {
        let own = self
            .open
            .iter()
            .rev()
            .take_while(|open| !matches!(open.kind, Kind::Define | Kind::Block));
        own.into_iter()
            .any(|open| open.kind == Kind::Range && !open.last)
    }
}

/// Takes a word and the blanks after it off the front of a text.
fn word<'a>(text: &mut &'a str) -> &'a str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    *text = rest.trim_start_matches(BLANKS);
    word
}

fn blank_first(text: &str) -> bool {
    text.starts_with(BLANKS)
}

fn span(start: usize, end: usize) -> At {
    At {
        start: offset(start),
        end: offset(end),
    }
}
