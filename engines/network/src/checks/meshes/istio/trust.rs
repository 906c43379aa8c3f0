//! Whose certificates the mesh takes for its own, and how they are shown: IST-TLS-16 and 18 to
//! 21.

use super::super::{Report, get, place, texts};
use super::Scene;
use super::gateways::is_weak;
use crate::istio::NETWORKING;
use crate::istio::mesh::{DEFAULT_TRUST_DOMAIN, MeshConfig};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{PLUGGED_IN, REMOTE_CLUSTER, SELF_SIGNED};
use seawall_model::{Proof, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;

const RULES: [Id; 4] = [
    Id::IST_TLS_16,
    Id::IST_TLS_18,
    Id::IST_TLS_19,
    Id::IST_TLS_20,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let configs = &scene.istio.mesh.configs;
    report.assess(&RULES, configs.len());
    for config in configs {
        weak_tls(config, report);
        roots(config, report);
        aliases(config, report);
    }
    shared_domain(scene, report);
    root_key(scene, report);
}

/// IST-TLS-16. Certificates of the mesh are shown as `meshMTLS` says, all others as
/// `tlsDefaults`.
fn weak_tls(config: &MeshConfig<'_>, report: &mut Report) {
    for (settings, whose) in [
        ("meshMTLS", "between workloads"),
        ("tlsDefaults", "outside of mutual TLS"),
    ] {
        let suites = config.get(&[settings, "cipherSuites"]);
        let weak = texts(suites).into_iter().find(|suite| is_weak(suite));
        let version = config.get(&[settings, "minProtocolVersion"]);
        let old = version.filter(|node| matches!(node.as_str(), Some("TLSV1_0" | "TLSV1_1")));
        let (field, node, message) = match (weak, suites, old) {
            (Some(suite), Some(node), _) => (
                "cipherSuites",
                node,
                format!("cipher suite {suite} is weak and may be used {whose}"),
            ),
            (.., Some(node)) => (
                "minProtocolVersion",
                node,
                format!("TLS {whose} is spoken in a version that is broken"),
            ),
            _ => continue,
        };
        let fix = "Use TLSV1_2 or TLSV1_3, and suites with ECDHE only".to_owned();
        let pointer = format!("{}/{settings}/{field}", config.pointer);
        let locus = place(config.object, &pointer, Some(node.span));
        report.add(
            config.object,
            Draft::new(Id::IST_TLS_16, locus, message, fix),
        );
    }
}

/// IST-TLS-18: a root without trust domains of its own makes every identity.
fn roots(config: &MeshConfig<'_>, report: &mut Report) {
    let all = config.get(&["caCertificates"]).and_then(Node::as_seq);
    for (index, root) in all.unwrap_or_default().iter().enumerate() {
        let is_held = |field| !texts(root.get(field)).is_empty();
        if is_held("trustDomains") || is_held("certSigners") {
            continue;
        }
        let from = match root.get("spiffeBundleUrl").and_then(Node::as_str) {
            Some(url) => format!("that {url} names"),
            None => "in caCertificates".to_owned(),
        };
        let message = format!("a root {from} may make every identity of the mesh");
        let fix = "Remove it, or set its trustDomains".to_owned();
        let pointer = format!("{}/caCertificates/{index}", config.pointer);
        let locus = place(config.object, &pointer, Some(root.span));
        report.add(
            config.object,
            Draft::new(Id::IST_TLS_18, locus, message, fix),
        );
    }
}

/// IST-TLS-20. Who owns an alias no file says; what makes it dangerous is a root that is not
/// the mesh's own.
fn aliases(config: &MeshConfig<'_>, report: &mut Report) {
    let Some(node) = config.get(&["trustDomainAliases"]) else {
        return;
    };
    let aliases = texts(Some(node));
    if aliases.is_empty() {
        return;
    }
    let has_roots = config
        .get(&["caCertificates"])
        .and_then(Node::as_seq)
        .is_some_and(|roots| !roots.is_empty());
    let severity = if has_roots || aliases.contains(&"*") {
        Severity::High
    } else {
        Severity::Medium
    };
    let message = format!(
        "identities of {} count as the mesh's own of the same name",
        aliases.join(", ")
    );
    let fix = "Remove aliases that are not needed for a migration".to_owned();
    let pointer = format!("{}/trustDomainAliases", config.pointer);
    let locus = place(config.object, &pointer, Some(node.span));
    let draft = Draft::new(Id::IST_TLS_20, locus, message, fix).severity(severity);
    report.add(config.object, draft);
}

/// IST-TLS-19: the default trust domain in a mesh of several clusters.
fn shared_domain(scene: &Scene<'_, '_>, report: &mut Report) {
    let mesh = &scene.istio.mesh;
    let Some(config) = mesh.configs.first() else {
        return;
    };
    if &*mesh.trust_domain != DEFAULT_TRUST_DOMAIN {
        return;
    }
    let Some((note, span)) = other_clusters(scene) else {
        return;
    };
    let message = format!(
        "the trust domain is {DEFAULT_TRUST_DOMAIN}, as in every cluster that sets none: the same \
         account in another cluster is the same identity"
    );
    let fix = "Set trustDomain to a name of this cluster, and name trust domains in policies";
    let node = config.get(&["trustDomain"]);
    let pointer = format!("{}/trustDomain", config.pointer);
    let span_here = node.map_or(config.span, |node| node.span);
    let locus = place(config.object, &pointer, Some(span_here));
    let draft = Draft::new(Id::IST_TLS_19, locus, message, fix.to_owned())
        .evidence(note, Proof::Source(span));
    report.add(config.object, draft);
}

/// IST-TLS-21: a root key that lies in the cluster. Where istiod was given a CA, the one that
/// it made for itself is a leftover.
fn root_key(scene: &Scene<'_, '_>, report: &mut Report) {
    let root = &*scene.istio.mesh.root_namespace;
    let secrets = scene.world.of_kind("", "Secret").iter().copied();
    let own: Vec<&Object> = secrets.filter(|one| one.namespace() == root).collect();
    let named = |name: &str| own.iter().copied().find(|one| &*one.reference.name == name);
    let (self_signed, plugged_in) = (named(SELF_SIGNED), named(PLUGGED_IN));
    let has_root = |one: &Object| {
        let key = |map| get(one, &[map, "root-key.pem"]).is_some();
        key("data") || key("stringData")
    };
    report.assess(
        &[Id::IST_TLS_21],
        usize::from(self_signed.or(plugged_in).is_some()),
    );
    let found = match (self_signed, plugged_in) {
        (Some(secret), None) => Some((secret, "the root that istiod made for itself")),
        (_, Some(secret)) if has_root(secret) => Some((secret, "the key of the root")),
        _ => None,
    };
    let Some((secret, what)) = found else { return };
    let message = format!("{what} lies in the cluster: who reads the Secret makes any identity");
    let fix = "Keep the root outside the cluster, and put an intermediate CA into cacerts";
    let draft = Draft::new(
        Id::IST_TLS_21,
        place(secret, "", None),
        message,
        fix.to_owned(),
    );
    report.add(secret, draft);
}

/// What shows that the mesh has other clusters.
fn other_clusters(scene: &Scene<'_, '_>) -> Option<(String, Span)> {
    let gateways = scene.world.of_kind(NETWORKING, "Gateway").iter().copied();
    let passes = |server: &Node| {
        let mode = server.at(&["tls", "mode"]).and_then(Node::as_str);
        mode == Some("AUTO_PASSTHROUGH")
    };
    for object in gateways {
        if object.items(&["spec", "servers"]).iter().any(passes) {
            let note = format!(
                "Gateway {} lets in callers of other clusters",
                object.reference.name
            );
            return Some((note, object.name_span));
        }
    }
    let mut secrets = scene.world.of_kind("", "Secret").iter();
    if let Some(secret) = secrets.find(|one| one.label(REMOTE_CLUSTER) == Some("true")) {
        let note = format!("Secret {} is for another cluster", secret.reference.name);
        return Some((note, secret.name_span));
    }
    scene.istio.mesh.injector_values.iter().find_map(|values| {
        let node = values.get(&["global", "meshID"])?;
        let id = node.as_str().filter(|id| !id.is_empty())?;
        Some((format!("the cluster is part of mesh {id}"), node.span))
    })
}
