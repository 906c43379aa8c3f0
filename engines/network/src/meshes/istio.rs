//! Istio: mutual TLS and authorization at the destination's proxy.

use super::{Identities, apart};
use crate::istio::Istio;
use crate::istio::authorization::{Apart, Condition, Ground, Identity, Point, Possible};
use crate::istio::door::Door;
use crate::istio::membership::Place;
use crate::layer::{Layer, Model, Told, by_port};
use crate::places::Peer;
use crate::reach::Protocol;
use crate::rows::Reach;
use crate::why::{Cite, Verdict};
use crate::world::{EndpointId, World};
use seawall_yaml::Node;
use std::sync::OnceLock;

/// The port that ambient tunnels arrive on (HBONE).
const TUNNEL: u16 = 15008;
/// The proxy's own ports, which it does not redirect.
const OWN: [u16; 3] = [15020, 15021, 15090];

/// Istio behind the policies.
#[derive(Debug)]
pub(crate) struct IstioLayer<'w, 's> {
    world: &'w World<'s>,
    istio: Istio<'s>,
    identities: Identities<Identity>,
    /// Ports that are told apart everywhere.
    named: Vec<u16>,
    /// What AuthorizationPolicies tell apart, by endpoint; found when it is asked for.
    apart: Vec<OnceLock<Apart>>,
}

impl<'w, 's> IstioLayer<'w, 's> {
    /// Istio as it is in force in a world, if it is there.
    pub(crate) fn new(world: &'w World<'s>) -> Option<Self> {
        let istio = Istio::new(world)?;
        let identities = Identities::new(world, |id| istio.identity_of(world, id));
        let mut named: Vec<u16> = OWN.to_vec();
        for object in world.of_kind(crate::istio::SECURITY, "PeerAuthentication") {
            let levels = object
                .body()
                .and_then(|body| body.at(&["spec", "portLevelMtls"]));
            let levels = levels.and_then(Node::as_map).into_iter().flatten();
            named.extend(levels.filter_map(|level| level.key.parse::<u16>().ok()));
        }
        for one in &istio.memberships {
            named.extend(one.inbound.only.iter().flatten().chain(&one.inbound.except));
        }
        named.sort_unstable();
        named.dedup();
        Some(Self {
            world,
            istio,
            identities,
            named,
            apart: world.endpoints.iter().map(|_| OnceLock::new()).collect(),
        })
    }

    /// What AuthorizationPolicies tell apart at an endpoint.
    fn apart(&self, id: EndpointId) -> Option<&Apart> {
        let endpoint = self.world.endpoint_at(id)?;
        let point = Point::Pods {
            namespace: self.world.namespace_at(endpoint.namespace)?.name,
            labels: &endpoint.template.labels,
            place: self.istio.membership(id)?.place,
        };
        let slot = self.apart.get(id.0 as usize)?;
        Some(slot.get_or_init(|| self.istio.policies.apart(point)))
    }

    fn place(&self, peer: Peer) -> Option<Place> {
        match peer {
            Peer::Endpoint(id) => self.istio.membership(id).map(|one| one.place),
            _ => None,
        }
    }
}

impl<'s> Layer<'s> for IstioLayer<'_, 's> {
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model) -> Reach {
        let Peer::Endpoint(id) = to else {
            return open.clone();
        };
        if !self.holds(to) {
            return open.clone();
        }
        let caller = self.identities.of(from);
        let is_ambient = |peer| self.place(peer) == Some(Place::Ambient);
        let tunnel = is_ambient(from) && is_ambient(to) && open.any().has(Protocol::Tcp, TUNNEL);
        let named = self.apart(id).into_iter().flat_map(|apart| &apart.ports);
        let named = self.named.iter().chain(named).copied();
        by_port(
            open,
            tunnel,
            &apart(self.world, id, named),
            |port, in_tunnel| {
                let Some(door) = self.istio.door(self.world, id, port, caller) else {
                    return Verdict::Open;
                };
                let as_itself = door.as_itself.as_ref().map(|v| &v.condition);
                let as_nobody = door.as_nobody.as_ref().map(|v| &v.condition);
                let ways = match model {
                    _ if in_tunnel => [as_itself, None],
                    // A client in the mesh speaks mutual TLS where it is understood.
                    Model::Configured if as_itself.is_some() => [as_itself, None],
                    _ => [as_itself, as_nobody],
                };
                ways.into_iter()
                    .flatten()
                    .map(verdict)
                    .max()
                    .unwrap_or(Verdict::Closed)
            },
        )
    }

    fn holds(&self, to: Peer) -> bool {
        let place = self.place(to);
        matches!(
            place,
            Some(Place::Sidecar | Place::Ambient | Place::Gateway)
        )
    }

    fn class(&self, from: Peer, to: Peer) -> Vec<usize> {
        // Whether the source is in ambient decides, too: only such pods have a tunnel.
        let mut class = vec![usize::from(self.place(from) == Some(Place::Ambient))];
        let apart = match to {
            // A sidecar asks what its policies do; ztunnel reads them in its own way.
            Peer::Endpoint(id) if self.place(to) != Some(Place::Ambient) => self.apart(id),
            _ => None,
        };
        match (apart, self.identities.of(from)) {
            (Some(apart), Some(identity)) => {
                class.push(1);
                let answers = self.istio.policies.answers(apart, identity);
                class.extend(answers.map(usize::from));
            }
            (Some(_), None) => class.push(0),
            (None, _) => class.push(self.identities.number(from)),
        }
        class
    }

    fn told(&self, from: Peer, to: Peer, protocol: Protocol, port: u16) -> Option<Told<'s>> {
        let Peer::Endpoint(id) = to else { return None };
        if protocol != Protocol::Tcp || !self.holds(to) {
            return None;
        }
        let door = self
            .istio
            .door(self.world, id, port, self.identities.of(from))?;
        let verdict = verdict(&door.condition());
        let mut cites: Vec<Cite<'s>> = Vec::new();
        if !door.is_held {
            let reason = &self.istio.membership(id)?.reason;
            return Some(Told {
                said: format!(
                    "Istio's proxy does not decide about port {port}: {}",
                    reason.note
                ),
                verdict: Verdict::Open,
                cites,
            });
        }
        let (mode, decision) = door.mode.worst();
        if let Some(decision) = decision {
            cites.push(Cite {
                object: decision.object,
                pointer: "/spec".to_owned(),
                span: decision.span,
                condition: None,
                is_assumed: false,
            });
        }
        cites.extend(grounds(&door).map(|ground| Cite {
            object: ground.object,
            pointer: match ground.rule {
                Some(rule) => format!("/spec/rules/{rule}"),
                None => "/spec".to_owned(),
            },
            span: ground.span,
            condition: (verdict == Verdict::Some).then(|| door.condition().to_string().into()),
            is_assumed: false,
        }));
        let lets = match verdict {
            Verdict::Open => "its policies let this pass",
            Verdict::Some => "its policies let some requests pass",
            Verdict::Closed => "this is refused",
        };
        let who = match (&door.as_nobody, &door.as_itself) {
            (Some(nobody), _) if !nobody.is_denied() => " even in plaintext, without an identity",
            (_, Some(_)) => " under the source's identity",
            _ => "",
        };
        let who = if verdict == Verdict::Closed { "" } else { who };
        Some(Told {
            said: format!(
                "Istio at port {port}: mutual TLS is {}; {lets}{who}",
                mode.name()
            ),
            verdict,
            cites,
        })
    }
}

fn grounds<'d, 's>(door: &'d Door<'s>) -> impl Iterator<Item = &'d Ground<'s>> {
    let mut ways: Vec<&crate::istio::authorization::Verdict<'s>> =
        [&door.as_nobody, &door.as_itself]
            .into_iter()
            .flatten()
            .collect();
    // The way that lets more pass is the one to show.
    ways.sort_by_key(|way| std::cmp::Reverse(verdict(&way.condition)));
    ways.into_iter().take(1).flat_map(|way| &way.because)
}

fn verdict(condition: &Condition) -> Verdict {
    match condition {
        Condition::Always => Verdict::Open,
        Condition::Never => Verdict::Closed,
        other => match other.possible() {
            Possible::No => Verdict::Closed,
            Possible::Yes(_) | Possible::Unknown => Verdict::Some,
        },
    }
}
