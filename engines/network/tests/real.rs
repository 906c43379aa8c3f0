//! Prints what the rules say about real manifests, loudest first. Run by hand:
//! `MANIFESTS=dir RULE=IST-TLS-01 cargo test --release -p seawall-network --test real -- --ignored --nocapture`.
//! Plain files only; charts and overlays are rendered by `seawall scan`.

mod support;

use seawall_network::{Config, check};
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
            if finding.affected.len() > 1 {
                let all: Vec<String> = finding.affected.iter().map(ToString::to_string).collect();
                println!("    affects {}", all.join(", "));
            }
            for evidence in finding.evidence.iter().skip(1) {
                println!("    because {}", evidence.note);
            }
        }
    }
}

/// Prints how long the mesh rules take for a large mesh.
#[test]
#[ignore = "measures, prints"]
fn a_large_mesh() {
    let mut loader = Loader::new();
    let mut add =
        |number: usize, text: String| loader.add(Path::new(&format!("{number}.yaml")), &text);
    for space in 0..60 {
        add(
            space,
            format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: team-{space}, labels: {{istio-injection: enabled}}}}\n"
            ),
        );
    }
    for number in 0..1_200 {
        add(
            number,
            format!(
                "apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}, namespace: team-{space}}}
spec:
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec:
      containers: [{{name: app, image: app, ports: [{{containerPort: 8080}}]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: app-{number}, namespace: team-{space}}}
spec:
  selector: {{app: app-{number}}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
",
                space = number % 60
            ),
        );
    }
    for number in 0..5_000 {
        add(
            number,
            format!(
                "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: p-{number}, namespace: team-{space}}}
spec:
  selector: {{matchLabels: {{app: app-{app}}}}}
  action: {action}
  rules:
  - from: [{{source: {{principals: [cluster.local/ns/team-1/sa/x-{number}]}}}}]
    to: [{{operation: {{methods: [GET], paths: [/a/{number}, /b/*]}}}}]
",
                space = number % 60,
                app = number % 1_200,
                action = if number % 3 == 0 { "DENY" } else { "ALLOW" },
            ),
        );
    }
    let (snapshot, _) = loader.build();
    for _ in 0..3 {
        let start = Instant::now();
        let outcome = check(&snapshot, &Config::default());
        println!(
            "{} findings in {:?}",
            outcome.findings.len(),
            start.elapsed()
        );
    }
}
