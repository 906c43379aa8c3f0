//! The user's own lines, read again for a report: located, cut to size and masked.

mod file_text;

use crate::redact::{self, MASK};
use file_text::FileText;
use seawall_model::{FileId, SourceText, Span};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// Bytes of source text that are kept at a time. Findings come ranked, not by file, so
/// texts are kept as long as there is room.
const KEEP: usize = 64 << 20;
/// Bytes that are shown of a line on each side of what is marked.
const MARGIN: usize = 240;
/// Lines of a longer span that are shown.
const SPAN_LINES: usize = 3;
/// A line of this length is machine-made.
const LONG_LINE: usize = 2_000;
/// Bytes around a span that are read of a long file.
const PIECE: u32 = 64 << 10;
/// Lines that are searched for what a line belongs to.
const SEARCH: usize = 400;

/// Where a span ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) line: u32,
    /// One past the last character.
    pub(crate) column: u32,
}

/// A line of a [`Snippet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: usize,
    /// The line, masked, possibly only the part around the mark.
    pub(crate) text: String,
    /// What is marked of it, in bytes of `text`.
    pub(crate) mark: Option<Range<usize>>,
}

/// A piece of source with what is meant marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    pub(crate) lines: Vec<Line>,
    /// Marked lines after the last one shown.
    pub(crate) omitted: usize,
    /// The marked text, when it is one short line and nothing of it was masked.
    pub(crate) marked: Option<String>,
}

impl Snippet {
    /// Whether the mark goes over more than one line.
    pub(crate) fn is_block(&self) -> bool {
        self.omitted > 0 || self.lines.iter().filter(|line| line.mark.is_some()).count() > 1
    }
}

/// Reads and remembers source texts.
pub(crate) struct Sources<'a> {
    text: &'a dyn SourceText,
    kept: RefCell<Kept>,
}

#[derive(Default)]
struct Kept {
    files: HashMap<FileId, Option<Rc<FileText>>>,
    bytes: usize,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(text: &'a dyn SourceText) -> Self {
        Self {
            text,
            kept: RefCell::default(),
        }
    }

    fn file(&self, id: FileId) -> Option<Rc<FileText>> {
        if id == FileId::UNKNOWN {
            return None;
        }
        if let Some(known) = self.kept.borrow().files.get(&id) {
            return known.clone();
        }
        let read = self.text.text(id).map(|text| Rc::new(FileText::new(text)));
        let mut kept = self.kept.borrow_mut();
        let bytes = read.as_ref().map_or(64, |f| f.weight());
        if kept.bytes + bytes > KEEP {
            kept.files.clear();
            kept.bytes = 0;
        }
        kept.bytes += bytes;
        kept.files.insert(id, read.clone());
        read
    }

    /// The file of a span and the span's bytes in it; `None` when the text cannot be had or
    /// is not the one that was scanned. Of a long file it is a piece with so many bytes
    /// around the span.
    fn bytes(&self, span: Span, margin: u32) -> Option<(Rc<FileText>, Range<usize>)> {
        if !span.is_known() {
            return None;
        }
        let known = span.start..span.end.max(span.start);
        let piece = self.text.piece(span.file, known.clone(), margin);
        let range = |begin: u32| (known.start - begin) as usize..(known.end - begin) as usize;
        let (file, range) = match piece {
            Some((begin, text)) => {
                let range = range(begin);
                let before = text.get(..range.start)?;
                let breaks = before.bytes().filter(|byte| *byte == b'\n').count();
                let first = (span.line as usize).checked_sub(breaks)?;
                (Rc::new(FileText::piece(text, first)), range)
            }
            None => (self.file(span.file)?, range(0)),
        };
        file.text.get(range.clone())?;
        (file.line_of(range.start) == span.line as usize).then_some(())?;
        Some((file, range))
    }

    /// Where a span ends, in lines and columns.
    pub(crate) fn end(&self, span: Span) -> Option<End> {
        let (file, range) = self.bytes(span, 0)?;
        let text = file.text.get(range)?;
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let breaks = text.bytes().filter(|b| *b == b'\n').count();
        if breaks == 0 {
            return Some(End {
                line: span.line,
                column: span.column.saturating_add(small(text.chars().count())),
            });
        }
        let last = text.rsplit('\n').next().unwrap_or("");
        Some(End {
            line: span.line.saturating_add(small(breaks)),
            column: small(last.chars().count() + 1),
        })
    }

    /// The marked lines, with up to `context` lines before them.
    pub(crate) fn snippet(&self, span: Span, context: usize, secret: bool) -> Option<Snippet> {
        let (file, range) = self.bytes(span, PIECE)?;
        // A block's span may include the line end and blanks before the next key.
        let body = file.text.get(range.clone())?;
        let range = range.start..range.start + body.trim_end().len();
        let first = span.line as usize;
        let last = file.line_of(range.end.max(range.start + 1) - 1).max(first);
        let shown_last = if last - first < SPAN_LINES {
            last
        } else {
            first + SPAN_LINES - 2
        };
        let mut lines = Vec::new();
        for number in first.saturating_sub(context).max(1)..first {
            let text = file.line(number)?;
            if text.trim().is_empty() || text.starts_with("---") || text.len() > LONG_LINE {
                lines.clear();
                continue;
            }
            lines.push(prepare(&file, number, None, false)?.0);
        }
        let mut marked = None;
        for number in first..=shown_last {
            let whole = file.line_range(number)?;
            let start = range.start.clamp(whole.start, whole.end);
            let start = if number == first {
                start
            } else {
                whole.start + indent(&file, number)
            };
            let mark = start..range.end.clamp(start, whole.end);
            let (line, masked) = prepare(&file, number, Some(mark.clone()), secret)?;
            if first == last && !masked && mark.len() <= 40 {
                marked = file.text.get(mark).map(str::to_owned);
            }
            lines.push(line);
        }
        Some(Snippet {
            lines,
            omitted: last - shown_last,
            marked,
        })
    }
}

fn indent(file: &FileText, number: usize) -> usize {
    file.line(number).map_or(0, indent_of)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// Makes a line ready to be shown: windowed and masked. `mark` counts bytes of the file.
/// Returns whether something of the mark was masked.
fn prepare(
    file: &FileText,
    number: usize,
    mark: Option<Range<usize>>,
    secret: bool,
) -> Option<(Line, bool)> {
    let whole = file.line_range(number)?;
    let line = file.text.get(whole.clone())?;
    // A dump in one line: what belongs to which object cannot be told from a part of it.
    if line.len() > LONG_LINE && line.contains("\"Secret\"") {
        return None;
    }
    let mark = mark.map(|m| m.start - whole.start..m.end - whole.start);
    let center = mark.clone().unwrap_or(0..0);
    let from = floor(line, center.start.saturating_sub(MARGIN));
    let to = floor(
        line,
        (center.end.min(center.start + MARGIN) + MARGIN).min(line.len()),
    );
    let window = line.get(from..to)?;
    let mut context = context_of(file, number)?;
    context.cut_left = from > 0;
    let known = file.credentials(whole.start + from..whole.start + to);
    context.any_value = known.is_none();
    let mut masks = redact::secrets_in(window, context);
    for place in known.into_iter().flatten() {
        let shown = window.get(place.clone()).unwrap_or_default();
        let place = place.end - shown.trim_start().len()..place.end;
        if !place.is_empty() {
            masks = redact::with(masks, place);
        }
    }
    let mark =
        mark.map(|m| m.start.saturating_sub(from)..m.end.saturating_sub(from).min(to - from));
    if secret && let Some(mark) = &mark {
        masks = redact::with(masks, mark.clone());
    }
    Some(apply(
        number,
        window,
        mark.as_ref(),
        &masks,
        from > 0,
        to < line.len(),
    ))
}

/// Replaces what is masked and moves the mark with it.
fn apply(
    number: usize,
    window: &str,
    mark: Option<&Range<usize>>,
    masks: &[Range<usize>],
    cut_left: bool,
    cut_right: bool,
) -> (Line, bool) {
    let mut text = String::with_capacity(window.len());
    if cut_left {
        text.push('…');
    }
    let mut moved = mark.map(|_| (None, None));
    let mut at = 0;
    let place = |position: usize, at: usize, base: usize| base + (position - at);
    let mut masked_mark = false;
    for mask in masks
        .iter()
        .chain(std::iter::once(&(window.len()..window.len())))
    {
        if let (Some(mark), Some(moved)) = (mark, &mut moved) {
            let plain = at..mask.start;
            for (position, to) in [(mark.start, &mut moved.0), (mark.end, &mut moved.1)] {
                if to.is_none() && (plain.contains(&position) || position == mask.start) {
                    *to = Some(place(position, at, text.len()));
                }
            }
        }
        text.push_str(window.get(at..mask.start).unwrap_or(""));
        if !mask.is_empty() {
            let base = text.len();
            text.push_str(MASK);
            if let (Some(mark), Some(moved)) = (mark, &mut moved) {
                masked_mark |= mark.start < mask.end && mask.start < mark.end;
                if moved.0.is_none() && mark.start < mask.end {
                    moved.0 = Some(base);
                }
                if moved.1.is_none() && mark.end <= mask.end {
                    moved.1 = Some(text.len());
                }
            }
        }
        at = mask.end;
    }
    let length = text.len();
    if cut_right {
        text.push('…');
    }
    let mark = moved.map(|(start, end)| {
        let start = start.unwrap_or(length);
        start..end.unwrap_or(length).max(start)
    });
    (Line { number, text, mark }, masked_mark)
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What the lines around say about a line: whether it is data of a `Secret`, the value of a
/// variable whose name sounds like a credential, or part of a secret block. `None` when the
/// piece that was read is too short to tell.
fn context_of(file: &FileText, number: usize) -> Option<redact::Context> {
    let mut context = redact::Context::default();
    let line = file.line(number)?;
    let sounds = |number: usize| {
        file.line(number).is_some_and(|near| {
            redact::key_and_value(near).is_some_and(|(key, at)| {
                key == "name" && redact::sounds_secret(near.get(at..).unwrap_or("").trim())
            })
        })
    };
    context.secret_name = number > 1 && sounds(number - 1) || sounds(number + 1);
    let mut least = indent_of(line);
    let mut data_at = None;
    for above in (1..number).rev().take(SEARCH) {
        let line = file.line(above)?;
        if line.starts_with("---") {
            break;
        }
        if line.contains("PRIVATE KEY-----") {
            context.inside_block |= line.contains("-----BEGIN");
            break;
        }
        let indent = indent_of(line);
        if line.trim().is_empty() || indent >= least {
            continue;
        }
        least = indent;
        if let Some((key, at)) = redact::key_and_value(line) {
            let block = line
                .get(at..)
                .is_some_and(|value| value.starts_with(['|', '>']));
            context.inside_block |= block && redact::sounds_secret(key);
            if matches!(key, "data" | "stringData") {
                data_at.get_or_insert((above, indent));
            }
        }
    }
    if let Some((above, indent)) = data_at {
        if file.is_piece {
            return None;
        }
        let is_kind = |near: usize| -> Option<bool> {
            let line = file.line(near)?;
            let trimmed = line.trim_start_matches([' ', '-', '\t']);
            let at = line.len() - trimmed.len();
            if line.starts_with("---") || (at < indent && !trimmed.is_empty()) {
                return None;
            }
            let kind = redact::key_and_value(line).is_some_and(|(key, value)| {
                key == "kind"
                    && line
                        .get(value..)
                        .unwrap_or("")
                        .trim_matches(['"', '\'', ',', ' '])
                        == "Secret"
            });
            Some(kind && at == indent)
        };
        let mut up = (1..above).rev().take(SEARCH).map_while(is_kind);
        let mut down = (above + 1..=file.last()).take(SEARCH).map_while(is_kind);
        context.secret_object = up.any(|kind| kind) || down.any(|kind| kind);
    }
    Some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str);
    impl SourceText for One {
        fn text(&self, _: FileId) -> Option<String> {
            Some(self.0.to_owned())
        }
    }

    fn span(text: &str, needle: &str) -> Span {
        let start = text.find(needle).unwrap();
        let line = text[..start].matches('\n').count() + 1;
        let column = text[..start].rsplit('\n').next().unwrap().chars().count() + 1;
        let small = |n: usize| u32::try_from(n).unwrap();
        Span {
            file: FileId(1),
            start: small(start),
            end: small(start + needle.len()),
            line: small(line),
            column: small(column),
            cause: seawall_model::CauseId::NONE,
        }
    }

    fn snippet(text: &'static str, needle: &str) -> Snippet {
        Sources::new(&One(text))
            .snippet(span(text, needle), 1, false)
            .unwrap()
    }

    #[test]
    fn marks_what_is_meant() {
        let found = snippet("a: 1\r\nb:\r\n  cé: yes\r\n", "yes");
        assert_eq!(found.lines[1].text, "  cé: yes");
        assert_eq!(found.lines[1].mark, Some(7..10));
        assert_eq!(found.lines[0].text, "b:");
        assert_eq!(found.marked.as_deref(), Some("yes"));
    }

    #[test]
    fn long_blocks_are_shortened() {
        let found = snippet(
            "a:\n  b: 1\n  c: 2\n  d: 3\n  e: 4\nf: 5\n",
            "b: 1\n  c: 2\n  d: 3\n  e: 4\n",
        );
        assert_eq!(found.lines.len(), 3);
        assert_eq!(found.omitted, 2);
        assert_eq!(found.lines[2].mark, Some(2..6));
        let end = Sources::new(&One("a:\n  b: 1\n"))
            .end(span("a:\n  b: 1\n", "a:\n  b"))
            .unwrap();
        assert_eq!(end, End { line: 2, column: 4 });
    }

    #[test]
    fn a_file_that_changed_is_not_quoted() {
        let old = span("x: 1\ny: 2\n", "2");
        assert_eq!(Sources::new(&One("x: 1")).snippet(old, 1, false), None);
        assert_eq!(
            Sources::new(&One("\n\n\n\n\n\n\n\n\n\n")).snippet(old, 1, false),
            None
        );
    }

    /// The same text as a file that is too long to be read whole.
    struct Long(&'static str);
    impl SourceText for Long {
        fn text(&self, _: FileId) -> Option<String> {
            panic!("read whole");
        }
        fn piece(&self, _: FileId, range: Range<u32>, margin: u32) -> Option<(u32, String)> {
            let start = range.start.saturating_sub(margin) as usize;
            let before = self.0[start..range.start as usize].find('\n');
            let start = before
                .filter(|_| start > 0)
                .map_or(start, |at| start + at + 1);
            let end = ((range.end + margin) as usize).min(self.0.len());
            Some((u32::try_from(start).unwrap(), self.0[start..end].to_owned()))
        }
    }

    #[test]
    fn of_a_long_file_a_piece_is_read() {
        const TEXT: &str = "items:\n- spec:\n    a: 1\n    b: yes\n    c: 3\n";
        let whole = Sources::new(&One(TEXT)).snippet(span(TEXT, "yes"), 1, false);
        let piece = Sources::new(&Long(TEXT)).snippet(span(TEXT, "yes"), 1, false);
        assert_eq!(piece, whole);
        let end = Sources::new(&Long(TEXT)).end(span(TEXT, "yes"));
        assert_eq!(
            end,
            Some(End {
                line: 4,
                column: 11
            })
        );
        let sorted = "data:\n  x: eQ==\nkind: Secret\n";
        let piece = Sources::new(&Long(sorted)).snippet(span(sorted, "eQ=="), 1, false);
        assert_eq!(piece, None, "nobody knows whose data this is");
    }

    #[test]
    fn neighbours_of_a_finding_do_not_leak() {
        let env = "env:\n  - name: DB_PASSWORD\n    value: hunter2\n    privileged: true\n";
        assert_eq!(snippet(env, "true").lines[0].text, "    value: ••••••");
        let sorted = "apiVersion: v1\ndata:\n  user: YWRtaW4=\n  x: eQ==\nkind: Secret\n";
        assert_eq!(snippet(sorted, "eQ==").lines[1].text, "  x: ••••••");
        assert_eq!(
            snippet(sorted, "eQ==").lines[1].mark,
            Some(5..5 + MASK.len())
        );
        assert_eq!(snippet(sorted, "eQ==").marked, None);
        let map = "apiVersion: v1\ndata:\n  x: eQ==\nkind: ConfigMap\n---\nkind: Secret\n";
        assert_eq!(snippet(map, "eQ==").lines[1].text, "  x: eQ==");
        let pem = "tls:\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    MIIEow\n    IBAAKC\n";
        assert_eq!(snippet(pem, "IBAAKC").lines[1].text, "    ••••••");
    }

    #[test]
    fn a_flagged_secret_is_masked_whatever_it_looks_like() {
        let text = "spec:\n  greeting: correct horse\n";
        let sources = One(text);
        let sources = Sources::new(&sources);
        let found = sources
            .snippet(span(text, "correct horse"), 1, true)
            .unwrap();
        assert_eq!(found.lines[1].text, "  greeting: ••••••");
        assert_eq!(found.lines[1].mark, Some(12..12 + MASK.len()));
    }

    #[test]
    fn a_huge_line_is_cut_around_the_mark() {
        let long: &'static str = Box::leak(
            format!(
                "{}\"privileged\": yes,{}",
                "x".repeat(9000),
                "ü".repeat(9000)
            )
            .into(),
        );
        let found = snippet(long, "yes");
        assert!(
            found.lines[0].text.len() < 800,
            "{}",
            found.lines[0].text.len()
        );
        let mark = found.lines[0].mark.clone().unwrap();
        assert_eq!(&found.lines[0].text[mark], "yes");
    }
}
