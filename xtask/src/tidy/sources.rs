//! Every Rust file says what it is; no tabs, no trailing white space.

use crate::house::House;
use crate::note::Note;
use std::path::Path;

const CHECK: &str = "sources";

/// Text files of ours. Not YAML and snapshots: there white space can be the case itself.
const ENDINGS: [&str; 6] = [".rs", ".toml", ".md", ".sh", ".ci/run", ".gitignore"];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for source in &house.rust {
        if !source.text.trim_start().starts_with("//!") {
            let text = "does not say what it is, start it with a `//!` line";
            notes.push(Note::new(CHECK, &source.path, 1, text));
        }
        for (number, line) in source.text.lines().enumerate() {
            if line.contains('\t') {
                let text = "tab in Rust, indent with spaces or write \\t";
                notes.push(Note::new(CHECK, &source.path, number + 1, text));
            }
        }
    }
    for (path, file) in &house.files {
        if !ENDINGS.iter().any(|ending| path.ends_with(ending)) || is_data(path) {
            continue;
        }
        for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            if line.ends_with([' ', '\t']) {
                let text = "white space at the end of the line, remove it (in a literal: \\x20)";
                notes.push(Note::new(CHECK, path, number + 1, text));
            }
        }
    }
    notes
}

/// Material of tests and examples, which is as it has to be.
pub(super) fn is_data(path: &str) -> bool {
    let parts = [
        "cases",
        "data",
        "examples",
        "fixtures",
        "snapshots",
        "testdata",
    ];
    let rust = Path::new(path)
        .extension()
        .is_some_and(|ending| ending == "rs");
    !rust && path.split('/').any(|part| parts.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&house(&[(path, text)]))
            .into_iter()
            .map(|note| note.line)
            .collect()
    }

    #[test]
    fn good_is_silent() {
        assert_eq!(
            lines("a/src/lib.rs", "//! What it is.\nfn a() {}\n"),
            Vec::<usize>::new()
        );
        assert_eq!(lines("a/cases/b.md", "two  \n"), Vec::<usize>::new());
    }

    #[test]
    fn bad_is_told() {
        assert_eq!(lines("a/src/lib.rs", "fn a() {}\n"), [1]);
        assert_eq!(lines("a/src/lib.rs", "//! A.\n\tfn a() {}\n"), [2]);
        assert_eq!(lines("a/src/lib.rs", "//! A.\nfn a() {} \n"), [2]);
        assert_eq!(lines("README.md", "# A\n\nb  \n"), [3]);
        assert_eq!(lines(".ci/run", "a \n"), [1]);
    }
}
