//! JSON text that is not held: only the value in hand is in memory.

use crate::event::Mark;
use crate::json::{run, spaces};
use std::io::{self, Read};

/// How much is read at a time, in bytes.
const PIECE: u64 = 1 << 16;

/// Why the text is not read on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is not what was looked for.
    Other,
    /// It cannot be read.
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Goes over a text value by value.
pub(crate) struct Window<R> {
    from: R,
    buffer: Vec<u8>,
    /// What is passed of the buffer.
    passed: usize,
    at: Mark,
    /// How many bytes there may be, and how many were read.
    most: usize,
    pub(crate) read: usize,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(from: R, most: usize) -> Self {
        Self {
            from,
            buffer: Vec::new(),
            passed: 0,
            at: Mark::default(),
            most,
            read: 0,
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        self.at
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.passed..).unwrap_or_default()
    }

    /// Reads some more; `false` at the end.
    fn fill(&mut self) -> Result<bool, Stop> {
        self.buffer.drain(..self.passed.min(self.buffer.len()));
        self.passed = 0;
        let more = self.from.by_ref().take(PIECE);
        let count = { more }.read_to_end(&mut self.buffer)?;
        self.read = self.read.saturating_add(count);
        if self.read > self.most {
            return Err(Stop::Other);
        }
        Ok(count > 0)
    }

    /// Over white space, to the byte behind it.
    pub(crate) fn space(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            let Some(&byte) = self.buffer.get(self.passed) else {
                if self.fill()? {
                    continue;
                }
                return Ok(None);
            };
            let count = match byte {
                b' ' => spaces(self.rest()),
                b'\t' | b'\r' => 1,
                b'\n' => {
                    self.passed += 1;
                    self.at.offset += 1;
                    self.at.line = self.at.line.saturating_add(1);
                    self.at.column = 0;
                    continue;
                }
                other => return Ok(Some(other)),
            };
            self.step(count);
        }
    }

    /// Over a sign if it is the next thing behind white space.
    pub(crate) fn eat(&mut self, sign: u8) -> Result<bool, Stop> {
        let found = self.space()? == Some(sign);
        if found {
            self.step(1);
        }
        Ok(found)
    }

    fn step(&mut self, count: usize) {
        self.passed += count;
        self.at.offset += count;
        let columns = u32::try_from(count).unwrap_or(u32::MAX);
        self.at.column = self.at.column.saturating_add(columns);
    }

    /// The value that starts here, if it is one.
    pub(crate) fn value(&mut self) -> Result<&str, Stop> {
        let mut cut = Cut::default();
        let mut seen = 0;
        let len = loop {
            let rest = self.rest();
            if let Some(end) = cut.end(rest.get(seen..).unwrap_or_default()) {
                break seen + end;
            }
            seen = rest.len();
            if !self.fill()? {
                return Err(Stop::Other);
            }
        };
        let value = self.rest().get(..len).unwrap_or_default();
        std::str::from_utf8(value).map_err(|_| Stop::Other)
    }

    /// Goes on behind a value, at this place.
    pub(crate) fn pass(&mut self, to: Mark) {
        self.passed += to.offset.saturating_sub(self.at.offset);
        self.at = to;
    }
}

/// Looks for the end of a value, whatever it is, as far as brackets and quotes tell.
#[derive(Default)]
struct Cut {
    open: usize,
    quoted: bool,
    escaped: bool,
}

impl Cut {
    /// Where the value ends in the bytes that come next.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if std::mem::take(&mut self.escaped) && !bytes.is_empty() {
            at = 1;
        } else if bytes.is_empty() {
            return None;
        }
        loop {
            let rest = bytes.get(at..)?;
            if self.quoted {
                at += run(rest);
                match bytes.get(at)? {
                    b'"' => {
                        self.quoted = false;
                        if self.open == 0 {
                            return Some(at + 1);
                        }
                    }
                    b'\\' => {
                        at += 1;
                        self.escaped = at >= bytes.len();
                    }
                    _ => {}
                }
                at += 1;
                continue;
            }
            match *rest.first()? {
                b' ' if self.open > 0 => {
                    at += spaces(rest);
                    continue;
                }
                b'"' => self.quoted = true,
                b'{' | b'[' => self.open += 1,
                b'}' | b']' => match self.open {
                    0 => return Some(at),
                    1 => return Some(at + 1),
                    _ => self.open -= 1,
                },
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.open == 0 => return Some(at),
                _ => {}
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives bytes one by one.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let (Some((first, rest)), Some(slot)) = (self.0.split_first(), into.first_mut()) else {
                return Ok(0);
            };
            *slot = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn values_are_cut_wherever_pieces_end() {
        let values = [
            "\"a\\\"]\\\\\"",
            "{\"}\":[1,{}]}",
            "-1.5e3",
            "[[],\"[\"]",
            "null",
        ];
        for value in values {
            for behind in [",", "]", "}", " ,", "\n", ":"] {
                let text = format!("{value}{behind}");
                for cut in 0..text.len() {
                    let mut finder = Cut::default();
                    let (head, tail) = text.as_bytes().split_at(cut);
                    let end = finder
                        .end(head)
                        .or_else(|| finder.end(tail).map(|end| cut + end));
                    assert_eq!(end, Some(value.len()), "{text:?} cut at {cut}");
                }
                let mut window = Window::new(Slow(text.as_bytes()), 100);
                assert_eq!(window.value().ok(), Some(value));
            }
        }
    }
}
