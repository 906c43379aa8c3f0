//! Names after a dot: keys of maps, fields and methods of what Helm gives to templates.

use super::run::Engine;
use crate::helm::error::{Fail, Result};
use crate::helm::funcs::Args;
use crate::helm::limits::Budget;
use crate::helm::value::convert::{map_of, text_of};
use crate::helm::value::object::{ChartFile, Files, Object};
use crate::helm::value::text::{Origin, Text};
use crate::helm::value::{Data, Map, MapKind, Value};
use std::rc::Rc;

/// Steps that reading a pattern of paths takes: it becomes a regular expression.
const GLOB: u64 = 500;

/// Steps that any other question about files takes.
const FILE: u64 = 20;

impl Engine<'_> {
    /// `receiver.name`, or what the method of that name gives for the arguments.
    pub(crate) fn member(
        &mut self,
        receiver: &Value,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Value> {
        let mut args = Args::new(arguments);
        let found = match &receiver.data {
            // A name below nothing is nothing: `(.Values.a).b` is how charts reach for keys
            // that may not be there.
            Data::Invalid => {
                return Ok(Value {
                    data: Data::Invalid,
                    cause: self.below(receiver, name),
                });
            }
            Data::Nil => {
                return Err(Fail::new(format!(
                    ".{name} is asked of a value that is not set: set it, or guard this with \
                     `with` or a pair of parentheses"
                )));
            }
            Data::Map(map) => return self.entry(receiver, map, name, &args),
            Data::Object(object) => match &**object {
                Object::Struct(data) => match (data.method(name), data.field(name)) {
                    (Some(value), _) => {
                        args.none(name)?;
                        Some(value.clone())
                    }
                    (None, Some(_)) if !args.is_empty() => return Err(no_arguments(name)),
                    (None, value) => value.cloned(),
                },
                Object::Versions(versions) if name == "Has" => {
                    args.count(name, 1)?;
                    let wanted = args.text(0)?;
                    let known = versions.iter().any(|known| **known == *wanted.as_str());
                    Some(Value::bool(known))
                }
                Object::Files(files) => {
                    // `Glob` looks at all of them, and keeps what it finds.
                    let pattern = if name == "Glob" { GLOB } else { FILE };
                    self.budget.step(pattern + 4 * files.files.len() as u64)?;
                    let value = of_files(&mut self.budget, files, name, &args)?;
                    self.budget.keep(&value)?;
                    return Ok(value);
                }
                Object::Version(version) => version.method(name, &mut args)?,
                Object::Time(nanos) => crate::helm::time::method(*nanos, name, &mut args)?,
                Object::Bytes(_) | Object::Versions(_) => None,
            },
            _ => None,
        };
        found.ok_or_else(|| {
            let what = receiver.in_words();
            Fail::new(format!(
                ".{name} is asked of {what}, which has no such name"
            ))
        })
    }

    /// The values key below another, for keys that are set nowhere.
    pub(crate) fn below(&mut self, receiver: &Value, name: &str) -> u32 {
        self.places.missing(receiver.cause, name)
    }

    fn entry(&mut self, receiver: &Value, map: &Map, name: &str, args: &Args) -> Result<Value> {
        if map.kind() == MapKind::Values
            && let Some(value) = of_values(&mut self.budget, map, receiver, name, args)?
        {
            return Ok(value);
        }
        if !args.is_empty() {
            return Err(no_arguments(name));
        }
        Ok(match map.get(name) {
            Some(value) => value,
            None if map.kind() == MapKind::Text => Value::text(""),
            None => Value {
                data: Data::Nil,
                cause: self.below(receiver, name),
            },
        })
    }
}

fn no_arguments(name: &str) -> Fail {
    Fail::new(format!(".{name} is no method and takes no arguments"))
}

/// The methods of Helm's values; keys that have their names cannot be reached by a dot.
fn of_values(
    budget: &mut Budget,
    map: &Map,
    receiver: &Value,
    name: &str,
    args: &Args,
) -> Result<Option<Value>> {
    let plain = Value::map(map.retyped(MapKind::Any)).caused_by(receiver.cause);
    match (name, args.all()) {
        ("AsMap", []) => Ok(Some(plain)),
        ("YAML", []) => {
            budget.walk(&plain)?;
            let text = crate::helm::funcs::yaml::to_yaml(&plain);
            Ok(Some(Value::text(format!("{}\n", text.as_str()))))
        }
        ("Table" | "PathValue", [path]) => {
            let Some(path) = path.as_str() else {
                return Ok(None);
            };
            let found = path.split('.').try_fold(plain, |at, key| {
                at.as_map().and_then(|map| map.get(key)).ok_or(key)
            });
            found.map(Some).map_err(|key| {
                Fail::new(format!(
                    "the values have no key {key:?} on the path {path:?}"
                ))
            })
        }
        _ => Ok(None),
    }
}

/// The text of a chart's file, which knows where it stands.
fn text_in(file: &ChartFile) -> Text {
    let text = Text::from(text_of(&file.bytes));
    if file.place == 0 {
        return text;
    }
    text.with_origin(Origin {
        file: file.place,
        ..Origin::default()
    })
}

/// The lines of a text, without what ends them.
fn lines(budget: &mut Budget, whole: &Text) -> Result<Vec<Text>> {
    let text = whole.as_str();
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut start = 0;
    let mut cut = Vec::new();
    for line in text.split('\n') {
        budget.piece(&mut cut, whole.slice(start, start + line.len()))?;
        start += line.len() + 1;
    }
    Ok(cut)
}

fn of_files(budget: &mut Budget, files: &Files, name: &str, args: &Args) -> Result<Value> {
    let bytes = |file: Option<&ChartFile>| {
        let bytes = file.map_or_else(|| Rc::from([]), |file| file.bytes.clone());
        Value::object(Object::Bytes(bytes))
    };
    // The one argument of most methods: a path, or a pattern of paths.
    let given = || -> Result<Text> {
        args.count(name, 1)?;
        args.text(0)
    };
    let file = |path: &Text| files.files.get(path.as_str());
    match name {
        "Get" => {
            let text = file(&given()?).map_or_else(|| Text::from(""), text_in);
            Ok(Value::text(text))
        }
        "GetBytes" => Ok(bytes(file(&given()?))),
        "Lines" => {
            let found = file(&given()?).filter(|file| !file.bytes.is_empty());
            found
                .map_or_else(|| Ok(Vec::new()), |file| lines(budget, &text_in(file)))
                .map(Value::texts)
        }
        "Glob" => {
            let pattern = given()?;
            let fits = |path: &str| crate::helm::glob::matches(pattern.as_str(), path);
            let mut found = files.clone();
            found.files.retain(|path, _| fits(path));
            Ok(Value::object(Object::Files(found)))
        }
        "AsConfig" | "AsSecrets" => {
            args.none(name)?;
            if files.files.is_empty() {
                return Ok(Value::text("{}"));
            }
            let entries = files.files.iter().map(|(path, file)| {
                let value = if name == "AsConfig" {
                    text_in(file)
                } else {
                    crate::helm::encoding::base64(&file.bytes).into()
                };
                let base = path.rsplit('/').next().unwrap_or(path);
                (Rc::from(base), Value::text(value))
            });
            let map = map_of(entries);
            budget.walk(&map)?;
            Ok(Value::text(crate::helm::funcs::yaml::to_yaml(&map)))
        }
        _ if args.is_empty() => Ok(bytes(files.files.get(name))),
        _ => match files.files.get(name) {
            Some(_) => Err(no_arguments(name)),
            None => Ok(bytes(None)),
        },
    }
}
