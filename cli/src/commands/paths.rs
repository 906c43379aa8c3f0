//! `seawall paths`: how an attacker would get in.

use super::{judge, print, scan};
use crate::args::{Global, Paths};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use seawall_assessment::assess;
use seawall_assessment::paths::{self, Question};
use seawall_model::SourceMap;
use seawall_report::paths as report;
use seawall_sources::load::Keep;
use std::sync::Arc;

/// How many cuts are told.
const CUTS: usize = 5;

pub(crate) fn run(asked: &Paths, global: &Global) -> Result<Exit, Failure> {
    let config = Config::load(&crate::args::Judge::default(), Some(&asked.source.reading))?;
    let map = Arc::new(SourceMap::new());
    let keep = if asked.cuts { Keep::Trees } else { Keep::Facts };
    let loaded = scan::read_keeping(&asked.source, &config, keep, global, &map)?;
    let mut settings = judge::settings(&config, None, &map)?;
    settings.paths = Some(Question {
        jewels: asked.jewel.clone(),
        most: if asked.output == "json" {
            usize::MAX
        } else {
            asked.top
        },
        cuts: if asked.cuts { CUTS } else { 0 },
        ..Question::default()
    });
    let assessment = assess(&loaded.snapshot, loaded.coverage.clone(), &map, &settings);
    let mut ways = assessment.ways.unwrap_or_default();
    paths::try_cuts(&mut ways, &loaded.snapshot, &map, &settings);
    let text = match asked.output.as_str() {
        "json" => report::json(&ways, &map),
        _ if asked.cuts => report::cuts(&ways, &map),
        _ => report::told(&ways, asked.top, &map),
    };
    print(text.as_bytes())
}
