//! Where a file holds credentials, by its tree.
//!
//! [`redact`](crate::redact) looks at lines, which is all there is of templates and broken
//! files, and which an attacker, or a dump in one line, can dodge. A file that can be read
//! is read, and what its tree says is a credential is never shown.

use crate::redact::{self, sounds_secret};
use seawall_model::FileId;
use seawall_yaml::{Limits, Map, Node, Value};
use std::ops::Range;

/// The longest text that is parsed for a report. Of anything longer, lines must do.
const LONGEST: usize = 8 << 20;

/// kubectl keeps the whole object here, as it was applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Bytes of a text that are credentials, sorted and not overlapping; `None` when the text is too long to tell.
pub(crate) fn places(text: &str) -> Option<Vec<Range<usize>>> {
    if text.len() > LONGEST {
        return None;
    }
    let mut finder = Finder {
        text,
        found: Vec::new(),
    };
    let limits = Limits {
        max_nodes: 2_000_000,
        ..Limits::default()
    };
    for document in seawall_yaml::parse(text, FileId::UNKNOWN, &limits).documents {
        finder.visit(&document.root);
    }
    Some(redact::merge(finder.found))
}

struct Finder<'t> {
    text: &'t str,
    found: Vec<Range<usize>>,
}

impl Finder<'_> {
    fn visit(&mut self, node: &Node) {
        match &node.value {
            Value::Seq(items) => {
                let mut after_flag = false;
                for item in items.iter() {
                    let word = item.as_str();
                    if after_flag && word.is_some_and(|word| !word.starts_with('-')) {
                        self.hide(item);
                    }
                    after_flag = word.is_some_and(is_secret_flag);
                    self.visit(item);
                }
            }
            Value::Map(map) => self.visit_map(map),
            _ => {}
        }
    }

    fn visit_map(&mut self, map: &Map) {
        let text = |key: &str| map.get(key).and_then(Node::as_str);
        let is_secret = text("kind") == Some("Secret");
        let variable = text("name").is_some_and(sounds_secret);
        for entry in map {
            let key = &*entry.key;
            let whole = is_secret && matches!(key, "data" | "stringData") || key == LAST_APPLIED;
            if whole || variable && key == "value" {
                self.hide_all(&entry.value);
            } else if sounds_secret(key) {
                self.hide(&entry.value);
            }
            self.visit(&entry.value);
        }
    }

    /// Every scalar below.
    fn hide_all(&mut self, node: &Node) {
        match &node.value {
            Value::Seq(items) => items.iter().for_each(|item| self.hide_all(item)),
            Value::Map(map) => map
                .into_iter()
                .for_each(|entry| self.hide_all(&entry.value)),
            _ => self.hide(node),
        }
    }

    /// A scalar that may be a credential: its text without quotes and block headers.
    fn hide(&mut self, node: &Node) {
        let harmless = match &node.value {
            Value::String(text) => text.is_empty() || text.starts_with("$(") && text.ends_with(')'),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => false,
            _ => true,
        };
        let range = node.span.start as usize..node.span.end as usize;
        let Some(written) = self.text.get(range.clone()).filter(|_| !harmless) else {
            return;
        };
        let written = written.trim_end();
        let (before, after) = match written.as_bytes().first() {
            Some(b'"' | b'\'') if written.len() > 1 => (1, 1),
            Some(b'|' | b'>') => (written.find('\n').unwrap_or(0), 0),
            _ => (0, 0),
        };
        let hidden = range.start + before..range.start + written.len() - after;
        if !hidden.is_empty() {
            self.found.push(hidden);
        }
    }
}

/// `--password`, whose value is the next argument.
fn is_secret_flag(word: &str) -> bool {
    word.starts_with('-')
        && !word.contains(['=', ' '])
        && sounds_secret(word.trim_start_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        places(text)
            .unwrap()
            .into_iter()
            .map(|range| text.get(range).unwrap())
            .collect()
    }

    #[test]
    fn what_the_tree_calls_a_credential_is_found_in_every_style() {
        assert_eq!(
            hidden(
                r#"{"kind":"Pod","env":[{"name":"X_SECRET","value":"one"},{"name":"A","value":"b"}]}"#
            ),
            ["one"]
        );
        assert_eq!(
            hidden("kind: Secret\ndata: {a: b64, c: 'd'}\ntype: Opaque\n"),
            ["b64", "d"]
        );
        assert_eq!(
            hidden("- value: |-\n    one\n    two\n  name: DB_PASSWORD\n"),
            ["\n    one\n    two"]
        );
        assert_eq!(hidden("args: [--password, one, --v, two]\n"), ["one"]);
        assert_eq!(
            hidden("password: 12345\ntoken: {a: b}\nsecretName: c\n"),
            ["12345"]
        );
        assert_eq!(
            hidden("password: $(DB_PASSWORD)\npasswd: \"\"\napikey: true\n"),
            [""; 0]
        );
        let applied = format!("annotations:\n  {LAST_APPLIED}: '{{\"data\":1}}'\n");
        assert_eq!(hidden(&applied), ["{\"data\":1}"]);
    }
}
