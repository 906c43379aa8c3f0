//! Rust source without its comments and the contents of its literals, line by line.
//!
//! Enough of a lexer to not mistake words in prose for code; no parser.

/// A line of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The code, with comments gone and the contents of strings as underscores.
    pub(crate) code: String,
    /// It belongs to an item under `#[cfg(test)]` or `#[test]`.
    pub(crate) test: bool,
}

/// The lines of a file.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let code = code(text);
    let test = test_lines(&code);
    code.lines()
        .zip(test)
        .map(|(code, test)| Line {
            code: code.to_owned(),
            test,
        })
        .collect()
}

/// The text with comments gone and the contents of literals as underscores. Line ends stay.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            rest = tail(rest, length);
            continue;
        } else if rest.starts_with("/*") {
            let length = block_comment(rest);
            blank(&mut out, head(rest, length), ' ');
            rest = tail(rest, length);
            continue;
        } else if out.ends_with(is_word) {
            // Inside a word there is no prefix of a raw string, and `'` is a lifetime's only
            // after a space or a sign; but `b'x'` and `b"x"` are literals.
            match c {
                '"' => string(rest),
                '\'' => character(rest),
                _ => 0,
            }
        } else {
            match c {
                '"' => string(rest),
                '\'' => character(rest),
                'r' | 'b' | 'c' => raw_string(rest),
                _ => 0,
            }
        };
        if length == 0 {
            out.push(c);
            rest = tail(rest, c.len_utf8());
        } else {
            blank(&mut out, head(rest, length), '_');
            rest = tail(rest, length);
        }
    }
    out
}

fn head(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}

fn tail(text: &str, length: usize) -> &str {
    text.get(length..).unwrap_or_default()
}

/// Writes a literal or a comment as filler between its ends.
fn blank(out: &mut String, piece: &str, filler: char) {
    for c in piece.chars() {
        out.push(match c {
            '\n' => '\n',
            '"' | '\'' if filler == '_' => c,
            _ => filler,
        });
    }
}

pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The length of the block comment that starts here; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let here = tail(text, at);
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string that starts with the quote here.
fn string(text: &str) -> usize {
    quoted(text, '"')
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the character literal here, 0 when the quote begins a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted(text, '\''),
        (Some(c), Some('\'')) => c.len_utf8() + 2,
        _ => 0,
    }
}

/// The length of the raw string here (`r"…"`, `br#"…"#`), 0 when there is none.
fn raw_string(text: &str) -> usize {
    let prefix = if text.starts_with('r') { 1 } else { 2 };
    if !head(text, prefix).ends_with('r') {
        return 0;
    }
    let hashes = tail(text, prefix).chars().take_while(|&c| c == '#').count();
    let start = prefix + hashes;
    if !tail(text, start).starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    match tail(text, start + 1).find(&end) {
        Some(length) => start + 1 + length + end.len(),
        None => text.len(),
    }
}

/// Which lines belong to test items.
fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = vec![false; code.lines().count()];
    for opening in ["#[cfg(test)]", "#[cfg(all(test", "#[test]"] {
        for (start, _) in code.match_indices(opening) {
            let length = item(tail(code, start));
            let first = head(code, start).matches('\n').count();
            let last = first
                + head(tail(code, start), length)
                    .trim_end()
                    .matches('\n')
                    .count();
            for mark in marks.iter_mut().take(last + 1).skip(first) {
                *mark = true;
            }
        }
    }
    marks
}

/// The length of an item with its attributes: to the first `;` or the end of the first
/// block outside of brackets.
fn item(code: &str) -> usize {
    let mut depth = 0_i32;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 && c == '}' {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Modules that are declared under `#[cfg(test)]` and live in a file of their own.
pub(crate) fn test_modules(lines: &[Line]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line.test)
        .filter_map(|line| {
            let name = line.code.trim().strip_suffix(';')?;
            let (before, name) = name.rsplit_once("mod ")?;
            let plain = before.is_empty() || before.ends_with([' ', ']']);
            (plain && name.chars().all(is_word)).then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "let a = \"std::fs \\\" x\"; // std::fs\n/* std /* net */ fs */ let b = r#\"un\"safe\"#;\nlet c = '\"'; let d: &'static str = b\"println!\";\n";
        let found = code(text);
        for word in ["std", "net", "safe", "println"] {
            assert!(!found.contains(word), "{word} in {found}");
        }
        for word in ["let a", "let b", "let c", "let d", "&'static str"] {
            assert!(found.contains(word), "no {word} in {found}");
        }
        assert_eq!(found.lines().count(), 3);
    }

    #[test]
    fn strings_over_lines_keep_their_lines() {
        assert_eq!(code("let a = \"x\ny\n\";\nb").lines().count(), 4);
    }

    #[test]
    fn test_items_are_marked() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}\n";
        let marks: Vec<bool> = lines(text).iter().map(|line| line.test).collect();
        assert_eq!(
            marks,
            [false, true, true, true, true, false, true, true, false]
        );
        assert_eq!(test_modules(&lines(text)), ["more"]);
    }
}
