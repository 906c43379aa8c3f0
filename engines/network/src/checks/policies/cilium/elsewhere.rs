//! CIL-23: local redirects and egress gateways.

use super::super::{Report, Scene, place, plugin};
use crate::policy::At;
use crate::reach::{Cidr, METADATA};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let world = scene.network.world();
    let settings = plugin::settings_object(world);
    let settings = settings.as_ref();
    for object in world
        .of_kind("cilium.io", "CiliumLocalRedirectPolicy")
        .iter()
        .copied()
    {
        report.assess_each(&[Id::CIL_23]);
        redirect(object, settings, report);
    }
    for object in world
        .of_kind("cilium.io", "CiliumEgressGatewayPolicy")
        .iter()
        .copied()
    {
        report.assess_each(&[Id::CIL_23]);
        let keys = ["enable-egress-gateway", "enable-ipv4-egress-gateway"];
        let what = "pods leave by the addresses of their nodes, not by the gateway's";
        off(object, settings, &keys, what, report);
    }
}

/// The ConfigMap with Cilium's settings.
type Settings<'a, 'n> = Option<&'a (&'n Object, At<'n>)>;

fn is_on(settings: Settings<'_, '_>, keys: &[&str]) -> Option<bool> {
    let (_, data) = settings?;
    let mut keys = keys.iter();
    Some(keys.any(|key| data.text(key).ok().flatten() == Some("true")))
}

/// A policy for something that is off.
fn off(
    object: &Object,
    settings: Settings<'_, '_>,
    keys: &[&str],
    what: &str,
    report: &mut Report,
) {
    let (Some(false), Some((config, _)), Some(key)) =
        (is_on(settings, keys), settings, keys.first())
    else {
        return;
    };
    let message = format!("the policy has no effect, {key} is not set: {what}");
    let fix = format!("Set {key} to true");
    let draft = Draft::new(Id::CIL_23, place("", object.name_span), message, fix)
        .evidence("the settings", Proof::Object(config.reference.clone()));
    report.add(object, draft);
}

/// A redirect of an address, which no namespace owns.
fn redirect(object: &Object, settings: Settings<'_, '_>, report: &mut Report) {
    let keys = ["enable-local-redirect-policy"];
    if is_on(settings, &keys) == Some(false) {
        let what = "traffic goes where it would without it";
        off(object, settings, &keys, what, report);
        return;
    }
    let is_limited = settings.is_some_and(|(_, data)| {
        let allowed = data.text("lrp-address-matcher-cidrs").ok().flatten();
        allowed.is_some_and(|cidrs| !cidrs.trim().is_empty())
    });
    let spec = object
        .body()
        .map(At::root)
        .and_then(|root| root.map("spec").ok()?);
    let frontend = spec.and_then(|spec| spec.map("redirectFrontend").ok()?);
    let matcher = frontend.and_then(|at| at.map("addressMatcher").ok()?);
    let Some(ip) = matcher.and_then(|at| at.get("ip")) else {
        return; // of a Service of its own namespace
    };
    let address = ip.node.as_str().unwrap_or_default();
    let space = object.namespace();
    if is_limited || space == "kube-system" || space.contains("cilium") {
        return;
    }
    let is_metadata = METADATA.iter().any(|known| {
        let both = Cidr::read(known).zip(Cidr::read_loosely(address));
        both.is_some_and(|(known, own)| known == own)
    });
    let (severity, what) = if is_metadata {
        (Severity::High, ", the cloud's metadata,")
    } else {
        (Severity::Medium, "")
    };
    let message = format!(
        "what pods of every namespace send to {address}{what} goes to pods of namespace {space}"
    );
    let fix = "Limit the addresses that redirects may name (lrp-address-matcher-cidrs), and let \
               administrators write them"
        .to_owned();
    let draft = Draft::new(Id::CIL_23, place(&ip.pointer, ip.span()), message, fix);
    report.add(object, draft.severity(severity));
}
