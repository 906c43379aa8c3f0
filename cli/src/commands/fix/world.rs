//! What is there, and what it would be with changes: both are read and judged in full.

use super::candidate::{Candidate, Way};
use super::find::{locate, names};
use super::live;
use crate::args::{Fix, Global};
use crate::commands::{cluster, judge, scan};
use crate::config::Config;
use crate::exit::Failure;
use crate::progress::Ticker;
use seawall_assessment::Assessment;
use seawall_assessment::fixes::{News, Problem, Problems, Proved, Trial, Twins, repair};
use seawall_model::{
    Asset, Finding, Gap, KubernetesVersion, Operation, Repair, ResourceRef, SourceMap,
};
use seawall_report::fixes::State;
use seawall_snapshot::{Keep, Object, ObjectId, Snapshot};
use seawall_sources::change::{Bench, Step};
use seawall_sources::load::{self, Loaded, Request};
use seawall_sources::patched::Texts;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The environment as it is.
pub(super) struct World {
    /// What was read; nothing when it was a cluster.
    request: Option<Request>,
    /// What the user calls it.
    pub(super) source: String,
    pub(super) config: Config,
    /// Whether nothing may be changed that could stop a workload.
    safe: bool,
    pub(super) map: Arc<SourceMap>,
    pub(super) loaded: Loaded,
    pub(super) assessment: Assessment,
    problems: Problems,
    twins: Twins,
    gaps: HashSet<(String, String)>,
    by_name: HashMap<ResourceRef, Vec<ObjectId>>,
    bench: Bench,
    pub(super) candidates: Vec<Candidate>,
    /// Candidates that stand for another one, which could not be tried by itself.
    pub(super) stands_for: BTreeMap<usize, usize>,
    trials: Arc<AtomicU32>,
    _ticker: Ticker,
}

fn gap_key(gap: &Gap) -> (String, String) {
    (gap.subject.to_string(), gap.reason.clone())
}

impl World {
    /// Reads and judges what there is.
    pub(super) fn new(fix: &Fix, config: Config, global: &Global) -> Result<Self, Failure> {
        let trials = Arc::new(AtomicU32::new(0));
        let shown = Arc::clone(&trials);
        let ticker = Ticker::start(global.quiet, move || match shown.load(Ordering::Relaxed) {
            0 => "reading".to_owned(),
            tried => format!("trying the changes, {tried} times so far"),
        });
        let map = Arc::new(SourceMap::new());
        let (loaded, request) = if cluster::is_meant(&fix.source) {
            let reading = &fix.source.reading;
            (
                cluster::read(reading, &whole(&config), Keep::Trees, global, &map)?,
                None,
            )
        } else {
            let mut request = scan::request(&fix.source)?;
            request.keep = Keep::Trees;
            let loaded = load::load(&request, &map).map_err(|error| scan::not_loaded(&error))?;
            (loaded, Some(request))
        };
        let assessment = judge_all(&loaded, &config, &map)?;
        let by_name = names(&loaded.snapshot);
        let twins = Twins::of(&loaded.snapshot);
        Ok(Self {
            problems: Problems::of(&assessment, &map, &twins),
            twins,
            gaps: assessment.coverage.gaps.iter().map(gap_key).collect(),
            bench: Bench::new(Arc::clone(&map)),
            request,
            source: fix.source.paths.join(", "),
            config,
            safe: fix.safe,
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

    /// What can be done about findings.
    pub(super) fn candidates(&self, findings: &[Finding]) -> Vec<Candidate> {
        let of = |finding: &Finding| {
            let object = locate(finding, &self.loaded.snapshot, &self.by_name, &self.map);
            self.candidate(finding, object, &self.loaded.snapshot, &self.map)
        };
        findings.iter().map(of).collect()
    }

    fn candidate(
        &self,
        finding: &Finding,
        object: Option<ObjectId>,
        snapshot: &Snapshot,
        map: &SourceMap,
    ) -> Candidate {
        let object_there = object.and_then(|id| snapshot.get(id));
        Candidate {
            problems: Problem::of(finding, map, &self.twins),
            object,
            repair: match object_there.and_then(Object::tree) {
                Some(tree) => repair(finding, tree, snapshot, self.version()),
                None => Repair::ByHand(finding.remediation.to_string()),
            },
            finding: finding.clone(),
            state: None,
            way: Way::None,
        }
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
        let tree = object.and_then(Object::tree);
        let Some(tree) = tree.filter(|_| !mend.operations.is_empty()) else {
            candidate.state = Some(State::ByHand(candidate.finding.remediation.to_string()));
            return false;
        };
        if let Some((id, object)) = candidate.object.zip(object)
            && live::is_live(object, &self.map)
        {
            let why = live::refusal(id, object, &self.loaded.snapshot, &mend.operations);
            match &why {
                None => candidate.way = Way::Patch,
                Some(why) => candidate.by_hand(why),
            }
            return why.is_none();
        }
        let mut steps = Vec::new();
        for operation in &mend.operations {
            match self.bench.plan(tree, operation) {
                Ok(step) => steps.push(step),
                Err(why) => {
                    candidate.by_hand(&why);
                    return false;
                }
            }
        }
        candidate.way = Way::Files(steps);
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
                .flat_map(Candidate::steps)
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
        match self.judged(texts, changes) {
            Ok((loaded, assessment, map)) => self.compare(changes, &loaded, &assessment, &map),
            Err(why) => Trial {
                refused: changes.iter().map(|index| (*index, why.clone())).collect(),
                ..Trial::default()
            },
        }
    }

    /// What cannot be repaired as things are, and can be with these changes, and what is only
    /// seen with them. `wider` says whether more than the findings meant first is wanted.
    pub(super) fn look_again(&mut self, proved: &Proved, wider: bool) -> Vec<usize> {
        if proved.changes.is_empty() {
            return Vec::new();
        }
        let judged = self.make(&proved.changes).map_err(|(_, why)| why);
        let Ok((loaded, assessment, map)) =
            judged.and_then(|texts| self.judged(texts, &proved.changes))
        else {
            return Vec::new();
        };
        let by_name = names(&loaded.snapshot);
        let known: HashMap<Problem, usize> = self
            .candidates
            .iter()
            .enumerate()
            .flat_map(|(at, there)| there.problems.iter().map(move |p| (p.clone(), at)))
            .collect();
        let mut more = Vec::new();
        for finding in &assessment.findings {
            let problems = Problem::of(finding, &map, &self.twins);
            let before = problems.iter().find_map(|p| known.get(p)).copied();
            // What was tried in vain is looked at as it is by now: other changes may have made
            // more of it.
            let waits = match before.and_then(|at| self.candidates.get(at)) {
                Some(there) => {
                    matches!(there.repair, Repair::ByHand(_))
                        || before.is_some_and(|at| proved.why.contains_key(&at))
                }
                None => wider && self.is_meant(finding),
            };
            if waits && let Some(new) = self.fresh(finding, &loaded, &by_name, &map) {
                if let Some(before) = before {
                    self.stands_for.insert(new, before);
                }
                more.push(new);
            }
        }
        more
    }

    /// Everything with these texts and the patches among the changes, judged.
    fn judged(
        &self,
        texts: Texts,
        changes: &BTreeSet<usize>,
    ) -> Result<(Loaded, Assessment, Arc<SourceMap>), String> {
        self.trials.fetch_add(1, Ordering::Relaxed);
        let patches = self.operations(changes);
        let (mut loaded, map) = match &self.request {
            Some(request) if !texts.is_empty() => {
                let request = Request {
                    progress: Arc::default(),
                    texts,
                    ..request.clone()
                };
                let map = Arc::new(SourceMap::new());
                let loaded = load::load(&request, &map).map_err(|error| error.to_string())?;
                (loaded, map)
            }
            _ => {
                let was = &self.loaded;
                let (snapshot, coverage) = (was.snapshot.clone(), was.coverage.clone());
                let version = was.kubernetes_version;
                let same = Loaded::without_files(snapshot, coverage, version, &self.map);
                (same, Arc::clone(&self.map))
            }
        };
        // Objects keep their places when files are read again.
        if !patches.is_empty() {
            loaded.snapshot = live::with_patches(&loaded.snapshot, &map, &patches)?;
        }
        let assessment =
            judge_all(&loaded, &self.config, &map).map_err(|failure| failure.message)?;
        Ok((loaded, assessment, map))
    }

    /// What the changes do to objects that are patched.
    pub(super) fn operations(
        &self,
        changes: &BTreeSet<usize>,
    ) -> BTreeMap<ObjectId, Vec<Operation>> {
        let mut operations: BTreeMap<ObjectId, Vec<Operation>> = BTreeMap::new();
        for candidate in changes.iter().filter_map(|at| self.candidates.get(*at)) {
            if let (Some(object), Repair::Mechanical(mend)) = (candidate.object, &candidate.repair)
                && candidate.way == Way::Patch
            {
                let known = operations.entry(object).or_default();
                for operation in &mend.operations {
                    if !known.contains(operation) {
                        known.push(operation.clone());
                    }
                }
            }
        }
        operations
    }

    fn compare(
        &mut self,
        changes: &BTreeSet<usize>,
        loaded: &Loaded,
        assessment: &Assessment,
        map: &Arc<SourceMap>,
    ) -> Trial {
        let now = Problems::of(assessment, map, &self.twins);
        let mut trial = Trial::default();
        for index in changes {
            let there = self.candidates.get(*index);
            if there.is_some_and(|c| c.problems.iter().any(|problem| now.has(problem))) {
                trial.stays.push(*index);
            }
        }
        let came: Vec<&Finding> = {
            let made = changes.iter().filter_map(|at| self.candidates.get(*at));
            let meant: HashSet<&Problem> = made.flat_map(|made| &made.problems).collect();
            let is_news = |finding: &&Finding| {
                let problems = Problem::of(finding, map, &self.twins);
                let mut problems = problems.iter();
                problems.any(|p| self.problems.is_news(p, finding.severity, &now, &meant))
            };
            assessment.findings.iter().filter(is_news).collect()
        };
        let mut by_name: Option<HashMap<ResourceRef, Vec<ObjectId>>> = None;
        for finding in came {
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
            candidate.finding.affected.iter().any(|asset| {
                assets
                    .iter()
                    .any(|other| asset.lasting() == other.lasting())
            })
        };
        let found = of(&same);
        if !found.is_empty() {
            return found;
        }
        let found = of(&|candidate| candidate.steps().iter().any(|step| step.path == file));
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
        // Not by its id: what tells twins apart in it changes when one of them goes.
        let problems = Problem::of(finding, map, &self.twins);
        let known = self.candidates.iter().position(|c| {
            let mut there = c.problems.iter();
            c.way != Way::None && there.any(|problem| problems.contains(problem))
        });
        if known.is_some() {
            return known;
        }
        self.fresh(finding, loaded, by_name, map)
    }

    /// A new candidate for a finding of a trial, unless the same was tried before.
    fn fresh(
        &mut self,
        finding: &Finding,
        loaded: &Loaded,
        by_name: &HashMap<ResourceRef, Vec<ObjectId>>,
        map: &SourceMap,
    ) -> Option<usize> {
        let there = locate(finding, &loaded.snapshot, by_name, map)?;
        let mut new = self.candidate(finding, Some(there), &loaded.snapshot, map);
        match &new.repair {
            Repair::Mechanical(mend) if !self.safe || mend.caution.is_none() => {}
            _ => return None,
        }
        // Its changes are made to the object as it is now, at the same place in the plan.
        let object = loaded.snapshot.get(there)?;
        let name = object.reference.lasting();
        let position = by_name.get(&name)?.iter().position(|id| *id == there)?;
        let here = self.by_name.get(&name)?.get(position).copied();
        new.object = here;
        // The map of the trial is not that of what is here.
        new.finding.locus.span = seawall_model::Span::NONE;
        let only_pointers = match &new.repair {
            Repair::Mechanical(mend) => mend.operations.iter().all(|op| op.pointer().is_some()),
            _ => false,
        };
        let known = |c: &Candidate| c.repair == new.repair && c.object == here;
        if !only_pointers || self.candidates.iter().any(known) {
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
}

/// All rules: what the user chose says what is changed, not what may come of it.
fn whole(config: &Config) -> Config {
    let mut config = config.clone();
    config.only.value.clear();
    config.skip.value.clear();
    config
}

fn judge_all(loaded: &Loaded, config: &Config, map: &SourceMap) -> Result<Assessment, Failure> {
    let mut config = whole(config);
    if config.kubernetes_version.value.is_none() {
        config.kubernetes_version.value = loaded.kubernetes_version;
    }
    judge::judge(loaded, &config, None, map)
}
