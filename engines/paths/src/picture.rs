//! What attack rules are about, numbered: workloads, identities, Secrets, namespaces, nodes, and
//! the places in the input that prove something.
//!
//! The picture is read once; the rules then work on numbers. What another engine knows
//! (who is bound to what, what is exposed, what admission lets in) comes from its facts and
//! answers.

use crate::acts::{Act, Write};
use crate::graph::Place;
use crate::operators::{self, Custom};
use crate::spot::{IdentityId, NameId, NamespaceId, NodeId, PlaceId, Scope, SecretId, WorkloadId};
use crate::{Config, Facts};
use seawall_model::access::{Action, Bound, Granted, Identity, PermissionSet};
use seawall_model::fact::PodShape;
use seawall_model::reachability::Caller;
use seawall_model::{ResourceRef, Str};
use seawall_snapshot::{Container, ContainerKind, Object, PodTemplate, Snapshot};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

/// Things of one kind by number.
#[derive(Debug)]
pub(crate) struct Table<T> {
    all: Vec<T>,
    by_value: HashMap<T, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            by_value: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    /// The number of a thing, a new one if need be.
    pub(crate) fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.by_value.get(value) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(value.clone());
        self.by_value.insert(value.clone(), number);
        number
    }

    /// The number of a thing that is known.
    pub(crate) fn find(&self, value: &T) -> Option<u32> {
        self.by_value.get(value).copied()
    }

    /// The thing of a number.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.all.get(number as usize)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.all)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// A workload: pods that are alike.
#[derive(Debug)]
pub(crate) struct Workload<'s> {
    /// Its top owner.
    pub(crate) owner: &'s ResourceRef,
    /// Its namespace.
    pub(crate) namespace: NamespaceId,
    /// The service account that its pods run as.
    pub(crate) account: IdentityId,
    /// The object and the template that say so.
    pub(crate) object: &'s Object,
    /// Of several templates the one of the top owner.
    pub(crate) template: &'s PodTemplate,
    /// Pods of it that somebody added debug containers to.
    pub(crate) debugged: Vec<(&'s Object, &'s PodTemplate)>,
    /// Nodes that its pods are on, as far as anybody saw.
    pub(crate) nodes: Vec<NodeId>,
    /// Whether every node has one.
    pub(crate) is_everywhere: bool,
}

/// Everything that rules are about.
#[derive(Debug)]
pub(crate) struct Picture<'s> {
    pub(crate) snapshot: &'s Snapshot,
    /// The minor version of Kubernetes.
    pub(crate) version: u16,
    pub(crate) facts: &'s [seawall_model::Fact],
    pub(crate) namespaces: Table<Str>,
    pub(crate) workloads: Vec<Workload<'s>>,
    by_owner: HashMap<&'s ResourceRef, WorkloadId>,
    pub(crate) identities: Table<Identity>,
    /// By namespace and name.
    pub(crate) secrets: Table<(NamespaceId, Str)>,
    /// By name; the first, without one, stands for those that nobody saw.
    pub(crate) nodes: Table<Str>,
    /// Names in rules of roles; the first stands for all.
    pub(crate) names: Table<Str>,
    pub(crate) sets: &'s [PermissionSet],
    pub(crate) bindings: &'s [Bound],
    /// Rules that give a right, with the right.
    pub(crate) grants: Vec<(Act, Granted)>,
    pub(crate) places: Vec<Place>,
    /// Names of things beyond the cluster.
    pub(crate) beyond: Table<Str>,
    /// Workloads that matter most.
    pub(crate) jewels: BTreeSet<WorkloadId>,
    /// Workloads that it matters to reach over the network.
    pub(crate) worth: BTreeSet<WorkloadId>,
    /// Connections to those.
    pub(crate) callers: Vec<(Caller, WorkloadId)>,
    /// The labels of namespaces that were seen.
    pub(crate) labels: HashMap<NamespaceId, &'s [(Str, Str)]>,
    /// Service accounts that only bindings and pods know of.
    pub(crate) missing: HashSet<IdentityId>,
    /// Custom resources whose controllers act on them.
    pub(crate) customs: Vec<Custom>,
    /// Workloads whose pods get to a port of the nodes, where that matters.
    pub(crate) inside: Vec<(WorkloadId, u16)>,
    /// Groups that have rights without a binding.
    pub(crate) open_groups: Vec<u32>,
    /// Credentials that lie where everybody reads them.
    pub(crate) leaks: Vec<Leak>,
}

/// A credential that lies where everybody reads it.
#[derive(Debug)]
pub(crate) struct Leak {
    /// Whose it is.
    pub(crate) identity: IdentityId,
    /// In words.
    pub(crate) name: String,
}

impl<'s> Workload<'s> {
    /// The containers that run: init containers have ended, but for sidecars.
    pub(crate) fn running(
        &self,
    ) -> impl Iterator<Item = (&'s Object, &'s PodTemplate, &'s Container)> {
        let own = (self.object, self.template);
        let own = std::iter::once(own).flat_map(|(object, template)| {
            let containers = template.containers.iter().filter(|one| runs_on(one));
            containers.map(move |container| (object, template, container))
        });
        let debugging = self.debugged.clone().into_iter();
        own.chain(debugging.flat_map(|(object, template)| {
            let containers = template.containers.iter();
            let added = containers.filter(|one| one.kind == ContainerKind::Ephemeral);
            added.map(move |container| (object, template, container))
        }))
    }
}

/// Whether a container runs as long as its pod does.
pub(crate) fn runs_on(container: &Container) -> bool {
    let policy = container.restart_policy.as_ref();
    container.kind != ContainerKind::Init || policy.is_some_and(|it| &*it.value == "Always")
}

impl<'s> Picture<'s> {
    /// Reads a snapshot and what other engines know of it.
    pub(crate) fn new(snapshot: &'s Snapshot, facts: &Facts<'s>, config: &Config) -> Self {
        let mut picture = Self {
            snapshot,
            version: config.kubernetes_version.minor,
            facts: facts.facts,
            namespaces: Table::default(),
            workloads: Vec::new(),
            by_owner: HashMap::new(),
            identities: Table::default(),
            secrets: Table::default(),
            nodes: Table::default(),
            names: Table::default(),
            sets: facts.permissions.sets(),
            bindings: facts.permissions.bindings(),
            grants: Vec::new(),
            places: Vec::new(),
            beyond: Table::default(),
            jewels: BTreeSet::new(),
            worth: BTreeSet::new(),
            callers: Vec::new(),
            labels: HashMap::new(),
            missing: HashSet::new(),
            customs: operators::customs(snapshot),
            inside: Vec::new(),
            open_groups: Vec::new(),
            leaks: Vec::new(),
        };
        picture.names.number(&Str::from(""));
        picture.nodes.number(&Str::from(""));
        picture.read_objects();
        picture.read_workloads();
        picture.read_rights(facts);
        picture.missing = picture.missing_accounts();
        picture
    }

    fn read_objects(&mut self) {
        for (_, object) in self.snapshot.objects() {
            let reference = &object.reference;
            match (&*reference.group, &*reference.kind) {
                ("", "Namespace") => {
                    let id = self.namespace(&reference.name);
                    self.labels.entry(id).or_insert(&object.labels);
                }
                ("", "Node") => {
                    self.nodes.number(&reference.name);
                }
                ("", "Secret") => {
                    let namespace = self.namespace(object.namespace());
                    self.secrets.number(&(namespace, reference.name.clone()));
                }
                ("", "ServiceAccount") => {
                    let name = reference.name.clone();
                    self.account(object.namespace(), name);
                }
                _ => {}
            }
        }
    }

    fn read_workloads(&mut self) {
        let snapshot = self.snapshot;
        for workload in snapshot.workloads() {
            let mut templates = snapshot.templates(workload);
            let Some((object, template)) = templates.next() else {
                continue;
            };
            let others: Vec<(&Object, &PodTemplate)> = templates.collect();
            let mut nodes: Vec<NodeId> = std::iter::once(&(object, template))
                .chain(&others)
                .filter_map(|(_, template)| template.node_name.as_ref())
                .map(|name| NodeId(self.nodes.number(&name.value)))
                .collect();
            let is_debugged = |(_, template): &(&Object, &PodTemplate)| {
                let mut containers = template.containers.iter();
                containers.any(|container| container.kind == ContainerKind::Ephemeral)
            };
            nodes.sort_unstable();
            nodes.dedup();
            let owner = &workload.owner;
            // Of several renderings the first counts.
            if let Some(known) = self.by_owner.get(owner) {
                if let Some(known) = self.workloads.get_mut(known.index()) {
                    known.nodes.extend(nodes);
                }
                continue;
            }
            let namespace = self.namespace(object.namespace());
            let account = self.account(object.namespace(), template.service_account().into());
            let id = WorkloadId(u32::try_from(self.workloads.len()).unwrap_or(u32::MAX));
            self.by_owner.insert(owner, id);
            self.workloads.push(Workload {
                owner,
                namespace,
                account,
                object,
                template,
                debugged: others.into_iter().filter(is_debugged).collect(),
                nodes,
                is_everywhere: &*owner.kind == "DaemonSet",
            });
        }
    }

    fn read_rights(&mut self, facts: &Facts<'_>) {
        for bound in facts.permissions.bindings() {
            if let Identity::ServiceAccount { namespace, .. } = &bound.subject {
                self.namespaces.number(namespace);
            }
            self.identities.number(&bound.subject);
        }
        for set in facts.permissions.sets() {
            if let Some(namespace) = &set.namespace {
                self.namespaces.number(namespace);
            }
        }
        for act in Act::ALL {
            if let Some(action) = act.action() {
                self.read_right(facts, *act, &action);
            }
        }
        for (number, custom) in (0..).zip(self.customs.clone()) {
            for write in Write::ALL {
                self.read_right(facts, Act::Custom(write, number), &custom.action(write));
            }
        }
    }

    fn read_right(&mut self, facts: &Facts<'_>, act: Act, action: &Action<'_>) {
        for grant in facts.permissions.granted(action) {
            for name in grant.names.iter() {
                self.names.number(name);
            }
            self.grants.push((act, grant));
        }
    }

    /// A right as rules of roles say it.
    pub(crate) fn action(&self, act: Act) -> Action<'_> {
        let custom = match act {
            Act::Custom(write, number) => {
                let custom = self.customs.get(usize::from(number));
                custom.map(|custom| custom.action(write))
            }
            _ => act.action(),
        };
        custom.unwrap_or(Action {
            verb: "",
            group: "",
            resource: "",
            subresource: "",
        })
    }

    /// Whether the objects of a right are in namespaces.
    pub(crate) fn is_namespaced(&self, act: Act) -> bool {
        match act {
            Act::Custom(_, number) => {
                let custom = self.customs.get(usize::from(number));
                custom.is_some_and(|custom| custom.is_namespaced)
            }
            _ => act.is_namespaced(),
        }
    }

    /// The number of a namespace.
    pub(crate) fn namespace(&mut self, name: &str) -> NamespaceId {
        NamespaceId(self.namespaces.number(&Str::from(name)))
    }

    /// The number of a service account.
    pub(crate) fn account(&mut self, namespace: &str, name: Str) -> IdentityId {
        self.namespace(namespace);
        let namespace = Str::from(namespace);
        let account = Identity::ServiceAccount { namespace, name };
        IdentityId(self.identities.number(&account))
    }

    /// The number of a node's own identity; all that nobody saw are one.
    pub(crate) fn node_identity(&mut self, node: NodeId) -> IdentityId {
        let name = self.nodes.get(node.0).filter(|name| !name.is_empty());
        let name = format!("system:node:{}", name.map_or("*", |name| name));
        IdentityId(self.identities.number(&Identity::User(name.into())))
    }

    /// The number of a Secret.
    pub(crate) fn secret(&mut self, namespace: NamespaceId, name: &Str) -> SecretId {
        SecretId(self.secrets.number(&(namespace, name.clone())))
    }

    /// Notes a piece of the input that proves something.
    pub(crate) fn place(&mut self, place: Place) -> PlaceId {
        self.places.push(place);
        PlaceId(u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX))
    }

    /// A workload by its owner.
    pub(crate) fn workload(&self, owner: &ResourceRef) -> Option<WorkloadId> {
        self.by_owner.get(owner).copied()
    }

    /// All workloads with their numbers.
    pub(crate) fn workload_ids(&self) -> impl Iterator<Item = (WorkloadId, &Workload<'s>)> {
        (0..).map(WorkloadId).zip(&self.workloads)
    }

    /// Where a set of permissions counts.
    pub(crate) fn scope_of(&self, set: &PermissionSet) -> Scope {
        let namespace = set.namespace.as_ref();
        let number = namespace.and_then(|namespace| self.namespaces.find(namespace));
        number.map_or(Scope::All, |number| Scope::In(NamespaceId(number)))
    }

    /// The names that a rule is for.
    pub(crate) fn names_of(&self, granted: &Granted) -> Vec<NameId> {
        if granted.names.is_empty() {
            return vec![NameId::ANY];
        }
        let names = granted.names.iter();
        names
            .filter_map(|name| self.names.find(name))
            .map(NameId)
            .collect()
    }

    /// Whether it matters to reach a workload over the network.
    pub(crate) fn is_worth_reaching(&self, id: WorkloadId) -> bool {
        self.worth.contains(&id)
    }

    /// Marks the workloads that somebody says matter most, in the settings or by an annotation.
    pub(crate) fn mark_jewels(&mut self, config: &Config) {
        let is_jewel = |workload: &Workload<'_>| {
            let marked = workload.object.annotation(JEWEL);
            marked.is_some_and(|field| &*field.value == "true")
                || config
                    .jewels
                    .iter()
                    .any(|word| self.is_meant(word, workload))
        };
        let jewels = self
            .workload_ids()
            .filter(|(_, workload)| is_jewel(workload));
        self.jewels = jewels.map(|(id, _)| id).collect();
        self.worth.extend(&self.jewels);
    }

    /// Whether a word means a workload: `namespace/name`, `namespace/` or `label=value`.
    pub(crate) fn is_meant(&self, word: &str, workload: &Workload<'_>) -> bool {
        if let Some((key, value)) = word.split_once('=') {
            let mut labels = workload.template.labels.iter();
            return labels.any(|(k, v)| **k == *key.trim() && **v == *value.trim());
        }
        let Some((namespace, name)) = word.split_once('/') else {
            return &*workload.owner.name == word;
        };
        let own = self.namespaces.get(workload.namespace.0);
        own.is_some_and(|own| &**own == namespace)
            && (name.is_empty() || &*workload.owner.name == name)
    }

    /// Each workload with each node that its pods are on; of those that nobody saw on a node,
    /// the one that stands for all.
    pub(crate) fn on_nodes(&self) -> Vec<(WorkloadId, NodeId)> {
        let mut all = Vec::new();
        for (id, workload) in self.workload_ids() {
            if workload.nodes.is_empty() {
                all.push((id, NodeId(0)));
            }
            all.extend(workload.nodes.iter().map(|node| (id, *node)));
        }
        all
    }

    /// Where a namespace is, as far as it decides which pods it lets in.
    pub(crate) fn namespace_place(&mut self, id: NamespaceId, shape: PodShape) -> Option<PlaceId> {
        let name = self.namespaces.get(id.0)?;
        let mut objects = self.snapshot.of_kind("", "Namespace");
        let (_, object) = objects.find(|(_, object)| object.reference.name == *name)?;
        let place = Place {
            note: format!("namespace {name} lets in a pod like this: {}", shape.name()).into(),
            object: object.reference.clone(),
            span: object.name_span,
            mend: None,
        };
        Some(self.place(place))
    }
}

/// The annotation of workloads that matter most.
const JEWEL: &str = "seawall.dev/crown-jewel";
