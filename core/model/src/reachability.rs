//! Who gets to whom over the network: the question that attack paths ask and the network engine
//! answers. It is a question and not a list of facts: pairs grow with the square, and few of
//! them are ever asked about.
//!
//! Sources are taken as compromised: what only they would enforce does not count.

use crate::{ResourceRef, Span};
use core::net::IpAddr;
use std::fmt::Debug;

/// A workload from whose pods something gets to a port of another's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// From where.
    pub from: ResourceRef,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: &'static str,
    /// The port, one that the other declares. Of one that declares none this is 0: some port.
    pub port: u16,
    /// Whether only some requests get through.
    pub is_conditional: bool,
}

/// What decides that a connection passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deciding {
    /// In plain words.
    pub said: String,
    /// The object that says so, and where; nothing where nothing stands in the way.
    pub at: Option<(ResourceRef, Span)>,
}

/// Answers questions about the network.
pub trait Reachability: Debug + Sync {
    /// Who gets to a workload's ports; sorted.
    fn callers(&self, to: &ResourceRef) -> Vec<Caller>;

    /// Whether pods of a workload get to a TCP port of an address outside the cluster.
    fn gets_to(&self, from: &ResourceRef, address: IpAddr, port: u16) -> bool;

    /// Why a connection passes.
    fn why(&self, caller: &Caller, to: &ResourceRef) -> Vec<Deciding>;
}
