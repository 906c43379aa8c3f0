//! `--set`, `--set-string`, `--set-json` and `--set-file`: paths of keys and what they are
//! set to.

use crate::helm::places::{Places, ROOT};
use crate::helm::value::json::from_serde;
use crate::helm::value::{Data, List, ListKind, Map, MapKind, Value};

const MAX_INDEX: usize = 65_536;
const MAX_LEVEL: u32 = 30;

/// How values are read.
pub(crate) enum Mode<'a> {
    /// `--set`: numbers, truths and null are themselves.
    Typed,
    /// `--set-string`
    Text,
    /// `--set-json`
    Json,
    /// `--set-file`: the value is a path; this reads it.
    File(&'a dyn Fn(&str) -> Result<String, String>),
}

/// Reads one argument into `into`.
pub(crate) fn parse(
    text: &str,
    into: &Map,
    mode: &Mode<'_>,
    places: &mut Places,
) -> Result<(), String> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
        mode,
        places,
    };
    while parser.key(into, ROOT, 0)? {}
    Ok(())
}

struct Parser<'a, 'm> {
    chars: Vec<char>,
    at: usize,
    mode: &'a Mode<'m>,
    places: &'a mut Places,
}

fn too_deep() -> String {
    format!("keys and indexes are nested deeper than {MAX_LEVEL} levels")
}

/// A run of characters and the character that ended it.
type Run = (String, Option<char>);

impl Parser<'_, '_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied()?;
        self.at += 1;
        Some(c)
    }

    fn until(&mut self, stop: &str) -> Run {
        let mut out = String::new();
        loop {
            match self.next() {
                None => return (out, None),
                Some(c) if stop.contains(c) => return (out, Some(c)),
                Some('\\') => match self.next() {
                    Some(c) => out.push(c),
                    None => return (out, None),
                },
                Some(c) => out.push(c),
            }
        }
    }

    fn set(&mut self, map: &Map, cause: u32, key: &str, value: Value) {
        if key.is_empty() {
            return;
        }
        let below = self.places.missing(cause, key);
        map.set(key, super::values::with_keys(value, below, self.places));
    }

    /// One key and its value; whether more may follow.
    fn key(&mut self, map: &Map, cause: u32, level: u32) -> Result<bool, String> {
        let (key, last) = self.until("=[,.");
        match last {
            None if key.is_empty() => Ok(false),
            None => Err(format!("{key:?} is set to nothing: write {key}=value")),
            Some('[') => {
                let index = self.index()?;
                let list = match map.get(&key).map(|value| value.data) {
                    None => List::new(Vec::new(), ListKind::Any),
                    Some(Data::List(list)) => list,
                    Some(_) => {
                        return Err(format!("{key:?} is no list, so it has no items to set"));
                    }
                };
                let below = self.places.missing(cause, &key);
                let more = self.item(&list, index, below, level)?;
                if !key.is_empty() {
                    map.set(key.as_str(), Value::from(Data::List(list)).caused_by(below));
                }
                Ok(more)
            }
            Some('=') => {
                let (value, more) = self.value()?;
                self.set(map, cause, &key, value);
                Ok(more)
            }
            Some('.') => {
                if level + 1 > MAX_LEVEL {
                    return Err(too_deep());
                }
                let inner = match map.get(&key).map(|value| value.data) {
                    None => Map::new(MapKind::Any),
                    Some(Data::Map(map)) => map,
                    Some(_) => return Err(format!("{key:?} is no map, so it has no keys to set")),
                };
                let below = self.places.missing(cause, &key);
                let more = self.key(&inner, below, level + 1)?;
                if inner.len() == 0 {
                    if more {
                        return Err(format!("no key below {key:?} is set to anything"));
                    }
                } else if !key.is_empty() {
                    map.set(key.as_str(), Value::map(inner).caused_by(below));
                }
                Ok(more)
            }
            Some(_) => Err(format!("{key:?} is set to nothing before the comma")),
        }
    }

    /// The number between brackets.
    fn index(&mut self) -> Result<usize, String> {
        let (text, last) = self.until("]");
        if last.is_none() {
            return Err("the bracket of an index is never closed".to_owned());
        }
        let index: i64 = text
            .parse()
            .map_err(|_| format!("{text:?} is no index of a list"))?;
        match usize::try_from(index) {
            Err(_) => Err(format!("the index {index} is smaller than 0")),
            Ok(index) if index > MAX_INDEX => {
                Err(format!("the index {index} is larger than {MAX_INDEX}"))
            }
            Ok(index) => Ok(index),
        }
    }

    /// What follows `key[index]`.
    fn item(&mut self, list: &List, index: usize, cause: u32, level: u32) -> Result<bool, String> {
        let (text, last) = self.until("[.=");
        if !text.is_empty() {
            return Err(format!("{text:?} cannot follow an index"));
        }
        let old = list.get(index);
        let below = self.places.add_key(
            cause,
            crate::helm::places::Step::Item(index),
            seawall_model::Span::NONE,
        );
        let (value, more) = match last {
            None => return Ok(false),
            Some('=') => {
                let (value, more) = self.value()?;
                (super::values::with_keys(value, below, self.places), more)
            }
            Some('[') => {
                let next = self.index()?;
                let inner = match old.map(|value| value.data) {
                    Some(Data::List(list)) => list,
                    None | Some(Data::Nil) => List::new(Vec::new(), ListKind::Any),
                    Some(_) => {
                        return Err(format!(
                            "the item {index} is no list, so it has no items to set"
                        ));
                    }
                };
                if level + 1 > MAX_LEVEL {
                    return Err(too_deep());
                }
                let more = self.item(&inner, next, below, level + 1)?;
                (Value::from(Data::List(inner)).caused_by(below), more)
            }
            Some(_) => {
                let inner = match old.map(|value| value.data) {
                    Some(Data::Map(map)) => map,
                    _ => Map::new(MapKind::Any),
                };
                if level + 1 > MAX_LEVEL {
                    return Err(too_deep());
                }
                let more = self.key(&inner, below, level + 1)?;
                (Value::map(inner).caused_by(below), more)
            }
        };
        let mut items = list.items();
        while items.len() <= index {
            items.push(Value::NIL);
        }
        if let Some(slot) = items.get_mut(index) {
            *slot = value;
        }
        list.replace(items);
        Ok(more)
    }

    /// What follows an equals sign, and whether more arguments may follow.
    fn value(&mut self) -> Result<(Value, bool), String> {
        if matches!(self.mode, Mode::Json) {
            return self.json();
        }
        match self.chars.get(self.at) {
            None => return Ok((Value::text(""), false)),
            Some('{') => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    let (text, last) = self.until(",}");
                    match last {
                        None => return Err("the list in braces is never closed".to_owned()),
                        Some('}') => {
                            items.push(self.typed(&text)?);
                            if self.chars.get(self.at) == Some(&',') {
                                self.at += 1;
                            }
                            return Ok((Value::list(items), true));
                        }
                        Some(_) => items.push(self.typed(&text)?),
                    }
                }
            }
            Some(_) => {}
        }
        let (text, last) = self.until(",");
        Ok((self.typed(&text)?, last.is_some()))
    }

    fn json(&mut self) -> Result<(Value, bool), String> {
        let blank = |this: &mut Self| {
            while this.chars.get(this.at).is_some_and(|c| c.is_whitespace()) {
                this.at += 1;
            }
            match this.chars.get(this.at) {
                None => Some(false),
                Some(',') => {
                    this.at += 1;
                    Some(true)
                }
                Some(_) => None,
            }
        };
        if let Some(more) = blank(self) {
            return Ok((Value::NIL, more));
        }
        let rest: String = self.chars.get(self.at..).unwrap_or(&[]).iter().collect();
        let mut stream = serde_json::Deserializer::from_str(&rest).into_iter::<serde_json::Value>();
        let value = match stream.next() {
            Some(Ok(value)) => from_serde(&value),
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("the JSON ends too early".to_owned()),
        };
        let read = rest
            .get(..stream.byte_offset())
            .unwrap_or("")
            .chars()
            .count();
        self.at += read;
        Ok((value, blank(self).unwrap_or(true)))
    }

    fn typed(&self, text: &str) -> Result<Value, String> {
        match self.mode {
            Mode::File(read) => return Ok(Value::text(read(text)?)),
            Mode::Text | Mode::Json => return Ok(Value::text(text)),
            Mode::Typed => {}
        }
        Ok(match text.to_ascii_lowercase().as_str() {
            "true" => Value::bool(true),
            "false" => Value::bool(false),
            "null" => Value::NIL,
            "0" => Value::int64(0),
            _ if text.starts_with('0') => Value::text(text),
            _ => match text.parse::<i64>() {
                Ok(number) => Value::int64(number),
                Err(_) => Value::text(text),
            },
        })
    }
}
