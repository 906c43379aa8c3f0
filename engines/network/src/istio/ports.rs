//! Which protocol the mesh thinks a port speaks. The Services that lead to it say so, by the
//! port's `appProtocol` or by the first word of its name; where they don't, the proxy looks at
//! the first bytes, and then it is the client who chooses.

use crate::world::{Endpoint, World};
use seawall_model::Span;
use seawall_snapshot::LabelSelector;
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::HashMap;

/// What a proxy takes the traffic of a port for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Requests with methods, paths and headers.
    Http,
    /// Bytes. Policies about requests do not apply.
    Tcp,
    /// The proxy finds out, or several Services disagree: the cautious reading is both.
    Either,
}

/// A port of an endpoint as the mesh sees it.
#[derive(Debug, Clone)]
pub struct MeshPort<'s> {
    /// The container's port.
    pub number: u16,
    /// What the proxy takes it for.
    pub protocol: Protocol,
    /// Services that lead to it.
    pub services: Vec<&'s Object>,
    /// Where it is declared.
    pub span: Span,
}

/// The Services of a world, by namespace and with what they select.
#[derive(Debug)]
pub struct Services<'s> {
    by_namespace: HashMap<&'s str, Vec<(LabelSelector, &'s Object)>>,
}

impl<'s> Services<'s> {
    /// Reads them off a world.
    pub fn new(world: &World<'s>) -> Self {
        let mut by_namespace: HashMap<&'s str, Vec<(LabelSelector, &'s Object)>> = HashMap::new();
        for service in world.of_kind("", "Service").iter().copied() {
            let node = service
                .body()
                .and_then(|body| body.at(&["spec", "selector"]));
            let selector = node.and_then(LabelSelector::read_map);
            // Without a selector somebody else writes its endpoints.
            if let Some(selector) = selector.filter(|one| !one.requirements.is_empty()) {
                let all = by_namespace.entry(service.namespace()).or_default();
                all.push((selector, service));
            }
        }
        Self { by_namespace }
    }

    /// Those that lead to an endpoint.
    pub fn of(&self, world: &World<'s>, endpoint: &Endpoint<'s>) -> Vec<&'s Object> {
        let namespace = world.namespace_at(endpoint.namespace);
        let all = namespace.and_then(|namespace| self.by_namespace.get(namespace.name));
        let all = all.into_iter().flatten();
        let fitting = all.filter(|(selector, _)| selector.matches(&endpoint.template.labels));
        fitting.map(|(_, service)| *service).collect()
    }
}

/// The TCP ports of an endpoint: those its containers declare and those that Services lead to,
/// by number. The proxy's own container counts only at a gateway.
pub fn of<'s>(endpoint: &Endpoint<'s>, services: &[&'s Object]) -> Vec<MeshPort<'s>> {
    let mut ports: Vec<MeshPort<'s>> = Vec::new();
    let containers = &endpoint.template.containers;
    let several = containers.len() > 1;
    for container in containers {
        if several && &*container.name == "istio-proxy" {
            continue;
        }
        for port in &container.ports {
            let is_tcp = port
                .protocol
                .as_deref()
                .is_none_or(|protocol| protocol == "TCP");
            let number = port.container_port.as_ref().filter(|_| is_tcp);
            let Some((number, span)) = number.and_then(|f| Some((port_number(f.value)?, f.span)))
            else {
                continue;
            };
            if !ports.iter().any(|known| known.number == number) {
                ports.push(MeshPort {
                    number,
                    protocol: Protocol::Either,
                    services: Vec::new(),
                    span,
                });
            }
        }
    }
    let mut said: Vec<(u16, Protocol)> = Vec::new();
    for service in services.iter().copied() {
        for port in service_ports(service) {
            let Some(number) = target(endpoint, port) else {
                continue;
            };
            if port
                .get("protocol")
                .and_then(Node::as_str)
                .is_some_and(|p| p != "TCP")
            {
                continue;
            }
            said.push((number, protocol(port)));
            match ports.iter_mut().find(|known| known.number == number) {
                Some(known) => known.services.push(service),
                None => ports.push(MeshPort {
                    number,
                    protocol: Protocol::Either,
                    services: vec![service],
                    span: port.span,
                }),
            }
        }
    }
    for port in &mut ports {
        let mut all = said.iter().filter(|(number, _)| *number == port.number);
        if let Some((_, first)) = all.next()
            && all.all(|(_, other)| other == first)
        {
            port.protocol = *first;
        }
    }
    ports.sort_by_key(|port| port.number);
    ports
}

fn service_ports(service: &Object) -> &[Node] {
    let ports = service.body().and_then(|body| body.at(&["spec", "ports"]));
    ports.and_then(Node::as_seq).unwrap_or_default()
}

fn port_number(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number > 0)
}

/// The container's port that a Service's port leads to.
fn target(endpoint: &Endpoint<'_>, port: &Node) -> Option<u16> {
    match port.get("targetPort").filter(|node| !node.is_null()) {
        None => port
            .get("port")
            .and_then(Node::as_i64)
            .and_then(port_number),
        Some(node) => match (node.as_i64(), node.as_str()) {
            (Some(number), _) => port_number(number),
            (_, Some(name)) => {
                let mut all = endpoint.template.containers.iter().flat_map(|c| &c.ports);
                let found = all.find(|port| port.name.as_deref() == Some(name))?;
                port_number(found.container_port.as_ref()?.value)
            }
            _ => None,
        },
    }
}

fn protocol(port: &Node) -> Protocol {
    let said = port.get("appProtocol").and_then(Node::as_str);
    let name = port.get("name").and_then(Node::as_str);
    let word = said
        .map(|protocol| match protocol {
            "kubernetes.io/h2c" | "kubernetes.io/ws" => "http2",
            "kubernetes.io/wss" => "https",
            other => other,
        })
        .or_else(|| name.map(|name| name.split('-').next().unwrap_or_default()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    match word.as_str() {
        "http" | "http2" | "grpc" | "grpc-web" => Protocol::Http,
        "tcp" | "tls" | "https" | "mongo" | "mysql" | "redis" | "udp" => Protocol::Tcp,
        _ => Protocol::Either,
    }
}
