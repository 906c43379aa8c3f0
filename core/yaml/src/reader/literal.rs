//! Block scalars: `|` and `>`.

use super::{Reader, wrong};
use crate::event::Fault;

/// What becomes of the ends of rows after the last visible one.
#[derive(PartialEq)]
enum Tail {
    Strip,
    Clip,
    Keep,
}

impl Reader<'_> {
    /// A block scalar that starts here, in a collection whose content is indented by `floor`
    /// at least; and the position where it ends.
    pub(super) fn literal(&mut self, floor: usize) -> Result<(String, usize), Fault> {
        let start = self.place.mark();
        let folds = self.place.byte() == b'>';
        self.place.pos += 1;
        let (tail, deeper) = self.header()?;
        self.place.blanks();
        if self.place.byte() == b'#' {
            self.place.rest_of_row();
        }
        if !self.place.gap_ahead(0) {
            return crate::build::fault(start, wrong::BAD_BLOCK_HEADER);
        }
        self.last_end = self.place.offset();
        let header_end = self.place.pos;
        if self.place.row_end() > 0 {
            self.place.next_row();
        }
        self.fresh = true;
        // Ends of rows that are not in the text yet: the one of the last visible row, and
        // those of empty ones after it.
        let (mut end, mut empty) = ("", String::new());
        let indent = match deeper {
            Some(deeper) => {
                let indent = floor.saturating_sub(1) + deeper;
                self.empty_rows(Some(indent), &mut empty)?;
                indent
            }
            None => self.empty_rows(None, &mut empty)?.max(floor).max(1),
        };
        let mut stop = self.place.row.max(header_end);
        let mut text = String::new();
        let mut was_indented = false;
        while self.place.pos - self.place.row == indent && !self.place.at_end() {
            let is_indented = matches!(self.place.byte(), b' ' | b'\t');
            if folds && end == "\n" && !was_indented && !is_indented {
                if empty.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(end);
            }
            text.push_str(&empty);
            empty.clear();
            was_indented = is_indented;
            let from = self.place.pos;
            self.place.rest_of_row();
            text.push_str(self.place.slice(from, self.place.pos));
            stop = self.place.pos;
            self.last_end = self.place.offset();
            end = "";
            if self.place.row_end() > 0 {
                end = self.place.next_row();
            }
            self.empty_rows(Some(indent), &mut empty)?;
        }
        if tail != Tail::Strip {
            text.push_str(end);
        }
        if tail == Tail::Keep {
            text.push_str(&empty);
        }
        Ok((text, stop))
    }

    /// `+` or `-`, and how much deeper than its collection the text is, in any order.
    fn header(&mut self) -> Result<(Tail, Option<usize>), Fault> {
        let (mut tail, mut deeper) = (None, None);
        loop {
            match self.place.byte() {
                b'+' if tail.is_none() => tail = Some(Tail::Keep),
                b'-' if tail.is_none() => tail = Some(Tail::Strip),
                b'0' if deeper.is_none() => {
                    return self.place.fault(wrong::NO_INDENTATION);
                }
                digit @ b'1'..=b'9' if deeper.is_none() => {
                    deeper = Some(usize::from(digit - b'0'));
                }
                _ => return Ok((tail.unwrap_or(Tail::Clip), deeper)),
            }
            self.place.pos += 1;
        }
    }

    /// Over rows that are empty, and the indentation of the next. Returns the deepest
    /// indentation seen.
    fn empty_rows(&mut self, indent: Option<usize>, ends: &mut String) -> Result<usize, Fault> {
        let mut deepest = 0;
        loop {
            let most = indent.unwrap_or(usize::MAX);
            while self.place.pos - self.place.row < most && self.place.byte() == b' ' {
                self.place.pos += 1;
            }
            let column = self.place.pos - self.place.row;
            deepest = deepest.max(column);
            if column < most && self.place.byte() == b'\t' {
                return self.place.fault(wrong::TAB);
            }
            if self.place.row_end() == 0 {
                return Ok(deepest);
            }
            ends.push_str(self.place.next_row());
        }
    }
}
