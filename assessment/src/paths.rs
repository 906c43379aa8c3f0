//! Attack paths: what all engines know, chained.
//!
//! The engine behind this reads the facts of the others and asks two of them: who may do what,
//! and who gets to whom. Here they are joined. What a cut promises is not believed: its change
//! is made in the picture, every engine judges again, and the pairs that are left are counted.

use crate::{Assessment, Config, assess};
use seawall_access::Access;
use seawall_model::{Coverage, Fact, FileId, KubernetesVersion, Operation, Outcome, SourceMap};
use seawall_network::{Answers, Network};
use seawall_snapshot::{Change as Put, Keep, Object, Snapshot, object};
use seawall_yaml::{Node, edit};
use std::collections::{HashMap, HashSet};

pub use seawall_paths::{
    Break, Class, Cut, Ease, Entry, Goal, Left, Line, Path, ToldStep, Trampolines, techniques,
};

/// What is asked about ways in.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Workloads that matter most, as words that choose them.
    pub jewels: Vec<String>,
    /// How many paths are wanted; at least one is told.
    pub most: usize,
    /// How many cuts are wanted.
    pub cuts: usize,
    /// Whose gains are wanted, by name.
    pub gains_of: Option<String>,
    /// Whether all steps that are possible are wanted.
    pub steps: bool,
}

/// Every way in that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    /// The easiest way from each entry to each goal, those that go alike together: the first.
    pub paths: Vec<Path>,
    /// How many there are.
    pub count: usize,
    /// Every entry that gets to a goal, in order.
    pub pairs: Vec<(Entry, Goal)>,
    /// How many of them there are, and how many without luck.
    pub left: Left,
    /// How many pairs of an entry and a goal there could be.
    pub possible: usize,
    /// What cuts the most pairs, one after the other, where that was asked for.
    pub cuts: Vec<Tried>,
    /// How many pairs' easiest ways lead through each line of the input.
    pub marks: HashMap<(FileId, u32), u32>,
    /// What one gains, where that was asked for, and how.
    pub gains: Vec<(String, Vec<Line>)>,
    /// Every attack step that is possible, whether anybody gets that far or not, where that was
    /// asked for.
    pub steps: Vec<ToldStep>,
    /// How much root on one node is worth.
    pub trampolines: Trampolines,
}

/// Ways in that a change of the input opens and closes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Entries that get to goals now and did not.
    pub opened: Vec<(Entry, Goal)>,
    /// Entries that got to goals and do not any more.
    pub closed: Vec<(Entry, Goal)>,
}

/// Compares the ways in of two pictures.
pub(crate) fn change(before: &[(Entry, Goal)], now: &Ways) -> Change {
    let beyond = |one: &[(Entry, Goal)], other: &[(Entry, Goal)]| {
        let known: HashSet<&(Entry, Goal)> = other.iter().collect();
        let new = one.iter().filter(|pair| !known.contains(*pair));
        new.cloned().collect()
    };
    Change {
        opened: beyond(&now.pairs, before),
        closed: beyond(before, &now.pairs),
    }
}

/// A cut, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What it is.
    pub cut: Cut,
    /// What is left when its change and those before it were made and everything was judged
    /// again; `None` where the change is none that could be made here.
    pub verified: Option<Left>,
}

/// Finds the ways in, and judges them.
pub(crate) fn ways(
    snapshot: &Snapshot,
    (network, access): (&Network<'_, '_>, &Access),
    facts: &[Fact],
    version: KubernetesVersion,
    question: &Question,
) -> (Outcome, Ways) {
    let network = Answers::new(network);
    let facts = seawall_paths::Facts {
        facts,
        permissions: access,
        network: &network,
    };
    let config = seawall_paths::Config {
        kubernetes_version: version,
        jewels: question.jewels.clone(),
    };
    let paths = seawall_paths::Paths::new(snapshot, facts, &config);
    let pairs = paths.pairs();
    let (first, count) = paths.first(question.most.max(1));
    let untried = |cut| Tried {
        cut,
        verified: None,
    };
    let ways = Ways {
        pairs: pairs
            .map(|(entry, goal)| (entry.clone(), goal.clone()))
            .collect(),
        paths: first,
        count,
        left: paths.left(),
        trampolines: paths.trampolines(),
        marks: paths.marks(),
        possible: paths.possible(),
        cuts: paths.cuts(question.cuts).into_iter().map(untried).collect(),
        gains: match &question.gains_of {
            Some(name) => paths.gains_of(name),
            None => Vec::new(),
        },
        steps: if question.steps {
            paths.steps()
        } else {
            Vec::new()
        },
    };
    (seawall_paths::check(&paths), ways)
}

/// Tries the cuts of an answer: makes their changes in the picture, one after the other, and
/// judges everything again.
pub fn try_cuts(ways: &mut Ways, snapshot: &Snapshot, map: &SourceMap, config: &Config) {
    let question = Question {
        cuts: 0,
        gains_of: None,
        steps: false,
        ..config.paths.clone().unwrap_or_default()
    };
    let config = Config {
        baseline: None,
        with_map: false,
        paths: Some(question),
        ..config.clone()
    };
    let mut picture = snapshot.clone();
    for tried in &mut ways.cuts {
        let Some(changes) = changes(&tried.cut, &picture, map) else {
            // What comes after it was chosen with it in mind.
            break;
        };
        picture = picture.apply(changes);
        tried.verified = pairs_in(&picture, map, &config);
    }
}

/// How many pairs are connected in a picture.
fn pairs_in(snapshot: &Snapshot, map: &SourceMap, config: &Config) -> Option<Left> {
    let Assessment { ways, .. } = assess(snapshot, Coverage::default(), map, config);
    ways.map(|ways| ways.left)
}

/// The changes of the picture that a cut is; an object that stands in several places changes in
/// each.
fn changes(cut: &Cut, snapshot: &Snapshot, map: &SourceMap) -> Option<Vec<Put>> {
    let reference = cut.change.object();
    let mut all = Vec::new();
    for (_, object) in snapshot
        .objects()
        .filter(|(_, o)| o.reference == *reference)
    {
        let operations = operations(cut, object)?;
        if operations.is_empty() {
            all.push(Put::Remove(object.scope, reference.clone()));
            continue;
        }
        let mut root: Node = (**object.tree()?).clone();
        for operation in Operation::in_turn(&operations) {
            root = edit::changed(&root, operation).ok()?;
        }
        let changed = object::read_keeping(&root, object.scope, map, &mut Vec::new(), Keep::Trees)?;
        all.push(Put::Put(Box::new(changed)));
    }
    (!all.is_empty()).then_some(all)
}

/// What changes in an object; nothing means that the object goes.
fn operations(cut: &Cut, object: &Object) -> Option<Vec<Operation>> {
    match &cut.change {
        Break::Unbind { .. } => {
            let subjects = object.items(&["subjects"]);
            let is_it =
                |node: &Node| (node.span.file, node.span.start) == (cut.span.file, cut.span.start);
            let places: Vec<usize> = (0..subjects.len())
                .filter(|at| subjects.get(*at).is_some_and(is_it))
                .collect();
            match places.len() {
                0 => None,
                all if all == subjects.len() => Some(Vec::new()),
                _ => {
                    let remove = |at| Operation::remove(format!("/subjects/{at}"));
                    Some(places.into_iter().map(remove).collect())
                }
            }
        }
        Break::Forbid { rule, right, .. } => forbidden(object, rule, right),
        Break::Change(..) if cut.operations.is_empty() => None,
        Break::Change(..) => Some(cut.operations.clone()),
    }
}

/// A right leaves a rule: its verb, if the rule is about that resource alone, else the resource.
fn forbidden(object: &Object, rule: &str, right: &str) -> Option<Vec<Operation>> {
    let (verb, resource) = right.split_once(' ')?;
    let index: usize = rule.rsplit('/').next()?.parse().ok()?;
    let node = object.items(&["rules"]).get(index)?;
    let place = |key: &str, word: &str| {
        let items = node.get(key)?.as_seq()?;
        let at = items.iter().position(|item| item.as_str() == Some(word))?;
        Some((items.len(), at))
    };
    let (resources, resource_at) = place("resources", resource)?;
    let (verbs, verb_at) = place("verbs", verb)?;
    let remove = |pointer: String| Some(vec![Operation::remove(pointer)]);
    match (resources, verbs) {
        (1, 1) => remove(rule.to_owned()),
        (1, _) => remove(format!("{rule}/verbs/{verb_at}")),
        _ => remove(format!("{rule}/resources/{resource_at}")),
    }
}

/// What a picture is like with changed objects put into it.
pub fn with(snapshot: &Snapshot, objects: impl IntoIterator<Item = Object>) -> Snapshot {
    let put = |object| Put::Put(Box::new(object));
    snapshot
        .clone()
        .apply(objects.into_iter().map(put).collect())
}
