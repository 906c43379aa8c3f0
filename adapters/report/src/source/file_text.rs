//! The text of a file by lines, and where credentials are in it.

use std::cell::OnceCell;
use std::ops::Range;

/// The text of one file, or of a piece of a long one, with the places of its lines.
#[derive(Debug)]
pub(super) struct FileText {
    pub(super) text: String,
    /// The number of its first line.
    first: usize,
    pub(super) is_piece: bool,
    /// Byte offset of each line's beginning.
    starts: Vec<usize>,
    /// Where its tree says that credentials are; `None` for a text too long to be parsed.
    credentials: OnceCell<Option<Vec<Range<usize>>>>,
}

impl FileText {
    pub(super) fn new(text: String) -> Self {
        let mut starts = vec![0];
        starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(at, _)| at + 1),
        );
        Self {
            text,
            first: 1,
            is_piece: false,
            starts,
            credentials: OnceCell::new(),
        }
    }

    /// A piece of a long file. It is no document, so nobody knows where its credentials are.
    pub(super) fn piece(text: String, first: usize) -> Self {
        let mut piece = Self::new(text);
        piece.first = first;
        piece.is_piece = true;
        piece.credentials = OnceCell::from(None);
        piece
    }

    /// Credentials in a range, counted from its beginning; `None` when nobody knows.
    pub(super) fn credentials(&self, range: Range<usize>) -> Option<Vec<Range<usize>>> {
        let all = self
            .credentials
            .get_or_init(|| crate::credentials::places(&self.text))
            .as_ref()?;
        let first = all.partition_point(|place| place.end <= range.start);
        let in_range = all
            .iter()
            .skip(first)
            .take_while(|place| place.start < range.end)
            .map(|place| {
                place.start.max(range.start) - range.start..place.end.min(range.end) - range.start
            });
        Some(in_range.collect())
    }

    /// What it takes in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.text.len() + self.starts.len() * 8
    }

    /// A line without its end, by its number.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        let range = self.line_range(number)?;
        self.text.get(range)
    }

    pub(super) fn line_range(&self, number: usize) -> Option<Range<usize>> {
        let start = *self.starts.get(number.checked_sub(self.first)?)?;
        let end = self
            .starts
            .get(number - self.first + 1)
            .map_or(self.text.len(), |next| next - 1);
        let line = self.text.get(start..end)?;
        Some(start..start + line.trim_end_matches('\r').len())
    }

    /// The number of the line that a byte is in.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte) + self.first - 1
    }

    /// The number of the last line.
    pub(super) fn last(&self) -> usize {
        self.starts.len() + self.first - 1
    }
}
