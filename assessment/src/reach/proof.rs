//! One connection: why it is open or closed, down to the deciding rules.

use super::select;
use super::{Question, Unknown};
use seawall_model::Span;
use seawall_network::{
    Call, Cite, Condition, Config, Direction, Entry, Exposure, Network, Peer, Protocol, Proven,
    Reason, Request, Verdict, Why, World,
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
    /// Who the source proves to be on the ways that something passes on; `None` is nobody.
    pub identities: Vec<Option<Proven>>,
}

impl Proof {
    fn of(network: &Network<'_, '_>, call: &Call<'_>) -> Self {
        Self {
            from: network.name(call.from),
            to: network.name(call.to),
            port: format!("{} {}", call.protocol.name(), call.port),
            verdict: Verdict::Closed,
            steps: Vec::new(),
            identities: Vec::new(),
        }
    }
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

/// Proves every connection that a question means; an end that it leaves open is every workload
/// that is not the other end.
pub fn proofs(snapshot: &Snapshot, question: &Question) -> Result<Vec<Proof>, Unknown> {
    let world = World::new(snapshot);
    proofs_in(&Network::new(&world, &Config::default()), question)
}

/// The same in a network that is known.
pub(super) fn proofs_in(
    network: &Network<'_, '_>,
    question: &Question,
) -> Result<Vec<Proof>, Unknown> {
    let of = |word: &Option<String>| match word.as_deref() {
        Some(word) => select::peers(network, word),
        None => Ok(network
            .world()
            .endpoint_ids()
            .map(|(id, _)| Peer::Endpoint(id))
            .collect()),
    };
    let (from, to) = (of(&question.from)?, of(&question.to)?);
    let mut all = Vec::new();
    for source in &from {
        for target in to.iter().filter(|target| *target != source) {
            for (protocol, port) in ports(network, *target, question) {
                let call = Call {
                    model: question.model(),
                    ..Call::new(*source, *target, protocol, port)
                };
                all.push(prove(network, &call, &question.request));
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

fn prove(network: &Network<'_, '_>, call: &Call<'_>, request: &Request) -> Proof {
    let is_from_outside = call.from == Peer::Internet && matches!(call.to, Peer::Endpoint(_));
    let way = is_from_outside.then(|| way_in(network, call, request));
    let mut steps = Vec::new();
    // From the internet it takes a way in; what policies say about its addresses is not enough.
    let last = match way {
        Some(None) => {
            let said = "nothing leads there from outside: no Service, Ingress, Gateway or port of \
                        a node";
            return Proof {
                verdict: Verdict::Closed,
                steps: vec![Step {
                    said: said.to_owned(),
                    verdict: Verdict::Closed,
                    cites: Vec::new(),
                }],
                ..Proof::of(network, call)
            };
        }
        Some(Some(way)) => {
            steps.push(entered(way, request));
            Call {
                from: way.through.unwrap_or(Peer::Internet),
                ..*call
            }
        }
        None => *call,
    };
    let why = network.why_of(&last, request);
    steps.extend(self::steps(network, &why, request));
    let behind = why.settled(request);
    let verdict = way
        .flatten()
        .map_or(behind, |way| behind.min(way_verdict(way, request)));
    Proof {
        verdict,
        steps,
        identities: identities(&why, request),
        ..Proof::of(network, call)
    }
}

/// Who the source can prove to be, on all ways that something passes on; `None` is nobody. Without
/// a mesh in between there is no way that asks.
fn identities(why: &Why<'_>, request: &Request) -> Vec<Option<Proven>> {
    // What only comes through a mesh's tunnel does not come in plaintext.
    let is_direct = why.steps.iter().all(|step| step.verdict != Verdict::Closed);
    let layers = why.layers.iter().filter(|told| !told.ways.is_empty());
    let passing = layers.map(|told| {
        let ways = told.ways.iter();
        let open = ways.filter(|way| way.condition.given(request).verdict() != Verdict::Closed);
        let open = open.map(|way| way.identity.clone());
        let open: Vec<_> = open.filter(|one| one.is_some() || is_direct).collect();
        open
    });
    // Of several meshes the one that asks for most counts: all of them must be passed.
    let best = passing.min_by_key(|open| open.iter().filter(|one| one.is_none()).count());
    best.unwrap_or_else(|| vec![None])
}

/// What a way lets in, once it is known what the request is.
fn way_verdict(way: &Exposure<'_>, request: &Request) -> Verdict {
    way.verdict.min(way.carries(request))
}

/// The way in to a port on which most passes.
fn way_in<'n, 's>(
    network: &'n Network<'_, 's>,
    call: &Call<'_>,
    request: &Request,
) -> Option<&'n Exposure<'s>> {
    let ways = network.exposure().iter().filter(|way| {
        Peer::Endpoint(way.endpoint) == call.to
            && (way.protocol, way.port) == (call.protocol, call.port)
            && way.entry != Entry::Internal
    });
    ways.max_by_key(|way| {
        let from = way.through.unwrap_or(Peer::Internet);
        let why = || network.why_of(&Call { from, ..*call }, request);
        let carried = way_verdict(way, request);
        match carried {
            Verdict::Closed => carried,
            _ if request.is_empty() => carried,
            _ => carried.min(why().settled(request)),
        }
    })
}

fn entered(way: &Exposure<'_>, request: &Request) -> Step {
    let mut said = format!("a way in: {}", way.entry.name());
    if !way.hosts.is_empty() {
        said = format!("{said}, for {}", way.hosts.join(", "));
    }
    if way.requests != Condition::Always {
        said = format!("{said}, if {}", way.requests);
    }
    if !request.is_empty() {
        said = format!("{said}; of this request: {}", way.carries(request));
    }
    let cites = way.links.iter().map(|link| Citation {
        object: link.object.reference.to_string(),
        pointer: link.pointer.clone(),
        span: link.span,
        note: String::new(),
    });
    Step {
        said,
        verdict: way_verdict(way, request),
        cites: cites.collect(),
    }
}

fn steps(network: &Network<'_, '_>, why: &Why<'_>, request: &Request) -> Vec<Step> {
    let layers = why.layers.iter().map(|told| {
        let given = told.ways.iter().map(|way| way.condition.given(request));
        let settled = given.map(|condition| condition.verdict()).max();
        let verdict = settled.filter(|_| !request.is_empty());
        let said = match verdict.filter(|verdict| *verdict != told.verdict) {
            Some(verdict) => format!("{}; of this request: {verdict}", told.said),
            None => told.said.clone(),
        };
        Step {
            said,
            verdict: verdict.unwrap_or(told.verdict),
            cites: told.cites.iter().map(citation).collect(),
        }
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
        let given = step.condition().given(request).verdict();
        let verdict = if request.is_empty() {
            step.verdict
        } else {
            given
        };
        let said = if verdict == step.verdict {
            said
        } else {
            format!("{said}; of this request: {verdict}")
        };
        Step {
            said,
            verdict,
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
