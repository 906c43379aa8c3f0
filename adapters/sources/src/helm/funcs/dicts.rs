//! Sprig's functions on maps, and its defaults.

use super::merge::{merge, merge_overwrite};
use super::{Args, Builtin, MANY, f, w};
use crate::helm::error::{Fail, Result};
use crate::helm::limits::VALUE;
use crate::helm::template::run::Engine;
use crate::helm::value::convert::{deep_copy, strval};
use crate::helm::value::{Data, Map, MapKind, Value};

pub(super) const TABLE: &[Builtin] = &[
    f("default", 1, MANY, |_, a| Ok(default(a))),
    f("empty", 1, 1, |_, a| Ok(Value::bool(is_empty(&a.any(0))))),
    f("coalesce", 0, MANY, |_, a| {
        Ok(a.all()
            .iter()
            .find(|value| !is_empty(value))
            .cloned()
            .unwrap_or(Value::NIL))
    }),
    f("all", 0, MANY, |_, a| {
        Ok(Value::bool(!a.all().iter().any(is_empty)))
    }),
    f("any", 0, MANY, |_, a| {
        Ok(Value::bool(a.all().iter().any(|value| !is_empty(value))))
    }),
    f("ternary", 3, 3, |_, a| {
        Ok(if a.bool(2)? { a.any(0) } else { a.any(1) })
    }),
    w("deepCopy", 1, 1, copy),
    w("mustDeepCopy", 1, 1, copy),
    f("dict", 0, MANY, |_, a| {
        let map = Map::new(MapKind::Any);
        let mut rest = a.all();
        while let [key, tail @ ..] = rest {
            let (value, tail) = match tail {
                [value, tail @ ..] => (value.clone(), tail),
                [] => (Value::text(""), tail),
            };
            map.set(strval(key).rc(), element(value));
            rest = tail;
        }
        Ok(Value::map(map))
    }),
    f("get", 2, 2, |e, a| {
        let (map, key) = (a.map(0)?, a.text(1)?);
        let missing = e.below(&a.any(0), key.as_str());
        Ok(map
            .get(key.as_str())
            .unwrap_or_else(|| Value::text("").caused_by(missing)))
    }),
    f("set", 3, 3, |e, a| {
        let map = a.map_mut(0)?;
        map.set(a.text(1)?.rc(), element(a.any(2)));
        e.budget.make(2 * VALUE)?;
        Ok(a.any(0))
    }),
    f("unset", 2, 2, |_, a| {
        a.map(0)?.remove(a.text(1)?.as_str());
        Ok(a.any(0))
    }),
    f("hasKey", 2, 2, |e, a| {
        let (map, key) = (a.map(0)?, a.text(1)?);
        let cause = match map.get(key.as_str()) {
            Some(value) => value.cause,
            None => e.below(&a.any(0), key.as_str()),
        };
        Ok(Value::bool(map.contains(key.as_str())).caused_by(cause))
    }),
    f("pluck", 1, MANY, |_, a| {
        let key = a.text(0)?;
        let mut out = Vec::new();
        for index in 1..a.len() {
            out.extend(a.map(index)?.get(key.as_str()));
        }
        Ok(Value::list(out))
    }),
    // Go gives keys and values in no order; this is as good as any, and always the same.
    f("keys", 0, MANY, |_, a| {
        let mut out = Vec::new();
        for index in 0..a.len() {
            let entries = a.map(index)?.entries();
            out.extend(
                entries
                    .into_iter()
                    .map(|(key, _)| crate::helm::value::text::Text::from(key)),
            );
        }
        Ok(Value::texts(out))
    }),
    f("values", 1, 1, |_, a| {
        Ok(Value::list(
            a.map(0)?
                .entries()
                .into_iter()
                .map(|(_, value)| value)
                .collect(),
        ))
    }),
    f("pick", 1, MANY, |_, a| {
        let (map, out) = (a.map(0)?, Map::new(MapKind::Any));
        for index in 1..a.len() {
            let key = a.text(index)?;
            if let Some(value) = map.get(key.as_str()) {
                out.set(key.rc(), value);
            }
        }
        Ok(Value::map(out))
    }),
    f("omit", 1, MANY, |_, a| {
        let out = a.map(0)?.shallow(MapKind::Any);
        for index in 1..a.len() {
            out.remove(a.text(index)?.as_str());
        }
        Ok(Value::map(out))
    }),
    w("merge", 1, MANY, |e, a| merged(e, a, false)),
    w("mustMerge", 1, MANY, |e, a| merged(e, a, false)),
    w("mergeOverwrite", 1, MANY, |e, a| merged(e, a, true)),
    w("mustMergeOverwrite", 1, MANY, |e, a| merged(e, a, true)),
    f("dig", 3, MANY, dig),
];

/// A value stored in a map or list: no value is a nil there.
fn element(value: Value) -> Value {
    match value.data {
        Data::Invalid => Value {
            data: Data::Nil,
            cause: value.cause,
        },
        _ => value,
    }
}

/// Sprig's `empty`.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.truth()
}

fn default(args: &Args) -> Value {
    let (fallback, given) = (args.any(0), args.any(1));
    if args.len() < 2 || is_empty(&given) {
        // The fallback is printed because the key was not set: it is what to set.
        return match fallback.data {
            Data::Map(_) | Data::List(_) | Data::Object(_) => fallback,
            Data::Text(ref text) if text.is_marked() => fallback,
            _ => fallback.caused_by(given.first_cause()),
        };
    }
    given
}

fn copy(engine: &mut Engine<'_>, args: &mut Args) -> Result<Value> {
    let value = args.any(0);
    let weight = engine.budget.weight(&value);
    engine.budget.make(weight)?;
    Ok(deep_copy(&value, 0))
}

fn merged(engine: &mut Engine<'_>, args: &Args, overwrite: bool) -> Result<Value> {
    let into = args.map_mut(0)?;
    for index in 1..args.len() {
        let from = args.map(index)?;
        let set = if overwrite {
            merge_overwrite(&into, &from, 0)
        } else {
            merge(&into, &from, 0)
        };
        engine.budget.make(set.saturating_mul(2 * VALUE))?;
    }
    Ok(args.any(0))
}

fn dig(engine: &mut Engine<'_>, args: &mut Args) -> Result<Value> {
    let all = args.all();
    let [keys @ .., fallback, map] = all else {
        return Err(Fail::new("dig takes a key, a default and a map at least"));
    };
    let mut at = map.clone();
    for (index, key) in keys.iter().enumerate() {
        let Some(key) = key.as_str() else {
            return Err(args.wrong(index, "a key, which is a text"));
        };
        // `.Values` itself is of another type than the maps in it, and `dig` is strict.
        let Some(map) = at.as_table() else {
            let what = at.in_words();
            return Err(Fail::new(format!(
                "dig needs a plain map to look for {key:?} in, and finds {what}"
            )));
        };
        if let Some(value) = map.get(key) {
            at = value;
        } else {
            let cause = engine.below(&at, key);
            return Ok(match fallback.data {
                Data::Map(_) | Data::List(_) | Data::Object(_) => fallback.clone(),
                _ => fallback.clone().caused_by(cause),
            });
        }
    }
    Ok(at)
}
