//! Single- and double-quoted scalars.

use super::gap::Gap;
use super::place::{DOUBLE, SINGLE};
use super::{Reader, wrong};
use crate::event::{Fault, Mark};
use std::borrow::Cow;

impl<'a> Reader<'a> {
    /// A quoted scalar; its opening quote stands here.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.place.mark();
        let quote = self.place.byte();
        let bit = if quote == b'"' { DOUBLE } else { SINGLE };
        self.place.pos += 1;
        let mut out = String::new();
        // What stands here as it is meant, and is not in `out` yet.
        let mut from = self.place.pos;
        loop {
            if self.place.at_boundary() {
                return crate::build::fault(start, wrong::OPEN_QUOTE);
            }
            self.place.pos = self.place.run_end(bit);
            if self.place.at_end() {
                return crate::build::fault(start, wrong::OPEN_QUOTE);
            }
            let here = self.place.pos;
            let byte = self.place.byte();
            if byte == quote {
                if quote == b'\'' && self.place.ahead(1) == quote {
                    out.push_str(self.place.slice(from, here + 1));
                    self.place.pos += 2;
                    from = self.place.pos;
                    continue;
                }
                self.place.pos += 1;
                self.fresh = false;
                self.last_end = self.place.offset();
                let last = self.place.slice(from, here);
                if out.is_empty() {
                    return Ok(Cow::Borrowed(last));
                }
                out.push_str(last);
                return Ok(Cow::Owned(out));
            } else if byte == b'\\' {
                out.push_str(self.place.slice(from, here));
                self.place.pos += 1;
                if self.place.row_end() > 0 {
                    self.place.next_row();
                    Gap::pass(&mut self.place, true).fold(&mut out);
                } else {
                    out.push(self.escaped(start)?);
                }
            } else if self.place.row_end() > 0 {
                let visible = self.place.slice(from, here);
                out.push_str(visible.trim_end_matches([' ', '\t']));
                Gap::pass(&mut self.place, false).fold(&mut out);
            } else {
                self.place.pos += 1;
                continue;
            }
            from = self.place.pos;
        }
    }

    /// The character that stands after a backslash.
    fn escaped(&mut self, start: Mark) -> Result<char, Fault> {
        let digits = match self.place.byte() {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            short => {
                self.place.pos += 1;
                return named(short)
                    .map_or_else(|| crate::build::fault(start, wrong::NO_ESCAPE), Ok);
            }
        };
        let from = self.place.pos + 1;
        let code = self.place.slice(from, from + digits);
        if code.len() < digits || !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return crate::build::fault(start, wrong::NO_HEX);
        }
        self.place.pos = from + digits;
        match u32::from_str_radix(code, 16).ok().and_then(char::from_u32) {
            Some(c) => Ok(c),
            None => crate::build::fault(start, wrong::NO_CHARACTER),
        }
    }
}

/// What an escape of one letter stands for.
fn named(letter: u8) -> Option<char> {
    const NAMES: [(u8, char); 18] = [
        (b'n', '\n'),
        (b'"', '"'),
        (b'\\', '\\'),
        (b't', '\t'),
        (b'\t', '\t'),
        (b'r', '\r'),
        (b' ', ' '),
        (b'\'', '\''),
        (b'0', '\0'),
        (b'a', '\x07'),
        (b'b', '\x08'),
        (b'v', '\x0b'),
        (b'f', '\x0c'),
        (b'e', '\x1b'),
        (b'N', '\u{85}'),
        (b'_', '\u{a0}'),
        (b'L', '\u{2028}'),
        (b'P', '\u{2029}'),
    ];
    let found = NAMES.iter().find(|(name, _)| *name == letter);
    found.map(|(_, c)| *c)
}
