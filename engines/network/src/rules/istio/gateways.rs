//! IST-GW and IST-EG: the way in and the way out.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::IST_GW_01,
        "gateway serves plaintext",
        High,
        "Passwords, cookies and tokens can be read and changed on their way.",
        "Serve HTTPS, and redirect the plaintext port.",
    ),
    mesh(
        Id::IST_GW_02,
        "gateway takes every host",
        Medium,
        "Any VirtualService that may bind to the gateway can serve any name, also one that belongs to somebody else.",
        "List the hosts with their namespaces.",
    ),
    mesh(
        Id::IST_GW_03,
        "client certificates are optional",
        Medium,
        "Who shows no certificate gets in as well; only what comes after can tell.",
        "Set tls.mode to MUTUAL.",
    ),
    mesh(
        Id::IST_GW_04,
        "gateway speaks weak TLS",
        Medium,
        "Old versions and suites can be broken, or broken later when the key is lost.",
        "Use TLS 1.2 or later, with the default suites.",
    ),
    mesh(
        Id::IST_GW_05,
        "gateway has no certificate",
        Medium,
        "The server cannot speak TLS; mostly it is then opened in plaintext.",
        "Set tls.credentialName.",
    ),
    mesh(
        Id::IST_GW_08,
        "gateway passes to any service by name",
        High,
        "With AUTO_PASSTHROUGH the caller names the service. Whoever reaches the port reaches all services that the hosts take in.",
        "Limit hosts to *.local and the port to the other clusters.",
    ),
    mesh(
        Id::IST_GW_09,
        "any namespace can open ports of the gateway",
        Medium,
        "Gateways select pods in every namespace. Whoever can write one in any namespace opens ports on the shared gateway or takes a host over.",
        "Set PILOT_SCOPE_GATEWAY_TO_NAMESPACE=true, or keep the right to write Gateways with administrators.",
    ),
    mesh(
        Id::IST_GW_12,
        "gateway asks nobody for anything",
        Medium,
        "Whoever is outside reaches the services behind the gateway with every request; each of them has to defend itself.",
        "Ask for tokens or a login at the gateway.",
    ),
    mesh(
        Id::IST_GW_14,
        "gateway believes who callers say they are",
        High,
        "The header X-Forwarded-Client-Cert tells services who called. If the gateway passes on what comes from outside, a caller writes the name of anybody.",
        "Set forwardClientCertDetails to SANITIZE_SET.",
    ),
    mesh(
        Id::IST_GW_16,
        "gateway opens a database or raw port",
        Critical,
        "Bytes pass without any rule about requests; what stands behind was mostly made for the inside.",
        "Remove the server from the gateway.",
    ),
    mesh(
        Id::IST_EG_01,
        "workloads may call any host outside",
        Medium,
        "A compromised workload sends data to, and takes orders from, any address on the internet.",
        "Set outboundTrafficPolicy.mode to REGISTRY_ONLY and add network policies for egress.",
    ),
];
