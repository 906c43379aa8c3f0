//! Kustomizations: bases, generators, patches, replacements.

use crate::{Target, bundle, news};
use seawall_model::SourceMap;
use seawall_sources::kustomize::{Builder, is_overlay};
use seawall_sources::tree::{Entry, Tree, join};
use std::collections::HashSet;

/// See the module.
pub const TARGET: Target = Target {
    name: "kustomize",
    corpus: || {
        let folders = ["examples", "tests/cases/kustomize", "../shared/data/manifests"];
        let marks = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
        bundle::corpus("kustomize", &folders, &marks, 12_000)
    },
    dictionary: &[
        "#### kustomization.yaml\n", "#### a/kustomization.yaml\n", "#### b/kustomization.yaml\n",
        "#### r.yaml\n", "#### a/r.yaml\n", "resources:\n", "- ../a\n", "- a\n", "- .\n", "- ..\n",
        "- r.yaml\n", "- https://example.com/x?ref=1\n", "bases:\n", "components:\n", "crds:\n",
        "namespace: x\n", "namePrefix: p-\n", "nameSuffix: -s\n", "commonLabels: {a: b}\n",
        "labels:\n- pairs: {a: b}\n  includeSelectors: true\n  includeTemplates: true\n",
        "  fields:\n  - path: a/b\n    create: true\n    group: g\n    kind: K\n",
        "commonAnnotations: {a: b}\n", "patchesStrategicMerge:\n", "patchesJson6902:\n",
        "patches:\n- path: p.yaml\n", "- patch: |-\n    - op: replace\n      path: /a/0/b~1c\n      value: 1\n",
        "  target:\n    kind: .*\n    name: (a|b)*\n    labelSelector: a in (b,c),!d\n",
        "    annotationSelector: a=b\n", "op: add\n", "op: test\n", "op: move\n", "op: copy\n",
        "from: /a\n", "path: /a/-\n", "$patch: delete\n", "$patch: replace\n", "$patch: merge\n",
        "$retainKeys: [a]\n", "$setElementOrder/a: [b]\n", "$deleteFromPrimitiveList/a: [b]\n",
        "configMapGenerator:\n- name: c\n  literals: [a=b]\n", "secretGenerator:\n- name: c\n",
        "  files: [a=b]\n", "  envs: [e]\n", "  behavior: merge\n", "  type: Opaque\n",
        "  options: {immutable: true, disableNameSuffixHash: true}\n",
        "generatorOptions: {labels: {a: b}}\n", "images:\n- name: a\n  newName: b\n  newTag: c\n",
        "  digest: sha256:1\n", "replicas:\n- name: a\n  count: 3\n", "vars:\n- name: V\n",
        "  objref: {kind: K, name: n, apiVersion: v1}\n", "  fieldref: {fieldpath: spec.a[0].b}\n",
        "$(V)", "$$(V)", "replacements:\n- source: {kind: K, name: n, fieldPath: a.b}\n",
        "  targets:\n  - select: {kind: K}\n    fieldPaths: [spec.a.[name=b].c]\n",
        "    options: {delimiter: '-', index: 1, create: true, encoding: base64}\n",
        "    reject: [{name: a}]\n", "  sourceValue: x\n", "openapi: {path: s.json}\n",
        "configurations: [c.yaml]\n", "transformers: [t.yaml]\n", "generators: [g.yaml]\n",
        "validators: [v.yaml]\n", "sortOptions: {order: legacy}\n", "buildMetadata: [originAnnotations]\n",
        "helmCharts:\n- name: c\n", "helmGlobals: {chartHome: c}\n", "kind: Component\n",
        "kind: List\nitems:\n", "\n---\n", "metadata: {name: n, namespace: m}\n", "nameReference:\n",
        "varReference:\n", "fieldSpecs:\n- path: a/b[]/c\n  create: true\n", "&x ", "*x", "<<: *x\n",
        "name: n\n", "kind: Deployment\napiVersion: apps/v1\n", "containers:\n- name: c\n  image: a:b@sha256:c\n",
        "99999999999999999999", "null", "[]", "{}", "~0~1", "\\.", "*", ".[a=b]", ".-",
    ],
    run,
};

fn run(input: &[u8], features: &mut HashSet<u64>) {
    let files = bundle::files(input);
    let tree = bundle::tree(&files);
    let map = SourceMap::new();
    let builder = Builder::new(&tree, &map);
    for dir in directories(&tree, ".", 6) {
        if is_overlay(&tree, &dir).is_none() {
            continue;
        }
        let _ = builder.is_component(&dir);
        let inputs = builder.inputs(&dir);
        features.insert(inputs.files.len().min(20) as u64);
        let rendered = builder.build(&dir);
        news::gaps(&rendered.gaps, features);
        for gap in &rendered.gaps {
            assert!(!gap.reason.contains("inside seawall"), "{}", gap.reason);
            let _ = map.display(gap.span);
        }
        for object in &rendered.objects {
            news::tree(object, features);
            let _ = map.display(object.span);
        }
    }
}

fn directories(tree: &dyn Tree, dir: &str, depth: u8) -> Vec<String> {
    let mut all = vec![dir.to_owned()];
    for (name, kind) in tree.list(dir, ".").unwrap_or_default() {
        if kind == Entry::Directory && depth > 0 && all.len() < 20 {
            all.extend(directories(tree, &join(dir, &name), depth - 1));
        }
    }
    all
}
