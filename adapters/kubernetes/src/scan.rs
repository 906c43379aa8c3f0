//! A whole cluster, or a namespace of it, to a snapshot.

use crate::connect::{Access, connect};
use crate::discovery::{self, Resource, encoded};
use crate::error::Error;
use crate::list::{Listed, Question, list};
use crate::origin;
use crate::runtime::block_on;
use crate::server::{PATIENCE, Server};
use crate::wanted::{self, How};
use seawall_model::{Coverage, Gap, GapKind, KubernetesVersion, SourceMap, Span, Str};
use seawall_snapshot::{Builder, Keep, Snapshot};
use seawall_yaml::Node;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Lists that are read at the same time: enough to hide the way to the server, few enough
/// to be one polite client.
const AT_ONCE: usize = 4;
/// What is left of a group's time is worth a question only from here on.
const LEAST_PATIENCE: Duration = Duration::from_millis(200);

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which cluster, and as whom.
    pub access: Access,
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Ask for the values of Secrets, too.
    pub secrets: bool,
    /// Read only what these rules need; everything when empty.
    pub rules: Vec<String>,
    /// How much of each object to keep. Where the cluster has admission policies in force,
    /// which may read any field, trees are kept in any case.
    pub keep: Keep,
    /// Counts what is done, for whoever waits.
    pub progress: Arc<Progress>,
}

/// How far a read is.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    objects: AtomicU64,
}

impl Progress {
    /// Resources read, resources in all (0 while they are still being found), and objects.
    pub fn get(&self) -> (u64, u64, u64) {
        (
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
            self.objects.load(Ordering::Relaxed),
        )
    }

    pub(crate) fn add_objects(&self, count: usize) {
        self.objects.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// What was read.
#[derive(Debug)]
pub struct Loaded {
    /// The picture.
    pub snapshot: Snapshot,
    /// What could not be read; `looked_at` counts the objects that could.
    pub coverage: Coverage,
    /// What the user calls the cluster.
    pub cluster: Str,
    /// The version that the cluster behaves as.
    pub version: Option<KubernetesVersion>,
}

/// The objects as trees, for a dump.
#[derive(Debug)]
pub(crate) struct Trees {
    pub(crate) nodes: Vec<Node>,
    pub(crate) coverage: Coverage,
    pub(crate) cluster: Str,
    pub(crate) version: Option<KubernetesVersion>,
}

/// Reads a cluster. Only what keeps everything from being read is an error.
pub fn read(options: &Options, map: &Arc<SourceMap>) -> Result<Loaded, Error> {
    let answer = block_on(ask(options, map, Purpose::Scan))??;
    let (cluster, version) = (answer.server.name.clone(), answer.version);
    let (snapshot, coverage) = picture(answer);
    Ok(Loaded {
        snapshot,
        coverage,
        cluster,
        version,
    })
}

/// The picture that an answer gives.
pub(crate) fn picture(answer: Answer) -> (Snapshot, Coverage) {
    let mut coverage = Coverage {
        looked_at: 0,
        gaps: answer.gaps,
    };
    let mut builder = Builder::new().complete();
    for listed in answer.lists {
        coverage.gaps.extend(listed.gaps);
        coverage.looked_at += listed.objects.len() as u64;
        for object in listed.objects {
            builder.add(object);
        }
    }
    (builder.build(), coverage)
}

/// The same objects as trees.
pub(crate) fn trees(options: &Options, map: &Arc<SourceMap>) -> Result<Trees, Error> {
    let answer = block_on(ask(options, map, Purpose::Dump))??;
    let mut trees = Trees {
        nodes: Vec::new(),
        coverage: Coverage {
            looked_at: 0,
            gaps: answer.gaps,
        },
        cluster: answer.server.name,
        version: answer.version,
    };
    for listed in answer.lists {
        trees.coverage.gaps.extend(listed.gaps);
        trees.nodes.extend(listed.nodes);
    }
    trees.coverage.looked_at = trees.nodes.len() as u64;
    Ok(trees)
}

/// What objects are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Facts, and where they are from.
    Scan,
    /// Trees.
    Dump,
    /// Facts that will be replaced again and again.
    Watch,
}

/// What the cluster said.
pub(crate) struct Answer {
    pub(crate) server: Server,
    pub(crate) version: Option<KubernetesVersion>,
    pub(crate) lists: Vec<Listed>,
    /// How much was kept of objects.
    pub(crate) keep: Keep,
    gaps: Vec<Gap>,
}

/// Asks the cluster for everything.
pub(crate) async fn ask(
    options: &Options,
    map: &Arc<SourceMap>,
    purpose: Purpose,
) -> Result<Answer, Error> {
    let server = connect(&options.access).await?;
    let version = discovery::version(&server.version().await?);
    let served = discovery::discover(&server).await?;
    let mut gaps = served.gaps;
    gaps.extend(version.and_then(too_new));
    let mut first = Listed::default();
    if let Some(namespace) = &options.namespace {
        first = own_namespace(&server, namespace, map, purpose).await?;
    }
    let jobs: VecDeque<Job> = served
        .resources
        .into_iter()
        .filter(|resource| options.namespace.is_none() || resource.namespaced)
        .map(|resource| {
            let how = wanted::how(&resource, &options.rules, options.secrets);
            (resource, how)
        })
        .filter(|(_, how)| *how != How::Not)
        .enumerate()
        .map(|(place, (resource, how))| Job {
            place,
            resource,
            how,
        })
        .collect();
    let total = jobs.len();
    options
        .progress
        .total
        .store(total as u64, Ordering::Relaxed);
    let desk = Arc::new(Desk {
        server: server.clone(),
        map: Arc::clone(map),
        progress: Arc::clone(&options.progress),
        namespace: options.namespace.clone(),
        purpose,
        keep: Mutex::new(options.keep),
        jobs: Mutex::new(jobs),
        groups: Mutex::default(),
        done: Mutex::default(),
    });
    desk.policies_first().await;
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        workers.spawn(Arc::clone(&desk).work());
    }
    while workers.join_next().await.is_some() {}
    let mut lists = std::mem::take(&mut *lock(&desk.done));
    lists.sort_by_key(|(place, _)| *place);
    let mut lists: Vec<Listed> = lists.into_iter().map(|(_, listed)| listed).collect();
    if total > 0 && !lists.iter().any(|listed| listed.answered) {
        return Err(nothing(&server, &lists));
    }
    gaps.extend(unread(&lists));
    lists.insert(0, first);
    let keep = *lock(&desk.keep);
    Ok(Answer {
        server,
        version,
        lists,
        keep,
        gaps,
    })
}

fn nothing(server: &Server, lists: &[Listed]) -> Error {
    let gap = lists.iter().flat_map(|listed| &listed.gaps).next();
    let reason = gap.map_or("the cluster serves nothing", |gap| gap.reason.as_str());
    Error::unreadable(
        format!("nothing could be read from {}: {reason}", server.address),
        "`seawall rbac` prints the ClusterRole that a scan needs; with rights in one namespace \
         only, name it: --namespace",
    )
}

/// Who may not read what nobody judges misses nothing, and hears about it once.
fn unread(lists: &[Listed]) -> Option<Gap> {
    let mut names: Vec<&str> = lists
        .iter()
        .filter_map(|listed| listed.unread.as_deref())
        .collect();
    names.sort_unstable();
    (!names.is_empty()).then(|| Gap {
        kind: GapKind::Forbidden,
        subject: Str::from("kinds that no check reads"),
        span: Span::NONE,
        reason: format!(
            "this identity may not list them, and no check needs them: {}",
            names.join(", ")
        ),
        hint: String::new(),
        units: 0,
    })
}

/// A version that the built-in tables do not know.
fn too_new(version: KubernetesVersion) -> Option<Gap> {
    let newest = KubernetesVersion::NEWEST;
    (version > newest).then(|| Gap {
        kind: GapKind::Unsupported,
        subject: format!("Kubernetes {version}").into(),
        span: Span::NONE,
        reason: format!(
            "the cluster is newer than {newest}, the newest version that Seawall knows; it was \
             judged as {newest}"
        ),
        hint: "look for a newer Seawall".to_owned(),
        units: 1,
    })
}

/// The Namespace object of a scan of one namespace: its labels decide what it admits.
async fn own_namespace(
    server: &Server,
    namespace: &str,
    map: &SourceMap,
    purpose: Purpose,
) -> Result<Listed, Error> {
    let resource = Resource {
        group: Str::from(""),
        plural: Str::from("namespaces"),
        version: Str::from("v1"),
        kind: Str::from("Namespace"),
        namespaced: false,
    };
    let path = format!("/api/v1/namespaces/{}", encoded(namespace));
    let mut listed = Listed::default();
    match server.document(&path, crate::server::JSON).await {
        Ok(node) => {
            let node = origin::settle(node, &resource, &server.name, true, map);
            if purpose == Purpose::Dump {
                listed.nodes.push(node);
            } else {
                listed
                    .objects
                    .extend(origin::read(&node, map, &mut listed.gaps, Keep::Facts));
            }
        }
        Err(failure) if failure.code() == 404 => {
            return Err(Error::configuration(
                format!("the cluster has no namespace `{namespace}`"),
                "`kubectl get namespaces` lists them",
            ));
        }
        Err(failure) => listed.gaps.push(Gap {
            kind: GapKind::Forbidden,
            subject: format!("Namespace {namespace}").into(),
            span: Span::NONE,
            reason: format!("its labels cannot be read: {}", failure.reason()),
            hint: format!("needs get on namespaces/{namespace}"),
            units: 1,
        }),
    }
    Ok(listed)
}

struct Job {
    place: usize,
    resource: Resource,
    how: How,
}

/// What is known about the server behind an API group.
#[derive(Debug, Clone, Copy)]
enum Group {
    /// Asked since then; nothing has come yet.
    Asked(Instant),
    Answers,
    Hangs,
}

/// Where the workers take jobs from and leave what they found.
struct Desk {
    server: Server,
    map: Arc<SourceMap>,
    progress: Arc<Progress>,
    namespace: Option<String>,
    purpose: Purpose,
    keep: Mutex<Keep>,
    jobs: Mutex<VecDeque<Job>>,
    groups: Mutex<HashMap<Str, Group>>,
    done: Mutex<Vec<(usize, Listed)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind the locks only grows by whole entries.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// Whether policies are in force decides how much of everything else is kept.
    async fn policies_first(&self) {
        let job = {
            let mut jobs = lock(&self.jobs);
            let at = jobs
                .iter()
                .position(|job| &*job.resource.plural == "validatingadmissionpolicybindings");
            at.and_then(|at| jobs.remove(at))
        };
        if let Some(job) = job {
            let bindings = self.finish(&job).await;
            if bindings > 0 {
                *lock(&self.keep) = Keep::Trees;
            }
        }
    }

    async fn work(self: Arc<Self>) {
        loop {
            let Some(job) = lock(&self.jobs).pop_front() else {
                return;
            };
            self.finish(&job).await;
        }
    }

    /// Does a job, and says how many objects it gave.
    async fn finish(&self, job: &Job) -> usize {
        let listed = self.one(job).await;
        let objects = listed.objects.len();
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        lock(&self.done).push((job.place, listed));
        objects
    }

    async fn one(&self, job: &Job) -> Listed {
        let group = &job.resource.group;
        let patience = self.patience(group);
        let question = Question {
            server: &self.server,
            map: &self.map,
            progress: &self.progress,
            namespace: self.namespace.as_deref(),
            nodes: self.purpose == Purpose::Dump,
            versioned: self.purpose != Purpose::Watch,
            keep: *lock(&self.keep),
        };
        let mut listed = list(&question, &job.resource, job.how, patience).await;
        listed.from = Some((job.resource.clone(), job.how));
        let mut groups = lock(&self.groups);
        if listed.answered {
            groups.insert(group.clone(), Group::Answers);
        } else if listed.hangs {
            groups.insert(group.clone(), Group::Hangs);
        }
        listed
    }

    /// How long to wait for a group: a server that hangs costs its time once, not once for
    /// each of its resources.
    fn patience(&self, group: &Str) -> Duration {
        let mut groups = lock(&self.groups);
        match groups.get(group) {
            Some(Group::Answers) => PATIENCE,
            Some(Group::Hangs) => LEAST_PATIENCE,
            Some(Group::Asked(since)) => {
                PATIENCE.saturating_sub(since.elapsed()).max(LEAST_PATIENCE)
            }
            None => {
                groups.insert(group.clone(), Group::Asked(Instant::now()));
                PATIENCE
            }
        }
    }
}
