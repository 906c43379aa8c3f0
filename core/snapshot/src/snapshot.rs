//! The picture itself: objects, resolved workloads, look-ups, patches.

use crate::object::{Details, Object, OwnerRef, Scope, ScopeId, ScopeKind};
use crate::pod::PodTemplate;
use seawall_model::{ResourceRef, Str};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// An object's place in a [`Snapshot`]; valid for that snapshot and those made from it, as
/// long as the object is not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u32);

/// Objects that run the same thing: a Deployment with its ReplicaSets and Pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The top owner's name; the owner itself may be missing from the input (a dump of pods).
    pub owner: ResourceRef,
    /// Which rendering it is in.
    pub scope: ScopeId,
    /// The objects, the top owner first when it is there, then by name.
    pub members: Vec<ObjectId>,
}

/// One immutable picture of an environment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// `None` where an object was removed by a patch.
    objects: Arc<Vec<Option<Arc<Object>>>>,
    scopes: Arc<Vec<Scope>>,
    by_name: Arc<HashMap<Key, ObjectId>>,
    workloads: Arc<Vec<Workload>>,
    is_complete: bool,
}

/// What an object is looked up by.
type Key = (ScopeId, ResourceRef);

/// A change to a snapshot.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds an object or replaces the one of the same name and scope.
    Put(Box<Object>),
    /// Removes an object.
    Remove(ScopeId, ResourceRef),
}

/// Collects objects for a [`Snapshot`].
#[derive(Debug, Default)]
pub struct Builder {
    objects: Vec<Arc<Object>>,
    scopes: Vec<Scope>,
    is_complete: bool,
}

impl Builder {
    /// An empty builder with the plain scope.
    pub fn new() -> Self {
        let plain = Scope {
            kind: ScopeKind::Plain,
            name: Str::from(""),
        };
        Self {
            objects: Vec::new(),
            scopes: vec![plain],
            is_complete: false,
        }
    }

    /// Says that this is a whole environment as it is, not pieces that something puts together
    /// later: what an object needs and does not find in its namespace is not there.
    #[must_use]
    pub fn complete(mut self) -> Self {
        self.is_complete = true;
        self
    }

    /// A new scope for a rendering.
    pub fn scope(&mut self, kind: ScopeKind, name: impl Into<Str>) -> ScopeId {
        self.scopes.push(Scope {
            kind,
            name: name.into(),
        });
        ScopeId(u32::try_from(self.scopes.len() - 1).unwrap_or(u32::MAX))
    }

    /// Adds an object. Two of one name in one scope both stay: two files that define the
    /// same object are two sources to judge.
    pub fn add(&mut self, object: Object) {
        self.objects.push(Arc::new(object));
    }

    /// The picture.
    pub fn build(self) -> Snapshot {
        let mut snapshot = Snapshot {
            objects: Arc::new(self.objects.into_iter().map(Some).collect()),
            scopes: Arc::new(self.scopes),
            is_complete: self.is_complete,
            ..Snapshot::default()
        };
        snapshot.index();
        snapshot
    }
}

impl Snapshot {
    /// Whether this is a whole environment ([`Builder::complete`]).
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// All objects.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        self.objects
            .iter()
            .enumerate()
            .filter_map(|(index, object)| {
                Some((ObjectId(u32::try_from(index).ok()?), object.as_deref()?))
            })
    }

    /// Objects of a kind in a group.
    pub fn of_kind<'s>(
        &'s self,
        group: &'s str,
        kind: &'s str,
    ) -> impl Iterator<Item = (ObjectId, &'s Object)> {
        self.objects()
            .filter(move |(_, o)| &*o.reference.group == group && &*o.reference.kind == kind)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.iter().flatten().count()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An object by id.
    pub fn get(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(id.0 as usize)?.as_deref()
    }

    /// A scope by id.
    pub fn scope(&self, id: ScopeId) -> Option<&Scope> {
        self.scopes.get(id.0 as usize)
    }

    /// All scopes with their ids.
    pub fn scopes(&self) -> impl Iterator<Item = (ScopeId, &Scope)> {
        self.scopes
            .iter()
            .enumerate()
            .map(|(index, scope)| (ScopeId(u32::try_from(index).unwrap_or(u32::MAX)), scope))
    }

    /// Looks an object up as an object of `scope` sees it: in its own rendering first, then
    /// among the plain manifests.
    pub fn find(&self, scope: ScopeId, reference: &ResourceRef) -> Option<(ObjectId, &Object)> {
        let at = |scope| {
            let id = *self.by_name.get(&(scope, reference.clone()))?;
            Some((id, self.get(id)?))
        };
        at(scope).or_else(|| {
            if scope == ScopeId::PLAIN {
                None
            } else {
                at(ScopeId::PLAIN)
            }
        })
    }

    /// The Namespace object that an object of `scope` lives in, if it is in the picture.
    pub fn namespace(&self, scope: ScopeId, name: &str) -> Option<&Object> {
        let reference = ResourceRef {
            group: Str::from(""),
            kind: Str::from("Namespace"),
            namespace: None,
            name: name.into(),
        };
        self.find(scope, &reference).map(|(_, object)| object)
    }

    /// The workloads, sorted by scope and owner.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// The templates of a workload with the objects they are in, the top owner's first.
    pub fn templates<'s>(
        &'s self,
        workload: &'s Workload,
    ) -> impl Iterator<Item = (&'s Object, &'s PodTemplate)> {
        workload
            .members
            .iter()
            .filter_map(|id| self.get(*id))
            .flat_map(|object| {
                object
                    .templates()
                    .iter()
                    .map(move |template| (object, template))
            })
    }

    /// The objects that `keep` chooses, with the ids that they have here.
    #[must_use]
    pub fn part(&self, keep: impl Fn(&Object) -> bool) -> Snapshot {
        let chosen = |object: &Option<Arc<Object>>| object.clone().filter(|object| keep(object));
        let mut part = Snapshot {
            objects: Arc::new(self.objects.iter().map(chosen).collect()),
            scopes: Arc::clone(&self.scopes),
            is_complete: self.is_complete,
            ..Snapshot::default()
        };
        part.index();
        part
    }

    /// The snapshot with the changes made. Objects that do not change are shared with this
    /// one, and so is everything with a clone of it that the changes do not touch; ids of
    /// objects that stay are the same in both.
    #[must_use]
    pub fn apply(self, changes: Vec<Change>) -> Snapshot {
        self.update(changes).0
    }

    /// The same, and what has changed: the objects as they were and as they are.
    #[must_use]
    pub fn update(mut self, changes: Vec<Change>) -> (Snapshot, Vec<Arc<Object>>) {
        let mut changed = Vec::new();
        // Of two objects with one name the first is looked up: which one that is may change.
        let mut unsettled = self.by_name.len() < self.len();
        for change in changes {
            unsettled |= !self.make(change, &mut changed);
        }
        if unsettled {
            self.index();
        }
        (self, changed)
    }

    /// Makes one change; false when the look-ups have to be made anew for it.
    fn make(&mut self, change: Change, changed: &mut Vec<Arc<Object>>) -> bool {
        let (key, new) = match change {
            Change::Put(object) => (key_of(&object), Some(Arc::from(object))),
            Change::Remove(scope, reference) => ((scope, reference), None),
        };
        let by_name = Arc::make_mut(&mut self.by_name);
        let objects = Arc::make_mut(&mut self.objects);
        let id = match (by_name.get(&key), &new) {
            (Some(id), _) => *id,
            (None, None) => return true,
            (None, Some(_)) => {
                let free = objects.iter().position(Option::is_none);
                let index = free.unwrap_or(objects.len());
                if free.is_none() {
                    objects.push(None);
                }
                ObjectId(u32::try_from(index).unwrap_or(u32::MAX))
            }
        };
        let Some(slot) = objects.get_mut(id.0 as usize) else {
            return false;
        };
        if new.is_some() {
            by_name.insert(key, id);
        } else {
            by_name.remove(&key);
        }
        let old = std::mem::replace(slot, new.clone());
        let is_settled = self.regroup(id, old.as_deref(), new.as_deref());
        changed.extend(old.into_iter().chain(new));
        is_settled
    }

    /// Keeps the workloads right after a change; false when that takes all objects.
    fn regroup(&mut self, id: ObjectId, old: Option<&Object>, new: Option<&Object>) -> bool {
        if old.map(place_among_owners) == new.map(place_among_owners) {
            return true;
        }
        let Some(object) = new.or(old) else {
            return true;
        };
        // What names it as its controller would move with it.
        if self
            .objects()
            .any(|(_, other)| other.is_controlled_by(&object.reference))
        {
            return false;
        }
        let is_workload = |object: &&Object| matches!(object.details, Details::Workload { .. });
        let joins = new.filter(is_workload);
        let joins = joins.map(|object| (object.scope, self.top_owner(object)));
        let workloads = Arc::make_mut(&mut self.workloads);
        if old.is_some()
            && let Some(place) = workloads.iter().position(|w| w.members.contains(&id))
            && let Some(workload) = workloads.get_mut(place)
        {
            workload.members.retain(|member| *member != id);
            if workload.members.is_empty() {
                workloads.remove(place);
            }
        }
        let Some((scope, owner)) = joins else {
            return true;
        };
        let mut workload = Workload {
            owner,
            scope,
            members: vec![id],
        };
        let order = |w: &Workload| (w.scope, &w.owner).cmp(&(scope, &workload.owner));
        match workloads.binary_search_by(order) {
            Err(place) => workloads.insert(place, workload),
            Ok(place) => {
                if let Some(known) = workloads.get_mut(place) {
                    workload.members.append(&mut known.members);
                    sort_members(&mut workload, &self.objects);
                    *known = workload;
                }
            }
        }
        true
    }

    fn index(&mut self) {
        let mut by_name = HashMap::new();
        for (id, object) in self.objects() {
            // The first of two with one name wins.
            by_name.entry(key_of(object)).or_insert(id);
        }
        self.by_name = Arc::new(by_name);
        self.workloads = Arc::new(self.resolve());
    }

    /// Groups pod-making objects by their top controller.
    fn resolve(&self) -> Vec<Workload> {
        let mut groups: BTreeMap<(ScopeId, ResourceRef), Vec<ObjectId>> = BTreeMap::new();
        for (id, object) in self.objects() {
            if let Details::Workload { .. } = object.details {
                groups
                    .entry((object.scope, self.top_owner(object)))
                    .or_default()
                    .push(id);
            }
        }
        groups
            .into_iter()
            .map(|((scope, owner), members)| {
                let mut workload = Workload {
                    owner,
                    scope,
                    members,
                };
                sort_members(&mut workload, &self.objects);
                workload
            })
            .collect()
    }

    fn top_owner(&self, object: &Object) -> ResourceRef {
        let mut top = object.reference.clone();
        let mut current = object;
        // Owner chains are three long (Pod, Job, CronJob); a cycle ends here.
        for _ in 0..8 {
            let Some(controller) = current.controller() else {
                break;
            };
            let owner = ResourceRef {
                group: controller.group.clone(),
                kind: controller.kind.clone(),
                namespace: current.reference.namespace.clone(),
                name: controller.name.clone(),
            };
            if matches!(&*owner.kind, "Node") {
                break; // static pods are owned by their node; that is no workload
            }
            if let Some((_, next)) = self.find(object.scope, &owner) {
                top = owner;
                current = next;
            } else {
                return missing_owner(current, owner);
            }
        }
        top
    }
}

fn key_of(object: &Object) -> Key {
    (object.scope, object.reference.clone())
}

/// All that decides to which workload an object belongs, besides its name.
fn place_among_owners(object: &Object) -> (bool, Option<&OwnerRef>, Option<&str>) {
    let is_workload = matches!(object.details, Details::Workload { .. });
    let hash = object.label("pod-template-hash");
    (is_workload, object.controller(), hash)
}

/// The top owner first, then by name.
fn sort_members(workload: &mut Workload, objects: &[Option<Arc<Object>>]) {
    let owner = &workload.owner;
    workload.members.sort_by_cached_key(|id| {
        let object = objects.get(id.0 as usize)?.as_deref()?;
        let reference = &object.reference;
        Some((reference != owner, reference.clone(), *id))
    });
}

/// The owner of an object whose owner is not in the picture. A ReplicaSet that a Deployment
/// made is named `<deployment>-<pod-template-hash>`, and its pods carry the hash as a label.
fn missing_owner(object: &Object, owner: ResourceRef) -> ResourceRef {
    if &*owner.kind == "ReplicaSet"
        && let Some(hash) = object.label("pod-template-hash")
        && let Some(deployment) = owner
            .name
            .strip_suffix(hash)
            .and_then(|n| n.strip_suffix('-'))
    {
        return ResourceRef {
            kind: Str::from("Deployment"),
            name: deployment.into(),
            ..owner
        };
    }
    owner
}
