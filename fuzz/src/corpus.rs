//! Inputs to start from.

use std::path::{Path, PathBuf};

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// Files with one of the endings, not longer than `longest`, under folders that may be
/// missing.
pub fn files(folders: &[PathBuf], endings: &[&str], longest: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut open = folders.to_vec();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(meta) = path.symlink_metadata() else {
                continue;
            };
            if meta.is_dir() {
                open.push(path);
            } else if meta.is_file()
                && meta.len() <= longest
                && path
                    .extension()
                    .is_some_and(|e| endings.iter().any(|ending| e == *ending))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
        .into_iter()
        .filter_map(|path| std::fs::read(path).ok())
        .collect()
}

/// The seeds of a target, written for it.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    files(&[folder], &["txt"], 20_000)
}
