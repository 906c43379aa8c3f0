//! `seawall generate vap` against the native checks: every generated policy has to find, on
//! every case of its rule, what the rule finds and nothing else. Two judge: our own engine,
//! and the real API server, which has to accept the policies, too.
//!
//! `tests/cases/generated_policies/refused.txt` has the objects of cases that the API server
//! refuses for reasons of its own, so that no policy is asked; `UPDATE_EXPECT=1` writes it.

// Test code, though not inside of test functions: it may fail and print as it likes.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

use seawall_assessment::{Config, Policies, assess, generate_vap, vap::Mode};
use seawall_model::{Asset, Coverage, FileId, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Keep, ScopeId, Snapshot, object};
use seawall_tests::cluster::{Cluster, Options};
use seawall_yaml::{Limits, Node, parse, to_json};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
        .to_owned()
}

fn trees(text: &str, map: &SourceMap, path: &str) -> Vec<Node> {
    let file: FileId = map.add_file(SourceFile {
        path: path.into(),
        kind: SourceKind::File,
    });
    let stream = parse(text, file, &Limits::default());
    assert!(stream.problems.is_empty(), "{path}: {:?}", stream.problems);
    stream
        .documents
        .into_iter()
        .flat_map(|document| object::flatten(document.root))
        .collect()
}

fn snapshot(trees: &[Node], map: &SourceMap) -> Snapshot {
    let mut builder = Builder::new();
    for tree in trees {
        let read = object::read_keeping(tree, ScopeId::PLAIN, map, &mut Vec::new(), Keep::Trees);
        if let Some(object) = read {
            builder.add(object);
        }
    }
    builder.build()
}

/// Kinds that generated policies match.
fn is_matched(asset: &Asset) -> bool {
    let Asset::Resource(resource) = asset else {
        return false;
    };
    matches!(
        (&*resource.group, &*resource.kind),
        ("", "Pod" | "ReplicationController" | "PodTemplate")
            | (
                "apps",
                "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet"
            )
            | ("batch", "Job" | "CronJob")
    )
}

/// The cases of a rule for the newest version, which is what policies are for: name and text.
fn cases_of(rule: &str) -> Vec<(String, String)> {
    let dir = root().join("engines/posture/cases").join(rule);
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&dir).expect("cases").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a case");
        if !text.starts_with("# kubernetes:") {
            cases.push((entry.file_name().to_string_lossy().into_owned(), text));
        }
    }
    cases.sort();
    cases
}

#[test]
fn generated_policies_decide_as_the_rules_do() {
    let (policies, _) = generate_vap(&|_| true, Mode::Deny);
    assert!(policies.len() > 25, "{} policies", policies.len());
    let mut problems = Vec::new();
    let mut cases = 0;
    for generated in &policies {
        let map = SourceMap::new();
        let (read, wrong) = Policies::read(&trees(&generated.yaml, &map, &generated.name));
        assert!(wrong.is_empty(), "{}: {wrong:?}", generated.name);
        let read = Arc::new(read);
        for (name, text) in cases_of(generated.rule.as_str()) {
            cases += 1;
            let map = SourceMap::new();
            let snapshot = snapshot(&trees(&text, &map, "case.yaml"), &map);
            let config = Config {
                policies: Some(Arc::clone(&read)),
                ..Config::default()
            };
            let answer = assess(&snapshot, Coverage::default(), &map, &config);
            let of = |rule: &str| -> BTreeSet<String> {
                answer
                    .findings
                    .iter()
                    .filter(|finding| finding.rule.as_str() == rule)
                    .flat_map(|finding| &finding.affected)
                    .filter(|asset| is_matched(asset))
                    .map(ToString::to_string)
                    .collect()
            };
            let native = of(generated.rule.as_str());
            let by_policy = of(&format!("policy:{}", generated.name));
            if native != by_policy {
                let messages: Vec<&str> = answer
                    .findings
                    .iter()
                    .filter(|finding| finding.rule.as_str().starts_with("policy:"))
                    .map(|finding| &*finding.message)
                    .collect();
                problems.push(format!(
                    "{} {name}: the rule says {native:?}, its policy {by_policy:?} {messages:?}\n",
                    generated.rule
                ));
            }
        }
    }
    eprintln!("{} policies, {cases} cases", policies.len());
    assert!(
        problems.is_empty(),
        "{} of {cases} cases differ:\n{}",
        problems.len(),
        problems.concat()
    );
}

/// The label that tells the server which policy an object is for: a binding of a test means
/// only those of its rule, so that all policies can be active at once.
const LABEL: &str = "seawall-tests/rule";

/// A workload of a case, and what the rule says about it. The rule speaks of the top owner;
/// the server, of each object.
#[derive(Default)]
struct Asked {
    objects: Vec<Value>,
    is_found: bool,
}

/// The workloads of a case that policies are asked about, by the name of their top owner.
fn asked(rule: &str, text: &str) -> BTreeMap<String, Asked> {
    let map = SourceMap::new();
    let trees = trees(text, &map, "case.yaml");
    let picture = snapshot(&trees, &map);
    let answer = assess(&picture, Coverage::default(), &map, &Config::default());
    let found: BTreeSet<String> = answer
        .findings
        .iter()
        .filter(|finding| finding.rule.as_str() == rule)
        .flat_map(|finding| &finding.affected)
        .map(ToString::to_string)
        .collect();
    let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
    for tree in &trees {
        let read = object::read(tree, ScopeId::PLAIN, &map, &mut Vec::new());
        let Some(read) = read else { continue };
        if !is_matched(&Asset::Resource(read.reference.clone())) {
            continue;
        }
        let is_member = |id| {
            let member = picture.get(id);
            member.is_some_and(|member| member.reference == read.reference)
        };
        let owner = picture
            .workloads()
            .iter()
            .find(|workload| workload.members.iter().copied().any(is_member))
            .map_or(&read.reference, |workload| &workload.owner);
        let name = Asset::Resource(owner.clone()).to_string();
        let is_found = found.contains(&name);
        let asked = asked.entry(name).or_default();
        asked.is_found = is_found;
        let object = serde_json::from_str(&to_json(tree)).expect("JSON");
        asked.objects.push(object);
    }
    asked
}

/// Both objects of a generated policy as JSON.
fn objects(yaml: &str) -> Vec<Value> {
    trees(yaml, &SourceMap::new(), "policy.yaml")
        .iter()
        .map(|tree| serde_json::from_str(&to_json(tree)).expect("JSON"))
        .collect()
}

/// What pods of cases name, so that the server does not refuse them for its absence.
fn surroundings(cluster: &Cluster, object: &Value, known: &mut BTreeSet<(String, String)>) {
    let namespace = object["metadata"]["namespace"].as_str();
    let namespace = namespace.unwrap_or("default").to_owned();
    let spec = match object["kind"].as_str() {
        Some("Pod") => &object["spec"],
        _ => &Value::Null,
    };
    let account = spec["serviceAccountName"].as_str().unwrap_or("default");
    let mut needed = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace}}),
    ];
    if let Some(class) = spec["runtimeClassName"].as_str() {
        needed.push(
            json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
            "metadata": {"name": class}, "handler": class}),
        );
    }
    needed.retain(|object| known.insert((namespace.clone(), object.to_string())));
    assert_eq!(cluster.api.apply_all(needed), Vec::<String>::new());
}

/// The server's answer to the dry run of a creation: let in, refused by this policy, or
/// refused for another reason.
fn answer(cluster: &Cluster, policy: &str, object: &Value) -> Result<bool, String> {
    let collection = cluster.api.collection(object)?;
    let path = format!("{collection}?dryRun=All");
    let (status, answer) = cluster.api.json("POST", &path, object);
    let message = answer["message"].as_str().unwrap_or_default();
    if status == 201 {
        Ok(false)
    } else if message.contains(&format!("ValidatingAdmissionPolicy '{policy}'")) {
        Ok(true)
    } else {
        Err(format!("{status} {message}"))
    }
}

/// Creates every policy with its binding, and waits until the server applies them.
fn activate(cluster: &Cluster, rules: &[(String, Vec<Value>)]) {
    let created = |object: &Value, dry: &str| {
        let path = format!("{}{dry}", cluster.api.collection(object).expect("served"));
        let (status, answer) = cluster.api.json("POST", &path, object);
        assert_eq!(status, 201, "{}: {answer}", object["metadata"]["name"]);
    };
    for mode in [Mode::Audit, Mode::Warn] {
        for generated in generate_vap(&|_| true, mode).0 {
            for object in objects(&generated.yaml) {
                created(&object, "?dryRun=All");
            }
        }
    }
    for (rule, objects) in rules {
        for object in objects {
            let mut object = object.clone();
            if object["kind"] == "ValidatingAdmissionPolicyBinding" {
                object["spec"]["matchResources"]["objectSelector"] =
                    json!({"matchLabels": {LABEL: rule}});
            }
            created(&object, "");
        }
    }
    cluster.wait_for_policies();
}

/// Compares with a text of the repository; `UPDATE_EXPECT=1` writes it.
fn expect(path: &str, found: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, found).expect("written");
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} differs:\n{found}", path.display());
}

#[test]
fn the_api_server_decides_as_the_rules_do() {
    let Some(mut cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    cluster.check_policy_types();
    let rules: Vec<(String, Vec<Value>)> = generate_vap(&|_| true, Mode::Deny)
        .0
        .iter()
        .map(|generated| (generated.rule.to_string(), objects(&generated.yaml)))
        .collect();
    activate(&cluster, &rules);
    let mut problems = Vec::new();
    let mut refused = String::new();
    let (mut denied, mut let_in, mut not_asked) = (0, 0, 0);
    let mut known = BTreeSet::new();
    for (rule, manifests) in &rules {
        let policy = manifests[0]["metadata"]["name"].as_str().expect("a name");
        let (mut bad, mut good, mut bad_before) = (0, 0, 0);
        for (case, text) in cases_of(rule) {
            for (name, asked) in asked(rule, &text) {
                let (mut is_denied, mut is_refused) = (false, false);
                for mut object in asked.objects {
                    surroundings(&cluster, &object, &mut known);
                    object["metadata"]["labels"][LABEL] = json!(rule);
                    match answer(&cluster, policy, &object) {
                        Ok(denied) => is_denied |= denied,
                        Err(why) => {
                            is_refused = true;
                            let _ = writeln!(refused, "{rule} {case} {name}: {why}");
                        }
                    }
                }
                if is_refused && is_denied != asked.is_found {
                    not_asked += 1;
                    bad_before += 1;
                    continue;
                }
                *(if is_denied { &mut bad } else { &mut good }) += 1;
                if is_denied != asked.is_found {
                    problems.push(format!(
                        "{rule} {case} {name}: the rule finds: {}, the server denies: {is_denied}\n",
                        asked.is_found
                    ));
                }
            }
        }
        if bad + bad_before == 0 || good == 0 {
            problems.push(format!(
                "{rule}: {bad} denied, {good} let in: both are needed\n"
            ));
        }
        denied += bad;
        let_in += good;
    }
    let names = rules.iter().map(|(_, objects)| &objects[0]);
    for (name, warnings) in cluster.policy_type_warnings(names) {
        problems.push(format!("{name}: {warnings}\n"));
    }
    eprintln!(
        "{} policies: {denied} workloads denied, {let_in} let in, {not_asked} refused before",
        rules.len()
    );
    assert!(problems.is_empty(), "{}", problems.concat());
    expect("tests/cases/generated_policies/refused.txt", &refused);
}
