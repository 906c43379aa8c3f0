//! Go's own functions and those that run templates.

use super::{Args, Builtin, MANY, f};
use crate::helm::error::{Fail, Result};
use crate::helm::fmt;
use crate::helm::limits::MAX_INCLUDES;
use crate::helm::template::exec::{Engine, Scope, Source, Template};
use crate::helm::template::parse::parse;
use crate::helm::value::convert::{items, strval};
use crate::helm::value::equal::{equal, less};
use crate::helm::value::object::Object;
use crate::helm::value::text::{Origin, Out, Text};
use crate::helm::value::{Data, Map, MapKind, UintKind, Value};
use std::fmt::Write as _;
use std::rc::Rc;

pub(super) const TABLE: &[Builtin] = &[
    // `and` and `or` evaluate their arguments one by one; the engine does it.
    f("and", 1, MANY, |_, _| Ok(Value::INVALID)),
    f("or", 1, MANY, |_, _| Ok(Value::INVALID)),
    f("not", 1, 1, |_, a| Ok(Value::bool(!a.any(0).truth()))),
    f("len", 1, 1, |_, a| length(&a.any(0))),
    f("index", 1, MANY, index),
    f("print", 0, MANY, |_, a| {
        Ok(Value::text(fmt::sprint(a.all())))
    }),
    f("println", 0, MANY, |_, a| {
        Ok(Value::text(fmt::sprintln(a.all())))
    }),
    f("printf", 1, MANY, |_, a| {
        Ok(Value::text(fmt::sprintf(&a.text(0)?, a.from(1))))
    }),
    f("html", 0, MANY, |_, a| {
        Ok(Value::text(html(one_text(a).as_str())))
    }),
    f("js", 0, MANY, |_, a| {
        Ok(Value::text(js(one_text(a).as_str())))
    }),
    f("urlquery", 0, MANY, |_, a| {
        Ok(Value::text(crate::helm::url::query_escape(
            one_text(a).as_str(),
        )))
    }),
    f("call", 1, MANY, |_, a| {
        Err(Fail::new(format!(
            "non-function of type {}",
            a.any(0).type_in_error()
        )))
    }),
    f("eq", 1, MANY, |_, a| {
        if a.len() < 2 {
            return Err(Fail::new("missing argument for comparison"));
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

fn length(value: &Value) -> Result<Value> {
    let count = match &value.data {
        Data::Text(text) => crate::helm::value::convert::bytes_of(text.as_str()).len(),
        Data::Map(map) => map.len(),
        Data::List(list) => list.len(),
        Data::Object(object) => match &**object {
            Object::Files(files) => files.files.len(),
            Object::Bytes(bytes) => bytes.len(),
            Object::Versions(versions) => versions.len(),
            _ => return Err(Fail::new(format!("len of type {}", value.type_name()))),
        },
        Data::Invalid => return Err(Fail::new("len of untyped nil")),
        Data::Nil => return Err(Fail::new("len of nil pointer")),
        _ => return Err(Fail::new(format!("len of type {}", value.type_name()))),
    };
    Ok(Value::int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn index(engine: &mut Engine<'_>, args: &mut Args) -> Result<Value> {
    let mut item = args.any(0);
    if item.is_nil() {
        return Err(Fail::new("index of untyped nil"));
    }
    for index in args.from(1) {
        if item.is_nil() {
            return Err(Fail::new("index of nil pointer"));
        }
        if let Data::Map(map) = &item.data {
            let key = match &index.data {
                Data::Text(text) => text.rc(),
                Data::Invalid | Data::Nil => {
                    return Err(Fail::new("value is nil; should be of type string"));
                }
                _ => {
                    let kind = index.type_name();
                    return Err(Fail::new(format!(
                        "value has type {kind}; should be string"
                    )));
                }
            };
            item = match map.get(&key) {
                Some(value) => value,
                None if map.kind() == MapKind::Text => Value::text(""),
                None => Value {
                    data: Data::Nil,
                    cause: engine.below(&item, &key),
                },
            };
            continue;
        }
        let at = match &index.data {
            Data::Int(at, _) => *at,
            Data::Uint(at, _) => i64::try_from(*at).unwrap_or(i64::MAX),
            Data::Invalid | Data::Nil => {
                return Err(Fail::new("cannot index slice/array with nil"));
            }
            _ => {
                let kind = index.type_name();
                return Err(Fail::new(format!(
                    "cannot index slice/array with type {kind}"
                )));
            }
        };
        let found = usize::try_from(at).ok();
        item = if let Some(text) = item.as_str() {
            let byte = found.and_then(|at| text.as_bytes().get(at).copied());
            let byte = byte.ok_or_else(|| Fail::new(format!("index out of range: {at}")))?;
            Data::Uint(u64::from(byte), UintKind::Byte).into()
        } else if let Some(items) = items(&item) {
            found
                .and_then(|at| items.get(at).cloned())
                .ok_or_else(|| Fail::new(format!("index out of range: {at}")))?
        } else if let (Data::Object(object), Some(key)) = (&item.data, index.as_str()) {
            let object = object.clone();
            match &*object {
                Object::Files(_) => engine.field(&item, key, Vec::new())?,
                _ => {
                    return Err(Fail::new(format!(
                        "can't index item of type {}",
                        item.type_name()
                    )));
                }
            }
        } else {
            return Err(Fail::new(format!(
                "can't index item of type {}",
                item.type_name()
            )));
        };
    }
    Ok(item)
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
            "rendering template has a nested reference name: {}: unable to execute template",
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
    engine.budget.step(text.as_str().len() as u64 / 16)?;
    let parsed = parse(text.as_str()).map_err(|error| {
        Fail::new(format!(
            "cannot parse template {:?}: {}",
            text.as_str(),
            error.message
        ))
    })?;
    let source = Rc::new(Source { text });
    let outer = engine.scope.clone();
    if !parsed.definitions.is_empty() {
        let mut scope = Scope {
            outer: Some(outer.clone()),
            ..Scope::default()
        };
        for (name, body) in parsed.definitions {
            scope.define(
                name,
                Template {
                    source: source.clone(),
                    body: Rc::new(body),
                },
            );
        }
        engine.scope = Rc::new(scope);
    }
    let template = Template {
        source,
        body: Rc::new(parsed.body),
    };
    let out = engine.run(&template, &args.any(1), Out::default(), 0);
    engine.scope = outer;
    Ok(Value::text(without_no_value(out?.finish())))
}

/// Helm cuts the words that Go prints for nothing out of every rendered text.
pub(crate) fn without_no_value(text: Text) -> Text {
    const WORDS: &str = "<no value>";
    if !text.as_str().contains(WORDS) {
        return text;
    }
    let mut out = Out::default();
    let mut start = 0;
    for (at, _) in text.as_str().match_indices(WORDS) {
        out.push_slice(&text, start, at, Origin::default());
        start = at + WORDS.len();
    }
    out.push_slice(&text, start, text.as_str().len(), Origin::default());
    out.finish()
}
