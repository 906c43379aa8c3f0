//! Policies of every kind in one form: whom they hold, in which direction, and in what order
//! they let traffic pass or stop it.
//!
//! Reading ([`kubernetes`], [`admin`], [`cilium`]) only understands what is written. What the
//! words choose in this world is decided here, when the whole picture is known.

mod admin;
mod cilium;
mod foreign;
mod kubernetes;
mod read;

use crate::places::Places;
use crate::reach::{Bits, Block, Cidr};
use crate::selection::{Certainty, Selection};
use crate::world::World;
use read::{Fault, PortSpec};
use seawall_model::{Gap, GapKind, Span, Str};
use seawall_snapshot::{LabelSelector, Object};
use std::sync::Arc;

pub(crate) use cilium::{Endpoints, is_here as has_cilium};
pub(crate) use read::At;

/// Which way traffic goes, seen from the pods that a policy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// To them.
    Ingress,
    /// From them.
    Egress,
}

impl Direction {
    /// Both.
    pub const ALL: [Direction; 2] = [Direction::Egress, Direction::Ingress];

    /// The field name.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }
}

/// When a policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Before all others.
    Admin,
    /// NetworkPolicies and Cilium's: what holds a pod lets in what one of them allows.
    Namespace,
    /// For what nothing else decided.
    Baseline,
}

/// What a rule does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Action {
    Allow,
    Deny,
    /// Leaves it to the next tier.
    Pass,
}

/// Whom a policy holds.
#[derive(Debug)]
pub(crate) enum Subjects {
    /// Pods of one namespace.
    Local(Str, LabelSelector),
    /// Pods that both selectors choose, namespaces first.
    Across(LabelSelector, LabelSelector),
    /// Cilium's way to say so.
    Cilium(Endpoints),
}

/// Whom a rule speaks of.
#[derive(Debug, Clone)]
pub(crate) enum Party {
    /// Whoever it may be.
    Everyone,
    /// Nobody; a rule of nobody is there for its effect of being there.
    Nobody,
    /// Pods of one namespace.
    Local(Str, LabelSelector),
    /// Pods that both selectors choose, namespaces first.
    Across(LabelSelector, LabelSelector),
    /// Cilium's way to say so.
    Cilium(Endpoints),
    /// Addresses, and whoever has one in it.
    Block(Block),
    /// Addresses beyond the cluster only.
    Beyond(Block),
    /// Every address beyond the cluster.
    World,
    /// Public addresses.
    Internet,
    /// Nodes and what is in their network.
    Nodes(Certainty),
    /// Everything in the cluster.
    Cluster,
    /// What a proxy at the cluster's edge forwards.
    Edge,
    /// The pods behind a Service.
    Behind(Str, LabelSelector),
}

impl Party {
    fn blocks(&self) -> Vec<Cidr> {
        match self {
            Party::Block(block) | Party::Beyond(block) => {
                let mut all = block.except.clone();
                all.push(block.cidr);
                all
            }
            _ => Vec::new(),
        }
    }
}

/// A rule as it is written.
#[derive(Debug)]
pub(crate) struct DraftRule {
    pub(crate) action: Action,
    pub(crate) parties: Vec<Party>,
    pub(crate) ports: PortSpec,
    /// What must hold besides, in words: a method and path, a name in DNS.
    pub(crate) condition: Option<String>,
    pub(crate) pointer: String,
    pub(crate) span: Span,
}

/// One direction of a policy as it is written.
#[derive(Debug)]
pub(crate) struct Draft<'s> {
    pub(crate) object: &'s Object,
    pub(crate) tier: Tier,
    pub(crate) priority: i64,
    pub(crate) direction: Direction,
    pub(crate) subjects: Arc<Subjects>,
    /// Whether what it holds lets nothing pass that no rule allows.
    pub(crate) isolates: bool,
    pub(crate) is_cilium: bool,
    /// Where it says that it holds this direction.
    pub(crate) pointer: String,
    pub(crate) span: Span,
    pub(crate) rules: Vec<DraftRule>,
}

/// A rule of the network.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) action: Action,
    /// Whom it speaks of.
    pub(crate) parties: Arc<Bits>,
    /// Those of them that are taken in because the input does not say otherwise.
    pub(crate) assumed: Option<Arc<Bits>>,
    pub(crate) ports: PortSpec,
    pub(crate) condition: Option<Str>,
    pub(crate) pointer: String,
    pub(crate) span: Span,
}

/// One direction of a policy of the network.
#[derive(Debug)]
pub(crate) struct Policy<'s> {
    pub(crate) object: &'s Object,
    pub(crate) tier: Tier,
    pub(crate) priority: i64,
    pub(crate) direction: Direction,
    /// Endpoints that it holds.
    pub(crate) subjects: Vec<usize>,
    /// Endpoints that it may hold: what it allows counts for them, what it stops does not.
    pub(crate) perhaps: Vec<usize>,
    pub(crate) isolates: bool,
    pub(crate) is_cilium: bool,
    pub(crate) pointer: String,
    pub(crate) span: Span,
    pub(crate) rules: Vec<Rule>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct Drafts<'s> {
    pub(crate) policies: Vec<Draft<'s>>,
    pub(crate) gaps: Vec<Gap>,
}

impl<'s> Drafts<'s> {
    /// All policies of the world.
    pub(crate) fn read(world: &World<'s>) -> Self {
        let mut drafts = Self::default();
        kubernetes::read(world, &mut drafts);
        admin::read(world, &mut drafts);
        cilium::read(world, &mut drafts);
        drafts.gaps.extend(foreign::gaps(world));
        drafts
    }

    /// The blocks of addresses that policies name.
    pub(crate) fn blocks(&self) -> Vec<Cidr> {
        let rules = self.policies.iter().flat_map(|policy| &policy.rules);
        let parties = rules.flat_map(|rule| &rule.parties);
        parties.flat_map(Party::blocks).collect()
    }

    /// Takes what a reader made of an object, or notes why there is nothing.
    fn take(&mut self, object: &'s Object, result: Result<Vec<Draft<'s>>, Fault>) {
        match result {
            Ok(drafts) => self.policies.extend(drafts),
            Err(fault) => self.gaps.push(Gap {
                kind: GapKind::Invalid,
                subject: object.reference.to_string().into(),
                span: if fault.span.is_known() {
                    fault.span
                } else {
                    object.name_span
                },
                reason: format!("{} is not applied: {}", object.reference, fault.reason),
                hint: "Correct it: the API server or the network plugin refuses it".to_owned(),
                units: 1,
            }),
        }
    }
}

/// Decides what the words of policies choose.
pub(crate) fn compile<'s>(
    drafts: Vec<Draft<'s>>,
    selection: &Selection<'_, 's>,
) -> Vec<Policy<'s>> {
    drafts
        .into_iter()
        .map(|draft| {
            let (subjects, perhaps) = held(&draft.subjects, selection);
            let rules = draft.rules.into_iter();
            Policy {
                object: draft.object,
                tier: draft.tier,
                priority: draft.priority,
                direction: draft.direction,
                subjects,
                perhaps,
                isolates: draft.isolates,
                is_cilium: draft.is_cilium,
                pointer: draft.pointer,
                span: draft.span,
                rules: rules.map(|rule| compile_rule(rule, selection)).collect(),
            }
        })
        .collect()
}

/// The endpoints that subjects are, and those that they may be.
fn held(subjects: &Subjects, selection: &Selection<'_, '_>) -> (Vec<usize>, Vec<usize>) {
    let (surely, perhaps) = match subjects {
        Subjects::Local(namespace, pods) => {
            return (selection.in_namespace(namespace, pods), Vec::new());
        }
        Subjects::Across(spaces, pods) => {
            let chosen = selection.across(spaces, pods);
            (chosen.surely.clone(), chosen.perhaps.clone())
        }
        Subjects::Cilium(endpoints) => {
            let (mut surely, mut perhaps) = (selection.places().none(), selection.places().none());
            endpoints.choose(selection, &mut surely, &mut perhaps);
            (surely, perhaps)
        }
    };
    let only_pods = |set: &Bits| -> Vec<usize> {
        let endpoints = selection.places().endpoints();
        set.iter().take_while(|place| *place < endpoints).collect()
    };
    (only_pods(&surely), only_pods(&perhaps.without(&surely)))
}

fn compile_rule(rule: DraftRule, selection: &Selection<'_, '_>) -> Rule {
    let places = selection.places();
    let (mut surely, mut perhaps) = (places.none(), places.none());
    for party in &rule.parties {
        add(party, selection, &mut surely, &mut perhaps);
    }
    perhaps.subtract(&surely);
    // What lets pass takes in whom it may speak of; what stops does not.
    let assumed = (rule.action == Action::Allow && !perhaps.is_empty()).then(|| {
        surely.add(&perhaps);
        Arc::new(perhaps)
    });
    Rule {
        action: rule.action,
        parties: Arc::new(surely),
        assumed,
        ports: rule.ports,
        condition: rule.condition.map(Str::from),
        pointer: rule.pointer,
        span: rule.span,
    }
}

fn add(party: &Party, selection: &Selection<'_, '_>, surely: &mut Bits, perhaps: &mut Bits) {
    let places = selection.places();
    match party {
        Party::Everyone => surely.add(&places.all()),
        Party::Nobody => {}
        Party::Local(namespace, pods) | Party::Behind(namespace, pods) => {
            for pod in selection.in_namespace(namespace, pods) {
                surely.insert(pod);
            }
        }
        Party::Across(spaces, pods) => {
            let chosen = selection.across(spaces, pods);
            surely.add(&chosen.surely);
            perhaps.add(&chosen.perhaps);
        }
        Party::Cilium(endpoints) => endpoints.choose(selection, surely, perhaps),
        Party::Block(block) if !selection.has_cilium() => {
            let (in_it, may_be) = places.in_block(block);
            surely.add(&in_it);
            perhaps.add(&may_be);
        }
        // To Cilium a block is never a pod or a node, also in a NetworkPolicy.
        Party::Block(block) | Party::Beyond(block) => {
            places.regions.add(block, places.first_region(), surely);
        }
        Party::World => surely.insert_range(places.first_region(), places.len()),
        Party::Internet => surely.add(&places.internet),
        Party::Nodes(Certainty::Yes) => surely.add(&places.hosts),
        Party::Nodes(_) => perhaps.add(&places.hosts),
        Party::Cluster => surely.insert_range(0, places.first_region()),
        Party::Edge => add_edge(places, perhaps),
    }
}

fn add_edge(places: &Places, set: &mut Bits) {
    set.insert(places.controller());
}
