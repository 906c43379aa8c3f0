//! ENV-05: contexts of TLS, towards servers and towards clients.

use super::config::{Piece, is_loopback};
use super::{Door, Found};
use crate::rules::Id;
use seawall_model::Severity;

/// Towards the servers of a cluster.
pub(super) fn upstream(cluster: &Piece<'_>, found: &mut Found<'_, '_>) {
    let sockets = cluster.get("transport_socket").into_iter();
    let matches = cluster.items("transport_socket_matches");
    let matches = matches.iter().filter_map(|one| one.get("transport_socket"));
    let contexts = sockets
        .chain(matches)
        .filter_map(|socket| socket.settings());
    let old = cluster.get("tls_context");
    if is_within_pod(cluster) {
        return;
    }
    for context in contexts.chain(old) {
        let is_tls = context.kind().is_empty() || context.kind().ends_with(".UpstreamTlsContext");
        if is_tls {
            to_server(cluster, &context, found);
        }
    }
}

/// Whether every endpoint is the pod itself.
fn is_within_pod(cluster: &Piece<'_>) -> bool {
    let groups = cluster.get("load_assignment");
    let groups = groups.map_or_else(Vec::new, |all| all.items("endpoints"));
    let ends: Vec<Piece<'_>> = groups
        .iter()
        .flat_map(|group| group.items("lb_endpoints"))
        .filter_map(|one| one.at(&["endpoint", "address"]))
        .collect();
    let is_own = |end: &Piece<'_>| {
        end.get("pipe").is_some() || end.get("socket_address").is_some_and(|at| is_loopback(&at))
    };
    !ends.is_empty() && ends.iter().all(is_own)
}

fn to_server(cluster: &Piece<'_>, context: &Piece<'_>, found: &mut Found<'_, '_>) {
    let name = cluster.text("name").unwrap_or_default();
    let common = context.get("common_tls_context");
    versions(common.as_ref(), found);
    let Some(validation) = common.as_ref().and_then(validation) else {
        let is_elsewhere = common.as_ref().is_some_and(|one| {
            one.get("validation_context_sds_secret_config").is_some()
                || one.get("combined_validation_context").is_some()
        });
        if !is_elsewhere {
            let message = format!("cluster {name} takes any certificate: there is no validation");
            let fix = "Add a validation_context with trusted_ca and match_typed_subject_alt_names";
            found.add(Id::ENV_05, context, Severity::High, message, fix);
        }
        return;
    };
    if accepts_untrusted(&validation, found) {
        return;
    }
    let by_name = names(&validation)
        || context.is_on("auto_sni_san_validation")
        || cluster.has_within(&|key, node| {
            matches!(key, "auto_san_validation" | "autoSanValidation")
                && node.as_bool() == Some(true)
        });
    if validation.get("trusted_ca").is_some() && !by_name {
        let message =
            format!("cluster {name} takes any certificate of the authority: no name is compared");
        let fix = "Add match_typed_subject_alt_names, or auto_san_validation with auto_sni";
        found.add(Id::ENV_05, &validation, Severity::Medium, message, fix);
    }
}

/// The context of validation, also where a part of it comes from elsewhere.
fn validation<'n>(common: &Piece<'n>) -> Option<Piece<'n>> {
    common
        .get("validation_context")
        .or_else(|| common.at(&["combined_validation_context", "default_validation_context"]))
}

fn accepts_untrusted(validation: &Piece<'_>, found: &mut Found<'_, '_>) -> bool {
    let at = validation.get("trust_chain_verification");
    let Some(at) = at.filter(|at| at.node.as_str() == Some("ACCEPT_UNTRUSTED")) else {
        return false;
    };
    let message = "certificates of any authority are taken (ACCEPT_UNTRUSTED)";
    let fix = "Remove trust_chain_verification";
    found.add(Id::ENV_05, &at, Severity::High, message.to_owned(), fix);
    true
}

/// Whether something of the certificate itself is compared.
fn names(validation: &Piece<'_>) -> bool {
    [
        "match_typed_subject_alt_names",
        "match_subject_alt_names",
        "verify_subject_alt_name",
        "verify_certificate_hash",
        "verify_certificate_spki",
        "custom_validator_config",
    ]
    .iter()
    .any(|field| validation.get(field).is_some())
}

/// Towards the clients of a filter chain.
pub(super) fn downstream(chain: &Piece<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let socket = chain.get("transport_socket");
    let context = socket.and_then(|socket| socket.settings());
    let Some(context) = context.or_else(|| chain.get("tls_context")) else {
        return;
    };
    if !context.kind().is_empty() && !context.kind().ends_with(".DownstreamTlsContext") {
        return;
    }
    let common = context.get("common_tls_context");
    versions(common.as_ref(), found);
    let Some(validation) = common.as_ref().and_then(validation) else {
        return;
    };
    if accepts_untrusted(&validation, found) || context.is_on("require_client_certificate") {
        return;
    }
    let message = "certificates of clients are checked and not required: who shows none gets in";
    let fix = "Set require_client_certificate to true";
    let severity = door.reached.if_anybody(Severity::Medium);
    found.add(Id::ENV_05, &context, severity, message.to_owned(), fix);
}

/// Versions of TLS that are broken.
fn versions(common: Option<&Piece<'_>>, found: &mut Found<'_, '_>) {
    let params = common.and_then(|common| common.get("tls_params"));
    for field in [
        "tls_minimum_protocol_version",
        "tls_maximum_protocol_version",
    ] {
        let Some(at) = params.as_ref().and_then(|params| params.get(field)) else {
            continue;
        };
        let version = at.node.as_str().unwrap_or_default();
        if !matches!(version, "TLSv1_0" | "TLSv1_1") {
            continue;
        }
        let message = format!("TLS is spoken in a version that is broken ({field}: {version})");
        let fix = "Set tls_minimum_protocol_version to TLSv1_2 or TLSv1_3";
        found.add(Id::ENV_05, &at, Severity::Medium, message, fix);
    }
}
