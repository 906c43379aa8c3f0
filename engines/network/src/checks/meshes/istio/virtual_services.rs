//! IST-TC-13 to 15: what VirtualServices do to requests besides leading them.

use super::super::{Report, get, place, texts};
use super::Scene;
use super::destinations::{is_outside, service_name};
use crate::istio::NETWORKING;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Span;
use seawall_snapshot::Object;
use seawall_yaml::Node;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = scene.world.of_kind(NETWORKING, "VirtualService");
    report.assess(&[Id::IST_TC_13, Id::IST_TC_14, Id::IST_TC_15], all.len());
    for object in all.iter().copied() {
        for (index, rule) in object.items(&["spec", "http"]).iter().enumerate() {
            let here = Route {
                object,
                rule,
                pointer: format!("/spec/http/{index}"),
            };
            here.origins(report);
            here.mirrors(report);
            here.identities(report);
            here.delegate(report);
        }
    }
}

/// One rule of a VirtualService.
struct Route<'s> {
    object: &'s Object,
    rule: &'s Node,
    pointer: String,
}

impl Route<'_> {
    fn add(&self, id: Id, rest: &str, span: Span, message: String, fix: &str, report: &mut Report) {
        let locus = place(self.object, &format!("{}/{rest}", self.pointer), Some(span));
        report.add(self.object, Draft::new(id, locus, message, fix.to_owned()));
    }

    /// IST-TC-13: who may use the sessions of users.
    fn origins(&self, report: &mut Report) {
        let Some(policy) = self.rule.get("corsPolicy") else {
            return;
        };
        let allows = policy.get("allowCredentials").and_then(Node::as_bool);
        if allows != Some(true) {
            return;
        }
        let items = |key: &str| policy.get(key).and_then(Node::as_seq).unwrap_or_default();
        let kinds = ["exact", "prefix", "regex"];
        let said = items("allowOrigins").iter().filter_map(|one| {
            let found = kinds.iter().find_map(|kind| Some((*kind, one.get(kind)?)));
            let (kind, node) = found?;
            Some((kind, node.as_str()?, node.span))
        });
        let old = items("allowOrigin").iter();
        let old = old.filter_map(|one| Some(("exact", one.as_str()?, one.span)));
        let bad = said
            .chain(old)
            .find_map(|(kind, text, span)| Some((whom(kind, text)?, text, span)));
        let Some((whom, text, span)) = bad else {
            return;
        };
        let message = format!("{whom} may call with the credentials of users ({text})");
        let fix = "List the origins with exact, or remove allowCredentials";
        let rest = "corsPolicy/allowOrigins";
        self.add(Id::IST_TC_13, rest, span, message, fix, report);
    }

    /// Hosts that requests are led to.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        let routes = self.rule.get("route").and_then(Node::as_seq);
        let all = routes.unwrap_or_default().iter();
        all.filter_map(|to| to.at(&["destination", "host"])?.as_str())
    }

    /// IST-TC-14: a copy that goes to others than the request does.
    fn mirrors(&self, report: &mut Report) {
        let home = self.object.namespace();
        let one = self.rule.at(&["mirror", "host"]);
        let one = one.map(|node| ("mirror/host".to_owned(), node));
        let list = self.rule.get("mirrors").and_then(Node::as_seq);
        let several = list.unwrap_or_default().iter().enumerate();
        let several = several.filter_map(|(index, mirror)| {
            let node = mirror.at(&["destination", "host"])?;
            Some((format!("mirrors/{index}/destination/host"), node))
        });
        for (rest, node) in one.into_iter().chain(several) {
            let host = node.as_str().unwrap_or_default();
            let to = namespace_of(host, home);
            let is_known = to.is_some() || is_outside(host);
            let mut others = self.hosts();
            let goes_along = |other: &str| other == host || namespace_of(other, home) == to;
            if !is_known || others.any(goes_along) {
                continue;
            }
            let whom = match to {
                Some(namespace) => format!("namespace {namespace}"),
                None => "outside the cluster".to_owned(),
            };
            let message = format!("requests are copied to {host}, {whom}, with all tokens in them");
            let fix = "Mirror inside the namespace that gets the requests anyway";
            self.add(Id::IST_TC_14, &rest, node.span, message, fix, report);
        }
    }

    /// IST-TC-14: a header that says who calls, the same for every caller.
    fn identities(&self, report: &mut Report) {
        let own = self.rule.at(&["headers", "request"]);
        let own = own.map(|node| ("headers/request".to_owned(), node));
        let routes = self.rule.get("route").and_then(Node::as_seq);
        let each = routes.unwrap_or_default().iter().enumerate();
        let each = each.filter_map(|(index, to)| {
            let node = to.at(&["headers", "request"])?;
            Some((format!("route/{index}/headers/request"), node))
        });
        for (rest, request) in own.into_iter().chain(each) {
            for operation in ["set", "add"] {
                let map = request.get(operation).and_then(Node::as_map);
                let mut entries = map.into_iter().flatten();
                // What Envoy takes from the connection was proved there.
                let is_proved = |value: &Node| {
                    value
                        .as_str()
                        .is_some_and(|text| text.contains("%DOWNSTREAM"))
                };
                let found = entries.find(|entry| {
                    let name = entry.key.to_ascii_lowercase();
                    IDENTITIES.contains(&&*name) && !is_proved(&entry.value)
                });
                let Some(entry) = found else { continue };
                let message = format!(
                    "the route writes {}, which says who calls: every caller is that one",
                    entry.key
                );
                let fix = "Leave the header to what verifies the caller";
                let rest = format!("{rest}/{operation}/{}", entry.key);
                self.add(Id::IST_TC_14, &rest, entry.key_span, message, fix, report);
            }
        }
    }

    /// IST-TC-15.
    fn delegate(&self, report: &mut Report) {
        let Some(node) = self.rule.at(&["delegate", "namespace"]) else {
            return;
        };
        let Some(to) = node.as_str().filter(|to| *to != self.object.namespace()) else {
            return;
        };
        let hosts = texts(get(self.object, &["spec", "hosts"]));
        let message = format!(
            "namespace {to} decides where requests of {} go",
            hosts.first().unwrap_or(&"this host")
        );
        let fix = "Delegate inside the namespace, or let only the same owners write there";
        let rest = "delegate/namespace";
        self.add(Id::IST_TC_15, rest, node.span, message, fix, report);
    }
}

/// The namespace of the Service that a host means; `None` is outside.
fn namespace_of<'a>(host: &'a str, home: &'a str) -> Option<&'a str> {
    service_name(host, home).map(|(_, namespace)| namespace)
}

/// Headers by which services and proxies are told who calls.
const IDENTITIES: [&str; 14] = [
    "authorization",
    "impersonate-user",
    "kubeflow-userid",
    "remote-user",
    "x-auth-request-email",
    "x-auth-request-user",
    "x-envoy-external-address",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-user",
    "x-remote-group",
    "x-remote-user",
    "x-user-id",
    "x-webauth-user",
];

/// Whom an origin takes in besides those that are meant.
fn whom(kind: &str, text: &str) -> Option<&'static str> {
    const ALL: &str = "every site";
    const ALIKE: &str = "sites with a name that only looks alike";
    match kind {
        "exact" => (text == "*").then_some(ALL),
        // An origin ends behind the host or its port: there is always something to add.
        "prefix" => {
            let host = text.split_once("://").map_or("", |(_, host)| host);
            match (host.is_empty(), host.ends_with(':')) {
                (true, _) => Some(ALL),
                (false, true) => None,
                (false, false) => Some(ALIKE),
            }
        }
        "regex" => {
            let inner = text.trim_start_matches('^').trim_end_matches('$');
            let host = inner.split_once("://").map_or(inner, |(_, host)| host);
            let is_any = |part: &str| matches!(part, ".*" | ".+" | "(.*)" | "(.+)");
            // A name that begins in the middle of a word is somebody else's, too.
            let begins_in_word = [".*", ".+"].iter().any(|any| {
                let rest = host.split_once(any).map(|(_, rest)| rest);
                rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            });
            match host {
                host if is_any(host) => Some(ALL),
                host if host.ends_with(".*") || host.ends_with(".+") => Some(ALIKE),
                _ => begins_in_word.then_some(ALIKE),
            }
        }
        _ => None,
    }
}
