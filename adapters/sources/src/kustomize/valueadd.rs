//! The ValueAddTransformer: one value into a field of many objects, also into the middle of
//! file paths.

use super::Fail;
use super::decode::{Decoder, Object, Text};
use super::kust::Selector;
use super::kust_reader;
use super::paths::{self, Make};
use super::resource::Resource;
use super::select::Chooser;
use super::store::{Root, Store};
use super::transform::{self, Subjects};
use super::value;
use seawall_model::Span;
use seawall_yaml::Node;

/// What to add where.
pub(super) struct Adder {
    value: Text,
    targets: Vec<Target>,
    span: Span,
}

struct Target {
    selector: Option<Selector>,
    path: String,
    position: i64,
}

pub(super) fn decode(
    d: &mut Decoder,
    o: Object<'_>,
    store: &Store<'_>,
    root: &Root,
    span: Span,
) -> Result<Adder, Fail> {
    let value = d.text(o, "value");
    let trimmed = value.as_deref().unwrap_or_default().trim();
    let base = root.canonical.rsplit('/').next().unwrap_or_default();
    let value = Text {
        value: if trimmed.is_empty() { base } else { trimmed }.into(),
        span: value.as_ref().map_or(span, |t| t.span),
    };
    let mut targets: Vec<Target> = d
        .items(o, "targets")
        .iter()
        .filter_map(|n| target(d, n))
        .collect();
    if let Some(path) = d.text(o, "targetFilePath").filter(|t| !t.is_empty()) {
        let (_, parsed) = store.file(root, &path)?;
        if let Some(file) = parsed.kubernetes.first()
            && let Some(f) = d.object(file, "a list of targets", &[])
        {
            targets.extend(d.items(f, "targets").iter().filter_map(|n| target(d, n)));
        }
    }
    if targets.is_empty() {
        return Err(Fail::new(span, "there must be at least one target"));
    }
    if targets.iter().any(|t| t.path.is_empty() || t.position < 0) {
        return Err(Fail::new(
            span,
            "a target needs a fieldPath and no negative position",
        ));
    }
    Ok(Adder {
        value,
        targets,
        span,
    })
}

fn target(d: &mut Decoder, node: &Node) -> Option<Target> {
    let o = d.object(node, "a target", &[])?;
    Some(Target {
        selector: o
            .get("selector")
            .and_then(|n| kust_reader::selector(d, n, "selector")),
        path: d
            .text(o, "fieldPath")
            .map_or_else(String::new, |t| t.value.to_string()),
        position: d.integer(o, "filePathPosition").unwrap_or(0),
    })
}

impl Adder {
    pub(super) fn apply(&self, resources: &mut [Resource]) -> Result<(), Fail> {
        for target in &self.targets {
            let chooser = target
                .selector
                .as_ref()
                .map(|s| Chooser::new(s, self.span))
                .transpose()?;
            for resource in &mut *resources {
                if chooser.as_ref().is_some_and(|c| !c.chooses(resource)) {
                    continue;
                }
                self.add(resource, target)?;
            }
        }
        Ok(())
    }

    fn add(&self, resource: &mut Resource, target: &Target) -> Result<(), Fail> {
        if target.path == "metadata/namespace" {
            let previous = resource.previous.clone();
            let one = std::slice::from_mut(resource);
            let outcome = transform::namespace(one, &self.value, &[], Subjects::Default, false);
            resource.previous = previous;
            return outcome;
        }
        let fail = |message: String| Fail::new(self.span, message);
        let parts: Vec<String> = super::fields::split(&target.path, '/')
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let found = paths::find(&mut resource.node, &parts, Make::Scalar).map_err(fail)?;
        for place in &found {
            let Some(field) = paths::at(&mut resource.node, place) else {
                continue;
            };
            if !value::is_scalar(field) {
                return Err(fail(format!("{} is a {}", target.path, field.type_name())));
            }
            let new = match usize::try_from(target.position) {
                Ok(position) if position > 0 => {
                    inserted(&value::text(field), position - 1, &self.value)
                }
                _ => self.value.value.to_string(),
            };
            *field = value::string(new, self.value.span);
        }
        Ok(())
    }
}

/// A part put into a file path.
fn inserted(path: &str, position: usize, part: &str) -> String {
    if path.is_empty() {
        return part.to_owned();
    }
    let (root, rest) = match path.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", path),
    };
    let mut parts: Vec<&str> = rest.split('/').filter(|p| !p.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::inserted;

    #[test]
    fn parts_go_into_paths() {
        assert_eq!(inserted("", 0, "x"), "x");
        assert_eq!(inserted("/", 0, "x"), "/x");
        assert_eq!(inserted("/a/b", 0, "x"), "/x/a/b");
        assert_eq!(inserted("a/b/c", 2, "x"), "a/b/x/c");
        assert_eq!(inserted("a", 99, "x"), "a/x");
    }
}
