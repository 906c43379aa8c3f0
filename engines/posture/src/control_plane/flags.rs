//! Command-line flags as Go's flag packages read them.

use super::program::Word;
use seawall_model::Span;
use seawall_yaml::Node;

/// The flags of one component.
#[derive(Debug, Default)]
pub(super) struct Flags<'a> {
    list: Vec<Flag<'a>>,
    /// Whether a flag that is not here has its default; false where a tool adds its own.
    pub(super) complete: bool,
}

/// One flag.
#[derive(Debug, Clone)]
pub(super) struct Flag<'a> {
    name: &'a str,
    value: Option<&'a str>,
    /// Whether the value is a word of its own, which a boolean flag does not take.
    separate: bool,
    /// JSON pointer below the holder.
    pub(super) pointer: String,
    pub(super) span: Span,
}

impl<'a> Flags<'a> {
    /// Reads the words after a component's name.
    pub(super) fn read(words: impl Iterator<Item = Word<'a>>) -> Self {
        let mut list = Vec::new();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let Some(text) = word.text.strip_prefix('-') else {
                continue;
            };
            let text = text.strip_prefix('-').unwrap_or(text);
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let next = words.peek().filter(|_| value.is_none()).copied();
            let separate = next.filter(|next| !next.text.starts_with('-'));
            list.push(Flag {
                name,
                value: value.or(separate.map(|next| next.text)),
                separate: separate.is_some(),
                pointer: format!("/{}/{}", word.list, word.index),
                span: word.span,
            });
        }
        Self {
            list,
            complete: true,
        }
    }

    /// Reads `extraArgs` of kubeadm: a mapping, or from v1beta4 a list of names and values.
    pub(super) fn extra(node: &'a Node) -> Self {
        let mut list = Vec::new();
        for entry in node.as_map().into_iter().flatten() {
            list.push(Flag {
                name: &entry.key,
                value: entry.value.as_str(),
                separate: false,
                pointer: format!("/{}", entry.key),
                span: entry.value.span,
            });
        }
        for (index, item) in node.as_seq().unwrap_or_default().iter().enumerate() {
            let text = |key| item.get(key).and_then(Node::as_str);
            if let Some(name) = text("name") {
                list.push(Flag {
                    name,
                    value: text("value"),
                    separate: false,
                    pointer: format!("/{index}"),
                    span: item.span,
                });
            }
        }
        Self {
            list,
            complete: false,
        }
    }

    /// Adds what an environment variable sets, unless a flag does.
    pub(super) fn add_default(
        &mut self,
        name: &'a str,
        value: &'a str,
        pointer: String,
        span: Span,
    ) {
        if !self.has(name) {
            self.list.push(Flag {
                name,
                value: Some(value),
                separate: false,
                pointer,
                span,
            });
        }
    }

    /// The flag of a name; the last one counts. `_` is the same as `-`.
    pub(super) fn get(&self, name: &str) -> Option<&Flag<'a>> {
        self.list.iter().rev().find(|flag| same(flag.name, name))
    }

    /// Whether the flag is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of a flag; `None` when it is absent, or a variable that nobody knows.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.value.filter(|value| !value.contains("$("))
    }

    /// Whether the value cannot be known: it is a variable.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        self.get(name)
            .and_then(|flag| flag.value)
            .is_some_and(|value| value.contains("$("))
    }

    /// The value of a boolean flag; a bare flag is true.
    pub(super) fn truth(&self, name: &str) -> Option<bool> {
        let flag = self.get(name)?;
        match flag.value.filter(|_| !flag.separate) {
            None => Some(true),
            Some(value) => match value {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
                _ => None,
            },
        }
    }

    /// The items of a list flag, over all its occurrences.
    pub(super) fn items(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.list
            .iter()
            .filter(move |flag| same(flag.name, name))
            .filter_map(|flag| flag.value)
            .flat_map(|value| value.split(','))
            .map(str::trim)
    }

    /// Whether a list flag has an item.
    pub(super) fn lists(&self, name: &str, item: &str) -> bool {
        self.items(name).any(|found| found == item)
    }

    /// Whether a `key=value` list flag, such as feature-gates, sets a key to false.
    pub(super) fn gate_is_off(&self, gate: &str) -> bool {
        self.items("feature-gates").any(|item| {
            item.split_once('=').is_some_and(|(name, value)| {
                name == gate && matches!(value, "false" | "False" | "0" | "f")
            })
        })
    }
}

fn same(written: &str, name: &str) -> bool {
    written.len() == name.len()
        && written
            .bytes()
            .zip(name.bytes())
            .all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}
