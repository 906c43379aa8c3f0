//! Policies that are there and mean nothing: IST-AZ-15, 24, 28, 32, 36.
//!
//! What is missing is only known where its place is in the picture: pods of a namespace whose
//! workloads are, a provider of settings that are.

use super::super::{Report, place};
use super::Scene;
use super::coverage::attached;
use crate::istio::authorization::{Action, Key, Policy, Rule, Word};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;
use seawall_yaml::Node;

const RULES: [Id; 5] = [
    Id::IST_AZ_15,
    Id::IST_AZ_24,
    Id::IST_AZ_28,
    Id::IST_AZ_32,
    Id::IST_AZ_36,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    report.assess(&RULES, scene.istio.policies.all.len());
    for policy in &scene.istio.policies.all {
        methods(policy, report);
        provider(scene, policy, report);
        if super::ztunnel::selected_waypoint(scene, policy).is_none() {
            nobody(scene, policy, report);
        }
        targets(scene, policy, report);
        without_rules(policy, report);
    }
}

/// IST-AZ-15: methods are compared letter by letter.
fn methods(policy: &Policy<'_>, report: &mut Report) {
    let checks = policy.rules.iter().flat_map(Rule::checks);
    let is_small = |word: &&Word| word.text.chars().any(|letter| letter.is_ascii_lowercase());
    for check in checks.filter(|check| check.key == Key::Methods) {
        let values = check.values.iter().map(|word| (word, false));
        let mut both = values.chain(check.not_values.iter().map(|word| (word, true)));
        let Some((word, negated)) = both.find(|(word, _)| is_small(word)) else {
            continue;
        };
        let is_deny = policy.action != Action::Allow;
        let (severity, effect) = match (is_deny, negated) {
            (true, false) => (Severity::High, "it refuses nobody"),
            (false, true) => (Severity::High, "what it should exclude gets in"),
            (true, true) => (Severity::Medium, "what it should exempt is refused"),
            (false, false) => (Severity::Medium, "it lets nobody in"),
        };
        let message = format!("no request has the method {}: {effect}", word.text);
        let fix = format!(
            "Write {}; a method of gRPC is POST with a path",
            word.text.to_ascii_uppercase()
        );
        let locus = place(policy.object, &word.pointer, Some(word.span));
        report.add(
            policy.object,
            Draft::new(Id::IST_AZ_15, locus, message, fix).severity(severity),
        );
    }
}

/// IST-AZ-24: an authoriser that the mesh does not know.
fn provider(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    let Action::Custom(name) = &policy.action else {
        return;
    };
    let configs = &scene.istio.mesh.configs;
    let knows = |config: &crate::istio::mesh::MeshConfig<'_>| {
        let all = config.get(&["extensionProviders"]).and_then(Node::as_seq);
        let mut names = all
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("name")?.as_str());
        names.any(|known| known == &**name)
    };
    if configs.is_empty() || configs.iter().any(knows) {
        return;
    }
    let message =
        format!("the mesh knows no authoriser {name}: every request that matches is refused");
    let fix = "Add it to extensionProviders of the mesh, or correct provider.name".to_owned();
    let node = crate::checks::meshes::get(policy.object, &["spec", "provider", "name"]);
    let span = node.map_or(policy.action_span, |node| node.span);
    let locus = place(policy.object, "/spec/provider/name", Some(span));
    let draft = Draft::new(Id::IST_AZ_24, locus, message, fix);
    report.add(
        policy.object,
        draft.affects(attached(scene, policy).iter().map(|s| s.asset())),
    );
}

/// IST-AZ-28: a selector that no pod has.
fn nobody(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    let Some(selector) = policy
        .selector
        .as_ref()
        .filter(|one| !one.requirements.is_empty())
    else {
        return;
    };
    let is_root = policy.namespace() == &*scene.istio.mesh.root_namespace;
    let mut near = scene.in_namespace(policy.namespace()).peekable();
    // A few workloads of a namespace are not all: what is custom makes pods of its own.
    if is_root || near.peek().is_none() || has_makers(scene, policy.namespace()) {
        return;
    }
    if near.any(|subject| selector.matches(&subject.endpoint.template.labels)) {
        return;
    }
    let (severity, effect) = match policy.action {
        Action::Allow | Action::Audit => (Severity::Medium, "it lets nobody in and closes nothing"),
        Action::Deny | Action::Custom(_) => (Severity::Medium, "it refuses nobody"),
    };
    let message = format!("no pod of the namespace has the labels of the selector: {effect}");
    let fix = "Correct the labels, or remove the policy".to_owned();
    let span =
        crate::checks::meshes::get(policy.object, &["spec", "selector"]).map(|node| node.span);
    let locus = place(policy.object, "/spec/selector", span);
    report.add(
        policy.object,
        Draft::new(Id::IST_AZ_28, locus, message, fix).severity(severity),
    );
}

/// Whether something lives in a namespace that may make pods nobody sees: an object of a group
/// that is neither Kubernetes' nor a mesh's.
fn has_makers(scene: &Scene<'_, '_>, namespace: &str) -> bool {
    scene.world.has_custom_objects(namespace)
}

/// IST-AZ-32: a Service that is not there.
fn targets(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    for (index, target) in policy.targets.iter().enumerate() {
        let home = policy.namespace();
        let elsewhere = target
            .namespace
            .as_deref()
            .filter(|namespace| *namespace != home);
        let is_service = target.group.is_empty() && &*target.kind == "Service";
        let services = scene.world.of_kind("", "Service");
        let in_picture = services.iter().any(|service| service.namespace() == home);
        let exists = services
            .iter()
            .any(|service| service.namespace() == home && service.reference.name == target.name);
        let message = match elsewhere {
            Some(namespace) => format!(
                "the policy is for an object of namespace {namespace}: policies reach only their own"
            ),
            None if is_service && in_picture && !exists => {
                format!(
                    "there is no Service {} in the namespace: nothing is held",
                    target.name
                )
            }
            None => continue,
        };
        let fix = "Move the policy beside its target, and correct the name".to_owned();
        let pointer = format!("/spec/targetRefs/{index}");
        let locus = place(policy.object, &pointer, Some(target.span));
        report.add(
            policy.object,
            Draft::new(Id::IST_AZ_32, locus, message, fix),
        );
    }
}

/// IST-AZ-36: refusing without rules refuses nothing.
fn without_rules(policy: &Policy<'_>, report: &mut Report) {
    let is_void = matches!(policy.action, Action::Deny | Action::Custom(_));
    if !is_void || !policy.rules.is_empty() {
        return;
    }
    let message = format!(
        "a {} policy without rules does nothing",
        policy.action.name()
    );
    let fix = "Add rules: [{}] to refuse everything, or remove the policy".to_owned();
    let locus = place(policy.object, "/spec/rules", Some(policy.action_span));
    report.add(
        policy.object,
        Draft::new(Id::IST_AZ_36, locus, message, fix),
    );
}
