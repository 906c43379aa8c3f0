//! Reading the Kustomization file.

use super::Fail;
use super::decode::{Decoder, Object};
use super::helm::{chart, old_chart};
use super::ids::Gvk;
use super::kust::{
    FieldOptions, Generator, Image, Kust, Label, Options, Patch, Replacement, ReplacementField,
    Replica, Selector, Sort, Source, Target, Var,
};
use seawall_yaml::Node;

const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// Reads a kustomization.
pub(super) fn decode(node: &Node, file: &str, file_name: &str) -> Kust {
    let mut d = Decoder::new(true);
    let mut kust = Kust {
        file: file.into(),
        file_name: file_name.into(),
        span: Some(node.span),
        ..Kust::default()
    };
    let Some(o) = d.object(node, "the kustomization", FIELDS) else {
        if node.is_null() {
            d.fails.push(Fail::new(
                node.span,
                "the kustomization is empty".to_owned(),
            ));
        }
        kust.fails = d.fails;
        return kust;
    };
    check_type(&mut d, o, &mut kust);
    kust.resources = d.texts(o, "resources");
    kust.resources.extend(d.texts(o, "bases"));
    kust.components = d.texts(o, "components");
    kust.crds = d.texts(o, "crds");
    kust.configurations = d.texts(o, "configurations");
    kust.generators = d.texts(o, "generators");
    kust.transformers = d.texts(o, "transformers");
    kust.validators = d.texts(o, "validators");
    kust.build_metadata = d.texts(o, "buildMetadata");
    kust.name_prefix = d.text(o, "namePrefix").filter(|t| !t.is_empty());
    kust.name_suffix = d.text(o, "nameSuffix").filter(|t| !t.is_empty());
    kust.namespace = d.text(o, "namespace").filter(|t| !t.is_empty());
    kust.common_labels = d.pairs(o, "commonLabels");
    kust.common_annotations = d.pairs(o, "commonAnnotations");
    kust.openapi = d.pairs(o, "openapi");
    kust.labels = d
        .items(o, "labels")
        .iter()
        .filter_map(|n| label(&mut d, n))
        .collect();
    kust.patches = d
        .items(o, "patches")
        .iter()
        .filter_map(|n| patch(&mut d, n))
        .collect();
    kust.patches_json = d
        .items(o, "patchesJson6902")
        .iter()
        .filter_map(|n| patch(&mut d, n))
        .collect();
    kust.patches_merge = d.texts(o, "patchesStrategicMerge");
    kust.images = d
        .items(o, "images")
        .iter()
        .filter_map(|n| image(&mut d, n))
        .collect();
    kust.images.extend(
        d.items(o, "imageTags")
            .iter()
            .filter_map(|n| image(&mut d, n)),
    );
    kust.replicas = d
        .items(o, "replicas")
        .iter()
        .filter_map(|n| replica(&mut d, n))
        .collect();
    kust.replacements = d
        .items(o, "replacements")
        .iter()
        .filter_map(|n| replacement_field(&mut d, n))
        .collect();
    kust.vars = d
        .items(o, "vars")
        .iter()
        .filter_map(|n| var(&mut d, n))
        .collect();
    kust.config_maps = d
        .items(o, "configMapGenerator")
        .iter()
        .filter_map(|n| generator(&mut d, n, false))
        .collect();
    kust.secrets = d
        .items(o, "secretGenerator")
        .iter()
        .filter_map(|n| generator(&mut d, n, true))
        .collect();
    kust.generator_options = o.get("generatorOptions").and_then(|n| options(&mut d, n));
    if let Some(globals) = o.get("helmGlobals")
        && let Some(g) = d.object(globals, "helmGlobals", &["chartHome", "configHome"])
    {
        kust.chart_home = d.text(g, "chartHome");
    }
    kust.helm_charts = d
        .items(o, "helmCharts")
        .iter()
        .filter_map(|n| chart(&mut d, n))
        .collect();
    for node in d.items(o, "helmChartInflationGenerator") {
        if let Some((chart, home)) = old_chart(&mut d, node) {
            kust.helm_charts.push(chart);
            if o.get("helmGlobals").is_none() && home.is_some() {
                kust.chart_home = home;
            }
        }
    }
    kust.sort = o.get("sortOptions").and_then(|n| sort(&mut d, n));
    let empty = FIELDS.iter().skip(2).all(|field| match o.get(field) {
        None => true,
        Some(node) => matches!(node.as_str(), Some("")),
    });
    if empty && d.fails.is_empty() {
        d.fails.push(Fail::new(
            node.span,
            "the kustomization is empty".to_owned(),
        ));
    }
    kust.fails = d.fails;
    kust
}

fn check_type(d: &mut Decoder, o: Object<'_>, kust: &mut Kust) {
    let kind = d.text(o, "kind").filter(|t| !t.is_empty());
    kust.component = kind.as_deref() == Some("Component");
    if let Some(kind) = &kind
        && &**kind != "Kustomization"
        && !kust.component
    {
        let message = format!("kind should be Kustomization or Component, not {}", &**kind);
        d.fails.push(Fail::new(kind.span, message));
    }
    let wanted = if kust.component {
        "kustomize.config.k8s.io/v1alpha1"
    } else {
        "kustomize.config.k8s.io/v1beta1"
    };
    if let Some(version) = d.text(o, "apiVersion").filter(|t| !t.is_empty())
        && &*version.value != wanted
    {
        let kind = if kust.component {
            "Component"
        } else {
            "Kustomization"
        };
        let message = format!("apiVersion for {kind} should be {wanted}");
        d.fails.push(Fail::new(version.span, message));
    }
    if let Some(metadata) = o.get("metadata") {
        let known = ["name", "namespace", "labels", "annotations"];
        if let Some(m) = d.object(metadata, "metadata", &known) {
            d.text(m, "name");
            d.text(m, "namespace");
            d.pairs(m, "labels");
            d.pairs(m, "annotations");
        }
    }
}

fn label(d: &mut Decoder, node: &Node) -> Option<Label> {
    let known = ["pairs", "includeSelectors", "includeTemplates", "fields"];
    let o = d.object(node, "an item of labels", &known)?;
    Some(Label {
        pairs: d.pairs(o, "pairs"),
        selectors: d.truth(o, "includeSelectors"),
        templates: d.truth(o, "includeTemplates"),
        fields: d.field_specs(o, "fields"),
    })
}

pub(super) fn patch(d: &mut Decoder, node: &Node) -> Option<Patch> {
    let o = d.object(node, "a patch", &["path", "patch", "target", "options"])?;
    let option = |name: &str| {
        o.get("options")
            .and_then(|n| n.get(name))
            .and_then(Node::as_bool)
            .unwrap_or(false)
    };
    Some(Patch {
        span: node.span,
        path: d.text(o, "path").filter(|t| !t.is_empty()),
        text: d.text(o, "patch").filter(|t| !t.is_empty()),
        target: o.get("target").and_then(|n| selector(d, n, "target")),
        allow_name_change: option("allowNameChange"),
        allow_kind_change: option("allowKindChange"),
    })
}

const SELECTOR: &[&str] = &[
    "group",
    "version",
    "kind",
    "name",
    "namespace",
    "labelSelector",
    "annotationSelector",
];

fn selector_fields(d: &mut Decoder, o: Object<'_>) -> Selector {
    Selector {
        gvk: d.gvk(o),
        name: d
            .text(o, "name")
            .map_or_else(String::new, |t| t.value.to_string()),
        namespace: d
            .text(o, "namespace")
            .map_or_else(String::new, |t| t.value.to_string()),
        labels: d.text(o, "labelSelector").filter(|t| !t.is_empty()),
        annotations: d.text(o, "annotationSelector").filter(|t| !t.is_empty()),
    }
}

pub(super) fn selector(d: &mut Decoder, node: &Node, what: &str) -> Option<Selector> {
    let o = d.object(node, what, SELECTOR)?;
    Some(selector_fields(d, o))
}

pub(super) fn image(d: &mut Decoder, node: &Node) -> Option<Image> {
    let known = ["name", "newName", "newTag", "tagSuffix", "digest"];
    let o = d.object(node, "an image", &known)?;
    let mut text = |name| d.text(o, name).filter(|t| !t.is_empty());
    Some(Image {
        span: node.span,
        name: text("name").map_or_else(String::new, |t| t.value.to_string()),
        new_name: text("newName"),
        new_tag: text("newTag"),
        tag_suffix: text("tagSuffix"),
        digest: text("digest"),
    })
}

pub(super) fn replica(d: &mut Decoder, node: &Node) -> Option<Replica> {
    let o = d.object(node, "an item of replicas", &["name", "count"])?;
    Some(Replica {
        span: node.span,
        name: d
            .text(o, "name")
            .map_or_else(String::new, |t| t.value.to_string()),
        count: d.integer(o, "count").unwrap_or(0),
        count_span: o.get("count").map_or(node.span, |n| n.span),
    })
}

pub(super) fn replacement_field(d: &mut Decoder, node: &Node) -> Option<ReplacementField> {
    let o = d.object(
        node,
        "a replacement",
        &["path", "source", "targets", "sourceValue"],
    )?;
    let inline = replacement_fields(d, o)?;
    Some(ReplacementField {
        path: d.text(o, "path").filter(|t| !t.is_empty()),
        inline,
    })
}

pub(super) fn replacement(d: &mut Decoder, node: &Node) -> Option<Replacement> {
    let o = d.object(node, "a replacement", &["source", "targets", "sourceValue"])?;
    replacement_fields(d, o)
}

#[allow(clippy::unnecessary_wraps)] // reads like its siblings
fn replacement_fields(d: &mut Decoder, o: Object<'_>) -> Option<Replacement> {
    Some(Replacement {
        span: o.span,
        source: o.get("source").and_then(|n| source(d, n)),
        source_value: d.text(o, "sourceValue"),
        targets: o.get("targets").map(|_| {
            d.items(o, "targets")
                .iter()
                .filter_map(|n| target(d, n))
                .collect()
        }),
    })
}

fn source(d: &mut Decoder, node: &Node) -> Option<Source> {
    let known = [
        "group",
        "version",
        "kind",
        "name",
        "namespace",
        "fieldPath",
        "options",
    ];
    let o = d.object(node, "the source of a replacement", &known)?;
    Some(Source {
        span: node.span,
        select: selector_fields(d, o),
        field_path: d.text(o, "fieldPath").filter(|t| !t.is_empty()),
        options: field_options(d, o),
    })
}

fn target(d: &mut Decoder, node: &Node) -> Option<Target> {
    let known = ["select", "reject", "fieldPaths", "options"];
    let o = d.object(node, "a target of a replacement", &known)?;
    Some(Target {
        span: node.span,
        select: o.get("select").and_then(|n| selector(d, n, "select")),
        reject: d
            .items(o, "reject")
            .iter()
            .filter_map(|n| selector(d, n, "reject"))
            .collect(),
        field_paths: d.texts(o, "fieldPaths"),
        options: field_options(d, o),
    })
}

fn field_options(d: &mut Decoder, o: Object<'_>) -> FieldOptions {
    let known = ["delimiter", "index", "encoding", "create"];
    let Some(node) = o.get("options") else {
        return FieldOptions::default();
    };
    let Some(o) = d.object(node, "options", &known) else {
        return FieldOptions::default();
    };
    d.text(o, "encoding");
    FieldOptions {
        delimiter: d
            .text(o, "delimiter")
            .map_or_else(String::new, |t| t.value.to_string()),
        index: d.integer(o, "index").unwrap_or(0),
        create: d.truth(o, "create"),
    }
}

fn var(d: &mut Decoder, node: &Node) -> Option<Var> {
    let o = d.object(node, "a var", &["name", "objref", "fieldref"])?;
    let mut var = Var {
        span: node.span,
        name: d
            .text(o, "name")
            .map_or_else(String::new, |t| t.value.to_string()),
        gvk: Gvk::default(),
        object_name: String::new(),
        object_namespace: String::new(),
        field_path: "metadata.name".to_owned(),
    };
    let known = [
        "apiVersion",
        "group",
        "version",
        "kind",
        "name",
        "namespace",
    ];
    if let Some(reference) = o.get("objref")
        && let Some(r) = d.object(reference, "objref", &known)
    {
        var.gvk = d.gvk(r);
        if let Some(api_version) = d.text(r, "apiVersion").filter(|t| !t.is_empty()) {
            match api_version.split('/').collect::<Vec<_>>().as_slice() {
                [group, version] => {
                    var.gvk.group = (*group).to_owned().into();
                    var.gvk.version = (*version).to_owned().into();
                }
                [version] => var.gvk.version = (*version).to_owned().into(),
                _ => {}
            }
        }
        var.object_name = d
            .text(r, "name")
            .map_or_else(String::new, |t| t.value.to_string());
        var.object_namespace = d
            .text(r, "namespace")
            .map_or_else(String::new, |t| t.value.to_string());
    }
    if let Some(field) = o.get("fieldref")
        && let Some(f) = d.object(field, "fieldref", &["fieldPath"])
        && let Some(path) = d.text(f, "fieldPath").filter(|t| !t.is_empty())
    {
        var.field_path = path.value.to_string();
    }
    Some(var)
}

pub(super) fn generator(d: &mut Decoder, node: &Node, secret: bool) -> Option<Generator> {
    let mut known = vec![
        "namespace",
        "name",
        "behavior",
        "literals",
        "files",
        "envs",
        "env",
        "options",
    ];
    if secret {
        known.push("type");
    }
    let o = d.object(node, "a generator", &known)?;
    let mut envs = d.texts(o, "envs");
    envs.extend(d.text(o, "env").filter(|t| !t.is_empty()));
    Some(Generator {
        span: node.span,
        name: d.text(o, "name").filter(|t| !t.is_empty()),
        namespace: d.text(o, "namespace").filter(|t| !t.is_empty()),
        behavior: d.text(o, "behavior"),
        literals: d.texts(o, "literals"),
        files: d.texts(o, "files"),
        envs,
        ty: if secret {
            d.text(o, "type").filter(|t| !t.is_empty())
        } else {
            None
        },
        options: o.get("options").and_then(|n| options(d, n)),
    })
}

fn options(d: &mut Decoder, node: &Node) -> Option<Options> {
    let known = [
        "labels",
        "annotations",
        "disableNameSuffixHash",
        "immutable",
    ];
    let o = d.object(node, "generator options", &known)?;
    Some(Options {
        labels: d.pairs(o, "labels"),
        annotations: d.pairs(o, "annotations"),
        disable_hash: d.truth(o, "disableNameSuffixHash"),
        immutable: d.truth(o, "immutable"),
    })
}

fn sort(d: &mut Decoder, node: &Node) -> Option<Sort> {
    let o = d.object(node, "sortOptions", &["order", "legacySortOptions"])?;
    let legacy = o.get("legacySortOptions").and_then(|n| {
        let l = d.object(n, "legacySortOptions", &["orderFirst", "orderLast"])?;
        Some((d.texts(l, "orderFirst"), d.texts(l, "orderLast")))
    });
    Some(Sort {
        order: d.text(o, "order"),
        span: node.span,
        legacy,
    })
}
