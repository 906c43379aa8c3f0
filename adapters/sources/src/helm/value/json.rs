//! Values to JSON and from JSON, as Go's `encoding/json` does it.

use super::convert::{MAX_DEPTH, bytes_of, map_of, text_of};
use super::object::{Object, Struct};
use super::{Data, Value};
use std::fmt::Write as _;
use std::rc::Rc;

/// How to write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// `<`, `>` and `&` as `\u003c`, …, Go's default.
    pub(crate) escape_html: bool,
    /// Two spaces a level.
    pub(crate) pretty: bool,
}

/// The value as JSON; an error where Go has one.
pub(crate) fn encode(value: &Value, style: Style) -> Result<String, String> {
    let mut out = String::new();
    write(value, style, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Value, style: Style, depth: u32, out: &mut String) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("the value is nested too deep for JSON".to_owned());
    }
    if out.len() > super::text::MAX_TEXT {
        return Err(super::text::TOO_LONG.to_owned());
    }
    match &value.data {
        Data::Invalid | Data::Nil => out.push_str("null"),
        Data::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Data::Int(value, _) => out.push_str(&value.to_string()),
        Data::Uint(value, _) => out.push_str(&value.to_string()),
        Data::Float(value) => out.push_str(&float(*value)?),
        Data::Text(text) => quote(text.as_str(), style, out),
        Data::List(list) if list.is_nil() => out.push_str("null"),
        Data::List(list) => sequence(&list.items(), style, depth, out)?,
        Data::Map(map) => {
            let entries = map.entries();
            object(
                entries.iter().map(|(key, value)| (&**key, value)),
                style,
                depth,
                out,
            )?;
        }
        Data::Object(data) => write_object(data, style, depth, out)?,
    }
    Ok(())
}

fn write_object(data: &Object, style: Style, depth: u32, out: &mut String) -> Result<(), String> {
    match data {
        Object::Struct(data) => {
            let fields: Vec<(&str, &Value)> = json_fields(data);
            object(fields.into_iter(), style, depth, out)
        }
        Object::Bytes(bytes) => {
            quote(&crate::helm::encoding::base64(bytes), style, out);
            Ok(())
        }
        Object::Files(files) => {
            let entries: Vec<(Rc<str>, Value)> = files
                .files
                .iter()
                .map(|(name, file)| {
                    (
                        name.clone(),
                        Value::object(Object::Bytes(file.bytes.clone())),
                    )
                })
                .collect();
            object(
                entries.iter().map(|(key, value)| (&**key, value)),
                style,
                depth,
                out,
            )
        }
        Object::Versions(versions) => {
            let items: Vec<Value> = versions.iter().map(|v| Value::text(v.clone())).collect();
            sequence(&items, style, depth, out)
        }
        Object::Version(version) => {
            quote(&version.to_string(), style, out);
            Ok(())
        }
        Object::Time(nanos) => {
            quote(&crate::helm::time::rfc3339(*nanos), style, out);
            Ok(())
        }
    }
}

/// The fields that JSON shows, under their JSON names.
pub(crate) fn json_fields(data: &Struct) -> Vec<(&str, &Value)> {
    data.fields
        .iter()
        .filter(|field| !field.omit_empty || field.value.truth())
        .map(|field| {
            (
                if field.json.is_empty() {
                    field.name
                } else {
                    field.json
                },
                &field.value,
            )
        })
        .collect()
}

fn indent(style: Style, depth: u32, out: &mut String) {
    if style.pretty {
        out.push('\n');
        for _ in 0..depth {
            out.push_str("  ");
        }
    }
}

fn sequence(items: &[Value], style: Style, depth: u32, out: &mut String) -> Result<(), String> {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        indent(style, depth + 1, out);
        write(item, style, depth + 1, out)?;
    }
    if !items.is_empty() {
        indent(style, depth, out);
    }
    out.push(']');
    Ok(())
}

fn object<'a>(
    entries: impl Iterator<Item = (&'a str, &'a Value)>,
    style: Style,
    depth: u32,
    out: &mut String,
) -> Result<(), String> {
    out.push('{');
    let mut first = true;
    for (key, value) in entries {
        if !first {
            out.push(',');
        }
        first = false;
        indent(style, depth + 1, out);
        quote(key, style, out);
        out.push_str(if style.pretty { ": " } else { ":" });
        write(value, style, depth + 1, out)?;
    }
    if !first {
        indent(style, depth, out);
    }
    out.push('}');
    Ok(())
}

/// A number as `encoding/json` writes a `float64`.
pub(crate) fn float(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        let text = super::convert::format_float(value, 'g', None);
        return Err(format!("JSON has no number {text}"));
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = super::convert::format_float(value, 'e', None);
        // Go cleans up e-09 to e-9.
        return Ok(text.replace("e-0", "e-"));
    }
    Ok(super::convert::format_float(value, 'f', None))
}

fn quote(text: &str, style: Style, out: &mut String) {
    let bytes = bytes_of(text);
    let text = String::from_utf8_lossy(&bytes);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if style.escape_html => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// JSON text as a value: numbers are `float64`.
pub(crate) fn decode(text: &str) -> Result<Value, String> {
    let bytes = bytes_of(text);
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    Ok(from_serde(&value))
}

pub(crate) fn from_serde(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::NIL,
        serde_json::Value::Bool(truth) => Value::bool(*truth),
        serde_json::Value::Number(number) => Value::float(number.as_f64().unwrap_or(0.0)),
        serde_json::Value::String(text) => Value::text(text_of(text.as_bytes())),
        serde_json::Value::Array(items) => Value::list(items.iter().map(from_serde).collect()),
        serde_json::Value::Object(entries) => map_of(
            entries
                .iter()
                .map(|(key, value)| (Rc::from(key.as_str()), from_serde(value))),
        ),
    }
}
