//! One Kubernetes object of a snapshot.

use crate::definition::Definition;
use crate::pod::{Field, PodTemplate};
use crate::reader::Reader;
use seawall_model::{CauseId, Gap, GapKind, ResourceRef, SourceMap, Span, Str};
use seawall_yaml::{Map, Node, Notice, Value};
use std::sync::Arc;

/// Which rendering an object came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub u32);

impl ScopeId {
    /// Plain manifests: all of them are one environment.
    pub const PLAIN: ScopeId = ScopeId(0);
}

/// A rendering: the same object may be in several (the staging and the production overlay),
/// and objects of one do not see those of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// What made it.
    pub kind: ScopeKind,
    /// How the user knows it: the directory of the chart or overlay.
    pub name: Str,
}

/// What made a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// Manifests as they lie there.
    Plain,
    /// A Helm chart.
    Chart,
    /// A Kustomize overlay.
    Overlay,
}

/// A reference from an object to its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRef {
    /// API group of the owner.
    pub group: Str,
    /// Kind of the owner.
    pub kind: Str,
    /// Name of the owner.
    pub name: Str,
    /// Whether it is the managing controller.
    pub controller: bool,
}

/// An object with its security facts.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its name in a cluster.
    pub reference: ResourceRef,
    /// `apiVersion` as written.
    pub api_version: Field<Str>,
    /// Which rendering it came from.
    pub scope: ScopeId,
    /// The whole object.
    pub span: Span,
    /// Its name, or the whole object when it has none.
    pub name_span: Span,
    /// Labels, sorted by key.
    pub labels: Vec<(Str, Str)>,
    /// Annotations in source order.
    pub annotations: Vec<(Str, Field<Str>)>,
    /// Owner references.
    pub owners: Vec<OwnerRef>,
    /// What Kubernetes reads otherwise than it looks, in the text of this object.
    pub notices: Vec<Notice>,
    /// What it is.
    pub details: Details,
    /// The whole tree of an object that is otherwise kept as facts, where it was asked for
    /// ([`Keep::Trees`]).
    pub kept: Option<Arc<Node>>,
}

/// What to remember of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Facts of workloads, trees of other kinds: what the built-in rules read.
    #[default]
    Facts,
    /// Trees of workloads, too: admission policies read whatever they like. It costs about as
    /// much again as the manifests, so it is for scans with policies only.
    Trees,
}

/// What kind of object it is, as far as Seawall keeps facts of its own.
#[derive(Debug, Clone)]
pub enum Details {
    /// An object that makes pods: the built-in workloads and any custom resource that embeds
    /// a pod template.
    Workload {
        /// `replicas` where it applies.
        replicas: Option<Field<i64>>,
        /// The pod templates, usually one.
        templates: Vec<PodTemplate>,
    },
    /// Any other object: its tree without `status` and `managedFields`; of a Node's status its
    /// programs and addresses stay.
    Other(Arc<Node>),
    /// A CustomResourceDefinition: what is read of it without its schema.
    Definition(Definition),
}

impl Object {
    /// The namespace that the object ends up in when nothing else says so.
    pub fn namespace(&self) -> &str {
        self.reference.namespace.as_deref().unwrap_or("default")
    }

    /// The tree, for objects that keep it.
    pub fn body(&self) -> Option<&Node> {
        match &self.details {
            Details::Other(body) => Some(body),
            _ => None,
        }
    }

    /// The items of the list at a path of keys, for objects that keep their tree.
    pub fn items(&self, path: &[&str]) -> &[Node] {
        let list = self.body().and_then(|body| body.at(path));
        list.and_then(Node::as_seq).unwrap_or_default()
    }

    /// The tree, for objects that keep it and for those that were asked to.
    pub fn tree(&self) -> Option<&Arc<Node>> {
        match &self.details {
            Details::Other(body) => Some(body),
            _ => self.kept.as_ref(),
        }
    }

    /// The pod templates, if it makes pods.
    pub fn templates(&self) -> &[PodTemplate] {
        match &self.details {
            Details::Workload { templates, .. } => templates,
            _ => &[],
        }
    }

    /// The value of an annotation with its place.
    pub fn annotation(&self, key: &str) -> Option<&Field<Str>> {
        self.annotations
            .iter()
            .find(|(name, _)| &**name == key)
            .map(|(_, value)| value)
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(name, _)| &**name == key)
            .map(|(_, value)| &**value)
    }

    /// The controlling owner, if any.
    pub fn controller(&self) -> Option<&OwnerRef> {
        self.owners.iter().find(|owner| owner.controller)
    }

    /// Whether its controller goes by this name.
    pub fn is_controlled_by(&self, owner: &ResourceRef) -> bool {
        self.reference.namespace == owner.namespace
            && self.controller().is_some_and(|by| {
                by.name == owner.name && by.kind == owner.kind && by.group == owner.group
            })
    }
}

/// API groups whose documents are configuration files without a name.
const CONFIGURATION_GROUPS: [&str; 11] = [
    "kubelet.config.k8s.io",
    "apiserver.config.k8s.io",
    "apiserver.k8s.io",
    "audit.k8s.io",
    "kubeadm.k8s.io",
    "kubeproxy.config.k8s.io",
    "kubescheduler.config.k8s.io",
    "kubecontrollermanager.config.k8s.io",
    "pod-security.admission.config.k8s.io",
    "controller-runtime.sigs.k8s.io",
    "install.istio.io",
];

/// Whether a tree claims to be a Kubernetes object: a mapping with `apiVersion` and `kind`.
pub fn looks_like_object(node: &Node) -> bool {
    let text = |key| {
        node.get(key)
            .and_then(Node::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    text("apiVersion") && text("kind")
}

/// The objects of a document: the items of a `List`, else the document itself. Lists of
/// lists are followed a few levels deep.
pub fn flatten(root: Node) -> Vec<Node> {
    let mut flat = Vec::new();
    flatten_into(root, 4, &mut flat);
    flat
}

/// Whether a tree claims to be a list of objects.
pub fn is_list(node: &Node) -> bool {
    node.get("kind").and_then(Node::as_str).is_some_and(|kind| {
        // `List`, and typed ones such as `PodList`, which have items instead of a name.
        kind == "List" || (kind.ends_with("List") && node.at(&["metadata", "name"]).is_none())
    })
}

fn flatten_into(node: Node, depth: u8, flat: &mut Vec<Node>) {
    let is_list = is_list(&node);
    match node.get("items").and_then(Node::as_seq) {
        Some(items) if is_list && depth > 0 => {
            let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
            let item_kind = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
            for item in items {
                let mut item = item.clone();
                // Items of a typed list may leave out what the list says.
                if let (Some(kind), Some(map)) = (item_kind, item.as_map_mut()) {
                    if !map.contains_key("kind") {
                        map.insert("kind", node.span, Node::string(kind, node.span));
                    }
                    if !map.contains_key("apiVersion")
                        && let Some(version) = node.get("apiVersion")
                    {
                        map.insert("apiVersion", version.span, version.clone());
                    }
                }
                flatten_into(item, depth - 1, flat);
            }
        }
        _ => flat.push(node),
    }
}

/// The notices of a document that stand in one of its objects.
pub fn notices_within(notices: &[Notice], object: Span) -> Vec<Notice> {
    let inside = |notice: &&Notice| {
        notice.span.file == object.file
            && notice.span.start >= object.start
            && notice.span.end <= object.end
    };
    notices.iter().filter(inside).cloned().collect()
}

/// Reads an object as [`read`] does, and keeps as much of it as is asked for.
pub fn read_keeping(
    root: &Node,
    scope: ScopeId,
    map: &SourceMap,
    gaps: &mut Vec<Gap>,
    keep: Keep,
) -> Option<Object> {
    let mut object = read(root, scope, map, gaps)?;
    if keep == Keep::Trees && object.body().is_none() {
        object.kept = Some(Arc::new(pruned(root)));
    }
    Some(object)
}

/// Reads an object and its facts. What is wrong with it goes to `gaps`; `None` when it is
/// not an object at all.
pub fn read(root: &Node, scope: ScopeId, map: &SourceMap, gaps: &mut Vec<Gap>) -> Option<Object> {
    if !looks_like_object(root) {
        return None;
    }
    let kind = Str::from(root.get("kind")?.as_str()?);
    let api_version_node = root.get("apiVersion")?;
    let api_version = Str::from(api_version_node.as_str()?);
    let group = match api_version.rsplit_once('/') {
        Some((group, _)) => Str::from(group),
        None => Str::from(""),
    };
    let mut reader = Reader::new(map.path(root.span.file), gaps);
    let metadata = reader.map(root, "metadata");
    let name_field = metadata.and_then(|m| reader.text(m, "name"));
    let generated = metadata.and_then(|m| reader.text(m, "generateName"));
    // A document of a custom group without any metadata is a tool's own configuration file
    // in Kubernetes' style (`IstioOperator` profiles, component configs).
    let is_configuration = CONFIGURATION_GROUPS.contains(&&*group)
        || (root.get("metadata").is_none() && group.contains('.') && !group.ends_with(".k8s.io"));
    let (name, name_span) = match (name_field, generated) {
        (Some(name), _) if !name.value.is_empty() => (name.value, head(root, name.span)),
        (_, Some(prefix)) => (
            Str::from(format!("{}*", prefix.value)),
            head(root, prefix.span),
        ),
        // A configuration file has no name of its own; its path tells two of them apart.
        _ if is_configuration => (map.path(root.span.file), root.span),
        _ => {
            let reason = format!("{kind} has no metadata.name: the API server would refuse it");
            reader.gap(GapKind::Invalid, root.span, reason, 1);
            (Str::from(""), root.span)
        }
    };
    let namespace = metadata
        .and_then(|m| reader.text(m, "namespace"))
        .map(|field| field.value)
        .filter(|namespace| !namespace.is_empty());
    let mut labels: Vec<(Str, Str)> = metadata
        .map(|m| reader.texts_by_key(m, "labels"))
        .unwrap_or_default()
        .into_iter()
        .map(|(key, field)| (key, field.value))
        .collect();
    labels.sort_unstable();
    let annotations = metadata
        .map(|m| reader.texts_by_key(m, "annotations"))
        .unwrap_or_default()
        .into_iter()
        .filter(|(key, _)| &**key != "kubectl.kubernetes.io/last-applied-configuration")
        .collect();
    let owners = metadata.map(|m| owners(&mut reader, m)).unwrap_or_default();
    crate::shapes::check(&mut reader, root, &group, &kind);
    let details = details(&mut reader, root, &group, &kind);
    Some(Object {
        reference: ResourceRef {
            group,
            kind,
            namespace,
            name,
        },
        api_version: Field {
            value: api_version,
            span: api_version_node.span,
        },
        scope,
        span: root.span,
        name_span,
        labels,
        annotations,
        owners,
        notices: Vec::new(),
        details,
        kept: None,
    })
}

/// Where an object is shown: at its name, or at its kind when the name comes from another
/// file (a helper of the chart, an overlay's prefix), where nobody would look for the object.
fn head(root: &Node, name: Span) -> Span {
    let here = |span: &Span| span.file == root.span.file;
    let kind = root.get("kind").map(|kind| kind.span);
    anchor(if here(&name) {
        name
    } else {
        kind.filter(here).unwrap_or(name)
    })
}

/// Findings about something missing are shown at the name. The values key that the name
/// comes from did not decide them.
pub(crate) fn anchor(name: Span) -> Span {
    Span {
        cause: CauseId::NONE,
        ..name
    }
}

fn owners(reader: &mut Reader<'_>, metadata: &Map) -> Vec<OwnerRef> {
    reader
        .items(metadata, "ownerReferences")
        .iter()
        .filter_map(|owner| {
            let text = |key| owner.get(key).and_then(Node::as_str);
            let group = text("apiVersion")?
                .rsplit_once('/')
                .map_or("", |(group, _)| group);
            Some(OwnerRef {
                group: group.into(),
                kind: text("kind")?.into(),
                name: text("name")?.into(),
                controller: owner
                    .get("controller")
                    .and_then(Node::as_bool)
                    .unwrap_or(false),
            })
        })
        .collect()
}

fn details(reader: &mut Reader<'_>, root: &Node, group: &str, kind: &str) -> Details {
    if kind == "CustomResourceDefinition" && group == "apiextensions.k8s.io" {
        return Details::Definition(Definition::read(root));
    }
    let templates = reader.pod_templates(root, group, kind);
    if templates.is_empty() {
        return Details::Other(Arc::new(pruned(root)));
    }
    // A custom resource may mean anything by `replicas`; only a number is one.
    let replicas = root.at(&["spec", "replicas"]).and_then(|node| {
        Some(Field {
            value: node.as_i64()?,
            span: node.span,
        })
    });
    Details::Workload {
        replicas,
        templates,
    }
}

/// The tree without what the API server keeps for itself.
fn pruned(root: &Node) -> Node {
    let status = status_of_node(root);
    let mut root = root.clone();
    if let Some(map) = root.as_map_mut() {
        map.remove("status");
        if let Some(status) = status {
            map.insert("status", status.span, status);
        }
        if let Some(Value::Map(metadata)) = map.get_mut("metadata").map(|node| &mut node.value) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_map_mut) {
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            }
        }
    }
    root
}

/// What is kept of a Node's status: the programs that it runs decide which flaws it has, and its
/// addresses who gets to it. The heartbeat, images and volumes are left out.
fn status_of_node(root: &Node) -> Option<Node> {
    let says = |key, value| root.get(key).and_then(Node::as_str) == Some(value);
    let status = root.get("status")?;
    if !says("kind", "Node") || !says("apiVersion", "v1") {
        return None;
    }
    let mut kept = Map::default();
    for key in ["addresses", "nodeInfo"] {
        if let Some(entry) = status.as_map()?.entry(key) {
            kept.insert(key, entry.key_span, entry.value.clone());
        }
    }
    (!kept.is_empty()).then(|| Node::map(kept, status.span))
}
