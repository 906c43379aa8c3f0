//! Input that nobody would write: nothing panics, and nothing takes for ever.

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_access::{Access, Breadth, Config, Request, ResourceRequest, check};
use seawall_model::KubernetesVersion;
use seawall_model::access::{Identity, Permissions};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Loader;

fn odd() -> impl Strategy<Value = String> {
    let words = [
        "null",
        "{}",
        "[]",
        "''",
        "0",
        "true",
        "x",
        "[null]",
        "[{}]",
        "[[]]",
        "'*'",
        "['*']",
        "['']",
        "[pods, pods]",
        "['*/*']",
        "[a, 1, null]",
        "['/']",
        "ClusterRole",
        "Role",
        "{kind: ClusterRole, name: a}",
        "{kind: Role, name: a}",
        "{kind: Role}",
        "[{kind: User}]",
        "[{kind: User, name: a}]",
        "[{kind: ServiceAccount, name: a}]",
        "[{verbs: ['*']}]",
        "[{verbs: ['*'], apiGroups: ['*'], resources: ['*']}]",
        "[{verbs: [get], nonResourceURLs: ['*'], resources: [a]}]",
        "{clusterRoleSelectors: [{}]}",
        "{clusterRoleSelectors: [{matchLabels: {a: b}}]}",
        "{clusterRoleSelectors: [{matchExpressions: [{key: a, operator: X}]}]}",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = String> {
    let kinds = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];
    let keys = ["rules", "roleRef", "subjects", "aggregationRule"];
    let field = (proptest::sample::select(keys.to_vec()), odd());
    let fields = proptest::collection::btree_map(field.0, field.1, 0..4);
    (proptest::sample::select(kinds.to_vec()), fields).prop_map(|(kind, fields)| {
        let mut text = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: a, labels: \
             {{a: b}}}}\n"
        );
        for (key, value) in fields {
            let _ = writeln!(text, "{key}: {value}");
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_written_is_read(documents in proptest::collection::vec(document(), 1..8)) {
        let mut loader = Loader::new();
        loader.add(Path::new("a.yaml"), &documents.join("---\n"));
        let (snapshot, _) = loader.build();
        check(&snapshot, &Config::default());
        let access = Access::of(&snapshot, KubernetesVersion::NEWEST);
        let ann = Identity::User("a".into());
        let request = Request::Resource(ResourceRequest::default());
        // Somebody who is allowed something has a right, and is among those who can.
        let is_allowed = access.allows(&ann, &ann.groups(), &request).is_some();
        let who = access.who_can(&request, Breadth::default());
        let is_among = who.iter().any(|right| {
            right.bound.subject == ann
                || ann.groups().iter().any(|group| right.bound.subject == Identity::Group(group.clone()))
        });
        prop_assert_eq!(is_allowed, is_among);
    }
}

#[test]
fn roles_that_all_aggregate_each_other_end() {
    let mut text = String::new();
    for n in 0..3000 {
        let _ = writeln!(
            text,
            "---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: \
             a{n}, labels: {{all: x}}}}, aggregationRule: {{clusterRoleSelectors: [{{matchLabels: \
             {{all: x}}}}]}}, rules: [{{apiGroups: [''], resources: [r{n}], verbs: [get]}}]}}\n---\n\
             {{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {{name: \
             a{n}}}, roleRef: {{kind: ClusterRole, name: a{n}}}, subjects: [{{kind: User, name: u{n}}}]}}"
        );
    }
    let mut loader = Loader::new();
    loader.add(Path::new("a.yaml"), &text);
    let (snapshot, _) = loader.build();
    let start = Instant::now();
    let access = Access::of(&snapshot, KubernetesVersion::NEWEST);
    assert!(
        access
            .gaps()
            .iter()
            .any(|gap| gap.reason.contains("aggregate each other"))
    );
    assert!(!access.sets().is_empty());
    // Well under a second in a release build.
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
}
