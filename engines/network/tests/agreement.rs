//! The engine and the reference evaluator agree on generated clusters: every kind of policy,
//! and any mix of them, for every pair, protocol and a choice of ports.
//!
//! `PROPTEST_CASES=100000 cargo test --release -p seawall-network --test agreement` looks
//! longer.

#![allow(clippy::expect_used, clippy::indexing_slicing)] // helpers of tests may fail loudly

mod reference;
mod support;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use reference::{Cluster, End, INSIDE, Passes, Pod, Space};
use seawall_network::{
    Call, Cidr, Config, EndpointId, Matrix, Network, Peer, Protocol, Reach, Verdict, World,
};
use seawall_snapshot::{Change, ScopeId, Snapshot};
use serde_json::{Value, json};
use std::path::Path;
use support::Loader;

const PORTS: [u16; 8] = [53, 80, 81, 443, 8080, 8081, 9000, 65535];
const ADDRESSES: [&str; 5] = [
    "20.0.0.1",
    "20.1.2.3",
    "8.8.8.8",
    "10.1.2.3",
    "2001:4860::8",
];

fn choice(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(of).prop_map(str::to_owned)
}

fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    let app = proptest::option::of(choice(&["a", "b", "c"]));
    let tier = proptest::option::of(choice(&["x", "y"]));
    (app, tier).prop_map(|(app, tier)| {
        let both = [("app", app), ("tier", tier)];
        let both = both.into_iter();
        both.filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    })
}

fn requirement(
    keys: &'static [&'static str],
    values: &'static [&'static str],
) -> BoxedStrategy<Value> {
    let operator = choice(&["In", "NotIn", "Exists", "DoesNotExist"]);
    let values = proptest::collection::vec(choice(values), 1..3);
    (choice(keys), operator, values)
        .prop_map(|(key, operator, values)| match operator.as_str() {
            "In" | "NotIn" => json!({"key": key, "operator": operator, "values": values}),
            _ => json!({"key": key, "operator": operator}),
        })
        .boxed()
}

fn selector_of(
    keys: &'static [&'static str],
    values: &'static [&'static str],
) -> BoxedStrategy<Value> {
    let equal = proptest::option::weighted(0.6, (choice(keys), choice(values)));
    let expression = proptest::option::weighted(0.3, requirement(keys, values));
    (equal, expression)
        .prop_map(|(equal, expression)| {
            let mut selector = json!({});
            if let Some((key, value)) = equal {
                selector["matchLabels"] = json!({key: value});
            }
            if let Some(expression) = expression {
                selector["matchExpressions"] = json!([expression]);
            }
            selector
        })
        .boxed()
}

fn pod_selector() -> BoxedStrategy<Value> {
    selector_of(&["app", "tier"], &["a", "b", "c", "x", "y"])
}

fn space_selector() -> BoxedStrategy<Value> {
    let by_label = selector_of(&["team", "env"], &["red", "blue"]);
    let by_name = selector_of(&["kubernetes.io/metadata.name"], &["n0", "n1", "n2"]);
    prop_oneof![by_label, by_name].boxed()
}

fn cilium_selector() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => selector_of(&["app", "k8s:tier", "any:app"], &["a", "b", "x", "y"]),
        1 => choice(&["n0", "n1"])
            .prop_map(|n| json!({"matchLabels": {"k8s:io.kubernetes.pod.namespace": n}})),
        1 => choice(&["n0", "n1"]).prop_map(|n| json!({"matchExpressions": [
            {"key": "io.kubernetes.pod.namespace", "operator": "In", "values": [n]}]})),
        1 => selector_of(&["io.cilium.k8s.namespace.labels.team", "app"], &["red", "blue", "a"]),
        1 => selector_of(&["io.cilium.k8s.policy.serviceaccount"], &["default", "robot"]),
    ]
    .boxed()
}

fn protocol() -> BoxedStrategy<String> {
    choice(&["TCP", "TCP", "UDP", "SCTP"]).boxed()
}

fn number() -> BoxedStrategy<u16> {
    proptest::sample::select(&PORTS[..]).boxed()
}

fn block() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(json!({"cidr": "0.0.0.0/0"})),
        Just(json!({"cidr": "::/0"})),
        Just(json!({"cidr": "20.0.0.0/8"})),
        Just(json!({"cidr": "20.0.0.0/8", "except": ["20.1.0.0/16"]})),
        Just(
            json!({"cidr": "0.0.0.0/0", "except": ["192.168.0.0/16", "20.1.0.0/16", "10.0.0.0/8"]})
        ),
        Just(json!({"cidr": "192.168.7.0/24"})),
        Just(json!({"cidr": "8.8.8.8/32"})),
    ]
    .boxed()
}

fn list<S: Strategy<Value = Value> + 'static>(item: S, most: usize) -> BoxedStrategy<Value> {
    let items = proptest::collection::vec(item, 0..=most);
    items.prop_map(Value::from).boxed()
}

/// An object of fields that may be missing.
fn object(fields: Vec<(&'static str, f64, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, chance, value)| {
            proptest::option::weighted(chance, value).prop_map(move |value| (key, value))
        })
        .collect();
    fields
        .prop_map(|fields| {
            let mut object = serde_json::Map::new();
            for (key, value) in fields {
                if let Some(value) = value {
                    object.insert(key.to_owned(), value);
                }
            }
            Value::Object(object)
        })
        .boxed()
}

fn network_policy() -> BoxedStrategy<Value> {
    let peer = prop_oneof![
        2 => pod_selector().prop_map(|pods| json!({"podSelector": pods})),
        2 => space_selector().prop_map(|spaces| json!({"namespaceSelector": spaces})),
        2 => (space_selector(), pod_selector())
            .prop_map(|(s, p)| json!({"namespaceSelector": s, "podSelector": p})),
        1 => block().prop_map(|block| json!({"ipBlock": block})),
    ];
    let port = prop_oneof![
        (protocol(), number()).prop_map(|(p, n)| json!({"protocol": p, "port": n})),
        number().prop_map(|n| json!({"port": n})),
        protocol().prop_map(|p| json!({"protocol": p})),
        (number(), 0u16..3000)
            .prop_map(|(n, more)| { json!({"port": n, "endPort": n.saturating_add(more)}) }),
        (protocol(), choice(&["web", "dns"])).prop_map(|(p, n)| json!({"protocol": p, "port": n})),
    ];
    let rule = |peers: &'static str| {
        object(vec![
            (peers, 0.8, list(peer.clone(), 2)),
            ("ports", 0.6, list(port.clone(), 2)),
        ])
    };
    let types = proptest::sample::select(vec![
        json!([]),
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ]);
    let spec = object(vec![
        ("podSelector", 0.95, pod_selector()),
        ("policyTypes", 0.6, types.boxed()),
        ("ingress", 0.7, list(rule("from"), 2)),
        ("egress", 0.5, list(rule("to"), 2)),
    ]);
    (choice(&["n0", "n1", "n2"]), spec)
        .prop_map(|(space, spec)| {
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                   "metadata": {"namespace": space}, "spec": spec})
        })
        .boxed()
}

fn admin_policy() -> BoxedStrategy<Value> {
    let pods = prop_oneof![
        space_selector().prop_map(|spaces| json!({"namespaces": spaces})),
        (space_selector(), pod_selector())
            .prop_map(|(s, p)| { json!({"pods": {"namespaceSelector": s, "podSelector": p}}) }),
    ];
    let to = prop_oneof![
        4 => pods.clone(),
        1 => Just(json!({"nodes": {}})),
        1 => Just(json!({"nodes": {"matchLabels": {"zone": "a"}}})),
        1 => block().prop_map(|block| json!({"networks": [block["cidr"]]})),
        1 => Just(json!({"domainNames": ["example.com"]})),
        1 => Just(json!({"fromTheFuture": true})),
    ];
    (any::<bool>(), any::<bool>(), 0i64..3, pods.clone())
        .prop_flat_map(move |(is_new, is_baseline, priority, subject)| {
            let port = if is_new {
                prop_oneof![
                    (choice(&["tcp", "udp"]), number())
                        .prop_map(|(p, n)| { json!({p: {"destinationPort": {"number": n}}}) }),
                    (number(), 0u16..3000).prop_map(|(n, more)| {
                        json!({"tcp": {"destinationPort":
                            {"range": {"start": n, "end": n.saturating_add(more)}}}})
                    }),
                    Just(json!({"sctp": {}})),
                    choice(&["web", "dns"]).prop_map(|n| json!({"destinationNamedPort": n})),
                ]
                .boxed()
            } else {
                prop_oneof![
                    (protocol(), number())
                        .prop_map(|(p, n)| json!({"portNumber": {"protocol": p, "port": n}})),
                    (protocol(), number(), 0u16..3000).prop_map(|(p, n, more)| {
                        let end = n.saturating_add(more);
                        json!({"portRange": {"protocol": p, "start": n, "end": end}})
                    }),
                    choice(&["web", "dns"]).prop_map(|n| json!({"namedPort": n})),
                ]
                .boxed()
            };
            let actions: &[&str] = match (is_new, is_baseline) {
                (true, _) => &["Accept", "Deny", "Pass"],
                (false, true) => &["Allow", "Deny"],
                (false, false) => &["Allow", "Deny", "Pass"],
            };
            let key = if is_new { "protocols" } else { "ports" };
            let rule = move |way: &'static str, peer: BoxedStrategy<Value>| {
                let ports = proptest::option::of(proptest::collection::vec(port.clone(), 1..3));
                let peers = proptest::collection::vec(peer, 1..3);
                (choice(actions), peers, ports).prop_map(move |(action, mut peers, ports)| {
                    if action != "Allow" && action != "Accept" {
                        // Names are for rules that accept.
                        for peer in &mut peers {
                            if peer["domainNames"].is_array() {
                                *peer = json!({"networks": ["20.0.0.0/8"]});
                            }
                        }
                    }
                    let mut rule = json!({"action": action, way: peers});
                    if let Some(ports) = ports {
                        rule[key] = Value::from(ports);
                    }
                    rule
                })
            };
            let ingress = list(rule("from", pods.clone().boxed()), 3);
            let egress = list(rule("to", to.clone().boxed()), 3);
            let tier = if is_baseline { "Baseline" } else { "Admin" };
            (ingress, egress).prop_map(move |(ingress, egress)| {
                let kind = match (is_new, is_baseline) {
                    (true, _) => "ClusterNetworkPolicy",
                    (false, true) => "BaselineAdminNetworkPolicy",
                    (false, false) => "AdminNetworkPolicy",
                };
                let version = if is_new { "v1alpha2" } else { "v1alpha1" };
                let mut spec = json!({"subject": subject, "ingress": ingress, "egress": egress});
                if is_new {
                    spec["tier"] = json!(tier);
                }
                if is_new || !is_baseline {
                    spec["priority"] = json!(priority);
                }
                json!({"apiVersion": format!("policy.networking.k8s.io/{version}"),
                       "kind": kind, "metadata": {}, "spec": spec})
            })
        })
        .boxed()
}

fn cilium_policy() -> BoxedStrategy<Value> {
    let peers = |way: &'static str| {
        let key = move |name: &str| format!("{way}{name}");
        let entity = choice(&["all", "world", "cluster", "host", "remote-node", "none"]);
        let entity = entity.prop_map(Value::from);
        let ways = prop_oneof![
            2 => Just(json!({})),
            6 => list(cilium_selector(), 2).prop_map(move |l| json!({key("Endpoints"): l})),
            2 => list(entity, 2).prop_map(move |l| json!({key("Entities"): l})),
            1 => list(block().prop_map(|b| b["cidr"].clone()), 1)
                .prop_map(move |l| json!({key("CIDR"): l})),
            2 => list(block(), 1).prop_map(move |l| json!({key("CIDRSet"): l})),
        ];
        if way == "to" {
            let names = Just(json!({"toFQDNs": [{"matchName": "example.com"}]}));
            prop_oneof![10 => ways, 1 => names].boxed()
        } else {
            ways.boxed()
        }
    };
    let plain = prop_oneof![
        (choice(&["TCP", "UDP", "ANY", "SCTP"]), number())
            .prop_map(|(p, n)| json!({"port": n.to_string(), "protocol": p})),
        number().prop_map(|n| json!({"port": n.to_string()})),
        Just(json!({"port": "0", "protocol": "TCP"})),
        (number(), 0u16..3000).prop_map(|(n, more)| {
            json!({"port": n.to_string(), "endPort": n.saturating_add(more), "protocol": "TCP"})
        }),
        choice(&["web", "dns"]).prop_map(|n| json!({"port": n, "protocol": "TCP"})),
    ];
    let ports = proptest::collection::vec(plain, 1..3).prop_map(|ports| json!({"ports": ports}));
    let http = number().prop_map(|n| {
        json!({"ports": [{"port": n.to_string(), "protocol": "TCP"}],
               "rules": {"http": [{"method": "GET", "path": "/public"}]}})
    });
    let rule = |way: &'static str, allows: bool| {
        let item = if allows {
            prop_oneof![3 => ports.clone(), 1 => http.clone()].boxed()
        } else {
            ports.clone().boxed()
        };
        let items = proptest::option::of(proptest::collection::vec(item, 0..3));
        (peers(way), items).prop_map(|(mut rule, items)| {
            if let Some(items) = items {
                rule["toPorts"] = Value::from(items);
            }
            rule
        })
    };
    let spec = object(vec![
        ("ingress", 0.7, list(rule("from", true), 2)),
        ("ingressDeny", 0.3, list(rule("from", false), 2)),
        ("egress", 0.5, list(rule("to", true), 2)),
        ("egressDeny", 0.3, list(rule("to", false), 2)),
        (
            "enableDefaultDeny",
            0.2,
            any::<(bool, bool)>()
                .prop_map(|(i, e)| json!({"ingress": i, "egress": e}))
                .boxed(),
        ),
    ]);
    let space = proptest::option::weighted(0.7, choice(&["n0", "n1", "n2"]));
    (space, cilium_selector(), spec)
        .prop_map(|(space, selector, mut spec)| {
            spec["endpointSelector"] = selector;
            // Cilium refuses a policy without rules.
            let lists = ["ingress", "ingressDeny", "egress", "egressDeny"];
            let mut lists = lists.iter().filter_map(|key| spec[*key].as_array());
            if lists.all(Vec::is_empty) {
                spec["ingress"] = json!([{}]);
            }
            let (kind, metadata) = match space {
                Some(space) => ("CiliumNetworkPolicy", json!({"namespace": space})),
                None => ("CiliumClusterwideNetworkPolicy", json!({})),
            };
            json!({"apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata, "spec": spec})
        })
        .boxed()
}

fn cluster(policy: BoxedStrategy<Value>) -> impl Strategy<Value = Cluster> {
    let space_labels = object(vec![
        (
            "team",
            0.7,
            choice(&["red", "blue"]).prop_map(Value::from).boxed(),
        ),
        (
            "env",
            0.4,
            choice(&["red", "blue"]).prop_map(Value::from).boxed(),
        ),
    ]);
    let spaces = proptest::collection::vec(proptest::option::weighted(0.8, space_labels), 1..4);
    let port = (choice(&["web", "dns", "other"]), protocol(), number());
    let ports = proptest::collection::vec(port, 0..3);
    let account = choice(&["default", "default", "robot"]);
    let pod = (
        0usize..3,
        labels(),
        ports,
        proptest::bool::weighted(0.12),
        account,
    );
    let pods = proptest::collection::vec(pod, 1..6);
    let policies = proptest::collection::vec(policy, 0..5);
    (spaces, pods, policies).prop_map(|(spaces, pods, mut policies)| {
        let spaces: Vec<Space> = spaces
            .into_iter()
            .enumerate()
            .map(|(index, labels)| Space {
                name: format!("n{index}"),
                labels: labels.map(|labels| {
                    let labels = labels.as_object().expect("an object").iter();
                    labels
                        .map(|(k, v)| (k.clone(), v.as_str().expect("text").to_owned()))
                        .collect()
                }),
            })
            .collect();
        let pods = pods
            .into_iter()
            .enumerate()
            .map(
                |(index, (space, labels, mut ports, host_network, account))| {
                    // One name is one port in a container.
                    ports.dedup_by_key(|(name, _, _)| name.clone());
                    Pod {
                        name: format!("p{index}"),
                        space: space % spaces.len(),
                        labels,
                        ports,
                        host_network,
                        account,
                    }
                },
            )
            .collect();
        for (index, policy) in policies.iter_mut().enumerate() {
            policy["metadata"]["name"] = json!(format!("policy-{index}"));
        }
        Cluster {
            spaces,
            pods,
            policies,
        }
    })
}

fn map(pairs: &[(String, String)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(k, v)| (k.clone(), Value::from(v.as_str())));
    Value::Object(pairs.collect())
}

fn documents(cluster: &Cluster) -> Vec<Value> {
    let mut all = Vec::new();
    for space in &cluster.spaces {
        if let Some(labels) = &space.labels {
            all.push(json!({"apiVersion": "v1", "kind": "Namespace",
                            "metadata": {"name": space.name, "labels": map(labels)}}));
        }
    }
    for pod in &cluster.pods {
        let ports: Vec<Value> = pod
            .ports
            .iter()
            .map(|(name, protocol, number)| {
                json!({"name": name, "protocol": protocol, "containerPort": number})
            })
            .collect();
        all.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod.name, "namespace": cluster.spaces[pod.space].name,
                         "labels": map(&pod.labels)},
            "spec": {"hostNetwork": pod.host_network, "serviceAccountName": pod.account,
                     "containers": [{"name": "main", "image": "x", "ports": ports}]},
        }));
    }
    all.extend(cluster.policies.iter().cloned());
    all
}

fn passes_in(reach: &Reach, protocol: Protocol, port: u16) -> Passes {
    if reach.all.has(protocol, port) {
        Passes::Everything
    } else if reach.some.has(protocol, port) {
        Passes::SomeRequests
    } else {
        Passes::Nothing
    }
}

fn agree(cluster: &Cluster) -> Result<(), TestCaseError> {
    let mut loader = Loader::new();
    for (index, document) in documents(cluster).iter().enumerate() {
        loader.add(Path::new(&format!("{index}.json")), &document.to_string());
    }
    prop_assert_eq!(loader.problems, 0);
    prop_assert!(loader.gaps.is_empty(), "{:?}", loader.gaps);
    let (snapshot, _) = loader.build();
    let world = World::new(&snapshot);
    let inside = Cidr::read(&format!("{INSIDE}/32")).expect("a block");
    let config = Config {
        pod_ranges: vec![inside],
        ..Config::default()
    };
    let network = Network::new(&world, &config);
    prop_assert!(network.gaps().is_empty(), "{:?}", network.gaps());
    let mut ends: Vec<(End, Peer)> = Vec::new();
    for (index, endpoint) in world.endpoints.iter().enumerate() {
        let name = &*endpoint.object.reference.name;
        let pod = cluster.pods.iter().position(|pod| pod.name == name);
        let id = EndpointId(u32::try_from(index).expect("few"));
        ends.push((End::Pod(pod.expect("a pod")), Peer::Endpoint(id)));
    }
    for address in ADDRESSES {
        let address = address.parse().expect("an address");
        ends.push((End::Address(address), network.outside(address)));
    }
    let matrix = network.matrix();
    for (from, source) in &ends {
        for (to, target) in &ends {
            if matches!((from, to), (End::Address(_), End::Address(_))) {
                continue;
            }
            let reach = network.reach(*source, *target);
            if let Peer::Endpoint(id) = target {
                let place = network.place(*source);
                let mut cells = matrix.to(*id);
                let cell = cells.find(|(_, sources)| sources.has(place));
                let cell = cell.map(|(reach, _)| reach.clone());
                prop_assert_eq!(
                    cell.unwrap_or_default(),
                    reach.clone(),
                    "{:?} {:?}",
                    from,
                    to
                );
            }
            for protocol in Protocol::ALL {
                for port in PORTS {
                    let ours = passes_in(&reach, protocol, port);
                    let theirs = reference::passes(cluster, *from, *to, protocol.name(), port);
                    prop_assert_eq!(
                        ours,
                        theirs,
                        "{:?} to {:?} on {} {}",
                        from,
                        to,
                        protocol.name(),
                        port
                    );
                    let why = network.why(&Call::new(*source, *target, protocol, port));
                    let said = match why.verdict {
                        Verdict::Open => Passes::Everything,
                        Verdict::Some => Passes::SomeRequests,
                        Verdict::Closed => Passes::Nothing,
                    };
                    prop_assert_eq!(
                        said,
                        ours,
                        "why: {:?} to {:?} on {} {}",
                        from,
                        to,
                        protocol.name(),
                        port
                    );
                }
            }
        }
    }
    Ok(())
}

/// What happens to a cluster: what is put in, or which policy goes.
type Step = (usize, Option<Value>);

/// Policies come, change and go; now and then a namespace or a pod changes.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let space = (choice(&["n0", "n1", "n3"]), choice(&["red", "blue"])).prop_map(|(name, team)| {
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": name, "labels": {"team": team}}})
    });
    let pod = (choice(&["p0", "p1", "p9"]), labels()).prop_map(|(name, labels)| {
        json!({"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": name, "namespace": "n0", "labels": map(&labels)},
               "spec": {"containers": [{"name": "main", "image": "x"}]}})
    });
    let step = prop_oneof![
        6 => network_policy().prop_map(Some),
        1 => admin_policy().prop_map(Some),
        3 => cilium_policy().prop_map(Some),
        3 => Just(None),
        1 => space.prop_map(Some),
        1 => pod.prop_map(Some),
    ];
    proptest::collection::vec((0usize..6, step), 1..8)
}

/// The changes of a step. A policy takes the place of that of its number, whatever its kind.
fn changes(snapshot: &Snapshot, (number, new): &Step) -> Vec<Change> {
    let name = format!("policy-{number}");
    let mut document = new.clone();
    let mut changes = Vec::new();
    if document
        .as_ref()
        .is_none_or(|new| new["metadata"]["name"].is_null())
    {
        let objects = snapshot.objects().map(|(_, object)| object);
        let known = objects.filter(|object| *object.reference.name == *name);
        changes.extend(known.map(|old| Change::Remove(old.scope, old.reference.clone())));
        if let Some(new) = &mut document {
            new["metadata"]["name"] = json!(name);
        }
    }
    if let Some(new) = document {
        let mut loader = Loader::new();
        let read = loader.read(ScopeId::PLAIN, "step.json", &new.to_string());
        changes.extend(read.into_iter().map(|object| Change::Put(Box::new(object))));
    }
    changes
}

/// Takes a network through steps; after each it is what it would be if made anew.
fn keeps_up(
    before: &Network<'_, '_>,
    matrix: &Matrix,
    snapshot: &Snapshot,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(());
    };
    let snapshot = snapshot.clone().apply(changes(snapshot, step));
    let world = World::new(&snapshot);
    let fresh = Network::new(&world, &Config::default());
    let network = Network::after(before, &world, &Config::default());
    let matrix = network.matrix_after(before, matrix);
    prop_assert_eq!(&matrix, &fresh.matrix());
    prop_assert_eq!(network.gaps(), fresh.gaps());
    let mut ends: Vec<Peer> = vec![Peer::Node, Peer::Controller];
    ends.extend(world.endpoint_ids().map(|(id, _)| Peer::Endpoint(id)));
    for address in ADDRESSES {
        let address = address.parse().expect("an address");
        prop_assert_eq!(network.outside(address), fresh.outside(address));
        ends.push(network.outside(address));
    }
    for from in &ends {
        for to in &ends {
            prop_assert_eq!(network.reach(*from, *to), fresh.reach(*from, *to));
            let call = Call::new(*from, *to, Protocol::Tcp, 80);
            let said = |network: &Network<'_, '_>| format!("{:?}", network.why(&call));
            prop_assert_eq!(said(&network), said(&fresh));
        }
    }
    keeps_up(&network, &matrix, &snapshot, rest)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        // Fewer where nobody asks for more: every case looks at all pairs.
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(400),
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn network_policies(cluster in cluster(network_policy())) {
        agree(&cluster)?;
    }

    #[test]
    fn policies_of_administrators(cluster in cluster(admin_policy())) {
        agree(&cluster)?;
    }

    #[test]
    fn policies_of_cilium(cluster in cluster(cilium_policy())) {
        agree(&cluster)?;
    }

    #[test]
    fn all_kinds_together(
        cluster in cluster(
            prop_oneof![network_policy(), admin_policy(), cilium_policy()].boxed()
        )
    ) {
        agree(&cluster)?;
    }

    #[test]
    fn a_network_keeps_up_with_changes(
        cluster in cluster(
            prop_oneof![network_policy(), admin_policy(), cilium_policy()].boxed()
        ),
        steps in steps()
    ) {
        let mut loader = Loader::new();
        for (index, document) in documents(&cluster).iter().enumerate() {
            loader.add(Path::new(&format!("{index}.json")), &document.to_string());
        }
        let (snapshot, _) = loader.build();
        let world = World::new(&snapshot);
        let network = Network::new(&world, &Config::default());
        keeps_up(&network, &network.matrix(), &snapshot, &steps)?;
    }
}
