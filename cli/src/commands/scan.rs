//! `seawall scan`.

use super::{cluster, diff, judge};
use crate::args::{Global, Scan, Source};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::progress::Ticker;
use seawall_model::SourceMap;
use seawall_sources::helm;
use seawall_sources::load::{self, Keep, Loaded, Request};
use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

pub(crate) fn run(scan: &Scan, global: &Global) -> Result<Exit, Failure> {
    let start = Instant::now();
    let config = Config::load(&scan.judge, Some(&scan.source.reading))?;
    let map = Arc::new(SourceMap::new());
    let loaded = read(&scan.source, &config, global, &map)?;
    let baseline = match &scan.baseline {
        Some(named) => Some(diff::earlier(named, &scan.source, &config, global)?),
        None => None,
    };
    judge::tell(
        &loaded,
        &scan.source.paths,
        &config,
        baseline,
        &map,
        global,
        start,
    )
}

/// Loads what the user named.
pub(crate) fn read(
    source: &Source,
    config: &Config,
    global: &Global,
    map: &Arc<SourceMap>,
) -> Result<Loaded, Failure> {
    let keep = if config.policies.value.is_empty() {
        Keep::Facts
    } else {
        Keep::Trees
    };
    read_keeping(source, config, keep, global, map)
}

/// Loads what the user named, and keeps as much of it as is needed.
pub(crate) fn read_keeping(
    source: &Source,
    config: &Config,
    keep: Keep,
    global: &Global,
    map: &Arc<SourceMap>,
) -> Result<Loaded, Failure> {
    if cluster::is_meant(source) {
        return cluster::read(&source.reading, config, keep, global, map);
    }
    let mut request = request(source)?;
    request.keep = keep;
    let progress = Arc::clone(&request.progress);
    let ticker = Ticker::start(global.quiet, move || {
        let (read, total) = progress.get();
        format!("reading {read} of {total} sources")
    });
    let loaded = load::load(&request, map).map_err(|error| not_loaded(&error));
    drop(ticker);
    loaded
}

/// What to load, standard input read.
pub(crate) fn request(source: &Source) -> Result<Request, Failure> {
    let mut stdin = None;
    if source.paths.iter().any(|path| path == "-") {
        let mut bytes = Vec::new();
        let input = std::io::stdin()
            .lock()
            .take(load::MAX_STDIN)
            .read_to_end(&mut bytes);
        input
            .map_err(|error| Failure::usage(format!("cannot read standard input: {error}"), ""))?;
        stdin = Some(bytes);
    }
    let reading = &source.reading;
    Ok(Request {
        paths: source.paths.clone(),
        revision: source.rev.clone(),
        helm: helm::Options {
            values_files: reading.values.clone(),
            set: reading.set.clone(),
            release_name: reading.release_name.clone().unwrap_or_default(),
            namespace: reading.namespace.clone().unwrap_or_default(),
            ..helm::Options::default()
        },
        stdin,
        no_ignore: reading.no_ignore,
        ..Request::default()
    })
}

pub(crate) fn not_loaded(error: &load::LoadError) -> Failure {
    let hint = match error {
        load::LoadError::NotFound(_) => "check the path; `seawall scan -` reads standard input",
        load::LoadError::Value(_) => "write it as helm takes it: --set a.b=1,c=x",
        load::LoadError::Special(_) => "`seawall scan -` reads a pipe as standard input",
        load::LoadError::Git(_) => "`git log` in the scanned directory shows its revisions",
    };
    Failure::usage(error.to_string(), hint)
}
