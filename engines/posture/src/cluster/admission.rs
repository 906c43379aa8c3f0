//! N03 and N04: the cluster's own admission objects.

use super::{Thing, holds};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::{Proof, Severity};
use seawall_snapshot::ScopeId;
use seawall_yaml::Node;

/// Parts of names of webhooks whose purpose is to refuse.
const SECURITY: &[&str] = &[
    "kyverno",
    "gatekeeper",
    "opa",
    "kubewarden",
    "policy",
    "sigstore",
    "cosign",
    "connaisseur",
    "portieris",
    "neuvector",
    "aqua",
    "twistlock",
    "stackrox",
    "falco",
    "kubescape",
    "polaris",
    "image-",
    "security",
    "admission-control",
];

fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::as_str)
}

fn seq<'a>(node: &'a Node, path: &[&str]) -> &'a [Node] {
    node.at(path).and_then(Node::as_seq).unwrap_or_default()
}

/// Whether the webhook sees pods or what makes them.
fn sees_pods(webhook: &Node) -> bool {
    const KINDS: [&str; 8] = [
        "pods",
        "deployments",
        "daemonsets",
        "statefulsets",
        "replicasets",
        "jobs",
        "cronjobs",
        "*/*",
    ];
    seq(webhook, &["rules"]).iter().any(|rule| {
        let groups = seq(rule, &["apiGroups"]);
        let core = ["", "apps", "batch", "*"]
            .iter()
            .any(|group| holds(groups, group));
        let resources = seq(rule, &["resources"]);
        core && (holds(resources, "*") || KINDS.iter().any(|kind| holds(resources, kind)))
    })
}

/// The webhooks of a Validating- or MutatingWebhookConfiguration.
pub(super) fn webhooks(t: &Thing<'_>, sink: &mut Sink) {
    let validating = &*t.object.reference.kind == "ValidatingWebhookConfiguration";
    for (index, webhook) in t.items(&["webhooks"]).iter().enumerate() {
        sink.assess(Id::N03, 1);
        let name = text(webhook, "name").unwrap_or_default();
        let lower = format!("{} {name}", t.name()).to_ascii_lowercase();
        let security = SECURITY.iter().any(|word| lower.contains(word));
        // An operator's webhook for its own resources is a convenience, not a gate.
        if !(sees_pods(webhook) && (validating || security)) {
            continue;
        }
        ignored(t, index, name, webhook, security, sink);
        opted_out(t, index, name, webhook, sink);
    }
}

fn ignored(
    t: &Thing<'_>,
    index: usize,
    name: &str,
    webhook: &Node,
    security: bool,
    sink: &mut Sink,
) {
    let field = webhook.get("failurePolicy").filter(|node| !node.is_null());
    let beta = t.object.api_version.value.ends_with("/v1beta1");
    let ignores = field.map_or(beta, |node| node.as_str() == Some("Ignore"));
    if !ignores {
        return;
    }
    let locus = t.at(
        &format!("/webhooks/{index}/failurePolicy"),
        &format!("webhooks[{name}]/failurePolicy"),
        field.or_else(|| webhook.get("name")).map(|node| node.span),
    );
    let message = format!("whoever keeps webhook `{name}` from answering gets everything in");
    let fix = "Set failurePolicy to Fail, with replicas and a PodDisruptionBudget for the webhook";
    let severity = if security {
        Severity::Medium
    } else {
        Severity::Low
    };
    let mut draft = Draft::new(Id::N03, locus, message, fix.to_owned()).severity(severity);
    if field.is_none() {
        draft = draft.evidence(
            "failurePolicy is Ignore in v1beta1",
            Proof::ApiDefault("failurePolicy: Ignore (v1beta1)"),
        );
    }
    sink.add(t.asset, draft);
}

fn opted_out(t: &Thing<'_>, index: usize, name: &str, webhook: &Node, sink: &mut Sink) {
    let expressions = seq(webhook, &["namespaceSelector", "matchExpressions"]);
    for (at, expression) in expressions.iter().enumerate() {
        let key = text(expression, "key").unwrap_or_default();
        let out = matches!(text(expression, "operator"), Some("NotIn" | "DoesNotExist"));
        // The API server sets this label itself.
        if !out || key == "kubernetes.io/metadata.name" {
            continue;
        }
        let locus = t.at(
            &format!("/webhooks/{index}/namespaceSelector/matchExpressions/{at}"),
            &format!("webhooks[{name}]/namespaceSelector[{key}]"),
            Some(expression.span),
        );
        let message = format!(
            "whoever may label a namespace with `{key}` gets everything in past webhook `{name}`"
        );
        let fix = "Leave out namespaces by kubernetes.io/metadata.name instead".to_owned();
        sink.add(
            t.asset,
            Draft::new(Id::N03, locus, message, fix).severity(Severity::Low),
        );
    }
}

/// A ValidatingAdmissionPolicy.
pub(super) fn policy(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess(Id::N04, 1);
    if let Some(node) = t.get(&["spec", "failurePolicy"])
        && node.as_str() == Some("Ignore")
    {
        let locus = t.place("/spec/failurePolicy", Some(node.span));
        let message = "an object on which an expression fails gets in".to_owned();
        let fix = "Set failurePolicy to Fail".to_owned();
        sink.add(
            t.asset,
            Draft::new(Id::N04, locus, message, fix).severity(Severity::Low),
        );
    }
    let group = "admissionregistration.k8s.io";
    let bound = t
        .index
        .snapshot
        .of_kind(group, "ValidatingAdmissionPolicyBinding")
        .any(|(_, binding)| {
            let policy = binding.body().and_then(|b| b.at(&["spec", "policyName"]));
            (binding.scope == t.scope()
                || binding.scope == ScopeId::PLAIN
                || t.scope() == ScopeId::PLAIN)
                && policy.and_then(Node::as_str) == Some(t.name())
        });
    if !bound {
        let locus = t.place("/metadata/name", None);
        let message = format!("no binding puts policy `{}` to work", t.name());
        let fix =
            "Add a ValidatingAdmissionPolicyBinding with validationActions: [Deny]".to_owned();
        sink.add(t.asset, Draft::new(Id::N04, locus, message, fix));
    }
}

/// A ValidatingAdmissionPolicyBinding.
pub(super) fn binding(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess(Id::N04, 1);
    let node = t.get(&["spec", "validationActions"]);
    let actions = t.items(&["spec", "validationActions"]);
    if let Some(node) = node
        && !actions.is_empty()
        && !holds(actions, "Deny")
    {
        let words: Vec<&str> = actions.iter().filter_map(Node::as_str).collect();
        let locus = t.place("/spec/validationActions", Some(node.span));
        let message = format!(
            "the binding only does {}: what the policy forbids gets in",
            list(&words)
        );
        let fix = "Set validationActions to [Deny]".to_owned();
        sink.add(
            t.asset,
            Draft::new(Id::N04, locus, message, fix).severity(Severity::Low),
        );
    }
    if let Some(node) = t.get(&["spec", "paramRef", "parameterNotFoundAction"])
        && node.as_str() == Some("Allow")
    {
        let locus = t.place("/spec/paramRef/parameterNotFoundAction", Some(node.span));
        let message = "whoever deletes the parameters switches the policy off".to_owned();
        let fix = "Set parameterNotFoundAction to Deny".to_owned();
        sink.add(
            t.asset,
            Draft::new(Id::N04, locus, message, fix).severity(Severity::Low),
        );
    }
}
