//! Sprig's functions on regular expressions. Go's syntax is RE2's; the `regex` crate is of
//! the same family, runs in linear time, and differs in details that are translated here.

use super::{Args, Builtin, f};
use crate::helm::error::{Fail, Result};
use crate::helm::template::run::Engine;
use crate::helm::value::Value;
use crate::helm::value::text::{Origin, Out, Text};
use regex::Regex;

pub(super) const TABLE: &[Builtin] = &[
    f("regexMatch", 2, 2, |e, a| {
        match regex(e, a) {
            Ok(regex) => Ok(Value::bool(
                a.text(1).is_ok_and(|text| regex.is_match(text.as_str())),
            )),
            // What is too large for us alone must not be told to match nothing.
            Err(fail) if fail.is_limit() => Err(fail),
            // A pattern that cannot be read matches nothing here.
            Err(_) => Ok(Value::bool(false)),
        }
    }),
    f("mustRegexMatch", 2, 2, |e, a| {
        Ok(Value::bool(regex(e, a)?.is_match(a.text(1)?.as_str())))
    }),
    f("regexFind", 2, 2, |e, a| find(e, a)),
    f("mustRegexFind", 2, 2, |e, a| find(e, a)),
    f("regexFindAll", 3, 3, |e, a| find_all(e, a)),
    f("mustRegexFindAll", 3, 3, |e, a| find_all(e, a)),
    f("regexReplaceAll", 3, 3, |e, a| replace(e, a, true)),
    f("mustRegexReplaceAll", 3, 3, |e, a| replace(e, a, true)),
    f("regexReplaceAllLiteral", 3, 3, |e, a| replace(e, a, false)),
    f("mustRegexReplaceAllLiteral", 3, 3, |e, a| {
        replace(e, a, false)
    }),
    f("regexSplit", 3, 3, |e, a| split(e, a)),
    f("mustRegexSplit", 3, 3, |e, a| split(e, a)),
    f("regexQuoteMeta", 1, 1, |_, a| {
        let mut out = String::new();
        for c in a.text(0)?.as_str().chars() {
            if r"\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        Ok(Value::text(out))
    }),
];

fn regex(engine: &mut Engine<'_>, args: &Args) -> Result<Regex> {
    let pattern = args.text(0)?;
    // Matching is linear, but far slower than reading.
    engine.budget.read(args.length().saturating_mul(8))?;
    if let Some(known) = engine.regexes.get(pattern.as_str()) {
        return known.clone().map_err(Fail::from);
    }
    engine.budget.step(COMPILING)?;
    let made = compile(pattern.as_str());
    if engine.regexes.len() >= MOST {
        engine.regexes.clear();
    }
    engine.regexes.insert(pattern.rc(), made.clone());
    made.map_err(Fail::from)
}

/// Why there is no expression.
#[derive(Debug, Clone)]
pub(crate) enum Refused {
    /// For us alone it is too large.
    TooLarge,
    /// It is none: what is wrong.
    Wrong(String),
}

impl From<Refused> for Fail {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLarge => Fail::limit(
                "a regular expression has more than 16 KiB, or 512 KiB when it is compiled",
            ),
            Refused::Wrong(why) => Fail::new(why),
        }
    }
}

/// Steps that compiling an expression takes.
const COMPILING: u64 = 50_000;

/// How many compiled expressions are kept.
const MOST: usize = 64;

/// Longest pattern, in bytes. What is read from it takes hundreds of times as much.
const LONGEST: usize = 16 << 10;

/// Largest compiled expression, and what a search may remember, in bytes.
const LARGEST: usize = 512 << 10;

pub(crate) fn compile(pattern: &str) -> std::result::Result<Regex, Refused> {
    if pattern.len() > LONGEST {
        return Err(Refused::TooLarge);
    }
    regex::RegexBuilder::new(&translate(pattern))
        .size_limit(LARGEST)
        .dfa_size_limit(LARGEST)
        .nest_limit(200)
        .build()
        .map_err(|error| {
            if let regex::Error::CompiledTooBig(_) = error {
                return Refused::TooLarge;
            }
            let why = error.to_string();
            let why = why
                .lines()
                .last()
                .unwrap_or("")
                .trim_start_matches("error: ");
            Refused::Wrong(format!("`{pattern}` is no regular expression: {why}"))
        })
}

/// RE2's syntax as the `regex` crate reads it: classes are ASCII, a brace that starts no
/// repetition is itself, class brackets do not nest.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    let mut class_start = false;
    while let Some(c) = chars.next() {
        let at_start = std::mem::take(&mut class_start);
        match c {
            '\\' => {
                let Some(next) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match next {
                    'd' if in_class => out.push_str("0-9"),
                    'w' if in_class => out.push_str("0-9A-Za-z_"),
                    's' if in_class => out.push_str(r"\t\n\x0c\r "),
                    'd' => out.push_str("[0-9]"),
                    'w' => out.push_str("[0-9A-Za-z_]"),
                    's' => out.push_str(r"[\t\n\x0c\r ]"),
                    'D' => out.push_str("[^0-9]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    'S' => out.push_str(r"[^\t\n\x0c\r ]"),
                    'b' => out.push_str(r"(?-u:\b)"),
                    'B' => out.push_str(r"\B"),
                    'Q' => {
                        let rest: String = chars.by_ref().collect();
                        let (quoted, after) = rest.split_once("\\E").unwrap_or((&rest, ""));
                        out.push_str(&regex::escape(quoted));
                        out.push_str(&translate(after));
                        return out;
                    }
                    c if c.is_ascii_punctuation() => out.push_str(&regex::escape(&c.to_string())),
                    c => {
                        out.push('\\');
                        out.push(c);
                    }
                }
                if in_class && matches!(next, 'd' | 'w' | 's') && chars.next_if_eq(&'-').is_some() {
                    // After a class a dash is no range.
                    out.push_str(r"\-");
                }
            }
            '[' if !in_class => {
                in_class = true;
                class_start = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            '[' if chars.peek() == Some(&':') => {
                // A POSIX class: copied whole.
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            ']' if in_class && at_start => out.push_str(r"\]"),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '{' if !in_class => {
                let rest: String = chars.clone().take_while(|c| *c != '}').collect();
                let (least, most) = rest.split_once(',').unwrap_or((&rest, ""));
                let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                let closed = chars.clone().any(|c| c == '}');
                if closed && !least.is_empty() && digits(least) && digits(most) {
                    out.push('{');
                } else {
                    out.push_str(r"\{");
                }
            }
            c => out.push(c),
        }
    }
    out
}

fn find(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let regex = regex(engine, args)?;
    let text = args.text(1)?;
    let found = regex.find(text.as_str());
    Ok(Value::text(found.map_or_else(
        || Text::from(""),
        |m| text.slice(m.start(), m.end()),
    )))
}

fn find_all(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let regex = regex(engine, args)?;
    let text = args.text(1)?;
    let most = usize::try_from(args.int(2)?).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for m in regex.find_iter(text.as_str()).take(most) {
        let piece = text.slice(m.start(), m.end());
        engine.budget.piece(&mut found, piece)?;
    }
    Ok(if found.is_empty() {
        super::strings::nil_texts()
    } else {
        Value::texts(found)
    })
}

fn replace(engine: &mut Engine<'_>, args: &Args, expand: bool) -> Result<Value> {
    let regex = regex(engine, args)?;
    let (text, new) = (args.text(1)?, args.text(2)?);
    let mut out = Out::default();
    let mut start = 0;
    for found in regex.captures_iter(text.as_str()) {
        engine.budget.step(1)?;
        let Some(whole) = found.get(0) else { continue };
        out.push_slice(&text, start, whole.start(), Origin::default());
        let origin = text.origin_at(u32::try_from(whole.start()).unwrap_or(u32::MAX));
        let origin = Origin {
            end: if origin.file == 0 {
                0
            } else {
                origin.start + 1
            },
            ..origin
        };
        let mut made = String::new();
        if expand {
            found.expand(new.as_str(), &mut made);
        } else {
            made.push_str(new.as_str());
        }
        out.push(&made, origin);
        if out.is_full() {
            return Err(Fail::limit(
                "a template function makes more than 16 MiB at once",
            ));
        }
        start = whole.end();
    }
    out.push_slice(&text, start, text.as_str().len(), Origin::default());
    Ok(Value::text(out.finish()))
}

fn split(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let regex = regex(engine, args)?;
    let text = args.text(1)?;
    let count = args.int(2)?;
    if count == 0 {
        return Ok(super::strings::nil_texts());
    }
    let whole = text.as_str();
    if !regex.as_str().is_empty() && whole.is_empty() {
        return Ok(Value::texts([Text::from("")]));
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(whole) {
        if out.len() + 1 == most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            engine.budget.piece(&mut out, text.slice(start, end))?;
        }
        start = found.end();
    }
    if end != whole.len() {
        engine
            .budget
            .piece(&mut out, text.slice(start, whole.len()))?;
    }
    Ok(Value::texts(out))
}
