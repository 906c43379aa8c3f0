//! Regular expressions that must match a text as a whole, as Envoy asks of requests.
//!
//! Most of those that people write are a text, a beginning or an end, alone or as alternatives:
//! they become sets with closed forms. Any other is asked about a text when one is known.

use super::pattern::Pattern;
use regex::bytes::{Regex, RegexBuilder};

/// How long an expression may be. Envoy's own limit is about a hundred instructions.
const MOST: usize = 2_000;

/// How much memory a compiled one may take.
const LARGEST: usize = 1 << 18;

/// The texts that an expression matches as a whole; `None` where it is none, or too large.
pub(super) fn read(text: &str) -> Option<Vec<Pattern>> {
    // Without what is put around it, too: `a)|(b` is none.
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(LARGEST)
        .build()
        .ok()?;
    compiled(text)?;
    let simple: Option<Vec<Pattern>> = alternatives(text).into_iter().map(simple).collect();
    Some(simple.unwrap_or_else(|| vec![Pattern::Regex(text.into())]))
}

/// A text with any ending that an expression describes, in large and small letters.
pub(super) fn read_in_any_case(text: &str, ending: &str) -> Option<Vec<Pattern>> {
    read(&format!("(?i){}{ending}", regex::escape(text)))
}

/// Whether an expression matches a text as a whole.
pub(super) fn matches(text: &str, value: &str) -> bool {
    compiled(text).is_some_and(|regex| regex.is_match(value.as_bytes()))
}

fn compiled(text: &str) -> Option<Regex> {
    if text.len() > MOST {
        return None;
    }
    // RE2's classes (`\d`, `\w`) are of ASCII.
    let mut builder = RegexBuilder::new(&format!("^(?:{text})$"));
    builder.unicode(false).size_limit(LARGEST);
    builder.dfa_size_limit(LARGEST).nest_limit(50).build().ok()
}

/// `GET|POST` and `(GET|POST)` as their parts; what has groups within is one part.
fn alternatives(text: &str) -> Vec<&str> {
    let inner = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    let inner = inner.map(|inner| inner.strip_prefix("?:").unwrap_or(inner));
    let inner = inner.filter(|inner| !inner.contains(['(', ')', '\\']));
    let text = inner.unwrap_or(text);
    if text.contains(['(', ')', '[', ']', '\\']) {
        return vec![text];
    }
    text.split('|').collect()
}

/// What is one text, or one with anything at one of its ends.
fn simple(text: &str) -> Option<Pattern> {
    let text = text.strip_prefix('^').unwrap_or(text);
    let text = text
        .strip_suffix('$')
        .filter(|t| !t.ends_with('\\'))
        .unwrap_or(text);
    let (is_open_before, text) = match text.strip_prefix(".*") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let open = text.strip_suffix(".*").filter(|t| !t.ends_with('\\'));
    let literal = literal(open.unwrap_or(text))?;
    match (is_open_before, open.is_some()) {
        (false, false) => Some(Pattern::Exact(literal.into())),
        (false, true) => Some(Pattern::beginning(&literal)),
        (true, false) => Some(Pattern::Affix {
            prefix: "".into(),
            suffix: literal.into(),
        }),
        (true, true) if literal.is_empty() => Some(Pattern::any()),
        (true, true) => None,
    }
}

/// The text that an expression without operators stands for.
fn literal(text: &str) -> Option<String> {
    let mut literal = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => literal.push(letters.next().filter(char::is_ascii_punctuation)?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => {
                return None;
            }
            other => literal.push(other),
        }
    }
    Some(literal)
}

/// Whether a text that an expression matches may go on with a question mark where another text
/// that it does not match ends: then a query can make of a path one that fits. What is at the
/// end and takes everything does not count, as it takes the path without a query, too.
pub(super) fn may_ask(text: &str) -> bool {
    let text = text.strip_suffix('$').unwrap_or(text);
    let text = text
        .strip_suffix(".*")
        .filter(|t| !t.ends_with('\\'))
        .unwrap_or(text);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '.' => return true,
            '\\' => match letters.next() {
                Some('d' | 'w' | 'b' | 's') => {}
                Some(other) if other.is_ascii_punctuation() && other != '?' => {}
                _ => return true,
            },
            '[' if class_may_ask(&mut letters) => return true,
            _ => {}
        }
    }
    false
}

/// Whether a class of letters may have the question mark in it.
fn class_may_ask(letters: &mut impl Iterator<Item = char>) -> bool {
    let body: String = letters.take_while(|letter| *letter != ']').collect();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_/.~%".contains(letter);
    // A range from a sign to a letter has much in it.
    let has_range = body.as_bytes().windows(3).any(|three| match three {
        [from, b'-', to] => *from < b'?' && *to > b'?',
        _ => false,
    });
    has_range || !body.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an expression is read as, and what of some texts it holds.
    #[test]
    fn simple_ones_have_closed_forms() {
        let read = |text: &str| {
            let all = read(text).unwrap_or_default();
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            all.join(" or ")
        };
        for (text, expected) in [
            ("GET", "GET"),
            ("GET|POST", "GET or POST"),
            ("(GET|POST)", "GET or POST"),
            ("^/public$", "/public"),
            ("/public/.*", "/public/*"),
            (".*\\.png", "*.png"),
            (".*", "*"),
            ("/a\\.b", "/a.b"),
            ("/v[12]/.*", "^/v[12]/.*$"),
            ("/a.b", "^/a.b$"),
            ("/a\\.*", "^/a\\.*$"),
            (".*admin.*", "^.*admin.*$"),
            ("(a|b)(c|d)", "^(a|b)(c|d)$"),
            ("^GET|POST$", "GET or POST"),
            ("(", ""),
            ("a)|(b", ""),
            ("(?P<x", ""),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    /// Closed forms hold what the expression matches, and nothing else.
    #[test]
    fn closed_forms_are_exact() {
        let expressions = [
            "GET",
            "GET|PUT",
            "/a.*",
            "^/a$",
            ".*b",
            "/a/?",
            "/[ab]+",
            "(GET|PUT)",
            "a|/a.*",
        ];
        for expression in expressions {
            let patterns = read(expression).unwrap_or_default();
            assert!(!patterns.is_empty(), "{expression}");
            for text in [
                "", "GET", "PUT", "GETPUT", "/a", "/a/", "/ab", "b", "xGET", "a",
            ] {
                let holds = patterns.iter().any(|pattern| pattern.holds(text));
                assert_eq!(holds, matches(expression, text), "{expression} {text}");
            }
        }
    }

    #[test]
    fn a_query_may_make_a_path_fit() {
        for (text, expected) in [
            ("/public.*", false),
            ("/v[12]/[a-z0-9_-]+", false),
            ("/items/\\d+", false),
            ("/a?b", false),
            (".*ok", true),
            ("/a/[^/]+/b", true),
            ("/a\\?x=1", true),
            ("/[ -z]", true),
            ("/a\\.*", false),
        ] {
            assert_eq!(may_ask(text), expected, "{text}");
        }
    }

    #[test]
    fn large_ones_are_left_alone() {
        assert_eq!(read(&"a".repeat(MOST + 1)), None);
        assert_eq!(read("((a{1000}){1000}){1000}"), None);
        assert_eq!(
            read(&format!("{}a{}", "(".repeat(400), ")".repeat(400))),
            None
        );
    }
}
