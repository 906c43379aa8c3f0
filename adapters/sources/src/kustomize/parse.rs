//! Text to documents, read both as Kubernetes and as Kustomize read it.
//!
//! Kustomize takes resources and patches for YAML 1.2 and prints them for Kubernetes, which
//! takes them for 1.1: `yes` in a file that Kustomize handles is text in the end.

use super::Fail;
use super::value;
use seawall_model::{FileId, GapKind, Str};
use seawall_yaml::{Limits, Node, NoticeKind, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// A parsed file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// The documents as Kubernetes reads them.
    pub(super) kubernetes: Vec<Node>,
    /// The documents as Kustomize reads resources: YAML 1.2 truths.
    pub(super) resources: Vec<Node>,
    /// What could not be read.
    pub(super) problems: Vec<Fail>,
    /// Keys that Kustomize stops at: those that stand twice in one mapping, or are no text.
    pub(super) duplicates: Vec<Fail>,
}

/// Parses a text.
pub(super) fn parse(text: &str, file: FileId) -> Parsed {
    let stream = seawall_yaml::parse(text, file, &Limits::default());
    let mut parsed = Parsed::default();
    for problem in stream.problems {
        parsed.problems.push(Fail {
            kind: GapKind::Malformed,
            ..Fail::new(problem.span, problem.message)
        });
    }
    let dates = has_dates(text);
    for document in stream.documents {
        let mut legacy: HashMap<(u32, u32), Str> = HashMap::new();
        for notice in &document.notices {
            match notice.kind {
                NoticeKind::LegacyBool => {
                    legacy.insert(
                        (notice.span.start, notice.span.end),
                        notice.text.as_str().into(),
                    );
                }
                NoticeKind::DuplicateKey => parsed.duplicates.push(Fail::new(
                    notice.span,
                    format!("the key \"{}\" stands twice in one mapping", notice.text),
                )),
                _ => {}
            }
        }
        parsed.kubernetes.push(document.root.clone());
        let mut root = document.root;
        if !text.ends_with('\n') {
            cut_last_break(&mut root, text);
        }
        if !legacy.is_empty() || dates {
            let reader = Reader {
                legacy: &legacy,
                text,
            };
            reader.to_yaml_1_2(&mut root, &mut Vec::new(), false);
        }
        annotations_as_written(&mut root, text);
        odd_keys(&root, text, &mut parsed.duplicates);
        parsed.resources.push(root);
    }
    parsed
}

/// kubectl ends every text with a line break, Kustomize does not: a block scalar at the very
/// end of a text without one has none either.
fn cut_last_break(node: &mut Node, text: &str) {
    let last = match &mut node.value {
        Value::Map(map) => map
            .iter()
            .enumerate()
            .max_by_key(|(_, entry)| entry.value.span.start)
            .map(|(index, _)| index)
            .and_then(|index| map.entries_mut().get_mut(index))
            .map(|entry| &mut entry.value),
        Value::Seq(items) => Arc::make_mut(items).last_mut(),
        Value::String(string) => {
            let block = matches!(
                text.as_bytes().get(node.span.start as usize),
                Some(b'|' | b'>')
            );
            let end =
                (node.span.end as usize).saturating_add(1) >= text.trim_end_matches(' ').len();
            if let (true, true, Some(cut)) = (block, end, string.strip_suffix('\n')) {
                *string = cut.into();
            }
            None
        }
        _ => None,
    };
    if let Some(last) = last {
        cut_last_break(last, text);
    }
}

/// The values of annotations end up as text; numbers keep the form in which they are written.
fn annotations_as_written(root: &mut Node, text: &str) {
    let number = |node: &Node| {
        matches!(
            node.value,
            Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_)
        )
    };
    let Some(found) = root.at(&["metadata", "annotations"]).and_then(Node::as_map) else {
        return;
    };
    if !found.iter().any(|entry| number(&entry.value)) {
        return;
    }
    let annotations = root.as_map_mut().and_then(|map| {
        map.get_mut("metadata")?
            .as_map_mut()?
            .get_mut("annotations")?
            .as_map_mut()
    });
    for entry in annotations
        .into_iter()
        .flat_map(seawall_yaml::Map::entries_mut)
    {
        let span = entry.value.span;
        if number(&entry.value)
            && let Some(written) = text.get(span.start as usize..span.end as usize)
        {
            entry.value = value::string(written, span);
        }
    }
}

/// Keys that YAML 1.2 reads as numbers, truths or null.
fn odd_keys(node: &Node, text: &str, fails: &mut Vec<Fail>) {
    match &node.value {
        Value::Map(map) => {
            for entry in map {
                let span = entry.key_span;
                let first = entry.key.as_bytes().first().copied().unwrap_or(b'~');
                let suspect = first.is_ascii_digit() || b"+-.~tTfFnN".contains(&first);
                if suspect
                    && value::resolve(&entry.key, span).as_str().is_none()
                    && text.get(span.start as usize..span.end as usize) == Some(&*entry.key)
                    && span.is_known()
                {
                    let message = format!("the key {} is no text", entry.key);
                    fails.push(Fail::new(span, message));
                }
                odd_keys(&entry.value, text, fails);
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| odd_keys(item, text, fails)),
        _ => {}
    }
}

/// Whether some plain scalar of the text could be a date at all.
fn has_dates(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.match_indices('-').any(|(at, _)| {
        let digits = |range: std::ops::Range<usize>| {
            bytes
                .get(range)
                .is_some_and(|b| b.iter().all(u8::is_ascii_digit))
        };
        at >= 5
            && digits(at - 4..at)
            && digits(at + 1..at + 2)
            && matches!(bytes.get(at - 5), Some(b' ' | b'[' | b','))
    })
}

/// What a second look at a parsed text needs.
struct Reader<'t> {
    legacy: &'t HashMap<(u32, u32), Str>,
    text: &'t str,
}

impl Reader<'_> {
    /// Turns `yes`, `on` … back into text, and dates into points in time, as Kustomize's YAML
    /// library has them. Annotations stay as they are written, and so do times of day within
    /// brackets, which the library puts into quotes on the way.
    fn to_yaml_1_2(&self, node: &mut Node, path: &mut Vec<Str>, flow: bool) {
        let start = node.span.start as usize;
        let container = matches!(node.value, Value::Seq(_) | Value::Map(_));
        let bracket = |at: usize| matches!(self.text.as_bytes().get(at), Some(b'[' | b'{'));
        let before = || self.text.get(..start).unwrap_or_default().trim_end().len();
        let flow = flow || (container && (bracket(start) || bracket(before().wrapping_sub(1))));
        match &mut node.value {
            Value::Map(map) => {
                for entry in map.entries_mut() {
                    let key = (entry.key_span.start, entry.key_span.end);
                    if let Some(written) = self.legacy.get(&key) {
                        entry.key = written.clone();
                    }
                    path.push(entry.key.clone());
                    self.to_yaml_1_2(&mut entry.value, path, flow);
                    path.pop();
                }
            }
            Value::Seq(items) => {
                for item in Arc::make_mut(items) {
                    self.to_yaml_1_2(item, path, flow);
                }
            }
            Value::Bool(_) => {
                if let Some(written) = self.legacy.get(&(node.span.start, node.span.end)) {
                    *node = value::string(written.clone(), node.span);
                }
            }
            Value::String(string) => {
                let written = self
                    .text
                    .get(node.span.start as usize..node.span.end as usize);
                let annotation = matches!(path.as_slice(), [m, a, _] if &**m == "metadata" && &**a == "annotations");
                if written == Some(&**string)
                    && !annotation
                    && !(flow && string.contains(':'))
                    && let Some(time) = super::date::timestamp(string)
                {
                    *node = value::string(time, node.span);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kustomize_reads_yaml_1_2() {
        let parsed = parse(
            "a: yes\nb: 2020-01-02\nc: '2020-01-02'\nd: 0777\n",
            FileId(1),
        );
        let [doc] = parsed.resources.as_slice() else {
            panic!()
        };
        assert_eq!(doc.get("a").and_then(Node::as_str), Some("yes"));
        assert_eq!(
            doc.get("b").and_then(Node::as_str),
            Some("2020-01-02T00:00:00Z")
        );
        assert_eq!(doc.get("c").and_then(Node::as_str), Some("2020-01-02"));
        assert_eq!(doc.get("d").and_then(Node::as_i64), Some(511));
        assert_eq!(
            parsed.kubernetes[0].get("a").and_then(Node::as_bool),
            Some(true)
        );
    }
}
