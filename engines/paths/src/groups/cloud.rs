//! L. From the cluster to the cloud, to other clusters, and by way of the registry.

use super::{Rights, Row, covers};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::look::flag;
use crate::picture::Picture;
use crate::spot::{
    Able, BeyondId, IdentityId, NameId, NamespaceId, Scope, SecretId, Spot, WorkloadId,
};
use crate::techniques::Id;
use seawall_model::access::Identity;
use seawall_model::{FileId, Str};
use seawall_snapshot::Object;
use seawall_yaml::{Limits, Node, parse};
use std::collections::HashMap;

ascent::ascent! {
    /// What accounts, pods and Secrets open beyond the cluster.
    struct Cloud;
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    relation step(Id, Needs, Spot, Ease, Because);

    // CLOUD_IRSA, CLOUD_GKE_WI, CLOUD_AKS_WI: pods of the account have its role; who starts one
    // has it, and so has who asks for its token with the cloud's audience.
    relation role(NameId, NamespaceId, Id, Spot, Because);
    relation has_role(WorkloadId, Id, Spot, Because);
    step(*id, Needs::one(Spot::Workload(*workload)), *beyond, Ease::Easy, *because) <--
        has_role(workload, id, beyond, because);
    step(*id, Needs::one(Spot::Able(Able::StartPods, Scope::In(*space))), *beyond, Ease::Easy, *because) <--
        role(_, space, id, beyond, because);
    step(*id, Needs::one(Spot::May(Act::CreateToken, *scope, *name)), *beyond, Ease::Easy, *because) <--
        role(account, space, id, beyond, because),
        is_in(space, scope),
        may(act, scope, name), if *act == Act::CreateToken && covers(*name, *account);

    // CLOUD_KIAM: an annotation of the pod says which role; the namespace's, which it may be.
    relation kiam(WorkloadId, Spot, Because);
    relation permits(NamespaceId, Spot, Because);
    step(Id::CLOUD_KIAM, Needs::one(Spot::Workload(*workload)), *beyond, Ease::Easy, *because) <--
        kiam(workload, beyond, because);
    step(Id::CLOUD_KIAM, Needs::one(Spot::Able(Able::StartPods, Scope::In(*space))), *beyond, Ease::Easy, *because) <--
        permits(space, beyond, because);

    // CLOUD_TO_CLUSTER: the cluster's list of roles that are groups.
    relation maps(Spot, IdentityId, Because);
    step(Id::CLOUD_TO_CLUSTER, Needs::one(*beyond), Spot::Identity(*group), Ease::Easy, *because) <--
        maps(beyond, group, because);

    // CROSS_CLUSTER: who is in the controller of many clusters has what it has of them.
    relation steers(WorkloadId, Spot, Because);
    step(Id::CROSS_CLUSTER, Needs::one(Spot::Workload(*hub)), *cluster, Ease::Easy, *because) <--
        steers(hub, cluster, because);

    // REGISTRY_PUSH: what is pulled by a tag, from where the credential may perhaps write.
    relation pulls(WorkloadId, SecretId, Because);
    step(Id::REGISTRY_PUSH, Needs::one(Spot::Secret(*secret)), Spot::Workload(*workload), Ease::Lucky, *because) <--
        pulls(workload, secret, because);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let mut rules = Cloud {
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        steers: hubs(picture),
        pulls: pulls(picture),
        ..Cloud::default()
    };
    roles(picture, &mut rules);
    kiam(picture, &mut rules);
    rules.maps = maps(picture);
    rules.run();
    rules.step
}

/// Annotations of service accounts that name an identity of a cloud.
const ROLES: [(&str, Id, &str); 3] = [
    ("eks.amazonaws.com/role-arn", Id::CLOUD_IRSA, "AWS role"),
    (
        "iam.gke.io/gcp-service-account",
        Id::CLOUD_GKE_WI,
        "Google account",
    ),
    (
        "azure.workload.identity/client-id",
        Id::CLOUD_AKS_WI,
        "Azure application",
    ),
];

/// What a pod of AKS has to be labelled with.
const USES_AZURE: (&str, &str) = ("azure.workload.identity/use", "true");

fn beyond(picture: &mut Picture<'_>, what: &str, name: &str) -> Spot {
    let name = Str::from(format!("{what} {name}"));
    Spot::Beyond(BeyondId(picture.beyond.number(&name)))
}

fn roles(picture: &mut Picture<'_>, rules: &mut Cloud) {
    let snapshot = picture.snapshot;
    let mut by_account: HashMap<IdentityId, Vec<WorkloadId>> = HashMap::new();
    for (id, workload) in picture.workload_ids() {
        by_account.entry(workload.account).or_default().push(id);
    }
    for (_, object) in snapshot.of_kind("", "ServiceAccount") {
        for (key, technique, what) in ROLES {
            let Some(role) = object.annotation(key).filter(|role| !role.value.is_empty()) else {
                continue;
            };
            let spot = beyond(picture, what, &role.value);
            let note = format!("{} is {what} {}", object.reference, role.value);
            let mut place = Picture::noted(object, note);
            place.span = role.span;
            let because = Because::Place(picture.place(place));
            let name = &object.reference.name;
            let space = picture.namespace(object.namespace());
            let account = picture.account(object.namespace(), name.clone());
            let number = NameId(picture.names.find(name).unwrap_or(0));
            rules.role.push((number, space, technique, spot, because));
            for id in by_account.get(&account).into_iter().flatten() {
                if technique != Id::CLOUD_AKS_WI || uses_azure(picture, *id) {
                    rules.has_role.push((*id, technique, spot, because));
                }
            }
        }
    }
}

fn uses_azure(picture: &Picture<'_>, id: WorkloadId) -> bool {
    let workload = picture.workloads.get(id.index());
    workload.is_some_and(|workload| {
        let mut labels = workload.template.labels.iter();
        labels.any(|(key, value)| (&**key, &**value) == USES_AZURE)
    })
}

fn kiam(picture: &mut Picture<'_>, rules: &mut Cloud) {
    const ROLE: &str = "iam.amazonaws.com/role";
    let mut found = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let mut annotations = workload.template.annotations.iter();
        if let Some((_, role)) = annotations.find(|(key, _)| &**key == ROLE) {
            let note = format!("{} asks for AWS role {}", workload.owner, role.value);
            let mut place = Picture::noted(workload.object, note);
            place.span = role.span;
            found.push((id, role.value.clone(), place));
        }
    }
    for (id, role, place) in found {
        let spot = beyond(picture, "AWS role", &role);
        let because = Because::Place(picture.place(place));
        rules.kiam.push((id, spot, because));
    }
    for (_, object) in picture.snapshot.of_kind("", "Namespace") {
        let permitted = [
            "iam.amazonaws.com/permitted",
            "iam.amazonaws.com/allowed-roles",
        ];
        let mut permitted = permitted.iter().filter_map(|key| object.annotation(key));
        if let Some(roles) = permitted.find(|roles| !roles.value.is_empty()) {
            let space = picture.namespace(&object.reference.name);
            let spot = beyond(picture, "AWS roles like", &roles.value);
            let note = format!("pods of {} may be any AWS role like this", object.reference);
            let mut place = Picture::noted(object, note);
            place.span = roles.span;
            let because = Because::Place(picture.place(place));
            rules.permits.push((space, spot, because));
        }
    }
}

/// The groups that `aws-auth` gives to roles that something in the picture leads to.
fn maps(picture: &mut Picture<'_>) -> Vec<(Spot, IdentityId, Because)> {
    let snapshot = picture.snapshot;
    let mut config_maps = snapshot.of_kind("", "ConfigMap");
    let settings = config_maps.find(|(_, object)| {
        &*object.reference.name == "aws-auth" && object.namespace() == "kube-system"
    });
    let Some((_, object)) = settings else {
        return Vec::new();
    };
    let text = object
        .body()
        .and_then(|body| body.at(&["data", "mapRoles"])?.as_str());
    let stream = parse(text.unwrap_or(""), FileId::UNKNOWN, &Limits::default());
    let documents = stream.documents.iter();
    let entries = documents
        .filter_map(|document| document.root.as_seq())
        .flatten();
    let mut all = Vec::new();
    for entry in entries {
        let Some(role) = entry.get("rolearn").and_then(Node::as_str) else {
            continue;
        };
        let known = picture.beyond.find(&Str::from(format!("AWS role {role}")));
        let groups = entry
            .get("groups")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        for group in groups.iter().filter_map(Node::as_str) {
            let group = picture.identities.find(&Identity::Group(group.into()));
            let Some((role_id, group)) = known.zip(group) else {
                continue;
            };
            let note = format!(
                "{} makes AWS role {role} a member of a group",
                object.reference
            );
            let because = Because::Place(picture.place(Picture::noted(object, note)));
            all.push((Spot::Beyond(BeyondId(role_id)), IdentityId(group), because));
        }
    }
    all
}

/// Controllers that hold the credentials of other clusters, with each of these.
fn hubs(picture: &mut Picture<'_>) -> Vec<(WorkloadId, Spot, Because)> {
    const ARGO: &str = "argocd.argoproj.io/secret-type";
    let snapshot = picture.snapshot;
    let is_hub = |words: &str| words.contains("argocd-application-controller");
    let controllers: Vec<(WorkloadId, NamespaceId)> = picture
        .workload_ids()
        .filter(|(_, workload)| {
            is_hub(&workload.owner.name)
                || flag(workload, "argocd-application-controller").is_some()
        })
        .map(|(id, workload)| (id, workload.namespace))
        .collect();
    let mut all = Vec::new();
    for (_, object) in snapshot.of_kind("", "Secret") {
        let is_cluster = |object: &Object| object.label(ARGO) == Some("cluster");
        let space = picture.namespace(object.namespace());
        let hubs = controllers.iter().filter(|(_, home)| *home == space);
        for (hub, _) in hubs.filter(|_| is_cluster(object)) {
            let spot = beyond(picture, "the cluster of", &object.reference.to_string());
            let note = format!("{} has the credentials of a cluster", object.reference);
            let place = picture.place(Picture::noted(object, note));
            all.push((*hub, spot, Because::Place(place)));
        }
    }
    all
}

/// Workloads that pull an image by its tag, with the Secrets that they pull it with.
fn pulls(picture: &mut Picture<'_>) -> Vec<(WorkloadId, SecretId, Because)> {
    let mut found = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let mut containers = workload.template.containers.iter();
        let tagged = containers.find_map(|container| {
            let image = container.image.as_ref()?;
            (!image.value.contains("@sha256:")).then_some((container, image))
        });
        let Some((container, image)) = tagged else {
            continue;
        };
        for secret in &workload.template.image_pull_secrets {
            let note = format!("container {} pulls its image by a tag", container.name);
            let mut place = Picture::noted(workload.object, note);
            place.span = image.span;
            found.push((id, workload.namespace, secret.value.clone(), place));
        }
    }
    let rows = found.into_iter().map(|(id, space, name, place)| {
        let secret = picture.secret(space, &name);
        (id, secret, Because::Place(picture.place(place)))
    });
    rows.collect()
}
