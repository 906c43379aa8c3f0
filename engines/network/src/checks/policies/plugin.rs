//! The network plugin: does it enforce policies at all, and how is it set?

use super::{Report, Scene, place};
use crate::policy::At;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, World};
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;

/// Images of plugins that know nothing of policies.
const BLIND: [(&str, &str); 2] = [("flannel", "flannel"), ("kindnetd", "kindnet")];

/// Images of what enforces policies, whatever else is there.
const ENFORCING: [&str; 9] = [
    "calico",
    "cilium",
    "antrea",
    "kube-router",
    "weave-npc",
    "kube-network-policies",
    "ovn-kube",
    "kube-ovn",
    "network-policy-agent",
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    enforcement(scene, report);
    for object in scene.network.world().of_kind("", "ConfigMap") {
        if &*object.reference.name == "cilium-config" {
            settings(scene, object, report);
        }
    }
}

/// NP-08: policies, and nothing that enforces them.
fn enforcement(scene: &Scene<'_, '_>, report: &mut Report) {
    let network = scene.network;
    let Some(policy) = network.policies.all.first() else {
        return;
    };
    let world = network.world();
    let agents = world
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.is_host_network());
    let agents: Vec<&Endpoint<'_>> = agents.collect();
    let runs = |image: &str| {
        let mut all = agents.iter();
        all.find(|agent| images(agent).any(|own| own.contains(image)))
            .copied()
    };
    let blind = BLIND
        .iter()
        .find_map(|(image, name)| Some((runs(image)?, *name)));
    // Amazon's plugin enforces with an agent beside it.
    let amazon = || {
        Some((
            runs("amazon-k8s-cni")?,
            "the AWS VPC CNI without its policy agent",
        ))
    };
    let Some((agent, name)) = blind.or_else(amazon) else {
        return;
    };
    report.assess_each(&[Id::NP_08]);
    if ENFORCING.iter().any(|image| runs(image).is_some()) {
        return;
    }
    let mut objects: Vec<_> = network
        .policies
        .all
        .iter()
        .map(|p| &p.object.reference)
        .collect();
    objects.sort_unstable();
    objects.dedup();
    let span = agent
        .template
        .containers
        .first()
        .map_or(agent.object.name_span, |container| container.span);
    let message = format!(
        "{name} enforces no policies: {} here {} nothing",
        match objects.len() {
            1 => "1 policy".to_owned(),
            many => format!("{many} policies"),
        },
        if objects.len() == 1 { "does" } else { "do" }
    );
    let fix = "Use a network plugin that enforces policies, or add one that only does that";
    let pointer = agent.template.spec_pointer();
    let draft = Draft::new(Id::NP_08, place(&pointer, span), message, fix.to_owned());
    let proof = Proof::Object(policy.object.reference.clone());
    report.add(
        agent.object,
        draft.evidence("a policy that is not enforced", proof),
    );
}

fn images<'e>(endpoint: &'e Endpoint<'_>) -> impl Iterator<Item = &'e str> {
    let containers = endpoint.template.containers.iter();
    containers
        .filter_map(|c| c.image.as_ref())
        .map(|image| &*image.value)
}

/// CIL-01, CIL-03, CIL-16 and CIL-20: settings of Cilium's agents.
fn settings(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let Some(data) = object
        .body()
        .map(At::root)
        .and_then(|root| root.map("data").ok()?)
    else {
        return;
    };
    report.assess_each(&[Id::CIL_01, Id::CIL_03, Id::CIL_16, Id::CIL_20]);
    let is = |key: &str, value: &str| data.text(key).ok().flatten() == Some(value);
    let draft = |id, key: &str, message: &str, fix: &str| {
        let at = data.get(key).unwrap_or_else(|| data.clone());
        Draft::new(
            id,
            place(&at.pointer, at.span()),
            message.to_owned(),
            fix.to_owned(),
        )
    };
    if is("enable-policy", "never") {
        let message = "Cilium enforces no policies (policyEnforcementMode never)";
        let fix = "Set policyEnforcementMode to default or always";
        report.add(object, draft(Id::CIL_01, "enable-policy", message, fix));
    }
    if is("policy-audit-mode", "true") {
        let message = "Cilium only logs what policies would stop (policyAuditMode)";
        let fix = "Set policyAuditMode to false";
        report.add(object, draft(Id::CIL_03, "policy-audit-mode", message, fix));
    }
    if !is_encrypted(scene.network.world()) {
        let message = "traffic between nodes is not encrypted";
        let fix = "Enable WireGuard or IPsec (encryption.enabled), or a mesh with mutual TLS";
        report.add(object, draft(Id::CIL_16, "enable-wireguard", message, fix));
    }
    if is("hubble-disable-tls", "true") {
        let message = "Hubble serves all flows of the cluster without TLS";
        let fix = "Set hubble.tls.enabled to true";
        let draft = draft(Id::CIL_20, "hubble-disable-tls", message, fix);
        report.add(object, draft.severity(Severity::Medium));
    }
}

/// Whether Cilium encrypts; true when its settings are not in the input.
pub(super) fn is_encrypted(world: &World<'_>) -> bool {
    let config = config(world);
    config.is_none_or(|data| {
        let is_on = |key: &str| data.text(key).ok().flatten() == Some("true");
        is_on("enable-wireguard") || is_on("enable-ipsec")
    })
}

/// Cilium's settings.
pub(super) fn config<'s>(world: &World<'s>) -> Option<At<'s>> {
    settings_object(world).map(|(_, data)| data)
}

/// Cilium's settings, and the ConfigMap that they stand in.
pub(super) fn settings_object<'s>(world: &World<'s>) -> Option<(&'s Object, At<'s>)> {
    let mut maps = world.of_kind("", "ConfigMap").iter().copied();
    let object = maps.find(|object| &*object.reference.name == "cilium-config")?;
    Some((object, At::root(object.body()?).map("data").ok()??))
}
