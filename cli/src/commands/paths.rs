//! `seawall paths`: how an attacker would get in.

use super::{judge, print, scan};
use crate::args::{Global, Paths};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use seawall_assessment::assess;
use seawall_model::SourceMap;
use seawall_report::paths as report;
use std::sync::Arc;

pub(crate) fn run(asked: &Paths, global: &Global) -> Result<Exit, Failure> {
    let config = Config::load(&crate::args::Judge::default(), Some(&asked.source.reading))?;
    let map = Arc::new(SourceMap::new());
    let loaded = scan::read(&asked.source, &config, global, &map)?;
    let mut settings = judge::settings(&config, None, &map)?;
    settings.with_paths = true;
    settings.jewels.extend(asked.jewel.iter().cloned());
    let assessment = assess(&loaded.snapshot, loaded.coverage.clone(), &map, &settings);
    let ways = assessment.ways.unwrap_or_default();
    let text = match asked.output.as_str() {
        "json" => report::json(&ways, &map),
        _ => report::told(&ways, asked.top, &map),
    };
    print(text.as_bytes())
}
