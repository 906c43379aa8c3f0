//! Lists: Kubernetes' own functions, and the language's extension of them. `indexOf`,
//! and `lastIndexOf` exist for texts, too.

use super::{Entry, strings};
use crate::cel::ast::Operator;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{List, Value};
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Entry] = &[
    ("isSorted", true, 1, 1, is_sorted),
    ("sum", true, 1, 1, sum),
    ("min", true, 1, 1, |machine, args| {
        extreme(machine, "min", args, Ordering::Less)
    }),
    ("max", true, 1, 1, |machine, args| {
        extreme(machine, "max", args, Ordering::Greater)
    }),
    ("includes", true, 2, 2, includes),
    ("indexOf", true, 2, 3, |machine, args| {
        index(machine, args, false)
    }),
    ("lastIndexOf", true, 2, 3, |machine, args| {
        index(machine, args, true)
    }),
    ("slice", true, 3, 3, slice),
    ("flatten", true, 1, 2, flatten),
    ("lists.range", false, 1, 1, range),
    ("distinct", true, 1, 1, distinct),
    ("reverse", true, 1, 1, reverse),
    ("sort", true, 1, 1, sort),
    ("first", true, 1, 1, |_, args| end("first", args, false)),
    ("last", true, 1, 1, |_, args| end("last", args, true)),
];

fn is_sorted(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::List(list)] = args else {
        return mismatch("isSorted", args);
    };
    let mut previous: Option<Value> = None;
    for item in list.iter() {
        machine.charge(1)?;
        if let Some(previous) = &previous
            && machine.compare("isSorted", previous, &item)? == Some(Ordering::Greater)
        {
            return Ok(Value::Bool(false));
        }
        previous = Some(item);
    }
    Ok(Value::Bool(true))
}

fn sum(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::List(list)] = args else {
        return mismatch("sum", args);
    };
    let mut total: Option<Value> = None;
    for item in list.iter() {
        machine.charge(1)?;
        if !matches!(
            item,
            Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_)
        ) {
            return mismatch("sum", args);
        }
        total = Some(match total {
            Some(total) => machine.binary(Operator::Add, &total, &item)?,
            None => item,
        });
    }
    Ok(total.unwrap_or(Value::Int(0)))
}

fn extreme(machine: &mut Machine<'_>, name: &str, args: &[Value], want: Ordering) -> Eval<Value> {
    let [Value::List(list)] = args else {
        return mismatch(name, args);
    };
    let mut best: Option<Value> = None;
    for item in list.iter() {
        machine.charge(1)?;
        let is_better = match &best {
            Some(best) => machine.compare(name, &item, best)? == Some(want),
            None => true,
        };
        if is_better {
            best = Some(item);
        }
    }
    best.ok_or_else(|| fault(format!("{name} called on empty list")))
}

fn includes(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [list @ Value::List(_), item] => machine.contains(list, item).map(Value::Bool),
        [value, item] => machine.equal(value, item).map(Value::Bool),
        _ => mismatch("includes", args),
    }
}

fn index(machine: &mut Machine<'_>, args: &[Value], from_end: bool) -> Eval<Value> {
    let name = if from_end { "lastIndexOf" } else { "indexOf" };
    match args {
        [Value::List(list), item] => {
            let length = list.len();
            for step in 0..length {
                let at = if from_end { length - 1 - step } else { step };
                let Some(other) = list.get(at) else { break };
                if machine.equal(&other, item)? {
                    return Ok(Value::Int(i64::try_from(at).unwrap_or(i64::MAX)));
                }
            }
            Ok(Value::Int(-1))
        }
        [Value::String(text), Value::String(part)] => {
            strings::index(machine, text, part, None, from_end)
        }
        [Value::String(text), Value::String(part), Value::Int(offset)] => {
            strings::index(machine, text, part, Some(*offset), from_end)
        }
        _ => mismatch(name, args),
    }
}

fn slice(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = args else {
        return mismatch("slice", args);
    };
    let (Ok(from), Ok(to)) = (usize::try_from(*start), usize::try_from(*end)) else {
        return Err(fault(format!(
            "cannot slice({start}, {end}), negative indexes not supported"
        )));
    };
    if from > to {
        return Err(fault(format!(
            "cannot slice({start}, {end}), start index must be less than or equal to end index"
        )));
    }
    if to > list.len() {
        let length = list.len();
        return Err(fault(format!(
            "cannot slice({start}, {end}), list is length {length}"
        )));
    }
    machine.charge(to - from)?;
    Ok(Value::list(
        (from..to).filter_map(|at| list.get(at)).collect(),
    ))
}

fn flatten(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let (list, depth) = match args {
        [Value::List(list)] => (list, 1),
        [Value::List(list), Value::Int(depth)] => (list, *depth),
        _ => return mismatch("flatten", args),
    };
    if depth < 0 {
        return Err(fault("level must be non-negative"));
    }
    let mut flat = Vec::new();
    flatten_into(machine, list, depth, &mut flat)?;
    Ok(Value::list(flat))
}

fn flatten_into(
    machine: &mut Machine<'_>,
    list: &List,
    depth: i64,
    flat: &mut Vec<Value>,
) -> Eval<()> {
    for item in list.iter() {
        machine.charge(1)?;
        match item {
            Value::List(inner) if depth > 0 => flatten_into(machine, &inner, depth - 1, flat)?,
            item => flat.push(item),
        }
    }
    Ok(())
}

fn range(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::Int(end)] = args else {
        return mismatch("lists.range", args);
    };
    let Ok(count) = usize::try_from(*end) else {
        return Err(fault(format!(
            "lists.range: size must be non-negative, got {end}"
        )));
    };
    machine.charge(count)?;
    Ok(Value::list((0..*end).map(Value::Int).collect()))
}

fn distinct(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::List(list)] = args else {
        return mismatch("distinct", args);
    };
    let mut kept: Vec<Value> = Vec::new();
    'items: for item in list.iter() {
        for other in &kept {
            if machine.equal(other, &item)? {
                continue 'items;
            }
        }
        kept.push(item);
    }
    Ok(Value::list(kept))
}

fn reverse(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::List(list)] => {
            machine.charge(list.len())?;
            Ok(Value::list(list.iter().rev().collect()))
        }
        _ => mismatch("reverse", args),
    }
}

fn sort(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::List(list)] = args else {
        return mismatch("sort", args);
    };
    let items: Vec<Value> = list.iter().collect();
    sorted_by(machine, items.clone(), &items)
}

/// The items in the order of their keys.
pub(crate) fn sorted_by(
    machine: &mut Machine<'_>,
    items: Vec<Value>,
    keys: &[Value],
) -> Eval<Value> {
    let Some(first) = keys.first() else {
        return Ok(Value::list(items));
    };
    if keys.iter().any(|key| key.type_name() != first.type_name()) {
        return Err(fault("list elements must have the same type"));
    }
    machine.compare("sort", first, first)?;
    let rounds = usize::try_from(keys.len().max(2).ilog2()).unwrap_or(1) + 1;
    machine.charge(keys.len().saturating_mul(rounds))?;
    let mut failed = None;
    let mut pairs: Vec<(&Value, Value)> = keys.iter().zip(items).collect();
    pairs.sort_by(|a, b| {
        if failed.is_some() {
            return Ordering::Equal;
        }
        match machine.compare("sort", a.0, b.0) {
            // What is no number has no place; it stays where it is.
            Ok(order) => order.unwrap_or(Ordering::Equal),
            Err(wrong) => {
                failed = Some(wrong);
                Ordering::Equal
            }
        }
    });
    match failed {
        Some(wrong) => Err(wrong),
        None => Ok(Value::list(
            pairs.into_iter().map(|(_, item)| item).collect(),
        )),
    }
}

fn end(name: &str, args: &[Value], from_end: bool) -> Eval<Value> {
    let [Value::List(list)] = args else {
        return mismatch(name, args);
    };
    let at = if from_end {
        list.len().checked_sub(1)
    } else {
        Some(0)
    };
    Ok(match at.and_then(|at| list.get(at)) {
        Some(item) => Value::some(item),
        None => Value::Optional(None),
    })
}
