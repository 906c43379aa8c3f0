//! The mends: each bad case of a rule that can be mended is mended and judged again. What became
//! of it stands in `tests/fixes.expect`; `UPDATE_EXPECT=1 cargo test -p seawall-network --test
//! fixes` writes it.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests may fail loudly

mod support;

use seawall_model::{Asset, FileId, Finding, Outcome, Repair, Repairable};
use seawall_network::{Config, check, fixes, rules};
use seawall_yaml::edit::Editor;
use seawall_yaml::{Limits, Node};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use support::Loader;

fn judged(text: &str) -> Outcome {
    let mut loader = Loader::new();
    loader.add(Path::new("case.yaml"), text);
    let (snapshot, _) = loader.build();
    check(&snapshot, &Config::default())
}

/// The document that a finding is about.
fn document(text: &str, finding: &Finding) -> Option<(usize, Node)> {
    let Asset::Resource(resource) = &finding.asset else {
        return None;
    };
    let stream = seawall_yaml::parse(text, FileId(1), &Limits::default());
    let mut documents = stream
        .documents
        .into_iter()
        .map(|document| document.root)
        .enumerate();
    documents.find(|(_, root)| {
        let word = |path: &[&str]| root.at(path).and_then(Node::as_str);
        word(&["kind"]) == Some(&*resource.kind)
            && word(&["metadata", "name"]) == Some(&*resource.name)
            && word(&["metadata", "namespace"]) == resource.namespace.as_deref()
    })
}

/// Mends all findings of a rule, as often as it takes: the text, or why not.
fn mended(rule: &str, text: &str) -> Result<String, String> {
    let mut text = text.to_owned();
    for _ in 0..10 {
        let outcome = judged(&text);
        let Some(finding) = outcome.findings.iter().find(|f| f.rule.as_str() == rule) else {
            return Ok(text);
        };
        let (at, object) = document(&text, finding).ok_or("its object is not in the file")?;
        let mend = match fixes::mend(finding, &object) {
            Repair::Mechanical(mend) => mend,
            Repair::Decision(question) => question.answered("payments").ok_or("no answer")?,
            Repair::ByHand(_) => return Err("by hand".to_owned()),
        };
        let mut editor = Editor::new(text.clone()).expect("a small text");
        for operation in &mend.operations {
            let applied = editor.apply(at, operation);
            applied.map_err(|refusal| format!("refused: {refusal}"))?;
        }
        if editor.text() == text {
            return Err("changes nothing".to_owned());
        }
        editor.text().clone_into(&mut text);
    }
    Err("never done".to_owned())
}

fn ids(text: &str) -> BTreeSet<String> {
    let outcome = judged(text);
    outcome
        .findings
        .iter()
        .map(|f| f.rule.to_string())
        .collect()
}

fn bad_cases(id: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(id);
    let entries = std::fs::read_dir(dir).expect("cases").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml");
        is_yaml && stem.is_some_and(|stem| stem.starts_with("bad"))
    });
    paths.sort();
    paths
}

#[test]
fn bad_cases_are_mended_and_judged_again() {
    let mut told = String::new();
    let can_be = |id| fixes::repairable(id) != Repairable::ByHand;
    for rule in rules().iter().filter(|rule| can_be(&rule.id)) {
        let id = rule.id.as_str();
        for path in bad_cases(id) {
            let text = std::fs::read_to_string(&path).expect("a case");
            let stem = path.file_stem().expect("a name").to_string_lossy();
            let _ = write!(told, "{id}/{stem}: ");
            let after = match mended(id, &text) {
                Err(why) => {
                    let _ = writeln!(told, "{why}");
                    continue;
                }
                Ok(after) => after,
            };
            let before = ids(&text);
            let new: Vec<String> = ids(&after).difference(&before).cloned().collect();
            told.push_str("mended");
            if !new.is_empty() {
                let _ = write!(told, ", which brings {}", new.join(" "));
            }
            told.push('\n');
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            let (was, is) = (lines(&text), lines(&after));
            for line in was.iter().filter(|line| !is.contains(line)) {
                let _ = writeln!(told, "    - {line}");
            }
            for line in is.iter().filter(|line| !was.contains(line)) {
                let _ = writeln!(told, "    + {line}");
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixes.expect");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &told).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(told, expected, "UPDATE_EXPECT=1 writes it anew");
}
