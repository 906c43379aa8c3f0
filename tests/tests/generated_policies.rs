//! `seawall generate vap` against the native checks: every generated policy, run by our own
//! engine on every case of its rule, has to find what the rule finds and nothing else.

// Test code, though not inside of test functions: it may fail and print as it likes.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

use seawall_assessment::{Config, Policies, assess, generate_vap, vap::Mode};
use seawall_model::{Asset, Coverage, FileId, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Keep, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, Node, parse};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
        .to_owned()
}

fn trees(text: &str, map: &SourceMap, path: &str) -> Vec<Node> {
    let file: FileId = map.add_file(SourceFile {
        path: path.into(),
        kind: SourceKind::File,
    });
    let stream = parse(text, file, &Limits::default());
    assert!(stream.problems.is_empty(), "{path}: {:?}", stream.problems);
    stream
        .documents
        .into_iter()
        .flat_map(|document| object::flatten(document.root))
        .collect()
}

fn snapshot(trees: &[Node], map: &SourceMap) -> Snapshot {
    let mut builder = Builder::new();
    for tree in trees {
        let read = object::read_keeping(tree, ScopeId::PLAIN, map, &mut Vec::new(), Keep::Trees);
        if let Some(object) = read {
            builder.add(object);
        }
    }
    builder.build()
}

/// Kinds that generated policies match.
fn is_matched(asset: &Asset) -> bool {
    let Asset::Resource(resource) = asset else {
        return false;
    };
    matches!(
        (&*resource.group, &*resource.kind),
        ("", "Pod" | "ReplicationController" | "PodTemplate")
            | (
                "apps",
                "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet"
            )
            | ("batch", "Job" | "CronJob")
    )
}

#[test]
fn generated_policies_decide_as_the_rules_do() {
    let (policies, _) = generate_vap(&|_| true, Mode::Deny);
    assert!(policies.len() > 25, "{} policies", policies.len());
    let mut problems = Vec::new();
    let mut cases = 0;
    for generated in &policies {
        let map = SourceMap::new();
        let (read, wrong) = Policies::read(&trees(&generated.yaml, &map, &generated.name));
        assert!(wrong.is_empty(), "{}: {wrong:?}", generated.name);
        let read = Arc::new(read);
        let dir = root()
            .join("engines/posture/cases")
            .join(generated.rule.as_str());
        for entry in std::fs::read_dir(&dir).expect("cases").flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a case");
            if text.starts_with("# kubernetes:") {
                continue; // policies are for the newest version
            }
            cases += 1;
            let map = SourceMap::new();
            let snapshot = snapshot(&trees(&text, &map, "case.yaml"), &map);
            let config = Config {
                policies: Some(Arc::clone(&read)),
                ..Config::default()
            };
            let answer = assess(&snapshot, Coverage::default(), &map, &config);
            let of = |rule: &str| -> BTreeSet<String> {
                answer
                    .findings
                    .iter()
                    .filter(|finding| finding.rule.as_str() == rule)
                    .flat_map(|finding| &finding.affected)
                    .filter(|asset| is_matched(asset))
                    .map(ToString::to_string)
                    .collect()
            };
            let native = of(generated.rule.as_str());
            let by_policy = of(&format!("policy:{}", generated.name));
            if native != by_policy {
                let messages: Vec<&str> = answer
                    .findings
                    .iter()
                    .filter(|finding| finding.rule.as_str().starts_with("policy:"))
                    .map(|finding| &*finding.message)
                    .collect();
                problems.push(format!(
                    "{} {}: the rule says {native:?}, its policy {by_policy:?} {messages:?}\n",
                    generated.rule,
                    path.file_name().expect("a name").display()
                ));
            }
        }
    }
    eprintln!("{} policies, {cases} cases", policies.len());
    assert!(
        problems.is_empty(),
        "{} of {cases} cases differ:\n{}",
        problems.len(),
        problems.concat()
    );
}
