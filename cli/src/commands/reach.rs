//! `seawall reach` and `seawall blast`: who reaches whom.

use super::{print, scan};
use crate::args::{Blast, Global, Reach, Source};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::suggest;
use seawall_assessment::reach::{self, Assertion, Field, Protocol, Question, Unknown};
use seawall_model::SourceMap;
use seawall_report::reach as report;
use seawall_snapshot::Snapshot;
use std::io::Read as _;
use std::path::Path;
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
    let mut demands = Vec::new();
    for text in texts {
        let is_file = Path::new(text).is_file();
        let lines = if is_file {
            read_file(text)?
        } else {
            text.clone()
        };
        let lines = lines.lines().map(str::trim).enumerate();
        for (number, line) in lines.filter(|(_, l)| !l.is_empty() && !l.starts_with('#')) {
            let demand = Assertion::read(line).map_err(|wrong| {
                let place = if is_file {
                    format!("{text}:{}: ", number + 1)
                } else {
                    String::new()
                };
                Failure::usage(
                    format!("{place}`{line}`: {wrong}"),
                    "for example: deny from internet to app=payments-db on 5432",
                )
            })?;
            demands.push(demand);
        }
    }
    let checked = reach::check(snapshot, &demands).map_err(|u| unknown(&u))?;
    if checked.is_empty() {
        return Err(Failure::usage(
            "--assert: nothing is demanded".to_owned(),
            "for example: deny from internet to app=payments-db on 5432",
        ));
    }
    print(report::asserted(&checked, map).as_bytes())?;
    let holds = checked.iter().all(|one| one.witness.is_none());
    Ok(if holds { Exit::Clean } else { Exit::Findings })
}

/// Files of demands are small.
const LONGEST: u64 = 1 << 20;

fn read_file(path: &str) -> Result<String, Failure> {
    let wrong = |why: String| Failure::usage(format!("--assert: {path}: {why}"), "check the file");
    let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| wrong(error.to_string()))?;
    if text.len() as u64 > LONGEST {
        return Err(wrong("the file is larger than 1 MiB".to_owned()));
    }
    Ok(text)
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
