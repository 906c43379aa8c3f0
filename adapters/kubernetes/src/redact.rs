//! Objects without the credentials that stand in them.
//!
//! What a scan would call a credential is replaced by a stand-in that it still calls one, so
//! that a scan of the redacted objects finds the same. A stand-in carries a keyed
//! fingerprint: equal credentials stay equal, and nobody can try passwords against it, since
//! the key is gone when the program ends.

use seawall_posture::is_credential;
use seawall_yaml::{Node, Value};
use std::hash::{BuildHasher, RandomState};

/// Nobody's name: with it only the shape of a value counts.
const NO_NAME: &str = "";
/// The most that is kept of a token's beginning, which says whose it is.
const PREFIX: usize = 11;

/// Replaces credentials; one for a whole dump.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    key: RandomState,
    count: u64,
}

impl Redactor {
    /// How many values were replaced.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Redacts a whole object.
    pub(crate) fn object(&mut self, node: &mut Node) {
        if node.get("kind").and_then(Node::as_str) == Some("Secret")
            && let Some(map) = node.as_map_mut()
        {
            for key in ["data", "stringData"] {
                if let Some(values) = map.get_mut(key).and_then(Node::as_map_mut) {
                    for entry in values.entries_mut() {
                        let text = entry.value.as_str().unwrap_or_default();
                        let stand_in = self.fingerprint(text);
                        self.replace(&mut entry.value, stand_in);
                    }
                }
            }
            return;
        }
        self.node(NO_NAME, node);
    }

    fn replace(&mut self, node: &mut Node, text: String) {
        self.count += 1;
        node.value = Value::String(text.into());
    }

    /// Redacts what is below a key.
    fn node(&mut self, key: &str, node: &mut Node) {
        match &mut node.value {
            Value::Map(map) => {
                let name = map.get("name").and_then(Node::as_str).map(str::to_owned);
                for entry in map.entries_mut() {
                    let own = match &name {
                        // A variable, a header, a parameter.
                        Some(name) if &*entry.key == "value" => name.clone(),
                        _ => entry.key.to_string(),
                    };
                    self.node(&own, &mut entry.value);
                }
            }
            Value::Seq(_) => self.words(node),
            Value::String(text) => {
                if let Some(redacted) = self.text(key, text) {
                    self.replace(node, redacted);
                }
            }
            _ => {}
        }
    }

    /// A list: of objects, or of the words of a command.
    fn words(&mut self, node: &mut Node) {
        let mut option: Option<String> = None;
        for item in node.as_seq_mut().into_iter().flatten() {
            let Some(word) = item.as_str().map(str::to_owned) else {
                self.node(NO_NAME, item);
                continue;
            };
            let redacted = match (word.split_once('='), &option) {
                (Some((name, value)), _) if word.starts_with('-') => self
                    .text(name, value)
                    .map(|value| format!("{name}={value}")),
                (_, Some(name)) if !word.starts_with('-') => self.text(name, &word),
                _ => self.text(NO_NAME, &word),
            };
            option = (word.starts_with("--") && !word.contains('=')).then_some(word);
            if let Some(redacted) = redacted {
                self.replace(item, redacted);
            }
        }
    }

    /// A text without its credentials, if it has any.
    fn text(&self, name: &str, text: &str) -> Option<String> {
        if !text.trim_end().contains('\n') {
            return is_credential(name, text).then(|| self.stand_in(name, text));
        }
        if is_credential(NO_NAME, text) {
            return Some(self.key_file(text));
        }
        let mut found = false;
        let lines: Vec<String> = text
            .split('\n')
            .map(|line| match self.setting(line) {
                Some(line) => {
                    found = true;
                    line
                }
                None => line.to_owned(),
            })
            .collect();
        found.then(|| lines.join("\n"))
    }

    /// A line `name = value` of a file of settings.
    fn setting(&self, line: &str) -> Option<String> {
        let at = line.find([':', '='])?;
        let (name, rest) = line.split_at_checked(at)?;
        let value = rest.get(1..)?;
        let quotes = ['"', '\'', ',', ' ', '\r', '\t'];
        let bare = value.trim_matches(quotes);
        let plain = name.trim().trim_matches(['"', '\'']);
        let whole = is_credential(NO_NAME, line.trim());
        if !is_credential(plain, bare) && !whole {
            return None;
        }
        let stand_in = self.stand_in(if whole { NO_NAME } else { plain }, bare);
        Some(line.replacen(bare, &stand_in, 1))
    }

    /// A value of the same kind that says nothing.
    fn stand_in(&self, name: &str, value: &str) -> String {
        let print = self.fingerprint(value);
        let candidates = [
            self.in_url(value),
            self.in_pairs(value),
            Some(format!("redacted-{print}")),
            // Only a token of a known issuer gets this far.
            Some(lengthened(value, &print)),
        ];
        let mut usable = candidates
            .into_iter()
            .flatten()
            .filter(|candidate| is_credential(name, candidate));
        usable.next().unwrap_or_else(|| format!("redacted-{print}"))
    }

    /// `scheme://user:password@host`: the password.
    fn in_url(&self, value: &str) -> Option<String> {
        let (scheme, rest) = value.split_once("://")?;
        let end = rest
            .find(['/', '?', '#', ' ', '"', '\''])
            .unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let (user, host) = authority.rsplit_once('@')?;
        let (user, password) = user.split_once(':')?;
        let print = self.fingerprint(password);
        Some(format!("{scheme}://{user}:redacted-{print}@{host}{tail}"))
    }

    /// `Server=x;Password=y`: every value, since drivers have many names for a password.
    fn in_pairs(&self, value: &str) -> Option<String> {
        if !value.contains(';') {
            return None;
        }
        let pairs: Vec<String> = value
            .split(';')
            .map(|pair| match pair.split_once('=') {
                Some((key, value)) => format!("{key}=redacted-{}", self.fingerprint(value)),
                None => pair.to_owned(),
            })
            .collect();
        Some(pairs.join(";"))
    }

    /// A private key, perhaps among other things: only its first and last lines stay.
    fn key_file(&self, text: &str) -> String {
        let mut out: Vec<&str> = Vec::new();
        let print = format!("redacted-{}", self.fingerprint(text));
        for line in text.split('\n') {
            if line.contains("-----BEGIN ") || line.contains("-----END ") {
                out.push(line);
                if line.contains("-----BEGIN ") {
                    out.push(&print);
                }
            }
        }
        out.join("\n")
    }

    fn fingerprint(&self, value: &str) -> String {
        format!("{:016x}", self.key.hash_one(value))
    }
}

/// The beginning of a token, which says whose it is, and as many characters as it had.
fn lengthened(value: &str, print: &str) -> String {
    let head: String = value.chars().take(PREFIX).collect();
    let end = head
        .rfind(['-', '_', '.'])
        .map_or(head.len().min(4), |at| at + 1);
    let mut out = head.get(..end).unwrap_or_default().to_owned();
    while out.len() < value.len() {
        out.push_str(print);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use seawall_model::FileId;
    use seawall_yaml::{Limits, parse, to_json};

    fn redacted(text: &str) -> String {
        let stream = parse(text, FileId::UNKNOWN, &Limits::default());
        let mut root = stream.documents.into_iter().next().unwrap().root;
        Redactor::default().object(&mut root);
        to_json(&root)
    }

    #[test]
    fn credentials_go_and_stay_credentials() {
        for (name, value) in [
            ("DB_PASSWORD", "tr0ub4dor&3"),
            ("API_TOKEN", "0123456789abcdef0123456789abcdef"),
            ("X", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
            ("DSN", "postgres://shop:hunter2hunter2@db:5432/shop"),
            ("DSN", "Server=db;User=shop;Password=hunter2hunter2;"),
        ] {
            assert!(is_credential(name, value), "{name}");
            let redactor = Redactor::default();
            let stand_in = redactor.text(name, value).unwrap();
            assert!(is_credential(name, &stand_in), "{name}: {stand_in}");
            let secret = if value.contains("hunter2") {
                "hunter2"
            } else {
                value.get(5..).unwrap()
            };
            assert!(!stand_in.contains(secret), "{stand_in}");
            assert_eq!(redactor.text(name, value), Some(stand_in));
        }
    }

    #[test]
    fn every_place_is_looked_at() {
        let out = redacted(
            "kind: Pod\nspec:\n  containers:\n  - name: app\n    env:\n    - {name: DB_PASSWORD, value: hunter2hunter2}\n    - {name: COLOUR, value: sea-blue}\n    args: [--password, hunter2hunter2, --db-password=hunter2hunter2, --colour=sea-blue]\n",
        );
        assert!(!out.contains("hunter2"), "{out}");
        assert_eq!(out.matches("sea-blue").count(), 2, "{out}");
        let out = redacted(
            "kind: ConfigMap\ndata:\n  app.properties: |\n    colour=sea-blue\n    db.password = hunter2hunter2\n    admin.password=hunter2hunter2\n  key.pem: |\n    -----BEGIN PRIVATE KEY-----\n    hunter2\n    -----END PRIVATE KEY-----\n",
        );
        assert!(!out.contains("hunter2"), "{out}");
        assert!(
            out.contains("sea-blue") && out.contains("BEGIN PRIVATE KEY"),
            "{out}"
        );
        let out = redacted("kind: Secret\ndata: {colour: c2VhLWJsdWU=}\nstringData: {a: b c}\n");
        assert!(!out.contains("c2Vh") && !out.contains("b c"), "{out}");
    }
}
