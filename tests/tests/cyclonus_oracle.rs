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

use seawall_model::{SourceFile, SourceKind, SourceMap};
use seawall_network::{Cidr, Config, EndpointId, Network, Peer, Protocol, World};
use seawall_snapshot::{Builder, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, parse};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PORTS: [u16; 6] = [53, 80, 81, 443, 8080, 9000];

/// The address of every pod.
const INSIDE: &str = "192.168.7.7";

const OUTSIDE: [&str; 3] = ["20.0.0.1", "20.1.2.3", "8.8.8.8"];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("a workspace").to_owned()
}

/// The judge's program, or `None` where there is no Go.
fn judge() -> Option<PathBuf> {
    let build = root().join("tests/oracle/build");
    let output = Command::new(build).output().expect("a shell");
    match output.status.code() {
        Some(0) => {
            let folder = String::from_utf8(output.stdout).expect("a path");
            Some(Path::new(folder.trim()).join("netpol"))
        }
        Some(77) => {
            eprintln!("skipped: no Go, so the matcher of cyclonus cannot be asked");
            None
        }
        _ => panic!(
            "the judge does not build: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// Numbers that look random and are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("small")
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let index = self.below(of.len());
        of.get(index).expect("in it").clone()
    }

    fn chance(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }

    fn list(&mut self, most: usize, item: impl Fn(&mut Self) -> Value) -> Value {
        let length = self.below(most + 1);
        (0..length).map(|_| item(self)).collect()
    }

    fn labels(&mut self, keys: &[&str], values: &[&str]) -> Value {
        let mut labels = json!({});
        for key in keys {
            if self.chance(6) {
                labels[*key] = json!(self.one(values));
            }
        }
        labels
    }

    fn selector(&mut self, keys: &[&str], values: &[&str]) -> Value {
        let mut selector = json!({});
        if self.chance(5) {
            selector["matchLabels"] = json!({self.one(keys): self.one(values)});
        }
        if self.chance(3) {
            let operator = self.one(&["In", "NotIn", "Exists", "DoesNotExist"]);
            let key = self.one(keys);
            let mut all = vec![json!({"key": key, "operator": operator})];
            if operator.ends_with("In") {
                let values = json!([self.one(values), self.one(values)]);
                for expression in &mut all {
                    expression["values"] = values.clone();
                }
            }
            if operator == "NotIn" {
                all.push(json!({"key": key, "operator": "Exists"}));
            }
            selector["matchExpressions"] = json!(all);
        }
        selector
    }

    fn pods(&mut self) -> Value {
        self.selector(&["app", "tier"], &["a", "b", "c"])
    }

    fn spaces(&mut self) -> Value {
        self.selector(&["team", "env"], &["red", "blue"])
    }

    fn peer(&mut self) -> Value {
        match self.below(5) {
            0 => json!({"podSelector": self.pods()}),
            1 => json!({"namespaceSelector": self.spaces()}),
            2 => json!({"namespaceSelector": self.spaces(), "podSelector": self.pods()}),
            3 => json!({"ipBlock": {"cidr": self.one(&["20.0.0.0/8", "0.0.0.0/0", "8.8.8.8/32"])}}),
            _ => json!({"ipBlock": {"cidr": self.one(&["20.0.0.0/8", "0.0.0.0/0"]),
                                    "except": ["20.1.0.0/16"]}}),
        }
    }

    fn port(&mut self) -> Value {
        let protocol = self.one(&["TCP", "UDP", "SCTP"]);
        match self.below(5) {
            0 => json!({"protocol": protocol}),
            1 => json!({"port": self.one(&PORTS)}),
            2 => {
                let first = self.one(&PORTS);
                let last = first + u16::try_from(self.below(500)).expect("small");
                json!({"protocol": protocol, "port": first, "endPort": last})
            }
            3 => json!({"protocol": protocol, "port": self.one(&["web", "dns"])}),
            _ => json!({"protocol": protocol, "port": self.one(&PORTS)}),
        }
    }

    fn policy(&mut self, index: usize) -> Value {
        let rule = |way: &'static str| {
            move |numbers: &mut Self| {
                let mut rule = json!({});
                if numbers.chance(8) {
                    rule[way] = numbers.list(2, Self::peer);
                }
                if numbers.chance(6) {
                    rule["ports"] = numbers.list(2, Self::port);
                }
                rule
            }
        };
        // The matcher wants what the API server fills in.
        let types = [
            json!(["Ingress"]),
            json!(["Egress"]),
            json!(["Ingress", "Egress"]),
        ];
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": format!("policy-{index}"),
                         "namespace": format!("n{}", self.below(3))},
            "spec": {"podSelector": self.pods(), "policyTypes": self.one(&types),
                     "ingress": self.list(2, rule("from")), "egress": self.list(2, rule("to"))},
        })
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
    let policies: Vec<Value> = (0..count).map(|index| numbers.policy(index)).collect();
    json!({"policies": policies, "ends": ends, "ports": PORTS})
}

fn snapshot(cluster: &Value) -> Snapshot {
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
    let (map, mut gaps) = (SourceMap::new(), Vec::new());
    let mut builder = Builder::new();
    for (index, document) in documents.iter().enumerate() {
        let file = map.add_file(SourceFile {
            path: format!("{index}.json").into(),
            kind: SourceKind::File,
        });
        for document in parse(&document.to_string(), file, &Limits::default()).documents {
            let object = object::read(&document.root, ScopeId::PLAIN, &map, &mut gaps);
            builder.add(object.expect("an object"));
        }
    }
    assert!(gaps.is_empty(), "{gaps:?}");
    builder.build()
}

/// Our answer, digit by digit as the judge gives it.
fn ours(cluster: &Value) -> String {
    let snapshot = snapshot(cluster);
    let world = World::new(&snapshot);
    let config = Config {
        pod_ranges: Cidr::read(&format!("{INSIDE}/32")).into_iter().collect(),
        ..Config::default()
    };
    let network = Network::new(&world, &config);
    assert!(network.gaps().is_empty(), "{:?}", network.gaps());
    let ends = cluster["ends"].as_array().expect("ends");
    let peers: Vec<Peer> = ends
        .iter()
        .enumerate()
        .map(|(index, end)| {
            if end["namespace"].is_null() {
                let address = end["ip"].as_str().expect("an address");
                return network.outside(address.parse().expect("an address"));
            }
            let name = format!("p{index}");
            let mut all = world.endpoints.iter();
            let place = all.position(|endpoint| *endpoint.object.reference.name == *name);
            let place = u32::try_from(place.expect("a pod")).expect("few");
            Peer::Endpoint(EndpointId(place))
        })
        .collect();
    let mut digits = String::new();
    for from in &peers {
        for to in &peers {
            let reach = network.reach(*from, *to);
            for protocol in Protocol::ALL {
                for port in PORTS {
                    digits.push(if reach.all.has(protocol, port) {
                        '1'
                    } else {
                        '0'
                    });
                }
            }
        }
    }
    digits
}

#[test]
fn both_let_pass_the_same() {
    let Some(judge) = judge() else { return };
    let cases = std::env::var("CYCLONUS_CASES").ok();
    let cases: usize = cases.and_then(|text| text.parse().ok()).unwrap_or(300);
    let mut numbers = Numbers(2026);
    let clusters: Vec<Value> = (0..cases).map(|_| cluster(&mut numbers)).collect();
    let mut child = Command::new(judge)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the judge");
    let mut stdin = child.stdin.take().expect("its input");
    let lines: Vec<String> = clusters.iter().map(Value::to_string).collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(stdin, "{line}").expect("a line");
        }
    });
    let output = child.wait_with_output().expect("an answer");
    writer.join().expect("all lines");
    let text = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(answers.len(), clusters.len());
    let (mut questions, mut open) = (0, 0);
    for (cluster, answer) in clusters.iter().zip(&answers) {
        let theirs = answer["allowed"].as_str();
        let theirs = theirs.unwrap_or_else(|| panic!("{answer}: {cluster}"));
        let ours = ours(cluster);
        questions += ours.len();
        open += ours.bytes().filter(|digit| *digit == b'1').count();
        if ours != theirs {
            let pairs = ours.bytes().zip(theirs.bytes());
            let place = pairs.into_iter().position(|(a, b)| a != b);
            panic!("digit {place:?} is otherwise:\n{ours}\n{theirs}\n{cluster}");
        }
    }
    eprintln!("{cases} clusters, {questions} questions, {open} open, no difference");
}
