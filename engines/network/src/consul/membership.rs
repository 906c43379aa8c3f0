//! Which pods are in Consul's mesh, as which services, and what their proxies see.
//!
//! The injector decides when a pod is made, by the pod's own annotation; a namespace can only
//! say whether proxies are transparent. Words that are no truth values make it refuse the pod,
//! which is then not there: such a pod counts as outside.

use super::settings::{Name, Settings};
use crate::istio::ports::Services;
use crate::world::{Endpoint, World};
use seawall_model::{Span, Str};
use seawall_snapshot::pod::ContainerKind;
use seawall_snapshot::{Container, Object};
use seawall_yaml::Node;

/// The annotation that says yes or no to a proxy.
const INJECT: &str = "consul.hashicorp.com/connect-inject";
/// The annotation that the injector leaves.
const STATUS: &str = "consul.hashicorp.com/connect-inject-status";
/// The annotation of gateways.
const GATEWAY: &str = "consul.hashicorp.com/gateway-kind";
/// The annotation, or label of a namespace, about the transparent proxy.
pub(crate) const TRANSPARENT: &str = "consul.hashicorp.com/transparent-proxy";
/// The annotation that keeps ports from the proxy.
pub(crate) const EXCLUDE: &str = "consul.hashicorp.com/transparent-proxy-exclude-inbound-ports";
/// The annotation that names the service.
const SERVICE: &str = "consul.hashicorp.com/connect-service";
/// The annotation that chooses among Services.
const KUBERNETES_SERVICE: &str = "consul.hashicorp.com/kubernetes-service";
/// The annotation that names the service's port.
const PORT: &str = "consul.hashicorp.com/connect-service-port";
/// The first port of the proxy's listeners; each further service has the next.
pub(crate) const LISTENER: u16 = 20000;

/// How a pod stands to the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// It has no proxy.
    Outside,
    /// It has one.
    Meshed,
    /// It is a gateway: it has an identity, and takes in whoever comes.
    Gateway,
}

/// What decided, and where it stands.
#[derive(Debug, Clone)]
pub struct Reason<'s> {
    /// In words.
    pub note: &'static str,
    /// In which object.
    pub object: &'s Object,
    /// JSON pointer of the piece.
    pub pointer: String,
    /// Where.
    pub span: Span,
}

/// A service that a pod is an instance of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// The port of the proxy that takes it.
    pub listener: u16,
    /// The application's ports behind it; `None` where nothing says them: it may be any.
    pub ports: Option<Vec<u16>>,
}

/// How an endpoint stands to the mesh.
#[derive(Debug)]
pub struct Member<'s> {
    /// How.
    pub place: Place,
    /// The services that it is an instance of.
    pub services: Vec<Service>,
    /// Names that it can prove.
    pub proves: Vec<Name>,
    /// Why what comes in is not turned to the proxy; `None` where it is.
    pub direct: Option<Reason<'s>>,
    /// Ports that are not turned to it, with what says so.
    pub excluded: Vec<(u16, Reason<'s>)>,
}

/// How each endpoint stands to the mesh, in the order of the world.
pub fn all<'s>(world: &World<'s>, settings: &Settings<'s>) -> Vec<Member<'s>> {
    let services = Services::new(world);
    let endpoints = world.endpoints.iter();
    endpoints
        .map(|endpoint| member(world, settings, &services, endpoint))
        .collect()
}

fn member<'s>(
    world: &World<'s>,
    settings: &Settings<'s>,
    kubernetes: &Services<'s>,
    endpoint: &Endpoint<'s>,
) -> Member<'s> {
    let namespace = world.namespace_at(endpoint.namespace);
    let home = namespace.map_or("", |namespace| namespace.name);
    let place = place(settings, endpoint, home);
    let mut member = Member {
        place,
        services: Vec::new(),
        proves: Vec::new(),
        direct: None,
        excluded: Vec::new(),
    };
    if place == Place::Outside {
        return member;
    }
    let leading = kubernetes.of(world, endpoint);
    member.services = services(settings, endpoint, home, &leading);
    member.proves = proofs(settings, endpoint, home, &member.services);
    if place == Place::Meshed {
        member.direct = direct(world, settings, endpoint);
        member.excluded = excluded(endpoint);
    }
    member
}

fn place(settings: &Settings<'_>, endpoint: &Endpoint<'_>, home: &str) -> Place {
    if endpoint
        .annotation(GATEWAY)
        .is_some_and(|f| !f.value.is_empty())
        || endpoint.label("gateway.consul.hashicorp.com/managed") == Some("true")
    {
        return Place::Gateway;
    }
    let has_proxy = endpoint.template.containers.iter().any(|container| {
        container.name.starts_with("consul-dataplane") || &*container.name == "envoy-sidecar"
    });
    let is_done = endpoint
        .annotation(STATUS)
        .is_some_and(|f| !f.value.is_empty());
    if has_proxy || is_done {
        return Place::Meshed;
    }
    // A running pod shows what was decided when it was made.
    let is_pod = &*endpoint.object.reference.kind == "Pod";
    let is_running = is_pod && endpoint.template.node_name.is_some();
    let is_left = matches!(home, "kube-system" | "kube-public")
        || settings.denied.iter().any(|name| &**name == home)
        || settings
            .allowed
            .as_ref()
            .is_some_and(|all| !all.iter().any(|name| &**name == home));
    if is_running || is_left {
        return Place::Outside;
    }
    let said = endpoint.annotation(INJECT).map(|field| truth(&field.value));
    match said {
        Some(Some(true)) => Place::Meshed,
        None if settings.injects_all => Place::Meshed,
        _ => Place::Outside,
    }
}

/// What Go takes for a truth value.
pub(crate) fn truth(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The services of a pod: those of its annotation, else its Services. Where neither is in the
/// picture the account stands in, which ACLs want to have the service's name.
fn services(
    settings: &Settings<'_>,
    endpoint: &Endpoint<'_>,
    home: &str,
    leading: &[&Object],
) -> Vec<Service> {
    let namespace = settings.tenancy.of(home);
    let name = |name: &str| Name {
        namespace: namespace.clone(),
        name: name.into(),
    };
    let annotated: Vec<&str> = endpoint
        .annotation(SERVICE)
        .into_iter()
        .flat_map(|field| field.value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let tokens = tokens(endpoint);
    if annotated.len() > 1 {
        // Each has its own port of the application and of the proxy.
        let numbered = annotated.iter().zip(0_u16..);
        return numbered
            .map(|(one, index)| Service {
                name: name(one),
                listener: LISTENER.saturating_add(index),
                ports: tokens
                    .get(usize::from(index))
                    .and_then(|token| port(endpoint, token))
                    .map(|port| vec![port]),
            })
            .collect();
    }
    let is_ignored = |service: &&&Object| {
        let label = service.label("consul.hashicorp.com/service-ignore");
        label.and_then(truth) != Some(true)
    };
    let chosen = endpoint.annotation(KUBERNETES_SERVICE);
    let is_chosen =
        |service: &&&Object| chosen.is_none_or(|field| field.value == service.reference.name);
    let leading: Vec<&Object> = leading
        .iter()
        .filter(is_ignored)
        .filter(is_chosen)
        .copied()
        .collect();
    let mut names: Vec<&str> = annotated;
    if names.is_empty() {
        names = leading.iter().map(|one| &*one.reference.name).collect();
    }
    if names.is_empty() {
        names.push(endpoint.template.service_account());
    }
    let ports = ports(endpoint, &tokens, &leading);
    names
        .into_iter()
        .map(|one| Service {
            name: name(one),
            listener: LISTENER,
            ports: ports.clone(),
        })
        .collect()
}

/// The ports that a pod's annotation names, as it names them.
fn tokens<'e>(endpoint: &'e Endpoint<'_>) -> Vec<&'e str> {
    let field = endpoint.annotation(PORT);
    let words = field.into_iter().flat_map(|field| field.value.split(','));
    words.map(str::trim).collect()
}

/// The ports behind the listener: those of the annotation, else those that the first container
/// declares, else those that Services lead to. Of several only Enterprise takes more than one;
/// which edition it is, nothing says.
fn ports(endpoint: &Endpoint<'_>, tokens: &[&str], leading: &[&Object]) -> Option<Vec<u16>> {
    let mut ports: Vec<u16> = if tokens.iter().any(|token| !token.is_empty()) {
        tokens
            .iter()
            .filter_map(|token| port(endpoint, token))
            .collect()
    } else {
        let mut containers = endpoint.template.containers.iter();
        let is_own = |one: &&Container| {
            one.kind == ContainerKind::Main && !one.name.starts_with("consul-dataplane")
        };
        let declared = containers
            .find(is_own)
            .into_iter()
            .flat_map(|one| &one.ports);
        declared
            .filter_map(|one| u16::try_from(one.container_port.as_ref()?.value).ok())
            .collect()
    };
    if ports.is_empty() {
        let served = leading
            .iter()
            .flat_map(|service| service.items(&["spec", "ports"]));
        ports = served
            .filter_map(|node| {
                let target = node.get("targetPort").filter(|target| !target.is_null());
                let target = target.or_else(|| node.get("port"))?;
                match (target.as_i64(), target.as_str()) {
                    (Some(number), _) => u16::try_from(number).ok(),
                    (_, Some(name)) => port(endpoint, name),
                    _ => None,
                }
            })
            .collect();
    }
    ports.retain(|port| *port > 0);
    ports.sort_unstable();
    ports.dedup();
    (!ports.is_empty()).then_some(ports)
}

/// A port by name or number.
fn port(endpoint: &Endpoint<'_>, word: &str) -> Option<u16> {
    let all = endpoint.template.containers.iter();
    let own = all.filter(|container| container.kind == ContainerKind::Main);
    let mut declared = own.flat_map(|container| &container.ports);
    let named = declared.find(|port| port.name.as_deref() == Some(word));
    let number = named.and_then(|port| u16::try_from(port.container_port.as_ref()?.value).ok());
    number
        .or_else(|| word.parse().ok())
        .filter(|port| *port > 0)
}

/// The names that a pod can prove. With ACLs its token gives it that of its account, too.
fn proofs(
    settings: &Settings<'_>,
    endpoint: &Endpoint<'_>,
    home: &str,
    services: &[Service],
) -> Vec<Name> {
    let namespace = settings.tenancy.of(home);
    let gateway = endpoint.annotation("consul.hashicorp.com/gateway-consul-service-name");
    let api = endpoint.label("gateway.consul.hashicorp.com/name");
    let own = gateway
        .map(|field| field.value.clone())
        .or_else(|| api.map(Str::from));
    let account = Some(endpoint.template.service_account());
    let account = account.filter(|name| settings.acls == Some(true) && *name != "default");
    let mut names: Vec<Name> = match own {
        Some(name) => vec![Name {
            namespace: namespace.clone(),
            name,
        }],
        None => services.iter().map(|one| one.name.clone()).collect(),
    };
    names.extend(account.map(|name| Name {
        namespace,
        name: name.into(),
    }));
    names.sort();
    names.dedup();
    names
}

/// Why what comes to a pod is not turned to its proxy.
fn direct<'s>(
    world: &World<'s>,
    settings: &Settings<'s>,
    endpoint: &Endpoint<'s>,
) -> Option<Reason<'s>> {
    let here = |note, path: &str, span| Reason {
        note,
        object: endpoint.object,
        pointer: format!("{}{path}", endpoint.template.pointer),
        span,
    };
    if let Some(field) = endpoint.template.host_network.as_ref().filter(|f| f.value) {
        let note = "it is in its node's network, where nothing is turned to the proxy";
        return Some(here(note, "/spec/hostNetwork", field.span));
    }
    let path = format!("/metadata/annotations/{}", TRANSPARENT.replace('/', "~1"));
    if let Some(field) = endpoint.annotation(TRANSPARENT) {
        let note = "its annotation turns the transparent proxy off";
        return (truth(&field.value) == Some(false)).then(|| here(note, &path, field.span));
    }
    let namespace = world.namespace_at(endpoint.namespace)?;
    let said = namespace
        .object
        .and_then(|object| Some((object, object.label(TRANSPARENT)?)));
    if let Some((object, word)) = said {
        let labels = object
            .body()
            .and_then(|body| body.at(&["metadata", "labels", TRANSPARENT]));
        let span = labels.map_or(object.name_span, |node: &Node| node.span);
        return (truth(word) == Some(false)).then(|| Reason {
            note: "the label of its namespace turns the transparent proxy off",
            object,
            pointer: format!("/metadata/labels/{}", TRANSPARENT.replace('/', "~1")),
            span,
        });
    }
    let note = "the injector makes no proxy transparent that is not told to be";
    (!settings.transparent).then(|| here(note, "", endpoint.object.name_span))
}

fn excluded<'s>(endpoint: &Endpoint<'s>) -> Vec<(u16, Reason<'s>)> {
    let Some(field) = endpoint.annotation(EXCLUDE) else {
        return Vec::new();
    };
    let ports = field
        .value
        .split(',')
        .filter_map(|word| word.trim().parse().ok());
    let reason = |port| {
        let key = EXCLUDE.replace('/', "~1");
        let reason = Reason {
            note: "an annotation keeps the port from the proxy",
            object: endpoint.object,
            pointer: format!("{}/metadata/annotations/{key}", endpoint.template.pointer),
            span: field.span,
        };
        (port, reason)
    };
    ports.map(reason).collect()
}
