//! What cuts the most ways at once.
//!
//! A break is one change of one object: a subject that leaves a binding, a rule that leaves a
//! role, a setting of a pod. Taking it away takes all steps that rest on it. Which few breaks
//! cut the most pairs is a hitting-set problem; it is answered greedily, with each candidate
//! judged exactly by searching again without its steps. Where several ways lead to a goal, no
//! single break cuts them all: one that leaves only harder ways is worth something, too. So a
//! pair counts by how easy its way is, and by what its ends are worth. What a break promises is
//! an upper bound (the pairs whose easiest way uses it), so that only few have to be judged
//! (lazy greedy: Minoux 1978).
//!
//! **Invariant:** a break is on offer only where an object of the input can be changed; how
//! much that disturbs is its weight.

use crate::answers::{Found, Paths};
use crate::ends::{Class, Goal};
use crate::graph::{Because, Ease, StepId};
use crate::spot::PlaceId;
use seawall_model::access::Identity;
use seawall_model::{Operation, ResourceRef, Span};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What is changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Break {
    /// A subject leaves a binding.
    Unbind {
        /// The binding.
        binding: ResourceRef,
        /// Who leaves it.
        subject: Identity,
    },
    /// A right leaves a rule of a role.
    Forbid {
        /// The role.
        role: ResourceRef,
        /// The rule, as a JSON pointer.
        rule: String,
        /// The right, in words.
        right: String,
    },
    /// A piece of the input goes.
    Change(ResourceRef, String),
}

impl Break {
    /// The object that changes.
    pub fn object(&self) -> &ResourceRef {
        match self {
            Break::Unbind { binding, .. } => binding,
            Break::Forbid { role, .. } => role,
            Break::Change(object, _) => object,
        }
    }
}

/// A cut: one change, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// What is changed.
    pub change: Break,
    /// In words.
    pub said: String,
    /// Where it stands.
    pub span: Span,
    /// Changes of the object, where they are known.
    pub operations: Vec<Operation>,
    /// What to check before.
    pub caution: &'static str,
    /// What is left with this and all cuts before.
    pub left: Left,
}

/// How many pairs of an entry and a goal are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// At all.
    pub pairs: usize,
    /// By a way of which no step depends on something that was not seen.
    pub sure: usize,
}

/// Most candidates that are judged in a round.
const JUDGED: usize = 24;

/// What a candidate is made of.
#[derive(Debug, Clone)]
struct Candidate {
    said: String,
    span: Span,
    operations: Vec<Operation>,
    caution: &'static str,
    /// How much it disturbs.
    weight: u64,
    steps: Vec<StepId>,
}

impl Paths<'_> {
    /// The best cuts, one after the other, each given those before it.
    pub fn cuts(&self, most: usize) -> Vec<Cut> {
        let candidates = self.candidates();
        let mut by_step: BTreeMap<StepId, Vec<&Break>> = BTreeMap::new();
        for (change, candidate) in &candidates {
            for step in &candidate.steps {
                by_step.entry(*step).or_default().push(change);
            }
        }
        let mut found = self.found.clone();
        let mut without: Vec<StepId> = Vec::new();
        let mut cuts = Vec::new();
        while cuts.len() < most && !found.is_empty() {
            let Some((change, left)) = self.best(&candidates, &by_step, &found, &without) else {
                break;
            };
            let Some(candidate) = candidates.get(&change) else {
                break;
            };
            without.extend(&candidate.steps);
            found = left;
            cuts.push(Cut {
                said: candidate.said.clone(),
                span: candidate.span,
                operations: candidate.operations.clone(),
                caution: candidate.caution,
                left: self.count(&found),
                change,
            });
        }
        cuts
    }

    /// The candidate that is worth the most for what it disturbs, and what is left then.
    fn best(
        &self,
        candidates: &BTreeMap<Break, Candidate>,
        by_step: &BTreeMap<StepId, Vec<&Break>>,
        found: &[Found],
        without: &[StepId],
    ) -> Option<(Break, Vec<Found>)> {
        // What each could be worth at most, and who would have to be asked again.
        let mut touched: BTreeMap<&Break, (u64, BTreeSet<usize>)> = BTreeMap::new();
        for one in found {
            let steps = one.steps.iter().filter_map(|step| by_step.get(step));
            let uses: BTreeSet<&Break> = steps.flatten().copied().collect();
            for change in uses {
                let (most, entries) = touched.entry(change).or_default();
                *most += self.worth(one);
                entries.insert(one.entry);
            }
        }
        let mut order: Vec<(u64, &Break, &Candidate, BTreeSet<usize>)> = touched
            .into_iter()
            .filter_map(|(change, (most, entries))| {
                let candidate = candidates.get(change)?;
                Some((most / candidate.weight, change, candidate, entries))
            })
            .collect();
        order.sort_by_key(|(most, ..)| std::cmp::Reverse(*most));
        let before: u64 = found.iter().map(|one| self.worth(one)).sum();
        let mut best: Option<(u64, &Break, Vec<Found>)> = None;
        for (most, change, candidate, entries) in order.into_iter().take(JUDGED) {
            if best.as_ref().is_some_and(|(known, _, _)| *known >= most) {
                break;
            }
            let gone: Vec<StepId> = without.iter().chain(&candidate.steps).copied().collect();
            let again: Vec<usize> = entries.iter().copied().collect();
            let others = found.iter().filter(|one| !entries.contains(&one.entry));
            let mut left: Vec<Found> = others.cloned().collect();
            left.extend(self.find(&again, &gone));
            let after: u64 = left.iter().map(|one| self.worth(one)).sum();
            let value = before.saturating_sub(after) / candidate.weight;
            if value > 0 && best.as_ref().is_none_or(|(known, _, _)| *known < value) {
                best = Some((value, change, left));
            }
        }
        best.map(|(_, change, left)| (change.clone(), left))
    }

    /// What a connected pair is worth to an attacker: more for wider entries, better goals and
    /// easier ways.
    fn worth(&self, found: &Found) -> u64 {
        let class = self.entries.get(found.entry).map(|(entry, _)| entry.class);
        let entry = match class {
            Some(Class::Internet | Class::Anonymous) => 10,
            Some(Class::Authenticated | Class::Credential) => 5,
            Some(Class::Developer) => 2,
            _ => 1,
        };
        let goal = match self.goals.get(found.goal).map(|(goal, _)| goal) {
            Some(Goal::Cluster) => 5,
            Some(Goal::Jewel(_)) => 4,
            Some(Goal::Node | Goal::Beyond(_)) => 3,
            _ => 1,
        };
        // A unit of cost is a chance of seven eighths.
        let chance = (0..found.cost.min(60)).fold(1_000_000u64, |chance, _| chance * 7 / 8);
        entry * goal * chance
    }

    /// How many pairs are connected.
    pub fn left(&self) -> Left {
        self.count(&self.found)
    }

    fn count(&self, found: &[Found]) -> Left {
        let is_sure = |one: &&Found| {
            let steps = one.steps.iter().filter_map(|step| self.graph.step(*step));
            steps.map(|step| step.ease).max() < Some(Ease::Lucky)
        };
        Left {
            pairs: found.len(),
            sure: found.iter().filter(is_sure).count(),
        }
    }

    /// Every change that takes steps away, of those that some way uses.
    fn candidates(&self) -> BTreeMap<Break, Candidate> {
        let used: HashSet<StepId> = self
            .found
            .iter()
            .flat_map(|one| one.steps.clone())
            .collect();
        let mut wanted: BTreeMap<Break, Candidate> = BTreeMap::new();
        for step in used {
            for (change, candidate) in self.breaks(step) {
                wanted.entry(change).or_insert(candidate);
            }
        }
        // Each takes all steps that rest on it, used or not.
        for (step, _) in (0..).zip(&self.graph.steps) {
            for (change, _) in self.breaks(step) {
                if let Some(candidate) = wanted.get_mut(&change) {
                    candidate.steps.push(step);
                }
            }
        }
        wanted
    }

    /// The changes that would take a step away, without its steps.
    fn breaks(&self, step: StepId) -> Vec<(Break, Candidate)> {
        let because = self.graph.step(step).map(|step| step.because);
        match because {
            Some(Because::Binding(number)) => self.unbind(number).into_iter().collect(),
            Some(Because::Rule(number)) => self.forbid(number).into_iter().collect(),
            Some(Because::Place(place)) => self.change(place).into_iter().collect(),
            Some(Because::Places(one, two)) => {
                let both = [self.change(one), self.change(two)];
                both.into_iter().flatten().collect()
            }
            _ => Vec::new(),
        }
    }

    fn unbind(&self, number: u32) -> Option<(Break, Candidate)> {
        let bound = self.picture.bindings.get(number as usize)?;
        // What the API server makes for itself stands in no file.
        if !bound.span.is_known() {
            return None;
        }
        let change = Break::Unbind {
            binding: bound.binding.clone(),
            subject: bound.subject.clone(),
        };
        let candidate = Candidate {
            said: format!("take {} out of {}", bound.subject, bound.binding),
            span: bound.span,
            operations: Vec::new(),
            caution: "check what it needs of these rights, and give it a role with just that",
            weight: 2,
            steps: Vec::new(),
        };
        Some((change, candidate))
    }

    fn forbid(&self, number: u32) -> Option<(Break, Candidate)> {
        let (act, granted) = self.picture.grants.get(number as usize)?;
        let span = granted.span.filter(Span::is_known)?;
        let action = self.picture.action(*act);
        let slash = if action.subresource.is_empty() {
            ""
        } else {
            "/"
        };
        let right = format!(
            "{} {}{slash}{}",
            action.verb, action.resource, action.subresource
        );
        let change = Break::Forbid {
            role: granted.role.clone(),
            rule: granted.rule.clone(),
            right: right.clone(),
        };
        let candidate = Candidate {
            said: format!("take `{right}` out of {}", granted.role),
            span,
            operations: Vec::new(),
            caution: "check who uses this right; the audit log says",
            weight: 3,
            steps: Vec::new(),
        };
        Some((change, candidate))
    }

    fn change(&self, place: PlaceId) -> Option<(Break, Candidate)> {
        let place = self.picture.places.get(place.index())?;
        let (operations, caution) = place.mend.clone()?;
        let change = Break::Change(place.object.clone(), place.note.to_string());
        let candidate = Candidate {
            said: format!("change {}: {}", place.object, place.note),
            span: place.span,
            operations,
            caution,
            weight: 3,
            steps: Vec::new(),
        };
        Some((change, candidate))
    }
}
