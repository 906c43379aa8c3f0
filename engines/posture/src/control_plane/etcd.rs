//! K2.x: the cluster's etcd.

use super::program::{self, Found, Program};
use super::{Flags, Panel};
use crate::index::Index;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::Proof;
use seawall_snapshot::pod::{EnvSource, VolumeKind};
use seawall_snapshot::{Container, PodTemplate, Workload};

/// Whether an etcd is the cluster's own: applications have theirs, with other things in it.
pub(super) fn is_the_clusters(workload: &Workload, template: &PodTemplate) -> bool {
    let system = workload.owner.namespace.as_deref() == Some("kube-system");
    let labelled = template
        .labels
        .iter()
        .any(|(key, value)| &**key == "tier" && &**value == "control-plane");
    let data = template.volumes.iter().any(
        |volume| matches!(&volume.kind, VolumeKind::HostPath(path, _) if path.value.starts_with("/var/lib/etcd")),
    );
    labelled || data || (system && template.host_network.as_ref().is_some_and(|f| f.value))
}

/// etcd reads ETCD_CERT_FILE as --cert-file.
const VARIABLES: [(&str, &str); 10] = [
    ("ETCD_CERT_FILE", "cert-file"),
    ("ETCD_KEY_FILE", "key-file"),
    ("ETCD_CLIENT_CERT_AUTH", "client-cert-auth"),
    ("ETCD_AUTO_TLS", "auto-tls"),
    ("ETCD_PEER_CERT_FILE", "peer-cert-file"),
    ("ETCD_PEER_KEY_FILE", "peer-key-file"),
    ("ETCD_PEER_CLIENT_CERT_AUTH", "peer-client-cert-auth"),
    ("ETCD_PEER_AUTO_TLS", "peer-auto-tls"),
    ("ETCD_TRUSTED_CA_FILE", "trusted-ca-file"),
    ("ETCD_CONFIG_FILE", "config-file"),
];

/// Adds what the container's environment sets.
fn with_environment<'a>(flags: &mut Flags<'a>, c: &'a Container) {
    for (index, variable) in c.env.iter().enumerate() {
        let Some((_, flag)) = VARIABLES.iter().find(|(name, _)| *name == &*variable.name) else {
            continue;
        };
        // A value from elsewhere is set, but nobody knows to what.
        let value = match &variable.source {
            EnvSource::Literal(field) => &*field.value,
            _ => "$(elsewhere)",
        };
        flags.add_default(flag, value, format!("/env/{index}"), variable.span);
    }
}

/// Judges etcd.
pub(super) fn check(
    index: &Index<'_>,
    workload: &Workload,
    c: &Container,
    p: &Panel<'_>,
    sink: &mut Sink,
) {
    let Found::Command(Program::Etcd, mut flags, _) = program::of(c) else {
        return;
    };
    with_environment(&mut flags, c);
    if flags.has("config-file") {
        return; // with a file etcd ignores its flags
    }
    let p = Panel {
        version: p.version,
        asset: p.asset,
        flags,
        base: p.base.clone(),
        home: p.home,
        on_host_network: p.on_host_network,
    };
    let client = [Id::K2_1, Id::K2_2, Id::K2_3];
    side(
        &p,
        sink,
        client,
        "",
        "etcd serves its clients without TLS",
        "clients",
    );
    let peer = [Id::K2_4, Id::K2_5, Id::K2_6];
    side(
        &p,
        sink,
        peer,
        "peer-",
        "etcd talks to its peers without TLS",
        "peers",
    );
    shared_ca(index, workload, &p, sink);
}

/// TLS towards clients or peers: the same three questions.
fn side(
    p: &Panel<'_>,
    sink: &mut Sink,
    [tls, auth, auto]: [Id; 3],
    prefix: &str,
    message: &str,
    whom: &str,
) {
    let cert = format!("{prefix}cert-file");
    let key = format!("{prefix}key-file");
    let auto_flag = format!("{prefix}auto-tls");
    let by_itself = p.flags.truth(&auto_flag) == Some(true);
    sink.assess_all(&[tls, auto]);
    if by_itself {
        let text = format!("etcd makes its own certificates towards its {whom}");
        let fix = format!("Remove --{auto_flag} and set --{cert} and --{key}");
        sink.add(p.asset, Draft::new(auto, p.at(&auto_flag), text, fix));
    }
    let missing: Vec<String> = [&cert, &key]
        .into_iter()
        .filter(|flag| !p.flags.has(flag))
        .map(|flag| format!("--{flag}"))
        .collect();
    if let Some(first) = missing.first() {
        // Without TLS there is nothing to ask a certificate over.
        if !by_itself {
            let flag = first.trim_start_matches('-');
            let fix = format!("Set {}", list(&missing));
            sink.add(
                p.asset,
                Draft::new(tls, p.at(flag), message.to_owned(), fix),
            );
        }
        return;
    }
    let flag = format!("{prefix}client-cert-auth");
    if p.flags.is_unknown(&flag) {
        return;
    }
    sink.assess(auth, 1);
    if p.flags.truth(&flag) != Some(true) {
        let text = format!("etcd asks its {whom} for no certificate");
        let fix = format!("Set --{flag}=true and --{prefix}trusted-ca-file");
        let mut draft = Draft::new(auth, p.at(&flag), text, fix);
        if !p.flags.has(&flag) {
            draft = draft.evidence(
                format!("--{flag} is unset"),
                Proof::ApiDefault("client-cert-auth=false"),
            );
        }
        sink.add(p.asset, draft);
    }
}

/// K2.7 needs the API server next to it: the same file is the same CA.
fn shared_ca(index: &Index<'_>, workload: &Workload, p: &Panel<'_>, sink: &mut Sink) {
    let Some(ca) = p.flags.value("trusted-ca-file") else {
        return;
    };
    let Some(space) = index.at(workload.scope, workload.owner.namespace.as_deref()) else {
        return;
    };
    let mut servers = 0;
    for other in &space.workloads {
        for (_, template) in index.snapshot.templates(other) {
            for c in &template.containers {
                let Found::Command(Program::ApiServer, flags, _) = program::of(c) else {
                    continue;
                };
                let Some(client_ca) = flags.value("client-ca-file") else {
                    continue;
                };
                servers += 1;
                if client_ca != ca {
                    continue;
                }
                let message = "etcd trusts the CA that signs the cluster's clients".to_owned();
                let fix = "Give etcd a CA of its own in --trusted-ca-file".to_owned();
                let span = flags.get("client-ca-file").map_or(p.home, |flag| flag.span);
                let draft = Draft::new(Id::K2_7, p.at("trusted-ca-file"), message, fix).evidence(
                    "the API server's --client-ca-file is the same file",
                    Proof::Source(span),
                );
                sink.assess(Id::K2_7, 1);
                sink.add(p.asset, draft);
                return;
            }
        }
    }
    if servers > 0 {
        sink.assess(Id::K2_7, 1);
    }
}
