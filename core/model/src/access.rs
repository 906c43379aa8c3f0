//! The question "may this identity do that?", which one engine asks and another answers.
//!
//! Admission policies ask it in CEL (`authorizer.serviceAccount(…)…check("create")`); the
//! access engine knows the answer from the RBAC objects of the picture. Engines do not import
//! each other, so the question is a trait, and the assessment joins the two.

use crate::Str;
use std::fmt::Debug;

/// Who wants to do something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessSubject {
    /// Whoever sends the request that is being judged. Files do not know who that will be.
    Requester,
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: Str,
        /// Its name.
        name: Str,
    },
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
