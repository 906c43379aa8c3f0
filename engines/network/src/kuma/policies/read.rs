//! Reads Kuma's policies off their objects. What Kuma would refuse is not there.

use super::{Item, Match, Mode, Old, Pairs, Permission, Policy, Target, Tls};
use crate::kuma::ControlPlane;
use crate::kuma::identity::mesh_of;
use crate::kuma::membership::SERVICE;
use seawall_model::Str;
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::cmp::Reverse;

fn pairs(node: Option<&Node>) -> Pairs {
    let map = node.and_then(Node::as_map).into_iter().flatten();
    map.filter_map(|entry| Some((entry.key.clone(), entry.value.as_str()?.into())))
        .collect()
}

fn text<'s>(node: &'s Node, key: &str) -> Option<&'s str> {
    node.get(key)
        .and_then(Node::as_str)
        .filter(|text| !text.is_empty())
}

fn tags_of(node: &Node) -> Option<Pairs> {
    let service = || text(node, "name").map(|name| (SERVICE.into(), name.into()));
    match text(node, "kind")? {
        "Mesh" => Some(Vec::new()),
        "MeshSubset" => Some(pairs(node.get("tags"))),
        "MeshService" => Some(vec![service()?]),
        "MeshServiceSubset" => {
            let mut all = pairs(node.get("tags"));
            all.push(service()?);
            Some(all)
        }
        _ => None,
    }
}

fn policy<'s>(object: &'s Object, control_plane: &ControlPlane) -> Policy<'s> {
    let node = object
        .body()
        .and_then(|body| body.at(&["spec", "targetRef"]));
    let kind = node.and_then(|node| text(node, "kind")).unwrap_or("Mesh");
    let order = [
        "Mesh",
        "Dataplane",
        "MeshSubset",
        "MeshGateway",
        "MeshService",
        "MeshServiceSubset",
    ];
    let order = order
        .iter()
        .position(|one| *one == kind)
        .unwrap_or(order.len());
    let target = match (kind, node) {
        ("Mesh" | "MeshSubset", _) => {
            let types = node.and_then(|node| node.get("proxyTypes")?.as_seq());
            let has_sidecars = types.is_none_or(|types| {
                types.is_empty() || types.iter().any(|one| one.as_str() == Some("Sidecar"))
            });
            match node.filter(|_| kind == "MeshSubset") {
                Some(node) if has_sidecars => Target::Tags(pairs(node.get("tags"))),
                Some(_) => Target::Other,
                None => Target::Mesh { has_sidecars },
            }
        }
        ("Dataplane", Some(node)) => Target::Dataplane {
            name: text(node, "name"),
            labels: node
                .get("labels")
                .filter(|labels| !labels.is_null())
                .map(|labels| pairs(Some(labels))),
            section: text(node, "sectionName"),
        },
        ("MeshService" | "MeshServiceSubset", Some(node)) => {
            tags_of(node).map_or(Target::Other, Target::Tags)
        }
        _ => Target::Other,
    };
    let within = match &target {
        Target::Dataplane { name: Some(_), .. } => 3,
        Target::Dataplane {
            section: Some(_), ..
        } => 2,
        Target::Dataplane {
            labels: Some(_), ..
        } => 1,
        _ => 0,
    };
    let home = object.namespace();
    let is_system = control_plane.namespaces.iter().any(|name| &**name == home);
    let is_of_zone = object.label("kuma.io/origin") != Some("global");
    Policy {
        object,
        mesh: mesh_of(object),
        namespace: (!is_system).then_some(home),
        target,
        rank: (
            u8::try_from(order).unwrap_or(u8::MAX),
            within,
            is_of_zone,
            !is_system,
            Reverse(&object.reference.name),
        ),
    }
}

pub(super) fn permission<'s>(object: &'s Object, control_plane: &ControlPlane) -> Permission<'s> {
    let from = object.items(&["spec", "from"]).iter().enumerate();
    let items = from.filter_map(|(index, node)| {
        let action = node.at(&["default", "action"])?;
        Some(Item {
            tags: tags_of(node.get("targetRef")?)?,
            is_allow: match action.as_str()? {
                "Allow" | "AllowWithShadowDeny" => true,
                "Deny" => false,
                _ => return None,
            },
            pointer: format!("/spec/from/{index}/default/action"),
            span: action.span,
        })
    });
    let rules = object.items(&["spec", "rules"]);
    let of = |lists: &[&str]| -> Vec<Match<'s>> {
        let mut all = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            for list in lists {
                let matches = rule.at(&["default", list]).and_then(Node::as_seq);
                for (place, node) in matches.unwrap_or_default().iter().enumerate() {
                    let pointer = format!("/spec/rules/{index}/default/{list}/{place}");
                    all.extend(matching(node, pointer));
                }
            }
        }
        all
    };
    Permission {
        policy: policy(object, control_plane),
        items: items.collect(),
        has_rules: !rules.is_empty(),
        allowed: of(&["allow", "allowWithShadowDeny"]),
        denied: of(&["deny"]),
    }
}

/// A match; one of nothing is about nobody.
fn matching(node: &Node, pointer: String) -> Option<Match<'_>> {
    let id = node.get("spiffeID").filter(|id| !id.is_null());
    let has_name = node.get("sni").is_some_and(|sni| !sni.is_null());
    let id = match id {
        Some(id) => {
            let is_exact = match text(id, "type")? {
                "Exact" => true,
                "Prefix" => false,
                _ => return None,
            };
            Some((is_exact, text(id, "value")?))
        }
        None if has_name => None,
        None => return None,
    };
    Some(Match {
        id,
        has_name,
        pointer,
        span: node.span,
    })
}

pub(super) fn mtls<'s>(object: &'s Object, control_plane: &ControlPlane) -> Tls<'s> {
    let mut modes = Vec::new();
    for field in ["from", "rules"] {
        for (index, node) in object.items(&["spec", field]).iter().enumerate() {
            let Some(mode) = node.at(&["default", "mode"]) else {
                continue;
            };
            let read = match mode.as_str() {
                Some("Permissive") => Mode::Permissive,
                Some("Strict") => Mode::Strict,
                _ => continue,
            };
            let pointer = format!("/spec/{field}/{index}/default/mode");
            modes.push((field == "from", read, pointer, mode.span));
        }
    }
    Tls {
        policy: policy(object, control_plane),
        modes,
    }
}

pub(super) fn old(object: &Object) -> Old<'_> {
    let of = |key: &str| -> Vec<Pairs> {
        let all = object.items(&["spec", key]).iter();
        all.map(|node| pairs(node.get("match"))).collect()
    };
    let mesh = object.body().and_then(|body| text(body, "mesh"));
    Old {
        object,
        mesh: mesh.map_or_else(|| mesh_of(object), Str::from),
        sources: of("sources"),
        destinations: of("destinations"),
    }
}
