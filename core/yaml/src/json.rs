//! JSON text to events. Kubernetes reads a stream that starts with `{` as JSON values one
//! after another, by Go's `encoding/json`.

use crate::build::{Events, fault};
use crate::event::{Event, Fault, Mark, Properties};
use std::borrow::Cow;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Value,
    /// After `[`.
    FirstItem,
    /// After `{`.
    FirstKey,
    /// After a comma in an object.
    Key,
    AfterValue,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

/// Reads one JSON value.
pub(crate) struct JsonReader<'a> {
    text: &'a str,
    pos: usize,
    /// Where the text starts in the whole one.
    base: usize,
    /// Whether every character is a byte, which makes columns easy.
    ascii: bool,
    line: u32,
    /// A position on this line at or before `pos`, and its column.
    counted: (usize, u32),
    state: State,
    open: Vec<Container>,
    /// Where in the whole text there is NUL for a byte that is no UTF-8. Go takes such bytes
    /// in strings.
    broken: &'a [usize],
}

impl<'a> JsonReader<'a> {
    /// Reads a text that starts at this place of the whole one.
    pub(crate) fn new(text: &'a str, at: Mark, broken: &'a [usize]) -> Self {
        Self {
            text,
            pos: 0,
            base: at.offset,
            ascii: text.is_ascii(),
            line: at.line,
            counted: (0, at.column),
            state: State::Start,
            open: Vec::new(),
            broken,
        }
    }

    /// Goes on with the value behind the last, if the text goes on.
    pub(crate) fn next_value(&mut self) -> bool {
        self.skip_space();
        self.state = State::Start;
        self.open.clear();
        self.byte().is_some()
    }

    /// The place that is reached.
    pub(crate) fn mark(&mut self) -> Mark {
        let (from, column) = self.counted;
        let count = if self.ascii {
            self.pos - from
        } else {
            let between = self.text.get(from..self.pos).unwrap_or_default();
            between.chars().count()
        };
        let column = column.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.counted = (self.pos, column);
        Mark {
            offset: self.base + self.pos,
            line: self.line,
            column,
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    /// Over white space, the only place where lines end.
    fn skip_space(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.pos) {
            match byte {
                b' ' => self.pos += spaces(bytes.get(self.pos..).unwrap_or_default()),
                b'\n' => {
                    self.pos += 1;
                    self.line = self.line.saturating_add(1);
                    self.counted = (self.pos, 0);
                }
                b'\t' | b'\r' => self.pos += 1,
                _ => return,
            }
        }
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.byte() == Some(wanted);
        self.pos += usize::from(found);
        found
    }

    fn unexpected<T>(&mut self, place: &str) -> Result<T, Fault> {
        let found = self
            .text
            .get(self.pos..)
            .and_then(|rest| rest.chars().next());
        let at = self.mark();
        match found {
            Some(c) => fault(
                at,
                format!("invalid JSON: unexpected character {c:?} {place}"),
            ),
            None => fault(at, format!("invalid JSON: the text ends {place}")),
        }
    }

    fn value(&mut self) -> Result<Event<'a>, Fault> {
        let at = self.mark();
        let properties = Properties::default();
        match self.byte() {
            Some(b'{') => {
                self.pos += 1;
                self.open.push(Container::Object);
                self.state = State::FirstKey;
                Ok(Event::MappingStart { properties, at })
            }
            Some(b'[') => {
                self.pos += 1;
                self.open.push(Container::Array);
                self.state = State::FirstItem;
                Ok(Event::SequenceStart { properties, at })
            }
            Some(b'"') => {
                let text = self.string()?;
                self.state = State::AfterValue;
                Ok(self.scalar(text, at, false))
            }
            Some(b'-' | b'0'..=b'9') => {
                let text = self.number(at)?;
                self.state = State::AfterValue;
                Ok(self.scalar(Cow::Borrowed(text), at, true))
            }
            _ => {
                let rest = self.text.get(self.pos..).unwrap_or_default();
                let word = ["true", "false", "null"]
                    .into_iter()
                    .find(|w| rest.starts_with(w));
                let Some(word) = word else {
                    return self.unexpected("where a value should start");
                };
                self.pos += word.len();
                self.state = State::AfterValue;
                Ok(self.scalar(Cow::Borrowed(word), at, true))
            }
        }
    }

    fn scalar(&self, text: Cow<'a, str>, at: Mark, implicit: bool) -> Event<'a> {
        let properties = Properties::default();
        Event::Scalar {
            properties,
            implicit,
            absent: false,
            text,
            at,
            end: self.base + self.pos,
        }
    }

    fn number(&mut self, at: Mark) -> Result<&'a str, Fault> {
        let start = self.pos;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.pos += 1;
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.pos).unwrap_or_default();
        // Nothing shorter without an exponent is too large.
        let may_be = text.len() > 300 || text.contains(['e', 'E']);
        if may_be && text.parse::<f64>().is_ok_and(f64::is_infinite) {
            return fault(at, "the number is too large");
        }
        Ok(text)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.pos;
        while self.byte().is_some_and(|c| c.is_ascii_digit()) {
            self.pos += 1;
        }
        if self.pos == start {
            self.unexpected("in a number")
        } else {
            Ok(())
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.pos += 1;
        let start = self.pos;
        let mut out: Option<String> = None;
        let mut from = start;
        loop {
            let rest = self.text.as_bytes().get(self.pos..).unwrap_or_default();
            self.pos += run(rest);
            let piece = self.text.get(from..self.pos).unwrap_or_default();
            match self.byte() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(match out {
                        Some(mut out) => {
                            out.push_str(piece);
                            Cow::Owned(out)
                        }
                        None => Cow::Borrowed(piece),
                    });
                }
                Some(b'\\') => {
                    let out = out.get_or_insert_default();
                    out.push_str(piece);
                    let c = self.escape()?;
                    out.push(c);
                    from = self.pos;
                }
                Some(0) if self.broken.binary_search(&(self.base + self.pos)).is_ok() => {
                    let out = out.get_or_insert_default();
                    out.push_str(piece);
                    out.push(char::REPLACEMENT_CHARACTER);
                    self.pos += 1;
                    from = self.pos;
                }
                _ => return self.unexpected("in a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        self.pos += 1;
        let c = match self.byte() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(unit) = self.code_unit(1) else {
                    return self.unexpected("in an escape");
                };
                self.pos += 5;
                return Ok(self.character(unit));
            }
            _ => return self.unexpected("in an escape"),
        };
        self.pos += 1;
        Ok(c)
    }

    /// The four hexadecimal digits at some distance.
    fn code_unit(&self, ahead: usize) -> Option<u32> {
        let digits = self.text.get(self.pos + ahead..self.pos + ahead + 4)?;
        let all = digits.bytes().all(|c| c.is_ascii_hexdigit());
        if all {
            u32::from_str_radix(digits, 16).ok()
        } else {
            None
        }
    }

    /// Joins surrogates; half a pair is a replacement character, as in Go.
    fn character(&mut self, unit: u32) -> char {
        if (0xd800..0xdc00).contains(&unit)
            && self.text.as_bytes().get(self.pos..self.pos + 2) == Some(b"\\u")
            && let Some(low @ 0xdc00..0xe000) = self.code_unit(2)
        {
            self.pos += 6;
            let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn close(&mut self) -> Event<'a> {
        self.pos += 1;
        self.open.pop();
        self.state = State::AfterValue;
        Event::End {
            end: self.base + self.pos,
        }
    }
}

/// Eight bytes at a time: how many spaces there are at the front.
pub(crate) fn spaces(bytes: &[u8]) -> usize {
    const ALL: u64 = u64::from_le_bytes(*b"        ");
    let mut count = 0;
    for chunk in bytes.chunks(8) {
        let Ok(word) = chunk.try_into().map(u64::from_le_bytes) else {
            return count + chunk.iter().take_while(|b| **b == b' ').count();
        };
        if word != ALL {
            return count + (word ^ ALL).trailing_zeros() as usize / 8;
        }
        count += 8;
    }
    count
}

/// How many bytes at the front stand in a string as they are meant: no quote, no backslash,
/// no control character.
pub(crate) fn run(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 128;
    let mut count = 0;
    for chunk in bytes.chunks(8) {
        let Ok(word) = chunk.try_into().map(u64::from_le_bytes) else {
            break;
        };
        // The high bit of each byte that is zero, or less than 0x20. Borrows may set it in
        // bytes after the first one found, never before.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = quote | backslash | control;
        if found != 0 {
            return count + found.trailing_zeros() as usize / 8;
        }
        count += 8;
    }
    let rest = bytes.get(count..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
    count + end.unwrap_or(rest.len())
}

impl<'a> Events<'a> for JsonReader<'a> {
    fn next_event(&mut self) -> Result<Event<'a>, Fault> {
        if self.state != State::AfterValue || !self.open.is_empty() {
            self.skip_space();
        }
        match self.state {
            State::Start => {
                self.state = State::Value;
                Ok(Event::DocumentStart { at: self.mark() })
            }
            State::FirstItem if self.byte() == Some(b']') => Ok(self.close()),
            State::FirstKey if self.byte() == Some(b'}') => Ok(self.close()),
            State::Value | State::FirstItem => self.value(),
            State::FirstKey | State::Key => {
                let at = self.mark();
                if self.byte() != Some(b'"') {
                    return self.unexpected("where a key should start");
                }
                let key = self.string()?;
                let event = self.scalar(key, at, false);
                self.skip_space();
                if !self.eat(b':') {
                    return self.unexpected("after a key");
                }
                self.state = State::Value;
                Ok(event)
            }
            State::AfterValue => match (self.open.last().copied(), self.byte()) {
                (None, _) => {
                    self.state = State::Done;
                    Ok(Event::DocumentEnd)
                }
                (Some(Container::Object), Some(b'}')) | (Some(Container::Array), Some(b']')) => {
                    Ok(self.close())
                }
                (Some(container), Some(b',')) => {
                    self.pos += 1;
                    self.state = match container {
                        Container::Object => State::Key,
                        Container::Array => State::Value,
                    };
                    self.next_event()
                }
                _ => self.unexpected("after a value"),
            },
            State::Done => Ok(Event::StreamEnd),
        }
    }
}
