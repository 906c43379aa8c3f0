//! The objects that bindings hand to policies as `params`.

use super::definition::{Binding, Policy};
use super::target::Target;
use crate::cel::Value;
use seawall_model::Str;
use seawall_snapshot::Snapshot;
use seawall_yaml::Node;

/// An object that a binding may name.
#[derive(Debug)]
pub(super) struct Param {
    group: Str,
    kind: Str,
    name: Str,
    namespace: Option<Str>,
    labels: Vec<(Str, Str)>,
    value: Value,
}

impl Param {
    pub(super) fn of(tree: &Node) -> Option<Self> {
        let text = |path: &[&str]| tree.at(path).and_then(Node::as_str).map(Str::from);
        let version = text(&["apiVersion"])?;
        let mut labels: Vec<(Str, Str)> = tree
            .at(&["metadata", "labels"])
            .and_then(Node::as_map)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((entry.key.clone(), Str::from(entry.value.as_str()?))))
            .collect();
        labels.sort_unstable();
        Some(Self {
            group: version
                .rsplit_once('/')
                .map_or("", |(group, _)| group)
                .into(),
            kind: text(&["kind"])?,
            name: text(&["metadata", "name"])?,
            namespace: text(&["metadata", "namespace"]),
            labels,
            value: Value::of(tree),
        })
    }

    /// Objects of the picture that some policy may get.
    pub(super) fn in_picture(snapshot: &Snapshot, policies: &[&Policy]) -> Vec<Self> {
        let is_asked = |group: &str, kind: &str| {
            policies.iter().any(|policy| {
                policy
                    .param_kind
                    .as_ref()
                    .is_some_and(|(g, k)| &**g == group && &**k == kind)
            })
        };
        snapshot
            .objects()
            .filter(|(_, object)| is_asked(&object.reference.group, &object.reference.kind))
            .filter_map(|(_, object)| Self::of(object.tree()?))
            .collect()
    }
}

/// What a policy gets for an object.
pub(super) enum Given<'p> {
    /// The policy takes no parameters, or the binding gives none.
    Nothing,
    /// One evaluation for each of these.
    Each(Vec<&'p Value>),
    /// There is none, and the binding says that this is fine.
    Skip,
    /// There is none, which is an error.
    Missing,
}

/// The objects that a binding names for its policy, in whatever namespace.
pub(super) fn named<'p>(
    policy: &Policy,
    binding: &Binding,
    params: &[&'p Param],
) -> Vec<&'p Param> {
    let (Some((group, kind)), Some(reference)) = (&policy.param_kind, &binding.params) else {
        return Vec::new();
    };
    let is_named = |param: &Param| match (&reference.name, &reference.selector) {
        (Some(name), _) => param.name == *name,
        (None, Some(selector)) => selector.matches(&param.labels),
        (None, None) => false,
    };
    params
        .iter()
        .copied()
        .filter(|param| param.group == *group && param.kind == *kind && is_named(param))
        .collect()
}

/// The parameters for an object, of those that are [`named`].
pub(super) fn given<'p>(
    policy: &Policy,
    binding: &Binding,
    target: &Target<'_>,
    params: &[&'p Param],
) -> Given<'p> {
    let (Some(_), Some(reference)) = (&policy.param_kind, &binding.params) else {
        return Given::Nothing;
    };
    // Parameters live in the namespace that the binding names, or in the object's own; kinds
    // outside of namespaces have none.
    let namespace = reference
        .namespace
        .as_deref()
        .or_else(|| target.is_namespaced().then(|| target.namespace()));
    let found: Vec<&'p Value> = params
        .iter()
        .copied()
        .filter(|param| match (&param.namespace, namespace) {
            (None, _) => true,
            (Some(own), Some(namespace)) => &**own == namespace,
            (Some(_), None) => false,
        })
        .map(|param| &param.value)
        .collect();
    match (found.is_empty(), reference.deny_if_missing) {
        (false, _) => Given::Each(found),
        (true, true) => Given::Missing,
        (true, false) => Given::Skip,
    }
}
