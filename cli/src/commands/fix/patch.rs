//! Changes for objects that stand in no file: JSON patches and the lines that send them.

use seawall_model::{Data, Operation, ResourceRef};
use seawall_yaml::Node;
use std::fmt::Write as _;

/// `kubectl patch` for the operations on an object.
pub(super) fn line(
    resource: &ResourceRef,
    tree: &Node,
    operations: &[Operation],
) -> Option<String> {
    let mut steps: Vec<String> = Vec::new();
    let mut now = tree.clone();
    for operation in operations {
        let next = seawall_yaml::edit::changed(&now, operation).ok()?;
        if next == now {
            continue;
        }
        match operation {
            Operation::Set { pointer, value } => set(&now, pointer, value, &mut steps),
            Operation::Append { pointer, value } => {
                if at(&now, pointer).is_some_and(|node| node.as_seq().is_some()) {
                    steps.push(step("add", &format!("{pointer}/-"), Some(value)));
                } else {
                    set(&now, pointer, &Data::List(vec![value.clone()]), &mut steps);
                }
            }
            Operation::Remove { pointer } => steps.push(step("remove", pointer, None)),
            Operation::Respell { .. } | Operation::Deduplicate { .. } => {}
        }
        now = next;
    }
    if steps.is_empty() {
        return None;
    }
    let mut text = format!("kubectl patch {}", kind(resource));
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let _ = write!(text, " {}", quoted(&resource.name));
    if let Some(namespace) = &resource.namespace {
        let _ = write!(text, " -n {}", quoted(namespace));
    }
    let _ = writeln!(
        text,
        " --type=json -p {}",
        quoted(&format!("[{}]", steps.join(",")))
    );
    Some(text)
}

fn kind(resource: &ResourceRef) -> String {
    let kind = resource.kind.to_ascii_lowercase();
    if resource.group.is_empty() {
        kind
    } else {
        format!("{kind}.{}", resource.group)
    }
}

fn at<'n>(root: &'n Node, pointer: &str) -> Option<&'n Node> {
    seawall_model::fix::tokens(pointer)
        .iter()
        .try_fold(root, |node, token| match node.as_seq() {
            Some(items) => items.get(token.parse::<usize>().ok()?),
            None => node.get(token),
        })
}

/// JSON patches make no mappings on the way: the outermost missing one is added whole.
fn set(root: &Node, pointer: &str, value: &Data, steps: &mut Vec<String>) {
    let mut pointer = pointer.to_owned();
    let mut value = value.clone();
    let is_there = |pointer: &str| at(root, pointer).is_some_and(|node| !node.is_null());
    if is_there(&pointer) {
        steps.push(step("replace", &pointer, Some(&value)));
        return;
    }
    while let Some((up, key)) = pointer.clone().rsplit_once('/') {
        if up.is_empty() || is_there(up) {
            break;
        }
        value = Data::entry(key.replace("~1", "/").replace("~0", "~"), value);
        pointer.truncate(up.len());
    }
    steps.push(step("add", &pointer, Some(&value)));
}

fn step(what: &str, pointer: &str, value: Option<&Data>) -> String {
    let mut text = format!(
        "{{\"op\":\"{what}\",\"path\":{}",
        json(&Data::text(pointer))
    );
    if let Some(value) = value {
        let _ = write!(text, ",\"value\":{}", json(value));
    }
    text.push('}');
    text
}

fn json(value: &Data) -> String {
    match value {
        Data::Bool(truth) => truth.to_string(),
        Data::Int(number) => number.to_string(),
        Data::Text(text) => {
            let node = Node::string(text.clone(), seawall_model::Span::NONE);
            seawall_yaml::to_json(&node)
        }
        Data::List(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
        Data::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}:{}", json(&Data::Text(key.clone())), json(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
    }
}
