//! For people.

use crate::text::{clean, count, wrap};
use seawall_assessment::access::{Allowed, Grant, WhatCan, WhoCan};
use seawall_model::access::Identity;
use seawall_model::{Gap, SourceMap, Span, Str};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Columns of a line.
const WIDTH: usize = 80;

/// Who can do something.
pub(super) fn who_can(answer: &WhoCan, map: &SourceMap, all: bool) -> String {
    let shown = |grant: &&Grant| all || !grant.is_default;
    let own: Vec<&Grant> = answer.grants.iter().filter(shown).collect();
    let subjects: BTreeSet<_> = own.iter().map(|grant| &grant.subject).collect();
    let people = match subjects.len() {
        0 => "nobody that the input names".to_owned(),
        n => count(u64::try_from(n).unwrap_or(u64::MAX), "subject"),
    };
    let mut text = String::new();
    paragraph(
        &mut text,
        "",
        &format!("WHO CAN {} · {people}", answer.question),
    );
    let mut last = None;
    for grant in own {
        if last != Some(&grant.subject) {
            let _ = writeln!(text, "\n{}", clean(&grant.subject.to_string()));
        }
        last = Some(&grant.subject);
        let names = limited(&grant.names);
        paragraph(&mut text, "  ", &format!("{}{names}", place(grant)));
        binding(&mut text, grant, &grant.subject, map);
        rule(&mut text, grant, map);
    }
    if !all {
        let built_in = answer.grants.iter().filter(|grant| grant.is_default);
        let names: BTreeSet<String> = built_in.map(|grant| grant.subject.to_string()).collect();
        if !names.is_empty() {
            text.push('\n');
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let what = format!(
                "In every cluster, too: {} (-v tells by what)",
                names.join(", ")
            );
            paragraph(&mut text, "", &what);
        }
    }
    unknown(&mut text, &answer.gaps, map);
    text
}

/// What somebody can do.
pub(super) fn what_can(answer: &WhatCan, map: &SourceMap, all: bool) -> String {
    let shown = |one: &&Allowed| all || !one.grant.is_default;
    let own: Vec<&Allowed> = answer.rights.iter().filter(shown).collect();
    let rules = match own.len() {
        0 => "nothing that the input gives".to_owned(),
        n => count(u64::try_from(n).unwrap_or(u64::MAX), "rule"),
    };
    let mut text = String::new();
    paragraph(
        &mut text,
        "",
        &format!("WHAT CAN {} DO · {rules}", answer.subject),
    );
    if !answer.groups.is_empty() {
        let groups: Vec<&str> = answer.groups.iter().map(|group| &**group).collect();
        paragraph(
            &mut text,
            "",
            &format!("In the groups {}.", groups.join(", ")),
        );
    }
    if answer.is_master {
        paragraph(
            &mut text,
            "",
            "Nothing is refused to system:masters, whatever roles say.",
        );
    }
    // By place, then by binding: a reader asks what somebody can do here.
    let mut places: BTreeMap<Option<&Str>, Vec<&Allowed>> = BTreeMap::new();
    for one in own {
        places
            .entry(one.grant.namespace.as_ref())
            .or_default()
            .push(one);
    }
    for (namespace, rights) in places {
        let title = namespace.map_or_else(|| "everywhere".to_owned(), |name| format!("in {name}"));
        let _ = writeln!(text, "\n{}", clean(&title));
        let mut last = None;
        for one in rights {
            let by = (&one.grant.binding, &one.grant.subject);
            if last != Some(by) {
                binding(&mut text, &one.grant, &answer.subject, map);
            }
            last = Some(by);
            paragraph(&mut text, "    ", &in_words(one));
            rule(&mut text, &one.grant, map);
        }
    }
    let left = answer
        .rights
        .iter()
        .filter(|one| !all && one.grant.is_default);
    let mut built_in: BTreeMap<String, u64> = BTreeMap::new();
    for one in left {
        let binding = format!("{} as {}", one.grant.binding, one.grant.subject);
        *built_in.entry(binding).or_insert(0) += 1;
    }
    if !built_in.is_empty() {
        text.push('\n');
        let names: Vec<String> = built_in
            .iter()
            .map(|(binding, rules)| format!("{binding} ({})", count(*rules, "rule")))
            .collect();
        let what = format!(
            "In every cluster, too: by {}; -v tells what",
            names.join(", ")
        );
        paragraph(&mut text, "", &what);
    }
    unknown(&mut text, &answer.gaps, map);
    text
}

/// A rule in words: `get, list pods, pods/log (core) only web`.
fn in_words(one: &Allowed) -> String {
    let list = |words: &[Str]| {
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        words.join(", ")
    };
    if !one.urls.is_empty() {
        return format!("{} {}", list(&one.verbs), list(&one.urls));
    }
    let groups: Vec<&str> = one
        .groups
        .iter()
        .map(|group| if group.is_empty() { "core" } else { group })
        .collect();
    let names = limited(&one.grant.names);
    let (verbs, resources) = (list(&one.verbs), list(&one.resources));
    format!("{verbs} {resources} ({}){names}", groups.join(", "))
}

fn limited(names: &[Str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    format!(", only {}", names.join(", "))
}

fn place(grant: &Grant) -> String {
    match &grant.namespace {
        Some(namespace) => format!("in {namespace}"),
        None => "everywhere".to_owned(),
    }
}

/// `asked` is whom the reader knows that it is about.
fn binding(text: &mut String, grant: &Grant, asked: &Identity, map: &SourceMap) {
    let at = at(Some(grant.subject_span), map);
    let of = if grant.subject == *asked {
        String::new()
    } else {
        format!(" as {}", grant.subject)
    };
    let what = format!("by {}{of}{at}", grant.binding);
    paragraph(text, "    ", &what);
}

fn rule(text: &mut String, grant: &Grant, map: &SourceMap) {
    let of = if grant.role == grant.bound_role {
        grant.role.to_string()
    } else {
        format!("{}, aggregated into {}", grant.role, grant.bound_role)
    };
    let at = at(grant.rule_span, map);
    paragraph(text, "      ", &format!("{} of {of}{at}", grant.rule));
}

pub(super) fn at(span: Option<Span>, map: &SourceMap) -> String {
    match span.filter(Span::is_known) {
        Some(span) => format!(" · {}", map.display(span)),
        None => " · built in".to_owned(),
    }
}

pub(super) fn unknown(text: &mut String, gaps: &[Gap], map: &SourceMap) {
    if gaps.is_empty() {
        return;
    }
    text.push_str("\nNot known\n");
    for gap in gaps {
        let place = if gap.span.is_known() {
            format!(" · {}", map.display(gap.span))
        } else {
            String::new()
        };
        paragraph(text, "  ", &format!("{}{place}", gap.reason));
    }
}

pub(super) fn paragraph(text: &mut String, indent: &str, what: &str) {
    let clean = clean(what);
    for (at, line) in wrap(&clean, WIDTH - indent.len() - 2).iter().enumerate() {
        let more = if at > 0 { "  " } else { "" };
        let _ = writeln!(text, "{indent}{more}{line}");
    }
}
