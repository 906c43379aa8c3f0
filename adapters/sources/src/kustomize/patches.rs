//! Patches of all three kinds.

use super::Fail;
use super::decode::Text;
use super::jsonpatch::{self, Operation};
use super::kust::Patch;
use super::merge;
use super::parse::Parsed;
use super::read;
use super::resmap;
use super::resource::{Resource, set_meta};
use super::schema::Schemas;
use super::select::Chooser;
use super::store::{Root, Store};
use super::value::{size, text};
use seawall_model::{Span, Str};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

/// What a patch file or text turned out to be.
enum Content {
    Merge(Vec<Resource>),
    Json(Vec<Operation>),
}

fn content(parsed: &Parsed, span: Span) -> Result<Content, Fail> {
    let (resources, mut fails) = read::resources(parsed);
    let json = match parsed.kubernetes.first() {
        Some(node) => jsonpatch::decode(node),
        None => Ok(Vec::new()),
    };
    match (fails.is_empty(), json) {
        (true, Ok(json)) if !json.is_empty() && !resources.is_empty() => Err(Fail::new(
            span,
            "the patch is both a merge and a JSON patch".to_owned(),
        )),
        (true, Ok(json)) if resources.is_empty() => Ok(Content::Json(json)),
        (true, _) => Ok(Content::Merge(resources)),
        (false, Ok(json)) => Ok(Content::Json(json)),
        (false, Err(reason)) => {
            let first = fails.swap_remove(0);
            let span = if first.span.is_known() {
                first.span
            } else {
                span
            };
            let message = format!(
                "the patch is neither a merge patch ({}) nor a JSON patch ({reason})",
                first.message
            );
            Err(Fail {
                kind: first.kind,
                ..Fail::new(span, message)
            })
        }
    }
}

/// What `patches` and patch plugins work with.
pub(super) struct Patcher<'p, 'a> {
    pub(super) store: &'p Store<'a>,
    pub(super) root: &'p Root,
    pub(super) schemas: &'p Schemas,
    /// How many values the objects had that were patched: a patch may copy each of them.
    pub(super) work: Cell<usize>,
}

impl Patcher<'_, '_> {
    /// The parsed text of a patch, and where messages about it should point.
    fn load(&self, patch: &Patch) -> Result<(Arc<Parsed>, Text), Fail> {
        let inline = patch.text.as_ref().filter(|p| !p.trim().is_empty());
        match (inline, &patch.path) {
            (None, None) => {
                let message = "a patch must have a path or a patch".to_owned();
                Err(Fail::new(patch.span, message))
            }
            (Some(text), Some(_)) => {
                let message = "a patch must have either a path or a patch".to_owned();
                Err(Fail::new(text.span, message))
            }
            (Some(text), None) => Ok((Arc::new(self.store.inline_trimmed(text)), text.clone())),
            (None, Some(path)) => {
                let (_, parsed) = self.store.file(self.root, path)?;
                Ok((parsed, path.clone()))
            }
        }
    }

    /// One entry of `patches`.
    pub(super) fn patch(
        &self,
        resources: &mut Vec<Resource>,
        patch: &Patch,
        fails: &mut Vec<Fail>,
    ) -> Result<(), Fail> {
        let (parsed, place) = self.load(patch)?;
        match content(&parsed, place.span)? {
            Content::Merge(mut list) => {
                for resource in &mut list {
                    resource.allow_name_change = patch.allow_name_change;
                    resource.allow_kind_change = patch.allow_kind_change;
                }
                self.merge_patches(resources, patch, &list, place.span, fails)
            }
            Content::Json(operations) => {
                let Some(target) = &patch.target else {
                    let message = "a JSON patch must have a target".to_owned();
                    return Err(Fail::new(patch.span, message));
                };
                let chooser = Chooser::new(target, patch.span)?;
                self.json(resources, &operations, &chooser, true)
            }
        }
    }

    fn merge_patches(
        &self,
        resources: &mut Vec<Resource>,
        patch: &Patch,
        list: &[Resource],
        span: Span,
        fails: &mut Vec<Fail>,
    ) -> Result<(), Fail> {
        let Some(target) = &patch.target else {
            for one in list {
                if let Err(fail) = self.merge_into_its_target(resources, one, span) {
                    fails.push(fail);
                }
            }
            return Ok(());
        };
        let [one] = list else {
            let message = "a patch with a target must hold one object only".to_owned();
            return Err(Fail::new(span, message));
        };
        let chooser = Chooser::new(target, patch.span)?;
        let chosen: HashSet<_> = resources
            .iter()
            .filter(|resource| chooser.chooses(resource))
            .map(|resource| resource.id().key())
            .collect();
        for resource in resources.iter_mut() {
            if !chosen.contains(&resource.id().key()) {
                continue;
            }
            let mut copy = one.clone();
            copy.plain_metadata();
            copy.set_api_version(&resource.api_version());
            copy.set_kind(&one.kind());
            self.merge(resource, copy, span)?;
        }
        resmap::drop_empty(resources);
        let mut checked = Vec::with_capacity(resources.len());
        resmap::append_all(&mut checked, std::mem::take(resources), span, fails);
        *resources = checked;
        Ok(())
    }

    /// A merge patch for the one object that it names.
    pub(super) fn merge_into_its_target(
        &self,
        resources: &mut [Resource],
        patch: &Resource,
        span: Span,
    ) -> Result<(), Fail> {
        let id = patch.id();
        let place = if patch.span().is_known() {
            patch.span()
        } else {
            span
        };
        let mut matches = resources
            .iter()
            .enumerate()
            .filter(|(_, r)| !super::value::is_empty(&r.node))
            .filter(|(_, r)| r.was_called(&id.name))
            .filter(|(_, r)| r.all_ids().iter().any(|known| id.same(known)))
            .map(|(index, _)| index);
        let (first, second) = (matches.next(), matches.next());
        drop(matches);
        let fail = |message: String| Fail {
            subject: Some(Str::from(id.to_string())),
            ..Fail::new(place, message)
        };
        let Some(target) = first.and_then(|index| resources.get_mut(index)) else {
            return Err(fail(format!(
                "the patch's target is not there: {} {id}",
                id.api_version
            )));
        };
        if second.is_some() {
            return Err(fail(format!(
                "more than one object is the patch's target {id}"
            )));
        }
        self.merge(target, patch.clone(), span)
    }

    fn merge(&self, target: &mut Resource, patch: Resource, span: Span) -> Result<(), Fail> {
        self.count(target);
        let kind = target.kind();
        let name = target.node.at(&["metadata", "name"]).cloned();
        let namespace = target.node.at(&["metadata", "namespace"]).cloned();
        if patch.allow_name_change || patch.allow_kind_change {
            target.store_id();
        }
        let place = if patch.node.span.is_known() {
            patch.node.span
        } else {
            span
        };
        let (rename, rekind) = (patch.allow_name_change, patch.allow_kind_change);
        // Only a patch that touches annotations can see the history in them.
        let seen = patch.node.at(&["metadata", "annotations"]).is_some()
            || patch.node.get("$patch").is_some()
            || patch
                .node
                .get("metadata")
                .is_some_and(|m| m.get("$patch").is_some());
        if seen {
            target.materialize();
        }
        let merged = merge::merge(&target.node, patch.node, self.schemas);
        let merged = merged.map_err(|message| {
            if seen {
                target.absorb();
            }
            Fail::new(place, format!("{}: {message}", target.id()))
        })?;
        let Some(merged) = merged else {
            target.node = seawall_yaml::Node::null();
            return Ok(());
        };
        target.node = merged;
        if seen {
            target.absorb();
        }
        if !rekind {
            target.set_kind(&kind);
        }
        if !rename {
            set_meta(&mut target.node, "name", name);
        }
        let namespace = namespace.filter(|n| !text(n).is_empty());
        set_meta(&mut target.node, "namespace", namespace);
        Ok(())
    }

    fn count(&self, resource: &Resource) {
        // Copying two values takes about as long as looking for one field.
        let copied = size(&resource.node) / 2 + 1;
        let work = self.work.get().saturating_add(copied);
        self.work.set(work);
    }

    fn json(
        &self,
        resources: &mut [Resource],
        operations: &[Operation],
        chooser: &Chooser,
        store_id: bool,
    ) -> Result<(), Fail> {
        for resource in resources {
            if !chooser.chooses(resource) {
                continue;
            }
            self.count(resource);
            if store_id {
                resource.store_id();
            }
            let id = resource.id();
            let (previous, prefixes, suffixes, hash) = (
                resource.previous.clone(),
                resource.prefixes.clone(),
                resource.suffixes.clone(),
                resource.needs_hash,
            );
            resource.materialize();
            let patched = jsonpatch::apply(&resource.node, operations);
            match patched {
                Ok(node) => resource.node = node,
                Err((span, message)) => {
                    resource.absorb();
                    return Err(Fail::new(span, format!("{id}: {message}")));
                }
            }
            resource.absorb();
            // What the patch did to the history is undone, unlike with merge patches.
            resource.previous = previous;
            resource.prefixes = prefixes;
            resource.suffixes = suffixes;
            resource.needs_hash = hash;
            if resource.name().is_empty() && !resource.kind().ends_with("List") {
                let span = operations.first().map_or(Span::NONE, Operation::span);
                return Err(Fail::new(
                    span,
                    format!("the patch takes the name from {id}"),
                ));
            }
        }
        Ok(())
    }

    /// One entry of `patchesJson6902`.
    pub(super) fn patch_json(&self, resources: &mut [Resource], patch: &Patch) -> Result<(), Fail> {
        let Some(target) = &patch.target else {
            return Err(Fail::new(
                patch.span,
                "a JSON patch must have a target".to_owned(),
            ));
        };
        if target.name.is_empty() {
            let message = "the target of a patchesJson6902 entry must have a name".to_owned();
            return Err(Fail::new(patch.span, message));
        }
        let (parsed, place) = self.load(patch)?;
        if let Some(problem) = parsed.problems.first() {
            return Err(problem.clone());
        }
        let operations = match parsed.kubernetes.first() {
            Some(node) => jsonpatch::decode(node).map_err(|m| Fail::new(node.span, m))?,
            None => Vec::new(),
        };
        if operations.is_empty() {
            return Err(Fail::new(place.span, "the patch is empty".to_owned()));
        }
        let chooser = Chooser::new(target, patch.span)?;
        self.json(resources, &operations, &chooser, false)
    }

    /// One entry of `patchesStrategicMerge`: a path, or the patch itself.
    pub(super) fn patch_merge(
        &self,
        resources: &mut Vec<Resource>,
        entry: &Text,
        fails: &mut Vec<Fail>,
    ) -> Result<(), Fail> {
        let mut list = Vec::new();
        if entry.contains('\n') || entry.contains(": ") {
            let parsed = self.store.inline(entry);
            let (found, wrong) = read::resources(&parsed);
            if wrong.is_empty() {
                list = found;
            } else if entry.contains('\n') {
                fails.extend(wrong);
                list = found;
            }
        }
        if list.is_empty() && !entry.contains('\n') {
            let (_, parsed) = self.store.file(self.root, entry)?;
            let (found, wrong) = read::resources(&parsed);
            fails.extend(wrong);
            if found.is_empty() && parsed.problems.is_empty() {
                return Err(Fail::new(
                    entry.span,
                    format!("{} holds no patch", &**entry),
                ));
            }
            list = found;
        }
        for patch in &mut list {
            patch.plain_metadata();
            if let Err(fail) = self.merge_into_its_target(resources, patch, entry.span) {
                fails.push(fail);
            }
            resmap::drop_empty(resources);
        }
        Ok(())
    }
}
