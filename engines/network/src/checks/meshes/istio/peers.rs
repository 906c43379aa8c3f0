//! IST-TLS: where plaintext gets in, and what makes it so.

use super::super::{Outsider, Report, place, weighed};
use super::{Scene, Subject, strongest};
use crate::istio::membership::Place;
use crate::istio::peer_authentication::{Level, Mode, PeerAuthentication, PortMode};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::BTreeMap;

const POLICIES: [Id; 7] = [
    Id::IST_TLS_02,
    Id::IST_TLS_03,
    Id::IST_TLS_04,
    Id::IST_TLS_05,
    Id::IST_TLS_06,
    Id::IST_TLS_07,
    Id::IST_TLS_08,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    mesh_default(scene, report);
    let peers = &scene.istio.peer_authentications;
    report.assess(&POLICIES, peers.all.len());
    for policy in &peers.all {
        match policy.level {
            Level::Mesh => mesh_policy(scene, policy, report),
            Level::Namespace => namespace_policy(scene, policy, report),
            Level::Workload => workload_policy(scene, policy, report),
            Level::Nobody => ignored(scene, policy, report),
        }
    }
    rivals(scene, report);
    auto_mtls(scene, report);
}

/// The object that stands for the mesh: its settings, else its control plane.
pub(super) fn mesh_object<'s>(scene: &Scene<'_, 's>) -> Option<(&'s Object, &'static str, Span)> {
    let mesh = &scene.istio.mesh;
    if let Some(config) = mesh.configs.first() {
        return Some((config.object, config.pointer, config.span));
    }
    let mut parts = mesh.components.iter();
    let pilot = parts.find(|part| part.part == crate::istio::mesh::Part::Pilot)?;
    let object = scene.world.endpoint_at(pilot.endpoint)?.object;
    Some((object, "", object.name_span))
}

fn mesh_default(scene: &Scene<'_, '_>, report: &mut Report) {
    let peers = &scene.istio.peer_authentications;
    let Some((object, pointer, span)) = mesh_object(scene) else {
        return;
    };
    report.assess(&[Id::IST_TLS_01], 1);
    if peers.all.iter().any(|policy| policy.level == Level::Mesh) {
        return;
    }
    let by_default = |subject: &&Subject<'_, '_>| {
        let mut ports = subject.ports.iter().map(|port| port.number).chain([0]);
        ports.any(|port| {
            let labels = &subject.endpoint.template.labels;
            let mode = peers.for_labels(subject.namespace, labels, subject.place, port);
            mode.modes.iter().any(|(_, by)| by.is_none())
        })
    };
    let open: Vec<_> = scene.meshed().filter(by_default).collect();
    if open.is_empty() && scene.meshed().next().is_some() {
        return; // every namespace has a policy of its own
    }
    let outsider = strongest(open.iter().map(|s| scene.outsider(s, &s.lax)));
    let root = &scene.istio.mesh.root_namespace;
    let message = format!(
        "no PeerAuthentication in {root} sets the mode of the mesh: {} by default",
        match open.len() {
            0 => "its workloads accept plaintext".to_owned(),
            1 => "1 workload accepts plaintext".to_owned(),
            many => format!("{many} workloads accept plaintext"),
        }
    );
    let fix = format!(
        "Add a PeerAuthentication named default with mtls.mode STRICT to {root}, after giving \
         ports that unmeshed clients need a mode of their own"
    );
    let locus = place(object, pointer, Some(span));
    let draft = Draft::new(Id::IST_TLS_01, locus, message, fix)
        .severity(weighed(Severity::High, &outsider))
        .evidence(
            "without a policy the mode is PERMISSIVE",
            Proof::ApiDefault("mtls.mode: PERMISSIVE"),
        )
        .maybe(example(&outsider, object.name_span))
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// Who gets in, if that is known.
fn example(outsider: &Outsider, span: Span) -> Option<(String, Proof)> {
    let note = match outsider {
        Outsider::Pod(name) => format!("{name} is outside the mesh and could be the client"),
        Outsider::Internet => "a port of it is reachable from the internet".to_owned(),
        Outsider::Nobody | Outsider::Unknown => return None,
    };
    Some((note, Proof::Source(span)))
}

fn mesh_policy(scene: &Scene<'_, '_>, policy: &PeerAuthentication<'_>, report: &mut Report) {
    let (said, severity) = match policy.mode {
        Some(Mode::Strict) => return,
        Some(Mode::Permissive) => ("PERMISSIVE", Severity::High),
        Some(Mode::Disable) => ("DISABLE", Severity::Critical),
        None => ("UNSET, which is PERMISSIVE", Severity::High),
    };
    let open: Vec<_> = scene.meshed().filter(|s| !s.lax.is_empty()).collect();
    let outsider = strongest(open.iter().map(|s| scene.outsider(s, &s.lax)));
    let message = format!(
        "the mode of the whole mesh is {said}: {}",
        accepting(open.len(), policy.mode)
    );
    let fix = "Set spec.mtls.mode to STRICT".to_owned();
    let locus = place(policy.object, "/spec/mtls/mode", Some(policy.span));
    let draft = Draft::new(Id::IST_TLS_02, locus, message, fix)
        .severity(weighed(severity, &outsider))
        .maybe(example(&outsider, policy.object.name_span))
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

fn accepting(number: usize, mode: Option<Mode>) -> String {
    let what = if mode == Some(Mode::Disable) {
        "only plaintext"
    } else {
        "plaintext"
    };
    match number {
        0 => format!("{what} is accepted"),
        1 => format!("1 workload accepts {what}"),
        many => format!("{many} workloads accept {what}"),
    }
}

fn namespace_policy(scene: &Scene<'_, '_>, policy: &PeerAuthentication<'_>, report: &mut Report) {
    let Some(mode) = policy.mode else { return };
    let (above, _) = scene.istio.peer_authentications.of_mesh().worst();
    if mode <= above {
        return;
    }
    let namespace = policy.object.namespace();
    let open: Vec<_> = scene
        .meshed()
        .filter(|s| s.namespace == namespace && !s.lax.is_empty())
        .collect();
    let outsider = strongest(open.iter().map(|s| scene.outsider(s, &s.lax)));
    let message = format!(
        "namespace {namespace} is {} in a mesh that is {}: {}",
        mode.name(),
        above.name(),
        accepting(open.len(), policy.mode)
    );
    let fix = "Remove spec.mtls.mode, or set it to STRICT; if one client needs plaintext, \
               give only that port of that workload another mode"
        .to_owned();
    let locus = place(policy.object, "/spec/mtls/mode", Some(policy.span));
    let draft = Draft::new(Id::IST_TLS_03, locus, message, fix)
        .severity(weighed(Severity::High, &outsider))
        .maybe(example(&outsider, policy.object.name_span))
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

fn workload_policy(scene: &Scene<'_, '_>, policy: &PeerAuthentication<'_>, report: &mut Report) {
    let namespace = policy.object.namespace();
    let chosen: Vec<_> = scene
        .subjects
        .iter()
        .filter(|s| matches!(s.place, Place::Sidecar | Place::Ambient | Place::Gateway))
        .filter(|s| {
            s.namespace == namespace && policy.selector.matches(&s.endpoint.template.labels)
        })
        .collect();
    let (above, _) = scene
        .istio
        .peer_authentications
        .of_namespace(namespace)
        .worst();
    if let Some(mode) = policy.mode.filter(|mode| *mode > above) {
        let outsider = strongest(chosen.iter().map(|s| scene.outsider(s, &s.lax)));
        let message = format!(
            "workloads are {} in a namespace that is {}: {}",
            mode.name(),
            above.name(),
            accepting(chosen.len(), policy.mode)
        );
        let fix = "Set spec.mtls.mode to STRICT; if one client needs plaintext, give only its \
                   port another mode"
            .to_owned();
        let locus = place(policy.object, "/spec/mtls/mode", Some(policy.span));
        let draft = Draft::new(Id::IST_TLS_04, locus, message, fix)
            .severity(weighed(Severity::High, &outsider))
            .maybe(example(&outsider, policy.object.name_span))
            .affects(chosen.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }
    let base = policy.mode.unwrap_or(above);
    for port in &policy.ports {
        if service_port(policy, port, &chosen, report) {
            continue;
        }
        let Some(mode) = port.mode.filter(|mode| *mode > Mode::Strict) else {
            continue;
        };
        // What does not get to ztunnel is another rule's matter (IST-AM-13).
        if !chosen.is_empty() && chosen.iter().all(|s| scene.is_strict(s, port.port)) {
            continue;
        }
        let outsider = strongest(chosen.iter().map(|s| scene.outsider(s, &[port.port])));
        let (severity, beside) = match base {
            Mode::Strict => (Severity::High, "the other ports are STRICT"),
            _ => (Severity::Medium, "the other ports accept plaintext, too"),
        };
        let message = format!("port {} is {}; {beside}", port.port, mode.name());
        let fix = format!(
            "Remove the exception for port {0}, or let a network policy admit only the clients \
             that need it to port {0}",
            port.port
        );
        let pointer = format!("/spec/portLevelMtls/{}/mode", port.port);
        let locus = place(policy.object, &pointer, Some(port.span));
        let draft = Draft::new(Id::IST_TLS_05, locus, message, fix)
            .severity(weighed(severity, &outsider))
            .maybe(example(&outsider, policy.object.name_span))
            .affects(chosen.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }
}

/// IST-TLS-07: a selector in the root namespace.
fn ignored(scene: &Scene<'_, '_>, policy: &PeerAuthentication<'_>, report: &mut Report) {
    let root = &scene.istio.mesh.root_namespace;
    let message = format!(
        "a policy with a selector in the root namespace {root} is ignored: its mode holds nowhere"
    );
    let fix = "Move the policy to the namespace of its workloads".to_owned();
    let locus = place(policy.object, "/spec/selector", None);
    report.add(
        policy.object,
        Draft::new(Id::IST_TLS_07, locus, message, fix),
    );
}

/// IST-TLS-06: a port that the Service has and the pods do not. Whether it is one.
fn service_port(
    policy: &PeerAuthentication<'_>,
    port: &PortMode,
    chosen: &[&Subject<'_, '_>],
    report: &mut Report,
) -> bool {
    let has_port = |s: &&&Subject<'_, '_>| s.ports.iter().any(|known| known.number == port.port);
    let leads = chosen.iter().find_map(|s| {
        let services = s.services.iter().copied();
        services.into_iter().find(|service| {
            let mut ports = service.items(&["spec", "ports"]).iter();
            ports.any(|one| one.get("port").and_then(Node::as_i64) == Some(i64::from(port.port)))
        })
    });
    let Some(service) = leads.filter(|_| !chosen.iter().any(|s| has_port(&s))) else {
        return false;
    };
    let message = format!(
        "port {} is the port of Service {}, not one of the pods: the mode holds nowhere",
        port.port, service.reference.name
    );
    let fix = "Use the port that the container listens on".to_owned();
    let pointer = format!("/spec/portLevelMtls/{}", port.port);
    let locus = place(policy.object, &pointer, Some(port.span));
    let draft = Draft::new(Id::IST_TLS_06, locus, message, fix)
        .evidence("the Service stands here", Proof::Source(service.name_span));
    report.add(policy.object, draft);
    true
}

/// Policies of one level that speak about the same pods: only the oldest counts.
fn rivals(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = &scene.istio.peer_authentications.all;
    let mut groups: BTreeMap<(bool, &str, &str), Vec<usize>> = BTreeMap::new();
    for (index, policy) in all.iter().enumerate() {
        let namespace = policy.object.namespace();
        match policy.level {
            Level::Mesh => groups.entry((true, namespace, "")).or_default().push(index),
            Level::Namespace => groups
                .entry((false, namespace, ""))
                .or_default()
                .push(index),
            Level::Workload => {
                let labels =
                    |s: &&Subject<'_, '_>| policy.selector.matches(&s.endpoint.template.labels);
                for subject in scene.in_namespace(namespace).filter(labels) {
                    let name = &*subject.endpoint.workload.owner.name;
                    groups
                        .entry((false, namespace, name))
                        .or_default()
                        .push(index);
                }
            }
            Level::Nobody => {}
        }
    }
    // For each policy the first that is for the same pods.
    let mut rivals: BTreeMap<usize, usize> = BTreeMap::new();
    for group in groups.into_values() {
        let Some((first, others)) = group.split_first() else {
            continue;
        };
        for other in others.iter().filter(|other| *other != first) {
            let known = rivals.entry(*other).or_insert(*first);
            *known = (*known).min(*first);
        }
    }
    for (index, first) in rivals {
        let (Some(policy), Some(other)) = (all.get(index), all.get(first)) else {
            continue;
        };
        let (one, two) = (&other.object.reference.name, &policy.object.reference.name);
        let message = format!(
            "PeerAuthentications {one} and {two} are for the same pods: only the older counts"
        );
        let fix = format!("Keep one of {one} and {two} with all that is meant");
        let locus = place(policy.object, "/spec/selector", None);
        let draft = Draft::new(Id::IST_TLS_08, locus, message, fix).evidence(
            format!("{one} stands here"),
            Proof::Source(other.object.name_span),
        );
        report.add(policy.object, draft);
    }
}

fn auto_mtls(scene: &Scene<'_, '_>, report: &mut Report) {
    let configs = &scene.istio.mesh.configs;
    report.assess(&[Id::IST_TLS_12], configs.len());
    for config in configs {
        let Some(node) = config.get(&["enableAutoMtls"]) else {
            continue;
        };
        if node.as_bool() != Some(false) {
            continue;
        }
        let message =
            "clients do not use mutual TLS by themselves (enableAutoMtls: false)".to_owned();
        let fix = "Remove enableAutoMtls from the mesh's settings".to_owned();
        let pointer = format!("{}/enableAutoMtls", config.pointer);
        let locus = place(config.object, &pointer, Some(node.span));
        let draft = Draft::new(Id::IST_TLS_12, locus, message, fix)
            .affects(scene.meshed().map(super::Subject::asset));
        report.add(config.object, draft);
    }
}
