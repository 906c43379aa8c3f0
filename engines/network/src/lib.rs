//! Who can talk to whom, how, and is it authenticated?
//!
//! Lateral movement is possible exactly where everything that Kubernetes and the meshes say
//! *together* allows it. So this engine first makes the cluster as the network sees it
//! ([`World`]), computes from it what every layer decides, and only then judges
//! ([`check`]): a weak setting that nobody can reach is not worth an alarm, and a policy
//! that exists but does nothing is.
//!
//! Two models are always kept apart. *Configured*: clients behave as their configuration
//! says. *Adversarial*: the source is compromised; it ignores its own proxy, speaks plaintext
//! or under its own identity, and addresses pods directly; only what the destination and the
//! CNI enforce still counts.

mod after;
mod answers;
mod blast;
mod checks;
pub mod consul;
mod facts;
pub mod fixes;
mod included;
pub mod istio;
pub mod kuma;
mod layer;
pub mod linkerd;
mod matrix;
mod meshes;
mod names;
mod network;
mod places;
mod policy;
mod reach;
pub mod request;
mod rows;
mod rules;
mod selection;
mod sink;
mod ways;
mod why;
mod world;

pub use answers::Answers;
pub use blast::Hop;
pub use layer::{Alternative, Call, Layer, Model, Proven, Told, Tunnel};
pub use matrix::Matrix;
pub use network::Network;
pub use places::{Peer, RegionId};
pub use policy::{Direction, Tier};
pub use reach::{Bits, Cidr, NOT_PUBLIC, Ports, Protocol};
pub use request::{Condition, Field, Request};
pub use rows::Reach;
pub use ways::{Entry, Exposure, Link};
pub use why::{Cite, Reason, Step, Verdict, Why};
pub use world::{Endpoint, EndpointId, Namespace, NamespaceId, World, are_same, looks_at};

use seawall_model::{KubernetesVersion, Outcome, Rule};
use seawall_snapshot::Snapshot;

/// What the verdicts depend on besides the snapshot.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster's version.
    pub kubernetes_version: KubernetesVersion,
    /// Where pods have their addresses from. Empty means that nobody said: then the picture
    /// is asked, and after it the ranges that are usual count.
    pub pod_ranges: Vec<Cidr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kubernetes_version: KubernetesVersion::NEWEST,
            pod_ranges: Vec::new(),
        }
    }
}

/// The catalogue, in order of ids.
pub fn rules() -> &'static [Rule] {
    rules::catalogue()
}

/// Judges everything in the snapshot that the catalogue speaks about.
pub fn check(snapshot: &Snapshot, config: &Config) -> Outcome {
    let world = World::new(snapshot);
    judge(&Network::new(&world, config))
}

/// The same of a network that is known.
pub fn judge(network: &Network<'_, '_>) -> Outcome {
    let mut sink = sink::Sink::new();
    checks::check(network, &mut sink);
    let mut outcome = sink.finish();
    included::take_in(&mut outcome.findings);
    outcome.facts = facts::facts(network);
    outcome
}
