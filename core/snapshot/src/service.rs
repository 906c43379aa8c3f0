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
    INTERNAL.iter().any(|(key, values)| {
        let field = service.annotation(key);
        field.is_some_and(|f| values.iter().any(|v| f.value.eq_ignore_ascii_case(v)))
    })
}
