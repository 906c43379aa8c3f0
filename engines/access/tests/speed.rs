//! How long it takes on clusters as large as they come.
//! `cargo test --release -p seawall-access --test speed -- --ignored --nocapture` prints it.

#![allow(clippy::expect_used, clippy::print_stdout)] // a measurement is for a person to read

mod support;

use seawall_access::{Access, Breadth, Request, ResourceRequest, check_access};
use seawall_model::KubernetesVersion;
use seawall_model::access::{Action, Identity, Permissions};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;
use support::Loader;

/// A cluster of this many bindings, a role for every tenth, and a fifth of them everywhere.
fn cluster(bindings: usize) -> String {
    let mut text = String::new();
    let group = "rbac.authorization.k8s.io";
    for n in 0..bindings / 10 {
        let _ = writeln!(
            text,
            "---\n{{apiVersion: {group}/v1, kind: ClusterRole, metadata: {{name: r{n}}}, rules: [\
             {{apiGroups: [''], resources: [pods, 'pods/log', configmaps], verbs: [get, list]}}, \
             {{apiGroups: [apps], resources: [deployments], verbs: ['*'], resourceNames: [a{n}]}}, \
             {{apiGroups: [''], resources: [{}], verbs: [get]}}]}}",
            if n % 7 == 0 { "secrets" } else { "services" },
        );
    }
    for n in 0..bindings {
        let (kind, place) = if n % 5 == 0 {
            ("ClusterRoleBinding", String::new())
        } else {
            ("RoleBinding", format!(", namespace: n{}", n % 500))
        };
        let _ = writeln!(
            text,
            "---\n{{apiVersion: {group}/v1, kind: {kind}, metadata: {{name: b{n}{place}}}, \
             roleRef: {{apiGroup: {group}, kind: ClusterRole, name: r{}}}, subjects: [\
             {{kind: ServiceAccount, name: s{}, namespace: n{}}}, {{kind: Group, name: g{}}}]}}",
            n % (bindings / 10),
            n % 5000,
            n % 500,
            n % 300,
        );
    }
    text
}

#[test]
#[ignore = "a measurement, for a release build"]
fn large_clusters_take_no_time() {
    for bindings in [1000, 10_000, 50_000] {
        let mut loader = Loader::new();
        for (at, part) in cluster(bindings).as_bytes().chunks(40 << 20).enumerate() {
            assert_eq!(at, 0, "one file");
            let text = std::str::from_utf8(part).expect("text");
            loader.add(Path::new("cluster.yaml"), text);
        }
        let (snapshot, _) = loader.build();
        let start = Instant::now();
        let access = Access::of(&snapshot, KubernetesVersion::NEWEST);
        let loaded = start.elapsed();
        let request = Request::Resource(ResourceRequest {
            verb: "get".into(),
            resource: "secrets".into(),
            namespace: "n7".into(),
            ..ResourceRequest::default()
        });
        let start = Instant::now();
        let who = access.who_can(&request, Breadth::default()).len();
        let asked = start.elapsed();
        let everywhere = Breadth {
            any_namespace: true,
            any_name: true,
        };
        let all = Request::Resource(ResourceRequest {
            verb: "get".into(),
            resource: "pods".into(),
            ..ResourceRequest::default()
        });
        let start = Instant::now();
        let pods = access.who_can(&all, everywhere).len();
        let asked_all = start.elapsed();
        let start = Instant::now();
        let granted = access.granted(&Action {
            verb: "get",
            group: "",
            resource: "secrets",
            subresource: "",
        });
        let granting = start.elapsed();
        let group = Identity::Group("g7".into());
        let start = Instant::now();
        let allowed = access.allows(&group, &group.groups(), &request).is_some();
        let allowing = start.elapsed();
        let start = Instant::now();
        let findings = check_access(&access).findings.len();
        println!(
            "{bindings} bindings: read {loaded:?}, who-can {asked:?} ({who}), who-can everywhere \
             {asked_all:?} ({pods}), granted {granting:?} ({}), allows {allowing:?} ({allowed}), \
             checks {:?} ({findings})",
            granted.len(),
            start.elapsed(),
        );
    }
}
