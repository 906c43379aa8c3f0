//! Several files as one input.
//!
//! Each begins with a line `#### PATH`; what stands before the first such line is left out.
//! A mutation can so change a path or an order as well as a text.

use crate::corpus;
use seawall_sources::memory::Memory;
use std::borrow::Cow;
use std::path::Path;

const BEGIN: &[u8] = b"#### ";

/// The files of an input, in order.
pub fn files(input: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for line in input.split_inclusive(|&byte| byte == b'\n') {
        if let Some(path) = line.strip_prefix(BEGIN) {
            let path = String::from_utf8_lossy(path).trim_end().to_owned();
            files.push((path, Vec::new()));
        } else if let Some((_, text)) = files.last_mut() {
            text.extend(line);
        }
    }
    files
}

/// The files as a tree.
pub fn tree(files: &[(String, Vec<u8>)]) -> Memory {
    Memory::new(
        files
            .iter()
            .map(|(path, text)| (path.clone(), Cow::Owned(text.clone()))),
    )
}

/// A directory as an input, when it is not longer than `longest`.
pub fn of_directory(directory: &Path, longest: usize) -> Option<Vec<u8>> {
    let mut input = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(directory).ok()?.to_str()?.to_owned();
                if entry.metadata().ok()?.len() > longest as u64 {
                    return None;
                }
                input.extend(BEGIN);
                input.extend(name.as_bytes());
                input.push(b'\n');
                input.extend(std::fs::read(path).ok()?);
                if input.last() != Some(&b'\n') {
                    input.push(b'\n');
                }
                if input.len() > longest {
                    return None;
                }
            }
        }
    }
    Some(input)
}

/// The seeds of a target, and the directories below `folders` that hold one of the files
/// `marks`, as inputs.
pub fn corpus(target: &str, folders: &[&str], marks: &[&str], longest: usize) -> Vec<Vec<u8>> {
    let mut inputs = corpus::seeds(target);
    let mut open: Vec<_> = folders.iter().map(|f| corpus::root().join(f)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        if marks.iter().any(|mark| folder.join(mark).is_file()) {
            found.push(folder.clone());
        }
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    found.sort();
    inputs.extend(found.iter().filter_map(|folder| of_directory(folder, longest)));
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_apart() {
        let files = files(b"lost\n#### a/b.yaml\nx: 1\n\n#### c\n");
        assert_eq!(
            files,
            [
                ("a/b.yaml".to_owned(), b"x: 1\n\n".to_vec()),
                ("c".to_owned(), Vec::new())
            ]
        );
    }
}
