//! What somebody gets to, and by which steps it is easiest.
//!
//! Steps may need several things at once, so this is Knuth's generalisation of Dijkstra's
//! algorithm (Information Processing Letters 6, 1977): a spot is settled when the cheapest step
//! that gives it has all that it needs; a step costs its own plus what it needs. Plain shortest
//! paths would count one of several conditions as enough.

use crate::graph::{Graph, StepId};
use crate::spot::{Scope, Spot};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a spot costs that is not reached.
const NEVER: u32 = u32::MAX;
/// The step that gives what one begins with.
const NONE: StepId = u32::MAX;

/// Searches in a graph, many times over: what one search wrote, the next one clears.
#[derive(Debug)]
pub(crate) struct Search<'g> {
    graph: &'g Graph,
    /// Steps that do not count.
    without: Vec<bool>,
    /// The end: who has it has everything.
    end: Option<u32>,
    cost: Vec<u32>,
    by: Vec<StepId>,
    settled: Vec<bool>,
    touched: Vec<u32>,
    /// How many of a step's needs are still missing; by step.
    missing: Vec<u8>,
    begun: Vec<StepId>,
}

impl<'g> Search<'g> {
    /// Searches in a graph.
    pub(crate) fn new(graph: &'g Graph) -> Self {
        let spots = graph.spots.len();
        let missing = (0..).zip(&graph.steps);
        let missing =
            missing.map(|(step, _)| u8::try_from(graph.needs_of(step).len()).unwrap_or(u8::MAX));
        Self {
            graph,
            without: vec![false; graph.steps.len()],
            end: graph.find(Spot::Admin(Scope::All)),
            cost: vec![NEVER; spots],
            by: vec![NONE; spots],
            settled: vec![false; spots],
            touched: Vec::new(),
            missing: missing.collect(),
            begun: Vec::new(),
        }
    }

    /// Leaves steps out of all searches.
    pub(crate) fn leave_out(&mut self, steps: &[StepId]) {
        for step in steps {
            if let Some(mark) = self.without.get_mut(*step as usize) {
                *mark = true;
            }
        }
    }

    /// Finds everything that some spots lead to.
    pub(crate) fn run(&mut self, starts: &[Spot]) {
        let starts = starts.iter().filter_map(|spot| self.graph.find(*spot));
        self.run_from(&starts.collect::<Vec<u32>>());
    }

    /// The same, from spots by their numbers.
    pub(crate) fn run_from(&mut self, starts: &[u32]) {
        self.clear();
        let mut queue = BinaryHeap::new();
        for start in starts {
            self.offer(*start, 0, NONE, &mut queue);
        }
        while let Some(Reverse((cost, spot))) = queue.pop() {
            let at = spot as usize;
            if self.settled.get(at) != Some(&false) || self.cost.get(at) != Some(&cost) {
                continue;
            }
            if let Some(mark) = self.settled.get_mut(at) {
                *mark = true;
            }
            // What costs more than the end is had more cheaply by way of it.
            if Some(spot) == self.end {
                break;
            }
            for step in self.graph.uses(spot) {
                self.satisfy(*step, &mut queue);
            }
        }
    }

    /// One more need of a step is met.
    fn satisfy(&mut self, step: StepId, queue: &mut Queue) {
        let at = step as usize;
        if self.without.get(at) == Some(&true) {
            return;
        }
        let Some(missing) = self.missing.get_mut(at) else {
            return;
        };
        *missing = missing.saturating_sub(1);
        self.begun.push(step);
        if *missing > 0 {
            return;
        }
        let needs = self.graph.needs_of(step).iter();
        let sum: u32 = needs
            .map(|need| self.cost.get(*need as usize).copied().unwrap_or(NEVER))
            .fold(0, u32::saturating_add);
        let own = self.graph.step(step).map_or(0, |step| step.ease.cost());
        self.offer(self.graph.gives(step), sum.saturating_add(own), step, queue);
    }

    fn offer(&mut self, spot: u32, cost: u32, by: StepId, queue: &mut Queue) {
        let at = spot as usize;
        let Some(known) = self.cost.get_mut(at) else {
            return;
        };
        if *known <= cost {
            return;
        }
        if *known == NEVER {
            self.touched.push(spot);
        }
        *known = cost;
        if let Some(slot) = self.by.get_mut(at) {
            *slot = by;
        }
        queue.push(Reverse((cost, spot)));
    }

    fn clear(&mut self) {
        for spot in self.touched.drain(..) {
            let at = spot as usize;
            if let (Some(cost), Some(by), Some(settled)) = (
                self.cost.get_mut(at),
                self.by.get_mut(at),
                self.settled.get_mut(at),
            ) {
                (*cost, *by, *settled) = (NEVER, NONE, false);
            }
        }
        for step in self.begun.drain(..) {
            if let Some(missing) = self.missing.get_mut(step as usize) {
                *missing += 1;
            }
        }
    }

    /// What it costs to get to a spot, if one gets there.
    pub(crate) fn cost(&self, spot: Spot) -> Option<u32> {
        self.cost_at(self.graph.find(spot)?)
    }

    /// The same, of a spot by its number.
    pub(crate) fn cost_at(&self, spot: u32) -> Option<u32> {
        let at = spot as usize;
        let is_settled = self.settled.get(at) == Some(&true);
        is_settled.then(|| self.cost.get(at).copied()).flatten()
    }

    /// The spots that were reached, in no order.
    pub(crate) fn reached(&self) -> impl Iterator<Item = Spot> + '_ {
        let settled = |spot: &&u32| self.settled.get(**spot as usize) == Some(&true);
        let spots = self.touched.iter().filter(settled);
        spots.filter_map(|spot| self.graph.spot(*spot))
    }

    /// The steps to a spot, each after those that give what it needs.
    pub(crate) fn steps_to(&self, spot: u32) -> Vec<StepId> {
        let mut steps = Vec::new();
        // Few: a way is short.
        let mut seen: Vec<u32> = Vec::new();
        // Depth first; a step is told when all that it needs has been.
        let mut stack: Vec<(u32, bool)> = vec![(spot, false)];
        while let Some((spot, is_done)) = stack.pop() {
            let by = self.by.get(spot as usize).copied().unwrap_or(NONE);
            if by == NONE {
                continue;
            }
            if is_done {
                steps.push(by);
            } else if !seen.contains(&spot) {
                seen.push(spot);
                stack.push((spot, true));
                let needs = self.graph.needs_of(by).iter().rev();
                stack.extend(needs.map(|need| (*need, false)));
            }
        }
        steps
    }
}

type Queue = BinaryHeap<Reverse<(u32, u32)>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Because, Ease, Needs, Step};
    use crate::spot::NodeId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SPOTS: u32 = 9;

    fn spot(number: u32) -> Spot {
        Spot::Node(NodeId(number))
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let ease = prop_oneof![Just(Ease::Given), Just(Ease::Easy), Just(Ease::Lucky)];
        let step = (0..SPOTS, proptest::option::of(0..SPOTS), 0..SPOTS, ease);
        let step = step.prop_map(|(one, two, gives, ease)| Step {
            technique: None,
            needs: match two {
                Some(two) if two != one => Needs::two(spot(one), spot(two)),
                _ => Needs::one(spot(one)),
            },
            gives: spot(gives),
            ease,
            because: Because::Nature,
        });
        proptest::collection::vec(step, 0..24)
    }

    /// What each spot costs, by applying every step until nothing changes.
    fn naive(steps: &[Step], start: Spot) -> BTreeMap<Spot, u32> {
        let mut cost = BTreeMap::from([(start, 0)]);
        loop {
            let before = cost.clone();
            for step in steps {
                let needs: Option<Vec<u32>> = step
                    .needs
                    .iter()
                    .map(|need| cost.get(&need).copied())
                    .collect();
                let Some(needs) = needs else {
                    continue;
                };
                let sum = needs.iter().sum::<u32>() + step.ease.cost();
                let known = cost.entry(step.gives).or_insert(sum);
                *known = (*known).min(sum);
            }
            if cost == before {
                return cost;
            }
        }
    }

    proptest! {
        #[test]
        fn searches_find_what_a_naive_fixpoint_finds(
            steps in steps(),
            starts in proptest::collection::vec(0..SPOTS, 1..4),
            gone in proptest::collection::vec(any::<bool>(), 24),
        ) {
            let graph = Graph::new(steps);
            let mut search = Search::new(&graph);
            let is_gone = |step: &StepId| gone.get(*step as usize) == Some(&true);
            let out: Vec<StepId> = (0..).take(graph.steps.len()).filter(is_gone).collect();
            search.leave_out(&out);
            let left: Vec<Step> = (0..).zip(&graph.steps)
                .filter(|(number, _)| !out.contains(number))
                .map(|(_, step)| *step)
                .collect();
            // One search after the other: nothing of the last one stays.
            for start in starts {
                search.run(&[spot(start)]);
                let expected = naive(&left, spot(start));
                for number in 0..SPOTS {
                    let Some(known) = graph.find(spot(number)) else {
                        continue;
                    };
                    prop_assert_eq!(search.cost(spot(number)), expected.get(&spot(number)).copied());
                    // The steps to it are enough, in their order.
                    if search.cost(spot(number)).is_some() {
                        let mut has = std::collections::BTreeSet::from([spot(start)]);
                        for step in search.steps_to(known) {
                            let step = graph.step(step).expect("a step");
                            prop_assert!(step.needs.iter().all(|need| has.contains(&need)));
                            has.insert(step.gives);
                        }
                        prop_assert!(has.contains(&spot(number)));
                    }
                }
            }
        }
    }
}
