//! `values.schema.json`: Helm refuses values that do not fit it.
//!
//! The assertions that charts use are checked; formats are not, and nothing is fetched.

use super::{Chart, Reader};
use crate::helm::funcs::regexes::compile;
use crate::helm::places::Places;
use crate::helm::value::json::{Style, encode};
use crate::helm::value::{Data, Map, Value};
use seawall_model::{Gap, GapKind, Span};
use serde_json::Value as Json;

/// Deepest nesting of schemas in schemas, references followed.
const MAX_DEPTH: u32 = 100;

/// Most schemas that are applied to the values of one chart.
const MAX_STEPS: u32 = 1_000_000;

/// Checks the values of a chart and of those below it. Misfits hide nothing: the chart is
/// rendered all the same.
pub(crate) fn check(reader: &mut Reader<'_>, places: &Places, chart: &Chart, values: &Map) {
    if let Some(file) = &chart.schema {
        let start = reader.start_of(&file.source);
        let path = file.source.path.clone();
        match serde_json::from_slice::<Json>(&file.bytes) {
            Err(error) => {
                let why = format!("Helm refuses this chart: its schema is not JSON: {error}");
                reader.gap(&path, start, why, 0);
            }
            Ok(schema) => {
                for misfit in misfits(&schema, values) {
                    let span = written(places, values, &misfit.at).unwrap_or(start);
                    reader.gaps.push(Gap {
                        kind: GapKind::NotRendered,
                        subject: path.clone(),
                        span,
                        reason: format!("Helm refuses these values: {}", misfit.why),
                        hint: String::new(),
                        units: 0,
                    });
                }
            }
        }
    }
    for below in &chart.dependencies {
        if let Some(value) = values.get(&below.meta.name)
            && let Some(map) = value.as_map()
        {
            check(reader, places, below, map);
        }
    }
}

/// Where the value at a path is written.
fn written(places: &Places, values: &Map, path: &[String]) -> Option<Span> {
    let mut at = Value::map(values.clone());
    let mut span = None;
    for step in path {
        at = match &at.data {
            Data::Map(map) => map.get(step)?,
            Data::List(list) => list.get(step.parse().ok()?)?,
            _ => return span,
        };
        span = places.written(at.cause).or(span);
    }
    span
}

struct Misfit {
    at: Vec<String>,
    why: String,
}

fn misfits(schema: &Json, values: &Map) -> Vec<Misfit> {
    let text = encode(&Value::map(values.clone()), Style::default());
    let Some(values) = text
        .ok()
        .and_then(|text| serde_json::from_str::<Json>(&text).ok())
    else {
        return Vec::new();
    };
    let mut checker = Checker {
        root: schema,
        path: Vec::new(),
        steps: 0,
    };
    match checker.apply(schema, &values, 0) {
        Ok(()) => Vec::new(),
        Err(misfit) => vec![misfit],
    }
}

struct Checker<'a> {
    root: &'a Json,
    path: Vec<String>,
    steps: u32,
}

type Checked = Result<(), Misfit>;

impl<'a> Checker<'a> {
    fn misfit(&self, why: impl std::fmt::Display) -> Misfit {
        let place = match self.path.as_slice() {
            [] => "the values".to_owned(),
            path => format!("`{}`", path.join(".")),
        };
        Misfit {
            at: self.path.clone(),
            why: format!("{place}: {why}"),
        }
    }

    fn below(&mut self, step: &str, schema: &'a Json, value: &Json, depth: u32) -> Checked {
        self.path.push(step.to_owned());
        let checked = self.apply(schema, value, depth);
        self.path.pop();
        checked
    }

    fn apply(&mut self, schema: &'a Json, value: &Json, depth: u32) -> Checked {
        self.steps += 1;
        if depth > MAX_DEPTH || self.steps > MAX_STEPS {
            return Err(self.misfit("the schema is too deep or too large to be checked"));
        }
        let schema = match schema {
            Json::Bool(false) => return Err(self.misfit("nothing may be set here")),
            Json::Object(schema) => schema,
            _ => return Ok(()),
        };
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let Some(target) = self.resolve(reference) else {
                let why = format!("the schema refers to {reference}, which is not at hand");
                return Err(self.misfit(why));
            };
            self.apply(target, value, depth + 1)?;
        }
        self.general(schema, value)?;
        match value {
            Json::Object(map) => self.object(schema, map, depth)?,
            Json::Array(items) => self.array(schema, items, depth)?,
            Json::String(text) => self.text(schema, text)?,
            Json::Number(number) => self.number(schema, number.as_f64().unwrap_or(0.0))?,
            _ => {}
        }
        self.combined(schema, value, depth)
    }

    fn resolve(&self, reference: &str) -> Option<&'a Json> {
        let pointer = reference.strip_prefix('#')?;
        if pointer.is_empty() || pointer.starts_with('/') {
            let plain = pointer.replace("%25", "%").replace("%24", "$");
            return self.root.pointer(&plain);
        }
        let anchored = |key: &str| -> Option<&'a Json> {
            let all = self.root.get(key)?.as_object()?;
            all.values().find(|schema| {
                schema.get("$anchor").and_then(Json::as_str) == Some(pointer)
                    || schema.get("$id").and_then(Json::as_str) == Some(reference)
            })
        };
        anchored("$defs").or_else(|| anchored("definitions"))
    }

    fn general(&self, schema: &serde_json::Map<String, Json>, value: &Json) -> Checked {
        if let Some(wanted) = schema.get("type") {
            let fits = match wanted {
                Json::String(name) => is_type(value, name),
                Json::Array(names) => names
                    .iter()
                    .filter_map(Json::as_str)
                    .any(|name| is_type(value, name)),
                _ => true,
            };
            if !fits {
                let names = wanted.to_string().replace('"', "");
                return Err(self.misfit(format!("it is {}, and must be {names}", type_of(value))));
            }
        }
        if let Some(allowed) = schema.get("enum").and_then(Json::as_array)
            && !allowed.iter().any(|known| same(known, value))
        {
            return Err(self.misfit(format!("it is none of {}", Json::from(allowed.clone()))));
        }
        if let Some(wanted) = schema.get("const")
            && !same(wanted, value)
        {
            return Err(self.misfit(format!("it must be {wanted}")));
        }
        Ok(())
    }

    fn object(
        &mut self,
        schema: &'a serde_json::Map<String, Json>,
        map: &serde_json::Map<String, Json>,
        depth: u32,
    ) -> Checked {
        let missing: Vec<&str> = strings(schema.get("required"))
            .filter(|key| !map.contains_key(*key))
            .collect();
        if !missing.is_empty() {
            return Err(self.misfit(format!("it lacks {}", missing.join(", "))));
        }
        let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
        let count = map.len() as u64;
        if limit("minProperties").is_some_and(|least| count < least)
            || limit("maxProperties").is_some_and(|most| count > most)
        {
            return Err(self.misfit("it has too few keys or too many"));
        }
        let properties = schema.get("properties").and_then(Json::as_object);
        let patterns: Vec<_> = schema
            .get("patternProperties")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(pattern, schema)| Some((compile(pattern).ok()?, schema)))
            .collect();
        for (key, value) in map {
            let mut known = false;
            if let Some(schema) = properties.and_then(|all| all.get(key)) {
                known = true;
                self.below(key, schema, value, depth + 1)?;
            }
            for (pattern, schema) in &patterns {
                if pattern.is_match(key) {
                    known = true;
                    self.below(key, schema, value, depth + 1)?;
                }
            }
            match schema.get("additionalProperties") {
                Some(Json::Bool(false)) if !known => {
                    return Err(self.misfit(format!("it must not have the key `{key}`")));
                }
                Some(schema) if !known => self.below(key, schema, value, depth + 1)?,
                _ => {}
            }
            if let Some(schema) = schema.get("propertyNames") {
                self.apply(schema, &Json::from(key.as_str()), depth + 1)?;
            }
            for needed in strings(schema.get("dependentRequired").and_then(|all| all.get(key))) {
                if !map.contains_key(needed) {
                    return Err(self.misfit(format!("`{key}` needs `{needed}`")));
                }
            }
            let dependent = ["dependencies", "dependentSchemas"]
                .into_iter()
                .filter_map(|name| schema.get(name)?.get(key));
            for schema in dependent {
                if let Some(lacking) =
                    strings(Some(schema)).find(|needed| !map.contains_key(*needed))
                {
                    return Err(self.misfit(format!("`{key}` needs `{lacking}`")));
                }
                if schema.is_object() {
                    self.apply(schema, &Json::from(map.clone()), depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        schema: &'a serde_json::Map<String, Json>,
        items: &[Json],
        depth: u32,
    ) -> Checked {
        let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
        let count = items.len() as u64;
        if let Some(least) = limit("minItems").filter(|least| count < *least) {
            return Err(self.misfit(format!(
                "it has {count} items, and must have {least} or more"
            )));
        }
        if let Some(most) = limit("maxItems").filter(|most| count > *most) {
            return Err(self.misfit(format!(
                "it has {count} items, and must have {most} or less"
            )));
        }
        let unique = schema
            .get("uniqueItems")
            .and_then(Json::as_bool)
            .unwrap_or(false);
        if unique && items.len() < 1000 {
            for (index, item) in items.iter().enumerate() {
                if items.iter().skip(index + 1).any(|other| same(item, other)) {
                    return Err(self.misfit("two of its items are equal"));
                }
            }
        }
        let single = schema.get("items").filter(|items| !items.is_array());
        let tuple = schema
            .get("prefixItems")
            .or(schema.get("items"))
            .and_then(Json::as_array);
        for (index, item) in items.iter().enumerate() {
            let own = tuple.and_then(|tuple| tuple.get(index));
            let rest = if tuple.is_some() && schema.get("prefixItems").is_none() {
                schema.get("additionalItems")
            } else {
                single
            };
            if let Some(schema) = own.or(rest) {
                self.below(&index.to_string(), schema, item, depth + 1)?;
            }
        }
        if let Some(schema) = schema.get("contains") {
            let least = limit("minContains").unwrap_or(1);
            let found = items
                .iter()
                .filter(|item| self.apply(schema, item, depth + 1).is_ok());
            if (found.count() as u64) < least {
                return Err(self.misfit("none of its items is like the one it must contain"));
            }
        }
        Ok(())
    }

    fn text(&self, schema: &serde_json::Map<String, Json>, text: &str) -> Checked {
        let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
        let length = text.chars().count() as u64;
        if let Some(least) = limit("minLength").filter(|least| length < *least) {
            return Err(self.misfit(format!(
                "it has {length} characters, and must have {least} or more"
            )));
        }
        if let Some(most) = limit("maxLength").filter(|most| length > *most) {
            return Err(self.misfit(format!(
                "it has {length} characters, and must have {most} or less"
            )));
        }
        if let Some(pattern) = schema.get("pattern").and_then(Json::as_str)
            && compile(pattern).is_ok_and(|regex| !regex.is_match(text))
        {
            return Err(self.misfit(format!("it does not match `{pattern}`")));
        }
        Ok(())
    }

    fn number(&self, schema: &serde_json::Map<String, Json>, value: f64) -> Checked {
        let limit = |key: &str| schema.get(key).and_then(Json::as_f64);
        let strict = |key: &str| schema.get(key).and_then(Json::as_bool).unwrap_or(false);
        let fails = limit("minimum")
            .is_some_and(|least| value < least || strict("exclusiveMinimum") && value <= least)
            || limit("maximum")
                .is_some_and(|most| value > most || strict("exclusiveMaximum") && value >= most)
            || limit("exclusiveMinimum").is_some_and(|least| value <= least)
            || limit("exclusiveMaximum").is_some_and(|most| value >= most)
            || limit("multipleOf").is_some_and(|unit| {
                let parts = value / unit;
                unit > 0.0 && (parts - parts.round()).abs() > 1e-9
            });
        if fails {
            Err(self.misfit(format!("{value} is out of range")))
        } else {
            Ok(())
        }
    }

    fn combined(
        &mut self,
        schema: &'a serde_json::Map<String, Json>,
        value: &Json,
        depth: u32,
    ) -> Checked {
        let list = |key: &str| {
            schema
                .get(key)
                .and_then(Json::as_array)
                .map_or(&[][..], |l| l)
        };
        for schema in list("allOf") {
            self.apply(schema, value, depth + 1)?;
        }
        let any = list("anyOf");
        if !any.is_empty() {
            let mut first = None;
            let fits = any.iter().any(|schema| {
                let checked = self.apply(schema, value, depth + 1);
                checked
                    .map_err(|misfit| first.get_or_insert(misfit.why).len())
                    .is_ok()
            });
            if !fits {
                let why = first.unwrap_or_default();
                return Err(self.misfit(format!("none of the alternatives fits ({why})")));
            }
        }
        let one = list("oneOf");
        if !one.is_empty() {
            let fitting = one
                .iter()
                .filter(|schema| self.apply(schema, value, depth + 1).is_ok())
                .count();
            if fitting != 1 {
                return Err(self.misfit(format!("{fitting} of the alternatives fit, not one")));
            }
        }
        if let Some(schema) = schema.get("not")
            && self.apply(schema, value, depth + 1).is_ok()
        {
            return Err(self.misfit("the value is one that is not allowed"));
        }
        if let Some(test) = schema.get("if") {
            let branch = if self.apply(test, value, depth + 1).is_ok() {
                "then"
            } else {
                "else"
            };
            if let Some(schema) = schema.get(branch) {
                self.apply(schema, value, depth + 1)?;
            }
        }
        Ok(())
    }
}

fn strings(list: Option<&Json>) -> impl Iterator<Item = &str> {
    list.and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn is_type(value: &Json, name: &str) -> bool {
    match name {
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        name => type_of(value) == name,
    }
}

/// Equal values; `1` is `1.0`.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        #[allow(clippy::float_cmp)] // JSON Schema compares exactly
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
