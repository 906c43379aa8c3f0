//! Where manifests come from: directories, standard input, git, charts, overlays.

use crate::support::{Dir, HARMLESS, PRIVILEGED};
use std::process::Command;

fn git(dir: &Dir, args: &[&str]) {
    let status = Command::new("git")
        .current_dir(dir.path())
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(args)
        .status()
        .unwrap();
    assert!(status.success(), "git {args:?}");
}

#[test]
fn standard_input_is_read() {
    let dir = Dir::new("stdin");
    let ran = dir
        .run_with(&["scan", "-", "-o", "json"], PRIVILEGED.as_bytes())
        .exits(0);
    assert_eq!(ran.json()["findings"][0]["rule"], "W01");
    dir.run_with(&["scan", "-"], PRIVILEGED.as_bytes())
        .exits(0)
        .says("<stdin>:11");
}

#[test]
fn a_list_is_its_items_and_a_dump_groups_by_owner() {
    let dir = Dir::new("dump");
    let pod = |name: &str| {
        serde_json::json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": "shop",
                "labels": {"pod-template-hash": "5d4f"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                    "name": "web-5d4f", "uid": "1", "controller": true}]
            },
            "spec": {"hostPID": true, "containers": [{"name": "a", "image": "b:1"}]}
        })
    };
    let pods: Vec<_> = (0..20).map(|n| pod(&format!("web-5d4f-{n}"))).collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": pods});
    dir.write("dump.json", list.to_string());
    let report = dir
        .run(&["scan", "-o", "json", "--only", "W02"])
        .exits(0)
        .json();
    assert_eq!(report["inventory"]["objects"], 20);
    assert_eq!(report["inventory"]["workloads"], 1);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(
        findings.len(),
        1,
        "twenty pods of one Deployment are one finding: {findings:?}"
    );
    assert_eq!(findings[0]["asset"]["kind"], "Deployment");
    assert_eq!(findings[0]["asset"]["name"], "web");
}

#[test]
fn ignore_files_count_unless_told_otherwise() {
    let dir = Dir::new("ignore_files");
    dir.write("a.yaml", HARMLESS)
        .write("skip/b.yaml", PRIVILEGED)
        .write(".gitignore", "skip/\n");
    let objects = |args: &[&str]| dir.run(args).exits(0).json()["inventory"]["objects"].clone();
    assert_eq!(objects(&["scan", "-o", "json"]), 1);
    assert_eq!(objects(&["scan", "-o", "json", "--no-ignore"]), 2);
}

#[test]
fn a_git_revision_is_read_as_it_was() {
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped: no git here");
        return;
    }
    let dir = Dir::new("git_revision");
    git(&dir, &["init", "-q"]);
    dir.write("deploy/pod.yaml", PRIVILEGED);
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "-qm", "one"]);
    dir.write("deploy/pod.yaml", HARMLESS);
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "-qm", "two"]);
    dir.write("deploy/pod.yaml", "not: committed\n");
    let rules = |args: &[&str]| {
        let report = dir.run(args).exits(0).json();
        serde_json::to_string(&report["findings"])
            .unwrap()
            .contains("\"W01\"")
    };
    assert!(rules(&["scan", "-o", "json", "--rev", "HEAD~1"]));
    assert!(rules(&["scan", "deploy", "-o", "json", "--rev", "HEAD~1"]));
    assert!(!rules(&["scan", "-o", "json", "--rev", "HEAD"]));
    // From inside the directory, too.
    let inside = Dir::at(dir.path().join("deploy"));
    inside
        .run(&["scan", ".", "--rev", "HEAD~1", "--fail-on", "high"])
        .exits(1);
    inside
        .run(&["scan", "../deploy", "--rev", "HEAD~1", "--fail-on", "high"])
        .exits(1);
    // The report shows the line of that revision.
    dir.run(&["scan", "--rev", "HEAD~1"])
        .exits(0)
        .says("privileged: true");
    dir.run(&["scan", "--rev", "nonsense"])
        .exits(2)
        .says("nonsense");
}

#[test]
fn the_demo_scans_itself() {
    let dir = Dir::new("demo");
    let report = dir.run(&["demo", "-o", "json"]).exits(0).json();
    assert!(report["inventory"]["workloads"].as_u64().unwrap() >= 10);
    assert!(report["findings"].as_array().unwrap().len() >= 10);
}
