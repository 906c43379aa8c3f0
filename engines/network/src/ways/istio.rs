//! Istio's Gateway and VirtualService: which hosts and paths of a gateway lead to which Service.
//!
//! A gateway serves the servers of every Gateway that selects its pods, whatever their
//! namespace. `exportTo` of a VirtualService is not applied: it hides a route from gateways of
//! other namespaces, and what it hides today the next release may show.

use super::picks::{Match, Picks};
use super::{BackendPort, Link, Route, endpoints_where};
use crate::places::Peer;
use crate::policy::At;
use crate::request::matches::MatchRank;
use crate::request::{Condition, Field, Pattern, Test};
use crate::world::World;
use seawall_model::Str;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

const GROUP: &str = "networking.istio.io";

/// One server of a Gateway.
struct Server<'s> {
    gateway: &'s Object,
    through: Vec<Peer>,
    port: Option<u16>,
    /// With the namespace before the slash, if there is one.
    hosts: Vec<&'s str>,
    is_encrypted: bool,
    link: Link<'s>,
}

pub(super) fn routes<'s>(world: &World<'s>) -> Vec<Route<'s>> {
    let servers: Vec<Server<'s>> = world
        .of_kind(GROUP, "Gateway")
        .iter()
        .flat_map(|object| servers(object, world))
        .collect();
    let mut routes = Vec::new();
    for object in world.of_kind(GROUP, "VirtualService") {
        virtual_service(object, &servers, &mut routes);
    }
    routes
}

fn servers<'s>(object: &'s Object, world: &World<'s>) -> Vec<Server<'s>> {
    let spec = object
        .body()
        .map(At::root)
        .and_then(|root| root.map("spec").ok()?);
    let Some(spec) = spec else { return Vec::new() };
    let selector = spec
        .get("selector")
        .and_then(|at| LabelSelector::read_map(at.node));
    let selector = selector.filter(|selector| !selector.requirements.is_empty());
    let through = selector.map_or_else(Vec::new, |selector| {
        endpoints_where(world, |endpoint| {
            selector.matches(&endpoint.template.labels)
        })
    });
    let through = if through.is_empty() {
        vec![Peer::Controller]
    } else {
        through
    };
    let server = |at: At<'s>| {
        let port = at.map("port").ok().flatten();
        let tls = at.map("tls").ok().flatten();
        let redirects = tls.as_ref().and_then(|tls| tls.flag("httpsRedirect").ok()?);
        if redirects == Some(true) {
            return None; // it answers with the other address and nothing else
        }
        let protocol = port.as_ref().and_then(|port| port.text("protocol").ok()?);
        Some(Server {
            gateway: object,
            through: through.clone(),
            port: port.as_ref().and_then(|port| port.port("number").ok()?),
            hosts: texts(&at, "hosts"),
            is_encrypted: matches!(protocol, Some("HTTPS" | "TLS")),
            link: Link {
                object,
                pointer: at.pointer.clone(),
                span: at.span(),
            },
        })
    };
    spec.maps("servers")
        .unwrap_or_default()
        .into_iter()
        .filter_map(server)
        .collect()
}

fn texts<'s>(at: &At<'s>, key: &str) -> Vec<&'s str> {
    let items = at.texts(key).unwrap_or_default();
    items.iter().filter_map(|at| at.node.as_str()).collect()
}

fn virtual_service<'s>(object: &'s Object, servers: &[Server<'s>], routes: &mut Vec<Route<'s>>) {
    let spec = object
        .body()
        .map(At::root)
        .and_then(|root| root.map("spec").ok()?);
    let Some(spec) = spec else { return };
    let hosts = texts(&spec, "hosts");
    let gateways = texts(&spec, "gateways");
    for server in servers {
        let named = gateways.iter().any(|name| {
            let (space, name) = name.split_once('/').unwrap_or((object.namespace(), name));
            space == server.gateway.namespace() && name == &*server.gateway.reference.name
        });
        let served: Vec<Str> = hosts
            .iter()
            .filter(|host| {
                server
                    .hosts
                    .iter()
                    .any(|own| serves(own, host, object, server))
            })
            .map(|host| Str::from(*host))
            .collect();
        if !named || served.is_empty() {
            continue;
        }
        for kind in ["http", "tls", "tcp"] {
            let rules = spec.maps(kind).unwrap_or_default();
            let matches = rules.iter().enumerate().map(|(index, rule)| Match {
                hosts: Vec::new(),
                // The first that fits counts.
                rank: Some((usize::MAX - index, false, MatchRank::default())),
                requests: requests(rule, kind, server),
            });
            let picks = Picks::split(matches.collect(), rules.iter().map(|_| 1));
            for (rule, picks) in rules.iter().zip(picks) {
                for to in rule.maps("route").unwrap_or_default() {
                    let Some(target) = destination(&to, object) else {
                        continue;
                    };
                    routes.push(Route {
                        through: server.through.clone(),
                        listens: server.port,
                        hosts: served.iter().filter(|h| &***h != "*").cloned().collect(),
                        requests: picks.requests(),
                        picks: picks.clone(),
                        is_encrypted: server.is_encrypted,
                        links: vec![
                            server.link.clone(),
                            Link {
                                object,
                                pointer: to.pointer.clone(),
                                span: to.span(),
                            },
                        ],
                        to: target,
                    });
                }
            }
        }
    }
}

/// Whether a host of a server takes in a host of a VirtualService.
fn serves(own: &str, host: &str, object: &Object, server: &Server<'_>) -> bool {
    let (space, pattern) = own.split_once('/').unwrap_or(("*", own));
    let space_fits = match space {
        "*" => true,
        "." => object.namespace() == server.gateway.namespace(),
        name => object.namespace() == name,
    };
    space_fits && super::hosts_meet(pattern, host)
}

/// The requests that a rule is for: one of its matches fits.
fn requests(rule: &At<'_>, kind: &str, server: &Server<'_>) -> Condition {
    let cases = rule.maps("match").unwrap_or_default();
    if cases.is_empty() {
        return Condition::Always;
    }
    Condition::any(cases.iter().map(|case| matched(case, kind, server)))
}

fn matched(case: &At<'_>, kind: &str, server: &Server<'_>) -> Condition {
    let port: Option<u16> = case.port("port").ok().flatten();
    if port.is_some() && server.port.is_some() && port != server.port {
        return Condition::Never;
    }
    let mut parts = Vec::new();
    let any_case = case.flag("ignoreUriCase").ok().flatten() == Some(true);
    for (key, field) in [
        ("uri", Field::Path),
        ("method", Field::Method),
        ("authority", Field::Host),
    ] {
        if let Ok(Some(at)) = case.map(key) {
            let is_any_case = any_case && field == Field::Path;
            parts.push(string_match(&at, field, is_any_case));
        }
    }
    if kind == "tls" {
        parts.push(Condition::Is(Test {
            field: Field::ServerName,
            patterns: texts(case, "sniHosts")
                .into_iter()
                .map(Pattern::read)
                .collect(),
        }));
    }
    let others = OTHERS.iter().filter(|key| case.get(key).is_some());
    parts.extend(others.map(|key| Condition::unknown(format!("match of {key} that fits"))));
    Condition::all(parts)
}

/// What else a match may ask for.
const OTHERS: [&str; 8] = [
    "headers",
    "withoutHeaders",
    "queryParams",
    "scheme",
    "gateways",
    "sourceLabels",
    "sourceNamespace",
    "destinationSubnets",
];

fn string_match(at: &At<'_>, field: Field, any_case: bool) -> Condition {
    let text = |key: &str| at.get(key).and_then(|at| Node::as_str(at.node));
    let pattern = match (text("exact"), text("prefix"), text("regex")) {
        (Some(exact), _, _) => Pattern::Exact(exact.into()),
        (_, Some("/"), _) if field == Field::Path => return Condition::Always,
        (_, Some(prefix), _) => Pattern::beginning(prefix),
        (_, _, Some(regex)) => {
            return match Pattern::read_regex(regex) {
                Some(patterns) => Condition::Is(Test { field, patterns }),
                None => Condition::unknown(format!("{field} ~ {regex}")),
            };
        }
        _ => return Condition::Always,
    };
    if any_case {
        return pattern.in_any_case().map_or(Condition::Always, |patterns| {
            Condition::Is(Test { field, patterns })
        });
    }
    Condition::is(field, pattern)
}

/// The Service of a destination. Short names are of the VirtualService's namespace.
fn destination<'s>(
    to: &At<'s>,
    object: &'s Object,
) -> Option<(&'s str, &'s str, Option<BackendPort>)> {
    let destination = to.map("destination").ok()??;
    let host = destination.text("host").ok()??;
    let mut parts = host.split('.');
    let name = parts.next()?;
    let space = match (parts.next(), parts.next()) {
        (None, _) => object.namespace(),
        (Some(space), None | Some("svc")) => space,
        _ => return None,
    };
    let port = destination.map("port").ok().flatten();
    let port = port.and_then(|port| port.number("number").ok()?);
    Some((space, name, port.map(BackendPort::Number)))
}
