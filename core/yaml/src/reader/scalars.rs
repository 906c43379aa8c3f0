//! Plain scalars and block scalars (`|`, `>`).

use super::scanner::Scanner;
use super::token::Kind;
use crate::build::fault;
use crate::event::{Fault, Mark};
use std::borrow::Cow;

/// Whitespace between two pieces of a scalar, until it is known what becomes of it.
#[derive(Default)]
pub(super) struct Gap<'a> {
    /// Whether there was a line break.
    pub broken: bool,
    first_break: &'a str,
    more_breaks: String,
}

impl<'a> Gap<'a> {
    pub(super) fn line_break(&mut self, text: &'a str) {
        if self.broken {
            self.more_breaks.push_str(text);
        } else {
            self.broken = true;
            self.first_break = text;
        }
    }

    /// Folds the line breaks: one becomes a space, of several the first goes.
    pub(super) fn fold_into(&mut self, out: &mut String) {
        if self.first_break == "\n" {
            if self.more_breaks.is_empty() {
                out.push(' ');
            }
        } else {
            out.push_str(self.first_break);
        }
        out.push_str(&self.more_breaks);
        *self = Self::default();
    }
}

impl Scanner<'_> {
    pub(super) fn plain_scalar(&mut self) -> Result<(), Fault> {
        let at = self.cursor.mark();
        let start = self.cursor.pos;
        let indent = self.indent + 1;
        let flow = self.flow_level > 0;
        // While it is one piece of the text it stays borrowed.
        let mut end = start;
        let mut end_offset = self.cursor.offset();
        let mut folded: Option<String> = None;
        let mut gap = Gap::default();
        loop {
            if self.cursor.is_document_indicator() || self.cursor.byte(0) == b'#' {
                break;
            }
            let from = self.cursor.pos;
            self.plain_run(flow);
            if self.cursor.pos > from {
                if gap.broken {
                    let out =
                        folded.get_or_insert_with(|| self.cursor.slice(start, end).to_owned());
                    gap.fold_into(out);
                } else if let Some(out) = &mut folded {
                    out.push_str(self.cursor.slice(end, from));
                }
                if let Some(out) = &mut folded {
                    out.push_str(self.cursor.since(from));
                }
                end = self.cursor.pos;
                end_offset = self.cursor.offset();
            }
            if !self.cursor.is_blank() && !self.cursor.is_break() {
                break;
            }
            loop {
                if self.cursor.is_blank() {
                    if gap.broken
                        && i64::from(self.cursor.column) < indent
                        && self.cursor.byte(0) == b'\t'
                    {
                        return self
                            .cursor
                            .fault("found a tab character that violates indentation");
                    }
                    self.cursor.skip();
                } else if self.cursor.is_break() {
                    gap.line_break(self.cursor.read_break());
                } else {
                    break;
                }
            }
            if !flow && i64::from(self.cursor.column) < indent {
                break;
            }
        }
        let text = match folded {
            Some(text) => Cow::Owned(text),
            None => Cow::Borrowed(self.cursor.slice(start, end)),
        };
        self.push_text(Kind::PlainScalar, at, text, "");
        self.end_last_at(end_offset);
        // A new line may start a key, and the scalar has already eaten the line break.
        if gap.broken {
            self.simple_key_allowed = true;
        }
        Ok(())
    }

    /// Characters up to whitespace or what ends a plain scalar.
    fn plain_run(&mut self, flow: bool) {
        loop {
            let stop = |b: &u8| {
                matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b':' | 0xc2 | 0xe2)
                    || (flow && matches!(b, b',' | b'?' | b'[' | b']' | b'{' | b'}'))
            };
            let rest = self.cursor.rest();
            let run = rest.iter().position(stop).unwrap_or(rest.len());
            self.cursor.skip_bytes(run);
            match self.cursor.byte(0) {
                b':' if !self.cursor.is_blank_break_or_end(1) => self.cursor.skip(),
                0xc2 | 0xe2 if !self.cursor.is_break() => self.cursor.skip(),
                _ => return,
            }
        }
    }

    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<(), Fault> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let at = self.cursor.mark();
        self.cursor.skip();
        let (keep, strip, increment) = self.block_header(at)?;
        self.cursor.skip_blanks();
        self.cursor.skip_comment();
        if !self.cursor.is_break_or_end() {
            return fault(at, "did not find expected comment or line break");
        }
        self.cursor.skip_break();

        let mut indent = match increment {
            0 => 0,
            more => self.indent.max(0) + more,
        };
        let mut end_offset = self.cursor.offset();
        let mut breaks = String::new();
        self.block_breaks(&mut indent, &mut breaks, at, &mut end_offset)?;
        let mut text = String::new();
        let mut line_break = "";
        let mut after_blank = false;
        while i64::from(self.cursor.column) == indent && !self.cursor.is_end() {
            let blank = self.cursor.is_blank();
            // Folding joins lines unless one of them is indented further.
            if !literal && !after_blank && !blank && line_break == "\n" {
                if breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(line_break);
            }
            text.push_str(&breaks);
            breaks.clear();
            after_blank = blank;
            let start = self.cursor.pos;
            self.rest_of_line();
            text.push_str(self.cursor.since(start));
            end_offset = self.cursor.offset();
            line_break = self.cursor.read_break();
            self.block_breaks(&mut indent, &mut breaks, at, &mut 0)?;
        }
        if !strip {
            text.push_str(line_break);
        }
        if keep {
            text.push_str(&breaks);
        }
        self.push_text(Kind::Scalar, at, Cow::Owned(text), "");
        self.end_last_at(end_offset);
        Ok(())
    }

    fn rest_of_line(&mut self) {
        loop {
            let stop = |b: &u8| matches!(b, b'\n' | b'\r' | 0xc2 | 0xe2);
            let rest = self.cursor.rest();
            let run = rest.iter().position(stop).unwrap_or(rest.len());
            self.cursor.skip_bytes(run);
            if self.cursor.is_break_or_end() {
                return;
            }
            self.cursor.skip();
        }
    }

    /// The chomping (`+` keeps, `-` strips) and indentation indicators, in any order.
    fn block_header(&mut self, at: Mark) -> Result<(bool, bool, i64), Fault> {
        let (mut keep, mut strip, mut increment) = (false, false, 0);
        let (mut chomped, mut indented) = (false, false);
        loop {
            match self.cursor.byte(0) {
                c @ (b'+' | b'-') if !chomped => {
                    (keep, strip, chomped) = (c == b'+', c == b'-', true);
                }
                b'0' if !indented => {
                    return fault(at, "found an indentation indicator equal to 0");
                }
                c @ b'1'..=b'9' if !indented => {
                    (increment, indented) = (i64::from(c - b'0'), true);
                }
                _ => return Ok((keep, strip, increment)),
            }
            self.cursor.skip();
        }
    }

    /// Indentation and empty lines; finds the indentation if it is not known (0).
    fn block_breaks(
        &mut self,
        indent: &mut i64,
        breaks: &mut String,
        at: Mark,
        end_offset: &mut usize,
    ) -> Result<(), Fault> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || i64::from(self.cursor.column) < *indent)
                && self.cursor.byte(0) == b' '
            {
                self.cursor.skip();
            }
            deepest = deepest.max(i64::from(self.cursor.column));
            if (*indent == 0 || i64::from(self.cursor.column) < *indent)
                && self.cursor.byte(0) == b'\t'
            {
                return fault(
                    at,
                    "found a tab character where an indentation space is expected",
                );
            }
            if !self.cursor.is_break() {
                break;
            }
            breaks.push_str(self.cursor.read_break());
            *end_offset = self.cursor.offset();
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}
