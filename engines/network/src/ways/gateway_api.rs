//! Gateway API: listeners, and the routes that attach to them.
//!
//! Listeners stand in a Gateway, or in a ListenerSet that the Gateway lets in: then they are
//! opened on the Gateway's pods, too. A route attaches where its `parentRefs` name the object
//! that a listener stands in, the listener takes routes of its kind and namespace, and they
//! share a host. A backend in another namespace needs a ReferenceGrant there.

use super::picks::{Match, Picks, Rank};
use super::{BackendPort, Link, Route, Services, endpoints_where};
use crate::places::Peer;
use crate::policy::At;
use crate::request::Condition;
use crate::request::matches::{self, MatchRank};
use crate::selection::{Certainty, certainty};
use crate::world::World;
use seawall_model::Str;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::{BTreeSet, HashMap};

pub(crate) const GROUP: &str = "gateway.networking.k8s.io";

/// ListenerSets, and what they were called before they were stable.
pub(crate) const LISTENER_SETS: [(&str, &str); 2] = [
    (GROUP, "ListenerSet"),
    ("gateway.networking.x-k8s.io", "XListenerSet"),
];

/// Kinds of routes, with the protocols of listeners that take them unasked.
const KINDS: [(&str, &[&str]); 5] = [
    ("HTTPRoute", &["HTTP", "HTTPS"]),
    ("GRPCRoute", &["HTTP", "HTTPS"]),
    ("TLSRoute", &["TLS"]),
    ("TCPRoute", &["TCP", "TLS"]),
    ("UDPRoute", &["UDP"]),
];

/// How much the API server takes in one object: it refuses those that have more.
const MOST_LISTENERS: usize = 64;
const MOST_HOSTS: usize = 16;
pub(crate) const MOST_MATCHES: usize = 64;

/// One listener.
#[derive(Debug)]
pub(crate) struct Listener<'s> {
    /// The Gateway whose pods open it.
    pub(crate) gateway: &'s Object,
    /// What it stands in: the Gateway, or a ListenerSet.
    pub(crate) home: &'s Object,
    pub(crate) at: At<'s>,
    pub(crate) name: &'s str,
    pub(crate) port: Option<u16>,
    pub(crate) protocol: &'s str,
    pub(crate) host: Option<&'s str>,
}

/// A route at a listener.
#[derive(Debug)]
pub(crate) struct Attached<'s> {
    pub(crate) route: &'s Object,
    /// The hosts that both have in common; empty is all.
    pub(crate) hosts: Vec<Str>,
}

/// Every listener of a world with the routes that attach to it.
#[derive(Debug)]
pub(crate) struct Listeners<'s> {
    pub(crate) all: Vec<(Listener<'s>, Vec<Attached<'s>>)>,
}

pub(super) fn routes<'s>(world: &World<'s>, services: &Services<'s>) -> Vec<Route<'s>> {
    let mut routes = Vec::new();
    let mut proxies_of: HashMap<(&str, &str), Vec<Peer>> = HashMap::new();
    for (listener, attached) in Listeners::new(world).all {
        let gateway = listener.gateway;
        let through = proxies_of
            .entry((gateway.namespace(), &gateway.reference.name))
            .or_insert_with(|| proxies(gateway, world, services));
        let mut rules: Vec<(&Attached<'s>, At<'s>)> = Vec::new();
        let mut matches: Vec<Match> = Vec::new();
        let mut counts = Vec::new();
        for attached in &attached {
            let items = spec(attached.route).map(|spec| spec.maps("rules").unwrap_or_default());
            for at in items.unwrap_or_default() {
                let before = matches.len();
                let found = matched(&at, &attached.route.reference.kind);
                matches.extend(found.into_iter().map(|(rank, requests)| Match {
                    hosts: attached.hosts.clone(),
                    rank,
                    requests,
                }));
                counts.push(matches.len() - before);
                rules.push((attached, at));
            }
        }
        let picks = Picks::split(matches, counts.into_iter());
        for ((attached, at), picks) in rules.into_iter().zip(picks) {
            lead(
                attached,
                &at,
                &picks,
                &listener,
                through,
                world,
                &mut routes,
            );
        }
    }
    routes
}

/// The matches of a rule. One that the controller refuses fits nothing.
fn matched(rule: &At<'_>, kind: &str) -> Vec<(Option<Rank>, Condition)> {
    let cases = rule.maps("matches").unwrap_or_default();
    let cases: Vec<At<'_>> = cases.into_iter().take(MOST_MATCHES).collect();
    let one = |case: &At<'_>| {
        let (rank, requests) = match kind {
            "GRPCRoute" => matches::grpc(case.node),
            _ => matches::http(case.node)?,
        };
        let path = case.node.at(&["path", "type"]).and_then(Node::as_str);
        let is_exact = path == Some("Exact");
        let is_known = path != Some("RegularExpression");
        Some((is_known.then_some((rank.0, is_exact, rank)), requests))
    };
    let every = |(rank, requests): (MatchRank, Condition)| (Some((rank.0, false, rank)), requests);
    match (kind, cases.is_empty()) {
        ("HTTPRoute", true) => vec![every(matches::every_http())],
        ("GRPCRoute", true) => vec![every(matches::every_grpc())],
        ("HTTPRoute" | "GRPCRoute", false) => cases.iter().filter_map(one).collect(),
        _ => vec![every((MatchRank::default(), Condition::Always))],
    }
}

impl<'s> Listeners<'s> {
    pub(crate) fn new(world: &World<'s>) -> Self {
        let mut all = listeners(world);
        let mut by_home: HashMap<(&str, &str, &str), Vec<usize>> = HashMap::new();
        for (index, (listener, _)) in all.iter().enumerate() {
            let home = &listener.home.reference;
            let key = (&*home.kind, listener.home.namespace(), &*home.name);
            by_home.entry(key).or_default().push(index);
        }
        for (kind, _) in KINDS {
            for route in world.of_kind(GROUP, kind).iter().copied() {
                let own = hostnames(route);
                for index in chosen(route, &all, &by_home) {
                    if let Some((listener, attached)) = all.get_mut(index) {
                        attached.extend(attach(route, &own, listener, world));
                    }
                }
            }
        }
        Self { all }
    }
}

/// What an object says.
pub(crate) fn spec(object: &Object) -> Option<At<'_>> {
    At::root(object.body()?).map("spec").ok()?
}

/// Every listener that is in force: those of the Gateways, and behind them those of the
/// ListenerSets that they let in.
fn listeners<'s>(world: &World<'s>) -> Vec<(Listener<'s>, Vec<Attached<'s>>)> {
    let mut all: Vec<Listener<'s>> = Vec::new();
    let mut sets: HashMap<(&str, &str), Vec<&'s Object>> = HashMap::new();
    for (group, kind) in LISTENER_SETS {
        for set in world.of_kind(group, kind).iter().copied() {
            if let Some(parent) = parent_of(set) {
                sets.entry(parent).or_default().push(set);
            }
        }
    }
    for gateway in world.of_kind(GROUP, "Gateway").iter().copied() {
        let own = standing_in(gateway, gateway);
        let key = (gateway.namespace(), &*gateway.reference.name);
        let guests = sets.get(&key).into_iter().flatten();
        let guests = guests.filter(|set| lets_in(gateway, set, world));
        let mut more: Vec<Listener<'s>> = guests
            .flat_map(|set| standing_in(set, gateway))
            // Where two are for the same traffic that of the Gateway counts. Which one counts
            // of two ListenerSets depends on their ages.
            .filter(|guest| !own.iter().any(|own| own.is_for_the_same(guest)))
            .collect();
        all.extend(own);
        all.append(&mut more);
    }
    all.into_iter().map(|one| (one, Vec::new())).collect()
}

/// The Gateway that a ListenerSet is for, by namespace and name.
fn parent_of(set: &Object) -> Option<(&str, &str)> {
    let parent = spec(set)?.map("parentRef").ok()??.node;
    let text = |key: &str| parent.get(key).and_then(Node::as_str);
    let is_gateway =
        text("group").unwrap_or(GROUP) == GROUP && text("kind").unwrap_or("Gateway") == "Gateway";
    let name = text("name").filter(|_| is_gateway)?;
    Some((text("namespace").unwrap_or(set.namespace()), name))
}

/// Whether a Gateway lets a ListenerSet in; it lets none in unasked.
fn lets_in(gateway: &Object, set: &Object, world: &World<'_>) -> bool {
    let allowed = spec(gateway).and_then(|spec| spec.map("allowedListeners").ok()?);
    let spaces = allowed.and_then(|at| at.map("namespaces").ok()?);
    spaces.is_some_and(|spaces| takes_from(&spaces, "None", gateway, set, world))
}

fn standing_in<'s>(home: &'s Object, gateway: &'s Object) -> Vec<Listener<'s>> {
    let Some(spec) = spec(home) else {
        return Vec::new();
    };
    let items = spec.maps("listeners").unwrap_or_default();
    items
        .into_iter()
        .take(MOST_LISTENERS)
        .map(|at| Listener {
            gateway,
            home,
            name: at.text("name").ok().flatten().unwrap_or_default(),
            port: at.port("port").ok().flatten(),
            protocol: at.text("protocol").ok().flatten().unwrap_or_default(),
            host: at.text("hostname").ok().flatten().filter(|h| !h.is_empty()),
            at,
        })
        .collect()
}

impl Listener<'_> {
    /// Whether another one would take the same traffic.
    fn is_for_the_same(&self, other: &Listener<'_>) -> bool {
        self.port == other.port && self.protocol == other.protocol && self.host == other.host
    }

    /// The setting of the namespaces whose routes it takes.
    pub(crate) fn route_namespaces(&self) -> Option<At<'_>> {
        let allowed = self.at.map("allowedRoutes").ok()?;
        allowed.and_then(|at| at.map("namespaces").ok()?)
    }
}

/// The pods behind a Gateway: those that carry its name, those of the Service that it names as
/// its address or that is named for it, or else the stand-in.
fn proxies(gateway: &Object, world: &World<'_>, services: &Services<'_>) -> Vec<Peer> {
    let name = &gateway.reference.name;
    let own = world.namespace(gateway.namespace());
    let labelled = endpoints_where(world, |endpoint| {
        let labels = endpoint.template.labels.iter();
        let mut names =
            labels.filter(|(key, _)| &**key == "gateway.networking.k8s.io/gateway-name");
        Some(endpoint.namespace) == own && names.any(|(_, value)| value == name)
    });
    if !labelled.is_empty() {
        return labelled;
    }
    let spec = spec(gateway);
    let addresses = spec
        .as_ref()
        .map(|spec| spec.maps("addresses").unwrap_or_default());
    let named = addresses
        .into_iter()
        .flatten()
        .filter_map(|at| at.text("value").ok()?);
    let class = spec
        .as_ref()
        .and_then(|spec| spec.text("gatewayClassName").ok()?);
    let made = class.map(|class| format!("{name}-{class}"));
    let hosts = named.map(str::to_owned).chain(made);
    for host in hosts {
        let service = services.by_host(&host, gateway.namespace());
        if let Some(service) = service.filter(|service| !service.endpoints.is_empty()) {
            return service
                .endpoints
                .iter()
                .copied()
                .map(Peer::Endpoint)
                .collect();
        }
    }
    vec![Peer::Controller]
}

/// The listeners that a route names, by their places.
fn chosen(
    route: &Object,
    all: &[(Listener<'_>, Vec<Attached<'_>>)],
    by_home: &HashMap<(&str, &str, &str), Vec<usize>>,
) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let Some(spec) = spec(route) else {
        return found;
    };
    for parent in spec.maps("parentRefs").unwrap_or_default() {
        let text = |key: &str| parent.text(key).ok().flatten();
        let kind = text("kind").unwrap_or("Gateway");
        let group = text("group").unwrap_or(GROUP);
        let is_known =
            (group, kind) == (GROUP, "Gateway") || LISTENER_SETS.contains(&(group, kind));
        let space = text("namespace").unwrap_or(route.namespace());
        let Some(name) = text("name").filter(|_| is_known) else {
            continue;
        };
        let port = parent.port("port").ok().flatten();
        for index in by_home.get(&(kind, space, name)).into_iter().flatten() {
            let is_meant = all.get(*index).is_some_and(|(listener, _)| {
                text("sectionName").is_none_or(|name| name == listener.name)
                    && port.is_none_or(|port| Some(port) == listener.port)
            });
            if is_meant {
                found.insert(*index);
            }
        }
    }
    found
}

/// The hosts that a route says it is for.
fn hostnames(route: &Object) -> Vec<&str> {
    let names = route.items(&["spec", "hostnames"]).iter();
    names.filter_map(Node::as_str).take(MOST_HOSTS).collect()
}

/// A route at a listener that it names, if the listener takes it.
fn attach<'s>(
    route: &'s Object,
    own: &[&str],
    listener: &Listener<'s>,
    world: &World<'s>,
) -> Option<Attached<'s>> {
    if !takes(listener, route, world) {
        return None;
    }
    let hosts = shared_hosts(listener.host, own)?;
    Some(Attached { route, hosts })
}

fn lead<'s>(
    attached: &Attached<'s>,
    rule: &At<'s>,
    picks: &Picks,
    listener: &Listener<'s>,
    through: &[Peer],
    world: &World<'s>,
    routes: &mut Vec<Route<'s>>,
) {
    let route = attached.route;
    let link = |object, at: &At<'_>| Link {
        object,
        pointer: at.pointer.clone(),
        span: at.span(),
    };
    let mut outer = Vec::new();
    if !std::ptr::eq(listener.home, listener.gateway) {
        let allowed = spec(listener.gateway).and_then(|at| at.get("allowedListeners"));
        outer.extend(allowed.map(|at| link(listener.gateway, &at)));
    }
    outer.push(link(listener.home, &listener.at));
    for backend in rule.maps("backendRefs").unwrap_or_default() {
        let Some(to) = target(&backend, route, world) else {
            continue;
        };
        let mut links = outer.clone();
        links.push(link(route, &backend));
        routes.push(Route {
            through: through.to_vec(),
            listens: listener.port,
            hosts: attached.hosts.clone(),
            requests: picks.requests(),
            picks: picks.clone(),
            is_encrypted: matches!(listener.protocol, "HTTPS" | "TLS"),
            links,
            to,
        });
    }
}

/// Whether a listener takes a route of this kind and namespace.
fn takes(listener: &Listener<'_>, route: &Object, world: &World<'_>) -> bool {
    let kind = &*route.reference.kind;
    let allowed = listener.at.map("allowedRoutes").ok().flatten();
    let kinds = allowed
        .as_ref()
        .map(|at| at.maps("kinds").unwrap_or_default());
    let kinds: Vec<&str> = kinds
        .iter()
        .flatten()
        .filter_map(|at| at.text("kind").ok()?)
        .collect();
    let by_protocol = || {
        let known = KINDS.iter().find(|(name, _)| *name == kind);
        known.is_some_and(|(_, protocols)| protocols.contains(&listener.protocol))
    };
    let kind_fits = if kinds.is_empty() {
        by_protocol()
    } else {
        kinds.contains(&kind)
    };
    let space_fits = match listener.route_namespaces() {
        Some(spaces) => takes_from(&spaces, "Same", listener.home, route, world),
        None => route.namespace() == listener.home.namespace(),
    };
    kind_fits && space_fits
}

/// Whether a setting of namespaces (`from`, `selector`) of one object takes another.
fn takes_from(
    spaces: &At<'_>,
    default: &str,
    home: &Object,
    guest: &Object,
    world: &World<'_>,
) -> bool {
    match spaces.text("from").ok().flatten().unwrap_or(default) {
        "All" => true,
        "Same" => guest.namespace() == home.namespace(),
        "Selector" => {
            let selector = spaces.get("selector");
            let selector = selector.and_then(|at| LabelSelector::read(at.node));
            let space = world.namespace(guest.namespace());
            let space = space.and_then(|id| world.namespace_at(id));
            // Where labels are not known it may be taken.
            selector.zip(space).is_some_and(|(selector, space)| {
                let complete = space.object.is_some();
                certainty(&selector, &space.labels, complete) != Certainty::No
            })
        }
        _ => false,
    }
}

/// The hosts that listener and route have in common: none of either is any host, and then an
/// empty list; nothing when they have no host in common.
fn shared_hosts(listener: Option<&str>, own: &[&str]) -> Option<Vec<Str>> {
    match (listener, own) {
        (None, own) => Some(own.iter().map(|host| Str::from(*host)).collect()),
        (Some(host), []) => Some(vec![host.into()]),
        (Some(host), own) => {
            let meets = own.iter().filter(|other| super::hosts_meet(host, other));
            // Of two patterns the narrower one is what they have in common.
            let narrow = meets.map(|other| {
                if other.len() < host.len() {
                    host
                } else {
                    other
                }
            });
            let hosts: Vec<Str> = narrow.map(Str::from).collect();
            (!hosts.is_empty()).then_some(hosts)
        }
    }
}

/// The Service of a backend, if the route may name it.
fn target<'s>(
    backend: &At<'s>,
    route: &'s Object,
    world: &World<'s>,
) -> Option<(&'s str, &'s str, Option<BackendPort>)> {
    let text = |key: &str| backend.text(key).ok().flatten();
    if text("kind").unwrap_or("Service") != "Service" || !text("group").unwrap_or("").is_empty() {
        return None;
    }
    let name = text("name")?;
    let space = text("namespace").unwrap_or(route.namespace());
    if space != route.namespace() && !is_granted(route, space, name, world) {
        return None;
    }
    let weight = backend.number("weight").ok().flatten();
    let port = backend.number("port").ok().flatten();
    (weight != Some(0)).then_some((space, name, port.map(BackendPort::Number)))
}

/// Whether a ReferenceGrant of the Service's namespace lets the route name it.
fn is_granted(route: &Object, space: &str, name: &str, world: &World<'_>) -> bool {
    let grants = world.of_kind(GROUP, "ReferenceGrant").iter();
    let mut grants = grants.filter(|grant| grant.namespace() == space);
    grants.any(|grant| {
        let Some(spec) = spec(grant) else {
            return false;
        };
        let has = |list: &str, test: &dyn Fn(&At<'_>) -> bool| {
            spec.maps(list).unwrap_or_default().iter().any(test)
        };
        let text = |at: &At<'_>, key: &str, wanted: &str| {
            at.text(key).ok().flatten().unwrap_or_default() == wanted
        };
        has("from", &|from| {
            text(from, "group", GROUP)
                && text(from, "kind", &route.reference.kind)
                && text(from, "namespace", route.namespace())
        }) && has("to", &|to| {
            let named = to
                .text("name")
                .ok()
                .flatten()
                .filter(|name| !name.is_empty());
            text(to, "group", "")
                && text(to, "kind", "Service")
                && named.is_none_or(|named| named == name)
        })
    })
}
