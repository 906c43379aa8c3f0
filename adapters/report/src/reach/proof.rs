//! Why connections are open or closed, and what became of demands.

use super::Format;
use super::machine::word;
use crate::text::{clean, count, paragraph};
use seawall_assessment::reach::{Checked, Proof, Verdict};
use seawall_model::SourceMap;
use serde::Serialize;
use std::fmt::Write as _;

/// Why connections are open or closed; `None` for a format that proofs are not told in.
pub fn proofs(proofs: &[Proof], format: Format, map: &SourceMap) -> Option<String> {
    match format {
        Format::Terminal => Some(told(proofs, map)),
        Format::Json => Some(json(proofs, map)),
        _ => None,
    }
}

fn told(proofs: &[Proof], map: &SourceMap) -> String {
    let mut text = String::new();
    for (number, proof) in proofs.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let verdict = match proof.verdict {
            Verdict::Open => "OPEN",
            Verdict::Some => "SOME REQUESTS",
            Verdict::Closed => "CLOSED",
        };
        let line = format!("{verdict} {} → {} · {}", proof.from, proof.to, proof.port);
        paragraph(&mut text, "", &line);
        for step in &proof.steps {
            paragraph(&mut text, "  ", &step.said);
            for cite in &step.cites {
                let mut line = format!("{} {}", cite.object, cite.pointer);
                if !cite.note.is_empty() {
                    let _ = write!(line, " {}", cite.note);
                }
                paragraph(&mut text, "    ", line.trim_end());
                if cite.span.is_known() {
                    let _ = writeln!(text, "      {}", clean(&map.display(cite.span)));
                }
            }
        }
    }
    text
}

/// What became of demands.
pub fn asserted(checked: &[Checked], map: &SourceMap) -> String {
    let mut text = String::new();
    for one in checked {
        let tried = count(u64::try_from(one.tried).unwrap_or(u64::MAX), "connection");
        if let Some(witness) = &one.witness {
            paragraph(&mut text, "", &format!("FAIL {}", one.text));
            for line in told(std::slice::from_ref(witness), map).lines() {
                let _ = writeln!(text, "  {line}");
            }
            continue;
        }
        paragraph(&mut text, "", &format!("PASS {} ({tried} tried)", one.text));
        for cite in &one.certificate {
            let line = format!("{} {}", cite.object, map.display(cite.span));
            paragraph(&mut text, "  ", &line);
        }
    }
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'r> {
    schema: &'static str,
    connections: Vec<Connection<'r>>,
}

#[derive(Serialize)]
struct Connection<'r> {
    from: &'r str,
    to: &'r str,
    port: &'r str,
    verdict: &'static str,
    /// Who the source proves to be where something passes; null is nobody.
    identities: Vec<Option<&'r str>>,
    steps: Vec<Step<'r>>,
}

#[derive(Serialize)]
struct Step<'r> {
    said: &'r str,
    verdict: &'static str,
    because: Vec<Piece<'r>>,
}

#[derive(Serialize)]
struct Piece<'r> {
    object: &'r str,
    pointer: &'r str,
    at: String,
    note: &'r str,
}

fn json(proofs: &[Proof], map: &SourceMap) -> String {
    let report = Report {
        schema: "seawall-proofs-v1",
        connections: proofs.iter().map(|proof| connection(proof, map)).collect(),
    };
    // Texts and lists of them always become JSON.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

fn connection<'r>(proof: &'r Proof, map: &SourceMap) -> Connection<'r> {
    let identities = proof.identities.iter();
    let steps = proof.steps.iter().map(|step| Step {
        said: &step.said,
        verdict: word(step.verdict),
        because: step
            .cites
            .iter()
            .map(|cite| Piece {
                object: &cite.object,
                pointer: &cite.pointer,
                at: map.display(cite.span),
                note: &cite.note,
            })
            .collect(),
    });
    Connection {
        from: &proof.from,
        to: &proof.to,
        port: &proof.port,
        verdict: word(proof.verdict),
        identities: identities
            .map(|one| one.as_ref().map(|proven| &*proven.name))
            .collect(),
        steps: steps.collect(),
    }
}
