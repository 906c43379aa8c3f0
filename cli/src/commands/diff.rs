//! `seawall diff` and `scan --baseline`: what a change makes worse.

use super::judge::{self, Answer};
use super::{cluster, scan};
use crate::args::{Diff, Global, Reading, Source};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use seawall_assessment::Baseline;
use seawall_model::{FileId, SourceMap, SourceText};
use seawall_report::saved::{self, SavedReport};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub(crate) fn run(diff: &Diff, global: &Global) -> Result<Exit, Failure> {
    let start = Instant::now();
    let config = Config::load(&diff.judge, Some(&diff.reading))?;
    let before = Side::of(&diff.before, &diff.reading)?;
    let after = Side::of(&diff.after, &diff.reading)?;
    let mut baseline = before.baseline(diff.before.clone(), &config, global)?;
    let targets = [diff.after.clone()];
    let map = Arc::new(SourceMap::new());
    match after {
        Side::Saved(report) => {
            let mut assessment = seawall_report::restore(&report, &map);
            assessment.decide(&judge::settings(&config, Some(baseline), &map)?);
            let answer = Answer {
                assessment: &assessment,
                targets: &targets,
                files: report.inventory.files,
                map: &map,
                text: &NoText,
            };
            judge::report(&answer, &config, global, start)
        }
        Side::Files(source) => {
            if let Side::Files(before) = &before
                && let ([old], [new]) = (&*before.paths, &*source.paths)
                && old != new
            {
                baseline.roots = (path(old), path(new));
            }
            let loaded = scan::read(&source, &config, global, &map)?;
            let baseline = Some(baseline);
            judge::tell(&loaded, &targets, &config, baseline, &map, global, start)
        }
    }
}

/// The earlier answer that `--baseline` names: a saved result, or the same paths at a
/// revision.
pub(crate) fn earlier(
    named: &str,
    source: &Source,
    config: &Config,
    global: &Global,
) -> Result<Baseline, Failure> {
    let side = if Path::new(named).is_file() {
        Side::Saved(Box::new(report(named)?))
    } else {
        Side::Files(Source {
            rev: Some(named.to_owned()),
            ..source.clone()
        })
    };
    side.baseline(named.to_owned(), config, global)
        .map_err(|failure| Failure {
            hint: "--baseline takes a file that `-o json=FILE` wrote, or a git revision".to_owned(),
            ..failure
        })
}

/// One side of a comparison.
enum Side {
    /// A result that `-o json` wrote.
    Saved(Box<SavedReport>),
    /// Something to scan.
    Files(Source),
}

impl Side {
    /// What the user means: a path that exists, or a git revision, perhaps with a path behind
    /// a colon as git itself takes it.
    fn of(word: &str, reading: &Reading) -> Result<Self, Failure> {
        let source = |path: &str, rev: Option<&str>| {
            Self::Files(Source {
                paths: vec![path.to_owned()],
                rev: rev.map(str::to_owned),
                reading: reading.clone(),
            })
        };
        if word == cluster::WORD {
            return Ok(source(word, None));
        }
        if Path::new(word).try_exists().unwrap_or(true) {
            if let Some(report) = saved_report(word)? {
                return Ok(Self::Saved(Box::new(report)));
            }
            return Ok(source(word, None));
        }
        Ok(match word.split_once(':') {
            Some((revision, "")) => source(".", Some(revision)),
            Some((revision, path)) => source(path, Some(revision)),
            None => source(".", Some(word)),
        })
    }

    /// This side as the earlier answer.
    fn baseline(
        &self,
        name: String,
        config: &Config,
        global: &Global,
    ) -> Result<Baseline, Failure> {
        match self {
            Self::Saved(report) => Ok(seawall_report::baseline(name, report)),
            Self::Files(source) => {
                let map = Arc::new(SourceMap::new());
                let loaded =
                    scan::read(source, config, global, &map).map_err(|failure| Failure {
                        message: format!("{name}: {}", failure.message),
                        ..failure
                    })?;
                let assessment = judge::judge(&loaded, config, None, &map)?;
                Ok(Baseline {
                    snapshot: Some(Arc::new(loaded.snapshot)),
                    ..Baseline::of(name, &assessment, &map)
                })
            }
        }
    }
}

/// Saved results are read whole; this many bytes are enough for a million findings.
const LONGEST: u64 = 2 << 30;

/// A saved result, if that is what a file is: other JSON is a dump or a manifest.
fn saved_report(path: &str) -> Result<Option<SavedReport>, Failure> {
    let is_json = Path::new(path)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if !is_json || !Path::new(path).is_file() {
        return Ok(None);
    }
    match saved::read(&bytes(path)?) {
        Ok(report) => Ok(Some(report)),
        Err(error @ saved::ReadError::OtherVersion(_)) => Err(unusable(path, &error)),
        Err(_) => Ok(None),
    }
}

fn report(path: &str) -> Result<SavedReport, Failure> {
    saved::read(&bytes(path)?).map_err(|error| unusable(path, &error))
}

fn unusable(path: &str, error: &saved::ReadError) -> Failure {
    Failure::usage(
        format!("{path}: {error}"),
        "write one with `seawall scan -o json=FILE`",
    )
}

fn bytes(path: &str) -> Result<Vec<u8>, Failure> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > LONGEST {
        let message = format!("{path} is longer than {} MiB", LONGEST >> 20);
        return Err(Failure::usage(message, "check the path"));
    }
    std::fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {path}: {error}"), "check the path"))
}

fn path(path: &str) -> String {
    path.trim_start_matches("./")
        .trim_end_matches('/')
        .to_owned()
}

/// The lines behind a saved result may be others by now.
struct NoText;

impl SourceText for NoText {
    fn text(&self, _: FileId) -> Option<String> {
        None
    }
}
