//! Single- and double-quoted scalars.

use super::properties::hex;
use super::scalars::Gap;
use super::scanner::Scanner;
use super::token::Kind;
use crate::build::fault;
use crate::event::{Fault, Mark};
use std::borrow::Cow;

impl Scanner<'_> {
    pub(super) fn quoted_scalar(&mut self, quote: u8) -> Result<(), Fault> {
        let at = self.cursor.mark();
        self.cursor.skip();
        let start = self.cursor.pos;
        // Most quoted text stands there as it is.
        let rest = self.cursor.rest();
        let run = if quote == b'"' {
            let stop = |b: &u8| matches!(b, b'"' | b'\\' | b'\n' | b'\r' | 0xc2 | 0xe2);
            rest.iter().position(stop)
        } else {
            rest.iter()
                .position(|b| matches!(b, b'\'' | b'\n' | b'\r' | 0xc2 | 0xe2))
        };
        let run = run.unwrap_or(rest.len());
        self.cursor.skip_bytes(run);
        let text =
            if self.cursor.byte(0) == quote && (quote == b'"' || self.cursor.byte(1) != quote) {
                Cow::Borrowed(self.cursor.since(start))
            } else {
                let mut out = self.cursor.since(start).to_owned();
                // Blanks before a line break go, so give them back to the loop below.
                let kept = out.trim_end_matches([' ', '\t']).len();
                let blanks = out.len() - kept;
                out.truncate(kept);
                self.cursor.pos -= blanks;
                self.cursor.column -= u32::try_from(blanks).unwrap_or(0);
                self.quoted_pieces(quote, at, &mut out)?;
                Cow::Owned(out)
            };
        self.cursor.skip(); // the right quote
        self.push_text(Kind::Scalar, at, text, "");
        Ok(())
    }

    /// The text up to the closing quote, escapes decoded and line breaks folded.
    fn quoted_pieces(&mut self, quote: u8, at: Mark, out: &mut String) -> Result<(), Fault> {
        loop {
            if self.cursor.is_document_indicator() {
                return fault(at, "found unexpected document indicator");
            }
            if self.cursor.is_end() {
                return fault(at, "found unexpected end of stream");
            }
            let mut gap = Gap::default();
            while !self.cursor.is_blank_break_or_end(0) {
                let c = self.cursor.byte(0);
                if c == quote {
                    if quote == b'"' || self.cursor.byte(1) != quote {
                        break;
                    }
                    out.push('\'');
                    self.cursor.skip_bytes(2);
                } else if quote == b'"' && c == b'\\' {
                    if self.cursor.break_len(1) > 0 {
                        self.cursor.skip();
                        self.cursor.skip_break();
                        gap.broken = true; // by nothing: the break is gone
                        break;
                    }
                    self.escape(at, out)?;
                } else {
                    let from = self.cursor.pos;
                    self.cursor.skip();
                    out.push_str(self.cursor.since(from));
                }
            }
            if self.cursor.byte(0) == quote {
                return Ok(());
            }
            let from = self.cursor.pos;
            let mut blanks = "";
            loop {
                if self.cursor.is_blank() {
                    self.cursor.skip();
                    if !gap.broken {
                        blanks = self.cursor.since(from);
                    }
                } else if self.cursor.is_break() {
                    gap.line_break(self.cursor.read_break());
                } else {
                    break;
                }
            }
            if gap.broken {
                gap.fold_into(out);
            } else {
                out.push_str(blanks);
            }
        }
    }

    fn escape(&mut self, at: Mark, out: &mut String) -> Result<(), Fault> {
        let length = match self.cursor.byte(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            c => {
                out.push(match c {
                    b'0' => '\0',
                    b'a' => '\x07',
                    b'b' => '\x08',
                    b't' | b'\t' => '\t',
                    b'n' => '\n',
                    b'v' => '\x0b',
                    b'f' => '\x0c',
                    b'r' => '\r',
                    b'e' => '\x1b',
                    b' ' => ' ',
                    b'"' => '"',
                    b'\'' => '\'',
                    b'\\' => '\\',
                    b'N' => '\u{85}',
                    b'_' => '\u{a0}',
                    b'L' => '\u{2028}',
                    b'P' => '\u{2029}',
                    _ => return fault(at, "found unknown escape character"),
                });
                self.cursor.skip_bytes(2);
                return Ok(());
            }
        };
        self.cursor.skip_bytes(2);
        let mut code = 0u32;
        for ahead in 0..length {
            let Some(digit) = hex(self.cursor.byte(ahead)) else {
                return fault(at, "did not find expected hexdecimal number");
            };
            code = (code << 4) | u32::from(digit);
        }
        let Some(c) = char::from_u32(code) else {
            return fault(at, "found invalid Unicode character escape code");
        };
        out.push(c);
        self.cursor.skip_bytes(length);
        Ok(())
    }
}
