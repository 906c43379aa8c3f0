//! Changes of chart templates, where a template says literally what it makes.

use super::Step;
use super::place::Place;
use seawall_model::{Data, Operation};
use seawall_yaml::{Entry, Node, Value};
use std::fmt::Write as _;

/// Whether a text is read as a template and not as it is.
pub(super) fn is_template(path: &str, text: &str) -> bool {
    text.contains("{{") && path.split('/').any(|part| part == "templates")
}

/// The bytes to replace, and by what.
pub(super) fn change(
    text: &str,
    place: &Place<'_>,
    operation: &Operation,
) -> Option<(usize, usize, String)> {
    if place.by_value {
        return None;
    }
    match (operation, place.rest.is_empty()) {
        (Operation::Set { value, .. }, true) => literal(text, place.node, value),
        (Operation::Set { value, .. }, false) => beside(text, place, value),
        (Operation::Append { value, .. }, false) => {
            beside(text, place, &Data::List(vec![value.clone()]))
        }
        _ => None,
    }
}

/// A scalar that the template has as it is.
fn literal(text: &str, node: &Node, value: &Data) -> Option<(usize, usize, String)> {
    let (start, end) = (node.span.start as usize, node.span.end as usize);
    let old = text.get(start..end)?;
    let same = match &node.value {
        Value::Bool(_) | Value::Int(_) => {
            !old.is_empty() && old.chars().all(|c| c.is_ascii_alphanumeric())
        }
        Value::String(known) => old.trim_matches(['"', '\'']) == &**known,
        _ => false,
    };
    let new = scalar(value)?;
    same.then_some((start, end, new))
}

/// A key on a line of its own below a sibling's.
fn beside(text: &str, place: &Place<'_>, value: &Data) -> Option<(usize, usize, String)> {
    let map = place.node.as_map()?;
    let (key, deeper) = place.rest.split_first()?;
    let mut value = value.clone();
    for key in deeper.iter().rev() {
        value = Data::entry(key.as_str(), value);
    }
    // A key that the template makes in some other way would stand there twice.
    if map.contains_key(key) {
        return None;
    }
    let step = 2;
    let (at, indent) = map
        .iter()
        .find_map(|entry| line_below(text, place.node, entry))?;
    if is_conditional(text, key, indent) {
        return None;
    }
    let mut lines = String::new();
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    self::lines(key, &value, indent, step, end, &mut lines)?;
    Some((at, at, lines))
}

/// Whether the template makes the key under a condition somewhere: with other values it would
/// then stand there twice.
fn is_conditional(text: &str, key: &str, indent: usize) -> bool {
    let mut above = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let body = line.trim_start_matches([' ', '-']);
        let is_key = body
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(':'));
        if is_key && line.len() - body.len() == indent && above.trim().starts_with("{{") {
            return true;
        }
        above = line;
    }
    false
}

/// Where the line after an entry begins, and its indentation, if the entry is a literal key
/// with its value on the same line.
fn line_below(text: &str, map: &Node, entry: &Entry) -> Option<(usize, usize)> {
    let (start, end) = (entry.key_span.start as usize, entry.key_span.end as usize);
    if entry.key_span.file != map.span.file || text.get(start..end)? != &*entry.key {
        return None;
    }
    let line_start = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let before = text.get(line_start..start)?;
    if !before.chars().all(|c| matches!(c, ' ' | '-')) {
        return None;
    }
    let length = text.get(start..)?.find('\n')?;
    let line = text.get(start..start + length)?.trim_end();
    let rest = line.strip_prefix(&*entry.key)?.strip_prefix(':')?.trim();
    let scalar = !matches!(entry.value.value, Value::Map(_) | Value::Seq(_));
    let ends_here = rest.matches("{{").count() == rest.matches("}}").count();
    let block = rest.starts_with(['|', '>', '&']) || rest.contains("indent");
    let control = rest.contains("{{- if") || rest.contains("{{ if") || rest.contains("end }}");
    if !scalar || rest.is_empty() || !ends_here || block || control {
        return None;
    }
    Some((start + length + 1, before.chars().count()))
}

fn lines(
    key: &str,
    value: &Data,
    indent: usize,
    step: usize,
    end: &str,
    out: &mut String,
) -> Option<()> {
    let pad = " ".repeat(indent);
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
    };
    if !plain(key) {
        return None;
    }
    // A String takes everything.
    match value {
        Data::Map(entries) => {
            let _ = write!(out, "{pad}{key}:{end}");
            for (key, value) in entries {
                lines(key, value, indent + step, step, end, out)?;
            }
        }
        Data::List(items) => {
            let _ = write!(out, "{pad}{key}:{end}");
            for item in items {
                let item = scalar(item)?;
                let _ = write!(out, "{pad}{}- {item}{end}", " ".repeat(step));
            }
        }
        _ => {
            let value = scalar(value)?;
            let _ = write!(out, "{pad}{key}: {value}{end}");
        }
    }
    Some(())
}

fn scalar(value: &Data) -> Option<String> {
    match value {
        Data::Bool(truth) => Some(truth.to_string()),
        Data::Int(number) => Some(number.to_string()),
        Data::Text(text) => {
            let word = text.chars().all(|c| {
                c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@')
            });
            let letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
            let odd = matches!(
                text.to_ascii_lowercase().as_str(),
                "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
            );
            if word && letter && !odd && !text.ends_with(':') {
                Some(text.to_string())
            } else if word {
                Some(format!("\"{text}\""))
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The text with the steps made.
pub(super) fn replaced(text: &str, steps: Vec<(usize, &Step)>) -> Result<String, (usize, String)> {
    let mut parts: Vec<(usize, usize, String, usize)> = Vec::new();
    for (index, step) in steps {
        let Some((start, end, new)) = step.replace() else {
            continue;
        };
        // New keys below one line go there together, what they have in common once.
        if let Some(same) = parts
            .iter_mut()
            .find(|part| part.0 == start && part.1 == end && start == end)
        {
            same.2 = joined(&same.2, new);
            continue;
        }
        parts.push((start, end, new.to_owned(), index));
    }
    parts.sort();
    let mut out = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for (start, end, new, index) in parts {
        let Some(before) = text.get(at..start) else {
            return Err((index, "two changes want the same place".to_owned()));
        };
        out.push_str(before);
        out.push_str(&new);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Ok(out)
}

/// Two blocks of lines as one: where the second begins with lines that the first has, its own
/// lines go below those.
fn joined(first: &str, second: &str) -> String {
    let mut lines: Vec<&str> = first.split_inclusive('\n').collect();
    let mut at = lines.len();
    let mut new = Vec::new();
    let mut shared = true;
    let mut from = 0;
    for line in second.split_inclusive('\n') {
        let known = lines.iter().skip(from).position(|known| *known == line);
        match known {
            Some(place) if shared => {
                from += place + 1;
                let indent = |line: &str| line.len() - line.trim_start().len();
                let inside = |other: &&&str| indent(other) > indent(line);
                at = from + lines.iter().skip(from).take_while(inside).count();
            }
            _ => {
                shared = false;
                new.push(line);
            }
        }
    }
    lines.splice(at..at, new);
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_under_a_condition_is_not_written_beside_it() {
        let text = "  - name: a\n    {{- with .Values.sc }}\n    securityContext:\n      x: 1\n";
        assert!(is_conditional(text, "securityContext", 4));
        assert!(!is_conditional(text, "securityContext", 6));
        assert!(!is_conditional(text, "x", 6));
    }

    #[test]
    fn blocks_of_lines_are_joined() {
        let a = "  sc:\n    x: 1\n";
        assert_eq!(
            joined(a, "  sc:\n    y: 2\n"),
            "  sc:\n    x: 1\n    y: 2\n"
        );
        assert_eq!(joined(a, "  z: 3\n"), "  sc:\n    x: 1\n  z: 3\n");
        assert_eq!(joined(a, a), a);
        let deep = "  sc:\n    c:\n      drop:\n        - ALL\n    r: true\n";
        assert_eq!(
            joined(deep, "  sc:\n    c:\n      add:\n        - X\n"),
            "  sc:\n    c:\n      drop:\n        - ALL\n      add:\n        - X\n    r: true\n"
        );
    }
}
