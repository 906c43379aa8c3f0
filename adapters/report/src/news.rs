//! A comparison in words, for the formats that people read.

use crate::text::{capital, count, percent};
use crate::view::View;
use seawall_assessment::paths::{Change as PathChange, Goal};
use seawall_assessment::reach::Difference;
use seawall_assessment::{Change, Known};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A comparison in words.
pub(crate) struct News<'a> {
    /// What the earlier answer is called.
    pub(crate) baseline: &'a str,
    /// `2 new · 1 worse · 5 gone · 606 unchanged`.
    pub(crate) counts: String,
    /// What else there is to tell, each list with its heading; none is empty.
    pub(crate) lists: Vec<(&'static str, Vec<String>)>,
}

impl<'a> News<'a> {
    /// What there is to tell, if there is a baseline.
    pub(crate) fn of(view: &View<'a>) -> Option<Self> {
        let comparison = view.assessment.comparison.as_ref()?;
        let changed = comparison.counts();
        let mut counts = format!("{} new", changed.new);
        for (n, word) in [
            (changed.worse, "worse"),
            (comparison.gone.len(), "gone"),
            (comparison.unseen.len(), "not to be seen any more"),
            (changed.unchanged, "unchanged"),
        ] {
            if n > 0 || word == "unchanged" {
                let _ = write!(counts, " · {n} {word}");
            }
        }
        let (before, now) = (
            comparison.percent_before,
            view.assessment.coverage.percent(),
        );
        if before != now {
            let words = |p: Option<f64>| p.map_or_else(|| "none".to_owned(), percent);
            let _ = write!(counts, " · coverage {} (was {})", words(now), words(before));
        }
        if let Some(change) = comparison.reach.as_ref().filter(|change| !change.is_none()) {
            let (opened, closed) = (pairs(&change.opened), pairs(&change.closed));
            let _ = write!(counts, " · connections: {opened} opened, {closed} closed");
        }
        if let Some(change) = comparison
            .paths
            .as_ref()
            .filter(|one| **one != PathChange::default())
        {
            let (opened, closed) = (change.opened.len(), change.closed.len());
            let _ = write!(counts, " · ways in: {opened} opened, {closed} closed");
        }
        let worse = comparison
            .changes
            .iter()
            .enumerate()
            .filter_map(|(at, change)| {
                let Change::Worse(was) = change else {
                    return None;
                };
                let finding = view.finding(at)?;
                Some(format!(
                    "{} was {was}: {} {}: {}",
                    finding.severity, finding.rule, finding.asset, finding.message
                ))
            });
        let gaps = &view.assessment.coverage.gaps;
        let new_gaps = comparison.new_gaps.iter().filter_map(|at| gaps.get(*at));
        let new_gaps = new_gaps.map(|gap| format!("{}: {}", gap.subject, gap.reason));
        let closed = comparison.closed_gaps.iter();
        let closed = closed.map(|gap| format!("{}: {}", gap.subject, gap.reason));
        let reach = comparison.reach.as_ref();
        let told =
            |all: Option<&[Difference]>| -> Vec<String> { all.map_or_else(Vec::new, differences) };
        let mut lists = vec![
            (
                "A new way in",
                comparison.paths.as_ref().map_or_else(Vec::new, opened),
            ),
            ("Worse than before", worse.collect::<Vec<_>>()),
            ("Reachable now", told(reach.map(|change| &*change.opened))),
            (
                "Was found, and nobody can look any more",
                comparison.unseen.iter().map(known).collect(),
            ),
            ("Not covered any more", new_gaps.collect()),
            ("Gone", comparison.gone.iter().map(known).collect()),
            (
                "Not reachable any more",
                told(reach.map(|change| &*change.closed)),
            ),
            ("Covered now", closed.collect()),
        ];
        lists.retain(|(_, items)| !items.is_empty());
        Some(Self {
            baseline: &comparison.baseline,
            counts,
            lists,
        })
    }
}

/// New ways in, by goal.
fn opened(change: &PathChange) -> Vec<String> {
    let mut by_goal: BTreeMap<&Goal, Vec<&str>> = BTreeMap::new();
    for (entry, goal) in &change.opened {
        by_goal.entry(goal).or_default().push(&entry.name);
    }
    let told = by_goal.into_iter();
    told.map(|(goal, names)| format!("{} → {}", few(&names, "entries"), goal.name()))
        .collect()
}

/// How many pairs of a source and a destination these are.
pub(crate) fn pairs(all: &[Difference]) -> usize {
    all.iter().map(|one| one.from.len()).sum()
}

/// Names that are told one by one.
const FEW: usize = 3;

/// What becomes of connections, from whichever end there is less to tell.
fn differences(all: &[Difference]) -> Vec<String> {
    let mut by_source: BTreeMap<&[String], Vec<&Difference>> = BTreeMap::new();
    for one in all {
        by_source.entry(&one.from).or_default().push(one);
    }
    let mut told: Vec<(usize, String)> = Vec::new();
    for (from, to) in by_source {
        // A workload that comes or goes reaches many.
        if to.len() > FEW && from.len() <= FEW {
            let names: Vec<&str> = to.iter().map(|one| &*one.to).collect();
            let line = format!("{} → {}", from.join(", "), few(&names, "workloads"));
            told.push((from.len() * to.len(), line));
            continue;
        }
        for one in to {
            let names: Vec<&str> = from.iter().map(|name| &**name).collect();
            let line = format!("{} on {} ← {}", one.to, one.ports, few(&names, "workloads"));
            told.push((from.len(), line));
        }
    }
    told.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    told.into_iter().map(|(_, line)| line).collect()
}

fn few(names: &[&str], what: &str) -> String {
    match names.len() {
        n if n <= FEW => names.join(", "),
        n => {
            let (some, rest) = names.split_at(FEW - 1);
            format!("{n} {what}: {} and {} more", some.join(", "), rest.len())
        }
    }
}

fn known(known: &Known) -> String {
    format!(
        "{} {} {}: {}",
        known.severity, known.rule, known.asset, known.message
    )
}

/// What a pull request brings, as one line for a log.
pub(crate) fn in_one_line(view: &View<'_>) -> String {
    let told = view.told_findings().count() as u64;
    match News::of(view) {
        Some(news) => format!("since {}: {}", news.baseline, news.counts),
        None => capital(&count(told, "finding")),
    }
}
