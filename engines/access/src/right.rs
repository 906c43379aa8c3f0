//! What somebody has, and how they come to have it.

use crate::binding::Binding;
use crate::role::{Role, Rule};
use seawall_model::access::{Bound, Identity, PermissionSet};
use seawall_model::{ResourceRef, Span, Str};
use std::sync::Arc;

/// A binding to a role that is not in the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The binding.
    pub binding: ResourceRef,
    /// The role that it names.
    pub role: ResourceRef,
    /// Where it names it.
    pub span: Span,
    /// Its place among [`Access::bindings`].
    pub at: usize,
}

/// A rule that allows a request, with how its subject comes to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whom the binding names.
    pub subject: Identity,
    /// The binding.
    pub binding: ResourceRef,
    /// Where it names the subject; nowhere in those that the API server makes.
    pub subject_span: Span,
    /// Whether the API server makes the binding for itself.
    pub is_default: bool,
    /// Where the right counts; `None` is everywhere.
    pub namespace: Option<Str>,
    /// The role that is bound.
    pub bound_role: ResourceRef,
    /// The role whose rule it is.
    pub role: ResourceRef,
    /// The rule, as a JSON pointer into that role.
    pub rule: String,
    /// Where the rule stands.
    pub rule_span: Option<Span>,
    /// The objects that it is limited to; empty for all.
    pub names: Arc<[Str]>,
}

/// What a question about everybody leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breadth {
    /// Where the request has no namespace: rights in any namespace, too.
    pub any_namespace: bool,
    /// Where it has no name: rights that are limited to some names, too.
    pub any_name: bool,
}

/// One right of somebody: a rule that a binding gives.
#[derive(Debug, Clone, Copy)]
pub struct Right<'a> {
    /// What the binding says.
    pub bound: &'a Bound,
    /// The binding itself.
    pub binding: &'a Binding,
    /// Which role it gives, and where.
    pub set: &'a PermissionSet,
    /// The role whose rule it is.
    pub role: &'a Role,
    /// The rule.
    pub rule: &'a Rule,
}

impl Right<'_> {
    /// What it says about how somebody comes to have it.
    pub fn grant(&self) -> Grant {
        Grant {
            subject: self.bound.subject.clone(),
            binding: self.bound.binding.clone(),
            subject_span: self.bound.span,
            is_default: self.binding.is_default,
            namespace: self.set.namespace.clone(),
            bound_role: self.set.role.clone(),
            role: self.role.reference.clone(),
            rule: self.rule.pointer(),
            rule_span: known(self.rule.span),
            names: self.rule.names.clone(),
        }
    }
}

/// A place that is one.
pub(crate) fn known(span: Span) -> Option<Span> {
    span.is_known().then_some(span)
}
