//! The attack rules, in Datalog, a file for each group of techniques.
//!
//! Each rule says which rights and facts make a step possible, under the id of its technique;
//! several atoms in its body are several conditions. What an attacker must *hold* stands among
//! the step's needs, what is *so* in the environment only in the body. Rules are not
//! recursive: following steps is for the search, which knows what they cost.

#![allow(clippy::no_effect_underscore_binding)] // what Datalog makes of a wildcard

mod authorization;
mod cloud;
mod credentials;
mod entries;
mod escapes;
mod execution;
mod extension;
mod hubs;
mod identity;
mod loose;
mod nodes;
mod objects;
mod operators;
mod workloads;

use crate::acts::Act;
use crate::graph::{Because, Ease, Needs, Step};
use crate::picture::Picture;
use crate::spot::{NameId, NamespaceId, Scope, Spot};
use crate::techniques::Id;
use crate::{Config, Facts};
use std::collections::BTreeSet;

/// A step, as the relations of Datalog hold it.
pub(crate) type Row = (Id, Needs, Spot, Ease, Because);

/// A right that somebody has: what, where, on which names.
pub(crate) type Right = (Act, Scope, NameId);

/// What rules about rights start from.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    /// Every right that some role gives where it is bound.
    pub(crate) may: Vec<Right>,
    /// Each namespace, and the scopes that it lies in.
    pub(crate) is_in: Vec<(NamespaceId, Scope)>,
}

/// All steps of a picture.
pub(crate) fn steps(picture: &mut Picture<'_>, facts: &Facts<'_>, config: &Config) -> Vec<Step> {
    let rights = rights(picture);
    let mut rows = entries::rows(picture, facts, config);
    rows.extend(identity::rows(picture));
    rows.extend(execution::rows(picture, &rights));
    rows.extend(workloads::rows(picture, &rights));
    rows.extend(credentials::rows(picture, &rights));
    rows.extend(authorization::rows(picture, &rights));
    rows.extend(escapes::rows(picture, &rights));
    rows.extend(nodes::rows(picture, facts, &rights));
    rows.extend(extension::rows(picture, &rights));
    rows.extend(objects::rows(picture, &rights, facts));
    rows.extend(operators::rows(picture, &rights, facts));
    rows.extend(cloud::rows(picture, &rights));
    let mut steps = hubs::steps(picture, &rights, &rows);
    let rows = rows
        .into_iter()
        .map(|(technique, needs, gives, ease, because)| Step {
            technique: Some(technique),
            needs,
            gives,
            ease,
            because,
        });
    steps.extend(rows);
    steps
}

/// Whether a rule that is for a name, or for all, is for this one.
fn covers(rule: NameId, name: NameId) -> bool {
    rule == NameId::ANY || rule == name
}

fn rights(picture: &Picture<'_>) -> Rights {
    let mut may: BTreeSet<Right> = BTreeSet::new();
    for (act, granted) in &picture.grants {
        let Some(set) = picture.sets.get(granted.set.0 as usize) else {
            continue;
        };
        let scope = picture.scope_of(set);
        // A binding in a namespace gives nothing beyond it.
        if scope != Scope::All && !picture.is_namespaced(*act) {
            continue;
        }
        may.extend(
            picture
                .names_of(granted)
                .into_iter()
                .map(|name| (*act, scope, name)),
        );
    }
    let namespaces = picture.namespaces.iter();
    let is_in = namespaces.flat_map(|(number, _)| {
        let id = NamespaceId(number);
        [(id, Scope::All), (id, Scope::In(id))]
    });
    Rights {
        may: may.into_iter().collect(),
        is_in: is_in.collect(),
    }
}
