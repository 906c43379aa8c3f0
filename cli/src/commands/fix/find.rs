//! Which object a finding is about.

use seawall_model::{Asset, Finding, ResourceRef, SourceMap, Span};
use seawall_snapshot::{Object, ObjectId, Snapshot};
use seawall_yaml::Node;
use std::collections::HashMap;

/// All objects by name, see [`ResourceRef::lasting`].
pub(super) fn names(snapshot: &Snapshot) -> HashMap<ResourceRef, Vec<ObjectId>> {
    let mut names: HashMap<ResourceRef, Vec<ObjectId>> = HashMap::new();
    for (id, object) in snapshot.objects() {
        let name = object.reference.lasting();
        names.entry(name).or_default().push(id);
    }
    names
}

/// The object that a finding is about.
pub(super) fn locate(
    finding: &Finding,
    snapshot: &Snapshot,
    by_name: &HashMap<ResourceRef, Vec<ObjectId>>,
    map: &SourceMap,
) -> Option<ObjectId> {
    let span = finding.locus.span;
    let holds = |id: &ObjectId| {
        let object = snapshot.get(*id);
        let tree = object.and_then(Object::tree);
        tree.is_some_and(|tree| mentions(tree, span))
    };
    let mut named: Vec<ObjectId> = Vec::new();
    for asset in std::iter::once(&finding.asset).chain(&finding.affected) {
        if let Asset::Resource(reference) = asset {
            named.extend(by_name.get(&reference.lasting()).into_iter().flatten());
        }
    }
    if let Some(found) = named.iter().find(|id| holds(id)) {
        return Some(*found);
    }
    let in_file = |id: &ObjectId| {
        let object = snapshot.get(*id);
        object.is_some_and(|object| map.path(object.span.file) == map.path(span.file))
    };
    if let Some(found) = named.iter().find(|id| in_file(id)) {
        return Some(*found);
    }
    if let [only] = *named {
        return Some(only);
    }
    if !named.is_empty() || matches!(finding.asset, Asset::Resource(_)) {
        return None;
    }
    snapshot
        .objects()
        .map(|(id, _)| id)
        .find(|id| in_file(id) && holds(id))
}

/// Whether something of a tree stands exactly there.
fn mentions(node: &Node, span: Span) -> bool {
    let same =
        |other: Span| other.file == span.file && other.start == span.start && other.end == span.end;
    if same(node.span) {
        return true;
    }
    if let Some(map) = node.as_map() {
        return map
            .iter()
            .any(|entry| same(entry.key_span) || mentions(&entry.value, span));
    }
    node.as_seq()
        .is_some_and(|items| items.iter().any(|item| mentions(item, span)))
}
