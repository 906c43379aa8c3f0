//! `toYaml` and its kin. What they print knows for every line which key it shows.

use super::{Args, Builtin, f, w};
use crate::helm::error::{Fail, Result};
use crate::helm::limits::VALUE;
use crate::helm::template::run::Engine;
use crate::helm::toml;
use crate::helm::value::convert::{MAX_DEPTH, bytes_of, deep_copy, map_of, text_of};
use crate::helm::value::json::{Style, decode, encode, json_fields};
use crate::helm::value::object::Object;
use crate::helm::value::text::{How, Origin, Out, TOO_LONG, Text};
use crate::helm::value::{Data, Value};
use seawall_model::{FileId, Span};
use seawall_yaml::{Entry, Limits, Node};
use std::rc::Rc;

/// The deepest nesting that can be read back.
const YAML_DEPTH: u32 = 200;

const HTML: Style = Style {
    escape_html: true,
    pretty: false,
};
const PRETTY: Style = Style {
    escape_html: true,
    pretty: true,
};
const RAW: Style = Style {
    escape_html: false,
    pretty: false,
};

pub(super) const TABLE: &[Builtin] = &[
    w("toYaml", 1, 1, |_, a| Ok(Value::text(to_yaml(&a.any(0))))),
    w("toYamlPretty", 1, 1, |_, a| {
        Ok(Value::text(pretty_yaml(&a.any(0))))
    }),
    f("fromYaml", 1, 1, |e, a| {
        Ok(match from_yaml(e, a)? {
            Ok(value) if value.as_map().is_some() => value,
            Ok(value) if value.is_nil() => map_of([]),
            Ok(value) => error_map(&unmarshal_error(&value, "map[string]interface {}")),
            Err(message) => error_map(&message),
        })
    }),
    f("fromYamlArray", 1, 1, |e, a| {
        Ok(match from_yaml(e, a)? {
            Ok(value) if matches!(value.data, Data::List(_)) => value,
            Ok(value) if value.is_nil() => Value::list(Vec::new()),
            Ok(value) => error_list(unmarshal_error(&value, "[]interface {}")),
            Err(message) => error_list(message),
        })
    }),
    w("toJson", 1, 1, |_, a| json(a, HTML)),
    w("mustToJson", 1, 1, |_, a| {
        Ok(Value::text(encode(&a.any(0), HTML)?))
    }),
    w("toPrettyJson", 1, 1, |_, a| json(a, PRETTY)),
    w("mustToPrettyJson", 1, 1, |_, a| {
        Ok(Value::text(encode(&a.any(0), PRETTY)?))
    }),
    w("toRawJson", 1, 1, |_, a| {
        Ok(Value::text(encode(&a.any(0), RAW)?))
    }),
    w("mustToRawJson", 1, 1, |_, a| {
        Ok(Value::text(encode(&a.any(0), RAW)?))
    }),
    f("fromJson", 1, 1, |e, a| {
        Ok(match from_json(e, a)? {
            Ok(value) if value.as_map().is_some() => value,
            Ok(value) if value.is_nil() => map_of([]),
            Ok(value) => error_map(&unmarshal_error(&value, "map[string]interface {}")),
            Err(message) => error_map(&message),
        })
    }),
    f("fromJsonArray", 1, 1, |e, a| {
        Ok(match from_json(e, a)? {
            Ok(value) if matches!(value.data, Data::List(_)) => value,
            Ok(value) if value.is_nil() => Value::list(Vec::new()),
            Ok(value) => error_list(unmarshal_error(&value, "[]interface {}")),
            Err(message) => error_list(message),
        })
    }),
    f("mustFromJson", 1, 1, |e, a| Ok(from_json(e, a)??)),
    w("toToml", 1, 1, |_, a| match toml::encode(&a.any(0)) {
        Err(message) if message == TOO_LONG => Err(Fail::limit(message)),
        encoded => Ok(Value::text(encoded.unwrap_or_else(|message| message))),
    }),
    f("fromToml", 1, 1, |e, a| {
        to_be_read(e, a)?;
        Ok(match toml::decode(a.text(0)?.as_str()) {
            Ok(value) => taken(e, value)?,
            Err(message) => error_map(&message),
        })
    }),
];

fn json(args: &Args, style: Style) -> Result<Value> {
    match encode(&args.any(0), style) {
        // What is too long for us alone must not become nothing.
        Err(message) if message == TOO_LONG => Err(Fail::limit(message)),
        // Helm's function swallows its errors.
        encoded => Ok(Value::text(encoded.unwrap_or_default())),
    }
}

fn error_map(message: &str) -> Value {
    map_of([(Rc::from("Error"), Value::text(message))])
}

fn error_list(message: String) -> Value {
    Value::list(vec![Value::text(message)])
}

/// What `fromYaml` and its kin give instead of failing. Charts print it, so the words are the
/// original's.
fn unmarshal_error(value: &Value, wanted: &str) -> String {
    let what = match &value.data {
        Data::Text(_) => "string",
        Data::Bool(_) => "bool",
        Data::Float(_) => "number",
        Data::List(_) => "array",
        _ => "object",
    };
    format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {what} into Go value of type {wanted}"
    )
}

/// A value as the node that `sigs.k8s.io/yaml` writes.
pub(crate) fn to_node(value: &Value, depth: u32) -> Node {
    use seawall_yaml::Value as Y;
    let node = |value| Node::new(value, Span::NONE);
    if depth > YAML_DEPTH {
        return Node::null();
    }
    let text = |text: &str| {
        let bytes = bytes_of(text);
        Node::string(&*String::from_utf8_lossy(&bytes), Span::NONE)
    };
    let map = |entries: Vec<(&str, &Value)>| {
        let entries = entries
            .into_iter()
            .map(|(key, value)| Entry {
                key: key.into(),
                key_span: Span::NONE,
                value: to_node(value, depth + 1),
            })
            .collect();
        Node::map(seawall_yaml::Map::from_entries(entries), Span::NONE)
    };
    match &value.data {
        Data::Invalid | Data::Nil => Node::null(),
        Data::Bool(truth) => node(Y::Bool(*truth)),
        Data::Int(value, _) => node(Y::Int(*value)),
        Data::Uint(value, _) => node(Y::UInt(*value)),
        Data::Float(value) => node(Y::Float(*value)),
        Data::Text(value) => text(value.as_str()),
        Data::List(list) if list.is_nil() => Node::null(),
        Data::List(list) => Node::seq(
            list.items()
                .iter()
                .map(|item| to_node(item, depth + 1))
                .collect(),
            Span::NONE,
        ),
        Data::Map(entries) => {
            let entries = entries.entries();
            map(entries.iter().map(|(key, value)| (&**key, value)).collect())
        }
        Data::Object(object) => match &**object {
            Object::Struct(data) => map(json_fields(data)),
            _ => match encode(value, RAW).ok().and_then(|json| decode(&json).ok()) {
                Some(plain) => to_node(&plain, depth + 1),
                None => Node::null(),
            },
        },
    }
}

/// `toYaml`, with a mark for every key; empty where Helm swallows an error.
pub(crate) fn to_yaml(value: &Value) -> Text {
    let node = to_node(value, 0);
    let Ok(mut text) = seawall_yaml::try_to_yaml(&node) else {
        return Text::from("");
    };
    if text.ends_with('\n') {
        text.pop();
    }
    marked(text, value)
}

/// Finds every key and item of a value in its YAML text, and marks it with its key.
fn marked(text: String, value: &Value) -> Text {
    if !has_causes(value, 0) {
        return Text::from(text);
    }
    let read = seawall_yaml::parse_single(&text, FileId::UNKNOWN, &Limits::default());
    let mut marks = vec![(0, Origin::of(value.cause))];
    if let Some(document) = read.documents.first() {
        collect(&text, &document.root, value, &mut marks, 0);
    }
    marks.sort_by_key(|(at, _)| *at);
    let mut out = Out::default();
    for (index, (at, origin)) in marks.iter().enumerate() {
        let end = marks.get(index + 1).map_or(text.len(), |(next, _)| *next);
        out.push(text.get(*at..end).unwrap_or(""), *origin);
    }
    out.finish()
}

fn has_causes(value: &Value, depth: u32) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    value.first_cause() != 0
        || match &value.data {
            Data::Map(map) => map
                .entries()
                .iter()
                .any(|(_, item)| has_causes(item, depth + 1)),
            Data::List(list) => list.items().iter().any(|item| has_causes(item, depth + 1)),
            _ => false,
        }
}

fn collect(text: &str, node: &Node, value: &Value, marks: &mut Vec<(usize, Origin)>, depth: u32) {
    if depth > MAX_DEPTH {
        return;
    }
    let element = |item: &Value| Origin {
        cause: item.first_cause(),
        how: How::Element,
        ..Origin::default()
    };
    match (&node.value, &value.data) {
        (seawall_yaml::Value::Map(entries), Data::Map(map)) => {
            for entry in entries {
                let Some(item) = map.get(&entry.key) else {
                    continue;
                };
                marks.push((
                    line_start(text, entry.key_span.start as usize),
                    element(&item),
                ));
                collect(text, &entry.value, &item, marks, depth + 1);
            }
        }
        (seawall_yaml::Value::Seq(nodes), Data::List(list)) => {
            for (node, item) in nodes.iter().zip(list.items()) {
                let start = node.span.start as usize;
                marks.push((dash_before(text, start), element(&item)));
                collect(text, node, &item, marks, depth + 1);
            }
        }
        _ => {}
    }
}

/// Where the blanks before a key begin.
fn line_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    before.trim_end_matches(' ').len()
}

/// Where the dash and the blanks before an item begin.
fn dash_before(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("").trim_end_matches(' ');
    before
        .strip_suffix('-')
        .unwrap_or(before)
        .trim_end_matches(' ')
        .len()
}

/// A text's first document, each value from the key that its text came from.
fn from_yaml(engine: &mut Engine<'_>, args: &Args) -> Result<std::result::Result<Value, String>> {
    let text = args.text(0)?;
    to_be_read(engine, args)?;
    let read = seawall_yaml::parse_single(text.as_str(), FileId::UNKNOWN, &Limits::default());
    if let Some(problem) = read.problems.first() {
        let message = format!("error converting YAML to JSON: yaml: {}", problem.message);
        return Ok(Err(message));
    }
    let Some(document) = read.documents.first() else {
        return Ok(Ok(Value::NIL));
    };
    taken(engine, of_node(&document.root, &text)).map(Ok)
}

fn from_json(engine: &mut Engine<'_>, args: &Args) -> Result<std::result::Result<Value, String>> {
    to_be_read(engine, args)?;
    match decode(args.text(0)?.as_str()) {
        Ok(value) => taken(engine, value).map(Ok),
        Err(message) => Ok(Err(message)),
    }
}

/// What two bytes of a text may become when it is read, in bytes: a value in a list.
const READ_AS: u64 = VALUE;

/// Pays for reading a text, before that is done.
fn to_be_read(engine: &mut Engine<'_>, args: &Args) -> Result<()> {
    let length = args.text(0)?.as_str().len() as u64;
    engine.budget.step(length / 2)?;
    engine.budget.room((length / 2).saturating_mul(READ_AS))
}

/// Pays for what was read.
fn taken(engine: &mut Engine<'_>, value: Value) -> Result<Value> {
    let weight = engine.budget.weight(&value);
    engine.budget.make(weight)?;
    Ok(value)
}

fn of_node(node: &Node, text: &Text) -> Value {
    let cause = || text.origin_at(node.span.start).cause;
    match &node.value {
        seawall_yaml::Value::Seq(items) => {
            Value::list(items.iter().map(|item| of_node(item, text)).collect())
        }
        seawall_yaml::Value::Map(entries) => map_of(
            entries
                .iter()
                .map(|entry| (Rc::from(&*entry.key), of_node(&entry.value, text))),
        ),
        _ => scalar(node).caused_by(if text.is_marked() { cause() } else { 0 }),
    }
}

/// A scalar as JSON gives it to Go: every number is a `float64`.
pub(crate) fn scalar(node: &Node) -> Value {
    match &node.value {
        seawall_yaml::Value::Bool(truth) => Value::bool(*truth),
        seawall_yaml::Value::Int(value) => {
            Value::float(crate::helm::value::convert::float_of(*value))
        }
        #[allow(clippy::cast_precision_loss)] // what Go's decoder does, too
        seawall_yaml::Value::UInt(value) => Value::float(*value as f64),
        seawall_yaml::Value::Float(value) => Value::float(*value),
        seawall_yaml::Value::String(text) => Value::text(text_of(text.as_bytes())),
        _ => Value::NIL,
    }
}

/// `toYamlPretty`: go-yaml v3's layout, where lists are indented under their key.
fn pretty_yaml(value: &Value) -> Text {
    let mut text = String::new();
    pretty(&deep_copy(value, 0), 0, 0, &mut text);
    Text::from(text.trim_end_matches('\n').to_owned()).caused_by(value.cause)
}

fn pretty(value: &Value, indent: usize, depth: u32, out: &mut String) {
    if depth > MAX_DEPTH || out.len() > crate::helm::value::text::MAX_TEXT {
        return;
    }
    let pad = " ".repeat(indent);
    match &value.data {
        Data::Map(map) if map.len() > 0 => {
            let wrapped = to_node(value, 0);
            let order = wrapped.as_map().map(sorted_keys).unwrap_or_default();
            for (index, key) in order.iter().enumerate() {
                let Some(item) = map.get(key) else { continue };
                if index > 0 {
                    out.push_str(&pad);
                }
                let key = scalar_text(&Value::text(key.as_str()));
                out.push_str(&key);
                out.push(':');
                let nested = match &item.data {
                    Data::Map(map) => map.len() > 0,
                    Data::List(list) => list.len() > 0,
                    _ => false,
                };
                if nested {
                    out.push('\n');
                    out.push_str(&" ".repeat(indent + 2));
                    pretty(&item, indent + 2, depth + 1, out);
                } else {
                    out.push(' ');
                    pretty(&item, indent + 2, depth + 1, out);
                }
            }
        }
        Data::List(list) if list.len() > 0 => {
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push_str(&pad);
                }
                out.push_str("- ");
                pretty(item, indent + 2, depth + 1, out);
            }
        }
        _ => {
            let text = scalar_text(value);
            out.push_str(
                &text.replace('\n', &format!("\n{}", " ".repeat(indent.saturating_sub(2)))),
            );
            out.push('\n');
        }
    }
}

fn scalar_text(value: &Value) -> String {
    seawall_yaml::to_yaml(&to_node(value, 0))
        .trim_end_matches('\n')
        .to_owned()
}

/// The keys in the order that the emitter writes them in.
fn sorted_keys(map: &seawall_yaml::Map) -> Vec<String> {
    let flat = map
        .iter()
        .map(|entry| Entry {
            key: entry.key.clone(),
            key_span: Span::NONE,
            value: Node::null(),
        })
        .collect();
    let text = seawall_yaml::to_yaml(&Node::map(
        seawall_yaml::Map::from_entries(flat),
        Span::NONE,
    ));
    let read = seawall_yaml::parse_single(&text, FileId::UNKNOWN, &Limits::default());
    let Some(document) = read.documents.first() else {
        return Vec::new();
    };
    document.root.as_map().map_or_else(Vec::new, |map| {
        map.iter().map(|entry| entry.key.to_string()).collect()
    })
}
