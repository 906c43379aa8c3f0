//! K1.2.1 and K1.2.6–8 for structured configuration files.

use super::Document;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_yaml::Node;

/// Judges an AuthenticationConfiguration.
pub(super) fn authentication(d: &Document<'_>, sink: &mut Sink) {
    let Some(enabled) = d.get(&["anonymous", "enabled"]) else {
        return;
    };
    sink.assess(Id::K1_2_1, 1);
    let conditions = d.items(&["anonymous", "conditions"]);
    if enabled.as_bool() != Some(true) || !conditions.is_empty() {
        return;
    }
    let locus = d.at("/anonymous/enabled", Some(enabled.span));
    let message = "the API server answers anonymous requests on every path".to_owned();
    let fix = "Add anonymous.conditions with the paths /livez, /readyz and /healthz".to_owned();
    d.report(sink, Draft::new(Id::K1_2_1, locus, message, fix));
}

/// Judges an AuthorizationConfiguration.
pub(super) fn authorization(d: &Document<'_>, sink: &mut Sink) {
    let authorizers = d.items(&["authorizers"]);
    if authorizers.is_empty() {
        return;
    }
    sink.assess_all(&[Id::K1_2_6, Id::K1_2_7, Id::K1_2_8]);
    let kind = |node: &Node| node.get("type").and_then(Node::as_str).map(str::to_owned);
    let kinds: Vec<String> = authorizers.iter().filter_map(kind).collect();
    let has = |name: &str| kinds.iter().any(|kind| kind == name);
    let span = d.get(&["authorizers"]).map(|node| node.span);
    if has("AlwaysAllow") {
        let locus = d.at("/authorizers[AlwaysAllow]", span);
        let message = "the API server allows everything to everyone (AlwaysAllow)".to_owned();
        let fix = "Remove the authorizer AlwaysAllow".to_owned();
        d.report(sink, Draft::new(Id::K1_2_6, locus, message, fix));
    }
    for (id, name) in [(Id::K1_2_7, "Node"), (Id::K1_2_8, "RBAC")] {
        if !has(name) {
            let message = format!("{name} is not among the API server's authorizers");
            let fix = format!("Add an authorizer of type {name}");
            d.report(
                sink,
                Draft::new(id, d.at("/authorizers", span), message, fix),
            );
        }
    }
}
