//! The README is true: every command it shows runs, and exits as it says.

use crate::support::Dir;
use std::fs;
use std::path::Path;
use std::process::Command;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn every_command_of_the_readme_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let dir = Dir::new("readme");
    copy(&root.join("examples"), &dir.path().join("examples"));
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(dir.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@t.invalid"]);
        command
            .args(args)
            .status()
            .is_ok_and(|status| status.success())
    };
    let has_git = git(&["init", "-q"]) && git(&["add", "."]) && git(&["commit", "-qm", "one"]);
    let mut ran = 0;
    for line in readme
        .lines()
        .filter_map(|line| line.strip_prefix("$ seawall "))
    {
        if (line.contains("--rev") || line.starts_with("diff")) && !has_git {
            println!("skipped: no git for `seawall {line}`");
            continue;
        }
        let args: Vec<&str> = line.split_whitespace().collect();
        // The gate's example fails on purpose; all others are clean, also where only what is
        // new counts.
        let compares = args.contains(&"diff") || args.contains(&"--baseline");
        let code = i32::from(args.contains(&"--fail-on") && !compares);
        dir.run(&args).exits(code);
        ran += 1;
    }
    assert!(ran >= 10, "the tour has shrunk to {ran} commands");
}
