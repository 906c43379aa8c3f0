//! Every engine has the same front, and every rule its twins.
//!
//! The ids of an engine's rules stand in its sources as `RuleId::new("W01")` or, in a macro
//! named `rule_ids`, as `W01 = "W01"`. An engine whose cases have a folder per rule
//! (`cases/W01/bad.yaml`, `cases/W01/good.yaml`) has one for each.

use crate::house::{House, Rust};
use crate::note::Note;
use std::collections::BTreeSet;

const CHECK: &str = "engines";

const FRONT: [(&str, &str); 2] = [
    ("check", "the question, as a pure function of a Snapshot"),
    ("rules", "the closed catalogue of what it can say"),
];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for package in &house.packages {
        let room = package.dir.as_str();
        if !room.starts_with("engines/") {
            continue;
        }
        notes.extend(front(house, room));
        notes.extend(twins(house, room));
    }
    notes
}

fn front(house: &House, room: &str) -> Vec<Note> {
    let path = format!("{room}/src/lib.rs");
    let Some(library) = house.rust.iter().find(|source| source.path == path) else {
        return vec![Note::new(
            CHECK,
            &path,
            0,
            "an engine has a library, write it",
        )];
    };
    let has = |name: &str| {
        let start = format!("pub fn {name}(");
        library
            .lines
            .iter()
            .any(|line| !line.test && line.code.starts_with(&start))
    };
    FRONT
        .iter()
        .filter(|(name, _)| !has(name))
        .map(|(name, what)| {
            let text = format!("every engine has the same front, add `pub fn {name}(` ({what})");
            Note::new(CHECK, &path, 0, text)
        })
        .collect()
}

fn twins(house: &House, room: &str) -> Vec<Note> {
    let ids = rule_ids(house, room);
    if ids.is_empty() {
        let text =
            "no rule id was found: write them as `RuleId::new(\"…\")` or in `rule_ids! { … }`";
        return vec![Note::new(CHECK, &format!("{room}/src/lib.rs"), 0, text)];
    }
    let cases = format!("{room}/cases");
    let has = |id: &str, twin: &str| {
        let start = format!("{cases}/{id}/{twin}");
        house
            .files
            .range(start.clone()..)
            .next()
            .is_some_and(|(path, _)| path.starts_with(&start))
    };
    let by_rule = ids.iter().any(|id| house.has(&format!("{cases}/{id}")));
    let mut notes = Vec::new();
    if !by_rule {
        if !house.has(&cases) && !house.has(&format!("{room}/tests")) {
            let text = "the engine has no cases, add cases/<RULE>/bad.yaml and good.yaml";
            notes.push(Note::new(CHECK, room, 0, text));
        }
        return notes;
    }
    for id in &ids {
        for twin in ["bad", "good"] {
            if !has(id, twin) {
                let text = format!("{id} has no {twin} case, add {cases}/{id}/{twin}.yaml");
                notes.push(Note::new(CHECK, &format!("{cases}/{id}"), 0, text));
            }
        }
    }
    notes
}

/// The ids of the rules that an engine can report.
fn rule_ids(house: &House, room: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for source in house.library(room) {
        ids.extend(constructed(source));
        ids.extend(listed(&source.text));
    }
    ids
}

/// `RuleId::new("W01")` outside of tests.
fn constructed(source: &Rust) -> Vec<String> {
    source
        .text
        .lines()
        .zip(&source.lines)
        .filter(|(_, line)| !line.test && line.code.contains("RuleId::new(\""))
        .flat_map(|(raw, _)| raw.split("RuleId::new(\"").skip(1))
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// The right sides in `rule_ids! { W01 = "W01", … }`.
fn listed(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("\nrule_ids! {") else {
        return Vec::new();
    };
    let block = rest.split('}').next().unwrap_or_default();
    let texts = block.split('"').skip(1).step_by(2);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house_with;

    const LIBRARY: &str = "//! A.\npub fn check(s: &Snapshot) -> Outcome {}\npub fn rules() {}\nconst A: RuleId = RuleId::new(\"P01\");\n";

    fn notes(files: &[(&str, &str)]) -> Vec<String> {
        let house = house_with(&[("engines/p", "seawall-p", &[])], files);
        check(&house).into_iter().map(|note| note.text).collect()
    }

    #[test]
    fn a_whole_engine_is_silent() {
        let found = notes(&[
            ("engines/p/src/lib.rs", LIBRARY),
            (
                "engines/p/src/rules.rs",
                "//! A.\nrule_ids! {\n    W02 = \"W02\",\n}\n",
            ),
            ("engines/p/cases/P01/bad.yaml", ""),
            ("engines/p/cases/P01/good.yaml", ""),
            ("engines/p/cases/W02/bad-set.yaml", ""),
            ("engines/p/cases/W02/good-unset.yaml", ""),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_missing_front_is_told() {
        let found = notes(&[
            (
                "engines/p/src/lib.rs",
                "//! A.\nfn check() { RuleId::new(\"P01\") }\n",
            ),
            ("engines/p/tests/a.rs", "//! A.\n"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_missing_twin_is_told() {
        let found = notes(&[
            ("engines/p/src/lib.rs", LIBRARY),
            ("engines/p/cases/P01/bad.yaml", ""),
        ]);
        assert_eq!(
            found,
            ["P01 has no good case, add engines/p/cases/P01/good.yaml"]
        );
    }

    #[test]
    fn no_cases_at_all_is_told() {
        assert_eq!(notes(&[("engines/p/src/lib.rs", LIBRARY)]).len(), 1);
    }

    #[test]
    fn a_catalogue_that_is_not_seen_is_told() {
        let found = notes(&[(
            "engines/p/src/lib.rs",
            "//! A.\npub fn check() {}\npub fn rules() {}\n",
        )]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
