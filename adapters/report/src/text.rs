//! Text that came from outside, made safe to print, and fitted into a line.
//!
//! Names, paths, messages and source lines come from manifests that an attacker may have
//! written. A terminal obeys escape sequences in them, and a reader can be deceived by
//! characters that change the direction or hide: all of these are replaced before anything
//! human-readable is written.

use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

/// Stands for a character that must not reach a reader.
const REPLACEMENT: char = '\u{fffd}';

/// What a character is shown as, when not as itself.
fn shown(c: char) -> Option<char> {
    match c {
        // The pictures of the C0 control characters, in the same order.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        // C1 controls (an escape sequence's 8-bit form), direction marks and overrides,
        // zero-width characters, line separators, and the byte order mark.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => Some(REPLACEMENT),
        _ => None,
    }
}

/// One line without anything that a terminal would obey or that deceives a reader: control
/// characters become their pictures, line ends become spaces.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| shown(c).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            '\r' => {}
            c => out.push(shown(c).unwrap_or(c)),
        }
    }
    Cow::Owned(out)
}

/// A character of a source line as it is shown: tabs as four blanks, controls as pictures.
pub(crate) fn push_source_char(out: &mut String, c: char) {
    match c {
        '\t' => out.push_str("    "),
        '\r' => {}
        c => out.push(shown(c).unwrap_or(c)),
    }
}

/// Columns that a character takes; what has no width of its own takes none.
pub(crate) fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Cuts a text at the end, so that it takes at most `max` columns.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = char_width(c);
        if used + w + 1 > max {
            break;
        }
        used += w;
        out.push(c);
    }
    let kept = out.trim_end().len();
    out.truncate(kept);
    if max > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// Cuts a path at the start, because its end says more.
pub(crate) fn cut_start(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let mut used = 1;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        used += char_width(c);
        if used > max {
            break;
        }
        start = at;
    }
    Cow::Owned(format!("…{}", text.get(start..).unwrap_or("")))
}

/// Breaks a text into lines of at most `max` columns, at blanks where there are any. What
/// stands between backticks is not broken when it fits a line.
pub(crate) fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(10);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words(text) {
        let w = width(word);
        if used > 0 && used + 1 + w > max {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        if w <= max {
            line.push_str(word);
            used += w;
            continue;
        }
        for c in word.chars() {
            let w = char_width(c);
            if used + w > max {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += w;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Words at blanks; a short piece of code between backticks is one word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        let mut code = None;
        for (at, c) in rest.char_indices() {
            match (c, code) {
                ('`', None) => code = Some(at),
                ('`', Some(_)) => code = None,
                // An unclosed or a long piece of code does not hold the line together.
                (' ', Some(start)) if at - start > 40 || !closes(rest, at) => {
                    end = at;
                    break;
                }
                (' ', None) => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

fn closes(text: &str, from: usize) -> bool {
    text.get(from..)
        .is_some_and(|rest| rest.chars().take(40).any(|c| c == '`'))
}

/// Columns of a terminal that nobody made wider.
const PAGE: usize = 80;

/// Text in lines that fit, the ones after the first a little further in.
pub(crate) fn paragraph(text: &mut String, indent: &str, words: &str) {
    let words = clean(words);
    for (number, line) in wrap(&words, PAGE - indent.len() - 2).iter().enumerate() {
        let further = if number == 0 { "" } else { "  " };
        let _ = writeln!(text, "{indent}{further}{line}");
    }
}

/// The first sentence, for where one must do.
pub(crate) fn first_sentence(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(". ")) {
        let end = from + at;
        let head = text.get(..end).unwrap_or(text);
        // Not after `e.g.` and the like, and not after an initial.
        let word = head.rsplit(' ').next().unwrap_or("");
        if !matches!(word, "e.g" | "i.e" | "etc" | "vs" | "No") && word.chars().count() > 1 {
            return text.get(..=end).unwrap_or(text);
        }
        from = end + 1;
    }
    text
}

/// A sentence's first letter, large: messages are written without, to be used in sentences.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if first.is_ascii_lowercase() => {
            // `hostPath`, `runAsUser` and image names keep their spelling.
            let word = text.split(' ').next().unwrap_or("");
            if word.bytes().all(|b| b.is_ascii_lowercase()) {
                format!("{}{}", first.to_ascii_uppercase(), chars.as_str())
            } else {
                text.to_owned()
            }
        }
        _ => text.to_owned(),
    }
}

/// `1 finding`, `2 findings`, `12,000 findings`.
pub(crate) fn count(n: u64, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        _ if n == 1 => one.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{one}s"),
    };
    format!("{} {many}", number(n))
}

/// A number with thousands separated.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A per cent figure: `97.3 %`, `100 %`.
pub(crate) fn percent(value: f64) -> String {
    format!("{value} %")
}

/// Escapes text for HTML and XML elements and attributes, in place.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c => out.push(shown(c).unwrap_or(c)),
        }
    }
}

/// Escapes text for HTML and XML elements and attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    push_escaped(&mut out, text);
    out
}

/// A path as a relative URI reference (or `file://` when it is absolute).
pub(crate) fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' | b'+' | b'=' | b'@' | b',' => {
                out.push(char::from(byte));
            }
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The word of a list that is most like the one given, if any is.
pub(crate) fn suggest<'a>(word: &str, list: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    list.iter()
        .map(|known| (strsim::osa_distance(&word, known), *known))
        .filter(|(d, known)| *d <= 2.max(known.len() / 3))
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_survives() {
        assert_eq!(clean("plain é 漢"), "plain é 漢");
        assert_eq!(clean("a\x1b[31mred\x07"), "a␛[31mred␇");
        assert_eq!(
            clean("a\u{9b}31m\u{202e}gpj.exe\u{200b}"),
            "a\u{fffd}31m\u{fffd}gpj.exe\u{fffd}"
        );
        assert_eq!(clean("two\r\nlines\tand a tab\x7f"), "two lines and a tab␡");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("漢字漢字", 6), "漢字…");
        assert_eq!(cut_start("deploy/very/long.yaml:3", 12), "…long.yaml:3");
        assert_eq!(cut_start("short", 12), "short");
    }

    #[test]
    fn wrapping_keeps_code_together() {
        assert_eq!(wrap("set `a b` to c", 10), ["set `a b`", "to c"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("aaaaaaaaaaaaaaa", 10), ["aaaaaaaaaa", "aaaaa"]);
        assert_eq!(wrap("an unclosed ` tick is no reason to hang", 10).len(), 5);
    }

    #[test]
    fn sentences_end_at_full_stops() {
        assert_eq!(first_sentence("One, e.g. this. Two."), "One, e.g. this.");
        assert_eq!(first_sentence("No stop"), "No stop");
    }

    #[test]
    fn counts_read_as_words() {
        assert_eq!(count(1, "finding"), "1 finding");
        assert_eq!(count(0, "entry"), "0 entries");
        assert_eq!(count(5, "overlay"), "5 overlays");
        assert_eq!(count(1_234_567, "finding"), "1,234,567 findings");
    }

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("./a b/ü#?.yaml"), "a%20b/%C3%BC%23%3F.yaml");
        assert_eq!(uri("/etc/x:y"), "file:///etc/x%3Ay");
        assert_eq!(uri("c:x"), "c%3Ax");
    }

    #[test]
    fn typos_find_their_word() {
        let list = ["terminal", "json", "sarif"];
        assert_eq!(suggest("jsno", &list), Some("json"));
        assert_eq!(suggest("Sariff", &list), Some("sarif"));
        assert_eq!(suggest("docx", &list), None);
    }
}
