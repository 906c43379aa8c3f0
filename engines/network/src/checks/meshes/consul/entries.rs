//! What Consul's own objects say about services, proxies and gateways.

use super::super::{Report, get, place, texts};
use super::servers::is_old_version;
use super::{Scene, asset};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for kind in ["ProxyDefaults", "ServiceDefaults"] {
        for object in scene.entries(kind) {
            report.assess_each(&[Id::CSL_07, Id::CSL_18, Id::CSL_19]);
            plaintext(object, report);
            exposed(object, report);
            extensions(object, report);
        }
    }
    egress(scene, report);
    for mesh in scene.entries("Mesh") {
        report.assess_each(&[Id::CSL_12]);
        let paths = [["spec", "tls", "incoming"], ["spec", "tls", "outgoing"]];
        tls(mesh, &paths.each_ref().map(<[_; 3]>::as_slice), report);
    }
    for gateway in scene.entries("IngressGateway") {
        report.assess_each(&[Id::CSL_12, Id::CSL_15]);
        tls(gateway, &[&["spec", "tls"]], report);
        ingress(gateway, report);
    }
    for gateway in scene.entries("TerminatingGateway") {
        report.assess_each(&[Id::CSL_15]);
        terminating(gateway, report);
    }
    for provider in scene.entries("JWTProvider") {
        report.assess_each(&[Id::CSL_16]);
        keys(provider, report);
    }
}

/// CSL-07.
fn plaintext(object: &Object, report: &mut Report) {
    let node = get(object, &["spec", "mutualTLSMode"]);
    let Some(node) = node.filter(|node| node.as_str() == Some("permissive")) else {
        return;
    };
    let (whose, severity) = if &*object.reference.kind == "ProxyDefaults" {
        ("all services take", Severity::Critical)
    } else {
        ("the service takes", Severity::High)
    };
    let message =
        format!("{whose} connections without mutual TLS, and intentions do not hold for those");
    let fix = "Set mutualTLSMode to strict once all clients are in the mesh".to_owned();
    let locus = place(object, "/spec/mutualTLSMode", Some(node.span));
    let draft = Draft::new(Id::CSL_07, locus, message, fix);
    report.add(object, draft.severity(severity));
}

/// CSL-18: paths that the proxy serves to everybody.
fn exposed(object: &Object, report: &mut Report) {
    let fix = "Expose the paths that a monitor needs, and nothing else".to_owned();
    for (index, node) in object
        .items(&["spec", "expose", "paths"])
        .iter()
        .enumerate()
    {
        let path = node.get("path").and_then(Node::as_str).unwrap_or_default();
        let is_all = path == "/" || path.is_empty();
        let what = if is_all { "everything" } else { path };
        let message =
            format!("the proxy serves {what} to callers without mutual TLS, and asks no intention");
        let pointer = format!("/spec/expose/paths/{index}");
        let severity = if is_all {
            Severity::High
        } else if is_harmless(path) {
            Severity::Low
        } else {
            Severity::Medium
        };
        let draft = Draft::new(
            Id::CSL_18,
            place(object, &pointer, Some(node.span)),
            message,
            fix.clone(),
        );
        report.add(object, draft.severity(severity));
    }
    let checks = get(object, &["spec", "expose", "checks"]);
    let Some(node) = checks.filter(|node| node.as_bool() == Some(true)) else {
        return;
    };
    let message = "the proxy serves the paths of all health checks to callers without mutual TLS";
    let locus = place(object, "/spec/expose/checks", Some(node.span));
    let draft = Draft::new(Id::CSL_18, locus, message.to_owned(), fix);
    report.add(object, draft.severity(Severity::Low));
}

/// Paths that monitors ask for everywhere.
fn is_harmless(path: &str) -> bool {
    let last = path.rsplit('/').find(|part| !part.is_empty());
    let last = last.unwrap_or_default();
    matches!(
        last,
        "metrics" | "prometheus" | "health" | "healthz" | "livez" | "readyz" | "ready" | "live"
    )
}

/// CSL-19: extensions that rewrite proxies, or that let pass what they could not ask about.
fn extensions(object: &Object, report: &mut Report) {
    let whose = if &*object.reference.kind == "ProxyDefaults" {
        "all proxies"
    } else {
        "the service's proxies"
    };
    for (index, one) in object
        .items(&["spec", "envoyExtensions"])
        .iter()
        .enumerate()
    {
        let name = one.get("name").and_then(Node::as_str).unwrap_or_default();
        let is_required = one.get("required").and_then(Node::as_bool) == Some(true);
        let (message, severity, fix) = match name {
            "builtin/lua" | "builtin/wasm" => (
                format!("{whose} run a program that is given here ({name})"),
                Severity::Medium,
                "Review the program, and who may change this object",
            ),
            "builtin/property-override" => (
                format!("{whose} are rewritten here, past what intentions made ({name})"),
                Severity::High,
                "Use Consul's own settings; else review each patch, and who may change it",
            ),
            "builtin/ext-authz" if !is_required => (
                format!("{whose} let requests pass when the authoriser does not answer"),
                Severity::High,
                "Set required to true, and run the authoriser so that it answers",
            ),
            _ => continue,
        };
        let pointer = format!("/spec/envoyExtensions/{index}");
        let locus = place(object, &pointer, Some(one.span));
        let draft = Draft::new(Id::CSL_19, locus, message, fix.to_owned());
        report.add(object, draft.severity(severity));
    }
}

/// CSL-11.
fn egress(scene: &Scene<'_, '_>, report: &mut Report) {
    let mesh = scene.entries("Mesh").next();
    let path = ["spec", "transparentProxy", "meshDestinationsOnly"];
    let node = mesh.and_then(|mesh| get(mesh, &path));
    let affected: Vec<Asset> = scene.injected().map(|(_, pod)| asset(pod)).collect();
    let (object, locus) = match (mesh, scene.servers.first()) {
        (Some(mesh), _) => {
            let pointer = format!("/{}", path.join("/"));
            (mesh, place(mesh, &pointer, node.map(|node| node.span)))
        }
        // Without pods nobody is held by what is not said.
        (None, Some(servers)) if !affected.is_empty() => servers.lack("transparentProxy"),
        _ => return,
    };
    report.assess(&[Id::CSL_11], 1);
    if node.and_then(Node::as_bool) == Some(true) {
        return;
    }
    let message = "services may call any address outside the mesh".to_owned();
    let fix = "Set meshDestinationsOnly of the Mesh to true, with TerminatingGateways for what is \
               needed; add network policies for egress, for a compromised pod leaves the proxy \
               aside"
        .to_owned();
    let draft = Draft::new(Id::CSL_11, locus, message, fix);
    report.add(object, draft.affects(affected));
}

/// CSL-12: old versions and weak suites.
fn tls(object: &Object, paths: &[&[&str]], report: &mut Report) {
    for path in paths {
        let Some(settings) = get(object, path) else {
            continue;
        };
        let pointer = format!("/{}", path.join("/"));
        let version = settings.get("tlsMinVersion");
        let old = version.filter(|node| node.as_str().is_some_and(is_old_version));
        if let Some(node) = old {
            let version = node.as_str().unwrap_or_default();
            let message = format!("proxies talk {version}, which can be broken");
            let fix = "Set tlsMinVersion to TLSv1_2 or TLSv1_3".to_owned();
            let locus = place(object, &format!("{pointer}/tlsMinVersion"), Some(node.span));
            report.add(object, Draft::new(Id::CSL_12, locus, message, fix));
        }
        let suites = settings.get("cipherSuites");
        let weak = texts(suites).into_iter().find(|name| is_weak(name));
        if let (Some(name), Some(node)) = (weak, suites) {
            let message = format!("proxies accept a weak cipher ({name})");
            let fix = "Remove it: TLS 1.3, or ECDHE with GCM or ChaCha20".to_owned();
            let locus = place(object, &format!("{pointer}/cipherSuites"), Some(node.span));
            report.add(object, Draft::new(Id::CSL_12, locus, message, fix));
        }
    }
}

/// Suites without forward secrecy, and those with CBC, RC4 or 3DES; Go calls CBC by its name,
/// OpenSSL leaves it out and ends in a plain SHA.
fn is_weak(suite: &str) -> bool {
    let has_secrecy = ["ECDHE", "CHACHA20", "TLS_AES"];
    let has_secrecy = has_secrecy.iter().any(|word| suite.contains(word));
    let is_old = ["CBC", "RC4", "DES"]
        .iter()
        .any(|word| suite.contains(word));
    !has_secrecy || is_old || suite.ends_with("SHA")
}

/// CSL-15: doors for the outside without TLS.
fn ingress(gateway: &Object, report: &mut Report) {
    let is_on = |node: Option<&Node>| {
        let tls = node.and_then(|node| node.get("tls"));
        let on = tls
            .and_then(|tls| tls.get("enabled"))
            .and_then(Node::as_bool);
        on == Some(true) || tls.is_some_and(|tls| tls.get("sds").is_some())
    };
    if is_on(get(gateway, &["spec"])) {
        return;
    }
    let mut listeners = gateway.items(&["spec", "listeners"]).iter().enumerate();
    let plain = listeners.find(|(_, listener)| {
        let protocol = listener.get("protocol").and_then(Node::as_str);
        matches!(protocol, Some("http" | "http2" | "grpc")) && !is_on(Some(listener))
    });
    let Some((index, listener)) = plain else {
        return;
    };
    let port = listener.get("port").and_then(Node::as_i64).unwrap_or(0);
    let message = format!("the gateway takes requests at port {port} in plaintext");
    let fix = "Set tls.enabled to true".to_owned();
    let pointer = format!("/spec/listeners/{index}");
    let locus = place(gateway, &pointer, Some(listener.span));
    report.add(gateway, Draft::new(Id::CSL_15, locus, message, fix));
}

/// CSL-15: the way out in plaintext. Without a CA a gateway does not speak TLS at all.
fn terminating(gateway: &Object, report: &mut Report) {
    let services = gateway.items(&["spec", "services"]);
    let has = |service: &Node, key: &str| service.get(key).is_some_and(|node| !node.is_null());
    let mut plain = services
        .iter()
        .enumerate()
        .filter(|(_, service)| !has(service, "caFile") && !has(service, "secretRef"));
    let Some((index, first)) = plain.next() else {
        return;
    };
    let name = first.get("name").and_then(Node::as_str).unwrap_or("?");
    let more = plain.count();
    let also = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    let message = format!(
        "the gateway speaks plaintext to {name}{also}: what leaves the mesh can be read and changed"
    );
    let fix = "Set caFile, and sni, of the services that speak TLS".to_owned();
    let locus = place(
        gateway,
        &format!("/spec/services/{index}"),
        Some(first.span),
    );
    report.add(gateway, Draft::new(Id::CSL_15, locus, message, fix));
}

/// CSL-16: keys of tokens that anybody on the way can change.
fn keys(provider: &Object, report: &mut Report) {
    let node = get(provider, &["spec", "jsonWebKeySet", "remote", "uri"]);
    let is_plain = |node: &&Node| node.as_str().is_some_and(|uri| uri.starts_with("http://"));
    let Some(node) = node.filter(is_plain) else {
        return;
    };
    let message = "the keys that tokens are checked with come in plaintext: whoever is on the way \
                   gives the proxies keys of their own"
        .to_owned();
    let fix = "Fetch them by https".to_owned();
    let pointer = "/spec/jsonWebKeySet/remote/uri";
    let locus = place(provider, pointer, Some(node.span));
    report.add(provider, Draft::new(Id::CSL_16, locus, message, fix));
}
