//! Only `response` changes the world; files are written by the rooms whose job it is.

use super::floors::{Floor, floor};
use crate::house::House;
use crate::note::Note;
use crate::paths::{tokens, used};

const CHECK: &str = "world";

const CHANGES_THE_WORLD: &str = "adapters/response";

/// The rooms that keep something on disk.
const WRITERS: [&str; 4] = [
    "adapters/report",
    "adapters/store",
    "adapters/advisories",
    "adapters/images",
];

/// Names that change a cluster or another process, in the crates we use or would use.
const CHANGING: [&str; 10] = [
    "DeleteParams",
    "EvictParams",
    "PatchParams",
    "PostParams",
    "SIGKILL",
    "SIGTERM",
    "kill_process",
    "pidfd_send_signal",
    "process_mrelease",
    "setns",
];

/// Paths that write to the file system.
const WRITING: [&str; 15] = [
    "std::fs::write",
    "std::fs::rename",
    "std::fs::copy",
    "std::fs::hard_link",
    "std::fs::create_dir",
    "std::fs::create_dir_all",
    "std::fs::remove_file",
    "std::fs::remove_dir",
    "std::fs::remove_dir_all",
    "std::fs::set_permissions",
    "std::fs::OpenOptions",
    "std::fs::File::create",
    "std::fs::File::create_new",
    "std::fs::soft_link",
    "std::os::unix::fs::symlink",
];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for package in &house.packages {
        let room = package.dir.as_str();
        if floor(room) == Some(Floor::Beside) || room == CHANGES_THE_WORLD {
            continue;
        }
        for source in house.library(room) {
            for token in tokens(&source.lines) {
                if CHANGING.contains(&token.text.as_str()) {
                    let text = format!(
                        "{} changes the world; only adapters/response does, as a staged action",
                        token.text
                    );
                    notes.push(Note::new(CHECK, &source.path, token.line + 1, text));
                }
            }
            for used in used(&source.lines, "std") {
                let note = |text: &str| Note::new(CHECK, &source.path, used.line + 1, text);
                if used.path.starts_with("std::process::Command") {
                    notes.push(note(
                        "starts a process; leave that to adapters/response, or give a reason in xtask/exceptions.txt why it only reads",
                    ));
                }
                let writes = WRITING.iter().any(|path| {
                    used.path
                        .strip_prefix(path)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                });
                if writes && !WRITERS.contains(&room) {
                    notes.push(note(
                        "writes to the file system; give the bytes to report, store, advisories or images",
                    ));
                }
            }
            if !WRITERS.contains(&room) {
                notes.extend(imported(&source.path, &tokens(&source.lines)));
            }
        }
    }
    notes
}

/// `fs::write(…)` and `File::create(…)` after a `use`.
fn imported(path: &str, tokens: &[crate::paths::Token]) -> Vec<Note> {
    let mut notes = Vec::new();
    for four in tokens.windows(4) {
        let [before, module, sign, name] = four else {
            continue;
        };
        if before.text == "::" || sign.text != "::" {
            continue;
        }
        let full = match module.text.as_str() {
            "fs" => format!("std::fs::{}", name.text),
            "File" => format!("std::fs::File::{}", name.text),
            _ => continue,
        };
        if WRITING.contains(&full.as_str()) {
            let text = format!(
                "{full} writes to the file system; give the bytes to report, store, advisories or images"
            );
            notes.push(Note::new(CHECK, path, name.line + 1, text));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house_with;

    fn count(room: &str, text: &str) -> usize {
        let path = format!("{room}/src/lib.rs");
        check(&house_with(&[(room, "x", &[])], &[(&path, text)])).len()
    }

    #[test]
    fn changing_a_cluster_is_for_response() {
        for text in [
            "use kube::api::{Patch, PatchParams};",
            "use std::process::Command;",
        ] {
            assert_eq!(count("adapters/kubernetes", text), 1, "{text}");
            assert_eq!(count("adapters/report", text), 1, "{text}");
            assert_eq!(count("adapters/response", text), 0, "{text}");
            assert_eq!(count("xtask", text), 0, "{text}");
        }
    }

    #[test]
    fn writing_files_is_for_few() {
        for text in [
            "fn f() { std::fs::write(p, b); }",
            "fn f() { fs::remove_file(p); }",
            "fn f() { let f = File::create(p); }",
        ] {
            assert_eq!(count("adapters/sources", text), 1, "{text}");
            assert_eq!(count("cli", text), 1, "{text}");
            assert_eq!(count("adapters/report", text), 0, "{text}");
        }
    }

    #[test]
    fn reading_is_free() {
        let text = "use std::fs;\nfn f() { fs::read(p); File::open(p); }\n#[cfg(test)]\nmod tests { use std::process::Command; }\n";
        assert_eq!(count("adapters/sources", text), 0);
    }
}
