//! Arithmetic, order and equality.

use super::ast::Operator;
use super::eval::{Machine, known, no_overload};
use super::fault::{Eval, fault};
use super::value::{List, Map, Value};
use std::cmp::Ordering;

impl Machine<'_> {
    pub(crate) fn binary(
        &mut self,
        operator: Operator,
        left: &Value,
        right: &Value,
    ) -> Eval<Value> {
        known(left)?;
        known(right)?;
        let ordered = |machine: &mut Self, name, holds: fn(Ordering) -> bool| {
            let order = machine.compare(name, left, right)?;
            Ok(Value::Bool(order.is_some_and(holds)))
        };
        match operator {
            Operator::Equal => Ok(Value::Bool(self.equal(left, right)?)),
            Operator::NotEqual => Ok(Value::Bool(!self.equal(left, right)?)),
            Operator::Less => ordered(self, "_<_", Ordering::is_lt),
            Operator::LessEqual => ordered(self, "_<=_", Ordering::is_le),
            Operator::Greater => ordered(self, "_>_", Ordering::is_gt),
            Operator::GreaterEqual => ordered(self, "_>=_", Ordering::is_ge),
            Operator::In => self.contains(right, left).map(Value::Bool),
            Operator::Add => self.add(left, right),
            Operator::Subtract => subtract(left, right),
            Operator::Multiply => multiply(left, right),
            Operator::Divide => divide(left, right),
            Operator::Modulo => modulo(left, right),
        }
    }

    /// Whether two values are equal. Values of different kinds are not, except numbers.
    pub(crate) fn equal(&mut self, a: &Value, b: &Value) -> Eval<bool> {
        known(a)?;
        known(b)?;
        self.charge(1)?;
        Ok(match (a, b) {
            (Value::Null, Value::Null) | (Value::Optional(None), Value::Optional(None)) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => {
                self.charge(a.len().min(b.len()) / 10)?;
                a == b
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                self.charge(a.len().min(b.len()) / 10)?;
                a == b
            }
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Type(a), Value::Type(b)) => a == b,
            (Value::Opaque(a), Value::Opaque(b)) => a == b,
            (Value::Optional(Some(a)), Value::Optional(Some(b))) => self.equal(a, b)?,
            (Value::List(a), Value::List(b)) => self.equal_lists(a, b)?,
            (Value::Map(a), Value::Map(b)) => self.equal_maps(a, b)?,
            _ => numbers(a, b) == Some(Ordering::Equal),
        })
    }

    fn equal_lists(&mut self, a: &List, b: &List) -> Eval<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b.iter()) {
            if !self.equal(&a, &b)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn equal_maps(&mut self, a: &Map, b: &Map) -> Eval<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (key, value) in a.entries() {
            self.charge(b.len() / 32)?;
            match b.get(&key) {
                Some(other) if self.equal(&value, &other)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether a list has the item, or a mapping the key.
    pub(crate) fn contains(&mut self, container: &Value, item: &Value) -> Eval<bool> {
        match container {
            Value::List(list) => {
                for other in list.iter() {
                    if self.equal(&other, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Map(map) => {
                self.charge(map.len() / 32)?;
                Ok(map.get(item).is_some())
            }
            _ => Err(no_overload("@in", &[item, container])),
        }
    }

    /// The order of two values; `None` when a number is none.
    pub(crate) fn compare(&mut self, name: &str, a: &Value, b: &Value) -> Eval<Option<Ordering>> {
        Ok(Some(match (a, b) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::String(a), Value::String(b)) => {
                self.charge(a.len().min(b.len()) / 10)?;
                a.cmp(b)
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                self.charge(a.len().min(b.len()) / 10)?;
                a.cmp(b)
            }
            (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (
                Value::Int(_) | Value::Uint(_) | Value::Double(_),
                Value::Int(_) | Value::Uint(_) | Value::Double(_),
            ) => return Ok(numbers(a, b)),
            _ => return Err(no_overload(name, &[a, b])),
        }))
    }

    fn add(&mut self, a: &Value, b: &Value) -> Eval<Value> {
        let overflow = || fault("integer overflow");
        Ok(match (a, b) {
            (Value::Int(a), Value::Int(b)) => Value::Int(a.checked_add(*b).ok_or_else(overflow)?),
            (Value::Uint(a), Value::Uint(b)) => Value::Uint(
                a.checked_add(*b)
                    .ok_or_else(|| fault("unsigned integer overflow"))?,
            ),
            (Value::Double(a), Value::Double(b)) => Value::Double(a + b),
            (Value::String(a), Value::String(b)) => {
                self.charge((a.len() + b.len()) / 10)?;
                Value::text(format!("{a}{b}"))
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                self.charge((a.len() + b.len()) / 10)?;
                Value::Bytes([&**a, &**b].concat().into())
            }
            (Value::List(a), Value::List(b)) => {
                self.charge(a.len().midpoint(b.len()))?;
                Value::list(a.iter().chain(b.iter()).collect())
            }
            (Value::Duration(a), Value::Duration(b)) => Value::Duration(a.plus(*b)?),
            (Value::Timestamp(a), Value::Duration(b))
            | (Value::Duration(b), Value::Timestamp(a)) => Value::Timestamp(a.plus(*b)?),
            _ => return Err(no_overload("_+_", &[a, b])),
        })
    }
}

/// The order of two numbers of any kind. As in the original, integers next to doubles are
/// doubles.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Uint(a), Value::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Int(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
        (Value::Uint(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
        (Value::Double(_), Value::Int(_) | Value::Uint(_)) => numbers(b, a).map(Ordering::reverse),
        _ => None,
    }
}

pub(crate) fn negate(value: &Value) -> Eval<Value> {
    match value {
        Value::Int(number) => number
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| fault("integer overflow")),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Duration(duration) => Ok(Value::Duration(duration.negated()?)),
        other => Err(no_overload("-_", &[other])),
    }
}

fn subtract(a: &Value, b: &Value) -> Eval<Value> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => {
            Value::Int(a.checked_sub(*b).ok_or_else(|| fault("integer overflow"))?)
        }
        (Value::Uint(a), Value::Uint(b)) => Value::Uint(
            a.checked_sub(*b)
                .ok_or_else(|| fault("unsigned integer overflow"))?,
        ),
        (Value::Double(a), Value::Double(b)) => Value::Double(a - b),
        (Value::Duration(a), Value::Duration(b)) => Value::Duration(a.plus(b.negated()?)?),
        (Value::Timestamp(a), Value::Duration(b)) => Value::Timestamp(a.plus(b.negated()?)?),
        (Value::Timestamp(a), Value::Timestamp(b)) => Value::Duration(a.since(*b)?),
        _ => return Err(no_overload("_-_", &[a, b])),
    })
}

fn multiply(a: &Value, b: &Value) -> Eval<Value> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => {
            Value::Int(a.checked_mul(*b).ok_or_else(|| fault("integer overflow"))?)
        }
        (Value::Uint(a), Value::Uint(b)) => Value::Uint(
            a.checked_mul(*b)
                .ok_or_else(|| fault("unsigned integer overflow"))?,
        ),
        (Value::Double(a), Value::Double(b)) => Value::Double(a * b),
        _ => return Err(no_overload("_*_", &[a, b])),
    })
}

fn divide(a: &Value, b: &Value) -> Eval<Value> {
    Ok(match (a, b) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => {
            return Err(fault("division by zero"));
        }
        (Value::Int(a), Value::Int(b)) => {
            Value::Int(a.checked_div(*b).ok_or_else(|| fault("integer overflow"))?)
        }
        (Value::Uint(a), Value::Uint(b)) => Value::Uint(a / b),
        (Value::Double(a), Value::Double(b)) => Value::Double(a / b),
        _ => return Err(no_overload("_/_", &[a, b])),
    })
}

fn modulo(a: &Value, b: &Value) -> Eval<Value> {
    Ok(match (a, b) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => {
            return Err(fault("modulus by zero"));
        }
        (Value::Int(a), Value::Int(b)) => {
            Value::Int(a.checked_rem(*b).ok_or_else(|| fault("integer overflow"))?)
        }
        (Value::Uint(a), Value::Uint(b)) => Value::Uint(a % b),
        _ => return Err(no_overload("_%_", &[a, b])),
    })
}
