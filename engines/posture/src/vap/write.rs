//! Entries as YAML.

use super::expressions::VARIABLES;
use super::{Entry, Generated, Mode};
use seawall_model::Rule;
use std::fmt::Write as _;

/// What a policy about pods matches: pods, debug containers that are put into running ones,
/// and every built-in kind that makes pods.
const MATCHES: &str = "  matchConstraints:
    resourceRules:
      - apiGroups: [\"\"]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [pods, pods/ephemeralcontainers, replicationcontrollers, podtemplates]
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments, replicasets, statefulsets, daemonsets]
      - apiGroups: [batch]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [jobs, cronjobs]
";

/// Static pods of the control plane, which have rules of their own.
const COMPONENTS: &str = "  matchConditions:
    - name: not-a-control-plane-component
      expression: |-
        !(object.kind == \"Pod\" && request.namespace == \"kube-system\"
          && object.spec.?hostNetwork.orValue(false)
          && object.spec.containers.all(c, c.?command[?0].orValue(\"\")
            .matches('(^|/)(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)$')))
";

/// Text in quotation marks, as YAML and JSON have it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `privileged container` to `seawall-w01-privileged-container`.
fn name_of(rule: &Rule) -> String {
    let mut name = format!("seawall-{}", rule.id.as_str().to_lowercase());
    for word in rule.title.split(|c: char| !c.is_ascii_alphanumeric()) {
        if !word.is_empty() && name.len() + word.len() < 62 {
            name.push('-');
            name.push_str(&word.to_lowercase());
        }
    }
    name
}

/// The variables that an expression needs, in the order of their declaration.
fn needed(expression: &str) -> Vec<(&'static str, &'static str)> {
    let uses = |text: &str, name: &str| {
        text.match_indices("variables.").any(|(at, word)| {
            let rest = text.get(at + word.len()..).unwrap_or_default();
            rest.strip_prefix(name)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        })
    };
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    // A variable only uses those above it, so one pass from the end finds them all.
    for (name, body) in VARIABLES.iter().rev() {
        let is_wanted = uses(expression, name) || wanted.iter().any(|(_, body)| uses(body, name));
        if is_wanted {
            wanted.push((name, body));
        }
    }
    wanted.reverse();
    wanted
}

fn block(text: &str, indent: usize, to: &mut String) {
    to.push_str("|-\n");
    for line in text.lines() {
        let _ = writeln!(to, "{:indent$}{line}", "");
    }
}

pub(super) fn policy(entry: &Entry, rule: &Rule, mode: Mode) -> Generated {
    let name = name_of(rule);
    let mut yaml = String::new();
    let _ = write!(
        yaml,
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {name}
  labels:
    app.kubernetes.io/managed-by: seawall
  annotations:
    seawall.dev/rule: {id}
    seawall.dev/severity: {severity}
    seawall.dev/title: {title}
    seawall.dev/why: {why}
    seawall.dev/fix: {fix}
spec:
  failurePolicy: Fail
{MATCHES}",
        id = quoted(rule.id.as_str()),
        severity = rule.severity,
        title = quoted(&rule.title),
        why = quoted(&rule.why),
        fix = quoted(&rule.fix),
    );
    if entry.skips_components {
        yaml.push_str(COMPONENTS);
    }
    let variables = needed(entry.expression);
    if !variables.is_empty() {
        yaml.push_str("  variables:\n");
    }
    for (variable, body) in variables {
        let _ = write!(yaml, "    - name: {variable}\n      expression: ");
        block(body, 8, &mut yaml);
    }
    yaml.push_str("  validations:\n    - expression: ");
    block(entry.expression, 8, &mut yaml);
    let message = format!("{} {}: {}", rule.id, rule.title, rule.fix);
    let _ = write!(
        yaml,
        "      message: {message}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {name}
  labels:
    app.kubernetes.io/managed-by: seawall
spec:
  policyName: {name}
  validationActions: [{action}]
",
        message = quoted(message.trim_end_matches('.')),
        action = mode.action(),
    );
    Generated {
        rule: rule.id.clone(),
        name,
        yaml,
    }
}
