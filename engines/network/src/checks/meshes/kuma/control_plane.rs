//! What Kuma's control plane was told: by its environment, else by its file of settings.

use super::super::settings::{injectors, variable};
use super::super::{Report, place};
use super::{Scene, asset};
use crate::istio::mesh::nested;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::Entry;
use crate::world::{Endpoint, World};
use seawall_model::{Asset, Locus, Proof, Severity};
use seawall_snapshot::Object;
use seawall_snapshot::pod::Container;

/// The port of the API without TLS.
const API: u16 = 5681;

/// The containers that control planes run in.
pub(super) fn containers<'w, 's>(
    world: &'w World<'s>,
) -> impl Iterator<Item = (&'w Endpoint<'s>, &'s Container)> {
    let pods = world.endpoints.iter();
    pods.flat_map(|endpoint| {
        let containers = endpoint.template.containers.iter();
        containers
            .filter(|container| is_control_plane(container))
            .map(move |container| (endpoint, container))
    })
}

fn is_control_plane(container: &Container) -> bool {
    let image = container.image.as_ref().map(|image| &*image.value);
    let name = image.and_then(|image| image.split('@').next()?.rsplit('/').next());
    let name = name.and_then(|name| name.split(':').next());
    name == Some("kuma-cp")
}

/// One setting, where it was said.
pub(super) struct Said<'s> {
    pub(super) asset: Asset,
    pub(super) text: String,
    pub(super) locus: Locus,
    object: Option<&'s Object>,
}

impl Said<'_> {
    /// Hands a finding about it in.
    pub(super) fn report(
        self,
        id: Id,
        message: String,
        fix: &str,
        severity: Severity,
        report: &mut Report,
    ) {
        let draft = Draft::new(id, self.locus, message, fix.to_owned()).severity(severity);
        match self.object {
            Some(object) => report.add(object, draft),
            None => report.add_to(self.asset, draft),
        }
    }
}

/// What a control plane was told: the environment goes before the file.
pub(super) fn told<'s>(
    world: &World<'s>,
    endpoint: &Endpoint<'s>,
    container: &'s Container,
    name: &str,
    path: &[&str],
) -> Option<Said<'s>> {
    if let Some((text, span)) = variable(container, name) {
        let mut locus = endpoint
            .template
            .container_locus(container, "env", Some(span));
        locus.path = format!("{}/{name}", locus.path);
        return Some(Said {
            asset: asset(endpoint),
            text: text.to_owned(),
            locus,
            object: None,
        });
    }
    let home = world.namespace_at(endpoint.namespace)?.name;
    let maps = world.of_kind("", "ConfigMap").iter().copied();
    let mut maps = maps.filter(|object| {
        object.namespace() == home && object.reference.name.ends_with("-control-plane-config")
    });
    maps.find_map(|object| {
        let node = object.body()?.at(&["data", "config.yaml"])?;
        let tree = nested(node.as_str()?, node.span);
        let said = tree.at(path).filter(|node| !node.is_null())?;
        let text = said.as_str().map(str::to_owned);
        let text = text.or_else(|| said.as_bool().map(|value| value.to_string()))?;
        let pointer = format!("/data/config.yaml/{}", path.join("/"));
        Some(Said {
            asset: Asset::Resource(object.reference.clone()),
            text,
            locus: place(object, &pointer, Some(node.span)),
            object: Some(object),
        })
    })
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for (endpoint, container) in containers(scene.world) {
        report.assess(&[Id::KUM_11], 1);
        administrators(scene, endpoint, container, report);
        data_planes(scene, endpoint, container, report);
        old_tls(scene, endpoint, container, report);
    }
    open_to_internet(scene, report);
    let is_injector = |name: &str| {
        matches!(
            name,
            "namespace-kuma-injector.kuma.io"
                | "pods-kuma-injector.kuma.io"
                | "kuma-injector.kuma.io"
        )
    };
    let fix = "Set controlPlane.injectorFailurePolicy to Fail";
    injectors(scene.world, Id::KUM_12, is_injector, fix, report);
}

/// KUM-11: who is an administrator without proving it.
fn administrators<'s>(
    scene: &Scene<'_, 's>,
    endpoint: &Endpoint<'s>,
    container: &'s Container,
    report: &mut Report,
) {
    let path = ["apiServer", "authn", "localhostIsAdmin"];
    let name = "KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN";
    let said = told(scene.world, endpoint, container, name, &path);
    let Some(said) = said.filter(|said| said.text == "true") else {
        return;
    };
    let (whom, severity) = if endpoint.is_host_network() {
        ("every process of the node", Severity::High)
    } else {
        ("whoever may forward a port to the pod", Severity::Medium)
    };
    let message = format!(
        "{whom} administers the mesh, and makes tokens for any data plane, without proving who it is"
    );
    let fix = "Set KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN to false";
    said.report(Id::KUM_11, message, fix, severity, report);
}

/// KUM-11: data planes that need not prove who they are.
fn data_planes<'s>(
    scene: &Scene<'_, 's>,
    endpoint: &Endpoint<'s>,
    container: &'s Container,
    report: &mut Report,
) {
    let settings: [(&str, &[&str], &str); 3] = [
        (
            "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE",
            &["dpServer", "authn", "dpProxy", "type"],
            "whoever reaches the control plane is any data plane that it likes, with its identity",
        ),
        (
            "KUMA_DP_SERVER_AUTHN_ZONE_PROXY_TYPE",
            &["dpServer", "authn", "zoneProxy", "type"],
            "whoever reaches the control plane is the way into or out of the zone",
        ),
        (
            "KUMA_DP_SERVER_AUTH_TYPE",
            &["dpServer", "auth", "type"],
            "whoever reaches the control plane is any data plane that it likes, with its identity",
        ),
    ];
    for (name, path, message) in settings {
        let said = told(scene.world, endpoint, container, name, path);
        if let Some(said) = said.filter(|said| said.text == "none") {
            let fix = "Set it to serviceAccountToken, or dpToken outside of Kubernetes";
            said.report(Id::KUM_11, message.to_owned(), fix, Severity::High, report);
        }
    }
}

/// KUM-04 for the control plane itself.
fn old_tls<'s>(
    scene: &Scene<'_, 's>,
    endpoint: &Endpoint<'s>,
    container: &'s Container,
    report: &mut Report,
) {
    report.assess(&[Id::KUM_04], 1);
    let settings: [(&str, &[&str]); 4] = [
        (
            "KUMA_GENERAL_TLS_MIN_VERSION",
            &["general", "tlsMinVersion"],
        ),
        (
            "KUMA_DP_SERVER_TLS_MIN_VERSION",
            &["dpServer", "tlsMinVersion"],
        ),
        (
            "KUMA_API_SERVER_HTTPS_TLS_MIN_VERSION",
            &["apiServer", "https", "tlsMinVersion"],
        ),
        (
            "KUMA_MULTIZONE_GLOBAL_KDS_TLS_MIN_VERSION",
            &["multizone", "global", "kds", "tlsMinVersion"],
        ),
    ];
    for (name, path) in settings {
        let said = told(scene.world, endpoint, container, name, path);
        let old = said.filter(|said| matches!(&*said.text, "TLSv1_0" | "TLSv1_1"));
        if let Some(said) = old {
            let message = format!("the control plane talks {}, which can be broken", said.text);
            let fix = "Set it to TLSv1_2 or TLSv1_3";
            said.report(Id::KUM_04, message, fix, Severity::Medium, report);
        }
    }
}

/// KUM-11: the API on the internet.
fn open_to_internet(scene: &Scene<'_, '_>, report: &mut Report) {
    let ways = scene.network.exposure().iter();
    let mut ways = ways.filter(|way| {
        let endpoint = scene.world.endpoint_at(way.endpoint);
        let containers = endpoint.map(|endpoint| &endpoint.template.containers);
        // On a node's network the port is the least of it.
        way.is_open()
            && way.entry != Entry::HostNetwork
            && way.port == API
            && containers.is_some_and(|all| all.iter().any(is_control_plane))
    });
    let Some(way) = ways.next() else { return };
    let Some(endpoint) = scene.world.endpoint_at(way.endpoint) else {
        return;
    };
    let message = format!(
        "the control plane's API is open to the internet without TLS ({}): all services, policies \
         and addresses of the mesh",
        way.entry.name()
    );
    let fix = "Set controlPlane.service.type to ClusterIP".to_owned();
    let link = way.links.first().map(|link| {
        let note = format!("{} leads in", link.object.reference);
        (note, Proof::Source(link.span))
    });
    let locus = endpoint.template.locus("containers", None);
    let draft = Draft::new(Id::KUM_11, locus, message, fix).maybe(link);
    report.add_to(asset(endpoint), draft);
}
