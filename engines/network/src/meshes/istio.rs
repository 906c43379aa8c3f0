//! Istio: mutual TLS and authorization at the destination's proxy.

use super::{Identities, apart};
use crate::istio::Istio;
use crate::istio::authorization::{Apart, Ground, Identity, Point, Verdict as Authorized};
use crate::istio::door::Door;
use crate::istio::membership::Place;
use crate::layer::{Alternative, Call, Layer, Model, Proven, Told, Tunnel, by_port};
use crate::places::Peer;
use crate::reach::{Ports, Protocol};
use crate::request::Condition;
use crate::rows::Reach;
use crate::why::{Cite, Verdict};
use crate::world::{EndpointId, World};
use seawall_yaml::Node;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The port that ambient tunnels arrive on (HBONE).
pub(crate) const TUNNEL: u16 = 15008;
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

    /// Who the source proves to be, if it does.
    fn caller(&self, from: Peer, model: Model<'_>) -> Option<Cow<'_, Identity>> {
        match model {
            Model::As(word) => Identity::read(word, &self.istio.mesh).map(Cow::Owned),
            Model::Nobody => None,
            _ => self.identities.of(from).map(Cow::Borrowed),
        }
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
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model<'_>) -> Reach {
        let Peer::Endpoint(id) = to else {
            return open.clone();
        };
        if !self.holds(to) {
            return open.clone();
        }
        let caller = self.caller(from, model);
        let caller = caller.as_deref();
        let is_ambient = |peer| self.place(peer) == Some(Place::Ambient);
        let tunnel = is_ambient(from) && is_ambient(to) && open.any().has(Protocol::Tcp, TUNNEL);
        let named = self.apart(id).into_iter().flat_map(|apart| &apart.ports);
        let named = self.named.iter().chain(named).copied();
        // What goes from a pod of ambient to another takes the tunnel, unless its sender is
        // compromised.
        let only_tunnel =
            model == Model::Configured && is_ambient(from) && is_ambient(to) && from != to;
        let membership = self.istio.membership(id);
        by_port(
            open,
            tunnel,
            &apart(self.world, id, named),
            &Ports::none(),
            |port, in_tunnel| {
                let is_seen = || membership.is_some_and(|one| one.enforces(port));
                if only_tunnel && !in_tunnel && is_seen() {
                    return Verdict::Closed;
                }
                let Some(door) = self.istio.door(self.world, id, port, caller) else {
                    return Verdict::Open;
                };
                let ways = ways(&door, model, in_tunnel);
                let verdicts = ways.map(|(_, way)| way.condition.verdict());
                verdicts.max().unwrap_or(Verdict::Closed)
            },
        )
    }

    fn tunnel(&self) -> Tunnel {
        Tunnel::At(TUNNEL)
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
            Peer::Endpoint(id) => self.apart(id),
            _ => None,
        };
        match (apart, self.identities.of(from)) {
            (Some(apart), Some(identity)) => {
                class.push(1);
                // ztunnel reads policies in its own way.
                let is_ztunnel = self.place(to) == Some(Place::Ambient);
                let answers = self.istio.policies.answers(apart, identity, is_ztunnel);
                class.extend(answers.map(usize::from));
            }
            (Some(_), None) => class.push(0),
            (None, _) => class.push(self.identities.number(from)),
        }
        class
    }

    fn told(&self, call: &Call<'_>) -> Option<Told<'s>> {
        let Peer::Endpoint(id) = call.to else {
            return None;
        };
        if call.protocol != Protocol::Tcp || !self.holds(call.to) {
            return None;
        }
        let port = call.port;
        let caller = self.caller(call.from, call.model);
        let door = self.istio.door(self.world, id, port, caller.as_deref())?;
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
                ways: Vec::new(),
            });
        }
        let conditions = ways(&door, call.model, false).map(|(_, way)| way.condition.clone());
        let condition = Condition::any(conditions);
        let verdict = condition.verdict();
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
        cites.extend(grounds(&door, call.model).map(|ground| Cite {
            object: ground.object,
            pointer: match ground.rule {
                Some(rule) => format!("/spec/rules/{rule}"),
                None => "/spec".to_owned(),
            },
            span: ground.span,
            condition: (verdict == Verdict::Some).then(|| condition.clone()),
            is_assumed: false,
        }));
        let alternatives: Vec<Alternative> = ways(&door, call.model, false)
            .map(|(is_proven, way)| Alternative {
                identity: caller.as_deref().filter(|_| is_proven).map(proven),
                condition: way.condition.clone(),
            })
            .collect();
        let lets = match verdict {
            Verdict::Open => "its policies let this pass",
            Verdict::Some => "its policies let some requests pass",
            // Where mutual TLS is off nobody is asked who they are.
            Verdict::Closed if alternatives.is_empty() => "nobody can prove who they are there",
            Verdict::Closed => "this is refused",
        };
        let mut open = alternatives
            .iter()
            .filter(|way| way.condition != Condition::Never);
        let who = match (verdict, call.model) {
            (Verdict::Closed, _) => String::new(),
            (_, Model::As(identity)) => format!(" for {identity}"),
            _ if open.any(|way| way.identity.is_none()) => {
                " even in plaintext, without an identity".to_owned()
            }
            _ => " under the source's identity".to_owned(),
        };
        Some(Told {
            said: format!(
                "Istio at port {port}: mutual TLS is {}; {lets}{who}",
                mode.name()
            ),
            verdict,
            cites,
            ways: alternatives,
        })
    }
}

/// The ways that a source has, and whether it proves who it is on them.
fn ways<'d, 's>(
    door: &'d Door<'s>,
    model: Model<'_>,
    in_tunnel: bool,
) -> impl Iterator<Item = (bool, &'d Authorized<'s>)> {
    let as_itself = door.as_itself.as_ref();
    let may_be_nobody = match model {
        _ if in_tunnel => false,
        Model::Adversarial | Model::Nobody => true,
        // A client in the mesh speaks mutual TLS where it is understood.
        Model::Configured => as_itself.is_none(),
        // Where no proxy decides nobody is asked who they are.
        Model::As(_) => !door.is_held,
    };
    let as_nobody = door.as_nobody.as_ref().filter(|_| may_be_nobody);
    let proven = as_itself.into_iter().map(|way| (true, way));
    proven.chain(as_nobody.map(|way| (false, way)))
}

fn proven(identity: &Identity) -> Proven {
    Proven {
        name: identity.principal(),
        namespace: identity.namespace.clone(),
        service_account: identity.service_account.clone(),
    }
}

/// What decides about the way that lets most pass.
fn grounds<'d, 's>(
    door: &'d Door<'s>,
    model: Model<'_>,
) -> impl Iterator<Item = &'d Ground<'s>> + use<'d, 's> {
    let mut ways: Vec<&Authorized<'s>> = ways(door, model, false).map(|(_, way)| way).collect();
    ways.sort_by_key(|way| std::cmp::Reverse(way.condition.verdict()));
    ways.into_iter().take(1).flat_map(|way| &way.because)
}
