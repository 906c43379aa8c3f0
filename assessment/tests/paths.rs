//! Every attack technique has an environment where it works (`bad.yaml`) and a twin where one of
//! its conditions is missing (`good.yaml`), under the engine's `cases`. Beside the first stands
//! which steps it makes (`bad.expect`); the twin makes none.
//! `UPDATE_EXPECT=1 cargo test -p seawall-assessment --test paths` writes the former.
//!
//! A case may begin with `# version: 1.34`, the cluster's version, and `# complete`, which says
//! that nothing is missing from the input.

#![allow(clippy::expect_used, clippy::indexing_slicing)] // helpers of tests may fail loudly

use seawall_assessment::{Config, assess, paths};
use seawall_model::{Coverage, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, ScopeId, object};
use seawall_yaml::{Limits, parse};
use std::path::{Path, PathBuf};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engines/paths/cases")
}

/// The steps of a technique in a case, a line each.
fn steps(path: &Path, technique: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("a case");
    let says = |word: &str| text.lines().find_map(|line| line.strip_prefix(word));
    let version = says("# version: ").map(|word| word.trim().parse().expect("a version"));
    let (map, mut gaps) = (SourceMap::new(), Vec::new());
    let file = map.add_file(SourceFile {
        path: path.to_string_lossy().into(),
        kind: SourceKind::File,
    });
    let mut builder = Builder::new();
    if says("# complete").is_some() {
        builder = builder.complete();
    }
    let stream = parse(&text, file, &Limits::default());
    assert!(
        stream.problems.is_empty(),
        "{}: {:?}",
        path.display(),
        stream.problems
    );
    for document in stream.documents {
        for node in object::flatten(document.root) {
            let object = object::read(&node, ScopeId::PLAIN, &map, &mut gaps);
            builder.add(object.expect("an object"));
        }
    }
    assert!(gaps.is_empty(), "{}: {gaps:?}", path.display());
    let config = Config {
        kubernetes_version: version,
        paths: Some(paths::Question {
            jewels: vec!["jewel=true".to_owned()],
            steps: true,
            ..paths::Question::default()
        }),
        ..Config::default()
    };
    let assessment = assess(&builder.build(), Coverage::default(), &map, &config);
    let steps = assessment.ways.expect("paths were asked for").steps;
    let of_it = steps
        .into_iter()
        .filter(|step| step.technique.as_str() == technique);
    let mut lines: Vec<String> = of_it
        .map(|step| format!("{} -> {}", step.needs, step.gives))
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn every_technique_works_where_it_should_and_nowhere_else() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut problems = Vec::new();
    for rule in paths::techniques() {
        let technique = rule.id.as_str();
        let folder = cases().join(technique);
        if !folder.is_dir() {
            problems.push(format!("{technique}: no cases"));
            continue;
        }
        let good = steps(&folder.join("good.yaml"), technique);
        if !good.is_empty() {
            problems.push(format!(
                "{technique}/good.yaml has steps:\n  {}",
                good.join("\n  ")
            ));
        }
        let bad = steps(&folder.join("bad.yaml"), technique);
        if bad.is_empty() {
            problems.push(format!("{technique}/bad.yaml has no step"));
        }
        let expect = folder.join("bad.expect");
        let mut told = bad.join("\n");
        told.push('\n');
        if update {
            std::fs::write(&expect, &told).expect("a file");
        } else if std::fs::read_to_string(&expect).unwrap_or_default() != told {
            problems.push(format!("{technique}/bad.expect is not what comes:\n{told}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
