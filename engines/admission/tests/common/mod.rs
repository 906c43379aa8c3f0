//! What the tests share: YAML to objects, the shared data, expected texts.

#![allow(dead_code, reason = "each test program uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "test code outside a #[test]"
)]

use seawall_model::{SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Object, ScopeId, Snapshot, object};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// All objects of a YAML text; panics on anything that is not a valid object.
pub(crate) fn objects(text: &str, path: &str) -> Vec<Object> {
    let map = SourceMap::new();
    let file = map.add_file(SourceFile {
        path: path.into(),
        kind: SourceKind::File,
    });
    let stream = seawall_yaml::parse(text, file, &seawall_yaml::Limits::default());
    assert!(stream.problems.is_empty(), "{path}: {:?}", stream.problems);
    let mut gaps = Vec::new();
    let objects: Vec<Object> = stream
        .documents
        .into_iter()
        .flat_map(|document| object::flatten(document.root))
        .filter_map(|root| object::read(&root, ScopeId::PLAIN, &map, &mut gaps))
        .collect();
    assert!(gaps.is_empty(), "{path}: {gaps:?}");
    objects
}

/// A snapshot of a YAML text.
pub(crate) fn snapshot(text: &str, path: &str) -> Snapshot {
    let mut builder = Builder::new();
    for object in objects(text, path) {
        builder.add(object);
    }
    builder.build()
}

/// A folder of the shared test data beside the project, or `None` (told on the terminal)
/// where it is not there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(folder);
    if path.is_dir() {
        return Some(path);
    }
    say(&format!("SKIPPED: {} is not there", path.display()));
    None
}

/// Says something that the test harness does not hide when the test passes.
pub(crate) fn say(text: &str) {
    // Nobody listens on a closed stream.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Compares with an expected text beside the case; `UPDATE_EXPECT=1` writes it.
pub(crate) fn expect(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs; after a look, UPDATE_EXPECT=1 cargo test -p seawall-admission\n\
         --- expected\n{expected}\n--- actual\n{actual}",
        path.display()
    );
}

/// The YAML files of a folder of cases, sorted.
pub(crate) fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cases")
        .join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}
