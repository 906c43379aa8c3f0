//! [`Node`] to JSON text, as Go's `encoding/json` writes it.

use crate::{Entry, Node, Value, number};
use std::fmt::Write as _;

/// Compact JSON with sorted keys, as Go's `encoding/json` writes it.
pub fn to_json(node: &Node) -> String {
    let mut out = String::new();
    compact(&node.value, &mut out);
    out
}

/// JSON with sorted keys, indented by two spaces, as Go's `json.MarshalIndent` writes it.
pub fn to_json_pretty(node: &Node) -> String {
    let mut out = String::new();
    pretty(&node.value, 0, &mut out);
    out
}

fn compact(value: &Value, out: &mut String) {
    match value {
        Value::Seq(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                compact(&item.value, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, entry) in sorted(map.iter()).into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                string(&entry.key, out);
                out.push(':');
                compact(&entry.value.value, out);
            }
            out.push('}');
        }
        _ => scalar(value, out),
    }
}

fn pretty(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Seq(items) if !items.is_empty() => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                line(i, depth + 1, out);
                pretty(&item.value, depth + 1, out);
            }
            line(0, depth, out);
            out.push(']');
        }
        Value::Map(map) if !map.is_empty() => {
            out.push('{');
            for (i, entry) in sorted(map.iter()).into_iter().enumerate() {
                line(i, depth + 1, out);
                string(&entry.key, out);
                out.push_str(": ");
                pretty(&entry.value.value, depth + 1, out);
            }
            line(0, depth, out);
            out.push('}');
        }
        _ => compact(value, out),
    }
}

fn line(index: usize, depth: usize, out: &mut String) {
    out.push_str(if index > 0 { ",\n" } else { "\n" });
    out.extend((0..depth).map(|_| "  "));
}

/// Entries by the bytes of their keys.
fn sorted<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<&'a Entry> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(int) => {
            let _ = write!(out, "{int}"); // a String takes everything
        }
        Value::UInt(uint) => {
            let _ = write!(out, "{uint}");
        }
        Value::Float(float) if float.is_finite() => number::json_float(*float, out),
        Value::String(text) => string(text, out),
        // Infinities and NaN do not come from `parse`, and JSON has no word for them.
        _ => out.push_str("null"),
    }
}

/// A string with Go's default escaping, which is safe inside HTML and JavaScript.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut done = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            '\0'..='\x1f' => "",
            _ => continue,
        };
        out.push_str(text.get(done..at).unwrap_or_default());
        done = at + c.len_utf8();
        if escape.is_empty() {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out.push('"');
}
