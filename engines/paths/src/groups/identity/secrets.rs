//! What Secrets are good for, by their type and the names of their keys. Their values are not
//! looked at, but for two words of a bootstrap token that are no secrets; nor are values in the
//! environment, but for their length and letters.

use super::Row;
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs, Place};
use crate::machines::Cloud;
use crate::picture::Picture;
use crate::spot::{BeyondId, NodeId, Scope, Spot};
use crate::techniques::Id;
use seawall_model::access::Identity;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use seawall_snapshot::pod::EnvSource;
use seawall_yaml::Node as Tree;

/// The steps from Secrets.
pub(super) fn rows(picture: &mut Picture<'_>) -> Vec<Row> {
    let snapshot = picture.snapshot;
    let mut rows = Vec::new();
    for (_, object) in snapshot.of_kind("", "Secret") {
        token(picture, object, &mut rows);
        bootstrap(picture, object, &mut rows);
        authority(picture, object, &mut rows);
        beyond(picture, object, &mut rows);
    }
    environment(picture, &mut rows);
    rows
}

fn give(
    picture: &mut Picture<'_>,
    object: &Object,
    (id, ease): (Id, Ease),
    (note, span): (String, Span),
    gives: &[Spot],
) -> Vec<Row> {
    let namespace = picture.namespace(object.namespace());
    let secret = picture.secret(namespace, &object.reference.name);
    let place = picture.place(Place {
        note: note.into(),
        object: object.reference.clone(),
        span,
        mend: None,
    });
    let needs = Needs::one(Spot::Secret(secret));
    gives
        .iter()
        .map(|gives| (id, needs, *gives, ease, Because::Place(place)))
        .collect()
}

fn kind(object: &Object) -> &str {
    let kind = object.body().and_then(|body| body.get("type"));
    kind.and_then(Tree::as_str).unwrap_or_default()
}

/// Whether it has a key, in small letters.
fn has_key(object: &Object, wanted: &str) -> bool {
    let fields = ["data", "stringData"].into_iter();
    let mut maps = fields.filter_map(|field| object.body()?.get(field)?.as_map());
    maps.any(|map| {
        map.iter()
            .any(|entry| entry.key.eq_ignore_ascii_case(wanted))
    })
}

/// SECRET_IS_SA_TOKEN.
fn token(picture: &mut Picture<'_>, object: &Object, rows: &mut Vec<Row>) {
    let account = object.annotation("kubernetes.io/service-account.name");
    let Some(account) = account.filter(|_| kind(object) == "kubernetes.io/service-account-token")
    else {
        return;
    };
    let id = picture.account(object.namespace(), account.value.clone());
    let note = format!("it holds a token of {} that does not end", account.value);
    let how = (Id::SECRET_IS_SA_TOKEN, Ease::Easy);
    let gives = [Spot::Identity(id)];
    rows.extend(give(picture, object, how, (note, account.span), &gives));
}

/// SECRET_IS_BOOTSTRAP: a token that asks for the certificate of a node, of any name, where the
/// group that it stands for may ask and is answered without a person.
fn bootstrap(picture: &mut Picture<'_>, object: &Object, rows: &mut Vec<Row>) {
    if kind(object) != "bootstrap.kubernetes.io/token" || object.namespace() != "kube-system" {
        return;
    }
    // In the clear, or as base64.
    let says = |key: &str| {
        let of = |field: &str| object.body()?.at(&[field, key])?.as_str();
        of("stringData").or_else(|| of("data"))
    };
    if !says("usage-bootstrap-authentication")
        .is_some_and(|word| matches!(word, "true" | "dHJ1ZQ=="))
    {
        return;
    }
    let may = |act: Act| {
        let mut bound = picture.bindings.iter().filter(
            |bound| matches!(&bound.subject, Identity::Group(name) if is_of_bootstrappers(name)),
        );
        bound.any(|bound| {
            let mut grants = picture.grants.iter();
            grants.any(|(granted, grant)| *granted == act && grant.set == bound.set)
        })
    };
    if !may(Act::CreateCsr) || !may(Act::CreateNodeClient) {
        return;
    }
    // Whether it has ended is for a clock to say.
    let ends = says("expiration").is_some();
    let ease = if ends { Ease::Lucky } else { Ease::Easy };
    let numbers: Vec<NodeId> = picture.nodes.iter().map(|(n, _)| NodeId(n)).collect();
    let nodes = numbers.into_iter();
    let gives: Vec<Spot> = nodes
        .map(|node| Spot::Identity(picture.node_identity(node)))
        .collect();
    let note = "it lets machines join the cluster, as a node of any name".to_owned();
    let how = (Id::SECRET_IS_BOOTSTRAP, ease);
    rows.extend(give(picture, object, how, (note, object.name_span), &gives));
}

fn is_of_bootstrappers(group: &str) -> bool {
    group == "system:bootstrappers" || group.starts_with("system:bootstrappers:")
}

/// SECRET_IS_CA: a key that signs what the API server believes. Cluster API keeps those of the
/// clusters that it makes.
fn authority(picture: &mut Picture<'_>, object: &Object, rows: &mut Vec<Row>) {
    const KEYS: [&str; 4] = ["ca.key", "sa.key", "front-proxy-ca.key", "etcd-ca.key"];
    const OF_CLUSTER_API: [&str; 4] = ["-ca", "-sa", "-proxy", "-etcd"];
    let name = &object.reference.name;
    let how = (Id::SECRET_IS_CA, Ease::Skilled);
    // What kubeadm uploads is encrypted with a key that is nowhere in the cluster.
    let is_own = object.namespace() == "kube-system" && &**name != "kubeadm-certs";
    if let Some(key) = KEYS.iter().find(|key| is_own && has_key(object, key)) {
        let note = format!("it holds {key}, which signs what the API server believes");
        let gives = [Spot::Admin(Scope::All)];
        rows.extend(give(picture, object, how, (note, object.name_span), &gives));
    }
    let cluster = object.label("cluster.x-k8s.io/cluster-name");
    let parts = cluster.and_then(|cluster| name.strip_prefix(cluster));
    if let Some(cluster) = cluster.filter(|_| parts.is_some_and(|p| OF_CLUSTER_API.contains(&p))) {
        let what = format!("cluster {cluster}, made from here");
        let number = BeyondId(picture.beyond.number(&Str::from(what.as_str())));
        let note = format!("it holds a key that signs for {what}");
        let gives = [Spot::Beyond(number)];
        rows.extend(give(picture, object, how, (note, object.name_span), &gives));
    }
}

/// SECRET_IS_KUBECONFIG, SECRET_IS_CLOUD_KEY.
fn beyond(picture: &mut Picture<'_>, object: &Object, rows: &mut Vec<Row>) {
    const CLOUDS: [(&str, Cloud); 6] = [
        ("aws_secret_access_key", Cloud::Aws),
        ("aws-secret-access-key", Cloud::Aws),
        ("azure_client_secret", Cloud::Azure),
        ("azure.json", Cloud::Azure),
        ("service-account.json", Cloud::Google),
        ("gcp-credentials.json", Cloud::Google),
    ];
    let reference = &object.reference;
    let of_argo = object.label("argocd.argoproj.io/secret-type") == Some("cluster");
    let of_cluster_api =
        kind(object) == "cluster.x-k8s.io/secret" && reference.name.ends_with("-kubeconfig");
    let (id, name) = if of_argo || of_cluster_api || has_key(object, "kubeconfig") {
        let name = format!("the cluster of {reference}");
        (Id::SECRET_IS_KUBECONFIG, name)
    } else {
        let cloud = CLOUDS.iter().find(|(key, _)| has_key(object, key));
        let Some((_, cloud)) = cloud else { return };
        let name = format!("an account of {} ({reference})", cloud.name());
        (Id::SECRET_IS_CLOUD_KEY, name)
    };
    let number = BeyondId(picture.beyond.number(&Str::from(name.as_str())));
    let note = format!("it holds credentials of {name}");
    let gives = [Spot::Beyond(number)];
    let said = (note, object.name_span);
    rows.extend(give(picture, object, (id, Ease::Easy), said, &gives));
}

/// SECRET_IS_CLOUD_KEY where the key stands in the environment of a container. Stores with the
/// interface of a cloud take keys of the same names; those of the cloud have its length.
fn environment(picture: &mut Picture<'_>, rows: &mut Vec<Row>) {
    let mut found = Vec::new();
    for (id, workload) in picture.workload_ids() {
        for (object, _, container) in workload.running() {
            for variable in &container.env {
                let EnvSource::Literal(value) = &variable.source else {
                    continue;
                };
                let Some(cloud) = key_of(&variable.name, &value.value) else {
                    continue;
                };
                let name = format!("an account of {} ({})", cloud.name(), workload.owner);
                let place = Place {
                    note: format!("{} is a key of {}", variable.name, cloud.name()).into(),
                    object: object.reference.clone(),
                    span: variable.span,
                    mend: None,
                };
                found.push((id, name, place));
            }
        }
    }
    for (id, name, place) in found {
        let number = BeyondId(picture.beyond.number(&Str::from(name)));
        let place = picture.place(place);
        rows.push((
            Id::SECRET_IS_CLOUD_KEY,
            Needs::one(Spot::Workload(id)),
            Spot::Beyond(number),
            Ease::Easy,
            Because::Place(place),
        ));
    }
}

fn key_of(name: &str, value: &str) -> Option<Cloud> {
    let is_made_of = |others: &str| {
        value
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
    };
    match name {
        "AWS_SECRET_ACCESS_KEY" => (value.len() == 40 && is_made_of("/+")).then_some(Cloud::Aws),
        "AZURE_CLIENT_SECRET" | "ARM_CLIENT_SECRET" => {
            let fits = (34..=44).contains(&value.len()) && is_made_of("~._-");
            fits.then_some(Cloud::Azure)
        }
        _ => {
            let is_key = value.contains("\"private_key\"") && value.contains("service_account");
            is_key.then_some(Cloud::Google)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_form_that_their_cloud_gives_them() {
        let aws = "a1B2".repeat(10);
        for (name, value, is_key) in [
            ("AWS_SECRET_ACCESS_KEY", &*aws, true),
            ("AWS_SECRET_ACCESS_KEY", "minio123", false),
            (
                "AWS_SECRET_ACCESS_KEY",
                "$(KEY_FROM_SOMEWHERE_ELSE_ENTIRELY_OKAY)",
                false,
            ),
            ("AWS_REGION", &*aws, false),
        ] {
            assert_eq!(key_of(name, value).is_some(), is_key, "{name}={value}");
        }
    }
}
