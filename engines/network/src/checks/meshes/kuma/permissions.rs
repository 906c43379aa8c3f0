//! What policies of Kuma let pass: old TLS, permissions that only write down, permissions that
//! are read no more, calls to anywhere, and proxies that are rewritten.

use super::super::{Report, get, place};
use super::{Scene, asset, mesh_of};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::BTreeMap;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for object in scene.objects("MeshTLS") {
        report.assess_each(&[Id::KUM_04]);
        old_tls(object, report);
    }
    for object in scene.objects("MeshTrafficPermission") {
        report.assess_each(&[Id::KUM_06]);
        shadow(object, report);
    }
    legacy(scene, report);
    for object in scene.objects("Mesh") {
        report.assess_each(&[Id::KUM_08]);
        passthrough(scene, object, report);
    }
    for kind in ["MeshProxyPatch", "ProxyTemplate"] {
        for object in scene.objects(kind) {
            report.assess_each(&[Id::KUM_10]);
            patch(object, report);
        }
    }
}

/// The rules of a policy, by the pointer to each.
fn rules(object: &Object) -> impl Iterator<Item = (String, &Node)> {
    ["rules", "from"].into_iter().flat_map(move |field| {
        let items = object.items(&["spec", field]).iter().enumerate();
        items.map(move |(index, node)| (format!("/spec/{field}/{index}/default"), node))
    })
}

/// KUM-04.
fn old_tls(object: &Object, report: &mut Report) {
    for (pointer, rule) in rules(object) {
        let node = rule.at(&["default", "tlsVersion", "min"]);
        let Some(node) = node.filter(|node| matches!(node.as_str(), Some("TLS10" | "TLS11")))
        else {
            continue;
        };
        let version = node.as_str().unwrap_or_default();
        let message = format!("data planes talk {version}, which can be broken");
        let fix = "Set tlsVersion.min to TLS12 or TLS13".to_owned();
        let locus = place(
            object,
            &format!("{pointer}/tlsVersion/min"),
            Some(node.span),
        );
        report.add(object, Draft::new(Id::KUM_04, locus, message, fix));
    }
}

/// KUM-06.
fn shadow(object: &Object, report: &mut Report) {
    for (pointer, rule) in rules(object) {
        let action = rule.at(&["default", "action"]);
        let by_action = action.filter(|node| node.as_str() == Some("AllowWithShadowDeny"));
        let list = rule.at(&["default", "allowWithShadowDeny"]);
        let by_list = list.filter(|node| node.as_seq().is_some_and(|list| !list.is_empty()));
        let Some((key, node)) = by_action
            .map(|node| ("action", node))
            .or(by_list.map(|node| ("allowWithShadowDeny", node)))
        else {
            continue;
        };
        let message = "what looks denied gets in, and is only written down".to_owned();
        let fix = "Move it to deny when the log shows nobody who is needed".to_owned();
        let locus = place(object, &format!("{pointer}/{key}"), Some(node.span));
        report.add(object, Draft::new(Id::KUM_06, locus, message, fix));
    }
}

/// KUM-07: permissions of the old kind, once for each mesh.
fn legacy(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut by_mesh: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for object in scene.objects("TrafficPermission") {
        by_mesh.entry(mesh_of(object)).or_default().push(object);
    }
    for (mesh, old) in by_mesh {
        report.assess(&[Id::KUM_07], old.len());
        let Some(first) = old.first() else { continue };
        let newer = scene
            .objects("MeshTrafficPermission")
            .any(|one| mesh_of(one) == mesh);
        let open = old
            .iter()
            .find_map(|object| Some((*object, open_source(object)?)));
        let number = super::super::count(old.len(), "TrafficPermission");
        let (object, span, message, severity) = match (scene.major, open) {
            (Some(3..), _) => {
                let message = format!("Kuma 3 reads no TrafficPermission: {number} do nothing");
                (*first, None, message, Severity::Medium)
            }
            // From version 2 on the new kind is asked first.
            (_, _) if newer => continue,
            (_, Some((object, span))) => {
                let message =
                    "every service of the mesh is let in, by a kind of policy that Kuma 3 \
                               does not read"
                        .to_owned();
                (object, Some(span), message, Severity::Medium)
            }
            _ => {
                let message = format!("{number} will do nothing from Kuma 3 on");
                (*first, None, message, Severity::Low)
            }
        };
        let fix = "Write MeshTrafficPermissions for the calls that are needed, and delete the old \
                   ones"
            .to_owned();
        let pointer = if span.is_some() { "/spec/sources" } else { "" };
        let draft = Draft::new(Id::KUM_07, place(object, pointer, span), message, fix);
        let others = old.iter().filter(|other| !std::ptr::eq(**other, object));
        let others = others.map(|one| Asset::Resource(one.reference.clone()));
        report.add(object, draft.severity(severity).affects(others));
    }
}

/// Where an old permission is for everybody and everything.
fn open_source(object: &Object) -> Option<Span> {
    let is_all = |field: &str| {
        let mut items = object.items(&["spec", field]).iter();
        items.any(|one| {
            let service = one.at(&["match", "kuma.io/service"]);
            service.and_then(Node::as_str) == Some("*")
        })
    };
    let both = is_all("sources") && is_all("destinations");
    both.then(|| get(object, &["spec", "sources"]).map(|node| node.span))?
}

/// KUM-08.
fn passthrough(scene: &Scene<'_, '_>, mesh: &Object, report: &mut Report) {
    let name = &*mesh.reference.name;
    let path = ["spec", "networking", "outbound", "passthrough"];
    // Version 3 dropped the field.
    let is_read = scene.major.is_none_or(|major| major < 3);
    let node = get(mesh, &path);
    let is_off = node.and_then(Node::as_bool) == Some(false);
    if is_off && is_read {
        return;
    }
    let is_for_all = |one: &Object| {
        let kind = get(one, &["spec", "targetRef", "kind"]).and_then(Node::as_str);
        mesh_of(one) == name && matches!(kind, None | Some("Mesh" | "Dataplane")) && {
            let narrow = ["labels", "tags", "name"].iter();
            !narrow
                .into_iter()
                .any(|key| get(one, &["spec", "targetRef", key]).is_some())
        }
    };
    let mode = ["spec", "default", "passthroughMode"];
    let mut policies = scene
        .objects("MeshPassthrough")
        .filter(|one| is_for_all(one));
    let policy = policies.next();
    let said = policy.and_then(|policy| Some((policy, get(policy, &mode)?)));
    let said = said.filter(|(_, node)| node.as_str() == Some("All"));
    let (object, locus) = match (policy, said) {
        (_, Some((policy, node))) => {
            let pointer = format!("/{}", mode.join("/"));
            (policy, place(policy, &pointer, Some(node.span)))
        }
        (Some(_), None) => return,
        (None, None) => {
            let pointer = format!("/{}", path.join("/"));
            (mesh, place(mesh, &pointer, node.map(|node| node.span)))
        }
    };
    let also = if is_off {
        ": Kuma 3 does not read networking.outbound.passthrough"
    } else {
        ""
    };
    let message = format!("services may call any address outside the mesh{also}");
    let fix =
        "Add a MeshPassthrough for the mesh with passthroughMode None or Matched; add network \
               policies for egress, for a compromised pod leaves the proxy aside"
            .to_owned();
    let draft = Draft::new(Id::KUM_08, locus, message, fix);
    report.add(object, draft.affects(scene.injected(name).map(asset)));
}

/// KUM-10: patches of what proxies enforce.
fn patch(object: &Object, report: &mut Report) {
    let lists: [&[&str]; 2] = [
        &["spec", "default", "appendModifications"],
        &["spec", "conf", "modifications"],
    ];
    let found = lists.iter().find(|path| !object.items(path).is_empty());
    let Some(path) = found else { return };
    let all = object.items(path);
    let pointer = format!("/{}", path.join("/"));
    let drops = |one: &Node| {
        ["networkFilter", "httpFilter", "listener"]
            .iter()
            .any(|kind| {
                let text = |path: &[&str]| one.at(path).and_then(Node::as_str).unwrap_or_default();
                let name = text(&[kind, "match", "name"]);
                let removes = text(&[kind, "operation"]).eq_ignore_ascii_case("remove");
                name.contains("rbac") || (removes && *kind == "listener")
            })
    };
    let worst = all.iter().enumerate().find(|(_, one)| drops(one));
    let (message, severity, locus) = match worst {
        Some((index, one)) => (
            "the patch changes the filter that enforces permissions, or drops listeners",
            Severity::High,
            place(object, &format!("{pointer}/{index}"), Some(one.span)),
        ),
        None => (
            "the patch rewrites proxies, past what Kuma made of its policies",
            Severity::Medium,
            place(object, &pointer, get(object, path).map(|node| node.span)),
        ),
    };
    let fix = "Use Kuma's own policies; else review each patch, and who may change it".to_owned();
    let draft = Draft::new(Id::KUM_10, locus, message.to_owned(), fix).severity(severity);
    report.add(object, draft);
}
