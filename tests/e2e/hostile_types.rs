//! A value of the wrong type in every field that is read: a gap at its line, and the rest of
//! the object is still judged.

use crate::support::Dir;

/// Fields of a pod's `spec`, of its container, of its metadata.
const POD: &[&str] = &[
    "hostNetwork: 'true'",
    "hostIPC: 1",
    "volumes: x",
    "volumes: [5]",
    "initContainers: {}",
    "ephemeralContainers: 3",
    "securityContext: []",
    "securityContext: {runAsUser: root}",
    "securityContext: {runAsNonRoot: 'true'}",
    "securityContext: {sysctls: x}",
    "securityContext: {seccompProfile: x}",
    "securityContext: {supplementalGroups: 5}",
    "serviceAccountName: [x]",
    "serviceAccountName: 7",
    "automountServiceAccountToken: 'no'",
    "hostUsers: 5",
];
const CONTAINER: &[&str] = &[
    "securityContext: []",
    "securityContext: {privileged: 'yes'}",
    "securityContext: {capabilities: [a]}",
    "securityContext: {capabilities: {add: SYS_ADMIN}}",
    "securityContext: {capabilities: {add: [5]}}",
    "securityContext: {runAsUser: x}",
    "securityContext: {procMount: 5}",
    "securityContext: {seLinuxOptions: x}",
    "securityContext: {appArmorProfile: x}",
    "securityContext: {windowsOptions: 5}",
    "env: 7",
    "env: [x]",
    "envFrom: 5",
    "ports: x",
    "ports: [{hostPort: '80'}]",
    "resources: x",
    "resources: {limits: 5}",
    "livenessProbe: []",
    "readinessProbe: 5",
    "lifecycle: 5",
    "volumeMounts: x",
    "volumeMounts: [5]",
    "command: x",
    "args: 5",
    "imagePullPolicy: 5",
];
const METADATA: &[&str] = &[
    "labels: [a]",
    "labels: {a: 5}",
    "annotations: 3",
    "annotations: {a: []}",
    "namespace: {}",
    "namespace: 5",
    "ownerReferences: x",
    "generateName: 5",
];
/// What stands below the name of other objects.
const OTHERS: &[(&str, &str, &str)] = &[
    ("apps/v1", "Deployment", "spec: 5"),
    ("apps/v1", "Deployment", "spec: []"),
    ("apps/v1", "Deployment", "spec: {template: 5}"),
    ("apps/v1", "Deployment", "spec: {template: {spec: 5}}"),
    (
        "apps/v1",
        "Deployment",
        "spec: {template: {spec: {containers: 5}}}",
    ),
    (
        "apps/v1",
        "Deployment",
        "spec: {template: {spec: {containers: {a: b}}}}",
    ),
    (
        "apps/v1",
        "Deployment",
        "spec: {template: {spec: {containers: [5]}}}",
    ),
    (
        "apps/v1",
        "Deployment",
        "spec: {template: {spec: {containers: [{name: 5}]}}}",
    ),
    (
        "apps/v1",
        "Deployment",
        "spec: {template: {spec: {containers: [{image: 5}]}}}",
    ),
    ("apps/v1", "Deployment", "spec: {replicas: 'x'}"),
    ("apps/v1", "StatefulSet", "spec: {replicas: [1]}"),
    ("apps/v1", "Deployment", "spec: {selector: x}"),
    (
        "apps/v1",
        "Deployment",
        "spec: {selector: {matchLabels: 5}}",
    ),
    ("batch/v1", "CronJob", "spec: 5"),
    ("batch/v1", "CronJob", "spec: {jobTemplate: 5}"),
    ("v1", "Service", "spec: 5"),
    ("v1", "Service", "spec: {ports: x}"),
    ("v1", "Service", "spec: {ports: [80]}"),
    ("v1", "Service", "spec: {type: 5}"),
    ("v1", "Service", "spec: {selector: x}"),
    ("v1", "Service", "spec: {selector: {a: 5}}"),
    ("v1", "Service", "spec: {externalIPs: x}"),
    ("v1", "Secret", "data: x"),
    ("v1", "Secret", "stringData: [a]"),
    ("v1", "ConfigMap", "data: x"),
    ("v1", "ServiceAccount", "automountServiceAccountToken: x"),
    ("v1", "List", "items: 5"),
    ("networking.k8s.io/v1", "NetworkPolicy", "spec: 5"),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "spec: {podSelector: x}",
    ),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "spec: {policyTypes: x}",
    ),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "spec: {ingress: x}",
    ),
    ("networking.k8s.io/v1", "Ingress", "spec: 5"),
    ("networking.k8s.io/v1", "Ingress", "spec: {rules: x}"),
    ("networking.k8s.io/v1", "Ingress", "spec: {tls: x}"),
    ("policy/v1", "PodDisruptionBudget", "spec: 5"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "rules: 5"),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "subjects: 5",
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "roleRef: 5",
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "webhooks: 5",
    ),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "spec: 5",
    ),
    (
        "kubelet.config.k8s.io/v1beta1",
        "KubeletConfiguration",
        "authentication: 5",
    ),
    (
        "apiserver.config.k8s.io/v1",
        "EncryptionConfiguration",
        "resources: 5",
    ),
    (
        "apiserver.config.k8s.io/v1",
        "AdmissionConfiguration",
        "plugins: 5",
    ),
];

fn pod(metadata: &str, container: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod\n  {metadata}\nspec:\n  hostPID: true\n  \
         {spec}\n  containers:\n  - name: a\n    image: b:1\n    {container}\n"
    )
}

#[test]
fn every_field_of_the_wrong_type_is_a_gap() {
    let mut objects: Vec<(String, &str)> = Vec::new();
    objects.extend(POD.iter().map(|field| (pod("", "", field), *field)));
    objects.extend(CONTAINER.iter().map(|field| (pod("", field, ""), *field)));
    objects.extend(METADATA.iter().map(|field| (pod(field, "", ""), *field)));
    let pods = objects.len();
    objects.extend(OTHERS.iter().map(|(version, kind, field)| {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n{field}\n");
        (text, *field)
    }));
    let dir = Dir::new("every_wrong_type");
    let mut text = String::new();
    let mut lines = Vec::new();
    for (object, field) in &objects {
        let start = text.lines().count();
        let at = object.lines().position(|line| line.contains(field));
        lines.push(start + 1 + at.unwrap());
        text.push_str(object);
        text.push_str("---\n");
    }
    dir.write("all.yaml", text);
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    let at = |line: usize| {
        gaps.iter()
            .filter(move |gap| gap["location"]["line"] == line)
    };
    let silent: Vec<_> = objects
        .iter()
        .zip(&lines)
        .filter(|(_, line)| at(**line).count() == 0)
        .map(|((object, _), _)| object)
        .collect();
    assert!(silent.is_empty(), "no gap for {silent:#?}");
    // What else the pods say is judged.
    let found = report["findings"].as_array().unwrap();
    let shares = found.iter().filter(|f| f["rule"] == "W02").count();
    assert_eq!(shares, pods, "pods that share the node's processes");
}
