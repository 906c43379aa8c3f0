//! What attack paths ask: which sets of permissions allow an action.

use crate::access::Access;
use crate::resources;
use crate::right::known;
use seawall_model::Str;
use seawall_model::access::{Action, Bound, Granted, PermissionSet, Permissions};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Permissions for Access {
    fn sets(&self) -> &[PermissionSet] {
        &self.sets
    }

    fn bindings(&self) -> &[Bound] {
        &self.bounds
    }

    fn granted(&self, action: &Action<'_>) -> Vec<Granted> {
        let candidates = self.rules_about(action.resource, action.subresource);
        let has_name = resources::has_name(action.verb, action.subresource);
        let sets = self.sets_by(&candidates, |rule| {
            rule.has_verb(action.verb)
                && rule.has_group(action.group)
                && (rule.names.is_empty() || has_name)
        });
        let mut granted = Vec::new();
        for (set, rules) in sets {
            let namespace = self
                .sets
                .get(set.0 as usize)
                .and_then(|s| s.namespace.clone());
            let Action {
                verb,
                group,
                resource,
                subresource,
            } = *action;
            let reach =
                resources::in_namespace(verb, group, resource, subresource, namespace.as_ref());
            let mut told: BTreeSet<Arc<[Str]>> = BTreeSet::new();
            for ix in self.widest(rules) {
                let Some((role, rule)) = self.roles.rule(ix) else {
                    continue;
                };
                let names = match &reach {
                    resources::InNamespace::Everything => rule.names.clone(),
                    resources::InNamespace::Only(name) if rule.has_name(name) => {
                        Arc::from([name.clone()])
                    }
                    resources::InNamespace::Nothing | resources::InNamespace::Only(_) => continue,
                };
                if told.insert(names.clone()) {
                    granted.push(Granted {
                        set,
                        names,
                        role: role.reference.clone(),
                        rule: rule.pointer(),
                        span: known(rule.span),
                    });
                }
            }
        }
        granted
    }
}
