//! K4.2.x: the kubelet, by its configuration file and, where they are seen, its flags.

use super::{Document, Panel, ciphers};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::{Proof, Severity};
use seawall_yaml::Node;

/// Judges a KubeletConfiguration.
pub(super) fn file(d: &Document<'_>, sink: &mut Sink) {
    identity(d, sink);
    sink.assess_all(&[
        Id::K4_2_4,
        Id::K4_2_5,
        Id::K4_2_6,
        Id::K4_2_8,
        Id::K4_2_10,
        Id::K4_2_11,
    ]);
    if let Some((node, port)) = integer(d, &["readOnlyPort"]).filter(|(_, port)| *port != 0) {
        let message = format!("the kubelet's read-only port {port} is open");
        say(
            d,
            sink,
            Id::K4_2_4,
            "/readOnlyPort",
            node,
            message,
            "Set readOnlyPort to 0",
        );
    }
    if let Some(node) = d.get(&["streamingConnectionIdleTimeout"])
        && is_zero(node)
    {
        let message = "idle exec and port-forward sessions never end".to_owned();
        let fix = "Remove streamingConnectionIdleTimeout";
        say(
            d,
            sink,
            Id::K4_2_5,
            "/streamingConnectionIdleTimeout",
            node,
            message,
            fix,
        );
    }
    if let Some(node) = truth(d, &["makeIPTablesUtilChains"], false) {
        let message = "the kubelet does not make its iptables chains".to_owned();
        let fix = "Remove makeIPTablesUtilChains";
        say(
            d,
            sink,
            Id::K4_2_6,
            "/makeIPTablesUtilChains",
            node,
            message,
            fix,
        );
    }
    if let Some((node, rate)) = integer(d, &["eventRecordQPS"]).filter(|(_, r)| (1..5).contains(r))
    {
        let message = format!("the kubelet drops events above {rate} per second");
        let fix = "Set eventRecordQPS to 50, or remove it";
        say(d, sink, Id::K4_2_8, "/eventRecordQPS", node, message, fix);
    }
    if let Some(node) = truth(d, &["rotateCertificates"], false) {
        let message = "the kubelet's client certificate is not renewed".to_owned();
        let fix = "Set rotateCertificates to true";
        say(
            d,
            sink,
            Id::K4_2_10,
            "/rotateCertificates",
            node,
            message,
            fix,
        );
    }
    let gate = ["featureGates", "RotateKubeletServerCertificate"];
    if let Some(node) = truth(d, &gate, false) {
        let message = "the kubelet's serving certificate is not renewed".to_owned();
        let fix = "Remove featureGates.RotateKubeletServerCertificate";
        let pointer = "/featureGates/RotateKubeletServerCertificate";
        say(d, sink, Id::K4_2_11, pointer, node, message, fix);
    }
    certificate(d, sink);
    suites(d, sink);
    processes(d, sink);
    seccomp(d, sink);
}

fn say(
    d: &Document<'_>,
    sink: &mut Sink,
    id: Id,
    pointer: &str,
    node: &Node,
    message: String,
    fix: &str,
) {
    d.report(
        sink,
        Draft::new(id, d.at(pointer, Some(node.span)), message, fix.to_owned()),
    );
}

fn integer<'a>(d: &Document<'a>, path: &[&str]) -> Option<(&'a Node, i64)> {
    let node = d.get(path)?;
    Some((node, node.as_i64()?))
}

/// The node, if it is a boolean of this value.
fn truth<'a>(d: &Document<'a>, path: &[&str], value: bool) -> Option<&'a Node> {
    d.get(path).filter(|node| node.as_bool() == Some(value))
}

/// `0`, `0s`, `0h0m0s`: a duration of nothing.
fn is_zero(node: &Node) -> bool {
    node.as_i64() == Some(0)
        || node.as_str().is_some_and(|text| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| matches!(b, b'0' | b'.' | b'h' | b'm' | b's'))
        })
}

fn identity(d: &Document<'_>, sink: &mut Sink) {
    sink.assess_all(&[Id::K4_2_1, Id::K4_2_2]);
    let mode = d.get(&["authorization", "mode"]);
    let allows_all = mode.filter(|node| node.as_str() == Some("AlwaysAllow"));
    if let Some(node) = truth(d, &["authentication", "anonymous", "enabled"], true) {
        let pointer = "/authentication/anonymous/enabled";
        let message = "the kubelet answers anonymous requests".to_owned();
        let fix = "Set authentication.anonymous.enabled to false".to_owned();
        let draft = Draft::new(Id::K4_2_1, d.at(pointer, Some(node.span)), message, fix);
        let draft = match allows_all {
            Some(mode) => draft.evidence("and allows them everything", Proof::Source(mode.span)),
            None => draft.severity(Severity::High),
        };
        d.report(sink, draft);
    }
    if let Some(node) = allows_all {
        let message = "the kubelet allows everything to everyone".to_owned();
        let fix = "Set authorization.mode to Webhook";
        say(
            d,
            sink,
            Id::K4_2_2,
            "/authorization/mode",
            node,
            message,
            fix,
        );
    }
    let ca = d.get(&["authentication", "x509", "clientCAFile"]);
    if !d.complete && ca.is_none() {
        return; // kubeadm sets it
    }
    sink.assess(Id::K4_2_3, 1);
    if ca.and_then(Node::as_str).is_none_or(str::is_empty) {
        let pointer = "/authentication/x509/clientCAFile";
        let message = "the kubelet accepts no client certificates".to_owned();
        let fix = "Set authentication.x509.clientCAFile".to_owned();
        let locus = d.at(pointer, ca.map(|node| node.span));
        d.report(sink, Draft::new(Id::K4_2_3, locus, message, fix));
    }
}

fn certificate(d: &Document<'_>, sink: &mut Sink) {
    let bootstrap = d.get(&["serverTLSBootstrap"]).and_then(Node::as_bool) == Some(true);
    let own = d.get(&["tlsCertFile"]).is_some() && d.get(&["tlsPrivateKeyFile"]).is_some();
    sink.assess(Id::K4_2_9, 1);
    if !bootstrap && !own {
        let locus = d.at(
            "/serverTLSBootstrap",
            d.get(&["serverTLSBootstrap"]).map(|n| n.span),
        );
        let message = "the kubelet serves with a certificate that it made itself".to_owned();
        let fix = "Set serverTLSBootstrap to true and approve the requests".to_owned();
        d.report(sink, Draft::new(Id::K4_2_9, locus, message, fix));
    }
}

fn suites(d: &Document<'_>, sink: &mut Sink) {
    sink.assess(Id::K4_2_12, 1);
    let node = d.get(&["tlsCipherSuites"]);
    let weak: Vec<&str> = d
        .items(&["tlsCipherSuites"])
        .iter()
        .filter_map(Node::as_str)
        .filter(|suite| ciphers::is_weak(suite))
        .collect();
    if let Some(node) = node.filter(|_| !weak.is_empty()) {
        let message = format!("the kubelet accepts {}", list(&weak));
        let fix = format!("Remove {} from tlsCipherSuites", list(&weak));
        say(
            d,
            sink,
            Id::K4_2_12,
            "/tlsCipherSuites",
            node,
            message,
            &fix,
        );
    } else if node.is_none() && d.version.minor < ciphers::WEAK_DEFAULTS_BEFORE {
        let message = format!("the kubelet accepts the default ciphers of {}", d.version);
        let fix = "List AEAD suites with ECDHE in tlsCipherSuites".to_owned();
        let draft = Draft::new(Id::K4_2_12, d.at("/tlsCipherSuites", None), message, fix)
            .severity(Severity::Low)
            .evidence(
                "the defaults before v1.32 have plain RSA key exchange or 3DES among them",
                Proof::ApiDefault("tlsCipherSuites: Go's defaults"),
            );
        d.report(sink, draft);
    }
}

fn processes(d: &Document<'_>, sink: &mut Sink) {
    sink.assess(Id::K4_2_13, 1);
    let limit = d.get(&["podPidsLimit"]);
    if limit.and_then(Node::as_i64).is_some_and(|limit| limit > 0) {
        return;
    }
    let locus = d.at("/podPidsLimit", limit.map(|node| node.span));
    let message = "a pod may start as many processes as the node bears".to_owned();
    let fix = "Set podPidsLimit, 1024 for instance".to_owned();
    let mut draft = Draft::new(Id::K4_2_13, locus, message, fix);
    if limit.is_none() {
        draft = draft.evidence(
            "podPidsLimit is unset",
            Proof::ApiDefault("podPidsLimit: -1"),
        );
    }
    d.report(sink, draft);
}

fn seccomp(d: &Document<'_>, sink: &mut Sink) {
    sink.assess(Id::K4_2_14, 1);
    let node = d.get(&["seccompDefault"]);
    if node.and_then(Node::as_bool) == Some(true) {
        return;
    }
    let locus = d.at("/seccompDefault", node.map(|node| node.span));
    let message = "pods without a seccomp profile run without a filter".to_owned();
    let fix = "Set seccompDefault to true".to_owned();
    let mut draft = Draft::new(Id::K4_2_14, locus, message, fix);
    if node.is_none() {
        draft = draft.evidence(
            "seccompDefault is unset",
            Proof::ApiDefault("seccompDefault: false"),
        );
    }
    d.report(sink, draft);
}

/// Judges flags of a kubelet. They win over its file, which we may not see: only what is
/// set is judged.
pub(super) fn flags(p: &Panel<'_>, sink: &mut Sink) {
    let mut report = |id: Id, flag: &str, bad: bool, message: &str, fix: &str| {
        if p.flags.has(flag) && !p.flags.is_unknown(flag) {
            sink.assess(id, 1);
            if bad {
                let draft = Draft::new(id, p.at(flag), message.to_owned(), fix.to_owned());
                sink.add(p.asset, draft);
            }
        }
    };
    let flags = &p.flags;
    report(
        Id::K4_2_1,
        "anonymous-auth",
        flags.truth("anonymous-auth") == Some(true),
        "the kubelet answers anonymous requests",
        "Set --anonymous-auth=false",
    );
    report(
        Id::K4_2_2,
        "authorization-mode",
        flags.value("authorization-mode") == Some("AlwaysAllow"),
        "the kubelet allows everything to everyone",
        "Set --authorization-mode=Webhook",
    );
    report(
        Id::K4_2_4,
        "read-only-port",
        flags
            .value("read-only-port")
            .is_some_and(|port| port != "0"),
        "the kubelet's read-only port is open",
        "Set --read-only-port=0",
    );
    report(
        Id::K4_2_5,
        "streaming-connection-idle-timeout",
        matches!(
            flags.value("streaming-connection-idle-timeout"),
            Some("0" | "0s")
        ),
        "idle exec and port-forward sessions never end",
        "Remove --streaming-connection-idle-timeout",
    );
    report(
        Id::K4_2_6,
        "make-iptables-util-chains",
        flags.truth("make-iptables-util-chains") == Some(false),
        "the kubelet does not make its iptables chains",
        "Remove --make-iptables-util-chains=false",
    );
    report(
        Id::K4_2_7,
        "hostname-override",
        true,
        "the kubelet goes by a name of its own choosing",
        "Remove --hostname-override",
    );
    let rate = flags
        .value("event-qps")
        .and_then(|value| value.parse::<i64>().ok());
    report(
        Id::K4_2_8,
        "event-qps",
        rate.is_some_and(|rate| (1..5).contains(&rate)),
        "the kubelet drops events above a low rate",
        "Set --event-qps=50",
    );
    report(
        Id::K4_2_10,
        "rotate-certificates",
        flags.truth("rotate-certificates") == Some(false),
        "the kubelet's client certificate is not renewed",
        "Set --rotate-certificates=true",
    );
    report(
        Id::K4_2_11,
        "feature-gates",
        flags.gate_is_off("RotateKubeletServerCertificate"),
        "the kubelet's serving certificate is not renewed",
        "Remove RotateKubeletServerCertificate=false from --feature-gates",
    );
    report(
        Id::K4_2_12,
        "tls-cipher-suites",
        flags.items("tls-cipher-suites").any(ciphers::is_weak),
        "the kubelet accepts weak TLS ciphers",
        "Leave only AEAD suites with ECDHE in --tls-cipher-suites",
    );
    let pids = flags
        .value("pod-max-pids")
        .and_then(|value| value.parse::<i64>().ok());
    report(
        Id::K4_2_13,
        "pod-max-pids",
        pids.is_some_and(|pids| pids <= 0),
        "a pod may start as many processes as the node bears",
        "Set --pod-max-pids=1024",
    );
    report(
        Id::K4_2_14,
        "seccomp-default",
        flags.truth("seccomp-default") == Some(false),
        "pods without a seccomp profile run without a filter",
        "Set --seccomp-default=true",
    );
}
