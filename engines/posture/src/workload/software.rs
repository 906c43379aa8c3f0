//! N11 and N18: programs that are a finding by being there.

use super::{Subject, who};
use crate::image::ImageReference;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::{Proof, Severity, Span};
use seawall_snapshot::Container;

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    for c in s.written() {
        let Some(image) = &c.image else { continue };
        // Cheap before exact: nearly no image is one of these.
        if image.value.contains("tiller") {
            tiller(s, c, image.span, &image.value, sink);
        } else if image.value.contains("dashboard") {
            dashboard(s, c, &image.value, sink);
        } else if image.value.contains("nginx") {
            ingress_nginx(s, c, image.span, &image.value, sink);
        }
    }
}

fn tiller(s: &Subject<'_>, c: &Container, span: Span, image: &str, sink: &mut Sink) {
    let Some(reference) = ImageReference::parse(image) else {
        return;
    };
    if reference.name() != "tiller" {
        return;
    }
    sink.assess(Id::N18, 1);
    let locus = s.in_container(c, "image", Some(span));
    let message = format!(
        "{} is Tiller: any pod that reaches it is cluster-admin",
        who(c)
    );
    let fix = "Remove Tiller; Helm 3 and later need no server".to_owned();
    sink.add(
        s.asset,
        Draft::new(Id::N18, locus, message, fix).severity(Severity::Critical),
    );
}

/// Flags of the dashboard that open it, and what they do.
const OPEN: [(&str, &str); 3] = [
    ("--enable-skip-login", "lets visitors skip the login"),
    ("--enable-insecure-login", "takes logins without TLS"),
    (
        "--disable-settings-authorizer",
        "lets anyone change its settings",
    ),
];

fn dashboard(s: &Subject<'_>, c: &Container, image: &str, sink: &mut Sink) {
    let Some(reference) = ImageReference::parse(image) else {
        return;
    };
    let known = matches!(
        reference.path,
        "kubernetesui/dashboard"
            | "kubernetesui/dashboard-web"
            | "kubernetesui/dashboard-auth"
            | "kubernetesui/dashboard-api"
    ) || reference.name().starts_with("kubernetes-dashboard");
    if !known {
        return;
    }
    sink.assess(Id::N18, 1);
    for word in c.command.iter().chain(&c.args) {
        let (flag, value) = word.value.split_once('=').unwrap_or((&word.value, "true"));
        let Some((flag, what)) = OPEN.iter().find(|(name, _)| *name == flag) else {
            continue;
        };
        if value != "true" {
            continue;
        }
        let mut locus = s.in_container(c, "args", Some(word.span));
        locus.path = format!("{}[{flag}]", locus.path);
        let message = format!("the dashboard {what} ({flag})");
        let fix = format!("Remove {flag}");
        sink.add(s.asset, Draft::new(Id::N18, locus, message, fix));
    }
}

/// The community controller: no longer maintained since March 2026, and versions before
/// v1.11.5 and v1.12.1 let any pod take it over (CVE-2025-1974).
fn ingress_nginx(s: &Subject<'_>, c: &Container, span: Span, image: &str, sink: &mut Sink) {
    let Some(reference) = ImageReference::parse(image) else {
        return;
    };
    let path = reference.path;
    let known = path.ends_with("ingress-nginx/controller")
        || path.ends_with("ingress-nginx/controller-chroot")
        || path.ends_with("nginx-ingress-controller")
            && !path.contains("nginxinc")
            && !path.contains("bitnami");
    if !known {
        return;
    }
    sink.assess(Id::N11, 1);
    let locus = s.in_container(c, "image", Some(span));
    let version = reference.tag.and_then(version);
    let open = version.is_some_and(|(major, minor, patch)| {
        (major, minor) < (1, 11)
            || ((major, minor) == (1, 11) && patch < 5)
            || ((major, minor) == (1, 12) && patch < 1)
    });
    let (message, severity) = if open {
        (
            format!(
                "{} is an ingress-nginx that any pod can take over (CVE-2025-1974)",
                who(c)
            ),
            Severity::Critical,
        )
    } else {
        (
            format!(
                "{} is ingress-nginx, which gets no more fixes since March 2026",
                who(c)
            ),
            Severity::Medium,
        )
    };
    let fix = "Move to a maintained ingress controller or to the Gateway API".to_owned();
    let mut draft = Draft::new(Id::N11, locus, message, fix).severity(severity);
    if open {
        draft = draft.evidence("fixed in v1.11.5 and v1.12.1", Proof::Source(span));
    }
    sink.add(s.asset, draft);
}

fn version(tag: &str) -> Option<(u32, u32, u32)> {
    let tag = tag
        .trim_start_matches("controller-")
        .trim_start_matches('v');
    let mut parts = tag.split(['.', '-', '+']);
    let mut next = || parts.next()?.parse().ok();
    Some((next()?, next()?, next()?))
}
