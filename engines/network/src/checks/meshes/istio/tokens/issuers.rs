//! IST-JWT-04, 09 and 10: where keys come from, and where tokens are looked for.

use super::super::super::{Report, place};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::BTreeSet;

/// IST-JWT-04: without keys and without their address the issuer is asked.
pub(super) fn discovery(object: &Object, rule: &Node, pointer: &str, report: &mut Report) {
    let says = |field: &str| {
        let node = rule.get(field).and_then(Node::as_str);
        node.is_some_and(|text| !text.is_empty())
    };
    let Some(node) = rule.get("issuer") else {
        return;
    };
    let issuer = node.as_str().unwrap_or_default();
    // One in plaintext is worse, and another rule's.
    if says("jwks") || says("jwksUri") || !issuer.starts_with("https://") {
        return;
    }
    let message = format!("{issuer} is asked at run time where its keys are");
    let fix = "Set jwksUri".to_owned();
    let locus = place(object, &format!("{pointer}/jwksUri"), Some(node.span));
    report.add(object, Draft::new(Id::IST_JWT_04, locus, message, fix));
}

/// IST-JWT-09. Where no place is named the parameter `access_token` is looked at, too; nobody
/// is told to send it there, though.
pub(super) fn parameters(object: &Object, rule: &Node, pointer: &str, report: &mut Report) {
    let Some(node) = rule.get("fromParams") else {
        return;
    };
    let first = node.as_seq().unwrap_or_default().first();
    let Some(name) = first.and_then(Node::as_str) else {
        return;
    };
    let message = format!("tokens stand in addresses, which logs keep (parameter {name})");
    let fix = "Take tokens from headers only (fromHeaders)".to_owned();
    let locus = place(object, &format!("{pointer}/fromParams"), Some(node.span));
    report.add(object, Draft::new(Id::IST_JWT_09, locus, message, fix));
}

/// Where a rule looks for tokens, as far as clients are told to put them there.
pub(super) fn locations(rule: &Node) -> BTreeSet<String> {
    let items = |field: &str| rule.get(field).and_then(Node::as_seq).unwrap_or_default();
    let headers = items("fromHeaders").iter().filter_map(|header| {
        let name = header.get("name")?.as_str()?;
        Some(format!("header {}", name.to_ascii_lowercase()))
    });
    let named = |field: &str, what: &'static str| {
        let texts = items(field).iter().filter_map(Node::as_str);
        texts
            .map(move |name| format!("{what} {name}"))
            .collect::<Vec<_>>()
    };
    let mut found: BTreeSet<String> = headers.collect();
    found.extend(named("fromParams", "parameter"));
    found.extend(named("fromCookies", "cookie"));
    if found.is_empty() {
        found.insert("header authorization".to_owned());
    }
    found
}

pub(super) fn issuer(rule: &Node) -> &str {
    rule.get("issuer")
        .and_then(Node::as_str)
        .unwrap_or_default()
}

/// IST-JWT-10: a request may bring a token for each place. `others` are rules of other objects
/// for the same pods.
pub(super) fn several<'s>(
    object: &Object,
    rules: &'s [Node],
    others: impl Iterator<Item = &'s Node>,
    report: &mut Report,
) {
    let own = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| (Some(index), rule));
    let mut known: Vec<(&str, BTreeSet<String>)> = Vec::new();
    let others = others.map(|rule| (None, rule));
    for (index, rule) in others.chain(own) {
        let here = locations(rule);
        let name = issuer(rule);
        let other = known
            .iter()
            .find(|(one, places)| *one != name && *places != here);
        let (Some((other, places)), Some(index)) = (other, index) else {
            known.push((name, here));
            continue;
        };
        let mut apart = here.symmetric_difference(places);
        let what = apart.next().map_or("", String::as_str);
        let message = format!(
            "a request may bring a token of {other} and one of {name} (the places differ in \
             {what}): whose it then is nobody says"
        );
        let fix = "Let both issuers use one and the same header".to_owned();
        let pointer = format!("/spec/jwtRules/{index}");
        let locus = place(object, &pointer, Some(rule.span));
        report.add(object, Draft::new(Id::IST_JWT_10, locus, message, fix));
        return;
    }
}
