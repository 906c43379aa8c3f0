//! NP-20: published names that lead elsewhere.
//!
//! That Services are open to the outside is said where each of them is judged by itself; here
//! it is about where a published one leads.

use super::{Report, Scene, place};
use crate::policy::At;
use crate::reach::METADATA;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways;
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;
use std::collections::HashMap;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let world = scene.network.world();
    let mut published: Option<HashMap<(&str, &str), &Object>> = None;
    for service in world.of_kind("", "Service").iter().copied() {
        let spec = service
            .body()
            .map(At::root)
            .and_then(|root| root.map("spec").ok()?);
        let Some(spec) =
            spec.filter(|spec| spec.text("type").ok().flatten() == Some("ExternalName"))
        else {
            continue;
        };
        report.assess_each(&[Id::NP_20]);
        let Some(name) = spec.get("externalName") else {
            continue;
        };
        let Some(target) = target(name.node.as_str().unwrap_or_default(), service.namespace())
        else {
            continue;
        };
        let published = published.get_or_insert_with(|| ways::published(world));
        let key = (service.namespace(), &*service.reference.name);
        let Some(route) = published.get(&key) else {
            continue;
        };
        let message = format!(
            "{} publishes this Service, which leads to {target}",
            route.reference
        );
        let fix = "Publish a Service with a selector in the namespace that it is of".to_owned();
        let draft = Draft::new(Id::NP_20, place(&name.pointer, name.span()), message, fix)
            .severity(Severity::High)
            .evidence("the route", Proof::Object(route.reference.clone()));
        report.add(service, draft);
    }
}

/// Where a name leads that is not for the outside, nor of the own namespace.
fn target(name: &str, own: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_metadata = METADATA
        .iter()
        .any(|known| known.split('/').next() == Some(&*name))
        || name == "metadata.google.internal";
    if is_metadata {
        return Some(format!("the cloud's metadata ({name})"));
    }
    if name == "localhost" || name.starts_with("127.") {
        return Some(format!("the proxy itself ({name})"));
    }
    let inner = name.strip_suffix(".cluster.local").unwrap_or(&name);
    let inner = inner.strip_suffix(".svc")?;
    let (service, space) = inner.rsplit_once('.')?;
    (space != own).then(|| format!("Service {service} of namespace {space}"))
}
