//! Lines of flows, and the policies of every kind that are made of them.

use crate::dice::hash;
use crate::{Target, corpus, news};
use seawall_assessment::least::{Asked, Failed, Kind, Line, Observed, generate};
use seawall_model::{FileId, SourceMap};
use seawall_report::reach as report;
use seawall_sources::load::load_embedded;
use seawall_sources::memory::Memory;
use seawall_yaml::{Limits, parse};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// See the module.
pub const TARGET: Target = Target {
    name: "flows",
    corpus: || {
        let mut inputs = corpus::seeds("flows");
        let cases = corpus::root().join("tests/e2e/least");
        inputs.extend(corpus::files(&[cases], &["txt"], 20_000));
        inputs
    },
    dictionary: &[
        "shop/web -> shop/cart tcp/8080\n", "shop/cart -> data/db tcp/5432 GET /a\n",
        "internet -> shop/web tcp/8080\n", "old/batch -> shop/cart 9090/tcp\n", "dns", "node",
        "udp/53", "sctp/1", " -> ", "10.0.0.1", "::1", "[pod/web-0/istio-proxy] {", "{\"flow\":{",
        "\"source\":{", "\"destination\":{", "\"namespace\":\"shop\"", "\"pod_name\":\"cart-0\"",
        "\"pod_namespace\":\"shop\"", "\"verdict\":\"FORWARDED\"", "\"l4\":{\"TCP\":{",
        "\"destination_port\":8080", "\"upstream_cluster\":\"inbound|8080||\"",
        "\"upstream_cluster\":\"outbound|80||cart.shop.svc.cluster.local\"",
        "\"upstream_cluster\":\"inbound-vip|80|http|cart.shop.svc.cluster.local\"",
        "\"upstream_host\":\"10.0.0.5:8080\"", "\"upstream_local_address\":\"10.0.0.3:1\"",
        "\"downstream_local_address\":\"10.0.0.5:8080\"",
        "\"downstream_remote_address\":\"10.0.0.3:1\"",
        "\"downstream_peer_uri_san\":\"spiffe://cluster.local/ns/shop/sa/web\"",
        "\"requested_server_name\":\"outbound_.80_._.cart.shop.svc.cluster.local\"",
        "\"method\":\"GET\"", "\"path\":\"/a/1?b\"", "\"response_code\":\"404\"",
        "\"response_flags\":\"UF\"", "\"log\":\"{", "\"kubernetes\":{", "\"resourceLogs\":[{",
        "\"dst.addr\":\"10.0.0.5:15008\"", "\"src.workload\":\"web-0\"", "\"level\":\"info\"",
        "/*", "/{*}", "/%2e", "*", "\\u0000", "\u{85}", "\u{202e}", "null", "1e999", "\n",
    ],
    run,
};

/// A world with members of every mesh, and one outside.
const WORLD: &str = include_str!("../../tests/e2e/least/mixed/world.yaml");

fn run(input: &[u8], features: &mut HashSet<u64>) {
    let mut seen = Observed::default();
    for (number, line) in (1..).zip(input.split(|byte| *byte == b'\n')) {
        let file = "f".into();
        let line = (Line { file, number }, std::str::from_utf8(line));
        match line {
            (place, Ok(text)) => seen.line(&place, text),
            (place, Err(_)) => seen.unreadable(&place, "it is no UTF-8"),
        }
    }
    assert!(seen.bad + seen.skipped <= seen.lines);
    for wrong in &seen.wrong {
        assert!(wrong.line.number > 0 && !wrong.reason.is_empty());
        assert!(wrong.reason.len() < 300, "{}", wrong.reason);
        features.insert(hash(news::words(&wrong.reason).as_bytes()));
    }
    let kinds = [Kind::Netpol, Kind::Cnp, Kind::Authz, Kind::Linkerd];
    let number = hash(input) as usize;
    let kind = kinds[number % kinds.len()];
    let egress = number % 8 > 3;
    let map = Arc::new(SourceMap::new());
    let world = [("world.yaml".to_owned(), Cow::Borrowed(WORLD.as_bytes()))];
    let Ok(loaded) = load_embedded(Memory::new(world), &map) else {
        panic!("the world is read");
    };
    let told = match generate(&loaded.snapshot, &seen, Asked { kind, egress }) {
        Ok(answer) => {
            for policy in &answer.policies {
                let again = parse(&policy.yaml, FileId(1), &Limits::default());
                assert!(again.problems.is_empty(), "{}", policy.yaml);
                features.insert(hash(policy.name.as_bytes()));
                features.insert(hash(&[policy.yaml.lines().count().min(99) as u8]));
            }
            report::least(&answer, kind, &map)
        }
        Err(Failed::Nothing(all)) => report::uncovered(&all),
        Err(Failed::Nobody(_)) => String::new(),
        // The world has no policies that could come before those that are made.
        Err(failed) => panic!("{failed:?}"),
    };
    features.insert(hash(news::words(&told).as_bytes()));
    let obeyed = |c: char| c.is_control() && c != '\n';
    assert!(!told.contains(obeyed), "control characters: {told:?}");
}
