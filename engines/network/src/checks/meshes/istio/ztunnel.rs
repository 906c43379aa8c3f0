//! IST-AM-03, 05, 13, 21, 23 and 26: what becomes of objects on their way to ztunnel, and to
//! the waypoints' own pods.

use super::super::{Report, place};
use super::control_plane::pilot_setting;
use super::coverage::{attached, names};
use super::{Scene, Subject};
use crate::istio::ambient::Waypoint;
use crate::istio::authorization::{Action, Fate, Policy, ztunnel};
use crate::istio::membership::Place;
use crate::istio::mesh::{Part, Version};
use crate::istio::peer_authentication::{Level, Mode};
use crate::network::Network;
use crate::policy::{Direction, Tier};
use crate::rules::Id;
use crate::sink::Draft;
use core::net::{IpAddr, Ipv4Addr};
use seawall_model::{Proof, Severity, Str};
use seawall_snapshot::Object;
use std::collections::BTreeMap;

const POLICIES: [Id; 4] = [Id::IST_AM_03, Id::IST_AM_05, Id::IST_AM_21, Id::IST_AM_26];

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let policies = &scene.istio.policies.all;
    report.assess(&POLICIES, policies.len());
    for policy in policies.iter().filter(|policy| policy.targets.is_empty()) {
        let subjects = attached(scene, policy);
        let of = |place| {
            let all = subjects.iter().copied();
            all.filter(move |s: &&Subject<'_, '_>| s.place == place)
                .collect::<Vec<_>>()
        };
        let ambient = of(Place::Ambient);
        wider(policy, &ambient, report);
        enforced(scene, policy, &ambient, report);
        for_gateways(scene, policy, &of(Place::Gateway), &subjects, report);
        for_waypoint(scene, policy, report);
    }
    without_effect(scene, report);
    probes(scene, network, report);
}

/// IST-AM-03: a refusal of which only the part about connections is left.
fn wider(policy: &Policy<'_>, ambient: &[&Subject<'_, '_>], report: &mut Report) {
    if policy.is_dry_run || policy.action != Action::Deny || ambient.is_empty() {
        return;
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        if ztunnel::fate(rule, false) != Fate::Widened {
            continue;
        }
        let dropped = rule
            .checks()
            .find(|check| ztunnel::is_unsupported(check, false));
        let what = dropped.map_or("what is about requests", |check| &*check.field);
        let message = format!(
            "ztunnel leaves {what} out of rule {}: it refuses more than it says",
            index + 1
        );
        let fix = "Deploy a waypoint, and attach the policy to it or to the Service by targetRefs";
        let pointer = format!("/spec/rules/{index}");
        let locus = place(policy.object, &pointer, Some(rule.span));
        let draft = Draft::new(Id::IST_AM_03, locus, message, fix.to_owned())
            .affects(ambient.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }
}

/// The line since which ztunnel knows dry runs.
const DRY_RUN_SINCE: u16 = 29;

/// IST-AM-05: a dry run that an older ztunnel enforces.
fn enforced(
    scene: &Scene<'_, '_>,
    policy: &Policy<'_>,
    ambient: &[&Subject<'_, '_>],
    report: &mut Report,
) {
    let sent = pilot_setting(scene, "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY");
    let Some((_, span)) = sent.filter(|(value, _)| *value == "true") else {
        return;
    };
    let is_old = |version: &Version| version.major == 1 && version.minor < DRY_RUN_SINCE;
    let mut parts = scene.istio.mesh.components.iter();
    let old = parts.find_map(|part| {
        let version = part.version.filter(is_old)?;
        (part.part == Part::Ztunnel).then_some(version)
    });
    let Some(version) = old.filter(|_| policy.is_dry_run && !ambient.is_empty()) else {
        return;
    };
    let message = format!(
        "the policy shall only pretend (istio.io/dry-run), but ztunnel {version} enforces it"
    );
    let fix = "Update ztunnel to 1.29 or later, or remove the setting from istiod".to_owned();
    let written = policy.object.annotation("istio.io/dry-run");
    let pointer = "/metadata/annotations/istio.io~1dry-run";
    let locus = place(policy.object, pointer, written.map(|field| field.span));
    let draft = Draft::new(Id::IST_AM_05, locus, message, fix)
        .evidence("istiod sends it", Proof::Source(span))
        .affects(ambient.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

/// IST-AM-26: a policy of the mesh's namespace that is for a gateway by a label which others
/// have, too.
fn for_gateways(
    scene: &Scene<'_, '_>,
    policy: &Policy<'_>,
    gateways: &[&Subject<'_, '_>],
    subjects: &[&Subject<'_, '_>],
    report: &mut Report,
) {
    let is_root = policy.namespace() == &*scene.istio.mesh.root_namespace;
    let selects = policy.selector.as_ref();
    let selects = selects.is_some_and(|one| !one.requirements.is_empty());
    let others = subjects.iter().copied().filter(|s| s.is_meshed());
    let others: Vec<&Subject<'_, '_>> = others.collect();
    if !is_root || !selects || gateways.is_empty() || others.is_empty() {
        return;
    }
    let message = format!(
        "the policy is for gateway {}, and by its labels for {}, too, which are no gateways",
        names(gateways),
        names(&others)
    );
    let fix = "Attach the policy to the Gateway by targetRefs, or give the gateway a label of its \
               own"
    .to_owned();
    let locus = place(policy.object, "/spec/selector", None);
    let draft = Draft::new(Id::IST_AM_26, locus, message, fix)
        .affects(others.iter().map(|subject| subject.asset()));
    report.add(policy.object, draft);
}

/// The waypoint whose pods a policy selects.
pub(super) fn selected_waypoint<'a, 's>(
    scene: &'a Scene<'_, 's>,
    policy: &Policy<'_>,
) -> Option<&'a Waypoint<'s>> {
    let selector = policy.selector.as_ref()?;
    if selector.requirements.is_empty() {
        return None;
    }
    let is_root = policy.namespace() == &*scene.istio.mesh.root_namespace;
    let mut waypoints = scene.istio.ambient.waypoints.iter();
    waypoints.find(|waypoint| {
        let name = &waypoint.object.reference.name;
        let label = |key: &str, value: &str| (Str::from(key), Str::from(value));
        let labels = [
            label("gateway.istio.io/managed", "istio.io-mesh-controller"),
            label("gateway.networking.k8s.io/gateway-name", name),
        ];
        (is_root || waypoint.object.namespace() == policy.namespace()) && selector.matches(&labels)
    })
}

/// IST-AM-21: a policy that selects a waypoint's pods.
fn for_waypoint(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    let layered = pilot_setting(scene, "ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES");
    if layered.is_some_and(|(value, _)| value == "true") {
        return;
    }
    let Some(waypoint) = selected_waypoint(scene, policy) else {
        return;
    };
    let name = &waypoint.object.reference.name;
    let message =
        format!("the policy selects the pods of waypoint {name}, which read no such policies");
    let fix = "Replace selector by targetRefs to the waypoint".to_owned();
    let locus = place(policy.object, "/spec/selector", None);
    let draft = Draft::new(Id::IST_AM_21, locus, message, fix).evidence(
        "the waypoint stands here",
        Proof::Source(waypoint.object.name_span),
    );
    report.add(policy.object, draft);
}

/// IST-AM-13: an exception that does not reach ztunnel.
fn without_effect(scene: &Scene<'_, '_>, report: &mut Report) {
    for policy in &scene.istio.peer_authentications.all {
        if policy.level != Level::Workload {
            continue;
        }
        report.assess(&[Id::IST_AM_13], 1);
        for port in policy
            .ports
            .iter()
            .filter(|p| p.mode == Some(Mode::Disable))
        {
            let held = scene.in_namespace(policy.object.namespace()).filter(|s| {
                s.place == Place::Ambient
                    && policy.selector.matches(&s.endpoint.template.labels)
                    && scene.is_strict(s, port.port)
            });
            let held: Vec<_> = held.collect();
            if held.is_empty() {
                continue;
            }
            let message = format!(
                "ztunnel does not get to know DISABLE of port {}: mutual TLS stays required there",
                port.port
            );
            let fix = "Write PERMISSIVE if plaintext clients have to get in, else remove the port";
            let pointer = format!("/spec/portLevelMtls/{}/mode", port.port);
            let locus = place(policy.object, &pointer, Some(port.span));
            let draft = Draft::new(Id::IST_AM_13, locus, message, fix.to_owned())
                .affects(held.iter().map(|subject| subject.asset()));
            report.add(policy.object, draft);
        }
    }
}

/// The address that the kubelet's probes of ambient pods come from.
const PROBES: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 7, 127));

/// IST-AM-23: network policies that stop probes. One finding for each policy.
fn probes(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let source = network.place(network.outside(PROBES));
    let mut stopped: BTreeMap<usize, Vec<&Subject<'_, '_>>> = BTreeMap::new();
    for subject in scene.meshed().filter(|s| s.place == Place::Ambient) {
        let mut hooks = subject.endpoint.template.containers.iter();
        let is_probed = hooks.any(|container| {
            let mut hooks = container.hooks.iter();
            hooks.any(|hook| hook.name.ends_with("Probe"))
        });
        if !is_probed {
            continue;
        }
        report.assess(&[Id::IST_AM_23], 1);
        let endpoint = subject.id.0 as usize;
        if !network.policies_pass(source, endpoint).is_empty() {
            continue;
        }
        let mut policies = network.policies.all.iter().enumerate();
        let holder = policies.find(|(_, policy)| {
            policy.direction == Direction::Ingress
                && policy.tier == Tier::Namespace
                && policy.isolates
                && policy.subjects.contains(&endpoint)
        });
        if let Some((index, _)) = holder {
            stopped.entry(index).or_default().push(subject);
        }
    }
    for (index, subjects) in stopped {
        let Some(object) = network.policies.all.get(index).map(|policy| policy.object) else {
            continue;
        };
        tell_probes(object, &subjects, report);
    }
}

fn tell_probes(object: &Object, subjects: &[&Subject<'_, '_>], report: &mut Report) {
    let message = format!(
        "the kubelet's probes of {} come from {PROBES} in ambient, which the policy stops",
        names(subjects)
    );
    let fix = format!("Allow {PROBES}/32 in ingress if the pods do not become ready");
    let draft = Draft::new(Id::IST_AM_23, place(object, "", None), message, fix)
        .severity(Severity::Info)
        .affects(subjects.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}
