//! A place in the text, and the small questions asked there.

use crate::event::{Fault, Mark};

/// Walks over a text. Beyond its end there is NUL, which no text contains.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pub pos: usize,
    /// Characters since the last line break of any kind.
    pub column: u32,
    /// Line feeds so far, which is what editors count.
    line: u32,
    /// Where the line of YAML starts.
    pub line_start: usize,
    /// Where the text starts in the whole one.
    base: Mark,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, base: Mark) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            pos: 0,
            column: 0,
            line: 0,
            line_start: 0,
            base,
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            offset: self.offset(),
            line: self.base.line.saturating_add(self.line),
            column: self.column,
        }
    }

    /// Bytes from the start of the whole text.
    pub(super) fn offset(&self) -> usize {
        self.base.offset + self.pos
    }

    pub(super) fn fault<T>(&self, message: &str) -> Result<T, Fault> {
        crate::build::fault(self.mark(), message)
    }

    /// The text from a position to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.pos).unwrap_or_default()
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.pos..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.pos + ahead).copied().unwrap_or(0)
    }

    /// The length of the line break here, 0 for none. YAML 1.1 knows CR, LF, CR LF, NEL,
    /// LS and PS.
    #[inline]
    pub(super) fn break_len(&self, ahead: usize) -> usize {
        match self.byte(ahead) {
            b'\n' => 1,
            b'\r' => match (self.byte(ahead + 1), self.byte(ahead + 2)) {
                (b'\n', _) => 2,
                // The stream reader has made CR LF to LF before.
                (b'\r', b'\n') => 3,
                _ => 1,
            },
            0xc2 if self.byte(ahead + 1) == 0x85 => 2,
            0xe2 if self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xa8 | 0xa9) => {
                3
            }
            _ => 0,
        }
    }

    pub(super) fn is_break(&self) -> bool {
        self.break_len(0) > 0
    }

    pub(super) fn is_end(&self) -> bool {
        self.byte(0) == 0
    }

    pub(super) fn is_break_or_end(&self) -> bool {
        self.is_end() || self.is_break()
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self.byte(0), b' ' | b'\t')
    }

    #[inline]
    pub(super) fn is_blank_break_or_end(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t' | 0) || self.break_len(ahead) > 0
    }

    /// Whether the `---` or `...` of a document starts here.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.column == 0
            && (self.rest().starts_with(b"---") || self.rest().starts_with(b"..."))
            && self.is_blank_break_or_end(3)
    }

    /// One character onward, which is no line break.
    #[inline]
    pub(super) fn skip(&mut self) {
        let width = match self.byte(0) {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        self.pos += width;
        self.column += 1;
    }

    /// Some bytes onward, which hold no line break.
    #[inline]
    pub(super) fn skip_bytes(&mut self, count: usize) {
        let skipped = self
            .bytes
            .get(self.pos..self.pos + count)
            .unwrap_or_default();
        let characters = skipped.iter().filter(|&&b| b & 0xc0 != 0x80).count();
        self.pos += skipped.len();
        self.column = self
            .column
            .saturating_add(u32::try_from(characters).unwrap_or(u32::MAX));
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank() {
            self.skip();
        }
    }

    /// A comment, up to the line break.
    pub(super) fn skip_comment(&mut self) {
        if self.byte(0) != b'#' {
            return;
        }
        loop {
            let plain = |b: &u8| matches!(b, b'\n' | b'\r' | 0xc2 | 0xe2);
            let run = self
                .rest()
                .iter()
                .position(plain)
                .unwrap_or(self.rest().len());
            self.skip_bytes(run);
            if self.is_break_or_end() {
                return;
            }
            self.skip();
        }
    }

    /// Over a line break, if there is one here.
    pub(super) fn skip_break(&mut self) -> usize {
        let length = self.break_len(0);
        if length > 0 {
            if self.bytes.get(self.pos + length - 1) == Some(&b'\n') {
                self.line = self.line.saturating_add(1);
            }
            self.pos += length;
            self.column = 0;
            self.line_start = self.pos;
        }
        length
    }

    /// Over a line break and the character that it is in text: LF, but LS and PS stay.
    pub(super) fn read_break(&mut self) -> &'a str {
        let start = self.pos;
        match (self.skip_break(), self.since(start)) {
            (0, _) => "",
            (_, separator @ ("\u{2028}" | "\u{2029}")) => separator,
            _ => "\n",
        }
    }

    /// ASCII letters, digits, `_` and `-`.
    pub(super) fn read_name(&mut self) -> &'a str {
        let start = self.pos;
        while self.byte(0).is_ascii_alphanumeric() || matches!(self.byte(0), b'_' | b'-') {
            self.skip();
        }
        self.since(start)
    }

    /// As if a line ended here.
    pub(super) fn force_line_end(&mut self) {
        self.column = 0;
        self.line_start = self.pos + 1;
    }
}
