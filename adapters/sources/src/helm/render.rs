//! A chart to objects: what `helm template` does, step by step.

use super::Options;
use super::chart::metadata::Dependency;
use super::chart::strvals::{self, Mode};
use super::chart::{Chart, Loader, Reader, capabilities, dependencies, schema, values};
use super::error::Fail;
use super::funcs::builtin::without_no_value;
use super::limits::{Budget, MAX_ALL_ACTIONS};
use super::manifest::{self, Manifests};
use super::places::{Places, ROOT};
use super::template::At;
use super::template::read::read;
use super::template::run::Engine;
use super::template::scope::{Scope, Template};
use super::value::convert::map_of;
use super::value::object::{ChartFile, Files, Object};
use super::value::text::{Origin, Text};
use super::value::{Data, Map, MapKind, Value};
use crate::Rendered;
use crate::tree::{Tree, join};
use seawall_model::{Gap, GapKind, SourceMap, Span};
use std::collections::HashMap;
use std::rc::Rc;

/// A template file that is to be run.
struct Job {
    name: Rc<str>,
    base: Rc<str>,
    context: Map,
    template: Template,
    /// The file's path for the user.
    path: Rc<str>,
}

/// Renders the chart in a directory.
pub(super) fn chart(tree: &dyn Tree, dir: &str, options: &Options, map: &SourceMap) -> Rendered {
    let mut reader = Reader {
        tree,
        map,
        gaps: Vec::new(),
    };
    let loaded = Loader::new(&mut reader).directory(dir);
    let objects = match loaded {
        Some(chart) => rendered(&mut reader, dir, chart, options),
        None => Vec::new(),
    };
    Rendered {
        objects,
        gaps: reader.gaps,
    }
}

fn rendered(
    reader: &mut Reader<'_>,
    dir: &str,
    mut chart: Chart,
    options: &Options,
) -> Vec<seawall_yaml::Node> {
    let mut places = Places::new(&chart.meta.name);
    values::bind(&mut chart, ROOT, &mut places);
    let given = given_values(reader, options, &mut places);
    let start = chart.meta.span.unwrap_or(Span::NONE);
    let subject = join(dir, "Chart.yaml");
    if chart.meta.is_library() {
        reader.gap(
            &subject,
            start,
            "this chart is a library: other charts use it, and it has no objects itself".to_owned(),
            0,
        );
        return Vec::new();
    }
    let missing: Vec<Dependency> = chart
        .meta
        .dependencies
        .iter()
        .filter(|wanted| {
            !chart
                .dependencies
                .iter()
                .any(|known| known.meta.name == wanted.name)
        })
        .cloned()
        .collect();
    if let Err(why) = dependencies::process(&mut chart, &given, &mut places) {
        reader.gap(&subject, start, why, 1);
        return Vec::new();
    }
    for wanted in missing {
        // A chart that is switched off hides nothing, but Helm refuses all the same.
        let taken = chart
            .meta
            .dependencies
            .iter()
            .any(|known| known.name == wanted.instance());
        reader.gaps.push(Gap {
            kind: GapKind::NotRendered,
            subject: subject.as_str().into(),
            span: wanted.span.unwrap_or(start),
            reason: format!(
                "Chart.yaml asks for the chart {}, which is not in charts/",
                wanted.name
            ),
            hint: format!("run `helm dependency build {dir}` first"),
            units: u32::from(taken),
        });
    }
    let merged = match values::coalesce_values(&chart, &given, false) {
        Ok(merged) => merged,
        Err(why) => {
            reader.gap(&subject, start, why, 1);
            return Vec::new();
        }
    };
    schema::check(reader, &places, &chart, &merged);
    let version = match options.kube_version.as_str() {
        "" => capabilities::KUBE_VERSION.to_owned(),
        version => capabilities::kube_version(version),
    };
    let wanted = &chart.meta.kube_version;
    if !wanted.is_empty() && !super::semver::in_range(wanted, &version) {
        let why = format!("the chart wants Kubernetes {wanted}, and this is {version}");
        reader.gap(&subject, start, why, 0);
    }
    let top = top_values(options, &version, &merged);
    let mut jobs = Vec::new();
    let mut scope = Scope::default();
    collect(reader, &mut places, &chart, &top, "", 0, &mut jobs);
    let jobs = define(reader, &mut scope, jobs);
    let manifests = run(reader, &mut places, scope, &jobs);
    let mut objects = Vec::new();
    manifest::crds(reader, &chart, &mut objects);
    objects.extend(manifests.sorted());
    objects
}

/// The user's values: files, then `--set` and its kin.
fn given_values(reader: &mut Reader<'_>, options: &Options, places: &mut Places) -> Map {
    let base = Map::new(MapKind::Any);
    for path in &options.values_files {
        let path = crate::tree::normalise(path);
        let source = reader.tree.source(&path);
        let file = match reader.tree.read(&path, super::limits::MAX_CHART) {
            Ok(bytes) => super::chart::File {
                name: Rc::from(path.as_str()),
                bytes: Rc::from(bytes),
                source,
            },
            Err(error) => {
                let span = reader.start_of(&source);
                reader.gap(
                    &path,
                    span,
                    format!("cannot read the values file: {error}"),
                    1,
                );
                continue;
            }
        };
        let Some(node) = reader.yaml(&file, &path) else {
            continue;
        };
        match values::from_node(&node, ROOT, places).data {
            Data::Map(map) => values::merge_files(&base, &map, 0),
            Data::Nil => {}
            _ => {
                let why = format!(
                    "the values file {path} is a {}, not a map",
                    node.type_name()
                );
                reader.gap(&path, node.span, why, 1);
            }
        }
    }
    let tree = reader.tree;
    let read = |path: &str| -> Result<String, String> {
        let bytes = tree
            .read(&crate::tree::normalise(path), super::limits::MAX_CHART)
            .map_err(|error| format!("cannot read {path}: {error}"))?;
        Ok(super::value::convert::text_of(&bytes))
    };
    let arguments = [
        ("--set-json", &options.set_json, Mode::Json),
        ("--set", &options.set, Mode::Typed),
        ("--set-string", &options.set_string, Mode::Text),
        ("--set-file", &options.set_file, Mode::File(&read)),
    ];
    for (flag, texts, mode) in arguments {
        for text in texts {
            if let Err(why) = strvals::parse(text, &base, &mode, places) {
                reader.gap(flag, Span::NONE, format!("{flag} cannot be read: {why}"), 1);
            }
        }
    }
    base
}

fn top_values(options: &Options, version: &str, merged: &Map) -> Map {
    let or = |text: &String, default: &str| {
        Value::text(if text.is_empty() {
            default
        } else {
            text.as_str()
        })
    };
    let release = map_of([
        (Rc::from("Name"), or(&options.release_name, "release-name")),
        (Rc::from("Namespace"), or(&options.namespace, "default")),
        (Rc::from("IsUpgrade"), Value::bool(false)),
        (Rc::from("IsInstall"), Value::bool(true)),
        (Rc::from("Revision"), Value::int(1)),
        (Rc::from("Service"), Value::text("Helm")),
    ]);
    let top = Map::new(MapKind::Values);
    top.set("Release", release);
    top.set(
        "Capabilities",
        capabilities::value(version, &options.api_versions),
    );
    top.set(
        "Values",
        Value::map(merged.retyped(MapKind::Values)).caused_by(ROOT),
    );
    top
}

/// What is known before a template is read.
struct Found {
    name: Rc<str>,
    base: Rc<str>,
    context: Map,
    text: Rc<str>,
    place: u32,
    path: Rc<str>,
    partial: bool,
    span: Span,
}

/// The templates of a chart and of those below it, each with what it sees.
fn collect(
    reader: &mut Reader<'_>,
    places: &mut Places,
    chart: &Chart,
    outer: &Map,
    parent: &str,
    depth: u32,
    out: &mut Vec<Found>,
) -> Map {
    let is_root = parent.is_empty();
    let name = chart.meta.name.as_str();
    let full = if is_root {
        name.to_owned()
    } else {
        format!("{parent}/charts/{name}")
    };
    let values = outer.get("Values");
    let own = match (is_root, values) {
        (true, values) => values,
        (false, Some(values)) => values
            .as_map()
            .and_then(|map| values::table_at(map, name))
            .map(|table| {
                let cause = values
                    .as_map()
                    .and_then(|map| map.get(name))
                    .map_or(0, |value| value.cause);
                Value::map(table.retyped(MapKind::Values)).caused_by(cause)
            }),
        (false, None) => None,
    };
    let below = Map::new(MapKind::Any);
    let next = Map::new(MapKind::Values);
    next.set("Chart", chart.meta.value(is_root));
    next.set("Files", files(reader, places, chart));
    for key in ["Release", "Capabilities"] {
        next.set(key, outer.get(key).unwrap_or(Value::NIL));
    }
    next.set(
        "Values",
        own.unwrap_or_else(|| Value::map(Map::new(MapKind::Values))),
    );
    next.set("Subcharts", Value::map(below.clone()));
    if depth < super::limits::MAX_CHART_DEPTH {
        for chart in &chart.dependencies {
            let context = collect(reader, places, chart, &next, &full, depth + 1, out);
            below.set(
                chart.meta.name.as_str(),
                Value::map(context.retyped(MapKind::Any)),
            );
        }
    }
    let base: Rc<str> = Rc::from(format!("{full}/templates"));
    for file in &chart.templates {
        let partial = file
            .name
            .rsplit('/')
            .next()
            .is_some_and(|base| base.starts_with('_'));
        if chart.meta.is_library() && !partial {
            continue;
        }
        let id = reader.map.add_file(file.source.clone());
        let text: Rc<str> = Rc::from(super::value::convert::text_of(&file.bytes));
        let name: Rc<str> = Rc::from(format!("{full}/{}", file.name));
        let place = places.add_file(id, text.clone());
        out.push(Found {
            name,
            base: base.clone(),
            context: next.clone(),
            text,
            place,
            path: Rc::from(&*file.source.path),
            partial,
            span: reader.start_of(&file.source),
        });
    }
    next
}

/// `.Files` of a chart.
fn files(reader: &mut Reader<'_>, places: &mut Places, chart: &Chart) -> Value {
    let mut out = Files::default();
    for file in &chart.files {
        let place = match file.text() {
            Some(text) => {
                let id = reader.map.add_file(file.source.clone());
                places.add_file(id, Rc::from(text))
            }
            None => 0,
        };
        out.files.insert(
            file.name.clone(),
            ChartFile {
                bytes: file.bytes.clone(),
                place,
            },
        );
    }
    Value::object(Object::Files(out))
}

/// Reads all templates, in Helm's order: deep ones first, so that a chart can redefine what
/// the charts below it define. Gives those that are to be run.
fn define(reader: &mut Reader<'_>, scope: &mut Scope, mut found: Vec<Found>) -> Vec<Job> {
    found.sort_by(|a, b| {
        let depth = |found: &Found| found.name.matches('/').count();
        depth(b).cmp(&depth(a)).then_with(|| b.name.cmp(&a.name))
    });
    let mut size = 0;
    let mut jobs = Vec::new();
    for file in found {
        let parsed = match read(&file.text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let span = place_of(&file, error.offset);
                let reason = format!("the template cannot be read: {}", error.message);
                reader.gap(&file.path, span, reason, u32::from(!file.partial));
                continue;
            }
        };
        size += parsed.size;
        if size > MAX_ALL_ACTIONS {
            let reason = "the actions of this chart's templates have more than 8 MiB".to_owned();
            reader.gap(
                &file.path,
                place_of(&file, 0),
                reason,
                u32::from(!file.partial),
            );
            continue;
        }
        let origin = Origin {
            file: file.place,
            ..Origin::default()
        };
        let text = Rc::new(Text::from(file.text.clone()).with_origin(origin));
        let template = |program| Template {
            text: text.clone(),
            program: Rc::new(program),
        };
        for (name, program) in parsed.definitions {
            scope.define(name, template(program));
        }
        let template = template(parsed.main);
        scope.define(file.name.clone(), template.clone());
        if !file.partial {
            jobs.push(Job {
                name: file.name,
                base: file.base,
                context: file.context,
                template,
                path: file.path,
            });
        }
    }
    jobs
}

fn place_of(file: &Found, offset: u32) -> Span {
    let before = file.text.get(..offset as usize).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Span {
        start: offset,
        end: offset,
        line: u32::try_from(line).unwrap_or(0),
        column: u32::try_from(column).unwrap_or(0),
        ..file.span
    }
}

/// Runs the templates and reads what they print.
fn run(reader: &mut Reader<'_>, places: &mut Places, scope: Scope, jobs: &[Job]) -> Manifests {
    let mut manifests = Manifests::default();
    let mut printed: Vec<(&Job, Text)> = Vec::new();
    let mut engine = Engine {
        places,
        scope: Rc::new(scope),
        includes: HashMap::new(),
        budget: Budget::new(),
        regexes: HashMap::new(),
    };
    for job in jobs {
        let template = map_of([
            (Rc::from("Name"), Value::text(job.name.clone())),
            (Rc::from("BasePath"), Value::text(job.base.clone())),
        ]);
        let template = match template.data {
            Data::Map(map) => Value::map(map.retyped(MapKind::Values)),
            _ => Value::NIL,
        };
        job.context.set("Template", template);
        // By name: a `define` of the same name elsewhere wins, as it does in Helm.
        let chosen = engine
            .scope
            .find(&job.name)
            .unwrap_or(&job.template)
            .clone();
        let dot = Value::map(job.context.clone());
        let is_notes = job.name.ends_with("NOTES.txt");
        let before = engine.scope.clone();
        let out = engine.run(&chosen, &dot, super::value::text::Out::default(), 0);
        engine.scope = before;
        engine.includes.clear();
        match out {
            Ok(_) if is_notes => {}
            Ok(out) => printed.push((job, without_no_value(out.finish()))),
            Err(fail) => {
                let limit = fail.is_limit();
                // Notes are no object, but where they fail Helm refuses the chart.
                failed(reader, engine.places, job, &fail, u32::from(!is_notes));
                if limit && engine.budget.step(1).is_err() {
                    break;
                }
            }
        }
    }
    for (job, text) in printed {
        manifests.read(reader, engine.places, &job.name, &job.path, &text);
    }
    manifests
}

fn failed(reader: &mut Reader<'_>, places: &Places, job: &Job, fail: &Fail, units: u32) {
    let reason = fail.message().to_owned();
    let mut span = Span::NONE;
    if let Some((text, at)) = fail.place() {
        let At { start, end } = at;
        let origin = text.origin_at(start);
        let last = text.origin_at(end.saturating_sub(1).max(start));
        span = places.span([origin, last, Origin::default()], false, reader.map);
    }
    if !span.is_known() {
        let origin = job.template.text.origin_at(0);
        span = places.span([origin, origin, Origin::default()], false, reader.map);
    }
    reader.gap(&job.path, span, reason, units);
}
