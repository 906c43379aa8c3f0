//! What the engine says about small clusters: one file for each statement of the semantics,
//! with who reaches whom beside it (`*.expect`).
//! `UPDATE_EXPECT=1 cargo test -p seawall-network --test reach` writes the latter.
//!
//! A case may ask: `# why: default/web default/db TCP 5432`, where an end may also be `internet`,
//! `node`, `controller` or an address; and `# blast: default/web`.

#![allow(clippy::expect_used, clippy::indexing_slicing)] // helpers of tests may fail loudly

mod support;

use seawall_model::reachability::Reachability;
use seawall_model::{Fact, ResourceRef, SourceMap};
use seawall_network::{
    Answers, Call, Condition, Config, EndpointId, Exposure, Network, Peer, Protocol, Reach, Why,
    World,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use support::Loader;

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/reach");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    paths.sort();
    paths
}

fn end(network: &Network<'_, '_>, name: &str) -> Peer {
    match name {
        "internet" => Peer::Internet,
        "node" => Peer::Node,
        "controller" => Peer::Controller,
        _ => {
            if let Ok(address) = name.parse() {
                return network.outside(address);
            }
            let ids = 0..u32::try_from(network.world().endpoints.len()).expect("few");
            let mut peers = ids.map(|id| Peer::Endpoint(EndpointId(id)));
            peers
                .find(|peer| network.name(*peer).ends_with(&format!(" {name}")))
                .expect("an endpoint of that name")
        }
    }
}

fn passes(reach: &Reach) -> String {
    let all = (!reach.all.is_empty()).then(|| reach.all.to_string());
    let some = (!reach.some.is_empty()).then(|| format!("some requests on {}", reach.some));
    let parts: Vec<String> = all.into_iter().chain(some).collect();
    parts.join("; ")
}

fn explain(why: &Why<'_>, map: &SourceMap, text: &mut String) {
    for step in &why.steps {
        let direction = step.direction.name();
        writeln!(text, "  {direction}: {} ({:?})", step.verdict, step.reason).expect("a string");
        for cite in &step.cites {
            write!(
                text,
                "    {} {} {}",
                cite.object.reference,
                cite.pointer,
                map.display(cite.span)
            )
            .expect("a string");
            if let Some(condition) = &cite.condition {
                write!(text, ": {condition}").expect("a string");
            }
            text.push_str(if cite.is_assumed { ", assumed\n" } else { "\n" });
        }
    }
}

fn way(network: &Network<'_, '_>, way: &Exposure<'_>, map: &SourceMap) -> String {
    let peer = network.name(Peer::Endpoint(way.endpoint));
    let mut text = format!(
        "exposed: {peer} {} {} by {}: {}{}\n",
        way.protocol.name(),
        way.port,
        way.entry.name(),
        way.verdict,
        if way.is_encrypted { ", TLS" } else { "" }
    );
    if let Some(through) = way.through {
        writeln!(text, "  through {}", network.name(through)).expect("a string");
    }
    if !way.hosts.is_empty() {
        writeln!(text, "  for {}", way.hosts.join(", ")).expect("a string");
    }
    if way.requests != Condition::Always {
        writeln!(text, "  if {}", way.requests).expect("a string");
    }
    for link in &way.links {
        let (object, pointer) = (&link.object.reference, &link.pointer);
        writeln!(text, "  {object} {pointer} {}", map.display(link.span)).expect("a string");
    }
    text
}

fn describe(path: &Path) -> String {
    let source = std::fs::read_to_string(path).expect("a readable case");
    let mut loader = Loader::new();
    loader.add(Path::new(path.file_name().expect("a name")), &source);
    assert_eq!(loader.problems, 0, "{}: not well-formed", path.display());
    let (snapshot, map) = loader.build();
    let world = World::new(&snapshot);
    let network = Network::new(&world, &Config::default());
    let matrix = network.matrix();
    let mut text = String::new();
    for index in 0..world.endpoints.len() {
        let id = EndpointId(u32::try_from(index).expect("few"));
        let own = Peer::Endpoint(id);
        writeln!(text, "{}", network.name(own)).expect("a string");
        let mut lines: Vec<String> = matrix
            .to(id)
            .map(|(reach, set)| {
                format!(
                    "  from {}: {}\n",
                    network.names(set).join(", "),
                    passes(reach)
                )
            })
            .collect();
        lines.sort();
        text.push_str(&lines.concat());
        for (name, peer) in [("internet", Peer::Internet), ("node", Peer::Node)] {
            let reach = network.reach(own, peer);
            if !reach.is_empty() {
                writeln!(text, "  to {name}: {}", passes(&reach)).expect("a string");
            }
        }
    }
    for exposure in network.exposure() {
        text.push_str(&way(&network, exposure, &map));
    }
    for line in source.lines() {
        if let Some(question) = line.strip_prefix("# why: ") {
            let words: Vec<&str> = question.split(' ').collect();
            let protocol = Protocol::named(words[2]).expect("a protocol");
            let port = words[3].parse().expect("a port");
            let (from, to) = (end(&network, words[0]), end(&network, words[1]));
            let why = network.why(&Call::new(from, to, protocol, port));
            writeln!(text, "why {question}: {}", why.verdict).expect("a string");
            explain(&why, &map, &mut text);
        }
        if let Some(name) = line.strip_prefix("# blast: ") {
            writeln!(text, "blast {name}").expect("a string");
            for hop in network.blast(end(&network, name)) {
                let to = network.name(Peer::Endpoint(hop.to));
                let (from, reach) = (network.name(hop.from), passes(&hop.reach));
                writeln!(text, "  {} {to} from {from}: {reach}", hop.hops).expect("a string");
            }
        }
    }
    for gap in network.gaps() {
        writeln!(text, "gap: {} {}", map.display(gap.span), gap.reason).expect("a string");
    }
    text
}

#[test]
fn clusters_are_as_they_were() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut problems = Vec::new();
    for path in cases() {
        let got = describe(&path);
        let expect = path.with_extension("expect");
        if update {
            std::fs::write(&expect, &got).expect("a writable case");
        } else if std::fs::read_to_string(&expect).unwrap_or_default() != got {
            problems.push(format!(
                "{} says something else now:\n{got}",
                path.display()
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_meets_the_internet_is_a_fact() {
    let mut loader = Loader::new();
    let text = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";
    loader.add(Path::new("shop.yaml"), text);
    let (snapshot, _) = loader.build();
    let facts = seawall_network::check(&snapshot, &Config::default()).facts;
    let [
        Fact::Exposed {
            port,
            is_conditional,
            ..
        },
    ] = facts.as_slice()
    else {
        unreachable!("one fact, not {facts:?}");
    };
    assert_eq!((*port, *is_conditional), (8080, false));
}

#[test]
fn other_engines_ask_who_gets_to_a_workload_and_what_a_mesh_asks() {
    let mut loader = Loader::new();
    let text = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: batch, namespace: shop}
spec:
  template:
    metadata: {labels: {app: batch}}
    spec: {containers: [{name: batch, image: batch}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata:
      labels: {app: db, sidecar.istio.io/inject: 'true'}
    spec: {containers: [{name: db, image: db, ports: [{containerPort: 5432}, {containerPort: 9187}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: batch, namespace: shop}
spec: {podSelector: {matchLabels: {app: batch}}, policyTypes: [Egress]}
---
apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  mtls: {mode: STRICT}
  portLevelMtls: {9187: {mode: PERMISSIVE}}
";
    loader.add(Path::new("shop.yaml"), text);
    let (snapshot, _) = loader.build();
    let world = seawall_network::World::new(&snapshot);
    let network = Network::new(&world, &Config::default());
    let answers = Answers::new(&network);
    let workload = |name: &str| ResourceRef {
        group: "apps".into(),
        kind: "Deployment".into(),
        namespace: Some("shop".into()),
        name: name.into(),
    };
    let callers = answers.callers(&workload("web"));
    let names: Vec<(&str, u16)> = callers
        .iter()
        .map(|caller| (&*caller.from.name, caller.port))
        .collect();
    assert_eq!(names, [("db", 8080)], "batch sends nothing, db does");
    let address = "169.254.169.254".parse().expect("an address");
    assert!(answers.gets_to(&workload("web"), address, 80));
    assert!(!answers.gets_to(&workload("batch"), address, 80));
    let why = answers.why(&callers[0], &workload("web"));
    assert!(why.iter().any(|one| one.said.contains("no policy holds")));

    let facts = seawall_network::check(&snapshot, &Config::default()).facts;
    let mut meshed = facts.iter().filter_map(|fact| match fact {
        Fact::Meshed { workload, unproven } => Some((&*workload.name, unproven.as_slice())),
        _ => None,
    });
    assert_eq!(meshed.next(), Some(("db", [("TCP", 9187)].as_slice())));
    assert_eq!(meshed.next(), None);
}
