//! The values of a template, with Go's kinds, and what Go's `reflect` says of them.
//!
//! Maps and lists have reference semantics, as in Go: `set` changes what every other holder
//! of the map sees. Every value may know the values key it comes from.

pub(crate) mod convert;
pub(crate) mod equal;
pub(crate) mod json;
pub(crate) mod object;
pub(crate) mod text;

use object::Object;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use text::Text;

/// A value and the values key it comes from (0 when none).
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) data: Data,
    pub(crate) cause: u32,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// No value at all: Go's zero `reflect.Value`. Fields of it are invalid again.
    Invalid,
    /// A nil interface, as a missing key of a map gives. Fields of it are an error.
    Nil,
    Bool(bool),
    Int(i64, IntKind),
    Uint(u64, UintKind),
    Float(f64),
    Text(Text),
    List(List),
    Map(Map),
    Object(Rc<Object>),
}

/// Go's signed kinds that templates meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntKind {
    Int,
    Int64,
    /// `time.Duration`, as the difference of two times.
    Duration,
}

/// Go's unsigned kinds that templates meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UintKind {
    Byte,
    Uint64,
}

/// The element type of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// `[]interface {}`
    Any,
    /// `[]string`
    Text,
    /// `[]int`
    Int,
    /// `[][]interface {}`
    Lists,
}

/// The type of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapKind {
    /// `map[string]interface {}`
    Any,
    /// `chartutil.Values`
    Values,
    /// `map[string]string`
    Text,
}

/// A list, shared.
#[derive(Debug, Clone)]
pub(crate) struct List(Rc<ListData>);

#[derive(Debug)]
struct ListData {
    items: RefCell<Vec<Value>>,
    kind: ListKind,
    /// A nil slice: empty, but `null` in JSON.
    nil: bool,
}

/// A map, shared. Keys are in byte order, the order Go prints and ranges them in.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    data: Rc<MapData>,
    kind: MapKind,
}

#[derive(Debug)]
struct MapData {
    entries: RefCell<BTreeMap<Rc<str>, Value>>,
}

impl List {
    pub(crate) fn new(items: Vec<Value>, kind: ListKind) -> Self {
        Self(Rc::new(ListData {
            items: RefCell::new(items),
            kind,
            nil: false,
        }))
    }

    pub(crate) fn nil(kind: ListKind) -> Self {
        Self(Rc::new(ListData {
            items: RefCell::new(Vec::new()),
            kind,
            nil: true,
        }))
    }

    pub(crate) fn kind(&self) -> ListKind {
        self.0.kind
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.0.nil
    }

    pub(crate) fn len(&self) -> usize {
        self.0.items.borrow().len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value> {
        self.0.items.borrow().get(index).cloned()
    }

    /// The items as they are now.
    pub(crate) fn items(&self) -> Vec<Value> {
        self.0.items.borrow().clone()
    }

    /// Looks at every item.
    pub(crate) fn each(&self, mut look: impl FnMut(&Value)) {
        self.0.items.borrow().iter().for_each(&mut look);
    }

    /// Whether nobody else has it.
    pub(crate) fn is_new(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }

    pub(crate) fn replace(&self, items: Vec<Value>) {
        *self.0.items.borrow_mut() = items;
    }
}

impl Map {
    pub(crate) fn new(kind: MapKind) -> Self {
        Self::from_entries(BTreeMap::new(), kind)
    }

    pub(crate) fn from_entries(entries: BTreeMap<Rc<str>, Value>, kind: MapKind) -> Self {
        Self {
            data: Rc::new(MapData {
                entries: RefCell::new(entries),
            }),
            kind,
        }
    }

    pub(crate) fn kind(&self) -> MapKind {
        self.kind
    }

    /// The same map under another type.
    pub(crate) fn retyped(&self, kind: MapKind) -> Self {
        Self {
            data: self.data.clone(),
            kind,
        }
    }

    /// The same entries (not shared) under another type.
    pub(crate) fn shallow(&self, kind: MapKind) -> Self {
        Self::from_entries(self.data.entries.borrow().clone(), kind)
    }

    pub(crate) fn len(&self) -> usize {
        self.data.entries.borrow().len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.data.entries.borrow().get(key).cloned()
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.data.entries.borrow().contains_key(key)
    }

    pub(crate) fn set(&self, key: impl Into<Rc<str>>, value: Value) {
        let old = self.data.entries.borrow_mut().insert(key.into(), value);
        drop(old);
    }

    pub(crate) fn remove(&self, key: &str) {
        let old = self.data.entries.borrow_mut().remove(key);
        drop(old);
    }

    /// The entries as they are now, in key order.
    pub(crate) fn entries(&self) -> Vec<(Rc<str>, Value)> {
        self.data
            .entries
            .borrow()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Looks at every value.
    pub(crate) fn each(&self, mut look: impl FnMut(&Value)) {
        self.data.entries.borrow().values().for_each(&mut look);
    }

    /// Whether nobody else has it.
    pub(crate) fn is_new(&self) -> bool {
        Rc::strong_count(&self.data) == 1
    }

    /// Whether both are the same map, not just equal ones.
    pub(crate) fn same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.data, &other.data)
    }
}

thread_local! {
    /// What is left to drop, while a drop is under way. Templates can nest values as deep as
    /// they like, and Rust's own recursive drop would overflow the stack.
    static DROPPING: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
}

fn drop_all(values: impl Iterator<Item = Value>) {
    // Values that hold no others drop right here: nothing may drop while the list is borrowed.
    let mut nested: Vec<Value> = values
        .filter(|value| matches!(value.data, Data::List(_) | Data::Map(_)))
        .collect();
    // A thread that is ending has no list any more; its values drop where they are.
    let queued = DROPPING
        .try_with(|queue| queue.borrow_mut().append(&mut nested))
        .is_ok();
    if !queued || ACTIVE.with(|active| active.replace(true)) {
        return;
    }
    while let Some(value) = DROPPING.with(|queue| queue.borrow_mut().pop()) {
        drop(value);
    }
    ACTIVE.with(|active| active.set(false));
}

impl Drop for ListData {
    fn drop(&mut self) {
        if !self.items.get_mut().is_empty() {
            drop_all(std::mem::take(self.items.get_mut()).into_iter());
        }
    }
}

impl Drop for MapData {
    fn drop(&mut self) {
        if !self.entries.get_mut().is_empty() {
            drop_all(std::mem::take(self.entries.get_mut()).into_values());
        }
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self { data, cause: 0 }
    }
}

impl Value {
    pub(crate) const INVALID: Value = Value {
        data: Data::Invalid,
        cause: 0,
    };
    pub(crate) const NIL: Value = Value {
        data: Data::Nil,
        cause: 0,
    };

    pub(crate) fn text(text: impl Into<Text>) -> Self {
        Data::Text(text.into()).into()
    }

    pub(crate) fn bool(truth: bool) -> Self {
        Data::Bool(truth).into()
    }

    pub(crate) fn int(value: i64) -> Self {
        Data::Int(value, IntKind::Int).into()
    }

    pub(crate) fn int64(value: i64) -> Self {
        Data::Int(value, IntKind::Int64).into()
    }

    pub(crate) fn float(value: f64) -> Self {
        Data::Float(value).into()
    }

    pub(crate) fn list(items: Vec<Value>) -> Self {
        Data::List(List::new(items, ListKind::Any)).into()
    }

    pub(crate) fn texts(items: impl IntoIterator<Item = Text>) -> Self {
        let items = items.into_iter().map(Value::text).collect();
        Data::List(List::new(items, ListKind::Text)).into()
    }

    pub(crate) fn map(map: Map) -> Self {
        Data::Map(map).into()
    }

    pub(crate) fn object(object: Object) -> Self {
        Data::Object(Rc::new(object)).into()
    }

    /// The same value, from this key unless it knows one.
    #[must_use]
    pub(crate) fn caused_by(mut self, cause: u32) -> Self {
        if self.cause == 0 {
            self.cause = cause;
        }
        self
    }

    /// The key it comes from, or that its text's first known piece comes from.
    pub(crate) fn first_cause(&self) -> u32 {
        match &self.data {
            Data::Text(text) if self.cause == 0 => text.first_cause(),
            _ => self.cause,
        }
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self.data, Data::Nil | Data::Invalid)
    }

    pub(crate) fn as_map(&self) -> Option<&Map> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// A table in the sense of Helm's value merging: a plain map.
    pub(crate) fn as_table(&self) -> Option<&Map> {
        self.as_map().filter(|map| map.kind() == MapKind::Any)
    }

    /// Go's truth of a value in `if`.
    pub(crate) fn truth(&self) -> bool {
        match &self.data {
            Data::Invalid | Data::Nil => false,
            Data::Bool(truth) => *truth,
            Data::Int(value, _) => *value != 0,
            Data::Uint(value, _) => *value != 0,
            Data::Float(value) => *value != 0.0,
            Data::Text(text) => !text.as_str().is_empty(),
            Data::List(list) => list.len() > 0,
            Data::Map(map) => map.len() > 0,
            Data::Object(object) => object.truth(),
        }
    }

    /// `fmt.Sprintf("%T")`.
    pub(crate) fn type_name(&self) -> String {
        match &self.data {
            Data::Invalid | Data::Nil => "<nil>".to_owned(),
            Data::Bool(_) => "bool".to_owned(),
            Data::Int(_, IntKind::Int) => "int".to_owned(),
            Data::Int(_, IntKind::Int64) => "int64".to_owned(),
            Data::Int(_, IntKind::Duration) => "time.Duration".to_owned(),
            Data::Uint(_, UintKind::Byte) => "uint8".to_owned(),
            Data::Uint(_, UintKind::Uint64) => "uint64".to_owned(),
            Data::Float(_) => "float64".to_owned(),
            Data::Text(_) => "string".to_owned(),
            Data::List(list) => match list.kind() {
                ListKind::Any => "[]interface {}",
                ListKind::Text => "[]string",
                ListKind::Int => "[]int",
                ListKind::Lists => "[][]interface {}",
            }
            .to_owned(),
            Data::Map(map) => match map.kind() {
                MapKind::Any => "map[string]interface {}",
                MapKind::Values => "chartutil.Values",
                MapKind::Text => "map[string]string",
            }
            .to_owned(),
            Data::Object(object) => object.type_name().to_owned(),
        }
    }

    /// `reflect.Kind`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.data {
            Data::Invalid | Data::Nil => "invalid",
            Data::Bool(_) => "bool",
            Data::Int(_, IntKind::Int) => "int",
            Data::Int(..) => "int64",
            Data::Uint(_, UintKind::Byte) => "uint8",
            Data::Uint(_, UintKind::Uint64) => "uint64",
            Data::Float(_) => "float64",
            Data::Text(_) => "string",
            Data::List(_) => "slice",
            Data::Map(_) => "map",
            Data::Object(object) => object.kind_name(),
        }
    }

    /// What it is, for messages.
    pub(crate) fn in_words(&self) -> String {
        let words = match &self.data {
            Data::Invalid | Data::Nil => "nothing",
            Data::Bool(_) => "true or false",
            Data::Int(_, IntKind::Int) | Data::Uint(..) => "a whole number",
            Data::Int(_, IntKind::Int64) => "an `int64`",
            Data::Int(_, IntKind::Duration) => "a duration",
            Data::Float(_) => "a number with a fraction",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
            Data::Object(object) => return format!("a `{}`", object.type_name()),
        };
        words.to_owned()
    }
}
