//! IST-JWT: tokens of users.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{Critical, High, Medium};

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
];
