//! HTTPRoutes and GRPCRoutes that attach to Servers: which requests pick which.
//!
//! Of all matches that fit a request the most exact one picks the route: first by host, then
//! by the length of the path, then by method, headers and query; of equal ones the older
//! route. How exact a match is can be told without a request (that of a regular expression
//! counts as exact), so that the matches of all routes are one list, and the first that fits
//! picks.

use super::POLICY;
use crate::istio::GATEWAY_API;
use crate::request::matches::{self, MatchRank};
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

/// How exact a match is: its host first.
type Rank = (bool, usize, MatchRank);

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
        let mut read: Vec<(MatchRank, Condition)> = Vec::new();
        for node in listed {
            read.push(match kind {
                Kind::Http => matches::http(node)?,
                Kind::Grpc => matches::grpc(node),
            });
        }
        if listed.is_empty() {
            read.push(match kind {
                Kind::Http => matches::every_http(),
                Kind::Grpc => matches::every_grpc(),
            });
        }
        for (rank, requests) in read {
            for (is_exact, length, host) in &hosts {
                matches.push(Match {
                    rank: (*is_exact, *length, rank),
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
            Some(end) => (false, end.len(), Pattern::read(&host)),
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
