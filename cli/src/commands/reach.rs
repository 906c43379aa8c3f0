//! `seawall reach` and `seawall blast`: who reaches whom.

use super::{print, scan};
use crate::args::{Blast, Global, Reach, Source};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{demands, suggest};
use seawall_assessment::reach::{self, Field, Protocol, Question, Unknown};
use seawall_assessment::{access, assess, paths};
use seawall_model::SourceMap;
use seawall_report::reach as report;
use seawall_snapshot::Snapshot;
use std::sync::Arc;

pub(crate) fn run(asked: &Reach, global: &Global) -> Result<Exit, Failure> {
    let format = asked.output.parse().map_err(|()| {
        let known = report::Format::ALL.iter().map(|(name, _)| *name);
        let hint = suggest::hint(
            &asked.output,
            known,
            "use terminal, json, csv, dot, svg or mermaid",
        );
        Failure::usage(format!("-o: unknown format `{}`", asked.output), hint)
    })?;
    let question = question(asked)?;
    let map = Arc::new(SourceMap::new());
    let loaded = scan::read(&asked.source, &Config::default(), global, &map)?;
    if !asked.assert.is_empty() {
        return asserted(&asked.assert, &loaded.snapshot, &map);
    }
    if let Some(revision) = &asked.baseline {
        let source = Source {
            rev: Some(revision.clone()),
            ..asked.source.clone()
        };
        let before = scan::read(&source, &Config::default(), global, &map)?;
        let change = reach::change(&before.snapshot, &loaded.snapshot, &question)
            .map_err(|u| unknown(&u))?;
        let text = report::change(&change, revision, global.verbose > 0);
        return print(text.as_bytes());
    }
    let is_one = question.from.is_some() && question.to.is_some();
    let is_settled = !question.request.is_empty();
    if asked.why || is_settled || (is_one && format == report::Format::Terminal) {
        let proofs = reach::proofs(&loaded.snapshot, &question).map_err(|u| unknown(&u))?;
        let text = report::proofs(&proofs, format, &map).ok_or_else(|| {
            Failure::usage(
                format!("-o {}: proofs are not drawn", asked.output),
                "use terminal or json",
            )
        })?;
        return print(text.as_bytes());
    }
    let flows = reach::flows(&loaded.snapshot, &question).map_err(|u| unknown(&u))?;
    print(report::flows(&flows, format, &map, global.verbose > 0).as_bytes())
}

pub(crate) fn blast(asked: &Blast, global: &Global) -> Result<Exit, Failure> {
    let map = Arc::new(SourceMap::new());
    let loaded = scan::read(&asked.source, &Config::default(), global, &map)?;
    if let Some(identity) = access::read_subject(&asked.from).filter(|_| asked.from.contains(':')) {
        let settings = seawall_assessment::Config {
            paths: Some(paths::Question {
                gains_of: Some(identity.to_string()),
                ..paths::Question::default()
            }),
            ..seawall_assessment::Config::default()
        };
        let coverage = loaded.coverage.clone();
        let answer = assess(&loaded.snapshot, coverage, &map, &settings);
        let gains = answer.ways.map(|ways| ways.gains).unwrap_or_default();
        return print(seawall_report::paths::gains(&identity.to_string(), &gains).as_bytes());
    }
    let all = reach::blast(&loaded.snapshot, &asked.from).map_err(|u| unknown(&u))?;
    let texts = all
        .iter()
        .map(|(from, reached)| report::blast(from, reached));
    print(texts.collect::<Vec<String>>().join("\n").as_bytes())
}

fn question(asked: &Reach) -> Result<Question, Failure> {
    let known = [(Field::Method, &asked.method), (Field::Path, &asked.path)];
    let known = known
        .into_iter()
        .filter_map(|(field, value)| Some((field, value.as_deref()?.into())));
    Ok(Question {
        from: asked.from.clone(),
        to: asked.to.clone(),
        port: asked.port.as_deref().map(port).transpose()?,
        source: match &asked.identity {
            Some(identity) => reach::Source::Proving(identity.clone()),
            None if asked.configured => reach::Source::Configured,
            None => reach::Source::Compromised,
        },
        request: known.collect(),
    })
}

fn port(word: &str) -> Result<(Protocol, u16), Failure> {
    reach::read_port(word).ok_or_else(|| {
        Failure::usage(
            format!("--port: `{word}` is no port"),
            "write 5432, or udp/53",
        )
    })
}

/// Tries what is demanded; one demand that does not hold is the exit code of a gate.
fn asserted(texts: &[String], snapshot: &Snapshot, map: &SourceMap) -> Result<Exit, Failure> {
    let demands = demands::asked(texts, map)?;
    let checked = reach::check(snapshot, &demands).into_iter();
    let checked: Result<Vec<_>, Unknown> = checked.collect();
    let checked = checked.map_err(|u| unknown(&u))?;
    print(report::asserted(&checked, map).as_bytes())?;
    let holds = checked.iter().all(|one| one.witness.is_none());
    Ok(if holds { Exit::Clean } else { Exit::Findings })
}

fn unknown(unknown: &Unknown) -> Failure {
    let known = unknown.known.iter().map(String::as_str);
    let some = unknown.known.iter().take(6).map(String::as_str);
    let some = some.collect::<Vec<_>>().join(", ");
    let hint = suggest::hint(
        &unknown.word,
        known,
        &format!("for example {some}; a namespace as `shop/`, labels as `app=web`"),
    );
    Failure::usage(format!("nobody here is `{}`", unknown.word), hint)
}
