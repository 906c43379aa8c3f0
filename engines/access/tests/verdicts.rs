//! Tables of verdicts: what the API server documents about who may do what, statement by
//! statement. `verdicts/NAME.yaml` is the cluster, `verdicts/NAME.txt` has a line for each
//! question: `yes` or `no`, who, the verb, and a path or `GROUP:RESOURCE/SUB` with `ns=` and
//! `name=`. Who is `NAME`, `@GROUP` or `NAMESPACE/ACCOUNT`.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests may fail loudly

mod support;

use seawall_access::{Access, Request, ResourceRequest};
use seawall_model::access::Identity;
use seawall_model::{KubernetesVersion, Str};
use std::path::Path;
use support::Loader;

fn who(word: &str) -> Identity {
    if let Some(group) = word.strip_prefix('@') {
        return Identity::Group(group.into());
    }
    match word.split_once('/') {
        Some((namespace, name)) => Identity::ServiceAccount {
            namespace: namespace.into(),
            name: name.into(),
        },
        None => Identity::of_user(word),
    }
}

fn request(words: &[&str]) -> Request {
    let (verb, what) = (Str::from(words[0]), words[1]);
    if what.starts_with('/') {
        return Request::Path {
            verb,
            path: what.into(),
        };
    }
    let (group, resource) = what.split_once(':').unwrap_or(("", what));
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let given = |key: &str| {
        let found = words.iter().find_map(|word| word.strip_prefix(key));
        Str::from(found.unwrap_or_default())
    };
    let of = ResourceRequest {
        verb,
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: given("ns="),
        name: given("name="),
    };
    Request::Resource(of.settled())
}

#[test]
fn verdicts_are_those_that_are_documented() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts");
    let (mut asked, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(&dir).expect("tables").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let mut loader = Loader::new();
        let text = std::fs::read_to_string(&path).expect("a cluster");
        loader.add(&path, &text);
        let (snapshot, _) = loader.build();
        let access = Access::of(&snapshot, KubernetesVersion::NEWEST);
        let table = std::fs::read_to_string(path.with_extension("txt")).expect("a table");
        for line in table
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            let identity = who(words[1]);
            let is = access
                .allows(&identity, &identity.groups(), &request(&words[2..]))
                .is_some();
            let want = match words[0] {
                "yes" => true,
                "no" => false,
                other => panic!("{other}: yes or no"),
            };
            asked += 1;
            if is != want {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(asked > 40, "only {asked} questions");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
