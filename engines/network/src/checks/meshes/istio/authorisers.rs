//! IST-AZ-26 and 27: how external authorisers are asked. One that no policy names is not asked
//! at all.

use super::super::{Report, get, place, texts};
use super::destinations::service_name;
use super::{Scene, Subject};
use crate::istio::NETWORKING;
use crate::istio::authorization::Action;
use crate::istio::membership::Place;
use crate::istio::mesh::MeshConfig;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;

const KINDS: [&str; 2] = ["envoyExtAuthzHttp", "envoyExtAuthzGrpc"];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for config in &scene.istio.mesh.configs {
        let all = config.get(&["extensionProviders"]).and_then(Node::as_seq);
        for (index, provider) in all.unwrap_or_default().iter().enumerate() {
            let name = provider.get("name").and_then(Node::as_str).unwrap_or("?");
            let found = KINDS
                .iter()
                .find_map(|kind| Some((kind, provider.get(kind)?)));
            let Some((kind, settings)) = found.filter(|_| is_asked(scene, name)) else {
                continue;
            };
            report.assess_each(&[Id::IST_AZ_26, Id::IST_AZ_27]);
            let here = Authoriser {
                config,
                name,
                settings,
                pointer: format!("{}/extensionProviders/{index}/{kind}", config.pointer),
            };
            here.partial(report);
            here.plaintext(scene, report);
        }
    }
}

fn is_asked(scene: &Scene<'_, '_>, name: &str) -> bool {
    let mut policies = scene.istio.policies.all.iter();
    policies.any(|policy| matches!(&policy.action, Action::Custom(one) if &**one == name))
}

/// An authoriser that policies name.
struct Authoriser<'a, 's> {
    config: &'a MeshConfig<'s>,
    name: &'a str,
    settings: &'a Node,
    pointer: String,
}

impl Authoriser<'_, '_> {
    fn draft(&self, id: Id, rest: &str, span: Span, message: String, fix: &str) -> Draft {
        let pointer = format!("{}/{rest}", self.pointer);
        let locus = place(self.config.object, &pointer, Some(span));
        Draft::new(id, locus, message, fix.to_owned())
    }

    /// IST-AZ-26.
    fn partial(&self, report: &mut Report) {
        let body = self.settings.get("includeRequestBodyInCheck");
        let node = body.and_then(|body| body.get("allowPartialMessage"));
        let Some(node) = node.filter(|node| node.as_bool() == Some(true)) else {
            return;
        };
        let most = body.and_then(|body| body.get("maxRequestBytes")?.as_i64());
        let much = match most {
            Some(bytes) => format!("the first {bytes} bytes"),
            None => "the beginning".to_owned(),
        };
        let message = format!(
            "authoriser {} sees only {much} of a body, and the rest passes unseen",
            self.name
        );
        let fix = "Remove allowPartialMessage, and let maxRequestBytes be what requests need";
        let rest = "includeRequestBodyInCheck/allowPartialMessage";
        let draft = self.draft(Id::IST_AZ_26, rest, node.span, message, fix);
        report.add(self.config.object, draft);
    }

    /// IST-AZ-27.
    fn plaintext(&self, scene: &Scene<'_, '_>, report: &mut Report) {
        let Some(node) = self.settings.get("service") else {
            return;
        };
        let text = node.as_str().unwrap_or_default();
        // A namespace may stand before the host.
        let (space, host) = text.split_once('/').unwrap_or(("", text));
        if has_tls(scene, host) {
            return;
        }
        let Some((why, span)) = in_service(scene, host, space).or_else(|| in_entry(scene, host))
        else {
            return;
        };
        let message = format!(
            "requests go to authoriser {} in plaintext, with their tokens",
            self.name
        );
        let fix = "Bring the authoriser into the mesh, or call it with TLS (DestinationRule)";
        let draft = self
            .draft(Id::IST_AZ_27, "service", node.span, message, fix)
            .evidence(why, Proof::Source(span));
        report.add(self.config.object, draft);
    }
}

/// Whether a DestinationRule makes clients of a host speak TLS.
fn has_tls(scene: &Scene<'_, '_>, host: &str) -> bool {
    let mut rules = scene.world.of_kind(NETWORKING, "DestinationRule").iter();
    rules.any(|rule| {
        let home = rule.namespace();
        let to = get(rule, &["spec", "host"]).and_then(Node::as_str);
        let is_same = to.is_some_and(|to| {
            to == host
                || service_name(to, home).is_some()
                    && service_name(to, home) == service_name(host, home)
        });
        let mode = get(rule, &["spec", "trafficPolicy", "tls", "mode"]).and_then(Node::as_str);
        is_same && matches!(mode, Some("SIMPLE" | "MUTUAL"))
    })
}

/// Whether all pods behind a Service are outside the mesh.
fn in_service(scene: &Scene<'_, '_>, host: &str, space: &str) -> Option<(String, Span)> {
    let (name, namespace) = service_name(host, space)?;
    let leads =
        |service: &&Object| &*service.reference.name == name && service.namespace() == namespace;
    let behind: Vec<&Subject<'_, '_>> = scene
        .in_namespace(namespace)
        .filter(|subject| subject.services.iter().any(leads))
        .collect();
    let first = behind.first()?;
    let is_outside = behind.iter().all(|s| s.place == Place::Outside);
    let reason = &scene.istio.membership(first.id)?.reason;
    is_outside.then(|| {
        let name = &first.endpoint.workload.owner.name;
        (format!("{name}: {}", reason.note), reason.span)
    })
}

/// Whether a ServiceEntry says that a host outside is called without TLS.
fn in_entry(scene: &Scene<'_, '_>, host: &str) -> Option<(String, Span)> {
    let entries = scene.world.of_kind(NETWORKING, "ServiceEntry").iter();
    let mut own = entries.filter(|entry| texts(get(entry, &["spec", "hosts"])).contains(&host));
    let entry = own.next()?;
    let ports = entry.items(&["spec", "ports"]).iter();
    let mut protocols = ports.filter_map(|port| port.get("protocol")?.as_str());
    let is_plain = |protocol: &str| {
        matches!(
            protocol.to_ascii_uppercase().as_str(),
            "HTTP" | "HTTP2" | "GRPC" | "TCP"
        )
    };
    let location = get(entry, &["spec", "location"]).and_then(Node::as_str);
    let is_inside = location == Some("MESH_INTERNAL");
    (protocols.any(is_plain) && !is_inside).then(|| {
        let note = format!("ServiceEntry {} speaks no TLS", entry.reference.name);
        (note, entry.name_span)
    })
}
