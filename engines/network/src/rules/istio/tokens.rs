//! IST-JWT: tokens of users.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Low, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::IST_JWT_01,
        "token is read, but not required",
        High,
        "A RequestAuthentication refuses bad tokens, not missing ones: a request without any token gets in.",
        "Add an AuthorizationPolicy that refuses requests without a principal.",
    ),
    mesh(
        Id::IST_JWT_02,
        "token for any audience is accepted",
        Medium,
        "Whoever gets hold of a token that the issuer made for another service, be it that service itself, can use it here.",
        "Set audiences.",
    ),
    mesh(
        Id::IST_JWT_03,
        "keys for tokens come in plaintext",
        High,
        "Whoever stands between the control plane and the issuer can answer with own keys, and then make tokens for any user.",
        "Use https for jwksUri and issuer.",
    ),
    mesh(
        Id::IST_JWT_05,
        "secret key in a policy",
        Critical,
        "Whoever can read the object can make tokens for any user.",
        "Replace the keys, and write only public ones.",
    ),
    mesh(
        Id::IST_JWT_04,
        "keys for tokens are looked up at run time",
        Low,
        "Without jwksUri the issuer is asked where its keys are: one more answer that decides whose tokens count.",
        "Set jwksUri.",
    ),
    mesh(
        Id::IST_JWT_06,
        "keys for tokens are fetched without a check",
        High,
        "istiod does not check who answers with the keys. Whoever stands in between answers with own ones and makes tokens for any user.",
        "Remove JWKS_RESOLVER_INSECURE_SKIP_VERIFY.",
    ),
    mesh(
        Id::IST_JWT_07,
        "istiod fetches keys from any address",
        Medium,
        "Who may write a RequestAuthentication lets istiod call any address, also the cloud's metadata and services inside (CVE-2026-41413).",
        "Set BLOCKED_CIDRS_IN_JWKS_URIS to the metadata, loopback and private ranges.",
    ),
    mesh(
        Id::IST_JWT_08,
        "gateway passes tokens or claims on too freely",
        Medium,
        "A gateway writes what the token says into a header, which whoever calls the workload past the gateway writes as well. A token that is passed on is good for whoever gets it, outside the cluster, too.",
        "Let only the gateway call the workloads, or read tokens there; pass tokens on only inside.",
    ),
    mesh(
        Id::IST_JWT_09,
        "tokens in addresses",
        Low,
        "Query parameters end up in logs, histories and the headers of other sites.",
        "Take tokens from headers only.",
    ),
    mesh(
        Id::IST_JWT_10,
        "two tokens in one request",
        Medium,
        "Each token is good by itself. Whose request it is when both come is not said: rules may look at one, and the application at the other.",
        "Let all issuers use one and the same header.",
    ),
    mesh(
        Id::IST_JWT_11,
        "route by claims that nobody reads",
        Medium,
        "Claims are known only where a RequestAuthentication reads tokens: the route never fits, and requests take the next one.",
        "Add a RequestAuthentication for the gateway.",
    ),
    mesh(
        Id::IST_JWT_12,
        "gateway keeps the token that the workload needs",
        High,
        "A gateway that reads a token takes it out unless it is told to pass it on. Behind it no request has a principal: rules that refuse by one refuse nobody.",
        "Set forwardOriginalToken, or ask for tokens at the gateway only.",
    ),
    mesh(
        Id::IST_JWT_13,
        "RequestAuthentication that nobody reads in ambient",
        High,
        "ztunnel reads no tokens, and waypoints only look at what has targetRefs: bad tokens pass, and no request has a principal.",
        "Attach it to a waypoint or Service by targetRefs.",
    ),
];
