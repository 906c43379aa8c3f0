//! What was seen, as features.

use crate::dice::hash;
use seawall_model::Gap;
use seawall_yaml::{Node, Value};
use std::collections::HashSet;

/// What gaps say, without what they quote.
pub fn gaps(gaps: &[Gap], features: &mut HashSet<u64>) {
    features.insert(hash(&[1, gaps.len().min(8) as u8]));
    for gap in gaps {
        features.insert(hash(words(&gap.reason).as_bytes()));
    }
}

/// Two dozen letters of the message; names and numbers are different in every input.
pub fn words(message: &str) -> String {
    let mut inside = false;
    message
        .chars()
        .filter(|c| {
            if matches!(c, '`' | '"') {
                inside = !inside;
            }
            !inside && c.is_ascii_lowercase()
        })
        .take(24)
        .collect()
}

/// The form of a tree: which keys stand below which, which kinds of values they have.
pub fn tree(node: &Node, features: &mut HashSet<u64>) {
    visit(node, 0, 0, features);
}

fn visit(node: &Node, depth: usize, above: u64, features: &mut HashSet<u64>) {
    let (kind, size) = match &node.value {
        Value::Null => (0, 0),
        Value::Bool(truth) => (1, usize::from(*truth)),
        Value::Int(_) | Value::UInt(_) => (2, 0),
        Value::Float(_) => (3, 0),
        Value::String(text) => (4, (text.len() + 1).ilog2() as usize),
        Value::Seq(items) => (5, items.len().min(3)),
        Value::Map(map) => (6, map.len().min(5)),
    };
    features.insert(hash(
        &[&above.to_le_bytes()[..], &[kind, size as u8, depth.min(6) as u8]].concat(),
    ));
    match &node.value {
        Value::Seq(items) => {
            for item in items.iter().take(50) {
                visit(item, depth + 1, above, features);
            }
        }
        Value::Map(map) => {
            for entry in map.into_iter().take(50) {
                // Only keys that people would write: others are endless.
                let known = entry.key.len() < 20 && entry.key.bytes().all(|b| b.is_ascii_alphabetic());
                let key = if known { hash(entry.key.as_bytes()) % 64 } else { 64 };
                visit(&entry.value, depth + 1, key, features);
            }
        }
        _ => {}
    }
}
