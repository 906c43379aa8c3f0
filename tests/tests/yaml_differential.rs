//! `core/yaml` against the reader that Kubernetes has: `sigs.k8s.io/yaml` behind
//! k8s.io/apimachinery's stream reader, in `tests/oracle/yaml`. Both must read the same
//! documents from a text, refuse the same ones, and write them back alike.

// Test code, though not inside of test functions: it may fail and print as it likes.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

mod yaml_texts;

use seawall_model::FileId;
use seawall_yaml::{Limits, parse_bytes, parse_single, to_json, try_to_yaml};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The most differences that are shown.
const SHOWN: usize = 25;

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
            Some(Path::new(folder.trim()).join("yaml"))
        }
        Some(77) => {
            eprintln!("skipped: no Go, so Kubernetes' own reader cannot be asked");
            None
        }
        _ => panic!(
            "the judge does not build: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// What a reader makes of a text: one entry per document that is not null.
#[derive(Debug, PartialEq)]
enum Reading {
    Document { json: String, yaml: Option<String> },
    Refused,
}

/// How a text is read: as kubectl reads streams, or as Helm reads values.
#[derive(Clone, Copy, PartialEq)]
enum Entry {
    Stream,
    Single,
}

/// One text and where it is from.
struct Case {
    name: String,
    bytes: Vec<u8>,
}

fn ours(bytes: &[u8], entry: Entry) -> Vec<(Reading, String)> {
    let limits = Limits::default();
    let stream = match (entry, std::str::from_utf8(bytes)) {
        (Entry::Single, Ok(text)) => parse_single(text, FileId(1), &limits),
        _ => parse_bytes(bytes, FileId(1), &limits),
    };
    let mut readings: Vec<(u32, Reading, String)> = Vec::new();
    for document in &stream.documents {
        if document.root.is_null() {
            continue;
        }
        let json = to_json(&document.root);
        let yaml = try_to_yaml(&document.root).ok();
        readings.push((
            document.root.span.start,
            Reading::Document { json, yaml },
            String::new(),
        ));
    }
    for problem in &stream.problems {
        let place = format!(
            "{}:{}: {}",
            problem.span.line, problem.span.column, problem.message
        );
        readings.push((problem.span.start, Reading::Refused, place));
    }
    readings.sort_by_key(|(start, ..)| *start);
    readings
        .into_iter()
        .map(|(_, reading, note)| (reading, note))
        .collect()
}

fn theirs(answer: &Value) -> Vec<(Reading, String)> {
    assert!(
        answer.get("error").is_none(),
        "the judge cannot work: {answer}"
    );
    let sniffed = answer.get("sniffed_json").is_some();
    let text =
        |document: &Value, key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut readings = Vec::new();
    for document in answer["documents"].as_array().expect("documents") {
        if let Some(error) = text(document, "error") {
            readings.push((Reading::Refused, error));
        } else if sniffed {
            let json = reread(&text(document, "text_json").unwrap_or_default());
            readings.push((Reading::Document { json, yaml: None }, String::new()));
        } else {
            // Bytes that are no text: `encoding/json` escapes what it puts in their place.
            let json = text(document, "text_json")
                .expect("text_json")
                .replace("\\ufffd", "\u{fffd}");
            readings.push((
                Reading::Document {
                    json,
                    yaml: text(document, "text_yaml"),
                },
                String::new(),
            ));
        }
    }
    readings.retain(
        |(reading, _)| !matches!(reading, Reading::Document { json, .. } if json == "null"),
    );
    readings
}

/// JSON as it was written, with numbers as they are read.
fn reread(json: &str) -> String {
    // Inside of an object, so that it is read as JSON whatever it is.
    let text = format!("{{\"x\":{json}}}");
    let stream = parse_bytes(text.as_bytes(), FileId(1), &Limits::default());
    let read = stream
        .documents
        .first()
        .and_then(|document| document.root.get("x"));
    read.map_or("unreadable".to_owned(), to_json)
}

/// Asks the judge about all cases in one process.
fn ask(judge: &Path, cases: &[Case], entry: Entry) -> Vec<Value> {
    let mut child = Command::new(judge)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the judge starts");
    let mut input = child.stdin.take().expect("piped");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for case in cases {
                let base64 = base64(&case.bytes);
                let single = entry == Entry::Single;
                writeln!(
                    input,
                    r#"{{"base64":"{base64}","marshal":true,"single":{single}}}"#
                )
                .expect("written");
            }
        });
        let answers: Vec<Value> = output
            .split(b'\n')
            .map(|line| {
                // JSON that the judge passes on may hold bytes that are no text.
                let line = String::from_utf8_lossy(&line.expect("read")).into_owned();
                serde_json::from_str(&line).unwrap_or_default()
            })
            .collect();
        child.wait().expect("ended");
        answers
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bits);
        for i in 0..4 {
            let digit = if i <= group.len() {
                DIGITS[(bits >> (18 - 6 * i)) as usize & 63] as char
            } else {
                '='
            };
            out.push(digit);
        }
    }
    out
}

/// Compares all cases; says how many agree.
fn compare(kind: &str, judge: &Path, cases: &[Case], entry: Entry) {
    let answers = ask(judge, cases, entry);
    assert_eq!(answers.len(), cases.len(), "one answer for each text");
    let mut differences = String::new();
    let known = known_differences();
    let (mut different, mut expected, mut documents, mut refused) = (0, 0, 0, 0);
    for (case, answer) in cases.iter().zip(&answers) {
        // The judge passes numbers such as 1e400 on where kubectl would decode them next,
        // and fail.
        if answer.is_null() {
            continue;
        }
        let mut ours = ours(&case.bytes, entry);
        let mut theirs = theirs(answer);
        if answer.get("sniffed_json").is_some() {
            // The judge stops at the first error there, and shows no YAML.
            if let Some(end) = theirs.iter().position(|(r, _)| *r == Reading::Refused) {
                theirs.truncate(end + 1);
                ours.truncate(end + 1);
            }
            for (reading, _) in &mut ours {
                if let Reading::Document { json, yaml } = reading {
                    *json = reread(json);
                    *yaml = None;
                }
            }
        }
        refused += theirs
            .iter()
            .filter(|(r, _)| *r == Reading::Refused)
            .count();
        documents += theirs
            .iter()
            .filter(|(r, _)| *r != Reading::Refused)
            .count();
        if ours
            .iter()
            .map(|(r, _)| r)
            .eq(theirs.iter().map(|(r, _)| r))
        {
            continue;
        }
        if known
            .iter()
            .any(|needle| contains(&case.bytes, needle.as_bytes()))
        {
            expected += 1;
            continue;
        }
        different += 1;
        if different <= SHOWN {
            let text = String::from_utf8_lossy(&case.bytes);
            let text: String = text.chars().take(600).collect();
            let _ = writeln!(
                differences,
                "--- {}\n{text:?}\n  seawall: {}\n  kubernetes: {}",
                case.name,
                first_difference(&ours, &theirs),
                first_difference(&theirs, &ours),
            );
        }
    }
    eprintln!(
        "{kind}: {} of {} texts agree ({documents} documents, {refused} refused), \
         {expected} differ in known ways",
        cases.len() - different - expected,
        cases.len()
    );
    assert_eq!(different, 0, "{kind}: readers differ\n{differences}");
}

/// What texts hold that we are known to read differently; each has its reason beside it.
fn known_differences() -> Vec<String> {
    let path = root().join("tests/cases/yaml/known-differences.jsonl");
    let lines = std::fs::read_to_string(path).expect("known differences");
    let needle = |line: &str| -> String {
        let known: Value = serde_json::from_str(line).expect("JSON");
        known["contains"].as_str().expect("text").to_owned()
    };
    lines.lines().map(needle).collect()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// What is read differently, from shortly before the difference.
fn first_difference(these: &[(Reading, String)], those: &[(Reading, String)]) -> String {
    let at = these.iter().zip(those).position(|(a, b)| a.0 != b.0);
    let at = at.unwrap_or(those.len().min(these.len()));
    let Some(this) = these.get(at) else {
        return "nothing more".to_owned();
    };
    let this = format!("{this:?}");
    let that = those
        .get(at)
        .map(|that| format!("{that:?}"))
        .unwrap_or_default();
    let same = this
        .chars()
        .zip(that.chars())
        .take_while(|(a, b)| a == b)
        .count();
    this.chars()
        .skip(same.saturating_sub(60))
        .take(300)
        .collect()
}

#[test]
fn scalars_resolve_alike() {
    let Some(judge) = judge() else { return };
    compare("scalars", &judge, &yaml_texts::scalars(), Entry::Stream);
}

#[test]
fn generated_texts_read_alike() {
    let Some(judge) = judge() else { return };
    compare(
        "generated trees",
        &judge,
        &yaml_texts::trees(4_000),
        Entry::Stream,
    );
    compare(
        "generated soup",
        &judge,
        &yaml_texts::soup(8_000),
        Entry::Stream,
    );
}

#[test]
fn kept_cases_read_alike() {
    let Some(judge) = judge() else { return };
    let cases = yaml_texts::files(&root().join("tests/cases/yaml"));
    compare("kept cases", &judge, &cases, Entry::Stream);
    compare(
        "changed cases",
        &judge,
        &yaml_texts::mutations(&cases, 4_000),
        Entry::Stream,
    );
}

#[test]
fn real_manifests_read_alike() {
    let Some(judge) = judge() else { return };
    let folder = root().join("../shared/data/manifests");
    if !folder.is_dir() {
        eprintln!("skipped: no real manifests at {}", folder.display());
        return;
    }
    let cases = yaml_texts::files(&folder);
    compare("real manifests", &judge, &cases, Entry::Stream);
    let small: Vec<Case> = cases
        .into_iter()
        .filter(|c| c.bytes.len() < 2_000)
        .collect();
    compare(
        "changed manifests",
        &judge,
        &yaml_texts::mutations(&small, 4_000),
        Entry::Stream,
    );
}

#[test]
fn single_texts_read_alike() {
    let Some(judge) = judge() else { return };
    let utf8 = |case: &Case| std::str::from_utf8(&case.bytes).is_ok();
    let mut cases = yaml_texts::files(&root().join("tests/cases/yaml"));
    cases.extend(yaml_texts::mutations(&cases, 1_000));
    cases.extend(yaml_texts::trees(1_000));
    cases.extend(yaml_texts::soup(2_000));
    cases.retain(utf8);
    compare("single texts", &judge, &cases, Entry::Single);
}
