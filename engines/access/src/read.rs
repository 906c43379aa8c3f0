//! The objects of a picture that rights come from, and what the API server adds.

use crate::binding::Binding;
use crate::defaults::Defaults;
use crate::gaps::Gaps;
use crate::index::Roles;
use crate::role::{GROUP, Role};
use seawall_model::{GapKind, KubernetesVersion, ResourceRef, Str};
use seawall_snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

/// The role that a binding names.
pub(crate) fn role_of(binding: &Binding) -> ResourceRef {
    let is_cluster = binding.is_cluster_role;
    ResourceRef {
        group: GROUP.into(),
        kind: if is_cluster { "ClusterRole" } else { "Role" }.into(),
        namespace: binding.namespace.clone().filter(|_| !is_cluster),
        name: binding.role.clone(),
    }
}

pub(crate) fn accounts(snapshot: &Snapshot) -> BTreeSet<(Str, Str)> {
    let accounts = snapshot.of_kind("", "ServiceAccount").map(|(_, account)| {
        let name = account.reference.name.clone();
        (Str::from(account.namespace()), name)
    });
    accounts.collect()
}

/// The roles and bindings of a picture, and those that the API server makes.
pub(crate) fn read(
    snapshot: &Snapshot,
    version: KubernetesVersion,
    gaps: &mut Gaps,
) -> (Roles, Vec<Binding>) {
    let defaults = Defaults::of(version);
    let (mut roles, mut bindings) = (Roles::default(), Vec::new());
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    // Those of the API server's own that the input has.
    let mut own: BTreeSet<&ResourceRef> = BTreeSet::new();
    for (_, object) in snapshot.objects() {
        let reference = &object.reference;
        if &*reference.group != GROUP {
            continue;
        }
        *seen.entry(&reference.kind).or_insert(0) += 1;
        if defaults.has(reference) {
            own.insert(reference);
        }
        if let Some(mut role) = Role::read(object, gaps) {
            role.is_known = defaults.has_role(&role);
            roles.add(role);
        } else if let Some(mut binding) = Binding::read(object, gaps) {
            binding.is_known = defaults.has_binding(&binding);
            bindings.push(binding);
        }
    }
    let is_whole = snapshot.is_complete();
    // A cluster always has some of each: where there is none, they could not be read.
    for kind in ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"] {
        if is_whole && !seen.contains_key(kind) {
            let why = format!("no {kind} could be read: who can do what is known only in part");
            let hint = "`seawall rbac` prints the rights that reading them takes";
            gaps.whole(GapKind::Forbidden, why, hint);
        }
    }
    let is_there = |reference: &ResourceRef| {
        own.contains(reference) || (is_whole && seen.contains_key(&*reference.kind))
    };
    for role in defaults.roles {
        if !is_there(&role.reference) {
            roles.add(role);
        }
    }
    let made = defaults.bindings.into_iter();
    bindings.extend(made.filter(|one| !is_there(&one.reference)));
    (roles, bindings)
}
