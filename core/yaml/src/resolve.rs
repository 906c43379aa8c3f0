//! What a scalar means: the resolution table of go-yaml v2, the reader under
//! `sigs.k8s.io/yaml`. Every odd case here is one that Kubernetes has.

use crate::number;
use crate::timestamp;

/// The prefix that `!!` stands for.
const CORE: &str = "tag:yaml.org,2002:";
/// `false`, of the words that are no text.
const LONGEST_WORD: usize = 5;

/// What a scalar resolved to. Borrowed text is the scalar's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    /// The scalar's text as it is.
    Text,
    /// Base 64 to be decoded.
    Binary,
}

/// What a careful reader would stumble over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    Bool,
    Number,
}

/// Resolves a scalar. `implicit` is true for plain scalars and for the tag `!`.
/// The error says what cannot be decoded.
pub(crate) fn resolve(
    tag: &str,
    implicit: bool,
    text: &str,
) -> Result<(Resolved, Option<Oddity>), String> {
    if tag.is_empty() {
        return Ok(if implicit {
            resolve_plain(text)
        } else {
            (Resolved::Text, None)
        });
    }
    let Some(kind) = tag.strip_prefix(CORE) else {
        return Ok((Resolved::Text, None)); // an application's tag: the text stays as it is
    };
    // Without the text itself, which may be a secret.
    let fail = |found: &str| Err(format!("cannot decode a {found} as a !!{kind}"));
    match kind {
        "binary" => Ok((Resolved::Binary, None)),
        "timestamp" => {
            if timestamp::is_timestamp(text) {
                return Ok((Resolved::Text, None));
            }
            fail(short_tag(resolve_plain(text).0))
        }
        "bool" | "int" | "float" | "null" => {
            let (resolved, oddity) = resolve_plain(text);
            match (kind, resolved) {
                ("bool", Resolved::Bool(_))
                | ("int", Resolved::Int(_) | Resolved::UInt(_))
                | ("float", Resolved::Float(_))
                | ("null", Resolved::Null) => Ok((resolved, oddity)),
                // An unsigned integer is not widened, in the original neither.
                #[allow(clippy::cast_precision_loss)] // as Go converts
                ("float", Resolved::Int(int)) => Ok((Resolved::Float(int as f64), oddity)),
                _ => fail(short_tag(resolved)),
            }
        }
        _ => Ok((Resolved::Text, None)), // `!!str`, and what go-yaml does not know
    }
}

fn short_tag(resolved: Resolved) -> &'static str {
    match resolved {
        Resolved::Null => "!!null",
        Resolved::Bool(_) => "!!bool",
        Resolved::Int(_) | Resolved::UInt(_) => "!!int",
        Resolved::Float(_) => "!!float",
        Resolved::Text => "!!str",
        Resolved::Binary => "!!binary",
    }
}

/// Resolves a plain scalar without a tag.
pub(crate) fn resolve_plain(text: &str) -> (Resolved, Option<Oddity>) {
    match text.as_bytes() {
        [] => (Resolved::Null, None),
        [b'0'..=b'9' | b'+' | b'-', ..] => resolve_number(text),
        [b'.', ..] => (resolve_dotted(text), None),
        short if short.len() <= LONGEST_WORD => resolve_word(text),
        _ => (Resolved::Text, None),
    }
}

fn resolve_dotted(text: &str) -> Resolved {
    match text {
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
        _ => number::parse_dot_float(text).map_or(Resolved::Text, Resolved::Float),
    }
}

fn resolve_word(text: &str) -> (Resolved, Option<Oddity>) {
    match text {
        "true" | "True" | "TRUE" => (Resolved::Bool(true), None),
        "false" | "False" | "FALSE" => (Resolved::Bool(false), None),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            (Resolved::Bool(true), Some(Oddity::Bool))
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            (Resolved::Bool(false), Some(Oddity::Bool))
        }
        "~" | "null" | "Null" | "NULL" => (Resolved::Null, None),
        _ => (Resolved::Text, None),
    }
}

fn resolve_number(text: &str) -> (Resolved, Option<Oddity>) {
    // By far the most common case, and free of every oddity.
    if text.len() < 18
        && text.as_bytes().iter().all(u8::is_ascii_digit)
        && (text.len() == 1 || !text.starts_with('0'))
        && let Ok(int) = text.parse()
    {
        return (Resolved::Int(int), None);
    }
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return (Resolved::Float(f64::INFINITY), None),
        "-.inf" | "-.Inf" | "-.INF" => return (Resolved::Float(f64::NEG_INFINITY), None),
        _ => {}
    }
    // A timestamp stays the text that it is, and no timestamp is also a number.
    let without;
    let plain = if text.contains('_') {
        without = text.replace('_', "");
        without.as_str()
    } else {
        text
    };
    let resolved = if let Some(int) = number::parse_int_any_base(plain) {
        Resolved::Int(int)
    } else if let Some(uint) = number::parse_uint_any_base(plain) {
        Resolved::UInt(uint)
    } else if let Some(float) = number::parse_yaml_float(plain) {
        Resolved::Float(float)
    } else if let Some(int) = plain
        .strip_prefix("0b")
        .and_then(|s| number::parse_int(s, 2))
    {
        Resolved::Int(int)
    } else {
        return (Resolved::Text, None);
    };
    let odd = plain.len() != text.len() || {
        let digits = plain.trim_start_matches(['+', '-']);
        digits.starts_with("0b")
            || digits.starts_with("0B")
            || (digits.len() > 1
                && digits.starts_with('0')
                && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit))
    };
    (resolved, odd.then_some(Oddity::Number))
}
