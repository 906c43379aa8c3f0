//! The real API server judges objects by admission policies, in deny mode and as dry runs;
//! `seawall-admission` has to give the same verdict with the same message, and refuse the same
//! policies.
//!
//! `tests/cases/policies` has the corpus: policies as a whole, expressions of which each
//! becomes a policy, the objects that both are asked about, and what is there besides. Skipped,
//! with a line that says so, where there is no control plane.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test helpers may fail loudly and say what they skip"
)]

use seawall_admission::policy::Policies;
use seawall_admission::{Config, check};
use seawall_model::{FileId, SourceMap, Span};
use seawall_snapshot::{Builder, Keep, ScopeId, Snapshot, object};
use seawall_tests::cluster::{Cluster, Options};
use seawall_yaml::{Limits, Node, parse, to_json};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The label that says which policy an object is for, so that all can be active at once.
const LABEL: &str = "ask";

/// What comes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    LetIn,
    /// Refused, with the message.
    Refused(String),
    /// An expression fails.
    Fails(String),
    /// Ours only: files cannot tell.
    Unknown(String),
}

fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/policies");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn trees(text: &str) -> Vec<Node> {
    let stream = parse(text, FileId::UNKNOWN, &Limits::default());
    assert!(stream.problems.is_empty(), "{:?}", stream.problems);
    stream.documents.into_iter().map(|d| d.root).collect()
}

fn json_of(tree: &Node) -> Value {
    serde_json::from_str(&to_json(tree)).unwrap()
}

/// A policy, its binding where it has one, and where it comes from.
struct Case {
    name: String,
    shown: String,
    policy: Value,
    binding: Value,
}

/// The policies of the corpus: those of `policies.yaml`, and one for each expression.
fn cases() -> Vec<Case> {
    let group = "admissionregistration.k8s.io/v1";
    let mut cases = Vec::new();
    let manifests: Vec<Value> = trees(&text("policies.yaml")).iter().map(json_of).collect();
    for pair in manifests.chunks(2) {
        let [policy, binding] = pair else {
            panic!("each policy has a binding")
        };
        let name = policy["metadata"]["name"].as_str().unwrap().to_owned();
        assert_eq!(binding["spec"]["policyName"], json!(name));
        cases.push(Case {
            shown: name.clone(),
            name,
            policy: policy.clone(),
            binding: binding.clone(),
        });
    }
    let lines = text("expressions.txt");
    let lines = lines.lines().map(str::trim);
    for (index, expression) in lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .enumerate()
    {
        let name = format!("e-{index}");
        cases.push(Case {
            shown: expression.to_owned(),
            policy: json!({
                "apiVersion": group, "kind": "ValidatingAdmissionPolicy",
                "metadata": {"name": name},
                "spec": {
                    "matchConstraints": {"resourceRules": [{
                        "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"],
                        "resources": ["*"],
                    }]},
                    "validations": [{"expression": expression}],
                },
            }),
            binding: json!({
                "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": name},
                "spec": {"policyName": name, "validationActions": ["Deny"]},
            }),
            name,
        });
    }
    cases
}

/// The binding for objects with this value of the label.
fn bound_to(binding: &Value, value: &str) -> Value {
    let mut binding = binding.clone();
    binding["spec"]["matchResources"]["objectSelector"] = json!({"matchLabels": {LABEL: value}});
    binding
}

/// An object with the label.
fn labelled(tree: &Node, value: &str) -> Node {
    let mut tree = tree.clone();
    let metadata = tree
        .as_map_mut()
        .and_then(|map| map.get_mut("metadata"))
        .and_then(Node::as_map_mut)
        .unwrap();
    let mut labels = metadata
        .get("labels")
        .and_then(Node::as_map)
        .cloned()
        .unwrap_or_default();
    labels.insert(LABEL, Span::NONE, Node::string(value, Span::NONE));
    metadata.insert("labels", Span::NONE, Node::map(labels, Span::NONE));
    tree
}

/// A message as reports have it: on one line, without the full stop.
fn plain(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    line.strip_suffix('.').unwrap_or(&line).to_owned()
}

/// Makes the server know a policy; `Err` is why it refuses it.
fn create(cluster: &Cluster, case: &Case) -> Result<(), String> {
    for object in [&case.policy, &bound_to(&case.binding, &case.name)] {
        let collection = cluster.api.collection(object).unwrap();
        let (status, answer) = cluster.api.json("POST", &collection, object);
        if status != 201 {
            return Err(answer["message"].to_string());
        }
    }
    Ok(())
}

fn theirs(cluster: &Cluster, case: &Case, tree: &Node) -> Verdict {
    let object = json_of(&labelled(tree, &case.name));
    let collection = cluster.api.collection(&object).unwrap();
    let path = format!("{collection}?dryRun=All");
    let (status, answer) = cluster.api.json("POST", &path, &object);
    if status == 201 {
        return Verdict::LetIn;
    }
    let message = answer["message"].as_str().unwrap_or_default();
    let by_policy = message.split_once(&format!("ValidatingAdmissionPolicy '{}'", case.name));
    let Some((_, said)) = by_policy else {
        panic!("{} at {object}: {answer}", case.shown);
    };
    let said = said.split_once("denied request: ").map_or(said, |(_, s)| s);
    let fails = [
        "resulted in error: ",
        "failed to configure binding: ",
        "error: ",
        "cost",
    ];
    if fails.iter().any(|word| said.contains(word)) {
        return Verdict::Fails(said.to_owned());
    }
    Verdict::Refused(plain(said))
}

/// Our verdicts on every object, by its name in reports; `Err` is why we refuse the policy.
fn ours(case: &Case, snapshot: &Snapshot) -> Result<BTreeMap<String, Verdict>, String> {
    const FAILS: &str = "the policy refuses what its expression fails on: ";
    let manifests = [case.policy.clone(), bound_to(&case.binding, "all")];
    let manifests: Vec<Node> = manifests
        .iter()
        .flat_map(|manifest| trees(&manifest.to_string()))
        .collect();
    let (policies, problems) = Policies::read(&manifests);
    if let Some(problem) = problems.first() {
        return Err(problem.message.clone());
    }
    let config = Config {
        policies: Some(Arc::new(policies)),
        ..Config::default()
    };
    let outcome = check(snapshot, &config);
    let mut verdicts = BTreeMap::new();
    for finding in &outcome.findings {
        if !finding.rule.as_str().starts_with("policy:") {
            continue;
        }
        let verdict = match finding.message.strip_prefix(FAILS) {
            Some(why) => Verdict::Fails(why.to_owned()),
            None => Verdict::Refused(finding.message.to_string()),
        };
        verdicts.insert(finding.asset.to_string(), verdict);
    }
    let subject = format!("policy {}", case.name);
    for gap in &outcome.coverage.gaps {
        if gap.reason.contains("a cluster would refuse the policy") {
            return Err(gap.reason.clone());
        }
        if *gap.subject == *subject {
            // A gap names the first object and counts the others.
            verdicts.insert(String::new(), Verdict::Unknown(gap.reason.clone()));
        }
    }
    Ok(verdicts)
}

/// Whether a verdict may be left open: who asks and what somebody may do is not in files,
/// absent parameters may be in the cluster, and what a policy fails on without refusing it was
/// not judged. A policy that takes too many steps ends there.
fn may_be_unknown(case: &Case) -> bool {
    let text = case.policy["spec"].to_string();
    text.contains("authorizer")
        || text.contains("userInfo")
        || case.policy["spec"]["failurePolicy"] == "Ignore"
        || matches!(&*case.name, "parameter-missing" | "too-many-steps")
}

fn agree(ours: &Verdict, theirs: &Verdict) -> bool {
    match (ours, theirs) {
        // The server names the first demand that is not met, we name all.
        (Verdict::Refused(ours), Verdict::Refused(theirs)) => {
            ours == theirs || ours.starts_with(&format!("{theirs}; "))
        }
        (Verdict::Fails(_), Verdict::Fails(_)) | (Verdict::LetIn, Verdict::LetIn) => true,
        _ => false,
    }
}

#[test]
fn policies_decide_as_in_the_api_server() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    let environment = trees(&text("environment.yaml"));
    let objects = trees(&text("objects.yaml"));
    cluster
        .api
        .define(&objects.iter().map(json_of).collect::<Vec<_>>());
    let created = cluster
        .api
        .apply_all(environment.iter().map(json_of).collect());
    assert_eq!(created, Vec::<String>::new());
    let map = SourceMap::new();
    let mut builder = Builder::new();
    let mut names = Vec::new();
    for tree in &environment {
        let read = object::read(tree, ScopeId::PLAIN, &map, &mut Vec::new());
        builder.add(read.unwrap());
    }
    for tree in &objects {
        let tree = labelled(tree, "all");
        let read = object::read_keeping(&tree, ScopeId::PLAIN, &map, &mut Vec::new(), Keep::Trees)
            .unwrap();
        names.push(read.reference.to_string());
        builder.add(read);
    }
    let snapshot = builder.build();

    let cases = cases();
    let stored: Vec<Result<(), String>> = cases.iter().map(|case| create(&cluster, case)).collect();
    cluster.wait_for_policies();
    let mut differences = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (case, stored) in cases.iter().zip(stored) {
        let shown = &case.shown;
        let verdicts = match (stored, ours(case, &snapshot)) {
            (Err(_), Err(_)) => {
                *counts.entry("policies refused").or_default() += 1;
                continue;
            }
            (Err(why), Ok(_)) => {
                differences.push(format!("{shown}\n    the server refuses it: {why}\n"));
                continue;
            }
            (Ok(()), Err(why)) => {
                differences.push(format!("{shown}\n    we refuse it: {why}\n"));
                continue;
            }
            (Ok(()), Ok(verdicts)) => verdicts,
        };
        *counts.entry("policies stored").or_default() += 1;
        let unknown = verdicts.get("").filter(|_| may_be_unknown(case));
        if let (Some(Verdict::Unknown(why)), None) = (verdicts.get(""), unknown) {
            differences.push(format!("{shown}\n    we do not know: {why}\n"));
        }
        for (tree, name) in objects.iter().zip(&names) {
            let theirs = theirs(&cluster, case, tree);
            let ours = verdicts.get(name).unwrap_or(&Verdict::LetIn);
            let word = match (&theirs, agree(ours, &theirs)) {
                (_, false) if unknown.is_some() && *ours == Verdict::LetIn => "not known to files",
                (_, false) => {
                    differences.push(format!(
                        "{shown}\n  {name}\n    ours:   {ours:?}\n    theirs: {theirs:?}\n"
                    ));
                    continue;
                }
                (Verdict::LetIn, _) => "let in",
                (Verdict::Refused(_), _) => "refused",
                (_, _) => "failed",
            };
            *counts.entry(word).or_default() += 1;
        }
    }
    println!("{counts:?}, {} differences", differences.len());
    assert!(differences.is_empty(), "{}", differences.concat());
}
