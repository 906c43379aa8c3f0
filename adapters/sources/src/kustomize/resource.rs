//! One object on its way through a build, with what Kustomize remembers about it.

use super::ids::{self, Id};
use super::value::{self, text_at};
use seawall_model::{Span, Str};
use seawall_yaml::{Map, Node};

/// What a generated object does with one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Behavior {
    #[default]
    Create,
    Replace,
    Merge,
}

/// An identity that a resource had before a transformation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Previous {
    pub(super) name: Str,
    pub(super) namespace: Str,
    pub(super) kind: Str,
}

/// Where an object came from, for `buildMetadata: [originAnnotations]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) path: String,
    pub(super) configured_in: String,
    /// `apiVersion`, kind, name and namespace of the configuring object.
    pub(super) configured_by: Option<[String; 4]>,
}

/// An object and its history.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) node: Node,
    pub(super) previous: Vec<Previous>,
    pub(super) prefixes: Vec<Str>,
    pub(super) suffixes: Vec<Str>,
    pub(super) behavior: Behavior,
    pub(super) needs_hash: bool,
    pub(super) allow_name_change: bool,
    pub(super) allow_kind_change: bool,
    pub(super) origin: Option<Origin>,
    pub(super) transformations: Vec<Origin>,
    pub(super) vars: Vec<String>,
}

/// Annotations in which Kustomize itself keeps this; a patch can see and overwrite them.
const PREVIOUS_NAMES: &str = "internal.config.kubernetes.io/previousNames";
const PREVIOUS_NAMESPACES: &str = "internal.config.kubernetes.io/previousNamespaces";
const PREVIOUS_KINDS: &str = "internal.config.kubernetes.io/previousKinds";
const PREFIXES: &str = "internal.config.kubernetes.io/prefixes";
const SUFFIXES: &str = "internal.config.kubernetes.io/suffixes";
const HASH: &str = "internal.config.kubernetes.io/needsHashSuffix";
const BEHAVIOR: &str = "internal.config.kubernetes.io/generatorBehavior";

impl Resource {
    pub(super) fn new(node: Node) -> Self {
        Self {
            node,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            behavior: Behavior::Create,
            needs_hash: false,
            allow_name_change: false,
            allow_kind_change: false,
            origin: None,
            transformations: Vec::new(),
            vars: Vec::new(),
        }
    }

    pub(super) fn api_version(&self) -> Str {
        str_at(&self.node, &["apiVersion"])
    }

    pub(super) fn kind(&self) -> Str {
        str_at(&self.node, &["kind"])
    }

    pub(super) fn name(&self) -> Str {
        str_at(&self.node, &["metadata", "name"])
    }

    pub(super) fn namespace(&self) -> Str {
        str_at(&self.node, &["metadata", "namespace"])
    }

    /// Where the name is written, for messages.
    pub(super) fn span(&self) -> Span {
        self.node
            .at(&["metadata", "name"])
            .map_or(self.node.span, |n| n.span)
    }

    /// The identity now.
    pub(super) fn id(&self) -> Id {
        let (api_version, kind) = (self.api_version(), self.kind());
        let cluster = ids::cluster_scoped(&api_version, &kind);
        Id {
            cluster,
            name: self.name(),
            namespace: self.namespace(),
            api_version,
            kind,
        }
    }

    /// The identities before, oldest first.
    pub(super) fn previous_ids(&self) -> impl Iterator<Item = Id> + '_ {
        let api_version = self.api_version();
        self.previous.iter().map(move |previous| Id {
            api_version: api_version.clone(),
            kind: previous.kind.clone(),
            name: previous.name.clone(),
            namespace: previous.namespace.clone(),
            // Kustomize does not look up the scope again; the stored namespace says it.
            cluster: false,
        })
    }

    /// The first identity it had.
    pub(super) fn original_id(&self) -> Id {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }

    /// All identities, the present one last.
    pub(super) fn all_ids(&self) -> Vec<Id> {
        let mut all: Vec<Id> = self.previous_ids().collect();
        all.push(self.id());
        all
    }

    /// Whether this is its name now, or was one before: cheaper than [`Resource::all_ids`].
    pub(super) fn was_called(&self, name: &str) -> bool {
        text_at(&self.node, &["metadata", "name"]) == name
            || self.previous.iter().any(|previous| &*previous.name == name)
    }

    /// Remembers the present identity before it changes.
    pub(super) fn store_id(&mut self) {
        let id = self.id();
        self.previous.push(Previous {
            namespace: id.effective_namespace().into(),
            name: id.name,
            kind: id.kind,
        });
    }

    pub(super) fn set_name(&mut self, name: &str, span: Span) {
        if text_at(&self.node, &["metadata", "name"]) == name {
            return; // a number that reads the same stays one
        }
        set_meta(&mut self.node, "name", Some(value::string(name, span)));
    }

    /// Sets the namespace, or removes it when it is empty.
    pub(super) fn set_namespace(&mut self, namespace: &str, span: Span) {
        let value = (!namespace.is_empty()).then(|| value::string(namespace, span));
        set_meta(&mut self.node, "namespace", value);
    }

    pub(super) fn set_kind(&mut self, kind: &str) {
        if text_at(&self.node, &["kind"]) != kind
            && let Some(map) = self.node.as_map_mut()
        {
            let span = map.get("kind").map_or(Span::NONE, |n| n.span);
            map.insert("kind", span, value::string(kind, span));
        }
    }

    pub(super) fn set_api_version(&mut self, api_version: &str) {
        if text_at(&self.node, &["apiVersion"]) != api_version
            && let Some(map) = self.node.as_map_mut()
        {
            let span = map.get("apiVersion").map_or(Span::NONE, |n| n.span);
            map.insert("apiVersion", span, value::string(api_version, span));
        }
    }

    /// Writes the history into annotations, where a patch meets it.
    pub(super) fn materialize(&mut self) {
        let join = |pick: fn(&Previous) -> &Str| {
            self.previous
                .iter()
                .map(|p| &**pick(p))
                .collect::<Vec<_>>()
                .join(",")
        };
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if !self.previous.is_empty() {
            pairs.push((PREVIOUS_NAMES, join(|p| &p.name)));
            pairs.push((PREVIOUS_NAMESPACES, join(|p| &p.namespace)));
            pairs.push((PREVIOUS_KINDS, join(|p| &p.kind)));
        }
        if !self.prefixes.is_empty() {
            pairs.push((PREFIXES, self.prefixes.join(",")));
        }
        if !self.suffixes.is_empty() {
            pairs.push((SUFFIXES, self.suffixes.join(",")));
        }
        if self.needs_hash {
            pairs.push((HASH, "enabled".to_owned()));
            pairs.push((BEHAVIOR, "create".to_owned()));
        }
        if pairs.is_empty() {
            return;
        }
        if let Some(annotations) = meta_map(&mut self.node, "annotations") {
            for (key, text) in pairs {
                annotations.insert(key, Span::NONE, value::string(text, Span::NONE));
            }
        }
    }

    /// Reads the history back from the annotations, as the patch left it.
    pub(super) fn absorb(&mut self) {
        let has_internal = self
            .node
            .at(&["metadata", "annotations"])
            .and_then(Node::as_map)
            .is_some_and(|m| {
                m.iter()
                    .any(|e| e.key.starts_with("internal.config.kubernetes.io/"))
            });
        let mut take = |key: &str| -> Option<String> {
            if !has_internal {
                return None;
            }
            let annotations = self
                .node
                .as_map_mut()?
                .get_mut("metadata")?
                .as_map_mut()?
                .get_mut("annotations")?
                .as_map_mut()?;
            annotations
                .remove(key)
                .map(|node| value::text(&node).into_owned())
        };
        let names = take(PREVIOUS_NAMES);
        let namespaces = take(PREVIOUS_NAMESPACES).unwrap_or_default();
        let kinds = take(PREVIOUS_KINDS).unwrap_or_default();
        let list = |text: Option<String>| -> Vec<Str> {
            text.map(|t| t.split(',').map(Str::from).collect())
                .unwrap_or_default()
        };
        let prefixes = list(take(PREFIXES));
        let suffixes = list(take(SUFFIXES));
        let hash = take(HASH).is_some_and(|t| t == "enabled");
        take(BEHAVIOR);
        self.previous = names
            .map(|names| {
                let rest = namespaces.split(',').zip(kinds.split(','));
                let part = |(name, (namespace, kind)): (&str, (&str, &str))| Previous {
                    name: name.into(),
                    namespace: namespace.into(),
                    kind: kind.into(),
                };
                names.split(',').zip(rest).map(part).collect()
            })
            .unwrap_or_default();
        self.prefixes = prefixes;
        self.suffixes = suffixes;
        self.needs_hash = hash;
        if has_internal
            && self
                .node
                .at(&["metadata", "annotations"])
                .is_some_and(value::is_empty)
        {
            set_meta(&mut self.node, "annotations", None);
        }
    }

    /// Makes text of all labels and annotations, of null too: what Kustomize does to a patch
    /// that it may have to apply several times. Such a patch cannot delete a label.
    pub(super) fn plain_metadata(&mut self) {
        for field in ["labels", "annotations"] {
            let Some(node) = self.node.at(&["metadata", field]) else {
                continue;
            };
            let span = node.span;
            let map = string_map(Some(node));
            let value = (!map.is_empty()).then(|| Node::map(map, span));
            set_meta(&mut self.node, field, value);
        }
    }

    /// Takes over name, namespace, labels and annotations of another object, its own labels
    /// and annotations winning.
    pub(super) fn merge_metadata_from(&mut self, other: &Resource) {
        for field in ["labels", "annotations"] {
            let mut merged = string_map(other.node.at(&["metadata", field]));
            for entry in &string_map(self.node.at(&["metadata", field])) {
                merged.insert(entry.key.clone(), entry.key_span, entry.value.clone());
            }
            let span = self
                .node
                .at(&["metadata", field])
                .map_or(Span::NONE, |n| n.span);
            let value = (!merged.is_empty()).then(|| Node::map(merged, span));
            set_meta(&mut self.node, field, value);
        }
        self.previous.clone_from(&other.previous);
        self.prefixes.clone_from(&other.prefixes);
        self.suffixes.clone_from(&other.suffixes);
        self.needs_hash = self.needs_hash && other.needs_hash;
        self.behavior = other.behavior;
        self.set_name(&other.name(), other.span());
        let span = other
            .node
            .at(&["metadata", "namespace"])
            .map_or(Span::NONE, |n| n.span);
        self.set_namespace(&other.namespace(), span);
        self.vars.clone_from(&other.vars);
    }
}

fn str_at(node: &Node, path: &[&str]) -> Str {
    match node.at(path).map(|n| &n.value) {
        Some(seawall_yaml::Value::String(text)) => text.clone(),
        _ => text_at(node, path).into(),
    }
}

/// A mapping whose values are all text.
pub(super) fn string_map(node: Option<&Node>) -> Map {
    let mut result = Map::default();
    for entry in node.and_then(Node::as_map).into_iter().flatten() {
        let text = match &entry.value.value {
            seawall_yaml::Value::String(_) => entry.value.clone(),
            seawall_yaml::Value::Null if !value::is_unwritten(&entry.value) => {
                let tilde = entry.value.span.end.saturating_sub(entry.value.span.start) == 1;
                value::string(if tilde { "~" } else { "null" }, entry.value.span)
            }
            _ => value::string(value::text(&entry.value).into_owned(), entry.value.span),
        };
        result.insert(entry.key.clone(), entry.key_span, text);
    }
    result
}

/// Sets or removes a field of the metadata.
pub(super) fn set_meta(node: &mut Node, field: &str, value: Option<Node>) {
    let Some(root) = node.as_map_mut() else {
        return;
    };
    if root.get("metadata").is_none_or(|m| m.as_map().is_none()) {
        if value.is_none() {
            return;
        }
        root.insert(
            "metadata",
            Span::NONE,
            Node::map(Map::default(), Span::NONE),
        );
    }
    let Some(metadata) = root.get_mut("metadata").and_then(Node::as_map_mut) else {
        return;
    };
    match value {
        Some(value) if metadata.get(field) == Some(&value) => {}
        Some(value) => metadata.insert(field, value.span, value),
        None if metadata.contains_key(field) => {
            metadata.remove(field);
        }
        None => {}
    }
}

/// A mapping in the metadata, made if it is not there.
pub(super) fn meta_map<'n>(node: &'n mut Node, field: &str) -> Option<&'n mut Map> {
    let root = node.as_map_mut()?;
    let empty = || Node::map(Map::default(), Span::NONE);
    if root.get("metadata").is_none_or(Node::is_null) {
        root.insert("metadata", Span::NONE, empty());
    }
    let metadata = root.get_mut("metadata")?.as_map_mut()?;
    if metadata.get(field).is_none_or(Node::is_null) {
        metadata.insert(field, Span::NONE, empty());
    }
    metadata.get_mut(field)?.as_map_mut()
}
