//! `"%s".format([…])`, and values as text.

use super::{Entry, strings};
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{Map, Value};
use std::fmt::Write as _;

pub(super) const FUNCTIONS: &[Entry] = &[("format", true, 2, 2, format)];

/// More digits than a number has.
const MOST_DIGITS: usize = 100;

/// A value as a message shows it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) => double(*number),
        Value::String(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Duration(duration) => duration.print(),
        Value::Timestamp(timestamp) => timestamp.print(),
        Value::Type(name) => (*name).to_owned(),
        other => other.type_name().to_owned(),
    }
}

/// A double as Go prints it with `%g`.
pub(super) fn double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if number == 0.0 {
        return if number.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    format!(
        "{digits}e{}{:02}",
        if exponent < 0 { '-' } else { '+' },
        exponent.abs()
    )
}

/// A value as `%s` shows it.
fn text_of(machine: &mut Machine<'_>, value: &Value, inner: bool) -> Eval<String> {
    machine.charge(1)?;
    let text = match value {
        Value::List(list) => {
            let mut text = String::from("[");
            for (position, item) in list.iter().enumerate() {
                if position > 0 {
                    text.push_str(", ");
                }
                text.push_str(&text_of(machine, &item, true)?);
            }
            text.push(']');
            text
        }
        Value::Map(map) => map_text(machine, map)?,
        Value::String(text) if inner => strings::quoted(text),
        Value::Bytes(_) if inner => format!("b{}", strings::quoted(&shown(value))),
        Value::Timestamp(_) if inner => format!("timestamp({})", strings::quoted(&shown(value))),
        Value::Duration(_) if inner => format!("duration({})", strings::quoted(&shown(value))),
        Value::Double(number) if inner => {
            if number.is_finite() {
                format!("{number:.6}")
            } else {
                strings::quoted(&double(*number))
            }
        }
        Value::Double(number) if !number.is_finite() => named(*number),
        Value::Optional(_) | Value::Opaque(_) | Value::Unknown(_) => {
            return mismatch("format", std::slice::from_ref(value));
        }
        value => shown(value),
    };
    machine.charge(text.len() / 10)?;
    Ok(text)
}

fn named(number: f64) -> String {
    match number {
        number if number.is_nan() => "NaN",
        number if number > 0.0 => "Infinity",
        _ => "-Infinity",
    }
    .to_owned()
}

fn map_text(machine: &mut Machine<'_>, map: &Map) -> Eval<String> {
    let mut entries = Vec::with_capacity(map.len());
    for (key, value) in map.entries() {
        let key = text_of(machine, &key, true)?;
        entries.push((key, text_of(machine, &value, true)?));
    }
    entries.sort();
    let mut text = String::from("{");
    for (position, (key, value)) in entries.iter().enumerate() {
        if position > 0 {
            text.push_str(", ");
        }
        let _ = write!(text, "{key}:{value}");
    }
    text.push('}');
    Ok(text)
}

fn format(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(pattern), Value::List(items)] = args else {
        return mismatch("format", args);
    };
    machine.charge(pattern.len() / 10)?;
    let mut out = String::with_capacity(pattern.len());
    let mut items = items.iter();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut precision = None;
        let mut verb = chars.next();
        if verb == Some('%') {
            out.push('%');
            continue;
        }
        if verb == Some('.') {
            let mut digits = 0_usize;
            verb = chars.next();
            while let Some(digit) = verb.and_then(|c| c.to_digit(10)) {
                digits = digits.saturating_mul(10).saturating_add(digit as usize);
                verb = chars.next();
            }
            if digits > MOST_DIGITS {
                return Err(fault(format!("a precision over {MOST_DIGITS} digits")));
            }
            precision = Some(digits);
        }
        let Some(verb) = verb else {
            return Err(fault("unexpected end of format string"));
        };
        let Some(item) = items.next() else {
            return Err(fault("index out of range: the format needs more arguments"));
        };
        crate::cel::eval::known(&item)?;
        let text = clause(machine, verb, precision.unwrap_or(6), &item)?;
        machine.charge(text.len() / 10)?;
        out.push_str(&text);
    }
    Ok(Value::text(out))
}

/// Digits in groups of three, as the original's printer writes fixed-point numbers.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut text = String::from(sign);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// An exponent in raised digits.
fn raised(exponent: &str) -> String {
    let number: i32 = exponent.parse().unwrap_or(0);
    let digits = format!("{:02}", number.abs());
    let sign = if number < 0 { "⁻" } else { "" };
    let raised = digits.chars().filter_map(|digit| {
        let at = usize::try_from(digit.to_digit(10)?).ok()?;
        "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(at)
    });
    sign.chars().chain(raised).collect()
}

fn clause(machine: &mut Machine<'_>, verb: char, precision: usize, item: &Value) -> Eval<String> {
    let wrong = |what: &str| {
        Err(fault(format!(
            "error during formatting: {what} clause cannot be used on {}",
            item.type_name()
        )))
    };
    let signed = |number: i64, text: String| if number < 0 { format!("-{text}") } else { text };
    match verb {
        's' => text_of(machine, item, false),
        'd' => match item {
            Value::Int(_) | Value::Uint(_) => Ok(shown(item)),
            Value::Double(number) if !number.is_finite() => Ok(named(*number)),
            _ => wrong("decimal"),
        },
        'f' | 'e' => {
            let number = match item {
                Value::Double(number) => *number,
                Value::String(text) if matches!(&**text, "NaN" | "Infinity" | "-Infinity") => {
                    return Ok(text.to_string());
                }
                _ => {
                    return wrong(if verb == 'f' {
                        "fixed-point"
                    } else {
                        "scientific"
                    });
                }
            };
            if number.is_infinite() {
                let sign = if number < 0.0 { "-∞" } else { "∞" };
                let width = if verb == 'e' { 6 } else { 0 };
                return Ok(format!("{sign:>width$}"));
            }
            if number.is_nan() {
                let width = if verb == 'e' { 6 } else { 0 };
                return Ok(format!("{:>width$}", "NaN"));
            }
            if verb == 'f' {
                return Ok(grouped(&format!("{number:.precision$}")));
            }
            let text = format!("{number:.precision$e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            Ok(format!("{digits}×10{}", raised(exponent)))
        }
        'b' => match item {
            Value::Int(number) => Ok(signed(*number, format!("{:b}", number.unsigned_abs()))),
            Value::Uint(number) => Ok(format!("{number:b}")),
            Value::Bool(truth) => Ok(u8::from(*truth).to_string()),
            _ => wrong("binary"),
        },
        'o' => match item {
            Value::Int(number) => Ok(signed(*number, format!("{:o}", number.unsigned_abs()))),
            Value::Uint(number) => Ok(format!("{number:o}")),
            _ => wrong("octal"),
        },
        'x' | 'X' => {
            let bytes = |bytes: &[u8]| {
                bytes.iter().fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                })
            };
            let text = match item {
                Value::Int(number) => signed(*number, format!("{:x}", number.unsigned_abs())),
                Value::Uint(number) => format!("{number:x}"),
                Value::String(text) => bytes(text.as_bytes()),
                Value::Bytes(all) => bytes(all),
                _ => return wrong("hex"),
            };
            Ok(if verb == 'X' {
                text.to_ascii_uppercase()
            } else {
                text
            })
        }
        other => Err(fault(format!(
            "could not parse formatting clause: unrecognized formatting clause \"{other}\""
        ))),
    }
}
