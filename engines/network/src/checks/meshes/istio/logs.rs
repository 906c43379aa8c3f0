//! IST-TC-18: whether proxies write down who called.

use super::super::{Report, get, place, texts};
use super::{Scene, Subject};
use crate::istio::membership::Place;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Proof;
use seawall_snapshot::Object;
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let root = &*scene.istio.mesh.root_namespace;
    let all = scene.world.of_kind("telemetry.istio.io", "Telemetry");
    let is_wide = |object: &&&Object| {
        object.namespace() == root
            && get(object, &["spec", "selector"]).is_none()
            && get(object, &["spec", "targetRefs"]).is_none()
    };
    let wide: Vec<&Object> = all.iter().filter(is_wide).copied().collect();
    report.assess(&[Id::IST_TC_18], wide.len());
    for object in &wide {
        disabled(scene, object, report);
    }
    let configs = &scene.istio.mesh.configs;
    let Some(first) = configs.first() else { return };
    report.assess(&[Id::IST_TC_18], 1);
    let is_said = configs.iter().any(|config| {
        let file = config.text(&["accessLogFile"]);
        let service = config.get(&["enableEnvoyAccessLogService"]);
        file.is_some_and(|file| !file.is_empty())
            || service.and_then(Node::as_bool) == Some(true)
            || !texts(config.get(&["defaultProviders", "accessLogging"])).is_empty()
    });
    let speaks = |object: &&Object| get(object, &["spec", "accessLogging"]).is_some();
    let empty = configs
        .iter()
        .find_map(|config| Some((config, config.get(&["accessLogFile"])?)));
    // That it was left out tells nothing until somebody comes in.
    let has_gateway = || scene.subjects.iter().any(|s| s.place == Place::Gateway);
    let is_relevant = empty.is_some() || has_gateway();
    if is_said || wide.iter().any(speaks) || !is_relevant {
        return;
    }
    let (config, span) = empty.map_or((first, first.span), |(config, node)| (config, node.span));
    let message = "proxies write no access log (accessLogFile is empty)".to_owned();
    let fix = "Set accessLogFile: /dev/stdout".to_owned();
    let pointer = format!("{}/accessLogFile", config.pointer);
    let locus = place(config.object, &pointer, Some(span));
    let draft = Draft::new(Id::IST_TC_18, locus, message, fix)
        .evidence(
            "nothing is written unless a file or provider is named",
            Proof::ApiDefault("accessLogFile: \"\""),
        )
        .affects(scene.meshed().map(Subject::asset));
    report.add(config.object, draft);
}

/// Logs that are turned off for the whole mesh, at servers at least.
fn disabled(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let rules = object.items(&["spec", "accessLogging"]).iter().enumerate();
    for (index, rule) in rules {
        let node = rule.get("disabled");
        let Some(node) = node.filter(|node| node.as_bool() == Some(true)) else {
            continue;
        };
        let mode = rule.at(&["match", "mode"]).and_then(Node::as_str);
        if mode == Some("CLIENT") {
            continue;
        }
        let message = "access logs are turned off for the whole mesh".to_owned();
        let fix = "Remove disabled, or turn logs off only for single workloads".to_owned();
        let pointer = format!("/spec/accessLogging/{index}/disabled");
        let locus = place(object, &pointer, Some(node.span));
        let draft = Draft::new(Id::IST_TC_18, locus, message, fix)
            .affects(scene.meshed().map(Subject::asset));
        report.add(object, draft);
        return;
    }
}
