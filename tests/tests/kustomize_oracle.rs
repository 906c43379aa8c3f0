//! Kustomize itself is the judge: every overlay of the shared manifests, of `examples/` and
//! of `tests/cases/kustomize/` must give the same objects in the same order, or, where
//! Kustomize refuses it, a located gap.
//!
//! Skipped, with a line that says so, without Go or without the data. More overlays can be
//! tried with `KUSTOMIZE_MORE=DIR:DIR cargo test -p seawall-tests --test kustomize_oracle`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test: a panic is its verdict, and its counts are to be read"
)]

use seawall_model::SourceMap;
use seawall_sources::kustomize::{Builder, is_overlay};
use seawall_sources::tree::Disk;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Where the judges are, built if need be.
fn judges() -> Option<PathBuf> {
    let built = Command::new(root().join("tests/oracle/build"))
        .output()
        .ok()?;
    if built.status.code() == Some(77) {
        return None;
    }
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Some(PathBuf::from(
        String::from_utf8(built.stdout).unwrap().trim(),
    ))
}

/// All directories below with a kustomization.
fn overlays(dir: &Path, found: &mut Vec<PathBuf>) {
    if is_overlay(&Disk, dir.to_str().unwrap()).is_some() {
        found.push(dir.to_owned());
    }
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && entry.file_name() != ".git" {
            overlays(&entry.path(), found);
        }
    }
}

fn uses(dir: &Path, field: &str) -> bool {
    let Some(path) = is_overlay(&Disk, dir.to_str().unwrap()) else {
        return false;
    };
    std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(|l| l.starts_with(field)))
}

/// The judge's answers.
fn ask(judges: &Path, dirs: &[PathBuf]) -> Vec<Value> {
    // A custom schema stays in force within a process: such overlays get one of their own.
    let (alone, together): (Vec<usize>, Vec<usize>) =
        (0..dirs.len()).partition(|i| uses(&dirs[*i], "openapi:"));
    let mut answers = vec![Value::Null; dirs.len()];
    let mut batches: Vec<Vec<usize>> = alone.into_iter().map(|i| vec![i]).collect();
    batches.push(together);
    for batch in batches {
        let mut judge = Command::new(judges.join("kustomize"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = judge.stdin.take().unwrap();
        let requests: Vec<String> = batch
            .iter()
            .map(|i| json!({"dir": dirs[*i], "helm_command": judges.join("helm-cli")}).to_string())
            .collect();
        let writer = std::thread::spawn(move || {
            for request in requests {
                writeln!(stdin, "{request}").unwrap();
            }
        });
        let lines = BufReader::new(judge.stdout.take().unwrap()).lines();
        for (index, line) in batch.into_iter().zip(lines) {
            answers[index] = serde_json::from_str(&line.unwrap()).unwrap();
        }
        writer.join().unwrap();
        judge.wait().unwrap();
    }
    answers
}

/// The first difference, as a path.
fn difference(ours: &Value, theirs: &Value, path: &str) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k)));
            for key in keys {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(x), Some(y)) => {
                        if let Some(found) = difference(x, y, &path) {
                            return Some(found);
                        }
                    }
                    (x, y) => return Some(format!("{path}: ours {x:?}, judge {y:?}")),
                }
            }
            None
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(i, (x, y))| difference(x, y, &format!("{path}[{i}]"))),
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path}: ours {a}, judge {b}")),
    }
}

struct Score {
    equal: usize,
    refused: usize,
    total: usize,
    wrong: Vec<String>,
}

fn judge(judges: &Path, dirs: &[PathBuf]) -> Score {
    let answers = ask(judges, dirs);
    let map = SourceMap::new();
    let builder = Builder::new(&Disk, &map);
    let mut score = Score {
        equal: 0,
        refused: 0,
        total: dirs.len(),
        wrong: Vec::new(),
    };
    for (dir, answer) in dirs.iter().zip(&answers) {
        let rendered = builder.build(dir.to_str().unwrap());
        let gaps: Vec<String> = rendered
            .gaps
            .iter()
            .map(|gap| format!("{}: {}", map.display(gap.span), gap.reason))
            .collect();
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            if rendered.gaps.iter().any(|gap| gap.span.is_known()) {
                score.refused += 1;
            } else {
                let short: String = error.chars().take(600).collect();
                score
                    .wrong
                    .push(format!("{}: no gap, but: {short}", dir.display()));
            }
            continue;
        }
        let theirs: Vec<Value> = answer["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["object"].clone())
            .collect();
        let ours: Vec<Value> = rendered
            .objects
            .iter()
            .map(|node| serde_json::from_str(&seawall_yaml::to_json(node)).unwrap())
            .collect();
        if !gaps.is_empty() {
            score.wrong.push(format!(
                "{}: needless gap {}",
                dir.display(),
                gaps.join("; ")
            ));
            continue;
        }
        let names = |list: &[Value]| -> Value {
            list.iter()
                .map(|o| format!("{}/{}", o["kind"], o["metadata"]["name"]).replace('"', ""))
                .collect::<Vec<_>>()
                .into()
        };
        let found = difference(&names(&ours), &names(&theirs), "names")
            .or_else(|| difference(&json!(ours), &json!(theirs), ""));
        match found {
            None => score.equal += 1,
            Some(found) => {
                let short: String = found.chars().take(900).collect();
                score.wrong.push(format!("{}: {short}", dir.display()));
            }
        }
    }
    score
}

fn report(name: &str, score: &Score) {
    println!(
        "{name}: {} of {} equal, {} more refused by both",
        score.equal, score.total, score.refused
    );
    for wrong in &score.wrong {
        println!("  {wrong}");
    }
}

#[test]
fn overlays_give_what_kustomize_gives() {
    let Some(judges) = judges() else {
        println!("SKIPPED: no Go, so there is no judge");
        return;
    };
    let mut places = vec![
        ("cases".to_owned(), root().join("tests/cases/kustomize")),
        ("examples".to_owned(), root().join("examples")),
    ];
    let shared = std::env::var_os("SEAWALL_MANIFESTS")
        .map_or_else(|| root().join("../shared/data/manifests"), PathBuf::from);
    if shared.is_dir() {
        places.push(("shared manifests".to_owned(), shared));
    } else {
        println!("SKIPPED: {} is not there", shared.display());
    }
    if let Ok(more) = std::env::var("KUSTOMIZE_MORE") {
        places.extend(
            more.split(':')
                .map(|dir| (dir.to_owned(), PathBuf::from(dir))),
        );
    }
    let mut wrong = 0;
    for (name, dir) in places {
        if !dir.is_dir() {
            println!("SKIPPED: {} is not there", dir.display());
            continue;
        }
        let mut dirs = Vec::new();
        overlays(&dir, &mut dirs);
        let score = judge(&judges, &dirs);
        report(&name, &score);
        wrong += score.wrong.len();
    }
    assert_eq!(wrong, 0, "overlays differ from what kustomize gives");
}
