//! What Linkerd lets through at one port for one caller: Servers, routes, and where the caller
//! comes from, together.
//!
//! Whoever a Server's authorizations let in is let in at all of its routes, too: what stands at
//! a route only adds. And only what the proxy takes for HTTP picks a route at all: where it
//! finds out by itself a client that sends something else first is judged as bytes, by the
//! Server alone, and opaque or TLS traffic always is. Routes that nobody picks refuse.
//!
//! The paths of the kubelet's probes, which the proxy lets pass from anywhere, are left aside.

use super::routes::{Kind, Match, Route};
use super::{Authorization, DefaultPolicy, Linkerd, Server, Target};
use crate::meshes::settled;
use crate::reach::Block;
use crate::request::{Condition, Field, Pattern};
use crate::selection::Certainty;
use crate::why::Cite;
use crate::world::{Endpoint, World};
use seawall_snapshot::Object;

/// Of more matches than these only that they are conditions is said.
const MOST_MATCHES: usize = 64;

/// Who calls.
#[derive(Clone, Copy)]
pub(crate) struct Call<'c> {
    /// Its identity.
    pub(crate) identity: Option<&'c str>,
    /// Whether its address is in some blocks.
    pub(crate) is_in: &'c dyn Fn(&[Block]) -> Certainty,
}

/// What gets through.
#[derive(Debug)]
pub(crate) struct Door<'s> {
    /// The requests that get through.
    pub(crate) condition: Condition,
    /// What decides.
    pub(crate) because: Vec<Cite<'s>>,
    /// What to know about it.
    pub(crate) note: Option<&'static str>,
}

impl<'s> Linkerd<'s> {
    /// What gets through to a port of an endpoint. What depends on a default that is not in the
    /// picture is taken as open.
    pub(crate) fn door(
        &self,
        world: &World<'s>,
        endpoint: &Endpoint<'s>,
        port: u16,
        call: Call<'_>,
    ) -> Door<'s> {
        let access = self.access(world, endpoint, port);
        let Some(server) = access.server else {
            let open = access.default.is_none();
            let is_let = open || access.default.is_some_and(|policy| admits(policy, call));
            return Door {
                condition: Condition::settled(is_let),
                because: default_cite(world, endpoint).into_iter().collect(),
                note: Some(if open {
                    "no Server selects the port, and the default policy is not in the input: taken \
                     as open"
                } else {
                    "no Server selects the port: the default policy holds"
                }),
            };
        };
        let mut because = vec![cite(server.object, "/spec", server.object.name_span)];
        let by_policy = admits(server.access, call);
        if let (true, Some(span)) = (by_policy, server.access_span) {
            because = vec![cite(server.object, "/spec/accessPolicy", span)];
        }
        let letting = access
            .authorizations
            .iter()
            .filter(|one| one.lets(call) != Certainty::No);
        let letting: Vec<&&Authorization<'s>> = letting.collect();
        because.extend(letting.iter().map(|one| one.cite(call)));
        let by_server = by_policy || !letting.is_empty();
        self.by_routes(server, call, by_server, because)
    }

    /// What routes make of it.
    fn by_routes(
        &self,
        server: &Server<'s>,
        call: Call<'_>,
        by_server: bool,
        mut because: Vec<Cite<'s>>,
    ) -> Door<'s> {
        let kind = match server.protocol {
            "opaque" | "TLS" => None,
            "gRPC" => Some(Kind::Grpc),
            _ => Some(Kind::Http),
        };
        let matches = kind.map(|kind| self.routes.of_server(server.object, kind));
        let matches = matches.unwrap_or_default();
        let is_guessed = !matches!(server.protocol, "HTTP/1" | "HTTP/2" | "gRPC");
        if matches.is_empty() || (is_guessed && by_server) {
            let is_bypass = !matches.is_empty() && is_guessed;
            return Door {
                condition: Condition::settled(by_server),
                because,
                note: is_bypass.then_some(
                    "routes hold only what the proxy takes for HTTP, and the client chooses what \
                     it sends first",
                ),
            };
        }
        let mut letting: Vec<&Object> = Vec::new();
        let mut asked: Vec<&Object> = Vec::new();
        for (route, _) in &matches {
            if asked.iter().any(|known| std::ptr::eq(*known, route.object)) {
                continue;
            }
            asked.push(route.object);
            let found = self.of_route(route);
            let found = found.filter(|one| one.lets(call) != Certainty::No);
            let found: Vec<Cite<'s>> = found.map(|one| one.cite(call)).collect();
            if !found.is_empty() {
                letting.push(route.object);
                because.push(cite(route.object, "/spec", route.object.name_span));
                because.extend(found);
            }
        }
        let is_let = |route: &Route<'_>| {
            by_server || letting.iter().any(|one| std::ptr::eq(*one, route.object))
        };
        Door {
            condition: picked(&matches, is_let),
            because,
            note: Some("routes of the Server decide about requests"),
        }
    }

    /// The authorizations of a route itself.
    fn of_route<'a>(&'a self, route: &'a Route<'s>) -> impl Iterator<Item = &'a Authorization<'s>> {
        let reference = &route.object.reference;
        let here = self.authorizations_in(route.object.namespace());
        here.filter(move |one| {
            let is_kind = one.target_kind.as_ref().is_some_and(|(group, kind)| {
                group.eq_ignore_ascii_case(&reference.group)
                    && kind.eq_ignore_ascii_case(&reference.kind)
            });
            let is_named = matches!(&one.target, Target::Route(name)
                if name.eq_ignore_ascii_case(&reference.name));
            is_kind && is_named
        })
    }
}

/// The requests that pick a route that lets them in; the first match that fits picks.
fn picked(matches: &[(&Route<'_>, &Match)], is_let: impl Fn(&Route<'_>) -> bool) -> Condition {
    let passes = |(route, one): &(&Route<'_>, &Match)| is_let(route) && !one.is_answered;
    if matches.len() > MOST_MATCHES {
        if !matches.iter().any(passes) {
            return Condition::Never;
        }
        let words = format!("one of {} matches of routes", matches.len());
        return Condition::is(Field::Other(words.into()), Pattern::any());
    }
    let mut passing = Vec::new();
    let mut before: Vec<Condition> = Vec::new();
    for each in matches {
        let requests = each.1.requests.clone();
        if passes(each) {
            let parts = before.iter().cloned().chain([requests]);
            passing.push(Condition::all(parts));
        } else {
            before.push(requests.negated());
        }
    }
    settled(Condition::any(passing))
}

impl<'s> Authorization<'s> {
    /// Whether it lets a caller in: by its identity, and from where it calls.
    fn lets(&self, call: Call<'_>) -> Certainty {
        let Some(clients) = &self.clients else {
            return Certainty::No;
        };
        if !clients.admits(call.identity) {
            return Certainty::No;
        }
        match &clients.blocks {
            Some(blocks) => (call.is_in)(blocks),
            None => Certainty::Yes,
        }
    }

    fn cite(&self, call: Call<'_>) -> Cite<'s> {
        Cite {
            is_assumed: self.lets(call) == Certainty::Perhaps,
            ..cite(self.object, "/spec", self.object.name_span)
        }
    }
}

/// Whether a default policy lets a caller in.
fn admits(policy: DefaultPolicy, call: Call<'_>) -> bool {
    let is_near = || (call.is_in)(&super::cluster_networks()) != Certainty::No;
    match policy {
        DefaultPolicy::Deny => false,
        DefaultPolicy::ClusterAuthenticated => call.identity.is_some() && is_near(),
        DefaultPolicy::AllAuthenticated => call.identity.is_some(),
        DefaultPolicy::ClusterUnauthenticated => is_near(),
        DefaultPolicy::Audit | DefaultPolicy::AllUnauthenticated => true,
    }
}

/// Where the default policy of an endpoint stands.
fn default_cite<'s>(world: &World<'s>, endpoint: &Endpoint<'s>) -> Option<Cite<'s>> {
    let (_, span, is_pod) = super::default_policy(world, endpoint)?;
    let key = super::DEFAULT.replace('/', "~1");
    let pointer = format!("/metadata/annotations/{key}");
    if is_pod {
        let pointer = format!("{}{pointer}", endpoint.template.pointer);
        return Some(cite(endpoint.object, &pointer, span));
    }
    let object = world.namespace_at(endpoint.namespace)?.object?;
    Some(cite(object, &pointer, span))
}

fn cite<'s>(object: &'s Object, pointer: &str, span: seawall_model::Span) -> Cite<'s> {
    Cite {
        object,
        pointer: pointer.to_owned(),
        span,
        condition: None,
        is_assumed: false,
    }
}
