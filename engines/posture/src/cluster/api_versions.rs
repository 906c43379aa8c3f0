//! W47: API versions that the target version deprecates or no longer serves.

use crate::Config;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::{Asset, Locus, Severity};
use seawall_snapshot::Object;

/// An API version with the minor releases that deprecated and removed it.
struct Going {
    api_version: &'static str,
    /// Kinds, or empty for all of the version.
    kinds: &'static [&'static str],
    deprecated: u16,
    removed: u16,
    replacement: &'static str,
}

const fn going(
    api_version: &'static str,
    kinds: &'static [&'static str],
    deprecated: u16,
    removed: u16,
    replacement: &'static str,
) -> Going {
    Going {
        api_version,
        kinds,
        deprecated,
        removed,
        replacement,
    }
}

/// Source: `zz_generated.prerelease-lifecycle.go` of k8s.io/api v0.37.0, and the deprecation
/// guide of kubernetes.io for versions that are no longer in it. First match counts.
const TABLE: &[Going] = &[
    going(
        "extensions/v1beta1",
        &["Ingress"],
        14,
        22,
        "networking.k8s.io/v1",
    ),
    going(
        "extensions/v1beta1",
        &["NetworkPolicy"],
        9,
        16,
        "networking.k8s.io/v1",
    ),
    going(
        "extensions/v1beta1",
        &["PodSecurityPolicy"],
        10,
        16,
        "Pod Security Admission",
    ),
    going(
        "extensions/v1beta1",
        &["DaemonSet", "Deployment", "ReplicaSet"],
        8,
        16,
        "apps/v1",
    ),
    going("apps/v1beta1", &[], 8, 16, "apps/v1"),
    going("apps/v1beta2", &[], 9, 16, "apps/v1"),
    going("batch/v2alpha1", &["CronJob"], 8, 21, "batch/v1"),
    going("batch/v1beta1", &["CronJob"], 21, 25, "batch/v1"),
    going(
        "policy/v1beta1",
        &["PodSecurityPolicy"],
        21,
        25,
        "Pod Security Admission",
    ),
    going(
        "policy/v1beta1",
        &["PodDisruptionBudget"],
        21,
        25,
        "policy/v1",
    ),
    going(
        "networking.k8s.io/v1beta1",
        &["Ingress", "IngressClass"],
        19,
        22,
        "networking.k8s.io/v1",
    ),
    going(
        "networking.k8s.io/v1beta1",
        &["IPAddress", "ServiceCIDR"],
        34,
        37,
        "networking.k8s.io/v1",
    ),
    going(
        "rbac.authorization.k8s.io/v1alpha1",
        &[],
        17,
        22,
        "rbac.authorization.k8s.io/v1",
    ),
    going(
        "rbac.authorization.k8s.io/v1beta1",
        &[],
        17,
        22,
        "rbac.authorization.k8s.io/v1",
    ),
    going(
        "admissionregistration.k8s.io/v1beta1",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ],
        16,
        22,
        "admissionregistration.k8s.io/v1",
    ),
    going(
        "admissionregistration.k8s.io/v1alpha1",
        &[
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ],
        29,
        32,
        "admissionregistration.k8s.io/v1",
    ),
    going(
        "admissionregistration.k8s.io/v1beta1",
        &[
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ],
        31,
        34,
        "admissionregistration.k8s.io/v1",
    ),
    going(
        "admissionregistration.k8s.io/v1alpha1",
        &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"],
        35,
        38,
        "admissionregistration.k8s.io/v1",
    ),
    going(
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"],
        37,
        40,
        "admissionregistration.k8s.io/v1",
    ),
    going(
        "apiextensions.k8s.io/v1beta1",
        &[],
        16,
        22,
        "apiextensions.k8s.io/v1",
    ),
    going(
        "apiregistration.k8s.io/v1beta1",
        &[],
        19,
        22,
        "apiregistration.k8s.io/v1",
    ),
    going(
        "authentication.k8s.io/v1beta1",
        &["TokenReview"],
        19,
        22,
        "authentication.k8s.io/v1",
    ),
    going(
        "authorization.k8s.io/v1beta1",
        &[],
        19,
        22,
        "authorization.k8s.io/v1",
    ),
    going(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        19,
        22,
        "certificates.k8s.io/v1",
    ),
    going(
        "certificates.k8s.io/v1alpha1",
        &["ClusterTrustBundle"],
        34,
        37,
        "certificates.k8s.io/v1",
    ),
    going(
        "certificates.k8s.io/v1beta1",
        &["ClusterTrustBundle", "PodCertificateRequest"],
        37,
        40,
        "certificates.k8s.io/v1",
    ),
    going(
        "coordination.k8s.io/v1beta1",
        &["Lease"],
        19,
        22,
        "coordination.k8s.io/v1",
    ),
    going(
        "scheduling.k8s.io/v1alpha1",
        &["PriorityClass"],
        14,
        17,
        "scheduling.k8s.io/v1",
    ),
    going(
        "scheduling.k8s.io/v1beta1",
        &["PriorityClass"],
        14,
        22,
        "scheduling.k8s.io/v1",
    ),
    going(
        "storage.k8s.io/v1alpha1",
        &["CSIStorageCapacity", "VolumeAttachment"],
        21,
        24,
        "storage.k8s.io/v1",
    ),
    going(
        "storage.k8s.io/v1alpha1",
        &["VolumeAttributesClass"],
        32,
        35,
        "storage.k8s.io/v1",
    ),
    going(
        "storage.k8s.io/v1beta1",
        &["CSINode"],
        17,
        22,
        "storage.k8s.io/v1",
    ),
    going(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "StorageClass", "VolumeAttachment"],
        19,
        22,
        "storage.k8s.io/v1",
    ),
    going(
        "storage.k8s.io/v1beta1",
        &["CSIStorageCapacity"],
        24,
        27,
        "storage.k8s.io/v1",
    ),
    going(
        "storage.k8s.io/v1beta1",
        &["VolumeAttributesClass"],
        34,
        37,
        "storage.k8s.io/v1",
    ),
    going(
        "discovery.k8s.io/v1beta1",
        &["EndpointSlice"],
        21,
        25,
        "discovery.k8s.io/v1",
    ),
    going(
        "events.k8s.io/v1beta1",
        &["Event"],
        22,
        25,
        "events.k8s.io/v1",
    ),
    going(
        "autoscaling/v2beta1",
        &["HorizontalPodAutoscaler"],
        22,
        25,
        "autoscaling/v2",
    ),
    going(
        "autoscaling/v2beta2",
        &["HorizontalPodAutoscaler"],
        23,
        26,
        "autoscaling/v2",
    ),
    going(
        "node.k8s.io/v1alpha1",
        &["RuntimeClass"],
        20,
        24,
        "node.k8s.io/v1",
    ),
    going(
        "node.k8s.io/v1beta1",
        &["RuntimeClass"],
        22,
        25,
        "node.k8s.io/v1",
    ),
    going(
        "flowcontrol.apiserver.k8s.io/v1alpha1",
        &[],
        20,
        21,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    going(
        "flowcontrol.apiserver.k8s.io/v1beta1",
        &[],
        23,
        26,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    going(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        &[],
        26,
        29,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    going(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        &[],
        29,
        32,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    going("resource.k8s.io/v1beta1", &[], 35, 38, "resource.k8s.io/v1"),
    going(
        "resource.k8s.io/v1beta2",
        &[
            "DeviceClass",
            "ResourceClaim",
            "ResourceClaimTemplate",
            "ResourceSlice",
        ],
        36,
        39,
        "resource.k8s.io/v1",
    ),
    going(
        "storagemigration.k8s.io/v1beta1",
        &["StorageVersionMigration"],
        37,
        40,
        "storagemigration.k8s.io/v1",
    ),
    going(
        "v1",
        &["ComponentStatus"],
        19,
        u16::MAX,
        "the health endpoints of the components",
    ),
    going(
        "v1",
        &["Endpoints"],
        33,
        u16::MAX,
        "discovery.k8s.io/v1 EndpointSlice",
    ),
];

/// Kinds whose absence after an upgrade takes protection away.
const PROTECTING: [&str; 6] = [
    "NetworkPolicy",
    "PodSecurityPolicy",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "PodDisruptionBudget",
];

pub(super) fn check(object: &Object, config: &Config, sink: &mut Sink) {
    sink.assess(Id::W47, 1);
    let api_version = &*object.api_version.value;
    // Nearly every object is in a stable version of a living group.
    let Some(entry) = TABLE.iter().find(|entry| {
        entry.api_version == api_version
            && (entry.kinds.is_empty() || entry.kinds.contains(&&*object.reference.kind))
    }) else {
        return;
    };
    let version = config.kubernetes_version.minor;
    if version < entry.deprecated {
        return;
    }
    let kind = &*object.reference.kind;
    let gone = version >= entry.removed;
    let message = if gone {
        format!(
            "v1.{} no longer serves {kind} {api_version}: it was removed in v1.{}",
            version, entry.removed
        )
    } else if entry.removed == u16::MAX {
        format!(
            "{kind} {api_version} is deprecated since v1.{}",
            entry.deprecated
        )
    } else {
        format!(
            "{kind} {api_version} is deprecated since v1.{} and goes with v1.{}",
            entry.deprecated, entry.removed
        )
    };
    let fix = format!("Use {}", entry.replacement);
    let severity = match (gone, PROTECTING.contains(&kind)) {
        (true, true) => Severity::Medium,
        (true, false) => Severity::Low,
        (false, _) => Severity::Info,
    };
    let locus = Locus {
        pointer: "/apiVersion".to_owned(),
        path: "apiVersion".to_owned(),
        span: object.api_version.span,
    };
    let asset = Asset::Resource(object.reference.clone());
    sink.add(
        &asset,
        Draft::new(Id::W47, locus, message, fix).severity(severity),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_deprecated_before_they_go() {
        for entry in TABLE {
            assert!(entry.deprecated < entry.removed, "{}", entry.api_version);
        }
    }
}
