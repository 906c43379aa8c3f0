//! IST-AM: ambient.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::IST_AM_01,
        "refusal that ztunnel does not enforce",
        Critical,
        "ztunnel does not understand requests. A clause of which only that is left matches nothing, so the rule refuses nobody, though documents say that it fails safe.",
        "Deploy a waypoint, and attach the policy to it by targetRefs.",
    ),
    mesh(
        Id::IST_AM_02,
        "rule that ztunnel drops",
        Medium,
        "An ALLOW rule about requests lets nobody in at ztunnel. Mostly the next step is to open everything.",
        "Deploy a waypoint, and attach the policy to it by targetRefs.",
    ),
    mesh(
        Id::IST_AM_04,
        "policy that ztunnel ignores",
        High,
        "ztunnel knows ALLOW and DENY only: the authoriser that the policy names is never asked.",
        "Deploy a waypoint, and attach the policy to it by targetRefs.",
    ),
    mesh(
        Id::IST_AM_06,
        "trust domain that ztunnel ignores",
        High,
        "The trust domain is left out on the way to ztunnel: callers of that name are let in from every trust domain.",
        "Use principals with the trust domain.",
    ),
    mesh(
        Id::IST_AM_07,
        "only the waypoint enforces the policy",
        High,
        "What does not come through the waypoint is not held: calls to pod addresses, callers outside the mesh, gateways.",
        "Let ztunnel admit only the waypoint's identity to these pods.",
    ),
    mesh(
        Id::IST_AM_08,
        "waypoint does not exist",
        High,
        "Where the named waypoint is missing, traffic goes straight to the pods: its policies are skipped without a word.",
        "Create the waypoint, or correct the label.",
    ),
    mesh(
        Id::IST_AM_10,
        "gateway goes past the waypoint",
        High,
        "Gateways send requests straight to the pods unless the Service says otherwise: the waypoint's policies do not hold for what comes from outside.",
        "Set the label istio.io/ingress-use-waypoint on the Service.",
    ),
    mesh(
        Id::IST_AM_11,
        "policy with a selector is meant for the waypoint",
        High,
        "Waypoints read only policies with targetRefs. This one goes to ztunnel, which drops what is about requests.",
        "Replace selector by targetRefs.",
    ),
    mesh(
        Id::IST_AM_16,
        "pods bypass ztunnel on the way in",
        High,
        "The annotation lets everything in past ztunnel: no mutual TLS and no policy holds.",
        "Remove the annotation.",
    ),
    Entry {
        aliases: &["NP-21"],
        ..mesh(
            Id::IST_AM_22,
            "network policy opens the tunnel's port",
            High,
            "Calls inside the mesh arrive at port 15008 whatever port they are for. Whoever a network policy lets in there reaches all ports.",
            "Name the ports in an AuthorizationPolicy.",
        )
    },
    mesh(
        Id::IST_AM_18,
        "Service leaves its namespace's waypoint",
        High,
        "Calls to the Service go past the waypoint: its policies about requests do not hold.",
        "Remove the label.",
    ),
];
