//! Text in YAML: which style it gets and how that is written.

use crate::emit::Emitter;
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

/// go-yaml folds at spaces beyond this column.
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

/// What is special about a text (`yaml_emitter_analyze_scalar`).
struct Analysis {
    plain: bool,
    single_quoted: bool,
    literal: bool,
}

fn analyze(text: &str) -> Analysis {
    if text.is_empty() {
        return Analysis {
            plain: true,
            single_quoted: true,
            literal: false,
        };
    }
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let mut special = false;
    let (mut breaks, mut break_space, mut space_break) = (false, false, false);
    let (mut previous_space, mut previous_break) = (false, false);
    let mut after_blank = true;
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let before_blank = chars.peek().is_none_or(|c| matches!(c, ' ' | '\t'));
        indicators |= match c {
            '#' if first || after_blank => true,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => first,
            '?' | '-' => first && before_blank,
            ':' => before_blank,
            _ => false,
        };
        special |= !is_printable(c);
        if c == ' ' {
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(c) {
            breaks = true;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        after_blank = matches!(c, ' ' | '\t' | '\0') || is_break(c);
        first = false;
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
    let odd_edge = edge(text.chars().next()) || edge(text.chars().next_back());
    let hard = space_break || special;
    Analysis {
        plain: !(odd_edge || break_space || hard || breaks || indicators),
        single_quoted: !(break_space || hard),
        literal: !(text.ends_with(' ') || hard),
    }
}

/// The style that go-yaml picks for a string.
pub(crate) fn style(text: &str, simple_key: bool) -> Style {
    let wanted = if text.contains('\n') {
        Style::Literal
    } else if stays_text(text) {
        Style::Plain
    } else {
        Style::DoubleQuoted
    };
    let analysis = analyze(text);
    match wanted {
        _ if simple_key && text.contains(is_break) => Style::DoubleQuoted,
        Style::Plain if analysis.plain && !(text.is_empty() && simple_key) => Style::Plain,
        Style::Plain if analysis.single_quoted => Style::SingleQuoted,
        Style::Literal if analysis.literal && !simple_key => Style::Literal,
        _ => Style::DoubleQuoted,
    }
}

impl Emitter {
    pub(crate) fn plain(&mut self, text: &str, may_fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        self.folded(text, may_fold, false);
        self.whitespace = false;
        self.indention = false;
    }

    pub(crate) fn single_quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("'", true, false, false);
        self.folded(text, may_fold, true);
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// The body of a plain or single-quoted text: long lines are folded at single spaces,
    /// line breaks are doubled.
    fn folded(&mut self, text: &str, may_fold: bool, quoted: bool) {
        let (mut spaces, mut breaks) = (false, false);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == ' ' {
                let inside = !quoted || (at > 0 && at + 1 < text.len());
                let alone = chars.peek().is_none_or(|&(_, c)| c != ' ');
                if may_fold && !spaces && self.column > WIDTH && inside && alone {
                    self.write_indent();
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.put_break();
                }
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if quoted && c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
    }

    fn write_break(&mut self, c: char) {
        if c == '\n' {
            self.put_break();
        } else {
            self.out.push(c);
            self.column = 0;
        }
    }

    pub(crate) fn double_quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        // The original looks for the mark at the start, wherever it is: then all is odd.
        let marked = text.starts_with('\u{feff}');
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if marked || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                let before = self.out.len();
                self.escape(c);
                self.column += self.out.len() - before; // escapes are ASCII
                spaces = false;
            } else if c == ' ' {
                if may_fold && !spaces && self.column > WIDTH && at > 0 && at + 1 < text.len() {
                    self.write_indent();
                    if chars.peek().is_some_and(|&(_, c)| c == ' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0b' => 'v',
            '\x0c' => 'f',
            '\r' => 'r',
            '\x1b' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                // A String takes everything.
                let _ = match code {
                    0..=0xff => write!(self.out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(self.out, "\\u{code:04X}"),
                    _ => write!(self.out, "\\U{code:08X}"),
                };
                return;
            }
        };
        self.out.push('\\');
        self.out.push(short);
    }

    pub(crate) fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator("2", false, false, false);
        }
        let mut from_end = text.chars().rev();
        let last_breaks = (from_end.next().is_some_and(is_break), from_end.next());
        match last_breaks {
            (false, _) => self.indicator("-", false, false, false),
            (true, None) => self.indicator("+", false, false, false),
            (true, Some(c)) if is_break(c) => self.indicator("+", false, false, false),
            (true, Some(_)) => {}
        }
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            if is_break(c) {
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }
}
