//! Sprig's arithmetic: integers are `int64`, floats go through decimal numbers.

use super::lists::count;
use super::{Args, Builtin, MANY, bounded, f};
use crate::helm::error::{Fail, Result};
use crate::helm::value::Value;
use crate::helm::value::convert::{display, parse_float, to_float64, to_int64};

pub(super) const TABLE: &[Builtin] = &[
    f("atoi", 1, 1, |_, a| {
        Ok(Value::int(a.text(0)?.as_str().parse().unwrap_or(0)))
    }),
    f("int64", 1, 1, |_, a| Ok(Value::int64(to_int64(&a.any(0))))),
    f("int", 1, 1, |_, a| Ok(Value::int(to_int64(&a.any(0))))),
    f("float64", 1, 1, |_, a| {
        Ok(Value::float(to_float64(&a.any(0))))
    }),
    f("toDecimal", 1, 1, |_, a| {
        Ok(Value::int64(
            i64::from_str_radix(&display(&a.any(0)), 8).unwrap_or(0),
        ))
    }),
    f("add1", 1, 1, |_, a| {
        Ok(Value::int64(to_int64(&a.any(0)).wrapping_add(1)))
    }),
    f("add", 0, MANY, |_, a| {
        Ok(Value::int64(
            a.all()
                .iter()
                .fold(0, |sum, value| sum.wrapping_add(to_int64(value))),
        ))
    }),
    f("sub", 2, 2, |_, a| {
        Ok(Value::int64(
            to_int64(&a.any(0)).wrapping_sub(to_int64(&a.any(1))),
        ))
    }),
    f("div", 2, 2, |_, a| divide(a, i64::wrapping_div)),
    f("mod", 2, 2, |_, a| divide(a, i64::wrapping_rem)),
    f("mul", 1, MANY, |_, a| {
        Ok(Value::int64(
            a.all()
                .iter()
                .fold(1, |all, value| all.wrapping_mul(to_int64(value))),
        ))
    }),
    f("add1f", 1, 1, |_, a| {
        decimals(&[a.any(0), Value::int(1)], '+')
    }),
    f("addf", 0, MANY, |_, a| {
        let mut all = vec![Value::int(0)];
        all.extend_from_slice(a.all());
        decimals(&all, '+')
    }),
    f("subf", 1, MANY, |_, a| decimals(a.all(), '-')),
    f("divf", 1, MANY, |_, a| decimals(a.all(), '/')),
    f("mulf", 1, MANY, |_, a| decimals(a.all(), '*')),
    f("biggest", 1, MANY, |_, a| {
        Ok(Value::int64(
            a.all().iter().map(to_int64).max().unwrap_or(0),
        ))
    }),
    f("max", 1, MANY, |_, a| {
        Ok(Value::int64(
            a.all().iter().map(to_int64).max().unwrap_or(0),
        ))
    }),
    f("min", 1, MANY, |_, a| {
        Ok(Value::int64(
            a.all().iter().map(to_int64).min().unwrap_or(0),
        ))
    }),
    f("maxf", 1, MANY, |_, a| {
        Ok(Value::float(
            a.all()
                .iter()
                .map(to_float64)
                .fold(f64::NEG_INFINITY, f64::max),
        ))
    }),
    f("minf", 1, MANY, |_, a| {
        Ok(Value::float(
            a.all().iter().map(to_float64).fold(f64::INFINITY, f64::min),
        ))
    }),
    f("ceil", 1, 1, |_, a| {
        Ok(Value::float(to_float64(&a.any(0)).ceil()))
    }),
    f("floor", 1, 1, |_, a| {
        Ok(Value::float(to_float64(&a.any(0)).floor()))
    }),
    f("round", 2, 3, |_, a| round(a)),
    f("seq", 0, MANY, |e, a| {
        let (start, stop, step) = match (a.len(), ints(a)?.as_slice()) {
            (1, [end]) => (1, *end, if *end < 1 { -1 } else { 1 }),
            (2, [start, end]) => (*start, *end, if end < start { -1 } else { 1 }),
            (3, [start, step, end]) => {
                if end < start && *step > 0 {
                    return Ok(Value::text(""));
                }
                (*start, *end, *step)
            }
            _ => return Ok(Value::text("")),
        };
        let beyond = if stop < start {
            stop.saturating_sub(1)
        } else {
            stop.saturating_add(1)
        };
        let many = count(start, beyond, step);
        bounded(many, 8)?;
        e.budget.step(many.cast_unsigned())?;
        let numbers: Vec<String> = (0..many)
            .map(|at| (start + at * step).to_string())
            .collect();
        Ok(Value::text(numbers.join(" ")))
    }),
    f("randInt", 2, 2, |_, a| {
        let (least, most) = (a.int(0)?, a.int(1)?);
        if most <= least {
            return Err(Fail::new("the second number must be larger than the first"));
        }
        Ok(Value::int(least))
    }),
];

fn ints(args: &Args) -> Result<Vec<i64>> {
    (0..args.len()).map(|index| args.int(index)).collect()
}

fn divide(args: &Args, operation: impl Fn(i64, i64) -> i64) -> Result<Value> {
    let divisor = to_int64(&args.any(1));
    if divisor == 0 {
        return Err(Fail::new("division by zero"));
    }
    Ok(Value::int64(operation(to_int64(&args.any(0)), divisor)))
}

fn round(args: &Args) -> Result<Value> {
    let value = to_float64(&args.any(0));
    let places = i32::try_from(args.int(1)?).unwrap_or(i32::MAX);
    let limit = if args.len() > 2 { args.float(2)? } else { 0.5 };
    let power = 10f64.powi(places);
    let digit = power * value;
    let rounded = if digit.fract() >= limit {
        digit.ceil()
    } else {
        digit.floor()
    };
    Ok(Value::float(rounded / power))
}

/// A decimal number: `value / 10^scale`. `shopspring/decimal` is exact where floats are
/// not: `addf 0.1 0.2` is `0.3`.
#[derive(Clone, Copy)]
struct Decimal {
    value: i128,
    scale: u32,
}

impl Decimal {
    fn new(float: f64) -> Option<Self> {
        let text = format!("{float}");
        let scale = text
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len());
        let value = text.replace('.', "").parse().ok()?;
        Some(Self {
            value,
            scale: u32::try_from(scale).ok()?,
        })
    }

    fn scaled(self, scale: u32) -> Option<i128> {
        self.value
            .checked_mul(10i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    fn combine(self, other: Self, operator: char) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        match operator {
            '+' => {
                let value = self.scaled(scale)?.checked_add(other.scaled(scale)?)?;
                Some(Self { value, scale })
            }
            '-' => {
                let value = self.scaled(scale)?.checked_sub(other.scaled(scale)?)?;
                Some(Self { value, scale })
            }
            '*' => Some(Self {
                value: self.value.checked_mul(other.value)?,
                scale: self.scale.checked_add(other.scale)?,
            }),
            _ => {
                // Sixteen places, rounded half away from zero.
                let (top, bottom) = (self.scaled(scale)?, other.scaled(scale)?);
                let top = top.checked_mul(10i128.pow(17))?;
                let value = top.checked_div(bottom)?;
                let rounded = (value.abs() + 5) / 10 * value.signum();
                Some(Self {
                    value: rounded,
                    scale: 16,
                })
            }
        }
    }

    fn float(self) -> f64 {
        parse_float(&format!("{}e-{}", self.value, self.scale)).unwrap_or(0.0)
    }
}

fn decimals(values: &[Value], operator: char) -> Result<Value> {
    let mut values = values.iter().map(to_float64);
    let Some(first) = values.next() else {
        return Ok(Value::float(0.0));
    };
    let mut exact = Decimal::new(first);
    let mut float = first;
    for value in values {
        if operator == '/' && value == 0.0 {
            return Err(Fail::new("division by zero"));
        }
        exact = exact.and_then(|all| all.combine(Decimal::new(value)?, operator));
        float = match operator {
            '+' => float + value,
            '-' => float - value,
            '*' => float * value,
            _ => float / value,
        };
    }
    Ok(Value::float(exact.map_or(float, Decimal::float)))
}
