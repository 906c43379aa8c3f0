//! However a picture came about, it is the same picture.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly"
)]

use proptest::prelude::*;
use seawall_model::{ResourceRef, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Change, Object, ScopeId, Snapshot, object};
use std::collections::BTreeMap;

/// An object: what it is, and which controller it names, if any.
type Sketch = (usize, usize);

const OBJECTS: [(&str, &str, &str); 9] = [
    ("v1", "Pod", "web-5d4-a"),
    ("v1", "Pod", "web-5d4-b"),
    ("v1", "Pod", "alone"),
    ("apps/v1", "ReplicaSet", "web-5d4"),
    ("apps/v1", "Deployment", "web"),
    ("batch/v1", "Job", "once"),
    ("batch/v1", "CronJob", "often"),
    ("example.com/v1", "App", "app"),
    ("v1", "ConfigMap", "settings"),
];

fn read((which, controller): Sketch) -> Object {
    let (version, kind, name) = OBJECTS[which];
    let owner = OBJECTS
        .get(controller)
        .map_or(String::new(), |(version, kind, name)| {
            format!(
                ", labels: {{pod-template-hash: 5d4}}, ownerReferences: [{{apiVersion: {version}, \
             kind: {kind}, name: {name}, controller: true}}]"
            )
        });
    let pod = "{containers: [{name: a, image: b}]}";
    let spec = match kind {
        "Pod" => pod.to_owned(),
        "ConfigMap" => "{}".to_owned(),
        "CronJob" => format!("{{jobTemplate: {{spec: {{template: {{spec: {pod}}}}}}}}}"),
        _ => format!("{{template: {{spec: {pod}}}}}"),
    };
    let text = format!(
        "{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}, namespace: ns{owner}}}, \
         spec: {spec}}}"
    );
    let map = SourceMap::new();
    let file = map.add_file(SourceFile {
        path: "test.yaml".into(),
        kind: SourceKind::File,
    });
    let stream = seawall_yaml::parse(&text, file, &seawall_yaml::Limits::default());
    object::read(
        &stream.documents[0].root,
        ScopeId::PLAIN,
        &map,
        &mut Vec::new(),
    )
    .unwrap()
}

/// What can be asked of a picture; ids are not part of it.
fn answers(snapshot: &Snapshot) -> Vec<(ResourceRef, Vec<ResourceRef>)> {
    let name = |id| snapshot.get(id).unwrap().reference.clone();
    for (_, object) in snapshot.objects() {
        let found = snapshot.find(object.scope, &object.reference);
        assert!(std::ptr::eq(found.unwrap().1, object));
    }
    let workloads = snapshot.workloads().iter();
    workloads
        .map(|w| {
            (
                w.owner.clone(),
                w.members.iter().copied().map(name).collect(),
            )
        })
        .collect()
}

proptest! {
    #[test]
    fn changes_one_by_one_make_the_picture_of_them_all(
        changes in prop::collection::vec(
            prop::collection::vec((0..OBJECTS.len(), 0..12_usize, any::<bool>()), 1..4), 1..12),
    ) {
        let mut snapshot = Builder::new().build();
        let mut present = BTreeMap::new();
        for step in changes {
            let step = step.into_iter().map(|(which, controller, stays)| {
                let object = read((which, controller));
                if stays {
                    present.insert(which, controller);
                    return Change::Put(Box::new(object));
                }
                present.remove(&which);
                Change::Remove(ScopeId::PLAIN, object.reference)
            });
            snapshot = snapshot.apply(step.collect());
            let mut builder = Builder::new();
            for sketch in &present {
                builder.add(read((*sketch.0, *sketch.1)));
            }
            prop_assert_eq!(answers(&snapshot), answers(&builder.build()));
            prop_assert_eq!(snapshot.len(), present.len());
        }
    }
}
