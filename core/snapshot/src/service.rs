//! What a Service says about how it meets the outside.

use crate::object::Object;

/// Annotations that keep a load balancer inside, with the values that do.
const INTERNAL: [(&str, &[&str]); 7] = [
    (
        "service.beta.kubernetes.io/aws-load-balancer-internal",
        &["true", "0.0.0.0/0"],
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-scheme",
        &["internal"],
    ),
    (
        "service.beta.kubernetes.io/azure-load-balancer-internal",
        &["true"],
    ),
    ("networking.gke.io/load-balancer-type", &["internal"]),
    ("cloud.google.com/load-balancer-type", &["internal"]),
    (
        "service.beta.kubernetes.io/openstack-internal-load-balancer",
        &["true"],
    ),
    (
        "service.beta.kubernetes.io/oci-load-balancer-internal",
        &["true"],
    ),
];

/// Whether a Service's load balancer, if it has one, is for the network around the cluster only.
pub fn is_internal(service: &Object) -> bool {
    let mut annotations = service.annotations.iter();
    annotations.any(|(key, field)| is_internal_by(key, &field.value))
}

/// Whether an annotation keeps a load balancer inside.
pub fn is_internal_by(key: &str, value: &str) -> bool {
    let known = INTERNAL.iter().find(|(name, _)| *name == key);
    known.is_some_and(|(_, values)| values.iter().any(|one| value.eq_ignore_ascii_case(one)))
}
