//! Several clusters that are one mesh.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{High, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::MC_02,
        "way between clusters open to the internet",
        High,
        "The gateway between clusters leads to istiod and to every service that is shared. Other clusters need it, the internet does not.",
        "Give it an internal load balancer, or list the other clusters in loadBalancerSourceRanges.",
    ),
    mesh(
        Id::MC_03,
        "namespace of any cluster gets in",
        Medium,
        "In a mesh with one trust domain a namespace is known by its name only. Whoever owns one of that name in the weakest cluster gets in everywhere.",
        "Give each cluster a trust domain of its own.",
    ),
    mesh(
        Id::MC_04,
        "network of an unknown cluster",
        Medium,
        "Traffic to its workloads goes astray, and to whoever registers a cluster of that name.",
        "Correct fromRegistry in meshNetworks.",
    ),
    mesh(
        Id::MC_05,
        "Linkerd lets other clusters in too widely",
        High,
        "Linked clusters vouch for each other's identities. The weakest of them decides who gets to the gateway, and to every port that takes any identity.",
        "Keep the gateway private, use cluster-authenticated, and export only what is needed.",
    ),
    mesh(
        Id::MC_06,
        "Consul lets other clusters in too widely",
        High,
        "What is exported to a peer is in its hands, and servers that are open to each other are open to more.",
        "Go through mesh gateways, and list the services that the others need.",
    ),
    mesh(
        Id::MC_07,
        "Cilium lets other clusters in too widely",
        High,
        "Connected clusters share one CA and the labels of all pods: who owns one of them reads the state of all, and has any label that a policy asks for.",
        "Keep clustermesh-apiserver private, and name the cluster in policies.",
    ),
    mesh(
        Id::MC_08,
        "Kuma's zones do not protect what they tell each other",
        High,
        "The global control plane sends policies and keys to the zones. Who can change them on the way owns all zones.",
        "Use TLS between control planes, and verify it.",
    ),
];
