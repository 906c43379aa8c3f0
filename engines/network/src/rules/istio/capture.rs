//! IST-BP: pods and ports that the mesh does not see.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{High, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::IST_BP_02,
        "pods stay out of a meshed namespace",
        High,
        "Pods without a proxy speak plaintext, and no policy of the mesh protects them, whatever it says.",
        "Remove the label or annotation that keeps the proxy away.",
    ),
    mesh(
        Id::IST_BP_03,
        "namespace names a revision that does not exist",
        High,
        "No injector feels responsible: pods start without a proxy, and nothing reports it.",
        "Name a revision that exists.",
    ),
    mesh(
        Id::IST_BP_05,
        "pods in the node's network in a meshed namespace",
        High,
        "They never get a proxy: policies do not hold them, and they call others without an identity.",
        "Remove hostNetwork.",
    ),
    mesh(
        Id::IST_BP_08,
        "ports bypass the proxy on the way in",
        High,
        "At these ports neither mutual TLS nor any policy holds, even where the mesh is STRICT.",
        "Remove the annotation excludeInboundPorts.",
    ),
    mesh(
        Id::IST_BP_09,
        "only listed ports go through the proxy",
        High,
        "At every other port neither mutual TLS nor any policy holds.",
        "Remove the annotation includeInboundPorts.",
    ),
    mesh(
        Id::IST_BP_10,
        "traffic leaves past the proxy",
        Medium,
        "What leaves past the proxy has no TLS and no identity, and rules for egress do not see it.",
        "Remove the annotation.",
    ),
    mesh(
        Id::IST_BP_11,
        "all sidecars leave traffic past them",
        High,
        "A setting of the injector narrows what every sidecar captures.",
        "Set the value back to its default.",
    ),
    mesh(
        Id::IST_BP_13,
        "container runs as the proxy's user",
        High,
        "Traffic of user and group 1337 is not redirected: the container calls others past its proxy.",
        "Run the container as another user and group.",
    ),
    mesh(
        Id::IST_BP_04,
        "two labels ask for sidecars",
        Medium,
        "If a namespace has both labels, istio-injection wins and the revision is not looked at: pods get another proxy than was meant, or none.",
        "Keep one label.",
    ),
    mesh(
        Id::IST_BP_12,
        "proxy does not get the traffic",
        High,
        "With interceptionMode NONE nothing goes through the proxy unless the application sends it there; with TPROXY the proxy needs rights over the pod's network.",
        "Remove the annotation.",
    ),
    mesh(
        Id::IST_BP_18,
        "pods start without a proxy when the injector is down",
        High,
        "While the injector does not answer, new pods are made without a proxy and stay so.",
        "Set the webhook's failurePolicy to Fail.",
    ),
    mesh(
        Id::IST_BP_14,
        "container can switch off what redirects traffic",
        High,
        "With rights over the pod's network a container deletes the rules that lead traffic through the proxy: then neither identity nor egress rules hold it, and it may let others in past the policies.",
        "Drop NET_ADMIN and NET_RAW, and run nothing privileged in the mesh.",
    ),
    mesh(
        Id::IST_BP_17,
        "proxy can be looked into or does too much",
        Medium,
        "The proxy holds the pod's identity. Who shares its processes can read the keys, and a privileged proxy is a way to the node.",
        "Remove shareProcessNamespace and privileged, and use the distroless proxy.",
    ),
];
