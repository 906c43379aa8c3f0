//! IST-GW-13, 15, 17, 18 and 19: what gateways lead to, whose word they take, and how they are
//! set up where the outside meets them.

use super::{Exposure, exposure, pods};
use crate::checks::meshes::istio::coverage::has_policy;
use crate::checks::meshes::istio::{Scene, Subject, control_plane};
use crate::checks::meshes::{Report, get, place, texts};
use crate::istio::NETWORKING;
use crate::istio::authorization::{Action, Key, Policy, Rule};
use crate::istio::membership::Place;
use crate::istio::mesh::{Part, nested};
use crate::network::Network;
use crate::places::Peer;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::Entry;
use seawall_model::{Proof, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::{Node, to_json};

const RULES: [Id; 4] = [Id::IST_GW_15, Id::IST_GW_17, Id::IST_GW_18, Id::IST_GW_19];

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let services = scene.world.of_kind(NETWORKING, "VirtualService");
    report.assess(&[Id::IST_GW_13], services.len());
    for service in services.iter().copied() {
        administration(scene, service, report);
    }
    old_http(scene, report);
    for subject in scene.subjects.iter().filter(|s| s.place == Place::Gateway) {
        report.assess_each(&RULES);
        proxy_protocol(scene, network, subject, report);
        hidden_clients(scene, subject, report);
        beside_control_plane(scene, subject, report);
        unlimited(scene, subject, report);
    }
}

/// Services that administer something, by the beginnings of their names.
const ADMINISTRATION: [&str; 21] = [
    "kiali",
    "grafana",
    "prometheus",
    "alertmanager",
    "jaeger",
    "tracing",
    "zipkin",
    "kibana",
    "argocd-server",
    "argo-cd-argocd-server",
    "argo-server",
    "kubernetes-dashboard",
    "headlamp",
    "tekton-dashboard",
    "longhorn-frontend",
    "phpmyadmin",
    "pgadmin",
    "adminer",
    "mongo-express",
    "redis-commander",
    "rancher",
];

/// Paths that show or change the inside of a service.
const PATHS: [&str; 8] = [
    "/actuator",
    "/metrics",
    "/debug",
    "/jolokia",
    "/h2-console",
    "/heapdump",
    "/server-status",
    "/config_dump",
];

/// IST-GW-13: a route from a gateway to what only administrators need.
fn administration(scene: &Scene<'_, '_>, service: &Object, report: &mut Report) {
    let gateways = of_service(scene, service);
    if gateways.is_empty() {
        return;
    }
    let Some((what, pointer, span)) = leads_to(service) else {
        return;
    };
    let pods: Vec<&Subject<'_, '_>> = gateways.iter().flat_map(|g| pods(scene, g)).collect();
    let asks = |policy: &Policy<'_>| match policy.action {
        Action::Custom(_) | Action::Deny => true,
        Action::Allow => !policy.rules.iter().any(Rule::is_empty),
        Action::Audit => false,
    };
    let is_asked = !pods.is_empty() && pods.iter().all(|pod| has_policy(scene, pod, asks));
    let severity = exposure(&pods).weighed(Severity::High);
    let (severity, effect) = if is_asked {
        (severity.lowered(), "only its own policies stand before it")
    } else {
        (severity, "nobody is asked who it is")
    };
    let message = format!("a gateway leads to {what}: {effect}");
    let fix = "Remove the route, and reach it by kubectl port-forward or behind a login".to_owned();
    let locus = place(service, &pointer, Some(span));
    let draft = Draft::new(Id::IST_GW_13, locus, message, fix).severity(severity);
    report.add(service, draft);
}

/// The Gateways that a VirtualService is bound to; none where it is for the mesh alone.
fn of_service<'s>(scene: &Scene<'_, 's>, service: &Object) -> Vec<&'s Object> {
    let names = texts(get(service, &["spec", "gateways"]));
    let all = scene.world.of_kind(NETWORKING, "Gateway").iter().copied();
    all.filter(|gateway| {
        let mut names = names.iter();
        names.any(|name| {
            let full = name.split_once('/').unwrap_or((service.namespace(), *name));
            full == (gateway.namespace(), &*gateway.reference.name)
        })
    })
    .collect()
}

/// The first thing of administrators that a VirtualService leads to.
fn leads_to(service: &Object) -> Option<(String, String, Span)> {
    let rules = service.items(&["spec", "http"]).iter().enumerate();
    rules.into_iter().find_map(|(index, rule)| {
        let routes = rule.get("route").and_then(Node::as_seq).unwrap_or_default();
        let by_host = routes.iter().enumerate().find_map(|(place, to)| {
            let node = to.at(&["destination", "host"])?;
            let name = node.as_str()?.split('.').next()?;
            let mut known = ADMINISTRATION.into_iter();
            let is_known = known.any(|start| {
                let rest = name.strip_prefix(start);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            });
            // Other clusters have to reach the control plane, but not its inside.
            let port = to.at(&["destination", "port", "number"]);
            let port = port.and_then(Node::as_i64);
            let is_inside = name == "istiod" && matches!(port, Some(8080 | 15010 | 15014));
            let pointer = format!("/spec/http/{index}/route/{place}/destination/host");
            (is_known || is_inside).then(|| (name.to_owned(), pointer, node.span))
        });
        by_host.or_else(|| {
            let cases = rule.get("match").and_then(Node::as_seq).unwrap_or_default();
            cases.iter().enumerate().find_map(|(place, case)| {
                let uri = case.get("uri")?;
                let node = uri.get("prefix").or_else(|| uri.get("exact"))?;
                let path = node.as_str()?;
                let mut known = PATHS.into_iter();
                known.find(|start| path.starts_with(start))?;
                // Answering by itself leads nowhere.
                rule.get("route")?;
                let pointer = format!("/spec/http/{index}/match/{place}/uri");
                Some((format!("path {path}"), pointer, node.span))
            })
        })
    })
}

/// A setting of a gateway's topology: its own, else the mesh's.
fn topology(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, key: &str) -> Option<(Node, Span)> {
    let path = ["gatewayTopology", key];
    let field = subject.endpoint.annotation("proxy.istio.io/config");
    let own = field.and_then(|field| {
        let tree = nested(&field.value, field.span);
        tree.at(&path).cloned()
    });
    let of_mesh = || {
        let mut configs = scene.istio.mesh.configs.iter();
        configs.find_map(|config| {
            config
                .get(&["defaultConfig", "gatewayTopology", key])
                .cloned()
        })
    };
    let node = own.or_else(of_mesh).filter(|node| !node.is_null())?;
    let span = node.span;
    Some((node, span))
}

/// Whether a policy compares addresses.
fn compares_addresses(policy: &Policy<'_>) -> bool {
    let mut checks = policy.rules.iter().flat_map(Rule::checks);
    checks.any(|check| matches!(check.key, Key::IpBlocks | Key::RemoteIpBlocks))
}

/// IST-GW-15: the header that a load balancer writes, where others can write it.
fn proxy_protocol(
    scene: &Scene<'_, '_>,
    network: &Network<'_, '_>,
    subject: &Subject<'_, '_>,
    report: &mut Report,
) {
    let Some((_, span)) = topology(scene, subject, "proxyProtocol") else {
        return;
    };
    let mut ways = network.exposure().iter();
    let bare = ways.find(|way| {
        let is_bare = matches!(
            way.entry,
            Entry::NodePort | Entry::HostPort | Entry::HostNetwork
        );
        way.endpoint == subject.id && way.through.is_none() && is_bare && way.is_open()
    });
    let mut others = scene.subjects.iter().filter(|s| s.id != subject.id);
    let mut pod = || {
        others.find(|other| {
            let open = network.below_layers(Peer::Endpoint(other.id), Peer::Endpoint(subject.id));
            let open = open.any();
            let mut ports = subject.ports.iter();
            ports.any(|port| open.has(Protocol::Tcp, port.number))
        })
    };
    let (who, severity) = match bare {
        Some(way) => (
            format!("the internet ({})", way.entry.name()),
            Severity::High,
        ),
        None => match pod() {
            Some(other) => (network.name(Peer::Endpoint(other.id)), Severity::Medium),
            None => return,
        },
    };
    // Where nothing compares addresses, only logs are wrong.
    let severity = if has_policy(scene, subject, compares_addresses) {
        severity
    } else {
        severity.lowered()
    };
    let message = format!(
        "the gateway believes the address that a caller writes (proxyProtocol), and {who} gets \
         there past the load balancer"
    );
    let fix = "Let only the load balancer's addresses in to these ports, by a network policy";
    let locus = place(subject.endpoint.object, "", None);
    let draft = Draft::new(Id::IST_GW_15, locus, message, fix.to_owned())
        .severity(severity)
        .evidence("it is set here", Proof::Source(span));
    report.add_to(subject.asset(), draft);
}

/// IST-GW-17: policies by address where the node's address comes in.
fn hidden_clients(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let proxies = topology(scene, subject, "numTrustedProxies");
    let has_proxies = proxies.is_some_and(|(node, _)| node.as_i64().unwrap_or(0) > 0);
    if has_proxies || topology(scene, subject, "proxyProtocol").is_some() {
        return;
    }
    if !has_policy(scene, subject, compares_addresses) {
        return;
    }
    for service in subject.services.iter().copied() {
        let text = |key| get(service, &["spec", key]).and_then(Node::as_str);
        let is_open = matches!(text("type"), Some("LoadBalancer" | "NodePort"));
        if !is_open || text("externalTrafficPolicy") == Some("Local") {
            continue;
        }
        let mut policies = scene
            .istio
            .policies
            .attached(super::super::coverage::point(subject));
        let policy = policies.find(|policy| compares_addresses(policy));
        let message = "a policy of the gateway compares addresses, but what comes in has the \
                       node's address (externalTrafficPolicy: Cluster)"
            .to_owned();
        let fix = "Set externalTrafficPolicy: Local, or let the load balancer tell the address \
                   (proxyProtocol)"
            .to_owned();
        let span = get(service, &["spec", "externalTrafficPolicy"]).map(|node| node.span);
        let locus = place(service, "/spec/externalTrafficPolicy", span);
        let draft = Draft::new(Id::IST_GW_17, locus, message, fix).maybe(policy.map(|policy| {
            let note = format!("AuthorizationPolicy {} compares them", policy.name());
            (note, Proof::Source(policy.object.name_span))
        }));
        report.add(service, draft);
    }
}

/// IST-GW-18: the edge in the same namespace as the keys of the mesh.
fn beside_control_plane(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    let mut parts = scene.istio.mesh.components.iter();
    let pilot = parts.find_map(|part| {
        let endpoint = scene.world.endpoint_at(part.endpoint)?;
        let is_here = endpoint.namespace == subject.endpoint.namespace;
        (part.part == Part::Pilot && is_here).then_some(endpoint)
    });
    let Some(pilot) = pilot else { return };
    let severity = exposure(&[subject]).weighed(Severity::Medium);
    let message = format!(
        "the gateway is in {}, the control plane's namespace: its account and the certificates \
         it needs are beside the keys of the mesh",
        subject.namespace
    );
    let fix = "Move the gateway to a namespace of its own".to_owned();
    let locus = place(subject.endpoint.object, "", None);
    let draft = Draft::new(Id::IST_GW_18, locus, message, fix)
        .severity(severity)
        .evidence(
            "the control plane stands here",
            Proof::Source(pilot.object.name_span),
        );
    report.add_to(subject.asset(), draft);
}

/// Words of every setting that limits the connections of a gateway.
const LIMITS: [&str; 4] = [
    "global_downstream_max_connections",
    "globaldownstreamconnectionlimit",
    "connection_limit",
    "overload_manager",
];

/// IST-GW-19: nothing limits how many connections the outside opens.
fn unlimited(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    if exposure(&[subject]) != Exposure::Outside {
        return;
    }
    let says = |text: &str| {
        let text = text.to_ascii_lowercase();
        LIMITS.iter().any(|word| text.contains(word))
    };
    let annotation = subject.endpoint.annotation("proxy.istio.io/config");
    let by_pod = annotation.is_some_and(|field| says(&field.value));
    let mut configs = scene.istio.mesh.configs.iter();
    let by_mesh = configs.any(|config| {
        let defaults = config.get(&["defaultConfig"]);
        defaults.is_some_and(|node| says(&to_json(node)))
    });
    let by_object = |kind| {
        let mut all = scene.world.of_kind(NETWORKING, kind).iter();
        all.any(|object| get(object, &["spec"]).is_some_and(|node| says(&to_json(node))))
    };
    if by_pod || by_mesh || by_object("EnvoyFilter") || by_object("ProxyConfig") {
        return;
    }
    let message = "nothing limits how many connections the outside may open at the gateway";
    let fix = "Set overload.global_downstream_max_connections in runtimeValues of the gateway's \
               proxy configuration"
        .to_owned();
    let locus = place(subject.endpoint.object, "", None);
    let draft = Draft::new(Id::IST_GW_19, locus, message.to_owned(), fix);
    report.add_to(subject.asset(), draft);
}

/// IST-GW-19 for the mesh: a protocol without hosts.
fn old_http(scene: &Scene<'_, '_>, report: &mut Report) {
    let Some((value, span)) = control_plane::pilot_setting(scene, "PILOT_HTTP10") else {
        return;
    };
    let mut parts = scene.istio.mesh.components.iter();
    let pilot = parts.find(|part| part.part == Part::Pilot);
    let pilot = pilot.and_then(|part| scene.world.endpoint_at(part.endpoint));
    let Some(pilot) = pilot.filter(|_| matches!(value, "1" | "true")) else {
        return;
    };
    report.assess(&[Id::IST_GW_19], 1);
    let message = "proxies take HTTP/1.0, whose requests need not say for whom they are";
    let fix = "Remove PILOT_HTTP10".to_owned();
    let locus = pilot.template.locus("containers", Some(span));
    let draft = Draft::new(Id::IST_GW_19, locus, message.to_owned(), fix);
    let asset = seawall_model::Asset::Resource(pilot.workload.owner.clone());
    report.add_to(asset, draft);
}
