//! GWA rules about routes: where they lead, what they give away, and with whom they compete.

use super::{Scene, at, text};
use crate::checks::report::Report;
use crate::policy::At;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::Wanted;
use crate::ways::gateway_api::{Attached, GROUP, Listener, MOST_MATCHES, spec};
use seawall_model::{Asset, Proof, Severity};
use seawall_snapshot::Object;
use seawall_yaml::{Node, to_json};
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

/// Kinds of routes.
const KINDS: [&str; 5] = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];

/// Ports whose protocol is that of a data store.
const STORES: [(u16, &str); 15] = [
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (2181, "ZooKeeper"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (11211, "memcached"),
    (27017, "MongoDB"),
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut doors: HashMap<*const Object, Severity> = HashMap::new();
    for (listener, attached) in &scene.listeners {
        let severity = scene.door(listener.gateway).weighed(Severity::Medium);
        for one in attached {
            let known = doors.entry(one.route).or_insert(severity);
            *known = severity.max(*known);
        }
        stores(scene, listener, attached, report);
    }
    for kind in KINDS {
        for route in scene.world.of_kind(GROUP, kind).iter().copied() {
            // Where it attaches to nothing in the picture, nobody knows who reaches it.
            let severity = doors.get(&std::ptr::from_ref(route));
            let severity = severity.copied().unwrap_or(Severity::Medium);
            gives_away(route, severity, report);
            dangling(scene, route, report);
        }
    }
    rivals(scene, report);
}

/// The rules of a route.
fn rules(route: &Object) -> Vec<At<'_>> {
    let spec = spec(route);
    spec.and_then(|spec| spec.maps("rules").ok())
        .unwrap_or_default()
}

/// The backends of a route.
fn backends(route: &Object) -> Vec<At<'_>> {
    let all = rules(route);
    let all = all.iter().filter_map(|rule| rule.maps("backendRefs").ok());
    all.flatten().collect()
}

/// The Service that a backend names, by namespace and name.
fn service<'n>(backend: &At<'n>, route: &'n Object) -> Option<(&'n str, &'n str)> {
    let node = backend.node;
    let is_service = text(node, "kind").unwrap_or("Service") == "Service"
        && text(node, "group").unwrap_or_default().is_empty();
    let name = text(node, "name").filter(|_| is_service)?;
    Some((text(node, "namespace").unwrap_or(route.namespace()), name))
}

/// GWA-07: mirrors into other namespaces, and CORS for everyone with credentials.
fn gives_away(route: &Object, severity: Severity, report: &mut Report) {
    if !matches!(&*route.reference.kind, "HTTPRoute" | "GRPCRoute") {
        return;
    }
    report.assess_each(&[Id::GWA_07]);
    for rule in rules(route) {
        let mut filters = rule.maps("filters").unwrap_or_default();
        for backend in rule.maps("backendRefs").unwrap_or_default() {
            filters.extend(backend.maps("filters").unwrap_or_default());
        }
        for filter in filters {
            if let Some(mirror) = filter.get("requestMirror") {
                mirrored(route, &mirror, report);
            }
            if let Some(cors) = filter.get("cors") {
                shared(route, &cors, severity, report);
            }
        }
    }
}

fn mirrored(route: &Object, mirror: &At<'_>, report: &mut Report) {
    let Some(backend) = mirror.get("backendRef") else {
        return;
    };
    let space = text(backend.node, "namespace").unwrap_or(route.namespace());
    if space == route.namespace() {
        return;
    }
    let message = format!("requests are copied, with all that is in them, to namespace {space}");
    let fix = "Mirror to a Service of the own namespace, or take the filter out when the test is \
               over"
        .to_owned();
    report.add(
        route,
        Draft::new(Id::GWA_07, at(&backend, route), message, fix),
    );
}

fn shared(route: &Object, cors: &At<'_>, severity: Severity, report: &mut Report) {
    let origins = cors.texts("allowOrigins").unwrap_or_default();
    let is_everyone =
        |at: &&At<'_>| matches!(at.node.as_str(), Some("*" | "https://*" | "http://*"));
    let with_credentials = cors.flag("allowCredentials").ok().flatten() == Some(true);
    let Some(origin) = origins
        .iter()
        .find(is_everyone)
        .filter(|_| with_credentials)
    else {
        return;
    };
    let message = "any web site may ask with the visitor's credentials and read the answer \
                   (allowOrigins * with allowCredentials)"
        .to_owned();
    let fix = "List the origins, or set allowCredentials to false".to_owned();
    let draft = Draft::new(Id::GWA_07, at(origin, route), message, fix);
    report.add(route, draft.severity(severity));
}

/// GWA-08: a data store behind a listener that passes connections through.
fn stores(
    scene: &Scene<'_, '_>,
    listener: &Listener<'_>,
    attached: &[Attached<'_>],
    report: &mut Report,
) {
    for one in attached {
        let route = one.route;
        let kind = &*route.reference.kind;
        if !matches!(kind, "TCPRoute" | "UDPRoute" | "TLSRoute") {
            continue;
        }
        report.assess_each(&[Id::GWA_08]);
        for backend in backends(route) {
            let Some((port, store, affected)) = store(scene, &backend, route) else {
                continue;
            };
            let from = match listener.port {
                Some(port) => format!("port {port} of {}", listener.gateway.reference),
                None => listener.gateway.reference.to_string(),
            };
            let message = format!("{from} leads to {store} (port {port})");
            let fix = "Remove the route; let clients in through a VPN or a service that asks who \
                       they are"
                .to_owned();
            let mut severity = scene.door(listener.gateway).weighed(Severity::High);
            if kind == "TLSRoute" {
                severity = severity.lowered(); // what passes is encrypted at least
            }
            let proof = Proof::Object(listener.home.reference.clone());
            let draft = Draft::new(Id::GWA_08, at(&backend, route), message, fix)
                .severity(severity)
                .affects(affected)
                .evidence("the route attaches here", proof);
            report.add(route, draft);
        }
    }
}

/// The data store that a backend is, by its port or that of its pods.
fn store(
    scene: &Scene<'_, '_>,
    backend: &At<'_>,
    route: &Object,
) -> Option<(u16, &'static str, Vec<Asset>)> {
    let (space, name) = service(backend, route)?;
    let number = backend.number("port").ok().flatten();
    let known = scene.services.find(space, name);
    let wanted = number.map_or(Wanted::Only, Wanted::Number);
    let port = known.and_then(|service| service.port(&wanted));
    let mut ports: Vec<u16> = number
        .and_then(|n| u16::try_from(n).ok())
        .into_iter()
        .collect();
    let mut affected = Vec::new();
    for endpoint in known.map_or(&[][..], |service| &service.endpoints) {
        ports.extend(port.and_then(|port| port.target(scene.world, *endpoint)));
        let endpoint = scene.world.endpoint_at(*endpoint);
        affected.extend(endpoint.map(|e| Asset::Resource(e.workload.owner.clone())));
    }
    let (port, store) = STORES.iter().find(|(port, _)| ports.contains(port))?;
    Some((*port, store, affected))
}

/// GWA-12.
fn dangling(scene: &Scene<'_, '_>, route: &Object, report: &mut Report) {
    let mut told: HashSet<(&str, &str)> = HashSet::new();
    for backend in backends(route) {
        let Some((space, name)) = service(&backend, route) else {
            continue;
        };
        if !scene.knows_services(space) {
            continue;
        }
        report.assess_each(&[Id::GWA_12]);
        if scene.services.find(space, name).is_some() || !told.insert((space, name)) {
            continue;
        }
        let message = format!("the route leads to Service {space}/{name}, which does not exist");
        let fix = format!("Create Service {name} in {space}, or correct the backend");
        let draft = Draft::new(Id::GWA_12, at(&backend, route), message, fix);
        report.add(route, draft);
    }
}

/// GWA-11: routes of different namespaces for the same requests.
fn rivals(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut told: HashSet<(*const Object, *const Object)> = HashSet::new();
    let mut seen: HashSet<(*const Object, u64)> = HashSet::new();
    let mut cases_of: HashMap<*const Object, Vec<String>> = HashMap::new();
    for (listener, attached) in &scene.listeners {
        report.assess(&[Id::GWA_11], attached.len());
        let spaces: HashSet<&str> = attached.iter().map(|one| one.route.namespace()).collect();
        // Listeners of one Gateway mostly take the same routes.
        let gateway = std::ptr::from_ref(listener.gateway);
        if spaces.len() < 2 || !seen.insert((gateway, mark(attached))) {
            continue;
        }
        for one in attached {
            let known = cases_of.entry(one.route);
            known.or_insert_with(|| cases(one.route));
        }
        // The older one first, as far as ages are known.
        let mut by_age: Vec<&Attached<'_>> = attached.iter().collect();
        by_age.sort_by_key(|one| (age(one.route), one.route.namespace(), name(one.route)));
        let mut first: HashMap<(&str, &str), &Object> = HashMap::new();
        for one in by_age {
            let hosts: Vec<&str> = match one.hosts.as_slice() {
                [] => vec!["*"],
                hosts => hosts.iter().map(|host| &**host).collect(),
            };
            let mut rival: Option<(&Object, &str)> = None;
            for host in hosts {
                let cases = cases_of.get(&std::ptr::from_ref(one.route));
                for case in cases.into_iter().flatten() {
                    let known = *first.entry((host, case)).or_insert(one.route);
                    if known.namespace() != one.route.namespace() {
                        rival = rival.or(Some((known, host)));
                    }
                }
            }
            let Some((other, host)) = rival else { continue };
            let pair = (std::ptr::from_ref(one.route), std::ptr::from_ref(other));
            if told.insert(pair) {
                compete(listener, one.route, other, host, report);
            }
        }
    }
}

/// A number that is the same for the same routes with the same hosts.
fn mark(attached: &[Attached<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for one in attached {
        (std::ptr::from_ref(one.route), &one.hosts).hash(&mut hasher);
    }
    hasher.finish()
}

fn compete(
    listener: &Listener<'_>,
    route: &Object,
    other: &Object,
    host: &str,
    report: &mut Report,
) {
    let requests = match host {
        "*" => "the same requests for any host".to_owned(),
        host => format!("the same requests for {host}"),
    };
    let which = if age(route) > age(other) {
        "the other one is older and gets them"
    } else {
        "the older one gets them"
    };
    let message = format!(
        "{} of another namespace is for {requests} at {}: {which}",
        other.reference, listener.gateway.reference
    );
    let fix = "Give one of them another host, and bind hosts to namespaces".to_owned();
    let spec = spec(route);
    let hosts = spec.as_ref().and_then(|spec| spec.get("hostnames"));
    let Some(place) = hosts.or(spec) else { return };
    let draft = Draft::new(Id::GWA_11, at(&place, route), message, fix)
        .evidence("the other route", Proof::Object(other.reference.clone()));
    report.add(route, draft);
}

/// When a route was made; of files nobody knows.
fn age(route: &Object) -> &str {
    let created = route
        .body()
        .and_then(|body| body.at(&["metadata", "creationTimestamp"]));
    created.and_then(Node::as_str).unwrap_or_default()
}

fn name(route: &Object) -> &str {
    &route.reference.name
}

/// What requests a route is for, each case in one text that is equal for equal cases.
fn cases(route: &Object) -> Vec<String> {
    let kind = &*route.reference.kind;
    if !matches!(kind, "HTTPRoute" | "GRPCRoute") {
        return vec![kind.to_owned()];
    }
    let mut found = Vec::new();
    for rule in rules(route) {
        let all = rule.maps("matches").unwrap_or_default();
        if all.is_empty() {
            found.push(case(kind, None));
        }
        let all = all.iter().take(MOST_MATCHES);
        found.extend(all.map(|one| case(kind, Some(one.node))));
    }
    found
}

fn case(kind: &str, node: Option<&Node>) -> String {
    let json = |key: &str| {
        let part = node.and_then(|node| node.get(key)).filter(|n| !n.is_null());
        part.map_or(String::new(), to_json)
    };
    let path = node.and_then(|node| node.get("path"));
    let part =
        |key: &str, default: &'static str| path.and_then(|p| text(p, key)).unwrap_or(default);
    let (how, path) = (part("type", "PathPrefix"), part("value", "/"));
    let (method, headers, query) = (json("method"), json("headers"), json("queryParams"));
    format!("{kind} {how} {path} {method} {headers} {query}")
}
