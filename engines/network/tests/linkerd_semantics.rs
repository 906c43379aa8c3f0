//! Linkerd once more, as simply as can be, sharing no code with the engine: whom a port lets
//! in, whatever address they come from. On generated clusters both must say the same.

#![allow(clippy::indexing_slicing, clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_network::World;
use seawall_network::linkerd::Linkerd;
use std::path::Path;
use support::Loader;

const IDENTITIES: [&str; 4] = [
    "web.front.serviceaccount.identity.linkerd.cluster.local",
    "web.shop.serviceaccount.identity.linkerd.cluster.local",
    "db.shop.serviceaccount.identity.linkerd.cluster.local",
    "web.front.serviceaccount.identity.linkerd.other.local",
];
const DEFAULTS: [&str; 6] = [
    "deny",
    "cluster-authenticated",
    "all-authenticated",
    "cluster-unauthenticated",
    "all-unauthenticated",
    "audit",
];

#[derive(Debug, Clone)]
struct Server {
    app: Option<&'static str>,
    by_name: bool,
    access: Option<&'static str>,
}

/// What an AuthorizationPolicy asks for.
#[derive(Debug, Clone)]
enum Reference {
    /// A list of identities.
    List(Vec<&'static str>),
    /// A service account, by namespace and name.
    Account(&'static str, &'static str),
    /// Addresses.
    Network,
    /// Something that is not there.
    Missing,
}

#[derive(Debug, Clone)]
struct Policy {
    /// Place of the Server, or the namespace.
    target: Option<usize>,
    references: Vec<Reference>,
}

/// A ServerAuthorization.
#[derive(Debug, Clone)]
struct Old {
    target: usize,
    unauthenticated: bool,
    identities: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct Cluster {
    space_default: Option<&'static str>,
    pod_default: Option<&'static str>,
    /// The Servers of ports 8080 and 9090.
    servers: [Option<Server>; 2],
    policies: Vec<Policy>,
    old: Vec<Old>,
}

fn fits(pattern: &str, identity: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match pattern.strip_prefix("*.") {
        Some(end) => identity.ends_with(&format!(".{end}")),
        None => pattern == identity,
    }
}

fn lets_in(policy: &str, identity: Option<&str>) -> bool {
    match policy {
        "deny" => false,
        "cluster-authenticated" | "all-authenticated" => identity.is_some(),
        _ => true,
    }
}

/// Whether the pods `web` let an identity in at a port; `None` where a default decides that
/// nothing says.
fn naive(cluster: &Cluster, port: usize, identity: Option<&str>) -> Option<bool> {
    let server = cluster.servers[port].as_ref();
    let Some(server) = server.filter(|server| server.app != Some("db")) else {
        let default = cluster.pod_default.or(cluster.space_default)?;
        return Some(lets_in(default, identity));
    };
    if lets_in(server.access.unwrap_or("deny"), identity) {
        return Some(true);
    }
    let by_policy = cluster.policies.iter().any(|policy| {
        policy.target.is_none_or(|target| target == port)
            && policy.references.iter().all(|reference| match reference {
                Reference::List(list) => {
                    identity.is_some_and(|one| list.iter().any(|pattern| fits(pattern, one)))
                }
                Reference::Account(namespace, name) => identity.is_some_and(|one| {
                    one == format!(
                        "{name}.{namespace}.serviceaccount.identity.linkerd.cluster.local"
                    )
                }),
                Reference::Network => true,
                Reference::Missing => false,
            })
    });
    let by_old = cluster.old.iter().any(|old| {
        old.target == port
            && (old.unauthenticated
                || identity
                    .is_some_and(|one| old.identities.iter().any(|pattern| fits(pattern, one))))
    });
    Some(by_policy || by_old)
}

fn object(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: policy.linkerd.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{{spec}}}\n"
    )
}

fn quoted(list: &[&str]) -> String {
    let all: Vec<String> = list.iter().map(|one| format!("\"{one}\"")).collect();
    format!("[{}]", all.join(", "))
}

fn manifests(cluster: &Cluster) -> String {
    let default = |word: Option<&str>| {
        word.map_or(String::new(), |word| {
            format!(", config.linkerd.io/default-inbound-policy: {word}")
        })
    };
    let mut all = vec![
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, annotations: {{linkerd.io/inject: enabled{}}}}}\n",
            default(cluster.space_default)
        ),
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  template:\n    \
             metadata: {{labels: {{app: web}}, annotations: {{note: a{}}}}}\n    spec:\n      containers: [{{name: c, \
             image: i, ports: [{{containerPort: 8080, name: p-0}}, {{containerPort: 9090, name: p-1}}]}}]\n",
            default(cluster.pod_default)
        ),
    ];
    for (index, server) in cluster.servers.iter().enumerate() {
        let Some(server) = server else { continue };
        let selector = server
            .app
            .map_or(String::new(), |app| format!("matchLabels: {{app: {app}}}"));
        let port = if server.by_name {
            format!("p-{index}")
        } else {
            ["8080", "9090"][index].to_owned()
        };
        let access = server
            .access
            .map_or(String::new(), |word| format!(", accessPolicy: {word}"));
        let spec = format!("podSelector: {{{selector}}}, port: {port}{access}");
        all.push(object("Server", &format!("s-{index}"), &spec));
    }
    all.push(object(
        "NetworkAuthentication",
        "near",
        "networks: [{cidr: 10.0.0.0/8}]",
    ));
    for (index, policy) in cluster.policies.iter().enumerate() {
        let target = match policy.target {
            Some(server) => format!("{{group: policy.linkerd.io, kind: Server, name: s-{server}}}"),
            None => "{kind: Namespace, name: shop}".to_owned(),
        };
        let mut references = Vec::new();
        for reference in &policy.references {
            references.push(match reference {
                Reference::List(list) => {
                    let name = format!("list-{index}");
                    let spec = format!("identities: {}", quoted(list));
                    all.push(object("MeshTLSAuthentication", &name, &spec));
                    format!(
                        "{{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: {name}}}"
                    )
                }
                Reference::Account(namespace, name) => {
                    format!("{{kind: ServiceAccount, name: {name}, namespace: {namespace}}}")
                }
                Reference::Network => {
                    "{group: policy.linkerd.io, kind: NetworkAuthentication, name: near}".to_owned()
                }
                Reference::Missing => {
                    "{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: missing}"
                        .to_owned()
                }
            });
        }
        let spec = format!(
            "targetRef: {target}, requiredAuthenticationRefs: [{}]",
            references.join(", ")
        );
        all.push(object(
            "AuthorizationPolicy",
            &format!("policy-{index}"),
            &spec,
        ));
    }
    for (index, old) in cluster.old.iter().enumerate() {
        let client = if old.unauthenticated {
            "unauthenticated: true".to_owned()
        } else {
            format!("meshTLS: {{identities: {}}}", quoted(&old.identities))
        };
        let spec = format!("server: {{name: s-{}}}, client: {{{client}}}", old.target);
        all.push(object(
            "ServerAuthorization",
            &format!("old-{index}"),
            &spec,
        ));
    }
    all.join("---\n")
}

fn identities() -> impl Strategy<Value = Vec<&'static str>> {
    const PATTERNS: [&str; 5] = [
        "*",
        "*.front.serviceaccount.identity.linkerd.cluster.local",
        "*.cluster.local",
        IDENTITIES[0],
        IDENTITIES[2],
    ];
    prop::collection::vec(prop::sample::select(&PATTERNS[..]), 0..3)
}

fn default_policy() -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(prop::sample::select(&DEFAULTS[..]))
}

fn server() -> impl Strategy<Value = Option<Server>> {
    let server = (
        prop_oneof![Just(None), Just(Some("web")), Just(Some("db"))],
        any::<bool>(),
        prop_oneof![2 => Just(None), 1 => prop::sample::select(&DEFAULTS[..]).prop_map(Some)],
    )
        .prop_map(|(app, by_name, access)| Server {
            app,
            by_name,
            access,
        });
    prop::option::weighted(0.8, server)
}

fn policy() -> impl Strategy<Value = Policy> {
    let who = prop_oneof![
        4 => identities().prop_map(Reference::List),
        2 => Just(Reference::Account("front", "web")),
        1 => Just(Reference::Missing),
    ];
    // At most one of each kind: more the controller refuses.
    (
        prop::option::of(0_usize..2),
        prop::option::weighted(0.8, who),
        prop::option::weighted(0.3, Just(Reference::Network)),
    )
        .prop_map(|(target, who, network)| Policy {
            target,
            references: who.into_iter().chain(network).collect(),
        })
}

fn cluster() -> impl Strategy<Value = Cluster> {
    let old = (0_usize..2, prop::bool::weighted(0.3), identities()).prop_map(
        |(target, unauthenticated, identities)| Old {
            target,
            unauthenticated,
            identities,
        },
    );
    (
        default_policy(),
        default_policy(),
        [server(), server()],
        prop::collection::vec(policy(), 0..4),
        prop::collection::vec(old, 0..2),
    )
        .prop_map(
            |(space_default, pod_default, servers, policies, old)| Cluster {
                space_default,
                pod_default,
                servers,
                policies,
                old,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_and_the_naive_evaluator_agree(cluster in cluster()) {
        let text = manifests(&cluster);
        let mut loader = Loader::new();
        loader.add(Path::new("a.yaml"), &text);
        prop_assert_eq!(loader.problems, 0, "{}", text);
        prop_assert!(loader.gaps.is_empty(), "{:?}\n{}", loader.gaps, text);
        let (snapshot, _) = loader.build();
        let world = World::new(&snapshot);
        let linkerd = Linkerd::new(&world).expect("a mesh");
        let (_, web) = world.endpoint_ids().next().expect("pods");
        for (index, port) in [8080, 9090].into_iter().enumerate() {
            let access = linkerd.access(&world, web, port);
            for identity in IDENTITIES.into_iter().map(Some).chain([None]) {
                prop_assert_eq!(
                    access.admits(identity),
                    naive(&cluster, index, identity),
                    "{} {:?}\n{}",
                    port, identity, text
                );
            }
        }
    }
}
