//! What is answered about requests: for each case in `tests/reach` the questions at its head
//! (`# ask: internet shop/web 8080 GET /cart`, with `-` for what is not known) and the answers
//! beside it. `UPDATE_EXPECT=1 cargo test -p seawall-assessment --test reach` writes these.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail loudly

use seawall_assessment::reach::{Field, Protocol, Question, proofs};
use seawall_model::{SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, ScopeId, Snapshot, object};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn read(text: &str) -> Snapshot {
    let map = SourceMap::new();
    let file = map.add_file(SourceFile {
        path: "case.yaml".into(),
        kind: SourceKind::File,
    });
    let stream = seawall_yaml::parse(text, file, &seawall_yaml::Limits::default());
    assert_eq!(stream.problems, []);
    let mut builder = Builder::new();
    for document in stream.documents {
        builder.add(object::read(&document.root, ScopeId::PLAIN, &map, &mut Vec::new()).unwrap());
    }
    builder.build()
}

fn answer(question: &str, snapshot: &Snapshot) -> String {
    let words: Vec<&str> = question.split(' ').collect();
    let [from, to, port, method, path] = words.as_slice() else {
        panic!("{question}: from whom, to whom, a port, a method and a path");
    };
    let known = [(Field::Method, method), (Field::Path, path)];
    let known = known.into_iter().filter(|(_, value)| **value != "-");
    let asked = Question {
        from: Some((*from).to_owned()),
        to: Some((*to).to_owned()),
        port: Some((Protocol::Tcp, port.parse().unwrap())),
        request: known
            .map(|(field, value)| (field, (*value).into()))
            .collect(),
        ..Question::default()
    };
    let mut text = String::new();
    for proof in proofs(snapshot, &asked).unwrap() {
        writeln!(text, "{question}: {}", proof.verdict).unwrap();
        for step in proof.steps {
            writeln!(text, "  {}: {}", step.verdict, step.said).unwrap();
            for cite in step.cites.iter().filter(|cite| !cite.note.is_empty()) {
                writeln!(text, "    {}{}: {}", cite.object, cite.pointer, cite.note).unwrap();
            }
        }
    }
    text
}

#[test]
fn requests_are_answered_as_they_were() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reach");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() > 3, "the cases are there");
    let mut problems = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let snapshot = read(&text);
        let questions = text.lines().filter_map(|line| line.strip_prefix("# ask: "));
        let got: String = questions.map(|one| answer(one, &snapshot)).collect();
        let expect = path.with_extension("expect");
        if update {
            std::fs::write(&expect, &got).unwrap();
        } else if std::fs::read_to_string(&expect).unwrap_or_default() != got {
            problems.push(format!(
                "{} says something else now:\n{got}",
                path.display()
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
