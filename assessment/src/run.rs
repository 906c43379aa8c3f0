//! Runs the engines and puts their outcomes together.

use crate::catalogue::{catalogue_with, means};
use crate::compare::compare;
use crate::{
    Assessment, Config, Gate, Inventory, demands, frameworks, merge, paths, reach, suppress,
};
use seawall_access::Access;
use seawall_model::access::Authorizer;
use seawall_model::{Coverage, Fact, KubernetesVersion, Outcome, Rule, RuleId, SourceMap};
use seawall_network::{Network, World};
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

impl Engines {
    /// Whether these are asked.
    fn asks(self, engines: Engines) -> bool {
        self == Engines::All || self == engines
    }
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
    // One network for all who ask: it takes longer to make than most questions to answer.
    let world = engines.asks(Engines::Network).then(|| World::new(snapshot));
    let network_config = seawall_network::Config {
        kubernetes_version: version(config),
        ..seawall_network::Config::default()
    };
    let network = world.as_ref();
    let network = network.map(|world| Network::new(world, &network_config));
    let network = network.as_ref();
    let access = engines.asks(Engines::Access);
    let access = access.then(|| Access::of(snapshot, version(config)));
    let outcomes = outcomes(engines, snapshot, network, access.as_ref(), config);
    let rules = catalogue_with(config.policies.as_deref());
    let chosen = chosen(&rules, config);
    let mut answer = Assessment {
        coverage: sources,
        ..Assessment::default()
    };
    let mut findings = Vec::new();
    let mut outcomes = Vec::from(outcomes);
    // Ways in are made of what all engines say.
    if let (Some(question), Some(network), Some(access)) = (&config.paths, network, &access) {
        let facts = outcomes.iter().flat_map(|outcome| &outcome.facts);
        let facts: Vec<Fact> = facts.cloned().collect();
        let (outcome, ways) = paths::ways(
            snapshot,
            (network, access),
            &facts,
            version(config),
            question,
        );
        outcomes.push(outcome);
        answer.ways = Some(ways);
    }
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
    let marks = answer.ways.as_ref().map(|ways| ways.marks.clone());
    let marks = marks.unwrap_or_default();
    let applied = suppress::apply(
        merge::merge(findings, map, &marks),
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
    let everybody = reach::Question::default();
    if config.with_map {
        answer.map = network.and_then(|network| reach::flows_in(network, &everybody).ok());
    }
    answer.rules = rules;
    answer.decide(config);
    let before = config
        .baseline
        .as_ref()
        .and_then(|one| one.snapshot.as_ref());
    if let (Some(before), Some(after), Some(comparison)) = (before, network, &mut answer.comparison)
    {
        comparison.reach = reach::change_to(before, after, &everybody).ok();
    }
    answer
}

impl Assessment {
    /// Compares with the baseline, if there is one, and asks the gate.
    pub fn decide(&mut self, config: &Config) {
        self.comparison = config.baseline.as_ref().map(|baseline| {
            let mut comparison = compare(
                baseline,
                &self.findings,
                &self.suppressed,
                &self.coverage.gaps,
            );
            let (before, now) = (baseline.pairs.as_ref(), self.ways.as_ref());
            comparison.paths = before
                .zip(now)
                .map(|(before, now)| paths::change(before, now));
            comparison
        });
        let counts = self.findings.iter().enumerate().filter(|(index, _)| {
            let comparison = self.comparison.as_ref();
            comparison.is_none_or(|comparison| comparison.is_news(*index))
        });
        let counting = counts.map(|(_, finding)| finding);
        let change = self.comparison.as_ref().map(|known| known.paths.as_ref());
        let paths = match change {
            Some(change) => change.map_or(0, |change| change.opened.len()),
            None => self.ways.as_ref().map_or(0, |ways| ways.pairs.len()),
        };
        self.gate = Gate::decide(config, counting, paths, &self.coverage);
    }
}

/// What the engines say.
fn outcomes(
    engines: Engines,
    snapshot: &Snapshot,
    network: Option<&Network<'_, '_>>,
    access: Option<&Access>,
    config: &Config,
) -> [Outcome; 5] {
    let version = version(config);
    let admission = seawall_admission::Config {
        kubernetes_version: version,
        policies: config.policies.clone(),
    };
    let posture = seawall_posture::Config {
        kubernetes_version: version,
        allowed_registries: config.allowed_registries.clone(),
    };
    let (admission, posture) = if engines.asks(Engines::Local) {
        rayon::join(
            || {
                // Policies ask about rights; where only a part is seen they are not known.
                let authorizer = access.map(|access| access as &dyn Authorizer);
                seawall_admission::check_asking(snapshot, &admission, authorizer)
            },
            || seawall_posture::check(snapshot, &posture),
        )
    } else {
        (Outcome::default(), Outcome::default())
    };
    // By itself: it works in parallel inside, and what each needs meanwhile does not add up.
    let (network, demands) = network.map_or_else(Default::default, |network| {
        let demands = demands::check(network, &config.demands);
        (seawall_network::judge(network), demands)
    });
    let access = access.map(seawall_access::check_access);
    [
        admission,
        posture,
        access.unwrap_or_default(),
        network,
        demands,
    ]
}

fn version(config: &Config) -> KubernetesVersion {
    let known = config.kubernetes_version;
    known.unwrap_or(KubernetesVersion::NEWEST)
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
