//! Policies over objects: the example packs with their cases, and what a policy means.

#![allow(clippy::expect_used, clippy::print_stderr)] // helpers of tests may fail loudly

use seawall_admission::policy::Policies;
use seawall_admission::{Config, REFUSED_BY_POLICY, check};
use seawall_model::{FileId, GapKind, Outcome, Severity, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Keep, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, Node, parse};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

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

fn policies(text: &str) -> Arc<Policies> {
    let (policies, problems) = Policies::read(&trees(text).0);
    assert!(problems.is_empty(), "{problems:?}");
    Arc::new(policies)
}

fn judged(policy: &str, objects: &str) -> Outcome {
    let config = Config {
        policies: Some(policies(policy)),
        ..Config::default()
    };
    check(&snapshot(objects), &config)
}

/// What the policies found: asset and message.
fn found(outcome: &Outcome) -> Vec<String> {
    outcome
        .findings
        .iter()
        .filter(|finding| finding.rule.as_str().starts_with("policy:"))
        .map(|finding| format!("{}: {}", finding.asset, finding.message))
        .collect()
}

fn reasons(outcome: &Outcome) -> Vec<&str> {
    let gaps = outcome.coverage.gaps.iter();
    gaps.map(|gap| gap.reason.as_str()).collect()
}

/// A policy about these resources with these fields of its spec.
fn policy(group: &str, resources: &str, spec: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: p}}
spec:
  matchConstraints:
    resourceRules:
      - {{apiGroups: ['{group}'], apiVersions: ['*'], operations: [CREATE], resources: [{resources}]}}
{spec}"
    )
}

fn binding(spec: &str) -> String {
    format!(
        "
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: b}}
spec:
  policyName: p
{spec}"
    )
}

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
    - {name: a, image: nginx, ports: [{containerPort: 80}]}
";

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: a, image: nginx}
";

const NO: &str = "  validations: [{expression: 'false', message: forbidden}]\n";

#[test]
fn example_policies_refuse_their_bad_cases_and_no_good_one() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../policies")
        .canonicalize()
        .expect("the example policies");
    let mut packs = 0;
    for pack in std::fs::read_dir(&root).expect("packs").flatten() {
        let dir = pack.path();
        if !dir.is_dir() {
            continue;
        }
        packs += 1;
        let text = |path: &Path| std::fs::read_to_string(path).expect("a text");
        let policy = text(&dir.join("policy.yaml"));
        let (mut bad, mut good) = (0, 0);
        for entry in std::fs::read_dir(&dir).expect("cases").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "policy.yaml" {
                continue;
            }
            let objects = text(&path);
            let outcome = judged(&policy, &objects);
            let violated: Vec<String> = found(&outcome);
            let place = path.display();
            assert_eq!(reasons(&outcome), Vec::<&str>::new(), "{place}");
            if name.starts_with("bad") {
                bad += 1;
                // Every object of a bad case is one.
                let documents = snapshot(&objects).len();
                assert_eq!(violated.len(), documents, "{place}: {violated:?}");
            } else {
                good += 1;
                assert!(violated.is_empty(), "{place}: {violated:?}");
            }
        }
        assert!(bad > 0 && good > 0, "{}: no cases", dir.display());
    }
    assert!(packs >= 8, "{packs} packs");
}

#[test]
fn a_policy_about_pods_speaks_of_the_workload_that_makes_them() {
    let outcome = judged(&policy("", "pods", NO), DEPLOYMENT);
    assert_eq!(
        found(&outcome),
        ["Deployment shop/web: its pods: forbidden"]
    );
    // Not twice where it means the workload itself.
    let outcome = judged(&policy("*", "pods, deployments", NO), DEPLOYMENT);
    assert_eq!(found(&outcome), ["Deployment shop/web: forbidden"]);
    let spec = "  validations: [{expression: 'object.metadata.labels.app == \"web\" && object.spec.containers[0].image == \"nginx\" && request.kind.kind == \"Pod\"'}]";
    assert!(found(&judged(&policy("", "pods", spec), DEPLOYMENT)).is_empty());
}

#[test]
fn objects_are_seen_with_their_defaults() {
    let spec = "  validations:
    - expression: object.spec.containers.all(c, c.imagePullPolicy == 'Always' && c.ports[0].protocol == 'TCP')
    - expression: object.spec.restartPolicy == 'Always' && object.spec.serviceAccountName == 'default'
    - expression: has(object.spec.securityContext) && oldObject == null && request.operation == 'CREATE'
    - expression: object.metadata.namespace == request.namespace && request.namespace == 'shop'
";
    assert_eq!(
        found(&judged(&policy("", "pods", spec), POD)),
        Vec::<String>::new()
    );
}

#[test]
fn errors_refuse_or_are_passed_over_as_the_policy_says() {
    let spec = "  validations: [{expression: object.spec.nope == 1}]\n";
    let outcome = judged(&policy("", "pods", spec), POD);
    assert_eq!(found(&outcome).len(), 1, "{outcome:?}");
    let outcome = judged(
        &policy("", "pods", &format!("  failurePolicy: Ignore\n{spec}")),
        POD,
    );
    assert!(found(&outcome).is_empty());
    assert!(
        reasons(&outcome)
            .iter()
            .any(|reason| reason.contains("no such key: nope"))
    );
    // A condition that is false excuses; one that fails refuses.
    let condition = |expression: &str| {
        format!("  matchConditions: [{{name: c, expression: '{expression}'}}]\n{NO}")
    };
    for (expression, want) in [("true", 1), ("false", 0), ("object.nope == 1", 1)] {
        let outcome = judged(&policy("", "pods", &condition(expression)), POD);
        assert_eq!(found(&outcome).len(), want, "{expression}");
    }
}

#[test]
fn what_nobody_knows_is_a_gap() {
    for expression in [
        "request.userInfo.username == \"x\"",
        "authorizer.group(\"\").resource(\"pods\").check(\"get\").allowed()",
        "namespaceObject.metadata.labels.size() > 0",
    ] {
        let spec = format!("  validations: [{{expression: '{expression}'}}]");
        let outcome = judged(&policy("", "pods", &spec), POD);
        assert!(found(&outcome).is_empty(), "{expression}");
        let is_told = reasons(&outcome)
            .iter()
            .any(|r| r.contains("cannot be answered"));
        assert!(is_told, "{expression}: {:?}", reasons(&outcome));
    }
    // What decides without it is decided.
    let spec = "  validations: [{expression: 'request.userInfo.username == \"x\" || true'}]";
    assert!(found(&judged(&policy("", "pods", spec), POD)).is_empty());
}

#[test]
fn selectors_rules_and_bindings_decide_who_is_meant() {
    let space =
        "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: prod}}";
    let with = |selector: &str| {
        let spec = format!("    namespaceSelector: {selector}\n{NO}");
        judged(&policy("", "pods", &spec), &format!("{POD}{space}"))
    };
    for (selector, want) in [
        ("{matchLabels: {tier: prod}}", 1),
        ("{matchLabels: {tier: test}}", 0),
        ("{matchLabels: {kubernetes.io/metadata.name: shop}}", 1),
        (
            "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}",
            0,
        ),
    ] {
        assert_eq!(found(&with(selector)).len(), want, "{selector}");
    }
    // Without the namespace only its name is known.
    let spec = format!("    namespaceSelector: {{matchLabels: {{tier: prod}}}}\n{NO}");
    let outcome = judged(&policy("", "pods", &spec), POD);
    assert!(found(&outcome).is_empty());
    assert!(
        reasons(&outcome)
            .iter()
            .any(|r| r.contains("not in the picture"))
    );
    for (extra, want) in [
        ("    objectSelector: {matchLabels: {app: web}}\n", 1),
        ("    objectSelector: {matchLabels: {app: api}}\n", 0),
        (
            "    excludeResourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods], resourceNames: [web]}]\n",
            0,
        ),
    ] {
        let outcome = judged(&policy("", "pods", &format!("{extra}{NO}")), POD);
        assert_eq!(found(&outcome).len(), want, "{extra}");
    }
    for (resources, want) in [("pods/exec", 0), ("pods/*", 0), ("'*'", 1), ("'*/*'", 1)] {
        let outcome = judged(&policy("", resources, NO), POD);
        assert_eq!(found(&outcome).len(), want, "{resources}");
    }
    let bound = format!(
        "{}{}",
        policy("", "pods", NO),
        binding(
            "  validationActions: [Warn]\n  matchResources: {objectSelector: {matchLabels: {app: api}}}\n"
        )
    );
    assert!(found(&judged(&bound, POD)).is_empty());
}

#[test]
fn parameters_come_from_beside_the_policy_or_from_the_picture() {
    let spec = "  paramKind: {apiVersion: v1, kind: ConfigMap}
  validations: [{expression: 'params.data.allowed == object.metadata.name'}]
";
    let bound = |extra: &str| {
        format!(
            "{}{}{extra}",
            policy("", "pods", spec),
            binding(
                "  validationActions: [Deny]\n  paramRef: {name: list, namespace: x, parameterNotFoundAction: Deny}\n"
            )
        )
    };
    let list = |name: &str| {
        format!(
            "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: list, namespace: x}}\ndata: {{allowed: {name}}}"
        )
    };
    assert_eq!(found(&judged(&bound(&list("web")), POD)).len(), 0);
    assert_eq!(found(&judged(&bound(&list("api")), POD)).len(), 1);
    assert_eq!(
        found(&judged(&bound(""), &format!("{POD}{}", list("api")))).len(),
        1
    );
    let outcome = judged(&bound(""), POD);
    assert!(
        reasons(&outcome).iter().any(|r| r.contains("not there")),
        "{:?}",
        reasons(&outcome)
    );
}

#[test]
fn severity_follows_the_annotation_or_the_action() {
    let of = |action: &str| {
        let bound = format!(
            "{}{}",
            policy("", "pods", NO),
            binding(&format!("  validationActions: [{action}]\n"))
        );
        let outcome = judged(&bound, POD);
        let finding = outcome
            .findings
            .iter()
            .find(|f| f.rule.as_str() == "policy:p");
        finding.map(|finding| finding.severity)
    };
    assert_eq!(of("Deny"), Some(Severity::Medium));
    assert_eq!(of("Warn"), Some(Severity::Low));
    assert_eq!(of("Audit"), Some(Severity::Info));
}

#[test]
fn a_policy_without_a_binding_is_told_once() {
    let outcome = judged(&policy("", "pods", NO), POD);
    let told = reasons(&outcome)
        .into_iter()
        .filter(|r| r.contains("no binding"));
    assert_eq!(told.count(), 1);
    assert!(outcome.coverage.gaps.iter().all(|gap| gap.units == 0));
}

#[test]
fn policies_of_the_picture_say_what_they_would_refuse() {
    let picture = |action: &str| {
        let bound = format!(
            "{}{}",
            policy("", "pods", NO),
            binding(&format!("  validationActions: [{action}]\n"))
        );
        check(&snapshot(&format!("{bound}\n---{POD}")), &Config::default())
    };
    let refused = |outcome: &Outcome| {
        let all = outcome.findings.iter();
        all.filter(|finding| finding.rule == REFUSED_BY_POLICY)
            .count()
    };
    assert_eq!(refused(&picture("Deny")), 1);
    assert_eq!(refused(&picture("Warn")), 0);
}

#[test]
fn messages_say_what_is_wrong_and_never_quote_a_secret() {
    let spec = "  validations:
    - expression: 'false'
      message: static
      messageExpression: '\"it says \" + string(object.?data.?password.orValue(object.kind))'
";
    let outcome = judged(&policy("", "pods, secrets", spec), POD);
    assert_eq!(found(&outcome), ["Pod shop/web: it says Pod"]);
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: aHVudGVyMg==}";
    let outcome = judged(&policy("", "pods, secrets", spec), secret);
    assert_eq!(found(&outcome), ["Secret s: static"]);
}

#[test]
fn a_policy_ends_where_its_steps_do_and_always_at_the_same_object() {
    let spec = "  validations: [{expression: 'lists.range(900).all(a, lists.range(900).all(b, lists.range(900).all(c, true)))'}]";
    let mut objects = String::new();
    for number in 0..40 {
        objects += "---";
        objects += &POD.replace("name: web,", &format!("name: web{number},"));
    }
    let first = judged(&policy("", "pods", spec), &objects);
    let told: Vec<_> = first
        .coverage
        .gaps
        .iter()
        .filter(|gap| gap.reason.contains("cost limit"))
        .collect();
    assert_eq!(told.len(), 1);
    assert!(
        told.iter()
            .all(|gap| gap.span.is_known() && gap.kind == GapKind::Unsupported)
    );
    assert_eq!(
        first.coverage.gaps,
        judged(&policy("", "pods", spec), &objects).coverage.gaps
    );
}

#[test]
fn what_is_wrong_with_a_policy_is_told_with_its_place() {
    let spec = "  variables: [{name: v, expression: object.spec.containers.map(c, c.name}]
  validations: [{expression: 'variables.v.size() > 0 && nothing'}, {expression: '1 + 1'}, {expression: 'authorizer.foo()'}]
";
    let text = policy(
        "",
        "pods",
        &spec
            .replace("c.name}", "c.nam'}")
            .replace("object.spec.c", "'object.spec.c"),
    );
    let (_, problems) = Policies::read(&trees(&text).0);
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.span.is_known()));
}

/// `cargo test --release -p seawall-admission --test policies -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn fifty_policies_over_ten_thousand_objects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut text = String::new();
    for number in 0..50_usize {
        let packs = [
            "no-latest-tag",
            "resource-limits",
            "no-host-path",
            "required-labels",
            "no-default-service-account",
        ];
        let pack = packs.get(number % packs.len()).expect("a pack");
        let policy =
            std::fs::read_to_string(root.join(pack).join("policy.yaml")).expect("a policy");
        text.push_str(&policy.replace(pack, &format!("{pack}-{number}")));
        text.push_str("\n---\n");
    }
    let good = DEPLOYMENT
        .replace("namespace: shop}", "namespace: shop, labels: {app.kubernetes.io/name: web, app.kubernetes.io/part-of: shop}}")
        .replace("image: nginx}", "image: 'nginx:1', resources: {limits: {cpu: 1, memory: 1Gi}}}")
        .replace("    spec:\n", "    spec:\n      serviceAccountName: web\n");
    // One in twenty violates them all.
    let mut objects = String::new();
    for number in 0..10_000 {
        let deployment = if number % 20 == 0 { DEPLOYMENT } else { &good };
        objects += "---";
        objects += &deployment.replace("name: web,", &format!("name: web{number},"));
    }
    let snapshot = snapshot(&objects);
    let none = Instant::now();
    let without = check(&snapshot, &Config::default());
    let none = none.elapsed();
    let compile = Instant::now();
    let policies = policies(&text);
    let compile = compile.elapsed();
    let config = Config {
        policies: Some(policies),
        ..Config::default()
    };
    let start = Instant::now();
    let outcome = check(&snapshot, &config);
    let took = start.elapsed().saturating_sub(none);
    eprintln!(
        "50 policies compiled in {compile:?}; 10,000 objects in {took:?}: {} findings, {} gaps",
        outcome.findings.len() - without.findings.len(),
        outcome.coverage.gaps.len()
    );
}
