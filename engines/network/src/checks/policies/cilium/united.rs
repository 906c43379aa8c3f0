//! CIL-24: a narrow policy beside a wide one of the other kind.
//!
//! Within one kind people see their policies side by side. NetworkPolicies and Cilium's are
//! written by different people, and what one of them allows passes all the same.

use super::super::{Report, Scene, place};
use crate::policy::{Action, Policy, Rule, Tier};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use std::collections::BTreeMap;

/// How many policies of each kind are compared at one pod.
const MOST: usize = 40;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let network = scene.network;
    if !network.policies.all.iter().any(|policy| policy.is_cilium) {
        return;
    }
    for rows in [&network.ingress, &network.egress] {
        // Pods with one row are held by the same policies.
        let mut alike: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (endpoint, row) in rows.of.iter().enumerate() {
            alike.entry(*row).or_default().push(endpoint);
        }
        let mut pairs: BTreeMap<(usize, usize), (&Rule, Vec<usize>)> = BTreeMap::new();
        for endpoints in alike.into_values() {
            let held = endpoints.first().and_then(|first| rows.holding.get(*first));
            let held = held.into_iter().flatten().map(|(index, _)| *index);
            let held = held.filter_map(|index| Some((index, network.policies.all.get(index)?)));
            let held = held.filter(|(_, policy)| policy.tier == Tier::Namespace);
            let (ours, plain): (Vec<_>, Vec<_>) = held.partition(|(_, policy)| policy.is_cilium);
            if ours.is_empty() || plain.is_empty() {
                continue;
            }
            report.assess_each(&[Id::CIL_24]);
            for (one, other) in [(&ours, &plain), (&plain, &ours)] {
                for (wide, opens) in one.iter().take(MOST) {
                    for (narrow, closes) in other.iter().take(MOST) {
                        if let Some(rule) = undone(opens, closes) {
                            let pair = pairs.entry((*wide, *narrow));
                            let (_, all) = pair.or_insert_with(|| (rule, Vec::new()));
                            all.extend(endpoints.iter().copied());
                        }
                    }
                }
            }
        }
        for ((wide, narrow), (rule, endpoints)) in pairs {
            let policies = (
                network.policies.all.get(wide),
                network.policies.all.get(narrow),
            );
            if let (Some(wide), Some(narrow)) = policies {
                tell(scene, wide, narrow, rule, &endpoints, report);
            }
        }
    }
}

/// The rule of a policy that opens everything that another one limits.
fn undone<'p>(opens: &'p Policy<'_>, closes: &Policy<'_>) -> Option<&'p Rule> {
    let allows = |rule: &&Rule| rule.action == Action::Allow && rule.condition.is_none();
    let limits: Vec<&Rule> = closes
        .rules
        .iter()
        .filter(|rule| rule.action == Action::Allow && !rule.parties.is_empty())
        .collect();
    if !closes.isolates || limits.is_empty() {
        return None;
    }
    opens.rules.iter().filter(allows).find(|rule| {
        limits.iter().all(|limit| {
            let is_covered = limit.parties.without(&rule.parties).is_empty()
                && limit.ports.numbers.without(&rule.ports.numbers).is_empty()
                && limit.ports.names.is_empty();
            is_covered && !rule.parties.without(&limit.parties).is_empty()
        })
    })
}

fn tell(
    scene: &Scene<'_, '_>,
    wide: &Policy<'_>,
    narrow: &Policy<'_>,
    rule: &Rule,
    endpoints: &[usize],
    report: &mut Report,
) {
    let message = format!(
        "the rule opens all that {} limits, and more: beside it that policy has no effect on {}",
        narrow.object.reference,
        scene.names(endpoints)
    );
    let fix = "Narrow the rule, or remove the policy that does nothing".to_owned();
    let draft = Draft::new(Id::CIL_24, place(&rule.pointer, rule.span), message, fix)
        .severity(scene.weighed(Severity::Medium, endpoints))
        .affects(scene.assets(endpoints))
        .evidence(
            "the other policy",
            Proof::Object(narrow.object.reference.clone()),
        );
    report.add(wide.object, draft.maybe(scene.exposure_claim(endpoints)));
}
