//! What OPA takes out of a negation, and the interpreter does not.
//!
//! `not f(x.y)` is no match for OPA where `x.y` is missing: its compiler reads `x.y` before
//! the negation (`rewriteDynamics` in `v1/ast/compile.go` of OPA 1.17). The interpreter
//! finds that `f` has no value there, and the negation holds: the opposite verdict, silently.
//! So programs are written anew as OPA reads them: `seawall_0 := x.y; not f(seawall_0)`.
//! What is compared for equality stays where it is, as with OPA.

#![allow(clippy::indexing_slicing)] // of JSON: what is not there is null

use serde_json::Value;

/// A piece of text to put in the place of another.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// The program of a module with all references of negated calls read before the negation;
/// `None` where there is nothing to do.
pub(super) fn hoisted(module: &Value) -> Option<String> {
    let source = module["source"]["contents"].as_str()?;
    let mut edits = Vec::new();
    let mut count = 0;
    collect(&module["ast"]["rules"], source, &mut count, &mut edits);
    if edits.is_empty() {
        return None;
    }
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut text = String::with_capacity(source.len() * 2);
    let mut at = 0;
    for edit in edits {
        text.push_str(source.get(at..edit.start)?);
        text.push_str(&edit.text);
        at = edit.end;
    }
    text.push_str(source.get(at..)?);
    Some(text)
}

/// Looks for negations below a piece of a program, which is as deep as its brackets.
fn collect(piece: &Value, source: &str, count: &mut usize, edits: &mut Vec<Edit>) {
    match piece {
        Value::Object(map) => {
            if let Some(negation) = map.get("literal").and_then(|l| l.get("NotExpr")) {
                let has_with = map
                    .get("with_mods")
                    .and_then(Value::as_array)
                    .is_some_and(|mods| !mods.is_empty());
                if !has_with {
                    hoist(negation, source, count, edits);
                }
                return;
            }
            for value in map.values() {
                collect(value, source, count, edits);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, source, count, edits);
            }
        }
        _ => {}
    }
}

fn hoist(negation: &Value, source: &str, count: &mut usize, edits: &mut Vec<Edit>) {
    let mut found = Vec::new();
    let expression = &negation["expr"];
    if let Some(call) = expression.get("Call") {
        references(&call["params"], &mut found);
    } else if let Some(comparison) = expression.get("BoolExpr") {
        let is_equality = comparison["op"].as_str() == Some("Eq");
        for side in [&comparison["lhs"], &comparison["rhs"]] {
            let is_reference = side.get("RefDot").or(side.get("RefBrack")).is_some();
            if !(is_equality && is_reference) {
                references(side, &mut found);
            }
        }
    }
    let Some((start, _)) = span(negation) else {
        return;
    };
    let mut before = String::new();
    for (from, to) in found {
        let Some(text) = source.get(from..to) else {
            continue;
        };
        let name = format!("seawall_{count}");
        before.extend([&name, " := ", text, "; "]);
        edits.push(Edit {
            start: from,
            end: to,
            text: name,
        });
        *count += 1;
    }
    if !before.is_empty() {
        edits.push(Edit {
            start,
            end: start,
            text: before,
        });
    }
}

/// The outermost references of some arguments; those of nested calls are read before, too.
fn references(piece: &Value, found: &mut Vec<(usize, usize)>) {
    match piece {
        Value::Object(map) => {
            for (kind, inner) in map {
                match kind.as_str() {
                    "RefDot" | "RefBrack" => found.extend(span(inner)),
                    "Call" => references(&inner["params"], found),
                    // A comprehension has a value even where there is nothing in it.
                    "ArrayCompr" | "SetCompr" | "ObjectCompr" => {}
                    _ => references(inner, found),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                references(item, found);
            }
        }
        _ => {}
    }
}

/// The bytes of a piece.
fn span(piece: &Value) -> Option<(usize, usize)> {
    let number = |key: &str| usize::try_from(piece["span"][key].as_u64()?).ok();
    Some((number("start")?, number("end")?))
}
