//! `.helmignore`.

use crate::helm::glob::file_match;
use regex::Regex;

/// The rules of one file, and Helm's own.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Regex,
    negate: bool,
    directories: bool,
    /// Whether it looks at the name alone.
    base: bool,
}

impl Rules {
    /// Reads a file; an error is a rule that Helm refuses.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for line in text.lines() {
            rules.add(line)?;
        }
        Ok(rules)
    }

    /// Hidden files under `templates/` are never templates.
    pub(super) fn with_defaults(mut self) -> Self {
        // This one can be read.
        let _ = self.add("templates/.?*");
        self
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if rule.contains("**") {
            return Err("Helm knows no ** in .helmignore".to_owned());
        }
        let (negate, rule) = match rule.strip_prefix('!') {
            Some(rule) => (true, rule),
            None => (false, rule),
        };
        let (directories, rule) = match rule.strip_suffix('/') {
            Some(rule) => (true, rule),
            None => (false, rule),
        };
        let base = !rule.contains('/');
        let rule = rule.strip_prefix('/').unwrap_or(rule);
        let pattern = file_match(rule).ok_or("this is no pattern")?;
        self.0.push(Rule {
            pattern,
            negate,
            directories,
            base,
        });
        Ok(())
    }

    /// Whether a path is left out of the chart.
    pub(super) fn ignores(&self, path: &str, is_directory: bool) -> bool {
        for rule in &self.0 {
            let name = if rule.base {
                path.rsplit('/').next().unwrap_or(path)
            } else {
                path
            };
            let found = rule.pattern.is_match(name);
            if rule.negate {
                // Helm's own meaning: whatever a negated rule does not name is left out.
                if rule.directories && !is_directory || !found {
                    return true;
                }
                continue;
            }
            if rule.directories && !is_directory {
                continue;
            }
            if found {
                return true;
            }
        }
        false
    }
}
