//! A tree that asks only once. While a request is loaded nothing is expected to change, and
//! a hundred overlays ask about the same directories again and again.

use crate::tree::{Entry, Kind, Large, Tree, parent};
use seawall_model::SourceFile;
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers about paths are kept; contents and listings are not.
pub(crate) struct Remembering<'a> {
    inner: &'a dyn Tree,
    kinds: Mutex<HashMap<String, Option<Kind>>>,
    canonical: Mutex<HashMap<String, String>>,
}

impl<'a> Remembering<'a> {
    pub(crate) fn new(inner: &'a dyn Tree) -> Self {
        Self {
            inner,
            kinds: Mutex::default(),
            canonical: Mutex::default(),
        }
    }
}

/// Every entry is put in whole, so a lock that a panic left behind is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tree for Remembering<'_> {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.inner.read(path, limit)
    }

    fn open_large(&self, path: &str, least: u64) -> io::Result<Option<Box<dyn Large>>> {
        self.inner.open_large(path, least)
    }

    fn list(&self, dir: &str, root: &str) -> io::Result<Vec<(String, Entry)>> {
        self.inner.list(dir, root)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        if let Some(kind) = lock(&self.kinds).get(path) {
            return *kind;
        }
        let kind = self.inner.kind(path);
        lock(&self.kinds).insert(path.to_owned(), kind);
        kind
    }

    fn is_link(&self, path: &str) -> bool {
        self.inner.is_link(path)
    }

    fn canonical(&self, path: &str) -> io::Result<String> {
        if let Some(found) = lock(&self.canonical).get(path) {
            return Ok(found.clone());
        }
        // A file that is no link is where its directory is; directories are asked for often.
        let name = path.rsplit('/').next().unwrap_or(path);
        let found = if self.kind(path) == Some(Kind::File) && !self.is_link(path) {
            let dir = self.canonical(parent(path))?;
            crate::tree::join(&dir, name)
        } else {
            self.inner.canonical(path)?
        };
        lock(&self.canonical).insert(path.to_owned(), found.clone());
        Ok(found)
    }

    fn source(&self, path: &str) -> SourceFile {
        self.inner.source(path)
    }
}
