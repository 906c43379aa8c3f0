//! `seawall.yaml` and `.seawallignore.yaml`.

use crate::dice::hash;
use crate::{Target, corpus, news};
use std::collections::HashSet;

/// See the module.
pub const TARGET: Target = Target {
    name: "config",
    corpus: || corpus::seeds("config"),
    dictionary: &[
        "output: ", "severity: ", "only: ", "skip: ", "framework: ", "fail-on: ", "min-coverage: ",
        "kubernetes-version: ", "allowed-registries: ", "ignore-file: ", "ignore:\n", "- id: ",
        "  target: ", "  path: ", "  reason: ", "  expires: ", "W01", "critical", "none", "json=x",
        "terminal", "sarif", "cis", "v1.30", "latest", "100%", "1e999", "-0", ".nan", ".inf",
        "2027-01-31", "2027-02-30", "*", "?", "\n---\n", "[", "]", "{", "}", "&x ", "*x",
        "<<: *x\n", "null", "~", "yes", "0x1f", "\"", "\u{feff}", "\u{1b}[31m", "# c\n", "\t",
    ],
    run,
};

fn run(input: &[u8], features: &mut HashSet<u64>) {
    match seawall_cli::settings(input) {
        Ok(rows) => {
            for (name, value, origin) in rows {
                let changed = origin != "default";
                features.insert(hash(format!("{name} {changed} {}", value.len().min(30)).as_bytes()));
            }
        }
        Err(message) => complaint(&message, features),
    }
    match seawall_cli::accepted(input) {
        Ok(list) => {
            features.insert(list.len().min(20) as u64);
            for item in list {
                assert!(!item.id.is_empty() && !item.reason.trim().is_empty());
                let form = (item.target.is_some(), item.path.is_some(), item.expires.is_some());
                features.insert(hash(format!("{form:?}").as_bytes()));
            }
        }
        Err(message) => complaint(&message, features),
    }
}

fn complaint(message: &str, features: &mut HashSet<u64>) {
    assert!(message.contains("seawall"), "no place: {message}");
    let what = message.splitn(2, ": ").nth(1).unwrap_or(message);
    features.insert(hash(news::words(what).as_bytes()));
}
