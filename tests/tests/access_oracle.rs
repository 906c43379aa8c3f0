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

use seawall_access::{Access, Request, ResourceRequest};
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
    for n in 0..1 + dice.below(4) {
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
    for n in 0..1 + dice.below(3) {
        let name = format!("s{set}:r{n}");
        let mut role = object_of("Role", &name, Some(&namespaces[dice.below(2)]));
        role["rules"] = json!(rules(dice, false));
        objects.push(role);
        roles.push(name);
    }
    for n in 0..1 + dice.below(5) {
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
                start.elapsed() < Duration::from_secs(60),
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
