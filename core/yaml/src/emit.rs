//! [`Node`] to YAML text, byte for byte as `sigs.k8s.io/yaml` marshals it: through JSON
//! into go-yaml v2's emitter. Helm writes such text into ConfigMaps and hashes it, so
//! "nearly" would be a different object.
//!
//! The emitter is a port of go-yaml's `emitterc.go` (Apache-2.0, after libyaml, MIT),
//! reduced to what can happen here: one document, block style, no tags, no anchors.

use crate::order::sort_natural;
use crate::scalar_out::{self, Style};
use crate::{Node, Value, number};

/// Block-style YAML with the layout of `sigs.k8s.io/yaml` (keys sorted, lists not indented
/// under their key), which is what Helm's `toYaml` writes. Where the original fails (see
/// [`try_to_yaml`]) this writes the value with everything odd escaped.
pub fn to_yaml(node: &Node) -> String {
    let mut emitter = Emitter {
        exact: false,
        ..Emitter::default()
    };
    // Without exactness nothing fails; the text so far is all there is otherwise.
    let _ = emitter.document(node);
    emitter.out
}

/// Like [`to_yaml`], but fails where `sigs.k8s.io/yaml` fails: it reads its own JSON as
/// YAML, which takes no control characters, no key beyond 1,022 characters and no infinity.
pub fn try_to_yaml(node: &Node) -> Result<String, String> {
    let mut emitter = Emitter {
        exact: true,
        ..Emitter::default()
    };
    emitter.document(node)?;
    Ok(emitter.out)
}

/// The state of go-yaml's emitter.
#[derive(Default)]
pub(crate) struct Emitter {
    pub out: String,
    exact: bool,
    /// Column in characters.
    pub column: usize,
    /// -1 before the first collection.
    indent: isize,
    /// Whether the last character was a blank or indicator that needs none after it.
    pub whitespace: bool,
    /// Whether there is nothing but indentation and `-`, `?`, `:` on this line so far.
    pub indention: bool,
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Item,
    Value,
}

impl Emitter {
    fn document(&mut self, node: &Node) -> Result<(), String> {
        self.indent = -1;
        self.whitespace = true;
        self.indention = true;
        self.node(node, Place::Root)?;
        self.write_indent();
        Ok(())
    }

    fn node(&mut self, node: &Node, place: Place) -> Result<(), String> {
        match &node.value {
            Value::Map(map) if map.is_empty() => {
                self.indicator("{", true, true, false);
                self.indicator("}", false, false, false);
            }
            Value::Map(map) => {
                let outer = self.indent;
                self.increase_indent(false);
                let entries = sort_natural(map.iter().collect(), &|entry| &entry.key);
                for entry in entries {
                    self.write_indent();
                    let key = scalar_out::through_json(&entry.key, true, self.exact)?;
                    if scalar_out::is_simple_key(&key) {
                        self.text(&key, true);
                        self.indicator(":", false, false, false);
                    } else {
                        self.indicator("?", true, false, true);
                        self.text(&key, false);
                        self.write_indent();
                        self.indicator(":", true, false, true);
                    }
                    self.node(&entry.value, Place::Value)?;
                }
                self.indent = outer;
            }
            Value::Seq(items) if items.is_empty() => {
                self.indicator("[", true, true, false);
                self.indicator("]", false, false, false);
            }
            Value::Seq(items) => {
                let outer = self.indent;
                self.increase_indent(place == Place::Value && !self.indention);
                for item in items.iter() {
                    self.write_indent();
                    self.indicator("-", true, false, true);
                    self.node(item, Place::Item)?;
                }
                self.indent = outer;
            }
            Value::String(text) => {
                let text = scalar_out::through_json(text, false, self.exact)?;
                self.text(&text, false);
            }
            Value::Null => self.plain_word("null"),
            Value::Bool(truth) => self.plain_word(if *truth { "true" } else { "false" }),
            Value::Int(int) => self.plain_word(&int.to_string()),
            Value::UInt(uint) => self.plain_word(&uint.to_string()),
            Value::Float(float) => {
                if self.exact && !float.is_finite() {
                    return Err(format!("JSON has no form for {float}"));
                }
                self.plain_word(&float_text(*float));
            }
        }
        Ok(())
    }

    fn increase_indent(&mut self, indentless: bool) {
        if self.indent < 0 {
            self.indent = 0;
        } else if !indentless {
            self.indent += 2;
        }
    }

    /// Numbers, truths and null are ASCII and have no blanks.
    fn plain_word(&mut self, text: &str) {
        if !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = false;
        self.indention = false;
    }

    fn text(&mut self, text: &str, simple_key: bool) {
        let style = scalar_out::style(text, simple_key);
        let outer = self.indent;
        // As for a flow collection: text at the root is indented, too.
        self.indent = if outer < 0 { 2 } else { outer + 2 };
        match style {
            Style::Plain => self.plain(text, !simple_key),
            Style::SingleQuoted => self.single_quoted(text, !simple_key),
            Style::DoubleQuoted => self.double_quoted(text, !simple_key),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    pub(crate) fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    pub(crate) fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    pub(crate) fn write_indent(&mut self) {
        let indent = usize::try_from(self.indent).unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    pub(crate) fn indicator(&mut self, text: &str, blank: bool, whitespace: bool, indention: bool) {
        if blank && !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = whitespace;
        self.indention = self.indention && indention;
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
