//! A tree some of whose files have another text: what a change would make of it.

use crate::tree::{Entry, Kind, Large, Tree};
use seawall_model::SourceFile;
use std::collections::BTreeMap;
use std::io;

/// New texts by path.
pub type Texts = BTreeMap<String, String>;

/// A tree with new texts.
pub(crate) struct Patched<'t> {
    inner: Box<dyn Tree + Send + 't>,
    texts: Texts,
}

impl<'t> Patched<'t> {
    pub(crate) fn new(inner: Box<dyn Tree + Send + 't>, texts: Texts) -> Self {
        Self { inner, texts }
    }
}

impl Tree for Patched<'_> {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        match self.texts.get(path) {
            Some(text) if text.len() as u64 > limit => Err(io::ErrorKind::FileTooLarge.into()),
            Some(text) => Ok(text.clone().into_bytes()),
            None => self.inner.read(path, limit),
        }
    }

    fn open_large(&self, path: &str, least: u64) -> io::Result<Option<Box<dyn Large>>> {
        match self.texts.get(path) {
            Some(text) if (text.len() as u64) < least => Ok(None),
            Some(text) => Ok(Some(Box::new(io::Cursor::new(text.clone().into_bytes())))),
            None => self.inner.open_large(path, least),
        }
    }

    fn list(&self, dir: &str, root: &str) -> io::Result<Vec<(String, Entry)>> {
        self.inner.list(dir, root)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        self.inner.kind(path)
    }

    fn is_link(&self, path: &str) -> bool {
        self.inner.is_link(path)
    }

    fn canonical(&self, path: &str) -> io::Result<String> {
        self.inner.canonical(path)
    }

    fn source(&self, path: &str) -> SourceFile {
        self.inner.source(path)
    }
}
