//! IST-TLS: mutual TLS between workloads.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::IST_TLS_01,
        "mesh accepts plaintext",
        High,
        "Without a mesh-wide PeerAuthentication every sidecar accepts plaintext next to mutual TLS: a pod outside the mesh, or a compromised one that skips its proxy, talks to every workload without proving who it is.",
        "Add a PeerAuthentication named default with mtls.mode STRICT to the root namespace, with exceptions for the ports that unmeshed clients need.",
    ),
    mesh(
        Id::IST_TLS_02,
        "mesh-wide policy does not demand mutual TLS",
        High,
        "The policy of the root namespace holds wherever nothing else is said. If it is PERMISSIVE or unset, callers need no identity; if it is DISABLE, none can have one and everything is sent in plaintext.",
        "Set spec.mtls.mode of the root namespace's PeerAuthentication to STRICT.",
    ),
    mesh(
        Id::IST_TLS_03,
        "namespace accepts plaintext in a stricter mesh",
        High,
        "A namespace's policy overrides the mesh's: here callers without an identity get in, and rules that refuse identities do not see them.",
        "Remove the mode from the namespace's policy, and make an exception only for the port of the workload that needs it.",
    ),
    mesh(
        Id::IST_TLS_04,
        "workload accepts plaintext in a stricter namespace",
        High,
        "A policy with a selector overrides the namespace's: callers without an identity reach all ports of these workloads.",
        "Set the mode to STRICT, and make an exception only for the port that needs it.",
    ),
    mesh(
        Id::IST_TLS_05,
        "port is exempt from mutual TLS",
        High,
        "At this port callers need no identity. Mostly one client outside the mesh needs it, such as the API server or a scraper, but everybody gets it.",
        "Let the client join the mesh, or let a network policy admit it alone to the port.",
    ),
    mesh(
        Id::IST_TLS_08,
        "several mutual TLS policies for the same pods",
        Medium,
        "Of several policies at one level only the oldest counts. Which that is no file says: a policy that looks strict may be ignored, and re-creating one changes who wins.",
        "Keep one policy per level, and one per workload.",
    ),
    mesh(
        Id::IST_TLS_09,
        "clients speak plaintext to a meshed service",
        High,
        "The TLS mode of a DestinationRule overrides automatic mutual TLS: calls go unencrypted and without an identity, so that who can read the network reads them, and the service cannot tell who calls.",
        "Remove the TLS mode from the DestinationRule.",
    ),
    mesh(
        Id::IST_TLS_11,
        "TLS is off for a wildcard host",
        Critical,
        "One DestinationRule turns encryption and identity off for all services that the wildcard takes in.",
        "Remove the rule, or the TLS mode in it.",
    ),
    mesh(
        Id::IST_TLS_12,
        "automatic mutual TLS is off",
        High,
        "Clients use mutual TLS only where a DestinationRule says so. Wherever it is forgotten, calls go in plaintext.",
        "Remove enableAutoMtls: false from the mesh's settings.",
    ),
    mesh(
        Id::IST_TLS_06,
        "mode of mutual TLS for a port that pods do not have",
        Medium,
        "Modes of ports are for ports of the pod. One that only the Service has is never looked at: the port is not as its owner thinks, exempt or strict.",
        "Use the container's port.",
    ),
    mesh(
        Id::IST_TLS_07,
        "mutual TLS policy that is ignored",
        Medium,
        "In the root namespace only policies without a selector count, for the whole mesh. One with a selector is ignored, wherever its workloads are.",
        "Move the policy to the namespace of its workloads.",
    ),
    mesh(
        Id::IST_TLS_10,
        "clients use TLS without an identity inside the mesh",
        High,
        "With TLS of their own clients show no certificate of the mesh: rules that let identities in refuse them, and rules that refuse identities do not see them.",
        "Remove the TLS mode from the DestinationRule.",
    ),
    mesh(
        Id::IST_TLS_15,
        "certificate of the server is not checked",
        High,
        "Whoever stands in between answers with any certificate, reads what is sent and changes what comes back.",
        "Remove insecureSkipVerify.",
    ),
];
