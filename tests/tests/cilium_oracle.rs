//! Policies against Cilium's own packages (`tests/oracle/cilium`): on generated clusters both
//! must let pass the same, for every pair, protocol and a choice of ports, with what Cilium
//! leaves to a proxy as what lets some requests pass.
//!
//! Which differences are known, and why, is told in `tests/oracle/README.md`; the clusters here
//! leave them out.
//!
//! `CILIUM_CASES=2000` looks longer.

// Test code, though not inside of test functions: it may fail and print as it likes.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing
)]

mod networks;

use networks::numbers::{Numbers, PORTS, only_of_types};
use networks::{INSIDE, ask, digits, judges, outside, pod, question, snapshot};
use seawall_network::{Cidr, Config, Model, Network, World};
use serde_json::{Value, json};
use std::process::Command;

const OUTSIDE: [&str; 5] = [
    "20.0.0.1",
    "20.1.2.3",
    "8.8.8.8",
    "10.1.2.3",
    "2001:4860::8",
];

const SPACES: [&str; 3] = ["n0", "n1", "n2"];

/// What the policies of a cluster are.
#[derive(Clone, Copy)]
enum Kinds {
    Cilium,
    Kubernetes,
    Administrators,
    Mixed,
}

/// A selector as Cilium has them.
fn endpoints(numbers: &mut Numbers) -> Value {
    let by_label = &["app", "k8s:tier", "any:app", "k8s.tier"];
    match numbers.below(8) {
        0 => json!({}),
        1 => json!({"matchLabels": {"k8s:io.kubernetes.pod.namespace": numbers.one(&SPACES)}}),
        2 => numbers.selector(
            &["io.cilium.k8s.namespace.labels.team", "app"],
            &["red", "blue", "a"],
        ),
        3 => numbers.selector(
            &["io.cilium.k8s.policy.serviceaccount"],
            &["default", "robot"],
        ),
        4 => json!({"matchExpressions": [{"key": "io.kubernetes.pod.namespace",
                    "operator": "In", "values": [numbers.one(&SPACES)]}]}),
        _ => numbers.selector(by_label, &["a", "b", "c"]),
    }
}

fn block(numbers: &mut Numbers) -> Value {
    numbers.one(&[
        json!({"cidr": "0.0.0.0/0"}),
        json!({"cidr": "::/0"}),
        json!({"cidr": "20.0.0.0/8"}),
        json!({"cidr": "20.0.0.0/8", "except": ["20.1.0.0/16"]}),
        json!({"cidr": "0.0.0.0/0", "except": ["20.1.0.0/16", "10.0.0.0/8"]}),
        json!({"cidr": "192.168.7.0/24"}),
        json!({"cidr": "8.8.8.8/32"}),
    ])
}

const ENTITIES: [&str; 12] = [
    "all",
    "world",
    "world-ipv4",
    "world-ipv6",
    "cluster",
    "host",
    "remote-node",
    "none",
    "init",
    "health",
    "unmanaged",
    "ingress",
];

fn peers(numbers: &mut Numbers, way: &str) -> Value {
    let key = |name: &str| format!("{way}{name}");
    match numbers.below(12) {
        0 | 1 => json!({}),
        2..=6 => json!({key("Endpoints"): numbers.list(2, endpoints)}),
        7 | 8 => json!({key("Entities"): numbers.list(2, |n| json!(n.one(&ENTITIES)))}),
        9 => json!({key("CIDR"): numbers.list(2, |n| block(n)["cidr"].clone())}),
        _ => json!({key("CIDRSet"): numbers.list(2, block)}),
    }
}

fn port(numbers: &mut Numbers) -> Value {
    let number = numbers.one(&PORTS);
    match numbers.below(8) {
        0 => json!({"port": number.to_string()}),
        1 => json!({"port": "0", "protocol": numbers.one(&["TCP", "UDP", "ANY"])}),
        2 | 3 => {
            let last = number + u16::try_from(numbers.below(2000)).expect("small");
            json!({"port": number.to_string(), "endPort": last,
                   "protocol": numbers.one(&["TCP", "UDP", "ANY"])})
        }
        4 => json!({"port": numbers.one(&["web", "dns"]),
                    "protocol": numbers.one(&["TCP", "UDP"])}),
        _ => json!({"port": number.to_string(),
                    "protocol": numbers.one(&["TCP", "UDP", "SCTP", "ANY"])}),
    }
}

fn ports(numbers: &mut Numbers, allows: bool) -> Value {
    if allows && numbers.chance(2) {
        let number = numbers.one(&PORTS);
        return json!({"ports": [{"port": number.to_string(), "protocol": "TCP"}],
                      "rules": {"http": [{"method": "GET", "path": "/public"}]}});
    }
    let count = 1 + numbers.below(2);
    let items: Vec<Value> = (0..count).map(|_| port(numbers)).collect();
    json!({"ports": items})
}

fn cilium_policy(numbers: &mut Numbers, index: usize) -> Value {
    let rule = |way: &'static str, allows: bool| {
        move |numbers: &mut Numbers| {
            let mut rule = peers(numbers, way);
            let entities = rule.get_mut(format!("{way}Entities"));
            if let Some(entities) = entities.and_then(Value::as_array_mut)
                && !allows
                && entities.contains(&json!("host"))
            {
                // Which node a pod is on is not in the input.
                entities.push(json!("remote-node"));
            }
            if numbers.chance(6) {
                let count = numbers.below(3);
                rule["toPorts"] = (0..count).map(|_| ports(numbers, allows)).collect();
            } else if numbers.chance(1) {
                rule["icmps"] = json!([{"fields": [{"type": 8, "family": "IPv4"}]}]);
            }
            rule
        }
    };
    let mut spec = json!({"endpointSelector": endpoints(numbers)});
    for (key, way, allows, often) in [
        ("ingress", "from", true, 7),
        ("ingressDeny", "from", false, 3),
        ("egress", "to", true, 5),
        ("egressDeny", "to", false, 3),
    ] {
        if numbers.chance(often) {
            spec[key] = numbers.list(2, rule(way, allows));
        }
    }
    // Cilium refuses a policy without rules; a few are to be.
    let lists = ["ingress", "ingressDeny", "egress", "egressDeny"];
    let mut lists = lists.iter().filter_map(|key| spec[*key].as_array());
    if lists.all(Vec::is_empty) && numbers.chance(9) {
        spec["ingress"] = json!([rule("from", true)(numbers)]);
    }
    if numbers.chance(2) {
        spec["enableDefaultDeny"] =
            json!({"ingress": numbers.chance(5), "egress": numbers.chance(5)});
    }
    let mut policy = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": {"name": format!("policy-{index}")}, "spec": spec,
    });
    if numbers.chance(7) {
        policy["kind"] = json!("CiliumNetworkPolicy");
        policy["metadata"]["namespace"] = json!(numbers.one(&SPACES));
    }
    policy
}

fn admin_policy(numbers: &mut Numbers, index: usize) -> Value {
    let pods = |numbers: &mut Numbers| {
        if numbers.chance(5) {
            json!({"namespaces": numbers.spaces()})
        } else {
            json!({"pods": {"namespaceSelector": numbers.spaces(), "podSelector": numbers.pods()}})
        }
    };
    let rule = |way: &'static str| {
        move |numbers: &mut Numbers| {
            let count = 1 + numbers.below(2);
            let peers: Vec<Value> = (0..count)
                .map(|_| {
                    if way == "to" && numbers.chance(3) {
                        json!({"networks": [block(numbers)["cidr"]]})
                    } else {
                        pods(numbers)
                    }
                })
                .collect();
            let mut rule = json!({"action": numbers.one(&["Accept", "Deny", "Pass"]), way: peers});
            if numbers.chance(5) {
                let count = 1 + numbers.below(2);
                rule["protocols"] = (0..count).map(|_| protocol(numbers)).collect();
            }
            rule
        }
    };
    json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
        "metadata": {"name": format!("policy-{index}")},
        // Equal priorities have no order that is told: each policy has its own.
        "spec": {"tier": numbers.one(&["Admin", "Baseline"]), "priority": index,
                 "subject": pods(numbers),
                 "ingress": numbers.list(3, rule("from")), "egress": numbers.list(3, rule("to"))},
    })
}

fn protocol(numbers: &mut Numbers) -> Value {
    let number = numbers.one(&PORTS);
    match numbers.below(4) {
        0 => {
            let last = number + u16::try_from(numbers.below(2000)).expect("small");
            json!({"tcp": {"destinationPort": {"range": {"start": number, "end": last}}}})
        }
        1 => json!({numbers.one(&["udp", "sctp"]): {}}),
        2 => json!({"destinationNamedPort": numbers.one(&["web", "dns"])}),
        _ => json!({numbers.one(&["tcp", "udp"]): {"destinationPort": {"number": number}}}),
    }
}

/// To Cilium a selector that only says which namespaces it does not mean chooses the node and
/// the internet, too; so each such selector asks for a namespace.
fn within_namespaces(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(within_namespaces),
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                match key.as_str() {
                    "namespaces" | "namespaceSelector" => {
                        ask_for(value, "kubernetes.io/metadata.name");
                    }
                    _ => within_namespaces(value),
                }
            }
            if fields.contains_key("matchExpressions") {
                ask_for(value, "io.kubernetes.pod.namespace");
            }
        }
        _ => {}
    }
}

fn ask_for(selector: &mut Value, label: &str) {
    let is_about = |key: &Value| {
        let key = key.as_str().unwrap_or_default();
        !label.starts_with("io.") || key.starts_with("io.cilium.k8s.namespace.labels.")
    };
    let denies = |one: &Value| one["operator"] == "NotIn" || one["operator"] == "DoesNotExist";
    if let Some(all) = selector
        .get_mut("matchExpressions")
        .and_then(Value::as_array_mut)
        && all.iter().any(|one| is_about(&one["key"]) && denies(one))
    {
        all.push(json!({"key": label, "operator": "Exists"}));
    }
}

/// A cluster as the judge asks for it.
fn cluster(numbers: &mut Numbers, kinds: Kinds) -> Value {
    let namespaces: Vec<Value> = SPACES
        .iter()
        .map(|name| {
            let mut labels = numbers.labels(&["team", "env"], &["red", "blue"]);
            labels["kubernetes.io/metadata.name"] = json!(name);
            json!({"apiVersion": "v1", "kind": "Namespace",
                   "metadata": {"name": name, "labels": labels}})
        })
        .collect();
    let pods: Vec<Value> = (0..=numbers.below(5))
        .map(|index| {
            let is_node = numbers.chance(1);
            let mut ports: Vec<Value> = ["web", "dns"]
                .iter()
                .map(|name| {
                    let protocol = numbers.one(&["TCP", "UDP"]);
                    json!({"name": name, "protocol": protocol, "containerPort": numbers.one(&PORTS)})
                })
                .collect();
            if is_node {
                // Cilium knows no names for ports of nodes.
                ports.clear();
            }
            json!({"apiVersion": "v1", "kind": "Pod",
                   "metadata": {"name": format!("p{index}"), "namespace": numbers.one(&SPACES),
                                "labels": numbers.labels(&["app", "tier"], &["a", "b", "c"])},
                   "spec": {"hostNetwork": is_node,
                            "serviceAccountName": numbers.one(&["default", "default", "robot"]),
                            "containers": [{"name": "main", "image": "x", "ports": ports}]}})
        })
        .collect();
    // It holds nobody, and says that the network is Cilium's.
    let cilium = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "here", "namespace": "n0"},
        "spec": {"endpointSelector": {"matchLabels": {"no": "pod"}}, "ingress": [{}]},
    });
    let policies = (0..numbers.below(5)).map(|index| {
        let kind = match kinds {
            Kinds::Cilium => 0,
            Kinds::Kubernetes => 1,
            Kinds::Administrators => 2,
            Kinds::Mixed => numbers.below(3),
        };
        let mut policy = match kind {
            0 => cilium_policy(numbers, index),
            1 => only_of_types(numbers.network_policy(index)),
            _ => {
                let mut policy = admin_policy(numbers, index);
                if matches!(kinds, Kinds::Mixed) {
                    // To Cilium the baseline comes before what isolates a pod.
                    policy["spec"]["tier"] = json!("Admin");
                }
                policy
            }
        };
        within_namespaces(&mut policy);
        policy
    });
    let policies: Vec<Value> = policies.chain([cilium]).collect();
    json!({"namespaces": namespaces, "pods": pods, "addresses": OUTSIDE, "policies": policies,
           "ports": PORTS})
}

fn list<'v>(cluster: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    cluster[key].as_array().expect("a list").iter()
}

/// Our answer, digit by digit as the judge gives it; or what we cannot apply.
fn ours(cluster: &Value) -> Result<String, String> {
    let objects = ["namespaces", "pods", "policies"];
    let snapshot = snapshot(objects.into_iter().flat_map(|key| list(cluster, key)));
    let world = World::new(&snapshot);
    let config = Config {
        pod_ranges: Cidr::read(&format!("{INSIDE}/32")).into_iter().collect(),
        ..Config::default()
    };
    let network = Network::new(&world, &config);
    if let Some(gap) = network.gaps().first() {
        return Err(gap.reason.clone());
    }
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let pods = list(cluster, "pods").map(|one| {
        let meta = &one["metadata"];
        pod(&network, &text(&meta["namespace"]), &text(&meta["name"]))
    });
    let addresses = list(cluster, "addresses").map(|one| outside(&network, &text(one)));
    let ends: Vec<_> = pods.chain(addresses).collect();
    Ok(digits(&network, &ends, &PORTS, Model::Adversarial))
}

/// Whether a question is one of policies: not about a pod and itself, which no policy stops
/// in any network, nor about two ends beyond the cluster.
fn counts(cluster: &Value, from: usize, to: usize) -> bool {
    let pods = list(cluster, "pods").count();
    let is_node = |end: usize| cluster["pods"][end]["spec"]["hostNetwork"] == true;
    // Kubernetes promises that a pod reaches its node; Cilium holds it to its NetworkPolicies.
    let is_promised = || list(cluster, "policies").any(|one| one["kind"] == "NetworkPolicy");
    from != to && (from < pods || to < pods) && !(is_node(to) && is_promised())
}

fn compare(kinds: Kinds, seed: u64) {
    let Some(judges) = judges(Some("cilium")) else {
        return;
    };
    let cases = std::env::var("CILIUM_CASES").ok();
    let cases: usize = cases.and_then(|text| text.parse().ok()).unwrap_or(150);
    let mut numbers = Numbers(seed);
    let clusters: Vec<Value> = (0..cases).map(|_| cluster(&mut numbers, kinds)).collect();
    let answers = ask(&mut Command::new(judges.join("cilium")), &clusters);
    let (mut questions, mut open, mut some, mut refused) = (0, 0, 0, 0);
    let mut different: Vec<String> = Vec::new();
    for (cluster, answer) in clusters.iter().zip(&answers) {
        let ours = match (ours(cluster), answer["error"].as_str()) {
            (Ok(ours), None) => ours,
            (Err(_), Some(_)) => {
                refused += 1;
                continue;
            }
            (ours, theirs) => {
                different.push(format!("refused: {:?} {theirs:?}\n{cluster}", ours.err()));
                continue;
            }
        };
        let theirs = answer["allowed"].as_str().expect("digits");
        assert_eq!(ours.len(), theirs.len());
        let ends = list(cluster, "pods").count() + OUTSIDE.len();
        for (place, (ours, theirs)) in ours.bytes().zip(theirs.bytes()).enumerate() {
            let (from, to, protocol, port) = question(place, ends, &PORTS);
            if !counts(cluster, from, to) {
                continue;
            }
            questions += 1;
            open += usize::from(theirs == b'1');
            some += usize::from(theirs == b'2');
            if ours != theirs {
                let (ours, theirs) = (char::from(ours), char::from(theirs));
                different.push(format!(
                    "{from} to {to} on {protocol:?} {port}: ours {ours}, theirs {theirs}\n{cluster}"
                ));
                break;
            }
        }
    }
    eprintln!(
        "{cases} clusters, {refused} refused by both, {questions} questions, {open} open, \
         {some} to some requests, {} clusters differ",
        different.len()
    );
    assert!(open > 0 && open + some < questions);
    // The smallest are the easiest to understand.
    different.sort_by_key(String::len);
    different.truncate(3);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn policies_of_cilium() {
    compare(Kinds::Cilium, 1);
}

#[test]
fn network_policies() {
    compare(Kinds::Kubernetes, 2);
}

#[test]
fn policies_of_administrators() {
    compare(Kinds::Administrators, 3);
}

#[test]
fn all_kinds_together() {
    compare(Kinds::Mixed, 4);
}
