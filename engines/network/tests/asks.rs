//! What the meshes as layers say, statement by statement of their semantics: for each case in
//! `tests/asks` the questions at its head are asked (`# ask: front/web shop/api 8080`: from the
//! pods of one Deployment, or `internet` or `node`, to those of another at a port), and what
//! passes in both models is compared with what stands beside it, with the reasons.
//! `UPDATE_EXPECT=1 cargo test -p seawall-network --test asks` writes it.

#![allow(clippy::panic, clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use seawall_model::SourceMap;
use seawall_network::{Call, Config, Model, Network, Peer, Protocol, World};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use support::Loader;

fn peer(word: &str, world: &World<'_>) -> Peer {
    match word {
        "internet" => return Peer::Internet,
        "node" => return Peer::Node,
        _ => {}
    }
    let (namespace, name) = word.split_once('/').expect("a namespace and a name");
    let mut all = world.endpoint_ids();
    let found = all.find(|(_, one)| {
        let owner = &one.workload.owner;
        owner.namespace.as_deref() == Some(namespace) && &*owner.name == name
    });
    Peer::Endpoint(found.unwrap_or_else(|| panic!("no pods {word}")).0)
}

fn answer(question: &str, network: &Network<'_, '_>, map: &SourceMap) -> String {
    let words: Vec<&str> = question.split(' ').collect();
    let [from, to, port] = words.as_slice() else {
        panic!("{question}: a question has a source, a destination and a port");
    };
    let (from, to) = (peer(from, network.world()), peer(to, network.world()));
    let port: u16 = port.parse().expect("a port");
    let said = |model| {
        network
            .reach_as(from, to, model)
            .verdict(Protocol::Tcp, port)
    };
    let mut text = format!(
        "{question}\n  configured: {}, adversarial: {}\n",
        said(Model::Configured),
        said(Model::Adversarial)
    );
    for told in network
        .why(&Call::new(from, to, Protocol::Tcp, port))
        .layers
    {
        writeln!(text, "  {}: {}", told.verdict, told.said).expect("a string");
        for cite in &told.cites {
            let name = &cite.object.reference.name;
            write!(
                text,
                "    by {name}{} at {}",
                cite.pointer,
                map.display(cite.span)
            )
            .expect("a string");
            if let Some(condition) = &cite.condition {
                write!(text, " if {condition}").expect("a string");
            }
            text.push_str(if cite.is_assumed {
                " (assumed)\n"
            } else {
                "\n"
            });
        }
    }
    text
}

#[test]
fn the_meshes_answer_as_they_did() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asks");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() > 10, "the cases are there");
    let mut problems = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a case");
        let name = path.file_name().expect("a name").to_string_lossy();
        let mut loader = Loader::new();
        loader.add(Path::new(&*name), &text);
        assert_eq!(loader.problems, 0, "{name}");
        assert!(loader.gaps.is_empty(), "{name}: {:?}", loader.gaps);
        let (snapshot, map) = loader.build();
        let world = World::new(&snapshot);
        let network = Network::new(&world, &Config::default());
        let questions = text.lines().filter_map(|line| line.strip_prefix("# ask: "));
        let got: String = questions.map(|one| answer(one, &network, &map)).collect();
        assert!(!got.is_empty(), "{name}: nothing is asked");
        let expect = path.with_extension("expect");
        if update {
            std::fs::write(&expect, &got).expect("a writable case");
        } else if std::fs::read_to_string(&expect).unwrap_or_default() != got {
            problems.push(format!("{name} says something else now:\n{got}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
