//! Rules about what a policy does at ports that do not carry requests: IST-AZ-16, 17, 38.
//!
//! Only sidecars are looked at: ztunnel has rules of its own, and what a gateway takes for
//! requests its Gateway says.

use super::super::super::{Report, get, place, weighed};
use super::super::coverage::{names, point};
use super::super::{Scene, Subject};
use super::Of;
use crate::checks::meshes::Outsider;
use crate::istio::authorization::{Action, Check, Clause, Key, Policy, Rule};
use crate::istio::membership::Place;
use crate::istio::ports::{MeshPort, Protocol};
use crate::reach;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_yaml::Node;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Whether nobody gets in at a raw port, by the set of policies and the port: many policies
/// ask the same.
pub(super) type Closed = RefCell<HashMap<(usize, u16), bool>>;

pub(super) fn check<'w, 's>(
    scene: &Scene<'w, 's>,
    of: &Of<'_, 'w, 's>,
    known: &Closed,
    report: &mut Report,
) {
    if of.policy.is_dry_run {
        return;
    }
    match of.policy.action {
        Action::Deny => wider(scene, of, report),
        Action::Allow => dropped(scene, of, known, report),
        Action::Custom(_) | Action::Audit => {}
    }
}

fn asks_for_requests(rule: &Rule) -> bool {
    rule.checks()
        .any(|check| check.key.is_http() && check.asks())
}

/// Whether a rule is for a port, by all that it says about ports.
fn is_for(rule: &Rule, port: u16) -> bool {
    let number = port.to_string();
    let fits = |check: &Check| {
        let is = |words: &[crate::istio::authorization::Word]| {
            words.iter().any(|word| *word.text == *number)
        };
        check.key != Key::Ports
            || (check.values.is_empty() || is(&check.values)) && !is(&check.not_values)
    };
    let all_fit = |clause: &Clause| clause.checks.iter().all(fits);
    (rule.to.is_empty() || rule.to.iter().any(all_fit)) && rule.when.iter().all(all_fit)
}

/// Ports of a subject that surely carry bytes, and that a Service leads to.
fn raw_ports<'a, 's>(
    scene: &'a Scene<'_, 's>,
    subject: &'a Subject<'_, 's>,
) -> impl Iterator<Item = &'a MeshPort<'s>> {
    let membership = scene.istio.membership(subject.id);
    let sees = move |port: &&MeshPort<'_>| {
        membership.is_some_and(|one| one.enforces(port.number)) && !port.services.is_empty()
    };
    let is_raw = |port: &&MeshPort<'_>| port.protocol == Protocol::Tcp;
    let is_sidecar = subject.place == Place::Sidecar;
    let ports = subject.ports.iter().filter(move |_| is_sidecar);
    ports.filter(is_raw).filter(sees)
}

/// IST-AZ-16: what is left of a refusal when requests are left out.
fn wider<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    for (index, rule) in of.policy.rules.iter().enumerate() {
        if !asks_for_requests(rule) {
            continue;
        }
        let hit = |s: &&Subject<'_, '_>| raw_ports(scene, s).any(|port| is_for(rule, port.number));
        let hit: Vec<&Subject<'_, '_>> = of.subjects.iter().copied().filter(hit).collect();
        let first = hit.first().and_then(|s| {
            let port = raw_ports(scene, s).find(|port| is_for(rule, port.number))?;
            Some(port.number)
        });
        let Some(port) = first else { continue };
        let message = format!(
            "at port {port} of {} rule {} loses what it asks of requests and refuses all that is \
             left",
            names(&hit),
            index + 1
        );
        let fix = "Set ports in the rule to those of requests".to_owned();
        let draft = Draft::new(Id::IST_AZ_16, of.at_rule(index, rule), message, fix)
            .affects(hit.iter().map(|subject| subject.asset()));
        report.add(of.policy.object, draft);
    }
}

/// IST-AZ-17: where every rule that could let somebody in is dropped.
fn dropped<'w, 's>(
    scene: &Scene<'w, 's>,
    of: &Of<'_, 'w, 's>,
    known: &Closed,
    report: &mut Report,
) {
    let rules = of.policy.rules.iter().enumerate();
    let asking: Vec<_> = rules.filter(|(_, rule)| asks_for_requests(rule)).collect();
    if asking.is_empty() {
        return;
    }
    let lets_in = |policy: &Policy<'_>, port: u16| {
        let mut rules = policy.rules.iter();
        let is_enforced = policy.action == Action::Allow && !policy.is_dry_run;
        is_enforced && rules.any(|rule| !asks_for_requests(rule) && is_for(rule, port))
    };
    let closed = |s: &Subject<'_, 's>, port: u16| {
        let key = (s.policies, port);
        if let Some(known) = known.borrow().get(&key) {
            return *known;
        }
        let mut others = scene.istio.policies.attached(point(s));
        let is_closed = !others.any(|other| lets_in(other, port));
        known.borrow_mut().insert(key, is_closed);
        is_closed
    };
    for (index, rule) in asking {
        let at = |s: &Subject<'_, 's>| {
            let mut ports = raw_ports(scene, s).map(|port| port.number);
            ports.find(|port| is_for(rule, *port) && closed(s, *port))
        };
        let hit: Vec<&Subject<'_, '_>> = of
            .subjects
            .iter()
            .copied()
            .filter(|s| at(s).is_some())
            .collect();
        let Some(port) = hit.first().and_then(|s| at(s)) else {
            continue;
        };
        let message = format!(
            "port {port} of {} carries bytes: rule {} is dropped there, and nobody gets in",
            names(&hit),
            index + 1
        );
        let fix = format!(
            "Add a rule with ports: [\"{port}\"] and sources only, or name the port in the Service \
             as what it carries"
        );
        let draft = Draft::new(Id::IST_AZ_17, of.at_rule(index, rule), message, fix)
            .affects(hit.iter().map(|subject| subject.asset()));
        report.add(of.policy.object, draft);
        // Where one is dropped the others are, too: one is enough to say so.
        return;
    }
}

/// IST-AZ-38: ports that no proxy sees, of pods that policies are for. One finding per policy,
/// at the first one that is for the pods by name, else the first.
pub(super) fn unseen_ports(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut found: BTreeMap<usize, Vec<(&Subject<'_, '_>, Outsider, String)>> = BTreeMap::new();
    for subject in scene.meshed() {
        let ports = other_ports(subject);
        if ports.is_empty() {
            continue;
        }
        let policies = &scene.istio.policies;
        let places: Vec<usize> = policies.places(point(subject)).collect();
        let of = |place: &usize| policies.all.get(*place);
        let is_held =
            |place: &&usize| of(place).is_some_and(|p| !p.is_dry_run && p.action != Action::Audit);
        let mut held = places.iter().filter(is_held);
        let by_name = held
            .clone()
            .find(|place| of(place).is_some_and(|policy| policy.selector.is_some()));
        let Some(place) = by_name.or_else(|| held.next()) else {
            continue;
        };
        report.assess(&[Id::IST_AZ_38], 1);
        let open = ports.into_iter().map(|(protocol, port)| {
            let outsider = scene.outsiders.at(subject.id, protocol, port);
            (outsider, format!("{port}/{}", protocol.name()))
        });
        let open = open.filter(|(outsider, _)| *outsider != Outsider::Nobody);
        let worst = open.max_by_key(|(outsider, _)| matches!(outsider, Outsider::Internet));
        if let Some((outsider, port)) = worst {
            let all = found.entry(*place).or_default();
            all.push((subject, outsider, port));
        }
    }
    for (place_of, hit) in found {
        let Some(policy) = scene.istio.policies.all.get(place_of) else {
            continue;
        };
        let Some((first, _, port)) = hit.first() else {
            continue;
        };
        let outsider = super::super::strongest(hit.iter().map(|(_, outsider, _)| outsider.clone()));
        let message = format!(
            "port {port} of {} is past the proxy: the {} policy does not hold there",
            first.endpoint.workload.owner.name,
            policy.action.name()
        );
        let fix = "Let a network policy admit only the clients of that port".to_owned();
        let span = get(policy.object, &["spec", "selector"]).map(|node: &Node| node.span);
        let locus = place(policy.object, "/spec/selector", span);
        let draft = Draft::new(Id::IST_AZ_38, locus, message, fix)
            .severity(weighed(Severity::Medium, &outsider))
            .affects(hit.iter().map(|(subject, ..)| subject.asset()));
        report.add(policy.object, draft);
    }
}

/// Declared ports of other protocols than TCP.
fn other_ports(subject: &Subject<'_, '_>) -> Vec<(reach::Protocol, u16)> {
    let mut ports = subject.endpoint.declared_ports();
    ports.retain(|(protocol, _)| *protocol != reach::Protocol::Tcp);
    ports
}
