//! `seawall fix`: what it changes, what it leaves alone, and that its changes hold.

use crate::control_plane::{Cluster, Options};
use crate::support::{Dir, Ran};
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

const POD: &str = "\
# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      hostPID: yes  # once needed
      containers:
      - name: app   # the program
        image: registry.example.com/shop@sha256:0123456789012345678901234567890123456789012345678901234567890123
        resources:
          limits: {memory: 1Gi, cpu: 1}
";

/// Runs git; `None` where there is none.
fn git(dir: &Dir, args: &[&str]) -> Option<bool> {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "core.autocrlf=false",
    ]);
    let output = command.args(args).current_dir(dir.path()).output().ok()?;
    Some(output.status.success())
}

/// A committed repository, or nothing and a word about it.
fn repository(name: &str, files: &[(&str, &str)]) -> Option<Dir> {
    let dir = Dir::new(name);
    for (path, text) in files {
        dir.write(path, text);
    }
    let made = git(&dir, &["init", "-q"])
        .and_then(|_| git(&dir, &["add", "-A"]))
        .and_then(|_| git(&dir, &["commit", "-qm", "as it was"]));
    if made != Some(true) {
        println!("skipped: no git");
        return None;
    }
    Some(dir)
}

fn findings(dir: &Dir, path: &str) -> Vec<Value> {
    let ran = dir.run(&["scan", path, "-q", "-o", "json=out.json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut report: Value = serde_json::from_str(&dir.read("out.json")).unwrap();
    fs::remove_file(dir.path().join("out.json")).unwrap();
    match report["findings"].take() {
        Value::Array(findings) => findings,
        other => panic!("no list: {other}"),
    }
}

fn ids(dir: &Dir, path: &str) -> Vec<String> {
    let findings = findings(dir, path);
    let ids = findings.iter().map(|finding| finding["id"].as_str());
    ids.map(|id| id.unwrap().to_owned()).collect()
}

/// What is there that was not. What a values key was the cause of has another identity where
/// it is left in one place.
fn new(before: &[Value], after: &[Value]) -> Vec<String> {
    let ids: HashSet<&str> = before.iter().filter_map(|f| f["id"].as_str()).collect();
    let things = |finding: &Value| -> Vec<String> {
        let affected = finding["affected"].as_array().unwrap();
        let things = affected.iter();
        things
            .map(|thing| format!("{} {thing}", finding["rule"]))
            .collect()
    };
    let known: HashSet<String> = before.iter().flat_map(things).collect();
    after
        .iter()
        .filter(|finding| !ids.contains(finding["id"].as_str().unwrap()))
        .flat_map(things)
        .filter(|thing| !known.contains(thing))
        .collect()
}

/// Whether a run had nothing to fix.
fn is_idle(ran: &Ran) -> bool {
    ran.err.lines().any(|line| line == "nothing to change")
}

fn fixed(dir: &Dir, args: &[&str]) -> Ran {
    let ran = dir.run(&[&["fix"], args].concat());
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    ran
}

#[test]
fn the_diff_is_one_that_git_applies_and_that_is_all() {
    let Some(dir) = repository("fix-diff", &[("pod.yaml", POD)]) else {
        return;
    };
    let ran = fixed(&dir, &["pod.yaml"]);
    assert_eq!(dir.read("pod.yaml"), POD, "a diff changes nothing");
    dir.write("fix.diff", &ran.out);
    assert_eq!(git(&dir, &["apply", "fix.diff"]), Some(true), "{}", ran.out);
    let want = "\
# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        seccompProfile:
          type: RuntimeDefault
      containers:
      - name: app   # the program
        image: registry.example.com/shop@sha256:0123456789012345678901234567890123456789012345678901234567890123
        resources:
          limits: {memory: 1Gi, cpu: 1}
        securityContext:
          allowPrivilegeEscalation: false
          capabilities:
            drop:
            - ALL
          readOnlyRootFilesystem: true
";
    assert_eq!(dir.read("pod.yaml"), want);
    let ran = fixed(&dir, &["pod.yaml"]);
    assert_eq!(ran.out, "", "nothing is left to change");
}

#[test]
fn writing_twice_is_writing_once_and_nothing_new_comes() {
    let Some(dir) = repository("fix-write", &[("pod.yaml", POD), ("other.txt", "x")]) else {
        return;
    };
    let before = ids(&dir, ".");
    let ran = fixed(&dir, &["--write"]);
    assert!(ran.err.contains("fixed in 1 file"), "{}", ran.err);
    assert!(
        ran.err.contains("W27") && ran.err.contains("--safe"),
        "{}",
        ran.err
    );
    let text = dir.read("pod.yaml");
    let after = ids(&dir, ".");
    assert!(after.len() < before.len());
    assert!(
        after.iter().all(|id| before.contains(id)),
        "something new came"
    );
    let ran = fixed(&dir, &["--write", "--force"]);
    assert!(is_idle(&ran), "{}", ran.err);
    assert_eq!(dir.read("pod.yaml"), text);
    assert_eq!(dir.read("other.txt"), "x");
}

#[test]
fn a_file_that_git_does_not_know_as_it_is_is_left_alone() {
    let Some(dir) = repository("fix-dirty", &[("pod.yaml", POD)]) else {
        return;
    };
    let dirty = format!("{POD}# mine\n");
    dir.write("pod.yaml", &dirty);
    let ran = dir.run(&["fix", "pod.yaml", "--write"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("git has not committed it"), "{}", ran.err);
    assert_eq!(dir.read("pod.yaml"), dirty);
    fixed(&dir, &["pod.yaml", "--write", "--force"]);
    assert!(dir.read("pod.yaml").ends_with("# mine\n"));
    assert!(dir.read("pod.yaml").contains("runAsNonRoot: true"));
}

#[test]
fn safe_leaves_out_what_could_stop_a_workload() {
    let dir = Dir::new("fix-safe");
    dir.write("pod.yaml", POD);
    let ran = fixed(&dir, &["pod.yaml", "--safe", "--write"]);
    assert!(ran.err.contains("left out by --safe"), "{}", ran.err);
    let text = dir.read("pod.yaml");
    assert!(text.contains("automountServiceAccountToken: false"));
    assert!(text.contains("hostPID: true  # once needed"), "{text}");
    assert!(!text.contains("runAsNonRoot"));
}

#[test]
fn windows_lines_flow_style_and_json_stay_what_they_are() {
    let dir = Dir::new("fix-styles");
    dir.write("crlf.yaml", POD.replace('\n', "\r\n"));
    dir.write(
        "flow.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: flow, namespace: shop}, spec: {containers: [{name: a, image: 'x:1.2', securityContext: {privileged: true}}]}}\n",
    );
    dir.write(
        "pod.json",
        "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"Pod\",\n    \"metadata\": {\n        \"name\": \"json\",\n        \"namespace\": \"shop\"\n    },\n    \"spec\": {\n        \"containers\": [\n            {\n                \"name\": \"a\",\n                \"image\": \"x:1.2\"\n            }\n        ]\n    }\n}",
    );
    fixed(&dir, &[".", "--write"]);
    let crlf = dir.read("crlf.yaml");
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
    assert!(
        crlf.contains("    spec:\r\n      automountServiceAccountToken: false\r\n"),
        "{crlf}"
    );
    let flow = dir.read("flow.yaml");
    assert_eq!(flow.lines().count(), 1);
    assert!(
        flow.contains("securityContext: {privileged: false, "),
        "{flow}"
    );
    let json = dir.read("pod.json");
    assert!(
        serde_json::from_str::<serde_json::Value>(&json).is_ok(),
        "{json}"
    );
    assert!(!json.ends_with('\n'));
    assert!(json.contains("                \"securityContext\": {\n                    \"allowPrivilegeEscalation\": false,\n"), "{json}");
}

#[test]
fn shared_generated_and_read_only_text_is_refused_with_its_reason() {
    let dir = Dir::new("fix-refused");
    let shared = "\
apiVersion: v1
kind: Pod
metadata: {name: shared, namespace: shop}
spec:
  automountServiceAccountToken: false
  containers:
  - name: a
    image: x:1.2
    securityContext: &context
      privileged: true
  - name: b
    image: x:1.2
    securityContext: *context
";
    dir.write("shared.yaml", shared);
    dir.write(
        "made.yaml",
        format!("# Code generated by a tool. DO NOT EDIT.\n{POD}"),
    );
    let ran = fixed(&dir, &[".", "--write", "-v"]);
    assert!(
        ran.err.contains("alias `*context`") || ran.err.contains("anchor"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("it is generated"), "{}", ran.err);
    assert_eq!(dir.read("shared.yaml"), shared);
    assert!(dir.read("made.yaml").contains("hostPID: yes"));

    let closed = Dir::new("fix-read-only");
    closed.write("pod.yaml", POD);
    let path = closed.path().join("pod.yaml");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let ran = fixed(&closed, &["pod.yaml", "--write", "-v"]);
    assert!(ran.err.contains("the file is read-only"), "{}", ran.err);
    assert_eq!(closed.read("pod.yaml"), POD);
}

const CHART: [(&str, &str); 3] = [
    ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
    ("c/values.yaml", "# for all\nprivileged: true  # why?\n"),
    (
        "c/templates/api.yaml",
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-api
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      automountServiceAccountToken: true
      containers:
        - name: {{ .Chart.Name }}
          image: x:1.2
          securityContext:
            privileged: {{ .Values.privileged }}
",
    ),
];

#[test]
fn a_chart_is_changed_in_its_values_and_on_its_lines() {
    let dir = Dir::new("fix-chart");
    for (path, text) in CHART {
        dir.write(path, text);
    }
    fixed(&dir, &["c", "--write"]);
    let template = dir.read("c/templates/api.yaml");
    assert_eq!(
        dir.read("c/values.yaml"),
        "# for all\nprivileged: false  # why?\n",
        "{template}"
    );
    assert!(
        template.contains("      automountServiceAccountToken: false\n"),
        "{template}"
    );
    assert!(
        template.contains("privileged: {{ .Values.privileged }}"),
        "{template}"
    );
    let ran = fixed(&dir, &["c"]);
    assert_eq!(ran.out, "", "{}", ran.err);
}

#[test]
fn an_overlay_is_changed_where_its_text_stands() {
    let dir = Dir::new("fix-overlay");
    dir.write("base/kustomization.yaml", "resources: [pod.yaml]\n");
    dir.write("base/pod.yaml", POD);
    dir.write(
        "prod/kustomization.yaml",
        "namePrefix: p-\nresources: [../base]\npatches: [{path: debug.yaml}]\n",
    );
    dir.write(
        "prod/debug.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: shop}\nspec:\n  template:\n    spec:\n      hostNetwork: true # debug\n",
    );
    fixed(&dir, &[".", "--write"]);
    assert!(dir.read("base/pod.yaml").contains("runAsNonRoot: true"));
    assert!(
        !dir.read("prod/debug.yaml").contains("hostNetwork"),
        "{}",
        dir.read("prod/debug.yaml")
    );
}

#[test]
fn what_only_a_person_knows_is_asked() {
    let dir = Dir::new("fix-interactive");
    let text = POD.replace(
        "        resources:\n          limits: {memory: 1Gi, cpu: 1}\n",
        "",
    );
    dir.write("pod.yaml", &text);
    let ran = fixed(&dir, &["pod.yaml", "--only", "W39"]);
    assert!(
        ran.err.contains("1 finding need your decision") || ran.err.contains("decision"),
        "{}",
        ran.err
    );
    assert_eq!(ran.out, "");
    let ran = dir.run_with(
        &["fix", "pod.yaml", "--only", "W39", "--interactive"],
        b"much\n256Mi 100m\ny\n",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("this is no answer"), "{}", ran.err);
    let text = dir.read("pod.yaml");
    assert!(
        text.contains("        resources:\n          limits:\n            memory: 256Mi\n          requests:\n            cpu: 100m\n"),
        "{text}"
    );
    // Without an answer nothing is changed.
    dir.write("pod.yaml", POD);
    let ran = dir.run_with(&["fix", "pod.yaml", "--interactive"], b"");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(dir.read("pod.yaml"), POD);
}

#[test]
fn standard_input_gets_patches() {
    let dir = Dir::new("fix-stdin");
    let ran = dir.run_with(&["fix", "-"], POD.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let line = ran.out.lines().find(|line| !line.starts_with('#')).unwrap();
    assert!(
        line.starts_with("kubectl patch deployment.apps shop -n shop --type=json -p '["),
        "{line}"
    );
    assert!(
        line.contains("{\"op\":\"remove\",\"path\":\"/spec/template/spec/hostPID\"}"),
        "{line}"
    );
}

#[test]
fn one_finding_can_be_named() {
    let dir = Dir::new("fix-one");
    dir.write("pod.yaml", POD);
    let all = ids(&dir, ".");
    let ran = dir.run(&["fix", "pod.yaml", "--finding", "ffffffff"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let ran = dir.run(&["fix", "pod.yaml", "--finding", &all[0][..12]]);
    assert!(ran.code == 0 || ran.code == 1, "{}", ran.err);
    let ran = dir.run(&["fix", "pod.yaml", "--rev", "HEAD"]);
    assert_eq!(ran.code, 2);
}

/// An agent of the nodes, as two applications of a repository have it under one name.
fn agent(version: &str, pod: &str) -> String {
    format!(
        "\
apiVersion: {version}
kind: DaemonSet
metadata: {{name: agent, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}}}
    spec:
{pod}      containers:
      - name: app
        image: registry.example.com/agent:1.2
        ports: [{{containerPort: 4140, hostPort: 4140}}]
      - name: helper
        image: registry.example.com/helper:1.2
        securityContext: {{privileged: true}}
"
    )
}

#[test]
fn twins_are_told_apart_and_one_run_is_enough() {
    let dir = Dir::new("fix-twins");
    dir.write("a/agent.yaml", agent("apps/v1", ""));
    // Its host port is only seen when it has an address of its own.
    dir.write(
        "b/agent.yaml",
        agent("apps/v1", "      hostNetwork: true\n"),
    );
    dir.write("c/agent.yaml", agent("extensions/v1beta1", ""));
    let before: HashSet<String> = ids(&dir, ".").into_iter().collect();
    let ran = fixed(&dir, &[".", "--write"]);
    for file in ["a/agent.yaml", "b/agent.yaml", "c/agent.yaml"] {
        let text = dir.read(file);
        assert!(text.contains("apiVersion: apps/v1"), "{text}");
        assert!(!text.contains("host"), "{text}\n{}", ran.err);
        assert_eq!(text.matches("ALL").count(), 2, "{text}\n{}", ran.err);
    }
    assert!(
        ran.err.contains("more that those had hidden"),
        "{}",
        ran.err
    );
    // By their very ids: what became of an old API group is the same object.
    let after: HashSet<String> = ids(&dir, ".").into_iter().collect();
    assert!(after.is_subset(&before), "{:?}", after.difference(&before));
    assert!(is_idle(&fixed(&dir, &[".", "--write"])));
}

#[test]
fn what_a_change_uncovers_is_as_safe_as_the_user_wants_it() {
    let dir = Dir::new("fix-safe-companions");
    dir.write("agent.yaml", agent("extensions/v1beta1", ""));
    fixed(&dir, &["agent.yaml", "--safe", "--write"]);
    let text = dir.read("agent.yaml");
    assert!(text.contains("apiVersion: apps/v1"), "{text}");
    assert!(
        text.contains("privileged: true") && text.contains("hostPort"),
        "{text}"
    );
    assert!(
        !text.contains("drop") && !text.contains("runAsNonRoot"),
        "{text}"
    );
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            if entry.file_name() != ".git" {
                copied(&entry.path(), &target);
            }
        } else if kind.is_file() {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Every folder of real manifests beside the repository; of those that take minutes, parts that
/// have everything that is hard in them.
const REAL: [&str; 19] = [
    "admiral-samples",
    "argo-cd-manifests",
    "argo-helm",
    "booksapp",
    "cilium-connectivity-manifests",
    "consul-k8s-examples",
    "deathstarbench",
    "emojivoto",
    "gateway-api-examples",
    "ingress-nginx-chart",
    "istio-samples",
    "kubeflow-manifests/applications/katib",
    "kubeflow-manifests/applications/model-registry",
    "kubeflow-manifests/common/oauth2-proxy",
    "kubernetes-goat",
    "linkerd-examples/k8s-daemonset",
    "linkerd-examples/thanos-demo",
    "online-boutique",
    "sock-shop",
];

/// What is fixed is gone, nothing is there that was not, and the API server takes the objects as
/// it did before.
#[test]
fn what_is_fixed_is_fixed_for_good() {
    let cluster = Cluster::start(&Options::default());
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let real = home.join("../shared/data/manifests");
    let real = REAL.iter().map(|folder| (real.clone(), *folder));
    let mut left: Vec<_> = real.collect();
    left.push((home.join("examples"), "harbor-shop"));
    let left = Mutex::new(left);
    let taken = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().pop();
                    let Some((data, folder)) = next else { break };
                    if data.join(folder).is_dir() {
                        *taken.lock().unwrap() += is_fixed(&data, folder, cluster.as_ref());
                    } else {
                        println!("skipped: no {folder} beside the repository");
                    }
                }
            });
        }
    });
    let taken = taken.into_inner().unwrap();
    assert!(cluster.is_none() || taken > 20, "{taken}");
}

fn is_fixed(data: &Path, folder: &str, cluster: Option<&Cluster>) -> usize {
    let dir = Dir::new(&format!("fix-{}", folder.replace('/', "-")));
    copied(&data.join(folder), &dir.path().join(folder));
    let before = findings(&dir, folder);
    let objects = rendered(&dir, folder);
    let ran = fixed(&dir, &[folder, "--write", "--force"]);
    let after = findings(&dir, folder);
    let same = after.len() == before.len();
    assert_eq!(is_idle(&ran), same, "{folder}: {}", ran.err);
    let new = new(&before, &after);
    assert_eq!(new, Vec::<String>::new(), "{folder}: {}", ran.err);
    let again = fixed(&dir, &[folder, "--write", "--force"]);
    assert!(is_idle(&again), "{folder}: {}", again.err);
    let Some(cluster) = cluster else { return 0 };
    let changed = objects.into_iter().zip(rendered(&dir, folder));
    let changed = changed.filter(|(old, new)| old != new);
    let mut runs = DryRuns::default();
    for (mut old, mut new) in changed {
        runs.look(cluster, &mut old, &mut new);
    }
    println!(
        "{folder}: {} changed objects taken, {} of kinds that are not served, {} refused before",
        runs.good, runs.unknown, runs.refused
    );
    runs.good
}

fn rendered(dir: &Dir, folder: &str) -> Vec<Value> {
    let ran = dir.run(&["render", folder, "-o", "json"]);
    let lines = ran.out.lines();
    lines
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["object"].take())
        .collect()
}

/// What became of changed objects.
#[derive(Default)]
struct DryRuns {
    good: usize,
    unknown: usize,
    refused: usize,
}

impl DryRuns {
    fn look(&mut self, cluster: &Cluster, old: &mut Value, new: &mut Value) {
        let dry_run = |object: &mut Value| {
            // There is no other namespace, and what runs in it does not matter here.
            if object["metadata"]["namespace"].is_string() {
                object["metadata"]["namespace"] = Value::from("default");
            }
            if object["metadata"]["name"]
                .as_str()
                .is_none_or(str::is_empty)
            {
                return None;
            }
            let path = cluster.api.path(object).ok()?;
            let path = format!("{path}?dryRun=All&fieldManager=fix&force=true");
            let body = serde_json::to_vec(object).unwrap();
            let kind = "application/apply-patch+yaml";
            Some(cluster.api.ask("PATCH", &path, kind, body))
        };
        let is_good = |status: u16| (200..300).contains(&status);
        match (dry_run(old), dry_run(new)) {
            (_, None) => self.unknown += 1,
            (Some((status, _)), _) if !is_good(status) => self.refused += 1,
            // What was of no kind by its old version is of one now.
            (_, Some((status, answer))) => {
                assert!(is_good(status), "{answer}\n{new:#}");
                self.good += 1;
            }
        }
    }
}
