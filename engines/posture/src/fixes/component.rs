//! Mends of the control plane and of kubelets: flags and fields of configuration files.

use super::{Found, careful, mechanical};
use crate::rules::Id;
use seawall_model::fix::tokens;
use seawall_model::{Data, Operation, Repair, Repairable};
use seawall_yaml::Node;

/// What a flag or field should be.
#[derive(Clone, Copy)]
enum Should {
    /// This.
    Be(&'static str),
    /// This truth.
    Hold(bool),
    /// This number.
    Count(i64),
    /// Not be set.
    Go,
}

const REQUESTS: &str =
    "clients without a certificate or token are refused: check what probes and tools use";
const LOOPBACK: &str =
    "whoever asked it over the network (a metrics collector) no longer reaches it";

/// The rule, its flag or field (the last part of the name), what it should be, and what could
/// break.
const TABLE: &[(Id, &str, Should, &str)] = &[
    (Id::K1_2_15, "--profiling", Should::Be("false"), ""),
    (Id::K1_2_17, "--audit-log-maxage", Should::Be("30"), ""),
    (Id::K1_2_18, "--audit-log-maxbackup", Should::Be("10"), ""),
    (Id::K1_2_19, "--audit-log-maxsize", Should::Be("100"), ""),
    (
        Id::K1_2_21,
        "--service-account-lookup",
        Should::Be("true"),
        "",
    ),
    (
        Id::K1_2_30,
        "--service-account-extend-token-expiration",
        Should::Be("false"),
        "clients that never read their token again are refused after an hour",
    ),
    (
        Id::K1_2_2,
        "--token-auth-file",
        Should::Go,
        "whoever logs in with a token of that file is locked out",
    ),
    (
        Id::K1_2_6,
        "--authorization-mode",
        Should::Be("Node,RBAC"),
        "whoever has no role is refused",
    ),
    (Id::K1_3_2, "--profiling", Should::Be("false"), ""),
    (Id::K1_3_2, "enableProfiling", Should::Hold(false), ""),
    (
        Id::K1_3_3,
        "--use-service-account-credentials",
        Should::Be("true"),
        "",
    ),
    (
        Id::K1_3_7,
        "--bind-address",
        Should::Be("127.0.0.1"),
        LOOPBACK,
    ),
    (Id::K1_4_1, "--profiling", Should::Be("false"), ""),
    (Id::K1_4_1, "enableProfiling", Should::Hold(false), ""),
    (
        Id::K1_4_2,
        "--bind-address",
        Should::Be("127.0.0.1"),
        LOOPBACK,
    ),
    (Id::K4_2_1, "enabled", Should::Hold(false), REQUESTS),
    (Id::K4_2_2, "mode", Should::Be("Webhook"), REQUESTS),
    (
        Id::K4_2_4,
        "readOnlyPort",
        Should::Count(0),
        "whoever read the node's state from that port has to log in",
    ),
    (
        Id::K4_2_4,
        "--read-only-port",
        Should::Be("0"),
        "whoever read the node's state from that port has to log in",
    ),
    (Id::K4_2_5, "streamingConnectionIdleTimeout", Should::Go, ""),
    (Id::K4_2_6, "makeIPTablesUtilChains", Should::Go, ""),
    (Id::K4_2_8, "eventRecordQPS", Should::Go, ""),
    (
        Id::K4_2_9,
        "serverTLSBootstrap",
        Should::Hold(true),
        "somebody has to approve the certificate requests of the nodes",
    ),
    (Id::K4_2_10, "rotateCertificates", Should::Hold(true), ""),
    (
        Id::K4_2_11,
        "RotateKubeletServerCertificate",
        Should::Go,
        "",
    ),
    (
        Id::K4_2_13,
        "podPidsLimit",
        Should::Count(1024),
        "a program with more processes and threads fails to start them",
    ),
    (
        Id::K4_2_14,
        "seccompDefault",
        Should::Hold(true),
        "programs that make unusual system calls fail",
    ),
    (
        Id::K4_3_1,
        "metricsBindAddress",
        Should::Be("127.0.0.1:10249"),
        LOOPBACK,
    ),
    (
        Id::K4_3_1,
        "--metrics-bind-address",
        Should::Be("127.0.0.1:10249"),
        LOOPBACK,
    ),
];

pub(super) fn knows(id: Id) -> bool {
    TABLE.iter().any(|(known, ..)| *known == id)
}

/// How the findings of a rule of this table are repaired.
pub(super) fn repairable(id: Id) -> Repairable {
    match TABLE.iter().find(|(known, ..)| *known == id) {
        None => Repairable::ByHand,
        Some((.., "")) => Repairable::Safe,
        Some(_) => Repairable::WithCaution,
    }
}

pub(super) fn mend(found: &Found<'_>) -> Option<Repair> {
    let path = &found.finding.locus.path;
    let name = found.named_item().or_else(|| path.rsplit('/').next())?;
    let (_, _, should, caution) = TABLE
        .iter()
        .find(|(id, known, ..)| *id == found.id && *known == name)?;
    let operation = if name.starts_with("--") {
        flag(found, name, *should)?
    } else {
        field(found, *should)?
    };
    Some(if caution.is_empty() {
        mechanical(vec![operation])
    } else {
        careful(vec![operation], *caution)
    })
}

fn field(found: &Found<'_>, should: Should) -> Option<Operation> {
    let pointer = found.pointer;
    // A file inside of a ConfigMap is text there.
    if found.object.get("kind").and_then(Node::as_str) == Some("ConfigMap") {
        return None;
    }
    // A way that is not one of this object.
    if tokens(pointer).is_empty() {
        return None;
    }
    Some(match should {
        Should::Be(word) => Operation::set(pointer, Data::text(word)),
        Should::Hold(truth) => Operation::set(pointer, Data::Bool(truth)),
        Should::Count(number) => Operation::set(pointer, Data::Int(number)),
        Should::Go => Operation::remove(pointer),
    })
}

fn flag(found: &Found<'_>, name: &str, should: Should) -> Option<Operation> {
    let node = found.at(found.pointer)?;
    if let Some(word) = node.as_str() {
        let (flag, _) = word.split_once('=')?; // else its value is the next word
        if flag != name {
            return None;
        }
        return match should {
            Should::Be(value) => Some(Operation::set(
                found.pointer,
                Data::text(format!("{name}={value}")),
            )),
            Should::Go => Some(Operation::remove(found.pointer)),
            _ => None,
        };
    }
    // Unset: the container's own words, where they are all in one list.
    let Should::Be(value) = should else {
        return None;
    };
    let has = |key: &str| {
        node.get(key)
            .and_then(Node::as_seq)
            .is_some_and(|l| !l.is_empty())
    };
    let list = match (has("command"), has("args")) {
        (_, true) => "args",
        (true, false) => "command",
        (false, false) => return None,
    };
    let words = node.get(list)?.as_seq()?;
    // A shell's script is not a list of flags.
    if words
        .iter()
        .any(|word| matches!(word.as_str(), Some("-c" | "-ec") | None))
    {
        return None;
    }
    Some(Operation::append(
        format!("{}/{list}", found.pointer),
        Data::text(format!("{name}={value}")),
    ))
}
