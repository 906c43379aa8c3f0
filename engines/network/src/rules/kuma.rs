//! Kuma.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High};

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
];
