//! MC-08: Kuma over several zones.

use super::super::Report;
use super::Scene;
use super::control_plane::{containers, told};
use crate::rules::Id;
use seawall_model::Severity;

/// Something wrong that control planes may be told about each other.
struct Told {
    variable: &'static str,
    path: &'static [&'static str],
    is_wrong: fn(&str) -> bool,
    message: &'static str,
    fix: &'static str,
}

const WRONG: [Told; 3] = [
    Told {
        variable: "KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED",
        path: &["multizone", "global", "kds", "tlsEnabled"],
        is_wrong: is_false,
        message: "zones get their policies and keys in plaintext: whoever is on the way changes \
                  them",
        fix: "Set KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED to true",
    },
    Told {
        variable: "KUMA_MULTIZONE_ZONE_KDS_TLS_SKIP_VERIFY",
        path: &["multizone", "zone", "kds", "tlsSkipVerify"],
        is_wrong: is_true,
        message: "the zone takes policies from whoever says that it is the global control plane",
        fix: "Set controlPlane.tls.kdsZoneClient.skipVerify to false, and give the CA",
    },
    Told {
        variable: "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS",
        path: &["multizone", "zone", "globalAddress"],
        is_wrong: is_plain,
        message: "the zone talks to the global control plane in plaintext: whoever is on the way \
                  changes its policies",
        fix: "Use grpcs:// in controlPlane.kdsGlobalAddress",
    },
];

fn is_true(text: &str) -> bool {
    text == "true"
}

fn is_false(text: &str) -> bool {
    text == "false"
}

fn is_plain(text: &str) -> bool {
    text.starts_with("grpc://")
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for (endpoint, container) in containers(scene.world) {
        for one in WRONG {
            let said = told(scene.world, endpoint, container, one.variable, one.path);
            let Some(said) = said else { continue };
            report.assess_each(&[Id::MC_08]);
            if (one.is_wrong)(&said.text) {
                let message = one.message.to_owned();
                said.report(Id::MC_08, message, one.fix, Severity::High, report);
            }
        }
    }
}
