//! `-o gitlab`: GitLab's code-quality report, a JSON list with one entry per finding.
//!
//! Its format ("Code Quality report format" in GitLab's manual) wants a path and a line for
//! each entry; what stands in no file is put on the first line of what was scanned.

use crate::json::{Each, Lines};
use crate::text::{capital, clean};
use crate::view::View;
use seawall_model::{Finding, Severity};
use serde::Serialize;
use std::borrow::Cow;
use std::io;

#[derive(Serialize)]
struct Entry<'a> {
    description: String,
    check_name: Cow<'a, str>,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Begin,
}

#[derive(Serialize)]
struct Begin {
    begin: u32,
}

pub(crate) fn write(view: &View<'_>, mut out: &mut dyn io::Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Lines::breaking(1));
    Each(|| view.told_findings().map(|finding| entry(view, finding)))
        .serialize(&mut serializer)
        .map_err(io::Error::from)?;
    out.write_all(b"\n")
}

fn entry<'a>(view: &View<'_>, finding: &'a Finding) -> Entry<'a> {
    let span = finding.locus.span;
    let path = match view.file(span) {
        Some(file) => file.path.trim_start_matches("./").to_owned(),
        None => view.header.targets.first().cloned().unwrap_or_default(),
    };
    let path = clean(&path).into_owned();
    let description = format!("{}: {}", finding.asset, capital(&finding.message));
    Entry {
        description: clean(&description).into_owned(),
        check_name: clean(finding.rule.as_str()),
        fingerprint: finding.id.to_string(),
        severity: severity(finding.severity),
        location: Location {
            path,
            lines: Begin {
                begin: span.line.max(1),
            },
        },
    }
}

/// GitLab's words, worst first: blocker, critical, major, minor, info.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
        Severity::Info => "info",
    }
}
