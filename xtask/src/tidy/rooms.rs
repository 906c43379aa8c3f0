//! The documents name what exists: every room, and no path that is not there.

use crate::house::House;
use crate::note::Note;

const CHECK: &str = "rooms";
const MAP: &str = "ARCHITECTURE.md";
const DOCUMENTS: [&str; 4] = [MAP, "README.md", "CONTRIBUTING.md", "SECURITY.md"];

/// Folders at the root whose paths are written in backquotes.
const TOP: [&str; 20] = [
    ".cargo",
    ".ci",
    "adapters",
    "assessment",
    "benches",
    "cli",
    "core",
    "deploy",
    "docs",
    "engines",
    "examples",
    "fuzz",
    "guard",
    "policies",
    "roles",
    "rules",
    "schema",
    "tests",
    "ui",
    "xtask",
];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    let map = house.text(MAP);
    for package in &house.packages {
        if !map.contains(&format!("`{}`", package.dir)) {
            let text = format!("the room `{}` is not on the map, describe it", package.dir);
            notes.push(Note::new(CHECK, MAP, 0, text));
        }
    }
    for document in DOCUMENTS {
        if !house.files.contains_key(document) {
            notes.push(Note::new(CHECK, document, 0, "missing, write it"));
        }
        let lines = prose(house.text(document));
        for (number, line) in lines {
            for path in quoted_paths(line).chain(links(line)) {
                if !house.has(path) {
                    let text = format!("there is no {path}, correct the path or remove it");
                    notes.push(Note::new(CHECK, document, number, text));
                }
            }
        }
    }
    notes
}

/// Lines with their numbers, without those of code blocks.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push((number + 1, line));
        }
    }
    lines
}

/// Paths of this repository in backquotes: `core/yaml`, `assessment/src/merge.rs`.
fn quoted_paths(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter_map(|text| {
        let (top, rest) = text.split_once('/')?;
        let plain = !text.contains(['<', '*', ' ', '{', '…', '=']) && !rest.is_empty();
        (plain && TOP.contains(&top)).then(|| text.trim_end_matches('/'))
    })
}

/// Targets of links inside the repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?;
        let path = target.split('#').next()?;
        (!path.is_empty() && !path.contains(':')).then(|| path.trim_end_matches('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house_with;

    fn notes(map: &str) -> Vec<String> {
        let house = house_with(
            &[("core/yaml", "seawall-yaml", &[])],
            &[
                (MAP, map),
                ("README.md", ""),
                ("CONTRIBUTING.md", ""),
                ("SECURITY.md", ""),
                ("core/yaml/src/lib.rs", ""),
            ],
        );
        check(&house).into_iter().map(|note| note.text).collect()
    }

    #[test]
    fn a_true_map_is_silent() {
        let map = "### `core/yaml`\n\n`core/yaml/src/lib.rs`, [it](core/yaml/src/lib.rs#a), [x](https://x/y), `engines/<room>`, `a/b`\n";
        assert_eq!(notes(map), Vec::<String>::new());
    }

    #[test]
    fn a_room_off_the_map_is_told() {
        assert_eq!(notes("core/yaml\n").len(), 1);
    }

    #[test]
    fn a_room_that_is_not_there_is_told() {
        assert_eq!(notes("`core/yaml` `adapters/sensor`\n").len(), 1);
        assert_eq!(notes("`core/yaml` [x](docs/none.md)\n").len(), 1);
    }

    #[test]
    fn a_missing_document_is_told() {
        let house = house_with(&[], &[(MAP, "")]);
        assert_eq!(check(&house).len(), 3);
    }
}
