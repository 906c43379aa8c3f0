//! Gateway API: listeners of Gateways, and the routes that attach to them.
//!
//! A route attaches where its `parentRefs` name a listener that takes routes of its kind and
//! namespace and shares a host with it. A backend in another namespace needs a ReferenceGrant
//! there.

use super::{BackendPort, Link, Route, Services, endpoints_where};
use crate::places::Peer;
use crate::policy::At;
use crate::selection::{Certainty, certainty};
use crate::world::World;
use seawall_model::Str;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

const GROUP: &str = "gateway.networking.k8s.io";

/// Kinds of routes, with the protocols of listeners that take them unasked.
const KINDS: [(&str, &[&str]); 5] = [
    ("HTTPRoute", &["HTTP", "HTTPS"]),
    ("GRPCRoute", &["HTTP", "HTTPS"]),
    ("TLSRoute", &["TLS"]),
    ("TCPRoute", &["TCP", "TLS"]),
    ("UDPRoute", &["UDP"]),
];

/// One listener of a Gateway.
struct Listener<'s> {
    gateway: &'s Object,
    at: At<'s>,
    name: &'s str,
    port: Option<u16>,
    protocol: &'s str,
    host: Option<&'s str>,
}

pub(super) fn routes<'s>(world: &World<'s>, services: &Services<'s>) -> Vec<Route<'s>> {
    let mut routes = Vec::new();
    for gateway in world.of_kind(GROUP, "Gateway") {
        let through = proxies(gateway, world, services);
        for listener in listeners(gateway) {
            for (kind, _) in KINDS {
                for route in world.of_kind(GROUP, kind) {
                    attach(route, &listener, &through, world, &mut routes);
                }
            }
        }
    }
    routes
}

fn spec(object: &Object) -> Option<At<'_>> {
    At::root(object.body()?).map("spec").ok()?
}

fn listeners(gateway: &Object) -> Vec<Listener<'_>> {
    let Some(spec) = spec(gateway) else {
        return Vec::new();
    };
    let items = spec.maps("listeners").unwrap_or_default();
    items
        .into_iter()
        .map(|at| Listener {
            gateway,
            name: at.text("name").ok().flatten().unwrap_or_default(),
            port: at.port("port").ok().flatten(),
            protocol: at.text("protocol").ok().flatten().unwrap_or_default(),
            host: at.text("hostname").ok().flatten().filter(|h| !h.is_empty()),
            at,
        })
        .collect()
}

/// The pods behind a Gateway: those that carry its name, those of the Service that it names as
/// its address or that is named for it, or else the stand-in.
fn proxies(gateway: &Object, world: &World<'_>, services: &Services<'_>) -> Vec<Peer> {
    let name = &gateway.reference.name;
    let own = world.namespace(gateway.namespace());
    let labelled = endpoints_where(world, |endpoint| {
        let labels = endpoint.template.labels.iter();
        let mut names =
            labels.filter(|(key, _)| &**key == "gateway.networking.k8s.io/gateway-name");
        Some(endpoint.namespace) == own && names.any(|(_, value)| value == name)
    });
    if !labelled.is_empty() {
        return labelled;
    }
    let spec = spec(gateway);
    let addresses = spec
        .as_ref()
        .map(|spec| spec.maps("addresses").unwrap_or_default());
    let named = addresses
        .into_iter()
        .flatten()
        .filter_map(|at| at.text("value").ok()?);
    let class = spec
        .as_ref()
        .and_then(|spec| spec.text("gatewayClassName").ok()?);
    let made = class.map(|class| format!("{name}-{class}"));
    let hosts = named.map(str::to_owned).chain(made);
    for host in hosts {
        let service = services.by_host(&host, gateway.namespace());
        if let Some(service) = service.filter(|service| !service.endpoints.is_empty()) {
            return service
                .endpoints
                .iter()
                .copied()
                .map(Peer::Endpoint)
                .collect();
        }
    }
    vec![Peer::Controller]
}

fn attach<'s>(
    route: &'s Object,
    listener: &Listener<'s>,
    through: &[Peer],
    world: &World<'s>,
    routes: &mut Vec<Route<'s>>,
) {
    let Some(spec) = spec(route) else { return };
    let parents = spec.maps("parentRefs").unwrap_or_default();
    if !parents.iter().any(|parent| names(parent, listener, route))
        || !takes(listener, route, world)
    {
        return;
    }
    let own: Vec<&str> = spec
        .texts("hostnames")
        .unwrap_or_default()
        .iter()
        .filter_map(|at| at.node.as_str())
        .collect();
    let Some(hosts) = shared_hosts(listener.host, &own) else {
        return;
    };
    for rule in spec.maps("rules").unwrap_or_default() {
        let requests = requests(&rule);
        for backend in rule.maps("backendRefs").unwrap_or_default() {
            let Some(to) = target(&backend, route, world) else {
                continue;
            };
            let link = |object, at: &At<'_>| Link {
                object,
                pointer: at.pointer.clone(),
                span: at.span(),
            };
            routes.push(Route {
                through: through.to_vec(),
                listens: listener.port,
                hosts: hosts.clone(),
                requests: requests.clone(),
                is_encrypted: matches!(listener.protocol, "HTTPS" | "TLS"),
                links: vec![link(listener.gateway, &listener.at), link(route, &backend)],
                to,
            });
        }
    }
}

/// Whether a parent of a route is a listener.
fn names(parent: &At<'_>, listener: &Listener<'_>, route: &Object) -> bool {
    let text = |key: &str| parent.text(key).ok().flatten();
    text("group").unwrap_or(GROUP) == GROUP
        && text("kind").unwrap_or("Gateway") == "Gateway"
        && text("name") == Some(&*listener.gateway.reference.name)
        && text("namespace").unwrap_or(route.namespace()) == listener.gateway.namespace()
        && text("sectionName").is_none_or(|name| name == listener.name)
        && parent
            .port("port")
            .ok()
            .flatten()
            .is_none_or(|p| Some(p) == listener.port)
}

/// Whether a listener takes a route of this kind and namespace.
fn takes(listener: &Listener<'_>, route: &Object, world: &World<'_>) -> bool {
    let kind = &*route.reference.kind;
    let allowed = listener.at.map("allowedRoutes").ok().flatten();
    let kinds = allowed
        .as_ref()
        .map(|at| at.maps("kinds").unwrap_or_default());
    let kinds: Vec<&str> = kinds
        .iter()
        .flatten()
        .filter_map(|at| at.text("kind").ok()?)
        .collect();
    let by_protocol = || {
        let known = KINDS.iter().find(|(name, _)| *name == kind);
        known.is_some_and(|(_, protocols)| protocols.contains(&listener.protocol))
    };
    let kind_fits = if kinds.is_empty() {
        by_protocol()
    } else {
        kinds.contains(&kind)
    };
    let spaces = allowed.and_then(|at| at.map("namespaces").ok()?);
    let from = spaces
        .as_ref()
        .and_then(|at| at.text("from").ok()?)
        .unwrap_or("Same");
    kind_fits
        && match from {
            "All" => true,
            "Same" => route.namespace() == listener.gateway.namespace(),
            "Selector" => {
                let selector = spaces.as_ref().and_then(|at| at.get("selector"));
                let selector = selector.and_then(|at| LabelSelector::read(at.node));
                let space = world.namespace(route.namespace());
                let space = space.and_then(|id| world.namespace_at(id));
                // Where labels are not known the route may attach.
                selector.zip(space).is_some_and(|(selector, space)| {
                    let complete = space.object.is_some();
                    certainty(&selector, &space.labels, complete) != Certainty::No
                })
            }
            _ => false,
        }
}

/// The hosts that listener and route have in common: none of either is any host, and then an
/// empty list; nothing when they have no host in common.
fn shared_hosts(listener: Option<&str>, own: &[&str]) -> Option<Vec<Str>> {
    match (listener, own) {
        (None, own) => Some(own.iter().map(|host| Str::from(*host)).collect()),
        (Some(host), []) => Some(vec![host.into()]),
        (Some(host), own) => {
            let meets = own.iter().filter(|other| super::hosts_meet(host, other));
            // Of two patterns the narrower one is what they have in common.
            let narrow = meets.map(|other| {
                if other.len() < host.len() {
                    host
                } else {
                    other
                }
            });
            let hosts: Vec<Str> = narrow.map(Str::from).collect();
            (!hosts.is_empty()).then_some(hosts)
        }
    }
}

fn requests(rule: &At<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for case in rule.maps("matches").unwrap_or_default() {
        let mut words: Vec<String> = Vec::new();
        if let Ok(Some(path)) = case.map("path") {
            let value = path.text("value").ok().flatten().unwrap_or("/");
            match path.text("type").ok().flatten().unwrap_or("PathPrefix") {
                "Exact" => words.push(format!("path {value}")),
                "PathPrefix" if value == "/" => {}
                "PathPrefix" => words.push(format!("paths from {value}")),
                _ => words.push(format!("path like {value}")),
            }
        }
        match case.get("method") {
            Some(at) if at.node.as_str().is_some() => {
                words.push(format!("method {}", at.node.as_str().unwrap_or_default()));
            }
            Some(at) => {
                let part = |key: &str| at.get(key).and_then(|at| Node::as_str(at.node));
                let service = part("service").unwrap_or("*");
                let method = part("method").unwrap_or("*");
                words.push(format!("gRPC {service}/{method}"));
            }
            None => {}
        }
        if case.get("headers").is_some() || case.get("queryParams").is_some() {
            words.push("with certain headers or parameters".to_owned());
        }
        if words.is_empty() {
            return Vec::new(); // one of the cases is any request
        }
        all.push(words.join(", "));
    }
    all
}

/// The Service of a backend, if the route may name it.
fn target<'s>(
    backend: &At<'s>,
    route: &'s Object,
    world: &World<'s>,
) -> Option<(&'s str, &'s str, Option<BackendPort>)> {
    let text = |key: &str| backend.text(key).ok().flatten();
    if text("kind").unwrap_or("Service") != "Service" || !text("group").unwrap_or("").is_empty() {
        return None;
    }
    let name = text("name")?;
    let space = text("namespace").unwrap_or(route.namespace());
    if space != route.namespace() && !is_granted(route, space, name, world) {
        return None;
    }
    let weight = backend.number("weight").ok().flatten();
    let port = backend.number("port").ok().flatten();
    (weight != Some(0)).then_some((space, name, port.map(BackendPort::Number)))
}

/// Whether a ReferenceGrant of the Service's namespace lets the route name it.
fn is_granted(route: &Object, space: &str, name: &str, world: &World<'_>) -> bool {
    let grants = world.of_kind(GROUP, "ReferenceGrant").iter();
    let mut grants = grants.filter(|grant| grant.namespace() == space);
    grants.any(|grant| {
        let Some(spec) = spec(grant) else {
            return false;
        };
        let has = |list: &str, test: &dyn Fn(&At<'_>) -> bool| {
            spec.maps(list).unwrap_or_default().iter().any(test)
        };
        let text = |at: &At<'_>, key: &str, wanted: &str| {
            at.text(key).ok().flatten().unwrap_or_default() == wanted
        };
        has("from", &|from| {
            text(from, "group", GROUP)
                && text(from, "kind", &route.reference.kind)
                && text(from, "namespace", route.namespace())
        }) && has("to", &|to| {
            let named = to
                .text("name")
                .ok()
                .flatten()
                .filter(|name| !name.is_empty());
            text(to, "group", "")
                && text(to, "kind", "Service")
                && named.is_none_or(|named| named == name)
        })
    })
}
