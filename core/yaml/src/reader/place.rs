//! A place in the text, and the small questions asked there.

use crate::event::{Fault, Mark};
use std::cell::Cell;

/// What a byte may end, as bits of [`ENDS`].
pub(super) const PLAIN: u8 = 1;
pub(super) const PLAIN_IN_FLOW: u8 = 2;
pub(super) const SINGLE: u8 = 4;
pub(super) const DOUBLE: u8 = 8;
pub(super) const ROW: u8 = 16;

/// Which runs a byte may end: bytes to look at more closely. A first byte of NEL, LS or PS
/// ends every run, because it may.
#[allow(clippy::indexing_slicing)] // every index is a constant below 256
static ENDS: [u8; 256] = {
    let mut ends = [0; 256];
    let rows: [usize; 4] = [b'\n' as usize, b'\r' as usize, 0xc2, 0xe2];
    let mut i = 0;
    while i < rows.len() {
        ends[rows[i]] = PLAIN | PLAIN_IN_FLOW | SINGLE | DOUBLE | ROW;
        i += 1;
    }
    ends[b' ' as usize] = PLAIN | PLAIN_IN_FLOW;
    ends[b'\t' as usize] = PLAIN | PLAIN_IN_FLOW;
    ends[b':' as usize] = PLAIN | PLAIN_IN_FLOW;
    ends[b',' as usize] = PLAIN_IN_FLOW;
    ends[b'?' as usize] = PLAIN_IN_FLOW;
    ends[b'[' as usize] = PLAIN_IN_FLOW;
    ends[b']' as usize] = PLAIN_IN_FLOW;
    ends[b'{' as usize] = PLAIN_IN_FLOW;
    ends[b'}' as usize] = PLAIN_IN_FLOW;
    ends[b'\'' as usize] = SINGLE;
    ends[b'"' as usize] = DOUBLE;
    ends[b'\\' as usize] = DOUBLE;
    ends
};

/// Walks over a text, row by row. A row is what YAML takes for a line: CR, NEL, LS and PS
/// end it as LF does. Beyond the end of the text there is NUL, which no text contains.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    text: &'a str,
    /// Where the text starts in the whole one.
    base: Mark,
    ascii: bool,
    pub pos: usize,
    /// Where the row starts.
    pub row: usize,
    /// Line feeds so far, which is what editors count.
    line: u32,
    /// How many characters of the row start before a position; saves counting them again.
    counted: Cell<(usize, usize)>,
}

impl<'a> Place<'a> {
    pub(super) fn new(text: &'a str, base: Mark) -> Self {
        Self {
            text,
            base,
            ascii: text.is_ascii(),
            pos: 0,
            row: 0,
            line: 0,
            counted: Cell::new((0, 0)),
        }
    }

    pub(super) fn byte(&self) -> u8 {
        self.ahead(0)
    }

    pub(super) fn ahead(&self, by: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.pos + by)
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn at_end(&self) -> bool {
        self.pos >= self.text.len()
    }

    /// The text between two positions.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Characters before on the same row.
    pub(super) fn column(&self) -> usize {
        if self.ascii {
            return self.pos - self.row;
        }
        let (until, count) = self.counted.get();
        let (until, count) = if until < self.row || until > self.pos {
            (self.row, 0)
        } else {
            (until, count)
        };
        let count = count + self.slice(until, self.pos).chars().count();
        self.counted.set((self.pos, count));
        count
    }

    pub(super) fn mark(&self) -> Mark {
        let column = u32::try_from(self.column()).unwrap_or(u32::MAX);
        Mark {
            offset: self.offset(),
            line: self.base.line.saturating_add(self.line),
            column: if self.row == 0 {
                column.saturating_add(self.base.column)
            } else {
                column
            },
        }
    }

    /// Bytes from the start of the whole text.
    pub(super) fn offset(&self) -> usize {
        self.base.offset + self.pos
    }

    pub(super) fn fault<T>(&self, message: &str) -> Result<T, Fault> {
        crate::build::fault(self.mark(), message)
    }

    /// Where a run of bytes ends that starts here: at a byte with this bit, or at the end.
    pub(super) fn run_end(&self, bit: u8) -> usize {
        let bytes = self.text.as_bytes().get(self.pos..).unwrap_or_default();
        let ends = |&b: &u8| ENDS.get(usize::from(b)).is_some_and(|bits| bits & bit != 0);
        self.pos + bytes.iter().position(ends).unwrap_or(bytes.len())
    }

    /// How long the end of a row is that stands here; 0 for none.
    pub(super) fn row_end(&self) -> usize {
        self.row_end_ahead(0)
    }

    fn row_end_ahead(&self, by: usize) -> usize {
        match self.ahead(by) {
            b'\n' => 1,
            // The stream reader makes LF of CR LF first, so that CR CR LF is CR LF then.
            b'\r' => match (self.ahead(by + 1), self.ahead(by + 2)) {
                (b'\n', _) => 2,
                (b'\r', b'\n') => 3,
                _ => 1,
            },
            0xc2 if self.ahead(by + 1) == 0x85 => 2,
            0xe2 if self.ahead(by + 1) == 0x80 && matches!(self.ahead(by + 2), 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }

    /// Whether there is a blank, the end of the row or of the text so many bytes ahead.
    pub(super) fn gap_ahead(&self, by: usize) -> bool {
        match self.ahead(by) {
            b' ' | b'\t' => true,
            0 => self.pos + by >= self.text.len(),
            0x0a | 0x0d | 0xc2 | 0xe2 => self.row_end_ahead(by) > 0,
            _ => false,
        }
    }

    /// Whether this is an indicator that stands for itself: `- `.
    pub(super) fn indicator(&self, byte: u8) -> bool {
        self.byte() == byte && self.gap_ahead(1)
    }

    /// Over the end of a row; says what it is in text.
    pub(super) fn next_row(&mut self) -> &'static str {
        let len = self.row_end();
        let kept = match (self.byte(), self.ahead(2)) {
            (0xe2, 0xa8) => "\u{2028}",
            (0xe2, _) => "\u{2029}",
            _ => "\n",
        };
        if self.slice(self.pos, self.pos + len).ends_with('\n') {
            self.line = self.line.saturating_add(1);
        }
        self.pos += len;
        self.row = self.pos;
        kept
    }

    pub(super) fn blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t') {
            self.pos += 1;
        }
    }

    /// To the end of the row, which is not passed.
    pub(super) fn rest_of_row(&mut self) {
        loop {
            self.pos = self.run_end(ROW);
            if self.at_end() || self.row_end() > 0 {
                return;
            }
            self.pos += 1;
        }
    }

    /// ASCII letters, digits, `_` and `-`.
    pub(super) fn word(&mut self) -> &'a str {
        let from = self.pos;
        while matches!(self.byte(), b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-') {
            self.pos += 1;
        }
        self.slice(from, self.pos)
    }

    /// Whether the row starts with `---` or `...` and this is its start.
    pub(super) fn at_boundary(&self) -> bool {
        self.pos == self.row && (self.is_boundary(b'-') || self.is_boundary(b'.'))
    }

    pub(super) fn is_boundary(&self, byte: u8) -> bool {
        self.pos == self.row && (0..3).all(|by| self.ahead(by) == byte) && self.gap_ahead(3)
    }

    /// Whether what is open ends here whatever it is: the text or the document is over.
    pub(super) fn at_stop(&self) -> bool {
        self.at_end() || self.pos == self.row && (self.byte() == b'%' || self.at_boundary())
    }
}
