//! The value tree. Copy-on-write: cloning a node is cheap, and changing a clone copies only
//! the path that changed, so a hundred overlays of one base share what they leave alone.

use seawall_model::{Span, Str};
use std::collections::HashMap;
use std::sync::Arc;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands. Containers span from their first key or item to their last.
    pub span: Span,
}

/// A JSON value with Go's number kinds (`int64`, `uint64`, `float64`).
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// A truth, YAML 1.1 spellings included.
    Bool(bool),
    /// An integer that fits `int64`.
    Int(i64),
    /// An integer that only fits `uint64`.
    UInt(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(Str),
    /// A list.
    Seq(Arc<Vec<Node>>),
    /// A mapping.
    Map(Map),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key, as a string (Kubernetes turns `1:` and `true:` into strings).
    pub key: Str,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A mapping in source order without duplicate keys. Kubernetes maps are small, so look-up
/// is a scan; the parser guards against large ones with a hash set of its own.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: Arc<Vec<Entry>>,
}

impl Map {
    /// A map of these entries; the caller has made sure that keys are unique.
    pub fn from_entries(entries: Vec<Entry>) -> Self {
        Self {
            entries: Arc::new(entries),
        }
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a key, for change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        if !self.contains_key(key) {
            return None; // do not copy for nothing
        }
        let entries = Arc::make_mut(&mut self.entries);
        entries
            .iter_mut()
            .find(|entry| &*entry.key == key)
            .map(|entry| &mut entry.value)
    }

    /// Whether the key is there (its value may be null).
    pub fn contains_key(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Sets a key: replaces its value in place, or appends it.
    pub fn insert(&mut self, key: impl Into<Str>, key_span: Span, value: Node) {
        let key = key.into();
        let entries = Arc::make_mut(&mut self.entries);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
            entry.value = value;
        } else {
            // Maps are small and many: doubling them would be mostly waste.
            if entries.len() == entries.capacity() {
                entries.reserve_exact(1 + entries.len() / 4);
            }
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let index = self.entries.iter().position(|entry| &*entry.key == key)?;
        Some(Arc::make_mut(&mut self.entries).remove(index).value)
    }

    /// The entries in source order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The entries in source order, for change. Keys must stay unique.
    pub fn entries_mut(&mut self) -> &mut Vec<Entry> {
        Arc::make_mut(&mut self.entries)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Node {
    /// A value at a place.
    pub fn new(value: Value, span: Span) -> Self {
        Self { value, span }
    }

    /// `null` at no place.
    pub fn null() -> Self {
        Self::new(Value::Null, Span::NONE)
    }

    /// Text at a place.
    pub fn string(text: impl Into<Str>, span: Span) -> Self {
        Self::new(Value::String(text.into()), span)
    }

    /// A list at a place.
    pub fn seq(items: Vec<Node>, span: Span) -> Self {
        Self::new(Value::Seq(Arc::new(items)), span)
    }

    /// A mapping at a place.
    pub fn map(map: Map, span: Span) -> Self {
        Self::new(Value::Map(map), span)
    }

    /// The value of a key, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// The value at a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// What stands below under a key or at a position, as a token of a JSON pointer names it.
    pub fn child(&self, token: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(map) => map.get(token),
            Value::Seq(items) => items.get(token.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The node at a JSON pointer (RFC 6901).
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        let tokens = seawall_model::fix::tokens(pointer);
        tokens
            .iter()
            .try_fold(self, |node, token| node.child(token))
    }

    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The mapping for change, if it is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The items for change, if it is a list.
    pub fn as_seq_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::Seq(items) => Some(Arc::make_mut(items)),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// The integer, if it is one that fits `i64`; `1.0` counts, as it does for Kubernetes.
    pub fn as_i64(&self) -> Option<i64> {
        match self.value {
            Value::Int(number) => Some(number),
            // The bounds are exact in f64, and the value is whole.
            #[allow(clippy::cast_possible_truncation)]
            Value::Float(number)
                if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 =>
            {
                Some(number as i64)
            }
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What a person would call the type.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
            Value::String(_) => "string",
            Value::Seq(_) => "list",
            Value::Map(_) => "mapping",
        }
    }

    /// Rewrites every span of the tree, keys' too: how a renderer maps output back to
    /// templates.
    pub fn map_spans(&mut self, rewrite: &mut dyn FnMut(Span) -> Span) {
        self.span = rewrite(self.span);
        match &mut self.value {
            Value::Seq(items) => {
                for item in Arc::make_mut(items) {
                    item.map_spans(rewrite);
                }
            }
            Value::Map(map) => {
                for entry in map.entries_mut() {
                    entry.key_span = rewrite(entry.key_span);
                    entry.value.map_spans(rewrite);
                }
            }
            _ => {}
        }
    }
}

/// Equal values, wherever they stand and in whatever order keys were written.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::UInt(a), Value::UInt(b)) => a == b,
            // Bit equality, so that a tree equals itself even with NaN in it.
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Seq(a), Value::Seq(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a.len() == b.len() && equal_entries(a, b),
            _ => false,
        }
    }
}

/// Whether maps of the same length have the same entries, in any order.
fn equal_entries(a: &Map, b: &Map) -> bool {
    // Mostly the order is the same, too; and look-up by scan must not be done for every key
    // of a map that somebody made large.
    if a.iter().zip(b).all(|(x, y)| x.key == y.key) {
        return a.iter().zip(b).all(|(x, y)| x.value == y.value);
    }
    let table: HashMap<&str, &Node> = b.iter().map(|e| (&*e.key, &e.value)).collect();
    a.iter().all(|e| table.get(&*e.key) == Some(&&e.value))
}
