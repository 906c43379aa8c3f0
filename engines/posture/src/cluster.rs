//! Rules about everything that is not a pod: services, policies, namespaces, API versions.

mod admission;
mod api_versions;
mod config_maps;
mod dangling;
mod exposure;
mod ingress;
mod namespaces;
mod policies;

use crate::Config;
use crate::index::Index;
use crate::sink::Sink;
use seawall_model::{Asset, Locus, Span};
use seawall_snapshot::{Object, ScopeId};
use seawall_yaml::Node;

/// One object that is not a workload, with its tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thing<'a> {
    pub(crate) index: &'a Index<'a>,
    pub(crate) object: &'a Object,
    pub(crate) body: &'a Node,
    pub(crate) asset: &'a Asset,
}

impl<'a> Thing<'a> {
    /// A place by JSON pointer; `path` names list items, `span` falls back to the name.
    pub(crate) fn at(&self, pointer: &str, path: &str, span: Option<Span>) -> Locus {
        Locus {
            pointer: pointer.to_owned(),
            path: path.to_owned(),
            span: span.unwrap_or(self.object.name_span),
        }
    }

    /// A place whose identity is its pointer.
    pub(crate) fn place(&self, pointer: &str, span: Option<Span>) -> Locus {
        self.at(pointer, pointer.trim_start_matches('/'), span)
    }

    /// The value at a path of keys.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&'a Node> {
        self.body.at(path).filter(|node| !node.is_null())
    }

    /// The text at a path of keys.
    pub(crate) fn text(&self, path: &[&str]) -> Option<&'a str> {
        self.get(path)?.as_str()
    }

    /// The items at a path of keys.
    pub(crate) fn items(&self, path: &[&str]) -> &'a [Node] {
        self.get(path).and_then(Node::as_seq).unwrap_or_default()
    }

    pub(crate) fn scope(&self) -> ScopeId {
        self.object.scope
    }

    pub(crate) fn namespace(&self) -> Option<&'a str> {
        self.object.reference.namespace.as_deref()
    }

    pub(crate) fn name(&self) -> &'a str {
        &self.object.reference.name
    }
}

/// Whether a list of texts holds a word.
pub(crate) fn holds(items: &[Node], word: &str) -> bool {
    items.iter().any(|item| item.as_str() == Some(word))
}

/// Judges all objects that are not workloads, and the API version of every object.
pub(crate) fn check(index: &Index<'_>, config: &Config, sink: &mut Sink) {
    for (_, object) in index.snapshot.objects() {
        sink.start_workload();
        api_versions::check(object, config, sink);
        let Some(body) = object.body() else { continue };
        let Some(judge) = judge_of(object) else {
            continue;
        };
        let asset = Asset::Resource(object.reference.clone());
        judge(
            &Thing {
                index,
                object,
                body,
                asset: &asset,
            },
            sink,
        );
    }
    sink.start_workload();
    namespaces::check(index, sink);
}

type Judge = fn(&Thing<'_>, &mut Sink);

fn judge_of(object: &Object) -> Option<Judge> {
    Some(match (&*object.reference.group, &*object.reference.kind) {
        ("", "Service") => exposure::service,
        ("", "ConfigMap") => config_maps::check,
        ("networking.k8s.io" | "extensions", "Ingress") => ingress::check,
        ("networking.k8s.io" | "extensions", "NetworkPolicy") => dangling::network_policy,
        ("policy", "PodDisruptionBudget") => dangling::budget,
        ("autoscaling", "HorizontalPodAutoscaler") => dangling::autoscaler,
        (
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration",
        ) => admission::webhooks,
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => admission::policy,
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => admission::binding,
        ("kyverno.io", "ClusterPolicy" | "Policy") => policies::kyverno,
        ("policies.kyverno.io", kind) if kind.ends_with("ValidatingPolicy") => {
            policies::kyverno_validating
        }
        ("kyverno.io" | "policies.kyverno.io", "PolicyException") => policies::exception,
        ("constraints.gatekeeper.sh", _) => policies::gatekeeper,
        ("policies.kubewarden.io", _) => policies::kubewarden,
        _ => return None,
    })
}
