//! The rules about Istio.

mod ambient;
mod authorisers;
mod authorization;
mod bulletins;
mod capture;
mod consoles;
mod control_plane;
mod coverage;
mod dead;
mod destinations;
mod egress;
mod entries;
mod gates;
mod gateways;
mod injector;
mod istiod;
mod logs;
mod overrides;
mod peers;
mod pods;
mod settings;
mod spaces;
mod tampering;
mod together;
mod tokens;
mod traffic;
mod trust;
mod virtual_services;
mod waypoints;
mod ztunnel;

use super::{Outsider, Outsiders, Report};
use crate::istio::Istio;
use crate::istio::membership::Place;
use crate::istio::ports::{self, MeshPort, Protocol};
use crate::network::Network;
use crate::request::Condition;
use crate::world::{Endpoint, EndpointId, World};
use gates::Gates;
use seawall_model::Asset;
use seawall_snapshot::Object;
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// All that the rules look at.
pub(super) struct Scene<'w, 's> {
    pub(super) world: &'w World<'s>,
    pub(super) istio: &'w Istio<'s>,
    outsiders: &'w dyn Outsiders,
    /// The endpoints, each with its ports.
    pub(super) subjects: Vec<Subject<'w, 's>>,
    /// Places in `subjects` by namespace.
    by_namespace: HashMap<&'s str, Vec<usize>>,
    /// What lets strangers in: many policies ask the same.
    strangers: RefCell<HashMap<Row, Rc<Condition>>>,
    /// Whether sets of policies have one of a kind.
    kinds: RefCell<HashMap<(TypeId, usize), bool>>,
    /// What leads in through gateways.
    gates: Gates<'s>,
}

/// What the answer to a stranger depends on: the policies (by number of their set), the proxy,
/// the port with its protocol, and whether an identity is needed.
type Row = (usize, Place, u16, Protocol, bool);

/// An endpoint as the rules see it.
pub(super) struct Subject<'w, 's> {
    pub(super) id: EndpointId,
    pub(super) endpoint: &'w Endpoint<'s>,
    pub(super) namespace: &'s str,
    pub(super) place: Place,
    pub(super) ports: Vec<MeshPort<'s>>,
    /// The Services that lead to it.
    pub(super) services: Vec<&'s Object>,
    /// Ports at which a pod without an identity gets an answer.
    lax: Vec<u16>,
    /// Pods with the same policies have the same number.
    policies: usize,
}

impl Subject<'_, '_> {
    pub(super) fn asset(&self) -> Asset {
        Asset::Resource(self.endpoint.workload.owner.clone())
    }

    pub(super) fn is_meshed(&self) -> bool {
        matches!(self.place, Place::Sidecar | Place::Ambient)
    }
}

impl<'w, 's> Scene<'w, 's> {
    pub(super) fn new(
        world: &'w World<'s>,
        istio: &'w Istio<'s>,
        outsiders: &'w dyn Outsiders,
    ) -> Self {
        let mut sets: HashMap<Vec<usize>, usize> = HashMap::new();
        let subject = |(id, endpoint): (EndpointId, &'w Endpoint<'s>)| {
            let services = istio.services.of(world, endpoint);
            let mut subject = Subject {
                id,
                endpoint,
                namespace: world.namespace_at(endpoint.namespace)?.name,
                place: istio.membership(id)?.place,
                ports: ports::of(endpoint, &services),
                services,
                lax: Vec::new(),
                policies: 0,
            };
            subject.lax = lax_ports(istio, &subject);
            let places = istio.policies.places(coverage::point(&subject)).collect();
            let next = sets.len();
            subject.policies = *sets.entry(places).or_insert(next);
            Some(subject)
        };
        let subjects: Vec<_> = world.endpoint_ids().filter_map(subject).collect();
        let mut by_namespace: HashMap<&'s str, Vec<usize>> = HashMap::new();
        for (index, subject) in subjects.iter().enumerate() {
            by_namespace
                .entry(subject.namespace)
                .or_default()
                .push(index);
        }
        Self {
            world,
            istio,
            outsiders,
            gates: Gates::new(world, &subjects),
            subjects,
            by_namespace,
            strangers: RefCell::default(),
            kinds: RefCell::default(),
        }
    }

    /// The subjects of a namespace.
    pub(super) fn in_namespace<'a>(
        &'a self,
        namespace: &str,
    ) -> impl Iterator<Item = &'a Subject<'w, 's>> {
        let indices = self.by_namespace.get(namespace).into_iter().flatten();
        indices.filter_map(|index| self.subjects.get(*index))
    }

    /// Pods of the mesh that are no proxies themselves.
    pub(super) fn meshed(&self) -> impl Iterator<Item = &Subject<'w, 's>> {
        self.subjects.iter().filter(|subject| subject.is_meshed())
    }

    /// Whether only mutual TLS comes in at a port, whatever holds.
    pub(super) fn is_strict(&self, subject: &Subject<'_, 's>, port: u16) -> bool {
        is_strict(self.istio, subject, port)
    }

    /// An answer about the policies of a subject, which all with the same policies share.
    pub(super) fn kept(
        &self,
        kind: TypeId,
        subject: &Subject<'_, 's>,
        find: impl FnOnce() -> bool,
    ) -> bool {
        let key = (kind, subject.policies);
        if let Some(known) = self.kinds.borrow().get(&key) {
            return *known;
        }
        let found = find();
        self.kinds.borrow_mut().insert(key, found);
        found
    }

    /// What lets in whom no policy names: anybody of the mesh, or nobody at all where
    /// plaintext is taken.
    pub(super) fn strangers(&self, subject: &Subject<'_, 's>, port: u16) -> Rc<Condition> {
        let known = subject.ports.iter().find(|known| known.number == port);
        let protocol = known.map_or(Protocol::Either, |known| known.protocol);
        let is_declared = known.is_some() || subject.ports.is_empty();
        let is_strict = if is_declared {
            !subject.lax.contains(&port)
        } else {
            self.is_strict(subject, port)
        };
        let key = (subject.policies, subject.place, port, protocol, is_strict);
        if let Some(known) = self.strangers.borrow().get(&key) {
            return Rc::clone(known);
        }
        let found = Rc::new(authorization::stranger_gets_in(self, subject, port));
        self.strangers.borrow_mut().insert(key, Rc::clone(&found));
        found
    }

    /// The strongest outsider at any of a pod's ports.
    pub(super) fn outsider(&self, subject: &Subject<'_, 's>, ports: &[u16]) -> Outsider {
        let all = ports
            .iter()
            .map(|port| self.outsiders.of(subject.id, *port));
        strongest(all)
    }
}

fn is_strict(istio: &Istio<'_>, subject: &Subject<'_, '_>, port: u16) -> bool {
    let peers = &istio.peer_authentications;
    let labels = &subject.endpoint.template.labels;
    let mode = peers.for_labels(subject.namespace, labels, subject.place, port);
    mode.is_strict()
}

/// A pod that declares no port is judged by one that nothing speaks about.
fn lax_ports(istio: &Istio<'_>, subject: &Subject<'_, '_>) -> Vec<u16> {
    let declared = subject.ports.iter().map(|port| port.number);
    let all: Vec<u16> = if subject.ports.is_empty() {
        vec![0]
    } else {
        declared.collect()
    };
    all.into_iter()
        .filter(|port| !is_strict(istio, subject, *port))
        .collect()
}

/// The strongest of several; nobody knows about none.
pub(super) fn strongest(outsiders: impl IntoIterator<Item = Outsider>) -> Outsider {
    let rank = |one: &Outsider| match one {
        Outsider::Nobody => 0,
        Outsider::Unknown => 1,
        Outsider::Pod(_) => 2,
        Outsider::Internet => 3,
    };
    let all = outsiders.into_iter();
    all.max_by_key(rank).unwrap_or(Outsider::Unknown)
}

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    peers::check(scene, report);
    pods::check(scene, report);
    destinations::check(scene, report);
    coverage::check(scene, report);
    authorization::check(scene, report);
    authorisers::check(scene, report);
    dead::check(scene, report);
    tokens::check(scene, report);
    capture::check(scene, report);
    ambient::check(scene, report);
    ztunnel::check(scene, network, report);
    waypoints::check(scene, report);
    gateways::check(scene, network, report);
    traffic::check(scene, report);
    virtual_services::check(scene, report);
    entries::check(scene, report);
    logs::check(scene, report);
    overrides::check(scene, report);
    control_plane::check(scene, report);
    istiod::check(scene, network, report);
    consoles::check(scene, report);
    together::check(scene, network, report);
    spaces::check(scene, network, report);
    injector::check(scene, report);
    egress::check(scene, network, report);
    tampering::check(scene, report);
    settings::check(scene, report);
    trust::check(scene, report);
}
