//! Rules that mean something else than they seem to, by what the words stand for and by the
//! release that reads them: IST-AZ-19, 23, 30, 33, 35, 37.

use super::super::super::{Report, get};
use super::super::ambient::uses_waypoint;
use super::super::bulletins;
use super::super::coverage::{has_policy, names};
use super::super::{Scene, Subject};
use super::Of;
use crate::istio::authorization::{Action, Check, Key, Policy, Rule, Word};
use crate::istio::membership::Place;
use crate::istio::mesh::{Part, Version};
use crate::reach::{Cidr, NOT_PUBLIC};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_yaml::Node;

pub(super) fn check<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    addresses(scene, of, report);
    audit(scene, of, report);
    accounts(scene, of, report);
    old_release(scene, of, report);
    fragile(of, report);
}

fn checks<'a>(of: &'a Of<'_, '_, '_>) -> impl Iterator<Item = &'a Check> {
    of.policy.rules.iter().flat_map(Rule::checks)
}

fn draft(of: &Of<'_, '_, '_>, id: Id, word: &Word, message: String, fix: &str) -> Draft {
    Draft::new(id, of.at_word(word), message, fix.to_owned()).affects(of.assets())
}

/// IST-AZ-19: whose address it is that opens the connection.
fn addresses<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    let mut all = checks(of).filter(|check| check.key == Key::IpBlocks);
    let Some(word) = all.find_map(Check::first_word) else {
        return;
    };
    let words = checks(of).filter(|check| check.key == Key::IpBlocks);
    let is_public = words
        .flat_map(|check| check.values.iter().chain(&check.not_values))
        .any(|word| is_public(&word.text));
    let hit = of.subjects.iter().copied().find_map(|subject| {
        let what = match subject.place {
            Place::Gateway if is_behind_balancer(scene, subject) => {
                "a node or load balancer stands in front of"
            }
            Place::Sidecar if is_public && scene.gates.is_routed(subject) => {
                "a gateway stands in front of"
            }
            Place::Ambient if uses_waypoint(scene, subject) => "a waypoint stands in front of",
            _ => return None,
        };
        Some((subject, what))
    });
    let Some((subject, what)) = hit else { return };
    let message = format!(
        "{what} {}: the address that is compared with {} is the same for every client",
        subject.endpoint.workload.owner.name, word.text
    );
    let fix = match subject.place {
        Place::Gateway => {
            "Set externalTrafficPolicy: Local where the load balancer keeps addresses, else use \
             remoteIpBlocks with an exact numTrustedProxies"
        }
        _ => "Compare addresses at the gateway, and ask for principals here",
    };
    report.add(
        of.policy.object,
        draft(of, Id::IST_AZ_19, word, message, fix),
    );
}

fn is_public(text: &str) -> bool {
    let Some(block) = Cidr::read_loosely(text) else {
        return false;
    };
    let mut inside = NOT_PUBLIC.into_iter().filter_map(Cidr::read);
    !block.is_everything() && !inside.any(|range| range.holds(block))
}

/// Whether all that a gateway's pods see are addresses of nodes: no Service of theirs keeps
/// the client's, and no load balancer tells it.
fn is_behind_balancer(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> bool {
    let keeps = |key: &&seawall_snapshot::Object| {
        let policy = get(key, &["spec", "externalTrafficPolicy"]);
        policy.and_then(Node::as_str) == Some("Local")
    };
    let is_outer = |service: &&&seawall_snapshot::Object| {
        let kind = get(service, &["spec", "type"]).and_then(Node::as_str);
        matches!(kind, Some("LoadBalancer" | "NodePort"))
    };
    let mut outer = subject.services.iter().filter(is_outer).copied().peekable();
    let path = ["defaultConfig", "gatewayTopology", "proxyProtocol"];
    let mut configs = scene.istio.mesh.configs.iter();
    let by_mesh = configs.any(|config| config.get(&path).is_some());
    let own = subject.endpoint.annotation("proxy.istio.io/config");
    let by_pod = own.is_some_and(|field| field.value.contains("proxyProtocol"));
    outer.peek().is_some() && !by_mesh && !by_pod && !outer.any(|service| keeps(&service))
}

/// IST-AZ-23: what only writes down, where nothing else refuses.
fn audit<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    if of.policy.action != Action::Audit {
        return;
    }
    let is_enforced = |other: &Policy<'_>| other.action != Action::Audit;
    // ztunnel ignores it as a whole, which another rule says.
    let bare =
        |s: &&Subject<'_, '_>| s.place != Place::Ambient && !has_policy(scene, s, is_enforced);
    let bare: Vec<&Subject<'_, '_>> = of.subjects.iter().copied().filter(bare).collect();
    if bare.is_empty() {
        return;
    }
    let message = format!(
        "the policy only writes down who calls {}, and no other policy is for it",
        names(&bare)
    );
    let fix = "Add policies with ALLOW for its callers".to_owned();
    let locus = super::super::super::place(
        of.policy.object,
        "/spec/action",
        Some(of.policy.action_span),
    );
    let draft = Draft::new(Id::IST_AZ_23, locus, message, fix)
        .affects(bare.iter().map(|subject| subject.asset()));
    report.add(of.policy.object, draft);
}

/// IST-AZ-30 and 37: which service account a word means.
fn accounts<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    let root = &*scene.istio.mesh.root_namespace;
    let words = checks(of).filter(|check| check.key == Key::ServiceAccounts);
    let words = words.flat_map(|check| check.values.iter().chain(&check.not_values));
    let words: Vec<&Word> = words.collect();
    let short = words.iter().find(|word| !word.text.contains('/'));
    if let Some(word) = short.filter(|_| of.policy.namespace() == root) {
        let message = format!("{0} is the service account {root}/{0} here", word.text);
        let fix = "Write the namespace before it, with a slash";
        report.add(
            of.policy.object,
            draft(of, Id::IST_AZ_30, word, message, fix),
        );
    }
    let dotted = words.iter().find(|word| {
        let name = word.text.rsplit('/').next().unwrap_or_default();
        name.contains('.')
    });
    let Some(word) = dotted else { return };
    let has_hole = |version: &Version| {
        let mut known = bulletins::of(Part::Pilot, *version);
        known.any(|one| one.id == "ISTIO-SECURITY-2026-003")
    };
    let Some(version) = versions(scene, Part::Pilot).find(has_hole) else {
        return;
    };
    let other = word.text.replace('.', "-");
    let message = format!(
        "Istio {version} takes the dot of {} for any letter: {other} fits, too (CVE-2026-39350)",
        word.text
    );
    let fix = "Update Istio, or write principals";
    report.add(
        of.policy.object,
        draft(of, Id::IST_AZ_37, word, message, fix),
    );
}

fn versions(scene: &Scene<'_, '_>, part: Part) -> impl Iterator<Item = Version> {
    let all = scene.istio.mesh.components.iter();
    let all = all.filter(move |one| one.part == part);
    all.filter_map(|one| one.version)
}

/// IST-AZ-33: releases that do not know the field.
fn old_release<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    let Some(target) = of.policy.targets.first() else {
        return;
    };
    let old = |version: &Version| version.major == 1 && version.minor < 22;
    let Some(version) = versions(scene, Part::Pilot).find(old) else {
        return;
    };
    if of.policy.object.label("istio.io/rev").is_some() {
        return;
    }
    let message = format!(
        "Istio {version} does not know targetRefs: to it the {} policy is for all pods of {}",
        of.policy.action.name(),
        of.policy.namespace()
    );
    let fix = "Update Istio, or pin the policy to a newer revision (label istio.io/rev)".to_owned();
    let locus = super::super::super::place(of.policy.object, "/spec/targetRefs", Some(target.span));
    let draft = Draft::new(Id::IST_AZ_33, locus, message, fix);
    report.add(of.policy.object, draft);
}

/// IST-AZ-35.
fn fragile(of: &Of<'_, '_, '_>, report: &mut Report) {
    let mut all = checks(of)
        .filter(|check| matches!(check.key, Key::ServerName | Key::Filter(_)) && check.asks());
    let Some((check, word)) = all.find_map(|check| Some((check, check.first_word()?))) else {
        return;
    };
    let message = format!(
        "the rule depends on {}, which not every proxy and release understands",
        check.field
    );
    let fix = "Ask for identities, paths or claims instead";
    let draft = draft(of, Id::IST_AZ_35, word, message, fix).severity(Severity::Low);
    report.add(of.policy.object, draft);
}
