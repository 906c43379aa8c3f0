//! ENV-02, ENV-04 and ENV-09: filters that decide about access.

use super::config::Piece;
use super::connections::Manager;
use super::{Door, Found};
use crate::rules::Id;
use seawall_model::Severity;

/// ENV-02 for filters of connections.
pub(super) fn network(chain: &Piece<'_>, door: &Door, found: &mut Found<'_, '_>) {
    for filter in chain.items("filters") {
        if filter.is("ext_authz") {
            fails_open(&filter, door, found);
        }
        if filter.is("rbac") {
            only_logs(&filter, door, found);
        }
    }
}

/// All three for filters of requests.
pub(super) fn check(manager: &Manager<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let routes = manager.routes();
    let names_rbac = |key: &str| key.rsplit('.').next() == Some("rbac");
    let by_route = routes
        .iter()
        .any(|route| route.has_within(&|key, _| names_rbac(key)));
    for filter in &manager.filters {
        if filter.is("ext_authz") {
            fails_open(filter, door, found);
        }
        if filter.is("rbac") && !by_route {
            only_logs(filter, door, found);
        }
    }
    order(manager, found);
    paths(manager, &routes, door, found);
    tokens(manager, door, found);
}

fn fails_open(filter: &Piece<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let at = filter
        .settings()
        .and_then(|one| one.get("failure_mode_allow"));
    let Some(at) = at.filter(|at| at.node.as_bool() == Some(true)) else {
        return;
    };
    let message = "when the service that decides does not answer, every request passes \
                   (failure_mode_allow)";
    let fix = "Set failure_mode_allow to false";
    let severity = door.reached.if_anybody(Severity::High);
    found.add(Id::ENV_02, &at, severity, message.to_owned(), fix);
}

fn only_logs(filter: &Piece<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let Some(settings) = filter.settings() else {
        return;
    };
    let shadow = settings.get("shadow_rules");
    let (None, Some(shadow)) = (settings.get("rules"), shadow) else {
        return;
    };
    let message = "the rules are only tried out (shadow_rules without rules): they stop nobody";
    let fix = "Move the rules from shadow_rules to rules";
    let severity = door.reached.if_anybody(Severity::High);
    found.add(Id::ENV_02, &shadow, severity, message.to_owned(), fix);
}

/// ENV-02: the order of filters.
fn order(manager: &Manager<'_>, found: &mut Found<'_, '_>) {
    let asks = manager.filter("ext_authz");
    let verifies = manager.filter("jwt_authn");
    let (Some((ask, filter)), Some((verify, _))) = (asks, verifies) else {
        return;
    };
    if ask < verify {
        let message = "the service that decides is asked before jwt_authn has verified the token: \
                       it sees claims that anybody can write";
        let fix = "Put jwt_authn before ext_authz";
        found.add(
            Id::ENV_02,
            filter,
            Severity::Medium,
            message.to_owned(),
            fix,
        );
    }
}

/// ENV-04: rules by path, and paths that are not made equal first.
fn paths(manager: &Manager<'_>, routes: &[Piece<'_>], door: &Door, found: &mut Found<'_, '_>) {
    let is_path = |key: &str, node: &seawall_yaml::Node| {
        matches!(key, "url_path" | "urlPath") || key == "name" && node.as_str() == Some(":path")
    };
    let by_rules = manager
        .filters
        .iter()
        .any(|filter| filter.is("rbac") && filter.has_within(&is_path));
    // Tokens that only some paths need.
    let by_token = manager.filter("jwt_authn").is_some_and(|(_, filter)| {
        let rules = filter.settings().map(|one| one.items("rules"));
        let mut rules = rules.into_iter().flatten();
        rules.any(|rule| {
            let prefix = rule.at(&["match", "prefix"]);
            prefix.is_none_or(|prefix| prefix.node.as_str() != Some("/"))
        })
    });
    // Paths that the service that decides is not asked about.
    let is_off = |key: &str, node: &seawall_yaml::Node| {
        key.rsplit('.').next() == Some("ext_authz")
            && node.get("disabled").and_then(seawall_yaml::Node::as_bool) == Some(true)
    };
    let by_route = routes.iter().any(|route| route.has_within(&is_off));
    if !(by_rules || by_token || by_route) {
        return;
    }
    let settings = &manager.settings;
    let is_normal = settings.is_on("normalize_path");
    let escapes = settings.text("path_with_escaped_slashes_action");
    let keeps = matches!(
        escapes.unwrap_or("KEEP_UNCHANGED"),
        "KEEP_UNCHANGED" | "IMPLEMENTATION_SPECIFIC_DEFAULT"
    );
    let mut missing = Vec::new();
    if !is_normal {
        missing.push("normalize_path");
    }
    if !settings.is_on("merge_slashes") {
        missing.push("merge_slashes");
    }
    if keeps {
        missing.push("path_with_escaped_slashes_action");
    }
    if missing.is_empty() {
        return;
    }
    let message = format!(
        "access is decided by path, and paths are compared as written: {} {} not set",
        missing.join(", "),
        if missing.len() == 1 { "is" } else { "are" }
    );
    let fix = "Set normalize_path and merge_slashes to true, and \
               path_with_escaped_slashes_action to UNESCAPE_AND_REDIRECT";
    let worst = if is_normal {
        Severity::Medium
    } else {
        Severity::High
    };
    let severity = door.reached.if_anybody(worst);
    found.add(Id::ENV_04, settings, severity, message, fix);
}

/// ENV-09.
fn tokens(manager: &Manager<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let Some((place, filter)) = manager.filter("jwt_authn") else {
        return;
    };
    // Whoever demands claims later refuses requests without a token.
    if manager.refuses_from(place + 1) {
        return;
    }
    let Some(settings) = filter.settings() else {
        return;
    };
    for (what, names) in [
        (
            "without a token or with a false one",
            ["allow_missing_or_failed", "allowMissingOrFailed"],
        ),
        ("without a token", ["allow_missing", "allowMissing"]),
    ] {
        if !settings.has_within(&|key, node| names.contains(&key) && !node.is_null()) {
            continue;
        }
        let message = format!(
            "requests {what} pass ({}), and nothing behind asks again",
            names.first().unwrap_or(&"")
        );
        let fix = "Require the provider, or add an rbac filter behind that asks for claims";
        let severity = door.reached.if_anybody(Severity::High);
        found.add(Id::ENV_09, filter, severity, message, fix);
        return;
    }
}
