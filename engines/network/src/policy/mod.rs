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
use crate::request::{Condition, Field, Pattern};
use crate::selection::{Certainty, Selection};
use crate::world::World;
use core::ops::{Deref, Range};
use rayon::prelude::*;
use read::{Fault, PortSpec, Read};
use seawall_model::{Gap, GapKind, Span, Str};
use seawall_snapshot::{LabelSelector, Object};
use std::sync::Arc;

pub(crate) use cilium::{Endpoints, is_here as has_cilium};
pub(crate) use foreign::gaps as foreign_gaps;
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

/// What a rule asks of what it lets pass: a method and path, a name in DNS.
#[derive(Debug, Clone)]
pub(crate) struct Asks {
    /// In words.
    pub(crate) words: Str,
    /// The requests that have it.
    pub(crate) requests: Condition,
}

impl Asks {
    /// Something that is known by its words alone.
    pub(crate) fn only(words: String) -> Self {
        let words = Str::from(words);
        let field = Field::Other(words.clone());
        Self {
            words,
            requests: Condition::is(field, Pattern::any()),
        }
    }
}

/// A rule as it is written.
#[derive(Debug)]
pub(crate) struct DraftRule {
    pub(crate) action: Action,
    pub(crate) parties: Vec<Party>,
    pub(crate) ports: PortSpec,
    /// What must hold besides.
    pub(crate) condition: Option<Asks>,
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

impl Draft<'_> {
    fn blocks(&self) -> impl Iterator<Item = Cidr> {
        let parties = self.rules.iter().flat_map(|rule| &rule.parties);
        parties.flat_map(Party::blocks)
    }
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
    pub(crate) condition: Option<Asks>,
    pub(crate) pointer: String,
    pub(crate) span: Span,
}

/// One direction of a policy of the network. Networks that come of one another share what is
/// the same in both.
#[derive(Debug, Clone)]
pub(crate) struct Policy<'s> {
    pub(crate) object: &'s Object,
    pub(crate) ruling: Arc<Ruling>,
}

impl Deref for Policy<'_> {
    type Target = Ruling;

    fn deref(&self) -> &Ruling {
        &self.ruling
    }
}

/// What a policy decides.
#[derive(Debug)]
pub(crate) struct Ruling {
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
    /// The blocks of addresses that it names.
    pub(crate) blocks: Vec<Cidr>,
}

/// The policies of a world, object by object.
#[derive(Debug, Default)]
pub(crate) struct Policies<'s> {
    pub(crate) all: Vec<Policy<'s>>,
    /// What of them could not be applied.
    pub(crate) gaps: Vec<Gap>,
    /// What came of each object.
    pub(crate) readings: Vec<Reading<'s>>,
}

/// What came of an object.
#[derive(Debug)]
pub(crate) struct Reading<'s> {
    pub(crate) object: &'s Object,
    pub(crate) policies: Range<usize>,
    pub(crate) gaps: Range<usize>,
}

impl<'s> Policies<'s> {
    /// Adds what came of an object, in the world of these or in another one.
    pub(crate) fn take(&mut self, object: &'s Object, from: &Policies<'_>, reading: &Reading<'_>) {
        let known = from.all.get(reading.policies.clone()).unwrap_or_default();
        let gaps = from.gaps.get(reading.gaps.clone()).unwrap_or_default();
        let (first, first_gap) = (self.all.len(), self.gaps.len());
        self.all.extend(known.iter().map(|policy| Policy {
            object,
            ruling: Arc::clone(&policy.ruling),
        }));
        self.gaps.extend_from_slice(gaps);
        self.readings.push(Reading {
            object,
            policies: first..self.all.len(),
            gaps: first_gap..self.gaps.len(),
        });
    }

    /// The blocks of addresses that they name.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Cidr> {
        self.all.iter().flat_map(|policy| &policy.blocks).copied()
    }
}

/// Kinds of policies, in the order in which they are read.
const KINDS: [(&str, &[&str]); 4] = [
    ("networking.k8s.io", &["NetworkPolicy"]),
    ("extensions", &["NetworkPolicy"]),
    (admin::GROUP, &admin::KINDS),
    (cilium::GROUP, &cilium::KINDS),
];

/// Whether objects of a kind are policies that are read here.
pub(crate) fn is_policy(group: &str, kind: &str) -> bool {
    let mut groups = KINDS.iter();
    groups.any(|(of, kinds)| *of == group && kinds.contains(&kind))
}

/// The policies of a world.
pub(crate) fn objects<'s>(world: &World<'s>) -> Vec<&'s Object> {
    let groups = KINDS.iter();
    let kinds = groups.flat_map(|(group, kinds)| kinds.iter().map(move |kind| (*group, *kind)));
    let objects = kinds.flat_map(|(group, kind)| world.of_kind(group, kind));
    objects.copied().collect()
}

/// Policies as they are written, object by object.
#[derive(Debug, Default)]
pub(crate) struct Drafts<'s> {
    policies: Vec<Draft<'s>>,
    gaps: Vec<Gap>,
    readings: Vec<Reading<'s>>,
}

impl<'s> Drafts<'s> {
    /// Reads policies of a world.
    pub(crate) fn read(world: &World<'s>, objects: &[&'s Object]) -> Self {
        // Clusters have thousands of these, and reading one is by itself.
        let read = objects.par_iter().map(|object| read_one(world, object));
        let read: Vec<_> = read.collect();
        let mut drafts = Self::default();
        for (object, (result, notes)) in objects.iter().zip(read) {
            drafts.take(object, result, notes);
        }
        drafts
    }

    /// The blocks of addresses that policies name.
    pub(crate) fn blocks(&self) -> Vec<Cidr> {
        self.policies.iter().flat_map(Draft::blocks).collect()
    }

    /// Takes what a reader made of an object, or notes why there is nothing.
    fn take(&mut self, object: &'s Object, result: Read<Vec<Draft<'s>>>, notes: Vec<Gap>) {
        let (first, first_gap) = (self.policies.len(), self.gaps.len());
        match result {
            Ok(drafts) => self.policies.extend(drafts),
            Err(fault) => self.gaps.push(not_applied(object, &fault)),
        }
        self.gaps.extend(notes);
        self.readings.push(Reading {
            object,
            policies: first..self.policies.len(),
            gaps: first_gap..self.gaps.len(),
        });
    }

    /// Decides what the words of policies choose.
    pub(crate) fn compile(self, selection: &Selection<'_, 's>) -> Policies<'s> {
        let all = self.policies.into_iter();
        Policies {
            all: all.map(|draft| compile(draft, selection)).collect(),
            gaps: self.gaps,
            readings: self.readings,
        }
    }
}

/// Reads an object; beside the drafts what of it is not computed.
fn read_one<'s>(world: &World<'s>, object: &'s Object) -> (Read<Vec<Draft<'s>>>, Vec<Gap>) {
    let mut notes = Vec::new();
    let result = match &*object.reference.group {
        admin::GROUP => admin::policy(object),
        cilium::GROUP => cilium::policy(world, object, &mut notes),
        _ => kubernetes::policy(object),
    };
    (result, notes)
}

fn not_applied(object: &Object, fault: &Fault) -> Gap {
    Gap {
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
    }
}

fn compile<'s>(draft: Draft<'s>, selection: &Selection<'_, 's>) -> Policy<'s> {
    let (subjects, perhaps) = held(&draft.subjects, selection);
    let blocks = draft.blocks().collect();
    let rules = draft.rules.into_iter();
    Policy {
        object: draft.object,
        ruling: Arc::new(Ruling {
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
            blocks,
        }),
    }
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
        condition: rule.condition,
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
