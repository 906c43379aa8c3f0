//! Roles by name, as each rendering sees them: its own first, then the plain manifests', then
//! those that the API server makes.
//!
//! Two roles of one name in one rendering are two sources of one object. Which of them somebody
//! applies last is not known, so what either gives counts.

use crate::role::{Role, Rule};
use seawall_model::Str;
use seawall_snapshot::ScopeId;
use std::collections::HashMap;

/// A role, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RoleIx(u32);

/// A rule of any role, by its place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RuleIx(pub(crate) u32);

/// The rendering that the API server's own roles are said to be of.
const DEFAULTS: ScopeId = ScopeId(u32::MAX);

/// The name of a role in a rendering; a ClusterRole has no namespace.
type Key = (ScopeId, Option<Str>, Str);

/// All roles.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    all: Vec<Role>,
    /// The first rule of each role, among all rules.
    starts: Vec<u32>,
    /// The role of each rule.
    owners: Vec<RoleIx>,
    by_name: HashMap<Key, Vec<RoleIx>>,
    /// In how many renderings a name is.
    renderings: HashMap<(Option<Str>, Str), u32>,
}

impl Roles {
    pub(crate) fn add(&mut self, role: Role) {
        let ix = RoleIx(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let scope = if role.is_default {
            DEFAULTS
        } else {
            role.scope
        };
        let name = role.reference.name.clone();
        let key = (scope, role.namespace.clone(), name.clone());
        let of_name = self.by_name.entry(key).or_default();
        if of_name.is_empty() {
            let name = (role.namespace.clone(), name);
            *self.renderings.entry(name).or_insert(0) += 1;
        }
        of_name.push(ix);
        let start = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        self.starts.push(start);
        self.owners.extend(role.rules.iter().map(|_| ix));
        self.all.push(role);
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (RoleIx, &Role)> {
        let ix = |at| RoleIx(u32::try_from(at).unwrap_or(u32::MAX));
        self.all
            .iter()
            .enumerate()
            .map(move |(at, role)| (ix(at), role))
    }

    pub(crate) fn role(&self, ix: RoleIx) -> Option<&Role> {
        self.all.get(ix.0 as usize)
    }

    /// How many rules there are.
    pub(crate) fn rule_count(&self) -> usize {
        self.owners.len()
    }

    /// A rule with its role.
    pub(crate) fn rule(&self, ix: RuleIx) -> Option<(&Role, &Rule)> {
        let owner = *self.owners.get(ix.0 as usize)?;
        let start = *self.starts.get(owner.0 as usize)?;
        let role = self.role(owner)?;
        let rule = role.rules.get((ix.0 - start) as usize)?;
        Some((role, rule))
    }

    /// The first rule of a role that is one of these.
    pub(crate) fn first_rule_of(&self, role: &Role) -> Option<RuleIx> {
        let scope = if role.is_default {
            DEFAULTS
        } else {
            role.scope
        };
        let key = (scope, role.namespace.clone(), role.reference.name.clone());
        let found = self.by_name.get(&key)?.iter();
        let mut found =
            found.filter(|ix| self.role(**ix).is_some_and(|one| std::ptr::eq(one, role)));
        let start = self.starts.get(found.next()?.0 as usize)?;
        Some(RuleIx(*start))
    }

    /// The rules that stand in a role itself.
    pub(crate) fn rules_of(&self, ix: RoleIx) -> impl Iterator<Item = RuleIx> + use<> {
        let start = self.starts.get(ix.0 as usize).copied().unwrap_or(0);
        let count = self.role(ix).map_or(0, |role| role.rules.len());
        (start..start.saturating_add(u32::try_from(count).unwrap_or(0))).map(RuleIx)
    }

    /// The roles that a name means to a rendering.
    pub(crate) fn find(&self, scope: ScopeId, namespace: Option<&Str>, name: &Str) -> &[RoleIx] {
        for scope in [scope, ScopeId::PLAIN, DEFAULTS] {
            let key = (scope, namespace.cloned(), name.clone());
            if let Some(found) = self.by_name.get(&key) {
                return found;
            }
        }
        &[]
    }

    /// Whether no other rendering has a role of this name.
    pub(crate) fn is_alone(&self, role: &Role) -> bool {
        let name = (role.namespace.clone(), role.reference.name.clone());
        self.renderings.get(&name).is_none_or(|count| *count < 2)
    }

    /// Whether a rendering sees a role, and no other of this name instead.
    pub(crate) fn is_seen(&self, scope: ScopeId, ix: RoleIx) -> bool {
        self.role(ix).is_some_and(|role| {
            let found = self.find(scope, role.namespace.as_ref(), &role.reference.name);
            found.contains(&ix)
        })
    }
}
