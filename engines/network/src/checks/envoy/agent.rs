//! ENV-10: the Open Policy Agent as Envoy's service that decides.
//!
//! Its settings stand in arguments (`--set=plugins.envoy_ext_authz_grpc.dry-run=true`) or in a
//! file of a ConfigMap; its policies are files in Rego.

use super::config::{self, Piece, is_local};
use super::{Scene, by};
use crate::checks::meshes::place;
use crate::checks::report::Report;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, EndpointId};
use seawall_model::{Asset, Locus, Severity, Span, Str};
use seawall_snapshot::{Container, Field, Object};

/// The name of Envoy's plugin.
const PLUGIN: &str = "envoy_ext_authz_grpc";

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let world = scene.network.world();
    for (id, endpoint) in world.endpoint_ids() {
        for container in &endpoint.template.containers {
            if is_agent(container) {
                report.assess_each(&[Id::ENV_10]);
                Agent {
                    scene,
                    id,
                    endpoint,
                    container,
                }
                .check(report);
            }
        }
    }
    for object in world.of_kind("", "ConfigMap").iter().copied() {
        for (key, text, span) in config::texts(object) {
            if text.contains(PLUGIN)
                && let Some(tree) = config::read(object, key, text, span, report)
            {
                let root = Piece::root(&tree);
                if let Some(plugin) = root.at(&["plugins", PLUGIN]) {
                    report.assess_each(&[Id::ENV_10]);
                    settings(scene, object, key, span, &plugin, report);
                }
            }
            if is_policy(key, text) {
                report.assess_each(&[Id::ENV_10]);
                allows_by_default(object, key, text, span, report);
            }
        }
    }
}

fn is_agent(container: &Container) -> bool {
    let image = container.image.as_ref().map_or("", |image| &image.value);
    let name = image.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    let last = last.split(':').next().unwrap_or_default();
    matches!(last, "opa" | "opa-istio" | "opa-envoy-plugin")
}

/// The release of an image, where its tag says so: `1.4.2-envoy`.
fn release(container: &Container) -> Option<u32> {
    let image = &container.image.as_ref()?.value;
    let (_, tag) = image.split('@').next()?.rsplit_once(':')?;
    let (major, rest) = tag.trim_start_matches('v').split_once('.')?;
    rest.starts_with(|c: char| c.is_ascii_digit())
        .then(|| major.parse().ok())?
}

/// One container with the agent.
struct Agent<'a, 's> {
    scene: &'a Scene<'a, 's>,
    id: EndpointId,
    endpoint: &'a Endpoint<'s>,
    container: &'a Container,
}

impl Agent<'_, '_> {
    fn check(&self, report: &mut Report) {
        self.port(report);
        for (value, span) in self.values("--set", None) {
            let Some(setting) = value.strip_prefix("plugins.") else {
                continue;
            };
            let Some(setting) = setting.strip_prefix(PLUGIN) else {
                continue;
            };
            if setting == ".dry-run=true" {
                let message = "policies are only tried out (dry-run): every request passes";
                let fix = "Set dry-run to false";
                self.add("args/dry-run", span, Severity::High, message, fix, report);
            }
            if setting == ".skip-request-body-parse=true" && reads_bodies(self.scene, self.id) {
                let message = "the policy looks at bodies, and they are not parsed \
                               (skip-request-body-parse)";
                let fix = "Set skip-request-body-parse to false";
                self.add("args/skip", span, Severity::Medium, message, fix, report);
            }
        }
    }

    /// The values of a flag, in both ways to write them.
    fn values(&self, long: &str, short: Option<&str>) -> Vec<(&str, Span)> {
        let all: Vec<&Field<Str>> = self.words().collect();
        let mut found = Vec::new();
        for (index, word) in all.iter().enumerate() {
            let value = word.value.strip_prefix(long);
            if let Some(value) = value.and_then(|rest| rest.strip_prefix('=')) {
                found.push((value, word.span));
            } else if &*word.value == long || short == Some(&*word.value) {
                let next = all.get(index + 1);
                found.extend(next.map(|next| (&*next.value, next.span)));
            }
        }
        found
    }

    fn words(&self) -> impl Iterator<Item = &Field<Str>> {
        let container = self.container;
        container.command.iter().chain(&container.args)
    }

    /// The port by which policies are read and written.
    fn port(&self, report: &mut Report) {
        let is_server = |word: &Field<Str>| matches!(&*word.value, "--server" | "-s");
        let Some(server) = self.words().find(|word| is_server(word)) else {
            return;
        };
        let checks = self.values("--authorization", None);
        if checks.iter().any(|(value, _)| *value == "basic") {
            return;
        }
        let mut addresses = self.values("--addr", Some("-a"));
        // Since its first major release it listens on localhost unasked; before, everywhere.
        if addresses.is_empty() && release(self.container) == Some(0) {
            addresses.push((":8181", server.span));
        }
        let open = addresses.iter().find_map(|(address, span)| {
            let plain = address.split_once("://").map_or(*address, |(_, rest)| rest);
            let (host, port) = plain.rsplit_once(':')?;
            let is_open = !address.starts_with("unix://") && !is_local(host);
            is_open.then(|| Some((port.parse::<u16>().ok()?, *span)))?
        });
        let Some((port, span)) = open else { return };
        let asset = Asset::Resource(self.endpoint.workload.owner.clone());
        let reached = self.scene.reached(&[(self.id, asset)], port);
        let message = format!(
            "whoever gets to port {port} reads and writes the policies: {}",
            reached.words()
        );
        let fix = "Bind --addr to localhost, or add --authorization=basic with a policy \
                   system.authz";
        let severity = reached.if_internet(Severity::Critical);
        self.add("args/addr", span, severity, &message, fix, report);
    }

    fn add(
        &self,
        rest: &str,
        span: Span,
        severity: Severity,
        message: &str,
        fix: &str,
        report: &mut Report,
    ) {
        let template = self.endpoint.template;
        let mut locus = template.container_locus(self.container, "args", Some(span));
        locus.path = template.container_locus(self.container, rest, None).path;
        let draft = Draft::new(Id::ENV_10, locus, message.to_owned(), fix.to_owned());
        let asset = Asset::Resource(self.endpoint.workload.owner.clone());
        report.add_to(asset, draft.severity(severity));
    }
}

/// The plugin's settings in a file.
fn settings(
    scene: &Scene<'_, '_>,
    object: &Object,
    key: &str,
    span: Span,
    plugin: &Piece<'_>,
    report: &mut Report,
) {
    let users = scene.mounts.of(object);
    let mut add = |what: &str, severity, message: &str, fix: &str| {
        let mut locus = at(object, key, span);
        locus.path = format!("{}/plugins/{PLUGIN}/{what}", locus.path);
        let draft = Draft::new(Id::ENV_10, locus, message.to_owned(), fix.to_owned())
            .severity(severity)
            .affects(users.iter().map(|(_, asset)| asset.clone()));
        report.add(object, draft);
    };
    if plugin.is_on("dry-run") {
        let message = "policies are only tried out (dry-run): every request passes";
        add("dry-run", Severity::High, message, "Set dry-run to false");
    }
    if plugin.is_on("skip-request-body-parse")
        && users.iter().any(|(id, _)| reads_bodies(scene, *id))
    {
        let message = "the policy looks at bodies, and they are not parsed \
                       (skip-request-body-parse)";
        let fix = "Set skip-request-body-parse to false";
        add("skip-request-body-parse", Severity::Medium, message, fix);
    }
    shared(scene, object, key, span, plugin, report);
}

/// An agent that other pods ask through a Service: what it is asked holds logins.
fn shared(
    scene: &Scene<'_, '_>,
    object: &Object,
    key: &str,
    span: Span,
    plugin: &Piece<'_>,
    report: &mut Report,
) {
    let world = scene.network.world();
    let address = plugin.text("addr").unwrap_or(":9191");
    let port = address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    let (Some(port), false) = (port, address.starts_with("unix://")) else {
        return;
    };
    let services = crate::ways::Services::new(world);
    for (id, asset) in scene.mounts.of(object) {
        let id = *id;
        let leads = |service: &&crate::ways::Service<'_>| {
            let mut ports = service.ports.iter();
            service.endpoints.contains(&id)
                && ports
                    .any(|one| one.protocol == Protocol::Tcp && one.target(world, id) == Some(port))
        };
        let Some(service) = services.all.iter().find(leads) else {
            continue;
        };
        let message = format!(
            "{} offers decisions without TLS: requests with their logins cross the network \
             readable, and answers can be forged",
            service.object.reference
        );
        let fix = "Run the agent beside each proxy, or let a mesh encrypt between them";
        let mut locus = at(object, key, span);
        locus.path = format!("{}/plugins/{PLUGIN}/addr", locus.path);
        let draft = Draft::new(Id::ENV_10, locus, message, fix.to_owned())
            .severity(Severity::Medium)
            .maybe(by(asset, "the agent"));
        report.add(object, draft);
        return;
    }
}

/// Whether a policy that pods mount looks at bodies.
fn reads_bodies(scene: &Scene<'_, '_>, id: EndpointId) -> bool {
    let world = scene.network.world();
    world.of_kind("", "ConfigMap").iter().any(|object| {
        let mut texts = config::texts(object);
        texts.any(|(key, text, _)| is_policy(key, text) && text.contains("parsed_body"))
            && scene.mounts.of(object).iter().any(|(user, _)| *user == id)
    })
}

/// A policy in Rego about Envoy's requests.
fn is_policy(key: &str, text: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, last)| last == "rego")
        && (text.contains("input.attributes") || text.contains("package envoy.authz"))
}

/// A policy whose answer is yes unless a rule says otherwise.
fn allows_by_default(object: &Object, key: &str, text: &str, span: Span, report: &mut Report) {
    let is_yes = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(
            words.as_slice(),
            ["default", "allow", "=" | ":=", "true", ..]
        )
    };
    let Some(number) = text.lines().position(is_yes) else {
        return;
    };
    let message = format!(
        "line {}: the policy allows by default: what no rule speaks about passes",
        number + 1
    );
    let fix = "Write default allow := false, and rules for what is allowed".to_owned();
    let mut locus = at(object, key, span);
    locus.path.push_str("/default");
    report.add(object, Draft::new(Id::ENV_10, locus, message, fix));
}

/// The place of a ConfigMap's key.
fn at(object: &Object, key: &str, span: Span) -> Locus {
    let pointer = format!("/data/{}", seawall_snapshot::extract::escape(key));
    Locus {
        path: format!("data[{key}]"),
        ..place(object, &pointer, Some(span))
    }
}
