//! Linkerd: Servers, their authorizations and routes at the destination's proxy.

use super::{Identities, apart, within};
use crate::layer::{Alternative, Call, Layer, Model, Proven, Told, Tunnel, by_port};
use crate::linkerd::door::{self, Door};
use crate::linkerd::{
    Clients, Linkerd, Place, PortRef, SKIP_INBOUND, SKIP_SUBNETS, cluster_networks, fits, setting,
    skipped_subnets,
};
use crate::places::{Peer, Places};
use crate::reach::{Bits, Block, Protocol};
use crate::rows::Reach;
use crate::selection::Certainty;
use crate::why::{Cite, Verdict};
use crate::world::{EndpointId, World};
use seawall_model::Str;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The port of the proxy, where everything of the mesh arrives (from 2.18 on).
pub(super) const TUNNEL: u16 = 4143;

/// Linkerd behind the policies.
#[derive(Debug)]
pub(crate) struct LinkerdLayer<'w, 's> {
    world: &'w World<'s>,
    linkerd: Linkerd<'s>,
    identities: Identities<String>,
    /// Networks that policies name, with who is in them for certain and perhaps.
    networks: HashMap<Vec<Block>, (Bits, Bits)>,
    /// The number of each place: those with one number are in the same networks.
    classes: Vec<usize>,
    /// Identities that policies name, by endpoint, in lists of which one is enough; found when
    /// they are asked for.
    named_at: Vec<OnceLock<Vec<Vec<Str>>>>,
    /// Ports that Servers select.
    named: Vec<u16>,
}

impl<'w, 's> LinkerdLayer<'w, 's> {
    /// Linkerd as it is in force in a world, if it is there.
    pub(crate) fn new(world: &'w World<'s>, places: &Places) -> Option<Self> {
        let linkerd = Linkerd::new(world)?;
        let identities = Identities::new(world, |id| {
            let is_meshed = matches!(linkerd.place(id), Place::Meshed | Place::Ingress);
            let endpoint = world.endpoint_at(id).filter(|_| is_meshed)?;
            let space = world.namespace_at(endpoint.namespace)?.name;
            let account = endpoint.template.service_account();
            Some(name_of(space, account))
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
        let clients = linkerd.authorizations.iter();
        let clients = clients.filter_map(|one| one.clients.as_ref()?.blocks.clone());
        let mut networks = HashMap::new();
        let skipped = world.endpoints.iter();
        let skipped = skipped.map(|endpoint| skipped_subnets(world, endpoint));
        for blocks in clients.chain([cluster_networks()]).chain(skipped) {
            networks
                .entry(blocks)
                .or_insert_with_key(|blocks| members(blocks, places));
        }
        let mut layer = Self {
            world,
            linkerd,
            identities,
            networks,
            classes: Vec::new(),
            named_at: world.endpoints.iter().map(|_| OnceLock::new()).collect(),
            named,
        };
        layer.classes = layer.number(places);
        Some(layer)
    }

    /// Numbers places by the networks that they are in.
    fn number(&self, places: &Places) -> Vec<usize> {
        let mut numbers: HashMap<Vec<Certainty>, usize> = HashMap::new();
        let all = (0..places.len()).map(|place| {
            let within = self.networks.values().map(|sets| certainty(sets, place));
            let next = numbers.len();
            *numbers.entry(within.collect()).or_insert(next)
        });
        all.collect()
    }

    /// The identities that policies name at an endpoint.
    fn named_at(&self, id: EndpointId) -> &[Vec<Str>] {
        let found = || {
            let endpoint = self.world.endpoint_at(id);
            let clients = endpoint.map(|one| self.linkerd.clients_at(self.world, one));
            let clients = clients.unwrap_or_default().into_iter();
            let mut lists: Vec<Vec<Str>> = clients
                .filter_map(|clients: &Clients| clients.identities.clone())
                .collect();
            lists.sort_unstable();
            lists.dedup();
            lists
        };
        let slot = self.named_at.get(id.0 as usize);
        slot.map_or(&[], |slot| slot.get_or_init(found))
    }

    /// The number of a peer's place.
    fn place(&self, peer: Peer) -> usize {
        let endpoints = self.world.endpoints.len();
        match peer {
            Peer::Endpoint(id) => id.0 as usize,
            Peer::Node => endpoints,
            Peer::Controller => endpoints + 1,
            Peer::Region(id) => endpoints + 2 + id.0 as usize,
            Peer::Internet => usize::MAX,
        }
    }

    /// Who the source proves to be, if it does.
    fn caller(&self, from: Peer, model: Model<'_>) -> Option<Cow<'_, str>> {
        match model {
            Model::As(word) => Some(match word.split_once('/') {
                Some((namespace, account)) => Cow::Owned(name_of(namespace, account)),
                None => Cow::Owned(word.to_owned()),
            }),
            Model::Nobody => None,
            _ => self.identities.of(from).map(|name| Cow::Borrowed(&**name)),
        }
    }

    /// Ranges of ports that the proxy does not see.
    fn skipped(&self, id: EndpointId) -> Vec<(u16, u16)> {
        let endpoint = self.world.endpoint_at(id);
        let text = endpoint.and_then(|endpoint| setting(self.world, endpoint, SKIP_INBOUND));
        let ranges = text.into_iter().flat_map(|field| field.value.split(','));
        ranges
            .filter_map(|range| {
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
            })
            .collect()
    }

    /// Whether the proxy does not see what comes from a place.
    fn is_past(&self, id: EndpointId, from: Peer) -> Certainty {
        let endpoint = self.world.endpoint_at(id);
        let skipped = endpoint.map(|endpoint| skipped_subnets(self.world, endpoint));
        let skipped = skipped.filter(|blocks| !blocks.is_empty());
        let sets = skipped.and_then(|blocks| self.networks.get(&blocks));
        sets.map_or(Certainty::No, |sets| certainty(sets, self.place(from)))
    }

    /// What a port lets through for somebody from a place.
    fn door(
        &self,
        id: EndpointId,
        port: u16,
        from: Peer,
        identity: Option<&str>,
    ) -> Option<Door<'s>> {
        let endpoint = self.world.endpoint_at(id)?;
        let place = self.place(from);
        let is_in = |blocks: &[Block]| {
            let known = self.networks.get(blocks);
            known.map_or(Certainty::Perhaps, |sets| certainty(sets, place))
        };
        let call = door::Call {
            identity,
            is_in: &is_in,
        };
        Some(self.linkerd.door(self.world, endpoint, port, call))
    }

    fn lets(&self, id: EndpointId, port: u16, from: Peer, identity: Option<&str>) -> Verdict {
        let door = self.door(id, port, from, identity);
        door.map_or(Verdict::Open, |door| door.condition.verdict())
    }
}

/// Who is in one of several blocks.
fn members(blocks: &[Block], places: &Places) -> (Bits, Bits) {
    let (mut surely, mut perhaps) = (places.none(), places.none());
    for block in blocks {
        let (inside, about) = places.in_block(block);
        surely.add(&inside);
        perhaps.add(&about);
    }
    (surely, perhaps)
}

fn certainty((surely, perhaps): &(Bits, Bits), place: usize) -> Certainty {
    if surely.has(place) {
        Certainty::Yes
    } else if perhaps.has(place) {
        Certainty::Perhaps
    } else {
        Certainty::No
    }
}

impl<'s> Layer<'s> for LinkerdLayer<'_, 's> {
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model<'_>) -> Reach {
        let Peer::Endpoint(id) = to else {
            return open.clone();
        };
        if !self.holds(to) {
            return open.clone();
        }
        let caller = self.caller(from, model);
        let caller = caller.as_deref();
        let tunnel = caller.is_some() && open.any().has(Protocol::Tcp, TUNNEL);
        let apart = apart(self.world, id, self.named.iter().copied());
        let skipped = within(&self.skipped(id));
        let passed = by_port(open, tunnel, &apart, &skipped, |port, in_tunnel| {
            let as_itself = caller.map(|_| self.lets(id, port, from, caller));
            let as_nobody = !in_tunnel && may_be_nobody(model, caller);
            let as_nobody = as_nobody.then(|| self.lets(id, port, from, None));
            as_itself.max(as_nobody).unwrap_or(Verdict::Closed)
        });
        // An address is nobody's identity: who asks what only an identity opens is not answered
        // by it.
        let is_past = !matches!(model, Model::As(_)) && self.is_past(id, from) != Certainty::No;
        if is_past { passed.or(open) } else { passed }
    }

    fn tunnel(&self) -> Tunnel {
        Tunnel::At(TUNNEL)
    }

    fn holds(&self, to: Peer) -> bool {
        match to {
            Peer::Endpoint(id) => {
                matches!(self.linkerd.place(id), Place::Meshed | Place::Ingress)
            }
            _ => false,
        }
    }

    fn class(&self, from: Peer, to: Peer) -> Vec<usize> {
        let class = self.classes.get(self.place(from));
        let mut class = vec![class.copied().unwrap_or(usize::MAX)];
        let (Some(identity), Peer::Endpoint(id)) = (self.identities.of(from), to) else {
            return class;
        };
        class.push(1);
        let lists = self.named_at(id).iter();
        let is_in = |list: &Vec<Str>| list.iter().any(|pattern| fits(pattern, identity));
        class.extend(lists.map(|list| usize::from(is_in(list))));
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
        let is_skipped = |(from, to): &(u16, u16)| (*from..=*to).contains(&port);
        if self.skipped(id).iter().any(is_skipped) {
            return Some(Told {
                said: format!("Linkerd does not see port {port}: an annotation keeps it away"),
                verdict: Verdict::Open,
                cites: Vec::new(),
                ways: Vec::new(),
            });
        }
        let past = self.is_past(id, call.from);
        if past != Certainty::No && !matches!(call.model, Model::As(_)) {
            let endpoint = self.world.endpoint_at(id)?;
            let field = setting(self.world, endpoint, SKIP_SUBNETS)?;
            let is_own = endpoint.annotation(SKIP_SUBNETS).is_some();
            let space = self.world.namespace_at(endpoint.namespace);
            let space = space.and_then(|space| space.object).filter(|_| !is_own);
            let before = if is_own {
                &endpoint.template.pointer
            } else {
                ""
            };
            let key = SKIP_SUBNETS.replace('/', "~1");
            return Some(Told {
                said: format!(
                    "Linkerd does not see what comes from {}: an annotation keeps it away",
                    field.value
                ),
                verdict: Verdict::Open,
                cites: vec![Cite {
                    object: space.unwrap_or(endpoint.object),
                    pointer: format!("{before}/metadata/annotations/{key}"),
                    span: field.span,
                    condition: None,
                    is_assumed: past == Certainty::Perhaps,
                }],
                ways: Vec::new(),
            });
        }
        let caller = self.caller(call.from, call.model);
        let caller = caller.as_deref();
        let as_nobody = self.door(id, port, call.from, None)?;
        let as_itself = caller.and_then(|_| self.door(id, port, call.from, caller));
        let is_nobody = may_be_nobody(call.model, caller);
        let nobody = is_nobody.then(|| as_nobody.condition.verdict());
        let itself = as_itself.as_ref().map(|door| door.condition.verdict());
        let best = nobody.max(itself).unwrap_or(Verdict::Closed);
        let way = |identity, door: &Door<'_>| Alternative {
            identity,
            condition: door.condition.clone(),
        };
        let proven = caller.and_then(proven).zip(as_itself.as_ref());
        let proven = proven.map(|(one, door)| way(Some(one), door)).into_iter();
        let ways = proven
            .chain(is_nobody.then(|| way(None, &as_nobody)))
            .collect();
        let lets = match best {
            Verdict::Open => "lets this pass",
            Verdict::Some => "lets some requests pass",
            Verdict::Closed => "refuses this",
        };
        let who = match best {
            Verdict::Closed => "",
            _ if nobody == Some(best) => ", also without an identity",
            _ => " under the source's identity",
        };
        // What lets more pass is what to show.
        let shown = as_itself.filter(|_| itself >= nobody).unwrap_or(as_nobody);
        let note = shown.note.map_or(String::new(), |note| format!("; {note}"));
        let condition = (best == Verdict::Some).then(|| shown.condition.clone());
        let mut cites = shown.because;
        if let Some(first) = cites.first_mut() {
            first.condition = condition;
        }
        Some(Told {
            said: format!("Linkerd at port {port} {lets}{who}{note}"),
            verdict: best,
            cites,
            ways,
        })
    }
}

/// The identity of a service account.
fn name_of(namespace: &str, account: &str) -> String {
    format!("{account}.{namespace}.serviceaccount.identity.linkerd.cluster.local")
}

/// Whether a source comes without an identity, too: a client in the mesh shows who it is.
fn may_be_nobody(model: Model<'_>, caller: Option<&str>) -> bool {
    match model {
        Model::Adversarial | Model::Nobody => true,
        Model::Configured => caller.is_none(),
        Model::As(_) => false,
    }
}

/// `web.shop.serviceaccount.identity.linkerd.cluster.local`, taken apart.
fn proven(name: &str) -> Option<Proven> {
    let mut parts = name.split('.');
    let (account, namespace) = (parts.next()?, parts.next()?);
    Some(Proven {
        name: name.to_owned(),
        namespace: namespace.into(),
        service_account: account.into(),
    })
}
