//! `seawall fix` where there is a real API server: patches that it takes, and objects that it
//! takes after a fix as it did before.

use crate::control_plane::{Cluster, Options};
use crate::support::{Dir, Ran};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SHOP: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostPID: true
      containers:
      - name: app
        image: registry.example/web:1.2
        ports: [{containerPort: 80, hostPort: 80}]
        securityContext: {capabilities: {add: [SYS_ADMIN, NET_BIND_SERVICE]}}
      - name: proxy
        image: registry.example/proxy:1.2
        securityContext: {privileged: true}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: it-is-night, namespace: shop, labels: {app.kubernetes.io/managed-by: Helm}}
spec:
  schedule: 0 0 * * *
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: a, image: 'registry.example/a:1.2'}]
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop}
spec:
  containers: [{name: a, image: 'registry.example/a:1.2', securityContext: {privileged: true}}]
";

fn run(dir: &Dir, cluster: &Cluster, args: &[&str]) -> Ran {
    let mut command = dir.command(args);
    command.env("KUBECONFIG", cluster.kubeconfig());
    Ran::of(command.output().unwrap())
}

fn ids(dir: &Dir, cluster: &Cluster) -> BTreeSet<String> {
    let scan = ["scan", "cluster", "--context", "full", "-o", "json"];
    let report = run(dir, cluster, &scan).exits(0).json();
    let findings = report["findings"].as_array().unwrap();
    let ids = findings.iter().map(|finding| finding["id"].as_str());
    ids.map(|id| id.unwrap().to_owned()).collect()
}

/// A patch file of a directory: the operations that its lines are.
fn operations(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("- "));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_server_takes_the_patches_and_the_findings_go() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    let dir = Dir::new("fix-cluster");
    assert_eq!(cluster.api.apply(SHOP), Vec::<String>::new());
    // What a controller would have made of it.
    let deployment = cluster
        .api
        .json(
            "GET",
            "/apis/apps/v1/namespaces/shop/deployments/web",
            &Value::Null,
        )
        .1;
    let copy = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": "web-1", "namespace": "shop", "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
                "uid": deployment["metadata"]["uid"], "controller": true,
            }],
        },
        "spec": {
            "selector": deployment["spec"]["selector"],
            "template": deployment["spec"]["template"],
        },
    });
    assert_eq!(cluster.api.apply_all(vec![copy]), Vec::<String>::new());
    let before = ids(&dir, &cluster);
    let asked = cluster.audit().len();
    let fix = ["fix", "cluster", "--context", "full", "-v", "-o", "patches"];
    let ran = run(&dir, &cluster, &fix).exits(0);
    for event in cluster.audit().iter().skip(asked) {
        // The server renews its own lease meanwhile.
        if event["user"]["username"] == "system:apiserver" {
            continue;
        }
        let verb = event["verb"].as_str().unwrap();
        assert!(["get", "list"].contains(&verb), "{event}");
    }
    assert!(
        ran.err.contains("takes no such change of a Pod"),
        "{}",
        ran.err
    );
    let web = dir.read("patches/shop_deployment.apps_web.yaml");
    let line = "kubectl patch deployment.apps web -n shop --context full --type=json \
                --patch-file patches/shop_deployment.apps_web.yaml";
    assert!(ran.out.lines().any(|said| said == line), "{}", ran.out);
    assert!(web.contains(line), "{web}");
    let night = dir.read("patches/shop_cronjob.batch_it-is-night.yaml");
    assert!(night.contains("Helm manages it"), "{night}");

    // A dump of the same cluster gives the same patches, and stays what it is.
    let dump = ["dump", "cluster", "--context", "full", "-o", "dump"];
    run(&dir, &cluster, &dump).exits(0);
    let dumped = dir.read("dump/shop/Deployment.apps.yaml");
    run(&dir, &cluster, &["fix", "dump", "--write", "-o", "again"]).exits(0);
    let steps = |path: &str| operations(&dir.read(path));
    let again = steps("again/shop_deployment.apps_web.yaml");
    assert_eq!(again, operations(&web));
    assert_eq!(dir.read("dump/shop/Deployment.apps.yaml"), dumped);

    let mut sent = BTreeSet::new();
    for entry in std::fs::read_dir(dir.path().join("patches")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let path = match file
            .trim_end_matches(".yaml")
            .split('_')
            .collect::<Vec<_>>()[..]
        {
            ["namespace", name] => format!("/api/v1/namespaces/{name}"),
            [namespace, "deployment.apps", name] => {
                format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
            }
            [namespace, "cronjob.batch", name] => {
                format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}")
            }
            ref other => panic!("{other:?}"),
        };
        let body = serde_json::to_vec(&steps(&format!("patches/{file}"))).unwrap();
        let kind = "application/json-patch+json";
        let send = || cluster.api.ask("PATCH", &path, kind, body.clone());
        let (status, answer) = send();
        assert_eq!(status, 200, "{answer}");
        // The tests in it: sent twice, it speaks of what is no longer there.
        if file.contains("_web") {
            let (status, answer) = send();
            assert_eq!(status, 422, "{answer}");
        }
        sent.insert(file);
    }
    assert!(sent.len() > 2, "{sent:?}");
    // The rollout that a controller would make.
    let path = "/apis/apps/v1/namespaces/shop/replicasets/web-1";
    cluster.api.json("DELETE", path, &Value::Null);
    let after = ids(&dir, &cluster);
    let new: Vec<&String> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:?}");
    let claimed = ran.err.split_once(" findings can be fixed by ").unwrap().0;
    let claimed: usize = claimed.lines().last().unwrap().parse().unwrap();
    assert!(claimed > 5, "{claimed}");
    assert!(before.len() - after.len() >= claimed, "{}", ran.err);
    let ran = run(&dir, &cluster, &["fix", "cluster", "--context", "full"]).exits(0);
    assert_eq!(ran.out, "", "{}", ran.err);
    let ran = run(&dir, &cluster, &["fix", "cluster", "--write"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("a cluster is not changed"), "{}", ran.err);
}
