//! Which rules of a program depend on which: OPA refuses rules that depend on themselves,
//! and the interpreter would run until its stack is gone.
//!
//! Names are looked up as Rego does it, but for local variables that have the name of a
//! rule: those count as the rule. That can only refuse too much.

#![allow(clippy::indexing_slicing)] // of JSON: what is not there is null

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A rule: its package and name.
type Name = (String, String);

/// A rule that depends on itself.
pub(super) struct Recursion {
    pub(super) library: Option<usize>,
    pub(super) line: u32,
    pub(super) column: u32,
    /// The rules on the way round.
    pub(super) shown: String,
}

/// Where a rule stands, and what it names.
#[derive(Default)]
struct Rule {
    place: (Option<usize>, u32, u32),
    uses: BTreeSet<Vec<String>>,
}

/// The first way round, if there is one.
pub(super) fn recursion(modules: &[Value]) -> Option<Recursion> {
    let mut rules: BTreeMap<Name, Rule> = BTreeMap::new();
    // The program itself is the first module.
    for (index, module) in modules.iter().enumerate() {
        read(module, index.checked_sub(1), &mut rules);
    }
    let names: BTreeSet<Name> = rules.keys().cloned().collect();
    let edges: BTreeMap<&Name, Vec<Name>> = rules
        .iter()
        .map(|(name, rule)| (name, targets(rule, &names)))
        .collect();
    let start = names.iter().find(|name| reaches(name, name, &edges))?;
    let rule = rules.get(start)?;
    let (library, line, column) = rule.place;
    Some(Recursion {
        library,
        line,
        column,
        shown: format!("{} leads back to itself", start.1),
    })
}

fn read(module: &Value, library: Option<usize>, rules: &mut BTreeMap<Name, Rule>) {
    let ast = &module["ast"];
    let Some(package) = chain(&ast["package"]["refr"]) else {
        return;
    };
    let mut imports: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for import in ast["imports"].as_array().into_iter().flatten() {
        let Some(path) = chain(&import["refr"]) else {
            continue;
        };
        let alias = import["as"].as_str().or(path.last().map(String::as_str));
        if let Some(alias) = alias {
            imports.insert(alias.to_owned(), path.clone());
        }
    }
    for rule in ast["rules"].as_array().into_iter().flatten() {
        let (Some(spec), Some(name)) = (body(rule), head(rule)) else {
            continue;
        };
        let mut uses = BTreeSet::new();
        collect(spec, &mut uses);
        let number = |key: &str| {
            let number = spec["span"][key].as_u64().unwrap_or(1);
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        let place = (library, number("line"), number("col"));
        let known = rules.entry((package.join("."), name)).or_insert(Rule {
            place,
            uses: BTreeSet::new(),
        });
        for path in uses {
            known.uses.insert(absolute(path, &package, &imports));
        }
    }
}

/// A path from `data`: through an import, or of the own package.
fn absolute(
    path: Vec<String>,
    package: &[String],
    imports: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let Some((first, rest)) = path.split_first() else {
        return path;
    };
    if first == "data" {
        return rest.to_vec();
    }
    let Some(import) = imports.get(first) else {
        let mut own = package.to_vec();
        own.extend(path);
        return own;
    };
    let start = import.strip_prefix(&["data".to_owned()]).unwrap_or(import);
    let mut all = start.to_vec();
    all.extend(rest.iter().cloned());
    all
}

/// The rules that a rule names.
fn targets(rule: &Rule, names: &BTreeSet<Name>) -> Vec<Name> {
    let mut found = Vec::new();
    for path in &rule.uses {
        for at in 1..path.len() {
            let (package, rest) = path.split_at(at);
            let Some(name) = rest.first() else { continue };
            let name = (package.join("."), name.clone());
            if names.contains(&name) {
                found.push(name);
            }
        }
        // A package as a whole means all of its rules.
        let package = path.join(".");
        found.extend(names.iter().filter(|name| name.0 == package).cloned());
    }
    found
}

fn reaches(from: &Name, to: &Name, edges: &BTreeMap<&Name, Vec<Name>>) -> bool {
    let mut seen: BTreeSet<&Name> = BTreeSet::new();
    let mut next: Vec<&Name> = edges.get(from).into_iter().flatten().collect();
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            next.extend(edges.get(name).into_iter().flatten());
        }
    }
    false
}

fn body(rule: &Value) -> Option<&Value> {
    rule.as_object()?.values().next()
}

/// The name in a rule's head: `f` of `f(x)`, `violation` of `violation[{"msg": m}]`.
fn head(rule: &Value) -> Option<String> {
    let (kind, spec) = rule.as_object()?.iter().next()?;
    let reference = if kind == "Spec" {
        let head = spec["head"].as_object()?.values().next()?;
        &head["refr"]
    } else {
        &spec["refr"]
    };
    first(reference)
}

/// The first name of a reference with fields or indexes.
fn first(reference: &Value) -> Option<String> {
    let (kind, inner) = reference.as_object()?.iter().next()?;
    if kind == "Var" {
        inner["value"].as_str().map(str::to_owned)
    } else {
        first(&inner["refr"])
    }
}

/// The names of a reference, as far as they are written out.
fn chain(reference: &Value) -> Option<Vec<String>> {
    let (kind, inner) = reference.as_object()?.iter().next()?;
    match kind.as_str() {
        "Var" => Some(vec![inner["value"].as_str()?.to_owned()]),
        "RefDot" => {
            let mut names = chain(&inner["refr"])?;
            names.push(inner["field"].get(1)?.as_str()?.to_owned());
            Some(names)
        }
        "RefBrack" => {
            let mut names = chain(&inner["refr"])?;
            if let Some(text) = inner["index"]["String"]["value"].as_str() {
                names.push(text.to_owned());
            }
            Some(names)
        }
        _ => None,
    }
}

/// All references below a piece of a program. It is as deep as its brackets, which are bounded.
fn collect(piece: &Value, uses: &mut BTreeSet<Vec<String>>) {
    if let Some(path) = chain(piece) {
        uses.insert(path);
    }
    match piece {
        Value::Object(map) => {
            for (key, value) in map {
                // A rule's head names itself.
                if key == "head" {
                    collect_head(value, uses);
                } else {
                    collect(value, uses);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, uses)),
        _ => {}
    }
}

/// What a head computes: all but its own name.
fn collect_head(head: &Value, uses: &mut BTreeSet<Vec<String>>) {
    let Some(parts) = head.as_object().and_then(|head| head.values().next()) else {
        return;
    };
    for (key, value) in parts.as_object().into_iter().flatten() {
        if key == "refr" {
            if let Some(index) = value.get("RefBrack").map(|inner| &inner["index"]) {
                collect(index, uses);
            }
        } else {
            collect(value, uses);
        }
    }
}
