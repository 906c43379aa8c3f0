//! Sprig's functions on words and letters: ports of `huandu/xstrings` and
//! `Masterminds/goutils`.

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

/// `strings.Title`: a letter after anything but a letter, digit, underscore is upper case.
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

fn abbreviate(text: &str, offset: i64, width: i64) -> String {
    let len = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let slice = |from: i64, to: i64| -> &str {
        let at =
            |at: i64| text.floor_char_boundary(usize::try_from(at).unwrap_or(0).min(text.len()));
        text.get(at(from)..at(to)).unwrap_or("")
    };
    if text.is_empty() || width >= len {
        return text.to_owned();
    }
    let mut offset = offset.min(len);
    if len - offset < width - 3 {
        offset = len - (width - 3);
    }
    if offset <= 4 {
        return format!("{}...", slice(0, width - 3));
    }
    if offset + width - 3 < len {
        let rest = abbreviate(slice(offset, len), 0, width - 3);
        return format!("...{rest}");
    }
    format!("...{}", slice(len - (width - 3), len))
}

fn wrap(text: &str, width: i64, line: &str, break_words: bool) -> String {
    let width = usize::try_from(width.max(1)).unwrap_or(1);
    let slice = |from: usize, to: usize| -> &str {
        let at = |at: usize| text.floor_char_boundary(at.min(text.len()));
        text.get(at(from)..at(to)).unwrap_or("")
    };
    let mut out = String::new();
    let mut offset = 0;
    while text.len() - offset > width {
        if text.as_bytes().get(offset) == Some(&b' ') {
            offset += 1;
            continue;
        }
        let space = slice(offset, offset + width + 1)
            .rfind(' ')
            .map(|at| at + offset);
        if let Some(space) = space {
            out.push_str(slice(offset, space));
            out.push_str(line);
            offset = space + 1;
        } else if break_words {
            out.push_str(slice(offset, offset + width));
            out.push_str(line);
            offset += width;
        } else if let Some(found) = slice(offset + width, text.len()).find(' ') {
            let space = offset + width + found;
            out.push_str(slice(offset, space));
            out.push_str(line);
            offset = space + 1;
        } else {
            out.push_str(slice(offset, text.len()));
            offset = text.len();
        }
    }
    out.push_str(slice(offset, text.len()));
    out
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// `xstrings.ToPascalCase`.
fn pascal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut current;
    let mut first_upper;
    loop {
        let Some(c) = chars.next() else { return out };
        if !is_connector(c) {
            first_upper = c.is_uppercase();
            current = upper(c);
            break;
        }
        current = c;
        if chars.as_str().is_empty() {
            out.push(current);
            return out;
        }
        out.push(current);
    }
    for next in chars {
        let before = current;
        current = next;
        if is_connector(current) && is_connector(before) {
            out.push(before);
            continue;
        }
        if is_connector(before) {
            first_upper = current.is_uppercase();
            current = upper(current);
        } else {
            if first_upper {
                if current.is_uppercase() {
                    current = lower(current);
                } else {
                    first_upper = false;
                }
            }
            out.push(before);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punct,
    Other,
}

fn is_alphabet(c: char) -> bool {
    c.is_alphabetic()
}

fn is_punct(c: char) -> bool {
    // Unicode's P, without the symbols that ASCII counts in.
    match c {
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => false,
        c => c.is_ascii_punctuation() || ('\u{2010}'..='\u{2027}').contains(&c),
    }
}

/// The next word of a text, its kind, and what follows.
fn next_word(text: &str) -> (Word, &str, &str) {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return (Word::Invalid, "", "");
    };
    let run = |from: usize, test: &dyn Fn(char) -> bool| -> usize {
        let rest = text.get(from..).unwrap_or("");
        from + rest.find(|c| !test(c)).unwrap_or(rest.len())
    };
    let size = first.len_utf8();
    let small = |c: char| is_alphabet(c) && !c.is_uppercase();
    let (kind, end) = if is_connector(first) {
        (Word::Connector, run(size, &is_connector))
    } else if is_punct(first) {
        (Word::Punct, run(size, &is_punct))
    } else if first.is_uppercase() {
        match chars.next() {
            Some(second) if second.is_uppercase() => {
                let mut end = run(size, &|c: char| c.is_uppercase());
                if text
                    .get(end..)
                    .and_then(|rest| rest.chars().next())
                    .is_some_and(is_alphabet)
                {
                    // "HTTPStatus" is "HTTP" and "Status".
                    let last = text.get(..end).and_then(|word| word.chars().next_back());
                    end -= last.map_or(0, char::len_utf8);
                }
                (Word::Upper, end)
            }
            Some(second) if is_alphabet(second) => (Word::Upper, run(size, &small)),
            _ => (Word::Upper, size),
        }
    } else if is_alphabet(first) {
        (Word::Alphabet, run(size, &small))
    } else if first.is_numeric() {
        (Word::Number, run(size, &|c: char| c.is_numeric()))
    } else {
        let other = |c: char| !(is_connector(c) || is_alphabet(c) || c.is_numeric() || is_punct(c));
        (Word::Other, run(size, &other))
    };
    (
        kind,
        text.get(..end).unwrap_or(""),
        text.get(end..).unwrap_or(""),
    )
}

fn push_lower(out: &mut String, kind: Word, word: &str, connector: char) {
    if kind != Word::Upper && kind != Word::Connector {
        out.push_str(word);
        return;
    }
    for c in word.chars() {
        if is_connector(c) {
            out.push(connector);
        } else {
            out.push(lower(c));
        }
    }
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`.
fn lower_words(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                while kind == Word::Alphabet || kind == Word::Number {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::Invalid | Word::Punct | Word::Connector) {
                    out.push(connector);
                }
            }
            Word::Connector => push_lower(&mut out, before, last, connector),
            Word::Punct => {}
            _ if kind != Word::Number => {
                if kind != Word::Connector && kind != Word::Punct {
                    out.push(connector);
                }
            }
            _ => {
                if rest.is_empty() {
                    continue;
                }
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    push_lower(&mut out, Word::Number, number, connector);
                    if kind != Word::Connector && kind != Word::Punct {
                        out.push(connector);
                    }
                    continue;
                }
                out.push(connector);
                push_lower(&mut out, Word::Number, number, connector);
                while kind == Word::Alphabet || kind == Word::Number {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::Invalid | Word::Connector | Word::Punct) {
                    out.push(connector);
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_xstrings_cuts_them() {
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
        assert_eq!(pascal("http_server-name"), "HttpServerName");
        assert_eq!(abbreviate("hello world", 0, 5), "he...");
        assert_eq!(wrap("Hello World", 5, "\n", false), "Hello\nWorld");
    }
}
