//! Where an engine collects findings and counts while it runs.

use crate::catalogue::RuleIndex;
use crate::{Asset, Evidence, Fact, Finding, FindingId, Gap, Locus, Outcome, Proof, Severity, Str};
use std::collections::HashSet;

/// A finding on its way: the sink adds the asset, and drops it if it is known.
#[derive(Debug)]
pub struct Draft<I> {
    id: I,
    severity: Severity,
    locus: Locus,
    message: String,
    remediation: String,
    evidence: Vec<(String, Proof)>,
    affected: Vec<Asset>,
}

impl<I: RuleIndex> Draft<I> {
    /// A finding with the catalogue's severity.
    pub fn new(id: I, locus: Locus, message: String, remediation: String) -> Self {
        Self {
            id,
            severity: id.severity(),
            locus,
            message,
            remediation,
            evidence: Vec::new(),
            affected: Vec::new(),
        }
    }

    /// Other assets that the same cause breaks.
    #[must_use]
    pub fn affects(mut self, assets: impl IntoIterator<Item = Asset>) -> Self {
        self.affected.extend(assets);
        self
    }

    /// How many other assets it names.
    pub fn affected_count(&self) -> usize {
        self.affected.len()
    }

    /// The same, naming no other assets.
    #[must_use]
    pub fn affects_none(mut self) -> Self {
        self.affected = Vec::new();
        self
    }

    /// Another severity than the catalogue's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// A further claim with its proof.
    #[must_use]
    pub fn evidence(mut self, note: impl Into<String>, proof: Proof) -> Self {
        self.evidence.push((note.into(), proof));
        self
    }

    /// A further claim, if there is one.
    #[must_use]
    pub fn maybe(self, claim: Option<(String, Proof)>) -> Self {
        match claim {
            Some((note, proof)) => self.evidence(note, proof),
            None => self,
        }
    }
}

/// What was found in one asset: rule and place. An id says the same, and takes longer to make.
type Known<I> = HashSet<(I, String)>;

/// Texts of findings. A thousand pods with one mistake are told the same thing.
#[derive(Debug, Default)]
struct Texts(HashSet<Str>);

impl Texts {
    fn shared(&mut self, text: &str) -> Str {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new = Str::from(text);
        self.0.insert(new.clone());
        new
    }
}

/// Collects the outcome.
#[derive(Debug)]
pub struct Sink<I> {
    findings: Vec<Finding>,
    facts: Vec<Fact>,
    gaps: Vec<Gap>,
    /// Subjects by rule.
    counts: Vec<u64>,
    /// What was found in the current object.
    object: Known<I>,
    /// What was found in the current workload.
    workload: Known<I>,
    /// Whether the current object only repeats what its owner says.
    copy: bool,
    texts: Texts,
}

impl<I: RuleIndex> Default for Sink<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: RuleIndex> Sink<I> {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            findings: Vec::new(),
            facts: Vec::new(),
            gaps: Vec::new(),
            counts: vec![0; I::ALL.len()],
            object: HashSet::new(),
            workload: HashSet::new(),
            copy: false,
            texts: Texts::default(),
        }
    }

    /// A new workload, or an object that is none.
    pub fn start_workload(&mut self) {
        self.object.clear();
        self.workload.clear();
        self.copy = false;
    }

    /// The next object of the current workload. A `copy` is made by its owner (the Pod of a
    /// Deployment): what the owner has it repeats. Two sources that define one object are
    /// both judged.
    pub fn start_member(&mut self, copy: bool) {
        self.object.clear();
        self.copy = copy;
    }

    /// Counts subjects that a rule was applied to.
    pub fn assess(&mut self, id: I, subjects: u64) {
        if let Some(count) = self.counts.get_mut(id.index()) {
            *count += subjects;
        }
    }

    /// Counts one subject for each of several rules.
    pub fn assess_all(&mut self, ids: &[I]) {
        for id in ids {
            self.assess(*id, 1);
        }
    }

    /// Adds a finding, unless the same one is known in this workload.
    pub fn add(&mut self, asset: &Asset, draft: Draft<I>) {
        let place = (draft.id, draft.locus.path.clone());
        let known = if self.copy {
            &self.workload
        } else {
            &self.object
        };
        if known.contains(&place) {
            return;
        }
        self.object.insert(place.clone());
        self.workload.insert(place);
        let mut affected = draft.affected;
        affected.push(asset.clone());
        affected.sort_unstable();
        affected.dedup();
        let rule = draft.id.rule_id();
        let id = FindingId::of(&rule, asset, &draft.locus.path);
        let mut evidence = Vec::with_capacity(1 + draft.evidence.len());
        let message = self.texts.shared(&draft.message);
        evidence.push(Evidence {
            note: message.clone(),
            proof: Proof::Source(draft.locus.span),
        });
        for (note, proof) in draft.evidence {
            let note = self.texts.shared(&note);
            evidence.push(Evidence { note, proof });
        }
        self.findings.push(Finding {
            id,
            rule,
            severity: draft.severity,
            asset: asset.clone(),
            locus: draft.locus,
            message,
            evidence,
            remediation: self.texts.shared(&draft.remediation),
            affected,
        });
    }

    /// Adds a fact.
    pub fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Adds a gap.
    pub fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    /// Everything another sink collected.
    pub fn merge(&mut self, other: Sink<I>) {
        self.findings.extend(other.findings);
        self.facts.extend(other.facts);
        self.gaps.extend(other.gaps);
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    /// The outcome.
    pub fn finish(self) -> Outcome {
        let mut outcome = Outcome {
            findings: self.findings,
            facts: self.facts,
            ..Outcome::default()
        };
        outcome.coverage.gaps = self.gaps;
        for (id, count) in I::ALL.iter().zip(self.counts) {
            if count > 0 {
                outcome.assessed.insert(id.rule_id(), count);
            }
        }
        outcome
    }
}
