//! Strategic merge, with the exact habits of Kustomize's YAML library.
//!
//! The library walks target and patch together, and the target alone where the patch says
//! nothing. Hence a few effects that look odd but are what users get: `key:` without a value
//! disappears from a patched object, an associative list loses duplicates, and what the
//! patch adds comes first.

use super::keyed::{
    all_values, append_all, distinct, position, set_element, unify, valid, valid_one,
};
use super::schema::{Schemas, Type};
use super::value::{self, text, text_at};
use seawall_yaml::{Map, Node, Value};
use std::sync::Arc;

/// Merging by key costs the square of the number of items.
const MAX_ITEMS: usize = 4000;

/// Deepest nesting of a merge; the parser allows less.
const MAX_DEPTH: u32 = 512;

const DIRECTIVE: &str = "$patch";

/// What a walk makes of a value.
enum Walked {
    /// The value is to be removed.
    Gone,
    /// The target's value, changed.
    Target(Node),
    /// The patch's value takes its place.
    Patch(Node),
}

impl Walked {
    fn node(self) -> Option<Node> {
        match self {
            Walked::Gone => None,
            Walked::Target(node) | Walked::Patch(node) => Some(node),
        }
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Merges a patch into a target; `None` when the patch deletes it.
pub(super) fn merge(target: &Node, patch: Node, schemas: &Schemas) -> Result<Option<Node>, String> {
    let walker = Walker { schemas };
    Ok(match walker.walk(Some(target), Some(patch), None, 0)? {
        Walked::Gone => None,
        Walked::Target(node) => Some(node),
        // A patch that replaces the whole object is computed and then forgotten.
        Walked::Patch(_) => Some(target.clone()),
    })
}

struct Walker<'s> {
    schemas: &'s Schemas,
}

impl Walker<'_> {
    fn type_of(&self, ty: Option<Type>, nodes: [Option<&Node>; 2]) -> Option<Type> {
        ty.or_else(|| {
            nodes.into_iter().flatten().find_map(|node| {
                let (api_version, kind) = (node.get("apiVersion")?, node.get("kind")?);
                self.schemas.of(&text(api_version), &text(kind))
            })
        })
    }

    /// Target and patch together.
    fn walk(
        &self,
        target: Option<&Node>,
        patch: Option<Node>,
        ty: Option<Type>,
        depth: u32,
    ) -> Result<Walked, String> {
        if depth > MAX_DEPTH {
            return Err("the patch is nested too deeply".to_owned());
        }
        let Some(patch) = patch else {
            return match target {
                Some(target) => self.settle(target, ty, depth),
                None => Ok(Walked::Gone),
            };
        };
        let ty = self.type_of(ty, [target, Some(&patch)]);
        let Some(target) = target.filter(|t| !t.is_null()) else {
            return match &patch.value {
                Value::Null => Ok(Walked::Gone),
                Value::Map(_) => self.added_map(patch, ty.as_ref(), depth),
                Value::Seq(_) => self.added_list(patch, ty.as_ref(), depth),
                _ => Ok(Walked::Patch(patch)),
            };
        };
        match (&target.value, &patch.value) {
            (Value::Map(_), Value::Null) => Ok(Walked::Gone),
            (Value::Map(map), Value::Map(_)) => self.maps(target, map, patch, ty.as_ref(), depth),
            (Value::Seq(_), Value::Null | Value::Seq(_)) => {
                self.lists(target, patch, ty.as_ref(), depth)
            }
            (Value::Map(_) | Value::Seq(_), _) | (_, Value::Map(_) | Value::Seq(_)) => {
                Err(format!(
                    "the patch has a {} where the resource has a {}",
                    patch.type_name(),
                    target.type_name()
                ))
            }
            _ => Ok(if patch.is_null() {
                Walked::Gone
            } else {
                Walked::Patch(patch)
            }),
        }
    }

    fn maps(
        &self,
        target: &Node,
        target_map: &Map,
        mut patch: Node,
        ty: Option<&Type>,
        depth: u32,
    ) -> Result<Walked, String> {
        match map_directive(&mut patch)? {
            Directive::Delete => return Ok(Walked::Gone),
            Directive::Replace => {
                let Some(node) = self.same_map(patch, ty, depth)? else {
                    return Ok(Walked::Gone);
                };
                return Ok(Walked::Patch(node));
            }
            Directive::Merge => {}
        }
        let Some(patch_map) = patch.as_map() else {
            return Ok(Walked::Target(target.clone()));
        };
        let mut result = target.clone();
        for entry in target_map {
            let field_ty = ty.and_then(|ty| ty.field(&entry.key));
            let given = patch_map.get(&entry.key).cloned();
            let untouched = given.is_none();
            let walked = self.walk(Some(&entry.value), given, field_ty, depth + 1)?;
            let Some(map) = result.as_map_mut() else {
                break;
            };
            match walked {
                Walked::Gone => {
                    map.remove(&entry.key);
                }
                Walked::Target(node) if untouched && same_place(&node, &entry.value) => {}
                Walked::Target(node) | Walked::Patch(node) => {
                    let node = value::in_style_of(&entry.value, node);
                    map.insert(entry.key.clone(), entry.key_span, node);
                }
            }
        }
        for entry in patch_map {
            if target_map.contains_key(&entry.key) {
                continue;
            }
            let field_ty = ty.and_then(|ty| ty.field(&entry.key));
            let walked = self.walk(None, Some(entry.value.clone()), field_ty, depth + 1)?;
            if let (Some(node), Some(map)) = (walked.node(), result.as_map_mut()) {
                map.insert(entry.key.clone(), entry.key_span, node);
            }
        }
        Ok(Walked::Target(result))
    }

    /// A mapping that only the patch has.
    fn added_map(&self, mut patch: Node, ty: Option<&Type>, depth: u32) -> Result<Walked, String> {
        // An unknown directive is left alone here, as Kustomize leaves it.
        if map_directive(&mut patch) == Ok(Directive::Delete) {
            return Ok(Walked::Gone);
        }
        let node = self.same_map(patch, ty, depth)?;
        Ok(node.map_or(Walked::Gone, Walked::Patch))
    }

    /// The fields of a mapping merged with itself: nulls go, directives are obeyed.
    fn same_map(
        &self,
        mut node: Node,
        ty: Option<&Type>,
        depth: u32,
    ) -> Result<Option<Node>, String> {
        let Some(map) = node.as_map().cloned() else {
            return Ok(Some(node));
        };
        for entry in &map {
            let field_ty = ty.and_then(|ty| ty.field(&entry.key));
            let value = self.same(entry.value.clone(), field_ty, depth + 1)?;
            let Some(map) = node.as_map_mut() else { break };
            match value {
                None => {
                    map.remove(&entry.key);
                }
                Some(value) if same_place(&value, &entry.value) => {}
                Some(value) => map.insert(entry.key.clone(), entry.key_span, value),
            }
        }
        Ok(Some(node))
    }

    /// A value merged with itself.
    fn same(&self, mut node: Node, ty: Option<Type>, depth: u32) -> Result<Option<Node>, String> {
        if depth > MAX_DEPTH {
            return Err("the patch is nested too deeply".to_owned());
        }
        let ty = self.type_of(ty, [Some(&node), None]);
        match &node.value {
            Value::Null => Ok(None),
            Value::Map(_) => {
                if map_directive(&mut node)? == Directive::Delete {
                    return Ok(None);
                }
                self.same_map(node, ty.as_ref(), depth)
            }
            Value::Seq(_) => {
                let Some(keys) = ty.as_ref().and_then(Type::merge_keys) else {
                    return Ok(Some(node));
                };
                match list_directive(&mut node)? {
                    Directive::Delete => Ok(None),
                    Directive::Replace | Directive::Merge => {
                        self.associative(&node, Some(&node), &keys, ty.as_ref(), depth, true)
                    }
                }
            }
            _ => Ok(Some(node)),
        }
    }

    /// A list that only the patch has.
    fn added_list(&self, patch: Node, ty: Option<&Type>, depth: u32) -> Result<Walked, String> {
        let Some(keys) = ty.and_then(Type::merge_keys) else {
            return Ok(Walked::Patch(patch));
        };
        let made = self.associative(&patch, Some(&patch), &keys, ty, depth, true)?;
        Ok(made.map_or(Walked::Gone, Walked::Patch))
    }

    fn lists(
        &self,
        target: &Node,
        mut patch: Node,
        ty: Option<&Type>,
        depth: u32,
    ) -> Result<Walked, String> {
        let Some(keys) = ty.and_then(Type::merge_keys) else {
            // Lists without keys are replaced, by null too.
            return Ok(if patch.is_null() {
                Walked::Gone
            } else {
                Walked::Patch(patch)
            });
        };
        if patch.is_null() {
            return Ok(Walked::Gone);
        }
        match list_directive(&mut patch)? {
            Directive::Delete => Ok(Walked::Gone),
            Directive::Replace => {
                let made = self.associative(&patch, Some(&patch), &keys, ty, depth, true)?;
                Ok(made.map_or(Walked::Gone, Walked::Patch))
            }
            Directive::Merge => {
                let made = self.associative(target, Some(&patch), &keys, ty, depth, false)?;
                Ok(made.map_or(Walked::Gone, Walked::Target))
            }
        }
    }

    /// What walking does to a value that the patch does not mention.
    fn settle(&self, node: &Node, ty: Option<Type>, depth: u32) -> Result<Walked, String> {
        if depth > MAX_DEPTH {
            return Err("the resource is nested too deeply".to_owned());
        }
        match &node.value {
            Value::Null if value::is_unwritten(node) => Ok(Walked::Gone),
            Value::Map(map) => {
                let ty = self.type_of(ty, [Some(node), None]);
                let mut result: Option<Node> = None;
                for entry in map {
                    let field_ty = ty.as_ref().and_then(|ty| ty.field(&entry.key));
                    if field_ty.is_none()
                        && value::is_scalar(&entry.value)
                        && !entry.value.is_null()
                    {
                        continue;
                    }
                    let walked = self.settle(&entry.value, field_ty, depth + 1)?.node();
                    match walked {
                        Some(value) if same_place(&value, &entry.value) => {}
                        changed => {
                            let whole = result.get_or_insert_with(|| node.clone());
                            let Some(map) = whole.as_map_mut() else { break };
                            match changed {
                                None => {
                                    map.remove(&entry.key);
                                }
                                Some(value) => {
                                    map.insert(entry.key.clone(), entry.key_span, value);
                                }
                            }
                        }
                    }
                }
                Ok(Walked::Target(result.unwrap_or_else(|| node.clone())))
            }
            Value::Seq(_) => {
                let Some(keys) = ty.as_ref().and_then(Type::merge_keys) else {
                    return Ok(Walked::Target(node.clone()));
                };
                let made = self.associative(node, None, &keys, ty.as_ref(), depth, false)?;
                Ok(made.map_or(Walked::Gone, Walked::Target))
            }
            _ => Ok(Walked::Target(node.clone())),
        }
    }

    /// A keyed list that the patch does not mention, its items one by one.
    fn each_alone(
        &self,
        target: &Node,
        ty: Option<&Type>,
        depth: u32,
    ) -> Result<Option<Node>, String> {
        let item_ty = ty.and_then(Type::items);
        let items = target.as_seq().unwrap_or_default();
        let mut result: Option<Vec<Node>> = None;
        for (index, item) in items.iter().enumerate() {
            let Some(new) = self.settle(item, item_ty.clone(), depth + 1)?.node() else {
                continue;
            };
            if !same_place(&new, item)
                && let Some(slot) = result.get_or_insert_with(|| items.to_vec()).get_mut(index)
            {
                *slot = new;
            }
        }
        Ok(Some(result.map_or_else(
            || target.clone(),
            |items| Node::seq(items, target.span),
        )))
    }

    /// Merges two lists by key. `same` tells that both are one and the same list.
    fn associative(
        &self,
        target: &Node,
        patch: Option<&Node>,
        keys: &[String],
        ty: Option<&Type>,
        depth: u32,
        same: bool,
    ) -> Result<Option<Node>, String> {
        let primitive = [String::new()];
        let plain = keys.is_empty();
        let keys: &[String] = if plain { &primitive } else { keys };
        let mut dest: Vec<Node> = target.as_seq().unwrap_or_default().to_vec();
        let mut patch_items: Vec<Node> = patch
            .and_then(Node::as_seq)
            .map(<[Node]>::to_vec)
            .unwrap_or_default();
        let mut values = all_values(&patch_items, &dest, keys, plain);
        if patch.is_none() && distinct(&values, dest.len()) {
            return self.each_alone(target, ty, depth);
        }
        if dest.len() + patch_items.len() > MAX_ITEMS {
            return Err(format!(
                "a list of more than {MAX_ITEMS} items cannot be merged by key"
            ));
        }
        if keys.len() > 1 {
            unify(&mut values);
        }
        let item_ty = ty.and_then(Type::items);
        let mut items: Vec<Node> = Vec::new();
        let mut valid_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        for value in &values {
            let (used_keys, used_values) = valid(&values, value, keys);
            let (find_keys, find_values) = valid_one(&used_keys, &used_values);
            let at = |list: &[Node]| position(list, &find_keys, &find_values);
            let in_dest = at(&dest);
            let in_patch = if same { None } else { at(&patch_items) };
            let from_patch = in_patch.and_then(|index| patch_items.get(index)).cloned();
            let in_dest_node = in_dest.and_then(|index| dest.get(index)).cloned();
            let walked = if same {
                match in_dest_node {
                    Some(node) => self
                        .same(node, item_ty.clone(), depth + 1)?
                        .map_or(Walked::Gone, Walked::Target),
                    None => Walked::Gone,
                }
            } else {
                self.walk(
                    in_dest_node.as_ref(),
                    from_patch,
                    item_ty.clone(),
                    depth + 1,
                )?
            };
            valid_keys.clone_from(&used_keys);
            let is_target = matches!(walked, Walked::Target(_));
            let gone = |node: &Node| node.is_null() || node.as_map().is_some_and(Map::is_empty);
            let Some(mut item) = walked.node().filter(|node| !gone(node)) else {
                set_element(&mut dest, None, &used_keys, &used_values);
                continue;
            };
            for (key, text) in used_keys.iter().zip(&used_values) {
                let lacks = !key.is_empty() && !text.is_empty() && item.get(key).is_none();
                if lacks && let Some(map) = item.as_map_mut() {
                    let span = item_span(map);
                    map.insert(*key, span, value::resolve(text, span));
                }
            }
            // Kustomize changes the elements in place, the target's or the patch's.
            let slot = if is_target {
                in_dest.and_then(|index| dest.get_mut(index))
            } else {
                in_patch.and_then(|index| patch_items.get_mut(index))
            };
            if let Some(slot) = slot {
                *slot = item.clone();
            }
            set_element(&mut items, Some(item), &used_keys, &used_values);
        }
        if values.is_empty() {
            items = dest;
        } else {
            append_all(&mut items, dest, &valid_keys);
        }
        Ok(Some(Node::new(Value::Seq(Arc::new(items)), target.span)))
    }
}

fn item_span(map: &Map) -> seawall_model::Span {
    map.iter()
        .next()
        .map_or(seawall_model::Span::NONE, |entry| entry.value.span)
}

/// Whether two values are the very same, so that nothing needs to be written.
fn same_place(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Seq(x), Value::Seq(y)) => Arc::ptr_eq(x, y) || (a.span == b.span && x == y),
        (Value::Map(x), Value::Map(y)) => std::ptr::eq(x.iter().as_slice(), y.iter().as_slice()),
        (Value::Map(_) | Value::Seq(_), _) => false,
        _ => a.span == b.span && a.value == b.value,
    }
}

/// Reads and removes `$patch` from a mapping.
fn map_directive(node: &mut Node) -> Result<Directive, String> {
    let Some(found) = node.get(DIRECTIVE) else {
        return Ok(Directive::Merge);
    };
    let directive = named(&text(found))?;
    if let Some(map) = node.as_map_mut() {
        map.remove(DIRECTIVE);
    }
    Ok(directive)
}

/// Reads and removes the `- $patch: …` element of a list.
fn list_directive(node: &mut Node) -> Result<Directive, String> {
    let found = node
        .as_seq()
        .and_then(|items| items.iter().find(|item| item.get(DIRECTIVE).is_some()));
    let Some(found) = found.filter(|item| item.as_map().is_some_and(|m| m.len() == 1)) else {
        return Ok(Directive::Merge);
    };
    let word = text_at(found, &[DIRECTIVE]).into_owned();
    let directive = named(&word)?;
    if let Some(items) = node.as_seq_mut() {
        set_element(items, None, &[DIRECTIVE], &[word]);
    }
    Ok(directive)
}

fn named(word: &str) -> Result<Directive, String> {
    match word {
        "delete" => Ok(Directive::Delete),
        "replace" => Ok(Directive::Replace),
        "merge" => Ok(Directive::Merge),
        _ => Err(format!("unknown patch strategy '{word}'")),
    }
}
