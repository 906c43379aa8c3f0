//! `seawall who-can` and `seawall what-can`: who has which rights, and by what.

use super::{cluster, print, scan};
use crate::args::{Global, Judge, Reading, Source, WhatCan, WhoCan};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::suggest;
use seawall_assessment::access::{self, Question};
use seawall_model::{KubernetesVersion, SourceMap};
use seawall_report::access as report;
use seawall_sources::load::Loaded;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn who_can(asked: &WhoCan, global: &Global) -> Result<Exit, Failure> {
    let format = format(&asked.output)?;
    let (name, paths) = split(&asked.rest, asked.name.as_ref());
    let namespace = asked.reading.namespace.clone();
    let mut source = Source {
        paths,
        rev: asked.rev.clone(),
        reading: asked.reading.clone(),
    };
    // Of a cluster all is read: rights in a namespace may come from everywhere.
    if cluster::is_meant(&source) {
        source.reading.namespace = None;
    }
    let map = Arc::new(SourceMap::new());
    let (loaded, version) = read(&source, global, &map)?;
    let question = Question {
        verb: asked.verb.clone(),
        what: asked.resource.clone(),
        name,
        namespace,
    };
    let answer = access::who_can(&loaded.snapshot, version, &question).map_err(|unknown| {
        let known = unknown.known.iter().map(String::as_str);
        let hint = "write a plural name as rules have it, or NAME.GROUP for a custom resource";
        let hint = suggest::hint(&unknown.word, known, hint);
        Failure::usage(format!("no resource is called `{}`", unknown.word), hint)
    })?;
    let answer = access::WhoCan {
        gaps: gaps(answer.gaps, &loaded),
        ..answer
    };
    print(report::who_can(&answer, format, &map, global.verbose > 0).as_bytes())
}

pub(crate) fn what_can(asked: &WhatCan, global: &Global) -> Result<Exit, Failure> {
    let format = format(&asked.output)?;
    let subject = access::read_subject(&asked.subject).ok_or_else(|| {
        Failure::usage(
            format!("`{}` is nobody's name", asked.subject),
            "write sa:NAMESPACE/NAME, user:NAME or group:NAME",
        )
    })?;
    let map = Arc::new(SourceMap::new());
    let (loaded, version) = read(&asked.source, global, &map)?;
    let answer = access::what_can(&loaded.snapshot, version, &subject);
    let answer = access::WhatCan {
        gaps: gaps(answer.gaps, &loaded),
        ..answer
    };
    print(report::what_can(&answer, format, &map, global.verbose > 0).as_bytes())
}

fn format(word: &str) -> Result<report::Format, Failure> {
    word.parse().map_err(|()| {
        let known = report::Format::ALL.iter().map(|(name, _)| *name);
        let hint = suggest::hint(word, known, "use terminal, json or csv");
        Failure::usage(format!("-o: unknown format `{word}`"), hint)
    })
}

pub(super) fn read(
    source: &Source,
    global: &Global,
    map: &Arc<SourceMap>,
) -> Result<(Loaded, KubernetesVersion), Failure> {
    let reading: &Reading = &source.reading;
    let config = Config::load(&Judge::default(), Some(reading))?;
    let loaded = scan::read(source, &Config::default(), global, map)?;
    let said = config.kubernetes_version.value;
    let version = said.or(loaded.kubernetes_version);
    Ok((loaded, version.unwrap_or(KubernetesVersion::NEWEST)))
}

/// What the sources could not read is missing from the answer, too.
pub(super) fn gaps(mut gaps: Vec<seawall_model::Gap>, loaded: &Loaded) -> Vec<seawall_model::Gap> {
    let unread = loaded.coverage.gaps.iter().filter(|gap| gap.units > 0);
    gaps.extend(unread.cloned());
    gaps
}

/// Takes the object's name from the words that follow the resource: the first one, unless it is
/// something to read.
fn split(words: &[String], name: Option<&String>) -> (Option<String>, Vec<String>) {
    let mut words = words.to_vec();
    let mut name = name.cloned();
    if name.is_none() && words.first().is_some_and(|word| !is_source(word)) {
        name = Some(words.remove(0));
    }
    if words.is_empty() {
        words.push(".".to_owned());
    }
    (name, words)
}

fn is_source(word: &str) -> bool {
    word == cluster::WORD
        || word == "-"
        || word.starts_with('.')
        || word.contains('/')
        || Path::new(word).try_exists().unwrap_or(true)
}
