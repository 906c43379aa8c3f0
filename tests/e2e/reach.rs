//! Who reaches whom: `seawall reach` and `seawall blast` on a small shop.

use crate::diff::git;
use crate::support::Dir;

const SHOP: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: data}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: batch, namespace: shop}
spec:
  selector: {matchLabels: {app: batch}}
  template:
    metadata: {labels: {app: batch}}
    spec: {containers: [{name: batch, image: batch}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: data}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db, ports: [{containerPort: 5432}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
    - from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]
      ports: [{port: 5432}]
";

fn shop(name: &str) -> Dir {
    let dir = Dir::new(name);
    dir.write("shop.yaml", SHOP);
    dir
}

#[test]
fn a_map_says_who_reaches_every_workload() {
    let dir = shop("reach-map");
    let told = dir.run(&["reach", "shop.yaml"]).exits(0).out;
    for line in [
        "REACH 3 workloads · 5 of 6 pairs open (83 %) · 1 from the internet",
        "TCP 8080 ← internet by load balancer",
        "TCP 5432 ← shop/web, node",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    let json = dir
        .run(&["reach", "shop.yaml", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(json["schema"], "seawall-reach-v1");
    assert_eq!(json["exposed"][0]["to"], "Deployment shop/web");
    let csv = dir.run(&["reach", "shop.yaml", "-o", "csv"]).exits(0).out;
    assert!(
        csv.contains("Deployment shop/web,StatefulSet data/db,TCP 5432,\n"),
        "{csv}"
    );
    assert!(
        !csv.contains("Deployment shop/batch,StatefulSet data/db"),
        "{csv}"
    );
    for (format, start) in [
        ("dot", "digraph reach {"),
        ("mermaid", "flowchart LR"),
        ("svg", "<svg "),
    ] {
        let drawn = dir.run(&["reach", "shop.yaml", "-o", format]).exits(0).out;
        assert!(drawn.starts_with(start), "{format}: {drawn}");
        assert_eq!(drawn, dir.run(&["reach", "shop.yaml", "-o", format]).out);
    }
}

#[test]
fn one_connection_is_proved_down_to_the_line() {
    let dir = shop("reach-proof");
    let why = |from: &str, to: &str| {
        let args = ["reach", "shop.yaml", "--from", from, "--to", to];
        dir.run(&args).exits(0).out
    };
    let open = why("app=web", "data/db");
    assert!(
        open.starts_with("OPEN Deployment shop/web → StatefulSet data/db · TCP 5432\n"),
        "{open}"
    );
    assert!(
        open.contains("NetworkPolicy data/db /spec/ingress/0\n      shop.yaml:50:7"),
        "{open}"
    );
    let closed = why("shop/batch", "data/");
    assert!(closed.starts_with("CLOSED "), "{closed}");
    assert!(
        closed.contains("none of their rules\n    lets this pass"),
        "{closed}"
    );
    assert!(why("internet", "db").contains("nothing leads there from outside"));
    let way = why("internet", "deployment/web");
    assert!(
        way.starts_with("OPEN internet → Deployment shop/web · TCP 8080"),
        "{way}"
    );
    assert!(
        way.contains("Service shop/web /spec/type\n      shop.yaml:22:"),
        "{way}"
    );
}

#[test]
fn a_blast_goes_step_by_step() {
    let dir = shop("blast");
    let told = dir.run(&["blast", "internet", "shop.yaml"]).exits(0).out;
    for line in [
        "BLAST internet reaches 3 workloads in at most 2 steps",
        "step 1\n  Deployment shop/web · TCP 8080",
        "StatefulSet data/db · TCP 5432 · from Deployment shop/web",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let told = dir.run(&["blast", "data/db", "shop.yaml"]).exits(0).out;
    assert!(told.contains("Deployment shop/web · TCP 8080"), "{told}");
}

#[test]
fn wrong_questions_are_told_what_is_right() {
    let dir = shop("reach-wrong");
    let ask = |more: &[&str]| {
        let args: Vec<&str> = ["reach", "shop.yaml"].iter().chain(more).copied().collect();
        dir.run(&args).exits(2)
    };
    ask(&["--from", "shop/wev"])
        .says("nobody here is `shop/wev`")
        .says("shop/web");
    ask(&["--to", "app=nothing"]).says("labels as `app=web`");
    ask(&["--port", "http"]).says("write 5432, or udp/53");
    ask(&["-o", "svgg"]).says("svg");
    dir.run(&["blast", "nobody", "shop.yaml"])
        .exits(2)
        .says("nobody here is");
    dir.run(&["reach", "not-there"]).exits(2).says("not-there");
}

#[test]
fn demands_hold_with_a_certificate_or_fail_with_a_witness() {
    let dir = shop("reach-assert");
    dir.write(
        "network.rules",
        "# the database\ndeny from internet to data/db\ndeny from shop/batch to app=db on 5432\nallow from shop/web to data/db\n",
    );
    let held = dir.run(&["reach", "shop.yaml", "--assert", "network.rules"]);
    let told = held.exits(0).out;
    for line in [
        "PASS deny from internet to data/db (1 connection tried)",
        "PASS deny from shop/batch to app=db on 5432 (1 connection tried)",
        "  NetworkPolicy data/db shop.yaml:50:5",
        "PASS allow from shop/web to data/db",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let demand = |text: &str| dir.run(&["reach", "shop.yaml", "--assert", text]);
    let told = demand("deny from shop/web to data/db").exits(1).out;
    assert!(
        told.starts_with("FAIL deny from shop/web to data/db\n  OPEN "),
        "{told}"
    );
    demand("deny from internet to data/gone")
        .exits(2)
        .says("nobody here is");
    demand("deny everything")
        .exits(2)
        .says("deny from WHO to WHO");
    demand("deny from internet to data/db unless asked")
        .exits(2)
        .says("`unless asked` is not understood");
}

#[test]
fn a_change_is_told_by_what_it_opens() {
    let dir = shop("reach-change");
    if !git(&dir, &["init", "-q"])
        || !git(&dir, &["add", "."])
        || !git(&dir, &["commit", "-qm", "one"])
    {
        println!("skipped: no git");
        return;
    }
    let wider = SHOP.replace(", podSelector: {matchLabels: {app: web}}", "");
    dir.write("shop.yaml", wider);
    let args = ["reach", "shop.yaml", "--baseline", "HEAD"];
    let told = dir.run(&args).exits(0).out;
    assert_eq!(
        told,
        "REACH since HEAD: 1 opened, 0 closed\n\
         + StatefulSet data/db · TCP 5432 ← Deployment shop/batch\n"
    );
    let other = dir.run(&[
        "reach",
        "shop.yaml",
        "--baseline",
        "HEAD",
        "--to",
        "shop/web",
    ]);
    assert_eq!(other.exits(0).out, "REACH since HEAD: 0 opened, 0 closed\n");
    // The same beside the findings, in words and for programs.
    for args in [
        vec!["scan", "shop.yaml", "--baseline", "HEAD"],
        vec!["diff", "HEAD:shop.yaml", "shop.yaml"],
    ] {
        let told = dir.run(&args).exits(0).out;
        assert!(told.contains("connections: 1 opened, 0 closed"), "{told}");
        let line = "StatefulSet data/db on TCP 5432 ← Deployment shop/batch";
        assert!(told.contains(line), "{told}");
    }
    let args = ["scan", "shop.yaml", "--baseline", "HEAD", "-o", "json"];
    let reach = &dir.run(&args).exits(0).json()["comparison"]["reach"];
    assert_eq!(reach["opened"][0]["from"][0], "Deployment shop/batch");
    assert_eq!(reach["closed"].as_array().map(Vec::len), Some(0));
}

#[test]
fn what_is_demanded_in_the_configuration_is_judged_by_every_scan() {
    let dir = shop("reach-demands");
    let scan = || dir.run(&["scan", ".", "--only", "DEMAND-01"]);
    let configured = "demands:\n  - deny from internet to data/\n  - more.rules\n";
    dir.write("seawall.yaml", configured);
    dir.write(
        "more.rules",
        "# who may\nallow from shop/web to data/db on 5432\n",
    );
    let kept = scan().exits(0).out;
    assert!(kept.contains("PASS exit 0 · 2 demands kept"), "{kept}");

    dir.write("more.rules", "deny from shop/web to data/db on 5432\n");
    let broken = scan().exits(1).out;
    for line in [
        "Deployment shop/web reaches",
        "more.rules:1:1",
        "deny from shop/web to data/db on 5432",
        "FAIL exit 1 · 1 broken demand",
    ] {
        assert!(broken.contains(line), "{line}\n{broken}");
    }

    // Nothing holds because nobody was there to try.
    dir.write("more.rules", "deny from shop/webb to data/db\n");
    let unknown = scan().exits(0).out;
    assert!(unknown.contains("`shop/webb` (unsupported)"), "{unknown}");
    assert!(
        unknown.contains("PASS exit 0 · 1 of 2 demands kept"),
        "{unknown}"
    );

    dir.write("more.rules", "\ndeny from shop/web data/db\n");
    let wrong = scan().exits(2);
    assert!(
        wrong
            .err
            .contains("more.rules:2: `deny from shop/web data/db`"),
        "{}",
        wrong.err
    );
}

#[test]
fn a_question_may_name_an_identity_and_a_request() {
    let dir = shop("reach-request");
    dir.write(
        "mesh.yaml",
        "
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {selector: {app: db}, ports: [{name: http, port: 5432}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: data}
spec:
  rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/default]}}]
      to: [{operation: {methods: [GET], paths: [/orders/*]}}]
",
    );
    let ask = |more: &[&str]| {
        let mut args = vec!["reach", ".", "--from", "shop/web", "--to", "data/db"];
        args.extend(more);
        dir.run(&args).exits(0).out
    };
    assert!(ask(&[]).starts_with("SOME REQUESTS"), "{}", ask(&[]));
    let orders = ["--method", "GET", "--path", "/orders/1"];
    assert!(ask(&orders).starts_with("OPEN"), "{}", ask(&orders));
    let delete = ["--method", "DELETE"];
    assert!(ask(&delete).starts_with("CLOSED"), "{}", ask(&delete));
    let other = ["--identity", "shop/other"];
    assert!(ask(&other).starts_with("CLOSED"), "{}", ask(&other));
    let own = [
        "--identity",
        "cluster.local/ns/shop/sa/default",
        "-o",
        "json",
        "--why",
    ];
    let proofs: serde_json::Value = serde_json::from_str(&ask(&own)).expect("JSON");
    assert_eq!(proofs["connections"][0]["verdict"], "some-requests");
    let demand = |text: &str, code| dir.run(&["reach", ".", "--assert", text]).exits(code).out;
    demand("deny from shop/web to data/db", 1);
    demand("deny from shop/web to data/db unless mtls", 0);
    demand(
        "deny from shop/web to data/db unless mtls and identity in [shop/default]",
        0,
    );
    demand(
        "deny from shop/web to data/db unless identity in [shop/other]",
        1,
    );
    demand("deny from shop/web to data/db method DELETE", 0);
}
