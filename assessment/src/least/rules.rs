//! Rules: what is let pass, in its smallest parts, and where everything else is closed.
//!
//! One part is one port of one peer of one subject, with one pattern of requests where these
//! are looked at, so that each can be tried by itself. In the text those that say the same are
//! together.

use super::ends::{Place, Pods};
use super::requests::Request;
use seawall_network::Protocol;
use std::collections::BTreeSet;

/// The direction of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    In,
    Out,
}

/// The smallest part of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Atom {
    pub(super) subject: Pods,
    pub(super) way: Way,
    pub(super) peer: Place,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    /// Only such requests; `None` is whatever is sent.
    pub(super) request: Option<Request>,
}

/// Where everything that no rule lets pass is closed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deny {
    pub(super) subject: Pods,
    pub(super) way: Way,
    /// At one port; `None` is at all.
    pub(super) port: Option<u16>,
}

/// Rules, with what closes the rest.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    atoms: BTreeSet<Atom>,
    denies: BTreeSet<Deny>,
}

/// A flow in words, for the policies that let it pass.
#[derive(Debug)]
pub(super) struct Heading {
    pub(super) way: Way,
    pub(super) subject: Pods,
    pub(super) peer: Place,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) text: String,
}

impl Heading {
    /// Whether an atom is for the flow.
    pub(super) fn is_for(&self, atom: &Atom) -> bool {
        (atom.way, &atom.subject, &atom.peer) == (self.way, &self.subject, &self.peer)
            && (atom.protocol, atom.port) == (self.protocol, self.port)
    }
}

impl Rules {
    pub(super) fn add(&mut self, atom: Atom) {
        self.atoms.insert(atom);
    }

    pub(super) fn deny(&mut self, deny: Deny) {
        self.denies.insert(deny);
    }

    pub(super) fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.atoms.iter()
    }

    pub(super) fn denies(&self) -> impl Iterator<Item = &Deny> {
        self.denies.iter()
    }

    /// Without some of its atoms and denies.
    pub(super) fn without(&self, atoms: &BTreeSet<Atom>, denies: &BTreeSet<Deny>) -> Self {
        Self {
            atoms: self.atoms.difference(atoms).cloned().collect(),
            denies: self.denies.difference(denies).cloned().collect(),
        }
    }
}
