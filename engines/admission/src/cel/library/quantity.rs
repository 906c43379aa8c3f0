//! Amounts of resources: `quantity("1.5Gi")`.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{Opaque, Value};
use std::cmp::Ordering;

/// An amount.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    /// In billionths, which is as fine as the API keeps amounts. What is larger than this holds
    /// stays at the bound.
    nanos: i128,
    /// The power of ten of the integer that the original keeps it as, or `None` where it is a
    /// decimal there. `1.5Gi` is one, and `asInteger` fails although it is whole.
    scale: Option<i32>,
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

const UNIT: i128 = 1_000_000_000;

pub(super) const FUNCTIONS: &[Entry] = &[
    ("quantity", false, 1, 1, of),
    ("isQuantity", false, 1, 1, is),
    ("sign", false, 1, 1, sign),
    ("isGreaterThan", true, 2, 2, |_, args| {
        order("isGreaterThan", args, |order| Value::Bool(order.is_gt()))
    }),
    ("isLessThan", true, 2, 2, |_, args| {
        order("isLessThan", args, |order| Value::Bool(order.is_lt()))
    }),
    ("compareTo", true, 2, 2, |_, args| {
        order("compareTo", args, |order| Value::Int(order as i64))
    }),
    ("asApproximateFloat", true, 1, 1, as_double),
    ("asInteger", true, 1, 1, as_integer),
    ("isInteger", true, 1, 1, is_integer),
    ("add", true, 2, 2, |_, args| {
        combined("add", args, i128::saturating_add)
    }),
    ("sub", true, 2, 2, |_, args| {
        combined("sub", args, i128::saturating_sub)
    }),
];

/// Powers of ten and two behind the suffixes.
fn suffix(text: &str) -> Option<(i32, u32)> {
    Some(match text {
        "" => (0, 0),
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => {
            let exponent = text.strip_prefix(['e', 'E'])?;
            let is_number = exponent
                .strip_prefix(['+', '-'])
                .unwrap_or(exponent)
                .bytes()
                .all(|b| b.is_ascii_digit());
            let exponent: i32 = exponent.parse().ok().filter(|_| is_number)?;
            (exponent.clamp(-1_000, 1_000), 0)
        }
    })
}

impl Quantity {
    /// Reads an amount as the API does.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let run =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (whole, rest) = rest.split_at_checked(run(rest))?;
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at_checked(run(rest))?,
            None => ("", rest),
        };
        if whole.is_empty() && fraction.is_empty() && !rest.is_empty() {
            return None; // a sign alone is zero
        }
        let (ten, two) = suffix(rest)?;
        let mut digits: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            digits = digits
                .saturating_mul(10)
                .saturating_add(i128::from(digit - b'0'));
        }
        let scale = i64::from(ten) + 9 - i64::try_from(fraction.len()).unwrap_or(i64::MAX / 2);
        let mut nanos = digits.saturating_mul(1_i128 << two);
        if scale >= 0 {
            for _ in 0..scale.min(60) {
                nanos = nanos.saturating_mul(10);
            }
        } else {
            let is_zero = nanos == 0;
            let mut exact = true;
            for _ in 0..scale.unsigned_abs().min(60) {
                exact &= nanos % 10 == 0;
                nanos /= 10;
            }
            // Too small an amount is rounded up: who asks for some gets some.
            nanos += i128::from(!exact && !is_zero);
        }
        if two > 0 {
            nanos = nanos.min(i128::from(i64::MAX) * UNIT);
        }
        // Where the original computes with integers and where with decimals.
        let length = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
        let digits = length(whole.trim_start_matches('0')).max(1);
        let scale = if two > 0 {
            let exponent = i32::try_from(two).unwrap_or(0);
            let fits = fraction.is_empty() && 14 - digits - exponent * 3 / 10 >= 0;
            fits.then_some(0)
        } else {
            let scale = ten.saturating_sub(length(fraction));
            let fits = digits.saturating_add(length(fraction)) <= 18 && scale >= -9;
            fits.then_some(scale)
        };
        Some(Self {
            nanos: if negative { -nanos } else { nanos },
            scale,
        })
    }

    /// An amount as the API writes it: `1500m` for `1.5`, `1536Mi` for `1.5Gi`, `1` for `1000m`.
    pub(crate) fn canonical(text: &str) -> Option<String> {
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let nanos = Self::parse(text)?.nanos;
        if nanos == 0 {
            return Some("0".to_owned());
        }
        if text.contains('i') && nanos % UNIT == 0 {
            let mut number = nanos / UNIT;
            let mut names = BINARY.into_iter();
            let mut name = names.next()?;
            while number % 1024 == 0 {
                let Some(next) = names.next() else { break };
                number /= 1024;
                name = next;
            }
            return Some(format!("{number}{name}"));
        }
        let mut number = nanos;
        let mut names = DECIMAL.into_iter();
        let mut name = names.next()?;
        while number % 1000 == 0 {
            let Some(next) = names.next() else { break };
            number /= 1000;
            name = next;
        }
        Some(format!("{number}{name}"))
    }

    fn integer(self) -> Option<i64> {
        self.scale.filter(|scale| *scale >= 0)?;
        i64::try_from(self.nanos / UNIT).ok()
    }
}

fn amount(value: &Value) -> Option<Quantity> {
    match value {
        Value::Opaque(opaque) => match &**opaque {
            Opaque::Quantity(quantity) => Some(*quantity),
            _ => None,
        },
        _ => None,
    }
}

fn of(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text)] = args else {
        return mismatch("quantity", args);
    };
    machine.charge(text.len() / 10)?;
    match Quantity::parse(text) {
        Some(quantity) => Ok(Value::opaque(Opaque::Quantity(quantity))),
        None => Err(fault(format!(
            "quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', this is \"{text}\""
        ))),
    }
}

fn is(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text)] = args else {
        return mismatch("isQuantity", args);
    };
    machine.charge(text.len() / 10)?;
    Ok(Value::Bool(Quantity::parse(text).is_some()))
}

fn sign(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(amount) {
        Some(quantity) => Ok(Value::Int(
            i64::try_from(quantity.nanos.signum()).unwrap_or(0),
        )),
        None => mismatch("sign", args),
    }
}

/// Order of two amounts, or of two versions: the libraries share the names.
fn order(name: &str, args: &[Value], answer: fn(Ordering) -> Value) -> Eval<Value> {
    let [Value::Opaque(a), Value::Opaque(b)] = args else {
        return mismatch(name, args);
    };
    match (&**a, &**b) {
        (Opaque::Quantity(a), Opaque::Quantity(b)) => Ok(answer(a.nanos.cmp(&b.nanos))),
        (Opaque::Semver(a), Opaque::Semver(b)) => Ok(answer(super::semver::compare(a, b))),
        _ => mismatch(name, args),
    }
}

// What is lost in the cast is why it is called approximate.
#[allow(clippy::cast_precision_loss)]
fn as_double(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(amount) {
        Some(quantity) => match quantity.integer() {
            Some(number) => Ok(Value::Double(number as f64)),
            None => Ok(Value::Double(quantity.nanos as f64 / UNIT as f64)),
        },
        None => mismatch("asApproximateFloat", args),
    }
}

fn as_integer(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(amount) {
        Some(quantity) => quantity
            .integer()
            .map(Value::Int)
            .ok_or_else(|| fault("cannot convert value to integer")),
        None => mismatch("asInteger", args),
    }
}

fn is_integer(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(amount) {
        Some(quantity) => Ok(Value::Bool(quantity.integer().is_some())),
        None => mismatch("isInteger", args),
    }
}

fn combined(name: &str, args: &[Value], how: fn(i128, i128) -> i128) -> Eval<Value> {
    let [left, right] = args else {
        return mismatch(name, args);
    };
    let other = match right {
        Value::Int(number) => Some(Quantity {
            nanos: i128::from(*number) * UNIT,
            scale: Some(0),
        }),
        other => amount(other),
    };
    match (amount(left), other) {
        (Some(left), Some(right)) => {
            let result = Quantity {
                nanos: how(left.nanos, right.nanos),
                scale: match (left.scale, right.scale) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    _ => None,
                },
            };
            Ok(Value::opaque(Opaque::Quantity(result)))
        }
        _ => mismatch(name, args),
    }
}
