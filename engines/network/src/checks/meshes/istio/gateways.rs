//! IST-GW: what gateways open to the outside.

mod edges;
mod servers;

use super::super::{Report, get, place, texts};
use super::coverage::{has_policy, names};
use super::{Scene, Subject, control_plane};
use crate::istio::NETWORKING;
use crate::istio::authorization::{Action, Rule};
use crate::istio::membership::Place;
use crate::network::Network;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

const RULES: [Id; 12] = [
    Id::IST_GW_01,
    Id::IST_GW_02,
    Id::IST_GW_03,
    Id::IST_GW_04,
    Id::IST_GW_05,
    Id::IST_GW_06,
    Id::IST_GW_07,
    Id::IST_GW_08,
    Id::IST_GW_09,
    Id::IST_GW_10,
    Id::IST_GW_11,
    Id::IST_GW_16,
];

/// How a gateway's pods meet the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    /// A Service of theirs has an address outside.
    Outside,
    /// All their Services are inside.
    Inside,
    /// Their pods or Services are not in the picture.
    Unknown,
}

impl Exposure {
    fn weighed(self, severity: Severity) -> Severity {
        match self {
            Exposure::Outside => severity,
            Exposure::Inside | Exposure::Unknown => severity.lowered(),
        }
    }
}

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let gateways = scene.world.of_kind(NETWORKING, "Gateway");
    report.assess(&RULES, gateways.len());
    for object in gateways.iter().copied() {
        let pods = pods(scene, object);
        let exposure = exposure(&pods);
        foreign(scene, object, &pods, report);
        let servers = object.items(&["spec", "servers"]);
        for (index, server) in servers.iter().enumerate() {
            let here = Server {
                object,
                node: server,
                pointer: format!("/spec/servers/{index}"),
                exposure,
            };
            here.plaintext(servers, report);
            here.hosts(report);
            here.tls(report);
            here.databases(report);
            servers::check(scene, &pods, &here, servers, report);
        }
    }
    edges(scene, report);
    topology_of_pods(scene, report);
    edges::check(scene, network, report);
}

/// The pods that a Gateway configures. Its selector looks into every namespace.
fn pods<'a, 'w, 's>(scene: &'a Scene<'w, 's>, gateway: &Object) -> Vec<&'a Subject<'w, 's>> {
    let Some(selector) = get(gateway, &["spec", "selector"]).and_then(LabelSelector::read_map)
    else {
        return Vec::new();
    };
    let all = scene
        .subjects
        .iter()
        .filter(|subject| subject.place == Place::Gateway);
    all.filter(|subject| selector.matches(&subject.endpoint.template.labels))
        .collect()
}

fn exposure(pods: &[&Subject<'_, '_>]) -> Exposure {
    let services = pods.iter().flat_map(|subject| &subject.services);
    let mut known = Exposure::Unknown;
    for service in services {
        let kind = get(service, &["spec", "type"])
            .and_then(Node::as_str)
            .unwrap_or("ClusterIP");
        if matches!(kind, "LoadBalancer" | "NodePort") {
            return Exposure::Outside;
        }
        known = Exposure::Inside;
    }
    known
}

/// One server of a Gateway.
struct Server<'a> {
    object: &'a Object,
    node: &'a Node,
    pointer: String,
    exposure: Exposure,
}

impl Server<'_> {
    fn text(&self, path: &[&str]) -> Option<&str> {
        self.node.at(path)?.as_str()
    }

    fn protocol(&self) -> String {
        self.text(&["port", "protocol"])
            .unwrap_or_default()
            .to_ascii_uppercase()
    }

    fn add(
        &self,
        id: Id,
        rest: &[&str],
        severity: Severity,
        message: String,
        fix: &str,
        report: &mut Report,
    ) {
        let node = self.node.at(rest).unwrap_or(self.node);
        let pointer = format!("{}/{}", self.pointer, rest.join("/"));
        let locus = place(self.object, pointer.trim_end_matches('/'), Some(node.span));
        let draft = Draft::new(id, locus, message, fix.to_owned()).severity(severity);
        report.add(self.object, draft);
    }

    /// IST-GW-01.
    fn plaintext(&self, all: &[Node], report: &mut Report) {
        let protocol = self.protocol();
        if !matches!(protocol.as_str(), "HTTP" | "HTTP2" | "GRPC") {
            return;
        }
        if self
            .node
            .at(&["tls", "httpsRedirect"])
            .and_then(Node::as_bool)
            == Some(true)
        {
            return;
        }
        let port = self
            .node
            .at(&["port", "number"])
            .and_then(Node::as_i64)
            .unwrap_or(0);
        let has_tls = all.iter().any(|other| {
            let tls = other.at(&["port", "protocol"]).and_then(Node::as_str);
            tls.is_some_and(|protocol| matches!(protocol, "HTTPS" | "TLS"))
        });
        let beside = if has_tls {
            " beside a server with TLS"
        } else {
            ""
        };
        let seen = match self.exposure {
            Exposure::Outside => "to the outside",
            Exposure::Inside => "inside the cluster",
            Exposure::Unknown => "wherever its pods are reachable",
        };
        let message = format!("port {port} serves plaintext {seen}{beside}");
        let fix = "Serve HTTPS, and set tls.httpsRedirect: true on the plaintext port";
        let severity = self.exposure.weighed(Severity::High);
        self.add(Id::IST_GW_01, &["port"], severity, message, fix, report);
    }

    /// IST-GW-02.
    fn hosts(&self, report: &mut Report) {
        let hosts = texts(self.node.get("hosts"));
        let wide = hosts
            .into_iter()
            .find(|host| matches!(host.split('/').next_back(), Some("*")));
        if wide.is_none() || self.text(&["tls", "mode"]) == Some("AUTO_PASSTHROUGH") {
            return;
        }
        let redirects = self
            .node
            .at(&["tls", "httpsRedirect"])
            .and_then(Node::as_bool)
            == Some(true);
        if redirects {
            return; // it serves nothing of anybody
        }
        let message = "the server takes every host: any namespace's VirtualService can bind any \
                       name to it"
            .to_owned();
        let fix =
            "List the hosts, each with the namespace that may serve it (shop/www.example.com)";
        self.add(
            Id::IST_GW_02,
            &["hosts"],
            Severity::Medium,
            message,
            fix,
            report,
        );
    }

    /// IST-GW-03, 04, 05 and 08.
    fn tls(&self, report: &mut Report) {
        let mode = self.text(&["tls", "mode"]).unwrap_or_default();
        if mode == "OPTIONAL_MUTUAL" {
            let message = "client certificates are optional: who has none gets in".to_owned();
            let fix = "Set tls.mode to MUTUAL, or ask for a token";
            self.add(
                Id::IST_GW_03,
                &["tls", "mode"],
                Severity::Medium,
                message,
                fix,
                report,
            );
        }
        for (field, bad) in [
            ("minProtocolVersion", ["TLSV1_0", "TLSV1_1"]),
            ("maxProtocolVersion", ["TLSV1_0", "TLSV1_1"]),
        ] {
            let Some(version) = self.text(&["tls", field]).filter(|v| bad.contains(v)) else {
                continue;
            };
            let message = format!("TLS is spoken in a version that is broken ({field}: {version})");
            let fix = "Set tls.minProtocolVersion to TLSV1_2 or TLSV1_3";
            self.add(
                Id::IST_GW_04,
                &["tls", field],
                Severity::Medium,
                message,
                fix,
                report,
            );
        }
        let ciphers = texts(self.node.at(&["tls", "cipherSuites"]));
        if let Some(weak) = ciphers.into_iter().find(|cipher| is_weak(cipher)) {
            let message = format!("cipher suite {weak} is weak");
            let fix = "Use suites with ECDHE and GCM or CHACHA20 only, or leave the list out";
            self.add(
                Id::IST_GW_04,
                &["tls", "cipherSuites"],
                Severity::Medium,
                message,
                fix,
                report,
            );
        }
        if matches!(mode, "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL") {
            let has = |field: &str| {
                self.node
                    .at(&["tls", field])
                    .is_some_and(|node| !node.is_null())
            };
            if ![
                "credentialName",
                "credentialNames",
                "serverCertificate",
                "tlsCertificates",
            ]
            .into_iter()
            .any(has)
            {
                let message =
                    format!("the server shall speak TLS ({mode}), but has no certificate");
                let fix = "Set tls.credentialName to the Secret with the certificate";
                self.add(
                    Id::IST_GW_05,
                    &["tls"],
                    Severity::Medium,
                    message,
                    fix,
                    report,
                );
            }
        }
        if mode == "AUTO_PASSTHROUGH" {
            let hosts = texts(self.node.get("hosts"));
            let is_wide = hosts
                .iter()
                .any(|host| matches!(host.split('/').next_back(), Some("*")));
            if is_wide || self.exposure == Exposure::Outside {
                let severity = if is_wide {
                    Severity::High
                } else {
                    Severity::Medium
                };
                let message = "whoever reaches the server reaches every service that the hosts \
                               take in, by its name (AUTO_PASSTHROUGH)"
                    .to_owned();
                let fix = "Limit the hosts to *.local, and the port to the networks of the other \
                           clusters";
                self.add(
                    Id::IST_GW_08,
                    &["tls", "mode"],
                    severity,
                    message,
                    fix,
                    report,
                );
            }
        }
    }

    /// IST-GW-16.
    fn databases(&self, report: &mut Report) {
        let protocol = self.protocol();
        if !matches!(protocol.as_str(), "TCP" | "MONGO" | "MYSQL" | "REDIS") {
            return;
        }
        let port = self
            .node
            .at(&["port", "number"])
            .and_then(Node::as_i64)
            .unwrap_or(0);
        let severity = self.exposure.weighed(Severity::Critical);
        let message = format!(
            "port {port} passes {protocol} through the gateway, past every rule about requests"
        );
        let fix =
            "Remove the server; let clients in through a VPN or a service that asks who they are";
        self.add(Id::IST_GW_16, &["port"], severity, message, fix, report);
    }
}

/// Suites without forward secrecy, with CBC or with 3DES.
pub(super) fn is_weak(cipher: &str) -> bool {
    cipher.contains("DES")
        || cipher.contains("RC4")
        || !cipher.contains("ECDHE") && !cipher.starts_with("TLS_")
        || cipher.ends_with("-SHA")
        || cipher.ends_with("_SHA")
}

/// IST-GW-09: a Gateway of one namespace on the pods of another.
fn foreign(
    scene: &Scene<'_, '_>,
    gateway: &Object,
    pods: &[&Subject<'_, '_>],
    report: &mut Report,
) {
    let Some(first) = pods.first() else { return };
    let is_at_home = pods
        .iter()
        .any(|subject| subject.namespace == gateway.namespace());
    let scoped = control_plane::pilot_setting(scene, "PILOT_SCOPE_GATEWAY_TO_NAMESPACE");
    if is_at_home || scoped.is_some_and(|(value, _)| value == "true") {
        return;
    }
    let message = format!(
        "a Gateway of namespace {} opens ports of {} in {}: so can any namespace",
        gateway.namespace(),
        names(pods),
        first.namespace
    );
    let fix = "Set PILOT_SCOPE_GATEWAY_TO_NAMESPACE=true on istiod and keep Gateways beside \
               their pods, or allow only administrators to write Gateways"
        .to_owned();
    let span = get(gateway, &["spec", "selector"]).map(|node| node.span);
    let draft = Draft::new(
        Id::IST_GW_09,
        place(gateway, "/spec/selector", span),
        message,
        fix,
    )
    .evidence(
        "the pods stand here",
        Proof::Source(first.endpoint.object.name_span),
    );
    report.add(gateway, draft);
}

/// IST-GW-12: gateways that ask nobody who they are.
fn edges(scene: &Scene<'_, '_>, report: &mut Report) {
    for subject in scene.subjects.iter().filter(|s| s.place == Place::Gateway) {
        report.assess(&[Id::IST_GW_12], 1);
        let exposure = exposure(&[subject]);
        let asks = has_policy(scene, subject, |policy| match policy.action {
            Action::Custom(_) | Action::Deny => true,
            Action::Allow => !policy.rules.iter().any(Rule::is_empty),
            Action::Audit => false,
        });
        // Where it stands inside, its callers are the mesh's.
        if asks || exposure != Exposure::Outside {
            continue;
        }
        let behind = routes(scene, subject);
        if behind.is_empty() {
            continue;
        }
        let message = format!(
            "the gateway is open to the outside and asks nobody for anything: it leads to {}",
            listed(&behind)
        );
        let fix =
            "Add a RequestAuthentication with a policy that requires its tokens, or a CUSTOM \
                   policy that asks a login service"
                .to_owned();
        let locus = crate::checks::meshes::place(subject.endpoint.object, "", None);
        report.add_to(
            subject.asset(),
            Draft::new(Id::IST_GW_12, locus, message, fix),
        );
    }
}

fn listed(all: &[String]) -> String {
    let shown = all.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Hosts of the Services that VirtualServices lead to through a gateway's pods.
fn routes(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> Vec<String> {
    let gateways: Vec<(&str, &str)> = scene
        .world
        .of_kind(NETWORKING, "Gateway")
        .iter()
        .filter(|gateway| {
            let selector = get(gateway, &["spec", "selector"]).and_then(LabelSelector::read_map);
            selector.is_some_and(|one| one.matches(&subject.endpoint.template.labels))
        })
        .map(|gateway| (gateway.namespace(), &*gateway.reference.name))
        .collect();
    let mut found = Vec::new();
    for service in scene
        .world
        .of_kind(NETWORKING, "VirtualService")
        .iter()
        .copied()
    {
        let through = texts(get(service, &["spec", "gateways"]))
            .into_iter()
            .any(|name| {
                let full = name.split_once('/').unwrap_or((service.namespace(), name));
                gateways.contains(&full)
            });
        if !through {
            continue;
        }
        for kind in ["http", "tls", "tcp"] {
            for rule in service.items(&["spec", kind]) {
                let to = rule.get("route").and_then(Node::as_seq).unwrap_or_default();
                let hosts = to
                    .iter()
                    .filter_map(|one| one.at(&["destination", "host"])?.as_str());
                found.extend(hosts.map(str::to_owned));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// IST-GW-14 at single gateways.
fn topology_of_pods(scene: &Scene<'_, '_>, report: &mut Report) {
    for subject in scene.subjects.iter().filter(|s| s.place == Place::Gateway) {
        let Some(field) = subject.endpoint.annotation("proxy.istio.io/config") else {
            continue;
        };
        report.assess(&[Id::IST_GW_14], 1);
        let tree = crate::istio::mesh::nested(&field.value, field.span);
        let details = tree.at(&["gatewayTopology", "forwardClientCertDetails"]);
        let value = details.and_then(Node::as_str).unwrap_or_default();
        control_plane::forwarded(value, |message, fix| {
            let pointer = &subject.endpoint.template.pointer;
            let locus = seawall_model::Locus {
                pointer: format!("{pointer}/metadata/annotations/proxy.istio.io~1config"),
                path: "pod/metadata/annotations/proxy.istio.io~1config".to_owned(),
                span: field.span,
            };
            report.add_to(
                subject.asset(),
                Draft::new(Id::IST_GW_14, locus, message, fix),
            );
        });
    }
}
