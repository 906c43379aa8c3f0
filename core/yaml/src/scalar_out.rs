//! Text in YAML: which style it gets and how that is written.

use crate::emit::Page;
use crate::json_out;
use crate::resolve::{Resolved, resolve_plain};
use crate::timestamp::is_timestamp;
use std::borrow::Cow;
use std::fmt::Write as _;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// Text is folded at spaces beyond this column.
const WIDTH: usize = 80;

/// Text as go-yaml finds it when it reads the JSON between: nearly always the same.
pub(crate) fn through_json(text: &str, key: bool, exact: bool) -> Result<Cow<'_, str>, String> {
    if !exact {
        return Ok(Cow::Borrowed(text));
    }
    if key && text.len() > 1022 / 6 {
        let mut json = String::new();
        json_out::string(text, &mut json);
        if json.chars().count() > 1024 {
            return Err("a key is too long for the YAML reader".to_owned());
        }
    }
    if text.is_ascii() && !text.contains('\x7f') {
        return Ok(Cow::Borrowed(text));
    }
    for c in text.chars() {
        if matches!(c, '\x7f'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}') {
            return Err(format!(
                "the control character U+{:04X} is not allowed",
                u32::from(c)
            ));
        }
    }
    if !text.contains('\u{85}') {
        return Ok(Cow::Borrowed(text));
    }
    if key {
        return Err("a key contains the line break U+0085".to_owned());
    }
    // JSON writes U+0085 as it is, and YAML folds line breaks in quoted text.
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find([' ', '\u{85}']) {
        let (before, from) = rest.split_at(at);
        folded.push_str(before);
        let after = from.trim_start_matches([' ', '\u{85}']);
        let run = from.strip_suffix(after).unwrap_or(from);
        match run.matches('\u{85}').count() {
            0 => folded.push_str(run),
            1 => folded.push(' '),
            more => folded.extend((1..more).map(|_| '\n')),
        }
        rest = after;
    }
    folded.push_str(rest);
    Ok(Cow::Owned(folded))
}

/// Whether go-yaml reads the text as one of YAML 1.1's base-60 numbers, which it only
/// knows on the way out: `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`.
fn is_base_60(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (body, fraction) = match body.split_once('.') {
        Some((body, fraction)) => (body, fraction),
        None => (body, ""),
    };
    let mut parts = body.split(':');
    let first = parts.next().unwrap_or_default();
    let mut count = 0;
    let sixties = parts.all(|part| {
        count += 1;
        match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
            _ => false,
        }
    });
    let digit_or_underscore = |c: u8| c.is_ascii_digit() || c == b'_';
    sixties
        && count > 0
        && first.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && first.bytes().all(digit_or_underscore)
        && fraction.bytes().all(digit_or_underscore)
}

/// Whether plain text would be read as text.
fn stays_text(text: &str) -> bool {
    matches!(resolve_plain(text).0, Resolved::Text) && !is_timestamp(text) && !is_base_60(text)
}

pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && c != '\u{feff}'
}

/// A key that fits on one line before its `:`.
pub(crate) fn is_simple_key(text: &str) -> bool {
    text.len() <= 128 && !text.contains(is_break)
}

/// Whether a character of the first kind stands before one of the second.
fn has_pair(text: &str, one: fn(char) -> bool, other: fn(char) -> bool) -> bool {
    let second = text.chars().skip(1);
    text.chars().zip(second).any(|(a, b)| one(a) && other(b))
}

fn is_space(c: char) -> bool {
    c == ' '
}

/// Whether YAML would take something in the text for more than text, without quotes.
fn has_indicator(text: &str) -> bool {
    const FIRST: &[char] = &[
        ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '#',
    ];
    const STARTS: [&str; 4] = ["---", "...", "- ", "? "];
    text.starts_with(FIRST)
        || STARTS.iter().any(|start| text.starts_with(start))
        || matches!(text, "-" | "?")
        || text.ends_with(':')
        || text.contains(": ")
        || text.contains(" #")
}

/// The style that Kubernetes' writer picks for a string: quotes where text would be read as
/// something else, and in each case the next style that can hold it.
pub(crate) fn style(text: &str, simple_key: bool) -> Style {
    let breaks = text.contains(is_break);
    // Only double quotes hold these.
    let hard = !text.chars().all(is_printable) || breaks && has_pair(text, is_space, is_break);
    if hard || breaks && simple_key {
        return Style::DoubleQuoted;
    }
    if text.contains('\n') {
        return if text.ends_with(' ') {
            Style::DoubleQuoted
        } else {
            Style::Literal
        };
    }
    if !stays_text(text) || breaks && has_pair(text, is_break, is_space) {
        return Style::DoubleQuoted;
    }
    let edge = text.starts_with(' ') || text.ends_with(' ');
    if breaks || edge || text.is_empty() || has_indicator(text) {
        Style::SingleQuoted
    } else {
        Style::Plain
    }
}

/// A piece of text: as many spaces, ends of lines, or other characters as there are.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    fn kind(c: char) -> u8 {
        u8::from(c == ' ') + 2 * u8::from(is_break(c))
    }
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = kind(rest.chars().next()?);
        let end = rest.find(|c| kind(c) != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

impl Page {
    /// Writes text in a style; `indent` is that of the lines after the first.
    pub(crate) fn text(&mut self, text: &str, style: Style, indent: usize, may_fold: bool) {
        match style {
            Style::Plain => self.flowing(text, None, indent, may_fold),
            Style::SingleQuoted => self.flowing(text, Some('\''), indent, may_fold),
            Style::DoubleQuoted => self.escaped(text, indent, may_fold),
            Style::Literal => self.literal(text, indent),
        }
    }

    /// Text as it is: a long line goes on in the next at a single space, and the end of
    /// a line is written twice, because one alone would be read as a space.
    fn flowing(&mut self, text: &str, quote: Option<char>, indent: usize, may_fold: bool) {
        let mut column = self.column() + usize::from(quote.is_some());
        self.out.extend(quote);
        let mut ended = false;
        let mut at = 0;
        for run in runs(text) {
            let inside = at > 0 && at + 1 < text.len();
            at += run.len();
            if std::mem::take(&mut ended) {
                self.pad(indent);
                column = indent;
            }
            if run == " " && may_fold && inside && column > WIDTH {
                self.line(indent);
                column = indent;
            } else if run.starts_with(is_break) {
                if run.starts_with('\n') {
                    self.out.push('\n');
                }
                self.out.push_str(run);
                ended = true;
            } else {
                column += run.chars().count();
                match quote {
                    Some(_) if run.contains('\'') => {
                        column += run.matches('\'').count();
                        self.out.push_str(&run.replace('\'', "''"));
                    }
                    _ => self.out.push_str(run),
                }
            }
        }
        self.out.extend(quote);
    }

    /// Text in double quotes, with everything odd escaped.
    fn escaped(&mut self, text: &str, indent: usize, may_fold: bool) {
        let mut line = self.out.len();
        let mut column = self.column();
        self.out.push('"');
        // The original looks for the mark at the start, wherever it is: then all is odd.
        let marked = text.starts_with('\u{feff}');
        let mut at = 0;
        for run in runs(text) {
            let inside = at > 0 && at + 1 < text.len();
            at += run.len();
            if marked || !run.starts_with(' ') {
                for c in run.chars() {
                    self.escape(c, marked);
                }
                continue;
            }
            let written = self.out.get(line..).unwrap_or_default();
            column += written.chars().count();
            line = self.out.len();
            if may_fold && inside && column > WIDTH {
                self.line(indent);
                line = self.out.len();
                column = indent;
                if run.len() > 1 {
                    self.out.push('\\');
                    self.out.push_str(run.get(1..).unwrap_or_default());
                }
            } else {
                self.out.push_str(run);
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char, always: bool) {
        const NAMED: [(char, char); 15] = [
            ('\0', '0'),
            ('\x07', 'a'),
            ('\x08', 'b'),
            ('\t', 't'),
            ('\n', 'n'),
            ('\x0b', 'v'),
            ('\x0c', 'f'),
            ('\r', 'r'),
            ('\x1b', 'e'),
            ('"', '"'),
            ('\\', '\\'),
            ('\u{85}', 'N'),
            ('\u{a0}', '_'),
            ('\u{2028}', 'L'),
            ('\u{2029}', 'P'),
        ];
        if !always && is_printable(c) && !is_break(c) && !matches!(c, '"' | '\\') {
            self.out.push(c);
        } else if let Some((_, name)) = NAMED.iter().find(|(odd, _)| *odd == c) {
            self.out.extend(['\\', *name]);
        } else {
            // A String takes everything.
            let _ = match u32::from(c) {
                code @ 0..=0xff => write!(self.out, "\\x{code:02X}"),
                code @ 0x100..=0xffff => write!(self.out, "\\u{code:04X}"),
                code => write!(self.out, "\\U{code:08X}"),
            };
        }
    }

    /// Line by line, after a header that says what the first and last line would not.
    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.out.push('2');
        }
        self.out.push_str(match text.strip_suffix(is_break) {
            None => "-",
            Some(before) if before.is_empty() || before.ends_with(is_break) => "+",
            Some(_) => "",
        });
        self.out.push('\n');
        for line in text.split_inclusive(is_break) {
            if !line.starts_with(is_break) {
                self.pad(indent);
            }
            self.out.push_str(line);
        }
    }
}
