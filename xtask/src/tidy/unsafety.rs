//! `unsafe` stands only in `sensor` and `guard`, and each time with its `SAFETY:` line.

use crate::house::{House, Rust};
use crate::note::Note;
use crate::paths::tokens;

const CHECK: &str = "unsafe";

fn may(path: &str) -> bool {
    path.starts_with("adapters/sensor/") || path.starts_with("guard/")
}

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for source in &house.rust {
        for line in unsafe_lines(source) {
            let text = if !may(&source.path) {
                "unsafe outside of sensor and guard; find a safe way, or move it there"
            } else if !explained(&source.text, line) {
                "unsafe without its reason; write `// SAFETY: …` directly above"
            } else {
                continue;
            };
            notes.push(Note::new(CHECK, &source.path, line + 1, text));
        }
    }
    notes
}

/// Lines, from 0, that say `unsafe`, tests included.
fn unsafe_lines(source: &Rust) -> Vec<usize> {
    let mut all = source.lines.clone();
    for line in &mut all {
        line.test = false;
    }
    let mut found: Vec<usize> = tokens(&all)
        .into_iter()
        .filter(|token| token.text == "unsafe")
        .map(|token| token.line)
        .collect();
    found.dedup();
    found
}

/// The comment above (or on) the line says why it is sound.
fn explained(text: &str, line: usize) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let says = |text: &str| text.contains("SAFETY:") || text.contains("# Safety");
    let on_it = lines.get(line).copied().is_some_and(says);
    let above = lines.iter().take(line).rev();
    on_it
        || above
            .map(|line| line.trim_start())
            .take_while(|line| line.starts_with("//") || line.starts_with("#["))
            .any(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house;

    fn count(path: &str, text: &str) -> usize {
        check(&house(&[(path, text)])).len()
    }

    #[test]
    fn unsafe_is_for_two_rooms() {
        let text = "// SAFETY: the pointer is ours\nlet x = unsafe { *p };\n";
        assert_eq!(count("core/yaml/src/lib.rs", text), 1);
        assert_eq!(count("xtask/src/main.rs", text), 1);
        assert_eq!(count("adapters/sensor/src/lib.rs", text), 0);
        assert_eq!(count("guard/src/lib.rs", text), 0);
    }

    #[test]
    fn its_reason_is_asked_for() {
        let path = "adapters/sensor/src/lib.rs";
        assert_eq!(count(path, "let x = unsafe { *p };\n"), 1);
        assert_eq!(
            count(path, "// SAFETY: far away\n\nlet x = unsafe { *p };\n"),
            1
        );
        assert_eq!(
            count(
                path,
                "/// # Safety\n/// `p` is valid.\npub unsafe fn f() {}\n"
            ),
            0
        );
    }

    #[test]
    fn words_are_no_code() {
        let text = "// unsafe\n#![deny(unsafe_code)]\nlet x = \"unsafe\";\n";
        assert_eq!(count("core/yaml/src/lib.rs", text), 0);
    }
}
