//! Sprig's functions on words and letters. Crates for cases of words cut texts otherwise:
//! charts are held to where Sprig sees a word end.

use super::strings::{lower, upper};
use super::{Builtin, f};
use crate::helm::error::Result;
use crate::helm::value::Value;
use crate::helm::value::text::Text;

pub(super) const TABLE: &[Builtin] = &[
    f("title", 1, 1, |_, a| made(&a.text(0)?, title)),
    f("untitle", 1, 1, |_, a| made(&a.text(0)?, untitle)),
    f("swapcase", 1, 1, |_, a| made(&a.text(0)?, swap_case)),
    f("initials", 1, 1, |_, a| made(&a.text(0)?, initials)),
    f("snakecase", 1, 1, |_, a| {
        made(&a.text(0)?, |text| lower_words(text, '_'))
    }),
    f("kebabcase", 1, 1, |_, a| {
        made(&a.text(0)?, |text| lower_words(text, '-'))
    }),
    f("camelcase", 1, 1, |_, a| made(&a.text(0)?, pascal)),
    f("shuffle", 1, 1, |_, a| Ok(Value::text(a.text(0)?))),
    f("abbrev", 2, 2, |_, a| {
        let width = a.int(0)?;
        let text = a.text(1)?;
        if width < 4 {
            return Ok(Value::text(text));
        }
        made(&text, |text| abbreviate(text, 0, width))
    }),
    f("abbrevboth", 3, 3, |_, a| {
        let (left, right) = (a.int(0)?, a.int(1)?);
        let text = a.text(2)?;
        if right < 4 || left > 0 && right < 7 {
            return Ok(Value::text(text));
        }
        made(&text, |text| abbreviate(text, left, right))
    }),
    f("wrap", 2, 2, |_, a| {
        let width = a.int(0)?;
        made(&a.text(1)?, |text| wrap(text, width, "\n", false))
    }),
    f("wrapWith", 3, 3, |_, a| {
        let (width, line) = (a.int(0)?, a.text(1)?);
        let line = if line.as_str().is_empty() {
            "\n"
        } else {
            line.as_str()
        };
        let text = a.text(2)?;
        let width_used = usize::try_from(width.max(1)).unwrap_or(1);
        let lines = i64::try_from(text.as_str().len() / width_used).unwrap_or(i64::MAX);
        super::bounded(lines, line.len())?;
        made(&text, |text| wrap(text, width, line, true))
    }),
];

#[allow(clippy::unnecessary_wraps)] // ends the closures of the table
fn made(text: &Text, make: impl Fn(&str) -> String) -> Result<Value> {
    Ok(Value::text(
        Text::from(make(text.as_str())).caused_by(text.first_cause()),
    ))
}

/// A letter after anything but a letter, digit, underscore is upper case.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.push(c);
        } else {
            out.push(upper(c));
        }
        inside = match c {
            c if c.is_ascii() => c.is_ascii_alphanumeric() || c == '_',
            c => c.is_alphanumeric() || !c.is_whitespace(),
        };
    }
    out
}

fn untitle(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if c.is_whitespace() {
            start = true;
            out.push(c);
        } else if std::mem::take(&mut start) {
            out.push(lower(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn swap_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            out.push(lower(c));
        } else if c.is_lowercase() {
            out.push(upper(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Works byte by byte, as the original does.
fn initials(text: &str) -> String {
    let mut out = String::new();
    let mut gap = true;
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_whitespace() {
            gap = true;
        } else if std::mem::take(&mut gap) {
            out.push(c);
        }
    }
    out
}

const DOTS: &str = "...";

/// As much of a text as fits, from some place on, with dots where something is left out.
fn abbreviate(text: &str, offset: i64, width: i64) -> String {
    let size = |number: i64| usize::try_from(number).unwrap_or(0);
    let width = size(width);
    if text.len() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(DOTS.len());
    let start = size(offset).min(text.len() - room);
    // What is left out of so short a beginning is hardly longer than the dots.
    if start <= DOTS.len() + 1 {
        return fitted(text, width);
    }
    let (_, rest) = text.split_at(text.floor_char_boundary(start));
    format!("{DOTS}{}", fitted(rest, room))
}

/// A text, or its beginning and dots.
fn fitted(text: &str, width: usize) -> String {
    if text.len() <= width {
        return text.to_owned();
    }
    let (head, _) = text.split_at(text.floor_char_boundary(width.saturating_sub(DOTS.len())));
    format!("{head}{DOTS}")
}

/// Breaks a text at spaces into lines that are not longer than `width`, where that can be.
fn wrap(text: &str, width: i64, line: &str, break_words: bool) -> String {
    let width = usize::try_from(width.max(1)).unwrap_or(1);
    let mut out = String::new();
    let mut rest = text;
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(' ') {
            rest = after;
            continue;
        }
        let (inside, beyond) = rest.split_at(rest.floor_char_boundary(width));
        let space = match inside.rfind(' ') {
            _ if beyond.starts_with(' ') => Some(inside.len()),
            Some(space) => Some(space),
            None if break_words => None,
            None => beyond.find(' ').map(|at| inside.len() + at),
        };
        let (head, tail) = match space {
            Some(space) => rest.split_at(space),
            None if break_words && !inside.is_empty() => (inside, beyond),
            // A character that is wider than the line.
            None if break_words => rest.split_at(rest.ceil_char_boundary(1)),
            None => break,
        };
        out.push_str(head);
        out.push_str(line);
        rest = if space.is_some() {
            tail.get(1..).unwrap_or("")
        } else {
            tail
        };
    }
    out.push_str(rest);
    out
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// Every word with a capital, and one connector less between two words.
fn pascal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let (gap, words) = rest.split_at(rest.find(|c| !is_connector(c)).unwrap_or(rest.len()));
        let mut kept = gap.chars();
        if !out.is_empty() && !words.is_empty() {
            kept.next_back();
        }
        out.push_str(kept.as_str());
        let (word, after) = words.split_at(words.find(is_connector).unwrap_or(words.len()));
        let mut letters = word.chars();
        let Some(first) = letters.next() else {
            return out;
        };
        out.push(upper(first));
        // Capitals right after one are none: HTTP is Http.
        let tail = letters.as_str();
        let plain = if first.is_uppercase() {
            tail.find(|c: char| !c.is_uppercase()).unwrap_or(tail.len())
        } else {
            0
        };
        let (capitals, tail) = tail.split_at(plain);
        out.extend(capitals.chars().map(lower));
        out.push_str(tail);
        rest = after;
    }
}

/// What a character is in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Connector,
    Mark,
    Upper,
    Lower,
    Digit,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            c if is_connector(c) => Self::Connector,
            // Symbols, which Unicode does not count as punctuation, though ASCII does.
            '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => Self::Other,
            '\u{2010}'..='\u{2027}' => Self::Mark,
            c if c.is_ascii_punctuation() => Self::Mark,
            c if c.is_uppercase() => Self::Upper,
            c if c.is_alphabetic() => Self::Lower,
            c if c.is_numeric() => Self::Digit,
            _ => Self::Other,
        }
    }

    /// Whether it is part of words, which are parted by a connector.
    fn is_word(self) -> bool {
        !matches!(self, Self::Connector | Self::Mark)
    }
}

/// A text in pieces: runs of one class, where capitals take the small letters after them
/// along, or leave their last one to them: `HTTP`, `Status`.
fn pieces(text: &str) -> Vec<(Class, &str)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(class) = rest.chars().next().map(Class::of) {
        let run = |from: usize, class: Class| {
            let tail = rest.get(from..).unwrap_or("");
            // After another mark, these are marks, too.
            let mark = |c| class == Class::Mark && matches!(c, '-' | '_');
            let length = tail.find(|c| Class::of(c) != class && !mark(c));
            from + length.unwrap_or(tail.len())
        };
        let mut end = run(0, class);
        let small = run(end, Class::Lower);
        if class == Class::Upper && small > end {
            let (capitals, _) = rest.split_at(end);
            let last = capitals.chars().next_back().map_or(0, char::len_utf8);
            end = if last == end { small } else { end - last };
        }
        let (piece, after) = rest.split_at(end);
        out.push((class, piece));
        rest = after;
    }
    out
}

/// Words in small letters with one connector between them. A number begins a word when a
/// small letter follows it, else it ends one: `bld4_floor_3rd`.
fn lower_words(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut pieces = pieces(text).into_iter().peekable();
    let mut before: Option<Class> = None;
    while let Some((class, piece)) = pieces.next() {
        let begins = pieces.peek().is_some_and(|(next, _)| *next == Class::Lower);
        let ends_word = class == Class::Digit && !begins && before.is_some_and(Class::is_word);
        if class.is_word() && !ends_word && before.is_some_and(Class::is_word) {
            out.push(connector);
        }
        match class {
            Class::Connector => out.extend(piece.chars().map(|_| connector)),
            Class::Upper => out.extend(piece.chars().map(lower)),
            _ => out.push_str(piece),
        }
        if class == Class::Digit && !ends_word {
            while let Some((_, piece)) =
                pieces.next_if(|(next, _)| matches!(next, Class::Lower | Class::Digit))
            {
                out.push_str(piece);
            }
        }
        before = Some(class);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_where_sprig_cuts_them() {
        for (text, want) in [
            ("FirstName", "first_name"),
            ("HTTPServer", "http_server"),
            ("NoHTTPS", "no_https"),
            ("GO_PATH", "go_path"),
            ("GO PATH", "go_path"),
            ("http2xx", "http_2xx"),
            ("HTTP20xOK", "http_20x_ok"),
            ("Duration2m3s", "duration_2m3s"),
            ("Bld4Floor3rd", "bld4_floor_3rd"),
        ] {
            assert_eq!(lower_words(text, '_'), want, "{text}");
        }
        for (text, want) in [
            ("http_server-name", "HttpServerName"),
            ("__a__b_", "__A_B_"),
            ("HTTPServer x", "HttpserverX"),
            ("_", "_"),
            ("", ""),
        ] {
            assert_eq!(pascal(text), want, "{text}");
        }
        for (offset, width, want) in [
            (0, 5, "he..."),
            (6, 9, "... world"),
            (5, 8, "... w..."),
            (0, 11, "hello world"),
        ] {
            let text = "hello world";
            assert_eq!(abbreviate(text, offset, width), want, "{offset} {width}");
        }
        for (width, break_words, want) in [
            (5, false, "Hello|World|abcdefgh"),
            (5, true, "Hello|World|abcde|fgh"),
            (11, false, "Hello World| abcdefgh"),
            (3, true, "Hel|lo|Wor|ld |abc|def|gh"),
        ] {
            let text = "Hello World  abcdefgh";
            assert_eq!(wrap(text, width, "|", break_words), want, "{width}");
        }
    }
}
