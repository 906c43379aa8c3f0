//! What a node gives, and what the network does.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::NODE_PODS,
        "runs code in every pod of the node",
        "Root on a node is root in each of its containers.",
        "Keep powerful pods on nodes of their own.",
        &[mitre("T1609"), mitre("T1613")],
    ),
    technique(
        Id::NODE_TOKENS,
        "takes the tokens of the node's pods",
        "The kubelet keeps the tokens and Secrets of its pods on the node, and may ask for tokens of their accounts.",
        "Keep powerful accounts off nodes that run anything else.",
        &[mitre("T1528"), mitre("T1552.001")],
    ),
    technique(
        Id::NODE_IDENTITY,
        "acts as the node",
        "The kubelet's client certificate lies on the node.",
        "Bind no roles to `system:nodes`; leave the node authorizer its work.",
        &[mitre("T1552.004"), mitre("T1078")],
    ),
    technique(
        Id::NODE_CONTROLPLANE,
        "the node is of the control plane",
        "A control-plane node holds the keys of the cluster: its authority, its data, and the administrator's kubeconfig.",
        "Keep pods off control-plane nodes.",
        &[mitre("T1552.004")],
    ),
    technique(
        Id::NET_LATERAL,
        "connects to another workload",
        "The policies and meshes let the connection pass.",
        "Close it where the deciding rule stands: `seawall reach --from … --to …` names it.",
        &[mitre("T1210"), mitre("T1046")],
    ),
];
