//! NetworkPolicies against the policy matcher of cyclonus (`tests/oracle/netpol`): on generated
//! clusters both must let pass the same, for every pair, protocol and a choice of ports.
//!
//! One difference is known and left out: to the matcher `NotIn` needs the label to be there. To
//! Kubernetes (`labels.Requirement`, case 4) a pod without the label matches.
//!
//! `CYCLONUS_CASES=2000` looks longer.

// Test code, though not inside of test functions: it may fail and print as it likes.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing
)]

mod networks;

use networks::numbers::{Numbers, PORTS};
use networks::{INSIDE, ask, digits, judges, outside, pod, question, snapshot};
use seawall_network::{Cidr, Config, Model, Network, World};
use serde_json::{Value, json};
use std::process::Command;

const OUTSIDE: [&str; 3] = ["20.0.0.1", "20.1.2.3", "8.8.8.8"];

/// Leaves the known difference out: every `NotIn` asks for the label, too.
fn with_labels_there(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(with_labels_there),
        Value::Object(fields) => {
            fields.values_mut().for_each(with_labels_there);
            let Some(all) = fields.get_mut("matchExpressions") else {
                return;
            };
            let all = all.as_array_mut().expect("a list");
            let absent: Vec<Value> = all
                .iter()
                .filter(|one| one["operator"] == "NotIn")
                .cloned()
                .collect();
            all.extend(
                absent
                    .iter()
                    .map(|one| json!({"key": one["key"], "operator": "Exists"})),
            );
        }
        _ => {}
    }
}

/// A cluster as the judge asks for it.
fn cluster(numbers: &mut Numbers) -> Value {
    let spaces: Vec<Value> = (0..3)
        .map(|_| numbers.labels(&["team", "env"], &["red", "blue"]))
        .collect();
    let mut ends: Vec<Value> = (0..=numbers.below(5))
        .map(|_| {
            let space = numbers.below(spaces.len());
            let mut ports: Vec<Value> = ["web", "dns"]
                .iter()
                .map(|name| {
                    let protocol = numbers.one(&["TCP", "UDP"]);
                    json!({"name": name, "protocol": protocol, "port": numbers.one(&PORTS)})
                })
                .collect();
            // The matcher knows one name for a port.
            if ports.first().map(|p| &p["port"]) == ports.get(1).map(|p| &p["port"]) {
                ports.pop();
            }
            json!({
                "namespace": format!("n{space}"), "namespace_labels": spaces.get(space),
                "labels": numbers.labels(&["app", "tier"], &["a", "b", "c"]),
                "ip": INSIDE, "ports": ports,
            })
        })
        .collect();
    ends.extend(OUTSIDE.iter().map(|ip| json!({"ip": ip})));
    let count = numbers.below(5);
    let policies: Vec<Value> = (0..count)
        .map(|index| numbers.network_policy(index))
        .collect();
    let mut policies = Value::from(policies);
    with_labels_there(&mut policies);
    json!({"policies": policies, "ends": ends, "ports": PORTS})
}

/// The objects of a cluster.
fn documents(cluster: &Value) -> Vec<Value> {
    let mut documents: Vec<Value> = Vec::new();
    let list = |key: &str| cluster[key].as_array().cloned().unwrap_or_default();
    for (index, end) in list("ends").iter().enumerate() {
        let Some(space) = end["namespace"].as_str() else {
            continue;
        };
        let port = |port: &Value| {
            json!({"name": port["name"], "protocol": port["protocol"],
                   "containerPort": port["port"]})
        };
        let ports: Vec<Value> = end["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(port)
            .collect();
        documents.push(json!({"apiVersion": "v1", "kind": "Namespace",
                              "metadata": {"name": space, "labels": end["namespace_labels"]}}));
        documents.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("p{index}"), "namespace": space, "labels": end["labels"]},
            "spec": {"containers": [{"name": "main", "image": "x", "ports": ports}]},
        }));
    }
    documents.extend(list("policies"));
    documents
}

/// Our answer, digit by digit as the judge gives it.
fn ours(cluster: &Value) -> String {
    let snapshot = snapshot(&documents(cluster));
    let world = World::new(&snapshot);
    let config = Config {
        pod_ranges: Cidr::read(&format!("{INSIDE}/32")).into_iter().collect(),
        ..Config::default()
    };
    let network = Network::new(&world, &config);
    assert!(network.gaps().is_empty(), "{:?}", network.gaps());
    let ends = cluster["ends"].as_array().expect("ends").iter().enumerate();
    let peers: Vec<_> = ends
        .map(|(index, end)| match end["namespace"].as_str() {
            Some(space) => pod(&network, space, &format!("p{index}")),
            None => outside(&network, end["ip"].as_str().expect("an address")),
        })
        .collect();
    digits(&network, &peers, &PORTS, Model::Adversarial)
}

#[test]
fn both_let_pass_the_same() {
    let Some(judges) = judges(None) else { return };
    let cases = std::env::var("CYCLONUS_CASES").ok();
    let cases: usize = cases.and_then(|text| text.parse().ok()).unwrap_or(300);
    let mut numbers = Numbers(2026);
    let clusters: Vec<Value> = (0..cases).map(|_| cluster(&mut numbers)).collect();
    let answers = ask(&mut Command::new(judges.join("netpol")), &clusters);
    let (mut questions, mut open) = (0, 0);
    for (cluster, answer) in clusters.iter().zip(&answers) {
        let theirs = answer["allowed"].as_str();
        let theirs = theirs.unwrap_or_else(|| panic!("{answer}: {cluster}"));
        let ours = ours(cluster);
        questions += ours.len();
        open += ours.bytes().filter(|digit| *digit == b'1').count();
        if let Some(place) = ours.bytes().zip(theirs.bytes()).position(|(a, b)| a != b) {
            let ends = cluster["ends"].as_array().map_or(0, Vec::len);
            let about = question(place, ends, &PORTS);
            panic!("{about:?} is otherwise:\n{ours}\n{theirs}\n{cluster}");
        }
    }
    eprintln!("{cases} clusters, {questions} questions, {open} open, no difference");
}
