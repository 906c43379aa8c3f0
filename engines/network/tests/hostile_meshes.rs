//! Odd input: nothing may panic, and no secret may leave.

#![allow(clippy::expect_used, clippy::indexing_slicing)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_model::{KubernetesVersion, Outcome};
use seawall_network::{Call, Config, Model, Network, Peer, Protocol, World, check, rules};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;
use support::Loader;

fn judge(text: &str, version: u16) -> Outcome {
    let mut loader = Loader::new();
    loader.add(Path::new("a.yaml"), text);
    let (snapshot, _) = loader.build();
    let config = Config {
        kubernetes_version: KubernetesVersion::new(version),
        ..Config::default()
    };
    check(&snapshot, &config)
}

/// All cases of rules, as seeds.
static SEEDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let dirs = std::fs::read_dir(cases).expect("cases").flatten();
    dirs.flat_map(|dir| texts(&dir.path())).collect()
});

/// All cases of what the meshes answer, as seeds.
static ASKED: LazyLock<Vec<String>> =
    LazyLock::new(|| texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asks")));

fn texts(dir: &Path) -> Vec<String> {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("a case")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    paths.sort();
    let read = |path| std::fs::read_to_string(path).expect("a case");
    paths.iter().map(read).collect()
}

/// A case with some of its lines made odd.
fn mutated(seed: &str, edits: Vec<(prop::sample::Index, usize, u8)>) -> String {
    let mut lines: Vec<String> = seed.lines().map(str::to_owned).collect();
    for (at, odd, how) in edits {
        let line = at.get(&lines).clone();
        let index = at.index(lines.len());
        let odd = ODD[odd];
        lines[index] = match (how, line.split_once(':')) {
            (0, Some((key, _))) => format!("{key}: {odd}"),
            // A value within a line in braces.
            (1, _) if line.contains(", ") => {
                let mut parts: Vec<String> = line.split(", ").map(str::to_owned).collect();
                let part = at.get(&parts).clone();
                let part_index = at.index(parts.len());
                if let Some((key, _)) = part.split_once(": ") {
                    let braces = part.chars().rev().take_while(|c| "}]".contains(*c)).count();
                    parts[part_index] = format!("{key}: {odd}{}", &part[part.len() - braces..]);
                }
                parts.join(", ")
            }
            (1, _) => {
                let indent = line.len() - line.trim_start().len();
                format!("{}- {odd}", " ".repeat(indent))
            }
            _ => format!("{line}\n{line}"),
        };
    }
    lines.join("\n")
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, u8)>> {
    let edit = (any::<prop::sample::Index>(), 0..ODD.len(), 0..3_u8);
    prop::collection::vec(edit, 1..6)
}

/// What takes a value's place: wrong types, odd texts, other structure.
const ODD: [&str; 20] = [
    "",
    "null",
    "true",
    "-1",
    "9223372036854775808",
    "1e400",
    "[]",
    "{}",
    "[[]]",
    "{a: {}}",
    "\"\"",
    "\"\\u0000\"",
    "/../..",
    "=",
    "--=",
    "$(X)",
    "[null, 1, {}]",
    "\"é://é:é@é\"",
    "\"{{\"",
    "\":::@\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_case_makes_a_rule_panic(
        seed in any::<prop::sample::Index>(),
        edits in edits(),
        version in 0..40_u16,
    ) {
        let outcome = judge(&mutated(seed.get::<String>(&SEEDS), edits), version);
        for finding in &outcome.findings {
            prop_assert!(rules().iter().any(|rule| rule.id == finding.rule));
            prop_assert!(outcome.assessed.contains_key(&finding.rule), "{}", finding.rule);
        }
    }

    #[test]
    fn no_mutation_of_a_case_makes_a_mesh_panic(
        seed in any::<prop::sample::Index>(),
        edits in edits(),
    ) {
        let mut loader = Loader::new();
        loader.add(Path::new("a.yaml"), &mutated(seed.get::<String>(&ASKED), edits));
        let (snapshot, _) = loader.build();
        let world = World::new(&snapshot);
        let network = Network::new(&world, &Config::default());
        let ends = || world.endpoint_ids().map(|(id, _)| Peer::Endpoint(id)).chain([Peer::Node]);
        for (from, to) in ends().flat_map(|from| ends().map(move |to| (from, to))) {
            let adversarial = network.reach_as(from, to, Model::Adversarial);
            let configured = network.reach_as(from, to, Model::Configured);
            // Whoever behaves gets no further than whoever does not.
            prop_assert!(configured.any().without(&adversarial.any()).is_empty());
            let why = network.why(&Call::new(from, to, Protocol::Tcp, 8080));
            prop_assert_eq!(why.verdict, adversarial.verdict(Protocol::Tcp, 8080));
            let one = Call::new(from, to, Protocol::Tcp, 8080);
            prop_assert_eq!(network.verdict(&one), adversarial.verdict(Protocol::Tcp, 8080));
        }
        // Those that a mesh takes for alike are asked about once.
        let matrix = network.matrix();
        for (id, _) in world.endpoint_ids() {
            let cells = network.arrives(&matrix, id, Model::Adversarial);
            for (from, _) in world.endpoint_ids() {
                let (from, to) = (Peer::Endpoint(from), Peer::Endpoint(id));
                let mut cells = cells.iter();
                let cell = cells.find(|(_, set)| set.has(network.place(from)));
                let arrives = cell.map(|(reach, _)| reach.clone()).unwrap_or_default();
                prop_assert_eq!(arrives, network.reach(from, to));
            }
        }
    }

    #[test]
    fn no_key_is_in_what_is_said(secret in "[A-Za-z][A-Za-z0-9]{19,40}Z") {
        let text = format!(
            "apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: web, namespace: shop}}
spec:
  jwtRules:
  - issuer: https://login.example.com
    jwks: '{{\"keys\": [{{\"kty\": \"oct\", \"k\": \"{secret}\"}}]}}'
"
        );
        let outcome = judge(&text, 37);
        prop_assert!(outcome.findings.iter().any(|f| f.rule.as_str() == "IST-JWT-05"));
        let said = format!("{outcome:?}");
        prop_assert!(!said.contains(&secret), "the key is repeated");
    }
}

/// More pairs of routes and gateways than are kept: that is said, and takes no more time.
#[test]
fn many_routes_at_many_gateways() {
    let mut text = String::from(
        "apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: edge, namespace: edge}
spec: {jwtRules: [{issuer: https://login.example.com, audiences: [shop]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: edge}
spec: {selector: {istio: edge}}
",
    );
    for number in 0..460 {
        writeln!(
            text,
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: edge-{number}, namespace: edge}}
spec:
  template:
    metadata: {{labels: {{istio: edge, number: n{number}}}}}
    spec: {{containers: [{{name: istio-proxy, image: istio/proxyv2, args: [proxy, router]}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web-{number}, namespace: shop}}
spec:
  hosts: [www-{number}.example.com]
  gateways: [edge/edge]
  http: [{{route: [{{destination: {{host: web-{number}}}}}]}}]"
        )
        .expect("a string");
    }
    let outcome = judge(&text, 37);
    let gaps = &outcome.coverage.gaps;
    assert!(
        gaps.iter()
            .any(|gap| gap.reason.contains("too many routes"))
    );
}
