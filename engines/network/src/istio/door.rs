//! What Istio lets through at one port of one endpoint, for one caller: mutual TLS and
//! policies together.
//!
//! A caller has two ways in, and may choose: with its identity, or as nobody in plaintext.
//! Both are answered; reachability takes the union where the caller may be compromised, and
//! the first where clients behave.

use super::Istio;
use super::ambient::{Use, Waypoint};
use super::authorization::{Call, Identity, Point, Verdict};
use super::membership::Place;
use super::peer_authentication::{Effective, Mode};
use super::ports::{self, Protocol};
use crate::request::Condition;
use crate::world::{EndpointId, World};
use seawall_snapshot::Object;

/// The two ways in at a port.
#[derive(Debug)]
pub struct Door<'s> {
    /// Whether a proxy of the mesh decides at all. If not, everything gets through.
    pub is_held: bool,
    /// The mode of mutual TLS.
    pub mode: Effective<'s>,
    /// What the proxy takes the traffic for.
    pub protocol: Protocol,
    /// What gets through in plaintext; `None` where plaintext is refused.
    pub as_nobody: Option<Verdict<'s>>,
    /// What gets through with the caller's identity; `None` without one, or where mutual TLS
    /// is not spoken.
    pub as_itself: Option<Verdict<'s>>,
}

impl Door<'_> {
    /// What gets through one way or the other.
    pub fn condition(&self) -> Condition {
        let ways = [&self.as_nobody, &self.as_itself];
        let ways = ways.into_iter().flatten();
        Condition::any(ways.map(|verdict| verdict.condition.clone()))
    }
}

impl<'s> Istio<'s> {
    /// The identity that an endpoint's pods prove; `None` outside the mesh.
    pub fn identity_of(&self, world: &World<'s>, id: EndpointId) -> Option<Identity> {
        let place = self.membership(id)?.place;
        if !matches!(place, Place::Sidecar | Place::Ambient | Place::Gateway) {
            return None;
        }
        let endpoint = world.endpoint_at(id)?;
        Some(Identity {
            trust_domain: self.mesh.trust_domain.clone(),
            namespace: world.namespace_at(endpoint.namespace)?.name.into(),
            service_account: endpoint.template.service_account().into(),
        })
    }

    /// What gets through to a port of an endpoint that is called directly; `None` where there
    /// is no such endpoint.
    pub fn door(
        &self,
        world: &World<'s>,
        id: EndpointId,
        port: u16,
        caller: Option<&Identity>,
    ) -> Option<Door<'s>> {
        let membership = self.membership(id)?;
        let endpoint = world.endpoint_at(id)?;
        let namespace = world.namespace_at(endpoint.namespace)?.name;
        let labels = &endpoint.template.labels;
        let services = self.services.of(world, endpoint);
        let known = ports::of(endpoint, &services);
        let known = known.iter().find(|known| known.number == port);
        let protocol = known.map_or(Protocol::Either, |known| known.protocol);
        let place = membership.place;
        let mode = self
            .peer_authentications
            .for_labels(namespace, labels, place, port);
        let is_held = membership.enforces(port);
        let verdict = |identity| {
            if !is_held {
                return Verdict {
                    condition: Condition::Always,
                    because: Vec::new(),
                };
            }
            let point = Point::Pods {
                namespace,
                labels,
                place,
            };
            let call = Call {
                identity,
                port,
                protocol,
            };
            self.policies.authorize(point, &call)
        };
        let takes = |wanted: Mode| mode.modes.iter().any(|(mode, _)| *mode != wanted);
        // A gateway's own servers say what TLS they speak: callers are whoever comes.
        let is_gateway = place == Place::Gateway;
        let takes_plaintext = !is_held || is_gateway || takes(Mode::Strict);
        let takes_identities = is_held && takes(Mode::Disable);
        let as_itself = caller.filter(|_| takes_identities);
        let as_itself = as_itself.map(|one| verdict(Some(one)));
        Some(Door {
            is_held,
            protocol,
            as_nobody: takes_plaintext.then(|| verdict(None)),
            as_itself,
            mode,
        })
    }

    /// What a Service's waypoint lets through; `None` where no waypoint handles it. What goes
    /// past the waypoint is held by [`Istio::door`] alone.
    pub fn at_waypoint(
        &self,
        world: &World<'s>,
        service: &Object,
        call: &Call<'_>,
    ) -> Option<Verdict<'s>> {
        let waypoint = self.waypoint_of(world, service)?.object;
        let point = Point::Waypoint {
            namespace: waypoint.namespace(),
            name: &waypoint.reference.name,
            service: Some((service.namespace(), &service.reference.name)),
        };
        Some(self.policies.authorize(point, call))
    }

    /// The waypoint that a Service names, itself or by its namespace, if there is such a one.
    pub fn waypoint_of(&self, world: &World<'s>, service: &Object) -> Option<&Waypoint<'s>> {
        let home = service.namespace();
        let own = Use::read(|key| service.label(key), home);
        let named = match own {
            Use::Inherit => {
                let space = world.namespace_at(world.namespace(home)?)?;
                Use::read(|key| space.label(key), home)
            }
            other => other,
        };
        let Use::Of { namespace, name } = named else {
            return None;
        };
        self.ambient.find(&namespace, &name)
    }
}
