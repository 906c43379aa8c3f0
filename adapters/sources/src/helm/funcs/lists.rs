//! Sprig's functions on lists.

use super::{Args, Builtin, MANY, f};
use crate::helm::error::{Fail, Result};
use crate::helm::template::run::Engine;
use crate::helm::value::convert::{count as count_of, item, items, to_int64};
use crate::helm::value::equal::deep_equal;
use crate::helm::value::{Data, List, ListKind, Value};

pub(super) const TABLE: &[Builtin] = &[
    f("list", 0, MANY, |e, a| list(e, a)),
    f("tuple", 0, MANY, |e, a| list(e, a)),
    f("append", 2, 2, |e, a| push(e, a, false)),
    f("push", 2, 2, |e, a| push(e, a, false)),
    f("mustAppend", 2, 2, |e, a| push(e, a, false)),
    f("mustPush", 2, 2, |e, a| push(e, a, false)),
    f("prepend", 2, 2, |e, a| push(e, a, true)),
    f("mustPrepend", 2, 2, |e, a| push(e, a, true)),
    f("first", 1, 1, |_, a| end(a, |_| 0)),
    f("mustFirst", 1, 1, |_, a| end(a, |_| 0)),
    f("last", 1, 1, |_, a| end(a, |count| count.saturating_sub(1))),
    f("mustLast", 1, 1, |_, a| {
        end(a, |count| count.saturating_sub(1))
    }),
    f("rest", 1, 1, |e, a| rest(e, a)),
    f("mustRest", 1, 1, |e, a| rest(e, a)),
    f("initial", 1, 1, |e, a| initial(e, a)),
    f("mustInitial", 1, 1, |e, a| initial(e, a)),
    f("reverse", 1, 1, |e, a| reverse(e, a)),
    f("mustReverse", 1, 1, |e, a| reverse(e, a)),
    f("compact", 1, 1, |e, a| compact(e, a)),
    f("mustCompact", 1, 1, |e, a| compact(e, a)),
    f("uniq", 1, 1, |e, a| uniq(e, a)),
    f("mustUniq", 1, 1, |e, a| uniq(e, a)),
    f("without", 1, MANY, |e, a| without(e, a)),
    f("mustWithout", 1, MANY, |e, a| without(e, a)),
    f("has", 2, 2, |e, a| has(e, a)),
    f("mustHas", 2, 2, |e, a| has(e, a)),
    f("slice", 1, MANY, |e, a| slice(e, a)),
    f("mustSlice", 1, MANY, |e, a| slice(e, a)),
    f("concat", 0, MANY, |e, a| concat(e, a)),
    f("chunk", 2, 2, |e, a| chunk(e, a)),
    f("mustChunk", 2, 2, |e, a| chunk(e, a)),
    f("until", 1, 1, |e, a| {
        let count = a.int(0)?;
        numbers(e, 0, count, if count < 0 { -1 } else { 1 })
    }),
    f("untilStep", 3, 3, |e, a| {
        numbers(e, a.int(0)?, a.int(1)?, a.int(2)?)
    }),
];

fn charge(engine: &mut Engine<'_>, items: &[Value]) -> Result<()> {
    engine.budget.items(items.len())
}

/// The first or the last item.
fn end(args: &Args, which: impl Fn(usize) -> usize) -> Result<Value> {
    let value = args.any(0);
    let Some(count) = count_of(&value) else {
        return Err(args.wrong(0, "a list"));
    };
    Ok(item(&value, which(count)).flatten().unwrap_or(Value::NIL))
}

fn nil_list() -> Value {
    Data::List(List::nil(ListKind::Any)).into()
}

fn list(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    charge(engine, args.all())?;
    let items: Vec<Value> = args.all().iter().map(plain_nil).collect();
    Ok(Value::list(items))
}

/// An argument as an element: no value is a nil there.
fn plain_nil(value: &Value) -> Value {
    match value.data {
        Data::Invalid => Value {
            data: Data::Nil,
            cause: value.cause,
        },
        _ => value.clone(),
    }
}

fn push(engine: &mut Engine<'_>, args: &Args, front: bool) -> Result<Value> {
    let mut items = args.items(0)?;
    charge(engine, &items)?;
    let item = plain_nil(&args.any(1));
    if front {
        items.insert(0, item);
    } else {
        items.push(item);
    }
    Ok(Value::list(items))
}

fn rest(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let mut items = args.items(0)?;
    charge(engine, &items)?;
    if items.is_empty() {
        return Ok(nil_list());
    }
    items.remove(0);
    Ok(Value::list(items))
}

fn initial(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let mut items = args.items(0)?;
    charge(engine, &items)?;
    if items.pop().is_none() {
        return Ok(nil_list());
    }
    Ok(Value::list(items))
}

fn reverse(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let mut items = args.items(0)?;
    charge(engine, &items)?;
    items.reverse();
    Ok(Value::list(items))
}

fn compact(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let mut items = args.items(0)?;
    charge(engine, &items)?;
    items.retain(|item| !super::dicts::is_empty(item));
    Ok(Value::list(items))
}

fn contains(engine: &mut Engine<'_>, items: &[Value], wanted: &Value) -> Result<bool> {
    charge(engine, items)?;
    let weight = engine.budget.walk(wanted)?;
    engine
        .budget
        .read(weight.saturating_mul(items.len() as u64))?;
    Ok(items.iter().any(|item| deep_equal(wanted, item, 0)))
}

fn uniq(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let mut out: Vec<Value> = Vec::new();
    for item in args.items(0)? {
        if !contains(engine, &out, &item)? {
            out.push(item);
        }
    }
    Ok(Value::list(out))
}

fn without(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let mut out = Vec::new();
    for item in args.items(0)? {
        if !contains(engine, args.from(1), &item)? {
            out.push(item);
        }
    }
    Ok(Value::list(out))
}

fn has(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    if args.any(1).is_nil() {
        return Ok(Value::bool(false));
    }
    let items = args.items(1)?;
    Ok(Value::bool(contains(engine, &items, &args.any(0))?))
}

fn slice(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let value = args.any(0);
    let Some(items) = items(&value) else {
        return Err(args.wrong(0, "a list"));
    };
    charge(engine, &items)?;
    if items.is_empty() {
        return Ok(Value::NIL);
    }
    let bound = |index: usize, missing: usize| match args.from(index).first() {
        Some(value) => usize::try_from(to_int64(value)).unwrap_or(usize::MAX),
        None => missing,
    };
    let (start, end) = (bound(1, 0), bound(2, items.len()));
    let Some(part) = items.get(start..end) else {
        return Err(Fail::new(
            "the list is shorter than what is to be cut out of it",
        ));
    };
    let kind = match &value.data {
        Data::List(list) => list.kind(),
        _ => ListKind::Text,
    };
    Ok(Data::List(List::new(part.to_vec(), kind)).into())
}

fn concat(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let mut out = Vec::new();
    for (index, value) in args.all().iter().enumerate() {
        let Some(items) = items(value) else {
            return Err(args.wrong(index, "a list"));
        };
        engine.budget.items(out.len() + items.len())?;
        out.extend(items);
    }
    Ok(if out.is_empty() {
        nil_list()
    } else {
        Value::list(out)
    })
}

fn chunk(engine: &mut Engine<'_>, args: &Args) -> Result<Value> {
    let items = args.items(1)?;
    charge(engine, &items)?;
    let Some(size) = usize::try_from(args.int(0)?).ok().filter(|size| *size > 0) else {
        return Err(Fail::new("a chunk has at least one item"));
    };
    let chunks = items
        .chunks(size)
        .map(|part| Value::list(part.to_vec()))
        .collect();
    Ok(Data::List(List::new(chunks, ListKind::Lists)).into())
}

/// How many numbers `untilStep` makes.
pub(super) fn count(start: i64, stop: i64, step: i64) -> i64 {
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let count = if stop < start {
        if step >= 0 {
            0
        } else {
            (start - stop + (-step) - 1) / -step
        }
    } else if step <= 0 {
        0
    } else {
        (stop - start + step - 1) / step
    };
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn numbers(engine: &mut Engine<'_>, start: i64, stop: i64, step: i64) -> Result<Value> {
    let count = count(start, stop, step);
    engine
        .budget
        .items(usize::try_from(count).unwrap_or(usize::MAX))?;
    Ok(crate::helm::value::convert::ints(
        (0..count).map(|at| start + at * step),
    ))
}
