//! What can be done about findings, and which of it is proved.
//!
//! [`repair`] asks the engine behind a finding. [`search`] finds out which of many changes
//! really repair what they are for and bring nothing new, by trying them together, looking at
//! what stays and what comes, and taking out what is to blame; whoever calls it changes texts
//! and judges again.

use crate::Assessment;
use crate::plaintext;
use seawall_model::{
    Asset, Finding, KubernetesVersion, Repair, Repairable, ResourceRef, RuleId, Severity, SourceMap,
};
use seawall_snapshot::Snapshot;
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What can be done about a finding on this object of the picture.
pub fn repair(
    finding: &Finding,
    object: &Node,
    snapshot: &Snapshot,
    version: KubernetesVersion,
) -> Repair {
    let is = |rules: &[seawall_model::Rule]| rules.iter().any(|rule| rule.id == finding.rule);
    if is(seawall_posture::rules()) {
        seawall_posture::fixes::mend(finding, object, version)
    } else if is(seawall_admission::rules()) {
        seawall_admission::fixes::mend(finding, snapshot, version)
    } else if is(seawall_network::rules()) {
        plaintext::excepting(
            seawall_network::fixes::mend(finding, object),
            finding,
            snapshot,
        )
    } else {
        Repair::ByHand(finding.remediation.to_string())
    }
}

/// How the findings of a rule are repaired, as far as the rule alone tells.
pub fn repairable(rule: &RuleId) -> Repairable {
    seawall_posture::fixes::repairable(rule)
        .min(seawall_admission::fixes::repairable(rule))
        .min(seawall_network::fixes::repairable(rule))
}

/// Which problem a finding is, across a change of the texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Problem {
    rule: RuleId,
    asset: Asset,
    path: String,
    /// The file that it is in, for one of several objects of one name; else empty, since the
    /// text of an object may come from other files than before.
    file: String,
}

/// Names that several objects have (two applications of a monorepo).
#[derive(Debug, Clone, Default)]
pub struct Twins(HashSet<ResourceRef>);

impl Twins {
    /// Those of a picture.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut seen = HashSet::new();
        let names = snapshot.objects().map(|(_, o)| o.reference.lasting());
        Self(names.filter(|name| !seen.insert(name.clone())).collect())
    }

    fn has(&self, asset: &Asset) -> bool {
        matches!(asset, Asset::Resource(resource) if self.0.contains(resource))
    }
}

/// What an assessment found, by problem, with the worst severity.
#[derive(Debug, Clone, Default)]
pub struct Problems(HashMap<Problem, Severity>);

impl Problem {
    /// The problems of a finding: one for each thing that it affects.
    pub fn of(finding: &Finding, map: &SourceMap, twins: &Twins) -> Vec<Self> {
        let of = |asset: &Asset| {
            let asset = asset.lasting();
            let file = if twins.has(&asset) {
                map.path(finding.locus.span.file).to_string()
            } else {
                String::new()
            };
            Self {
                rule: finding.rule.clone(),
                asset,
                path: finding.locus.path.clone(),
                file,
            }
        };
        finding.affected.iter().map(of).collect()
    }
}

/// Rules that are silent where a stronger one speaks about the same setting: what a repaired
/// finding of the first uncovers of the second was there before.
const HIDES: [(&str, &str); 9] = [
    ("W34", "W38"),
    ("W34", "W35"),
    ("W38", "W35"),
    ("W14", "W15"),
    ("W14", "W13"),
    // A pod in its node's network asks whom it likes; in its own it can be held.
    ("W04", "IST-EG-05"),
    ("W04", "CMP-13"),
    // Of a workload that takes plaintext everywhere a port that its clients need is left.
    ("IST-TLS-04", "IST-TLS-05"),
    ("IST-TLS-04", "CMP-04"),
];

impl Problems {
    /// All problems of an assessment, accepted ones too: a change must not bring those back
    /// elsewhere.
    pub fn of(assessment: &Assessment, map: &SourceMap, twins: &Twins) -> Self {
        let mut problems: HashMap<Problem, Severity> = HashMap::new();
        let accepted = assessment.suppressed.iter().map(|s| &s.finding);
        for finding in assessment.findings.iter().chain(accepted) {
            for problem in Problem::of(finding, map, twins) {
                let worst = problems.entry(problem).or_insert(finding.severity);
                *worst = (*worst).max(finding.severity);
            }
        }
        Self(problems)
    }

    /// Whether a problem is among them.
    pub fn has(&self, problem: &Problem) -> bool {
        self.0.contains_key(problem)
    }

    /// Whether a problem of an assessment was not there before: neither itself, nor as severe,
    /// nor a worse one of the same rule and thing of which it is what is left. `meant` are the
    /// problems that the changes are for: those went because of them, and not elsewhere.
    pub fn is_news(
        &self,
        problem: &Problem,
        severity: Severity,
        now: &Problems,
        meant: &HashSet<&Problem>,
    ) -> bool {
        if self
            .0
            .get(problem)
            .is_some_and(|before| *before >= severity)
        {
            return false;
        }
        let explains = |(known, before): (&Problem, &Severity)| {
            if known.asset != problem.asset || now.has(known) {
                return false;
            }
            if known.rule != problem.rule {
                let pair = (known.rule.as_str(), problem.rule.as_str());
                return HIDES.contains(&pair) && *before >= severity;
            }
            let as_bad = known.path == problem.path && *before >= severity;
            if known.file == problem.file {
                as_bad || *before > severity
            } else {
                as_bad && !meant.contains(known)
            }
        };
        !self.0.iter().any(explains)
    }
}

/// What came of trying changes together.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// Changes that could not be made, and why.
    pub refused: Vec<(usize, String)>,
    /// Changes whose finding is still there.
    pub stays: Vec<usize>,
    /// What is there that was not.
    pub news: Vec<News>,
}

/// Something that came with changes.
#[derive(Debug, Clone)]
pub struct News {
    /// What it is.
    pub what: String,
    /// The changes that may be to blame.
    pub suspects: Vec<usize>,
    /// Another change that would repair it: what a stronger finding had hidden.
    pub companion: Option<usize>,
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub struct Proved {
    /// The changes that together repair what they are for and bring nothing new.
    pub changes: BTreeSet<usize>,
    /// Why others are not among them.
    pub why: BTreeMap<usize, String>,
    /// How often something was tried.
    pub trials: u32,
}

/// Most trials of a search: each judges everything once more.
const TRIALS: u32 = 200;

struct Search<'t> {
    world: &'t mut dyn FnMut(&BTreeSet<usize>) -> Trial,
    found: Proved,
    /// The changes that are to be tried.
    asked: BTreeSet<usize>,
    /// Changes that nobody asked for but for what others uncover.
    companions: BTreeSet<usize>,
}

/// Finds the changes that hold together. `world` makes them, judges and says what came of it.
pub fn search(
    changes: impl IntoIterator<Item = usize>,
    world: &mut dyn FnMut(&BTreeSet<usize>) -> Trial,
) -> Proved {
    let mut search = Search {
        world,
        asked: changes.into_iter().collect(),
        found: Proved::default(),
        companions: BTreeSet::new(),
    };
    let suspects = search.settle(search.asked.clone());
    // Blame was laid broadly: what was taken out together is tried again in parts.
    let mut groups: Vec<Vec<usize>> = vec![suspects.into_iter().collect()];
    while let Some(group) = groups.pop() {
        if group.is_empty() || search.found.trials >= TRIALS {
            continue;
        }
        if !search.add(&group) && group.len() > 1 {
            let (left, right) = group.split_at(group.len() / 2);
            groups.push(left.to_vec());
            groups.push(right.to_vec());
        }
    }
    search.drop_idle_companions();
    search.found
}

impl Search<'_> {
    fn try_together(&mut self, changes: &BTreeSet<usize>) -> Trial {
        self.found.trials += 1;
        (self.world)(changes)
    }

    /// Takes out what does not hold until the rest does. What was suspected of bringing
    /// something, and may be innocent, is the answer.
    fn settle(&mut self, mut active: BTreeSet<usize>) -> BTreeSet<usize> {
        let mut suspects = BTreeSet::new();
        while self.found.trials < TRIALS && !active.is_empty() {
            let trial = self.try_together(&active);
            let mut changed = false;
            for (change, why) in trial.refused {
                changed |= self.out(&mut active, change, why);
            }
            if changed {
                continue; // what stays and comes may be for lack of these
            }
            for news in trial.news {
                if let Some(companion) = news.companion
                    && !active.contains(&companion)
                    && !self.found.why.contains_key(&companion)
                {
                    active.insert(companion);
                    if !self.asked.contains(&companion) {
                        self.companions.insert(companion);
                    }
                    changed = true;
                    continue;
                }
                let mut blamed: Vec<usize> = news.suspects;
                if !blamed.iter().any(|change| active.contains(change)) {
                    blamed = active.iter().copied().collect();
                }
                for change in blamed {
                    let why = format!("it would bring something new: {}", news.what);
                    if self.out(&mut active, change, why) {
                        suspects.insert(change);
                        changed = true;
                    }
                }
            }
            for change in trial.stays {
                let why = "the finding is still there after the change".to_owned();
                changed |= self.out(&mut active, change, why);
            }
            if !changed {
                self.found.changes = active;
                return suspects;
            }
        }
        suspects
    }

    fn out(&mut self, active: &mut BTreeSet<usize>, change: usize, why: String) -> bool {
        let was = active.remove(&change);
        if was {
            self.found.why.insert(change, why);
        }
        was
    }

    /// Adds a group to what holds, if it holds with it.
    fn add(&mut self, group: &[usize]) -> bool {
        let mut together = self.found.changes.clone();
        together.extend(group);
        let mut companions = BTreeSet::new();
        for _ in 0..3 {
            let trial = self.try_together(&together);
            if trial.refused.is_empty() && trial.stays.is_empty() && trial.news.is_empty() {
                for change in group {
                    self.found.why.remove(change);
                }
                self.found.changes = together;
                return true;
            }
            let wanted: Option<Vec<usize>> = trial.news.iter().map(|news| news.companion).collect();
            let Some(wanted) = wanted.filter(|w| trial.refused.is_empty() && !w.is_empty()) else {
                return false;
            };
            if !wanted.iter().any(|companion| companions.insert(*companion)) {
                return false;
            }
            let new = wanted.iter().filter(|index| !self.asked.contains(index));
            self.companions.extend(new.copied().collect::<Vec<_>>());
            together.extend(wanted);
        }
        false
    }

    /// Companions repair what others uncovered. Where those were taken out, they repair nothing
    /// that anybody found.
    fn drop_idle_companions(&mut self) {
        let companions = self.companions.clone();
        let there = |search: &Self| companions.intersection(&search.found.changes).count() > 0;
        if !there(self) || self.without(&companions) {
            return;
        }
        for companion in &companions {
            if self.found.trials < 2 * TRIALS && self.found.changes.contains(companion) {
                self.without(&BTreeSet::from([*companion]));
            }
        }
    }

    /// Takes changes out, if the rest holds without them.
    fn without(&mut self, changes: &BTreeSet<usize>) -> bool {
        let rest: BTreeSet<usize> = self.found.changes.difference(changes).copied().collect();
        let trial = self.try_together(&rest);
        let holds = trial.refused.is_empty() && trial.stays.is_empty() && trial.news.is_empty();
        if holds {
            self.found.changes = rest;
        }
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[usize]) -> BTreeSet<usize> {
        numbers.iter().copied().collect()
    }

    fn problem(path: &str, file: &str) -> Problem {
        Problem {
            rule: RuleId::new("W08"),
            asset: Asset::File("agent".into()),
            path: path.to_owned(),
            file: file.to_owned(),
        }
    }

    #[test]
    fn what_went_because_of_a_change_did_not_move() {
        let (here, there) = (problem("p", "a"), problem("p", "b"));
        let before = Problems(HashMap::from([(here.clone(), Severity::Medium)]));
        let now = Problems(HashMap::from([(there.clone(), Severity::Medium)]));
        let is_news = |meant: &[&Problem]| {
            let meant = meant.iter().copied().collect();
            before.is_news(&there, Severity::Medium, &now, &meant)
        };
        assert!(!is_news(&[]), "its text comes from another file now");
        assert!(is_news(&[&here]), "it was repaired, and this is a twin's");
    }

    #[test]
    fn what_is_left_of_a_worse_problem_is_not_new() {
        let (was, left) = (problem("p", ""), problem("q", ""));
        let before = Problems(HashMap::from([(was.clone(), Severity::High)]));
        let now = Problems(HashMap::from([(left.clone(), Severity::Low)]));
        let meant = HashSet::from([&was]);
        assert!(!before.is_news(&left, Severity::Low, &now, &meant));
        assert!(before.is_news(&left, Severity::High, &now, &meant));
    }

    #[test]
    fn what_does_not_hold_is_taken_out() {
        let mut world = |changes: &BTreeSet<usize>| {
            let mut trial = Trial::default();
            if changes.contains(&0) {
                trial.refused.push((0, "no".to_owned()));
            }
            if changes.contains(&1) {
                trial.stays.push(1);
            }
            // 3 is to blame, and 2 stands beside it.
            if changes.contains(&3) {
                trial.news.push(News {
                    what: "worse".to_owned(),
                    suspects: vec![2, 3],
                    companion: None,
                });
            }
            trial
        };
        let found = search(0..6, &mut world);
        assert_eq!(found.changes, set(&[2, 4, 5]));
        assert_eq!(found.why.keys().copied().collect::<Vec<_>>(), [0, 1, 3]);
        assert!(found.trials < 10);
    }

    #[test]
    fn what_a_change_uncovers_is_repaired_with_it() {
        let mut world = |changes: &BTreeSet<usize>| {
            let mut trial = Trial::default();
            if changes.contains(&0) && !changes.contains(&7) {
                trial.news.push(News {
                    what: "hidden before".to_owned(),
                    suspects: vec![0],
                    companion: Some(7),
                });
            }
            trial
        };
        assert_eq!(search([0, 1], &mut world).changes, set(&[0, 1, 7]));
    }

    #[test]
    fn a_companion_without_its_caller_goes() {
        let mut world = |changes: &BTreeSet<usize>| {
            let mut trial = Trial::default();
            if changes.contains(&0) {
                if changes.contains(&7) {
                    trial.stays.push(0);
                } else {
                    trial.news.push(News {
                        what: "hidden before".to_owned(),
                        suspects: vec![0],
                        companion: Some(7),
                    });
                }
            }
            trial
        };
        assert_eq!(search([0, 1], &mut world).changes, set(&[1]));
    }

    #[test]
    fn a_search_ends() {
        let mut world = |changes: &BTreeSet<usize>| Trial {
            news: changes
                .iter()
                .map(|change| News {
                    what: String::new(),
                    suspects: vec![*change],
                    companion: Some(change + 1_000),
                })
                .collect(),
            ..Trial::default()
        };
        assert!(search(0..100, &mut world).trials <= 2 * TRIALS + 3);
    }
}
