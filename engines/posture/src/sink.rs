//! Where findings and counts are collected while the engine runs.

use crate::rules::Id;
use seawall_model::{
    Asset, Evidence, Fact, Finding, FindingId, Gap, Locus, Outcome, Proof, Severity, Str,
};
use std::collections::HashSet;

/// A finding on its way: the sink adds the asset, and drops it if it is known.
#[derive(Debug)]
pub(crate) struct Draft {
    id: Id,
    severity: Severity,
    locus: Locus,
    message: String,
    remediation: String,
    evidence: Vec<(String, Proof)>,
}

impl Draft {
    /// A finding with the catalogue's severity.
    pub(crate) fn new(id: Id, locus: Locus, message: String, remediation: String) -> Self {
        Self {
            id,
            severity: id.severity(),
            locus,
            message,
            remediation,
            evidence: Vec::new(),
        }
    }

    /// Another severity than the catalogue's.
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// A further claim with its proof.
    pub(crate) fn evidence(mut self, note: impl Into<String>, proof: Proof) -> Self {
        self.evidence.push((note.into(), proof));
        self
    }

    /// A further claim, if there is one.
    pub(crate) fn maybe(self, claim: Option<(String, Proof)>) -> Self {
        match claim {
            Some((note, proof)) => self.evidence(note, proof),
            None => self,
        }
    }
}

/// What was found in one asset: rule and place. An id says the same, and takes longer to make.
type Known = HashSet<(Id, String)>;

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
pub(crate) struct Sink {
    findings: Vec<Finding>,
    facts: Vec<Fact>,
    gaps: Vec<Gap>,
    /// Subjects by rule.
    counts: Vec<u64>,
    /// What was found in the current object.
    object: Known,
    /// What was found in the current workload.
    workload: Known,
    /// Whether the current object only repeats what its owner says.
    copy: bool,
    texts: Texts,
}

impl Sink {
    pub(crate) fn new() -> Self {
        Self {
            findings: Vec::new(),
            facts: Vec::new(),
            gaps: Vec::new(),
            counts: vec![0; Id::ALL.len()],
            object: Known::new(),
            workload: Known::new(),
            copy: false,
            texts: Texts::default(),
        }
    }

    /// A new workload, or an object that is none.
    pub(crate) fn start_workload(&mut self) {
        self.object.clear();
        self.workload.clear();
        self.copy = false;
    }

    /// The next object of the current workload. A `copy` is made by its owner (the Pod of a
    /// Deployment): what the owner has it repeats. Two sources that define one object are
    /// both judged.
    pub(crate) fn start_member(&mut self, copy: bool) {
        self.object.clear();
        self.copy = copy;
    }

    /// Counts subjects that a rule was applied to.
    pub(crate) fn assess(&mut self, id: Id, subjects: u64) {
        if let Some(count) = self.counts.get_mut(id as usize) {
            *count += subjects;
        }
    }

    /// Counts one subject for each of several rules.
    pub(crate) fn assess_all(&mut self, ids: &[Id]) {
        for id in ids {
            self.assess(*id, 1);
        }
    }

    /// Adds a finding, unless the same one is known in this workload.
    pub(crate) fn add(&mut self, asset: &Asset, draft: Draft) {
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
            affected: vec![asset.clone()],
        });
    }

    /// Adds a fact.
    pub(crate) fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Adds a gap.
    pub(crate) fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    /// Everything another sink collected.
    pub(crate) fn merge(&mut self, other: Sink) {
        self.findings.extend(other.findings);
        self.facts.extend(other.facts);
        self.gaps.extend(other.gaps);
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    /// The outcome.
    pub(crate) fn finish(self) -> Outcome {
        let mut outcome = Outcome {
            findings: self.findings,
            facts: self.facts,
            ..Outcome::default()
        };
        outcome.coverage.gaps = self.gaps;
        for (id, count) in Id::ALL.iter().zip(self.counts) {
            if count > 0 {
                outcome.assessed.insert(id.rule_id(), count);
            }
        }
        outcome
    }
}

/// One step less bad.
pub(crate) fn lower(severity: Severity) -> Severity {
    match severity {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium => Severity::Low,
        Severity::Low | Severity::Info => Severity::Info,
    }
}
