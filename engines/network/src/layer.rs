//! Where meshes join: layers that decide behind the network policies.

use crate::places::Peer;
use crate::reach::{Ports, Protocol};
use crate::rows::Reach;
use crate::why::{Cite, Verdict};
use std::fmt;

/// How the source of a connection behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Model {
    /// As its configuration says.
    Configured,
    /// It is compromised: it leaves its own proxy aside, speaks plaintext or under its own
    /// identity, and addresses pods directly.
    Adversarial,
}

/// A layer that decides behind the network policies.
///
/// It is given what these let pass, and answers what of it arrives, by the port that the
/// application listens on. A mesh that tunnels looks whether its tunnel's port is among the
/// open ones: then every port that it lets this identity have arrives, whatever else is open.
/// Plaintext is the other alternative; both together are the answer.
pub trait Layer<'s>: fmt::Debug + Sync {
    /// What arrives of `open`.
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model) -> Reach;

    /// Whether it may stop something that goes to a peer.
    fn holds(&self, to: Peer) -> bool;

    /// Sources with the same numbers are the same to it, as callers of one peer.
    fn class(&self, from: Peer, to: Peer) -> Vec<usize>;

    /// What it says about one port, where it holds the peer.
    fn told(&self, from: Peer, to: Peer, protocol: Protocol, port: u16) -> Option<Told<'s>>;
}

/// What a layer says about one connection.
#[derive(Debug, Clone)]
pub struct Told<'s> {
    /// In words.
    pub said: String,
    /// What passes.
    pub verdict: Verdict,
    /// What it rests on.
    pub cites: Vec<Cite<'s>>,
}

/// What passes of some ports, given what is open before, by asking about the ports that may be
/// told apart and about one of all others.
pub(crate) fn by_port(
    open: &Reach,
    tunnel: bool,
    apart: &[u16],
    mut ask: impl FnMut(u16, bool) -> Verdict,
) -> Reach {
    let every = Ports::every(Protocol::Tcp);
    let mut passed = Reach {
        all: open.all.without(&every),
        some: open.some.without(&every),
    };
    let one = |port: u16| Ports::one(Protocol::Tcp, port);
    let named: Vec<Ports> = apart.iter().map(|port| one(*port)).collect();
    let rest = every.without(&Ports::union(&named));
    // Any port that is not told apart stands for the others.
    let other = (1..=u16::MAX).find(|port| !apart.contains(port));
    let groups = apart.iter().map(|port| (*port, one(*port)));
    for (port, ports) in groups.chain(other.map(|port| (port, rest))) {
        // Directly, as far as the policies let it, and through the tunnel.
        let direct = [
            (open.all.and(&ports), Verdict::Open),
            (open.some.and(&ports), Verdict::Some),
        ];
        for (ports, most) in direct {
            if !ports.is_empty() {
                add(&mut passed, &ports, ask(port, false).min(most));
            }
        }
        if tunnel {
            add(&mut passed, &ports, ask(port, true));
        }
    }
    passed.some = passed.some.without(&passed.all);
    passed
}

fn add(passed: &mut Reach, ports: &Ports, verdict: Verdict) {
    match verdict {
        Verdict::Open => passed.all = passed.all.or(ports),
        Verdict::Some => passed.some = passed.some.or(ports),
        Verdict::Closed => {}
    }
}
