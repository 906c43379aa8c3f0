//! Who may do what: the questions that engines ask, and the one engine that answers them.
//!
//! Admission policies ask in CEL (`authorizer.serviceAccount(…)…check("create")`), attack paths
//! ask what somebody could do next; the access engine knows the answer from the RBAC objects of
//! the picture. Engines do not import each other, so the questions are traits ([`Authorizer`],
//! [`Permissions`]), and the assessment joins both sides.

use crate::{ResourceRef, Span, Str};
use std::fmt;
use std::fmt::Debug;

/// Somebody the API server knows by a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: Str,
        /// Its name.
        name: Str,
    },
    /// A user, as an authenticator names them: `alice`, `system:node:worker-1`.
    User(Str),
    /// Everybody in a group: `system:authenticated`.
    Group(Str),
}

/// What the API server calls service accounts as users.
const ACCOUNT: &str = "system:serviceaccount:";

impl Identity {
    /// Who a user of this name is: names of service accounts are service accounts.
    pub fn of_user(name: &str) -> Self {
        let account = name.strip_prefix(ACCOUNT).and_then(|n| n.split_once(':'));
        match account {
            Some((namespace, name)) if is_label(namespace) && is_subdomain(name) => {
                Identity::ServiceAccount {
                    namespace: namespace.into(),
                    name: name.into(),
                }
            }
            _ => Identity::User(name.into()),
        }
    }

    /// The user that the API server sees; a group is no user.
    pub fn user_name(&self) -> Option<String> {
        match self {
            Identity::ServiceAccount { namespace, name } => {
                Some(format!("{ACCOUNT}{namespace}:{name}"))
            }
            Identity::User(name) => Some(name.to_string()),
            Identity::Group(_) => None,
        }
    }

    /// The groups that it is certainly in; an authenticator may add others.
    pub fn groups(&self) -> Vec<Str> {
        let of = |groups: &[&str]| groups.iter().map(|group| Str::from(*group)).collect();
        match self {
            Identity::ServiceAccount { namespace, .. } => of(&[
                "system:serviceaccounts",
                &format!("system:serviceaccounts:{namespace}"),
                "system:authenticated",
            ]),
            Identity::User(name) => match &**name {
                "system:anonymous" => of(&["system:unauthenticated"]),
                node if node.starts_with("system:node:") => {
                    of(&["system:nodes", "system:authenticated"])
                }
                _ => of(&["system:authenticated"]),
            },
            Identity::Group(name) => match &**name {
                "system:unauthenticated" | "system:authenticated" => of(&[name]),
                accounts if accounts.starts_with("system:serviceaccounts:") => {
                    of(&[name, "system:serviceaccounts", "system:authenticated"])
                }
                _ => of(&[name, "system:authenticated"]),
            },
        }
    }
}

/// Whether a namespace can have this name.
fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

/// Whether a service account can have this name.
fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_part)
}

fn is_part(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(fits) && !name.starts_with('-') && !name.ends_with('-')
}

impl fmt::Display for Identity {
    /// `ServiceAccount shop/web`, `User alice`, `Group system:masters`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::ServiceAccount { namespace, name } => {
                write!(f, "ServiceAccount {namespace}/{name}")
            }
            Identity::User(name) => write!(f, "User {name}"),
            Identity::Group(name) => write!(f, "Group {name}"),
        }
    }
}

/// Who wants to do something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessSubject {
    /// Whoever sends the request that is being judged. Files do not know who that will be.
    Requester,
    /// Somebody known.
    Identity(Identity),
}

/// What it wants to do it to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessTarget {
    /// A path of the API server that is no resource: `/healthz`.
    Path(Str),
    /// A resource.
    Resource {
        /// API group; empty for the core group.
        group: Str,
        /// Plural name, as rules of roles have it.
        resource: Str,
        /// Subresource, or empty.
        subresource: Str,
        /// Namespace, or empty for all of them and for cluster-scoped resources.
        namespace: Str,
        /// Name, or empty.
        name: Str,
    },
}

/// May this subject do that?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccessQuestion {
    /// Who.
    pub subject: AccessSubject,
    /// The verb, lower case: `create`, `get`, …
    pub verb: Str,
    /// To what.
    pub target: AccessTarget,
}

/// What is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessAnswer {
    /// A rule allows it.
    Allowed {
        /// Which, in words.
        reason: String,
    },
    /// No rule allows it.
    NotAllowed {
        /// What was looked at, in words.
        reason: String,
    },
    /// It cannot be told from what was seen.
    Unknown {
        /// Why, in words.
        reason: String,
    },
}

/// Answers questions about access.
pub trait Authorizer: Debug + Sync {
    /// The answer. Equal questions have equal answers.
    fn ask(&self, question: &AccessQuestion) -> AccessAnswer;
}

/// One kind of request, as rules of roles speak of it: `create pods/exec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action<'a> {
    /// The verb: `create`.
    pub verb: &'a str,
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Plural name: `pods`.
    pub resource: &'a str,
    /// Subresource, or empty: `exec`.
    pub subresource: &'a str,
}

/// A set of permissions, by its place in [`Permissions::sets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PermissionSetId(pub u32);

/// What a role gives where a binding gives it. Bindings of one role in one place share it, so
/// that ten thousand bindings of a role are not ten thousand copies of its rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PermissionSet {
    /// The role, which exists.
    pub role: ResourceRef,
    /// The namespace that it is given in; `None` for everywhere.
    pub namespace: Option<Str>,
}

/// A binding gives a set of permissions to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// To whom.
    pub subject: Identity,
    /// What.
    pub set: PermissionSetId,
    /// Which binding says so.
    pub binding: ResourceRef,
    /// Where it names the subject.
    pub span: Span,
}

/// A set of permissions allows an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Which set.
    pub set: PermissionSetId,
    /// On which objects, by name; empty for all of them.
    pub names: std::sync::Arc<[Str]>,
    /// The role whose rule it is: that of the set, or one that is aggregated into it.
    pub role: ResourceRef,
    /// The rule, as a JSON pointer into that role: `/rules/2`.
    pub rule: String,
    /// Where the rule stands. A default role that the input does not have stands nowhere.
    pub span: Option<Span>,
}

/// All permissions of a picture.
pub trait Permissions: Debug + Sync {
    /// The sets of permissions that bindings give to somebody.
    fn sets(&self) -> &[PermissionSet];

    /// Who has which.
    fn bindings(&self) -> &[Bound];

    /// Which sets allow an action on some object, at most one rule for each set and each list
    /// of names; a rule for all names stands for those with some.
    ///
    /// What a set can never allow is left out: what is in no namespace by a set that is given
    /// in one (but for the Namespace itself, by its name), and names for what has none yet
    /// (`create`, `deletecollection`).
    fn granted(&self, action: &Action<'_>) -> Vec<Granted>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_may_be_service_accounts() {
        for (user, is_account) in [
            ("system:serviceaccount:shop:web", true),
            ("system:serviceaccount:shop:web.v2", true),
            ("system:serviceaccount:shop", false),
            ("system:serviceaccount:a:b:c", false),
            ("system:serviceaccount:Shop:web", false),
            ("alice", false),
        ] {
            let identity = Identity::of_user(user);
            let is = matches!(identity, Identity::ServiceAccount { .. });
            assert_eq!(is, is_account, "{user}");
            assert_eq!(identity.user_name().as_deref(), Some(user));
        }
    }
}
