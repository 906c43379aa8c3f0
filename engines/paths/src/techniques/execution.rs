//! How rights become code in pods that run.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::POD_EXEC,
        "runs a command in a pod",
        "`create pods/exec` runs any command in any container of a pod, with its token, its Secrets and its place in the network. Before Kubernetes 1.35 `get pods/exec` was enough, over a WebSocket.",
        "Take `pods/exec` from the role; for debugging, give it for a while and to named people.",
        &[mitre("T1609")],
    ),
    technique(
        Id::POD_ATTACH_API,
        "attaches to the process of a pod",
        "`create pods/attach` speaks to the main process of a container that reads its standard input.",
        "Take `pods/attach` from the role.",
        &[mitre("T1609")],
    ),
    technique(
        Id::POD_PORTFORWARD,
        "opens a tunnel to the ports of a pod",
        "`create pods/portforward` reaches every port of a pod, also those on its loopback address, past all network policies.",
        "Take `pods/portforward` from the role.",
        &[mitre("T1090"), mitre("T1210")],
    ),
    technique(
        Id::POD_PROXY,
        "sends requests to pods through the API server",
        "`pods/proxy` and `services/proxy` let the API server send requests to a pod, past network policies that let it through.",
        "Take `pods/proxy` and `services/proxy` from the role.",
        &[mitre("T1090"), mitre("T1210")],
    ),
    technique(
        Id::POD_EPHEMERAL,
        "adds a debug container to a pod",
        "`pods/ephemeralcontainers` starts a container of any image in a pod that runs, with its account.",
        "Take `pods/ephemeralcontainers` from the role.",
        &[mitre("T1609"), mitre("T1610")],
    ),
    technique(
        Id::POD_PATCH_IMAGE,
        "replaces the image of a pod",
        "`update` or `patch` on pods changes the image of a running container; the new one has everything that the old one had.",
        "Take `update` and `patch` on pods from the role: controllers are what people change.",
        &[mitre("T1610"), mitre("T1525")],
    ),
    technique(
        Id::NODE_PROXY,
        "runs commands through the kubelet",
        "`get nodes/proxy` is enough to run commands in every pod of a node: the kubelet takes them over a WebSocket, past admission and the audit log.",
        "Give `nodes/metrics`, `nodes/stats` or another of the fine-grained subresources in place of `nodes/proxy`.",
        &[mitre("T1609"), mitre("T1611")],
    ),
    technique(
        Id::NODE_CHECKPOINT,
        "writes the memory of a container to its node",
        "`create nodes/checkpoint` makes the kubelet write a container's memory to a file of its node; who can read that folder finds tokens and keys in it.",
        "Take `nodes/checkpoint` and `nodes/proxy` from the role, or the folder of the node from the pod.",
        &[mitre("T1003"), mitre("T1552")],
    ),
    technique(
        Id::SHARED_VOLUME,
        "writes to a volume that another application loads",
        "Two workloads mount one claim and one of them may write: what it writes, the other one may run.",
        "Mount the claim read-only where it is only read (`readOnly: true`), or give each a claim of its own.",
        &[mitre("T1080")],
    ),
];
