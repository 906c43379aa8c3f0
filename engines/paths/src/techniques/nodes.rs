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
        Id::NODE_AUTHZ_READ,
        "reads what the node's pods refer to",
        "The API server lets a node read the Secrets that its pods name, those for pulling images among them, and ask for tokens of their accounts.",
        "Keep powerful accounts and their Secrets off nodes that run anything else.",
        &[mitre("T1552.007")],
    ),
    technique(
        Id::NODE_LEGACY_RBAC,
        "uses a role that is bound to all nodes",
        "A binding to `system:nodes` gives every node the same rights everywhere, past what the node authorizer would let each have.",
        "Delete the binding; use `--authorization-mode=Node,RBAC`.",
        &[mitre("T1078")],
    ),
    technique(
        Id::NODE_CONTROLPLANE,
        "the node is of the control plane",
        "A control-plane node holds the keys of the cluster: its authority, its data, and the administrator's kubeconfig.",
        "Keep pods off control-plane nodes.",
        &[mitre("T1552.004")],
    ),
    technique(
        Id::NODE_IMDS,
        "takes the node's account of the cloud",
        "The metadata server of the cloud gives the machine's credentials to whoever asks from it.",
        "Give the account of the nodes no more than nodes need.",
        &[mitre("T1552.005")],
    ),
    technique(
        Id::NET_IMDS,
        "asks the metadata server of the cloud",
        "A pod that gets to 169.254.169.254 asks for the credentials of its node, where the cloud answers pods.",
        "Close 169.254.169.254 by a network policy; limit answers to one hop (AWS), use workload identity (Google Cloud, Azure).",
        &[mitre("T1552.005")],
    ),
    technique(
        Id::NET_LOCALHOST,
        "connects within the network of the node",
        "Pods in the network of one node reach each other there, on the loopback address too, and no network policy holds them.",
        "Take `hostNetwork` away from one of them, or let the other ask who is there.",
        &[mitre("T1210"), mitre("T1046")],
    ),
    technique(
        Id::NET_LATERAL,
        "connects to another workload",
        "The policies and meshes let the connection pass.",
        "Close it where the deciding rule stands: `seawall reach --from … --to …` names it.",
        &[mitre("T1210"), mitre("T1046")],
    ),
    technique(
        Id::NET_APISERVER_BYPASS,
        "asks the kubelet itself",
        "Who has a right to `nodes/proxy` and gets to the kubelet's port uses it there: neither admission nor the audit log of the API server sees it.",
        "Grant `nodes/metrics` and the like in place of `nodes/proxy`, and close port 10250 to pods.",
        &[mitre("T1609")],
    ),
];
