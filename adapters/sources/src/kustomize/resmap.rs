//! Lists of resources in which no two may be the same object.

use super::Fail;
use super::resource::{Behavior, Resource, string_map};
use seawall_model::Span;
use seawall_yaml::Node;
use std::collections::HashSet;

/// No build may have more objects than this: bases that include each other in pairs would
/// double it at every level.
pub(super) const MAX_RESOURCES: usize = 50_000;

/// No build may handle more objects than this on all levels together.
pub(super) const MAX_HANDLED: usize = 200_000;

/// Adds resources; those that are there already become errors and are left out.
pub(super) fn append_all(
    list: &mut Vec<Resource>,
    more: Vec<Resource>,
    span: Span,
    fails: &mut Vec<Fail>,
) {
    if more.is_empty() {
        return;
    }
    let mut seen: HashSet<_> = list.iter().map(|resource| resource.id().key()).collect();
    for resource in more {
        let id = resource.id();
        if !seen.insert(id.key()) {
            let place = if resource.span().is_known() {
                resource.span()
            } else {
                span
            };
            let message = format!("{id} is there twice: the same object is added again");
            fails.push(Fail {
                subject: Some(id.to_string().into()),
                ..Fail::new(place, message)
            });
            continue;
        }
        if list.len() >= MAX_RESOURCES {
            let message = format!("the overlay has more than {MAX_RESOURCES} objects");
            fails.push(Fail::new(span, message));
            return;
        }
        list.push(resource);
    }
}

/// Adds a generated resource, or lets it replace or merge with the one of its name.
pub(super) fn absorb(list: &mut Vec<Resource>, mut new: Resource, span: Span) -> Result<(), Fail> {
    let id = new.id();
    let mut matches = list
        .iter()
        .enumerate()
        .filter(|(_, old)| old.was_called(&id.name))
        .filter(|(_, old)| old.all_ids().iter().any(|known| id.same(known)))
        .map(|(index, _)| index);
    let first = matches.next();
    if matches.next().is_some() {
        return Err(Fail::new(
            span,
            format!("more than one object could be merged with {id}"),
        ));
    }
    let behavior = new.behavior;
    let Some(old) = first.and_then(|index| list.get_mut(index)) else {
        if behavior != Behavior::Create {
            return Err(Fail::new(
                span,
                format!("there is no {id} that could be merged or replaced"),
            ));
        }
        if list.len() >= MAX_RESOURCES {
            let message = format!("the overlay has more than {MAX_RESOURCES} objects");
            return Err(Fail::new(span, message));
        }
        list.push(new);
        return Ok(());
    };
    match behavior {
        Behavior::Create => {
            let message = format!("{id} exists already; behavior must be merge or replace");
            return Err(Fail::new(span, message));
        }
        Behavior::Replace => new.merge_metadata_from(old),
        Behavior::Merge => {
            new.merge_metadata_from(old);
            for field in ["data", "binaryData"] {
                let mut merged = string_map(old.node.get(field));
                for entry in &string_map(new.node.get(field)) {
                    merged.insert(entry.key.clone(), entry.key_span, entry.value.clone());
                }
                let place = new.node.get(field).map_or(new.node.span, |n| n.span);
                if let Some(map) = new.node.as_map_mut() {
                    if merged.is_empty() {
                        map.remove(field);
                    } else {
                        map.insert(field, place, Node::map(merged, place));
                    }
                }
            }
            if old.origin.is_some() {
                new.origin.clone_from(&old.origin);
            }
        }
    }
    *old = new;
    Ok(())
}

/// Drops what patches have deleted.
pub(super) fn drop_empty(list: &mut Vec<Resource>) {
    list.retain(|resource| !super::value::is_empty(&resource.node));
}
