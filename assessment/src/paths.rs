//! Attack paths: what all engines know, chained.
//!
//! The engine behind this reads the facts of the others and asks two of them: who may do what,
//! and who gets to whom. Here they are joined.

use crate::Config;
use seawall_access::Access;
use seawall_model::{Fact, KubernetesVersion};
use seawall_network::{Answers, Network};
use seawall_snapshot::Snapshot;

pub use seawall_paths::{Class, Ease, Entry, Goal, Line, Path, ToldStep, Trampolines, techniques};

/// Every way in that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    /// The easiest way from each entry to each goal; those that go alike together.
    pub paths: Vec<Path>,
    /// Every attack step that is possible, whether anybody gets that far or not.
    pub steps: Vec<ToldStep>,
    /// How much root on one node is worth.
    pub trampolines: Trampolines,
}

/// Finds the ways in.
pub(crate) fn ways(
    snapshot: &Snapshot,
    network: &Network<'_, '_>,
    facts: &[Fact],
    version: KubernetesVersion,
    config: &Config,
) -> Ways {
    let access = Access::of(snapshot, version);
    let network = Answers::new(network);
    let facts = seawall_paths::Facts {
        facts,
        permissions: &access,
        network: &network,
    };
    let config = seawall_paths::Config {
        kubernetes_version: version,
        jewels: config.jewels.clone(),
    };
    let paths = seawall_paths::Paths::new(snapshot, facts, &config);
    Ways {
        paths: paths.all(),
        steps: paths.steps(),
        trampolines: paths.trampolines(),
    }
}
