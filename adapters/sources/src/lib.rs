//! What a user has on disk or in git, to objects with origins.
//!
//! A [`tree::Tree`] gives files by path, be they on disk, in a git revision or inside the
//! program; [`helm`] and [`kustomize`] render natively on top of it, without any tool
//! installed. Nothing fails as a whole: what could not be read or rendered is a
//! [`seawall_model::Gap`] with a place.
//!
//! **Invariant:** reading only. No file is written, no process started (but `git`, for
//! revisions), no network asked.

pub mod change;
mod files;
pub mod git;
pub mod helm;
pub mod kustomize;
pub mod load;
pub mod memory;
pub mod patched;
mod plan;
mod remembering;
pub mod tree;
mod walk;

use seawall_model::Gap;
use seawall_yaml::Node;

/// What a renderer made.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The objects in the order the original tool emits them. Spans point at templates,
    /// patches and resource files, not at the rendered text.
    pub objects: Vec<Node>,
    /// What could not be rendered, and where. Empty when the output is complete.
    pub gaps: Vec<Gap>,
}
