//! The steps of one kustomization: configuration, generators and transformers, in the order
//! in which Kustomize runs them.

use super::build::{Build, Made, Place};
use super::decode::Text;
use super::ids::Gvk;
use super::kust;
use super::patches::Patcher;
use super::resource::Origin;
use super::specs::{Config, FieldSpec, merge_specs};
use super::transform::{self, Affix, Subjects};
use super::{Fail, crds, generators, helm, plugins, replace, resmap};
use seawall_model::Span;
use std::cell::Cell;
use std::sync::Arc;

/// What looking through an object costs, as many times as looking at one field.
const SEARCH: usize = 16;

impl Build<'_, '_> {
    pub(super) fn configure(&mut self, place: &Place, made: &mut Made) {
        let mut config = Config::defaults().clone();
        let span = place.kust.span.unwrap_or(Span::NONE);
        for path in &place.kust.configurations {
            match crds::configuration(&self.builder.store, &place.root, path) {
                Ok((more, fails)) => {
                    self.fails.extend(fails);
                    let outcome = config.merge(&more);
                    self.attempt(outcome.map_err(|message| Fail::new(path.span, message)));
                }
                Err(fail) => self.fails.push(fail),
            }
        }
        for path in &place.kust.crds {
            match crds::definitions(&self.builder.store, &place.root, path) {
                Ok(more) => {
                    let outcome = config.merge(&more);
                    self.attempt(outcome.map_err(|message| Fail::new(path.span, message)));
                }
                Err(fail) => self.fails.push(fail),
            }
        }
        let outcome = made.config.merge(&config);
        self.attempt(outcome.map_err(|message| Fail::new(span, message)));
    }

    pub(super) fn generate(&mut self, place: &Place, made: &mut Made) {
        let kust = place.kust.clone();
        for (list, secret, kind) in [
            (&kust.config_maps, false, "ConfigMapGenerator"),
            (&kust.secrets, true, "SecretGenerator"),
        ] {
            for generator in list {
                if self.exhausts(made.resources.len(), generator.span) {
                    return;
                }
                let options = generators::options(
                    generator.options.as_ref(),
                    kust.generator_options.as_ref(),
                );
                let made_one = generators::generate(
                    &self.builder.store,
                    &place.root,
                    generator,
                    secret,
                    &options,
                );
                match made_one {
                    Ok(mut resource) => {
                        resource.origin = self.tracks.then(|| place.origin_of(kind));
                        let outcome = resmap::absorb(&mut made.resources, resource, generator.span);
                        self.attempt(outcome);
                    }
                    Err(fail) => self.fails.push(fail),
                }
            }
        }
        for chart in &kust.helm_charts {
            self.chart(place, chart, kust.chart_home.as_ref(), made);
        }
        plugins::generate(self, place, made);
    }

    /// Inflates a chart that lies in the tree.
    pub(super) fn chart(
        &mut self,
        place: &Place,
        chart: &kust::HelmChart,
        home: Option<&Text>,
        made: &mut Made,
    ) {
        let outcome = helm::inflate(
            &self.builder.store,
            &place.root,
            chart,
            home,
            &mut self.fails,
        );
        match outcome {
            Ok(resources) => {
                for mut resource in resources {
                    if self.exhausts(made.resources.len(), chart.span) {
                        return;
                    }
                    let origin = place.origin_of("HelmChartInflationGenerator");
                    resource.origin = self.tracks.then_some(origin);
                    let outcome = resmap::absorb(&mut made.resources, resource, chart.span);
                    self.attempt(outcome);
                }
            }
            Err(fail) => self.fails.push(fail),
        }
    }

    /// Notes a transformer on everything it may have touched.
    pub(super) fn mark(&self, made: &mut Made, origin: &Origin) {
        if !self.tracks {
            return;
        }
        for resource in &mut made.resources {
            if resource.origin.is_some() {
                resource.transformations.push(origin.clone());
            } else {
                resource.origin = Some(origin.clone());
            }
        }
    }

    pub(super) fn transform(&mut self, place: &Place, made: &mut Made) {
        let kust = place.kust.clone();
        let schemas = self.schemas.clone();
        let store = &self.builder.store;
        let patcher = Patcher {
            store,
            root: &place.root,
            schemas: &schemas,
            work: Cell::default(),
        };
        let config = made.config.clone();
        let start = kust.span.unwrap_or(Span::NONE);
        for entry in &kust.patches_merge {
            if self.exhausts(made.resources.len(), entry.span) {
                return;
            }
            let outcome = patcher.patch_merge(&mut made.resources, entry, &mut self.fails);
            self.attempt(outcome);
            if self.exhausts(patcher.work.take(), entry.span) {
                return;
            }
        }
        if !kust.patches_merge.is_empty() {
            self.done(place, made, "PatchStrategicMergeTransformer");
        }
        for patch in &kust.patches {
            if self.exhausts(made.resources.len(), patch.span) {
                return;
            }
            let outcome = patcher.patch(&mut made.resources, patch, &mut self.fails);
            self.attempt(outcome);
            if self.exhausts(patcher.work.take(), patch.span) {
                return;
            }
            self.done(place, made, "PatchTransformer");
        }
        if let Some(namespace) = &kust.namespace {
            let outcome = transform::namespace(
                &mut made.resources,
                namespace,
                &config.namespace,
                Subjects::Default,
                false,
            );
            self.attempt(outcome);
            self.done(place, made, "NamespaceTransformer");
        }
        if let Some(text) = &kust.name_prefix {
            let specs = &config.name_prefix;
            let outcome = transform::affix(&mut made.resources, text, Affix::Prefix, specs);
            self.attempt(outcome);
            self.done(place, made, "PrefixTransformer");
        }
        if let Some(text) = &kust.name_suffix {
            let specs = &config.name_suffix;
            let outcome = transform::affix(&mut made.resources, text, Affix::Suffix, specs);
            self.attempt(outcome);
            self.done(place, made, "SuffixTransformer");
        }
        self.labels(place, made, &config);
        if !kust.common_annotations.is_empty() {
            let each = kust.common_annotations.len() * config.annotations.len();
            if self.exhausts(made.resources.len().saturating_mul(each), start) {
                return;
            }
            let outcome = transform::pairs(
                &mut made.resources,
                &kust.common_annotations,
                &config.annotations,
            );
            self.attempt(outcome);
            self.done(place, made, "AnnotationsTransformer");
        }
        for patch in &kust.patches_json {
            if self.exhausts(made.resources.len(), patch.span) {
                return;
            }
            let outcome = patcher.patch_json(&mut made.resources, patch);
            self.attempt(outcome);
            if self.exhausts(patcher.work.take(), patch.span) {
                return;
            }
            self.done(place, made, "PatchJson6902Transformer");
        }
        for replica in &kust.replicas {
            let each = config.replicas.len();
            if self.exhausts(made.resources.len().saturating_mul(each), start) {
                return;
            }
            let outcome = transform::replicas(&mut made.resources, replica, &config.replicas);
            self.attempt(outcome);
            self.done(place, made, "ReplicaCountTransformer");
        }
        for image in &kust.images {
            // Every object is searched through for containers.
            let each = SEARCH + config.images.len();
            if self.exhausts(made.resources.len().saturating_mul(each), image.span) {
                return;
            }
            let outcome = transform::images(&mut made.resources, image, &config.images);
            self.attempt(outcome);
            self.done(place, made, "ImageTagTransformer");
        }
        if !kust.replacements.is_empty() {
            let outcome = self.replacements(place, &kust.replacements, made);
            self.attempt(outcome);
            self.done(place, made, "ReplacementTransformer");
        }
        plugins::transform(self, place, made);
    }

    fn done(&mut self, place: &Place, made: &mut Made, kind: &str) {
        if self.tracks {
            let origin = place.origin_of(kind);
            self.mark(made, &origin);
        }
        resmap::drop_empty(&mut made.resources);
    }

    fn labels(&mut self, place: &Place, made: &mut Made, config: &Config) {
        let kust = &place.kust;
        for label in &kust.labels {
            let mut specs = Arc::new(label.fields.clone());
            let metadata = [FieldSpec {
                gvk: Gvk::default(),
                path: "metadata/labels".into(),
                create: true,
            }];
            let mut merge = |more: &[FieldSpec]| merge_specs(&mut specs, more);
            let outcome = merge(&config.labels).and_then(|()| {
                if label.selectors {
                    return merge(&config.common_labels);
                }
                if label.templates {
                    merge(&config.template_labels)?;
                }
                merge(&metadata)
            });
            let span = label
                .pairs
                .first()
                .map_or(Span::NONE, |(_, text)| text.span);
            let each = label.pairs.len() * specs.len();
            if self.exhausts(made.resources.len().saturating_mul(each), span) {
                return;
            }
            let outcome = outcome
                .map_err(|message| Fail::new(span, message))
                .and_then(|()| transform::pairs(&mut made.resources, &label.pairs, &specs));
            self.attempt(outcome);
            self.done(place, made, "LabelTransformer");
        }
        if !kust.labels.is_empty() || !kust.common_labels.is_empty() {
            let each = kust.common_labels.len() * config.common_labels.len();
            let span = kust.span.unwrap_or(Span::NONE);
            if self.exhausts(made.resources.len().saturating_mul(each), span) {
                return;
            }
            let outcome = transform::pairs(
                &mut made.resources,
                &kust.common_labels,
                &config.common_labels,
            );
            self.attempt(outcome);
            self.done(place, made, "LabelTransformer");
        }
    }

    /// Replacements, written here or in files.
    pub(super) fn replacements(
        &mut self,
        place: &Place,
        fields: &[kust::ReplacementField],
        made: &mut Made,
    ) -> Result<(), Fail> {
        let mut list = Vec::new();
        for field in fields {
            let Some(path) = &field.path else {
                list.push(field.inline.clone());
                continue;
            };
            if field.inline.source.is_some() || field.inline.targets.is_some() {
                let message = "a replacement has either a path or a source and targets";
                return Err(Fail::new(path.span, message));
            }
            let (_, parsed) = self.builder.store.file(&place.root, path)?;
            if let Some(problem) = parsed.problems.first() {
                return Err(problem.clone());
            }
            if let Some(node) = parsed.kubernetes.first() {
                let (more, fails) = replace::decode_file(node, path)?;
                list.extend(more);
                self.fails.extend(fails);
            }
        }
        let span = place.kust.span.unwrap_or(Span::NONE);
        if self.exhausts(list.len().saturating_mul(made.resources.len()), span) {
            return Ok(());
        }
        replace::apply(&mut made.resources, &list)
    }
}
