//! CIL-22: selectors by labels that are no part of an identity.
//!
//! Cilium numbers pods by their labels. Some labels are left out by default, and a list in its
//! settings may leave out more; to a policy such a label is not there.

use super::super::{Report, Scene, place, plugin};
use crate::policy::At;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Proof;
use seawall_snapshot::Object;
use seawall_yaml::Node;

/// A pattern of labels: those that begin with a text.
struct Pattern {
    text: String,
    /// Whether the text may stand anywhere in the key.
    is_inside: bool,
    leaves_out: bool,
}

/// Which labels identities are made of.
struct Filter {
    patterns: Vec<Pattern>,
    /// Whether a label must be named to count.
    is_list: bool,
}

/// What counts, and what does not, whatever the settings say.
const INCLUDED: [&str; 4] = [
    "io.kubernetes.pod.namespace",
    "io.cilium.k8s.namespace.labels",
    "app.kubernetes.io",
    "io.cilium.k8s.policy",
];
const EXCLUDED: [&str; 13] = [
    "io.kubernetes",
    "kubernetes.io",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/controller-uid",
    "k8s.io",
    "pod-template-generation",
    "pod-template-hash",
    "controller-revision-hash",
    "annotation",
    "controller-uid",
    "etcd_node",
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let world = scene.network.world();
    let Some((settings, data)) = plugin::settings_object(world) else {
        return;
    };
    let Some(filter) = Filter::read(data.text("labels").ok().flatten().unwrap_or_default()) else {
        return; // expressions that are not understood
    };
    let proof = || {
        let at = data.get("labels");
        match at {
            Some(at) => Proof::Source(at.span()),
            None => Proof::Object(settings.reference.clone()),
        }
    };
    for kind in super::KINDS {
        for object in world.of_kind("cilium.io", kind).iter().copied() {
            of_policy(object, &filter, &proof, report);
        }
    }
    for object in world
        .of_kind("networking.k8s.io", "NetworkPolicy")
        .iter()
        .copied()
    {
        of_policy(object, &filter, &proof, report);
    }
}

fn of_policy(object: &Object, filter: &Filter, proof: &dyn Fn() -> Proof, report: &mut Report) {
    report.assess_each(&[Id::CIL_22]);
    let Some(body) = object.body() else { return };
    let mut found: Option<(At<'_>, String)> = None;
    selectors(&At::root(body), &mut |selector| {
        if found.is_none() {
            let hidden = keys(selector.node)
                .into_iter()
                .find(|key| !filter.sees(key));
            found = hidden.map(|key| (selector.clone(), key.to_owned()));
        }
    });
    let Some((at, key)) = found else { return };
    let message =
        format!("Cilium makes no identities of the label {key}: to it the selector chooses no pod");
    let fix = "Select by another label, or add this one to the settings (labels)".to_owned();
    let draft = Draft::new(Id::CIL_22, place(&at.pointer, at.span()), message, fix);
    report.add(object, draft.evidence("which labels count", proof()));
}

/// Selectors of pods, wherever a policy has them.
fn selectors<'n>(at: &At<'n>, each: &mut dyn FnMut(&At<'n>)) {
    const PODS: [&str; 4] = [
        "endpointSelector",
        "podSelector",
        "fromEndpoints",
        "toEndpoints",
    ];
    if let Some(map) = at.node.as_map() {
        for entry in map {
            if matches!(&*entry.key, "status" | "metadata") {
                continue;
            }
            let Some(value) = at.get(&entry.key) else {
                continue;
            };
            if !PODS.contains(&&*entry.key) {
                selectors(&value, each);
            } else if value.node.as_seq().is_some() {
                let items = at.list(&entry.key).ok().flatten().unwrap_or_default();
                items.iter().for_each(&mut *each);
            } else {
                each(&value);
            }
        }
        return;
    }
    let items = at.node.as_seq().unwrap_or_default().iter().enumerate();
    for (index, node) in items {
        let pointer = format!("{}/{index}", at.pointer);
        selectors(&At { node, pointer }, each);
    }
}

/// The keys that a selector needs a pod to have.
fn keys(selector: &Node) -> Vec<&str> {
    let labels = selector.get("matchLabels").and_then(Node::as_map);
    let mut keys: Vec<&str> = labels
        .into_iter()
        .flatten()
        .map(|entry| &*entry.key)
        .collect();
    let expressions = selector.get("matchExpressions").and_then(Node::as_seq);
    for one in expressions.unwrap_or_default() {
        let needs = matches!(
            one.get("operator").and_then(Node::as_str),
            Some("In" | "Exists")
        );
        keys.extend(one.get("key").and_then(Node::as_str).filter(|_| needs));
    }
    let plain = keys
        .into_iter()
        .filter_map(|key| match key.split_once(':') {
            Some(("k8s" | "any", key)) => Some(key),
            Some(_) => None, // not of Kubernetes
            None => Some(key),
        });
    plain.collect()
}

impl Filter {
    /// Reads the list of the settings; nothing when an expression is more than a beginning.
    fn read(list: &str) -> Option<Self> {
        let pattern = |text: &str, leaves_out| Pattern {
            text: text.to_owned(),
            is_inside: false,
            leaves_out,
        };
        let included = INCLUDED.iter().map(|text| pattern(text, false));
        let excluded = EXCLUDED.iter().map(|text| pattern(text, true));
        let mut filter = Self {
            patterns: included.chain(excluded).collect(),
            is_list: false,
        };
        filter.patterns.push(Pattern {
            text: "beta.kubernetes.io".to_owned(),
            is_inside: true,
            leaves_out: true,
        });
        for word in list.split_whitespace() {
            let plain = match word.split_once(':') {
                Some(("k8s" | "any" | "", rest)) => rest,
                Some(_) => continue, // of something else than Kubernetes
                None => word,
            };
            let (leaves_out, plain) = match plain.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, plain),
            };
            let plain = plain.strip_prefix('^').unwrap_or(plain);
            let (is_inside, plain) = match plain.strip_prefix(".*") {
                Some(rest) => (true, rest),
                None => (false, plain),
            };
            let plain = plain
                .strip_suffix(".*")
                .unwrap_or(plain)
                .replace("\\.", ".");
            let is_plain = plain
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
            if !is_plain {
                return None;
            }
            filter.is_list |= !leaves_out;
            filter.patterns.push(Pattern {
                text: plain,
                is_inside,
                leaves_out,
            });
        }
        Some(filter)
    }

    /// Whether a label counts: the longest pattern that names it against the shortest that
    /// leaves it out.
    fn sees(&self, key: &str) -> bool {
        let (mut named, mut left_out) = (0, 0);
        for pattern in &self.patterns {
            let end = if pattern.is_inside {
                key.find(&pattern.text).map(|at| at + pattern.text.len())
            } else {
                key.starts_with(&pattern.text).then_some(pattern.text.len())
            };
            let Some(end) = end else { continue };
            if !pattern.leaves_out {
                named = named.max(end);
            } else if left_out == 0 || end < left_out {
                left_out = end;
            }
        }
        (!self.is_list && left_out == 0) || named > left_out
    }
}
