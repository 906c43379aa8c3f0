//! The standard functions: sizes, texts, conversions.

use super::Entry;
use super::ip;
use super::strings_format::{double, shown};
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::time::{Duration, Timestamp};
use crate::cel::value::{Opaque, Value};

pub(super) const FUNCTIONS: &[Entry] = &[
    ("size", false, 1, 1, size),
    ("size", true, 1, 1, size),
    ("contains", true, 2, 2, contains),
    ("startsWith", true, 2, 2, starts_with),
    ("endsWith", true, 2, 2, ends_with),
    ("bool", false, 1, 1, to_bool),
    ("bytes", false, 1, 1, to_bytes),
    ("double", false, 1, 1, to_double),
    ("int", false, 1, 1, to_int),
    ("uint", false, 1, 1, to_uint),
    ("string", false, 1, 1, to_string),
    ("duration", false, 1, 1, to_duration),
    ("timestamp", false, 1, 1, to_timestamp),
    ("type", false, 1, 1, type_of),
    ("dyn", false, 1, 1, same),
];

fn number(count: usize) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn size(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text)] => {
            machine.charge(text.len() / 10)?;
            Ok(number(text.chars().count()))
        }
        [Value::Bytes(bytes)] => Ok(number(bytes.len())),
        [Value::List(list)] => Ok(number(list.len())),
        [Value::Map(map)] => Ok(number(map.len())),
        _ => mismatch("size", args),
    }
}

fn contains(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text), Value::String(part)] => {
            machine.charge((text.len() + part.len()) / 10)?;
            Ok(Value::Bool(text.contains(&**part)))
        }
        _ => mismatch("contains", args),
    }
}

fn starts_with(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text), Value::String(part)] => {
            machine.charge(part.len() / 10)?;
            Ok(Value::Bool(text.starts_with(&**part)))
        }
        _ => mismatch("startsWith", args),
    }
}

fn ends_with(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text), Value::String(part)] => {
            machine.charge(part.len() / 10)?;
            Ok(Value::Bool(text.ends_with(&**part)))
        }
        _ => mismatch("endsWith", args),
    }
}

fn to_bool(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Bool(truth)] => Ok(Value::Bool(*truth)),
        [Value::String(text)] => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(fault("type conversion error from 'string' to 'bool'")),
        },
        _ => mismatch("bool", args),
    }
}

fn to_bytes(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Bytes(bytes)] => Ok(Value::Bytes(bytes.clone())),
        [Value::String(text)] => {
            machine.charge(text.len() / 10)?;
            Ok(Value::Bytes(text.as_bytes().into()))
        }
        _ => mismatch("bytes", args),
    }
}

// Large integers lose digits, as they do in the original.
#[allow(clippy::cast_precision_loss)]
fn to_double(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Double(number)] => Ok(Value::Double(*number)),
        [Value::Int(number)] => Ok(Value::Double(*number as f64)),
        [Value::Uint(number)] => Ok(Value::Double(*number as f64)),
        [Value::String(text)] => {
            machine.charge(text.len() / 10)?;
            let is_number = text
                .bytes()
                .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            let named = match text
                .trim_start_matches(['+', '-'])
                .to_ascii_lowercase()
                .as_str()
            {
                "inf" | "infinity" => Some(f64::INFINITY),
                "nan" => Some(f64::NAN),
                _ => None,
            };
            if let Some(named) = named {
                let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
                return Ok(Value::Double(sign * named));
            }
            match text.parse::<f64>() {
                Ok(number) if is_number && number.is_finite() => Ok(Value::Double(number)),
                _ => Err(fault("type conversion error from 'string' to 'double'")),
            }
        }
        _ => mismatch("double", args),
    }
}

fn to_int(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Int(number)] => Ok(Value::Int(*number)),
        [Value::Uint(number)] => i64::try_from(*number)
            .map(Value::Int)
            .map_err(|_| fault("integer overflow")),
        [Value::Double(number)] => {
            // Strictly within the range, so that the cast is exact; the bounds themselves are
            // refused, as in the original.
            #[allow(clippy::cast_possible_truncation)]
            if *number > -9_223_372_036_854_775_808.0 && *number < 9_223_372_036_854_775_807.0 {
                Ok(Value::Int(*number as i64))
            } else {
                Err(fault("integer overflow"))
            }
        }
        [Value::String(text)] => {
            machine.charge(text.len() / 10)?;
            text.parse()
                .map(Value::Int)
                .map_err(|_| fault("type conversion error from 'string' to 'int'"))
        }
        [Value::Timestamp(timestamp)] => Ok(Value::Int(timestamp.seconds)),
        [Value::Duration(duration)] => Ok(Value::Int(duration.0)),
        _ => mismatch("int", args),
    }
}

fn to_uint(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let overflow = || fault("unsigned integer overflow");
    match args {
        [Value::Uint(number)] => Ok(Value::Uint(*number)),
        [Value::Int(number)] => u64::try_from(*number)
            .map(Value::Uint)
            .map_err(|_| overflow()),
        [Value::Double(number)] => {
            // Within the range, so that the cast is exact.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            if *number >= 0.0 && *number < 18_446_744_073_709_551_615.0 {
                Ok(Value::Uint(*number as u64))
            } else {
                Err(overflow())
            }
        }
        [Value::String(text)] => {
            machine.charge(text.len() / 10)?;
            if text.starts_with('+') {
                return Err(fault("type conversion error from 'string' to 'uint'"));
            }
            text.parse()
                .map(Value::Uint)
                .map_err(|_| fault("type conversion error from 'string' to 'uint'"))
        }
        _ => mismatch("uint", args),
    }
}

fn to_string(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let text = match args {
        [Value::String(text)] => return Ok(Value::String(text.clone())),
        [Value::Bytes(bytes)] => {
            machine.charge(bytes.len() / 10)?;
            match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => return Err(fault("invalid UTF-8 in bytes, cannot convert to string")),
            }
        }
        [Value::Double(number)] => double(*number),
        [
            value @ (Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Duration(_)
            | Value::Timestamp(_)
            | Value::Type(_)),
        ] => shown(value),
        [Value::Opaque(opaque)] => match &**opaque {
            Opaque::Ip(address) => ip::shown(*address),
            Opaque::Cidr(cidr) => cidr.shown(),
            Opaque::Semver(version) => version.0.to_string(),
            _ => return mismatch("string", args),
        },
        _ => return mismatch("string", args),
    };
    Ok(Value::text(text))
}

fn to_duration(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Duration(duration)] => Ok(Value::Duration(*duration)),
        [Value::Int(nanos)] => Ok(Value::Duration(Duration(*nanos))),
        [Value::String(text)] => {
            machine.charge(text.len() / 10)?;
            Duration::parse(text)
                .map(Value::Duration)
                .ok_or_else(|| fault(format!("invalid duration \"{text}\"")))
        }
        _ => mismatch("duration", args),
    }
}

fn to_timestamp(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Timestamp(timestamp)] => Ok(Value::Timestamp(*timestamp)),
        [Value::Int(seconds)] => Timestamp::new(*seconds, 0).map(Value::Timestamp),
        [Value::String(text)] => Timestamp::parse(text)
            .map(Value::Timestamp)
            .ok_or_else(|| fault(format!("invalid timestamp \"{text}\""))),
        _ => mismatch("timestamp", args),
    }
}

fn type_of(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [value] => Ok(Value::Type(value.type_name())),
        _ => mismatch("type", args),
    }
}

fn same(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [value] => Ok(value.clone()),
        _ => mismatch("dyn", args),
    }
}
