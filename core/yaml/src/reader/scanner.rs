//! Text to tokens. The hard part of YAML is that a key is only known to be one when its
//! `:` comes; until then it is a *simple key* that is merely possible, and tokens wait.

use super::cursor::Cursor;
use super::token::{Kind, SimpleKey, Token};
use crate::event::{Fault, Mark};
use std::borrow::Cow;
use std::collections::VecDeque;

/// go-yaml's own bounds on flow and block nesting.
const MAX_NESTING: usize = 10_000;

#[derive(Debug)]
pub(super) struct Scanner<'a> {
    pub cursor: Cursor<'a>,
    tokens: VecDeque<Token<'a>>,
    /// How many tokens were taken so far.
    taken: usize,
    /// Whether the first waiting token can no longer become a key.
    ready: bool,
    /// One for the block context and one for each open flow collection.
    simple_keys: Vec<SimpleKey>,
    /// Tokens that may turn out to start a simple key, with the index of the key: what
    /// makes them wait. The original forgets the wrong one at the end of a flow collection
    /// that holds no simple key, so `{}: a` is `{}` and something ignored; so do we.
    key_tokens: VecDeque<(usize, usize)>,
    pub simple_key_allowed: bool,
    pub flow_level: usize,
    /// The current column of block collections; -1 outside of all.
    pub indent: i64,
    indents: Vec<i64>,
    /// The first character that the original's reader refuses. The text ends before it.
    refused: Option<Fault>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, base: Mark, refused: Option<Fault>) -> Self {
        let cursor = Cursor::new(text, base);
        let nothing = SimpleKey {
            possible: false,
            required: false,
            token: 0,
            line_start: 0,
            at: cursor.mark(),
        };
        Self {
            cursor,
            tokens: VecDeque::with_capacity(16),
            taken: 0,
            ready: false,
            simple_keys: vec![nothing],
            key_tokens: VecDeque::new(),
            simple_key_allowed: true,
            flow_level: 0,
            indent: -1,
            indents: Vec::new(),
            refused,
        }
    }

    /// The next token's kind and place; it stays.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<(Kind, Mark, usize), Fault> {
        if !self.ready {
            self.fetch_more()?;
        }
        match self.tokens.front() {
            Some(token) => Ok((token.kind, token.at, token.end)),
            // Only after the end of the stream.
            None => Ok((Kind::StreamEnd, self.cursor.mark(), self.cursor.offset())),
        }
    }

    /// Takes the token that was peeked at.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Token<'a>> {
        self.ready = false;
        self.taken += 1;
        self.tokens.pop_front()
    }

    fn fetch_more(&mut self) -> Result<(), Fault> {
        loop {
            if !self.tokens.is_empty() {
                let Some(key) = self.key_at_head() else { break };
                if !self.is_still_possible(key)? {
                    break;
                }
            }
            self.fetch_next()?;
        }
        self.ready = true;
        Ok(())
    }

    pub(super) fn push(&mut self, kind: Kind, at: Mark) {
        self.push_text(kind, at, Cow::Borrowed(""), "");
    }

    /// A token that ends here.
    pub(super) fn push_text(&mut self, kind: Kind, at: Mark, text: Cow<'a, str>, handle: &'a str) {
        let end = self.cursor.offset();
        self.tokens.push_back(Token {
            kind,
            at,
            end,
            text,
            handle,
        });
    }

    /// The last token ended before here: at its last visible character.
    pub(super) fn end_last_at(&mut self, end: usize) {
        if let Some(token) = self.tokens.back_mut() {
            token.end = end;
        }
    }

    /// The simple key that waits at the first token.
    fn key_at_head(&mut self) -> Option<usize> {
        while self
            .key_tokens
            .front()
            .is_some_and(|(token, _)| *token < self.taken)
        {
            self.key_tokens.pop_front();
        }
        self.key_tokens
            .front()
            .filter(|(token, _)| *token == self.taken)
            .map(|(_, key)| *key)
    }

    fn forget_key_token(&mut self, token: usize) {
        if let Some(index) = self
            .key_tokens
            .iter()
            .rposition(|(known, _)| *known == token)
        {
            self.key_tokens.remove(index);
        }
    }

    fn insert(&mut self, number: usize, kind: Kind, at: Mark) {
        // A token that was already taken (see `key_tokens`) puts this one at the end.
        let index = number.checked_sub(self.taken).unwrap_or(self.tokens.len());
        let index = index.min(self.tokens.len());
        let token = Token {
            kind,
            at,
            end: at.offset,
            text: Cow::Borrowed(""),
            handle: "",
        };
        self.tokens.insert(index, token);
    }

    /// A token of some ASCII characters.
    fn push_indicator(&mut self, kind: Kind, length: usize) {
        let at = self.cursor.mark();
        self.cursor.skip_bytes(length);
        self.push(kind, at);
    }

    fn fetch_next(&mut self) -> Result<(), Fault> {
        self.skip_to_token();
        self.unroll_indent(i64::from(self.cursor.column));
        let cursor = &self.cursor;
        let first = cursor.byte(0);
        let block = self.flow_level == 0;
        if first == 0 {
            return self.stream_end();
        }
        if cursor.column == 0 && first == b'%' {
            self.unroll_indent(-1);
            self.remove_simple_key()?;
            self.simple_key_allowed = false;
            return self.directive();
        }
        if cursor.is_document_indicator() {
            self.unroll_indent(-1);
            self.remove_simple_key()?;
            self.simple_key_allowed = false;
            let kind = if first == b'-' {
                Kind::DocumentStart
            } else {
                Kind::DocumentEnd
            };
            self.push_indicator(kind, 3);
            return Ok(());
        }
        let next_is_blank = cursor.is_blank_break_or_end(1);
        match first {
            b'[' => self.flow_start(Kind::FlowSequenceStart),
            b'{' => self.flow_start(Kind::FlowMappingStart),
            b']' => self.flow_end(Kind::FlowSequenceEnd),
            b'}' => self.flow_end(Kind::FlowMappingEnd),
            b',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.push_indicator(Kind::FlowEntry, 1);
                Ok(())
            }
            b'-' if next_is_blank => self.block_entry(),
            b'?' if !block || next_is_blank => self.key(),
            b':' if !block || next_is_blank => self.value(),
            b'*' => self.anchor(Kind::Alias),
            b'&' => self.anchor(Kind::Anchor),
            b'!' => self.tag(),
            b'|' if block => self.block_scalar(true),
            b'>' if block => self.block_scalar(false),
            b'\'' | b'"' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                self.quoted_scalar(first)
            }
            b'?' | b':' if block => self.fetch_plain(), // not before a blank: mere text
            b'\t' => self
                .cursor
                .fault("a tab cannot indent (found character that cannot start any token)"),
            b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => self
                .cursor
                .fault("found character that cannot start any token"),
            _ => self.fetch_plain(),
        }
    }

    fn fetch_plain(&mut self) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.plain_scalar()
    }

    /// Whitespace and comments. Tabs are allowed where no key can follow.
    fn skip_to_token(&mut self) {
        loop {
            let tabs = self.flow_level > 0 || !self.simple_key_allowed;
            while self.cursor.byte(0) == b' ' || (tabs && self.cursor.byte(0) == b'\t') {
                self.cursor.skip();
            }
            self.cursor.skip_comment();
            if self.cursor.skip_break() == 0 {
                return;
            }
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    fn stream_end(&mut self) -> Result<(), Fault> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        self.cursor.force_line_end();
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let at = self.cursor.mark();
        self.push(Kind::StreamEnd, at);
        Ok(())
    }

    fn flow_start(&mut self, kind: Kind) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey {
            possible: false,
            required: false,
            token: self.taken + self.tokens.len(),
            line_start: 0,
            at: self.cursor.mark(),
        });
        self.flow_level += 1;
        if self.flow_level > MAX_NESTING {
            return self.cursor.fault("flow collections are nested too deep");
        }
        self.simple_key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn flow_end(&mut self, kind: Kind) -> Result<(), Fault> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            if let Some(key) = self.simple_keys.pop() {
                self.forget_key_token(key.token);
            }
        }
        self.simple_key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Fault> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self
                    .cursor
                    .fault("block sequence entries are not allowed in this context");
            }
            self.roll_indent(self.cursor.mark(), None, Kind::BlockSequenceStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Kind::BlockEntry, 1);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self
                    .cursor
                    .fault("mapping keys are not allowed in this context");
            }
            self.roll_indent(self.cursor.mark(), None, Kind::BlockMappingStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push_indicator(Kind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Fault> {
        let last = self.simple_keys.len().saturating_sub(1);
        if self.is_still_possible(last)?
            && let Some(key) = self.simple_keys.get_mut(last)
        {
            key.possible = false;
            let key = *key;
            self.insert(key.token, Kind::Key, key.at);
            self.roll_indent(key.at, Some(key.token), Kind::BlockMappingStart)?;
            self.forget_key_token(key.token);
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return self
                        .cursor
                        .fault("mapping values are not allowed in this context");
                }
                self.roll_indent(self.cursor.mark(), None, Kind::BlockMappingStart)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push_indicator(Kind::Value, 1);
        Ok(())
    }

    /// Whether a key may still be one: its `:` must come on the same line, within 1,024
    /// characters.
    fn is_still_possible(&mut self, index: usize) -> Result<bool, Fault> {
        let Some(key) = self.simple_keys.get_mut(index) else {
            return Ok(false);
        };
        if !key.possible {
            return Ok(false);
        }
        if key.line_start < self.cursor.line_start
            || u64::from(key.at.column) + 1024 < u64::from(self.cursor.column)
        {
            if key.required {
                return crate::build::fault(key.at, "could not find expected ':'");
            }
            key.possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    pub(super) fn save_simple_key(&mut self) -> Result<(), Fault> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let required = self.flow_level == 0 && self.indent == i64::from(self.cursor.column);
        self.remove_simple_key()?;
        let key = SimpleKey {
            possible: true,
            required,
            token: self.taken + self.tokens.len(),
            line_start: self.cursor.line_start,
            at: self.cursor.mark(),
        };
        let index = self.simple_keys.len().saturating_sub(1);
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
        }
        self.forget_key_token(key.token);
        self.key_tokens.push_back((key.token, index));
        Ok(())
    }

    pub(super) fn remove_simple_key(&mut self) -> Result<(), Fault> {
        match self.simple_keys.last_mut() {
            Some(key) if key.possible && key.required => {
                crate::build::fault(key.at, "could not find expected ':'")
            }
            Some(key) if key.possible => {
                key.possible = false;
                let token = key.token;
                self.forget_key_token(token);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Opens a block collection if the column is deeper than the current one.
    fn roll_indent(&mut self, at: Mark, number: Option<usize>, kind: Kind) -> Result<(), Fault> {
        let column = i64::from(at.column);
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > MAX_NESTING {
            return self.cursor.fault("block collections are nested too deep");
        }
        let number = number.unwrap_or(self.taken + self.tokens.len());
        self.insert(number, kind, at);
        Ok(())
    }

    /// Closes the block collections that are deeper than a column.
    fn unroll_indent(&mut self, column: i64) {
        while self.flow_level == 0 && self.indent > column {
            let at = self.cursor.mark();
            self.push(Kind::BlockEnd, at);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }
}
