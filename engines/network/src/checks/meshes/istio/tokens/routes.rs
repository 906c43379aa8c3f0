//! IST-JWT-08, 11, 12 and 13: tokens between gateways, waypoints and the pods behind.

use super::super::super::{Report, get, place, weighed};
use super::super::coverage::{attached, names};
use super::super::destinations::is_outside;
use super::super::gates::hosts;
use super::super::{Scene, Subject, strongest};
use super::issuers::{issuer, locations};
use super::{covered, effect, selector_of};
use crate::istio::authorization::{Check, Policy, Rule, targets};
use crate::istio::membership::Place;
use crate::istio::{NETWORKING, SECURITY};
use crate::request::Condition;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::EndpointId;
use seawall_model::{Proof, Severity, Span};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// What reads tokens where, with answers that many policies ask for.
pub(super) struct Ways<'a, 'w, 's> {
    scene: &'a Scene<'w, 's>,
    /// RequestAuthentications for pods, by namespace.
    readers: HashMap<&'s str, Vec<(LabelSelector, &'s Object)>>,
    /// What takes the tokens of a pod away.
    takers: RefCell<HashMap<EndpointId, Option<&'s Object>>>,
    /// Headers that were spoken about, each with the pods that it was about.
    said: RefCell<HashSet<(String, Vec<EndpointId>)>>,
}

impl<'a, 'w, 's> Ways<'a, 'w, 's> {
    pub(super) fn new(scene: &'a Scene<'w, 's>, report: &mut Report) -> Self {
        let mut readers: HashMap<&'s str, Vec<(LabelSelector, &'s Object)>> = HashMap::new();
        let all = scene.world.of_kind(SECURITY, "RequestAuthentication");
        for object in all.iter().copied() {
            let body = object.body().filter(|body| targets(body).is_empty());
            let Some(body) = body else { continue };
            let selector = selector_of(body).unwrap_or_default();
            let near = readers.entry(object.namespace()).or_default();
            near.push((selector, object));
        }
        if let Some(first) = all.first().filter(|_| scene.gates.is_cut) {
            report.gap(
                "Istio",
                first.name_span,
                "there are too many routes and gateways to follow all tokens on their way",
                "scan fewer namespaces at a time",
            );
        }
        Self {
            scene,
            readers,
            takers: RefCell::default(),
            said: RefCell::default(),
        }
    }

    /// What reads tokens at a pod.
    fn readers(&self, subject: &'a Subject<'w, 's>) -> impl Iterator<Item = &'s Object> {
        let root = &*self.scene.istio.mesh.root_namespace;
        let own = [root, subject.namespace];
        let spaces = own.into_iter().skip(usize::from(subject.namespace == root));
        let near = spaces.filter_map(|space| self.readers.get(space)).flatten();
        let labels = &subject.endpoint.template.labels;
        near.filter(|(selector, _)| selector.matches(labels))
            .map(|(_, object)| *object)
    }

    fn subject(&self, place: usize) -> Option<&'a Subject<'w, 's>> {
        self.scene.subjects.get(place)
    }

    /// IST-JWT-11: routes by claims at gateways that read no token.
    pub(super) fn by_claims(&self, report: &mut Report) {
        let routes = self.scene.world.of_kind(NETWORKING, "VirtualService");
        report.assess(&[Id::IST_JWT_11], routes.len());
        for route in routes.iter().copied() {
            let Some((pointer, claim, span)) = claim_of(route) else {
                continue;
            };
            let pods = self.scene.gates.pods_of(route).into_iter();
            let blind: Vec<&Subject<'_, '_>> = pods
                .filter_map(|place| self.subject(place))
                .filter(|subject| self.readers(subject).next().is_none())
                .collect();
            if blind.is_empty() {
                continue;
            }
            let message = format!(
                "the route asks for {claim}, but nothing reads tokens at gateway {}: it never fits",
                names(&blind)
            );
            let fix = "Add a RequestAuthentication for the gateway's pods".to_owned();
            let locus = place(route, &pointer, Some(span));
            let draft = Draft::new(Id::IST_JWT_11, locus, message, fix)
                .affects(blind.iter().map(|subject| subject.asset()));
            report.add(route, draft);
        }
    }

    /// IST-JWT-12: a token that is read at a gateway ends there unless it is passed on.
    pub(super) fn kept_at_gateway(&self, policy: &Policy<'_>, report: &mut Report) {
        let checks = policy.rules.iter().flat_map(Rule::checks);
        let tokens: Vec<&Check> = checks.filter(|c| c.key.is_token() && c.asks()).collect();
        let Some(word) = tokens.first().and_then(|check| check.first_word()) else {
            return;
        };
        let mut subjects = attached(self.scene, policy);
        subjects.retain(|subject| subject.place == Place::Sidecar);
        let found = subjects.into_iter().find_map(|subject| {
            let taker = self.taker(subject)?;
            Some((subject, taker))
        });
        let Some((subject, taker)) = found else {
            return;
        };
        let (severity, effect) = effect(policy, &tokens);
        let message = format!(
            "gateways take the token out before {} sees it ({}/{} has no forwardOriginalToken): \
             {effect}",
            subject.endpoint.workload.owner.name,
            taker.namespace(),
            taker.reference.name
        );
        let fix = "Set forwardOriginalToken: true there, or ask for tokens at the gateway";
        let locus = place(policy.object, &word.pointer, Some(word.span));
        let draft = Draft::new(Id::IST_JWT_12, locus, message, fix.to_owned())
            .severity(severity)
            .evidence(
                "the gateway reads tokens here",
                Proof::Source(taker.name_span),
            )
            .affects([subject.asset()]);
        report.add(policy.object, draft);
    }

    fn taker(&self, subject: &'a Subject<'w, 's>) -> Option<&'s Object> {
        if let Some(known) = self.takers.borrow().get(&subject.id) {
            return *known;
        }
        let found = self.find_taker(subject);
        self.takers.borrow_mut().insert(subject.id, found);
        found
    }

    /// What takes tokens away at a gateway that leads to a pod, though the pod's proxy reads
    /// the same ones.
    fn find_taker(&self, subject: &'a Subject<'w, 's>) -> Option<&'s Object> {
        let own: Vec<&Node> = self
            .readers(subject)
            .flat_map(|object| object.items(&["spec", "jwtRules"]))
            .collect();
        let takes = |rule: &Node| {
            let is_same = |one: &&Node| {
                issuer(one) == issuer(rule) && !locations(one).is_disjoint(&locations(rule))
            };
            let forwards = rule.get("forwardOriginalToken").and_then(Node::as_bool);
            forwards != Some(true) && own.iter().any(is_same)
        };
        if own.is_empty() {
            return None;
        }
        let mut gateways = self.scene.gates.before(subject);
        gateways.find_map(|place| {
            let mut all = self.readers(self.subject(place)?);
            all.find(|object| object.items(&["spec", "jwtRules"]).iter().any(takes))
        })
    }

    /// IST-JWT-08: what a gateway passes on.
    pub(super) fn passed_on(
        &self,
        object: &Object,
        rule: &Node,
        pointer: &str,
        report: &mut Report,
    ) {
        let header = written_header(rule);
        let forwards = rule.get("forwardOriginalToken");
        let forwards = forwards.filter(|node| node.as_bool() == Some(true));
        if header.is_none() && forwards.is_none() {
            return;
        }
        let selector = object.body().and_then(selector_of);
        let all = covered(self.scene, object, selector.as_ref()).into_iter();
        let gateways: HashSet<EndpointId> = all
            .filter(|s| s.place == Place::Gateway)
            .map(|s| s.id)
            .collect();
        if gateways.is_empty() {
            return;
        }
        let is_one = |place: usize| {
            let subject = self.subject(place);
            subject.is_some_and(|subject| gateways.contains(&subject.id))
        };
        if let Some((field, node, header)) = header {
            let locus = (format!("{pointer}/{field}"), node.span);
            self.writable(object, header, locus, &is_one, report);
        }
        let leaving = || {
            let routes = self.scene.world.of_kind(NETWORKING, "VirtualService");
            routes.iter().copied().find_map(|route| {
                let host = hosts(route).find(|host| is_outside(host))?;
                let pods = self.scene.gates.pods_of(route);
                pods.into_iter().any(is_one).then_some((host, route))
            })
        };
        let Some((node, (host, route))) = forwards.and_then(|node| Some((node, leaving()?))) else {
            return;
        };
        let message = format!("tokens of callers are sent on to {host}, outside the cluster");
        let fix = "Remove forwardOriginalToken, or take the header out of that route".to_owned();
        let pointer = format!("{pointer}/forwardOriginalToken");
        let locus = place(object, &pointer, Some(node.span));
        let draft = Draft::new(Id::IST_JWT_08, locus, message, fix)
            .evidence("the route stands here", Proof::Source(route.name_span));
        report.add(object, draft);
    }

    /// A header that gateways write, and that callers past them can write, too. The gateway
    /// itself takes away what comes from outside. One header is spoken about once.
    fn writable(
        &self,
        object: &Object,
        header: &str,
        (pointer, span): (String, Span),
        is_gateway: &dyn Fn(usize) -> bool,
        report: &mut Report,
    ) {
        let scene = self.scene;
        let is_open = |s: &&'a Subject<'w, 's>| {
            let mut ports = s.ports.iter().map(|port| port.number);
            s.place != Place::Gateway
                && scene.gates.before(s).any(is_gateway)
                // A proxy that reads the same tokens takes the header away itself.
                && self.readers(s).next().is_none()
                && ports.any(|port| *scene.strangers(s, port) != Condition::Never)
        };
        let open: Vec<&Subject<'_, '_>> = scene.subjects.iter().filter(is_open).collect();
        let key = (
            header.to_ascii_lowercase(),
            open.iter().map(|subject| subject.id).collect(),
        );
        if open.is_empty() || !self.said.borrow_mut().insert(key) {
            return;
        }
        let outsider = strongest(open.iter().map(|s| {
            let ports: Vec<u16> = s.ports.iter().map(|port| port.number).collect();
            scene.outsider(s, &ports)
        }));
        let message = format!(
            "the gateway writes claims into {header}; who calls {} past the gateway can write it, \
             too",
            names(&open)
        );
        let fix = "Let only the gateway's identity call these workloads, or read tokens there";
        let locus = place(object, &pointer, Some(span));
        let draft = Draft::new(Id::IST_JWT_08, locus, message, fix.to_owned())
            .severity(weighed(Severity::Medium, &outsider))
            .affects(open.iter().map(|subject| subject.asset()));
        report.add(object, draft);
    }
}

/// The header that a rule writes claims into: the field, where the name stands, and the name.
fn written_header(rule: &Node) -> Option<(&'static str, &Node, &str)> {
    let claims = rule.get("outputClaimToHeaders").and_then(Node::as_seq);
    let claim = claims.unwrap_or_default().first();
    let claim = claim.and_then(|one| one.get("header"));
    let payload = rule.get("outputPayloadToHeader");
    let payload = payload.map(|node| ("outputPayloadToHeader", node));
    let (field, node) = payload.or(claim.map(|node| ("outputClaimToHeaders", node)))?;
    let name = node.as_str().filter(|name| !name.is_empty())?;
    Some((field, node, name))
}

/// The first claim that a VirtualService routes by, with its place.
fn claim_of(route: &Object) -> Option<(String, &str, Span)> {
    let rules = route.items(&["spec", "http"]).iter().enumerate();
    for (index, rule) in rules {
        let matches = rule.get("match").and_then(Node::as_seq).unwrap_or_default();
        for (number, one) in matches.iter().enumerate() {
            for field in ["headers", "withoutHeaders"] {
                let headers = one.get(field).and_then(Node::as_map);
                let mut headers = headers.into_iter().flatten();
                let found = headers.find(|entry| entry.key.starts_with("@request.auth.claims"));
                if let Some(entry) = found {
                    let pointer = format!("/spec/http/{index}/match/{number}/{field}");
                    return Some((pointer, &entry.key, entry.key_span));
                }
            }
        }
    }
    None
}

/// IST-JWT-13: pods of ambient whose tokens nobody reads.
pub(super) fn blind_in_ambient(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let Some(body) = object.body() else { return };
    let selector = selector_of(body);
    let ambient = ambient(scene, object);
    if !targets(body).is_empty() || ambient.is_empty() {
        return;
    }
    // What is for a whole namespace, or the mesh, may be meant for those that have proxies.
    if selector.is_none() && !covered(scene, object, None).is_empty() {
        return;
    }
    let verb = if ambient.len() == 1 { "is" } else { "are" };
    let message = format!(
        "{} {verb} in ambient: neither ztunnel nor a waypoint reads tokens by a policy without \
         targetRefs",
        names(&ambient)
    );
    let fix = "Deploy a waypoint, and attach the policy to it or to the Service by targetRefs";
    let span = get(object, &["spec", "selector"]).map(|node| node.span);
    let locus = place(object, "/spec/selector", span);
    let draft = Draft::new(Id::IST_JWT_13, locus, message, fix.to_owned())
        .affects(ambient.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// The pods of ambient that a RequestAuthentication is meant for.
pub(super) fn ambient<'a, 'w, 's>(
    scene: &'a Scene<'w, 's>,
    object: &Object,
) -> Vec<&'a Subject<'w, 's>> {
    let selector = object.body().and_then(selector_of).unwrap_or_default();
    let is_root = object.namespace() == &*scene.istio.mesh.root_namespace;
    let is_meant = |s: &&Subject<'_, '_>| {
        s.place == Place::Ambient
            && (is_root || s.namespace == object.namespace())
            && selector.matches(&s.endpoint.template.labels)
    };
    scene.subjects.iter().filter(is_meant).collect()
}
