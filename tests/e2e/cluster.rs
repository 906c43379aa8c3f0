//! The live cluster, as a user scans it: a real API server with `examples/harbor-shop`
//! applied, seen by somebody who may read everything, by somebody who may read little, and
//! by somebody whose kubeconfig is broken.

use crate::control_plane::{self, Cluster, base64};
use crate::support::{Dir, Ran};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A user with a kubeconfig.
struct User<'a> {
    dir: &'a Dir,
    kubeconfig: PathBuf,
}

impl User<'_> {
    fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.dir.command(args);
        command.env("KUBECONFIG", &self.kubeconfig);
        Ran::of(command.output().unwrap())
    }

    /// The JSON report of a scan by somebody.
    fn scan(&self, context: &str, more: &[&str]) -> Value {
        let mut args = vec!["scan", "cluster", "--context", context, "-o", "json"];
        args.extend(more);
        self.run(&args).exits(0).json()
    }
}

/// The findings of a report: their identity, and in words who, what and where.
fn findings(report: &Value) -> BTreeMap<String, String> {
    let list = report["findings"].as_array().unwrap();
    let found = list.iter().map(|finding| {
        let what = format!(
            "{} {} {} {} {}",
            finding["severity"].as_str().unwrap(),
            finding["rule"].as_str().unwrap(),
            finding["asset"]["namespace"].as_str().unwrap_or("-"),
            finding["asset"]["name"].as_str().unwrap_or("-"),
            finding["locus"]["path"].as_str().unwrap()
        );
        (finding["id"].as_str().unwrap().to_owned(), what)
    });
    found.collect()
}

/// What is not the same in both.
fn differences(a: &Value, b: &Value) -> Vec<String> {
    let (a, b) = (findings(a), findings(b));
    let only = |mark: &str, a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
        let left = a.iter().filter(|(id, what)| b.get(*id) != Some(what));
        left.map(|(_, what)| format!("{mark} {what}"))
            .collect::<Vec<_>>()
    };
    let mut all = only("-", &a, &b);
    all.extend(only("+", &b, &a));
    all.sort();
    all
}

fn reasons(report: &Value) -> Vec<&str> {
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    gaps.iter()
        .map(|gap| gap["reason"].as_str().unwrap())
        .collect()
}

/// The objects of the example: its charts and overlays rendered.
fn example(dir: &Dir) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/harbor-shop");
    let rendered = dir.run(&["render", root.to_str().unwrap(), "-o", "json"]);
    let objects = rendered.out.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["object"].clone()
    });
    // Configuration files of a control plane are objects of no cluster.
    objects
        .filter(|object| object["metadata"]["name"].is_string())
        .collect()
}

#[test]
fn the_live_cluster() {
    let Some(cluster) = Cluster::start(&control_plane::Options::default()) else {
        return;
    };
    let dir = Dir::new("cluster");
    let user = User {
        dir: &dir,
        kubeconfig: cluster.kubeconfig(),
    };
    let objects = example(&dir);
    cluster.api.define(&objects);
    assert_eq!(cluster.api.apply_all(objects.clone()), Vec::<String>::new());

    let live = the_same_as_from_files(&user, &objects);
    a_dump_is_the_same(&user, &live);
    less_is_read_for_fewer_checks(&user, &cluster);
    rights(&user, &cluster, &live);
    plug_ins_and_proxies(&user, &cluster);
    broken_kubeconfigs(&user, &cluster);
    findings_come_and_go(&user, &cluster);
    nothing_was_written(&cluster);
}

fn the_same_as_from_files(user: &User<'_>, objects: &[Value]) -> Value {
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    user.dir.write("files/all.json", lines.join("\n"));
    let files = user.run(&["scan", "files", "-o", "json"]).exits(0).json();
    let live = user.scan("admin", &[]);
    assert_eq!(reasons(&live), Vec::<&str>::new());
    assert_eq!(live["kubernetesVersion"], "v1.37");
    // The cluster's own namespaces are in no file.
    assert_eq!(
        differences(&files, &live),
        [
            "+ info N01 - kube-node-lease metadata/labels/pod-security.kubernetes.io~1enforce",
            "+ info N01 - kube-public metadata/labels/pod-security.kubernetes.io~1enforce",
            "+ info N01 - kube-system metadata/labels/pod-security.kubernetes.io~1enforce",
            "+ medium N01 - default metadata/labels/pod-security.kubernetes.io~1enforce",
        ]
    );
    assert!(findings(&live).len() > 150, "{}", findings(&live).len());
    // What is claimed can be checked: which object, as it was when.
    let first = &live["findings"][0]["locus"]["location"];
    let place = first["file"].as_str().unwrap();
    assert!(
        place.starts_with("cluster admin: ") && place.contains("(resourceVersion "),
        "{place}"
    );
    assert_eq!(first["source"], "cluster");
    user.run(&["scan", "cluster", "--context", "admin"])
        .exits(0)
        .says("(resourceVersion ")
        .says("100 % looked at");
    live
}

fn a_dump_is_the_same(user: &User<'_>, live: &Value) {
    let dump = ["dump", "cluster", "--context", "admin", "-o", "picture"];
    user.run(&dump).exits(0).says("seawall scan picture");
    let scan = [
        "scan",
        "picture",
        "--kubernetes-version",
        "1.37",
        "-o",
        "json",
    ];
    let dumped = user.run(&scan).exits(0).json();
    assert_eq!(differences(live, &dumped), Vec::<String>::new());
    assert_eq!(dumped["coverage"]["missed"], live["coverage"]["missed"]);
    let mut texts = String::new();
    for entry in walk(&user.dir.path().join("picture")) {
        texts += &std::fs::read_to_string(entry).unwrap();
    }
    assert!(texts.contains("redacted-"), "no credential was replaced");
    for word in [
        "managedFields",
        "last-applied-configuration",
        "\ndata: null",
    ] {
        assert!(!texts.contains(word), "{word}");
    }
    // What the example calls its credentials, and a Secret's values.
    for finding in live["findings"].as_array().unwrap() {
        if finding["rule"] == "W32" {
            assert!(!finding.to_string().contains("redacted-"));
        }
    }
    user.run(&dump).exits(2).says("is not empty");
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

fn less_is_read_for_fewer_checks(user: &User<'_>, cluster: &Cluster) {
    let before = cluster.audit().len();
    let report = user.scan("admin", &["--only", "N10"]);
    assert!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f["rule"] == "N10")
    );
    let listed: Vec<String> = cluster
        .audit()
        .iter()
        .skip(before)
        .filter_map(|event| event["objectRef"]["resource"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(listed, ["ingresses"]);
}

/// Somebody who may read nothing, then pods in one group, then what `seawall rbac` says.
fn rights(user: &User<'_>, cluster: &Cluster, live: &Value) {
    user.run(&["scan", "cluster", "--context", "restricted"])
        .exits(3)
        .says("nothing could be read")
        .says("seawall rbac");
    let bind = |role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
            },
            "subjects": [{"kind": "User", "name": "restricted"}],
        })
    };
    let little = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "little"},
        "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}],
    });
    let refused = cluster.api.apply_all(vec![little, bind("little")]);
    assert_eq!(refused, Vec::<String>::new());
    let report = user.scan("restricted", &[]);
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    let gap = |subject: &str| gaps.iter().find(|gap| gap["subject"] == subject);
    assert!(gap("apps/deployments").is_none());
    let pods = gap("pods").unwrap();
    assert_eq!(pods["kind"], "forbidden");
    assert_eq!(pods["units"], 1);
    assert!(
        pods["hint"]
            .as_str()
            .unwrap()
            .starts_with("needs list on pods")
    );
    assert!(gap("apps/statefulsets").is_some());
    assert!(gap("security.istio.io/authorizationpolicies").is_some());
    user.run(&[
        "scan",
        "cluster",
        "--context",
        "restricted",
        "--min-coverage",
        "100",
    ])
    .exits(3);

    let role = user.run(&["rbac"]).exits(0).out;
    let mut refused = cluster.api.apply(&role);
    refused.extend(cluster.api.apply_all(vec![bind("seawall-scan")]));
    assert_eq!(refused, Vec::<String>::new());
    let report = user.scan("restricted", &["--only", "containers,mesh,runtime,secrets"]);
    let missing: Vec<String> = differences(live, &report)
        .into_iter()
        // Custom resources: a policy of a mesh, and one that makes pods. The role does not
        // name their groups, and the gaps do.
        .filter(|line| !line.contains(" N07 ") && !line.contains(" platform warm-image-cache "))
        // The bindings that this test itself made since.
        .filter(|line| !line.contains("/subjects[User restricted]"))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    for reason in reasons(&report) {
        let custom = [".istio.io/", "ops.harborshop.example/", "no check needs"];
        assert!(custom.iter().any(|word| reason.contains(word)), "{reason}");
    }
    // One namespace, without rights outside of it.
    let inside = user.scan("admin", &["--namespace", "payments"]);
    for what in findings(&inside).values() {
        assert!(what.contains("payments"), "{what}");
    }
    assert!(findings(&inside).len() > 5);
}

fn broken_kubeconfigs(user: &User<'_>, cluster: &Cluster) {
    let scan = ["scan", "cluster"];
    let good = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let with = |name: &str, text: &str| {
        user.dir.write(name, text);
        User {
            dir: user.dir,
            kubeconfig: user.dir.path().join(name),
        }
    };
    let certificates = &cluster.certificates;
    let other_ca = good.replace(&base64(&certificates.ca), &base64(&certificates.other_ca));
    let expired = good
        .replace(
            &base64(&certificates.admin.0),
            &base64(&certificates.expired.0),
        )
        .replace(
            &base64(&certificates.admin.1),
            &base64(&certificates.expired.1),
        )
        .replace("current-context: full", "current-context: admin");
    let closed = good.replace(&cluster.port.to_string(), "1");
    let plugin = good.replace("token: full-token", "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plug-in, interactiveMode: Never}");
    for (name, text, code, says) in [
        (
            "other-ca",
            &*other_ca,
            3,
            "not signed by the certificate authority",
        ),
        ("expired", &*expired, 3, "(401)"),
        ("closed", &*closed, 3, "Connection refused"),
        ("plugin", &*plugin, 2, "no-such-plug-in"),
        ("yaml", "clusters: [", 2, "the kubeconfig cannot be used"),
        ("empty", "", 2, "no current context"),
        ("text", "hello", 2, "the kubeconfig cannot be used"),
    ] {
        let ran = with(name, text).run(&scan).exits(code).says(says);
        assert!(ran.err.contains("hint: "), "{name}: {}", ran.err);
        assert!(ran.out.is_empty(), "{name}: {}", ran.out);
    }
    user.run(&["scan", "cluster", "--context", "prod"])
        .exits(2)
        .says("no context `prod`")
        .says("admin, full, restricted, stranger");
    user.run(&["scan", "cluster", "--context", "stranger"])
        .exits(3)
        .says("(401)");
    user.run(&["scan", "cluster", "--namespace", "nowhere"])
        .exits(2)
        .says("no namespace `nowhere`");
    let nobody = User {
        dir: user.dir,
        kubeconfig: user.dir.path().join("not-there"),
    };
    nobody
        .run(&scan)
        .exits(2)
        .says("cannot read the kubeconfig");
}

/// The other ways to a cluster: a program that gives a token, a proxy on the way.
fn plug_ins_and_proxies(user: &User<'_>, cluster: &Cluster) {
    let good = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let scan = |name: &str, text: &str| {
        user.dir.write(name, text);
        let user = User {
            dir: user.dir,
            kubeconfig: user.dir.path().join(name),
        };
        user.scan("full", &["--only", "W01"])
    };
    let direct = scan("direct", &good);
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": "full-token"},
    });
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "echo", "args": [credential.to_string()],
    });
    let plugin = good.replace("token: full-token", &format!("exec: {exec}"));
    assert_eq!(differences(&direct, &scan("plug-in", &plugin)), [""; 0]);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("proxy-url: http://{}", listener.local_addr().unwrap());
    let passed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&passed);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || pass_on(client));
        }
    });
    let server = format!("server: https://127.0.0.1:{}", cluster.port);
    let proxied = good.replace(&server, &format!("{server}\n    {proxy}"));
    assert_ne!(proxied, good);
    assert_eq!(differences(&direct, &scan("proxy", &proxied)), [""; 0]);
    assert!(passed.load(Ordering::Relaxed) > 0);
}

/// What a proxy does with `CONNECT host:port`.
fn pass_on(mut client: TcpStream) {
    let mut head = BufReader::new(client.try_clone().unwrap());
    let mut target = String::new();
    head.read_line(&mut target).unwrap();
    let mut line = String::new();
    while head.read_line(&mut line).is_ok() && line.trim() != "" {
        line.clear();
    }
    let address = target.split(' ').nth(1).unwrap_or_default();
    let mut server = TcpStream::connect(address).unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    let _ = std::io::copy(&mut server, &mut client);
}

/// `seawall watch` while a Deployment is made, mended and removed.
fn findings_come_and_go(user: &User<'_>, cluster: &Cluster) {
    let mut child = user
        .dir
        .command(&["watch", "cluster", "--context", "admin", "--only", "W01"])
        .env("KUBECONFIG", &user.kubeconfig)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    assert!(line().starts_with("watching admin: "));
    let deployment = |privileged: bool| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "pump", "namespace": "default"},
            "spec": {
                "selector": {"matchLabels": {"app": "pump"}},
                "template": {
                    "metadata": {"labels": {"app": "pump"}},
                    "spec": {"containers": [{
                        "name": "app", "image": "registry.example/pump:1",
                        "securityContext": {"privileged": privileged},
                    }]},
                },
            },
        })
    };
    for (privileged, says) in [(true, "+ "), (false, "- "), (true, "+ ")] {
        let refused = cluster.api.apply_all(vec![deployment(privileged)]);
        assert_eq!(refused, Vec::<String>::new());
        let line = line();
        assert!(
            line.starts_with(&format!("{says}CRITICAL W01 Deployment default/pump")),
            "{line}"
        );
    }
    let path = "/apis/apps/v1/namespaces/default/deployments/pump";
    assert_eq!(cluster.api.json("DELETE", path, &Value::Null).0, 200);
    assert!(line().starts_with("- CRITICAL W01 Deployment default/pump"));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The audit log has every request of the two who scanned.
fn nothing_was_written(cluster: &Cluster) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for event in cluster.audit() {
        let name = event["user"]["username"].as_str().unwrap_or_default();
        if matches!(name, "admin" | "restricted") {
            let verb = event["verb"].as_str().unwrap().to_owned();
            *seen.entry(verb).or_default() += 1;
        }
    }
    let allowed = ["get", "list", "watch"];
    assert!(
        seen.keys().all(|verb| allowed.contains(&verb.as_str())),
        "{seen:?}"
    );
    assert!(seen["list"] > 200, "{seen:?}");
}

#[test]
fn an_older_cluster_says_so() {
    let options = control_plane::Options {
        emulated_version: Some("1.34"),
        ..control_plane::Options::default()
    };
    let Some(cluster) = Cluster::start(&options) else {
        return;
    };
    let dir = Dir::new("older-cluster");
    let user = User {
        dir: &dir,
        kubeconfig: cluster.kubeconfig(),
    };
    assert_eq!(user.scan("full", &[])["kubernetesVersion"], "v1.34");
    let chosen = user.scan("full", &["--kubernetes-version", "1.36"]);
    assert_eq!(chosen["kubernetesVersion"], "v1.36");
}
