//! Objects that stand in no file of the user's: of a live cluster, of what a cluster said
//! earlier (a dump), of standard input. They are changed in the picture only, and the user gets
//! patches.

use seawall_model::{Operation, SourceKind, SourceMap};
use seawall_snapshot::object::read_keeping;
use seawall_snapshot::{Change, Keep, Object, ObjectId, Snapshot};
use seawall_yaml::{Node, edit};
use std::collections::{BTreeMap, HashSet};

/// Whether an object is changed by a patch: it was not read from a file, or an API server
/// wrote it, so that its file is a picture of it and not where it comes from.
pub(super) fn is_live(object: &Object, map: &SourceMap) -> bool {
    let source = map.file(object.span.file);
    let kind = source.as_ref().map(|source| &source.kind);
    if matches!(kind, Some(SourceKind::Cluster | SourceKind::Stdin)) {
        return true;
    }
    let has = |key: &str| {
        let tree = object.tree();
        tree.is_some_and(|tree| tree.at(&["metadata", key]).is_some_and(|n| !n.is_null()))
    };
    has("uid") && has("resourceVersion")
}

/// Why no patch can repair an object.
pub(super) fn refusal(
    id: ObjectId,
    object: &Object,
    snapshot: &Snapshot,
    operations: &[Operation],
) -> Option<String> {
    let name = &object.reference;
    if let Some(owner) = object.controller() {
        return Some(format!(
            "{} {} made it and would undo a patch: change that",
            owner.kind, owner.name
        ));
    }
    if matches!(&*name.kind, "Pod" | "Job") && operations.iter().any(is_of_template) {
        return Some(format!(
            "the API server takes no such change of a {} that is there: change what it is made \
             from, delete it and make it again",
            name.kind
        ));
    }
    let by_pointer = |operation: &Operation| {
        operation
            .pointer()
            .is_some_and(|p| p != "/apiVersion" && p != "/kind" && p != "/metadata/name")
    };
    if !operations.iter().all(by_pointer) {
        return Some("a patch cannot say this: change what the object is made from".to_owned());
    }
    let alone = snapshot.find(object.scope, name).map(|(found, _)| found) == Some(id);
    let namespace = name.namespace.as_deref().unwrap_or_default();
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
    let is_named = !name.name.is_empty() && plain(&name.name) && plain(namespace);
    if !alone || !is_named || name.name.ends_with('*') {
        return Some("a patch needs a proper name that only this object has".to_owned());
    }
    let tree = object.tree()?;
    changed(tree, operations).err()
}

fn is_of_template(operation: &Operation) -> bool {
    operation.pointer().is_some_and(|p| p.starts_with("/spec"))
}

/// The picture with objects changed. What they made is left out of it: it is made anew.
pub(super) fn with_patches(
    snapshot: &Snapshot,
    map: &SourceMap,
    patches: &BTreeMap<ObjectId, Vec<Operation>>,
) -> Result<Snapshot, String> {
    let mut changes = Vec::new();
    for (id, operations) in patches {
        let Some((object, tree)) = snapshot.get(*id).and_then(|o| Some((o, o.tree()?))) else {
            continue;
        };
        let new = changed(tree, operations)?;
        let (mut before, mut gaps) = (Vec::new(), Vec::new());
        let _ = read_keeping(tree, object.scope, map, &mut before, Keep::Trees);
        let new = read_keeping(&new, object.scope, map, &mut gaps, Keep::Trees)
            .filter(|_| gaps.len() <= before.len())
            .ok_or("the object could not be read with the change")?;
        changes.push(Change::Put(Box::new(new)));
        for made in made_by(*id, snapshot) {
            changes.push(Change::Remove(made.scope, made.reference.clone()));
        }
    }
    Ok(snapshot.clone().apply(changes))
}

/// The tree with operations, each in its turn.
fn changed(tree: &Node, operations: &[Operation]) -> Result<Node, String> {
    let mut operations = Operation::in_turn(operations).into_iter();
    operations.try_fold(tree.clone(), |tree, next| {
        edit::changed(&tree, next).map_err(|refusal| refusal.to_string())
    })
}

/// The ReplicaSets, Jobs and Pods that an object made, directly or not.
fn made_by(id: ObjectId, snapshot: &Snapshot) -> Vec<&Object> {
    let mut workloads = snapshot.workloads().iter();
    let Some(workload) = workloads.find(|workload| workload.members.contains(&id)) else {
        return Vec::new();
    };
    let mut makers: HashSet<ObjectId> = HashSet::from([id]);
    let mut made = Vec::new();
    // Chains are three long (CronJob, Job, Pod).
    for _ in 0..3 {
        for member in &workload.members {
            let Some(object) = snapshot.get(*member).filter(|_| !makers.contains(member)) else {
                continue;
            };
            let of = |maker: &ObjectId| {
                let there = snapshot.get(*maker).map(|maker| &maker.reference);
                there.is_some_and(|maker| object.is_controlled_by(maker))
            };
            if makers.iter().any(of) {
                makers.insert(*member);
                made.push(object);
            }
        }
    }
    made
}

/// Who else says what the object is, and would undo a patch sooner or later.
pub(super) fn manager(object: &Object) -> Option<&'static str> {
    let annotated = |key| object.annotation(key).is_some();
    let labelled = |key| object.label(key).is_some();
    if annotated("argocd.argoproj.io/tracking-id") || labelled("argocd.argoproj.io/instance") {
        Some("Argo CD")
    } else if labelled("kustomize.toolkit.fluxcd.io/name")
        || labelled("helm.toolkit.fluxcd.io/name")
    {
        Some("Flux")
    } else if object.label("app.kubernetes.io/managed-by") == Some("Helm") {
        Some("Helm")
    } else {
        None
    }
}
