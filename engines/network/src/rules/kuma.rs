//! Kuma.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::KUM_01,
        "Kuma mesh without mutual TLS",
        Critical,
        "All traffic is plaintext, nobody has an identity, and MeshTrafficPermissions have no effect.",
        "Enable a backend under spec.mtls.",
    ),
    mesh(
        Id::KUM_02,
        "Kuma 3 ignores the mesh's TLS settings",
        Critical,
        "Since version 3 identities come from MeshIdentity. A mesh that still has spec.mtls only speaks plaintext, and MeshTrafficPermissions have no effect.",
        "Add a MeshIdentity and a MeshTrust.",
    ),
    mesh(
        Id::KUM_03,
        "Kuma takes plaintext beside mutual TLS",
        High,
        "Callers without an identity get in.",
        "Set the mode to strict.",
    ),
    mesh(
        Id::KUM_09,
        "Kuma permissions are bypassed in plaintext",
        Critical,
        "MeshTrafficPermissions are enforced on TLS connections only. In permissive mode a caller leaves TLS out and gets past them.",
        "Set the mode to strict.",
    ),
    mesh(
        Id::KUM_05,
        "Kuma lets every service in",
        High,
        "A permission for the whole mesh is no limit: one compromised service is enough.",
        "Name the services.",
    ),
    mesh(
        Id::KUM_04,
        "old TLS in the mesh",
        Medium,
        "Versions before 1.2 can be broken by who listens.",
        "Set tlsVersion.min to TLS12 or TLS13.",
    ),
    mesh(
        Id::KUM_06,
        "permission that denies on paper only",
        Medium,
        "AllowWithShadowDeny lets callers in and logs them. What was meant for a trial stays.",
        "Move it to deny.",
    ),
    mesh(
        Id::KUM_07,
        "permissions of a kind that Kuma reads no more",
        Medium,
        "Version 3 ignores TrafficPermissions. What they let in stays out then, and mostly somebody opens everything; in version 2 one of them opened the whole mesh by default.",
        "Write MeshTrafficPermissions.",
    ),
    mesh(
        Id::KUM_08,
        "services may call any address",
        Medium,
        "Data leaves to wherever a compromised service sends it.",
        "Add a MeshPassthrough with passthroughMode None or Matched.",
    ),
    mesh(
        Id::KUM_10,
        "pods that get past Kuma's proxy, or patch it",
        High,
        "What does not go through the proxy has no mutual TLS, and no permission is asked. A patch changes what the proxy enforces.",
        "Remove the annotation or the patch.",
    ),
    mesh(
        Id::KUM_11,
        "control plane of Kuma open to others",
        High,
        "Whoever administers the control plane, or gets a data plane's identity from it, owns the mesh.",
        "Ask for proof of identity, and keep the API inside the cluster.",
    ),
    mesh(
        Id::KUM_12,
        "pods start without Kuma's proxy",
        Medium,
        "While the injector does not answer, new pods are made without a proxy and stay so.",
        "Set controlPlane.injectorFailurePolicy to Fail.",
    ),
];
