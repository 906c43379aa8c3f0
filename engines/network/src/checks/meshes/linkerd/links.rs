//! MC-05: Linkerd over several clusters.

use super::super::clusters::{door, is_store};
use super::super::{Report, get, place};
use super::{Scene, annotation_place, asset, pod_place, stated_defaults};
use crate::linkerd::DEFAULT;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::Entry;
use crate::world::{Endpoint, EndpointId};
use seawall_model::{Asset, Severity};
use seawall_snapshot::Object;

const GATEWAY: &str = "mirror.linkerd.io/multicluster-gateway";
const EXPORTED: &str = "mirror.linkerd.io/exported";
const ALL: &str = "all-authenticated";

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let services = || scene.world.of_kind("", "Service").iter().copied();
    let is_gateway = |service: &Object| {
        let field = service.annotation(GATEWAY);
        field.is_some_and(|field| &*field.value == "true")
    };
    let has_links = !scene
        .world
        .of_kind("multicluster.linkerd.io", "Link")
        .is_empty();
    for service in services().filter(|service| is_gateway(service)) {
        report.assess_each(&[Id::MC_05]);
        gateway(scene, service, report);
    }
    let hosts = scene.network.hosts();
    for service in services().filter(|service| service.label(EXPORTED).is_some()) {
        report.assess_each(&[Id::MC_05]);
        let targets = hosts(&service.reference.name, service.namespace(), None);
        exported(scene, service, &targets, report);
    }
    if has_links || services().any(is_gateway) {
        foreign_identities(scene, report);
    }
}

/// The door for the other clusters. That its proxy wants an identity is no reason to let
/// everybody try: the policies below the mesh count here.
fn gateway(scene: &Scene<'_, '_>, service: &Object, report: &mut Report) {
    if !service
        .items(&["spec", "loadBalancerSourceRanges"])
        .is_empty()
    {
        return;
    }
    let mut ways = scene.network.exposure().iter();
    let way = ways.find(|way| {
        let door = way.links.first();
        let sources = scene.network.sources(way.endpoint, way.protocol, way.port);
        way.entry != Entry::Internal
            && sources.meets(&scene.network.places.internet)
            && door.is_some_and(|link| std::ptr::eq(link.object, service))
    });
    let Some(way) = way else { return };
    let message = format!(
        "the gateway for other clusters is open to the internet ({}): an identity that the common \
         trust anchor vouches for is all that is asked for",
        way.entry.name()
    );
    let fix = "Give the Service an internal load balancer, or loadBalancerSourceRanges with the \
               other clusters"
        .to_owned();
    let span = get(service, &["spec", "type"]).map(|node| node.span);
    let locus = place(service, "/spec/type", span);
    report.add(
        service,
        Draft::new(Id::MC_05, locus, message, fix).maybe(door(way)),
    );
}

/// A store of data that other clusters see, and that every identity gets into.
fn exported(
    scene: &Scene<'_, '_>,
    service: &Object,
    targets: &[(EndpointId, Protocol, u16)],
    report: &mut Report,
) {
    // Nobody lists this one: what lets it in lets in all.
    let anybody = "default.default.serviceaccount.identity.linkerd.another-cluster";
    let open = targets.iter().find(|(id, _, port)| {
        let endpoint = scene.world.endpoint_at(*id);
        endpoint.is_some_and(|endpoint| {
            let access = scene.linkerd.access(scene.world, endpoint, *port);
            is_store(*port) && access.admits(Some(anybody)) == Some(true)
        })
    });
    let Some((_, _, port)) = open else { return };
    let message = format!(
        "the store at port {port} is exported to other clusters, and lets in every identity"
    );
    let fix = "Remove the label, or add a Server that lets in the clients that need it".to_owned();
    let pointer = format!("/metadata/labels/{}", EXPORTED.replace('/', "~1"));
    let label = get(service, &["metadata", "labels", EXPORTED]);
    let locus = place(service, &pointer, label.map(|node| node.span));
    let draft = Draft::new(Id::MC_05, locus, message, fix);
    report.add(service, draft.severity(Severity::Medium));
}

/// Default policies that let in the identities of the other clusters.
fn foreign_identities(scene: &Scene<'_, '_>, report: &mut Report) {
    let message = "ports without a Server let in the identities of all connected clusters, where \
                   those of this one would do";
    let fix = "Set it to cluster-authenticated or deny";
    let draft = |locus| {
        let draft = Draft::new(Id::MC_05, locus, message.to_owned(), fix.to_owned());
        draft.severity(Severity::Medium)
    };
    // The gateway itself is there for them.
    let is_extension =
        |endpoint: &Endpoint<'_>| endpoint.label("linkerd.io/extension") == Some("multicluster");
    for (object, pointer, span, word) in stated_defaults(scene) {
        report.assess_each(&[Id::MC_05]);
        if word != ALL {
            continue;
        }
        let bare = scene.meshed().filter(|(_, endpoint)| {
            crate::linkerd::default_policy(scene.world, endpoint).is_none()
        });
        let affected: Vec<Asset> = bare.map(|(_, endpoint)| asset(endpoint)).collect();
        report.add(
            object,
            draft(place(object, &pointer, Some(span))).affects(affected),
        );
    }
    for object in scene
        .world
        .namespaces
        .iter()
        .filter_map(|space| space.object)
    {
        if let Some(field) = object
            .annotation(DEFAULT)
            .filter(|field| &*field.value == ALL)
        {
            report.assess_each(&[Id::MC_05]);
            report.add(object, draft(annotation_place(object, DEFAULT, field.span)));
        }
    }
    for (_, endpoint) in scene
        .meshed()
        .filter(|(_, endpoint)| !is_extension(endpoint))
    {
        if let Some(field) = endpoint
            .annotation(DEFAULT)
            .filter(|field| &*field.value == ALL)
        {
            report.assess_each(&[Id::MC_05]);
            let locus = pod_place(endpoint, DEFAULT, field.span);
            report.add_to(asset(endpoint), draft(locus));
        }
    }
}
