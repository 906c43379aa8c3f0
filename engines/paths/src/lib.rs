//! How does it all chain into a way in?
//!
//! Findings by the thousand do not say what to mend first; a path from the internet to the
//! cluster's administration does. The engine reads what the others found out (who may do what,
//! who reaches whom, what admission lets in), derives from it every attack step that is
//! possible ([`groups`]), and follows them from where attackers begin to what they want
//! ([`search`]). Pairs of both are counted, never paths: those are exponentially many.
//!
//! What is not known here is not assumed away: a step that depends on it is there and says so
//! ([`Ease::Lucky`]).

mod acts;
mod answers;
mod apps;
mod cuts;
mod ends;
mod findings;
mod graph;
mod groups;
mod look;
mod machines;
mod operators;
mod picture;
mod search;
mod spot;
mod techniques;
mod trampolines;
mod words;

pub use answers::{Line, Path, Paths, ToldStep};
pub use cuts::{Break, Cut, Left};
pub use ends::{Class, Entry, Goal};
pub use graph::{Ease, Place};
pub use techniques::catalogue as techniques;
pub use trampolines::Trampolines;

use seawall_model::access::Permissions;
use seawall_model::reachability::Reachability;
use seawall_model::{Fact, KubernetesVersion, Outcome, Rule};

/// What the verdicts depend on besides the snapshot.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster's version.
    pub kubernetes_version: KubernetesVersion,
    /// Workloads that matter most: `namespace/name`, `namespace/`, or `label=value`.
    pub jewels: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kubernetes_version: KubernetesVersion::NEWEST,
            jewels: Vec::new(),
        }
    }
}

/// What other engines know.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'f> {
    /// Their facts.
    pub facts: &'f [Fact],
    /// Who may do what.
    pub permissions: &'f dyn Permissions,
    /// Who gets to whom.
    pub network: &'f dyn Reachability,
}

/// The catalogue of findings, in order of ids. Techniques are in [`techniques`].
pub fn rules() -> &'static [Rule] {
    findings::catalogue()
}

/// Judges the ways that were found: one finding for each class of entries and each goal.
pub fn check(paths: &Paths<'_>) -> Outcome {
    findings::check(paths)
}
