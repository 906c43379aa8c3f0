//! [`Node`] to YAML text, byte for byte as `sigs.k8s.io/yaml` marshals it. Helm writes such
//! text into ConfigMaps and hashes it, so "nearly" would be a different object.
//!
//! The layout is simple, since there is one style only: every entry has a line of its own,
//! two columns deeper than the collection around it. Except that a list hangs in the column
//! of its key, and that the first entry behind a `- ` stands on that line. [`Page`] is what
//! was written; styles of text are in `scalar_out`.

use crate::order::sort_natural;
use crate::scalar_out::{self, is_break};
use crate::{Node, Value, number};

/// Block-style YAML with the layout of `sigs.k8s.io/yaml` (keys sorted, lists not indented
/// under their key), which is what Helm's `toYaml` writes. Where the original fails (see
/// [`try_to_yaml`]) this writes the value with everything odd escaped.
pub fn to_yaml(node: &Node) -> String {
    let mut page = Page::default();
    // Without exactness nothing fails; the text so far is all there is otherwise.
    let _ = page.document(node);
    page.out
}

/// Like [`to_yaml`], but fails where `sigs.k8s.io/yaml` fails: it reads its own JSON as
/// YAML, which takes no control characters, no key beyond 1,022 characters and no infinity.
pub fn try_to_yaml(node: &Node) -> Result<String, String> {
    let mut page = Page {
        exact: true,
        ..Page::default()
    };
    page.document(node)?;
    Ok(page.out)
}

/// What is written so far.
#[derive(Default)]
pub(crate) struct Page {
    pub out: String,
    exact: bool,
}

/// What stands before a node on its line.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    Nothing,
    /// `- `, or the `: ` below a key that has a line of its own.
    Indicator,
    /// `key:`, without a blank.
    Key,
}

impl Page {
    fn document(&mut self, node: &Node) -> Result<(), String> {
        self.node(node, Behind::Nothing, 0)?;
        self.line(0);
        Ok(())
    }

    /// Writes a node that belongs to a collection with this indentation.
    fn node(&mut self, node: &Node, behind: Behind, around: usize) -> Result<(), String> {
        let deeper = if behind == Behind::Nothing {
            around
        } else {
            around + 2
        };
        match &node.value {
            Value::Map(map) if !map.is_empty() => {
                let entries = sort_natural(map.iter().collect(), &|entry| &entry.key);
                for (i, entry) in entries.into_iter().enumerate() {
                    if i > 0 || behind == Behind::Key {
                        self.line(deeper);
                    }
                    let key = scalar_out::through_json(&entry.key, true, self.exact)?;
                    let simple = scalar_out::is_simple_key(&key);
                    let style = scalar_out::style(&key, simple);
                    if simple {
                        self.text(&key, style, deeper + 2, false);
                        self.out.push(':');
                        self.node(&entry.value, Behind::Key, deeper)?;
                    } else {
                        self.out.push_str("? ");
                        self.text(&key, style, deeper + 2, true);
                        self.line(deeper);
                        self.out.push_str(": ");
                        self.node(&entry.value, Behind::Indicator, deeper)?;
                    }
                }
                return Ok(());
            }
            Value::Seq(items) if !items.is_empty() => {
                let indent = if behind == Behind::Key {
                    around
                } else {
                    deeper
                };
                for (i, item) in items.iter().enumerate() {
                    if i > 0 || behind == Behind::Key {
                        self.line(indent);
                    }
                    self.out.push_str("- ");
                    self.node(item, Behind::Indicator, indent)?;
                }
                return Ok(());
            }
            _ => {}
        }
        if behind == Behind::Key {
            self.out.push(' ');
        }
        match &node.value {
            Value::Map(_) => self.out.push_str("{}"),
            Value::Seq(_) => self.out.push_str("[]"),
            Value::String(text) => {
                let text = scalar_out::through_json(text, false, self.exact)?;
                let style = scalar_out::style(&text, false);
                // Text of its own is indented, too.
                self.text(&text, style, around + 2, true);
            }
            Value::Null => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Int(int) => self.out.push_str(&int.to_string()),
            Value::UInt(uint) => self.out.push_str(&uint.to_string()),
            Value::Float(float) => {
                if self.exact && !float.is_finite() {
                    return Err(format!("JSON has no form for {float}"));
                }
                self.out.push_str(&float_text(*float));
            }
        }
        Ok(())
    }

    /// Characters on the last line.
    pub(crate) fn column(&self) -> usize {
        let from_end = self.out.chars().rev();
        from_end.take_while(|&c| !is_break(c)).count()
    }

    /// Starts a line with this indentation, unless the last one has just ended.
    pub(crate) fn line(&mut self, indent: usize) {
        if !self.out.is_empty() && !self.out.ends_with(is_break) {
            self.out.push('\n');
        }
        self.pad(indent);
    }

    pub(crate) fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }
}

/// A float after its way through JSON, where some become integers.
fn float_text(float: f64) -> String {
    let mut text = String::new();
    if float.is_finite() {
        number::json_float(float, &mut text);
        if let Ok(int) = text.parse::<i64>() {
            return int.to_string();
        }
        if text.parse::<u64>().is_ok() {
            return text;
        }
        text.clear();
    }
    number::yaml_float(float, &mut text);
    text
}
