//! Credentials that lie where nobody guards them: in ConfigMaps and in the specifications of
//! pods, known by what they are called. What they open nobody knows, so they lead no further.
//! Values are looked at only to see that there are any.

use crate::graph::Because;
use crate::picture::Picture;
use crate::spot::{Effect, NameId, NamespaceId, Scope, Spot};
use seawall_snapshot::pod::EnvSource;
use seawall_yaml::Node;

/// ConfigMaps with credentials.
pub(super) fn config_maps(picture: &mut Picture<'_>) -> Vec<(NameId, NamespaceId, Spot, Because)> {
    let mut all = Vec::new();
    for (_, object) in picture.snapshot.of_kind("", "ConfigMap") {
        let data = object.body().and_then(|body| body.get("data")?.as_map());
        let mut entries = data.into_iter().flat_map(|data| data.iter());
        let is_one = |key: &str, value: &Node| {
            let value = value.as_str().unwrap_or("");
            is_credential(key) && is_value(value)
        };
        let Some(entry) = entries.find(|entry| is_one(&entry.key, &entry.value)) else {
            continue;
        };
        let note = format!("{} has a credential in key {}", object.reference, entry.key);
        let mut place = Picture::noted(object, note);
        place.span = entry.key_span;
        let because = Because::Place(picture.place(place));
        let name = picture.names.find(&object.reference.name).unwrap_or(0);
        let space = picture.namespace(object.namespace());
        let spot = Spot::Effect(Effect::Data, Scope::In(space));
        all.push((NameId(name), space, spot, because));
    }
    all
}

/// Pods with credentials in their environment, as plain text.
pub(super) fn pod_specs(picture: &mut Picture<'_>) -> Vec<(NamespaceId, Spot, Because)> {
    let mut found = Vec::new();
    for (_, workload) in picture.workload_ids() {
        let containers = workload.template.containers.iter();
        let mut variables = containers.flat_map(|container| &container.env);
        let variable = variables.find(|variable| match &variable.source {
            EnvSource::Literal(value) => is_credential(&variable.name) && is_value(&value.value),
            _ => false,
        });
        if let Some(variable) = variable {
            let note = format!("{} has a credential in {}", workload.owner, variable.name);
            let mut place = Picture::noted(workload.object, note);
            place.span = variable.span;
            found.push((workload.namespace, place));
        }
    }
    let rows = found.into_iter().map(|(space, place)| {
        let spot = Spot::Effect(Effect::Data, Scope::In(space));
        (space, spot, Because::Place(picture.place(place)))
    });
    rows.collect()
}

/// Whether something of this name is a credential.
fn is_credential(name: &str) -> bool {
    const ENDINGS: [&str; 11] = [
        "password",
        "passwd",
        "secret_access_key",
        "secretaccesskey",
        "client_secret",
        "api_key",
        "apikey",
        "auth_token",
        "access_token",
        "private_key",
        "kubeconfig",
    ];
    let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether it is a value, and not a reference to one or a path to one.
fn is_value(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty() && !value.contains("$(") && !value.contains("${") && !value.starts_with('/')
}
