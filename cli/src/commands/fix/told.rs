//! What users get to see of a world that was settled: what became of findings, and patches.

use super::candidate::Candidate;
use super::live;
use super::patch::Patch;
use super::world::World;
use seawall_model::Operation;
use seawall_report::fixes::{Line, State};
use seawall_snapshot::ObjectId;
use std::collections::BTreeSet;

impl World {
    /// What became of the findings that the user meant, the first `count`, and what else was
    /// changed for their sake.
    pub(super) fn lines(&self, count: usize) -> Vec<Line> {
        let told = |at: usize, there: &Candidate| {
            at < count || there.state == Some(State::Fixed) && !self.stands_for.contains_key(&at)
        };
        let candidates = self.candidates.iter().enumerate();
        candidates
            .filter(|(at, candidate)| told(*at, candidate))
            .map(|(at, candidate)| {
                let finding = &candidate.finding;
                let span = finding.locus.span;
                Line {
                    id: finding.id,
                    rule: finding.rule.clone(),
                    severity: finding.severity,
                    asset: finding.asset.clone(),
                    message: finding.message.to_string(),
                    place: match candidate.steps().first() {
                        Some(step) if !span.is_known() => format!("{}:{}", step.path, step.line),
                        _ => self.map.display(span),
                    },
                    state: match candidate.state.clone() {
                        Some(State::Fixed) if at >= count => State::Uncovered,
                        Some(state) => state,
                        None => State::ByHand(finding.remediation.to_string()),
                    },
                    caution: candidate.caution().map(str::to_owned),
                }
            })
            .collect()
    }

    /// Patches for the objects that are not changed in files.
    pub(super) fn patches(&self, changes: &BTreeSet<usize>) -> Vec<Patch> {
        let of = |(id, operations): (ObjectId, Vec<Operation>)| {
            let object = self.loaded.snapshot.get(id)?;
            let here = |candidate: &&Candidate| candidate.object == Some(id);
            let made = changes.iter().filter_map(|at| self.candidates.get(*at));
            let made: Vec<&Candidate> = made.filter(here).collect();
            let mut rules: Vec<&str> = made.iter().map(|c| c.finding.rule.as_str()).collect();
            rules.sort_unstable();
            rules.dedup();
            let mut notes: Vec<String> = Vec::new();
            for caution in made.iter().filter_map(|candidate| candidate.caution()) {
                if notes.iter().all(|note| note != caution) {
                    notes.push(caution.to_owned());
                }
            }
            if let Some(manager) = live::manager(object) {
                notes.push(format!(
                    "{manager} manages it: change what that deploys, too, or the patch is undone"
                ));
            }
            Patch::new(
                &object.reference,
                object.tree()?,
                &operations,
                rules.join(", "),
                notes,
            )
        };
        let patches = self.operations(changes).into_iter().filter_map(of);
        let mut patches: Vec<Patch> = patches.collect();
        patches.sort_by_key(Patch::is_gate);
        patches
    }
}
