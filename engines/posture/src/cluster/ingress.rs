//! N10 and N11: Ingress objects.

use super::Thing;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::Severity;
use seawall_yaml::Node;

pub(super) fn check(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess_all(&[Id::N10, Id::N11]);
    tls(t, sink);
    hosts(t, sink);
    backends(t, sink);
    snippets(t, sink);
}

/// Annotations by which something in front of the Ingress brings the certificate.
const CERTIFICATES: &[&str] = &[
    "alb.ingress.kubernetes.io/certificate-arn",
    "alb.ingress.kubernetes.io/ssl-redirect",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
    "networking.gke.io/managed-certificates",
    "networking.gke.io/v1beta1.FrontendConfig",
    "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
    "nginx.ingress.kubernetes.io/ssl-passthrough",
    "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
    "traefik.ingress.kubernetes.io/router.tls",
    "haproxy.org/ssl-passthrough",
    "external-dns.alpha.kubernetes.io/cloudflare-proxied",
];

fn is_local(host: &str) -> bool {
    host == "localhost"
        || [
            ".localhost",
            ".local",
            ".test",
            ".internal",
            ".localdomain",
            ".nip.io",
            ".sslip.io",
        ]
        .iter()
        .any(|end| host.ends_with(end))
}

fn tls(t: &Thing<'_>, sink: &mut Sink) {
    if !t.items(&["spec", "tls"]).is_empty()
        || CERTIFICATES
            .iter()
            .any(|key| t.object.annotation(key).is_some())
        || t.object
            .annotation("alb.ingress.kubernetes.io/scheme")
            .is_some_and(|field| &*field.value == "internal")
    {
        return;
    }
    let hosts: Vec<&str> = t
        .items(&["spec", "rules"])
        .iter()
        .filter_map(|rule| rule.get("host").and_then(Node::as_str))
        .filter(|host| !host.is_empty())
        .collect();
    if !hosts.is_empty() && hosts.iter().all(|host| is_local(host)) {
        return;
    }
    let locus = t.at(
        "/spec/tls",
        "spec/tls",
        t.get(&["spec", "rules"]).map(|_| t.object.name_span),
    );
    let message = if hosts.is_empty() {
        "the Ingress serves without TLS".to_owned()
    } else {
        format!(
            "{} served without TLS",
            list(&hosts) + if hosts.len() == 1 { " is" } else { " are" }
        )
    };
    let fix = "Add spec.tls with the hosts and the Secret of their certificate".to_owned();
    sink.add(t.asset, Draft::new(Id::N10, locus, message, fix));
}

fn hosts(t: &Thing<'_>, sink: &mut Sink) {
    for (index, rule) in t.items(&["spec", "rules"]).iter().enumerate() {
        let host = rule.get("host").filter(|node| !node.is_null());
        let text = host.and_then(Node::as_str).unwrap_or_default();
        let (message, span) = match host {
            Some(node) if text == "*" || text.starts_with("*.") => (
                format!("the Ingress answers for every name under `{text}`"),
                node.span,
            ),
            Some(_) if !text.is_empty() => continue,
            _ => (
                "a rule without a host answers for every name".to_owned(),
                rule.span,
            ),
        };
        let locus = t.at(
            &format!("/spec/rules/{index}/host"),
            &format!("spec/rules[{text}]/host"),
            Some(span),
        );
        let fix = "Name the hosts that the Ingress is for".to_owned();
        sink.add(
            t.asset,
            Draft::new(Id::N10, locus, message, fix).severity(Severity::Info),
        );
    }
}

fn backends(t: &Thing<'_>, sink: &mut Sink) {
    let Some(space) = t.index.at(t.scope(), t.namespace()) else {
        return;
    };
    // Services of the namespace are in the input, and nothing here makes others.
    if space.services.is_empty() || space.custom_resources {
        return;
    }
    for (rule_index, rule) in t.items(&["spec", "rules"]).iter().enumerate() {
        let paths = rule
            .at(&["http", "paths"])
            .and_then(Node::as_seq)
            .unwrap_or_default();
        for (index, path) in paths.iter().enumerate() {
            let name = path
                .at(&["backend", "service", "name"])
                .or_else(|| path.at(&["backend", "serviceName"]));
            let Some((node, text)) = name.and_then(|node| Some((node, node.as_str()?))) else {
                continue;
            };
            // `ssl-redirect` and the like: the ALB controller's own actions.
            let action = path
                .at(&["backend", "service", "port", "name"])
                .and_then(Node::as_str);
            if action == Some("use-annotation")
                || space
                    .services
                    .iter()
                    .any(|service| &*service.reference.name == text)
            {
                continue;
            }
            let locus = t.at(
                &format!("/spec/rules/{rule_index}/http/paths/{index}/backend"),
                &format!("spec/rules/backend[{text}]"),
                Some(node.span),
            );
            let message = format!(
                "the Ingress sends traffic to Service `{text}`, which does not exist in its namespace"
            );
            let fix = format!("Create Service `{text}`, or correct the backend");
            sink.add(
                t.asset,
                Draft::new(Id::N10, locus, message, fix).severity(Severity::Low),
            );
        }
    }
}

fn snippets(t: &Thing<'_>, sink: &mut Sink) {
    const NAMES: [&str; 6] = [
        "configuration-snippet",
        "server-snippet",
        "auth-snippet",
        "modsecurity-snippet",
        "stream-snippet",
        "location-snippets",
    ];
    for (key, value) in &t.object.annotations {
        let Some((domain, name)) = key.split_once('/') else {
            continue;
        };
        let known = matches!(
            domain,
            "nginx.ingress.kubernetes.io" | "nginx.org" | "ingress.kubernetes.io"
        );
        if !known || !(NAMES.contains(&name) || name.ends_with("-snippets")) {
            continue;
        }
        let pointer = format!(
            "/metadata/annotations/{}",
            key.replace('~', "~0").replace('/', "~1")
        );
        let locus = t.at(
            &pointer,
            &format!("metadata/annotations[{key}]"),
            Some(value.span),
        );
        let message = format!("`{key}` puts text into the controller's configuration");
        let fix = format!("Remove {key}; use the controller's own options for what it does");
        sink.add(
            t.asset,
            Draft::new(Id::N11, locus, message, fix).severity(Severity::Medium),
        );
    }
}
