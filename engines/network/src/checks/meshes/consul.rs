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
    let is_outside = |id: EndpointId| {
        let endpoint = world.endpoint_at(id);
        endpoint.is_some_and(|endpoint| {
            pods::is_injected(world, injector.as_ref(), endpoint) == Some(false)
        })
    };
    let home = servers
        .first()
        .map_or("consul", |one| one.object.namespace());
    let scene = Scene {
        network,
        world,
        outsiders: Below::new(network, is_outside, home),
        servers,
        injector,
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

    /// The pods that have a proxy, or get one.
    fn injected(&self) -> impl Iterator<Item = (EndpointId, &'w Endpoint<'s>)> {
        let world = self.world;
        let injector = self.injector.as_ref();
        world
            .endpoint_ids()
            .filter(move |(_, endpoint)| pods::is_injected(world, injector, endpoint) == Some(true))
    }
}

fn asset(endpoint: &Endpoint<'_>) -> Asset {
    Asset::Resource(endpoint.workload.owner.clone())
}
