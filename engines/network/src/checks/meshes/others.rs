//! The rules about Consul and Kuma: what can be said from their own objects.

use super::{Report, get, place};
use crate::istio::mesh::nested;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::World;
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;

pub(super) fn check(world: &World<'_>, report: &mut Report) {
    consul(world, report);
    kuma(world, report);
}

/// CSL-01, 02 and 07.
fn consul(world: &World<'_>, report: &mut Report) {
    for object in world.of_kind("", "ConfigMap").iter().copied() {
        server_settings(object, report);
    }
    for object in world
        .of_kind("consul.hashicorp.com", "ServiceIntentions")
        .iter()
        .copied()
    {
        report.assess(&[Id::CSL_04], 1);
        for (index, source) in object.items(&["spec", "sources"]).iter().enumerate() {
            let text = |key| source.get(key).and_then(Node::as_str);
            if text("name") != Some("*") || text("action") != Some("allow") {
                continue;
            }
            let message = "every service may call it (source * is allowed)".to_owned();
            let fix = "Name the sources, and deny the rest".to_owned();
            let locus = place(object, &format!("/spec/sources/{index}"), Some(source.span));
            report.add(object, Draft::new(Id::CSL_04, locus, message, fix));
        }
    }
    for kind in ["ProxyDefaults", "ServiceDefaults"] {
        for object in world.of_kind("consul.hashicorp.com", kind).iter().copied() {
            report.assess(&[Id::CSL_07], 1);
            let node = get(object, &["spec", "mutualTLSMode"]);
            let Some(node) = node.filter(|node| node.as_str() == Some("permissive")) else {
                continue;
            };
            let (message, severity) = if kind == "ProxyDefaults" {
                let message = "all services take connections without mutual TLS, and intentions do \
                               not hold for those";
                (message, Severity::Critical)
            } else {
                let message = "the service takes connections without mutual TLS, and intentions do \
                               not hold for those";
                (message, Severity::High)
            };
            let message = message.to_owned();
            let fix = "Set mutualTLSMode to strict once all clients are in the mesh".to_owned();
            let locus = place(object, "/spec/mutualTLSMode", Some(node.span));
            report.add(
                object,
                Draft::new(Id::CSL_07, locus, message, fix).severity(severity),
            );
        }
    }
}

/// The settings of Consul's servers: files of JSON in a ConfigMap.
fn server_settings(object: &Object, report: &mut Report) {
    let Some(data) = get(object, &["data"]).and_then(Node::as_map) else {
        return;
    };
    let files: Vec<(&str, &Node, Node)> = data
        .iter()
        .filter(|entry| has_ending(&entry.key, "json"))
        .filter_map(|entry| {
            let tree = nested(entry.value.as_str()?, entry.value.span);
            Some((&*entry.key, &entry.value, tree))
        })
        .collect();
    let is_server = |tree: &Node| {
        tree.get("server").and_then(Node::as_bool) == Some(true)
            && (tree.get("bootstrap_expect").is_some() || tree.get("connect").is_some())
    };
    let Some((key, node, _)) = files.iter().find(|(_, _, tree)| is_server(tree)) else {
        return;
    };
    report.assess(&[Id::CSL_01, Id::CSL_02], 1);
    let acl = files.iter().find(|(_, _, tree)| tree.get("acl").is_some());
    let is_on = acl.is_some_and(|(_, _, tree)| {
        tree.at(&["acl", "enabled"]).and_then(Node::as_bool) == Some(true)
    });
    if !is_on {
        let message = "access control is off: every service may call every other, and anybody may \
                       change that"
            .to_owned();
        let fix = "Set global.acls.manageSystemACLs to true".to_owned();
        let (key, node) = acl.map_or((*key, *node), |(key, node, _)| (*key, *node));
        let locus = place(object, &format!("/data/{key}"), Some(node.span));
        report.add(object, Draft::new(Id::CSL_01, locus, message, fix));
        return;
    }
    for (key, node, tree) in &files {
        let by_list = tree.at(&["acl", "default_policy"]);
        let by_intention = tree.get("default_intention_policy");
        let allows = |node: &&Node| node.as_str() == Some("allow");
        let what = match (by_list.filter(allows), by_intention.filter(allows)) {
            (Some(_), _) => "acl.default_policy",
            (_, Some(_)) => "default_intention_policy",
            _ => continue,
        };
        let message = format!("what no intention speaks about is allowed ({what}: allow)");
        let fix = format!("Set {what} to deny, after writing intentions for what is needed");
        let locus = place(object, &format!("/data/{key}/{what}"), Some(node.span));
        report.add(object, Draft::new(Id::CSL_02, locus, message, fix));
    }
}

fn has_ending(name: &str, ending: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, last)| last == ending)
}

const KUMA: &str = "kuma.io";

/// KUM-01, 02, 03 and 09.
fn kuma(world: &World<'_>, report: &mut Report) {
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
