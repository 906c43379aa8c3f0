//! Ways in: for people, and for programs.
//!
//! A path is told from its entry on: what the attacker has, then how they got it and the lines
//! that prove it.

use crate::text::{clean, count, paragraph};
use seawall_assessment::paths::{Left, Line, Path, Tried, Ways};
use seawall_model::{Evidence, Proof, SourceMap};
use serde::Serialize;
use std::fmt::Write as _;

/// For people: the first `top` paths.
pub fn told(ways: &Ways, top: usize, map: &SourceMap) -> String {
    let mut text = format!("{}\n\n", summary(ways));
    for (number, path) in ways.paths.iter().take(top).enumerate() {
        if number > 0 {
            text.push('\n');
        }
        tell(&mut text, number + 1, path, map);
    }
    let left = ways.count.saturating_sub(top);
    if left > 0 {
        let left = count(u64::try_from(left).unwrap_or(u64::MAX), "further path");
        let _ = writeln!(text, "\n{left}: --top N shows more, --from and --to choose");
    }
    text
}

/// For people: what somebody gains who is taken over, the nearest first.
pub fn gains(who: &str, gains: &[(String, Vec<Line>)]) -> String {
    let count = count(u64::try_from(gains.len()).unwrap_or(u64::MAX), "thing");
    let mut text = String::new();
    paragraph(&mut text, "", &format!("BLAST {who} gets to {count}"));
    for (gain, lines) in gains {
        paragraph(&mut text, "  ", gain);
        let by: Vec<&str> = lines.iter().map(|line| line.technique.as_str()).collect();
        paragraph(&mut text, "    ", &format!("by {}", by.join(", ")));
    }
    text
}

/// For people: the changes that cut the most.
pub fn cuts(ways: &Ways, map: &SourceMap) -> String {
    let mut text = format!("{}\n", summary(ways));
    let before = ways.left;
    for (number, Tried { cut, verified }) in ways.cuts.iter().enumerate() {
        let _ = writeln!(text);
        paragraph(&mut text, "", &format!("{}. {}", number + 1, cut.said));
        if cut.span.is_known() {
            let _ = writeln!(text, "   {}", clean(&map.display(cut.span)));
        }
        let left = verified.unwrap_or(cut.left);
        let proof = match verified {
            Some(_) => "tried: made in the picture, and everything judged again",
            None => "not tried: by hand",
        };
        let line = format!(
            "leaves {} of {} pairs, {} of {} without luck ({proof})",
            left.pairs, before.pairs, left.sure, before.sure
        );
        paragraph(&mut text, "   ", &line);
        paragraph(&mut text, "   ", cut.caution);
    }
    if ways.cuts.is_empty() && before.pairs > 0 {
        let _ = writeln!(text, "No single change of the input cuts any of them.");
    }
    text
}

/// How many pairs there are.
fn summary(ways: &Ways) -> String {
    let Left { pairs, sure } = ways.left;
    format!(
        "{pairs} of {} pairs of an entry and a goal are connected, {sure} without luck.",
        ways.possible
    )
}

fn tell(text: &mut String, number: usize, path: &Path, map: &SourceMap) {
    let steps = count(u64::try_from(path.lines.len()).unwrap_or(u64::MAX), "step");
    let ease = path.ease().name();
    let head = format!(
        "{number}. {} → {} · {steps}, {ease}",
        path.entry.name,
        path.goal.name()
    );
    paragraph(text, "", &head);
    if let Some(first) = path.siblings.first() {
        let others = count(
            u64::try_from(path.siblings.len()).unwrap_or(u64::MAX),
            "other",
        );
        paragraph(
            text,
            "   ",
            &format!("and {others} the same way: {first}, …"),
        );
    }
    for line in &path.lines {
        paragraph(text, "   ", &format!("→ {}", line.gains));
        paragraph(
            text,
            "       ",
            &format!("{}: {}", line.technique, line.said),
        );
        for (proved, at) in proofs(line, map) {
            paragraph(text, "       ", &proved);
            if let Some(at) = at {
                let _ = writeln!(text, "         {}", clean(&at));
            }
        }
    }
}

/// The claims of a line, each once, with its place.
fn proofs(line: &Line, map: &SourceMap) -> Vec<(String, Option<String>)> {
    let mut all: Vec<(String, Option<String>)> = Vec::new();
    for Evidence { note, proof } in &line.evidence {
        let at = match proof {
            Proof::Source(span) if span.is_known() => Some(map.display(*span)),
            Proof::ApiDefault(what) => Some((*what).to_owned()),
            _ => None,
        };
        let claim = (note.to_string(), at);
        if !all.contains(&claim) {
            all.push(claim);
        }
    }
    all
}

#[derive(Serialize)]
struct Report<'r> {
    schema: &'static str,
    paths: Vec<OnePath<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OnePath<'r> {
    entry_class: &'static str,
    entry: &'r str,
    siblings: Vec<&'r str>,
    goal: String,
    cost: u32,
    steps: Vec<OneStep<'r>>,
}

#[derive(Serialize)]
struct OneStep<'r> {
    technique: &'r str,
    said: &'r str,
    gains: &'r str,
    ease: &'static str,
    evidence: Vec<Claim>,
}

#[derive(Serialize)]
struct Claim {
    note: String,
    at: Option<String>,
}

/// For programs: everything.
pub fn json(ways: &Ways, map: &SourceMap) -> String {
    let step = |line: &'_ Line| {
        let evidence = proofs(line, map).into_iter();
        evidence.map(|(note, at)| Claim { note, at }).collect()
    };
    let report = Report {
        schema: "seawall-paths-v1",
        paths: ways
            .paths
            .iter()
            .map(|path| OnePath {
                entry_class: path.entry.class.name(),
                entry: &path.entry.name,
                siblings: path.siblings.iter().map(|name| &**name).collect(),
                goal: path.goal.name(),
                cost: path.cost,
                steps: path
                    .lines
                    .iter()
                    .map(|line| OneStep {
                        technique: line.technique.as_str(),
                        said: &line.said,
                        gains: &line.gains,
                        ease: line.ease.name(),
                        evidence: step(line),
                    })
                    .collect(),
            })
            .collect(),
    };
    // Texts and lists of them always become JSON.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}
