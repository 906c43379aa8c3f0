//! Source lines with what is meant underlined in place.

use super::style::{Role, Style};
use crate::source::Snippet;
use crate::text::{char_width, push_source_char, width, wrap};
use crate::view::split_at_mark;
use seawall_model::Severity;

/// Columns before a source line: number, blank, bar, blank.
pub(crate) const GUTTER: usize = 7;

/// One place with its lines.
pub(crate) struct Frame<'s> {
    pub(crate) style: Style,
    pub(crate) severity: Severity,
    pub(crate) width: usize,
    /// The corner that opens the frame: `┌─` first, `├─` for what decided it.
    pub(crate) corner: &'s str,
    /// The heading, already painted.
    pub(crate) heading: String,
}

impl Frame<'_> {
    fn gutter(&self, number: Option<usize>, bar: &str) -> String {
        let number = number.map_or_else(String::new, |n| n.to_string());
        let text = format!("{number:>w$} {bar}", w = GUTTER - 3);
        self.style.paint(Role::Faint, &text)
    }

    /// The heading line.
    pub(crate) fn open(&self, out: &mut Vec<String>) {
        out.push(format!(
            "{} {}",
            self.gutter(None, self.corner),
            self.heading
        ));
    }

    /// The lines and underlines, with a note at the underline.
    pub(crate) fn lines(&self, snippet: &Snippet, note: Option<&str>, out: &mut Vec<String>) {
        let room = self.width.saturating_sub(GUTTER + 1).max(20);
        let block = snippet.is_block();
        for line in &snippet.lines {
            let mark = line.mark.clone().unwrap_or(0..0);
            let (before, marked, after) = split_at_mark(&line.text, &mark);
            let [before, marked, after] = [before, marked, after].map(|part| {
                let mut shown = String::with_capacity(part.len());
                part.chars().for_each(|c| push_source_char(&mut shown, c));
                shown
            });
            let bar = match (block, &line.mark) {
                (true, Some(_)) => self.style.paint(Role::Severity(self.severity), "┃"),
                (true, None) => " ".to_owned(),
                (false, _) => String::new(),
            };
            let room = room - usize::from(block);
            let fitted = Fitted::new(&before, &marked, &after, room, line.mark.is_some());
            let text = format!(
                "{}{bar} {}",
                self.gutter(Some(line.number), "│"),
                fitted.text
            );
            out.push(text.trim_end().to_owned());
            if line.mark.is_some() && !block {
                self.underline(&fitted, room, note, out);
            }
        }
        if snippet.omitted > 0 {
            let more = crate::text::count(snippet.omitted as u64, "more line");
            let bar = self.style.paint(Role::Severity(self.severity), "┃");
            out.push(format!(
                "{}{bar} {}",
                self.gutter(None, "│"),
                self.faint(&format!("⋮ {more}"))
            ));
        }
        if block && let Some(note) = note {
            out.push(format!("{}  {note}", self.gutter(None, "│")));
        }
    }

    fn underline(&self, fitted: &Fitted, room: usize, note: Option<&str>, out: &mut Vec<String>) {
        let indent = " ".repeat(fitted.column);
        let line = self.style.paint(
            Role::Severity(self.severity),
            &"━".repeat(fitted.length.max(1)),
        );
        let gutter = self.gutter(None, "│");
        let Some(note) = note else {
            out.push(format!("{gutter} {indent}{line}"));
            return;
        };
        let used = fitted.column + fitted.length + 1;
        if used + width(note) <= room {
            out.push(format!("{gutter} {indent}{line} {note}"));
            return;
        }
        out.push(format!("{gutter} {indent}{line}"));
        let left = fitted.column.min(room.saturating_sub(width(note)).max(4));
        for part in wrap(note, room - left.min(room)) {
            out.push(format!("{gutter} {}{part}", " ".repeat(left)));
        }
    }

    fn faint(&self, text: &str) -> String {
        self.style.paint(Role::Faint, text)
    }
}

/// A line cut to the room there is, with its mark inside.
struct Fitted {
    text: String,
    /// Columns before the mark.
    column: usize,
    /// Columns of the mark.
    length: usize,
}

impl Fitted {
    fn new(before: &str, marked: &str, after: &str, room: usize, has_mark: bool) -> Self {
        let (b, m, a) = (width(before), width(marked), width(after));
        if b + m + a <= room {
            return Self {
                text: [before, marked, after].concat(),
                column: b,
                length: m,
            };
        }
        // The mark comes first, then what stands before it, then what follows.
        let m_room = m.min(room.saturating_sub(2).max(1));
        let marked = take(marked, m_room);
        let m = width(&marked);
        let left = if has_mark {
            room - m - usize::from(a > 0)
        } else {
            room
        };
        let before = if b <= left || !has_mark {
            before.to_owned()
        } else {
            take_end(before, left)
        };
        let b = width(&before);
        let after = take(after, room.saturating_sub(b + m));
        let mut text = [before.as_str(), &marked, &after].concat();
        if width(&text) > room {
            text = take(&text, room);
        }
        Self {
            text,
            column: b,
            length: m,
        }
    }
}

/// The first `max` columns, `…` at the cut.
fn take(text: &str, max: usize) -> String {
    crate::text::cut(text, max).into_owned()
}

/// The last columns, `…` at the cut; blanks are dropped before letters are.
fn take_end(text: &str, max: usize) -> String {
    // A third of the room is enough to know where one is.
    let max = max.min(30);
    let mut used = 1;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        used += char_width(c);
        if used > max {
            break;
        }
        start = at;
    }
    format!("…{}", text.get(start..).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Line;

    fn draw(text: &str, marked: &str, room: usize, note: Option<&str>) -> Vec<String> {
        let start = text.find(marked).unwrap();
        let snippet = Snippet {
            lines: vec![Line {
                number: 7,
                text: text.to_owned(),
                mark: Some(start..start + marked.len()),
            }],
            omitted: 0,
            marked: None,
        };
        let frame = Frame {
            style: Style {
                color: false,
                hyperlinks: false,
            },
            severity: Severity::High,
            width: room,
            corner: "┌─",
            heading: String::new(),
        };
        let mut out = Vec::new();
        frame.lines(&snippet, note, &mut out);
        assert!(out.iter().all(|line| width(line) <= room), "{out:#?}");
        out
    }

    #[test]
    fn underlines_stand_under_what_is_meant() {
        assert_eq!(
            draw("\tkey: yes", "yes", 60, Some("note")),
            ["   7 │     key: yes", "     │          ━━━ note",]
        );
        assert_eq!(
            draw("名前: 漢字 # c", "漢字", 60, None),
            ["   7 │ 名前: 漢字 # c", "     │       ━━━━",]
        );
        assert_eq!(
            draw("a\u{1b}[31mb: x", "x", 60, None)[0],
            "   7 │ a␛[31mb: x"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}key: value{}", "x".repeat(100), "y".repeat(100));
        let drawn = draw(
            &line,
            "value",
            60,
            Some("a note that is long enough to need its own line"),
        );
        assert!(drawn[0].starts_with("   7 │ …xx"), "{drawn:#?}");
        assert!(drawn[0].contains("key: valueyyy"));
        assert_eq!(
            drawn[1].find('━').map(|at| drawn[1][..at].chars().count()),
            drawn[0]
                .find("value")
                .map(|at| drawn[0][..at].chars().count())
        );
        let drawn = draw(&"m".repeat(300), &"m".repeat(300), 60, None);
        assert!(drawn[1].contains("━━━━━━━━"));
    }
}
