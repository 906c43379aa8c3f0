//! How rights over workloads lead on.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::POD_CREATE_NODE,
        "starts a privileged pod on a node of choice",
        "Who may create pods chooses their node and their privileges. Admission is asked here: the step is there only where a namespace lets such a pod in.",
        "Enforce the Pod Security level `baseline` or `restricted` in the namespace.",
        &[mitre("T1610"), mitre("T1611"), mitre("T1053.007")],
    ),
    technique(
        Id::POD_CREATE_SA,
        "starts a pod under any account of the namespace",
        "Who may create pods names any service account of the namespace; no Pod Security level stops that.",
        "Keep powerful accounts in a namespace where nobody else starts pods.",
        &[mitre("T1610"), mitre("T1078")],
    ),
    technique(
        Id::POD_CREATE_SECRET,
        "starts a pod that mounts any Secret of the namespace",
        "Who may create pods mounts any Secret, ConfigMap or volume claim of the namespace; no Pod Security level stops that.",
        "Keep Secrets in the namespace of the one application that needs them.",
        &[mitre("T1552.007")],
    ),
    technique(
        Id::WORKLOAD_UPDATE,
        "changes a controller of pods",
        "`update` or `patch` on a Deployment, DaemonSet, StatefulSet or CronJob changes what its pods run, and as whom.",
        "Let a delivery pipeline make changes; give people `get`.",
        &[mitre("T1525"), mitre("T1610")],
    ),
    technique(
        Id::STEAL_PODS,
        "draws powerful pods to a node that is taken",
        "Who drives pods away and keeps other nodes from taking them makes them start on the attacker's node, with their tokens.",
        "Separate the rights to evict pods and to change nodes.",
        &[mitre("T1610")],
    ),
];
