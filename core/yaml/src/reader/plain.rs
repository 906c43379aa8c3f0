//! Scalars without quotes.

use super::gap::Gap;
use super::place::{PLAIN, PLAIN_IN_FLOW};
use super::{Reader, wrong};
use crate::event::Fault;
use std::borrow::Cow;

impl<'a> Reader<'a> {
    /// Whether a plain scalar may start with the character here.
    pub(super) fn starts_plain(&self) -> bool {
        match self.place.byte() {
            b'-' => !self.place.gap_ahead(1),
            b'?' | b':' => !self.in_flow() && !self.place.gap_ahead(1),
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\''
            | b'"' | b'%' | b'@' | b'`' => false,
            _ => !self.place.gap_ahead(0),
        }
    }

    /// A plain scalar with the blanks and rows after it, and where it ends. It goes on in
    /// rows that are indented by `floor` at least.
    pub(super) fn plain(&mut self, floor: usize) -> Result<(Cow<'a, str>, usize), Fault> {
        let at = self.place.pos;
        let (mut from, mut end) = (at, at);
        let mut before = String::new();
        let mut gap: Option<Gap> = None;
        loop {
            if self.place.at_boundary() || self.place.byte() == b'#' {
                break;
            }
            let start = self.place.pos;
            self.piece();
            if self.place.pos == start {
                break;
            }
            if let Some(mut gap) = gap.take() {
                before.push_str(self.place.slice(from, end));
                gap.fold(&mut before);
                from = start;
            }
            end = self.place.pos;
            self.last_end = self.place.offset();
            loop {
                match self.place.byte() {
                    b' ' => self.place.pos += 1,
                    b'\t' => {
                        if gap.is_some() && self.place.column() < floor {
                            return self.place.fault(wrong::TAB);
                        }
                        self.place.pos += 1;
                    }
                    _ if self.place.row_end() > 0 => {
                        let end = self.place.next_row();
                        gap.get_or_insert_default().add(end);
                    }
                    _ => break,
                }
            }
            if gap.is_some() && !self.in_flow() && self.place.column() < floor {
                break;
            }
        }
        self.fresh = gap.is_some();
        let last = self.place.slice(from, end);
        if before.is_empty() {
            return Ok((Cow::Borrowed(last), end));
        }
        before.push_str(last);
        Ok((Cow::Owned(before), end))
    }

    /// Up to a blank, or to what ends a plain scalar.
    fn piece(&mut self) {
        let bit = if self.in_flow() { PLAIN_IN_FLOW } else { PLAIN };
        loop {
            self.place.pos = self.place.run_end(bit);
            let goes_on = match self.place.byte() {
                b':' => !self.place.gap_ahead(1),
                0xc2 | 0xe2 => self.place.row_end() == 0,
                _ => false,
            };
            if !goes_on {
                return;
            }
            self.place.pos += 1;
        }
    }
}
