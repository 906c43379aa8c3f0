//! NP rules about policies of administrators.

mod written;

use super::network_policies::holds;
use super::{Report, Scene, place};
use crate::policy::{Action, Direction, Policy, Rule, Tier};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;

const GROUP: &str = "policy.networking.k8s.io";

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let world = scene.network.world();
    let new = world.of_kind(GROUP, "ClusterNetworkPolicy");
    let old = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"];
    let old: Vec<_> = old
        .iter()
        .flat_map(|kind| world.of_kind(GROUP, kind))
        .collect();
    if !new.is_empty() || !old.is_empty() {
        report.assess_each(&[Id::NP_14]);
    }
    if let (Some(first), Some(other)) = (old.first(), new.first()) {
        let message =
            "policies of both versions of the API are here: a network plugin knows one".to_owned();
        let fix = "Rewrite the policy as a ClusterNetworkPolicy".to_owned();
        let draft = Draft::new(Id::NP_14, place("", first.name_span), message, fix);
        let claim = format!("{} is of the newer version", other.reference);
        report.add(first, draft.evidence(claim, holds(other)));
    }
    let ranked: Vec<&Policy<'_>> = scene
        .network
        .policies
        .all
        .iter()
        .filter(|policy| policy.tier != Tier::Namespace)
        .collect();
    for policy in &ranked {
        report.assess_each(&[Id::NP_15, Id::NP_16, Id::NP_17]);
        for rule in &policy.rules {
            overrides(scene, policy, rule, report);
            passed_on(scene, policy, rule, report);
        }
    }
    equal(scene, &ranked, report);
    for kind in [
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "ClusterNetworkPolicy",
    ] {
        for object in world.of_kind(GROUP, kind).iter().copied() {
            written::check(object, report);
        }
    }
}

/// NP-15: an Accept of the first tier for everyone, which no namespace can take back.
fn overrides(scene: &Scene<'_, '_>, policy: &Policy<'_>, rule: &Rule, report: &mut Report) {
    if policy.tier != Tier::Admin || rule.action != Action::Allow || rule.condition.is_some() {
        return;
    }
    let places = &scene.network.places;
    let mut pods = places.none();
    for endpoint in (0..places.endpoints()).filter(|e| !places.hosts.has(*e)) {
        pods.insert(endpoint);
    }
    let everyone = pods.without(&rule.parties).is_empty() || {
        let outside = places.internet.without(&rule.parties);
        outside.is_empty()
    };
    // Policies of namespaces that it takes the effect from.
    let rows = match policy.direction {
        Direction::Ingress => &scene.network.ingress,
        Direction::Egress => &scene.network.egress,
    };
    let overridden: Vec<usize> = policy
        .subjects
        .iter()
        .copied()
        .filter(|subject| {
            let held = rows.holding.get(*subject).into_iter().flatten();
            let mut held = held.filter_map(|(index, _)| scene.network.policies.all.get(*index));
            held.any(|other| other.tier == Tier::Namespace && other.isolates)
        })
        .collect();
    if !everyone || overridden.is_empty() {
        return;
    }
    let message = format!(
        "everyone is accepted before policies of namespaces are asked: those that hold {} have \
         no effect here",
        scene.names(&overridden)
    );
    let fix = "Use Pass to leave it to the namespaces, or name the peers and ports".to_owned();
    let whole = rule.ports.numbers.is_all();
    let severity = if whole {
        Severity::High
    } else {
        Severity::High.lowered()
    };
    let draft = Draft::new(Id::NP_15, place(&rule.pointer, rule.span), message, fix)
        .severity(scene.weighed(severity, &overridden))
        .affects(scene.assets(&overridden));
    report.add(
        policy.object,
        draft.maybe(scene.exposure_claim(&overridden)),
    );
}

/// NP-17: traffic is passed on, and behind the tier nothing decides.
fn passed_on(scene: &Scene<'_, '_>, policy: &Policy<'_>, rule: &Rule, report: &mut Report) {
    if policy.tier != Tier::Admin || rule.action != Action::Pass {
        return;
    }
    let rows = match policy.direction {
        Direction::Ingress => &scene.network.ingress,
        Direction::Egress => &scene.network.egress,
    };
    let open: Vec<usize> = policy
        .subjects
        .iter()
        .copied()
        .filter(|subject| {
            let held = rows.holding.get(*subject).into_iter().flatten();
            let mut held = held.filter_map(|(index, _)| scene.network.policies.all.get(*index));
            !held.any(|other| {
                let denies = other.rules.iter().any(|rule| rule.action == Action::Deny);
                match other.tier {
                    Tier::Namespace => other.isolates,
                    Tier::Baseline => denies,
                    Tier::Admin => false,
                }
            })
        })
        .collect();
    if open.is_empty() {
        return;
    }
    let message = format!(
        "what is passed on is open for {}: neither a policy of the namespace nor the baseline \
         decides it",
        scene.names(&open)
    );
    let fix = "Add a baseline that denies by default".to_owned();
    let draft = Draft::new(Id::NP_17, place(&rule.pointer, rule.span), message, fix)
        .severity(scene.weighed(Severity::Medium, &open))
        .affects(scene.assets(&open));
    report.add(policy.object, draft.maybe(scene.exposure_claim(&open)));
}

/// NP-16: policies of one tier and priority that say different things of one connection.
fn equal(scene: &Scene<'_, '_>, ranked: &[&Policy<'_>], report: &mut Report) {
    for (index, one) in ranked.iter().enumerate() {
        for other in ranked.iter().skip(index + 1) {
            let alike = one.tier == other.tier
                && one.priority == other.priority
                && one.direction == other.direction;
            let both: Vec<usize> = one
                .subjects
                .iter()
                .copied()
                .filter(|subject| alike && other.subjects.contains(subject))
                .collect();
            let clash = one.rules.iter().find(|rule| {
                other.rules.iter().any(|against| {
                    rule.action != against.action
                        && rule.parties.meets(&against.parties)
                        && rule.ports.numbers.meets(&against.ports.numbers)
                })
            });
            let Some(rule) = clash.filter(|_| !both.is_empty()) else {
                continue;
            };
            let message = format!(
                "{} has the same priority {} and says otherwise for {}: which one counts is not \
                 defined",
                other.object.reference,
                one.priority,
                scene.names(&both)
            );
            let fix = "Give each policy of a tier its own priority".to_owned();
            let draft = Draft::new(Id::NP_16, place(&rule.pointer, rule.span), message, fix)
                .affects(scene.assets(&both))
                .evidence("the other policy", holds(other.object));
            report.add(one.object, draft);
        }
    }
}
