//! Constraints: where a template's program applies, and with which parameters.
//!
//! Source of the meaning of `spec.match`: Gatekeeper 3.23, `pkg/mutation/match`.

use super::template::Template;
use crate::policy::constraint::Matched;
use crate::policy::definition::{Problem, text};
use crate::policy::target::Target;
use seawall_model::{RuleId, Severity, Span, Str};
use seawall_snapshot::LabelSelector;
use seawall_yaml::Node;
use std::sync::Arc;

/// A template applied to something.
#[derive(Debug)]
pub(crate) struct Constraint {
    pub(super) name: Str,
    pub(crate) rule: RuleId,
    pub(crate) severity: Severity,
    pub(super) span: Span,
    pub(super) template: Arc<Template>,
    pub(super) parameters: Option<Node>,
    meant: Match,
}

/// `spec.match`; all that is there must agree.
#[derive(Debug, Default)]
struct Match {
    /// Groups and kinds, any of them; no entry is everything.
    kinds: Vec<(Vec<Str>, Vec<Str>)>,
    namespaces: Vec<Str>,
    excluded: Vec<Str>,
    labels: LabelSelector,
    namespace_labels: Option<LabelSelector>,
    is_namespaced: Option<bool>,
    name: Option<Str>,
}

/// Why a constraint is none.
pub(super) struct Refused {
    pub(super) problem: Problem,
    /// Whether its template is what is missing.
    pub(super) is_about_template: bool,
}

impl Constraint {
    /// Reads a constraint, whose template `known` finds by kind.
    pub(super) fn read<'t>(
        tree: &Node,
        known: impl Fn(&str) -> Option<&'t Arc<Template>>,
    ) -> Result<Self, Refused> {
        let kind = text(tree, &["kind"]).unwrap_or_default();
        let name = text(tree, &["metadata", "name"]).unwrap_or_default();
        let span = tree
            .at(&["metadata", "name"])
            .map_or(tree.span, |name| name.span);
        let refused = |span: Span, message: String, is_about_template: bool| Refused {
            problem: Problem {
                subject: format!("{kind} {name}").into(),
                span,
                message,
            },
            is_about_template,
        };
        let Some(template) = known(&kind) else {
            let message = format!("there is no ConstraintTemplate of the kind {kind}");
            return Err(refused(span, message, true));
        };
        let meant = match tree.at(&["spec", "match"]) {
            None => Match::default(),
            Some(node) => Match::read(node).map_err(|(span, wrong)| refused(span, wrong, false))?,
        };
        let severity = match text(tree, &["spec", "enforcementAction"]).as_deref() {
            Some("warn") => Severity::Low,
            Some("dryrun") => Severity::Info,
            _ => Severity::Medium,
        };
        Ok(Self {
            rule: RuleId(format!("policy:{kind}/{name}").into()),
            name,
            severity,
            span,
            template: Arc::clone(template),
            parameters: tree.at(&["spec", "parameters"]).cloned(),
            meant,
        })
    }

    /// What is wrong with what breaks it, in a few words.
    pub(crate) fn title(&self) -> String {
        format!("violation of {} {}", self.template.kind, self.name)
    }

    /// Whether it is about an object.
    pub(super) fn matches(&self, target: &Target<'_>) -> Matched {
        self.meant.matches(target)
    }
}

impl Match {
    fn read(node: &Node) -> Result<Self, (Span, String)> {
        let texts = |node: &Node, key: &str| -> Vec<Str> {
            let items = node.get(key).and_then(Node::as_seq).unwrap_or_default();
            items
                .iter()
                .filter_map(Node::as_str)
                .map(Str::from)
                .collect()
        };
        let selector = |key: &str| match node.get(key) {
            None => Ok(None),
            Some(selector) => LabelSelector::read(selector).map(Some).ok_or_else(|| {
                let message = format!("{key} has an operator that does not exist");
                (selector.span, message)
            }),
        };
        let kinds = node
            .get("kinds")
            .and_then(Node::as_seq)
            .unwrap_or_default()
            .iter()
            .map(|kind| (texts(kind, "apiGroups"), texts(kind, "kinds")))
            .collect();
        Ok(Self {
            kinds,
            namespaces: texts(node, "namespaces"),
            excluded: texts(node, "excludedNamespaces"),
            labels: selector("labelSelector")?.unwrap_or_default(),
            namespace_labels: selector("namespaceSelector")?,
            is_namespaced: match text(node, &["scope"]).as_deref() {
                Some("Namespaced") => Some(true),
                Some("Cluster") => Some(false),
                _ => None,
            },
            name: text(node, &["name"]).filter(|name| !name.is_empty()),
        })
    }

    fn matches(&self, target: &Target<'_>) -> Matched {
        let subject = target.subject();
        let any = |words: &[Str], word: &str| {
            words.is_empty() || words.iter().any(|w| &**w == "*" || &**w == word)
        };
        let kind = target.kind();
        let is_kind = self.kinds.is_empty()
            || self
                .kinds
                .iter()
                .any(|(groups, kinds)| any(groups, subject.group) && any(kinds, kind));
        let is_scope = self
            .is_namespaced
            .is_none_or(|namespaced| namespaced == subject.is_namespaced);
        let is_named = self
            .name
            .as_ref()
            .is_none_or(|pattern| is_like(pattern, subject.name));
        if !(is_kind && is_scope && is_named && self.labels.matches(subject.labels)) {
            return Matched::No;
        }
        // What is outside of namespaces is not held by conditions about namespaces.
        let Some(namespace) = subject.namespace else {
            return Matched::Yes;
        };
        let among = |names: &[Str]| names.iter().any(|pattern| is_like(pattern, namespace));
        if among(&self.excluded) || !(self.namespaces.is_empty() || among(&self.namespaces)) {
            return Matched::No;
        }
        let Some(selector) = &self.namespace_labels else {
            return Matched::Yes;
        };
        match subject.namespace_labels {
            Some(labels) if selector.matches(labels) => Matched::Yes,
            Some(_) => Matched::No,
            None => Matched::NamespaceUnknown,
        }
    }
}

/// `*` stands at the start, at the end, or at both.
fn is_like(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}
