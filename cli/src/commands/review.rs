//! `seawall access review`: what is given beside what an audit log saw used.

use super::access::{gaps, read};
use super::print;
use crate::args::{Global, Review};
use crate::exit::{Exit, Failure};
use crate::suggest;
use seawall_assessment::access::{self, Audit};
use seawall_model::SourceMap;
use seawall_report::access::{ReviewFormat, review};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::sync::Arc;

/// The longest line of a log; an event with its objects has some ten thousand characters.
const LONGEST: u64 = 2 << 20;

pub(crate) fn run(asked: &Review, global: &Global) -> Result<Exit, Failure> {
    let format: ReviewFormat = asked.output.parse().map_err(|()| {
        let known = ["terminal", "json", "yaml"];
        let hint = suggest::hint(
            &asked.output,
            known.into_iter(),
            "use terminal, json or yaml",
        );
        Failure::usage(format!("-o: unknown format `{}`", asked.output), hint)
    })?;
    let reads = |paths: &[String]| paths.iter().filter(|path| *path == "-").count();
    if reads(&asked.audit) + reads(&asked.source.paths) > 1 {
        return Err(Failure::usage(
            "standard input can be read once",
            "name a file for --audit, or for the manifests",
        ));
    }
    let audit = audit(&asked.audit)?;
    let map = Arc::new(SourceMap::new());
    let (loaded, version) = read(&asked.source, global, &map)?;
    let answer = access::review(&loaded.snapshot, version, &audit);
    let answer = access::Review {
        gaps: gaps(answer.gaps, &loaded),
        ..answer
    };
    let all = global.verbose > 0;
    print(review(&answer, &audit, format, &map, all).as_bytes())
}

fn audit(paths: &[String]) -> Result<Audit, Failure> {
    let mut audit = Audit::default();
    for path in paths {
        let wrong = |error: io::Error| {
            Failure::usage(format!("--audit: {path}: {error}"), "check the file")
        };
        if path == "-" {
            take(&mut io::stdin().lock(), &mut audit).map_err(wrong)?;
        } else {
            let file = File::open(path).map_err(wrong)?;
            take(&mut BufReader::new(file), &mut audit).map_err(wrong)?;
        }
    }
    if audit.events == 0 {
        return Err(Failure::usage(
            "the audit log has no event",
            "it has to be the JSON lines that --audit-log-path of the API server writes",
        ));
    }
    Ok(audit)
}

/// Reads line by line; a line that is too long is none.
fn take(input: &mut impl BufRead, audit: &mut Audit) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let length = input.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        if length as u64 == LONGEST && !bytes.ends_with(b"\n") {
            bytes.clear();
            bytes.extend_from_slice(b"too long");
            input.skip_until(b'\n')?;
        }
        audit.take(&String::from_utf8_lossy(&bytes));
    }
}
