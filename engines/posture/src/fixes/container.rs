//! Mends of what is said of one container, and of objects that make no pods.

use super::workload::{CAPABILITIES, SECCOMP};
use super::{Found, careful, mechanical, up};
use crate::image::ImageReference;
use crate::rules::Id;
use seawall_model::fix::Answer;
use seawall_model::{Data, Mend, Operation, Question, Repair, pod_security};
use seawall_yaml::Node;

pub(super) fn mend(found: &Found<'_>) -> Option<Repair> {
    let pointer = found.pointer;
    let remove = |caution: &str| careful(vec![Operation::remove(pointer)], caution);
    let set = |word: &'static str| vec![Operation::set(pointer, Data::text(word))];
    Some(match found.id {
        Id::W01 if !has_shared_mounts(found) => careful(
            vec![Operation::set(pointer, Data::Bool(false))],
            "what needs the node's devices or kernel stops working: check what the program does, \
             and add single capabilities for it",
        ),
        Id::W08 => remove(
            "the port is no longer open on the nodes: check that clients come through a Service",
        ),
        Id::W09 | Id::W11 => capabilities(found)?,
        Id::W16 => careful(set("RuntimeDefault"), SECCOMP),
        Id::W18 => {
            let word = if pointer.contains("/annotations/") {
                "runtime/default"
            } else {
                "RuntimeDefault"
            };
            careful(
                set(word),
                "a program that mounts file systems or writes kernel settings fails under the \
                 runtime's AppArmor profile: check that it works",
            )
        }
        Id::W19 => selinux(found)?,
        Id::W20 => remove("a program that writes below /proc fails: check that it works"),
        Id::W23 => remove("the container no longer reaches the Windows node"),
        Id::W24 => remove(
            "the kubelet asks the pod itself: check that it answers there, or it is restarted",
        ),
        Id::W48 => mechanical(vec![Operation::append(
            format!("{}/securityContext/capabilities/add", up(pointer)),
            Data::text(pod_security::RESTRICTED_CAPABILITY),
        )]),
        Id::W34 | Id::W38 => version(found)?,
        Id::W40 => probe(found)?,
        Id::N18 if pointer.ends_with("/args") || pointer.ends_with("/command") => argument(found)?,
        Id::N03 if pointer.ends_with("/failurePolicy") => careful(
            set("Fail"),
            "when the webhook does not answer, nothing that it watches is admitted: check that it \
             has replicas, a PodDisruptionBudget, and does not watch its own namespace",
        ),
        Id::N04 if pointer.ends_with("/validationActions") => careful(
            vec![Operation::set(
                pointer,
                Data::List(vec![Data::text("Deny")]),
            )],
            "what the policy only warned of is refused: check its warnings first",
        ),
        Id::N11 if pointer.ends_with("/allow-snippet-annotations") => careful(
            set("false"),
            "Ingresses that use snippets are refused: check that none does",
        ),
        Id::N19 => careful(
            set("baseline"),
            "pods below the baseline level are refused in namespaces without a label: check with \
             warn and audit first",
        ),
        _ => return None,
    })
}

/// Whether mounts of the container show on the node: the API server takes that from privileged
/// containers only.
fn has_shared_mounts(found: &Found<'_>) -> bool {
    let container = found.at(up(up(found.pointer)));
    let mounts = container.and_then(|c| c.get("volumeMounts")?.as_seq());
    mounts
        .unwrap_or_default()
        .iter()
        .any(|mount| mount.get("mountPropagation").and_then(Node::as_str) == Some("Bidirectional"))
}

/// Takes added capabilities away that are worth a finding, and NET_RAW with them.
fn capabilities(found: &Found<'_>) -> Option<Repair> {
    let items = found.at(found.pointer)?.as_seq()?;
    let outside = |node: &Node| {
        let Some(name) = node.as_str() else {
            return true;
        };
        !pod_security::BASELINE_CAPABILITIES.contains(&&*name.to_ascii_uppercase())
    };
    let mut operations: Vec<Operation> = Vec::new();
    if items.iter().all(outside) {
        operations.push(Operation::remove(found.pointer));
    } else {
        let gone = items.iter().enumerate().filter(|(_, node)| outside(node));
        for (index, _) in gone.collect::<Vec<_>>().into_iter().rev() {
            operations.push(Operation::remove(format!("{}/{index}", found.pointer)));
        }
    }
    let caution = if found.id == Id::W11 {
        let context = up(up(found.pointer));
        let drop = format!("{context}/capabilities/drop");
        let words = found.at(&drop).and_then(Node::as_seq).unwrap_or_default();
        let all = |node: &Node| node.as_str().is_some_and(|w| w.eq_ignore_ascii_case("ALL"));
        if !words.iter().any(all) {
            operations.push(Operation::set(drop, Data::List(vec![Data::text("ALL")])));
        }
        CAPABILITIES
    } else {
        "the program can no longer do what the capability is for: check that it works without it"
    };
    Some(careful(operations, caution))
}

fn selinux(found: &Found<'_>) -> Option<Repair> {
    let options = found.at(found.pointer)?;
    let version = found.version;
    let operations: Vec<Operation> = ["type", "user", "role"]
        .iter()
        .filter(|key| {
            let value = options.get(key).and_then(Node::as_str);
            value.is_some_and(|value| match **key {
                "type" => !pod_security::is_allowed_selinux_type(value, version),
                _ => !value.is_empty(),
            })
        })
        .map(|key| Operation::remove(format!("{}/{key}", found.pointer)))
        .collect();
    (!operations.is_empty()).then(|| {
        careful(
            operations,
            "the container runs under the runtime's own label: check that it reaches its files",
        )
    })
}

fn version(found: &Found<'_>) -> Option<Repair> {
    let text = found.at(found.pointer)?.as_str()?;
    let image = ImageReference::parse(text)?;
    let name = match &image.tag {
        Some(tag) => text.strip_suffix(&format!(":{tag}"))?,
        None => text,
    };
    Some(Repair::Decision(Question {
        text: format!("Which version (tag) of `{name}`?"),
        answer: Answer::Word(format!("{name}:").into(), "".into()),
        pointers: vec![found.pointer.to_owned()],
        besides: Mend::default(),
    }))
}

fn probe(found: &Found<'_>) -> Option<Repair> {
    let container = up(found.pointer);
    let ports = found.at(&format!("{container}/ports"))?.as_seq()?;
    let [port] = ports else { return None };
    let number = port.get("containerPort")?.as_i64()?;
    let probe = format!("{container}/readinessProbe/httpGet");
    let name = found.at(container)?.get("name")?.as_str()?;
    // The finding may be about several containers.
    if !found
        .finding
        .message
        .starts_with(&format!("container `{name}`"))
    {
        return None;
    }
    Some(Repair::Decision(Question {
        text: format!(
            "Which HTTP path on port {number} says that container `{name}` is ready (such as \
             /healthz)?"
        ),
        answer: Answer::Word("".into(), "".into()),
        pointers: vec![format!("{probe}/path")],
        besides: Mend {
            operations: vec![Operation::set(format!("{probe}/port"), Data::Int(number))],
            caution: Some(
                "a pod whose probe fails gets no traffic: check that the path answers".to_owned(),
            ),
        },
    }))
}

fn argument(found: &Found<'_>) -> Option<Repair> {
    let flag = found.named_item()?;
    let items = found.at(found.pointer)?.as_seq()?;
    let index = items.iter().position(|item| {
        let word = item.as_str().unwrap_or_default();
        word == flag
            || word
                .strip_prefix(flag)
                .is_some_and(|rest| rest.starts_with('='))
    })?;
    Some(mechanical(vec![Operation::remove(format!(
        "{}/{index}",
        found.pointer
    ))]))
}
