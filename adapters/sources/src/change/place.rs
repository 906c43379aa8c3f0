//! From a node of an object to the node of a file that it came from.

use seawall_model::fix::{below, tokens};
use seawall_model::{Operation, SourceMap, Span};
use seawall_yaml::edit::Editor;
use seawall_yaml::{Node, Value};

/// Something on the way to what an operation changes, and where it stands.
#[derive(Debug)]
pub(super) struct Place<'n> {
    /// The node of the object.
    pub(super) node: &'n Node,
    /// Its place in a file.
    pub(super) span: Span,
    /// What is left of the way.
    pub(super) rest: Vec<String>,
    /// Whether `span` is that of a values key.
    pub(super) by_value: bool,
}

/// The places where an operation can be made, the nearest first.
pub(super) fn places<'n>(
    object: &'n Node,
    operation: &Operation,
    map: &SourceMap,
) -> Vec<Place<'n>> {
    let Some(pointer) = operation.pointer() else {
        return vec![Place {
            node: object,
            span: object.span,
            rest: Vec::new(),
            by_value: false,
        }];
    };
    let path = tokens(pointer);
    let mut way = vec![object];
    for token in &path {
        let node = way.last().and_then(|node| node.child(token));
        let Some(node) = node else { break };
        way.push(node);
    }
    let mut places = Vec::new();
    for (depth, node) in way.iter().enumerate().rev() {
        // An item of a list may have come from elsewhere than the list: it is changed where it
        // stands, or not at all.
        if node.as_seq().is_some() && depth + 1 < way.len() {
            break;
        }
        let place = |span: Span, by_value| Place {
            node,
            span,
            rest: path.get(depth..).unwrap_or_default().to_vec(),
            by_value,
        };
        let cause = map.cause(node.span.cause).filter(|cause| cause.direct);
        if let Some(cause) = cause.filter(|cause| cause.span.is_known()) {
            places.push(place(cause.span, true));
        }
        if node.span.is_known() {
            places.push(place(node.span, false));
        }
        // What is further up stands around what is nearer: only the nearest place that can be
        // found in a file is right, and three are enough to find one.
        if places.len() >= 4 {
            break;
        }
    }
    places
}

/// The document of a text, and the way in it, where a place is.
pub(super) fn find(editor: &Editor, place: &Place<'_>) -> Option<(usize, String)> {
    editor.documents().enumerate().find_map(|(at, root)| {
        let mut found = None;
        look(root, place, String::new(), &mut found);
        found.map(|pointer| (at, pointer))
    })
}

fn look(node: &Node, place: &Place<'_>, pointer: String, found: &mut Option<String>) {
    if found.is_some() || node.span.start > place.span.start || node.span.end < place.span.start {
        return;
    }
    let kind = |node: &Node| std::mem::discriminant(&node.value);
    let exact = node.span.start == place.span.start
        && (place.by_value || node.span.end == place.span.end)
        && kind(node) == kind(place.node);
    if exact {
        *found = Some(pointer);
        return;
    }
    match &node.value {
        Value::Map(map) => {
            for entry in map {
                look(&entry.value, place, below(&pointer, &entry.key), found);
            }
        }
        Value::Seq(items) => {
            for (at, item) in items.iter().enumerate() {
                look(item, place, format!("{pointer}/{at}"), found);
            }
        }
        _ => {}
    }
}

/// The operation as seen from a document.
pub(super) fn moved(operation: &Operation, pointer: &str, rest: &[String]) -> Operation {
    let pointer = rest
        .iter()
        .fold(pointer.to_owned(), |pointer, token| below(&pointer, token));
    match operation {
        Operation::Set { value, .. } => Operation::set(pointer, value.clone()),
        Operation::Append { value, .. } => Operation::append(pointer, value.clone()),
        Operation::Remove { .. } => Operation::remove(pointer),
        other => other.clone(),
    }
}
