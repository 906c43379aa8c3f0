//! Services: which pods are behind them, and how the outside gets to them.

use crate::reach::{Cidr, Protocol};
use crate::world::{EndpointId, World};
use seawall_model::{Span, Str};
use seawall_snapshot::{LabelSelector, Object, service};
use seawall_yaml::{Node, Value};
use std::collections::HashMap;

/// One port of a Service.
#[derive(Debug, Clone)]
pub(crate) struct ServicePort {
    pub(crate) name: Str,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    target: Target,
    pub(crate) pointer: String,
    pub(crate) span: Span,
}

/// The pods' port behind a Service's.
#[derive(Debug, Clone)]
enum Target {
    Number(u16),
    Name(Str),
}

/// A Service as far as the way in goes.
#[derive(Debug)]
pub(crate) struct Service<'s> {
    pub(crate) object: &'s Object,
    pub(crate) ports: Vec<ServicePort>,
    pub(crate) endpoints: Vec<EndpointId>,
    pub(crate) kind: Str,
    pub(crate) kind_span: Option<Span>,
    /// Whether it takes traffic to addresses of its own choice.
    pub(crate) external_ips: Option<Span>,
    /// The blocks that may use its load balancer; empty is everyone.
    pub(crate) sources: Vec<Cidr>,
    /// Whether its load balancer is for the network around the cluster only.
    pub(crate) is_internal: bool,
}

/// All Services of a world, by namespace and name.
#[derive(Debug, Default)]
pub(crate) struct Services<'s> {
    pub(crate) all: Vec<Service<'s>>,
    by_name: HashMap<(&'s str, &'s str), usize>,
}

impl<'s> Services<'s> {
    pub(crate) fn new(world: &World<'s>) -> Self {
        let mut services = Self::default();
        let mut members: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, endpoint) in world.endpoints.iter().enumerate() {
            if let Some(space) = world.namespace_at(endpoint.namespace) {
                members.entry(space.name).or_default().push(index);
            }
        }
        for object in world.of_kind("", "Service") {
            let in_space = members
                .get(object.namespace())
                .map_or(&[][..], Vec::as_slice);
            let Some(service) = read(object, world, in_space) else {
                continue;
            };
            let key = (object.namespace(), &*object.reference.name);
            services.by_name.insert(key, services.all.len());
            services.all.push(service);
        }
        services
    }

    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<&Service<'s>> {
        self.all.get(*self.by_name.get(&(namespace, name))?)
    }

    /// A Service by the name that clients use: `web`, `web.shop`, `web.shop.svc.cluster.local`.
    pub(crate) fn by_host(&self, host: &str, namespace: &str) -> Option<&Service<'s>> {
        let mut parts = host.split('.');
        let name = parts.next()?;
        match (parts.next(), parts.next()) {
            (None, _) => self.find(namespace, name),
            (Some(space), None | Some("svc")) => self.find(space, name),
            _ => None,
        }
    }
}

/// The blocks that Services name for their load balancers.
pub(crate) fn blocks(world: &World<'_>) -> Vec<Cidr> {
    let services = world.of_kind("", "Service").iter();
    services.flat_map(|object| sources(object)).collect()
}

fn sources(object: &Object) -> Vec<Cidr> {
    let ranges = object.items(&["spec", "loadBalancerSourceRanges"]);
    let ranges = ranges.iter().filter_map(Node::as_str);
    ranges.filter_map(|text| Cidr::read(text.trim())).collect()
}

fn read<'s>(object: &'s Object, world: &World<'_>, in_space: &[usize]) -> Option<Service<'s>> {
    let spec = object.body()?.get("spec")?;
    let ports = object.items(&["spec", "ports"]);
    let ports = ports
        .iter()
        .enumerate()
        .filter_map(|(i, node)| port(i, node));
    let selector = spec.get("selector").and_then(LabelSelector::read_map);
    let selector = selector.filter(|s| !s.requirements.is_empty());
    let endpoints = selector.map_or_else(Vec::new, |selector| {
        let chosen = in_space.iter().filter(|index| {
            let endpoint = world.endpoints.get(**index);
            endpoint.is_some_and(|e| selector.matches(&e.template.labels))
        });
        chosen
            .filter_map(|index| u32::try_from(*index).ok())
            .map(EndpointId)
            .collect()
    });
    let kind = spec.get("type");
    let external = object
        .items(&["spec", "externalIPs"])
        .first()
        .map(|node| node.span);
    Some(Service {
        object,
        ports: ports.collect(),
        endpoints,
        kind: kind.and_then(Node::as_str).unwrap_or("ClusterIP").into(),
        kind_span: kind.map(|node| node.span),
        external_ips: external,
        sources: sources(object),
        is_internal: service::is_internal(object),
    })
}

pub(super) fn port(index: usize, node: &Node) -> Option<ServicePort> {
    let number = |key: &str| u16::try_from(node.get(key)?.as_i64()?).ok();
    let text = |key: &str| node.get(key).and_then(Node::as_str);
    let port = number("port")?;
    let protocol = text("protocol").map_or(Some(Protocol::Tcp), Protocol::named)?;
    let target = match node.get("targetPort").map(|node| &node.value) {
        // Text of digits is a number to whatever reads it.
        Some(Value::String(name)) => match name.parse() {
            Ok(number) => Target::Number(number),
            Err(_) => Target::Name(name.clone()),
        },
        _ => Target::Number(number("targetPort").filter(|n| *n > 0).unwrap_or(port)),
    };
    Some(ServicePort {
        name: text("name").unwrap_or_default().into(),
        protocol,
        port,
        target,
        pointer: format!("/spec/ports/{index}"),
        span: node.span,
    })
}

impl ServicePort {
    /// The port of an endpoint that it leads to; none when the pod has no port of that name.
    pub(crate) fn target(&self, world: &World<'_>, endpoint: EndpointId) -> Option<u16> {
        match &self.target {
            Target::Number(number) => Some(*number),
            Target::Name(name) => {
                let names = world.endpoint_at(endpoint)?.named_ports();
                let known = names.get(name)?;
                let mut known = known.iter().filter(|(p, _)| *p == self.protocol);
                known.next().map(|(_, number)| *number)
            }
        }
    }
}

impl Service<'_> {
    /// The port of a number or name; the only one without either.
    pub(crate) fn port(&self, wanted: &Wanted<'_>) -> Option<&ServicePort> {
        let mut ports = self.ports.iter();
        match wanted {
            Wanted::Number(number) => ports.find(|port| i64::from(port.port) == *number),
            Wanted::Name(name) => ports.find(|port| &*port.name == *name),
            Wanted::Only => ports.next().filter(|_| self.ports.len() == 1),
        }
    }
}

/// How a route names a Service's port.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'n> {
    Number(i64),
    Name(&'n str),
    /// It does not; the Service has one.
    Only,
}
