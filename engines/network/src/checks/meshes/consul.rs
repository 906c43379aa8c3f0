//! The rules about Consul: what can be said from its own objects, from the settings of its
//! servers as charts render them, and from annotations of pods.

mod entries;
mod intentions;
mod peers;
mod pods;
mod servers;

use super::{Below, Report};
use crate::network::Network;
use crate::world::{Endpoint, EndpointId, World};
use seawall_model::Asset;
use seawall_snapshot::Object;
use servers::Servers;

/// The API group of Consul's objects.
const GROUP: &str = "consul.hashicorp.com";

struct Scene<'w, 's> {
    network: &'w Network<'w, 's>,
    world: &'w World<'s>,
    servers: Vec<Servers<'s>>,
    /// What injects proxies, if it was seen.
    injector: Option<pods::Injector<'w, 's>>,
    /// By endpoint, whether it has a proxy or gets one.
    has_proxy: Vec<Option<bool>>,
    outsiders: Below<'w, 'w, 's>,
}

pub(super) fn check<'w>(network: &'w Network<'w, '_>, report: &mut Report) {
    let world = network.world();
    let servers = Servers::all(world);
    let injector = pods::Injector::find(world);
    let asks = |endpoint: &Endpoint<'_>| {
        let mut keys = endpoint.template.annotations.iter();
        keys.any(|(key, _)| key.starts_with(GROUP))
    };
    let is_there = world.has_group(GROUP)
        || !servers.is_empty()
        || injector.is_some()
        || world
            .endpoints
            .iter()
            .any(|endpoint| asks(endpoint) || pods::is_own(endpoint));
    if !is_there {
        return;
    }
    let all = world.endpoints.iter();
    let has_proxy: Vec<Option<bool>> = all
        .map(|endpoint| pods::is_injected(world, injector.as_ref(), endpoint))
        .collect();
    let is_outside = |id: EndpointId| has_proxy.get(id.0 as usize) == Some(&Some(false));
    let home = servers
        .first()
        .map_or("consul", |one| one.object.namespace());
    let scene = Scene {
        network,
        world,
        outsiders: Below::new(network, is_outside, home),
        servers,
        injector,
        has_proxy,
    };
    servers::check(&scene, report);
    entries::check(&scene, report);
    intentions::check(&scene, report);
    pods::check(&scene, report);
    peers::check(&scene, report);
}

impl<'w, 's> Scene<'w, 's> {
    fn entries(&self, kind: &str) -> impl Iterator<Item = &'s Object> + use<'_, 'w, 's> {
        self.world.of_kind(GROUP, kind).iter().copied()
    }

    /// What holds for calls that no intention speaks about, if the servers say it.
    fn allows_by_default(&self) -> Option<bool> {
        self.servers.first().map(Servers::allows_by_default)
    }

    /// Whether others are reached through an endpoint: it is an ingress controller or the like.
    fn serves_others(&self, id: EndpointId) -> bool {
        super::serves_others(self.network, id)
    }

    /// Whether an endpoint has a proxy or gets one; nothing where the input does not say.
    fn has_proxy(&self, id: EndpointId) -> Option<bool> {
        self.has_proxy.get(id.0 as usize).copied().flatten()
    }

    /// The pods that have a proxy, or get one.
    fn injected(&self) -> impl Iterator<Item = (EndpointId, &'w Endpoint<'s>)> {
        let pods = self.world.endpoint_ids();
        pods.filter(|(id, _)| self.has_proxy(*id) == Some(true))
    }
}

fn asset(endpoint: &Endpoint<'_>) -> Asset {
    Asset::Resource(endpoint.workload.owner.clone())
}
