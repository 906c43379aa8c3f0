//! Measures reading: `cargo run --release -p seawall-yaml --example speed -- DIR|FILE…`.
#![allow(clippy::print_stdout, clippy::cast_precision_loss)]

use seawall_model::FileId;
use seawall_yaml::{Document, Limits, parse, parse_each, parse_list};
use std::path::Path;

const RUNS: usize = 5;

fn collect(path: &Path, named: bool, texts: &mut Vec<String>) {
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        entries.sort();
        for entry in entries {
            collect(&entry, false, texts);
        }
    } else if (named || path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        && let Ok(text) = std::fs::read_to_string(path)
    {
        texts.push(text);
    }
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|l| l.starts_with("VmRSS"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn main() {
    let mut texts = Vec::new();
    for path in std::env::args().skip(1) {
        collect(Path::new(&path), true, &mut texts);
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    let limits = Limits {
        max_bytes: 1 << 30,
        ..Limits::default()
    };
    let before = resident_kib();
    let kept: Vec<_> = texts
        .iter()
        .map(|text| parse(text, FileId(1), &limits))
        .collect();
    let memory = (resident_kib() - before) * 1024;
    let documents: usize = kept.iter().map(|s| s.documents.len()).sum();
    let problems: usize = kept.iter().map(|s| s.problems.len()).sum();
    println!(
        "{} files, {bytes} bytes, {documents} documents, {problems} problems; trees take {memory} bytes ({:.1} x)",
        texts.len(),
        memory as f64 / bytes as f64
    );
    drop(kept);
    measure("trees", bytes, || {
        for text in &texts {
            std::hint::black_box(parse(text, FileId(1), &limits));
        }
    });
    measure("one by one", bytes, || {
        for text in &texts {
            one_by_one(text, &limits);
        }
    });
}

fn one_by_one(text: &str, limits: &Limits) {
    let mut open = || Ok(text.as_bytes());
    let mut each = |document: Document| drop(std::hint::black_box(document));
    if !parse_list(&mut open, FileId(1), limits, &|_| true, &mut each).is_ok_and(|read| read) {
        parse_each(text, FileId(1), limits, &mut each);
    }
}

/// Time that this thread has had, so that what else runs does not count.
fn seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = times.split_whitespace().next().unwrap_or_default();
    first.parse().unwrap_or(0.0) / 1e9
}

fn measure(what: &str, bytes: usize, run: impl Fn()) {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = seconds();
        run();
        best = best.min(seconds() - start);
    }
    println!(
        "{what}: best of {RUNS}: {:.1} ms, {:.1} MB/s",
        best * 1e3,
        bytes as f64 / 1e6 / best
    );
}
