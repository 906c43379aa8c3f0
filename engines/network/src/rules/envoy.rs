//! Envoy as people configure it by hand, and the Open Policy Agent beside it.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Low};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::ENV_01,
        "Envoy's administration is open to the network",
        Critical,
        "Whoever gets to the port stops the proxy, drains it, turns checks off by runtime settings, and reads its whole configuration.",
        "Bind admin.address to 127.0.0.1 or a Unix socket, and publish statistics through a listener of their own.",
    ),
    mesh(
        Id::ENV_02,
        "Envoy checks access and does not enforce it",
        High,
        "A check that lets pass when it fails is passed by making it fail; rules that only log, or that look at tokens nobody has verified yet, stop nobody.",
        "Set failure_mode_allow to false, write rules instead of shadow_rules, and put jwt_authn before ext_authz.",
    ),
    mesh(
        Id::ENV_03,
        "Envoy at the edge believes who clients say they are",
        High,
        "Without use_remote_address the header X-Forwarded-For is the client's to write: rules, limits and logs by address see what an attacker chose.",
        "Set use_remote_address to true, and xff_num_trusted_hops to the number of proxies before it.",
    ),
    mesh(
        Id::ENV_04,
        "Envoy compares paths as they are written",
        High,
        "/public/../admin, //admin and /%2Fadmin are other texts than /admin to the rule and the same page to the server behind.",
        "Set normalize_path and merge_slashes to true, and path_with_escaped_slashes_action to UNESCAPE_AND_REDIRECT.",
    ),
    mesh(
        Id::ENV_05,
        "Envoy's TLS does not say who is there",
        High,
        "Encryption to an unknown end protects from nobody who can step between: any certificate, or any of the same authority, will do.",
        "Name the authority and the names in the validation context, require client certificates where they are checked, and speak TLS 1.2 or later.",
    ),
    mesh(
        Id::ENV_06,
        "Envoy passes on identities that clients claim",
        High,
        "The header with the client's certificate is believed by what is behind. Forwarded as it came, it is whatever the client wrote.",
        "Set forward_client_cert_details to SANITIZE or SANITIZE_SET.",
    ),
    mesh(
        Id::ENV_07,
        "Envoy at the edge without limits",
        Low,
        "A few slow or greedy clients take its memory and connections, and with it everything that it publishes.",
        "Configure an overload manager, limits of connections and streams, and timeouts for headers.",
    ),
    mesh(
        Id::ENV_08,
        "Envoy connects to where clients ask, or runs inline code",
        High,
        "A forward proxy without a check of access is a way into the cluster's network from outside, to metadata and internal services, under the proxy's address.",
        "Check access before the proxy, name the destinations, and do not upgrade CONNECT.",
    ),
    mesh(
        Id::ENV_09,
        "Envoy lets requests without a token pass",
        High,
        "With allow_missing who sends no token gets in, with allow_missing_or_failed who sends a false one, too; nothing behind asks again.",
        "Require a valid token, or add rules behind that do.",
    ),
    mesh(
        Id::ENV_10,
        "Open Policy Agent that does not protect",
        High,
        "A policy that allows by default, or is only tried out, lets everything pass; an open administration port lets whoever gets there write the policy.",
        "Enforce, deny by default, and bind the port to localhost or use --authorization=basic.",
    ),
];
