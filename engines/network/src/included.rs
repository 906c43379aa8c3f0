//! One finding for one root cause: where several layers together show a hole that somebody gets
//! through, what a single rule says of the same cause is part of that, and no second finding.

use crate::rules::{INCLUDED, Id};
use seawall_model::{Asset, Finding, Proof};
use std::collections::{BTreeMap, BTreeSet};

/// Takes single findings into the composites that rest on the same cause: those at the same
/// place, and those about other objects of which every workload that they break has such a
/// composite.
pub(crate) fn take_in(findings: &mut Vec<Finding>) {
    for (composite, singles) in INCLUDED {
        let is = |finding: &Finding, id: &Id| finding.rule.as_str() == id.text();
        let mut by_asset: BTreeMap<Asset, Vec<usize>> = BTreeMap::new();
        for (index, finding) in findings.iter().enumerate() {
            if is(finding, composite) {
                for asset in &finding.affected {
                    by_asset.entry(asset.clone()).or_default().push(index);
                }
            }
        }
        if by_asset.is_empty() {
            continue;
        }
        let mut gone: BTreeSet<usize> = BTreeSet::new();
        let mut taken: Vec<(usize, Finding)> = Vec::new();
        for (index, finding) in findings.iter().enumerate() {
            if !singles.iter().any(|id| is(finding, id)) {
                continue;
            }
            let takers = takers(finding, &by_asset, findings);
            if !takers.is_empty() {
                gone.insert(index);
                taken.extend(takers.into_iter().map(|taker| (taker, finding.clone())));
            }
        }
        for (taker, single) in taken {
            if let Some(finding) = findings.get_mut(taker) {
                merge(finding, single);
            }
        }
        let mut index = 0..;
        findings.retain(|_| index.next().is_none_or(|index| !gone.contains(&index)));
    }
}

/// The composites that a single finding is part of.
fn takers(
    single: &Finding,
    by_asset: &BTreeMap<Asset, Vec<usize>>,
    findings: &[Finding],
) -> Vec<usize> {
    let about_it = by_asset.get(&single.asset).into_iter().flatten().copied();
    let about_it = about_it.filter(|index| {
        let composite = findings.get(*index);
        composite.is_some_and(|one| one.asset == single.asset)
    });
    let about_it: Vec<usize> = about_it.collect();
    if !about_it.is_empty() {
        let is_there = |index: &usize| {
            let composite = findings.get(*index);
            composite.is_some_and(|one| one.locus.path == single.locus.path)
        };
        return about_it.into_iter().filter(is_there).collect();
    }
    let broken = single.affected.iter().filter(|one| **one != single.asset);
    let each: Option<Vec<&Vec<usize>>> = broken.map(|one| by_asset.get(one)).collect();
    let all: BTreeSet<usize> = each.iter().flatten().copied().flatten().copied().collect();
    all.into_iter().collect()
}

fn merge(composite: &mut Finding, single: Finding) {
    composite.severity = composite.severity.max(single.severity);
    let claim = Proof::Source(single.locus.span);
    *composite = composite.clone().with_evidence(single.message, claim);
    if composite.asset == single.asset {
        composite.affected.extend(single.affected);
        composite.affected.sort_unstable();
        composite.affected.dedup();
    }
}
