//! Files held in memory: the embedded demo, and tests.

use crate::tree::{Entry, Kind, Tree};
use seawall_model::{SourceFile, SourceKind};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// A tree of files in memory. Paths are relative and normalised.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<String, Cow<'static, [u8]>>,
    directories: BTreeSet<String>,
}

impl Memory {
    /// A tree of these files.
    pub fn new(files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let mut tree = Self::default();
        tree.directories.insert(".".to_owned());
        for (path, bytes) in files {
            let path = crate::tree::normalise(&path);
            let mut dir = crate::tree::parent(&path);
            while dir != "." && tree.directories.insert(dir.to_owned()) {
                dir = crate::tree::parent(dir);
            }
            tree.files.insert(path, bytes);
        }
        tree
    }
}

impl Tree for Memory {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let bytes = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        if bytes.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.to_vec())
    }

    fn list(&self, dir: &str, _: &str) -> io::Result<Vec<(String, Entry)>> {
        if !self.directories.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let prefix = if dir == "." {
            String::new()
        } else {
            format!("{dir}/")
        };
        let child = |path: &str| {
            let rest = path.strip_prefix(&prefix)?;
            (!rest.is_empty() && rest != "." && !rest.contains('/')).then(|| rest.to_owned())
        };
        let files = self
            .files
            .keys()
            .filter_map(|path| Some((child(path)?, Entry::File)));
        let directories = self
            .directories
            .iter()
            .filter_map(|path| Some((child(path)?, Entry::Directory)));
        let mut names: Vec<_> = files.chain(directories).collect();
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        if self.files.contains_key(path) {
            Some(Kind::File)
        } else if self.directories.contains(path) {
            Some(Kind::Directory)
        } else {
            None
        }
    }

    fn canonical(&self, path: &str) -> io::Result<String> {
        self.kind(path)
            .map(|_| path.to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn source(&self, path: &str) -> SourceFile {
        SourceFile {
            path: path.into(),
            kind: SourceKind::Embedded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_is_directly_inside() {
        let files = ["a.yaml", "d/b.yaml", "d/e/c.yaml"];
        let tree = Memory::new(files.map(|path| (path.to_owned(), Cow::Borrowed(&b"x"[..]))));
        let names = |dir| tree.list(dir, ".").unwrap();
        assert_eq!(
            names("."),
            [
                ("a.yaml".to_owned(), Entry::File),
                ("d".to_owned(), Entry::Directory)
            ]
        );
        assert_eq!(
            names("d"),
            [
                ("b.yaml".to_owned(), Entry::File),
                ("e".to_owned(), Entry::Directory)
            ]
        );
        assert_eq!(tree.kind("d/e"), Some(Kind::Directory));
        assert!(tree.list("nope", ".").is_err());
    }
}
