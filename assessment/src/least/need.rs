//! What has to stay open, and whether it is in a picture.

use super::Uncovered;
use super::members::{self, Mesh};
use super::requests::Request;
use super::rules::{Atom, Way};
use super::tunnel::Wire;
use super::waypoints::{self, Through};
use seawall_network::{Call, Condition, Model, Network, Peer, Protocol, Verdict};
use std::collections::HashSet;

/// A connection that has to stay open.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) from: Peer,
    pub(super) to: Peer,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    /// What is asked, where that is looked at.
    pub(super) request: Option<Request>,
    /// The waypoint that it goes through.
    pub(super) through: Option<Through>,
    /// How the cluster's network sees it.
    pub(super) wire: Wire,
    /// The flow that it is for.
    pub(super) told: Uncovered,
}

impl Need {
    /// Whether it is open to a client that behaves. One that is compromised may also leave its
    /// identity at home, and a rule for nobody would do for it.
    pub(super) fn holds(&self, view: &View<'_, '_, '_>) -> bool {
        if let (Some(through), Mesh::Istio(istio)) = (&self.through, &view.mesh) {
            let (world, pair) = (view.network.world(), (self.from, self.to));
            let request = self.request.as_ref();
            return waypoints::passes(istio, world, pair, self.port, through, request);
        }
        let (pair, port) = ((self.from, self.to), self.port);
        let is_open = self.wire.passes(view.network, pair, self.protocol, port);
        let request = self.request.as_ref();
        is_open && request.is_none_or(|request| passes(view.network, pair, port, request))
    }

    /// Whether nothing is asked of its request but what the flow says. What asks for more is no
    /// reason to leave a rule out.
    pub(super) fn is_settled(&self, view: &View<'_, '_, '_>) -> bool {
        let request = self.request.as_ref().filter(|_| self.through.is_none());
        request.is_none_or(|request| {
            let condition = asked(view.network, (self.from, self.to), self.port);
            condition.given(&request.fields()) == Condition::Always
        })
    }

    pub(super) fn ends(&self, way: Way) -> (Peer, Peer) {
        match way {
            Way::In => (self.to, self.from),
            Way::Out => (self.from, self.to),
        }
    }
}

/// Whether something passes at a port from a client that behaves.
pub(super) fn is_open(
    network: &Network<'_, '_>,
    (from, to): (Peer, Peer),
    protocol: Protocol,
    port: u16,
) -> bool {
    let model = Model::Configured;
    network.verdict(&Call {
        model,
        ..Call::new(from, to, protocol, port)
    }) != Verdict::Closed
}

/// Whether a client that behaves gets through with a request, by TCP.
pub(super) fn passes(
    network: &Network<'_, '_>,
    (from, to): (Peer, Peer),
    port: u16,
    request: &Request,
) -> bool {
    members::allows(&asked(network, (from, to), port), request)
}

fn asked(network: &Network<'_, '_>, (from, to): (Peer, Peer), port: u16) -> Condition {
    let model = Model::Configured;
    let call = Call {
        model,
        ..Call::new(from, to, Protocol::Tcp, port)
    };
    network.why(&call).condition()
}

/// A picture with rules in it.
pub(super) struct View<'n, 'w, 's> {
    pub(super) network: &'n Network<'w, 's>,
    /// The mesh whose requests have to be looked at.
    pub(super) mesh: Mesh<'s>,
}

/// Whether a rule lets a connection pass.
pub(super) fn is_for(atom: &Atom, need: &Need, peers: &HashSet<Peer>) -> bool {
    let (_, other) = need.ends(atom.way);
    let is_asked = match (&atom.request, &need.request) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(pattern), Some(request)) => pattern.holds(request),
    };
    if let Some(through) = &need.through {
        let is_here = if atom.subject.service.is_some() {
            atom.subject == through.service && peers.contains(&other)
        } else {
            atom.peer == through.place() && atom.port == need.port
        };
        return is_here && is_asked;
    }
    let seen = (need.protocol, need.wire.port(need.port));
    seen == (atom.protocol, atom.port) && is_asked && peers.contains(&other)
}

/// What closes a connection, in words.
pub(super) fn closing(network: &Network<'_, '_>, need: &Need) -> String {
    let port = need.wire.port(need.port);
    let why = network.why(&Call::new(need.from, need.to, need.protocol, port));
    let mut layers = why.layers.iter();
    if let Some(told) = layers.find(|told| told.verdict == Verdict::Closed) {
        return told.said.clone();
    }
    let mut steps = why.steps.iter();
    let step = steps.find(|step| step.verdict == Verdict::Closed);
    step.map_or_else(String::new, |step| step.reason.words().to_owned())
}
