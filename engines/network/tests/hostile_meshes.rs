//! Odd input: nothing may panic, and no secret may leave.

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_model::{KubernetesVersion, Outcome};
use seawall_network::{Config, check, rules};
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

/// All cases, as seeds.
static SEEDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut paths: Vec<_> = std::fs::read_dir(cases)
        .expect("cases")
        .flatten()
        .flat_map(|dir| std::fs::read_dir(dir.path()).expect("a case").flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a case"))
        .collect()
});

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
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..ODD.len(), 0..3_u8), 1..6),
        version in 0..40_u16,
    ) {
        let seed = seed.get(SEEDS.as_slice());
        let mut lines: Vec<String> = seed.lines().map(str::to_owned).collect();
        for (at, odd, how) in edits {
            let line = at.get(&lines).clone();
            let index = at.index(lines.len());
            let odd = ODD[odd];
            lines[index] = match (how, line.split_once(':')) {
                (0, Some((key, _))) => format!("{key}: {odd}"),
                (1, _) => {
                    let indent = line.len() - line.trim_start().len();
                    format!("{}- {odd}", " ".repeat(indent))
                }
                _ => format!("{line}\n{line}"),
            };
        }
        let outcome = judge(&lines.join("\n"), version);
        for finding in &outcome.findings {
            prop_assert!(rules().iter().any(|rule| rule.id == finding.rule));
            prop_assert!(outcome.assessed.contains_key(&finding.rule), "{}", finding.rule);
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
