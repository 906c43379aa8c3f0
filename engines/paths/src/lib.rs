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
mod graph;
mod groups;
mod machines;
mod picture;
mod search;
mod spot;
mod techniques;
mod trampolines;
mod words;

pub use answers::{Class, Entry, Goal, Line, Path, Paths, ToldStep};
pub use graph::{Ease, Place};
pub use techniques::catalogue as techniques;
pub use trampolines::Trampolines;

use seawall_model::access::Permissions;
use seawall_model::reachability::Reachability;
use seawall_model::{Fact, KubernetesVersion};

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
