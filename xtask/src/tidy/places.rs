//! No path of somebody's machine stands in the repository.

use super::sources::is_data;
use crate::house::House;
use crate::note::Note;

const CHECK: &str = "places";

/// Where people and machines keep their things.
const HOMES: [&str; 3] = [
    concat!("/", "root", "/"),
    concat!("/", "home", "/"),
    concat!("/", "Users", "/"),
];

/// Where checkouts are kept. Objects of Kubernetes have homes inside of containers, but
/// nothing has this.
const CHECKOUTS: [&str; 1] = [concat!("/", "work", "/")];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for (path, file) in &house.files {
        let text = file.text.as_deref().unwrap_or_default();
        let homes: &[&str] = if is_yaml(path) || is_data(path) {
            &[]
        } else {
            &HOMES
        };
        for (number, line) in text.lines().enumerate() {
            let found = CHECKOUTS
                .iter()
                .chain(homes)
                .find(|place| stands(line, place));
            if let Some(place) = found {
                let text = format!("path of a machine (`{place}`), write a relative one");
                notes.push(Note::new(CHECK, path, number + 1, text));
            }
        }
    }
    notes
}

fn is_yaml(path: &str) -> bool {
    [".yaml", ".yml", ".json", ".tpl"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// The place stands there as the start of a path, not inside of one.
fn stands(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}' | ')'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house;

    fn count(path: &str, text: &str) -> usize {
        check(&house(&[(path, text)])).len()
    }

    #[test]
    fn machine_paths_are_told() {
        for place in HOMES.iter().chain(&CHECKOUTS) {
            assert_eq!(
                count("a/src/lib.rs", &format!("let x = \"{place}me\";\n")),
                1
            );
        }
        assert_eq!(
            count("examples/a.yaml", &format!("path: {}main\n", CHECKOUTS[0])),
            1
        );
    }

    #[test]
    fn paths_inside_of_containers_are_not() {
        assert_eq!(
            count("examples/a.yaml", &format!("mountPath: {}app\n", HOMES[1])),
            0
        );
        assert_eq!(
            count("a/src/lib.rs", "docs/work/x, https://x/home/y, ../work/z\n"),
            0
        );
    }
}
