//! Which objects a policy is about: `matchConstraints` and `matchResources`.

use super::resources::equivalent_groups;
use seawall_model::{Span, Str};
use seawall_snapshot::{LabelSelector, selector::Operator};
use seawall_yaml::Node;
use std::collections::HashMap;

/// The label that every namespace has.
const NAME: &str = "kubernetes.io/metadata.name";

/// Rules and selectors; all of them must agree.
#[derive(Debug, Clone, Default)]
pub(super) struct Constraint {
    pub(super) rules: Vec<ResourceRule>,
    excluded: Vec<ResourceRule>,
    namespaces: LabelSelector,
    objects: LabelSelector,
    is_exact: bool,
}

/// One rule about resources and operations.
#[derive(Debug, Clone)]
pub(super) struct ResourceRule {
    names: Vec<Str>,
    on_create: bool,
    groups: Vec<Str>,
    versions: Vec<Str>,
    resources: Vec<Str>,
    scope: Option<bool>,
}

/// An object as rules see it.
#[derive(Debug)]
pub(super) struct Subject<'s> {
    pub(super) group: &'s str,
    pub(super) version: &'s str,
    pub(super) resource: &'s str,
    pub(super) name: &'s str,
    pub(super) is_namespaced: bool,
    pub(super) labels: &'s [(Str, Str)],
    /// The namespace it is in, or is; `None` for other objects outside of namespaces.
    pub(super) namespace: Option<&'s str>,
    /// The namespace's labels, where the namespace is in the picture.
    pub(super) namespace_labels: Option<&'s [(Str, Str)]>,
}

/// Whether an object is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matched {
    Yes,
    No,
    /// It depends on labels of a namespace that is not in the picture.
    NamespaceUnknown,
}

impl Constraint {
    /// Reads `matchConstraints` or `matchResources`.
    pub(super) fn read(node: &Node) -> Result<Self, (Span, String)> {
        Self::with_rules(node, "resourceRules")
    }

    /// Reads the same of a webhook, which calls its rules `rules`.
    pub(super) fn of_webhook(node: &Node) -> Result<Self, (Span, String)> {
        Self::with_rules(node, "rules")
    }

    fn with_rules(node: &Node, rules_key: &str) -> Result<Self, (Span, String)> {
        let rules = |key: &str| -> Result<Vec<ResourceRule>, (Span, String)> {
            let items = node.get(key).and_then(Node::as_seq).unwrap_or_default();
            items.iter().map(ResourceRule::read).collect()
        };
        let selector = |key: &str| match node.get(key) {
            None => Ok(LabelSelector::default()),
            Some(selector) => LabelSelector::read(selector).ok_or_else(|| {
                let message = format!("{key} has an operator that does not exist");
                (selector.span, message)
            }),
        };
        Ok(Self {
            rules: rules(rules_key)?,
            excluded: rules("excludeResourceRules")?,
            namespaces: selector("namespaceSelector")?,
            objects: selector("objectSelector")?,
            is_exact: node.get("matchPolicy").and_then(Node::as_str) == Some("Exact"),
        })
    }

    /// Whether there is a rule at all.
    pub(super) fn is_about_something(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether this is about the object when it is created.
    pub(super) fn matches(&self, subject: &Subject<'_>) -> Matched {
        if self.rules_match(subject) {
            self.selects(subject)
        } else {
            Matched::No
        }
    }

    /// Whether the rules give all objects of a kind the same answer.
    fn is_by_kind(&self) -> bool {
        let mut rules = self.rules.iter().chain(&self.excluded);
        rules.all(|rule| rule.names.is_empty())
    }

    /// Whether the rules are about the object. A binding may leave out rules: then the
    /// policy's are enough.
    fn rules_match(&self, subject: &Subject<'_>) -> bool {
        let any = |rules: &[ResourceRule]| {
            rules
                .iter()
                .any(|rule| rule.matches(subject, self.is_exact))
        };
        !any(&self.excluded) && (self.rules.is_empty() || any(&self.rules))
    }

    /// What the selectors say.
    pub(super) fn selects(&self, subject: &Subject<'_>) -> Matched {
        if !self.objects.matches(subject.labels) {
            return Matched::No;
        }
        self.namespace_matches(subject)
    }

    fn namespace_matches(&self, subject: &Subject<'_>) -> Matched {
        let Some(namespace) = subject.namespace else {
            return Matched::Yes; // selectors of namespaces say nothing about such objects
        };
        if let Some(labels) = subject.namespace_labels {
            return if self.namespaces.matches(labels) {
                Matched::Yes
            } else {
                Matched::No
            };
        }
        // Every namespace has this label; the others are not known.
        let mut answer = Matched::Yes;
        for requirement in &self.namespaces.requirements {
            if &*requirement.key != NAME {
                answer = Matched::NamespaceUnknown;
                continue;
            }
            let has = |values: &[Str]| values.iter().any(|value| &**value == namespace);
            let holds = match &requirement.operator {
                Operator::In(values) => has(values),
                Operator::NotIn(values) => !has(values),
                Operator::Exists => true,
                Operator::DoesNotExist => false,
            };
            if !holds {
                return Matched::No;
            }
        }
        answer
    }
}

/// What a policy's rules say about the kinds of objects, found out once for each kind.
#[derive(Default)]
pub(super) struct ByKind(HashMap<usize, bool>);

impl ByKind {
    /// As [`Constraint::rules_match`], for an object of the kind with this number.
    pub(super) fn rules_match(
        &mut self,
        constraint: &Constraint,
        kind: usize,
        subject: &Subject<'_>,
    ) -> bool {
        if !constraint.is_by_kind() {
            return constraint.rules_match(subject);
        }
        let known = self.0.entry(kind);
        *known.or_insert_with(|| constraint.rules_match(subject))
    }
}

fn texts(node: &Node, key: &str) -> Vec<Str> {
    let items = node.get(key).and_then(Node::as_seq).unwrap_or_default();
    items
        .iter()
        .filter_map(Node::as_str)
        .map(Str::from)
        .collect()
}

fn has(words: &[Str], word: &str) -> bool {
    words
        .iter()
        .any(|known| &**known == "*" || &**known == word)
}

impl ResourceRule {
    fn read(node: &Node) -> Result<Self, (Span, String)> {
        let required = |key: &str| {
            let words = texts(node, key);
            if words.is_empty() {
                Err((node.span, format!("a rule needs {key}")))
            } else {
                Ok(words)
            }
        };
        Ok(Self {
            names: texts(node, "resourceNames"),
            on_create: has(&required("operations")?, "CREATE"),
            groups: required("apiGroups")?,
            versions: required("apiVersions")?,
            resources: required("resources")?,
            scope: match node.get("scope").and_then(Node::as_str) {
                Some("Cluster") => Some(false),
                Some("Namespaced") => Some(true),
                _ => None,
            },
        })
    }

    fn matches(&self, subject: &Subject<'_>, is_exact: bool) -> bool {
        // `pods/exec` and `pods/*` are about what is below the object, not about it; `*/*` is
        // about everything.
        let is_resource = self
            .resources
            .iter()
            .any(|known| matches!(&**known, "*" | "*/*") || &**known == subject.resource);
        let in_group = || {
            let aliases = || equivalent_groups(subject.group, subject.resource);
            has(&self.groups, subject.group)
                || (!is_exact && aliases().iter().any(|alias| has(&self.groups, alias)))
        };
        let in_version = || !is_exact || has(&self.versions, subject.version);
        is_resource
            && self.on_create
            && in_group()
            && in_version()
            && self
                .scope
                .is_none_or(|is_namespaced| is_namespaced == subject.is_namespaced)
            && (self.names.is_empty() || self.names.iter().any(|name| &**name == subject.name))
    }
}
