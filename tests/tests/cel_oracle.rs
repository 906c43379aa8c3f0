//! Expressions of admission policies against cel-go with the API server's own environment
//! (`tests/oracle/cel`): both must give the same value, fail alike, and refuse the same text.
//!
//! `tests/cases/cel/expressions.txt` has an expression on each line; `CEL_CASES=file` takes the
//! lines of another file.

// Test code, though not inside of test functions: it may fail and print as it likes.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

use seawall_admission::cel::{self, Env, FaultKind, Machine, Opaque, Program};
use seawall_model::FileId;
use seawall_yaml::{Limits, parse_bytes};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The most differences that are shown.
const SHOWN: usize = 40;

/// What the expressions are about.
const OBJECT: &str = r#"{"a": {"b": 1, "l": [3, 1, 2], "s": "x", "n": null}, "metadata": {"name": "web", "labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "nginx:1.2", "resources": {"limits": {"cpu": "100m"}}}, {"name": "b", "image": "redis", "securityContext": {"privileged": true}}]}}"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
        .to_owned()
}

/// The judge's program, or `None` where there is no Go.
fn judge() -> Option<PathBuf> {
    let output = Command::new(root().join("tests/oracle/build"))
        .output()
        .expect("a shell");
    match output.status.code() {
        Some(0) => {
            let folder = String::from_utf8(output.stdout).expect("a path");
            Some(Path::new(folder.trim()).join("cel"))
        }
        Some(77) => {
            eprintln!("skipped: no Go, so the API server's own environment cannot be asked");
            None
        }
        _ => panic!(
            "the judge does not build: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// A verdict on an expression.
#[derive(Debug, PartialEq)]
enum Verdict {
    Value(Value),
    Error(String),
    Refused(String),
    /// Ours only: a question that files cannot answer.
    Unanswerable(String),
}

fn theirs(judge: &Path, expressions: &[String]) -> Vec<Verdict> {
    let mut child = Command::new(judge)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the judge");
    let mut stdin = child.stdin.take().expect("its input");
    let object: Value = serde_json::from_str(OBJECT).expect("an object");
    let lines: Vec<String> = expressions
        .iter()
        .map(|expression| json!({ "expression": expression, "object": object }).to_string())
        .collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(stdin, "{line}").expect("a line");
        }
    });
    let output = child.wait_with_output().expect("an answer");
    writer.join().expect("all lines");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).expect("JSON");
            let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
            match (text("compile"), text("error")) {
                (Some(refused), _) => Verdict::Refused(refused),
                (_, Some(error)) => Verdict::Error(error),
                _ => Verdict::Value(answer.get("value").cloned().unwrap_or(Value::Null)),
            }
        })
        .collect()
}

fn ours(expression: &str, object: &cel::Value) -> Verdict {
    let env = Env {
        roots: vec!["object"],
        variables: Vec::new(),
    };
    let program = match Program::compile(expression, &env) {
        Ok(program) => program,
        Err(error) => return Verdict::Refused(error.message),
    };
    let roots = [object.clone()];
    let mut machine = Machine::new(&roots, &[], &[], None, 10_000_000);
    match machine.run(&program) {
        Ok(value) => Verdict::Value(plain(&value)),
        Err(fault) if fault.kind == FaultKind::Unanswerable => Verdict::Unanswerable(fault.message),
        Err(fault) => Verdict::Error(fault.message),
    }
}

/// A value as the judge prints it.
fn plain(value: &cel::Value) -> Value {
    const EXACT: i64 = 1 << 53;
    match value {
        cel::Value::Null | cel::Value::Optional(None) => Value::Null,
        cel::Value::Bool(truth) => json!(truth),
        cel::Value::Int(number) if number.unsigned_abs() < EXACT.unsigned_abs() => json!(number),
        cel::Value::Int(number) => json!(number.to_string()),
        cel::Value::Uint(number) if *number < EXACT.unsigned_abs() => json!(number),
        cel::Value::Uint(number) => json!(number.to_string()),
        cel::Value::Double(number) if number.is_finite() => json!(number),
        cel::Value::Double(number) => json!(match *number {
            number if number.is_nan() => "NaN",
            number if number > 0.0 => "Infinity",
            _ => "-Infinity",
        }),
        cel::Value::String(text) => json!(&**text),
        cel::Value::List(_) | cel::Value::Map(_) => composite(value),
        cel::Value::Optional(Some(inner)) => plain(inner),
        cel::Value::Opaque(opaque) => match &**opaque {
            Opaque::Ip(address) => json!(address.to_string()),
            _ => json!(value.type_name()),
        },
        cel::Value::Bytes(bytes) => json!(format!("bytes {bytes:?}")),
        other => json!(cel::shown(other)),
    }
}

fn composite(value: &cel::Value) -> Value {
    match value {
        cel::Value::List(cel::List::Values(items)) => items.iter().map(plain).collect(),
        cel::Value::List(cel::List::Nodes(items)) => items
            .iter()
            .map(|node| plain(&cel::Value::of(node)))
            .collect(),
        cel::Value::Map(cel::Map::Values(entries)) => entries
            .iter()
            .map(|(key, value)| {
                let key = match key {
                    cel::Key::Bool(truth) => truth.to_string(),
                    cel::Key::Int(number) => number.to_string(),
                    cel::Key::Uint(number) => number.to_string(),
                    cel::Key::String(text) => text.to_string(),
                };
                (key, plain(value))
            })
            .collect(),
        cel::Value::Map(cel::Map::Nodes(entries)) => entries
            .iter()
            .map(|entry| {
                let value = plain(&cel::Value::of(&entry.value));
                (entry.key.to_string(), value)
            })
            .collect(),
        _ => Value::Null,
    }
}

/// Whether two values are the same; numbers of JSON have no kinds.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            // Its way to JSON and back loses the last digit.
            let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
            (a - b).abs() <= a.abs() * 1e-15
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        // The judge knows no JSON for these and names the type.
        (_, Value::String(b))
            if matches!(
                b.as_str(),
                "optional_type" | "type" | "double" | "list" | "map"
            ) =>
        {
            true
        }
        (Value::String(a), _) if a.starts_with("bytes ") => true,
        (a, b) => a == b,
    }
}

/// How ours and theirs differ, if they do.
fn difference(ours: &Verdict, theirs: &Verdict) -> Option<&'static str> {
    match (ours, theirs) {
        (Verdict::Value(a), Verdict::Value(b)) => (!same(a, b)).then_some("value"),
        // Without types of fields we see when it runs what the original sees before.
        (Verdict::Error(_), Verdict::Error(_) | Verdict::Refused(_))
        | (Verdict::Refused(_), Verdict::Refused(_))
        | (Verdict::Unanswerable(_), _)
        | (_, Verdict::Unanswerable(_)) => None,
        (Verdict::Refused(_), _) => Some("ours refuses"),
        (_, Verdict::Refused(_)) => Some("ours accepts"),
        (Verdict::Error(_), _) => Some("ours fails"),
        (Verdict::Value(_), Verdict::Error(_)) => Some("theirs fails"),
    }
}

fn expressions() -> Vec<String> {
    let path = std::env::var_os("CEL_CASES").map_or_else(
        || root().join("tests/cases/cel/expressions.txt"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(path).expect("expressions");
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.replace("\\u000a", "\n"))
        .collect()
}

#[test]
fn expressions_have_the_values_that_the_api_server_gives_them() {
    let Some(judge) = judge() else { return };
    let expressions = expressions();
    let theirs = theirs(&judge, &expressions);
    assert_eq!(theirs.len(), expressions.len(), "the judge answers all");
    let stream = parse_bytes(OBJECT.as_bytes(), FileId(1), &Limits::default());
    let object = cel::Value::of(&stream.documents.first().expect("an object").root);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    for (expression, theirs) in expressions.iter().zip(&theirs) {
        let ours = ours(expression, &object);
        let kind = difference(&ours, theirs).unwrap_or("same");
        *counts.entry(kind).or_default() += 1;
        if kind != "same" {
            differences.push(format!(
                "{kind}: {expression}\n    ours:   {ours:?}\n    theirs: {theirs:?}\n"
            ));
        }
    }
    eprintln!("{} expressions: {counts:?}", expressions.len());
    let shown: Vec<String> = differences.iter().take(SHOWN).cloned().collect();
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        shown.concat()
    );
}
