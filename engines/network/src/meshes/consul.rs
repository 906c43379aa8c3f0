//! Consul: intentions at the destination's proxy.

use super::Identities;
use crate::consul::Consul;
use crate::consul::intentions::Decision;
use crate::consul::membership::{Member, Place, Reason, Service};
use crate::consul::settings::Name;
use crate::layer::{Alternative, Call, Layer, Model, Proven, Told, Tunnel};
use crate::places::Peer;
use crate::reach::{Ports, Protocol};
use crate::request::{Condition, Field, Pattern};
use crate::rows::Reach;
use crate::why::{Cite, Verdict};
use crate::world::World;
use std::borrow::Cow;

/// Consul behind the policies.
#[derive(Debug)]
pub(crate) struct ConsulLayer<'s> {
    consul: Consul<'s>,
    identities: Identities<Vec<Name>>,
}

impl<'s> ConsulLayer<'s> {
    /// Consul as it is in force in a world, if it is there.
    pub(crate) fn new(world: &World<'s>) -> Option<Self> {
        let consul = Consul::new(world)?;
        let identities = Identities::new(world, |id| {
            let member = consul.member(id)?;
            (member.place != Place::Outside).then(|| member.proves.clone())
        });
        Some(Self { consul, identities })
    }

    fn member(&self, peer: Peer) -> Option<&Member<'s>> {
        let Peer::Endpoint(id) = peer else {
            return None;
        };
        let member = self.consul.member(id)?;
        (member.place == Place::Meshed).then_some(member)
    }

    /// The services that the source proves to be, if it does.
    fn callers(&self, from: Peer, model: Model<'_>) -> Option<Cow<'_, [Name]>> {
        match model {
            Model::Nobody => None,
            Model::As(word) => Some(Cow::Owned(vec![Name::read(word)])),
            Model::Configured | Model::Adversarial => self
                .identities
                .of(from)
                .map(|names| Cow::Borrowed(&**names)),
        }
    }

    /// Whether a source is given any service's certificate that it asks for.
    fn is_anybody(&self, from: Peer, model: Model<'_>) -> bool {
        let is_pod = matches!(from, Peer::Endpoint(_));
        is_pod && model == Model::Adversarial && self.consul.settings.acls == Some(false)
    }

    /// What the proxy lets through for a source under its identity: of several the best.
    fn decision(&self, callers: Option<&[Name]>, service: &Service) -> Option<Decision<'s>> {
        let all = callers?
            .iter()
            .map(|caller| self.consul.decide(service, caller));
        all.max_by_key(|decision| decision.condition.verdict())
    }

    fn by_identity(&self, from: Peer, service: &Service, model: Model<'_>) -> Verdict {
        if self.is_anybody(from, model) {
            return Verdict::Open;
        }
        let callers = self.callers(from, model);
        let decision = self.decision(callers.as_deref(), service);
        decision.map_or(Verdict::Closed, |one| one.condition.verdict())
    }
}

/// The ports behind a service's listener.
fn ports(service: &Service) -> Ports {
    match &service.ports {
        Some(ports) => {
            let each: Vec<Ports> = ports.iter().map(|port| one(*port)).collect();
            Ports::union(&each)
        }
        None => Ports::every(Protocol::Tcp),
    }
}

fn one(port: u16) -> Ports {
    Ports::one(Protocol::Tcp, port)
}

/// What of some ports is open.
fn within(open: &Reach, ports: &Ports) -> Reach {
    Reach {
        all: open.all.and(ports),
        some: open.some.and(ports),
    }
}

/// Ports that all let the same pass.
fn as_verdict(ports: Ports, verdict: Verdict) -> Reach {
    match verdict {
        Verdict::Open => Reach {
            all: ports,
            some: Ports::none(),
        },
        Verdict::Some => Reach {
            all: Ports::none(),
            some: ports,
        },
        Verdict::Closed => Reach::default(),
    }
}

/// How much passes to one of several ports at best.
fn best(open: &Reach, ports: &Ports) -> Verdict {
    if open.all.meets(ports) {
        Verdict::Open
    } else if open.some.meets(ports) {
        Verdict::Some
    } else {
        Verdict::Closed
    }
}

impl<'s> Layer<'s> for ConsulLayer<'s> {
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model<'_>) -> Reach {
        let Some(member) = self.member(to) else {
            return open.clone();
        };
        let every = Ports::every(Protocol::Tcp);
        let excluded: Vec<Ports> = member.excluded.iter().map(|(port, _)| one(*port)).collect();
        let excluded = Ports::union(&excluded);
        let turned = every.without(&excluded);
        let mut passed = Reach {
            all: open.all.without(&every),
            some: open.some.without(&every),
        };
        let direct = if member.direct.is_some() {
            &every
        } else {
            &excluded
        };
        passed = passed.or(&within(open, direct));
        let has_identity = self.identities.of(from).is_some();
        for service in &member.services {
            let behind = ports(service);
            let may_be_nobody = may_be_nobody(model, has_identity);
            let is_permissive = self.consul.settings.permissive(&service.name).is_some();
            if member.direct.is_none() && may_be_nobody && is_permissive {
                passed = passed.or(&within(open, &behind));
            }
            for (_, path) in self.consul.settings.exposed(&service.name) {
                if open.any().has(Protocol::Tcp, path.listener) {
                    let both = one(path.listener).or(&one(path.local));
                    passed = passed.or(&as_verdict(both, Verdict::Some));
                }
            }
            // Whoever behaves calls the listener; all that is turned there gets there.
            let is_turned = model == Model::Adversarial && member.direct.is_none();
            let listener = one(service.listener);
            let tunnel = best(open, if is_turned { &turned } else { &listener });
            let lets = self.by_identity(from, service, model).min(tunnel);
            passed = passed.or(&as_verdict(behind, lets));
        }
        passed
    }

    fn tunnel(&self) -> Tunnel {
        Tunnel::Anywhere
    }

    fn holds(&self, to: Peer) -> bool {
        self.member(to).is_some()
    }

    fn class(&self, from: Peer, _to: Peer) -> Vec<usize> {
        // Without ACLs it also decides whether the source is a pod.
        let is_pod = matches!(from, Peer::Endpoint(_));
        vec![self.identities.number(from), usize::from(is_pod)]
    }

    fn told(&self, call: &Call<'_>) -> Option<Told<'s>> {
        let is_tcp = call.protocol == Protocol::Tcp;
        let member = self.member(call.to).filter(|_| is_tcp)?;
        let port = call.port;
        if let Some(told) = past_the_proxy(member, port) {
            return Some(told);
        }
        let serving = |service: &&Service| {
            service
                .ports
                .as_ref()
                .is_none_or(|ports| ports.contains(&port))
        };
        let services = member.services.iter().filter(serving);
        let exposed = self.exposed(member, port);
        let told = services.map(|service| self.told_of(call, service));
        // Of several services the one that lets most pass is the one to show.
        let best = told.chain(exposed).max_by_key(|told| told.verdict);
        Some(best.unwrap_or_else(|| Told {
            said: format!("Consul's proxy has nothing behind it at port {port}"),
            verdict: Verdict::Closed,
            cites: Vec::new(),
            ways: Vec::new(),
        }))
    }
}

/// What is said where no proxy decides about a port.
fn past_the_proxy<'s>(member: &Member<'s>, port: u16) -> Option<Told<'s>> {
    let excluded = member.excluded.iter().find(|(number, _)| *number == port);
    let reason = member
        .direct
        .as_ref()
        .or(excluded.map(|(_, reason)| reason))?;
    Some(Told {
        said: format!(
            "Consul: port {port} is reached without an identity and past all intentions: {}",
            reason.note
        ),
        verdict: Verdict::Open,
        cites: vec![cited(reason)],
        ways: Vec::new(),
    })
}

fn cited<'s>(reason: &Reason<'s>) -> Cite<'s> {
    Cite {
        object: reason.object,
        pointer: reason.pointer.clone(),
        span: reason.span,
        condition: None,
        is_assumed: false,
    }
}

impl<'s> ConsulLayer<'s> {
    fn exposed(&self, member: &Member<'s>, port: u16) -> Option<Told<'s>> {
        let services = member.services.iter();
        let mut all = services.flat_map(|service| self.consul.settings.exposed(&service.name));
        let (defaults, path) = all.find(|(_, path)| path.listener == port || path.local == port)?;
        let condition = Condition::is(Field::Path, Pattern::Exact(path.path.into()));
        Some(Told {
            said: format!(
                "Consul gives {} of port {} to everybody at port {}",
                path.path, path.local, path.listener
            ),
            verdict: Verdict::Some,
            cites: vec![Cite {
                object: defaults.object,
                pointer: path.pointer.clone(),
                span: path.span,
                condition: Some(condition.clone()),
                is_assumed: false,
            }],
            ways: vec![Alternative {
                identity: None,
                condition,
            }],
        })
    }

    fn told_of(&self, call: &Call<'_>, service: &Service) -> Told<'s> {
        let (from, port) = (call.from, call.port);
        let callers = self.callers(from, call.model);
        let callers = callers.as_deref();
        let mut ways: Vec<Alternative> = Vec::new();
        let mut cites = Vec::new();
        let mut said = Vec::new();
        let permissive = self.consul.settings.permissive(&service.name);
        if let Some((defaults, span)) = permissive {
            said.push("plaintext passes without an intention (mutual TLS is permissive)".into());
            cites.push(Cite {
                object: defaults.object,
                pointer: "/spec/mutualTLSMode".to_owned(),
                span,
                condition: None,
                is_assumed: false,
            });
        } else {
            said.push("plaintext is refused".to_owned());
        }
        if permissive.is_some() && may_be_nobody(call.model, callers.is_some()) {
            ways.push(Alternative {
                identity: None,
                condition: Condition::Always,
            });
        }
        match self.decision(callers, service) {
            Some(decision) => {
                ways.extend(callers.into_iter().flatten().map(|caller| Alternative {
                    identity: Some(proven(caller)),
                    condition: self.consul.decide(service, caller).condition,
                }));
                said.push(self.ruling(&service.name.name, &decision));
                cites.extend(conditioned(decision));
            }
            None => said.push("the source has no identity of the mesh".to_owned()),
        }
        if self.is_anybody(from, call.model) {
            let anybody = Name::read("any service");
            ways.push(Alternative {
                identity: Some(proven(&anybody)),
                condition: Condition::Always,
            });
            let words = "without ACLs whoever reaches the servers is given any service's identity";
            said.push(words.to_owned());
            let by = &self.consul.settings.default_intention.by;
            cites.extend(by.iter().map(|(object, pointer, span)| Cite {
                object,
                pointer: pointer.clone(),
                span: *span,
                condition: None,
                is_assumed: false,
            }));
        }
        let passing = ways.iter().map(|way| way.condition.verdict());
        Told {
            said: format!("Consul at port {port}: {}", said.join("; ")),
            verdict: passing.max().unwrap_or(Verdict::Closed),
            cites,
            ways,
        }
    }

    /// What the intentions say, in words.
    fn ruling(&self, service: &str, decision: &Decision<'s>) -> String {
        let lets = match decision.condition.verdict() {
            Verdict::Open => "let this pass",
            Verdict::Some => "let some requests pass",
            Verdict::Closed => "refuse this",
        };
        if !decision.is_default {
            return format!("under the source's identity the intentions of {service} {lets}");
        }
        let default = &self.consul.settings.default_intention;
        let does = if default.is_allow {
            "allowed"
        } else {
            "refused"
        };
        let why = match (&default.by, self.consul.settings.acls) {
            (Some(_), _) => "",
            (None, Some(true)) => ", as the chart's ACLs have it",
            (None, _) => ", for nothing in the input says that there are ACLs",
        };
        format!("no intention is about this, and what none is about is {does}{why}")
    }
}

/// Whether a source comes without an identity, too: a client in the mesh shows who it is.
fn may_be_nobody(model: Model<'_>, has_identity: bool) -> bool {
    match model {
        Model::Adversarial | Model::Nobody => true,
        Model::Configured => !has_identity,
        Model::As(_) => false,
    }
}

fn proven(name: &Name) -> Proven {
    Proven {
        name: name.name.to_string(),
        namespace: name.namespace.clone(),
        service_account: name.name.clone(),
    }
}

/// The cites of a decision, with what must hold of requests.
fn conditioned(decision: Decision<'_>) -> impl Iterator<Item = Cite<'_>> {
    let settled = matches!(decision.condition, Condition::Always | Condition::Never);
    let condition = (!settled).then_some(decision.condition);
    decision.because.into_iter().map(move |mut cite| {
        cite.condition.clone_from(&condition);
        cite
    })
}
