//! `seawall generate netpol`, `authz`, `cnp` and `linkerd`: from flows to policies that are proved.

use super::{print, scan};
use crate::args::{Flows, Global};
use crate::config::Config;
use crate::exit::{Exit, Failure, say};
use seawall_assessment::least::{self, Asked, Failed, Kind, Line, Observed};
use seawall_model::{SourceMap, Str};
use seawall_report::reach as report;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::sync::Arc;

/// The longest line of a file of flows; Hubble's have a few thousand characters.
const LONGEST: u64 = 256 << 10;

pub(crate) fn run(flows: &Flows, asked: Asked, global: &Global) -> Result<Exit, Failure> {
    let reads = |paths: &[String]| paths.iter().filter(|path| *path == "-").count();
    if reads(&flows.flows) + reads(&flows.source.paths) > 1 {
        return Err(Failure::usage(
            "standard input can be read once",
            "name a file for --flows, or for the manifests",
        ));
    }
    let map = Arc::new(SourceMap::new());
    let loaded = scan::read(&flows.source, &Config::default(), global, &map)?;
    let seen = if flows.flows.is_empty() {
        least::declared(&loaded.snapshot)
    } else {
        observed(&flows.flows)?
    };
    if !global.quiet {
        say(&report::observed(&seen, flows.flows.is_empty()));
    }
    let answer =
        least::generate(&loaded.snapshot, &seen, asked).map_err(|failed| failure(&failed))?;
    if !global.quiet {
        say(&report::least(&answer, asked.kind, &map));
    }
    let texts: Vec<&str> = answer.policies.iter().map(|p| p.yaml.as_str()).collect();
    print(texts.join("---\n").as_bytes())
}

fn observed(paths: &[String]) -> Result<Observed, Failure> {
    let mut seen = Observed::default();
    for path in paths {
        let wrong = |error: io::Error| {
            Failure::usage(format!("--flows: {path}: {error}"), "check the file")
        };
        if path == "-" {
            read(&mut io::stdin().lock(), "standard input", &mut seen).map_err(wrong)?;
        } else {
            let file = File::open(path).map_err(wrong)?;
            read(&mut BufReader::new(file), path, &mut seen).map_err(wrong)?;
        }
    }
    Ok(seen)
}

/// Reads line by line; of a line that is too long nothing is kept.
fn read(input: &mut impl BufRead, name: &str, seen: &mut Observed) -> io::Result<()> {
    let file = Str::from(name);
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        bytes.clear();
        let line = Line {
            file: file.clone(),
            number,
        };
        let length = input.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
        if length == 0 {
            break;
        }
        if length as u64 == LONGEST && bytes.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
            seen.unreadable(&line, "it has more than 256 KiB");
            continue;
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => seen.line(&line, text),
            Err(_) => seen.unreadable(&line, "it is no UTF-8"),
        }
    }
    Ok(())
}

fn failure(failed: &Failed) -> Failure {
    match failed {
        Failed::Nobody(kind) => Failure::usage(
            format!(
                "{} holds no workload of the input: the policies would do nothing",
                kind.enforcer()
            ),
            outside(*kind),
        ),
        Failed::Nothing(all) => {
            say(&report::uncovered(all));
            Failure::usage(
                "there is no flow to make policies from",
                "a line reads `shop/web -> data/db tcp/5432`, or is JSON of Hubble, Envoy or ztunnel",
            )
        }
        Failed::Closes(told) => Failure::usage(
            format!(
                "nothing is printed: with the policies {} ({}) would be closed: {}",
                told.flow, told.line, told.reason
            ),
            "`seawall reach --from A --to B` shows every layer; a mesh may need its own port",
        ),
        Failed::Opens(what) => Failure::usage(
            format!("nothing is printed: the policies would open {what}"),
            "something closes this that these policies come before; allow the flow there",
        ),
        Failed::Unreadable(what) => Failure {
            exit: Exit::Internal,
            message: format!("a policy could not be read again:\n{what}"),
            hint: "this is a bug: please report it".to_owned(),
        },
    }
}

/// What would put workloads into a mesh.
fn outside(kind: Kind) -> &'static str {
    match kind {
        Kind::Linkerd => {
            "the annotation linkerd.io/inject: enabled on a namespace or pods puts them into the \
             mesh; give the Namespaces, too"
        }
        _ => {
            "the label istio-injection: enabled or istio.io/dataplane-mode: ambient on a namespace \
             puts its pods into the mesh; give the Namespaces, too"
        }
    }
}
