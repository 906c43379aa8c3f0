//! The settings of the mesh: where they stand, and what holds where nothing is set.
//!
//! istiod reads them from the ConfigMap `istio` (of a revision: `istio-<revision>`); an
//! operator's object holds what will become that ConfigMap. Several control planes may have
//! several; for questions that have one answer (which is the root namespace) the first that
//! says something counts, and rules judge each of them.

use super::{NETWORKING, SECURITY};
use crate::world::{EndpointId, World};
use seawall_model::{FileId, Span, Str};
use seawall_snapshot::Object;
use seawall_yaml::{Limits, Node, parse};

/// The root namespace where nothing else is said.
pub const DEFAULT_ROOT: &str = "istio-system";
/// The trust domain where nothing else is said.
pub const DEFAULT_TRUST_DOMAIN: &str = "cluster.local";

/// One `MeshConfig`.
#[derive(Debug)]
pub struct MeshConfig<'s> {
    /// The object that holds it.
    pub object: &'s Object,
    /// JSON pointer of the piece that holds it.
    pub pointer: &'static str,
    /// Place of that piece.
    pub span: Span,
    /// The settings. Those of a ConfigMap are text within text: they all stand at its place.
    pub(crate) tree: Node,
}

/// A part of Istio that runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// istiod.
    Pilot,
    /// A sidecar or a gateway.
    Proxy,
    /// The node's proxy of ambient.
    Ztunnel,
    /// The node agent that redirects traffic.
    Cni,
}

/// A container with an image of Istio.
#[derive(Debug, Clone)]
pub struct Component {
    /// Which part.
    pub part: Part,
    /// The pods.
    pub endpoint: EndpointId,
    /// Place of the container in the template.
    pub container: usize,
    /// The image.
    pub image: Str,
    /// Its version, if its tag is one.
    pub version: Option<Version>,
    /// Where the image stands.
    pub span: Span,
}

/// A release of Istio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Always 1 so far.
    pub major: u16,
    /// The line.
    pub minor: u16,
    /// The patch release.
    pub patch: u16,
}

impl Version {
    /// Reads an image tag: `1.29.1`, `1.29.1-distroless`, `v1.29.1`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag = tag.strip_prefix('v').unwrap_or(tag);
        let mut numbers = tag.split(['-', '+']).next()?.split('.');
        let mut next = || numbers.next()?.parse().ok();
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        // A tag with a fourth number is somebody else's scheme, and a pre-release is before
        // its release: neither is placed.
        let is_plain = numbers.next().is_none();
        let is_release = !["-alpha", "-beta", "-rc"].iter().any(|p| tag.contains(p));
        (is_plain && is_release).then_some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The settings of the mesh.
#[derive(Debug)]
pub struct Mesh<'s> {
    /// All that were found.
    pub configs: Vec<MeshConfig<'s>>,
    /// The namespace whose policies are for the whole mesh.
    pub root_namespace: Str,
    /// The trust domain of the mesh's identities.
    pub trust_domain: Str,
    /// Trust domains whose identities count as the mesh's own.
    pub trust_domain_aliases: Vec<Str>,
    /// The parts of Istio in the picture.
    pub components: Vec<Component>,
    /// What the injector and the charts were given.
    pub injector_values: Vec<MeshConfig<'s>>,
    /// Revisions and tags that a namespace or pod may name; empty where none was seen.
    pub revisions: Vec<Str>,
}

impl MeshConfig<'_> {
    /// A setting by its path.
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        self.tree.at(path).filter(|node| !node.is_null())
    }

    /// The text of a setting.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.get(path)?.as_str()
    }
}

impl<'s> Mesh<'s> {
    /// Reads the settings off a world.
    pub fn new(world: &World<'s>) -> Self {
        let configs = configs(world);
        let first = |path: &[&str]| {
            let said = configs.iter().find_map(|config| config.text(path));
            said.filter(|text| !text.is_empty()).map(Str::from)
        };
        let root = first(&["rootNamespace"]).or_else(|| {
            // The chart writes its own namespace; a ConfigMap without it is in it.
            let holder = configs
                .iter()
                .find(|c| &*c.object.reference.kind == "ConfigMap")?;
            holder.object.reference.namespace.clone()
        });
        let aliases = configs
            .iter()
            .filter_map(|config| config.get(&["trustDomainAliases"])?.as_seq())
            .flatten()
            .filter_map(|alias| alias.as_str().map(Str::from))
            .collect();
        Self {
            root_namespace: root.unwrap_or_else(|| DEFAULT_ROOT.into()),
            trust_domain: first(&["trustDomain"]).unwrap_or_else(|| DEFAULT_TRUST_DOMAIN.into()),
            trust_domain_aliases: aliases,
            components: components(world),
            revisions: revisions(world),
            injector_values: injector_values(world),
            configs,
        }
    }

    /// Whether the picture holds the control plane or its settings: only then is something
    /// that it lacks known to be lacking.
    pub fn has_control_plane(&self) -> bool {
        let mut parts = self.components.iter();
        !self.configs.is_empty() || parts.any(|component| component.part == Part::Pilot)
    }

    /// Whether the picture has anything of Istio.
    pub fn is_present(&self, world: &World<'_>) -> bool {
        self.has_control_plane()
            || !self.components.is_empty()
            || [
                SECURITY,
                NETWORKING,
                "telemetry.istio.io",
                "extensions.istio.io",
            ]
            .iter()
            .any(|group| world.has_group(group))
    }
}

fn configs<'s>(world: &World<'s>) -> Vec<MeshConfig<'s>> {
    let mut found = Vec::new();
    for object in world.of_kind("", "ConfigMap").iter().copied() {
        let name = &*object.reference.name;
        if name != "istio" && !name.starts_with("istio-") {
            continue;
        }
        let Some(node) = object.body().and_then(|body| body.at(&["data", "mesh"])) else {
            continue;
        };
        let Some(text) = node.as_str() else { continue };
        found.push(MeshConfig {
            object,
            pointer: "/data/mesh",
            span: node.span,
            tree: nested(text, node.span),
        });
    }
    let operators: [(&str, &str, &[&str], &'static str); 2] = [
        (
            "install.istio.io",
            "IstioOperator",
            &["spec", "meshConfig"],
            "/spec/meshConfig",
        ),
        (
            "sailoperator.io",
            "Istio",
            &["spec", "values", "meshConfig"],
            "/spec/values/meshConfig",
        ),
    ];
    for (group, kind, path, pointer) in operators {
        for object in world.of_kind(group, kind).iter().copied() {
            let Some(body) = object.body() else { continue };
            // One that installs no control plane says nothing about the mesh.
            if body.at(&["spec", "profile"]).and_then(Node::as_str) == Some("empty") {
                continue;
            }
            let node = body.at(path);
            found.push(MeshConfig {
                object,
                pointer,
                span: node.map_or(object.name_span, |node| node.span),
                tree: node.cloned().unwrap_or_else(Node::null),
            });
        }
    }
    found
}

/// The values that injected pods are made with.
fn injector_values<'s>(world: &World<'s>) -> Vec<MeshConfig<'s>> {
    let mut found = Vec::new();
    for object in world.of_kind("", "ConfigMap").iter().copied() {
        if !object.reference.name.starts_with("istio-sidecar-injector") {
            continue;
        }
        let node = object.body().and_then(|body| body.at(&["data", "values"]));
        let Some((node, text)) = node.and_then(|node| Some((node, node.as_str()?))) else {
            continue;
        };
        found.push(MeshConfig {
            object,
            pointer: "/data/values",
            span: node.span,
            tree: nested(text, node.span),
        });
    }
    for object in world
        .of_kind("install.istio.io", "IstioOperator")
        .iter()
        .copied()
    {
        let node = object.body().and_then(|body| body.at(&["spec", "values"]));
        let Some(node) = node else { continue };
        found.push(MeshConfig {
            object,
            pointer: "/spec/values",
            span: node.span,
            tree: node.clone(),
        });
    }
    found
}

/// YAML within a text. What can't be read is empty: istiod would not start with it either.
pub(crate) fn nested(text: &str, at: Span) -> Node {
    let stream = parse(text, FileId::UNKNOWN, &Limits::default());
    let first = stream.documents.into_iter().next();
    let mut root = first.map_or_else(Node::null, |document| document.root);
    root.map_spans(&mut |_| at);
    root
}

/// Image names of Istio's parts, by the last word of the repository.
const IMAGES: [(&str, Part); 5] = [
    ("pilot", Part::Pilot),
    ("proxyv2", Part::Proxy),
    ("proxyv2-rhel8", Part::Proxy),
    ("ztunnel", Part::Ztunnel),
    ("install-cni", Part::Cni),
];

fn components(world: &World<'_>) -> Vec<Component> {
    let mut found = Vec::new();
    for (id, endpoint) in world.endpoint_ids() {
        for (container, about) in endpoint.template.containers.iter().enumerate() {
            let Some(image) = &about.image else { continue };
            let Some(part) = part_of(&image.value) else {
                continue;
            };
            let tag = tag_of(&image.value);
            found.push(Component {
                part,
                endpoint: id,
                container,
                image: image.value.clone(),
                version: tag.and_then(Version::from_tag),
                span: image.span,
            });
        }
    }
    found
}

fn part_of(image: &str) -> Option<Part> {
    let name = image.split(['@']).next()?;
    let last = name.rsplit('/').next()?.split(':').next()?;
    let (_, part) = IMAGES.iter().find(|(name, _)| *name == last)?;
    // `pilot` is a common word: it is istiod where the repository says so.
    (*part != Part::Pilot || image.contains("istio")).then_some(*part)
}

fn tag_of(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    let (_, tag) = name.rsplit('/').next()?.split_once(':')?;
    Some(tag)
}

/// Revisions of the control planes that were seen: from their own labels, settings and
/// webhooks.
fn revisions(world: &World<'_>) -> Vec<Str> {
    let mut found: Vec<Str> = Vec::new();
    let webhooks = world.of_kind(
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
    );
    for object in webhooks {
        for key in ["istio.io/rev", "istio.io/tag"] {
            found.extend(object.label(key).map(Str::from));
        }
    }
    for (_, endpoint) in world.endpoint_ids() {
        let mut images = endpoint.template.containers.iter();
        let is_pilot = images.any(|container| {
            let image = container.image.as_ref();
            image.is_some_and(|image| part_of(&image.value) == Some(Part::Pilot))
        });
        if is_pilot {
            let labels = [
                endpoint.object.label("istio.io/rev"),
                endpoint.label("istio.io/rev"),
            ];
            found.extend(labels.into_iter().flatten().map(Str::from));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
