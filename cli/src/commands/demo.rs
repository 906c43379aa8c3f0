//! `seawall demo`: the example environment, embedded.

use super::judge;
use crate::args::{Demo, Global};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use seawall_model::SourceMap;
use seawall_sources::load;
use seawall_sources::memory::Memory;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// `examples/harbor-shop`, see `build.rs`.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/demo_files.rs"));

pub(crate) fn run(demo: &Demo, global: &Global) -> Result<Exit, Failure> {
    let start = Instant::now();
    let config = Config::load(&demo.judge, None)?;
    let map = Arc::new(SourceMap::new());
    let files = FILES
        .iter()
        .map(|(path, bytes)| (format!("harbor-shop/{path}"), Cow::Borrowed(*bytes)));
    let loaded = load::load_embedded(Memory::new(files), &map)
        .map_err(|error| super::scan::not_loaded(&error))?;
    judge::tell(
        &loaded,
        &["harbor-shop (inside seawall)".to_owned()],
        &config,
        None,
        &map,
        global,
        start,
    )
}
