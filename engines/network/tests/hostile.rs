//! Input that nobody would write: it makes no rule panic, and nothing takes for ever.

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_network::{Call, Config, EndpointId, Network, Peer, Protocol, World, check};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Loader;

/// Values that stand where others belong.
fn odd() -> impl Strategy<Value = String> {
    let words = [
        "null",
        "{}",
        "[]",
        "''",
        "0",
        "-1",
        "65536",
        "1e99",
        "true",
        "x",
        "[null]",
        "[{}]",
        "[[]]",
        "{matchLabels: {a: 1}}",
        "{matchLabels: [a]}",
        "{matchExpressions: [{key: a}]}",
        "{matchExpressions: [{key: a, operator: In, values: []}]}",
        "10.0.0.0/8",
        "::/0",
        "0.0.0.0/0",
        "300.0.0.0/8",
        "10.0.0.0/-1",
        "[10.0.0.0/33]",
        "{port: 80, endPort: 1}",
        "[{port: -5}]",
        "{cidr: 0.0.0.0/0, except: [0.0.0.0/0]}",
        "{cidr: x}",
        "[Ingress, Ingress]",
        "[all, world]",
        "{number: 443}",
        "{range: {start: 9, end: 2}}",
        "[{ports: [{port: '0'}]}]",
        "Same",
        "'*'",
        "{namespaces: {}}",
        "[{pods: {}}]",
        "[{matchName: 'a.b'}]",
        "9999999999999999999999",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = String> {
    let kinds = [
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"),
        (
            "policy.networking.k8s.io/v1alpha1",
            "BaselineAdminNetworkPolicy",
        ),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
        ("networking.k8s.io/v1", "Ingress"),
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant"),
        ("gateway.networking.k8s.io/v1", "ListenerSet"),
        ("gateway.networking.k8s.io/v1", "BackendTLSPolicy"),
        ("gateway.networking.k8s.io/v1", "TCPRoute"),
        ("cilium.io/v2", "CiliumLocalRedirectPolicy"),
        ("cilium.io/v2", "CiliumEnvoyConfig"),
        ("networking.istio.io/v1", "Gateway"),
        ("networking.istio.io/v1", "VirtualService"),
        ("v1", "Service"),
    ];
    let fields = [
        "podSelector",
        "policyTypes",
        "ingress",
        "egress",
        "ingressDeny",
        "egressDeny",
        "subject",
        "priority",
        "tier",
        "endpointSelector",
        "nodeSelector",
        "enableDefaultDeny",
        "rules",
        "tls",
        "listeners",
        "parentRefs",
        "hostnames",
        "hosts",
        "gateways",
        "http",
        "servers",
        "selector",
        "ports",
        "type",
        "externalIPs",
        "loadBalancerSourceRanges",
        "from",
        "to",
        "defaultBackend",
        "allowedListeners",
        "parentRef",
        "targetRefs",
        "validation",
        "infrastructure",
        "addresses",
        "resources",
        "redirectFrontend",
        "externalName",
    ];
    let inner = [
        "from",
        "to",
        "ports",
        "action",
        "protocols",
        "fromEndpoints",
        "fromEntities",
        "toPorts",
        "toFQDNs",
        "fromCIDR",
        "fromCIDRSet",
        "toServices",
        "host",
        "http",
        "route",
        "match",
        "backendRefs",
        "allowedRoutes",
        "name",
        "namespaceSelector",
        "ipBlock",
        "podSelector",
        "authentication",
        "fromRequires",
        "paths",
        "filters",
        "port",
        "hosts",
    ];
    let pair = (proptest::sample::select(inner.to_vec()), odd());
    let rule = proptest::collection::vec(pair, 0..4).prop_map(|pairs| {
        let mut pairs = pairs;
        pairs.sort();
        pairs.dedup_by_key(|(key, _)| *key);
        let text: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        format!("[{{{}}}]", text.join(", "))
    });
    let value = prop_oneof![2 => odd(), 3 => rule];
    let field = (proptest::sample::select(fields.to_vec()), value);
    let spec = proptest::collection::vec(field, 0..6);
    (proptest::sample::select(kinds.to_vec()), spec).prop_map(|((version, kind), mut fields)| {
        fields.sort();
        fields.dedup_by_key(|(key, _)| *key);
        let text: Vec<String> = fields.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        format!(
            "{{apiVersion: {version}, kind: {kind}, metadata: {{name: a, namespace: n}}, spec: {{{}}}}}",
            text.join(", ")
        )
    })
}

const PODS: &str = "---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: n, labels: {a: b}}, spec: {containers: [{name: c, image: i, ports: [{name: web, containerPort: 80}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: h, namespace: n}, spec: {hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 70000}, {containerPort: 0}]}]}}
";

fn load(text: &str) -> seawall_snapshot::Snapshot {
    let mut loader = Loader::new();
    loader.add(Path::new("hostile.yaml"), text);
    loader.build().0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_answers_are_the_same_twice(
        documents in proptest::collection::vec(document(), 1..5)
    ) {
        let text = format!("{PODS}---\n{}", documents.join("\n---\n"));
        let snapshot = load(&text);
        let outcome = check(&snapshot, &Config::default());
        prop_assert_eq!(&outcome, &check(&snapshot, &Config::default()));
        let world = World::new(&snapshot);
        let network = Network::new(&world, &Config::default());
        let all = [Peer::Endpoint(EndpointId(0)), Peer::Endpoint(EndpointId(9)), Peer::Internet, Peer::Node];
        for from in all {
            network.blast(from);
            for to in all {
                network.why(&Call::new(from, to, Protocol::Tcp, 80));
            }
        }
        network.matrix();
    }
}

/// A cluster of so many pods, and policies that a function writes.
fn crowd(pods: usize, policies: usize, policy: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for pod in 0..pods {
        writeln!(
            text,
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{pod}, namespace: n, labels: {{a: l{pod}}}}}, \
             spec: {{containers: [{{name: c, image: i}}]}}}}"
        )
        .expect("a string");
    }
    for index in 0..policies {
        writeln!(text, "---\n{}", policy(index)).expect("a string");
    }
    text
}

fn in_time(text: &str) {
    let snapshot = load(text);
    let start = Instant::now();
    let world = World::new(&snapshot);
    let network = Network::new(&world, &Config::default());
    network.matrix();
    check(&snapshot, &Config::default());
    let taken = start.elapsed();
    // Tests are not optimised, and share the machine.
    assert!(taken < Duration::from_mins(1), "{taken:?}");
}

#[test]
fn many_policies_that_hold_everything() {
    in_time(&crowd(50, 2000, |index| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: x{index}, namespace: n}}, \
             spec: {{podSelector: {{}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{a: l{}}}}}}}], \
             ports: [{{port: {}}}]}}]}}}}",
            index % 50,
            1 + index * 2
        )
    }));
}

#[test]
fn many_blocks_of_addresses() {
    in_time(&crowd(50, 2000, |index| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: x{index}, namespace: n}}, \
             spec: {{podSelector: {{matchLabels: {{a: l{}}}}}, policyTypes: [Ingress, Egress], \
             ingress: [{{from: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [20.{}.{}.0/24]}}}}]}}]}}}}",
            index % 50,
            index / 250,
            index % 250
        )
    }));
}

#[test]
fn many_administrators() {
    in_time(&crowd(50, 300, |index| {
        format!(
            "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: x{index}}}, \
             spec: {{tier: Admin, priority: {}, subject: {{namespaces: {{}}}}, ingress: [{{action: {}, \
             from: [{{namespaces: {{}}}}], protocols: [{{tcp: {{destinationPort: {{number: {}}}}}}}]}}]}}}}",
            index % 7,
            ["Accept", "Deny", "Pass"].get(index % 3).expect("three"),
            1 + index
        )
    }));
}

#[test]
fn many_routes_at_many_listeners() {
    let listeners: Vec<String> = (0..2000)
        .map(|i| format!("{{name: l{i}, port: {}, protocol: HTTP}}", i % 60_000 + 1))
        .collect();
    let hosts: Vec<String> = (0..1000).map(|i| format!("h{i}.example.com")).collect();
    let matches: Vec<String> = (0..200)
        .map(|i| format!("{{path: {{value: /{i}}}}}"))
        .collect();
    let mut text = format!(
        "{{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {{name: g, namespace: n}}, \
         spec: {{gatewayClassName: c, listeners: [{}]}}}}",
        listeners.join(", ")
    );
    for index in 0..50 {
        writeln!(
            text,
            "\n---\n{{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {{name: r{index}, namespace: n}}, \
             spec: {{parentRefs: [{{name: g}}], hostnames: [{}], rules: [{{matches: [{}], backendRefs: [{{name: s, port: 80}}]}}]}}}}",
            hosts.join(", "),
            matches.join(", ")
        )
        .expect("a string");
    }
    in_time(&text);
}

#[test]
fn texts_that_look_like_a_proxys_configuration() {
    let deep = format!(
        "static_resources: {}{}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let bomb = "a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e]\nstatic_resources: {listeners: [*f, *f, *f, *f]}";
    let wide: Vec<String> = (0..5000)
        .map(|i| format!("{{address: {{socket_address: {{address: 0.0.0.0, port_value: {i}}}}}}}"))
        .collect();
    let wide = format!("static_resources: {{listeners: [{}]}}", wide.join(", "));
    let mut text = crowd(20, 0, |_| String::new());
    for (index, body) in [deep.as_str(), bomb, &wide, "static_resources: [&a [*a]]"]
        .into_iter()
        .enumerate()
    {
        let body = body.replace('\n', "\n    ");
        writeln!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{index}, namespace: n}}\ndata:\n  envoy.yaml: |\n    {body}"
        )
        .expect("a string");
        writeln!(
            text,
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: u{index}, namespace: n}}, spec: {{containers: [{{name: c, image: i}}], \
             volumes: [{{name: v, configMap: {{name: c{index}}}}}]}}}}"
        )
        .expect("a string");
    }
    in_time(&text);
}
