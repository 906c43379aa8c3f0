//! What the checks look at: the packages and the files of the repository, as values.

use crate::lexer::{self, Line};
use ignore::WalkBuilder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files above this are not read as text.
const MAX_TEXT: u64 = 4 << 20;

/// The repository.
#[derive(Debug, Default)]
pub(crate) struct House {
    pub(crate) packages: Vec<Package>,
    /// By path from the root, with `/`. What `.gitignore` leaves out is not here.
    pub(crate) files: BTreeMap<String, File>,
    /// The Rust among them.
    pub(crate) rust: Vec<Rust>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder from the root: `core/model`.
    pub(crate) dir: String,
    pub(crate) dependencies: Vec<Dependency>,
}

impl Package {
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }
}

/// A dependency of a member.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `normal`, `dev` or `build`.
    pub(crate) kind: String,
    /// The folder, for packages of this repository.
    pub(crate) dir: Option<String>,
}

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) size: u64,
    /// `None` when it is not UTF-8 or too big.
    pub(crate) text: Option<String>,
}

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Rust {
    pub(crate) path: String,
    /// The folder of its package; empty when it has none.
    pub(crate) room: String,
    pub(crate) text: String,
    pub(crate) lines: Vec<Line>,
    /// It is a test, a bench, an example or a build script, not a part of the library.
    pub(crate) beside: bool,
}

impl House {
    /// Reads the repository that this program was built from.
    pub(crate) fn load() -> Result<Self, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().ok_or("xtask is not in a folder")?;
        let packages = packages(root)?;
        let files = files(root)?;
        Ok(Self::new(packages, files))
    }

    pub(crate) fn new(packages: Vec<Package>, files: BTreeMap<String, File>) -> Self {
        let mut house = Self {
            packages,
            files,
            rust: Vec::new(),
        };
        house.rust = house.read_rust();
        house
    }

    /// The text of a file, empty when there is none.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.files
            .get(path)
            .and_then(|file| file.text.as_deref())
            .unwrap_or_default()
    }

    /// There is a file or a folder of this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path)
            || self
                .files
                .range(folder.clone()..)
                .next()
                .is_some_and(|(p, _)| p.starts_with(&folder))
    }

    /// The Rust of a room's library or binary.
    pub(crate) fn library(&self, room: &str) -> impl Iterator<Item = &Rust> {
        self.rust
            .iter()
            .filter(move |source| source.room == room && !source.beside)
    }

    fn room_of(&self, path: &str) -> String {
        let dirs = self.packages.iter().map(|package| &package.dir);
        let around = dirs.filter(|dir| path.starts_with(&format!("{dir}/")));
        around
            .max_by_key(|dir| dir.len())
            .cloned()
            .unwrap_or_default()
    }

    fn read_rust(&self) -> Vec<Rust> {
        let mut sources: Vec<Rust> = self
            .files
            .iter()
            .filter(|(path, _)| {
                Path::new(path)
                    .extension()
                    .is_some_and(|ending| ending == "rs")
            })
            .filter_map(|(path, file)| {
                let text = file.text.clone()?;
                let room = self.room_of(path);
                let inside = path
                    .strip_prefix(&room)
                    .unwrap_or(path)
                    .trim_start_matches('/');
                let beside = inside == "build.rs"
                    || inside.ends_with("/tests.rs")
                    || inside
                        .split('/')
                        .any(|part| matches!(part, "tests" | "benches" | "examples"));
                let lines = lexer::lines(&text);
                Some(Rust {
                    path: path.clone(),
                    room,
                    text,
                    lines,
                    beside,
                })
            })
            .collect();
        // `#[cfg(test)] mod support;` makes a file of test code without saying so in it.
        let tests: Vec<String> = sources
            .iter()
            .flat_map(|source| {
                let base = module_folder(&source.path);
                let names = lexer::test_modules(&source.lines);
                names.into_iter().map(move |name| format!("{base}/{name}"))
            })
            .collect();
        for source in &mut sources {
            source.beside |= tests.iter().any(|test| {
                source
                    .path
                    .strip_prefix(test.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
        }
        sources
    }
}

/// Where the modules that a file declares live.
fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    }
}

fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let word = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    // Cargo may spell the root otherwise than we do (links), so its own spelling counts.
    let root = PathBuf::from(word(&metadata, "workspace_root").unwrap_or_default());
    let dir = |path: &Path| {
        let inside = path.strip_prefix(&root).unwrap_or(path);
        inside.to_string_lossy().replace('\\', "/")
    };
    let dependency = |value: &Value| Dependency {
        name: word(value, "name").unwrap_or_default(),
        kind: word(value, "kind").unwrap_or_else(|| "normal".to_owned()),
        dir: word(value, "path").map(|path| dir(Path::new(&path))),
    };
    let package = |value: &Value| {
        let manifest = word(value, "manifest_path").unwrap_or_default();
        Package {
            name: word(value, "name").unwrap_or_default(),
            dir: Path::new(&manifest).parent().map(dir).unwrap_or_default(),
            dependencies: list(value, "dependencies").iter().map(dependency).collect(),
        }
    };
    Ok(list(&metadata, "packages").iter().map(package).collect())
}

/// What git tracks, or would: all files that `.gitignore` does not name. Git itself is not
/// asked, so that a source archive can be checked too.
fn files(root: &Path) -> Result<BTreeMap<String, File>, String> {
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .parents(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    let mut files = BTreeMap::new();
    for entry in walk {
        let entry = entry.map_err(|error| error.to_string())?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let path = path.to_string_lossy().replace('\\', "/");
        // Somebody may be at work here: a file can go while we look.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let size = metadata.len();
        let text = (size <= MAX_TEXT)
            .then(|| std::fs::read(entry.path()).ok())
            .flatten()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        files.insert(path, File { size, text });
    }
    Ok(files)
}

#[cfg(test)]
pub(crate) mod made_up {
    //! Small houses for tests.

    use super::*;

    /// A house of these files, without packages.
    pub(crate) fn house(files: &[(&str, &str)]) -> House {
        house_with(&[], files)
    }

    /// A house of these rooms (folder, name, dependencies) and files.
    pub(crate) fn house_with(rooms: &[(&str, &str, &[&str])], files: &[(&str, &str)]) -> House {
        let packages = rooms
            .iter()
            .map(|(dir, name, dependencies)| Package {
                name: (*name).to_owned(),
                dir: (*dir).to_owned(),
                dependencies: dependencies.iter().map(|text| dependency(text)).collect(),
            })
            .collect();
        let files = files
            .iter()
            .map(|(path, text)| {
                let file = File {
                    size: text.len() as u64,
                    text: Some((*text).to_owned()),
                };
                ((*path).to_owned(), file)
            })
            .collect();
        House::new(packages, files)
    }

    /// `core/model`, `dev:core/model` or a name from the registry.
    fn dependency(text: &str) -> Dependency {
        let (kind, name) = text.split_once(':').unwrap_or(("normal", text));
        let dir =
            (name.contains('/') || name == "assessment" || name == "cli").then(|| name.to_owned());
        Dependency {
            name: name.to_owned(),
            kind: kind.to_owned(),
            dir,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::made_up::house_with;

    #[test]
    fn test_code_is_told_from_the_library() {
        let house = house_with(
            &[("core/yaml", "seawall-yaml", &[])],
            &[
                (
                    "core/yaml/src/lib.rs",
                    "#[cfg(test)]\nmod oracle;\nmod real;\n",
                ),
                ("core/yaml/src/oracle.rs", ""),
                ("core/yaml/src/oracle/deep.rs", ""),
                ("core/yaml/src/real.rs", ""),
                ("core/yaml/tests/a.rs", ""),
                ("core/yaml/build.rs", ""),
            ],
        );
        let library: Vec<&str> = house
            .library("core/yaml")
            .map(|source| source.path.as_str())
            .collect();
        assert_eq!(library, ["core/yaml/src/lib.rs", "core/yaml/src/real.rs"]);
    }

    #[test]
    fn folders_are_seen() {
        let house = house_with(&[], &[("core/yaml/src/lib.rs", "")]);
        assert!(house.has("core/yaml"));
        assert!(house.has("core/yaml/src/lib.rs"));
        assert!(!house.has("core/yam"));
    }
}
