//! Linkerd's routes and networks once more, as simply as can be: request by request and sharing
//! no code with the engine. On generated clusters both must say the same about every source.

#![allow(clippy::indexing_slicing, clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_network::{Config, Model, Network, Peer, Protocol, Verdict, World};
use std::path::Path;
use support::Loader;

const HOSTS: [&str; 3] = ["api.shop", "a.example", "else"];
const PATHS: [&str; 6] = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/z"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];

#[derive(Debug, Clone)]
struct Match {
    exact: bool,
    path: &'static str,
    method: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Route {
    age: u8,
    own: bool,
    hosts: Vec<&'static str>,
    matches: Vec<Match>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Account(&'static str),
    Public,
    Ten,
    Rest,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Server,
    Namespace,
    /// A route by its place, with the right group or not.
    Route(usize, bool),
}

#[derive(Debug, Clone)]
struct Cluster {
    protocol: Option<&'static str>,
    access: Option<&'static str>,
    routes: Vec<Route>,
    policies: Vec<(Target, Vec<Who>)>,
    /// A ServerAuthorization: whether it names a public network, and whether it asks for `web`.
    old: Option<(bool, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Web,
    Outsider,
    Listed,
    Unlisted,
}

const SOURCES: [Source; 4] = [
    Source::Web,
    Source::Outsider,
    Source::Listed,
    Source::Unlisted,
];

impl Source {
    fn is_pod(self) -> bool {
        matches!(self, Source::Web | Source::Outsider)
    }

    fn fits(self, who: Who, identity: Option<&str>) -> bool {
        match who {
            Who::Account(name) => identity == Some(name),
            Who::Public => self == Source::Listed,
            // A pod may have such an address.
            Who::Ten => self.is_pod(),
            Who::Rest => !self.is_pod(),
            Who::Missing => false,
        }
    }
}

impl Cluster {
    fn by_policies(&self, target: Target, from: Source, identity: Option<&str>) -> bool {
        let accounts = |all: &[Who]| {
            all.iter()
                .filter(|who| matches!(who, Who::Account(_)))
                .count()
        };
        self.policies.iter().any(|(of, all)| {
            *of == target
                && accounts(all) < 2
                && all.len() - accounts(all) < 2
                && all.iter().all(|who| from.fits(*who, identity))
        })
    }

    fn by_server(&self, from: Source, identity: Option<&str>) -> bool {
        let by_access = match self.access.unwrap_or("deny") {
            "all-unauthenticated" => true,
            "all-authenticated" => identity.is_some(),
            "cluster-unauthenticated" => from.is_pod(),
            _ => false,
        };
        let by_old = self.old.is_some_and(|(is_public, wants_web)| {
            let is_near = if is_public {
                from == Source::Listed
            } else {
                from.is_pod()
            };
            is_near && (!wants_web || identity == Some("web"))
        });
        by_access
            || by_old
            || self.by_policies(Target::Server, from, identity)
            || self.by_policies(Target::Namespace, from, identity)
    }

    /// The route that a request picks.
    fn pick(&self, host: &str, path: &str, method: &str) -> Option<usize> {
        let mut order: Vec<usize> = (0..self.routes.len()).collect();
        order.sort_by_key(|index| {
            let route = &self.routes[*index];
            let group = if route.own {
                "policy.linkerd.io"
            } else {
                "gateway.networking.k8s.io"
            };
            (route.age, group, *index)
        });
        let mut best: Option<((u8, usize, usize, bool), usize)> = None;
        for index in order {
            let route = &self.routes[index];
            let by_host = if route.hosts.is_empty() {
                Some((0, 0))
            } else {
                let fitting = route
                    .hosts
                    .iter()
                    .filter_map(|one| match one.strip_prefix('*') {
                        Some(end) => host.ends_with(end).then_some((1, end.len())),
                        None => (*one == host).then_some((2, one.len())),
                    });
                fitting.max()
            };
            let Some((kind, length)) = by_host else {
                continue;
            };
            for one in &route.matches {
                let is_below = path == one.path || path.starts_with(&format!("{}/", one.path));
                let is_path = if one.exact {
                    path == one.path
                } else {
                    one.path == "/" || is_below
                };
                if is_path && one.method.is_none_or(|wanted| wanted == method) {
                    let rank = (kind, length, one.path.len(), one.method.is_some());
                    if best.is_none_or(|(known, _)| rank > known) {
                        best = Some((rank, index));
                    }
                }
            }
        }
        best.map(|(_, index)| index)
    }

    fn as_one(&self, from: Source, identity: Option<&str>) -> Verdict {
        let by_server = self.by_server(from, identity);
        let whole = if by_server {
            Verdict::Open
        } else {
            Verdict::Closed
        };
        let is_bytes = matches!(self.protocol, Some("opaque" | "TLS"));
        let is_guessed = matches!(self.protocol, None | Some("unknown"));
        if is_bytes || self.routes.is_empty() || self.protocol == Some("gRPC") {
            return whole;
        }
        if is_guessed && by_server {
            return Verdict::Open;
        }
        let (mut passing, mut all) = (0, 0);
        for host in HOSTS {
            for path in PATHS {
                for method in METHODS {
                    all += 1;
                    let picked = self.pick(host, path, method);
                    passing += usize::from(picked.is_some_and(|route| {
                        by_server || self.by_policies(Target::Route(route, true), from, identity)
                    }));
                }
            }
        }
        match passing {
            0 => Verdict::Closed,
            some if some == all => Verdict::Open,
            _ => Verdict::Some,
        }
    }

    fn passes(&self, from: Source, model: Model<'_>) -> Verdict {
        let nobody = self.as_one(from, None);
        if from != Source::Web {
            return nobody;
        }
        let itself = self.as_one(from, Some("web"));
        match model {
            Model::Configured | Model::As(_) => itself,
            Model::Adversarial => itself.max(nobody),
            Model::Nobody => nobody,
        }
    }
}

fn manifests(cluster: &Cluster) -> String {
    let deployment = |name: &str, space: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {space}}}\nspec:\n  template:\n    \
             metadata: {{labels: {{app: {name}}}}}\n    spec:\n      serviceAccountName: {name}\n      \
             containers: [{{name: c, image: i, ports: [{{containerPort: 8080}}]}}]\n"
        )
    };
    let space = |name: &str, word: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, annotations: {{linkerd.io/inject: {word}}}}}\n"
        )
    };
    let object = |version: &str, kind: &str, name: &str, more: &str, spec: &str| {
        format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop{more}}}\nspec: {{{spec}}}\n"
        )
    };
    let policy = |kind: &str, name: &str, spec: &str| {
        object("policy.linkerd.io/v1alpha1", kind, name, "", spec)
    };
    let mut all = vec![
        space("shop", "enabled"),
        space("out", "disabled"),
        deployment("web", "shop"),
        deployment("api", "shop"),
        deployment("old", "out"),
        policy(
            "NetworkAuthentication",
            "public",
            "networks: [{cidr: 203.0.113.0/24}]",
        ),
        policy(
            "NetworkAuthentication",
            "ten",
            "networks: [{cidr: 10.0.0.0/8}]",
        ),
        policy(
            "NetworkAuthentication",
            "rest",
            "networks: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}]",
        ),
    ];
    let protocol = cluster
        .protocol
        .map_or(String::new(), |word| format!(", proxyProtocol: {word}"));
    let access = cluster
        .access
        .map_or(String::new(), |word| format!(", accessPolicy: {word}"));
    let spec = format!("podSelector: {{matchLabels: {{app: api}}}}, port: 8080{protocol}{access}");
    all.push(policy("Server", "api", &spec));
    let group = |own: bool| {
        if own {
            "policy.linkerd.io"
        } else {
            "gateway.networking.k8s.io"
        }
    };
    for (index, route) in cluster.routes.iter().enumerate() {
        let matches: Vec<String> = route
            .matches
            .iter()
            .map(|one| {
                let kind = if one.exact { "Exact" } else { "PathPrefix" };
                let method = one
                    .method
                    .map_or(String::new(), |word| format!(", method: {word}"));
                format!("{{path: {{type: {kind}, value: {}}}{method}}}", one.path)
            })
            .collect();
        let hosts: Vec<String> = route
            .hosts
            .iter()
            .map(|host| format!("\"{host}\""))
            .collect();
        let spec = format!(
            "parentRefs: [{{group: policy.linkerd.io, kind: Server, name: api}}], hostnames: [{}], \
             rules: [{{matches: [{}]}}]",
            hosts.join(", "),
            matches.join(", ")
        );
        let more = format!(", creationTimestamp: \"2026-01-0{}T00:00:00Z\"", route.age);
        let version = format!("{}/v1", group(route.own));
        all.push(object(
            &version,
            "HTTPRoute",
            &format!("route-{index}"),
            &more,
            &spec,
        ));
    }
    for (index, (target, who)) in cluster.policies.iter().enumerate() {
        let target = match target {
            Target::Server => "{group: policy.linkerd.io, kind: Server, name: api}".to_owned(),
            Target::Namespace => "{kind: Namespace, name: shop}".to_owned(),
            Target::Route(place, is_right) => {
                let own = cluster.routes.get(*place).is_some_and(|route| route.own);
                let group = group(own == *is_right);
                format!("{{group: {group}, kind: HTTPRoute, name: route-{place}}}")
            }
        };
        let network = |name: &str| {
            format!("{{group: policy.linkerd.io, kind: NetworkAuthentication, name: {name}}}")
        };
        let references: Vec<String> = who
            .iter()
            .map(|who| match who {
                Who::Account(name) => format!("{{kind: ServiceAccount, name: {name}}}"),
                Who::Public => network("public"),
                Who::Ten => network("ten"),
                Who::Rest => network("rest"),
                Who::Missing => network("missing"),
            })
            .collect();
        let spec = format!(
            "targetRef: {target}, requiredAuthenticationRefs: [{}]",
            references.join(", ")
        );
        all.push(policy(
            "AuthorizationPolicy",
            &format!("policy-{index}"),
            &spec,
        ));
    }
    if let Some((is_public, wants_web)) = cluster.old {
        let networks = if is_public {
            ", networks: [{cidr: 203.0.113.0/24}]"
        } else {
            ""
        };
        let client = if wants_web {
            "meshTLS: {serviceAccounts: [{name: web}]}"
        } else {
            "unauthenticated: true"
        };
        let spec = format!("server: {{name: api}}, client: {{{client}{networks}}}");
        all.push(policy("ServerAuthorization", "old", &spec));
    }
    all.join("---\n")
}

fn route() -> impl Strategy<Value = Route> {
    let one = (
        any::<bool>(),
        prop::sample::select(&["/", "/a", "/a/b"][..]),
        prop::option::weighted(0.4, prop::sample::select(&["GET", "POST"][..])),
    )
        .prop_map(|(exact, path, method)| Match {
            exact,
            path,
            method,
        });
    (
        1..3_u8,
        prop::bool::weighted(0.3),
        prop::sample::subsequence(vec!["api.shop", "*.example"], 0..2),
        prop::collection::vec(one, 1..3),
    )
        .prop_map(|(age, own, hosts, matches)| Route {
            age,
            own,
            hosts,
            matches,
        })
}

fn policy() -> impl Strategy<Value = (Target, Vec<Who>)> {
    let who = prop_oneof![
        6 => prop::sample::select(&["web", "api"][..]).prop_map(Who::Account),
        2 => Just(Who::Public),
        2 => Just(Who::Ten),
        1 => Just(Who::Rest),
        1 => Just(Who::Missing),
    ];
    let target = prop_oneof![
        1 => Just(Target::Server),
        1 => Just(Target::Namespace),
        4 => (0..3_usize, prop::bool::weighted(0.9)).prop_map(|(place, is)| Target::Route(place, is)),
    ];
    (target, prop::collection::vec(who, 0..3))
}

fn cluster() -> impl Strategy<Value = Cluster> {
    let protocols = [
        "unknown", "HTTP/1", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS",
    ];
    let accesses = [
        "deny",
        "deny",
        "all-unauthenticated",
        "all-authenticated",
        "cluster-unauthenticated",
    ];
    (
        prop::option::weighted(0.8, prop::sample::select(protocols.to_vec())),
        prop::option::weighted(0.3, prop::sample::select(accesses.to_vec())),
        prop::collection::vec(route(), 0..4),
        prop::collection::vec(policy(), 0..4),
        prop::option::weighted(0.2, (any::<bool>(), any::<bool>())),
    )
        .prop_map(|(protocol, access, routes, policies, old)| Cluster {
            protocol,
            access,
            routes,
            policies,
            old,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_and_the_naive_evaluator_agree(cluster in cluster()) {
        let text = manifests(&cluster);
        let mut loader = Loader::new();
        loader.add(Path::new("a.yaml"), &text);
        prop_assert_eq!(loader.problems, 0, "{}", text);
        prop_assert!(loader.gaps.is_empty(), "{:?}\n{}", loader.gaps, text);
        let (snapshot, _) = loader.build();
        let world = World::new(&snapshot);
        let network = Network::new(&world, &Config::default());
        let pods = |name: &str| {
            let mut all = world.endpoint_ids();
            Peer::Endpoint(all.find(|(_, one)| &*one.workload.owner.name == name).expect("pods").0)
        };
        for source in SOURCES {
            let from = match source {
                Source::Web => pods("web"),
                Source::Outsider => pods("old"),
                Source::Listed => network.outside("203.0.113.7".parse().expect("an address")),
                Source::Unlisted => network.outside("198.51.100.7".parse().expect("an address")),
            };
            for model in [Model::Configured, Model::Adversarial] {
                prop_assert_eq!(
                    network.reach_as(from, pods("api"), model).verdict(Protocol::Tcp, 8080),
                    cluster.passes(source, model),
                    "{:?} {:?}\n{}",
                    source, model, text
                );
            }
        }
    }
}
