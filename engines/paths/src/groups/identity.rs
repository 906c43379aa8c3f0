//! B. Who an attacker becomes by what lies around: tokens, Secrets, bindings, groups.
//!
//! No rule here joins anything, so they are loops over facts.

use super::Row;
use crate::graph::{Because, Ease, Needs, Place};
use crate::picture::Picture;
use crate::spot::{BeyondId, IdentityId, NamespaceId, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::access::Identity;
use seawall_model::{Data, Fact, Operation, Span, Str};
use seawall_snapshot::pod::{EnvSource, VolumeKind};
use seawall_snapshot::{Object, PodTemplate};

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>) -> Vec<Row> {
    let mut rows = tokens(picture);
    rows.extend(mounted_secrets(picture));
    rows.extend(secrets(picture));
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
    let projected = template.volumes.iter().any(
        |volume| matches!(&volume.kind, VolumeKind::Projected { tokens, .. } if !tokens.is_empty()),
    );
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
    for volume in &template.volumes {
        let is_mounted = template.containers.iter().any(|container| {
            container
                .mounts
                .iter()
                .any(|mount| mount.name == volume.name)
        });
        match &volume.kind {
            VolumeKind::Secret(name) if is_mounted => all.push((name.clone(), volume.span)),
            VolumeKind::Projected { secrets, .. } if is_mounted => {
                all.extend(secrets.iter().map(|name| (name.clone(), volume.span)));
            }
            _ => {}
        }
    }
    for container in &template.containers {
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

/// SECRET_IS_SA_TOKEN, SECRET_IS_KUBECONFIG, SECRET_IS_CLOUD_KEY.
fn secrets(picture: &mut Picture<'_>) -> Vec<Row> {
    let snapshot = picture.snapshot;
    let mut rows = Vec::new();
    for (_, object) in snapshot.of_kind("", "Secret") {
        let namespace = picture.namespace(object.namespace());
        let secret = picture.secret(namespace, &object.reference.name);
        let mut give =
            |picture: &mut Picture<'_>, id: Id, note: String, span: Span, gives: Spot, mend| {
                let place = picture.place(Place {
                    note: note.into(),
                    object: object.reference.clone(),
                    span,
                    mend,
                });
                rows.push((
                    id,
                    Needs::one(Spot::Secret(secret)),
                    gives,
                    Ease::Easy,
                    Because::Place(place),
                ));
            };
        let kind = object.body().and_then(|body| body.get("type"));
        let kind = kind.and_then(|kind| kind.as_str()).unwrap_or_default();
        let account = object.annotation("kubernetes.io/service-account.name");
        if let Some(account) = account.filter(|_| kind == "kubernetes.io/service-account-token") {
            let id = picture.account(object.namespace(), account.value.clone());
            let note = format!("it holds a token of {} that does not end", account.value);
            give(
                picture,
                Id::SECRET_IS_SA_TOKEN,
                note,
                account.span,
                Spot::Identity(id),
                None,
            );
        }
        let Some(what) = beyond(object, kind) else {
            continue;
        };
        let (id, name) = what;
        let number = BeyondId(picture.beyond.number(&Str::from(name.as_str())));
        let note = format!("it holds credentials of {name}");
        give(
            picture,
            id,
            note,
            object.name_span,
            Spot::Beyond(number),
            None,
        );
    }
    rows
}

/// What a Secret opens beyond the cluster, by the names of its keys: values are not looked at.
fn beyond(object: &Object, kind: &str) -> Option<(Id, String)> {
    let argo = object.label("argocd.argoproj.io/secret-type") == Some("cluster");
    let keys: Vec<String> = ["data", "stringData"]
        .iter()
        .filter_map(|field| object.body()?.get(field)?.as_map())
        .flat_map(|map| map.iter().map(|entry| entry.key.to_ascii_lowercase()))
        .collect();
    let has = |wanted: &str| keys.iter().any(|key| key == wanted);
    let reference = &object.reference;
    if argo || has("kubeconfig") || kind == "cluster.x-k8s.io/secret" {
        return Some((
            Id::SECRET_IS_KUBECONFIG,
            format!("the cluster of {reference}"),
        ));
    }
    let cloud = [
        ("aws_secret_access_key", "AWS"),
        ("aws-secret-access-key", "AWS"),
        ("azure_client_secret", "Azure"),
        ("azure.json", "Azure"),
        ("service-account.json", "Google Cloud"),
        ("gcp-credentials.json", "Google Cloud"),
    ];
    let cloud = cloud.iter().find(|(key, _)| has(key));
    cloud.map(|(_, name)| {
        let what = format!("an account of {name} ({reference})");
        (Id::SECRET_IS_CLOUD_KEY, what)
    })
}

/// IDENTITY_HAS_PERM: through a binding to a role, through its rules to rights.
fn bindings(picture: &Picture<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, bound) in (0u32..).zip(picture.bindings) {
        let Some(identity) = picture.identities.find(&bound.subject) else {
            continue;
        };
        rows.push((
            Id::IDENTITY_HAS_PERM,
            Needs::one(Spot::Identity(IdentityId(identity))),
            Spot::Permissions(bound.set.0),
            Ease::Given,
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

/// GROUP_MEMBER: only groups that a binding names matter.
fn groups(picture: &Picture<'_>) -> Vec<Row> {
    let group = |name: String| {
        let group = Identity::Group(name.into());
        picture.identities.find(&group).map(IdentityId)
    };
    let everybody = group("system:authenticated".to_owned());
    let accounts = group("system:serviceaccounts".to_owned());
    let mut rows = Vec::new();
    for (number, identity) in picture.identities.iter() {
        let groups = match identity {
            Identity::ServiceAccount { namespace, .. } => {
                vec![
                    accounts,
                    group(format!("system:serviceaccounts:{namespace}")),
                    everybody,
                ]
            }
            Identity::User(name) if !name.starts_with("system:") => vec![everybody],
            _ => Vec::new(),
        };
        for group in groups.into_iter().flatten() {
            rows.push((
                Id::GROUP_MEMBER,
                Needs::one(Spot::Identity(IdentityId(number))),
                Spot::Identity(group),
                Ease::Given,
                Because::Nature,
            ));
        }
    }
    rows
}
