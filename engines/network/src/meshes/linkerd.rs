//! Linkerd: Servers and their authorizations at the destination's proxy.

use super::{Identities, apart};
use crate::layer::{Layer, Model, Told, by_port};
use crate::linkerd::{Linkerd, Place, PortRef, SKIP_INBOUND};
use crate::places::Peer;
use crate::reach::Protocol;
use crate::rows::Reach;
use crate::why::{Cite, Verdict};
use crate::world::{EndpointId, World};

/// The port of the proxy, where everything of the mesh arrives (from 2.18 on).
const TUNNEL: u16 = 4143;

/// Linkerd behind the policies.
#[derive(Debug)]
pub(crate) struct LinkerdLayer<'w, 's> {
    world: &'w World<'s>,
    linkerd: Linkerd<'s>,
    identities: Identities<String>,
    /// Ports that Servers select.
    named: Vec<u16>,
}

impl<'w, 's> LinkerdLayer<'w, 's> {
    /// Linkerd as it is in force in a world, if it is there.
    pub(crate) fn new(world: &'w World<'s>) -> Option<Self> {
        let linkerd = Linkerd::new(world)?;
        let identities = Identities::new(world, |id| {
            let is_meshed = matches!(linkerd.place(id), Place::Meshed | Place::Ingress);
            let endpoint = world.endpoint_at(id).filter(|_| is_meshed)?;
            let space = world.namespace_at(endpoint.namespace)?.name;
            let account = endpoint.template.service_account();
            Some(format!(
                "{account}.{space}.serviceaccount.identity.linkerd.cluster.local"
            ))
        });
        let servers = linkerd.servers.iter();
        let mut named: Vec<u16> = servers
            .filter_map(|server| match &server.port {
                Some(PortRef::Number(number)) => Some(*number),
                _ => None,
            })
            .collect();
        named.sort_unstable();
        named.dedup();
        Some(Self {
            world,
            linkerd,
            identities,
            named,
        })
    }

    /// Ranges of ports that the proxy does not see.
    fn skipped(&self, id: EndpointId) -> Vec<(u16, u16)> {
        let endpoint = self.world.endpoint_at(id);
        let text = endpoint.and_then(|endpoint| {
            let space = self.world.namespace_at(endpoint.namespace);
            let inherited = || space?.object?.annotation(SKIP_INBOUND);
            endpoint.annotation(SKIP_INBOUND).or_else(inherited)
        });
        let ranges = text.into_iter().flat_map(|field| field.value.split(','));
        ranges
            .filter_map(|range| {
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
            })
            .collect()
    }

    fn admits(&self, id: EndpointId, port: u16, identity: Option<&str>) -> bool {
        let is_skipped = |(from, to): &(u16, u16)| (*from..=*to).contains(&port);
        if self.skipped(id).iter().any(is_skipped) {
            return true;
        }
        let Some(endpoint) = self.world.endpoint_at(id) else {
            return true;
        };
        // What depends on a default that nobody saw is taken as open.
        let access = self.linkerd.access(self.world, endpoint, port);
        access.admits(identity).unwrap_or(true)
    }
}

impl<'s> Layer<'s> for LinkerdLayer<'_, 's> {
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model) -> Reach {
        let Peer::Endpoint(id) = to else {
            return open.clone();
        };
        if !self.holds(to) {
            return open.clone();
        }
        let caller = self.identities.of(from).map(String::as_str);
        let tunnel = caller.is_some() && open.any().has(Protocol::Tcp, TUNNEL);
        let skipped = self.skipped(id).into_iter();
        let named = self.named.iter().copied();
        let named = named.chain(skipped.flat_map(|(from, to)| [from, to]));
        let apart = apart(self.world, id, named);
        by_port(open, tunnel, &apart, |port, in_tunnel| {
            let as_itself = caller.is_some() && self.admits(id, port, caller);
            // A client in the mesh shows who it is.
            let may_be_nobody = !in_tunnel && (model == Model::Adversarial || caller.is_none());
            let passes = as_itself || (may_be_nobody && self.admits(id, port, None));
            if passes {
                Verdict::Open
            } else {
                Verdict::Closed
            }
        })
    }

    fn holds(&self, to: Peer) -> bool {
        match to {
            Peer::Endpoint(id) => {
                matches!(self.linkerd.place(id), Place::Meshed | Place::Ingress)
            }
            _ => false,
        }
    }

    fn class(&self, from: Peer, _to: Peer) -> Vec<usize> {
        vec![self.identities.number(from)]
    }

    fn told(&self, from: Peer, to: Peer, protocol: Protocol, port: u16) -> Option<Told<'s>> {
        let Peer::Endpoint(id) = to else { return None };
        if protocol != Protocol::Tcp || !self.holds(to) {
            return None;
        }
        let endpoint = self.world.endpoint_at(id)?;
        let access = self.linkerd.access(self.world, endpoint, port);
        let cite = |object: &'s seawall_snapshot::Object| Cite {
            object,
            pointer: "/spec".to_owned(),
            span: object.name_span,
            condition: None,
            is_assumed: false,
        };
        let mut cites: Vec<Cite<'s>> = access
            .server
            .map(|server| cite(server.object))
            .into_iter()
            .collect();
        cites.extend(access.authorizations.iter().map(|one| cite(one.object)));
        let as_nobody = self.admits(id, port, None);
        let passes =
            as_nobody || self.admits(id, port, self.identities.of(from).map(String::as_str));
        let lets = match (passes, as_nobody) {
            (true, true) => "lets this pass, also without an identity",
            (true, false) => "lets this pass under the source's identity",
            (false, _) => "refuses this",
        };
        Some(Told {
            said: format!("Linkerd at port {port} {lets}"),
            verdict: if passes {
                Verdict::Open
            } else {
                Verdict::Closed
            },
            cites,
        })
    }
}
