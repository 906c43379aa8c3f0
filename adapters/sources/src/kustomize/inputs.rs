//! What a kustomization names, without building it.

use super::Builder;
use super::decode::Text;
use super::store::Root;
use crate::tree::{self, Kind};
use seawall_model::Span;
use std::collections::BTreeSet;

/// The files and directories that a kustomization names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Directories of bases and components.
    pub directories: BTreeSet<String>,
    /// Files: kustomizations, resources, patches, generator sources, configuration.
    pub files: BTreeSet<String>,
    /// Charts that are inflated, as directories.
    pub charts: BTreeSet<String>,
}

/// What the kustomization of a directory itself names.
pub(super) fn of(builder: &Builder<'_>, dir: &str) -> Inputs {
    let mut inputs = Inputs::default();
    if let Some(root) = builder.store.root(dir) {
        visit(builder, &root, &mut inputs);
    }
    inputs
}

fn visit(builder: &Builder<'_>, root: &Root, inputs: &mut Inputs) {
    let Ok(kust) = builder.kustomization(&root.dir, Span::NONE) else {
        return;
    };
    inputs.files.insert(kust.file.to_string());
    let mut file = |path: &str| {
        if path.contains('\n') {
            return; // written in place
        }
        let full = tree::join(&root.dir, path);
        match builder.store.tree.kind(&full) {
            Some(Kind::File) => {
                inputs.files.insert(full);
            }
            Some(Kind::Directory) => {
                inputs.directories.insert(full);
            }
            None => {}
        }
    };
    for list in [
        &kust.resources,
        &kust.components,
        &kust.crds,
        &kust.configurations,
        &kust.generators,
        &kust.transformers,
        &kust.validators,
        &kust.patches_merge,
    ] {
        for path in list {
            file(path);
        }
    }
    for patch in kust.patches.iter().chain(&kust.patches_json) {
        if let Some(path) = &patch.path {
            file(path);
        }
    }
    for replacement in &kust.replacements {
        if let Some(path) = &replacement.path {
            file(path);
        }
    }
    for generator in kust.config_maps.iter().chain(&kust.secrets) {
        for path in &generator.envs {
            file(path);
        }
        for source in &generator.files {
            file(source.split_once('=').map_or(&**source, |(_, path)| path));
        }
    }
    for (key, text) in &kust.openapi {
        if &**key == "path" {
            file(text);
        }
    }
    for chart in &kust.helm_charts {
        for path in chart.additional_values.iter().chain(&chart.values_file) {
            file(path);
        }
        let home = kust.chart_home.as_deref().unwrap_or("charts");
        if let Some(name) = &chart.name {
            inputs
                .charts
                .insert(tree::join(&tree::join(&root.dir, home), name));
        }
    }
    // Plugin files name further files.
    let plugins: Vec<&Text> = kust
        .generators
        .iter()
        .chain(&kust.transformers)
        .chain(&kust.validators)
        .collect();
    for plugin in plugins {
        for path in super::plugins::paths(builder, root, plugin) {
            file(&path);
        }
    }
}
