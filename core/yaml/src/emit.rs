//! [`Node`] to text.

use crate::Node;

/// Block-style YAML with the layout of `sigs.k8s.io/yaml` (keys sorted, lists not indented
/// under their key), which is what Helm's `toYaml` writes.
pub fn to_yaml(node: &Node) -> String {
    let _ = node;
    String::new()
}

/// Compact JSON with sorted keys, as Go's `encoding/json` writes it.
pub fn to_json(node: &Node) -> String {
    let _ = node;
    String::new()
}
