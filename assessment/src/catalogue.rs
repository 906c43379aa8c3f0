//! Every rule of every engine.

use crate::demands;
use seawall_admission::policy::Policies;
use seawall_model::{Area, Rule};

/// All rules, by id.
pub fn catalogue() -> Vec<Rule> {
    let mut rules: Vec<Rule> = seawall_admission::rules()
        .iter()
        .chain(seawall_posture::rules())
        .chain(seawall_network::rules())
        .chain(seawall_paths::rules())
        .chain(seawall_access::rules())
        .cloned()
        .chain([demands::rule()])
        .collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    rules
}

/// All rules, and those that the user's own policies are.
pub fn catalogue_with(policies: Option<&Policies>) -> Vec<Rule> {
    let mut rules = catalogue();
    rules.extend(policies.into_iter().flat_map(Policies::rules).cloned());
    rules
}

/// The rule of an id or of another tool's id (`KSV-0017`), in any case; or the attack technique.
pub fn find_rule(id: &str) -> Option<Rule> {
    let rules = catalogue().into_iter();
    let techniques = seawall_paths::techniques().iter().cloned();
    rules.chain(techniques).find(|rule| named(rule, id))
}

/// Whether a word a user typed means this rule: its id, an alias, or its area.
pub fn means(rule: &Rule, word: &str) -> bool {
    named(rule, word) || rule.area.name().eq_ignore_ascii_case(word)
}

fn named(rule: &Rule, id: &str) -> bool {
    rule.id.as_str().eq_ignore_ascii_case(id)
        || rule
            .aliases
            .iter()
            .any(|alias| alias.eq_ignore_ascii_case(id))
}

/// Every word that `--only` and `--skip` understand, for suggestions.
pub fn selectable_words() -> Vec<String> {
    let mut words: Vec<String> = Area::ALL
        .iter()
        .map(|area| area.name().to_owned())
        .collect();
    for rule in catalogue() {
        words.push(rule.id.to_string());
        words.extend(rule.aliases.iter().map(ToString::to_string));
    }
    words
}
