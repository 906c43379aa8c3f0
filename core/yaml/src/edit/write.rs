//! Writes what is new, in the style of the text around it.

use super::survey::Style;
use super::{Refusal, refuse};
use crate::emit::Page;
use crate::scalar_out::{self, Style as Quotes, is_simple_key, style};
use crate::{json_out, resolve};
use seawall_model::Data;

/// How new text is written.
pub(super) struct Writer {
    pub(super) style: Style,
    /// Keys and text in double quotes, as in JSON.
    pub(super) quoted: bool,
}

/// Whether data is written on the line of its key.
pub(super) fn is_inline(value: &Data) -> bool {
    match value {
        Data::List(items) => items.is_empty(),
        Data::Map(entries) => entries.is_empty(),
        _ => true,
    }
}

impl Writer {
    /// An entry on lines of its own.
    pub(super) fn entry(
        &self,
        key: &str,
        value: &Data,
        indent: usize,
        lines: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        let pad = " ".repeat(indent);
        let key = self.key(key);
        if is_inline(value) {
            lines.push(format!("{pad}{key}: {}", self.inline(value)?));
            return Ok(());
        }
        lines.push(format!("{pad}{key}:"));
        self.below_key(value, indent, lines)
    }

    /// What stands below a key of this indentation.
    pub(super) fn below_key(
        &self,
        value: &Data,
        indent: usize,
        lines: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        match value {
            Data::Map(entries) => {
                for (key, value) in entries {
                    self.entry(key, value, indent + self.style.step, lines)?;
                }
            }
            Data::List(items) => {
                for item in items {
                    self.item(item, indent + self.style.dash, lines)?;
                }
            }
            _ => return refuse("a plain value has no lines of its own"),
        }
        Ok(())
    }

    /// An item of a list, its dash at this indentation.
    pub(super) fn item(
        &self,
        value: &Data,
        indent: usize,
        lines: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        let pad = " ".repeat(indent);
        match value {
            Data::Map(entries) if !entries.is_empty() => {
                let first = lines.len();
                for (key, value) in entries {
                    self.entry(key, value, indent + 2, lines)?;
                }
                if let Some(line) = lines.get_mut(first) {
                    *line = format!("{pad}- {}", line.trim_start());
                }
            }
            Data::List(items) if !items.is_empty() => {
                return refuse("lists in lists are not written");
            }
            _ => lines.push(format!("{pad}- {}", self.inline(value)?)),
        }
        Ok(())
    }

    /// Data on one line.
    pub(super) fn inline(&self, value: &Data) -> Result<String, Refusal> {
        Ok(match value {
            Data::Bool(truth) => truth.to_string(),
            Data::Int(number) => number.to_string(),
            Data::Text(text) => self.text(text)?,
            Data::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.inline(item)).collect();
                format!("[{}]", items?.join(", "))
            }
            Data::Map(entries) => {
                let entries: Result<Vec<String>, Refusal> = entries
                    .iter()
                    .map(|(key, value)| Ok(format!("{}: {}", self.key(key), self.inline(value)?)))
                    .collect();
                format!("{{{}}}", entries?.join(", "))
            }
        })
    }

    /// Data without a blank.
    pub(super) fn compact(&self, value: &Data) -> Result<String, Refusal> {
        Ok(match value {
            Data::List(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.compact(item)).collect();
                format!("[{}]", items?.join(","))
            }
            Data::Map(entries) => {
                let entries: Result<Vec<String>, Refusal> = entries
                    .iter()
                    .map(|(key, value)| Ok(format!("{}:{}", self.key(key), self.compact(value)?)))
                    .collect();
                format!("{{{}}}", entries?.join(","))
            }
            _ => self.inline(value)?,
        })
    }

    /// Data in braces and brackets, with a line for each entry.
    pub(super) fn pretty(
        &self,
        value: &Data,
        indent: &str,
        unit: &str,
        end: &str,
    ) -> Result<String, Refusal> {
        let deeper = format!("{indent}{unit}");
        let (open, close, lines) = match value {
            Data::List(items) if !items.is_empty() => {
                let items: Result<Vec<String>, Refusal> = items
                    .iter()
                    .map(|item| self.pretty(item, &deeper, unit, end))
                    .collect();
                ('[', ']', items?)
            }
            Data::Map(entries) if !entries.is_empty() => {
                let entries: Result<Vec<String>, Refusal> = entries
                    .iter()
                    .map(|(key, value)| {
                        let value = self.pretty(value, &deeper, unit, end)?;
                        Ok(format!("{}: {value}", self.key(key)))
                    })
                    .collect();
                ('{', '}', entries?)
            }
            _ => return self.inline(value),
        };
        let between = format!(",{end}{deeper}");
        Ok(format!(
            "{open}{end}{deeper}{}{end}{indent}{close}",
            lines.join(&between)
        ))
    }

    /// A plain value in the quotes of the one that it replaces.
    pub(super) fn like(&self, value: &Data, old: &str) -> Result<String, Refusal> {
        match value {
            Data::Text(text) if old.starts_with('"') => Ok(json(text)),
            Data::Text(text) if old.starts_with('\'') => {
                Ok(format!("'{}'", text.replace('\'', "''")))
            }
            _ => self.inline(value),
        }
    }

    /// A key.
    pub(super) fn key(&self, key: &str) -> String {
        if self.quoted {
            return json(key);
        }
        let mut page = Page::default();
        page.text(key, style(key, is_simple_key(key)), 0, false);
        page.out
    }

    fn text(&self, text: &str) -> Result<String, Refusal> {
        if self.quoted {
            return Ok(json(text));
        }
        if text.contains(scalar_out::is_break) {
            return refuse("text of several lines is not written");
        }
        let mut quotes = style(text, true);
        // Between braces and brackets these would end the text.
        let indicators = [',', '[', ']', '{', '}'];
        if quotes == Quotes::Plain && text.contains(indicators) {
            quotes = Quotes::SingleQuoted;
        }
        // `y` and `n` too, though Kubernetes' writer leaves some of them.
        if quotes == Quotes::Plain
            && !matches!(resolve::resolve_plain(text).0, resolve::Resolved::Text)
        {
            quotes = Quotes::DoubleQuoted;
        }
        let mut page = Page::default();
        page.text(text, quotes, 0, false);
        Ok(page.out)
    }
}

fn json(text: &str) -> String {
    let mut out = String::new();
    json_out::string(text, &mut out);
    out
}
