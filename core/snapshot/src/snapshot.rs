//! The picture itself: objects, resolved workloads, look-ups, patches.

use crate::object::{Details, Object, Scope, ScopeId, ScopeKind};
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
    objects: Vec<Option<Arc<Object>>>,
    scopes: Arc<Vec<Scope>>,
    by_name: HashMap<(ScopeId, ResourceRef), ObjectId>,
    workloads: Vec<Workload>,
}

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
        }
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
            objects: self.objects.into_iter().map(Some).collect(),
            scopes: Arc::new(self.scopes),
            by_name: HashMap::new(),
            workloads: Vec::new(),
        };
        snapshot.index();
        snapshot
    }
}

impl Snapshot {
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

    /// A new snapshot with the changes made. Objects that do not change are shared with this
    /// one; ids of objects that stay are the same in both.
    #[must_use]
    pub fn apply(&self, changes: Vec<Change>) -> Snapshot {
        let mut next = self.clone();
        for change in changes {
            match change {
                Change::Put(object) => {
                    let key = (object.scope, object.reference.clone());
                    let object = Some(Arc::from(object));
                    if let Some(id) = next.by_name.get(&key) {
                        if let Some(slot) = next.objects.get_mut(id.0 as usize) {
                            *slot = object;
                        }
                    } else {
                        let id = u32::try_from(next.objects.len()).unwrap_or(u32::MAX);
                        next.by_name.insert(key, ObjectId(id));
                        next.objects.push(object);
                    }
                }
                Change::Remove(scope, reference) => {
                    if let Some(id) = next.by_name.remove(&(scope, reference))
                        && let Some(slot) = next.objects.get_mut(id.0 as usize)
                    {
                        *slot = None;
                    }
                }
            }
        }
        next.index();
        next
    }

    /// The objects whose verdicts can move when an object changes: the object itself, the
    /// members of its workload, and for namespace-wide kinds everything in the namespace.
    pub fn dependents(&self, id: ObjectId) -> Vec<ObjectId> {
        let Some(changed) = self.get(id) else {
            return Vec::new();
        };
        let kind = &*changed.reference.kind;
        let mut dependents = match kind {
            "Namespace" => self.in_namespace(changed.scope, &changed.reference.name),
            "ServiceAccount" | "NetworkPolicy" | "LimitRange" | "ResourceQuota" => {
                self.in_namespace(changed.scope, changed.namespace())
            }
            _ => self
                .workloads
                .iter()
                .find(|workload| workload.members.contains(&id))
                .map(|workload| workload.members.clone())
                .unwrap_or_default(),
        };
        if !dependents.contains(&id) {
            dependents.push(id);
        }
        dependents.sort_unstable();
        dependents
    }

    fn in_namespace(&self, scope: ScopeId, namespace: &str) -> Vec<ObjectId> {
        self.objects()
            .filter(|(_, o)| {
                (o.scope == scope || scope == ScopeId::PLAIN) && o.namespace() == namespace
            })
            .map(|(id, _)| id)
            .collect()
    }

    fn index(&mut self) {
        let mut by_name = HashMap::new();
        for (id, object) in self.objects() {
            // The first of two with one name wins.
            by_name
                .entry((object.scope, object.reference.clone()))
                .or_insert(id);
        }
        self.by_name = by_name;
        self.workloads = self.resolve();
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
            .map(|((scope, owner), mut members)| {
                members.sort_by_key(|id| {
                    self.get(*id)
                        .map(|object| (object.reference != owner, object.reference.clone(), *id))
                });
                Workload {
                    owner,
                    scope,
                    members,
                }
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
