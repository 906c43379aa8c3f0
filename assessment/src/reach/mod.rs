//! Who reaches whom, as answers to a user's questions.
//!
//! The engine answers about one pair; a user asks about a cluster. So answers here are plain
//! values, made of names, ports and places in sources, which a report can print without
//! knowing the engine: [`flows`] for a picture of many, [`proofs`] for why one connection is
//! open or closed, [`blast`] for what a compromised workload reaches.
//!
//! The source is taken as compromised, unless a question says otherwise: it leaves its own
//! proxy aside. Ports are those that a workload declares; of one that declares none all ports
//! count.

mod assertion;
mod change;
mod flows;
mod proof;
mod select;

pub(crate) use assertion::check_in;
pub use assertion::{Assertion, Checked, check, read_port};
pub(crate) use change::change_to;
pub use change::{Change, Difference, change};
pub(crate) use flows::flows_in;
pub use flows::{Flow, Flows, Place, Way, WayLink, flows};
pub use proof::{Citation, Proof, Step, proofs};
pub use seawall_network::{Field, Protocol, Request, Verdict};
pub use select::Unknown;

use seawall_network::{Config, Model, Network, Peer, World};
use seawall_snapshot::Snapshot;

/// What a user asks.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// From whom: `internet`, `node`, an address, a workload, a namespace (`shop/`) or labels
    /// of pods (`app=web`); everybody without.
    pub from: Option<String>,
    /// To whom, likewise.
    pub to: Option<String>,
    /// On which port; all that are declared without.
    pub port: Option<(Protocol, u16)>,
    /// How the source behaves.
    pub source: Source,
    /// What is known of the requests.
    pub request: Request,
}

/// How the source of a connection behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// It is compromised: it leaves its own proxy aside.
    #[default]
    Compromised,
    /// As its configuration says.
    Configured,
    /// It proves this identity of a mesh.
    Proving(String),
}

impl Question {
    fn model(&self) -> Model<'_> {
        match &self.source {
            Source::Compromised => Model::Adversarial,
            Source::Configured => Model::Configured,
            Source::Proving(identity) => Model::As(identity),
        }
    }
}

/// One workload that a compromised one reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Its name.
    pub name: String,
    /// How many steps it takes.
    pub hops: u32,
    /// From whom the last step goes.
    pub from: String,
    /// The ports of the last step.
    pub ports: String,
    /// Whether only some requests pass on it.
    pub is_conditional: bool,
    /// Whether it is reached only because its pods are on the node that the step comes from.
    pub is_own_node: bool,
}

/// What somebody who is compromised reaches, nearest first, and how many workloads there are.
pub fn blast(snapshot: &Snapshot, from: &str) -> Result<Vec<(String, Vec<Reached>)>, Unknown> {
    let world = World::new(snapshot);
    let network = Network::new(&world, &Config::default());
    let peers = select::peers(&network, from)?;
    let of = |peer: Peer| {
        let hops = network.blast(peer).into_iter();
        let reached = hops.map(|hop| Reached {
            name: network.name(Peer::Endpoint(hop.to)),
            hops: hop.hops,
            from: network.name(hop.from),
            ports: hop.reach.any().to_string(),
            is_conditional: hop.reach.all.is_empty(),
            is_own_node: hop.is_own_node,
        });
        (network.name(peer), reached.collect())
    };
    Ok(peers.into_iter().map(of).collect())
}
