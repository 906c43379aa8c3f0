//! Equality and order: `deepEqual`, `eq`, `lt` and their kin.

use super::convert::MAX_DEPTH;
use super::object::Object;
use super::{Data, Value};
use std::cmp::Ordering;
use std::rc::Rc;

/// `deepEqual`: equal types and equal values; a list that is nil and an empty one differ.
pub(crate) fn deep_equal(a: &Value, b: &Value, depth: u32) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match (&a.data, &b.data) {
        (Data::Invalid | Data::Nil, Data::Invalid | Data::Nil) => true,
        (Data::Bool(a), Data::Bool(b)) => a == b,
        (Data::Int(a, x), Data::Int(b, y)) => a == b && x == y,
        (Data::Uint(a, x), Data::Uint(b, y)) => a == b && x == y,
        #[allow(clippy::float_cmp)] // Go compares exactly, too
        (Data::Float(a), Data::Float(b)) => a == b,
        (Data::Text(a), Data::Text(b)) => a.as_str() == b.as_str(),
        (Data::List(a), Data::List(b)) => {
            let (x, y) = (a.items(), b.items());
            a.kind() == b.kind()
                && a.is_nil() == b.is_nil()
                && x.len() == y.len()
                && x.iter().zip(&y).all(|(x, y)| deep_equal(x, y, depth + 1))
        }
        (Data::Map(a), Data::Map(b)) => {
            if a.same(b) {
                return true;
            }
            let (x, y) = (a.entries(), b.entries());
            a.kind() == b.kind()
                && x.len() == y.len()
                && x.iter()
                    .zip(&y)
                    .all(|((k, x), (l, y))| k == l && deep_equal(x, y, depth + 1))
        }
        (Data::Object(a), Data::Object(b)) => {
            Rc::ptr_eq(a, b)
                || match (&**a, &**b) {
                    (Object::Bytes(a), Object::Bytes(b)) => a == b,
                    (Object::Versions(a), Object::Versions(b)) => a == b,
                    (Object::Version(a), Object::Version(b)) => a == b,
                    (Object::Time(a), Object::Time(b)) => a == b,
                    _ => false,
                }
        }
        _ => false,
    }
}

/// The kinds that `eq` and `lt` know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basic {
    None,
    Bool,
    Int,
    Uint,
    Float,
    Text,
}

fn basic(value: &Value) -> Basic {
    match value.data {
        Data::Bool(_) => Basic::Bool,
        Data::Int(..) => Basic::Int,
        Data::Uint(..) => Basic::Uint,
        Data::Float(_) => Basic::Float,
        Data::Text(_) => Basic::Text,
        _ => Basic::None,
    }
}

/// `eq` of two values.
pub(crate) fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    let (x, y) = (basic(a), basic(b));
    if x == y && x != Basic::None {
        return Ok(compare(a, b) == Some(Ordering::Equal));
    }
    match (&a.data, &b.data) {
        (Data::Int(a, _), Data::Uint(b, _)) => return Ok(u64::try_from(*a) == Ok(*b)),
        (Data::Uint(a, _), Data::Int(b, _)) => return Ok(u64::try_from(*b) == Ok(*a)),
        _ => {}
    }
    if x != y {
        if a.is_nil() || b.is_nil() {
            return Ok(false);
        }
        return Err(incompatible(a, b));
    }
    if a.is_nil() || b.is_nil() {
        let empty = |value: &Value| match &value.data {
            Data::List(list) => list.is_nil(),
            _ => value.is_nil(),
        };
        return Ok(empty(a) == empty(b));
    }
    if a.kind_name() != b.kind_name() {
        return Err(incompatible(a, b));
    }
    match (&a.data, &b.data) {
        (Data::Object(x), Data::Object(_)) if !matches!(x.kind_name(), "map" | "slice") => {
            Ok(deep_equal(a, b, 0))
        }
        _ => Err(incompatible(a, b)),
    }
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!(
        "{} ({}) cannot be compared with {} ({})",
        a.in_words(),
        a.type_name(),
        b.in_words(),
        b.type_name()
    )
}

/// `lt` of two values.
pub(crate) fn less(a: &Value, b: &Value) -> Result<bool, String> {
    let (x, y) = (basic(a), basic(b));
    if x == Basic::None || y == Basic::None {
        return Err(incompatible(a, b));
    }
    match (&a.data, &b.data) {
        (Data::Int(a, _), Data::Uint(b, _)) => {
            return Ok(u64::try_from(*a).is_ok_and(|a| a < *b) || *a < 0);
        }
        (Data::Uint(a, _), Data::Int(b, _)) => {
            return Ok(u64::try_from(*b).is_ok_and(|b| *a < b));
        }
        _ => {}
    }
    if x != y {
        return Err(incompatible(a, b));
    }
    if x == Basic::Bool {
        return Err(incompatible(a, b));
    }
    Ok(compare(a, b) == Some(Ordering::Less))
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (&a.data, &b.data) {
        (Data::Bool(a), Data::Bool(b)) => Some(a.cmp(b)),
        (Data::Int(a, _), Data::Int(b, _)) => Some(a.cmp(b)),
        (Data::Uint(a, _), Data::Uint(b, _)) => Some(a.cmp(b)),
        (Data::Float(a), Data::Float(b)) => a.partial_cmp(b),
        (Data::Text(a), Data::Text(b)) => Some(a.as_str().cmp(b.as_str())),
        _ => None,
    }
}
