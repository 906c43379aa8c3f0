//! Charts within overlays: `helmCharts`, inflated from the tree. Nothing is downloaded.

use super::Fail;
use super::decode::{Decoder, Text};
use super::kust::HelmChart;
use super::merge;
use super::parse::Parsed;
use super::read;
use super::resource::Resource;
use super::schema::Schemas;
use super::store::{Root, Store};
use super::value::{text, text_at};
use crate::helm::{self, Options};
use crate::tree::{self, Entry, Kind, Tree};
use seawall_model::{GapKind, SourceFile, SourceKind, Str};
use seawall_yaml::Node;
use std::io;

/// Reads a chart to inflate.
pub(super) fn chart(d: &mut Decoder, node: &Node) -> Option<HelmChart> {
    let known = [
        "name",
        "version",
        "repo",
        "releaseName",
        "namespace",
        "additionalValuesFiles",
        "valuesFile",
        "valuesInline",
        "valuesMerge",
        "includeCRDs",
        "skipHooks",
        "apiVersions",
        "kubeVersion",
        "nameTemplate",
        "skipTests",
        "debug",
        "devel",
    ];
    let o = d.object(node, "a Helm chart", &known)?;
    let additional_values = d.texts(o, "additionalValuesFiles");
    let api_versions = d.texts(o, "apiVersions");
    let (include_crds, skip_hooks, skip_tests) = (
        d.truth(o, "includeCRDs"),
        d.truth(o, "skipHooks"),
        d.truth(o, "skipTests"),
    );
    let mut text = |name| d.text(o, name).filter(|t| !t.is_empty());
    Some(HelmChart {
        span: node.span,
        name: text("name"),
        version: text("version"),
        repo: text("repo"),
        release_name: text("releaseName"),
        namespace: text("namespace"),
        name_template: text("nameTemplate"),
        values_file: text("valuesFile"),
        values_merge: text("valuesMerge"),
        kube_version: text("kubeVersion"),
        values_inline: o.get("valuesInline").cloned(),
        additional_values,
        include_crds,
        skip_hooks,
        skip_tests,
        api_versions,
    })
}

/// A chart in its older form; it also carries the chart home.
pub(super) fn old_chart(d: &mut Decoder, node: &Node) -> Option<(HelmChart, Option<Text>)> {
    let known = [
        "chartName",
        "chartVersion",
        "chartRepoUrl",
        "chartHome",
        "chartRepoName",
        "helmBin",
        "helmHome",
        "values",
        "valuesLocal",
        "valuesMerge",
        "releaseName",
        "releaseNamespace",
        "extraArgs",
    ];
    let o = d.object(node, "a Helm chart", &known)?;
    let mut text = |name| d.text(o, name).filter(|t| !t.is_empty());
    let chart = HelmChart {
        span: node.span,
        name: text("chartName"),
        version: text("chartVersion"),
        repo: text("chartRepoUrl"),
        release_name: text("releaseName"),
        namespace: None,
        name_template: None,
        values_file: text("values"),
        additional_values: Vec::new(),
        values_inline: o.get("valuesLocal").cloned(),
        values_merge: text("valuesMerge"),
        include_crds: false,
        skip_hooks: false,
        skip_tests: false,
        api_versions: Vec::new(),
        kube_version: None,
    };
    Some((chart, text("chartHome")))
}

/// The objects of one chart.
pub(super) fn inflate(
    store: &Store<'_>,
    root: &Root,
    chart: &HelmChart,
    home: Option<&Text>,
    fails: &mut Vec<Fail>,
) -> Result<Vec<Resource>, Fail> {
    let Some(name) = &chart.name else {
        return Err(Fail::new(chart.span, "a Helm chart must have a name"));
    };
    let dir = directory(store, root, chart, name, home)?;
    let mut release = chart.release_name.as_ref();
    if let Some(template) = &chart.name_template {
        if template.contains("{{") {
            fails.push(unsupported(template, "nameTemplate"));
        } else {
            release = Some(template);
        }
    }
    let values = values(store, root, chart, &dir, name)?;
    let mut options = Options {
        release_name: release.map_or("release-name", |text| text).to_owned(),
        namespace: chart.namespace.as_deref().unwrap_or("default").to_owned(),
        kube_version: chart.kube_version.as_deref().unwrap_or_default().to_owned(),
        api_versions: chart
            .api_versions
            .iter()
            .map(|text| text.value.to_string())
            .collect(),
        ..Options::default()
    };
    let rendered = match values {
        Values::File(path) => {
            options.values_files.push(path);
            add_files(store, root, chart, &mut options)?;
            helm::render(store.tree, &dir, &options, store.map)
        }
        Values::Inline(yaml) => {
            // Values that stand in the kustomization reach the chart as a file of their own.
            let path = tree::join(&root.dir, ".kustomize-values.yaml");
            let source = store.map.path(chart.span.file);
            let tree = WithFile {
                inner: store.tree,
                path: path.clone(),
                yaml,
                source,
            };
            options.values_files.push(path);
            add_files(store, root, chart, &mut options)?;
            helm::render(&tree, &dir, &options, store.map)
        }
    };
    for gap in rendered.gaps {
        fails.push(Fail {
            kind: gap.kind,
            span: gap.span,
            message: gap.reason,
            hint: gap.hint,
            subject: Some(gap.subject),
        });
    }
    let crds = format!("{}/", tree::join(&dir, "crds"));
    let mut objects = rendered.objects;
    objects.retain(|object| {
        let hook = object
            .at(&["metadata", "annotations", "helm.sh/hook"])
            .map(text);
        let test = hook
            .as_deref()
            .is_some_and(|h| h.split(',').any(|h| h.trim().starts_with("test")));
        let from_crds = text_at(object, &["kind"]) == "CustomResourceDefinition"
            && store.map.path(object.span.file).contains(&*crds);
        let unwanted = (chart.skip_hooks && hook.is_some())
            || (chart.skip_tests && test)
            || (!chart.include_crds && from_crds);
        !unwanted
    });
    let parsed = Parsed {
        resources: objects,
        ..Parsed::default()
    };
    let (resources, wrong) = read::resources(&parsed);
    fails.extend(wrong);
    Ok(resources)
}

fn unsupported(given: &Text, field: &str) -> Fail {
    Fail {
        kind: GapKind::Unsupported,
        ..Fail::new(
            given.span,
            format!("{field} of Helm charts in overlays is not supported"),
        )
    }
}

/// Where the chart lies.
fn directory(
    store: &Store<'_>,
    root: &Root,
    chart: &HelmChart,
    name: &Text,
    home: Option<&Text>,
) -> Result<String, Fail> {
    let mut place = tree::join(
        &root.dir,
        home.filter(|h| !h.is_empty()).map_or("charts", |h| h),
    );
    if let (Some(version), Some(_)) = (&chart.version, &chart.repo) {
        place = tree::join(&place, &format!("{}-{}", &**name, &**version));
    }
    let dir = tree::join(&place, name);
    if store.tree.kind(&dir) == Some(Kind::Directory) {
        return Ok(dir);
    }
    let Some(repo) = &chart.repo else {
        let message = format!("there is no chart {dir}, and no repo to get it from");
        return Err(Fail {
            subject: Some(dir.into()),
            ..Fail::new(name.span, message)
        });
    };
    Err(Fail {
        kind: GapKind::Remote,
        subject: Some(Str::from(format!(
            "{}/{}",
            repo.trim_end_matches('/'),
            &**name
        ))),
        hint: format!("run `helm pull --untar` into {place}, or scan the output of kustomize"),
        ..Fail::new(
            name.span,
            format!("the chart {} is remote and was not fetched", &**name),
        )
    })
}

enum Values {
    File(String),
    Inline(String),
}

fn values(
    store: &Store<'_>,
    root: &Root,
    chart: &HelmChart,
    dir: &str,
    name: &Text,
) -> Result<Values, Fail> {
    let file = if let Some(file) = &chart.values_file {
        file.clone()
    } else {
        // Seen from the kustomization, so that the rule about its directory holds.
        let path = tree::join(dir, "values.yaml");
        let inside = path
            .strip_prefix(&root.dir)
            .and_then(|p| p.strip_prefix('/'));
        let path = inside.unwrap_or(&path);
        Text {
            value: path.into(),
            span: name.span,
        }
    };
    let order = chart.values_merge.as_deref().unwrap_or("override");
    if !matches!(order, "override" | "merge" | "replace") {
        let span = chart.values_merge.as_ref().map_or(chart.span, |t| t.span);
        return Err(Fail::new(
            span,
            "valuesMerge must be merge, override or replace",
        ));
    }
    let inline = chart
        .values_inline
        .as_ref()
        .filter(|v| v.as_map().is_some_and(|m| !m.is_empty()));
    let Some(inline) = inline else {
        return store.locate(root, &file).map(Values::File);
    };
    if order == "replace" {
        return Ok(Values::Inline(seawall_yaml::to_yaml(inline)));
    }
    let (_, parsed) = store.file(root, &file)?;
    if let Some(problem) = parsed.problems.first() {
        return Err(problem.clone());
    }
    let empty = Node::map(seawall_yaml::Map::default(), chart.span);
    let file = parsed.resources.first().unwrap_or(&empty);
    let schemas = Schemas::default();
    let merged = if order == "override" {
        merge::merge(file, inline.clone(), &schemas)
    } else {
        merge::merge(inline, file.clone(), &schemas)
    };
    let merged = merged.map_err(|message| Fail::new(inline.span, message))?;
    Ok(Values::Inline(seawall_yaml::to_yaml(
        &merged.unwrap_or(empty),
    )))
}

fn add_files(
    store: &Store<'_>,
    root: &Root,
    chart: &HelmChart,
    options: &mut Options,
) -> Result<(), Fail> {
    for path in &chart.additional_values {
        options.values_files.push(store.locate(root, path)?);
    }
    Ok(())
}

/// A tree with one file more.
struct WithFile<'t> {
    inner: &'t dyn Tree,
    path: String,
    yaml: String,
    source: Str,
}

impl Tree for WithFile<'_> {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        if path == self.path {
            if self.yaml.len() as u64 > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            return Ok(self.yaml.clone().into_bytes());
        }
        self.inner.read(path, limit)
    }

    fn list(&self, dir: &str, root: &str) -> io::Result<Vec<(String, Entry)>> {
        self.inner.list(dir, root)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        if path == self.path {
            Some(Kind::File)
        } else {
            self.inner.kind(path)
        }
    }

    fn canonical(&self, path: &str) -> io::Result<String> {
        if path == self.path {
            Ok(self.path.clone())
        } else {
            self.inner.canonical(path)
        }
    }

    fn source(&self, path: &str) -> SourceFile {
        if path == self.path {
            let path = format!("{}#valuesInline", self.source);
            return SourceFile {
                path: path.into(),
                kind: SourceKind::Generated,
            };
        }
        self.inner.source(path)
    }
}
