//! A crate depends only on lower floors; its name says its room.

use crate::house::{Dependency, House, Package};
use crate::note::Note;

const CHECK: &str = "floors";

/// The rooms of floor 0 from the ground up: each builds on those before it.
const CORE: [&str; 3] = ["core/model", "core/yaml", "core/snapshot"];

/// Where a room stands. Order is height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Floor {
    Core(usize),
    Engines,
    Assessment,
    Adapters,
    Roles,
    Cli,
    /// Chores, tests and benches: they may look at every room, and no room at them.
    Beside,
}

impl Floor {
    fn name(self) -> &'static str {
        match self {
            Floor::Core(_) => "core (floor 0)",
            Floor::Engines => "engines (floor 1)",
            Floor::Assessment => "assessment (floor 2)",
            Floor::Adapters => "adapters (floor 3)",
            Floor::Roles => "roles (floor 4)",
            Floor::Cli => "cli (floor 5)",
            Floor::Beside => "beside the house",
        }
    }

    /// Floors 0 to 2 know nothing of the world.
    pub(super) fn is_pure(self) -> bool {
        self <= Floor::Assessment
    }
}

/// The floor of a folder, if the house has such a place.
pub(super) fn floor(dir: &str) -> Option<Floor> {
    let (top, room) = dir.split_once('/').unwrap_or((dir, ""));
    match (top, room.is_empty()) {
        ("core", false) => CORE.iter().position(|&room| room == dir).map(Floor::Core),
        ("engines", false) => Some(Floor::Engines),
        ("assessment", true) => Some(Floor::Assessment),
        // The application guard is loaded into other programs: contact with the world.
        ("adapters", false) | ("guard", _) => Some(Floor::Adapters),
        ("roles", false) => Some(Floor::Roles),
        ("cli", true) => Some(Floor::Cli),
        ("xtask" | "tests" | "benches" | "fuzz", _) => Some(Floor::Beside),
        _ => None,
    }
}

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = Vec::new();
    for package in &house.packages {
        let Some(own) = floor(&package.dir) else {
            notes.push(Note::new(
                CHECK,
                &package.manifest(),
                0,
                "this folder is on no floor, move it or give it a place in xtask/src/tidy/floors.rs",
            ));
            continue;
        };
        notes.extend(name(package, own));
        for dependency in &package.dependencies {
            notes.extend(arrow(house, package, own, dependency));
        }
    }
    notes
}

fn name(package: &Package, own: Floor) -> Option<Note> {
    let room = package.dir.rsplit('/').next().unwrap_or_default();
    let expected = match own {
        Floor::Cli => "seawall".to_owned(),
        Floor::Beside if room == "xtask" => room.to_owned(),
        _ => format!("seawall-{room}"),
    };
    (package.name != expected).then(|| {
        let text = format!("the package is called {}, call it {expected}", package.name);
        Note::new(CHECK, &package.manifest(), 0, text)
    })
}

fn arrow(house: &House, from: &Package, own: Floor, to: &Dependency) -> Option<Note> {
    let dir = to.dir.as_deref()?;
    let other = floor(dir)?;
    if own == Floor::Beside && own != other || other < own {
        return None;
    }
    let kind = if to.kind == "normal" {
        String::new()
    } else {
        format!(" ({} dependency)", to.kind)
    };
    let advice = match (own, other) {
        (Floor::Engines, Floor::Engines) => {
            "engines never import each other: put the fact or the trait into core/model"
        }
        _ => "a room imports only from lower floors: move the shared word down to core/model",
    };
    let text = format!(
        "{} is on {} and imports {dir} on {}{kind}; {advice}",
        from.dir,
        own.name(),
        other.name()
    );
    Some(Note::new(
        CHECK,
        &from.manifest(),
        line(house, from, &to.name),
        text,
    ))
}

/// The line of a dependency in the manifest.
fn line(house: &House, package: &Package, name: &str) -> usize {
    let text = house.text(&package.manifest()).lines().position(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    });
    text.map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house_with;

    fn notes(rooms: &[(&str, &str, &[&str])]) -> Vec<String> {
        check(&house_with(rooms, &[]))
            .into_iter()
            .map(|note| note.text)
            .collect()
    }

    #[test]
    fn downwards_is_good() {
        let rooms: [(&str, &str, &[&str]); 8] = [
            ("core/model", "seawall-model", &["sha2"]),
            ("core/yaml", "seawall-yaml", &["core/model"]),
            (
                "core/snapshot",
                "seawall-snapshot",
                &["core/model", "core/yaml"],
            ),
            (
                "engines/posture",
                "seawall-posture",
                &["core/snapshot", "dev:core/yaml"],
            ),
            (
                "assessment",
                "seawall-assessment",
                &["engines/posture", "core/model"],
            ),
            ("adapters/report", "seawall-report", &["assessment"]),
            ("cli", "seawall", &["adapters/report", "assessment"]),
            ("tests", "seawall-tests", &["cli", "core/yaml"]),
        ];
        assert_eq!(notes(&rooms), Vec::<String>::new());
    }

    #[test]
    fn upwards_and_sideways_are_bad() {
        for (dir, name, dependency) in [
            ("core/model", "seawall-model", "core/yaml"),
            ("core/yaml", "seawall-yaml", "core/snapshot"),
            ("core/snapshot", "seawall-snapshot", "engines/posture"),
            ("engines/posture", "seawall-posture", "engines/admission"),
            ("engines/posture", "seawall-posture", "assessment"),
            ("assessment", "seawall-assessment", "adapters/sources"),
            ("adapters/report", "seawall-report", "adapters/sources"),
            ("adapters/report", "seawall-report", "dev:adapters/sources"),
            ("cli", "seawall", "tests/oracle"),
        ] {
            let found = notes(&[(dir, name, &[dependency])]);
            assert_eq!(found.len(), 1, "{dir} -> {dependency}: {found:?}");
        }
    }

    #[test]
    fn names_and_places() {
        assert_eq!(notes(&[("core/model", "model", &[])]).len(), 1);
        assert_eq!(notes(&[("core/utils", "seawall-utils", &[])]).len(), 1);
        assert_eq!(notes(&[("helpers/x", "seawall-x", &[])]).len(), 1);
        assert_eq!(
            notes(&[("cli", "seawall", &[]), ("xtask", "xtask", &[])]).len(),
            0
        );
    }

    #[test]
    fn the_line_is_the_dependency_s() {
        let house = house_with(
            &[("core/yaml", "seawall-yaml", &["core/snapshot"])],
            &[(
                "core/yaml/Cargo.toml",
                "[dependencies]\ncore/snapshot.workspace = true\n",
            )],
        );
        assert_eq!(check(&house).first().map(|note| note.line), Some(2));
    }
}
