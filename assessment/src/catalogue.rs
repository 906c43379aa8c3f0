//! Every rule of every engine.

use seawall_model::Rule;

/// All rules, by id.
pub fn catalogue() -> Vec<Rule> {
    Vec::new()
}

/// The rule of an id or of another tool's id (`KSV-0017`), in any case.
pub fn find_rule(id: &str) -> Option<Rule> {
    catalogue().into_iter().find(|rule| {
        rule.id.as_str().eq_ignore_ascii_case(id)
            || rule.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id))
    })
}
