//! Istio: what is in force, and what it decides.
//!
//! Four questions, each with its module: which settings hold for the mesh ([`mesh`]), which
//! pods are in it and which of their ports it sees ([`membership`]), where plaintext is
//! accepted ([`peer_authentication`]), and who may call whom ([`authorization`]). All follow
//! what istiod makes of the objects, not what they seem to say: a policy that istiod drops on
//! its way to a proxy is not enforced, however it reads.

pub mod ambient;
pub mod authorization;
pub mod door;
pub mod membership;
pub mod mesh;
pub mod peer_authentication;
pub mod ports;

use crate::world::{Endpoint, EndpointId, World};
use ambient::Ambient;
use authorization::Policies;
use membership::{Membership, Place};
use mesh::Mesh;
use peer_authentication::PeerAuthentications;
use ports::Services;

/// Everything of Istio that is in force.
#[derive(Debug)]
pub struct Istio<'s> {
    /// The settings of the mesh.
    pub mesh: Mesh<'s>,
    /// How each endpoint of the world stands to the mesh.
    pub memberships: Vec<Membership<'s>>,
    /// Waypoints and who uses them.
    pub ambient: Ambient<'s>,
    /// Where plaintext is accepted.
    pub peer_authentications: PeerAuthentications<'s>,
    /// Who may call whom.
    pub policies: Policies<'s>,
    /// Which Services lead where.
    pub services: Services<'s>,
}

impl<'s> Istio<'s> {
    /// Reads what is in force off a world; `None` where nothing of Istio is in the picture.
    pub fn new(world: &World<'s>) -> Option<Self> {
        let mesh = Mesh::new(world);
        let memberships = membership::all(world, &mesh);
        let is_meshed = memberships.iter().any(|one| one.place != Place::Outside);
        if !is_meshed && !mesh.is_present(world) {
            return None;
        }
        Some(Self {
            ambient: Ambient::new(world),
            peer_authentications: PeerAuthentications::new(world, &mesh),
            policies: Policies::new(world, &mesh),
            services: Services::new(world),
            mesh,
            memberships,
        })
    }

    /// Whether the injector points a scraper of a pod's metrics to the proxy, which collects the
    /// application's (`enablePrometheusMerge`, on by default).
    pub fn merges_metrics(&self, endpoint: &Endpoint<'_>) -> bool {
        let said = endpoint.annotation("prometheus.istio.io/merge-metrics");
        let configs = self.mesh.configs.iter();
        let mut by_mesh =
            configs.filter_map(|config| config.get(&["enablePrometheusMerge"])?.as_bool());
        match said {
            Some(field) => &*field.value != "false",
            None => by_mesh.next().unwrap_or(true),
        }
    }

    /// How an endpoint stands to the mesh.
    pub fn membership(&self, id: EndpointId) -> Option<&Membership<'s>> {
        self.memberships.get(id.0 as usize)
    }
}

/// The API group of Istio's security policies.
pub(crate) const SECURITY: &str = "security.istio.io";
/// The API group of Istio's traffic configuration.
pub(crate) const NETWORKING: &str = "networking.istio.io";
/// The API group of the Gateway API.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io";
