//! Where findings and counts are collected while the engine runs.

use crate::rules::Id;
use seawall_model::{
    Asset, Evidence, Finding, FindingId, Gap, Locus, Outcome, Proof, Severity, Str,
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
    affected: Vec<Asset>,
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
            affected: Vec::new(),
        }
    }

    /// Other assets that the same cause breaks.
    pub(crate) fn affects(mut self, assets: impl IntoIterator<Item = Asset>) -> Self {
        self.affected.extend(assets);
        self
    }

    /// How many other assets it names.
    pub(crate) fn affected_count(&self) -> usize {
        self.affected.len()
    }

    /// The same, naming no other assets.
    pub(crate) fn affects_none(mut self) -> Self {
        self.affected = Vec::new();
        self
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
    gaps: Vec<Gap>,
    /// Subjects by rule.
    counts: Vec<u64>,
    /// What was found in the current object or workload.
    known: Known,
    texts: Texts,
}

impl Sink {
    pub(crate) fn new() -> Self {
        Self {
            findings: Vec::new(),
            gaps: Vec::new(),
            counts: vec![0; Id::ALL.len()],
            known: Known::new(),
            texts: Texts::default(),
        }
    }

    /// A new workload, or an object that is none.
    pub(crate) fn start_workload(&mut self) {
        self.known.clear();
    }

    /// Counts subjects that a rule was applied to.
    pub(crate) fn assess(&mut self, id: Id, subjects: u64) {
        if let Some(count) = self.counts.get_mut(id as usize) {
            *count += subjects;
        }
    }

    /// Adds a finding, unless the same one is known in this workload.
    pub(crate) fn add(&mut self, asset: &Asset, draft: Draft) {
        let place = (draft.id, draft.locus.path.clone());
        if !self.known.insert(place) {
            return;
        }
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
        let mut affected = draft.affected;
        affected.push(asset.clone());
        affected.sort_unstable();
        affected.dedup();
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

    /// Adds a gap.
    pub(crate) fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    /// The outcome.
    pub(crate) fn finish(self) -> Outcome {
        let mut outcome = Outcome {
            findings: self.findings,
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

/// One step worse.
pub(crate) fn raise(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
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
