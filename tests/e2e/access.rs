//! Who can do what: `seawall who-can` and `seawall what-can` on a small shop.

use crate::support::Dir;

const SHOP: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules:
- apiGroups: ['']
  resources: [configmaps]
  verbs: [get]
- apiGroups: ['']
  resources: [secrets]
  resourceNames: [tls]
  verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects:
- {kind: Group, name: ops, apiGroup: rbac.authorization.k8s.io}
";

fn shop(name: &str) -> Dir {
    let dir = Dir::new(name);
    dir.write("rbac.yaml", SHOP);
    dir
}

#[test]
fn who_can_names_the_rule_the_binding_and_the_line() {
    let ran = shop("who-can")
        .run(&["who-can", "get", "secret", "-n", "shop"])
        .exits(0);
    let want = "\
WHO CAN get secrets in shop · 2 subjects

ServiceAccount shop/web
  in shop, only tls
    by RoleBinding shop/web · rbac.yaml:22:3
      /rules/1 of Role shop/reader · rbac.yaml:12:3

Group ops
  everywhere
    by ClusterRoleBinding ops · rbac.yaml:29:3
      /rules/0 of ClusterRole system:aggregate-to-edit, aggregated into
        ClusterRole edit · built in
";
    assert!(ran.out.starts_with(want), "{}", ran.out);
    assert!(
        ran.out
            .contains("In every cluster, too: Group system:masters"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("not in the input"), "{}", ran.out);
    assert!(
        ran.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        ran.out
    );
}

#[test]
fn a_word_behind_the_resource_is_a_name_or_something_to_read() {
    let dir = shop("who-can-name");
    let ran = dir
        .run(&[
            "who-can",
            "get",
            "secrets",
            "tls",
            "rbac.yaml",
            "-n",
            "shop",
        ])
        .exits(0);
    assert!(
        ran.out
            .starts_with("WHO CAN get secrets tls in shop · 2 subjects"),
        "{}",
        ran.out
    );
    let ran = dir
        .run(&["who-can", "get", "secrets", "other", "-n", "shop"])
        .exits(0);
    assert!(ran.out.contains("· 1 subject\n"), "{}", ran.out);
    let ran = dir
        .run(&["who-can", "get", "secrets", "rbac.yaml"])
        .exits(0);
    assert!(
        ran.out.starts_with("WHO CAN get secrets · 2 subjects"),
        "{}",
        ran.out
    );
    let ran = dir
        .run(&["who-can", "get", "secrets", "--name", "rbac.yaml"])
        .exits(0);
    assert!(
        ran.out
            .starts_with("WHO CAN get secrets rbac.yaml · 1 subject"),
        "{}",
        ran.out
    );
}

#[test]
fn resources_are_called_as_kubectl_calls_them() {
    let dir = shop("who-can-words");
    for (word, want) in [
        ("po/exec", "create pods/exec"),
        ("deploy", "create deployments.apps"),
        ("deployments.apps", "create deployments.apps"),
        ("Deployment", "create deployments.apps"),
        ("widgets.example.com", "create widgets.example.com"),
        ("/metrics", "create /metrics"),
    ] {
        let ran = dir.run(&["who-can", "create", word]).exits(0);
        assert!(
            ran.out.starts_with(&format!("WHO CAN {want} ·")),
            "{word}: {}",
            ran.out
        );
    }
    let ran = dir.run(&["who-can", "create", "podz"]).exits(2);
    assert!(ran.err.contains("did you mean `pods`?"), "{}", ran.err);
}

#[test]
fn nobody_is_never_said_of_what_was_not_seen() {
    let dir = Dir::new("who-can-missing");
    dir.write(
        "rbac.yaml",
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, \
         metadata: {name: b, namespace: shop}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: gone}, \
         subjects: [{kind: User, name: ann}]}",
    );
    let ran = dir.run(&["who-can", "get", "pods", "-n", "shop"]).exits(0);
    assert!(
        ran.out.contains("nobody that the input names"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("RoleBinding shop/b binds Role shop/gone"),
        "{}",
        ran.out
    );
    let ran = dir.run(&["what-can", "user:ann"]).exits(0);
    assert!(
        ran.out.contains("RoleBinding shop/b binds Role shop/gone"),
        "{}",
        ran.out
    );
}

#[test]
fn what_can_takes_all_spellings_of_a_service_account() {
    let dir = shop("what-can");
    for word in [
        "sa:shop/web",
        "ServiceAccount shop/web",
        "system:serviceaccount:shop:web",
        "user:system:serviceaccount:shop:web",
    ] {
        let ran = dir.run(&["what-can", word]).exits(0);
        let want = "\
WHAT CAN ServiceAccount shop/web DO · 2 rules
In the groups system:serviceaccounts, system:serviceaccounts:shop,
  system:authenticated.

in shop
    by RoleBinding shop/web · rbac.yaml:22:3
    get configmaps (core)
      /rules/0 of Role shop/reader · rbac.yaml:9:3
    get secrets (core), only tls
      /rules/1 of Role shop/reader · rbac.yaml:12:3
";
        assert!(ran.out.starts_with(want), "{word}: {}", ran.out);
    }
    let ran = dir.run(&["what-can", "group:ops"]).exits(0);
    assert!(
        ran.out.contains("impersonate serviceaccounts (core)"),
        "{}",
        ran.out
    );
    let ran = dir.run(&["what-can", "sa:web"]).exits(2);
    assert!(ran.err.contains("sa:NAMESPACE/NAME"), "{}", ran.err);
}

#[test]
fn programs_get_all_of_it() {
    let dir = shop("who-can-machine");
    let ran = dir
        .run(&["who-can", "get", "secrets", "-n", "shop", "-o", "json"])
        .exits(0);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["schema"], "seawall-who-can-v1");
    let grants = answer["grants"].as_array().unwrap();
    assert_eq!(grants[0]["subject"], "ServiceAccount shop/web");
    assert_eq!(grants[0]["names"][0], "tls");
    assert_eq!(grants[0]["ruleAt"], "rbac.yaml:12:3");
    assert!(grants.iter().any(|one| one["builtIn"] == true));
    assert!(!answer["gaps"].as_array().unwrap().is_empty());
    let ran = dir.run(&["what-can", "sa:shop/web", "-o", "json"]).exits(0);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["rights"][0]["verbs"][0], "get");
    let ran = dir
        .run(&["who-can", "get", "secrets", "-o", "csv"])
        .exits(0);
    assert!(
        ran.out.starts_with("subject,namespace,names,binding,"),
        "{}",
        ran.out
    );
    let ran = dir.run(&["what-can", "sa:shop/web", "-o", "csv"]).exits(0);
    assert!(ran.out.contains("get,,configmaps,"), "{}", ran.out);
    let ran = dir
        .run(&["who-can", "get", "secrets", "-o", "sarif"])
        .exits(2);
    assert!(ran.err.contains("terminal, json or csv"), "{}", ran.err);
}

/// An event of an audit log.
fn event(user: &str, groups: &str, verb: &str, object: &str) -> String {
    format!(
        "{{\"kind\":\"Event\",\"stage\":\"ResponseComplete\",\"verb\":\"{verb}\",\
         \"user\":{{\"username\":\"{user}\",\"groups\":[{groups}]}},\"objectRef\":{object},\
         \"requestReceivedTimestamp\":\"2026-01-02T03:04:05Z\",\
         \"annotations\":{{\"authorization.k8s.io/decision\":\"allow\"}}}}\n"
    )
}

#[test]
fn a_review_tells_what_nobody_used_and_proposes_less() {
    let dir = shop("access-review");
    let web = "system:serviceaccount:shop:web";
    let map = r#"{"resource":"configmaps","namespace":"shop","name":"web","apiVersion":"v1"}"#;
    let log = [
        event(web, "\"system:authenticated\"", "get", map),
        event(web, "\"system:authenticated\"", "get", map),
        event(
            "eve",
            "",
            "get",
            r#"{"resource":"nodes","apiVersion":"v1"}"#,
        ),
        "no event\n".to_owned(),
    ];
    dir.write("audit.log", log.concat());
    let ran = dir
        .run(&["access", "review", "rbac.yaml", "--audit", "audit.log"])
        .exits(0);
    for want in [
        "ACCESS 2 bindings · 1 unused · 1 give more than was used",
        "Seen: 2 different requests in 3 events",
        "ClusterRoleBinding ops · unused",
        "dangerous: R01 ClusterRole edit gives Group ops being every service account",
        "RoleBinding shop/web · 1 request",
        "unused: get secrets",
        "ServiceAccount shop/web: 1 request stay allowed, tried",
        "User eve get nodes",
        "1 line of the log are no event, the first is 4",
    ] {
        let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(want), "{want}\n{}", ran.out);
    }
    assert!(
        ran.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        ran.out
    );
    let args = [
        "access",
        "review",
        "rbac.yaml",
        "--audit",
        "audit.log",
        "-o",
        "yaml",
    ];
    let ran = dir.run(&args).exits(0);
    dir.write("least/role.yaml", &ran.out);
    // What it proposes is a cluster of its own, where the account may do what it did.
    let ran = dir.run(&["what-can", "sa:shop/web", "least"]).exits(0);
    assert!(
        ran.out.contains("get configmaps (core), only web"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("secrets"), "{}", ran.out);
    let args = [
        "access",
        "review",
        "rbac.yaml",
        "--audit",
        "audit.log",
        "-o",
        "json",
    ];
    let answer: serde_json::Value = serde_json::from_str(&dir.run(&args).exits(0).out).unwrap();
    assert_eq!(answer["proposals"][0]["provedRequests"], 1);
    dir.write("empty.log", "\n");
    let ran = dir
        .run(&["access", "review", "--audit", "empty.log"])
        .exits(2);
    assert!(ran.err.contains("no event"), "{}", ran.err);
}
