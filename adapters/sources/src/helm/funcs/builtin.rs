//! The functions of the language itself and those that run templates.

use super::{Args, Builtin, MANY, f, w};
use crate::helm::error::{Fail, Result};
use crate::helm::fmt;
use crate::helm::limits::MAX_INCLUDES;
use crate::helm::template::read::read;
use crate::helm::template::run::Engine;
use crate::helm::template::scope::{Scope, Template};
use crate::helm::value::convert::{item, strval};
use crate::helm::value::equal::{equal, less};
use crate::helm::value::object::Object;
use crate::helm::value::text::{Origin, Out, Text};
use crate::helm::value::{Data, Map, MapKind, UintKind, Value};
use std::fmt::Write as _;
use std::rc::Rc;

/// What a byte of an action takes in a program, in bytes.
const PROGRAM: u64 = 32;

/// Characters of a text that a message quotes.
const SHOWN: usize = 60;

pub(super) const TABLE: &[Builtin] = &[
    // `and` and `or` evaluate their arguments one by one; the engine does it.
    f("and", 1, MANY, |_, _| Ok(Value::INVALID)),
    f("or", 1, MANY, |_, _| Ok(Value::INVALID)),
    f("not", 1, 1, |_, a| Ok(Value::bool(!a.any(0).truth()))),
    f("len", 1, 1, |_, a| length(a)),
    f("index", 1, MANY, index),
    w("print", 0, MANY, |_, a| {
        Ok(Value::text(fmt::sprint(a.all())))
    }),
    w("println", 0, MANY, |_, a| {
        Ok(Value::text(fmt::sprintln(a.all())))
    }),
    w("printf", 1, MANY, |_, a| {
        Ok(Value::text(fmt::sprintf(&a.text(0)?, a.from(1))))
    }),
    w("html", 0, MANY, |_, a| {
        Ok(Value::text(html(one_text(a).as_str())))
    }),
    w("js", 0, MANY, |_, a| {
        Ok(Value::text(js(one_text(a).as_str())))
    }),
    w("urlquery", 0, MANY, |_, a| {
        Ok(Value::text(crate::helm::url::query_escape(
            one_text(a).as_str(),
        )))
    }),
    f("call", 1, MANY, |_, a| {
        // Nothing that Helm gives to templates is a function.
        Err(a.wrong(0, "a function"))
    }),
    f("eq", 1, MANY, |_, a| {
        if a.len() < 2 {
            return Err(Fail::new("there is nothing to compare with"));
        }
        for other in a.from(1) {
            if equal(&a.any(0), other)? {
                return Ok(Value::bool(true));
            }
        }
        Ok(Value::bool(false))
    }),
    f("ne", 2, 2, |_, a| {
        Ok(Value::bool(!equal(&a.any(0), &a.any(1))?))
    }),
    f("lt", 2, 2, |_, a| {
        Ok(Value::bool(less(&a.any(0), &a.any(1))?))
    }),
    f("le", 2, 2, |_, a| {
        let (x, y) = (a.any(0), a.any(1));
        Ok(Value::bool(less(&x, &y)? || equal(&x, &y)?))
    }),
    f("gt", 2, 2, |_, a| {
        let (x, y) = (a.any(0), a.any(1));
        Ok(Value::bool(!(less(&x, &y)? || equal(&x, &y)?)))
    }),
    f("ge", 2, 2, |_, a| {
        Ok(Value::bool(!less(&a.any(0), &a.any(1))?))
    }),
    f("include", 2, 2, include),
    f("tpl", 2, 2, tpl),
    f("required", 2, 2, |_, a| {
        let value = a.any(1);
        if value.is_nil() || value.as_str() == Some("") {
            return Err(Fail::spoken(a.text(0)?.as_str()));
        }
        Ok(value)
    }),
    f("fail", 1, 1, |_, a| Err(Fail::spoken(a.text(0)?.as_str()))),
    f("lookup", 4, 4, |_, a| {
        for index in 0..4 {
            a.text(index)?;
        }
        Ok(Value::map(Map::new(MapKind::Any)))
    }),
];

fn length(args: &Args) -> Result<Value> {
    let value = args.any(0);
    let count = match &value.data {
        Data::Text(text) => crate::helm::value::convert::bytes_of(text.as_str()).len(),
        Data::Map(map) => map.len(),
        Data::List(list) => list.len(),
        Data::Object(object) => match &**object {
            Object::Files(files) => files.files.len(),
            Object::Bytes(bytes) => bytes.len(),
            Object::Versions(versions) => versions.len(),
            _ => return Err(args.wrong(0, "a text, a list or a map")),
        },
        _ => return Err(args.wrong(0, "a text, a list or a map")),
    };
    Ok(Value::int(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// `index x 1 "a"`: down through lists by number and through maps by key.
fn index(engine: &mut Engine<'_>, args: &mut Args) -> Result<Value> {
    let mut at = args.any(0);
    if at.is_nil() {
        return Err(args.wrong(0, "a list or a map"));
    }
    for (step, key) in args.from(1).iter().enumerate() {
        at = match (&at.data, &key.data) {
            (Data::Map(map), Data::Text(name)) => match map.get(name.as_str()) {
                Some(value) => value,
                None if map.kind() == MapKind::Text => Value::text(""),
                None => Value {
                    data: Data::Nil,
                    cause: engine.below(&at, name.as_str()),
                },
            },
            (Data::Map(_), _) => return Err(args.wrong(step + 1, "a text, the key of a map")),
            (Data::Object(object), Data::Text(name)) if matches!(**object, Object::Files(_)) => {
                engine.member(&at, name.as_str(), Vec::new())?
            }
            (_, Data::Int(number, _)) => numbered(&at, i128::from(*number))?,
            (_, Data::Uint(number, _)) => numbered(&at, i128::from(*number))?,
            _ if item(&at, 0).is_some() || at.as_str().is_some() => {
                return Err(args.wrong(step + 1, "a whole number, the place in a list"));
            }
            _ => return Err(unindexed(&at)),
        };
    }
    Ok(at)
}

/// The item of a list, or the byte of a text, at a place.
fn numbered(value: &Value, number: i128) -> Result<Value> {
    let at = usize::try_from(number).unwrap_or(usize::MAX);
    let found = match value.as_str() {
        Some(text) => text
            .as_bytes()
            .get(at)
            .map(|byte| Data::Uint(u64::from(*byte), UintKind::Byte).into()),
        None => item(value, at).ok_or_else(|| unindexed(value))?,
    };
    found.ok_or_else(|| Fail::new(format!("there is no item {number} in {}", value.in_words())))
}

fn unindexed(value: &Value) -> Fail {
    Fail::new(format!(
        "index needs a list or a map to look into, and finds {}",
        value.in_words()
    ))
}

/// What `html`, `js` and `urlquery` work on.
fn one_text(args: &Args) -> Text {
    match args.all() {
        [one] if one.as_str().is_some() => strval(one),
        all => fmt::sprint(all),
    }
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn include(engine: &mut Engine<'_>, args: &mut Args) -> Result<Value> {
    let name = args.text(0)?;
    let count = engine.includes.entry(name.rc()).or_insert(0);
    if *count > MAX_INCLUDES {
        return Err(Fail::new(format!(
            "the template {:?} includes itself more than {MAX_INCLUDES} times",
            name.as_str()
        )));
    }
    *count += 1;
    let text = engine.render(name.as_str(), &args.any(1));
    if let Some(count) = engine.includes.get_mut(name.as_str()) {
        *count -= 1;
    }
    Ok(Value::text(text?))
}

fn tpl(engine: &mut Engine<'_>, args: &mut Args) -> Result<Value> {
    let text = args.text(0)?;
    if !text.as_str().contains("{{") {
        return Ok(Value::text(without_no_value(text)));
    }
    engine.budget.stack()?;
    let length = text.as_str().len() as u64;
    engine.budget.step(length / 16)?;
    let parsed = read(text.as_str()).map_err(|error| {
        let shown: String = text.as_str().chars().take(SHOWN).collect();
        Fail::new(format!(
            "cannot read the template {shown:?}: {}",
            error.message
        ))
    })?;
    // The program is many times as long as its text.
    engine
        .budget
        .make((parsed.size as u64).saturating_mul(PROGRAM))?;
    let text = Rc::new(text);
    let template = |program| Template {
        text: text.clone(),
        program: Rc::new(program),
    };
    let outer = engine.scope.clone();
    if !parsed.definitions.is_empty() {
        let mut scope = Scope::on(outer.clone());
        for (name, program) in parsed.definitions {
            scope.define(name, template(program));
        }
        engine.scope = Rc::new(scope);
    }
    let template = template(parsed.main);
    let out = engine.run(&template, &args.any(1), Out::default(), 0);
    engine.scope = outer;
    Ok(Value::text(without_no_value(out?.finish())))
}

/// What stands for nothing in a text that is being made.
pub(crate) const NO_VALUE: &str = "<no value>";

/// Cuts the words for nothing out of a finished text, wherever they come from.
pub(crate) fn without_no_value(text: Text) -> Text {
    if !text.as_str().contains(NO_VALUE) {
        return text;
    }
    let mut out = Out::default();
    let mut start = 0;
    for (at, _) in text.as_str().match_indices(NO_VALUE) {
        out.push_slice(&text, start, at, Origin::default());
        start = at + NO_VALUE.len();
    }
    out.push_slice(&text, start, text.as_str().len(), Origin::default());
    out.finish()
}
