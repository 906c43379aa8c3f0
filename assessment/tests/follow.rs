//! What a follower has said after any changes is what a fresh look at everything says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly"
)]

use proptest::prelude::*;
use seawall_assessment::{Config, Follower, Judged, Part, assess, part_of};
use seawall_model::{Coverage, Finding, FindingId, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Change, Object, ScopeId, object};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// All objects that may come, change and go: of each name, the variants that it may have.
static OBJECTS: LazyLock<Vec<Vec<Object>>> = LazyLock::new(|| {
    let map = SourceMap::new();
    let mut by_name: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    for namespace in ["team-a", "team-b", "kube-system"] {
        let local = include_str!("follow/namespace.yaml").replace("NAMESPACE", namespace);
        read(&local, namespace, &map, &mut by_name);
    }
    read(
        include_str!("follow/cluster.yaml"),
        "cluster",
        &map,
        &mut by_name,
    );
    by_name.into_values().collect()
});

fn read(text: &str, path: &str, map: &SourceMap, by_name: &mut BTreeMap<String, Vec<Object>>) {
    let file = map.add_file(SourceFile {
        path: path.into(), // one place in two objects would be one root cause
        kind: SourceKind::File,
    });
    let stream = seawall_yaml::parse(text, file, &seawall_yaml::Limits::default());
    assert_eq!(stream.problems, []);
    for document in stream.documents {
        let object = object::read(&document.root, ScopeId::PLAIN, map, &mut Vec::new()).unwrap();
        let name = object.reference.to_string();
        by_name.entry(name).or_default().push(object);
    }
}

/// What is said of a finding.
type Said = BTreeMap<Part, BTreeMap<FindingId, String>>;

fn said(findings: &[Finding]) -> Said {
    let mut said = Said::new();
    for finding in findings {
        let space = said.entry(part_of(finding)).or_default();
        let severity = finding.severity.name();
        let text = format!("{severity} {} {}", finding.rule, finding.message);
        space.insert(finding.id, text);
    }
    said
}

fn fresh(present: &BTreeMap<usize, usize>, map: &SourceMap) -> Said {
    let mut builder = Builder::new().complete();
    for (which, variant) in present {
        builder.add(OBJECTS[*which][*variant].clone());
    }
    let answer = assess(
        &builder.build(),
        Coverage::default(),
        map,
        &Config::default(),
    );
    said(&answer.findings)
}

#[test]
fn there_is_something_to_say_of_all_of_them() {
    let objects = OBJECTS.iter().enumerate();
    let all = objects.map(|(which, _)| (which, 0)).collect();
    let said = fresh(&all, &SourceMap::new());
    assert!(said.len() >= 4, "{said:?}");
    assert!(
        said.values().map(BTreeMap::len).sum::<usize>() > 30,
        "{said:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_follower_says_what_a_fresh_look_says(
        steps in prop::collection::vec(
            prop::collection::vec(
                (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8), 1..3),
            1..25),
    ) {
        let map = SourceMap::new();
        let mut snapshot = Builder::new().complete().build();
        let mut present = BTreeMap::new();
        let (mut follower, answer) =
            Follower::start(&snapshot, Coverage::default(), &map, Config::default());
        let mut now = said(&answer.findings);
        let mut told = Vec::new();
        for step in steps {
            let mut changes = Vec::new();
            for (which, variant, stays) in step {
                let which = which.index(OBJECTS.len());
                let variant = variant.index(OBJECTS[which].len());
                let object = OBJECTS[which][variant].clone();
                changes.push(if stays > 0 {
                    present.insert(which, variant);
                    Change::Put(Box::new(object))
                } else {
                    present.remove(&which);
                    Change::Remove(ScopeId::PLAIN, object.reference)
                });
            }
            let names: Vec<String> = changes.iter().map(|change| match change {
                Change::Put(object) => format!("put {}", object.reference),
                Change::Remove(_, name) => format!("remove {name}"),
            }).collect();
            told.push(names);
            let changed;
            (snapshot, changed) = snapshot.update(changes);
            match follower.next(&snapshot, changed.iter().map(AsRef::as_ref)) {
                Judged::Everything(answer) => now = said(&answer.findings),
                Judged::Parts(parts, findings) => {
                    now.retain(|part, _| !parts.contains(part));
                    now.extend(said(&findings));
                }
            }
            let fresh = fresh(&present, &map);
            let only = |these: &Said, those: &Said| -> Vec<String> {
                let all = these.iter().flat_map(|(space, said)| {
                    said.iter().map(move |(id, text)| (space, id, text))
                });
                let known = |space, id| those.get(space).and_then(|said| said.get(id));
                let new = all.filter(|(space, id, text)| known(*space, *id) != Some(*text));
                new.map(|(space, _, text)| format!("{space:?} {text}")).collect()
            };
            let none: Vec<String> = Vec::new();
            let difference = (only(&now, &fresh), only(&fresh, &now));
            prop_assert_eq!(difference, (none.clone(), none), "{:?}", told);
        }
    }
}
