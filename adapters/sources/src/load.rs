//! A user's arguments to a snapshot.

use crate::helm;
use seawall_model::{Coverage, FileId, SourceMap, SourceText};
use seawall_snapshot::Snapshot;
use seawall_yaml::Node;

/// What to load.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Files, directories, and `-` for standard input.
    pub paths: Vec<String>,
    /// Read the paths as they are at this git revision.
    pub revision: Option<String>,
    /// Values and names for charts.
    pub helm: helm::Options,
    /// What standard input holds, when `-` is among the paths.
    pub stdin: Option<Vec<u8>>,
    /// Read files that ignore files (`.gitignore`, `.ignore`) leave out, too.
    pub no_ignore: bool,
}

/// What was loaded.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The picture.
    pub snapshot: Snapshot,
    /// What could not be read; `looked_at` counts the objects that could.
    pub coverage: Coverage,
    /// How many charts and overlays were rendered.
    pub charts: u64,
    /// How many overlays were built.
    pub overlays: u64,
    /// Files read.
    pub files: u64,
    /// Reads text again for reports.
    pub text: Texts,
}

/// Reads source text again: from disk, from git, or from what standard input held.
#[derive(Debug, Default)]
pub struct Texts {}

impl SourceText for Texts {
    fn text(&self, file: FileId) -> Option<String> {
        let _ = file;
        None
    }
}

/// Loads everything. Never fails as a whole.
pub fn load(request: &Request, map: &SourceMap) -> Loaded {
    let _ = (request, map);
    Loaded::default()
}

/// The objects that a scan of the request would see, in order, for `seawall render`.
pub fn render(request: &Request, map: &SourceMap) -> (Vec<Node>, Coverage) {
    let _ = (request, map);
    (Vec::new(), Coverage::default())
}
