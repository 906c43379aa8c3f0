//! Typed fields out of trees, with a gap for every wrong type.

use crate::pod::Field;
use seawall_model::{Gap, GapKind, Span, Str};
use seawall_yaml::{Map, Node, Value};

/// Reads typed fields and writes down what is wrong.
#[derive(Debug)]
pub struct Reader<'g> {
    subject: Str,
    gaps: &'g mut Vec<Gap>,
}

impl<'g> Reader<'g> {
    /// A reader that reports about `subject` (a path).
    pub fn new(subject: Str, gaps: &'g mut Vec<Gap>) -> Self {
        Self { subject, gaps }
    }

    /// Writes down a gap.
    pub fn gap(&mut self, kind: GapKind, span: Span, reason: String, units: u32) {
        self.gaps.push(Gap {
            kind,
            subject: self.subject.clone(),
            span,
            reason,
            hint: String::new(),
            units,
        });
    }

    pub(crate) fn wrong_type(&mut self, key: &str, node: &Node, want: &str) {
        let reason = format!(
            "`{key}` must be a {want}, this is a {}: the API server would refuse the object",
            node.type_name()
        );
        self.gap(GapKind::Invalid, node.span, reason, 1);
    }

    /// A mapping under a key.
    pub fn map<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n Map> {
        self.submap(node.as_map()?, key)
    }

    pub(crate) fn present<'n>(map: &'n Map, key: &str) -> Option<&'n Node> {
        map.get(key).filter(|node| !node.is_null())
    }

    pub(crate) fn submap<'n>(&mut self, map: &'n Map, key: &str) -> Option<&'n Map> {
        let node = Self::present(map, key)?;
        let found = node.as_map();
        if found.is_none() {
            self.wrong_type(key, node, "mapping");
        }
        found
    }

    /// A text field.
    pub fn text(&mut self, map: &Map, key: &str) -> Option<Field<Str>> {
        let node = Self::present(map, key)?;
        if let Value::String(text) = &node.value {
            return Some(Field {
                value: text.clone(),
                span: node.span,
            });
        }
        self.wrong_type(key, node, "string");
        None
    }

    /// A boolean field.
    pub fn boolean(&mut self, map: &Map, key: &str) -> Option<Field<bool>> {
        let node = Self::present(map, key)?;
        let value = node.as_bool();
        if value.is_none() {
            self.wrong_type(key, node, "boolean");
        }
        Some(Field {
            value: value?,
            span: node.span,
        })
    }

    /// An integer field.
    pub fn integer(&mut self, map: &Map, key: &str) -> Option<Field<i64>> {
        let node = Self::present(map, key)?;
        let value = node.as_i64();
        if value.is_none() {
            self.wrong_type(key, node, "whole number");
        }
        Some(Field {
            value: value?,
            span: node.span,
        })
    }

    /// A quantity, written as text or number.
    pub(crate) fn quantity(&mut self, map: &Map, key: &str) -> Option<Field<Str>> {
        let node = Self::present(map, key)?;
        let value = match &node.value {
            Value::String(text) => text.clone(),
            Value::Int(number) => number.to_string().into(),
            Value::UInt(number) => number.to_string().into(),
            Value::Float(number) => number.to_string().into(),
            _ => {
                self.wrong_type(key, node, "quantity");
                return None;
            }
        };
        Some(Field {
            value,
            span: node.span,
        })
    }

    /// The items of a list field.
    pub fn items<'n>(&mut self, map: &'n Map, key: &str) -> &'n [Node] {
        let Some(node) = Self::present(map, key) else {
            return &[];
        };
        node.as_seq().unwrap_or_else(|| {
            self.wrong_type(key, node, "list");
            &[]
        })
    }

    /// The items of a list of mappings, with their indices.
    pub(crate) fn objects<'n>(
        &mut self,
        map: &'n Map,
        key: &str,
    ) -> Vec<(usize, &'n Node, &'n Map)> {
        let mut objects = Vec::new();
        for (index, item) in self.items(map, key).iter().enumerate() {
            match item.as_map() {
                Some(object) => objects.push((index, item, object)),
                None => self.wrong_type(key, item, "mapping"),
            }
        }
        objects
    }

    /// What `make` makes of each item of a list of mappings, in no more room than it takes:
    /// a cluster has a hundred thousand such lists.
    pub(crate) fn each<T>(
        &mut self,
        map: &Map,
        key: &str,
        mut make: impl FnMut(&mut Self, usize, &Node, &Map) -> T,
    ) -> Vec<T> {
        let objects = self.objects(map, key);
        let mut made = Vec::with_capacity(objects.len());
        for (index, node, object) in objects {
            made.push(make(self, index, node, object));
        }
        made
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, map: &Map, key: &str) -> Vec<Field<Str>> {
        let items = self.items(map, key);
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::String(text) => {
                    texts.push(Field {
                        value: text.clone(),
                        span: item.span,
                    });
                }
                _ => self.wrong_type(key, item, "string"),
            }
        }
        texts
    }

    /// A mapping of texts, such as labels.
    pub fn texts_by_key(&mut self, map: &Map, key: &str) -> Vec<(Str, Field<Str>)> {
        let Some(entries) = self.submap(map, key) else {
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(entries.len());
        for entry in entries {
            match &entry.value.value {
                Value::String(text) => {
                    let field = Field {
                        value: text.clone(),
                        span: entry.value.span,
                    };
                    texts.push((entry.key.clone(), field));
                }
                Value::Null => {}
                _ => self.wrong_type(&format!("{key}.{}", entry.key), &entry.value, "string"),
            }
        }
        texts
    }

    pub(crate) fn name_of(&mut self, map: &Map, key: &str) -> Str {
        self.text(map, key)
            .map_or_else(|| Str::from(""), |field| field.value)
    }
}
