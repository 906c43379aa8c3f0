//! Consul: which pods are in its mesh, as which service, and whom the intentions let in.
//!
//! Three questions, each with its module: what the settings say ([`settings`]), which pods have
//! a proxy and what it sees ([`membership`]), and who may call whom ([`intentions`]). Consul
//! knows services, not pods: a pod is what its annotation or its Service calls it, and without
//! Enterprise's namespaces one name is one service, whatever namespace its pods are in.
//!
//! The proxy has one listener, port 20000, behind which is the service's own port and nothing
//! else. With a transparent proxy everything that comes to the pod is turned there; without
//! one the application is reached directly, and no intention holds. What the kubelet's probes
//! need is left aside: that Consul opens their paths to everybody is no way to do anything.

pub mod intentions;
pub mod membership;
pub mod settings;

use crate::world::{EndpointId, World};
use intentions::{Decision, Intentions};
use membership::{Member, Place, Service};
use settings::Settings;

/// The API group of Consul's objects.
pub(crate) const GROUP: &str = "consul.hashicorp.com";

/// Everything of Consul that is in force.
#[derive(Debug)]
pub struct Consul<'s> {
    /// What its settings say.
    pub settings: Settings<'s>,
    /// How each endpoint of the world stands to the mesh.
    pub members: Vec<Member<'s>>,
    /// Who may call whom.
    pub intentions: Intentions<'s>,
}

impl<'s> Consul<'s> {
    /// Reads what is in force off a world; `None` where no pod is in the mesh.
    pub fn new(world: &World<'s>) -> Option<Self> {
        let settings = Settings::new(world);
        let members = membership::all(world, &settings);
        if members.iter().all(|member| member.place == Place::Outside) {
            return None;
        }
        let intentions = Intentions::new(world, &settings);
        Some(Self {
            settings,
            members,
            intentions,
        })
    }

    /// How an endpoint stands to the mesh.
    pub fn member(&self, id: EndpointId) -> Option<&Member<'s>> {
        self.members.get(id.0 as usize)
    }

    /// What a service of a destination lets through for one caller.
    pub fn decide(&self, service: &Service, caller: &settings::Name) -> Decision<'s> {
        let default = &self.settings.default_intention;
        self.intentions.decide(&service.name, caller, default)
    }
}
