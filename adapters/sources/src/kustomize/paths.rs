//! Paths with list selectors, as replacements and vars use them:
//! `spec.containers.[name=web].image`, `spec.rules.*.host`, `items.0`.

use super::value::{self, text};
use regex::Regex;
use seawall_model::{Span, Str};
use seawall_yaml::{Map, Node, Value};
use std::sync::Arc;

/// No path may match more fields than this in one object.
const MAX_MATCHES: usize = 100_000;

/// What to make at the end of a path that leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    Nothing,
    Scalar,
    Mapping,
    List,
}

/// One step to a field.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Key(Str),
    Index(usize),
}

/// Splits at dots, but not within brackets: `[a.b/c]` is a key, `[name=x.y]` a selector.
pub(super) fn split_smart(path: &str) -> Vec<String> {
    let mut result = Vec::new();
    let mut parts = super::fields::split(path, '.').into_iter();
    while let Some(part) = parts.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            result.push(part);
            continue;
        }
        let mut whole = part;
        for more in parts.by_ref() {
            whole.push('.');
            whole.push_str(&more);
            if more.ends_with(']') {
                break;
            }
        }
        if whole.contains('=') {
            result.push(whole);
        } else {
            result.push(whole.trim_matches(['[', ']']).to_owned());
        }
    }
    result
}

fn list_selector(part: &str) -> Option<&str> {
    part.strip_prefix('[').and_then(|p| p.strip_suffix(']'))
}

fn number(part: &str) -> Option<i64> {
    part.parse().ok()
}

/// The one value at a path, without patterns.
pub(super) fn lookup<'n>(node: &'n Node, path: &[String]) -> Result<Option<&'n Node>, String> {
    let mut node = node;
    for part in path.iter().map(|p| p.trim()).filter(|p| !p.is_empty()) {
        let next = if let Some(index) = number(part) {
            let index = usize::try_from(index)
                .map_err(|_| format!("the list index {part} cannot be negative"))?;
            items(node)?.get(index)
        } else if part == "-" {
            items(node)?.last()
        } else if part == "*" {
            return Err("* cannot stand in the path of a source".to_owned());
        } else if let Some(selector) = list_selector(part) {
            let (key, wanted) = selector
                .split_once('=')
                .ok_or_else(|| format!("{part} must have the form [field=value]"))?;
            items(node)?.iter().find(|item| {
                if key.is_empty() {
                    text(item) == wanted
                } else {
                    item.get(key).is_some_and(|n| text(n) == wanted)
                }
            })
        } else if node.is_null() {
            None
        } else {
            let map = node
                .as_map()
                .ok_or_else(|| format!("{part} is looked for in a {}", node.type_name()))?;
            map.get(part)
        };
        match next {
            Some(found) => node = found,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

fn items(node: &Node) -> Result<&[Node], String> {
    if node.is_null() {
        return Ok(&[]);
    }
    node.as_seq()
        .ok_or_else(|| format!("expected a list, found a {}", node.type_name()))
}

/// All fields that a path means, made where they are missing and may be.
pub(super) fn find(node: &mut Node, path: &[String], make: Make) -> Result<Vec<Vec<Step>>, String> {
    let mut found = Vec::new();
    walk(node, path, make, &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// The field at some steps.
pub(super) fn at<'n>(node: &'n mut Node, steps: &[Step]) -> Option<&'n mut Node> {
    steps.iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.as_map_mut()?.get_mut(key),
        Step::Index(index) => node.as_seq_mut()?.get_mut(*index),
    })
}

fn made(next: Option<&String>, make: Make) -> Value {
    let list = |part: &str| list_selector(part).is_some() || number(part).is_some_and(|n| n >= 0);
    match (next, make) {
        (Some(part), _) if list(part) => Value::Seq(Arc::default()),
        (Some(part), _) if !part.is_empty() => Value::Map(Map::default()),
        (_, Make::Mapping) => Value::Map(Map::default()),
        (_, Make::List) => Value::Seq(Arc::default()),
        _ => Value::Null,
    }
}

fn walk(
    node: &mut Node,
    path: &[String],
    make: Make,
    steps: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) -> Result<(), String> {
    let Some((part, rest)) = path.split_first() else {
        if found.len() >= MAX_MATCHES {
            return Err("the path matches too many fields".to_owned());
        }
        found.push(steps.clone());
        return Ok(());
    };
    if let Some(index) = number(part).and_then(|n| usize::try_from(n).ok()) {
        return at_index(node, index, rest, make, steps, found);
    }
    if let Some(selector) = list_selector(part) {
        return at_selector(node, part, selector, rest, make, steps, found);
    }
    if part == "*" {
        return each(node, rest, make, steps, found, |_| true);
    }
    let annotations = matches!(steps.as_slice(), [Step::Key(m), Step::Key(a)]
        if &**m == "metadata" && &**a == "annotations");
    if node.is_null() && annotations && make != Make::Nothing {
        node.value = Value::Map(Map::default());
    }
    if node.is_null() {
        // Kustomize makes the field within the null, where nobody but it ever sees it; it
        // only looks there for annotations.
        if make != Make::Nothing {
            steps.push(Step::Key(part.as_str().into()));
            found.push(steps.clone());
            steps.pop();
        }
        return Ok(());
    }
    let kind = node.type_name();
    let Some(map) = node.as_map_mut() else {
        return Err(format!("{part} is looked for in a {kind}"));
    };
    if !map.contains_key(part) {
        if make == Make::Nothing {
            return Ok(());
        }
        let new = Node::new(made(rest.first(), make), Span::NONE);
        map.insert(part.as_str(), Span::NONE, new);
    }
    let Some(field) = map.get_mut(part) else {
        return Ok(());
    };
    steps.push(Step::Key(part.as_str().into()));
    walk(field, rest, make, steps, found)?;
    steps.pop();
    Ok(())
}

fn each(
    node: &mut Node,
    rest: &[String],
    make: Make,
    steps: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
    matches: impl Fn(&Node) -> bool,
) -> Result<(), String> {
    items(node)?;
    for (index, item) in node.as_seq_mut().into_iter().flatten().enumerate() {
        if matches(item) {
            steps.push(Step::Index(index));
            walk(item, rest, make, steps, found)?;
            steps.pop();
        }
    }
    Ok(())
}

fn at_index(
    node: &mut Node,
    index: usize,
    rest: &[String],
    make: Make,
    steps: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) -> Result<(), String> {
    let length = items(node)?.len();
    if node.is_null() && make != Make::Nothing {
        node.value = Value::Seq(Arc::default());
    }
    let missing = || format!("index {index} is beyond the list's {length} items");
    let Some(list) = node.as_seq_mut() else {
        return Err(missing());
    };
    if index == length && make != Make::Nothing {
        list.push(Node::new(made(rest.first(), make), Span::NONE));
    }
    let Some(item) = list.get_mut(index) else {
        return Err(missing());
    };
    steps.push(Step::Index(index));
    walk(item, rest, make, steps, found)?;
    steps.pop();
    Ok(())
}

fn at_selector(
    node: &mut Node,
    part: &str,
    selector: &str,
    rest: &[String],
    make: Make,
    steps: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) -> Result<(), String> {
    let (key, pattern) = selector
        .split_once('=')
        .ok_or_else(|| format!("{part} must have the form [field=value]"))?;
    let regex = Regex::new(pattern)
        .map_err(|error| format!("{pattern} is not a regular expression: {error}"))?;
    let matches = |item: &Node| {
        if key.is_empty() {
            value::is_scalar(item) && regex.is_match(text(item).trim())
        } else {
            item.get(key)
                .is_some_and(|n| value::is_scalar(n) && regex.is_match(text(n).trim()))
        }
    };
    // A selector by value ends the path, whatever stands behind it.
    let rest = if key.is_empty() { &[] } else { rest };
    let before = found.len();
    each(node, rest, make, steps, found, matches)?;
    if found.len() > before || make == Make::Nothing {
        return Ok(());
    }
    let new = if key.is_empty() {
        value::resolve(pattern, Span::NONE)
    } else {
        let mut map = Map::default();
        map.insert(key, Span::NONE, value::resolve(pattern, Span::NONE));
        Node::map(map, Span::NONE)
    };
    if !matches(&new) {
        return Err(format!("an item made for {part} would not match it"));
    }
    if node.is_null() {
        node.value = Value::Seq(Arc::default());
    }
    if let Some(list) = node.as_seq_mut() {
        list.push(new);
    }
    each(node, rest, make, steps, found, matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_keep_their_dots() {
        assert_eq!(split_smart("a.[name=x.y].b"), ["a", "[name=x.y]", "b"]);
        assert_eq!(
            split_smart("metadata.annotations.[a.b/c]"),
            ["metadata", "annotations", "a.b/c"]
        );
        assert_eq!(split_smart("a\\.b.c"), ["a.b", "c"]);
    }
}
