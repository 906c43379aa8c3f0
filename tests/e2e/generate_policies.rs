//! From flows to policies: `seawall generate netpol` on a small shop.

use crate::support::Dir;

const SHOP: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, pod-template-hash: 5d4c}}
    spec:
      containers:
        - name: web
          image: web
          ports: [{containerPort: 8080}]
          env: [{name: DATABASE, value: 'postgres://db.data.svc:5432/shop'}]
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
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: agent, image: agent}]}
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
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {selector: {app: db}, ports: [{port: 5432}]}
";

/// Lets more in than anybody uses.
const WIDE: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide, namespace: data}
spec:
  podSelector: {}
  ingress:
    - from: [{namespaceSelector: {}}]
";

fn shop(name: &str) -> Dir {
    let dir = Dir::new(name);
    dir.write("shop.yaml", SHOP);
    dir
}

#[test]
fn policies_for_flows_are_printed_and_hold() {
    let dir = shop("netpol-plain");
    dir.write(
        "flows.txt",
        "# one day\n\
         internet -> shop/web tcp/8080\n\
         shop/web -> data/db tcp/5432\n\
         shop/web -> data/db tcp/5432\n\
         shop/agent -> data/db tcp/5432\n\
         shop/gone -> data/db tcp/5432\n\
         shop/web => data/db\n",
    );
    let args = ["generate", "netpol", "shop.yaml", "--flows", "flows.txt"];
    let ran = dir.run(&args).exits(0);
    for line in [
        "FLOWS 6 lines · 1 not understood\n  flows.txt:7: not understood: ",
        "NETPOL closes 5 of 12 open pairs · 2 flows kept open · 4 policies",
        "flows.txt:5: not covered: shop/agent -> data/db tcp/5432: shop/agent is in\n    its node's network",
        "flows.txt:6: not covered: shop/gone -> data/db tcp/5432: no workload\n    `shop/gone`",
        "6 pairs still open to or from pods in their node's network",
        "no flow reaches shop/batch",
    ] {
        assert!(ran.err.contains(line), "{line}\n{}", ran.err);
    }
    let is_short = |line: &str| line.chars().count() <= 80;
    assert!(ran.err.lines().all(is_short), "{}", ran.err);
    for piece in [
        "# shop/web -> data/db tcp/5432 (flows.txt:3, 2 times)\napiVersion: networking.k8s.io/v1\n",
        "  name: default-deny-ingress\n  namespace: shop\n",
        "          kubernetes.io/metadata.name: shop\n      podSelector:\n        matchLabels:\n          app: web\n    ports:\n    - port: 5432\n      protocol: TCP\n",
        "        cidr: 0.0.0.0/0\n",
    ] {
        assert!(ran.out.contains(piece), "{piece}\n{}", ran.out);
    }
    assert!(!ran.out.contains("pod-template-hash"), "{}", ran.out);
    assert!(!ran.out.contains("agent"), "{}", ran.out);
    assert_eq!(ran.out, dir.run(&args).out);

    dir.write("policies.yaml", &ran.out);
    let assert = |demand: &str, code: i32| {
        dir.run(&["reach", ".", "--assert", demand]).exits(code);
    };
    assert("allow from shop/web to data/db on 5432", 0);
    assert("allow from internet to shop/web on 8080", 0);
    assert("deny from shop/batch to data/db", 0);
    assert("deny from shop/web to data/db on 22", 0);
    // A second time there is nothing to add.
    let again = ["generate", "netpol", ".", "--flows", "flows.txt"];
    let again = dir.run(&again).exits(0).says("nothing to add");
    assert_eq!(again.out, "");
}

#[test]
fn hubble_and_egress() {
    let dir = shop("netpol-hubble");
    let pod = |space: &str, name: &str, app: &str| {
        format!(r#"{{"namespace":"{space}","pod_name":"{name}","labels":["k8s:app={app}"]}}"#)
    };
    let flow = |verdict: &str, reply: bool| {
        format!(
            r#"{{"flow":{{"time":"2026-11-01T00:00:00Z","verdict":"{verdict}","source":{},"destination":{},"l4":{{"TCP":{{"source_port":4711,"destination_port":5432}}}},"is_reply":{reply}}},"node_name":"n"}}"#,
            pod("shop", "web-5d4c6f7b88-x2zbc", "web"),
            pod("data", "db-0", "db"),
        )
    };
    let lines = [
        flow("FORWARDED", false),
        flow("FORWARDED", false).replace("x2zbc", "7xvzq"),
        flow("FORWARDED", true),
        flow("DROPPED", false),
        r#"{"lost_events":{"source":"HUBBLE_RING_BUFFER"}}"#.to_owned(),
        r#"{"flow":"#.to_owned(),
    ];
    let args = [
        "generate",
        "netpol",
        "shop.yaml",
        "--flows",
        "-",
        "--egress",
    ];
    let ran = dir.run_with(&args, lines.join("\n").as_bytes()).exits(0);
    for line in [
        "FLOWS 6 lines · 3 to leave out (replies, refusals) · 1 not understood",
        "standard input:6: not understood: it is no JSON",
        "seen from 2026-11-01T00:00:00Z to 2026-11-01T00:00:00Z",
        "closes the way in from the internet to Deployment shop/web on TCP 8080",
        "DNS is taken to be answered by pods of kube-system",
    ] {
        assert!(ran.err.contains(line), "{line}\n{}", ran.err);
    }
    for piece in [
        "# shop/web -> data/db tcp/5432 (standard input:1, 2 times)\n",
        "  name: web-egress\n",
        "  name: allow-dns\n",
        "  name: db-ingress\n",
    ] {
        assert!(ran.out.contains(piece), "{piece}\n{}", ran.out);
    }
    assert!(!ran.out.contains("stands-in"), "{}", ran.out);
    dir.write("policies.yaml", &ran.out);
    for (demand, code) in [
        ("allow from shop/web to data/db on 5432", 0),
        ("deny from shop/web to internet on 443", 0),
        ("deny from data/db to shop/web", 0),
    ] {
        dir.run(&["reach", ".", "--assert", demand]).exits(code);
    }
}

#[test]
fn what_other_policies_let_in_is_named() {
    let dir = shop("netpol-wide");
    dir.write("wide.yaml", WIDE);
    dir.write("flows.txt", "shop/web -> data/db tcp/5432\n");
    let args = ["generate", "netpol", ".", "--flows", "flows.txt"];
    let ran = dir.run(&args).exits(0);
    for line in [
        "NetworkPolicy data/wide keeps 1 pair open that no flow uses:\n    wide.yaml:8:7",
        "1 rule left out",
    ] {
        assert!(ran.err.contains(line), "{line}\n{}", ran.err);
    }
    assert!(!ran.out.contains("namespace: data"), "{}", ran.out);
}

#[test]
fn without_flows_what_is_declared_counts() {
    let dir = shop("netpol-declared");
    let ran = dir.run(&["generate", "netpol", "shop.yaml"]).exits(0);
    assert!(ran.err.contains("FLOWS none were given"), "{}", ran.err);
    for piece in [
        "# shop/web -> data/db tcp/5432 (declared)\n",
        "# internet -> shop/web tcp/8080 (way in from the internet)\n",
    ] {
        assert!(ran.out.contains(piece), "{piece}\n{}", ran.out);
    }
}

#[test]
fn files_that_are_no_flows() {
    let dir = shop("netpol-bad");
    let mut bytes = vec![b'x'; 300 << 10];
    bytes.extend(b"\n\xff\xfe\n\n");
    dir.write("noise", &bytes);
    dir.run(&["generate", "netpol", "shop.yaml", "--flows", "noise"])
        .exits(2)
        .says("noise:1: not understood: it has more than 256 KiB")
        .says("noise:2: not understood: it is no UTF-8")
        .says("there is no flow to make policies from");
    dir.run(&["generate", "netpol", "shop.yaml", "--flows", "gone"])
        .exits(2)
        .says("--flows: gone:");
    dir.run(&["generate", "netpol", "-", "--flows", "-"])
        .exits(2)
        .says("standard input can be read once");
}

#[test]
fn what_is_closed_is_not_opened() {
    let dir = shop("netpol-closed");
    dir.write(
        "wide.yaml",
        WIDE.replace(
            "from: [{namespaceSelector: {}}]",
            "from: [{podSelector: {}}]",
        ),
    );
    dir.write(
        "flows.txt",
        "shop/web -> data/db tcp/5432\ninternet -> shop/web tcp/8080\n",
    );
    dir.run(&["generate", "netpol", ".", "--flows", "flows.txt"])
        .exits(0)
        .says("NetworkPolicy\n    data/wide closes it; it stays closed");
}
