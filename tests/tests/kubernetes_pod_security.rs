//! The API server's own Pod Security admission is the judge: generated pods, sent as a dry
//! run into namespaces of every level and many versions, must be let in exactly when
//! `seawall-admission` lets them in, and refused for the same checks.
//!
//! Skipped, with a line that says so, where there is no control plane. The long run asks as
//! the versions that one program can emulate:
//! `cargo test -p seawall-tests --test kubernetes_pod_security -- --ignored`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test helpers may fail loudly and say what they skip"
)]

use seawall_admission::pod_security::evaluate;
use seawall_model::fact::PodSecurityLevel;
use seawall_model::{FileId, KubernetesVersion, SourceMap};
use seawall_snapshot::{PodTemplate, ScopeId, object};
use seawall_tests::cluster::{Cluster, Options};
use seawall_yaml::Limits;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const LEVELS: [PodSecurityLevel; 2] = [PodSecurityLevel::Baseline, PodSecurityLevel::Restricted];

/// How the server's message begins for each check.
const SAID: [(&str, &str); 19] = [
    ("appArmorProfile", "forbidden AppArmor profile"),
    ("capabilities_baseline", "non-default capabilities"),
    ("hostNamespaces", "host namespaces ("),
    ("hostPathVolumes", "hostPath volumes"),
    ("hostPorts", "hostPort ("),
    ("hostProbesAndHostLifecycle", "probe or lifecycle host"),
    ("privileged", "privileged (c"),
    ("procMount", "procMount ("),
    ("seLinuxOptions", "seLinuxOptions ("),
    ("seccompProfile_baseline", "seccompProfile ("),
    ("sysctls", "forbidden sysctls"),
    ("windowsHostProcess", "hostProcess ("),
    (
        "allowPrivilegeEscalation",
        "allowPrivilegeEscalation != false",
    ),
    ("capabilities_restricted", "unrestricted capabilities"),
    ("procMount_restricted", "procMount ("),
    ("restrictedVolumes", "restricted volume types"),
    ("runAsNonRoot", "runAsNonRoot != true"),
    ("runAsUser", "runAsUser=0"),
    ("seccompProfile_restricted", "seccompProfile ("),
];

/// SplitMix64: the same pods in every run.
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

    /// True once in `n` times.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// Sets a key once in `n` times.
    fn maybe(&mut self, map: &mut Map<String, Value>, n: usize, key: &str, all: &[Value]) {
        if self.one_in(n) {
            map.insert(key.to_owned(), self.of(all));
        }
    }
}

fn seccomp(dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => json!({"type": "Unconfined"}),
        1 => json!({"type": "Localhost", "localhostProfile": "a.json"}),
        _ => json!({"type": "RuntimeDefault"}),
    }
}

/// What pods and containers can both set.
fn common(dice: &mut Dice, map: &mut Map<String, Value>) {
    if !dice.one_in(3) {
        map.insert("runAsNonRoot".into(), json!(!dice.one_in(5)));
    }
    dice.maybe(map, 4, "runAsUser", &[json!(0), json!(1000), json!(1)]);
    if dice.one_in(2) {
        map.insert("seccompProfile".into(), seccomp(dice));
    }
    if dice.one_in(6) {
        let mut options = Map::new();
        let types = [
            "",
            "container_t",
            "container_init_t",
            "container_kvm_t",
            "container_engine_t",
            "spc_t",
        ];
        dice.maybe(&mut options, 2, "type", &types.map(Value::from));
        dice.maybe(&mut options, 4, "user", &[json!(""), json!("system_u")]);
        dice.maybe(&mut options, 4, "role", &[json!(""), json!("object_r")]);
        dice.maybe(&mut options, 4, "level", &[json!("s0:c1")]);
        map.insert("seLinuxOptions".into(), options.into());
    }
    if dice.one_in(8) {
        let profile = match dice.below(3) {
            0 => json!({"type": "Unconfined"}),
            1 => json!({"type": "Localhost", "localhostProfile": "a"}),
            _ => json!({"type": "RuntimeDefault"}),
        };
        map.insert("appArmorProfile".into(), profile);
    }
}

fn capabilities(dice: &mut Dice) -> Value {
    let mut map = Map::new();
    if !dice.one_in(4) {
        let drop = [
            json!(["ALL"]),
            json!(["ALL"]),
            json!(["NET_RAW"]),
            json!(["all"]),
            json!([]),
        ];
        map.insert("drop".into(), dice.of(&drop));
    }
    if dice.one_in(3) {
        let names = [
            "NET_BIND_SERVICE",
            "NET_BIND_SERVICE",
            "CHOWN",
            "SYS_ADMIN",
            "ALL",
            "MKNOD",
            "NET_RAW",
            "SETFCAP",
            "CAP_CHOWN",
        ];
        let count = dice.below(3);
        let add: Vec<&str> = (0..count).map(|_| dice.of(&names)).collect();
        map.insert("add".into(), json!(add));
    }
    map.into()
}

fn container(dice: &mut Dice, name: &str, init: bool) -> Value {
    let mut security = Map::new();
    common(dice, &mut security);
    if dice.one_in(10) {
        security.insert("privileged".into(), json!(dice.one_in(2)));
    }
    if !dice.one_in(3) {
        security.insert("allowPrivilegeEscalation".into(), json!(dice.one_in(6)));
    }
    if !dice.one_in(3) {
        security.insert("capabilities".into(), capabilities(dice));
    }
    dice.maybe(
        &mut security,
        12,
        "procMount",
        &[json!("Default"), json!("Unmasked")],
    );
    let mut map = Map::new();
    map.insert("name".into(), json!(name));
    map.insert("image".into(), json!("registry.example/app:1"));
    if !dice.one_in(8) {
        map.insert("securityContext".into(), security.into());
    }
    if dice.one_in(8) {
        let port = dice.of(&[
            json!({"containerPort": 80}),
            json!({"containerPort": 80, "hostPort": 80}),
            json!({"containerPort": 80, "hostPort": 0}),
        ]);
        map.insert("ports".into(), json!([port]));
    }
    let host = dice.of(&[
        Value::Null,
        Value::Null,
        json!(""),
        json!("127.0.0.1"),
        json!("example.org"),
    ]);
    let action = |kind: &str| match (kind, &host) {
        ("tcpSocket", Value::Null) => json!({"tcpSocket": {"port": 80}}),
        ("tcpSocket", host) => json!({"tcpSocket": {"port": 80, "host": host}}),
        (_, Value::Null) => json!({"httpGet": {"port": 80}}),
        (_, host) => json!({"httpGet": {"port": 80, "host": host}}),
    };
    if !init && dice.one_in(6) {
        let probe = dice.of(&["livenessProbe", "readinessProbe", "startupProbe"]);
        map.insert(probe.into(), action(dice.of(&["httpGet", "tcpSocket"])));
    }
    if !init && dice.one_in(10) {
        let hook = dice.of(&["preStop", "postStart"]);
        map.insert("lifecycle".into(), json!({hook: action("httpGet")}));
    }
    if init && dice.one_in(3) {
        map.insert("restartPolicy".into(), json!("Always"));
    }
    map.into()
}

fn volume(dice: &mut Dice, name: &str) -> Value {
    let sources = [
        json!({"emptyDir": {}}),
        json!({"configMap": {"name": "a"}}),
        json!({"secret": {"secretName": "a"}}),
        json!({"downwardAPI": {"items": []}}),
        json!({"projected": {"sources": []}}),
        json!({"persistentVolumeClaim": {"claimName": "a"}}),
        json!({"csi": {"driver": "a.example"}}),
        json!({"image": {"reference": "registry.example/a:1"}}),
        json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}}),
        json!({"hostPath": {"path": "/var/log"}}),
        json!({"nfs": {"server": "a", "path": "/"}}),
        json!({"iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2020-01.example:a", "lun": 0}}),
        json!({"fc": {"targetWWNs": ["50060e801049cfd1"], "lun": 0}}),
        json!({"awsElasticBlockStore": {"volumeID": "a"}}),
        json!({}),
    ];
    let mut volume = dice.of(&sources);
    volume["name"] = json!(name);
    volume
}

fn pod(dice: &mut Dice) -> Value {
    let mut security = Map::new();
    common(dice, &mut security);
    if dice.one_in(8) {
        let names = [
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
            "net.ipv4.ip_local_reserved_ports",
            "net.ipv4.tcp_keepalive_time",
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_rmem",
            "net.ipv4.tcp_wmem",
            "net.ipv4.tcp_slow_start_after_idle",
            "net.ipv4.tcp_notsent_lowat",
            "net/ipv4/tcp_syncookies",
            "kernel.msgmax",
            "net.core.somaxconn",
        ];
        security.insert(
            "sysctls".into(),
            json!([{"name": dice.of(&names), "value": "1"}]),
        );
    }
    let mut spec = Map::new();
    for key in ["hostPID", "hostIPC", "hostNetwork"] {
        if dice.one_in(20) {
            spec.insert(key.into(), json!(dice.one_in(2)));
        }
    }
    if dice.one_in(5) {
        spec.insert("hostUsers".into(), json!(dice.one_in(3)));
    }
    let windows = dice.one_in(12);
    if windows {
        spec.insert("os".into(), json!({"name": "windows"}));
        security.retain(|key, _| key == "runAsNonRoot");
        if dice.one_in(3) {
            spec.insert("hostNetwork".into(), json!(true));
            security.insert("windowsOptions".into(), json!({"hostProcess": true}));
        }
    } else if dice.one_in(12) {
        spec.insert("os".into(), json!({"name": "linux"}));
    }
    let mut containers = vec![container(dice, "app", false)];
    if dice.one_in(3) {
        containers.push(container(dice, "side", false));
    }
    let mut inits = Vec::new();
    if dice.one_in(4) {
        inits.push(container(dice, "init", true));
    }
    if windows {
        for one in containers.iter_mut().chain(&mut inits) {
            if let Some(context) = one["securityContext"].as_object_mut() {
                context.retain(|key, _| key == "runAsNonRoot");
            }
        }
        spec.remove("hostUsers");
        spec.remove("hostPID");
        spec.remove("hostIPC");
    }
    spec.insert("containers".into(), containers.into());
    spec.insert("initContainers".into(), inits.into());
    if !dice.one_in(5) {
        spec.insert("securityContext".into(), security.into());
    }
    let volumes = match dice.below(4) {
        0 => vec![volume(dice, "a"), volume(dice, "b")],
        1 => vec![volume(dice, "a")],
        _ => Vec::new(),
    };
    spec.insert("volumes".into(), volumes.into());
    // No token volume of the server's own: it is a projected one, which all levels allow.
    spec.insert("automountServiceAccountToken".into(), json!(dice.one_in(2)));
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "annotations": {}},
        "spec": spec,
    });
    if dice.one_in(12) {
        let profiles = ["runtime/default", "localhost/a", "unconfined", ""];
        let key = "container.apparmor.security.beta.kubernetes.io/app";
        pod["metadata"]["annotations"][key] = json!(dice.of(&profiles));
    }
    pod
}

fn template(pod: &Value) -> PodTemplate {
    let text = pod.to_string();
    let map = SourceMap::new();
    let root = seawall_yaml::parse(&text, FileId::UNKNOWN, &Limits::default())
        .documents
        .remove(0)
        .root;
    let object = object::read(&root, ScopeId::PLAIN, &map, &mut Vec::new()).unwrap();
    object.templates()[0].clone()
}

/// What the checks of a verdict are called in the server's message.
fn ours(template: &PodTemplate, level: PodSecurityLevel, version: u16) -> BTreeSet<&'static str> {
    let found = evaluate(template, level, KubernetesVersion::new(version));
    let said = |check: &str| SAID.iter().find(|(id, _)| *id == check).unwrap().1;
    found
        .iter()
        .map(|violation| said(violation.check))
        .collect()
}

fn theirs(message: &str) -> BTreeSet<&'static str> {
    let heads = SAID.iter().map(|(_, head)| *head);
    heads.filter(|head| message.contains(head)).collect()
}

/// Asks about pods; returns how many verdicts were compared, and the differences.
fn compare(
    cluster: &Cluster,
    versions: &[(&str, u16)],
    seed: u64,
    pods: usize,
) -> (usize, Vec<String>) {
    for level in LEVELS {
        for (label, _) in versions {
            let name = format!("{}-{}", level.name(), label.replace('.', "-"));
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {
                    "pod-security.kubernetes.io/enforce": level.name(),
                    "pod-security.kubernetes.io/enforce-version": label,
                }},
            });
            assert_eq!(cluster.api.apply_all(vec![namespace]), Vec::<String>::new());
        }
    }
    let mut dice = Dice(seed);
    let (mut compared, mut refused, mut invalid) = (0, 0, 0);
    let mut differences = Vec::new();
    while compared < pods * versions.len() * LEVELS.len() {
        let pod = pod(&mut dice);
        let template = template(&pod);
        'versions: for level in LEVELS {
            for (label, version) in versions {
                let namespace = format!("{}-{}", level.name(), label.replace('.', "-"));
                let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
                let (status, answer) = cluster.api.json("POST", &path, &pod);
                let message = answer["message"].as_str().unwrap_or_default();
                let server = match status {
                    201 => BTreeSet::new(),
                    403 if message.contains("violates PodSecurity") => {
                        refused += 1;
                        theirs(message)
                    }
                    422 => {
                        invalid += 1;
                        assert!(invalid < 20 * (compared + 100), "{message}");
                        break 'versions;
                    }
                    _ => panic!("{status} {answer}\n{pod}"),
                };
                compared += 1;
                let seawall = ours(&template, level, *version);
                if server != seawall {
                    differences.push(format!(
                        "{} {label}: server {server:?}, seawall {seawall:?}\n{message}\n{pod}",
                        level.name()
                    ));
                }
            }
        }
    }
    println!("{compared} verdicts, {refused} of them refusals; {invalid} pods were none");
    (compared, differences)
}

const NOW: [(&str, u16); 5] = [
    ("v1.34", 34),
    ("v1.35", 35),
    ("v1.36", 36),
    ("v1.37", 37),
    ("latest", 37),
];

#[test]
fn the_api_server_decides_the_same() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    let (_, differences) = compare(&cluster, &NOW, 7, 120);
    let few = &differences[..differences.len().min(5)];
    assert!(
        few.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        few.join("\n\n")
    );
}

#[test]
#[ignore = "thousands of pods and four control planes, minutes"]
fn every_emulated_version_decides_the_same() {
    for (emulated, version) in [("1.34", 34), ("1.35", 35), ("1.36", 36), ("1.37", 37)] {
        let options = Options {
            emulated_version: Some(emulated),
            ..Options::default()
        };
        let Some(cluster) = Cluster::start(&options) else {
            return;
        };
        let old = [
            "v1.0", "v1.8", "v1.19", "v1.22", "v1.23", "v1.25", "v1.27", "v1.29", "v1.31", "v1.32",
        ];
        let old = old.map(|label| (label, label[3..].parse().unwrap()));
        let mut versions: Vec<(&str, u16)> = old.to_vec();
        versions.extend(NOW[..4].iter().filter(|(_, v)| *v <= version));
        versions.push(("latest", version));
        let (compared, differences) = compare(&cluster, &versions, u64::from(version), 200);
        println!("as {emulated}: {compared} verdicts");
        let few = &differences[..differences.len().min(5)];
        assert!(
            few.is_empty(),
            "as {emulated}, {} differences:\n{}",
            differences.len(),
            few.join("\n\n")
        );
    }
}
