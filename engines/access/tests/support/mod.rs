//! Loads manifests for tests.

use seawall_model::{SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Object, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, parse};
use std::path::Path;

/// A builder and its source map, filled file by file.
pub(crate) struct Loader {
    pub(crate) map: SourceMap,
    pub(crate) builder: Builder,
    pub(crate) gaps: Vec<seawall_model::Gap>,
    pub(crate) problems: usize,
}

impl Loader {
    pub(crate) fn new() -> Self {
        let (map, builder) = (SourceMap::new(), Builder::new());
        Self {
            map,
            builder,
            gaps: Vec::new(),
            problems: 0,
        }
    }

    pub(crate) fn add(&mut self, path: &Path, text: &str) {
        let path = path.to_string_lossy().replace('\\', "/");
        self.add_to(ScopeId::PLAIN, &path, text);
    }

    pub(crate) fn add_to(&mut self, scope: ScopeId, path: &str, text: &str) {
        for object in self.read(scope, path, text) {
            self.builder.add(object);
        }
    }

    /// The objects of a file.
    pub(crate) fn read(&mut self, scope: ScopeId, path: &str, text: &str) -> Vec<Object> {
        let file = SourceFile {
            path: path.into(),
            kind: SourceKind::File,
        };
        let file = self.map.add_file(file);
        let stream = parse(text, file, &Limits::default());
        self.problems += stream.problems.len();
        let mut objects = Vec::new();
        for document in stream.documents {
            for node in object::flatten(document.root) {
                let object = object::read(&node, scope, &self.map, &mut self.gaps);
                if let Some(mut object) = object {
                    object.notices = object::notices_within(&document.notices, node.span);
                    objects.push(object);
                }
            }
        }
        objects
    }

    pub(crate) fn build(self) -> (Snapshot, SourceMap) {
        (self.builder.build(), self.map)
    }
}
