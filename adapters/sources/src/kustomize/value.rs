//! Scalars as text and text as scalars, the way Kustomize's YAML library sees them.

use seawall_model::{Span, Str};
use seawall_yaml::{Node, Value};
use std::borrow::Cow;

/// The text of a scalar; empty for null, lists and mappings.
pub(super) fn text(node: &Node) -> Cow<'_, str> {
    match &node.value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::UInt(number) => Cow::Owned(number.to_string()),
        Value::Float(number) => Cow::Owned(float_text(*number)),
        Value::Null | Value::Seq(_) | Value::Map(_) => Cow::Borrowed(""),
    }
}

/// The text at a path of keys; empty when there is none.
pub(super) fn text_at<'n>(node: &'n Node, path: &[&str]) -> Cow<'n, str> {
    node.at(path).map_or(Cow::Borrowed(""), text)
}

fn float_text(number: f64) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    // Go's shortest form: plain digits up to twenty of them, exponents beyond.
    if number != 0.0 && !(1e-4..1e21).contains(&number.abs()) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((mantissa, exponent)) => {
                let (sign, digits) = match exponent.strip_prefix('-') {
                    Some(digits) => ('-', digits),
                    None => ('+', exponent),
                };
                format!("{mantissa}e{sign}{digits:0>2}")
            }
            None => text,
        };
    }
    number.to_string()
}

/// Whether a node is a scalar (null is one).
pub(super) fn is_scalar(node: &Node) -> bool {
    !matches!(node.value, Value::Seq(_) | Value::Map(_))
}

/// Whether a node is null, an empty mapping or an empty list.
pub(super) fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Map(map) => map.is_empty(),
        Value::Seq(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether a null was not written at all (`key:`), as opposed to `null` or `~`.
pub(super) fn is_unwritten(node: &Node) -> bool {
    node.is_null() && node.span.line > 0 && node.span.start == node.span.end
}

/// What plain text in YAML 1.2 with Go's number syntax stands for: how Kustomize reads a
/// scalar that it wrote without quotes.
pub(super) fn resolve(text: &str, span: Span) -> Node {
    Node::new(resolve_value(text), span)
}

fn resolve_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Value::String(text.into());
    }
    let plain = text.replace('_', "");
    if let Some(value) = integer(&plain) {
        return value;
    }
    if is_float(&plain)
        && let Ok(number) = plain.parse::<f64>()
    {
        return Value::Float(number);
    }
    Value::String(text.into())
}

fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?)
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let number = if negative { -magnitude } else { magnitude };
    i64::try_from(number)
        .map(Value::Int)
        .or_else(|_| u64::try_from(number).map(Value::UInt))
        .ok()
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)))
}

/// Replaces the text of a scalar but not its type: a number must stay a number, text stays
/// text. A scalar at no place was just made, and takes the type that its text has.
pub(super) fn with_text(node: &Node, new: &str, span: Span) -> Result<Node, String> {
    let resolved = resolve(new, span);
    let fits = match (&node.value, &resolved.value) {
        (Value::String(_), _) => return Ok(string(new, span)),
        (Value::Null, _) if !node.span.is_known() => true,
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Int(_) | Value::UInt(_) | Value::Float(_), Value::Int(_) | Value::UInt(_))
        | (Value::Float(_), Value::Float(_)) => true,
        _ => false,
    };
    if fits {
        return Ok(resolved);
    }
    Err(format!(
        "\"{new}\" cannot take the place of a {}",
        node.type_name()
    ))
}

/// A scalar in the style of the one that it replaces: in quotes, a number is text.
pub(super) fn in_style_of(old: &Node, new: Node) -> Node {
    let number = matches!(
        new.value,
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_)
    );
    if number && is_quoted(old) {
        string(text(&new).into_owned(), new.span)
    } else {
        new
    }
}

/// Whether text was written in quotes or as a block, so that it is longer than it reads.
fn is_quoted(node: &Node) -> bool {
    let Value::String(text) = &node.value else {
        return false;
    };
    node.span.is_known()
        && (node.span.end - node.span.start.min(node.span.end)) as usize != text.len()
}

/// No object may have more values than this: copies of copies double it at every step.
const MAX_VALUES: usize = 1_000_000;

/// Whether an object has grown too large.
pub(super) fn is_too_large(node: &Node) -> bool {
    size(node) > MAX_VALUES
}

/// How many values an object has, as far as one counts.
pub(super) fn size(node: &Node) -> usize {
    fn count(node: &Node, left: &mut usize) {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return;
        }
        match &node.value {
            Value::Seq(items) => items.iter().for_each(|item| count(item, left)),
            Value::Map(map) => map.iter().for_each(|entry| count(&entry.value, left)),
            _ => {}
        }
    }
    // One more than is allowed.
    let mut left = MAX_VALUES + 1;
    count(node, &mut left);
    MAX_VALUES + 1 - left
}

/// A new string at a place.
pub(super) fn string(text: impl Into<Str>, span: Span) -> Node {
    Node::string(text, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_resolves_as_go_yaml_v3_does() {
        let show = |t: &str| format!("{:?}", resolve(t, Span::NONE).value);
        assert_eq!(show("yes"), "String(\"yes\")");
        assert_eq!(show("true"), "Bool(true)");
        assert_eq!(show("0777"), "Int(511)");
        assert_eq!(show("0x1F"), "Int(31)");
        assert_eq!(show("1_000"), "Int(1000)");
        assert_eq!(show("-12"), "Int(-12)");
        assert_eq!(show("1.5"), "Float(1.5)");
        assert_eq!(show("1."), "Float(1.0)");
        assert_eq!(show("1.2.3"), "String(\"1.2.3\")");
        assert_eq!(show("-"), "String(\"-\")");
        assert_eq!(show("18446744073709551615"), "UInt(18446744073709551615)");
        assert_eq!(show("08"), "Float(8.0)");
    }

    #[test]
    fn floats_read_like_go_prints_them() {
        assert_eq!(float_text(1e21), "1e+21");
        assert_eq!(float_text(1.5e-7), "1.5e-07");
        assert_eq!(float_text(0.25), "0.25");
        assert_eq!(float_text(100.0), "100");
    }
}
