//! A. Ways in: what meets the internet, and applications that do what they are told.

pub(super) mod components;
mod leaked;

use super::Row;
use crate::apps::{self, Door};
use crate::graph::{Because, Ease, Needs, Place};
use crate::picture::Picture;
use crate::spot::{Effect, PlaceId, Scope, Spot, WorkloadId};
use crate::techniques::Id;
use crate::{Config, Facts};
use seawall_model::{Fact, ResourceRef, Span};

ascent::ascent! {
    /// Who gets in from where.
    struct Entries;
    relation exposed(WorkloadId, Id, PlaceId);
    /// The application does what anybody tells it; what that gives, and what shows it.
    relation open_app(WorkloadId, Spot, PlaceId);
    /// A component of the cluster that asks nobody who they are.
    relation opening(Id, Spot, Spot, PlaceId);
    /// A connection between two workloads, by its place among the callers.
    relation connects(WorkloadId, WorkloadId, u32);
    relation step(Id, Needs, Spot, Ease, Because);

    // ENTRY_LB, ENTRY_INGRESS, ENTRY_NODEPORT, ENTRY_HOSTNET.
    step(*technique, Needs::one(Spot::Internet), Spot::Door(*workload), Ease::Easy, Because::Place(*place)) <--
        exposed(workload, technique, place);

    // ENTRY_UNAUTH_APP: known by its image and its settings.
    step(Id::ENTRY_UNAUTH_APP, Needs::one(Spot::Door(*workload)), *gives, Ease::Easy, Because::Place(*place)) <--
        open_app(workload, gives, place);

    // ENTRY_KUBELET_ANON, ENTRY_ETCD_OPEN: known by the components' own settings.
    step(*technique, Needs::one(*needs), *gives, Ease::Easy, Because::Place(*place)) <--
        opening(technique, needs, gives, place);

    // ENTRY_VULN_RCE: any application that anybody can send to may have a flaw.
    step(Id::ENTRY_VULN_RCE, Needs::one(Spot::Door(*workload)), Spot::Workload(*workload), Ease::Lucky, Because::Nature) <--
        exposed(workload, _, _);

    // NET_LATERAL: what the network engine lets through, to those whom it matters to reach.
    step(Id::NET_LATERAL, Needs::one(Spot::Workload(*from)), Spot::Door(*to), Ease::Easy, Because::Network(*caller)) <--
        connects(from, to, caller);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, facts: &Facts<'_>, config: &Config) -> Vec<Row> {
    let mut rules = Entries {
        exposed: exposed(picture),
        open_app: open_apps(picture),
        ..Entries::default()
    };
    picture.mark_jewels(config);
    for (workload, gives, _) in &rules.open_app {
        // Data leads no further.
        if !matches!(gives, Spot::Effect(..)) {
            picture.worth.insert(*workload);
        }
    }
    let openings = components::openings(picture, facts).into_iter();
    rules.opening = openings
        .map(|one| (one.technique, one.needs, one.gives, one.place))
        .collect();
    leaked::note(picture);
    rules.connects = connections(picture, facts);
    rules.run();
    rules.step
}

fn exposed(picture: &mut Picture<'_>) -> Vec<(WorkloadId, Id, PlaceId)> {
    let mut all = Vec::new();
    for fact in picture.facts {
        let Fact::Exposed {
            workload,
            protocol,
            port,
            entry,
            links,
            ..
        } = fact
        else {
            continue;
        };
        let Some(id) = picture.workload(workload) else {
            continue;
        };
        let technique = technique(entry, links);
        let last = links.last();
        let (object, span) = last.map_or_else(
            || (workload.clone(), Span::NONE),
            |(object, span)| (object.clone(), *span),
        );
        let note = format!("{object} publishes {protocol} {port} of {workload}");
        let place = picture.place(Place {
            note: note.into(),
            object,
            span,
            mend: None,
        });
        all.push((id, technique, place));
    }
    all
}

fn technique(entry: &str, links: &[(ResourceRef, Span)]) -> Id {
    let is_route = |(object, _): &(ResourceRef, Span)| {
        let kind = &*object.kind;
        matches!(kind, "Ingress" | "Gateway" | "VirtualService") || kind.ends_with("Route")
    };
    if links.iter().any(is_route) {
        return Id::ENTRY_INGRESS;
    }
    match entry {
        "port of every node" | "port of the node" | "external address" => Id::ENTRY_NODEPORT,
        "network of the node" => Id::ENTRY_HOSTNET,
        _ => Id::ENTRY_LB,
    }
}

fn open_apps(picture: &mut Picture<'_>) -> Vec<(WorkloadId, Spot, PlaceId)> {
    let workloads = picture.workload_ids();
    let found = workloads.filter_map(|(id, workload)| {
        let (door, place) = apps::open_to_anybody(workload)?;
        let gives = match door {
            Door::Code => Spot::Workload(id),
            Door::Account => Spot::Identity(workload.account),
            Door::Data => Spot::Effect(Effect::Data, Scope::In(workload.namespace)),
        };
        Some((id, gives, place))
    });
    let found: Vec<(WorkloadId, Spot, Place)> = found.collect();
    found
        .into_iter()
        .map(|(id, gives, place)| (id, gives, picture.place(place)))
        .collect()
}

/// Who gets to the workloads that it matters to reach.
fn connections(picture: &mut Picture<'_>, facts: &Facts<'_>) -> Vec<(WorkloadId, WorkloadId, u32)> {
    let mut all = Vec::new();
    for to in picture.worth.clone() {
        let Some(owner) = picture.workloads.get(to.index()).map(|one| one.owner) else {
            continue;
        };
        for caller in facts.network.callers(owner) {
            if let Some(from) = picture.workload(&caller.from) {
                let number = u32::try_from(picture.callers.len()).unwrap_or(u32::MAX);
                picture.callers.push((caller, to));
                all.push((from, to, number));
            }
        }
    }
    all
}
