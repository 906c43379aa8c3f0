//! ENV-01, ENV-03, ENV-06 and ENV-07: what the proxy opens, and whom it believes.

use super::config::{Config, Piece, is_loopback, port};
use super::connections::Manager;
use super::{Door, Found, Reached, Scene};
use crate::rules::Id;
use seawall_model::Severity;
use seawall_yaml::Node;

/// ENV-01.
pub(super) fn administration(scene: &Scene<'_, '_>, found: &mut Found<'_, '_>) {
    let address = found
        .config
        .root()
        .at(&["admin", "address", "socket_address"]);
    let Some(address) = address else { return };
    let host = address.text("address").unwrap_or_default().to_owned();
    if is_loopback(&address) || host.is_empty() {
        return;
    }
    let reached = match port(&address) {
        Some(port) => scene.reached(&found.config.users, port),
        None => Reached::Unknown,
    };
    let message = format!(
        "administration listens on {host} without a login: {}",
        reached.words()
    );
    let fix = "Set admin.address to 127.0.0.1; let probes and metrics ask a listener that passes \
               on /ready and /stats/prometheus only";
    let severity = reached.if_internet(Severity::Critical);
    found.add(Id::ENV_01, &address, severity, message, fix);
}

/// ENV-03 and ENV-06.
pub(super) fn client(manager: &Manager<'_>, door: &Door, found: &mut Found<'_, '_>) {
    if door.is_edge {
        address(manager, found);
    }
    certificate(manager, door, found);
}

/// ENV-03: whom an edge takes its client for.
fn address(manager: &Manager<'_>, found: &mut Found<'_, '_>) {
    let settings = &manager.settings;
    if settings.get("original_ip_detection_extensions").is_some() {
        return; // something else finds out
    }
    // Only what looks at addresses is fooled here; the header goes on to what is behind, too.
    let looks = manager.filters.iter().any(|filter| {
        filter.has_within(&|key, _| matches!(key, "remote_ip" | "remoteIp"))
            || filter.is("ratelimit")
    });
    let worst = if looks {
        Severity::High
    } else {
        Severity::Medium
    };
    if !settings.is_on("use_remote_address") {
        let at = settings.get("use_remote_address");
        let at = at.as_ref().unwrap_or(settings);
        let used = if looks {
            ", by which filters here decide"
        } else {
            ""
        };
        let message = format!(
            "the internet comes in here, and X-Forwarded-For is believed as it comes{used}"
        );
        let fix = "Set use_remote_address to true";
        found.add(Id::ENV_03, at, worst, message, fix);
        return;
    }
    if let Some(at) = settings
        .get("skip_xff_append")
        .filter(|at| at.node.as_bool() == Some(true))
    {
        let message = "the client's X-Forwarded-For goes on as it came, without its address";
        let fix = "Remove skip_xff_append";
        found.add(Id::ENV_03, &at, Severity::Medium, message.to_owned(), fix);
    }
    let hops = settings.get("xff_num_trusted_hops");
    if let Some(at) = hops.filter(|at| at.node.as_i64().is_some_and(|hops| hops > 0)) {
        let hops = at.node.as_i64().unwrap_or_default();
        let message = format!(
            "{hops} proxies before this one are believed, and the input shows none: who connects \
             without them chooses the address"
        );
        let fix = "Set xff_num_trusted_hops to the number of proxies, and let in their addresses \
                   only (loadBalancerSourceRanges)";
        found.add(Id::ENV_03, &at, Severity::Low, message, fix);
    }
}

/// ENV-06: the header with the client's certificate.
fn certificate(manager: &Manager<'_>, door: &Door, found: &mut Found<'_, '_>) {
    let Some(at) = manager.settings.get("forward_client_cert_details") else {
        return;
    };
    let mode = at.node.as_str().unwrap_or_default();
    let is_bad = match mode {
        "FORWARD_ONLY" | "ALWAYS_FORWARD_ONLY" => true,
        // Behind another proxy that is what it is for.
        "APPEND_FORWARD" => door.is_edge,
        _ => false,
    };
    if !is_bad {
        return;
    }
    let message = format!(
        "X-Forwarded-Client-Cert goes on as the client wrote it ({mode}): {}",
        door.reached.words()
    );
    let fix = "Set forward_client_cert_details to SANITIZE_SET";
    let severity = door.reached.if_internet(Severity::High);
    found.add(Id::ENV_06, &at, severity, message, fix);
}

/// Whether the whole proxy has a limit of what it takes on.
pub(super) fn is_limited(config: &Config<'_>) -> bool {
    let root = config.root();
    root.get("overload_manager").is_some()
        || root.has_within(&|key, _| key == "global_downstream_max_connections")
}

/// ENV-07: what keeps strangers from taking all of an edge.
pub(super) fn limits(listener: &Piece<'_>, door: &Door, found: &mut Found<'_, '_>) {
    if !door.is_edge {
        return;
    }
    let has = |test: &dyn Fn(&str, &Node) -> bool| listener.has_within(test);
    let counts_connections = has(&|key, node| {
        key == "@type"
            && node
                .as_str()
                .is_some_and(|kind| kind.contains(".connection_limit."))
    });
    if counts_connections {
        return;
    }
    let mut missing = vec!["an overload manager or a limit of connections"];
    for (names, what) in [
        (
            ["request_headers_timeout", "requestHeadersTimeout"],
            "a timeout for headers",
        ),
        (
            ["max_concurrent_streams", "maxConcurrentStreams"],
            "a limit of streams",
        ),
        (
            [
                "headers_with_underscores_action",
                "headersWithUnderscoresAction",
            ],
            "a rule for headers with underscores",
        ),
    ] {
        if !has(&|key, _| names.contains(&key)) {
            missing.push(what);
        }
    }
    let message = format!(
        "the internet comes in here, and there is no limit: it lacks {}",
        missing.join(", ")
    );
    let fix = "Configure overload_manager with a limit of connections and memory, and the rest of \
               Envoy's advice for proxies at the edge";
    found.add(Id::ENV_07, listener, Severity::Low, message, fix);
}
