//! The picture kept current: a list of everything, then what the server says has changed.
//!
//! Each resource has a watch of its own. Bookmarks move its place forward when nothing
//! happens; a place that is too old (410) is left for a fresh list. What changed is gathered
//! for a moment and becomes one new Snapshot.

use crate::discovery::Resource;
use crate::error::Error;
use crate::list::{Question, list};
use crate::origin;
use crate::runtime::block_on;
use crate::scan::{Options, Progress, Purpose, ask, picture};
use crate::server::{self, Failure, METADATA_ONE, PATIENCE, Server};
use crate::wanted::How;
use seawall_model::{Coverage, KubernetesVersion, ResourceRef, SourceMap, Str};
use seawall_snapshot::{Change, Keep, Object, ScopeId, Snapshot};
use seawall_yaml::{Node, to_json};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};

/// Changes that wait to be applied.
const WAITING: usize = 1_024;
/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(200);
/// How long the server keeps a watch open, in seconds.
const OPEN: u64 = 240;
/// Without a word for this long a connection is dead.
const SILENCE: Duration = Duration::from_mins(5);
/// The pause after a failure, and the longest one.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is seen of a cluster at a moment.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The picture.
    pub snapshot: &'a Snapshot,
    /// What has changed since it was last seen: the objects as they were and as they are.
    pub changed: &'a [Arc<Object>],
    /// What could not be read at the start.
    pub coverage: &'a Coverage,
    /// What the user calls the cluster.
    pub cluster: &'a Str,
    /// The version that the cluster behaves as.
    pub version: Option<KubernetesVersion>,
}

/// Calls `see` with the cluster as it is, and again after every change, until it returns
/// false.
pub fn watch(
    options: &Options,
    map: &Arc<SourceMap>,
    see: &mut dyn FnMut(&Seen<'_>) -> bool,
) -> Result<(), Error> {
    block_on(keep_seeing(options, map, see))?
}

async fn keep_seeing(
    options: &Options,
    map: &Arc<SourceMap>,
    see: &mut dyn FnMut(&Seen<'_>) -> bool,
) -> Result<(), Error> {
    let answer = ask(options, map, Purpose::Watch).await?;
    let (sender, mut changes) = channel(WAITING);
    for listed in &answer.lists {
        let Some((resource, how)) = &listed.from else {
            continue;
        };
        if !listed.answered {
            continue;
        }
        let watcher = Watcher {
            server: answer.server.clone(),
            map: Arc::clone(map),
            resource: resource.clone(),
            how: *how,
            namespace: options.namespace.clone(),
            keep: answer.keep,
            sender: sender.clone(),
            place: listed.resource_version.clone(),
            known: HashMap::new(),
            hasher: RandomState::new(),
        };
        let objects = listed.objects.iter().map(|object| object.reference.clone());
        tokio::spawn(watcher.run(objects.collect()));
    }
    drop(sender);
    let (server, version) = (answer.server.clone(), answer.version);
    let (mut snapshot, coverage) = picture(answer);
    let mut changed: Vec<Arc<Object>> = Vec::new();
    loop {
        let seen = Seen {
            snapshot: &snapshot,
            changed: &changed,
            coverage: &coverage,
            cluster: &server.name,
            version,
        };
        if !see(&seen) {
            return Ok(());
        }
        let Some(gathered) = gather(&mut changes).await else {
            return Ok(());
        };
        (snapshot, changed) = snapshot.update(gathered);
    }
}

/// The next changes: the first, and what comes shortly after it.
async fn gather(changes: &mut Receiver<Change>) -> Option<Vec<Change>> {
    let mut gathered = vec![changes.recv().await?];
    while gathered.len() < WAITING
        && let Ok(Some(change)) = timeout(GATHER, changes.recv()).await
    {
        gathered.push(change);
    }
    Some(gathered)
}

/// One resource.
struct Watcher {
    server: Server,
    map: Arc<SourceMap>,
    resource: Resource,
    how: How,
    namespace: Option<String>,
    keep: Keep,
    sender: Sender<Change>,
    /// The resource version up to which everything is known.
    place: String,
    /// What is there, with a hash of what matters of it once it has been seen to change.
    known: HashMap<ResourceRef, u64>,
    hasher: RandomState,
}

/// Why a watch ended.
enum Ended {
    /// The server's time is over: go on from the place.
    Over,
    /// The place is too old.
    Gone,
    /// Something failed.
    Failed,
    /// Nobody wants to know any more.
    Unwanted,
}

impl Watcher {
    async fn run(mut self, present: Vec<ResourceRef>) {
        self.known = present
            .into_iter()
            .map(|reference| (reference, 0))
            .collect();
        let mut pause = PAUSE;
        loop {
            match self.once().await {
                Ended::Over => pause = PAUSE,
                Ended::Unwanted => return,
                Ended::Gone => {
                    if self.list().await {
                        continue;
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Ended::Failed => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// One watch, until it ends.
    async fn once(&mut self) -> Ended {
        let path = format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={OPEN}&resourceVersion={}",
            self.resource.path(self.namespace.as_deref()),
            crate::discovery::encoded(&self.place),
        );
        let accept = match self.how {
            How::Metadata => METADATA_ONE,
            _ => server::JSON,
        };
        let mut lines = match self.server.lines(&path, accept, PATIENCE).await {
            Ok(lines) => lines,
            Err(failure) if failure.code() == 410 => return Ended::Gone,
            Err(_) => return Ended::Failed,
        };
        loop {
            match lines.next(SILENCE).await {
                Ok(Some(line)) => {
                    if let Some(ended) = self.event(&line).await {
                        return ended;
                    }
                }
                Ok(None) | Err(Failure::Slow(_)) => return Ended::Over,
                Err(_) => return Ended::Failed,
            }
        }
    }

    /// Takes one line of a watch; something when the watch is over.
    async fn event(&mut self, line: &[u8]) -> Option<Ended> {
        let Some(mut event) = server::parse(line) else {
            return Some(Ended::Failed);
        };
        let kind = event.get("type").and_then(Node::as_str).map(str::to_owned);
        let object = event.as_map_mut().and_then(|map| map.remove("object"));
        let (Some(kind), Some(object)) = (kind, object) else {
            return Some(Ended::Failed);
        };
        if kind == "ERROR" {
            let code = object.get("code").and_then(Node::as_i64);
            return Some(if code == Some(410) {
                Ended::Gone
            } else {
                Ended::Failed
            });
        }
        let place = object
            .at(&["metadata", "resourceVersion"])
            .and_then(Node::as_str);
        if let Some(place) = place {
            place.clone_into(&mut self.place);
        }
        let change = match kind.as_str() {
            "ADDED" | "MODIFIED" => self.put(object),
            "DELETED" => self.removed(&object),
            _ => None,
        };
        if let Some(change) = change
            && self.sender.send(change).await.is_err()
        {
            return Some(Ended::Unwanted);
        }
        None
    }

    /// What an object that came or changed means; nothing when only its status did.
    fn put(&mut self, object: Node) -> Option<Change> {
        let name = &self.server.name;
        let mut node = origin::settle(object, &self.resource, name, false, &self.map);
        let reference = origin::reference(&node, &self.resource);
        if let Some(metadata) = node
            .as_map_mut()
            .and_then(|map| map.get_mut("metadata"))
            .and_then(Node::as_map_mut)
        {
            metadata.remove("resourceVersion");
            metadata.remove("generation");
        }
        let hash = self.hasher.hash_one(to_json(&node)).max(1);
        if self.known.get(&reference) == Some(&hash) {
            return None;
        }
        match origin::read(&node, &self.map, &mut Vec::new(), self.keep) {
            Some(object) => {
                self.known.insert(reference, hash);
                Some(Change::Put(Box::new(object)))
            }
            None => self.gone(&reference),
        }
    }

    fn removed(&mut self, object: &Node) -> Option<Change> {
        let reference = origin::reference(object, &self.resource);
        self.gone(&reference)
    }

    fn gone(&mut self, reference: &ResourceRef) -> Option<Change> {
        self.known.remove(reference)?;
        Some(Change::Remove(ScopeId::PLAIN, reference.clone()))
    }

    /// A fresh list in place of a watch that lost its place; whether it succeeded.
    async fn list(&mut self) -> bool {
        let progress = Progress::default();
        let question = Question {
            server: &self.server,
            map: &self.map,
            progress: &progress,
            namespace: self.namespace.as_deref(),
            nodes: false,
            keep: self.keep,
            versioned: false,
        };
        let listed = list(&question, &self.resource, self.how, PATIENCE).await;
        if !listed.answered || listed.resource_version.is_empty() || !listed.complete {
            return false;
        }
        for change in self.replaced(listed.objects) {
            if self.sender.send(change).await.is_err() {
                return true;
            }
        }
        self.place = listed.resource_version;
        true
    }

    /// From what was known to what is there now.
    fn replaced(&mut self, objects: Vec<Object>) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.known);
        let mut changes = Vec::new();
        for object in objects {
            before.remove(&object.reference);
            self.known.insert(object.reference.clone(), 0);
            changes.push(Change::Put(Box::new(object)));
        }
        let mut gone: Vec<ResourceRef> = before.into_keys().collect();
        gone.sort_unstable();
        changes.extend(
            gone.into_iter()
                .map(|reference| Change::Remove(ScopeId::PLAIN, reference)),
        );
        changes
    }
}
