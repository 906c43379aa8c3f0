//! W32 for ConfigMaps, and N11 for the settings of ingress-nginx.

use super::Thing;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::workload::credentials::{Credential, by_shape, judge};
use seawall_model::Severity;

/// More lines than a configuration file has.
const MOST_LINES: usize = 5_000;

pub(super) fn check(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess(Id::W32, 1);
    let Some(data) = t.get(&["data"]).and_then(|node| node.as_map()) else {
        return;
    };
    for entry in data {
        let Some(text) = entry.value.as_str() else {
            continue;
        };
        let pointer = format!("/data/{}", entry.key.replace('~', "~0").replace('/', "~1"));
        let path = format!("data[{}]", entry.key);
        if &*entry.key == "allow-snippet-annotations" && text.eq_ignore_ascii_case("true") {
            sink.assess(Id::N11, 1);
            let locus = t.at(&pointer, &path, Some(entry.value.span));
            let message =
                "ingress-nginx takes configuration snippets from every Ingress".to_owned();
            let fix = "Set allow-snippet-annotations to \"false\"".to_owned();
            sink.add(t.asset, Draft::new(Id::N11, locus, message, fix));
            continue;
        }
        let Some((name, credential)) = find(&entry.key, text) else {
            continue;
        };
        let locus = t.at(&pointer, &path, Some(entry.value.span));
        let message = match name {
            Some(name) => {
                format!(
                    "`{name}` in key `{}` holds {}",
                    entry.key,
                    credential.what()
                )
            }
            None => format!("key `{}` holds {}", entry.key, credential.what()),
        };
        let fix = format!("Move `{}` to a Secret and change the credential", entry.key);
        let severity = if credential == Credential::Token {
            Severity::Medium
        } else {
            Severity::High
        };
        sink.add(
            t.asset,
            Draft::new(Id::W32, locus, message, fix).severity(severity),
        );
    }
}

/// The first credential of a value: the value itself, or a line of the file it holds.
fn find<'a>(key: &str, text: &'a str) -> Option<(Option<&'a str>, Credential)> {
    if !text.trim_end().contains('\n') {
        return judge(key, text).map(|credential| (None, credential));
    }
    if let Some(credential) = by_shape(text) {
        return Some((None, credential));
    }
    if !is_settings(key) {
        return None;
    }
    text.lines().take(MOST_LINES).find_map(|line| {
        let line = line.trim();
        if line.starts_with(['#', ';', '/']) {
            return None;
        }
        let at = line.find([':', '='])?;
        let (name, value) = (line.get(..at)?.trim(), line.get(at + 1..)?.trim());
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-\"'".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        let name = name.trim_matches(['"', '\'']);
        let value = value.trim_end_matches(',').trim_matches(['"', '\'']);
        match judge(name, value)? {
            // A file has many keys that only sound like tokens.
            Credential::Token => None,
            credential => Some((Some(name), credential)),
        }
    })
}

/// Files of `name = value` or `name: value` lines; scripts and templates are not.
fn is_settings(key: &str) -> bool {
    let extension = key.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(
        extension.to_ascii_lowercase().as_str(),
        "properties" | "env" | "ini" | "conf" | "cfg" | "cnf" | "yaml" | "yml" | "toml" | "json"
    )
}
