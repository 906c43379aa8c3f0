//! NP-18 and NP-19: policies of administrators that the cluster takes otherwise than they are
//! written.

use super::super::{Report, place};
use crate::policy::{At, Direction};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_snapshot::Object;

/// Fields that name a peer.
const PEERS: [&str; 5] = ["namespaces", "pods", "nodes", "networks", "domainNames"];

pub(super) fn check(object: &Object, report: &mut Report) {
    report.assess_each(&[Id::NP_18, Id::NP_19]);
    let spec = object
        .body()
        .map(At::root)
        .and_then(|root| root.map("spec").ok()?);
    let Some(spec) = spec else { return };
    let is_new = &*object.reference.kind == "ClusterNetworkPolicy";
    let most = if is_new { 25 } else { 100 };
    let mut told = false;
    for direction in Direction::ALL {
        let key = match direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let mut lists: Vec<(At<'_>, &str, usize)> = Vec::new();
        lists.extend(
            spec.get(direction.name())
                .map(|at| (at, direction.name(), most)),
        );
        for rule in spec.maps(direction.name()).unwrap_or_default() {
            for key in [key, "protocols", "ports"] {
                lists.extend(rule.get(key).map(|at| (at, key, most)));
            }
            for peer in rule.maps(key).unwrap_or_default() {
                for key in ["networks", "domainNames"] {
                    lists.extend(peer.get(key).map(|at| (at, key, 25)));
                }
                unknown(object, &rule, &peer, report);
                if is_new {
                    experimental(object, &peer, report);
                }
            }
        }
        for (at, name, most) in lists {
            let length = at.node.as_seq().unwrap_or_default().len();
            if length > most && !told {
                told = true;
                too_long(object, &at, name, length, most, report);
            }
        }
    }
}

/// NP-18.
fn unknown(object: &Object, rule: &At<'_>, peer: &At<'_>, report: &mut Report) {
    if PEERS.iter().any(|key| peer.get(key).is_some()) {
        return;
    }
    let accepts = matches!(rule.text("action").ok().flatten(), Some("Accept" | "Allow"));
    let does = if accepts {
        "the rule accepts nothing"
    } else {
        "the rule denies everything"
    };
    let message = format!("the peer has no field that is known: {does}");
    let fix = format!("Name one of {}", PEERS.join(", "));
    let draft = Draft::new(Id::NP_18, place(&peer.pointer, peer.span()), message, fix);
    report.add(object, draft);
}

/// NP-19: fields that the standard definitions do not have.
fn experimental(object: &Object, peer: &At<'_>, report: &mut Report) {
    let at = ["nodes", "domainNames"]
        .into_iter()
        .find_map(|key| Some((key, peer.get(key)?)));
    let Some((key, at)) = at else { return };
    let message = format!(
        "{key} is in the experimental definitions only: with the standard ones the peer is unknown"
    );
    let fix = "Install the experimental definitions, or name networks".to_owned();
    let draft = Draft::new(Id::NP_19, place(&at.pointer, at.span()), message, fix);
    report.add(object, draft.severity(Severity::Info));
}

/// NP-19: lists that the API server refuses.
fn too_long(
    object: &Object,
    at: &At<'_>,
    name: &str,
    length: usize,
    most: usize,
    report: &mut Report,
) {
    let message =
        format!("{name} has {length} items, the API server takes {most}: the policy is refused");
    let fix = "Split it into several policies".to_owned();
    let draft = Draft::new(Id::NP_19, place(&at.pointer, at.span()), message, fix);
    report.add(object, draft);
}
