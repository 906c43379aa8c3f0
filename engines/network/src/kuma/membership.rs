//! Which pods are in a mesh of Kuma, and which of their ports have a listener.
//!
//! The injector decides when a pod is made, by a label of the pod, else of its namespace;
//! annotations it has stopped to look at. The sidecar's listeners are made from the Services
//! that lead to the pod, and so are the tags that 2.x knows it by.

use super::{ControlPlane, cite};
use crate::istio::ports::Services;
use crate::why::Cite;
use crate::world::{Endpoint, World};
use seawall_model::Str;
use seawall_snapshot::Object;
use seawall_snapshot::pod::{ContainerKind, EnvSource};
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};

/// The label that says yes or no to a sidecar.
const INJECTION: &str = "kuma.io/sidecar-injection";
/// The label that names the mesh.
pub(crate) const MESH: &str = "kuma.io/mesh";
/// The annotation of gateways.
const GATEWAY: &str = "kuma.io/gateway";
/// The annotation that keeps ports from the sidecar.
const EXCLUDE: &str = "traffic.kuma.io/exclude-inbound-ports";
/// The annotation with settings of the sidecar.
const SETTINGS: &str = "kuma.io/sidecar-env-vars";
/// The setting that makes the sidecar pass through what no Service leads to.
const STRICT_PORTS: &str = "KUMA_DATAPLANE_RUNTIME_STRICT_INBOUND_PORTS_ENABLED";
/// The tag of a service.
pub(crate) const SERVICE: &str = "kuma.io/service";
/// The tag and label of a namespace.
pub(crate) const NAMESPACE: &str = "k8s.kuma.io/namespace";

/// Values by tag: of several inbounds each has its own.
pub type Tags = BTreeMap<Str, BTreeSet<Str>>;

/// A port of a pod that a Service leads to.
#[derive(Debug)]
pub struct Inbound {
    /// The application's port.
    pub port: u16,
    /// The port's name in the pod.
    pub name: Option<Str>,
    /// Its tags, by Service.
    pub tags: Vec<BTreeMap<Str, Str>>,
}

/// A pod of a mesh.
#[derive(Debug)]
pub struct Member<'s> {
    /// The mesh.
    pub mesh: Str,
    /// Its namespace.
    pub namespace: Str,
    /// Its account.
    pub account: Str,
    /// The name of its object.
    pub name: Str,
    /// Its labels, sorted.
    pub labels: Vec<(Str, Str)>,
    /// Ports with a listener.
    pub inbounds: Vec<Inbound>,
    /// Tags of the whole pod.
    pub tags: Tags,
    /// What makes it a gateway, which has no listeners.
    pub gateway: Option<Cite<'s>>,
    /// Whether its sidecar is told to pass through what no Service leads to.
    pub is_lax: bool,
    /// Ranges of ports that are kept from the sidecar.
    pub excluded: Vec<(u16, u16)>,
    excluded_by: Option<Cite<'s>>,
}

impl<'s> Member<'s> {
    /// Whether a port is kept from the sidecar, by the pod or by the control plane.
    pub(crate) fn is_excluded(&self, port: u16, control_plane: &ControlPlane) -> bool {
        let mut ranges = self.excluded.iter().chain(&control_plane.excluded);
        ranges.any(|(from, to)| (*from..=*to).contains(&port))
    }

    /// What in the pod keeps ports from the sidecar.
    pub(crate) fn excluded_by(&self) -> Option<&Cite<'s>> {
        self.excluded_by.as_ref()
    }
}

/// How each endpoint stands to a mesh, in the order of the world.
pub(crate) fn all<'s>(world: &World<'s>, control_plane: &ControlPlane) -> Vec<Option<Member<'s>>> {
    let services = Services::new(world);
    let endpoints = world.endpoints.iter();
    endpoints
        .map(|endpoint| member(world, &services, endpoint, control_plane))
        .collect()
}

fn member<'s>(
    world: &World<'s>,
    services: &Services<'s>,
    endpoint: &Endpoint<'s>,
    control_plane: &ControlPlane,
) -> Option<Member<'s>> {
    let namespace = world.namespace_at(endpoint.namespace)?;
    let template = endpoint.template;
    let is_sidecar = |name: &str| name == "kuma-sidecar";
    let sidecar = template.containers.iter().find(|one| is_sidecar(&one.name));
    let is_running = &*endpoint.object.reference.kind == "Pod" && template.node_name.is_some();
    let said = endpoint
        .label(INJECTION)
        .or_else(|| namespace.label(INJECTION));
    let is_asked = matches!(said, Some("enabled" | "true" | "yes"));
    let is_in = sidecar.is_some() || (is_asked && !is_running && !endpoint.is_host_network());
    if !is_in {
        return None;
    }
    let note = |key: &str| endpoint.annotation(key).map(|field| &*field.value);
    let above = |key: &str| namespace.object.and_then(|object| object.annotation(key));
    let mesh = endpoint.label(MESH).or_else(|| note(MESH));
    let mesh = mesh.or_else(|| namespace.label(MESH));
    let mesh = mesh.or_else(|| above(MESH).map(|field| &*field.value));
    let place = |key: &str| {
        let field = endpoint.annotation(key)?;
        let key = key.replace('/', "~1");
        let pointer = format!("{}/metadata/annotations/{key}", template.pointer);
        Some(cite(endpoint.object, &pointer, field.span))
    };
    let is_gateway = note(GATEWAY).is_some_and(|word| matches!(word, "enabled" | "true" | "yes"));
    let leading = services.of(world, endpoint);
    let inbounds = inbounds(endpoint, namespace.name, &leading, control_plane);
    let settings = format!("{STRICT_PORTS}=false");
    let is_told = sidecar.is_some_and(|one| {
        let mut variables = one.env.iter();
        variables.any(|one| {
            let is_false =
                matches!(&one.source, EnvSource::Literal(value) if &*value.value == "false");
            &*one.name == STRICT_PORTS && is_false
        })
    });
    Some(Member {
        mesh: mesh.unwrap_or("default").into(),
        namespace: namespace.name.into(),
        account: template.service_account().into(),
        name: endpoint.object.reference.name.clone(),
        labels: template.labels.clone(),
        tags: tags(endpoint, namespace.name, &inbounds),
        inbounds,
        gateway: place(GATEWAY).filter(|_| is_gateway),
        is_lax: is_told || note(SETTINGS).is_some_and(|text| text.contains(&settings)),
        excluded: note(EXCLUDE).map(ranges).unwrap_or_default(),
        excluded_by: place(EXCLUDE),
    })
}

/// Ports and ranges of ports.
pub(crate) fn ranges(text: &str) -> Vec<(u16, u16)> {
    let words = text.split(',');
    words
        .filter_map(|word| {
            let (from, to) = word.split_once('-').unwrap_or((word, word));
            Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
        })
        .collect()
}

/// The labels that are tags: all but Kuma's own.
fn own_tags(endpoint: &Endpoint<'_>) -> BTreeMap<Str, Str> {
    let labels = endpoint.template.labels.iter();
    labels
        .filter(|(key, value)| !value.is_empty() && !key.contains("kuma.io/"))
        .cloned()
        .collect()
}

fn inbounds(
    endpoint: &Endpoint<'_>,
    namespace: &str,
    leading: &[&Object],
    control_plane: &ControlPlane,
) -> Vec<Inbound> {
    let mut all: Vec<Inbound> = Vec::new();
    for service in leading {
        let name = &*service.reference.name;
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(Str::from);
        let spec = service.body().and_then(|body| body.get("spec"));
        let kind = spec.and_then(|spec| text(spec, "type"));
        let ignored = service.label("kuma.io/ignore").or_else(|| {
            let field = service.annotation("kuma.io/ignore");
            field.map(|field| &*field.value)
        });
        if kind.as_deref() == Some("ExternalName") || ignored == Some("true") {
            continue;
        }
        for node in service.items(&["spec", "ports"]) {
            let is_tcp = text(node, "protocol").is_none_or(|word| matches!(&*word, "" | "TCP"));
            let number = node.get("port").and_then(Node::as_i64);
            let target = node.get("targetPort").filter(|target| !target.is_null());
            let found = if let Some(word) = target.and_then(Node::as_str) {
                declared(endpoint, |name, _| name == Some(word))
            } else {
                let number = target.and_then(Node::as_i64).or(number);
                let number = number.and_then(|number| u16::try_from(number).ok());
                number.map(|number| {
                    let named = declared(endpoint, |_, port| port == number);
                    named.unwrap_or((number, None))
                })
            };
            let Some(((port, port_name), number)) = found.zip(number).filter(|_| is_tcp) else {
                continue;
            };
            let mut tags = own_tags(endpoint);
            let mut set = |key: &str, value: Str| tags.insert(key.into(), value);
            set(NAMESPACE, namespace.into());
            set("k8s.kuma.io/service-name", name.into());
            set("k8s.kuma.io/service-port", number.to_string().into());
            set(SERVICE, format!("{name}_{namespace}_svc_{number}").into());
            if let Some(zone) = &control_plane.zone {
                set("kuma.io/zone", zone.clone());
            }
            let protocol = text(node, "appProtocol").map(|word| word.to_ascii_lowercase());
            let key = format!("{number}.service.kuma.io/protocol");
            let noted = service
                .annotation(&key)
                .map(|field| field.value.to_string());
            let known = ["tcp", "http", "http2", "grpc", "kafka", "tls"];
            let protocol = protocol.filter(|word| known.contains(&word.as_str()));
            let protocol = protocol.or(noted).unwrap_or_else(|| "tcp".to_owned());
            set("kuma.io/protocol", protocol.into());
            match all.iter_mut().find(|one| one.port == port) {
                Some(known) => known.tags.push(tags),
                None => all.push(Inbound {
                    port,
                    name: port_name,
                    tags: vec![tags],
                }),
            }
        }
    }
    all
}

/// A port that the pod's own containers declare.
fn declared(
    endpoint: &Endpoint<'_>,
    is_it: impl Fn(Option<&str>, u16) -> bool,
) -> Option<(u16, Option<Str>)> {
    let own = endpoint.template.containers.iter();
    let own = own.filter(|container| container.kind == ContainerKind::Main);
    own.flat_map(|container| &container.ports).find_map(|port| {
        let number = u16::try_from(port.container_port.as_ref()?.value).ok()?;
        is_it(port.name.as_deref(), number).then(|| (number, port.name.clone()))
    })
}

/// The tags of a pod; without Services it is a service of its own name.
fn tags(endpoint: &Endpoint<'_>, namespace: &str, inbounds: &[Inbound]) -> Tags {
    let mut all = Tags::new();
    let mut add = |key: &str, value: Str| {
        all.entry(key.into()).or_default().insert(value);
    };
    for (key, value) in inbounds.iter().flat_map(|inbound| &inbound.tags).flatten() {
        add(key, value.clone());
    }
    if inbounds.is_empty() {
        for (key, value) in own_tags(endpoint) {
            add(&key, value);
        }
        let owner = &endpoint.workload.owner.name;
        add(NAMESPACE, namespace.into());
        add(SERVICE, format!("{owner}_{namespace}_svc").into());
        add("kuma.io/protocol", "tcp".into());
    }
    all
}
