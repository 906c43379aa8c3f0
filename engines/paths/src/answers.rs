//! Ways from where attackers begin to what they want.
//!
//! For each pair of an entry and a goal there is one answer, the easiest way. Whoever
//! administers the cluster has every goal; such pairs count, and are not told apart from the
//! way to the administration itself.

use crate::ends::{self, Class, Entry, Goal};
use crate::graph::{Because, Ease, Graph, Step, StepId};
use crate::groups;
use crate::picture::Picture;
use crate::search::Search;
use crate::spot::{IdentityId, PlaceId, Scope, Spot};
use crate::words;
use crate::{Config, Facts};
use rayon::prelude::*;
use seawall_model::access::Identity;
use seawall_model::{Evidence, FileId, ResourceRef, RuleId, Span, Str};
use seawall_snapshot::Snapshot;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One line of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The technique.
    pub technique: RuleId,
    /// What the attacker has then: `code in Deployment ci/runner`.
    pub gains: String,
    /// How, in plain words.
    pub said: String,
    /// How hard it is.
    pub ease: Ease,
    /// What proves it.
    pub evidence: Vec<Evidence>,
}

/// A step that is possible, whether anybody gets that far or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldStep {
    /// The technique.
    pub technique: RuleId,
    /// What it needs, in words.
    pub needs: String,
    /// What it gives, in words.
    pub gives: String,
}

/// A way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// From where: the first of those who go the same way.
    pub entry: Entry,
    /// Others of its class who go the same way.
    pub siblings: Vec<Str>,
    /// To what.
    pub goal: Goal,
    /// Its steps, in order.
    pub lines: Vec<Line>,
    /// What it costs: more for more steps and for harder ones.
    pub cost: u32,
}

impl Path {
    /// How hard its hardest step is.
    pub fn ease(&self) -> Ease {
        let hardest = self.lines.iter().map(|line| line.ease).max();
        hardest.unwrap_or(Ease::Given)
    }
}

/// An entry gets to a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) entry: usize,
    pub(crate) goal: usize,
    pub(crate) cost: u32,
    pub(crate) steps: Box<[StepId]>,
    /// Whether it is had only by having everything.
    pub(crate) is_implied: bool,
}

/// All steps of a picture, to be asked about.
#[derive(Debug)]
pub struct Paths<'s> {
    pub(crate) picture: Picture<'s>,
    pub(crate) graph: Graph,
    pub(crate) facts: Facts<'s>,
    pub(crate) entries: Vec<(Entry, Spot)>,
    /// What attackers want, each with the spots that are as good, as numbers of the graph.
    pub(crate) goals: Vec<(Goal, Vec<u32>)>,
    /// Every pair of an entry and a goal that it leads to.
    pub(crate) found: Vec<Found>,
}

impl<'s> Paths<'s> {
    /// Derives all steps, and finds every pair.
    pub fn new(snapshot: &'s Snapshot, facts: Facts<'s>, config: &Config) -> Self {
        let mut picture = Picture::new(snapshot, &facts, config);
        let graph = Graph::new(groups::steps(&mut picture, &facts, config));
        let mut paths = Self {
            entries: ends::entries(&picture, &graph),
            goals: ends::goals(&picture, &graph),
            found: Vec::new(),
            picture,
            graph,
            facts,
        };
        let everybody: Vec<usize> = (0..paths.entries.len()).collect();
        paths.found = paths.find(&everybody, &[]);
        paths
    }

    /// How many pairs of an entry and a goal there could be.
    pub fn possible(&self) -> usize {
        self.entries.len() * self.goals.len()
    }

    /// Every pair of an entry and a goal that it leads to, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&Entry, &Goal)> {
        self.found.iter().filter_map(|found| {
            let (entry, _) = self.entries.get(found.entry)?;
            let (goal, _) = self.goals.get(found.goal)?;
            Some((entry, goal))
        })
    }

    /// The workload that an attacker is in first, if it is one that they begin in.
    pub(crate) fn workload_of(&self, found: &Found) -> Option<ResourceRef> {
        match self.entries.get(found.entry)?.1 {
            Spot::Workload(id) => Some(self.picture.workloads.get(id.index())?.owner.clone()),
            _ => None,
        }
    }

    /// The easiest way of each pair, those that go alike together: the first of them, from the
    /// widest class on, and how many there are.
    pub fn first(&self, most: usize) -> (Vec<Path>, usize) {
        let mut groups: HashMap<(usize, u32, u64), Vec<&Found>> = HashMap::new();
        for found in self.found.iter().filter(|found| !found.is_implied) {
            // Those whose steps give the same go the same way.
            let mut gives = DefaultHasher::new();
            for step in &found.steps {
                self.graph.gives(*step).hash(&mut gives);
            }
            self.class_of(found).hash(&mut gives);
            let key = (found.goal, found.cost, gives.finish());
            groups.entry(key).or_default().push(found);
        }
        let count = groups.len();
        let mut groups: Vec<Vec<&Found>> = groups.into_values().collect();
        groups.sort_unstable_by_key(|group| {
            let first = group.first();
            first.map(|found| (self.class_of(found), found.goal, found.cost, found.entry))
        });
        let first = groups.iter().take(most);
        (first.filter_map(|group| self.path(group)).collect(), count)
    }

    fn class_of(&self, found: &Found) -> Option<Class> {
        self.entries.get(found.entry).map(|(entry, _)| entry.class)
    }

    pub(crate) fn path(&self, group: &[&Found]) -> Option<Path> {
        let first = group.first()?;
        let name = |found: &&Found| {
            self.entries
                .get(found.entry)
                .map(|(entry, _)| entry.name.clone())
        };
        Some(Path {
            entry: self.entries.get(first.entry)?.0.clone(),
            siblings: group.iter().skip(1).filter_map(name).collect(),
            goal: self.goals.get(first.goal)?.0.clone(),
            lines: self.lines(&first.steps),
            cost: first.cost,
        })
    }

    /// Every pair of some entries, some steps left out.
    pub(crate) fn find(&self, entries: &[usize], without: &[StepId]) -> Vec<Found> {
        let half = entries.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts: Vec<Vec<Found>> = entries
            .par_chunks(half)
            .map(|entries| {
                let mut search = Search::new(&self.graph);
                search.leave_out(without);
                let each = entries.iter();
                each.flat_map(|entry| self.find_from(*entry, &mut search))
                    .collect()
            })
            .collect();
        parts.into_iter().flatten().collect()
    }

    fn find_from(&self, number: usize, search: &mut Search<'_>) -> Vec<Found> {
        let begins = self.entries.get(number);
        let Some(start) = begins.and_then(|(_, start)| self.graph.find(*start)) else {
            return Vec::new();
        };
        search.run_from(&[start]);
        let own = self.own_secrets(start);
        let everything = self.graph.find(Spot::Admin(Scope::All));
        let everything = everything.and_then(|spot| Some((search.cost_at(spot)?, spot)));
        let mut all = Vec::new();
        for (goal, (_, spots)) in self.goals.iter().enumerate() {
            if spots.contains(&start) {
                continue;
            }
            let reached = spots.iter().filter(|spot| !own.contains(spot));
            let best = reached.filter_map(|spot| Some((search.cost_at(*spot)?, *spot)));
            let best = best.min();
            if let Some((cost, spot)) = best.or(everything) {
                all.push(Found {
                    entry: number,
                    goal,
                    cost,
                    steps: search.steps_to(spot).into(),
                    is_implied: best.is_none(),
                });
            }
        }
        all
    }

    /// The Secrets that an entry has by being what it is.
    fn own_secrets(&self, start: u32) -> HashSet<u32> {
        let uses = self.graph.uses(start).iter();
        let gives = uses.map(|step| self.graph.gives(*step));
        let is_secret = |spot: &u32| matches!(self.graph.spot(*spot), Some(Spot::Secret(_)));
        gives.filter(is_secret).collect()
    }

    /// The lines that steps are told in: one that is no step of its own adds its evidence to
    /// the next that is.
    fn lines(&self, steps: &[StepId]) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut waiting: Vec<Evidence> = Vec::new();
        for id in steps {
            let Some(step) = self.graph.step(*id) else {
                continue;
            };
            waiting.extend(words::evidence(self, step));
            let gains = words::spot(&self.picture, step.gives);
            match (step.technique, lines.last_mut()) {
                (Some(technique), _) if step.ease > Ease::Given => lines.push(Line {
                    technique: technique.rule_id(),
                    gains,
                    said: words::step(self, step),
                    ease: step.ease,
                    evidence: std::mem::take(&mut waiting),
                }),
                // The last step may be one that is none: it is what the path is for.
                (_, Some(last)) if Some(id) == steps.last() => {
                    last.evidence.append(&mut waiting);
                    last.gains = gains;
                }
                // Or there is no other: who begins here has it already.
                (Some(technique), None) if Some(id) == steps.last() => lines.push(Line {
                    technique: technique.rule_id(),
                    gains,
                    said: words::step(self, step),
                    ease: step.ease,
                    evidence: std::mem::take(&mut waiting),
                }),
                _ => {}
            }
        }
        lines
    }

    /// What somebody gets to who begins there: each thing, in words, with the ways that lead
    /// to it; the easiest first.
    pub fn gains_of(&self, name: &str) -> Vec<(String, Vec<Line>)> {
        let entry = self.entries.iter().find(|(entry, _)| &*entry.name == name);
        let mut identities = self.picture.identities.iter();
        let identity = identities.find(|(_, identity)| identity.to_string() == name);
        let identity = identity.map(|(number, _)| Spot::Identity(IdentityId(number)));
        let Some(spot) = entry.map(|(_, spot)| *spot).or(identity) else {
            return Vec::new();
        };
        let mut search = Search::new(&self.graph);
        search.run(&[spot]);
        let mut gains: Vec<(u32, Spot)> = search
            .reached()
            .filter(|reached| *reached != spot && is_gain(*reached))
            .filter_map(|reached| Some((search.cost(reached)?, reached)))
            .collect();
        gains.sort_unstable();
        let told = gains.into_iter().map(|(_, gain)| {
            let steps = self.graph.find(gain).map(|gain| search.steps_to(gain));
            let lines = self.lines(&steps.unwrap_or_default());
            (words::spot(&self.picture, gain), lines)
        });
        told.collect()
    }

    /// How many pairs' easiest ways lead through each line of the input.
    pub fn marks(&self) -> HashMap<(FileId, u32), u32> {
        let mut marks = HashMap::new();
        let mut lines: HashMap<StepId, Vec<(FileId, u32)>> = HashMap::new();
        for found in self.found.iter().filter(|found| !found.is_implied) {
            let mut seen = HashSet::new();
            for step in &found.steps {
                let of_step = lines.entry(*step).or_insert_with(|| self.lines_of(*step));
                seen.extend(of_step.iter().copied());
            }
            for line in seen {
                *marks.entry(line).or_insert(0) += 1;
            }
        }
        marks
    }

    /// The lines of the input that prove a step; what the network decides has none of its own.
    fn lines_of(&self, step: StepId) -> Vec<(FileId, u32)> {
        let place = |place: PlaceId| self.picture.places.get(place.index()).map(|it| it.span);
        let because = self.graph.step(step).map(|step| step.because);
        let spans = match because {
            Some(Because::Binding(number)) => {
                let bound = self.picture.bindings.get(number as usize);
                [bound.map(|bound| bound.span), None]
            }
            Some(Because::Rule(number)) => {
                let grant = self.picture.grants.get(number as usize);
                [grant.and_then(|(_, granted)| granted.span), None]
            }
            Some(Because::Place(one)) => [place(one), None],
            Some(Because::Places(one, two)) => [place(one), place(two)],
            _ => [None, None],
        };
        let known = spans.into_iter().flatten().filter(Span::is_known);
        known.map(|span| (span.file, span.line)).collect()
    }

    /// Whether a step is there in every cluster: Kubernetes' own bindings, and what a role says.
    fn is_everywhere(&self, step: &Step) -> bool {
        match step.because {
            Because::Rule(_) => true,
            Because::Binding(number) => {
                let bound = self.picture.bindings.get(number as usize);
                bound.is_some_and(|bound| bound.span == Span::NONE)
            }
            _ => false,
        }
    }

    /// Every step that is a technique, where attackers begin if that is one, and that somebody can take: from any workload, node,
    /// Secret or identity but those that Kubernetes itself brings along.
    pub fn steps(&self) -> Vec<ToldStep> {
        let starts = self.graph.spots.iter().copied();
        let is_open = self
            .graph
            .open_from(starts.filter(|spot| self.may_begin(*spot)));
        let open = self.graph.steps.iter().zip(is_open);
        let open = open.filter(|(_, is_open)| *is_open).map(|(step, _)| step);
        let open = open.filter(|step| !self.is_everywhere(step));
        let begun = self.entries.iter().filter_map(|(entry, spot)| {
            Some(ToldStep {
                technique: entry.class.technique()?.rule_id(),
                needs: entry.name.to_string(),
                gives: words::spot(&self.picture, *spot),
            })
        });
        let told = open.filter_map(|step| {
            let needs: Vec<String> = step
                .needs
                .iter()
                .map(|need| words::spot(&self.picture, need))
                .collect();
            Some(ToldStep {
                technique: step.technique?.rule_id(),
                needs: needs.join(", "),
                gives: words::spot(&self.picture, step.gives),
            })
        });
        begun.chain(told).collect()
    }

    /// Whether somebody may be taken to have this.
    fn may_begin(&self, spot: Spot) -> bool {
        match spot {
            Spot::Internet
            | Spot::Door(_)
            | Spot::Workload(_)
            | Spot::Secret(_)
            | Spot::Node(_)
            | Spot::Beyond(_) => true,
            Spot::Identity(id) => match self.picture.identities.get(id.0) {
                Some(Identity::ServiceAccount { namespace, .. }) => &**namespace != "kube-system",
                Some(Identity::User(name) | Identity::Group(name)) => {
                    !name.starts_with("system:") || EVERYBODY.contains(&&**name)
                }
                None => false,
            },
            _ => false,
        }
    }
}

/// Whether a spot is worth telling by itself: rights and hubs are on the way to something.
fn is_gain(spot: Spot) -> bool {
    !matches!(
        spot,
        Spot::Internet | Spot::Permissions(_) | Spot::May(..) | Spot::Able(..)
    )
}

/// Identities of Kubernetes itself that people have, or anybody.
const EVERYBODY: [&str; 5] = [
    "system:anonymous",
    "system:unauthenticated",
    "system:authenticated",
    "system:serviceaccounts",
    "system:bootstrappers:kubeadm:default-node-token",
];
