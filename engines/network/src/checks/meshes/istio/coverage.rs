//! Which workloads no policy protects, and which policies protect nothing: IST-AZ-01, 02, 22,
//! 31, CMP-12.
//!
//! Nothing is said workload by workload: a mesh without a default is one finding with all that
//! it leaves open.

use super::super::{Report, count, place};
use super::{Scene, Subject, peers, strongest};
use crate::checks::meshes::{Outsider, weighed};
use crate::istio::ambient::Use;
use crate::istio::authorization::{Action, Point, Policy};
use crate::istio::membership::Place;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use std::any::TypeId;
use std::collections::BTreeMap;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    defaults(scene, report);
    let policies = &scene.istio.policies.all;
    report.assess(&[Id::IST_AZ_22, Id::IST_AZ_31, Id::CMP_12], policies.len());
    for policy in policies {
        dry_run(scene, policy, report);
        targets(scene, policy, report);
        unmeshed(scene, policy, report);
    }
}

/// The point where policies meet a subject.
pub(super) fn point<'a>(subject: &'a Subject<'_, '_>) -> Point<'a> {
    Point::Pods {
        namespace: subject.namespace,
        labels: &subject.endpoint.template.labels,
        place: subject.place,
    }
}

/// The subjects that a policy is attached to.
pub(super) fn attached<'a, 'w, 's>(
    scene: &'a Scene<'w, 's>,
    policy: &Policy<'_>,
) -> Vec<&'a Subject<'w, 's>> {
    let policies = &scene.istio.policies;
    // Only policies of the root namespace look into others.
    let is_root = policy.namespace() == &*scene.istio.mesh.root_namespace;
    let near = scene
        .in_namespace(policy.namespace())
        .filter(move |_| !is_root);
    let all = near.chain(scene.subjects.iter().filter(move |_| is_root));
    all.filter(|subject| policies.is_attached(policy, point(subject)))
        .collect()
}

/// Whether an enforced policy of this kind is attached to a subject. The kind is a function
/// that holds no values of its own, so that its type stands for it and the answer is kept.
pub(super) fn has_policy<F: Fn(&Policy<'_>) -> bool + 'static>(
    scene: &Scene<'_, '_>,
    subject: &Subject<'_, '_>,
    of: F,
) -> bool {
    let find = || has_policy_once(scene, subject, of);
    scene.kept(TypeId::of::<F>(), subject, find)
}

/// The same, for a kind that depends on what it was made with.
fn has_policy_once(
    scene: &Scene<'_, '_>,
    subject: &Subject<'_, '_>,
    of: impl Fn(&Policy<'_>) -> bool,
) -> bool {
    let mut attached = scene.istio.policies.attached(point(subject));
    attached.any(|policy| !policy.is_dry_run && of(policy))
}

fn defaults(scene: &Scene<'_, '_>, report: &mut Report) {
    let is_allow = |policy: &Policy<'_>| policy.action == Action::Allow;
    let mut open: Vec<&Subject<'_, '_>> = Vec::new();
    let mut spaces: BTreeMap<&str, (Vec<&Subject<'_, '_>>, usize)> = BTreeMap::new();
    // A job that listens nowhere accepts nobody.
    let listens = |subject: &&Subject<'_, '_>| {
        let kind = &*subject.endpoint.workload.owner.kind;
        !subject.ports.is_empty() || !matches!(kind, "Job" | "CronJob")
    };
    for subject in scene.meshed().filter(listens) {
        let space = spaces.entry(subject.namespace).or_default();
        if has_policy(scene, subject, is_allow) {
            space.1 += 1;
        } else {
            space.0.push(subject);
        }
    }
    report.assess(&[Id::IST_AZ_02], spaces.len());
    for (namespace, (uncovered, covered)) in spaces {
        let is_bare = |s: &&&Subject<'_, '_>| !has_policy(scene, s, |_| true);
        let bare: Vec<_> = uncovered.iter().filter(is_bare).copied().collect();
        // Where some workloads have a policy, those without were forgotten.
        let first = scene
            .istio
            .policies
            .all
            .iter()
            .find(|p| p.namespace() == namespace);
        let Some(first) = first.filter(|_| covered > 0 && !bare.is_empty()) else {
            open.extend(uncovered);
            continue;
        };
        forgotten(scene, namespace, first, &bare, covered, report);
    }
    // Only where the mesh's own namespace can be in the picture is its default known.
    if !scene.istio.mesh.has_control_plane() {
        if let Some(first) = open.first() {
            report.gap(
                "Istio",
                first.endpoint.object.name_span,
                "the control plane of the mesh is not in the input: policies for the whole mesh \
                 are not known",
                "scan its namespace, too, or the cluster",
            );
        }
        return;
    }
    report.assess(&[Id::IST_AZ_01], 1);
    let Some((object, pointer, span)) = peers::mesh_object(scene).filter(|_| !open.is_empty())
    else {
        return;
    };
    let root = &scene.istio.mesh.root_namespace;
    let outsider = strongest(open.iter().map(|s| scene.outsider(s, &s.lax)));
    let message = format!(
        "the mesh has no default deny: {} without an ALLOW policy accept every caller",
        count(open.len(), "workload")
    );
    let message = if open.len() == 1 {
        message.replace(" accept ", " accepts ")
    } else {
        message
    };
    let fix = format!(
        "Add an AuthorizationPolicy with an empty spec to {root}, after giving every workload \
         policies for its callers"
    );
    // Nobody gets lower: a meshed pod that is taken over is still there.
    let severity = match outsider {
        Outsider::Internet => weighed(Severity::High, &outsider),
        _ => Severity::High,
    };
    let draft = Draft::new(
        Id::IST_AZ_01,
        place(object, pointer, Some(span)),
        message,
        fix,
    )
    .severity(severity)
    .affects(open.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

fn forgotten(
    scene: &Scene<'_, '_>,
    namespace: &str,
    first: &Policy<'_>,
    bare: &[&Subject<'_, '_>],
    covered: usize,
    report: &mut Report,
) {
    let space = scene.world.namespace(namespace);
    let object = space.and_then(|id| scene.world.namespace_at(id)?.object);
    let object = object.unwrap_or(first.object);
    let message = format!(
        "{} of {} meshed workloads in {namespace} have no policy and accept every caller: {}",
        bare.len(),
        bare.len() + covered,
        names(bare)
    );
    let fix = format!(
        "Add an AuthorizationPolicy with an empty spec to {namespace}, and policies for the \
         callers of these workloads"
    );
    let draft = Draft::new(Id::IST_AZ_02, place(object, "", None), message, fix)
        .affects(bare.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// A few names, and how many more.
pub(super) fn names(subjects: &[&Subject<'_, '_>]) -> String {
    let mut all: Vec<&str> = subjects
        .iter()
        .map(|s| &*s.endpoint.workload.owner.name)
        .collect();
    all.sort_unstable();
    all.dedup();
    let shown = all.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn dry_run(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    if !policy.is_dry_run || policy.action == Action::Audit {
        return;
    }
    let subjects = attached(scene, policy);
    let same = |other: &Policy<'_>| {
        std::mem::discriminant(&other.action) == std::mem::discriminant(&policy.action)
    };
    let alone = subjects
        .iter()
        .filter(|s| !has_policy_once(scene, s, same))
        .count();
    let (severity, effect) = if subjects.is_empty() || alone > 0 {
        (Severity::High, "nothing else does what it says")
    } else {
        (Severity::Medium, "others of its kind are enforced")
    };
    let message = format!(
        "the {} policy only pretends (istio.io/dry-run); {effect}",
        policy.action.name()
    );
    let fix = "Look at what it would have refused, then remove the annotation".to_owned();
    let span = policy
        .object
        .annotation("istio.io/dry-run")
        .map(|field| field.span);
    let locus = place(
        policy.object,
        "/metadata/annotations/istio.io~1dry-run",
        span,
    );
    let draft = Draft::new(Id::IST_AZ_22, locus, message, fix)
        .severity(severity)
        .affects(subjects.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

/// A policy for a Service that no waypoint handles is enforced by nobody.
fn targets(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    for (index, target) in policy.targets.iter().enumerate() {
        if !target.group.is_empty() || &*target.kind != "Service" {
            continue;
        }
        let services = scene.world.of_kind("", "Service").iter();
        let Some(service) = services.copied().find(|service| {
            service.reference.name == target.name && service.namespace() == policy.namespace()
        }) else {
            continue;
        };
        let space = scene.world.namespace(policy.namespace());
        let space = space.and_then(|id| scene.world.namespace_at(id));
        let of_service = Use::read(|key| service.label(key), policy.namespace());
        let of_space = space.map_or(Use::Inherit, |space| {
            Use::read(|key| space.label(key), policy.namespace())
        });
        let named = match of_service {
            Use::Inherit => of_space,
            other => other,
        };
        if matches!(named, Use::Of { .. }) {
            continue;
        }
        let behind: Vec<_> = scene
            .subjects
            .iter()
            .filter(|s| matches!(s.place, Place::Sidecar | Place::Ambient))
            .filter(|s| {
                let all = &s.services;
                all.iter().any(|one| std::ptr::eq(*one, service))
            })
            .collect();
        let Some(first) = behind.first() else {
            continue;
        };
        let who = match first.place {
            Place::Sidecar => "sidecars leave out policies with targetRefs",
            _ => "no waypoint handles the Service",
        };
        let message = format!(
            "the policy is for Service {}, but {who}: it is not enforced",
            target.name
        );
        let fix = "Use selector for pods with sidecars, or let a waypoint handle the Service \
                   (label istio.io/use-waypoint)"
            .to_owned();
        let locus = place(
            policy.object,
            &format!("/spec/targetRefs/{index}"),
            Some(target.span),
        );
        let draft = Draft::new(Id::IST_AZ_31, locus, message, fix)
            .affects(behind.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }
}

/// A policy whose pods are all outside the mesh is enforced by nobody.
fn unmeshed(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    if !policy.targets.is_empty() || policy.selector.is_none() {
        return;
    }
    let root = &*scene.istio.mesh.root_namespace;
    let selected: Vec<_> = scene
        .subjects
        .iter()
        .filter(|s| s.namespace == policy.namespace() || policy.namespace() == root)
        .filter(|s| {
            let labels = &s.endpoint.template.labels;
            policy
                .selector
                .as_ref()
                .is_some_and(|selector| selector.matches(labels))
        })
        .collect();
    let outside = |s: &&&Subject<'_, '_>| s.place == Place::Outside;
    if selected.is_empty() || selected.iter().filter(outside).count() < selected.len() {
        return;
    }
    let why = selected.first().and_then(|s| scene.istio.membership(s.id));
    let message = format!(
        "the {} policy is for pods outside the mesh: nothing enforces it",
        policy.action.name()
    );
    let fix = "Bring the pods into the mesh, or protect them with a network policy".to_owned();
    let locus = place(policy.object, "/spec/selector", None);
    let draft = Draft::new(Id::CMP_12, locus, message, fix)
        .maybe(why.map(|m| {
            let name = names(&selected);
            (
                format!("{name}: {}", m.reason.note),
                Proof::Source(m.reason.span),
            )
        }))
        .affects(selected.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}
