//! CMP: what only several layers together show.

use super::{Entry, Id, mesh};
use seawall_model::Area;
use seawall_model::Severity::High;
use seawall_model::catalogue::{mitre, nsa};

/// What each composite rests on: findings of these rules about the same cause are part of it.
pub(crate) const INCLUDED: &[(Id, &[Id])] = &[
    (Id::CMP_02, &[Id::IST_AM_22]),
    (Id::CMP_03, &[Id::IST_AZ_04]),
    (Id::CMP_04, &[Id::IST_BP_08]),
    (Id::CMP_07, &[Id::IST_AM_07]),
    (Id::CMP_13, &[Id::IST_EG_05]),
    (Id::CMP_15, &[Id::IST_AZ_22]),
];

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::CMP_02,
        "tunnel opens ports that network policies close",
        High,
        "Calls inside a mesh arrive at one port, whatever port they are for. A network policy that lets that port in has let every port in, to whoever the mesh itself does not stop.",
        "Name callers and ports in a policy of the mesh.",
    ),
    mesh(
        Id::CMP_09,
        "pod can leave the only limit of its egress",
        High,
        "REGISTRY_ONLY is applied by the pod's own proxy. A container with rights over the pod's network, or with the proxy's user, goes past it, and no network policy stands behind.",
        "Add a network policy for egress, and take the right away.",
    ),
    Entry {
        id: Id::CMP_13,
        title: "cloud credentials two steps from the internet",
        severity: High,
        area: Area::Containers,
        why: "Whoever takes over a pod that the internet reaches, or makes it fetch an address of his choice, gets what the cloud hands to the node: mostly rights over storage, images and other machines.",
        fix: "Add a network policy for egress without the metadata address, and let the cloud answer the node only.",
        references: &[nsa("C-0054"), mitre("T1552.007")],
        aliases: &[],
    },
    mesh(
        Id::CMP_04,
        "pod outside the mesh uses an exception from STRICT",
        High,
        "The mesh asks for mutual TLS everywhere but at this port, and a pod that proves no identity gets there: what it sends is neither encrypted nor anybody's.",
        "Let only the clients that need the port in, by a network policy.",
    ),
    mesh(
        Id::CMP_07,
        "caller gets past the waypoint that refuses it",
        High,
        "The waypoint refuses the caller, and the pods take what comes past the waypoint: the policy holds whoever plays by the rules.",
        "Let ztunnel admit only the waypoint's identity to these pods.",
    ),
    mesh(
        Id::CMP_14,
        "policy rests on what callers write at the gateway",
        High,
        "A gateway that passes on what callers say about themselves, and a policy that believes it: together they let in whoever writes the right line.",
        "Ask for identities or tokens, and correct gatewayTopology.",
    ),
    mesh(
        Id::CMP_15,
        "only a policy that pretends keeps a caller out",
        High,
        "The policy would refuse the caller, nothing else does, and it is in dry run: the way is open.",
        "Remove the annotation istio.io/dry-run.",
    ),
    mesh(
        Id::CMP_03,
        "pod without identity gets past a refusal",
        High,
        "The policy refuses callers by identity. A pod outside the mesh has none, plaintext is accepted, and no network policy stops it: it gets in where others are refused.",
        "Set mutual TLS to STRICT, and refuse who has no identity.",
    ),
];
