//! The eight attack pods of BishopFox/badPods in every kind of workload.

#![allow(clippy::panic, reason = "test code")]

mod common;

use seawall_admission::pod_security::{evaluate, strictest};
use seawall_admission::{Config, REFUSED, check};
use seawall_model::KubernetesVersion;
use seawall_model::fact::PodSecurityLevel;
use seawall_snapshot::Builder;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The type, the strictest level that its pods meet, and what baseline has against them.
const TYPES: [(&str, PodSecurityLevel, &[&str]); 8] = [
    (
        "everything-allowed",
        PodSecurityLevel::Privileged,
        &["hostNamespaces", "hostPathVolumes", "privileged"],
    ),
    ("hostipc", PodSecurityLevel::Privileged, &["hostNamespaces"]),
    (
        "hostnetwork",
        PodSecurityLevel::Privileged,
        &["hostNamespaces"],
    ),
    (
        "hostpath",
        PodSecurityLevel::Privileged,
        &["hostPathVolumes"],
    ),
    ("hostpid", PodSecurityLevel::Privileged, &["hostNamespaces"]),
    // unset is enough for baseline, and for nothing else
    ("nothing-allowed", PodSecurityLevel::Baseline, &[]),
    ("priv", PodSecurityLevel::Privileged, &["privileged"]),
    (
        "priv-and-hostpid",
        PodSecurityLevel::Privileged,
        &["hostNamespaces", "privileged"],
    ),
];

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{error}"))
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_bad_pod_has_its_level() {
    let Some(folder) = common::shared("posture/badpods") else {
        return;
    };
    let newest = KubernetesVersion::NEWEST;
    let mut count = 0;
    for (name, level, against) in TYPES {
        for path in manifests(&folder.join(name)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.display().to_string();
            // Some files define a Service beside the workload.
            let objects = common::objects(&text, &path);
            let templates: Vec<_> = objects
                .iter()
                .flat_map(seawall_snapshot::Object::templates)
                .collect();
            assert_eq!(templates.len(), 1, "{path}");
            count += 1;
            assert_eq!(strictest(templates[0], newest), level, "{path}");
            let violations = evaluate(templates[0], PodSecurityLevel::Baseline, newest);
            let checks: BTreeSet<_> = violations.iter().map(|v| v.check).collect();
            assert_eq!(checks, against.iter().copied().collect(), "{path}");
            assert!(!evaluate(templates[0], PodSecurityLevel::Restricted, newest).is_empty());
        }
    }
    common::say(&format!("{count} of 128 bad pods have their level"));
    assert_eq!(count, 128);
}

/// A namespace that enforces baseline keeps out what its level says.
#[test]
fn a_baseline_namespace_refuses_them() {
    let Some(folder) = common::shared("posture/badpods") else {
        return;
    };
    let namespace = common::objects(
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: \
         {pod-security.kubernetes.io/enforce: baseline}}}",
        "namespace",
    );
    for (name, level, _) in TYPES {
        for path in manifests(&folder.join(name)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut builder = Builder::new();
            for mut object in common::objects(&text, name)
                .into_iter()
                .chain(namespace.clone())
            {
                if !object.templates().is_empty() {
                    object.reference.namespace = Some("shop".into());
                }
                builder.add(object);
            }
            let snapshot = builder.build();
            let outcome = check(&snapshot, &Config::default());
            let refused = outcome
                .findings
                .iter()
                .filter(|f| f.rule == REFUSED)
                .count();
            let expected = usize::from(level == PodSecurityLevel::Privileged);
            assert_eq!(refused, expected, "{}", path.display());
        }
    }
}
