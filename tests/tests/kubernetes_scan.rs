//! A real API server, watched while things change at random: what the watch has in the end is
//! what a fresh scan sees.
//!
//! `cargo test -p seawall-tests --test kubernetes_scan -- --ignored --nocapture` starts one to
//! try things by hand.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test helpers may fail loudly and say what they skip"
)]

use seawall_assessment::{Config, assess};
use seawall_kubernetes::{Access, Seen, read, watch};
use seawall_model::{Coverage, SourceMap};
use seawall_snapshot::Snapshot;
use seawall_tests::cluster::{Cluster, Options};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What is there and what is wrong with it.
type Sight = (BTreeSet<String>, BTreeSet<String>);

fn sight(snapshot: &Snapshot, map: &SourceMap) -> Sight {
    let objects = snapshot.objects();
    let objects = objects.map(|(_, object)| object.reference.to_string());
    let answer = assess(snapshot, Coverage::default(), map, &Config::default());
    let findings = answer.findings.iter();
    let findings = findings.map(|finding| format!("{} {}", finding.id, finding.message));
    (objects.collect(), findings.collect())
}

struct Dice(u64);

impl Dice {
    /// A linear congruential generator: the same changes in every run.
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn change(cluster: &Cluster, dice: &mut Dice) {
    let namespace = format!("n{}", dice.below(2));
    let name = format!("x{}", dice.below(4));
    let spec = json!({"containers": [{
        "name": "app", "image": format!("registry.example/a:{}", dice.below(3)),
        "securityContext": {"privileged": dice.below(2) == 0},
        "env": [{"name": "DB_PASSWORD", "value": format!("hunter{}", dice.below(3))}],
    }]});
    let metadata = json!({"name": name, "namespace": namespace});
    let level = if dice.below(2) == 0 {
        "baseline"
    } else {
        "privileged"
    };
    let object = match dice.below(5) {
        0 => json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            },
        }),
        1 => json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata,
            "spec": {
                "schedule": "0 0 * * *",
                "jobTemplate": {"spec": {"template": {"spec": {
                    "restartPolicy": "Never", "containers": spec["containers"],
                }}}},
            },
        }),
        2 => json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata,
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        }),
        3 => json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": {"db_password": format!("hunter{}", dice.below(3))},
        }),
        _ => json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {
                "pod-security.kubernetes.io/enforce": level,
            }},
        }),
    };
    if dice.below(3) == 0 && object["kind"] != "Namespace" {
        let path = cluster.api.path(&object).unwrap();
        cluster.api.json("DELETE", &path, &Value::Null);
    } else {
        let refused = cluster.api.apply_all(vec![object]);
        assert_eq!(refused, Vec::<String>::new());
    }
}

#[test]
fn a_watch_ends_with_what_a_fresh_scan_sees() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    let namespaces = ["n0", "n1"]
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    cluster.api.apply_all(namespaces.to_vec());
    let options = seawall_kubernetes::Options {
        access: Access {
            kubeconfig: Some(cluster.kubeconfig()),
            context: Some("full".to_owned()),
        },
        ..seawall_kubernetes::Options::default()
    };
    let latest: Arc<Mutex<Option<Sight>>> = Arc::default();
    let (to_see, watched) = (Arc::clone(&latest), options.clone());
    std::thread::spawn(move || {
        let map = Arc::new(SourceMap::new());
        let mut see = |seen: &Seen<'_>| {
            *to_see.lock().unwrap() = Some(sight(seen.snapshot, &map));
            true
        };
        let _ = watch(&watched, &map, &mut see);
    });
    let start = Instant::now();
    while latest.lock().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_mins(1), "no first sight");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut dice = Dice(7);
    for round in 0..12 {
        for _ in 0..=dice.below(15) {
            change(&cluster, &mut dice);
        }
        let map = Arc::new(SourceMap::new());
        let fresh = sight(&read(&options, &map).unwrap().snapshot, &map);
        let start = Instant::now();
        loop {
            let now = latest.lock().unwrap().clone().unwrap();
            if now == fresh {
                break;
            }
            let objects: Vec<_> = now.0.symmetric_difference(&fresh.0).collect();
            let findings: Vec<_> = now.1.symmetric_difference(&fresh.1).collect();
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "round {round}: {objects:?} {findings:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(fresh.1.len() > 3);
    }
}

#[test]
#[ignore = "runs until the file it names is removed"]
fn server() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    println!("KUBECONFIG={}", cluster.kubeconfig().display());
    while cluster.kubeconfig().is_file() {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}
