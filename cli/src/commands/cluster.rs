//! The live cluster as the source of a command.

use crate::args::{Global, Reading, Source};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::progress::Ticker;
use seawall_assessment::{catalogue, means};
use seawall_kubernetes::{Access, Error, ErrorKind, Keep, Options, Progress};
use seawall_model::SourceMap;
use seawall_sources::load::Loaded;
use std::sync::Arc;

/// The word for the cluster where a path could stand.
pub(crate) const WORD: &str = "cluster";

/// Whether a user means the cluster.
pub(crate) fn is_meant(source: &Source) -> bool {
    source.rev.is_none() && matches!(&*source.paths, [path] if path == WORD)
}

/// Reads the cluster, as far as the chosen rules and policies need it.
pub(crate) fn read(
    reading: &Reading,
    config: &Config,
    keep: Keep,
    global: &Global,
    map: &Arc<SourceMap>,
) -> Result<Loaded, Failure> {
    let with_policies = !config.policies.value.is_empty();
    let options = Options {
        access: Access {
            context: reading.context.clone(),
            kubeconfig: None,
        },
        namespace: reading.namespace.clone(),
        secrets: reading.secrets,
        // A policy of the user's own may be about anything.
        rules: if with_policies {
            Vec::new()
        } else {
            rules(config)
        },
        keep: if with_policies { Keep::Trees } else { keep },
        progress: Arc::default(),
    };
    let ticker = watch(&options.progress, global);
    let read = seawall_kubernetes::read(&options, map);
    drop(ticker);
    let read = read.map_err(failed)?;
    let version = read
        .version
        .map(|v| v.min(seawall_model::KubernetesVersion::NEWEST));
    Ok(Loaded::without_files(
        read.snapshot,
        read.coverage,
        version,
        map,
    ))
}

/// Shows how far a read is.
pub(crate) fn watch(progress: &Arc<Progress>, global: &Global) -> Ticker {
    let progress = Arc::clone(progress);
    Ticker::start(global.quiet, move || match progress.get() {
        (_, 0, _) => "asking the cluster what it serves".to_owned(),
        (read, total, objects) => {
            format!("reading {read} of {total} kinds of objects, {objects} objects so far")
        }
    })
}

/// The ids of the rules that are run, when that is not all of them.
pub(crate) fn rules(config: &Config) -> Vec<String> {
    let (only, skip) = (&config.only.value, &config.skip.value);
    if only.is_empty() && skip.is_empty() {
        return Vec::new();
    }
    let any = |rule, words: &[String]| words.iter().any(|word| means(rule, word));
    catalogue()
        .iter()
        .filter(|rule| only.is_empty() || any(rule, only))
        .filter(|rule| !any(rule, skip))
        .map(|rule| rule.id.to_string())
        .collect()
}

pub(crate) fn failed(error: Error) -> Failure {
    Failure {
        exit: match error.kind {
            ErrorKind::Configuration => Exit::Usage,
            ErrorKind::Unreadable => Exit::Incomplete,
        },
        message: error.message,
        hint: error.hint,
    }
}
