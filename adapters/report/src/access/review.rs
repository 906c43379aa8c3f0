//! What is given beside what was used: for people, for programs, and as roles.

use super::terminal::{at, paragraph, unknown};
use crate::text::{clean, count};
use seawall_assessment::access::{Audit, Proposal, Review, Reviewed};
use seawall_model::SourceMap;
use serde::Serialize;
use std::fmt::Write as _;
use std::str::FromStr;

/// A way to tell a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewFormat {
    /// For people.
    Terminal,
    /// Everything.
    Json,
    /// The roles that are proposed.
    Yaml,
}

impl FromStr for ReviewFormat {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "terminal" => Ok(Self::Terminal),
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            _ => Err(()),
        }
    }
}

/// Tells a review. `all` lists bindings that are used as they are, too.
pub fn review(
    review: &Review,
    audit: &Audit,
    format: ReviewFormat,
    map: &SourceMap,
    all: bool,
) -> String {
    match format {
        ReviewFormat::Terminal => terminal(review, audit, map, all),
        ReviewFormat::Json => json(review, audit, map),
        ReviewFormat::Yaml => yaml(review),
    }
}

/// Proposals that hold; one that does not is never handed out.
fn proved(review: &Review) -> impl Iterator<Item = &Proposal> {
    review.proposals.iter().filter(|one| one.lost.is_empty())
}

fn yaml(review: &Review) -> String {
    let mut text = String::new();
    for one in proved(review) {
        let replaces: Vec<String> = one.replaces.iter().map(ToString::to_string).collect();
        let requests = count(number(one.proved), "request");
        // A name may hold anything: it must not end the comment.
        let head = format!(
            "---\n# {}: {requests} that were seen stay allowed. For this subject it replaces {}.\n",
            one.subject,
            replaces.join(", "),
        );
        text.push_str(&head.lines().map(clean).collect::<Vec<_>>().join("\n"));
        text.push('\n');
        text.push_str(&one.yaml);
    }
    text
}

fn terminal(review: &Review, audit: &Audit, map: &SourceMap, all: bool) -> String {
    let mut text = String::new();
    let unused = review.bindings.iter().filter(|one| one.used == 0).count();
    let broad = |one: &&Reviewed| one.used > 0 && !one.unneeded.is_empty();
    let broad = review.bindings.iter().filter(broad).count();
    let head = format!(
        "ACCESS {} · {unused} unused · {broad} give more than was used",
        count(number(review.bindings.len()), "binding")
    );
    paragraph(&mut text, "", &head);
    let (requests, events) = (audit.requests.len(), audit.events);
    let mut seen = format!(
        "Seen: {} in {}",
        count(number(requests), "different request"),
        count(events, "event")
    );
    if let Some((first, last)) = &audit.window {
        let _ = write!(seen, ", {first} to {last}");
    }
    let _ = write!(seen, "; {} refused.", audit.refused);
    paragraph(&mut text, "", &seen);
    let note = "What a log did not see may be needed once a year: look before you remove.";
    paragraph(&mut text, "", note);
    for one in &review.bindings {
        if all || one.used == 0 || !one.unneeded.is_empty() {
            binding(&mut text, one, map);
        }
    }
    if !review.proposals.is_empty() {
        text.push_str("\nProposed (-o yaml prints them)\n");
    }
    for one in &review.proposals {
        let replaces: Vec<String> = one.replaces.iter().map(ToString::to_string).collect();
        let what = if one.lost.is_empty() {
            let requests = count(number(one.proved), "request");
            format!("{}: {requests} stay allowed, tried", one.subject)
        } else {
            format!(
                "{}: none, {} would be lost",
                one.subject,
                one.lost.join(", ")
            )
        };
        paragraph(&mut text, "  ", &what);
        paragraph(
            &mut text,
            "    ",
            &format!("in the place of {}", replaces.join(", ")),
        );
    }
    if !review.unexplained.is_empty() {
        text.push_str("\nAllowed, and by nothing in the input\n");
        for one in review
            .unexplained
            .iter()
            .take(if all { usize::MAX } else { 10 })
        {
            paragraph(&mut text, "  ", one);
        }
        let more = review.unexplained.len().saturating_sub(10);
        if !all && more > 0 {
            let _ = writeln!(text, "  and {more} more (-v lists them)");
        }
    }
    if audit.wrong > 0 {
        let first = audit.first_wrong.unwrap_or(0);
        let wrong = count(audit.wrong, "line");
        text.push('\n');
        paragraph(
            &mut text,
            "",
            &format!("{wrong} of the log are no event, the first is {first}"),
        );
    }
    if audit.beyond > 0 {
        let beyond = count(audit.beyond, "request");
        text.push('\n');
        paragraph(
            &mut text,
            "",
            &format!("{beyond} of the log are more than is kept"),
        );
    }
    unknown(&mut text, &review.gaps, map);
    text
}

fn binding(text: &mut String, one: &Reviewed, map: &SourceMap) {
    let used = match one.used {
        0 => "unused".to_owned(),
        n => count(number(n), "request"),
    };
    text.push('\n');
    let place = at(Some(one.span), map);
    paragraph(text, "", &format!("{} · {used}{place}", one.binding));
    let who: Vec<String> = one
        .subjects
        .iter()
        .take(4)
        .map(ToString::to_string)
        .collect();
    let more = match one.subjects.len().saturating_sub(4) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    paragraph(
        text,
        "  ",
        &format!("gives {} to {}{more}", one.role, who.join(", ")),
    );
    for danger in &one.dangers {
        paragraph(text, "  ", &format!("dangerous: {danger}"));
    }
    if one.used == 0 {
        return;
    }
    for rule in &one.unneeded {
        let what = if rule.is_all { "unused" } else { "not used" };
        let place = at(rule.span, map);
        paragraph(text, "  ", &format!("{what}: {}", rule.what));
        paragraph(
            text,
            "    ",
            &format!("{} of {}{place}", rule.rule, rule.role),
        );
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'r> {
    schema: &'static str,
    events: u64,
    refused: u64,
    requests: usize,
    bindings: Vec<Given<'r>>,
    proposals: Vec<Proposed<'r>>,
    unexplained: &'r [String],
    gaps: Vec<&'r str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Given<'r> {
    binding: String,
    at: Option<String>,
    subjects: Vec<String>,
    role: &'r str,
    used_requests: usize,
    dangers: &'r [String],
    unneeded: Vec<Unneeded<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unneeded<'r> {
    role: &'r str,
    rule: &'r str,
    at: Option<String>,
    what: &'r str,
    all: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Proposed<'r> {
    subject: String,
    replaces: Vec<String>,
    proved_requests: usize,
    lost: &'r [String],
    yaml: &'r str,
}

fn json(review: &Review, audit: &Audit, map: &SourceMap) -> String {
    let place = |span: seawall_model::Span| span.is_known().then(|| map.display(span));
    let given = |one: &'_ Reviewed| -> (Option<String>, Vec<String>) {
        let subjects = one.subjects.iter().map(ToString::to_string).collect();
        (place(one.span), subjects)
    };
    let report = Report {
        schema: "seawall-access-review-v1",
        events: audit.events,
        refused: audit.refused,
        requests: audit.requests.len(),
        bindings: review
            .bindings
            .iter()
            .map(|one| {
                let (at, subjects) = given(one);
                let rules = one.unneeded.iter();
                Given {
                    binding: one.binding.to_string(),
                    at,
                    subjects,
                    role: &one.role,
                    used_requests: one.used,
                    dangers: &one.dangers,
                    unneeded: rules
                        .map(|rule| Unneeded {
                            role: &rule.role,
                            rule: &rule.rule,
                            at: rule.span.and_then(place),
                            what: &rule.what,
                            all: rule.is_all,
                        })
                        .collect(),
                }
            })
            .collect(),
        proposals: review
            .proposals
            .iter()
            .map(|one| Proposed {
                subject: one.subject.to_string(),
                replaces: one.replaces.iter().map(ToString::to_string).collect(),
                proved_requests: one.proved,
                lost: &one.lost,
                yaml: if one.lost.is_empty() { &one.yaml } else { "" },
            })
            .collect(),
        unexplained: &review.unexplained,
        gaps: review.gaps.iter().map(|gap| gap.reason.as_str()).collect(),
    };
    // Texts, numbers and lists of them always become JSON.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}
