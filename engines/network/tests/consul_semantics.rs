//! Consul once more, as simply as can be, pair by pair and sharing no code with the engine. On
//! generated clusters both must say the same about every pair, port and model.

#![allow(clippy::indexing_slicing, clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_network::{Config, Model, Network, Peer, Protocol, Verdict, World};
use std::path::Path;
use support::Loader;

const PORTS: [u16; 4] = [8080, 9090, 21000, 20000];
const NAMES: [&str; 3] = ["web", "api", "*"];
/// What a request may be: method and path.
const REQUESTS: [(&str, &str); 9] = [
    ("PUT", "/"),
    ("PUT", "/a"),
    ("PUT", "/a/b"),
    ("GET", "/"),
    ("GET", "/a"),
    ("GET", "/a/b"),
    ("POST", "/"),
    ("POST", "/a"),
    ("POST", "/a/b"),
];

/// Pods of one Deployment, named as their Service.
#[derive(Debug, Clone)]
struct Pod {
    inject: Option<&'static str>,
    service: Option<&'static str>,
    transparent: Option<bool>,
    excluded: Vec<u16>,
}

#[derive(Debug, Clone)]
struct Permission {
    allow: bool,
    prefix: Option<&'static str>,
    method: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Action {
    All(bool),
    Requests(Vec<Permission>),
}

#[derive(Debug, Clone)]
struct Intention {
    destination: &'static str,
    sources: Vec<(&'static str, Action)>,
}

/// What the servers' settings say.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Acls {
    /// They are not in the picture.
    Unseen,
    Off,
    Allow,
    Deny,
}

#[derive(Debug, Clone)]
struct Cluster {
    pods: [Pod; 3],
    acls: Acls,
    space_transparent: Option<bool>,
    intentions: Vec<Intention>,
    protocol: Option<&'static str>,
    mode: Option<&'static str>,
    all_mode: Option<&'static str>,
    exposed: bool,
    /// The only port that a network policy lets through to all pods.
    only: Option<u16>,
}

const DEPLOYMENTS: [&str; 3] = ["web", "api", "job"];

impl Cluster {
    fn name(&self, pod: usize) -> &'static str {
        self.pods[pod].service.unwrap_or(DEPLOYMENTS[pod])
    }

    fn is_in(&self, pod: usize) -> bool {
        self.pods[pod].inject == Some("true")
    }

    fn default_allows(&self) -> bool {
        self.acls != Acls::Deny
    }

    /// Whether one request gets past the intentions.
    fn permits(&self, from: &str, to: &str, request: (&str, &str)) -> bool {
        let mut best: Option<(u8, &Action)> = None;
        for intention in &self.intentions {
            if intention.destination != "*" && intention.destination != to {
                continue;
            }
            for (source, action) in &intention.sources {
                if *source != "*" && *source != from {
                    continue;
                }
                let rank = match (intention.destination, *source) {
                    ("*", "*") => 5,
                    ("*", _) => 6,
                    (_, "*") => 8,
                    _ => 9,
                };
                if best.is_none_or(|(known, _)| rank > known) {
                    best = Some((rank, action));
                }
            }
        }
        match best {
            None => self.default_allows(),
            Some((_, Action::All(allow))) => *allow,
            Some((_, Action::Requests(permissions))) => {
                if to == "api" && self.protocol == Some("tcp") {
                    return false;
                }
                let fits = |one: &&Permission| {
                    one.prefix
                        .is_none_or(|prefix| request.1.starts_with(prefix))
                        && one.method.is_none_or(|method| request.0 == method)
                };
                let first = permissions.iter().find(fits);
                first.map_or(self.default_allows(), |one| one.allow)
            }
        }
    }

    fn as_caller(&self, from: usize, to: usize, model: Model<'_>) -> Verdict {
        if self.acls == Acls::Off && model == Model::Adversarial {
            return Verdict::Open;
        }
        if !self.is_in(from) {
            return Verdict::Closed;
        }
        let passing = REQUESTS
            .iter()
            .filter(|request| self.permits(self.name(from), self.name(to), **request))
            .count();
        match passing {
            0 => Verdict::Closed,
            all if all == REQUESTS.len() => Verdict::Open,
            _ => Verdict::Some,
        }
    }

    fn is_open(&self, port: u16) -> bool {
        self.only.is_none_or(|only| only == port)
    }

    /// What arrives at a port of the pods, whoever listens there.
    fn passes(&self, from: usize, to: usize, port: u16, model: Model<'_>) -> Verdict {
        let direct = if self.is_open(port) {
            Verdict::Open
        } else {
            Verdict::Closed
        };
        if !self.is_in(to) {
            return direct;
        }
        let pod = &self.pods[to];
        let is_transparent = pod.transparent.or(self.space_transparent).unwrap_or(true);
        if !is_transparent || pod.excluded.contains(&port) {
            return direct.max(self.by_proxy(from, to, port, model, is_transparent));
        }
        self.by_proxy(from, to, port, model, is_transparent)
    }

    fn by_proxy(
        &self,
        from: usize,
        to: usize,
        port: u16,
        model: Model<'_>,
        is_transparent: bool,
    ) -> Verdict {
        let mut best = Verdict::Closed;
        let is_api = self.name(to) == "api";
        if is_api && self.exposed && self.is_open(21000) && (port == 8080 || port == 21000) {
            best = Verdict::Some;
        }
        if port != 8080 {
            return best;
        }
        let own = self.mode.filter(|_| is_api);
        let is_permissive = own.or(self.all_mode) == Some("permissive");
        let is_nobody = model == Model::Adversarial || !self.is_in(from);
        if is_permissive && is_transparent && is_nobody && self.is_open(8080) {
            return Verdict::Open;
        }
        let pod = &self.pods[to];
        let is_way_in = match self.only {
            None => true,
            Some(20000) => {
                model == Model::Configured || !is_transparent || !pod.excluded.contains(&20000)
            }
            Some(only) => {
                model == Model::Adversarial && is_transparent && !pod.excluded.contains(&only)
            }
        };
        if is_way_in {
            best = best.max(self.as_caller(from, to, model));
        }
        best
    }
}

fn manifests(cluster: &Cluster) -> String {
    let mut all = Vec::new();
    let label = cluster.space_transparent.map_or(String::new(), |is| {
        format!(", labels: {{consul.hashicorp.com/transparent-proxy: \"{is}\"}}")
    });
    all.push(format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop{label}}}\n"
    ));
    for (index, pod) in cluster.pods.iter().enumerate() {
        let name = DEPLOYMENTS[index];
        let mut notes = vec!["note: a".to_owned()];
        let mut note = |key: &str, value: String| {
            notes.push(format!("consul.hashicorp.com/{key}: \"{value}\""));
        };
        if let Some(inject) = pod.inject {
            note("connect-inject", inject.to_owned());
        }
        if let Some(service) = pod.service {
            note("connect-service", service.to_owned());
        }
        if let Some(is) = pod.transparent {
            note("transparent-proxy", is.to_string());
        }
        if !pod.excluded.is_empty() {
            let ports: Vec<String> = pod.excluded.iter().map(u16::to_string).collect();
            note("transparent-proxy-exclude-inbound-ports", ports.join(","));
        }
        note("connect-service-port", "main".to_owned());
        let notes = notes.join(", ");
        all.push(format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  template:\n    \
             metadata: {{labels: {{app: {name}}}, annotations: {{{notes}}}}}\n    spec:\n      containers: [{{name: c, \
             image: i, ports: [{{containerPort: 8080, name: main}}, {{containerPort: 9090}}]}}]\n"
        ));
        all.push(format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
        ));
    }
    if cluster.acls != Acls::Unseen {
        let set = |word: &str| {
            format!(
                "\n  acl.json: '{{\"acl\": {{\"enabled\": true, \"default_policy\": \"{word}\"}}}}'"
            )
        };
        let acl = match cluster.acls {
            Acls::Allow => set("allow"),
            Acls::Deny => set("deny"),
            _ => String::new(),
        };
        all.push(format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: server, namespace: consul}}\ndata:\n  \
             server.json: '{{\"server\": true, \"connect\": {{\"enabled\": true}}}}'{acl}\n"
        ));
    }
    let object = |kind: &str, name: &str, spec: &str| {
        format!(
            "apiVersion: consul.hashicorp.com/v1alpha1\nkind: {kind}\n\
             metadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n"
        )
    };
    for (index, intention) in cluster.intentions.iter().enumerate() {
        let sources: Vec<String> = intention
            .sources
            .iter()
            .map(|(name, action)| format!("{{name: \"{name}\", {}}}", written(action)))
            .collect();
        let spec = format!(
            "destination: {{name: \"{}\"}}, sources: [{}]",
            intention.destination,
            sources.join(", ")
        );
        all.push(object("ServiceIntentions", &format!("i-{index}"), &spec));
    }
    let mode =
        |mode: Option<&str>| mode.map_or(String::new(), |mode| format!(", mutualTLSMode: {mode}"));
    let protocol = cluster
        .protocol
        .map_or(String::new(), |protocol| format!(", protocol: {protocol}"));
    let exposed = if cluster.exposed {
        ", expose: {paths: [{path: /a, listenerPort: 21000, localPathPort: 8080}]}"
    } else {
        ""
    };
    let spec = format!("externalSNI: a{}{protocol}{exposed}", mode(cluster.mode));
    all.push(object("ServiceDefaults", "api", &spec));
    let spec = format!("meshGateway: {{}}{}", mode(cluster.all_mode));
    all.push(object("ProxyDefaults", "global", &spec));
    if let Some(port) = cluster.only {
        all.push(format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: only, namespace: shop}}\n\
             spec: {{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}\n"
        ));
    }
    all.join("---\n")
}

fn written(action: &Action) -> String {
    let word = |allow: bool| if allow { "allow" } else { "deny" };
    match action {
        Action::All(allow) => format!("action: {}", word(*allow)),
        Action::Requests(permissions) => {
            let each = permissions.iter().map(|one| {
                let mut http = Vec::new();
                http.extend(one.prefix.map(|prefix| format!("pathPrefix: {prefix}")));
                http.extend(one.method.map(|method| format!("methods: [{method}]")));
                format!(
                    "{{action: {}, http: {{{}}}}}",
                    word(one.allow),
                    http.join(", ")
                )
            });
            let each: Vec<String> = each.collect();
            format!("permissions: [{}]", each.join(", "))
        }
    }
}

fn pod() -> impl Strategy<Value = Pod> {
    (
        prop_oneof![5 => Just(Some("true")), 1 => Just(None), 1 => Just(Some("false"))],
        prop_oneof![4 => Just(None), 1 => Just(Some("web")), 1 => Just(Some("api"))],
        prop::option::weighted(0.3, any::<bool>()),
        prop::sample::subsequence(vec![8080, 9090, 20000], 0..3),
    )
        .prop_map(|(inject, service, transparent, excluded)| Pod {
            inject,
            service,
            transparent,
            excluded,
        })
}

fn permission() -> impl Strategy<Value = Permission> {
    (
        any::<bool>(),
        prop::option::of(prop::sample::select(&["/", "/a", "/a/"][..])),
        prop::option::of(prop::sample::select(&["GET", "POST"][..])),
    )
        .prop_map(|(allow, prefix, method)| Permission {
            allow,
            // One that says nothing Consul refuses.
            prefix: prefix.or(method.is_none().then_some("/")),
            method,
        })
}

fn action(requests: bool) -> impl Strategy<Value = Action> {
    let all = any::<bool>().prop_map(Action::All);
    let some = prop::collection::vec(permission(), 1..4).prop_map(Action::Requests);
    prop_oneof![
        2 => all,
        if requests { 2 } else { 0 } => some,
    ]
}

/// One object for a destination, with a source once: of more Consul refuses the later.
fn intention(destination: &'static str) -> impl Strategy<Value = Option<Intention>> {
    let actions = [(); 3].map(|()| prop::option::of(action(destination != "*")));
    prop::option::of(actions.prop_map(move |actions| {
        let named = NAMES.into_iter().zip(actions);
        Intention {
            destination,
            sources: named
                .filter_map(|(name, action)| Some((name, action?)))
                .collect(),
        }
    }))
}

fn cluster() -> impl Strategy<Value = Cluster> {
    let mode = || prop::option::weighted(0.3, prop::sample::select(&["permissive", "strict"][..]));
    (
        [pod(), pod(), pod()],
        prop::sample::select(&[Acls::Unseen, Acls::Off, Acls::Allow, Acls::Deny][..]),
        prop::option::weighted(0.3, any::<bool>()),
        [intention("web"), intention("api"), intention("*")],
        prop::option::of(prop::sample::select(&["http", "tcp", "grpc"][..])),
        mode(),
        mode(),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.5, prop::sample::select(&PORTS[..])),
    )
        .prop_map(
            |(
                pods,
                acls,
                space_transparent,
                intentions,
                protocol,
                mode,
                all_mode,
                exposed,
                only,
            )| {
                Cluster {
                    pods,
                    acls,
                    space_transparent,
                    intentions: intentions
                        .into_iter()
                        .flatten()
                        .filter(|one| !one.sources.is_empty())
                        .collect(),
                    protocol,
                    mode,
                    all_mode,
                    exposed,
                    only,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

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
        let ids = DEPLOYMENTS.map(|name| {
            let mut all = world.endpoint_ids();
            all.find(|(_, one)| &*one.workload.owner.name == name).expect("pods").0
        });
        for (from, source) in ids.iter().enumerate() {
            for (to, target) in ids.iter().enumerate() {
                for model in [Model::Configured, Model::Adversarial] {
                    let (source, target) = (Peer::Endpoint(*source), Peer::Endpoint(*target));
                    let reach = network.reach_as(source, target, model);
                    for port in PORTS {
                        prop_assert_eq!(
                            reach.verdict(Protocol::Tcp, port),
                            cluster.passes(from, to, port, model),
                            "{} to {} at {} {:?}\n{}",
                            DEPLOYMENTS[from], DEPLOYMENTS[to], port, model, text
                        );
                    }
                }
            }
        }
    }
}
