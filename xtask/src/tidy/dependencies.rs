//! A dependency is its own decision: the reason stands directly above it.

use crate::house::{House, Package};
use crate::note::Note;

const CHECK: &str = "dependencies";

/// The rooms that cannot take the workspace's `unsafe_code = "forbid"`.
const OWN_LINTS: [&str; 2] = ["adapters/sensor", "guard"];

pub(super) fn check(house: &House) -> Vec<Note> {
    let mut notes = reasons(house.text("Cargo.toml"));
    notes.extend(unused(house));
    for package in &house.packages {
        notes.extend(inherited(house, package));
    }
    notes
}

/// A key of a manifest at the left margin.
struct Entry<'a> {
    line: usize,
    section: &'a str,
    key: &'a str,
    value: &'a str,
    above: &'a str,
}

/// The keys of a manifest. Values that run over lines count by their first line.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut section = "";
    let mut above = "";
    let mut depth = 0_usize;
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let inside = depth > 0;
        let comment = line.trim_start().starts_with('#');
        if !comment {
            depth += line.matches(['[', '{']).count();
            depth = depth.saturating_sub(line.matches([']', '}']).count());
        }
        if !inside && !comment {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end().trim_matches(['[', ']']);
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim(), value.trim());
                entries.push(Entry {
                    line: number + 1,
                    section,
                    key,
                    value,
                    above,
                });
            }
        }
        above = line;
    }
    entries
}

/// External dependencies of the workspace without a comment. A crate's companions
/// (`clap_complete` under `clap`) share its reason.
fn reasons(text: &str) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut family = "";
    for entry in entries(text) {
        if entry.section != "workspace.dependencies" || entry.value.contains("path =") {
            continue;
        }
        if entry.above.starts_with("# ") {
            family = entry.key;
        } else if family.is_empty() || !entry.key.starts_with(family) {
            let text = format!(
                "{} has no reason, write it as a comment directly above",
                entry.key
            );
            notes.push(Note::new(CHECK, "Cargo.toml", entry.line, text));
        }
    }
    notes
}

/// What the workspace declares and nobody takes.
fn unused(house: &House) -> Vec<Note> {
    let taken = |name: &str| {
        let mut all = house
            .packages
            .iter()
            .flat_map(|package| &package.dependencies);
        all.any(|dependency| dependency.name == name)
    };
    entries(house.text("Cargo.toml"))
        .into_iter()
        .filter(|entry| entry.section == "workspace.dependencies" && !taken(entry.key))
        .filter(|entry| !entry.value.contains("path =") && !entry.value.contains("package ="))
        .map(|entry| {
            let text = format!("no member takes {}, remove it", entry.key);
            Note::new(CHECK, "Cargo.toml", entry.line, text)
        })
        .collect()
}

/// Members take versions and lints from the workspace, so that reasons stand in one place.
fn inherited(house: &House, package: &Package) -> Vec<Note> {
    let path = package.manifest();
    let text = house.text(&path);
    let mut notes = Vec::new();
    let mut lints = false;
    for entry in entries(text) {
        let last = entry.section.rsplit('.').next().unwrap_or_default();
        let section = if last.ends_with("dependencies") {
            "dependencies"
        } else {
            entry.section
        };
        match section {
            "dependencies" => {
                let from_workspace = entry.key.ends_with(".workspace")
                    || entry.value.replace(' ', "").contains("workspace=true");
                if !from_workspace {
                    let text = format!(
                        "{} has its own version, declare it in [workspace.dependencies] with its reason",
                        entry.key
                    );
                    notes.push(Note::new(CHECK, &path, entry.line, text));
                }
            }
            "lints" => lints |= entry.key == "workspace",
            _ => {}
        }
    }
    if !text.is_empty() && !lints && !OWN_LINTS.contains(&package.dir.as_str()) {
        let text =
            "the lints of the house do not apply here, add `[lints]` with `workspace = true`";
        notes.push(Note::new(CHECK, &path, 0, text));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house_with;

    fn lines(root: &str, member: &str) -> Vec<(String, usize)> {
        let house = house_with(
            &[(
                "core/yaml",
                "seawall-yaml",
                &["sha2", "serde", "clap", "clap_complete"],
            )],
            &[("Cargo.toml", root), ("core/yaml/Cargo.toml", member)],
        );
        check(&house)
            .into_iter()
            .map(|note| (note.path, note.line))
            .collect()
    }

    #[test]
    fn a_reason_stands_above() {
        let root = "\
[workspace.dependencies]
seawall-model = { path = \"core/model\" }
# Hashes.
sha2 = \"1\"
serde = \"1\"
# Words.
clap = { version = \"4\", features = [
    \"derive\",
] }
clap_complete = \"4\"
[profile.dev]
debug = 1
";
        assert_eq!(lines(root, ""), [("Cargo.toml".to_owned(), 5)]);
    }

    #[test]
    fn what_nobody_takes_goes() {
        let root = "[workspace.dependencies]\n# Why.\nsha2 = \"1\"\n# Why.\nrand = \"1\"\n";
        assert_eq!(lines(root, ""), [("Cargo.toml".to_owned(), 5)]);
    }

    #[test]
    fn members_inherit() {
        let good = "[package]\nname = \"x\"\n[lints]\nworkspace = true\n[dependencies]\nsha2.workspace = true\nserde = { workspace = true, features = [] }\n";
        assert_eq!(lines("", good), []);
        let own = good.replace("sha2.workspace = true", "sha2 = \"1\"");
        assert_eq!(lines("", &own), [("core/yaml/Cargo.toml".to_owned(), 6)]);
        let target = format!("{good}[target.'cfg(unix)'.dev-dependencies]\nlibc = \"1\"\n");
        assert_eq!(lines("", &target).len(), 1);
        let lax = good.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(lines("", &lax), [("core/yaml/Cargo.toml".to_owned(), 0)]);
    }
}
