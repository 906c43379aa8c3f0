//! IST-TC: traffic configuration.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Low, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::IST_TC_01,
        "traffic of others is redirected",
        High,
        "A VirtualService without exportTo holds for every client of the mesh, whichever namespace the host belongs to: whoever can write one in any namespace stands between a service and its callers (ISTIO-SECURITY-2026-002).",
        "Set exportTo to the own namespace, here and as the mesh's default, and allow only hosts of the own namespace.",
    ),
    mesh(
        Id::IST_TC_02,
        "editors may turn traffic",
        High,
        "Who may write traffic configuration in one namespace can catch calls and tokens of others. A role that joins edit or admin gives that right to everybody who works in a namespace.",
        "Give write access to Istio's traffic objects to administrators only.",
    ),
    mesh(
        Id::IST_TC_03,
        "proxies are patched by hand",
        Medium,
        "An EnvoyFilter changes proxies in ways that no policy describes and no check understands; a small mistake, or an update, turns protection off.",
        "Use Istio's own objects, and let only administrators write EnvoyFilters.",
    ),
    mesh(
        Id::IST_TC_04,
        "patch touches what protects proxies",
        Critical,
        "The patch changes filters that check identities, tokens or permissions, or the TLS of connections. After it, what the policies say need not be what is enforced.",
        "Remove the patch.",
    ),
    mesh(
        Id::IST_TC_05,
        "plugin of proxies can be replaced or fails open",
        High,
        "A plugin is code in every proxy that loads it. If its source is not pinned, whoever can write there runs it; if it fails open, stopping it stops its checks.",
        "Pin the plugin by digest, and let it fail closed.",
    ),
    mesh(
        Id::IST_TC_06,
        "entry claims a service of another namespace",
        High,
        "A ServiceEntry without exportTo is seen by all: callers of the claimed name may be sent to addresses that its author chose.",
        "Remove the host, or set exportTo to the own namespace.",
    ),
    mesh(
        Id::IST_TC_12,
        "listener is not redirected to the proxy",
        High,
        "A Sidecar listener with captureMode NONE leaves its port to whoever calls the pod directly.",
        "Remove captureMode.",
    ),
    mesh(
        Id::IST_TC_07,
        "entry opens the way out to anywhere",
        Medium,
        "A wide ServiceEntry makes the list of allowed destinations meaningless: a compromised workload reaches hosts of its own choice through it.",
        "List the hosts.",
    ),
    mesh(
        Id::IST_TC_11,
        "proxies reach every service",
        Low,
        "A Sidecar that takes in everything limits nothing: a compromised pod sees the whole mesh, and VirtualServices of any namespace reach it.",
        "List what is called.",
    ),
];
