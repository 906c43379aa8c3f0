//! All attack steps of a picture: who has what they need gains what they give.
//!
//! A step that needs several spots is a conjunction: an edge of a plain graph would invent the
//! path or miss it. Where each step comes from is kept as numbers ([`Because`]), and told only
//! for steps that somebody looks at.

use crate::spot::{PlaceId, Spot};
use crate::techniques::Id;
use seawall_model::{Operation, ResourceRef, Span, Str};
use std::collections::HashMap;

/// How hard a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ease {
    /// It is no step: who has the one has the other.
    Given,
    /// A command that is known to work.
    Easy,
    /// It takes knowledge, patience or a tool, and works here.
    Skilled,
    /// It takes something that was not seen: a flaw in an application, a pod at the right place.
    Lucky,
}

impl Ease {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Ease::Given => "given",
            Ease::Easy => "easy",
            Ease::Skilled => "skilled",
            Ease::Lucky => "depends",
        }
    }

    /// What it costs, for the order of paths.
    pub(crate) fn cost(self) -> u32 {
        match self {
            Ease::Given => 0,
            Ease::Easy => 2,
            Ease::Skilled => 5,
            Ease::Lucky => 12,
        }
    }
}

/// What a step needs: all of these. [`Spot::Internet`] is had by everybody, and fills up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Needs([Spot; 4]);

impl Needs {
    /// One thing.
    pub(crate) fn one(spot: Spot) -> Self {
        Self([spot, Spot::Internet, Spot::Internet, Spot::Internet])
    }

    /// Two things.
    pub(crate) fn two(one: Spot, two: Spot) -> Self {
        Self([one, two, Spot::Internet, Spot::Internet])
    }

    /// Up to four things.
    pub(crate) fn all(spots: [Spot; 4]) -> Self {
        Self(spots)
    }

    /// What is needed besides the internet; it alone if nothing is.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Spot> + '_ {
        let is_free = self.0.iter().all(|spot| *spot == Spot::Internet);
        let wanted = self.0.iter().filter(|spot| **spot != Spot::Internet);
        wanted
            .chain(self.0.iter().take(usize::from(is_free)))
            .copied()
    }
}

/// Where a step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Because {
    /// It follows from what the things are.
    Nature,
    /// A binding, by its place in the list.
    Binding(u32),
    /// A rule of a role, by its place in the list.
    Rule(u32),
    /// A piece of the input.
    Place(PlaceId),
    /// Two of them.
    Places(PlaceId, PlaceId),
    /// The network lets it through, by the place of the caller in a list.
    Network(u32),
}

/// A piece of the input that proves something, and what would take it away.
#[derive(Debug, Clone)]
pub struct Place {
    /// What it says, in plain words without a full stop.
    pub note: Str,
    /// The object that it is in.
    pub object: ResourceRef,
    /// Where.
    pub span: Span,
    /// The change of the object that takes it away, and what to check before; none where that
    /// is a matter for people.
    pub mend: Option<(Vec<Operation>, &'static str)>,
}

/// A step, as rules derive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Step {
    /// None where it is no technique: a hub and what it stands for.
    pub(crate) technique: Option<Id>,
    pub(crate) needs: Needs,
    pub(crate) gives: Spot,
    pub(crate) ease: Ease,
    pub(crate) because: Because,
}

/// A step by its place in a graph.
pub(crate) type StepId = u32;

/// Steps and the spots between them, by numbers without gaps.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) steps: Vec<Step>,
    pub(crate) spots: Vec<Spot>,
    by_spot: HashMap<Spot, u32>,
    /// What each step needs, by spot; [`Graph::needs`] tells the range.
    needs: Vec<u32>,
    needs_from: Vec<u32>,
    /// What each step gives, by spot.
    gives: Vec<u32>,
    /// The steps that need each spot.
    uses: Vec<u32>,
    uses_from: Vec<u32>,
}

impl Graph {
    /// The graph of steps; equal ones count once, in an order that does not depend on theirs.
    pub(crate) fn new(mut steps: Vec<Step>) -> Self {
        steps.sort_unstable();
        steps.dedup();
        let mut graph = Graph {
            needs_from: vec![0],
            ..Graph::default()
        };
        for step in &steps {
            for spot in step.needs.iter() {
                let spot = graph.number(spot);
                graph.needs.push(spot);
            }
            graph.needs_from.push(length(&graph.needs));
            let gives = graph.number(step.gives);
            graph.gives.push(gives);
        }
        graph.steps = steps;
        graph.invert();
        graph
    }

    fn number(&mut self, spot: Spot) -> u32 {
        let next = length(&self.spots);
        let number = *self.by_spot.entry(spot).or_insert(next);
        if number == next {
            self.spots.push(spot);
        }
        number
    }

    /// Lists for each spot the steps that need it.
    fn invert(&mut self) {
        let mut counts = vec![0u32; self.spots.len() + 1];
        for spot in &self.needs {
            if let Some(count) = counts.get_mut(*spot as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut counts {
            sum += *count;
            *count = sum;
        }
        let mut next = counts.clone();
        self.uses = vec![0; self.needs.len()];
        for step in 0..length(&self.steps) {
            for spot in self.needs_of(step).to_vec() {
                let Some(at) = next.get_mut(spot as usize) else {
                    continue;
                };
                if let Some(slot) = self.uses.get_mut(*at as usize) {
                    *slot = step;
                }
                *at += 1;
            }
        }
        self.uses_from = counts;
    }

    /// The number of a spot, if some step needs or gives it.
    pub(crate) fn find(&self, spot: Spot) -> Option<u32> {
        self.by_spot.get(&spot).copied()
    }

    /// What a step needs.
    pub(crate) fn needs_of(&self, step: StepId) -> &[u32] {
        slice(&self.needs, &self.needs_from, step)
    }

    /// What a step gives.
    pub(crate) fn gives(&self, step: StepId) -> u32 {
        self.gives.get(step as usize).copied().unwrap_or(u32::MAX)
    }

    /// The steps that need a spot.
    pub(crate) fn uses(&self, spot: u32) -> &[u32] {
        slice(&self.uses, &self.uses_from, spot)
    }

    /// Which steps somebody can take who begins with these spots, whatever it costs.
    pub(crate) fn open_from(&self, starts: impl IntoIterator<Item = Spot>) -> Vec<bool> {
        let mut missing: Vec<usize> = (0..length(&self.steps))
            .map(|step| self.needs_of(step).len())
            .collect();
        let mut is_open = vec![false; self.steps.len()];
        let mut is_held = vec![false; self.spots.len()];
        let mut waiting: Vec<u32> = starts
            .into_iter()
            .filter_map(|spot| self.find(spot))
            .collect();
        while let Some(spot) = waiting.pop() {
            match is_held.get_mut(spot as usize) {
                Some(held) if !*held => *held = true,
                _ => continue,
            }
            for step in self.uses(spot) {
                let Some(left) = missing.get_mut(*step as usize) else {
                    continue;
                };
                *left = left.saturating_sub(1);
                if *left == 0 {
                    waiting.push(self.gives(*step));
                    if let Some(mark) = is_open.get_mut(*step as usize) {
                        *mark = true;
                    }
                }
            }
        }
        is_open
    }

    /// A step.
    pub(crate) fn step(&self, step: StepId) -> Option<&Step> {
        self.steps.get(step as usize)
    }

    /// A spot.
    pub(crate) fn spot(&self, spot: u32) -> Option<Spot> {
        self.spots.get(spot as usize).copied()
    }
}

fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

fn slice<'l>(all: &'l [u32], from: &[u32], index: u32) -> &'l [u32] {
    let index = index as usize;
    let start = from.get(index).copied().unwrap_or(0) as usize;
    let end = from.get(index + 1).copied().unwrap_or(0) as usize;
    all.get(start..end).unwrap_or_default()
}
