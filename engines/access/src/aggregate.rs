//! Which rules a role gives, with those of the roles that are aggregated into it.
//!
//! In a cluster a controller writes the rules of the selected roles into the aggregating one;
//! in files nobody has done so yet. Both count: what is written there, and the closure of the
//! selectors, which follows aggregation into aggregation and stops where it has been.

use crate::index::{RoleIx, Roles, RuleIx};
use seawall_model::Str;
use seawall_snapshot::LabelSelector;
use seawall_snapshot::ScopeId;
use seawall_snapshot::selector::Operator;
use std::collections::{BTreeSet, HashMap};

/// How many looks at a label aggregation may cost. A cluster has a few thousand; who makes
/// ten thousand roles that all select each other gets a gap.
const BUDGET: u64 = 2_000_000;

/// Finds the rules of roles.
#[derive(Debug)]
pub(crate) struct Aggregation<'r> {
    roles: &'r Roles,
    by_label: HashMap<(&'r str, &'r str), Vec<RoleIx>>,
    cluster_roles: Vec<RoleIx>,
    /// Roles that have their name to themselves: what sees their rendering sees them.
    alone: BTreeSet<RoleIx>,
    left: u64,
}

impl<'r> Aggregation<'r> {
    pub(crate) fn new(roles: &'r Roles) -> Self {
        let mut by_label: HashMap<(&str, &str), Vec<RoleIx>> = HashMap::new();
        let (mut cluster_roles, mut alone) = (Vec::new(), BTreeSet::new());
        for (ix, role) in roles.all() {
            if role.namespace.is_some() {
                continue;
            }
            cluster_roles.push(ix);
            if roles.is_alone(role) {
                alone.insert(ix);
            }
            for (key, value) in &role.labels {
                by_label.entry((key, value)).or_default().push(ix);
            }
        }
        Self {
            roles,
            by_label,
            cluster_roles,
            alone,
            left: BUDGET,
        }
    }

    /// Whether there was too much to look at, and rules may be missing.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.left == 0
    }

    /// The rules of roles of one name as a scope sees them: first those that are aggregated,
    /// which is where somebody wrote them, then their own.
    pub(crate) fn rules(&mut self, scope: ScopeId, of: &[RoleIx]) -> Vec<RuleIx> {
        let mut seen: BTreeSet<RoleIx> = of.iter().copied().collect();
        let mut open: Vec<RoleIx> = of.to_vec();
        let mut parts = Vec::new();
        while let Some(ix) = open.pop() {
            for selector in self.roles.role(ix).map_or(&[][..], |role| &role.aggregates) {
                for found in self.select(scope, selector) {
                    if seen.insert(found) {
                        open.push(found);
                        parts.push(found);
                    }
                }
            }
        }
        let name = |ix: &RoleIx| {
            let role = self.roles.role(*ix);
            role.map_or_else(|| Str::from(""), |role| role.reference.name.clone())
        };
        parts.sort_by_cached_key(|ix| (name(ix), *ix));
        let of = parts.iter().chain(of);
        of.flat_map(|ix| self.roles.rules_of(*ix)).collect()
    }

    fn select(&mut self, scope: ScopeId, selector: &LabelSelector) -> Vec<RoleIx> {
        // One label with its value says where to look; without one everything is looked at.
        let label = selector.requirements.iter().find_map(|one| {
            let Operator::In(values) = &one.operator else {
                return None;
            };
            match values.as_slice() {
                [value] => Some((&*one.key, &**value)),
                _ => None,
            }
        });
        let candidates: &[RoleIx] = match label {
            Some(label) => self.by_label.get(&label).map_or(&[], Vec::as_slice),
            None => &self.cluster_roles,
        };
        self.left = self.left.saturating_sub(candidates.len() as u64);
        if self.left == 0 {
            return Vec::new();
        }
        let fits = |ix: &&RoleIx| {
            let Some(role) = self.roles.role(**ix) else {
                return false;
            };
            let is_shared = role.is_default || role.scope == ScopeId::PLAIN;
            let is_seen = if self.alone.contains(*ix) {
                is_shared || role.scope == scope
            } else {
                self.roles.is_seen(scope, **ix)
            };
            is_seen && selector.matches(&role.labels)
        };
        candidates.iter().filter(fits).copied().collect()
    }
}
