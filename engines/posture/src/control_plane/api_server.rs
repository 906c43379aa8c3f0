//! K1.2.1 to K1.2.30 and K3.2.1: the API server's flags.

use super::{Panel, ciphers};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::{Proof, Severity};

/// Reports about one flag.
fn say(p: &Panel<'_>, sink: &mut Sink, id: Id, flag: &str, message: String, fix: String) {
    sink.add(p.asset, Draft::new(id, p.at(flag), message, fix));
}

/// Assesses, and reports a flag that is missing.
fn required(p: &Panel<'_>, sink: &mut Sink, id: Id, flags: &[&str], message: &str) {
    if !p.flags.complete {
        return;
    }
    sink.assess(id, 1);
    let missing: Vec<String> = flags
        .iter()
        .filter(|flag| !p.flags.has(flag))
        .map(|flag| format!("--{flag}"))
        .collect();
    let Some(first) = missing.first() else { return };
    let flag = first.trim_start_matches('-').to_owned();
    let fix = format!("Set {}", list(&missing));
    say(p, sink, id, &flag, message.to_owned(), fix);
}

/// Assesses, and reports a boolean flag that has the wrong value.
fn boolean(
    p: &Panel<'_>,
    sink: &mut Sink,
    (id, flag, want): (Id, &str, bool),
    default: (&'static str, bool),
    message: &str,
) {
    let value = match p.flags.truth(flag) {
        Some(value) => value,
        None if p.flags.has(flag) || !p.flags.complete => return,
        None => default.1,
    };
    sink.assess(id, 1);
    if value == want {
        return;
    }
    let fix = format!("Set --{flag}={want}");
    let mut draft = Draft::new(id, p.at(flag), message.to_owned(), fix);
    if !p.flags.has(flag) {
        draft = draft.evidence(format!("--{flag} is unset"), Proof::ApiDefault(default.0));
    }
    sink.add(p.asset, draft);
}

/// Judges the API server.
pub(super) fn check(p: &Panel<'_>, sink: &mut Sink) {
    anonymous(p, sink);
    if p.flags.complete || p.flags.has("token-auth-file") {
        sink.assess(Id::K1_2_2, 1);
        if p.flags.has("token-auth-file") {
            let message = "the API server accepts tokens that never expire, from a file".to_owned();
            let fix = "Remove --token-auth-file; use OIDC or short-lived tokens".to_owned();
            say(p, sink, Id::K1_2_2, "token-auth-file", message, fix);
        }
    }
    required(
        p,
        sink,
        Id::K1_2_4,
        &["kubelet-client-certificate", "kubelet-client-key"],
        "the API server shows kubelets no certificate",
    );
    required(
        p,
        sink,
        Id::K1_2_5,
        &["kubelet-certificate-authority"],
        "the API server does not verify kubelets' certificates",
    );
    authorization(p, sink);
    admission(p, sink);
    boolean(
        p,
        sink,
        (Id::K1_2_15, "profiling", false),
        ("--profiling=true", true),
        "the API server's profiling endpoint is on",
    );
    audit(p, sink);
    tokens(p, sink);
    connections(p, sink);
}

fn anonymous(p: &Panel<'_>, sink: &mut Sink) {
    // With a configuration file it decides, and is judged where it is seen.
    if p.flags.has("authentication-config") && !p.flags.has("anonymous-auth") {
        return;
    }
    let value = match p.flags.truth("anonymous-auth") {
        Some(value) => value,
        None if p.flags.has("anonymous-auth") || !p.flags.complete => return,
        None => true,
    };
    sink.assess(Id::K1_2_1, 1);
    if !value {
        return;
    }
    let fix = if p.version.minor >= 32 {
        "Set --anonymous-auth=false, or let an AuthenticationConfiguration limit anonymous requests \
         to /livez, /readyz and /healthz"
    } else {
        "Set --anonymous-auth=false"
    };
    let message = "the API server answers anonymous requests".to_owned();
    let mut draft = Draft::new(Id::K1_2_1, p.at("anonymous-auth"), message, fix.to_owned());
    if p.flags.lists("authorization-mode", "RBAC") {
        draft = draft.severity(Severity::Low).evidence(
            "RBAC leaves them version, health and what bindings give to system:unauthenticated",
            Proof::Source(p.at("authorization-mode").span),
        );
    }
    if !p.flags.has("anonymous-auth") {
        draft = draft.evidence(
            "--anonymous-auth is unset",
            Proof::ApiDefault("--anonymous-auth=true"),
        );
    }
    sink.add(p.asset, draft);
}

fn authorization(p: &Panel<'_>, sink: &mut Sink) {
    const FLAG: &str = "authorization-mode";
    if p.flags.has("authorization-config") || p.flags.is_unknown(FLAG) {
        return;
    }
    if !p.flags.has(FLAG) {
        if p.flags.complete {
            sink.assess(Id::K1_2_6, 1);
            let message = "the API server allows everything to everyone".to_owned();
            let fix = "Set --authorization-mode=Node,RBAC".to_owned();
            let draft = Draft::new(Id::K1_2_6, p.at(FLAG), message, fix).evidence(
                "--authorization-mode is unset",
                Proof::ApiDefault("--authorization-mode=AlwaysAllow"),
            );
            sink.add(p.asset, draft);
        }
        return;
    }
    sink.assess_all(&[Id::K1_2_6, Id::K1_2_7, Id::K1_2_8]);
    if p.flags.lists(FLAG, "AlwaysAllow") {
        let message = "the API server allows everything to everyone (AlwaysAllow)".to_owned();
        let fix = "Set --authorization-mode=Node,RBAC".to_owned();
        say(p, sink, Id::K1_2_6, FLAG, message, fix);
    }
    for (id, mode) in [(Id::K1_2_7, "Node"), (Id::K1_2_8, "RBAC")] {
        if !p.flags.lists(FLAG, mode) {
            let message = format!("{mode} is not among the API server's authorizers");
            let fix = format!("Add {mode} to --authorization-mode");
            say(p, sink, id, FLAG, message, fix);
        }
    }
}

fn admission(p: &Panel<'_>, sink: &mut Sink) {
    const ON: &str = "enable-admission-plugins";
    const OFF: &str = "disable-admission-plugins";
    let known = !p.flags.is_unknown(ON) && (p.flags.complete || p.flags.has(ON));
    if known {
        // The plug-in came with v1.21.
        if p.version.minor >= 21 {
            plugin(
                p,
                sink,
                Id::K1_2_3,
                "DenyServiceExternalIPs",
                "anyone who may create Services may take over addresses through externalIPs",
                None,
            );
        }
        plugin(
            p,
            sink,
            Id::K1_2_9,
            "EventRateLimit",
            "nothing limits how many events a client creates",
            None,
        );
        // Since then the kubelet itself asks for the pull secret of a cached image.
        let verified = p.version.minor >= 35;
        plugin(
            p,
            sink,
            Id::K1_2_11,
            "AlwaysPullImages",
            "a pod may use a private image that its node has cached, without the pull secret",
            verified.then_some(Severity::Info),
        );
        plugin(
            p,
            sink,
            Id::K1_2_14,
            "NodeRestriction",
            "a kubelet may change other nodes and label itself",
            None,
        );
        sink.assess(Id::K1_2_10, 1);
        if p.flags.lists(ON, "AlwaysAdmit") {
            let message = "AlwaysAdmit is on".to_owned();
            let fix = "Remove AlwaysAdmit from --enable-admission-plugins".to_owned();
            say(p, sink, Id::K1_2_10, ON, message, fix);
        }
    }
    if p.flags.is_unknown(OFF) || !(p.flags.complete || p.flags.has(OFF)) {
        return;
    }
    for (id, name) in [
        (Id::K1_2_12, "ServiceAccount"),
        (Id::K1_2_13, "NamespaceLifecycle"),
    ] {
        sink.assess(id, 1);
        if p.flags.lists(OFF, name) {
            let message = format!("the admission plug-in {name} is switched off");
            let fix = format!("Remove {name} from --disable-admission-plugins");
            say(p, sink, id, OFF, message, fix);
        }
    }
}

fn plugin(
    p: &Panel<'_>,
    sink: &mut Sink,
    id: Id,
    name: &str,
    message: &str,
    severity: Option<Severity>,
) {
    const ON: &str = "enable-admission-plugins";
    sink.assess(id, 1);
    let off = p.flags.lists("disable-admission-plugins", name);
    if p.flags.lists(ON, name) && !off {
        return;
    }
    // Several plug-ins are missed at one flag: each is a place of its own.
    let mut locus = p.at(ON);
    locus.path = format!("{}[{name}]", locus.path);
    let fix = format!("Add {name} to --enable-admission-plugins");
    let draft = Draft::new(id, locus, message.to_owned(), fix);
    sink.add(
        p.asset,
        match severity {
            Some(severity) => draft.severity(severity),
            None => draft,
        },
    );
}

fn audit(p: &Panel<'_>, sink: &mut Sink) {
    const PATH: &str = "audit-log-path";
    let webhook = p.flags.has("audit-webhook-config-file");
    let logs = p.flags.has(PATH) || webhook;
    if p.flags.complete || logs {
        sink.assess(Id::K1_2_16, 1);
    }
    if !logs {
        if p.flags.complete {
            let message = "the API server writes no audit log".to_owned();
            let fix = "Set --audit-log-path and --audit-policy-file".to_owned();
            say(p, sink, Id::K1_2_16, PATH, message, fix);
        }
        return;
    }
    required(
        p,
        sink,
        Id::K3_2_1,
        &["audit-policy-file"],
        "the API server has no audit policy, and so logs nothing",
    );
    // Standard output is kept and rotated by somebody else.
    if p.flags.value(PATH).is_none_or(|path| path == "-") {
        return;
    }
    // Zero, the default, means without limit.
    for (id, flag, least, what) in [
        (Id::K1_2_17, "audit-log-maxage", 30, "days"),
        (Id::K1_2_18, "audit-log-maxbackup", 10, "files"),
        (Id::K1_2_19, "audit-log-maxsize", 100, "megabytes per file"),
    ] {
        sink.assess(id, 1);
        let number = p
            .flags
            .value(flag)
            .and_then(|value| value.parse::<i64>().ok());
        if let Some(number) = number.filter(|number| (1..least).contains(number)) {
            let message = format!("the audit log is limited to {number} {what}");
            let fix = format!("Set --{flag}={least} or more");
            say(p, sink, id, flag, message, fix);
        }
    }
}

fn tokens(p: &Panel<'_>, sink: &mut Sink) {
    boolean(
        p,
        sink,
        (Id::K1_2_21, "service-account-lookup", true),
        ("--service-account-lookup=true", true),
        "tokens of deleted service accounts stay valid",
    );
    // An external signer brings its own keys.
    if !p.flags.has("service-account-signing-endpoint") {
        required(
            p,
            sink,
            Id::K1_2_22,
            &["service-account-key-file"],
            "service account tokens are checked with the API server's TLS key",
        );
    }
    boolean(
        p,
        sink,
        (
            Id::K1_2_30,
            "service-account-extend-token-expiration",
            false,
        ),
        ("--service-account-extend-token-expiration=true", true),
        "mounted service account tokens are valid for a year",
    );
}

fn connections(p: &Panel<'_>, sink: &mut Sink) {
    if let Some(value) = p.flags.value("request-timeout") {
        sink.assess(Id::K1_2_20, 1);
        if seconds(value).is_some_and(|seconds| seconds == 0 || seconds > 300) {
            let message = format!("requests may take {value}");
            let fix = "Set --request-timeout to 60s, or what slow networks need".to_owned();
            say(p, sink, Id::K1_2_20, "request-timeout", message, fix);
        }
    }
    let by_socket = p
        .flags
        .items("etcd-servers")
        .all(|url| url.starts_with("unix:"))
        && p.flags.has("etcd-servers");
    if !by_socket {
        required(
            p,
            sink,
            Id::K1_2_23,
            &["etcd-certfile", "etcd-keyfile"],
            "the API server shows etcd no certificate",
        );
        required(
            p,
            sink,
            Id::K1_2_26,
            &["etcd-cafile"],
            "the API server does not verify etcd",
        );
    }
    required(
        p,
        sink,
        Id::K1_2_24,
        &["tls-cert-file", "tls-private-key-file"],
        "the API server serves with a certificate that it made itself",
    );
    required(
        p,
        sink,
        Id::K1_2_25,
        &["client-ca-file"],
        "the API server accepts no client certificates",
    );
    required(
        p,
        sink,
        Id::K1_2_27,
        &["encryption-provider-config"],
        "Secrets are written to etcd in plain text",
    );
    weak_ciphers(p, sink, Id::K1_2_29, "API server");
}

/// A Go duration in whole seconds; `None` when it is none.
fn seconds(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: u64 = rest.get(..end)?.split('.').next()?.parse().ok()?;
        let unit = rest.get(end..)?;
        let (scale, length) = if unit.starts_with("ms") {
            (0, 2)
        } else if unit.starts_with('h') {
            (3600, 1)
        } else if unit.starts_with('m') {
            (60, 1)
        } else if unit.starts_with('s') {
            (1, 1)
        } else {
            return None;
        };
        total = total.checked_add(number.checked_mul(scale)?)?;
        rest = unit.get(length..)?;
    }
    Some(total)
}

/// Judges `--tls-cipher-suites` of any component.
pub(super) fn weak_ciphers(p: &Panel<'_>, sink: &mut Sink, id: Id, who: &str) {
    const FLAG: &str = "tls-cipher-suites";
    if p.flags.is_unknown(FLAG) {
        return;
    }
    if p.flags.has(FLAG) {
        sink.assess(id, 1);
        let weak: Vec<&str> = p
            .flags
            .items(FLAG)
            .filter(|suite| ciphers::is_weak(suite))
            .collect();
        if !weak.is_empty() {
            let message = format!("the {who} accepts {}", list(&weak));
            let fix = format!("Remove {} from --{FLAG}", list(&weak));
            say(p, sink, id, FLAG, message, fix);
        }
    } else if p.flags.complete {
        sink.assess(id, 1);
        if p.version.minor < ciphers::WEAK_DEFAULTS_BEFORE {
            let message = format!("the {who} accepts the default ciphers of {}", p.version);
            let fix = "List AEAD suites with ECDHE in --tls-cipher-suites".to_owned();
            let draft = Draft::new(id, p.at(FLAG), message, fix)
                .severity(Severity::Low)
                .evidence(
                    "the defaults before v1.32 have plain RSA key exchange or 3DES among them",
                    Proof::ApiDefault("--tls-cipher-suites: Go's defaults"),
                );
            sink.add(p.asset, draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_are_gos() {
        for (text, want) in [
            ("60s", Some(60)),
            ("1m0s", Some(60)),
            ("1h", Some(3600)),
            ("500ms", Some(0)),
            ("0", Some(0)),
            ("10", None),
            ("soon", None),
        ] {
            assert_eq!(seconds(text), want, "{text}");
        }
    }
}
