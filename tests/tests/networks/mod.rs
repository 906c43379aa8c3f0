//! What the tests share that put a cluster's network to an original: made-up clusters, the
//! judges' programs, and the digits that both sides answer with.

// Every test is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub(crate) mod numbers;

use seawall_model::{SourceFile, SourceKind, SourceMap};
use seawall_network::{EndpointId, Model, Network, Peer, Protocol, Reach};
use seawall_snapshot::{Builder, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, parse};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The address of every pod.
pub(crate) const INSIDE: &str = "192.168.7.7";

pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("a workspace").to_owned()
}

/// Where the judges are, once `tests/oracle/build` made them; `None` where it cannot. Those that
/// take minutes to make are asked only where somebody made them.
pub(crate) fn judges(of: Option<&str>) -> Option<PathBuf> {
    let made = |name: &str| root().join(".cache/oracle").join(name).try_exists();
    if let Some(name) = of.filter(|name| !made(name).is_ok_and(|is| is)) {
        eprintln!("skipped: the judge is made on request: tests/oracle/build {name}");
        return None;
    }
    let build = root().join("tests/oracle/build");
    let output = Command::new(build).args(of).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            let folder = String::from_utf8(output.stdout).expect("a path");
            Some(PathBuf::from(folder.trim()))
        }
        Some(77) => {
            eprintln!("skipped: the judge cannot be had here: {}", said.trim());
            None
        }
        _ => panic!("the judge does not build: {said}"),
    }
}

/// What a judge says about each question.
pub(crate) fn ask(judge: &mut Command, questions: &[Value]) -> Vec<Value> {
    let mut child = judge
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the judge");
    let mut stdin = child.stdin.take().expect("its input");
    let lines: Vec<String> = questions.iter().map(Value::to_string).collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(stdin, "{line}").expect("a line");
        }
    });
    let output = child.wait_with_output().expect("an answer");
    writer.join().expect("all lines");
    let text = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

/// A picture of some objects.
pub(crate) fn snapshot<'v>(documents: impl IntoIterator<Item = &'v Value>) -> Snapshot {
    let (map, mut gaps) = (SourceMap::new(), Vec::new());
    let mut builder = Builder::new();
    for (index, document) in documents.into_iter().enumerate() {
        let file = map.add_file(SourceFile {
            path: format!("{index}.json").into(),
            kind: SourceKind::File,
        });
        for document in parse(&document.to_string(), file, &Limits::default()).documents {
            let object = object::read(&document.root, ScopeId::PLAIN, &map, &mut gaps);
            builder.add(object.expect("an object"));
        }
    }
    assert!(gaps.is_empty(), "{gaps:?}");
    builder.build()
}

/// The endpoint of a pod.
pub(crate) fn pod(network: &Network<'_, '_>, namespace: &str, name: &str) -> Peer {
    let mut all = network.world().endpoints.iter();
    let place = all.position(|endpoint| {
        let object = &endpoint.object.reference;
        *object.name == *name && object.namespace.as_deref() == Some(namespace)
    });
    Peer::Endpoint(EndpointId(
        u32::try_from(place.expect("a pod")).expect("few"),
    ))
}

/// The peer of an address.
pub(crate) fn outside(network: &Network<'_, '_>, address: &str) -> Peer {
    network.outside(address.parse().expect("an address"))
}

/// Our answer as the judges give it: a digit for every source, destination, protocol and port;
/// 0 closed, 1 open, 2 open to some requests.
pub(crate) fn digits(
    network: &Network<'_, '_>,
    ends: &[Peer],
    ports: &[u16],
    model: Model<'_>,
) -> String {
    let mut digits = String::new();
    for from in ends {
        for to in ends {
            let reach = network.reach_as(*from, *to, model);
            for protocol in Protocol::ALL {
                digits.extend(ports.iter().map(|port| digit(&reach, protocol, *port)));
            }
        }
    }
    digits
}

fn digit(reach: &Reach, protocol: Protocol, port: u16) -> char {
    if reach.all.has(protocol, port) {
        '1'
    } else if reach.some.has(protocol, port) {
        '2'
    } else {
        '0'
    }
}

/// Which question a digit answers: the numbers of source and destination, protocol and port.
pub(crate) fn question(place: usize, ends: usize, ports: &[u16]) -> (usize, usize, Protocol, u16) {
    let (rest, port) = (place / ports.len(), place % ports.len());
    let (rest, protocol) = (rest / Protocol::ALL.len(), rest % Protocol::ALL.len());
    (
        rest / ends,
        rest % ends,
        Protocol::ALL[protocol],
        ports[port],
    )
}
