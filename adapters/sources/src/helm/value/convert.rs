//! Values to text and numbers, as Go's `fmt`, `strconv` and `spf13/cast` do it.

use super::object::Object;
use super::text::{Out, Text};
use super::{Data, IntKind, List, ListKind, Map, MapKind, Value};
use crate::helm::template::literal::parse_int;
use std::borrow::Cow;
use std::rc::Rc;

/// Deepest nesting that is printed, copied, compared or merged. Only a template that builds
/// a map holding itself gets there.
pub(crate) const MAX_DEPTH: u32 = 1000;

/// First of 256 private code points that stand for bytes that are no UTF-8. Go strings hold
/// any bytes, and `.Files.Get "logo.png" | b64enc` needs them.
const RAW_BYTE: u32 = 0x10_FF00;

/// Bytes as a string; those that are no UTF-8 are kept as private code points.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(
            chunk
                .invalid()
                .iter()
                .filter_map(|byte| char::from_u32(RAW_BYTE + u32::from(*byte))),
        );
    }
    out
}

/// The bytes that a Go string of this text has.
pub(crate) fn bytes_of(text: &str) -> Cow<'_, [u8]> {
    // All private code points begin with this byte; most text has none.
    if !text.as_bytes().contains(&0xF4) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c)
            .checked_sub(RAW_BYTE)
            .and_then(|byte| u8::try_from(byte).ok())
        {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// `strconv.FormatFloat` for `e`, `f` and `g`; no precision means the shortest text.
pub(crate) fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let exponent_form = |text: String| -> String {
        // Rust writes `1.5e7` and `1.5e-7`, Go `1.5e+07` and `1.5e-07`.
        let Some((digits, exponent)) = text.split_once('e') else {
            return text;
        };
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        format!("{digits}e{sign}{exponent:0>2}")
    };
    match (verb, precision) {
        ('e', Some(precision)) => exponent_form(format!("{value:.precision$e}")),
        ('e', None) => exponent_form(format!("{value:e}")),
        ('f', Some(precision)) => format!("{value:.precision$}"),
        ('f', None) => format!("{value}"),
        (_, precision) => {
            let precision = precision.map(|precision| precision.max(1));
            let text = match precision {
                Some(precision) => format!("{value:.*e}", precision - 1),
                None => format!("{value:e}"),
            };
            let exponent: i32 = text
                .split_once('e')
                .and_then(|(_, e)| e.parse().ok())
                .unwrap_or_default();
            // Without a precision `%e` is used from the seventh digit on.
            let digits = text.split_once('e').map_or(0, |(digits, _)| {
                digits
                    .trim_start_matches('-')
                    .trim_end_matches('0')
                    .replace('.', "")
                    .len()
            });
            let limit = match precision {
                None => 6,
                Some(precision)
                    if precision > digits
                        && i64::try_from(digits).is_ok_and(|d| d > i64::from(exponent)) =>
                {
                    i32::try_from(digits).unwrap_or(i32::MAX)
                }
                Some(precision) => i32::try_from(precision).unwrap_or(i32::MAX),
            };
            if exponent < -4 || exponent >= limit {
                let Some((digits, exponent)) = text.split_once('e') else {
                    return text;
                };
                let digits = match digits.split_once('.') {
                    Some(_) => digits.trim_end_matches('0').trim_end_matches('.'),
                    None => digits,
                };
                return exponent_form(format!("{digits}e{exponent}"));
            }
            match precision {
                None => format!("{value}"),
                Some(precision) => {
                    let places = i64::try_from(precision).unwrap_or(0) - 1 - i64::from(exponent);
                    let text = format!("{value:.*}", usize::try_from(places).unwrap_or(0));
                    if text.contains('.') {
                        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
                    }
                    text
                }
            }
        }
    }
}

/// A `float64` as `%v` prints it: `1e+06`, `0.5`, `8080`.
pub(crate) fn display_float(value: f64) -> String {
    format_float(value, 'g', None)
}

/// What `%v` prints.
pub(crate) fn display(value: &Value) -> String {
    let mut out = String::new();
    display_into(value, &mut out, 0);
    out
}

fn display_into(value: &Value, out: &mut String, depth: u32) {
    if depth > MAX_DEPTH || out.len() > super::text::MAX_TEXT {
        return;
    }
    match &value.data {
        Data::Invalid | Data::Nil => out.push_str("<nil>"),
        Data::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Data::Int(value, IntKind::Duration) => out.push_str(&crate::helm::time::duration(*value)),
        Data::Int(value, _) => out.push_str(&value.to_string()),
        Data::Uint(value, _) => out.push_str(&value.to_string()),
        Data::Float(value) => out.push_str(&display_float(*value)),
        Data::Text(text) => out.push_str(text.as_str()),
        Data::List(list) => {
            out.push('[');
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                display_into(item, out, depth + 1);
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push_str("map[");
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                display_into(item, out, depth + 1);
            }
            out.push(']');
        }
        Data::Object(object) => display_object(object, out, depth),
    }
}

fn display_object(object: &Object, out: &mut String, depth: u32) {
    if let Some(text) = object.display() {
        out.push_str(text.as_str());
        return;
    }
    match object {
        Object::Struct(data) => {
            out.push_str(if data.pointer { "&{" } else { "{" });
            for (index, field) in data.fields.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                display_into(&field.value, out, depth + 1);
            }
            out.push('}');
        }
        Object::Bytes(bytes) => display_bytes(bytes, out),
        Object::Files(files) => {
            out.push_str("map[");
            for (index, (name, file)) in files.files.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(name);
                out.push(':');
                display_bytes(&file.bytes, out);
            }
            out.push(']');
        }
        Object::Versions(versions) => {
            out.push('[');
            out.push_str(&versions.join(" "));
            out.push(']');
        }
        Object::Version(_) | Object::Time(_) => {}
    }
}

fn display_bytes(bytes: &[u8], out: &mut String) {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    out.push('[');
    out.push_str(&numbers.join(" "));
    out.push(']');
}

/// Sprig's `strval`: the text itself, or what `%v` prints. Knows its key.
pub(crate) fn strval(value: &Value) -> Text {
    match &value.data {
        Data::Text(text) => text.caused_by(value.cause),
        Data::Object(object) => match &**object {
            Object::Bytes(bytes) => text_of(bytes).into(),
            _ => display(value).into(),
        },
        _ => Text::from(display(value)).caused_by(value.cause),
    }
}

/// Sprig's `strslice`: a list's items as text, without nils.
pub(crate) fn strslice(value: &Value) -> Vec<Text> {
    match items(value) {
        Some(items) => items
            .iter()
            .filter(|item| !item.is_nil())
            .map(strval)
            .collect(),
        None if value.is_nil() => Vec::new(),
        None => vec![strval(value)],
    }
}

/// The items of whatever Go calls a slice.
pub(crate) fn items(value: &Value) -> Option<Vec<Value>> {
    match &value.data {
        Data::List(list) => Some(list.items()),
        Data::Object(object) => match &**object {
            Object::Versions(versions) => Some(
                versions
                    .iter()
                    .map(|version| Value::text(version.clone()))
                    .collect(),
            ),
            Object::Bytes(bytes) => Some(
                bytes
                    .iter()
                    .map(|byte| Data::Uint(u64::from(*byte), super::UintKind::Byte).into())
                    .collect(),
            ),
            _ => None,
        },
        _ => None,
    }
}

/// One item of whatever Go calls a slice; `None` where it is none.
#[allow(clippy::option_option)] // no slice, or no such item
pub(crate) fn item(value: &Value, at: usize) -> Option<Option<Value>> {
    match &value.data {
        Data::List(list) => Some(list.get(at)),
        _ => items(value).map(|items| items.into_iter().nth(at)),
    }
}

/// How many items whatever Go calls a slice has.
pub(crate) fn count(value: &Value) -> Option<usize> {
    match &value.data {
        Data::List(list) => Some(list.len()),
        Data::Object(object) => match &**object {
            Object::Versions(_) | Object::Bytes(_) => Some(object.length()),
            _ => None,
        },
        _ => None,
    }
}

/// Text pieces joined, each with its own origin.
pub(crate) fn join(pieces: &[Text], separator: &str) -> Text {
    let mut out = Out::default();
    for (index, piece) in pieces.iter().enumerate() {
        if out.is_full() {
            break;
        }
        if index > 0 {
            // The separator belongs to the piece before it.
            let last = piece.origin_at(0);
            out.push(separator, super::text::Origin { file: 0, ..last });
        }
        out.push_text(piece, super::text::Origin::default());
    }
    out.finish()
}

/// `cast.ToInt64`.
pub(crate) fn to_int64(value: &Value) -> i64 {
    match &value.data {
        Data::Bool(truth) => i64::from(*truth),
        Data::Int(_, IntKind::Duration) => 0,
        Data::Int(value, _) => *value,
        // Go wraps; Rust saturates. Nobody computes there.
        Data::Uint(value, _) => value.cast_signed(),
        Data::Float(value) => truncate(*value),
        Data::Text(text) => parse_int(trim_zero_decimal(text.as_str())).unwrap_or(0),
        _ => 0,
    }
}

/// A float's integer part.
#[allow(clippy::cast_possible_truncation)] // saturates, as documented
pub(crate) fn truncate(value: f64) -> i64 {
    value as i64
}

/// An integer as a float, rounded to the nearest.
#[allow(clippy::cast_precision_loss)] // what Go's conversion does, too
pub(crate) fn float_of(value: i64) -> f64 {
    value as f64
}

/// `10.00` is `10` to an integer parser.
fn trim_zero_decimal(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

/// `cast.ToFloat64`.
pub(crate) fn to_float64(value: &Value) -> f64 {
    match &value.data {
        Data::Bool(truth) => f64::from(u8::from(*truth)),
        Data::Int(_, IntKind::Duration) => 0.0,
        Data::Int(value, _) => float_of(*value),
        #[allow(clippy::cast_precision_loss)] // what Go's conversion does, too
        Data::Uint(value, _) => *value as f64,
        Data::Float(value) => *value,
        Data::Text(text) => parse_float(text.as_str()).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// `strconv.ParseFloat` without hexadecimal.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A copy that shares nothing; nil when nested too deep.
pub(crate) fn deep_copy(value: &Value, depth: u32) -> Value {
    if depth > MAX_DEPTH {
        return Value::NIL;
    }
    let data = match &value.data {
        Data::List(list) if list.is_nil() => Data::List(List::nil(list.kind())),
        Data::List(list) => {
            let items = list
                .items()
                .iter()
                .map(|item| deep_copy(item, depth + 1))
                .collect();
            Data::List(List::new(items, list.kind()))
        }
        Data::Map(map) => Data::Map(copy_map(map, depth)),
        other => other.clone(),
    };
    Value {
        data,
        cause: value.cause,
    }
}

/// A copy of a map that shares nothing.
pub(crate) fn copy_map(map: &Map, depth: u32) -> Map {
    let entries = map.entries();
    let copied = entries
        .into_iter()
        .map(|(key, value)| (key, deep_copy(&value, depth + 1)))
        .collect();
    Map::from_entries(copied, map.kind())
}

/// The map of type `map[string]interface {}` with these entries.
pub(crate) fn map_of(entries: impl IntoIterator<Item = (Rc<str>, Value)>) -> Value {
    Value::map(Map::from_entries(
        entries.into_iter().collect(),
        MapKind::Any,
    ))
}

/// The list of type `[]int` of these numbers.
pub(crate) fn ints(numbers: impl Iterator<Item = i64>) -> Value {
    Data::List(List::new(numbers.map(Value::int).collect(), ListKind::Int)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_go_prints_them() {
        for (value, want) in [
            (8080.0, "8080"),
            (1e6, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (0.5, "0.5"),
            (1e21, "1e+21"),
            (1e-5, "1e-05"),
            (-0.0001, "-0.0001"),
            (1e20, "1e+20"),
        ] {
            assert_eq!(display_float(value), want);
        }
        for (value, verb, precision, want) in [
            (3.15159, 'f', Some(2), "3.15"),
            (1234.5678, 'e', Some(3), "1.235e+03"),
            (1234.5678, 'g', Some(3), "1.23e+03"),
            (100_000.0, 'g', Some(6), "100000"),
            (0.0001, 'g', None, "0.0001"),
        ] {
            assert_eq!(format_float(value, verb, precision), want, "{value} {verb}");
        }
    }

    #[test]
    fn bytes_survive_as_text() {
        let bytes = [b'a', 0xff, 0xc3, 0xa9, 0x80];
        assert_eq!(&*bytes_of(&text_of(&bytes)), bytes);
        assert_eq!(&*bytes_of("é"), "é".as_bytes());
    }
}
