//! N07 and N13: what a namespace lacks, where its objects are in the input.

use crate::index::{Index, Space, SpaceKey};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::counted;
use seawall_model::{Asset, Locus, Proof, Severity};
use seawall_snapshot::{LabelSelector, Object, Workload};
use seawall_yaml::Node;

pub(super) fn check(index: &Index<'_>, sink: &mut Sink) {
    // A team that writes policies for one namespace knows of them.
    let uses_policies = index.spaces().any(|(_, space)| !space.policies.is_empty());
    for (key, space) in index.spaces() {
        if space.workloads.is_empty() || is_system(key.1) {
            continue;
        }
        let object = key.1.and_then(|name| index.snapshot.namespace(key.0, name));
        sink.start_workload();
        if let Some(object) = object {
            quotas(space, object, sink);
        }
        if index.has_cluster_policies(key.0) || space.foreign_policies {
            continue;
        }
        match (object, space.policies.is_empty()) {
            (Some(object), true) => no_policy(space, object, uses_policies, sink),
            (_, false) => unselected(index, key, space, sink),
            (None, true) => {}
        }
    }
}

fn is_system(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with("kube-"))
}

fn quotas(space: &Space<'_>, object: &Object, sink: &mut Sink) {
    sink.assess(Id::N13, 1);
    if !space.quotas.is_empty() || !space.limit_ranges.is_empty() {
        return;
    }
    let asset = Asset::Resource(object.reference.clone());
    let locus = Locus {
        pointer: String::new(),
        path: "quota".to_owned(),
        span: object.name_span,
    };
    let message = format!(
        "namespace `{}` has workloads but neither a ResourceQuota nor a LimitRange",
        object.reference.name
    );
    let fix = "Add a ResourceQuota and a LimitRange to the namespace".to_owned();
    sink.add(&asset, Draft::new(Id::N13, locus, message, fix));
}

/// Workloads whose pods run and listen for long.
fn lasting<'a>(index: &'a Index<'a>, space: &'a Space<'a>) -> impl Iterator<Item = &'a Workload> {
    space.workloads.iter().copied().filter(move |workload| {
        !matches!(&*workload.owner.kind, "Job" | "CronJob" | "PodTemplate")
            && index
                .snapshot
                .templates(workload)
                .any(|(_, t)| !t.host_network.as_ref().is_some_and(|field| field.value))
    })
}

fn no_policy(space: &Space<'_>, object: &Object, uses_policies: bool, sink: &mut Sink) {
    sink.assess(Id::N07, 1);
    let asset = Asset::Resource(object.reference.clone());
    let locus = Locus {
        pointer: String::new(),
        path: "networkpolicies".to_owned(),
        span: object.name_span,
    };
    let count = space.workloads.len();
    let message = format!(
        "namespace `{}` has {count} workload{} and no NetworkPolicy",
        object.reference.name,
        if count == 1 { "" } else { "s" }
    );
    let fix = "Add a NetworkPolicy with podSelector: {} and policyTypes: [Ingress, Egress], then \
               allow what is needed"
        .to_owned();
    let severity = if uses_policies {
        Severity::Medium
    } else {
        Severity::Low
    };
    sink.add(
        &asset,
        Draft::new(Id::N07, locus, message, fix).severity(severity),
    );
}

/// The pods whose incoming traffic a policy limits.
fn isolated(policy: &Object) -> Option<LabelSelector> {
    let spec = policy.body()?.get("spec")?;
    let types = spec
        .get("policyTypes")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    if !types.is_empty() && !super::holds(types, "Ingress") {
        return None;
    }
    spec.get("podSelector")
        .map_or(Some(LabelSelector::default()), LabelSelector::read)
}

fn unselected(index: &Index<'_>, key: &SpaceKey<'_>, space: &Space<'_>, sink: &mut Sink) {
    sink.assess(Id::N07, 1);
    let selectors: Vec<LabelSelector> = space
        .policies
        .iter()
        .filter_map(|policy| isolated(policy))
        .collect();
    let open: Vec<&Workload> = lasting(index, space)
        .filter(|workload| {
            let mut templates = index.snapshot.templates(workload);
            !templates.any(|(_, t)| selectors.iter().any(|selector| selector.matches(&t.labels)))
        })
        .collect();
    let Some(first) = open.first() else { return };
    let Some(policy) = space.policies.first() else {
        return;
    };
    let span = first
        .members
        .first()
        .and_then(|id| index.snapshot.get(*id))
        .map_or(policy.name_span, |object| object.name_span);
    let asset = match key.1 {
        Some(name) => Asset::Resource(seawall_model::ResourceRef {
            group: "".into(),
            kind: "Namespace".into(),
            namespace: None,
            name: name.into(),
        }),
        // Where the namespace is decided later there is no object for it.
        None => Asset::Resource(first.owner.clone()),
    };
    let locus = Locus {
        pointer: String::new(),
        path: "networkpolicies".to_owned(),
        span,
    };
    let mut names: Vec<&str> = open.iter().map(|workload| &*workload.owner.name).collect();
    names.dedup();
    let verb = if names.len() == 1 {
        "accepts"
    } else {
        "accept"
    };
    let message = format!(
        "{} {verb} traffic from every pod: no NetworkPolicy here selects {}",
        counted("workload", &names),
        if names.len() == 1 { "it" } else { "them" }
    );
    let fix =
        "Add a default-deny NetworkPolicy (podSelector: {}) to the namespace, then allow what \
               is needed"
            .to_owned();
    let draft = Draft::new(Id::N07, locus, message, fix).evidence(
        "a policy of the namespace holds other pods",
        Proof::Object(policy.reference.clone()),
    );
    sink.add(&asset, draft);
}
