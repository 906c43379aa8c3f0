//! Replacements: a value from one object into fields of others.

use super::Fail;
use super::ids::Id;
use super::kust::{FieldOptions, Replacement, Selector, Source, Target};
use super::paths::{self, Make};
use super::resource::Resource;
use super::select;
use super::value::{self, text};
use seawall_yaml::{Node, Value};

/// No replacement may make a text longer than this.
const MAX_TEXT: usize = 1 << 20;

/// Applies replacements in order.
pub(super) fn apply(resources: &mut [Resource], list: &[Replacement]) -> Result<(), Fail> {
    for replacement in list {
        let (Some(targets), true) = (
            &replacement.targets,
            replacement.source.is_some() || replacement.source_value.is_some(),
        ) else {
            let message = "a replacement must have a source and at least one target".to_owned();
            return Err(Fail::new(replacement.span, message));
        };
        let value = match (&replacement.source, &replacement.source_value) {
            (Some(_), Some(value)) => {
                let message = "source and sourceValue exclude each other".to_owned();
                return Err(Fail::new(value.span, message));
            }
            (None, Some(value)) => value::string(value.value.clone(), value.span),
            (Some(source), None) => read(resources, source)?,
            (None, None) => continue,
        };
        for target in targets {
            write(resources, target, &value)?;
        }
    }
    Ok(())
}

/// Whether an identity is chosen: here names are names, not patterns.
fn chosen(id: &Id, selector: &Selector) -> bool {
    let namespace = |text: &str| {
        if text.is_empty() {
            "default".to_owned()
        } else {
            text.to_owned()
        }
    };
    (selector.name.is_empty() || *selector.name == *id.name)
        && (selector.namespace.is_empty()
            || namespace(&selector.namespace) == namespace(&id.namespace))
        && selector.gvk.selects(id)
}

fn read(resources: &[Resource], source: &Source) -> Result<Node, Fail> {
    let mut found: Option<&Resource> = None;
    for resource in resources {
        if resource
            .all_ids()
            .iter()
            .any(|id| chosen(id, &source.select))
        {
            if let Some(first) = found {
                let message = format!(
                    "the source means more than one object: {} and {}",
                    first.id(),
                    resource.id()
                );
                return Err(Fail::new(source.span, message));
            }
            found = Some(resource);
        }
    }
    let Some(resource) = found else {
        return Err(Fail::new(source.span, "no object is the source".to_owned()));
    };
    let (path, span) = match &source.field_path {
        Some(path) => (&**path, path.span),
        None => ("metadata.name", source.span),
    };
    let fail = |message| Fail::new(span, message);
    let parts = paths::split_smart(path);
    let node = paths::lookup(&resource.node, &parts).map_err(fail)?;
    let Some(node) = node.filter(|node| !value::is_empty(node)) else {
        return Err(fail(format!("{} has no field {path}", resource.id())));
    };
    let options = &source.options;
    if options.delimiter.is_empty() {
        return Ok(node.clone());
    }
    if !value::is_scalar(node) {
        return Err(fail("only scalars can be split at a delimiter".to_owned()));
    }
    let whole = text(node);
    let part = usize::try_from(options.index)
        .ok()
        .and_then(|index| whole.split(options.delimiter.as_str()).nth(index))
        .ok_or_else(|| fail(format!("{path} has no part {}", options.index)))?;
    value::with_text(node, part, node.span).map_err(fail)
}

fn write(resources: &mut [Resource], target: &Target, value: &Node) -> Result<(), Fail> {
    let Some(selector) = &target.select else {
        return Err(Fail::new(
            target.span,
            "a target must select objects".to_owned(),
        ));
    };
    let name = [super::decode::Text {
        value: "metadata.name".into(),
        span: target.span,
    }];
    let field_paths = if target.field_paths.is_empty() {
        &name[..]
    } else {
        &target.field_paths
    };
    for resource in resources {
        if !select::fits(selector, resource)? || rejected_by_labels(target, resource)? {
            continue;
        }
        let ids = resource.all_ids();
        let rejected = target.reject.iter().any(|reject| {
            let empty = reject.name.is_empty()
                && reject.namespace.is_empty()
                && reject.gvk == super::ids::Gvk::default();
            !empty && ids.iter().any(|id| chosen(id, reject))
        });
        if rejected || !ids.iter().any(|id| chosen(id, selector)) {
            continue;
        }
        let id = resource.id();
        for path in field_paths {
            let fail = |message: String| Fail::new(path.span, format!("{id}: {message}"));
            let make = match (&value.value, target.options.create) {
                (_, false) => Make::Nothing,
                (Value::Map(_), true) => Make::Mapping,
                (Value::Seq(_), true) => Make::List,
                (_, true) => Make::Scalar,
            };
            let parts = paths::split_smart(path);
            let found = paths::find(&mut resource.node, &parts, make).map_err(fail)?;
            if found.is_empty() {
                return Err(fail(format!("there is no field {}", &**path)));
            }
            let scalar = value::is_scalar(value);
            for place in &found {
                let Some(field) = paths::at(&mut resource.node, place) else {
                    continue;
                };
                set(field, value, &target.options).map_err(fail)?;
                if !scalar && value::is_too_large(&resource.node) {
                    return Err(fail(
                        "the replacement makes the object too large".to_owned(),
                    ));
                }
            }
        }
    }
    Ok(())
}

fn rejected_by_labels(target: &Target, resource: &Resource) -> Result<bool, Fail> {
    for reject in &target.reject {
        if (reject.labels.is_some() || reject.annotations.is_some())
            && select::fits(reject, resource)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn set(field: &mut Node, value: &Node, options: &FieldOptions) -> Result<(), String> {
    let mut new = text(value).into_owned();
    if !options.delimiter.is_empty() {
        if !value::is_scalar(field) {
            return Err("only scalars can be split at a delimiter".to_owned());
        }
        let old = text(field).into_owned();
        let mut parts: Vec<&str> = old.split(options.delimiter.as_str()).collect();
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, &new),
            Ok(index) => match parts.get_mut(index) {
                Some(part) => *part = &new,
                None => parts.push(&new),
            },
        }
        new = parts.join(&options.delimiter);
    }
    if new.len() > MAX_TEXT {
        return Err("the replacement makes the text too long".to_owned());
    }
    if value::is_scalar(field) {
        *field = value::with_text(field, &new, value.span)?;
    } else if options.delimiter.is_empty() || !value::is_scalar(value) {
        *field = value.clone();
    } else {
        *field = value::with_text(value, &new, value.span)?;
    }
    Ok(())
}

/// A file of replacements holds one, or a list of them.
pub(super) fn decode_file(
    node: &Node,
    path: &super::decode::Text,
) -> Result<(Vec<Replacement>, Vec<Fail>), Fail> {
    let mut decoder = super::decode::Decoder::new(false);
    let list = match &node.value {
        Value::Seq(items) => items
            .iter()
            .filter_map(|item| super::kust_reader::replacement(&mut decoder, item))
            .collect(),
        Value::Map(_) => super::kust_reader::replacement(&mut decoder, node)
            .into_iter()
            .collect(),
        _ => {
            let message = format!("{} holds no replacements", &**path);
            return Err(Fail::new(path.span, message));
        }
    };
    Ok((list, decoder.fails))
}
