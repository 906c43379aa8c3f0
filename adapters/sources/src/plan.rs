//! What a directory holds: charts, overlays, and plain files.
//!
//! A user's repository shows the same object several times: as a base, as a patch, as a
//! template. Each file is used once, the way its tool would use it: a chart's files belong
//! to the chart, what an overlay reads belongs to the overlay, an overlay that another one
//! builds on is seen through that one, and the rest is read as it lies there.

use crate::load::{LoadError, Request};
use crate::tree::{Kind, Tree, normalise, parent};
use crate::{helm, kustomize, walk};
use rayon::prelude::*;
use seawall_model::{FileId, Gap, GapKind, Span};
use seawall_yaml::Limits;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Longest file of values; Helm has the same limit for files of a chart.
const MAX_VALUES: u64 = 5 << 20;

/// What is to be read, each list sorted.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Directories of charts that no other chart holds.
    pub(crate) charts: Vec<String>,
    /// Directories of overlays that no other overlay builds on.
    pub(crate) overlays: Vec<String>,
    /// Files to read as they lie there.
    pub(crate) files: Vec<String>,
    /// Directories that could not be listed.
    pub(crate) gaps: Vec<Gap>,
}

/// Plans the paths of a request; standard input is the caller's.
pub(crate) fn plan(
    request: &Request,
    tree: &dyn Tree,
    builder: &kustomize::Builder<'_>,
) -> Result<Plan, LoadError> {
    helm::check(&request.helm).map_err(LoadError::Value)?;
    for path in &request.helm.values_files {
        values_file(tree, normalise(path))?;
    }
    let mut plan = Plan::default();
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut explicit: BTreeSet<String> = BTreeSet::new();
    for path in request.paths.iter().filter(|path| *path != "-") {
        let path = normalise(path);
        match tree.kind(&path) {
            Some(Kind::File) => {
                let name = path.rsplit('/').next().unwrap_or(&path);
                if matches!(name, "Chart.yaml") || kustomize::FILE_NAMES.contains(&name) {
                    found.insert(path); // naming the file means the chart or the overlay
                } else {
                    explicit.insert(path);
                }
            }
            Some(Kind::Directory) => walk::walk(request, tree, &path, &mut found, &mut plan.gaps),
            None => return Err(nothing_at(tree, path)),
        }
    }
    let mut charts: BTreeSet<String> = BTreeSet::new();
    let mut overlays: BTreeSet<String> = BTreeSet::new();
    for path in &found {
        let dir = parent(path);
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == "Chart.yaml" {
            charts.insert(dir.to_owned());
        } else if kustomize::FILE_NAMES.contains(&name) {
            overlays.insert(dir.to_owned());
        }
    }
    plan.charts = outermost(&charts);
    let all_charts: HashSet<String> = plan.charts.iter().cloned().collect();
    let in_chart = |path: &str| above(path).any(|dir| all_charts.contains(dir));
    overlays.retain(|dir| !in_chart(dir));
    let overlays = self::overlays(&overlays, builder);
    plan.charts.retain(|dir| !overlays.charts.contains(dir));
    // A chart tells of its files itself.
    plan.gaps.retain(|gap| !in_chart(&gap.subject));
    plan.gaps
        .extend(overlays.unused.iter().map(|dir| unused_component(dir)));
    plan.overlays = overlays.roots;
    let consumed = overlays.consumed;
    plan.files = found
        .into_iter()
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            is_manifest(name)
                && !in_chart(path)
                && !consumed.contains(path)
                && !kustomize::FILE_NAMES.contains(&name)
        })
        .chain(explicit)
        .collect();
    plan.files.sort_unstable();
    plan.files.dedup();
    Ok(plan)
}

/// A file that the user named must be there and hold values: Helm stops otherwise.
fn values_file(tree: &dyn Tree, path: String) -> Result<(), LoadError> {
    match tree.kind(&path) {
        Some(Kind::File) => {}
        Some(Kind::Directory) => {
            return Err(LoadError::Value(format!("--values {path}: is a directory")));
        }
        None => return Err(nothing_at(tree, path)),
    }
    let wrong = |why: String| Err(LoadError::Value(format!("--values {path}{why}")));
    let bytes = match tree.read(&path, MAX_VALUES) {
        Ok(bytes) => bytes,
        Err(error) => return wrong(format!(": {error}")),
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return wrong(": not UTF-8 text".to_owned());
    };
    let read = seawall_yaml::parse_single(text, FileId(0), &Limits::default());
    if let Some(problem) = read.problems.first() {
        let Span { line, column, .. } = problem.span;
        return wrong(format!(":{line}:{column}: {}", problem.message));
    }
    match read.documents.first().map(|document| &document.root) {
        Some(root) if root.as_map().is_none() && !root.is_null() => {
            let kind = root.type_name();
            wrong(format!(": must be a mapping of values, this is a {kind}"))
        }
        _ => Ok(()),
    }
}

/// A pipe or a device has no size and may have no end: standard input is for those.
fn nothing_at(tree: &dyn Tree, path: String) -> LoadError {
    match tree.canonical(&path) {
        Ok(_) => LoadError::Special(path),
        Err(_) => LoadError::NotFound(path),
    }
}

/// Whether a file name is one that manifests have.
pub(crate) fn is_manifest(name: &str) -> bool {
    let Some((_, extension)) = name.rsplit_once('.') else {
        return false;
    };
    ["yaml", "yml", "json"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// A path and the directories above it; `.` and `/` are above everything.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        let up = parent(path);
        (up != *path).then_some(up)
    })
}

/// Charts that are not a dependency (`charts/…`) or a test chart of another one's templates.
fn outermost(charts: &BTreeSet<String>) -> Vec<String> {
    let inner = |dir: &str| {
        let name = dir.rsplit('/').next().unwrap_or(dir);
        matches!(name, "charts" | "templates" | "crds") && charts.contains(parent(dir))
    };
    charts
        .iter()
        .filter(|dir| !above(dir).any(inner))
        .cloned()
        .collect()
}

/// What the kustomizations of a directory come to.
#[derive(Default)]
struct Overlays {
    /// Those that no other one builds on.
    roots: Vec<String>,
    /// Every file that one of them reads.
    consumed: BTreeSet<String>,
    /// Every chart that one of them inflates.
    charts: BTreeSet<String>,
    /// Components that no overlay uses.
    unused: Vec<String>,
}

fn overlays(dirs: &BTreeSet<String>, builder: &kustomize::Builder<'_>) -> Overlays {
    let mut result = Overlays::default();
    let mut inputs: HashMap<String, kustomize::Inputs> = HashMap::new();
    let mut new: Vec<String> = dirs.iter().cloned().collect();
    while !new.is_empty() {
        let read = new.into_par_iter().map(|dir| {
            let inputs = builder.inputs(&dir);
            (dir, inputs)
        });
        let read: Vec<_> = read.collect();
        inputs.extend(read.iter().cloned());
        let named = read.into_iter().flat_map(|(_, inputs)| inputs.directories);
        let named: BTreeSet<String> = named.filter(|dir| !inputs.contains_key(dir)).collect();
        new = named.into_iter().collect();
    }
    let components: HashSet<&String> = dirs
        .iter()
        .filter(|dir| builder.is_component(dir))
        .collect();
    // What an overlay builds on, also by way of a component.
    let mut used: HashSet<&str> = HashSet::new();
    let overlays = dirs.iter().filter(|dir| !components.contains(dir));
    reach(&inputs, overlays, &mut used);
    let mut reached: HashSet<&str> = HashSet::new();
    let first = dirs.iter().filter(|dir| !used.contains(dir.as_str()));
    // Overlays that build on each other in a circle all have a user, and none of them is
    // seen through another: the first one tells of the circle.
    let circles = dirs.iter().filter(|dir| used.contains(dir.as_str()));
    for dir in first.chain(circles) {
        if used.contains(dir.as_str()) && reached.contains(dir.as_str()) {
            continue;
        }
        if components.contains(dir) {
            result.unused.push(dir.clone());
        } else {
            result.roots.push(dir.clone());
        }
        // What is reached already has told what it reads.
        let mut open: Vec<&str> = vec![dir];
        while let Some(dir) = open.pop() {
            if !reached.insert(dir) {
                continue;
            }
            let Some(inputs) = inputs.get(dir) else {
                continue;
            };
            result.consumed.extend(inputs.files.iter().cloned());
            result.charts.extend(inputs.charts.iter().cloned());
            open.extend(inputs.directories.iter().map(String::as_str));
        }
    }
    result.roots.sort_unstable();
    let reached = || reached.iter().filter_map(|dir| inputs.get(*dir));
    let files = reached().flat_map(|inputs| &inputs.files);
    let bases = reached().flat_map(|inputs| &inputs.directories);
    builder.expect(counts(files), counts(bases.chain(&result.roots)));
    result
}

fn counts<'p>(paths: impl Iterator<Item = &'p String>) -> HashMap<String, u32> {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for path in paths {
        *counts.entry(path.clone()).or_default() += 1;
    }
    counts
}

/// Follows what kustomizations name, and collects where that leads; that a directory names
/// itself does not count.
fn reach<'i>(
    inputs: &'i HashMap<String, kustomize::Inputs>,
    from: impl Iterator<Item = &'i String>,
    led_to: &mut HashSet<&'i str>,
) {
    let mut open: Vec<&str> = from.map(String::as_str).collect();
    let mut seen: HashSet<&str> = open.iter().copied().collect();
    while let Some(dir) = open.pop() {
        let named = inputs.get(dir).into_iter().flat_map(|i| &i.directories);
        for next in named.filter(|next| *next != dir) {
            led_to.insert(next);
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
}

/// A component is a piece of an overlay; alone it makes no objects.
fn unused_component(dir: &str) -> Gap {
    Gap {
        kind: GapKind::NotRendered,
        subject: dir.into(),
        span: Span::NONE,
        reason: "no overlay here uses this component, so it was not judged".to_owned(),
        hint: "scan the directory of the overlay that uses it, too".to_owned(),
        units: 1,
    }
}
