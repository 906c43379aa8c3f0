//! Runs the engines and puts their outcomes together.

use crate::catalogue::{catalogue_with, means};
use crate::compare::compare;
use crate::{Assessment, Config, Gate, Inventory, frameworks, merge, suppress};
use seawall_model::{Coverage, Outcome, Rule, RuleId, SourceMap};
use seawall_snapshot::{ScopeKind, Snapshot};
use std::collections::HashSet;

/// Judges a snapshot. `sources` is what the sources could and could not read; `map` tells
/// values keys apart.
pub fn assess(
    snapshot: &Snapshot,
    sources: Coverage,
    map: &SourceMap,
    config: &Config,
) -> Assessment {
    let version = config
        .kubernetes_version
        .unwrap_or(seawall_model::KubernetesVersion::NEWEST);
    let admission = seawall_admission::Config {
        kubernetes_version: version,
        policies: config.policies.clone(),
    };
    let posture = seawall_posture::Config {
        kubernetes_version: version,
        allowed_registries: config.allowed_registries.clone(),
    };
    let (admission, posture) = rayon::join(
        || seawall_admission::check(snapshot, &admission),
        || seawall_posture::check(snapshot, &posture),
    );
    let rules = catalogue_with(config.policies.as_deref());
    let chosen = chosen(&rules, config);
    let mut answer = Assessment {
        coverage: sources,
        ..Assessment::default()
    };
    let mut findings = Vec::new();
    for Outcome {
        findings: mut found,
        facts,
        assessed,
        coverage,
    } in [admission, posture]
    {
        found.retain(|finding| chosen.contains(&finding.rule));
        if found.len() > findings.len() {
            // The longer list stays where it is.
            std::mem::swap(&mut findings, &mut found);
        }
        findings.append(&mut found);
        answer.facts.extend(facts);
        answer.coverage.merge(coverage);
        for (rule, count) in assessed {
            if chosen.contains(&rule) {
                *answer.assessed.entry(rule).or_insert(0) += count;
            }
        }
    }
    let applied = suppress::apply(
        merge::merge(findings, map),
        &config.suppressions,
        snapshot,
        &rules,
        map,
        config.today,
    );
    answer.findings = applied.findings;
    answer.suppressed = applied.suppressed;
    answer.suppression_notices = applied.notices;
    answer.frameworks = config
        .frameworks
        .iter()
        .map(|framework| {
            frameworks::evaluate(*framework, &rules, &answer.assessed, &answer.findings)
        })
        .collect();
    answer.inventory = inventory(snapshot);
    answer.rules = rules;
    answer.decide(config);
    answer
}

impl Assessment {
    /// Compares with the baseline, if there is one, and asks the gate.
    pub fn decide(&mut self, config: &Config) {
        self.comparison = config.baseline.as_ref().map(|baseline| {
            compare(
                baseline,
                &self.findings,
                &self.suppressed,
                &self.coverage.gaps,
            )
        });
        let counts = self.findings.iter().enumerate().filter(|(index, _)| {
            let comparison = self.comparison.as_ref();
            comparison.is_none_or(|comparison| comparison.is_news(*index))
        });
        let severities = counts.map(|(_, finding)| finding.severity);
        self.gate = Gate::decide(config, severities, &self.coverage);
    }
}

/// The rules that `--only` and `--skip` leave.
fn chosen(rules: &[Rule], config: &Config) -> HashSet<RuleId> {
    let any = |rule: &Rule, words: &[String]| words.iter().any(|word| means(rule, word));
    rules
        .iter()
        .filter(|rule| config.only.is_empty() || any(rule, &config.only))
        .filter(|rule| !any(rule, &config.skip))
        .map(|rule| rule.id.clone())
        .collect()
}

fn inventory(snapshot: &Snapshot) -> Inventory {
    let count = |kind| {
        snapshot
            .scopes()
            .filter(|(_, scope)| scope.kind == kind)
            .count() as u64
    };
    Inventory {
        objects: snapshot.len() as u64,
        workloads: snapshot.workloads().len() as u64,
        charts: count(ScopeKind::Chart),
        overlays: count(ScopeKind::Overlay),
    }
}
