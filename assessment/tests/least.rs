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

fn cluster(policies: &[&str], more: &[String]) -> Snapshot {
    let mut texts: Vec<String> = WORKLOADS
        .iter()
        .map(|(space, name, labels)| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: \
                 {space}}}\nspec: {{selector: {{matchLabels: {labels}}}, template: {{metadata: \
                 {{labels: {labels}}}, spec: {{containers: [{{name: c, image: i, ports: \
                 [{{containerPort: 1}}, {{containerPort: 2}}]}}]}}}}}}\n"
            )
        })
        .collect();
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

/// A policy with one thing less, in every way: a rule, a peer or a port.
fn mutants(yaml: &str) -> Vec<String> {
    let root = parse(yaml, FileId::UNKNOWN, &Limits::default()).documents[0]
        .root
        .clone();
    let mut found = Vec::new();
    let length = |node: Option<&Node>| node.and_then(Node::as_seq).map_or(0, <[Node]>::len);
    for way in ["ingress", "egress"] {
        for rule in 0..length(root.at(&["spec", way])) {
            let rules = |root: &mut Node, change: &dyn Fn(&mut Vec<Node>)| {
                let spec = root.as_map_mut().unwrap().get_mut("spec").unwrap();
                let rules = spec.as_map_mut().unwrap().get_mut(way).unwrap();
                change(rules.as_seq_mut().unwrap());
            };
            let mut without = root.clone();
            rules(&mut without, &|rules| {
                rules.remove(rule);
            });
            found.push(to_yaml(&without));
            for key in ["from", "to", "ports"] {
                let items = &root.at(&["spec", way]).unwrap().as_seq().unwrap()[rule];
                let count = length(items.get(key));
                // Without any item everything would pass.
                for item in (0..count).filter(|_| count > 1) {
                    let mut without = root.clone();
                    rules(&mut without, &|rules| {
                        let list = rules[rule].as_map_mut().unwrap().get_mut(key).unwrap();
                        list.as_seq_mut().unwrap().remove(item);
                    });
                    found.push(to_yaml(&without));
                }
            }
        }
    }
    found
}

fn made(flows: &[Flow], policies: &[&str], egress: bool) -> Result<Answer, Failed> {
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
    generate(&cluster(policies, &[]), &seen, asked(egress))
}

fn asked(egress: bool) -> Asked {
    let kind = Kind::Netpol;
    Asked { kind, egress }
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
        egress: bool,
    ) {
        let answer = match made(&flows, &policies, egress) {
            Ok(answer) => answer,
            Err(Failed::Nothing(_)) => return Ok(()),
            Err(failed) => return Err(TestCaseError::fail(format!("{failed:?}"))),
        };
        let before = cluster(&policies, &[]);
        let texts: Vec<String> = answer.policies.iter().map(|p| p.yaml.clone()).collect();
        let after = cluster(&policies, &texts);
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
                let less = cluster(&policies, &texts);
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
            generate(&after, &seen, asked(egress)).unwrap()
        };
        prop_assert!(again.policies.is_empty(), "{:?}", again.policies);
    }
}

#[test]
fn workloads_that_labels_do_not_tell_apart_are_told() {
    let answer = made(&[(0, 3, 1)], &[], false).unwrap();
    assert_eq!((answer.pairs, answer.alike_pairs), ((30, 7), 1));
    let answer = made(&[(0, 2, 1)], &[], false).unwrap();
    assert_eq!((answer.pairs, answer.alike_pairs), ((30, 6), 0));
}

#[test]
fn what_nobody_uses_is_closed() {
    let answer = made(&[(0, 1, 1)], &[], false).unwrap();
    // 5 workloads that can be held, each from 5 others; the one flow stays.
    assert_eq!(answer.pairs, (30, 6));
    assert_eq!(answer.left_open, ["kube-system"]);
    assert!(answer.keepers.is_empty());
    let texts: Vec<String> = answer.policies.iter().map(|p| p.yaml.clone()).collect();
    let after = cluster(&[], &texts);
    let tcp = |port| (Protocol::Tcp, port);
    assert!(is_open(&after, "a/web", "a/cart", tcp(1)));
    assert!(!is_open(&after, "a/web", "a/cart", tcp(2)));
    assert!(!is_open(&after, "a/cart", "a/web", tcp(1)));
    assert!(is_open(&after, "a/cart", "kube-system/dns", tcp(1)));
}
