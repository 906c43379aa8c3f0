//! Ways from where attackers begin to what they want.

use crate::graph::{Because, Ease, Graph, Step, StepId};
use crate::groups;
use crate::picture::Picture;
use crate::search::Search;
use crate::spot::{BeyondId, IdentityId, NodeId, Scope, SecretId, Spot};
use crate::techniques::Id;
use crate::words;
use crate::{Config, Facts};
use rayon::prelude::*;
use seawall_model::access::Identity;
use seawall_model::{Evidence, RuleId, Span};
use seawall_snapshot::Snapshot;
use std::collections::BTreeMap;

/// Where attackers begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Anybody on the internet.
    Internet,
    /// Anybody who reaches the API server, without a login.
    Anonymous,
    /// Anybody with a login, whatever it is for.
    Authenticated,
    /// A pod whose application an attacker has taken.
    Pod,
    /// A person or pipeline with rights in some namespaces.
    Developer,
    /// A credential that lies where everybody reads it.
    Leaked,
}

impl Class {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Class::Internet => "internet",
            Class::Anonymous => "anybody without a login",
            Class::Authenticated => "anybody with a login",
            Class::Pod => "a compromised pod",
            Class::Developer => "a developer",
            Class::Leaked => "a leaked credential",
        }
    }

    /// The technique that beginning there is, if it is one and no step says so.
    fn technique(self) -> Option<Id> {
        match self {
            Class::Pod => Some(Id::ENTRY_COMPROMISED_POD),
            Class::Leaked => Some(Id::ENTRY_LEAKED_CRED),
            _ => None,
        }
    }
}

/// One place where attackers begin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// Of which class.
    pub class: Class,
    /// Its name: `Deployment shop/web`, `User alice`.
    pub name: String,
}

/// What attackers want.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Goal {
    /// To administer the cluster.
    Cluster,
    /// Root on a node.
    Node,
    /// A workload that somebody marked as most important.
    Jewel(String),
    /// Something beyond the cluster: an account of a cloud, another cluster.
    Beyond(String),
    /// The Secrets of a namespace.
    Secrets(String),
}

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
    pub siblings: Vec<String>,
    /// To what.
    pub goal: Goal,
    /// Its steps, in order.
    pub lines: Vec<Line>,
    /// What it costs: more for more steps and for harder ones.
    pub cost: u32,
    pub(crate) steps: Vec<StepId>,
}

/// All steps of a picture, to be asked about.
#[derive(Debug)]
pub struct Paths<'s> {
    pub(crate) picture: Picture<'s>,
    pub(crate) graph: Graph,
    pub(crate) facts: Facts<'s>,
    pub(crate) entries: Vec<(Entry, Spot)>,
    pub(crate) goals: Vec<(Goal, Vec<Spot>)>,
}

impl<'s> Paths<'s> {
    /// Derives all steps.
    pub fn new(snapshot: &'s Snapshot, facts: Facts<'s>, config: &Config) -> Self {
        let mut picture = Picture::new(snapshot, &facts, config);
        let graph = Graph::new(groups::steps(&mut picture, &facts, config));
        let mut paths = Self {
            entries: Vec::new(),
            goals: Vec::new(),
            picture,
            graph,
            facts,
        };
        paths.entries = paths.find_entries();
        paths.goals = paths.find_goals();
        paths
    }

    fn find_entries(&self) -> Vec<(Entry, Spot)> {
        let mut entries = vec![(Class::Internet, "internet".to_owned(), Spot::Internet)];
        for (id, workload) in self.picture.workload_ids() {
            let name = workload.owner.to_string();
            entries.push((Class::Pod, name, Spot::Workload(id)));
        }
        for (number, identity) in self.picture.identities.iter() {
            let class = match identity {
                Identity::User(name) if &**name == "system:anonymous" => Class::Anonymous,
                Identity::Group(name) if &**name == "system:unauthenticated" => Class::Anonymous,
                Identity::Group(name) if &**name == "system:authenticated" => Class::Authenticated,
                Identity::User(name) | Identity::Group(name) if !name.starts_with("system:") => {
                    Class::Developer
                }
                _ => continue,
            };
            let spot = Spot::Identity(IdentityId(number));
            entries.push((class, identity.to_string(), spot));
        }
        for leak in &self.picture.leaks {
            let spot = Spot::Identity(leak.identity);
            entries.push((Class::Leaked, leak.name.clone(), spot));
        }
        let mut entries: Vec<(Entry, Spot)> = entries
            .into_iter()
            .filter(|(_, _, spot)| self.graph.find(*spot).is_some())
            .map(|(class, name, spot)| (Entry { class, name }, spot))
            .collect();
        entries.sort();
        entries.dedup();
        entries
    }

    fn find_goals(&self) -> Vec<(Goal, Vec<Spot>)> {
        let picture = &self.picture;
        let mut goals: BTreeMap<Goal, Vec<Spot>> = BTreeMap::new();
        goals.insert(Goal::Cluster, vec![Spot::Admin(Scope::All)]);
        let mut nodes = vec![Spot::Nodes];
        let all = picture.nodes.iter();
        nodes.extend(all.map(|(number, _)| Spot::Node(NodeId(number))));
        goals.insert(Goal::Node, nodes);
        for jewel in &picture.jewels {
            if let Some(workload) = picture.workloads.get(jewel.index()) {
                let spots = vec![Spot::Workload(*jewel), Spot::Door(*jewel)];
                goals.insert(Goal::Jewel(workload.owner.to_string()), spots);
            }
        }
        for (number, name) in picture.beyond.iter() {
            let spot = Spot::Beyond(BeyondId(number));
            goals.insert(Goal::Beyond(name.to_string()), vec![spot]);
        }
        for (number, (namespace, _)) in picture.secrets.iter() {
            let name = picture.namespaces.get(namespace.0);
            let goal = Goal::Secrets(name.map_or_else(String::new, ToString::to_string));
            let hub = Spot::Secrets(Scope::In(*namespace));
            let spots = goals.entry(goal).or_insert_with(|| vec![hub]);
            spots.push(Spot::Secret(SecretId(number)));
        }
        goals.into_iter().collect()
    }

    /// The best way from each entry to each goal, grouped, easiest first.
    pub fn all(&self) -> Vec<Path> {
        let found: Vec<Found> = self.found(&[]);
        let mut groups: BTreeMap<(Class, &Goal, Vec<StepId>), (u32, Vec<&Entry>)> = BTreeMap::new();
        for found in &found {
            let Some((entry, _)) = self.entries.get(found.entry) else {
                continue;
            };
            let Some((goal, _)) = self.goals.get(found.goal) else {
                continue;
            };
            // Those whose first steps give the same go the same way.
            let key = self.without_own(&found.steps);
            let (_, entries) = groups
                .entry((entry.class, goal, key))
                .or_insert((found.cost, Vec::new()));
            entries.push(entry);
        }
        let mut paths = Vec::new();
        for ((class, goal, _), (cost, entries)) in groups {
            let first = entries.first().copied();
            let known = found.iter().find(|found| {
                let entry = self.entries.get(found.entry).map(|(entry, _)| entry);
                let is_goal = self.goals.get(found.goal).map(|(goal, _)| goal) == Some(goal);
                entry == first && is_goal
            });
            let (Some(first), Some(known)) = (first, known) else {
                continue;
            };
            let _ = class;
            paths.push(Path {
                entry: first.clone(),
                siblings: entries
                    .iter()
                    .skip(1)
                    .map(|entry| entry.name.clone())
                    .collect(),
                goal: goal.clone(),
                lines: self.lines(&known.steps),
                cost,
                steps: known.steps.clone(),
            });
        }
        paths.sort_by(|one, other| {
            let key = |path: &Path| (path.entry.class, path.goal.clone(), path.cost);
            key(one)
                .cmp(&key(other))
                .then_with(|| one.entry.cmp(&other.entry))
        });
        paths
    }

    /// The steps by what they give: where two entries come together, they go on alike.
    fn without_own(&self, steps: &[StepId]) -> Vec<StepId> {
        let gives = steps.iter().map(|step| self.graph.gives(*step));
        gives.collect()
    }

    /// Every pair of an entry and a goal that it leads to, some steps left out.
    pub(crate) fn found(&self, without: &[StepId]) -> Vec<Found> {
        let numbered: Vec<usize> = (0..self.entries.len()).collect();
        let search = || {
            let mut search = Search::new(&self.graph);
            search.leave_out(without.iter().copied(), true);
            search
        };
        let chunk = numbered.len().div_ceil(2).max(1);
        let parts: Vec<Vec<Found>> = numbered
            .par_chunks(chunk)
            .map(|entries| {
                let mut search = search();
                let each = entries
                    .iter()
                    .flat_map(|entry| self.found_from(*entry, &mut search));
                each.collect()
            })
            .collect();
        parts.into_iter().flatten().collect()
    }

    fn found_from(&self, number: usize, search: &mut Search<'_>) -> Vec<Found> {
        let Some((_, start)) = self.entries.get(number) else {
            return Vec::new();
        };
        search.run(&[*start]);
        let own = self.own_secrets(*start);
        let mut all = Vec::new();
        for (goal, (_, spots)) in self.goals.iter().enumerate() {
            let reached = spots
                .iter()
                .filter(|spot| *spot != start && !own.contains(spot))
                .filter_map(|spot| Some((search.cost(*spot)?, *spot)));
            let best = reached.min();
            // Who administers the cluster has the rest.
            let best = best.or_else(|| {
                let everything = Spot::Admin(Scope::All);
                let has = search.has_everything() && !spots.contains(start);
                has.then(|| search.cost(everything).map(|cost| (cost, everything)))?
            });
            if let Some((cost, spot)) = best {
                all.push(Found {
                    entry: number,
                    goal,
                    cost,
                    steps: search.steps_to(spot),
                });
            }
        }
        all
    }

    /// The Secrets that an entry has by being what it is.
    fn own_secrets(&self, start: Spot) -> Vec<Spot> {
        let Some(start) = self.graph.find(start) else {
            return Vec::new();
        };
        let gives = self
            .graph
            .uses(start)
            .iter()
            .map(|step| self.graph.gives(*step));
        gives
            .filter_map(|spot| self.graph.spot(spot))
            .filter(|spot| matches!(spot, Spot::Secret(_)))
            .collect()
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
            let Some(technique) = step.technique.filter(|_| step.ease > Ease::Given) else {
                // The last step may be one that is none: it is what the path is for.
                if Some(id) == steps.last()
                    && let Some(last) = lines.last_mut()
                {
                    last.evidence.append(&mut waiting);
                    last.gains = words::spot(&self.picture, step.gives);
                }
                continue;
            };
            lines.push(Line {
                technique: technique.rule_id(),
                gains: words::spot(&self.picture, step.gives),
                said: words::step(self, step),
                ease: step.ease,
                evidence: std::mem::take(&mut waiting),
            });
        }
        lines
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

    /// Every step that is a technique, and where attackers begin if that is one.
    pub fn steps(&self) -> Vec<ToldStep> {
        let begun = self.entries.iter().filter_map(|(entry, spot)| {
            Some(ToldStep {
                technique: entry.class.technique()?.rule_id(),
                needs: entry.name.clone(),
                gives: words::spot(&self.picture, *spot),
            })
        });
        let told = self
            .graph
            .steps
            .iter()
            .filter(|step| !self.is_everywhere(step));
        let told = told.filter_map(|step| {
            let needs: Vec<String> = step
                .needs
                .iter()
                .map(|need| words::spot(&self.picture, need))
                .collect();
            let gives = words::spot(&self.picture, step.gives);
            Some(ToldStep {
                technique: step.technique?.rule_id(),
                needs: needs.join(", "),
                gives,
            })
        });
        begun.chain(told).collect()
    }
}

/// An entry gets to a goal.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) entry: usize,
    pub(crate) goal: usize,
    pub(crate) cost: u32,
    pub(crate) steps: Vec<StepId>,
}
