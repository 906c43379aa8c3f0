//! The mends: each bad case is mended and judged again. What became of it stands in
//! `tests/fixes.expect`, rule by rule; `UPDATE_EXPECT=1 cargo test -p seawall-posture --test
//! fixes` writes it.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests may fail loudly

#[path = "support/config.rs"]
mod config;
mod support;

use config::config;
use seawall_model::{Asset, FileId, Finding, Outcome, Repair, Repairable};
use seawall_posture::{check, fixes, rules};
use seawall_yaml::edit::Editor;
use seawall_yaml::{Limits, Node};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use support::Loader;

fn judged(name: &str, text: &str) -> Outcome {
    let mut loader = Loader::new();
    loader.add(Path::new(name), text);
    assert_eq!(loader.problems, 0, "{name}: not well-formed\n{text}");
    let (snapshot, _) = loader.build();
    check(&snapshot, &config(text))
}

/// The document that a finding is about.
fn document(text: &str, finding: &Finding) -> Option<(usize, Node)> {
    let stream = seawall_yaml::parse(text, FileId(1), &Limits::default());
    let start = finding.locus.span.start;
    let is = |node: &Node| match &finding.asset {
        Asset::Resource(resource) => {
            let kind = node.get("kind").and_then(Node::as_str);
            let name = node.at(&["metadata", "name"]).and_then(Node::as_str);
            kind == Some(&*resource.kind) && name == Some(&*resource.name)
        }
        _ => (node.span.start..=node.span.end).contains(&start),
    };
    let mut documents = stream.documents.into_iter().map(|document| document.root);
    documents.by_ref().enumerate().find(|(_, root)| is(root))
}

/// Mends all findings of a rule that can be mended, as often as it takes: the text, or why not.
fn mended(name: &str, rule: &str, text: &str) -> Result<String, String> {
    let mut text = text.to_owned();
    for _ in 0..10 {
        let outcome = judged(name, &text);
        let Some(finding) = outcome.findings.iter().find(|f| f.rule.as_str() == rule) else {
            return Ok(text);
        };
        let (at, object) = document(&text, finding).ok_or("its object is not in the file")?;
        let version = config(&text).kubernetes_version;
        let mend = match fixes::mend(finding, &object, version) {
            Repair::Mechanical(mend) => mend,
            Repair::Decision(question) => return Err(format!("asks: {}", question.text)),
            Repair::ByHand(_) => return Err("by hand".to_owned()),
        };
        let mut editor = Editor::new(text.clone()).expect("a small text");
        for operation in &mend.operations {
            if let Err(refusal) = editor.apply(at, operation) {
                return Err(format!("refused: {refusal}"));
            }
        }
        if editor.text() == text {
            return Err("changes nothing".to_owned());
        }
        editor.text().clone_into(&mut text);
    }
    Err("never done".to_owned())
}

/// Holds what is said of a rule to what becomes of its findings. Of `W05` to `W07`, those of
/// volumes that nobody mounts are mended.
fn is_as_told(name: &str, finding: &Finding, text: &str) {
    let Some((_, object)) = document(text, finding) else {
        return;
    };
    let told = fixes::repairable(&finding.rule);
    let now = match fixes::mend(finding, &object, config(text).kubernetes_version) {
        Repair::Mechanical(mend) if mend.caution.is_some() => Repairable::WithCaution,
        Repair::Mechanical(_) => Repairable::Safe,
        Repair::Decision(_) => Repairable::Decision,
        Repair::ByHand(_) => return,
    };
    let id = finding.rule.as_str();
    let unmounted = matches!(id, "W05" | "W06" | "W07") && now == Repairable::Safe;
    assert!(
        now == told || unmounted || (now, told) == (Repairable::Safe, Repairable::WithCaution),
        "{id} is told to be {}, and {name} is {}",
        told.name(),
        now.name()
    );
}

fn rules_of(outcome: &Outcome) -> BTreeSet<String> {
    outcome
        .findings
        .iter()
        .map(|f| f.rule.to_string())
        .collect()
}

#[test]
fn bad_cases_are_mended_and_judged_again() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut told = String::new();
    for rule in rules() {
        let id = rule.id.as_str();
        let entries = std::fs::read_dir(cases.join(id)).expect("cases").flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let is_yaml = path
                .extension()
                .is_some_and(|extension| extension == "yaml");
            if !name.starts_with("bad") || !is_yaml {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a case");
            let before = judged(&name, &text);
            let line = match mended(&name, id, &text) {
                Err(why) => why,
                Ok(new) => {
                    let after = judged(&name, &new);
                    let known = rules_of(&before);
                    let uncovered: Vec<String> = rules_of(&after)
                        .into_iter()
                        .filter(|rule| !known.contains(rule))
                        .collect();
                    let mut line = "mended".to_owned();
                    if !uncovered.is_empty() {
                        write!(line, ", which uncovers {}", uncovered.join(" ")).expect("a string");
                    }
                    for change in changes(&text, &new) {
                        write!(line, "\n    {change}").expect("a string");
                    }
                    line
                }
            };
            for finding in before.findings.iter().filter(|f| f.rule == rule.id) {
                is_as_told(&name, finding, &text);
            }
            writeln!(told, "{id}/{}: {line}", name.trim_end_matches(".yaml")).expect("a string");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixes.expect");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &told).expect("a writable file");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        told == expected,
        "something else becomes of the cases now:\n{told}"
    );
}

/// The lines that only one of two texts has, in order.
fn changes<'t>(old: &'t str, new: &'t str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut out = Vec::new();
    let mut rest = old.iter().peekable();
    for (at, line) in new.iter().enumerate() {
        if rest.peek() == Some(&line) {
            rest.next();
            continue;
        }
        // Old lines that do not come any more.
        while let Some(gone) = rest.next_if(|old| !new.iter().skip(at).any(|line| line == *old)) {
            out.push(format!("- {gone}"));
        }
        if rest.peek() == Some(&line) {
            rest.next();
        } else {
            out.push(format!("+ {line}"));
        }
    }
    out.extend(rest.map(|gone| format!("- {gone}")));
    out
}
