//! `.name` of a value: keys of maps, fields and methods of Helm's objects.

use super::exec::Engine;
use crate::helm::error::{Fail, Result};
use crate::helm::funcs::Args;
use crate::helm::value::convert::{map_of, text_of};
use crate::helm::value::object::{Files, Object};
use crate::helm::value::text::{Origin, Text};
use crate::helm::value::{Data, Map, MapKind, Value};
use std::rc::Rc;

impl Engine<'_> {
    /// `receiver.name args`.
    pub(crate) fn field(
        &mut self,
        receiver: &Value,
        name: &str,
        args: Vec<Value>,
    ) -> Result<Value> {
        match &receiver.data {
            // A field of nothing is nothing: `(.Values.a).b` is how charts reach for keys
            // that may not be there.
            Data::Invalid => Ok(Value {
                data: Data::Invalid,
                cause: self.below(receiver, name),
            }),
            Data::Nil => Err(Fail::new(format!(
                "nil pointer evaluating interface {{}}.{name}"
            ))),
            Data::Map(map) => self.key(receiver, map, name, &args),
            Data::Object(object) => {
                let object = object.clone();
                member(receiver, &object, name, args)
            }
            _ => Err(no_field(receiver, name)),
        }
    }

    /// The values key below another, for keys that are set nowhere.
    pub(crate) fn below(&mut self, receiver: &Value, name: &str) -> u32 {
        self.places.missing(receiver.cause, name)
    }

    fn key(&mut self, receiver: &Value, map: &Map, name: &str, args: &[Value]) -> Result<Value> {
        if map.kind() == MapKind::Values
            && let Some(value) = values_method(map, receiver, name, args)?
        {
            return Ok(value);
        }
        if !args.is_empty() {
            return Err(Fail::new(format!(
                "{name} is not a method but has arguments"
            )));
        }
        match map.get(name) {
            Some(value) => Ok(value),
            None if map.kind() == MapKind::Text => Ok(Value::text("")),
            None => Ok(Value {
                data: Data::Nil,
                cause: self.below(receiver, name),
            }),
        }
    }
}

/// A field or method of one of Helm's objects.
fn member(receiver: &Value, object: &Object, name: &str, args: Vec<Value>) -> Result<Value> {
    let mut args = Args::new(args);
    match object {
        Object::Struct(data) => {
            if let Some(value) = data.method(name) {
                args.none(name)?;
                return Ok(value.clone());
            }
            match data.field(name) {
                Some(value) if args.is_empty() => Ok(value.clone()),
                Some(_) => Err(Fail::new(format!(
                    "{name} has arguments but cannot be invoked as function"
                ))),
                None => Err(no_field(receiver, name)),
            }
        }
        Object::Versions(versions) => match name {
            "Has" => {
                args.count(name, 1)?;
                let wanted = args.text(0)?;
                Ok(Value::bool(
                    versions.iter().any(|known| **known == *wanted.as_str()),
                ))
            }
            _ => Err(no_field(receiver, name)),
        },
        Object::Files(files) => files_method(files, name, &mut args),
        Object::Version(version) => match version.method(name, &mut args)? {
            Some(value) => Ok(value),
            None => Err(no_field(receiver, name)),
        },
        Object::Time(nanos) => match crate::helm::time::method(*nanos, name, &mut args)? {
            Some(value) => Ok(value),
            None => Err(no_field(receiver, name)),
        },
        Object::Bytes(_) => Err(no_field(receiver, name)),
    }
}

fn no_field(receiver: &Value, name: &str) -> Fail {
    Fail::new(format!(
        "can't evaluate field {name} in type {}",
        receiver.type_in_error()
    ))
}

/// The methods of `chartutil.Values`.
fn values_method(map: &Map, receiver: &Value, name: &str, args: &[Value]) -> Result<Option<Value>> {
    let plain = || Value::map(map.retyped(MapKind::Any)).caused_by(receiver.cause);
    match (name, args) {
        ("AsMap", []) => Ok(Some(plain())),
        ("YAML", []) => {
            let text = crate::helm::funcs::yaml::to_yaml(&plain());
            Ok(Some(Value::text(format!("{}\n", text.as_str()))))
        }
        ("Table" | "PathValue", [path]) => {
            let Some(path) = path.as_str() else {
                return Ok(None);
            };
            let mut at = plain();
            for key in path.split('.') {
                at = match at.as_map().and_then(|map| map.get(key)) {
                    Some(value) => value,
                    None if name == "Table" => {
                        return Err(Fail::new(format!("{key:?} is not a table")));
                    }
                    None => return Err(Fail::new(format!("{key:?} is not a value"))),
                };
            }
            Ok(Some(at))
        }
        _ => Ok(None),
    }
}

fn files_method(files: &Files, name: &str, args: &mut Args) -> Result<Value> {
    let text = |file: &crate::helm::value::object::ChartFile| -> Text {
        let text = Text::from(text_of(&file.bytes));
        if file.place == 0 {
            return text;
        }
        text.with_origin(Origin {
            file: file.place,
            ..Origin::default()
        })
    };
    match name {
        "Get" => {
            args.count(name, 1)?;
            let path = args.text(0)?;
            Ok(Value::text(
                files
                    .files
                    .get(path.as_str())
                    .map_or_else(|| Text::from(""), text),
            ))
        }
        "GetBytes" => {
            args.count(name, 1)?;
            let path = args.text(0)?;
            let bytes = files
                .files
                .get(path.as_str())
                .map(|file| file.bytes.clone());
            Ok(Value::object(Object::Bytes(
                bytes.unwrap_or_else(|| Rc::from([])),
            )))
        }
        "Lines" => {
            args.count(name, 1)?;
            let path = args.text(0)?;
            let Some(file) = files
                .files
                .get(path.as_str())
                .filter(|file| !file.bytes.is_empty())
            else {
                return Ok(Value::texts([]));
            };
            let whole = text(file);
            let end = whole
                .as_str()
                .strip_suffix('\n')
                .map_or(whole.as_str().len(), str::len);
            let mut lines = Vec::new();
            let mut start = 0;
            for line in whole.as_str().get(..end).unwrap_or("").split('\n') {
                lines.push(whole.slice(start, start + line.len()));
                start += line.len() + 1;
            }
            Ok(Value::texts(lines))
        }
        "Glob" => {
            args.count(name, 1)?;
            let pattern = args.text(0)?;
            let found = files
                .files
                .iter()
                .filter(|(path, _)| crate::helm::glob::matches(pattern.as_str(), path))
                .map(|(path, file)| (path.clone(), file.clone()));
            Ok(Value::object(Object::Files(Files {
                files: found.collect(),
            })))
        }
        "AsConfig" | "AsSecrets" => {
            args.none(name)?;
            let entries = files.files.iter().map(|(path, file)| {
                let base: Rc<str> = Rc::from(path.rsplit('/').next().unwrap_or(path));
                let value = if name == "AsConfig" {
                    text(file)
                } else {
                    crate::helm::encoding::base64(&file.bytes).into()
                };
                (base, Value::text(value))
            });
            if files.files.is_empty() {
                return Ok(Value::text("{}"));
            }
            Ok(Value::text(crate::helm::funcs::yaml::to_yaml(&map_of(
                entries,
            ))))
        }
        _ => match files.files.get(name) {
            Some(file) if args.is_empty() => Ok(Value::object(Object::Bytes(file.bytes.clone()))),
            Some(_) => Err(Fail::new(format!(
                "{name} is not a method but has arguments"
            ))),
            None => Ok(Value::object(Object::Bytes(Rc::from([])))),
        },
    }
}
