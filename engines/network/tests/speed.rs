//! How long it takes, and how much memory, on clusters as large as they come.
//! `cargo test --release -p seawall-network --test speed -- --ignored --nocapture` prints it.

#![allow(clippy::expect_used, clippy::print_stdout)] // a measurement is for a person to read

mod support;

use seawall_network::{Config, Network, Peer, World, check};
use seawall_snapshot::{Change, ScopeId};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Loader;

/// Numbers that look random and are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn network_policy(numbers: &mut Numbers, spaces: u64, name: &str) -> String {
    let space = numbers.below(spaces);
    let peer = |numbers: &mut Numbers| match numbers.below(5) {
        0 => format!(
            "{{podSelector: {{matchLabels: {{tier: r{}}}}}}}",
            numbers.below(5)
        ),
        1 => format!(
            "{{namespaceSelector: {{matchLabels: {{team: t{}}}}}}}",
            numbers.below(17)
        ),
        2 => format!(
            "{{namespaceSelector: {{matchLabels: {{env: e{}}}}}, podSelector: {{matchLabels: {{app: a{}}}}}}}",
            numbers.below(3),
            numbers.below(12)
        ),
        3 => format!(
            "{{podSelector: {{matchLabels: {{app: a{}}}}}}}",
            numbers.below(12)
        ),
        _ => format!("{{ipBlock: {{cidr: 20.{}.0.0/16}}}}", numbers.below(200)),
    };
    let (one, two) = (peer(numbers), peer(numbers));
    let port = match numbers.below(4) {
        0 => "{port: http}".to_owned(),
        1 => format!(
            "{{port: {}, endPort: {}}}",
            8000 + numbers.below(180),
            8200 + numbers.below(180)
        ),
        _ => format!("{{port: {}}}", 8000 + numbers.below(300)),
    };
    let egress = if numbers.below(3) == 0 {
        format!(", egress: [{{to: [{two}], ports: [{port}]}}]")
    } else {
        String::new()
    };
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, \
         namespace: n{space}}}, spec: {{podSelector: {{matchLabels: {{app: a{}}}}}, \
         ingress: [{{from: [{one}, {two}], ports: [{port}]}}]{egress}}}}}\n",
        numbers.below(12)
    )
}

fn cluster(pods: u64, workloads: u64, policies: u64) -> Loader {
    let spaces = workloads / 12;
    let mut numbers = Numbers(7);
    let mut loader = Loader::new();
    let mut text = String::new();
    for space in 0..spaces {
        writeln!(
            text,
            "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: n{space}, labels: {{team: t{}, env: e{}}}}}}}",
            space % 17,
            space % 3
        )
        .expect("a string");
    }
    for pod in 0..pods {
        let workload = pod % workloads;
        let space = workload % spaces;
        let (app, port) = (workload / spaces, 8000 + workload % 40);
        writeln!(
            text,
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: w{workload}-{pod}, namespace: n{space}, \
             labels: {{app: a{app}, tier: r{}, pod-template-hash: h{workload}}}, ownerReferences: \
             [{{apiVersion: apps/v1, kind: ReplicaSet, name: w{workload}, controller: true, uid: x}}]}}, \
             spec: {{containers: [{{name: c, image: i, ports: [{{name: http, containerPort: {port}}}]}}]}}}}",
            workload % 5
        )
        .expect("a string");
    }
    for policy in 0..policies {
        text.push_str("---\n");
        text.push_str(&network_policy(&mut numbers, spaces, &format!("p{policy}")));
        if text.len() > 4_000_000 {
            loader.add(Path::new("part.yaml"), &text);
            text.clear();
        }
    }
    loader.add(Path::new("part.yaml"), &text);
    loader
}

/// The most memory that the process had, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn measure(pods: u64, workloads: u64, policies: u64, most: Duration) {
    let (snapshot, _) = cluster(pods, workloads, policies).build();
    let before = peak();
    let start = Instant::now();
    let world = World::new(&snapshot);
    let seen = start.elapsed();
    let network = Network::new(&world, &Config::default());
    let ready = start.elapsed();
    let matrix = network.matrix();
    let done = start.elapsed();
    let judged = Instant::now();
    let findings = check(&snapshot, &Config::default()).findings.len();
    let judged = judged.elapsed();
    println!(
        "{pods} pods, {workloads} workloads, {policies} policies: world {seen:?}, rows {:?}, \
         matrix {:?}, all {done:?}; {} pairs; peak {} MiB, before {before} MiB; \
         all rules {judged:?}, {findings} findings",
        ready.checked_sub(seen).expect("later"),
        done.checked_sub(ready).expect("later"),
        matrix.pairs(),
        peak(),
    );
    assert_eq!(matrix.len(), usize::try_from(workloads).expect("few"));
    assert!(done < most, "{done:?} is more than {most:?}");
}

#[test]
#[ignore = "a measurement, for release builds"]
fn a_large_cluster() {
    measure(10_000, 1_200, 5_000, Duration::from_millis(300));
}

#[test]
#[ignore = "a measurement, for release builds"]
fn a_very_large_cluster() {
    measure(50_000, 8_000, 10_000, Duration::from_secs(10));
}

/// The time that all threads of the process were computing.
fn computing() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let spent = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum::<u64>())
}

#[test]
#[ignore = "a measurement, for release builds"]
fn one_policy_of_a_large_cluster_changes() {
    let (snapshot, _) = cluster(10_000, 1_200, 5_000).build();
    let world = World::new(&snapshot);
    let network = Network::new(&world, &Config::default());
    let matrix = network.matrix();
    let known: Vec<_> = snapshot
        .of_kind("networking.k8s.io", "NetworkPolicy")
        .map(|(_, object)| object.reference.clone())
        .collect();
    let mut numbers = Numbers(11);
    let (mut loader, mut shown) = (Loader::new(), Vec::new());
    let mut places = 0;
    for old in known.iter().step_by(100) {
        let text = network_policy(&mut numbers, 100, &old.name);
        let new = loader.read(ScopeId::PLAIN, "new.yaml", &text);
        let new = new.into_iter().map(|object| Change::Put(Box::new(object)));
        let changes = std::iter::once(Change::Remove(ScopeId::PLAIN, old.clone())).chain(new);
        let snapshot = snapshot.clone().apply(changes.collect());
        let (begun, start) = (computing(), Instant::now());
        let world = World::new(&snapshot);
        let seen = start.elapsed();
        let seen_computing = computing();
        let after = Network::after(&network, &world, &Config::default());
        let rows = start.elapsed();
        let table = after.matrix_after(&network, &matrix);
        let all = start.elapsed();
        let done = computing();
        places += usize::from(after.place(Peer::Internet) != network.place(Peer::Internet));
        let cpu = (
            seen_computing.saturating_sub(begun),
            done.saturating_sub(seen_computing),
        );
        shown.push((
            all.saturating_sub(seen),
            seen,
            rows.saturating_sub(seen),
            all.saturating_sub(rows),
            cpu,
        ));
        assert_eq!(table.len(), matrix.len());
    }
    shown.sort_unstable();
    let last = shown.len().saturating_sub(1);
    for (what, place) in [
        ("least", 0),
        ("middle", last / 2),
        ("9 of 10", last * 9 / 10),
        ("most", last),
    ] {
        if let Some((all, world, rows, table, (cpu_world, cpu))) = shown.get(place) {
            println!(
                "{what}: {all:?} (rows {rows:?}, matrix {table:?}), computing {cpu:?}; \
                 world before it {world:?}, computing {cpu_world:?}"
            );
        }
    }
    println!("{} changes, {places} with other places", shown.len());
}
