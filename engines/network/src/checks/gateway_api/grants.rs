//! GWA-03 and GWA-04: ReferenceGrants that name no object.
//!
//! A grant for Secrets is judged by what uses it: where a Gateway takes one certificate, that
//! is the one to name.

use super::{Scene, at, text};
use crate::checks::report::Report;
use crate::policy::At;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::gateway_api::{GROUP, spec};
use seawall_model::{Asset, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::BTreeSet;

/// A certificate of another namespace that a listener shows.
struct Borrowed<'s> {
    gateway: &'s Object,
    home: &'s Object,
    namespace: &'s str,
    name: &'s str,
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let borrowed = borrowed(scene);
    for grant in scene.world.of_kind(GROUP, "ReferenceGrant").iter().copied() {
        report.assess_each(&[Id::GWA_03, Id::GWA_04]);
        let Some(spec) = spec(grant) else { continue };
        let from = spec.maps("from").unwrap_or_default();
        for to in spec.maps("to").unwrap_or_default() {
            let kind = to.text("kind").ok().flatten().unwrap_or_default();
            let is_named = to
                .text("name")
                .ok()
                .flatten()
                .is_some_and(|n| !n.is_empty());
            if is_named || kind.is_empty() || from.is_empty() {
                continue;
            }
            let users: Vec<&Borrowed<'_>> = borrowed
                .iter()
                .filter(|one| kind == "Secret" && one.namespace == grant.namespace())
                .filter(|one| from.iter().any(|from| is_of(from.node, one.home)))
                .collect();
            if users.is_empty() {
                everything(grant, &to, kind, &from, report);
            } else {
                for_one(scene, grant, &to, &users, report);
            }
        }
    }
}

/// Whether an entry of `from` speaks of an object.
fn is_of(from: &Node, object: &Object) -> bool {
    let reference = &object.reference;
    text(from, "group").unwrap_or_default() == &*reference.group
        && text(from, "kind") == Some(&*reference.kind)
        && text(from, "namespace") == Some(object.namespace())
}

fn borrowed<'s>(scene: &Scene<'_, 's>) -> Vec<Borrowed<'s>> {
    let mut found = Vec::new();
    for (listener, _) in &scene.listeners {
        let tls = listener.at.node.get("tls");
        let certificates = tls.and_then(|tls| tls.get("certificateRefs")?.as_seq());
        for one in certificates.unwrap_or_default() {
            let named = text(one, "namespace").zip(text(one, "name"));
            let Some((namespace, name)) = named else {
                continue;
            };
            if namespace != listener.home.namespace() {
                found.push(Borrowed {
                    gateway: listener.gateway,
                    home: listener.home,
                    namespace,
                    name,
                });
            }
        }
    }
    found
}

/// GWA-03.
fn for_one(
    scene: &Scene<'_, '_>,
    grant: &Object,
    to: &At<'_>,
    users: &[&Borrowed<'_>],
    report: &mut Report,
) {
    let names: BTreeSet<&str> = users.iter().map(|one| one.name).collect();
    let wanted: Vec<&str> = names.iter().copied().collect();
    let message = format!(
        "all Secrets of {} are lent, of which only {} {} used",
        grant.namespace(),
        wanted.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    );
    let fix = format!("Add name: {} to the entry", wanted.first().unwrap_or(&""));
    let doors = users.iter().map(|one| scene.door(one.gateway));
    let severity = doors
        .map(|door| door.weighed(Severity::Medium))
        .max()
        .unwrap_or(Severity::Medium);
    let affected = users
        .iter()
        .map(|one| Asset::Resource(one.home.reference.clone()));
    let draft = Draft::new(Id::GWA_03, at(to, grant), message, fix)
        .severity(severity)
        .affects(affected);
    report.add(grant, draft);
}

/// GWA-04.
fn everything(grant: &Object, to: &At<'_>, kind: &str, from: &[At<'_>], report: &mut Report) {
    let (severity, what) = match kind {
        "Secret" => (Severity::High, "use every Secret"),
        "ConfigMap" => (Severity::Low, "use every ConfigMap"),
        "Service" => (Severity::Medium, "lead to every Service"),
        _ => (Severity::Medium, "refer to every such object"),
    };
    let whom: BTreeSet<(&str, &str)> = from
        .iter()
        .filter_map(|one| Some((text(one.node, "kind")?, text(one.node, "namespace")?)))
        .collect();
    let Some((first_kind, first_space)) = whom.first() else {
        return;
    };
    let others = match whom.len() {
        1 => String::new(),
        more => format!(" (and {} more)", more - 1),
    };
    let message = format!(
        "every {first_kind} of namespace {first_space}{others} may {what} of {}",
        grant.namespace()
    );
    let fix = format!("Add the name of the {kind} to the entry of spec.to");
    let draft = Draft::new(Id::GWA_04, at(to, grant), message, fix).severity(severity);
    report.add(grant, draft);
}
