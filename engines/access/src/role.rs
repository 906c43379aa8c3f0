//! Roles as the API server reads them: rules with their places, labels, what they aggregate.
//!
//! A rule is kept as it is written. Nothing is expanded: `*` stays `*`, and what a custom
//! resource is called is nobody's business here.

use crate::gaps::Gaps;
use seawall_model::{ResourceRef, Span, Str};
use seawall_snapshot::{LabelSelector, Object, ScopeId};
use seawall_yaml::{Node, Value};
use std::sync::Arc;

/// API group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// One rule of a role.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Verbs.
    pub verbs: Box<[Str]>,
    /// API groups.
    pub groups: Box<[Str]>,
    /// Resources, with subresources: `pods/exec`.
    pub resources: Box<[Str]>,
    /// Names; empty means all.
    pub names: Arc<[Str]>,
    /// Paths that are no resources.
    pub urls: Box<[Str]>,
    /// Its place in the role.
    pub index: u32,
    /// Where it stands.
    pub span: Span,
}

impl Rule {
    /// Its place as a JSON pointer into the role.
    pub fn pointer(&self) -> String {
        format!("/rules/{}", self.index)
    }
}

/// A Role or ClusterRole.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name as written.
    pub reference: ResourceRef,
    /// Which rendering it is in.
    pub scope: ScopeId,
    /// The namespace of a Role; a ClusterRole has none.
    pub namespace: Option<Str>,
    /// Where it stands.
    pub span: Span,
    /// Its own rules.
    pub rules: Vec<Rule>,
    /// Labels, sorted by key.
    pub labels: Vec<(Str, Str)>,
    /// The roles that are aggregated into it: those that one of these selects.
    pub aggregates: Vec<LabelSelector>,
    /// Whether the API server makes it, and the input does not have it.
    pub is_default: bool,
    /// Whether it is one that the API server makes, written in the input or not.
    pub is_known: bool,
}

impl Role {
    /// The role that an object is, if it is one.
    pub(crate) fn read(object: &Object, gaps: &mut Gaps) -> Option<Self> {
        let reference = &object.reference;
        let namespace = match &*reference.kind {
            "Role" => Some(Str::from(object.namespace())),
            "ClusterRole" => None,
            _ => return None,
        };
        let mut rules = Vec::new();
        for (index, node) in object.items(&["rules"]).iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            rules.push(rule(node, index, namespace.is_some(), reference, gaps));
        }
        Some(Self {
            reference: reference.clone(),
            scope: object.scope,
            span: object.name_span,
            rules,
            labels: object.labels.clone(),
            aggregates: if namespace.is_none() {
                selectors(object, gaps)
            } else {
                Vec::new()
            },
            namespace,
            is_default: false,
            is_known: false,
        })
    }
}

fn rule(node: &Node, index: u32, is_namespaced: bool, of: &ResourceRef, gaps: &mut Gaps) -> Rule {
    let mut list = |key| texts(node, key, of, gaps);
    let rule = Rule {
        verbs: list("verbs").into(),
        groups: list("apiGroups").into(),
        resources: list("resources").into(),
        names: list("resourceNames").into(),
        urls: list("nonResourceURLs").into(),
        index,
        span: node.span,
    };
    if let Some(why) = refused(&rule, is_namespaced) {
        let why = format!("rule {index} of {of} {why}: the API server would refuse the object");
        gaps.invalid(of, node.span, why);
    }
    rule
}

/// Why the API server would not take a rule.
fn refused(rule: &Rule, is_namespaced: bool) -> Option<&'static str> {
    if rule.verbs.is_empty() {
        return Some("has no verbs");
    }
    if !rule.urls.is_empty() {
        let has_resources =
            !rule.groups.is_empty() || !rule.resources.is_empty() || !rule.names.is_empty();
        return if is_namespaced {
            Some("has nonResourceURLs, which are in no namespace")
        } else if has_resources {
            Some("has both resources and nonResourceURLs")
        } else {
            None
        };
    }
    if rule.groups.is_empty() {
        return Some("has no apiGroups (write \"\" for the core group)");
    }
    rule.resources.is_empty().then_some("has no resources")
}

/// The texts of a list; what is none is a gap.
pub(crate) fn texts(node: &Node, key: &str, of: &ResourceRef, gaps: &mut Gaps) -> Vec<Str> {
    let Some(list) = node.get(key).filter(|list| !list.is_null()) else {
        return Vec::new();
    };
    let Some(items) = list.as_seq() else {
        let why = format!("`{key}` of {of} must be a list: the API server would refuse the object");
        gaps.invalid(of, list.span, why);
        return Vec::new();
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        if let Value::String(text) = &item.value {
            texts.push(text.clone());
            continue;
        }
        let why =
            format!("`{key}` of {of} must be strings: the API server would refuse the object");
        gaps.invalid(of, item.span, why);
    }
    texts
}

fn selectors(object: &Object, gaps: &mut Gaps) -> Vec<LabelSelector> {
    let mut selectors = Vec::new();
    for node in object.items(&["aggregationRule", "clusterRoleSelectors"]) {
        if let Some(selector) = LabelSelector::read(node) {
            selectors.push(selector);
            continue;
        }
        let of = &object.reference;
        let why = format!(
            "a selector of {of} has an unknown operator: the API server would refuse the object"
        );
        gaps.invalid(of, node.span, why);
    }
    selectors
}
