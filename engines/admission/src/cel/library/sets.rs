//! Lists as sets.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::Eval;
use crate::cel::value::{List, Value};

pub(super) const FUNCTIONS: &[Entry] = &[
    ("sets.contains", false, 2, 2, contains),
    ("sets.equivalent", false, 2, 2, equivalent),
    ("sets.intersects", false, 2, 2, intersects),
];

fn has_all(machine: &mut Machine<'_>, list: &Value, items: &List) -> Eval<bool> {
    for item in items.iter() {
        if !machine.contains(list, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn contains(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [list @ Value::List(_), Value::List(items)] => {
            has_all(machine, list, items).map(Value::Bool)
        }
        _ => mismatch("sets.contains", args),
    }
}

fn equivalent(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [a @ Value::List(of_a), b @ Value::List(of_b)] => {
            let both = has_all(machine, a, of_b)? && has_all(machine, b, of_a)?;
            Ok(Value::Bool(both))
        }
        _ => mismatch("sets.equivalent", args),
    }
}

fn intersects(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [list @ Value::List(_), Value::List(items)] = args else {
        return mismatch("sets.intersects", args);
    };
    for item in items.iter() {
        if machine.contains(list, &item)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}
