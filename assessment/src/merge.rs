//! Findings with one root cause are one finding.
//!
//! Engines judge object by object. Here the same mistake seen several times becomes one:
//! a Helm values key that ten workloads print, a template line that a loop repeats, a base
//! that three overlays build on. The merged finding names every asset it affects, and its
//! identity rests on the cause, so that one more affected workload is not a new finding.

use seawall_model::{Asset, CauseId, FileId, Finding, FindingId, RuleId, SourceMap, Span};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Merges findings and puts the worst first.
pub(crate) fn merge(findings: Vec<Finding>, map: &SourceMap, marks: &Marks) -> Vec<Finding> {
    // There may be a million findings, and most stand alone: those stay where they are, and
    // nothing is made to sort them by.
    let mut counts: HashMap<Root, u32> = HashMap::new();
    for finding in &findings {
        *counts.entry(root(finding, map)).or_insert(0) += 1;
    }
    counts.retain(|_, count| *count > 1);
    let mut groups: HashMap<Root, Vec<Finding>> = HashMap::new();
    let alone = findings.into_iter().filter_map(|finding| {
        let root = root(&finding, map);
        if counts.contains_key(&root) {
            groups.entry(root).or_default().push(finding);
            return None;
        }
        one_of(&root, vec![finding], map)
    });
    let mut merged: Vec<Finding> = alone.collect();
    let groups = groups.into_iter();
    merged.extend(groups.filter_map(|(root, group)| one_of(&root, group, map)));
    merged.sort_unstable_by(|a, b| order(a, b, map, marks));
    tell_apart(&mut merged);
    merged
}

/// How many ways in lead through a line.
pub(crate) type Marks = HashMap<(FileId, u32), u32>;

/// The worst first, then what most ways in lead through, then what affects most, then an order
/// that is the same on every run.
fn order(a: &Finding, b: &Finding, map: &SourceMap, marks: &Marks) -> Ordering {
    let place = |finding: &Finding| map.display(finding.locus.span);
    let ways = |finding: &Finding| {
        let span = finding.locus.span;
        marks.get(&(span.file, span.line)).copied().unwrap_or(0)
    };
    let worst = b.severity.cmp(&a.severity);
    worst
        .then_with(|| ways(b).cmp(&ways(a)))
        .then_with(|| b.affected.len().cmp(&a.affected.len()))
        .then_with(|| a.rule.cmp(&b.rule))
        .then_with(|| a.asset.cmp(&b.asset))
        .then_with(|| a.locus.path.cmp(&b.locus.path))
        .then_with(|| place(a).cmp(&place(b)))
        .then_with(|| a.message.cmp(&b.message))
}

/// What makes two findings one.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Root {
    /// A values key whose value stands in the output.
    Cause(RuleId, CauseId),
    /// The same piece of source text.
    Place(RuleId, Span),
    /// Nothing but itself.
    Itself(FindingId),
}

fn root(finding: &Finding, map: &SourceMap) -> Root {
    let span = finding.locus.span;
    if map.cause(span.cause).is_some_and(|cause| cause.direct) {
        return Root::Cause(finding.rule.clone(), span.cause);
    }
    if span.is_known() {
        // The cause of an enclosing condition does not make two places one or one place two.
        let place = Span {
            cause: CauseId::NONE,
            ..span
        };
        return Root::Place(finding.rule.clone(), place);
    }
    Root::Itself(finding.id)
}

fn one_of(root: &Root, mut group: Vec<Finding>, map: &SourceMap) -> Option<Finding> {
    group.sort_by(|a, b| {
        (&a.asset, &a.locus.path, &a.message).cmp(&(&b.asset, &b.locus.path, &b.message))
    });
    let severity = group.iter().map(|finding| finding.severity).max();
    let mut affected: Vec<Asset> = group
        .iter()
        .flat_map(|finding| finding.affected.iter().cloned())
        .collect();
    affected.sort_unstable();
    affected.dedup();
    let mut others = group.into_iter();
    let mut finding = others.next()?;
    finding.severity = severity.unwrap_or(finding.severity);
    finding.affected = affected;
    if let Root::Cause(rule, cause) = root
        && let Some(cause) = map.cause(*cause)
    {
        let asset = Asset::ValuesKey {
            chart: cause.owner.clone(),
            key: cause.key.clone(),
        };
        finding.id = FindingId::of(rule, &asset, "");
        if finding.affected.len() > 1 {
            finding.asset = asset;
        }
    }
    Some(finding)
}

/// Two sources may define an object of one name (two applications of a monorepo). They are
/// two findings, so the later ones get an identity of their own, in the order of their files.
fn tell_apart(findings: &mut [Finding]) {
    let mut seen: HashMap<FindingId, u32> = HashMap::new();
    for finding in findings {
        let count = seen.entry(finding.id).or_insert(0);
        *count += 1;
        if *count > 1 {
            let path = format!("{}#{count}", finding.locus.path);
            finding.id = FindingId::of(&finding.rule, &finding.asset, &path);
        }
    }
}
