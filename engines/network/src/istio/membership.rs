//! Which pods are in the mesh, and which of their ports the mesh sees.
//!
//! With sidecars the injector's webhook decides when a pod is made: labels of the namespace,
//! then label and annotation of the pod, and never in the node's network. In ambient the
//! node's agent decides while the pod runs. A running pod shows what was decided by its
//! containers; a template only what would be. Where the namespace is not in the picture and
//! the pod says nothing, nobody knows: [`Place::Unknown`], never a guess.

use super::mesh::Mesh;
use crate::world::{Endpoint, Namespace, World};
use seawall_model::{Span, Str};
use seawall_snapshot::{Container, Field, Object};

/// How a pod stands to the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Nothing of the mesh sees its traffic.
    Outside,
    /// It has a proxy of its own.
    Sidecar,
    /// The node's proxy holds its traffic.
    Ambient,
    /// It is a proxy: a gateway or a waypoint.
    Gateway,
    /// What would decide is not in the picture.
    Unknown,
}

/// How an endpoint stands to the mesh, and why.
#[derive(Debug, Clone)]
pub struct Membership<'s> {
    /// How.
    pub place: Place,
    /// What decided.
    pub reason: Reason<'s>,
    /// Which of its ports the mesh sees.
    pub inbound: Inbound,
}

/// What decided, and where it stands.
#[derive(Debug, Clone)]
pub struct Reason<'s> {
    /// In words.
    pub note: &'static str,
    /// Where.
    pub span: Span,
    /// In which object.
    pub object: Option<&'s Object>,
}

/// Which ports of a pod the mesh sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inbound {
    /// Nothing is captured at all.
    pub is_off: bool,
    /// Only these; `None` is all.
    pub only: Option<Vec<u16>>,
    /// Not these.
    pub except: Vec<u16>,
}

impl Inbound {
    /// Whether the mesh sees what comes in at a port.
    pub fn sees(&self, port: u16) -> bool {
        let wanted = |only: &Vec<u16>| only.contains(&port);
        !self.is_off && self.only.as_ref().is_none_or(wanted) && !self.except.contains(&port)
    }
}

impl Membership<'_> {
    /// Whether a proxy of the mesh decides what comes in at a port. Unknown is no: nothing
    /// may be thought protected that nobody saw protected.
    pub fn enforces(&self, port: u16) -> bool {
        matches!(self.place, Place::Sidecar | Place::Ambient | Place::Gateway)
            && self.inbound.sees(port)
    }

    /// Whether the pods surely speak without an identity of the mesh.
    pub fn is_outside(&self) -> bool {
        self.place == Place::Outside
    }
}

/// The label that says yes or no to a sidecar.
pub(crate) const INJECT: &str = "sidecar.istio.io/inject";
/// The namespace's label of old.
pub(crate) const INJECTION: &str = "istio-injection";
/// The label that names a revision.
pub(crate) const REVISION: &str = "istio.io/rev";
/// The label of ambient.
pub(crate) const DATAPLANE: &str = "istio.io/dataplane-mode";
/// The annotation that keeps ambient from capturing what comes in.
pub(crate) const BYPASS: &str = "ambient.istio.io/bypass-inbound-capture";
/// Annotations that narrow what a sidecar captures.
pub(crate) const EXCLUDE_INBOUND: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
pub(crate) const INCLUDE_INBOUND: &str = "traffic.sidecar.istio.io/includeInboundPorts";
pub(crate) const INTERCEPTION: &str = "sidecar.istio.io/interceptionMode";
/// Namespaces that the injector leaves alone.
pub(crate) const IGNORED: [&str; 4] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "local-path-storage",
];
/// Ports that are the proxy's own: metrics and health, never redirected.
const OWN_PORTS: [u16; 3] = [15020, 15021, 15090];

/// How each endpoint stands to the mesh, in the order of the world.
pub fn all<'s>(world: &World<'s>, mesh: &Mesh<'s>) -> Vec<Membership<'s>> {
    let endpoints = world.endpoints.iter();
    let of = |endpoint| membership(world, mesh, endpoint);
    endpoints.map(of).collect()
}

fn membership<'s>(world: &World<'s>, mesh: &Mesh<'s>, endpoint: &Endpoint<'s>) -> Membership<'s> {
    let namespace = world.namespace_at(endpoint.namespace);
    let (place, reason) = decide(mesh, endpoint, namespace);
    let inbound = match place {
        Place::Sidecar | Place::Unknown => captured_by_sidecar(mesh, endpoint),
        Place::Ambient => Inbound {
            is_off: annotation_is(endpoint, BYPASS, "true"),
            ..Inbound::default()
        },
        Place::Outside => Inbound {
            is_off: true,
            ..Inbound::default()
        },
        Place::Gateway => Inbound::default(),
    };
    Membership {
        place,
        reason,
        inbound,
    }
}

fn decide<'s>(
    mesh: &Mesh<'s>,
    endpoint: &Endpoint<'s>,
    namespace: Option<&Namespace<'s>>,
) -> (Place, Reason<'s>) {
    let here = |note, span| Reason {
        note,
        span,
        object: Some(endpoint.object),
    };
    let head = endpoint.object.name_span;
    let is_ztunnel = |arg: &Field<Str>| &*arg.value == "ztunnel";
    let proxy = proxy(endpoint);
    if let Some(proxy) = proxy.filter(|proxy| proxy.args.iter().any(is_ztunnel)) {
        return (
            Place::Outside,
            here("it is the node's proxy itself", proxy.span),
        );
    }
    if let Some(proxy) = proxy {
        return if is_gateway(endpoint, proxy) {
            (
                Place::Gateway,
                here("it runs a gateway's proxy", proxy.span),
            )
        } else {
            (
                Place::Sidecar,
                here("it has the container istio-proxy", proxy.span),
            )
        };
    }
    if let Some(field) = endpoint.template.host_network.as_ref().filter(|f| f.value) {
        let note = "it is in the node's network, where no proxy is injected";
        return (Place::Outside, here(note, field.span));
    }
    if endpoint
        .label("gateway.networking.k8s.io/gateway-name")
        .is_some()
    {
        return (
            Place::Gateway,
            here("its labels say that it is a gateway", head),
        );
    }
    match injected(mesh, endpoint, namespace) {
        Answer::Yes(reason) if has_gateway_template(endpoint) => (Place::Gateway, reason),
        Answer::Yes(reason) => (Place::Sidecar, reason),
        Answer::No(reason) => match ambient(endpoint, namespace) {
            Some(true) => (
                Place::Ambient,
                here("its namespace or label says ambient", head),
            ),
            Some(false) => (Place::Outside, reason),
            None => (Place::Unknown, reason),
        },
        Answer::Unknown(reason) => match ambient(endpoint, namespace) {
            Some(true) => (Place::Ambient, here("its label says ambient", head)),
            _ => (Place::Unknown, reason),
        },
    }
}

/// What the injector answers.
enum Answer<'s> {
    Yes(Reason<'s>),
    No(Reason<'s>),
    Unknown(Reason<'s>),
}

fn injected<'s>(
    mesh: &Mesh<'s>,
    endpoint: &Endpoint<'s>,
    namespace: Option<&Namespace<'s>>,
) -> Answer<'s> {
    let head = endpoint.object.name_span;
    let here = |note| Reason {
        note,
        span: head,
        object: Some(endpoint.object),
    };
    if is_running(endpoint) {
        return Answer::No(here("the running pod has no proxy"));
    }
    let name = namespace.map_or("", |namespace| namespace.name);
    if IGNORED.contains(&name) {
        return Answer::No(here("the injector leaves its namespace alone"));
    }
    let label = endpoint.label(INJECT);
    let annotation = endpoint.annotation(INJECT);
    if label == Some("false") {
        return Answer::No(here("its label sidecar.istio.io/inject is false"));
    }
    // The label wins; other words than true and false count as nothing said.
    let refused = annotation.filter(|f| &*f.value == "false" && label != Some("true"));
    if let Some(field) = refused {
        return Answer::No(Reason {
            note: "its annotation sidecar.istio.io/inject is false",
            span: field.span,
            object: Some(endpoint.object),
        });
    }
    let Some(object) = namespace.and_then(|namespace| namespace.object) else {
        if label == Some("true") || endpoint.label(REVISION).is_some() {
            return Answer::Yes(here("its label asks for a sidecar"));
        }
        return Answer::Unknown(here("its namespace is not in the picture"));
    };
    let there = |note| Reason {
        note,
        span: object.name_span,
        object: Some(object),
    };
    match object.label(INJECTION) {
        Some("enabled") => return Answer::Yes(there("its namespace is labelled for injection")),
        Some("disabled") => return Answer::No(there("injection is off in its namespace")),
        _ => {}
    }
    let said = object.label(REVISION).or_else(|| endpoint.label(REVISION));
    if let Some(revision) = said {
        let known = mesh.revisions.is_empty() || mesh.revisions.iter().any(|r| &**r == revision);
        return if known {
            Answer::Yes(there("its namespace or label names a revision"))
        } else {
            Answer::No(there("no control plane has the revision that is named"))
        };
    }
    if label == Some("true") {
        return Answer::Yes(here("its label asks for a sidecar"));
    }
    Answer::No(there("nothing asks for a sidecar in its namespace"))
}

/// Whether the node's agent captures a pod without a sidecar; `None` where the namespace would
/// decide and is not in the picture.
fn ambient(endpoint: &Endpoint<'_>, namespace: Option<&Namespace<'_>>) -> Option<bool> {
    match endpoint.label(DATAPLANE) {
        Some("ambient") => return Some(true),
        Some(_) => return Some(false),
        None => {}
    }
    let name = namespace.map_or("", |namespace| namespace.name);
    if IGNORED.contains(&name) {
        return Some(false);
    }
    let object = namespace.and_then(|namespace| namespace.object)?;
    Some(object.label(DATAPLANE) == Some("ambient"))
}

/// A pod that something made has been through admission: its containers are the answer.
pub(crate) fn is_running(endpoint: &Endpoint<'_>) -> bool {
    let object = endpoint.object;
    &*object.reference.kind == "Pod"
        && object.reference.group.is_empty()
        && object.controller().is_some()
}

/// The proxy's container.
pub(crate) fn proxy<'s>(endpoint: &Endpoint<'s>) -> Option<&'s Container> {
    let mut containers = endpoint.template.containers.iter();
    containers.find(|container| &*container.name == "istio-proxy")
}

fn is_gateway(endpoint: &Endpoint<'_>, proxy: &Container) -> bool {
    let routes = proxy.args.iter().any(|arg| &*arg.value == "router");
    routes
        || has_gateway_template(endpoint)
        || endpoint
            .label("gateway.networking.k8s.io/gateway-name")
            .is_some()
}

fn has_gateway_template(endpoint: &Endpoint<'_>) -> bool {
    let templates = endpoint.annotation("inject.istio.io/templates");
    templates.is_some_and(|field| field.value.split(',').any(|name| name.trim() == "gateway"))
}

fn annotation_is(endpoint: &Endpoint<'_>, key: &str, value: &str) -> bool {
    endpoint
        .annotation(key)
        .is_some_and(|field| &*field.value == value)
}

fn captured_by_sidecar(mesh: &Mesh<'_>, endpoint: &Endpoint<'_>) -> Inbound {
    let only = endpoint.annotation(INCLUDE_INBOUND).and_then(|field| {
        let value = field.value.trim();
        (value != "*").then(|| ports(value))
    });
    // What the injector was given holds where the pod says nothing.
    let by_mesh = || {
        let values = mesh.injector_values.iter();
        let said =
            values.filter_map(|values| values.text(&["global", "proxy", "excludeInboundPorts"]));
        said.flat_map(ports).collect()
    };
    let excluded = endpoint.annotation(EXCLUDE_INBOUND);
    let mut except = excluded.map_or_else(by_mesh, |field| ports(&field.value));
    // What is named port by port may name the proxy's own ports, too.
    if only.is_none() {
        except.extend(OWN_PORTS);
    }
    Inbound {
        is_off: annotation_is(endpoint, INTERCEPTION, "NONE"),
        only,
        except,
    }
}

/// A list of ports with commas. What is no port makes the injector refuse the pod; it is left
/// out here.
pub(crate) fn ports(text: &str) -> Vec<u16> {
    let words = text.split(',');
    words.filter_map(|word| word.trim().parse().ok()).collect()
}
