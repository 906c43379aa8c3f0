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
    technique(
        Id::CRONJOB_PERSIST,
        "leaves a job that runs again and again",
        "Who writes CronJobs leaves code that comes back after it was found.",
        "Take the right to write CronJobs from people; let a delivery pipeline do it.",
        &[mitre("T1053.007")],
    ),
    technique(
        Id::STATIC_POD,
        "writes the manifest of a static pod",
        "The kubelet starts whatever stands in its folder of manifests, without asking the API server: no admission, no audit. The workload can write there as root.",
        "Take the host path away, mount it read-only, or do not run as root.",
        &[mitre("T1610"), mitre("T1053.007")],
    ),
    technique(
        Id::MIRROR_POD_KUBELET_CRED,
        "hides a pod behind a kubelet's record",
        "A node's credential may record pods that nobody made. They refer to no Secret and no service account, but what runs is not what is shown.",
        "Keep people and pods off nodes; NodeRestriction has to stay on.",
        &[mitre("T1078")],
    ),
    technique(
        Id::POD_BINDING,
        "binds waiting pods to a node that is taken",
        "`create pods/binding` says which node a waiting pod goes to, in place of the scheduler.",
        "Take `pods/binding` and `bindings` from the role: only schedulers need them.",
        &[mitre("T1610")],
    ),
    technique(
        Id::PRIORITY_PREEMPT,
        "drives pods away by a higher priority",
        "Pods of a class with a high priority drive others from their nodes.",
        "Take `create priorityclasses` from the role, or limit classes with a ResourceQuota.",
        &[mitre("T1499")],
    ),
    technique(
        Id::POD_LABEL_HIJACK,
        "joins a Service by its labels",
        "A Service sends to every pod with its labels. Who changes labels or makes pods gets a part of its traffic.",
        "Take `update` and `patch` on pods from the role; prove identities with a mesh.",
        &[mitre("T1557")],
    ),
];
