//! The words every room shares.
//!
//! Whatever crosses a crate border has its type here: where something stands ([`span`]),
//! what it is ([`resource`]), what a rule says ([`rule`]), what was found ([`finding`]),
//! how an engine writes its rules and
//! collects what it finds ([`catalogue`], [`sink`]), what was looked at and what was not ([`coverage`]), what engines tell each other
//! ([`fact`]) and ask each other ([`access`], [`reachability`]), what one engine returns ([`outcome`]),
//! and what repairs a finding ([`fix`]).
//!
//! **Invariant:** nothing here reads a file, a clock or the environment. Everything is a
//! value; two equal inputs give two equal outputs.

pub mod access;
pub mod calendar;
pub mod catalogue;
pub mod coverage;
pub mod fact;
pub mod finding;
pub mod fix;
pub mod outcome;
pub mod pod_security;
pub mod reachability;
pub mod resource;
pub mod rule;
pub mod severity;
pub mod sink;
pub mod span;
pub mod version;

pub use coverage::{Coverage, Gap, GapKind};
pub use fact::Fact;
pub use finding::{Asset, Evidence, Finding, FindingId, InvalidFindingId, Locus, Proof};
pub use fix::{Data, Mend, Operation, Question, Repair, Repairable};
pub use outcome::Outcome;
pub use resource::ResourceRef;
pub use rule::{Area, Framework, Reference, Rule, RuleId};
pub use severity::Severity;
pub use span::{Cause, CauseId, FileId, SourceFile, SourceKind, SourceMap, SourceText, Span};
pub use version::KubernetesVersion;

/// A shared, immutable string. Cheap to clone; equal strings of one file share storage.
pub type Str = std::sync::Arc<str>;
