//! Our own cases: pods under every level and version, and small environments.
//!
//! Expected texts stand beside the YAML; `UPDATE_EXPECT=1 cargo test -p seawall-admission`
//! writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::match_wildcard_for_single_variants,
    reason = "test code"
)]

mod common;

use seawall_admission::pod_security::{evaluate, history};
use seawall_admission::{Config, check};
use seawall_model::fact::PodSecurityLevel;
use seawall_model::{Fact, KubernetesVersion, Outcome, Proof};
use seawall_snapshot::{Object, PodTemplate};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const LEVELS: [PodSecurityLevel; 2] = [PodSecurityLevel::Baseline, PodSecurityLevel::Restricted];

fn versions() -> impl Iterator<Item = KubernetesVersion> {
    (0..=KubernetesVersion::NEWEST.minor).map(KubernetesVersion::new)
}

/// `check: message` of each violation, with its line.
fn verdict(template: &PodTemplate, level: PodSecurityLevel, version: KubernetesVersion) -> String {
    let mut text = String::new();
    for violation in evaluate(template, level, version) {
        let line = violation.locus.span.line;
        assert!(violation.locus.span.is_known(), "{violation:?}");
        writeln!(
            text,
            "    {}: {} (line {line})",
            violation.check, violation.message
        )
        .unwrap();
    }
    if text.is_empty() {
        "    ok\n".to_owned()
    } else {
        text
    }
}

/// The verdicts over all versions, equal neighbours together.
fn history_of(object: &Object) -> String {
    let mut text = format!("{}\n", object.reference.name);
    for level in LEVELS {
        let mut from = KubernetesVersion::new(0);
        for version in versions() {
            let now = verdict(&object.templates()[0], level, version);
            let next = KubernetesVersion::new(version.minor + 1);
            let is_last = version == KubernetesVersion::NEWEST;
            if is_last || verdict(&object.templates()[0], level, next) != now {
                writeln!(text, "  {} {from}-{version}\n{now}", level.name()).unwrap();
                text.pop();
                from = next;
            }
        }
    }
    text
}

#[test]
fn pods_have_the_expected_verdicts() {
    for path in common::cases("pod_security") {
        let text = std::fs::read_to_string(&path).unwrap();
        let objects = common::objects(&text, &path.display().to_string());
        let actual: Vec<String> = objects.iter().map(history_of).collect();
        for (object, actual) in objects.iter().zip(&actual) {
            let name = &object.reference.name;
            let refused = actual.matches("    ok\n").count() == 0;
            let always_fine = actual.matches("  restricted v1.0-v1.37\n    ok\n").count() == 1;
            assert!(
                !name.starts_with("good-") || always_fine,
                "{name}: {actual}"
            );
            assert!(
                !name.starts_with("bad-") || !always_fine || refused,
                "{name}: {actual}"
            );
        }
        common::expect(&path.with_extension("expected"), &actual.join("\n"));
    }
}

/// Every check has a case that it refuses and, at every version at which it changes, one
/// whose verdict changes there, and at no other version.
#[test]
fn every_check_and_every_change_has_a_case() {
    let mut changes: BTreeSet<(&str, u16)> = BTreeSet::new();
    for path in common::cases("pod_security") {
        let text = std::fs::read_to_string(&path).unwrap();
        for object in common::objects(&text, "case") {
            let template = &object.templates()[0];
            for (id, level, _) in history() {
                let at = |minor| {
                    evaluate(template, level, KubernetesVersion::new(minor))
                        .iter()
                        .filter(|violation| violation.check == id)
                        .count()
                };
                let mut before = 0;
                for version in versions() {
                    let now = at(version.minor);
                    if now != before {
                        changes.insert((id, version.minor));
                    }
                    before = now;
                }
            }
        }
    }
    let table: BTreeSet<(&str, u16)> = history()
        .flat_map(|(id, _, versions)| versions.map(move |version| (id, version.minor)))
        .collect();
    assert_eq!(changes, table);
}

#[test]
fn newer_versions_are_the_newest_known() {
    for path in common::cases("pod_security") {
        let text = std::fs::read_to_string(&path).unwrap();
        for object in common::objects(&text, "case") {
            let template = &object.templates()[0];
            for level in LEVELS {
                let newest = evaluate(template, level, KubernetesVersion::NEWEST);
                assert_eq!(
                    evaluate(template, level, KubernetesVersion::new(u16::MAX)),
                    newest
                );
            }
            let privileged = PodSecurityLevel::Privileged;
            assert!(evaluate(template, privileged, KubernetesVersion::NEWEST).is_empty());
        }
    }
}

/// An outcome as a text that a person can judge.
fn told(outcome: &Outcome) -> String {
    let mut text = String::new();
    for finding in &outcome.findings {
        writeln!(
            text,
            "{} {} {}",
            finding.rule, finding.severity, finding.asset
        )
        .unwrap();
        writeln!(
            text,
            "  at {} | {}",
            finding.locus.pointer, finding.locus.path
        )
        .unwrap();
        writeln!(text, "  says {}", finding.message).unwrap();
        for evidence in finding.evidence.iter().skip(1) {
            let place = match &evidence.proof {
                Proof::Source(span) => format!("line {}", span.line),
                Proof::Object(object) => object.to_string(),
                Proof::ApiDefault(default) => format!("API default {default}"),
            };
            writeln!(text, "  because {} ({place})", evidence.note).unwrap();
        }
        writeln!(
            text,
            "  line {}; do {}",
            finding.locus.span.line, finding.remediation
        )
        .unwrap();
    }
    // What a namespace admits, on one line.
    let mut admits: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for fact in &outcome.facts {
        match fact {
            Fact::Admits {
                namespace,
                shape,
                is_certain,
            } => {
                let doubt = if *is_certain { "" } else { "?" };
                let word = format!("{}{doubt}", shape.name());
                admits.entry(namespace).or_default().push(word);
            }
            Fact::Meets { workload, level } => {
                writeln!(text, "fact {workload} meets {}", level.name()).unwrap();
            }
            other => panic!("{other:?} is none of this engine's facts"),
        }
    }
    for (namespace, shapes) in admits {
        writeln!(text, "fact {namespace} admits {}", shapes.join(", ")).unwrap();
    }
    for (rule, count) in &outcome.assessed {
        writeln!(text, "assessed {rule} {count}").unwrap();
    }
    for gap in &outcome.coverage.gaps {
        writeln!(text, "gap {} {}", gap.kind.name(), gap.reason).unwrap();
    }
    text
}

/// An environment's first line may choose the version: `# v1.30`.
#[test]
fn environments_give_the_expected_findings() {
    for path in common::cases("environments") {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ");
        let kubernetes_version = first.parse().unwrap_or(KubernetesVersion::NEWEST);
        let snapshot = common::snapshot(&text, &path.display().to_string());
        let outcome = check(
            &snapshot,
            &Config {
                kubernetes_version,
                ..Config::default()
            },
        );
        let ids: BTreeSet<_> = outcome.findings.iter().map(|finding| finding.id).collect();
        assert_eq!(
            ids.len(),
            outcome.findings.len(),
            "two findings of one identity"
        );
        common::expect(&path.with_extension("expected"), &told(&outcome));
    }
}
