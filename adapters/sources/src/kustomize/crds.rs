//! Field specifications that users bring: `configurations` and `crds`.

use super::Fail;
use super::decode::{Decoder, Text};
use super::ids::Gvk;
use super::specs::{BackReference, Config, FieldSpec, merge_specs};
use super::store::{Root, Store};
use seawall_yaml::{Map, Node};
use std::sync::Arc;

/// Types nest no deeper than this on the way to a field.
const MAX_DEPTH: usize = 32;

/// A transformer configuration file.
pub(super) fn configuration(
    store: &Store<'_>,
    root: &Root,
    path: &Text,
) -> Result<(Config, Vec<Fail>), Fail> {
    let (_, parsed) = store.file(root, path)?;
    let mut config = Config::default();
    let mut d = Decoder::new(true);
    d.fails.extend(parsed.problems.iter().cloned());
    let Some(node) = parsed.kubernetes.first() else {
        return Ok((config, d.fails));
    };
    let known = [
        "namePrefix",
        "nameSuffix",
        "namespace",
        "commonLabels",
        "labels",
        "templateLabels",
        "commonAnnotations",
        "nameReference",
        "varReference",
        "images",
        "replicas",
    ];
    if let Some(o) = d.object(node, "a transformer configuration", &known) {
        for (name, specs) in [
            ("namePrefix", &mut config.name_prefix),
            ("nameSuffix", &mut config.name_suffix),
            ("namespace", &mut config.namespace),
            ("commonLabels", &mut config.common_labels),
            ("labels", &mut config.labels),
            ("templateLabels", &mut config.template_labels),
            ("commonAnnotations", &mut config.annotations),
            ("varReference", &mut config.var_reference),
            ("images", &mut config.images),
            ("replicas", &mut config.replicas),
        ] {
            *specs = Arc::new(d.field_specs(o, name));
        }
        let mut references = Vec::new();
        for item in d.items(o, "nameReference") {
            let known = ["group", "version", "kind", "fieldSpecs"];
            let Some(r) = d.object(item, "an item of nameReference", &known) else {
                continue;
            };
            references.push(BackReference {
                target: d.gvk(r),
                referrers: Arc::new(d.field_specs(r, "fieldSpecs")),
            });
        }
        config.name_reference = Arc::new(references);
    }
    Ok((config, d.fails))
}

/// An OpenAPI definitions file (`crds`), searched for the marks that tell Kustomize about
/// references.
pub(super) fn definitions(store: &Store<'_>, root: &Root, path: &Text) -> Result<Config, Fail> {
    let (_, parsed) = store.file(root, path)?;
    if let Some(problem) = parsed.problems.first() {
        return Err(problem.clone());
    }
    let mut config = Config::default();
    let Some(map) = parsed.kubernetes.first().and_then(Node::as_map) else {
        return Ok(config);
    };
    for entry in map {
        let Some(properties) = properties(&entry.value) else {
            continue;
        };
        let object = ["kind", "apiVersion", "metadata"]
            .iter()
            .all(|f| properties.contains_key(f));
        if object {
            let kind = entry.key.rsplit('.').next().unwrap_or_default().to_owned();
            let gvk = Gvk {
                kind: kind.into(),
                ..Gvk::default()
            };
            walk(map, &entry.key, &gvk, &mut Vec::new(), &mut config)
                .map_err(|message| Fail::new(path.span, message))?;
        }
    }
    Ok(config)
}

fn properties(api: &Node) -> Option<&Map> {
    // Go's decoder does not mind the case.
    let schema = api.get("Schema").or_else(|| api.get("schema"))?;
    schema.get("properties")?.as_map()
}

fn walk(
    types: &Map,
    name: &str,
    gvk: &Gvk,
    path: &mut Vec<String>,
    config: &mut Config,
) -> Result<(), String> {
    let Some(properties) = types.get(name).and_then(properties) else {
        return Ok(());
    };
    if path.len() > MAX_DEPTH {
        return Err(format!("the type {name} refers to itself"));
    }
    for property in properties {
        path.push(property.key.to_string());
        let mark = |key: &str| property.value.get(key).and_then(Node::as_str);
        let spec = |extra: &str| FieldSpec {
            gvk: gvk.clone(),
            path: format!("{}{extra}", path.join("/")).into(),
            create: false,
        };
        if mark("x-kubernetes-annotation").is_some() {
            merge_specs(&mut config.annotations, &[spec("")])?;
        }
        if mark("x-kubernetes-label-selector").is_some() {
            merge_specs(&mut config.common_labels, &[spec("")])?;
        }
        if mark("x-kubernetes-identity").is_some() {
            merge_specs(&mut config.name_prefix, &[spec("")])?;
        }
        if let (Some(version), Some(kind)) = (
            mark("x-kubernetes-object-ref-api-version"),
            mark("x-kubernetes-object-ref-kind"),
        ) {
            let key = mark("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let target = Gvk {
                group: "".into(),
                version: version.to_owned().into(),
                kind: kind.to_owned().into(),
            };
            let reference = BackReference {
                target,
                referrers: Arc::new(vec![spec(&format!("/{key}"))]),
            };
            let one = Config {
                name_reference: Arc::new(vec![reference]),
                ..Config::default()
            };
            config.merge(&one)?;
        }
        if let Some(reference) = mark("$ref") {
            walk(types, reference, gvk, path, config)?;
        }
        path.pop();
    }
    Ok(())
}
