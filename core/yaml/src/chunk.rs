//! The pieces of a stream, as k8s.io/apimachinery's `YAMLReader` cuts them: at lines that
//! start with `---`. Each piece is then a YAML text of its own.

use crate::event::{Fault, Mark};

/// One piece of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Chunk<'a> {
    pub text: &'a str,
    /// Where it starts in the whole text.
    pub at: Mark,
}

/// Cuts a stream into its pieces.
pub(crate) struct Chunks<'a> {
    text: &'a str,
    at: Mark,
}

impl<'a> Chunks<'a> {
    /// The stream that starts at a place of a text.
    pub(crate) fn new(text: &'a str, at: Mark) -> Self {
        Self {
            text: text.get(at.offset..).unwrap_or_default(),
            at,
        }
    }

    /// Takes `len` bytes off the front.
    fn take(&mut self, len: usize) -> (&'a str, Mark) {
        let at = self.at;
        let (head, tail) = self.text.split_at_checked(len).unwrap_or((self.text, ""));
        self.text = tail;
        self.at = advance(at, head);
        (head, at)
    }
}

/// The place after some text. Only line feeds count as line ends, as editors count.
pub(crate) fn advance(at: Mark, text: &str) -> Mark {
    let lines = text.bytes().filter(|&c| c == b'\n').count();
    let last = text
        .rfind('\n')
        .map_or(text, |i| text.get(i + 1..).unwrap_or_default());
    let columns = u32::try_from(last.chars().count()).unwrap_or(u32::MAX);
    Mark {
        offset: at.offset + text.len(),
        line: at
            .line
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)),
        column: if lines == 0 {
            at.column.saturating_add(columns)
        } else {
            columns
        },
    }
}

fn line_len(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |i| i + 1)
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.text.is_empty() {
            return None;
        }
        // A separator with nothing before it belongs to the piece that it starts.
        let mut end = 0;
        if self.text.starts_with("---") {
            let len = line_len(self.text);
            if let Some(fault) = bad_separator(self.text.get(..len)?, self.at) {
                self.take(len);
                return Some(Err(fault));
            }
            end = len;
        }
        let rest = self.text.get(end..)?;
        end = if rest.starts_with("---") {
            end
        } else {
            rest.find("\n---").map_or(self.text.len(), |i| end + i + 1)
        };
        let (text, at) = self.take(end);
        let len = line_len(self.text);
        if self.text.starts_with("---") {
            let (line, line_at) = self.take(len);
            if let Some(fault) = bad_separator(line, line_at) {
                return Some(Err(fault)); // the reader drops the piece before it, too
            }
        }
        Some(Ok(Chunk { text, at }))
    }
}

/// Only blanks and a comment may follow the dashes.
fn bad_separator(line: &str, at: Mark) -> Option<Fault> {
    let rest = line.get(3..)?.trim();
    (!rest.is_empty() && !rest.starts_with('#')).then(|| Fault {
        at,
        // What stands there is not repeated: it may be a secret.
        message: "only a comment may follow the document separator `---`".to_owned(),
    })
}
