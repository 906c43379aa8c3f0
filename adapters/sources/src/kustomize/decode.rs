//! From YAML to typed configuration, the way Go's JSON decoder does it: field names match
//! in any case, `null` is "not given", a value of another type is an error. Every value
//! keeps its place.

use super::Fail;
use super::ids::{Gvk, Str2};
use super::specs::FieldSpec;
use seawall_model::{Span, Str};
use seawall_yaml::{Map, Node};

/// Text with its place.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) value: Str,
    pub(super) span: Span,
}

impl std::ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.value
    }
}

/// Collects what is wrong while it decodes.
pub(super) struct Decoder {
    pub(super) fails: Vec<Fail>,
    /// Whether fields that nobody knows are errors.
    pub(super) strict: bool,
}

/// A mapping that is being decoded.
#[derive(Clone, Copy)]
pub(super) struct Object<'n> {
    map: &'n Map,
    pub(super) span: Span,
}

impl<'n> Object<'n> {
    /// The value of a field; `None` when it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        let exact = self.map.get(name);
        let any = || {
            self.map
                .iter()
                .rev()
                .find(|e| e.key.eq_ignore_ascii_case(name))
                .map(|e| &e.value)
        };
        exact.or_else(any).filter(|node| !node.is_null())
    }
}

impl Decoder {
    pub(super) fn new(strict: bool) -> Self {
        Self {
            fails: Vec::new(),
            strict,
        }
    }

    fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("{what} must be a {expected}, not a {}", node.type_name());
        self.fails.push(Fail::new(node.span, message));
    }

    /// A mapping with these fields.
    pub(super) fn object<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Option<Object<'n>> {
        if node.is_null() {
            return None;
        }
        let Some(map) = node.as_map() else {
            self.wrong(node, what, "mapping");
            return None;
        };
        if self.strict {
            for entry in map {
                if !known.iter().any(|k| entry.key.eq_ignore_ascii_case(k)) {
                    let message = format!("unknown field \"{}\" in {what}", entry.key);
                    let hint = nearest(&entry.key, known)
                        .map_or_else(String::new, |near| format!("did you mean \"{near}\"?"));
                    self.fails.push(Fail {
                        hint,
                        ..Fail::new(entry.key_span, message)
                    });
                }
            }
        }
        Some(Object {
            map,
            span: node.span,
        })
    }

    /// Text.
    pub(super) fn text(&mut self, object: Object<'_>, name: &str) -> Option<Text> {
        let node = object.get(name)?;
        self.as_text(node, name)
    }

    fn as_text(&mut self, node: &Node, what: &str) -> Option<Text> {
        if let Some(text) = node.as_str() {
            return Some(Text {
                value: text.into(),
                span: node.span,
            });
        }
        if !node.is_null() {
            self.wrong(node, what, "string");
        }
        None
    }

    /// A truth; false when absent.
    pub(super) fn truth(&mut self, object: Object<'_>, name: &str) -> bool {
        let Some(node) = object.get(name) else {
            return false;
        };
        node.as_bool().unwrap_or_else(|| {
            self.wrong(node, name, "boolean");
            false
        })
    }

    /// A whole number.
    pub(super) fn integer(&mut self, object: Object<'_>, name: &str) -> Option<i64> {
        let node = object.get(name)?;
        let number = node.as_i64();
        if number.is_none() {
            self.wrong(node, name, "whole number");
        }
        number
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, object: Object<'n>, name: &str) -> &'n [Node] {
        let Some(node) = object.get(name) else {
            return &[];
        };
        if let Some(items) = node.as_seq() {
            return items;
        }
        self.wrong(node, name, "list");
        &[]
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, object: Object<'_>, name: &str) -> Vec<Text> {
        let items = self.items(object, name);
        items
            .iter()
            .map(|item| {
                // A null item is an empty string to Go.
                let empty = Text {
                    value: "".into(),
                    span: item.span,
                };
                self.as_text(item, &format!("an item of {name}"))
                    .unwrap_or(empty)
            })
            .collect()
    }

    /// A mapping of text to text, sorted by key as Kustomize applies it.
    pub(super) fn pairs(&mut self, object: Object<'_>, name: &str) -> Vec<(Str, Text)> {
        let Some(node) = object.get(name) else {
            return Vec::new();
        };
        let Some(map) = node.as_map() else {
            self.wrong(node, name, "mapping");
            return Vec::new();
        };
        let mut pairs: Vec<(Str, Text)> = map
            .iter()
            .filter_map(|entry| {
                let what = format!("{name}.{}", entry.key);
                let empty = Text {
                    value: "".into(),
                    span: entry.value.span,
                };
                let text = if entry.value.is_null() {
                    Some(empty)
                } else {
                    self.as_text(&entry.value, &what)
                };
                text.map(|text| (entry.key.clone(), text))
            })
            .collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs
    }

    /// Group, version and kind.
    pub(super) fn gvk(&mut self, object: Object<'_>) -> Gvk {
        let mut part = |name| -> Str2 {
            self.text(object, name)
                .map_or(Str2::Borrowed(""), |t| t.value.to_string().into())
        };
        Gvk {
            group: part("group"),
            version: part("version"),
            kind: part("kind"),
        }
    }

    /// One field specification.
    pub(super) fn field_spec(&mut self, node: &Node) -> Option<FieldSpec> {
        let known = ["group", "version", "kind", "path", "create"];
        let object = self.object(node, "a field specification", &known)?;
        Some(FieldSpec {
            gvk: self.gvk(object),
            path: self
                .text(object, "path")
                .map_or("".into(), |t| t.value.to_string().into()),
            create: self.truth(object, "create"),
        })
    }

    /// A list of field specifications.
    pub(super) fn field_specs(&mut self, object: Object<'_>, name: &str) -> Vec<FieldSpec> {
        self.items(object, name)
            .iter()
            .filter_map(|item| self.field_spec(item))
            .collect()
    }
}

/// The known word that a typo is closest to.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_ascii_lowercase();
    known
        .iter()
        .map(|k| (distance(&word, &k.to_ascii_lowercase()), *k))
        .filter(|(d, k)| *d <= 1 + k.len() / 4)
        .min()
        .map(|(_, k)| k)
}

/// How many letters differ.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let up = *cell;
            left = (diagonal + usize::from(x != y)).min(up + 1).min(left + 1);
            diagonal = up;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_their_word() {
        let known = ["resources", "patches", "namePrefix"];
        assert_eq!(nearest("resorces", &known), Some("resources"));
        assert_eq!(nearest("nameprefx", &known), Some("namePrefix"));
        assert_eq!(nearest("something", &known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
