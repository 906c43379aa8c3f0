//! IST-TC-16 and 17: what pods change of the proxy that holds them to the policies.
//!
//! The injector takes much from annotations of the pod, which whoever makes the pod writes.
//! Most of it is harmless (how much memory, which metrics); named here is what gives the
//! proxy to its author.

use super::super::{Report, get, place};
use super::capture::annotation_locus;
use super::destinations::is_outside;
use super::{Scene, Subject};
use crate::istio::NETWORKING;
use crate::istio::membership::Place;
use crate::istio::mesh::nested;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let has_proxy =
        |s: &&Subject<'_, '_>| matches!(s.place, Place::Sidecar | Place::Gateway | Place::Unknown);
    for subject in scene.subjects.iter().filter(has_proxy) {
        report.assess_each(&[Id::IST_TC_16, Id::IST_TC_17]);
        annotations(subject, report);
        templates(subject, report);
        volumes(subject, report);
        proxy_config(scene, subject, report);
    }
    proxy_configs(scene, report);
}

fn add(
    subject: &Subject<'_, '_>,
    id: Id,
    key: &str,
    severity: Severity,
    what: &str,
    report: &mut Report,
) {
    let Some(field) = subject.endpoint.annotation(key) else {
        return;
    };
    let locus = annotation_locus(subject, key, field.span);
    let fix = format!("Remove the annotation {key}, and refuse it at admission");
    let draft = Draft::new(id, locus, what.to_owned(), fix).severity(severity);
    report.add_to(subject.asset(), draft);
}

/// Where Istio's own images come from.
const OWN_IMAGES: [&str; 4] = [
    "docker.io/istio/",
    "istio/",
    "gcr.io/istio-release/",
    "registry.istio.io/",
];

fn annotations(subject: &Subject<'_, '_>, report: &mut Report) {
    const IMAGE: &str = "sidecar.istio.io/proxyImage";
    const BOOTSTRAP: &str = "sidecar.istio.io/bootstrapOverride";
    let value = |key: &str| {
        let field = subject.endpoint.annotation(key);
        field.map(|field| field.value.trim())
    };
    let id = Id::IST_TC_17;
    // A word without a slash is a name below the mesh's own address.
    if let Some(image) = value(IMAGE).filter(|image| image.contains('/')) {
        let is_own = OWN_IMAGES.iter().any(|own| image.starts_with(own));
        let severity = if is_own {
            Severity::Low
        } else {
            Severity::High
        };
        let what = format!("the pods choose the image of their proxy: {image}");
        add(subject, id, IMAGE, severity, &what, report);
    }
    if let Some(name) = value(BOOTSTRAP) {
        let what = format!("the proxy starts with the configuration of ConfigMap {name}");
        add(subject, id, BOOTSTRAP, Severity::High, &what, report);
    }
    for key in [
        "sidecar.istio.io/logLevel",
        "sidecar.istio.io/componentLogLevel",
    ] {
        let level = value(key).filter(|level| level.contains("debug") || level.contains("trace"));
        if let Some(level) = level {
            let what = format!("the proxy writes requests with their headers to its log ({level})");
            add(subject, id, key, Severity::Low, &what, report);
        }
    }
}

/// Templates that come with Istio or its documents and leave the proxy what it is.
const KNOWN_TEMPLATES: [&str; 5] = ["sidecar", "gateway", "waypoint", "kube-gateway", "spire"];

fn templates(subject: &Subject<'_, '_>, report: &mut Report) {
    const KEY: &str = "inject.istio.io/templates";
    let Some(field) = subject.endpoint.annotation(KEY) else {
        return;
    };
    let mut names = field.value.split(',').map(str::trim);
    let other = names.find(|name| !name.is_empty() && !KNOWN_TEMPLATES.contains(name));
    let Some(name) = other else { return };
    let (severity, what) = if name.starts_with("grpc-") {
        let what = format!(
            "template {name} injects no proxy: only the application's own library enforces"
        );
        (Severity::Low, what)
    } else {
        let what =
            format!("the pods choose what is injected: template {name} is not one of Istio's");
        (Severity::Medium, what)
    };
    add(subject, Id::IST_TC_17, KEY, severity, &what, report);
}

/// Where the proxy has its own programs, keys and settings.
const OWN_PATHS: [&str; 5] = [
    "/etc/istio",
    "/usr/local/bin",
    "/var/lib/istio",
    "/var/run/secrets/istio",
    "/var/run/secrets/workload-spiffe",
];

/// Volumes for certificates are what the annotation is for; not all are that.
fn volumes(subject: &Subject<'_, '_>, report: &mut Report) {
    const VOLUME: &str = "sidecar.istio.io/userVolume";
    const MOUNT: &str = "sidecar.istio.io/userVolumeMount";
    let value = |key: &str| {
        let field = subject.endpoint.annotation(key);
        field.map_or("", |field| &*field.value)
    };
    let mounts = subject.endpoint.annotation(MOUNT);
    let mounts = mounts.map(|field| nested(&field.value, field.span));
    let paths = mounts.iter().flat_map(|tree| {
        let all = tree.as_seq().unwrap_or_default().iter();
        all.filter_map(|mount| mount.get("mountPath")?.as_str())
    });
    let over = paths.into_iter().find_map(|path| {
        let is_over = |own: &&&str| {
            let inside = |one: &str, other: &str| {
                let rest = one.strip_prefix(other.trim_end_matches('/'));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            inside(path, own) || inside(own, path)
        };
        OWN_PATHS.iter().find(is_over)
    });
    if value(VOLUME).contains("\"hostPath\"") {
        let what = "the proxy gets a directory of the node";
        add(subject, Id::IST_TC_17, VOLUME, Severity::High, what, report);
    } else if let Some(path) = over {
        let what = format!("a volume lies over what the proxy has in {path}");
        add(subject, Id::IST_TC_17, MOUNT, Severity::High, &what, report);
    }
}

/// Settings of a proxy that give it away, with what each does.
const SETTINGS: [(&str, Severity, &str); 5] = [
    ("binaryPath", Severity::High, "the proxy is another program"),
    (
        "customConfigFile",
        Severity::High,
        "the proxy starts with a configuration of its own",
    ),
    (
        "proxyBootstrapTemplatePath",
        Severity::High,
        "the proxy starts with a configuration of its own",
    ),
    (
        "caCertificatesPem",
        Severity::High,
        "the proxy trusts other roots than the mesh",
    ),
    (
        "proxyAdminPort",
        Severity::Medium,
        "the proxy's admin port is moved away from where it is guarded",
    ),
];

/// Variables of the agent that say whom it believes.
const METADATA: [(&str, &str); 7] = [
    ("CA_ADDR", "another CA makes the pods' certificates"),
    ("CA_PROVIDER", "another CA makes the pods' certificates"),
    ("CA_ROOT_CA", "the agent believes another CA"),
    ("XDS_ROOT_CA", "the agent believes another control plane"),
    (
        "PILOT_CERT_PROVIDER",
        "the agent believes another control plane",
    ),
    (
        "FILE_MOUNTED_CERTS",
        "the pods bring their own certificates",
    ),
    (
        "OUTPUT_CERTS",
        "the agent writes the pods' keys to a directory",
    ),
];

fn proxy_config(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    const KEY: &str = "proxy.istio.io/config";
    const DISCOVERY: &str = "sidecar.istio.io/discoveryAddress";
    if let Some(field) = subject.endpoint.annotation(DISCOVERY)
        && !is_own_istiod(scene, &field.value)
    {
        let what = format!("{} tells the proxy what to enforce", field.value);
        add(
            subject,
            Id::IST_TC_16,
            DISCOVERY,
            Severity::High,
            &what,
            report,
        );
    }
    let Some(field) = subject.endpoint.annotation(KEY) else {
        return;
    };
    let tree = nested(&field.value, field.span);
    let found = worst(scene, &tree);
    if let Some((severity, what)) = found {
        add(subject, Id::IST_TC_16, KEY, severity, &what, report);
    }
}

/// The worst thing in a proxy's settings.
fn worst(scene: &Scene<'_, '_>, tree: &Node) -> Option<(Severity, String)> {
    let mut all: Vec<(Severity, String)> = Vec::new();
    let address = tree.get("discoveryAddress").and_then(Node::as_str);
    if let Some(address) = address.filter(|address| !is_own_istiod(scene, address)) {
        let what = format!("{address} tells the proxy what to enforce (discoveryAddress)");
        all.push((Severity::High, what));
    }
    for (key, severity, what) in SETTINGS {
        let node = tree.get(key).filter(|node| !node.is_null());
        let is_usual = key == "proxyAdminPort" && node.and_then(Node::as_i64) == Some(15000);
        if node.is_some() && !is_usual {
            all.push((severity, format!("{what} ({key})")));
        }
    }
    if let Some(variables) = tree.get("proxyMetadata") {
        all.extend(metadata(variables));
    }
    for tracer in ["zipkin", "openCensusAgent", "lightstep"] {
        let address = tree.at(&["tracing", tracer, "address"]);
        let Some(address) = address.and_then(Node::as_str) else {
            continue;
        };
        // A variable stands for an address of the node.
        let host = address.split(':').next().unwrap_or_default();
        if !host.starts_with('$') && is_outside(host) {
            let what = format!("traces with addresses of all requests go to {address}");
            all.push((Severity::Medium, what));
        }
    }
    // Of several that are equally bad the first.
    all.into_iter().rev().max_by_key(|(severity, _)| *severity)
}

fn metadata(variables: &Node) -> Option<(Severity, String)> {
    METADATA.iter().find_map(|(name, what)| {
        let text = variables.get(name)?.as_str()?;
        let severity = match *name {
            "OUTPUT_CERTS" => Severity::Low,
            _ => Severity::High,
        };
        (!text.is_empty()).then(|| (severity, format!("{what} ({name})")))
    })
}

/// Whether an address is an istiod of the mesh's own namespace.
fn is_own_istiod(scene: &Scene<'_, '_>, address: &str) -> bool {
    let host = address.split(':').next().unwrap_or_default();
    let mut parts = host.split('.');
    let is_istiod = parts.next().is_some_and(|name| name.starts_with("istiod"));
    let root = &*scene.istio.mesh.root_namespace;
    is_istiod && parts.next() == Some(root) && parts.next() == Some("svc")
}

/// The object that says the same for several pods.
fn proxy_configs(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind(NETWORKING, "ProxyConfig");
    report.assess(&[Id::IST_TC_16], all.len());
    for object in all.iter().copied() {
        let Some(variables) = get(object, &["spec", "environmentVariables"]) else {
            continue;
        };
        let Some((severity, what)) = metadata(variables) else {
            continue;
        };
        let fix = "Remove the variable".to_owned();
        let locus = place(object, "/spec/environmentVariables", Some(variables.span));
        let draft = Draft::new(Id::IST_TC_16, locus, what, fix).severity(severity);
        report.add(object, draft);
    }
}
