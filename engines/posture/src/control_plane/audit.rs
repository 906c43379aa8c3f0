//! K3.2.2 and N16: the audit policy.

use super::Document;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::Severity;
use seawall_yaml::Node;

fn level(rule: &Node) -> &str {
    rule.get("level").and_then(Node::as_str).unwrap_or_default()
}

fn is_set(rule: &Node, key: &str) -> bool {
    rule.get(key)
        .and_then(Node::as_seq)
        .is_some_and(|items| !items.is_empty())
}

/// Whether a rule is for some users, verbs or namespaces only.
fn is_narrow(rule: &Node) -> bool {
    ["users", "userGroups", "verbs", "namespaces"]
        .iter()
        .any(|key| is_set(rule, key))
}

/// Whether a rule decides about every request.
fn is_for_all(rule: &Node) -> bool {
    !is_narrow(rule) && !is_set(rule, "resources") && !is_set(rule, "nonResourceURLs")
}

/// Whether a rule decides about requests for Secrets, and whether about all of them.
fn secrets(rule: &Node) -> Option<bool> {
    if is_set(rule, "nonResourceURLs") && !is_set(rule, "resources") {
        return None;
    }
    if !is_set(rule, "resources") {
        return Some(!is_narrow(rule));
    }
    let groups = rule
        .get("resources")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    let core = groups.iter().find(|entry| {
        let group = entry
            .get("group")
            .and_then(Node::as_str)
            .unwrap_or_default();
        let resources = entry
            .get("resources")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        group.is_empty()
            && (resources.is_empty()
                || resources
                    .iter()
                    .filter_map(Node::as_str)
                    .any(|resource| matches!(resource, "secrets" | "*")))
    })?;
    Some(!is_narrow(rule) && !is_set(core, "resourceNames"))
}

/// Judges an audit policy.
pub(super) fn check(d: &Document<'_>, sink: &mut Sink) {
    sink.assess_all(&[Id::K3_2_2, Id::N16]);
    let rules = d.items(&["rules"]);
    let records = |rule: &&Node| level(rule) != "None";
    if !rules.iter().any(|rule| records(&rule)) {
        let span = d.get(&["rules"]).map(|node| node.span);
        let message = "the audit policy records nothing".to_owned();
        let fix = "Add a last rule with level: Metadata".to_owned();
        d.report(
            sink,
            Draft::new(Id::K3_2_2, d.at("/rules", span), message, fix),
        );
        return;
    }
    let dead_end = rules
        .iter()
        .position(|rule| is_for_all(rule) && level(rule) == "None");
    if let Some(index) = dead_end
        && let Some(rule) = rules.get(index)
        && index + 1 < rules.len()
    {
        let locus = d.at(&format!("/rules/{index}"), Some(rule.span));
        let message = "this rule drops every request before the rules after it".to_owned();
        let fix = "Move the rule to the end, or narrow it".to_owned();
        d.report(sink, Draft::new(Id::K3_2_2, locus, message, fix));
        return;
    }
    for (index, rule) in rules.iter().enumerate() {
        let Some(all) = secrets(rule) else { continue };
        let found = level(rule);
        let span = rule.get("level").map(|node| node.span);
        let pointer = format!("/rules/{index}/level");
        if matches!(found, "Request" | "RequestResponse") {
            let message = format!("values of Secrets end in the audit log (level {found})");
            let fix = "Put a rule with level: Metadata for secrets before this one".to_owned();
            d.report(
                sink,
                Draft::new(Id::N16, d.at(&pointer, span), message, fix),
            );
            return;
        }
        if all {
            if found == "None" {
                let message = "who reads Secrets leaves no trace in the audit log".to_owned();
                let fix = "Record secrets at level: Metadata".to_owned();
                let draft = Draft::new(Id::N16, d.at(&pointer, span), message, fix);
                d.report(sink, draft.severity(Severity::Medium));
            }
            return;
        }
    }
}
