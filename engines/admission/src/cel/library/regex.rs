//! Regular expressions: `matches`, `find`, `findAll`. The syntax is RE2's, which differs from
//! the engine's own: classes such as `\d` and `\w` are ASCII, and inside of brackets there are
//! no set operations.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::Eval;
use crate::cel::value::Value;
use regex::{Regex, RegexBuilder};

pub(super) const FUNCTIONS: &[Entry] = &[
    ("matches", true, 2, 2, matches),
    ("matches", false, 2, 2, matches),
    ("find", true, 2, 2, find),
    ("findAll", true, 2, 3, find_all),
];

/// How large a compiled expression may be, in bytes.
const LARGEST: usize = 1 << 20;

/// Compiles an expression of RE2's syntax.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translated(pattern))
        .size_limit(LARGEST)
        .dfa_size_limit(LARGEST)
        .nest_limit(100)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!(
                "invalid regular expression: {}",
                reason.trim_start_matches("error: ")
            )
        })
}

/// RE2's syntax in the engine's.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Q') => {
                    // Everything up to `\E` is meant literally.
                    let mut literal = String::new();
                    while let Some(c) = chars.next() {
                        if c == '\\' && chars.peek() == Some(&'E') {
                            chars.next();
                            break;
                        }
                        literal.push(c);
                    }
                    out.push_str(&regex::escape(&literal));
                }
                Some(c) => class(c, in_class, &mut out),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                // A bracket that closes at once is meant literally.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            c => out.push(c),
        }
    }
    out
}

/// An escape outside or inside of brackets.
fn class(c: char, in_class: bool, out: &mut String) {
    let inner = match c.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\f\\r ",
        _ => "",
    };
    if !inner.is_empty() {
        let open = if c.is_ascii_uppercase() { "[^" } else { "[" };
        if in_class && c.is_ascii_lowercase() {
            out.push_str(inner);
        } else {
            out.push_str(open);
            out.push_str(inner);
            out.push(']');
        }
        return;
    }
    match c {
        'b' | 'B' if !in_class => {
            out.push_str("(?-u:\\");
            out.push(c);
            out.push(')');
        }
        // Escaped punctuation that the engine does not know as such.
        c if c.is_ascii_punctuation() => {
            out.push('\\');
            out.push(c);
        }
        c => {
            out.push('\\');
            out.push(c);
        }
    }
}

fn charge(machine: &mut Machine<'_>, text: &str, pattern: &str) -> Eval<()> {
    machine.charge((text.len() + 10) / 10 * ((pattern.len() + 4) / 4))
}

fn matches(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text), Value::String(pattern)] = args else {
        return mismatch("matches", args);
    };
    charge(machine, text, pattern)?;
    let regex = machine.pattern(pattern)?;
    Ok(Value::Bool(regex.is_match(text)))
}

fn find(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text), Value::String(pattern)] = args else {
        return mismatch("find", args);
    };
    charge(machine, text, pattern)?;
    let regex = machine.pattern(pattern)?;
    let found = regex.find(text).map_or("", |found| found.as_str());
    Ok(Value::text(found))
}

fn find_all(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let (text, pattern, most) = match args {
        [Value::String(text), Value::String(pattern)] => (text, pattern, usize::MAX),
        [
            Value::String(text),
            Value::String(pattern),
            Value::Int(most),
        ] => (text, pattern, usize::try_from(*most).unwrap_or(usize::MAX)),
        _ => return mismatch("findAll", args),
    };
    charge(machine, text, pattern)?;
    let regex = machine.pattern(pattern)?;
    let mut found = Vec::new();
    for part in regex.find_iter(text).take(most) {
        machine.charge(1)?;
        found.push(Value::text(part.as_str()));
    }
    Ok(Value::list(found))
}
