//! `-o sarif`: SARIF 2.1.0, one run, for code-scanning services.
//!
//! Hand-written types of the part of the format that is used; results are streamed. Values
//! are checked against the official schema by hand when this file changes (the tests hold
//! the structure).

mod model;

use crate::json::Each;
use crate::view::{View, exit_code};
use crate::{redact, text};
use model::{
    Artifact, Configuration, Described, Descriptor, Driver, Fingerprints, Id, Invocation, Location,
    Logical, Message, Notification, Physical, Region, ResultObject, ResultProperties,
    RuleProperties, Snippet, Suppression, Tool,
};
use seawall_assessment::{Change, Suppressed, Verdict};
use seawall_model::{Finding, Gap, Proof, ResourceRef, Rule, Severity, SourceKind, Span};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Relative paths count from where the scan was started.
const ROOT: &str = "SRCROOT";
const INFORMATION: &str = "https://github.com/seawall/seawall";

pub(crate) fn write(view: &View<'_>, mut out: &mut dyn io::Write) -> io::Result<()> {
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut out, crate::json::Lines::breaking(4));
    Log(view)
        .serialize(&mut serializer)
        .map_err(io::Error::from)?;
    out.write_all(b"\n")
}

struct Log<'v, 'a>(&'v View<'a>);

impl Serialize for Log<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("$schema", SCHEMA)?;
        map.serialize_entry("version", "2.1.0")?;
        map.serialize_entry("runs", &[Run(self.0)])?;
        map.end()
    }
}

struct Run<'v, 'a>(&'v View<'a>);

impl Serialize for Run<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = self.0;
        let open = view.assessment.findings.iter();
        let accepted = view.assessment.suppressed.iter();
        let all = open
            .clone()
            .chain(accepted.clone().map(|suppressed| &suppressed.finding));
        let ids: BTreeSet<&str> = all.map(|finding| finding.rule.as_str()).collect();
        let index: BTreeMap<&str, usize> =
            ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();

        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "tool",
            &Tool {
                driver: Driver {
                    name: "Seawall",
                    version: &view.header.tool_version,
                    information_uri: INFORMATION,
                    rules: ids.iter().map(|id| descriptor(view, id)).collect(),
                },
            },
        )?;
        map.serialize_entry("columnKind", "unicodeCodePoints")?;
        map.serialize_entry(
            "originalUriBaseIds",
            &BTreeMap::from([(
                ROOT,
                Described {
                    description: Message::plain("the directory that Seawall was run in"),
                },
            )]),
        )?;
        map.serialize_entry("redactionTokens", &[redact::MASK])?;
        map.serialize_entry("invocations", &[invocation(view)])?;
        map.serialize_entry(
            "results",
            &Each(|| {
                let open = open.clone().enumerate();
                let open = open.map(|(at, finding)| ResultObject {
                    baseline_state: view.change(at).map(baseline_state),
                    ..result(view, finding, None, &index)
                });
                let accepted = accepted.clone();
                open.chain(accepted.map(|s| result(view, &s.finding, Some(s), &index)))
            }),
        )?;
        map.end()
    }
}

fn baseline_state(change: Change) -> &'static str {
    match change {
        Change::New => "new",
        Change::Worse(_) => "updated",
        Change::Unchanged => "unchanged",
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// A score in the middle of the band that GitHub gives the same word.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.0",
    }
}

fn descriptor(view: &View<'_>, id: &str) -> Descriptor {
    let Some(rule) = view.rule_by_name(id) else {
        return Descriptor {
            id: id.to_owned(),
            name: None,
            short_description: Message::new(id),
            full_description: None,
            help: None,
            default_configuration: None,
            properties: None,
        };
    };
    let mut tags = vec!["security".to_owned(), rule.area.name().to_owned()];
    for reference in rule.references.iter() {
        tags.push(format!(
            "{}/{}",
            reference.framework.name(),
            reference.control
        ));
    }
    Descriptor {
        id: id.to_owned(),
        name: Some(pascal_case(&rule.title)),
        short_description: Message::new(&rule.title),
        full_description: Some(Message::new(&rule.why)),
        help: Some(help(rule)),
        default_configuration: Some(Configuration {
            level: level(rule.severity),
        }),
        properties: Some(RuleProperties {
            security_severity: score(rule.severity),
            precision: "high",
            problem_severity: match level(rule.severity) {
                "note" => "recommendation",
                other => other,
            },
            tags,
        }),
    }
}

fn help(rule: &Rule) -> Message {
    Message {
        text: format!("{}\n\nFix: {}", rule.why, rule.fix),
        markdown: Some(crate::explain::markdown(rule)),
    }
}

/// `PrivilegedContainer`: the form that SARIF asks of a rule's name.
fn pascal_case(title: &str) -> String {
    let words = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .chain(chars)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn invocation(view: &View<'_>) -> Invocation {
    let gate = &view.assessment.gate;
    let notices = view.assessment.suppression_notices.iter();
    Invocation {
        execution_successful: gate.verdict != Verdict::Incomplete,
        exit_code: exit_code(gate.verdict),
        tool_execution_notifications: view
            .assessment
            .coverage
            .gaps
            .iter()
            .map(|gap| notification(view, gap))
            .collect(),
        tool_configuration_notifications: notices
            .map(|notice| Notification {
                descriptor: Id { id: "suppression" },
                level: "warning",
                message: Message::new(&notice.message),
                locations: place(view, notice.span).into_iter().collect(),
            })
            .collect(),
    }
}

fn notification(view: &View<'_>, gap: &Gap) -> Notification {
    let mut message = format!("not covered: {}: {}", gap.subject, gap.reason);
    if !gap.hint.is_empty() {
        message = format!("{message}; {}", gap.hint);
    }
    Notification {
        descriptor: Id {
            id: gap.kind.name(),
        },
        level: if gap.units == 0 { "note" } else { "warning" },
        message: Message::new(&message),
        locations: place(view, gap.span).into_iter().collect(),
    }
}

fn result<'a>(
    view: &View<'_>,
    finding: &'a Finding,
    suppressed: Option<&'a Suppressed>,
    index: &BTreeMap<&str, usize>,
) -> ResultObject<'a> {
    let mut message = format!("{}: {}.", finding.asset, finding.message);
    if !finding.remediation.is_empty() {
        message = format!("{message} Fix: {}", finding.remediation);
    }
    let span = finding.locus.span;
    let affected = finding
        .affected
        .iter()
        .filter(|asset| **asset != finding.asset);
    ResultObject {
        baseline_state: None,
        rule_id: finding.rule.as_str(),
        rule_index: index.get(finding.rule.as_str()).copied().unwrap_or(0),
        level: level(finding.severity),
        message: Message::new(&message),
        locations: vec![Location {
            physical_location: physical(view, span, Some(finding)),
            logical_locations: Some([Logical {
                name: finding.asset.to_string(),
                fully_qualified_name: format!("{}{}", finding.asset, finding.locus.path),
                kind: "resource",
            }]),
            ..Location::default()
        }],
        related_locations: related(view, finding),
        partial_fingerprints: Fingerprints {
            finding: finding.id.to_string(),
        },
        suppressions: suppressed.map(|suppressed| {
            // An annotation stands in the same file as what it is about.
            let inside = suppressed.span.is_known() && suppressed.span.file == span.file;
            [Suppression {
                kind: if inside { "inSource" } else { "external" },
                status: "accepted",
                justification: &suppressed.reason,
                location: place(view, suppressed.span),
            }]
        }),
        properties: ResultProperties {
            severity: finding.severity.name(),
            path: &finding.locus.path,
            remediation: &finding.remediation,
            affected: affected.map(ToString::to_string).collect(),
        },
    }
}

/// The values key behind a rendered line, then the evidence after the first.
fn related(view: &View<'_>, finding: &Finding) -> Vec<Location> {
    let mut related = Vec::new();
    let mut add = |message: &str, physical_location, logical: Option<&ResourceRef>| {
        related.push(Location {
            id: Some(related.len() + 1),
            message: Some(Message::new(message)),
            physical_location,
            logical_locations: logical.map(|object| {
                [Logical {
                    name: object.to_string(),
                    fully_qualified_name: object.to_string(),
                    kind: "resource",
                }]
            }),
        });
    };
    if let Some(cause) = view.cause(finding.locus.span) {
        let verb = if cause.direct {
            "decided by"
        } else {
            "there because of"
        };
        let message = format!("{verb} {} of {}", cause.key, cause.owner);
        add(&message, physical(view, cause.span, Some(finding)), None);
    }
    for evidence in finding.evidence.iter().skip(1) {
        match &evidence.proof {
            Proof::Source(span) => add(&evidence.note, physical(view, *span, Some(finding)), None),
            Proof::Object(object) => add(&evidence.note, None, Some(object)),
            Proof::ApiDefault(default) => {
                add(
                    &format!("{} (Kubernetes default: {default})", evidence.note),
                    None,
                    None,
                );
            }
        }
    }
    related
}

fn place(view: &View<'_>, span: Span) -> Option<Location> {
    let physical_location = Some(physical(view, span, None)?);
    Some(Location {
        physical_location,
        ..Location::default()
    })
}

fn physical(view: &View<'_>, span: Span, quote: Option<&Finding>) -> Option<Physical> {
    let file = view.file(span)?;
    let uri = match file.kind {
        SourceKind::Stdin => "stdin".to_owned(),
        _ => text::uri(&file.path),
    };
    let relative = !uri.starts_with("file://");
    let region = (span.line > 0).then(|| {
        let end = view.sources.end(span);
        let snippet = quote.and_then(|finding| view.snippet(finding, span, 0));
        Region {
            start_line: span.line,
            start_column: (span.column > 0).then_some(span.column),
            end_line: end.map(|end| end.line),
            end_column: end.map(|end| end.column),
            snippet: snippet.map(|snippet| {
                let lines: Vec<&str> = snippet
                    .lines
                    .iter()
                    .map(|line| line.text.as_str())
                    .collect();
                Snippet {
                    text: lines.join("\n"),
                }
            }),
        }
    });
    Some(Physical {
        artifact_location: Artifact {
            uri,
            uri_base_id: relative.then_some(ROOT),
        },
        region,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_messages_have_the_form_that_sarif_asks_for() {
        assert_eq!(
            pascal_case("host process namespace (hostPID) shared"),
            "HostProcessNamespaceHostPIDShared"
        );
        assert_eq!(
            Message::new("see [x](http://evil)").text,
            "see \\[x\\](http://evil)"
        );
    }
}
