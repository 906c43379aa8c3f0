//! CIL-18 and CIL-19: rules about requests, and TLS that is looked into.

use super::super::{Report, Scene, place};
use crate::policy::{At, Direction};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_snapshot::Object;

pub(super) fn check(scene: &Scene<'_, '_>, object: &Object, spec: &At<'_>, report: &mut Report) {
    for direction in Direction::ALL {
        for rule in spec.maps(direction.name()).unwrap_or_default() {
            for item in rule.maps("toPorts").unwrap_or_default() {
                requests(scene, object, &item, report);
                keys(object, &item, direction, report);
            }
        }
    }
}

/// CIL-18.
fn requests(scene: &Scene<'_, '_>, object: &Object, item: &At<'_>, report: &mut Report) {
    let rules = item.map("rules").ok().flatten();
    let Some(rules) = rules.and_then(|rules| rules.maps("http").ok()) else {
        return;
    };
    let held: Vec<usize> = scene
        .policies(object)
        .iter()
        .flat_map(|policy| policy.subjects.iter().copied())
        .collect();
    let draft = |at: &At<'_>, severity, message: String, fix: &str| {
        Draft::new(
            Id::CIL_18,
            place(&at.pointer, at.span()),
            message,
            fix.to_owned(),
        )
        .severity(severity)
        .affects(scene.assets(&held))
    };
    // Alone it is there for Hubble to see the requests.
    let everything = rules.iter().find(|rule| is_everything(rule));
    if let Some(rule) = everything.filter(|_| rules.len() > 1) {
        let message = "the rule allows every request: the others beside it limit nothing";
        let fix = "Remove it";
        let severity = scene.weighed(Severity::Medium, &held);
        report.add(object, draft(rule, severity, message.to_owned(), fix));
    }
    for rule in &rules {
        for header in rule.maps("headerMatches").unwrap_or_default() {
            let Some(at) = header.get("mismatch") else {
                continue;
            };
            let name = header.text("name").ok().flatten().unwrap_or_default();
            let (does, severity) = match at.node.as_str() {
                Some("LOG") => ("only logged", Severity::Medium),
                Some("ADD") => ("added", Severity::Low),
                Some("REPLACE") => ("replaced", Severity::Low),
                Some("DELETE") => ("removed", Severity::Low),
                _ => continue,
            };
            let message = format!(
                "requests without the right header {name} pass: it is {does}, no condition"
            );
            let fix = "Remove mismatch where the header decides about access";
            report.add(object, draft(&at, severity, message, fix));
        }
    }
}

/// Whether a rule about requests is for all of them. Its fields are expressions that must match
/// as a whole.
fn is_everything(rule: &At<'_>) -> bool {
    let is_any = |key: &str| {
        let text = rule.text(key).ok().flatten().unwrap_or_default();
        matches!(
            text,
            "" | ".*" | "/.*" | "^.*$" | "^/.*$" | "^.*" | "^/.*" | "(.*)"
        )
    };
    let has_none = |key: &str| {
        let items = rule.list(key).ok().flatten();
        items.is_none_or(|items| items.is_empty())
    };
    ["path", "method", "host"].into_iter().all(is_any)
        && has_none("headers")
        && has_none("headerMatches")
}

/// Namespaces where keys for this are kept.
const KEPT: [&str; 2] = ["kube-system", "cilium-secrets"];

/// CIL-19.
fn keys(object: &Object, item: &At<'_>, direction: Direction, report: &mut Report) {
    let ends = item.map("terminatingTLS").ok().flatten();
    let starts = item.map("originatingTLS").ok().flatten();
    let mut add = |at: &At<'_>, severity, message: String, fix: &str| {
        let locus = place(&at.pointer, at.span());
        let draft = Draft::new(Id::CIL_19, locus, message, fix.to_owned());
        report.add(object, draft.severity(severity));
    };
    if let (Some(at), None, Direction::Egress) = (&ends, &starts, direction) {
        let message = "TLS ends at the proxy, and requests go on to the destination in plaintext";
        let fix = "Add originatingTLS with the authorities to trust";
        add(at, Severity::High, message.to_owned(), fix);
    }
    let Some(own) = object.reference.namespace.as_deref() else {
        return;
    };
    for context in [ends, starts].into_iter().flatten() {
        let Some(secret) = context.map("secret").ok().flatten() else {
            continue;
        };
        let Some(space) = secret.text("namespace").ok().flatten() else {
            continue;
        };
        if space == own || KEPT.contains(&space) {
            continue;
        }
        let message = format!(
            "a policy of namespace {own} has the proxy use a key of namespace {space}: nothing \
             there has agreed"
        );
        let fix = "Keep the Secret beside the policy, or let administrators write such policies";
        add(&secret, Severity::Medium, message, fix);
    }
}
