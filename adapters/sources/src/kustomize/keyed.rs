//! Lists whose elements are known by one or several keys.

use super::value::{self, text};
use seawall_yaml::{Map, Node};

/// The key values of all elements, the patch's first, each once.
pub(super) fn all_values(
    patch: &[Node],
    dest: &[Node],
    keys: &[String],
    plain: bool,
) -> Vec<Vec<String>> {
    let mut values: Vec<Vec<String>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for item in patch.iter().chain(dest) {
        let value: Vec<String> = if plain {
            vec![text(item).into_owned()]
        } else {
            keys.iter()
                .map(|key| {
                    item.get(key)
                        .filter(|n| !value::is_empty(n))
                        .map_or(String::new(), |n| text(n).into_owned())
                })
                .collect()
        };
        if seen.insert(value.clone()) {
            values.push(value);
        }
    }
    values
}

/// Whether all items have their own, complete key values.
pub(super) fn distinct(values: &[Vec<String>], items: usize) -> bool {
    values.len() == items && values.iter().flatten().all(|value| !value.is_empty())
}

/// `8080` and `8080/TCP` are the same port.
pub(super) fn unify(values: &mut [Vec<String>]) {
    // Quadratic; long lists do not have several keys in practice.
    let count = values.len();
    if count > 2000 {
        return;
    }
    for i in 0..count {
        // The first of a pair is as it was when its turn began, even if it changes meanwhile.
        let Some(a) = values.get(i).cloned() else {
            continue;
        };
        for j in 0..count {
            let Some(b) = values.get(j) else { continue };
            if let Some(both) = unified(&a, b) {
                if let Some(slot) = values.get_mut(i) {
                    slot.clone_from(&both);
                }
                if let Some(slot) = values.get_mut(j) {
                    *slot = both;
                }
            }
        }
    }
}

fn unified(a: &[String], b: &[String]) -> Option<Vec<String>> {
    if a.len() != b.len() {
        return None;
    }
    let mut common = false;
    let mut both = Vec::with_capacity(a.len());
    for (x, y) in a.iter().zip(b) {
        if x == y {
            common = true;
        } else if !x.is_empty() && !y.is_empty() {
            return None;
        }
        both.push(if x.is_empty() { y.clone() } else { x.clone() });
    }
    common.then_some(both)
}

/// The keys that any element has, and this element's values for them.
pub(super) fn valid<'k>(
    all: &[Vec<String>],
    value: &[String],
    keys: &'k [String],
) -> (Vec<&'k str>, Vec<String>) {
    let used = |index: usize| {
        all.iter()
            .any(|v| v.get(index).is_some_and(|t| !t.is_empty()))
    };
    let everything = !(0..keys.len()).any(used);
    let mut valid_keys = Vec::new();
    let mut valid_values = Vec::new();
    for (index, (key, text)) in keys.iter().zip(value).enumerate() {
        if everything || used(index) {
            valid_keys.push(key.as_str());
            valid_values.push(text.clone());
        }
    }
    (valid_keys, valid_values)
}

/// The same for one element alone.
pub(super) fn valid_one<'k>(keys: &[&'k str], values: &[String]) -> (Vec<&'k str>, Vec<String>) {
    let some = values.iter().any(|v| !v.is_empty());
    keys.iter()
        .zip(values)
        .filter(|(_, value)| !some || !value.is_empty())
        .map(|(key, value)| (*key, value.clone()))
        .unzip()
}

/// The first element that has all these key values.
pub(super) fn position(list: &[Node], keys: &[&str], values: &[String]) -> Option<usize> {
    if keys.first().is_none_or(|key| key.is_empty()) {
        let wanted = values.first().map_or("", String::as_str);
        return list.iter().position(|item| text(item) == wanted);
    }
    list.iter().position(|item| {
        item.as_map().is_some()
            && keys
                .iter()
                .zip(values)
                .all(|(key, value)| item.get(key).is_some_and(|n| text(n) == value.as_str()))
    })
}

/// Replaces every element with these key values, or appends it when there is none; without
/// an element it removes them.
pub(super) fn set_element(
    list: &mut Vec<Node>,
    element: Option<Node>,
    keys: &[&str],
    values: &[String],
) {
    let maps = keys.first().is_some_and(|k| !k.is_empty())
        && values.first().is_some_and(|v| !v.is_empty());
    let mut found = false;
    let mut result = Vec::with_capacity(list.len() + 1);
    for item in list.drain(..) {
        if item.is_null() || item.as_map().is_some_and(Map::is_empty) {
            continue;
        }
        if item.as_map().is_none() && maps {
            result.push(item);
            continue;
        }
        // Keys without a value are judged by the key before them.
        let mut last = false;
        let mut all = true;
        for (index, key) in keys.iter().enumerate() {
            if let Some(value) = values.get(index) {
                last = if key.is_empty() {
                    text(&item) == value.as_str()
                } else {
                    item.get(key)
                        .is_some_and(|n| value.is_empty() || text(n) == value.as_str())
                };
            }
            if !last {
                all = false;
                break;
            }
        }
        if !all {
            if !values.is_empty() {
                result.push(item);
            }
            continue;
        }
        found = true;
        result.extend(element.clone());
    }
    *list = result;
    if let Some(element) = element.filter(|e| !e.is_null())
        && !found
    {
        list.push(element);
    }
}

/// Adds the target's elements behind (or in the place of) those made from the patch.
pub(super) fn append_all(items: &mut Vec<Node>, dest: Vec<Node>, keys: &[&str]) {
    for element in dest {
        if keys.first().is_none_or(|key| key.is_empty()) {
            let value = text(&element).into_owned();
            set_element(items, Some(element), &[""], &[value]);
            continue;
        }
        let mut values = Vec::new();
        for key in keys {
            match element.get(key).filter(|n| !n.is_null()) {
                Some(node) => values.push(text(node).into_owned()),
                None => items.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set_element(items, None, keys, &values);
        }
        set_element(items, Some(element), keys, &values);
    }
}
