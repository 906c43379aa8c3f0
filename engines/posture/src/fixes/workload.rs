//! Mends of what is said of a whole pod.

use super::pod::{Piece, Pod};
use super::{Found, by_hand, careful, mechanical, truth, up};
use crate::image::ImageReference;
use crate::rules::Id;
use crate::words::list;
use seawall_model::fix::{Answer, tokens};
use seawall_model::{Data, Mend, Operation, Question, Repair};
use seawall_yaml::Node;

pub(super) const NON_ROOT: &str = "the kubelet does not start an image that runs as root: check that the images name another user, or set runAsUser";
pub(super) const CAPABILITIES: &str = "programs that start as root and then change their user or the owner of files need capabilities such as CHOWN, SETUID and SETGID: check that it starts, and add back single ones";
pub(super) const READ_ONLY: &str = "a program that writes to its own files fails: check where it writes (often /tmp, /var/run, /var/cache) and mount an emptyDir there";
pub(super) const SECCOMP: &str = "a program that makes unusual system calls fails: check that it works under the runtime's default profile";
const ALL: &str = "what the containers may do now is much less: check that the images run as another user than root (or set runAsUser), write only to volumes (mount an emptyDir where they write), and need no capabilities";

pub(super) fn mend(found: &Found<'_>) -> Option<Repair> {
    let pointer = found.pointer;
    let remove = |caution: &str| careful(vec![Operation::remove(pointer)], caution);
    Some(match found.id {
        Id::W02 => remove("a program that watches or signals the node's processes stops working"),
        Id::W03 => remove("a program that shares memory with processes of the node stops working"),
        Id::W04 => remove(
            "the pod gets an address of its own: whoever reached it under its node's address, and \
             what it reached on the node's loopback, has to go through a Service",
        ),
        Id::W28 => remove("containers of the pod no longer see or signal each other's processes"),
        Id::W05 | Id::W06 | Id::W07 => unmounted(found)?,
        Id::W13 | Id::W14 | Id::W15 => users(found)?,
        Id::W10 | Id::W12 if !pointer.ends_with("/add") => {
            let pod = found.pod()?;
            if found.id == Id::W10 {
                careful(pod.drop_all(), CAPABILITIES)
            } else if found.at(pointer).is_some_and(|node| !node.is_null()) {
                escalation(found)?
            } else {
                mechanical(pod.no_escalation())
            }
        }
        Id::W17 => careful(vec![found.pod()?.seccomp()], SECCOMP),
        Id::W26 => careful(found.pod()?.read_only(), READ_ONLY),
        Id::W27 => bundle(&found.pod()?),
        Id::W25 => careful(
            vec![truth(&found.pod()?.pointer, "hostUsers", false)],
            "check that the nodes' kernel and runtime support user namespaces, and the volumes' \
             file systems idmapped mounts",
        ),
        Id::W21 => sysctl(found)?,
        Id::W29 | Id::W30 => token(&found.pod()?, found),
        Id::W45 => toleration(found)?,
        Id::W39 => resources(&found.pod()?),
        Id::W49 => Repair::Decision(Question {
            text: "Which RuntimeClass (gVisor, Kata, …) do the nodes offer?".to_owned(),
            answer: Answer::Word("".into(), "".into()),
            pointers: vec![format!("{}/runtimeClassName", found.pod()?.pointer)],
            besides: Mend {
                operations: Vec::new(),
                caution: Some(
                    "the pod only starts on nodes that have the runtime: check that they do"
                        .to_owned(),
                ),
            },
        }),
        Id::W35 => digest(&found.pod()?),
        _ => return None,
    })
}

/// All that W27 asks for.
fn bundle(pod: &Pod<'_>) -> Repair {
    let mut operations = Vec::new();
    let hardened = pod.hardened();
    let open = |c: &&Piece<'_>| {
        c.context(&["runAsNonRoot"]).is_none() && c.context(&["runAsUser"]).is_none()
    };
    if pod.context(&["runAsNonRoot"]).is_none() && hardened.iter().any(|c| open(&c)) {
        operations.extend(pod.non_root());
    }
    if pod.context(&["seccompProfile", "type"]).is_none() {
        operations.push(pod.seccomp());
    }
    operations.extend(pod.no_escalation());
    operations.extend(pod.drop_all());
    operations.extend(pod.read_only());
    careful(operations, ALL)
}

/// An escalation that somebody asked for, perhaps for a reason.
fn escalation(found: &Found<'_>) -> Option<Repair> {
    let pod = found.pod()?;
    let containers = pod.containers();
    let container = containers
        .iter()
        .find(|c| found.pointer.starts_with(&format!("{}/", c.pointer)))?;
    // The API takes no `false` next to these.
    let admin = ["SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"];
    let adds = container.words(&["capabilities", "add"]);
    if container.is_privileged() || adds.iter().any(|word| admin.contains(word)) {
        return None;
    }
    Some(careful(
        vec![Operation::set(found.pointer, Data::Bool(false))],
        "set-uid programs (sudo, su) and programs with capabilities of their file, such as one \
         that opens a low port, stop working: check why it was allowed",
    ))
}

/// Volumes of the node that nobody mounts.
fn unmounted(found: &Found<'_>) -> Option<Repair> {
    let pod = found.pod()?;
    let volume = up(up(found.pointer));
    let name = found.at(volume)?.get("name")?.as_str()?;
    (!pod.mounts(name)).then(|| mechanical(vec![Operation::remove(volume)]))
}

fn users(found: &Found<'_>) -> Option<Repair> {
    let pod = found.pod()?;
    let pointer = found.pointer;
    let set = found.at(pointer).filter(|node| !node.is_null());
    if found.id == Id::W13 {
        if set.is_some() {
            return Some(careful(
                vec![Operation::set(pointer, Data::Bool(true))],
                NON_ROOT,
            ));
        }
        let numbered = |c: &Piece<'_>| {
            c.context(&["runAsUser"])
                .or_else(|| pod.context(&["runAsUser"]))
                .is_some()
        };
        // Where every user is a number above 0 already, nothing can go wrong.
        if pod.hardened().iter().all(numbered) {
            return Some(mechanical(pod.non_root()));
        }
        return Some(careful(pod.non_root(), NON_ROOT));
    }
    let number = set?.as_i64()?;
    let key = pointer.rsplit('/').next()?;
    if key.starts_with("supplementalGroups") {
        return None;
    }
    let (what, why) = match key {
        "runAsUser" => ("user", "which the image has to know or not to need"),
        _ => (
            "group",
            "which has to reach the files that the program needs",
        ),
    };
    let mut besides = Mend {
        operations: Vec::new(),
        caution: Some(format!(
            "files of the image and of volumes belong to other ids: check that the program can \
             read and write what it has to as the new {what}"
        )),
    };
    if found.id == Id::W14 {
        besides
            .operations
            .push(truth(up(pointer), "runAsNonRoot", true));
    }
    Some(Repair::Decision(Question {
        text: format!("Which {what} id (best above 10000) instead of {number} in `{key}`, {why}?"),
        answer: Answer::Number(if found.id == Id::W15 { 10_001 } else { 1 }, 2_147_483_647),
        pointers: vec![pointer.to_owned()],
        besides,
    }))
}

fn sysctl(found: &Found<'_>) -> Option<Repair> {
    let name = found.named_item()?;
    let items = found.at(found.pointer)?.as_seq()?;
    let index = items
        .iter()
        .position(|item| item.get("name").and_then(Node::as_str) == Some(name))?;
    Some(careful(
        vec![Operation::remove(format!("{}/{index}", found.pointer))],
        format!("the pod runs with the node's `{name}`: check that this is enough for it"),
    ))
}

/// Words of programs that speak to the API server, or show their token to somebody else.
const SPEAKS: [&str; 20] = [
    "kubectl",
    "controller",
    "operator",
    "vault",
    "consul",
    "prometheus",
    "grafana",
    "jenkins",
    "spark",
    "airflow",
    "argo",
    "istio",
    "linkerd",
    "envoy",
    "proxy",
    "agent",
    "exporter",
    "scheduler",
    "dashboard",
    "kube",
];

fn token(pod: &Pod<'_>, found: &Found<'_>) -> Repair {
    let operations = vec![truth(&pod.pointer, "automountServiceAccountToken", false)];
    let bound = found.finding.message.contains("rights of its own");
    let hint = pod.containers().iter().any(|c| {
        let image = c
            .node
            .get("image")
            .and_then(Node::as_str)
            .unwrap_or_default();
        let words = ["command", "args"].iter().flat_map(|key| {
            let words = c.node.get(key).and_then(Node::as_seq);
            words.unwrap_or_default().iter().filter_map(Node::as_str)
        });
        let env = c.node.get("env").and_then(Node::as_seq).unwrap_or_default();
        let names = env.iter().filter_map(|v| v.get("name")?.as_str());
        let speaks = |text: &str| SPEAKS.iter().any(|word| text.contains(word));
        speaks(image)
            || words.into_iter().any(speaks)
            || names.into_iter().any(|name| name.contains("KUBERNETES_"))
    });
    if bound || hint {
        return careful(
            operations,
            "a program that speaks to the Kubernetes API, or shows its token to somebody, fails \
             without it: check that it does not",
        );
    }
    mechanical(operations)
}

fn toleration(found: &Found<'_>) -> Option<Repair> {
    let key = found.named_item()?;
    let items = found.at(found.pointer)?.as_seq()?;
    let gone: Vec<usize> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.get("key").and_then(Node::as_str) == Some(key))
        .map(|(index, _)| index)
        .collect();
    if gone.is_empty() {
        return None;
    }
    let operations = gone.iter().rev();
    Some(careful(
        operations
            .map(|index| Operation::remove(format!("{}/{index}", found.pointer)))
            .collect(),
        "the pods no longer run on control-plane nodes: check that nothing has to run there",
    ))
}

fn resources(pod: &Pod<'_>) -> Repair {
    let open = |c: &Piece<'_>| {
        let has = |path: &[&str]| c.node.get("resources").and_then(|r| r.at(path)).is_some();
        let cpu = has(&["limits", "cpu"]) || has(&["requests", "cpu"]);
        let lasts = !tokens(&c.pointer)
            .iter()
            .any(|token| token == "initContainers")
            || c.node.get("restartPolicy").and_then(Node::as_str) == Some("Always");
        !c.debug && lasts && c.node.get("image").is_some() && !(has(&["limits", "memory"]) && cpu)
    };
    let mut containers = pod.containers();
    containers.retain(open);
    let names: Vec<&str> = containers.iter().map(Piece::name).collect();
    Repair::Decision(Question {
        text: format!(
            "Which memory limit and CPU request for {} (such as `256Mi 100m`; `kubectl top pod` \
             shows what is used)?",
            list(&names)
        ),
        answer: Answer::Resources,
        pointers: containers
            .iter()
            .map(|c| format!("{}/resources", c.pointer))
            .collect(),
        besides: Mend {
            operations: Vec::new(),
            caution: Some(
                "a container that takes more memory than its limit is killed: check what it \
                 needs under load"
                    .to_owned(),
            ),
        },
    })
}

fn digest(pod: &Pod<'_>) -> Repair {
    let mut open: Vec<(String, &str)> = Vec::new();
    for c in pod.containers() {
        let image = c
            .node
            .get("image")
            .and_then(Node::as_str)
            .unwrap_or_default();
        let floating = ImageReference::parse(image).is_some_and(|image| image.digest.is_none());
        if floating && !c.debug {
            open.push((format!("{}/image", c.pointer), image));
        }
    }
    let images: Vec<&str> = open.iter().map(|(_, image)| *image).collect();
    match images.split_first() {
        Some((first, rest)) if rest.iter().all(|image| image == first) => {
            Repair::Decision(Question {
                text: format!("Which digest (sha256:…) does `{first}` have?"),
                answer: Answer::Word(format!("{first}@").into(), "".into()),
                pointers: open.into_iter().map(|(pointer, _)| pointer).collect(),
                besides: Mend::default(),
            })
        }
        _ => by_hand(&format!(
            "Add the digests to {}: name:tag@sha256:…",
            list(&images)
        )),
    }
}
