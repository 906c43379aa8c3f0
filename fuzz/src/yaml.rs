//! The YAML and JSON reader, and the writers on what it read.

use crate::dice::hash;
use crate::{Target, corpus};
use seawall_model::{FileId, Span};
use seawall_yaml::{
    Limits, Node, Stream, Value, parse_bytes, parse_single, to_json, to_json_pretty, to_yaml,
    try_to_yaml,
};
use std::collections::HashSet;

/// See the module.
pub const TARGET: Target = Target {
    name: "yaml",
    corpus: || {
        let root = corpus::root();
        let folders = [
            root.join("tests/cases/yaml"),
            root.join("../shared/data/manifests"),
        ];
        corpus::files(&folders, &["yaml", "yml", "json"], 1_500)
    },
    dictionary: &[
        "---\n",
        "\n---\n",
        "\n...\n",
        "<<: ",
        "<<: *x\n",
        "&x ",
        "*x",
        "!!int ",
        "!!str ",
        "!!binary ",
        "!!float ",
        "!x ",
        "%YAML 1.1\n",
        "%TAG ! a\n",
        "|\n",
        ">-\n",
        "|2+\n",
        "\"",
        "'",
        "''",
        "\\x41",
        "\\u0085",
        "\\U0001F600",
        "\\\n",
        "{{ ",
        " }}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\r\n",
        "\r",
        "? ",
        ": ",
        "- ",
        "0x1f",
        "0777",
        "yes",
        "~",
        ".inf",
        "1e400",
        "18446744073709551616",
        "2001-12-14",
        "{\"a\":1}",
        "[]",
        "{}",
        "\"a\":",
        "\\ud83d",
        "true",
        "null",
        "# c\n",
        "\t",
    ],
    run,
};

fn run(input: &[u8], features: &mut HashSet<u64>) {
    let limits = Limits {
        max_nodes: 1_000_000,
        ..Limits::default()
    };
    let stream = parse_bytes(input, FileId(1), &limits);
    look_at(&stream, input.len(), features);
    if let Ok(text) = std::str::from_utf8(input) {
        look_at(
            &parse_single(text, FileId(1), &limits),
            input.len(),
            features,
        );
    }
    for document in &stream.documents {
        write(&document.root);
    }
}

fn look_at(stream: &Stream, length: usize, features: &mut HashSet<u64>) {
    features.insert(hash(&[1, stream.documents.len().min(8) as u8]));
    features.insert(hash(&[2, stream.problems.len().min(8) as u8]));
    for problem in &stream.problems {
        check(problem.span, length);
        // The message up to what it quotes.
        let words = problem
            .message
            .split(['`', '\'', '('])
            .next()
            .unwrap_or_default();
        features.insert(hash(words.as_bytes()));
    }
    for document in &stream.documents {
        for notice in &document.notices {
            check(notice.span, length);
            let text = notice
                .text
                .get(..notice.text.len().min(2))
                .unwrap_or_default();
            features.insert(hash(format!("{:?}{text}", notice.kind).as_bytes()));
        }
        visit(&document.root, 0, 0, length, features);
    }
}

fn check(span: Span, length: usize) {
    assert!(
        span.start <= span.end && span.end as usize <= length,
        "{span:?} in {length} bytes"
    );
    assert!(span.line >= 1 && span.column >= 1, "{span:?}");
}

fn visit(node: &Node, depth: usize, above: u8, length: usize, features: &mut HashSet<u64>) {
    check(node.span, length);
    let (kind, size) = match &node.value {
        Value::Null => (0, 0),
        Value::Bool(truth) => (1, usize::from(*truth)),
        Value::Int(int) => (2, int.unsigned_abs().ilog2_or_zero()),
        Value::UInt(_) => (3, 0),
        Value::Float(float) => (4, float.abs().log10().clamp(0.0, 30.0) as usize),
        Value::String(text) => (5, shape(text)),
        Value::Seq(items) => (6, items.len().min(5)),
        Value::Map(map) => (7, map.len().min(5)),
    };
    let height = (node.span.end - node.span.start)
        .min(1 << 12)
        .ilog2_or_zero();
    features.insert(hash(&[3, kind, size as u8, above, depth.min(2) as u8]));
    features.insert(hash(&[4, kind, height as u8, above]));
    match &node.value {
        Value::Seq(items) => {
            for item in items.iter() {
                visit(item, depth + 1, kind, length, features);
            }
        }
        Value::Map(map) => {
            for entry in map {
                check(entry.key_span, length);
                features.insert(hash(&[5, shape(&entry.key) as u8]));
                visit(&entry.value, depth + 1, kind, length, features);
            }
        }
        _ => {}
    }
}

/// What kinds of characters a text has.
fn shape(text: &str) -> usize {
    let mut shape = 0;
    for c in text.chars() {
        shape |= match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => 1,
            ' ' => 2,
            '\n' => 4,
            '\t' | '\r' => 8,
            '\u{80}'.. => 16,
            '\0'..='\x1f' | '\x7f' => 32,
            '\'' | '"' | '\\' => 64,
            _ => 128,
        };
    }
    shape
}

trait Log {
    fn ilog2_or_zero(self) -> usize;
}

impl<T: TryInto<u64>> Log for T {
    fn ilog2_or_zero(self) -> usize {
        self.try_into()
            .ok()
            .and_then(u64::checked_ilog2)
            .unwrap_or(0) as usize
    }
}

/// Whether go-yaml's own text would say something else: it writes the key `<<` plain.
fn has_merge_key(node: &Node) -> bool {
    match &node.value {
        Value::Seq(items) => items.iter().any(has_merge_key),
        Value::Map(map) => map
            .iter()
            .any(|entry| &*entry.key == "<<" || has_merge_key(&entry.value)),
        _ => false,
    }
}

fn write(root: &Node) {
    let limits = Limits::default();
    let yaml = to_yaml(root);
    if !has_merge_key(root) {
        let again = parse_single(&yaml, FileId(1), &limits);
        assert!(
            again.problems.is_empty(),
            "{:?} in {yaml:?}",
            again.problems
        );
        let same = again
            .documents
            .first()
            .map_or(&Value::Null, |d| &d.root.value);
        assert!(plain(same) == plain(&root.value), "{yaml:?}");
    }
    let _ = try_to_yaml(root);
    for json in [to_json(root), to_json_pretty(root)] {
        let wrapped = format!("{{\"x\":{json}}}");
        let again = parse_bytes(wrapped.as_bytes(), FileId(1), &limits);
        let same = again.documents.first().and_then(|d| d.root.get("x"));
        // One level more than was allowed is no defect.
        let too_deep = again
            .problems
            .iter()
            .any(|p| p.message.starts_with("nested deeper"));
        assert!(
            too_deep || same.is_some_and(|same| plain(&same.value) == plain(&root.value)),
            "{wrapped:?}"
        );
    }
}

/// The value as JSON, with `-0` as 0, which is all that writing does to it.
fn plain(value: &Value) -> String {
    fn settle(node: &mut Node) {
        match &mut node.value {
            Value::Float(float) if *float == 0.0 => node.value = Value::Int(0),
            Value::Seq(items) => std::sync::Arc::make_mut(items).iter_mut().for_each(settle),
            Value::Map(map) => map
                .entries_mut()
                .iter_mut()
                .for_each(|e| settle(&mut e.value)),
            _ => {}
        }
    }
    let mut node = Node::new(value.clone(), Span::NONE);
    settle(&mut node);
    to_json(&node)
}
