//! What pods bring along that decides how they are called and who they are: IST-TLS-13, 23,
//! 27.

use super::super::{Report, count, place, weighed};
use super::capture::metadata_locus;
use super::coverage::names;
use super::{Scene, Subject};
use crate::istio::authorization::{Key, Rule, Word};
use crate::istio::membership::Place;
use crate::istio::peer_authentication::Mode;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use std::collections::{BTreeMap, HashMap};

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let sidecars = scene.subjects.iter().filter(|s| s.place == Place::Sidecar);
    for subject in sidecars {
        report.assess_each(&[Id::IST_TLS_13, Id::IST_TLS_27]);
        told_plaintext(scene, subject, report);
        server_first(scene, subject, report);
    }
    shared_accounts(scene, report);
}

const TLS_MODE: &str = "security.istio.io/tlsMode";

/// IST-TLS-13.
fn told_plaintext(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let Some(value) = subject.endpoint.label(TLS_MODE).filter(|v| *v != "istio") else {
        return;
    };
    let ports: Vec<u16> = subject.ports.iter().map(|port| port.number).collect();
    let (severity, effect) = if subject.lax.is_empty() {
        (Severity::Low, "the pods refuse that, so calls fail")
    } else {
        let outsider = scene.outsider(subject, &ports);
        (
            weighed(Severity::Medium, &outsider).max(Severity::Medium),
            "calls go unencrypted and without an identity",
        )
    };
    let message = format!("clients speak plaintext to the pods (tlsMode: {value}): {effect}");
    let fix = format!("Remove the label {TLS_MODE}");
    let locus = metadata_locus(subject, "labels", TLS_MODE, None);
    let draft = Draft::new(Id::IST_TLS_13, locus, message, fix).severity(severity);
    report.add_to(subject.asset(), draft);
}

/// Ports of protocols in which the server speaks first.
const SERVER_FIRST: [(u16, &str); 8] = [
    (21, "FTP"),
    (22, "SSH"),
    (25, "SMTP"),
    (110, "POP3"),
    (143, "IMAP"),
    (587, "SMTP"),
    (3306, "MySQL"),
    (4222, "NATS"),
];

/// IST-TLS-27: a proxy that takes both waits for the client.
fn server_first(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let sees = |port: u16| {
        let membership = scene.istio.membership(subject.id);
        membership.is_some_and(|one| one.inbound.sees(port))
    };
    let waits = |port: u16| {
        let peers = &scene.istio.peer_authentications;
        let labels = &subject.endpoint.template.labels;
        let mode = peers.for_labels(subject.namespace, labels, subject.place, port);
        mode.worst().0 == Mode::Permissive && sees(port)
    };
    for port in &subject.ports {
        let known = SERVER_FIRST.iter().find(|(one, _)| *one == port.number);
        let Some((number, protocol)) = known.filter(|(number, _)| waits(*number)) else {
            continue;
        };
        // Without a Service it is called by its address, if at all.
        let Some(service) = port.services.first() else {
            continue;
        };
        let message = format!(
            "the proxy waits at port {number} for the client's first bytes to tell TLS from \
             plaintext; in {protocol} the server speaks first"
        );
        let fix = format!(
            "Set the mode of port {number} to STRICT, and name the port tcp in Service {}",
            service.reference.name
        );
        let locus = place(service, "/spec/ports", None);
        let draft = Draft::new(Id::IST_TLS_27, locus, message, fix).affects([subject.asset()]);
        report.add(service, draft);
    }
}

/// IST-TLS-23: workloads of a namespace that have one identity.
fn shared_accounts(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut spaces: BTreeMap<&str, Vec<&Subject<'_, '_>>> = BTreeMap::new();
    for subject in scene.meshed() {
        let space = spaces.entry(subject.namespace).or_default();
        let account = subject.endpoint.template.service_account();
        let owner = &subject.endpoint.workload.owner;
        let is_known = |s: &&Subject<'_, '_>| s.endpoint.workload.owner == *owner;
        if matches!(account, "" | "default") && !space.iter().any(is_known) {
            space.push(subject);
        }
    }
    report.assess(&[Id::IST_TLS_23], spaces.len());
    let naming = naming(scene);
    for (namespace, sharing) in spaces {
        let Some(first) = sharing.first().filter(|_| sharing.len() > 1) else {
            continue;
        };
        let named = naming.get(namespace).copied();
        // Where no policy names it nobody gets more by it, yet.
        let severity = if named.is_some() {
            Severity::Medium
        } else {
            Severity::Low
        };
        let message = format!(
            "{} of {namespace} have the identity {namespace}/default: no policy can tell them \
             apart ({})",
            count(sharing.len(), "workload"),
            names(&sharing)
        );
        let fix = "Give each its own serviceAccountName".to_owned();
        let space = scene.world.namespace(namespace);
        let object = space.and_then(|id| scene.world.namespace_at(id)?.object);
        let object = object.unwrap_or(first.endpoint.object);
        let draft = Draft::new(Id::IST_TLS_23, place(object, "", None), message, fix)
            .severity(severity)
            .maybe(named.map(|(name, word)| {
                let note = format!("policy {name} is about that identity");
                (note, Proof::Source(word.span))
            }))
            .affects(sharing.iter().map(|subject| subject.asset()));
        report.add(object, draft);
    }
}

/// Policies that name the default account of a namespace, by namespace: the first one of each.
fn naming<'a>(scene: &'a Scene<'_, '_>) -> HashMap<&'a str, (&'a str, &'a Word)> {
    let mut found = HashMap::new();
    for policy in &scene.istio.policies.all {
        for check in policy.rules.iter().flat_map(Rule::checks) {
            for word in check.values.iter().chain(&check.not_values) {
                let space = match check.key {
                    Key::Principals => {
                        let account = word.text.rsplit_once("/ns/").map(|(_, rest)| rest);
                        account.and_then(|rest| rest.strip_suffix("/sa/default"))
                    }
                    Key::ServiceAccounts if &*word.text == "default" => Some(policy.namespace()),
                    Key::ServiceAccounts => word.text.strip_suffix("/default"),
                    _ => None,
                };
                if let Some(space) = space {
                    found.entry(space).or_insert((policy.name(), word));
                }
            }
        }
    }
    found
}
