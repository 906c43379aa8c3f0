//! Policies that are generated hold what they promise, on clusters and flows that nobody chose:
//! every flow that was open is open, and every piece of every rule is needed. Judged from
//! outside, by the proofs that `seawall reach` prints.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use proptest::sample::subsequence;
use seawall_assessment::least::{Answer, Asked, Failed, Kind, Line, Observed, generate};
use seawall_assessment::reach::{Protocol, Question, Verdict, proofs};
use seawall_model::{FileId, SourceMap};
use seawall_snapshot::{Builder, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, Node, parse, to_yaml};

/// Workloads with their labels. `b/two` and `b/twin` cannot be told apart.
const WORKLOADS: [(&str, &str, &str); 6] = [
    ("a", "web", "{app: web, tier: front}"),
    ("a", "cart", "{app: cart, tier: back}"),
    ("b", "one", "{app: store, role: one}"),
    ("b", "two", "{app: store, role: two}"),
    ("b", "twin", "{app: store, role: two}"),
    ("kube-system", "dns", "{k8s-app: kube-dns}"),
];

/// Policies that may be there already.
const POLICIES: [&str; 4] = [
    "metadata: {name: closed, namespace: b}\nspec: {podSelector: {}}",
    "metadata: {name: web, namespace: a}\nspec: {podSelector: {matchLabels: {app: web}}, \
     ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 1}, {port: 2}]}]}",
    "metadata: {name: default-deny-ingress, namespace: b}\nspec: {podSelector: {matchLabels: \
     {role: one}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {tier: \
     front}}}]}]}",
    "metadata: {name: out, namespace: a}\nspec: {podSelector: {matchLabels: {tier: back}}, \
     policyTypes: [Egress], egress: [{ports: [{port: 1}]}]}",
];

type Flow = (usize, usize, u16);

/// What puts namespaces into the mesh of a kind.
fn mesh(kind: Kind) -> &'static str {
    match kind {
        Kind::Netpol | Kind::Cnp => "",
        Kind::Authz => "labels: {istio-injection: enabled}",
        Kind::Linkerd => "annotations: {linkerd.io/inject: enabled}",
    }
}

fn cluster(kind: Kind, policies: &[&str], more: &[String]) -> Snapshot {
    let mut texts: Vec<String> = WORKLOADS
        .iter()
        .map(|(space, name, labels)| {
            // Accounts tell apart what labels do, and no more.
            let account = name.replace("twin", "two");
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: \
                 {space}}}\nspec: {{selector: {{matchLabels: {labels}}}, template: {{metadata: \
                 {{labels: {labels}}}, spec: {{serviceAccountName: {account}, containers: \
                 [{{name: c, image: i, ports: [{{containerPort: 1}}, {{containerPort: 2}}, \
                 {{containerPort: 3}}]}}]}}}}}}\n"
            )
        })
        .collect();
    texts.extend(["a", "b"].map(|space| {
        let about = mesh(kind);
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {space}, {about}}}\n")
    }));
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";
    texts.extend(policies.iter().map(|policy| format!("{head}{policy}\n")));
    texts.extend(more.iter().cloned());
    let map = SourceMap::new();
    let mut builder = Builder::new();
    for text in texts {
        let stream = parse(&text, FileId::UNKNOWN, &Limits::default());
        assert!(stream.problems.is_empty(), "{text}");
        let mut gaps = Vec::new();
        let root = &stream.documents[0].root;
        builder.add(object::read(root, ScopeId::PLAIN, &map, &mut gaps).unwrap());
        assert!(gaps.is_empty(), "{gaps:?}");
    }
    builder.build()
}

fn name(workload: usize) -> String {
    let (space, name, _) = WORKLOADS[workload];
    format!("{space}/{name}")
}

fn is_open(snapshot: &Snapshot, from: &str, to: &str, port: (Protocol, u16)) -> bool {
    let question = Question {
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        port: Some(port),
        ..Question::default()
    };
    let proofs = proofs(snapshot, &question).unwrap();
    proofs.iter().any(|proof| proof.verdict != Verdict::Closed)
}

/// What has to pass: what was seen, and DNS.
fn needs(flows: &[Flow], egress: bool) -> Vec<(String, String, (Protocol, u16))> {
    let seen = flows.iter();
    let seen = seen.map(|(from, to, port)| (name(*from), name(*to), (Protocol::Tcp, *port)));
    let mut all: Vec<_> = seen.collect();
    if egress {
        for workload in 0..WORKLOADS.len() - 1 {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                all.push((name(workload), "kube-system/dns".to_owned(), (protocol, 53)));
            }
        }
    }
    all
}

/// Lists that say the same when they are empty as when they are not there: nobody.
const WHO: [&str; 4] = ["ingress", "egress", "rules", "identityRefs"];

/// A policy with one thing less, in every way: an item of any list.
fn mutants(yaml: &str) -> Vec<String> {
    let root = parse(yaml, FileId::UNKNOWN, &Limits::default()).documents[0]
        .root
        .clone();
    let mut found = Vec::new();
    let mut lists = Vec::new();
    lists_in(root.get("spec").unwrap(), "/spec", &mut lists);
    for (pointer, length) in lists {
        let key = pointer.rsplit('/').next().unwrap();
        // Most lists mean everything when nothing is in them.
        if length < 2 && !WHO.contains(&key) {
            continue;
        }
        for item in 0..length {
            let mut without = root.clone();
            let list = list_at(&mut without, &pointer);
            // What closes the rest lets nothing pass.
            if list[item].as_map().is_some_and(seawall_yaml::Map::is_empty) {
                continue;
            }
            list.remove(item);
            found.push(to_yaml(&without));
        }
    }
    found
}

fn lists_in(node: &Node, pointer: &str, found: &mut Vec<(String, usize)>) {
    if let Some(map) = node.as_map() {
        for entry in map {
            lists_in(&entry.value, &format!("{pointer}/{}", entry.key), found);
        }
    } else if let Some(items) = node.as_seq() {
        found.push((pointer.to_owned(), items.len()));
        for (index, item) in items.iter().enumerate() {
            lists_in(item, &format!("{pointer}/{index}"), found);
        }
    }
}

fn list_at<'n>(root: &'n mut Node, pointer: &str) -> &'n mut Vec<Node> {
    let mut node = root;
    for key in pointer.split('/').skip(1) {
        node = match key.parse::<usize>() {
            Ok(index) => &mut node.as_seq_mut().unwrap()[index],
            Err(_) => node.as_map_mut().unwrap().get_mut(key).unwrap(),
        };
    }
    node.as_seq_mut().unwrap()
}

fn made(asked: Asked, flows: &[Flow], policies: &[&str]) -> Result<Answer, Failed> {
    let mut seen = Observed::default();
    for (number, (from, to, port)) in (1..).zip(flows) {
        let line = Line {
            file: "f".into(),
            number,
        };
        seen.line(
            &line,
            &format!("{} -> {} tcp/{port}", name(*from), name(*to)),
        );
    }
    assert_eq!(seen.bad, 0);
    generate(&cluster(asked.kind, policies, &[]), &seen, asked)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Netpol),
        Just(Kind::Cnp),
        Just(Kind::Authz),
        Just(Kind::Linkerd),
    ]
}

/// Proofs are about two workloads, and so are these flows.
fn flow() -> impl Strategy<Value = Flow> {
    let flow = (0..5_usize, 1..5_usize, 1..4_u16);
    flow.prop_map(|(from, step, port)| (from, (from + step) % 5, port))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn policies_keep_what_was_seen_and_nothing_needless(
        flows in proptest::collection::vec(flow(), 1..8),
        policies in subsequence(POLICIES.to_vec(), 0..=POLICIES.len()),
        kind in kind(),
        egress: bool,
    ) {
        let asked = Asked { kind, egress };
        let egress = egress && !kind.is_mesh();
        let answer = match made(asked, &flows, &policies) {
            Ok(answer) => answer,
            Err(Failed::Nothing(_)) => return Ok(()),
            Err(failed) => return Err(TestCaseError::fail(format!("{failed:?}"))),
        };
        let before = cluster(kind, &policies, &[]);
        let texts: Vec<String> = answer.policies.iter().map(|p| p.yaml.clone()).collect();
        let after = cluster(kind, &policies, &texts);
        let needs = needs(&flows, egress);
        let open = needs.iter().filter(|(from, to, port)| is_open(&before, from, to, *port));
        let open: Vec<_> = open.collect();
        for (from, to, port) in &open {
            prop_assert!(is_open(&after, from, to, *port), "{from} {to} {port:?}\n{}", texts.join("---\n"));
        }
        // Nothing is opened, and what nobody uses is closed where no other policy opens it.
        for from in 0..5 {
            for to in 0..5 {
                for port in 1..4 {
                    let (from, to, port) = (name(from), name(to), (Protocol::Tcp, port));
                    let is_new = is_open(&after, &from, &to, port);
                    prop_assert!(!is_new || is_open(&before, &from, &to, port), "{from} {to}");
                }
            }
        }
        for (index, text) in texts.iter().enumerate() {
            for mutant in mutants(text) {
                let mut texts = texts.clone();
                texts[index] = mutant;
                let less = cluster(kind, &policies, &texts);
                let breaks = open.iter().any(|(from, to, port)| !is_open(&less, from, to, *port));
                prop_assert!(breaks, "not needed: {text}\nas this is enough: {}", texts[index]);
            }
        }
        // A second time there is nothing to add.
        let again = {
            let mut seen = Observed::default();
            for (from, to, port) in &flows {
                let text = format!("{} -> {} tcp/{port}", name(*from), name(*to));
                seen.line(&Line::default(), &text);
            }
            generate(&after, &seen, asked).unwrap()
        };
        prop_assert!(again.policies.is_empty(), "{:?}", again.policies);
    }
}

/// Every request that there may be: source, port, method, path.
fn requests() -> Vec<(usize, u16, &'static str, &'static str)> {
    let mut all = Vec::new();
    for source in [1, 2, 3] {
        for port in [1, 2] {
            for method in ["GET", "POST"] {
                for path in ["/", "/a", "/a/b"] {
                    all.push((source, port, method, path));
                }
            }
        }
    }
    all
}

/// Whether a policy's text lets a request in: read naively, by what its fields say.
fn lets_in(yaml: &str, principal: &str, port: u16, method: &str, path: &str) -> bool {
    let root = parse(yaml, FileId::UNKNOWN, &Limits::default()).documents[0]
        .root
        .clone();
    let items = |node: &Node, key: &str| -> Vec<Node> {
        let items = node.get(key).and_then(Node::as_seq);
        items.map(<[Node]>::to_vec).unwrap_or_default()
    };
    let names = |node: &Node, key: &str, text: &str| {
        let texts = items(node, key);
        texts.is_empty() || texts.iter().any(|one| one.as_str() == Some(text))
    };
    let spec = root.get("spec").unwrap();
    items(spec, "rules").iter().any(|rule| {
        let from = items(rule, "from");
        let mut to = items(rule, "to").into_iter();
        from.iter()
            .any(|one| names(one.get("source").unwrap(), "principals", principal))
            && to.any(|one| {
                let operation = one.get("operation").unwrap().clone();
                names(&operation, "ports", &port.to_string())
                    && names(&operation, "methods", method)
                    && names(&operation, "paths", path)
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Exactly the requests that were seen pass, where none are so many that they are one.
    #[test]
    fn requests_that_were_seen_pass_and_no_others(
        chosen in subsequence(requests(), 1..12),
    ) {
        let mut seen = Observed::default();
        for (source, port, method, path) in &chosen {
            let text = format!("{} -> a/web tcp/{port} {method} {path}", name(*source));
            seen.line(&Line::default(), &text);
        }
        prop_assert_eq!(seen.bad, 0);
        let snapshot = cluster(Kind::Authz, &[], &[]);
        let answer = generate(&snapshot, &seen, Asked::inward(Kind::Authz)).unwrap();
        let policy = answer.policies.iter().find(|policy| policy.name == "web-allow").unwrap();
        for request in requests() {
            let (source, port, method, path) = request;
            let (space, account, _) = WORKLOADS[source];
            let principal = format!("cluster.local/ns/{space}/sa/{account}");
            prop_assert_eq!(
                lets_in(&policy.yaml, &principal, port, method, path),
                chosen.contains(&request),
                "{} {} {}\n{}", principal, method, path, policy.yaml
            );
        }
    }
}

#[test]
fn workloads_that_labels_do_not_tell_apart_are_told() {
    let netpol = Asked::inward(Kind::Netpol);
    let answer = made(netpol, &[(0, 3, 1)], &[]).unwrap();
    assert_eq!((answer.pairs, answer.alike_pairs), ((30, 7), 1));
    let answer = made(netpol, &[(0, 2, 1)], &[]).unwrap();
    assert_eq!((answer.pairs, answer.alike_pairs), ((30, 6), 0));
}

#[test]
fn what_nobody_uses_is_closed() {
    let answer = made(Asked::inward(Kind::Netpol), &[(0, 1, 1)], &[]).unwrap();
    // 5 workloads that can be held, each from 5 others; the one flow stays.
    assert_eq!(answer.pairs, (30, 6));
    assert_eq!(answer.left_open, ["kube-system"]);
    assert!(answer.keepers.is_empty());
    let texts: Vec<String> = answer.policies.iter().map(|p| p.yaml.clone()).collect();
    let after = cluster(Kind::Netpol, &[], &texts);
    let tcp = |port| (Protocol::Tcp, port);
    assert!(is_open(&after, "a/web", "a/cart", tcp(1)));
    assert!(!is_open(&after, "a/web", "a/cart", tcp(2)));
    assert!(!is_open(&after, "a/cart", "a/web", tcp(1)));
    assert!(is_open(&after, "a/cart", "kube-system/dns", tcp(1)));
}
