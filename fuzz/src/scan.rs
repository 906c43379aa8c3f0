//! The whole way: files to a picture, to an answer, to every report.
//!
//! Reports must hold no credential. The seeds carry [`MARKS`] where a credential stands; as
//! long as every one of them still stands where it is known to be one (a value of a `Secret`,
//! or the literal of an environment variable that is called one), none may come out.

use crate::dice::hash;
use crate::{Target, bundle, corpus, news};
use seawall_assessment::{Config, assess, catalogue};
use seawall_model::{FileId, Framework, Severity, SourceMap};
use seawall_report::{Context, Display, Format, Header, explain};
use seawall_sources::load::load_embedded;
use seawall_yaml::{Limits, Node, Value, parse_bytes};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// See the module.
pub const TARGET: Target = Target {
    name: "scan",
    corpus: || {
        let mut inputs = corpus::seeds("scan");
        let folders = ["examples", "engines/posture/cases", "../shared/data/manifests"];
        let folders = folders.map(|folder| corpus::root().join(folder));
        inputs.extend(
            corpus::files(&folders, &["yaml", "yml", "json"], 2_500)
                .into_iter()
                .map(|text| [b"#### a.yaml\n", &text[..]].concat()),
        );
        inputs
    },
    dictionary: &[
        "#### b.yaml\n", "#### Chart.yaml\n", "#### templates/a.yaml\n", "#### values.yaml\n",
        "#### kustomization.yaml\nresources: [a.yaml]\n", "\n---\n", "kind: Secret\n", "kind: Pod\n",
        "kind: Deployment\n", "kind: List\nitems:\n", "kind: ServiceAccount\n", "kind: Namespace\n",
        "kind: Service\n", "kind: Ingress\n", "kind: CronJob\n", "kind: PodSecurityPolicy\n",
        "kind: NetworkPolicy\n", "kind: KubeletConfiguration\n", "kind: ClusterRoleBinding\n",
        "apiVersion: v1\n", "apiVersion: apps/v1\n", "apiVersion: batch/v1\n", "metadata:\n  name: ",
        "namespace: ", "spec:\n", "template:\n", "containers:\n", "initContainers:\n",
        "- name: a\n  image: b:c@sha256:d\n", "env:\n", "- name: DB_PASSWORD\n  value: hunter2qzx7\n",
        "valueFrom: {secretKeyRef: {name: a, key: b}}\n", "stringData: {a: hunter2qzx7}\n",
        "data: {a: aHVudGVyMnF6eDc=}\n", "securityContext: {privileged: true}\n", "runAsUser: 0\n",
        "capabilities: {add: [SYS_ADMIN, ALL]}\n", "hostNetwork: true\n", "hostPath: {path: /}\n",
        "volumes:\n", "volumeMounts:\n", "command: [kube-apiserver, --anonymous-auth=true]\n",
        "args:\n", "ports: [{containerPort: 80, hostPort: 80}]\n", "resources: {limits: {cpu: 1}}\n",
        "livenessProbe: {httpGet: {path: /, port: 80}}\n", "serviceAccountName: default\n",
        "automountServiceAccountToken: true\n", "labels: {a: b}\n",
        "pod-security.kubernetes.io/enforce: restricted\n", "seawall.dev/ignore.W01: because\n",
        "annotations:\n", "ownerReferences:\n- kind: ReplicaSet\n  name: a\n  controller: true\n",
        "selector: {matchLabels: {a: b}}\n", "&x ", "*x", "<<: *x\n", "|\n", ">-\n", "\"", "'",
        "yes", "0777", "null", "[]", "{}", "9223372036854775807", "-1", "1e999", "\u{1b}[31m",
        "\u{202e}", "<script>", "]]>", "\\u0000", "\t", "\r\n", "=cmd|", "\u{85}", "&amp;",
    ],
    run,
};

/// A credential, and the same in base64.
const MARKS: [&str; 2] = ["hunter2qzx7", "aHVudGVyMnF6eDc"];

fn run(input: &[u8], features: &mut HashSet<u64>) {
    let files = bundle::files(input);
    let kept = files.iter().all(|(path, text)| {
        !MARKS.iter().any(|mark| path.contains(mark)) && all_are_credentials(text)
    });
    let map = Arc::new(SourceMap::new());
    let Ok(loaded) = load_embedded(bundle::tree(&files), &map) else {
        return;
    };
    news::gaps(&loaded.coverage.gaps, features);
    for gap in &loaded.coverage.gaps {
        assert!(!gap.reason.contains("inside seawall"), "{}", gap.reason);
        assert!(gap.reason.len() < 1_100, "a reason of {} bytes", gap.reason.len());
    }
    let config = Config {
        frameworks: Framework::ALL.to_vec(),
        fail_on: seawall_assessment::FailOn {
            severity: Some(Severity::High),
            path: true,
        },
        ..Config::default()
    };
    let assessment = assess(&loaded.snapshot, loaded.coverage.clone(), &map, &config);
    for finding in &assessment.findings {
        features.insert(hash(finding.rule.as_str().as_bytes()));
    }
    features.insert(assessment.inventory.workloads.min(10));
    let rules = catalogue();
    let header = Header::default();
    let verbose = (hash(input) % 3) as u8;
    let display = Display {
        severity: Severity::Info,
        verbose,
        color: input.len().is_multiple_of(2),
        width: 40 + input.len() % 150,
        ..Display::default()
    };
    let context = Context {
        assessment: &assessment,
        map: &map,
        text: &loaded.text,
        rules: &rules,
        header: &header,
        display: &display,
    };
    let mut out = Vec::new();
    for format in Format::ALL {
        out.clear();
        seawall_report::write(format, &context, &mut out).expect("memory takes everything");
        check(format.name(), &out, kept);
        if matches!(format, Format::Json | Format::Sarif) {
            let again = parse_bytes(&out, FileId(1), &Limits::default());
            assert!(again.problems.is_empty(), "{format}: {:?}", again.problems);
        }
        if matches!(format, Format::Terminal | Format::Markdown | Format::Html) {
            let text = String::from_utf8_lossy(&out);
            let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\x1b');
            assert!(!text.contains(obeyed), "{format}: control characters");
        }
    }
    for finding in assessment.findings.iter().take(3) {
        out.clear();
        explain::finding(finding, &context, &mut out).expect("memory takes everything");
        check("explain", &out, kept);
        check("explain", explain::finding_markdown(finding, &context).as_bytes(), kept);
    }
}

fn check(what: &str, out: &[u8], kept: bool) {
    let text = std::str::from_utf8(out).expect("reports are UTF-8");
    if kept && let Some(mark) = MARKS.iter().find(|mark| text.contains(**mark)) {
        let line = text.lines().find(|line| line.contains(mark)).unwrap_or_default();
        let shown: String = line.chars().take(300).collect();
        panic!("{what} shows a credential: {shown}");
    }
}

/// Whether every mark in a text stands where it is known to be a credential.
fn all_are_credentials(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return !MARKS.iter().any(|mark| String::from_utf8_lossy(text).contains(mark));
    };
    let places: Vec<usize> = MARKS
        .iter()
        .flat_map(|mark| text.match_indices(mark).map(|(at, _)| at))
        .collect();
    if places.is_empty() {
        return true;
    }
    let mut credentials = Vec::new();
    for document in parse_bytes(text.as_bytes(), FileId(1), &Limits::default()).documents {
        collect(&document.root, &mut credentials);
    }
    places
        .iter()
        .all(|at| credentials.iter().any(|range| range.contains(at)))
}

fn collect(node: &Node, credentials: &mut Vec<Range<usize>>) {
    let mut keep = |node: &Node| {
        credentials.push(node.span.start as usize..node.span.end as usize);
    };
    match &node.value {
        Value::Seq(items) => items.iter().for_each(|item| collect(item, credentials)),
        Value::Map(map) => {
            let text = |key: &str| map.get(key).and_then(Node::as_str);
            if text("kind") == Some("Secret") && text("apiVersion") == Some("v1") {
                for key in ["data", "stringData"] {
                    let values = map.get(key).and_then(Node::as_map);
                    for entry in values.into_iter().flatten() {
                        if matches!(entry.value.value, Value::String(_)) {
                            keep(&entry.value);
                        }
                    }
                }
            }
            let named = text("name").is_some_and(|name| {
                name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
                    && ["PASSWORD", "TOKEN", "SECRET"].iter().any(|word| name.ends_with(word))
            });
            if named && let Some(value) = map.get("value").filter(|value| value.as_str().is_some()) {
                keep(value);
            }
            map.into_iter().for_each(|entry| collect(&entry.value, credentials));
        }
        _ => {}
    }
}
