//! How fixes are told: a unified diff, and what became of each finding.

use crate::clean;
use seawall_model::{Asset, FindingId, RuleId, Severity};
use similar::TextDiff;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Repaired by a change that was proved.
    Fixed,
    /// Likewise; it was only seen once others were repaired.
    Uncovered,
    /// It takes a value that somebody has to give: the question.
    Decision(String),
    /// It takes a person: what to do, or why the change was not made.
    ByHand(String),
    /// Left out because it could stop the workload: what to check.
    LeftOut(String),
}

/// A finding and what became of it.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its identity.
    pub id: FindingId,
    /// Its rule.
    pub rule: RuleId,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub asset: Asset,
    /// What is wrong.
    pub message: String,
    /// `path:line`.
    pub place: String,
    /// What became of it.
    pub state: State,
    /// What could break, and what to check.
    pub caution: Option<String>,
}

/// A file with its old and its new text.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The path as the user knows it.
    pub path: &'a str,
    /// What it held.
    pub old: &'a str,
    /// What it is to hold.
    pub new: &'a str,
}

/// Writes changes as `git apply` takes them.
pub fn diff(changes: &[Change<'_>], out: &mut dyn Write) -> io::Result<()> {
    for change in changes {
        let path = change.path.trim_start_matches("./").trim_start_matches('/');
        let diff = TextDiff::from_lines(change.old, change.new);
        let quoted = |side: &str| {
            let plain = path
                .chars()
                .all(|c| !c.is_control() && c != '"' && c != '\\');
            if plain {
                format!("{side}/{path}")
            } else {
                format!("{:?}", format!("{side}/{path}"))
            }
        };
        writeln!(out, "diff --git {} {}", quoted("a"), quoted("b"))?;
        let mut unified = diff.unified_diff();
        unified.context_radius(3).header(&quoted("a"), &quoted("b"));
        write!(out, "{unified}")?;
    }
    Ok(())
}

/// How many changes there are of each kind, and whether they were made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent {
    /// Files that change.
    pub files: usize,
    /// Objects that a patch changes.
    pub patches: usize,
    /// Whether the files were written.
    pub written: bool,
}

/// Text in lines of at most 80 columns, the first and the others with something before them.
pub fn wrapped(first: &str, others: &str, text: &str) -> String {
    let width = 80 - others.len().max(first.len());
    let mut lines = String::new();
    for (number, line) in crate::text::wrap(text, width).iter().enumerate() {
        let before = if number == 0 { first } else { others };
        let _ = writeln!(lines, "{before}{line}");
    }
    lines
}

/// Says what became of all findings. `verbose` lists those that take a person one by one.
pub fn summary(lines: &[Line], extent: Extent, verbose: bool) -> String {
    let mut text = String::new();
    let of = |wanted: fn(&State) -> bool| -> Vec<&Line> {
        lines.iter().filter(|line| wanted(&line.state)).collect()
    };
    let mut fixed = of(|state| matches!(state, State::Fixed));
    let verb = if extent.written && extent.patches == 0 {
        "fixed"
    } else {
        "can be fixed"
    };
    // Writing to a String cannot fail.
    let _ = if fixed.is_empty() {
        writeln!(text, "nothing to change")
    } else {
        let (count, places) = (count(fixed.len()), places(extent));
        let proof = "each is gone after the change, and nothing new came";
        writeln!(text, "{count} {verb} {places}: {proof}")
    };
    by_rule(&mut text, &fixed);
    let uncovered = of(|state| matches!(state, State::Uncovered));
    if !uncovered.is_empty() {
        let _ = writeln!(
            text,
            "{} more that those had hidden, with them",
            count(uncovered.len())
        );
        by_rule(&mut text, &uncovered);
        fixed.extend(uncovered);
    }
    let mut cautions: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in &fixed {
        if let Some(caution) = &line.caution {
            cautions.entry(caution).or_default().push(line);
        }
    }
    if !cautions.is_empty() {
        let _ = writeln!(text, "\nBefore you roll it out (--safe leaves these out):");
        for (caution, lines) in cautions {
            let told = format!("{} ({}): {}", rules(&lines), lines.len(), clean(caution));
            text.push_str(&wrapped("  ", "      ", &told));
            if verbose {
                named(&mut text, &lines);
            }
        }
    }
    let left = of(|state| matches!(state, State::LeftOut(_)));
    if !left.is_empty() {
        let _ = writeln!(text, "\n{} left out by --safe", count(left.len()));
        by_rule(&mut text, &left);
    }
    let asked = of(|state| matches!(state, State::Decision(_)));
    told(
        &mut text,
        &asked,
        "need your decision (--interactive asks)",
        verbose,
    );
    let hand = of(|state| matches!(state, State::ByHand(_)));
    told(&mut text, &hand, "by hand", verbose);
    if extent.patches > 0 {
        text.push_str(if extent.written && extent.files > 0 {
            "\nThe files are written. The patches are not sent: that is for you to do.\n"
        } else {
            "\nThe patches are not sent: that is for you to do.\n"
        });
        text.push_str("With --dry-run=server behind it, kubectl only asks the server.\n");
    }
    if !verbose && asked.len() + hand.len() > 0 {
        let _ = writeln!(text, "\n-v lists every one with its place and what to do");
    }
    text
}

/// `in 3 files and by 1 patch`.
fn places(extent: Extent) -> String {
    let of = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    let files = format!("in {}", of(extent.files, "file", "files"));
    let patches = format!("by {}", of(extent.patches, "patch", "patches"));
    match (extent.files, extent.patches) {
        (_, 0) => files,
        (0, _) => patches,
        _ => format!("{files} and {patches}"),
    }
}

fn count(number: usize) -> String {
    if number == 1 {
        "1 finding".to_owned()
    } else {
        format!("{number} findings")
    }
}

fn told(text: &mut String, lines: &[&Line], what: &str, verbose: bool) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{} {what}", count(lines.len()));
    if !verbose {
        by_rule(text, lines);
        return;
    }
    for line in lines {
        let what = match &line.state {
            State::Decision(what) | State::ByHand(what) | State::LeftOut(what) => what,
            State::Fixed | State::Uncovered => continue,
        };
        let id = line.id.to_string();
        let _ = writeln!(
            text,
            "  {} {} {}: {}",
            line.rule,
            id.get(..12).unwrap_or_default(),
            clean(&line.place),
            clean(&line.asset.to_string()),
        );
        for said in [&line.message, what] {
            text.push_str(&wrapped("    ", "    ", &clean(said)));
        }
    }
}

fn by_rule(text: &mut String, lines: &[&Line]) {
    if lines.is_empty() {
        return;
    }
    let mut counts: BTreeMap<&RuleId, usize> = BTreeMap::new();
    for line in lines {
        *counts.entry(&line.rule).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(rule, count)| (std::cmp::Reverse(*count), *rule));
    // A rule and its count stay on one line.
    let words: Vec<String> = counts
        .iter()
        .map(|(rule, count)| format!("{rule}\u{a0}{count}"))
        .collect();
    let told = wrapped("  ", "  ", &words.join("\u{a0}· "));
    text.push_str(&told.replace('\u{a0}', " "));
}

fn rules(lines: &[&Line]) -> String {
    let mut rules: Vec<&str> = lines.iter().map(|line| line.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.join(", ")
}

/// The things of a list by name.
fn named(text: &mut String, lines: &[&Line]) {
    for line in lines {
        let _ = writeln!(
            text,
            "    {} {}",
            clean(&line.place),
            clean(&line.asset.to_string())
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_one_that_git_takes() {
        let change = Change {
            path: "./a/b.yaml",
            old: "a: 1\nb: 2",
            new: "a: 1\nb: 3",
        };
        let mut out = Vec::new();
        diff(&[change], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "diff --git a/a/b.yaml b/a/b.yaml\n--- a/a/b.yaml\n+++ b/a/b.yaml\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n\\ No newline at end of file\n+b: 3\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn a_summary_says_where_and_what_is_left_to_do() {
        let told = |files, patches, written| {
            let line = Line {
                id: FindingId([0; 16]),
                rule: RuleId::new("W01"),
                severity: Severity::High,
                asset: Asset::File("a".into()),
                message: String::new(),
                place: String::new(),
                state: State::Fixed,
                caution: None,
            };
            let extent = Extent {
                files,
                patches,
                written,
            };
            let text = summary(&[line], extent, false);
            let first = text.lines().next().unwrap().to_owned();
            (first, text.contains("not sent"))
        };
        let proof = ": each is gone after the change, and nothing new came";
        assert_eq!(
            told(1, 0, true),
            (format!("1 finding fixed in 1 file{proof}"), false)
        );
        let said = format!("1 finding can be fixed in 2 files and by 1 patch{proof}");
        assert_eq!(told(2, 1, true), (said, true));
        let said = format!("1 finding can be fixed by 2 patches{proof}");
        assert_eq!(told(0, 2, false), (said, true));
    }
}
