//! The cases: for each rule manifests that break it (`bad*.yaml`) and twins that do not
//! (`good*.yaml`), with what the engine says about them beside (`*.expect`).
//! `UPDATE_EXPECT=1 cargo test -p seawall-access --test cases` writes the latter.
//!
//! A case may begin with `# kubernetes: 1.24`, and with `# complete` where it is a whole cluster.

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use seawall_access::{Config, check, rules};
use seawall_model::{KubernetesVersion, Outcome, SourceMap};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use support::Loader;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn run(path: &Path) -> (Outcome, SourceMap) {
    let text = std::fs::read_to_string(path).expect("a readable case");
    let name = path.file_name().expect("a file").to_string_lossy();
    let mut loader = Loader::new();
    loader.add(Path::new(&*name), &text);
    assert_eq!(loader.problems, 0, "{}: not well-formed", path.display());
    assert!(
        loader.gaps.is_empty(),
        "{}: {:?}",
        path.display(),
        loader.gaps
    );
    let heads: Vec<&str> = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .collect();
    if heads.contains(&"# complete") {
        loader.builder = loader.builder.complete();
    }
    let version = heads
        .iter()
        .find_map(|head| head.strip_prefix("# kubernetes: "));
    let version = version.map(|version| version.parse().expect("a version"));
    let config = Config {
        kubernetes_version: version.unwrap_or(KubernetesVersion::NEWEST),
    };
    let (snapshot, map) = loader.build();
    (check(&snapshot, &config), map)
}

fn describe(rule: &str, outcome: &Outcome, map: &SourceMap) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut others: BTreeSet<&str> = BTreeSet::new();
    for finding in &outcome.findings {
        if finding.rule.as_str() != rule {
            others.insert(finding.rule.as_str());
            continue;
        }
        let span = finding.locus.span;
        let mut text = format!(
            "{}:{}:{} {} {}\n  at {} ({})\n  {}\n  fix: {}\n",
            map.path(span.file),
            span.line,
            span.column,
            finding.severity,
            finding.asset,
            finding.locus.path,
            finding.locus.pointer,
            finding.message,
            finding.remediation,
        );
        for evidence in finding.evidence.iter().skip(1) {
            writeln!(text, "  because {}", evidence.note).expect("a string");
        }
        lines.push(text);
    }
    lines.sort();
    for gap in &outcome.coverage.gaps {
        lines.push(format!("gap: {}\n", gap.reason));
    }
    let others: Vec<&str> = others.into_iter().collect();
    lines.push(format!("others: {}\n", others.join(" ")));
    lines.concat()
}

#[test]
fn every_rule_has_cases_that_say_what_they_said_before() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut problems: Vec<String> = Vec::new();
    for rule in rules() {
        let id = rule.id.as_str();
        let dir = cases().join(id);
        let (mut bad, mut good) = (0, 0);
        let entries = std::fs::read_dir(&dir)
            .map(|dir| dir.flatten().collect())
            .unwrap_or_default();
        let entries: Vec<std::fs::DirEntry> = entries;
        let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        paths.sort();
        for path in paths
            .iter()
            .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        {
            let name = path.file_stem().expect("a name").to_string_lossy();
            let (outcome, map) = run(path);
            let fires = outcome
                .findings
                .iter()
                .any(|finding| finding.rule == rule.id);
            if name.starts_with("bad") {
                bad += 1;
                if !fires {
                    problems.push(format!("{id}/{name}: the rule is silent"));
                }
            } else {
                good += 1;
                if fires {
                    problems.push(format!(
                        "{id}/{name}: the rule fires\n{}",
                        describe(id, &outcome, &map)
                    ));
                }
            }
            if fires && !outcome.assessed.contains_key(&rule.id) {
                problems.push(format!("{id}/{name}: the rule was not assessed"));
            }
            let expect = path.with_extension("expect");
            let got = describe(id, &outcome, &map);
            if update {
                std::fs::write(&expect, &got).expect("a writable case");
            } else if std::fs::read_to_string(&expect).unwrap_or_default() != got {
                problems.push(format!("{id}/{name}: says something else now:\n{got}"));
            }
        }
        if bad == 0 || good == 0 {
            problems.push(format!("{id}: {bad} bad and {good} good cases"));
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

#[test]
fn every_case_belongs_to_a_rule() {
    let known: BTreeSet<String> = rules().iter().map(|rule| rule.id.to_string()).collect();
    for entry in std::fs::read_dir(cases()).expect("cases").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name), "cases/{name} belongs to no rule");
    }
}

#[test]
fn findings_are_told_apart_and_stay_inside_the_object() {
    for rule in rules() {
        let dir = cases().join(rule.id.as_str());
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ext| ext != "yaml") {
                continue;
            }
            let (outcome, _) = run(&path);
            let mut seen = BTreeSet::new();
            for finding in &outcome.findings {
                let place = path.display();
                assert!(seen.insert(finding.id), "{place}: {} twice", finding.rule);
                assert!(
                    outcome.assessed.contains_key(&finding.rule),
                    "{place}: {} not counted",
                    finding.rule
                );
                assert!(
                    finding.locus.span.is_known(),
                    "{place}: {} nowhere",
                    finding.rule
                );
                assert!(
                    !finding.message.ends_with('.'),
                    "{place}: {}",
                    finding.message
                );
                assert!(
                    !finding.remediation.is_empty(),
                    "{place}: {} no fix",
                    finding.rule
                );
                assert_eq!(
                    finding.id,
                    seawall_model::FindingId::of(
                        &finding.rule,
                        &finding.asset,
                        &finding.locus.path
                    ),
                    "{place}"
                );
            }
        }
    }
}
