//! Annotations that change what the proxy of a pod does: those of pods, and those of
//! namespaces, which hold for the pods that say nothing themselves.

use super::super::{Outsider, Report, get, place, ranges, weighed};
use super::{Scene, annotation_place, asset, pod_place, routes_of};
use crate::linkerd::{POLICY, Place, SKIP_SUBNETS};
use crate::reach::{Cidr, Protocol};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, EndpointId};
use seawall_model::{Asset, Locus, Proof, Severity, Str};
use seawall_snapshot::{Field, LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::BTreeMap;

const SKIP_OUTBOUND: &str = "config.linkerd.io/skip-outbound-ports";

const OPAQUE: &str = "config.linkerd.io/opaque-ports";
const DEBUG: &str = "config.linkerd.io/enable-debug-sidecar";
const PROXY_USER: &str = "config.linkerd.io/proxy-uid";
const SHUTDOWN: &str = "config.linkerd.io/proxy-admin-shutdown";
/// The user that proxies run as when nothing else is said.
const DEFAULT_USER: i64 = 2102;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let meshed = scene.meshed().count();
    let ids = [Id::LNK_16, Id::LNK_17, Id::LNK_21, Id::LNK_22];
    report.assess(&ids, meshed);
    let served = served_ports(scene);
    for one in said(scene, SKIP_OUTBOUND) {
        skip_outbound(&one, &served, report);
    }
    for one in said(scene, SKIP_SUBNETS) {
        skip_subnets(scene, &one, report);
    }
    for one in said(scene, OPAQUE) {
        opaque(scene, &one, report);
    }
    opaque_services(scene, report);
    for one in said(scene, DEBUG) {
        if one.field.value.trim() == "true" {
            let message = "a container that records all traffic runs beside the application";
            let fix = "Remove the annotation; kubectl debug can add such a container for a while";
            report.add_to(
                one.asset.clone(),
                one.draft(Id::LNK_21, message.to_owned(), fix),
            );
        }
    }
    for key in PROXY_KEYS {
        for one in said(scene, key) {
            proxy_setting(key, &one, report);
        }
    }
    users(scene, report);
    mixed_services(scene, report);
}

/// An annotation with the pods that it holds for.
struct Said<'w, 's> {
    field: &'s Field<Str>,
    locus: Locus,
    asset: Asset,
    pods: Vec<(EndpointId, &'w Endpoint<'s>)>,
    is_pod: bool,
}

impl Said<'_, '_> {
    fn draft(&self, id: Id, message: String, fix: &str) -> Draft {
        let pods = self.pods.iter().filter(|_| !self.is_pod);
        Draft::new(id, self.locus.clone(), message, fix.to_owned())
            .affects(pods.map(|(_, endpoint)| asset(endpoint)))
    }

    fn value(&self) -> &str {
        self.field.value.trim()
    }
}

/// Where an annotation is set for pods of the mesh.
fn said<'w, 's>(scene: &Scene<'w, 's>, key: &str) -> Vec<Said<'w, 's>> {
    let mut all: Vec<Said<'w, 's>> = Vec::new();
    let mut by_namespace: BTreeMap<&str, usize> = BTreeMap::new();
    for namespace in &scene.world.namespaces {
        let Some(object) = namespace.object else {
            continue;
        };
        if let Some(field) = object.annotation(key) {
            by_namespace.insert(namespace.name, all.len());
            all.push(Said {
                field,
                locus: annotation_place(object, key, field.span),
                asset: Asset::Resource(object.reference.clone()),
                pods: Vec::new(),
                is_pod: false,
            });
        }
    }
    for (id, endpoint) in scene.meshed() {
        let above = by_namespace.get(scene.namespace(endpoint));
        let above = above.and_then(|index| all.get_mut(*index));
        let own = endpoint.annotation(key);
        // The injector copies what a namespace says into its pods.
        match (own, above) {
            (None, Some(above)) => above.pods.push((id, endpoint)),
            (Some(own), Some(above)) if own.value == above.field.value => {
                above.pods.push((id, endpoint));
            }
            (Some(field), _) => all.push(Said {
                field,
                locus: pod_place(endpoint, key, field.span),
                asset: asset(endpoint),
                pods: vec![(id, endpoint)],
                is_pod: true,
            }),
            (None, None) => {}
        }
    }
    all.retain(|one| !one.pods.is_empty() && !one.field.value.trim().is_empty());
    all
}

fn holds(ranges: &[(u16, u16)], port: u16) -> bool {
    ranges
        .iter()
        .any(|(from, to)| (*from..=*to).contains(&port))
}

/// The ports at which pods of the mesh are called, each with a few names of who listens.
type Served = BTreeMap<u16, Vec<String>>;

fn served_ports(scene: &Scene<'_, '_>) -> Served {
    let mut served = Served::new();
    let mut add = |port: u16, who: String| {
        let names = served.entry(port).or_default();
        // One of two is not the caller itself.
        if names.len() < 2 && !names.contains(&who) {
            names.push(who);
        }
    };
    for service in scene.world.of_kind("", "Service").iter().copied() {
        let pods = behind(scene, service);
        if !pods.iter().any(|(id, _)| scene.is_meshed(*id)) {
            continue;
        }
        for port in service.items(&["spec", "ports"]) {
            let number = port.get("port").and_then(Node::as_i64);
            if let Some(number) = number.and_then(|number| u16::try_from(number).ok()) {
                add(number, service.reference.to_string());
            }
        }
    }
    for (_, endpoint) in scene.meshed() {
        let ports = endpoint.declared_ports().into_iter();
        for (_, port) in ports.filter(|(protocol, _)| *protocol == Protocol::Tcp) {
            add(port, endpoint.workload.owner.to_string());
        }
    }
    served
}

/// The pods behind a Service.
fn behind<'w, 's>(scene: &Scene<'w, 's>, service: &Object) -> Vec<(EndpointId, &'w Endpoint<'s>)> {
    let selector = get(service, &["spec", "selector"]).and_then(LabelSelector::read_map);
    let Some(selector) = selector.filter(|one| !one.requirements.is_empty()) else {
        return Vec::new();
    };
    let all = scene.within(service.namespace()).iter();
    all.filter(|(_, endpoint)| selector.matches(&endpoint.template.labels))
        .copied()
        .collect()
}

/// LNK-16: ports whose calls leave the pod past the proxy.
fn skip_outbound(one: &Said<'_, '_>, served: &Served, report: &mut Report) {
    let skipped = ranges(one.value());
    let own: Vec<String> = one
        .pods
        .iter()
        .map(|(_, endpoint)| endpoint.workload.owner.to_string())
        .collect();
    let inside = served
        .iter()
        .filter(|(port, _)| holds(&skipped, **port))
        .find_map(|(port, names)| Some((port, names.iter().find(|name| !own.contains(name))?)));
    let (message, severity) = match inside {
        Some((port, name)) => (
            format!(
                "calls to port {} leave past the proxy, in plaintext; {name} of the mesh listens \
                 at {port}",
                one.value()
            ),
            Severity::Medium,
        ),
        None => (
            format!("calls to port {} leave past the proxy", one.value()),
            Severity::Low,
        ),
    };
    let fix = "Remove the annotation; a port whose protocol the proxy does not know can be opaque";
    let draft = one.draft(Id::LNK_16, message, fix).severity(severity);
    report.add_to(one.asset.clone(), draft);
}

/// LNK-16: what comes from these subnets reaches the application past the proxy. The name
/// does not tell: the rule is about sources of connections that come in.
fn skip_subnets(scene: &Scene<'_, '_>, one: &Said<'_, '_>, report: &mut Report) {
    let subnets = one
        .value()
        .split(',')
        .filter_map(|text| Cidr::read(text.trim()));
    let is_all = subnets.into_iter().any(Cidr::is_everything);
    let strongest = strongest(scene, &one.pods);
    let whom = if is_all {
        "everybody".to_owned()
    } else {
        format!("whoever comes from {}", one.value())
    };
    let message = format!("{whom} gets in past the proxy: no mutual TLS and no policy holds");
    let base = if is_all {
        Severity::High
    } else {
        Severity::Medium
    };
    let fix = "Remove the annotation, or narrow it to addresses that no pod has";
    let draft = one
        .draft(Id::LNK_16, message, fix)
        .severity(weighed(base, &strongest));
    report.add_to(one.asset.clone(), draft);
}

/// Who without an identity gets to a port of some pods, at the worst.
fn strongest(scene: &Scene<'_, '_>, pods: &[(EndpointId, &Endpoint<'_>)]) -> Outsider {
    let ports = pods.iter().flat_map(|(id, endpoint)| {
        let declared = endpoint.declared_ports().into_iter();
        declared.map(move |(_, port)| (*id, port))
    });
    super::super::strongest(&scene.outsiders, ports)
}

/// Whether a name or an `appProtocol` says HTTP.
fn says_http(word: &str) -> bool {
    let word = word.rsplit('/').next().unwrap_or(word);
    let first = word.split('-').next().unwrap_or(word);
    matches!(first, "http" | "http2" | "grpc" | "h2" | "h2c")
}

/// LNK-17: ports of pods. Where a Server with routes holds the port, its own protocol counts,
/// and another rule speaks of that.
fn opaque(scene: &Scene<'_, '_>, one: &Said<'_, '_>, report: &mut Report) {
    let opaque = ranges(one.value());
    let found = one.pods.iter().find_map(|(_, endpoint)| {
        let mut ports = endpoint.template.containers.iter().flat_map(|c| &c.ports);
        ports.find_map(|port| {
            let number = u16::try_from(port.container_port.as_ref()?.value).ok()?;
            let name = port.name.as_deref().filter(|name| says_http(name))?;
            let server = scene.linkerd.access(scene.world, endpoint, number).server;
            let is_free = server.is_none_or(|server| {
                matches!(server.protocol, "unknown" | "opaque")
                    && routes_of(scene, server.object).is_empty()
            });
            (holds(&opaque, number) && is_free).then_some((number, name))
        })
    });
    let Some((number, name)) = found else { return };
    let message = format!(
        "port {number} is taken for TCP though its name is {name}: no rule about requests can \
         hold there"
    );
    let draft = one.draft(Id::LNK_17, message, NOT_OPAQUE);
    report.add_to(one.asset.clone(), draft.severity(Severity::Low));
}

const NOT_OPAQUE: &str = "Remove the port from opaque-ports";

/// LNK-17: ports of Services.
fn opaque_services(scene: &Scene<'_, '_>, report: &mut Report) {
    for service in scene.world.of_kind("", "Service").iter().copied() {
        let Some(field) = service.annotation(OPAQUE) else {
            continue;
        };
        report.assess(&[Id::LNK_17], 1);
        let opaque = ranges(&field.value);
        let http = service.items(&["spec", "ports"]).iter().find_map(|port| {
            let number = u16::try_from(port.get("port")?.as_i64()?).ok()?;
            let text = |key: &str| port.get(key).and_then(Node::as_str);
            let words = [text("appProtocol"), text("name")];
            let word = words.into_iter().flatten().find(|word| says_http(word))?;
            holds(&opaque, number).then_some((number, word))
        });
        let Some((number, word)) = http else { continue };
        let said = format!("port {number} is taken for TCP though it is said to be {word}");
        let route = routes_to(scene, service);
        let message = route.map_or_else(
            || format!("{said}: no rule about requests can hold there"),
            |route| format!("{said}: route {} does not hold", route.reference.name),
        );
        let severity = route.map_or(Severity::Low, |_| Severity::Medium);
        let locus = annotation_place(service, OPAQUE, field.span);
        let draft = Draft::new(Id::LNK_17, locus, message, NOT_OPAQUE.to_owned())
            .severity(severity)
            .maybe(route.map(|route| {
                let note = "the route stands here".to_owned();
                (note, Proof::Source(route.name_span))
            }));
        report.add(service, draft);
    }
}

/// A route that clients of a Service follow.
fn routes_to<'s>(scene: &Scene<'_, 's>, service: &Object) -> Option<&'s Object> {
    let groups = [POLICY, crate::istio::GATEWAY_API];
    let kinds = ["HTTPRoute", "GRPCRoute"];
    let pairs = groups
        .iter()
        .flat_map(|group| kinds.iter().map(move |kind| (group, kind)));
    let mut all = pairs.flat_map(|(group, kind)| scene.world.of_kind(group, kind).iter().copied());
    all.find(|route| {
        route.namespace() == service.namespace()
            && route.items(&["spec", "parentRefs"]).iter().any(|parent| {
                let text = |key| parent.get(key).and_then(Node::as_str);
                text("kind") == Some("Service") && text("name") == Some(&*service.reference.name)
            })
    })
}

/// The annotations that change the proxy itself.
const PROXY_KEYS: [&str; 5] = [
    "config.linkerd.io/proxy-image",
    "config.linkerd.io/debug-image",
    "config.linkerd.io/proxy-log-http-headers",
    "config.linkerd.io/proxy-additional-env",
    SHUTDOWN,
];

/// The images that Linkerd and its makers give out.
const OWN_IMAGES: [&str; 5] = [
    "cr.l5d.io/linkerd/proxy",
    "ghcr.io/linkerd/proxy",
    "ghcr.io/buoyantio/proxy",
    "cr.l5d.io/linkerd/debug",
    "ghcr.io/linkerd/debug",
];

/// LNK-22.
fn proxy_setting(key: &str, one: &Said<'_, '_>, report: &mut Report) {
    let value = one.value();
    let (message, severity, fix) = match key.rsplit('/').next().unwrap_or(key) {
        "proxy-image" if !OWN_IMAGES.contains(&value) => (
            format!(
                "the proxy is another program than the mesh's: {value} holds the identity and \
                 decides about policies"
            ),
            Severity::High,
            "Remove the annotation; set another registry for the whole mesh",
        ),
        "debug-image" if !OWN_IMAGES.contains(&value) => (
            format!("the debug container runs another image than the mesh's: {value}"),
            Severity::Medium,
            "Remove the annotation",
        ),
        "proxy-log-http-headers" if value == "insecure" => (
            "the proxy writes all headers of requests into its log, with tokens and cookies"
                .to_owned(),
            Severity::Medium,
            "Remove the annotation",
        ),
        "proxy-additional-env" => {
            let Some(name) = unsafe_variable(value) else {
                return;
            };
            (
                format!("the pod sets {name} of its proxy: what the mesh says there is overruled"),
                Severity::High,
                "Remove the variable; set what is needed for the whole mesh",
            )
        }
        "proxy-admin-shutdown" if value == "enabled" => {
            // A job that ends has to stop its proxy.
            let ends = |endpoint: &Endpoint<'_>| {
                matches!(&*endpoint.workload.owner.kind, "Job" | "CronJob")
            };
            if one.pods.iter().all(|(_, endpoint)| ends(endpoint)) {
                return;
            }
            (
                "any process of the pod can stop its proxy".to_owned(),
                Severity::Low,
                "Remove the annotation from what is not a job",
            )
        }
        _ => return,
    };
    let draft = one.draft(Id::LNK_22, message, fix).severity(severity);
    report.add_to(one.asset.clone(), draft);
}

/// A variable that decides about identities or policies, out of a list of variables in JSON.
fn unsafe_variable(value: &str) -> Option<String> {
    let tree = crate::istio::mesh::nested(value, seawall_model::Span::NONE);
    let names = tree.as_seq().unwrap_or_default().iter();
    let mut names = names.filter_map(|one| one.get("name").and_then(Node::as_str));
    let decides = |name: &&str| {
        let rest = name.strip_prefix("LINKERD2_PROXY_");
        rest.is_some_and(|rest| {
            ["IDENTITY", "POLICY", "INBOUND", "TAP"]
                .iter()
                .any(|word| rest.starts_with(word))
        })
    };
    names.find(decides).map(str::to_owned)
}

/// LNK-16: what runs as the proxy's user is taken for the proxy.
fn users(scene: &Scene<'_, '_>, report: &mut Report) {
    for (_, endpoint) in scene.meshed() {
        let own = endpoint.annotation(PROXY_USER);
        let user = own.and_then(|field| field.value.trim().parse().ok());
        let user = user.unwrap_or(DEFAULT_USER);
        let template = endpoint.template;
        for container in &template.containers {
            if container.name.starts_with("linkerd-") {
                continue;
            }
            let own = container.security_context.run_as_user.as_ref();
            let field = own.or(template.security_context.run_as_user.as_ref());
            let Some(field) = field.filter(|field| field.value == user) else {
                continue;
            };
            let message = format!(
                "container {} runs as the proxy's user {user}: what it sends leaves past the proxy",
                container.name
            );
            let fix = "Run the container as another user".to_owned();
            let rest = "securityContext/runAsUser";
            let locus = template.container_locus(container, rest, Some(field.span));
            report.add_to(asset(endpoint), Draft::new(Id::LNK_16, locus, message, fix));
        }
    }
}

/// LNK-26: a Service with pods in the mesh and pods outside.
fn mixed_services(scene: &Scene<'_, '_>, report: &mut Report) {
    for service in scene.world.of_kind("", "Service").iter().copied() {
        let pods = behind(scene, service);
        let standing = |wanted: Place| {
            let pods = pods.iter();
            pods.filter(move |(id, _)| scene.linkerd.place(*id) == wanted)
        };
        let Some((_, meshed)) = standing(Place::Meshed).next() else {
            continue;
        };
        report.assess(&[Id::LNK_26], 1);
        let Some((_, bare)) = standing(Place::Outside).next() else {
            continue;
        };
        let message = format!(
            "{} has no proxy and {} has one: to the former clients of the mesh speak plaintext, and \
             nobody is told",
            asset(bare),
            asset(meshed)
        );
        let fix = "Inject a proxy into all pods behind the Service".to_owned();
        let selector = get(service, &["spec", "selector"]).map(|node| node.span);
        let locus = place(service, "/spec/selector", selector);
        let draft = Draft::new(Id::LNK_26, locus, message, fix)
            .affects(standing(Place::Outside).map(|(_, endpoint)| asset(endpoint)));
        report.add(service, draft);
    }
}
