//! Floors 0, 1 and 2 have no file system, network, clock, randomness, environment or async.

use super::floors::{Floor, floor};
use crate::house::{House, Rust};
use crate::note::Note;
use crate::paths::{tokens, used};

const CHECK: &str = "purity";

/// Prefixes of paths into the standard library, and what they are.
const IMPURE: [(&str, &str); 15] = [
    ("std::fs", "the file system"),
    ("std::net", "the network"),
    ("std::env", "the environment"),
    ("std::process", "other processes"),
    ("std::os", "the operating system"),
    ("std::time::Instant", "the clock"),
    ("std::time::SystemTime", "the clock"),
    ("std::time::UNIX_EPOCH", "the clock"),
    ("std::time::*", "the clock"),
    ("std::thread::sleep", "the clock"),
    ("std::thread::park_timeout", "the clock"),
    ("std::io::stdin", "standard input"),
    ("std::io::stdout", "standard output"),
    ("std::io::stderr", "standard error"),
    ("std::io::*", "standard input and output"),
];

/// Methods of `Path` that ask the file system.
const ASKING: [&str; 5] = [
    "canonicalize",
    "read_dir",
    "read_link",
    "symlink_metadata",
    "try_exists",
];

/// Crates for what is not allowed here. Longer lists exist; these are the likely ones.
const CRATES: [&str; 34] = [
    "async-std",
    "async-trait",
    "chrono",
    "crossterm",
    "dirs",
    "fastrand",
    "futures",
    "getrandom",
    "git2",
    "gix",
    "hyper",
    "ignore",
    "jiff",
    "kube",
    "libc",
    "memmap2",
    "mio",
    "nix",
    "notify",
    "oorandom",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "ureq",
    "uuid",
    "walkdir",
    "xshell",
];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for package in &house.packages {
        if !floor(&package.dir).is_some_and(Floor::is_pure) {
            continue;
        }
        for dependency in package.dependencies.iter().filter(|d| d.kind == "normal") {
            if CRATES.contains(&dependency.name.as_str()) {
                let text = format!(
                    "{} brings the world into a pure room, take what it gives as an argument",
                    dependency.name
                );
                notes.push(Note::new(CHECK, &package.manifest(), 0, text));
            }
        }
        for source in house.library(&package.dir) {
            notes.extend(paths(source));
            notes.extend(words(source));
        }
    }
    notes
}

fn paths(source: &Rust) -> Vec<Note> {
    let found = used(&source.lines, "std").into_iter();
    found
        .filter_map(|used| {
            let what = what(&used.path)?;
            let text = format!(
                "{} is {what}, which a pure room never touches; take the value as an argument",
                used.path
            );
            Some(Note::new(CHECK, &source.path, used.line + 1, text))
        })
        .collect()
}

fn what(path: &str) -> Option<&'static str> {
    // `use std::io;` alone is for its traits; what follows `io::` is looked at in `words`.
    if path == "std::time" {
        return Some("the clock under another name");
    }
    let hit = IMPURE.iter().find(|(prefix, _)| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    hit.map(|&(_, what)| what)
}

fn words(source: &Rust) -> Vec<Note> {
    let tokens = tokens(&source.lines);
    let mut notes = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = |back: usize| {
            let token = at.checked_sub(back).and_then(|at| tokens.get(at));
            token.map_or("", |token| token.text.as_str())
        };
        let after = tokens.get(at + 1).map_or("", |token| token.text.as_str());
        let text = match token.text.as_str() {
            "async" | "await" => {
                "async has no place in a pure room; let an adapter wait and give you the value"
            }
            "stdin" | "stdout" | "stderr"
                if before(1) == "::" && before(2) == "io" && before(3) != "::" =>
            {
                "standard streams are the world; return the value"
            }
            word if ASKING.contains(&word) && before(1) == "." && after == "(" => {
                "this asks the file system; take the answer as an argument"
            }
            _ => continue,
        };
        notes.push(Note::new(CHECK, &source.path, token.line + 1, text));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house_with;

    fn lines(room: &str, text: &str) -> Vec<usize> {
        let path = format!("{room}/src/lib.rs");
        let house = house_with(&[(room, "x", &[])], &[(&path, text)]);
        check(&house).into_iter().map(|note| note.line).collect()
    }

    #[test]
    fn the_world_is_seen() {
        for text in [
            "use std::fs;",
            "use std::{fmt, fs::File};",
            "fn f() { std::env::var(X); }",
            "use std::time::{Duration, Instant};",
            "use std::time;",
            "use std::time::SystemTime as Clock;",
            "let c = std::process::Command::new(X);",
            "use std::net::TcpStream;",
            "use std::io;\nfn f() { io::stdout(); }",
            "async fn f() {}",
            "fn f(p: &Path) { p.canonicalize(); }",
        ] {
            for room in ["core/model", "engines/posture", "assessment"] {
                assert_eq!(lines(room, text).len(), 1, "{room}: {text}");
            }
            assert_eq!(
                lines("adapters/sources", text),
                Vec::<usize>::new(),
                "{text}"
            );
        }
    }

    #[test]
    fn purity_is_silent() {
        for text in [
            "use std::time::Duration;\nuse std::path::Path;\nuse std::io::{self, Read};",
            "//! Not std::fs.\nconst A: &str = \"std::fs\";",
            "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
            "let environment = env!(X);",
        ] {
            assert_eq!(
                lines("engines/posture", text),
                Vec::<usize>::new(),
                "{text}"
            );
        }
    }

    #[test]
    fn test_files_may_do_more() {
        let house = house_with(
            &[("core/yaml", "seawall-yaml", &["dev:rand"])],
            &[
                ("core/yaml/tests/a.rs", "use std::fs;"),
                ("core/yaml/build.rs", "use std::env;"),
            ],
        );
        assert_eq!(check(&house), []);
    }

    #[test]
    fn crates_of_the_world_are_seen() {
        let house = house_with(&[("core/yaml", "seawall-yaml", &["tokio", "sha2"])], &[]);
        assert_eq!(check(&house).len(), 1);
    }
}
