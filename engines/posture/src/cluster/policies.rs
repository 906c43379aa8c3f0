//! N02 and N05: policies of Kyverno, Gatekeeper and Kubewarden.

use super::{Thing, holds};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::{Proof, Severity, Span};
use seawall_yaml::Node;

fn watches(t: &Thing<'_>, pointer: &str, span: Option<Span>, value: &str) -> Draft {
    let locus = t.place(pointer, span);
    let message = format!("the policy is in `{value}` mode: what it forbids gets in");
    let fix = "Look through its reports, then switch it to enforce".to_owned();
    Draft::new(Id::N02, locus, message, fix)
}

/// Kyverno's ClusterPolicy and Policy.
pub(super) fn kyverno(t: &Thing<'_>, sink: &mut Sink) {
    const POINTER: &str = "/spec/validationFailureAction";
    let rules = t.items(&["spec", "rules"]);
    let validating: Vec<&Node> = rules
        .iter()
        .filter_map(|rule| rule.get("validate"))
        .collect();
    if validating.is_empty() {
        return; // it changes or makes objects; it refuses none
    }
    sink.assess(Id::N02, 1);
    let by_rule = |rule: &&Node| {
        rule.get("failureAction")
            .and_then(Node::as_str)
            .map(|text| text.eq_ignore_ascii_case("enforce"))
    };
    let decided: Vec<bool> = validating.iter().filter_map(by_rule).collect();
    if decided.contains(&true) {
        return;
    }
    if let Some(node) = t.get(&["spec", "validationFailureAction"]) {
        let value = node.as_str().unwrap_or_default();
        if value.eq_ignore_ascii_case("audit") && !overridden(t) {
            sink.add(t.asset, watches(t, POINTER, Some(node.span), value));
        }
        return;
    }
    let mut draft = watches(t, POINTER, None, "Audit");
    if decided.is_empty() {
        draft = draft.evidence(
            "validationFailureAction defaults to Audit",
            Proof::ApiDefault("validationFailureAction: Audit"),
        );
    }
    sink.add(t.asset, draft);
}

/// Whether some namespaces enforce it all the same.
fn overridden(t: &Thing<'_>) -> bool {
    t.items(&["spec", "validationFailureActionOverrides"])
        .iter()
        .any(|item| {
            item.get("action")
                .and_then(Node::as_str)
                .is_some_and(|a| a.eq_ignore_ascii_case("enforce"))
        })
}

/// Kyverno's ValidatingPolicy and ImageValidatingPolicy.
pub(super) fn kyverno_validating(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess(Id::N02, 1);
    let Some(node) = t.get(&["spec", "validationActions"]) else {
        return;
    };
    let actions = node.as_seq().unwrap_or_default();
    if actions.is_empty() || holds(actions, "Deny") {
        return;
    }
    let value = actions.iter().find_map(Node::as_str).unwrap_or_default();
    sink.add(
        t.asset,
        watches(t, "/spec/validationActions", Some(node.span), value),
    );
}

/// A Gatekeeper constraint.
pub(super) fn gatekeeper(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess(Id::N02, 1);
    let Some(node) = t.get(&["spec", "enforcementAction"]) else {
        return;
    };
    if let Some(value @ ("dryrun" | "warn")) = node.as_str() {
        sink.add(
            t.asset,
            watches(t, "/spec/enforcementAction", Some(node.span), value),
        );
    }
}

/// A Kubewarden policy.
pub(super) fn kubewarden(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess(Id::N02, 1);
    let Some(node) = t.get(&["spec", "mode"]) else {
        return;
    };
    if node.as_str() == Some("monitor") {
        sink.add(
            t.asset,
            watches(t, "/spec/mode", Some(node.span), "monitor"),
        );
    }
}

/// Whether a filter names neither objects nor namespaces.
fn is_wide(filter: &Node) -> bool {
    let Some(resources) = filter.get("resources") else {
        return filter.get("subjects").is_none();
    };
    let any = |key: &str| {
        let items = resources
            .get(key)
            .and_then(Node::as_seq)
            .unwrap_or_default();
        items.is_empty() || holds(items, "*")
    };
    any("names")
        && any("namespaces")
        && resources.get("selector").is_none()
        && resources.get("namespaceSelector").is_none()
        && filter.get("subjects").is_none()
}

/// A Kyverno PolicyException. In a namespace of its own it is still valid for all.
pub(super) fn exception(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess(Id::N05, 1);
    let by_expression = &*t.object.reference.group == "policies.kyverno.io";
    let wide = if by_expression {
        t.items(&["spec", "matchConditions"])
            .is_empty()
            .then_some((None, "/spec/matchConditions"))
    } else {
        let any = t.items(&["spec", "match", "any"]);
        let all = t.items(&["spec", "match", "all"]);
        let conditions = t.get(&["spec", "conditions"]).is_some();
        let first = any.iter().find(|filter| is_wide(filter));
        let every = !all.is_empty() && all.iter().all(is_wide);
        let found = first.or_else(|| all.first().filter(|_| every));
        found
            .filter(|_| !conditions)
            .map(|filter| (Some(filter.span), "/spec/match"))
    };
    let Some((span, pointer)) = wide else { return };
    let locus = t.place(pointer, span);
    let message = format!("exception `{}` is for all namespaces and names", t.name());
    let fix = "Name the namespaces and objects that the exception is for".to_owned();
    sink.add(
        t.asset,
        Draft::new(Id::N05, locus, message, fix).severity(Severity::Medium),
    );
}
