//! NetworkPolicies and Istio's AuthorizationPolicies against network-config-analyzer
//! (`tests/oracle/nca`): on generated clusters both must let the same arrive, for every pair,
//! protocol and a choice of ports.
//!
//! It knows neither mutual TLS nor who has a sidecar. So here every pod has one, and either
//! plaintext is refused (then even a compromised source calls as itself) or callers do as they
//! are configured. Which differences are known, and why, is told in `tests/oracle/README.md`;
//! the clusters here leave them out.
//!
//! `NCA_CASES=2000` looks longer.

// Test code, though not inside of test functions: it may fail and print as it likes.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing
)]

mod networks;

use networks::numbers::{Numbers, PORTS, only_of_types};
use networks::{INSIDE, ask, digits, judges, outside, pod, question, root, snapshot};
use seawall_network::istio::Istio;
use seawall_network::request::{Block, Condition, Field, Pattern, Possible, Test};
use seawall_network::{Cidr, Config, EndpointId, Model, Network, Peer, Protocol, World};
use serde_json::{Value, json};
use std::process::Command;

const OUTSIDE: [&str; 3] = ["20.0.0.1", "20.1.2.3", "8.8.8.8"];

const SPACES: [&str; 3] = ["n0", "n1", "n2"];

/// The only one that nca knows for the whole mesh.
const ROOT: &str = "istio-config";

/// What tells callers apart in the AuthorizationPolicies of a cluster.
#[derive(Clone, Copy, PartialEq)]
enum Callers {
    /// There are no such policies.
    Nobody,
    /// Who they are. Then only pods call: nca takes a caller without identity for none that a
    /// `not` means.
    Identities,
    /// Where they are. Then only addresses call: nca takes no pod for an address.
    Addresses,
}

fn some(numbers: &mut Numbers, of: &[&str]) -> Value {
    let count = 1 + numbers.below(2);
    (0..count).map(|_| json!(numbers.one(of))).collect()
}

fn principals(numbers: &mut Numbers) -> Value {
    some(
        numbers,
        &[
            "cluster.local/ns/n0/sa/default",
            "cluster.local/ns/n1/sa/robot",
            "cluster.local/ns/n2/sa/robot",
            "cluster.local/ns/n0/*",
            "cluster.local/ns/n*",
            "*/sa/robot",
            "*",
        ],
    )
}

fn namespaces(numbers: &mut Numbers) -> Value {
    some(numbers, &["n0", "n1", "n2", "n*", "*2"])
}

fn addresses(numbers: &mut Numbers) -> Value {
    some(numbers, &["20.0.0.0/8", "20.1.0.0/16", "8.8.8.8"])
}

fn source(numbers: &mut Numbers, callers: Callers) -> Value {
    let mut source = json!({});
    if callers == Callers::Addresses {
        source["ipBlocks"] = addresses(numbers);
        if numbers.chance(4) {
            source["notIpBlocks"] = addresses(numbers);
        }
        return json!({"source": source});
    }
    let first = numbers.below(4);
    for field in 0..4 {
        if field != first && !numbers.chance(2) {
            continue;
        }
        match field {
            0 => source["principals"] = principals(numbers),
            1 => source["notPrincipals"] = principals(numbers),
            2 => source["namespaces"] = namespaces(numbers),
            _ => source["notNamespaces"] = namespaces(numbers),
        }
    }
    json!({"source": source})
}

fn operation(numbers: &mut Numbers) -> Value {
    let ports = |numbers: &mut Numbers| -> Value {
        let count = 1 + numbers.below(2);
        (0..count)
            .map(|_| json!(numbers.one(&PORTS).to_string()))
            .collect()
    };
    let mut operation = json!({});
    match numbers.below(6) {
        0..=2 => operation["ports"] = ports(numbers),
        3 => operation["notPorts"] = ports(numbers),
        4 => operation["methods"] = some(numbers, &["GET", "POST"]),
        _ => operation["paths"] = some(numbers, &["/public", "/a/*", "*/b"]),
    }
    if numbers.chance(2) {
        operation["ports"] = ports(numbers);
    }
    json!({"operation": operation})
}

fn condition(numbers: &mut Numbers, callers: Callers) -> Value {
    let field = numbers.one(&["values", "notValues"]);
    match (numbers.below(3), callers) {
        (0, Callers::Identities) => {
            json!({"key": "source.namespace", field: namespaces(numbers)})
        }
        (1, Callers::Identities) => {
            json!({"key": "source.principal", field: principals(numbers)})
        }
        (0 | 1, _) => json!({"key": "source.ip", "values": addresses(numbers)}),
        _ => json!({"key": "destination.port", field: [numbers.one(&PORTS).to_string()]}),
    }
}

fn authorization_policy(numbers: &mut Numbers, index: usize, callers: Callers) -> Value {
    let rule = |numbers: &mut Numbers| {
        let mut rule = json!({});
        let few = |numbers: &mut Numbers| 1 + numbers.below(2);
        if numbers.chance(7) {
            rule["from"] = (0..few(numbers))
                .map(|_| source(numbers, callers))
                .collect();
        }
        if numbers.chance(5) {
            rule["to"] = (0..few(numbers)).map(|_| operation(numbers)).collect();
        }
        if numbers.chance(2) {
            rule["when"] = json!([condition(numbers, callers)]);
        }
        rule
    };
    let mut spec = json!({"rules": numbers.list(2, rule)});
    if numbers.chance(4) && spec["rules"] != json!([]) {
        spec["action"] = json!("DENY");
    } else if numbers.chance(5) {
        spec["action"] = json!("ALLOW");
    }
    if numbers.chance(6) {
        spec["selector"] = json!({"matchLabels": {"app": numbers.one(&["a", "b", "c"])}});
    }
    let namespace = if numbers.chance(2) {
        ROOT
    } else {
        numbers.one(&SPACES)
    };
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": format!("authorization-{index}"), "namespace": namespace},
        "spec": spec,
    })
}

/// Nca takes no pod for an address, so no block here has pods' addresses in it.
fn without_pods(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_pods),
        Value::Object(fields) => {
            fields.values_mut().for_each(without_pods);
            if fields.get("cidr") == Some(&json!("0.0.0.0/0")) {
                fields.insert("except".into(), json!(["20.1.0.0/16", "192.168.0.0/16"]));
            }
        }
        _ => {}
    }
}

/// A cluster, and whether it refuses plaintext.
fn cluster(numbers: &mut Numbers, callers: Callers) -> (Vec<Value>, Vec<String>, bool) {
    let mut objects: Vec<Value> = Vec::new();
    for name in SPACES {
        objects.push(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "labels": numbers.labels(&["team", "env"], &["red", "blue"])}}),
        );
        // Every port is HTTP: nca takes every connection for a request.
        let ports: Vec<Value> = PORTS
            .iter()
            .map(|port| json!({"name": format!("http-{port}"), "port": port, "targetPort": port}))
            .collect();
        objects.push(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "all", "namespace": name},
            "spec": {"selector": {"in": "mesh"}, "ports": ports}}));
    }
    let mut ends: Vec<String> = Vec::new();
    for index in 0..=numbers.below(5) {
        let (name, space) = (format!("p{index}"), numbers.one(&SPACES));
        let mut labels = numbers.labels(&["app", "tier"], &["a", "b", "c"]);
        labels["in"] = json!("mesh");
        let protocol = numbers.one(&["TCP", "UDP"]);
        let ports = json!([{"name": "web", "protocol": protocol,
                            "containerPort": numbers.one(&PORTS)}]);
        objects.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": space, "labels": labels},
            "spec": {"serviceAccountName": numbers.one(&["default", "robot"]), "containers": [
                {"name": "main", "image": "x", "ports": ports},
                {"name": "istio-proxy", "image": "istio/proxyv2"}]}}));
        ends.push(format!("{space}/{name}"));
    }
    ends.extend(OUTSIDE.map(str::to_owned));
    let count = match callers {
        Callers::Addresses => 0,
        _ => numbers.below(4),
    };
    for index in 0..count {
        let mut policy = only_of_types(numbers.network_policy(index));
        without_pods(&mut policy);
        objects.push(policy);
    }
    let is_strict = callers == Callers::Identities && numbers.chance(5);
    if callers != Callers::Nobody {
        for index in 0..numbers.below(5) {
            objects.push(authorization_policy(numbers, index, callers));
        }
        objects.push(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": {"mesh": format!("rootNamespace: {ROOT}\n")}}));
        objects.push(
            json!({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": {"name": "default", "namespace": ROOT},
            "spec": {"mtls": {"mode": if is_strict { "STRICT" } else { "PERMISSIVE" }}}}),
        );
    }
    (objects, ends, is_strict)
}

/// Our answer, digit by digit as the judge gives it.
fn ours(objects: &[Value], ends: &[String], is_strict: bool) -> String {
    let snapshot = snapshot(objects);
    let world = World::new(&snapshot);
    let config = Config {
        pod_ranges: Cidr::read(&format!("{INSIDE}/32")).into_iter().collect(),
        ..Config::default()
    };
    let network = Network::new(&world, &config);
    assert!(network.gaps().is_empty(), "{:?}", network.gaps());
    let peers: Vec<_> = ends
        .iter()
        .map(|end| match end.split_once('/') {
            Some((space, name)) => pod(&network, space, name),
            None => outside(&network, end),
        })
        .collect();
    all_at_once_is_one_by_one(&network);
    let model = if is_strict {
        Model::Adversarial
    } else {
        Model::Configured
    };
    digits(&network, &peers, &PORTS, model)
}

/// Who arrives at an endpoint, with alike callers asked once, is who reaches it.
fn all_at_once_is_one_by_one(network: &Network<'_, '_>) {
    let matrix = network.matrix();
    let ids: Vec<EndpointId> = network.world().endpoint_ids().map(|(id, _)| id).collect();
    for to in &ids {
        let arrives = network.arrives(&matrix, *to, Model::Adversarial);
        for from in ids.iter().map(|id| Peer::Endpoint(*id)) {
            let place = network.place(from);
            let cell = arrives.iter().find(|(_, sources)| sources.has(place));
            let reach = cell.map(|(reach, _)| reach.clone()).unwrap_or_default();
            assert_eq!(reach, network.reach(from, Peer::Endpoint(*to)));
        }
    }
}

/// Our answer where addresses call. As a proxy may stand before the pods and hide them, the
/// network takes every address for possible; so here the mesh is asked about each one itself.
fn ours_by_address(objects: &[Value], ends: &[String]) -> String {
    let snapshot = snapshot(objects);
    let world = World::new(&snapshot);
    let network = Network::new(&world, &Config::default());
    let Some(istio) = Istio::new(&world) else {
        panic!("the pods have sidecars");
    };
    let mut digits = String::new();
    for from in ends {
        let address = Block::read(from).map(|block| {
            let patterns = vec![Pattern::Block(block)];
            Condition::Is(Test {
                field: Field::SourceIp,
                patterns,
            })
        });
        for to in ends {
            let target = to
                .split_once('/')
                .map(|(space, name)| pod(&network, space, name));
            for protocol in Protocol::ALL {
                for port in PORTS {
                    let (Some(address), Some(Peer::Endpoint(id))) = (&address, target) else {
                        digits.push('-');
                        continue;
                    };
                    let door = istio.door(&world, id, port, None).expect("a door");
                    let lets = door.as_nobody.expect("plaintext").condition;
                    let among = |condition: Condition| {
                        let both = Condition::all([address.clone(), condition]);
                        both.possible() != Possible::No
                    };
                    digits.push(match (among(lets.clone()), among(lets.negated())) {
                        _ if protocol != Protocol::Tcp => '1',
                        (false, _) => '0',
                        (true, false) => '1',
                        (true, true) => '2',
                    });
                }
            }
        }
    }
    digits
}

fn compare(callers: Callers, seed: u64) {
    let Some(judges) = judges(Some("nca")) else {
        return;
    };
    let cases = std::env::var("NCA_CASES").ok();
    let cases: usize = cases.and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut numbers = Numbers(seed);
    let clusters: Vec<_> = (0..cases).map(|_| cluster(&mut numbers, callers)).collect();
    let questions: Vec<Value> = clusters
        .iter()
        .map(|(objects, ends, _)| json!({"objects": objects, "ends": ends, "ports": PORTS}))
        .collect();
    let mut judge = Command::new(judges.join("nca/bin/python"));
    judge.arg(root().join("tests/oracle/nca/judge.py"));
    let answers = ask(&mut judge, &questions);
    let (mut asked, mut open, mut partly) = (0, 0, 0);
    let mut different: Vec<String> = Vec::new();
    for ((objects, ends, is_strict), answer) in clusters.iter().zip(&answers) {
        assert!(answer["error"].is_null(), "{answer}: {}", json!(objects));
        let theirs = answer["allowed"].as_str().expect("digits");
        let ours = match callers {
            Callers::Addresses => ours_by_address(objects, ends),
            _ => ours(objects, ends, *is_strict),
        };
        assert_eq!(ours.len(), theirs.len());
        for (place, (ours, theirs)) in ours.bytes().zip(theirs.bytes()).enumerate() {
            let (from, to, protocol, port) = question(place, ends.len(), &PORTS);
            let (from, to) = (&ends[from], &ends[to]);
            let is_pod = |end: &str| end.contains('/');
            let asks_pods = callers != Callers::Addresses;
            let asks_addresses = callers != Callers::Identities;
            // Nca leaves out what a pod sends itself.
            let counts = from != to
                && (is_pod(from) || is_pod(to))
                && (if is_pod(from) {
                    asks_pods
                } else {
                    asks_addresses
                });
            if !counts {
                continue;
            }
            asked += 1;
            open += usize::from(theirs == b'1');
            partly += usize::from(theirs == b'2');
            if ours != theirs {
                let (ours, theirs) = (char::from(ours), char::from(theirs));
                different.push(format!(
                    "{from} to {to} on {protocol:?} {port}: ours {ours}, theirs {theirs}\n{}",
                    json!(objects)
                ));
                break;
            }
        }
    }
    eprintln!(
        "{cases} clusters, {asked} questions, {open} open, {partly} to some requests, \
         {} clusters differ",
        different.len()
    );
    assert!(open > 0 && open + partly < asked);
    // The smallest are the easiest to understand.
    different.sort_by_key(String::len);
    different.truncate(3);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn network_policies() {
    compare(Callers::Nobody, 1);
}

#[test]
fn authorization_by_identity() {
    compare(Callers::Identities, 2);
}

#[test]
fn authorization_by_address() {
    compare(Callers::Addresses, 3);
}
