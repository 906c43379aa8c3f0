//! `seawall diff` and `scan --baseline`.

use crate::support::{Dir, PRIVILEGED};
use std::process::Command;

const GOOD: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: shop
";

pub(crate) fn git(dir: &Dir, args: &[&str]) -> bool {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let mut command = Command::new("git");
    command.current_dir(dir.path()).args(identity).args(args);
    match command.output() {
        Ok(output) => output.status.success(),
        Err(_) => false,
    }
}

/// A repository with one commit that holds a privileged pod and something harmless.
fn repository(test: &str) -> Option<Dir> {
    let dir = Dir::new(test);
    if !git(&dir, &["init", "-q"]) {
        println!("skipped: no git here");
        return None;
    }
    dir.write("app/pod.yaml", PRIVILEGED)
        .write("app/settings.yaml", GOOD);
    assert!(git(&dir, &["add", "."]) && git(&dir, &["commit", "-qm", "one"]));
    Some(dir)
}

#[test]
fn only_what_is_new_fails() {
    let Some(dir) = repository("diff_new") else {
        return;
    };
    dir.run(&["diff", "--fail-on", "info"])
        .exits(0)
        .says("Nothing new")
        .says("Since HEAD 0 new");
    let worse = PRIVILEGED.replace("name: breaker", "name: another");
    assert_ne!(worse, PRIVILEGED);
    dir.write("app/another.yaml", &worse);
    let diff = dir
        .run(&["diff", "--fail-on", "critical", "-o", "json"])
        .exits(1);
    let answer = diff.json();
    assert_eq!(answer["comparison"]["baseline"], "HEAD");
    assert!(answer["comparison"]["new"].as_u64() > Some(0));
    assert!(answer["comparison"]["unchanged"].as_u64() > Some(0));
    let findings = answer["findings"].as_array().unwrap();
    let new = findings.iter().filter(|finding| finding["change"] == "new");
    for finding in new.clone() {
        assert_eq!(finding["asset"]["name"], "another");
    }
    assert_eq!(
        new.count() as u64,
        answer["comparison"]["new"].as_u64().unwrap()
    );
    dir.run(&["scan", "app", "--baseline", "HEAD", "--fail-on", "critical"])
        .exits(1);
    dir.run(&["diff", "HEAD:app", "HEAD", "--fail-on", "info"])
        .exits(0);
}

#[test]
fn moving_renaming_and_reformatting_change_nothing() {
    let Some(dir) = repository("diff_moved") else {
        return;
    };
    assert!(git(&dir, &["mv", "app/pod.yaml", "moved.yaml"]));
    let reformatted = PRIVILEGED.replace('\n', "\r\n");
    dir.write("moved.yaml", format!("# a comment\r\n\r\n{reformatted}"));
    let answer = dir.run(&["diff", "-o", "json"]).exits(0).json();
    assert_eq!(answer["comparison"]["new"], 0);
    assert_eq!(answer["comparison"]["gone"].as_array().unwrap().len(), 0);
    assert!(answer["comparison"]["unchanged"].as_u64() > Some(0));
}

#[test]
fn what_is_repaired_is_gone_and_what_broke_is_not() {
    let Some(dir) = repository("diff_gone") else {
        return;
    };
    dir.run(&["scan", "-q", "-o", "json=before.json"]).exits(0);
    dir.write("app/pod.yaml", GOOD.replace("settings", "pod"));
    let answer = dir
        .run(&["diff", "before.json", "app", "-o", "json"])
        .exits(0);
    let answer = answer.json();
    assert!(!answer["comparison"]["gone"].as_array().unwrap().is_empty());
    assert_eq!(answer["comparison"]["unseen"].as_array().unwrap().len(), 0);

    dir.write("app/pod.yaml", format!("{PRIVILEGED}\t: broken: ["));
    let answer = dir.run(&["scan", "--baseline", "before.json", "-o", "json"]);
    let answer = answer.exits(0).json();
    assert_eq!(answer["comparison"]["gone"].as_array().unwrap().len(), 0);
    assert!(
        !answer["comparison"]["unseen"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert!(
        !answer["comparison"]["newGaps"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn two_directories_and_saved_results_are_compared() {
    let dir = Dir::new("diff_paths");
    dir.write("old/pod.yaml", PRIVILEGED)
        .write("old/broken.yaml", "kind: Pod\napiVersion: v1\n\t- x")
        .write("new/sub/pod.yaml", PRIVILEGED)
        .write("new/broken.yaml", "kind: Pod\napiVersion: v1\n\t- x");
    let answer = dir
        .run(&["diff", "old", "new", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(answer["comparison"]["new"], 0);
    assert_eq!(answer["comparison"]["newGaps"].as_array().unwrap().len(), 0);
    dir.run(&["scan", "old", "-q", "-o", "json=old.json"])
        .exits(0);
    dir.run(&["scan", "new", "-q", "-o", "json=new.json"])
        .exits(0);
    dir.run(&["diff", "old.json", "new.json"])
        .exits(0)
        .says("Nothing new");
}

#[test]
fn what_names_nothing_is_a_usage_error() {
    let Some(dir) = repository("diff_wrong") else {
        return;
    };
    dir.write("other.json", "{\"schema\": \"seawall.report/v9\"}")
        .write("noreport.json", "{}");
    dir.run(&["diff", "nosuch"]).exits(2).says("nosuch");
    dir.run(&["diff", "HEAD:nosuch"]).exits(2).says("nosuch");
    dir.run(&["diff", "other.json"]).exits(2).says("report/v9");
    dir.run(&["scan", "--baseline", "nosuch"])
        .exits(2)
        .says("--baseline takes");
    dir.run(&["scan", "--baseline", "noreport.json"])
        .exits(2)
        .says("not a Seawall report");
}

/// The action's script, run as GitHub runs it.
#[test]
fn the_github_action_comments_and_gates() {
    let Some(dir) = repository("diff_action") else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/ci/github/run.sh");
    let run = || {
        let mut command = Command::new("bash");
        command
            .arg(script)
            .current_dir(dir.path())
            .env("SEAWALL_BINARY", env!("CARGO_BIN_EXE_seawall"))
            .env("SEAWALL_BASE", "HEAD")
            .env("SEAWALL_FAIL_ON", "critical")
            .env("RUNNER_TEMP", dir.path())
            .env("GITHUB_OUTPUT", dir.path().join("output"))
            .env("GITHUB_STEP_SUMMARY", dir.path().join("summary"));
        command.output()
    };
    let Ok(output) = run() else {
        println!("skipped: no bash here");
        return;
    };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    dir.write(
        "app/another.yaml",
        PRIVILEGED.replace("name: breaker", "name: another"),
    );
    let output = run().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("::error file=app/another.yaml,line="), "{out}");
    assert!(dir.read("output").contains("sarif="));
    assert!(dir.read("summary").contains("Since HEAD"));
    assert!(
        dir.read("seawall.sarif")
            .contains("\"baselineState\":\"new\"")
    );
}
