//! Only `report` and `cli` print.

use super::floors::{Floor, floor};
use crate::house::House;
use crate::note::Note;
use crate::paths::{tokens, used};

const CHECK: &str = "printing";

const MAY_PRINT: [&str; 2] = ["adapters/report", "cli"];
const MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for package in &house.packages {
        let beside = floor(&package.dir) == Some(Floor::Beside);
        if beside || MAY_PRINT.contains(&package.dir.as_str()) {
            continue;
        }
        for source in house.library(&package.dir) {
            let mut note = |line: usize, what: &str| {
                let text = format!(
                    "{what} here; only report and cli print: return the text, or a gap or problem"
                );
                notes.push(Note::new(CHECK, &source.path, line + 1, text));
            };
            let tokens = tokens(&source.lines);
            for pair in tokens.windows(2) {
                if let [name, sign] = pair
                    && sign.text == "!"
                    && MACROS.contains(&name.text.as_str())
                {
                    note(name.line, &format!("{}!", name.text));
                }
            }
            for four in tokens.windows(4) {
                if let [sign, io, path, name] = four
                    && (sign.text != "::" && io.text == "io" && path.text == "::")
                    && matches!(name.text.as_str(), "stdout" | "stderr")
                {
                    note(name.line, &format!("io::{}", name.text));
                }
            }
            for used in used(&source.lines, "std") {
                if matches!(used.path.as_str(), "std::io::stdout" | "std::io::stderr") {
                    note(used.line, &used.path);
                }
            }
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
    fn printing_is_for_two_rooms() {
        for text in [
            "fn f() { println!(\"x\"); }",
            "fn f() { let x = dbg!(1); }",
            "fn f() { let out = io::stdout(); }",
            "fn f() { let out = std::io::stderr(); }",
        ] {
            assert_eq!(count("adapters/sources", text), 1, "{text}");
            assert_eq!(count("engines/posture", text), 1, "{text}");
            assert_eq!(count("adapters/report", text), 0, "{text}");
            assert_eq!(count("cli", text), 0, "{text}");
            assert_eq!(count("xtask", text), 0, "{text}");
        }
    }

    #[test]
    fn writing_is_no_printing() {
        for text in [
            "fn f() { writeln!(out, \"println!\"); }",
            "// println!\n",
            "#[test]\nfn f() { println!(\"x\"); }\n",
        ] {
            assert_eq!(count("adapters/sources", text), 0, "{text}");
        }
    }
}
