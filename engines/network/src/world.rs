//! The cluster as the network sees it: namespaces with their labels, and endpoints: pods
//! that are alike.
//!
//! A snapshot of files may hold several renderings of one thing (two overlays of one base).
//! They can't all be applied to one cluster, so of objects with one name one counts: that of
//! the rendering which says most about the network, for which the thing was adapted to it; else
//! the first ([`World::variants`] says how many were left aside). A namespace that several make
//! has the labels of all. Everything else is one cluster, however many charts and overlays it
//! came from.

use crate::reach::{Ports, Protocol};
use seawall_model::{ResourceRef, Str};
use seawall_snapshot::pod::{EnvSource, Port, SecurityContext};
use seawall_snapshot::{Field, Object, PodTemplate, ScopeId, Snapshot, Workload};
use std::collections::{BTreeMap, HashMap};

/// Place of a namespace in [`World::namespaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(pub u32);

/// Place of an endpoint in [`World::endpoints`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub u32);

/// A namespace that something lives in.
#[derive(Debug)]
pub struct Namespace<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its labels with `kubernetes.io/metadata.name`, sorted by key.
    pub labels: Vec<(Str, Str)>,
    /// The object, if it is in the picture. If not, labels other than its name are unknown.
    pub object: Option<&'s Object>,
}

/// Pods of one workload that are alike: the same labels, account, ports and settings.
#[derive(Debug)]
pub struct Endpoint<'s> {
    /// The workload.
    pub workload: &'s Workload,
    /// The object that the template stands in: the workload's owner, or one of its pods.
    pub object: &'s Object,
    /// What the pods are like.
    pub template: &'s PodTemplate,
    /// Where they live.
    pub namespace: NamespaceId,
}

impl<'s> Endpoint<'s> {
    /// Whether the pods are in their node's network: no network policy holds them, and they
    /// come from the node's address.
    pub fn is_host_network(&self) -> bool {
        self.template
            .host_network
            .as_ref()
            .is_some_and(|field| field.value)
    }

    /// The value of a label of the pods.
    pub fn label(&self, key: &str) -> Option<&'s str> {
        let labels = &self.template.labels;
        let index = labels
            .binary_search_by(|(name, _)| (**name).cmp(key))
            .ok()?;
        labels.get(index).map(|(_, value)| &**value)
    }

    /// An annotation of the pods.
    pub fn annotation(&self, key: &str) -> Option<&'s Field<Str>> {
        let mut all = self.template.annotations.iter();
        all.find(|(name, _)| &**name == key).map(|(_, field)| field)
    }

    /// The ports that its containers declare, by protocol. Pods listen on others, too.
    pub fn declared_ports(&self) -> Vec<(Protocol, u16)> {
        let ports = self.template.containers.iter().flat_map(|c| &c.ports);
        let mut ports: Vec<(Protocol, u16)> = ports.filter_map(number_of).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// The ports that the pods may listen on: those that are declared, or all where none is.
    pub fn listening(&self) -> Ports {
        let declared = self.declared_ports().into_iter();
        let each: Vec<Ports> = declared
            .map(|(protocol, port)| Ports::one(protocol, port))
            .collect();
        if each.is_empty() {
            return Ports::all();
        }
        Ports::union(&each)
    }

    /// The declared ports that have a name, by name.
    pub(crate) fn named_ports(&self) -> HashMap<Str, Vec<(Protocol, u16)>> {
        let mut names: HashMap<Str, Vec<(Protocol, u16)>> = HashMap::new();
        for port in self.template.containers.iter().flat_map(|c| &c.ports) {
            if let (Some(name), Some(number)) = (&port.name, number_of(port)) {
                names.entry(name.clone()).or_default().push(number);
            }
        }
        names
    }
}

impl Namespace<'_> {
    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        let labels = &self.labels;
        let index = labels
            .binary_search_by(|(name, _)| (**name).cmp(key))
            .ok()?;
        labels.get(index).map(|(_, value)| &**value)
    }
}

/// A declared port, if it is one.
pub(crate) fn number_of(port: &Port) -> Option<(Protocol, u16)> {
    let number = port.container_port.as_ref()?.value;
    let protocol = port
        .protocol
        .as_deref()
        .map_or(Some(Protocol::Tcp), Protocol::named)?;
    let number = u16::try_from(number).ok().filter(|number| *number > 0)?;
    Some((protocol, number))
}

/// The cluster.
#[derive(Debug)]
pub struct World<'s> {
    /// By name.
    pub namespaces: Vec<Namespace<'s>>,
    /// By workload.
    pub endpoints: Vec<Endpoint<'s>>,
    /// The objects that count, by group and kind, in the order of the snapshot.
    by_kind: HashMap<&'s str, HashMap<&'s str, Vec<&'s Object>>>,
    /// How many objects were left aside because one of the same name counts already.
    pub variants: usize,
}

impl<'s> World<'s> {
    /// Reads the world off a snapshot.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        let mut world = Self {
            namespaces: Vec::new(),
            endpoints: Vec::new(),
            by_kind: HashMap::new(),
            variants: 0,
        };
        let weights = weights(snapshot);
        world.choose(snapshot, &weights);
        let workloads = chosen_workloads(snapshot, &weights);
        world.name_spaces(snapshot, &workloads);
        for workload in workloads {
            world.add_endpoints(snapshot, workload);
        }
        world
    }

    /// The objects of a kind that count.
    pub fn of_kind(&self, group: &str, kind: &str) -> &[&'s Object] {
        let kinds = self.by_kind.get(group);
        let objects = kinds.and_then(|kinds| kinds.get(kind));
        objects.map_or(&[], Vec::as_slice)
    }

    /// Whether the objects of all kinds but some are those of another world.
    pub(crate) fn is_same_but(&self, other: &World<'_>, differs: fn(&str, &str) -> bool) -> bool {
        let holds = |one: &World<'_>, other: &World<'_>| {
            one.by_kind.iter().all(|(group, kinds)| {
                let mut kinds = kinds.iter().filter(|(kind, _)| !differs(group, kind));
                kinds.all(|(kind, objects)| {
                    let others = other.of_kind(group, kind);
                    let mut both = objects.iter().zip(others);
                    objects.len() == others.len() && both.all(|(a, b)| std::ptr::eq(*a, *b))
                })
            })
        };
        holds(self, other) && holds(other, self)
    }

    /// Whether there is an object of a group.
    pub fn has_group(&self, group: &str) -> bool {
        self.by_kind.contains_key(group)
    }

    /// Whether a namespace has objects of groups that are neither Kubernetes' own nor a
    /// mesh's: their controllers may make pods that are not in the picture.
    pub fn has_custom_objects(&self, namespace: &str) -> bool {
        let known = |group: &str| {
            !group.contains('.')
                || [
                    ".k8s.io",
                    ".istio.io",
                    "linkerd.io",
                    "cilium.io",
                    "consul.hashicorp.com",
                    "kuma.io",
                ]
                .iter()
                .any(|end| group.ends_with(end))
        };
        let custom = self.by_kind.iter().filter(|(group, _)| !known(group));
        let mut objects = custom.flat_map(|(_, kinds)| kinds.values()).flatten();
        objects.any(|object| object.namespace() == namespace)
    }

    /// The endpoints with their ids.
    pub fn endpoint_ids(&self) -> impl Iterator<Item = (EndpointId, &Endpoint<'s>)> {
        let ids = (0_u32..).map(EndpointId);
        ids.zip(&self.endpoints)
    }

    /// A namespace by name, if something lives in it.
    pub fn namespace(&self, name: &str) -> Option<NamespaceId> {
        let index = self
            .namespaces
            .binary_search_by(|namespace| namespace.name.cmp(name))
            .ok()?;
        u32::try_from(index).ok().map(NamespaceId)
    }

    /// The namespace of an id of this world.
    pub fn namespace_at(&self, id: NamespaceId) -> Option<&Namespace<'s>> {
        self.namespaces.get(id.0 as usize)
    }

    /// The endpoint of an id of this world.
    pub fn endpoint_at(&self, id: EndpointId) -> Option<&Endpoint<'s>> {
        self.endpoints.get(id.0 as usize)
    }

    fn choose(&mut self, snapshot: &'s Snapshot, weights: &HashMap<ScopeId, usize>) {
        let mut best: HashMap<Key<'_>, &Object> = HashMap::new();
        for (_, object) in snapshot.objects() {
            let known = best.entry(key(&object.reference)).or_insert(object);
            if weights.get(&object.scope) > weights.get(&known.scope) {
                *known = object;
            }
        }
        for (_, object) in snapshot.objects() {
            let reference = &object.reference;
            if !best
                .get(&key(reference))
                .is_some_and(|best| std::ptr::eq(*best, object))
            {
                self.variants += 1;
                continue;
            }
            let kinds = self.by_kind.entry(&reference.group).or_default();
            kinds.entry(&reference.kind).or_default().push(object);
        }
    }

    fn name_spaces(&mut self, snapshot: &'s Snapshot, workloads: &[&'s Workload]) {
        let objects: BTreeMap<&str, &'s Object> = self
            .of_kind("", "Namespace")
            .iter()
            .map(|object| (&*object.reference.name, *object))
            .collect();
        let mut names: Vec<&'s str> = objects.values().map(|o| &*o.reference.name).collect();
        names.extend(workloads.iter().map(|workload| name_of(&workload.owner)));
        for objects in self.by_kind.values().flat_map(HashMap::values) {
            let named = objects.iter().filter(|o| o.reference.namespace.is_some());
            names.extend(named.map(|object| object.namespace()));
        }
        names.sort_unstable();
        names.dedup();
        let mut variants: HashMap<&str, Vec<&Object>> = HashMap::new();
        for (_, object) in snapshot.of_kind("", "Namespace") {
            variants
                .entry(&object.reference.name)
                .or_default()
                .push(object);
        }
        self.namespaces = names
            .into_iter()
            .map(|name| {
                let object = objects.get(name).copied();
                let others = variants.get(name).map_or(&[][..], Vec::as_slice);
                let labels = labels_of(name, object.into_iter().chain(others.iter().copied()));
                Namespace {
                    name,
                    labels,
                    object,
                }
            })
            .collect();
    }

    fn add_endpoints(&mut self, snapshot: &'s Snapshot, workload: &'s Workload) {
        let Some(namespace) = self.namespace(name_of(&workload.owner)) else {
            return;
        };
        // Pods are what runs; a template only says what would.
        let all: Vec<(&Object, &PodTemplate)> = snapshot.templates(workload).collect();
        let is_pod = |object: &Object| {
            object.reference.kind.as_ref() == "Pod" && object.reference.group.is_empty()
        };
        let has_pods = all.iter().any(|(object, _)| is_pod(object));
        let mut kept: Vec<(&Object, &PodTemplate)> = Vec::new();
        for (object, template) in all {
            let counts = if has_pods {
                is_pod(object)
            } else {
                // Without pods the owner speaks for its ReplicaSets and Jobs.
                kept.iter().all(|(first, _)| std::ptr::eq(*first, object))
            };
            if counts && !kept.iter().any(|(_, known)| are_alike(known, template)) {
                kept.push((object, template));
            }
        }
        for (object, template) in kept {
            self.endpoints.push(Endpoint {
                workload,
                object,
                template,
                namespace,
            });
        }
    }
}

/// Of workloads with one name the one that counts.
fn chosen_workloads<'s>(
    snapshot: &'s Snapshot,
    weights: &HashMap<ScopeId, usize>,
) -> Vec<&'s Workload> {
    let mut best: HashMap<Key<'_>, &Workload> = HashMap::new();
    for workload in snapshot.workloads() {
        let known = best.entry(key(&workload.owner)).or_insert(workload);
        if weights.get(&workload.scope) > weights.get(&known.scope) {
            *known = workload;
        }
    }
    let is_best = |workload: &&Workload| {
        let best = best.get(&key(&workload.owner));
        best.is_some_and(|best| std::ptr::eq(*best, *workload))
    };
    snapshot.workloads().iter().filter(is_best).collect()
}

/// What an object is called in a cluster. What names no namespace is in the default one, as far
/// as this engine goes.
type Key<'o> = (&'o str, &'o str, &'o str, &'o str);

fn key(reference: &ResourceRef) -> Key<'_> {
    let namespace = reference.namespace.as_deref().unwrap_or("default");
    (
        &reference.group,
        &reference.kind,
        namespace,
        &reference.name,
    )
}

/// How much each rendering says about the network.
fn weights(snapshot: &Snapshot) -> HashMap<ScopeId, usize> {
    let mut weights: HashMap<ScopeId, usize> = HashMap::new();
    for (_, object) in snapshot.objects() {
        let kind = (&*object.reference.group, &*object.reference.kind);
        let is_about_network = matches!(
            kind,
            ("networking.k8s.io" | "extensions", "NetworkPolicy")
                | (
                    "cilium.io"
                        | "policy.networking.k8s.io"
                        | "policy.linkerd.io"
                        | "security.istio.io"
                        | "networking.istio.io"
                        | "consul.hashicorp.com"
                        | "kuma.io",
                    _
                )
        );
        *weights.entry(object.scope).or_insert(0) += usize::from(is_about_network);
    }
    weights
}

fn name_of(owner: &ResourceRef) -> &str {
    owner.namespace.as_deref().unwrap_or("default")
}

/// The API server labels every namespace with its name.
fn labels_of<'o>(name: &str, objects: impl Iterator<Item = &'o Object>) -> Vec<(Str, Str)> {
    const NAME: &str = "kubernetes.io/metadata.name";
    let mut labels: BTreeMap<Str, Str> = BTreeMap::new();
    for (key, value) in objects.flat_map(|object| &object.labels) {
        labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    labels.insert(Str::from(NAME), Str::from(name));
    labels.into_iter().collect()
}

/// Labels that the controllers of workloads write, one value per revision or pod.
const PER_POD: [&str; 5] = [
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "pod-template-generation",
];

/// Whether the network looks at objects like this one at all.
pub fn looks_at(object: &Object) -> bool {
    // The Secrets that name the other clusters of a mesh.
    if object.label("istio/multiCluster").is_some() {
        return true;
    }
    let kind = (&*object.reference.group, &*object.reference.kind);
    kind == ("", "Secret") && is_of_mesh(object)
        || !matches!(
            kind,
            (
                "",
                "LimitRange"
                    | "PersistentVolumeClaim"
                    | "ResourceQuota"
                    | "Secret"
                    | "ServiceAccount"
            ) | ("autoscaling", "HorizontalPodAutoscaler")
                | ("policy", "PodDisruptionBudget")
                | ("rbac.authorization.k8s.io", _)
        )
}

/// Whether a Secret is one that a mesh's control plane keeps. Only its name and labels count.
pub(crate) fn is_of_mesh(secret: &Object) -> bool {
    matches!(&*secret.reference.name, SELF_SIGNED | PLUGGED_IN)
        || secret.label(REMOTE_CLUSTER) == Some("true")
}

/// The Secret with the root that istiod made for itself.
pub(crate) const SELF_SIGNED: &str = "istio-ca-secret";
/// The Secret with the CA that istiod was given.
pub(crate) const PLUGGED_IN: &str = "cacerts";
/// The label of Secrets by which istiod knows other clusters.
pub(crate) const REMOTE_CLUSTER: &str = "istio/multiCluster";

/// Whether two states of one object are the same to the network. Of workloads their pods are
/// compared; of everything else only what is equal for certain.
pub fn are_same(before: &Object, after: &Object) -> bool {
    let (one, other) = (before.templates(), after.templates());
    let is_workload = !one.is_empty() && one.len() == other.len();
    is_workload
        && before.labels == after.labels
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| are_alike(one, other) && run_the_same(one, other))
}

/// Whether the containers of two pods run the same programs as the same users: some rules look
/// at those of meshes and plugins.
fn run_the_same(one: &PodTemplate, other: &PodTemplate) -> bool {
    type User = (Option<i64>, Option<i64>);
    /// Name, image, words of the command, variables with literal values, and user.
    type Program<'p> = (
        &'p Str,
        Option<&'p Str>,
        Vec<&'p Str>,
        Vec<(&'p Str, Option<&'p Str>)>,
        User,
    );
    fn user(context: &SecurityContext) -> User {
        let number = |field: &Option<Field<i64>>| field.as_ref().map(|field| field.value);
        (number(&context.run_as_user), number(&context.run_as_group))
    }
    fn programs(template: &PodTemplate) -> impl Iterator<Item = Program<'_>> {
        template.containers.iter().map(|container| {
            let image = container.image.as_ref().map(|image| &image.value);
            let words = container.command.iter().chain(&container.args);
            let words = words.map(|word| &word.value).collect();
            let variables = container.env.iter().map(|variable| match &variable.source {
                EnvSource::Literal(field) => (&variable.name, Some(&field.value)),
                _ => (&variable.name, None),
            });
            let user = user(&container.security_context);
            (&container.name, image, words, variables.collect(), user)
        })
    }
    user(&one.security_context) == user(&other.security_context)
        && programs(one).eq(programs(other))
}

/// Whether two pods of one workload are the same to the network.
fn are_alike(one: &PodTemplate, other: &PodTemplate) -> bool {
    fn labels(template: &PodTemplate) -> impl Iterator<Item = &(Str, Str)> {
        let all = template.labels.iter();
        all.filter(|(key, _)| !PER_POD.contains(&&**key))
    }
    fn annotations(template: &PodTemplate) -> impl Iterator<Item = (&Str, &Str)> {
        let all = template.annotations.iter();
        all.map(|(key, field)| (key, &field.value))
    }
    fn ports(
        template: &PodTemplate,
    ) -> impl Iterator<Item = (&Option<Str>, Option<i64>, &Option<Str>)> {
        let all = template.containers.iter().flat_map(|c| &c.ports);
        all.map(|port| {
            let number = port.container_port.as_ref().map(|field| field.value);
            (&port.name, number, &port.protocol)
        })
    }
    one.service_account() == other.service_account()
        && one.host_network.as_ref().map(|f| f.value)
            == other.host_network.as_ref().map(|f| f.value)
        && one.containers.len() == other.containers.len()
        && labels(one).eq(labels(other))
        && ports(one).eq(ports(other))
        && annotations(one).eq(annotations(other))
}
