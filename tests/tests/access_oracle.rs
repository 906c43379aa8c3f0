//! Who may do what, against the real API server: generated roles and bindings, and every
//! verdict of its authorizer equals ours; generated writes of roles and bindings, and its
//! guard against escalation decides as ours.
//!
//! All sets live in one cluster, each with names and subjects of its own. Nothing fills
//! aggregated roles there, so the test does, naively.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)] // tests assert

use seawall_access::guard::{Actor, BindingDraft, Guard, RoleDraft, Write};
use seawall_access::impersonation::Wanted;
use seawall_access::{Access, Request, ResourceRequest, Role};
use seawall_model::access::Identity;
use seawall_model::{FileId, KubernetesVersion, SourceMap, Str};
use seawall_snapshot::{Builder, ScopeId, Snapshot, object};
use seawall_tests::cluster::{Cluster, Options};
use seawall_yaml::{Limits, parse};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const GROUP: &str = "rbac.authorization.k8s.io";
const NAMESPACES: usize = 12;

/// SplitMix64: the same clusters in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// A few of them, at least one.
    fn some(&mut self, all: &[&str]) -> Vec<String> {
        let count = 1 + self.below(2);
        (0..count).map(|_| self.of(all).to_owned()).collect()
    }
}

const VERBS: &[&str] = &[
    "get",
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "*",
    "impersonate",
    "bind",
    "escalate",
    "use",
    "GET",
    "get*",
    "",
];
const GROUPS: &[&str] = &[
    "",
    "",
    "apps",
    "batch",
    GROUP,
    "example.com",
    "*",
    "*.k8s.io",
];
const RESOURCES: &[&str] = &[
    "pods",
    "pods",
    "pods/exec",
    "pods/*",
    "*/exec",
    "*/scale",
    "*/*",
    "*",
    "*/",
    "secrets",
    "deployments",
    "deployments/scale",
    "nodes",
    "nodes/proxy",
    "namespaces",
    "namespaces/status",
    "serviceaccounts/token",
    "widgets",
    "roles",
    "clusterroles",
    "/exec",
    "pods/exec/deep",
    "PODS",
];
const NAMES: &[&str] = &["a", "b", "*", "a*", "A", "a.b", "ü", "a b", "n0", "n1"];
const URLS: &[&str] = &[
    "/metrics",
    "/metrics/*",
    "/m*",
    "*",
    "/healthz",
    "/logs/**",
    "/*",
    "/api",
    "/a*b",
    "metrics",
];
const ASKED_RESOURCES: &[&str] = &[
    "pods",
    "secrets",
    "deployments",
    "nodes",
    "namespaces",
    "serviceaccounts",
    "widgets",
    "roles",
    "clusterroles",
    "PODS",
    "*",
];
const ASKED_SUBRESOURCES: &[&str] = &[
    "",
    "",
    "",
    "exec",
    "scale",
    "proxy",
    "token",
    "*",
    "exec/deep",
];
const ASKED_PATHS: &[&str] = &[
    "/metrics",
    "/metrics/",
    "/metrics/a",
    "/m",
    "/healthz",
    "/logs/",
    "/logs/x",
    "/",
    "/api",
    "/api/v1",
    "metrics",
    "/a*b",
    "/axb",
    "*",
    "",
];

fn rule(dice: &mut Dice, is_cluster: bool) -> Value {
    if is_cluster && dice.one_in(5) {
        return json!({"verbs": dice.some(VERBS), "nonResourceURLs": dice.some(URLS)});
    }
    let mut rule = json!({
        "verbs": dice.some(VERBS),
        "apiGroups": dice.some(GROUPS),
        "resources": dice.some(RESOURCES),
    });
    if dice.one_in(3) {
        rule["resourceNames"] = json!(dice.some(NAMES));
    }
    rule
}

fn rules(dice: &mut Dice, is_cluster: bool) -> Vec<Value> {
    let count = dice.below(4);
    (0..count).map(|_| rule(dice, is_cluster)).collect()
}

/// One small cluster: its objects, and who is in it.
struct Set {
    objects: Vec<Value>,
    people: Vec<(String, Vec<String>)>,
    namespaces: [String; 2],
}

fn object_of(kind: &str, name: &str, namespace: Option<&str>) -> Value {
    let mut object = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": name},
    });
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

fn subject(dice: &mut Dice, set: usize, namespaces: &[String; 2]) -> Value {
    let n = dice.below(3);
    let namespace = &namespaces[dice.below(2)];
    match dice.below(8) {
        0 => {
            json!({"kind": "ServiceAccount", "name": format!("sa{set}-{n}"), "namespace": namespace})
        }
        1 => json!({"kind": "ServiceAccount", "name": format!("sa{set}-{n}")}),
        2 => {
            json!({"kind": "User", "name": format!("system:serviceaccount:{namespace}:sa{set}-{n}")})
        }
        3 => json!({"kind": "Group", "name": format!("g{set} {n}")}),
        4 => json!({"kind": "User", "name": format!("g{set} {n}")}),
        5 => json!({"kind": "Group", "name": format!("system:serviceaccounts:{namespace}:x{set}")}),
        6 => json!({"kind": "User", "name": format!("ü/{set}:{n}*"), "apiGroup": GROUP}),
        _ => json!({"kind": "User", "name": format!("u{set}-{n}")}),
    }
}

fn set(dice: &mut Dice, set: usize) -> Set {
    let namespaces = [0, 1].map(|_| format!("n{}", dice.below(NAMESPACES)));
    let mut objects = Vec::new();
    let mut cluster_roles = vec![
        "view".to_owned(),
        "system:discovery".to_owned(),
        format!("s{set}-none"),
    ];
    let mut roles = vec![format!("s{set}-none")];
    for n in 0..=dice.below(4) {
        let name = format!("s{set}:c{n}");
        let mut role = object_of("ClusterRole", &name, None);
        role["metadata"]["labels"] = json!({"set": set.to_string(), "n": n.to_string()});
        if dice.one_in(4) {
            let selector = if dice.one_in(2) {
                json!({"matchLabels": {"set": set.to_string(), "n": dice.below(4).to_string()}})
            } else {
                json!({"matchExpressions": [
                    {"key": "set", "operator": "In", "values": [set.to_string()]},
                    {"key": "n", "operator": "NotIn", "values": [dice.below(4).to_string()]},
                ]})
            };
            role["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
        } else {
            role["rules"] = json!(rules(dice, true));
        }
        objects.push(role);
        cluster_roles.push(name);
    }
    for n in 0..=dice.below(3) {
        let name = format!("s{set}:r{n}");
        let mut role = object_of("Role", &name, Some(&namespaces[dice.below(2)]));
        role["rules"] = json!(rules(dice, false));
        objects.push(role);
        roles.push(name);
    }
    for n in 0..=dice.below(5) {
        let is_cluster = dice.one_in(3);
        let (kind, namespace) = if is_cluster {
            ("ClusterRoleBinding", None)
        } else {
            ("RoleBinding", Some(&*namespaces[dice.below(2)]))
        };
        let mut binding = object_of(kind, &format!("s{set}:b{n}"), namespace);
        let of_cluster = is_cluster || dice.one_in(2);
        let (kind, known) = if of_cluster {
            ("ClusterRole", &cluster_roles)
        } else {
            ("Role", &roles)
        };
        let name = &known[dice.below(known.len())];
        binding["roleRef"] = json!({"apiGroup": GROUP, "kind": kind, "name": name});
        let count = dice.below(4);
        let subjects: Vec<Value> = (0..count)
            .map(|_| subject(dice, set, &namespaces))
            .collect();
        binding["subjects"] = json!(subjects);
        objects.push(binding);
    }
    let mut people = Vec::new();
    for n in 0..3 {
        let groups = if dice.one_in(2) {
            vec![format!("g{set} {n}")]
        } else {
            Vec::new()
        };
        for name in [
            format!("u{set}-{n}"),
            format!("ü/{set}:{n}*"),
            format!("g{set} {n}"),
        ] {
            people.push((name, groups.clone()));
        }
        for namespace in &namespaces {
            let name = format!("system:serviceaccount:{namespace}:sa{set}-{n}");
            let group = format!("system:serviceaccounts:{namespace}");
            people.push((
                name,
                vec![group, format!("system:serviceaccounts:{namespace}:x{set}")],
            ));
        }
    }
    Set {
        objects,
        people,
        namespaces,
    }
}

/// Somebody with a request: mostly one that a binding of the set may give them.
fn question(dice: &mut Dice, set: &Set) -> (String, Vec<String>, Request) {
    let bindings: Vec<&Value> = set
        .objects
        .iter()
        .filter(|object| object["subjects"][0].is_object())
        .collect();
    let other = set.people[dice.below(set.people.len())].clone();
    if bindings.is_empty() || dice.one_in(8) {
        let (user, groups) = other;
        return (user, groups, request(dice, set, &json!({}), None));
    }
    let binding = bindings[dice.below(bindings.len())];
    let namespace = binding["metadata"]["namespace"].as_str();
    let is_bound = |object: &&Value| {
        object["metadata"]["name"] == binding["roleRef"]["name"]
            && object["kind"] == binding["roleRef"]["kind"]
    };
    let rules = set.objects.iter().find(is_bound).map(|role| &role["rules"]);
    let rules = rules
        .and_then(Value::as_array)
        .filter(|rules| !rules.is_empty());
    let rule = rules.map_or_else(|| json!({}), |rules| rules[dice.below(rules.len())].clone());
    let subjects = binding["subjects"].as_array().unwrap();
    let (user, groups) = if dice.one_in(10) {
        other
    } else {
        person(&subjects[dice.below(subjects.len())], namespace, other.0)
    };
    (user, groups, request(dice, set, &rule, namespace))
}

/// Somebody whom a subject means.
fn person(subject: &Value, namespace: Option<&str>, other: String) -> (String, Vec<String>) {
    let name = subject["name"].as_str().unwrap().to_owned();
    match subject["kind"].as_str().unwrap() {
        "Group" => (other, vec![name]),
        "ServiceAccount" => {
            let namespace = subject["namespace"].as_str().or(namespace).unwrap_or("n0");
            let groups = vec![format!("system:serviceaccounts:{namespace}")];
            (format!("system:serviceaccount:{namespace}:{name}"), groups)
        }
        _ => (name, Vec::new()),
    }
}

/// A request that a rule speaks of, but for some of its words.
fn request(dice: &mut Dice, set: &Set, rule: &Value, bound: Option<&str>) -> Request {
    let mut word = |key: &str, others: &[&str]| {
        let list = rule[key].as_array().filter(|list| !list.is_empty());
        match list {
            Some(list) if !dice.one_in(9) => {
                list[dice.below(list.len())].as_str().unwrap().to_owned()
            }
            _ => dice.of(others).to_owned(),
        }
    };
    let verb = word("verbs", &["get", "list", "create", "escalate", "use", "*"]);
    let verb = if verb == "*" { "get".to_owned() } else { verb };
    if rule["nonResourceURLs"].is_array() {
        let path = word("nonResourceURLs", ASKED_PATHS);
        return Request::Path {
            verb: verb.into(),
            path: path.into(),
        };
    }
    let group = word("apiGroups", &["", "apps", "example.com", "*"]);
    let full = word("resources", ASKED_RESOURCES);
    let (resource, subresource) = match full.split_once('/') {
        Some((resource, subresource)) => (resource.to_owned(), subresource.to_owned()),
        None => (full, String::new()),
    };
    let name = word("resourceNames", &["", "", "a", "b", "*", "A", "ü"]);
    let resource = if resource == "*" {
        dice.of(ASKED_RESOURCES).to_owned()
    } else {
        resource
    };
    let subresource = if dice.one_in(6) {
        dice.of(ASKED_SUBRESOURCES).to_owned()
    } else {
        subresource
    };
    let namespace = match dice.below(6) {
        0 => String::new(),
        1 => format!("n{}", dice.below(NAMESPACES)),
        2 => set.namespaces[dice.below(2)].clone(),
        _ => bound.unwrap_or(&set.namespaces[0]).to_owned(),
    };
    Request::Resource(ResourceRequest {
        verb: verb.into(),
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.into(),
        name: name.into(),
    })
}

fn review(user: &str, groups: &[String], request: &Request) -> Value {
    let mut spec = json!({"user": user, "groups": groups});
    match request {
        Request::Resource(of) => {
            spec["resourceAttributes"] = json!({
                "verb": &*of.verb, "group": &*of.group, "resource": &*of.resource,
                "subresource": &*of.subresource, "namespace": &*of.namespace, "name": &*of.name,
            });
        }
        Request::Path { verb, path } => {
            spec["nonResourceAttributes"] = json!({"verb": &**verb, "path": &**path});
        }
    }
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
}

/// What the server says; `None` when it refuses the question.
fn theirs(cluster: &Cluster, user: &str, groups: &[String], request: &Request) -> Option<bool> {
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let (status, answer) = cluster
        .api
        .json("POST", path, &review(user, groups, request));
    (status == 201).then(|| answer["status"]["allowed"] == true)
}

fn ours(access: &Access, user: &str, groups: &[String], request: &Request) -> bool {
    let groups: Vec<Str> = groups.iter().map(|group| Str::from(&**group)).collect();
    access
        .allows(&Identity::of_user(user), &groups, request)
        .is_some()
}

fn snapshot(objects: &[Value]) -> Snapshot {
    let (map, mut gaps, mut builder) = (SourceMap::new(), Vec::new(), Builder::new());
    for object in objects {
        let text = object.to_string();
        let root = parse(&text, FileId::UNKNOWN, &Limits::default())
            .documents
            .remove(0)
            .root;
        builder.add(object::read(&root, ScopeId::PLAIN, &map, &mut gaps).unwrap());
    }
    builder.build()
}

/// Does what the controller of aggregated roles does, until nothing changes.
fn fill(cluster: &Cluster) {
    loop {
        let path = format!("/apis/{GROUP}/v1/clusterroles");
        let (_, list) = cluster.api.json("GET", &path, &Value::Null);
        let all = list["items"].as_array().unwrap();
        let mut changed = false;
        for role in all {
            let Some(selectors) = role["aggregationRule"]["clusterRoleSelectors"].as_array() else {
                continue;
            };
            let mut rules: Vec<Value> = Vec::new();
            for other in all {
                let is_it = other["metadata"]["name"] == role["metadata"]["name"];
                if is_it
                    || !selectors
                        .iter()
                        .any(|one| selects(one, &other["metadata"]["labels"]))
                {
                    continue;
                }
                for rule in other["rules"].as_array().into_iter().flatten() {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            }
            // In a circle the order never settles: what counts is what is there.
            let texts = |rules: &[Value]| -> BTreeSet<String> {
                rules.iter().map(Value::to_string).collect()
            };
            let before = role["rules"].as_array().cloned().unwrap_or_default();
            if texts(&before) != texts(&rules) {
                let mut role = role.clone();
                role["rules"] = json!(rules);
                let name = role["metadata"]["name"].as_str().unwrap();
                let (status, answer) = cluster.api.json("PUT", &format!("{path}/{name}"), &role);
                assert_eq!(status, 200, "{answer}");
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let one_of = |expression: &Value| {
        let value = &labels[expression["key"].as_str().unwrap()];
        let is_in = expression["values"].as_array().unwrap().contains(value);
        is_in == (expression["operator"] == "In")
    };
    equal.into_iter().all(|(key, value)| labels[key] == *value)
        && selector["matchExpressions"]
            .as_array()
            .into_iter()
            .flatten()
            .all(one_of)
}

/// Makes sure that the server's authorizer knows all that was applied: the last of each kind.
fn settle(cluster: &Cluster) {
    let canary = |kind: &str, namespace| object_of(kind, "zz-last", namespace);
    let mut objects = Vec::new();
    for (role, binding, namespace) in [
        ("ClusterRole", "ClusterRoleBinding", None),
        ("Role", "RoleBinding", Some("n0")),
    ] {
        let mut one = canary(role, namespace);
        one["rules"] = json!([{"verbs": ["zz"], "apiGroups": ["zz"], "resources": [role]}]);
        objects.push(one);
        let mut one = canary(binding, namespace);
        one["roleRef"] = json!({"apiGroup": GROUP, "kind": role, "name": "zz-last"});
        one["subjects"] = json!([{"kind": "User", "name": "zz"}]);
        objects.push(one);
    }
    assert_eq!(cluster.api.apply_all(objects), Vec::<String>::new());
    let start = Instant::now();
    for role in ["ClusterRole", "Role"] {
        let request = Request::Resource(ResourceRequest {
            verb: "zz".into(),
            group: "zz".into(),
            resource: role.into(),
            namespace: "n0".into(),
            ..ResourceRequest::default()
        });
        while theirs(cluster, "zz", &[], &request) != Some(true) {
            assert!(
                start.elapsed() < Duration::from_mins(1),
                "{role} is never known"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn namespaces() -> Vec<Value> {
    (0..NAMESPACES)
        .map(|n| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("n{n}")}}))
        .collect()
}

/// Puts generated sets into a cluster; returns them with what the server has of their objects.
fn populate(cluster: &Cluster, dice: &mut Dice, count: usize) -> (Vec<Set>, Vec<Value>) {
    assert_eq!(cluster.api.apply_all(namespaces()), Vec::<String>::new());
    let mut sets: Vec<Set> = (0..count).map(|n| set(dice, n)).collect();
    let mut taken = Vec::new();
    let mut refused = 0;
    for set in &mut sets {
        set.objects.retain(|object| {
            let is_taken = cluster.api.apply_all(vec![object.clone()]).is_empty();
            refused += usize::from(!is_taken);
            is_taken
        });
        taken.extend(set.objects.iter().cloned());
    }
    println!("{} objects of {count} sets, {refused} refused", taken.len());
    assert!(taken.len() > 5 * refused, "too much of it is invalid");
    fill(cluster);
    settle(cluster);
    (sets, taken)
}

#[test]
fn every_verdict_is_that_of_the_api_server() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    let mut dice = Dice(11);
    let (sets, objects) = populate(&cluster, &mut dice, 300);
    let access = Access::of(&snapshot(&objects), KubernetesVersion::NEWEST);
    let (mut asked, mut allowed, mut refused) = (0, 0, 0);
    let mut differences = Vec::new();
    for set in &sets {
        for _ in 0..16 {
            let (user, groups, request) = question(&mut dice, set);
            let Some(theirs) = theirs(&cluster, &user, &groups, &request) else {
                refused += 1;
                continue;
            };
            asked += 1;
            allowed += usize::from(theirs);
            if ours(&access, &user, &groups, &request) != theirs {
                differences.push(format!("server {theirs}: {user} {groups:?} {request:?}"));
            }
        }
    }
    println!("{asked} verdicts, {allowed} of them yes; {refused} questions were none");
    assert!(allowed * 20 > asked, "too few are allowed to learn from");
    let few = &differences[..differences.len().min(8)];
    assert!(
        few.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        few.join("\n")
    );
}

const FEW_VERBS: &[&str] = &["get", "list", "create", "*"];
const FEW_RESOURCES: &[&str] = &["pods", "pods/exec", "*/exec", "secrets", "*", "nodes"];

/// Rules of few words, so that one often covers another.
fn plain_rule(dice: &mut Dice, is_cluster: bool) -> Value {
    if is_cluster && dice.one_in(6) {
        let urls = ["/metrics", "/metrics/*", "/m*", "*"];
        return json!({"verbs": dice.some(FEW_VERBS), "nonResourceURLs": dice.some(&urls)});
    }
    let mut rule = json!({
        "verbs": dice.some(FEW_VERBS),
        "apiGroups": dice.some(&["", "", "apps", "*"]),
        "resources": dice.some(FEW_RESOURCES),
    });
    if dice.one_in(4) {
        rule["resourceNames"] = json!(dice.some(&["a", "b"]));
    }
    rule
}

/// A rule that is a part of another, or another.
fn part_of(dice: &mut Dice, rule: &Value, is_cluster: bool) -> Value {
    let is_path = rule["nonResourceURLs"].is_array();
    if dice.one_in(5) || (is_path && !is_cluster) {
        return plain_rule(dice, is_cluster);
    }
    let mut part = rule.clone();
    for key in ["verbs", "resources", "resourceNames", "nonResourceURLs"] {
        let Some(list) = part[key].as_array().cloned() else {
            continue;
        };
        let mut word = list[dice.below(list.len())].clone();
        if word == "*" && dice.one_in(2) {
            word = json!(match key {
                "verbs" => dice.of(&["get", "watch"]),
                "resources" => dice.of(&["pods/exec", "secrets", "*/exec"]),
                _ => "/metrics/a",
            });
        } else if word == "*/exec" && dice.one_in(2) {
            word = json!("jobs/exec");
        }
        part[key] = json!([word]);
    }
    if !is_path && part["resourceNames"].is_null() && dice.one_in(4) {
        part["resourceNames"] = json!(["a"]);
    }
    part
}

/// Somebody who may write roles and bindings, and has some other rights: their objects, and
/// the rules that they have.
fn writer(dice: &mut Dice, n: usize) -> (Vec<Value>, Vec<Value>) {
    let mut own: Vec<Value> = (0..=dice.below(3))
        .map(|_| plain_rule(dice, true))
        .collect();
    let what = [
        "roles",
        "clusterroles",
        "rolebindings",
        "clusterrolebindings",
    ];
    let mut writing =
        json!({"verbs": ["create", "patch"], "apiGroups": [GROUP], "resources": what});
    if dice.one_in(6) {
        writing["resources"] = json!(dice.some(&what));
    }
    own.push(writing);
    if dice.one_in(3) {
        let verbs = dice.some(&["escalate", "bind", "*"]);
        let kinds = dice.some(&["roles", "clusterroles", "*"]);
        let mut rule = json!({"verbs": verbs, "apiGroups": [GROUP], "resources": kinds});
        if dice.one_in(2) {
            rule["resourceNames"] = json!(["g:0", "g:1", "g:2", "view", "absent"]);
        }
        own.push(rule);
    }
    let namespace = if dice.one_in(2) { Some("n1") } else { None };
    let mut role = object_of("ClusterRole", &format!("w{n}"), None);
    role["rules"] = json!(own);
    let kind = if namespace.is_some() {
        "RoleBinding"
    } else {
        "ClusterRoleBinding"
    };
    let mut binding = object_of(kind, &format!("w{n}"), namespace);
    binding["roleRef"] = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": format!("w{n}")});
    binding["subjects"] = json!([{"kind": "User", "name": format!("w{n}")}]);
    (vec![role, binding], own)
}

/// Asks the server to write something as somebody, without doing it.
fn write_as(cluster: &Cluster, user: &str, how: Write, object: &Value) -> (bool, String) {
    let collection = cluster.api.collection(object).unwrap();
    let name = object["metadata"]["name"].as_str().unwrap();
    let (method, path, kind) = match how {
        Write::Create => ("POST", collection, "application/json"),
        Write::Update => (
            "PATCH",
            format!("{collection}/{name}"),
            "application/merge-patch+json",
        ),
    };
    let headers = [("content-type", kind), ("impersonate-user", user)];
    let path = format!("{path}?dryRun=All");
    let body = serde_json::to_vec(object).unwrap();
    let (status, text) = cluster.api.ask_with(method, &path, &headers, body);
    assert!(
        [200, 201, 403, 404].contains(&status),
        "{status} {text}\n{object}"
    );
    (status < 300, text)
}

/// Whether we say that they may write it.
fn may_write(access: &Access, user: &str, how: Write, object: &Value) -> bool {
    let identity = Identity::of_user(user);
    let groups = identity.groups();
    let who = Actor {
        identity: &identity,
        groups: &groups,
    };
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().map(Str::from);
    let name = Str::from(metadata["name"].as_str().unwrap());
    let guard = if object["roleRef"].is_object() {
        access.may_write_binding(
            who,
            how,
            &BindingDraft {
                namespace: namespace.as_ref(),
                name: &name,
                is_cluster_role: object["roleRef"]["kind"] == "ClusterRole",
                role: &object["roleRef"]["name"].as_str().unwrap().into(),
                scope: ScopeId::PLAIN,
            },
        )
    } else {
        // The rules as the engine reads them from an object.
        let alone = Access::of(
            &snapshot(std::slice::from_ref(object)),
            KubernetesVersion::NEWEST,
        );
        let is_it = |role: &&Role| !role.is_default;
        let rules = alone.roles().find(is_it).unwrap().rules.clone();
        access.may_write_role(
            who,
            how,
            &RoleDraft {
                namespace: namespace.as_ref(),
                name: &name,
                rules: &rules,
                aggregates: object["aggregationRule"].is_object() || &*name == "g:2",
            },
        )
    };
    assert!(!matches!(guard, Guard::TooMuch));
    guard.is_allowed()
}

/// Something that a writer tries to write.
fn attempt(dice: &mut Dice, own: &[Value], n: usize) -> (Write, Value) {
    let namespace = if dice.one_in(4) { "n2" } else { "n1" };
    let is_cluster = dice.one_in(3);
    if dice.one_in(3) {
        let (kind, namespace) = if is_cluster {
            ("ClusterRoleBinding", None)
        } else {
            ("RoleBinding", Some(namespace))
        };
        let mut binding = object_of(kind, &format!("new-{n}"), namespace);
        let is_role = !is_cluster && dice.one_in(3);
        let kind = if is_role { "Role" } else { "ClusterRole" };
        let names = [
            "g:0",
            "g:1",
            "g:2",
            "g:3",
            "view",
            "absent",
            &format!("w{n}"),
        ];
        let role = if is_role {
            dice.of(&["r:0", "r:1", "absent"])
        } else {
            dice.of(&names)
        };
        binding["roleRef"] = json!({"apiGroup": GROUP, "kind": kind, "name": role});
        binding["subjects"] = json!([{"kind": "User", "name": "friend"}]);
        return (Write::Create, binding);
    }
    // An update that changes nothing is always let through: it has a rule.
    let count = 1 + dice.below(2);
    let rules: Vec<Value> = (0..count)
        .map(|_| {
            let rule = &own[dice.below(own.len())];
            part_of(dice, rule, is_cluster)
        })
        .collect();
    let (how, mut role) = match (is_cluster, dice.one_in(3)) {
        (true, true) => {
            let name = dice.of(&["g:0", "g:1", "g:2", "g:3"]);
            (Write::Update, object_of("ClusterRole", name, None))
        }
        (false, true) => (
            Write::Update,
            object_of("Role", dice.of(&["r:0", "r:1"]), Some("n1")),
        ),
        (true, false) => (Write::Create, object_of("ClusterRole", "fresh", None)),
        (false, false) => (Write::Create, object_of("Role", "fresh", Some(namespace))),
    };
    role["rules"] = json!(rules);
    if is_cluster && how == Write::Create && dice.one_in(6) {
        role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]});
    }
    (how, role)
}

#[test]
fn nobody_gives_more_than_the_api_server_lets_them() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    let mut dice = Dice(5);
    assert_eq!(cluster.api.apply_all(namespaces()), Vec::<String>::new());
    let mut objects = Vec::new();
    for n in 0..4 {
        let mut role = object_of("ClusterRole", &format!("g:{n}"), None);
        if n == 2 {
            let selector = json!({"matchLabels": {"nobody": "has"}});
            role["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
        } else {
            role["rules"] = json!([plain_rule(&mut dice, true)]);
        }
        objects.push(role);
    }
    for n in 0..2 {
        let mut role = object_of("Role", &format!("r:{n}"), Some("n1"));
        role["rules"] = json!([plain_rule(&mut dice, false)]);
        objects.push(role);
    }
    let mut writers = Vec::new();
    for n in 0..120 {
        let (theirs, own) = writer(&mut dice, n);
        objects.extend(theirs);
        writers.push(own);
    }
    assert_eq!(cluster.api.apply_all(objects.clone()), Vec::<String>::new());
    fill(&cluster);
    settle(&cluster);
    let access = Access::of(&snapshot(&objects), KubernetesVersion::NEWEST);
    let (mut asked, mut written) = (0, 0);
    let mut differences = Vec::new();
    for (n, own) in writers.iter().enumerate() {
        for _ in 0..16 {
            let (how, object) = attempt(&mut dice, own, n);
            let user = format!("w{n}");
            let (theirs, why) = write_as(&cluster, &user, how, &object);
            asked += 1;
            written += usize::from(theirs);
            if may_write(&access, &user, how, &object) != theirs {
                differences.push(format!("server {theirs}: {how:?} {object}\n{own:?}\n{why}"));
            }
        }
    }
    println!("{asked} writes, {written} of them done");
    assert!(
        written * 8 > asked && written * 8 < asked * 7,
        "too one-sided"
    );
    let few = &differences[..differences.len().min(5)];
    assert!(
        few.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        few.join("\n")
    );
}

/// The objects that give a service account random rights to be somebody else.
fn actor(dice: &mut Dice, n: usize) -> Vec<Value> {
    let modes = [
        "impersonate:serviceaccount",
        "impersonate:user-info",
        "impersonate:arbitrary-node",
    ];
    let on = [
        "impersonate-on:serviceaccount:list",
        "impersonate-on:user-info:list",
        "impersonate-on:arbitrary-node:list",
        "impersonate-on:user-info:get",
    ];
    let mut rules = Vec::new();
    for _ in 0..=dice.below(4) {
        let is_old = dice.one_in(2);
        let verb = if is_old {
            "impersonate"
        } else {
            dice.of(&modes)
        };
        // Mostly the group that goes with the way, once in a while the other.
        let is_core = is_old ^ dice.one_in(8);
        let group = if is_core { "" } else { "authentication.k8s.io" };
        let kinds = [
            "users",
            "users",
            "groups",
            "serviceaccounts",
            "nodes",
            "uids",
            "userextras/example.com/a",
            "*",
        ];
        let mut rule =
            json!({"verbs": [verb], "apiGroups": [group], "resources": dice.some(&kinds)});
        if dice.one_in(3) {
            rule["resourceNames"] =
                json!(dice.some(&["ann", "bob", "devs", "web", "node-1", "system:node:node-1"]));
        }
        rules.push(rule);
    }
    if !dice.one_in(3) {
        rules.push(json!({"verbs": dice.some(&on), "apiGroups": [""], "resources": ["pods"]}));
    }
    let mut role = object_of("ClusterRole", &format!("i{n}"), None);
    role["rules"] = json!(rules);
    let mut binding = object_of("ClusterRoleBinding", &format!("i{n}"), None);
    binding["roleRef"] = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": format!("i{n}")});
    binding["subjects"] =
        json!([{"kind": "ServiceAccount", "name": format!("i{n}"), "namespace": "n1"}]);
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": format!("i{n}"), "namespace": "n1"},
    });
    vec![account, role, binding]
}

/// Whether accounts become others as the server lets them, in a version.
fn compare_impersonation(emulated: &'static str, version: u16) {
    let Some(cluster) = Cluster::start(&Options {
        emulated_version: Some(emulated),
        ..Options::default()
    }) else {
        return;
    };
    let mut dice = Dice(u64::from(version));
    assert_eq!(cluster.api.apply_all(namespaces()), Vec::<String>::new());
    // Everybody may list pods, so that only becoming somebody is in question.
    let mut all = object_of("ClusterRole", "all", None);
    all["rules"] = json!([{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]);
    let mut to_all = object_of("ClusterRoleBinding", "all", None);
    to_all["roleRef"] = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": "all"});
    to_all["subjects"] = json!([{"kind": "Group", "name": "system:authenticated"}]);
    let mut objects = vec![all, to_all];
    let count = 60;
    for n in 0..count {
        objects.extend(actor(&mut dice, n));
    }
    assert_eq!(cluster.api.apply_all(objects.clone()), Vec::<String>::new());
    settle(&cluster);
    let rbac: Vec<Value> = objects
        .into_iter()
        .filter(|o| o["apiVersion"] != "v1")
        .collect();
    let access = Access::of(&snapshot(&rbac), KubernetesVersion::new(version));
    let to_do = Request::Resource(ResourceRequest {
        verb: "list".into(),
        resource: "pods".into(),
        namespace: "n1".into(),
        ..ResourceRequest::default()
    });
    let (mut asked, mut done) = (0, 0);
    for n in 0..count {
        let path = format!("/api/v1/namespaces/n1/serviceaccounts/i{n}/token");
        let request =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let (status, answer) = cluster.api.json("POST", &path, &request);
        assert_eq!(status, 201, "{answer}");
        let api = cluster.with_token(answer["status"]["token"].as_str().unwrap());
        let identity = Identity::of_user(&format!("system:serviceaccount:n1:i{n}"));
        let groups = identity.groups();
        for _ in 0..8 {
            let users = [
                "ann",
                "bob",
                "system:serviceaccount:n1:web",
                "system:node:node-1",
            ];
            let user = dice.of(&users);
            let group = if dice.one_in(3) {
                dice.of(&["devs", "ops", "system:masters"])
            } else {
                ""
            };
            let uid = if dice.one_in(6) { "u-1" } else { "" };
            let extra = if dice.one_in(4) { "ann" } else { "" };
            let (header, key) = if dice.one_in(3) {
                ("impersonate-extra-a", "a")
            } else {
                ("impersonate-extra-example.com%2fa", "example.com/a")
            };
            let mut headers = vec![("impersonate-user", user)];
            for (name, value) in [
                ("impersonate-group", group),
                ("impersonate-uid", uid),
                (header, extra),
            ] {
                if !value.is_empty() {
                    headers.push((name, value));
                }
            }
            let list = |text: &str| {
                if text.is_empty() {
                    Vec::new()
                } else {
                    vec![Str::from(text)]
                }
            };
            let wanted = Wanted {
                user: user.into(),
                groups: list(group),
                uid: uid.into(),
                extra: list(extra)
                    .into_iter()
                    .map(|value| (key.into(), value))
                    .collect(),
            };
            let path = "/api/v1/namespaces/n1/pods";
            let (status, text) = api.ask_with("GET", path, &headers, Vec::new());
            assert!([200, 403].contains(&status), "{status} {text}");
            let who = Actor {
                identity: &identity,
                groups: &groups,
            };
            let ours = access.may_impersonate(who, None, &wanted, &to_do);
            asked += 1;
            done += usize::from(status == 200);
            assert_eq!(
                ours.is_some(),
                status == 200,
                "{emulated}: i{n} {headers:?} {text} {ours:?}"
            );
        }
    }
    println!("{emulated}: {asked} attempts, {done} of them let in");
    assert!(done * 20 > asked, "too few are let in");
}

#[test]
fn who_becomes_whom_is_as_the_api_server_decides() {
    compare_impersonation("1.35", 35);
    compare_impersonation("1.37", 37);
}
