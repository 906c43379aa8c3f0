//! IST-BP-15, 16 and 19: how the injector makes pods.

use super::super::{Report, count, place};
use super::coverage::names;
use super::{Scene, Subject, control_plane, peers};
use crate::istio::membership::Place;
use crate::istio::mesh::Part;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_snapshot::{ContainerKind, LabelSelector};
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    setup(scene, report);
    late(scene, report);
    never(scene, report);
}

/// IST-BP-15: every pod sets its own network up.
fn setup(scene: &Scene<'_, '_>, report: &mut Report) {
    let mesh = &scene.istio.mesh;
    let has = |part| mesh.components.iter().any(|one| one.part == part);
    let sidecars: Vec<_> = scene
        .meshed()
        .filter(|s| s.place == Place::Sidecar)
        .collect();
    let object = peers::mesh_object(scene);
    let Some((object, pointer, span)) = object.filter(|_| has(Part::Pilot)) else {
        return;
    };
    if sidecars.is_empty() {
        return;
    }
    report.assess(&[Id::IST_BP_15], 1);
    let said = mesh.injector_values.iter().any(|values| {
        let paths: [&[&str]; 2] = [&["pilot", "cni", "enabled"], &["istio_cni", "enabled"]];
        let mut nodes = paths.into_iter().filter_map(|path| values.get(path));
        nodes.any(|node| node.as_bool() == Some(true))
    });
    // Pods that a plugin set up have a container that looks whether it did.
    let is_set_up = |s: &&Subject<'_, '_>| {
        let mut all = s.endpoint.template.containers.iter();
        all.any(|container| &*container.name == "istio-validation")
    };
    if has(Part::Cni) || said || sidecars.iter().any(is_set_up) {
        return;
    }
    let level = "pod-security.kubernetes.io/enforce";
    let refusing = sidecars.iter().filter(|subject| {
        let space = scene.world.namespace_at(subject.endpoint.namespace);
        let level = space.and_then(|space| space.label(level));
        matches!(level, Some("baseline" | "restricted"))
    });
    let refusing = refusing.count();
    let (severity, effect) = match refusing {
        0 => (
            Severity::Low,
            "their namespaces have to allow NET_ADMIN and NET_RAW".to_owned(),
        ),
        many => (
            Severity::Medium,
            format!("Pod Security refuses those of {}", count(many, "workload")),
        ),
    };
    let message = format!(
        "pods of {} set up their own network by a container with rights over it: {effect}",
        count(sidecars.len(), "workload")
    );
    let fix = "Install istio-cni, and set pilot.cni.enabled".to_owned();
    let draft = Draft::new(
        Id::IST_BP_15,
        place(object, pointer, Some(span)),
        message,
        fix,
    )
    .severity(severity)
    .affects(sidecars.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// The line since which proxies are native sidecars where the cluster knows them.
const NATIVE_SINCE: u16 = 27;

/// IST-BP-16: applications start before their proxy.
fn late(scene: &Scene<'_, '_>, report: &mut Report) {
    let mesh = &scene.istio.mesh;
    let mut pilots = mesh.components.iter();
    let Some(pilot) = pilots.find(|one| one.part == Part::Pilot) else {
        return;
    };
    let sidecars: Vec<_> = scene
        .meshed()
        .filter(|s| s.place == Place::Sidecar)
        .collect();
    let Some((object, pointer, span)) = peers::mesh_object(scene).filter(|_| !sidecars.is_empty())
    else {
        return;
    };
    report.assess(&[Id::IST_BP_16], 1);
    let native = control_plane::pilot_setting(scene, "ENABLE_NATIVE_SIDECARS");
    let is_native = match native.map(|(value, _)| value) {
        Some("false") => false,
        Some(_) => true,
        // What is not known is not said to be lacking.
        None => pilot
            .version
            .is_none_or(|version| version.minor >= NATIVE_SINCE),
    };
    let holds = mesh.configs.iter().any(|config| {
        let node = config.get(&["defaultConfig", "holdApplicationUntilProxyStarts"]);
        node.and_then(Node::as_bool) == Some(true)
    });
    if is_native || holds {
        return;
    }
    let early = sidecars.iter().filter(|s| {
        let mut all = s.endpoint.template.containers.iter();
        all.any(|c| c.kind == ContainerKind::Init && !c.name.starts_with("istio-"))
    });
    let message = format!(
        "applications of {} start before their proxy, and {} run containers before it: what they \
         call then is not held by the mesh",
        count(sidecars.len(), "workload"),
        early.count()
    );
    let fix = "Set ENABLE_NATIVE_SIDECARS=true, or holdApplicationUntilProxyStarts: true";
    let draft = Draft::new(
        Id::IST_BP_16,
        place(object, pointer, Some(span)),
        message,
        fix.to_owned(),
    )
    .affects(sidecars.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// IST-BP-19: labels by which pods stay out, wherever they are.
fn never(scene: &Scene<'_, '_>, report: &mut Report) {
    for values in &scene.istio.mesh.injector_values {
        report.assess(&[Id::IST_BP_19], 1);
        let path = ["sidecarInjectorWebhook", "neverInjectSelector"];
        let Some(node) = values.get(&path) else {
            continue;
        };
        let selectors = node.as_seq().unwrap_or_default().iter();
        let selectors: Vec<LabelSelector> = selectors.filter_map(LabelSelector::read).collect();
        if selectors.is_empty() {
            continue;
        }
        let is_out = |s: &&Subject<'_, '_>| {
            let labels = &s.endpoint.template.labels;
            s.place == Place::Sidecar && selectors.iter().any(|one| one.matches(labels))
        };
        let out: Vec<_> = scene.meshed().filter(is_out).collect();
        let (severity, effect) = match out.len() {
            0 => (Severity::Low, "whoever makes a pod can use them".to_owned()),
            _ => (Severity::Medium, format!("now {}", names(&out))),
        };
        let message =
            format!("pods with certain labels stay out of the mesh in every namespace: {effect}");
        let fix = "Empty neverInjectSelector, and label the pods themselves".to_owned();
        let pointer = format!("{}/{}", values.pointer, path.join("/"));
        let locus = place(values.object, &pointer, Some(node.span));
        let draft = Draft::new(Id::IST_BP_19, locus, message, fix)
            .severity(severity)
            .affects(out.iter().map(|subject| subject.asset()));
        report.add(values.object, draft);
    }
}
