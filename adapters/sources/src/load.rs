//! A user's arguments to a snapshot.
//!
//! Files, charts and overlays are read in parallel; results are put together in the order
//! of the plan, so that the same input gives the same snapshot.

use crate::files::{self, Read, Want};
use crate::git::Revision;
use crate::memory::Memory;
use crate::patched::{self, Patched};
use crate::plan::{Plan, plan};
use crate::remembering::Remembering;
use crate::tree::{Disk, Tree};
use crate::{Rendered, git, helm, kustomize};
use rayon::prelude::*;
use seawall_model::{
    Coverage, FileId, Gap, GapKind, KubernetesVersion, SourceFile, SourceKind, SourceMap,
    SourceText, Span, Str,
};
pub use seawall_snapshot::Keep;
use seawall_snapshot::{Builder, Object, ScopeId, ScopeKind, Snapshot, object};
use seawall_yaml::Node;
use std::fmt;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What to load.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Files, directories, and `-` for standard input.
    pub paths: Vec<String>,
    /// Read the paths as they are at this git revision.
    pub revision: Option<String>,
    /// Values and names for charts.
    pub helm: helm::Options,
    /// What standard input holds, when `-` is among the paths.
    pub stdin: Option<Vec<u8>>,
    /// Read files that ignore files (`.gitignore`, `.ignore`) leave out, too.
    pub no_ignore: bool,
    /// The paths are in the embedded tree given to [`load_embedded`].
    pub embedded: bool,
    /// Counts what is done, for whoever waits.
    pub progress: Arc<Progress>,
    /// What to remember of workloads. Where the sources themselves bind admission policies,
    /// their trees are kept in any case.
    pub keep: Keep,
    /// Texts that are read in the place of those of files, by path: what a change would make
    /// of them.
    pub texts: patched::Texts,
}

/// How far a load is.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Sources read, and sources in all (0 while they are still being found).
    pub fn get(&self) -> (u64, u64) {
        (
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
        )
    }
}

/// Why nothing could be loaded: the user named something that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// A path that does not exist.
    NotFound(String),
    /// Something that is neither a file nor a directory: a pipe, a socket, a device.
    Special(String),
    /// A value given on the command line that cannot be read.
    Value(String),
    /// A revision that git does not know, or no git.
    Git(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::NotFound(path) => write!(f, "no file or directory `{path}`"),
            LoadError::Special(path) => {
                write!(f, "`{path}` is neither a file nor a directory")
            }
            LoadError::Value(message) | LoadError::Git(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for LoadError {}

/// What was loaded.
#[derive(Debug)]
pub struct Loaded {
    /// The picture.
    pub snapshot: Snapshot,
    /// What could not be read; `looked_at` counts the objects that could.
    pub coverage: Coverage,
    /// How many charts were rendered.
    pub charts: u64,
    /// How many overlays were built.
    pub overlays: u64,
    /// Plain files read.
    pub files: u64,
    /// The version of Kubernetes that it is for, where what was loaded says so.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Reads text again for reports.
    pub text: Texts,
}

impl Loaded {
    /// What another adapter read: objects that stand in no files.
    pub fn without_files(
        snapshot: Snapshot,
        coverage: Coverage,
        kubernetes_version: Option<KubernetesVersion>,
        map: &Arc<SourceMap>,
    ) -> Self {
        Self {
            snapshot,
            coverage: finish(coverage),
            charts: 0,
            overlays: 0,
            files: 0,
            kubernetes_version,
            text: Texts {
                map: Arc::clone(map),
                tree: Box::new(Memory::default()),
                stdin: None,
            },
        }
    }
}

/// Reads source text again: from disk, from git, or from what standard input held.
pub struct Texts {
    map: Arc<SourceMap>,
    tree: Box<dyn Tree + Send>,
    stdin: Option<Vec<u8>>,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

impl SourceText for Texts {
    fn text(&self, file: FileId) -> Option<String> {
        let SourceFile { path, kind } = self.map.file(file)?;
        let bytes = match kind {
            SourceKind::Stdin => self.stdin.clone()?,
            SourceKind::Generated | SourceKind::Cluster => return None,
            _ => self.tree.read(&path, files::MAX_FILE).ok()?,
        };
        String::from_utf8(bytes).ok()
    }

    fn piece(&self, file: FileId, range: Range<u32>, margin: u32) -> Option<(u32, String)> {
        let SourceFile { path, kind } = self.map.file(file)?;
        if kind != SourceKind::File {
            return None;
        }
        let mut large = self.tree.open_large(&path, LARGE).ok()??;
        // From here on the file is long: what cannot be had is nothing, not everything.
        let start = range.start.saturating_sub(margin);
        let length = range.end.saturating_sub(start).saturating_add(margin);
        let mut bytes = Vec::new();
        let read = large.seek(SeekFrom::Start(u64::from(start))).and_then(|_| {
            large
                .take(u64::from(length.min(MAX_PIECE)))
                .read_to_end(&mut bytes)
        });
        if read.is_err() {
            return Some((start, String::new()));
        }
        let before = (range.start - start) as usize;
        let cut = match bytes.get(..before)?.iter().position(|byte| *byte == b'\n') {
            Some(line_end) if start > 0 => line_end + 1,
            // One line without an end: what is in it is not to be told from here.
            None if start > 0 && margin > 0 => return Some((start, String::new())),
            None | Some(_) => 0,
        };
        bytes.drain(..cut);
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let end = error.utf8_error().valid_up_to();
                let mut bytes = error.into_bytes();
                bytes.truncate(end);
                String::from_utf8(bytes).unwrap_or_default()
            }
        };
        Some((start + u32::try_from(cut).unwrap_or(0), text))
    }
}

/// Files from this size on are not read again as a whole, in bytes.
const LARGE: u64 = 8 << 20;

/// The longest piece of such a file, in bytes.
const MAX_PIECE: u32 = 1 << 20;

/// How much of standard input is read, in bytes: one more than is parsed, so that what is
/// too long is known to be.
pub const MAX_STDIN: u64 = files::MAX_FILE + 1;

/// Loads everything the request names. Only a path or revision that does not exist is an
/// error; whatever cannot be read is coverage.
pub fn load(request: &Request, map: &Arc<SourceMap>) -> Result<Loaded, LoadError> {
    load_from(open(request)?, request, map)
}

/// Loads from files in memory (`seawall demo`).
pub fn load_embedded(files: Memory, map: &Arc<SourceMap>) -> Result<Loaded, LoadError> {
    let request = Request {
        paths: vec![".".to_owned()],
        embedded: true,
        ..Request::default()
    };
    load_from(Box::new(files), &request, map)
}

fn open(request: &Request) -> Result<Box<dyn Tree + Send>, LoadError> {
    let Some(revision) = &request.revision else {
        return Ok(if request.texts.is_empty() {
            Box::new(Disk)
        } else {
            Box::new(Patched::new(Box::new(Disk), request.texts.clone()))
        });
    };
    let dir = request
        .paths
        .first()
        .map_or_else(|| ".".to_owned(), |p| git::working_directory(p));
    let revision = Revision::open(&dir, revision).map_err(|error| LoadError::Git(error.0))?;
    Ok(Box::new(revision))
}

fn load_from(
    tree: Box<dyn Tree + Send>,
    request: &Request,
    map: &Arc<SourceMap>,
) -> Result<Loaded, LoadError> {
    let asked = Remembering::new(&*tree);
    let kustomize = kustomize::Builder::new(&asked, map);
    let plan = plan(request, &asked, &kustomize)?;
    let mut builder = Builder::new();
    let jobs = jobs(&plan, &mut builder);
    request
        .progress
        .total
        .store(jobs.len() as u64, Ordering::Relaxed);
    let read_all = |want: Want| -> Vec<Read> {
        jobs.par_iter()
            .map(|job| run(job, &asked, &kustomize, request, want, map))
            .chain(
                rayon::iter::once(())
                    .filter_map(|()| stdin(request).map(|bytes| read_stdin(bytes, want, map))),
            )
            .collect()
    };
    let mut read = read_all(match request.keep {
        Keep::Facts => Want::Objects,
        Keep::Trees => Want::Trees,
    });
    if request.keep == Keep::Facts && read.iter().any(binds_policies) {
        read = read_all(Want::Trees);
    }
    let mut coverage = Coverage {
        looked_at: 0,
        gaps: plan.gaps.clone(),
    };
    let (mut workloads, mut left_out) = (0_usize, 0_u32);
    for read in read {
        coverage.gaps.extend(read.gaps);
        coverage.gaps.extend(read.strays.told(map));
        left_out = left_out.saturating_add(read.left_out);
        for object in read.objects {
            workloads += usize::from(!object.templates().is_empty());
            if workloads > MAX_WORKLOADS && !object.templates().is_empty() {
                left_out = left_out.saturating_add(1);
                continue;
            }
            coverage.looked_at += 1;
            builder.add(object);
        }
    }
    coverage.gaps.extend(too_many(left_out));
    Ok(Loaded {
        snapshot: builder.build(),
        coverage: finish(coverage),
        charts: plan.charts.len() as u64,
        overlays: plan.overlays.len() as u64,
        files: plan.files.len() as u64,
        kubernetes_version: None,
        text: Texts {
            map: Arc::clone(map),
            tree,
            stdin: request.stdin.clone(),
        },
    })
}

/// Whether there is an admission policy that is in force: it may read any field of any object.
fn binds_policies(read: &Read) -> bool {
    read.objects.iter().any(|object| {
        &*object.reference.group == "admissionregistration.k8s.io"
            && &*object.reference.kind == "ValidatingAdmissionPolicyBinding"
    })
}

/// The objects that a scan of the request would see, in order, for `seawall render`.
pub fn render(request: &Request, map: &SourceMap) -> Result<(Vec<Node>, Coverage), LoadError> {
    let tree = open(request)?;
    let asked = Remembering::new(&*tree);
    let kustomize = kustomize::Builder::new(&asked, map);
    let plan = plan(request, &asked, &kustomize)?;
    let jobs = jobs(&plan, &mut Builder::new());
    let read: Vec<Read> = jobs
        .par_iter()
        .map(|job| run(job, &asked, &kustomize, request, Want::Nodes, map))
        .collect();
    let mut coverage = Coverage {
        looked_at: 0,
        gaps: plan.gaps,
    };
    let mut nodes = Vec::new();
    for read in read
        .into_iter()
        .chain(stdin(request).map(|b| read_stdin(b, Want::Nodes, map)))
    {
        nodes.extend(read.nodes);
        coverage.gaps.extend(read.gaps);
        coverage.gaps.extend(read.strays.told(map));
    }
    coverage.looked_at = nodes.len() as u64;
    Ok((nodes, finish(coverage)))
}

/// One thing to read.
enum Job {
    File(String),
    Chart(String, ScopeId),
    Overlay(String, ScopeId),
}

fn jobs(plan: &Plan, builder: &mut Builder) -> Vec<Job> {
    let mut jobs = Vec::new();
    // Renderings take longest, so they start first.
    for dir in &plan.charts {
        jobs.push(Job::Chart(
            dir.clone(),
            builder.scope(ScopeKind::Chart, dir.as_str()),
        ));
    }
    for dir in &plan.overlays {
        jobs.push(Job::Overlay(
            dir.clone(),
            builder.scope(ScopeKind::Overlay, dir.as_str()),
        ));
    }
    jobs.extend(plan.files.iter().cloned().map(Job::File));
    jobs
}

fn run(
    job: &Job,
    tree: &dyn Tree,
    kustomize: &kustomize::Builder<'_>,
    request: &Request,
    want: Want,
    map: &SourceMap,
) -> Read {
    let read = match job {
        Job::File(path) => files::read(tree, path, want, map),
        Job::Chart(dir, scope) => rendered(
            helm::render(tree, dir, &request.helm, map),
            *scope,
            want,
            map,
        ),
        Job::Overlay(dir, scope) => rendered(kustomize.build(dir), *scope, want, map),
    };
    request.progress.done.fetch_add(1, Ordering::Relaxed);
    read
}

fn rendered(rendered: Rendered, scope: ScopeId, want: Want, map: &SourceMap) -> Read {
    let mut read = Read {
        gaps: rendered.gaps,
        ..Read::default()
    };
    for root in rendered.objects {
        let is_list = object::is_list(&root);
        for node in object::flatten(root) {
            if is_list && !object::looks_like_object(&node) {
                read.strays.add(node.span);
                continue;
            }
            match want {
                Want::Nodes => read.nodes.push(node),
                Want::Objects | Want::Trees => {
                    let object: Option<Object> =
                        object::read_keeping(&node, scope, map, &mut read.gaps, want.keep());
                    read.objects.extend(object);
                }
            }
        }
    }
    read
}

fn stdin(request: &Request) -> Option<&[u8]> {
    request
        .stdin
        .as_deref()
        .filter(|_| request.paths.iter().any(|path| path == "-"))
}

fn read_stdin(bytes: &[u8], want: Want, map: &SourceMap) -> Read {
    let file = map.add_file(SourceFile {
        path: "<stdin>".into(),
        kind: SourceKind::Stdin,
    });
    if bytes.len() as u64 >= MAX_STDIN {
        return files::too_large("<stdin>");
    }
    files::read_bytes(bytes, "<stdin>", file, want, map)
}

/// Most workloads of a scan: each of them may break every rule, and what is found takes room.
const MAX_WORKLOADS: usize = 100_000;

/// What is said of objects beyond what a scan looks at.
fn too_many(left_out: u32) -> Option<Gap> {
    (left_out > 0).then(|| Gap {
        kind: GapKind::Unreadable,
        subject: Str::from("."),
        span: Span::NONE,
        reason: format!(
            "there are more than {MAX_WORKLOADS} workloads, or {} objects in a file: \
             {left_out} objects were not looked at",
            files::MAX_OBJECTS
        ),
        hint: "scan parts of it by themselves".to_owned(),
        units: left_out,
    })
}

/// The longest reason of a gap, in bytes. A template can make an error message of any
/// length.
const MAX_REASON: usize = 1_000;

/// Two renderings can run into the same trouble: it is told once.
fn finish(mut coverage: Coverage) -> Coverage {
    for gap in coverage
        .gaps
        .iter_mut()
        .filter(|gap| gap.reason.len() > MAX_REASON)
    {
        gap.reason
            .truncate(gap.reason.floor_char_boundary(MAX_REASON));
        gap.reason.push('…');
    }
    let key = |gap: &Gap| {
        (
            gap.kind,
            gap.subject.clone(),
            gap.span.start,
            gap.reason.clone(),
        )
    };
    coverage.gaps.sort_by_cached_key(key);
    coverage.gaps.dedup_by(|a, b| a == b);
    coverage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_workloads_are_a_gap() {
        let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: []}}\n---\n";
        let text = pod.repeat(MAX_WORKLOADS + 5);
        let tree = Memory::new([("a.yaml".to_owned(), text.into_bytes().into())]);
        let loaded = load_embedded(tree, &Arc::default()).unwrap();
        assert_eq!(loaded.coverage.looked_at, MAX_WORKLOADS as u64);
        let gaps = &loaded.coverage.gaps;
        assert!(gaps.iter().any(|gap| gap.units == 5), "{gaps:?}");
    }
}
