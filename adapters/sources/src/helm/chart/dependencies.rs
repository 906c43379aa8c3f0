//! Which charts below a chart take part, under which names, and what they give back.

use super::Chart;
use super::metadata::Dependency;
use super::values::{bind, coalesce_tables, coalesce_values, table_at, value_at};
use crate::helm::places::{Places, Step};
use crate::helm::semver::in_range;
use crate::helm::value::{Data, Map, MapKind, Value};
use seawall_model::Span;
use std::rc::Rc;

/// Resolves aliases, drops charts that conditions and tags switch off, imports values.
pub(crate) fn process(chart: &mut Chart, values: &Map, places: &mut Places) -> Result<(), String> {
    enable(chart, values, "", places)?;
    import(chart)
}

fn enable(chart: &mut Chart, values: &Map, path: &str, places: &mut Places) -> Result<(), String> {
    if chart.meta.dependencies.is_empty() {
        return Ok(());
    }
    for wanted in &mut chart.meta.dependencies {
        if wanted.done.renamed.get() {
            wanted.name.clone_from(&wanted.alias);
        }
    }
    // Charts that nobody lists take part as they are.
    let mut taking: Vec<Chart> = Vec::new();
    let all = std::mem::take(&mut chart.dependencies);
    let fits = |chart: &Chart, wanted: &Dependency| {
        chart.meta.name == wanted.name && in_range(&wanted.version, &chart.meta.version)
    };
    for existing in &all {
        if !chart
            .meta
            .dependencies
            .iter()
            .any(|wanted| fits(existing, wanted))
        {
            taking.push(existing.clone());
        }
    }
    for wanted in &mut chart.meta.dependencies {
        if let Some(found) = all.iter().find(|existing| fits(existing, wanted)) {
            let mut found = found.clone();
            if !wanted.alias.is_empty() {
                found.meta.name.clone_from(&wanted.alias);
                let step = Step::Key(Rc::from(wanted.alias.as_str()));
                let key = places.add_key(chart.key, step, Span::NONE);
                bind(&mut found, key, places);
            }
            taking.push(found);
        }
        if !wanted.alias.is_empty() {
            wanted.name.clone_from(&wanted.alias);
            wanted.done.renamed.set(true);
        }
        wanted.enabled = true;
    }
    chart.dependencies = taking;
    let coalesced = coalesce_values(chart, values, false)?;
    for wanted in &mut chart.meta.dependencies {
        by_tags(wanted, &coalesced);
        by_condition(wanted, &coalesced, path);
    }
    let off: Vec<String> = chart
        .meta
        .dependencies
        .iter()
        .filter(|wanted| !wanted.enabled)
        .map(|wanted| wanted.name.clone())
        .collect();
    chart
        .dependencies
        .retain(|below| !off.contains(&below.meta.name));
    for below in &mut chart.dependencies {
        let path = format!("{path}{}.", below.meta.name);
        enable(below, &coalesced, &path, places)?;
    }
    chart.meta.dependencies.retain(|wanted| wanted.enabled);
    Ok(())
}

fn by_tags(wanted: &mut Dependency, values: &Map) {
    let Some(tags) = table_at(values, "tags") else {
        return;
    };
    let set = |wanted_truth: bool| {
        wanted.tags.iter().any(|tag| {
            matches!(tags.get(tag).map(|value| value.data), Some(Data::Bool(truth)) if truth == wanted_truth)
        })
    };
    wanted.enabled = set(true) || !set(false);
}

fn by_condition(wanted: &mut Dependency, values: &Map, path: &str) {
    for condition in wanted
        .condition
        .trim()
        .split(',')
        .filter(|text| !text.is_empty())
    {
        if let Some(Value {
            data: Data::Bool(truth),
            ..
        }) = value_at(values, &format!("{path}{condition}"))
        {
            wanted.enabled = truth;
            return;
        }
    }
}

/// `import-values`, from the innermost charts outwards. Nulls stay: they still delete what a
/// chart below has set.
fn import(chart: &mut Chart) -> Result<(), String> {
    for below in &mut chart.dependencies {
        import(below)?;
    }
    if chart.meta.dependencies.is_empty() {
        return Ok(());
    }
    let coalesced = coalesce_values(chart, &Map::new(MapKind::Any), true)?;
    let imported = Map::new(MapKind::Any);
    for wanted in &chart.meta.dependencies {
        if wanted.done.imported.replace(true) {
            continue;
        }
        for entry in &wanted.imports {
            let path = format!("{}.{}", wanted.name, entry.child);
            let Some(table) = table_at(&coalesced, &path) else {
                continue;
            };
            let table = if entry.parent == "." {
                table
            } else {
                entry.parent.rsplit('.').fold(table, |inner, key| {
                    let outer = Map::new(MapKind::Any);
                    outer.set(key, Value::map(inner));
                    outer
                })
            };
            coalesce_tables(&imported, &table, true, 0);
        }
    }
    coalesce_tables(&coalesced, &imported, true, 0);
    chart.values = coalesced;
    Ok(())
}
