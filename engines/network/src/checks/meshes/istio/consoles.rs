//! IST-CP-07 and 11: consoles of the mesh and of its proxies that ask nobody who it is.

use super::super::{Report, get, place, weighed};
use super::{Scene, Subject, strongest};
use crate::istio::NETWORKING;
use crate::istio::membership::Place;
use crate::istio::mesh::nested;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Severity, Span};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for object in scene.world.of_kind("", "ConfigMap").iter().copied() {
        if !object.reference.name.starts_with("kiali") {
            continue;
        }
        let Some(node) = get(object, &["data", "config.yaml"]) else {
            continue;
        };
        let tree = nested(node.as_str().unwrap_or_default(), node.span);
        let strategy = tree.at(&["auth", "strategy"]);
        anonymous(
            scene,
            object,
            "/data/config.yaml/auth/strategy",
            strategy,
            report,
        );
    }
    for object in scene.world.of_kind("kiali.io", "Kiali").iter().copied() {
        let strategy = get(object, &["spec", "auth", "strategy"]);
        anonymous(scene, object, "/spec/auth/strategy", strategy, report);
    }
    for subject in &scene.subjects {
        overridden(scene, subject, report);
    }
    for object in scene
        .world
        .of_kind(NETWORKING, "EnvoyFilter")
        .iter()
        .copied()
    {
        patched(scene, object, report);
    }
}

/// IST-CP-07.
fn anonymous(
    scene: &Scene<'_, '_>,
    object: &Object,
    pointer: &str,
    strategy: Option<&Node>,
    report: &mut Report,
) {
    report.assess(&[Id::IST_CP_07], 1);
    let Some(node) = strategy.filter(|node| node.as_str() == Some("anonymous")) else {
        return;
    };
    let pods = scene.subjects.iter().filter(|s| {
        let name = &s.endpoint.workload.owner.name;
        &**name == "kiali" || s.endpoint.label("app.kubernetes.io/name") == Some("kiali")
    });
    let outsider = strongest(pods.map(|subject| {
        let ports: Vec<u16> = subject.ports.iter().map(|port| port.number).collect();
        scene.outsider(subject, &ports)
    }));
    let message = "Kiali asks nobody who it is: whoever reaches it sees the mesh and acts with \
                   Kiali's rights"
        .to_owned();
    let fix = "Set auth.strategy to token, openid or openshift".to_owned();
    let locus = place(object, pointer, Some(node.span));
    let draft =
        Draft::new(Id::IST_CP_07, locus, message, fix).severity(weighed(Severity::High, &outsider));
    report.add(object, draft);
}

/// An address of Envoy's administration that others than the pod itself reach, with its port.
fn admin(bootstrap: &Node) -> Option<(String, u16, Span)> {
    let socket = |key: &str, inner: &str| {
        bootstrap
            .at(&["admin", "address", key])
            .and_then(|node| Some((node, node.get(inner)?)))
    };
    let (address, port) =
        socket("socket_address", "port_value").or_else(|| socket("socketAddress", "portValue"))?;
    let text = address.get("address")?.as_str()?;
    let is_own = text.starts_with("127.") || matches!(text, "::1" | "localhost");
    let number = u16::try_from(port.as_i64()?).ok()?;
    (!is_own).then(|| (text.to_owned(), number, address.span))
}

const FIX: &str = "Bind the administration to 127.0.0.1";

fn message(address: &str, port: u16) -> String {
    format!(
        "Envoy's administration listens on {address}:{port}: whoever reaches it reads the \
         configuration and stops the proxy"
    )
}

/// IST-CP-11 by a bootstrap of somebody's own.
fn overridden(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>, report: &mut Report) {
    if !matches!(subject.place, Place::Sidecar | Place::Gateway) {
        return;
    }
    report.assess(&[Id::IST_CP_11], 1);
    let field = subject
        .endpoint
        .annotation("sidecar.istio.io/bootstrapOverride");
    let Some(field) = field else { return };
    let mut maps = scene.world.of_kind("", "ConfigMap").iter();
    let map = maps
        .find(|map| map.namespace() == subject.namespace && *map.reference.name == *field.value);
    let data = map.and_then(|map| get(map, &["data"])?.as_map());
    let found = data.into_iter().flatten().find_map(|entry| {
        let tree = nested(entry.value.as_str()?, entry.value.span);
        admin(&tree)
    });
    let Some((address, port, span)) = found else {
        return;
    };
    let outsider = scene.outsider(subject, &[port]);
    let key = "sidecar.istio.io~1bootstrapOverride";
    let locus = seawall_model::Locus {
        pointer: format!(
            "{}/metadata/annotations/{key}",
            subject.endpoint.template.pointer
        ),
        path: format!("pod/metadata/annotations/{key}"),
        span: field.span,
    };
    let text = message(&address, port);
    let draft = Draft::new(Id::IST_CP_11, locus, text, FIX.to_owned())
        .severity(weighed(Severity::High, &outsider))
        .evidence("it is written here", seawall_model::Proof::Source(span));
    report.add_to(subject.asset(), draft);
}

/// IST-CP-11 by a patch.
fn patched(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    report.assess(&[Id::IST_CP_11], 1);
    let patches = object.items(&["spec", "configPatches"]).iter().enumerate();
    for (index, patch) in patches {
        let is_bootstrap = patch.get("applyTo").and_then(Node::as_str) == Some("BOOTSTRAP");
        let value = patch.at(&["patch", "value"]);
        let Some((address, port, span)) = value.filter(|_| is_bootstrap).and_then(admin) else {
            continue;
        };
        let selector = get(object, &["spec", "workloadSelector", "labels"]);
        let selector = selector
            .and_then(LabelSelector::read_map)
            .unwrap_or_default();
        let is_root = object.namespace() == &*scene.istio.mesh.root_namespace;
        let held = scene.subjects.iter().filter(|s| {
            matches!(s.place, Place::Sidecar | Place::Gateway)
                && (is_root || s.namespace == object.namespace())
                && selector.matches(&s.endpoint.template.labels)
        });
        let held: Vec<&Subject<'_, '_>> = held.collect();
        let outsider = strongest(held.iter().map(|s| scene.outsider(s, &[port])));
        let pointer = format!("/spec/configPatches/{index}/patch/value/admin/address");
        let locus = place(object, &pointer, Some(span));
        let draft = Draft::new(
            Id::IST_CP_11,
            locus,
            message(&address, port),
            FIX.to_owned(),
        )
        .severity(weighed(Severity::High, &outsider))
        .affects(held.iter().map(|subject| subject.asset()));
        report.add(object, draft);
        return;
    }
}
