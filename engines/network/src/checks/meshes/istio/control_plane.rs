//! IST-CP, the settings of the mesh, and releases with known holes.

use super::super::{Report, place};
use super::Scene;
use super::bulletins::{self, Bulletin};
use crate::istio::authorization::{Action, Check, Key, Policy, Rule};
use crate::istio::mesh::{Component, MeshConfig, Part, Version};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Proof, Severity, Span};
use seawall_snapshot::pod::EnvSource;
use seawall_yaml::Node;
use std::collections::BTreeMap;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    settings(scene, report);
    istiod(scene, report);
    releases(scene, report);
}

const SETTINGS: [Id; 4] = [Id::IST_AZ_13, Id::IST_AZ_25, Id::IST_EG_01, Id::IST_GW_14];

/// IST-AZ-13, IST-AZ-25, IST-EG-01 and IST-GW-14: settings of the mesh.
fn settings(scene: &Scene<'_, '_>, report: &mut Report) {
    let configs = &scene.istio.mesh.configs;
    report.assess(&SETTINGS, configs.len());
    for config in configs {
        let providers = config.get(&["extensionProviders"]).and_then(Node::as_seq);
        for (index, provider) in providers.unwrap_or_default().iter().enumerate() {
            let name = provider.get("name").and_then(Node::as_str).unwrap_or("?");
            for kind in ["envoyExtAuthzHttp", "envoyExtAuthzGrpc"] {
                let open = provider.at(&[kind, "failOpen"]);
                let Some(node) = open.filter(|node| node.as_bool() == Some(true)) else {
                    continue;
                };
                let message = format!(
                    "when authoriser {name} does not answer, every request gets in (failOpen)"
                );
                let fix = "Remove failOpen, and run the authoriser so that it answers".to_owned();
                let pointer = format!(
                    "{}/extensionProviders/{index}/{kind}/failOpen",
                    config.pointer
                );
                let locus = place(config.object, &pointer, Some(node.span));
                report.add(
                    config.object,
                    Draft::new(Id::IST_AZ_25, locus, message, fix),
                );
            }
        }
        egress(scene, config, report);
        paths(scene, config, report);
        let details = [
            "defaultConfig",
            "gatewayTopology",
            "forwardClientCertDetails",
        ];
        if let Some(node) = config.get(&details) {
            forwarded(node.as_str().unwrap_or_default(), |message, fix| {
                let pointer = format!("{}/{}", config.pointer, details.join("/"));
                let locus = place(config.object, &pointer, Some(node.span));
                report.add(
                    config.object,
                    Draft::new(Id::IST_GW_14, locus, message, fix),
                );
            });
        }
    }
}

/// What a gateway does with the header that tells who called.
pub(super) fn forwarded(value: &str, then: impl FnOnce(String, String)) {
    if !matches!(
        value,
        "FORWARD_ONLY" | "ALWAYS_FORWARD_ONLY" | "APPEND_FORWARD"
    ) {
        return;
    }
    let message = format!(
        "gateways pass on X-Forwarded-Client-Cert as it comes ({value}): a caller writes who it is"
    );
    let fix = "Set forwardClientCertDetails to SANITIZE_SET".to_owned();
    then(message, fix);
}

/// IST-AZ-13: what a path is before policies compare it.
fn paths(scene: &Scene<'_, '_>, config: &MeshConfig<'_>, report: &mut Report) {
    let node = config.get(&["pathNormalization", "normalization"]);
    let word = node.and_then(Node::as_str).unwrap_or("DEFAULT");
    if word == "DECODE_AND_MERGE_SLASHES" {
        return;
    }
    // It matters where a policy refuses by paths.
    let refuses = |policy: &&Policy<'_>| {
        let by_path = |c: &Check| c.key == Key::Paths && !c.values.is_empty();
        policy.action != Action::Allow && policy.rules.iter().flat_map(Rule::checks).any(by_path)
    };
    let policy = scene.istio.policies.all.iter().find(refuses);
    let is_none = word == "NONE";
    let is_first = scene
        .istio
        .mesh
        .configs
        .first()
        .is_some_and(|one| std::ptr::eq(one, config));
    if (policy.is_none() && !is_none) || (node.is_none() && !is_first) {
        return;
    }
    let missed = match word {
        "NONE" => "dots, slashes and encoded letters are compared as they come",
        "MERGE_SLASHES" => "encoded slashes are compared as they come",
        _ => "double and encoded slashes are compared as they come",
    };
    let message =
        format!("{missed} (pathNormalization {word}): another spelling gets past policies");
    let fix = "Set pathNormalization.normalization to DECODE_AND_MERGE_SLASHES".to_owned();
    let pointer = format!("{}/pathNormalization/normalization", config.pointer);
    let locus = place(
        config.object,
        &pointer,
        Some(node.map_or(config.span, |node| node.span)),
    );
    let severity = if is_none {
        Severity::High
    } else {
        Severity::Medium
    };
    let draft = Draft::new(Id::IST_AZ_13, locus, message, fix)
        .severity(severity)
        .maybe(policy.map(|policy| {
            let name = &policy.object.reference.name;
            let note = format!("{name} refuses by paths");
            (note, Proof::Source(policy.object.name_span))
        }));
    report.add(config.object, draft);
}

fn egress(scene: &Scene<'_, '_>, config: &MeshConfig<'_>, report: &mut Report) {
    let mode = config.get(&["outboundTrafficPolicy", "mode"]);
    if mode.and_then(Node::as_str) == Some("REGISTRY_ONLY") {
        return;
    }
    // What is not said anywhere is lacking once.
    let mut configs = scene.istio.mesh.configs.iter();
    if mode.is_none()
        && !configs
            .next()
            .is_some_and(|first| std::ptr::eq(first, config))
    {
        return;
    }
    let said = mode
        .and_then(Node::as_str)
        .unwrap_or("ALLOW_ANY by default");
    let message = format!("workloads may call any host outside the mesh ({said})");
    let fix = "Set outboundTrafficPolicy.mode to REGISTRY_ONLY, and add network policies for \
               egress: the mode alone stops no compromised pod"
        .to_owned();
    let pointer = format!("{}/outboundTrafficPolicy/mode", config.pointer);
    let locus = place(
        config.object,
        &pointer,
        Some(mode.map_or(config.span, |node| node.span)),
    );
    let draft = Draft::new(Id::IST_EG_01, locus, message, fix)
        .affects(scene.meshed().map(super::Subject::asset));
    report.add(config.object, draft);
}

/// The value of an environment variable of istiod, if it is set to a literal.
pub(super) fn pilot_setting<'s>(scene: &Scene<'_, 's>, name: &str) -> Option<(&'s str, Span)> {
    let pilots = scene
        .istio
        .mesh
        .components
        .iter()
        .filter(|one| one.part == Part::Pilot);
    pilots
        .into_iter()
        .find_map(|pilot| setting(scene, pilot, name))
}

fn setting<'s>(scene: &Scene<'_, 's>, pilot: &Component, name: &str) -> Option<(&'s str, Span)> {
    let endpoint = scene.world.endpoint_at(pilot.endpoint)?;
    let container = endpoint.template.containers.get(pilot.container)?;
    container
        .env
        .iter()
        .find_map(|variable| match &variable.source {
            EnvSource::Literal(field) if &*variable.name == name => {
                Some((&*field.value, field.span))
            }
            _ => None,
        })
}

/// Settings of istiod that open what should be closed: name, value, and what it does.
const UNSAFE: [(&str, &str, &str); 5] = [
    (
        "ENABLE_DEBUG_ENDPOINT_AUTH",
        "false",
        "debug endpoints ask nobody who they are",
    ),
    (
        "ENABLE_XDS_API_GENERATOR_AUTH",
        "false",
        "the API of the configuration asks nobody who they are",
    ),
    (
        "UNSAFE_ENABLE_ADMIN_ENDPOINTS",
        "true",
        "administrative endpoints are open",
    ),
    (
        "UNSAFE_PILOT_ENABLE_RUNTIME_ASSERTIONS",
        "true",
        "istiod stops at what it should only log",
    ),
    (
        "XDS_AUTH",
        "false",
        "anybody may ask for any proxy's configuration",
    ),
];

/// IST-CP-01 to 03.
fn istiod(scene: &Scene<'_, '_>, report: &mut Report) {
    let pilots = scene
        .istio
        .mesh
        .components
        .iter()
        .filter(|one| one.part == Part::Pilot);
    for pilot in pilots {
        let Some(endpoint) = scene.world.endpoint_at(pilot.endpoint) else {
            continue;
        };
        let Some(container) = endpoint.template.containers.get(pilot.container) else {
            continue;
        };
        report.assess(&[Id::IST_CP_01, Id::IST_CP_02, Id::IST_CP_03], 1);
        let asset = Asset::Resource(endpoint.workload.owner.clone());
        let words: Vec<&str> = container
            .command
            .iter()
            .chain(&container.args)
            .map(|field| &*field.value)
            .collect();
        let is_discovery = words.is_empty() || words.contains(&"discovery");
        let flag = words.iter().enumerate().find_map(|(index, word)| {
            let rest = word.strip_prefix("--grpcAddr")?;
            rest.strip_prefix('=')
                .or_else(|| words.get(index + 1).copied())
        });
        if is_discovery && flag.is_none_or(|address| !matches!(address, "" | "\"\"")) {
            let (severity, since) = match pilot.version {
                Some(version) if !is_debug_held(version) => (
                    Severity::High,
                    "and this release answers there without asking who it is",
                ),
                _ => (Severity::Medium, "and whoever reaches it can take part"),
            };
            let message = format!("istiod speaks plaintext on port 15010, {since}");
            let fix = "Add the argument --grpcAddr= to istiod, or let a network policy close 15010"
                .to_owned();
            let locus = endpoint.template.container_locus(container, "args", None);
            let draft = Draft::new(Id::IST_CP_01, locus, message, fix).severity(severity);
            report.add_to(asset.clone(), draft);
        }
        let debug = setting(scene, pilot, "ENABLE_DEBUG_ON_HTTP");
        if is_discovery && debug.is_none_or(|(value, _)| value != "false") {
            let message = "istiod's debug endpoints are served over HTTP (8080, 15014)".to_owned();
            let fix = "Set ENABLE_DEBUG_ON_HTTP=false".to_owned();
            let span = debug.map(|(_, span)| span);
            let locus =
                endpoint
                    .template
                    .container_locus(container, "env[ENABLE_DEBUG_ON_HTTP]", span);
            let draft =
                Draft::new(Id::IST_CP_02, locus, message, fix).maybe(debug.is_none().then(|| {
                    (
                        "they are on unless they are turned off".to_owned(),
                        Proof::ApiDefault("ENABLE_DEBUG_ON_HTTP=true"),
                    )
                }));
            report.add_to(asset.clone(), draft);
        }
        for (name, bad, effect) in UNSAFE {
            let Some((value, span)) = setting(scene, pilot, name) else {
                continue;
            };
            if !value.eq_ignore_ascii_case(bad) {
                continue;
            }
            let message = format!("{effect} ({name}={value})");
            let fix = format!("Remove {name}");
            let rest = format!("env[{name}]");
            let locus = endpoint
                .template
                .container_locus(container, &rest, Some(span));
            report.add_to(
                asset.clone(),
                Draft::new(Id::IST_CP_03, locus, message, fix),
            );
        }
    }
}

/// Releases since which 15010 asks who it is.
fn is_debug_held(version: Version) -> bool {
    let since = [(27, 8), (28, 5), (29, 1)];
    let line = since.iter().find(|(minor, _)| *minor == version.minor);
    line.map_or(version.minor > 29, |(_, patch)| version.patch >= *patch)
}

/// IST-VER-01: one finding per part and release.
fn releases(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut by_release: BTreeMap<(Part, Version), Vec<&Component>> = BTreeMap::new();
    for component in &scene.istio.mesh.components {
        let Some(version) = component.version else {
            continue;
        };
        report.assess(&[Id::IST_VER_01], 1);
        by_release
            .entry((component.part, version))
            .or_default()
            .push(component);
    }
    for ((part, version), components) in by_release {
        let known: Vec<&Bulletin> = bulletins::of(part, version).collect();
        let (Some(first), Some(worst)) = (
            components.first().copied(),
            known.iter().max_by_key(|one| one.severity),
        ) else {
            continue;
        };
        let Some(endpoint) = scene.world.endpoint_at(first.endpoint) else {
            continue;
        };
        let Some(container) = endpoint.template.containers.get(first.container) else {
            continue;
        };
        let names: Vec<&str> = known.iter().map(|one| one.id).collect();
        let message = format!("Istio {version} has published holes: {}", names.join(", "));
        let fix = match known.iter().filter_map(|one| one.fixed_in(version)).max() {
            Some(fixed) => format!("Update to {fixed} or later"),
            None => "Update to a release that is still maintained".to_owned(),
        };
        let locus = endpoint
            .template
            .container_locus(container, "image", Some(first.span));
        let affected = components.iter().filter_map(|one| {
            let owner = &scene.world.endpoint_at(one.endpoint)?.workload.owner;
            Some(Asset::Resource(owner.clone()))
        });
        let mut draft = Draft::new(Id::IST_VER_01, locus, message, fix)
            .severity(worst.severity)
            .affects(affected);
        for one in &known {
            draft = draft.evidence(
                format!("{}: {}", one.id, one.what),
                Proof::Source(first.span),
            );
        }
        report.add_to(Asset::Resource(endpoint.workload.owner.clone()), draft);
    }
}
