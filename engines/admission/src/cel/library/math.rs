//! `math.…`.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::operators::numbers;
use crate::cel::value::Value;
use std::cmp::Ordering;

/// More arguments than anybody writes.
const MANY: usize = 1_000;

pub(super) const FUNCTIONS: &[Entry] = &[
    ("math.greatest", false, 1, MANY, |machine, args| {
        extreme(machine, "math.greatest", args, Ordering::Greater)
    }),
    ("math.least", false, 1, MANY, |machine, args| {
        extreme(machine, "math.least", args, Ordering::Less)
    }),
    ("math.abs", false, 1, 1, abs),
    ("math.sign", false, 1, 1, sign),
    ("math.ceil", false, 1, 1, |_, args| {
        round("math.ceil", args, f64::ceil)
    }),
    ("math.floor", false, 1, 1, |_, args| {
        round("math.floor", args, f64::floor)
    }),
    ("math.round", false, 1, 1, |_, args| {
        round("math.round", args, f64::round)
    }),
    ("math.trunc", false, 1, 1, |_, args| {
        round("math.trunc", args, f64::trunc)
    }),
    ("math.sqrt", false, 1, 1, sqrt),
    ("math.isNaN", false, 1, 1, |_, args| {
        test("math.isNaN", args, f64::is_nan)
    }),
    ("math.isInf", false, 1, 1, |_, args| {
        test("math.isInf", args, f64::is_infinite)
    }),
    ("math.isFinite", false, 1, 1, |_, args| {
        test("math.isFinite", args, f64::is_finite)
    }),
    ("math.bitAnd", false, 2, 2, |_, args| {
        bits("math.bitAnd", args, |a, b| a & b)
    }),
    ("math.bitOr", false, 2, 2, |_, args| {
        bits("math.bitOr", args, |a, b| a | b)
    }),
    ("math.bitXor", false, 2, 2, |_, args| {
        bits("math.bitXor", args, |a, b| a ^ b)
    }),
    ("math.bitNot", false, 1, 1, bit_not),
    ("math.bitShiftLeft", false, 2, 2, |_, args| {
        shift("math.bitShiftLeft", args, u64::checked_shl)
    }),
    ("math.bitShiftRight", false, 2, 2, |_, args| {
        shift("math.bitShiftRight", args, u64::checked_shr)
    }),
];

fn extreme(machine: &mut Machine<'_>, name: &str, args: &[Value], want: Ordering) -> Eval<Value> {
    let items: Vec<Value> = match args {
        [Value::List(list)] => {
            machine.charge(list.len())?;
            list.iter().collect()
        }
        args => args.to_vec(),
    };
    let mut best: Option<Value> = None;
    for item in items {
        if !matches!(item, Value::Int(_) | Value::Uint(_) | Value::Double(_)) {
            return mismatch(name, &[item]);
        }
        let is_better = best
            .as_ref()
            .is_none_or(|best| numbers(&item, best) == Some(want));
        if is_better {
            best = Some(item);
        }
    }
    best.ok_or_else(|| fault(format!("{name}() needs at least one number")))
}

fn abs(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Int(number)] => number
            .checked_abs()
            .map(Value::Int)
            .ok_or_else(|| fault("integer overflow")),
        [Value::Uint(number)] => Ok(Value::Uint(*number)),
        [Value::Double(number)] => Ok(Value::Double(number.abs())),
        _ => mismatch("math.abs", args),
    }
}

fn sign(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Int(number)] => Ok(Value::Int(number.signum())),
        [Value::Uint(number)] => Ok(Value::Uint((*number).min(1))),
        [Value::Double(number)] if *number == 0.0 || number.is_nan() => Ok(Value::Double(*number)),
        [Value::Double(number)] => Ok(Value::Double(number.signum())),
        _ => mismatch("math.sign", args),
    }
}

fn round(name: &str, args: &[Value], how: fn(f64) -> f64) -> Eval<Value> {
    match args {
        [Value::Double(number)] => Ok(Value::Double(how(*number))),
        _ => mismatch(name, args),
    }
}

// Large integers lose digits, as they do in the original.
#[allow(clippy::cast_precision_loss)]
fn sqrt(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Double(number)] => Ok(Value::Double(number.sqrt())),
        [Value::Int(number)] => Ok(Value::Double((*number as f64).sqrt())),
        [Value::Uint(number)] => Ok(Value::Double((*number as f64).sqrt())),
        _ => mismatch("math.sqrt", args),
    }
}

fn test(name: &str, args: &[Value], how: fn(f64) -> bool) -> Eval<Value> {
    match args {
        [Value::Double(number)] => Ok(Value::Bool(how(*number))),
        _ => mismatch(name, args),
    }
}

fn bits(name: &str, args: &[Value], how: fn(u64, u64) -> u64) -> Eval<Value> {
    match args {
        [Value::Int(a), Value::Int(b)] => Ok(Value::Int(
            how(a.cast_unsigned(), b.cast_unsigned()).cast_signed(),
        )),
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(how(*a, *b))),
        _ => mismatch(name, args),
    }
}

fn bit_not(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Int(number)] => Ok(Value::Int(!number)),
        [Value::Uint(number)] => Ok(Value::Uint(!number)),
        _ => mismatch("math.bitNot", args),
    }
}

fn shift(name: &str, args: &[Value], how: fn(u64, u32) -> Option<u64>) -> Eval<Value> {
    let by =
        |by: i64| u32::try_from(by).map_err(|_| fault(format!("{name}() negative offset: {by}")));
    match args {
        [Value::Int(number), Value::Int(distance)] => {
            let shifted = how(number.cast_unsigned(), by(*distance)?).unwrap_or(0);
            Ok(Value::Int(shifted.cast_signed()))
        }
        [Value::Uint(number), Value::Int(distance)] => {
            Ok(Value::Uint(how(*number, by(*distance)?).unwrap_or(0)))
        }
        _ => mismatch(name, args),
    }
}
