//! Consul and Kuma.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::CSL_01,
        "Consul without access control",
        Critical,
        "Without access control lists intentions allow by default, and whoever reaches the servers can change every setting of the mesh.",
        "Set global.acls.manageSystemACLs to true.",
    ),
    mesh(
        Id::CSL_02,
        "Consul allows what nothing speaks about",
        High,
        "A service that no intention names may be called by every other.",
        "Set the default policy to deny.",
    ),
    mesh(
        Id::CSL_07,
        "Consul takes connections without mutual TLS",
        High,
        "Intentions need an identity. In permissive mode connections without mutual TLS pass, and no intention is asked.",
        "Set mutualTLSMode to strict.",
    ),
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
        Id::CSL_04,
        "every service may call",
        High,
        "An intention that allows every source is no limit: one compromised service is enough.",
        "Name the sources.",
    ),
    mesh(
        Id::KUM_05,
        "Kuma lets every service in",
        High,
        "A permission for the whole mesh is no limit: one compromised service is enough.",
        "Name the services.",
    ),
];
