//! What other engines ask: which sets allow an action, may somebody, and what a node may do.

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use seawall_access::node::Nodes;
use seawall_access::{Access, Request, ResourceRequest};
use seawall_model::KubernetesVersion;
use seawall_model::access::{
    AccessAnswer, AccessQuestion, AccessSubject, AccessTarget, Action, Authorizer, Identity,
    Permissions,
};
use seawall_snapshot::Snapshot;
use std::path::Path;
use support::Loader;

fn snapshot(text: &str, complete: bool) -> Snapshot {
    let mut loader = Loader::new();
    loader.add(Path::new("a.yaml"), text);
    assert_eq!(loader.problems, 0);
    if complete {
        loader.builder = loader.builder.complete();
    }
    loader.build().0
}

const RBAC: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: r}
rules:
- {apiGroups: [''], resources: [secrets], verbs: [get, create], resourceNames: [a]}
- {apiGroups: [''], resources: [nodes, namespaces], verbs: [get, list]}
- {apiGroups: [''], resources: [pods/exec], verbs: [create], resourceNames: [p]}
- {apiGroups: [''], resources: [configmaps], verbs: [get], resourceNames: [a]}
- {apiGroups: [''], resources: [configmaps], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {kind: ClusterRole, name: r}
subjects: [{kind: User, name: ann}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: some, namespace: shop}
roleRef: {kind: ClusterRole, name: r}
subjects: [{kind: User, name: bob}, {kind: ServiceAccount, name: web}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: again, namespace: shop}
roleRef: {kind: ClusterRole, name: r}
subjects: [{kind: Group, name: devs}]
";

/// The own sets that allow an action: the namespace, and the names.
fn granted(access: &Access, action: Action<'_>) -> Vec<String> {
    let granted = access.granted(&action).into_iter();
    let own = granted.filter(|one| &*one.role.name == "r");
    own.map(|one| {
        let set = access.sets().get(one.set.0 as usize).expect("a set");
        let place = set.namespace.as_deref().unwrap_or("*");
        let names: Vec<&str> = one.names.iter().map(|name| &**name).collect();
        assert!(one.span.is_some());
        format!("{place} {} {}", one.rule, names.join(","))
    })
    .collect()
}

#[test]
fn sets_say_what_they_allow() {
    let access = Access::of(&snapshot(RBAC, false), KubernetesVersion::NEWEST);
    let own: Vec<&seawall_model::access::Bound> = access
        .bindings()
        .iter()
        .filter(|bound| bound.span.is_known())
        .collect();
    assert_eq!(own.len(), 4);
    // Bindings of one role in one namespace share a set.
    let sets: std::collections::BTreeSet<_> = own.iter().map(|bound| bound.set).collect();
    assert_eq!(sets.len(), 2);
    let action = |verb, resource, subresource| Action {
        verb,
        group: "",
        resource,
        subresource,
    };
    for (action, want) in [
        (
            action("get", "secrets", ""),
            &["* /rules/0 a", "shop /rules/0 a"][..],
        ),
        // What is made has no name yet.
        (action("create", "secrets", ""), &[]),
        (
            action("create", "pods", "exec"),
            &["* /rules/2 p", "shop /rules/2 p"],
        ),
        (action("get", "nodes", ""), &["* /rules/1 "]),
        (
            action("get", "namespaces", ""),
            &["* /rules/1 ", "shop /rules/1 shop"],
        ),
        (action("list", "namespaces", ""), &["* /rules/1 "]),
        // The rule for all names stands for the one with some.
        (
            action("get", "configmaps", ""),
            &["* /rules/4 ", "shop /rules/4 "],
        ),
    ] {
        assert_eq!(granted(&access, action), want, "{action:?}");
    }
}

#[test]
fn a_no_is_only_said_of_a_whole_cluster() {
    let ask = |access: &Access, who: Identity, resource: &str| {
        access.ask(&AccessQuestion {
            subject: AccessSubject::Identity(who),
            verb: "get".into(),
            target: AccessTarget::Resource {
                group: "".into(),
                resource: resource.into(),
                subresource: "".into(),
                namespace: "shop".into(),
                name: "".into(),
            },
        })
    };
    let ann = || Identity::User("ann".into());
    for complete in [false, true] {
        let access = Access::of(&snapshot(RBAC, complete), KubernetesVersion::NEWEST);
        let AccessAnswer::Allowed { reason } = ask(&access, ann(), "configmaps") else {
            unreachable!("ann may");
        };
        assert_eq!(
            reason,
            "ClusterRoleBinding all gives User ann ClusterRole r, whose /rules/4 allows it"
        );
        let answer = ask(&access, ann(), "pods");
        assert_eq!(
            matches!(answer, AccessAnswer::NotAllowed { .. }),
            complete,
            "{answer:?}"
        );
        let masters = ask(&access, Identity::Group("system:masters".into()), "pods");
        assert!(matches!(masters, AccessAnswer::Allowed { .. }));
    }
    // A role that is missing: nobody knows what it gives.
    let text = RBAC.replace(
        "roleRef: {kind: ClusterRole, name: r}",
        "roleRef: {kind: ClusterRole, name: s}",
    );
    let access = Access::of(&snapshot(&text, true), KubernetesVersion::NEWEST);
    let answer = ask(&access, ann(), "configmaps");
    assert!(matches!(answer, AccessAnswer::Unknown { .. }), "{answer:?}");
}

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  nodeName: n1
  serviceAccountName: web
  imagePullSecrets: [{name: pull}]
  containers:
  - name: c
    image: c
    env: [{name: A, valueFrom: {secretKeyRef: {name: env, key: a}}}]
    envFrom: [{configMapRef: {name: from}}]
  volumes:
  - {name: a, secret: {secretName: vol}}
  - {name: b, projected: {sources: [{secret: {name: proj}}, {configMap: {name: pm}}]}}
  - {name: d, persistentVolumeClaim: {claimName: data}}
---
apiVersion: v1
kind: Pod
metadata: {name: q, namespace: shop}
spec:
  nodeName: n2
  containers: [{name: c, image: c, envFrom: [{secretRef: {name: other}}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: mirror, namespace: shop, annotations: {kubernetes.io/config.mirror: x}}
spec:
  nodeName: n1
  containers: [{name: c, image: c, envFrom: [{secretRef: {name: mirrored}}]}]
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv}
spec:
  claimRef: {namespace: shop, name: data}
  csi: {driver: d, volumeHandle: h, nodePublishSecretRef: {name: csi, namespace: storage}}
";

#[test]
fn nodes_read_what_their_pods_use() {
    let snapshot = snapshot(PODS, false);
    let nodes = Nodes::of(&snapshot);
    let access = Access::of(&snapshot, KubernetesVersion::NEWEST);
    for (line, want) in [
        ("get secrets shop env", true),
        ("list secrets shop vol", true),
        ("get secrets shop proj", true),
        ("get secrets shop pull", true),
        ("get secrets storage csi", true),
        ("get secrets shop other", false),
        ("get secrets shop mirrored", false),
        ("list secrets shop -", false),
        ("update secrets shop env", false),
        ("get configmaps shop from", true),
        ("get configmaps shop pm", true),
        ("get configmaps shop env", false),
        ("create serviceaccounts/token shop web", true),
        ("create serviceaccounts/token shop default", false),
        ("get serviceaccounts shop web", true),
        ("get persistentvolumeclaims shop data", true),
        ("get persistentvolumes - pv", true),
        ("update persistentvolumeclaims/status shop data", true),
        ("get nodes - n1", true),
        ("get nodes - n2", false),
        ("update nodes - n2", true), // admission (NodeRestriction) refuses it
        ("get pods shop p", true),
        ("get pods shop q", false),
        ("list pods - -", false),
        ("create pods/eviction shop q", true),
        ("update leases kube-node-lease n1", true),
        ("update leases kube-node-lease n2", false),
        ("list services - -", true),
        ("create pods/exec shop p", false),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let [verb, what, namespace, name] = words[..] else {
            unreachable!("{line}");
        };
        let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
        let given = |word: &str| if word == "-" { "".into() } else { word.into() };
        let request = Request::Resource(ResourceRequest {
            verb: verb.into(),
            group: if resource == "leases" {
                "coordination.k8s.io"
            } else {
                ""
            }
            .into(),
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: given(namespace),
            name: given(name),
        });
        assert_eq!(nodes.allows(&access, "n1", &request, false), want, "{line}");
    }
    let pods = Request::Resource(ResourceRequest {
        verb: "list".into(),
        resource: "pods".into(),
        ..ResourceRequest::default()
    });
    assert!(nodes.allows(&access, "n1", &pods, true), "its own pods");
    let old = Access::of(&snapshot, KubernetesVersion::new(33));
    assert!(
        nodes.allows(&old, "n1", &pods, false),
        "all pods, before 1.34"
    );
}
