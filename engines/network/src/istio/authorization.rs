//! Who may call whom: AuthorizationPolicies as each proxy enforces them.
//!
//! For a point of enforcement ([`Point`]) first the policies that are attached to it, then
//! CUSTOM, DENY, ALLOW in this order, as Envoy or ztunnel has them. Who calls and at which
//! port is given; the answer ([`Verdict`]) is what must hold of the request, with the rules
//! that decide.

mod apart;
mod envoy;
mod identity;
mod policy;
pub(crate) mod ztunnel;

pub use identity::Identity;
pub use policy::{Action, Check, Clause, Key, Policy, Rule, Target, Word};
pub use ztunnel::Fate;

pub(crate) use apart::Apart;
pub(crate) use policy::targets;

use super::GATEWAY_API;
use super::membership::Place;
use super::mesh::Mesh;
use super::ports::Protocol;
use crate::request::{Condition, Field, Pattern};
use crate::world::World;
use identity::TrustDomains;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use std::collections::HashMap;

/// All policies of a mesh.
#[derive(Debug)]
pub struct Policies<'s> {
    /// In the order of the picture.
    pub all: Vec<Policy<'s>>,
    /// Places in `all` by namespace.
    by_namespace: HashMap<Str, Vec<usize>>,
    root_namespace: Str,
    domains: TrustDomains,
}

/// Where policies are enforced.
#[derive(Debug, Clone, Copy)]
pub enum Point<'a> {
    /// At pods: their sidecar, the gateway that they are, or their node's ztunnel.
    Pods {
        /// Their namespace.
        namespace: &'a str,
        /// Their labels, sorted by key.
        labels: &'a [(Str, Str)],
        /// How they stand to the mesh.
        place: Place,
    },
    /// At a waypoint.
    Waypoint {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
        /// Namespace and name of the Service that was called.
        service: Option<(&'a str, &'a str)>,
    },
}

/// Who calls, and at which port.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Who the peer is; `None` is nobody, in plaintext.
    pub identity: Option<&'a Identity>,
    /// The port of the pod.
    pub port: u16,
    /// What the proxy takes the traffic for.
    pub protocol: Protocol,
}

/// What decided.
#[derive(Debug, Clone)]
pub struct Ground<'s> {
    /// The policy.
    pub object: &'s Object,
    /// What it does.
    pub action: Action,
    /// The rule; `None` where it is that none of its rules fits.
    pub rule: Option<usize>,
    /// Where that stands.
    pub span: Span,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Verdict<'s> {
    /// What lets the call through.
    pub condition: Condition,
    /// The rules that decide. Empty where no policy has anything to say.
    pub because: Vec<Ground<'s>>,
}

impl Verdict<'_> {
    /// Whether nothing gets through.
    pub fn is_denied(&self) -> bool {
        self.condition == Condition::Never
    }

    /// Whether everything gets through.
    pub fn is_open(&self) -> bool {
        self.condition == Condition::Always
    }
}

impl<'s> Policies<'s> {
    /// Reads them off a world.
    pub fn new(world: &World<'s>, mesh: &Mesh<'_>) -> Self {
        let all = policy::all(world);
        let mut by_namespace: HashMap<Str, Vec<usize>> = HashMap::new();
        for (index, policy) in all.iter().enumerate() {
            by_namespace
                .entry(policy.namespace().into())
                .or_default()
                .push(index);
        }
        Self {
            all,
            by_namespace,
            root_namespace: mesh.root_namespace.clone(),
            domains: TrustDomains::of(mesh),
        }
    }

    /// The policies that are attached to a point, those included that it does not enforce
    /// (dry runs, AUDIT).
    pub fn attached<'a>(&'a self, point: Point<'a>) -> impl Iterator<Item = &'a Policy<'s>> {
        let places = self.places(point);
        places.filter_map(|place| self.all.get(place))
    }

    /// The places in [`Policies::all`] of what is attached to a point. Points with the same
    /// answer the same calls alike.
    pub fn places<'a>(&'a self, point: Point<'a>) -> impl Iterator<Item = usize> {
        let root = &*self.root_namespace;
        let own = match point {
            Point::Pods { namespace, .. } => [namespace, ""],
            // A policy for a Service stands beside the Service.
            Point::Waypoint {
                namespace, service, ..
            } => {
                let other = service.map_or("", |(space, _)| space);
                [namespace, if other == namespace { "" } else { other }]
            }
        };
        let spaces = own
            .into_iter()
            .filter(move |space| *space != root)
            .chain([root]);
        let indices = spaces
            .filter_map(|space| self.by_namespace.get(space))
            .flatten()
            .copied();
        indices.filter(move |index| {
            let policy = self.all.get(*index);
            policy.is_some_and(|policy| self.is_attached(policy, point))
        })
    }

    /// Whether a policy is attached to a point.
    pub fn is_attached(&self, policy: &Policy<'_>, point: Point<'_>) -> bool {
        match point {
            Point::Pods {
                namespace,
                labels,
                place,
            } => self.is_for_pods(policy, namespace, labels, place),
            Point::Waypoint {
                namespace,
                name,
                service,
            } => {
                let is_root = policy.namespace() == &*self.root_namespace;
                policy.targets.iter().any(|target| {
                    let is_here = policy.namespace() == namespace
                        && target.namespace.as_deref().is_none_or(|n| n == namespace);
                    match (&*target.group, &*target.kind) {
                        ("", "Service") => service == Some((policy.namespace(), &target.name)),
                        (GATEWAY_API, "GatewayClass") => {
                            is_root && &*target.name == "istio-waypoint"
                        }
                        (GATEWAY_API, "Gateway") => is_here && &*target.name == name,
                        _ => false,
                    }
                })
            }
        }
    }

    fn is_for_pods(
        &self,
        policy: &Policy<'_>,
        namespace: &str,
        labels: &[(Str, Str)],
        place: Place,
    ) -> bool {
        const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
        if !matches!(place, Place::Sidecar | Place::Ambient | Place::Gateway) {
            return false;
        }
        let is_near = policy.namespace() == namespace;
        if !is_near && policy.namespace() != &*self.root_namespace {
            return false;
        }
        let name = labels.iter().find(|(key, _)| &**key == GATEWAY_NAME);
        if policy.targets.is_empty() {
            let managed = labels
                .iter()
                .find(|(key, _)| &**key == "gateway.istio.io/managed");
            if managed.is_some_and(|(_, by)| &**by == "istio.io-mesh-controller") {
                return false; // a waypoint knows objects only
            }
            let selector = policy.selector.as_ref();
            return selector.is_none_or(|selector| selector.matches(labels));
        }
        // Pods that are no gateway leave out what is meant for objects.
        name.is_some_and(|(_, gateway)| {
            is_near
                && policy.targets.iter().any(|target| {
                    (&*target.group, &*target.kind) == (GATEWAY_API, "Gateway")
                        && target.name == *gateway
                        && target.namespace.as_deref().is_none_or(|n| n == namespace)
                })
        })
    }

    /// What lets a call through at a point.
    pub fn authorize(&self, point: Point<'_>, call: &Call<'_>) -> Verdict<'s> {
        self.authorize_trying(point, call, None)
    }

    /// The same, as if one policy that only pretends were enforced.
    pub(crate) fn authorize_trying(
        &self,
        point: Point<'_>,
        call: &Call<'_>,
        tried: Option<&Policy<'_>>,
    ) -> Verdict<'s> {
        let is_ztunnel = matches!(
            point,
            Point::Pods {
                place: Place::Ambient,
                ..
            }
        );
        if is_ztunnel || call.protocol == Protocol::Tcp {
            return self.decide(point, call, tried, false);
        }
        let http = self.decide(point, call, tried, true);
        if call.protocol == Protocol::Http {
            return http;
        }
        // The client chooses what to speak: what either lets through gets through.
        let bytes = self.decide(point, call, tried, false);
        let mut because = http.because;
        for ground in bytes.because {
            let known = |one: &Ground<'_>| {
                std::ptr::eq(one.object, ground.object) && one.rule == ground.rule
            };
            if !because.iter().any(known) {
                because.push(ground);
            }
        }
        Verdict {
            condition: Condition::any([http.condition, bytes.condition]),
            because,
        }
    }

    fn decide(
        &self,
        point: Point<'_>,
        call: &Call<'_>,
        tried: Option<&Policy<'_>>,
        is_http: bool,
    ) -> Verdict<'s> {
        let is_ztunnel = matches!(
            point,
            Point::Pods {
                place: Place::Ambient,
                ..
            }
        );
        let is_tried = |policy: &Policy<'_>| {
            tried.is_some_and(|tried| std::ptr::eq(tried.object, policy.object))
        };
        let attached = self.attached(point);
        let enforced = attached.filter(|policy| !policy.is_dry_run || is_tried(policy));
        let mut parts = Vec::new();
        let mut allows: Option<Vec<Condition>> = None;
        let mut because = Vec::new();
        let mut nothing_fits = Vec::new();
        for policy in enforced {
            let is_allow = policy.action == Action::Allow;
            let is_known = match policy.action {
                Action::Audit => false,
                Action::Custom(_) => !is_ztunnel,
                Action::Allow | Action::Deny => true,
            };
            if !is_known {
                continue;
            }
            let ground = |rule, span| Ground {
                object: policy.object,
                action: policy.action.clone(),
                rule,
                span,
            };
            let allowing = if is_allow {
                Some(allows.get_or_insert_default())
            } else {
                None
            };
            let mut matching = Vec::new();
            for (index, rule) in policy.rules.iter().enumerate() {
                let matched = if is_ztunnel {
                    let setting = ztunnel::Setting {
                        identity: call.identity,
                        port: call.port,
                        namespace: policy.namespace(),
                    };
                    ztunnel::matches(rule, is_allow, &setting)
                } else {
                    let setting = envoy::Setting {
                        identity: call.identity,
                        port: call.port,
                        is_http,
                        is_allow,
                        namespace: policy.namespace(),
                        domains: &self.domains,
                    };
                    envoy::matches(rule, &setting)
                };
                let matched = matched.unwrap_or(Condition::Never);
                if matched != Condition::Never {
                    because.push(ground(Some(index), rule.span));
                    matching.push(matched);
                }
            }
            match (&policy.action, allowing) {
                (Action::Allow, Some(allowing)) => {
                    if matching.is_empty() {
                        nothing_fits.push(ground(None, policy.action_span));
                    }
                    allowing.extend(matching);
                }
                (Action::Custom(provider), _) => {
                    let yes = Condition::is(Field::External(provider.clone()), Pattern::any());
                    let stopped = Condition::any(matching);
                    parts.push(Condition::any([stopped.negated(), yes]));
                }
                _ => parts.push(Condition::any(matching).negated()),
            }
        }
        if let Some(allows) = allows {
            parts.push(Condition::any(allows));
        }
        let condition = Condition::all(parts);
        if condition == Condition::Never {
            because.extend(nothing_fits);
        }
        Verdict { condition, because }
    }
}
