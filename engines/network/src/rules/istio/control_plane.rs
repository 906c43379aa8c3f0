//! IST-CP and IST-VER: the control plane, and releases.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{High, Medium};

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
];
