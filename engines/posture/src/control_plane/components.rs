//! K1.3.x, K1.4.x and K4.3.1: controller manager, scheduler and kube-proxy.

use super::{Document, Panel};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::{Proof, Severity};
use seawall_yaml::Node;

fn say(p: &Panel<'_>, sink: &mut Sink, id: Id, flag: &str, message: &str, fix: &str) {
    sink.add(
        p.asset,
        Draft::new(id, p.at(flag), message.to_owned(), fix.to_owned()),
    );
}

/// Whether an address, with or without port, is the loopback.
fn is_loopback(address: &str) -> bool {
    let host = match address.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None if address.matches(':').count() == 1 => address.split(':').next().unwrap_or(address),
        None => address,
    };
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

fn profiling(p: &Panel<'_>, sink: &mut Sink, id: Id, who: &str) {
    let value = match p.flags.truth("profiling") {
        Some(value) => value,
        None if p.flags.has("profiling") || !p.flags.complete => return,
        None => true,
    };
    sink.assess(id, 1);
    if value {
        let message = format!("the {who}'s profiling endpoint is on");
        let mut draft = Draft::new(
            id,
            p.at("profiling"),
            message,
            "Set --profiling=false".to_owned(),
        );
        if !p.flags.has("profiling") {
            draft = draft.evidence(
                "--profiling is unset",
                Proof::ApiDefault("--profiling=true"),
            );
        }
        sink.add(p.asset, draft);
    }
}

/// In a pod of its own network the address does not matter to the node.
fn loopback(p: &Panel<'_>, sink: &mut Sink, id: Id, who: &str) {
    const FLAG: &str = "bind-address";
    let judged = p.on_host_network || !p.flags.complete;
    if !judged || p.flags.is_unknown(FLAG) || !(p.flags.complete || p.flags.has(FLAG)) {
        return;
    }
    sink.assess(id, 1);
    let address = p.flags.value(FLAG);
    if address.is_some_and(is_loopback) {
        return;
    }
    let message = format!(
        "the {who} listens on {}",
        address.unwrap_or("every address")
    );
    let mut draft = Draft::new(
        id,
        p.at(FLAG),
        message,
        "Set --bind-address=127.0.0.1".to_owned(),
    );
    if address.is_none() {
        draft = draft.evidence(
            "--bind-address is unset",
            Proof::ApiDefault("--bind-address=0.0.0.0"),
        );
    }
    sink.add(p.asset, draft);
}

/// Judges the controller manager.
pub(super) fn controller_manager(p: &Panel<'_>, sink: &mut Sink) {
    const OWN: &str = "use-service-account-credentials";
    collection(p, sink);
    profiling(p, sink, Id::K1_3_2, "controller manager");
    let own = p.flags.truth(OWN);
    if own.is_some() || (p.flags.complete && !p.flags.has(OWN)) {
        sink.assess(Id::K1_3_3, 1);
        if own != Some(true) {
            let message = "all controllers act with the controller manager's own rights";
            let fix = "Set --use-service-account-credentials=true";
            say(p, sink, Id::K1_3_3, OWN, message, fix);
        }
    }
    if p.flags.complete {
        for (id, flag, message) in [
            (
                Id::K1_3_4,
                "service-account-private-key-file",
                "the controller manager has no key to sign service account tokens with",
            ),
            (
                Id::K1_3_5,
                "root-ca-file",
                "pods get no CA to verify the API server with",
            ),
        ] {
            sink.assess(id, 1);
            if !p.flags.has(flag) {
                say(p, sink, id, flag, message, &format!("Set --{flag}"));
            }
        }
    }
    if p.flags.complete || p.flags.has("feature-gates") {
        sink.assess(Id::K1_3_6, 1);
        if p.flags.gate_is_off("RotateKubeletServerCertificate") {
            let message = "serving certificates of kubelets are not rotated";
            let fix = "Remove RotateKubeletServerCertificate=false from --feature-gates";
            say(p, sink, Id::K1_3_6, "feature-gates", message, fix);
        }
    }
    loopback(p, sink, Id::K1_3_7, "controller manager");
}

fn collection(p: &Panel<'_>, sink: &mut Sink) {
    const FLAG: &str = "terminated-pod-gc-threshold";
    if p.flags.is_unknown(FLAG) || !(p.flags.complete || p.flags.has(FLAG)) {
        return;
    }
    sink.assess(Id::K1_3_1, 1);
    let number = p
        .flags
        .value(FLAG)
        .and_then(|value| value.parse::<i64>().ok());
    match number {
        Some(number) if number <= 0 => {
            let message = "finished pods are never collected".to_owned();
            let fix = format!("Set --{FLAG} to a number above 0");
            let draft = Draft::new(Id::K1_3_1, p.at(FLAG), message, fix);
            sink.add(p.asset, draft.severity(Severity::Low));
        }
        Some(_) => {}
        None => {
            let message = "finished pods are only collected when there are 12,500".to_owned();
            let fix = format!("Set --{FLAG} to what fits the cluster");
            let draft = Draft::new(Id::K1_3_1, p.at(FLAG), message, fix).evidence(
                format!("--{FLAG} is unset"),
                Proof::ApiDefault("--terminated-pod-gc-threshold=12500"),
            );
            sink.add(p.asset, draft);
        }
    }
}

/// Judges the scheduler.
pub(super) fn scheduler(p: &Panel<'_>, sink: &mut Sink) {
    // A configuration file wins over --profiling; it is judged where it is seen.
    if !p.flags.has("config") {
        profiling(p, sink, Id::K1_4_1, "scheduler");
    }
    loopback(p, sink, Id::K1_4_2, "scheduler");
}

/// Judges the scheduler's configuration file.
pub(super) fn scheduler_file(d: &Document<'_>, sink: &mut Sink) {
    sink.assess(Id::K1_4_1, 1);
    let node = d.get(&["enableProfiling"]);
    if node.and_then(Node::as_bool) == Some(false) {
        return;
    }
    let locus = d.at("/enableProfiling", node.map(|node| node.span));
    let message = "the scheduler's profiling endpoint is on".to_owned();
    let mut draft = Draft::new(
        Id::K1_4_1,
        locus,
        message,
        "Set enableProfiling to false".to_owned(),
    );
    if node.is_none() {
        draft = draft.evidence(
            "enableProfiling is unset",
            Proof::ApiDefault("enableProfiling: true"),
        );
    }
    d.report(sink, draft);
}

/// Judges kube-proxy's flags.
pub(super) fn proxy(p: &Panel<'_>, sink: &mut Sink) {
    const FLAG: &str = "metrics-bind-address";
    if p.flags.has("config") || p.flags.is_unknown(FLAG) {
        return;
    }
    sink.assess(Id::K4_3_1, 1);
    if let Some(address) = p.flags.value(FLAG).filter(|address| !is_loopback(address)) {
        let message = format!("kube-proxy's metrics are open on {address}");
        say(
            p,
            sink,
            Id::K4_3_1,
            FLAG,
            &message,
            "Set --metrics-bind-address=127.0.0.1:10249",
        );
    }
}

/// Judges kube-proxy's configuration file.
pub(super) fn proxy_file(d: &Document<'_>, sink: &mut Sink) {
    sink.assess(Id::K4_3_1, 1);
    let Some(node) = d.get(&["metricsBindAddress"]) else {
        return;
    };
    let address = node.as_str().unwrap_or_default();
    if address.is_empty() || is_loopback(address) {
        return;
    }
    let locus = d.at("/metricsBindAddress", Some(node.span));
    let message = format!("kube-proxy's metrics are open on {address}");
    let fix = "Set metricsBindAddress to 127.0.0.1:10249".to_owned();
    d.report(sink, Draft::new(Id::K4_3_1, locus, message, fix));
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_has_many_spellings() {
        for (address, want) in [
            ("127.0.0.1", true),
            ("127.0.0.1:10249", true),
            ("[::1]:10249", true),
            ("::1", true),
            ("localhost", true),
            ("0.0.0.0", false),
            ("0.0.0.0:10249", false),
            ("::", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(address), want, "{address}");
        }
    }
}
