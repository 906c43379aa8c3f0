//! Vars: `$(NAME)` in fields that may hold one, replaced by a field of an object.

use super::Fail;
use super::fields::{self, Create};
use super::ids::Id;
use super::kust::Var;
use super::paths;
use super::resource::Resource;
use super::specs::FieldSpec;
use super::value::{self, text};
use seawall_yaml::{Node, Value};
use std::collections::BTreeMap;

/// No replacement may make a text longer than this.
const MAX_TEXT: usize = 1 << 20;

/// Notes which resource each var reads, and adds the vars to the set.
pub(super) fn merge(
    resources: &mut [Resource],
    known: &mut BTreeMap<String, Var>,
    incoming: &[Var],
) -> Result<(), Fail> {
    for var in incoming {
        let api_version = if var.gvk.group.is_empty() {
            var.gvk.version.to_string()
        } else {
            format!("{}/{}", var.gvk.group, var.gvk.version)
        };
        let wanted = Id {
            api_version: api_version.into(),
            kind: var.gvk.kind.to_string().into(),
            name: var.object_name.as_str().into(),
            namespace: var.object_namespace.as_str().into(),
            cluster: false,
        };
        let is = |id: &Id| {
            if wanted.namespace.is_empty() {
                wanted.name == id.name
                    && wanted.kind == id.kind
                    && wanted.api_version == id.api_version
            } else {
                wanted.same(id)
            }
        };
        let matched: Vec<usize> = resources
            .iter()
            .enumerate()
            .filter(|(_, resource)| resource.all_ids().iter().any(is))
            .map(|(index, _)| index)
            .collect();
        if matched.len() > 1 {
            let message = format!("the var {} could mean {} objects", var.name, matched.len());
            return Err(Fail::new(var.span, message));
        }
        if let Some(resource) = matched.first().and_then(|index| resources.get_mut(*index)) {
            resource.vars.push(var.name.clone());
        }
    }
    for var in incoming {
        add(known, var)?;
    }
    Ok(())
}

/// Adds a var; its name must be new.
pub(super) fn add(known: &mut BTreeMap<String, Var>, var: &Var) -> Result<(), Fail> {
    if known.contains_key(&var.name) {
        return Err(Fail::new(
            var.span,
            format!("the var {} is there twice", var.name),
        ));
    }
    known.insert(var.name.clone(), var.clone());
    Ok(())
}

/// Puts the values in.
pub(super) fn resolve(
    resources: &mut [Resource],
    vars: &BTreeMap<String, Var>,
    specs: &[FieldSpec],
) -> Vec<Fail> {
    let mut fails = Vec::new();
    let mut values: BTreeMap<&str, Node> = BTreeMap::new();
    for var in vars.values() {
        match read(resources, var) {
            Ok(node) => {
                values.insert(&var.name, node);
            }
            Err(fail) => fails.push(fail),
        }
    }
    if values.is_empty() {
        return fails;
    }
    for resource in resources {
        let id = resource.id();
        for spec in specs.iter().filter(|spec| spec.gvk.selects(&id)) {
            let mut set = |node: &mut Node| set(node, &values);
            let done = fields::apply(&mut resource.node, spec, Create::No, &mut set);
            if let Err(message) = done {
                fails.push(Fail::new(resource.span(), format!("{id}: {message}")));
            }
        }
    }
    fails
}

fn read(resources: &[Resource], var: &Var) -> Result<Node, Fail> {
    let Some(resource) = resources
        .iter()
        .find(|resource| resource.vars.contains(&var.name))
    else {
        let message = format!("the object that the var {} reads is not there", var.name);
        return Err(Fail::new(var.span, message));
    };
    let mut parts = Vec::new();
    for part in paths::split_smart(&var.field_path) {
        // `ports[0]` is `ports`, `0`.
        match part.strip_suffix(']').and_then(|p| p.rsplit_once('[')) {
            Some((name, index))
                if !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) =>
            {
                if !name.is_empty() {
                    parts.push(name.to_owned());
                }
                parts.push(index.to_owned());
            }
            _ => parts.push(part),
        }
    }
    let found = paths::lookup(&resource.node, &parts)
        .map_err(|message| Fail::new(var.span, format!("the var {}: {message}", var.name)))?;
    found.cloned().ok_or_else(|| {
        let message = format!(
            "{} has no field {} for the var {}",
            resource.id(),
            var.field_path,
            var.name
        );
        Fail::new(var.span, message)
    })
}

fn set(node: &mut Node, values: &BTreeMap<&str, Node>) -> Result<(), String> {
    let wants = |n: &Node| n.as_str().is_some_and(|t| t.contains('$'));
    match &node.value {
        Value::String(_) => {
            if wants(node) {
                *node = expand(node, values)?;
            }
            Ok(())
        }
        Value::Map(map) => {
            if !map.iter().any(|entry| wants(&entry.value)) {
                return Ok(());
            }
            let Some(map) = node.as_map_mut() else {
                return Ok(());
            };
            for entry in map.entries_mut() {
                if wants(&entry.value) {
                    entry.value = expand(&entry.value, values)?;
                }
            }
            Ok(())
        }
        Value::Seq(items) => {
            if items.iter().any(|item| item.as_str().is_none()) {
                return Err("a list in which vars are looked for must hold text".to_owned());
            }
            if !items.iter().any(wants) {
                return Ok(());
            }
            for item in node.as_seq_mut().into_iter().flatten() {
                *item = expand(item, values)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Replaces `$(NAME)`; `$$` is a dollar sign; a name that is no var stays as it is.
fn expand(node: &Node, values: &BTreeMap<&str, Node>) -> Result<Node, String> {
    let input = node.as_str().unwrap_or_default();
    let mut output = String::new();
    let mut rest = input;
    while let Some(at) = rest.find('$') {
        let (before, tail) = rest.split_at(at);
        output.push_str(before);
        let tail = tail.get(1..).unwrap_or_default();
        if tail.is_empty() {
            output.push('$');
            rest = "";
            break;
        }
        if let Some(after) = tail.strip_prefix('$') {
            output.push('$');
            rest = after;
        } else if let Some((name, after)) = tail.strip_prefix('(').and_then(|t| t.split_once(')')) {
            let found = values
                .get(name)
                .filter(|n| value::is_scalar(n) && !n.is_null());
            match found {
                Some(found) if input.len() == name.len() + 3 => {
                    return Ok(Node::new(found.value.clone(), node.span));
                }
                Some(found) => output.push_str(&text(found)),
                None => {
                    output.push_str("$(");
                    output.push_str(name);
                    output.push(')');
                }
            }
            rest = after;
        } else {
            output.push('$');
            let width = tail.chars().next().map_or(0, char::len_utf8);
            output.push_str(tail.get(..width).unwrap_or_default());
            rest = tail.get(width..).unwrap_or_default();
        }
        if output.len() > MAX_TEXT {
            return Err("vars make the text too long".to_owned());
        }
    }
    output.push_str(rest);
    Ok(value::string(output, node.span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seawall_model::Span;

    #[test]
    fn expansion() {
        let values = BTreeMap::from([
            ("A", value::string("x", Span::NONE)),
            ("N", Node::new(Value::Int(5), Span::NONE)),
        ]);
        let show = |t: &str| {
            let node = expand(&value::string(t, Span::NONE), &values).unwrap();
            format!("{:?}", node.value)
        };
        assert_eq!(show("$(A)"), "String(\"x\")");
        assert_eq!(show("$(N)"), "Int(5)");
        assert_eq!(show("a-$(N)-$(A)"), "String(\"a-5-x\")");
        assert_eq!(show("$$(A) $(B) $x $"), "String(\"$(A) $(B) $x $\")");
        assert_eq!(show("$(A"), "String(\"$(A\")");
    }
}
