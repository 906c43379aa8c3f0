//! Constraints and their templates over objects: what they mean, and what is refused.

#![cfg(feature = "rego")]
#![allow(clippy::expect_used)] // helpers of tests may fail loudly

use seawall_admission::policy::{Policies, Problem};
use seawall_admission::{Config, check};
use seawall_model::{FileId, Outcome, Severity, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Keep, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, Node, parse};
use std::sync::Arc;

fn trees(text: &str) -> (Vec<Node>, SourceMap) {
    let map = SourceMap::new();
    let file: FileId = map.add_file(SourceFile {
        path: "input.yaml".into(),
        kind: SourceKind::File,
    });
    let stream = parse(text, file, &Limits::default());
    assert!(stream.problems.is_empty(), "{:?}\n{text}", stream.problems);
    let trees = stream
        .documents
        .into_iter()
        .flat_map(|document| object::flatten(document.root));
    (trees.collect(), map)
}

fn snapshot(text: &str) -> Snapshot {
    let (trees, map) = trees(text);
    let mut builder = Builder::new();
    for tree in &trees {
        let mut gaps = Vec::new();
        let read = object::read_keeping(tree, ScopeId::PLAIN, &map, &mut gaps, Keep::Trees);
        builder.add(read.expect("an object"));
    }
    builder.build()
}

fn template(kind: &str, rego: &str) -> String {
    let rego = rego.replace('\n', "\n        ");
    format!(
        "---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{name: {}}}
spec:
  crd: {{spec: {{names: {{kind: {kind}}}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        {rego}
",
        kind.to_lowercase()
    )
}

fn constraint(kind: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: {kind}
metadata: {{name: mine}}
spec:
{spec}
"
    )
}

const LABELS: &str = r#"package labels

violation[{"msg": msg}] {
  wanted := input.parameters.labels[_]
  not input.review.object.metadata.labels[wanted]
  msg := sprintf("the label %v is missing", [wanted])
}"#;

const OBJECTS: &str = "---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system, labels: {owner: us}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {owner: us}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: shop}
stringData: {password: hunter2}
";

fn read(text: &str) -> (Policies, Vec<Problem>) {
    Policies::read(&trees(text).0)
}

fn judged(policies: &str, objects: &str) -> Outcome {
    let (policies, problems) = read(policies);
    assert!(problems.is_empty(), "{problems:?}");
    let config = Config {
        policies: Some(Arc::new(policies)),
        ..Config::default()
    };
    check(&snapshot(objects), &config)
}

fn found(outcome: &Outcome) -> Vec<String> {
    let ours = outcome
        .findings
        .iter()
        .filter(|finding| finding.rule.as_str().starts_with("policy:"));
    ours.map(|finding| format!("{}: {}", finding.asset, finding.message))
        .collect()
}

fn labels(spec: &str) -> Vec<String> {
    let policies = template("Labels", LABELS) + &constraint("Labels", spec);
    found(&judged(&policies, OBJECTS))
}

const OWNER: &str = "  parameters: {labels: [owner]}\n";

#[test]
fn a_constraint_applies_its_template_where_it_matches() {
    let of = |meant: &str| labels(&format!("{OWNER}  match: {{{meant}}}"));
    let missing = |asset: &str| format!("{asset}: the label owner is missing");
    assert_eq!(
        of("kinds: [{apiGroups: [''], kinds: [Namespace]}]"),
        [missing("Namespace shop")]
    );
    assert_eq!(
        of("kinds: [{apiGroups: [''], kinds: [Secret, Namespace]}], namespaces: [sh*]"),
        [
            missing("Namespace shop"),
            "Secret shop/key: it violates the policy".to_owned()
        ]
    );
    assert!(
        of("kinds: [{apiGroups: [''], kinds: [Secret]}], excludedNamespaces: ['*op']").is_empty()
    );
    assert!(
        of("kinds: [{apiGroups: ['*'], kinds: ['*']}], scope: Cluster, name: kube-*").is_empty()
    );
    assert!(
        of("labelSelector: {matchLabels: {owner: us}}, kinds: [{kinds: [Deployment]}]").is_empty()
    );
    let in_shop = "kinds: [{kinds: [Secret]}], namespaceSelector: {matchLabels: {team: ";
    assert_eq!(of(&format!("{in_shop} shop}}}}")).len(), 1);
    assert!(of(&format!("{in_shop} other}}}}")).is_empty());
}

#[test]
fn a_workloads_pods_are_judged_where_only_pods_are_meant() {
    let pods = labels(&format!("{OWNER}  match: {{kinds: [{{kinds: [Pod]}}]}}"));
    assert_eq!(
        pods,
        ["Deployment shop/web: its pods: the label owner is missing"]
    );
    let both = labels(&format!(
        "{OWNER}  match: {{kinds: [{{kinds: [Pod, Deployment]}}]}}"
    ));
    assert!(both.is_empty(), "the Deployment has the label: {both:?}");
}

#[test]
fn what_a_constraint_does_decides_how_bad_it_is() {
    for (action, severity) in [
        ("deny", Severity::Medium),
        ("warn", Severity::Low),
        ("dryrun", Severity::Info),
    ] {
        let spec = format!("{OWNER}  enforcementAction: {action}\n");
        let policies = template("Labels", LABELS) + &constraint("Labels", &spec);
        let (policies, _) = read(&policies);
        let severities: Vec<Severity> = policies.rules().iter().map(|r| r.severity).collect();
        assert_eq!(severities, [severity]);
    }
}

#[test]
fn secrets_stay_out_of_messages() {
    let leak = r#"package leak

violation[{"msg": msg}] {
  msg := input.review.object.data.password
}"#;
    let policies =
        template("Leak", leak) + &constraint("Leak", "  match: {kinds: [{kinds: [Secret]}]}");
    let outcome = judged(&policies, OBJECTS);
    assert_eq!(found(&outcome).len(), 1);
    assert!(!format!("{outcome:?}").contains("hunter2"));
}

#[test]
fn other_objects_are_the_inventory() {
    let twice = r#"package twice

violation[{"msg": "another object has this name"}] {
  some kind
  data.inventory.namespace[_]["v1"][kind][input.review.object.metadata.name]
  kind != input.review.object.kind
}"#;
    let objects = format!(
        "{OBJECTS}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: key, namespace: other}}\n"
    );
    let policies =
        template("Twice", twice) + &constraint("Twice", "  match: {kinds: [{kinds: [Secret]}]}");
    assert_eq!(found(&judged(&policies, &objects)).len(), 1);
    assert!(found(&judged(&policies, OBJECTS)).is_empty());
}

/// What is wrong with a program, with its line in the file.
fn refused(rego: &str) -> Vec<String> {
    let (_, problems) = read(&(template("Bad", rego) + &constraint("Bad", "  parameters: {}")));
    problems
        .iter()
        .map(|problem| format!("{}: {}", problem.span.line, problem.message))
        .collect()
}

#[test]
fn what_cannot_run_is_told_with_its_place() {
    let first = 10; // the line of the program's first line in the template
    let nested = format!(
        "package p\nviolation[x] {{ x := {}1{} }}",
        "[".repeat(60),
        "]".repeat(60)
    );
    for (rego, line, message) in [
        ("package p\nviolation[x] { x := }", 1, "expecting"),
        (
            "package p\nf(x) = y { y := f(x) }\nviolation[x] { x := f(1) }",
            1,
            "themselves: f leads",
        ),
        (
            "package p\nviolation[x] { x := g(1) }\ng(x) = y { y := h(x) }\nh(x) = y { y := data.p.g(x) }",
            2,
            "themselves: g leads",
        ),
        (
            "package p\na { b }\nb { a }\nviolation[x] { a; x := 1 }",
            1,
            "themselves: a leads",
        ),
        (
            "package p\nviolation[x] { violation[y]; x := y }",
            1,
            "violation leads",
        ),
        ("package p\ndeny[x] { x := 1 }", 0, "no rule `violation`"),
        (nested.as_str(), 1, "nest deeper"),
    ] {
        let told = refused(rego);
        assert_eq!(told.len(), 1, "{rego}: {told:?}");
        let expected = format!("{}: ", first + line);
        let told = told.first().expect("one");
        assert!(
            told.starts_with(&expected) && told.contains(message),
            "{rego}: {told}"
        );
    }
    let (_, problems) = read(&constraint("Nothing", "  parameters: {}"));
    assert_eq!(problems.len(), 1);
    let (_, problems) = read(&template("Unused", LABELS));
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_program_without_end_is_stopped_and_told() {
    let endless = r#"package endless

violation[{"msg": "never"}] {
  many := numbers.range(1, 3000)
  many[i] + many[j] + many[k] == 1
}"#;
    let policies = template("Endless", endless)
        + &constraint("Endless", "  match: {kinds: [{kinds: [Secret]}]}");
    let outcome = judged(&policies, OBJECTS);
    assert!(found(&outcome).is_empty());
    let told: Vec<&str> = outcome
        .coverage
        .gaps
        .iter()
        .map(|gap| gap.reason.as_str())
        .collect();
    assert!(
        told.iter().any(|reason| reason.contains("time limit")),
        "{told:?}"
    );
}

/// As OPA 1.17 says, through `gator test` 3.23: what a negated call is given is read before.
#[test]
fn a_negation_of_what_is_missing_means_what_it_means_to_opa() {
    for (condition, holds) in [
        ("not input.review.object.spec.x", true),
        (r#"not input.review.object.spec.x == "y""#, true),
        ("not holds", true),
        (r#"not startswith(input.review.object.spec.x, "y")"#, false),
        (
            r#"not startswith(lower(input.review.object.spec.x), "y")"#,
            false,
        ),
        (
            r#"spec := input.review.object; not f(spec["spec"].x)"#,
            false,
        ),
        ("not f([input.review.object.spec.x])", false),
        ("not count(input.review.object.spec.x) > 1", false),
        ("not input.review.object.spec.x > 1", false),
        ("not input.review.object.spec.x != 1", false),
        ("not f(input.review.kind.kind)", true),
        (r#"not input.review.kind.kind != "Secret""#, true),
    ] {
        let rego = format!(
            "package bad\nviolation[{{\"msg\": \"hit\"}}] {{ {condition} }}\n\
             f(a) {{ a == \"y\" }}\nholds {{ f(input.review.object.spec.x) }}"
        );
        let meant = "  match: {kinds: [{kinds: [Secret]}]}";
        let policies = template("Bad", &rego) + &constraint("Bad", meant);
        let outcome = judged(&policies, OBJECTS);
        assert_eq!(found(&outcome).len(), usize::from(holds), "{condition}");
        assert!(
            outcome.coverage.gaps.iter().all(|gap| gap.units == 0),
            "{condition}"
        );
    }
}
