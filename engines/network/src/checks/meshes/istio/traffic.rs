//! IST-TC: traffic configuration that takes over what is not its own.

use super::super::{Report, get, place, texts};
use super::Scene;
use super::destinations::service_name;
use crate::istio::NETWORKING;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Severity};
use seawall_snapshot::Object;
use seawall_yaml::{Node, to_json};

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    virtual_services(scene, report);
    rights(scene, report);
    filters(scene, report);
    plugins(scene, report);
    entries(scene, report);
    sidecars(scene, report);
}

/// Whether an object is only for its own namespace, by itself or by the mesh's default.
fn stays_home(scene: &Scene<'_, '_>, object: &Object, default: &str) -> bool {
    let own = get(object, &["spec", "exportTo"]);
    let by_default = || {
        let mut configs = scene.istio.mesh.configs.iter();
        texts(configs.find_map(|config| config.get(&[default])))
    };
    let wanted = own.map_or_else(by_default, |own| texts(Some(own)));
    let home = object.namespace();
    !wanted.is_empty() && wanted.iter().all(|to| *to == "." || *to == home)
}

/// IST-TC-01.
fn virtual_services(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind(NETWORKING, "VirtualService");
    report.assess(&[Id::IST_TC_01], all.len());
    for object in all.iter().copied() {
        let gateways = texts(get(object, &["spec", "gateways"]));
        let is_mesh = gateways.is_empty() || gateways.contains(&"mesh");
        if !is_mesh || stays_home(scene, object, "defaultVirtualServiceExportTo") {
            continue;
        }
        for (index, node) in object.items(&["spec", "hosts"]).iter().enumerate() {
            let host = node.as_str().unwrap_or_default();
            let Some((whose, severity)) = foreign_host(scene, object, host) else {
                continue;
            };
            let message = format!(
                "every client of the mesh sends what is meant for {host} where this object says, \
                 though {whose}"
            );
            let fix =
                "Set exportTo: [\".\"], or move the object to the namespace of the host; set \
                       defaultVirtualServiceExportTo: [\".\"] for the mesh"
                    .to_owned();
            let pointer = format!("/spec/hosts/{index}");
            let draft = Draft::new(
                Id::IST_TC_01,
                place(object, &pointer, Some(node.span)),
                message,
                fix,
            );
            report.add(object, draft.severity(severity));
        }
    }
}

/// Whose a host is, if it is not the object's own.
fn foreign_host(scene: &Scene<'_, '_>, object: &Object, host: &str) -> Option<(String, Severity)> {
    let home = object.namespace();
    if matches!(
        host,
        "*" | "*.local" | "*.cluster.local" | "*.svc.cluster.local"
    ) {
        return Some(("it is everybody's".to_owned(), Severity::High));
    }
    if let Some((_, namespace)) = service_name(host, home) {
        let is_foreign = namespace != home && object.reference.namespace.is_some();
        return is_foreign.then(|| (format!("it is namespace {namespace}'s"), Severity::High));
    }
    if host.contains('*') {
        return None;
    }
    // A host outside: whose it is says the ServiceEntry that brought it in.
    let mut entries = scene.world.of_kind(NETWORKING, "ServiceEntry").iter();
    let owner = entries.find(|entry| texts(get(entry, &["spec", "hosts"])).contains(&host))?;
    let is_foreign = owner.namespace() != home;
    is_foreign.then(|| {
        let whose = format!("namespace {} brought it in", owner.namespace());
        (whose, Severity::High.lowered())
    })
}

/// Kinds that turn traffic.
const KINDS: [&str; 9] = [
    "virtualservices",
    "destinationrules",
    "serviceentries",
    "envoyfilters",
    "sidecars",
    "gateways",
    "workloadentries",
    "proxyconfigs",
    "wasmplugins",
];

/// IST-TC-02: roles that give everybody who works in a namespace the right to turn traffic.
fn rights(scene: &Scene<'_, '_>, report: &mut Report) {
    let roles = scene
        .world
        .of_kind("rbac.authorization.k8s.io", "ClusterRole");
    report.assess(&[Id::IST_TC_02], roles.len());
    for role in roles.iter().copied() {
        let joins = role.labels.iter().find(|(key, value)| {
            let to = key.rsplit('/').next().unwrap_or_default();
            let is_wide =
                to.ends_with("-edit") || to.ends_with("-admin") && !to.ends_with("cluster-admin");
            to.starts_with("aggregate-to-") && is_wide && &**value == "true"
        });
        let Some((label, _)) = joins else { continue };
        for (index, rule) in role.items(&["rules"]).iter().enumerate() {
            let groups = texts(rule.get("apiGroups"));
            let verbs = texts(rule.get("verbs"));
            let resources = texts(rule.get("resources"));
            let is_istio = groups
                .iter()
                .any(|g| matches!(*g, "*" | "networking.istio.io" | "extensions.istio.io"));
            let writes = verbs
                .iter()
                .any(|verb| matches!(*verb, "*" | "create" | "update" | "patch"));
            let turns = resources.iter().find(|r| **r == "*" || KINDS.contains(r));
            let Some(what) = turns.filter(|_| is_istio && writes) else {
                continue;
            };
            let to = label.rsplit('/').next().unwrap_or_default();
            let who = if to.ends_with("-admin") {
                "administer"
            } else {
                "edit"
            };
            let message = format!(
                "who may {who} a namespace may write {what} of Istio, and so take over traffic of \
                 others ({to})"
            );
            let fix = "Take the verbs create, update and patch out of the rule".to_owned();
            let pointer = format!("/rules/{index}");
            let locus = place(role, &pointer, Some(rule.span));
            report.add(role, Draft::new(Id::IST_TC_02, locus, message, fix));
        }
    }
}

/// Words in a patch that name what protects a proxy.
const GUARDS: [&str; 8] = [
    "envoy.filters.http.rbac",
    "envoy.filters.network.rbac",
    "envoy.filters.http.jwt_authn",
    "envoy.filters.http.ext_authz",
    "transport_socket",
    "tls_context",
    "normalize_path",
    "use_remote_address",
];

/// IST-TC-03 and 04.
fn filters(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind(NETWORKING, "EnvoyFilter");
    report.assess(&[Id::IST_TC_03, Id::IST_TC_04], all.len());
    let root = &*scene.istio.mesh.root_namespace;
    for object in all.iter().copied() {
        let name = &*object.reference.name;
        // What Istio itself installed for its metrics.
        if name.starts_with("stats-filter-") || name.starts_with("tcp-stats-filter-") {
            continue;
        }
        let mut is_said = false;
        for (index, patch) in object.items(&["spec", "configPatches"]).iter().enumerate() {
            let Some(guard) = touched(patch) else {
                continue;
            };
            is_said = true;
            let operation = patch.at(&["patch", "operation"]).and_then(Node::as_str);
            let operation = operation.unwrap_or("MERGE");
            // An added check is one more.
            let is_more = operation.starts_with("INSERT") || operation == "ADD";
            let severity = match operation {
                "REMOVE" => Severity::Critical,
                _ if is_more => Severity::Medium,
                _ => Severity::High,
            };
            let message =
                format!("the patch changes what protects proxies: {operation} of {guard}");
            let fix = "Remove the patch, and say in Istio's own objects what is meant".to_owned();
            let pointer = format!("/spec/configPatches/{index}");
            let draft = Draft::new(
                Id::IST_TC_04,
                place(object, &pointer, Some(patch.span)),
                message,
                fix,
            );
            report.add(object, draft.severity(severity));
        }
        if is_said {
            continue;
        }
        let is_root = object.namespace() == root;
        let is_wide = get(object, &["spec", "workloadSelector"]).is_none()
            && get(object, &["spec", "targetRefs"]).is_none();
        let (severity, whom) = match (is_root, is_wide) {
            (true, true) => (Severity::High, "all proxies of the mesh"),
            (false, true) => (Severity::Medium, "all proxies of its namespace"),
            _ => (Severity::Medium, "the proxies that it selects"),
        };
        let message = format!("a patch that nobody checks changes {whom}");
        let fix = "Use Telemetry, WasmPlugin or another object of Istio; let only administrators \
                   write EnvoyFilters"
            .to_owned();
        let draft = Draft::new(Id::IST_TC_03, place(object, "", None), message, fix);
        report.add(object, draft.severity(severity));
    }
}

fn touched(patch: &Node) -> Option<&'static str> {
    // Where a patch applies and what it changes: a filter that is only the place to insert
    // another one before is not changed.
    let operation = patch
        .at(&["patch", "operation"])
        .and_then(Node::as_str)
        .unwrap_or("MERGE");
    let mut text = patch
        .at(&["patch", "value"])
        .map(to_json)
        .unwrap_or_default();
    if !operation.starts_with("INSERT") && operation != "ADD" {
        text.push_str(&patch.get("match").map(to_json).unwrap_or_default());
    }
    GUARDS.into_iter().find(|guard| text.contains(guard))
}

/// IST-TC-05.
fn plugins(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind("extensions.istio.io", "WasmPlugin");
    report.assess(&[Id::IST_TC_05], all.len());
    for object in all.iter().copied() {
        let url = get(object, &["spec", "url"]);
        let text = url.and_then(Node::as_str).unwrap_or_default();
        let is_pinned = text.contains("@sha256:") || get(object, &["spec", "sha256"]).is_some();
        let problem = if text.starts_with("http://") {
            Some("comes over plaintext")
        } else if !is_pinned && !text.starts_with("file://") {
            Some("is not pinned to a digest: whoever can push the tag runs code in proxies")
        } else {
            None
        };
        if let (Some(problem), Some(url)) = (problem, url) {
            let message = format!("the plugin {problem}");
            let fix = "Use an oci:// address with @sha256, or set spec.sha256".to_owned();
            let locus = place(object, "/spec/url", Some(url.span));
            report.add(object, Draft::new(Id::IST_TC_05, locus, message, fix));
        }
        let strategy = get(object, &["spec", "failStrategy"]);
        if let Some(node) = strategy.filter(|node| node.as_str() == Some("FAIL_OPEN")) {
            let phase = get(object, &["spec", "phase"]).and_then(Node::as_str);
            let is_guard = matches!(phase, Some("AUTHN" | "AUTHZ"));
            let severity = if is_guard {
                Severity::High
            } else {
                Severity::Low
            };
            let message = "requests pass when the plugin fails (FAIL_OPEN)".to_owned();
            let fix = "Remove failStrategy".to_owned();
            let locus = place(object, "/spec/failStrategy", Some(node.span));
            report.add(
                object,
                Draft::new(Id::IST_TC_05, locus, message, fix).severity(severity),
            );
        }
    }
}

/// IST-TC-06.
fn entries(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind(NETWORKING, "ServiceEntry");
    report.assess(&[Id::IST_TC_06, Id::IST_TC_07], all.len());
    for object in all.iter().copied() {
        wide_entry(object, report);
        if stays_home(scene, object, "defaultServiceExportTo") {
            continue;
        }
        let home = object.namespace();
        for (index, node) in object.items(&["spec", "hosts"]).iter().enumerate() {
            let host = node.as_str().unwrap_or_default();
            let Some((name, namespace)) = service_name(host, home).filter(|_| host.contains('.'))
            else {
                continue;
            };
            let mut services = scene.world.of_kind("", "Service").iter();
            let exists = services.any(|service| {
                &*service.reference.name == name && service.namespace() == namespace
            });
            if namespace == home || !exists {
                continue;
            }
            let message = format!(
                "the entry claims {host}, a Service of namespace {namespace}: its callers may be \
                 sent elsewhere"
            );
            let fix = "Remove the host, or set exportTo: [\".\"]".to_owned();
            let pointer = format!("/spec/hosts/{index}");
            let locus = place(object, &pointer, Some(node.span));
            report.add(object, Draft::new(Id::IST_TC_06, locus, message, fix));
        }
    }
}

/// IST-TC-07: an entry that lets traffic go anywhere.
fn wide_entry(object: &Object, report: &mut Report) {
    let resolution = get(object, &["spec", "resolution"]).and_then(Node::as_str);
    let is_none = resolution.is_none_or(|word| word == "NONE");
    let has_addresses = !object.items(&["spec", "addresses"]).is_empty();
    let protocols = object
        .items(&["spec", "ports"])
        .iter()
        .filter_map(|port| port.get("protocol").and_then(Node::as_str));
    let is_tcp = |word: &str| !matches!(word, "HTTP" | "HTTP2" | "GRPC" | "HTTPS" | "TLS");
    let hosts = object.items(&["spec", "hosts"]);
    for (index, node) in hosts.iter().enumerate() {
        let host = node.as_str().unwrap_or_default();
        let what = if host == "*" || (host.starts_with("*.") && host.matches('.').count() == 1) {
            "every host, or every one below a top-level domain"
        } else if host.starts_with('*') && is_none {
            "every host with that end, wherever the caller says it is (resolution: NONE)"
        } else if is_none && !has_addresses && protocols.clone().any(is_tcp) {
            "every address at its TCP ports (resolution: NONE without addresses)"
        } else {
            continue;
        };
        let message = format!("the entry for {host} opens the way out to {what}");
        let fix = "List the hosts, with resolution: DNS".to_owned();
        let pointer = format!("/spec/hosts/{index}");
        let locus = place(object, &pointer, Some(node.span));
        report.add(object, Draft::new(Id::IST_TC_07, locus, message, fix));
    }
}

/// IST-TC-12.
fn sidecars(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind(NETWORKING, "Sidecar");
    report.assess(&[Id::IST_TC_11, Id::IST_TC_12], all.len());
    for object in all.iter().copied() {
        everything(object, report);
        for (index, listener) in object.items(&["spec", "ingress"]).iter().enumerate() {
            let mode = listener.get("captureMode");
            let Some(node) = mode.filter(|node| node.as_str() == Some("NONE")) else {
                continue;
            };
            let port = listener
                .at(&["port", "number"])
                .and_then(Node::as_i64)
                .unwrap_or(0);
            let selected = get(object, &["spec", "workloadSelector", "labels"])
                .and_then(seawall_snapshot::LabelSelector::read_map)
                .unwrap_or_default();
            let affected = scene.meshed().filter(|s| {
                s.namespace == object.namespace() && selected.matches(&s.endpoint.template.labels)
            });
            let message = format!(
                "traffic to port {port} is not redirected to the proxy: no mutual TLS and no \
                 policy holds there"
            );
            let fix = "Remove captureMode".to_owned();
            let pointer = format!("/spec/ingress/{index}/captureMode");
            let locus = place(object, &pointer, Some(node.span));
            let assets: Vec<Asset> = affected.map(super::Subject::asset).collect();
            report.add(
                object,
                Draft::new(Id::IST_TC_12, locus, message, fix).affects(assets),
            );
        }
    }
}

/// IST-TC-11: a Sidecar that takes nothing away.
fn everything(object: &Object, report: &mut Report) {
    for (index, listener) in object.items(&["spec", "egress"]).iter().enumerate() {
        let hosts = listener
            .get("hosts")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        let all = hosts.iter().find(|node| node.as_str() == Some("*/*"));
        let Some(node) = all else { continue };
        let message = "the proxies know and reach every service of the mesh (*/*)".to_owned();
        let fix =
            "List the namespaces and hosts that are called, such as ./* and shop/*".to_owned();
        let pointer = format!("/spec/egress/{index}/hosts");
        let locus = place(object, &pointer, Some(node.span));
        report.add(object, Draft::new(Id::IST_TC_11, locus, message, fix));
    }
}
