//! ENV-08: proxies that connect to where clients ask, and code in the configuration.

use super::config::Piece;
use super::connections::Manager;
use super::{Door, Found, Reached};
use crate::rules::Id;
use seawall_model::Severity;

pub(super) fn check(manager: &Manager<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let is_checked = manager.refuses_from(0) || manager.filter("jwt_authn").is_some();
    if !is_checked {
        open_proxy(manager, door, found);
        tunnels(manager, door, found);
    }
    if door.is_edge {
        code(manager, found);
    }
}

/// One step up where the internet gets there, one down where nobody does.
fn weighed(door: &Door) -> Severity {
    match door.reached {
        Reached::Internet => Severity::High.raised(),
        Reached::Nobody => Severity::High.lowered(),
        Reached::Unknown | Reached::Pods(_) => Severity::High,
    }
}

fn open_proxy(manager: &Manager<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let Some((_, filter)) = manager.filter("dynamic_forward_proxy") else {
        return;
    };
    // Where every host is written down the client does not choose.
    let routes = manager.routes();
    let rewrites = |route: &Piece<'_>| {
        route.has_within(&|key, _| {
            matches!(
                key,
                "host_rewrite_literal" | "hostRewriteLiteral" | "host_rewrite"
            )
        })
    };
    if !routes.is_empty() && routes.iter().all(rewrites) {
        return;
    }
    let message = format!(
        "the proxy connects to whatever host a request names, and asks nobody for anything: {}",
        door.reached.words()
    );
    let fix = "Check access before dynamic_forward_proxy (ext_authz, rbac), and allow the hosts \
               that are needed only";
    found.add(Id::ENV_08, filter, weighed(door), message, fix);
}

fn tunnels(manager: &Manager<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let routes = manager.routes();
    let upgrades = manager
        .settings
        .items("upgrade_configs")
        .into_iter()
        .find(|one| one.text("upgrade_type") == Some("CONNECT"));
    let is_taken = routes
        .iter()
        .any(|route| route.at(&["match", "connect_matcher"]).is_some());
    let Some(at) = upgrades.filter(|_| is_taken) else {
        return;
    };
    let message = format!(
        "CONNECT opens tunnels through the proxy, and nobody is asked for anything: {}",
        door.reached.words()
    );
    let fix = "Remove the upgrade, or check access before it";
    found.add(Id::ENV_08, &at, weighed(door), message, fix);
}

/// Code that reads what strangers send, within the proxy.
fn code(manager: &Manager<'_>, found: &mut Found<'_, '_>) {
    for filter in &manager.filters {
        let is_inline = (filter.is("lua") || filter.is("wasm"))
            && filter.has_within(&|key, _| {
                matches!(
                    key,
                    "inline_code"
                        | "inlineCode"
                        | "inline_string"
                        | "inlineString"
                        | "inline_bytes"
                        | "inlineBytes"
                )
            });
        if !is_inline {
            continue;
        }
        let message = "code that stands in the configuration handles what the internet sends: \
                       nobody reviews or tests it as code";
        let fix = "Use the filters that Envoy has, or load the code from a file that is built and \
                   tested";
        found.add(Id::ENV_08, filter, Severity::Low, message.to_owned(), fix);
    }
}
