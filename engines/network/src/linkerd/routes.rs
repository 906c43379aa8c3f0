//! HTTPRoutes and GRPCRoutes that attach to Servers: which requests pick which.
//!
//! Of all matches that fit a request the most exact one picks the route: first by host, then
//! by the length of the path, then by method, headers and query; of equal ones the older
//! route. How exact a match is can be told without a request (that of a regular expression
//! counts as exact), so that the matches of all routes are one list, and the first that fits
//! picks.

use super::POLICY;
use crate::istio::GATEWAY_API;
use crate::request::{Condition, Field, Pattern};
use crate::world::World;
use seawall_model::Str;
use seawall_snapshot::Object;
use seawall_yaml::Node;

/// A route.
#[derive(Debug)]
pub struct Route<'s> {
    /// The object.
    pub object: &'s Object,
    /// The Servers that it attaches to.
    pub servers: Vec<Str>,
    /// What picks it.
    pub matches: Vec<Match>,
}

/// How exact a match is.
type Rank = (bool, usize, usize, usize, bool, usize, usize);

/// One match of a route.
#[derive(Debug)]
pub struct Match {
    rank: Rank,
    /// The requests that it fits.
    pub requests: Condition,
    /// Whether the proxy answers them itself.
    pub is_answered: bool,
}

/// All routes, of HTTP and of gRPC, older ones first.
#[derive(Debug)]
pub struct Routes<'s> {
    http: Vec<Route<'s>>,
    grpc: Vec<Route<'s>>,
}

/// What a proxy takes the traffic of a port for, as far as routes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests.
    Http,
    /// Requests of gRPC.
    Grpc,
}

impl<'s> Routes<'s> {
    /// Reads them off a world.
    pub(super) fn new(world: &World<'s>) -> Self {
        let of = |groups: &[&str], kind: &str, which: Kind| {
            let objects = groups.iter().flat_map(|group| world.of_kind(group, kind));
            let mut all: Vec<Route<'s>> =
                objects.filter_map(|object| route(object, which)).collect();
            all.sort_by_key(|one| {
                let reference = &one.object.reference;
                (
                    super::created(one.object),
                    &reference.group,
                    &reference.name,
                )
            });
            all
        };
        Self {
            http: of(&[GATEWAY_API, POLICY], "HTTPRoute", Kind::Http),
            grpc: of(&[GATEWAY_API], "GRPCRoute", Kind::Grpc),
        }
    }

    /// The matches of the routes that attach to a Server, in the order in which they pick.
    pub fn of_server(&self, server: &Object, kind: Kind) -> Vec<(&Route<'s>, &Match)> {
        let all = match kind {
            Kind::Http => &self.http,
            Kind::Grpc => &self.grpc,
        };
        let attached = all.iter().filter(|route| {
            route.object.namespace() == server.namespace()
                && route.servers.contains(&server.reference.name)
        });
        let mut matches: Vec<(&Route<'s>, &Match)> = attached
            .flat_map(|route| route.matches.iter().map(move |one| (route, one)))
            .collect();
        matches.sort_by_key(|(_, one)| std::cmp::Reverse(one.rank));
        matches
    }
}

fn text<'s>(node: &'s Node, key: &str) -> Option<&'s str> {
    node.get(key)
        .and_then(Node::as_str)
        .filter(|text| !text.is_empty())
}

/// A route; `None` where it attaches to no Server, or the controller refuses it.
fn route(object: &Object, kind: Kind) -> Option<Route<'_>> {
    let mut servers: Vec<Str> = Vec::new();
    for parent in object.items(&["spec", "parentRefs"]) {
        if text(parent, "group") != Some(POLICY) || text(parent, "kind") != Some("Server") {
            continue;
        }
        let is_near = text(parent, "namespace").is_none_or(|name| name == object.namespace());
        let is_narrow = ["port", "sectionName"]
            .iter()
            .any(|key| parent.get(key).is_some_and(|node| !node.is_null()));
        if !is_near || is_narrow {
            return None;
        }
        servers.extend(text(parent, "name").map(Str::from));
    }
    if servers.is_empty() {
        return None;
    }
    let hosts = hosts(object);
    let mut matches = Vec::new();
    for rule in object.items(&["spec", "rules"]) {
        let filters = rule
            .get("filters")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        let is_answered = filters
            .iter()
            .any(|filter| text(filter, "type") == Some("RequestRedirect"));
        let listed = rule
            .get("matches")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        let mut read: Vec<(Rank, Condition)> = Vec::new();
        for node in listed {
            read.push(match kind {
                Kind::Http => http(node)?,
                Kind::Grpc => grpc(node),
            });
        }
        if listed.is_empty() {
            read.push(match kind {
                Kind::Http => ((false, 0, 1, 0, false, 0, 0), Condition::Always),
                Kind::Grpc => ((false, 0, 0, 0, false, 0, 0), post()),
            });
        }
        for ((_, _, path, method, has_method, headers, query), requests) in read {
            for (is_exact, length, host) in &hosts {
                matches.push(Match {
                    rank: (*is_exact, *length, path, method, has_method, headers, query),
                    requests: Condition::all([host.clone(), requests.clone()]),
                    is_answered,
                });
            }
        }
    }
    Some(Route {
        object,
        servers,
        matches,
    })
}

/// The hosts that a route is for, each with how exact it is.
fn hosts(object: &Object) -> Vec<(bool, usize, Condition)> {
    let listed = object.items(&["spec", "hostnames"]).iter();
    let read = |host: &str| {
        let host = host.to_ascii_lowercase();
        match host.strip_prefix('*') {
            Some(end) => (
                false,
                end.len(),
                Pattern::Affix {
                    prefix: "".into(),
                    suffix: end.into(),
                },
            ),
            None => (true, host.len(), Pattern::Exact(host.into())),
        }
    };
    let all: Vec<(bool, usize, Condition)> = listed
        .filter_map(Node::as_str)
        .map(|host| {
            let (is_exact, length, pattern) = read(host);
            (is_exact, length, Condition::is(Field::Host, pattern))
        })
        .collect();
    if all.is_empty() {
        return vec![(false, 0, Condition::Always)];
    }
    all
}

/// Something that holds of a request or does not, and that nothing is known about.
fn atom(words: String) -> Condition {
    Condition::is(Field::Other(words.into()), Pattern::any())
}

fn exactly(field: Field, value: &str) -> Condition {
    Condition::is(field, Pattern::Exact(value.into()))
}

fn below(path: &str) -> Condition {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Condition::Always;
    }
    let inside = Pattern::Affix {
        prefix: format!("{path}/").into(),
        suffix: "".into(),
    };
    Condition::any([
        exactly(Field::Path, path),
        Condition::is(Field::Path, inside),
    ])
}

/// A match of requests; `None` where the controller refuses it.
fn http(node: &Node) -> Option<(Rank, Condition)> {
    let mut parts = Vec::new();
    let mut length = 1;
    if let Some(path) = node.get("path").filter(|path| !path.is_null()) {
        let value = text(path, "value").unwrap_or("/");
        let is_regex = text(path, "type") == Some("RegularExpression");
        if !is_regex && !value.starts_with('/') {
            return None;
        }
        match text(path, "type") {
            Some("Exact") => {
                length = value.len();
                parts.push(exactly(Field::Path, value));
            }
            Some("RegularExpression") => {
                length = usize::MAX;
                parts.push(atom(format!("path ~ {value}")));
            }
            _ => {
                length = value.trim_end_matches('/').len().max(1);
                parts.push(below(value));
            }
        }
    }
    let method = text(node, "method");
    parts.extend(method.map(|method| exactly(Field::Method, method)));
    let (headers, conditions) = headers(node);
    parts.extend(conditions);
    let query = node
        .get("queryParams")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    for one in query {
        let (name, value) = (text(one, "name"), text(one, "value"));
        let (name, value) = (name.unwrap_or_default(), value.unwrap_or_default());
        parts.push(atom(format!("query {name} = {value}")));
    }
    let rank = (false, 0, length, 0, method.is_some(), headers, query.len());
    Some((rank, Condition::all(parts)))
}

fn headers(node: &Node) -> (usize, Vec<Condition>) {
    let all = node
        .get("headers")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    let read = |one: &Node| {
        let name = text(one, "name").unwrap_or_default().to_ascii_lowercase();
        let value = text(one, "value").unwrap_or_default();
        if text(one, "type") == Some("RegularExpression") {
            return atom(format!("header {name} ~ {value}"));
        }
        exactly(Field::Header(name.into()), value)
    };
    (all.len(), all.iter().map(read).collect())
}

fn post() -> Condition {
    exactly(Field::Method, "POST")
}

fn grpc(node: &Node) -> (Rank, Condition) {
    let part = |key: &str| node.get("method").and_then(|method| text(method, key));
    let (service, method) = (part("service"), part("method"));
    let path = match (service, method) {
        (Some(service), Some(method)) => below(&format!("/{service}/{method}")),
        (Some(service), None) => Condition::is(
            Field::Path,
            Pattern::Affix {
                prefix: format!("/{service}/").into(),
                suffix: "".into(),
            },
        ),
        (None, Some(method)) => atom(format!("method {method} of gRPC")),
        (None, None) => Condition::Always,
    };
    let (headers, conditions) = headers(node);
    let length = |part: Option<&str>| part.map_or(0, str::len);
    let rank = (false, 0, length(service), length(method), false, headers, 0);
    let parts = [post(), path].into_iter().chain(conditions);
    (rank, Condition::all(parts))
}
