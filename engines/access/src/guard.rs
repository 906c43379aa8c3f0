//! May somebody write this role, or this binding?
//!
//! The right to write is not enough: whoever writes rules must have all that they give, or be
//! allowed to `escalate`; whoever binds a role must have all that it gives, or be allowed to
//! `bind` it. "May create rolebindings" alone is no way to cluster-admin.

use crate::access::Access;
use crate::authorizer::MASTERS;
use crate::request::{Request, ResourceRequest};
use crate::right::Right;
use crate::role::{GROUP, Rule};
use seawall_model::Str;
use seawall_model::access::Identity;
use seawall_snapshot::ScopeId;
use std::sync::Arc;

/// Somebody who sends a request.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The user.
    pub identity: &'a Identity,
    /// All groups of theirs.
    pub groups: &'a [Str],
}

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It is new: the request has no name yet.
    Create,
    /// It is there, and changes (`update`, `patch`).
    Update,
}

/// A role as somebody wants to write it.
#[derive(Debug, Clone, Copy)]
pub struct RoleDraft<'a> {
    /// The namespace of a Role; `None` for a ClusterRole.
    pub namespace: Option<&'a Str>,
    /// Its name.
    pub name: &'a Str,
    /// Its rules.
    pub rules: &'a [Rule],
    /// Whether it aggregates others, or did so before.
    pub aggregates: bool,
}

/// A binding as somebody wants to write it.
#[derive(Debug, Clone, Copy)]
pub struct BindingDraft<'a> {
    /// The namespace of a RoleBinding; `None` for a ClusterRoleBinding.
    pub namespace: Option<&'a Str>,
    /// Its name.
    pub name: &'a Str,
    /// Whether the role is a ClusterRole.
    pub is_cluster_role: bool,
    /// Name of the role.
    pub role: &'a Str,
    /// The rendering whose roles it sees.
    pub scope: ScopeId,
}

/// What the API server says, and why.
#[derive(Debug)]
pub enum Guard<'a> {
    /// They are of `system:masters`, whom nothing is refused.
    Master,
    /// They may write it, and have all that it gives.
    Has(Right<'a>),
    /// They may write it, and may give what they do not have: the right to `escalate` or `bind`.
    Beyond(Right<'a>, Right<'a>),
    /// They may not write such objects at all.
    MayNotWrite,
    /// The role that is to be bound is not there.
    NoRole,
    /// It would give something that they do not have: the first such thing.
    Exceeds(String),
    /// It gives too much to be compared in good time.
    TooMuch,
}

impl Guard<'_> {
    /// Whether it is written.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Guard::Master | Guard::Has(_) | Guard::Beyond(..))
    }
}

impl Access {
    /// Whether somebody may write a role.
    pub fn may_write_role(&self, who: Actor<'_>, how: Write, role: &RoleDraft<'_>) -> Guard<'_> {
        let resource = if role.namespace.is_some() {
            "roles"
        } else {
            "clusterroles"
        };
        let allows = |verb| self.rbac(who, verb, resource, role.namespace, how.named(role.name));
        let right = match self.may_write(who, how, resource, role.namespace, role.name) {
            Ok(right) => right,
            Err(guard) => return guard,
        };
        if let Some(escalates) = allows("escalate") {
            return Guard::Beyond(right, escalates);
        }
        let mut wanted: Vec<&Rule> = role.rules.iter().collect();
        let all = everything();
        if role.aggregates {
            // It can gather anything.
            wanted.extend(&all);
        }
        self.confirm(who, role.namespace, &wanted, right)
    }

    /// Whether somebody may write a binding.
    pub fn may_write_binding(
        &self,
        who: Actor<'_>,
        how: Write,
        binding: &BindingDraft<'_>,
    ) -> Guard<'_> {
        let namespace = binding.namespace;
        let resource = if namespace.is_some() {
            "rolebindings"
        } else {
            "clusterrolebindings"
        };
        let right = match self.may_write(who, how, resource, namespace, binding.name) {
            Ok(right) => right,
            Err(guard) => return guard,
        };
        let role = if binding.is_cluster_role {
            "clusterroles"
        } else {
            "roles"
        };
        if let Some(binds) = self.rbac(who, "bind", role, namespace, binding.role) {
            return Guard::Beyond(right, binds);
        }
        let of = namespace.filter(|_| !binding.is_cluster_role);
        match self.rules_named(binding.scope, of, binding.role) {
            Some(wanted) => self.confirm(who, namespace, &wanted, right),
            None => Guard::NoRole,
        }
    }

    fn may_write(
        &self,
        who: Actor<'_>,
        how: Write,
        resource: &str,
        namespace: Option<&Str>,
        name: &Str,
    ) -> Result<Right<'_>, Guard<'_>> {
        if who.groups.iter().any(|group| &**group == MASTERS) {
            return Err(Guard::Master);
        }
        let verbs: &[&str] = match how {
            Write::Create => &["create"],
            Write::Update => &["update", "patch"],
        };
        let mut rights = verbs
            .iter()
            .filter_map(|verb| self.rbac(who, verb, resource, namespace, how.named(name)));
        rights.next().ok_or(Guard::MayNotWrite)
    }

    /// Their right to do something with roles or bindings.
    fn rbac(
        &self,
        who: Actor<'_>,
        verb: &str,
        resource: &str,
        namespace: Option<&Str>,
        name: &str,
    ) -> Option<Right<'_>> {
        let request = Request::Resource(ResourceRequest {
            verb: verb.into(),
            group: GROUP.into(),
            resource: resource.into(),
            namespace: namespace.cloned().unwrap_or_default(),
            name: name.into(),
            ..ResourceRequest::default()
        });
        self.allows(who.identity, who.groups, &request)
    }

    /// Whether they have, there, all that rules give.
    fn confirm<'a>(
        &'a self,
        who: Actor<'_>,
        namespace: Option<&Str>,
        wanted: &[&Rule],
        right: Right<'a>,
    ) -> Guard<'a> {
        let rights = self.rights(who.identity, who.groups).into_iter();
        let counts = |one: &Right<'_>| {
            let given = one.set.namespace.as_ref();
            given.is_none() || given == namespace
        };
        let own: Vec<&Rule> = rights.filter(counts).map(|right| right.rule).collect();
        match uncovered(&own, wanted) {
            Covered::All => Guard::Has(right),
            Covered::Not(what) => Guard::Exceeds(what),
            Covered::TooMuch => Guard::TooMuch,
        }
    }
}

impl Write {
    /// The name in the request: one that is made has none yet.
    fn named(self, name: &Str) -> &str {
        match self {
            Write::Create => "",
            Write::Update => name,
        }
    }
}

/// What only cluster-admin has.
fn everything() -> [Rule; 2] {
    let all = || -> Box<[Str]> { [Str::from("*")].into() };
    let rule = |is_path: bool| Rule {
        verbs: all(),
        groups: if is_path { [].into() } else { all() },
        resources: if is_path { [].into() } else { all() },
        names: Arc::from([]),
        urls: if is_path { all() } else { [].into() },
        index: 0,
        span: seawall_model::Span::NONE,
    };
    [rule(false), rule(true)]
}

/// Comparisons before it is given up. A role has dozens of rules with a dozen words each.
const BUDGET: usize = 20_000_000;

enum Covered {
    All,
    Not(String),
    TooMuch,
}

/// The first single thing that rules give and that `own` do not. Each is taken apart into
/// single verbs, groups, resources and names, and each of these needs one rule that has it.
fn uncovered(own: &[&Rule], wanted: &[&Rule]) -> Covered {
    let mut left = BUDGET;
    for rule in wanted {
        let names: Vec<Option<&Str>> = if rule.names.is_empty() {
            vec![None]
        } else {
            rule.names.iter().map(Some).collect()
        };
        let things = rule.groups.iter().flat_map(|group| {
            let resources = rule.resources.iter();
            resources.map(move |resource| (group, resource))
        });
        for (group, resource) in things {
            for verb in &rule.verbs {
                for name in &names {
                    let Some(rest) = left.checked_sub(own.len() + 1) else {
                        return Covered::TooMuch;
                    };
                    left = rest;
                    let has = |one: &&&Rule| {
                        one.has_verb(verb)
                            && one.has_group(group)
                            && covers_resource(one, resource)
                            && covers_name(one, name.map(|name| &**name))
                    };
                    if own.iter().find(has).is_none() {
                        let group = if group.is_empty() {
                            String::new()
                        } else {
                            format!(".{group}")
                        };
                        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
                        return Covered::Not(format!("{verb} {resource}{group}{name}"));
                    }
                }
            }
        }
        for url in &rule.urls {
            for verb in &rule.verbs {
                let Some(rest) = left.checked_sub(own.len() + 1) else {
                    return Covered::TooMuch;
                };
                left = rest;
                if !own
                    .iter()
                    .any(|one| one.has_verb(verb) && one.has_path(url))
                {
                    return Covered::Not(format!("{verb} {url}"));
                }
            }
        }
    }
    Covered::All
}

/// Whether a rule has a resource as another rule writes it: `pods/exec` is in `*/exec`, while
/// `*/exec` itself is a word like any other.
fn covers_resource(rule: &Rule, resource: &str) -> bool {
    let has = |word: &str| rule.resources.iter().any(|one| &**one == word);
    let of_any = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    has("*") || has(resource) || of_any.is_some_and(|word| has(&word))
}

fn covers_name(rule: &Rule, name: Option<&str>) -> bool {
    match name {
        None => rule.names.is_empty(),
        Some(name) => rule.has_name(name),
    }
}
