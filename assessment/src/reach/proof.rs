//! One connection: why it is open or closed, down to the deciding rules.

use super::select;
use super::{Question, Unknown};
use seawall_model::Span;
use seawall_network::{
    Cite, Config, Direction, Network, Peer, Protocol, Reason, Verdict, Why, World,
};
use seawall_snapshot::Snapshot;

/// Ports of one destination that are proved at most; users name a port beyond.
const MOST_PORTS: usize = 16;

/// Why something passes or not.
#[derive(Debug, Clone)]
pub struct Proof {
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// `TCP 5432`.
    pub port: String,
    /// What passes.
    pub verdict: Verdict,
    /// What decided, from the source on.
    pub steps: Vec<Step>,
}

/// What one layer said.
#[derive(Debug, Clone)]
pub struct Step {
    /// In words.
    pub said: String,
    /// What it lets pass.
    pub verdict: Verdict,
    /// What it rests on.
    pub cites: Vec<Citation>,
}

/// A piece of a policy.
#[derive(Debug, Clone)]
pub struct Citation {
    /// `NetworkPolicy shop/web`.
    pub object: String,
    /// Where in it.
    pub pointer: String,
    /// Where that stands.
    pub span: Span,
    /// What must hold of requests, or what is taken for granted.
    pub note: String,
}

/// Proves every connection that a question with both ends means.
pub fn proofs(snapshot: &Snapshot, question: &Question) -> Result<Vec<Proof>, Unknown> {
    let world = World::new(snapshot);
    proofs_in(&Network::new(&world, &Config::default()), question)
}

/// The same in a network that is known.
pub(super) fn proofs_in(
    network: &Network<'_, '_>,
    question: &Question,
) -> Result<Vec<Proof>, Unknown> {
    let of = |word: &Option<String>| select::peers(network, word.as_deref().unwrap_or_default());
    let (from, to) = (of(&question.from)?, of(&question.to)?);
    let mut all = Vec::new();
    for source in &from {
        for target in to.iter().filter(|target| *target != source) {
            for (protocol, port) in ports(network, *target, question) {
                all.push(prove(network, *source, *target, protocol, port));
            }
        }
    }
    Ok(all)
}

fn ports(network: &Network<'_, '_>, target: Peer, question: &Question) -> Vec<(Protocol, u16)> {
    if let Some(port) = question.port {
        return vec![port];
    }
    let Peer::Endpoint(id) = target else {
        return vec![(Protocol::Tcp, 443)];
    };
    let Some(endpoint) = network.world().endpoint_at(id) else {
        return Vec::new();
    };
    let declared = endpoint.declared_ports();
    if declared.is_empty() {
        return vec![(Protocol::Tcp, 443)];
    }
    declared.into_iter().take(MOST_PORTS).collect()
}

fn prove(network: &Network<'_, '_>, from: Peer, to: Peer, protocol: Protocol, port: u16) -> Proof {
    let said = format!("{} {port}", protocol.name());
    let (name, target) = (network.name(from), network.name(to));
    if from == Peer::Internet
        && let Peer::Endpoint(_) = to
    {
        let (verdict, steps) = from_outside(network, to, protocol, port);
        return Proof {
            from: name,
            to: target,
            port: said,
            verdict,
            steps,
        };
    }
    let why = network.why(from, to, protocol, port);
    Proof {
        from: name,
        to: target,
        port: said,
        verdict: why.verdict,
        steps: steps(network, &why),
    }
}

/// From the internet it takes a way in; what policies say about its addresses is not enough.
fn from_outside(
    network: &Network<'_, '_>,
    to: Peer,
    protocol: Protocol,
    port: u16,
) -> (Verdict, Vec<Step>) {
    let ways = network.exposure().iter().filter(|way| {
        Peer::Endpoint(way.endpoint) == to && (way.protocol, way.port) == (protocol, port)
    });
    let best = ways.max_by_key(|way| way.verdict);
    let Some(way) = best else {
        let said = "nothing leads there from outside: no Service, Ingress, Gateway or port of a \
                    node"
            .to_owned();
        let step = Step {
            said,
            verdict: Verdict::Closed,
            cites: Vec::new(),
        };
        return (Verdict::Closed, vec![step]);
    };
    let mut said = format!("a way in: {}", way.entry.name());
    if !way.hosts.is_empty() {
        said = format!("{said}, for {}", way.hosts.join(", "));
    }
    if !way.requests.is_empty() {
        said = format!("{said}, if {}", way.requests.join(" or "));
    }
    let cites = way.links.iter().map(|link| Citation {
        object: link.object.reference.to_string(),
        pointer: link.pointer.clone(),
        span: link.span,
        note: String::new(),
    });
    let mut all = vec![Step {
        said,
        verdict: Verdict::Open,
        cites: cites.collect(),
    }];
    let last = way.through.unwrap_or(Peer::Internet);
    let why = network.why(last, to, protocol, port);
    all.extend(steps(network, &why));
    (way.verdict, all)
}

fn steps(network: &Network<'_, '_>, why: &Why<'_>) -> Vec<Step> {
    let layers = why.layers.iter().map(|told| Step {
        said: told.said.clone(),
        verdict: told.verdict,
        cites: told.cites.iter().map(citation).collect(),
    });
    let policies = why.steps.iter().map(|step| {
        let (end, does) = match step.direction {
            Direction::Egress => (network.name(why.from), "sends"),
            Direction::Ingress => (network.name(why.to), "receives"),
        };
        let said = match (step.reason, step.verdict) {
            (Reason::HostNetwork, _) => {
                format!("{end} is in its node's network, where no policy holds what it {does}")
            }
            (Reason::Outside | Reason::NotHeld, _) => format!("no policy holds what {end} {does}"),
            (Reason::Undecided, _) => {
                format!("policies hold what {end} {does}, and none decides about this")
            }
            (Reason::Rule, Verdict::Closed) => {
                format!("a rule refuses this of what {end} {does}")
            }
            (Reason::Rule, Verdict::Some) => {
                format!("a rule lets some requests pass of what {end} {does}")
            }
            (Reason::Rule, Verdict::Open) => {
                format!("a rule lets this pass of what {end} {does}")
            }
            (Reason::NoRule, _) => {
                format!("policies hold what {end} {does}, and none of their rules lets this pass")
            }
            (Reason::OwnNode, _) => {
                "a pod and the node that it is on always reach each other".to_owned()
            }
        };
        Step {
            said,
            verdict: step.verdict,
            cites: step.cites.iter().map(citation).collect(),
        }
    });
    policies.chain(layers).collect()
}

fn citation(cite: &Cite<'_>) -> Citation {
    Citation {
        object: cite.object.reference.to_string(),
        pointer: cite.pointer.clone(),
        span: cite.span,
        note: match (&cite.condition, cite.is_assumed) {
            (Some(condition), _) => format!("if {condition}"),
            (None, true) => "assumed: labels or addresses are not in the input".to_owned(),
            (None, false) => String::new(),
        },
    }
}
