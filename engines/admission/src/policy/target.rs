//! What policies are asked about: every object of the picture, and the pods that workloads
//! are going to make.

use super::constraint::Subject;
use super::defaults;
use super::resources::Resources;
use crate::cel::{Asked, Opaque, Value};
use seawall_model::access::{AccessSubject, AccessTarget};
use seawall_model::{ResourceRef, Span, Str};
use seawall_snapshot::{Object, ScopeId, Snapshot};
use seawall_yaml::{Map, Node};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A namespace of the picture.
#[derive(Debug)]
pub(super) struct Space {
    labels: Vec<(Str, Str)>,
    tree: Node,
}

/// One object that policies are asked about.
#[derive(Debug)]
pub(super) struct Target<'s> {
    pub(super) object: &'s Object,
    /// What a finding is about: the top owner for pods of a workload.
    pub(super) asset: &'s ResourceRef,
    /// JSON pointer of what is judged, within the object; empty for the object itself.
    pub(super) pointer: &'static str,
    tree: Arc<Node>,
    group: Str,
    version: Str,
    kind: Str,
    resource: String,
    is_namespaced: bool,
    /// Which of the kinds that there are, in the order in which they come.
    pub(super) kind_number: usize,
    labels: Vec<(Str, Str)>,
    space: Option<Arc<Space>>,
    roots: OnceLock<[Value; 6]>,
    seen: OnceLock<Node>,
}

/// Everything that policies are asked about, in the order of the picture. What a workload
/// makes comes after the workload.
pub(super) fn targets<'s>(snapshot: &'s Snapshot, resources: &Resources) -> Vec<Target<'s>> {
    let mut spaces: HashMap<(ScopeId, String), Option<Arc<Space>>> = HashMap::new();
    let mut owners: HashMap<seawall_snapshot::ObjectId, &'s ResourceRef> = HashMap::new();
    for workload in snapshot.workloads() {
        owners.extend(workload.members.iter().map(|id| (*id, &workload.owner)));
    }
    let mut targets = Vec::new();
    for (id, object) in snapshot.objects() {
        let Some(tree) = object.tree() else { continue };
        let (resource, is_namespaced) = resources.resource(object);
        let name = if is_namespaced {
            Some(object.namespace())
        } else if is_namespace(object) {
            Some(&*object.reference.name)
        } else {
            None
        };
        let space = name.and_then(|name| {
            spaces
                .entry((object.scope, name.to_owned()))
                .or_insert_with(|| space(snapshot, object.scope, name))
                .clone()
        });
        let asset = owners.get(&id).copied().unwrap_or(&object.reference);
        let itself = Target::itself(object, tree, resource, is_namespaced, space.clone());
        targets.push(Target { asset, ..itself });
        if let Some((pointer, pod)) = pods_of(object, tree) {
            let mut labels: Vec<(Str, Str)> = object
                .templates()
                .first()
                .map(|template| template.labels.clone())
                .unwrap_or_default();
            labels.sort_unstable();
            let pod = Arc::new(pod);
            targets.push(Target {
                asset,
                pointer,
                group: Str::from(""),
                version: Str::from("v1"),
                kind: Str::from("Pod"),
                labels,
                ..Target::itself(object, &pod, "pods".to_owned(), true, space)
            });
        }
    }
    number(&mut targets);
    targets
}

/// Numbers the kinds, so that what is the same for all objects of a kind is found out once.
fn number(targets: &mut [Target<'_>]) {
    let mut numbers: HashMap<(Str, Str, String, bool), usize> = HashMap::new();
    for target in targets {
        let kind = (
            target.group.clone(),
            target.version.clone(),
            target.resource.clone(),
            target.is_namespaced,
        );
        let next = numbers.len();
        target.kind_number = *numbers.entry(kind).or_insert(next);
    }
}

fn is_namespace(object: &Object) -> bool {
    object.reference.group.is_empty() && &*object.reference.kind == "Namespace"
}

/// A namespace that is in the picture, with the label that the API server gives each.
fn space(snapshot: &Snapshot, scope: ScopeId, name: &str) -> Option<Arc<Space>> {
    const NAME: &str = "kubernetes.io/metadata.name";
    let object = snapshot.namespace(scope, name)?;
    let mut labels = object.labels.clone();
    labels.retain(|(key, _)| &**key != NAME);
    labels.push((NAME.into(), name.into()));
    labels.sort_unstable();
    let mut tree = defaults::applied(object.tree()?, "", "Namespace", None);
    if let Some(metadata) = tree
        .as_map_mut()
        .and_then(|map| map.get_mut("metadata"))
        .and_then(Node::as_map_mut)
    {
        let mut all = metadata
            .get("labels")
            .and_then(Node::as_map)
            .cloned()
            .unwrap_or_default();
        all.insert(NAME, Span::NONE, Node::string(name, Span::NONE));
        metadata.insert("labels", Span::NONE, Node::map(all, Span::NONE));
    }
    Some(Arc::new(Space { labels, tree }))
}

/// The pod that a built-in workload makes, and where its template is.
fn pods_of(object: &Object, tree: &Node) -> Option<(&'static str, Node)> {
    let (path, pointer): (&[&str], _) = match (&*object.reference.group, &*object.reference.kind) {
        ("apps" | "extensions", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("", "ReplicationController")
        | ("batch", "Job") => (&["spec", "template"], "/spec/template"),
        ("batch", "CronJob") => (
            &["spec", "jobTemplate", "spec", "template"],
            "/spec/jobTemplate/spec/template",
        ),
        _ => return None,
    };
    let template = tree.at(path)?;
    let span = template.span;
    let mut metadata = template
        .get("metadata")
        .and_then(Node::as_map)
        .cloned()
        .unwrap_or_default();
    let name = &object.reference.name;
    // The controller gives a name; which, nobody knows before.
    metadata.insert("name", span, Node::string(format!("{name}-00000"), span));
    metadata.insert("generateName", span, Node::string(format!("{name}-"), span));
    metadata.insert("namespace", span, Node::string(object.namespace(), span));
    let mut owner = Map::default();
    for (key, value) in [
        ("apiVersion", &*object.api_version.value),
        ("kind", &*object.reference.kind),
        ("name", name),
    ] {
        owner.insert(key, span, Node::string(value, span));
    }
    owner.insert(
        "controller",
        span,
        Node::new(seawall_yaml::Value::Bool(true), span),
    );
    let owners = Node::seq(vec![Node::map(owner, span)], span);
    metadata.insert("ownerReferences", span, owners);
    let mut pod = Map::default();
    pod.insert("apiVersion", span, Node::string("v1", span));
    pod.insert("kind", span, Node::string("Pod", span));
    pod.insert("metadata", span, Node::map(metadata, span));
    pod.insert("spec", span, template.get("spec")?.clone());
    Some((pointer, Node::map(pod, span)))
}

impl<'s> Target<'s> {
    fn itself(
        object: &'s Object,
        tree: &Arc<Node>,
        resource: String,
        is_namespaced: bool,
        space: Option<Arc<Space>>,
    ) -> Self {
        let version = object.api_version.value.rsplit('/').next().unwrap_or("");
        Self {
            object,
            asset: &object.reference,
            pointer: "",
            tree: Arc::clone(tree),
            group: object.reference.group.clone(),
            version: version.into(),
            kind: object.reference.kind.clone(),
            resource,
            is_namespaced,
            kind_number: 0,
            labels: object.labels.clone(),
            space,
            roots: OnceLock::new(),
            seen: OnceLock::new(),
        }
    }

    /// A pod that is not in the picture, as if it was created in a namespace that is.
    pub(super) fn pod(pod: &'s Object, snapshot: &Snapshot) -> Option<Self> {
        let space = space(snapshot, pod.scope, pod.namespace());
        let tree = pod.tree()?;
        Some(Self::itself(pod, tree, "pods".to_owned(), true, space))
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        let is_space = &*self.kind == "Namespace" && self.group.is_empty();
        Subject {
            group: &self.group,
            version: &self.version,
            resource: &self.resource,
            name: if self.pointer.is_empty() {
                &self.object.reference.name
            } else {
                ""
            },
            is_namespaced: self.is_namespaced,
            labels: &self.labels,
            namespace: (self.is_namespaced || is_space).then(|| self.namespace()),
            namespace_labels: self.space.as_ref().map(|space| space.labels.as_slice()),
        }
    }

    #[cfg(feature = "rego")]
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    #[cfg(feature = "rego")]
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// The namespace it is in; for a namespace, itself.
    pub(super) fn namespace(&self) -> &str {
        if self.is_namespaced {
            self.object.namespace()
        } else {
            &self.object.reference.name
        }
    }

    pub(super) fn is_namespaced(&self) -> bool {
        self.is_namespaced
    }

    /// Whether its fields are secrets, which no message may show.
    pub(super) fn is_secret(&self) -> bool {
        self.group.is_empty() && &*self.kind == "Secret"
    }

    /// The object as the API server hands it to policies.
    pub(super) fn seen(&self) -> &Node {
        self.seen.get_or_init(|| {
            let namespace = self.is_namespaced.then(|| self.object.namespace());
            defaults::applied(&self.tree, &self.group, &self.kind, namespace)
        })
    }

    /// What is given to expressions, but for parameters.
    pub(super) fn roots(&self) -> &[Value; 6] {
        self.roots.get_or_init(|| {
            let namespace_object = match &self.space {
                _ if !self.is_namespaced => Value::Null,
                Some(space) => Value::of(&space.tree),
                None => Value::Unknown(
                    "namespaceObject cannot be answered: the namespace is not in the picture",
                ),
            };
            [
                Value::of(self.seen()),
                Value::Null,
                self.request(),
                Value::Null,
                namespace_object,
                self.authorizer(),
            ]
        })
    }

    fn request(&self) -> Value {
        let text = |text: &str| Value::text(text);
        let kind = || {
            Value::record([
                ("group", Value::String(self.group.clone())),
                ("version", Value::String(self.version.clone())),
                ("kind", Value::String(self.kind.clone())),
            ])
        };
        let resource = || {
            Value::record([
                ("group", Value::String(self.group.clone())),
                ("version", Value::String(self.version.clone())),
                ("resource", text(&self.resource)),
            ])
        };
        let subject = self.subject();
        // What is outside of namespaces has no such field, not an empty one.
        let namespace = subject.namespace.map(|name| ("namespace", text(name)));
        let fields = [
            ("kind", kind()),
            ("resource", resource()),
            ("requestKind", kind()),
            ("requestResource", resource()),
            ("name", text(subject.name)),
            ("operation", text("CREATE")),
            (
                "userInfo",
                Value::Unknown(
                    "request.userInfo cannot be answered from these files: who sends the request \
                     is not known",
                ),
            ),
            ("dryRun", Value::Bool(false)),
            ("options", Value::record([])),
        ];
        Value::record(fields.into_iter().chain(namespace))
    }

    fn authorizer(&self) -> Value {
        let namespace = if self.is_namespaced {
            self.object.namespace()
        } else {
            ""
        };
        let target = AccessTarget::Resource {
            group: self.group.clone(),
            resource: self.resource.as_str().into(),
            subresource: Str::from(""),
            namespace: namespace.into(),
            name: self.subject().name.into(),
        };
        let start = Asked::Start(AccessSubject::Requester, Some(target));
        Value::Opaque(Arc::new(Opaque::Authorizer(start)))
    }
}
