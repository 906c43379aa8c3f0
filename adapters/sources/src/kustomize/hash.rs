//! The suffix that Kustomize gives to the names of generated objects.

use super::value::{text, text_at};
use seawall_model::Span;
use seawall_yaml::{Map, Node, to_json};
use sha2::{Digest, Sha256};

/// The hash of a ConfigMap's or Secret's content (of the whole object for other kinds).
pub(super) fn of(node: &Node) -> String {
    let kind = text_at(node, &["kind"]);
    let encoded = match &*kind {
        "ConfigMap" => encode(node, "ConfigMap", &["data"], &["binaryData"]),
        "Secret" => encode(node, "Secret", &["data", "type"], &["stringData"]),
        _ => to_json(node),
    };
    let digest = Sha256::digest(encoded.as_bytes());
    let mut hash = String::with_capacity(10);
    for byte in digest.iter().take(5) {
        for nibble in [byte >> 4, byte & 15] {
            // Letters and digits that cannot spell a word.
            hash.push(match nibble {
                0 => 'g',
                1 => 'h',
                3 => 'k',
                10 => 'm',
                14 => 't',
                other => char::from_digit(u32::from(other), 16).unwrap_or('g'),
            });
        }
    }
    hash
}

/// The content as JSON with sorted keys; what is missing is an empty string.
fn encode(node: &Node, kind: &str, always: &[&str], if_there: &[&str]) -> String {
    let mut map = Map::default();
    let string = |text: &str| Node::string(text, Span::NONE);
    map.insert("kind", Span::NONE, string(kind));
    // Kustomize looks the name up wrongly, so that it is never part of the hash.
    map.insert("name", Span::NONE, string(""));
    for field in always {
        let value = match node.get(field) {
            Some(value) if value.as_map().is_some() => value.clone(),
            Some(value) => string(&text(value)),
            None => string(""),
        };
        map.insert(*field, Span::NONE, value);
    }
    for field in if_there {
        if let Some(value) = node.get(field).filter(|value| value.as_map().is_some()) {
            map.insert(*field, Span::NONE, value.clone());
        }
    }
    to_json(&Node::map(map, Span::NONE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seawall_model::FileId;

    #[test]
    fn known_hashes() {
        let parse = |text: &str| {
            let stream = seawall_yaml::parse(text, FileId(1), &seawall_yaml::Limits::default());
            stream.documents.into_iter().next().unwrap().root
        };
        // From the tests of Kustomize's own hasher.
        assert_eq!(of(&parse("kind: ConfigMap")), "6ct58987ht");
        assert_eq!(of(&parse("kind: ConfigMap\ndata: {}")), "42745tchd9");
    }
}
