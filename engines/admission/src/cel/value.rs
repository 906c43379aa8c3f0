//! What an expression computes with. Objects are not converted: a mapping or list of a
//! manifest stays the tree it is, and only what an expression touches becomes a value.

use super::library::authorizer::Asked;
use super::library::ip::Cidr;
use super::library::named_format::NamedFormat;
use super::library::quantity::Quantity;
use super::library::semver::Semver;
use super::library::url::Url;
use super::time::{Duration, Timestamp};
use core::net::IpAddr;
use seawall_model::Str;
use seawall_yaml::{Map as Tree, Node, Value as Scalar};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A value of an expression.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`.
    Null,
    /// A truth.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A floating-point number.
    Double(f64),
    /// Text.
    String(Str),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(List),
    /// A mapping.
    Map(Map),
    /// A span of time.
    Duration(Duration),
    /// A point in time.
    Timestamp(Timestamp),
    /// A type, by name.
    Type(&'static str),
    /// A value that may be missing.
    Optional(Option<Arc<Value>>),
    /// A value of a Kubernetes library.
    Opaque(Arc<Opaque>),
    /// Something that only the cluster knows; using it is an error that says so.
    Unknown(&'static str),
}

/// Values that only their own library reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Opaque {
    /// `quantity("1Gi")`.
    Quantity(Quantity),
    /// `url("https://…")`.
    Url(Url),
    /// `ip("10.0.0.1")`.
    Ip(IpAddr),
    /// `cidr("10.0.0.0/8")`.
    Cidr(Cidr),
    /// `semver("1.2.3")`.
    Semver(Semver),
    /// `format.dns1123Label()`.
    Format(NamedFormat),
    /// A question to the authorizer under construction, or its answer.
    Authorizer(Asked),
}

/// A list: of a manifest, or made by an expression.
#[derive(Debug, Clone)]
pub enum List {
    /// Made by an expression.
    Values(Arc<Vec<Value>>),
    /// Of a manifest.
    Nodes(Arc<Vec<Node>>),
}

/// A mapping: of a manifest, or made by an expression.
#[derive(Debug, Clone)]
pub enum Map {
    /// Made by an expression; sorted, so that results do not depend on chance.
    Values(Arc<BTreeMap<Key, Value>>),
    /// Of a manifest, in source order.
    Nodes(Tree),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A truth.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An unsigned integer beyond the signed ones.
    Uint(u64),
    /// Text.
    String(Str),
}

impl Key {
    /// The key that a value stands for, if it can be one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(truth) => Key::Bool(*truth),
            Value::Int(number) => Key::Int(*number),
            Value::Uint(number) => i64::try_from(*number).map_or(Key::Uint(*number), Key::Int),
            Value::String(text) => Key::String(text.clone()),
            Value::Double(number) => Key::Int(whole(*number)?),
            _ => return None,
        })
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Key::Bool(truth) => Value::Bool(*truth),
            Key::Int(number) => Value::Int(*number),
            Key::Uint(number) => Value::Uint(*number),
            Key::String(text) => Value::String(text.clone()),
        }
    }
}

/// The integer that a whole double is.
pub(crate) fn whole(number: f64) -> Option<i64> {
    // Within these bounds the cast is exact.
    #[allow(clippy::cast_possible_truncation)]
    (number.fract() == 0.0 && number.abs() < 9.2e18).then_some(number as i64)
}

impl List {
    pub(crate) fn len(&self) -> usize {
        match self {
            List::Values(items) => items.len(),
            List::Nodes(items) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value> {
        match self {
            List::Values(items) => items.get(index).cloned(),
            List::Nodes(items) => items.get(index).map(Value::of),
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Value> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl Map {
    pub(crate) fn len(&self) -> usize {
        match self {
            Map::Values(entries) => entries.len(),
            Map::Nodes(entries) => entries.len(),
        }
    }

    /// The value of a text key.
    pub(crate) fn field(&self, key: &Str) -> Option<Value> {
        match self {
            Map::Values(entries) => entries.get(&Key::String(key.clone())).cloned(),
            Map::Nodes(entries) => entries.get(key).map(Value::of),
        }
    }

    pub(crate) fn has(&self, key: &Str) -> bool {
        match self {
            Map::Values(entries) => entries.contains_key(&Key::String(key.clone())),
            Map::Nodes(entries) => entries.contains_key(key),
        }
    }

    pub(crate) fn get(&self, key: &Value) -> Option<Value> {
        match self {
            Map::Values(entries) => entries.get(&Key::of(key)?).cloned(),
            Map::Nodes(entries) => match key {
                Value::String(key) => entries.get(key).map(Value::of),
                _ => None,
            },
        }
    }

    pub(crate) fn entries(&self) -> Box<dyn Iterator<Item = (Value, Value)> + '_> {
        match self {
            Map::Values(entries) => Box::new(
                entries
                    .iter()
                    .map(|(key, value)| (key.value(), value.clone())),
            ),
            Map::Nodes(entries) => Box::new(
                entries
                    .iter()
                    .map(|entry| (Value::String(entry.key.clone()), Value::of(&entry.value))),
            ),
        }
    }
}

impl Value {
    /// The value that a piece of a manifest is.
    pub fn of(node: &Node) -> Self {
        match &node.value {
            Scalar::Null => Value::Null,
            Scalar::Bool(truth) => Value::Bool(*truth),
            Scalar::Int(number) => Value::Int(*number),
            Scalar::UInt(number) => Value::Uint(*number),
            Scalar::Float(number) => Value::Double(*number),
            Scalar::String(text) => Value::String(text.clone()),
            Scalar::Seq(items) => Value::List(List::Nodes(Arc::clone(items))),
            Scalar::Map(map) => Value::Map(Map::Nodes(map.clone())),
        }
    }

    /// Text.
    pub fn text(text: impl Into<Str>) -> Self {
        Value::String(text.into())
    }

    /// A list of values.
    pub fn list(items: Vec<Value>) -> Self {
        Value::List(List::Values(Arc::new(items)))
    }

    /// A mapping with text keys.
    pub fn record<'k>(fields: impl IntoIterator<Item = (&'k str, Value)>) -> Self {
        let entries = fields
            .into_iter()
            .map(|(key, value)| (Key::String(key.into()), value))
            .collect();
        Value::Map(Map::Values(Arc::new(entries)))
    }

    pub(crate) fn map(entries: BTreeMap<Key, Value>) -> Self {
        Value::Map(Map::Values(Arc::new(entries)))
    }

    pub(crate) fn some(value: Value) -> Self {
        Value::Optional(Some(Arc::new(value)))
    }

    pub(crate) fn opaque(value: Opaque) -> Self {
        Value::Opaque(Arc::new(value))
    }

    /// The name of its type, as `type()` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::Type(_) => "type",
            Value::Optional(_) => "optional_type",
            Value::Unknown(_) => "unknown",
            Value::Opaque(opaque) => match &**opaque {
                Opaque::Quantity(_) => "kubernetes.Quantity",
                Opaque::Url(_) => "kubernetes.URL",
                Opaque::Ip(_) => "net.IP",
                Opaque::Cidr(_) => "net.CIDR",
                Opaque::Semver(_) => "kubernetes.Semver",
                Opaque::Format(_) => "kubernetes.NamedFormat",
                Opaque::Authorizer(asked) => asked.type_name(),
            },
        }
    }

    /// How many values it is made of, as far as an expression made it, and how deep they are
    /// nested. Trees of manifests count as one: the reader of manifests has bounded them.
    pub(crate) fn depth(&self) -> usize {
        // Values are made by expressions of bounded depth, so this does not recurse far.
        match self {
            Value::List(List::Values(items)) => {
                1 + items.iter().map(Value::depth).max().unwrap_or(0)
            }
            Value::Map(Map::Values(entries)) => {
                1 + entries.values().map(Value::depth).max().unwrap_or(0)
            }
            Value::Optional(Some(inner)) => 1 + inner.depth(),
            _ => 0,
        }
    }
}
