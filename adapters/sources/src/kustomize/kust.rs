//! The Kustomization file.

use super::Fail;
use super::decode::Text;
use super::ids::Gvk;
use super::specs::FieldSpec;
use seawall_model::{Span, Str};
use seawall_yaml::Node;

/// Everything a kustomization (or component) says.
#[derive(Debug, Clone, Default)]
pub(super) struct Kust {
    /// Path of the file.
    pub(super) file: Str,
    /// Name of the file within its directory.
    pub(super) file_name: Str,
    pub(super) component: bool,
    pub(super) span: Option<Span>,
    pub(super) resources: Vec<Text>,
    pub(super) components: Vec<Text>,
    pub(super) crds: Vec<Text>,
    pub(super) configurations: Vec<Text>,
    pub(super) generators: Vec<Text>,
    pub(super) transformers: Vec<Text>,
    pub(super) validators: Vec<Text>,
    pub(super) build_metadata: Vec<Text>,
    pub(super) name_prefix: Option<Text>,
    pub(super) name_suffix: Option<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) common_labels: Vec<(Str, Text)>,
    pub(super) common_annotations: Vec<(Str, Text)>,
    pub(super) openapi: Vec<(Str, Text)>,
    pub(super) labels: Vec<Label>,
    pub(super) patches: Vec<Patch>,
    pub(super) patches_json: Vec<Patch>,
    pub(super) patches_merge: Vec<Text>,
    pub(super) images: Vec<Image>,
    pub(super) replicas: Vec<Replica>,
    pub(super) replacements: Vec<ReplacementField>,
    pub(super) vars: Vec<Var>,
    pub(super) config_maps: Vec<Generator>,
    pub(super) secrets: Vec<Generator>,
    pub(super) generator_options: Option<Options>,
    pub(super) chart_home: Option<Text>,
    pub(super) helm_charts: Vec<HelmChart>,
    pub(super) sort: Option<Sort>,
    /// What is wrong with the file; the rest of it is still used.
    pub(super) fails: Vec<Fail>,
}

#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) pairs: Vec<(Str, Text)>,
    pub(super) selectors: bool,
    pub(super) templates: bool,
    pub(super) fields: Vec<FieldSpec>,
}

#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) span: Span,
    pub(super) path: Option<Text>,
    pub(super) text: Option<Text>,
    pub(super) target: Option<Selector>,
    pub(super) allow_name_change: bool,
    pub(super) allow_kind_change: bool,
}

/// Which objects a patch or replacement is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    pub(super) gvk: Gvk,
    pub(super) name: Str2,
    pub(super) namespace: Str2,
    pub(super) labels: Option<Text>,
    pub(super) annotations: Option<Text>,
}

type Str2 = String;

#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) span: Span,
    pub(super) name: String,
    pub(super) new_name: Option<Text>,
    pub(super) new_tag: Option<Text>,
    pub(super) tag_suffix: Option<Text>,
    pub(super) digest: Option<Text>,
}

#[derive(Debug, Clone)]
pub(super) struct Replica {
    pub(super) span: Span,
    pub(super) name: String,
    pub(super) count: i64,
    pub(super) count_span: Span,
}

#[derive(Debug, Clone)]
pub(super) struct ReplacementField {
    pub(super) path: Option<Text>,
    pub(super) inline: Replacement,
}

#[derive(Debug, Clone)]
pub(super) struct Replacement {
    pub(super) span: Span,
    pub(super) source: Option<Source>,
    pub(super) source_value: Option<Text>,
    pub(super) targets: Option<Vec<Target>>,
}

#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) span: Span,
    pub(super) select: Selector,
    pub(super) field_path: Option<Text>,
    pub(super) options: FieldOptions,
}

#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) span: Span,
    pub(super) select: Option<Selector>,
    pub(super) reject: Vec<Selector>,
    pub(super) field_paths: Vec<Text>,
    pub(super) options: FieldOptions,
}

#[derive(Debug, Clone, Default)]
pub(super) struct FieldOptions {
    pub(super) delimiter: String,
    pub(super) index: i64,
    pub(super) create: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Var {
    pub(super) span: Span,
    pub(super) name: String,
    pub(super) gvk: Gvk,
    pub(super) object_name: String,
    pub(super) object_namespace: String,
    pub(super) field_path: String,
}

/// A ConfigMap or Secret to generate.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub(super) span: Span,
    pub(super) name: Option<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) behavior: Option<Text>,
    pub(super) literals: Vec<Text>,
    pub(super) files: Vec<Text>,
    pub(super) envs: Vec<Text>,
    pub(super) ty: Option<Text>,
    pub(super) options: Option<Options>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) labels: Vec<(Str, Text)>,
    pub(super) annotations: Vec<(Str, Text)>,
    pub(super) disable_hash: bool,
    pub(super) immutable: bool,
}

#[derive(Debug, Clone)]
pub(super) struct HelmChart {
    pub(super) span: Span,
    pub(super) name: Option<Text>,
    pub(super) version: Option<Text>,
    pub(super) repo: Option<Text>,
    pub(super) release_name: Option<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) name_template: Option<Text>,
    pub(super) values_file: Option<Text>,
    pub(super) additional_values: Vec<Text>,
    pub(super) values_inline: Option<Node>,
    pub(super) values_merge: Option<Text>,
    pub(super) include_crds: bool,
    pub(super) skip_hooks: bool,
    pub(super) skip_tests: bool,
    pub(super) api_versions: Vec<Text>,
    pub(super) kube_version: Option<Text>,
}

#[derive(Debug, Clone)]
pub(super) struct Sort {
    pub(super) order: Option<Text>,
    pub(super) span: Span,
    pub(super) legacy: Option<(Vec<Text>, Vec<Text>)>,
}
