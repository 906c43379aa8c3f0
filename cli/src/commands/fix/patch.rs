//! Changes for objects that stand in no file: JSON patches and the lines that send them.

use seawall_model::fix::{below, tokens};
use seawall_model::{Data, Operation, ResourceRef};
use seawall_report::clean;
use seawall_report::fixes::wrapped;
use seawall_yaml::{Node, Value};
use std::fmt::Write as _;

/// A patch of one object.
pub(super) struct Patch {
    resource: ResourceRef,
    steps: Vec<String>,
    /// What it repairs.
    rules: String,
    /// What to look at before.
    notes: Vec<String>,
}

impl Patch {
    /// The patch that makes operations; `None` when nothing is left to do.
    pub(super) fn new(
        resource: &ResourceRef,
        tree: &Node,
        operations: &[Operation],
        rules: String,
        notes: Vec<String>,
    ) -> Option<Self> {
        let mut tests: Vec<String> = Vec::new();
        let mut steps: Vec<String> = Vec::new();
        let mut now = tree.clone();
        for operation in Operation::in_turn(operations) {
            let next = seawall_yaml::edit::changed(&now, operation).ok()?;
            if next == now {
                continue;
            }
            for test in operation.pointer().into_iter().flat_map(|p| held(tree, p)) {
                if !tests.contains(&test) {
                    tests.push(test);
                }
            }
            match operation {
                Operation::Set { pointer, value } => set(&now, pointer, value, &mut steps),
                Operation::Append { pointer, value } => {
                    if now
                        .pointer(pointer)
                        .is_some_and(|node| node.as_seq().is_some())
                    {
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
        tests.extend(steps.iter().cloned());
        (!steps.is_empty()).then(|| Self {
            resource: resource.clone(),
            steps: tests,
            rules,
            notes,
        })
    }

    /// A name for its file that means nothing to a file system.
    pub(super) fn file(&self) -> String {
        let resource = &self.resource;
        let parts = [
            resource.namespace.as_deref().unwrap_or_default(),
            &kind(resource),
            &resource.name,
        ];
        let parts: Vec<String> = parts.iter().map(|part| plain(part)).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("_")
    }

    /// What its file holds. JSON in a list of YAML leaves room for what a person should know.
    pub(super) fn text(&self, line: &str) -> String {
        let mut text = self.head();
        let _ = writeln!(text, "# {line}");
        for step in &self.steps {
            let _ = writeln!(text, "- {step}");
        }
        text
    }

    /// What it is about, as comments.
    pub(super) fn head(&self) -> String {
        let mut text = format!("# {}: {}\n", clean(&self.resource.to_string()), self.rules);
        if !self.notes.is_empty() {
            text.push_str("# Before you send it:\n");
        }
        for note in &self.notes {
            text.push_str(&wrapped("# - ", "#   ", &clean(note)));
        }
        text
    }

    /// Whether it changes what the cluster admits, so that the workloads have to change first.
    pub(super) fn is_gate(&self) -> bool {
        self.resource.kind.as_ref() == "Namespace"
    }

    /// The line that sends it: from a file, or by itself.
    pub(super) fn line(&self, file: Option<&str>, context: Option<&str>) -> String {
        let resource = &self.resource;
        let mut text = format!("kubectl patch {} {}", kind(resource), word(&resource.name));
        if let Some(namespace) = &resource.namespace {
            let _ = write!(text, " -n {}", word(namespace));
        }
        if let Some(context) = context {
            let _ = write!(text, " --context {}", word(context));
        }
        let _ = if let Some(file) = file {
            write!(text, " --type=json --patch-file {}", word(file))
        } else {
            let steps = format!("[{}]", self.steps.join(","));
            write!(text, " --type=json -p {}", quoted(&steps))
        };
        text
    }
}

/// A word of a shell's command.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/:@%+".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-.".contains(*c);
    let text: String = text.chars().filter(is_plain).take(80).collect();
    text.trim_start_matches('.').to_owned()
}

fn kind(resource: &ResourceRef) -> String {
    let plain = |text: &str| -> String {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-.".contains(*c);
        text.chars().filter(is_plain).collect()
    };
    let kind = plain(&resource.kind).to_ascii_lowercase();
    if resource.group.is_empty() {
        kind
    } else {
        format!("{kind}.{}", plain(&resource.group))
    }
}

/// Tests that the items of lists on the way are still what they were: a patch counts items, and
/// somebody may have put another one before them since. Words of commands are not repeated:
/// there may be a credential among them.
fn held(tree: &Node, pointer: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut node = tree;
    let mut way = String::new();
    let mut key = String::new();
    for token in tokens(pointer) {
        let is_item = node.as_seq().is_some();
        let Some(next) = node.child(&token) else {
            break;
        };
        way = below(&way, &token);
        if is_item {
            let named = ["name", "key", "containerPort"];
            let sign = named
                .iter()
                .find_map(|key| Some((*key, scalar(next.get(key)?)?)));
            match (sign, scalar(next)) {
                (Some((key, value)), _) => {
                    tests.push(step("test", &below(&way, key), Some(&value)));
                }
                (None, Some(value)) if key == "add" || key == "drop" => {
                    tests.push(step("test", &way, Some(&value)));
                }
                _ => {}
            }
        }
        key = token;
        node = next;
    }
    tests
}

fn scalar(node: &Node) -> Option<Data> {
    match &node.value {
        Value::String(text) => Some(Data::Text(text.clone())),
        Value::Int(_) => node.as_i64().map(Data::Int),
        _ => None,
    }
}

/// JSON patches make no mappings on the way: the outermost missing one is added whole.
fn set(root: &Node, pointer: &str, value: &Data, steps: &mut Vec<String>) {
    let mut pointer = pointer.to_owned();
    let mut value = value.clone();
    let is_there = |pointer: &str| root.pointer(pointer).is_some_and(|node| !node.is_null());
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

/// Data as JSON, without a character that a terminal would obey.
fn json(value: &Data) -> String {
    let json = seawall_yaml::to_json(&Node::from(value));
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match u32::from(c) {
            code @ 0x7f..=0xffff => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{code:04x}");
            }
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(text: &str, operations: &[Operation]) -> String {
        let limits = seawall_yaml::Limits::default();
        let stream = seawall_yaml::parse(text, seawall_model::FileId(1), &limits);
        let resource = ResourceRef {
            group: "".into(),
            kind: "Pod".into(),
            namespace: Some("a b".into()),
            name: "it's".into(),
        };
        let patch = Patch::new(
            &resource,
            &stream.documents[0].root,
            operations,
            String::new(),
            Vec::new(),
        );
        patch.unwrap().line(None, Some("-x"))
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let text = "c: [{name: \"a\\e[0m\\u009b\\u202e\"}]\n";
        let line = patch(text, &[Operation::set("/c/0/x", Data::Bool(true))]);
        assert!(line.contains("a\\u001b[0m\\u009b\\u202e"), "{line}");
    }

    #[test]
    fn a_patch_says_of_which_items_it_speaks() {
        let text = "c:\n- {name: a}\n- {name: b, add: [X, Y], args: [secret]}\n";
        let operations = [
            Operation::remove("/c/1/add/0"),
            Operation::remove("/c/1/args/0"),
            Operation::set("/c/1/s/t", Data::Bool(false)),
        ];
        assert_eq!(
            patch(text, &operations),
            "kubectl patch pod 'it'\\''s' -n 'a b' --context '-x' --type=json -p \
             '[{\"op\":\"test\",\"path\":\"/c/1/name\",\"value\":\"b\"},\
             {\"op\":\"test\",\"path\":\"/c/1/add/0\",\"value\":\"X\"},\
             {\"op\":\"add\",\"path\":\"/c/1/s\",\"value\":{\"t\":false}},\
             {\"op\":\"remove\",\"path\":\"/c/1/add/0\"},\
             {\"op\":\"remove\",\"path\":\"/c/1/args/0\"}]'"
        );
    }
}
