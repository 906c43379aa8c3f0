//! The roles and bindings that every API server makes for itself.
//!
//! `data/defaults.yaml` holds them as API servers of 1.34 to 1.37 have them; for older ones
//! the oldest table counts, with what is known to have changed since.

use crate::binding::Binding;
use crate::gaps::Gaps;
use crate::role::{GROUP, Role, Rule};
use seawall_model::access::Identity;
use seawall_model::{FileId, KubernetesVersion, ResourceRef, SourceMap, Span, Str};
use seawall_snapshot::{ScopeId, object};
use seawall_yaml::{Limits, Node, parse};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Roles and bindings of one version.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) roles: Vec<Role>,
    pub(crate) bindings: Vec<Binding>,
    /// Their names, with the place of a binding among the bindings.
    names: HashMap<ResourceRef, usize>,
}

/// The oldest and the newest version in the table.
const FIRST: u16 = 34;
const LAST: u16 = 37;

/// The first version whose `edit` may not write endpoints (CVE-2021-25740).
const NO_ENDPOINTS: u16 = 22;

static TABLE: LazyLock<Vec<Node>> = LazyLock::new(|| {
    let text = include_str!("../data/defaults.yaml");
    let stream = parse(text, FileId::UNKNOWN, &Limits::default());
    let documents = stream.documents.into_iter();
    documents
        .filter_map(|document| Some(document.root.as_seq()?.to_vec()))
        .flatten()
        .collect()
});

impl Defaults {
    /// What an API server of a version makes.
    pub(crate) fn of(version: KubernetesVersion) -> Self {
        let minor = i64::from(version.minor.clamp(FIRST, LAST));
        let (map, mut gaps) = (SourceMap::new(), Gaps::default());
        let mut defaults = Self::default();
        for node in TABLE.iter() {
            let bound = |key, otherwise| node.get(key).and_then(Node::as_i64).unwrap_or(otherwise);
            if minor < bound("from", minor) || minor > bound("to", minor) {
                continue;
            }
            let mut node = node.clone();
            if let Some(fields) = node.as_map_mut() {
                let version = Node::string(format!("{GROUP}/v1"), Span::NONE);
                fields.insert("apiVersion", Span::NONE, version);
            }
            let Some(object) = object::read(&node, ScopeId::PLAIN, &map, &mut Vec::new()) else {
                continue;
            };
            if let Some(mut role) = Role::read(&object, &mut gaps) {
                role.is_default = true;
                role.is_known = true;
                role.span = Span::NONE;
                older(&mut role, version);
                defaults.names.insert(role.reference.clone(), 0);
                defaults.roles.push(role);
            } else if let Some(mut binding) = Binding::read(&object, &mut gaps) {
                binding.is_default = true;
                binding.is_known = true;
                binding.span = Span::NONE;
                let at = defaults.bindings.len();
                defaults.names.insert(binding.reference.clone(), at);
                defaults.bindings.push(binding);
            }
        }
        defaults
    }
}

impl Defaults {
    /// Whether one of these has this name.
    pub(crate) fn has(&self, reference: &ResourceRef) -> bool {
        self.names.contains_key(reference)
    }

    /// Whether a role of the input is one of these. What a cluster of another version has goes
    /// by the label that API servers put on theirs.
    pub(crate) fn has_role(&self, role: &Role) -> bool {
        let is_of_system = role.reference.name.starts_with("system:");
        let is_labelled = role.labels.iter().any(|(key, value)| {
            &**key == "kubernetes.io/bootstrapping" && &**value == "rbac-defaults"
        });
        (is_of_system && is_labelled)
            || self.roles.iter().any(|one| one.reference == role.reference)
    }

    /// Whether a binding of the input is one of these, and names nobody else.
    pub(crate) fn has_binding(&self, binding: &Binding) -> bool {
        let at = self.names.get(&binding.reference);
        let own = at.and_then(|at| self.bindings.get(*at));
        own.is_some_and(|own| {
            let is_named = |who: &Identity| own.subjects.iter().any(|one| one.identity == *who);
            own.role == binding.role
                && binding
                    .subjects
                    .iter()
                    .all(|subject| is_named(&subject.identity))
        })
    }
}

/// What a role had before the table begins.
fn older(role: &mut Role, version: KubernetesVersion) {
    for rule in &mut role.rules {
        rule.span = Span::NONE;
    }
    if version.minor < NO_ENDPOINTS && &*role.reference.name == "system:aggregate-to-edit" {
        let list = |texts: &[&str]| texts.iter().map(|text| Str::from(*text)).collect();
        role.rules.push(Rule {
            verbs: list(&["create", "delete", "deletecollection", "patch", "update"]),
            groups: list(&[""]),
            resources: list(&["endpoints"]),
            names: [].into(),
            urls: [].into(),
            index: u32::try_from(role.rules.len()).unwrap_or(u32::MAX),
            span: Span::NONE,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_its_table() {
        for minor in [10, 21, 34, 35, 36, 37, 40] {
            let defaults = Defaults::of(KubernetesVersion::new(minor));
            assert!(defaults.roles.len() > 60, "{minor}");
            assert!(defaults.bindings.len() > 50, "{minor}");
            let edit = defaults
                .roles
                .iter()
                .find(|role| &*role.reference.name == "system:aggregate-to-edit");
            let writes = edit.is_some_and(|role| {
                let last = role.rules.last();
                last.is_some_and(|rule| rule.resources.iter().any(|one| &**one == "endpoints"))
            });
            assert_eq!(writes, minor < 22, "{minor}");
        }
        let names = |minor: u16| {
            let roles = Defaults::of(KubernetesVersion::new(minor)).roles;
            roles.len()
        };
        assert!(names(34) < names(37), "new controllers have new roles");
    }
}
