//! Values that may be missing.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{List, Value};

pub(super) const FUNCTIONS: &[Entry] = &[
    ("optional.of", false, 1, 1, of),
    ("optional.ofNonZeroValue", false, 1, 1, of_non_zero),
    ("optional.none", false, 0, 0, |_, _| {
        Ok(Value::Optional(None))
    }),
    ("hasValue", true, 1, 1, has_value),
    ("value", true, 1, 1, value),
    ("or", true, 2, 2, or),
    ("orValue", true, 2, 2, or_value),
    ("optional.unwrap", false, 1, 1, unwrap),
    ("unwrapOpt", true, 1, 1, unwrap),
];

fn of(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [value] => Ok(Value::some(value.clone())),
        _ => mismatch("optional.of", args),
    }
}

fn of_non_zero(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [value] = args else {
        return mismatch("optional.ofNonZeroValue", args);
    };
    let is_zero = match value {
        Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) => true,
        Value::Optional(inner) => inner.is_none(),
        Value::Double(number) => *number == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.len() == 0,
        Value::Map(map) => map.len() == 0,
        Value::Duration(duration) => duration.0 == 0,
        _ => false,
    };
    Ok(if is_zero {
        Value::Optional(None)
    } else {
        Value::some(value.clone())
    })
}

fn has_value(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Optional(inner)] => Ok(Value::Bool(inner.is_some())),
        _ => mismatch("hasValue", args),
    }
}

fn value(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Optional(Some(inner))] => Ok((**inner).clone()),
        [Value::Optional(None)] => Err(fault("optional.none() dereference")),
        _ => mismatch("value", args),
    }
}

fn or(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Optional(Some(inner)), Value::Optional(_)] => {
            Ok(Value::Optional(Some(inner.clone())))
        }
        [Value::Optional(None), other @ Value::Optional(_)] => Ok(other.clone()),
        _ => mismatch("or", args),
    }
}

fn or_value(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Optional(Some(inner)), _] => Ok((**inner).clone()),
        [Value::Optional(None), other] => Ok(other.clone()),
        _ => mismatch("orValue", args),
    }
}

fn unwrap(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::List(list)] = args else {
        return mismatch("optional.unwrap", args);
    };
    machine.charge(list.len())?;
    let mut values = Vec::new();
    for item in list.iter() {
        match item {
            Value::Optional(inner) => values.extend(inner.map(|inner| (*inner).clone())),
            _ => return mismatch("optional.unwrap", args),
        }
    }
    Ok(Value::List(List::Values(values.into())))
}
