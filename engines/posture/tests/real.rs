//! Prints what the rules say about real manifests, loudest first. Run by hand:
//! `MANIFESTS=dir RULE=W05 cargo test --release -p seawall-posture --test real -- --ignored --nocapture`.
//! Plain files only; charts and overlays are rendered by `seawall scan`.

mod support;

use seawall_posture::{Config, check};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use support::Loader;

fn files(dir: &Path, to: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files(&path, to);
        } else if path
            .extension()
            .is_some_and(|ext| ext == "yaml" || ext == "yml")
        {
            to.push(path);
        }
    }
}

#[test]
#[ignore = "reads manifests outside the repository, prints"]
fn loudest_rules() {
    let root = std::env::var("MANIFESTS").unwrap_or("../../../shared/data/manifests".into());
    let rule = std::env::var("RULE").ok();
    let mut paths = Vec::new();
    files(Path::new(&root), &mut paths);
    let mut loader = Loader::new();
    for path in &paths {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        loader.add(path.strip_prefix(&root).unwrap_or(path), &text);
    }
    let problems = loader.problems;
    let (snapshot, map) = loader.build();
    let start = Instant::now();
    let outcome = check(&snapshot, &Config::default());
    let took = start.elapsed();
    println!(
        "{} files, {} problems, {} objects, {} workloads, {} findings in {took:?}",
        paths.len(),
        problems,
        snapshot.len(),
        snapshot.workloads().len(),
        outcome.findings.len()
    );
    let mut counts: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for finding in &outcome.findings {
        let by = counts.entry(finding.rule.to_string()).or_default();
        *by.entry(finding.severity.name()).or_default() += 1;
    }
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(_, by)| std::cmp::Reverse(by.values().sum::<usize>()));
    for (rule, by) in sorted {
        println!("{rule:8} {:5}  {by:?}", by.values().sum::<usize>());
    }
    for finding in &outcome.findings {
        if rule
            .as_deref()
            .is_some_and(|rule| rule == "all" || rule == finding.rule.as_str())
        {
            println!(
                "{:8} {} {}\n    {}: {}\n    fix: {}",
                finding.severity.name(),
                finding.rule,
                finding.asset,
                map.display(finding.locus.span),
                finding.message,
                finding.remediation
            );
            for evidence in finding.evidence.iter().skip(1) {
                println!("    because {}", evidence.note);
            }
        }
    }
}

/// Prints how long 10,000 workloads take: bare ones, where every rule has something to say,
/// and hardened ones, where none has.
#[test]
#[ignore = "measures, prints"]
fn ten_thousand_workloads() {
    let rounds = std::env::var("ROUNDS").map_or(5, |rounds| rounds.parse().expect("a number"));
    let only = std::env::var("ONLY").ok();
    for (name, hardened) in [("bare", false), ("hardened", true)] {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let mut loader = Loader::new();
        for number in 0..10_000 {
            loader.add(
                Path::new(&format!("{number}.yaml")),
                &deployment(number, hardened),
            );
        }
        let (snapshot, _) = loader.build();
        for _ in 0..rounds {
            let start = Instant::now();
            let outcome = check(&snapshot, &Config::default());
            println!(
                "{name}: {} findings in {:?}",
                outcome.findings.len(),
                start.elapsed()
            );
        }
    }
}

fn deployment(number: usize, hardened: bool) -> String {
    let (pod, container, image) = if hardened {
        (
            "automountServiceAccountToken: false\n      securityContext: {runAsNonRoot: true, \
             seccompProfile: {type: RuntimeDefault}}",
            "securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, \
             capabilities: {drop: [ALL]}}\n        resources: {requests: {cpu: 1}, limits: \
             {memory: 64Mi}}\n        readinessProbe: {httpGet: {port: 80}}",
            "registry.example.com/app:1@sha256:\
             aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        )
    } else {
        (
            "restartPolicy: Always",
            "imagePullPolicy: Always",
            "nginx:latest",
        )
    };
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}, namespace: team-{}}}
spec:
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec:
      {pod}
      containers:
      - name: app
        image: {image}
        {container}
        ports: [{{containerPort: 8080}}]
        env: [{{name: A, value: b}}, {{name: LOG_LEVEL, value: info}}]
",
        number % 100
    )
}
