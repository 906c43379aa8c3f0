//! How Linkerd itself was installed: its settings, and its dashboard.

use super::super::settings::flag;
use super::super::{Report, place};
use super::{Scene, asset, routes_of, stated_defaults};
use crate::istio::mesh::nested;
use crate::linkerd::{DefaultPolicy, default_policy};
use crate::reach::Cidr;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, World};
use seawall_model::{Asset, Locus, Proof, Severity, Span};
use seawall_snapshot::Object;
use seawall_snapshot::pod::Container;
use seawall_yaml::Node;
use std::collections::HashSet;

/// The values that Linkerd was installed with, as it keeps them in the cluster.
pub(super) struct Values<'s> {
    pub(super) object: &'s Object,
    pub(super) span: Span,
    tree: Node,
}

impl Values<'_> {
    pub(super) fn get(&self, path: &[&str]) -> Option<&Node> {
        self.tree.at(path).filter(|node| !node.is_null())
    }

    fn is_true(&self, path: &[&str]) -> bool {
        self.get(path).and_then(Node::as_bool) == Some(true)
    }

    fn text(&self, path: &[&str]) -> &str {
        let node = self.get(path);
        node.and_then(Node::as_str).unwrap_or_default().trim()
    }

    fn locus(&self, path: &[&str]) -> Locus {
        let pointer = format!("/data/values/{}", path.join("/"));
        place(self.object, &pointer, Some(self.span))
    }
}

pub(super) fn values<'s>(world: &World<'s>) -> Vec<Values<'s>> {
    let maps = world.of_kind("", "ConfigMap").iter().copied();
    maps.filter(|object| &*object.reference.name == "linkerd-config")
        .filter_map(|object| {
            let node = object.body()?.at(&["data", "values"])?;
            Some(Values {
                object,
                span: node.span,
                tree: nested(node.as_str()?, node.span),
            })
        })
        .collect()
}

/// The containers that tell proxies whom to let in.
pub(super) fn policy_controllers<'w, 's>(
    world: &'w World<'s>,
) -> impl Iterator<Item = (&'w Endpoint<'s>, &'s Container)> {
    let pods = world.endpoints.iter();
    pods.flat_map(|endpoint| {
        let containers = endpoint.template.containers.iter();
        containers
            .filter(|container| &*container.name == "policy")
            .map(move |container| (endpoint, container))
    })
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = values(scene.world);
    report.assess(&[Id::LNK_22, Id::LNK_23, Id::LNK_24], all.len());
    for values in &all {
        init(scene, values, report);
        identity(values, report);
        proxies(scene, values, report);
        skipped(scene, values, report);
    }
    probes(scene, &all, report);
    dashboard(scene, report);
}

fn meshed(scene: &Scene<'_, '_>) -> Vec<Asset> {
    scene
        .meshed()
        .map(|(_, endpoint)| asset(endpoint))
        .collect()
}

/// LNK-23: the container that redirects traffic in every pod, unless a plugin does it.
fn init(scene: &Scene<'_, '_>, values: &Values<'_>, report: &mut Report) {
    if values.is_true(&["cniEnabled"]) {
        return;
    }
    let how = [
        ("privileged", "is privileged"),
        ("runAsRoot", "runs as root"),
    ];
    let found = how
        .iter()
        .find(|(key, _)| values.is_true(&["proxyInit", key]));
    let Some((key, what)) = found else { return };
    let message = format!(
        "every pod of the mesh starts with a container that {what} (proxyInit.{key}), so every \
         namespace has to admit that"
    );
    let fix = "Set proxyInit.privileged and runAsRoot to false, or install linkerd-cni".to_owned();
    let draft = Draft::new(Id::LNK_23, values.locus(&["proxyInit", key]), message, fix);
    report.add(values.object, draft.affects(meshed(scene)));
}

/// LNK-24: what the identities of the mesh rest on.
fn identity(values: &Values<'_>, report: &mut Report) {
    let path = ["identity", "serviceAccountTokenProjection"];
    if values.get(&path).and_then(Node::as_bool) == Some(false) {
        let message =
            "proxies prove who they are by the token that is meant for the API server; it \
                       does not expire with the pod, and whoever reads it is the pod"
                .to_owned();
        let fix = "Set identity.serviceAccountTokenProjection to true".to_owned();
        let draft = Draft::new(Id::LNK_24, values.locus(&path), message, fix);
        report.add(values.object, draft);
    }
    let path = ["identity", "issuer", "tls", "crtPEM"];
    let issuers = certificates(values.text(&path));
    let anchors = certificates(values.text(&["identityTrustAnchorsPEM"]));
    if issuers.is_empty() || !issuers.iter().any(|one| anchors.contains(one)) {
        return;
    }
    let message = "the trust anchor itself issues identities: the key that all identities go back \
                   to is in the cluster, and cannot be replaced without a new mesh"
        .to_owned();
    let fix = "Let the anchor sign a certificate for the issuer, and keep the anchor's key \
               outside of the cluster"
        .to_owned();
    let draft = Draft::new(Id::LNK_24, values.locus(&path), message, fix);
    report.add(values.object, draft);
}

/// The certificates of a bundle, without what may differ between two copies.
fn certificates(text: &str) -> HashSet<String> {
    let parts = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = parts.filter_map(|part| part.split("-----END").next());
    bodies
        .map(|body| body.split_whitespace().collect::<String>())
        .filter(|body| !body.is_empty())
        .collect()
}

/// LNK-22 for the whole mesh.
fn proxies(scene: &Scene<'_, '_>, values: &Values<'_>, report: &mut Report) {
    let mut add = |path: &[&str], severity, message: &str, fix: &str| {
        let (message, fix) = (message.to_owned(), fix.to_owned());
        let draft = Draft::new(Id::LNK_22, values.locus(path), message, fix);
        let draft = draft.severity(severity).affects(meshed(scene));
        report.add(values.object, draft);
    };
    let path = ["proxy", "logHTTPHeaders"];
    if values.text(&path) == "insecure" {
        add(
            &path,
            Severity::Medium,
            "all proxies write all headers of requests into their logs, with tokens and cookies",
            "Set proxy.logHTTPHeaders to off",
        );
    }
    let path = ["proxy", "enableShutdownEndpoint"];
    if values.is_true(&path) {
        add(
            &path,
            Severity::Low,
            "in every pod of the mesh any process can stop the proxy",
            "Set proxy.enableShutdownEndpoint to false, and ask for it in jobs by annotation",
        );
    }
}

/// LNK-16 for the whole mesh.
fn skipped(scene: &Scene<'_, '_>, values: &Values<'_>, report: &mut Report) {
    report.assess(&[Id::LNK_16], 1);
    let path = ["proxyInit", "skipSubnets"];
    let text = values.text(&path);
    if text.is_empty() {
        return;
    }
    let is_all = text
        .split(',')
        .filter_map(|text| Cidr::read(text.trim()))
        .any(Cidr::is_everything);
    let message = format!(
        "callers from {text} get in past every proxy: no mutual TLS and no policy holds for what \
         comes from there"
    );
    let fix = "Set proxyInit.skipSubnets to \"\", or narrow it to addresses that no pod has";
    let severity = if is_all {
        Severity::High
    } else {
        Severity::Medium
    };
    let draft = Draft::new(Id::LNK_16, values.locus(&path), message, fix.to_owned())
        .severity(severity)
        .affects(meshed(scene));
    report.add(values.object, draft);
}

/// LNK-14: probes of pods that let nobody else in without an identity.
fn probes<'s>(scene: &Scene<'_, 's>, all: &[Values<'s>], report: &mut Report) {
    let Some((object, locus, networks)) = probe_networks(scene, all) else {
        return;
    };
    report.assess(&[Id::LNK_14], 1);
    let is_wide = |text: &str| Cidr::read(text.trim()).is_some_and(Cidr::is_everything);
    if !networks.iter().any(|network| is_wide(network)) {
        return;
    }
    let word = stated_defaults(scene).into_iter().next();
    let default = word.and_then(|(_, _, _, word)| DefaultPolicy::read(&word));
    let mut held = scene.meshed().filter(|(_, endpoint)| {
        let hooks = endpoint.template.containers.iter().flat_map(|c| &c.hooks);
        let has_probe = hooks.into_iter().any(|hook| hook.name.ends_with("Probe"));
        let closed = |port: u16| {
            let access = scene.linkerd.access(scene.world, endpoint, port);
            match access.server {
                Some(server) => {
                    !server.access.is_open() && routes_of(scene, server.object).is_empty()
                }
                None => default_policy(scene.world, endpoint)
                    .map(|(policy, ..)| policy)
                    .or(default)
                    .is_some_and(|policy| !policy.is_open()),
            }
        };
        let mut ports = endpoint.declared_ports().into_iter();
        has_probe && ports.any(|(_, port)| closed(port))
    });
    let affected: Vec<Asset> = held.by_ref().map(|(_, endpoint)| asset(endpoint)).collect();
    if affected.is_empty() {
        return;
    }
    let message = "the paths of probes answer callers from anywhere without an identity, at ports \
                   that are closed otherwise"
        .to_owned();
    let fix = "Set policyController.probeNetworks to the addresses of the nodes".to_owned();
    let draft = Draft::new(Id::LNK_14, locus, message, fix).affects(affected);
    report.add(object, draft);
}

/// From where probes may come: in the settings, else in the arguments of the controller.
fn probe_networks<'s>(
    scene: &Scene<'_, 's>,
    all: &[Values<'s>],
) -> Option<(&'s Object, Locus, Vec<String>)> {
    let path = ["policyController", "probeNetworks"];
    let stated = all.iter().find_map(|values| {
        let list = values.get(&path)?.as_seq()?.iter();
        let texts = list.filter_map(|node| node.as_str().map(str::to_owned));
        Some((values.object, values.locus(&path), texts.collect()))
    });
    stated.or_else(|| {
        policy_controllers(scene.world).find_map(|(endpoint, container)| {
            let (text, span) = flag(container, "probe-networks")?;
            let locus = endpoint
                .template
                .container_locus(container, "args", Some(span));
            let texts = text.split(',').map(str::to_owned);
            Some((endpoint.object, locus, texts.collect()))
        })
    })
}

/// LNK-25: the dashboard shows all calls of the mesh, and headers of those that are tapped.
fn dashboard(scene: &Scene<'_, '_>, report: &mut Report) {
    for (id, endpoint) in scene.world.endpoint_ids() {
        let is_dashboard = endpoint.label("linkerd.io/extension") == Some("viz")
            && endpoint.label("component") == Some("web");
        if !is_dashboard {
            continue;
        }
        report.assess(&[Id::LNK_25], 1);
        let ways = scene.network.exposure().iter();
        let mut ways = ways.filter(|way| way.endpoint == id && way.is_open());
        if let Some(way) = ways.next() {
            let message = format!(
                "the dashboard of the mesh is open to the internet ({}): who calls whom, and what",
                way.entry.name()
            );
            let fix = "Take the dashboard off the internet; `linkerd viz dashboard` reaches it by \
                       port-forward"
                .to_owned();
            let link = way.links.first().map(|link| {
                let note = format!("{} leads in", link.object.reference);
                (note, Proof::Source(link.span))
            });
            let locus = endpoint.template.locus("containers", None);
            let draft = Draft::new(Id::LNK_25, locus, message, fix).maybe(link);
            report.add_to(asset(endpoint), draft);
        }
        let containers = endpoint.template.containers.iter();
        let mut flags = containers.filter_map(|container| {
            let (text, span) = flag(container, "enforced-host")?;
            Some((container, text, span))
        });
        let Some((container, text, span)) = flags.next() else {
            continue;
        };
        if !matches!(text, "" | "." | ".*" | "^.*$" | ".+" | "^.+$") {
            continue;
        }
        let message =
            "the dashboard answers under any name of a host: a web page that an operator \
                       opens can read it (DNS rebinding)"
                .to_owned();
        let fix = "Set dashboard.enforcedHostRegexp to the dashboard's own name".to_owned();
        let locus = endpoint
            .template
            .container_locus(container, "args", Some(span));
        let draft = Draft::new(Id::LNK_25, locus, message, fix).severity(Severity::Medium);
        report.add_to(asset(endpoint), draft);
    }
}
