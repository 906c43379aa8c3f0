//! The rules about Kuma: what can be said from its own objects, from what its control plane
//! was told, and from annotations of pods. Versions 2 and 3 mean different things by the same
//! objects; where the version is not known, both are judged.

mod control_plane;
mod permissions;
mod pods;
mod zones;

use super::{Below, Report, get, place};
use crate::network::Network;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, EndpointId, World};
use seawall_model::{Asset, Proof};
use seawall_snapshot::Object;
use seawall_yaml::Node;

const KUMA: &str = "kuma.io";

struct Scene<'w, 's> {
    network: &'w Network<'w, 's>,
    world: &'w World<'s>,
    /// The major version of the control plane, if it was seen.
    major: Option<u16>,
    outsiders: Below<'w, 'w, 's>,
}

pub(super) fn check<'w>(network: &'w Network<'w, '_>, report: &mut Report) {
    let world = network.world();
    meshes(world, report);
    let asks = |endpoint: &Endpoint<'_>| pods::is_injected(world, endpoint) == Some(true);
    let is_there = world.has_group(KUMA)
        || control_plane::containers(world).next().is_some()
        || world.endpoints.iter().any(asks);
    if !is_there {
        return;
    }
    let is_outside = |id: EndpointId| {
        let endpoint = world.endpoint_at(id);
        endpoint.is_some_and(|endpoint| pods::is_injected(world, endpoint) == Some(false))
    };
    let scene = Scene {
        network,
        world,
        major: control_plane(world),
        outsiders: Below::new(network, is_outside, "kuma-system"),
    };
    permissions::check(&scene, report);
    pods::check(&scene, report);
    control_plane::check(&scene, report);
    zones::check(&scene, report);
}

impl<'w, 's> Scene<'w, 's> {
    fn objects(&self, kind: &str) -> impl Iterator<Item = &'s Object> + use<'_, 'w, 's> {
        self.world.of_kind(KUMA, kind).iter().copied()
    }

    /// The pods of a mesh that have a proxy, or get one.
    fn injected(&self, mesh: &str) -> impl Iterator<Item = &'w Endpoint<'s>> {
        let world = self.world;
        world.endpoints.iter().filter(move |endpoint| {
            pods::is_injected(world, endpoint) == Some(true) && pods::mesh(world, endpoint) == mesh
        })
    }
}

/// The mesh that an object is for.
fn mesh_of(object: &Object) -> &str {
    let own = || get(object, &["mesh"]).and_then(Node::as_str);
    object
        .label("kuma.io/mesh")
        .or_else(own)
        .unwrap_or("default")
}

fn asset(endpoint: &Endpoint<'_>) -> Asset {
    Asset::Resource(endpoint.workload.owner.clone())
}

/// KUM-01, 02, 03, 05 and 09.
fn meshes(world: &World<'_>, report: &mut Report) {
    let meshes = world.of_kind(KUMA, "Mesh");
    let major = control_plane(world);
    let has_identity = !world.of_kind(KUMA, "MeshIdentity").is_empty();
    let permissions = world.of_kind(KUMA, "MeshTrafficPermission");
    for object in permissions.iter().copied() {
        report.assess(&[Id::KUM_05], 1);
        for (index, from) in object.items(&["spec", "from"]).iter().enumerate() {
            let everybody = from.at(&["targetRef", "kind"]).and_then(Node::as_str) == Some("Mesh");
            let action = from.at(&["default", "action"]);
            let Some(node) = action.filter(|a| everybody && a.as_str() == Some("Allow")) else {
                continue;
            };
            let message = "every service of the mesh is let in".to_owned();
            let fix = "Name the services that call in from".to_owned();
            let pointer = format!("/spec/from/{index}/default/action");
            let locus = place(object, &pointer, Some(node.span));
            report.add(object, Draft::new(Id::KUM_05, locus, message, fix));
        }
    }
    for mesh in meshes.iter().copied() {
        report.assess(&[Id::KUM_01, Id::KUM_02, Id::KUM_03], 1);
        let backend = get(mesh, &["spec", "mtls", "enabledBackend"]).and_then(Node::as_str);
        let backend = backend.filter(|name| !name.is_empty());
        let old = get(mesh, &["spec", "mtls"]);
        if major != Some(3) && backend.is_none() && !has_identity {
            let message =
                "the mesh has no mutual TLS, and traffic permissions do not hold".to_owned();
            let fix = "Set spec.mtls.enabledBackend to one of its backends".to_owned();
            let locus = place(mesh, "/spec/mtls/enabledBackend", old.map(|node| node.span));
            report.add(mesh, Draft::new(Id::KUM_01, locus, message, fix));
        }
        if let Some(node) = old.filter(|_| major == Some(3) && !has_identity) {
            let message =
                "Kuma 3 ignores spec.mtls, and no MeshIdentity is there: the mesh speaks \
                           plaintext, and traffic permissions do not hold"
                    .to_owned();
            let fix = "Add a MeshIdentity and a MeshTrust for the mesh".to_owned();
            let locus = place(mesh, "/spec/mtls", Some(node.span));
            report.add(mesh, Draft::new(Id::KUM_02, locus, message, fix));
        }
        for (index, one) in mesh.items(&["spec", "mtls", "backends"]).iter().enumerate() {
            let mode = one
                .get("mode")
                .filter(|node| node.as_str() == Some("PERMISSIVE"));
            let is_used = one.get("name").and_then(Node::as_str) == backend;
            let Some(node) = mode.filter(|_| is_used && major != Some(3)) else {
                continue;
            };
            let pointer = format!("/spec/mtls/backends/{index}/mode");
            permissive(mesh, &pointer, node, permissions, report);
        }
    }
    for object in world.of_kind(KUMA, "MeshTLS").iter().copied() {
        report.assess(&[Id::KUM_03], 1);
        for field in ["rules", "from"] {
            for (index, rule) in object.items(&["spec", field]).iter().enumerate() {
                let mode = rule.at(&["default", "mode"]);
                let Some(node) = mode.filter(|node| node.as_str() == Some("Permissive")) else {
                    continue;
                };
                let pointer = format!("/spec/{field}/{index}/default/mode");
                permissive(object, &pointer, node, permissions, report);
            }
        }
    }
}

/// KUM-03, and KUM-09 where permissions are thought to hold.
fn permissive(
    object: &Object,
    pointer: &str,
    node: &Node,
    permissions: &[&Object],
    report: &mut Report,
) {
    let fix =
        "Set the mode to STRICT (MeshTLS: Strict) once all clients are in the mesh".to_owned();
    let locus = place(object, pointer, Some(node.span));
    let message = "data planes take plaintext beside mutual TLS".to_owned();
    report.add(
        object,
        Draft::new(Id::KUM_03, locus.clone(), message, fix.clone()),
    );
    report.assess(&[Id::KUM_09], permissions.len());
    let Some(first) = permissions.first() else {
        return;
    };
    let message = format!(
        "traffic permissions do not hold for plaintext: whoever speaks it gets past {}",
        match permissions.len() {
            1 => format!("MeshTrafficPermission {}", first.reference.name),
            many => format!("{many} MeshTrafficPermissions"),
        }
    );
    let draft = Draft::new(Id::KUM_09, locus, message, fix)
        .evidence("a permission stands here", Proof::Source(first.name_span));
    report.add(object, draft);
}

/// The major version of the control plane, by its image.
fn control_plane(world: &World<'_>) -> Option<u16> {
    let containers = world.endpoints.iter().flat_map(|e| &e.template.containers);
    let images = containers.filter_map(|container| container.image.as_ref());
    images.into_iter().find_map(|image| {
        let name = image.value.split('@').next()?.rsplit('/').next()?;
        let tag = name.strip_prefix("kuma-cp:")?;
        tag.trim_start_matches('v').split('.').next()?.parse().ok()
    })
}
