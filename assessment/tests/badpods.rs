//! `BadPods` (Bishop Fox) are pods that differ in what they are allowed: each gives the ways out
//! of its container that its authors describe, in every kind of workload, and no other. Twins
//! that meet the level `restricted` give none. Skipped where the collection is not there.

#![allow(clippy::expect_used, clippy::indexing_slicing)] // helpers of tests may fail loudly

use seawall_assessment::{Assessment, Config, assess};
use seawall_model::fact::PodSecurityLevel;
use seawall_model::{Coverage, Fact, SourceFile, SourceKind, SourceMap, Span};
use seawall_snapshot::{Builder, ScopeId, object};
use seawall_yaml::{Limits, Map, Node, Value, parse};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What gets each out of its container.
const KNOWN: [(&str, &[&str]); 8] = [
    (
        "everything-allowed",
        &[
            "CE_HOSTIPC",
            "CE_PRIV_MOUNT",
            "CE_PRIV_NSENTER",
            "CE_PROC_ROOT",
            "HP_ALL",
        ],
    ),
    (
        "priv-and-hostpid",
        &["CE_PRIV_MOUNT", "CE_PRIV_NSENTER", "CE_PROC_ROOT"],
    ),
    ("priv", &["CE_PRIV_MOUNT"]),
    ("hostpath", &["HP_ALL"]),
    ("hostpid", &["CE_PROC_ROOT"]),
    ("hostnetwork", &["CE_NET_RAW"]),
    ("hostipc", &["CE_HOSTIPC"]),
    ("nothing-allowed", &[]),
];

/// One manifest of the collection has more than its name says.
const ODD: (&str, &[&str]) = (
    "hostipc-revshell-deamonset.yaml",
    &["CE_HOSTIPC", "CE_NET_RAW", "CE_PROC_ROOT"],
);

fn judged(path: &Path, change: fn(&mut Node)) -> Assessment {
    let text = std::fs::read_to_string(path).expect("a manifest");
    let (map, mut gaps) = (SourceMap::new(), Vec::new());
    let file = map.add_file(SourceFile {
        path: path.to_string_lossy().into(),
        kind: SourceKind::File,
    });
    let mut builder = Builder::new();
    for mut document in parse(&text, file, &Limits::default()).documents {
        change(&mut document.root);
        builder
            .add(object::read(&document.root, ScopeId::PLAIN, &map, &mut gaps).expect("an object"));
    }
    let config = Config {
        with_paths: true,
        ..Config::default()
    };
    assess(&builder.build(), Coverage::default(), &map, &config)
}

fn escapes(assessment: &Assessment) -> BTreeSet<&str> {
    let ways = assessment.ways.as_ref().expect("paths were asked for");
    let ids = ways.steps.iter().map(|step| step.technique.as_str());
    ids.filter(|id| id.starts_with("CE_") || id.starts_with("HP_"))
        .collect()
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let kinds = std::fs::read_dir(folder).expect("a folder");
    let files = kinds.flat_map(|kind| std::fs::read_dir(kind.expect("a folder").path()));
    let mut files: Vec<PathBuf> = files
        .flatten()
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    files
}

/// Makes the pods of a manifest as careful as `restricted` wants them.
fn restrict(node: &mut Node) {
    match &mut node.value {
        Value::Map(map) if map.contains_key("containers") => {
            for key in ["hostNetwork", "hostPID", "hostIPC"] {
                map.remove(key);
            }
            for volume in list(map, "volumes") {
                volume.remove("hostPath");
            }
            for container in list(map, "containers") {
                container.insert("securityContext", Span::NONE, careful());
            }
        }
        Value::Map(map) => {
            for entry in map.entries_mut() {
                restrict(&mut entry.value);
            }
        }
        _ => {}
    }
}

fn list<'n>(map: &'n mut Map, key: &str) -> impl Iterator<Item = &'n mut Map> {
    let items = map.get_mut(key).and_then(Node::as_seq_mut);
    items.into_iter().flatten().filter_map(Node::as_map_mut)
}

fn careful() -> Node {
    const TEXT: &str = "{runAsNonRoot: true, allowPrivilegeEscalation: false, \
                        capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}";
    let map = SourceMap::new();
    let file = map.add_file(SourceFile {
        path: "careful".into(),
        kind: SourceKind::File,
    });
    let mut documents = parse(TEXT, file, &Limits::default()).documents;
    let mut root = documents.pop().expect("a document").root;
    root.map_spans(&mut |_| Span::NONE);
    root
}

#[test]
fn each_bad_pod_gets_out_as_it_is_known_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/posture/badpods");
    if !root.is_dir() {
        println!("skipped: no BadPods at {}", root.display());
        return;
    }
    for (name, known) in KNOWN {
        let files = manifests(&root.join(name));
        assert!(files.len() >= 16, "{name}: {} manifests", files.len());
        for file in files {
            let known = if file.ends_with(ODD.0) { ODD.1 } else { known };
            let known: BTreeSet<&str> = known.iter().copied().collect();
            let bad = judged(&file, |_| {});
            assert_eq!(escapes(&bad), known, "{}", file.display());
            let twin = judged(&file, restrict);
            let is_restricted = |fact: &Fact| matches!(fact, Fact::Meets { level, .. } if *level == PodSecurityLevel::Restricted);
            assert!(twin.facts.iter().any(is_restricted), "{}", file.display());
            assert!(escapes(&twin).is_empty(), "twin of {}", file.display());
        }
    }
}
