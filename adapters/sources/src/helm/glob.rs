//! The two pattern languages of Helm: `gobwas/glob` for `.Files.Glob`, `filepath.Match`
//! for `.helmignore`. Both become regular expressions, which run in linear time.

use regex::Regex;

/// Whether a path matches a `.Files.Glob` pattern. One that cannot be read matches all, as
/// in Helm.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    match glob(pattern) {
        Some(regex) => regex.is_match(path),
        None => true,
    }
}

fn build(body: &str) -> Option<Regex> {
    regex::RegexBuilder::new(&format!("(?s)^(?:{body})$"))
        .size_limit(1 << 20)
        .build()
        .ok()
}

fn glob(pattern: &str) -> Option<Regex> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut open = 0u32;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                while chars.next_if_eq(&'*').is_some() {}
                out.push_str(".*");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '{' => {
                open += 1;
                out.push_str("(?:");
            }
            '}' if open > 0 => {
                open -= 1;
                out.push(')');
            }
            ',' if open > 0 => out.push('|'),
            '[' => out.push_str(&class(&mut chars, '!')?),
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    if open > 0 { None } else { build(&out) }
}

/// `[a-z]` after its bracket.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, not: char) -> Option<String> {
    let mut out = String::from("[");
    if chars.next_if_eq(&not).is_some() {
        out.push('^');
        out.push('/');
    }
    let mut count = 0;
    loop {
        let mut c = chars.next()?;
        if c == ']' && count > 0 {
            out.push(']');
            return Some(out);
        }
        if c == '\\' {
            c = chars.next()?;
        } else if c == '-' && count > 0 {
            out.push('-');
            continue;
        }
        if !c.is_alphanumeric() {
            out.push('\\');
        }
        out.push(c);
        count += 1;
    }
}

/// A `filepath.Match` pattern; nothing when it is malformed.
pub(crate) fn file_match(pattern: &str) -> Option<Regex> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => out.push_str(&class(&mut chars, '^')?),
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    build(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes() {
        for (pattern, path, want) in [
            ("files/*.yaml", "files/a.yaml", true),
            ("files/*.yaml", "files/b/a.yaml", false),
            ("files/**.yaml", "files/b/a.yaml", true),
            ("**", "a/b/c", true),
            ("{a,b}.txt", "b.txt", true),
            ("[a-c].txt", "b.txt", true),
            ("[!a-c].txt", "b.txt", false),
        ] {
            assert_eq!(matches(pattern, path), want, "{pattern} {path}");
        }
        let matched = |pattern: &str, path: &str| {
            file_match(pattern).is_some_and(|regex| regex.is_match(path))
        };
        assert!(matched("*.bak", "a.bak"));
        assert!(!matched("*.bak", "d/a.bak"));
        assert!(file_match("[").is_none());
    }
}
