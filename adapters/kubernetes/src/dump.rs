//! A cluster as files, for a scan somewhere else.

use crate::error::Error;
use crate::redact::Redactor;
use crate::scan::{Options, trees};
use seawall_model::{Coverage, KubernetesVersion, SourceMap, Str};
use seawall_yaml::{Node, to_yaml};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What a dump holds.
#[derive(Debug)]
pub struct Dumped {
    /// Files by their path below the dump's directory.
    pub files: BTreeMap<String, String>,
    /// Objects in them.
    pub objects: u64,
    /// Values that were replaced because they are credentials.
    pub redacted: u64,
    /// What could not be read.
    pub coverage: Coverage,
    /// What the user calls the cluster.
    pub cluster: Str,
    /// The version that the cluster behaves as.
    pub version: Option<KubernetesVersion>,
}

/// Reads a cluster into files without credentials: one file for each kind in each namespace.
/// Values of Secrets are not even asked for.
pub fn dump(options: &Options, map: &Arc<SourceMap>) -> Result<Dumped, Error> {
    let options = Options {
        secrets: false,
        ..options.clone()
    };
    let trees = trees(&options, map)?;
    let mut redactor = Redactor::default();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let objects = trees.nodes.len() as u64;
    for mut node in trees.nodes {
        let origin = map.path(node.span.file);
        redactor.object(&mut node);
        let file = files.entry(path(&node)).or_default();
        let _ = write!(file, "---\n# {}\n{}", one_line(&origin), to_yaml(&node));
    }
    Ok(Dumped {
        files,
        objects,
        redacted: redactor.count(),
        coverage: trees.coverage,
        cluster: trees.cluster,
        version: trees.version,
    })
}

/// `shop/Deployment.apps.yaml`; what is in no namespace stands at the top.
fn path(node: &Node) -> String {
    let text = |path: &[&str]| node.at(path).and_then(Node::as_str).unwrap_or_default();
    let group = text(&["apiVersion"])
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let mut path = String::new();
    let namespace = plain(text(&["metadata", "namespace"]));
    if !namespace.is_empty() {
        path = format!("{namespace}/");
    }
    path.push_str(&plain(text(&["kind"])));
    if !group.is_empty() {
        path.push('.');
        path.push_str(&plain(group));
    }
    path.push_str(".yaml");
    path
}

/// A name that means nothing to a file system, whatever the server says.
fn plain(text: &str) -> String {
    let mut plain: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c))
        .take(200)
        .collect();
    if plain.starts_with('.') {
        plain.insert(0, '_');
    }
    plain
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
