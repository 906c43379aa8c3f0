//! Values: files to maps that know their keys, and Helm's rules for merging them.

use super::Chart;
use crate::helm::funcs::yaml::scalar;
use crate::helm::places::{Places, Step};
use crate::helm::value::convert::{MAX_DEPTH, copy_map};
use crate::helm::value::{Data, Map, MapKind, Value};
use seawall_model::Span;
use seawall_yaml::Node;
use std::rc::Rc;

const GLOBAL: &str = "global";

/// A node as a value; it and what is in it stand under `key`.
pub(crate) fn from_node(node: &Node, key: u32, places: &mut Places) -> Value {
    let value = match &node.value {
        seawall_yaml::Value::Map(map) => {
            let out = Map::new(MapKind::Any);
            for entry in map {
                let name: Rc<str> = Rc::from(&*entry.key);
                let span = match entry.value.value {
                    seawall_yaml::Value::Map(_) | seawall_yaml::Value::Seq(_) => entry.key_span,
                    _ if entry.value.span.is_known() => entry.value.span,
                    _ => entry.key_span,
                };
                let below = places.add_key(key, Step::Key(name.clone()), span);
                out.set(name, from_node(&entry.value, below, places));
            }
            Value::map(out)
        }
        seawall_yaml::Value::Seq(items) => {
            let items = items.iter().enumerate().map(|(index, item)| {
                let below = places.add_key(key, Step::Item(index), item.span);
                from_node(item, below, places)
            });
            Value::list(items.collect())
        }
        _ => scalar(node),
    };
    value.caused_by(key)
}

/// A value made by `--set`: it and what is in it are set there and nowhere else.
pub(crate) fn with_keys(value: Value, key: u32, places: &mut Places) -> Value {
    match &value.data {
        Data::Map(map) => {
            for (name, item) in map.entries() {
                let below = places.missing(key, &name);
                map.set(name, with_keys(item, below, places));
            }
        }
        Data::List(list) => {
            let items = list.items().into_iter().enumerate().map(|(index, item)| {
                let below = places.add_key(key, Step::Item(index), Span::NONE);
                with_keys(item, below, places)
            });
            let items = items.collect();
            list.replace(items);
        }
        _ => {}
    }
    Value {
        data: value.data,
        cause: key,
    }
}

/// Gives a chart and the charts below it their values, as their files have them.
pub(crate) fn bind(chart: &mut Chart, key: u32, places: &mut Places) {
    chart.key = key;
    chart.values = match &chart.written {
        Some(node) => match from_node(node, key, places).data {
            Data::Map(map) => map,
            _ => Map::new(MapKind::Any),
        },
        None => Map::new(MapKind::Any),
    };
    for below in &mut chart.dependencies {
        let key = places.add_key(
            key,
            Step::Key(Rc::from(below.meta.name.as_str())),
            Span::NONE,
        );
        bind(below, key, places);
    }
}

/// The later file wins, maps are merged.
pub(crate) fn merge_files(base: &Map, later: &Map, depth: u32) {
    for (key, value) in later.entries() {
        if let (Some(old), Some(new)) = (base.get(&key), value.as_table())
            && let Some(old) = old.as_table()
            && depth < MAX_DEPTH
        {
            merge_files(old, new, depth + 1);
            continue;
        }
        base.set(key, value);
    }
}

/// `CoalesceValues` and `MergeValues`: a chart's values under those of its user.
pub(crate) fn coalesce_values(chart: &Chart, values: &Map, merge: bool) -> Result<Map, String> {
    let copy = copy_map(values, 0);
    coalesce(chart, &copy, merge, 0)?;
    Ok(copy)
}

fn coalesce(chart: &Chart, into: &Map, merge: bool, depth: u32) -> Result<(), String> {
    own_values(chart, into, merge);
    for below in &chart.dependencies {
        let name = below.meta.name.as_str();
        let table = match into.get(name) {
            None => {
                let table = Map::new(MapKind::Any);
                into.set(name, Value::map(table.clone()).caused_by(below.key));
                table
            }
            Some(value) => match value.as_table() {
                Some(table) => table.clone(),
                None => {
                    return Err(format!(
                        "the values of the chart {name:?} are {}, not a map",
                        value.in_words()
                    ));
                }
            },
        };
        globals(&table, into);
        if depth < super::super::limits::MAX_CHART_DEPTH {
            coalesce(below, &table, merge, depth + 1)?;
        }
    }
    Ok(())
}

fn globals(into: &Map, from: &Map) {
    let table = |map: &Map| match map.get(GLOBAL) {
        None => Some(Map::new(MapKind::Any)),
        Some(value) => value.as_table().cloned(),
    };
    let (Some(to), Some(source)) = (table(into), table(from)) else {
        return;
    };
    for (key, value) in source.entries() {
        if let Some(from_table) = value.as_table() {
            let copy = from_table.shallow(MapKind::Any);
            match to.get(&key) {
                None => to.set(key, Value::map(copy).caused_by(value.cause)),
                Some(old) => {
                    if let Some(old) = old.as_table() {
                        coalesce_tables(&copy, old, true, 0);
                        to.set(key, Value::map(copy).caused_by(value.cause));
                    }
                }
            }
        } else if to.get(&key).is_some_and(|old| old.as_table().is_some()) {
            // A table is not replaced by something that is none.
        } else {
            to.set(key, value);
        }
    }
    let cause = from
        .get(GLOBAL)
        .or(into.get(GLOBAL))
        .map_or(0, |value| value.cause);
    into.set(GLOBAL, Value::map(to).caused_by(cause));
}

fn own_values(chart: &Chart, into: &Map, merge: bool) {
    for (key, value) in copy_map(&chart.values, 0).entries() {
        let Some(given) = into.get(&key) else {
            into.set(key, value);
            continue;
        };
        if given.is_nil() && !merge {
            into.remove(&key);
        } else if let (Some(given), Some(own)) = (given.as_table(), value.as_table()) {
            let is_chart = chart
                .dependencies
                .iter()
                .any(|below| *below.meta.name == *key);
            coalesce_tables(given, own, merge || is_chart, 0);
        }
    }
}

/// `CoalesceTables` and `MergeTables`: `into` wins; a null in it deletes, unless merging.
pub(crate) fn coalesce_tables(into: &Map, from: &Map, merge: bool, depth: u32) {
    if depth > MAX_DEPTH {
        return;
    }
    let was_set: Vec<Rc<str>> = from
        .entries()
        .into_iter()
        .filter(|(_, v)| !v.is_nil())
        .map(|(key, _)| key)
        .collect();
    for (key, value) in into.entries() {
        if value.is_nil() {
            from.set(key, value);
        }
    }
    for (key, value) in from.entries() {
        match into.get(&key) {
            Some(old) if !merge && old.is_nil() && was_set.contains(&key) => into.remove(&key),
            None => into.set(key, value),
            Some(old) => {
                if let (Some(old), Some(new)) = (old.as_table(), value.as_table()) {
                    coalesce_tables(old, new, merge, depth + 1);
                }
            }
        }
    }
}

/// The table at a dotted path.
pub(crate) fn table_at(map: &Map, path: &str) -> Option<Map> {
    path.split('.').try_fold(map.clone(), |map, key| {
        Some(map.get(key)?.as_table()?.clone())
    })
}

/// The value (no table) at a dotted path.
pub(crate) fn value_at(map: &Map, path: &str) -> Option<Value> {
    let (map, key) = match path.rsplit_once('.') {
        Some((path, key)) => (table_at(map, path)?, key),
        None => (map.clone(), path),
    };
    map.get(key).filter(|value| value.as_table().is_none())
}
