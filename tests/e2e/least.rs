//! `seawall generate` of policies on small worlds: what is printed and what is told of it stand
//! beside the world, by kind. `UPDATE_EXPECT=1` writes them.

use crate::support::Dir;
use std::path::{Path, PathBuf};

/// Worlds with the kinds that are made for them.
const CASES: [(&str, &[&str]); 11] = [
    ("mixed", &["netpol", "cnp", "authz", "linkerd"]),
    ("logs", &["authz", "netpol"]),
    ("rewrite", &["authz"]),
    ("waypoint", &["authz"]),
    ("paths", &["authz", "netpol"]),
    ("existing", &["authz"]),
    ("unsettled", &["authz"]),
    ("requests", &["cnp"]),
    ("routes", &["linkerd"]),
    ("ambient", &["netpol", "cnp"]),
    ("ambient-waypoint", &["netpol"]),
];

fn case(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/least");
    tests.join(name)
}

fn expect(path: &Path, is: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, is).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        is,
        expected,
        "{}: UPDATE_EXPECT=1 writes it",
        path.display()
    );
}

#[test]
fn policies_of_every_kind() {
    for (name, kinds) in CASES {
        let path = case(name);
        let dir = Dir::at(path.clone());
        for kind in kinds {
            let args = ["generate", kind, "world.yaml", "--flows", "flows.txt"];
            let ran = dir.run(&args).exits(0);
            let is_short = |line: &str| line.chars().count() <= 80;
            assert!(ran.err.lines().all(is_short), "{}", ran.err);
            expect(&path.join(format!("{kind}.yaml")), &ran.out);
            expect(&path.join(format!("{kind}.txt")), &ran.err);
        }
    }
}

/// What was proved is found by the question that anybody may ask.
#[test]
fn what_is_printed_holds_for_reach() {
    for (kind, demands) in [
        (
            "authz",
            &[
                ("allow from shop/web to shop/cart on 8080", 0),
                ("allow from shop/cart to data/db on 5432", 0),
                ("deny from shop/web to data/db on 5432", 0),
                ("deny from old/batch to data/db on 5432", 0),
                ("deny from old/batch to shop/cart on 8080", 0),
            ][..],
        ),
        (
            "linkerd",
            &[
                ("allow from shop/web to shop/cart on 8080", 0),
                ("deny from shop/web to data/db on 5432", 0),
                ("deny from old/batch to shop/cart on 8080", 0),
                ("deny from data/db to shop/cart on 8080", 0),
            ][..],
        ),
        (
            "cnp",
            &[
                ("allow from shop/web to shop/cart on 8080", 0),
                ("deny from shop/cart to shop/web", 0),
                ("deny from old/batch to shop/cart on 8080", 0),
                ("allow from internet to shop/web on 8080", 0),
            ][..],
        ),
    ] {
        let dir = Dir::at(case("mixed"));
        let policies = format!("{kind}.yaml");
        for (demand, code) in demands {
            let args = ["reach", "world.yaml", &policies, "--assert", demand];
            dir.run(&args).exits(*code);
        }
    }
}

/// With its policies in the picture nothing is added a second time.
#[test]
fn a_second_time_there_is_nothing_to_add() {
    for (name, kinds) in CASES {
        for kind in kinds {
            let dir = Dir::at(case(name));
            let policies = format!("{kind}.yaml");
            let args = [
                "generate",
                kind,
                "world.yaml",
                &policies,
                "--flows",
                "flows.txt",
            ];
            let ran = dir.run(&args).exits(0);
            assert_eq!(ran.out, "", "{name} {kind}\n{}", ran.err);
            assert!(ran.err.contains("nothing to add"), "{}", ran.err);
        }
    }
}

/// Rules by what a mesh does not know are none, and a mesh that is not there is said.
#[test]
fn without_a_mesh_nothing_is_written() {
    let dir = Dir::new("least-no-mesh");
    let world = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: n}, spec: \
                 {containers: [{name: a, image: a}]}}";
    dir.write("world.yaml", world);
    dir.write("flows.txt", "internet -> n/a tcp/1\n");
    for (kind, who) in [("authz", "Istio"), ("linkerd", "Linkerd")] {
        let args = ["generate", kind, "world.yaml", "--flows", "flows.txt"];
        let ran = dir
            .run(&args)
            .exits(2)
            .says(&format!("{who} holds no workload"));
        assert_eq!(ran.out, "");
    }
    // What comes out of pods no mesh's policy holds.
    dir.run(&["generate", "authz", "world.yaml", "--egress"])
        .exits(2);
}

/// Lines that are no logs, or broken ones, are told with their place.
#[test]
fn broken_logs() {
    let dir = Dir::at(case("logs"));
    let long = format!(
        r#"{{"upstream_cluster":"inbound|8080||","method":"GET","path":"/{}","downstream_remote_address":"10.0.0.1:1","pod_name":"cart-0","pod_namespace":"shop"}}"#,
        "a".repeat(3_000)
    );
    let lines = [
        r#"{"upstream_cluster": "inbound|8080||""#,
        r#"{"upstream_cluster":"inbound|99999||","downstream_remote_address":"10.0.0.1:1","pod_name":"cart-0","pod_namespace":"shop"}"#,
        r#"{"upstream_cluster":"inbound|8080||","downstream_remote_address":"nowhere"}"#,
        r#"{"upstream_cluster":"mine","upstream_host":"10.0.0.1:1"}"#,
        r#"{"upstream_cluster":"outbound|80||example.com","upstream_host":"x","downstream_remote_address":"10.0.0.1:1"}"#,
        r#"{"upstream_cluster":"inbound|8080||","method":"G T","path":"/","downstream_remote_address":"10.0.0.1:1","pod_name":"cart-0","pod_namespace":"shop"}"#,
        &long,
        r#"{"log":"{\"upstream_cluster\": "}"#,
        r#"{"log":{"log":{"log":{"log":{"log":{"log":{"upstream_cluster":"inbound|1||"}}}}}}}"#,
        r"[pod/cart-0/istio-proxy] 2026-01-01 info ready",
        r#"{"dst.addr":"x","src.workload":"a","src.namespace":"b"}"#,
        "shop/web -> shop/cart tcp/8080 GET",
        "shop/web -> shop/cart tcp/8080 G\u{7} /",
    ];
    let args = ["generate", "authz", "world.yaml", "--flows", "-"];
    let ran = dir.run_with(&args, lines.join("\n").as_bytes()).exits(2);
    for number in 1..=lines.len() {
        let place = format!("standard input:{number}: not understood: ");
        assert!(ran.err.contains(&place), "{place}\n{}", ran.err);
    }
}

/// Addresses are pods where the lines themselves say whose they are.
#[test]
fn addresses_that_the_logs_explain() {
    let dir = Dir::at(case("logs"));
    let inbound = r#"{"pod_name":"cart-0","pod_namespace":"shop","upstream_cluster":"inbound|8080||","upstream_host":"10.0.0.5:8080","downstream_local_address":"10.0.0.5:8080","downstream_remote_address":"10.0.0.3:4711","method":"GET","path":"/"}"#;
    let outbound = r#"{"pod_name":"web-0","pod_namespace":"shop","upstream_cluster":"outbound|443||api.example.com","upstream_host":"203.0.113.7:443","upstream_local_address":"10.0.0.3:4712","downstream_remote_address":"10.0.0.3:4713"}"#;
    let other = outbound.replace("web-0", "web-1");
    let args = ["generate", "authz", "world.yaml", "--flows", "-"];
    let told = "shop/web -> shop/cart tcp/8080";
    for (lines, is_known) in [
        (vec![inbound], false),
        (vec![inbound, outbound], true),
        // An address that two pods had is nobody's.
        (vec![inbound, outbound, &other], false),
    ] {
        let ran = dir.run_with(&args, lines.join("\n").as_bytes());
        assert_eq!(ran.out.contains(told), is_known, "{}\n{}", ran.out, ran.err);
        assert_eq!(
            ran.err.contains("not covered: 10.0.0.3 ->"),
            !is_known,
            "{}",
            ran.err
        );
    }
}
