//! Go's quoting: `strconv.Quote`, `%q` and `%#v`.

use crate::helm::value::convert::{display, format_float};
use crate::helm::value::{Data, Value};

/// `strconv.Quote`.
pub(crate) fn go_quote(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0x10_FF00.. => write!(out, "\\x{:02x}", code - 0x10_FF00),
                    0..=0x7f => write!(out, "\\x{code:02x}"),
                    0x80..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}

/// `strconv.IsPrint`, near enough: letters, marks, numbers, punctuation, symbols and the
/// plain space, but no other spaces, controls, private or unassigned code points.
fn is_printable(c: char) -> bool {
    let code = u32::from(c);
    let odd = c.is_control()
        || c.is_whitespace() && c != ' '
        || matches!(
            code,
            0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff
                | 0xe000..=0xf8ff | 0xfff0..=0xfffb | 0xfffe..=0xffff | 0xe0000..
        );
    !odd
}

/// `%#v`.
pub(super) fn go_syntax(value: &Value) -> String {
    match &value.data {
        Data::Text(text) => go_quote(text.as_str()),
        Data::List(list) => {
            let items: Vec<String> = list.items().iter().map(go_syntax).collect();
            format!("{}{{{}}}", value.type_name(), items.join(", "))
        }
        Data::Map(map) => {
            let items: Vec<String> = map
                .entries()
                .iter()
                .map(|(key, item)| format!("{}:{}", go_quote(key), go_syntax(item)))
                .collect();
            format!("{}{{{}}}", value.type_name(), items.join(", "))
        }
        Data::Float(float) => format_float(*float, 'g', None),
        Data::Uint(number, _) => format!("{number:#x}"),
        Data::Int(number, _) => number.to_string(),
        _ => display(value),
    }
}
