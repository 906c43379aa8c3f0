//! Exceptions from the invariants, each with its reason, in `xtask/exceptions.txt`.
//!
//! A line is `CHECK PATH: reason`. An exception that excuses nothing is a note itself, so
//! the list cannot rot.

use crate::house::House;
use crate::note::Note;

/// Where they stand.
pub(crate) const FILE: &str = "xtask/exceptions.txt";

struct Exception<'a> {
    line: usize,
    check: &'a str,
    path: &'a str,
}

/// Takes the excused notes out, and adds notes about exceptions that are wrong.
pub(crate) fn apply(house: &House, notes: Vec<Note>) -> Vec<Note> {
    let (exceptions, mut wrong) = read(house.text(FILE));
    for exception in &exceptions {
        let needed = notes.iter().any(|note| excuses(exception, note));
        if !needed {
            wrong.push(Note::new(
                "exceptions",
                FILE,
                exception.line,
                format!("excuses nothing in {}, remove the line", exception.path),
            ));
        }
    }
    let mut rest: Vec<Note> = notes
        .into_iter()
        .filter(|note| !exceptions.iter().any(|exception| excuses(exception, note)))
        .collect();
    rest.append(&mut wrong);
    rest
}

fn excuses(exception: &Exception<'_>, note: &Note) -> bool {
    exception.check == note.check && exception.path == note.path
}

fn read(text: &str) -> (Vec<Exception<'_>>, Vec<Note>) {
    let mut exceptions = Vec::new();
    let mut notes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let parts = line
            .split_once(": ")
            .filter(|(_, reason)| !reason.trim().is_empty());
        let words = parts.and_then(|(before, _)| before.split_once(' '));
        match words {
            Some((check, path)) => exceptions.push(Exception {
                line: number + 1,
                check,
                path,
            }),
            None => notes.push(Note::new(
                "exceptions",
                FILE,
                number + 1,
                "not understood, write `CHECK PATH: reason`",
            )),
        }
    }
    (exceptions, notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house;

    fn note() -> Note {
        Note::new("size", "a.rs", 0, "too long, split it")
    }

    #[test]
    fn a_reasoned_exception_excuses() {
        let house = house(&[(FILE, "# why\nsize a.rs: a table\n")]);
        assert_eq!(apply(&house, vec![note()]), []);
    }

    #[test]
    fn another_check_or_path_stays() {
        let house = house(&[(FILE, "size b.rs: a table\npurity a.rs: a table\n")]);
        let notes = apply(&house, vec![note()]);
        assert_eq!(notes.len(), 3, "{notes:?}");
    }

    #[test]
    fn an_exception_without_reason_is_none() {
        let house = house(&[(FILE, "size a.rs:\n")]);
        let notes = apply(&house, vec![note()]);
        assert_eq!(notes.len(), 2, "{notes:?}");
    }
}
