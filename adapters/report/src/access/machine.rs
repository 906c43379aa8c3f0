//! For programs: JSON and CSV.

use crate::csv::cell;
use seawall_assessment::access::{Allowed, Grant, WhatCan, WhoCan};
use seawall_model::{Gap, SourceMap, Span, Str};
use serde::Serialize;
use std::fmt::Write as _;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Who<'r> {
    schema: &'static str,
    question: &'r str,
    grants: Vec<Given>,
    gaps: Vec<Missing<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct What<'r> {
    schema: &'static str,
    subject: String,
    groups: Vec<&'r str>,
    is_master: bool,
    rights: Vec<Right<'r>>,
    gaps: Vec<Missing<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    subject: String,
    /// `null` is everywhere.
    namespace: Option<String>,
    /// Empty is all.
    names: Vec<String>,
    binding: String,
    binding_at: Option<String>,
    bound_role: String,
    role: String,
    rule: String,
    rule_at: Option<String>,
    built_in: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Right<'r> {
    verbs: Vec<&'r str>,
    api_groups: Vec<&'r str>,
    resources: Vec<&'r str>,
    non_resource_urls: Vec<&'r str>,
    #[serde(flatten)]
    given: Given,
}

#[derive(Serialize)]
struct Missing<'r> {
    at: Option<String>,
    subject: &'r str,
    reason: &'r str,
}

pub(super) fn who_can(answer: &WhoCan, map: &SourceMap) -> String {
    json(&Who {
        schema: "seawall-who-can-v1",
        question: &answer.question,
        grants: answer
            .grants
            .iter()
            .map(|grant| given(grant, map))
            .collect(),
        gaps: missing(&answer.gaps, map),
    })
}

pub(super) fn what_can(answer: &WhatCan, map: &SourceMap) -> String {
    let right = |one: &'_ Allowed| given(&one.grant, map);
    json(&What {
        schema: "seawall-what-can-v1",
        subject: answer.subject.to_string(),
        groups: answer.groups.iter().map(|group| &**group).collect(),
        is_master: answer.is_master,
        rights: answer
            .rights
            .iter()
            .map(|one| Right {
                verbs: plain(&one.verbs),
                api_groups: plain(&one.groups),
                resources: plain(&one.resources),
                non_resource_urls: plain(&one.urls),
                given: right(one),
            })
            .collect(),
        gaps: missing(&answer.gaps, map),
    })
}

fn plain(words: &[Str]) -> Vec<&str> {
    words.iter().map(|word| &**word).collect()
}

fn json(report: &impl Serialize) -> String {
    // Texts, numbers and lists of them always become JSON.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

fn given(grant: &Grant, map: &SourceMap) -> Given {
    Given {
        subject: grant.subject.to_string(),
        namespace: grant.namespace.as_ref().map(ToString::to_string),
        names: grant.names.iter().map(ToString::to_string).collect(),
        binding: grant.binding.to_string(),
        binding_at: at(grant.subject_span, map),
        bound_role: grant.bound_role.to_string(),
        role: grant.role.to_string(),
        rule: grant.rule.clone(),
        rule_at: grant.rule_span.and_then(|span| at(span, map)),
        built_in: grant.is_default,
    }
}

fn at(span: Span, map: &SourceMap) -> Option<String> {
    span.is_known().then(|| map.display(span))
}

fn missing<'r>(gaps: &'r [Gap], map: &SourceMap) -> Vec<Missing<'r>> {
    let missing = |gap: &'r Gap| Missing {
        at: at(gap.span, map),
        subject: &gap.subject,
        reason: &gap.reason,
    };
    gaps.iter().map(missing).collect()
}

const HEADER: &str = "subject,namespace,names,binding,binding_at,role,rule,rule_at,built_in";

fn cells(grant: &Grant, map: &SourceMap) -> String {
    let given = given(grant, map);
    let cells: [&str; 9] = [
        &given.subject,
        given.namespace.as_deref().unwrap_or(""),
        &given.names.join(" "),
        &given.binding,
        given.binding_at.as_deref().unwrap_or(""),
        &given.role,
        &given.rule,
        given.rule_at.as_deref().unwrap_or(""),
        if given.built_in { "true" } else { "false" },
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",")
}

pub(super) fn grants(grants: &[Grant], map: &SourceMap) -> String {
    let mut text = format!("{HEADER}\n");
    for grant in grants {
        let _ = writeln!(text, "{}", cells(grant, map));
    }
    text
}

pub(super) fn rights(answer: &WhatCan, map: &SourceMap) -> String {
    let mut text = format!("verbs,api_groups,resources,non_resource_urls,{HEADER}\n");
    for one in &answer.rights {
        let lists = [&one.verbs, &one.groups, &one.resources, &one.urls];
        let lists = lists.map(|words| cell(&plain(words).join(" ")));
        let _ = writeln!(text, "{},{}", lists.join(","), cells(&one.grant, map));
    }
    text
}
