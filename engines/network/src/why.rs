//! Why something passes or not: the deciding rule of each direction, with its place.

use crate::layer::{Call, Told};
use crate::network::Network;
use crate::places::Peer;
use crate::policy::{Action, Direction, Policy, Rule, Tier};
use crate::reach::Protocol;
use crate::request::Condition;
use crate::rows::meant;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use std::fmt;

/// Whether something passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing.
    Closed,
    /// Some requests.
    Some,
    /// Everything.
    Open,
}

/// A piece of an object that decided.
#[derive(Debug, Clone)]
pub struct Cite<'s> {
    /// The object.
    pub object: &'s Object,
    /// JSON pointer of the piece.
    pub pointer: String,
    /// Where it stands.
    pub span: Span,
    /// What must hold of requests, in words.
    pub condition: Option<Str>,
    /// Whether the peer is taken in because the input does not say that it is not: labels of
    /// its namespace or its address are not known.
    pub is_assumed: bool,
}

/// What decided a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// This end has no policy: it is outside of the cluster, or a node.
    Outside,
    /// The pod is in its node's network, where policies do not hold it.
    HostNetwork,
    /// No policy holds the pod.
    NotHeld,
    /// Policies hold the pod; none decides this, and what is not decided passes.
    Undecided,
    /// A rule says so.
    Rule,
    /// Policies hold the pod, and none of their rules lets this pass.
    NoRule,
    /// A pod and the node that it is on always reach each other.
    OwnNode,
}

impl Reason {
    /// In words, for an answer.
    pub fn words(self) -> &'static str {
        match self {
            Reason::Outside => "no policy holds this end",
            Reason::HostNetwork => "the pod is in its node's network, which policies do not hold",
            Reason::NotHeld => "no policy holds the pod in this direction",
            Reason::Undecided => "the policies that hold the pod leave this open",
            Reason::Rule => "a rule decides",
            Reason::NoRule => "the policies that hold the pod do not allow this",
            Reason::OwnNode => "a pod and the node that it is on always reach each other",
        }
    }
}

/// What one direction says.
#[derive(Debug, Clone)]
pub struct Step<'s> {
    /// The direction.
    pub direction: Direction,
    /// What it comes to.
    pub verdict: Verdict,
    /// What decided.
    pub reason: Reason,
    /// The rules that decided; where none did, the policies that hold the pod.
    pub cites: Vec<Cite<'s>>,
    /// The requests that it lets pass.
    pub requests: Condition,
}

/// Why a port is open or closed.
#[derive(Debug, Clone)]
pub struct Why<'s> {
    /// What passes.
    pub verdict: Verdict,
    /// The source that this is about: of the internet one region.
    pub from: Peer,
    /// The destination that this is about.
    pub to: Peer,
    /// Out of the source, into the destination.
    pub steps: Vec<Step<'s>>,
    /// What the layers behind the policies say.
    pub layers: Vec<Told<'s>>,
}

impl<'s> Network<'_, 's> {
    /// Why a connection is open or closed: of several places the one where most passes.
    pub fn why(&self, call: &Call<'_>) -> Why<'s> {
        let Call { protocol, port, .. } = *call;
        let mut best: Option<Why<'s>> = None;
        for source in self.places.of(call.from) {
            for target in self.places.of(call.to) {
                let steps = vec![
                    self.step(Direction::Egress, source, target, protocol, port),
                    self.step(Direction::Ingress, target, source, protocol, port),
                ];
                let (from, to) = (self.places.peer(source), self.places.peer(target));
                let reach = self.reach_as(from, to, call.model);
                let call = Call { from, to, ..*call };
                let layers = self.layers.iter();
                let why = Why {
                    // Also what comes through a tunnel that the policies let pass.
                    verdict: reach.verdict(protocol, port),
                    from,
                    to,
                    steps,
                    layers: layers.filter_map(|layer| layer.told(&call)).collect(),
                };
                if best.as_ref().is_none_or(|best| best.verdict < why.verdict) {
                    best = Some(why);
                }
            }
        }
        best.unwrap_or(Why {
            verdict: Verdict::Closed,
            from: call.from,
            to: call.to,
            steps: Vec::new(),
            layers: Vec::new(),
        })
    }

    /// What must hold of requests for them to pass, whoever decides about them.
    pub fn asked(&self, call: &Call<'_>) -> Condition {
        let Call { protocol, port, .. } = *call;
        let mut ways: Vec<Condition> = Vec::new();
        for source in self.places.of(call.from) {
            for target in self.places.of(call.to) {
                let steps = [
                    self.step(Direction::Egress, source, target, protocol, port),
                    self.step(Direction::Ingress, target, source, protocol, port),
                ];
                let (from, to) = (self.places.peer(source), self.places.peer(target));
                let call = Call { from, to, ..*call };
                let told = self.layers.iter().filter_map(|layer| layer.told(&call));
                let layers = told.map(|told| match told.ways.as_slice() {
                    [] => Condition::settled(told.verdict != Verdict::Closed),
                    ways => Condition::any(ways.iter().map(|way| way.condition.clone())),
                });
                let way = Condition::all(steps.map(|step| step.requests).into_iter().chain(layers));
                if !ways.contains(&way) {
                    ways.push(way);
                }
            }
        }
        Condition::any(ways)
    }

    fn step(
        &self,
        direction: Direction,
        subject: usize,
        other: usize,
        protocol: Protocol,
        port: u16,
    ) -> Step<'s> {
        let given = |verdict, reason| Step {
            direction,
            verdict,
            reason,
            cites: Vec::new(),
            requests: Condition::Always,
        };
        if subject >= self.places.endpoints() {
            return given(Verdict::Open, Reason::Outside);
        }
        if self.places.hosts.has(subject) {
            return given(Verdict::Open, Reason::HostNetwork);
        }
        let rows = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let held = rows.holding.get(subject).map_or(&[][..], Vec::as_slice);
        if held.is_empty() {
            return given(Verdict::Open, Reason::NotHeld);
        }
        let walk = Walk {
            network: self,
            direction,
            subject,
            other,
            protocol,
            port,
            held: held
                .iter()
                .filter_map(|(index, sure)| Some((self.policies.all.get(*index)?, *sure)))
                .collect(),
        };
        walk.step()
    }
}

/// One connection on its way through the tiers of one end.
struct Walk<'n, 's> {
    network: &'n Network<'n, 's>,
    direction: Direction,
    subject: usize,
    other: usize,
    protocol: Protocol,
    port: u16,
    held: Vec<(&'n Policy<'s>, bool)>,
}

/// Rules that let some requests pass, with these.
type Conditional<'s> = Vec<(Cite<'s>, Condition)>;

/// What a tier says: an action with the rule behind it.
type Said<'n, 's> = Option<(Action, &'n Policy<'s>, &'n Rule)>;

impl<'n, 's> Walk<'n, 's> {
    fn step(&self) -> Step<'s> {
        let mut conditional: Conditional<'s> = Vec::new();
        let step = self.decide(&mut conditional);
        // Some requests were let pass on the way to a refusal.
        if step.verdict == Verdict::Closed && !conditional.is_empty() {
            let (cites, requests): (Vec<Cite<'s>>, Vec<Condition>) =
                conditional.into_iter().unzip();
            return Step {
                requests: Condition::any(requests),
                ..self.made(Verdict::Some, Reason::Rule, cites)
            };
        }
        step
    }

    fn decide(&self, conditional: &mut Conditional<'s>) -> Step<'s> {
        if let Some(step) = self.ranked(Tier::Admin, conditional) {
            return step;
        }
        if let Some(step) = self.united(conditional) {
            return step;
        }
        if let Some(step) = self.ranked(Tier::Baseline, conditional) {
            return step;
        }
        self.made(Verdict::Open, Reason::Undecided, self.holders())
    }

    fn made(&self, verdict: Verdict, reason: Reason, cites: Vec<Cite<'s>>) -> Step<'s> {
        Step {
            direction: self.direction,
            verdict,
            reason,
            cites,
            requests: Condition::settled(verdict != Verdict::Closed),
        }
    }

    fn cite(&self, policy: &Policy<'s>, rule: &Rule) -> Cite<'s> {
        let assumed = rule.assumed.as_ref();
        Cite {
            object: policy.object,
            pointer: rule.pointer.clone(),
            span: rule.span,
            condition: rule.condition.as_ref().map(|asks| asks.words.clone()),
            is_assumed: assumed.is_some_and(|set| set.has(self.other)),
        }
    }

    /// The policies that hold the pod.
    fn holders(&self) -> Vec<Cite<'s>> {
        let sure = self.held.iter().filter(|(_, sure)| *sure);
        sure.map(|(policy, _)| Cite {
            object: policy.object,
            pointer: policy.pointer.clone(),
            span: policy.span,
            condition: None,
            is_assumed: false,
        })
        .collect()
    }

    fn is_match(&self, rule: &Rule) -> bool {
        if !rule.parties.has(self.other) {
            return false;
        }
        let meanings = meant(rule, self.direction, self.subject, &self.network.places);
        meanings.iter().any(|(parties, ports)| {
            parties.as_ref().is_none_or(|set| set.has(self.other))
                && ports.has(self.protocol, self.port)
        })
    }

    fn tier(&self, tier: Tier) -> impl Iterator<Item = &(&'n Policy<'s>, bool)> {
        self.held
            .iter()
            .filter(move |(policy, _)| policy.tier == tier)
    }

    fn ranked(&self, tier: Tier, conditional: &mut Conditional<'s>) -> Option<Step<'s>> {
        let mut all: Vec<&(&Policy<'s>, bool)> = self.tier(tier).collect();
        all.sort_by_key(|(policy, _)| policy.priority);
        for alike in all.chunk_by(|a, b| a.0.priority == b.0.priority) {
            let said: Vec<Said<'_, 's>> = alike
                .iter()
                .map(|(policy, sure)| self.first(policy, *sure, conditional))
                .collect();
            // Nobody can say which comes first: what lets most pass counts.
            let by = |wanted: Action| {
                let mut all = said.iter().flatten();
                all.find(|(action, _, _)| *action == wanted)
            };
            if let Some((_, policy, rule)) = by(Action::Allow) {
                return Some(self.made(Verdict::Open, Reason::Rule, vec![self.cite(policy, rule)]));
            }
            if by(Action::Pass).is_some() {
                return None;
            }
            if let Some((_, policy, rule)) = by(Action::Deny) {
                let cites = vec![self.cite(policy, rule)];
                return Some(self.made(Verdict::Closed, Reason::Rule, cites));
            }
        }
        None
    }

    fn first(
        &self,
        policy: &'n Policy<'s>,
        sure: bool,
        conditional: &mut Conditional<'s>,
    ) -> Said<'n, 's> {
        for rule in &policy.rules {
            if (!sure && rule.action != Action::Allow) || !self.is_match(rule) {
                continue;
            }
            if let (Action::Allow, Some(asks)) = (rule.action, &rule.condition) {
                conditional.push((self.cite(policy, rule), asks.requests.clone()));
                continue;
            }
            return Some((rule.action, policy, rule));
        }
        None
    }

    fn united(&self, conditional: &mut Conditional<'s>) -> Option<Step<'s>> {
        let mut allowed = Vec::new();
        let mut denied = Vec::new();
        let before = conditional.len();
        for (policy, sure) in self.tier(Tier::Namespace) {
            for rule in &policy.rules {
                if (!sure && rule.action != Action::Allow) || !self.is_match(rule) {
                    continue;
                }
                match (rule.action, &rule.condition) {
                    (Action::Deny, _) => denied.push(self.cite(policy, rule)),
                    (_, Some(asks)) => {
                        conditional.push((self.cite(policy, rule), asks.requests.clone()));
                    }
                    (_, None) => allowed.push(self.cite(policy, rule)),
                }
            }
        }
        if !denied.is_empty() {
            conditional.truncate(before);
            return Some(self.made(Verdict::Closed, Reason::Rule, denied));
        }
        if !allowed.is_empty() {
            return Some(self.made(Verdict::Open, Reason::Rule, allowed));
        }
        let isolating = |(policy, sure): &&(&Policy<'s>, bool)| policy.isolates && *sure;
        let mut holders = self.tier(Tier::Namespace).filter(isolating).peekable();
        holders.peek()?;
        if self.is_own_node() {
            return Some(self.made(Verdict::Open, Reason::OwnNode, Vec::new()));
        }
        let cites = holders.map(|(policy, _)| Cite {
            object: policy.object,
            pointer: policy.pointer.clone(),
            span: policy.span,
            condition: None,
            is_assumed: false,
        });
        Some(self.made(Verdict::Closed, Reason::NoRule, cites.collect()))
    }

    fn is_own_node(&self) -> bool {
        let mut held = self.held.iter();
        self.network.places.hosts.has(self.other)
            && (self.direction == Direction::Ingress
                || !held.any(|(policy, sure)| policy.is_cilium && policy.isolates && *sure))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Closed => "closed",
            Verdict::Some => "some requests",
            Verdict::Open => "open",
        })
    }
}
