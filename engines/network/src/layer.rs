//! Where meshes join: layers that decide behind the network policies.

use crate::places::Peer;
use crate::reach::{Ports, Protocol};
use crate::request::{Condition, Pattern};
use crate::rows::Reach;
use crate::why::{Cite, Verdict};
use seawall_model::Str;
use std::fmt;

/// How the source of a connection behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Model<'a> {
    /// As its configuration says.
    Configured,
    /// It is compromised: it leaves its own proxy aside, speaks plaintext or under its own
    /// identity, and addresses pods directly.
    Adversarial,
    /// It proves no identity, whoever it is: what passes in plaintext.
    Nobody,
    /// It proves this identity, whosever it is: what passes under it and not without.
    As(&'a str),
}

/// A connection, and how its source behaves.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// From whom.
    pub from: Peer,
    /// To whom.
    pub to: Peer,
    /// How.
    pub protocol: Protocol,
    /// To which port.
    pub port: u16,
    /// How the source behaves.
    pub model: Model<'a>,
}

impl Call<'_> {
    /// A connection from a source that is compromised.
    pub fn new(from: Peer, to: Peer, protocol: Protocol, port: u16) -> Self {
        Self {
            from,
            to,
            protocol,
            port,
            model: Model::Adversarial,
        }
    }
}

/// An identity that a mesh proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// As the mesh's policies write it.
    pub name: String,
    /// The namespace of the service account that it is.
    pub namespace: Str,
    /// That service account.
    pub service_account: Str,
}

impl Proven {
    /// Whether a user's word means it: as policies write it, with a star at one of its ends, or
    /// `namespace/serviceaccount`.
    pub fn is(&self, word: &str) -> bool {
        let word = word.strip_prefix("spiffe://").unwrap_or(word);
        if let Some((namespace, account)) = word.split_once('/')
            && !account.contains('/')
            && !word.contains('*')
        {
            return (namespace, account) == (&*self.namespace, &*self.service_account);
        }
        Pattern::read(word).holds(&self.name)
    }
}

/// One way that a connection can be made.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// Who the source proves to be; `None` is nobody, as in plaintext.
    pub identity: Option<Proven>,
    /// What must hold of requests.
    pub condition: Condition,
}

/// A layer that decides behind the network policies.
///
/// It is given what these let pass, and answers what of it arrives, by the port that the
/// application listens on. A mesh that tunnels looks whether its tunnel's port is among the
/// open ones: then every port that it lets this identity have arrives, whatever else is open.
/// Plaintext is the other alternative; both together are the answer.
pub trait Layer<'s>: fmt::Debug + Sync {
    /// What arrives of `open`.
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model<'_>) -> Reach;

    /// The port through which something may arrive at any other, besides that other itself. Who
    /// asks about one port has to say no more than these two.
    fn tunnel(&self) -> Tunnel;

    /// Whether it may stop something that goes to a peer.
    fn holds(&self, to: Peer) -> bool;

    /// Sources with the same numbers are the same to it, as callers of one peer.
    fn class(&self, from: Peer, to: Peer) -> Vec<usize>;

    /// What it says about one port, where it holds the peer.
    fn told(&self, call: &Call<'_>) -> Option<Told<'s>>;
}

/// What may arrive at a port that was sent to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// Nothing.
    None,
    /// What was sent to this one.
    At(u16),
    /// What was sent to some others.
    Anywhere,
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
    /// The ways that the source has; none where the layer does not stand in the way.
    pub ways: Vec<Alternative>,
}

/// What passes of some ports, given what is open before, by asking about the ports that may be
/// told apart and about one of all others. Ports that pass by the layer are as they were.
pub(crate) fn by_port(
    open: &Reach,
    tunnel: bool,
    apart: &[u16],
    past: &Ports,
    mut ask: impl FnMut(u16, bool) -> Verdict,
) -> Reach {
    let every = Ports::every(Protocol::Tcp).without(past);
    let mut passed = Reach {
        all: open.all.without(&every),
        some: open.some.without(&every),
    };
    let one = |port: u16| Ports::one(Protocol::Tcp, port);
    let is_asked = |port: &u16| every.has(Protocol::Tcp, *port);
    let named: Vec<u16> = apart.iter().copied().filter(is_asked).collect();
    let each: Vec<Ports> = named.iter().map(|port| one(*port)).collect();
    let rest = every.without(&Ports::union(&each));
    // Any port that is not told apart stands for the others.
    let other = rest.ranges().next().map(|(_, first, _)| first);
    let groups = named.iter().copied().zip(each);
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
