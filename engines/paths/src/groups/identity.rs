//! B. Who an attacker becomes by what lies around: tokens, Secrets, bindings, groups.
//!
//! No rule here joins anything, so they are loops over facts.

mod secrets;

use super::Row;
use super::entries::components::refuses_anonymous;
use crate::graph::{Because, Ease, Needs, Place};
use crate::picture::{Picture, runs_on};
use crate::spot::{IdentityId, NamespaceId, NodeId, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::access::Identity;
use seawall_model::{Data, Fact, Operation, Span, Str};
use seawall_snapshot::pod::{EnvSource, VolumeKind};
use seawall_snapshot::{Object, PodTemplate};
use std::collections::HashSet;

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>) -> Vec<Row> {
    let mut rows = tokens(picture);
    rows.extend(mounted_secrets(picture));
    rows.extend(secrets::rows(picture));
    rows.extend(bindings(picture));
    rows.extend(groups(picture));
    rows
}

/// POD_SA_TOKEN.
fn tokens(picture: &mut Picture<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for fact in picture.facts {
        let Fact::RunsAs {
            workload,
            token_mounted: true,
            ..
        } = fact
        else {
            continue;
        };
        let Some(id) = picture.workload(workload) else {
            continue;
        };
        let Some(known) = picture.workloads.get(id.index()) else {
            continue;
        };
        let account = known.account;
        let place = token_place(known.object, known.template);
        let place = picture.place(place);
        rows.push((
            Id::POD_SA_TOKEN,
            Needs::one(Spot::Workload(id)),
            Spot::Identity(account),
            Ease::Easy,
            Because::Place(place),
        ));
    }
    rows
}

fn token_place(object: &Object, template: &PodTemplate) -> Place {
    let automount = template.automount_token.as_ref();
    let span = automount.map(|field| field.span);
    let name = template.service_account_name.as_ref();
    let span = span.or(name.map(|name| name.span)).or(template.span);
    let pointer = format!("{}/automountServiceAccountToken", template.spec_pointer());
    // A token for somebody else is none of the API server.
    let is_for_api =
        |audience: &Str| audience.is_empty() || audience.contains("kubernetes.default.svc");
    let projected = template.volumes.iter().any(|volume| match &volume.kind {
        VolumeKind::Projected { tokens, .. } => tokens.iter().any(is_for_api),
        _ => false,
    });
    let mend = (
        vec![Operation::set(pointer, Data::Bool(false))],
        "check that the application does not use the API server",
    );
    Place {
        note: format!(
            "the token of service account {} is mounted",
            template.service_account()
        )
        .into(),
        object: object.reference.clone(),
        span: span.unwrap_or(Span::NONE),
        mend: (!projected).then_some(mend),
    }
}

/// POD_MOUNTED_SECRET: mounted, projected, or in the environment. What the kubelet pulls images
/// with is not in the container.
fn mounted_secrets(picture: &mut Picture<'_>) -> Vec<Row> {
    let mut found: Vec<(WorkloadId, NamespaceId, Str, Place)> = Vec::new();
    for (id, workload) in picture.workload_ids() {
        for (name, span) in secrets_of(workload.template) {
            let place = Place {
                note: format!("{} has Secret {name}", workload.owner).into(),
                object: workload.object.reference.clone(),
                span,
                mend: None,
            };
            found.push((id, workload.namespace, name, place));
        }
    }
    let mut rows = Vec::new();
    for (workload, namespace, name, place) in found {
        let secret = picture.secret(namespace, &name);
        let place = picture.place(place);
        rows.push((
            Id::POD_MOUNTED_SECRET,
            Needs::one(Spot::Workload(workload)),
            Spot::Secret(secret),
            Ease::Easy,
            Because::Place(place),
        ));
    }
    rows
}

/// The Secrets that code in a pod can read, and where they are given to it.
fn secrets_of(template: &PodTemplate) -> Vec<(Str, Span)> {
    let mut all = Vec::new();
    // What only an init container was given is gone with it.
    let running = || template.containers.iter().filter(|one| runs_on(one));
    for volume in &template.volumes {
        let is_mounted = running().any(|container| {
            let mut mounts = container.mounts.iter();
            mounts.any(|mount| mount.name == volume.name)
        });
        match &volume.kind {
            VolumeKind::Secret(name) if is_mounted => all.push((name.clone(), volume.span)),
            VolumeKind::Projected { secrets, .. } if is_mounted => {
                all.extend(secrets.iter().map(|name| (name.clone(), volume.span)));
            }
            _ => {}
        }
    }
    for container in running() {
        let whole = container.env_from.iter().filter(|from| from.secret);
        all.extend(whole.map(|from| (from.name.clone(), from.span)));
        for variable in &container.env {
            if let EnvSource::Secret(name, _) = &variable.source {
                all.push((name.clone(), variable.span));
            }
        }
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all.dedup_by(|one, other| one.0 == other.0);
    all
}

/// IDENTITY_HAS_PERM: through a binding to a role, through its rules to rights.
fn bindings(picture: &Picture<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let refuses_anonymous = refuses_anonymous(picture);
    for (number, bound) in (0u32..).zip(picture.bindings) {
        let Some(identity) = picture.identities.find(&bound.subject) else {
            continue;
        };
        let role = picture.sets.get(bound.set.0 as usize);
        let technique = role.and_then(|set| of_everybody(&bound.subject, &set.role.name));
        if refuses_anonymous && technique == Some(Id::ENTRY_ANON_RBAC) {
            continue;
        }
        rows.push((
            technique.unwrap_or(Id::IDENTITY_HAS_PERM),
            Needs::one(Spot::Identity(IdentityId(identity))),
            Spot::Permissions(bound.set.0),
            technique.map_or(Ease::Given, |_| Ease::Easy),
            Because::Binding(number),
        ));
    }
    for (number, (act, granted)) in (0u32..).zip(&picture.grants) {
        let Some(set) = picture.sets.get(granted.set.0 as usize) else {
            continue;
        };
        for name in picture.names_of(granted) {
            rows.push((
                Id::IDENTITY_HAS_PERM,
                Needs::one(Spot::Permissions(granted.set.0)),
                Spot::May(*act, picture.scope_of(set), name),
                Ease::Given,
                Because::Rule(number),
            ));
        }
    }
    rows
}

/// The technique that a binding to a whole class of users is. Kubernetes itself gives everybody
/// a few roles that only tell about the API.
fn of_everybody(subject: &Identity, role: &str) -> Option<Id> {
    const HARMLESS: [&str; 3] = [
        "system:basic-user",
        "system:discovery",
        "system:public-info-viewer",
    ];
    if HARMLESS.contains(&role) {
        return None;
    }
    let (Identity::User(name) | Identity::Group(name)) = subject else {
        return None;
    };
    match &**name {
        "system:anonymous" | "system:unauthenticated" => Some(Id::ENTRY_ANON_RBAC),
        "system:authenticated" => Some(Id::ENTRY_ANY_AUTHENTICATED),
        name if name.starts_with("system:serviceaccounts") => Some(Id::ENTRY_ANY_AUTHENTICATED),
        "system:nodes" => Some(Id::NODE_LEGACY_RBAC),
        name if name.starts_with("system:node:") => Some(Id::NODE_LEGACY_RBAC),
        _ => None,
    }
}

/// GROUP_MEMBER: only groups that a binding names matter.
fn groups(picture: &mut Picture<'_>) -> Vec<Row> {
    let nodes: Vec<NodeId> = picture.nodes.iter().map(|(n, _)| NodeId(n)).collect();
    for node in nodes {
        picture.node_identity(node);
    }
    // Kubernetes' own bindings to everybody only tell about the API.
    let bound = picture.bindings.iter();
    let bound = bound.filter(|bound| bound.span != Span::NONE);
    let mut named: HashSet<u32> = bound
        .filter_map(|bound| picture.identities.find(&bound.subject))
        .collect();
    named.extend(&picture.open_groups);
    let mut rows = Vec::new();
    for (number, identity) in picture.identities.iter() {
        for name in identity.groups() {
            let group = Identity::Group(name);
            let Some(group) = picture.identities.find(&group) else {
                continue;
            };
            if group == number || !named.contains(&group) {
                continue;
            }
            rows.push((
                Id::GROUP_MEMBER,
                Needs::one(Spot::Identity(IdentityId(number))),
                Spot::Identity(IdentityId(group)),
                Ease::Given,
                Because::Nature,
            ));
        }
    }
    rows
}
