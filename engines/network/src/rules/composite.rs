//! CMP: what only several layers together show.

use super::{Entry, Id, mesh};
use seawall_model::Area;
use seawall_model::Severity::High;
use seawall_model::catalogue::{mitre, nsa};

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
        references: &[nsa("C-0054"), mitre("T1552")],
        aliases: &[],
    },
];
