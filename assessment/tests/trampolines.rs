//! Which nodes are one token away from the cluster (`NODE_TRAMPOLINE`).

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

use seawall_assessment::paths::Trampolines;
use seawall_assessment::{Config, assess};
use seawall_model::{Coverage, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, ScopeId, object};
use seawall_yaml::{Limits, parse};

/// Three nodes; an operator that writes roles on the first, what only reads on the others.
const CLUSTER: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: operator}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [update, escalate]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterrolebindings], verbs: [create]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: operator}
subjects: [{kind: ServiceAccount, name: operator, namespace: ops}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}]
---
apiVersion: v1
kind: Pod
metadata: {name: operator, namespace: ops}
spec: {nodeName: n1, serviceAccountName: operator, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {nodeName: n2, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec:
  nodeName: n3
  containers: [{name: a, image: a, securityContext: {privileged: true}}]
";

fn trampolines(text: &str) -> Trampolines {
    let (map, mut gaps) = (SourceMap::new(), Vec::new());
    let file = map.add_file(SourceFile {
        path: "cluster.yaml".into(),
        kind: SourceKind::File,
    });
    let mut builder = Builder::new();
    for document in parse(text, file, &Limits::default()).documents {
        let object = object::read(&document.root, ScopeId::PLAIN, &map, &mut gaps);
        builder.add(object.expect("an object"));
    }
    let config = Config {
        with_paths: true,
        ..Config::default()
    };
    let assessment = assess(&builder.build(), Coverage::default(), &map, &config);
    assessment.ways.expect("paths were asked for").trampolines
}

#[test]
fn nodes_with_a_powerful_account_are_counted() {
    let found = trampolines(CLUSTER);
    let operator = ("Pod ops/operator", "ServiceAccount ops/operator");
    let workloads: Vec<(&str, &str)> = found
        .workloads
        .iter()
        .map(|(workload, account)| (&**workload, &**account))
        .collect();
    assert_eq!((found.nodes, found.of), (1, 3));
    assert_eq!(workloads, [operator]);
    // Where it may neither write more than it has nor bind, the same account leads nowhere.
    let twin = CLUSTER
        .replace("escalate]", "get]")
        .replace("[bind]", "[get]");
    assert_eq!(
        trampolines(&twin),
        Trampolines {
            nodes: 0,
            of: 3,
            workloads: Vec::new()
        }
    );
}
