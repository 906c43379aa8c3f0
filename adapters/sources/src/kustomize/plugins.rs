//! Generators, transformers and validators that are given as files: Kustomize's built-in
//! ones (`apiVersion: builtin`) are run here, all others would be programs to start.

use super::build::{Build, Made, Place};
use super::decode::{Decoder, Object, Text};
use super::kust::{Patch, Selector};
use super::kust_reader;
use super::patches::Patcher;
use super::resource::{Behavior, Origin, Resource};
use super::store::Root;
use super::transform::{self, Affix, Subjects};
use super::value::{size, text_at};
use super::valueadd;
use super::{Builder, Fail, finish, generators, helm, read, resmap};
use seawall_model::{GapKind, Span, Str};
use seawall_yaml::{Map, Node};
use std::cell::Cell;

/// Runs the generators of a kustomization's `generators` field.
pub(super) fn generate(build: &mut Build<'_, '_>, place: &Place, made: &mut Made) {
    for plugin in load(build, place, &place.kust.generators) {
        if build.exhausts(made.resources.len(), plugin.span()) {
            return;
        }
        let outcome = run_generator(build, place, &plugin, made);
        if let Err(fail) = outcome {
            build.fails.push(fail);
        }
    }
}

/// Runs the transformers and validators of a kustomization.
pub(super) fn transform(build: &mut Build<'_, '_>, place: &Place, made: &mut Made) {
    for plugin in load(build, place, &place.kust.transformers) {
        if build.exhausts(cost(made, &plugin), plugin.span()) {
            return;
        }
        let outcome = run_transformer(build, place, &plugin, made);
        if let Err(fail) = outcome {
            build.fails.push(fail);
        }
        if let Some(origin) = origin_of(&plugin) {
            build.mark(made, &origin);
        }
        resmap::drop_empty(&mut made.resources);
    }
    for plugin in load(build, place, &place.kust.validators) {
        if build.exhausts(cost(made, &plugin), plugin.span()) {
            return;
        }
        let mut copy = made.clone();
        let outcome = run_transformer(build, place, &plugin, &mut copy);
        let changed = copy.resources.len() != made.resources.len()
            || copy
                .resources
                .iter()
                .zip(&made.resources)
                .any(|(a, b)| a.node != b.node);
        match outcome {
            Err(fail) => build.fails.push(fail),
            Ok(()) if changed => {
                let message = format!("the validator {} must not change objects", plugin.id());
                build.fails.push(Fail::new(plugin.span(), message));
            }
            Ok(()) => {}
        }
    }
}

/// What a plugin may look at: each of its fields in each object.
fn cost(made: &Made, plugin: &Resource) -> usize {
    made.resources.len().saturating_mul(size(&plugin.node))
}

/// The plugin objects that entries hold: written in place, in files, or built by overlays.
fn load(build: &mut Build<'_, '_>, place: &Place, entries: &[Text]) -> Vec<Resource> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut made = Made::default();
    let mut paths = Vec::new();
    for entry in entries {
        let parsed = build.builder.store.inline(entry);
        let (mut inline, fails) = read::resources(&parsed);
        if !fails.is_empty() && !entry.contains('\n') {
            paths.push(entry.clone());
            continue;
        }
        build.fails.extend(fails);
        if build.tracks {
            let path = super::build::joined(&place.origin, &place.kust.file_name);
            for resource in &mut inline {
                resource.origin = Some(Origin {
                    path: path.clone(),
                    ..Origin::default()
                });
            }
        }
        resmap::append_all(&mut made.resources, inline, entry.span, &mut build.fails);
    }
    build.resources(place, &paths, &mut made);
    made.resources
}

fn origin_of(plugin: &Resource) -> Option<Origin> {
    let origin = plugin.origin.as_ref()?;
    let id = plugin.id();
    let by = [&id.api_version, &id.kind, &id.name, &id.namespace];
    Some(Origin {
        path: String::new(),
        configured_in: origin.path.clone(),
        configured_by: Some(by.map(ToString::to_string)),
    })
}

/// A plugin that is not built in.
fn foreign(plugin: &Resource) -> Fail {
    let id = plugin.id();
    Fail {
        kind: GapKind::Unsupported,
        subject: Some(Str::from(id.to_string())),
        hint: "scan the output of `kustomize build` with the plugin enabled".to_owned(),
        ..Fail::new(
            plugin.span(),
            format!(
                "the plugin {} {id} is a program, which is not run",
                id.api_version
            ),
        )
    }
}

fn fields<'n>(d: &mut Decoder, plugin: &'n Resource) -> Result<Object<'n>, Fail> {
    d.object(&plugin.node, "a plugin", &[])
        .ok_or_else(|| Fail::new(plugin.span(), "a plugin must be a mapping"))
}

fn finished(d: Decoder) -> Result<(), Fail> {
    d.fails.into_iter().next().map_or(Ok(()), Err)
}

fn meta(plugin: &Resource, field: &str) -> Option<Text> {
    let node = plugin.node.at(&["metadata", field])?;
    let value = node.as_str().filter(|t| !t.is_empty())?;
    Some(Text {
        value: value.into(),
        span: node.span,
    })
}

fn run_generator(
    build: &mut Build<'_, '_>,
    place: &Place,
    plugin: &Resource,
    made: &mut Made,
) -> Result<(), Fail> {
    if &*plugin.api_version() != "builtin" {
        return Err(foreign(plugin));
    }
    let mut d = Decoder::new(false);
    let o = fields(&mut d, plugin)?;
    let kind = plugin.kind();
    let secret = &*kind == "SecretGenerator";
    let mut resource = match &*kind {
        "ConfigMapGenerator" | "SecretGenerator" => {
            let mut generator = kust_reader::generator(&mut d, &plugin.node, secret)
                .ok_or_else(|| Fail::new(plugin.span(), "a generator must be a mapping"))?;
            generator.name = generator.name.or_else(|| meta(plugin, "name"));
            generator.namespace = generator.namespace.or_else(|| meta(plugin, "namespace"));
            finished(d)?;
            let options = generators::options(generator.options.as_ref(), None);
            let store = &build.builder.store;
            generators::generate(store, &place.root, &generator, secret, &options)?
        }
        "HelmChartInflationGenerator" => {
            let home = d.text(o, "chartHome");
            let chart = helm::chart(&mut d, &plugin.node);
            finished(d)?;
            if let Some(chart) = chart {
                build.chart(place, &chart, home.as_ref(), made);
            }
            return Ok(());
        }
        "IAMPolicyGenerator" => iam(&mut d, o, plugin.span())?,
        _ => {
            let message = format!("there is no built-in generator {kind}");
            return Err(Fail::new(plugin.span(), message));
        }
    };
    resource.origin = origin_of(plugin);
    resmap::absorb(&mut made.resources, resource, plugin.span())
}

/// A service account for GKE's workload identity.
fn iam(d: &mut Decoder, o: Object<'_>, span: Span) -> Result<Resource, Fail> {
    let cloud = d
        .text(o, "cloud")
        .map_or_else(String::new, |t| t.value.to_string());
    if cloud != "gke" {
        return Err(Fail::new(
            span,
            format!("the cloud provider {cloud} is not supported"),
        ));
    }
    let part = |section: &str, field: &str| {
        let node = o.get(section);
        node.map_or_else(String::new, |n| text_at(n, &[field]).into_owned())
    };
    let account = format!(
        "{}@{}.iam.gserviceaccount.com",
        part("serviceAccount", "name"),
        part("serviceAccount", "projectId")
    );
    let string = |text: String| Node::string(text, span);
    let mut annotations = Map::default();
    annotations.insert("iam.gke.io/gcp-service-account", span, string(account));
    let mut metadata = Map::default();
    metadata.insert("annotations", span, Node::map(annotations, span));
    metadata.insert("name", span, string(part("kubernetesService", "name")));
    let namespace = part("kubernetesService", "namespace");
    if !namespace.is_empty() {
        metadata.insert("namespace", span, string(namespace));
    }
    let mut object = Map::default();
    object.insert("apiVersion", span, string("v1".to_owned()));
    object.insert("kind", span, string("ServiceAccount".to_owned()));
    object.insert("metadata", span, Node::map(metadata, span));
    let mut resource = Resource::new(Node::map(object, span));
    resource.behavior = Behavior::Create;
    Ok(resource)
}

fn run_transformer(
    build: &mut Build<'_, '_>,
    place: &Place,
    plugin: &Resource,
    made: &mut Made,
) -> Result<(), Fail> {
    if &*plugin.api_version() != "builtin" {
        return Err(foreign(plugin));
    }
    let mut d = Decoder::new(false);
    let o = fields(&mut d, plugin)?;
    let specs = d.field_specs(o, "fieldSpecs");
    let kind = plugin.kind();
    let span = plugin.span();
    let empty = || Text {
        value: "".into(),
        span,
    };
    match &*kind {
        "AnnotationsTransformer" | "LabelTransformer" => {
            let field = if &*kind == "LabelTransformer" {
                "labels"
            } else {
                "annotations"
            };
            let pairs = d.pairs(o, field);
            finished(d)?;
            transform::pairs(&mut made.resources, &pairs, &specs)
        }
        "HashTransformer" => {
            finish::hash_names(&mut made.resources);
            Ok(())
        }
        "ImageTagTransformer" => {
            let image = o
                .get("imageTag")
                .and_then(|n| kust_reader::image(&mut d, n));
            finished(d)?;
            match image {
                Some(image) => transform::images(&mut made.resources, &image, &specs),
                None => Ok(()),
            }
        }
        "NamespaceTransformer" => {
            let subjects = match d.text(o, "setRoleBindingSubjects").as_deref() {
                None | Some("" | "defaultOnly") => Subjects::Default,
                Some("allServiceAccounts") => Subjects::ServiceAccounts,
                Some("none") => Subjects::None,
                Some(other) => {
                    let message = format!("setRoleBindingSubjects cannot be {other}");
                    return Err(Fail::new(span, message));
                }
            };
            let unset_only = d.truth(o, "unsetOnly");
            finished(d)?;
            let namespace = meta(plugin, "namespace").unwrap_or_else(empty);
            transform::namespace(
                &mut made.resources,
                &namespace,
                &specs,
                subjects,
                unset_only,
            )
        }
        "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
            let prefix = d.text(o, "prefix").unwrap_or_else(empty);
            let suffix = d.text(o, "suffix").unwrap_or_else(empty);
            finished(d)?;
            if o.get("fieldSpecs").is_none() {
                return Err(Fail::new(span, format!("the {kind} has no fieldSpecs")));
            }
            if &*kind != "SuffixTransformer" {
                transform::affix(&mut made.resources, &prefix, Affix::Prefix, &specs)?;
            }
            if &*kind != "PrefixTransformer" {
                transform::affix(&mut made.resources, &suffix, Affix::Suffix, &specs)?;
            }
            Ok(())
        }
        "ReplicaCountTransformer" => {
            let replica = o
                .get("replica")
                .and_then(|n| kust_reader::replica(&mut d, n));
            finished(d)?;
            match replica {
                Some(replica) => transform::replicas(&mut made.resources, &replica, &specs),
                None => Err(Fail::new(
                    span,
                    "the ReplicaCountTransformer has no replica",
                )),
            }
        }
        "ReplacementTransformer" => {
            let fields: Vec<_> = d
                .items(o, "replacements")
                .iter()
                .filter_map(|n| kust_reader::replacement_field(&mut d, n))
                .collect();
            finished(d)?;
            build.replacements(place, &fields, made)
        }
        "ValueAddTransformer" => {
            let adder = valueadd::decode(&mut d, o, &build.builder.store, &place.root, span)?;
            finished(d)?;
            adder.apply(&mut made.resources)
        }
        "PatchTransformer" | "PatchJson6902Transformer" | "PatchStrategicMergeTransformer" => {
            patch(build, place, plugin, d, made)
        }
        _ => Err(Fail::new(
            span,
            format!("there is no built-in transformer {kind}"),
        )),
    }
}

fn patch(
    build: &mut Build<'_, '_>,
    place: &Place,
    plugin: &Resource,
    mut d: Decoder,
    made: &mut Made,
) -> Result<(), Fail> {
    let o = fields(&mut d, plugin)?;
    let span = plugin.span();
    let schemas = build.schemas.clone();
    let patcher = Patcher {
        store: &build.builder.store,
        root: &place.root,
        schemas: &schemas,
        work: Cell::default(),
    };
    let outcome = match &*plugin.kind() {
        "PatchTransformer" => {
            let patch = kust_reader::patch(&mut d, &plugin.node);
            finished(d)?;
            let patch = patch.ok_or_else(|| Fail::new(span, "the patch is not a mapping"))?;
            patcher.patch(&mut made.resources, &patch, &mut build.fails)
        }
        "PatchJson6902Transformer" => {
            let target: Option<Selector> = o
                .get("target")
                .and_then(|n| kust_reader::selector(&mut d, n, "target"));
            let patch = Patch {
                span,
                path: d.text(o, "path").filter(|t| !t.is_empty()),
                text: d.text(o, "jsonOp").filter(|t| !t.is_empty()),
                target,
                allow_name_change: false,
                allow_kind_change: false,
            };
            finished(d)?;
            patcher.patch_json(&mut made.resources, &patch)
        }
        _ => {
            let mut entries = d.texts(o, "paths");
            let inline = d.text(o, "patches").filter(|t| !t.is_empty());
            finished(d)?;
            if entries.is_empty() && inline.is_none() {
                return Err(Fail::new(span, "the patch has neither paths nor patches"));
            }
            entries.extend(inline);
            for entry in &entries {
                patcher.patch_merge(&mut made.resources, entry, &mut build.fails)?;
            }
            Ok(())
        }
    };
    build.exhausts(patcher.work.take(), span);
    outcome
}

/// Files that a plugin's configuration names.
pub(super) fn paths(builder: &Builder<'_>, root: &Root, entry: &Text) -> Vec<String> {
    let documents = if entry.contains('\n') {
        builder.store.inline(entry).kubernetes
    } else {
        match builder.store.file(root, entry) {
            Ok((_, parsed)) => parsed.kubernetes.clone(),
            Err(_) => return Vec::new(),
        }
    };
    let mut paths = Vec::new();
    for document in &documents {
        for field in [
            "path",
            "paths",
            "files",
            "envs",
            "env",
            "targetFilePath",
            "valuesFile",
        ] {
            let Some(node) = document.get(field) else {
                continue;
            };
            let one = node.as_str().into_iter();
            let many = node.as_seq().into_iter().flatten().filter_map(Node::as_str);
            for path in one.chain(many) {
                let path = if field == "files" {
                    path.split_once('=').map_or(path, |(_, path)| path)
                } else {
                    path
                };
                paths.push(path.to_owned());
            }
        }
    }
    paths
}
