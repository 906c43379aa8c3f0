//! The roles and bindings that an API server makes for itself, and the resources that it
//! serves, against our tables of them (`engines/access/data`). `UPDATE_EXPECT=1` writes them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)] // tests assert

use seawall_tests::cluster::{Cluster, Options};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

const VERSIONS: [(&str, u16); 4] = [("1.34", 34), ("1.35", 35), ("1.36", 36), ("1.37", 37)];
const KINDS: [(&str, &str); 4] = [
    ("clusterroles", "ClusterRole"),
    ("clusterrolebindings", "ClusterRoleBinding"),
    ("roles", "Role"),
    ("rolebindings", "RoleBinding"),
];

const HEAD: &str = "\
# The roles and bindings that the API server makes for itself, read from kube-apiserver 1.37.1
# as it is and emulating 1.34 to 1.36 (tests/tests/access_defaults.rs, UPDATE_EXPECT=1).
# `from` and `to` are minor versions; without them it is in all.
";

/// Kind, namespace, name.
type Key = (usize, String, String);

/// What is there, each as the lines of the table below its name.
fn defaults(cluster: &Cluster) -> BTreeMap<Key, String> {
    let mut all = BTreeMap::new();
    for (rank, (plural, kind)) in KINDS.iter().enumerate() {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/{plural}");
        let (status, list) = cluster.api.json("GET", &path, &Value::Null);
        assert_eq!(status, 200);
        for item in list["items"].as_array().unwrap() {
            let text = |key: &str| {
                item["metadata"][key]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let key = (rank, text("namespace"), text("name"));
            all.insert(key, lines(kind, item));
        }
    }
    all
}

fn lines(kind: &str, item: &Value) -> String {
    let metadata = &item["metadata"];
    let mut text = format!("- kind: {kind}\n");
    let mut names = vec![format!("name: {}", flow(&metadata["name"]))];
    if let Some(namespace) = metadata["namespace"].as_str() {
        names.push(format!("namespace: {namespace}"));
    }
    let labels = metadata["labels"].as_object().unwrap();
    let labels: serde_json::Map<String, Value> = labels
        .iter()
        .filter(|(key, _)| key.contains("aggregate-to"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !labels.is_empty() {
        names.push(format!("labels: {}", flow(&labels.into())));
    }
    let _ = writeln!(text, "  metadata: {{{}}}", names.join(", "));
    for key in ["aggregationRule", "roleRef"] {
        if !item[key].is_null() {
            let _ = writeln!(text, "  {key}: {}", flow(&item[key]));
        }
    }
    for key in ["rules", "subjects"] {
        let Some(list) = item[key].as_array() else {
            continue;
        };
        let _ = writeln!(text, "  {key}:");
        for one in list {
            let _ = writeln!(text, "  - {}", flow(one));
        }
    }
    text
}

/// JSON is YAML; without the quotes where a plain word says the same.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| {
                let key = flow(&Value::String(key.clone()));
                format!("{key}: {}", flow(value))
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(flow).collect();
            format!("[{}]", list.join(", "))
        }
        Value::String(text) => {
            let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text != "true"
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-./:".contains(c))
                && !text.ends_with(':');
            if is_plain {
                text.clone()
            } else {
                format!("{value}")
            }
        }
        other => other.to_string(),
    }
}

/// The table of all versions.
fn table(versions: &[(u16, BTreeMap<Key, String>)]) -> String {
    let mut keys: Vec<&Key> = versions.iter().flat_map(|(_, all)| all.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut text = HEAD.to_owned();
    for key in keys {
        // Runs of versions that have the same.
        let mut runs: Vec<(u16, u16, &String)> = Vec::new();
        for (version, all) in versions {
            let Some(lines) = all.get(key) else { continue };
            match runs.last_mut() {
                Some((_, last, same)) if *same == lines && *last + 1 == *version => {
                    *last = *version;
                }
                _ => runs.push((*version, *version, lines)),
            }
        }
        let (oldest, newest) = (versions[0].0, versions[versions.len() - 1].0);
        for (from, to, lines) in runs {
            let (head, rest) = lines.split_once('\n').unwrap();
            let _ = writeln!(text, "{head}");
            if from > oldest {
                let _ = writeln!(text, "  from: {from}");
            }
            if to < newest {
                let _ = writeln!(text, "  to: {to}");
            }
            text.push_str(rest);
        }
    }
    text
}

/// The server makes them when it has started, one after the other.
fn settled(cluster: &Cluster) -> BTreeMap<Key, String> {
    let start = Instant::now();
    let mut before = defaults(cluster);
    let mut quiet = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let now = defaults(cluster);
        if now != before {
            before = now;
            quiet = Instant::now();
        } else if quiet.elapsed() > Duration::from_secs(2) && !before.is_empty() {
            return before;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "never done");
    }
}

/// Compares a table with what it has to be, or writes it.
fn hold(name: &str, text: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engines/access/data");
    let file = data.join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let ours = std::fs::read_to_string(&file).unwrap();
    assert!(
        ours == text,
        "{name} is old: UPDATE_EXPECT=1 writes it anew"
    );
    println!("{name}: {} lines", text.lines().count());
}

/// A line for each resource: group (`-` for the core group), plural, singular, kind, whether
/// its objects are in namespaces, short names. In the order in which the API server lists them.
fn resources(cluster: &Cluster) -> String {
    let mut text = String::from(
        "# What kube-apiserver 1.37.1 serves (tests/tests/access_defaults.rs, UPDATE_EXPECT=1):\n\
         # group, plural, singular, kind, n if in namespaces, short names.\n",
    );
    let get = |path: &str| cluster.api.json("GET", path, &Value::Null).1;
    let mut roots = vec![(String::new(), "/api/v1".to_owned())];
    for group in get("/apis")["groups"].as_array().unwrap() {
        let name = group["name"].as_str().unwrap().to_owned();
        let version = group["preferredVersion"]["groupVersion"].as_str().unwrap();
        roots.push((name, format!("/apis/{version}")));
    }
    for (group, path) in roots {
        for one in get(&path)["resources"].as_array().unwrap() {
            let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            if word("name").contains('/') {
                continue;
            }
            let short: Vec<&str> = one["shortNames"]
                .as_array()
                .map(|list| list.iter().map(|s| s.as_str().unwrap()).collect())
                .unwrap_or_default();
            let line = format!(
                "{} {} {} {} {} {}",
                if group.is_empty() { "-" } else { &group },
                word("name"),
                word("singularName"),
                word("kind"),
                if one["namespaced"] == true { "n" } else { "-" },
                short.join(","),
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

#[test]
fn the_tables_are_what_the_api_server_makes_and_serves() {
    let mut versions = Vec::new();
    let mut served = String::new();
    for (emulated, version) in VERSIONS {
        let Some(cluster) = Cluster::start(&Options {
            emulated_version: Some(emulated),
            ..Options::default()
        }) else {
            return;
        };
        versions.push((version, settled(&cluster)));
        served = resources(&cluster);
    }
    hold("defaults.yaml", &table(&versions));
    hold("resources.txt", &served);
}
