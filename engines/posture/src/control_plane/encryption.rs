//! K1.2.28 and N14: EncryptionConfiguration.

use super::Document;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::Severity;
use seawall_yaml::Node;

/// Keys that the documentation prints.
const PUBLISHED: [&str; 3] = [
    "c2VjcmV0IGlzIHNlY3VyZQ==",
    "dGhpcyBpcyBwYXNzd29yZA==",
    "c2VjcmV0IGlzIHNlY3VyZSwgSVMgSVQ/",
];

/// Whether an entry's resources have Secrets among them.
fn covers_secrets(entry: &Node) -> bool {
    let resources = entry
        .get("resources")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    resources
        .iter()
        .filter_map(Node::as_str)
        .any(|resource| matches!(resource, "secrets" | "*." | "*.*"))
}

/// Judges an EncryptionConfiguration. The first entry that covers a resource decides.
pub(super) fn check(d: &Document<'_>, sink: &mut Sink) {
    sink.assess_all(&[Id::K1_2_28, Id::N14]);
    let entries = d.items(&["resources"]);
    let Some((index, entry)) = entries.iter().enumerate().find(|(_, e)| covers_secrets(e)) else {
        let locus = d.at("/resources", d.get(&["resources"]).map(|node| node.span));
        let message = "nothing in the configuration covers Secrets".to_owned();
        let fix = "Add an entry for secrets with a kms v2 provider".to_owned();
        d.report(
            sink,
            Draft::new(Id::N14, locus, message, fix).severity(Severity::High),
        );
        return;
    };
    let providers = entry
        .get("providers")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    let base = format!("/resources/{index}/providers");
    let Some(first) = providers.first() else {
        return;
    };
    if first.get("identity").is_some() {
        let only = providers.len() == 1;
        let message = if only {
            "Secrets are written in plain text: identity is the only provider".to_owned()
        } else {
            "Secrets are written in plain text: identity is the first provider".to_owned()
        };
        let fix = "Put kms v2, secretbox or aescbc first, then rewrite all Secrets".to_owned();
        let locus = d.at(&format!("{base}/0/identity"), Some(first.span));
        d.report(sink, Draft::new(Id::K1_2_28, locus, message, fix));
    }
    for (at, provider) in providers.iter().enumerate() {
        published_key(d, &format!("{base}/{at}"), provider, sink);
    }
    // Only the first provider writes; the others read what is left from before.
    if first.get("aesgcm").is_some() {
        let locus = d.at(&format!("{base}/0/aesgcm"), Some(first.span));
        let message =
            "Secrets are written with aesgcm, which is only safe if its key changes often"
                .to_owned();
        let fix = "Write with kms v2 or secretbox".to_owned();
        d.report(
            sink,
            Draft::new(Id::N14, locus, message, fix).severity(Severity::Low),
        );
    }
    if let Some(kms) = first.get("kms") {
        let version = kms.get("apiVersion").and_then(Node::as_str).unwrap_or("v1");
        // KMS v1 is deprecated since v1.28 and off by default since v1.29.
        if version == "v1" && d.version.minor >= 28 {
            let locus = d.at(&format!("{base}/0/kms/apiVersion"), Some(kms.span));
            let message = "Secrets are written with KMS v1, which is deprecated".to_owned();
            let fix = "Set apiVersion: v2 on the kms provider".to_owned();
            d.report(
                sink,
                Draft::new(Id::N14, locus, message, fix).severity(Severity::Low),
            );
        }
    }
}

fn published_key(d: &Document<'_>, base: &str, provider: &Node, sink: &mut Sink) {
    for kind in ["aescbc", "aesgcm", "secretbox"] {
        let keys = provider
            .at(&[kind, "keys"])
            .and_then(Node::as_seq)
            .unwrap_or_default();
        for (index, key) in keys.iter().enumerate() {
            let Some(secret) = key.get("secret") else {
                continue;
            };
            if !secret
                .as_str()
                .is_some_and(|text| PUBLISHED.contains(&text))
            {
                continue;
            }
            let locus = d.at(
                &format!("{base}/{kind}/keys/{index}/secret"),
                Some(secret.span),
            );
            let message = "the encryption key is the one printed in the documentation".to_owned();
            let fix =
                "Make a key with `head -c 32 /dev/urandom | base64`, then rewrite all Secrets";
            let draft = Draft::new(Id::N14, locus, message, fix.to_owned());
            d.report(sink, draft.severity(Severity::High));
        }
    }
}
