//! How rights become credentials.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::SECRET_LIST,
        "lists Secrets with their content",
        "`list` and `watch` on Secrets return the content of all of them.",
        "Give `get` on the Secrets that are needed, by name.",
        &[mitre("T1552.007"), mitre("T1528")],
    ),
    technique(
        Id::SECRET_GET,
        "reads Secrets by name",
        "`get` on Secrets reads every one whose name is known or guessed; names stand in the specifications of pods.",
        "Limit the rule with `resourceNames`.",
        &[mitre("T1552.007")],
    ),
    technique(
        Id::TOKEN_REQUEST,
        "asks for the token of an account",
        "`create serviceaccounts/token` makes a token of any account that the rule covers.",
        "Limit the rule with `resourceNames`, or take it away.",
        &[mitre("T1528"), mitre("T1550.001")],
    ),
    technique(
        Id::TOKEN_SECRET_CREATE,
        "makes a Secret that is filled with a token",
        "A Secret of type `kubernetes.io/service-account-token` is filled with a token of the account that it names. Who may write and read Secrets reads it back.",
        "Separate writing Secrets from reading them, and limit both by name.",
        &[mitre("T1528")],
    ),
    technique(
        Id::CSR_CLIENT,
        "signs a certificate for anybody",
        "Who may ask for certificates, approve them, and approve for the signer of client certificates becomes any user or group but `system:masters`.",
        "Take `approve` on signers, or `certificatesigningrequests/approval`, from one of the roles.",
        &[mitre("T1649")],
    ),
    technique(
        Id::IMPERSONATE_USER,
        "impersonates users",
        "`impersonate` on users sends requests as any user that the rule covers.",
        "Limit the rule with `resourceNames` to the users that are meant.",
        &[mitre("T1550")],
    ),
    technique(
        Id::IMPERSONATE_GROUP,
        "impersonates groups, `system:masters` too",
        "`impersonate` on users and groups sends requests as a member of any group; `system:masters` may do everything.",
        "Limit the rule on groups with `resourceNames`.",
        &[mitre("T1550")],
    ),
    technique(
        Id::IMPERSONATE_SA,
        "impersonates service accounts",
        "`impersonate` on service accounts sends requests as any of them; the default roles `edit` and `admin` have it.",
        "Bind a role without it: `edit` is not for people who should not be every account of the namespace.",
        &[mitre("T1550")],
    ),
];
