//! What gets through to a port, statement by statement of Istio's semantics: for each case in
//! `tests/doors` the questions at its head are asked (`# ask: shop/web 8080 front/front`: the
//! pods of a Deployment, a port, the caller's namespace and service account, or `nobody`; with
//! `via shop/web` behind the port it is the waypoint of that Service that is asked), and the
//! answers are compared with those beside it.
//! `UPDATE_EXPECT=1 cargo test -p seawall-network --test doors` writes them.

#![allow(clippy::panic, clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use seawall_model::SourceMap;
use seawall_network::World;
use seawall_network::istio::Istio;
use seawall_network::istio::authorization::{Call, Identity, Verdict};
use seawall_network::istio::ports::Protocol;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use support::Loader;

fn caller(word: &str, istio: &Istio<'_>) -> Option<Identity> {
    let (namespace, account) = word.split_once('/')?;
    Some(Identity {
        trust_domain: istio.mesh.trust_domain.clone(),
        namespace: namespace.into(),
        service_account: account.into(),
    })
}

fn tell(way: &str, verdict: Option<&Verdict<'_>>, map: &SourceMap, to: &mut String) {
    let Some(verdict) = verdict else { return };
    writeln!(to, "  {way}: {}", verdict.condition).expect("a string");
    for ground in &verdict.because {
        let rule = ground
            .rule
            .map_or(String::new(), |rule| format!(" rule {}", rule + 1));
        writeln!(
            to,
            "    by {} {}{rule} at {}",
            ground.action.name(),
            ground.object.reference.name,
            map.display(ground.span)
        )
        .expect("a string");
    }
}

fn answer(question: &str, world: &World<'_>, istio: &Istio<'_>, map: &SourceMap) -> String {
    let words: Vec<&str> = question.split(' ').collect();
    let mut said = format!("{question}\n");
    let [target, port, who, rest @ ..] = words.as_slice() else {
        panic!("{question}: a question has a target, a port and a caller");
    };
    let port: u16 = port.parse().expect("a port");
    let identity = caller(who, istio);
    let (namespace, name) = target.split_once('/').expect("a namespace and a name");
    if let ["via", service] = rest {
        let (home, name) = service.split_once('/').expect("a namespace and a name");
        let mut services = world.of_kind("", "Service").iter();
        let service = services
            .find(|one| one.namespace() == home && &*one.reference.name == name)
            .expect("a Service");
        let call = Call {
            identity: identity.as_ref(),
            port,
            protocol: Protocol::Http,
        };
        match istio.at_waypoint(world, service, &call) {
            Some(verdict) => tell("at the waypoint", Some(&verdict), map, &mut said),
            None => said.push_str("  no waypoint\n"),
        }
        return said;
    }
    let (id, _) = world
        .endpoint_ids()
        .find(|(_, one)| {
            let owner = &one.workload.owner;
            owner.namespace.as_deref() == Some(namespace) && &*owner.name == name
        })
        .expect("pods");
    let membership = istio.membership(id).expect("a membership");
    let door = istio
        .door(world, id, port, identity.as_ref())
        .expect("a door");
    let modes: Vec<&str> = door
        .mode
        .modes
        .iter()
        .map(|(mode, _)| mode.name())
        .collect();
    writeln!(
        said,
        "  {:?}, {}, {}, {:?}",
        membership.place,
        if door.is_held { "held" } else { "not held" },
        modes.join(" or "),
        door.protocol
    )
    .expect("a string");
    for (_, by) in &door.mode.modes {
        if let Some(by) = by {
            let name = &by.object.reference.name;
            writeln!(said, "    by {name} at {}", map.display(by.span)).expect("a string");
        }
    }
    tell("as nobody", door.as_nobody.as_ref(), map, &mut said);
    tell("as itself", door.as_itself.as_ref(), map, &mut said);
    said
}

#[test]
fn doors_open_as_they_did() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doors");
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
        let istio = Istio::new(&world).expect("a mesh");
        let questions = text.lines().filter_map(|line| line.strip_prefix("# ask: "));
        let got: String = questions
            .map(|one| answer(one, &world, &istio, &map))
            .collect();
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
