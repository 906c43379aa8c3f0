//! Hostile and broken input: a clear message or a coverage gap, the right exit code, never a
//! panic.

use crate::support::{Dir, HARMLESS, PRIVILEGED};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

/// A directory with one good object and one bad file; returns the report's gaps.
fn gaps(test: &str, name: &str, contents: impl AsRef<[u8]>) -> Vec<serde_json::Value> {
    let dir = Dir::new(test);
    dir.write("good.yaml", HARMLESS).write(name, contents);
    let ran = dir.run(&["scan", "-o", "json"]).exits(0);
    ran.json()["coverage"]["gaps"]
        .as_array()
        .expect("gaps are listed")
        .clone()
}

#[track_caller]
fn has_gap(gaps: &[serde_json::Value], what: &str) {
    let text = serde_json::to_string(gaps).unwrap();
    assert!(text.contains(what), "no gap about `{what}`: {text}");
}

#[test]
fn a_broken_document_leaves_the_others() {
    let dir = Dir::new("a_broken_document_leaves_the_others");
    let text = format!("{HARMLESS}---\napiVersion: v1\nkind: [\n---\n{PRIVILEGED}");
    dir.write("all.yaml", text);
    let ran = dir.run(&["scan", "-o", "json"]).exits(0);
    let report = ran.json();
    assert_eq!(report["inventory"]["objects"], 2);
    assert_eq!(report["coverage"]["gaps"].as_array().unwrap().len(), 1);
    assert!(ran.out.contains("all.yaml"));
}

#[test]
fn deep_nesting_is_a_gap() {
    let deep = format!("apiVersion: v1\nkind: Pod\nx: {}", "[".repeat(10_000));
    has_gap(&gaps("deep_flow", "deep.yaml", deep), "deep");
    let deep = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"x\":{}",
        "[".repeat(10_000)
    );
    has_gap(&gaps("deep_json", "deep.json", deep), "deep");
    let mut deep = String::from("apiVersion: v1\nkind: Pod\n");
    for level in 0..10_000 {
        let _ = writeln!(deep, "{}a:", " ".repeat(level % 200));
    }
    gaps("deep_block", "deep.yaml", deep);
}

#[test]
fn an_alias_bomb_is_a_gap() {
    let mut bomb = String::from("apiVersion: v1\nkind: ConfigMap\na0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = level - 1;
        let nine = vec![format!("*a{before}"); 9].join(",");
        let _ = writeln!(bomb, "a{level}: &a{level} [{nine}]");
    }
    has_gap(&gaps("alias_bomb", "bomb.yaml", bomb), "bomb.yaml");
}

#[test]
fn broken_utf8_is_a_gap() {
    let bytes = b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: \xff\xfe\n";
    has_gap(&gaps("broken_utf8", "bad.yaml", bytes), "UTF-8");
}

#[test]
fn a_binary_file_is_no_manifest() {
    let bytes: Vec<u8> = (0..=255).rev().cycle().step_by(7).take(4096).collect();
    gaps("binary", "picture.yaml", bytes);
}

#[test]
fn wrong_types_are_gaps_and_the_object_is_still_judged() {
    let dir = Dir::new("wrong_types");
    dir.write(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  hostNetwork: \"true\"\n  \
         hostPID: true\n  containers: [{name: a, image: b, ports: nonsense}]\n",
    );
    let ran = dir.run(&["scan", "-o", "json"]).exits(0);
    let report = ran.json();
    has_gap(
        report["coverage"]["gaps"].as_array().unwrap(),
        "hostNetwork",
    );
    has_gap(report["coverage"]["gaps"].as_array().unwrap(), "ports");
    let found = serde_json::to_string(&report["findings"]).unwrap();
    assert!(found.contains("hostPID"), "{found}");
}

#[test]
fn windows_line_ends_change_nothing() {
    let dir = Dir::new("windows_line_ends");
    dir.write("pod.yaml", PRIVILEGED);
    let unix = dir.run(&["scan", "-o", "json"]).exits(0).json();
    dir.write("pod.yaml", PRIVILEGED.replace('\n', "\r\n"));
    let windows = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let ids = |report: &serde_json::Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap();
        findings
            .iter()
            .map(|finding| finding["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(!ids(&unix).is_empty());
    assert_eq!(ids(&unix), ids(&windows));
}

#[test]
fn links_do_not_lead_out_or_in_circles() {
    let outside = Dir::new("links_outside");
    outside.write("secret.yaml", PRIVILEGED);
    let dir = Dir::new("links");
    dir.write("good.yaml", HARMLESS)
        .write("sub/good.yaml", HARMLESS.replace("colours", "other"));
    symlink(dir.path(), dir.path().join("sub/circle")).unwrap();
    symlink(
        outside.path().join("secret.yaml"),
        dir.path().join("link.yaml"),
    )
    .unwrap();
    symlink(outside.path(), dir.path().join("out")).unwrap();
    symlink("loop.yaml", dir.path().join("loop.yaml")).unwrap();
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    assert_eq!(report["inventory"]["objects"], 2);
}

#[test]
fn an_unreadable_file_is_a_gap() {
    let dir = Dir::new("unreadable");
    dir.write("good.yaml", HARMLESS)
        .write("closed.yaml", HARMLESS);
    let closed = dir.path().join("closed.yaml");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&closed).is_ok() {
        println!("skipped: this user (root) can read every file");
        return;
    }
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    has_gap(
        report["coverage"]["gaps"].as_array().unwrap(),
        "closed.yaml",
    );
}

#[test]
fn unknown_kinds_are_counted_and_embedded_pods_are_found() {
    let dir = Dir::new("unknown_kinds");
    dir.write(
        "a.yaml",
        "apiVersion: example.dev/v9\nkind: Thing\nmetadata: {name: x}\n",
    );
    dir.write(
        "b.yaml",
        "apiVersion: example.dev/v9\nkind: Runner\nmetadata: {name: y}\nspec:\n  deep:\n    \
         template:\n      spec:\n        containers:\n        - name: a\n          image: b:1\n          \
         securityContext: {privileged: true}\n",
    );
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    assert_eq!(report["inventory"]["objects"], 2);
    let found = serde_json::to_string(&report["findings"]).unwrap();
    assert!(found.contains("W01"), "{found}");
}

#[test]
fn a_large_file_is_read_or_refused_but_never_fatal() {
    let dir = Dir::new("large_file");
    dir.write("good.yaml", HARMLESS);
    // Over the limit: refused by size, whatever is in it.
    let path = dir.path().join("huge.yaml");
    let file = fs::File::create(&path).unwrap();
    file.set_len(300 << 20).unwrap();
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    has_gap(report["coverage"]["gaps"].as_array().unwrap(), "huge.yaml");
    fs::remove_file(path).unwrap();
}

#[test]
fn a_closed_pipe_is_no_error() {
    let dir = Dir::new("closed_pipe");
    for pod in 0..300 {
        let text = PRIVILEGED.replace("breaker", &format!("breaker-{pod}"));
        dir.write(&format!("{pod}.yaml"), text);
    }
    let mut child = dir
        .command(&["scan", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take()); // nobody reads
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_full_disk_leaves_the_good_file() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        println!("skipped: no /dev/full here");
        return;
    };
    let dir = Dir::new("full_disk");
    dir.write("pod.yaml", PRIVILEGED);
    let output = dir
        .command(&["scan", "-o", "json"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A small disk of its own, taken away again at the end.
struct SmallDisk<'a>(&'a std::path::Path);

impl<'a> SmallDisk<'a> {
    fn new(path: &'a std::path::Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(path))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_report_that_does_not_fit_leaves_the_good_file() {
    let dir = Dir::new("small_disk");
    for pod in 0..100 {
        let text = PRIVILEGED.replace("breaker", &format!("breaker-{pod}"));
        dir.write(&format!("{pod}.yaml"), text);
    }
    let path = dir.path().join("disk");
    let Some(_disk) = SmallDisk::new(&path) else {
        println!("skipped: only root may mount a small disk");
        return;
    };
    fs::write(path.join("out"), "the old report").unwrap();
    fs::write(path.join("filler"), vec![b'x'; 60 << 10]).unwrap();
    for format in ["json", "sarif", "junit", "csv", "markdown", "html"] {
        let output = format!("{format}=disk/out");
        let ran = dir.run(&["scan", "-o", &output, "--severity", "info"]);
        assert_eq!(ran.code, 4, "{format}: {}", ran.err);
        assert!(ran.err.contains("cannot write"), "{format}: {}", ran.err);
        assert!(ran.err.contains("disk/out"), "{format}: {}", ran.err);
        assert_eq!(dir.read("disk/out"), "the old report", "{format}");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "{format}");
    }
}

#[test]
fn a_report_replaces_a_file_whole_or_not_at_all() {
    let dir = Dir::new("whole_or_not_at_all");
    dir.write("pod.yaml", PRIVILEGED)
        .write("reports/out.json", "the old report");
    let reports = dir.path().join("reports");
    fs::set_permissions(&reports, fs::Permissions::from_mode(0o500)).unwrap();
    let ran = dir.run(&["scan", "-o", "json=reports/out.json"]);
    fs::set_permissions(&reports, fs::Permissions::from_mode(0o700)).unwrap();
    if ran.code == 0 {
        println!("skipped: this user (root) may write everywhere");
    } else {
        assert_eq!(ran.code, 4);
        assert_eq!(dir.read("reports/out.json"), "the old report");
    }
    dir.run(&["scan", "-o", "json=reports/out.json"]).exits(0);
    assert!(dir.read("reports/out.json").starts_with('{'));
    let left = fs::read_dir(&reports).unwrap().count();
    assert_eq!(left, 1, "no temporary file is left behind");
}
