//! Runs the engines and puts their outcomes together.

use crate::catalogue::{catalogue_with, means};
use crate::compare::compare;
use crate::{Assessment, Config, Gate, Inventory, demands, frameworks, merge, reach, suppress};
use seawall_access::Access;
use seawall_model::access::Authorizer;
use seawall_model::{Coverage, Outcome, Rule, RuleId, SourceMap};
use seawall_snapshot::{ScopeKind, Snapshot};
use std::collections::HashSet;

/// Which engines are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engines {
    /// All of them.
    All,
    /// Those whose verdicts about a namespace rest on little else.
    Local,
    /// The one that looks at everybody at once.
    Network,
    /// The one about rights, which come from anywhere.
    Access,
}

/// Judges a snapshot. `sources` is what the sources could and could not read; `map` tells
/// values keys apart.
pub fn assess(
    snapshot: &Snapshot,
    sources: Coverage,
    map: &SourceMap,
    config: &Config,
) -> Assessment {
    assess_by(Engines::All, snapshot, sources, map, config)
}

/// The same by some of the engines.
pub(crate) fn assess_by(
    engines: Engines,
    snapshot: &Snapshot,
    sources: Coverage,
    map: &SourceMap,
    config: &Config,
) -> Assessment {
    let outcomes = outcomes(engines, snapshot, config);
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
    } in outcomes
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
    if config.with_map {
        answer.map = reach::flows(snapshot, &reach::Question::default()).ok();
    }
    answer.rules = rules;
    answer.decide(config);
    let before = config
        .baseline
        .as_ref()
        .and_then(|one| one.snapshot.as_ref());
    if let (Some(before), Some(comparison)) = (before, &mut answer.comparison) {
        let everybody = reach::Question::default();
        comparison.reach = reach::change(before, snapshot, &everybody).ok();
    }
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
        let counting = counts.map(|(_, finding)| finding);
        self.gate = Gate::decide(config, counting, &self.coverage);
    }
}

/// What the engines say.
fn outcomes(engines: Engines, snapshot: &Snapshot, config: &Config) -> [Outcome; 5] {
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
    let network = seawall_network::Config {
        kubernetes_version: version,
        ..seawall_network::Config::default()
    };
    // Policies ask about rights; where only a part is seen they are not known.
    let access =
        matches!(engines, Engines::All | Engines::Access).then(|| Access::of(snapshot, version));
    let is_asked = |engine| engines == Engines::All || engines == engine;
    let ask = |engine: Engines, check: &(dyn Fn() -> Outcome + Sync)| {
        if is_asked(engine) {
            check()
        } else {
            Outcome::default()
        }
    };
    let (admission, posture) = rayon::join(
        || {
            ask(Engines::Local, &|| {
                let authorizer = access.as_ref().map(|access| access as &dyn Authorizer);
                seawall_admission::check_asking(snapshot, &admission, authorizer)
            })
        },
        || {
            ask(Engines::Local, &|| {
                seawall_posture::check(snapshot, &posture)
            })
        },
    );
    // By itself: it works in parallel inside, and what each needs meanwhile does not add up.
    let network = ask(Engines::Network, &|| {
        seawall_network::check(snapshot, &network)
    });
    let demands = ask(Engines::Network, &|| {
        demands::check(snapshot, &config.demands)
    });
    let access = access.map(|access| seawall_access::check_access(&access));
    [
        admission,
        posture,
        access.unwrap_or_default(),
        network,
        demands,
    ]
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
