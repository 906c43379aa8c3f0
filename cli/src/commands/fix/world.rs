//! What is there, and what it would be with changes: both are read and judged in full.

use super::find::{is_same, locate, names};
use super::{patch, scan};
use crate::args::Global;
use crate::config::Config;
use crate::exit::Failure;
use crate::progress::Ticker;
use seawall_assessment::fixes::{News, Problem, Problems, Proved, Trial, repair};
use seawall_assessment::{Assessment, means};
use seawall_model::{
    Asset, Finding, Gap, KubernetesVersion, Operation, Repair, ResourceRef, SourceMap,
};
use seawall_report::fixes::{Line, State};
use seawall_snapshot::{Object, ObjectId, Snapshot};
use seawall_sources::change::{Bench, STDIN, Step};
use seawall_sources::load::{self, Loaded, Request};
use seawall_sources::patched::Texts;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A finding with what could be done about it.
pub(super) struct Candidate {
    pub(super) finding: Finding,
    problems: Vec<Problem>,
    object: Option<ObjectId>,
    pub(super) repair: Repair,
    /// What became of it, once that is known.
    pub(super) state: Option<State>,
    steps: Vec<Step>,
}

/// The environment as it is.
pub(super) struct World {
    request: Request,
    config: Config,
    map: Arc<SourceMap>,
    loaded: Loaded,
    assessment: Assessment,
    problems: Problems,
    gaps: HashSet<(String, String)>,
    by_name: HashMap<ResourceRef, Vec<ObjectId>>,
    bench: Bench,
    candidates: Vec<Candidate>,
    /// Candidates that stand for another one, which could not be tried by itself.
    stands_for: BTreeMap<usize, usize>,
    trials: Arc<AtomicU32>,
    _ticker: Ticker,
}

fn gap_key(gap: &Gap) -> (String, String) {
    (gap.subject.to_string(), gap.reason.clone())
}

impl World {
    /// Reads and judges what there is.
    pub(super) fn new(request: Request, config: Config, global: &Global) -> Result<Self, Failure> {
        let trials = Arc::new(AtomicU32::new(0));
        let shown = Arc::clone(&trials);
        let ticker = Ticker::start(global.quiet, move || match shown.load(Ordering::Relaxed) {
            0 => "reading".to_owned(),
            tried => format!("trying the changes, {tried} times so far"),
        });
        let map = Arc::new(SourceMap::new());
        let loaded = load::load(&request, &map).map_err(|error| scan::not_loaded(&error))?;
        let assessment = super::judge_all(&loaded, &config, &map)?;
        let by_name = names(&loaded.snapshot);
        Ok(Self {
            problems: Problems::of(&assessment, &map),
            gaps: assessment.coverage.gaps.iter().map(gap_key).collect(),
            bench: Bench::new(Arc::clone(&map), request.stdin.as_deref()),
            request,
            config,
            map,
            loaded,
            assessment,
            by_name,
            candidates: Vec::new(),
            stands_for: BTreeMap::new(),
            trials,
            _ticker: ticker,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.loaded.snapshot.is_empty()
    }

    fn version(&self) -> KubernetesVersion {
        let version = self.config.kubernetes_version.value;
        let version = version.or(self.loaded.kubernetes_version);
        version.unwrap_or(KubernetesVersion::NEWEST)
    }

    /// The findings that the user means.
    pub(super) fn choose(&self, ids: &[String]) -> Result<Vec<Finding>, Failure> {
        let rules = seawall_assessment::catalogue();
        let (only, skip) = (&self.config.only.value, &self.config.skip.value);
        let means = |finding: &Finding, words: &[String]| {
            let rule = rules.iter().find(|rule| rule.id == finding.rule);
            words.iter().any(|word| match rule {
                Some(rule) => means(rule, word),
                None => finding.rule.as_str() == word,
            })
        };
        let findings = self.assessment.findings.iter();
        if ids.is_empty() {
            return Ok(findings
                .filter(|finding| only.is_empty() || means(finding, only))
                .filter(|finding| !means(finding, skip))
                .cloned()
                .collect());
        }
        let mut chosen = Vec::new();
        for id in ids {
            let long_enough = id.len() >= 8;
            let found: Vec<&Finding> = self
                .assessment
                .findings
                .iter()
                .filter(|finding| long_enough && finding.id.to_string().starts_with(id.as_str()))
                .collect();
            match *found {
                [] => {
                    return Err(Failure::usage(
                        format!("no finding {id} in {}", self.request.paths.join(", ")),
                        "give the first eight or more digits of its id, and the path that was \
                         scanned; accepted findings are not fixed",
                    ));
                }
                [finding] => chosen.push(finding.clone()),
                _ => {
                    return Err(Failure::usage(
                        format!("{} findings begin with {id}", found.len()),
                        "give more digits of the id",
                    ));
                }
            }
        }
        Ok(chosen)
    }

    /// What can be done about findings.
    pub(super) fn candidates(&self, findings: &[Finding]) -> Vec<Candidate> {
        let of = |finding: &Finding| {
            let object = locate(finding, &self.loaded.snapshot, &self.by_name, &self.map);
            candidate(
                finding,
                object,
                &self.loaded.snapshot,
                &self.map,
                self.version(),
            )
        };
        findings.iter().map(of).collect()
    }

    /// Keeps candidates, and finds out where their changes go. The answer is those that can
    /// be tried.
    pub(super) fn plan(&mut self, candidates: Vec<Candidate>) -> Vec<usize> {
        let mut ready = Vec::new();
        for candidate in candidates {
            let index = self.candidates.len();
            self.candidates.push(candidate);
            if self.place(index) {
                ready.push(index);
            }
        }
        ready
    }

    /// Finds the places of a candidate's changes.
    fn place(&mut self, index: usize) -> bool {
        let Some(candidate) = self.candidates.get_mut(index) else {
            return false;
        };
        if candidate.state.is_some() {
            return false;
        }
        let mend = match &candidate.repair {
            Repair::Mechanical(mend) => mend.clone(),
            Repair::Decision(question) => {
                candidate.state = Some(State::Decision(question.text.clone()));
                return false;
            }
            Repair::ByHand(what) => {
                candidate.state = Some(State::ByHand(what.clone()));
                return false;
            }
        };
        let object = candidate.object.and_then(|id| self.loaded.snapshot.get(id));
        let Some(tree) = object.and_then(Object::tree) else {
            candidate.state = Some(State::ByHand(candidate.finding.remediation.to_string()));
            return false;
        };
        if mend.operations.is_empty() {
            candidate.state = Some(State::ByHand(candidate.finding.remediation.to_string()));
            return false;
        }
        for operation in &mend.operations {
            match self.bench.plan(tree, operation) {
                Ok(step) => candidate.steps.push(step),
                Err(why) => {
                    let what = format!("{} ({why})", candidate.finding.remediation);
                    candidate.state = Some(State::ByHand(what));
                    return false;
                }
            }
        }
        true
    }

    /// The texts that changes make; which change cannot be made, and why, otherwise.
    fn make(&self, changes: &BTreeSet<usize>) -> Result<Texts, (usize, String)> {
        let mut owners: Vec<usize> = Vec::new();
        let mut steps: Vec<&Step> = Vec::new();
        for index in changes {
            for step in self
                .candidates
                .get(*index)
                .into_iter()
                .flat_map(|c| &c.steps)
            {
                owners.push(*index);
                steps.push(step);
            }
        }
        self.bench.make(&steps).map_err(|(step, why)| {
            let owner = owners.get(step).copied();
            (owner.unwrap_or_default(), why)
        })
    }

    /// The new texts of what was proved.
    pub(super) fn texts(&self, changes: &BTreeSet<usize>) -> Result<Texts, Failure> {
        self.make(changes)
            .map_err(|(_, why)| Failure::usage(why, ""))
    }

    /// The text of a file as it was.
    pub(super) fn original(&self, path: &str) -> Option<&str> {
        self.bench.original(path)
    }

    /// Makes changes, reads and judges everything again, and says what came of it.
    pub(super) fn try_together(&mut self, changes: &BTreeSet<usize>) -> Trial {
        let texts = match self.make(changes) {
            Ok(texts) => texts,
            Err(refused) => {
                return Trial {
                    refused: vec![refused],
                    ..Trial::default()
                };
            }
        };
        match self.judged(texts) {
            Ok((loaded, assessment, map)) => self.compare(changes, &loaded, &assessment, &map),
            Err(why) => Trial {
                refused: changes.iter().map(|index| (*index, why.clone())).collect(),
                ..Trial::default()
            },
        }
    }

    /// What cannot be repaired as things are, and can be with these changes.
    pub(super) fn look_again(&mut self, changes: &BTreeSet<usize>) -> Vec<usize> {
        let waits = |candidate: &Candidate| matches!(candidate.repair, Repair::ByHand(_));
        if changes.is_empty() || !self.candidates.iter().any(waits) {
            return Vec::new();
        }
        let judged = self.make(changes).map_err(|(_, why)| why);
        let Ok((loaded, assessment, map)) = judged.and_then(|texts| self.judged(texts)) else {
            return Vec::new();
        };
        let by_name = names(&loaded.snapshot);
        let mut more = Vec::new();
        for index in 0..self.candidates.len() {
            let Some(candidate) = self.candidates.get(index).filter(|c| waits(c)) else {
                continue;
            };
            let id = candidate.finding.id;
            let still = assessment.findings.iter().find(|finding| finding.id == id);
            if let Some(finding) = still
                && let Some(new) = self.companion(finding, &loaded, &by_name, &map)
                && !changes.contains(&new)
            {
                self.stands_for.insert(new, index);
                more.push(new);
            }
        }
        more
    }

    /// Everything with these texts, judged.
    fn judged(&self, mut texts: Texts) -> Result<(Loaded, Assessment, Arc<SourceMap>), String> {
        self.trials.fetch_add(1, Ordering::Relaxed);
        let mut request = Request {
            progress: Arc::default(),
            ..self.request.clone()
        };
        if let Some(text) = texts.remove(STDIN) {
            request.stdin = Some(text.into_bytes());
        }
        request.texts = texts;
        let map = Arc::new(SourceMap::new());
        let loaded = load::load(&request, &map).map_err(|error| error.to_string())?;
        let assessment =
            super::judge_all(&loaded, &self.config, &map).map_err(|failure| failure.message)?;
        Ok((loaded, assessment, map))
    }

    fn compare(
        &mut self,
        changes: &BTreeSet<usize>,
        loaded: &Loaded,
        assessment: &Assessment,
        map: &Arc<SourceMap>,
    ) -> Trial {
        let now = Problems::of(assessment, map);
        let mut trial = Trial::default();
        for index in changes {
            let there = self.candidates.get(*index);
            if there.is_some_and(|c| c.problems.iter().any(|problem| now.has(problem))) {
                trial.stays.push(*index);
            }
        }
        let mut by_name: Option<HashMap<ResourceRef, Vec<ObjectId>>> = None;
        for finding in &assessment.findings {
            let problems = Problem::of(finding, map);
            let news = |problem: &Problem| self.problems.is_news(problem, finding.severity, &now);
            if !problems.iter().any(news) {
                continue;
            }
            let file = map.path(finding.locus.span.file);
            let suspects = self.suspects(changes, &finding.affected, &file);
            let by_name = by_name.get_or_insert_with(|| names(&loaded.snapshot));
            let companion = self.companion(finding, loaded, by_name, map);
            trial.news.push(News {
                what: format!("{} {}: {}", finding.rule, finding.asset, finding.message),
                suspects,
                companion,
            });
        }
        for gap in &assessment.coverage.gaps {
            if self.gaps.contains(&gap_key(gap)) {
                continue;
            }
            trial.news.push(News {
                what: format!("{}: {}", gap.subject, gap.reason),
                suspects: self.suspects(changes, &[], &gap.subject),
                companion: None,
            });
        }
        trial
    }

    /// The changes that may have brought something: those of the same thing, or else of the
    /// same file.
    fn suspects(&self, changes: &BTreeSet<usize>, assets: &[Asset], file: &str) -> Vec<usize> {
        let of = |test: &dyn Fn(&Candidate) -> bool| -> Vec<usize> {
            let is = |index: &&usize| self.candidates.get(**index).is_some_and(test);
            changes.iter().filter(is).copied().collect()
        };
        let same = |candidate: &Candidate| {
            candidate
                .finding
                .affected
                .iter()
                .any(|asset| assets.iter().any(|other| is_same(asset, other)))
        };
        let found = of(&same);
        if !found.is_empty() {
            return found;
        }
        let found = of(&|candidate| candidate.steps.iter().any(|step| step.path == file));
        if !found.is_empty() {
            return found;
        }
        // What holds for many: a file of the control plane, an object of the whole cluster.
        of(&|candidate| match &candidate.finding.asset {
            Asset::Resource(resource) => resource.namespace.is_none(),
            Asset::File(_) => true,
            Asset::ValuesKey { .. } => false,
        })
    }

    /// A change that would repair what another one uncovered.
    fn companion(
        &mut self,
        finding: &Finding,
        loaded: &Loaded,
        by_name: &HashMap<ResourceRef, Vec<ObjectId>>,
        map: &SourceMap,
    ) -> Option<usize> {
        let known = self.candidates.iter().position(|c| {
            c.finding.rule == finding.rule && c.finding.id == finding.id && !c.steps.is_empty()
        });
        if known.is_some() {
            return known;
        }
        let there = locate(finding, &loaded.snapshot, by_name, map)?;
        let mut new = candidate(finding, Some(there), &loaded.snapshot, map, self.version());
        if !matches!(new.repair, Repair::Mechanical(_)) {
            return None;
        }
        // Its changes are made to the object as it is now, at the same place in the plan.
        let object = loaded.snapshot.get(there)?;
        let same: Vec<&ObjectId> = by_name.get(&object.reference)?.iter().collect();
        let position = same.iter().position(|id| **id == there)?;
        let group_free = |reference: &ResourceRef| ResourceRef {
            group: "".into(),
            ..reference.clone()
        };
        let here = self
            .by_name
            .get(&object.reference)
            .or_else(|| {
                let wanted = group_free(&object.reference);
                let mut all = self.by_name.iter();
                all.find(|(reference, _)| group_free(reference) == wanted)
                    .map(|(_, ids)| ids)
            })?
            .get(position)
            .copied();
        new.object = here;
        // The map of the trial is not that of what is here.
        new.finding.locus.span = seawall_model::Span::NONE;
        let only_pointers = match &new.repair {
            Repair::Mechanical(mend) => mend.operations.iter().all(|op| op.pointer().is_some()),
            _ => false,
        };
        if !only_pointers {
            return None;
        }
        let index = self.candidates.len();
        self.candidates.push(new);
        self.place(index).then_some(index)
    }

    /// Remembers what became of candidates.
    pub(super) fn settle(&mut self, proved: &Proved) {
        for (index, candidate) in self.candidates.iter_mut().enumerate() {
            if proved.changes.contains(&index) {
                candidate.state = Some(State::Fixed);
            } else if candidate.state.is_none() {
                let why = proved.why.get(&index);
                let why = why.map_or("it was not tried to the end", String::as_str);
                let what = format!("{} (not changed: {why})", candidate.finding.remediation);
                candidate.state = Some(State::ByHand(what));
            }
        }
        self.stand_in();
    }

    /// Gives the state of candidates to those that they stand for.
    fn stand_in(&mut self) {
        for (new, old) in self.stands_for.clone() {
            let there = self.candidates.get(new);
            let done = there.filter(|candidate| candidate.state == Some(State::Fixed));
            if let Some(repair) = done.map(|candidate| candidate.repair.clone())
                && let Some(candidate) = self.candidates.get_mut(old)
            {
                candidate.state = Some(State::Fixed);
                candidate.repair = repair;
            }
        }
    }

    /// What became of the findings that the user meant.
    pub(super) fn lines(&self, count: usize) -> Vec<Line> {
        let chosen = self.candidates.iter().take(count);
        chosen
            .map(|candidate| {
                let finding = &candidate.finding;
                let caution = match &candidate.repair {
                    Repair::Mechanical(mend) => mend.caution.clone(),
                    _ => None,
                };
                let span = finding.locus.span;
                Line {
                    id: finding.id,
                    rule: finding.rule.clone(),
                    severity: finding.severity,
                    asset: finding.asset.clone(),
                    message: finding.message.to_string(),
                    place: format!("{}:{}", self.map.path(span.file), span.line),
                    state: candidate
                        .state
                        .clone()
                        .unwrap_or(State::ByHand(finding.remediation.to_string())),
                    caution,
                }
            })
            .collect()
    }

    /// Patches for objects that came from standard input.
    pub(super) fn patches(&self, changes: &BTreeSet<usize>) -> String {
        let mut by_object: BTreeMap<ObjectId, Vec<Operation>> = BTreeMap::new();
        for index in changes {
            let Some(candidate) = self.candidates.get(*index) else {
                continue;
            };
            let Some(object) = candidate.object else {
                continue;
            };
            if !candidate.steps.iter().any(|step| step.path == STDIN) {
                continue;
            }
            if let Repair::Mechanical(mend) = &candidate.repair {
                let operations = by_object.entry(object).or_default();
                operations.extend(mend.operations.iter().cloned());
            }
        }
        by_object
            .into_iter()
            .filter_map(|(id, operations)| {
                let object = self.loaded.snapshot.get(id)?;
                patch::line(&object.reference, object.tree()?, &operations)
            })
            .collect()
    }
}

fn candidate(
    finding: &Finding,
    object: Option<ObjectId>,
    snapshot: &Snapshot,
    map: &SourceMap,
    version: KubernetesVersion,
) -> Candidate {
    let tree = object
        .and_then(|id| snapshot.get(id))
        .and_then(Object::tree);
    Candidate {
        problems: Problem::of(finding, map),
        object,
        repair: match tree {
            Some(tree) => repair(finding, tree, snapshot, version),
            None => Repair::ByHand(finding.remediation.to_string()),
        },
        finding: finding.clone(),
        state: None,
        steps: Vec::new(),
    }
}
