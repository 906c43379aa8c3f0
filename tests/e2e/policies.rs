//! The user's own policies (`--policy`), and rules as policies (`generate vap`).

use crate::support::{Dir, PRIVILEGED, Ran};

const BINDING: &str = "
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: p}
spec:
  policyName: p
  validationActions: [Deny]
";

/// A policy about pods with these fields of its spec, and its binding.
fn policy(spec: &str, binding: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: p}}
spec:
  matchConstraints:
    resourceRules:
      - {{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}}
{spec}{BINDING}{binding}"
    )
}

const NOT_PRIVILEGED: &str = "  validations:
    - expression: object.spec.containers.all(c, !c.?securityContext.?privileged.orValue(false))
      message: not for us
";

/// A scan of a pod, by one policy alone.
fn scan(test: &str, policy: &str, pod: &str, more: &[&str]) -> Ran {
    let dir = Dir::new(test);
    dir.write("app/pod.yaml", pod);
    dir.write("own/policy.yaml", policy);
    let mut args = vec!["scan", "app", "--policy", "own", "--only", "policy:p"];
    args.extend(more);
    dir.run(&args)
}

#[test]
fn a_violation_is_a_finding_like_any_other() {
    let policy = policy(NOT_PRIVILEGED, "");
    let ran = scan(
        "policy_bad",
        &policy,
        PRIVILEGED,
        &["--fail-on", "medium", "-o", "json"],
    );
    let answer = ran.exits(1).json();
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{answer:#}");
    let text = findings[0].to_string();
    for part in ["policy:p", "not for us", "app/pod.yaml", "own/policy.yaml"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let good = PRIVILEGED.replace("privileged: true", "privileged: false");
    let ran = scan("policy_good", &policy, &good, &["--fail-on", "info"]);
    ran.exits(0).says("100 % looked at");
}

#[test]
fn a_policy_that_does_not_compile_is_an_error_with_its_place() {
    let policy = policy("  validations: [{expression: 'object.spec.nope('}]\n", "");
    scan("policy_compile", &policy, PRIVILEGED, &[])
        .exits(2)
        .says("own/policy.yaml:8:");
}

#[test]
fn an_error_refuses_or_is_a_gap_with_its_place() {
    let spec = "  validations: [{expression: object.spec.nope == 1}]\n";
    scan(
        "policy_error",
        &policy(spec, ""),
        PRIVILEGED,
        &["--fail-on", "medium"],
    )
    .exits(1)
    .says("no such key: nope");
    let ignored = policy(&format!("  failurePolicy: Ignore\n{spec}"), "");
    let ran = scan("policy_ignored", &ignored, PRIVILEGED, &["-o", "json"]).exits(0);
    let answer = ran.json();
    assert_eq!(
        answer["findings"].as_array().unwrap().len(),
        0,
        "{answer:#}"
    );
    let gaps = answer["coverage"]["gaps"].to_string();
    assert!(gaps.contains("no such key: nope"), "{answer:#}");
    assert!(gaps.contains("own/policy.yaml"), "{answer:#}");
}

#[test]
fn parameters_are_handed_over_and_missing_ones_are_told() {
    let spec = "  paramKind: {apiVersion: v1, kind: ConfigMap}
  validations: [{expression: params.data.privileged == 'yes'}]
";
    let binding = "  paramRef: {name: rights, namespace: shop, parameterNotFoundAction: Deny}\n";
    let rights = |word: &str| {
        format!(
            "{binding}---
apiVersion: v1
kind: ConfigMap
metadata: {{name: rights, namespace: shop}}
data: {{privileged: '{word}'}}
"
        )
    };
    let gate = ["--fail-on", "medium"];
    scan(
        "params_good",
        &policy(spec, &rights("yes")),
        PRIVILEGED,
        &gate,
    )
    .exits(0);
    scan(
        "params_bad",
        &policy(spec, &rights("no")),
        PRIVILEGED,
        &gate,
    )
    .exits(1);
    scan("params_missing", &policy(spec, binding), PRIVILEGED, &[])
        .exits(0)
        .says("names parameters that are not there");
}

#[test]
fn generated_policies_are_policies() {
    let dir = Dir::new("generated_policies_are_policies");
    dir.write("app/pod.yaml", PRIVILEGED);
    let ran = dir.run(&["generate", "vap", "--only", "W01", "--mode", "warn"]);
    let ran = ran.exits(0).says("validationActions: [Warn]");
    dir.write("own/policy.yaml", &ran.out);
    let mut args = vec!["scan", "app", "--policy", "own", "--fail-on", "low"];
    args.extend(["--only", "policy:seawall-w01-privileged-container"]);
    dir.run(&args).exits(1);
    let good = PRIVILEGED.replace("privileged: true", "privileged: false");
    dir.write("app/pod.yaml", good);
    dir.run(&args).exits(0);
}

#[test]
fn what_cannot_be_generated_is_told() {
    let dir = Dir::new("what_cannot_be_generated");
    dir.run(&["generate", "vap", "--only", "W29"])
        .exits(2)
        .says("depends on other objects");
    dir.run(&["generate", "vap", "--mode", "dney"])
        .exits(2)
        .says("did you mean `deny`?");
    dir.run(&["generate", "vap", "--only", "W0l"]).exits(2);
}
