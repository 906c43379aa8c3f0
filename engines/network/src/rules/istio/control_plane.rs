//! IST-CP and IST-VER: the control plane, and releases.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{High, Low, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::IST_CP_01,
        "control plane speaks plaintext",
        High,
        "At port 15010 configuration and certificates go unencrypted, and some releases answer whoever asks.",
        "Close the port with --grpcAddr=, or with a network policy.",
    ),
    mesh(
        Id::IST_CP_02,
        "control plane serves debug endpoints",
        Medium,
        "They show the configuration and endpoints of the whole mesh to whoever reaches the port.",
        "Set ENABLE_DEBUG_ON_HTTP=false.",
    ),
    mesh(
        Id::IST_CP_03,
        "control plane with an unsafe setting",
        High,
        "A setting turns off the question who is asking, or opens what is meant for development.",
        "Remove the setting.",
    ),
    mesh(
        Id::IST_VER_01,
        "release of Istio with published holes",
        High,
        "How to use them is public.",
        "Update to a fixed release.",
    ),
    mesh(
        Id::IST_CP_04,
        "every pod reaches the control plane's inside",
        Medium,
        "Ports for plaintext, debugging and metrics answer whoever gets there; nobody but the monitoring needs them. The chart's own network policy leaves them open.",
        "Let other namespaces in to 15012 and 15017 only.",
    ),
    mesh(
        Id::IST_CP_05,
        "nobody checks what is written for the mesh",
        Medium,
        "Without the webhook the API server takes objects that istiod cannot use: a policy with a mistake is there and does nothing.",
        "Install the webhook with failurePolicy Fail.",
    ),
    mesh(
        Id::IST_CP_06,
        "workload under the control plane's account",
        High,
        "istiod's account reads Secrets and stands for the authority of the mesh: who has it can be anybody.",
        "Give the workload an account of its own.",
    ),
    mesh(
        Id::IST_CP_07,
        "console of the mesh without a login",
        High,
        "Kiali shows who talks to whom and changes what routes and policies say, with its own rights, for whoever reaches it.",
        "Set auth.strategy to token or openid.",
    ),
    mesh(
        Id::IST_CP_08,
        "mesh tells of namespaces outside it",
        Low,
        "Every proxy gets the names and addresses of Services that are not in the mesh: a compromised pod has the map of the cluster.",
        "Set discoverySelectors.",
    ),
    mesh(
        Id::IST_CP_09,
        "Gateways merge across namespaces",
        Medium,
        "Whoever can write a Gateway in any namespace opens ports of a managed gateway of another one.",
        "Remove PILOT_ENABLE_STRICT_GATEWAY_MERGING=false.",
    ),
    mesh(
        Id::IST_CP_10,
        "parts of Istio do not belong together",
        Low,
        "Parts more than two releases apart are tested by nobody, and policies may mean something else there. Images with a shell help whoever gets in.",
        "Keep the parts together, and use the distroless images.",
    ),
    mesh(
        Id::IST_CP_11,
        "proxy's administration open to others",
        High,
        "Whoever reaches it reads certificates and configuration and stops the proxy, and with it what the mesh enforces.",
        "Bind it to 127.0.0.1.",
    ),
    mesh(
        Id::IST_CP_12,
        "workloads in the control plane's namespace",
        Low,
        "Policies there are for the whole mesh, and its keys are Secrets there: whoever may work in that namespace works on the mesh.",
        "Move the workloads to a namespace of their own.",
    ),
];
